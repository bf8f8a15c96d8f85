/* The ring seen from both ends in one process: its order, its limits, and who lies. */
#include "tests/unit/ring_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEALS (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

static const uint8_t other_boot_id[16] = {99};

static void
ring_capacity_is_a_power_of_two_in_range(void **state)
{
	static const uint32_t bad[] = {
		0, 1, 32, 63, 65, 100, RING_CAPACITY_MAX + 1, UINT32_MAX, RING_CAPACITY_MAX * 2};
	struct ring_writer w;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ring_writer_open(&w, bad[i], boot_id), -EINVAL);
	assert_int_equal(ring_writer_open(&w, RING_CAPACITY_MAX, boot_id), 0);
	ring_writer_close(&w);
}

static void
ring_shows_records_only_once_flushed(void **state)
{
	struct both b;
	struct event e;

	(void)state;
	both_open(&b);
	expect_none(&b.r);
	assert_true(put(&b.w, 0));
	assert_true(put(&b.w, 1));
	expect_none(&b.r);
	ring_writer_flush(&b.w, 77);
	assert_int_equal(ring_reader_watermark(&b.r), 77);
	/* A peek consumes nothing. */
	assert_int_equal(ring_reader_peek(&b.r, &e), 1);
	assert_int_equal(ring_reader_peek(&b.r, &e), 1);
	expect(&b.r, 0);
	expect(&b.r, 1);
	expect_none(&b.r);
	both_close(&b);
}

static void
ring_fills_and_wraps(void **state)
{
	struct both b;
	uint64_t in = 0, out = 0;

	(void)state;
	both_open(&b);
	for (unsigned round = 1; round <= 3 * RING_SLOTS; round++) {
		while (put(&b.w, in))
			in++;
		assert_int_equal(in - out, RING_SLOTS);
		ring_writer_flush(&b.w, in);
		for (unsigned k = 0; k < 1 + round % RING_SLOTS; k++)
			expect(&b.r, out++);
	}
	while (out < in)
		expect(&b.r, out++);
	expect_none(&b.r);
	both_close(&b);
}

static void
ring_without_a_reader_fills_and_is_then_read_from_the_start(void **state)
{
	struct ring_writer w;
	struct ring_reader r;

	(void)state;
	assert_int_equal(ring_writer_open(&w, RING_SLOTS, boot_id), 0);
	for (uint64_t i = 0; i < RING_SLOTS; i++)
		assert_true(put(&w, i));
	assert_false(put(&w, RING_SLOTS));
	assert_int_equal(ring_writer_consumed(&w), 0);
	assert_int_equal(ring_reader_open(&r, w.memfd, 0, boot_id), 0);
	assert_int_equal(ring_writer_set_cursor(&w, r.cursor_memfd), 0);
	for (uint64_t i = 0; i < RING_SLOTS; i++)
		expect(&r, i);
	assert_true(put(&w, RING_SLOTS));
	ring_reader_close(&r);
	ring_writer_close(&w);
}

static void
ring_that_is_full_is_published_without_a_flush(void **state)
{
	struct both b;

	(void)state;
	both_open(&b);
	for (uint64_t i = 0; i < RING_SLOTS; i++)
		assert_true(put(&b.w, i));
	expect_none(&b.r);
	assert_false(put(&b.w, RING_SLOTS)); /* a writer would wait here */
	expect(&b.r, 0);
	assert_true(put(&b.w, RING_SLOTS));
	both_close(&b);
}

static void
ring_ends_when_all_is_consumed(void **state)
{
	struct both b;

	(void)state;
	both_open(&b);
	assert_false(ring_reader_ended(&b.r));
	assert_true(put(&b.w, 0));
	ring_writer_end(&b.w);
	assert_false(ring_reader_ended(&b.r));
	expect(&b.r, 0);
	assert_true(ring_reader_ended(&b.r));
	both_close(&b);
}

static void
ring_head_that_makes_no_sense_is_an_error(void **state)
{
	static const uint64_t heads[] = {RING_SLOTS + 3, 1, 0, UINT64_MAX, 1ULL << 32};
	struct both b;
	struct event e;

	(void)state;
	both_open(&b);
	for (uint64_t i = 0; i < 2; i++)
		assert_true(put(&b.w, i));
	ring_writer_flush(&b.w, 0);
	expect(&b.r, 0);
	expect(&b.r, 1);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		atomic_store(&b.w.header->head, heads[i]);
		assert_int_equal(ring_reader_peek(&b.r, &e), -EPROTO);
		assert_false(ring_reader_ended(&b.r));
	}
	/* Just full is the most that there can be. */
	atomic_store(&b.w.header->head, RING_SLOTS + 2);
	assert_int_equal(ring_reader_peek(&b.r, &e), 1);
	both_close(&b);
}

static void
ring_cursor_that_makes_no_sense_is_not_believed(void **state)
{
	static const uint64_t cursors[] = {RING_SLOTS + 11, 9, 0, UINT64_MAX, 1ULL << 63};
	struct both b;
	uint64_t in = 0;

	(void)state;
	both_open(&b);
	while (put(&b.w, in))
		in++;
	ring_writer_flush(&b.w, 0);
	for (uint64_t i = 0; i < 10; i++)
		expect(&b.r, i);
	while (put(&b.w, in))
		in++;
	assert_int_equal(in, RING_SLOTS + 10);
	for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
		atomic_store(&b.r.cursor->consumed, cursors[i]);
		assert_null(ring_writer_slot(&b.w));
		assert_int_equal(ring_writer_consumed(&b.w), 10);
	}
	atomic_store(&b.r.cursor->consumed, 11);
	assert_non_null(ring_writer_slot(&b.w));
	assert_int_equal(ring_writer_consumed(&b.w), 11);
	both_close(&b);
}

static void
ring_receiver_can_neither_write_nor_resize(void **state)
{
	struct both b;

	(void)state;
	both_open(&b);
	const int fds[2] = {b.w.memfd, b.r.cursor_memfd};
	void *const received[2] = {(void *)(uintptr_t)b.r.header, (void *)(uintptr_t)b.w.cursor};
	for (int i = 0; i < 2; i++) {
		assert_true(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0) ==
			    MAP_FAILED);
		assert_int_equal(mprotect(received[i], 4096, PROT_READ | PROT_WRITE), -1);
		assert_int_equal(pwrite(fds[i], "x", 1, 0), -1);
		assert_int_equal(ftruncate(fds[i], 0), -1);
		assert_int_equal(ftruncate(fds[i], 1 << 20), -1);
		assert_int_equal(
			fallocate(fds[i], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
		assert_int_equal(fcntl(fds[i], F_ADD_SEALS, F_SEAL_WRITE), -1);
	}
	both_close(&b);
}

/* A memfd as ring_writer_open makes it, but with these seals, size and header. */
static int
forged(int seals, off_t bytes, const struct ring_header *header)
{
	int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, bytes), 0);
	if (header)
		assert_true(pwrite(fd, header, sizeof(*header), 0) == sizeof(*header));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static const struct ring_header good_header = {
	.magic = RING_MAGIC,
	.version = RING_VERSION,
	.capacity = RING_SLOTS,
	.record_bytes = EVENT_BYTES,
	.slots_offset = 4096,
	.boot_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
};

#define GOOD_BYTES (4096 + RING_SLOTS * EVENT_BYTES)

static void
expect_open(int fd, int want)
{
	struct ring_reader r;

	assert_int_equal(ring_reader_open(&r, fd, 0, boot_id), want);
	if (want == 0)
		ring_reader_close(&r);
	close(fd);
}

static void
ring_with_a_seal_missing_is_refused(void **state)
{
	static const int seals[] = {F_SEAL_GROW, F_SEAL_SHRINK, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL};
	unsigned before = held();

	(void)state;
	expect_open(forged(SEALS, GOOD_BYTES, &good_header), 0);
	for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++)
		expect_open(forged(SEALS & ~seals[i], GOOD_BYTES, &good_header), -EPROTO);
	expect_open(forged(0, GOOD_BYTES, &good_header), -EPROTO);
	assert_int_equal(held(), before);
}

static void
ring_of_a_wrong_size_is_refused(void **state)
{
	static const off_t bytes[] = {0, 1, 100, 4095, 4096, 4096 + EVENT_BYTES, GOOD_BYTES - 1,
		GOOD_BYTES + 1, GOOD_BYTES + EVENT_BYTES, GOOD_BYTES + RING_SLOTS * EVENT_BYTES,
		GOOD_BYTES - RING_SLOTS / 2 * EVENT_BYTES,
		4096 + 2LL * RING_CAPACITY_MAX * EVENT_BYTES, 4096 + (1LL << 41)};
	unsigned before = held();

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		expect_open(
			forged(SEALS, bytes[i], bytes[i] > 4096 ? &good_header : NULL), -EPROTO);
	assert_int_equal(held(), before);
}

static void
ring_with_a_lying_header_is_refused(void **state)
{
	struct ring_header h;
	unsigned before = held();

	(void)state;
#define REFUSED(field, value)                                        \
	do {                                                         \
		h = good_header;                                     \
		h.field = (value);                                   \
		expect_open(forged(SEALS, GOOD_BYTES, &h), -EPROTO); \
	} while (0)
	REFUSED(magic, 0);
	REFUSED(version, RING_VERSION + 1);
	REFUSED(capacity, RING_SLOTS * 2);
	REFUSED(capacity, 0);
	REFUSED(record_bytes, EVENT_BYTES * 2);
	REFUSED(slots_offset, 0);
	REFUSED(slots_offset, UINT32_MAX);
	REFUSED(boot_id[15], 0);
	REFUSED(head, RING_SLOTS + 1); /* the reader starts at 0 */
#undef REFUSED
	assert_int_equal(held(), before);
}

static void
ring_that_is_no_memfd_is_refused(void **state)
{
	struct ring_reader r;
	unsigned before = held();
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	expect_open(p[0], -EPROTO);
	expect_open(p[1], -EPROTO);
	expect_open(open("/dev/zero", O_RDWR), -EPROTO);
	expect_open(open("/proc/self/exe", O_RDONLY), -EPROTO);
	expect_open(open("/", O_RDONLY), -EPROTO);
	assert_int_equal(ring_reader_open(&r, -1, 0, boot_id), -EBADF);
	/* Huge pages that are not there would be a SIGBUS at the first look. */
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	if (fd >= 0) {
		assert_int_equal(ftruncate(fd, 1 << 21), 0);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, SEALS), 0);
		expect_open(fd, -EPROTO);
	}
	assert_int_equal(held(), before);
}

static void
ring_cursor_of_another_ring_is_refused(void **state)
{
	struct both b;
	struct ring_writer stranger;
	struct ring_reader r;
	int p[2];

	(void)state;
	both_open(&b);
	assert_int_equal(ring_writer_open(&stranger, RING_SLOTS, other_boot_id), 0);
	assert_int_equal(ring_reader_open(&r, stranger.memfd, 0, boot_id), -EPROTO);
	assert_int_equal(ring_reader_open(&r, stranger.memfd, 0, other_boot_id), 0);
	assert_int_equal(ring_writer_set_cursor(&b.w, r.cursor_memfd), -EPROTO);
	assert_int_equal(ring_writer_set_cursor(&b.w, stranger.memfd), -EPROTO);
	assert_int_equal(ring_writer_set_cursor(&b.w, -1), -EBADF);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(ring_writer_set_cursor(&b.w, p[0]), -EPROTO);
	close(p[0]);
	close(p[1]);
	int zeros = forged(SEALS, 4096, NULL);
	assert_int_equal(ring_writer_set_cursor(&b.w, zeros), -EPROTO);
	close(zeros);
	int unsealed = forged(0, 4096, NULL);
	assert_int_equal(ring_writer_set_cursor(&b.w, unsealed), -EPROTO);
	close(unsealed);
	ring_reader_close(&r);
	ring_writer_close(&stranger);
	/* After all that, the reader that was there still is. */
	assert_true(put(&b.w, 0));
	ring_writer_flush(&b.w, 0);
	expect(&b.r, 0);
	assert_int_equal(ring_writer_consumed(&b.w), 1);
	both_close(&b);
}

static void
ring_reader_starts_only_where_records_still_are(void **state)
{
	struct both b;
	struct ring_reader second;
	uint64_t in = 0;

	(void)state;
	both_open(&b);
	while (put(&b.w, in))
		in++;
	for (uint64_t i = 0; i < 5; i++)
		expect(&b.r, i);
	assert_true(put(&b.w, in++));
	ring_writer_flush(&b.w, 0);
	/* 65 records; 0 is overwritten, 1 to 4 may be at any moment. */
	assert_int_equal(ring_reader_open(&second, b.w.memfd, 0, boot_id), -EPROTO);
	assert_int_equal(ring_reader_open(&second, b.w.memfd, in + 1, boot_id), -EPROTO);
	assert_int_equal(ring_reader_open(&second, b.w.memfd, 4, boot_id), 0);
	assert_int_equal(ring_writer_set_cursor(&b.w, second.cursor_memfd), -EPROTO);
	atomic_store(&second.cursor->consumed, in + 1);
	assert_int_equal(ring_writer_set_cursor(&b.w, second.cursor_memfd), -EPROTO);
	ring_reader_close(&second);
	assert_int_equal(
		ring_reader_open(&second, b.w.memfd, ring_writer_consumed(&b.w), boot_id), 0);
	assert_int_equal(ring_writer_set_cursor(&b.w, second.cursor_memfd), 0);
	for (uint64_t i = 5; i < in; i++)
		expect(&second, i);
	ring_reader_close(&second);
	both_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_capacity_is_a_power_of_two_in_range),
		cmocka_unit_test(ring_shows_records_only_once_flushed),
		cmocka_unit_test(ring_fills_and_wraps),
		cmocka_unit_test(ring_without_a_reader_fills_and_is_then_read_from_the_start),
		cmocka_unit_test(ring_that_is_full_is_published_without_a_flush),
		cmocka_unit_test(ring_ends_when_all_is_consumed),
		cmocka_unit_test(ring_head_that_makes_no_sense_is_an_error),
		cmocka_unit_test(ring_cursor_that_makes_no_sense_is_not_believed),
		cmocka_unit_test(ring_receiver_can_neither_write_nor_resize),
		cmocka_unit_test(ring_with_a_seal_missing_is_refused),
		cmocka_unit_test(ring_of_a_wrong_size_is_refused),
		cmocka_unit_test(ring_with_a_lying_header_is_refused),
		cmocka_unit_test(ring_that_is_no_memfd_is_refused),
		cmocka_unit_test(ring_cursor_of_another_ring_is_refused),
		cmocka_unit_test(ring_reader_starts_only_where_records_still_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
