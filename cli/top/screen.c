#include "cli/top/screen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S 1e9
#define PEOPLE_MIN 3u /* rows of sources and accounts, at least */

__attribute__((format(printf, 3, 4))) static void
put(struct screen *s, bool bold, const char *format, ...)
{
	char text[SCREEN_COLUMNS + 1];
	va_list args;

	if (s->used >= s->rows)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(s->line[s->used], sizeof(s->line[0]), "%.*s", (int)s->columns, text);
	s->bold[s->used++] = bold;
}

/* Names may be in any script, and of any width: what is no ASCII is a question mark here. */
static const char *
ascii(const json_t *text, char *out, size_t out_len)
{
	const char *p = json_string_value(text);
	size_t n = 0;

	for (p = p ? p : "-"; *p && n + 1 < out_len; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c & 0xc0) != 0x80)
			out[n++] = c >= 32 && c < 127 ? (char)c : '?';
	}
	out[n] = '\0';
	return out;
}

static double
counter(const json_t *status, const char *name)
{
	return json_number_value(json_object_get(json_object_get(status, "counters"), name));
}

/* How much a second between the two, or since it started when there is one only. */
static double
rate(const json_t *now, const json_t *before, const char *name)
{
	double ns = json_number_value(json_object_get(now, "clock_ns")) -
		    json_number_value(json_object_get(before, "clock_ns"));
	double more = counter(now, name) - counter(before, name);

	return before && ns > 0 && more > 0 ? more * NS_PER_S / ns : 0;
}

/* "12.3 k" */
static const char *
short_number(double n, char out[16])
{
	static const char units[] = " kMGT";
	unsigned u = 0;

	for (; n >= 10000 && u + 2 < sizeof(units); u++)
		n /= 1000;
	if (u == 0)
		snprintf(out, 16, "%.0f", n);
	else
		snprintf(out, 16, "%.1f %c", n, units[u]);
	return out;
}

/* "2026-11-22T11:35:01.123456+0000": the part after the T, as far as seconds. */
static const char *
clock_of(const json_t *object, const char *key, char out[16])
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(out, 16, "%.8s", text && strlen(text) > 19 ? text + 11 : "-");
	return out;
}

static void
put_head(struct screen *s, const json_t *now, const json_t *before)
{
	char n[8][16], time[16], started[16];
	static const char *const lost[] = {
		"port_missed", "port_nombuf", "port_errors", "dispatch_full", "decode_cut"};
	double lost_rate = 0;
	const char *version = json_string_value(json_object_get(now, "version"));

	for (unsigned i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		lost_rate += rate(now, before, lost[i]);
	put(s, true, "smtap %s   %s UTC, up since %s   %s", version ? version : "?",
		clock_of(now, "time", time), clock_of(now, "started", started),
		json_is_true(json_object_get(now, "losing")) ? "THE SENSOR LOSES PACKETS" : "");
	put(s, false, "packets/s %-9s mail/s %-9s new sessions/s %-9s lost packets/s %s",
		short_number(rate(now, before, "rx_packets"), n[0]),
		short_number(rate(now, before, "decode_mail"), n[1]),
		short_number(rate(now, before, "sessions"), n[2]), short_number(lost_rate, n[3]));
	put(s, false, "bytes/s %-11s AUTH/s %-9s attempts %-15s losses known %s",
		short_number(rate(now, before, "rx_bytes"), n[4]),
		short_number(rate(now, before, "auth_attempts"), n[5]),
		short_number(counter(now, "auth_attempts"), n[6]),
		short_number(json_number_value(json_object_get(now, "sensor_loss")), n[7]));
}

static void
put_incident(struct screen *s, const json_t *i)
{
	char time[16], source[40], account[64], severity[16], stage[16];
	const json_t *sources = json_object_get(i, "sources");
	size_t more = json_array_size(sources);
	char others[24] = "";

	if (more > 1)
		snprintf(others, sizeof(others), " +%zu", more - 1);
	put(s, false, "%6" JSON_INTEGER_FORMAT " %-9s %-11s %-9s %-22s%-4s %s",
		json_integer_value(json_object_get(i, "incident_id")),
		ascii(json_object_get(i, "severity"), severity, sizeof(severity)),
		ascii(json_object_get(i, "stage"), stage, sizeof(stage)),
		clock_of(i, "last_seen", time), ascii(json_array_get(sources, 0), source, 23),
		others,
		ascii(json_array_get(json_object_get(i, "accounts"), 0), account, sizeof(account)));
}

static void
put_incidents(struct screen *s, const json_t *now, unsigned most)
{
	const json_t *list = json_object_get(now, "incidents"), *one;
	size_t i;

	put(s, false, "%s", "");
	put(s, true, "%6s %-9s %-11s %-9s %-26s %s", "ID", "SEVERITY", "STAGE", "LAST SEEN",
		"SOURCES", "ACCOUNT");
	json_array_foreach(list, i, one)
	{
		if (i == most)
			break;
		put_incident(s, one);
	}
	if (json_array_size(list) == 0)
		put(s, false, "%6s no incident is open", "");
	else if (json_array_size(list) > most)
		put(s, false, "%6s and %zu more: smtap incidents --open", "",
			json_array_size(list) - most);
}

static void
put_people(struct screen *s, const json_t *now)
{
	const json_t *sources = json_object_get(now, "top_sources");
	const json_t *accounts = json_object_get(now, "top_accounts");
	size_t n = json_array_size(sources) > json_array_size(accounts) ? json_array_size(sources)
									: json_array_size(accounts);

	put(s, false, "%s", "");
	put(s, true, "%-28s %8s %7s   %-22s %8s", "SOURCE", "FAILURES", "LOGINS", "ACCOUNT",
		"FAILURES");
	for (size_t i = 0; i < n && s->used < s->rows; i++) {
		const json_t *source = json_array_get(sources, i);
		const json_t *account = json_array_get(accounts, i);
		char name[32], other[32], left[64] = "", right[48] = "";

		if (source)
			snprintf(left, sizeof(left),
				"%-28s %8" JSON_INTEGER_FORMAT " %7" JSON_INTEGER_FORMAT,
				ascii(json_object_get(source, "source"), name, 29),
				json_integer_value(json_object_get(source, "failures")),
				json_integer_value(json_object_get(source, "successes")));
		if (account)
			snprintf(right, sizeof(right), "%-22s %8" JSON_INTEGER_FORMAT,
				ascii(json_object_get(account, "account"), other, 23),
				json_integer_value(json_object_get(account, "failures")));
		put(s, false, "%-45s   %s", left, right);
	}
}

void
screen_fill(struct screen *s, const json_t *now, const json_t *before)
{
	unsigned head = 3, titles = 2 + 2 + 1, room;

	s->used = 0;
	s->rows = s->rows < SCREEN_ROWS ? s->rows : SCREEN_ROWS;
	s->columns = s->columns < SCREEN_COLUMNS ? s->columns : SCREEN_COLUMNS;
	room = s->rows > head + titles + PEOPLE_MIN ? s->rows - head - titles - PEOPLE_MIN : 1;
	put_head(s, now, before);
	/* Incidents get up to half of what is left, people the rest. */
	put_incidents(s, now, room / 2 > 1 ? room / 2 : 1);
	put_people(s, now);
}
