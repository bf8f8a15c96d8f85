/* Findings that an earlier run told of: they go on under their ids, or fall silent. */
#include "base/image.h"
#include "control/engine/internal.h"
#include "tests/unit/tracked_stream.h"

#define FINDING 41
#define INCIDENT 17

static struct engine_earlier
earlier(const char *detector, enum subject_type type, const char *subject)
{
	return (struct engine_earlier){.finding = FINDING,
		.detector = detector,
		.subject_type = type,
		.subject = subject,
		.first_ns = s->now_ns - NS_PER_H,
		.last_ns = s->now_ns - NS_PER_MIN,
		.attempts = 500,
		.failures = 490,
		.confidence = 90,
		.incident = {.id = INCIDENT,
			.stage = STAGE_GUESSING,
			.severity = 2,
			.first_seen_ns = s->now_ns - NS_PER_H,
			.last_seen_ns = s->now_ns - NS_PER_MIN}};
}

static void
adopt(const struct engine_earlier *e)
{
	engine_begin_after(s->engine, INCIDENT + 3, FINDING + 3);
	assert_true(engine_adopt(s->engine, e));
}

static const struct finding *
the_finding(uint64_t id)
{
	const struct finding *all[64];
	size_t n = engine_findings(s->engine, all, 64);

	for (size_t i = 0; i < n; i++)
		if (all[i]->id == id)
			return all[i];
	return NULL;
}

static void
one_that_is_found_again_is_updated_not_opened(void **state)
{
	struct engine_earlier e = earlier("bruteforce", SUBJECT_SOURCE, A);
	const struct finding *f;

	(void)state;
	adopt(&e);
	guess(A, "dave", 0, 20, NS_PER_S);
	f = the_finding(FINDING);
	assert_non_null(f);
	assert_false(f->closed);
	assert_int_equal(s->told[FINDING_OPEN], 0);
	assert_true(s->told[FINDING_UPDATE] > 0);
	assert_true(f->attempts >= 500);
	assert_int_equal(f->first_seen_ns, e.first_ns);
	assert_int_equal(s->engine->adopted, 0);
	/* What is seen now is in it as well. */
	assert_string_equal(f->top_accounts[0].name, "dave");
	engine_finish(s->engine);
	assert_int_equal(s->told[FINDING_CLOSED], 1);
}

static void
its_incident_takes_in_what_belongs_to_it(void **state)
{
	struct engine_earlier e = earlier("bruteforce", SUBJECT_SOURCE, A);
	const struct incident *all[8];

	(void)state;
	adopt(&e);
	/* A spray from the same address is part of the same attack. */
	for (unsigned i = 0; i < 40; i++) {
		stream_try(s, A, numbered("user", i), "the same", OUTCOME_FAILURE);
		stream_wait(s, NS_PER_S);
	}
	assert_int_equal(engine_incidents(s->engine, all, 8), 1);
	assert_int_equal(all[0]->id, INCIDENT);
	assert_true(all[0]->findings > 1);
	assert_int_equal(all[0]->severity, 2);
}

static void
ids_of_new_ones_come_after_all_others(void **state)
{
	struct engine_earlier e = earlier("bruteforce", SUBJECT_SOURCE, "192.0.2.77");

	(void)state;
	adopt(&e);
	guess(A, "dave", 0, 20, NS_PER_S);
	assert_non_null(the_finding(FINDING));
	assert_non_null(the_finding(FINDING + 4));
	assert_int_equal(s->told[FINDING_OPEN], 1);
}

static void
one_that_is_not_found_again_is_closed_by_quiet_time(void **state)
{
	struct engine_earlier e = earlier("bruteforce", SUBJECT_SOURCE, A);

	(void)state;
	adopt(&e);
	engine_clock(s->engine, s->now_ns);
	assert_false(the_finding(FINDING)->closed);
	engine_clock(s->engine, s->now_ns + s->config.incident_quiet);
	assert_true(the_finding(FINDING)->closed);
	assert_int_equal(s->told[FINDING_CLOSED], 1);
	assert_int_equal(s->engine->adopted, 0);
	/* After that it is new. */
	s->now_ns += s->config.incident_quiet;
	guess(A, "dave", 0, 20, NS_PER_S);
	assert_int_equal(s->told[FINDING_OPEN], 1);
}

static void
one_that_the_engine_knows_is_left_alone(void **state)
{
	struct engine_earlier e = earlier("bruteforce", SUBJECT_SOURCE, A);

	(void)state;
	guess(A, "dave", 0, 20, NS_PER_S);
	e.finding = 1;
	e.incident.id = 1;
	assert_false(engine_adopt(s->engine, &e));
	e.detector = "no such detector";
	e.finding = 99;
	assert_false(engine_adopt(s->engine, &e));
}

static void
a_detector_of_connections_goes_on_too(void **state)
{
	struct engine_earlier e = earlier("smtp_scan", SUBJECT_SOURCE, A);

	(void)state;
	adopt(&e);
	for (unsigned i = 0; i < 60; i++) {
		struct event visit = session(A, v4("203.0.113", i + 1), EMPTY);

		feed(&visit);
		stream_wait(s, NS_PER_S);
	}
	assert_int_equal(s->told[FINDING_OPEN], 0);
	assert_true(s->told[FINDING_UPDATE] > 0);
	assert_int_equal(the_finding(FINDING)->detector, DETECTOR_SMTP_SCAN);
}

/* What is looked up is not in the image, and is there after it. */
static void
adopted_ones_of_a_snapshot_are_known_and_go_on(void **state)
{
	struct engine_earlier e = earlier("bruteforce", SUBJECT_SOURCE, A);
	struct engine_earlier other = earlier("spray", SUBJECT_SOURCE, "192.0.2.77");
	struct engine_sink sink = s->engine->sink;
	static uint8_t block[IMAGE_BLOCK_BYTES];
	FILE *file = tmpfile();
	struct image image;

	(void)state;
	adopt(&e);
	assert_non_null(file);
	image_save(&image, fileno(file), block);
	engine_image(s->engine, &image);
	assert_int_equal(image_end(&image), 0);
	size_t bytes = (size_t)image.bytes;
	void *data = malloc(bytes);
	rewind(file);
	assert_int_equal(fread(data, 1, bytes, file), bytes);
	fclose(file);
	engine_close(s->engine);
	s->engine = engine_open(&s->config, &sink);
	image_load(&image, data, bytes);
	engine_image(s->engine, &image);
	assert_false(image.bad);
	free(data);
	assert_false(engine_adopt(s->engine, &e));
	/* Of the same incident. */
	other.finding = FINDING + 1;
	assert_true(engine_adopt(s->engine, &other));
	assert_int_equal(engine_incidents(s->engine, (const struct incident *[8]){NULL}, 8), 1);
	guess(A, "dave", 0, 20, NS_PER_S);
	assert_int_equal(s->told[FINDING_OPEN], 0);
	assert_true(s->told[FINDING_UPDATE] > 0);
	assert_int_equal(s->engine->adopted, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			one_that_is_found_again_is_updated_not_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(
			its_incident_takes_in_what_belongs_to_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ids_of_new_ones_come_after_all_others, setup, teardown),
		cmocka_unit_test_setup_teardown(
			one_that_is_not_found_again_is_closed_by_quiet_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			one_that_the_engine_knows_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_detector_of_connections_goes_on_too, setup, teardown),
		cmocka_unit_test_setup_teardown(
			adopted_ones_of_a_snapshot_are_known_and_go_on, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
