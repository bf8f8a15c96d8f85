/*
 * Looking ahead: what events will be found by, and asking memory for it
 * (aggr/key.c says why). Nothing here changes a table or a verdict: a table of
 * what detectors usually look for is good enough, and one that is missing in
 * it is only slower.
 */
#include "control/engine/internal.h"

/* Who is looked for by an event of this type. */
static const struct look {
	uint8_t event_type;
	uint8_t detector;
	uint8_t type; /* enum subject_type */
	uint8_t whom; /* the same, as the key's place */
} looks[] = {
	{EVENT_AUTH, DETECTOR_SLOW, SUBJECT_SOURCE, SUBJECT_SOURCE},
	{EVENT_SESSION, DETECTOR_SMTP_SCAN, SUBJECT_SOURCE, SUBJECT_SOURCE},
	{EVENT_SESSION, DETECTOR_HELO_CHURN, SUBJECT_PREFIX, SUBJECT_PREFIX},
	{EVENT_SESSION, ROLE_HOME, SUBJECT_PREFIX, SUBJECT_PREFIX},
	{EVENT_SESSION, ROLE_SERVER_SEEN, SUBJECT_SERVER, SUBJECT_SOURCE},
	{EVENT_RCPT, DETECTOR_ENUMERATION, SUBJECT_SOURCE, SUBJECT_SOURCE},
	{EVENT_RCPT, DETECTOR_RELAY_BURST, SUBJECT_ACCOUNT, SUBJECT_ACCOUNT},
	{EVENT_MAIL, DETECTOR_RELAY_BURST, SUBJECT_ACCOUNT, SUBJECT_ACCOUNT},
};

#define LOOKS (sizeof(looks) / sizeof(looks[0]))

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
}

static void
ask(const struct engine *engine, const struct ahead_event *of, enum table_step step)
{
	unsigned type = of->event->head.type;

	if (type == EVENT_AUTH)
		aggr_ahead(&engine->aggr, &of->keys, step);
	for (unsigned i = 0; i < LOOKS; i++) {
		const struct look *l = &looks[i];

		if (l->event_type != type || (l->whom == SUBJECT_ACCOUNT && !of->known.name))
			continue;
		track_ahead(&engine->track, l->detector, l->type, track_key(of->keys.of[l->whom]),
			step);
	}
}

void
engine_ahead(struct engine *engine, const struct event *events, unsigned n)
{
	struct ahead *ahead = &engine->ahead;

	ahead->next = 0;
	ahead->len = n < ENGINE_AHEAD ? n : ENGINE_AHEAD;
	for (unsigned i = 0; i < ahead->len; i++) {
		fill(engine, &events[i], &ahead->of[i]);
		ask(engine, &ahead->of[i], TABLE_STEP_BUCKET);
	}
	for (unsigned step = TABLE_STEP_LINK; step < TABLE_STEPS; step++)
		for (unsigned i = 0; i < ahead->len; i++)
			ask(engine, &ahead->of[i], step);
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
