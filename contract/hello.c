/*
 * Theory: one message each way over SOCK_SEQPACKET, so a message is whole or
 * refused. The peer is hostile: a message of another size, a truncated one, or
 * one with more descriptors than fit leaves no descriptor behind, and nothing
 * of it is used before hello_check. Descriptors are close-on-exec from birth.
 */
#include "contract/hello.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/utf8.h"

static_assert(sizeof(struct hello) == 736, "hello has no padding; both sides agree on it");

/* A descriptor more than we ask for tells a message that brings too many. */
#define HELLO_FDS_ROOM (HELLO_WORKERS_MAX + 1)

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(HELLO_FDS_ROOM * sizeof(int))];
};

/* The kernel also fills the padding of CMSG_SPACE: no more than these can come. */
#define HELLO_FDS_MAX (sizeof(union control) / sizeof(int))

/* What must be equal on both sides, in the order in which a difference is told. */
static const struct layout {
	const char *name;
	size_t offset;
	uint32_t ours;
} layouts[] = {
	{"handshake version", offsetof(struct hello, version), HELLO_VERSION},
	{"event version", offsetof(struct hello, event_version), EVENT_VERSION},
	{"event size", offsetof(struct hello, event_bytes), EVENT_BYTES},
	{"ring version", offsetof(struct hello, ring_version), RING_VERSION},
	{"ring header size", offsetof(struct hello, ring_header_bytes), sizeof(struct ring_header)},
	{"counters version", offsetof(struct hello, counters_version), COUNTERS_VERSION},
	{"number of counters", offsetof(struct hello, counter_count), COUNTER_COUNT},
};

#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

void
hello_init(struct hello *hello, enum hello_kind kind)
{
	memset(hello, 0, sizeof(*hello));
	hello->magic = HELLO_MAGIC;
	hello->kind = kind;
	for (size_t i = 0; i < LAYOUTS; i++)
		memcpy((uint8_t *)hello + layouts[i].offset, &layouts[i].ours, sizeof(uint32_t));
}

/* The reason ends within its room and may be shown on a terminal. */
static bool
reason_valid(const struct hello *hello)
{
	size_t len = strnlen(hello->reason, sizeof(hello->reason));

	return len < sizeof(hello->reason) &&
	       utf8_is_printable((const uint8_t *)hello->reason, len);
}

static int
layout_check(const struct hello *hello, char *why, size_t why_len)
{
	for (size_t i = 0; i < LAYOUTS; i++) {
		uint32_t theirs;
		memcpy(&theirs, (const uint8_t *)hello + layouts[i].offset, sizeof(theirs));
		if (theirs == layouts[i].ours)
			continue;
		/* Only the dataplane offers; whoever else speaks is control. */
		bool offered = hello->kind == HELLO_OFFER;
		snprintf(why, why_len,
			"%s: smtap-dataplane has %u, smtap-control has %u; "
			"install the same version of both",
			layouts[i].name, offered ? theirs : layouts[i].ours,
			offered ? layouts[i].ours : theirs);
		return -EPROTO;
	}
	return 0;
}

int
hello_check(const struct hello *hello, char *why, size_t why_len)
{
	if (hello->magic != HELLO_MAGIC) {
		snprintf(why, why_len, "the other side of the socket is not smtap");
		return -EPROTO;
	}
	if (!reason_valid(hello)) {
		snprintf(why, why_len, "the handshake holds a damaged reason");
		return -EPROTO;
	}
	/* A rejection is about layouts that differ: its reason must get through. */
	if (hello->kind == HELLO_REJECT)
		return 0;
	int err = layout_check(hello, why, why_len);
	if (err != 0)
		return err;
	if (hello->kind != HELLO_OFFER && hello->kind != HELLO_ACCEPT) {
		snprintf(why, why_len, "the handshake is of an unknown kind, %u", hello->kind);
		return -EPROTO;
	}
	if (hello->workers < 1 || hello->workers > HELLO_WORKERS_MAX) {
		snprintf(why, why_len, "the handshake speaks of %u workers; 1 to %u are possible",
			hello->workers, HELLO_WORKERS_MAX);
		return -EPROTO;
	}
	if (hello->flags != HELLO_LIVE && hello->flags != HELLO_REPLAY) {
		snprintf(why, why_len,
			"the handshake says neither live nor replay (flags 0x%x; 0x%x or 0x%x are "
			"possible)",
			hello->flags, HELLO_LIVE, HELLO_REPLAY);
		return -EPROTO;
	}
	return 0;
}

int
hello_send(int sock, const struct hello *hello, const int *fds, unsigned nfds)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)hello, .iov_len = sizeof(*hello)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control = {0};
	ssize_t n;

	if (nfds > HELLO_WORKERS_MAX)
		return -EINVAL;
	if (nfds > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
	}
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return n == (ssize_t)sizeof(*hello) ? 0 : -EPROTO;
}

/* Every descriptor that came with msg, into fds (HELLO_FDS_MAX of them). Their number. */
static unsigned
gather_fds(struct msghdr *msg, int *fds)
{
	unsigned count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		/* The kernel wrote the lengths; the room that it had bounds their sum. */
		size_t bytes = c->cmsg_len - CMSG_LEN(0);
		memcpy(fds + count, CMSG_DATA(c), bytes);
		count += (unsigned)(bytes / sizeof(int));
	}
	return count;
}

/* 0, or -errno: what is wrong with a message of n bytes. */
static int
message_check(const struct msghdr *msg, ssize_t n, unsigned count, unsigned max_fds)
{
	if (n == 0)
		return -EPIPE;
	if (n != (ssize_t)sizeof(struct hello) || (msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return -EPROTO;
	return count <= max_fds ? 0 : -EPROTO;
}

int
hello_receive(int sock, struct hello *hello, int *fds, unsigned max_fds, unsigned *nfds)
{
	union control control = {0};
	int came[HELLO_FDS_MAX];
	struct iovec iov = {.iov_base = hello, .iov_len = sizeof(*hello)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	*nfds = 0;
	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	unsigned count = gather_fds(&msg, came);
	int err = message_check(&msg, n, count, max_fds);
	if (err != 0) {
		while (count > 0)
			close(came[--count]);
		return err;
	}
	if (count > 0)
		memcpy(fds, came, count * sizeof(int));
	*nfds = count;
	return 0;
}
