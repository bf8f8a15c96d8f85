#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/flow/private.h"

struct entry {
	struct flow flow;
	uint64_t owner[8];
};

_Static_assert(sizeof(struct entry) == 96, "a multiple of 32");

#define BESIDE_BYTES 12

static uint64_t random_state = 88172645463325252;

static uint32_t
random_below(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % below;
}

/* Whose turn it is among those that are due together: by their keys, in no simple order. */
static uint32_t
rank_of(const struct flow *f)
{
	return (f->v4[0] ^ f->v4[1] ^ f->port[0]) * 2654435761u;
}

static bool
rank_before(const struct flow *a, const struct flow *b)
{
	return rank_of(a) < rank_of(b);
}

static struct flow_table *
table_new(uint32_t capacity)
{
	struct flow_table_config cfg = {
		.capacity = capacity,
		.entry_bytes = sizeof(struct entry),
		.beside_bytes = BESIDE_BYTES,
		.hash_key = {{0x0123456789abcdef, 0xfedcba9876543210}},
		.before = rank_before,
	};
	size_t bytes = (flow_table_footprint(&cfg) + 63) / 64 * 64;
	void *memory = aligned_alloc(64, bytes);

	assert_non_null(memory);
	memset(memory, 0, bytes);
	struct flow_table *t = flow_table_init(memory, &cfg);
	assert_ptr_equal(t, memory);
	return t;
}

/* Keys as a flood makes them: one server, addresses and ports that count. */
static struct flow_key
key_of(uint32_t n)
{
	uint8_t client[4] = {198, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	uint8_t server[4] = {203, 0, 113, 25};
	struct addr a = addr_from_v4(client);
	struct addr b = addr_from_v4(server);
	struct flow_key key = {.is_long = 0};

	flow_key_make(&key, &a, (uint16_t)(1024 + (n & 7)), &b, 25);
	return key;
}

static uint32_t
add(struct flow_table *t, uint32_t n, enum flow_class class)
{
	struct flow_key key = key_of(n);

	return flow_table_add(t, &key, class);
}

static uint32_t
find(struct flow_table *t, uint32_t n)
{
	struct flow_key key = key_of(n);

	return flow_table_find(t, &key);
}

static void
both_directions_have_one_key(void **state)
{
	(void)state;
	struct addr a = addr_from_v4("\xc6\x33\x64\x01");
	struct addr b = addr_from_v4("\xcb\x00\x71\x19");
	struct flow_key there;
	struct flow_key back;

	memset(&there, 0xff, sizeof(there));
	memset(&back, 0xff, sizeof(back));
	assert_false(flow_key_make(&there, &a, 40000, &b, 25));
	assert_true(flow_key_make(&back, &b, 25, &a, 40000));
	assert_memory_equal(&there, &back, sizeof(there));
	assert_true(flow_key_make(&there, &a, 40000, &a, 25));
	assert_false(flow_key_make(&back, &a, 25, &a, 40000));
	assert_memory_equal(&there, &back, sizeof(there));
}

static void
a_senseless_configuration_is_refused(void **state)
{
	(void)state;
	static const struct flow_table_config bad[] = {
		{.capacity = 0, .entry_bytes = 64, .beside_bytes = 8},
		{.capacity = 1, .entry_bytes = 0, .beside_bytes = 8},
		{.capacity = 1, .entry_bytes = 72, .beside_bytes = 8},
		{.capacity = 1, .entry_bytes = 64, .beside_bytes = 4},
		{.capacity = 1, .entry_bytes = 64, .beside_bytes = 10},
		{.capacity = (1u << 30) + 1, .entry_bytes = 64, .beside_bytes = 8},
	};
	uint64_t memory[8] = {0};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(flow_table_footprint(&bad[i]), 0);
		assert_null(flow_table_init(memory, &bad[i]));
	}
}

static void
a_table_takes_its_whole_capacity_and_no_more(void **state)
{
	(void)state;
	static const uint32_t capacities[] = {1, 2, 5, 6, 10, 11, 63, 1000, 40960, 60000};

	for (unsigned i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		uint32_t capacity = capacities[i];
		struct flow_table *t = table_new(capacity);
		assert_int_equal(flow_table_capacity(t), capacity);
		for (uint32_t n = 0; n < capacity; n++)
			assert_int_not_equal(add(t, n, FLOW_ESTABLISHED), FLOW_NONE);
		assert_int_equal(flow_table_count(t), capacity);
		assert_int_equal(add(t, capacity, FLOW_ESTABLISHED), FLOW_NONE);
		for (uint32_t n = 0; n < capacity; n++) {
			struct flow_key key = key_of(n);
			uint32_t index = find(t, n);
			assert_true(index < capacity);
			struct flow_key kept = {.is_long = 0};
			flow_table_key(t, flow_table_at(t, index), &kept);
			assert_memory_equal(&kept, &key, sizeof(key));
		}
		assert_int_equal(find(t, capacity), FLOW_NONE);
		free(t);
	}
}

static void
the_owners_part_is_zeroed_for_each_new_session(void **state)
{
	(void)state;
	struct flow_table *t = table_new(1);
	uint32_t index = add(t, 1, FLOW_HALF_OPEN);
	struct entry *e = (struct entry *)flow_table_at(t, index);

	e->owner[4] = 42;
	flow_table_remove(t, index);
	flow_table_remove(t, index);
	assert_int_equal(flow_table_count(t), 0);
	assert_int_equal(add(t, 2, FLOW_ESTABLISHED), index);
	assert_int_equal(e->owner[4], 0);
	free(t);
}

/* IPv6, of which only the bytes at `at` differ, from one that is not used elsewhere. */
static struct flow_key
long_key_of(uint32_t n, unsigned at)
{
	struct addr a = {{0x20, 0x01, 0x0d, 0xb8, 1}};
	struct addr b = {{0x20, 0x01, 0x0d, 0xb8, 2}};
	struct flow_key key = {.is_long = 0};

	memcpy(a.bytes + at, &n, sizeof(n));
	flow_key_make(&key, &a, 1024, &b, 25);
	return key;
}

static void
long_keys_are_told_apart_by_all_their_bytes(void **state)
{
	(void)state;
	struct flow_table *t = table_new(1000);
	static _Alignas(64) uint8_t memory[64 * SLABS_PAGE_BYTES];
	struct slabs slabs;
	uint32_t index[13][64];

	slabs_init(&slabs, memory, 32);
	t->slabs = &slabs;
	for (unsigned at = 4; at <= 12; at += 4) {
		for (uint32_t n = 1; n < 64; n++) {
			struct flow_key key = long_key_of(n * 0x01010101, at);
			assert_int_equal(key.is_long, 1);
			assert_int_equal(flow_table_find(t, &key), FLOW_NONE);
			index[at][n] = flow_table_add(t, &key, FLOW_HALF_OPEN);
			assert_int_not_equal(index[at][n], FLOW_NONE);
		}
	}
	for (unsigned at = 4; at <= 12; at += 4) {
		for (uint32_t n = 1; n < 64; n++) {
			struct flow_key key = long_key_of(n * 0x01010101, at);
			struct flow_key kept = {.is_long = 0};
			uint32_t found;
			flow_table_find_bulk(t, &key, NULL, 1, &found);
			assert_int_equal(found, index[at][n]);
			assert_true(flow_table_holds(t, found, &key));
			flow_table_key(t, flow_table_at(t, found), &kept);
			assert_memory_equal(&kept, &key, sizeof(key));
			flow_table_remove(t, found);
			assert_int_equal(flow_table_find(t, &key), FLOW_NONE);
		}
	}
	assert_int_equal(slabs.bytes_in_use, 0);
	free(t);
}

static void
a_long_key_is_never_a_short_one(void **state)
{
	(void)state;
	struct flow_table *t = table_new(10);
	static _Alignas(64) uint8_t memory[4 * SLABS_PAGE_BYTES];
	struct slabs slabs;
	struct flow_key key = long_key_of(1, 4);

	slabs_init(&slabs, memory, 2);
	t->slabs = &slabs;
	uint32_t index = flow_table_add(t, &key, FLOW_HALF_OPEN);
	assert_int_not_equal(index, FLOW_NONE);
	/* One whose words are what the entry has. */
	const struct flow *f = flow_table_at(t, index);
	struct flow_key alike = {.v4 = {f->v4[0], f->v4[1]}, .port = {f->port[0], f->port[1]}};
	assert_false(flow_table_holds(t, index, &alike));
	assert_true(flow_table_holds(t, index, &key));
	/* One address of each kind. */
	struct addr v4 = addr_from_v4("\xc6\x33\x64\x01");
	flow_key_make(&alike, &v4, 1024, &key.addr[1], 25);
	assert_int_equal(alike.is_long, 1);
	free(t);
}

static void
a_long_key_without_memory_is_not_taken(void **state)
{
	(void)state;
	struct flow_table *t = table_new(1000);
	static _Alignas(64) uint8_t memory[2 * SLABS_PAGE_BYTES];
	struct slabs slabs;
	uint32_t taken = 0;
	struct flow_key key = long_key_of(1, 4);

	assert_int_equal(flow_table_add(t, &key, FLOW_HALF_OPEN), FLOW_NONE);
	slabs_init(&slabs, memory, 1);
	t->slabs = &slabs;
	for (uint32_t n = 1; n < 1000; n++) {
		key = long_key_of(n, 4);
		taken += flow_table_add(t, &key, FLOW_HALF_OPEN) != FLOW_NONE;
	}
	assert_int_equal(taken, SLABS_PAGE_BYTES / sizeof(key.addr));
	assert_int_equal(flow_table_count(t), taken);
	assert_int_not_equal(add(t, 1, FLOW_ESTABLISHED), FLOW_NONE);
	free(t);
}

static void
a_bulk_lookup_says_what_single_lookups_say(void **state)
{
	(void)state;
	struct flow_table *t = table_new(5000);
	struct flow_key keys[FLOW_BULK_MAX];
	uint32_t out[FLOW_BULK_MAX];

	for (uint32_t n = 0; n < 5000; n++)
		add(t, n * 3, FLOW_ESTABLISHED);
	for (unsigned round = 0; round < 500; round++) {
		unsigned count = random_below(FLOW_BULK_MAX + 1);
		for (unsigned i = 0; i < count; i++) {
			keys[i] = key_of(random_below(15000));
		}
		flow_table_find_bulk(t, keys, NULL, count, out);
		for (unsigned i = 0; i < count; i++)
			assert_int_equal(out[i], flow_table_find(t, &keys[i]));
	}
	free(t);
}

static void
the_victim_is_the_oldest_half_open_then_the_most_idle(void **state)
{
	(void)state;
	struct flow_table *t = table_new(300);
	uint32_t index[300];
	uint32_t due;

	assert_int_equal(flow_table_victim(t), FLOW_NONE);
	assert_int_equal(flow_table_expire(t, 1000, &due), FLOW_NONE);
	for (uint32_t n = 0; n < 300; n++) {
		index[n] = add(t, n, n < 100 ? FLOW_HALF_OPEN : FLOW_ESTABLISHED);
		flow_table_arm(t, index[n], 1060 + n);
	}
	flow_table_set_class(t, index[0], FLOW_ESTABLISHED);
	flow_table_set_class(t, index[50], FLOW_ESTABLISHED);
	for (uint32_t n = 1; n < 100; n++) {
		if (n == 50)
			continue;
		assert_int_equal(flow_table_victim(t), index[n]);
		flow_table_remove(t, index[n]);
	}
	/* 0 and 50 to 149 saw packets since. */
	flow_table_arm(t, index[0], 3000);
	flow_table_arm(t, index[50], 2000);
	for (uint32_t n = 100; n < 150; n++)
		flow_table_arm(t, index[n], 9000 + n);
	for (uint32_t n = 150; n < 300; n++) {
		assert_int_equal(flow_table_victim(t), index[n]);
		flow_table_remove(t, index[n]);
	}
	assert_int_equal(flow_table_victim(t), index[50]);
	flow_table_remove(t, index[50]);
	assert_int_equal(flow_table_victim(t), index[0]);
	flow_table_remove(t, index[0]);
	for (uint32_t n = 100; n < 150; n++) {
		uint32_t victim = flow_table_victim(t);
		assert_int_not_equal(victim, FLOW_NONE);
		flow_table_remove(t, victim);
	}
	assert_int_equal(flow_table_victim(t), FLOW_NONE);
	free(t);
}

static void
a_session_that_was_never_armed_can_still_be_the_victim(void **state)
{
	(void)state;
	struct flow_table *t = table_new(1);
	uint32_t index = add(t, 1, FLOW_ESTABLISHED);
	uint32_t due;

	assert_int_equal(flow_table_expire(t, UINT32_MAX, &due), FLOW_NONE);
	assert_int_equal(flow_table_victim(t), index);
	free(t);
}

static void
a_session_expires_exactly_at_its_deadline(void **state)
{
	(void)state;
	static const uint32_t deadlines[] = {1, 4095, 4096, 4097, 8192, 100000, 1800000000};
	uint32_t due;

	for (unsigned i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++) {
		struct flow_table *t = table_new(4);
		uint32_t index = add(t, 1, FLOW_ESTABLISHED);
		flow_table_arm(t, index, deadlines[i]);
		assert_int_equal(flow_table_expire(t, deadlines[i] - 1, &due), FLOW_NONE);
		assert_int_equal(flow_table_expire(t, deadlines[i], &due), index);
		assert_int_equal(due, deadlines[i]);
		/* A packet at the last moment: not now. */
		flow_table_arm(t, index, deadlines[i] + 7);
		assert_int_equal(flow_table_expire(t, deadlines[i] + 6, &due), FLOW_NONE);
		assert_int_equal(flow_table_expire(t, UINT32_MAX, &due), index);
		assert_int_equal(due, deadlines[i] + 7);
		free(t);
	}
}

static void
a_jump_of_the_clock_gives_the_seconds_in_order(void **state)
{
	(void)state;
	struct flow_table *t = table_new(1000);
	uint32_t last = 0;
	uint32_t due;
	uint32_t index;
	unsigned total = 0;

	for (uint32_t i = 0; i < 1000; i++)
		flow_table_arm(t, add(t, i, FLOW_ESTABLISHED),
			1 + random_below(i % 2 ? 4000000000 : 5000));
	while ((index = flow_table_expire(t, 4000000001, &due)) != FLOW_NONE) {
		assert_true(due >= last);
		last = due;
		assert_int_equal(flow_table_at(t, index)->deadline_s, due);
		flow_table_remove(t, index);
		total++;
	}
	assert_int_equal(total, 1000);
	free(t);
}

/* The reference: what is in the table, with its deadline, class and age, in plain arrays. */
#define MODEL_KEYS 400
#define MODEL_CAPACITY 250

struct model {
	struct flow_table *t;
	uint32_t index[MODEL_KEYS]; /* FLOW_NONE: not in the table */
	uint32_t deadline_s[MODEL_KEYS];
	uint8_t class[MODEL_KEYS];
	uint64_t age[MODEL_KEYS]; /* when it became half-open */
	uint64_t clock;
	uint32_t now_s;
	uint32_t count;
};

static uint32_t
model_key(const struct model *m, uint32_t index)
{
	for (uint32_t k = 0; k < MODEL_KEYS; k++)
		if (m->index[k] == index)
			return k;
	fail();
	return 0;
}

static void
model_remove(struct model *m, uint32_t key)
{
	flow_table_remove(m->t, m->index[key]);
	m->index[key] = FLOW_NONE;
	m->count--;
}

static void
model_evict(struct model *m)
{
	uint32_t victim = model_key(m, flow_table_victim(m->t));
	uint32_t oldest = MODEL_KEYS;

	for (uint32_t k = 0; k < MODEL_KEYS; k++)
		if (m->index[k] != FLOW_NONE && m->class[k] == FLOW_HALF_OPEN &&
			(oldest == MODEL_KEYS || m->age[k] < m->age[oldest]))
			oldest = k;
	if (oldest != MODEL_KEYS)
		assert_int_equal(victim, oldest);
	model_remove(m, victim);
}

static void
model_add(struct model *m, uint32_t key)
{
	enum flow_class class = random_below(4) ? FLOW_ESTABLISHED : FLOW_HALF_OPEN;
	uint32_t index = add(m->t, key, class);

	if (m->count == MODEL_CAPACITY) {
		assert_int_equal(index, FLOW_NONE);
		model_evict(m);
		index = add(m->t, key, class);
	}
	assert_true(index < MODEL_CAPACITY);
	for (uint32_t k = 0; k < MODEL_KEYS; k++)
		assert_int_not_equal(m->index[k], index);
	m->index[key] = index;
	m->class[key] = class;
	m->age[key] = m->clock;
	m->deadline_s[key] = m->now_s + 1 + random_below(random_below(20) ? 300 : 30000);
	m->count++;
	flow_table_arm(m->t, index, m->deadline_s[key]);
}

static void
model_touch(struct model *m, uint32_t key)
{
	if (random_below(5) == 0) {
		enum flow_class class = (enum flow_class)random_below(2);
		if (class == FLOW_HALF_OPEN && m->class[key] != FLOW_HALF_OPEN)
			m->age[key] = m->clock;
		m->class[key] = class;
		flow_table_set_class(m->t, m->index[key], class);
	}
	if (random_below(40) == 0) {
		model_remove(m, key);
		return;
	}
	m->deadline_s[key] = m->now_s + random_below(random_below(50) ? 400 : 20000);
	flow_table_arm(m->t, m->index[key], m->deadline_s[key]);
}

static void
model_expire(struct model *m)
{
	uint32_t due;
	uint32_t index;
	uint32_t last_s = 0;
	uint32_t last_rank = 0;

	m->now_s += random_below(200) ? random_below(3) : random_below(20000);
	while ((index = flow_table_expire(m->t, m->now_s, &due)) != FLOW_NONE) {
		uint32_t first = UINT32_MAX;
		for (uint32_t k = 0; k < MODEL_KEYS; k++)
			if (m->index[k] != FLOW_NONE && m->deadline_s[k] < first)
				first = m->deadline_s[k];
		assert_int_equal(due, first);
		uint32_t key = model_key(m, index);
		uint32_t rank = rank_of(flow_table_at(m->t, index));
		assert_int_equal(m->deadline_s[key], due);
		assert_true(due > last_s || rank >= last_rank);
		last_s = due;
		last_rank = rank;
		if (random_below(4)) {
			model_remove(m, key);
			continue;
		}
		/* Not yet. */
		m->deadline_s[key] = m->now_s + 1 + random_below(random_below(9) ? 300 : 9000);
		flow_table_arm(m->t, index, m->deadline_s[key]);
	}
	for (uint32_t k = 0; k < MODEL_KEYS; k++)
		assert_true(m->index[k] == FLOW_NONE || m->deadline_s[k] > m->now_s);
}

static void
model_check(const struct model *m)
{
	uint32_t cursor = 0;
	uint32_t seen = 0;
	uint32_t index;

	assert_int_equal(flow_table_count(m->t), m->count);
	while ((index = flow_table_next(m->t, &cursor)) != FLOW_NONE) {
		seen++;
		model_key(m, index);
	}
	assert_int_equal(seen, m->count);
	for (uint32_t k = 0; k < MODEL_KEYS; k++)
		assert_int_equal(find(m->t, k), m->index[k]);
}

static void
random_use_agrees_with_a_simple_model(void **state)
{
	(void)state;
	struct model m = {.t = table_new(MODEL_CAPACITY), .now_s = 1700000000};

	for (uint32_t k = 0; k < MODEL_KEYS; k++)
		m.index[k] = FLOW_NONE;
	for (m.clock = 1; m.clock < 60000; m.clock++) {
		uint32_t key = random_below(MODEL_KEYS);
		if (m.index[key] == FLOW_NONE)
			model_add(&m, key);
		else
			model_touch(&m, key);
		if (random_below(10) == 0)
			model_expire(&m);
		if (m.clock % 200 == 0)
			model_check(&m);
	}
	free(m.t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_have_one_key),
		cmocka_unit_test(a_senseless_configuration_is_refused),
		cmocka_unit_test(a_table_takes_its_whole_capacity_and_no_more),
		cmocka_unit_test(the_owners_part_is_zeroed_for_each_new_session),
		cmocka_unit_test(long_keys_are_told_apart_by_all_their_bytes),
		cmocka_unit_test(a_long_key_is_never_a_short_one),
		cmocka_unit_test(a_long_key_without_memory_is_not_taken),
		cmocka_unit_test(a_bulk_lookup_says_what_single_lookups_say),
		cmocka_unit_test(the_victim_is_the_oldest_half_open_then_the_most_idle),
		cmocka_unit_test(a_session_that_was_never_armed_can_still_be_the_victim),
		cmocka_unit_test(a_session_expires_exactly_at_its_deadline),
		cmocka_unit_test(a_jump_of_the_clock_gives_the_seconds_in_order),
		cmocka_unit_test(random_use_agrees_with_a_simple_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
