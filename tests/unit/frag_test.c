#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/duration.h"
#include "dataplane/frag/frag.h"

#define T0 (1700000000 * NS_PER_S)
#define TCP_BYTES 20

struct fixture {
	struct counters counters;
	struct decode_config decode;
	struct frag_table *table;
	size_t table_bytes;
	uint64_t clock_ns;
	uint8_t packet[65536]; /* whole, as it was before it was cut */
	uint32_t packet_len;
	uint32_t header_len;
	struct span out;
};

static int
set_up_table(void **state, uint32_t packets)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct frag_config cfg;

	frag_config_defaults(&cfg);
	cfg.packets = packets;
	f->table_bytes = frag_table_footprint(&cfg);
	void *memory = mmap(
		NULL, f->table_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	f->table = frag_table_init(memory, &cfg, &f->counters);
	decode_config_add_port(&f->decode, 25);
	f->clock_ns = T0;
	*state = f;
	return 0;
}

static int
set_up(void **state)
{
	return set_up_table(state, 64);
}

static int
set_up_small(void **state)
{
	return set_up_table(state, 2);
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	munmap(f->table, f->table_bytes);
	free(f);
	return 0;
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* A TCP segment to port 25 with `text` bytes of text. */
static void
make_v4(struct fixture *f, unsigned id, uint32_t text)
{
	uint8_t *p = f->packet;
	uint32_t sum = 0;

	f->header_len = 20;
	f->packet_len = 20 + TCP_BYTES + text;
	memset(p, 0, f->packet_len);
	p[0] = 0x45;
	put16(p + 2, f->packet_len);
	put16(p + 4, id);
	p[8] = 64;
	p[9] = 6;
	memcpy(p + 12, "\xc6\x33\x64\x11\xcb\x00\x71\x19", 8);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	put16(p + 10, ~(sum + (sum >> 16)) & 0xffff);
	put16(p + 20, 40000);
	put16(p + 22, 25);
	p[32] = 0x50;
	p[33] = 0x18;
	for (uint32_t i = 0; i < text; i++)
		p[40 + i] = (uint8_t)('a' + (i * 7 + id) % 26);
}

/* The same over IPv6, behind a hop-by-hop header. */
static void
make_v6(struct fixture *f, uint32_t text)
{
	uint8_t *p = f->packet;

	f->header_len = 48;
	f->packet_len = 48 + TCP_BYTES + text;
	memset(p, 0, f->packet_len);
	p[0] = 0x60;
	put16(p + 4, f->packet_len - 40);
	p[6] = 0;
	p[7] = 64;
	p[8] = p[24] = 0x20;
	p[9] = p[25] = 0x01;
	p[23] = 1;
	p[39] = 2;
	p[40] = 6;
	p[42] = 1; /* PadN */
	p[43] = 4;
	put16(p + 48, 40000);
	put16(p + 50, 25);
	p[60] = 0x50;
	p[61] = 0x18;
	for (uint32_t i = 0; i < text; i++)
		p[68 + i] = (uint8_t)('a' + i % 26);
}

/* One fragment of the packet: payload bytes [from, to). Returns its length. */
static uint32_t
cut(const struct fixture *f, uint32_t from, uint32_t to, uint8_t *out)
{
	uint32_t payload = f->packet_len - f->header_len;
	bool more = to < payload;
	uint32_t at = f->header_len;

	memcpy(out, f->packet, f->header_len);
	if (f->packet[0] >> 4 == 4) {
		put16(out + 2, f->header_len + to - from);
		put16(out + 6, (more ? 0x2000u : 0) | from / 8);
	} else {
		static const uint8_t id[4] = {1, 2, 3, 4};
		out[40] = 44;
		put16(out + 4, f->header_len - 40 + 8 + to - from);
		out[at] = 6;
		out[at + 1] = 0;
		put16(out + at + 2, from | (more ? 1 : 0));
		memcpy(out + at + 4, id, 4);
		at += 8;
	}
	memcpy(out + at, f->packet + f->header_len + from, to - from);
	return at + to - from;
}

/* Feed raw bytes at the end of a page that nothing follows. */
static bool
feed(struct fixture *f, const uint8_t *fragment, uint32_t len)
{
	static const size_t room = 1 << 17;
	uint8_t *map =
		mmap(NULL, room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct decode_packet packet;

	assert_ptr_not_equal(map, MAP_FAILED);
	mprotect(map + room, 4096, PROT_NONE);
	uint8_t *data = map + room - len;
	memcpy(data, fragment, len);
	f->clock_ns += NS_PER_MS;
	assert_int_equal(
		decode_packet(&f->decode, DECODE_LINK_IP, data, len, &packet), DECODE_FRAGMENT);
	bool done = frag_input(f->table, &packet, data, len, f->clock_ns, &f->out);
	munmap(map, room + 4096);
	return done;
}

static bool
feed_cut(struct fixture *f, uint32_t from, uint32_t to)
{
	uint8_t fragment[66000];
	uint32_t len = cut(f, from, to, fragment);

	return feed(f, fragment, len);
}

static uint64_t
count(const struct fixture *f, enum counter id)
{
	return counter_read(&f->counters, id);
}

static void
assert_whole(const struct fixture *f)
{
	struct decode_packet packet;

	assert_int_equal(f->out.len, f->packet_len);
	assert_memory_equal(f->out.data, f->packet, f->packet_len);
	assert_int_equal(decode_packet(&f->decode, DECODE_LINK_IP, f->out.data,
				 (uint32_t)f->out.len, &packet),
		DECODE_MAIL);
}

static void
fragments_in_order_become_the_packet(void **state)
{
	struct fixture *f = *state;

	for (unsigned step = 8; step <= 96; step += 8) {
		make_v4(f, step, 301);
		uint32_t payload = f->packet_len - f->header_len;
		for (uint32_t at = 0; at < payload; at += step) {
			uint32_t to = at + step < payload ? at + step : payload;
			assert_int_equal(feed_cut(f, at, to), to == payload);
		}
		assert_whole(f);
	}
	assert_int_equal(count(f, COUNTER_FRAG_DONE), 12);
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 0);
}

static void
fragments_in_reverse_order_become_the_packet(void **state)
{
	struct fixture *f = *state;

	make_v4(f, 7, 401);
	uint32_t payload = f->packet_len - f->header_len;
	for (uint32_t to = payload; to > 0;) {
		uint32_t from = (to - 1) / 24 * 24;
		assert_int_equal(feed_cut(f, from, to), from == 0);
		to = from;
	}
	assert_whole(f);
}

static void
ipv6_fragments_lose_their_fragment_header(void **state)
{
	struct fixture *f = *state;

	make_v6(f, 200);
	assert_false(feed_cut(f, 64, 128));
	assert_false(feed_cut(f, 0, 64));
	assert_true(feed_cut(f, 128, 220));
	assert_whole(f);
}

static void
the_largest_packet_fits_and_a_larger_one_is_dropped(void **state)
{
	struct fixture *f = *state;

	make_v4(f, 9, 65535 - 40);
	uint32_t payload = f->packet_len - f->header_len;
	assert_false(feed_cut(f, 0, 32768));
	assert_true(feed_cut(f, 32768, payload));
	assert_whole(f);

	uint8_t fragment[200];
	make_v4(f, 10, 100);
	uint32_t len = cut(f, 0, payload < 120 ? payload : 120, fragment);
	put16(fragment + 6, 0x1fff); /* the last 8-byte unit there is, and 120 bytes */
	assert_false(feed(f, fragment, len));
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 1);
}

static void
duplicates_change_nothing_and_are_counted(void **state)
{
	struct fixture *f = *state;

	make_v4(f, 11, 100);
	for (int i = 0; i < 3; i++)
		assert_false(feed_cut(f, 0, 48));
	assert_true(feed_cut(f, 48, 120));
	assert_whole(f);
	/* late copies do not start a packet of their own */
	assert_false(feed_cut(f, 48, 120));
	assert_false(feed_cut(f, 0, 48));
	assert_int_equal(count(f, COUNTER_FRAG_DONE), 1);
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 4);
	frag_end(f->table);
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 4);
}

/* The same first fragment, but one that ends between the tap and who is to get it. */
static void
of_two_first_fragments_the_one_that_goes_farther_gives_the_header(void **state)
{
	struct fixture *f = *state;
	uint8_t fragment[66000];

	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		is_v6 ? make_v6(f, 100) : make_v4(f, 12, 100);
		for (unsigned i = 0; i < 3; i++) {
			uint32_t len = cut(f, 0, 48, fragment);
			fragment[is_v6 ? 7 : 8] = i == 1 ? 64 : 3;
			assert_false(feed(f, fragment, len));
		}
		assert_true(feed_cut(f, 48, 120));
		assert_whole(f);
	}
}

static void
an_id_used_again_starts_a_new_packet(void **state)
{
	struct fixture *f = *state;

	make_v4(f, 12, 100);
	assert_false(feed_cut(f, 0, 48));
	assert_true(feed_cut(f, 48, 120));
	make_v4(f, 12, 120);
	memset(f->packet + 40, 'Z', 120);
	assert_false(feed_cut(f, 0, 48));
	assert_true(feed_cut(f, 48, 140));
	assert_whole(f);
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 0);
}

static void
overlaps_that_agree_are_merged(void **state)
{
	struct fixture *f = *state;

	make_v4(f, 13, 100);
	assert_false(feed_cut(f, 0, 64));
	assert_false(feed_cut(f, 40, 96));
	assert_true(feed_cut(f, 80, 120));
	assert_whole(f);
}

static void
of_overlaps_that_disagree_the_first_bytes_win(void **state)
{
	struct fixture *f = *state;
	uint8_t fragment[200];

	make_v4(f, 14, 100);
	assert_false(feed_cut(f, 0, 64));
	uint32_t len = cut(f, 56, 120, fragment);
	fragment[20] ^= 1;
	assert_true(feed(f, fragment, len)); /* what was not there yet is as good as any */
	assert_whole(f);
}

/* The TCP checksum of an IPv4 packet. */
static void
sum_tcp(struct fixture *f)
{
	uint32_t sum = 6 + f->packet_len - 20;
	uint8_t *p = f->packet;

	put16(p + 36, 0);
	for (uint32_t i = 12; i < f->packet_len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(p + 36, ~sum & 0xffff);
}

/* Payload bytes [from, to), the last of them changed. */
static bool
feed_forged(struct fixture *f, uint32_t from, uint32_t to)
{
	uint8_t fragment[200];
	uint32_t len = cut(f, from, to, fragment);

	fragment[len - 1] ^= 0x55;
	return feed(f, fragment, len);
}

static void
the_wording_whose_checksum_is_right_is_told(void **state)
{
	struct fixture *f = *state;

	for (unsigned forged_after = 0; forged_after < 2; forged_after++) {
		make_v4(f, 15 + forged_after, 100);
		sum_tcp(f);
		assert_false(feed_cut(f, 0, 40));
		assert_false(forged_after ? feed_cut(f, 40, 80) : feed_forged(f, 40, 80));
		assert_false(forged_after ? feed_forged(f, 40, 80) : feed_cut(f, 40, 80));
		assert_true(feed_cut(f, 80, 120));
		assert_whole(f);
	}
}

static void
a_forged_piece_that_covers_part_of_a_true_one_changes_nothing(void **state)
{
	struct fixture *f = *state;

	make_v4(f, 17, 100);
	sum_tcp(f);
	assert_false(feed_forged(f, 48, 56));
	assert_false(feed_cut(f, 0, 40));
	assert_false(feed_cut(f, 40, 80));
	assert_true(feed_cut(f, 80, 120));
	assert_whole(f);
}

static void
a_packet_that_was_wrong_is_told_again_with_the_piece_that_mends_it(void **state)
{
	struct fixture *f = *state;

	make_v4(f, 18, 100);
	sum_tcp(f);
	assert_false(feed_cut(f, 0, 80));
	assert_true(feed_forged(f, 80, 120));
	assert_true(feed_cut(f, 80, 120));
	assert_whole(f);
	assert_false(feed_cut(f, 80, 120));
}

static void
a_second_end_and_bytes_past_the_end_are_dropped(void **state)
{
	struct fixture *f = *state;

	make_v4(f, 15, 100);
	assert_false(feed_cut(f, 64, 120));
	make_v4(f, 15, 60); /* claims to end at 80 */
	assert_false(feed_cut(f, 64, 80));
	make_v4(f, 15, 300);
	assert_false(feed_cut(f, 120, 200));
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 2);
	make_v4(f, 15, 100);
	assert_true(feed_cut(f, 0, 64));
	assert_whole(f);
}

static void
lengths_that_make_no_sense_are_dropped(void **state)
{
	struct fixture *f = *state;
	uint8_t fragment[200];

	make_v4(f, 16, 100);
	uint32_t len = cut(f, 0, 64, fragment);
	put16(fragment + 2, 20 + 61); /* more follow, yet no multiple of 8 */
	assert_false(feed(f, fragment, len - 3));
	put16(fragment + 2, 20);
	assert_false(feed(f, fragment, 20));
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 2);
	frag_end(f->table);
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 2);
}

static void
an_incomplete_packet_is_given_up_after_its_time(void **state)
{
	struct fixture *f = *state;

	make_v4(f, 17, 100);
	assert_false(feed_cut(f, 0, 48));
	assert_false(feed_cut(f, 48, 72));
	frag_clock(f->table, f->clock_ns + 29 * NS_PER_S);
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 0);
	frag_clock(f->table, f->clock_ns + 31 * NS_PER_S);
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 2);
	f->clock_ns += 31 * NS_PER_S;
	assert_false(feed_cut(f, 72, 120));
}

static void
a_full_table_gives_up_its_oldest_packet(void **state)
{
	struct fixture *f = *state;

	for (unsigned id = 1; id <= 3; id++) {
		make_v4(f, id, 100);
		assert_false(feed_cut(f, 0, 48));
	}
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 1);
	assert_true(feed_cut(f, 48, 120)); /* 3 is there */
	assert_whole(f);
	make_v4(f, 2, 100);
	assert_true(feed_cut(f, 48, 120)); /* and 2 */
	make_v4(f, 1, 100);
	assert_false(feed_cut(f, 48, 120)); /* 1 is not */
	assert_int_equal(count(f, COUNTER_FRAG_DROP), 1);
}

static void
protocols_with_one_id_do_not_mix(void **state)
{
	struct fixture *f = *state;
	uint8_t fragment[200];

	make_v4(f, 18, 100);
	uint32_t len = cut(f, 0, 48, fragment);
	fragment[9] = 17;
	assert_false(feed(f, fragment, len));
	assert_false(feed_cut(f, 48, 120));
	assert_true(feed_cut(f, 0, 48));
	assert_whole(f);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(fragments_in_order_become_the_packet),
		TEST(fragments_in_reverse_order_become_the_packet),
		TEST(ipv6_fragments_lose_their_fragment_header),
		TEST(the_largest_packet_fits_and_a_larger_one_is_dropped),
		TEST(duplicates_change_nothing_and_are_counted),
		TEST(of_two_first_fragments_the_one_that_goes_farther_gives_the_header),
		TEST(an_id_used_again_starts_a_new_packet),
		TEST(overlaps_that_agree_are_merged),
		TEST(of_overlaps_that_disagree_the_first_bytes_win),
		TEST(the_wording_whose_checksum_is_right_is_told),
		TEST(a_forged_piece_that_covers_part_of_a_true_one_changes_nothing),
		TEST(a_packet_that_was_wrong_is_told_again_with_the_piece_that_mends_it),
		TEST(a_second_end_and_bytes_past_the_end_are_dropped),
		TEST(lengths_that_make_no_sense_are_dropped),
		TEST(an_incomplete_packet_is_given_up_after_its_time),
		cmocka_unit_test_setup_teardown(
			a_full_table_gives_up_its_oldest_packet, set_up_small, tear_down),
		TEST(protocols_with_one_id_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
