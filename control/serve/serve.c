/* What operators ask: a table of verbs. The socket is in served.c. */
#include "control/serve/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/duration.h"
#include "base/utf8.h"
#include "control/serve/kept.h"
#include "store/store.h"

#define NOTE_MAX 1000

struct serve {
	struct served *served;
	struct kept status;
	char *store; /* path; empty: there is none */
};

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

static int
put_ack(const struct serve *s, const struct store_ack *ack, char why[512])
{
	struct store *store = NULL;
	int r;

	if (!s->store[0]) {
		snprintf(why, 512, "there is no store");
		return -ENOENT;
	}
	r = store_open(&store, s->store, STORE_WRITE, why, 512);
	if (r != 0)
		return r;
	r = store_ack(store, ack);
	if (r == -ENOENT)
		snprintf(why, 512, "there is no incident %llu", (unsigned long long)ack->incident);
	else if (r != 0)
		snprintf(why, 512, "%s: %s", s->store, store_error(store));
	store_close(store);
	return r;
}

static void
take_ack(void *arg, struct served_client *c, const json_t *request)
{
	const json_t *id = json_object_get(request, "incident");
	const char *given = json_string_value(json_object_get(request, "note"));
	const char *note = given ? given : "";
	const char *fault = ack_fault(id, note);
	char by[64], why[512];
	struct timespec now;

	if (fault) {
		served_give_error(c, fault);
		return;
	}
	served_peer(c, by);
	clock_gettime(CLOCK_REALTIME, &now);
	const struct store_ack ack = {.incident = (uint64_t)json_integer_value(id),
		.time_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec,
		.by = by,
		.note = note};
	if (put_ack(arg, &ack, why) != 0)
		served_give_error(c, why);
	else
		served_give_object(c, json_pack("{s:b, s:s}", "ok", 1, "by", by));
}

static const struct served_verb verbs[] = {
	{"status", take_status, look_at_status},
	{"ack", take_ack, NULL},
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
serve_close(struct serve *s)
{
	if (!s)
		return;
	served_close(s->served);
	kept_free(&s->status);
	free(s->store);
	free(s);
}
