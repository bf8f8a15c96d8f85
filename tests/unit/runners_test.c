/* What is told of an exporter that control gives nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/config.h"
#include "export/runners.h"

/* Control, which knows only the exporter "b". */
struct place {
	char folder[64];
	char path[96];
	int listener;
	int clients[2];
	pthread_t thread;
};

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
listen_there(struct place *p)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(p->folder, "/tmp/smtap-runners-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->path, sizeof(p->path), "%s/sock", p->folder);
	strcpy(address.sun_path, p->path);
	p->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(p->listener, 8), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, answer, p), 0);
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
	listen_there(&p);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			exporter_that_control_does_not_know_is_told_though_another_is_served),
		cmocka_unit_test(sink_begins_with_what_another_of_its_kind_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
