/* place: which CPU an lcore gets, which node its memory is on. */
#ifndef SMTAP_DATAPLANE_IO_PLACE_H
#define SMTAP_DATAPLANE_IO_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * CPUs for that many lcores, each its own, on that node (-1: any), of those that this process may
 * use; the first of them is left to whoever watches. False: there are not enough. *local: all are
 * on the node.
 */
bool place_lcores(int node, int cpus[], unsigned count, bool *local);

/* Pages of memory that nobody touched yet come from that node, as far as it has any. */
void place_memory(void *memory, size_t bytes, int node);

#endif
