#include "control/aggr/memory.h"

#include <sys/mman.h>

void *
memory_take(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* An event touches two dozen lines all over the tables; small pages would cost as many
	   walks. Tables fill from their start, so large pages are not wasted. May fail. */
	madvise(memory, bytes, MADV_HUGEPAGE);
	return memory;
}

void
memory_touch(void *memory, size_t bytes)
{
	/* May fail, before Linux 5.14: then pages come as they are used. */
	if (memory != NULL)
		madvise(memory, bytes, MADV_POPULATE_WRITE);
}

void
memory_give(void *memory, size_t bytes)
{
	if (memory != NULL)
		munmap(memory, bytes);
}
