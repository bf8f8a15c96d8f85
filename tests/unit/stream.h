/*
 * Synthetic AUTH events for the tests of aggr, detect and engine: a clock that
 * the test moves, and an engine whose findings are counted.
 */
#ifndef SMTAP_TESTS_STREAM_H
#define SMTAP_TESTS_STREAM_H

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "contract/event.h"
#include "control/detect/detect.h"
#include "control/engine/engine.h"

#define STREAM_LINES 4096

/* What the sink heard of one finding and its incident. */
struct stream_told {
	unsigned detector;
	uint64_t incident;
	uint64_t merged_into;
	enum finding_state finding_state;
	enum incident_state incident_state;
	enum stage stage;
	unsigned severity;
	uint64_t clock_ns;
};

struct stream {
	struct config config;
	struct engine *engine;
	uint64_t now_ns;
	uint64_t order;
	uint64_t salt; /* what fingerprints are made with */
	const char *server;
	unsigned told[FINDING_STATE_COUNT];
	char lines[STREAM_LINES][160]; /* what the sink heard, in order */
	struct stream_told tellings[STREAM_LINES];
	unsigned line_count;
};

/* One attempt. account NULL: unknown; password NULL: unknown. */
struct
try {
	const char *source;
	const char *account;
	const char *password;
	enum event_outcome outcome;
};

static inline void
stream_hear(void *arg, const struct engine_telling *telling)
{
	const struct finding *i = telling->finding;
	enum finding_state state = telling->finding_state;
	struct stream *s = arg;

	s->told[state]++;
	if (s->line_count == STREAM_LINES)
		return;
	s->tellings[s->line_count] = (struct stream_told){.detector = i->detector,
		.incident = telling->incident->id,
		.merged_into = telling->incident->merged_into,
		.finding_state = state,
		.incident_state = telling->incident_state,
		.stage = telling->incident->stage,
		.severity = telling->incident->severity,
		.clock_ns = s->now_ns};
	snprintf(s->lines[s->line_count++], sizeof(s->lines[0]),
		"%llu %llu %s %u %.60s state %u %llu/%llu/%llu accounts %llu sources %llu "
		"passwords %llu%s",
		(unsigned long long)telling->incident->id, (unsigned long long)i->id,
		detector_info(i->detector)->name, i->subject_type, i->subject, state,
		(unsigned long long)i->attempts, (unsigned long long)i->failures,
		(unsigned long long)i->successes, (unsigned long long)i->accounts,
		(unsigned long long)i->sources, (unsigned long long)i->passwords,
		i->passwords_capped ? "+" : "");
}

static inline void
stream_start(struct stream *s)
{
	const struct engine_sink sink = {.tell = stream_hear, .arg = s};

	s->now_ns = 1760000000 * NS_PER_S;
	if (s->server == NULL)
		s->server = "203.0.113.25";
	s->engine = engine_open(&s->config, &sink);
}

static inline struct stream *
stream_open(void)
{
	struct stream *s = calloc(1, sizeof(*s));

	config_defaults(&s->config);
	s->salt = 0x5eed;
	stream_start(s);
	return s;
}

static inline void
stream_close(struct stream *s)
{
	engine_close(s->engine);
	free(s);
}

static inline struct addr
stream_addr(const char *text)
{
	struct addr a;
	uint8_t four[4];

	if (inet_pton(AF_INET, text, four) == 1)
		return addr_from_v4(four);
	if (inet_pton(AF_INET6, text, a.bytes) != 1)
		abort();
	return a;
}

static inline uint64_t
stream_fingerprint(const struct stream *s, const char *password)
{
	uint64_t h = s->salt;

	for (const char *p = password; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3ULL;
	h ^= h >> 31;
	return h * 0x9e3779b97f4a7c15ULL;
}

static inline struct event
stream_make(struct stream *s, const struct try *t)
{
	struct event e = {0};

	s->order++;
	e.head.type = EVENT_AUTH;
	e.head.version = EVENT_VERSION;
	e.head.clock_ns = e.head.time_ns = s->now_ns;
	e.head.order = s->order;
	e.head.flow.flow_id = s->order;
	e.head.flow.client = stream_addr(t->source);
	e.head.flow.server = stream_addr(s->server);
	e.head.flow.client_port = 40000;
	e.head.flow.server_port = 25;
	e.auth.outcome = (uint8_t)t->outcome;
	e.auth.confidence = 100;
	strcpy(e.auth.mechanism, "LOGIN");
	if (t->password != NULL) {
		e.auth.flags |= AUTH_PASSWORD_KNOWN;
		e.auth.password_fp = stream_fingerprint(s, t->password);
	}
	if (t->account != NULL) {
		e.auth.flags |= AUTH_USERNAME_KNOWN;
		e.auth.username_len = (uint8_t)strlen(t->account);
		memcpy(e.text, t->account, e.auth.username_len);
	}
	return e;
}

static inline void
stream_try(struct stream *s, const char *source, const char *account, const char *password,
	enum event_outcome outcome)
{
	const struct try t = {source, account, password, outcome};
	struct event e = stream_make(s, &t);

	engine_event(s->engine, &e);
}

static inline void
stream_wait(struct stream *s, uint64_t ns)
{
	s->now_ns += ns;
}

/* The finding of detector on subject (NULL: any), or NULL. */
static inline const struct finding *
stream_find(struct stream *s, enum detector detector, const char *subject)
{
	static const struct finding *all[4096];
	size_t n = engine_findings(s->engine, all, 4096);

	for (size_t i = 0; i < n; i++)
		if (all[i]->detector == detector &&
			(subject == NULL || strcmp(all[i]->subject, subject) == 0))
			return all[i];
	return NULL;
}

static inline uint64_t
stream_findings(struct stream *s)
{
	struct engine_totals totals;

	engine_totals(s->engine, &totals);
	return totals.findings;
}

#endif
