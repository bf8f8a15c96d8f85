/* What takes long is told, once; what does not is not. No test waits for a clock. */
#include "dataplane/io/notice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/duration.h"

static int pipe_fds[2];
static char text[512];

/* One line, however long it takes. */
static const char *
line(void)
{
	size_t n = 0;

	while (n + 1 < sizeof(text) && read(pipe_fds[0], text + n, 1) == 1 && text[n] != '\n')
		n++;
	text[n] = '\0';
	return text;
}

/* What is there when nobody can write any more. */
static const char *
rest(void)
{
	close(pipe_fds[1]);
	ssize_t n = read(pipe_fds[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(pipe_fds[0]);
	return text;
}

static void
what_takes_long_is_told_once(void **state)
{
	struct notice n = {0};

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(notice_begin(&n, pipe_fds[1], 0), 0);
	notice_doing(&n, "clears %u MiB", 512);
	assert_string_equal(line(), "smtap: still starting: it clears 512 MiB");
	notice_doing(&n, "opens the ports");
	assert_string_equal(line(), "smtap: still starting: it opens the ports");
	notice_end(&n);
	assert_string_equal(rest(), "");
}

static void
what_is_done_in_time_is_not_told(void **state)
{
	struct notice n = {0};

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(notice_begin(&n, pipe_fds[1], 24 * NS_PER_H), 0);
	for (unsigned i = 0; i < 100; i++)
		notice_doing(&n, "does step %u", i);
	notice_end(&n);
	assert_string_equal(rest(), "");
}

static void
one_that_was_never_begun_says_nothing_and_ends(void **state)
{
	struct notice n = {0};

	(void)state;
	notice_doing(&n, "nothing");
	notice_end(&n);
	notice_end(&n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_takes_long_is_told_once),
		cmocka_unit_test(what_is_done_in_time_is_not_told),
		cmocka_unit_test(one_that_was_never_begun_says_nothing_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
