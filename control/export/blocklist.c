#include "control/export/blocklist.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

const char *
blocklist_name(const struct finding *finding, const struct pattern_set *patterns, uint32_t id)
{
	const struct pattern *pattern = pattern_set_find(patterns, id);

	if (pattern != NULL && pattern->list != NULL)
		return pattern->list;
	/* Some list, by its words: alone, since others outdo it. */
	return id == BLOCKLIST_SOME && finding->blocklist.zone[0] != '\0' ? finding->blocklist.zone
									  : NULL;
}

/* Each page once, though several lists share it. */
static bool
is_told(const struct finding *finding, const struct pattern_set *patterns, uint32_t id)
{
	const struct pattern *pattern = pattern_set_find(patterns, id);

	for (uint32_t k = 0; (k = blocklist_next(&finding->blocklist, k)) != 0 && k < id;) {
		const struct pattern *before = pattern_set_find(patterns, k);

		if (before != NULL && before->delist != NULL &&
			strcmp(before->delist, pattern->delist) == 0)
			return true;
	}
	return false;
}

size_t
blocklist_advice(const struct finding *finding, const struct pattern_set *patterns, char *out,
	size_t out_len)
{
	const struct blocklist *b = &finding->blocklist;
	struct text t = {out, out_len, 0};
	unsigned named = 0;
	unsigned pages = 0;

	out[0] = '\0';
	for (uint32_t id = 0; (id = blocklist_next(b, id)) != 0;) {
		const char *name = blocklist_name(finding, patterns, id);

		if (name != NULL)
			text_add(&t, "%s%s", named++ == 0 ? "Listed by " : ", ", name);
	}
	if (named > 0)
		text_add(&t, "%s%s, by the word of %" PRIu64 " server%s.",
			b->address[0] != '\0' ? ": " : "", b->address, finding->targets,
			finding->targets == 1 ? "" : "s");
	for (uint32_t id = 0; (id = blocklist_next(b, id)) != 0;) {
		const struct pattern *pattern = pattern_set_find(patterns, id);

		if (pattern != NULL && pattern->delist != NULL && !is_told(finding, patterns, id))
			text_add(&t, "%s%s (%s)", pages++ == 0 ? " Ask for delisting at " : ", ",
				pattern->delist, pattern->list);
	}
	if (pages > 0)
		text_add(&t, ".");
	if (b->url[0] != '\0')
		text_add(&t, "%sThe refusal itself points to %s", t.len > 0 ? " " : "", b->url);
	return t.len;
}
