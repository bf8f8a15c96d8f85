/*
 * What the encodings take from an alert. Texts are never NULL: "" is what the alert does not say.
 * All of it is borrowed from the alert.
 */
#ifndef SMTAP_EXPORT_ENCODE_VIEW_H
#define SMTAP_EXPORT_ENCODE_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct encode_view {
	const json_t *eve;
	const json_t *alert;
	const json_t *smtap;
	const json_t *incident; /* NULL: of no incident */
	const json_t *mitre;    /* list of technique ids; NULL: none */
	const char *sensor;
	const char *timestamp;  /* as EVE has it */
	const char *first_seen; /* timestamp, where the alert does not say */
	const char *last_seen;
	const char *signature;
	const char *category;
	const char *detector;
	const char *state; /* open, update, closed: of the incident, where there is one */
	const char *stage;
	const char *subject_type;
	const char *subject;
	const char *source;  /* the attacker's address */
	const char *dest;    /* the server's */
	const char *account; /* when one is attacked or used; "" when there are several */
	const char *advice;
	const char *community_id;
	json_int_t source_port; /* 0: not known */
	json_int_t dest_port;
	json_int_t severity;   /* 1 critical .. 4 informational */
	json_int_t confidence; /* per cent */
	json_int_t signature_id;
	json_int_t incident_id; /* 0: of none */
	json_int_t finding_id;  /* the same */
	json_int_t attempts;
	json_int_t successes;
};

void view_of(struct encode_view *v, const json_t *eve, const char *sensor);

/* A text, a number of an object: "", 0 where there is none. object may be NULL. */
const char *view_text(const json_t *object, const char *key);
json_int_t view_number(const json_t *object, const char *key);

/* What names the same attack in all its alerts, and on no other sensor; to be freed. NULL: no
 * memory. */
char *view_uid(const struct encode_view *v);

/*
 * Names of a kind that the alert holds, each once, the alert's own first: "sources", "accounts" or
 * "servers". A new list.
 */
json_t *view_names(const struct encode_view *v, const char *kind);

/* country, asn and as_org of the source, as far as the alert says; a new object. */
json_t *view_place(const struct encode_view *v);

/* Adds text to a list that does not have it yet; "" is not added. */
void view_add_once(json_t *list, const char *text);

/* Sets key, unless text is "". */
void view_put(json_t *object, const char *key, const char *text);
void view_put_number(json_t *object, const char *key, json_int_t number);

/* Sets key to the object or list, unless it is empty; it is taken either way. */
void view_put_some(json_t *object, const char *key, json_t *value);

bool view_is_v6(const char *address);

#define VIEW_TIME_MAX 40

/* "2026-11-22T02:05:09.342613Z" of EVE's time; "" when it is none. */
void view_time(const char *eve_time, char out[VIEW_TIME_MAX]);

/* Milliseconds since 1970; 0 when it is no time. */
json_int_t view_time_ms(const char *eve_time);

#endif
