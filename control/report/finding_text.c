/* A finding in words: who attacked what from where, which guess worked, what to do. */
#include "control/report/finding_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "control/engine/engine.h"
#include "control/export/blocklist.h"
#include "control/export/format.h"
#include "control/report/words.h"

#define NAME_COLUMNS 64
#define TEXT_MAX 8192
#define RED "\x1b[1;31m"
#define PLAIN "\x1b[0m"

/* Text that grows to its room and no further. */
struct draft {
	char text[TEXT_MAX];
	size_t len;
	unsigned indent;
	struct enrich *enrich; /* NULL: no databases */
};

__attribute__((format(printf, 2, 3))) static void
say(struct draft *d, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(d->text + d->len, sizeof(d->text) - d->len, format, args);
	va_end(args);
	if (n > 0)
		d->len += (size_t)n < sizeof(d->text) - d->len ? (size_t)n
							       : sizeof(d->text) - d->len - 1;
}

static void
say_name(struct draft *d, const char *name)
{
	char shown[WORDS_NAME_MAX];

	say(d, "%s", words_name(name, NAME_COLUMNS, shown));
}

/* Before it, then where the address is and whose network it is in; nothing when that is unknown. */
static bool
say_place(struct draft *d, const char *before, const char *name)
{
	char text[ENRICH_TEXT_MAX], shown[WORDS_NAME_MAX];
	struct enrich_place place;

	if (!enrich_name(d->enrich, name, &place))
		return false;
	enrich_text(&place, text);
	say(d, "%s%s", before, words_name(text, NAME_COLUMNS, shown));
	return true;
}

/* "198.51.100.9 (NL, AS64500 Example Hosting)" */
static void
say_source(struct draft *d, const char *name)
{
	say_name(d, name);
	if (say_place(d, " (", name))
		say(d, ")");
}

/* "1 account", "1,200 accounts" */
static void
say_count(struct draft *d, uint64_t n, const char *one, const char *many)
{
	char number[WORDS_NUMBER_MAX];

	say(d, "%s %s", words_number(n, number), n == 1 ? one : many);
}

static void
say_end(struct draft *d, FILE *out)
{
	words_paragraph(out, d->indent, d->text);
	d->len = 0;
	d->text[0] = '\0';
}

/* The one, by name; or how many there are. */
static void
say_which(struct draft *d, const struct finding_top top[FINDING_TOP], uint64_t n, const char *thing)
{
	char number[WORDS_NUMBER_MAX];

	if (n <= 1 && top[0].name[0])
		say_name(d, top[0].name);
	else
		say(d, "%s %s%s", words_number(n, number), thing, n == 1 ? "" : "s");
}

static void
say_sources(struct draft *d, const struct finding *i)
{
	if (i->sources <= 1 && i->top_sources[0].name[0])
		say_source(d, i->top_sources[0].name);
	else
		say_count(d, i->sources, "source", "sources");
}

/* "24 passwords", "at least 60 passwords"; or what stands for them when they are not known. */
static void
say_passwords(struct draft *d, const struct finding *i, const char *unknown)
{
	char number[WORDS_NUMBER_MAX];

	if (i->passwords == 0)
		say(d, "%s", unknown);
	else
		say(d, "%s%s password%s", i->passwords_capped ? "at least " : "",
			words_number(i->passwords, number), i->passwords == 1 ? "" : "s");
}

static void
say_from_to(struct draft *d, const struct finding *i, const char *server)
{
	say(d, " tried from ");
	say_sources(d, i);
	say(d, " on ");
	if (server)
		say_name(d, server);
	else
		say_which(d, i->top_targets, i->targets, "server");
}

/* Who attacked what from where. */
static void
say_who(struct draft *d, const struct finding *i)
{
	if (detector_info(i->detector)->counted) {
		say(d, "Seen from ");
		say_sources(d, i);
		say(d, " at ");
		say_which(d, i->top_targets, i->targets, "server");
		say(d, ".");
		return;
	}
	switch (i->subject_type) {
	case SUBJECT_SOURCE:
	case SUBJECT_PREFIX:
		say_source(d, i->subject);
		say(d, " tried ");
		say_passwords(d, i, "passwords");
		say(d, " for ");
		say_which(d, i->top_accounts, i->accounts, "account");
		say(d, " on ");
		say_which(d, i->top_targets, i->targets, "server");
		break;
	case SUBJECT_ACCOUNT:
		say(d, "The account ");
		say_name(d, i->subject);
		say(d, ": ");
		say_passwords(d, i, "passwords");
		say_from_to(d, i, NULL);
		break;
	case SUBJECT_SERVER:
	case SUBJECT_TYPE_COUNT:
		say_which(d, i->top_accounts, i->accounts, "account");
		say(d, ": ");
		say_passwords(d, i, "passwords");
		say_from_to(d, i, i->subject);
		break;
	}
	say(d, ".");
}

/* Logins that failed and that worked. What the server answered may not have been seen. */
static void
say_outcomes(struct draft *d, const struct finding *i)
{
	uint64_t seen = i->failures + i->successes;
	char number[WORDS_NUMBER_MAX];

	if (i->attempts > 0 && seen == 0) {
		say(d, ", outcomes not seen; ");
		return;
	}
	say(d, ", ");
	say_count(d, i->failures, "failure", "failures");
	say(d, ", ");
	say_count(d, i->successes, "login", "logins");
	if (i->attempts > seen)
		say(d, ", %s neither", words_number(i->attempts - seen, number));
	say(d, "; ");
}

static void
print_counts(struct draft *d, const struct finding *i, FILE *out)
{
	char from[WORDS_TIME_MAX], to[WORDS_TIME_MAX];
	const char *counted = detector_info(i->detector)->counted;

	words_time(i->first_seen_ns, from);
	words_time(i->last_seen_ns, to);
	/* The date once when it is the same. */
	say(d, "%s to %s UTC: ", from, strncmp(from, to, 11) == 0 ? to + 11 : to);
	if (counted) {
		char number[WORDS_NUMBER_MAX];

		say(d, "%s %s; ", words_number(i->attempts, number), counted);
	} else {
		say_count(d, i->attempts, "attempt", "attempts");
		say_outcomes(d, i);
	}
	if (!counted || i->accounts) {
		say_count(d, i->accounts, "account", "accounts");
		say(d, ", ");
	}
	say_count(d, i->sources, "source", "sources");
	say(d, ", ");
	say_count(d, i->targets, "server", "servers");
	say(d, ".");
	say_end(d, out);
}

/* Attempts on the account whose password was guessed; 0 when that is not known. */
static uint64_t
attempts_on(const struct finding *i, const char *account)
{
	for (unsigned k = 0; k < FINDING_TOP; k++)
		if (strcmp(i->top_accounts[k].name, account) == 0)
			return i->top_accounts[k].count;
	return i->accounts <= 1 ? i->attempts : 0;
}

/* Who logged in: the attacker himself, or the first source that did. */
static const char *
guesser(const struct finding *i, char addr[FORMAT_ADDR_MAX])
{
	if (i->subject_type == SUBJECT_SOURCE)
		return i->subject;
	for (unsigned k = 0; k < FINDING_TOP; k++)
		if (i->top_sources[k].name[0] && i->top_sources[k].succeeded)
			return i->top_sources[k].name;
	if (i->subject_type == SUBJECT_PREFIX)
		return i->subject;
	format_addr(&i->last_flow.client, addr);
	return addr;
}

static void
print_success(struct draft *d, const struct finding *i, bool color, FILE *out)
{
	char clock[WORDS_TIME_MAX], addr[FORMAT_ADDR_MAX], number[WORDS_NUMBER_MAX];
	uint64_t all = attempts_on(i, i->success_account);

	if (!i->success_time_ns)
		return;
	say_name(d, guesser(i, addr));
	say(d, " guessed the password of ");
	say_name(d, i->success_account);
	if (i->success_attempt > 0)
		say(d, " on attempt %s", words_number(i->success_attempt, number));
	if (i->success_attempt > 0 && all >= i->success_attempt)
		say(d, " of %s", words_number(all, number));
	say(d, " at %s.", words_clock(i->success_time_ns, clock));
	if (color)
		fputs(RED, out);
	say_end(d, out);
	if (color)
		fputs(PLAIN, out);
}

static void
print_top(struct draft *d, const char *label, const struct finding_top top[FINDING_TOP],
	uint64_t all, bool places, FILE *out)
{
	char number[WORDS_NUMBER_MAX];
	unsigned n = 0;

	say(d, "%s: ", label);
	for (; n < FINDING_TOP && top[n].name[0]; n++) {
		say(d, "%s", n > 0 ? ", " : "");
		say_name(d, top[n].name);
		say(d, " (%s%s", words_number(top[n].count, number),
			top[n].succeeded ? ", logged in" : "");
		if (places)
			say_place(d, "; ", top[n].name);
		say(d, ")");
	}
	if (n > 0 && all > n)
		say(d, ", and %s more", words_number(all - n, number));
	if (n > 0)
		say_end(d, out);
	d->len = 0;
}

static void
print_evidence(
	struct draft *d, const struct finding *i, const struct pattern_set *patterns, FILE *out)
{
	char more[1024], clean[1024];
	unsigned n = 0;

	for (unsigned k = 0; k < 4; k++) {
		const struct pattern *pattern =
			i->signatures[k] ? pattern_set_find(patterns, i->signatures[k]) : NULL;

		if (!pattern || pattern->role == PATTERN_ROLE_FACT)
			continue;
		say(d, "%s", n++ ? ", " : "Recognised: ");
		say_name(d, pattern->name);
	}
	if (n > 0)
		say_end(d, out);
	for (unsigned k = 0; k < i->sample_count && k < FINDING_SAMPLES; k++) {
		char id[40];

		format_community_id(&i->samples[k], id, sizeof(id));
		say(d, "%s%s", k > 0 ? ", " : "Sample flows (community id): ", id);
	}
	if (i->sample_count > 0)
		say_end(d, out);
	if (blocklist_advice(i, patterns, more, sizeof(more)) > 0) {
		say(d, "%s", words_clean(more, clean, sizeof(clean)));
		say_end(d, out);
	}
	if (i->local == LOCAL_LEARNED) {
		say(d, "What is yours was learned from the traffic; set site.local_nets and "
		       "site.local_domains to be sure.");
		say_end(d, out);
	}
	if (i->sensor_loss > 0) {
		char number[WORDS_NUMBER_MAX];

		say(d, "The sensor knew of %s loss%s by then (see below): counts may be low.",
			words_number(i->sensor_loss, number), i->sensor_loss == 1 ? "" : "es");
		say_end(d, out);
	}
}

/* Which of the things that its detector knows. */
static void
say_kind(struct draft *d, const struct finding *finding)
{
	static const char *const words[KIND_COUNT] = {
		[KIND_BACKSCATTER] = "Backscatter: many servers bounce mail that others sent in "
				     "this name. ",
		[KIND_LOOP] = "A loop: the same few servers bounce, over and over. ",
		[KIND_CLEAR_AUTH] = "AUTH is offered in clear. ",
		[KIND_OLD_VERSION] = "The greeting names a version that nobody maintains. ",
		[KIND_MANGLED_TLS] = "Something on the way takes STARTTLS out. "};

	if (finding->kind < KIND_COUNT && words[finding->kind])
		say(d, "%s", words[finding->kind]);
}

void
finding_name(const struct finding *finding, char out[FINDING_TEXT_NAME_MAX])
{
	static const char *const phrases[SUBJECT_TYPE_COUNT] = {[SUBJECT_SOURCE] = "by",
		[SUBJECT_PREFIX] = "by the network",
		[SUBJECT_ACCOUNT] = "of the account",
		[SUBJECT_SERVER] = "on the server"};
	char subject[WORDS_NAME_MAX];

	snprintf(out, FINDING_TEXT_NAME_MAX, "%s %s %s", detector_info(finding->detector)->name,
		finding->subject_type < SUBJECT_TYPE_COUNT ? phrases[finding->subject_type] : "of",
		words_name(finding->subject, 44, subject));
}

void
finding_text_success(const struct finding *finding, bool color, FILE *out)
{
	struct draft d = {.indent = 4};

	print_success(&d, finding, color, out);
}

void
finding_text(const struct finding *finding, const struct report *report, unsigned indent, FILE *out)
{
	struct draft d = {.indent = indent, .enrich = report->enrich};

	say(&d, "%s. ", detector_info(finding->detector)->title);
	say_kind(&d, finding);
	say_who(&d, finding);
	say_end(&d, out);
	print_counts(&d, finding, out);
	if (finding->accounts > 1 || finding->subject_type == SUBJECT_ACCOUNT)
		print_top(&d, "Accounts", finding->top_accounts, finding->accounts, false, out);
	if (finding->sources > 1)
		print_top(&d, "Sources", finding->top_sources, finding->sources, true, out);
	if (finding->targets > 1)
		print_top(&d, "Servers", finding->top_targets, finding->targets, false, out);
	print_evidence(&d, finding, report->patterns, out);
}
