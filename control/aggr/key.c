/*
 * What an event's subjects and pairs are found by, and asking memory for them
 * before they are needed.
 *
 * The tables are far larger than any cache, and an event touches forty lines
 * of them all over memory: one after the other they would take microseconds,
 * asked for together they take as long as one. What stands where is only known
 * step by step (line, link and values, blocks), so each step is taken for a batch of
 * events before the next: enough requests are then under way at a time.
 */
#include "control/aggr/internal.h"

bool
key_has_account(const struct event *event)
{
	return event->head.type == EVENT_AUTH && (event->auth.flags & AUTH_USERNAME_KNOWN) &&
	       event->auth.username_len > 0;
}

/* Most servers take account names in any case, so they count as one; shown as first sent. */
uint64_t
aggr_name_key(const struct aggr *a, const char *name, uint8_t len, bool *folded)
{
	return siphash_table_folded(&a->key, name, len, folded);
}

/* Of a subject's and an account's hash; these are keyed, so this only has to spread them. */
uint64_t
key_pair(enum subject_type type, uint64_t subject, uint64_t account)
{
	uint64_t x = subject + type;

	x = (x ^ (account << 29 | account >> 35)) * 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 32) + account;
	return x ^ x >> 29;
}

/*
 * Sessions are of many events, so most addresses came lately. Where one stands is not keyed: who
 * makes his addresses fall on one place has them computed each time, as if there were no places.
 */
static struct aggr_recent *
recent(struct aggr *a, const struct addr *addr)
{
	struct aggr_recent *r;
	struct addr prefix;
	uint64_t low;

	memcpy(&low, addr->bytes + 8, sizeof(low));
	r = &a->recent[(low * 0x9e3779b97f4a7c15ULL) >> (64 - AGGR_RECENT_BITS)];
	/* No address that is on the wire is all zero but ::, which costs its computing. */
	if (memcmp(&r->addr, addr, sizeof(*addr)) == 0 && r->of != 0)
		return r;
	prefix = addr_prefix(addr);
	r->addr = *addr;
	r->of = siphash_table(&a->key, addr, sizeof(*addr));
	r->prefix = siphash_table(&a->key, &prefix, sizeof(prefix));
	r->thing = 0;
	r->name_len = 0;
	for (unsigned type = 0; type < SUBJECT_TYPE_COUNT; type++)
		r->at[type] = TABLE_NONE;
	return r;
}

uint64_t
key_thing(struct aggr *a, const struct addr *addr)
{
	struct aggr_recent *r = recent(a, addr);

	if (r->thing == 0)
		r->thing = hll_hash(addr, sizeof(*addr));
	return r->thing;
}

/* Who guesses tries one account for a while: what is known of the last one's name. */
static void
account_keys(
	struct aggr *a, const struct event *event, struct aggr_recent *r, struct aggr_keys *keys)
{
	uint8_t len = event->auth.username_len;
	bool folded;

	if (r->name_len != len || memcmp(r->name, event->text, len) != 0) {
		r->account = aggr_name_key(a, event->text, len, &folded);
		r->name_folded = folded;
		r->name_len = len <= sizeof(r->name) ? len : 0;
		memcpy(r->name, event->text, r->name_len);
		r->at[SUBJECT_ACCOUNT] = r->pair_at[0] = r->pair_at[1] = TABLE_NONE;
	}
	keys->of[SUBJECT_ACCOUNT] = r->account;
	keys->name_as_sent = !r->name_folded;
	keys->guess_of[SUBJECT_ACCOUNT] = r->at[SUBJECT_ACCOUNT];
	keys->guess_pair[0] = r->pair_at[0];
	keys->guess_pair[1] = r->pair_at[1];
}

void
aggr_keys(struct aggr *a, const struct event *event, struct aggr_keys *keys)
{
	const struct event_flow *flow = &event->head.flow;
	const struct aggr_recent *client, *server;
	uint64_t *of = keys->of;

	/* The one may have the other's place. */
	client = keys->client = recent(a, &flow->client);
	of[SUBJECT_SOURCE] = client->of;
	of[SUBJECT_PREFIX] = client->prefix;
	keys->guess_of[SUBJECT_SOURCE] = client->at[SUBJECT_SOURCE];
	keys->guess_of[SUBJECT_PREFIX] = client->at[SUBJECT_PREFIX];
	server = keys->server = recent(a, &flow->server);
	of[SUBJECT_SERVER] = server->of;
	keys->guess_of[SUBJECT_SERVER] = server->at[SUBJECT_SERVER];
	of[SUBJECT_ACCOUNT] = KEY_ACCOUNT_UNKNOWN;
	keys->guess_of[SUBJECT_ACCOUNT] = TABLE_NONE;
	keys->name_as_sent = true;
	keys->guess_pair[0] = keys->guess_pair[1] = TABLE_NONE;
	if (key_has_account(event))
		account_keys(a, event, keys->client, keys);
	keys->pair[0] = key_pair(SUBJECT_SOURCE, of[SUBJECT_SOURCE], of[SUBJECT_ACCOUNT]);
	keys->pair[1] = key_pair(SUBJECT_PREFIX, of[SUBJECT_PREFIX], of[SUBJECT_ACCOUNT]);
}

/* Where it stood lately, or its line, which says where. */
static inline void
ask_for_place(const struct table *t, uint64_t hash, uint32_t guess)
{
	if (guess != TABLE_NONE)
		prefetch_write(&t->links[guess]);
	else
		table_prefetch_line(t, hash);
}

/* With that at hand: where it stands, and its values. */
static inline uint32_t
ask_for_value(
	const struct table *t, uint64_t hash, uint32_t guess, const void *values, size_t bytes)
{
	if (guess == TABLE_NONE || !table_is_at(t, hash, guess))
		guess = table_guess(t, hash);
	if (guess != TABLE_NONE)
		table_prefetch_value(values, bytes, guess);
	return guess;
}

static void
ask_for_places(const struct aggr *a, const struct aggr_keys *keys)
{
	for (unsigned type = 0; type < SUBJECT_SERVER; type++)
		ask_for_place(&a->class[type].table, keys->of[type], keys->guess_of[type]);
	for (unsigned i = 0; i < 2; i++)
		ask_for_place(&a->pair_table, keys->pair[i], keys->guess_pair[i]);
}

static void
ask_for_values(const struct aggr *a, struct aggr_keys *keys)
{
	for (unsigned type = 0; type < SUBJECT_SERVER; type++) {
		const struct aggr_class *class = &a->class[type];

		keys->guess_of[type] = ask_for_value(&class->table, keys->of[type],
			keys->guess_of[type], class->subjects, sizeof(*class->subjects));
	}
	for (unsigned i = 0; i < 2; i++)
		keys->guess_pair[i] = ask_for_value(&a->pair_table, keys->pair[i],
			keys->guess_pair[i], a->pairs, sizeof(*a->pairs));
}

/*
 * With links and values at hand: who stands beside those that probably go to another list, and the
 * blocks of who tries much.
 */
static void
ask_for_more(const struct aggr *a, const struct aggr_keys *keys)
{
	for (unsigned type = 0; type < SUBJECT_SERVER; type++) {
		const struct aggr_subject *s = a->class[type].subjects;

		if (keys->guess_of[type] == TABLE_NONE)
			continue;
		s += keys->guess_of[type];
		if (table_grade_ends(s->episode.attempts))
			table_prefetch_beside(&a->class[type].table, keys->guess_of[type]);
		passwords_ahead(&s->passwords, &a->passwords);
		if (s->many != BLOCKS_NONE)
			prefetch_write(blocks_at(&a->many, s->many));
	}
	for (unsigned i = 0; i < 2; i++)
		if (keys->guess_pair[i] != TABLE_NONE &&
			table_grade_ends(a->pairs[keys->guess_pair[i]].attempts))
			table_prefetch_beside(&a->pair_table, keys->guess_pair[i]);
}

/* Servers are few, and each event has one: they are at hand. */
void
aggr_ahead(const struct aggr *a, struct aggr_keys *keys, enum table_step step)
{
	switch (step) {
	case TABLE_STEP_LINE:
		ask_for_places(a, keys);
		break;
	case TABLE_STEP_VALUES:
		ask_for_values(a, keys);
		break;
	case TABLE_STEP_MORE:
		ask_for_more(a, keys);
		break;
	case TABLE_STEPS:
		break;
	}
}
