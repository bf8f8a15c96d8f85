/*
 * control: events through engine_event, on one core, without ring and export,
 * all detectors on. Mixtures, one line each:
 *   mixed   a million sources in 2^18 prefixes, 512 sessions at once; half are
 *           guessers (three AUTHs that fail, each for another of a million
 *           accounts), a fourth users (one that works, a message with its
 *           recipient), a fourth mail servers (a message, two recipients, one
 *           of them refused); each session ends with its event. An hour passes
 *           between two visits of a source.
 *   sessions what tools do: a source tries two accounts, about ten passwords each,
 *           then its session ends; 512 at once, the next one is another of a million
 *   crowd   AUTH alone: a million sources, one or two attempts each, room for all
 *   flood   the same into the default tables: nearly each event evicts
 *   attack  256 sources that never stop: each event grows an open finding
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/bench.h"
#include "config/config.h"
#include "control/engine/engine.h"

#define SOURCES (1u << 20)
#define BATCH 256u    /* events made at a time: they stay in the cache, as control's do */
#define SESSIONS 512u /* at once, of the mixed one */
#define STEPS 4u      /* events of a session of the mixed one */
#define GUESSES 20u   /* of one that guesses, the session's end among them */

struct mixture {
	const char *name;
	uint32_t sources;
	uint32_t accounts;
	bool roomy;       /* tables as large as the crowd */
	unsigned steps;   /* of a session; 0: no sessions, AUTH alone */
	uint64_t step_ns; /* between two events */
};

static const struct mixture mixtures[] = {
	{"mixed", SOURCES, SOURCES, true, STEPS, NS_PER_H / STEPS / SOURCES},
	{"sessions", SOURCES, SOURCES, true, GUESSES, NS_PER_H / GUESSES / SOURCES},
	{"crowd", SOURCES, 65536, true, 0, NS_PER_US},
	{"flood", SOURCES, 65536, false, 0, NS_PER_US},
	{"attack", 256, 64, false, 0, NS_PER_US},
};

#define MIXTURES (sizeof(mixtures) / sizeof(mixtures[0]))

struct feed {
	struct engine *engine;
	const struct mixture *mixture;
	struct event *batch; /* BATCH events, made outside the measured time */
	uint64_t made;
	uint64_t random;
	uint32_t session[SESSIONS]; /* each one's source */
	uint32_t account[SESSIONS]; /* whom it tries */
};

static uint64_t
draw(struct feed *feed)
{
	feed->random = feed->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return feed->random >> 24;
}

static struct addr
v4(uint32_t number)
{
	const uint8_t bytes[4] = {
		number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255};

	return addr_from_v4(bytes);
}

static uint8_t
put_name(char *at, const char *prefix, uint32_t number, const char *suffix)
{
	size_t len = strlen(prefix);

	memcpy(at, prefix, len);
	for (unsigned i = 0; i < 5; i++, number /= 26)
		at[len++] = (char)('a' + number % 26);
	memcpy(at + len, suffix, strlen(suffix));
	return (uint8_t)(len + strlen(suffix));
}

static void
make_head(struct feed *feed, struct event *event, enum event_type type, uint32_t client)
{
	memset(event, 0, sizeof(*event));
	event->head.type = (uint16_t)type;
	event->head.version = EVENT_VERSION;
	event->head.clock_ns = event->head.time_ns =
		1760000000 * NS_PER_S + feed->made * feed->mixture->step_ns;
	event->head.order = event->head.flow.flow_id = ++feed->made;
	event->head.flow.flags = EVENT_FLOW_FROM_START;
	event->head.flow.client = v4(client);
	event->head.flow.client_port = 40000;
	event->head.flow.server = v4((203u << 24) + (113u << 8) + client % 16);
	event->head.flow.server_port = 25;
}

static void
make_auth(struct feed *feed, struct event *event, uint32_t client, uint32_t account)
{
	make_head(feed, event, EVENT_AUTH, client);
	event->auth.outcome = OUTCOME_FAILURE;
	event->auth.flags = AUTH_USERNAME_KNOWN | AUTH_PASSWORD_KNOWN;
	event->auth.password_fp = draw(feed);
	event->auth.username_len = put_name(event->text, "user", account, "");
}

static void
make_session(struct feed *feed, struct event *event, uint32_t client)
{
	struct event_session *s = &event->session;

	make_head(feed, event, EVENT_SESSION, client);
	s->start_ns = event->head.time_ns - NS_PER_S;
	s->bytes[0] = s->bytes[1] = 1000;
	s->commands = s->replies = 8;
	s->end = SESSION_END_FIN;
	s->flags = SESSION_BANNER_SEEN | SESSION_EHLO_SEEN;
	s->helo_len = put_name(event->text, "host", client, ".example.net");
}

static void
make_rcpt(struct feed *feed, struct event *event, uint32_t client, bool user, bool accepted)
{
	struct event_rcpt *r = &event->rcpt;
	char *text = event->text;

	make_head(feed, event, EVENT_RCPT, client);
	r->accepted = accepted;
	r->reply_code = accepted ? 250 : 550;
	r->transaction_no = 1;
	r->rcpt_len = put_name(text, "to", (uint32_t)draw(feed) % 4096, "@example.com");
	r->from_len = put_name(text + r->rcpt_len, "from", client, "@example.org");
	if (user)
		r->authenticated_len =
			put_name(text + r->rcpt_len + r->from_len, "user", client % SOURCES, "");
}

static void
make_mail(struct feed *feed, struct event *event, uint32_t client, bool user)
{
	struct event_mail *m = &event->mail;
	char *text = event->text;

	make_head(feed, event, EVENT_MAIL, client);
	m->transaction_no = 1;
	m->recipients_accepted = 1;
	m->flags = MAIL_COMPLETE;
	m->helo_len = put_name(text, "host", client, ".example.net");
	m->from_len = put_name(text + m->helo_len, "from", client, "@example.org");
	if (user)
		m->authenticated_len =
			put_name(text + m->helo_len + m->from_len, "user", client % SOURCES, "");
}

/* Four sources in each /24, a prime apart. */
static uint32_t
spread(uint32_t source)
{
	return (11u << 24) + (source / 4 << 8) + source % 4 * 61;
}

/* The next guess of the next session, or its end. */
static void
make_guess(struct feed *feed, struct event *event)
{
	unsigned step = (unsigned)(feed->made / SESSIONS % GUESSES);
	unsigned session = (unsigned)(feed->made % SESSIONS);

	if (step == 0)
		feed->session[session] = (uint32_t)(draw(feed) % feed->mixture->sources);
	if (step % (GUESSES / 2) == 0)
		feed->account[session] = (uint32_t)(draw(feed) % feed->mixture->accounts);
	if (step < GUESSES - 1) {
		make_auth(feed, event, spread(feed->session[session]), feed->account[session]);
		return;
	}
	make_session(feed, event, spread(feed->session[session]));
	event->session.auth_attempts = GUESSES - 1;
}

/* The next event of the next session; what it is follows from its source and its step. */
static void
make_mixed(struct feed *feed, struct event *event)
{
	unsigned step = (unsigned)(feed->made / SESSIONS % STEPS);
	uint32_t *source = &feed->session[feed->made % SESSIONS];
	uint32_t client, kind;

	if (step == 0)
		*source = (uint32_t)(draw(feed) % feed->mixture->sources);
	client = spread(*source);
	kind = (*source * 2654435761u) >> 30;
	if (step == STEPS - 1) {
		make_session(feed, event, client);
		event->session.transactions = kind > 1;
		event->session.auth_attempts = kind == 3 ? 0 : kind == 2 ? 1 : 3;
	} else if (kind < 2) {
		make_auth(feed, event, client, (uint32_t)(draw(feed) % feed->mixture->accounts));
	} else if (kind == 2 && step == 0) {
		make_auth(feed, event, client, *source);
		event->auth.outcome = OUTCOME_SUCCESS;
		event->auth.password_fp = *source + 1;
	} else if (step == 2) {
		make_mail(feed, event, client, kind == 2);
	} else {
		make_rcpt(feed, event, client, kind == 2, step == 1);
	}
}

static void
make_event(struct feed *feed, struct event *event)
{
	uint32_t source, account;

	if (feed->mixture->steps == STEPS) {
		make_mixed(feed, event);
		return;
	}
	if (feed->mixture->steps == GUESSES) {
		make_guess(feed, event);
		return;
	}
	source = (uint32_t)(draw(feed) % feed->mixture->sources);
	account = (uint32_t)(draw(feed) % feed->mixture->accounts);
	make_auth(feed, event, (10u << 24) + source, account);
}

/* Of this thread alone: what others do on the machine is not control's cost. */
static uint64_t
cpu_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static uint64_t
page_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_minflt;
}

/* Nanoseconds that the engine took for one batch. */
static uint64_t
run_batch(struct feed *feed)
{
	uint64_t start_ns;

	for (unsigned i = 0; i < BATCH; i++)
		make_event(feed, &feed->batch[i]);
	start_ns = cpu_now_ns();
	for (unsigned i = 0; i < BATCH; i++) {
		if (i % ENGINE_AHEAD == 0)
			engine_ahead(feed->engine, &feed->batch[i], ENGINE_AHEAD);
		engine_event(feed->engine, &feed->batch[i]);
	}
	return cpu_now_ns() - start_ns;
}

struct work {
	uint64_t events;
	uint64_t page_faults;
};

static int
report(const struct bench_options *options, const struct feed *feed, const struct work *work,
	double *ns)
{
	struct bench_line *line = bench_line_open(options, "control");
	double rate[BENCH_REPEATS_MAX];
	struct engine_totals totals;

	engine_totals(feed->engine, &totals);
	for (unsigned i = 0; i < options->repeats; i++)
		rate[i] = 1e3 / ns[i];
	bench_line_text(line, "mixture", feed->mixture->name);
	bench_line_count(line, "events", work->events);
	bench_line_count(line, "findings", totals.findings);
	bench_line_count(line, "findings_refused", totals.findings_refused);
	bench_line_count(line, "evicted_sources", totals.evicted_sources);
	bench_line_count(line, "page_faults", work->page_faults);
	bench_line_samples(line, "mevents_per_s", rate, options->repeats);
	bench_line_samples(line, "ns_per_event", ns, options->repeats);
	return bench_line_print(line);
}

/* Tables filled, and old entries come back. */
static uint64_t
warm_events(const struct mixture *m)
{
	return m->steps == GUESSES ? 1ULL * GUESSES * m->sources
	       : m->steps == STEPS ? 3ULL * STEPS * m->sources
				   : 2ULL * m->sources;
}

static int
measure(const struct bench_options *options, struct feed *feed)
{
	uint64_t part_ns =
		(uint64_t)(options->seconds * 1e9 / (double)(MIXTURES * options->repeats));
	double samples[BENCH_REPEATS_MAX];
	struct work work = {0};

	/* Tables filled first: a crowd that is still arriving costs less to find. */
	if (options->packets == 0)
		for (uint64_t warm = 0; warm < warm_events(feed->mixture); warm += BATCH)
			run_batch(feed);
	work.page_faults = page_faults();
	for (unsigned i = 0; i < options->repeats; i++) {
		uint64_t took_ns = 0;
		uint64_t n = 0;

		do {
			took_ns += run_batch(feed);
			n += BATCH;
		} while (options->packets > 0 ? n < options->packets : took_ns < part_ns);
		samples[i] = (double)took_ns / (double)n;
		work.events += n;
	}
	work.page_faults = page_faults() - work.page_faults;
	return report(options, feed, &work, samples);
}

static int
run_mixture(const struct bench_options *options, const struct mixture *mixture)
{
	const struct engine_sink sink = {0};
	struct feed feed = {.mixture = mixture, .random = 1};
	struct config config;
	int rc = -1;

	config_defaults(&config);
	if (mixture->roomy) {
		config.aggr_sources = 2ULL * SOURCES;
		config.aggr_pairs = (mixture->steps > 0 ? 4ULL : 16ULL) * SOURCES;
	}
	if (mixture->steps > 0) {
		config.aggr_accounts = 2ULL * SOURCES;
		config.aggr_prefixes = SOURCES / 2;
		config.aggr_trackers = 4ULL * SOURCES;
	}
	feed.engine = engine_open(&config, &sink);
	feed.batch = malloc(BATCH * sizeof(*feed.batch));
	if (feed.engine != NULL)
		engine_touch_memory(feed.engine);
	if (feed.engine != NULL && feed.batch != NULL)
		rc = measure(options, &feed);
	free(feed.batch);
	engine_close(feed.engine);
	return rc;
}

static int
run(const struct bench_options *options)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < MIXTURES; i++)
		if (options->mixture == NULL || strcmp(options->mixture, mixtures[i].name) == 0)
			rc = run_mixture(options, &mixtures[i]);
	return rc;
}

const struct bench_scenario bench_control = {
	.name = "control",
	.help = "events to counters and findings, all detectors on",
	.run = run,
};
