/* The tables of an incident. Each has a cap on its rows and says what is past it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/page/html.h"
#include "cli/page/text.h"
#include "cli/page/ties.h"

#define ACCOUNT_ROWS 40
#define SERVER_ROWS 30
#define PREFIX_ROWS 30
#define SOURCE_ROWS 20 /* of one prefix */
#define OPEN_ROWS 12   /* as few sources as this are shown unfolded */

/* The words that are told when more is known than is shown. */
static void
put_further(FILE *out, uint64_t n, bool at_least, const char *one, const char *many)
{
	if (n == 0)
		return;
	fprintf(out, "<p class=\"note\">%s", at_least ? "At least " : "");
	text_count(out, n, one, many);
	fputs(n == 1 ? " is not shown.</p>\n" : " are not shown.</p>\n", out);
}

static void
put_times(FILE *out, const struct tally *t)
{
	fputs("<td class=\"t\">", out);
	html_time(out, t->first_us);
	fputs("</td><td class=\"t\">", out);
	html_time(out, t->last_us);
	fputs("</td>", out);
}

/* Attempts, failed, other, logged in. */
static void
put_auth(FILE *out, const struct tally *t)
{
	uint64_t all = tally_attempts(t);

	html_cell(out, all);
	html_cell(out, t->auth[OUTCOME_FAILURE]);
	html_cell(out, all - t->auth[OUTCOME_FAILURE] - t->auth[OUTCOME_SUCCESS]);
	if (t->auth[OUTCOME_SUCCESS] == 0) {
		/* Whose answer was not seen may have got in. */
		fprintf(out, "<td class=\"n\">%s</td>",
			all == 0                      ? "&ndash;"
			: t->auth[OUTCOME_OTHER] == 0 ? "no"
						      : "none seen");
		return;
	}
	fputs("<td class=\"n\"><span class=\"yes\">yes, ", out);
	text_number(out, t->auth[OUTCOME_SUCCESS]);
	fputs("&times;</span></td>", out);
}

static void
put_account_name(FILE *out, const char *name)
{
	if (*name == '\0')
		fputs("<span class=\"soft\">(empty name)</span>", out);
	else
		text_name(out, name, TEXT_NAME_CHARS);
}

static void
put_account(FILE *out, const char *name, const struct tally *t)
{
	fputs("<tr><th scope=\"row\" class=\"name\">", out);
	if (name)
		put_account_name(out, name);
	else
		fputs("<span class=\"soft\">(name not seen)</span>", out);
	fputs("</th>", out);
	put_auth(out, t);
	html_cell(out, t->mails_accepted);
	put_times(out, t);
	fputs("</tr>\n", out);
}

void
html_accounts(FILE *out, struct incident *incident)
{
	static const char *const columns[] = {"Account", "#Attempts", "#Failed", "#Other",
		"#Logged in", "#Mails sent", "First", "Last", NULL};
	struct names *names = &incident->accounts;
	size_t rows = names->count < ACCOUNT_ROWS ? names->count : ACCOUNT_ROWS;

	if (names->count == 0 && tally_attempts(&incident->unnamed) == 0)
		return;
	fputs("<h3>Accounts</h3>\n", out);
	html_frame(out, "Accounts");
	fputs("<table><thead>", out);
	html_columns(out, columns);
	fputs("</thead><tbody>\n", out);
	for (size_t i = 0; i < rows; i++)
		put_account(out, names->entries[i].text, &names->entries[i].tally);
	if (tally_attempts(&incident->unnamed) > 0)
		put_account(out, NULL, &incident->unnamed);
	fputs("</tbody></table>", out);
	html_frame_end(out);
	put_further(out, names->distinct - rows, false, "further account", "further accounts");
}

/* A network and who of it was seen. */
struct prefix {
	char text[TIE_PREFIX_TEXT];
	const struct name **sources;
	size_t count;
	struct tally tally;
};

/* Prefixes that findings are about and that are wider than the usual, the widest first. */
struct wide {
	struct {
		char text[TIE_PREFIX_TEXT];
		unsigned bits;
	} all[FINDINGS_MAX];
	unsigned count;
};

static unsigned
usual_bits(const char *addr)
{
	return strchr(addr, ':') ? 64 : 24;
}

static void
wide_add(struct wide *wide, const char *subject)
{
	char text[TIE_PREFIX_TEXT];
	unsigned at = wide->count, bits;

	if (!ties_subject(subject, text, &bits) || bits >= usual_bits(subject))
		return;
	for (; at > 0 && wide->all[at - 1].bits > bits; at--)
		wide->all[at] = wide->all[at - 1];
	memcpy(wide->all[at].text, text, sizeof(text));
	wide->all[at].bits = bits;
	wide->count++;
}

static void
wide_of(const struct incident *incident, struct wide *wide)
{
	wide->count = 0;
	for (size_t i = 0; i < incident->finding_count; i++) {
		const struct finding *f = &incident->findings[i];

		if (f->subject && f->subject_type && strcmp(f->subject_type, "prefix") == 0)
			wide_add(wide, f->subject);
	}
}

static void
prefix_of(const struct wide *wide, const char *addr, char out[TIE_PREFIX_TEXT])
{
	for (unsigned i = 0; i < wide->count; i++)
		if (ties_prefix(addr, wide->all[i].bits, out) &&
			strcmp(out, wide->all[i].text) == 0)
			return;
	if (!ties_prefix(addr, usual_bits(addr), out))
		snprintf(out, TIE_PREFIX_TEXT, "other");
}

struct placed {
	char prefix[TIE_PREFIX_TEXT];
	const struct name *name;
	size_t order; /* in the list of sources, the busiest first */
};

static int
compare_placed(const void *va, const void *vb)
{
	const struct placed *a = va, *b = vb;
	int order = strcmp(a->prefix, b->prefix);

	return order != 0 ? order : a->order < b->order ? -1 : a->order > b->order;
}

/* The busiest network first. */
static int
compare_prefix(const void *va, const void *vb)
{
	const struct prefix *a = va, *b = vb;
	uint64_t an = tally_attempts(&a->tally), bn = tally_attempts(&b->tally);
	bool a_in = a->tally.auth[OUTCOME_SUCCESS] > 0, b_in = b->tally.auth[OUTCOME_SUCCESS] > 0;

	if (a_in != b_in)
		return a_in ? -1 : 1;
	if (an != bn)
		return an > bn ? -1 : 1;
	if (a->tally.mails + a->tally.sessions != b->tally.mails + b->tally.sessions)
		return a->tally.mails + a->tally.sessions > b->tally.mails + b->tally.sessions ? -1
											       : 1;
	return strcmp(a->text, b->text);
}

/* Under the name that it is of. */
static void
put_place(FILE *out, const char *place)
{
	if (!place)
		return;
	fputs("<br><span class=\"soft\">", out);
	text_name(out, place, TEXT_NAME_CHARS);
	fputs("</span>", out);
}

/* A network's own; else that of its sources, where those that are known agree. */
static const char *
place_of_prefix(const struct incident *incident, const struct prefix *p)
{
	const char *place = place_of(incident, p->text);
	bool own = place != NULL;

	for (size_t i = 0; i < p->count && i < SOURCE_ROWS && !own; i++) {
		const char *one = place_of(incident, p->sources[i]->text);

		if (one && place && strcmp(one, place) != 0)
			return NULL;
		place = one ? one : place;
	}
	return place;
}

static void
put_source(FILE *out, const struct incident *incident, const struct name *n)
{
	fputs("<tr><th scope=\"row\" class=\"name\">", out);
	text_name(out, n->text, TEXT_NAME_CHARS);
	put_place(out, place_of(incident, n->text));
	fputs("</th>", out);
	put_auth(out, &n->tally);
	html_cell(out, n->tally.mails);
	html_cell(out, n->tally.sessions);
	put_times(out, &n->tally);
	fputs("<td class=\"name\">", out);
	if (n->note)
		text_name(out, n->note, TEXT_SHORT_CHARS);
	fputs("</td></tr>\n", out);
}

static void
put_prefix(FILE *out, const struct incident *incident, const struct prefix *p, bool open)
{
	static const char *const columns[] = {"Source", "#Attempts", "#Failed", "#Other",
		"#Logged in", "#Mails", "#Sessions", "First", "Last", "HELO (first)", NULL};
	size_t rows = p->count < SOURCE_ROWS ? p->count : SOURCE_ROWS;

	fputs("<tr class=\"head\"><th scope=\"row\">", out);
	text_name(out, p->text, TEXT_NAME_CHARS);
	put_place(out, place_of_prefix(incident, p));
	fputs("</th>", out);
	html_cell(out, p->count);
	put_auth(out, &p->tally);
	html_cell(out, p->tally.mails);
	put_times(out, &p->tally);
	fprintf(out, "</tr>\n<tr class=\"fold\"><td colspan=\"9\"><details%s><summary>",
		open ? " open" : "");
	text_count(out, p->count, "source", "sources");
	fputs(" of ", out);
	text_name(out, p->text, TEXT_NAME_CHARS);
	fputs("</summary><table><thead>", out);
	html_columns(out, columns);
	fputs("</thead><tbody>\n", out);
	for (size_t i = 0; i < rows; i++)
		put_source(out, incident, p->sources[i]);
	fputs("</tbody></table>", out);
	put_further(out, p->count - rows, false, "further source", "further sources");
	fputs("</details></td></tr>\n", out);
}

/* Sources by network. The memory is the caller's to free, in both arrays. */
static size_t
group(const struct names *names, const struct wide *wide, struct prefix **prefixes,
	const struct name ***members)
{
	struct placed *placed = calloc(names->count, sizeof(*placed));
	size_t count = 0;

	*prefixes = calloc(names->count, sizeof(**prefixes));
	*members = calloc(names->count, sizeof(**members));
	for (size_t i = 0; placed && *prefixes && *members && i < names->count; i++) {
		prefix_of(wide, names->entries[i].text, placed[i].prefix);
		placed[i].name = &names->entries[i];
		placed[i].order = i;
	}
	if (!placed || !*prefixes || !*members) {
		free(placed);
		return 0;
	}
	qsort(placed, names->count, sizeof(*placed), compare_placed);
	for (size_t i = 0; i < names->count; i++) {
		(*members)[i] = placed[i].name;
		if (i == 0 || strcmp(placed[i].prefix, placed[i - 1].prefix) != 0) {
			memcpy((*prefixes)[count].text, placed[i].prefix, TIE_PREFIX_TEXT);
			(*prefixes)[count++].sources = &(*members)[i];
		}
		(*prefixes)[count - 1].count++;
		tally_add(&(*prefixes)[count - 1].tally, &placed[i].name->tally);
	}
	free(placed);
	qsort(*prefixes, count, sizeof(**prefixes), compare_prefix);
	return count;
}

void
html_sources(FILE *out, struct incident *incident)
{
	static const char *const columns[] = {"Network", "#Sources", "#Attempts", "#Failed",
		"#Other", "#Logged in", "#Mails", "First", "Last", NULL};
	struct names *names = &incident->sources;
	struct prefix *prefixes = NULL;
	const struct name **members = NULL;
	struct wide wide;
	size_t count, rows;

	if (names->count == 0)
		return;
	wide_of(incident, &wide);
	count = group(names, &wide, &prefixes, &members);
	rows = count < PREFIX_ROWS ? count : PREFIX_ROWS;
	fputs("<h3>Sources by network</h3>\n<p class=\"note\">", out);
	text_count(out, names->distinct, "source", "sources");
	fputs(" in ", out);
	text_count(out, count, "network", "networks");
	fprintf(out, " (IPv4 /24, IPv6 /64%s).</p>\n",
		wide.count > 0 ? "; wider where a finding is" : "");
	html_frame(out, "Sources by network");
	fputs("<table><thead>", out);
	html_columns(out, columns);
	fputs("</thead><tbody>\n", out);
	for (size_t i = 0; i < rows; i++)
		put_prefix(out, incident, &prefixes[i], names->count <= OPEN_ROWS);
	fputs("</tbody></table>", out);
	html_frame_end(out);
	put_further(out, count - rows, names->full, "further network", "further networks");
	put_further(out, names->distinct - names->count, false, "source that was seen least",
		"sources that were seen least");
	free(prefixes);
	free(members);
}

void
html_servers(FILE *out, struct incident *incident)
{
	static const char *const columns[] = {"Server", "#Attempts", "#Failed", "#Other",
		"#Logged in", "#Mails", "#Sessions", "First", "Last", NULL};
	struct names *names = &incident->servers;
	size_t rows = names->count < SERVER_ROWS ? names->count : SERVER_ROWS;

	if (names->count == 0)
		return;
	fputs("<h3>Servers</h3>\n", out);
	html_frame(out, "Servers");
	fputs("<table><thead>", out);
	html_columns(out, columns);
	fputs("</thead><tbody>\n", out);
	for (size_t i = 0; i < rows; i++) {
		const struct name *n = &names->entries[i];

		fputs("<tr><th scope=\"row\" class=\"name\">", out);
		text_name(out, n->text, TEXT_NAME_CHARS);
		fputs("</th>", out);
		put_auth(out, &n->tally);
		html_cell(out, n->tally.mails);
		html_cell(out, n->tally.sessions);
		put_times(out, &n->tally);
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table>", out);
	html_frame_end(out);
	put_further(out, names->distinct - rows, false, "further server", "further servers");
}

static void
put_end(FILE *out, const char *addr, uint64_t port)
{
	fputs("<td class=\"mono\">", out);
	if (addr) {
		bool v6 = strchr(addr, ':') != NULL;
		fputs(v6 ? "[" : "", out);
		text_name(out, addr, TEXT_NAME_CHARS);
		fprintf(out, "%s:%" PRIu64, v6 ? "]" : "", port);
	}
	fputs("</td>", out);
}

void
html_flows(FILE *out, const struct incident *incident)
{
	static const char *const columns[] = {"Client", "Server", "Proto", "#Attempts", "#Mails",
		"First", "Last", "Community id", NULL};

	if (incident->flow_count == 0)
		return;
	fputs("<h3>Evidence: sessions</h3>\n<p class=\"note\">Samples, to be looked up in "
	      "captures and in other sensors by address and port or by community id.</p>\n",
		out);
	html_frame(out, "Evidence: sessions");
	fputs("<table><thead>", out);
	html_columns(out, columns);
	fputs("</thead><tbody>\n", out);
	for (size_t i = 0; i < incident->flow_count; i++) {
		const struct flow *f = &incident->flows[i];
		const struct tally times = {.first_us = f->first_us, .last_us = f->last_us};

		fputs("<tr>", out);
		put_end(out, f->source, f->source_port);
		put_end(out, f->server, f->server_port);
		fputs("<td>TCP</td>", out);
		html_cell(out, f->attempts);
		html_cell(out, f->mails);
		put_times(out, &times);
		fputs("<td class=\"mono\">", out);
		text_name(out, f->community_id, TEXT_NAME_CHARS);
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody></table>", out);
	html_frame_end(out);
	if (incident->flow_count == FLOWS_MAX)
		fputs("<p class=\"note\">There may be further samples in the alerts.</p>\n", out);
}
