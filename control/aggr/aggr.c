/*
 * Theory of operation.
 *
 * Four classes of subjects (source, prefix, account, server) and the pairs of
 * a source or prefix with an account. All live in arrays of fixed capacity
 * under a keyed hash (table.h), taken when control starts: untouched pages
 * cost nothing. A subject carries the same counters whatever its class:
 *   total     since it is in the table: for the report
 *   episode   since the present run of failing attempts began: a finding's evidence
 *   window    10 minutes, an hour, a day: what verdicts are made of
 * Distinct counts in windows are exact: a pair (or, for a prefix's sources, the
 * source) remembers when it was last counted and is moved, not added again.
 *
 * What a guess is. An attempt that did not succeed is a guess only if the
 * source had not tried that password for that account before (pair.c). Where
 * the password is unknown, each refused attempt is a guess of the blind kind.
 * A login takes away up to detect.typos guesses of its pair: who mistypes and
 * then gets in leaves no trace in the windows.
 *
 * An IPv6 source is its whole address; its /64 is its prefix. A guess counts
 * for prefix, account and server only while the source is below the thresholds
 * of its own (detect.low_source), so these see what single sources do not show.
 *
 * Always: finding one thing never evicts another of the same event. An event
 * looks into each table of subjects once; what is new there, and the source's
 * pair when the prefix's is made, are pinned until aggr_settle. A subject with
 * an open finding is pinned until that closes.
 *
 * What an attacker would try. To push himself out of the table with a flood of
 * addresses: lists (table.c) make the flood evict itself. To mix logins of an
 * own account into the guessing: they only forgive guesses at that account. To
 * choose account names that collide: keyed. To make pairs without end: each
 * costs him an attempt, and pairs with few guesses are evicted first; when one
 * is, distinct counts may count it twice.
 */
#include "control/aggr/aggr.h"

#include <errno.h>
#include <string.h>

#include "control/aggr/internal.h"
#include "control/aggr/memory.h"

/* One block for so many subjects, and a few more for small tables. */
#define PASSWORDS_SHARE 8u
#define WIDE_SHARE 32u
#define MANY_SHARE 16u
#define POOL_MIN 64u

static uint32_t
class_capacity(const struct config *config, enum subject_type type)
{
	switch (type) {
	case SUBJECT_SOURCE:
		return (uint32_t)config->aggr_sources;
	case SUBJECT_PREFIX:
		return (uint32_t)config->aggr_prefixes;
	case SUBJECT_ACCOUNT:
		return (uint32_t)config->aggr_accounts;
	case SUBJECT_SERVER:
		return (uint32_t)config->aggr_servers;
	case SUBJECT_TYPE_COUNT:
		break;
	}
	return 0;
}

/* A pool in memory of its own. 0, or -ENOMEM. */
static int
pool_open(struct blocks *pool, uint64_t capacity, size_t block_len)
{
	void *memory = memory_take(blocks_footprint((uint32_t)capacity, (uint32_t)block_len));

	if (memory == NULL)
		return -ENOMEM;
	blocks_init(pool, memory, (uint32_t)capacity, (uint32_t)block_len);
	return 0;
}

static void
pool_close(struct blocks *pool)
{
	memory_give(pool->memory, blocks_footprint(pool->capacity, pool->block_len));
}

static int
pools_open(struct aggr *a)
{
	const struct config *c = a->config;
	uint64_t subjects = c->aggr_sources + c->aggr_prefixes + c->aggr_accounts;
	int rc;

	rc = pool_open(
		&a->passwords, c->aggr_sources / PASSWORDS_SHARE + POOL_MIN, PASSWORDS_BLOCK_BYTES);
	if (rc == 0)
		rc = pool_open(&a->wide, subjects / WIDE_SHARE + c->aggr_servers + POOL_MIN,
			WINDOW_WIDE_BYTES);
	if (rc == 0)
		rc = pool_open(&a->many, subjects / MANY_SHARE + POOL_MIN, sizeof(struct hll));
	return rc;
}

static int
memory_open(struct aggr *a)
{
	const struct config *c = a->config;

	a->pairs = memory_take(c->aggr_pairs * sizeof(*a->pairs));
	a->account_names = memory_take(c->aggr_accounts * sizeof(*a->account_names));
	a->server_sources = memory_take(c->aggr_servers * sizeof(*a->server_sources));
	if (!a->pairs || !a->account_names || !a->server_sources)
		return -ENOMEM;
	if (pools_open(a) != 0)
		return -ENOMEM;
	return table_open(&a->pair_table, (uint32_t)c->aggr_pairs);
}

int
aggr_open(struct aggr *a, const struct config *config)
{
	int rc;

	*a = (struct aggr){.config = config};
	rc = siphash_key_draw(&a->key);
	if (rc == 0)
		rc = memory_open(a);
	for (unsigned type = 0; rc == 0 && type < SUBJECT_TYPE_COUNT; type++) {
		struct aggr_class *class = &a->class[type];
		uint32_t capacity = class_capacity(config, type);

		class->subjects = memory_take(capacity * sizeof(*class->subjects));
		rc = class->subjects == NULL ? -ENOMEM : table_open(&class->table, capacity);
		class->table.values = (const uint8_t *)class->subjects;
		class->table.value_bytes = sizeof(*class->subjects);
	}
	if (rc != 0)
		aggr_close(a);
	return rc;
}

void
aggr_close(struct aggr *a)
{
	const struct config *c = a->config;

	if (c == NULL)
		return;
	for (unsigned type = 0; type < SUBJECT_TYPE_COUNT; type++) {
		struct aggr_class *class = &a->class[type];

		table_close(&class->table);
		memory_give(class->subjects, class_capacity(c, type) * sizeof(*class->subjects));
	}
	table_close(&a->pair_table);
	memory_give(a->pairs, c->aggr_pairs * sizeof(*a->pairs));
	memory_give(a->account_names, c->aggr_accounts * sizeof(*a->account_names));
	memory_give(a->server_sources, c->aggr_servers * sizeof(*a->server_sources));
	pool_close(&a->passwords);
	pool_close(&a->wide);
	pool_close(&a->many);
	*a = (struct aggr){0};
}

static void
pool_touch(struct blocks *pool)
{
	memory_touch(pool->memory, blocks_footprint(pool->capacity, pool->block_len));
}

void
aggr_touch_memory(struct aggr *a)
{
	const struct config *c = a->config;

	for (unsigned type = 0; type < SUBJECT_TYPE_COUNT; type++) {
		struct aggr_class *class = &a->class[type];

		table_touch_memory(&class->table);
		memory_touch(class->subjects, class_capacity(c, type) * sizeof(*class->subjects));
	}
	table_touch_memory(&a->pair_table);
	memory_touch(a->pairs, c->aggr_pairs * sizeof(*a->pairs));
	memory_touch(a->account_names, c->aggr_accounts * sizeof(*a->account_names));
	memory_touch(a->server_sources, c->aggr_servers * sizeof(*a->server_sources));
	pool_touch(&a->passwords);
	pool_touch(&a->wide);
	pool_touch(&a->many);
}

/* What is left of a subject that lost its place. */
static void
give_blocks(struct aggr *a, struct aggr_subject *s)
{
	const struct window_at w = subject_window(a, s);

	passwords_clear(&s->passwords, &a->passwords);
	subject_give_many(a, s);
	window_clear(&w);
}

/* Find or make a subject, which aggr_settle puts where it belongs. *made: its values are those of
 * nobody yet. */
static struct aggr_subject *
subject_get(struct aggr *a, struct aggr_view *v, enum subject_type type, bool *made)
{
	struct aggr_class *class = &a->class[type];
	uint64_t hash = v->keys->of[type];
	uint32_t index = table_find_guessed(&class->table, hash, v->keys->guess_of[type]);
	struct aggr_subject *s;
	struct window_at w;
	bool evicted;

	*made = index == TABLE_NONE;
	if (*made) {
		index = table_insert(&class->table, hash, TABLE_PINNED, &evicted);
		if (index == TABLE_NONE)
			return NULL;
		s = &class->subjects[index];
		if (evicted)
			give_blocks(a, s);
		memset(s, 0, sizeof(*s));
		passwords_open(&s->passwords);
		s->many = BLOCKS_NONE;
		s->type = (uint8_t)type;
		/* Differs from the number under which old pairs may remember it. */
		s->episode.number = v->now_s;
		subject_clear_tops(s);
	}
	s = &class->subjects[index];
	w = subject_window(a, s);
	window_advance(&w, &v->time);
	v->subject[type] = s;
	v->index[type] = index;
	return s;
}

static bool
addr_subject(struct aggr *a, struct aggr_view *v, enum subject_type type, const struct addr *addr)
{
	bool made;
	struct aggr_subject *s = subject_get(a, v, type, &made);

	if (s != NULL && made)
		s->addr = *addr;
	if (s != NULL && made && type == SUBJECT_SERVER)
		memset(&a->server_sources[v->index[type]], 0, sizeof(*a->server_sources));
	return s != NULL;
}

static bool
account_subject(struct aggr *a, struct aggr_view *v)
{
	uint8_t len = v->event->auth.username_len;
	bool made;

	if (!key_has_account(v->event))
		return true;
	if (!subject_get(a, v, SUBJECT_ACCOUNT, &made))
		return false;
	v->keys->client->at[SUBJECT_ACCOUNT] = v->index[SUBJECT_ACCOUNT];
	if (made) {
		char *name = a->account_names[v->index[SUBJECT_ACCOUNT]];

		memcpy(name, v->event->text, len);
		name[len] = '\0';
	}
	return true;
}

static void
top_remove(struct aggr_subject *s, uint32_t pair_index)
{
	for (unsigned i = 0; i < s->top_len; i++)
		if (s->top[i] == pair_index) {
			s->top[i--] = s->top[--s->top_len];
			s->episode.top_least = 0;
		}
}

/* As top_remove will look at it. */
static void
top_prefetch(const struct aggr_subject *s)
{
	prefetch_write(&s->top_len);
	prefetch_write(&s->top[0]);
}

/* Who is evicted next is as far away as it gets: ask for it, one step with each eviction. */
static void
pair_prefetch_victims(const struct aggr *a)
{
	const struct aggr_pair *pair;
	uint32_t next[2];

	table_victims(&a->pair_table, next);
	if (next[1] != TABLE_NONE)
		table_prefetch_value(a->pairs, sizeof(*a->pairs), next[1]);
	if (next[0] == TABLE_NONE)
		return;
	pair = &a->pairs[next[0]];
	if (pair->subject < a->config->aggr_sources)
		top_prefetch(&a->class[SUBJECT_SOURCE].subjects[pair->subject]);
	if (pair->subject < a->config->aggr_prefixes)
		top_prefetch(&a->class[SUBJECT_PREFIX].subjects[pair->subject]);
	if (pair->account != TABLE_NONE)
		top_prefetch(&a->class[SUBJECT_ACCOUNT].subjects[pair->account]);
}

/* Indices of an evicted pair may belong to others by now; then nothing is found there. */
static void
pair_evict(struct aggr *a, uint32_t index)
{
	const struct aggr_pair *pair = &a->pairs[index];

	if (pair->subject < a->config->aggr_sources)
		top_remove(&a->class[SUBJECT_SOURCE].subjects[pair->subject], index);
	if (pair->subject < a->config->aggr_prefixes)
		top_remove(&a->class[SUBJECT_PREFIX].subjects[pair->subject], index);
	if (pair->account != TABLE_NONE)
		top_remove(&a->class[SUBJECT_ACCOUNT].subjects[pair->account], index);
}

static struct aggr_pair *
pair_get(struct aggr *a, struct aggr_view *v, enum subject_type type, bool make)
{
	uint32_t account = v->subject[SUBJECT_ACCOUNT] ? v->index[SUBJECT_ACCOUNT] : TABLE_NONE;
	uint64_t hash = v->keys->pair[type == SUBJECT_PREFIX];
	uint32_t guess = v->keys->guess_pair[type == SUBJECT_PREFIX];
	uint32_t index = table_find_guessed(&a->pair_table, hash, guess);
	bool evicted;

	if (index == TABLE_NONE && !make)
		return NULL;
	if (index == TABLE_NONE) {
		if (v->pair != NULL)
			table_touch(&a->pair_table, v->pair_index, TABLE_PINNED);
		index = table_insert(&a->pair_table, hash, TABLE_PINNED, &evicted);
		if (index == TABLE_NONE)
			return NULL;
		if (evicted) {
			pair_evict(a, index);
			pair_prefetch_victims(a);
		}
		memset(&a->pairs[index], 0, sizeof(a->pairs[index]));
		if (account != TABLE_NONE)
			v->subject[type]->total.peers++;
		if (account != TABLE_NONE && type == SUBJECT_SOURCE)
			v->subject[SUBJECT_ACCOUNT]->total.peers++;
	}
	/* The subject may have been evicted and come back elsewhere. */
	a->pairs[index].subject = v->index[type];
	a->pairs[index].account = account;
	pair_refresh(&a->pairs[index], v);
	v->keys->client->pair_at[type == SUBJECT_PREFIX] = index;
	*(type == SUBJECT_SOURCE ? &v->pair_index : &v->prefix_pair_index) = index;
	return &a->pairs[index];
}

struct aggr_pair *
view_prefix_pair(struct aggr *a, struct aggr_view *v, bool make)
{
	if (v->prefix_pair == NULL)
		v->prefix_pair = pair_get(a, v, SUBJECT_PREFIX, make);
	return v->prefix_pair;
}

bool
view_find(struct aggr *a, struct aggr_view *v)
{
	const struct event_flow *flow = &v->event->head.flow;
	struct addr prefix = addr_prefix(&flow->client);

	if (!addr_subject(a, v, SUBJECT_SOURCE, &flow->client) ||
		!addr_subject(a, v, SUBJECT_PREFIX, &prefix) ||
		!addr_subject(a, v, SUBJECT_SERVER, &flow->server))
		return false;
	v->keys->client->at[SUBJECT_SOURCE] = v->index[SUBJECT_SOURCE];
	v->keys->client->at[SUBJECT_PREFIX] = v->index[SUBJECT_PREFIX];
	v->keys->server->at[SUBJECT_SERVER] = v->index[SUBJECT_SERVER];
	if (!account_subject(a, v))
		return false;
	v->pair = pair_get(a, v, SUBJECT_SOURCE, true);
	return v->pair != NULL;
}

void
subject_offer_top(const struct aggr *a, struct aggr_subject *s, uint32_t pair_index)
{
	uint32_t attempts = a->pairs[pair_index].attempts;
	unsigned least = 0;

	for (unsigned i = 0; i < s->top_len; i++)
		if (s->top[i] == pair_index)
			return;
	if (s->top_len < AGGR_TOP) {
		s->top[s->top_len++] = pair_index;
		return;
	}
	/* Counts only grow, so what was the least is still a bound; it saves reading the pairs. */
	if (attempts <= s->episode.top_least)
		return;
	for (unsigned i = 1; i < AGGR_TOP; i++)
		if (a->pairs[s->top[i]].attempts < a->pairs[s->top[least]].attempts)
			least = i;
	s->episode.top_least = a->pairs[s->top[least]].attempts;
	if (attempts > s->episode.top_least)
		s->top[least] = pair_index;
}

static enum table_list
subject_list(const struct aggr_subject *s)
{
	return aggr_has_finding(s) ? TABLE_PINNED
				   : table_grade(window_guesses(&s->window, WINDOW_DAY));
}

static enum table_list
pair_list(const struct aggr_pair *pair)
{
	uint32_t guesses = aggr_pair_guesses(pair);

	/* Repetitions without end are a forgotten device, guesses or not. */
	return table_grade(pair->repeats > guesses && pair->repeats > 1 ? pair->repeats : guesses);
}

void
aggr_settle(struct aggr *a, const struct aggr_view *v)
{
	for (unsigned type = 0; type < SUBJECT_TYPE_COUNT; type++)
		if (v->subject[type] != NULL)
			table_touch(&a->class[type].table, v->index[type],
				subject_list(v->subject[type]));
	/* More mistakes than are forgiven, yet no finding came of them: let them go. */
	if (v->pair != NULL && v->success && !aggr_under_attack(v->subject[SUBJECT_SOURCE]) &&
		!aggr_under_attack(v->subject[SUBJECT_PREFIX]) &&
		!aggr_under_attack(v->subject[SUBJECT_ACCOUNT]))
		memset(v->pair->guesses, 0, sizeof(v->pair->guesses));
	if (v->pair != NULL)
		table_touch(&a->pair_table, v->pair_index, pair_list(v->pair));
	if (v->prefix_pair != NULL)
		table_touch(&a->pair_table, v->prefix_pair_index, pair_list(v->prefix_pair));
}

bool
aggr_can_pin(const struct aggr *a, enum subject_type type)
{
	const struct table *t = &a->class[type].table;

	return t->count[TABLE_PINNED] <= t->capacity / 2;
}

void
aggr_release(struct aggr *a, enum subject_type type, uint32_t index)
{
	struct aggr_subject *s = &a->class[type].subjects[index];
	const struct window_at w = subject_window(a, s);

	if (aggr_has_finding(s))
		return;
	window_clear(&w);
	s->episode.last_guess_clock_ns = 0;
	table_touch(&a->class[type].table, index, subject_list(s));
}

/* Is the pair still that of the subject and the account which it names? */
static bool
pair_intact(const struct aggr *a, const struct aggr_pair *pair, enum subject_type type)
{
	uint64_t account = KEY_ACCOUNT_UNKNOWN;

	if (pair->subject >= class_capacity(a->config, type))
		return false;
	if (pair->account != TABLE_NONE)
		account = table_hash(&a->class[SUBJECT_ACCOUNT].table, pair->account);
	return key_pair(type, table_hash(&a->class[type].table, pair->subject), account) ==
	       table_hash(&a->pair_table, (uint32_t)(pair - a->pairs));
}

const struct aggr_subject *
aggr_pair_account(const struct aggr *a, const struct aggr_pair *pair)
{
	if (pair->account == TABLE_NONE)
		return NULL;
	if (!pair_intact(a, pair, SUBJECT_SOURCE) && !pair_intact(a, pair, SUBJECT_PREFIX))
		return NULL;
	return &a->class[SUBJECT_ACCOUNT].subjects[pair->account];
}

const struct aggr_subject *
aggr_pair_source(const struct aggr *a, const struct aggr_pair *pair)
{
	if (!pair_intact(a, pair, SUBJECT_SOURCE))
		return NULL;
	return &a->class[SUBJECT_SOURCE].subjects[pair->subject];
}
