#include "base/image.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/siphash.h"

/*
 * Theory: what goes out fills a block; each full one is written, and hashed under a key that is the
 * hash of those before. That tells damage, not forgery: who may write the file is the owner's
 * business.
 */

static uint64_t
sum_block(uint64_t sum, const uint8_t *block, size_t len)
{
	const struct siphash_key key = {{sum, len}};

	return siphash_table(&key, block, len);
}

uint64_t
image_sum(const void *data, size_t bytes)
{
	const uint8_t *at = data;
	uint64_t sum = 0;

	while (bytes > 0) {
		size_t n = bytes < IMAGE_BLOCK_BYTES ? bytes : IMAGE_BLOCK_BYTES;

		sum = sum_block(sum, at, n);
		at += n;
		bytes -= n;
	}
	return sum;
}

void
image_save(struct image *image, int fd, uint8_t *block)
{
	*image = (struct image){.fd = fd, .block = block};
}

void
image_load(struct image *image, const void *data, size_t bytes)
{
	*image = (struct image){
		.loads = true, .fd = -1, .at = data, .end = (const uint8_t *)data + bytes};
}

static void
write_block(struct image *image)
{
	size_t done = 0;

	image->sum = sum_block(image->sum, image->block, image->used);
	while (done < image->used) {
		ssize_t n = write(image->fd, image->block + done, image->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			image->error = n < 0 ? -errno : -EIO;
			image->bad = true;
			return;
		}
		done += (size_t)n;
	}
	image->bytes += image->used;
	image->used = 0;
}

int
image_end(struct image *image)
{
	if (!image->bad && image->used > 0)
		write_block(image);
	return image->error;
}

static void
put(struct image *image, const uint8_t *data, size_t bytes)
{
	while (bytes > 0 && !image->bad) {
		size_t room = IMAGE_BLOCK_BYTES - image->used;
		size_t n = bytes < room ? bytes : room;

		memcpy(image->block + image->used, data, n);
		image->used += n;
		data += n;
		bytes -= n;
		if (image->used == IMAGE_BLOCK_BYTES)
			write_block(image);
	}
}

void
image_bytes(struct image *image, void *data, size_t bytes)
{
	if (!image->loads) {
		put(image, data, bytes);
		return;
	}
	if ((size_t)(image->end - image->at) < bytes)
		image->bad = true;
	if (image->bad) {
		memset(data, 0, bytes);
		return;
	}
	memcpy(data, image->at, bytes);
	image->at += bytes;
}

void
image_same(struct image *image, uint64_t value)
{
	uint64_t other = value;

	IMAGE_VALUE(image, other);
	image->bad |= other != value;
}

uint32_t
image_count(struct image *image, uint32_t n, uint32_t max)
{
	IMAGE_VALUE(image, n);
	image->bad |= n > max;
	return image->bad && image->loads ? 0 : n;
}
