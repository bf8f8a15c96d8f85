/* The book as an image. */
#include "base/image.h"

#include "control/incident/book.h"

void
book_image(struct book *book, struct image *image)
{
	image_same(image, book->capacity);
	book->used = image_count(image, book->used, book->capacity);
	image_bytes(image, book->entries, book->used * sizeof(*book->entries));
	for (unsigned i = 0; i < BOOK_SEVERITIES; i++) {
		struct book_heap *heap = &book->heap[i];

		heap->len = image_count(image, heap->len, book->used);
		image_bytes(image, heap->at, heap->len * sizeof(*heap->at));
	}
	IMAGE_VALUE(image, book->closed_first);
	book->closed_len = image_count(image, book->closed_len, book->capacity);
	image_bytes(image, book->closed, book->capacity * sizeof(*book->closed));
	IMAGE_VALUE(image, book->opened);
	IMAGE_VALUE(image, book->expires_ns);
	IMAGE_VALUE(image, book->before);
	if (!image->loads)
		return;
	lookup_clear(&book->ids);
	for (uint32_t i = 0; i < book->used; i++)
		lookup_put(&book->ids, book->entries[i].finding.id, i);
}
