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
	X(DURATION, idle_sleep, "dataplane.idle_sleep", 50 * NS_PER_US, 0, 100 * NS_PER_MS,        \
		"Nap of a worker on a live port that brings nothing; 0s: it polls on")             \
	X(COUNT, rx_descriptors, "dataplane.rx_descriptors", 2048, 64, 32768,                      \
		"Packets that a live port keeps for a worker, if it can")                          \
	X(BOOL, nic_filter, "dataplane.nic_filter", true, 0, 1,                                    \
		"Let live ports drop what is certainly no mail, where they can")                   \
	X(BOOL, shed, "dataplane.shed", true, 0, 1,                                                \
		"Live, under overload: leave out bodies, then sessions of least interest")     \
	X(DURATION, stats_interval, "stats.interval", 60 * NS_PER_S, NS_PER_S, 24 * NS_PER_H,      \
		"How often a live run writes a stats line")                                        \
	X(COUNT, loss_percent, "stats.loss_percent", 1, 0, 100,                                    \
		"Per cent of a minute's packets whose loss is an alert; 0: never")                 \
	X(BOOL, proxy_protocol, "mail.proxy_protocol", false, 0, 1,                                \
		"Expect a PROXY protocol header at the start of a connection")                     \
	X(BOOL, confine_calls, "confine.system_calls", true, 0, 1,                                 \
		"A system call that a program does not need ends it")

#define CONFIG_SETTINGS_STORE(X)                                                                   \
	X(DURATION, store_keep, "store.keep", 90 * 24 * NS_PER_H, NS_PER_H, 3650 * 24 * NS_PER_H,  \
		"How long closed incidents are kept")                                              \
	X(COUNT, store_size, "store.size", 1024, 16, 1u << 20,                                     \
		"MiB of the store, about, past which the oldest closed incidents go")              \
	X(COUNT, store_memory, "store.memory", 32, 1, 4096,                                        \
		"MiB of alerts that are kept in memory while the store cannot be written")         \
	X(DURATION, store_snapshot, "store.snapshot", 5 * NS_PER_S, 0, NS_PER_H,                   \
		"How often a live run writes down what it knows of attacks; 0s: never")

#define CONFIG_SETTINGS_EVE(X)                                                                     \
	X(COUNT, eve_rotate_size, "eve.rotate_size", 0, 0, 1u << 20,                               \
		"MiB at which a live run puts eve.json aside and begins another; 0: never")        \
	X(DURATION, eve_rotate_interval, "eve.rotate_interval", 0, 0, 366 * 24 * NS_PER_H,         \
		"How often it does; 1d is at midnight, in UTC; 0s: never")                         \
	X(COUNT, eve_keep, "eve.keep", 0, 0, 100000,                                               \
		"How many of those put aside are kept; 0: all")

#define CONFIG_SETTINGS_HEALTH(X)                                                                  \
	X(DURATION, health_silence, "health.silence", 10 * NS_PER_MIN, 0, 24 * 30 * NS_PER_H,      \
		"Time without a packet after which /healthz fails; 0s: it may be quiet for ever")  \
	X(DURATION, health_failing, "health.failing", 5 * NS_PER_MIN, 0, 24 * NS_PER_H,            \
		"Time that an exporter may fail before /healthz does")

#define CONFIG_SETTINGS_AGGR(X)                                                                    \
	X(COUNT, aggr_sources, "aggregate.sources", 65536, 64, 1u << 26,                           \
		"Sources tracked at a time")                                                       \
	X(COUNT, aggr_prefixes, "aggregate.prefixes", 32768, 64, 1u << 26,                         \
		"Prefixes (IPv4 /24, IPv6 /64) tracked at a time")                                 \
	X(COUNT, aggr_accounts, "aggregate.accounts", 65536, 64, 1u << 26,                         \
		"Accounts tracked at a time")                                                      \
	X(COUNT, aggr_servers, "aggregate.servers", 4096, 16, 1u << 20,                            \
		"Servers tracked at a time")                                                       \
	X(COUNT, aggr_pairs, "aggregate.pairs", 262144, 256, 1u << 28,                             \
		"Pairs of source (or prefix) and account tracked at a time")                       \
	X(COUNT, aggr_trackers, "aggregate.trackers", 65536, 64, 1u << 24,                         \
		"Subjects of the detectors of connections and mail tracked at a time")             \
	X(DURATION, aggr_episode_gap, "aggregate.episode_gap", 2 * NS_PER_H,                       \
		NS_PER_MIN, 24 * NS_PER_H,                                                         \
		"Time without a failing attempt after which a subject's evidence starts over")

#define CONFIG_SETTINGS_DETECT(X)                                                                  \
	X(DURATION, incident_quiet, "incident.quiet", 30 * NS_PER_MIN, NS_PER_MIN, 24 * NS_PER_H,  \
		"Quiet time after which an incident closes")                                       \
	X(DURATION, incident_update, "incident.update_interval", 5 * NS_PER_MIN,                   \
		NS_PER_S, 24 * NS_PER_H, "At most one update of a finding in this time")           \
	X(COUNT, incident_alerts, "incident.alerts", 20, 1, 100000,                                \
		"Alerts of one incident in that time, but for those that take it further")         \
	X(DURATION, incident_remember, "incident.remember", 24 * NS_PER_H, NS_PER_MIN,             \
		24 * 30 * NS_PER_H,                                                                \
		"Time after its end in which what belongs to an incident opens it again")          \
	X(COUNT, incident_table, "incident.table", 4096, 16, 1u << 20,                             \
		"Findings kept; past that the oldest closed one is forgotten")                     \
	X(COUNT, typos, "detect.typos", 5, 0, 100,                                                 \
		"Wrong passwords that a login from the same source forgives")                      \
	X(COUNT, low_source, "detect.low_source", 7, 1, 1000,                                      \
		"Guesses in an hour up to which a source counts for prefix, account and server")   \
	X(COUNT, bf_passwords, "bruteforce.passwords", 8, 2, 60,                                   \
		"Distinct wrong passwords from one source in 10 minutes")                          \
	X(COUNT, bf_passwords_hour, "bruteforce.passwords_hour", 15, 2, 10000,                     \
		"The same, in an hour")                                                            \
	X(COUNT, bf_blind, "bruteforce.blind", 12, 2, 10000,                                       \
		"Failures from one source in 10 minutes whose passwords are unknown")              \
	X(COUNT, bf_blind_hour, "bruteforce.blind_hour", 40, 2, 10000,                             \
		"The same, in an hour")                                                            \
	X(COUNT, bf_refused, "bruteforce.refused", 20, 2, 10000,                                   \
		"Attempts in 10 minutes that came to no password check, less the logins")          \
	X(COUNT, bf_refused_hour, "bruteforce.refused_hour", 100, 2, 10000,                        \
		"The same, in an hour")                                                            \
	X(COUNT, bf_per_account, "bruteforce.per_account", 6, 1, 1000,                             \
		"Guesses at one account that tell bruteforce from spray and stuffing")             \
	X(COUNT, spray_shared, "spray.shared", 8, 2, 10000,                                        \
		"Accounts tried with one and the same password in a day")                          \
	X(COUNT, spray_accounts, "spray.accounts", 20, 2, 10000,                                   \
		"Accounts that failed in 10 minutes, with few passwords or unknown ones")          \
	X(COUNT, spray_accounts_hour, "spray.accounts_hour", 30, 2, 10000,                         \
		"The same, in an hour")                                                            \
	X(COUNT, spray_accounts_day, "spray.accounts_day", 60, 2, 10000,                           \
		"The same, in a day")                                                              \
	X(COUNT, stuffing_accounts, "stuffing.accounts", 20, 2, 10000,                             \
		"Accounts that failed in 10 minutes, each with its own password")                  \
	X(COUNT, stuffing_accounts_hour, "stuffing.accounts_hour", 30, 2, 10000,                   \
		"The same, in an hour")                                                            \
	X(COUNT, stuffing_accounts_day, "stuffing.accounts_day", 60, 2, 10000,                     \
		"The same, in a day")                                                              \
	X(COUNT, prefix_sources_v6, "prefix.sources_v6", 3, 2, 1000,                               \
		"Sources of an IPv6 /64, each below its thresholds, that make it the attacker")    \
	X(COUNT, prefix_guesses, "prefix.guesses", 15, 2, 10000,                                   \
		"Guesses at few accounts in an hour, from several /64s of an IPv6 /56")            \
	X(COUNT, prefix_accounts, "prefix.accounts", 30, 2, 10000,                                 \
		"Guesses over many accounts in an hour, from several /64s of an IPv6 /56")         \
	X(COUNT, prefix_sources_v4, "prefix.sources_v4", 10, 2, 256,                               \
		"The same, of an IPv4 /24")                                                        \
	X(COUNT, prefix_factor_v4, "prefix.factor_v4", 2, 1, 100,                                  \
		"Times a source's thresholds that an IPv4 /24 has to reach")                       \
	X(COUNT, dist_sources, "distributed.sources", 10, 2, 10000,                                \
		"Sources, each below its own thresholds, that fail for one account in an hour")    \
	X(COUNT, dist_passwords, "distributed.passwords", 8, 2, 60,                                \
		"Distinct wrong passwords among them")                                             \
	X(COUNT, dist_sources_day, "distributed.sources_day", 20, 2, 10000,                        \
		"The same sources, in a day")                                                      \
	X(COUNT, dist_passwords_day, "distributed.passwords_day", 20, 2, 60,                       \
		"The same passwords, in a day")                                                    \
	X(COUNT, dist_blind_sources, "distributed.blind_sources", 15, 2, 10000,                    \
		"Sources in an hour, where passwords are unknown")                                 \
	X(COUNT, dist_blind_sources_day, "distributed.blind_sources_day", 30, 2, 10000,            \
		"The same, in a day")                                                              \
	X(COUNT, dist_server_sources, "distributed.server_sources", 60, 2, 100000,                 \
		"Sources that begin to fail at one server in an hour, for no other incident")      \
	X(COUNT, dist_server_guesses, "distributed.server_guesses", 120, 2, 100000,                \
		"Their guesses; they must also be twice the logins")                               \
	X(COUNT, comp_passwords, "compromise.passwords", 8, 2, 60,                                 \
		"Distinct wrong passwords of one source for one account before it logs in")        \
	X(COUNT, comp_blind, "compromise.blind", 12, 2, 10000,                                     \
		"The same, failures with unknown passwords")                                       \
	X(COUNT, stale_repeats, "stale_credential.repeats", 12, 3, 10000,                          \
		"Failures in a row of one source and account with one password")                   \
	X(DURATION, stale_span, "stale_credential.span", 30 * NS_PER_MIN,                          \
		NS_PER_MIN, 24 * NS_PER_H, "Time that these must span")                            \
	X(COUNT, stale_regular, "stale_credential.regular", 70, 1, 100,                            \
		"Per cent of alike gaps that make unknown passwords a machine on a timer")

#define CONFIG_SETTINGS_TRACKED(X)                                                                 \
	X(COUNT, scan_servers, "smtp_scan.servers", 15, 2, 10000,                                  \
		"Servers that one source connects to for nothing in 10 minutes")                   \
	X(COUNT, scan_servers_hour, "smtp_scan.servers_hour", 30, 2, 10000,                        \
		"The same, in an hour")                                                            \
	X(COUNT, scan_servers_day, "smtp_scan.servers_day", 60, 2, 10000,                          \
		"The same, in a day")                                                              \
	X(COUNT, enum_users, "enumeration.users", 20, 2, 10000,                                    \
		"Users that a server does not know, asked for by one source in 10 minutes")        \
	X(COUNT, enum_users_hour, "enumeration.users_hour", 40, 2, 10000,                          \
		"The same, in an hour")                                                            \
	X(COUNT, enum_users_day, "enumeration.users_day", 100, 2, 10000,                           \
		"The same, in a day")                                                              \
	X(COUNT, relay_recipients, "relay_burst.recipients", 50, 2, 10000,                         \
		"Foreign recipients of one account in 10 minutes")                                 \
	X(COUNT, relay_recipients_hour, "relay_burst.recipients_hour", 150, 2, 10000,              \
		"The same, in an hour")                                                            \
	X(COUNT, open_relay_domains, "open_relay.domains", 5, 1, 1000,                             \
		"Foreign domains that a server passes on for strangers in a day")                  \
	X(COUNT, bounce_account, "bounce_wave.account", 40, 2, 10000,                              \
		"Bounces to one account in 10 minutes")                                            \
	X(COUNT, bounce_account_hour, "bounce_wave.account_hour", 100, 2, 10000,                   \
		"The same, in an hour")                                                            \
	X(COUNT, bounce_server, "bounce_wave.server", 100, 2, 10000,                               \
		"Bounces to one server in 10 minutes")                                             \
	X(COUNT, bounce_server_hour, "bounce_wave.server_hour", 300, 2, 10000,                     \
		"The same, in an hour")                                                            \
	X(COUNT, bounce_server_accounts, "bounce_wave.server_accounts", 20, 1, 10000,              \
		"Accounts, known or not, that these are for")                                      \
	X(COUNT, fanout_servers, "outbound_fanout.servers", 30, 2, 10000,                          \
		"Servers outside that one host of ours speaks to in 10 minutes")                   \
	X(COUNT, fanout_servers_hour, "outbound_fanout.servers_hour", 60, 2, 10000,                \
		"The same, in an hour")                                                            \
	X(COUNT, blocklisted_refusals, "blocklisted.refusals", 1, 1, 1000,                         \
		"Refusals in an hour that name a blocklist")                                       \
	X(DURATION, long_session_time, "long_session.time", 3 * NS_PER_MIN, NS_PER_S, NS_PER_H,    \
		"How long a session that says nothing may last")                                   \
	X(COUNT, long_session_sessions, "long_session.sessions", 10, 2, 10000,                     \
		"Longer ones of one source in an hour")                                            \
	X(COUNT, helo_names, "helo_churn.names", 20, 2, 10000,                                     \
		"HELO names of one prefix in an hour")                                             \
	X(COUNT, auth_spike_failures, "auth_spike.failures", 50, 2, 65000,                         \
		"Failures in 10 minutes below which no server has a spike")                        \
	X(COUNT, slow_level, "slow.level", 15, 2, 1000,                                            \
		"Guesses of one source, less what leaks away")                                     \
	X(COUNT, slow_leak, "slow.leak", 1, 0, 100,                                                \
		"How many of them leak away in an hour")                                           \
	X(COUNT, slow_day, "slow.day", 20, 2, 10000,                                               \
		"Guesses of one source in a day")                                                  \
	X(COUNT, slow_server_attempts, "slow.server_attempts", 100, 10, 10000,                     \
		"Attempts at a server in each bin of its CUSUM")                                   \
	X(COUNT, slow_server_sources, "slow.server_sources", 10, 2, 60,                            \
		"Sources in a day that it takes besides")                                          \
	X(DURATION, slow_span, "slow.span", 2 * NS_PER_H, NS_PER_MIN, 24 * NS_PER_H,               \
		"Time that they must span")

#define CONFIG_SETTINGS(X)                                                                         \
	CONFIG_SETTINGS_DATAPLANE(X)                                                               \
	CONFIG_SETTINGS_EVE(X)                                                                     \
	CONFIG_SETTINGS_STORE(X)                                                                   \
	CONFIG_SETTINGS_HEALTH(X)                                                                  \
	CONFIG_SETTINGS_AGGR(X)                                                                    \
	CONFIG_SETTINGS_DETECT(X)                                                                  \
	CONFIG_SETTINGS_TRACKED(X)
/* clang-format on */

#endif
