/* The values of a rule: detectors by name, times, accounts. */
#include "config/rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/duration.h"
#include "config/detectors.h"
#include "config/rules_internal.h"

#define YEAR_MAX 2261 /* what nanoseconds since the epoch reach: EVENT_TIME_MAX_NS */
#define NS_PER_DAY (24 * NS_PER_H)

static const char *const detector_names[] = {
#define X(id, name) #name,
	DETECTORS(X) TRACKED_DETECTORS(X) RULE_DETECTORS(X)
#undef X
};

#define DETECTOR_NAMES (sizeof(detector_names) / sizeof(detector_names[0]))

_Static_assert(DETECTOR_NAMES <= 64, "a rule has a bit for each detector");

const char *
config_rule_list_name(enum config_rule_list list)
{
	return list == CONFIG_SUPPRESS ? "suppress" : "allow";
}

const char *
config_detector_name(unsigned detector)
{
	return detector < DETECTOR_NAMES ? detector_names[detector] : NULL;
}

void
config_fold(char *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + ('a' - 'A')) : text[i];
}

/* Digits where the form has 0, all else as the form has it. */
static bool
has_form(const char *text, const char *form)
{
	for (; *form; text++, form++)
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	return *text == '\0';
}

static int
digits(const char *text, unsigned n)
{
	int v = 0;

	while (n--)
		v = v * 10 + (*text++ - '0');
	return v;
}

int
rule_parse_until(const char *text, uint64_t *until_ns)
{
	bool day = has_form(text, "0000-00-00");
	struct tm tm = {0}, again;
	time_t at;

	if (strcmp(text, "never") == 0) {
		*until_ns = CONFIG_RULE_NEVER;
		return 0;
	}
	if (!day && !has_form(text, "0000-00-00T00:00:00Z"))
		return -EINVAL;
	tm.tm_year = digits(text, 4) - 1900;
	tm.tm_mon = digits(text + 5, 2) - 1;
	tm.tm_mday = digits(text + 8, 2);
	if (!day) {
		tm.tm_hour = digits(text + 11, 2);
		tm.tm_min = digits(text + 14, 2);
		tm.tm_sec = digits(text + 17, 2);
	}
	again = tm;
	at = timegm(&again);
	/* What is no date, such as 30 February, becomes another one. */
	if (again.tm_mon != tm.tm_mon || again.tm_mday != tm.tm_mday ||
		again.tm_hour != tm.tm_hour || again.tm_min != tm.tm_min ||
		again.tm_sec != tm.tm_sec || tm.tm_year < 70 || tm.tm_year > YEAR_MAX - 1900)
		return -EINVAL;
	*until_ns = (uint64_t)at * NS_PER_S + (day ? NS_PER_DAY : 0);
	return 0;
}

void
config_rule_until(const struct config_rule *rule, char out[CONFIG_RULE_TIME_MAX])
{
	bool day = rule->until_ns > 0 && rule->until_ns % NS_PER_DAY == 0;
	time_t at = (time_t)((rule->until_ns - (day ? NS_PER_DAY : 0)) / NS_PER_S);
	struct tm tm;

	if (rule->until_ns == CONFIG_RULE_NEVER) {
		strcpy(out, "never");
		return;
	}
	gmtime_r(&at, &tm);
	strftime(out, CONFIG_RULE_TIME_MAX, day ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M:%SZ", &tm);
}
