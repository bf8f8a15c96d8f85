/* Asking memory for a line before it is needed. */
#ifndef SMTAP_BASE_PREFETCH_H
#define SMTAP_BASE_PREFETCH_H

/*
 * The line of p, to be written. The empty asm is needed: GCC takes a function
 * that only prefetches for one without effect, and drops calls of it.
 */
static inline void
prefetch_write(const void *p)
{
	__builtin_prefetch(p, 1);
	__asm__ volatile("");
}

#endif
