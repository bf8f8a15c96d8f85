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

#define EAL_ARGS_MAX 16
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

/* "--lcores=0@(0,1),1@(0,1)": each lcore a thread that may run on each of our CPUs. */
static char *
eal_lcores_argument(unsigned lcores)
{
	char *text = NULL;
	size_t len;
	int r = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fputs("--lcores=", out);
	for (unsigned i = 0; i <= lcores && r == 0; i++) {
		fprintf(out, "%s%u@", i ? "," : "", i);
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

static int
eal_init(char *lcores, unsigned memory_mib)
{
	char memory[16];
	char program[] = "smtap-dataplane";
	char no_huge[] = "--no-huge";
	char no_shconf[] = "--no-shconf";
	char no_pci[] = "--no-pci";
	char no_telemetry[] = "--no-telemetry";
	char m[] = "-m";
	char *argv[EAL_ARGS_MAX] = {
		program, no_huge, no_shconf, no_pci, no_telemetry, lcores, m, memory, NULL};

	setenv("RUNTIME_DIRECTORY", EAL_NO_DIR, 1);
	snprintf(memory, sizeof(memory), "%u", memory_mib);
	return rte_eal_init(8, argv) < 0 ? -rte_errno : 0;
}

int
eal_start(unsigned lcores, unsigned memory_mib, char *why, size_t why_len)
{
	char *log = NULL;
	size_t log_len;
	char *argument = eal_lcores_argument(lcores);

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
	int r = eal_init(argument, memory_mib);
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
