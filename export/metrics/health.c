/* Is the sensor well? Each check that fails has a sentence that says what to look at. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/duration.h"
#include "base/text.h"
#include "export/metrics/internal.h"

#define SENTENCE_MAX 400
#define SNAPSHOT_MS 300000u

struct health {
	const struct health_view *view;
	json_t *checks;
	json_t *reasons;
	bool ok;
};

__attribute__((format(printf, 4, 5))) static json_t *
check(struct health *h, const char *name, bool ok, const char *format, ...)
{
	char text[SENTENCE_MAX];
	json_t *o = json_object();
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_object_set_new(o, "ok", json_boolean(ok));
	json_object_set_new(h->checks, name, o);
	h->ok &= ok;
	if (!ok)
		json_array_append_new(h->reasons, json_string(text));
	return o;
}

static uint64_t
value(const struct health *h, const char *name)
{
	uint64_t v = 0;

	watch_value(h->view->watch, name, &v);
	return v;
}

static uint64_t
seconds(uint64_t ns)
{
	return ns / NS_PER_S;
}

static bool
check_control(struct health *h)
{
	const struct watch *w = h->view->watch;
	bool up = watch_is_up(w, h->view->now_ns);

	if (up || w->answer)
		check(h, "control", up, "control says nothing new for %llu s",
			(unsigned long long)seconds(h->view->now_ns - w->fresh_ns));
	else
		check(h, "control", false, "control does not answer: %s",
			w->why[0] ? w->why : "it was not asked yet");
	return up;
}

static void
put_wall_time(json_t *o, const char *key, uint64_t wall_ns)
{
	time_t s = (time_t)seconds(wall_ns);
	struct tm tm;
	char text[40];

	if (wall_ns == 0 || !gmtime_r(&s, &tm))
		return;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_set_new(o, key, json_string(text));
}

/* Since the start, if none came ever. */
static void
check_packets(struct health *h)
{
	uint64_t last = value(h, "last_packet"), start = value(h, "start");
	uint64_t since = last ? last : start;
	uint64_t silence = h->view->wall_ns > since ? h->view->wall_ns - since : 0;
	bool ok = h->view->silence_ns == 0 || silence < h->view->silence_ns;

	put_wall_time(check(h, "packets", ok, "no packet came for %llu s: is the mirror port on?",
			      (unsigned long long)seconds(silence)),
		"last_packet", last);
}

/* Ten should have been begun since. A slow one rests for three times what it took, so the last
   good one may have been begun five times as long ago. */
static void
check_snapshot(struct health *h)
{
	uint64_t every_ms = value(h, "snapshot_interval"), age_ms = value(h, "snapshot_age");
	uint64_t slow_ms = 5 * value(h, "snapshot_duration");
	bool ok = every_ms == 0 || age_ms < 10 * every_ms + slow_ms + SNAPSHOT_MS;

	check(h, "snapshot", ok,
		"no snapshot was written for %llu s: were control killed now, it would forget so "
		"much",
		(unsigned long long)(age_ms / 1000));
}

static void
check_exporters(struct health *h)
{
	const struct watch *w = h->view->watch;
	json_t *failing = json_array();
	char names[SENTENCE_MAX / 2] = "";

	for (unsigned i = 0; i < w->exporter_count; i++) {
		const struct watch_exporter *e = &w->exporters[i];
		size_t len = strlen(names);

		if (e->failing_ns == 0 || h->view->now_ns - e->failing_ns < h->view->failing_ns)
			continue;
		json_array_append_new(failing, json_string(e->is.name));
		snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "", e->is.name);
	}
	json_t *o =
		check(h, "exporters", !names[0], "exporters have failed for more than %llu s: %s",
			(unsigned long long)seconds(h->view->failing_ns), names);
	json_object_set_new(o, "failing", failing);
}

static void
check_all(struct health *h)
{
	const struct watch *w = h->view->watch;

	if (check_control(h)) {
		check(h, "dataplane", value(h, "dataplane_attached") != 0,
			"no dataplane hands over events");
		check(h, "events",
			w->stuck_ns == 0 || h->view->now_ns - w->stuck_ns < WATCH_STUCK_NS,
			"events wait for control, and it takes none for %llu s",
			(unsigned long long)seconds(h->view->now_ns - w->stuck_ns));
		check(h, "store", value(h, "store_failing") == 0,
			"the store cannot be written; %llu alert%s wait%s in memory",
			(unsigned long long)value(h, "store_waiting"),
			text_s(value(h, "store_waiting")),
			value(h, "store_waiting") == 1 ? "s" : "");
		check_snapshot(h);
		check_packets(h);
	}
	check_exporters(h);
}

char *
health_make(const struct health_view *view, bool *ok, size_t *len)
{
	struct health h = {
		.view = view, .checks = json_object(), .reasons = json_array(), .ok = true};
	json_t *o = json_object();

	check_all(&h);
	*ok = h.ok; /* a sentence may be cut, or no text for JSON */
	json_object_set_new(o, "status", json_string(*ok ? "ok" : "failing"));
	json_object_set_new(o, "reasons", h.reasons);
	json_object_set_new(o, "checks", h.checks);
	char *text = json_dumps(o, JSON_INDENT(1));
	*len = text ? strlen(text) : 0;
	json_decref(o);
	return text;
}
