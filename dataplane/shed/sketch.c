/*
 * sketch: theory of operation.
 *
 * Keeps: for each of the last 65,536 sources (IPv4 address, IPv6 /64) one word: what its
 * sessions were. It learns from the events that control is told, so it knows what control
 * knows, a few events per session, nothing per packet; and it learns all the time, since
 * what is learned under overload comes too late.
 *
 * Always holds: a class only rises, while the source is remembered: one failed login in a
 * thousand deliveries makes a source interesting. A session without AUTH that brought mail makes a
 * deliverer. Handshakes and SYNs alone make nothing: they can be forged. An address that asks for
 * users (more recipients refused than accepted, by ASKED_MANY; VRFY) is of interest like a guesser.
 *
 * Limits: eight sources a set, a day (SKETCH_REMEMBER_S). When a set is full the least interesting
 * goes, of those the one not seen for longest; but a set that has GUESSERS_MAX of interest
 * forgets one of these. So guessers without number leave room for the deliverers: who
 * cannot be told from them could not be shed before them. A tag is 32 bits of a keyed hash: two
 * sources of one set are taken for one by a chance of 2^-32.
 *
 * What an attacker would try: be a deliverer first. Then level SHED_DELIVERIES sheds most of his
 * next sessions (shed.c), and the first failure that one of the others shows brings him back
 * for good. Fill the table with sources of interest of his own: 40,960 real addresses that fail to
 * log in, which is an attack that control tells of.
 */
#include "dataplane/shed/sketch.h"

#include <stdbool.h>
#include <string.h>

#include "base/duration.h"

#define SKETCH_TICK_S 16u
#define ASKED_MANY 8u
/* Of a full set: the other ways are for who is known to be of less interest. */
#define GUESSERS_MAX 5u

_Static_assert(SKETCH_REMEMBER_S / SKETCH_TICK_S < UINT16_MAX / 2, "an age fits its field");

static uint16_t
tick_of(uint64_t clock_ns)
{
	return (uint16_t)(clock_ns / (SKETCH_TICK_S * NS_PER_S));
}

static bool
is_old(const struct sketch_source *e, uint16_t tick)
{
	return (uint16_t)(tick - e->seen) > SKETCH_REMEMBER_S / SKETCH_TICK_S;
}

/* The set of a client, and its tag in it. */
static struct sketch_set *
set_of(const struct sketch *s, const struct addr *client, uint32_t *tag)
{
	struct addr source = *client;

	if (!addr_is_v4(client))
		memset(source.bytes + 8, 0, 8);
	uint64_t hash = siphash(&s->key, &source, sizeof(source));
	*tag = (uint32_t)(hash >> 32) | 1;
	return &s->sets[hash % (SKETCH_SOURCES / SKETCH_WAYS)];
}

static struct sketch_source *
find(struct sketch_set *set, uint32_t tag, uint16_t tick)
{
	for (unsigned i = 0; i < SKETCH_WAYS; i++) {
		if (set->way[i].tag == tag)
			return is_old(&set->way[i], tick) ? NULL : &set->way[i];
	}
	return NULL;
}

/* Is a rather forgotten than b? Guessers are when there are many of them. */
static bool
is_worse(const struct sketch_source *a, const struct sketch_source *b, bool crowded, uint16_t tick)
{
	bool a_crowds = crowded && a->class == SHED_INTEREST;
	bool b_crowds = crowded && b->class == SHED_INTEREST;

	if (a_crowds != b_crowds)
		return a_crowds;
	if (a->class != b->class)
		return a->class < b->class;
	return (uint16_t)(tick - a->seen) > (uint16_t)(tick - b->seen);
}

/* Whom to forget for another. */
static struct sketch_source *
victim(struct sketch_set *set, uint32_t tag, uint16_t tick)
{
	struct sketch_source *worst = &set->way[0];
	unsigned guessers = 0;

	for (unsigned i = 0; i < SKETCH_WAYS; i++) {
		struct sketch_source *e = &set->way[i];
		if (e->tag == tag || e->tag == 0 || is_old(e, tick))
			return e;
		guessers += e->class == SHED_INTEREST;
	}
	for (unsigned i = 1; i < SKETCH_WAYS; i++)
		if (is_worse(&set->way[i], worst, guessers >= GUESSERS_MAX, tick))
			worst = &set->way[i];
	return worst;
}

size_t
sketch_footprint(void)
{
	return SKETCH_SOURCES / SKETCH_WAYS * sizeof(struct sketch_set);
}

void
sketch_init(struct sketch *s, void *memory, const struct siphash_key *key)
{
	s->key = *key;
	s->sets = memory;
}

enum shed_class
sketch_class(const struct sketch *s, const struct addr *client, uint64_t clock_ns)
{
	uint32_t tag;
	struct sketch_set *set = set_of(s, client, &tag);
	const struct sketch_source *e = find(set, tag, tick_of(clock_ns));

	return e ? (enum shed_class)e->class : SHED_STRANGER;
}

static enum shed_class
class_of_auth(const struct event_auth *auth)
{
	return auth->outcome == OUTCOME_SUCCESS ? SHED_USER : SHED_INTEREST;
}

static enum shed_class
class_of_session(const struct event_session *session)
{
	if (session->probes > 0)
		return SHED_INTEREST;
	return session->transactions > 0 && session->auth_attempts == 0 ? SHED_DELIVERER
									: SHED_STRANGER;
}

/* A user that the server does not know; not a server that is busy, or refuses who asks. */
static bool
is_unknown_user(const struct event_rcpt *rcpt)
{
	return !rcpt->accepted && rcpt->reply_code >= 500 && !rcpt->refused_policy;
}

static void
count_rcpt(struct sketch_source *e, const struct event_rcpt *rcpt)
{
	if (rcpt->accepted)
		e->asked -= e->asked > 0;
	else if (is_unknown_user(rcpt))
		e->asked += e->asked < ASKED_MANY;
	if (e->asked == ASKED_MANY)
		e->class = SHED_INTEREST;
}

void
sketch_learn(struct sketch *s, const struct event *event)
{
	const uint16_t tick = tick_of(event->head.clock_ns);
	enum shed_class class = SHED_STRANGER;
	uint32_t tag;

	if (event->head.type == EVENT_AUTH)
		class = class_of_auth(&event->auth);
	else if (event->head.type == EVENT_SESSION)
		class = class_of_session(&event->session);
	else if (event->head.type != EVENT_RCPT)
		return;
	struct sketch_set *set = set_of(s, &event->head.flow.client, &tag);
	struct sketch_source *e = find(set, tag, tick);
	bool asked = event->head.type == EVENT_RCPT && is_unknown_user(&event->rcpt);
	if (!e && class == SHED_STRANGER && !asked)
		return;
	if (!e) {
		e = victim(set, tag, tick);
		*e = (struct sketch_source){.tag = tag};
	}
	e->seen = tick;
	if (class > e->class)
		e->class = (uint8_t) class;
	if (event->head.type == EVENT_RCPT)
		count_rcpt(e, &event->rcpt);
}
