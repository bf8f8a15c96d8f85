/* The EVE file: rotated between two lines, by size and by time; what fails is told and counted. */
#include "control/eve_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/duration.h"
#include "control/eve_rotate.h"

#define NOW_S UINT64_C(1795353300) /* 2026-11-22T13:15:00Z */
#define NOW_NS (NOW_S * NS_PER_S)

struct rig {
	char folder[64];
	char path[128];
	struct eve_file file;
};

static int
set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	strcpy(rig->folder, "/tmp/eve_file_test.XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	snprintf(rig->path, sizeof(rig->path), "%s/eve.json", rig->folder);
	assert_int_equal(eve_file_open(&rig->file, rig->path, true, NOW_NS), 0);
	*state = rig;
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *rig = *state;
	char command[128];

	eve_file_close(&rig->file);
	snprintf(command, sizeof(command), "rm -rf %s", rig->folder);
	assert_int_equal(system(command), 0);
	free(rig);
	return 0;
}

static void
put(struct rig *rig, const char *lines)
{
	assert_int_equal(eve_file_write(&rig->file, lines, strlen(lines)), 0);
}

static void
rotate_by(struct rig *rig, uint64_t bytes, uint64_t interval_ns, unsigned keep)
{
	const struct eve_file_rotation r = {
		.bytes = bytes, .interval_ns = interval_ns, .keep = keep};

	eve_file_rotate_by(&rig->file, &r);
}

/* All files, those put aside first, as "end:text|..."; the file itself has no end. */
static const char *
all_of(struct rig *rig)
{
	static char out[4096];
	char pattern[160], text[1024];
	glob_t found;
	size_t used = 0;

	snprintf(pattern, sizeof(pattern), "%s.*", rig->path);
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i <= found.gl_pathc; i++) {
		const char *name = i < found.gl_pathc ? found.gl_pathv[i] : rig->path;
		FILE *f = fopen(name, "r");
		size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

		text[n] = '\0';
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%s:%s|",
			name + strlen(rig->path), f ? text : "none");
		if (f)
			fclose(f);
	}
	globfree(&found);
	return out;
}

static void
without_a_setting_it_is_one_file(void **state)
{
	struct rig *rig = *state;

	put(rig, "one\ntwo\n");
	eve_file_look(&rig->file, NOW_NS + 400 * 24 * NS_PER_H);
	put(rig, "three\n");
	assert_string_equal(all_of(rig), ":one\ntwo\nthree\n|");
}

static void
size_puts_it_aside_between_two_lines(void **state)
{
	struct rig *rig = *state;

	rotate_by(rig, 10, 0, 0);
	put(rig, "aaa\nbbb\nccc\n"); /* 12 bytes: the third has no room */
	put(rig, "dd\n");
	assert_string_equal(all_of(rig), ".20261122T131500Z:aaa\nbbb\n|:ccc\ndd\n|");
}

static void
a_file_may_be_exactly_as_large_as_it_is_allowed(void **state)
{
	struct rig *rig = *state;

	rotate_by(rig, 8, 0, 0);
	put(rig, "aaa\n");
	put(rig, "bbb\n");
	assert_string_equal(all_of(rig), ":aaa\nbbb\n|");
	put(rig, "c\n");
	assert_string_equal(all_of(rig), ".20261122T131500Z:aaa\nbbb\n|:c\n|");
}

static void
a_line_longer_than_a_file_has_one_of_its_own(void **state)
{
	struct rig *rig = *state;

	rotate_by(rig, 4, 0, 0);
	put(rig, "longer\nab\ncd\nlonger still\n");
	assert_string_equal(all_of(rig), ".20261122T131500Z:longer\n|.20261122T131500Z.02:ab\n|"
					 ".20261122T131500Z.03:cd\n|:longer still\n|");
}

static void
every_split_of_the_lines_gives_the_same_whole(void **state)
{
	static const char lines[] = "a\nbb\nccc\ndddd\neeeee\nffffff\nggggggg\nhhhhhhhh\n";
	struct rig *rig = *state;
	const size_t len = sizeof(lines) - 1;

	for (uint64_t bytes = 1; bytes < len + 2; bytes++) {
		char text[512] = "", command[256];

		rotate_by(rig, bytes, 0, 0);
		put(rig, lines);
		snprintf(command, sizeof(command),
			"cd %s; for f in $(ls | grep 'json\\.'); do cat $f; rm $f; done; cat "
			"eve.json; "
			": > eve.json",
			rig->folder);
		FILE *f = popen(command, "r");
		size_t n = fread(text, 1, sizeof(text) - 1, f);
		assert_int_equal(pclose(f), 0);
		text[n] = '\0';
		assert_string_equal(text, lines);
		eve_file_look(&rig->file, NOW_NS); /* it is empty now */
	}
}

static void
time_puts_it_aside_at_the_end_of_its_interval(void **state)
{
	struct rig *rig = *state;

	rotate_by(rig, 0, NS_PER_H, 0);
	put(rig, "one\n");
	eve_file_look(&rig->file, NOW_NS + 45 * NS_PER_MIN - 1);
	assert_string_equal(all_of(rig), ":one\n|");
	eve_file_look(&rig->file, NOW_NS + 45 * NS_PER_MIN);
	put(rig, "two\n");
	assert_string_equal(all_of(rig), ".20261122T140000Z:one\n|:two\n|");
	eve_file_look(&rig->file, NOW_NS + 105 * NS_PER_MIN);
	assert_string_equal(all_of(rig), ".20261122T140000Z:one\n|.20261122T150000Z:two\n|:|");
}

static void
an_empty_file_stays(void **state)
{
	struct rig *rig = *state;

	rotate_by(rig, 0, NS_PER_H, 0);
	eve_file_look(&rig->file, NOW_NS + 5 * NS_PER_H);
	assert_string_equal(all_of(rig), ":|");
	put(rig, "one\n");
	eve_file_look(&rig->file, NOW_NS + 5 * NS_PER_H + NS_PER_MIN);
	assert_string_equal(all_of(rig), ":one\n|");
}

static void
what_an_earlier_run_left_of_an_interval_that_is_over_is_put_aside(void **state)
{
	struct rig *rig = *state;
	const struct timespec before[2] = {{.tv_sec = NOW_S - 7200}, {.tv_sec = NOW_S - 7200}};

	put(rig, "old\n");
	eve_file_close(&rig->file);
	assert_int_equal(utimensat(AT_FDCWD, rig->path, before, 0), 0);
	assert_int_equal(eve_file_open(&rig->file, rig->path, true, NOW_NS), 0);
	rotate_by(rig, 0, NS_PER_H, 0);
	eve_file_look(&rig->file, NOW_NS);
	assert_string_equal(all_of(rig), ".20261122T131500Z:old\n|:|");
}

static void
names_sort_by_age_though_the_clock_is_set_back(void **state)
{
	struct rig *rig = *state;

	rotate_by(rig, 1, 0, 0);
	put(rig, "a\n");
	put(rig, "b\n");
	eve_file_look(&rig->file, NOW_NS - NS_PER_H);
	put(rig, "c\n");
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(eve_rotate_aside(rig->path, NOW_NS - NS_PER_H), 0);
		eve_file_reopen(&rig->file);
	}
	const char *all = all_of(rig);
	assert_non_null(strstr(all, ".20261122T131500Z:a\n|.20261122T131500Z.02:b\n|"
				    ".20261122T131500Z.03:c\n|"));
	assert_non_null(strstr(all, ".20261122T131500Z.99:|.20261122T131501Z:|"));
}

static void
only_so_many_are_kept_and_other_files_are_left_alone(void **state)
{
	struct rig *rig = *state;
	char other[160];

	snprintf(other, sizeof(other), "%s.1.gz", rig->path);
	fclose(fopen(other, "w"));
	rotate_by(rig, 1, 0, 2);
	put(rig, "a\nb\nc\nd\n");
	assert_string_equal(all_of(rig), ".1.gz:|.20261122T131500Z.02:b\n|"
					 ".20261122T131500Z.03:c\n|:d\n|");
}

static void
a_file_that_was_moved_away_is_made_again(void **state)
{
	struct rig *rig = *state;
	char moved[160], why[EVE_FILE_WHY_MAX];

	snprintf(moved, sizeof(moved), "%s.1", rig->path);
	put(rig, "one\n");
	assert_int_equal(rename(rig->path, moved), 0);
	put(rig, "two\n");
	eve_file_reopen(&rig->file);
	put(rig, "three\n");
	assert_string_equal(all_of(rig), ".1:one\ntwo\n|:three\n|");
	assert_false(eve_file_trouble(&rig->file, why));
}

static void
a_file_that_somebody_cut_to_nothing_is_gone_on_with(void **state)
{
	struct rig *rig = *state;

	rotate_by(rig, 10, 0, 0);
	put(rig, "aaa\nbbb\n");
	assert_int_equal(truncate(rig->path, 0), 0);
	eve_file_look(&rig->file, NOW_NS);
	put(rig, "ccc\nddd\n");
	assert_string_equal(all_of(rig), ":ccc\nddd\n|");
}

static void
without_its_folder_lines_go_on_and_it_is_told_once(void **state)
{
	struct rig *rig = *state;
	char moved[80], why[EVE_FILE_WHY_MAX];

	snprintf(moved, sizeof(moved), "%s.away", rig->folder);
	put(rig, "one\n");
	assert_int_equal(rename(rig->folder, moved), 0);
	eve_file_reopen(&rig->file);
	put(rig, "two\n");
	eve_file_look(&rig->file, NOW_NS + NS_PER_S);
	assert_true(eve_file_trouble(&rig->file, why));
	assert_non_null(strstr(why, "No such file or directory; lines go on"));
	assert_false(eve_file_trouble(&rig->file, why));
	assert_int_equal(rename(moved, rig->folder), 0);
	eve_file_look(&rig->file, NOW_NS + 2 * NS_PER_S);
	put(rig, "three\n");
	assert_true(eve_file_trouble(&rig->file, why));
	assert_non_null(strstr(why, "works again"));
	assert_string_equal(all_of(rig), ":one\ntwo\nthree\n|");
}

static void
a_file_that_cannot_be_put_aside_grows_and_is_tried_again_a_minute_later(void **state)
{
	struct rig *rig = *state;
	char moved[80], why[EVE_FILE_WHY_MAX];

	snprintf(moved, sizeof(moved), "%s.away", rig->folder);
	rotate_by(rig, 4, 0, 0);
	put(rig, "aaa\n");
	assert_int_equal(rename(rig->folder, moved), 0);
	put(rig, "bbb\nccc\n");
	assert_int_equal(rename(moved, rig->folder), 0);
	assert_true(eve_file_trouble(&rig->file, why));
	assert_non_null(strstr(why, "it is not rotated, and goes on"));
	put(rig, "ddd\n");
	assert_string_equal(all_of(rig), ":aaa\nbbb\nccc\nddd\n|");
	eve_file_look(&rig->file, NOW_NS + NS_PER_MIN);
	put(rig, "eee\n");
	assert_string_equal(all_of(rig), ".20261122T131600Z:aaa\nbbb\nccc\nddd\n|:eee\n|");
	assert_true(eve_file_trouble(&rig->file, why));
	assert_non_null(strstr(why, "works again"));
}

static void
a_full_disk_leaves_whole_lines_and_counts_those_that_are_lost(void **state)
{
	struct rig *rig = *state;
	const struct rlimit small = {.rlim_cur = 10, .rlim_max = RLIM_INFINITY};
	struct rlimit old;
	char why[EVE_FILE_WHY_MAX];

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	uint64_t lost = eve_file_write(&rig->file, "aaa\nbbb\nccc\nddd\n", 16);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(lost, 2);
	assert_int_equal(rig->file.lost, 2);
	assert_int_equal(rig->file.error, -EFBIG);
	assert_string_equal(all_of(rig), ":aaa\nbbb\n|");
	put(rig, "eee\n");
	assert_string_equal(all_of(rig), ":aaa\nbbb\neee\n|");
	assert_true(eve_file_trouble(&rig->file, why));
	assert_non_null(strstr(why, "works again"));
}

static void
standard_output_is_not_rotated(void **state)
{
	struct eve_file file;

	(void)state;
	assert_int_equal(eve_file_open(&file, "-", true, NOW_NS), 0);
	assert_int_equal(file.fd, STDOUT_FILENO);
	assert_false(file.regular);
	eve_file_reopen(&file);
	assert_int_equal(file.fd, STDOUT_FILENO);
	eve_file_close(&file);
}
static void
a_part_of_a_line_that_a_killed_control_left_goes(void **state)
{
	static const struct {
		const char *left, *kept;
	} cases[] = {{"{}\n{\"a\":", "{}\n"}, {"{\"a\":", ""}, {"{}\n", "{}\n"}};
	struct rig *rig = *state;
	char text[64];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *f = fopen(rig->path, "w");

		assert_true(f != NULL && fputs(cases[i].left, f) >= 0);
		fclose(f);
		eve_file_close(&rig->file);
		assert_int_equal(eve_file_open(&rig->file, rig->path, true, NOW_NS), 0);
		put(rig, "{1}\n");
		f = fopen(rig->path, "r");
		assert_non_null(f);
		size_t n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
		text[n] = '\0';
		assert_int_equal(strncmp(text, cases[i].kept, strlen(cases[i].kept)), 0);
		assert_string_equal(text + strlen(cases[i].kept), "{1}\n");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(without_a_setting_it_is_one_file),
		T(size_puts_it_aside_between_two_lines),
		T(a_file_may_be_exactly_as_large_as_it_is_allowed),
		T(a_line_longer_than_a_file_has_one_of_its_own),
		T(every_split_of_the_lines_gives_the_same_whole),
		T(time_puts_it_aside_at_the_end_of_its_interval),
		T(an_empty_file_stays),
		T(what_an_earlier_run_left_of_an_interval_that_is_over_is_put_aside),
		T(names_sort_by_age_though_the_clock_is_set_back),
		T(only_so_many_are_kept_and_other_files_are_left_alone),
		T(a_file_that_was_moved_away_is_made_again),
		T(a_file_that_somebody_cut_to_nothing_is_gone_on_with),
		T(without_its_folder_lines_go_on_and_it_is_told_once),
		T(a_file_that_cannot_be_put_aside_grows_and_is_tried_again_a_minute_later),
		T(a_full_disk_leaves_whole_lines_and_counts_those_that_are_lost),
		T(a_part_of_a_line_that_a_killed_control_left_goes),
		T(standard_output_is_not_rotated),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
