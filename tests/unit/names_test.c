/* Texts that many sessions say are kept once (smtp/names.c, smtp/note.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/smtp/state.h"

#define PAGES 8

struct rig {
	struct slabs slabs;
	struct smtp_ctx ctx;
	uint32_t chains[2];
	void *memory;
};

static struct rig *
rig_new(uint32_t chains)
{
	static const struct siphash_key key = {{3, 4}};
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->memory = aligned_alloc(64, (slabs_footprint(PAGES) + 63) & ~(size_t)63);
	assert_non_null(r->memory);
	slabs_init(&r->slabs, r->memory, PAGES);
	r->ctx.slabs = &r->slabs;
	if (chains > 0)
		smtp_names_init(&r->ctx.names, r->chains, chains, &key);
	return r;
}

static void
rig_free(struct rig *r)
{
	assert_int_equal(r->slabs.bytes_in_use, 0);
	assert_int_equal(r->chains[0] | r->chains[1], 0);
	free(r->memory);
	free(r);
}

static uint32_t
take(struct rig *r, const char *text)
{
	return smtp_name_take(&r->ctx, text, strlen(text));
}

static void
the_same_text_is_kept_once_until_its_last_user_goes(void **state)
{
	struct rig *r = rig_new(2);
	uint32_t a = take(r, "mx.example.org");
	uint64_t bytes = r->slabs.bytes_in_use;

	(void)state;
	assert_int_equal(take(r, "mx.example.org"), a);
	assert_int_equal(r->slabs.bytes_in_use, bytes);
	smtp_name_give(&r->ctx, a);
	struct span text = smtp_name_text(&r->ctx, a);
	assert_int_equal(text.len, 14);
	assert_memory_equal(text.data, "mx.example.org", 14);
	smtp_name_give(&r->ctx, a);
	rig_free(r);
}

static void
texts_that_share_a_chain_stay_apart(void **state)
{
	static const char *const texts[] = {"a", "ab", "abc", "b", "ba", "bac", "c", "\1"};
	enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
	struct rig *r = rig_new(1);
	uint32_t names[COUNT];

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		names[i] = take(r, texts[i]);
	/* Out of the middle, the head and the end of the chain. */
	for (unsigned gone = 0; gone < COUNT; gone++) {
		unsigned at = (gone * 3 + 4) % COUNT;
		smtp_name_give(&r->ctx, names[at]);
		names[at] = NAME_NONE;
		for (unsigned i = 0; i < COUNT; i++) {
			if (names[i] == NAME_NONE)
				continue;
			assert_int_equal(take(r, texts[i]), names[i]);
			smtp_name_give(&r->ctx, names[i]);
		}
	}
	rig_free(r);
}

static void
a_name_that_goes_is_wiped(void **state)
{
	struct rig *r = rig_new(2);
	uint32_t a = take(r, "alice");
	const uint8_t *at = smtp_name_text(&r->ctx, a).data;

	(void)state;
	smtp_name_give(&r->ctx, a);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(at[i], 0);
	rig_free(r);
}

static void
without_chains_or_memory_there_is_no_name(void **state)
{
	struct rig *r = rig_new(0);
	char text[] = "name 0000";

	(void)state;
	assert_int_equal(take(r, "alice"), NAME_NONE);
	rig_free(r);
	r = rig_new(2);
	unsigned n = 0;
	uint32_t name;
	uint32_t names[PAGES * SLABS_PAGE_BYTES / SLABS_UNIT_BYTES + 1];
	for (;; n++) {
		text[5] = (char)('0' + n / 64);
		text[6] = (char)('0' + n % 64);
		name = take(r, text);
		if (name == NAME_NONE)
			break;
		names[n] = name;
	}
	assert_int_equal(n, PAGES * SLABS_PAGE_BYTES / SLABS_UNIT_BYTES);
	while (n > 0)
		smtp_name_give(&r->ctx, names[--n]);
	rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_text_is_kept_once_until_its_last_user_goes),
		cmocka_unit_test(texts_that_share_a_chain_stay_apart),
		cmocka_unit_test(a_name_that_goes_is_wiped),
		cmocka_unit_test(without_chains_or_memory_there_is_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
