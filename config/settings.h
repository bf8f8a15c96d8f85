/*
 * The list of settings. X(type, field, "name", default, min, max, "help")
 * COUNT: a whole number. DURATION: nanoseconds. BOOL: min and max unused.
 */
#ifndef SMTAP_CONFIG_SETTINGS_H
#define SMTAP_CONFIG_SETTINGS_H

#include "base/duration.h"

/* clang-format off */
#define CONFIG_SETTINGS_DATAPLANE(X)                                                               \
	X(COUNT, workers, "dataplane.workers", 1, 1, 64,                                           \
		"Worker lcores, one queue each")                                                   \
	X(COUNT, sessions, "dataplane.sessions", 65536, 64, 1u << 26,                              \
		"Sessions tracked per worker")                                                     \
	X(DURATION, session_idle, "dataplane.session_idle", 10 * NS_PER_MIN,                       \
		NS_PER_S, 24 * NS_PER_H, "Silence after which a session is over")                  \
	X(DURATION, session_half_open, "dataplane.session_half_open", 30 * NS_PER_S,               \
		NS_PER_S, NS_PER_H, "The same, before any data was seen")                          \
	X(BOOL, proxy_protocol, "mail.proxy_protocol", false, 0, 1,                                \
		"Expect a PROXY protocol header at the start of a connection")

#define CONFIG_SETTINGS_AGGR(X)                                                                    \
	X(COUNT, aggr_sources, "aggregate.sources", 65536, 64, 1u << 26,                           \
		"Sources tracked at a time")                                                       \
	X(COUNT, aggr_accounts, "aggregate.accounts", 65536, 64, 1u << 26,                         \
		"Accounts tracked at a time")

#define CONFIG_SETTINGS_DETECT(X)                                                                  \
	X(DURATION, incident_quiet, "incident.quiet", 30 * NS_PER_MIN, NS_PER_MIN, 24 * NS_PER_H,  \
		"Quiet time after which an incident closes")                                       \
	X(DURATION, incident_update, "incident.update_interval", 5 * NS_PER_MIN,                   \
		NS_PER_S, 24 * NS_PER_H, "At most one update of an incident in this time")

#define CONFIG_SETTINGS(X)                                                                         \
	CONFIG_SETTINGS_DATAPLANE(X)                                                               \
	CONFIG_SETTINGS_AGGR(X)                                                                    \
	CONFIG_SETTINGS_DETECT(X)
/* clang-format on */

#endif
