/* The attack in a sentence: who guessed what, whether it worked, and what came of it. */
#include <string.h>

#include "cli/page/html.h"
#include "cli/page/text.h"

#define LISTS_NAMED 3 /* blocklists in the sentence */

static bool
is(const struct finding *f, const char *detector)
{
	return f->detector && strcmp(f->detector, detector) == 0;
}

static bool
subject_is(const struct finding *f, const char *type)
{
	return f->subject_type && strcmp(f->subject_type, type) == 0;
}

static void
put_name(FILE *out, const char *name)
{
	text_name(out, name && *name ? name : "(unnamed)", TEXT_SHORT_CHARS);
}

/* The finding of this stage that counted most; NULL when there is none. */
static const struct finding *
gravest(const struct incident *incident, enum stage stage)
{
	const struct finding *most = NULL;

	for (size_t i = 0; i < incident->finding_count; i++) {
		const struct finding *f = &incident->findings[i];

		if (f->stage == stage && (!most || f->attempts > most->attempts))
			most = f;
	}
	return most;
}

/* The finding that knows which guess worked, and of whom. */
static const struct finding *
successful(const struct incident *incident)
{
	const struct finding *best = NULL;

	for (size_t i = 0; i < incident->finding_count; i++) {
		const struct finding *f = &incident->findings[i];

		if (f->success_us == WHEN_NONE)
			continue;
		if (!best || (!best->success_account && f->success_account) ||
			(!!best->success_account == !!f->success_account &&
				f->stage == STAGE_SUCCESS && best->stage != STAGE_SUCCESS))
			best = f;
	}
	return best;
}

/* The one by name, or how many there are. */
static void
put_which(FILE *out, const struct top tops[TOPS_MAX], uint64_t n, const char *one, const char *many)
{
	if (n <= 1 && tops[0].name)
		put_name(out, tops[0].name);
	else
		text_count(out, n, one, many);
}

/* "198.51.100.9 (NL, AS64500 Example Hosting)" */
static void
put_placed(FILE *out, const char *name, const char *place)
{
	put_name(out, name);
	if (!place)
		return;
	fputs(" (", out);
	text_name(out, place, TEXT_SHORT_CHARS);
	fputc(')', out);
}

/* Who did it, as a finding has it. */
static void
put_attacker(FILE *out, const struct finding *f)
{
	const struct top *top = &f->top_sources[0];

	if (subject_is(f, "source") || subject_is(f, "prefix")) {
		put_placed(out, f->subject, f->place);
		return;
	}
	for (unsigned i = 0; f->success_us != WHEN_NONE && i < TOPS_MAX; i++)
		if (f->top_sources[i].name && f->top_sources[i].succeeded) {
			put_placed(out, f->top_sources[i].name, f->top_sources[i].place);
			return;
		}
	if (f->sources <= 1 && top->name)
		put_placed(out, top->name, top->place);
	else if (f->sources > 0)
		text_count(out, f->sources, "source", "sources");
	else
		fputs("Somebody", out);
}

/* "at least 64 passwords for dave and 3 further accounts" */
static void
put_guesses(FILE *out, const struct incident *incident, const struct finding *f)
{
	if (f->passwords > 0) {
		fputs(f->passwords_at_least ? "at least " : "", out);
		text_count(out, f->passwords, "password", "passwords");
	} else {
		text_number(out, f->attempts);
		fputs(" times to log in", out);
	}
	fputs(f->passwords > 0 ? " for " : " to ", out);
	if (subject_is(f, "account")) {
		put_name(out, f->subject);
		/* The other findings are about others. */
		if (incident->accounts.distinct > 1) {
			fputs(" and ", out);
			text_count(out, incident->accounts.distinct - 1, "further account",
				"further accounts");
		}
	} else if (f->accounts > 0) {
		put_which(out, f->top_accounts, f->accounts, "account", "accounts");
	} else {
		put_which(out, f->top_targets, f->targets, "server", "servers");
	}
}

static void
put_attempt(FILE *out, const struct finding *f)
{
	if (f->success_attempt == 0)
		return;
	fputs(" on attempt ", out);
	text_number(out, f->success_attempt);
	if (f->attempts > f->success_attempt) {
		fputs(" of ", out);
		text_number(out, f->attempts);
	}
}

/* guess: the finding of many accounts among which this one was; NULL: it was this one alone. */
static void
put_success(FILE *out, const struct incident *incident, const struct finding *f,
	const struct finding *guess)
{
	if (guess && guess->accounts > 1) {
		put_attacker(out, guess);
		fputs(" tried ", out);
		put_guesses(out, incident, guess);
		fputs(" and guessed ", out);
	} else {
		put_attacker(out, f);
		fputs(" guessed ", out);
	}
	if (!f->success_account) {
		fputs("a password; which account it is of could not be read", out);
		return;
	}
	fputs("the password of ", out);
	put_name(out, f->success_account);
	if (!guess || guess->accounts <= 1)
		put_attempt(out, f);
}

static void
put_guessing(FILE *out, const struct incident *incident, const struct finding *f)
{
	uint64_t failures = 0, successes = 0;
	bool all = true; /* answers were seen */

	for (size_t i = 0; i < incident->finding_count; i++) {
		const struct finding *one = &incident->findings[i];

		failures += one->failures;
		successes += one->successes;
		if (one->stage == STAGE_GUESSING)
			all &= one->attempts <= one->failures + one->successes;
	}
	put_attacker(out, f);
	fputs(" tried ", out);
	put_guesses(out, incident, f);
	/* Where the server's side was not captured nothing is known. */
	fputs(successes > 0     ? "; a login worked"
		: failures == 0 ? "; whether one worked was not seen"
		: all           ? "; no guess worked"
				: "; no guess was seen to work",
		out);
}

static void
put_scan(FILE *out, const struct finding *f)
{
	put_attacker(out, f);
	if (is(f, "enumeration")) {
		fputs(" asked for users in ", out);
		text_count(out, f->attempts, "probe", "probes");
		return;
	}
	fputs(" looked at ", out);
	put_which(out, f->top_targets, f->targets, "mail server", "mail servers");
}

/* Mails that were accepted of those who had logged in; *who sent most of them, or NULL. */
static struct tally
sent_mails(const struct incident *incident, const struct name **who)
{
	struct tally sent = {0};

	*who = NULL;
	for (size_t i = 0; i < incident->accounts.count; i++) {
		const struct name *n = &incident->accounts.entries[i];

		if (n->tally.mails_accepted == 0)
			continue;
		sent.mails_accepted += n->tally.mails_accepted;
		sent.recipients += n->tally.recipients;
		if (!*who || n->tally.mails_accepted > (*who)->tally.mails_accepted)
			*who = n;
	}
	return sent;
}

static void
put_sent(FILE *out, const struct tally *sent)
{
	text_count(out, sent->mails_accepted, "mail", "mails");
	fputs(" to ", out);
	text_count(out, sent->recipients, "recipient", "recipients");
}

/* What came of a login that is no relaying, or not yet. */
static void
put_use(FILE *out, const struct incident *incident)
{
	const struct name *who;
	const struct tally sent = sent_mails(incident, &who);

	if (!who)
		return;
	fputs("; ", out);
	put_sent(out, &sent);
	fputs(sent.mails_accepted == 1 ? " was sent as " : " were sent as ", out);
	put_name(out, who->text);
}

static void
put_relay(FILE *out, const struct incident *incident, const struct finding *f, bool first)
{
	const struct name *who;
	const struct tally sent = sent_mails(incident, &who);

	if (!is(f, "open_relay") && who) {
		if (first)
			put_name(out, who->text);
		fputs(first ? " sent " : " and sent ", out);
		put_sent(out, &sent);
		return;
	}
	fputs(first ? "" : "; ", out);
	put_name(out, f->subject);
	if (is(f, "open_relay")) {
		fputs(" passed on strangers' mail to ", out);
		text_count(out, f->attempts, "foreign recipient", "foreign recipients");
	} else if (is(f, "outbound_fanout")) {
		fputs(" spoke to ", out);
		text_count(out, f->targets, "mail server outside", "mail servers outside");
	} else {
		fputs(" sent mail to ", out);
		text_count(out, f->attempts, "foreign recipient", "foreign recipients");
	}
}

static void
put_bounces(FILE *out, const struct finding *f)
{
	text_count(out, f->attempts, "bounce came to ", "bounces came to ");
	put_name(out, f->subject);
	fputs(kind_is(f, "loop")            ? " in a loop"
		: kind_is(f, "backscatter") ? " for mail that others sent"
					    : "",
		out);
}

static void
put_listed(FILE *out, const struct finding *f, bool first)
{
	fputs(first ? "Other servers refuse " : "; other servers refuse ", out);
	put_name(out, f->subject);
	fputs(" as blocklisted", out);
	for (unsigned i = 0; i < LISTS_NAMED && f->lists[i]; i++) {
		fputs(i ? ", " : " by ", out);
		put_name(out, f->lists[i]);
	}
	fputs(f->lists[LISTS_NAMED] ? " and others" : "", out);
}

/* A weakness; false when it is none that we know. */
static bool
put_exposure(FILE *out, const struct finding *f)
{
	static const struct {
		const char *kind;
		const char *before, *after;
	} rows[] = {{"clear_auth", "", " offers AUTH in clear"},
		{"old_version", "", " greets as a version that nobody maintains"},
		{"mangled_starttls", "Something on the way to ", " takes STARTTLS out"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!kind_is(f, rows[i].kind))
			continue;
		fputs(rows[i].before, out);
		put_name(out, f->subject);
		fputs(rows[i].after, out);
		return true;
	}
	return false;
}

static void
put_rest(FILE *out, const struct finding *f)
{
	if (put_exposure(out, f))
		return;
	text_name(out, f->title ? f->title : "An attack on mail servers", TEXT_NAME_CHARS);
	fputs(": ", out);
	put_name(out, f->subject);
}

void
html_headline(FILE *out, const struct incident *incident)
{
	const struct finding *success = successful(incident);
	const struct finding *guess = gravest(incident, STAGE_GUESSING);
	const struct finding *scan = gravest(incident, STAGE_SCAN);
	const struct finding *relay = gravest(incident, STAGE_RELAY);
	const struct finding *bounces = gravest(incident, STAGE_BOUNCES);
	const struct finding *listed = gravest(incident, STAGE_BLOCKLISTED);
	bool first = !success && !guess && !scan;

	if (success)
		put_success(out, incident, success, guess);
	else if (guess)
		put_guessing(out, incident, guess);
	else if (scan)
		put_scan(out, scan);
	if (relay) {
		put_relay(out, incident, relay, first);
		first = false;
	} else if (success) {
		put_use(out, incident);
	}
	if (bounces) {
		fputs(first ? "" : "; ", out);
		put_bounces(out, bounces);
		first = false;
	}
	if (listed) {
		put_listed(out, listed, first);
		first = false;
	}
	if (first && incident->finding_count > 0)
		put_rest(out, &incident->findings[0]);
	fputc('.', out);
}
