/* The ring between two processes, and between two threads. */
#include "tests/unit/ring_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract/hello.h"

#define THREAD_RECORDS 20000

static void *
read_in_thread(void *arg)
{
	struct ring_reader *r = arg;
	struct event e;
	uint64_t next = 0, watermark = 0;

	while (!ring_reader_ended(r)) {
		watermark = ring_reader_watermark(r);
		while (ring_reader_peek(r, &e) == 1) {
			if (!is_filled(&e, next))
				return (void *)1;
			next++;
			ring_reader_done(r);
		}
		/* Everything older than the watermark was there to be seen. */
		if (next < watermark)
			return (void *)2;
		sched_yield();
	}
	return next == THREAD_RECORDS ? NULL : (void *)3;
}

/* Both sides on one mapping, so that ThreadSanitizer sees what they share. */
static void
ring_between_two_threads_has_no_race(void **state)
{
	struct both b;
	pthread_t thread;
	void *result;

	(void)state;
	both_open(&b);
	struct ring_reader shared = b.r;
	shared.header = b.w.header;
	shared.slots = b.w.slots;
	const struct ring_cursor *mapped = b.w.cursor;
	b.w.cursor = b.r.cursor;
	assert_int_equal(pthread_create(&thread, NULL, read_in_thread, &shared), 0);
	for (uint64_t i = 0; i < THREAD_RECORDS; i++) {
		while (!put(&b.w, i))
			sched_yield();
		if (i % 13 == 0)
			ring_writer_flush(&b.w, i + 1);
	}
	ring_writer_end(&b.w);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_null(result);
	assert_int_equal(ring_writer_consumed(&b.w), THREAD_RECORDS);
	b.w.cursor = mapped;
	both_close(&b);
}

/* A reader process: takes the hello, sends its cursor, reads stop records (0: to the end). */
static int
reader_process(int sock, uint64_t stop)
{
	struct hello h;
	struct ring_reader r;
	struct event e;
	unsigned nfds;
	char why[200];
	int fd;

	if (hello_receive(sock, &h, &fd, 1, &nfds) != 0 || nfds != 1 ||
		hello_check(&h, why, sizeof(why)) != 0)
		return 10;
	uint64_t next = h.consumed[0];
	if (ring_reader_open(&r, fd, next, h.boot_id) != 0)
		return 11;
	h.kind = HELLO_ACCEPT;
	if (hello_send(sock, &h, &r.cursor_memfd, 1) != 0)
		return 12;
	while (!ring_reader_ended(&r)) {
		int got = ring_reader_peek(&r, &e);
		if (got < 0 || (got == 1 && !is_filled(&e, next)))
			return 13;
		if (got == 0) {
			sched_yield();
			continue;
		}
		ring_reader_done(&r);
		if (++next == stop)
			for (;;)
				pause(); /* until killed, holding everything */
	}
	return hello_send(sock, &h, NULL, 0) == 0 ? 0 : 14;
}

/* Start a reader and shake hands with it. Its pid; *sock is our end of the socket. */
static pid_t
start_reader(struct ring_writer *w, uint64_t stop, int *sock)
{
	struct hello h;
	unsigned nfds;
	int pair[2], cursor;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(pair[0]);
		_exit(reader_process(pair[1], stop));
	}
	close(pair[1]);
	hello_init(&h, HELLO_OFFER);
	h.workers = 1;
	h.flags = HELLO_REPLAY;
	h.consumed[0] = ring_writer_consumed(w);
	memcpy(h.boot_id, boot_id, sizeof(h.boot_id));
	assert_int_equal(hello_send(pair[0], &h, &w->memfd, 1), 0);
	assert_int_equal(hello_receive(pair[0], &h, &cursor, 1, &nfds), 0);
	assert_int_equal(nfds, 1);
	assert_int_equal(ring_writer_set_cursor(w, cursor), 0);
	close(cursor);
	*sock = pair[0];
	return pid;
}

static void
expect_exit(pid_t pid, int sock, int want)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(sock);
	if (want == SIGKILL)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	else
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == want);
}

/* Write records up to end, waiting for room as a replay does. */
static uint64_t
write_until(struct ring_writer *w, uint64_t next, uint64_t end)
{
	for (; next < end; next++) {
		while (!put(w, next))
			sched_yield();
		if (next % 29 == 0)
			ring_writer_flush(w, next);
	}
	return next;
}

#define PROCESS_RECORDS 150000

static void
ring_between_two_processes_loses_and_tears_nothing(void **state)
{
	unsigned before = held();
	struct ring_writer w;
	int sock;

	(void)state;
	assert_int_equal(ring_writer_open(&w, 1024, boot_id), 0);
	pid_t pid = start_reader(&w, 0, &sock);
	write_until(&w, 0, PROCESS_RECORDS);
	ring_writer_end(&w);
	expect_exit(pid, sock, 0);
	assert_int_equal(ring_writer_consumed(&w), PROCESS_RECORDS);
	ring_writer_close(&w);
	assert_int_equal(held(), before);
}

static void
ring_reader_killed_is_followed_by_one_that_resumes(void **state)
{
	const uint64_t kills[] = {1, 100, 5000};
	unsigned before = held();
	struct ring_writer w;
	uint64_t next = 0;
	int sock;

	(void)state;
	assert_int_equal(ring_writer_open(&w, RING_SLOTS, boot_id), 0);
	for (size_t i = 0; i < sizeof(kills) / sizeof(kills[0]); i++) {
		pid_t pid = start_reader(&w, kills[i], &sock);
		next = write_until(&w, next, kills[i] + RING_SLOTS);
		ring_writer_flush(&w, next);
		while (ring_writer_consumed(&w) < kills[i])
			sched_yield();
		assert_int_equal(kill(pid, SIGKILL), 0);
		expect_exit(pid, sock, SIGKILL);
		assert_int_equal(ring_writer_consumed(&w), kills[i]);
		assert_null(ring_writer_slot(&w));
	}
	pid_t pid = start_reader(&w, 0, &sock);
	write_until(&w, next, 20000);
	ring_writer_end(&w);
	expect_exit(pid, sock, 0);
	assert_int_equal(ring_writer_consumed(&w), 20000);
	ring_writer_close(&w);
	assert_int_equal(held(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_between_two_processes_loses_and_tears_nothing),
		cmocka_unit_test(ring_reader_killed_is_followed_by_one_that_resumes),
		cmocka_unit_test(ring_between_two_threads_has_no_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
