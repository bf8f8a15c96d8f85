/*
 * A dialogue between two scripted peers becomes frames; the frames are cut, shuffled,
 * doubled, lost; what tcp makes of them must be the dialogue again: each side's bytes,
 * and no byte before those that its sender had read when it wrote it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/tcp/pass.h"
#include "dataplane/tcp/tcp.h"

#define STREAM_MAX (1u << 20)
#define FRAMES_MAX 60000
#define TURNS_MAX 400
#define BLOCKS 8192
#define MS 1000000ull

struct frame {
	uint8_t dir;
	uint8_t flags;
	uint8_t conflict;
	uint32_t offset; /* of its bytes in the stream */
	uint32_t len;
	uint32_t ack; /* offset in the other stream, FIN counted */
	uint64_t time_ns;
	uint64_t key;
};

struct turn {
	uint8_t dir;
	uint32_t start;
	uint32_t end;
	uint32_t needs; /* bytes of the other side read before this was written */
};

struct sim {
	uint64_t random;
	uint32_t isn[2];
	uint8_t bytes[2][STREAM_MAX];
	uint8_t got[2][STREAM_MAX]; /* 0 not yet, 1 delivered, 2 gap */
	uint32_t len[2];
	uint32_t at[2]; /* delivered or missed so far */
	unsigned fins[2];
	struct turn turns[TURNS_MAX];
	unsigned turn_count;
	struct frame frames[FRAMES_MAX];
	unsigned frame_count;
	uint64_t now_ns;
	uint32_t pause_ms; /* at most, before each turn */
	bool causal_off;   /* one side was not seen: no order to keep */
	uint32_t pickup[2];
	unsigned passed; /* segments that took the short way */
	struct tcp_ctx ctx;
	struct blocks arena;
	struct counters counters;
	void *memory;
};

static uint32_t
sim_random(struct sim *sim, uint32_t below)
{
	sim->random ^= sim->random << 13;
	sim->random ^= sim->random >> 7;
	sim->random ^= sim->random << 17;
	return (uint32_t)(sim->random >> 20) % below;
}

static struct sim *
sim_new(uint64_t seed)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	assert_non_null(sim);
	sim->random = seed * 0x9e3779b97f4a7c15 + 1;
	sim->isn[0] = sim_random(sim, UINT32_MAX);
	sim->isn[1] = sim_random(sim, UINT32_MAX);
	sim->now_ns = 1000 * MS;
	sim->pause_ms = 50;
	sim->memory = aligned_alloc(64, blocks_footprint(BLOCKS, TCP_BLOCK_BYTES));
	assert_non_null(sim->memory);
	blocks_init(&sim->arena, sim->memory, BLOCKS, TCP_BLOCK_BYTES);
	sim->ctx.arena = &sim->arena;
	sim->ctx.counters = &sim->counters;
	tcp_ctx_defaults(&sim->ctx);
	return sim;
}

static void
sim_free(struct sim *sim)
{
	free(sim->memory);
	free(sim);
}

static void
add_frame(struct sim *sim, unsigned dir, uint8_t flags, uint32_t offset, uint32_t len)
{
	assert_true(sim->frame_count < FRAMES_MAX);
	sim->now_ns += MS / 10;
	sim->frames[sim->frame_count++] = (struct frame){
		.dir = (uint8_t)dir,
		.flags = flags,
		.offset = offset,
		.len = len,
		.ack = sim->len[!dir],
		.time_ns = sim->now_ns,
	};
}

/* One side says len bytes in segments of at most cut bytes (0: at random). */
static void
say(struct sim *sim, unsigned dir, uint32_t len, uint32_t cut, bool acked)
{
	uint32_t start = sim->len[dir];

	assert_true(start + len < STREAM_MAX && sim->turn_count < TURNS_MAX);
	sim->turns[sim->turn_count++] =
		(struct turn){(uint8_t)dir, start, start + len, sim->len[!dir]};
	for (uint32_t i = 0; i < len; i++)
		sim->bytes[dir][start + i] = (uint8_t)sim_random(sim, 256);
	sim->now_ns += sim_random(sim, sim->pause_ms) * MS;
	for (uint32_t done = 0; done < len;) {
		uint32_t n = cut ? cut : 1 + sim_random(sim, 40);
		n = n < len - done ? n : len - done;
		add_frame(sim, dir, TCP_ACK | TCP_PSH, start + done, n);
		done += n;
	}
	sim->len[dir] += len;
	if (acked)
		add_frame(sim, !dir, TCP_ACK, sim->len[!dir], 0);
}

static void
script(struct sim *sim, unsigned turns, uint32_t len_max, uint32_t cut)
{
	add_frame(sim, 0, TCP_SYN, 0, 0);
	add_frame(sim, 1, TCP_SYN | TCP_ACK, 0, 0);
	add_frame(sim, 0, TCP_ACK, 0, 0);
	for (unsigned i = 0; i < turns; i++) {
		unsigned dir = (i & 1) ^ 1; /* the server greets */
		/* One after the other: the order of arguments is the compiler's. */
		bool acked = sim_random(sim, 2);
		uint32_t len = 1 + sim_random(sim, len_max);
		say(sim, dir, len, cut, acked);
	}
	add_frame(sim, 0, TCP_ACK | TCP_FIN, sim->len[0], 0);
	sim->len[0]++;
	add_frame(sim, 1, TCP_ACK | TCP_FIN, sim->len[1], 0);
	sim->len[1]++;
	add_frame(sim, 0, TCP_ACK, sim->len[0], 0);
	sim->len[0]--;
	sim->len[1]--;
}

static int
by_key(const void *a, const void *b)
{
	const struct frame *x = a;
	const struct frame *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

/* Displace each frame by less than window places; the times stay in order. */
static void
shuffle(struct sim *sim, unsigned window)
{
	unsigned n = sim->frame_count;
	uint64_t *times = calloc(n, sizeof(*times));

	assert_non_null(times);
	for (unsigned i = 0; i < n; i++) {
		times[i] = sim->frames[i].time_ns;
		sim->frames[i].key = (uint64_t)(i + sim_random(sim, window)) << 32;
		sim->frames[i].key |= sim_random(sim, UINT32_MAX);
	}
	qsort(sim->frames, n, sizeof(sim->frames[0]), by_key);
	for (unsigned i = 0; i < n; i++)
		sim->frames[i].time_ns = times[i];
	free(times);
}

static void
drop_frame(struct sim *sim, unsigned at)
{
	memmove(sim->frames + at, sim->frames + at + 1,
		(sim->frame_count - at - 1) * sizeof(sim->frames[0]));
	sim->frame_count--;
}

static void
double_frames(struct sim *sim, bool conflict)
{
	assert_true(sim->frame_count * 2 <= FRAMES_MAX);
	for (unsigned i = sim->frame_count; i-- > 0;) {
		sim->frames[2 * i] = sim->frames[i];
		sim->frames[2 * i + 1] = sim->frames[i];
		sim->frames[2 * i + 1].conflict = conflict && sim->frames[i].len > 0;
	}
	sim->frame_count *= 2;
}

/* The causal order: what was delivered of the other side when this came. */
static void
check_order(const struct sim *sim, unsigned dir, uint32_t from, uint32_t to)
{
	for (unsigned i = 0; i < sim->turn_count && !sim->causal_off; i++) {
		const struct turn *t = &sim->turns[i];
		if (t->dir == dir && t->start < to && from < t->end && sim->at[!dir] < t->needs)
			fail_msg("turn %u of side %u came when %u of %u bytes were read", i, dir,
				sim->at[!dir], t->needs);
	}
}

static void
collect(struct sim *sim, struct tcp_conn *conn)
{
	struct tcp_chunk chunk;

	while (tcp_next(&sim->ctx, conn, &chunk)) {
		unsigned dir = chunk.dir;
		uint32_t from = sim->at[dir];
		switch (chunk.kind) {
		case TCP_CHUNK_DATA:
			assert_int_equal(
				chunk.from_start, from == 0 && tcp_syn_seen(conn, chunk.dir));
			assert_true(from + chunk.len <= sim->len[dir]);
			assert_memory_equal(chunk.data, sim->bytes[dir] + from, chunk.len);
			check_order(sim, dir, from, from + chunk.len);
			memset(sim->got[dir] + from, 1, chunk.len);
			break;
		case TCP_CHUNK_GAP:
			/* a lost FIN looks like a lost byte */
			assert_true(from + chunk.len <= sim->len[dir] + 1);
			memset(sim->got[dir] + from, 2, chunk.len);
			break;
		case TCP_CHUNK_FIN:
			assert_int_equal(from, sim->len[dir]);
			assert_int_equal(sim->fins[dir], 0);
			sim->fins[dir]++;
			continue;
		case TCP_CHUNK_RST:
			fail();
		}
		assert_int_equal(sim->fins[dir], 0);
		sim->at[dir] += chunk.len;
	}
}

static void
play(struct sim *sim, struct tcp_conn *conn)
{
	uint8_t *junk = malloc(STREAM_MAX);

	assert_non_null(junk);
	memset(junk, 'X', STREAM_MAX);
	sim->at[0] = sim->pickup[0];
	sim->at[1] = sim->pickup[1];
	for (unsigned i = 0; i < sim->frame_count; i++) {
		const struct frame *f = &sim->frames[i];
		bool syn = f->flags & TCP_SYN;
		uint8_t *copy = malloc(f->len + 1); /* so that ASan sees a use after */
		assert_non_null(copy);
		memcpy(copy, f->conflict ? junk : sim->bytes[f->dir] + f->offset, f->len);
		struct tcp_segment s = {
			.seq = sim->isn[f->dir] + f->offset + !syn,
			.ack = f->flags & TCP_ACK ? sim->isn[!f->dir] + f->ack + 1 : 0,
			.flags = f->flags,
			.checksum = TCP_CHECKSUM_GOOD,
			.data = copy,
			.len = f->len,
			.wire_len = f->len,
			.time_ns = f->time_ns,
			.clock_ns = f->time_ns,
		};
		struct tcp_ctx ctx = sim->ctx;
		struct tcp_conn passed = *conn;
		uint32_t end = sim->at[f->dir] + f->len;
		bool passes = tcp_pass(&ctx, &passed, (enum tcp_dir)f->dir, &s);
		enum tcp_verdict v = tcp_input(&sim->ctx, conn, (enum tcp_dir)f->dir, &s);
		assert_int_not_equal(v, TCP_NEW_CONN);
		collect(sim, conn);
		if (passes) {
			assert_memory_equal(&passed, conn, sizeof(passed));
			assert_int_equal(sim->at[f->dir], end);
			sim->passed++;
		}
		free(copy);
	}
	free(junk);
}

static void
finish(struct sim *sim, struct tcp_conn *conn)
{
	tcp_drain(&sim->ctx, conn);
	collect(sim, conn);
	assert_false(tcp_holding(conn));
	tcp_close(&sim->ctx, conn);
	assert_int_equal(sim->arena.in_use, 0);
}

/* Everything arrived, without a drain, and both sides ended. */
static void
play_whole(struct sim *sim)
{
	struct tcp_conn conn = {0};

	play(sim, &conn);
	assert_false(tcp_holding(&conn));
	for (unsigned dir = 0; dir < 2; dir++) {
		assert_int_equal(sim->at[dir], sim->len[dir]);
		assert_int_equal(sim->fins[dir], 1);
	}
	assert_true(tcp_finished(&conn));
	assert_false(tcp_gap_seen(&conn));
	assert_int_equal(counter_read(&sim->counters, COUNTER_TCP_GAPS), 0);
	assert_int_equal(counter_read(&sim->counters, COUNTER_TCP_HOLD_FULL), 0);
	finish(sim, &conn);
}

static void
in_order_segments_are_neither_held_nor_copied(void **state)
{
	(void)state;
	struct sim *sim = sim_new(1);

	script(sim, 60, 4000, 1460);
	play_whole(sim);
	/* All but the first of each side, the SYNs and the FINs. */
	assert_in_range(sim->passed, sim->frame_count - 8, sim->frame_count - 4);
	assert_int_equal(sim->arena.fresh, 0);
	assert_int_equal(counter_read(&sim->counters, COUNTER_TCP_OUT_OF_ORDER), 0);
	assert_int_equal(counter_read(&sim->counters, COUNTER_TCP_HELD_FOR_ACK), 0);
	sim_free(sim);
}

static void
any_cutting_gives_the_same_bytes(void **state)
{
	(void)state;
	static const uint32_t cuts[] = {1, 0, 7, 536, 1460, 65000};

	for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct sim *sim = sim_new(i + 1);
		script(sim, 40, cuts[i] == 1 ? 200 : 100000 / 40, cuts[i]);
		play_whole(sim);
		sim_free(sim);
	}
}

static void
sequence_numbers_may_wrap_anywhere(void **state)
{
	(void)state;

	for (unsigned i = 0; i < 300; i++) {
		struct sim *sim = sim_new(i + 1);
		sim->isn[0] = 0u - i % 60;
		sim->isn[1] = 0u - i;
		script(sim, 10, 60, 0);
		shuffle(sim, 1 + i % 6);
		play_whole(sim);
		sim_free(sim);
	}
}

static void
reordering_within_a_window_keeps_bytes_and_causal_order(void **state)
{
	(void)state;

	for (unsigned seed = 1; seed <= 400; seed++) {
		struct sim *sim = sim_new(seed);
		script(sim, 30, seed % 3 ? 100 : 3000, seed % 2 ? 0 : 1460);
		shuffle(sim, 2 + seed % 7);
		play_whole(sim);
		sim_free(sim);
	}
}

static void
a_slow_dialogue_may_be_reordered_across_its_pauses(void **state)
{
	(void)state;

	for (unsigned seed = 1; seed <= 200; seed++) {
		struct sim *sim = sim_new(seed);
		sim->pause_ms = 4000;
		script(sim, 30, 100, seed % 2 ? 0 : 1460);
		shuffle(sim, 2 + seed % 7);
		play_whole(sim);
		sim_free(sim);
	}
}

static void
one_turn_in_seven_byte_segments_of_random_order_is_whole(void **state)
{
	(void)state;

	for (unsigned seed = 1; seed <= 20; seed++) {
		struct sim *sim = sim_new(seed);
		add_frame(sim, 0, TCP_SYN, 0, 0);
		add_frame(sim, 1, TCP_SYN | TCP_ACK, 0, 0);
		say(sim, 1, 1460, 7, true);
		for (unsigned i = 3; i + 1 < sim->frame_count; i++) {
			unsigned j = i + sim_random(sim, sim->frame_count - i);
			struct frame f = sim->frames[i];
			sim->frames[i] = sim->frames[j];
			sim->frames[j] = f;
		}
		for (unsigned i = 0; i < sim->frame_count; i++)
			sim->frames[i].time_ns = (1000 + i) * MS / 50;
		struct tcp_conn conn = {0};
		play(sim, &conn);
		assert_int_equal(sim->at[1], sim->len[1]);
		assert_int_equal(counter_read(&sim->counters, COUNTER_TCP_GAPS), 0);
		finish(sim, &conn);
		sim_free(sim);
	}
}

static void
every_frame_twice_changes_nothing(void **state)
{
	(void)state;

	for (unsigned seed = 1; seed <= 50; seed++) {
		struct sim *sim = sim_new(seed);
		script(sim, 30, 300, seed % 2 ? 0 : 1460);
		double_frames(sim, false);
		shuffle(sim, 1 + seed % 5);
		play_whole(sim);
		assert_true(counter_read(&sim->counters, COUNTER_TCP_DUPLICATE) > 0);
		assert_int_equal(counter_read(&sim->counters, COUNTER_TCP_CONFLICT), 0);
		sim_free(sim);
	}
}

static void
the_first_copy_of_a_byte_wins_and_the_conflict_is_told(void **state)
{
	(void)state;

	for (unsigned seed = 1; seed <= 20; seed++) {
		struct sim *sim = sim_new(seed);
		struct tcp_conn conn = {0};
		script(sim, 30, 300, 100);
		double_frames(sim, true);
		play(sim, &conn);
		assert_int_equal(sim->at[0], sim->len[0]);
		assert_int_equal(sim->at[1], sim->len[1]);
		assert_true(tcp_conflict_seen(&conn));
		assert_true(counter_read(&sim->counters, COUNTER_TCP_CONFLICT) > 20);
		finish(sim, &conn);
		sim_free(sim);
	}
}

static void
without_pure_acks_nothing_is_missed(void **state)
{
	(void)state;

	for (unsigned seed = 1; seed <= 50; seed++) {
		struct sim *sim = sim_new(seed);
		script(sim, 30, 300, 0);
		for (unsigned i = sim->frame_count; i-- > 0;)
			if (sim->frames[i].len == 0 && sim->frames[i].flags == TCP_ACK)
				drop_frame(sim, i);
		shuffle(sim, 1 + seed % 5);
		play_whole(sim);
		sim_free(sim);
	}
}

static void
one_side_alone_is_delivered_whole(void **state)
{
	(void)state;

	for (unsigned seed = 1; seed <= 40; seed++) {
		struct sim *sim = sim_new(seed);
		struct tcp_conn conn = {0};
		unsigned side = seed & 1;
		script(sim, 40, 300, seed % 3 ? 0 : 1460);
		for (unsigned i = sim->frame_count; i-- > 0;)
			if (sim->frames[i].dir != side)
				drop_frame(sim, i);
		if (seed % 5 == 0)
			drop_frame(sim, 0); /* and no SYN */
		sim->causal_off = true;
		shuffle(sim, 1 + seed % 4);
		play(sim, &conn);
		assert_int_equal(sim->at[side], sim->len[side]);
		assert_int_equal(sim->at[!side], 0);
		assert_int_equal(sim->fins[side], 1);
		assert_false(tcp_gap_seen(&conn));
		finish(sim, &conn);
		sim_free(sim);
	}
}

static void
without_syn_the_pickup_starts_at_the_first_byte_seen(void **state)
{
	(void)state;

	for (unsigned seed = 1; seed <= 60; seed++) {
		struct sim *sim = sim_new(seed);
		script(sim, 30, 300, seed % 2 ? 0 : 1460);
		drop_frame(sim, 0);
		drop_frame(sim, 0);
		if (seed % 3)
			shuffle(sim, 1 + seed % 4);
		play_whole(sim);
		sim_free(sim);
	}
}

/* Bytes that no frame of the capture carries. */
static uint8_t *
lost_bytes(const struct sim *sim, unsigned dir)
{
	uint8_t *lost = malloc(STREAM_MAX);

	assert_non_null(lost);
	memset(lost, 2, STREAM_MAX);
	for (unsigned i = 0; i < sim->frame_count; i++)
		if (sim->frames[i].dir == dir)
			memset(lost + sim->frames[i].offset, 1, sim->frames[i].len);
	return lost;
}

static void
loss_at_the_tap_leaves_gaps_exactly_where_it_was(void **state)
{
	(void)state;
	uint64_t gaps = 0;
	uint64_t gaps_drained = 0;

	for (unsigned seed = 1; seed <= 300; seed++) {
		struct sim *sim = sim_new(seed);
		struct tcp_conn conn = {0};
		script(sim, 60, seed % 3 ? 100 : 4000, seed % 2 ? 0 : 1460);
		for (unsigned i = sim->frame_count; i-- > 3;)
			if (sim_random(sim, seed % 2 ? 100 : 20) == 0)
				drop_frame(sim, i);
		shuffle(sim, 1 + seed % 4);
		play(sim, &conn);
		uint64_t before = counter_read(&sim->counters, COUNTER_TCP_GAPS);
		finish(sim, &conn);
		gaps += counter_read(&sim->counters, COUNTER_TCP_GAPS);
		gaps_drained += counter_read(&sim->counters, COUNTER_TCP_GAPS) - before;
		for (unsigned dir = 0; dir < 2; dir++) {
			uint8_t *lost = lost_bytes(sim, dir);
			assert_memory_equal(lost, sim->got[dir], sim->at[dir]);
			for (uint32_t i = sim->at[dir]; i < sim->len[dir]; i++)
				assert_int_equal(lost[i], 2); /* the tail was lost */
			free(lost);
		}
		sim_free(sim);
	}
	assert_true(gaps > 2000 && gaps_drained < gaps / 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_segments_are_neither_held_nor_copied),
		cmocka_unit_test(any_cutting_gives_the_same_bytes),
		cmocka_unit_test(sequence_numbers_may_wrap_anywhere),
		cmocka_unit_test(reordering_within_a_window_keeps_bytes_and_causal_order),
		cmocka_unit_test(a_slow_dialogue_may_be_reordered_across_its_pauses),
		cmocka_unit_test(one_turn_in_seven_byte_segments_of_random_order_is_whole),
		cmocka_unit_test(every_frame_twice_changes_nothing),
		cmocka_unit_test(the_first_copy_of_a_byte_wins_and_the_conflict_is_told),
		cmocka_unit_test(without_pure_acks_nothing_is_missed),
		cmocka_unit_test(one_side_alone_is_delivered_whole),
		cmocka_unit_test(without_syn_the_pickup_starts_at_the_first_byte_seen),
		cmocka_unit_test(loss_at_the_tap_leaves_gaps_exactly_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
