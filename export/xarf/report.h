/* report: an alert as an abuse report (XARF v4). Pure, but for the hashes. */
#ifndef SMTAP_EXPORT_XARF_REPORT_H
#define SMTAP_EXPORT_XARF_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#define REPORT_ID_MAX 37 /* a UUID, and NUL */

struct report_options {
	const char *sensor;
	const char *org; /* who reports */
	const char *contact;
	const char *domain;
	unsigned confidence; /* per cent, at least */
};

/*
 * What is reported of this alert: the address of who did it, borrowed from the alert. NULL: it is
 * no login attack from one address, it is not sure enough, or the address is nobody's outside.
 */
const char *report_source(const struct report_options *options, const json_t *eve);

/* The same for all alerts of one incident about one address. False: out of memory. */
bool report_id(const struct report_options *options, const json_t *eve, char id[REPORT_ID_MAX]);

/* A new object; NULL: out of memory. Only for what report_source() gives a source of. */
json_t *report_of(const struct report_options *options, const json_t *eve);

/* Is it an address of the Internet, and nobody's own: RFC 6890 and IANA's registries. */
bool report_is_global(const char *address);

#endif
