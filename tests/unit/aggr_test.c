/* Windows, tables, sets and estimates: what verdicts stand on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream.h"

#define START (1760000000 * NS_PER_S)

/* window */

static void
advance(struct window *w, uint64_t clock_ns)
{
	const struct window_time now = window_time(clock_ns);
	const struct window_at at = window_at(w, NULL);

	window_advance(&at, &now);
}

static void
a_count_leaves_each_span_when_it_is_over(void **state)
{
	struct window w = {0};
	const struct window_at at = window_at(&w, NULL);

	(void)state;
	advance(&w, START);
	window_add(&at, WINDOW_KNOWN);
	advance(&w, START + 8 * NS_PER_MIN - 1);
	assert_int_equal(window_sum(&w, WINDOW_10MIN, WINDOW_KNOWN), 1);
	advance(&w, START + 10 * NS_PER_MIN);
	assert_int_equal(window_sum(&w, WINDOW_10MIN, WINDOW_KNOWN), 0);
	assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_KNOWN), 1);
	advance(&w, START + NS_PER_H);
	assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_KNOWN), 0);
	assert_int_equal(window_sum(&w, WINDOW_DAY, WINDOW_KNOWN), 1);
	advance(&w, START + 24 * NS_PER_H);
	assert_int_equal(window_sum(&w, WINDOW_DAY, WINDOW_KNOWN), 0);
}

/* Against a list of all times: a span's sum is between that of its length less a bucket and that
   of its length. */
static void
sums_are_those_of_the_events_within_the_span(void **state)
{
	static const uint64_t span[WINDOW_SPANS] = {10 * NS_PER_MIN, NS_PER_H, 24 * NS_PER_H};
	static const uint64_t bucket[WINDOW_SPANS] = {
		2 * NS_PER_MIN, 10 * NS_PER_MIN, 4 * NS_PER_H};
	static uint64_t times[3000];
	uint64_t now = START;
	uint64_t seed = 1;
	static _Alignas(64) uint8_t memory[WINDOW_WIDE_BYTES];
	struct window w = {0};
	struct blocks pool;
	const struct window_at at = window_at(&w, &pool);

	(void)state;
	blocks_init(&pool, memory, 1, WINDOW_WIDE_BYTES);
	for (unsigned n = 0; n < 3000; n++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		now += (seed >> 33) % (n % 100 == 0 ? 5 * NS_PER_H : NS_PER_MIN);
		times[n] = now;
		advance(&w, now);
		window_add(&at, WINDOW_BLIND);
		for (unsigned k = 0; k < WINDOW_SPANS; k++) {
			unsigned at_most = 0;
			unsigned at_least = 0;

			for (unsigned i = 0; i <= n; i++) {
				at_most += now - times[i] < span[k];
				at_least += now - times[i] < span[k] - bucket[k];
			}
			assert_in_range(window_sum(&w, k, WINDOW_BLIND), at_least, at_most);
		}
	}
}

static void
a_distinct_thing_is_counted_once_however_often_it_comes(void **state)
{
	struct window w = {0};
	const struct window_at at = window_at(&w, NULL);
	uint64_t last[10] = {0};
	uint64_t now = START;

	(void)state;
	for (unsigned minute = 0; minute < 600; minute++) {
		for (unsigned i = 0; i < 10; i++) {
			advance(&w, now);
			if (last[i] == 0)
				window_add(&at, WINDOW_PEERS);
			else
				window_move(&at, (uint32_t)(last[i] / NS_PER_S), WINDOW_PEERS);
			last[i] = now;
		}
		assert_int_equal(window_sum(&w, WINDOW_10MIN, WINDOW_PEERS), 10);
		assert_int_equal(window_sum(&w, WINDOW_DAY, WINDOW_PEERS), 10);
		now += NS_PER_MIN;
	}
}

static void
what_is_taken_back_leaves_the_bucket_and_those_before(void **state)
{
	struct window w = {0};
	const struct window_at at = window_at(&w, NULL);
	struct window_time when = window_time(START + 4 * NS_PER_MIN);

	(void)state;
	advance(&w, START);
	window_add(&at, WINDOW_KNOWN);
	window_add(&at, WINDOW_KNOWN);
	advance(&w, START + 4 * NS_PER_MIN);
	window_add(&at, WINDOW_KNOWN);
	window_remove(&at, &when, WINDOW_KNOWN, 2);
	for (unsigned k = 0; k < WINDOW_SPANS; k++)
		assert_int_equal(window_sum(&w, k, WINDOW_KNOWN), 1);
	window_remove(&at, &when, WINDOW_KNOWN, 100);
	for (unsigned k = 0; k < WINDOW_SPANS; k++)
		assert_int_equal(window_sum(&w, k, WINDOW_KNOWN), 0);
}

static void
a_full_bucket_saturates_and_its_sum_with_it(void **state)
{
	struct window w = {0};
	const struct window_at at = window_at(&w, NULL);

	(void)state;
	advance(&w, START);
	for (unsigned i = 0; i < 300; i++)
		window_add(&at, WINDOW_OTHER);
	assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_OTHER), UINT8_MAX);
	advance(&w, START + 48 * NS_PER_H);
	assert_int_equal(window_sum(&w, WINDOW_DAY, WINDOW_OTHER), 0);
}

static void
a_window_that_counts_much_goes_on_in_a_block(void **state)
{
	struct window_time when = window_time(START);
	struct window w = {0};
	struct blocks pool;
	const struct window_at at = window_at(&w, &pool);

	(void)state;
	blocks_init(&pool, aligned_alloc(64, 5 * 64), 1, WINDOW_WIDE_BYTES);
	advance(&w, START);
	window_add(&at, WINDOW_PEERS);
	for (unsigned i = 0; i < 1000; i++)
		window_add(&at, WINDOW_OTHER);
	assert_int_equal(pool.in_use, 1);
	assert_int_equal(window_sum(&w, WINDOW_10MIN, WINDOW_OTHER), 1000);
	assert_int_equal(window_sum(&w, WINDOW_DAY, WINDOW_PEERS), 1);
	window_remove(&at, &when, WINDOW_OTHER, 300);
	advance(&w, START + 2 * NS_PER_MIN);
	window_move(&at, (uint32_t)(START / NS_PER_S), WINDOW_PEERS);
	window_add(&at, WINDOW_OTHER);
	assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_OTHER), 701);
	assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_PEERS), 1);
	advance(&w, START + 10 * NS_PER_MIN);
	assert_int_equal(window_sum(&w, WINDOW_10MIN, WINDOW_OTHER), 1);
	advance(&w, START + 48 * NS_PER_H);
	for (unsigned i = 0; i < 70000; i++)
		window_add(&at, WINDOW_OTHER);
	assert_int_equal(window_sum(&w, WINDOW_DAY, WINDOW_OTHER), UINT16_MAX);
	window_clear(&at);
	assert_int_equal(window_sum(&w, WINDOW_DAY, WINDOW_OTHER), 0);
	assert_int_equal(pool.in_use, 0);
	free(pool.memory);
}

/* table */

static uint64_t
mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ULL;
	return x ^ x >> 31;
}

static void
a_flood_of_low_entries_evicts_itself(void **state)
{
	struct table t;
	bool evicted;

	(void)state;
	assert_int_equal(table_open(&t, 100), 0);
	for (uint64_t i = 0; i < 20; i++)
		table_insert(&t, mix(i), TABLE_HIGH, &evicted);
	for (uint64_t i = 1000; i < 6000; i++) {
		uint32_t index = table_insert(&t, mix(i), TABLE_IDLE, &evicted);

		assert_int_not_equal(index, TABLE_NONE);
		table_touch(&t, index, i % 2 ? TABLE_LOW : TABLE_IDLE);
	}
	for (uint64_t i = 0; i < 20; i++)
		assert_int_not_equal(table_find(&t, mix(i)), TABLE_NONE);
	assert_int_equal(t.evicted, 5020 - 100);
	assert_int_equal(t.count[0] + t.count[1] + t.count[2] + t.count[3], 100);
	table_close(&t);
}

/* Who comes back is spared when his turn comes, but an eviction spares no more than a few. */
static void
who_was_used_is_spared(void **state)
{
	uint32_t index[100];
	unsigned gone = 0;
	struct table t;
	bool evicted;

	(void)state;
	assert_int_equal(table_open(&t, 100), 0);
	for (uint64_t i = 0; i < 100; i++)
		index[i] = table_insert(&t, mix(i), TABLE_LOW, &evicted);
	for (uint64_t i = 0; i < 3000; i++) {
		table_touch(&t, index[0], TABLE_LOW);
		table_insert(&t, mix(1000 + i), TABLE_LOW, &evicted);
	}
	assert_int_equal(table_find(&t, mix(0)), index[0]);
	for (uint32_t i = 0; i < 100; i++)
		table_touch(&t, i, TABLE_LOW);
	table_insert(&t, mix(1), TABLE_LOW, &evicted);
	for (uint32_t i = 0; i < 100; i++)
		gone += !t.links[i].used;
	assert_int_equal(gone, 17);
	table_close(&t);
}

static void
high_entries_leave_a_quarter_to_others(void **state)
{
	struct table t;
	bool evicted;

	(void)state;
	assert_int_equal(table_open(&t, 100), 0);
	for (uint64_t i = 0; i < 1000; i++)
		table_insert(&t, mix(i), TABLE_HIGH, &evicted);
	for (uint64_t i = 2000; i < 2030; i++)
		table_insert(&t, mix(i), TABLE_LOW, &evicted);
	assert_true(t.count[TABLE_HIGH] <= 76);
	assert_int_not_equal(table_find(&t, mix(2029)), TABLE_NONE);
	table_close(&t);
}

static void
pinned_entries_are_never_evicted(void **state)
{
	struct table t;
	bool evicted;

	(void)state;
	assert_int_equal(table_open(&t, 8), 0);
	for (uint64_t i = 0; i < 8; i++)
		table_insert(&t, mix(i), TABLE_PINNED, &evicted);
	assert_int_equal(table_insert(&t, mix(99), TABLE_HIGH, &evicted), TABLE_NONE);
	table_touch(&t, table_find(&t, mix(3)), TABLE_IDLE);
	assert_int_not_equal(table_insert(&t, mix(99), TABLE_HIGH, &evicted), TABLE_NONE);
	assert_true(evicted);
	assert_int_equal(table_find(&t, mix(3)), TABLE_NONE);
	table_close(&t);
}

/* As many as fit into several lines, all of one line, with few tags. */
static void
entries_that_overflow_their_line_are_found_until_they_go(void **state)
{
	const uint64_t line = 0x12345678ULL << 32;
	uint32_t index[40];
	struct table t;
	bool evicted;

	(void)state;
	assert_int_equal(table_open(&t, 100), 0);
	for (uint64_t i = 0; i < 40; i++) {
		index[i] = table_insert(&t, line | i % 3 << 16 | i, TABLE_IDLE, &evicted);
		table_insert(&t, mix(i), TABLE_PINNED, &evicted);
	}
	/* The oldest go first: of each line, some that stand in it and some that stand past it. */
	for (uint64_t gone = 0; gone <= 40; gone++) {
		for (uint64_t i = 0; i < 40; i++)
			assert_int_equal(table_find(&t, line | i % 3 << 16 | i),
				i < gone ? TABLE_NONE : index[i]);
		for (uint64_t i = 0; i < 40; i++)
			assert_int_not_equal(table_find(&t, mix(i)), TABLE_NONE);
		assert_int_equal(table_find(&t, line | 1 << 16 | 999), TABLE_NONE);
		assert_int_equal(table_evict(&t), gone < 40 ? index[gone] : TABLE_NONE);
	}
	for (uint64_t i = 0; i < 40; i++)
		table_touch(&t, table_find(&t, mix(i)), TABLE_IDLE);
	while (table_evict(&t) != TABLE_NONE)
		;
	for (uint32_t i = 0; i < t.line_count; i++)
		assert_int_equal(t.lines[i].len + t.lines[i].past, 0);
	table_close(&t);
}

/* sets and estimates */

static void
an_estimate_is_within_a_third_of_the_truth(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 100000; n *= 10) {
		struct hll h = {{0}};

		for (uint32_t i = 0; i < 3 * n; i++) {
			uint32_t thing = i % n;

			hll_add(&h, &thing, sizeof(thing));
		}
		assert_in_range(hll_estimate(&h), n - n / 3, n + n / 3);
	}
}

static void
passwords_are_told_apart_up_to_a_bound(void **state)
{
	struct blocks pool;
	struct passwords set;
	void *memory = aligned_alloc(64, blocks_footprint(2, PASSWORDS_BLOCK_BYTES));

	(void)state;
	blocks_init(&pool, memory, 2, PASSWORDS_BLOCK_BYTES);
	passwords_open(&set);
	for (uint64_t fp = 0; fp < PASSWORDS_MAX; fp++) {
		assert_true(passwords_see(&set, &pool, fp, 100, false));
		assert_false(passwords_see(&set, &pool, fp / 2, 100, false));
	}
	assert_int_equal(passwords_since(&set, &pool, 100), PASSWORDS_MAX);
	assert_int_equal(passwords_since(&set, &pool, 101), 0);
	assert_false(set.capped);
	assert_true(passwords_see(&set, &pool, 1000, 101, false));
	assert_true(set.capped);
	assert_int_equal(passwords_since(&set, &pool, 100), PASSWORDS_MAX);
	passwords_clear(&set, &pool);
	assert_int_equal(pool.in_use, 0);
	free(memory);
}

/* The first of those seen longest ago goes, whatever the set remembers of earlier searches. */
static void
a_full_set_lets_go_of_the_oldest(void **state)
{
	struct blocks pool;
	struct passwords set;
	uint64_t fps[PASSWORDS_MAX];
	uint32_t times[PASSWORDS_MAX];
	uint32_t now = 100, seed = 1;
	void *memory = aligned_alloc(64, blocks_footprint(1, PASSWORDS_BLOCK_BYTES));

	(void)state;
	blocks_init(&pool, memory, 1, PASSWORDS_BLOCK_BYTES);
	passwords_open(&set);
	for (unsigned i = 0; i < PASSWORDS_MAX; i++) {
		fps[i] = i;
		times[i] = now;
		assert_true(passwords_see(&set, &pool, i, now, true));
	}
	for (unsigned n = 0; n < 20000; n++) {
		unsigned at = 0, oldest = 0;
		uint64_t fp;

		seed = seed * 1664525 + 1013904223;
		fp = seed >> 16 & 127;
		now += seed >> 28 == 0;
		for (unsigned i = 1; i < PASSWORDS_MAX; i++)
			oldest = times[i] < times[oldest] ? i : oldest;
		while (at < PASSWORDS_MAX && fps[at] != fp)
			at++;
		assert_int_equal(passwords_see(&set, &pool, fp, now, false), at == PASSWORDS_MAX);
		at = at == PASSWORDS_MAX ? oldest : at;
		fps[at] = fp;
		times[at] = now;
	}
	free(memory);
}

static void
without_a_block_a_set_keeps_its_own_few(void **state)
{
	struct blocks pool;
	struct passwords set;

	(void)state;
	blocks_init(&pool, NULL, 0, PASSWORDS_BLOCK_BYTES);
	passwords_open(&set);
	for (uint64_t fp = 0; fp < 20; fp++)
		assert_true(passwords_see(&set, &pool, fp, 100, false));
	assert_int_equal(passwords_since(&set, &pool, 0), PASSWORDS_INLINE);
	assert_true(set.capped);
}

/* subjects and pairs */

struct fixture {
	struct stream s; /* for its events only */
	struct aggr a;
	struct aggr_view view;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	config_defaults(&f->s.config);
	f->s.now_ns = START;
	f->s.server = "203.0.113.25";
	return aggr_open(&f->a, &f->s.config);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	aggr_close(&f->a);
	free(f);
	return 0;
}

static void
attempt(struct fixture *f, const char *source, const char *account, const char *password)
{
	bool good = strcmp(password, "right") == 0;
	const struct try t = {source, account, password, good ? OUTCOME_SUCCESS : OUTCOME_FAILURE};
	struct event e = stream_make(&f->s, &t);

	struct aggr_keys keys;

	aggr_keys(&f->a, &e, &keys);
	assert_true(aggr_auth(&f->a, &e, &keys, &f->view));
	f->view.event = NULL;
	aggr_settle(&f->a, &f->view);
	f->view.keys = NULL;
}

static void
a_repeated_password_is_no_guess(void **state)
{
	struct fixture *f = *state;

	attempt(f, "192.0.2.1", "alice", "one");
	assert_int_equal(f->view.guess, GUESS_KNOWN);
	attempt(f, "192.0.2.1", "alice", "one");
	assert_int_equal(f->view.guess, GUESS_REPEAT);
	attempt(f, "192.0.2.1", "alice", "two");
	assert_int_equal(f->view.guess, GUESS_KNOWN);
	attempt(f, "192.0.2.1", "bob", "one");
	assert_int_equal(f->view.guess, GUESS_KNOWN);
	assert_int_equal(window_guesses(&f->view.subject[SUBJECT_SOURCE]->window, WINDOW_10MIN), 3);
	assert_int_equal(
		window_sum(&f->view.subject[SUBJECT_SOURCE]->window, WINDOW_DAY, WINDOW_PEERS), 2);
}

static void
who_has_logged_in_mistypes_and_does_not_guess(void **state)
{
	struct fixture *f = *state;
	char password[8];

	attempt(f, "192.0.2.1", "alice", "right");
	for (unsigned i = 0; i < 6; i++) {
		snprintf(password, sizeof(password), "p%u", i);
		attempt(f, "192.0.2.1", "alice", password);
		assert_int_equal(f->view.guess, i < 5 ? GUESS_REPEAT : GUESS_KNOWN);
	}
	attempt(f, "192.0.2.1", "alice", "right");
	attempt(f, "192.0.2.1", "alice", "another");
	assert_int_equal(f->view.guess, GUESS_REPEAT);
	attempt(f, "192.0.2.1", "bob", "another");
	assert_int_equal(f->view.guess, GUESS_KNOWN);
}

static void
a_login_takes_back_what_was_mistyped(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 5; i++) {
		char password[8] = {'p', (char)('0' + i)};

		attempt(f, "192.0.2.1", "alice", password);
		f->s.now_ns += 70 * NS_PER_S;
	}
	attempt(f, "192.0.2.1", "carol", "wrong");
	attempt(f, "192.0.2.1", "alice", "right");
	for (unsigned type = 0; type < SUBJECT_TYPE_COUNT; type++) {
		const struct window *w = &f->view.subject[type]->window;

		assert_int_equal(window_guesses(w, WINDOW_HOUR), type == SUBJECT_ACCOUNT ? 0 : 1);
	}
	assert_int_equal(
		window_sum(&f->view.subject[SUBJECT_SOURCE]->window, WINDOW_DAY, WINDOW_PEERS), 1);
}

static void
account_names_differ_by_more_than_case(void **state)
{
	struct fixture *f = *state;
	char name[SUBJECT_NAME_MAX + 1];

	attempt(f, "192.0.2.1", "Alice@Corp.Example", "one");
	attempt(f, "192.0.2.1", "alice@corp.example", "two");
	assert_int_equal(f->a.class[SUBJECT_ACCOUNT].table.in_use, 1);
	aggr_subject_name(&f->a, f->view.subject[SUBJECT_ACCOUNT], name);
	assert_string_equal(name, "Alice@Corp.Example");
}

static void
subjects_are_named_as_operators_write_them(void **state)
{
	struct fixture *f = *state;
	char name[SUBJECT_NAME_MAX + 1];

	attempt(f, "192.0.2.77", "alice", "one");
	aggr_subject_name(&f->a, f->view.subject[SUBJECT_PREFIX], name);
	assert_string_equal(name, "192.0.2.0/24");
	attempt(f, "2001:db8:bad:5:1:2:3:4", "alice", "one");
	aggr_subject_name(&f->a, f->view.subject[SUBJECT_PREFIX], name);
	assert_string_equal(name, "2001:db8:bad:5::/64");
	aggr_subject_name(&f->a, f->view.subject[SUBJECT_SOURCE], name);
	assert_string_equal(name, "2001:db8:bad:5:1:2:3:4");
}

static void
a_source_past_its_thresholds_no_longer_counts_for_others(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 50; i++) {
		char password[8];

		snprintf(password, sizeof(password), "p%u", i);
		attempt(f, "192.0.2.1", "alice", password);
	}
	assert_int_equal(window_guesses(&f->view.subject[SUBJECT_SOURCE]->window, WINDOW_HOUR), 50);
	assert_int_equal(window_guesses(&f->view.subject[SUBJECT_ACCOUNT]->window, WINDOW_HOUR), 7);
	assert_int_equal(window_guesses(&f->view.subject[SUBJECT_PREFIX]->window, WINDOW_HOUR), 7);
}

static void
an_episode_starts_over_after_silence(void **state)
{
	struct fixture *f = *state;

	attempt(f, "192.0.2.1", "alice", "one");
	attempt(f, "192.0.2.1", "alice", "two");
	assert_int_equal(f->view.subject[SUBJECT_SOURCE]->episode.attempts, 2);
	f->s.now_ns += 3 * NS_PER_H;
	attempt(f, "192.0.2.1", "bob", "three");
	assert_int_equal(f->view.subject[SUBJECT_SOURCE]->episode.attempts, 1);
	assert_int_equal(f->view.subject[SUBJECT_SOURCE]->episode.peers, 1);
	assert_int_equal(f->view.subject[SUBJECT_SOURCE]->total.attempts, 3);
}

int
main(void)
{
#define T(name) cmocka_unit_test(name)
#define TF(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_count_leaves_each_span_when_it_is_over),
		T(sums_are_those_of_the_events_within_the_span),
		T(a_distinct_thing_is_counted_once_however_often_it_comes),
		T(what_is_taken_back_leaves_the_bucket_and_those_before),
		T(a_full_bucket_saturates_and_its_sum_with_it),
		T(a_window_that_counts_much_goes_on_in_a_block),
		T(a_flood_of_low_entries_evicts_itself),
		T(who_was_used_is_spared),
		T(high_entries_leave_a_quarter_to_others),
		T(pinned_entries_are_never_evicted),
		T(entries_that_overflow_their_line_are_found_until_they_go),
		T(an_estimate_is_within_a_third_of_the_truth),
		T(passwords_are_told_apart_up_to_a_bound),
		T(a_full_set_lets_go_of_the_oldest),
		T(without_a_block_a_set_keeps_its_own_few),
		TF(a_repeated_password_is_no_guess),
		TF(who_has_logged_in_mistypes_and_does_not_guess),
		TF(a_login_takes_back_what_was_mistyped),
		TF(account_names_differ_by_more_than_case),
		TF(subjects_are_named_as_operators_write_them),
		TF(a_source_past_its_thresholds_no_longer_counts_for_others),
		TF(an_episode_starts_over_after_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
