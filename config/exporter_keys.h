/*
 * The keys of exporters, by type. X(kind, "key", "default", min, max, "help")
 *
 * TEXT: min and max are bytes. FILE, URL: the same; a URL is http:// or https://, without a user.
 * COUNT: a whole number. DURATION: nanoseconds, the default as it is written ("5m"). BOOL: "true"
 * or "false". CHOICE: the default is the first of the choices, "a|b|c". NETS: a list of networks;
 * TEXTS: a list of texts; max: elements; the default is "" or NULL. A default of NULL says that the
 * key has to be given; one of "", that it need not be: then it is "", which it cannot be set to
 * when min is 1.
 */
#ifndef SMTAP_CONFIG_EXPORTER_KEYS_H
#define SMTAP_CONFIG_EXPORTER_KEYS_H

#include "base/duration.h"

/* clang-format off */
/* Of every exporter. */
#define CONFIG_EXPORTER_COMMON(X)                                                                  \
	X(CHOICE, "severity", "3|2|1", 0, 0,                                                       \
		"Least severity of what is sent: 3 all, 2 major and critical, 1 critical only")    \
	X(CHOICE, "from", "now|start", 0, 0,                                                       \
		"Where a new exporter begins: with the next alert, or the oldest in the store") \
	X(DURATION, "retry_max", "1m", NS_PER_S, NS_PER_H,                                         \
		"Longest pause between tries while the destination fails")                         \
	X(COUNT, "batch", "100", 1, 1000, "Alerts sent at a time, at most")

#define CONFIG_EXPORTER_KEYS_UNIX(X)                                                               \
	X(FILE, "path", NULL, 1, 107, "The socket, which another program listens on")              \
	X(CHOICE, "mode", "stream|datagram", 0, 0,                                                 \
		"Kind of socket: lines in a stream, or each alert a datagram")

#define CONFIG_EXPORTER_KEYS_KAFKA(X)                                                              \
	X(TEXTS, "brokers", NULL, 1, 16, "Brokers to begin with, HOST:PORT each")                  \
	X(TEXT, "topic", NULL, 1, 249, "Topic; it has to be there, unless the brokers make it")    \
	X(CHOICE, "format", "eve|ecs|ocsf", 0, 0, "What a message is")                             \
	X(COUNT, "message_max", "1000000", 1000, 100000000,                                        \
		"Bytes of a message at most; not more than the topic takes")                       \
	X(DURATION, "timeout", "10s", NS_PER_S, 25 * NS_PER_S,                                     \
		"Time for the acknowledgement of a batch by all replicas in sync")                 \
	X(BOOL, "tls", "false", 0, 0, "Speak TLS")                                                 \
	X(FILE, "ca_file", "", 0, 4095,                                                            \
		"Certificates to trust, PEM; empty: those that this host trusts")                  \
	X(FILE, "cert_file", "", 0, 4095, "Our own certificate, PEM; empty: none")                 \
	X(FILE, "key_file", "", 0, 4095, "Its key, PEM")                                           \
	X(CHOICE, "sasl_mechanism", "none|SCRAM-SHA-256|SCRAM-SHA-512|PLAIN", 0, 0,                \
		"How to log in; PLAIN only with tls")                                              \
	X(TEXT, "username", "", 0, 255, "Who logs in")                                             \
	X(FILE, "password_file", "", 0, 4095, "File with the password, and nothing else")

#define CONFIG_EXPORTER_KEYS_WEBHOOK(X)                                                            \
	X(URL, "url", "", 0, 2047, "Where requests go: http or https")                             \
	X(FILE, "url_file", "", 0, 4095,                                                           \
		"File with the URL instead, when it is a secret, as Slack's are")                  \
	X(CHOICE, "method", "POST|PUT", 0, 0, "Method of requests")                                \
	X(CHOICE, "template", "json|slack|splunk_hec|elastic_bulk|file", 0, 0,                     \
		"What a request has")                                                              \
	X(FILE, "template_file", "", 0, 4095, "Of template file: JSON with {{names}} in it")       \
	X(CHOICE, "format", "eve|ecs|ocsf", 0, 0, "Of template json: what an alert is")            \
	X(BOOL, "array", "true", 0, 0,                                                             \
		"Of template json: alerts as a list; false: a request for each")                   \
	X(TEXT, "index", "", 0, 255,                                                               \
		"Of splunk_hec, elastic_bulk: index or data stream (smtap-alerts, at Elastic)")    \
	X(TEXT, "sourcetype", "smtap:alert", 1, 255, "Of template splunk_hec")                     \
	X(TEXTS, "headers", "", 0, 16, "More headers, 'Name: value' each; none that is a secret")  \
	X(FILE, "token_file", "", 0, 4095, "File with the token, and nothing else")                \
	X(TEXT, "token_header", "Authorization", 1, 63, "Header that has the token")               \
	X(TEXT, "token_scheme", "", 0, 63,                                                         \
		"Word before the token; empty: as the template has it (Bearer, Splunk, ApiKey)")   \
	X(TEXT, "username", "", 0, 255, "Who logs in, where that is by a password")                \
	X(FILE, "password_file", "", 0, 4095, "File with the password, and nothing else")          \
	X(FILE, "ca_file", "", 0, 4095,                                                            \
		"Certificates to trust, PEM; empty: those that this host trusts")                  \
	X(FILE, "cert_file", "", 0, 4095, "Our own certificate, PEM; empty: none")                 \
	X(FILE, "key_file", "", 0, 4095, "Its key, PEM")                                           \
	X(URL, "proxy", "", 0, 2047, "Proxy; empty: none, whatever the environment says")          \
	X(DURATION, "timeout", "10s", NS_PER_S, 25 * NS_PER_S,                                     \
		"Time for a request and its answer")                                               \
	X(COUNT, "body_max", "1000000", 16384, 100000000, "Bytes of a request at most")

#define CONFIG_EXPORTER_KEYS_SYSLOG(X)                                                             \
	X(TEXT, "server", NULL, 1, 253, "Name or address of the log server")                       \
	X(CHOICE, "transport", "tls|tcp|udp", 0, 0, "How it is spoken to")                         \
	X(COUNT, "port", "0", 0, 65535, "Its port; 0: 6514 for tls, 601 for tcp, 514 for udp")     \
	X(CHOICE, "format", "eve|ecs|ocsf|cef", 0, 0, "What a message says")                       \
	X(CHOICE, "facility",                                                                      \
		"local0|local1|local2|local3|local4|local5|local6|local7|"                         \
		"user|mail|daemon|auth|syslog|authpriv|audit|alert",                               \
		0, 0, "Facility of the messages")                                                  \
	X(TEXT, "app_name", "smtap", 1, 48, "Name of the program in the messages")                 \
	X(TEXT, "sd_id", "", 0, 32,                                                                \
		"Id of structured data about the alert: a name, @ and your private enterprise "    \
		"number; empty: none")                                                             \
	X(COUNT, "max_bytes", "8192", 2048, 65507,                                                 \
		"Longest message; a longer alert says less")                                       \
	X(CHOICE, "confirm", "ack|end", 0, 0,                                                      \
		"When alerts count as delivered: its machine acknowledged them, or its program "   \
		"ended the connection, which is then made anew for each batch")                    \
	X(FILE, "ca_file", "", 0, 4095,                                                            \
		"Certificates to trust, PEM; empty: those that this host trusts")                  \
	X(TEXT, "server_name", "", 0, 253,                                                         \
		"Name in the server's certificate; empty: as server")                              \
	X(FILE, "cert_file", "", 0, 4095, "Our own certificate, PEM; empty: none")                 \
	X(FILE, "key_file", "", 0, 4095, "Its key, PEM, without a password")

#define CONFIG_EXPORTER_KEYS_XARF(X)                                                               \
	X(FILE, "folder", NULL, 1, 3900, "Where reports are written, which has to be there")       \
	X(TEXT, "reporter_org", NULL, 1, 200, "Your organization")                                 \
	X(TEXT, "reporter_contact", NULL, 1, 254, "Mail address that answers may be sent to")      \
	X(TEXT, "reporter_domain", NULL, 1, 253, "Domain of your organization")                    \
	X(COUNT, "confidence", "80", 1, 100, "Least confidence of what is reported, in per cent")  \
	X(DURATION, "keep", "30d", NS_PER_H, 24 * 3650 * NS_PER_H,                                 \
		"How long a report stays after it was last written")                               \
	X(COUNT, "files", "10000", 1, 1000000, "Reports at most; the oldest go")                   \
	X(COUNT, "size", "100000000", 65536, 1000000000000,                                        \
		"Bytes of all reports at most; the same")                                          \
	X(NETS, "never", "", 0, 256,                                                               \
		"Networks never reported: your own; private ones never are")

#define CONFIG_EXPORTER_KEYS_BLOCKLIST(X)                                                          \
	X(CHOICE, "output", "text|edl|nft|flowspec", 0, 0,                                         \
		"A file of addresses; the same over HTTP; a file for nft -f; a pipe to ExaBGP")    \
	X(BOOL, "dry_run", "true", 0, 0,                                                           \
		"Write only what it would do, to the same name with .dry-run after it")            \
	X(FILE, "path", "", 0, 3900, "Of text, nft: the file; of flowspec: the named pipe")        \
	X(TEXT, "page", "", 0, 100, "Of edl: the path at http.listen, as /blocklist.txt")          \
	X(FILE, "token_file", "", 0, 4095,                                                         \
		"Of edl: file with the token that readers need: bearer, or anybody's password")    \
	X(TEXT, "table", "smtap", 1, 60, "Of nft: the table (inet) with the sets smtap4, smtap6")  \
	X(COUNT, "confidence", "80", 1, 100, "Least confidence of who is blocked, in per cent")    \
	X(COUNT, "logins", "10", 1, 101,                                                           \
		"Per cent of a source's attempts that logged in from which on it is spared; "      \
		"101: never")                                                                      \
	X(TEXTS, "detectors", "", 0, 16,                                                           \
		"Whose sources are blocked; none: bruteforce, spray, stuffing, slow, "             \
		"distributed, enumeration")                                                        \
	X(NETS, "never", "", 0, 256,                                                               \
		"Networks never blocked, besides private ones, site.local_nets and the servers")   \
	X(DURATION, "hold", "1h", 0, 24 * 365 * NS_PER_H, "How long after its finding closed")     \
	X(DURATION, "forget", "24h", NS_PER_MIN, 24 * 365 * NS_PER_H,                              \
		"How long after the last alert about it, at most")                                 \
	X(COUNT, "entries", "10000", 1, 100000, "Entries at most; the gravest stay")

/* X(enumerator, "type", KEYS, "what it is") */
#define CONFIG_EXPORTER_TYPES(X)                                                                   \
	X(UNIX, "unix", CONFIG_EXPORTER_KEYS_UNIX, "EVE lines to a Unix socket")                   \
	X(KAFKA, "kafka", CONFIG_EXPORTER_KEYS_KAFKA, "Messages of a Kafka topic")                 \
	X(WEBHOOK, "webhook", CONFIG_EXPORTER_KEYS_WEBHOOK,                                        \
		"HTTP requests: JSON, Slack, Splunk HEC, Elastic, or a template of your own")      \
	X(SYSLOG, "syslog", CONFIG_EXPORTER_KEYS_SYSLOG, "Messages to a log server (RFC 5424)")    \
	X(XARF, "xarf", CONFIG_EXPORTER_KEYS_XARF, "Abuse reports (XARF v4), as files")            \
	X(BLOCKLIST, "blocklist", CONFIG_EXPORTER_KEYS_BLOCKLIST,                                  \
		"Who attacks, for firewalls and routers: a file, a list over HTTP, nft, FlowSpec")

enum config_exporter_type {
#define X(enumerator, name, keys, what) CONFIG_EXPORTER_##enumerator,
	CONFIG_EXPORTER_TYPES(X)
#undef X
	CONFIG_EXPORTER_TYPE_COUNT
};
/* clang-format on */

#endif
