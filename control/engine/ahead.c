/*
 * Looking ahead: what events will be found by, and asking memory for it
 * (aggr/key.c says why). Nothing here changes a table or a verdict: a table of
 * what detectors usually look for is good enough, and one that is missing in
 * it is only slower.
 */
#include "control/engine/internal.h"

/* Who is looked for by an event of each type. */
static const struct looks {
	uint8_t n;
	struct look {
		uint8_t detector;
		uint8_t type; /* enum subject_type */
		uint8_t whom; /* the same, as the key's place */
	} at[AHEAD_PLACES];
} looks[EVENT_TYPE_COUNT] = {
	[EVENT_AUTH] = {1, {{DETECTOR_SLOW, SUBJECT_SOURCE, SUBJECT_SOURCE}}},
	[EVENT_SESSION] = {4, {{DETECTOR_SMTP_SCAN, SUBJECT_SOURCE, SUBJECT_SOURCE},
				      {DETECTOR_HELO_CHURN, SUBJECT_PREFIX, SUBJECT_PREFIX},
				      {ROLE_HOME, SUBJECT_PREFIX, SUBJECT_PREFIX},
				      {ROLE_SERVER_SEEN, SUBJECT_SERVER, SUBJECT_SOURCE}}},
	[EVENT_RCPT] = {2, {{DETECTOR_ENUMERATION, SUBJECT_SOURCE, SUBJECT_SOURCE},
				   {DETECTOR_RELAY_BURST, SUBJECT_ACCOUNT, SUBJECT_ACCOUNT}}},
	[EVENT_MAIL] = {1, {{DETECTOR_RELAY_BURST, SUBJECT_ACCOUNT, SUBJECT_ACCOUNT}}},
};

static uint64_t
track_key(uint64_t key)
{
	return key | 1; /* as track_hash: never 0 */
}

static void
fill(struct engine *engine, const struct event *event, struct ahead_event *out)
{
	const struct event_flow *flow = &event->head.flow;
	struct track_known *known = &out->known;

	out->event = event;
	aggr_keys(&engine->aggr, event, &out->keys);
	known->addr[0] = flow->client;
	known->hash[0] = track_key(out->keys.of[SUBJECT_SOURCE]);
	known->addr[1] = addr_prefix(&flow->client);
	known->hash[1] = track_key(out->keys.of[SUBJECT_PREFIX]);
	known->addr[2] = flow->server;
	known->hash[2] = track_key(out->keys.of[SUBJECT_SERVER]);
	known->name_len = (uint8_t)event_account(event, &known->name);
	if (known->name_len == 0)
		known->name = NULL;
	else if (event->head.type != EVENT_AUTH)
		out->keys.of[SUBJECT_ACCOUNT] =
			aggr_name_key(&engine->aggr, known->name, known->name_len, NULL);
	known->name_hash = track_key(out->keys.of[SUBJECT_ACCOUNT]);
	known->place = NULL;
	out->places = 0;
}

static void
fill_places(struct ahead_event *of)
{
	const struct looks *l = &looks[of->event->head.type];

	for (unsigned i = 0; i < l->n; i++) {
		const struct look *at = &l->at[i];

		if (at->whom != SUBJECT_ACCOUNT || of->known.name != NULL)
			of->place[of->places++] = track_place(
				at->detector, at->type, track_key(of->keys.of[at->whom]));
	}
	of->known.place = of->places > 0 ? &of->place[0] : NULL;
}

static inline void
ask(const struct engine *engine, struct ahead_event *of, enum table_step step)
{
	if (of->event->head.type == EVENT_AUTH)
		aggr_ahead(&engine->aggr, &of->keys, step);
	for (unsigned i = 0; i < of->places; i++)
		track_ahead(&engine->track, &of->place[i], step);
}

static void
ask_all(struct engine *engine, enum table_step step)
{
	struct ahead *ahead = &engine->ahead;

	for (unsigned i = 0; i < ahead->len; i++)
		ask(engine, &ahead->of[i], step);
}

void
engine_ahead(struct engine *engine, const struct event *events, unsigned n)
{
	struct ahead *ahead = &engine->ahead;

	ahead->next = 0;
	ahead->len = n < ENGINE_AHEAD ? n : ENGINE_AHEAD;
	for (unsigned i = 0; i < ahead->len; i++) {
		fill(engine, &events[i], &ahead->of[i]);
		fill_places(&ahead->of[i]);
		ask(engine, &ahead->of[i], TABLE_STEP_LINE);
	}
	ask_all(engine, TABLE_STEP_VALUES);
	ask_all(engine, TABLE_STEP_MORE);
}

const struct ahead_event *
ahead_take(struct engine *engine, const struct event *event)
{
	struct ahead *ahead = &engine->ahead;

	if (ahead->next >= ahead->len || ahead->of[ahead->next].event != event) {
		ahead->next = 0;
		ahead->len = 1;
		fill(engine, event, &ahead->of[0]);
	}
	return &ahead->of[ahead->next++];
}
