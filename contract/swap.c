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

/* A reason that cannot be shown, such as a path with odd bytes, is a reason all the same. */
static void
clean(char why[SWAP_WHY_BYTES])
{
	char text[SWAP_WHY_BYTES];
	size_t len = utf8_escape((const uint8_t *)why, strnlen(why, SWAP_WHY_BYTES), text,
		sizeof(text) - 1, NULL, NULL);

	text[len] = '\0';
	memcpy(why, text, len + 1);
}

int
swap_receive(int sock, enum swap_kind kind, struct swap *swap)
{
	ssize_t n = recv(sock, swap, sizeof(*swap), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n <= 0)
		return -EPIPE;
	if (n != (ssize_t)sizeof(*swap) || swap->magic != SWAP_MAGIC ||
		swap->kind != (uint32_t)kind)
		return -EPROTO;
	clean(swap->why);
	return 0;
}
