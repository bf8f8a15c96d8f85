/*
 * encode: an alert in the words of other systems. Pure: EVE in, text out; no clock, no I/O.
 * doc/export.md tells what becomes what.
 */
#ifndef SMTAP_EXPORT_ENCODE_ENCODE_H
#define SMTAP_EXPORT_ENCODE_ENCODE_H

#include <jansson.h>

/* X(enumerator, "name", "what it is") */
#define ENCODE_FORMATS(X)                                \
	X(EVE, "eve", "EVE JSON, as in eve.json")        \
	X(ECS, "ecs", "Elastic Common Schema 8")         \
	X(OCSF, "ocsf", "OCSF Detection Finding (2004)") \
	X(CEF, "cef", "ArcSight Common Event Format")

enum encode_format {
#define X(enumerator, name, what) ENCODE_##enumerator,
	ENCODE_FORMATS(X)
#undef X
		ENCODE_FORMAT_COUNT
};

/* Of the choices of a key "format", in this order. */
#define ENCODE_CHOICES "eve|ecs|ocsf|cef"

/* A text on one line, no newline, to be freed; NULL: out of memory. eve is an alert of ours. */
char *encode_alert(enum encode_format format, const json_t *eve, const char *sensor);

/*
 * The same in at most max bytes: what is needed least is left out until it fits, and smtap.cut says
 * that something was (in CEF nothing says it). An alert that does not fit however little it says is
 * as short as it gets: the caller sees it by its length.
 */
char *encode_alert_within(
	enum encode_format format, const json_t *eve, const char *sensor, size_t max);

#endif
