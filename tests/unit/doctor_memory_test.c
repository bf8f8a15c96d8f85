/* What the doctor says that tables cost, against what control and dataplane take. */
#include "dataplane/io/edge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/doctor/doctor.h"
#include "control/engine/engine.h"
#include "dataplane/io/dispatch.h"
#include "dataplane/io/nic.h"
#include "dataplane/io/worker.h"
#include "dataplane/pipeline/pipeline.h"

static void
tell_nobody(void *arg, const struct engine_telling *telling)
{
	(void)arg;
	(void)telling;
}

/* Bytes of address space, of which tables are most. */
static uint64_t
address_space(void)
{
	FILE *in = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (in) {
		if (fscanf(in, "%lu", &pages) != 1)
			pages = 0;
		fclose(in);
	}
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* In a process of its own, so that nothing freed before is used again. */
static uint64_t
control_takes(const struct config *config)
{
	uint64_t *out =
		mmap(NULL, sizeof(*out), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	assert_ptr_not_equal(out, MAP_FAILED);
	pid_t child = fork();
	if (child == 0) {
		struct engine_sink sink = {.tell = tell_nobody};
		uint64_t before = address_space();

		if (engine_open(config, &sink))
			*out = address_space() - before;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	uint64_t bytes = *out;
	munmap(out, sizeof(*out));
	assert_true(bytes > 0);
	return bytes;
}

/* The doctor may be a quarter off: what it advises on is in thirds and halves. */
static void
assert_about(uint64_t told, uint64_t taken, const char *what)
{
	if (told * 4 < taken * 3 || told * 4 > taken * 5)
		fail_msg("%s: the doctor says %llu bytes, it takes %llu: cli/doctor/memory.c", what,
			(unsigned long long)told, (unsigned long long)taken);
}

static void
cost_of_each_table_of_control_is_about_what_it_takes(void **state)
{
	static struct config config;
	static const struct {
		const char *name;
		size_t offset;
	} tables[] = {
		{"aggregate.sources", offsetof(struct config, aggr_sources)},
		{"aggregate.prefixes", offsetof(struct config, aggr_prefixes)},
		{"aggregate.accounts", offsetof(struct config, aggr_accounts)},
		{"aggregate.servers", offsetof(struct config, aggr_servers)},
		{"aggregate.pairs", offsetof(struct config, aggr_pairs)},
		{"aggregate.trackers", offsetof(struct config, aggr_trackers)},
		{"incident.table", offsetof(struct config, incident_table)},
	};

	(void)state;
	config_defaults(&config);
	uint64_t taken = control_takes(&config);
	uint64_t told = doctor_control_bytes(&config);
	assert_about(told, taken, "the defaults");
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		uint64_t *value = (uint64_t *)(void *)((char *)&config + tables[i].offset);

		config_defaults(&config);
		*value *= 16;
		assert_about(doctor_control_bytes(&config) - told, control_takes(&config) - taken,
			tables[i].name);
	}
}

static void
cost_of_a_session_is_about_what_a_worker_takes(void **state)
{
	static struct config config;
	struct pipeline_config pipeline;

	(void)state;
	config_defaults(&config);
	pipeline_config_defaults(&pipeline);
	for (unsigned i = 0; i < 3; i++) {
		pipeline.sessions = (uint32_t)config.sessions;
		/* As run.c asks for it. */
		if (pipeline.smtp_pages < pipeline.sessions / 4)
			pipeline.smtp_pages = pipeline.sessions / 4;
		assert_about(doctor_worker_bytes(&config), pipeline_footprint(&pipeline),
			"dataplane.sessions");
		config.sessions *= 16;
	}
}

/* As run_live.c asks EAL for it. */
static uint64_t
packets_take(const struct config *config)
{
	static struct nic_set set;
	struct dispatch_size size = {.workers = (unsigned)config->workers,
		.slots = config->workers > 1 ? DISPATCH_LIVE_SLOTS : 0,
		.big_per_worker = WORKER_MAIL_MAX + 33};
	char why[256] = "";

	memset(&set, 0, sizeof(set));
	if (nic_set_init(&set, config, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	return (uint64_t)(dispatch_memory_mib(&size) + nic_set_memory_mib(&set)) << 20;
}

static void
cost_of_packets_is_about_what_the_dataplane_asks_for(void **state)
{
	static struct doctor doctor;
	static const char *const ports[] = {
		"lo", "0000:3b:00.0", "net_af_xdp0,iface=lo", "net_memif0"};

	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		for (unsigned workers = 1; workers <= 8; workers *= 2) {
			memset(&doctor, 0, sizeof(doctor));
			config_defaults(&doctor.config);
			doctor.config.workers = workers;
			assert_int_equal(config_list_add(&doctor.config.interfaces, ports[i]), 0);
			assert_true(doctor_add_port(&doctor, ports[i]));
			assert_about(doctor_packet_bytes(&doctor), packets_take(&doctor.config),
				ports[i]);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cost_of_each_table_of_control_is_about_what_it_takes),
		cmocka_unit_test(cost_of_packets_is_about_what_the_dataplane_asks_for),
		cmocka_unit_test(cost_of_a_session_is_about_what_a_worker_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
