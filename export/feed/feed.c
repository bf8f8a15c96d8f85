/*
 * What control says is a line of JSON each; alerts are lines of a fixed beginning, so that their
 * text is had as eve.json has it. Control is trusted to mean well, not to be free of faults: lines
 * and numbers are bounded, and what is not as agreed ends the connection.
 */
#include "export/feed/feed.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"

#define LINE_BYTES_MAX (1u << 20)
#define ALERTS_MAX 65536u /* in an answer */
#define ANSWER_MS 20000   /* in which nothing came of an answer, past what it was asked to wait */

struct feed {
	struct sockaddr_un address;
	char exporter[CONFIG_EXPORTER_NAME_MAX + 1];
	int stop_fd;
	uint64_t (*now_ns)(void);
	int fd;    /* -1: not connected */
	bool gave; /* this connection: what was delivered may be said on it */
	char *in;
	size_t size, start, end; /* what was received and not taken yet */
	uint64_t deadline_ns;    /* monotonic: for the next bytes of the answer */
};

static uint64_t
monotonic_ns(void)
{
	return clock_now_ns(CLOCK_MONOTONIC);
}

struct feed *
feed_new(const struct feed_options *options)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (!feed)
		return NULL;
	feed->fd = -1;
	feed->stop_fd = options->stop_fd;
	feed->now_ns = options->now_ns ? options->now_ns : monotonic_ns;
	feed->address.sun_family = AF_UNIX;
	snprintf(feed->address.sun_path, sizeof(feed->address.sun_path), "%s", options->path);
	snprintf(feed->exporter, sizeof(feed->exporter), "%s", options->exporter);
	return feed;
}

static void
disconnect(struct feed *feed)
{
	if (feed->fd >= 0)
		close(feed->fd);
	feed->fd = -1;
	feed->gave = false;
	feed->start = feed->end = 0;
}

void
feed_free(struct feed *feed)
{
	if (!feed)
		return;
	disconnect(feed);
	free(feed->in);
	free(feed);
}

/* Until the connection can be read or written. 0; -ECANCELED, -ETIMEDOUT. */
static int
await(struct feed *feed, short events)
{
	for (;;) {
		struct pollfd p[2] = {{.fd = feed->fd, .events = events},
			{.fd = feed->stop_fd, .events = POLLIN}};
		uint64_t now = feed->now_ns();
		int left = now < feed->deadline_ns
				   ? (int)((feed->deadline_ns - now) / NS_PER_MS + 1)
				   : 0;
		int n = poll(p, 2, left);

		if (p[1].revents)
			return -ECANCELED;
		if (n > 0 && p[0].revents)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static void
expect_more(struct feed *feed, unsigned wait_ms)
{
	feed->deadline_ns = feed->now_ns() + (wait_ms + ANSWER_MS) * NS_PER_MS;
}

static int
connected(struct feed *feed)
{
	int r = 0;

	if (feed->fd >= 0)
		return 0;
	feed->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (feed->fd < 0)
		return -errno;
	/* It is at once there, or not: EAGAIN says that control's queue is full. */
	if (connect(feed->fd, (const struct sockaddr *)&feed->address, sizeof(feed->address)) != 0)
		r = -errno;
	if (r != 0)
		disconnect(feed);
	return r;
}

static int
send_all(struct feed *feed, const char *text, size_t len)
{
	int r = 0;

	while (len > 0 && r == 0) {
		ssize_t n = send(feed->fd, text, len, MSG_NOSIGNAL);

		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			r = await(feed, POLLOUT);
		} else if (errno != EINTR) {
			r = -errno;
		}
	}
	return r;
}

/* Room for more behind what is there. 0, -EPROTO: the line is too long, -ENOMEM. */
static int
make_room(struct feed *feed)
{
	if (feed->start > 0)
		memmove(feed->in, feed->in + feed->start, feed->end - feed->start);
	feed->end -= feed->start;
	feed->start = 0;
	if (feed->end < feed->size)
		return 0;
	if (feed->size >= LINE_BYTES_MAX)
		return -EPROTO;
	size_t size = feed->size ? 2 * feed->size : 16384;
	char *in = realloc(feed->in, size);
	if (!in)
		return -ENOMEM;
	feed->in = in;
	feed->size = size;
	return 0;
}

static int
receive_more(struct feed *feed)
{
	if (feed->end == feed->size) {
		int r = make_room(feed);

		if (r != 0)
			return r;
	}
	for (;;) {
		ssize_t n = recv(feed->fd, feed->in + feed->end, feed->size - feed->end, 0);

		if (n > 0) {
			feed->end += (size_t)n;
			/* All that is open is 64 MiB: on a busy machine that takes longer. */
			expect_more(feed, 0);
			return 0;
		}
		if (n == 0)
			return -ECONNRESET;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		int r = errno == EAGAIN ? await(feed, POLLIN) : 0;
		if (r != 0)
			return r;
	}
}

/* The next line, without its newline, until the next is asked for. */
static int
read_line(struct feed *feed, const char **line, size_t *len)
{
	size_t seen = 0;

	for (;;) {
		const char *from = feed->in ? feed->in + feed->start : NULL;
		const char *end =
			from ? memchr(from + seen, '\n', feed->end - feed->start - seen) : NULL;

		if (end) {
			*line = from;
			*len = (size_t)(end - from);
			feed->start += *len + 1;
			return 0;
		}
		seen = feed->end - feed->start;
		int r = receive_more(feed);
		if (r != 0)
			return r;
	}
}

/* Ask, and read the first line of the answer: an object, to be decref'd. */
static int
ask(struct feed *feed, json_t *question, unsigned wait_ms, json_t **answer)
{
	char *text = question ? json_dumps(question, JSON_COMPACT) : NULL;
	const char *line = NULL;
	size_t len = 0;
	int r = text ? connected(feed) : -ENOMEM;

	json_decref(question);
	expect_more(feed, wait_ms);
	if (r == 0)
		r = send_all(feed, text, strlen(text));
	if (r == 0)
		r = send_all(feed, "\n", 1);
	free(text);
	if (r == 0)
		r = read_line(feed, &line, &len);
	if (r == 0) {
		*answer = json_loadb(line, len, 0, NULL);
		r = json_is_object(*answer) ? 0 : -EPROTO;
	}
	return r;
}

/* What a call says of how it went; a connection that failed is closed. */
static int
ended(struct feed *feed, int r, char why[SINK_WHY_MAX])
{
	const char *path = feed->address.sun_path;

	if (r == 0)
		return 0;
	disconnect(feed);
	if (r == -EPROTO)
		snprintf(why, SINK_WHY_MAX, "%s: control gave no answer as it is agreed", path);
	else if (r == -ENOENT || r == -ECONNREFUSED)
		snprintf(why, SINK_WHY_MAX, "%s: control is not there", path);
	else if (r == -ECONNRESET || r == -EPIPE)
		snprintf(why, SINK_WHY_MAX, "%s: control has gone", path);
	else
		snprintf(why, SINK_WHY_MAX, "%s: %s", path, strerror(-r));
	return r;
}

/* An answer that is an error by what control says; its connection goes on. */
static int
refused(struct feed *feed, json_t *answer, char why[SINK_WHY_MAX])
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (!error)
		return 0;
	snprintf(why, SINK_WHY_MAX, "%s: control says: %s", feed->address.sun_path, error);
	return -EINVAL;
}

/* {"seq":N,"alert":{..}} */
static int
take_alert(struct sink_alert *alert, const char *line, size_t len)
{
	static const char seq[] = "{\"seq\":", eve[] = ",\"alert\":";
	const char *p = line + sizeof(seq) - 1;
	const char *last = line + len - 1;
	uint64_t number = 0;

	if (len < sizeof(seq) + sizeof(eve) || memcmp(line, seq, sizeof(seq) - 1) != 0)
		return -EPROTO;
	for (; p < last && isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, (uint64_t)(*p - '0'), &number))
			return -EPROTO;
	if ((size_t)(last - p) < sizeof(eve) || memcmp(p, eve, sizeof(eve) - 1) != 0 ||
		*last != '}')
		return -EPROTO;
	p += sizeof(eve) - 1;
	*alert = (struct sink_alert){.seq = number, .line_len = (size_t)(last - p)};
	alert->line = strndup(p, alert->line_len);
	alert->json = json_loadb(p, alert->line_len, 0, NULL);
	return alert->line && json_is_object(alert->json) ? 0 : -EPROTO;
}

void
feed_batch_free(struct feed_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		free((char *)batch->alerts[i].line);
		json_decref((json_t *)batch->alerts[i].json);
	}
	free(batch->alerts);
	*batch = (struct feed_batch){0};
}

static uint64_t
number_of(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static int
take_alerts(struct feed *feed, const json_t *head, struct feed_batch *out)
{
	uint64_t n = number_of(head, "alerts");
	int r = 0;

	out->backlog = number_of(head, "backlog");
	out->up_to = number_of(head, "seq");
	out->left_out = number_of(head, "left_out");
	if (n > ALERTS_MAX)
		return -EPROTO;
	out->alerts = calloc(n + 1, sizeof(*out->alerts));
	if (!out->alerts)
		return -ENOMEM;
	while (out->n < n && r == 0) {
		const char *line;
		size_t len;

		r = read_line(feed, &line, &len);
		if (r == 0)
			r = take_alert(&out->alerts[out->n++], line, len);
	}
	return r;
}

static int
ask_for_alerts(struct feed *feed, json_t *question, unsigned wait_ms, struct feed_batch *out,
	char why[SINK_WHY_MAX])
{
	json_t *head = NULL;
	int r;

	*out = (struct feed_batch){0};
	r = ended(feed, ask(feed, question, wait_ms, &head), why);
	if (r == 0)
		r = refused(feed, head, why);
	if (r == 0)
		r = ended(feed, take_alerts(feed, head, out), why);
	json_decref(head);
	if (r != 0)
		feed_batch_free(out);
	return r;
}

/* Alerts came, or there are none. */
static int
given(struct feed *feed, int r)
{
	feed->gave |= r == 0;
	return r;
}

int
feed_alerts(struct feed *feed, unsigned max, unsigned wait_ms, struct feed_batch *out,
	char why[SINK_WHY_MAX])
{
	json_t *question = json_pack("{s:s, s:s, s:i, s:i}", "verb", "alerts", "exporter",
		feed->exporter, "max", (int)max, "wait_ms", (int)wait_ms);

	int r = ask_for_alerts(feed, question, wait_ms, out, why);
	return max > 0 ? given(feed, r) : r;
}

int
feed_open_alerts(struct feed *feed, struct feed_batch *out, char why[SINK_WHY_MAX])
{
	return given(feed, ask_for_alerts(feed, json_pack("{s:s}", "verb", "open"), 0, out, why));
}

/* A question whose answer is one line; NULL: r says why not. */
static json_t *
answer_of(struct feed *feed, json_t *question, unsigned wait_ms, int *r, char why[SINK_WHY_MAX])
{
	json_t *answer = NULL;

	*r = ended(feed, ask(feed, question, wait_ms, &answer), why);
	if (*r == 0)
		*r = refused(feed, answer, why);
	if (*r == 0)
		return answer;
	json_decref(answer);
	return NULL;
}

int
feed_delivered(struct feed *feed, uint64_t seq, char why[SINK_WHY_MAX])
{
	int r;

	/* The control that is there now may have lost its store, and count from 1 again: the same
	   numbers are then other alerts. */
	if (!feed->gave)
		return ended(feed, -ECONNRESET, why);
	json_decref(answer_of(feed,
		json_pack("{s:s, s:s, s:I}", "verb", "delivered", "exporter", feed->exporter, "seq",
			(json_int_t)seq),
		0, &r, why));
	return r;
}

int
feed_counters(struct feed *feed, json_t **out, char why[SINK_WHY_MAX])
{
	int r;

	*out = answer_of(feed, json_pack("{s:s}", "verb", "counters"), 0, &r, why);
	return r;
}

static enum feed_step
step_of(const json_t *answer)
{
	const char *step = json_string_value(json_object_get(answer, "step"));

	if (step && strcmp(step, "check") == 0)
		return FEED_CHECK;
	return step && strcmp(step, "drop") == 0 ? FEED_DROP : FEED_TAKE;
}

int
feed_reload(struct feed *feed, uint64_t seen, struct feed_reload *out, char why[SINK_WHY_MAX])
{
	json_t *question = json_pack("{s:s}", "verb", "reload");
	int r;

	if (question && seen != FEED_NO_RELOAD)
		json_object_set_new(question, "seen", json_integer((json_int_t)seen));
	json_t *answer = answer_of(feed, question, FEED_WAIT_MAX_MS, &r, why);
	*out = (struct feed_reload){.number = number_of(answer, "reload"),
		.step = step_of(answer),
		.at_ns = number_of(answer, "at")};
	json_decref(answer);
	return r;
}

int
feed_reloaded(struct feed *feed, uint64_t number, const char *result, char why[SINK_WHY_MAX])
{
	int r;

	json_decref(answer_of(feed,
		json_pack("{s:s, s:I, s:s}", "verb", "reloaded", "reload", (json_int_t)number,
			"why", result),
		0, &r, why));
	return r;
}
