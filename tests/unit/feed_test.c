/* smtap-export's side of control's socket, when control says what it should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/duration.h"
#include "export/feed/feed.h"

/* Control, as a thread that gives one answer and hangs up. */
struct place {
	char folder[64];
	char path[96];
	struct feed *feed;
	int listener;
	int stop_fd;
	const char *answer;
	size_t len;
	pthread_t thread;
};

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(p->folder, "/tmp/smtap-feed-XXXXXX");
	if (!mkdtemp(p->folder))
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/sock", p->folder);
	strcpy(address.sun_path, p->path);
	p->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	p->stop_fd = eventfd(0, EFD_NONBLOCK);
	p->feed = feed_new(
		&(struct feed_options){.path = p->path, .exporter = "a", .stop_fd = p->stop_fd});
	*state = p;
	return bind(p->listener, (struct sockaddr *)&address, sizeof(address)) ||
	       listen(p->listener, 4);
}

static int
tear_down(void **state)
{
	struct place *p = *state;

	feed_free(p->feed);
	close(p->listener);
	close(p->stop_fd);
	unlink(p->path);
	assert_int_equal(rmdir(p->folder), 0);
	free(p);
	return 0;
}

static void *
answer_once(void *arg)
{
	struct place *p = arg;
	int fd = accept(p->listener, NULL, NULL);
	char c = ' ';

	while (c != '\n' && recv(fd, &c, 1, 0) == 1)
		;
	for (size_t sent = 0; sent < p->len;) {
		ssize_t n = send(fd, p->answer + sent, p->len - sent, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	close(fd);
	return NULL;
}

/* What comes of a question for alerts when that is the answer. */
static int
asked(struct place *p, const char *answer, size_t len, struct feed_batch *out, char *why)
{
	p->answer = answer;
	p->len = len;
	why[0] = '\0';
	pthread_create(&p->thread, NULL, answer_once, p);
	int r = feed_alerts(p->feed, 10, 0, out, why);
	pthread_join(p->thread, NULL);
	return r;
}

static void
alert_is_had_as_the_text_that_it_is(void **state)
{
	static const char answer[] = "{\"alerts\":2,\"backlog\":7}\n"
				     "{\"seq\":12,\"alert\":{ \"b\":1.50, \"a\":\"\\u00e9}\"}}\n"
				     "{\"seq\":13,\"alert\":{}}\n";
	struct feed_batch batch;
	char why[SINK_WHY_MAX];

	assert_int_equal(asked(*state, answer, sizeof(answer) - 1, &batch, why), 0);
	assert_int_equal(batch.n, 2);
	assert_int_equal(batch.backlog, 7);
	assert_int_equal(batch.alerts[0].seq, 12);
	assert_string_equal(batch.alerts[0].line, "{ \"b\":1.50, \"a\":\"\\u00e9}\"}");
	assert_int_equal(batch.alerts[0].line_len, strlen(batch.alerts[0].line));
	assert_string_equal(
		json_string_value(json_object_get(batch.alerts[0].json, "a")), "\xc3\xa9}");
	assert_string_equal(batch.alerts[1].line, "{}");
	feed_batch_free(&batch);
}

static void
what_is_not_as_agreed_ends_the_connection_and_nothing_else(void **state)
{
	static const char *const wrong[] = {"\n", "no\n", "[]\n", "3\n", "{\"alerts\":1}\n\n",
		"{\"alerts\":1}\n{}\n", "{\"alerts\":1}\n{\"seq\":1,\"alert\":3}\n",
		"{\"alerts\":1}\n{\"seq\":1,\"alert\":{}\n",
		"{\"alerts\":1}\n{\"seq\":,\"alert\":}\n",
		"{\"alerts\":1}\n{\"seq\":-1,\"alert\":{}}\n",
		"{\"alerts\":1}\n{\"seq\":99999999999999999999,\"alert\":{}}\n",
		"{\"alerts\":1}\n{\"alert\":{},\"seq\":1}\n",
		"{\"alerts\":1}\n{\"seq\":1,\"alert\":{}\"}\n", "{\"alerts\":1}\n{\"seq\":1}\n",
		"{\"alerts\":65537}\n", "{\"alerts\":-1}\n"};
	static const char good[] = "{\"alerts\":1,\"backlog\":1}\n{\"seq\":1,\"alert\":{}}\n";
	struct feed_batch batch;
	char why[SINK_WHY_MAX];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int r = asked(*state, wrong[i], strlen(wrong[i]), &batch, why);

		if (r != -EPROTO || !strstr(why, "control gave no answer as it is agreed"))
			fail_msg("%s: %d, %s", wrong[i], r, why);
		assert_int_equal(batch.n, 0);
	}
	assert_int_equal(asked(*state, good, sizeof(good) - 1, &batch, why), 0);
	assert_int_equal(batch.n, 1);
	feed_batch_free(&batch);
}

static void
line_without_an_end_is_not_read_for_ever(void **state)
{
	const size_t len = 4u << 20;
	char *much = malloc(len), why[SINK_WHY_MAX];
	struct feed_batch batch;

	memset(much, ' ', len);
	assert_int_equal(asked(*state, much, len, &batch, why), -EPROTO);
	free(much);
}

static void
answer_that_is_cut_off_is_no_answer(void **state)
{
	static const char answer[] = "{\"alerts\":2,\"backlog\":2}\n{\"seq\":1,\"alert\":{}}\n"
				     "{\"seq\":2,\"alert\":{}}\n";
	struct feed_batch batch;
	char why[SINK_WHY_MAX];

	for (size_t len = 0; len < sizeof(answer) - 1; len++) {
		assert_int_equal(asked(*state, answer, len, &batch, why), -ECONNRESET);
		assert_non_null(strstr(why, "control has gone"));
		assert_int_equal(batch.n, 0);
	}
}

static void
what_control_refuses_is_told_in_its_words(void **state)
{
	static const char answer[] = "{\"error\":\"no exporter of that name is configured\"}\n";
	struct feed_batch batch;
	char why[SINK_WHY_MAX];

	assert_int_equal(asked(*state, answer, sizeof(answer) - 1, &batch, why), -EINVAL);
	assert_non_null(strstr(why, "control says: no exporter of that name is configured"));
}

static void
what_came_before_control_went_is_not_said_to_the_next_one(void **state)
{
	static const char answer[] = "{\"alerts\":1,\"backlog\":1}\n{\"seq\":9,\"alert\":{}}\n";
	static const char none[] = "{\"alerts\":0,\"backlog\":50}\n";
	static const char ok[] = "{\"ok\":true}\n";
	struct place *p = *state;
	struct feed_batch batch;
	char why[SINK_WHY_MAX];

	assert_int_equal(asked(p, answer, sizeof(answer) - 1, &batch, why), 0);
	feed_batch_free(&batch);
	/* It has hung up, which the question for the backlog meets. */
	assert_int_not_equal(feed_alerts(p->feed, 0, 0, &batch, why), 0);
	p->answer = none;
	p->len = sizeof(none) - 1;
	pthread_create(&p->thread, NULL, answer_once, p);
	assert_int_equal(feed_alerts(p->feed, 0, 0, &batch, why), 0);
	assert_int_equal(batch.backlog, 50);
	pthread_join(p->thread, NULL);
	feed_batch_free(&batch);
	/* The next one would take it for an alert of its own. */
	p->answer = ok;
	p->len = sizeof(ok) - 1;
	assert_int_equal(feed_delivered(p->feed, 9, why), -ECONNRESET);
	assert_non_null(strstr(why, "control has gone"));
}

/* A clock that goes on by 15 s whenever it is looked at, and a control that says a few bytes more
 * every second time: while it is waited for. */
static struct {
	struct place *place;
	unsigned looks;
	int fd;
} slow;

static uint64_t
slow_now_ns(void)
{
	struct place *p = slow.place;

	if (++slow.looks % 2 == 0 && p->len > 0) {
		size_t n = p->len < 10 ? p->len : 10;

		if (slow.fd < 0)
			slow.fd = accept(p->listener, NULL, NULL);
		assert_int_equal(send(slow.fd, p->answer, n, MSG_NOSIGNAL), n);
		p->answer += n;
		p->len -= n;
	}
	return slow.looks * 15 * NS_PER_S;
}

static void
answer_that_takes_minutes_is_read_to_its_end_while_it_comes(void **state)
{
	static const char answer[] = "{\"alerts\":2,\"seq\":2}\n{\"seq\":1,\"alert\":{}}\n"
				     "{\"seq\":2,\"alert\":{}}\n";
	struct place *p = *state;
	struct feed_batch batch;
	char why[SINK_WHY_MAX] = "";

	p->answer = answer;
	p->len = sizeof(answer) - 1;
	slow.place = p;
	slow.fd = -1;
	feed_free(p->feed);
	p->feed = feed_new(&(struct feed_options){
		.path = p->path, .exporter = "a", .stop_fd = p->stop_fd, .now_ns = slow_now_ns});
	assert_int_equal(feed_open_alerts(p->feed, &batch, why), 0);
	assert_int_equal(batch.n, 2);
	feed_batch_free(&batch);
	close(slow.fd);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(alert_is_had_as_the_text_that_it_is),
		TEST(what_is_not_as_agreed_ends_the_connection_and_nothing_else),
		TEST(line_without_an_end_is_not_read_for_ever),
		TEST(answer_that_is_cut_off_is_no_answer),
		TEST(what_control_refuses_is_told_in_its_words),
		TEST(what_came_before_control_went_is_not_said_to_the_next_one),
		TEST(answer_that_takes_minutes_is_read_to_its_end_while_it_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
