/*
 * Keeps: what was announced, in the order of addresses, so that one walk along it and along what is
 * to be blocked finds what is in one of them alone.
 *
 * Always holds: what is kept was said, and nothing else was, to who reads the pipe now; a reader
 * that is another one has heard of nothing.
 */
#include "export/blocklist/flows.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "export/blocklist/render.h"

#define PIPE_WAIT_MS 5000 /* for who reads it; below SINK_CALL_MAX_S */

struct flows {
	const char *path;
	const struct config_ports *ports;
	int pipe;                 /* -1: nobody reads */
	struct prefix *announced; /* owned */
	struct prefix *next; /* owned; room for as many as are to be blocked, which it becomes */
	size_t count;
};

struct flows *
flows_new(size_t entries, const char *path, const struct config_ports *ports)
{
	struct flows *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	*f = (struct flows){.path = path, .ports = ports, .pipe = -1};
	f->announced = calloc(entries, sizeof(*f->announced));
	f->next = calloc(entries, sizeof(*f->next));
	if (f->announced && f->next)
		return f;
	flows_free(f);
	return NULL;
}

bool
flows_is_read(const struct flows *f)
{
	struct pollfd p = {.fd = f->pipe};

	return f->pipe >= 0 && poll(&p, 1, 0) >= 0 && !(p.revents & (POLLERR | POLLHUP));
}

/* The pipe, if somebody reads it; who reads it anew has heard of nothing. */
static int
open_pipe(struct flows *f)
{
	struct stat st;

	if (flows_is_read(f))
		return 0;
	if (f->pipe >= 0)
		close(f->pipe);
	f->count = 0;
	f->pipe = open(f->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (f->pipe < 0)
		return -errno;
	if (fstat(f->pipe, &st) == 0 && S_ISFIFO(st.st_mode))
		return 0;
	close(f->pipe);
	f->pipe = -1;
	return -EINVAL;
}

/* Until that time, monotonic. */
static bool
await_room(const struct flows *f, uint64_t until_ns)
{
	struct pollfd p = {.fd = f->pipe, .events = POLLOUT};
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);

	return now < until_ns && poll(&p, 1, (int)((until_ns - now) / NS_PER_MS) + 1) > 0;
}

/* A line in one piece, or not at all: pipes take up to PIPE_BUF so. */
static int
say(struct flows *f, const struct prefix *p, bool announce, uint64_t until_ns)
{
	size_t len;
	char *line = render_flow(p, f->ports, announce, &len);
	int r = 0;

	if (!line)
		return -ENOMEM;
	if (len > PIPE_BUF)
		r = -EMSGSIZE;
	else
		while (r == 0 && write(f->pipe, line, len) != (ssize_t)len)
			if (errno != EAGAIN || !await_room(f, until_ns))
				r = -errno;
	free(line);
	return r;
}

/* Those that are not among the entries go. After an error the others stay as they are. */
static int
withdraw(struct flows *f, const struct table_entry *entries, size_t n, uint64_t until_ns)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0, k = 0; i < f->count; i++) {
		const struct prefix *p = &f->announced[i];

		while (k < n && table_order(&entries[k].prefix, p) < 0)
			k++;
		bool stays = k < n && table_order(&entries[k].prefix, p) == 0;
		if (!stays && r == 0)
			r = say(f, p, false, until_ns);
		if (stays || r != 0)
			f->announced[kept++] = *p;
	}
	f->count = kept;
	return r;
}

/* All that were announced are among the entries. */
static int
announce(struct flows *f, const struct table_entry *entries, size_t n, uint64_t until_ns)
{
	size_t count = 0;
	int r = 0;

	for (size_t i = 0, k = 0; i < n; i++) {
		const struct prefix *p = &entries[i].prefix;
		bool was = k < f->count && table_order(&f->announced[k], p) == 0;

		k += was;
		if (!was && r == 0)
			r = say(f, p, true, until_ns);
		if (was || r == 0)
			f->next[count++] = *p;
	}
	struct prefix *before = f->announced;
	f->announced = f->next;
	f->next = before;
	f->count = count;
	return r;
}

int
flows_say(struct flows *f, const struct table_entry *entries, size_t n)
{
	uint64_t until_ns = clock_now_ns(CLOCK_MONOTONIC) + PIPE_WAIT_MS * NS_PER_MS;
	int r = open_pipe(f);

	/* What is no longer to be blocked first. */
	if (r == 0)
		r = withdraw(f, entries, n, until_ns);
	return r == 0 ? announce(f, entries, n, until_ns) : r;
}

void
flows_take_over(struct flows *f, struct flows *before)
{
	struct prefix *none = f->announced;

	if (before->pipe < 0 || f->pipe >= 0)
		return;
	/* Maybe more than we have room for: our own stays that of what comes next. */
	f->announced = before->announced;
	before->announced = none;
	f->count = before->count;
	f->pipe = before->pipe;
	before->pipe = -1;
	before->count = 0;
}

void
flows_free(struct flows *f)
{
	if (!f)
		return;
	if (f->pipe >= 0) {
		flows_say(f, NULL, 0);
		if (f->pipe >= 0)
			close(f->pipe);
	}
	free(f->announced);
	free(f->next);
	free(f);
}
