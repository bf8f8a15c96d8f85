/* What the makers of the different lines share, and the report in JSON with them. */
#ifndef SMTAP_CONTROL_EXPORT_LINE_H
#define SMTAP_CONTROL_EXPORT_LINE_H

#include <jansson.h>

#include "control/export/eve.h"
#include "control/export/rcpt.h"

#define EVE_TOLD 4096 /* signature alerts remembered, to tell each only once in a while */

struct eve_told {
	struct addr subject;
	uint32_t pattern_id; /* 0: free */
	bool told;
	uint64_t clock_ns; /* of the last alert */
	uint64_t first_ns; /* packet time of the first match, and of the last */
	uint64_t last_ns;
	uint64_t suppressed;
};

struct eve {
	int fd;
	int error;           /* -errno of the first failed write */
	eve_write_fn *write; /* NULL: to fd */
	void *write_arg;
	char *buffer;
	size_t room; /* in it */
	size_t used;
	size_t line; /* where the line begins that is being made */
	const struct config *config;
	const struct pattern_set *patterns;
	struct enrich *enrich;
	eve_alert_fn *alert; /* NULL: nobody is told */
	void (*before)(void *arg);
	bool holds; /* an alert in the buffer */
	void *arg;
	struct suppress *rules; /* NULL: none */
	struct rcpt_table *rcpt;
	struct eve_counters counters;
	uint64_t loss;
	bool quiet;
	struct eve_signature *signatures; /* owned; one for each pattern, in the set's order */
	struct eve_told told[EVE_TOLD];
};

/* A new object with what every line of a session starts with; flow NULL: no session. */
json_t *line_start(const char *event_type, uint64_t time_ns, const struct event_flow *flow);

/* Write the object, and drop it. */
void line_end(struct eve *eve, json_t *line);

/* The same for an alert: whoever wants alerts is told of it. telling as in struct eve_alert. */
void line_end_alert(
	struct eve *eve, json_t *line, const struct engine_telling *telling, uint64_t time_ns);

/* Write out what is buffered, but for who says when. */
void line_flush(struct eve *eve);

/* Text that need not end with NUL; nothing is added when it is empty. */
void line_put_text(json_t *object, const char *key, const char *text, size_t len);
void line_put_string(json_t *object, const char *key, const char *text);
void line_put_number(json_t *object, const char *key, uint64_t value);
void line_put_bool(json_t *object, const char *key, bool value);
void line_put_time(json_t *object, const char *key, uint64_t time_ns);

/* reply_code and enhanced_code, where there are any. */
void line_put_reply(json_t *object, uint16_t reply_code, const uint16_t enhanced[3]);

/* The names of the servers and tools with these pattern ids (0: none), where there are any. */
void line_put_patterns(
	json_t *object, const char *key, const struct pattern_set *patterns, const uint32_t ids[4]);

/* "T1110.001, T1078" as a list under mitre_technique_id; NULL: nothing. */
void line_put_mitre(json_t *metadata, const char *techniques);

struct alert_rule {
	uint64_t signature_id;
	const char *detector;
	const char *title;
	const char *category;
	const char *mitre;
	unsigned severity;
	unsigned confidence;
};

/* The object `alert`. */
json_t *line_alert(const struct alert_rule *rule);

/* "open", "update", "closed". */
const char *line_state(enum finding_state state);

/* The same of an incident. */
const char *line_incident_state(enum incident_state state);

/* What an alert, or the report, says of the incident that a finding is part of. */
json_t *line_incident(const struct incident *incident);

/* And of the finding. */
json_t *line_finding(const struct finding *finding, enum finding_state state,
	const struct pattern_set *patterns, struct enrich *enrich);

/* A finding that a rule hides, with that rule. */
json_t *line_hidden(const struct finding *finding, const struct suppress *rules,
	const struct pattern_set *patterns, struct enrich *enrich);

/* Those that hid or allowed something, with what they did. rules may be NULL. */
json_t *line_rules(const struct suppress *rules, enum config_rule_list list);

/* Every counter there is, by its name. */
json_t *line_counters(const struct eve_stats *stats, const struct eve_counters *eve);

/* "source", "prefix", "account", "server". */
const char *line_subject_type(enum subject_type type);

void eve_signature(struct eve *eve, const struct event *event);

#endif
