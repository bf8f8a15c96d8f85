#include "sink_fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "export/sink/id.h"
#include "export/sink/secret.h"

static void
a_secret_is_the_line_of_its_file(void **state)
{
	char secret[SECRET_MAX], why[SINK_WHY_MAX];

	(void)state;
	assert_int_equal(secret_read("token_file", fixture_file("a", "s3cret"), secret, why), 0);
	assert_string_equal(secret, "s3cret");
	assert_int_equal(
		secret_read("token_file", fixture_file("a", "s3 cret\r\n"), secret, why), 0);
	assert_string_equal(secret, "s3 cret");
}

static void
what_could_end_a_header_is_no_secret(void **state)
{
	static const char *const wrong[] = {"", "\n", "a\nb", "a\nHost: evil\n", "a\tb", "a\n\n"};
	char secret[SECRET_MAX], why[SINK_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(
			secret_read("token_file", fixture_file("a", wrong[i]), secret, why),
			-EINVAL);
		assert_non_null(strstr(why, "token_file: "));
		assert_null(strstr(why, "evil"));
	}
}

static void
a_secret_as_long_as_may_be_is_read_and_a_longer_one_is_not(void **state)
{
	char text[SECRET_MAX + 1], secret[SECRET_MAX], why[SINK_WHY_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[SECRET_MAX] = '\0';
	assert_int_equal(secret_read("k", fixture_file("a", text), secret, why), -EINVAL);
	text[SECRET_MAX - 1] = '\0';
	assert_int_equal(secret_read("k", fixture_file("a", text), secret, why), 0);
	assert_int_equal(strlen(secret), SECRET_MAX - 1);
}

static void
a_file_that_is_not_there_is_named(void **state)
{
	char secret[SECRET_MAX], why[SINK_WHY_MAX];

	(void)state;
	assert_int_equal(secret_read("token_file", "/nonexistent/t", secret, why), -ENOENT);
	assert_string_equal(why, "token_file: /nonexistent/t: No such file or directory");
}

/* Nobody writes into it, ever: who waits for that does not end. */
static void
a_pipe_is_no_file(void **state)
{
	char secret[SECRET_MAX], why[SINK_WHY_MAX], want[SINK_WHY_MAX];
	const char *text = fixture_file("text", "no certificate");
	char *pipe_path = strdup(fixture_file("pipe", ""));

	(void)state;
	assert_int_equal(unlink(pipe_path), 0);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	alarm(20);
	assert_int_equal(secret_read("token_file", pipe_path, secret, why), -EINVAL);
	snprintf(want, sizeof(want), "token_file: %s: it is not a regular file", pipe_path);
	assert_string_equal(why, want);
	snprintf(want, sizeof(want), "%s: it is not a regular file", pipe_path);
	assert_int_equal(secret_check_tls(pipe_path, "", "", why), -EINVAL);
	assert_string_equal(why, want);
	assert_int_equal(secret_check_tls("", text, pipe_path, why), -EINVAL);
	assert_string_equal(why, want);
	alarm(0);
	free(pipe_path);
}

static void
a_quote_is_one_printable_line_without_the_secret(void **state)
{
	char out[16];

	(void)state;
	secret_quote("no\x1b[31m such\n", 12, "s3cret", out, sizeof(out));
	assert_string_equal(out, "no\\x1B[31m such");
	secret_quote("a s3cret b", 10, "s3cret", out, sizeof(out));
	assert_string_equal(out, "");
	secret_quote("0123456789abcdefgh", 18, NULL, out, sizeof(out));
	assert_string_equal(out, "0123456789abcde");
}

static void
files_for_tls_are_looked_at_before_they_are_used(void **state)
{
	const char *text = fixture_file("text", "no certificate");
	char why[SINK_WHY_MAX];

	(void)state;
	assert_int_equal(secret_check_tls("", "", "", why), 0);
	assert_int_equal(secret_check_tls("", text, "", why), -EINVAL);
	assert_string_equal(why, "cert_file and key_file go together");
	assert_int_equal(secret_check_tls("/nonexistent", "", "", why), -ENOENT);
	assert_string_equal(why, "/nonexistent: No such file or directory");
	assert_true(secret_check_tls(text, "", "", why) < 0);
	assert_ptr_equal(strstr(why, text), why);
	assert_true(secret_check_tls("", text, text, why) < 0);
	assert_ptr_equal(strstr(why, text), why);
}

static void
an_id_is_the_same_each_time_and_another_for_another_alert(void **state)
{
	struct sink_alert a = {.seq = 7, .line = "{\"a\":1}", .line_len = 7}, b = a;
	char one[SINK_ID_MAX], two[SINK_ID_MAX];

	(void)state;
	sink_id(&a, SENSOR, one);
	sink_id(&b, SENSOR, two);
	assert_string_equal(one, two);
	assert_ptr_equal(strstr(one, "7-"), one);
	assert_int_equal(strlen(one), 2 + 16);
	/* A store that was made anew gives the same number to another alert. */
	b.line = "{\"a\":2}";
	sink_id(&b, SENSOR, two);
	assert_string_not_equal(one, two);
	sink_id(&a, "tap2", two);
	assert_string_not_equal(one, two);
	a.seq = UINT64_MAX;
	sink_id(&a, SENSOR, one);
	assert_int_equal(strlen(one), 20 + 1 + 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_the_line_of_its_file),
		cmocka_unit_test(what_could_end_a_header_is_no_secret),
		cmocka_unit_test(a_secret_as_long_as_may_be_is_read_and_a_longer_one_is_not),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
		cmocka_unit_test(a_pipe_is_no_file),
		cmocka_unit_test(a_quote_is_one_printable_line_without_the_secret),
		cmocka_unit_test(files_for_tls_are_looked_at_before_they_are_used),
		cmocka_unit_test(an_id_is_the_same_each_time_and_another_for_another_alert),
	};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
