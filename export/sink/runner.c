/*
 * Theory of operation.
 *
 * Keeps: a batch of alerts at most, how often the destination failed in a row, the counters.
 *
 * Always holds: alerts are given to the sink in the order of their numbers, the next only when
 * those before were delivered, left out for their severity, or refused for good. What was delivered
 * is said to control before more is asked for; when that cannot be said, or we end before it, the
 * same alerts come again: at least once, never less.
 *
 * A destination that fails is tried again after 1, 2, 4 .. retry_max seconds, without end: the
 * backlog is control's. An alert that is refused for what it is, alone, REFUSED_TRIES times more,
 * then it is counted and left out, so that it does not hold up the others for ever. Control that is
 * not there is tried for again after 1, 2, 4 .. CONTROL_MAX_S seconds.
 *
 * What is told: when a destination begins to fail and when it works again; alerts that are left
 * out, the first at once and then once in REFUSED_TELL_S. What a destination said is shown without
 * control characters.
 */
#include "export/sink/runner.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/utf8.h"

#define REFUSED_TRIES 3u
#define REFUSED_TELL_S 60u
#define CONTROL_MAX_S 5u
#define TICK_MS 1000u
#define SEVERITY_LEAST 3u
#define LINE_MAX (SINK_WHY_MAX + CONFIG_EXPORTER_NAME_MAX + 128)

struct runner {
	struct runner_options options;
	struct sink_context context;
	void *sink;
	struct sink_counters_kept counters;
	uint64_t retry_max_s;
	unsigned batch;
	unsigned severity; /* the least that is sent */
	unsigned tries;    /* of the destination, failed one after another */
	unsigned refused;  /* tries of the alert that is refused */
	uint64_t refused_told_ns;
	uint64_t refused_untold;
	bool over;
	bool closed;
};

static uint64_t
load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void
set(_Atomic uint64_t *counter, uint64_t value)
{
	atomic_store_explicit(counter, value, memory_order_relaxed);
}

/* One writer: no need for an atomic addition. */
static void
add(_Atomic uint64_t *counter, uint64_t n)
{
	set(counter, load(counter) + n);
}

int
runner_new(struct runner **out, const struct runner_options *options, char why[SINK_WHY_MAX])
{
	const struct config_exporter *e = options->exporter;
	struct runner *r = calloc(1, sizeof(*r));
	char reason[SINK_WHY_MAX] = "out of memory";
	int status = r ? 0 : -ENOMEM;

	*out = NULL;
	if (r) {
		r->options = *options;
		r->context = *options->context;
		r->retry_max_s = config_exporter_number(e, "retry_max") / NS_PER_S;
		r->batch = (unsigned)config_exporter_number(e, "batch");
		r->severity = SEVERITY_LEAST - (unsigned)config_exporter_number(e, "severity");
		status = options->kind->open(&r->sink, e, &r->context, reason);
	}
	if (status != 0) {
		snprintf(why, SINK_WHY_MAX, "exporters.%s (line %u): %.400s",
			config_exporter_name(e), config_exporter_line(e), reason);
		free(r);
		return status;
	}
	*out = r;
	return 0;
}

void
runner_begin(struct runner *r, struct runner *before)
{
	bool same = before && before->options.kind == r->options.kind;

	if (r->options.kind->begin)
		r->options.kind->begin(r->sink, same ? before->sink : NULL);
}

bool
runner_succeeds(const struct runner *r, const struct runner *before)
{
	const struct sink_kind *kind = r->options.kind;

	return kind == before->options.kind && kind->succeeds &&
	       kind->succeeds(r->sink, before->sink);
}

bool
runner_holds(const struct runner *r)
{
	return r->options.kind->holds && r->options.kind->holds(r->sink);
}

void
runner_close(struct runner *r)
{
	if (!r->closed)
		r->options.kind->close(r->sink);
	r->closed = true;
}

void
runner_free(struct runner *r)
{
	if (!r)
		return;
	runner_close(r);
	free(r);
}

const struct config_exporter *
runner_exporter(const struct runner *r)
{
	return r->options.exporter;
}

void
runner_counters(const struct runner *r, struct sink_counters *out)
{
#define X(field, kind, name, help) out->field = load(&r->counters.field);
	SINK_COUNTERS(X)
#undef X
}

void
runner_inherit(struct runner *r, const struct sink_counters *counters)
{
#define X(field, kind, name, help) set(&r->counters.field, counters->field);
	SINK_COUNTERS(X)
#undef X
	/* Whether it fails is not known yet. */
	set(&r->counters.failing, 0);
}

static void __attribute__((format(printf, 2, 3))) tell(struct runner *r, const char *format, ...)
{
	char text[LINE_MAX], line[2 * LINE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	size_t n = utf8_escape(
		(const uint8_t *)text, strlen(text), line, sizeof(line) - 1, NULL, NULL);
	line[n] = '\0';
	r->options.source.tell(r->options.source.arg, line);
}

static void
pause_s(struct runner *r, uint64_t s)
{
	r->over |= r->options.source.pause(r->options.source.arg, s * NS_PER_S);
}

/* 1, 2, 4 .. most, for the try after n that failed. */
static uint64_t
back_off_s(unsigned n, uint64_t most)
{
	uint64_t s = n < 32 ? UINT64_C(1) << (n - 1) : most;

	return s < most ? s : most;
}

static void
works(struct runner *r)
{
	r->tries = 0;
	if (load(&r->counters.failing))
		tell(r, "%s: works again", config_exporter_name(r->options.exporter));
	set(&r->counters.failing, 0);
}

/* How much waits meanwhile. */
static void
look_at_backlog(struct runner *r)
{
	const struct runner_source *source = &r->options.source;
	struct feed_batch none = {0};
	int status = source->alerts(source->arg, 0, 0, &none);

	if (status == 0)
		set(&r->counters.backlog, none.backlog);
	r->over |= status == -ECANCELED;
	feed_batch_free(&none);
}

static void
failed(struct runner *r, const char *why)
{
	add(&r->counters.retries, 1);
	r->tries++;
	if (!load(&r->counters.failing))
		tell(r, "%s: %s; alerts are kept and tried again",
			config_exporter_name(r->options.exporter), why);
	set(&r->counters.failing, 1);
	pause_s(r, back_off_s(r->tries, r->retry_max_s));
	if (!r->over)
		look_at_backlog(r);
}

static void
leave_out(struct runner *r, uint64_t seq, const char *why)
{
	uint64_t now = r->options.source.now_ns(r->options.source.arg);
	const char *name = config_exporter_name(r->options.exporter);

	add(&r->counters.refused, 1);
	r->refused = 0;
	if (r->refused_told_ns && now - r->refused_told_ns < REFUSED_TELL_S * NS_PER_S) {
		r->refused_untold++;
		return;
	}
	if (r->refused_untold > 0)
		tell(r,
			"%s: alert %" PRIu64 " is refused and left out, as were %" PRIu64
			" since the last such line: %s",
			name, seq, r->refused_untold, why);
	else
		tell(r, "%s: alert %" PRIu64 " is refused and left out: %s", name, seq, why);
	r->refused_told_ns = now;
	r->refused_untold = 0;
}

/* The alert is refused: is it time to leave it out? */
static bool
refused(struct runner *r, uint64_t seq, const char *why)
{
	r->tries = 0;
	if (r->refused++ < REFUSED_TRIES) {
		add(&r->counters.retries, 1);
		pause_s(r, back_off_s(r->refused, r->retry_max_s));
		return false;
	}
	leave_out(r, seq, why);
	return true;
}

/* All up to that one are done with. When it cannot be said, they come again. */
static int
say_delivered(struct runner *r, uint64_t seq)
{
	int status = r->options.source.delivered(r->options.source.arg, seq);

	r->over |= status == -ECANCELED;
	if (status == 0)
		set(&r->counters.last_seq, seq);
	return status;
}

static void
note_sent(struct runner *r, size_t n)
{
	if (n == 0)
		return;
	add(&r->counters.sent, n);
	set(&r->counters.last_sent_s, r->options.source.now_ns(r->options.source.arg) / NS_PER_S);
	r->refused = 0;
	r->tries = 0;
}

/* One try. How many of them are done with, one way or the other. */
static size_t
try_to_send(struct runner *r, const struct sink_alert *alerts, size_t n)
{
	char why[SINK_WHY_MAX] = "";
	size_t sent = 0;
	size_t given = r->refused ? 1 : n < r->batch ? n : r->batch;
	enum sink_result result = r->options.kind->send(r->sink, alerts, given, &sent, why);

	if (result == SINK_DONE)
		sent = given;
	sent = sent < given ? sent : given;
	note_sent(r, sent);
	if (result == SINK_DONE || result == SINK_REFUSED)
		works(r);
	if (result == SINK_RETRY)
		failed(r, why);
	else if (result == SINK_REFUSED && sent < given)
		sent += refused(r, alerts[sent].seq, why);
	return sent;
}

static bool
is_wanted(const struct runner *r, const struct sink_alert *alert)
{
	const json_t *own = json_object_get(alert->json, "alert");
	const json_t *severity = json_object_get(own, "severity");

	return !json_is_integer(severity) || json_integer_value(severity) <= r->severity;
}

/* Those that are wanted, in the place of all. */
static size_t
pick(struct runner *r, struct sink_alert *wanted, const struct feed_batch *batch)
{
	size_t n = 0;

	for (size_t i = 0; i < batch->n; i++)
		if (is_wanted(r, &batch->alerts[i]))
			wanted[n++] = batch->alerts[i];
	return n;
}

/* Those of a batch that are wanted, to be freed, and how many; NULL: out of memory, which is told.
 */
static struct sink_alert *
pick_of(struct runner *r, const struct feed_batch *batch, size_t *n)
{
	struct sink_alert *wanted = calloc(batch->n + 1, sizeof(*wanted));

	if (!wanted) {
		failed(r, "out of memory");
		return NULL;
	}
	*n = pick(r, wanted, batch);
	/* Nobody waits for these: they are counted once though they may come again. */
	add(&r->counters.left_out, batch->n - *n);
	return wanted;
}

/* Until all are done with, or it is over; what was delivered is said as it comes. */
static void
deliver(struct runner *r, const struct feed_batch *batch)
{
	size_t n = 0, done = 0;
	struct sink_alert *wanted = pick_of(r, batch, &n);

	if (!wanted)
		return;
	while (done < n && !r->over) {
		size_t now = try_to_send(r, wanted + done, n - done);

		done += now;
		if (now > 0 && done < n)
			say_delivered(r, wanted[done - 1].seq);
	}
	free(wanted);
	if (done == n)
		say_delivered(r, batch->alerts[batch->n - 1].seq);
}

/* All that is open, as often as it takes. False: it is over, or has to be asked for again. */
static bool
deliver_state(struct runner *r, const struct feed_batch *batch)
{
	enum sink_result result = SINK_RETRY;
	size_t n = 0;
	struct sink_alert *wanted = pick_of(r, batch, &n);

	while (wanted && result != SINK_DONE && !r->over) {
		char why[SINK_WHY_MAX] = "";

		result = r->options.kind->state(r->sink, wanted, n, why);
		if (result != SINK_DONE)
			failed(r, why);
	}
	free(wanted);
	if (result != SINK_DONE)
		return false;
	note_sent(r, n);
	works(r);
	return true;
}

/* What a state is made of. False: it is to be asked for again. */
static bool
begin_with_open(struct runner *r)
{
	const struct runner_source *source = &r->options.source;
	struct feed_batch batch;
	int status = source->open_alerts(source->arg, &batch);

	if (status != 0) {
		r->over |= status == -ECANCELED;
		return false;
	}
	if (batch.left_out > 0)
		tell(r,
			"%s: %" PRIu64
			" more findings are open, more than can be shown at once; each "
			"is when it is next told of",
			config_exporter_name(r->options.exporter), batch.left_out);
	bool good = deliver_state(r, &batch);
	if (good)
		good = say_delivered(r, batch.up_to) == 0;
	feed_batch_free(&batch);
	/* All that is open, at once, is some hundred times what comes later: the machine's again.
	 */
	malloc_trim(0);
	return good;
}

static void
count(struct runner *r)
{
	if (!r->options.kind->count)
		return;
	const struct sink_counts n = r->options.kind->count(r->sink);
	add(&r->counters.removed, n.removed);
	add(&r->counters.unended, n.unended);
}

static void
tick(struct runner *r)
{
	char why[SINK_WHY_MAX] = "";
	const struct sink_kind *kind = r->options.kind;
	uint64_t now = r->options.source.now_ns(r->options.source.arg);

	if (kind->tick(r->sink, now, why) == SINK_RETRY)
		failed(r, why);
	else
		works(r);
}

/* A batch, if there is one. 0, or -errno: control is not there. */
static int
work(struct runner *r)
{
	const struct runner_source *source = &r->options.source;
	bool ticks = r->options.kind->tick != NULL;
	struct feed_batch batch;
	int status =
		source->alerts(source->arg, r->batch, ticks ? TICK_MS : FEED_WAIT_MAX_MS, &batch);

	if (status == 0) {
		set(&r->counters.backlog, batch.backlog);
		if (batch.n > 0)
			deliver(r, &batch);
		else if (ticks)
			tick(r);
		count(r);
		if (batch.n > 0 && !load(&r->counters.failing))
			set(&r->counters.backlog,
				batch.backlog > batch.n ? batch.backlog - batch.n : 0);
		feed_batch_free(&batch);
	}
	r->over |= status == -ECANCELED;
	return status;
}

void
runner_run(struct runner *r)
{
	bool begun = !r->options.kind->state;
	unsigned away = 0;

	while (!r->over) {
		bool good = begun ? work(r) == 0 : (begun = begin_with_open(r));

		away = good ? 0 : away + 1;
		if (away > 0 && !r->over)
			pause_s(r, back_off_s(away, CONTROL_MAX_S));
	}
	if (r->options.kind->end)
		r->options.kind->end(r->sink);
	count(r);
}
