/* contract: the event record, the counters and the handshake. The ring is in ring_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract/counters.h"
#include "contract/event.h"
#include "contract/hello.h"

static struct event
event_of(enum event_type type)
{
	struct event e;

	memset(&e, 0, sizeof(e));
	e.head.type = (uint16_t)type;
	e.head.version = EVENT_VERSION;
	e.head.flow.flow_id = 1;
	return e;
}

static struct event
auth_of(const char *mechanism, const char *username)
{
	struct event e = event_of(EVENT_AUTH);

	memcpy(e.auth.mechanism, mechanism, strlen(mechanism));
	e.auth.username_len = (uint8_t)strlen(username);
	memcpy(e.text, username, strlen(username));
	return e;
}

static void
event_of_each_type_is_valid(void **state)
{
	(void)state;
	for (unsigned type = 1; type < EVENT_TYPE_COUNT; type++) {
		struct event e = event_of(type);
		assert_true(event_valid(&e));
	}
}

static void
event_with_a_bad_head_is_refused(void **state)
{
	struct event e = event_of(EVENT_NONE);

	(void)state;
	assert_false(event_valid(&e));
	e = event_of(EVENT_TYPE_COUNT);
	assert_false(event_valid(&e));
	e.head.type = 0xffff;
	assert_false(event_valid(&e));
	e = event_of(EVENT_AUTH);
	e.head.version++;
	assert_false(event_valid(&e));
	e = event_of(EVENT_AUTH);
	e.head.flow.flow_id = 0;
	assert_false(event_valid(&e));
}

static void
event_times_stop_where_sums_would_wrap(void **state)
{
	struct event e = event_of(EVENT_SESSION);

	(void)state;
	e.head.clock_ns = e.head.time_ns = e.session.start_ns = EVENT_TIME_MAX_NS;
	assert_true(event_valid(&e));
	e.head.clock_ns++;
	assert_false(event_valid(&e));
	e.head.clock_ns--;
	e.head.time_ns++;
	assert_false(event_valid(&e));
	e.head.time_ns--;
	e.session.start_ns++;
	assert_false(event_valid(&e));
}

static void
event_values_out_of_range_are_refused(void **state)
{
	struct event good = auth_of("LOGIN", "alice"), e;

	(void)state;
	assert_true(event_valid(&good));
#define REFUSED(base, field, value)            \
	do {                                   \
		e = base;                      \
		e.field = (value);             \
		assert_false(event_valid(&e)); \
	} while (0)
	REFUSED(good, auth.outcome, OUTCOME_COUNT);
	REFUSED(good, auth.transport, TRANSPORT_COUNT);
	REFUSED(good, auth.confidence, 101);
	REFUSED(good, auth.reply_code, 1000);
	REFUSED(good, auth.enhanced[0], 1000);
	REFUSED(good, auth.enhanced[2], 0xffff);
	REFUSED(event_of(EVENT_RCPT), rcpt.accepted, 2);
	REFUSED(event_of(EVENT_RCPT), rcpt.transport, 0xff);
	REFUSED(event_of(EVENT_RCPT), rcpt.reply_code, 0xffff);
	REFUSED(event_of(EVENT_MAIL), mail.transport, TRANSPORT_COUNT);
	REFUSED(event_of(EVENT_MAIL), mail.enhanced[1], 1000);
	REFUSED(event_of(EVENT_SESSION), session.end, SESSION_END_COUNT);
	REFUSED(event_of(EVENT_SESSION), session.last_reply, 1000);
	REFUSED(event_of(EVENT_SIGNATURE), signature.context, CONTEXT_COUNT);
	REFUSED(event_of(EVENT_SIGNATURE), signature.from_server, 2);
#undef REFUSED
}

static void
event_mechanism_must_end_within_its_room(void **state)
{
	struct event e = auth_of("CRAM-MD5", "");

	(void)state;
	assert_true(event_valid(&e));
	e.auth.mechanism[20] = 'x'; /* bytes after the NUL */
	assert_false(event_valid(&e));
	e = auth_of("LOGIN\n", "");
	assert_false(event_valid(&e));
	e = auth_of("LOG\xc3\xb6", "");
	assert_false(event_valid(&e));
	memset(e.auth.mechanism, 'A', sizeof(e.auth.mechanism));
	assert_false(event_valid(&e));
	e.auth.mechanism[AUTH_MECHANISM_MAX - 1] = '\0';
	assert_true(event_valid(&e));
}

static void
event_strings_must_fit_the_text(void **state)
{
	struct event e = event_of(EVENT_AUTH);

	(void)state;
	memset(e.text, 'x', sizeof(e.text));
	e.auth.username_len = 255;
	e.auth.domain_len = EVENT_TEXT_BYTES - 255;
	assert_true(event_valid(&e));
	e.auth.helo_len = 1;
	assert_false(event_valid(&e));
	e.auth.username_len = e.auth.domain_len = e.auth.helo_len = 255;
	assert_false(event_valid(&e));
	e = event_of(EVENT_SESSION);
	e.session.helo_len = e.session.banner_len = 255;
	assert_false(event_valid(&e));
}

static void
event_text_must_be_printable(void **state)
{
	static const char *const bad[] = {"a\nb", "\x1b[2J", "\x7f", "\xc2\x9b", "\xff", "\xc3"};
	struct event e = auth_of("LOGIN", "j\xc3\xb6rg\\x00");

	(void)state;
	assert_true(event_valid(&e));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e = auth_of("LOGIN", bad[i]);
		assert_false(event_valid(&e));
		/* The same bytes beyond every string are nobody's. */
		e.auth.username_len = 0;
		assert_true(event_valid(&e));
	}
}

static void
event_character_across_two_strings_is_refused(void **state)
{
	struct event e = auth_of("LOGIN", "\xc3\xb6");

	(void)state;
	assert_true(event_valid(&e));
	e.auth.username_len = 1;
	e.auth.domain_len = 1;
	assert_false(event_valid(&e));
}

static void
event_names_cover_every_value_and_nothing_else(void **state)
{
	(void)state;
	assert_string_equal(event_type_name(EVENT_AUTH), "auth");
	assert_string_equal(event_type_name(EVENT_SIGNATURE), "signature");
	assert_string_equal(event_type_name(EVENT_NONE), "?");
	assert_string_equal(event_type_name(EVENT_TYPE_COUNT), "?");
	assert_string_equal(event_outcome_name(OUTCOME_UNKNOWN), "unknown");
	assert_string_equal(event_outcome_name(OUTCOME_ABORTED), "aborted");
	assert_string_equal(event_outcome_name(OUTCOME_COUNT), "?");
	assert_string_equal(event_transport_name(TRANSPORT_IMPLICIT), "implicit");
	assert_string_equal(event_transport_name(~0u), "?");
	assert_string_equal(event_context_name(CONTEXT_HEADER), "header");
	assert_string_equal(event_context_name(CONTEXT_COUNT), "?");
}

static void
counters_have_distinct_names_and_all_texts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNTER_COUNT; i++) {
		const struct counter_info *info = &counter_infos[i];
		assert_true(info->name[0] && info->unit[0] && info->help[0]);
		for (const char *p = info->name; *p; p++)
			assert_true(islower(*p) || isdigit(*p) || *p == '_');
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(info->name, counter_infos[k].name);
	}
	assert_string_equal(counter_infos[COUNTER_RX_PKTS].name, "rx_packets");
}

static void
counters_add_up(void **state)
{
	struct counters c = {{0}};

	(void)state;
	counter_add(&c, COUNTER_EVENTS, 2);
	counter_add(&c, COUNTER_EVENTS, 3);
	assert_int_equal(counter_read(&c, COUNTER_EVENTS), 5);
	assert_int_equal(counter_read(&c, COUNTER_RX_PKTS), 0);
}

static unsigned
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static struct hello
offer(void)
{
	struct hello h;

	hello_init(&h, HELLO_OFFER);
	h.workers = 2;
	h.flags = HELLO_REPLAY;
	return h;
}

static void
hello_of_this_build_is_accepted(void **state)
{
	struct hello h = offer();
	char why[200];

	(void)state;
	assert_int_equal(hello_check(&h, why, sizeof(why)), 0);
	h.kind = HELLO_ACCEPT;
	h.flags = HELLO_LIVE;
	h.workers = HELLO_WORKERS_MAX;
	assert_int_equal(hello_check(&h, why, sizeof(why)), 0);
}

static void
hello_mismatch_names_both_values(void **state)
{
	static const size_t offsets[] = {
		offsetof(struct hello, version),
		offsetof(struct hello, event_version),
		offsetof(struct hello, event_bytes),
		offsetof(struct hello, ring_version),
		offsetof(struct hello, ring_header_bytes),
		offsetof(struct hello, counters_version),
		offsetof(struct hello, counter_count),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct hello h = offer();
		char why[200], want[100];
		uint32_t ours, theirs = 77777;
		memcpy(&ours, (char *)&h + offsets[i], sizeof(ours));
		memcpy((char *)&h + offsets[i], &theirs, sizeof(theirs));
		assert_int_equal(hello_check(&h, why, sizeof(why)), -EPROTO);
		snprintf(want, sizeof(want), "smtap-dataplane has 77777, smtap-control has %u;",
			ours);
		assert_non_null(strstr(why, want));
		h.kind = HELLO_ACCEPT;
		assert_int_equal(hello_check(&h, why, sizeof(why)), -EPROTO);
		snprintf(want, sizeof(want), "smtap-dataplane has %u, smtap-control has 77777;",
			ours);
		assert_non_null(strstr(why, want));
		/* Cut, but never beyond its room. */
		char small[8];
		assert_int_equal(hello_check(&h, small, sizeof(small)), -EPROTO);
		assert_true(memchr(small, '\0', sizeof(small)) != NULL);
	}
}

static void
hello_out_of_range_is_refused(void **state)
{
	struct hello h;
	char why[200];

	(void)state;
#define REFUSED(field, value)                                                 \
	do {                                                                  \
		h = offer();                                                  \
		h.field = (value);                                            \
		assert_int_equal(hello_check(&h, why, sizeof(why)), -EPROTO); \
	} while (0)
	REFUSED(magic, 1);
	REFUSED(kind, 0);
	REFUSED(kind, 4);
	REFUSED(workers, 0);
	REFUSED(workers, HELLO_WORKERS_MAX + 1);
	REFUSED(flags, 0);
	REFUSED(flags, HELLO_LIVE | HELLO_REPLAY);
	REFUSED(reason[0], '\x1b');
#undef REFUSED
	h = offer();
	memset(h.reason, 'x', sizeof(h.reason));
	assert_int_equal(hello_check(&h, why, sizeof(why)), -EPROTO);
}

static void
hello_rejection_of_another_build_gets_through(void **state)
{
	struct hello h;
	char why[200];

	(void)state;
	hello_init(&h, HELLO_REJECT);
	h.version = 99;
	snprintf(h.reason, sizeof(h.reason), "handshake version is 99 here, 1 there");
	assert_int_equal(hello_check(&h, why, sizeof(why)), 0);
	memset(h.reason, 'x', sizeof(h.reason));
	assert_int_equal(hello_check(&h, why, sizeof(why)), -EPROTO);
}

static void
pair(int sock[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock), 0);
}

static void
hello_carries_descriptors_that_close_on_exec(void **state)
{
	struct hello sent = offer(), came;
	unsigned before = open_fds(), nfds = 0;
	int sock[2], p[2], fds[2];

	(void)state;
	pair(sock);
	assert_int_equal(pipe(p), 0);
	sent.consumed[1] = 42;
	assert_int_equal(hello_send(sock[0], &sent, p, 2), 0);
	assert_int_equal(hello_receive(sock[1], &came, fds, 2, &nfds), 0);
	assert_int_equal(nfds, 2);
	assert_memory_equal(&sent, &came, sizeof(sent));
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fds[1], "x", 1), 1);
	char byte;
	assert_int_equal(read(p[0], &byte, 1), 1);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(p[i]);
	}
	assert_int_equal(hello_send(sock[1], &sent, NULL, 0), 0);
	assert_int_equal(hello_receive(sock[0], &came, fds, 0, &nfds), 0);
	assert_int_equal(nfds, 0);
	close(sock[0]);
	close(sock[1]);
	assert_int_equal(open_fds(), before);
}

static void
hello_with_all_workers_descriptors_arrives(void **state)
{
	struct hello sent = offer(), came;
	unsigned before = open_fds(), nfds = 0;
	int sock[2], fds[HELLO_WORKERS_MAX], many[HELLO_WORKERS_MAX + 1];

	(void)state;
	pair(sock);
	for (unsigned i = 0; i <= HELLO_WORKERS_MAX; i++)
		many[i] = sock[0];
	assert_int_equal(hello_send(sock[0], &sent, many, HELLO_WORKERS_MAX + 1), -EINVAL);
	assert_int_equal(hello_send(sock[0], &sent, many, HELLO_WORKERS_MAX), 0);
	assert_int_equal(hello_receive(sock[1], &came, fds, HELLO_WORKERS_MAX, &nfds), 0);
	assert_int_equal(nfds, HELLO_WORKERS_MAX);
	while (nfds > 0)
		close(fds[--nfds]);
	close(sock[0]);
	close(sock[1]);
	assert_int_equal(open_fds(), before);
}

/* Send len bytes with nfds copies of stdin, past every check of hello_send. */
static void
send_raw(int sock, const void *data, size_t len, unsigned nfds)
{
	static union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(200 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nfds > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memset(CMSG_DATA(c), 0, nfds * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), (ssize_t)len);
}

static void
hello_of_a_hostile_peer_leaves_no_descriptor(void **state)
{
	struct hello h = offer(), came;
	unsigned before = open_fds(), nfds = 7;
	int sock[2], fds[HELLO_WORKERS_MAX];
	char big[sizeof(h) + 1] = {0};

	(void)state;
	pair(sock);
	send_raw(sock[0], &h, sizeof(h) - 1, 3); /* too short */
	assert_int_equal(hello_receive(sock[1], &came, fds, 4, &nfds), -EPROTO);
	assert_int_equal(nfds, 0);
	send_raw(sock[0], big, sizeof(big), 3); /* too long */
	assert_int_equal(hello_receive(sock[1], &came, fds, 4, &nfds), -EPROTO);
	send_raw(sock[0], &h, sizeof(h), 5); /* more than fit */
	assert_int_equal(hello_receive(sock[1], &came, fds, 4, &nfds), -EPROTO);
	send_raw(sock[0], &h, sizeof(h), 200); /* more than are ever taken */
	assert_int_equal(hello_receive(sock[1], &came, fds, HELLO_WORKERS_MAX, &nfds), -EPROTO);
	send_raw(sock[0], "", 0, 3); /* nothing but descriptors */
	assert_int_equal(hello_receive(sock[1], &came, fds, 4, &nfds), -EPIPE);
	assert_int_equal(nfds, 0);
	close(sock[0]);
	close(sock[1]);
	assert_int_equal(open_fds(), before);
}

static void
hello_tells_that_the_peer_has_gone(void **state)
{
	struct hello h = offer();
	unsigned nfds;
	int sock[2];

	(void)state;
	pair(sock);
	close(sock[0]);
	assert_int_equal(hello_send(sock[1], &h, NULL, 0), -EPIPE);
	assert_int_equal(hello_receive(sock[1], &h, NULL, 0, &nfds), -EPIPE);
	close(sock[1]);
	assert_int_equal(hello_receive(sock[1], &h, NULL, 0, &nfds), -EBADF);
	pair(sock);
	assert_int_equal(fcntl(sock[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(hello_receive(sock[0], &h, NULL, 0, &nfds), -EAGAIN);
	close(sock[0]);
	close(sock[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(event_of_each_type_is_valid),
		cmocka_unit_test(event_with_a_bad_head_is_refused),
		cmocka_unit_test(event_times_stop_where_sums_would_wrap),
		cmocka_unit_test(event_values_out_of_range_are_refused),
		cmocka_unit_test(event_mechanism_must_end_within_its_room),
		cmocka_unit_test(event_strings_must_fit_the_text),
		cmocka_unit_test(event_text_must_be_printable),
		cmocka_unit_test(event_character_across_two_strings_is_refused),
		cmocka_unit_test(event_names_cover_every_value_and_nothing_else),
		cmocka_unit_test(counters_have_distinct_names_and_all_texts),
		cmocka_unit_test(counters_add_up),
		cmocka_unit_test(hello_of_this_build_is_accepted),
		cmocka_unit_test(hello_mismatch_names_both_values),
		cmocka_unit_test(hello_out_of_range_is_refused),
		cmocka_unit_test(hello_rejection_of_another_build_gets_through),
		cmocka_unit_test(hello_carries_descriptors_that_close_on_exec),
		cmocka_unit_test(hello_with_all_workers_descriptors_arrives),
		cmocka_unit_test(hello_of_a_hostile_peer_leaves_no_descriptor),
		cmocka_unit_test(hello_tells_that_the_peer_has_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
