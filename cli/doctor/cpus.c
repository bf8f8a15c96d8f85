#include "cli/doctor/cpus.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS (CPUS_MAX / 64)

bool
cpus_parse(struct cpus *out, const char *text)
{
	*out = (struct cpus){0};
	while (*text && *text != '\n') {
		char *end;
		unsigned long first = strtoul(text, &end, 10);
		unsigned long last = first;

		if (end == text)
			return false;
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
			if (end == text)
				return false;
		}
		if (last < first || last >= CPUS_MAX)
			return false;
		for (unsigned long cpu = first; cpu <= last; cpu++)
			cpus_add(out, (unsigned)cpu);
		if (*end != ',' && *end != '\0' && *end != '\n')
			return false;
		text = *end == ',' ? end + 1 : end;
	}
	return true;
}

void
cpus_format(const struct cpus *cpus, char *out, size_t len)
{
	size_t at = 0;

	out[0] = '\0';
	for (unsigned cpu = 0; cpu < CPUS_MAX && at < len; cpu++) {
		unsigned last = cpu;

		if (!cpus_has(cpus, cpu))
			continue;
		while (cpus_has(cpus, last + 1))
			last++;
		int n = snprintf(out + at, len - at, "%s%u", at ? "," : "", cpu);
		at += (size_t)n;
		if (last > cpu && at < len)
			at += (size_t)snprintf(out + at, len - at, "-%u", last);
		cpu = last;
	}
}

unsigned
cpus_count(const struct cpus *cpus)
{
	unsigned count = 0;

	for (unsigned i = 0; i < WORDS; i++)
		count += (unsigned)__builtin_popcountll(cpus->bit[i]);
	return count;
}

struct cpus
cpus_both(const struct cpus *a, const struct cpus *b)
{
	struct cpus out;

	for (unsigned i = 0; i < WORDS; i++)
		out.bit[i] = a->bit[i] & b->bit[i];
	return out;
}

struct cpus
cpus_less(const struct cpus *a, const struct cpus *b)
{
	struct cpus out;

	for (unsigned i = 0; i < WORDS; i++)
		out.bit[i] = a->bit[i] & ~b->bit[i];
	return out;
}

struct cpus
cpus_last(const struct cpus *set, unsigned count)
{
	struct cpus out = {0};
	unsigned left = cpus_count(set);

	for (unsigned cpu = CPUS_MAX; cpu-- > 0 && count > 0 && left > 1;) {
		if (!cpus_has(set, cpu))
			continue;
		cpus_add(&out, cpu);
		count--;
		left--;
	}
	return out;
}
