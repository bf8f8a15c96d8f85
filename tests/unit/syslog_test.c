/*
 * The exporter of type syslog: its messages, and its connections to servers that are here. A
 * server's kernel takes a connection and its bytes before the server does, so most need no thread.
 * Certificates and a real server are in tests/e2e/syslog_test.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "export/syslog/message.h"
#include "export/syslog/syslog.h"
#include "tests/unit/sink_fixture.h"

#define WAIT_S 20 /* a machine may be busy; nothing takes that long */
#define GOT_MAX (1u << 20)

struct place {
	struct alerts alerts;
	struct opened opened;
	int listener;
	int connection;
	char *got; /* what the server read, with NUL */
};

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	alerts_read(&p->alerts);
	p->listener = p->connection = -1;
	p->got = calloc(1, GOT_MAX);
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

	if (p->opened.kind)
		sink_close(&p->opened);
	hang_up(&p->connection);
	hang_up(&p->listener);
	alerts_drop(&p->alerts);
	free(p->got);
	free(p);
	return 0;
}

/* A server on a free port of this machine; the port. */
static unsigned
serve(struct place *p, int family, int type)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	struct sockaddr *a = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t len = family == AF_INET ? sizeof(v4) : sizeof(v6);

	p->listener = socket(family, type | SOCK_CLOEXEC, 0);
	setsockopt(p->listener, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (bind(p->listener, a, len) != 0)
		return 0;
	if (type == SOCK_STREAM)
		assert_int_equal(listen(p->listener, 8), 0);
	getsockname(p->listener, a, &len);
	return ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
}

static int
open_to(struct place *p, const char *server, unsigned port, const char *more)
{
	char keys[512];

	snprintf(keys, sizeof(keys), "type: syslog, server: '%s', port: %u%s", server, port, more);
	return sink_open(&p->opened, &syslog_kind, keys);
}

/* What the connection has, until it has len bytes, or it ends. */
static size_t
read_stream(struct place *p, size_t len)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	size_t n = 0;

	if (p->connection < 0)
		p->connection = accept(p->listener, NULL, NULL);
	setsockopt(p->connection, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	while (n < len) {
		ssize_t r = read(p->connection, p->got + n, len - n);

		if (r <= 0)
			break;
		n += (size_t)r;
	}
	p->got[n] = '\0';
	return n;
}

/* A thread that is a server for one connection. */
static void *
read_to_the_end(void *arg)
{
	struct place *p = arg;

	read_stream(p, GOT_MAX - 1);
	hang_up(&p->connection);
	return NULL;
}

/* RFC 6587 3.4.1: messages that hold these alerts, one after the other, and nothing else. */
static void
assert_frames(const struct place *p, size_t first, size_t n)
{
	const char *at = p->got;

	for (size_t i = first; i < first + n; i++) {
		char *message;
		size_t len = strtoul(at, &message, 10);

		assert_int_equal(*message, ' ');
		message++;
		assert_int_equal(message[0], '<');
		assert_true(len > strlen(p->alerts.lines[i]));
		assert_memory_equal(message + len - strlen(p->alerts.lines[i]), p->alerts.lines[i],
			strlen(p->alerts.lines[i]));
		at = message + len;
	}
	assert_int_equal(*at, '\0');
}

static const struct message_options plain = {.format = ENCODE_EVE,
	.facility = 16,
	.sensor = SENSOR,
	.app_name = "smtap",
	.sd_id = "",
	.max = 8192,
	.pid = 77};

static char *
message(const struct place *p, const struct message_options *options, size_t i)
{
	const struct sink_alert alert = {.seq = 42,
		.line = p->alerts.lines[i],
		.line_len = strlen(p->alerts.lines[i]),
		.json = p->alerts.json[i]};
	size_t len;
	char *text = message_of(options, &alert, 7, &len);

	assert_int_equal(strlen(text), len);
	return text;
}

static void
message_has_the_header_of_rfc_5424(void **state)
{
	struct place *p = *state;
	size_t i = 0;
	char *text;

	while (strcmp(json_string_value(json_object_get(
			      json_object_get(p->alerts.json[i], "smtap"), "detector")),
		       "bruteforce") != 0)
		i++;
	text = message(p, &plain, i + 1);
	assert_memory_equal(text, "<131>1 20", 9); /* local0, major */
	assert_non_null(strstr(text,
		"Z " SENSOR " smtap 77 bruteforce [origin software=\"smtap\" "
		"swVersion=\"" SMTAP_VERSION "\"][meta sequenceId=\"7\"] {\"timestamp\":"));
	free(text);
}

static void
words_of_the_header_are_printable_ascii_and_bounded(void **state)
{
	struct place *p = *state;
	struct message_options options = plain;
	json_t *smtap = json_object_get(p->alerts.json[0], "smtap");
	char *text;

	options.sensor = "tap \xc3\xa9\x01";
	options.app_name = "an app";
	json_object_set_new(
		smtap, "detector", json_string("0123456789012345678901234567890123456789"));
	text = message(p, &options, 0);
	assert_non_null(
		strstr(text, "Z tap____ an_app 77 01234567890123456789012345678901 [origin"));
	free(text);
	options.sensor = "";
	json_object_set_new(smtap, "detector", json_string(""));
	text = message(p, &options, 0);
	assert_non_null(strstr(text, "Z - an_app 77 - [origin"));
	free(text);
}

static void
structured_data_is_escaped_and_ends_with_whole_characters(void **state)
{
	struct place *p = *state;
	struct message_options options = plain;
	json_t *smtap = json_object_get(p->alerts.json[0], "smtap");
	char name[201], *text;

	options.sd_id = "smtap@32473";
	json_object_set_new(smtap, "subject_type", json_string("account"));
	json_object_set_new(smtap, "subject", json_string("a\"b]c\\d\ne"));
	text = message(p, &options, 0);
	assert_non_null(strstr(text, "[smtap@32473 id=\"42-"));
	assert_non_null(strstr(text, " subject=\"a\\\"b\\]c\\\\d?e\" source=\""));
	free(text);

	memset(name, 'x', sizeof(name));
	for (size_t i = 1; i < 199; i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	name[199] = '\0';
	json_object_set_new(smtap, "subject", json_string(name));
	text = message(p, &options, 0);
	name[159] = '\0'; /* 160 would be half of one */
	char want[256];
	snprintf(want, sizeof(want), " subject=\"%s\"", name);
	assert_non_null(strstr(text, want));
	free(text);
}

static void
ids_of_structured_data_need_a_name_and_a_number(void **state)
{
	(void)state;
	assert_true(message_sd_id_is_right("smtap@32473"));
	assert_true(message_sd_id_is_right("a@1.2"));
	assert_false(message_sd_id_is_right("smtap"));
	assert_false(message_sd_id_is_right("@32473"));
	assert_false(message_sd_id_is_right("smtap@"));
	assert_false(message_sd_id_is_right("smtap@corp"));
	assert_false(message_sd_id_is_right("sm tap@1"));
	assert_false(message_sd_id_is_right("sm]tap@1"));
	assert_false(message_sd_id_is_right("abcdefghijklmnopqrstuvwxyz@1234567"));
}

static void
message_keeps_to_its_bound_by_saying_less(void **state)
{
	struct place *p = *state;
	struct message_options options = plain;

	for (options.format = 0; options.format < ENCODE_FORMAT_COUNT; options.format++)
		for (size_t i = 0; i < p->alerts.n; i++) {
			char *text;

			/* The least that can be configured. */
			options.max = options.format == ENCODE_OCSF ? 3072 : 2048;
			text = message(p, &options, i);
			assert_true(strlen(text) <= options.max);
			free(text);
		}
}

static void
over_udp_each_alert_is_a_datagram(void **state)
{
	struct place *p = *state;
	unsigned port = serve(p, AF_INET, SOCK_DGRAM);

	assert_int_equal(open_to(p, "127.0.0.1", port, ", transport: udp"), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 12), SINK_DONE);
	for (size_t i = 0; i < 12; i++) {
		ssize_t n = recv(p->listener, p->got, GOT_MAX - 1, 0);

		assert_true(n > 0);
		p->got[n] = '\0';
		assert_int_equal(p->got[0], '<');
		assert_string_equal(strstr(p->got, "] {") + 2, p->alerts.lines[i]);
	}
}

static void
over_udp_nobody_there_is_noticed(void **state)
{
	struct place *p = *state;
	unsigned port = serve(p, AF_INET, SOCK_DGRAM);

	hang_up(&p->listener);
	assert_int_equal(open_to(p, "127.0.0.1", port, ", transport: udp"), 0);
	/* Told after the last, and by the way, where there are many. */
	for (size_t n = 3; n <= 12; n += 9) {
		assert_int_equal(sink_send(&p->opened, &p->alerts, n), SINK_RETRY);
		assert_int_equal(p->opened.sent, 0);
		sink_assert_why(&p->opened, "Connection refused");
	}
}

static void
over_tcp_messages_have_their_length_before_them(void **state)
{
	struct place *p = *state;
	unsigned port = serve(p, AF_INET, SOCK_STREAM);

	assert_int_equal(open_to(p, "127.0.0.1", port, ", transport: tcp"), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 5), SINK_DONE);
	sink_close(&p->opened);
	p->opened.kind = NULL;
	read_stream(p, GOT_MAX - 1);
	assert_frames(p, 0, 5);
}

static void
over_ipv6_too(void **state)
{
	struct place *p = *state;
	unsigned port = serve(p, AF_INET6, SOCK_STREAM);

	if (port == 0)
		skip();
	assert_int_equal(open_to(p, "::1", port, ", transport: tcp"), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	sink_close(&p->opened);
	p->opened.kind = NULL;
	read_stream(p, GOT_MAX - 1);
	assert_frames(p, 0, 1);
}

static void
refused_connection_is_one_line(void **state)
{
	struct place *p = *state;
	unsigned port = serve(p, AF_INET, SOCK_STREAM);
	char want[64];

	hang_up(&p->listener);
	assert_int_equal(open_to(p, "127.0.0.1", port, ", transport: tcp"), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_RETRY);
	snprintf(want, sizeof(want), "127.0.0.1 port %u: Connection refused", port);
	assert_string_equal(p->opened.why, want);
}

static void
connection_that_the_server_ended_is_made_anew_before_sending(void **state)
{
	struct place *p = *state;
	unsigned port = serve(p, AF_INET, SOCK_STREAM);
	size_t n;

	assert_int_equal(open_to(p, "127.0.0.1", port, ", transport: tcp"), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 1), SINK_DONE);
	n = read_stream(p, 1);
	while (n && recv(p->connection, p->got, GOT_MAX - 1, MSG_DONTWAIT) > 0)
		;
	hang_up(&p->connection);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 3), SINK_DONE);
	sink_close(&p->opened);
	p->opened.kind = NULL;
	read_stream(p, GOT_MAX - 1);
	assert_frames(p, 0, 3);
}

/* Reads a byte when all is there, and ends with the rest unread. */
static void *
read_little(void *arg)
{
	struct place *p = arg;
	struct pollfd end = {.events = POLLRDHUP};

	end.fd = p->connection = accept(p->listener, NULL, NULL);
	poll(&end, 1, WAIT_S * 1000);
	read_stream(p, 1);
	hang_up(&p->connection);
	return NULL;
}

/* Reads a connection to its end; by then nobody listens any more. */
static void *
take_one(void *arg)
{
	struct place *p = arg;

	p->connection = accept(p->listener, NULL, NULL);
	hang_up(&p->listener);
	return read_to_the_end(p);
}

static void
what_a_server_did_not_read_is_sent_again_when_its_end_is_waited_for(void **state)
{
	struct place *p = *state;
	unsigned port = serve(p, AF_INET, SOCK_STREAM);
	pthread_t server;

	assert_int_equal(open_to(p, "127.0.0.1", port, ", transport: tcp, confirm: end"), 0);
	pthread_create(&server, NULL, read_little, p);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 4), SINK_RETRY);
	pthread_join(server, NULL);
	assert_int_equal(p->opened.sent, 0);
	assert_string_not_equal(p->opened.why, "");

	/* Then one by one, a connection each. */
	for (size_t i = 0; i < 2; i++) {
		struct alerts one = {.n = 1};

		one.lines[0] = p->alerts.lines[i];
		one.json[0] = p->alerts.json[i];
		pthread_create(&server, NULL, read_to_the_end, p);
		assert_int_equal(sink_send(&p->opened, &one, 1), SINK_DONE);
		pthread_join(server, NULL);
		assert_frames(p, i, 1);
	}
}

static void
after_a_failure_alerts_are_confirmed_one_by_one(void **state)
{
	struct place *p = *state;
	unsigned port = serve(p, AF_INET, SOCK_STREAM);
	pthread_t server;

	assert_int_equal(open_to(p, "127.0.0.1", port, ", transport: tcp, confirm: end"), 0);
	pthread_create(&server, NULL, read_little, p);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 3), SINK_RETRY);
	pthread_join(server, NULL);
	/* Now a server that takes one connection and goes away. */
	pthread_create(&server, NULL, take_one, p);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 3), SINK_RETRY);
	pthread_join(server, NULL);
	assert_int_equal(p->opened.sent, 1);
	assert_frames(p, 0, 1);
}

static void
alert_that_is_too_long_however_little_it_says_is_refused_alone(void **state)
{
	struct place *p = *state;
	unsigned port = serve(p, AF_INET, SOCK_STREAM);
	char *name = calloc(1, 3001);

	memset(name, 'x', 3000);
	json_object_set_new(
		json_object_get(p->alerts.json[2], "smtap"), "subject", json_string(name));
	free(name);
	assert_int_equal(open_to(p, "127.0.0.1", port, ", transport: tcp, max_bytes: 3000"), 0);
	assert_int_equal(sink_send(&p->opened, &p->alerts, 5), SINK_REFUSED);
	assert_int_equal(p->opened.sent, 2);
	sink_assert_why(&p->opened, "max_bytes is 3000");
	sink_close(&p->opened);
	p->opened.kind = NULL;
	/* Those before it arrived. */
	read_stream(p, GOT_MAX - 1);
	assert_non_null(strstr(p->got, "sequenceId=\"2\""));
	assert_null(strstr(p->got, "sequenceId=\"3\""));
}

static void
what_is_configured_wrong_is_told_at_once(void **state)
{
	static const struct {
		const char *keys;
		const char *part;
	} cases[] = {
		{", sd_id: smtap", "sd_id smtap: it has to be a name, @"},
		{", format: ocsf, max_bytes: 3071", ".max_bytes: format ocsf needs 3072"},
		{", transport: tcp, ca_file: /x", "for transport tls alone"},
		{", transport: udp, server_name: x", "for transport tls alone"},
		{", ca_file: /nonexistent/ca.pem",
			"ca_file /nonexistent/ca.pem: No such file or directory"},
		{", ca_file: /dev/null", "ca_file /dev/null: it is not a regular file"},
		{", ca_file: /etc/passwd", "ca_file /etc/passwd: there is no certificate in it"},
		{", ca_file: /dev/null, cert_file: /dev/null", "cert_file: it needs key_file too"},
		{", key_file: /nonexistent/key.pem", "key_file: it needs cert_file too"},
		{", cert_file: /etc/passwd, key_file: /nonexistent/key.pem",
			"key_file /nonexistent/key.pem: No such file or directory"},
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(open_to(p, "127.0.0.1", 1, cases[i].keys) < 0);
		sink_assert_why(&p->opened, cases[i].part);
		sink_close(&p->opened);
		p->opened.kind = NULL;
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(message_has_the_header_of_rfc_5424),
		T(words_of_the_header_are_printable_ascii_and_bounded),
		T(structured_data_is_escaped_and_ends_with_whole_characters),
		T(ids_of_structured_data_need_a_name_and_a_number),
		T(message_keeps_to_its_bound_by_saying_less),
		T(over_udp_each_alert_is_a_datagram),
		T(over_udp_nobody_there_is_noticed),
		T(over_tcp_messages_have_their_length_before_them),
		T(over_ipv6_too),
		T(refused_connection_is_one_line),
		T(connection_that_the_server_ended_is_made_anew_before_sending),
		T(what_a_server_did_not_read_is_sent_again_when_its_end_is_waited_for),
		T(after_a_failure_alerts_are_confirmed_one_by_one),
		T(alert_that_is_too_long_however_little_it_says_is_refused_alone),
		T(what_is_configured_wrong_is_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
