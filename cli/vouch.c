/*
 * vouch: theory of operation.
 *
 * Keeps: of each daemon, as the kernel names who sent a message, whether it is ready, whether it
 * reloads, what it said last of itself, and a number that changes while it is alive.
 *
 * Ready is told once the dataplane and control were, both at a time; a daemon that is started
 * again later takes nothing of that back. While either reloads, so do we.
 *
 * Alive is told when each daemon was since the last time. One that does not run is: it is started
 * again, which is ours to do, so only our own loop has to turn. So is one that is about to begin,
 * for START_NS: the memory of a dataplane may take that. What hangs for longer than the service
 * manager allows is thus left to it, as with each daemon alone.
 *
 * Without a manager's watchdog we are that: who is not alive for WATCH_NS, or what WATCHDOG_USEC
 * says, hangs, and is ours to kill. Time that we did not look, as when we were stopped ourselves,
 * is held against nobody: what was said meanwhile is in a queue that has an end.
 *
 * The socket's name is in no folder: anybody of this network namespace may send to it, and what
 * comes from others than our daemons is dropped. A daemon may be taken over: of its words four are
 * known, its status is shown if it is printable, and so much is read in one turn as to leave the
 * loop its other work.
 */
#include "cli/vouch.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/utf8.h"

#define START_NS (120 * NS_PER_S)
#define WATCH_NS (90 * NS_PER_S) /* as the longest of the units */
#define MESSAGE_MAX 1024
#define MESSAGES_PER_LOOK 64

static const char *const daemon_names[] = {"dataplane", "control", "export"};

_Static_assert(sizeof(daemon_names) / sizeof(daemon_names[0]) == VOUCHED_COUNT, "each has one");

/* The kernel chooses a name that nobody else has. */
static int
open_socket(struct vouch *v)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(address);
	const int on = 1;

	if (bind(v->fd, (struct sockaddr *)&address, sizeof(sa_family_t)) != 0 ||
		getsockname(v->fd, (struct sockaddr *)&address, &len) != 0 ||
		setsockopt(v->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0)
		return -errno;
	size_t n = len - offsetof(struct sockaddr_un, sun_path) - 1;
	if (n + 2 > sizeof(v->name))
		return -ENAMETOOLONG;
	snprintf(v->name, sizeof(v->name), "@%.*s", (int)n, address.sun_path + 1);
	return 0;
}

/* What whoever started us says, who is no manager. 0: nobody is killed. */
static uint64_t
own_watch_ns(void)
{
	const char *text = getenv("WATCHDOG_USEC");
	char *end = NULL;
	uint64_t us = text ? strtoull(text, &end, 10) : 0;

	/* A manager's, for another process: no word for us. */
	if (!text || getenv("WATCHDOG_PID") || end == text || *end || us > UINT64_MAX / NS_PER_US)
		return WATCH_NS;
	return us * NS_PER_US;
}

int
vouch_open(struct vouch *v)
{
	memset(v, 0, sizeof(*v));
	v->fd = -1;
	notify_begin(&v->notify);
	if (v->notify.alive_every_ns == 0)
		v->watch_ns = own_watch_ns();
	if (!v->notify.wanted && v->watch_ns == 0)
		return 0;
	/* Daemons say it in half of that, and we when all of them have. */
	v->notify.alive_every_ns /= 2;
	v->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return v->fd < 0 ? -errno : open_socket(v);
}

void
vouch_close(struct vouch *v)
{
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
}

void
vouch_enter(const struct vouch *v)
{
	if (v->fd < 0)
		return;
	char us[24];

	setenv("NOTIFY_SOCKET", v->name, 1);
	unsetenv("WATCHDOG_PID"); /* ours */
	if (v->watch_ns == 0)
		return;
	snprintf(us, sizeof(us), "%llu", (unsigned long long)(v->watch_ns / NS_PER_US));
	setenv("WATCHDOG_USEC", us, 1);
}

int
vouch_patience_ms(const struct vouch *v)
{
	uint64_t every_ns = v->watch_ns != 0 ? v->watch_ns / 4 : v->notify.alive_every_ns;

	return every_ns == 0 ? -1 : (int)(every_ns / NS_PER_MS) + 1;
}

static void
note_pids(struct vouch *v, const pid_t pids[VOUCHED_COUNT], uint64_t now_ns)
{
	for (unsigned i = 0; i < VOUCHED_COUNT; i++) {
		struct vouch_daemon *d = &v->daemons[i];

		if (pids[i] == d->pid)
			continue;
		*d = (struct vouch_daemon){.pid = pids[i],
			.started_ns = now_ns,
			.mark = d->mark,
			.alive_ns = now_ns + START_NS};
		/* That it ran is worth saying. */
		snprintf(d->status, sizeof(d->status), "%s",
			pids[i] != 0 ? "starts" : "does not run");
	}
}

static struct vouch_daemon *
find_daemon(struct vouch *v, pid_t pid)
{
	for (unsigned i = 0; i < VOUCHED_COUNT; i++)
		if (pid != 0 && v->daemons[i].pid == pid)
			return &v->daemons[i];
	return NULL;
}

static void
take_word(struct vouch_daemon *d, const char *word, uint64_t now_ns)
{
	static const char status[] = "STATUS=";
	const char *text = word + sizeof(status) - 1;

	if (strcmp(word, "READY=1") == 0) {
		d->ready = true;
		d->reloading = false;
		d->alive_ns = now_ns;
	} else if (strcmp(word, "RELOADING=1") == 0) {
		d->reloading = true;
	} else if (strcmp(word, "WATCHDOG=1") == 0) {
		d->mark++;
		d->alive_ns = now_ns;
	} else if (strncmp(word, status, sizeof(status) - 1) == 0 &&
		   utf8_is_printable((const uint8_t *)text, strlen(text))) {
		snprintf(d->status, sizeof(d->status), "%s", text);
	}
}

/* One message; false: there is none. */
static bool
take_message(struct vouch *v, uint64_t now_ns)
{
	char text[MESSAGE_MAX + 1], *rest = text, *word;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} more = {0};
	struct iovec part = {text, MESSAGE_MAX};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &more,
		.msg_controllen = sizeof(more)};
	ssize_t n = recvmsg(v->fd, &message, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *head = n < 0 ? NULL : CMSG_FIRSTHDR(&message);
	struct vouch_daemon *d = NULL;
	struct ucred who;

	if (n < 0)
		return errno == EINTR;
	if (head && head->cmsg_type == SCM_CREDENTIALS && head->cmsg_level == SOL_SOCKET) {
		memcpy(&who, CMSG_DATA(head), sizeof(who));
		d = find_daemon(v, who.pid);
	}
	text[n] = '\0';
	while (d && !(message.msg_flags & MSG_TRUNC) && (word = strsep(&rest, "\n")))
		take_word(d, word, now_ns);
	return true;
}

static void
tell_state(struct vouch *v, uint64_t now_ns)
{
	bool reloading = false;

	if (!v->ready && v->daemons[VOUCHED_DATAPLANE].ready && v->daemons[VOUCHED_CONTROL].ready) {
		notify_ready(&v->notify);
		v->ready = true;
	}
	for (unsigned i = 0; i < VOUCHED_COUNT; i++)
		reloading |= v->daemons[i].reloading;
	if (!v->ready || reloading == v->reloading)
		return;
	v->reloading = reloading;
	if (reloading)
		notify_reloading(&v->notify, now_ns);
	else
		notify_ready(&v->notify);
}

static void
tell_status(struct vouch *v)
{
	char text[NOTIFY_STATUS_MAX] = "";
	size_t used = 0;

	for (unsigned i = 0; i < VOUCHED_COUNT && used < sizeof(text); i++)
		if (v->daemons[i].status[0])
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s: %s",
				used > 0 ? "; " : "", daemon_names[i], v->daemons[i].status);
	if (used > 0)
		notify_status(&v->notify, "%s", text);
}

static void
tell_alive(struct vouch *v, uint64_t now_ns)
{
	uint64_t marks[VOUCHED_COUNT];

	for (unsigned i = 0; i < VOUCHED_COUNT; i++) {
		struct vouch_daemon *d = &v->daemons[i];

		if (d->pid == 0 || (!d->ready && now_ns - d->started_ns < START_NS))
			d->mark++;
		marks[i] = d->mark;
	}
	notify_alive(&v->notify, marks, VOUCHED_COUNT, now_ns);
}

/* We were not there to hear them. */
static void
excuse(struct vouch *v, uint64_t now_ns)
{
	for (unsigned i = 0; i < VOUCHED_COUNT; i++)
		if (v->daemons[i].alive_ns < now_ns)
			v->daemons[i].alive_ns = now_ns;
}

void
vouch_look(struct vouch *v, const pid_t pids[VOUCHED_COUNT], uint64_t now_ns)
{
	if (v->fd < 0)
		return;
	note_pids(v, pids, now_ns);
	if (now_ns - v->looked_ns > v->watch_ns / 2)
		excuse(v, now_ns);
	v->looked_ns = now_ns;
	tell_state(v, now_ns);
	/* After each: a reload may begin and end between two looks. */
	for (unsigned i = 0; i < MESSAGES_PER_LOOK && take_message(v, now_ns); i++)
		tell_state(v, now_ns);
	tell_status(v);
	tell_alive(v, now_ns);
}

enum vouched
vouch_hung(struct vouch *v)
{
	for (unsigned i = 0; v->watch_ns != 0 && i < VOUCHED_COUNT; i++) {
		struct vouch_daemon *d = &v->daemons[i];

		if (d->pid == 0 || v->looked_ns < d->alive_ns + v->watch_ns)
			continue;
		d->alive_ns = v->looked_ns;
		return (enum vouched)i;
	}
	return VOUCHED_COUNT;
}

void
vouch_stopping(struct vouch *v)
{
	if (v->fd >= 0)
		notify_stopping(&v->notify);
}
