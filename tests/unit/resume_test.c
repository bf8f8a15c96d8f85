/* What a control that begins after another takes over of its alerts and ids, and what it leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/recall.h"
#include "control/run_internal.h"

static struct run run;
static struct options options;
static char folder[64];
/* The part of a snapshot that is the outbox's. */
static uint8_t snapshot[1 << 14];
static size_t snapshot_bytes;

bool
snapshot_load(struct run *of, struct snapshot_mark *mark, bool *spoilt)
{
	struct image image;

	*mark = (struct snapshot_mark){.first_ns = 7, .intake = {.rings = 1, .next = {99}}};
	*spoilt = false;
	image_load(&image, snapshot, snapshot_bytes);
	outbox_image(of->stored.outbox, &image);
	assert_false(image.bad);
	return true;
}

/* The rest of a run, which nothing here comes to. */
void
snapshot_hurry(struct snapshot *s)
{
	(void)s;
	fail();
}

int
run_open_engine(struct run *of)
{
	(void)of;
	fail();
	return -1;
}

void
run_take(struct run *of, unsigned n)
{
	(void)of;
	(void)n;
	fail();
}

int
run_fail(int status, const char *format, ...)
{
	(void)format;
	fail();
	return status;
}

unsigned
recall_open(const char *path, struct engine *engine)
{
	(void)path;
	(void)engine;
	fail();
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/smtap-resume-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	memset(&run, 0, sizeof(run));
	memset(&options, 0, sizeof(options));
	config_defaults(&options.config);
	options.live = true;
	snprintf(options.store, sizeof(options.store), "%s/f/a.db", folder);
	run.options = &options;
	run.config = &options.config;
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = {"/f/a.db", "/f/a.db-wal", "/f/a.db-shm", "/f", ""};
	char path[96];

	(void)state;
	config_free(&options.config);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", folder, names[i]);
		remove(path);
	}
	return access(folder, F_OK) == 0 ? -1 : 0;
}

static void
make_folder(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/f", folder);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void
put(uint64_t number)
{
	outbox_put(run.stored.outbox, &(struct store_alert){.time_ns = number,
					      .incident = number,
					      .state = "open",
					      .stage = "none",
					      .finding = number,
					      .finding_state = "open",
					      .detector = "spray",
					      .subject_type = "source",
					      .subject = "192.0.2.1",
					      .line = "{}",
					      .line_len = 2});
}

/* Of a run whose store fails, and that is killed then. */
static void
save_snapshot(void)
{
	static uint8_t block[IMAGE_BLOCK_BYTES];
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	struct image image;

	image_save(&image, fd, block);
	outbox_freeze(run.stored.outbox);
	outbox_image(run.stored.outbox, &image);
	outbox_thaw(run.stored.outbox);
	assert_int_equal(image_end(&image), 0);
	snapshot_bytes = image.bytes;
	assert_int_equal(pread(fd, snapshot, sizeof(snapshot), 0), image.bytes);
	close(fd);
}

static int
count(void *arg, const struct store_alert *alert)
{
	unsigned *times = arg;

	assert_in_range(alert->incident, 1, 2);
	times[alert->incident - 1]++;
	return 0;
}

static void
alerts_of_a_snapshot_are_stored_once_though_no_dataplane_ever_comes(void **state)
{
	unsigned times[2] = {0};
	struct store *store;
	char why[512];

	(void)state;
	assert_int_equal(stored_open(&run.stored, &options), 0);
	put(1);
	put(2);
	save_snapshot();
	assert_int_not_equal(stored_close(&run.stored, NULL), 0);
	make_folder();
	/* One was still stored after the snapshot. */
	assert_int_equal(stored_open(&run.stored, &options), 0);
	put(1);
	assert_int_equal(stored_close(&run.stored, NULL), 0);

	assert_int_equal(stored_open(&run.stored, &options), 0);
	assert_int_equal(resume_engine(&run), 0);
	assert_int_equal(stored_close(&run.stored, NULL), 0);
	assert_int_equal(store_open(&store, options.store, STORE_READ, why, sizeof(why)), 0);
	store_read(store, 0, 10, count, times);
	store_close(store);
	assert_int_equal(times[0], 1);
	assert_int_equal(times[1], 1);
}

/* Killed before a dataplane came, it leaves to the next what it was left. */
static void
who_waits_hands_on_where_the_one_before_stood(void **state)
{
	struct snapshot_mark mark = {0};

	(void)state;
	assert_int_equal(stored_open(&run.stored, &options), 0);
	assert_false(resume_mark(&run, &mark));
	save_snapshot();
	assert_int_equal(resume_engine(&run), 0);
	assert_true(resume_mark(&run, &mark));
	assert_int_equal(mark.first_ns, 7);
	assert_int_equal(mark.intake.rings, 1);
	assert_int_equal(mark.intake.next[0], 99);
	/* One has come: from now on it is where we stand. */
	run.resume.done = true;
	assert_false(resume_mark(&run, &mark));
	(void)stored_close(&run.stored, NULL);
}

static struct store_last
last_of_next_run(void)
{
	struct store_last last;

	assert_int_equal(stored_open(&run.stored, &options), 0);
	last = outbox_last(run.stored.outbox);
	assert_int_equal(stored_close(&run.stored, NULL), 0);
	return last;
}

static void
ids_of_findings_without_an_alert_are_not_given_back(void **state)
{
	struct engine *engine = engine_open(&options.config, &(struct engine_sink){0});
	struct store_last last;

	(void)state;
	make_folder();
	assert_int_equal(stored_open(&run.stored, &options), 0);
	stored_begin_ids(&run.stored, engine, false);
	put(1);
	engine_begin_after(engine, 5, 9);
	assert_int_equal(stored_close(&run.stored, engine), 0);
	engine_close(engine);
	last = last_of_next_run();
	assert_int_equal(last.reserved_incident, 5);
	assert_int_equal(last.reserved_finding, 9);
}

static void
a_run_that_ends_while_it_waits_gives_no_ids_back(void **state)
{
	struct engine *engine = engine_open(&options.config, &(struct engine_sink){0});

	(void)state;
	make_folder();
	assert_int_equal(stored_open(&run.stored, &options), 0);
	assert_int_equal(stored_close(&run.stored, NULL), 0);
	uint64_t reserved = last_of_next_run().reserved_finding;
	assert_true(reserved >= OUTBOX_IDS_BLOCK);
	assert_int_equal(stored_open(&run.stored, &options), 0);
	assert_int_equal(stored_close(&run.stored, engine), 0);
	assert_true(last_of_next_run().reserved_finding >= reserved);
	engine_close(engine);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(alerts_of_a_snapshot_are_stored_once_though_no_dataplane_ever_comes),
		TEST(who_waits_hands_on_where_the_one_before_stood),
		TEST(ids_of_findings_without_an_alert_are_not_given_back),
		TEST(a_run_that_ends_while_it_waits_gives_no_ids_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
