/* smtap-bench: how fast the dataplane is, beside what it could be. See bench/README.md. */
#include <getopt.h>
#include <rte_launch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/rig.h"
#include "bench/traffic.h"

static const struct bench_scenario *const scenarios[] = {
	&bench_background,
	&bench_tap_mix,
	&bench_mail,
	&bench_attack,
	&bench_synflood,
	&bench_churn,
	&bench_worst,
	&bench_overload,
	&bench_patterns,
	&bench_control,
	&bench_rules,
	&bench_flowtable,
	&bench_memory,
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

enum option_code {
	OPTION_JSON = 256,
	OPTION_LIST,
	OPTION_SECONDS,
	OPTION_REPEATS,
	OPTION_PACKETS,
	OPTION_SESSIONS,
	OPTION_MAIL,
	OPTION_FRAME,
	OPTION_HUGE,
	OPTION_APART,
	OPTION_MEMIF,
	OPTION_NIC_CHECKSUM,
	OPTION_STAGES,
	OPTION_CPU,
	OPTION_BESIDE,
	OPTION_MIXTURE,
	OPTION_PATTERNS,
	OPTION_NO_PATTERNS,
};

static const struct option long_options[] = {
	{"json", no_argument, NULL, OPTION_JSON},
	{"list", no_argument, NULL, OPTION_LIST},
	{"seconds", required_argument, NULL, OPTION_SECONDS},
	{"repeats", required_argument, NULL, OPTION_REPEATS},
	{"packets", required_argument, NULL, OPTION_PACKETS},
	{"sessions", required_argument, NULL, OPTION_SESSIONS},
	{"mail", required_argument, NULL, OPTION_MAIL},
	{"frame", required_argument, NULL, OPTION_FRAME},
	{"huge", no_argument, NULL, OPTION_HUGE},
	{"apart", no_argument, NULL, OPTION_APART},
	{"memif", no_argument, NULL, OPTION_MEMIF},
	{"nic-checksum", no_argument, NULL, OPTION_NIC_CHECKSUM},
	{"stages", no_argument, NULL, OPTION_STAGES},
	{"cpu", required_argument, NULL, OPTION_CPU},
	{"beside", required_argument, NULL, OPTION_BESIDE},
	{"mixture", required_argument, NULL, OPTION_MIXTURE},
	{"patterns", required_argument, NULL, OPTION_PATTERNS},
	{"no-patterns", no_argument, NULL, OPTION_NO_PATTERNS},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void
print_help(void)
{
	printf("usage: smtap-bench [OPTION]... [SCENARIO]...\n"
	       "\n"
	       "Measure the dataplane's path on one core, beside the floor: the same loop that\n"
	       "only receives, touches and frees the same packets. All scenarios by default.\n"
	       "\n"
	       "  --json            a JSON object a line\n"
	       "  --list            the scenarios\n"
	       "  --seconds N       how long each scenario measures (5)\n"
	       "  --repeats N       in how many parts; medians and ranges are over these (9)\n"
	       "  --packets N       in each part, instead of the time\n"
	       "  --sessions N      open at once, instead of what the scenario has\n"
	       "  --mail PERCENT    of the packets of tap-mix are mail (5)\n"
	       "  --frame BYTES     each frame of background (of all sizes)\n"
	       "  --huge            packets and tables on hugepages\n"
	       "  --apart           each packet in pages of its own, not one behind the other\n"
	       "  --memif           packets come by a memif port, whose driver posts buffers and\n"
	       "                    reads descriptors as a NIC's does\n"
	       "  --nic-checksum    a NIC has verified the checksums\n"
	       "  --stages          what each stage of the path takes, too\n"
	       "  --cpu N           to run on (the first that is allowed)\n"
	       "  --beside N        on this CPU a second worker runs, as a thread of this process\n"
	       "  --mixture NAME    of control (all of them)\n"
	       "  --patterns DIR    of compiled databases (patterns/ in the build folder)\n"
	       "  --no-patterns     without Hyperscan\n");
}

static void
print_list(void)
{
	for (size_t i = 0; i < SCENARIOS; i++)
		printf("%-12s %s\n", scenarios[i]->name, scenarios[i]->help);
}

/* A whole number from min to max; ends the program otherwise. */
static uint64_t
parse_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || value < min || value > max) {
		fprintf(stderr, "smtap-bench: --%s %s: must be a whole number from %llu to %llu\n",
			option, text, (unsigned long long)min, (unsigned long long)max);
		exit(2);
	}
	return value;
}

/* Databases stand in patterns/ beside the folder of this program in the build folder. */
static const char *
default_patterns(void)
{
	static char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 64);

	if (len <= 0)
		return NULL;
	path[len] = '\0';
	for (unsigned i = 0; i < 2; i++) {
		char *slash = strrchr(path, '/');
		if (!slash)
			return NULL;
		*slash = '\0';
	}
	strcat(path, "/patterns");
	char *end = path + strlen(path);
	strcpy(end, "/reply.hsdb");
	bool there = access(path, R_OK) == 0;
	*end = '\0';
	return there ? path : NULL;
}

static void
apply_cpu(struct bench_options *options, int code, int cpu)
{
	if (code == OPTION_CPU)
		options->cpu = cpu;
	else
		options->beside = cpu;
}

static void
apply_option(struct bench_options *options, int code, const char *name)
{
	switch (code) {
	case OPTION_JSON:
		options->json = true;
		return;
	case OPTION_LIST:
		print_list();
		exit(0);
	case OPTION_SECONDS:
		options->seconds = (double)parse_number(name, optarg, 1, 3600);
		return;
	case OPTION_REPEATS:
		options->repeats = (unsigned)parse_number(name, optarg, 1, BENCH_REPEATS_MAX);
		return;
	case OPTION_PACKETS:
		options->packets = parse_number(name, optarg, 1, 1000000000);
		return;
	case OPTION_SESSIONS:
		options->sessions = (uint32_t)parse_number(name, optarg, 1, 1 << 22);
		return;
	case OPTION_MAIL:
		options->mail_percent = (unsigned)parse_number(name, optarg, 1, 100);
		return;
	case OPTION_FRAME:
		options->frame_bytes =
			(unsigned)parse_number(name, optarg, TRAFFIC_FRAME_MIN, TRAFFIC_FRAME_MAX);
		return;
	case OPTION_HUGE:
		options->huge = true;
		return;
	case OPTION_APART:
		options->apart = true;
		return;
	case OPTION_MEMIF:
		options->memif = true;
		return;
	case OPTION_NIC_CHECKSUM:
		options->nic_checksum = true;
		return;
	case OPTION_STAGES:
		options->stages = true;
		return;
	case OPTION_CPU:
	case OPTION_BESIDE:
		apply_cpu(options, code, (int)parse_number(name, optarg, 0, 1023));
		return;
	case OPTION_MIXTURE:
		options->mixture = optarg;
		return;
	case OPTION_PATTERNS:
		options->patterns = optarg;
		return;
	case OPTION_NO_PATTERNS:
		options->patterns = NULL;
		return;
	case 'h':
		print_help();
		exit(0);
	default: /* getopt has said what is wrong */
		exit(2);
	}
}

static bool
is_wanted(const struct bench_scenario *scenario, char *const names[], int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], scenario->name) == 0)
			return true;
	return count == 0;
}

static void
check_names(char *const names[], int count)
{
	for (int i = 0; i < count; i++) {
		bool known = false;
		for (size_t k = 0; k < SCENARIOS; k++)
			known |= strcmp(names[i], scenarios[k]->name) == 0;
		if (known)
			continue;
		fprintf(stderr, "smtap-bench: no scenario is called %s (see --list)\n", names[i]);
		exit(2);
	}
}

struct second {
	const struct bench_scenario *scenario;
	struct bench_options options;
};

/* An lcore function; arg: struct second. */
static int
run_second(void *arg)
{
	struct second *second = arg;

	return second->scenario->run(&second->options);
}

/* 0: all went well. second: what another lcore is to do meanwhile; NULL: nothing. */
static int
run_scenario(const struct bench_scenario *scenario, const struct bench_options *options,
	struct second *second)
{
	if (!second)
		return scenario->run(options);
	second->scenario = scenario;
	if (rte_eal_remote_launch(run_second, second, 1) != 0)
		return -1;
	int result = scenario->run(options);
	return rte_eal_wait_lcore(1) == 0 ? result : -1;
}

/* Scenarios that play packets keep all that they write in their thread. */
static void
check_beside(const struct bench_options *options, char *const names[], int count)
{
	static const char *const alone[] = {
		"overload", "patterns", "control", "rules", "flowtable", "memory"};
	bool fits = count > 0 && !options->memif;

	for (int i = 0; i < count; i++)
		for (size_t k = 0; k < sizeof(alone) / sizeof(alone[0]); k++)
			fits &= strcmp(names[i], alone[k]) != 0;
	if (options->beside < 0 || fits)
		return;
	fprintf(stderr, "smtap-bench: --beside is for scenarios that play packets, by name, and "
			"not for --memif\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	struct bench_options options = {.seconds = 5, .repeats = 9, .cpu = -1, .beside = -1};
	struct second second;
	struct rig rigs[2];
	int which = 0;
	int status = 0;

	options.patterns = default_patterns();
	for (int code; (code = getopt_long(argc, argv, "h", long_options, &which)) != -1;)
		apply_option(&options, code, code == 'h' ? "help" : long_options[which].name);
	check_names(argv + optind, argc - optind);
	check_beside(&options, argv + optind, argc - optind);
	if (rig_open(&rigs[0], &options) != 0 ||
		(options.beside >= 0 && rig_open_second(&rigs[1], &options) != 0))
		return 1;
	options.rig = &rigs[0];
	second.options = options;
	second.options.rig = &rigs[1];
	for (size_t i = 0; i < SCENARIOS; i++)
		if (is_wanted(scenarios[i], argv + optind, argc - optind) &&
			run_scenario(
				scenarios[i], &options, options.beside >= 0 ? &second : NULL) != 0)
			status = 1;
	rig_close(&rigs[0]);
	return status;
}
