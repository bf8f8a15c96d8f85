/* base: base64, blocks, siphash, stages, utf8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/blocks.h"
#include "base/bytes.h"
#include "base/siphash.h"
#include "base/stages.h"
#include "base/text.h"
#include "base/utf8.h"

/* Memory that ends where an unmapped page starts: a read too far is a crash. */
struct edge {
	uint8_t *map;
	size_t page;
};

static struct edge
edge_open(void)
{
	struct edge e = {.page = (size_t)sysconf(_SC_PAGESIZE)};

	e.map = mmap(NULL, 2 * e.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(e.map != MAP_FAILED);
	assert_int_equal(mprotect(e.map + e.page, e.page, PROT_NONE), 0);
	return e;
}

static uint8_t *
edge_put(const struct edge *e, const void *data, size_t len)
{
	return memcpy(e->map + e->page - len, data, len);
}

static void
edge_close(struct edge *e)
{
	munmap(e->map, 2 * e->page);
}

static void
expect_base64(const char *text, const char *want, size_t want_len)
{
	struct edge e = edge_open();
	size_t len = strlen(text);
	uint8_t out[64];

	assert_int_equal(
		base64_decode(edge_put(&e, text, len), len, out, sizeof(out)), (ssize_t)want_len);
	assert_memory_equal(out, want, want_len);
	edge_close(&e);
}

static void
expect_not_base64(const char *text)
{
	uint8_t out[64];

	assert_int_equal(base64_decode((const uint8_t *)text, strlen(text), out, sizeof(out)), -1);
}

static void
base64_decodes_the_vectors_of_rfc_4648(void **state)
{
	(void)state;
	expect_base64("", "", 0);
	expect_base64("Zg==", "f", 1);
	expect_base64("Zm8=", "fo", 2);
	expect_base64("Zm9v", "foo", 3);
	expect_base64("Zm9vYg==", "foob", 4);
	expect_base64("Zm9vYmE=", "fooba", 5);
	expect_base64("Zm9vYmFy", "foobar", 6);
	expect_base64("AAD/++A/", "\x00\x00\xff\xfb\xe0\x3f", 6);
}

static void
base64_without_padding_is_accepted(void **state)
{
	(void)state;
	expect_base64("Zg", "f", 1);
	expect_base64("Zg=", "f", 1);
	expect_base64("Zm8", "fo", 2);
	expect_base64("Zm9vYmE", "fooba", 5);
}

static void
base64_of_anything_else_is_refused(void **state)
{
	(void)state;
	expect_not_base64("Z");
	expect_not_base64("Zm9vY");
	expect_not_base64("=");
	expect_not_base64("====");
	expect_not_base64("Zg===");
	expect_not_base64("Zm8==");
	expect_not_base64("Zm9v=");
	expect_not_base64("Zg==Zg==");
	expect_not_base64("Zg=g");
	expect_not_base64("Zm 9");
	expect_not_base64("Zm9v\r\n");
	/* In each place of a group, and of what is left of one. */
	for (size_t at = 0; at < 11; at++) {
		char text[] = "Zm9vYmFyZm9";
		for (const char *bad = "!-_~\x7f\x80\xff "; *bad; bad++) {
			text[at] = *bad;
			expect_not_base64(text);
		}
	}
	expect_not_base64("Zm-_");
	expect_not_base64("Zm9\xc3");
}

static void
base64_never_writes_past_its_room(void **state)
{
	uint8_t out[4] = {0, 0, 0, 0xee};

	(void)state;
	assert_int_equal(base64_decode((const uint8_t *)"Zm9v", 4, out, 3), 3);
	assert_int_equal(base64_decode((const uint8_t *)"Zm9vYg", 6, out, 3), -1);
	assert_int_equal(base64_decode((const uint8_t *)"Zg", 2, out, 0), -1);
	assert_int_equal(out[3], 0xee);
}

/* Key 00..0f, message of n bytes 00, 01, ..: the vectors of the reference. */
static const uint64_t sip_vectors[64] = {
	0x726fdb47dd0e0e31ULL,
	0x74f839c593dc67fdULL,
	0x0d6c8009d9a94f5aULL,
	0x85676696d7fb7e2dULL,
	0xcf2794e0277187b7ULL,
	0x18765564cd99a68dULL,
	0xcbc9466e58fee3ceULL,
	0xab0200f58b01d137ULL,
	0x93f5f5799a932462ULL,
	0x9e0082df0ba9e4b0ULL,
	0x7a5dbbc594ddb9f3ULL,
	0xf4b32f46226bada7ULL,
	0x751e8fbc860ee5fbULL,
	0x14ea5627c0843d90ULL,
	0xf723ca908e7af2eeULL,
	0xa129ca6149be45e5ULL,
	0x3f2acc7f57c29bdbULL,
	0x699ae9f52cbe4794ULL,
	0x4bc1b3f0968dd39cULL,
	0xbb6dc91da77961bdULL,
	0xbed65cf21aa2ee98ULL,
	0xd0f2cbb02e3b67c7ULL,
	0x93536795e3a33e88ULL,
	0xa80c038ccd5ccec8ULL,
	0xb8ad50c6f649af94ULL,
	0xbce192de8a85b8eaULL,
	0x17d835b85bbb15f3ULL,
	0x2f2e6163076bcfadULL,
	0xde4daaaca71dc9a5ULL,
	0xa6a2506687956571ULL,
	0xad87a3535c49ef28ULL,
	0x32d892fad841c342ULL,
	0x7127512f72f27cceULL,
	0xa7f32346f95978e3ULL,
	0x12e0b01abb051238ULL,
	0x15e034d40fa197aeULL,
	0x314dffbe0815a3b4ULL,
	0x027990f029623981ULL,
	0xcadcd4e59ef40c4dULL,
	0x9abfd8766a33735cULL,
	0x0e3ea96b5304a7d0ULL,
	0xad0c42d6fc585992ULL,
	0x187306c89bc215a9ULL,
	0xd4a60abcf3792b95ULL,
	0xf935451de4f21df2ULL,
	0xa9538f0419755787ULL,
	0xdb9acddff56ca510ULL,
	0xd06c98cd5c0975ebULL,
	0xe612a3cb9ecba951ULL,
	0xc766e62cfcadaf96ULL,
	0xee64435a9752fe72ULL,
	0xa192d576b245165aULL,
	0x0a8787bf8ecb74b2ULL,
	0x81b3e73d20b49b6fULL,
	0x7fa8220ba3b2eceaULL,
	0x245731c13ca42499ULL,
	0xb78dbfaf3a8d83bdULL,
	0xea1ad565322a1a0bULL,
	0x60e61c23a3795013ULL,
	0x6606d7e446282b93ULL,
	0x6ca4ecb15c5f91e1ULL,
	0x9f626da15c9625f3ULL,
	0xe51b38608ef25f57ULL,
	0x958a324ceb064572ULL,
};

static void
siphash_gives_the_reference_vectors(void **state)
{
	const struct siphash_key key = {{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL}};
	struct edge e = edge_open();
	uint8_t message[64];

	(void)state;
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	for (size_t n = 0; n < 64; n++)
		assert_true(siphash(&key, edge_put(&e, message, n), n) == sip_vectors[n]);
	assert_true(siphash(&key, NULL, 0) == sip_vectors[0]);
	edge_close(&e);
}

static void
siphash_of_tables_is_siphash_1_3(void **state)
{
	/* What CPython 3.11 gives for bytes 0, 1, 2 ... with PYTHONHASHSEED=0. */
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = {
		{1, 0x68a914128e01e473ULL},
		{7, 0x2f098ab0c751325aULL},
		{8, 0xead411e67ebe2eeaULL},
		{9, 0x75927f9d95124362ULL},
		{15, 0xf30eb725bb91c9eaULL},
		{16, 0x8972188433a5c5b7ULL},
		{17, 0x4883c49a2c009c1dULL},
		{40, 0x95bc321ab41d8206ULL},
	};
	const struct siphash_key key = {{0, 0}};
	struct edge e = edge_open();
	uint8_t message[64];

	(void)state;
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t n = vectors[i].len;

		assert_true(siphash_table(&key, edge_put(&e, message, n), n) == vectors[i].hash);
	}
	edge_close(&e);
}

static void
siphash_folds_only_ascii_letters(void **state)
{
	const struct siphash_key key = {{1, 2}};
	struct edge e = edge_open();
	uint8_t as_is[256], lower[256];

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		as_is[i] = (uint8_t)i;
		lower[i] = (uint8_t)(i >= 'A' && i <= 'Z' ? i + 32 : i);
	}
	for (unsigned first = 0; first < 256; first++) {
		for (size_t n = 0; n <= 40 && first + n <= 256; n++) {
			uint64_t hash = siphash_table(&key, lower + first, n);
			bool folded;

			assert_true(siphash_table_folded(&key, edge_put(&e, as_is + first, n), n,
					    &folded) == hash);
			assert_int_equal(folded, memcmp(as_is + first, lower + first, n) != 0);
		}
	}
	edge_close(&e);
}

static void
siphash_keys_drawn_differ(void **state)
{
	struct siphash_key a = {{0, 0}}, b = {{0, 0}};

	(void)state;
	assert_int_equal(siphash_key_draw(&a), 0);
	assert_int_equal(siphash_key_draw(&b), 0);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_true(siphash(&a, "x", 1) != siphash(&b, "x", 1));
}

#define POOL_BLOCKS 7
#define POOL_LEN 48

static void
blocks_run_out_and_come_back(void **state)
{
	struct blocks pool;
	uint32_t taken[POOL_BLOCKS];
	void *memory = aligned_alloc(64, 384);

	(void)state;
	assert_int_equal(blocks_footprint(POOL_BLOCKS, POOL_LEN), POOL_BLOCKS * POOL_LEN);
	blocks_init(&pool, memory, POOL_BLOCKS, POOL_LEN);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < POOL_BLOCKS; i++) {
			taken[i] = blocks_take(&pool);
			assert_true(taken[i] < POOL_BLOCKS);
			memset(blocks_at(&pool, taken[i]), (int)i, POOL_LEN);
		}
		assert_int_equal(pool.in_use, POOL_BLOCKS);
		assert_true(blocks_take(&pool) == BLOCKS_NONE);
		for (uint32_t i = 0; i < POOL_BLOCKS; i++) {
			uint8_t *block = blocks_at(&pool, taken[i]);
			for (size_t k = 0; k < POOL_LEN; k++)
				assert_int_equal(block[k], i);
		}
		for (uint32_t i = 0; i < POOL_BLOCKS; i++)
			blocks_give(&pool, taken[(i * 3) % POOL_BLOCKS]);
		assert_int_equal(pool.in_use, 0);
	}
	free(memory);
}

static void
blocks_not_taken_are_not_touched(void **state)
{
	struct blocks pool;
	uint8_t *memory = aligned_alloc(64, 128);

	(void)state;
	memset(memory, 0xa5, 128);
	blocks_init(&pool, memory, 8, 16);
	blocks_give(&pool, blocks_take(&pool));
	assert_int_equal(blocks_take(&pool), 0);
	assert_int_equal(blocks_take(&pool), 1);
	for (size_t i = 16; i < 128; i++)
		assert_int_equal(memory[i], 0xa5);
	free(memory);
}

static void
blocks_pool_of_none_is_empty(void **state)
{
	struct blocks pool;

	(void)state;
	blocks_init(&pool, NULL, 0, 16);
	assert_true(blocks_take(&pool) == BLOCKS_NONE);
}

static void
expect_escape(const char *in, size_t len, const char *want)
{
	struct edge e = edge_open();
	char out[256];
	bool escaped = false, truncated = true;
	const uint8_t *at = edge_put(&e, in, len);
	size_t n = utf8_escape(at, len, out, sizeof(out), &escaped, &truncated);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
	assert_false(truncated);
	assert_int_equal(escaped, n != len);
	assert_int_equal(utf8_is_printable(at, len), n == len);
	assert_true(utf8_is_printable((const uint8_t *)out, n));
	edge_close(&e);
}

#define ESCAPE(in, want) expect_escape(in, sizeof(in) - 1, want)

static void
utf8_valid_text_passes_unchanged(void **state)
{
	(void)state;
	ESCAPE("", "");
	ESCAPE("plain user@example.org \\ \" ~", "plain user@example.org \\ \" ~");
	ESCAPE("j\xc3\xb6rg", "j\xc3\xb6rg");
	ESCAPE("\xc2\xa0", "\xc2\xa0");                 /* the first after C1 */
	ESCAPE("\xe0\xa0\x80", "\xe0\xa0\x80");         /* the least of three bytes */
	ESCAPE("\xed\x9f\xbf", "\xed\x9f\xbf");         /* the last before the surrogates */
	ESCAPE("\xf0\x90\x80\x80", "\xf0\x90\x80\x80"); /* the least of four bytes */
	ESCAPE("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"); /* U+10FFFF */
}

static void
utf8_controls_are_escaped(void **state)
{
	(void)state;
	ESCAPE("a\0b", "a\\x00b");
	ESCAPE("\r\n\t", "\\x0D\\x0A\\x09");
	ESCAPE("\x1b[31m", "\\x1B[31m");
	ESCAPE("\x7f", "\\x7F");
	ESCAPE("\xc2\x85", "\\xC2\\x85");
	ESCAPE("1234567\x1f", "1234567\\x1F");
	ESCAPE("1234567\x7f", "1234567\\x7F");
}

static void
utf8_malformed_bytes_are_escaped_one_by_one(void **state)
{
	(void)state;
	ESCAPE("\x80", "\\x80");
	ESCAPE("\xc0\xaf", "\\xC0\\xAF");                   /* overlong */
	ESCAPE("\xe0\x9f\xbf", "\\xE0\\x9F\\xBF");          /* overlong */
	ESCAPE("\xf0\x8f\xbf\xbf", "\\xF0\\x8F\\xBF\\xBF"); /* overlong */
	ESCAPE("\xed\xa0\x80", "\\xED\\xA0\\x80");          /* a surrogate */
	ESCAPE("\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"); /* above U+10FFFF */
	ESCAPE("\xf5\xff", "\\xF5\\xFF");
	ESCAPE("\xc3", "\\xC3");
	ESCAPE("\xc3(", "\\xC3(");
	ESCAPE("\xe2\x82", "\\xE2\\x82");
	ESCAPE("\xe2\x82\xc3\xb6", "\\xE2\\x82\xc3\xb6");
	ESCAPE("\xf0\x9f\x98", "\\xF0\\x9F\\x98");
}

static void
utf8_truncation_never_splits_a_character_or_an_escape(void **state)
{
	static const char in[] = "a\xc3\xb6\xe2\x82\xac\x01\xf0\x9f\x98\x80\xc2\x80\xffz";
	static const char want[] = "a\xc3\xb6\xe2\x82\xac\\x01\xf0\x9f\x98\x80\\xC2\\x80\\xFFz";
	static const size_t ends[] = {0, 1, 3, 6, 10, 14, 22, 26, 27};
	char out[64];

	(void)state;
	for (size_t room = 0; room <= 30; room++) {
		bool truncated;
		size_t expect = 0;
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			if (ends[i] <= room)
				expect = ends[i];
		memset(out, 0x5a, sizeof(out));
		size_t n = utf8_escape(
			(const uint8_t *)in, sizeof(in) - 1, out, room, NULL, &truncated);
		assert_int_equal(n, expect);
		assert_memory_equal(out, want, n);
		assert_int_equal(out[n], 0x5a);
		assert_int_equal(truncated, room < sizeof(want) - 1);
	}
}

static void
utf8_every_pair_of_bytes_becomes_printable(void **state)
{
	char out[64];

	(void)state;
	for (unsigned pair = 0; pair < 0x10000; pair++) {
		/* Nine bytes, so that the pair falls on either side of a word. */
		uint8_t in[9] = "aaaaaaaaa";
		in[7] = (uint8_t)(pair >> 8);
		in[8] = (uint8_t)pair;
		bool escaped;
		size_t n = utf8_escape(in, sizeof(in), out, sizeof(out), &escaped, NULL);
		assert_true(utf8_is_printable((const uint8_t *)out, n));
		assert_true(utf8_is_printable(in, sizeof(in)) == !escaped);
		bool plain = in[7] >= 0x20 && in[7] < 0x7f && in[8] >= 0x20 && in[8] < 0x7f;
		assert_true(utf8_is_plain(in, sizeof(in)) == plain);
		assert_true(utf8_is_plain(in + 7, 2) == plain);
	}
}

static void
expect_utf16(const char *in, size_t len, const char *want)
{
	struct edge e = edge_open();
	uint8_t out[64];
	size_t n = utf8_from_utf16le(edge_put(&e, in, len), len, out, sizeof(out));

	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
	for (size_t room = 0; room < n; room++) {
		size_t cut = utf8_from_utf16le((const uint8_t *)in, len, out, room);
		assert_true(cut <= room);
		assert_true(cut == 0 || (want[cut] & 0xc0) != 0x80);
	}
	edge_close(&e);
}

#define UTF16(in, want) expect_utf16(in, sizeof(in) - 1, want)

static void
utf16_becomes_utf8(void **state)
{
	(void)state;
	UTF16("", "");
	UTF16("A\0d\0m\0", "Adm");
	UTF16("\xf6\0", "\xc3\xb6");
	UTF16("\xac\x20", "\xe2\x82\xac");
	UTF16("\x3d\xd8\x00\xde!\0", "\xf0\x9f\x98\x80!");
	UTF16("\xff\xdb\xff\xdf", "\xf4\x8f\xbf\xbf");
}

static void
utf16_oddities_are_replaced_or_dropped(void **state)
{
	(void)state;
	UTF16("A\0d", "A");
	UTF16("d", "");
	UTF16("\x3d\xd8", "\xef\xbf\xbd");
	UTF16("\x3d\xd8\x3d", "\xef\xbf\xbd");
	UTF16("\x3d\xd8"
	      "A\0",
		"\xef\xbf\xbd"
		"A");
	UTF16("\x00\xde"
	      "A\0",
		"\xef\xbf\xbd"
		"A");
}

static void
loads_are_unaligned_and_in_the_right_order(void **state)
{
	static const uint8_t bytes[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	assert_int_equal(load_be16(bytes + 1), 0x0102);
	assert_int_equal(load_be32(bytes + 1), 0x01020304);
	assert_int_equal(load_le16(bytes + 1), 0x0201);
	assert_int_equal(load_le32(bytes + 1), 0x04030201);
	assert_true(load_le64(bytes + 1) == 0x0807060504030201ULL);
}

static void
each_stage_is_left_for_the_next_and_entered_again(void **state)
{
	struct stages s = {.since = stages_clock()};

	(void)state;
	assert_int_equal(stages_enter(&s, PATH_TCP), PATH_OTHER);
	enum path_stage before = stages_enter(&s, PATH_SMTP);
	assert_int_equal(before, PATH_TCP);
	assert_int_equal(stages_enter(&s, before), PATH_SMTP);
	stages_enter(&s, PATH_OTHER);
	assert_int_equal(s.switches[PATH_TCP], 2);
	assert_int_equal(s.switches[PATH_SMTP], 1);
}

static void
all_time_belongs_to_some_stage(void **state)
{
	struct stages s = {.since = 1};
	uint64_t sum = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * PATH_STAGE_COUNT; i++)
		stages_enter(&s, (enum path_stage)(i % PATH_STAGE_COUNT));
	for (unsigned i = 0; i < PATH_STAGE_COUNT; i++)
		sum += s.cycles[i];
	assert_true(sum == s.since - 1);
}

static void
stages_that_nobody_times_cost_no_clock(void **state)
{
	(void)state;
	assert_int_equal(stages_enter(NULL, PATH_TCP), PATH_OTHER);
}

static void
one_of_a_thing_is_told_as_one(void **state)
{
	(void)state;
	assert_string_equal(text_s(0), "s");
	assert_string_equal(text_s(1), "");
	assert_string_equal(text_s(2), "s");
	assert_string_equal(text_are(1), "is");
	assert_string_equal(text_are(2), "are");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_a_thing_is_told_as_one),
		cmocka_unit_test(each_stage_is_left_for_the_next_and_entered_again),
		cmocka_unit_test(all_time_belongs_to_some_stage),
		cmocka_unit_test(stages_that_nobody_times_cost_no_clock),
		cmocka_unit_test(base64_decodes_the_vectors_of_rfc_4648),
		cmocka_unit_test(base64_without_padding_is_accepted),
		cmocka_unit_test(base64_of_anything_else_is_refused),
		cmocka_unit_test(base64_never_writes_past_its_room),
		cmocka_unit_test(siphash_gives_the_reference_vectors),
		cmocka_unit_test(siphash_of_tables_is_siphash_1_3),
		cmocka_unit_test(siphash_folds_only_ascii_letters),
		cmocka_unit_test(siphash_keys_drawn_differ),
		cmocka_unit_test(blocks_run_out_and_come_back),
		cmocka_unit_test(blocks_not_taken_are_not_touched),
		cmocka_unit_test(blocks_pool_of_none_is_empty),
		cmocka_unit_test(utf8_valid_text_passes_unchanged),
		cmocka_unit_test(utf8_controls_are_escaped),
		cmocka_unit_test(utf8_malformed_bytes_are_escaped_one_by_one),
		cmocka_unit_test(utf8_truncation_never_splits_a_character_or_an_escape),
		cmocka_unit_test(utf8_every_pair_of_bytes_becomes_printable),
		cmocka_unit_test(utf16_becomes_utf8),
		cmocka_unit_test(utf16_oddities_are_replaced_or_dropped),
		cmocka_unit_test(loads_are_unaligned_and_in_the_right_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
