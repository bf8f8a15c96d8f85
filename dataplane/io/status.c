#include "dataplane/io/status.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/utf8.h"

/* Progress is dropped when the listener lags behind by this much. */
#define STATUS_LAG_BYTES 4096
/* The longest path (PATH_MAX) with each byte escaped as \xHH. */
#define STATUS_TEXT_BYTES (4 * 4096)

void
status_init(struct status *status, int fd, int wake_fd)
{
	memset(status, 0, sizeof(*status));
	pthread_mutex_init(&status->lock, NULL);
	status->fd = fd;
	status->wake_fd = wake_fd;
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void
status_free(struct status *status)
{
	free(status->text);
	pthread_mutex_destroy(&status->lock);
}

static void
status_append(struct status *status, const char *line, size_t len)
{
	char *text = realloc(status->text, status->len + len + 1);

	if (!text)
		return;
	memcpy(text + status->len, line, len);
	text[status->len + len] = '\n';
	status->text = text;
	status->len += len + 1;
}

/* Takes line over. */
static void
status_add(struct status *status, json_t *line)
{
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	json_decref(line);
	if (!text)
		return;
	pthread_mutex_lock(&status->lock);
	if (!status->gone)
		status_append(status, text, strlen(text));
	pthread_mutex_unlock(&status->lock);
	free(text);
	eventfd_write(status->wake_fd, 1);
}

/* Paths and libpcap's words are bytes; JSON wants UTF-8. */
static json_t *
status_text(const char *text)
{
	char *out = malloc(STATUS_TEXT_BYTES);

	if (!out)
		return NULL;
	size_t n = utf8_escape(
		(const uint8_t *)text, strlen(text), out, STATUS_TEXT_BYTES, NULL, NULL);
	json_t *json = json_stringn(out, n);
	free(out);
	return json;
}

void
status_capture(struct status *status, const struct capture *c)
{
	if (status->fd < 0)
		return;
	status_add(
		status, json_pack("{s:s, s:o, s:s, s:I, s:I, s:I, s:I}", "event", "capture", "file",
				status_text(c->path), "link", capture_link_name(c->link), "packets",
				(json_int_t)c->packets, "bytes", (json_int_t)c->bytes, "first_ns",
				(json_int_t)c->first_ns, "last_ns", (json_int_t)c->last_ns));
}

void
status_damaged(struct status *status, const struct capture *c, const char *why)
{
	if (status->fd < 0)
		return;
	status_add(status,
		json_pack("{s:s, s:o, s:I, s:o}", "event", "damaged", "file", status_text(c->path),
			"packets", (json_int_t)c->packets, "why", status_text(why)));
}

void
status_progress(struct status *status, const struct capture *c)
{
	if (status->fd < 0)
		return;
	pthread_mutex_lock(&status->lock);
	bool lags = status->len > STATUS_LAG_BYTES;
	pthread_mutex_unlock(&status->lock);
	if (lags)
		return;
	status_add(status,
		json_pack("{s:s, s:o, s:I, s:I, s:I}", "event", "progress", "file",
			status_text(c->path), "packets", (json_int_t)c->packets, "position",
			(json_int_t)capture_position(c), "size", (json_int_t)c->file_bytes));
}

void
status_stopped(struct status *status, uint64_t packets)
{
	if (status->fd >= 0)
		status_add(status, json_pack("{s:s, s:I}", "event", "stopped", "packets",
					   (json_int_t)packets));
}

/* Returns false when no more can be written now. */
static bool
status_write(struct status *status)
{
	ssize_t n = write(status->fd, status->text, status->len);

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0) { /* the listener has gone */
		status->gone = true;
		status->len = 0;
		return false;
	}
	status->len -= (size_t)n;
	memmove(status->text, status->text + n, status->len);
	return true;
}

void
status_flush(struct status *status, bool wait)
{
	pthread_mutex_lock(&status->lock);
	while (!status->gone && status->len > 0) {
		if (status_write(status))
			continue;
		struct pollfd p = {.fd = status->fd, .events = POLLOUT};
		if (!wait || status->gone || poll(&p, 1, -1) < 0)
			break;
	}
	pthread_mutex_unlock(&status->lock);
}
