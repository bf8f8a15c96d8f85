/*
 * An episode: the attempts of a subject from the first that failed, through
 * whatever comes between, until none failed for aggregate.episode_gap and no
 * finding is open. It is what a finding shows as its evidence, so that one
 * which opens at the tenth guess tells of all ten.
 */
#include <string.h>

#include "control/aggr/internal.h"

bool
episode_active(const struct aggr *a, const struct aggr_subject *s, uint64_t clock_ns)
{
	if (s->episode.last_guess_clock_ns == 0)
		return false;
	return aggr_has_finding(s) ||
	       clock_ns - s->episode.last_guess_clock_ns <= a->config->aggr_episode_gap;
}

static void
begin(struct aggr *a, struct aggr_view *v, enum subject_type type)
{
	struct aggr_subject *s = v->subject[type];

	s->episode = (struct aggr_episode){
		.number = s->episode.number + 1,
		.first_ns = v->event->head.time_ns,
		.first_clock_ns = v->clock_ns,
		.success_pair = TABLE_NONE,
	};
	s->first_flow = v->event->head.flow;
	subject_clear_tops(s);
	subject_give_many(a, s);
	if (type == SUBJECT_SERVER)
		memset(&a->server_sources[v->index[type]], 0, sizeof(*a->server_sources));
}

/* More servers than have a name: from here on they are estimated, those with a name too. */
static void
count_many(struct aggr *a, struct aggr_subject *s, const struct addr *server)
{
	const struct aggr_subject *servers = a->class[SUBJECT_SERVER].subjects;
	struct hll *many;

	if (s->many == BLOCKS_NONE) {
		s->many = blocks_take(&a->many);
		if (s->many == BLOCKS_NONE)
			return;
		many = blocks_at(&a->many, s->many);
		memset(many, 0, sizeof(*many));
		for (unsigned i = 0; i < AGGR_TARGETS; i++)
			hll_add(many, servers[s->targets[i].server].addr.bytes,
				sizeof(struct addr));
	}
	hll_add_hash(blocks_at(&a->many, s->many), key_thing(a, server));
}

static void
count_target(struct aggr *a, struct aggr_subject *s, const struct aggr_view *v)
{
	for (unsigned i = 0; i < AGGR_TARGETS; i++) {
		struct aggr_target *target = &s->targets[i];

		if (target->server == TABLE_NONE)
			target->server = v->index[SUBJECT_SERVER];
		if (target->server != v->index[SUBJECT_SERVER])
			continue;
		target->count++;
		target->succeeded |= v->success;
		return;
	}
	count_many(a, s, &v->event->head.flow.server);
}

static void
count_pair(struct aggr *a, struct aggr_view *v, enum subject_type type)
{
	struct aggr_subject *s = v->subject[type];
	struct aggr_pair *pair = type == SUBJECT_PREFIX ? v->prefix_pair : v->pair;
	uint32_t *mark = type == SUBJECT_ACCOUNT ? &pair->account_mark : &pair->subject_mark;

	if (v->subject[SUBJECT_ACCOUNT] == NULL)
		return;
	if (*mark != s->episode.number) {
		*mark = s->episode.number;
		s->episode.peers++;
	}
	subject_offer_top(a, s, type == SUBJECT_PREFIX ? v->prefix_pair_index : v->pair_index);
}

/*
 * The estimates of a server. Who is in them stays there for the episode, so a pair's source and
 * account are added once, however often it tries; but each spelling of the name is a thing.
 */
static void
count_server(struct aggr *a, struct aggr_view *v)
{
	struct aggr_subject *s = v->subject[SUBJECT_SERVER];
	uint32_t server = v->index[SUBJECT_SERVER];
	struct aggr_pair *pair = v->pair;
	bool marked = pair->server == server && pair->server_mark == s->episode.number;

	if (marked && v->keys->name_as_sent)
		return;
	hll_add_hash(&a->server_sources[server], key_thing(a, &v->event->head.flow.client));
	if (v->subject[SUBJECT_ACCOUNT] != NULL)
		hll_add(&s->accounts, v->event->text, v->event->auth.username_len);
	pair->server = server;
	pair->server_mark = v->keys->name_as_sent ? s->episode.number : 0;
}

static void
count(struct aggr *a, struct aggr_view *v, enum subject_type type)
{
	struct aggr_subject *s = v->subject[type];

	s->episode.attempts++;
	s->episode.failures += v->event->auth.outcome == OUTCOME_FAILURE;
	s->episode.last_ns = v->event->head.time_ns;
	s->episode.last_clock_ns = v->clock_ns;
	if (type == SUBJECT_SERVER) {
		count_server(a, v);
		return;
	}
	count_target(a, s, v);
	count_pair(a, v, type);
	if (type == SUBJECT_PREFIX) {
		struct aggr_subject *source = v->subject[SUBJECT_SOURCE];

		s->episode.sources += source->prefix_mark != s->episode.number;
		source->prefix_mark = s->episode.number;
	}
}

void
episode_guess(struct aggr *a, struct aggr_view *v, enum subject_type type)
{
	if (v->subject[type] == NULL)
		return;
	if (!episode_active(a, v->subject[type], v->clock_ns))
		begin(a, v, type);
	v->subject[type]->episode.last_guess_clock_ns = v->clock_ns;
	count(a, v, type);
}

void
episode_success(struct aggr *a, struct aggr_view *v, enum subject_type type)
{
	struct aggr_subject *s = v->subject[type];

	if (s == NULL || !episode_active(a, s, v->clock_ns))
		return;
	if (type == SUBJECT_PREFIX && v->prefix_pair == NULL)
		return;
	count(a, v, type);
	s->episode.successes++;
	if (s->episode.success_pair != TABLE_NONE || type == SUBJECT_SERVER)
		return;
	s->episode.success_pair = v->pair_index;
	s->episode.success_ns = v->event->head.time_ns;
	s->episode.success_attempt = v->pair->attempts;
}
