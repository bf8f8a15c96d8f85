/* syslog: alerts to a log server, RFC 5424 over TLS, TCP or UDP. */
#ifndef SMTAP_EXPORT_SYSLOG_SYSLOG_H
#define SMTAP_EXPORT_SYSLOG_SYSLOG_H

#include "export/sink/sink.h"

extern const struct sink_kind syslog_kind;

#endif
