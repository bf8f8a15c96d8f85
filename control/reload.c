/*
 * Theory of operation.
 *
 * Somebody asks on the socket. serve's thread reads the files, however slow the disk, into a draft;
 * what is wrong with them is the answer, and nothing has changed. The main thread goes on from
 * there, between two events:
 *
 *   1. smtap-export is told on its socket, by the outlet: it reads the same file by itself, and
 *      opens all that this names beside what runs. What it refuses changes nothing: its reason is
 *      the answer. One that is not there, or says nothing for EXPORT_PATIENCE_NS, is not waited
 *      for.
 *   2. The new patterns, with those of before besides, name what comes: the dataplane may only
 *      send an id that is known here already, and what it sent before keeps its name.
 *   3. If the compiled patterns must be others, the dataplane is asked to load them
 *      (contract/swap.h). What it refuses changes nothing: the old patterns come back,
 *      smtap-export drops what it opened, and the dataplane's reason is the answer.
 *   4. Settings that are looked at each time that they count are overwritten where they stand, what
 *      was made of others is made anew. So no event is counted by half of each. Databases of
 *      addresses, which were opened with the draft, take the place of those of before.
 *
 *   5. smtap-export takes what it opened, once control knows the exporters that it will ask for.
 *      The answer waits for what it says: one that was not there, or did not speak, in step 1
 *      reads only now.
 *
 * What needs a restart is named in the answer. Windows, counters and findings are not touched.
 *
 * Always holds: at most one draft is on its way, since serve takes no other request until it is
 * answered; so only the main thread changes what the draft was compared with.
 */
#include "control/reload.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/text.h"
#include "config/reload.h"
#include "contract/handover.h"
#include "contract/swap.h"
#include "control/patterns.h"
#include "control/run_internal.h"
#include "control/serve/own.h"

#define PATIENCE_NS (20 * NS_PER_S)       /* with the dataplane */
#define EXPORT_PATIENCE_NS (8 * NS_PER_S) /* with smtap-export */

enum { FAILED = 1, BAD = 2 }; /* exit statuses of whoever asked */

struct reload_draft {
	struct config fresh;
	struct pattern_set *patterns; /* owned; once these are used, those of before */
	struct enrich *enrich;        /* owned; once it is used, the one of before; NULL: none */
	bool swapped;                 /* the dataplane has other patterns now */
};

static void
draft_free(struct reload_draft *draft)
{
	if (!draft)
		return;
	config_free(&draft->fresh);
	pattern_set_free(draft->patterns);
	free(draft->patterns);
	enrich_close(draft->enrich);
	free(draft);
}

int
reload_open(struct reload *reload, const struct run *run)
{
	const struct options *o = run->options;

	reload->started = malloc(sizeof(*reload->started));
	if (!reload->started)
		return -ENOMEM;
	*reload->started = o->started;
	reload->run = run;
	reload->config_file = o->config_file;
	pthread_mutex_init(&reload->lock, NULL);
	return 0;
}

void
reload_close(struct reload *reload)
{
	if (!reload->started)
		return;
	draft_free(reload->draft);
	draft_free(reload->awaits);
	draft_free(reload->checks);
	free(reload->own);
	json_decref(reload->held);
	pthread_mutex_destroy(&reload->lock);
	free(reload->started);
	reload->started = NULL;
}

/* 0; or an exit status, with why. */
static int
read_draft(const struct reload *reload, struct reload_draft *draft, char *why, size_t why_len)
{
	config_defaults(&draft->fresh);
	if (reload->config_file &&
		config_read(&draft->fresh, reload->config_file, why, why_len) != 0)
		return BAD;
	if (patterns_read(draft->patterns, &draft->fresh, why, why_len) != 0)
		return BAD;
	int r = pattern_set_follow(draft->patterns, reload->run->patterns, why, why_len);
	/* Also where they have the names of before: a file may have been replaced. */
	if (r == 0)
		r = enrich_open(&draft->enrich, &draft->fresh, why, why_len);
	return r == 0 ? 0 : r == -ENOMEM ? FAILED : BAD;
}

static struct reload_draft *
draft_open(void)
{
	struct reload_draft *draft = calloc(1, sizeof(*draft));

	if (draft)
		draft->patterns = calloc(1, sizeof(*draft->patterns));
	if (draft && !draft->patterns) {
		free(draft);
		draft = NULL;
	}
	return draft;
}

int
reload_prepare(void *arg, char *why, size_t why_len)
{
	struct reload *reload = arg;
	struct reload_draft *draft = draft_open();
	int status = FAILED;

	snprintf(why, why_len, "out of memory");
	if (draft)
		status = read_draft(reload, draft, why, why_len);
	if (status != 0) {
		draft_free(draft);
		run_fail(0, "nothing is reloaded: %s", why);
		return status;
	}
	pthread_mutex_lock(&reload->lock);
	reload->draft = draft;
	pthread_mutex_unlock(&reload->lock);
	atomic_store_explicit(&reload->ready, true, memory_order_release);
	return 0;
}

static void
answer(struct run *run, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	notify_ready(&run->notify);

	if (text && run->serve)
		serve_put_reload(run->serve, text, strlen(text));
	free(text);
	json_decref(object);
}

static void
refuse(struct run *run, struct reload_draft *draft, int status, const char *why)
{
	run_fail(0, "nothing is reloaded: %s", why);
	if (run->outlet)
		outlet_reload(run->outlet, OUTLET_DROP);
	answer(run, json_pack("{s:s, s:i}", "error", why, "status", status));
	draft_free(draft);
}

/* Of those that are looked for. */
static size_t
count_patterns(const struct pattern_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->count; i++)
		n += !set->patterns[i].retired;
	return n;
}

static void
take_enrich(struct run *run, struct reload_draft *draft)
{
	struct enrich *before = run->enrich;

	eve_set_enrich(run->eve, draft->enrich);
	run->enrich = draft->enrich;
	draft->enrich = before;
}

static int
take_settings(struct run *run, struct reload_draft *draft, struct config_reload *what)
{
	config_take(run->config, run->reload.started, &draft->fresh, what);
	int r = engine_reload(run->engine);

	/* By these settings what came before cannot be told again. */
	snapshot_hurry(&run->snapshot);
	live_reload(&run->live, run->config);
	stored_reload(&run->stored, run->config);
	if (what->exporters)
		stored_set_exporters(&run->stored, run->config);
	run_set_rotation(run);
	take_enrich(run, draft);
	return r;
}

/*
 * smtap-export is told. Whether it will say what it makes of that; else note is what is to be said,
 * or as it is. Who started us starts it, where it has got something to do.
 */
static bool
tell_export(struct run *run, bool others, const char **note)
{
	if (run->outlet && outlet_reload(run->outlet, OUTLET_TAKE))
		return true;
	bool started = run->handover_fd >= 0 && !run->meets && handover_tell(run->handover_fd) == 0;
	if (others && !(*note)[0])
		*note = started ? "smtap-export is started if there is something to export"
				: "smtap-export is not there: it takes exporters when it starts";
	return false;
}

/* What smtap-export says of the last reload, or that it says nothing. */
static void
look_at_export(struct run *run)
{
	struct reload *reload = &run->reload;
	char why[OUTLET_WHY_MAX], text[OUTLET_WHY_MAX + 80];
	json_t *held = reload->held;

	if (outlet_reloaded(run->outlet, why)) {
		if (why[0]) {
			snprintf(text, sizeof(text),
				"all but smtap-export is reloaded; that goes on as before: %s",
				why);
			json_object_set_new(held, "error", json_string(text));
			json_object_set_new(held, "status", json_integer(BAD));
		}
	} else if (live_now_ns() - reload->held_ns > EXPORT_PATIENCE_NS) {
		json_object_set_new(held, "note",
			json_string("smtap-export has not said so far what it makes of it"));
	} else {
		return;
	}
	reload->held = NULL;
	answer(run, held);
}

/* note: what else is to be said; may be empty. */
static void
finish(struct run *run, struct reload_draft *draft, const char *note)
{
	struct config_reload what;
	size_t patterns = count_patterns(run->patterns);
	int r = take_settings(run, draft, &what);

	bool waits = tell_export(run, what.exporters, &note);

	if (r != 0)
		note = r == -ENOMEM ? "out of memory: rules are as they were"
				    : "too many rules came and went: rules are as they were";
	run_fail(0,
		"reloaded: %u setting%s changed, %zu pattern%s%s, %u database%s of "
		"addresses%s%s%s%s",
		what.taken, text_s(what.taken), patterns, text_s(patterns),
		draft->swapped ? " new in the dataplane" : "", enrich_count(run->enrich),
		text_s(enrich_count(run->enrich)), note[0] ? "; " : "", note,
		what.waits ? "; needs a restart: " : "", what.names);
	json_t *o = json_pack("{s:i, s:I, s:b, s:i, s:s, s:s}", "settings", (int)what.taken,
		"patterns", (json_int_t)patterns, "swapped", draft->swapped, "databases",
		(int)enrich_count(run->enrich), "restart", what.names, "note", note);
	if (o && r != 0)
		json_object_set_new(o, "error", json_string(note));
	draft_free(draft);
	if (o && waits) {
		run->reload.held = o;
		run->reload.held_ns = live_now_ns();
	} else {
		answer(run, o);
	}
}

/* The draft's patterns name what comes, those of before are the draft's. 0 or -ENOMEM. */
static int
exchange_patterns(struct run *run, struct reload_draft *draft)
{
	struct pattern_set *before = run->patterns;
	int r = eve_set_patterns(run->eve, draft->patterns);

	if (r != 0)
		return r;
	run->patterns = draft->patterns;
	draft->patterns = before;
	return 0;
}

static bool
is_of_same_sources(const struct pattern_set *a, const struct pattern_set *b)
{
	for (unsigned i = 0; i < CONTEXT_COUNT; i++)
		if (pattern_set_source(a, (enum event_context)i) !=
			pattern_set_source(b, (enum event_context)i))
			return false;
	return true;
}

/* 0 or -errno. */
static int
ask_dataplane(struct run *run)
{
	struct swap ask;

	if (run->away.on || run->dataplane_fd < 0)
		return -EPIPE;
	swap_init(&ask, SWAP_ASK, ++run->reload.number);
	for (unsigned i = 0; i < CONTEXT_COUNT; i++)
		ask.source[i] = pattern_set_source(run->patterns, (enum event_context)i);
	run->reload.asked_ns = live_now_ns();
	return swap_send(run->dataplane_fd, &ask);
}

/* smtap-export would take it, or is not there. */
static void
go_on(struct run *run, struct reload_draft *draft)
{
	bool same = is_of_same_sources(run->patterns, draft->patterns);

	if (exchange_patterns(run, draft) != 0) {
		refuse(run, draft, FAILED, "out of memory for the patterns");
		return;
	}
	if (same)
		finish(run, draft, "");
	else if (ask_dataplane(run) == 0)
		run->reload.awaits = draft;
	else
		finish(run, draft, "the dataplane begins with these patterns when it is there");
}

static void
take_draft(struct run *run, struct reload_draft *draft)
{
	notify_reloading(&run->notify, live_now_ns());
	if (run->outlet && outlet_reload(run->outlet, OUTLET_CHECK)) {
		run->reload.checks = draft;
		run->reload.checks_ns = live_now_ns();
	} else {
		go_on(run, draft);
	}
}

/* Has smtap-export said whether it would take it? */
static void
look_at_check(struct run *run)
{
	struct reload_draft *draft = run->reload.checks;
	char why[OUTLET_WHY_MAX], text[OUTLET_WHY_MAX + 32];
	bool said = outlet_reloaded(run->outlet, why);

	if (!said && live_now_ns() - run->reload.checks_ns <= EXPORT_PATIENCE_NS)
		return;
	run->reload.checks = NULL;
	snprintf(text, sizeof(text), "smtap-export: %s", why);
	if (said && why[0])
		refuse(run, draft, BAD, text);
	else
		go_on(run, draft);
}

void
reload_own(void *arg, struct suppress_own *own, unsigned count)
{
	struct reload *reload = arg;

	pthread_mutex_lock(&reload->lock);
	struct suppress_own *old = reload->own;
	reload->own = own;
	reload->own_count = count;
	pthread_mutex_unlock(&reload->lock);
	atomic_store_explicit(&reload->own_ready, true, memory_order_release);
	free(old);
}

static void
take_own(struct run *run)
{
	struct reload *reload = &run->reload;

	if (!atomic_exchange_explicit(&reload->own_ready, false, memory_order_acquire))
		return;
	pthread_mutex_lock(&reload->lock);
	struct suppress_own *own = reload->own;
	unsigned count = reload->own_count;
	reload->own = NULL;
	pthread_mutex_unlock(&reload->lock);
	if (own && engine_set_own_rules(run->engine, own, count) != 0)
		run_fail(0, "out of memory: what operators suppress is as it was");
	free(own);
	snapshot_hurry(&run->snapshot);
}

void
reload_begin_own(struct run *run)
{
	struct suppress_own *own = NULL;
	struct store *store = NULL;
	unsigned count = 0;
	char why[512];

	if (!run->options->live || !run->options->store[0] ||
		store_open(&store, run->options->store, STORE_READ, why, sizeof(why)) != 0)
		return;
	if (own_load(store, &own, &count) == 0)
		engine_set_own_rules(run->engine, own, count);
	free(own);
	store_close(store);
}

void
reload_look(struct run *run)
{
	struct reload *reload = &run->reload;
	struct reload_draft *draft = reload->awaits;

	take_own(run);
	if (draft && (run->away.on || live_now_ns() - reload->asked_ns > PATIENCE_NS)) {
		reload->awaits = NULL;
		finish(run, draft,
			run->away.on ? "the next dataplane begins with these patterns"
				     : "the dataplane has not answered so far");
	}
	if (reload->held)
		look_at_export(run);
	if (reload->checks)
		look_at_check(run);
	if (!atomic_load_explicit(&reload->ready, memory_order_acquire))
		return;
	pthread_mutex_lock(&reload->lock);
	draft = reload->draft;
	reload->draft = NULL;
	pthread_mutex_unlock(&reload->lock);
	atomic_store_explicit(&reload->ready, false, memory_order_relaxed);
	take_draft(run, draft);
}

void
reload_greet(struct run *run)
{
	if (run->reload.started)
		ask_dataplane(run);
}

void
reload_answered(struct run *run, const struct swap *said)
{
	struct reload_draft *draft = run->reload.awaits;

	/* Which patterns it has nobody knows: all of both have names. */
	if (!said) {
		run->reload.awaits = NULL;
		if (draft)
			finish(run, draft, "the dataplane's answer made no sense");
		return;
	}
	if (said->number != run->reload.number)
		return;
	if (!draft) {
		if (said->result != 0)
			run_fail(0, "the dataplane has other patterns than are named here: %s",
				said->why);
		return;
	}
	run->reload.awaits = NULL;
	draft->swapped = said->result == 0;
	if (draft->swapped) {
		finish(run, draft, "");
		return;
	}
	exchange_patterns(run, draft);
	refuse(run, draft, BAD, said->why);
}
