/* slabs: pieces of a few sizes out of one arena. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/slabs.h"

#define PAGES 16u

static uint8_t *memory;

static struct slabs
fresh(uint32_t pages)
{
	struct slabs s;

	memory = aligned_alloc(64, slabs_footprint(pages));
	assert_non_null(memory);
	slabs_init(&s, memory, pages);
	return s;
}

static void
a_piece_is_as_large_as_asked_and_not_much_larger(void **state)
{
	(void)state;
	for (size_t len = 1; len <= SLABS_MAX_BYTES; len++) {
		size_t room = slabs_room(len);
		assert_true(room >= len);
		assert_true(room <= SLABS_UNIT_BYTES || room <= 2 * len);
	}
	assert_int_equal(slabs_room(SLABS_MAX_BYTES), SLABS_MAX_BYTES);
}

/* What is written to one piece stays, whatever becomes of the others. */
static void
pieces_do_not_overlap(void **state)
{
	static const size_t lens[] = {1, 64, 65, 200, 256, 500, 1344, 2000, 4096};
	enum { COUNT = 60 };
	uint32_t piece[COUNT];
	size_t len[COUNT];
	struct slabs s = fresh(64);

	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < COUNT; i++) {
			if (round > 0 && (i * 7 + round) % 3 == 0)
				continue;
			if (round > 0) {
				const uint8_t *at = slabs_at(&s, piece[i]);
				for (size_t k = 0; k < len[i]; k++)
					assert_int_equal(at[k], (uint8_t)(i + 1));
				slabs_give(&s, piece[i]);
			}
			len[i] = lens[(i + round) % (sizeof(lens) / sizeof(lens[0]))];
			piece[i] = slabs_take(&s, len[i]);
			assert_true(piece[i] != SLABS_NONE);
			memset(slabs_at(&s, piece[i]), (int)i + 1, len[i]);
		}
	}
	for (unsigned i = 0; i < COUNT; i++)
		slabs_give(&s, piece[i]);
	assert_int_equal(s.bytes_in_use, 0);
	assert_int_equal(s.pages_in_use, 0);
	free(memory);
}

static void
a_page_of_one_size_serves_another_once_it_is_empty(void **state)
{
	uint32_t small[PAGES * 128];
	struct slabs s = fresh(PAGES);

	(void)state;
	for (unsigned i = 0; i < PAGES * 128; i++) {
		small[i] = slabs_take(&s, 32);
		assert_true(small[i] != SLABS_NONE);
	}
	assert_int_equal(s.bytes_in_use, PAGES * SLABS_PAGE_BYTES);
	assert_true(slabs_take(&s, 1) == SLABS_NONE);
	assert_true(slabs_take(&s, 4096) == SLABS_NONE);
	for (unsigned i = 0; i < PAGES * 128; i++)
		slabs_give(&s, small[i]);
	for (unsigned i = 0; i < PAGES - PAGES / 8; i++)
		assert_true(slabs_take(&s, 4096) != SLABS_NONE);
	free(memory);
}

static void
the_last_pages_are_for_small_pieces(void **state)
{
	unsigned large = 0, small = 0;
	struct slabs s = fresh(PAGES);

	(void)state;
	while (slabs_take(&s, 4096) != SLABS_NONE)
		large++;
	assert_int_equal(large, PAGES - PAGES / 8);
	while (slabs_take(&s, 128) != SLABS_NONE)
		small++;
	assert_int_equal(small, PAGES / 8 * 32);
	free(memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_piece_is_as_large_as_asked_and_not_much_larger),
		cmocka_unit_test(pieces_do_not_overlap),
		cmocka_unit_test(a_page_of_one_size_serves_another_once_it_is_empty),
		cmocka_unit_test(the_last_pages_are_for_small_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
