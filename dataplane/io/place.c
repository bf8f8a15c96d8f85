/*
 * place: theory of operation. What the machine is (place_look) is told apart from what is made of
 * it, so that the latter can be tried on machines that are not here.
 *
 * The first CPU that this process may use is left to whoever watches, and to all else. The rest
 * are given from the last one down: those of the ports' node, then, when these do not suffice,
 * those of others, which is told.
 */
#include "dataplane/io/place.h"

#include <numa.h>
#include <sched.h>
#include <string.h>

/* Before anything is known of nodes, there is one. */
static void
place_look_at_nodes(struct place_machine *m)
{
	struct bitmask *allowed = numa_get_mems_allowed();

	m->memory = 0;
	for (unsigned node = 0; node < PLACE_NODES_MAX; node++) {
		if (numa_bitmask_isbitset(allowed, node) && numa_node_size64((int)node, NULL) > 0)
			m->memory |= UINT64_C(1) << node;
	}
	numa_free_nodemask(allowed);
	for (int cpu = 0; cpu < PLACE_CPUS_MAX; cpu++) {
		int node = m->node_of[cpu] >= 0 ? numa_node_of_cpu(cpu) : -1;
		if (node >= 0)
			m->node_of[cpu] = node;
	}
}

void
place_look(struct place_machine *m)
{
	cpu_set_t all;

	CPU_ZERO(&all);
	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < PLACE_CPUS_MAX; cpu++)
		m->node_of[cpu] = CPU_ISSET(cpu, &all) ? 0 : -1;
	m->memory = 1;
	if (numa_available() >= 0)
		place_look_at_nodes(m);
}

/* CPUs that are on the node, or are not, from the last down to, but not, the first of all. */
static unsigned
place_take(const struct place_machine *m, int node, bool near, int cpus[], unsigned count)
{
	unsigned taken = 0;
	int first = 0;

	while (first < PLACE_CPUS_MAX && m->node_of[first] < 0)
		first++;
	for (int cpu = PLACE_CPUS_MAX - 1; cpu > first && taken < count; cpu--) {
		bool is_near = node < 0 || m->node_of[cpu] == node;
		if (m->node_of[cpu] >= 0 && is_near == near)
			cpus[taken++] = cpu;
	}
	return taken;
}

bool
place_lcores(
	const struct place_machine *m, int node, int cpus[], unsigned count, unsigned *strangers)
{
	unsigned near = place_take(m, node, true, cpus, count);

	*strangers = place_take(m, node, false, cpus + near, count - near);
	return near + *strangers == count;
}

int
place_memory_node(const struct place_machine *m, int node)
{
	return node >= 0 && node < PLACE_NODES_MAX && (m->memory >> node & 1) ? node : -1;
}

void
place_memory(void *memory, size_t bytes, int node)
{
	if (node >= 0 && numa_available() >= 0)
		numa_tonode_memory(memory, bytes, node);
}
