/* What operators ask: a table of verbs. The socket is in served.c. */
#include "control/serve/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/utf8.h"
#include "control/serve/kept.h"
#include "control/serve/own.h"
#include "store/store.h"

#define NOTE_MAX 1000
#define RELOAD_WAIT_NS (40 * NS_PER_S) /* longer than all that reload.c waits for */

enum { FAILED = 1, BAD = 2 }; /* exit statuses of the commands */

struct serve {
	struct serve_options options;
	struct served *served;
	struct kept status;
	char *store;          /* path; empty: there is none */
	pthread_mutex_t lock; /* of what follows */
	char *reloaded;       /* owned; the answer that somebody waits for; NULL: not there yet */
	bool reloading;
};

/* Whoever asks ends with that exit status. */
static void
give_refusal(struct served_client *c, int status, const char *why)
{
	served_give_object(c, json_pack("{s:s, s:i}", "error", why, "status", status));
}

static void
take_status(void *arg, struct served_client *c, const json_t *request)
{
	struct serve *s = arg;

	(void)request;
	kept_take(&s->status, c);
}

static void
look_at_status(void *arg, struct served_client *c, bool late)
{
	struct serve *s = arg;

	kept_look(&s->status, c, late);
}

/* What is wrong with the request; NULL: nothing. */
static const char *
ack_fault(const json_t *id, const char *note)
{
	if (!json_is_integer(id) || json_integer_value(id) <= 0)
		return "ack: the number of an incident is needed";
	if (strlen(note) > NOTE_MAX)
		return "ack: the note is too long";
	if (!utf8_is_printable((const uint8_t *)note, strlen(note)))
		return "ack: the note holds a control character";
	return NULL;
}

/* 0, or an exit status with why. */
static int
put_ack(const struct serve *s, const struct store_ack *ack, char why[512])
{
	struct store *store = NULL;

	if (!s->store[0]) {
		snprintf(why, 512, "there is no store");
		return FAILED;
	}
	if (store_open(&store, s->store, STORE_WRITE, why, 512) != 0)
		return FAILED;
	int r = store_ack(store, ack);
	if (r == -ENOENT)
		snprintf(why, 512, "there is no incident %llu", (unsigned long long)ack->incident);
	else if (r != 0)
		snprintf(why, 512, "%s: %s", s->store, store_error(store));
	store_close(store);
	return r == 0 ? 0 : r == -ENOENT ? BAD : FAILED;
}

static void
take_ack(void *arg, struct served_client *c, const json_t *request)
{
	const json_t *id = json_object_get(request, "incident");
	const char *given = json_string_value(json_object_get(request, "note"));
	const char *note = given ? given : "";
	const char *fault = ack_fault(id, note);
	char by[64], why[512];

	if (fault) {
		give_refusal(c, BAD, fault);
		return;
	}
	served_peer(c, by);
	const struct store_ack ack = {.incident = (uint64_t)json_integer_value(id),
		.time_ns = clock_now_ns(CLOCK_REALTIME),
		.by = by,
		.note = note};
	int status = put_ack(arg, &ack, why);
	if (status != 0)
		give_refusal(c, status, why);
	else
		served_give_object(c, json_pack("{s:b, s:s}", "ok", 1, "by", by));
}

static void
look_at_reload(void *arg, struct served_client *c, bool late)
{
	struct serve *s = arg;
	char *text;

	pthread_mutex_lock(&s->lock);
	text = s->reloaded;
	s->reloaded = NULL;
	pthread_mutex_unlock(&s->lock);
	if (text)
		served_give(c, text, strlen(text));
	else if (late)
		give_refusal(c, FAILED, "control is busy: it reloads when it can");
}

static void
take_reload(void *arg, struct served_client *c, const json_t *request)
{
	struct serve *s = arg;
	char why[512] = "it cannot reload";
	int status = FAILED;

	(void)request;
	pthread_mutex_lock(&s->lock);
	bool busy = s->reloading;
	s->reloading = true;
	if (!busy) {
		free(s->reloaded); /* of somebody who did not wait */
		s->reloaded = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	if (busy) {
		give_refusal(c, FAILED, "a reload is under way");
		return;
	}
	if (s->options.reload)
		status = s->options.reload(s->options.arg, why, sizeof(why));
	if (status == 0) {
		served_wait(c, RELOAD_WAIT_NS);
		look_at_reload(s, c, false);
		return;
	}
	pthread_mutex_lock(&s->lock);
	s->reloading = false;
	pthread_mutex_unlock(&s->lock);
	give_refusal(c, status, why);
}

/* The store, to be written. NULL: why says why not. */
static struct store *
open_store(const struct serve *s, char why[512])
{
	struct store *store = NULL;

	if (!s->store[0])
		snprintf(why, 512, "there is no store");
	else
		store_open(&store, s->store, STORE_WRITE, why, 512);
	return store;
}

/* Tell of what stands now; then the store is closed. 0, or an exit status with why. */
static int
tell_own(const struct serve *s, struct store *store, int r, char why[512])
{
	struct suppress_own *own = NULL;
	unsigned count = 0;

	if (r == 0)
		r = own_load(store, &own, &count);
	if (r == 0 && s->options.own)
		s->options.own(s->options.arg, own, count);
	else
		free(own);
	if (r == -ENOENT)
		snprintf(why, 512, "there is no such suppression");
	else if (r != 0)
		snprintf(why, 512, "%s: %s", s->store, store_error(store));
	store_close(store);
	return r == 0 ? 0 : r == -ENOENT ? BAD : FAILED;
}

static int
find_incident(void *arg, const struct store_incident *incident)
{
	(void)incident;
	*(bool *)arg = true;
	return 0;
}

/* Do so many stand already that one more would be kept and do nothing? */
static bool
is_full(struct store *store)
{
	struct suppress_own *own = NULL;
	unsigned count = 0;
	bool full = own_load(store, &own, &count) == 0 && count == CONFIG_RULES_MAX;

	free(own);
	return full;
}

/* 0, or an exit status with why. */
static int
put_own(struct serve *s, struct store_suppression *one, uint64_t *id, char why[512])
{
	const struct store_filter filter = {.id = one->incident};
	struct store *store = open_store(s, why);
	bool found = one->incident == 0;

	if (!store)
		return FAILED;
	int r = found ? 0 : store_incidents(store, &filter, find_incident, &found);
	if (r == 0 && !found) {
		snprintf(why, 512, "there is no incident %llu", (unsigned long long)one->incident);
		store_close(store);
		return BAD;
	}
	if (r == 0 && is_full(store)) {
		snprintf(why, 512,
			"%d suppressions stand, and there is no room for more: take some back with "
			"smtap incidents unsuppress, or put them into the configuration",
			CONFIG_RULES_MAX);
		store_close(store);
		return BAD;
	}
	if (r == 0)
		r = store_suppress(store, one, id);
	return tell_own(s, store, r, why);
}

static void
take_suppress(void *arg, struct served_client *c, const json_t *request)
{
	const json_t *rule = json_object_get(request, "rule"), *incident;
	struct store_suppression one = {.at_ns = clock_now_ns(CLOCK_REALTIME)};
	struct suppress_own own;
	char by[64], why[512] = "";
	uint64_t id = 0;
	int status = BAD;

	incident = json_object_get(request, "incident");
	if (incident && json_integer_value(incident) <= 0) {
		give_refusal(c, BAD, "suppress: the number of an incident is needed");
		return;
	}
	one.incident = (uint64_t)json_integer_value(incident);
	if (own_read(&own, rule, one.incident, why, sizeof(why)) != 0) {
		give_refusal(c, BAD, why);
		return;
	}
	char *text = json_dumps(rule, JSON_COMPACT);
	served_peer(c, by);
	one.by = by;
	one.rule = text;
	if (text)
		status = put_own(arg, &one, &id, why);
	free(text);
	if (status != 0)
		give_refusal(c, status, why);
	else
		served_give_object(c, json_pack("{s:I, s:s}", "id", (json_int_t)id, "by", by));
}

static void
take_unsuppress(void *arg, struct served_client *c, const json_t *request)
{
	json_int_t id = json_integer_value(json_object_get(request, "id"));
	struct serve *s = arg;
	char by[64], why[512];
	struct store *store = open_store(s, why);
	int status = FAILED;

	served_peer(c, by);
	if (store) {
		int r = id > 0 ? store_unsuppress(
					 store, (uint64_t)id, clock_now_ns(CLOCK_REALTIME), by)
			       : -ENOENT;

		status = tell_own(s, store, r, why);
	}
	if (status != 0)
		give_refusal(c, status, why);
	else
		served_give_object(c, json_pack("{s:b, s:s}", "ok", 1, "by", by));
}

static const struct served_verb verbs[] = {
	{"status", take_status, look_at_status},
	{"reload", take_reload, look_at_reload},
	{"ack", take_ack, NULL},
	{"suppress", take_suppress, NULL},
	{"unsuppress", take_unsuppress, NULL},
};

int
serve_open(struct serve **out, const struct serve_options *options, char *why, size_t why_len)
{
	struct serve *s = calloc(1, sizeof(*s));
	const struct served_options served = {.path = options->path,
		.verbs = verbs,
		.verb_count = sizeof(verbs) / sizeof(verbs[0]),
		.clients = SERVE_CLIENTS,
		.arg = s};

	*out = NULL;
	if (s)
		s->store = strdup(options->store);
	if (!s || !s->store) {
		free(s);
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	s->options = *options;
	pthread_mutex_init(&s->lock, NULL);
	kept_init(&s->status);
	int r = served_open(&s->served, &served, why, why_len);
	if (r != 0)
		serve_close(s);
	else
		*out = s;
	return r;
}

bool
serve_wants_status(struct serve *s)
{
	return kept_wants(&s->status);
}

void
serve_put_status(struct serve *s, const char *json, size_t len)
{
	kept_put(&s->status, json, len);
	served_wake(s->served);
}

void
serve_put_reload(struct serve *s, const char *json, size_t len)
{
	char *line = malloc(len + 2);

	if (line) {
		memcpy(line, json, len);
		strcpy(line + len, "\n");
	}
	pthread_mutex_lock(&s->lock);
	free(s->reloaded);
	s->reloaded = line;
	s->reloading = false;
	pthread_mutex_unlock(&s->lock);
	served_wake(s->served);
}

void
serve_close(struct serve *s)
{
	if (!s)
		return;
	served_close(s->served);
	kept_free(&s->status);
	pthread_mutex_destroy(&s->lock);
	free(s->reloaded);
	free(s->store);
	free(s);
}
