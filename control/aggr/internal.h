/* What the files of aggr share. */
#ifndef SMTAP_CONTROL_AGGR_INTERNAL_H
#define SMTAP_CONTROL_AGGR_INTERNAL_H

#include "control/aggr/aggr.h"

static inline struct window_at
subject_window(struct aggr *a, struct aggr_subject *s)
{
	return window_at(&s->window, &a->wide);
}

/* The names of an episode; of a server, the estimate. */
static inline void
subject_clear_tops(struct aggr_subject *s)
{
	s->top_len = 0;
	if (s->type == SUBJECT_SERVER) {
		s->accounts = (struct hll){{0}};
		return;
	}
	for (unsigned i = 0; i < AGGR_TARGETS; i++)
		s->targets[i] = (struct aggr_target){.server = TABLE_NONE};
}

static inline void
subject_give_many(struct aggr *a, struct aggr_subject *s)
{
	if (s->many != BLOCKS_NONE)
		blocks_give(&a->many, s->many);
	s->many = BLOCKS_NONE;
}

/* key.c */

#define KEY_ACCOUNT_UNKNOWN 0x756e6b6e6f776e21ULL

bool key_has_account(const struct event *event);

/* hll_hash of an address that comes often. */
uint64_t key_thing(struct aggr *a, const struct addr *addr);
uint64_t key_pair(enum subject_type type, uint64_t subject, uint64_t account);

/* aggr.c: fill in the view's subjects and its pair, kept until aggr_settle. */
bool view_find(struct aggr *a, struct aggr_view *v);

/* The prefix's pair; made when it does not exist and `make` says so; or NULL. */
struct aggr_pair *view_prefix_pair(struct aggr *a, struct aggr_view *v, bool make);

/* Remember the pair among the subject's busiest. */
void subject_offer_top(const struct aggr *a, struct aggr_subject *s, uint32_t pair_index);

/* episode.c: an attempt belongs to the subject's episode. */
void episode_guess(struct aggr *a, struct aggr_view *v, enum subject_type type);
void episode_success(struct aggr *a, struct aggr_view *v, enum subject_type type);

/* Is a run of guesses going on? */
bool episode_active(const struct aggr *a, const struct aggr_subject *s, uint64_t clock_ns);

/* pair.c */
enum aggr_guess pair_judge(
	const struct aggr_pair *pair, const struct event_auth *auth, uint64_t typos);

/* May an attempt whose password is not known be a machine's, which tries again by its timer? */
bool pair_on_timer(const struct aggr_pair *pair, const struct aggr_view *v);
void pair_guess(struct aggr_pair *pair, const struct aggr_view *v, enum aggr_guess guess);
void pair_success(struct aggr_pair *pair, const struct aggr_view *v);

/* Start over when nothing was heard of it for a day. */
void pair_refresh(struct aggr_pair *pair, const struct aggr_view *v);

#endif
