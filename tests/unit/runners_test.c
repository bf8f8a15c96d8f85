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
	assert_int_equal(runners_start(&runners, &options, why), 0);

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			exporter_that_control_does_not_know_is_told_though_another_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
