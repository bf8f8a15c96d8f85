#include "control/recall.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/export/line.h"
#include "store/store.h"

#define MERGES_MAX 32u /* an incident that became another, that became another */
#define WHY_BYTES 512

struct found {
	struct engine_earlier earlier;
	char *detector; /* owned */
	char *subject;
};

struct recall {
	struct store *store;
	struct found *found; /* owned; by incident */
	size_t count;
	size_t room;
};

static enum subject_type
subject_type_of(const char *name)
{
	unsigned type = 0;

	while (type < SUBJECT_TYPE_COUNT && strcmp(line_subject_type(type), name) != 0)
		type++;
	return (enum subject_type)type;
}

static int
take_finding(void *arg, const struct store_alert *alert)
{
	struct recall *r = arg;
	struct found *f;

	if (r->count == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		struct found *more = realloc(r->found, room * sizeof(*more));

		if (!more)
			return 0;
		r->found = more;
		r->room = room;
	}
	f = &r->found[r->count];
	*f = (struct found){.earlier = {.finding = alert->finding,
				    .subject_type = subject_type_of(alert->subject_type),
				    .first_ns = alert->finding_first_ns,
				    .last_ns = alert->finding_last_ns,
				    .attempts = alert->attempts,
				    .failures = alert->failures,
				    .successes = alert->successes,
				    .confidence = alert->confidence,
				    .incident = {.id = alert->incident}}};
	f->detector = strdup(alert->detector);
	f->subject = strdup(alert->subject);
	f->earlier.detector = f->detector;
	f->earlier.subject = f->subject;
	r->count++;
	return 0;
}

static int
take_incident(void *arg, const struct store_incident *stored)
{
	struct incident *i = arg;
	unsigned stage = 0;

	while (stage < STAGE_COUNT && strcmp(stage_name(stage), stored->stage) != 0)
		stage++;
	*i = (struct incident){.id = stored->id,
		.stage = stage < STAGE_COUNT ? (enum stage)stage : STAGE_NONE,
		.severity = stored->severity,
		.first_seen_ns = stored->first_ns,
		.last_seen_ns = stored->last_ns,
		.merged_into = stored->merged_into};
	return 0;
}

/* The incident that it is by now. */
static bool
find_incident(const struct recall *r, struct incident *incident)
{
	struct store_filter filter = {.id = incident->id};

	for (unsigned n = 0; n < MERGES_MAX; n++) {
		struct incident found = {0};

		if (store_incidents(r->store, &filter, take_incident, &found) != 0 || !found.id)
			return false;
		filter.id = found.merged_into;
		if (found.merged_into == 0) {
			*incident = found;
			return true;
		}
	}
	return false;
}

static void
put_addr(struct addr *addr, const json_t *line, const char *key)
{
	const char *text = json_string_value(json_object_get(line, key));
	uint8_t four[4];

	if (!text)
		return;
	if (inet_pton(AF_INET, text, four) == 1)
		*addr = addr_from_v4(four);
	else
		(void)inet_pton(AF_INET6, text, addr->bytes);
}

/* Who a line is about, as it said. */
static void
read_flow(struct event_flow *flow, const struct store_alert *alert)
{
	json_t *line = json_loadb(alert->line, alert->line_len, 0, NULL);

	*flow = (struct event_flow){
		.flow_id = (uint64_t)json_integer_value(json_object_get(line, "flow_id")),
		.client_port = (uint16_t)json_integer_value(json_object_get(line, "src_port")),
		.server_port = (uint16_t)json_integer_value(json_object_get(line, "dest_port"))};
	put_addr(&flow->client, line, "src_ip");
	put_addr(&flow->server, line, "dest_ip");
	json_decref(line);
}

/* The findings of one incident, [found, found + n), whose alerts are read in order. */
struct flows {
	struct found *found;
	size_t n;
};

static int
take_flow(void *arg, const struct store_alert *alert)
{
	const struct flows *flows = arg;

	for (size_t i = 0; i < flows->n; i++)
		if (flows->found[i].earlier.finding == alert->finding)
			read_flow(&flows->found[i].earlier.last_flow, alert);
	return 0;
}

static int
by_incident(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	uint64_t i = x->earlier.incident.id, k = y->earlier.incident.id;

	if (i != k)
		return i < k ? -1 : 1;
	return (x->earlier.finding > y->earlier.finding) -
	       (x->earlier.finding < y->earlier.finding);
}

static unsigned
adopt(struct recall *r, struct engine *engine)
{
	unsigned adopted = 0;

	if (r->count > 0)
		qsort(r->found, r->count, sizeof(*r->found), by_incident);
	for (size_t at = 0, end; at < r->count; at = end) {
		struct flows flows = {.found = r->found + at};
		const uint64_t id = r->found[at].earlier.incident.id;

		for (end = at; end < r->count && r->found[end].earlier.incident.id == id; end++)
			flows.n++;
		(void)store_read_incident(r->store, id, take_flow, &flows);
		for (size_t i = at; i < end; i++) {
			struct engine_earlier *e = &r->found[i].earlier;

			if (e->detector && e->subject && e->subject_type != SUBJECT_TYPE_COUNT &&
				find_incident(r, &e->incident))
				adopted += engine_adopt(engine, e);
		}
	}
	return adopted;
}

unsigned
recall_open(const char *store, struct engine *engine)
{
	struct recall r = {0};
	char why[WHY_BYTES];
	unsigned adopted;

	if (store_open(&r.store, store, STORE_READ, why, sizeof(why)) != 0)
		return 0;
	(void)store_open_findings(r.store, take_finding, &r);
	adopted = adopt(&r, engine);
	for (size_t i = 0; i < r.count; i++) {
		free(r.found[i].detector);
		free(r.found[i].subject);
	}
	free(r.found);
	store_close(r.store);
	return adopted;
}
