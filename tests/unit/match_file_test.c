/* The files of compiled patterns: only whole ones of our making are loaded. */
#include <errno.h>
#include <sys/stat.h>

#include "tests/unit/match_fixture.h"

static void
file_put(const char *dir, enum event_context context, const uint8_t *bytes, size_t len)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, hsdb_file_name(context));
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void
load_fails(const char *dir, const char *problem)
{
	char why[512] = "", expected[512];
	struct match_set *set = match_set_load(dir, why, sizeof(why));

	assert_null(set);
	snprintf(expected, sizeof(expected),
		"%s/reply.hsdb: %s; compile it again: smtap-patterns -o DIR FILE...", dir, problem);
	assert_string_equal(why, expected);
}

static void
damaged_file_is_refused_with_the_remedy(void **state)
{
	struct fixture *f = *state;
	uint8_t *bytes = malloc(FILE_MAX), *bad = malloc(FILE_MAX);
	char why[512], path[128];
	char dir[64];

	folder_make(dir);
	match_set_free(text_load(NULL, dir));
	size_t len = file_get(f->dir, CONTEXT_REPLY, bytes);

	file_put(dir, CONTEXT_REPLY, bytes, 0);
	load_fails(dir, "the file is empty");
	file_put(dir, CONTEXT_REPLY, bytes, sizeof(struct hsdb_header) - 1);
	load_fails(dir, "not a pattern database, or cut short");
	file_put(dir, CONTEXT_REPLY, bytes, len - 1);
	load_fails(dir, "cut short");
	bytes[len] = 'x';
	file_put(dir, CONTEXT_REPLY, bytes, len + 1);
	load_fails(dir, "bytes follow its end");
	memset(bad, 'x', sizeof(struct hsdb_header) + 1);
	file_put(dir, CONTEXT_REPLY, bad, sizeof(struct hsdb_header) + 1);
	load_fails(dir, "not a pattern database");
	size_t other = file_get(f->dir, CONTEXT_COMMAND, bad);
	file_put(dir, CONTEXT_REPLY, bad, other);
	load_fails(dir, "made for another context: the file was renamed");

	/* One byte of the header, and some of the payload. */
	for (size_t at = 0; at < len; at += at < sizeof(struct hsdb_header) ? 7 : len / 16) {
		memcpy(bad, bytes, len);
		bad[at] ^= 0x10;
		file_put(dir, CONTEXT_REPLY, bad, len);
		assert_null(match_set_load(dir, why, sizeof(why)));
		assert_non_null(strstr(why, HSDB_REMEDY));
	}

	snprintf(path, sizeof(path), "%s/reply.hsdb", dir);
	unlink(path);
	load_fails(dir, "No such file or directory");
	assert_int_equal(mkdir(path, 0700), 0);
	load_fails(dir, "Is a directory");
	folder_remove(dir);
	free(bytes);
	free(bad);
}

/* Sealed by us, so that Hyperscan itself has to refuse it. */
static void
payload_that_hyperscan_refuses_is_told_apart(void **state)
{
	struct fixture *f = *state;
	uint8_t *bytes = malloc(FILE_MAX);
	struct hsdb_header header;
	char dir[64];

	folder_make(dir);
	match_set_free(text_load(NULL, dir));
	size_t len = file_get(f->dir, CONTEXT_REPLY, bytes);
	memcpy(&header, bytes, sizeof(header));
	uint8_t *payload = bytes + sizeof(header);

	payload[5] ^= 0xff; /* Hyperscan's version, behind its magic */
	hsdb_seal(&header, payload);
	memcpy(bytes, &header, sizeof(header));
	file_put(dir, CONTEXT_REPLY, bytes, len);
	load_fails(dir, "made by another version of Hyperscan");
	payload[5] ^= 0xff;
	payload[0] ^= 0xff;
	hsdb_seal(&header, payload);
	memcpy(bytes, &header, sizeof(header));
	file_put(dir, CONTEXT_REPLY, bytes, len);
	load_fails(dir, "Hyperscan does not accept it");
	folder_remove(dir);
	free(bytes);
}

static void
databases_that_cannot_be_written_leave_nothing_behind(void **state)
{
	struct fixture *f = *state;
	char dir[64], path[128], why[512];

	folder_make(dir);
	assert_int_equal(
		pattern_set_compile(&f->set, "/nonexistent", NULL, why, sizeof(why)), -ENOENT);
	assert_string_equal(
		why, "/nonexistent/banner.hsdb: cannot be written: No such file or directory");
	snprintf(path, sizeof(path), "%s/reply.hsdb", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(pattern_set_compile(&f->set, dir, NULL, why, sizeof(why)), -EISDIR);
	/* Fails if a temporary file is left. */
	folder_remove(dir);
}

static void
same_patterns_make_the_same_files(void **state)
{
	struct fixture *f = *state;
	uint8_t *first = malloc(FILE_MAX), *second = malloc(FILE_MAX);
	char dir[64], why[512];

	folder_make(dir);
	assert_int_equal(pattern_set_compile(&f->set, dir, NULL, why, sizeof(why)), 0);
	for (unsigned c = 0; c < CONTEXT_COUNT; c++) {
		size_t len = file_get(f->dir, (enum event_context)c, first);
		assert_int_equal(file_get(dir, (enum event_context)c, second), len);
		assert_memory_equal(first, second, len);
	}
	folder_remove(dir);
	free(first);
	free(second);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_file_is_refused_with_the_remedy),
		cmocka_unit_test(payload_that_hyperscan_refuses_is_told_apart),
		cmocka_unit_test(databases_that_cannot_be_written_leave_nothing_behind),
		cmocka_unit_test(same_patterns_make_the_same_files),
	};

	return cmocka_run_group_tests(tests, shipped_set_up, shipped_tear_down);
}
