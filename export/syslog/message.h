/* message: an alert as a syslog message (RFC 5424). Pure. */
#ifndef SMTAP_EXPORT_SYSLOG_MESSAGE_H
#define SMTAP_EXPORT_SYSLOG_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/encode/encode.h"
#include "export/sink/sink.h"

#define MESSAGE_SD_ID_MAX 32 /* RFC 5424 6.3.2 */

struct message_options {
	enum encode_format format;
	unsigned facility; /* 0..23 */
	const char *sensor;
	const char *app_name;
	const char *sd_id; /* "name@number", or "" */
	size_t max;        /* bytes of a message */
	long pid;
};

/*
 * sequence is the message's number since start, from 1. To be freed; *len may be above max when
 * nothing more can be left out. NULL: out of memory.
 */
char *message_of(const struct message_options *options, const struct sink_alert *alert,
	uint32_t sequence, size_t *len);

/* Is it an SD-ID that RFC 5424 lets anybody use: name@number? */
bool message_sd_id_is_right(const char *sd_id);

#endif
