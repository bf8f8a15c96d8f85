#include "dataplane/io/place.h"

#include <numa.h>
#include <sched.h>

/* As EAL knows them. */
#define PLACE_CPUS_MAX 128

/* CPUs of set, from the last down to, but not, the first. */
static unsigned
place_take(const cpu_set_t *set, int cpus[], unsigned count)
{
	unsigned taken = 0;
	int first = 0;

	while (first < PLACE_CPUS_MAX && !CPU_ISSET(first, set))
		first++;
	for (int cpu = PLACE_CPUS_MAX - 1; cpu > first && taken < count; cpu--) {
		if (CPU_ISSET(cpu, set))
			cpus[taken++] = cpu;
	}
	return taken;
}

/* Keep of set what is on the node. */
static void
place_keep_node(cpu_set_t *set, int node)
{
	struct bitmask *mask = numa_allocate_cpumask();

	if (numa_node_to_cpus(node, mask) == 0) {
		for (unsigned cpu = 0; cpu < PLACE_CPUS_MAX; cpu++) {
			if (!numa_bitmask_isbitset(mask, cpu))
				CPU_CLR(cpu, set);
		}
	}
	numa_free_cpumask(mask);
}

bool
place_lcores(int node, int cpus[], unsigned count, bool *local)
{
	cpu_set_t all, near;

	*local = true;
	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return false;
	near = all;
	if (node >= 0 && numa_available() >= 0)
		place_keep_node(&near, node);
	if (place_take(&near, cpus, count) == count)
		return true;
	*local = CPU_EQUAL(&near, &all);
	return place_take(&all, cpus, count) == count;
}

void
place_memory(void *memory, size_t bytes, int node)
{
	if (node >= 0 && numa_available() >= 0)
		numa_tonode_memory(memory, bytes, node);
}
