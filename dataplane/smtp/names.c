/*
 * names: texts that many sessions say, kept once: greetings of servers, names of clients,
 * accounts that are logged in, senders.
 *
 * Keeps: each text in a piece of memory with the number of its users; a table of chains by a
 * keyed hash finds it. With the last user the piece goes, wiped.
 *
 * Always holds: a text is there at most once; a name that a session has is valid until it gives
 * it back. What only one session says costs as much as in that session's own note (note.c), which
 * is also where it goes when there is no table, no memory, or no number for its piece.
 *
 * What an attacker would try: a new name in each session. They take what they would take in
 * the notes; he cannot choose those that share a chain, and a full table whose sessions all have
 * two names of their own has four to eight texts in each.
 */
#include <string.h>

#include "dataplane/smtp/state.h"

struct name {
	uint32_t next; /* in the chain: a piece + 1, or 0 */
	uint32_t hash;
	uint32_t users;
	uint8_t len;
	uint8_t bytes[];
};

#define NAME_HEAD_BYTES offsetof(struct name, bytes)

_Static_assert(NAME_HEAD_BYTES + SMTP_STRING_MAX <= SLABS_MAX_BYTES, "a name fits a piece");

void
smtp_names_init(
	struct smtp_names *names, uint32_t *chains, uint32_t count, const struct siphash_key *key)
{
	names->chains = chains;
	names->mask = count - 1;
	names->key = *key;
}

static struct name *
name_at(const struct smtp_ctx *ctx, uint32_t name)
{
	return slabs_at(ctx->slabs, name);
}

uint32_t
smtp_name_take(struct smtp_ctx *ctx, const void *text, size_t len)
{
	if (!ctx->names.chains)
		return NAME_NONE;
	uint32_t hash = (uint32_t)siphash_table(&ctx->names.key, text, len);
	uint32_t *chain = &ctx->names.chains[hash & ctx->names.mask];
	for (uint32_t link = *chain; link != 0; link = name_at(ctx, link - 1)->next) {
		struct name *name = name_at(ctx, link - 1);
		if (name->hash != hash || name->len != len || memcmp(name->bytes, text, len) != 0)
			continue;
		name->users++;
		return link - 1;
	}
	uint32_t piece = slabs_take(ctx->slabs, NAME_HEAD_BYTES + len);
	if (piece == SLABS_NONE)
		return NAME_NONE;
	if (piece >= NAME_NONE) {
		slabs_give(ctx->slabs, piece);
		return NAME_NONE;
	}
	struct name *name = name_at(ctx, piece);
	name->next = *chain;
	name->hash = hash;
	name->users = 1;
	name->len = (uint8_t)len;
	memcpy(name->bytes, text, len);
	*chain = piece + 1;
	return piece;
}

struct span
smtp_name_text(const struct smtp_ctx *ctx, uint32_t name)
{
	const struct name *n = name_at(ctx, name);

	return (struct span){n->bytes, n->len};
}

void
smtp_name_give(struct smtp_ctx *ctx, uint32_t name)
{
	struct name *gone = name_at(ctx, name);

	if (--gone->users > 0)
		return;
	uint32_t *link = &ctx->names.chains[gone->hash & ctx->names.mask];
	while (*link != name + 1)
		link = &name_at(ctx, *link - 1)->next;
	*link = gone->next;
	explicit_bzero(gone, NAME_HEAD_BYTES + gone->len);
	slabs_give(ctx->slabs, name);
}
