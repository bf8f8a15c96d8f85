/*
 * EVE alerts of patterns of role signature.
 *
 * A pattern may match on every line that somebody sends, so it is told once per
 * (pattern, subject) and update interval; what came between is counted and told
 * with the next alert. The memory of what was told is a table without chains: a
 * collision forgets the older entry, which costs one more alert, never one less.
 * Its hash has a fixed key so that one capture always gives the same lines.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "control/export/format.h"
#include "control/export/line.h"

#define CONFIDENCE 80 /* one line was proof enough for whoever wrote the pattern */

static void
saw_at(uint64_t *first_ns, uint64_t *last_ns, uint64_t time_ns)
{
	if (*first_ns == 0 || time_ns < *first_ns)
		*first_ns = time_ns;
	if (time_ns > *last_ns)
		*last_ns = time_ns;
}

static struct eve_signature *
count(struct eve *eve, const struct pattern *pattern, const struct event *event)
{
	struct eve_signature *s = &eve->signatures[pattern - eve->patterns->patterns];

	s->pattern = pattern;
	s->matches++;
	saw_at(&s->first_ns, &s->last_ns, event->head.time_ns);
	return s;
}

/* What is known of this pattern and this subject; anew where another was there. */
static struct eve_told *
recall(struct eve *eve, const struct event *event, const struct addr *subject)
{
	static const struct siphash_key key;
	struct {
		struct addr subject;
		uint32_t pattern_id;
	} what = {*subject, event->signature.pattern_id};
	struct eve_told *told = &eve->told[siphash(&key, &what, sizeof(what)) % EVE_TOLD];

	if (told->pattern_id != what.pattern_id ||
		memcmp(&told->subject, subject, sizeof(*subject)) != 0)
		*told = (struct eve_told){.subject = *subject, .pattern_id = what.pattern_id};
	saw_at(&told->first_ns, &told->last_ns, event->head.time_ns);
	return told;
}

static json_t *
signature_object(const struct eve *eve, const struct eve_told *told, const struct pattern *pattern,
	const struct event *event)
{
	const struct event_signature *match = &event->signature;
	json_t *o = json_object();
	char addr[FORMAT_ADDR_MAX];

	line_put_string(o, "detector", "signature");
	line_put_string(o, "subject_type",
		line_subject_type(match->from_server ? SUBJECT_SERVER : SUBJECT_SOURCE));
	format_addr(&told->subject, addr);
	line_put_string(o, "subject", addr);
	line_put_string(o, "state", line_state(told->told ? FINDING_UPDATE : FINDING_OPEN));
	line_put_time(o, "first_seen", told->first_ns);
	line_put_time(o, "last_seen", told->last_ns);
	line_put_number(o, "pattern_id", pattern->id);
	line_put_string(o, "context", event_context_name(match->context));
	line_put_text(o, "line", event->text, match->line_len);
	line_put_number(o, "suppressed", told->suppressed);
	line_put_string(o, "why", pattern->why);
	line_put_number(o, "confidence", CONFIDENCE);
	line_put_number(o, "sensor_loss", eve->loss);
	return o;
}

void
eve_signature(struct eve *eve, const struct event *event)
{
	const struct event_signature *match = &event->signature;
	const struct event_flow *flow = &event->head.flow;
	const struct pattern *pattern = pattern_set_find(eve->patterns, match->pattern_id);

	/* The other roles are evidence for what has a line of its own. */
	if (!pattern || pattern->role != PATTERN_ROLE_SIGNATURE)
		return;
	struct eve_signature *counted = count(eve, pattern, event);
	if (eve->rules && suppress_signature(eve->rules, event))
		return;
	struct eve_told *told =
		recall(eve, event, match->from_server ? &flow->server : &flow->client);
	if (told->told && event->head.clock_ns - told->clock_ns < eve->config->incident_update) {
		told->suppressed++;
		eve->counters.suppressed++;
		return;
	}
	const struct alert_rule rule = {.signature_id = pattern->id,
		.detector = "signature",
		.title = pattern->name,
		.category = pattern->category,
		.mitre = pattern->mitre,
		.severity = pattern->severity,
		.confidence = CONFIDENCE};
	json_t *line = line_start("alert", event->head.time_ns, flow);
	json_object_set_new(line, "alert", line_alert(&rule));
	json_object_set_new(line, "smtap", signature_object(eve, told, pattern, event));
	line_end_alert(eve, line, NULL, event->head.time_ns);
	told->told = true;
	told->clock_ns = event->head.clock_ns;
	told->suppressed = 0;
	counted->alerts++;
}

int
eve_set_patterns(struct eve *eve, const struct pattern_set *patterns)
{
	struct eve_signature *all = calloc(patterns->count + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < eve->patterns->count; i++) {
		const struct pattern *old = &eve->patterns->patterns[i];
		const struct pattern *now = pattern_set_find(patterns, old->id);

		if (!now)
			continue;
		all[now - patterns->patterns] = eve->signatures[i];
		all[now - patterns->patterns].pattern = now;
	}
	free(eve->signatures);
	eve->signatures = all;
	eve->patterns = patterns;
	return 0;
}

size_t
eve_signatures(const struct eve *eve, struct eve_signature *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < eve->patterns->count && n < max; i++)
		if (eve->signatures[i].matches > 0)
			out[n++] = eve->signatures[i];
	return n;
}
