/*
 * Theory. Indices count records for ever; the slot is index & mask. At all
 * times consumed <= published <= next and next - consumed <= capacity, where
 * consumed is what the writer last believed of the reader. The writer owns the
 * slots of [next, consumed + capacity), the reader those of [consumed, published).
 *
 * Orders. The writer fills slots, then releases head, then releases the
 * watermark: a reader that acquires the watermark first and head afterwards
 * has, once head is reached, seen every record older than that watermark.
 * `ended` is released after the last head, so it makes that head final.
 *
 * What an attacker in the other process would try:
 * - resize or hole-punch the file under a mapping, or write to it: the seals
 *   forbid it (fcntl(2)), and the receiver looks at the seals before it maps.
 * - hand over a pipe, a file of another size, or a memfd on huge pages (which
 *   raises SIGBUS when there are none): refused before the first access.
 * - move its index wildly. A head more than capacity beyond the cursor, or
 *   behind it, is -EPROTO for the reader. A cursor behind its last value or
 *   beyond head is no news for the writer: the ring stays as full as it was.
 * - write to a slot while it is being read: the reader validates its own copy.
 *
 * Limits: capacity * 512 bytes + one page; pages are taken on first use, by
 * the thread that writes, so on that thread's NUMA node.
 */
#include "contract/ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
#define SLOTS_OFFSET PAGE_BYTES
#define CURSOR_BYTES PAGE_BYTES
#define CURSOR_MAGIC 0x736d746170637572ULL /* "smtapcur" */
#define SEALS (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

static_assert(sizeof(struct ring_header) <= SLOTS_OFFSET, "the header fits its page");
static_assert(sizeof(struct ring_cursor) <= CURSOR_BYTES, "the cursor fits its page");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics work between processes");
static_assert(offsetof(struct ring_header, head) == 64, "constants | head");
static_assert(offsetof(struct ring_header, watermark_ns) == 128, "head | watermark");
static_assert(offsetof(struct ring_header, counters) == 192, "watermark | counters");

static size_t
ring_bytes(uint32_t capacity)
{
	return SLOTS_OFFSET + (size_t)capacity * EVENT_BYTES;
}

static bool
capacity_valid(uint64_t capacity)
{
	return capacity >= RING_CAPACITY_MIN && capacity <= RING_CAPACITY_MAX &&
	       (capacity & (capacity - 1)) == 0;
}

/*
 * A memfd of that many bytes, mapped read-write here, sealed so that no other
 * mapping of it can be. 0 with *map and *fd, or -errno.
 */
static int
sealed_open(const char *name, size_t bytes, void **map, int *fd)
{
	int memfd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (memfd < 0)
		return -errno;
	if (ftruncate(memfd, (off_t)bytes) != 0) {
		err = -errno;
		close(memfd);
		return err;
	}
	*map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (*map == MAP_FAILED) {
		err = -errno;
		close(memfd);
		return err;
	}
	if (fcntl(memfd, F_ADD_SEALS, SEALS) != 0) {
		err = -errno;
		munmap(*map, bytes);
		close(memfd);
		return err;
	}
	*fd = memfd;
	return 0;
}

/*
 * The size of a file that came from the other process, once it is certain that
 * it can neither change nor be missing when touched; or -errno.
 */
static int64_t
sealed_bytes(int fd)
{
	struct statfs fs;
	struct stat st;

	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return errno == EBADF ? -EBADF : -EPROTO;
	if ((seals & SEALS) != SEALS)
		return -EPROTO;
	if (fstatfs(fd, &fs) != 0 || fstat(fd, &st) != 0)
		return -errno;
	if (fs.f_type != TMPFS_MAGIC || !S_ISREG(st.st_mode))
		return -EPROTO;
	return st.st_size;
}

int
ring_writer_open(struct ring_writer *w, uint32_t capacity, const uint8_t boot_id[16])
{
	void *map = NULL;
	int fd = -1;

	if (!capacity_valid(capacity))
		return -EINVAL;
	int err = sealed_open("smtap-ring", ring_bytes(capacity), &map, &fd);
	if (err != 0)
		return err;
	*w = (struct ring_writer){
		.header = map,
		.slots = (struct event *)((uint8_t *)map + SLOTS_OFFSET),
		.mask = capacity - 1,
		.memfd = fd,
	};
	w->header->magic = RING_MAGIC;
	w->header->version = RING_VERSION;
	w->header->capacity = capacity;
	w->header->record_bytes = EVENT_BYTES;
	w->header->slots_offset = SLOTS_OFFSET;
	memcpy(w->header->boot_id, boot_id, sizeof(w->header->boot_id));
	return 0;
}

static void
drop_cursor(struct ring_writer *w)
{
	if (w->cursor)
		munmap((void *)(uintptr_t)w->cursor, CURSOR_BYTES);
	w->cursor = NULL;
}

int
ring_writer_set_cursor(struct ring_writer *w, int cursor_fd)
{
	int64_t bytes = sealed_bytes(cursor_fd);

	if (bytes < 0)
		return (int)bytes;
	if (bytes != CURSOR_BYTES)
		return -EPROTO;
	struct ring_cursor *cursor = mmap(NULL, CURSOR_BYTES, PROT_READ, MAP_SHARED, cursor_fd, 0);
	if (cursor == MAP_FAILED)
		return -errno;
	/* Pairs with the release in ring_reader_open and ring_reader_release. */
	uint64_t start = atomic_load_explicit(&cursor->consumed, memory_order_acquire);
	/* Behind what is consumed lie slots that were written again. */
	if (cursor->magic != CURSOR_MAGIC ||
		memcmp(cursor->boot_id, w->header->boot_id, sizeof(cursor->boot_id)) != 0 ||
		start < atomic_load_explicit(&w->consumed, memory_order_relaxed) ||
		start > w->published) {
		munmap(cursor, CURSOR_BYTES);
		return -EPROTO;
	}
	drop_cursor(w);
	w->cursor = cursor;
	return 0;
}

void
ring_writer_close(struct ring_writer *w)
{
	drop_cursor(w);
	munmap(w->header, ring_bytes(w->mask + 1));
	close(w->memfd);
}

uint64_t
ring_writer_consumed(const struct ring_writer *w)
{
	uint64_t believed = atomic_load_explicit(&w->consumed, memory_order_relaxed);

	if (!w->cursor)
		return believed;
	/* Pairs with the release in ring_reader_release. */
	uint64_t cursor = atomic_load_explicit(&w->cursor->consumed, memory_order_acquire);
	/* Our own; through that acquire no older than the head that the reader saw. */
	uint64_t head = atomic_load_explicit(&w->header->head, memory_order_relaxed);
	return cursor < believed || cursor > head ? believed : cursor;
}

/* The writer's own view of the cursor, moved on if the reader's makes sense. */
static uint64_t
refresh_consumed(struct ring_writer *w)
{
	uint64_t consumed = ring_writer_consumed(w);

	atomic_store_explicit(&w->consumed, consumed, memory_order_relaxed);
	return consumed;
}

static void
publish(struct ring_writer *w)
{
	if (w->published == w->next)
		return;
	w->published = w->next;
	/* Pairs with the acquire in ring_reader_peek and ring_reader_ended. */
	atomic_store_explicit(&w->header->head, w->next, memory_order_release);
}

struct event *
ring_writer_slot(struct ring_writer *w)
{
	uint64_t consumed = atomic_load_explicit(&w->consumed, memory_order_relaxed);

	if (w->next - consumed > w->mask) {
		/* What is not published cannot be consumed: no wait may hang on it. */
		publish(w);
		if (w->next - refresh_consumed(w) > w->mask)
			return NULL;
	}
	return &w->slots[w->next & w->mask];
}

void
ring_writer_flush(struct ring_writer *w, uint64_t watermark_ns)
{
	publish(w);
	/* Pairs with the acquire in ring_reader_watermark. */
	atomic_store_explicit(&w->header->watermark_ns, watermark_ns, memory_order_release);
}

void
ring_writer_end(struct ring_writer *w)
{
	publish(w);
	/* Pairs with the acquire in ring_reader_ended. */
	atomic_store_explicit(&w->header->ended, 1, memory_order_release);
}

/* Is this header, of a file with room for capacity slots, one that this build can read? */
static bool
header_valid(const struct ring_header *header, uint64_t capacity, const uint8_t boot_id[16])
{
	return header->magic == RING_MAGIC && header->version == RING_VERSION &&
	       header->capacity == capacity && header->record_bytes == EVENT_BYTES &&
	       header->slots_offset == SLOTS_OFFSET &&
	       memcmp(header->boot_id, boot_id, sizeof(header->boot_id)) == 0;
}

/* Map the writer's memfd into r. The size of the file, not the header, is what is believed. */
static int
map_ring(struct ring_reader *r, int ring_fd, const uint8_t boot_id[16])
{
	int64_t bytes = sealed_bytes(ring_fd);

	if (bytes < 0)
		return (int)bytes;
	uint64_t capacity = ((uint64_t)bytes - SLOTS_OFFSET) / EVENT_BYTES;
	if (bytes < SLOTS_OFFSET || !capacity_valid(capacity) ||
		ring_bytes((uint32_t)capacity) != (uint64_t)bytes)
		return -EPROTO;
	void *map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, ring_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	if (!header_valid(map, capacity, boot_id)) {
		munmap(map, (size_t)bytes);
		return -EPROTO;
	}
	*r = (struct ring_reader){
		.header = map,
		.slots = (const struct event *)((const uint8_t *)map + SLOTS_OFFSET),
		.mask = (uint32_t)capacity - 1,
		.cursor_memfd = -1,
		.map_bytes = (size_t)bytes,
	};
	return 0;
}

static void
unmap_ring(struct ring_reader *r)
{
	munmap((void *)(uintptr_t)r->header, r->map_bytes);
}

int
ring_reader_open(
	struct ring_reader *r, int ring_fd, uint64_t start_index, const uint8_t boot_id[16])
{
	void *map = NULL;

	int err = map_ring(r, ring_fd, boot_id);
	if (err != 0)
		return err;
	/* Pairs with the release in publish. */
	uint64_t head = atomic_load_explicit(&r->header->head, memory_order_acquire);
	if (head - start_index > (uint64_t)r->mask + 1) {
		unmap_ring(r);
		return -EPROTO;
	}
	err = sealed_open("smtap-cursor", CURSOR_BYTES, &map, &r->cursor_memfd);
	if (err != 0) {
		unmap_ring(r);
		return err;
	}
	r->cursor = map;
	r->cursor->magic = CURSOR_MAGIC;
	memcpy(r->cursor->boot_id, boot_id, sizeof(r->cursor->boot_id));
	r->next = start_index;
	r->head = start_index;
	/* Pairs with the acquire in ring_writer_set_cursor. */
	atomic_store_explicit(&r->cursor->consumed, start_index, memory_order_release);
	return 0;
}

void
ring_reader_close(struct ring_reader *r)
{
	munmap(r->cursor, CURSOR_BYTES);
	close(r->cursor_memfd);
	unmap_ring(r);
}

int
ring_reader_peek(struct ring_reader *r, struct event *out)
{
	if (r->next == r->head) {
		/* Pairs with the release in publish. */
		uint64_t head = atomic_load_explicit(&r->header->head, memory_order_acquire);
		/* Unsigned: a head that went backwards is far ahead. */
		if (head - r->next > (uint64_t)r->mask + 1)
			return -EPROTO;
		if (head == r->next)
			return 0;
		r->head = head;
	}
	memcpy(out, &r->slots[r->next & r->mask], sizeof(*out));
	/* From here on the compiler may not look into the slot in place of the copy. */
	atomic_signal_fence(memory_order_seq_cst);
	return 1;
}

void
ring_reader_take(struct ring_reader *r)
{
	assert(r->next != r->head);
	r->next++;
}

void
ring_reader_release(struct ring_reader *r)
{
	/* Pairs with the acquire in ring_writer_consumed. */
	atomic_store_explicit(&r->cursor->consumed, r->next, memory_order_release);
}

void
ring_reader_done(struct ring_reader *r)
{
	ring_reader_take(r);
	ring_reader_release(r);
}

bool
ring_reader_reread(const struct ring_reader *r, uint64_t from, uint64_t n, struct event *out)
{
	uint64_t capacity = (uint64_t)r->mask + 1;

	if (from > r->next || n > r->next - from || n > capacity)
		return false;
	for (uint64_t i = 0; i < n; i++)
		memcpy(&out[i], &r->slots[(from + i) & r->mask], sizeof(*out));
	/* The copies come first: what they may have missed is then counted in head. */
	atomic_thread_fence(memory_order_acquire);
	uint64_t head = atomic_load_explicit(&r->header->head, memory_order_relaxed);
	return n == 0 || head - from <= capacity - capacity / 4;
}

uint64_t
ring_reader_watermark(const struct ring_reader *r)
{
	/* Pairs with the release in ring_writer_flush. */
	return atomic_load_explicit(&r->header->watermark_ns, memory_order_acquire);
}

bool
ring_reader_ended(const struct ring_reader *r)
{
	/* Pairs with the release in ring_writer_end, which came after the last head. */
	if (atomic_load_explicit(&r->header->ended, memory_order_acquire) == 0)
		return false;
	/* Pairs with the release in publish. */
	return atomic_load_explicit(&r->header->head, memory_order_acquire) == r->next;
}
