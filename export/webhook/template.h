/*
 * template: a body of one's own, JSON with {{names}} in it.
 *
 *   {"title": "{{title}}", "incident": {{incident_id}}, "raw": {{eve}}}
 *
 * A name of a text stands for it as JSON has it inside of quotes, so that nothing in it can end
 * them; a number for its digits; eve for the whole alert, an object.
 */
#ifndef SMTAP_EXPORT_WEBHOOK_TEMPLATE_H
#define SMTAP_EXPORT_WEBHOOK_TEMPLATE_H

#include "export/sink/sink.h"

#define TEMPLATE_BYTES_MAX 65536

/* clang-format off */
/*
 * X("name", KIND, member, "what it is"): TEXT and NUMBER are that member of struct encode_view; the
 * member of the others is not used.
 */
#define TEMPLATE_NAMES(X)                                                                          \
	X("id", ID, eve, "of the alert, the same each time that it is sent")                       \
	X("seq", SEQ, eve, "number of the alert in the outbox")                                    \
	X("sensor", TEXT, sensor, "name of this sensor")                                           \
	X("timestamp", TEXT, timestamp, "packet time")                                             \
	X("title", TEXT, signature, "the signature")                                               \
	X("category", TEXT, category, "of the signature")                                          \
	X("severity", NUMBER, severity, "1 critical, 2 major, 3 minor")                            \
	X("detector", TEXT, detector, "which found it")                                            \
	X("signature_id", NUMBER, signature_id, "of detector or pattern")                          \
	X("incident_id", NUMBER, incident_id, "0: of none")                                        \
	X("state", TEXT, state, "of the incident: open, update, closed")                           \
	X("stage", TEXT, stage, "of the attack")                                                   \
	X("subject_type", TEXT, subject_type, "source, prefix, account or server")                 \
	X("subject", TEXT, subject, "whom it is about")                                            \
	X("source", TEXT, source, "address of the attacker")                                       \
	X("server", TEXT, dest, "address of the server")                                           \
	X("sources", NAMES, eve, "of the incident, with commas between them")                      \
	X("accounts", NAMES, eve, "the same")                                                      \
	X("servers", NAMES, eve, "the same")                                                       \
	X("first_seen", TEXT, first_seen, "packet time")                                           \
	X("last_seen", TEXT, last_seen, "packet time")                                             \
	X("attempts", NUMBER, attempts, "of the finding")                                          \
	X("successes", NUMBER, successes, "of these, logins that worked")                          \
	X("confidence", NUMBER, confidence, "per cent")                                            \
	X("advice", TEXT, advice, "what to do")                                                    \
	X("eve", OBJECT, eve, "the whole alert as in eve.json")
/* clang-format on */

struct template;

/* Reads it and tries it. 0, or -errno with path:line and what is wrong. */
int template_read(struct template **out, const char *path, char why[SINK_WHY_MAX]);
void template_free(struct template *t);

/* To be freed; NULL: out of memory. */
char *template_fill(const struct template *t, const struct sink_alert *alert, const char *sensor);

#endif
