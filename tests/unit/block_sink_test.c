/* What a blocklist writes to the pipe of a router's program, and where it may not write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "export/blocklist/blocklist.h"

#define KEYS_MAX 512

struct rig {
	char folder[64];
	char pipe[96];
	struct config config;
	void *sink;
	char why[SINK_WHY_MAX];
	char heard[4096];
};

static int
set_up(void **state)
{
	struct rig *s = calloc(1, sizeof(*s));

	strcpy(s->folder, "/tmp/smtap-block-XXXXXX");
	if (!mkdtemp(s->folder))
		return -1;
	snprintf(s->pipe, sizeof(s->pipe), "%s/pipe", s->folder);
	*state = s;
	return mkfifo(s->pipe, 0600);
}

static int
tear_down(void **state)
{
	struct rig *s = *state;

	unlink(s->pipe);
	rmdir(s->folder);
	config_free(&s->config);
	free(s);
	return 0;
}

static int
opened(struct rig *s, const char *keys, struct pages *pages)
{
	char text[KEYS_MAX];
	int len = snprintf(text, sizeof(text),
		"exporters: {a: {type: blocklist, dry_run: false, %s}}\nhttp.listen: '127.0.0.1:1'",
		keys);
	const struct config_source source = {"f", text, (size_t)len};
	const struct sink_context context = {
		.sensor = "tap1", .pages = pages, .config = &s->config};

	config_defaults(&s->config);
	if (config_parse(&s->config, &source, s->why, sizeof(s->why)) != 0)
		fail_msg("%s", s->why);
	return blocklist_kind.open(
		&s->sink, config_exporter_at(&s->config.exporters, 0), &context, s->why);
}

static void
tell(struct rig *s, int finding, const char *source, const char *state)
{
	json_t *eve = json_pack("{s:{s:i}, s:{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:i}}", "alert",
		"severity", 1, "smtap", "finding_id", finding, "subject", source, "subject_type",
		"source", "detector", "bruteforce", "finding_state", state, "confidence", 95,
		"attempts", 100, "successes", 0);
	const struct sink_alert alert = {.seq = (uint64_t)finding, .json = eve};
	size_t sent = 0;

	assert_non_null(eve);
	assert_int_equal(blocklist_kind.send(s->sink, &alert, 1, &sent, s->why), SINK_DONE);
	json_decref(eve);
}

static void
attack(struct rig *s, int finding, const char *source)
{
	tell(s, finding, source, "open");
}

/* What is in the pipe now. */
static const char *
heard(struct rig *s, int fd)
{
	ssize_t n = read(fd, s->heard, sizeof(s->heard) - 1);

	s->heard[n > 0 ? n : 0] = '\0';
	return s->heard;
}

static void
routes_are_announced_once_and_withdrawn_at_the_end(void **state)
{
	struct rig *s = *state;
	char keys[KEYS_MAX / 2];
	int fd = open(s->pipe, O_RDONLY | O_NONBLOCK);

	snprintf(keys, sizeof(keys), "output: flowspec, path: %s", s->pipe);
	assert_int_equal(opened(s, keys, NULL), 0);
	attack(s, 1, "198.51.100.7");
	assert_ptr_equal(
		strstr(heard(s, fd), "announce flow route { match { source 198.51.100.7/32"),
		s->heard);
	attack(s, 2, "198.51.100.8");
	assert_ptr_equal(
		strstr(heard(s, fd), "announce flow route { match { source 198.51.100.8/32"),
		s->heard);
	assert_null(strstr(s->heard, "198.51.100.7"));
	assert_int_equal(
		blocklist_kind.tick(s->sink, UINT64_C(1700000000000000000), s->why), SINK_DONE);
	assert_string_equal(heard(s, fd), "");
	blocklist_kind.close(s->sink);
	heard(s, fd);
	assert_non_null(strstr(s->heard, "withdraw flow route { match { source 198.51.100.7/32"));
	assert_non_null(strstr(s->heard, "withdraw flow route { match { source 198.51.100.8/32"));
	assert_null(strstr(s->heard, "announce"));
	close(fd);
}

static void
who_reads_the_pipe_anew_hears_of_all(void **state)
{
	struct rig *s = *state;
	char keys[KEYS_MAX / 2];
	int fd = open(s->pipe, O_RDONLY | O_NONBLOCK);

	snprintf(keys, sizeof(keys), "output: flowspec, path: %s", s->pipe);
	assert_int_equal(opened(s, keys, NULL), 0);
	attack(s, 1, "198.51.100.7");
	close(fd);
	assert_int_equal(
		blocklist_kind.tick(s->sink, UINT64_C(1700000000000000000), s->why), SINK_RETRY);
	assert_non_null(strstr(s->why, "nobody reads this pipe"));
	fd = open(s->pipe, O_RDONLY | O_NONBLOCK);
	assert_int_equal(
		blocklist_kind.tick(s->sink, UINT64_C(1700000000000000000), s->why), SINK_DONE);
	assert_non_null(
		strstr(heard(s, fd), "announce flow route { match { source 198.51.100.7/32"));
	blocklist_kind.close(s->sink);
	close(fd);
}

/* What a router would have by now: no route twice, none withdrawn that is not there. */
static void
obey(struct rig *s, int fd, bool routes[256])
{
	for (char *line = strtok((char *)(uintptr_t)heard(s, fd), "\n"); line;
		line = strtok(NULL, "\n")) {
		const char *at = strstr(line, "source 198.51.100.");
		bool announced = strncmp(line, "announce", 8) == 0;

		assert_non_null(at);
		long host = strtol(at + strlen("source 198.51.100."), NULL, 10);
		assert_int_equal(routes[host], !announced);
		routes[host] = announced;
	}
}

static void
routes_are_those_of_the_table_whatever_comes_and_goes(void **state)
{
	struct rig *s = *state;
	char keys[KEYS_MAX / 2], source[32];
	int fd = open(s->pipe, O_RDONLY | O_NONBLOCK);
	bool routes[256] = {false}, wanted[256] = {false};
	uint64_t random = 1;

	snprintf(keys, sizeof(keys), "output: flowspec, hold: 0s, path: %s", s->pipe);
	assert_int_equal(opened(s, keys, NULL), 0);
	for (unsigned step = 0; step < 2000; step++) {
		random = random * UINT64_C(6364136223846793005) + 1;
		unsigned host = (unsigned)(random >> 33) % 256;

		snprintf(source, sizeof(source), "198.51.100.%u", host);
		wanted[host] = !wanted[host];
		tell(s, (int)host + 1, source, wanted[host] ? "open" : "closed");
		obey(s, fd, routes);
		assert_memory_equal(routes, wanted, sizeof(routes));
	}
	blocklist_kind.close(s->sink);
	close(fd);
}

/* Another sink of the same keys takes the place of this one, as at a reload. */
static void
reloaded(struct rig *s, struct rig *after, const char *keys, struct pages *pages)
{
	assert_int_equal(opened(after, keys, pages), 0);
	blocklist_kind.begin(after->sink, s->sink);
	blocklist_kind.close(s->sink);
	assert_int_equal(blocklist_kind.state(after->sink, NULL, 0, after->why), SINK_DONE);
}

static void
routes_stay_announced_over_a_reload(void **state)
{
	struct rig *s = *state, after = {.sink = NULL};
	char keys[KEYS_MAX / 2];
	int fd = open(s->pipe, O_RDONLY | O_NONBLOCK);

	snprintf(keys, sizeof(keys), "output: flowspec, path: %s", s->pipe);
	assert_int_equal(opened(s, keys, NULL), 0);
	attack(s, 1, "198.51.100.7");
	heard(s, fd);
	/* What closed meanwhile is held, as it would have been. */
	reloaded(s, &after, keys, NULL);
	assert_string_equal(heard(s, fd), "");
	attack(&after, 2, "198.51.100.8");
	heard(s, fd);
	assert_non_null(strstr(s->heard, "announce flow route { match { source 198.51.100.8/32"));
	assert_null(strstr(s->heard, "198.51.100.7"));
	blocklist_kind.close(after.sink);
	heard(s, fd);
	assert_non_null(strstr(s->heard, "withdraw flow route { match { source 198.51.100.7/32"));
	assert_non_null(strstr(s->heard, "withdraw flow route { match { source 198.51.100.8/32"));
	config_free(&after.config);
	close(fd);
}

static void
rules_that_changed_choose_anew_at_a_reload(void **state)
{
	struct rig *s = *state, after = {.sink = NULL};
	char keys[KEYS_MAX / 2];
	int fd = open(s->pipe, O_RDONLY | O_NONBLOCK);

	snprintf(keys, sizeof(keys), "output: flowspec, path: %s", s->pipe);
	assert_int_equal(opened(s, keys, NULL), 0);
	attack(s, 1, "198.51.100.7");
	heard(s, fd);
	snprintf(keys, sizeof(keys), "output: flowspec, path: %s, never: [198.51.100.0/24]",
		s->pipe);
	reloaded(s, &after, keys, NULL);
	assert_ptr_equal(
		strstr(heard(s, fd), "withdraw flow route { match { source 198.51.100.7/32"),
		s->heard);
	blocklist_kind.close(after.sink);
	config_free(&after.config);
	close(fd);
}

static void
fewer_entries_at_a_reload_withdraw_only_what_is_too_much(void **state)
{
	struct rig *s = *state, after = {.sink = NULL};
	char keys[KEYS_MAX / 2];
	int fd = open(s->pipe, O_RDONLY | O_NONBLOCK);
	bool routes[256] = {false};

	snprintf(keys, sizeof(keys), "output: flowspec, path: %s", s->pipe);
	assert_int_equal(opened(s, keys, NULL), 0);
	for (int i = 1; i < 4; i++) {
		snprintf(s->why, sizeof(s->why), "198.51.100.%d", i);
		attack(s, i, s->why);
	}
	obey(s, fd, routes);
	snprintf(keys, sizeof(keys), "output: flowspec, path: %s, entries: 1", s->pipe);
	assert_int_equal(opened(&after, keys, NULL), 0);
	blocklist_kind.begin(after.sink, s->sink);
	blocklist_kind.close(s->sink);
	assert_string_equal(heard(s, fd), "");
	attack(&after, 2, "198.51.100.2");
	obey(s, fd, routes);
	assert_true(!routes[1] && routes[2] && !routes[3]);
	attack(&after, 2, "198.51.100.2");
	assert_string_equal(heard(s, fd), "");
	blocklist_kind.close(after.sink);
	obey(s, fd, routes);
	assert_false(routes[2]);
	config_free(&after.config);
	close(fd);
}

static void
no_list_takes_the_place_of_our_own_pages(void **state)
{
	static const char *const keys[] = {
		"output: edl, page: /metrics", "output: edl, page: /healthz"};
	struct rig *s = *state;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		/* It is not looked at. */
		assert_int_equal(opened(s, keys[i], (struct pages *)s), -EINVAL);
		assert_non_null(strstr(s->why, "is smtap-export's own"));
		config_free(&s->config);
	}
	config_defaults(&s->config);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(routes_are_announced_once_and_withdrawn_at_the_end),
		TEST(who_reads_the_pipe_anew_hears_of_all),
		TEST(routes_are_those_of_the_table_whatever_comes_and_goes),
		TEST(routes_stay_announced_over_a_reload),
		TEST(rules_that_changed_choose_anew_at_a_reload),
		TEST(fewer_entries_at_a_reload_withdraw_only_what_is_too_much),
		TEST(no_list_takes_the_place_of_our_own_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
