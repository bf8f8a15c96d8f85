/* Control's socket for operators: what is asked, what is answered, and who cannot disturb whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/serve/own.h"
#include "control/serve/serve.h"
#include "control/serve/served.h"
#include "store/store.h"

#define DESCRIPTORS 64
#define WAIT_MS 20000 /* a machine may be busy; nothing takes that long */

struct place {
	char folder[64];
	char path[96];
	char store[96];
	struct serve *serve;
};

static struct serve *
opened(const struct place *place)
{
	struct serve_options options = {.path = place->path, .store = place->store};
	struct serve *serve;
	char why[512] = "";

	if (serve_open(&serve, &options, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	return serve;
}

static int
set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->folder, "/tmp/smtap-serve-XXXXXX");
	if (!mkdtemp(place->folder))
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/sock", place->folder);
	snprintf(place->store, sizeof(place->store), "%s/a.db", place->folder);
	place->serve = opened(place);
	*state = place;
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	struct place *place = *state;
	char path[128];

	serve_close(place->serve);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", place->store, ends[i]);
		unlink(path);
	}
	/* The socket has gone with its server. */
	assert_int_equal(rmdir(place->folder), 0);
	free(place);
	return 0;
}

static int
connected(const struct place *place)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, place->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* One line, in buf without its newline; empty: the other end closed. */
static const char *
hear(int fd, char buf[8192])
{
	size_t n = 0;

	while (n < 8191) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		if (recv(fd, buf + n, 1, 0) != 1 || buf[n] == '\n')
			break;
		n++;
	}
	buf[n] = '\0';
	return buf;
}

static void
put_status(struct place *place, const char *json)
{
	serve_put_status(place->serve, json, strlen(json));
}

static void
the_status_is_what_control_made_last(void **state)
{
	struct place *place = *state;
	int fd = connected(place);
	char buf[8192];

	assert_false(serve_wants_status(place->serve));
	put_status(place, "{\"n\":1}");
	put_status(place, "{\"n\":2}");
	say(fd, "{\"verb\":\"status\"}\n");
	assert_string_equal(hear(fd, buf), "{\"n\":2}");
	assert_true(serve_wants_status(place->serve));
	put_status(place, "{\"n\":3}");
	say(fd, "{\"verb\":\"status\"}\n{\"verb\":\"status\"}\n");
	assert_string_equal(hear(fd, buf), "{\"n\":3}");
	assert_string_equal(hear(fd, buf), "{\"n\":3}");
	close(fd);
}

static void
the_first_question_waits_for_a_status_to_be_made(void **state)
{
	struct place *place = *state;
	int fd = connected(place);
	char buf[8192];

	say(fd, "{\"verb\":\"status\"}\n");
	while (!serve_wants_status(place->serve))
		sched_yield();
	put_status(place, "{\"n\":1}");
	assert_string_equal(hear(fd, buf), "{\"n\":1}");
	close(fd);
}

static void
what_makes_no_sense_is_refused_and_the_next_request_answered(void **state)
{
	static const char *const wrong[][2] = {{"nonsense", "no JSON object"},
		{"[]", "verb is missing"}, {"{}", "verb is missing"},
		{"{\"verb\":3}", "verb is missing"}, {"{\"verb\":\"stop\"}", "unknown verb"},
		{"{\"verb\":\"ack\"}", "number of an incident"},
		{"{\"verb\":\"ack\",\"incident\":-1}", "number of an incident"},
		{"{\"verb\":\"ack\",\"incident\":1,\"note\":\"\\u001b\"}", "control character"},
		{"", "no JSON object"}};
	struct place *place = *state;
	int fd = connected(place);
	char buf[8192];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		say(fd, wrong[i][0]);
		say(fd, "\n");
		hear(fd, buf);
		assert_non_null(strstr(buf, "\"error\""));
		if (!strstr(buf, wrong[i][1]))
			fail_msg("%s: %s", wrong[i][0], buf);
	}
	put_status(place, "{}");
	say(fd, "{\"verb\":\"status\"}\n");
	assert_string_equal(hear(fd, buf), "{}");
	close(fd);
}

static void
a_request_that_is_too_long_ends_the_connection_and_no_other(void **state)
{
	struct place *place = *state;
	int fd = connected(place), other = connected(place);
	char buf[8192], much[SERVED_LINE_MAX + 1];

	memset(much, 'x', SERVED_LINE_MAX);
	much[SERVED_LINE_MAX] = '\0';
	say(fd, much);
	assert_non_null(strstr(hear(fd, buf), "too long"));
	assert_string_equal(hear(fd, buf), "");
	put_status(place, "{}");
	say(other, "{\"verb\":\"status\"}\n");
	assert_string_equal(hear(other, buf), "{}");
	close(fd);
	close(other);
}

static void
a_client_too_many_waits_for_one_to_go(void **state)
{
	struct place *place = *state;
	int fds[SERVE_CLIENTS + 1];
	char buf[8192];

	for (unsigned i = 0; i <= SERVE_CLIENTS; i++)
		fds[i] = connected(place);
	put_status(place, "{}");
	for (unsigned i = 0; i < SERVE_CLIENTS; i++) {
		say(fds[i], "{\"verb\":\"status\"}\n");
		assert_string_equal(hear(fds[i], buf), "{}");
	}
	say(fds[SERVE_CLIENTS], "{\"verb\":\"status\"}\n");
	close(fds[3]);
	assert_string_equal(hear(fds[SERVE_CLIENTS], buf), "{}");
	for (unsigned i = 0; i <= SERVE_CLIENTS; i++)
		if (i != 3)
			close(fds[i]);
}

static void
clients_that_say_nothing_keep_nobody_out(void **state)
{
	struct place *place = *state;
	int fds[SERVE_CLIENTS], one;
	char buf[8192];

	for (unsigned i = 0; i < SERVE_CLIENTS; i++)
		fds[i] = connected(place);
	put_status(place, "{}");
	one = connected(place);
	say(one, "{\"verb\":\"status\"}\n");
	assert_string_equal(hear(one, buf), "{}");
	/* It was the one that connected first who had to go. */
	assert_string_equal(hear(fds[0], buf), "");
	say(fds[1], "{\"verb\":\"status\"}\n");
	assert_string_equal(hear(fds[1], buf), "{}");
	close(one);
	for (unsigned i = 0; i < SERVE_CLIENTS; i++)
		close(fds[i]);
}

static uint64_t
processor_ms(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

static void
without_descriptors_it_waits_and_does_not_spin(void **state)
{
	struct place *place = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct rlimit old, none;
	int last[DESCRIPTORS + 1];
	unsigned n = 0;
	char buf[8192];

	strcpy(address.sun_path, place->path);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	/* poll() takes no more of them than the limit is. */
	for (last[n] = fd; last[n] < DESCRIPTORS; last[++n] = dup(fd))
		assert_in_range(last[n], 0, DESCRIPTORS);
	none.rlim_cur = DESCRIPTORS;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	put_status(place, "{}");
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	say(fd, "{\"verb\":\"status\"}\n");
	uint64_t before = processor_ms();
	assert_int_equal(poll(&p, 1, 500), 0);
	assert_in_range(processor_ms() - before, 0, 100);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_string_equal(hear(fd, buf), "{}");
	for (unsigned i = 0; i <= n; i++)
		close(last[i]);
}

static int
see_ack(void *arg, const struct store_incident *incident)
{
	snprintf(arg, 256, "%s: %s", incident->acked_by, incident->note);
	return 0;
}

static void
an_incident_is_acknowledged_by_who_the_kernel_says(void **state)
{
	struct place *place = *state;
	struct store_alert alert = {
		.seq = 1, .incident = 3, .state = "open", .line = "{}", .line_len = 2};
	struct store *store;
	char why[512] = "", buf[8192], seen[256] = "", expected[256];
	int fd = connected(place);

	assert_int_equal(store_open(&store, place->store, STORE_WRITE, why, sizeof(why)), 0);
	assert_int_equal(store_append(store, &alert, 1), 0);
	say(fd, "{\"verb\":\"ack\",\"incident\":3,\"note\":\"password "
		"reset\",\"by\":\"mallory\"}\n");
	assert_non_null(strstr(hear(fd, buf), "\"ok\":true"));
	assert_int_equal(store_incidents(store, &(struct store_filter){0}, see_ack, seen), 0);
	store_close(store);
	char *by = strstr(buf, "\"by\":\"");
	assert_non_null(by);
	by[strcspn(by + 6, "\"") + 6] = '\0';
	snprintf(expected, sizeof(expected), "%s: password reset", by + 6);
	assert_string_equal(seen, expected);
	assert_null(strstr(seen, "mallory"));
	say(fd, "{\"verb\":\"ack\",\"incident\":4}\n");
	assert_non_null(strstr(hear(fd, buf), "there is no incident 4"));
	close(fd);
}

static struct suppress_own last_own[8];
static unsigned own_count;

static void
note_own(void *arg, struct suppress_own *own, unsigned count)
{
	(void)arg;
	own_count = count;
	memcpy(last_own, own, (count < 8 ? count : 8) * sizeof(*own));
	free(own);
}

static void
what_is_suppressed_is_checked_kept_and_told(void **state)
{
	static const char *const wrong[][2] = {
		{"{\"verb\":\"suppress\"}\n", "a rule needs at least one of"},
		{"{\"verb\":\"suppress\",\"rule\":{\"source\":\"192.0.2.7\"}}\n",
			"a rule needs a reason"},
		{"{\"verb\":\"suppress\",\"rule\":{\"source\":\"x\",\"reason\":\"r\"}}\n",
			"\"error\":\"source: "},
		{"{\"verb\":\"suppress\",\"rule\":{\"detector\":\"spry\",\"reason\":\"r\"}}\n",
			"did you mean 'spray'"},
		{"{\"verb\":\"suppress\",\"incident\":9,\"rule\":{\"reason\":\"r\"}}\n",
			"there is no incident 9"},
		{"{\"verb\":\"suppress\",\"incident\":0,\"rule\":{\"reason\":\"r\"}}\n",
			"number of an incident"},
		{"{\"verb\":\"unsuppress\",\"id\":1}\n", "no such suppression"},
	};
	struct place *place = *state;
	struct serve_options options = {
		.path = place->path, .store = place->store, .own = note_own};
	char buf[8192], why[512] = "";

	serve_close(place->serve);
	assert_int_equal(serve_open(&place->serve, &options, why, sizeof(why)), 0);
	int fd = connected(place);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		say(fd, wrong[i][0]);
		assert_non_null(strstr(hear(fd, buf), wrong[i][1]));
		assert_non_null(strstr(buf, "\"status\":2"));
	}
	assert_int_equal(own_count, 0);
	say(fd, "{\"verb\":\"suppress\",\"rule\":{\"prefix\":\"192.0.2.0/24\",\"detector\":"
		"[\"spray\",\"slow\"],\"until\":\"2026-12-31\",\"reason\":\"r \\u00e9\"}}\n");
	assert_non_null(strstr(hear(fd, buf), "{\"id\":1,"));
	assert_int_equal(own_count, 1);
	assert_int_equal(last_own[0].id, 1);
	assert_true(last_own[0].rule.by_client);
	assert_int_equal(__builtin_popcountll(last_own[0].rule.detectors), 2);
	assert_true(last_own[0].rule.until_ns < CONFIG_RULE_NEVER);
	assert_string_equal(last_own[0].rule.reason, "r \xc3\xa9");
	say(fd, "{\"verb\":\"unsuppress\",\"id\":1}\n");
	assert_non_null(strstr(hear(fd, buf), "\"ok\":true"));
	assert_int_equal(own_count, 0);
	close(fd);
}

/* One that is kept and does nothing would be believed. */
static void
suppression_that_there_is_no_room_for_is_refused(void **state)
{
	const struct store_suppression one = {
		.rule = "{\"source\":\"192.0.2.7\",\"reason\":\"r\"}", .at_ns = 1, .by = "x"};
	struct place *place = *state;
	struct serve_options options = {
		.path = place->path, .store = place->store, .own = note_own};
	char buf[8192], why[512] = "";
	struct store *store;
	uint64_t id;

	assert_int_equal(store_open(&store, place->store, STORE_WRITE, why, sizeof(why)), 0);
	for (unsigned i = 0; i < CONFIG_RULES_MAX; i++)
		assert_int_equal(store_suppress(store, &one, &id), 0);
	store_close(store);
	serve_close(place->serve);
	assert_int_equal(serve_open(&place->serve, &options, why, sizeof(why)), 0);
	int fd = connected(place);
	say(fd, "{\"verb\":\"suppress\",\"rule\":{\"source\":\"192.0.2.8\",\"reason\":\"r\"}}\n");
	assert_non_null(strstr(hear(fd, buf), "no room for more"));
	assert_non_null(strstr(buf, "\"status\":2"));
	say(fd, "{\"verb\":\"unsuppress\",\"id\":1}\n");
	hear(fd, buf);
	say(fd, "{\"verb\":\"suppress\",\"rule\":{\"source\":\"192.0.2.8\",\"reason\":\"r\"}}\n");
	assert_non_null(strstr(hear(fd, buf), "{\"id\":"));
	assert_int_equal(own_count, CONFIG_RULES_MAX);
	close(fd);
}

static void
a_socket_in_use_is_left_alone_and_one_left_behind_is_taken(void **state)
{
	struct place *place = *state;
	struct serve_options options = {.path = place->path, .store = ""};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct serve *second;
	char why[512] = "";
	struct stat st;

	assert_int_equal(serve_open(&second, &options, why, sizeof(why)), -EADDRINUSE);
	assert_non_null(strstr(why, "another smtap run"));
	serve_close(place->serve);
	assert_int_equal(access(place->path, F_OK), -1);
	/* Somebody was killed. */
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(address.sun_path, place->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	place->serve = opened(place);
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void
a_socket_of_another_kind_is_not_taken(void **state)
{
	struct place *place = *state;
	struct serve_options options = {.path = place->store, .store = ""};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct serve *serve;
	char why[512] = "";

	strcpy(address.sun_path, place->store);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(serve_open(&serve, &options, why, sizeof(why)), -EADDRINUSE);
	assert_non_null(strstr(why, "another program"));
	assert_int_equal(access(place->store, F_OK), 0);
	close(fd);
}

static void
a_file_that_is_no_socket_is_not_removed(void **state)
{
	struct place *place = *state;
	struct serve_options options = {.path = place->store, .store = ""};
	struct serve *serve;
	char why[512] = "";
	FILE *file = fopen(place->store, "w");

	assert_non_null(file);
	fclose(file);
	assert_int_equal(serve_open(&serve, &options, why, sizeof(why)), -EEXIST);
	assert_int_equal(access(place->store, F_OK), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_status_is_what_control_made_last),
		TEST(the_first_question_waits_for_a_status_to_be_made),
		TEST(what_makes_no_sense_is_refused_and_the_next_request_answered),
		TEST(a_request_that_is_too_long_ends_the_connection_and_no_other),
		TEST(a_client_too_many_waits_for_one_to_go),
		TEST(clients_that_say_nothing_keep_nobody_out),
		TEST(without_descriptors_it_waits_and_does_not_spin),
		TEST(an_incident_is_acknowledged_by_who_the_kernel_says),
		TEST(what_is_suppressed_is_checked_kept_and_told),
		TEST(suppression_that_there_is_no_room_for_is_refused),
		TEST(a_socket_in_use_is_left_alone_and_one_left_behind_is_taken),
		TEST(a_socket_of_another_kind_is_not_taken),
		TEST(a_file_that_is_no_socket_is_not_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
