#include "contract/swap.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/utf8.h"

static_assert(sizeof(struct swap) == 16 + 8 * CONTEXT_COUNT + 8 + SWAP_WHY_BYTES,
	"no padding; both sides agree on it");

void
swap_init(struct swap *swap, enum swap_kind kind, uint32_t number)
{
	memset(swap, 0, sizeof(*swap));
	swap->magic = SWAP_MAGIC;
	swap->kind = kind;
	swap->number = number;
}

int
swap_send(int sock, const struct swap *swap)
{
	ssize_t n;

	do {
		n = send(sock, swap, sizeof(*swap), MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(*swap) ? 0 : -EPROTO;
}

/* It ends within its room and may be shown on a terminal. */
static int
check(const struct swap *swap, enum swap_kind kind)
{
	size_t len = strnlen(swap->why, sizeof(swap->why));

	if (swap->magic != SWAP_MAGIC || swap->kind != (uint32_t)kind || len == sizeof(swap->why) ||
		!utf8_is_printable((const uint8_t *)swap->why, len))
		return -EPROTO;
	return 0;
}

int
swap_receive(int sock, enum swap_kind kind, struct swap *swap)
{
	ssize_t n = recv(sock, swap, sizeof(*swap), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n <= 0)
		return -EPIPE;
	return n == (ssize_t)sizeof(*swap) ? check(swap, kind) : -EPROTO;
}
