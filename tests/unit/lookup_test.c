/* Numbers under hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "control/incident/lookup.h"

#define NUMBERS 1000u

static bool
has(const struct lookup *l, uint64_t hash, uint32_t number)
{
	unsigned times = 0;

	for (uint32_t n = lookup_first(l, hash); n != LOOKUP_NONE; n = lookup_next(l, n))
		times += n == number;
	assert_in_range(times, 0, 1);
	return times == 1;
}

/* Three numbers to a hash. */
static uint64_t
hash_of(uint32_t number)
{
	return number / 3;
}

static void
what_was_put_is_found_until_it_is_dropped(void **state)
{
	struct lookup l;

	(void)state;
	assert_int_equal(lookup_open(&l, NUMBERS), 0);
	for (uint32_t n = 0; n < NUMBERS; n++) {
		assert_false(has(&l, hash_of(n), n));
		lookup_put(&l, hash_of(n), n);
	}
	/* From the middle, the end and the beginning of their lists. */
	for (uint32_t n = 0; n < NUMBERS; n += 2)
		lookup_drop(&l, hash_of(n), n);
	for (uint32_t n = 0; n < NUMBERS; n++)
		assert_int_equal(has(&l, hash_of(n), n), n % 2);
	/* Under another hash now. */
	for (uint32_t n = 0; n < NUMBERS; n += 2)
		lookup_put(&l, UINT64_MAX - n, n);
	for (uint32_t n = 0; n < NUMBERS; n++)
		assert_true(has(&l, n % 2 ? hash_of(n) : UINT64_MAX - n, n));
	lookup_clear(&l);
	for (uint32_t n = 0; n < NUMBERS; n++)
		assert_false(has(&l, n % 2 ? hash_of(n) : UINT64_MAX - n, n));
	lookup_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found_until_it_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
