/* The exporter of type unix, against sockets in a folder of its own. */
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
#include "export/local/local.h"

#define WAIT_S 20 /* a machine may be busy; nothing takes that long */

struct place {
	char folder[64];
	char path[96];
	struct config config;
	void *sink;
	int listener;
	/* What a reader does, in its thread. */
	int connection;
	size_t most; /* bytes, or datagrams; then it closes */
	char got[4096];
	size_t len;
};

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->folder, "/tmp/smtap-local-XXXXXX");
	if (!mkdtemp(p->folder))
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/sock", p->folder);
	p->listener = p->connection = -1;
	*state = p;
	return 0;
}

static void
hang_up(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int
tear_down(void **state)
{
	struct place *p = *state;

	local_kind.close(p->sink);
	hang_up(&p->connection);
	hang_up(&p->listener);
	unlink(p->path);
	assert_int_equal(rmdir(p->folder), 0);
	config_free(&p->config);
	free(p);
	return 0;
}

static void
open_sink(struct place *p, const char *mode)
{
	static const struct sink_context context = {.sensor = "s"};
	char text[300], why[SINK_WHY_MAX] = "";

	config_defaults(&p->config);
	int len = snprintf(text, sizeof(text), "exporters: {a: {type: unix, path: '%s', mode: %s}}",
		p->path, mode);
	const struct config_source source = {"f", text, (size_t)len};
	if (config_parse(&p->config, &source, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	const struct config_exporter *e = config_exporter_at(&p->config.exporters, 0);
	assert_int_equal(local_kind.open(&p->sink, e, &context, why), 0);
}

static void
serve(struct place *p, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval wait = {.tv_sec = WAIT_S};

	strcpy(address.sun_path, p->path);
	unlink(p->path);
	p->listener = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(p->listener, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (type == SOCK_STREAM)
		assert_int_equal(listen(p->listener, 4), 0);
}

static void *
read_some(void *arg)
{
	struct place *p = arg;

	p->connection = accept(p->listener, NULL, NULL);
	while (p->len < p->most) {
		ssize_t n = read(p->connection, p->got + p->len, p->most - p->len);

		if (n <= 0)
			break;
		p->len += (size_t)n;
	}
	p->got[p->len] = '\0';
	hang_up(&p->connection);
	return NULL;
}

static enum sink_result
send_three(struct place *p, size_t *sent, char why[SINK_WHY_MAX])
{
	static const struct sink_alert alerts[] = {{.seq = 1, .line = "{\"a\":1}", .line_len = 7},
		{.seq = 2, .line = "{\"b\":2}", .line_len = 7},
		{.seq = 3, .line = "{\"c\":3}", .line_len = 7}};

	*sent = 0;
	why[0] = '\0';
	return local_kind.send(p->sink, alerts, 3, sent, why);
}

static void
stream_has_a_line_for_each_alert(void **state)
{
	struct place *p = *state;
	char why[SINK_WHY_MAX];
	pthread_t reader;
	size_t sent;

	serve(p, SOCK_STREAM);
	open_sink(p, "stream");
	p->most = 24;
	pthread_create(&reader, NULL, read_some, p);
	assert_int_equal(send_three(p, &sent, why), SINK_DONE);
	pthread_join(reader, NULL);
	assert_string_equal(p->got, "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
}

static void
what_the_other_program_did_not_read_is_not_delivered(void **state)
{
	struct place *p = *state;
	char why[SINK_WHY_MAX];
	pthread_t reader;
	size_t sent;

	serve(p, SOCK_STREAM);
	open_sink(p, "stream");
	p->most = 10;
	pthread_create(&reader, NULL, read_some, p);
	assert_int_equal(send_three(p, &sent, why), SINK_RETRY);
	assert_int_equal(sent, 0);
	assert_non_null(strstr(why, "Connection reset by peer"));
	pthread_join(reader, NULL);
	/* The next connection has all of it. */
	p->len = 0;
	p->most = 24;
	pthread_create(&reader, NULL, read_some, p);
	assert_int_equal(send_three(p, &sent, why), SINK_DONE);
	pthread_join(reader, NULL);
	assert_string_equal(p->got, "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
}

static void
nobody_there_is_told_and_tried_again(void **state)
{
	struct place *p = *state;
	char why[SINK_WHY_MAX], want[SINK_WHY_MAX];
	size_t sent;

	open_sink(p, "stream");
	assert_int_equal(send_three(p, &sent, why), SINK_RETRY);
	snprintf(want, sizeof(want), "%s: nobody listens there", p->path);
	assert_string_equal(why, want);
	serve(p, SOCK_DGRAM);
	assert_int_equal(send_three(p, &sent, why), SINK_RETRY);
	assert_non_null(strstr(why, "the socket is of the other kind; change mode"));
}

static void *
read_datagrams(void *arg)
{
	struct place *p = arg;

	for (unsigned i = 0; i < p->most; i++) {
		ssize_t n = recv(p->listener, p->got + p->len, 100, 0);

		if (n <= 0)
			break;
		p->len += (size_t)n;
		p->got[p->len++] = '|';
	}
	return NULL;
}

static void
datagram_is_an_alert(void **state)
{
	struct place *p = *state;
	char why[SINK_WHY_MAX];
	pthread_t reader;
	size_t sent;

	serve(p, SOCK_DGRAM);
	open_sink(p, "datagram");
	p->most = 3;
	pthread_create(&reader, NULL, read_datagrams, p);
	assert_int_equal(send_three(p, &sent, why), SINK_DONE);
	pthread_join(reader, NULL);
	assert_string_equal(p->got, "{\"a\":1}|{\"b\":2}|{\"c\":3}|");
}

static void
alert_too_long_for_a_datagram_is_refused_alone(void **state)
{
	struct place *p = *state;
	const size_t len = 4u << 20;
	char why[SINK_WHY_MAX], *large = calloc(1, len + 1);
	const struct sink_alert alerts[] = {{.seq = 1, .line = "{}", .line_len = 2},
		{.seq = 2, .line = large, .line_len = len}};
	pthread_t reader;
	size_t sent = 0;

	serve(p, SOCK_DGRAM);
	open_sink(p, "datagram");
	memset(large, 'x', len);
	p->most = 4;
	pthread_create(&reader, NULL, read_datagrams, p);
	assert_int_equal(local_kind.send(p->sink, alerts, 2, &sent, why), SINK_REFUSED);
	assert_int_equal(sent, 1);
	assert_int_equal(send_three(p, &sent, why), SINK_DONE);
	pthread_join(reader, NULL);
	free(large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			stream_has_a_line_for_each_alert, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_the_other_program_did_not_read_is_not_delivered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			nobody_there_is_told_and_tried_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(datagram_is_an_alert, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			alert_too_long_for_a_datagram_is_refused_alone, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
