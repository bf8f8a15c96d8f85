/* cpus: sets of CPUs as the kernel writes them: "0-3,8". */
#ifndef SMTAP_CLI_DOCTOR_CPUS_H
#define SMTAP_CLI_DOCTOR_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPUS_MAX 1024

struct cpus {
	uint64_t bit[CPUS_MAX / 64];
};

/* false when text is no such list; what was read until then is in out. */
bool cpus_parse(struct cpus *out, const char *text);
/* "0-3,8" */
void cpus_format(const struct cpus *cpus, char *out, size_t len);

static inline bool
cpus_has(const struct cpus *cpus, unsigned cpu)
{
	return cpu < CPUS_MAX && (cpus->bit[cpu / 64] >> cpu % 64 & 1);
}

static inline void
cpus_add(struct cpus *cpus, unsigned cpu)
{
	if (cpu < CPUS_MAX)
		cpus->bit[cpu / 64] |= 1ULL << cpu % 64;
}

unsigned cpus_count(const struct cpus *cpus);
struct cpus cpus_both(const struct cpus *a, const struct cpus *b);
/* Of a, without those of b. */
struct cpus cpus_less(const struct cpus *a, const struct cpus *b);
/* The last `count` of a set, but never its first: something else has to run as well. */
struct cpus cpus_last(const struct cpus *set, unsigned count);

#endif
