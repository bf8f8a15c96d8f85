#include "dataplane/io/eal.h"

#include <errno.h>
#include <rte_config.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EAL_ARGS_MAX (16 + EAL_DEVICES_MAX)
/*
 * EAL makes a folder for the files that it shares with secondary processes even
 * when it shares nothing (--no-shconf), and goes on when it cannot. Where no folder
 * can be, none is left behind, not even by a process that is killed.
 */
#define EAL_NO_DIR "/dev/null"

/* "(0,1,5)": the CPUs that we may use; EAL knows those below RTE_MAX_LCORE. */
static int
eal_write_cpus(FILE *out)
{
	cpu_set_t set;
	const char *separator = "(";

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return -errno;
	for (int cpu = 0; cpu < RTE_MAX_LCORE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		fprintf(out, "%s%d", separator, cpu);
		separator = ",";
	}
	if (*separator == '(')
		return -ENODEV;
	fputc(')', out);
	return 0;
}

/* "--lcores=0@(0,1),1@(0,1)": each lcore a thread that may run on each of our CPUs, or on its
   own one. */
static char *
eal_lcores_argument(const struct eal_options *o)
{
	char *text = NULL;
	size_t len;
	int r = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fputs("--lcores=", out);
	for (unsigned i = 0; i <= o->lcores && r == 0; i++) {
		fprintf(out, "%s%u@", i ? "," : "", i);
		if (i > 0 && o->cpus && o->cpus[i - 1] >= 0)
			fprintf(out, "%d", o->cpus[i - 1]);
		else
			r = eal_write_cpus(out);
	}
	fclose(out);
	if (r != 0) {
		free(text);
		errno = -r;
		return NULL;
	}
	return text;
}

/* The last line of what EAL said. */
static void
eal_last_words(char *log, char *why, size_t why_len)
{
	size_t len = strlen(log);

	while (len > 0 && log[len - 1] == '\n')
		log[--len] = '\0';
	char *line = strrchr(log, '\n');
	snprintf(why, why_len, "%s", line ? line + 1 : log);
}

/* EAL rewrites what it is given: a copy of its own. -ENOMEM is found by the caller. */
static void
eal_add(char **argv, int *argc, const char *text)
{
	argv[*argc] = strdup(text);
	if (argv[*argc])
		(*argc)++;
}

static int
eal_init(const char *lcores, const struct eal_options *o)
{
	char memory[16];
	char *argv[EAL_ARGS_MAX] = {NULL};
	int argc = 0;

	setenv("RUNTIME_DIRECTORY", EAL_NO_DIR, 1);
	snprintf(memory, sizeof(memory), "%u", o->memory_mib);
	eal_add(argv, &argc, "smtap-dataplane");
	/* --in-memory: no files, no mount of hugetlbfs; 22.11 refuses it beside --no-huge. */
	if (o->huge_pages) {
		eal_add(argv, &argc, "--in-memory");
	} else {
		eal_add(argv, &argc, "--no-huge");
		eal_add(argv, &argc, "--no-shconf");
		eal_add(argv, &argc, "-m");
		eal_add(argv, &argc, memory);
	}
	if (!o->pci)
		eal_add(argv, &argc, "--no-pci");
	eal_add(argv, &argc, "--no-telemetry");
	eal_add(argv, &argc, lcores);
	for (unsigned i = 0; i < o->device_count; i++)
		eal_add(argv, &argc, o->devices[i]);
	/* The strings stay: EAL keeps pointers into some. */
	return rte_eal_init(argc, argv) < 0 ? -rte_errno : 0;
}

unsigned
eal_huge_mib(int node)
{
	char path[128];
	unsigned long pages = 0;

	if (node < 0)
		snprintf(path, sizeof(path), "%s",
			"/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
	else
		snprintf(path, sizeof(path),
			"/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/free_hugepages",
			node);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return (unsigned)pages * 2;
}

int
eal_start(const struct eal_options *options, char *why, size_t why_len)
{
	char *log = NULL;
	size_t log_len;
	char *argument = eal_lcores_argument(options);

	if (!argument) {
		snprintf(why, why_len, "no CPU to run on: %s", strerror(errno));
		return -ENODEV;
	}
	/* What EAL says matters only when it fails. */
	FILE *stream = open_memstream(&log, &log_len);
	if (!stream) {
		free(argument);
		return -ENOMEM;
	}
	rte_openlog_stream(stream);
	int r = eal_init(argument, options);
	if (r == 0)
		rte_log_set_global_level(RTE_LOG_ALERT);
	rte_openlog_stream(NULL);
	fclose(stream);
	free(argument);
	if (r != 0)
		eal_last_words(log, why, why_len);
	free(log);
	return r;
}

void
eal_stop(void)
{
	rte_eal_cleanup();
}
