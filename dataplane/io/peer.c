#include "dataplane/io/peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int
peer_offer(int sock, const struct peer_offer *offer)
{
	struct hello hello;

	hello_init(&hello, HELLO_OFFER);
	hello.workers = offer->count;
	hello.flags = offer->live ? HELLO_LIVE : HELLO_REPLAY;
	memcpy(hello.boot_id, offer->boot_id, sizeof(hello.boot_id));
	memcpy(hello.consumed, offer->consumed, sizeof(hello.consumed));
	return hello_send(sock, &hello, offer->ring_fds, offer->count);
}

static int
peer_check(const struct hello *hello, unsigned nfds, unsigned n, char *why, size_t why_len)
{
	int r = hello_check(hello, why, why_len);

	if (r != 0)
		return r;
	if (hello->kind == HELLO_REJECT) {
		snprintf(why, why_len, "control refused the rings: %s", hello->reason);
		return -ECONNREFUSED;
	}
	if (hello->kind != HELLO_ACCEPT || nfds != n) {
		snprintf(why, why_len, "control's answer makes no sense");
		return -EPROTO;
	}
	return 0;
}

int
peer_answer(int sock, int cursor_fds[], unsigned n, char *why, size_t why_len)
{
	struct hello hello;
	unsigned nfds = 0;
	int r = hello_receive(sock, &hello, cursor_fds, n, &nfds);

	if (r != 0) {
		snprintf(why, why_len, "the answer of control: %s", strerror(-r));
		return r;
	}
	r = peer_check(&hello, nfds, n, why, why_len);
	for (unsigned i = 0; r != 0 && i < nfds; i++)
		close(cursor_fds[i]);
	return r;
}
