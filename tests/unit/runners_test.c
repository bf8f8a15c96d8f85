/* All exporters: how they begin, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/config.h"
#include "export/runners.h"

/* Control's socket. */
struct place {
	char folder[64];
	char path[96];
	int listener;
	int clients[2];
	pthread_t thread;
};

/* Control, which knows only the exporter "b". */
static void *
answer(void *arg)
{
	static const char none[] = "{\"alerts\":0,\"backlog\":0}\n";
	static const char error[] = "{\"error\":\"no exporter of that name is configured\"}\n";
	struct place *p = arg;

	for (int i = 0; i < 2; i++) {
		char line[512] = "";

		p->clients[i] = accept(p->listener, NULL, NULL);
		if (recv(p->clients[i], line, sizeof(line) - 1, 0) <= 0)
			continue;
		const char *said = strstr(line, "\"exporter\":\"b\"") ? none : error;
		if (send(p->clients[i], said, strlen(said), MSG_NOSIGNAL) < 0)
			break;
	}
	return NULL;
}

static void
listen_there(struct place *p, void *(*serve)(void *arg))
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(p->folder, "/tmp/smtap-runners-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->path, sizeof(p->path), "%s/sock", p->folder);
	strcpy(address.sun_path, p->path);
	p->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(p->listener, 8), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

/* The next line that is said to stderr. */
static void
read_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && read(fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
}

static void
exporter_that_control_does_not_know_is_told_though_another_is_served(void **state)
{
	static const char text[] = "exporters: {a: {type: unix, path: /nowhere},"
				   " b: {type: unix, path: /nowhere}}";
	const struct config_source source = {"f", (char *)text, sizeof(text) - 1};
	const struct sink_context context = {.sensor = "tap1"};
	struct config config;
	struct place p = {.listener = -1};
	struct runners *runners;
	char why[SINK_WHY_MAX], line[512];
	int ends[2], err = dup(STDERR_FILENO);

	(void)state;
	listen_there(&p, answer);
	config_defaults(&config);
	assert_int_equal(config_parse(&config, &source, why, sizeof(why)), 0);
	const struct runners_options options = {
		.exporters = &config.exporters, .socket = p.path, .context = &context};
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	assert_int_equal(runners_open(&runners, &options, why), 0);
	assert_int_equal(runners_start(runners, NULL, why), 0);

	pthread_join(p.thread, NULL);
	read_line(ends[0], line, sizeof(line));
	assert_true(runners_end(runners, 10));
	dup2(err, STDERR_FILENO);
	assert_non_null(strstr(line, "smtap-export: a: "));
	assert_non_null(strstr(line, "control says: no exporter of that name is configured"));
	runners_free(runners);
	config_free(&config);
	for (int i = 0; i < 2; i++)
		close(p.clients[i]);
	close(p.listener);
	close(ends[0]);
	close(ends[1]);
	close(err);
	unlink(p.path);
	rmdir(p.folder);
}

static void *
give_one_alert(void *arg)
{
	static const char one[] = "{\"alerts\":1,\"backlog\":0}\n"
				  "{\"seq\":1,\"alert\":{\"alert\":{\"severity\":1}}}\n";
	struct place *p = arg;
	char line[512];

	p->clients[0] = accept(p->listener, NULL, NULL);
	if (recv(p->clients[0], line, sizeof(line), 0) > 0)
		send(p->clients[0], one, strlen(one), MSG_NOSIGNAL);
	return NULL;
}

/* A server that takes a request and does not answer it. */
struct silent {
	int listener, client;
};

static int
listen_silently(struct silent *s)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	s->client = -1;
	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(s->listener, 1), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &len), 0);
	return ntohs(address.sin_port);
}

static void
hang_up(void *arg)
{
	struct silent *s = arg;

	if (s->client < 0)
		return;
	close(s->client);
	close(s->listener);
	s->client = -1;
}

/* Nothing but this work would end the request in time. */
static void
main_thread_does_its_work_while_an_exporter_does_not_end(void **state)
{
	struct silent silent;
	struct place p = {.listener = -1};
	struct sink_context context = {.sensor = "tap1"};
	struct config config;
	struct runners *runners;
	char why[SINK_WHY_MAX], text[256];
	int len = snprintf(text, sizeof(text),
		"exporters: {a: {type: webhook, timeout: 25s, url: 'http://127.0.0.1:%d/'}}",
		listen_silently(&silent));
	const struct config_source source = {"f", text, (size_t)len};

	(void)state;
	context.config = &config;
	listen_there(&p, give_one_alert);
	config_defaults(&config);
	if (config_parse(&config, &source, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	const struct runners_options options = {.exporters = &config.exporters,
		.socket = p.path,
		.context = &context,
		.turn = hang_up,
		.arg = &silent};
	assert_int_equal(runners_open(&runners, &options, why), 0);
	assert_int_equal(runners_start(runners, NULL, why), 0);
	pthread_join(p.thread, NULL);
	silent.client = accept(silent.listener, NULL, NULL);
	assert_true(silent.client >= 0);
	assert_true(runners_end(runners, 15));
	runners_free(runners);
	config_free(&config);
	close(p.clients[0]);
	close(p.listener);
	unlink(p.path);
	rmdir(p.folder);
}

/* Somebody attacks; until it is said that this is delivered. */
static void *
show_one_open(void *arg)
{
	static const char *const said[] = {
		"{\"alerts\":1,\"backlog\":0,\"seq\":1}\n"
		"{\"seq\":1,\"alert\":{\"alert\":{\"severity\":1},\"smtap\":{\"finding_id\":1,"
		"\"subject\":\"198.51.100.7\",\"subject_type\":\"source\","
		"\"detector\":\"bruteforce\",\"finding_state\":\"open\",\"confidence\":95,"
		"\"attempts\":100,\"successes\":0}}}\n",
		"{\"ok\":true}\n"};
	struct place *p = arg;
	char line[512];

	p->clients[0] = accept(p->listener, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		read_line(p->clients[0], line, sizeof(line));
		if (send(p->clients[0], said[i], strlen(said[i]), MSG_NOSIGNAL) < 0)
			break;
	}
	return NULL;
}

static struct runners *
open_flowspec(
	struct config *config, const char *format, const struct place *p, const char *pipe_path)
{
	const struct sink_context context = {.sensor = "tap1", .config = config};
	struct runners *runners;
	char why[SINK_WHY_MAX], text[256];
	int len = snprintf(text, sizeof(text), format, pipe_path);
	const struct config_source source = {"f", text, (size_t)len};

	config_defaults(config);
	if (config_parse(config, &source, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	const struct runners_options options = {
		.exporters = &config->exporters, .socket = p->path, .context = &context};
	assert_int_equal(runners_open(&runners, &options, why), 0);
	return runners;
}

#define FLOWSPEC "{type: blocklist, dry_run: false, output: flowspec, path: %s}"

/* What the reader of a pipe hears of an exporter and, after a reload, of another at that pipe,
 * until that ends. */
static void
hear_reload(const char *format, char *heard, size_t heard_len)
{
	struct place p = {.listener = -1};
	struct config configs[2];
	struct runners *first, *second;
	char pipe_path[128], why[SINK_WHY_MAX];

	listen_there(&p, show_one_open);
	snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", p.folder);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	int fd = open(pipe_path, O_RDONLY | O_NONBLOCK);
	first = open_flowspec(&configs[0], "exporters: {a: " FLOWSPEC "}", &p, pipe_path);
	assert_int_equal(runners_start(first, NULL, why), 0);
	pthread_join(p.thread, NULL);
	second = open_flowspec(&configs[1], format, &p, pipe_path);
	assert_true(runners_end(first, 10));
	close(p.clients[0]);
	assert_int_equal(pthread_create(&p.thread, NULL, show_one_open, &p), 0);
	assert_int_equal(runners_start(second, first, why), 0);
	pthread_join(p.thread, NULL);
	runners_free(first);

	ssize_t n = read(fd, heard, heard_len - 1);
	assert_true(n > 0);
	heard[n] = '\0';
	assert_true(runners_end(second, 10));
	runners_free(second);
	for (int i = 0; i < 2; i++)
		config_free(&configs[i]);
	close(p.clients[0]);
	close(p.listener);
	close(fd);
	unlink(pipe_path);
	unlink(p.path);
	rmdir(p.folder);
}

static void
exporter_of_other_ports_announces_after_the_first_withdrew(void **state)
{
	char heard[4096];

	(void)state;
	hear_reload("mail: {ports: [25, 587]}\nexporters: {b: " FLOWSPEC "}", heard, sizeof(heard));
	const char *withdrawn = strstr(heard, "withdraw flow route");
	assert_ptr_equal(strstr(heard, "announce flow route"), heard);
	assert_non_null(withdrawn);
	assert_non_null(strstr(withdrawn, "announce flow route"));
}

static void
exporter_of_another_name_keeps_the_routes_at_its_pipe(void **state)
{
	char heard[4096];

	(void)state;
	hear_reload("exporters: {b: " FLOWSPEC "}", heard, sizeof(heard));
	assert_ptr_equal(strstr(heard, "announce flow route"), heard);
	assert_null(strstr(heard + 1, "announce flow route"));
	assert_null(strstr(heard, "withdraw flow route"));
}

static void *begun_after; /* begin() has no other way to it */

static int
fake_open(void **sink, const struct config_exporter *e, const struct sink_context *context,
	char why[SINK_WHY_MAX])
{
	(void)e, (void)why;
	*sink = (void *)(uintptr_t)context->sensor;
	return 0;
}

static void
fake_begin(void *sink, void *before)
{
	assert_non_null(sink);
	begun_after = before;
}

static void
fake_close(void *sink)
{
	(void)sink;
}

static void
sink_begins_with_what_another_of_its_kind_held(void **state)
{
	static const char text[] = "exporters: {a: {type: unix, path: /nowhere}}";
	const struct config_source source = {"f", (char *)text, sizeof(text) - 1};
	const struct sink_kind kind = {.open = fake_open, .begin = fake_begin, .close = fake_close};
	const struct sink_kind other = kind;
	const struct sink_context contexts[] = {{.sensor = "1"}, {.sensor = "2"}};
	struct runner *runner[3];
	struct config config;
	char why[SINK_WHY_MAX];

	(void)state;
	config_defaults(&config);
	assert_int_equal(config_parse(&config, &source, why, sizeof(why)), 0);
	for (unsigned i = 0; i < 3; i++) {
		const struct runner_options options = {
			.exporter = config_exporter_at(&config.exporters, 0),
			.kind = i < 2 ? &kind : &other,
			.context = &contexts[i > 0]};

		assert_int_equal(runner_new(&runner[i], &options, why), 0);
	}
	runner_begin(runner[1], runner[0]);
	assert_string_equal(begun_after, "1");
	runner_begin(runner[2], runner[1]);
	assert_null(begun_after);
	begun_after = why;
	runner_begin(runner[0], NULL);
	assert_null(begun_after);
	for (unsigned i = 0; i < 3; i++)
		runner_free(runner[i]);
	config_free(&config);
}

static unsigned left_behind; /* of producers, by end() */

static void
fake_end(void *sink)
{
	(void)sink;
	left_behind = 1;
}

static struct sink_counts
fake_count(void *sink)
{
	(void)sink;
	return (struct sink_counts){.unended = left_behind};
}

static int
no_more_alerts(void *arg, unsigned max, unsigned wait_ms, struct feed_batch *out)
{
	(void)arg, (void)max, (void)wait_ms, (void)out;
	return -ECANCELED;
}

static void
what_an_end_leaves_behind_is_counted_before_another_goes_on_from_it(void **state)
{
	static const char text[] = "exporters: {a: {type: unix, path: /nowhere}}";
	const struct config_source source = {"f", (char *)text, sizeof(text) - 1};
	const struct sink_kind kind = {
		.open = fake_open, .end = fake_end, .count = fake_count, .close = fake_close};
	const struct sink_context context = {.sensor = "1"};
	struct sink_counters counters;
	struct config config;
	struct runner *runner;
	char why[SINK_WHY_MAX];

	(void)state;
	config_defaults(&config);
	assert_int_equal(config_parse(&config, &source, why, sizeof(why)), 0);
	const struct runner_options options = {.exporter = config_exporter_at(&config.exporters, 0),
		.kind = &kind,
		.context = &context,
		.source = {.alerts = no_more_alerts}};
	assert_int_equal(runner_new(&runner, &options, why), 0);
	runner_run(runner);
	runner_counters(runner, &counters);
	assert_int_equal(counters.unended, 1);
	runner_free(runner);
	config_free(&config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			exporter_that_control_does_not_know_is_told_though_another_is_served),
		cmocka_unit_test(main_thread_does_its_work_while_an_exporter_does_not_end),
		cmocka_unit_test(
			what_an_end_leaves_behind_is_counted_before_another_goes_on_from_it),
		cmocka_unit_test(exporter_of_other_ports_announces_after_the_first_withdrew),
		cmocka_unit_test(exporter_of_another_name_keeps_the_routes_at_its_pipe),
		cmocka_unit_test(sink_begins_with_what_another_of_its_kind_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
