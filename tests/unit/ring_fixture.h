/* What the tests of the ring share: records that show a tear, and a ring with both its ends. */
#ifndef SMTAP_TESTS_UNIT_RING_FIXTURE_H
#define SMTAP_TESTS_UNIT_RING_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>

#include "contract/ring.h"

#define RING_SLOTS RING_CAPACITY_MIN

static const uint8_t boot_id[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* Descriptors, and mappings of rings, that this process holds. */
static inline unsigned
held(void)
{
	DIR *dir = opendir("/proc/self/fd");
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned count = 0;

	assert_true(dir && maps);
	while (readdir(dir))
		count++;
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, "memfd:") != NULL;
	closedir(dir);
	fclose(maps);
	return count;
}

/* Every byte of the record depends on its number, so that a torn one shows. */
static inline void
fill(struct event *slot, uint64_t number)
{
	uint64_t words[EVENT_BYTES / 8];

	for (size_t i = 0; i < EVENT_BYTES / 8; i++)
		words[i] = number * 0x9e3779b97f4a7c15ULL + i;
	memcpy(slot, words, sizeof(words));
}

static inline bool
is_filled(const struct event *record, uint64_t number)
{
	struct event want;

	fill(&want, number);
	return memcmp(record, &want, sizeof(want)) == 0;
}

static inline bool
put(struct ring_writer *w, uint64_t number)
{
	struct event *slot = ring_writer_slot(w);

	if (!slot)
		return false;
	fill(slot, number);
	ring_writer_advance(w);
	return true;
}

static inline void
expect(struct ring_reader *r, uint64_t number)
{
	struct event e;

	assert_int_equal(ring_reader_peek(r, &e), 1);
	assert_true(is_filled(&e, number));
	ring_reader_done(r);
}

static inline void
expect_none(struct ring_reader *r)
{
	struct event e;

	assert_int_equal(ring_reader_peek(r, &e), 0);
}

struct both {
	struct ring_writer w;
	struct ring_reader r;
	unsigned held_before;
};

static inline void
both_open(struct both *b)
{
	b->held_before = held();
	assert_int_equal(ring_writer_open(&b->w, RING_SLOTS, boot_id), 0);
	assert_int_equal(ring_reader_open(&b->r, b->w.memfd, 0, boot_id), 0);
	assert_int_equal(ring_writer_set_cursor(&b->w, b->r.cursor_memfd), 0);
}

static inline void
both_close(struct both *b)
{
	ring_reader_close(&b->r);
	ring_writer_close(&b->w);
	assert_int_equal(held(), b->held_before);
}

#endif
