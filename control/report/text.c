/*
 * The report as text. Names come from the wire: each goes through words_name
 * before it meets the terminal.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "control/export/severity.h"
#include "control/report/incident_text.h"
#include "control/report/report.h"
#include "control/report/rules_text.h"
#include "control/report/words.h"

#define ROWS 10           /* of a table */
#define INCIDENTS_MAX 256 /* that are looked at; the rest is counted */
#define INCIDENTS_SHOWN 40
#define CAPTURES_SHOWN 20
#define NAME_COLUMNS 39
#define FILE_COLUMNS 200

static void
heading(const struct report *r, FILE *out, const char *text)
{
	fprintf(out, r->color ? "\n\x1b[1m%s\x1b[0m\n" : "\n%s\n", text);
}

__attribute__((format(printf, 2, 3))) static void
paragraph(FILE *out, const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	words_paragraph(out, 2, text);
}

bool
report_complete(const struct report *r)
{
	return !r->trouble && r->captures->damaged == 0;
}

static bool
no_mail(const struct report *r)
{
	return r->workers->value[COUNTER_DECODE_MAIL] == 0;
}

/* "port 25", "ports 25, 587" */
static const char *
ports_text(const struct config_ports *ports, char *out, size_t out_len)
{
	size_t len = (size_t)snprintf(out, out_len, "port%s", ports->count == 1 ? "" : "s");

	for (unsigned i = 0; i < ports->count && len < out_len; i++)
		len += (size_t)snprintf(
			out + len, out_len - len, "%s %u", i > 0 ? "," : "", ports->port[i]);
	return out;
}

/* Most severe first, then in the order in which they opened. */
static void
sort_incidents(const struct incident **list, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const struct incident *one = list[i];
		size_t k = i;

		for (; k > 0 && list[k - 1]->severity > one->severity; k--)
			list[k] = list[k - 1];
		list[k] = one;
	}
}

/* What may be said when there is no incident: not that all is well when little was seen. */
static void
print_no_incidents(const struct report *r, FILE *out)
{
	struct engine_totals totals;
	char ports[512];

	engine_totals(r->engine, &totals);
	heading(r, out, "NO INCIDENTS");
	if (no_mail(r))
		paragraph(out, "No packet was on the mail %s; see --ports.",
			ports_text(r->ports, ports, sizeof(ports)));
	else if (totals.findings_suppressed > 0)
		paragraph(out, "What was found is suppressed: see below.");
	else if (totals.events_allowed > 0)
		paragraph(out,
			"Nobody else was seen guessing passwords. For what is allowed see below.");
	else if (r->signature_count > 0)
		paragraph(
			out, "No run of password guesses was seen. Signatures matched: see below.");
	else
		paragraph(out, "Nobody was seen guessing passwords.");
}

static void
print_signatures(const struct report *r, FILE *out)
{
	char head[64], number[WORDS_NUMBER_MAX], name[WORDS_NAME_MAX];

	if (r->signature_count == 0)
		return;
	snprintf(head, sizeof(head), "SIGNATURES: %s", words_number(r->signature_count, number));
	heading(r, out, head);
	for (size_t i = 0; i < r->signature_count; i++) {
		const struct eve_signature *s = &r->signatures[i];

		fprintf(out, "  %15s  %s (%" PRIu32 ", severity %s)\n",
			words_number(s->matches, number), words_name(s->pattern->name, 46, name),
			s->pattern->id, severity_word(s->pattern->severity));
	}
	paragraph(out, "Who, when and the line: alerts in the EVE file whose alert.signature_id is "
		       "the number in brackets.");
}

static void
print_incidents(const struct report *r, FILE *out)
{
	const struct incident *list[INCIDENTS_MAX];
	size_t n = engine_incidents(r->engine, list, INCIDENTS_MAX);
	struct engine_totals totals;
	char head[64], number[WORDS_NUMBER_MAX];

	engine_totals(r->engine, &totals);
	if (n == 0) {
		print_no_incidents(r, out);
		return;
	}
	snprintf(head, sizeof(head), "INCIDENTS: %s", words_number(totals.incidents, number));
	heading(r, out, head);
	sort_incidents(list, n);
	for (size_t i = 0; i < n && i < INCIDENTS_SHOWN; i++) {
		if (i > 0)
			fputc('\n', out);
		incident_text(r, list[i], out);
	}
	if (totals.incidents > INCIDENTS_SHOWN)
		paragraph(out, "And %s more; each is in the EVE file.",
			words_number(totals.incidents - INCIDENTS_SHOWN, number));
}

static void
print_passwords(FILE *out, const struct engine_row *row)
{
	char number[WORDS_NUMBER_MAX], cell[WORDS_NUMBER_MAX + 2];

	snprintf(cell, sizeof(cell), "%s%s", row->passwords_capped ? ">=" : "",
		row->passwords ? words_number(row->passwords, number) : "-");
	fprintf(out, " %10s\n", cell);
}

static void
print_table(const struct report *r, FILE *out, enum subject_type type, const char *name,
	const char *others)
{
	struct engine_row rows[ROWS];
	size_t n = engine_top(r->engine, type, rows, ROWS);

	if (n == 0)
		return;
	fprintf(out, "  %-*s %8s %8s %9s %6s %8s %10s\n", NAME_COLUMNS, name, "attempts", "failed",
		"logged in", "other", others, "passwords");
	for (size_t i = 0; i < n; i++) {
		const struct engine_row *row = &rows[i];
		char a[WORDS_NUMBER_MAX], b[WORDS_NUMBER_MAX], c[WORDS_NUMBER_MAX],
			d[WORDS_NUMBER_MAX], e[WORDS_NUMBER_MAX];

		fputs("  ", out);
		words_cell(out, row->name, NAME_COLUMNS);
		fprintf(out, " %8s %8s %9s %6s %8s", words_number(row->attempts, a),
			words_number(row->failures, b), words_number(row->successes, c),
			words_number(row->others, d), words_number(row->accounts, e));
		print_passwords(out, row);
	}
}

static void
print_tops(const struct report *r, FILE *out)
{
	struct engine_totals totals;
	char number[WORDS_NUMBER_MAX], head[80];

	engine_totals(r->engine, &totals);
	if (totals.events[EVENT_AUTH] == 0)
		return;
	snprintf(head, sizeof(head), "TOP SOURCES of %s", words_number(totals.sources, number));
	heading(r, out, head);
	print_table(r, out, SUBJECT_SOURCE, "source", "accounts");
	snprintf(head, sizeof(head), "TOP ACCOUNTS of %s", words_number(totals.accounts, number));
	heading(r, out, head);
	print_table(r, out, SUBJECT_ACCOUNT, "account", "sources");
}

static void
print_capture(const struct capture_row *row, FILE *out)
{
	char file[WORDS_NAME_MAX], packets[WORDS_NUMBER_MAX], from[WORDS_TIME_MAX],
		to[WORDS_TIME_MAX], damage[WORDS_NAME_MAX], link[WORDS_NAME_MAX];

	words_name(row->file, FILE_COLUMNS, file);
	words_number(row->packets, packets);
	words_name(row->link ? row->link : "unknown link", 30, link);
	if (row->packets > 0 && row->last_ns > 0)
		paragraph(out, "%s: %s, %s packets, %s to %s UTC", file, link, packets,
			words_time(row->first_ns, from), words_time(row->last_ns, to));
	else
		paragraph(out, "%s: %s, %s packets", file, link, packets);
	if (row->damage)
		paragraph(out, "  DAMAGED after %s packets: %s", packets,
			words_name(row->damage, FILE_COLUMNS, damage));
}

static void
print_captures(const struct captures *c, FILE *out)
{
	size_t shown = 0;
	uint64_t hidden = c->omitted;
	char number[WORDS_NUMBER_MAX];

	for (size_t i = 0; i < c->count; i++) {
		if (shown < CAPTURES_SHOWN || c->rows[i].damage) {
			print_capture(&c->rows[i], out);
			shown++;
		} else {
			hidden++;
		}
	}
	if (hidden > 0)
		paragraph(out, "And %s more captures.", words_number(hidden, number));
}

static void
print_count(FILE *out, uint64_t n, const char *what)
{
	char number[WORDS_NUMBER_MAX];

	fprintf(out, "  %15s  %s\n", words_number(n, number), what);
}

static void
print_span(const struct report *r, FILE *out)
{
	char from[WORDS_TIME_MAX], to[WORDS_TIME_MAX];

	paragraph(out, "%s to %s UTC", words_time(r->first_ns, from), words_time(r->last_ns, to));
}

static void
print_seen(const struct report *r, FILE *out)
{
	static const struct {
		enum counter counter;
		const char *what;
	} seen[] = {
		{COUNTER_RX_PKTS, "packets"},
		{COUNTER_DECODE_MAIL, "of them on mail ports"},
		{COUNTER_FLOW_NEW, "sessions"},
		{COUNTER_SMTP_COMMANDS, "SMTP commands"},
		{COUNTER_SMTP_REPLIES, "SMTP replies"},
	};
	struct engine_totals totals;
	const uint64_t *outcomes = totals.outcomes;
	char number[WORDS_NUMBER_MAX];

	heading(r, out, "WHAT WAS SEEN");
	if (r->interfaces)
		print_span(r, out);
	else
		print_captures(r->captures, out);
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		if (!no_mail(r) || i < 2)
			print_count(out, r->workers->value[seen[i].counter], seen[i].what);
	if (no_mail(r))
		return;
	engine_totals(r->engine, &totals);
	fprintf(out, "  %15s  login attempts:", words_number(totals.events[EVENT_AUTH], number));
	for (unsigned i = 0, first = 1; i < OUTCOME_COUNT; i++) {
		if (outcomes[i] == 0)
			continue;
		fprintf(out, "%s %s %s", first ? "" : ",", words_number(outcomes[i], number),
			event_outcome_name(i));
		first = 0;
	}
	fputs(totals.events[EVENT_AUTH] ? "\n" : " none\n", out);
	print_count(out, totals.events[EVENT_MAIL], "mail transactions");
}

/* What was missed, or read with doubt. */
static const enum counter doubts[] = {
	COUNTER_PORT_MISSED,
	COUNTER_PORT_NOMBUF,
	COUNTER_PORT_ERRORS,
	COUNTER_PORT_LINK_DOWN,
	COUNTER_PORT_REMOVED,
	COUNTER_PORT_RETURNED,
	COUNTER_DISPATCH_FULL,
	COUNTER_SHED_DELIVERIES,
	COUNTER_SHED_USERS,
	COUNTER_SHED_STRANGERS,
	COUNTER_SHED_GUESSERS,
	COUNTER_SHED_PKTS,
	COUNTER_SHED_BODIES,
	COUNTER_SHED_BODY_BYTES,
	COUNTER_SHED_LINES,
	COUNTER_SHED_MS_BODIES,
	COUNTER_SHED_MS_DELIVERIES,
	COUNTER_SHED_MS_STRANGERS,
	COUNTER_SHED_MS_GUESSERS,
	COUNTER_EVENTS_LOST_AUTH,
	COUNTER_EVENTS_LOST_RCPT,
	COUNTER_EVENTS_LOST_MAIL,
	COUNTER_EVENTS_LOST_SESSION,
	COUNTER_EVENTS_LOST_SIGNATURE,
	COUNTER_DECODE_MALFORMED,
	COUNTER_DECODE_TRUNCATED,
	COUNTER_DECODE_CUT,
	COUNTER_DECODE_TOO_DEEP,
	COUNTER_FRAG_DROP,
	COUNTER_TCP_CSUM_BAD,
	COUNTER_TCP_CSUM_OFFLOAD,
	COUNTER_TCP_CONFLICT,
	COUNTER_TCP_GAPS,
	COUNTER_TCP_GAP_BYTES,
	COUNTER_TCP_HOLD_FULL,
	COUNTER_TCP_IGNORED,
	COUNTER_FLOW_MIDSTREAM,
	COUNTER_FLOW_EVICTED_HALF_OPEN,
	COUNTER_FLOW_EVICTED,
	COUNTER_FLOW_FULL,
	COUNTER_SMTP_UNMATCHED,
	COUNTER_SMTP_MALFORMED,
	COUNTER_SMTP_LONG_LINE,
	COUNTER_SMTP_QUEUE_FULL,
	COUNTER_SMTP_HOLD_FULL,
	COUNTER_SMTP_TLS_BYTES,
};

static bool
print_doubt(FILE *out, uint64_t n, const char *help)
{
	if (n > 0)
		print_count(out, n, help);
	return n > 0;
}

static bool
print_control_doubts(const struct report *r, FILE *out)
{
	struct engine_totals totals;
	bool any = false;

	engine_totals(r->engine, &totals);
	any |= print_doubt(out, r->captures->damaged,
		"captures damaged: what came behind the damage was not read");
	any |= print_doubt(
		out, totals.outcomes[OUTCOME_UNKNOWN], "login attempts whose outcome was not seen");
	any |= print_doubt(out, r->intake->invalid, "records of the dataplane that made no sense");
	any |= print_doubt(out, r->intake->backwards, "events whose time ran backwards");
	any |= print_doubt(out, r->intake->broken, "rings given up: their index made no sense");
	any |= print_doubt(out, r->intake->forced, "events taken out of order: a ring was full");
	any |= print_doubt(out, totals.evicted_sources, "sources forgotten: too many at a time");
	any |= print_doubt(out, totals.evicted_accounts, "accounts forgotten: too many at a time");
	any |= print_doubt(out, totals.evicted_trackers,
		"counters of connections and mail forgotten: too many at a time");
	any |= print_doubt(
		out, totals.untracked_notes, "facts of connections and mail not counted: no room");
	any |= print_doubt(out, totals.untracked, "login attempts not counted: no room");
	any |= print_doubt(out, totals.findings_refused, "findings not opened: too many at a time");
	any |= print_doubt(out, totals.findings_cut, "findings closed early, for more severe ones");
	any |= print_doubt(
		out, r->eve->enrich_errors, "look-ups of addresses that met damage in a database");
	any |= print_doubt(out, r->eve->rcpt_evicted,
		"mail transactions without their recipients: too many at a time");
	return any;
}

static void
print_not_seen(const struct report *r, FILE *out)
{
	bool any = r->trouble || no_mail(r);
	char ports[512];

	heading(r, out, "WHAT WAS NOT SEEN, OR IS IN DOUBT");
	if (r->trouble)
		paragraph(out, "What came after the end: %s.", r->trouble);
	if (no_mail(r))
		paragraph(out, "Any mail: no packet was on the mail %s; see --ports.",
			ports_text(r->ports, ports, sizeof(ports)));
	for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++)
		any |= print_doubt(
			out, r->workers->value[doubts[i]], counter_infos[doubts[i]].help);
	any |= print_control_doubts(r, out);
	if (!any)
		paragraph(out, "Nothing is known to be missing.");
}

/* "smtap: live on eth1, eth2, 1,234 packets" */
static void
print_live_title(const struct report *r, FILE *out)
{
	char number[WORDS_NUMBER_MAX], name[WORDS_NAME_MAX];
	const char *element = NULL;

	fputs("smtap: live on", out);
	while ((element = config_list_next(r->interfaces, element)))
		fprintf(out, " %s,", words_name(element, FILE_COLUMNS, name));
	fprintf(out, " %s packets\n", words_number(r->workers->value[COUNTER_RX_PKTS], number));
}

static void
print_title(const struct report *r, FILE *out)
{
	const struct captures *c = r->captures;
	uint64_t packets = 0, files = c->count + c->omitted;
	char number[WORDS_NUMBER_MAX];

	for (size_t i = 0; i < c->count; i++)
		packets += c->rows[i].packets;
	fprintf(out, "smtap: %s capture%s,", words_number(files, number), files == 1 ? "" : "s");
	fprintf(out, " %s packets", words_number(packets, number));
	if (c->damaged > 0)
		fprintf(out, ", %s damaged", words_number(c->damaged, number));
	fputc('\n', out);
}

int
report_text(const struct report *report, FILE *out)
{
	if (report->interfaces)
		print_live_title(report, out);
	else
		print_title(report, out);
	if (report->trouble)
		fprintf(out, "INCOMPLETE: %s. What follows is what was seen until then.\n",
			report->trouble);
	print_incidents(report, out);
	rules_text(report, out);
	print_signatures(report, out);
	print_tops(report, out);
	print_seen(report, out);
	print_not_seen(report, out);
	if (report->eve_path) {
		char path[WORDS_NAME_MAX];

		fprintf(out, "\nEvery event: %s\n",
			words_name(report->eve_path, FILE_COLUMNS, path));
	}
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
