/* Who runs where, on machines that are not here. */
#include "dataplane/io/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct place_machine machine;
static int cpus[PLACE_CPUS_MAX];
static unsigned strangers;

/* So many CPUs on each of so many nodes, one node after the other; memory everywhere. */
static void
make(unsigned nodes, unsigned each)
{
	for (int cpu = 0; cpu < PLACE_CPUS_MAX; cpu++)
		machine.node_of[cpu] = cpu < (int)(nodes * each) ? cpu / (int)each : -1;
	machine.memory = (UINT64_C(1) << nodes) - 1;
}

static void
forbid(int first, int last)
{
	for (int cpu = first; cpu <= last; cpu++)
		machine.node_of[cpu] = -1;
}

static void
workers_are_on_the_node_of_the_ports(void **state)
{
	(void)state;
	make(2, 4);
	assert_true(place_lcores(&machine, 0, cpus, 3, &strangers));
	assert_int_equal(strangers, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(cpus[i], 1, 3);
	assert_true(place_lcores(&machine, 1, cpus, 4, &strangers));
	assert_int_equal(strangers, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(cpus[i], 4, 7);
}

static void
no_two_have_the_same_cpu_and_the_first_is_left(void **state)
{
	uint64_t seen = 0;

	(void)state;
	make(2, 4);
	assert_true(place_lcores(&machine, 1, cpus, 7, &strangers));
	for (unsigned i = 0; i < 7; i++)
		seen |= UINT64_C(1) << cpus[i];
	assert_int_equal(seen, 0xfe);
}

static void
those_that_the_node_has_no_room_for_go_elsewhere_and_are_told(void **state)
{
	(void)state;
	make(2, 4);
	assert_true(place_lcores(&machine, 1, cpus, 6, &strangers));
	assert_int_equal(strangers, 2);
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(cpus[i], 4, 7);
	assert_in_range(cpus[4], 1, 3);
	assert_in_range(cpus[5], 1, 3);
}

static void
only_allowed_cpus_are_given(void **state)
{
	(void)state;
	make(2, 8);
	forbid(0, 3);
	forbid(10, 15); /* of node 1, 8 and 9 are left */
	assert_true(place_lcores(&machine, 1, cpus, 3, &strangers));
	assert_int_equal(strangers, 1);
	assert_int_equal(cpus[0], 9);
	assert_int_equal(cpus[1], 8);
	assert_int_equal(cpus[2], 7);
	assert_true(place_lcores(&machine, 0, cpus, 3, &strangers));
	assert_int_equal(strangers, 0);
	assert_false(place_lcores(&machine, 0, cpus, 6, &strangers)); /* 4 is left */
}

static void
a_cpuset_without_the_node_makes_all_of_them_strangers(void **state)
{
	(void)state;
	make(2, 4);
	forbid(4, 7);
	assert_true(place_lcores(&machine, 1, cpus, 2, &strangers));
	assert_int_equal(strangers, 2);
}

static void
without_a_node_any_cpu_is_near(void **state)
{
	(void)state;
	make(2, 4);
	assert_true(place_lcores(&machine, -1, cpus, 7, &strangers));
	assert_int_equal(strangers, 0);
}

static void
one_cpu_is_not_enough_for_anybody(void **state)
{
	(void)state;
	make(1, 1);
	assert_false(place_lcores(&machine, 0, cpus, 1, &strangers));
	forbid(0, 0);
	assert_false(place_lcores(&machine, 0, cpus, 1, &strangers));
}

static void
memory_is_asked_of_the_node_only_when_it_has_some_for_us(void **state)
{
	(void)state;
	make(2, 4);
	assert_int_equal(place_memory_node(&machine, 1), 1);
	machine.memory = 1; /* cpuset.mems: 0 */
	assert_int_equal(place_memory_node(&machine, 1), -1);
	assert_int_equal(place_memory_node(&machine, 0), 0);
	assert_int_equal(place_memory_node(&machine, -1), -1);
	assert_int_equal(place_memory_node(&machine, PLACE_NODES_MAX), -1);
}

static void
this_machine_has_a_cpu_and_memory(void **state)
{
	unsigned usable = 0;

	(void)state;
	place_look(&machine);
	for (unsigned i = 0; i < PLACE_CPUS_MAX; i++)
		usable += machine.node_of[i] >= 0;
	assert_true(usable > 0);
	assert_true(machine.memory != 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_are_on_the_node_of_the_ports),
		cmocka_unit_test(no_two_have_the_same_cpu_and_the_first_is_left),
		cmocka_unit_test(those_that_the_node_has_no_room_for_go_elsewhere_and_are_told),
		cmocka_unit_test(only_allowed_cpus_are_given),
		cmocka_unit_test(a_cpuset_without_the_node_makes_all_of_them_strangers),
		cmocka_unit_test(without_a_node_any_cpu_is_near),
		cmocka_unit_test(one_cpu_is_not_enough_for_anybody),
		cmocka_unit_test(memory_is_asked_of_the_node_only_when_it_has_some_for_us),
		cmocka_unit_test(this_machine_has_a_cpu_and_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
