/* What only some findings have, beside their numbers. Addresses of pages stay text: a refusal is
 * a stranger's word, and who clicks on it tells that stranger that he was heard. */
#include <inttypes.h>
#include <string.h>

#include "cli/page/html.h"
#include "cli/page/text.h"

static bool
has_more(const struct finding *f)
{
	return f->kinds[0] || f->lists[0] || f->local || f->listed || f->refusal_url;
}

static void
put_text(FILE *out, const char *before, const char *text, unsigned max)
{
	if (!text)
		return;
	fprintf(out, "%s: ", before);
	text_name(out, text, max);
	fputs(".<br>", out);
}

static void
put_kinds(FILE *out, const struct finding *f)
{
	for (unsigned i = 0; i < KINDS_MAX && f->kinds[i]; i++) {
		const char *words = kind_words(f->kinds[i]);

		text_name(out, f->kinds[i], TEXT_NAME_CHARS);
		fprintf(out, "%s%s.<br>", words ? ": " : "", words ? words : "");
	}
}

static void
put_lists(FILE *out, const struct finding *f)
{
	if (!f->lists[0])
		return;
	fputs("Listed by ", out);
	for (unsigned i = 0; i < LISTS_MAX && f->lists[i]; i++) {
		fputs(i ? ", " : "", out);
		text_name(out, f->lists[i], TEXT_NAME_CHARS);
	}
	fputs(".<br>", out);
}

static void
put_local(FILE *out, const struct finding *f)
{
	if (!f->local)
		return;
	if (strcmp(f->local, "learned") == 0)
		fputs("What is yours was learned from the traffic; set <code>site.local_nets</code>"
		      " and <code>site.local_domains</code> to be sure.",
			out);
	else if (strcmp(f->local, "configured") == 0)
		fputs("What is yours is as configured.", out);
	else
		put_text(out, "What is yours", f->local, TEXT_NAME_CHARS);
}

void
html_about(FILE *out, const struct incident *incident)
{
	unsigned told = 0;

	for (size_t i = 0; i < incident->finding_count; i++) {
		const struct finding *f = &incident->findings[i];

		if (!has_more(f))
			continue;
		fputs(told++ ? "" : "<h3>More on the findings</h3>\n<dl class=\"facts\">\n", out);
		fprintf(out, "<dt>%" PRIu64 " ", f->id);
		text_name(out, f->detector ? f->detector : "", TEXT_SHORT_CHARS);
		fputs("</dt><dd>", out);
		put_kinds(out, f);
		put_lists(out, f);
		put_text(out, "Address that is listed", f->listed, TEXT_NAME_CHARS);
		put_text(out, "A refusal points to", f->refusal_url, TEXT_LONG_CHARS);
		put_local(out, f);
		fputs("</dd>\n", out);
	}
	fputs(told ? "</dl>\n" : "", out);
}
