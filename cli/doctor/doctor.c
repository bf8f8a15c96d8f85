#include "cli/doctor/doctor.h"

#include <stdio.h>
#include <string.h>

struct check {
	const char *name;
	void (*examine)(const struct doctor *d, struct diag *r);
};

static const struct check checks[] = {
#define X(name, help) {#name, doctor_##name},
	DOCTOR_CHECKS(X)
#undef X
};

#define CHECKS (sizeof(checks) / sizeof(checks[0]))

static void
examine(const struct check *check, const struct doctor *d, struct diag *r)
{
	r->check = check->name;
	check->examine(d, r);
}

void
doctor_examine(const struct doctor *d, struct diag *r)
{
	for (size_t i = 0; i < CHECKS; i++)
		examine(&checks[i], d, r);
}

bool
doctor_examine_one(const struct doctor *d, struct diag *r, const char *name)
{
	for (size_t i = 0; i < CHECKS; i++) {
		if (strcmp(checks[i].name, name) != 0)
			continue;
		examine(&checks[i], d, r);
		return true;
	}
	return false;
}

bool
doctor_has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; *at; at += strcspn(at, " "), at += *at == ' ') {
		if (strcspn(at, " ") == len && strncmp(at, word, len) == 0)
			return true;
	}
	return false;
}

const char *
doctor_size(uint64_t bytes, char out[24])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	unsigned unit = 0;

	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	snprintf(out, 24, value < 10 && unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}
