/*
 * A ring of event records with one writer and one reader in two processes
 * that do not trust each other.
 *
 * Two memfds. The writer makes the first: header, counters, slots; sealed so
 * that nobody can resize it and the receiver can map it read-only and no other
 * way. The reader makes the second: its cursor alone, sealed likewise. Neither
 * can move the other's index, truncate under it, or forge its records.
 *
 * Indices count records from 0 for ever; index & (capacity - 1) is the slot.
 * The pairs of atomics:
 *   head       writer release (ring_writer_flush)  -> reader acquire
 *   watermark  writer release                      -> reader acquire
 *   ended      writer release                      -> reader acquire
 *   cursor     reader release (ring_reader_release) -> writer acquire
 * An index read from the other side is checked before use: head - cursor must
 * be at most capacity.
 */
#ifndef SMTAP_CONTRACT_RING_H
#define SMTAP_CONTRACT_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/counters.h"
#include "contract/event.h"

#define RING_MAGIC 0x736d746170726e67ULL /* "smtaprng" */
#define RING_VERSION 1
#define RING_CAPACITY_MIN 64u
#define RING_CAPACITY_MAX (1u << 22)

/* First page(s) of the writer's memfd. Read-only to the reader. */
struct ring_header {
	uint64_t magic;
	uint32_t version;
	uint32_t capacity;     /* slots, a power of two */
	uint32_t record_bytes; /* EVENT_BYTES */
	uint32_t slots_offset; /* bytes from the start of the memfd */
	uint8_t boot_id[16];
	_Alignas(64) _Atomic uint64_t head;         /* records published */
	_Alignas(64) _Atomic uint64_t watermark_ns; /* later records have clock_ns >= this */
	_Atomic uint32_t ended;                     /* no record follows head */
	_Alignas(64) struct counters counters;
};

/* All of the reader's memfd. Read-only to the writer. */
struct ring_cursor {
	uint64_t magic;
	uint8_t boot_id[16]; /* the ring's, so that a cursor cannot be mixed up */
	_Alignas(64) _Atomic uint64_t consumed;
};

struct ring_writer {
	struct ring_header *header; /* mapped read-write */
	struct event *slots;
	const struct ring_cursor *cursor; /* mapped read-only; NULL until a reader came */
	uint64_t next;                    /* index of the next record to write */
	uint64_t published;               /* head as last stored */
	_Atomic uint64_t consumed;        /* cursor as last loaded and checked */
	uint32_t mask;
	int memfd;
};

struct ring_reader {
	const struct ring_header *header; /* mapped read-only */
	const struct event *slots;
	struct ring_cursor *cursor; /* mapped read-write */
	uint64_t next;
	uint64_t head; /* as last loaded and checked */
	uint32_t mask;
	int cursor_memfd;
	size_t map_bytes;
};

/* Make a sealed ring. 0, or -errno. capacity: a power of two in range. */
int ring_writer_open(struct ring_writer *w, uint32_t capacity, const uint8_t boot_id[16]);

/*
 * Take the reader's cursor memfd (seals, size, magic, boot id and position
 * checked, then mapped read-only; fd stays the caller's). 0, or -errno
 * (-EPROTO: not a cursor of this ring; an earlier one stays). Replaces an
 * earlier one. Not while another thread writes: the worker itself picks it up
 * (see io).
 */
int ring_writer_set_cursor(struct ring_writer *w, int cursor_fd);
void ring_writer_close(struct ring_writer *w);

/*
 * Where the reader stands, or stood when it went; what a hello offers to the
 * next one. May be called by another thread than the worker's (but not while
 * the worker takes a new cursor). Never a value that makes no sense: a cursor
 * beyond head or behind itself is not believed.
 */
uint64_t ring_writer_consumed(const struct ring_writer *w);

/*
 * The slot for the next record, or NULL when the ring is full (what was written
 * is published then, so that the reader can make room). Before a reader came,
 * a full ring is full. The slot holds old bytes: write all of it.
 */
struct event *ring_writer_slot(struct ring_writer *w);

/* Count the slot as written; visible to the reader after ring_writer_flush. */
static inline void
ring_writer_advance(struct ring_writer *w)
{
	const uint8_t *slot = (const uint8_t *)&w->slots[++w->next & w->mask];

	/* The next record is zeroed and written as one: its lines are to be there by then. */
	for (unsigned at = 0; at < sizeof(struct event); at += 64)
		__builtin_prefetch(slot + at, 1);
}

/* Publish what was written and, with it, the watermark. */
void ring_writer_flush(struct ring_writer *w, uint64_t watermark_ns);

/* No further record. Publishes too. */
void ring_writer_end(struct ring_writer *w);

/*
 * Map a ring that came over the hello socket: size, seals, magic, version and
 * layout are checked; ring_fd stays the caller's. Makes the cursor memfd,
 * starting at start_index (the last reader's cursor, or 0). 0, or -errno
 * (-EPROTO: not a ring of ours).
 */
int ring_reader_open(
	struct ring_reader *r, int ring_fd, uint64_t start_index, const uint8_t boot_id[16]);
void ring_reader_close(struct ring_reader *r);

/*
 * Copy the next record out, without consuming it: 1, or 0 when there is none
 * now, or -EPROTO when the writer's head makes no sense. The copy is not yet
 * validated (event_valid).
 */
int ring_reader_peek(struct ring_reader *r, struct event *out);

/* The record last peeked is done with; the slot is the writer's again. */
void ring_reader_done(struct ring_reader *r);

/* The same in two steps: the next record may be peeked; and all slots so far are the writer's. */
void ring_reader_take(struct ring_reader *r);
void ring_reader_release(struct ring_reader *r);

/*
 * The n records from index `from` on, which some reader was done with: are they still there? The
 * writer may be at work ahead of its head, so a quarter of the ring counts as gone.
 */
bool ring_reader_reread(const struct ring_reader *r, uint64_t from, uint64_t n, struct event *out);

/*
 * Take the watermark first and peek afterwards: once peek says 0, every record
 * with a clock below that watermark was seen.
 */
uint64_t ring_reader_watermark(const struct ring_reader *r);

/* Whether the writer has ended AND every record was consumed. */
bool ring_reader_ended(const struct ring_reader *r);

#endif
