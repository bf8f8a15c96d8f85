/*
 * Theory of operation.
 *
 * Keeps: the verbs of exporters, for each exporter its backlog as it was last counted, a reader of
 * the store.
 *
 * Always holds: what an exporter is given starts after its cursor, which it alone moves. A question
 * for alerts waits until there is one: the outbox wakes us for each. To count a long backlog costs
 * time, so it is done once in COUNT_NS for each exporter, and reckoned meanwhile.
 *
 * Who asks for reloads waits until there is one step more than it knows, and asks again at once: so
 * one that has not asked for longer than that is not there. It is told when the step began, by the
 * clock of this machine: one that has read its files since needs not do so again.
 *
 * What an attacker would try: whoever may open the socket can read alerts and can say that they
 * were delivered, so that an exporter leaves them out, or that a reload is wrong, which
 * is then not done, and shown to whoever asked for it; nothing else of ours changes by it, and the
 * store keeps them.
 */
#include "control/outlet/outlet.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "control/outlet/gather.h"
#include "control/serve/kept.h"

#define ALERTS_MAX 1000
#define WAIT_MAX_MS 5000
#define COUNT_NS NS_PER_S

struct backlog {
	char exporter[OUTBOX_NAME_MAX + 1];
	uint64_t n;
	uint64_t counted_ns; /* monotonic; 0: never */
};

/* Of the configuration. */
struct reloads {
	uint64_t count;        /* of steps */
	enum outlet_step step; /* the last */
	uint64_t at_ns;        /* monotonic: when that began; 0: there was none */
	uint64_t asked_ns;     /* monotonic: when somebody last waited for one more; 0: never */
	uint64_t told;         /* what came of it there is known up to this one */
	char why[OUTLET_WHY_MAX];
};

struct outlet {
	struct outlet_options options;
	struct served *served;
	struct kept counters;
	char *store;
	/* Of the thread. */
	struct gather gather;
	struct backlog backlogs[OUTBOX_EXPORTERS_MAX];
	unsigned next; /* backlog to be given away when there is no other */
	pthread_mutex_t lock;
	struct reloads reloads; /* under it */
};

/* A question for alerts. */
struct question {
	char exporter[OUTBOX_NAME_MAX + 1];
	unsigned max;
};

_Static_assert(sizeof(struct question) <= SERVED_STATE_BYTES, "a question is kept with its client");

static struct backlog *
backlog_of(struct outlet *o, const char *exporter)
{
	for (unsigned i = 0; i < OUTBOX_EXPORTERS_MAX; i++)
		if (strcmp(o->backlogs[i].exporter, exporter) == 0)
			return &o->backlogs[i];
	struct backlog *b = &o->backlogs[o->next++ % OUTBOX_EXPORTERS_MAX];
	*b = (struct backlog){0};
	strcpy(b->exporter, exporter);
	return b;
}

/* How many alerts there are after the cursor, those that are given now included. */
static int
count_backlog(
	struct outlet *o, const struct question *q, uint64_t after, struct gathered *g, uint64_t *n)
{
	struct backlog *b = backlog_of(o, q->exporter);
	uint64_t now = served_now_ns();
	int r = 0;

	if (q->max > 0 && !g->more) {
		b->n = g->n;
	} else if (q->max == 0 || !b->counted_ns || now - b->counted_ns >= COUNT_NS ||
		   b->n < g->n) {
		r = gather_count(&o->gather, after, &b->n);
		b->counted_ns = now;
	}
	*n = b->n;
	b->n -= g->n < b->n ? g->n : b->n; /* until it is counted again */
	return r;
}

/* A line before them: how many, and what else is to be said. */
static void
give_alerts(struct served_client *c, struct gathered *g, json_t *head)
{
	char *line = NULL, *all = NULL;
	size_t line_len = 0;

	json_object_set_new(head, "alerts", json_integer((json_int_t)g->n));
	line = json_dumps(head, JSON_COMPACT);
	json_decref(head);
	if (line) {
		line_len = strlen(line);
		all = malloc(line_len + 1 + g->len);
	}
	if (all) {
		memcpy(all, line, line_len);
		all[line_len] = '\n';
		if (g->len > 0)
			memcpy(all + line_len + 1, g->text, g->len);
	}
	free(line);
	free(g->text);
	served_give(c, all, line_len + 1 + g->len);
}

static void
look_for_alerts(void *arg, struct served_client *c, bool late)
{
	struct outlet *o = arg;
	struct question *q = served_state(c);
	struct gathered g = {0};
	uint64_t after, backlog = 0;
	int r = 0;

	if (!outbox_cursor(o->options.outbox, q->exporter, &after)) {
		served_give_error(c, "no exporter of that name is configured");
		return;
	}
	if (q->max > 0)
		r = gather_alerts(&o->gather, after, q->max, &g);
	if (!late && q->max > 0 && g.n == 0) {
		free(g.text);
		return;
	}
	if (r == 0)
		r = count_backlog(o, q, after, &g, &backlog);
	if (r == 0) {
		give_alerts(c, &g, json_pack("{s:I}", "backlog", (json_int_t)backlog));
	} else {
		free(g.text);
		served_give_error(c, o->gather.why);
	}
}

/* A name, if it is one; else "". */
static const char *
name_of(const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "exporter"));

	return name && strlen(name) <= OUTBOX_NAME_MAX ? name : "";
}

/* A number from 0 to most; more is that, and anything else the default. */
static unsigned
number_of(const json_t *request, const char *key, unsigned most)
{
	const json_t *n = json_object_get(request, key);

	if (!json_is_integer(n) || json_integer_value(n) < 0 || json_integer_value(n) > most)
		return most;
	return (unsigned)json_integer_value(n);
}

static void
take_alerts(void *arg, struct served_client *c, const json_t *request)
{
	struct question *q = served_state(c);

	strcpy(q->exporter, name_of(request));
	q->max = number_of(request, "max", ALERTS_MAX);
	served_wait(c, number_of(request, "wait_ms", WAIT_MAX_MS) * NS_PER_MS);
	look_for_alerts(arg, c, false);
}

static void
take_delivered(void *arg, struct served_client *c, const json_t *request)
{
	struct outlet *o = arg;
	const json_t *seq = json_object_get(request, "seq");
	int r = -EINVAL;

	if (json_is_integer(seq) && json_integer_value(seq) >= 0)
		r = outbox_delivered(
			o->options.outbox, name_of(request), (uint64_t)json_integer_value(seq));
	if (r == 0)
		served_give_object(c, json_pack("{s:b}", "ok", 1));
	else
		served_give_error(c, r == -ENOENT ? "no exporter of that name is configured"
				     : r == -ERANGE
					     ? "no alert of that number was told"
					     : "delivered: the number of an alert is needed");
}

static void
take_open(void *arg, struct served_client *c, const json_t *request)
{
	struct outlet *o = arg;
	struct gathered g;

	(void)request;
	if (gather_open(&o->gather, GATHER_OPEN_MAX, &g) == 0) {
		give_alerts(c, &g,
			json_pack("{s:I, s:I, s:I}", "backlog", (json_int_t)0, "seq",
				(json_int_t)g.seq, "left_out", (json_int_t)g.left_out));
	} else {
		free(g.text);
		served_give_error(c, o->gather.why);
	}
}

static void
take_counters(void *arg, struct served_client *c, const json_t *request)
{
	struct outlet *o = arg;

	(void)request;
	kept_take(&o->counters, c);
}

static void
look_for_counters(void *arg, struct served_client *c, bool late)
{
	struct outlet *o = arg;

	kept_look(&o->counters, c, late);
}

static const char *const step_names[] = {
#define X(id, name) [OUTLET_##id] = name,
	OUTLET_STEPS(X)
#undef X
};

/* A question for reloads: the number of the one that is known. */
struct seen {
	bool any; /* at once: none is known */
	uint64_t reload;
};

_Static_assert(sizeof(struct seen) <= SERVED_STATE_BYTES, "a question is kept with its client");

static void
look_for_reload(void *arg, struct served_client *c, bool late)
{
	const struct seen *seen = served_state(c);
	struct outlet *o = arg;

	pthread_mutex_lock(&o->lock);
	o->reloads.asked_ns = served_now_ns();
	const struct reloads now = o->reloads;
	pthread_mutex_unlock(&o->lock);
	if (late || seen->any || now.count != seen->reload)
		served_give_object(
			c, json_pack("{s:I, s:s, s:I}", "reload", (json_int_t)now.count, "step",
				   step_names[now.step], "at", (json_int_t)now.at_ns));
}

static void
take_reload(void *arg, struct served_client *c, const json_t *request)
{
	const json_t *known = json_object_get(request, "seen");
	struct seen *seen = served_state(c);

	seen->any = !json_is_integer(known);
	seen->reload = (uint64_t)json_integer_value(known);
	served_wait(c, WAIT_MAX_MS * NS_PER_MS);
	look_for_reload(arg, c, false);
}

static void
take_reloaded(void *arg, struct served_client *c, const json_t *request)
{
	const char *why = json_string_value(json_object_get(request, "why"));
	json_int_t number = json_integer_value(json_object_get(request, "reload"));
	struct outlet *o = arg;

	pthread_mutex_lock(&o->lock);
	if (number > 0 && (uint64_t)number == o->reloads.count) {
		o->reloads.told = o->reloads.count;
		snprintf(o->reloads.why, sizeof(o->reloads.why), "%s", why ? why : "");
	}
	pthread_mutex_unlock(&o->lock);
	served_give_object(c, json_pack("{s:b}", "ok", 1));
}

bool
outlet_reload(struct outlet *o, enum outlet_step step)
{
	uint64_t now_ns = served_now_ns();

	pthread_mutex_lock(&o->lock);
	uint64_t asked_ns = o->reloads.asked_ns;
	o->reloads.count++;
	o->reloads.step = step;
	o->reloads.at_ns = now_ns;
	pthread_mutex_unlock(&o->lock);
	served_wake(o->served);
	return asked_ns != 0 && now_ns - asked_ns < WAIT_MAX_MS * NS_PER_MS + NS_PER_S;
}

bool
outlet_reloaded(struct outlet *o, char why[OUTLET_WHY_MAX])
{
	pthread_mutex_lock(&o->lock);
	bool told = o->reloads.told == o->reloads.count;
	strcpy(why, o->reloads.why);
	pthread_mutex_unlock(&o->lock);
	return told;
}

static const struct served_verb verbs[] = {
	{"alerts", take_alerts, look_for_alerts},
	{"delivered", take_delivered, NULL},
	{"open", take_open, NULL},
	{"counters", take_counters, look_for_counters},
	{"reload", take_reload, look_for_reload},
	{"reloaded", take_reloaded, NULL},
};

static void
on_change(void *arg)
{
	served_wake(arg);
}

int
outlet_open(struct outlet **out, const struct outlet_options *options, char *why, size_t why_len)
{
	struct outlet *o = calloc(1, sizeof(*o));
	const struct served_options served = {.path = options->path,
		.user = options->user,
		.verbs = verbs,
		.verb_count = sizeof(verbs) / sizeof(verbs[0]),
		.clients = OUTLET_CLIENTS,
		.arg = o};

	*out = NULL;
	if (o)
		o->store = strdup(options->store);
	if (!o || !o->store) {
		free(o);
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	o->options = *options;
	o->gather = (struct gather){.path = o->store, .outbox = options->outbox};
	kept_init(&o->counters);
	pthread_mutex_init(&o->lock, NULL);
	int r = served_open(&o->served, &served, why, why_len);
	if (r == 0) {
		outbox_on_change(options->outbox, on_change, o->served);
		*out = o;
	} else {
		outlet_close(o);
	}
	return r;
}

bool
outlet_wants_counters(struct outlet *o)
{
	return kept_wants(&o->counters);
}

void
outlet_put_counters(struct outlet *o, const char *json, size_t len)
{
	kept_put(&o->counters, json, len);
	served_wake(o->served);
}

void
outlet_close(struct outlet *o)
{
	if (!o)
		return;
	outbox_on_change(o->options.outbox, NULL, NULL);
	served_close(o->served);
	gather_end(&o->gather);
	kept_free(&o->counters);
	pthread_mutex_destroy(&o->lock);
	free(o->store);
	free(o);
}
