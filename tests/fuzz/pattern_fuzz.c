/* Pattern files are a person's, but whatever is in one must end in a line or a sane set. */
#include <stdlib.h>
#include <string.h>

#include "patterns/expression.h"
#include "patterns/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
pattern_require(const struct pattern *p, uint32_t last_id)
{
	struct hsdb_bytes first = {0};

	if (p->id <= last_id || p->id > PATTERN_ID_MAX || p->severity > 4 ||
		(unsigned)p->context >= CONTEXT_COUNT || (unsigned)p->role >= PATTERN_ROLE_COUNT)
		abort();
	if (!p->name[0] || !p->expression[0] || !p->why[0] || !p->match[0] || !p->no_match[0] ||
		!p->flags || strpbrk(p->match, "\r\n") || strcmp(p->file, "f") != 0 || p->line == 0)
		abort();
	expression_first_bytes(p->expression, strchr(p->flags, 'i') != NULL, &first);
	expression_is_slow(p->expression);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct pattern_set set = {0};
	char why[160] = "";
	uint32_t last_id = 0;

	if (pattern_set_parse(&set, "f", data, len, why, sizeof(why)) != 0 &&
		(strncmp(why, "f:", 2) != 0 || strpbrk(why, "\r\n") || set.count != 0))
		abort();
	for (size_t i = 0; i < set.count; i++) {
		pattern_require(&set.patterns[i], last_id);
		last_id = set.patterns[i].id;
	}
	pattern_set_free(&set);
	return 0;
}
