/* place: which CPU an lcore gets, which node its memory is on. */
#ifndef SMTAP_DATAPLANE_IO_PLACE_H
#define SMTAP_DATAPLANE_IO_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACE_CPUS_MAX 128 /* as EAL knows them */
#define PLACE_NODES_MAX 64

struct place_machine {
	int node_of[PLACE_CPUS_MAX]; /* the node of a CPU; -1: this process may not use it */
	uint64_t memory;             /* a bit for each node with memory that it may use */
};

void place_look(struct place_machine *m);

/*
 * CPUs for that many lcores, each its own, on that node (-1: any) as far as it has enough, then on
 * others: how many, in *strangers, which stand last. The first that may be used is left to whoever
 * watches. False: there are not enough.
 */
bool place_lcores(
	const struct place_machine *m, int node, int cpus[], unsigned count, unsigned *strangers);

/* The node to take memory from for that node: itself, or -1 (any) when it has none for us. */
int place_memory_node(const struct place_machine *m, int node);

/* Pages of memory that nobody touched yet come from that node, as far as it has any. */
void place_memory(void *memory, size_t bytes, int node);

#endif
