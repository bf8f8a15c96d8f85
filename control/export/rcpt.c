/*
 * Theory of operation.
 *
 * A table of RCPT_TRANSACTIONS entries, found by a keyed hash of (flow_id,
 * transaction number), linked in the order of last use. An entry owns a chain
 * of blocks; a block holds addresses one after another, each with its length
 * before it, none across two blocks. Room for an entry or a block is made by
 * dropping the transaction that was longest untouched, and counted: its `smtp`
 * line then lacks recipients, while the counts on it, which come with the MAIL
 * event, stay exact.
 *
 * What always holds: an entry in use is in one hash chain and in the order
 * list; every block is in one chain or in the pool; a list has at most
 * RCPT_LISTED_MAX addresses.
 *
 * Limits: 8192 entries of 48 bytes, 32768 blocks of 512: 16.4 MiB in all.
 *
 * What an attacker would try: transactions that never end (the oldest goes),
 * a thousand recipients each (a hundred are kept), colliding keys (SipHash).
 */
#include "control/export/rcpt.h"

#include <stdlib.h>
#include <string.h>

#include "base/blocks.h"
#include "base/siphash.h"

#define BUCKETS (RCPT_TRANSACTIONS * 2)
#define NONE UINT32_MAX

struct block {
	uint32_t next; /* BLOCKS_NONE: the last */
	uint16_t used; /* bytes of data */
	uint8_t data[RCPT_BLOCK_BYTES - 6];
};

_Static_assert(sizeof(struct block) <= RCPT_BLOCK_BYTES, "a block fits");
_Static_assert(sizeof(((struct block *)0)->data) >= 1 + UINT8_MAX, "an address fits a block");

struct entry {
	uint64_t flow_id;
	uint32_t transaction_no;
	uint32_t chain; /* next in the bucket, or next free */
	uint32_t older;
	uint32_t newer;
	uint32_t first_block;
	uint32_t last_block;
	uint32_t listed;
};

struct rcpt_table {
	struct siphash_key key;
	struct blocks pool;
	void *pool_memory;
	uint64_t evicted;
	uint32_t free_head;
	uint32_t oldest;
	uint32_t newest;
	uint32_t buckets[BUCKETS];
	struct entry entries[RCPT_TRANSACTIONS];
};

struct rcpt_table *
rcpt_open(void)
{
	size_t bytes = blocks_footprint(RCPT_BLOCKS, RCPT_BLOCK_BYTES);
	struct rcpt_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->pool_memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
	if (!t->pool_memory || siphash_key_draw(&t->key)) {
		rcpt_close(t);
		return NULL;
	}
	blocks_init(&t->pool, t->pool_memory, RCPT_BLOCKS, RCPT_BLOCK_BYTES);
	memset(t->buckets, 0xff, sizeof(t->buckets));
	t->oldest = t->newest = NONE;
	for (uint32_t i = 0; i < RCPT_TRANSACTIONS; i++)
		t->entries[i].chain = i + 1 < RCPT_TRANSACTIONS ? i + 1 : NONE;
	return t;
}

void
rcpt_close(struct rcpt_table *table)
{
	if (!table)
		return;
	free(table->pool_memory);
	free(table);
}

static uint32_t *
bucket_of(struct rcpt_table *t, uint64_t flow_id, uint32_t transaction_no)
{
	const uint64_t key[2] = {flow_id, transaction_no};

	return &t->buckets[siphash(&t->key, key, sizeof(key)) % BUCKETS];
}

static uint32_t
find(struct rcpt_table *t, uint64_t flow_id, uint32_t transaction_no)
{
	uint32_t i = *bucket_of(t, flow_id, transaction_no);

	while (i != NONE && (t->entries[i].flow_id != flow_id ||
				    t->entries[i].transaction_no != transaction_no))
		i = t->entries[i].chain;
	return i;
}

static void
order_remove(struct rcpt_table *t, uint32_t i)
{
	struct entry *e = &t->entries[i];

	if (e->older != NONE)
		t->entries[e->older].newer = e->newer;
	else
		t->oldest = e->newer;
	if (e->newer != NONE)
		t->entries[e->newer].older = e->older;
	else
		t->newest = e->older;
}

static void
order_append(struct rcpt_table *t, uint32_t i)
{
	struct entry *e = &t->entries[i];

	e->older = t->newest;
	e->newer = NONE;
	if (t->newest != NONE)
		t->entries[t->newest].newer = i;
	else
		t->oldest = i;
	t->newest = i;
}

static void
drop(struct rcpt_table *t, uint32_t i)
{
	struct entry *e = &t->entries[i];
	uint32_t *link = bucket_of(t, e->flow_id, e->transaction_no);

	while (*link != i)
		link = &t->entries[*link].chain;
	*link = e->chain;
	order_remove(t, i);
	for (uint32_t b = e->first_block; b != BLOCKS_NONE;) {
		uint32_t next = ((struct block *)blocks_at(&t->pool, b))->next;

		blocks_give(&t->pool, b);
		b = next;
	}
	e->chain = t->free_head;
	t->free_head = i;
}

static uint32_t
insert(struct rcpt_table *t, uint64_t flow_id, uint32_t transaction_no)
{
	if (t->free_head == NONE) {
		drop(t, t->oldest);
		t->evicted++;
	}
	uint32_t i = t->free_head;
	uint32_t *bucket = bucket_of(t, flow_id, transaction_no);
	struct entry *e = &t->entries[i];
	t->free_head = e->chain;
	*e = (struct entry){.flow_id = flow_id,
		.transaction_no = transaction_no,
		.chain = *bucket,
		.first_block = BLOCKS_NONE,
		.last_block = BLOCKS_NONE};
	*bucket = i;
	order_append(t, i);
	return i;
}

/* A block with room for len bytes at the end of entry i, or NULL. */
static struct block *
block_with_room(struct rcpt_table *t, uint32_t i, size_t len)
{
	struct entry *e = &t->entries[i];
	struct block *last = NULL;

	if (e->last_block != BLOCKS_NONE) {
		last = blocks_at(&t->pool, e->last_block);
		if (last->used + len <= sizeof(last->data))
			return last;
	}
	uint32_t b = blocks_take(&t->pool);
	if (b == BLOCKS_NONE && t->oldest != i) {
		drop(t, t->oldest);
		t->evicted++;
		b = blocks_take(&t->pool);
	}
	if (b == BLOCKS_NONE)
		return NULL;
	struct block *block = blocks_at(&t->pool, b);
	block->next = BLOCKS_NONE;
	block->used = 0;
	if (last)
		last->next = b;
	else
		e->first_block = b;
	e->last_block = b;
	return block;
}

void
rcpt_add(struct rcpt_table *table, const struct event *event)
{
	const struct event_rcpt *rcpt = &event->rcpt;
	uint64_t flow_id = event->head.flow.flow_id;
	uint32_t i = find(table, flow_id, rcpt->transaction_no);

	if (i == NONE) {
		i = insert(table, flow_id, rcpt->transaction_no);
	} else {
		order_remove(table, i);
		order_append(table, i);
	}
	struct entry *e = &table->entries[i];
	struct block *block = NULL;
	if (e->listed < RCPT_LISTED_MAX)
		block = block_with_room(table, i, 1 + (size_t)rcpt->rcpt_len);
	if (!block)
		return;
	block->data[block->used] = rcpt->rcpt_len;
	memcpy(block->data + block->used + 1, event->text, rcpt->rcpt_len);
	block->used = (uint16_t)(block->used + 1 + rcpt->rcpt_len);
	e->listed++;
}

void
rcpt_take(struct rcpt_table *table, const struct event *event, struct rcpt_list *out)
{
	uint32_t i = find(table, event->head.flow.flow_id, event->mail.transaction_no);

	uint64_t all = (uint64_t)event->mail.recipients_accepted + event->mail.recipients_refused;

	out->count = 0;
	out->complete = all == 0;
	if (i == NONE)
		return;
	const struct entry *e = &table->entries[i];
	for (uint32_t b = e->first_block; b != BLOCKS_NONE;) {
		const struct block *block = blocks_at(&table->pool, b);

		for (unsigned at = 0; at < block->used; at += 1u + block->data[at]) {
			out->text[out->count] = (const char *)block->data + at + 1;
			out->len[out->count++] = block->data[at];
		}
		b = block->next;
	}
	out->complete = out->count >= all;
	/* Only the links of the blocks change; the text stays until one is taken again. */
	drop(table, i);
}

uint64_t
rcpt_evicted(const struct rcpt_table *table)
{
	return table->evicted;
}
