/*
 * image: tables of a process as bytes of a file, and back. One function of each module goes through
 * what it keeps and serves both ways, so that what is saved and what is loaded cannot differ.
 *
 * Bytes are those of memory: whoever loads must be the same program (the file's owner sees to that,
 * not this). No pointer may be among them; indices may.
 *
 * Saving calls nothing but write(2), so a child of a process with threads may do it.
 */
#ifndef SMTAP_BASE_IMAGE_H
#define SMTAP_BASE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_BLOCK_BYTES (256u << 10)

struct image {
	bool loads; /* else it saves */
	bool bad;   /* something did not fit, or was not written: nothing is changed any more */
	int error;  /* saving: of write, negative */
	/* saving */
	int fd;
	uint8_t *block; /* the caller's; IMAGE_BLOCK_BYTES */
	size_t used;
	uint64_t bytes; /* written so far */
	uint64_t sum;   /* of these */
	/* loading */
	const uint8_t *at;
	const uint8_t *end;
};

/* To fd, from where it stands. */
void image_save(struct image *image, int fd, uint8_t *block);

/* What is left goes out. 0, or -errno. */
int image_end(struct image *image);

/* From memory, which stays the caller's. */
void image_load(struct image *image, const void *data, size_t bytes);

/* Of all that was saved, as image_end leaves it in `sum`. */
uint64_t image_sum(const void *data, size_t bytes);

/* These bytes go out; or come in, all zero when there are no more. */
void image_bytes(struct image *image, void *data, size_t bytes);

#define IMAGE_VALUE(image, value) image_bytes((image), &(value), sizeof(value))

/* A number that must be the same then and now. */
void image_same(struct image *image, uint64_t value);

/* A number that is at most max; 0 when what comes in is more. */
uint32_t image_count(struct image *image, uint32_t n, uint32_t max);

#endif
