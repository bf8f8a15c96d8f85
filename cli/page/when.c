#include "cli/page/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define YEAR_MIN 1970
#define YEAR_MAX 9999

/* The number of exactly len digits at *p, which moves past them; -1 when there are none. */
static int
digits(const char **p, unsigned len)
{
	int n = 0;

	for (unsigned i = 0; i < len; i++) {
		char c = (*p)[i];

		if (c < '0' || c > '9')
			return -1;
		n = n * 10 + (c - '0');
	}
	*p += len;
	return n;
}

/* *p moves past c. */
static bool
skip(const char **p, const char *any)
{
	if (**p == '\0' || !strchr(any, **p))
		return false;
	(*p)++;
	return true;
}

static bool
parse_seconds(const char **p, struct tm *tm)
{
	int year, month, day;

	if ((year = digits(p, 4)) < YEAR_MIN || !skip(p, "-") || (month = digits(p, 2)) < 1 ||
		month > 12 || !skip(p, "-") || (day = digits(p, 2)) < 1 || day > 31 ||
		!skip(p, "T "))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return (tm->tm_hour = digits(p, 2)) >= 0 && tm->tm_hour < 24 && skip(p, ":") &&
	       (tm->tm_min = digits(p, 2)) >= 0 && tm->tm_min < 60 && skip(p, ":") &&
	       (tm->tm_sec = digits(p, 2)) >= 0 && tm->tm_sec <= 60;
}

/* Digits after the point; those past microseconds are dropped. */
static int64_t
parse_fraction(const char **p)
{
	int64_t us = 0, unit = WHEN_SECOND / 10;

	if (!skip(p, "."))
		return 0;
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		us += (**p - '0') * unit;
	return us;
}

static bool
parse_zone(const char *p, int64_t *offset_us)
{
	bool west = *p == '-';
	int hours, minutes;

	*offset_us = 0;
	if (strcmp(p, "Z") == 0)
		return true;
	if (!skip(&p, "+-") || (hours = digits(&p, 2)) < 0)
		return false;
	skip(&p, ":");
	if ((minutes = digits(&p, 2)) < 0 || *p != '\0')
		return false;
	*offset_us = (hours * WHEN_HOUR + minutes * WHEN_MINUTE) * (west ? -1 : 1);
	return true;
}

bool
when_parse(const char *text, int64_t *us)
{
	struct tm tm = {0};
	const char *p = text;
	int64_t fraction, offset;

	if (!parse_seconds(&p, &tm))
		return false;
	fraction = parse_fraction(&p);
	if (!parse_zone(p, &offset))
		return false;
	*us = (int64_t)timegm(&tm) * WHEN_SECOND + fraction - offset;
	return true;
}

int64_t
when_floor(int64_t us, int64_t width_us)
{
	int64_t rest = us % width_us;

	return us - (rest < 0 ? rest + width_us : rest);
}

static const char *
format(int64_t us, const char *how, char out[WHEN_MAX])
{
	time_t seconds = (time_t)(when_floor(us, WHEN_SECOND) / WHEN_SECOND);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(out, WHEN_MAX, how, &tm) == 0)
		out[0] = '\0';
	return out;
}

const char *
when_text(int64_t us, char out[WHEN_MAX])
{
	return format(us, "%Y-%m-%d %H:%M:%S", out);
}

const char *
when_clock(int64_t us, char out[WHEN_MAX])
{
	return format(us, "%H:%M:%S", out);
}

const char *
when_end(int64_t first_us, int64_t last_us, char out[WHEN_MAX])
{
	bool same_day = when_floor(first_us, WHEN_DAY) == when_floor(last_us, WHEN_DAY);

	return same_day ? when_clock(last_us, out) : when_text(last_us, out);
}

const char *
when_span(int64_t us, char out[WHEN_MAX])
{
	static const struct {
		int64_t unit;
		const char *name;
		int64_t small;
		const char *small_name;
	} units[] = {{WHEN_DAY, "d", WHEN_HOUR, "h"}, {WHEN_HOUR, "h", WHEN_MINUTE, "min"},
		{WHEN_MINUTE, "min", WHEN_SECOND, "s"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		long long whole = us / units[i].unit, rest = us % units[i].unit / units[i].small;

		if (whole == 0)
			continue;
		if (rest == 0)
			snprintf(out, WHEN_MAX, "%lld %s", whole, units[i].name);
		else
			snprintf(out, WHEN_MAX, "%lld %s %lld %s", whole, units[i].name, rest,
				units[i].small_name);
		return out;
	}
	if (us >= WHEN_SECOND)
		snprintf(out, WHEN_MAX, "%lld s", (long long)(us / WHEN_SECOND));
	else
		snprintf(out, WHEN_MAX, "%lld ms", (long long)(us / 1000));
	return out;
}

int64_t
when_width(int64_t span_us, unsigned parts)
{
	static const int64_t widths[] = {1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000,
		500000, WHEN_SECOND, 2 * WHEN_SECOND, 5 * WHEN_SECOND, 10 * WHEN_SECOND,
		15 * WHEN_SECOND, 30 * WHEN_SECOND, WHEN_MINUTE, 2 * WHEN_MINUTE, 5 * WHEN_MINUTE,
		10 * WHEN_MINUTE, 15 * WHEN_MINUTE, 30 * WHEN_MINUTE, WHEN_HOUR, 2 * WHEN_HOUR,
		3 * WHEN_HOUR, 6 * WHEN_HOUR, 12 * WHEN_HOUR, WHEN_DAY, 2 * WHEN_DAY, 5 * WHEN_DAY,
		10 * WHEN_DAY, 30 * WHEN_DAY, 100 * WHEN_DAY};
	size_t count = sizeof(widths) / sizeof(widths[0]);
	int64_t width;

	for (size_t i = 0; i < count; i++)
		if (span_us / widths[i] < (int64_t)parts)
			return widths[i];
	width = widths[count - 1];
	while (span_us / width >= (int64_t)parts)
		width *= 2;
	return width;
}

const char *
when_mark(int64_t us, int64_t width_us, char out[WHEN_MAX])
{
	if (width_us >= WHEN_DAY)
		return format(us, "%d %b", out);
	if (width_us >= WHEN_MINUTE)
		return format(us, us % WHEN_DAY == 0 ? "%d %b" : "%H:%M", out);
	format(us, "%H:%M:%S", out);
	if (width_us < WHEN_SECOND) {
		size_t len = strlen(out);
		int decimals = width_us % 100000 == 0 ? 1 : width_us % 10000 == 0 ? 2 : 3;

		snprintf(out + len, WHEN_MAX - len, ".%06lld",
			(long long)(us - when_floor(us, WHEN_SECOND)));
		out[len + 1 + (size_t)decimals] = '\0';
	}
	return out;
}
