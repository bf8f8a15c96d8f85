/*
 * An incident in words: how far the attack came and when, what to do about each
 * stage, then the findings that it is made of.
 */
#include "control/report/incident_text.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "control/chain/chain.h"
#include "control/export/severity.h"
#include "control/report/finding_text.h"
#include "control/report/words.h"

#define INDENT 4
#define BOLD "\x1b[1m"
#define PLAIN "\x1b[0m"
#define FINDINGS_SHOWN 12u
#define TEXT_MAX 4096

struct shown {
	const struct report *report;
	const struct incident *incident;
	const struct finding *findings[FINDINGS_SHOWN];
	size_t count;
};

static void
print_advice(const char *label, const char *advice, FILE *out)
{
	char clean[TEXT_MAX], text[TEXT_MAX + 64];

	snprintf(text, sizeof(text), "%s: %s", label, words_clean(advice, clean, sizeof(clean)));
	words_paragraph(out, INDENT, text);
}

/* One finding, or none that is left: no timeline is needed. */
static void
print_one(const struct shown *s, FILE *out)
{
	const struct finding *finding = s->findings[0];
	bool color = s->report->color;
	char name[FINDING_TEXT_NAME_MAX], advice[TEXT_MAX], head[FINDING_TEXT_NAME_MAX + 128];

	finding_name(finding, name);
	snprintf(head, sizeof(head), "[%" PRIu64 "] %s (severity %s, confidence %u %%)",
		s->incident->id, name, severity_word(s->incident->severity), finding->confidence);
	fputs(color ? BOLD : "", out);
	words_paragraph(out, 0, head);
	fputs(color ? PLAIN : "", out);
	finding_text_success(finding, color, out);
	finding_text(finding, s->report, INDENT, out);
	if (finding_advice(finding, advice, sizeof(advice)) > 0)
		print_advice("What to do", advice, out);
}

static void
print_head(const struct shown *s, FILE *out)
{
	const struct incident *i = s->incident;
	bool color = s->report->color;
	const char *between = "";

	fprintf(out, "%s[%" PRIu64 "] ", color ? BOLD : "", i->id);
	for (unsigned stage = STAGE_SCAN; stage < STAGE_COUNT; stage++) {
		if (i->stages[stage].findings == 0)
			continue;
		fprintf(out, "%s%s", between, stage_name((enum stage)stage));
		between = ", ";
	}
	fprintf(out, "%s%s (severity %s, %" PRIu32 " findings)\n",
		i->stage == STAGE_NONE ? "several findings" : "", color ? PLAIN : "",
		severity_word(i->severity), i->findings);
}

/* "198.51.100.9, 192.0.2.7 and 3 others" */
static void
append_names(char *text, size_t room, const struct incident_name names[INCIDENT_NAMES])
{
	size_t len = strlen(text);

	for (unsigned n = 0; n < INCIDENT_NAMES && names[n].name[0] != '\0'; n++) {
		char shown[WORDS_NAME_MAX];

		len += (size_t)snprintf(text + len, room - len, "%s%s", n > 0 ? ", " : "",
			words_name(names[n].name, 44, shown));
		if (len >= room)
			return;
	}
}

static void
print_names(const char *label, const struct incident_name names[INCIDENT_NAMES], FILE *out)
{
	char text[TEXT_MAX];

	if (names[0].name[0] == '\0')
		return;
	snprintf(text, sizeof(text), "%s: ", label);
	append_names(text, sizeof(text), names);
	words_paragraph(out, INDENT, text);
}

/* The guesses before it are another finding's. */
static uint64_t
began_ns(const struct finding *f)
{
	bool success = chain_trait_of(f->detector)->stage == STAGE_SUCCESS;

	return success && f->success_time_ns != 0 ? f->success_time_ns : f->first_seen_ns;
}

static void
sort_by_time(struct shown *s)
{
	for (size_t n = 1; n < s->count; n++) {
		const struct finding *one = s->findings[n];
		size_t at = n;

		for (; at > 0 && began_ns(s->findings[at - 1]) > began_ns(one); at--)
			s->findings[at] = s->findings[at - 1];
		s->findings[at] = one;
	}
}

/* Findings in the order in which they began, with the stage that each is. */
static void
print_timeline(const struct shown *s, FILE *out)
{
	char name[FINDING_TEXT_NAME_MAX], from[WORDS_TIME_MAX], to[WORDS_TIME_MAX],
		shown[WORDS_NAME_MAX];

	for (size_t n = 0; n < s->count; n++) {
		const struct finding *f = s->findings[n];
		enum stage stage = chain_trait_of(f->detector)->stage;

		finding_name(f, name);
		words_time(began_ns(f), from);
		words_time(f->last_seen_ns, to);
		const char *end = strncmp(from, to, 11) == 0 ? to + 11 : to;
		unsigned before = INDENT + words_columns(from) + 4 + words_columns(end) + 15;
		/* In full it follows below. */
		fprintf(out, "    %s to %s  %-11s  %s\n", from, end,
			stage == STAGE_NONE ? "-" : stage_name(stage),
			words_name(name, WORDS_COLUMNS - before, shown));
	}
	if (s->incident->findings > s->count)
		fprintf(out, "    and %zu finding%s more; each is in the EVE file\n",
			s->incident->findings - s->count, text_s(s->incident->findings - s->count));
}

static void
print_success(const struct shown *s, FILE *out)
{
	const struct finding *first = NULL;

	for (size_t n = 0; n < s->count; n++)
		if (s->findings[n]->success_time_ns != 0 &&
			(first == NULL || s->findings[n]->success_time_ns < first->success_time_ns))
			first = s->findings[n];
	if (first != NULL)
		finding_text_success(first, s->report->color, out);
}

static void
print_several(struct shown *s, FILE *out)
{
	char name[FINDING_TEXT_NAME_MAX], advice[TEXT_MAX];

	print_head(s, out);
	print_success(s, out);
	sort_by_time(s);
	print_timeline(s, out);
	print_names("Sources", s->incident->sources, out);
	print_names("Accounts", s->incident->accounts, out);
	print_names("Servers", s->incident->servers, out);
	for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
		if (incident_advice(s->incident, (enum stage)stage, advice, sizeof(advice)) > 0)
			print_advice(stage_name((enum stage)stage), advice, out);
	for (size_t n = 0; n < s->count; n++) {
		finding_name(s->findings[n], name);
		fprintf(out, "    * %s (confidence %u %%)\n", name, s->findings[n]->confidence);
		finding_text(s->findings[n], s->report, INDENT + 2, out);
	}
}

void
incident_text(const struct report *report, const struct incident *incident, FILE *out)
{
	struct shown s = {.report = report, .incident = incident};

	s.count = engine_incident_findings(report->engine, incident, s.findings, FINDINGS_SHOWN);
	if (s.count == 1 && incident->findings == 1)
		print_one(&s, out);
	else
		print_several(&s, out);
}
