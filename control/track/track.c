/*
 * Theory of operation.
 *
 * A tracker is what one detector knows of one subject: counts in sliding
 * windows, two small sets of distinct things, a leaky level, what is usual for
 * it in ten minutes, and the present run of bad things, which becomes a
 * finding's evidence. All trackers live in arrays of fixed capacity under
 * keyed hashes (aggr/table.h), taken when control starts: those of addresses,
 * and a fourth as many of accounts, which have names.
 *
 * Distinct counts are exact while the windows hold at most SEEN_THINGS things;
 * beyond, what comes again after 64 others is counted again, so thresholds
 * above 64 mean "at least so many, or the same in turns". A set of more than
 * one thing is a block of a pool. When that is empty, trackers go early, in the
 * order in which they would be evicted; if nobody with a block was among them,
 * the set remembers one thing and counts too much rather than too little.
 *
 * What is usual: see usual.c. A bin that ends while a finding is open teaches
 * nothing.
 *
 * Always: a tracker with an open finding is pinned; one that is new, or makes
 * others give way while it is added to, is pinned until track_settle.
 *
 * What an attacker would try. To flood with fresh subjects so that his own
 * counts are lost: fresh ones have little evidence and evict each other; who
 * has a fourth of what it takes is beyond them, who has half beyond those who
 * know that (the grades of table.c). To collide:
 * keyed. To spread a scan over a day: the windows reach that far.
 */
#include "control/track/track.h"

#include <errno.h>
#include <string.h>

#include "control/aggr/memory.h"

#define EARLY_NS (2 * NS_PER_MIN)
#define ACCOUNT_SHARE 4u /* a tracker of an account for so many others */
#define SEEN_SHARE 4u    /* a block for so many trackers */
#define WIDE_SHARE 32u
#define POOL_MIN 64u
#define MAKE_ROOM 8u /* trackers that give way at most, for one block */

static size_t
account_trackers(const struct config *config)
{
	return config->aggr_trackers / ACCOUNT_SHARE;
}

static size_t
all_trackers(const struct config *config)
{
	return config->aggr_trackers + account_trackers(config);
}

/* A pool in memory of its own. 0, or -ENOMEM. */
static int
pool_open(struct blocks *pool, size_t capacity, size_t block_len)
{
	void *memory = memory_take(capacity * block_len);

	if (memory == NULL)
		return -ENOMEM;
	blocks_init(pool, memory, (uint32_t)capacity, (uint32_t)block_len);
	return 0;
}

static int
memory_open(struct track *t)
{
	size_t n = all_trackers(t->config);
	int rc;

	t->subjects = memory_take(n * sizeof(*t->subjects));
	t->names = memory_take(account_trackers(t->config) * sizeof(*t->names));
	t->pending = memory_take(TRACK_PENDING * sizeof(*t->pending));
	if (t->subjects == NULL || t->names == NULL || t->pending == NULL)
		return -ENOMEM;
	rc = pool_open(&t->seen, n / SEEN_SHARE + POOL_MIN, SEEN_BLOCK_BYTES);
	if (rc == 0)
		rc = pool_open(&t->wide, n / WIDE_SHARE + POOL_MIN, WINDOW_WIDE_BYTES);
	return rc;
}

/* Whoever gives way is far away: its table asks memory for it. */
static void
know_values(struct table *table, const struct track_subject *values)
{
	table->values = (const uint8_t *)values;
	table->value_bytes = sizeof(*values);
}

int
track_open(struct track *t, const struct config *config, const struct siphash_key *key)
{
	int rc;

	*t = (struct track){.config = config, .key = *key};
	rc = memory_open(t);
	if (rc == 0)
		rc = site_open(&t->site, config);
	if (rc == 0)
		rc = table_open(&t->table, (uint32_t)config->aggr_trackers);
	if (rc == 0)
		rc = table_open(&t->account_table, (uint32_t)account_trackers(config));
	if (rc == 0)
		rc = table_open(&t->pending_table, TRACK_PENDING);
	if (rc == 0)
		rc = taken_open(&t->taken);
	if (rc == 0)
		rc = habits_open(&t->habits);
	if (rc != 0) {
		track_close(t);
		return rc;
	}
	know_values(&t->table, t->subjects);
	know_values(&t->account_table, t->subjects + config->aggr_trackers);
	return 0;
}

int
track_reload(struct track *t)
{
	site_close(&t->site);
	return site_open(&t->site, t->config);
}

void
track_close(struct track *t)
{
	const struct config *c = t->config;

	if (c == NULL)
		return;
	site_close(&t->site);
	table_close(&t->table);
	table_close(&t->account_table);
	table_close(&t->pending_table);
	taken_close(&t->taken);
	habits_close(&t->habits);
	memory_give(t->subjects, all_trackers(c) * sizeof(*t->subjects));
	memory_give(t->names, account_trackers(c) * sizeof(*t->names));
	memory_give(t->seen.memory, blocks_footprint(t->seen.capacity, SEEN_BLOCK_BYTES));
	memory_give(t->wide.memory, blocks_footprint(t->wide.capacity, WINDOW_WIDE_BYTES));
	memory_give(t->pending, TRACK_PENDING * sizeof(*t->pending));
	*t = (struct track){0};
}

void
track_touch_memory(struct track *t)
{
	const struct config *c = t->config;

	table_touch_memory(&t->table);
	table_touch_memory(&t->account_table);
	memory_touch(t->subjects, all_trackers(c) * sizeof(*t->subjects));
	memory_touch(t->names, account_trackers(c) * sizeof(*t->names));
	memory_touch(t->seen.memory, blocks_footprint(t->seen.capacity, SEEN_BLOCK_BYTES));
	memory_touch(t->wide.memory, blocks_footprint(t->wide.capacity, WINDOW_WIDE_BYTES));
}

uint64_t
track_hash(const struct track *t, const void *data, size_t len)
{
	return siphash_table(&t->key, data, len) | 1;
}

uint64_t
track_hash_addr(const struct track *t, const struct addr *addr)
{
	const struct track_known *known = t->known;

	for (unsigned i = 0; known != NULL && i < TRACK_KNOWN_ADDRS; i++)
		if (memcmp(addr, &known->addr[i], sizeof(*addr)) == 0)
			return known->hash[i];
	return track_hash(t, addr, sizeof(*addr));
}

uint64_t
track_hash_name(const struct track *t, const char *name, size_t len)
{
	const struct track_known *known = t->known;

	if (known != NULL && name == known->name && len == known->name_len)
		return known->name_hash;
	if (len > UINT8_MAX)
		len = UINT8_MAX;
	return siphash_table_folded(&t->key, name, len, NULL) | 1;
}

struct addr
track_prefix(const struct addr *addr)
{
	return addr_prefix(addr);
}

/* The id is keyed already: this only tells detectors, types and kinds apart. */
static uint64_t
tracker_hash(uint64_t id, unsigned detector, unsigned type, unsigned kind)
{
	return id ^ ((detector * SUBJECT_TYPE_COUNT + type + 1) * KIND_COUNT + kind) *
			    0x9e3779b97f4a7c15ULL;
}

static uint64_t
subject_hash(const struct track *t, unsigned detector, const struct track_note *note)
{
	const struct track_known *known = t->known;
	/* Mostly it is the event's own of its type. */
	unsigned at = note->type == SUBJECT_SERVER ? 2 : note->type == SUBJECT_PREFIX;
	uint64_t id;

	if (note->type == SUBJECT_ACCOUNT)
		id = track_hash_name(t, note->name, note->name_len);
	else if (known != NULL && memcmp(&note->addr, &known->addr[at], sizeof(note->addr)) == 0)
		id = known->hash[at];
	else
		id = track_hash_addr(t, &note->addr);
	return tracker_hash(id, detector, note->type, note->kind);
}

struct track_place
track_place(unsigned detector, enum subject_type type, uint64_t hash)
{
	return (struct track_place){
		tracker_hash(hash, detector, type, 0), TABLE_NONE, (uint8_t)type};
}

void
track_ahead(const struct track *t, struct track_place *place, enum table_step step)
{
	bool account = place->type == SUBJECT_ACCOUNT;
	const struct table *table = account ? &t->account_table : &t->table;

	switch (step) {
	case TABLE_STEP_LINE:
		table_prefetch_line(table, place->hash);
		break;
	case TABLE_STEP_VALUES:
		place->guess = table_guess(table, place->hash);
		if (place->guess != TABLE_NONE)
			table_prefetch_value(t->subjects + (account ? t->config->aggr_trackers : 0),
				sizeof(*t->subjects), place->guess);
		break;
	case TABLE_STEP_MORE:
	case TABLE_STEPS:
		break;
	}
}

void
track_soon(const struct track *t, const struct track_place *place)
{
	bool account = place->type == SUBJECT_ACCOUNT;
	const struct track_subject *s;

	if (place->guess == TABLE_NONE)
		return;
	s = &t->subjects[place->guess + (account ? t->config->aggr_trackers : 0)];
	for (unsigned kind = 0; kind < TRACK_THINGS; kind++)
		seen_prefetch(&s->seen[kind], &t->seen);
}

/* The table of a type of subject, and the index of the first of them. */
static struct table *
table_of(struct track *t, unsigned type, uint32_t *first)
{
	*first = type == SUBJECT_ACCOUNT ? (uint32_t)t->config->aggr_trackers : 0;
	return type == SUBJECT_ACCOUNT ? &t->account_table : &t->table;
}

static void
touch(struct track *t, const struct track_subject *s, enum table_list list)
{
	uint32_t first;
	struct table *table = table_of(t, s->type, &first);

	table_touch(table, track_index(t, s) - first, list);
}

static struct window_at
subject_window(struct track *t, struct track_subject *s)
{
	return (struct window_at){&s->window.head, s->window.row, TRACK_FIELDS, &t->wide};
}

/* What is left of a tracker that lost its place. */
static void
give_blocks(struct track *t, struct track_subject *s)
{
	const struct window_at w = subject_window(t, s);

	window_clear(&w);
	for (unsigned kind = 0; kind < TRACK_THINGS; kind++)
		seen_clear(&s->seen[kind], &t->seen);
}

/*
 * There is no block for one more thing: who would be the next to go does so
 * now, so that blocks go to those with evidence, as places do.
 */
static void
make_room(struct track *t)
{
	for (unsigned n = 0; n < MAKE_ROOM && t->seen.in_use == t->seen.capacity; n++) {
		uint32_t index = table_evict(&t->table);

		if (index == TABLE_NONE)
			return;
		give_blocks(t, &t->subjects[index]);
	}
}

/* As table_find. */
static uint32_t
find(struct track *t, const struct table *table, uint64_t hash, unsigned type)
{
	const struct track_place *place = t->known != NULL ? t->known->place : NULL;
	uint32_t *server_at;
	uint32_t index;

	if (type != SUBJECT_SERVER)
		return table_find_guessed(table, hash,
			place != NULL && place->hash == hash ? place->guess : TABLE_NONE);
	server_at = &t->server_at[hash >> (64 - TRACK_SERVER_BITS)];
	if (table_is_at(table, hash, *server_at))
		return *server_at;
	index = table_find(table, hash);
	if (index != TABLE_NONE)
		*server_at = index;
	return index;
}

static ONE_COPY struct track_subject *
make_subject(struct track *t, unsigned detector, const struct track_note *note, uint64_t hash)
{
	uint32_t first;
	struct table *table = table_of(t, note->type, &first);
	struct track_subject *s;
	bool evicted;
	uint32_t index;

	index = table_insert(table, hash, TABLE_PINNED, &evicted);
	if (index == TABLE_NONE) {
		t->untracked++;
		return NULL;
	}
	s = &t->subjects[first + index];
	if (evicted)
		give_blocks(t, s);
	memset(s, 0, sizeof(*s));
	for (unsigned kind = 0; kind < TRACK_THINGS; kind++)
		seen_open(&s->seen[kind]);
	s->type = (uint8_t)note->type;
	s->detector = (uint8_t)detector;
	s->kind = note->kind;
	if (note->type == SUBJECT_ACCOUNT) {
		memcpy(t->names[index], note->name, note->name_len);
		t->names[index][note->name_len] = '\0';
	} else {
		s->addr = note->addr;
	}
	return s;
}

static inline struct track_subject *
get(struct track *t, unsigned detector, const struct track_note *note, bool make)
{
	uint64_t hash = subject_hash(t, detector, note);
	uint32_t first;
	const struct table *table = table_of(t, note->type, &first);
	uint32_t index = find(t, table, hash, note->type);

	if (index != TABLE_NONE)
		return &t->subjects[first + index];
	return make ? make_subject(t, detector, note, hash) : NULL;
}

struct track_subject *
track_get(struct track *t, unsigned detector, const struct track_note *note, bool make)
{
	return get(t, detector, note, make);
}

/*
 * The CUSUM over bins of attempts: what a full bin has above its mean and the
 * slack adds to the level. A bin that ends while the level is high teaches
 * nothing, so that what is slow does not become the rule before it is found.
 */
static void
cusum_add(struct track_subject *s, uint64_t clock_ns, uint32_t per)
{
	struct track_usual *u = &s->usual;
	float deviation = usual_deviation(u);
	bool warm = track_cusum_warm(s);
	bool teach = !warm || (s->finding == 0 && s->level <= TRACK_CUSUM_HIGH * deviation / 2);
	float over;

	if (!usual_fill(u, clock_ns, per))
		return;
	over = usual_close(u, teach);
	if (!warm)
		return;
	s->level += over - TRACK_CUSUM_SLACK * deviation;
	if (s->level < 0)
		s->level = 0;
	/* So that it is over soon after it is over. */
	if (s->level > 2 * TRACK_CUSUM_HIGH * deviation)
		s->level = 2 * TRACK_CUSUM_HIGH * deviation;
}

bool
track_cusum_warm(const struct track_subject *s)
{
	return s->usual.learned >= TRACK_CUSUM_WARM && s->usual.since_h == USUAL_DAY;
}

uint32_t
track_settled_bad(const struct track_subject *s)
{
	return track_sum(s, WINDOW_10MIN, TRACK_BAD) -
	       window_newest(&s->window.head, s->window.row[TRACK_BAD], WINDOW_10MIN, TRACK_BAD);
}

static void
run_add(struct track *t, struct track_subject *s, const struct track_note *note,
	const struct event *event)
{
	struct track_run *run = &s->run;
	uint64_t clock_ns = t->clock_ns;
	bool over = clock_ns - run->last_clock_ns > t->config->aggr_episode_gap;

	if (!note->bad && !note->soft) {
		run->good += note->good;
		return;
	}
	if (run->bad == 0 || (over && s->finding == 0)) {
		*run = (struct track_run){.first_ns = event->head.time_ns,
			.first_clock_ns = clock_ns,
			.first_flow = note->flow ? *note->flow : event->head.flow};
	}
	run->bad += note->times ? note->times : 1;
	run->last_clock_ns = clock_ns;
}

/* In the windows; before_s: as seen_add says. */
static void
sum_thing(struct track *t, struct track_subject *s, unsigned field, uint32_t before_s)
{
	const struct window_at w = subject_window(t, s);

	if (before_s == 0)
		window_add(&w, field);
	else
		window_move(&w, before_s, field);
}

static void
count_thing(struct track *t, struct track_subject *s, unsigned kind, const struct track_note *note)
{
	uint64_t thing = note->thing[kind];
	uint32_t hash = (uint32_t)(thing >> 32);
	uint32_t before_s;

	if (seen_needs_block(&s->seen[kind], hash) && t->seen.in_use == t->seen.capacity) {
		touch(t, s, TABLE_PINNED);
		make_room(t);
	}
	before_s = seen_add(&s->seen[kind], &t->seen, hash, t->now_s);
	if (before_s == 0 || before_s < s->run.first_clock_ns / NS_PER_S)
		s->run.things[kind]++;
	if (!(note->unsummed >> kind & 1))
		sum_thing(t, s, kind == 0 ? TRACK_NEW : TRACK_OTHER, before_s);
}

static void
add_times(const struct window_at *w, unsigned field, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		window_add(w, field);
}

/* As much as leaks in an hour, since the level was last looked at. */
static void
leak(struct track_subject *s, float an_hour, uint32_t now_s)
{
	float leaked = an_hour * (float)(now_s - s->level_clock_s) / (float)(NS_PER_H / NS_PER_S);

	s->level = s->level > leaked ? s->level - leaked : 0;
}

/* The clock goes on; what it says in other units is computed once for all notes of an event. */
static void
set_clock(struct track *t, uint64_t clock_ns)
{
	if (clock_ns > t->clock_ns)
		t->clock_ns = clock_ns;
	if (t->time_ns == t->clock_ns)
		return;
	t->time_ns = t->clock_ns;
	t->time = window_time(t->clock_ns);
	t->now_s = (uint32_t)(t->clock_ns / NS_PER_S);
	t->bin = usual_bin(t->clock_ns);
}

struct track_subject *
track_add(struct track *t, unsigned detector, const struct track_note *note,
	const struct event *event)
{
	struct track_subject *s = get(t, detector, note, true);
	unsigned times = note->times ? note->times : 1;
	struct window_at w;

	if (s == NULL)
		return NULL;
	set_clock(t, event->head.clock_ns);
	w = subject_window(t, s);
	window_advance(&w, &t->time);
	if (s->usual.bin == 0)
		s->early = t->clock_ns - t->start_ns < EARLY_NS || t->start_ns == 0;
	s->early &= !note->wary;
	if (note->per == 0)
		usual_advance(&s->usual, t->bin, s->finding == 0);
	if (note->leak > 0)
		leak(s, note->leak, t->now_s);
	s->level_clock_s = t->now_s;
	run_add(t, s, note, event);
	if (note->bad)
		add_times(&w, TRACK_BAD, times);
	if (note->good)
		add_times(&w, TRACK_GOOD, times);
	if (note->soft)
		add_times(&w, TRACK_SOFT, times);
	if (note->bad) {
		s->level += note->per == 0 ? (float)times : 0;
		s->usual.count += times;
		if (note->level_max > 0 && s->level > (float)note->level_max)
			s->level = (float)note->level_max;
	}
	if (note->undo > 0) {
		window_remove(&w, &t->time, TRACK_BAD, note->undo);
		s->usual.count -= s->usual.count < note->undo ? s->usual.count : note->undo;
	}
	if (note->per > 0 && (note->bad || note->good))
		cusum_add(s, t->clock_ns, note->per);
	for (unsigned kind = 0; kind < TRACK_THINGS; kind++)
		if (note->thing[kind] != 0)
			count_thing(t, s, kind, note);
	return s;
}

void
track_settle(struct track *t, struct track_subject *s, unsigned evidence)
{
	/* A fourth of what it takes is HIGH, a little over a half HIGHER. */
	enum table_list list = table_grade(evidence == 0 ? 0 : 1 + evidence / 8);

	if (s->finding != 0)
		list = TABLE_PINNED;
	touch(t, s, list);
}

void
track_release(struct track *t, uint32_t index)
{
	struct track_subject *s = &t->subjects[index];

	s->finding = 0;
	give_blocks(t, s);
	s->level = 0;
	s->run = (struct track_run){0};
	touch(t, s, TABLE_IDLE);
}

bool
track_can_pin(const struct track *t, const struct track_subject *s)
{
	const struct table *table = s->type == SUBJECT_ACCOUNT ? &t->account_table : &t->table;

	return table->count[TABLE_PINNED] <= table->capacity / 2;
}

uint64_t
track_evicted(const struct track *t)
{
	return t->table.evicted + t->account_table.evicted;
}
