/* Images of all that is known: whole, cut, and of tables of other sizes. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/image.h"
#include "control/engine/internal.h"
#include "tests/unit/detect_stream.h"

struct saved {
	void *data;
	size_t bytes;
	uint64_t sum;
};

static struct saved
save(void)
{
	uint8_t *block = malloc(IMAGE_BLOCK_BYTES);
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct image image;
	void *data;

	assert_true(block != NULL && fd >= 0);
	image_save(&image, fd, block);
	engine_image(s->engine, &image);
	assert_int_equal(image_end(&image), 0);
	data = mmap(NULL, image.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_true(data != MAP_FAILED);
	close(fd);
	free(block);
	return (struct saved){data, image.bytes, image.sum};
}

/* Into a new engine of that configuration; is it bad? */
static bool
load_as(const struct saved *saved, size_t bytes, const struct config *config)
{
	const struct engine_sink sink = {0};
	struct image image;

	engine_close(s->engine);
	s->config = *config;
	s->engine = engine_open(&s->config, &sink);
	assert_non_null(s->engine);
	image_load(&image, saved->data, bytes);
	engine_image(s->engine, &image);
	return image.bad || image.at != image.end;
}

static bool
load(const struct saved *saved, size_t bytes)
{
	const struct config same = s->config;

	return load_as(saved, bytes, &same);
}

static void
counts_past_a_byte_stay_what_they_are(void **state)
{
	struct aggr_class *sources;
	struct saved saved;
	uint32_t before, after;

	(void)state;
	for (unsigned i = 0; i < 600; i++)
		stream_try(s, A, "dave", numbered("pw", i), OUTCOME_FAILURE);
	sources = &s->engine->aggr.class[SUBJECT_SOURCE];
	assert_non_null(sources->subjects[0].window.head.wide);
	before = window_guesses(&sources->subjects[0].window, WINDOW_HOUR);
	assert_int_equal(before, 600);
	saved = save();
	assert_false(load(&saved, saved.bytes));
	sources = &s->engine->aggr.class[SUBJECT_SOURCE];
	after = window_guesses(&sources->subjects[0].window, WINDOW_HOUR);
	assert_int_equal(after, before);
	/* In this engine's own pool, which knows that the block is in use. */
	assert_int_equal(s->engine->aggr.wide.in_use, 1);
	assert_ptr_equal(sources->subjects[0].window.head.wide, s->engine->aggr.wide.memory);
	munmap(saved.data, saved.bytes);
}

static void
an_image_that_is_cut_is_bad_wherever(void **state)
{
	struct saved saved;

	(void)state;
	guess(A, "dave", 0, 40, NS_PER_S);
	saved = save();
	for (size_t cut = 1; cut < saved.bytes; cut = cut * 3 / 2 + 1)
		assert_true(load(&saved, saved.bytes - cut));
	assert_true(load(&saved, 0));
	assert_false(load(&saved, saved.bytes));
	munmap(saved.data, saved.bytes);
}

static void
an_image_of_tables_of_another_size_is_bad(void **state)
{
	struct config other = s->config;
	struct saved saved;

	(void)state;
	guess(A, "dave", 0, 40, NS_PER_S);
	saved = save();
	other.aggr_pairs *= 2;
	assert_true(load_as(&saved, saved.bytes, &other));
	other.aggr_pairs /= 2;
	other.incident_table /= 2;
	assert_true(load_as(&saved, saved.bytes, &other));
	munmap(saved.data, saved.bytes);
}

static void
one_bit_changes_the_sum(void **state)
{
	struct saved saved;

	(void)state;
	guess(A, "dave", 0, 40, NS_PER_S);
	saved = save();
	assert_int_equal(image_sum(saved.data, saved.bytes), saved.sum);
	((uint8_t *)saved.data)[saved.bytes / 2] ^= 4;
	assert_int_not_equal(image_sum(saved.data, saved.bytes), saved.sum);
	munmap(saved.data, saved.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			counts_past_a_byte_stay_what_they_are, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_image_that_is_cut_is_bad_wherever, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_image_of_tables_of_another_size_is_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(one_bit_changes_the_sum, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
