/*
 * tell: what a session says to the rest: an event of its own, text in it that people can read,
 * and the patterns that a line matches, each once in a session.
 */
#include <string.h>

#include "base/utf8.h"
#include "dataplane/smtp/state.h"

struct event *
smtp_emit(struct run *r, enum event_type type)
{
	struct event_flow *flow = r->ctx->flow;

	if (flow->flow_id == 0)
		r->ctx->flow_make(r->ctx->flow_of, flow);
	if (r->s->flags & S_PROXIED)
		smtp_proxy_apply(r);
	return emit_begin(r->ctx->emit, type, r->time_ns, flow);
}

uint8_t
smtp_text_put(struct event *event, size_t *used, const uint8_t *data, size_t len, uint8_t *flags)
{
	char text[SMTP_STRING_MAX];
	bool escaped = false, truncated = false;
	size_t n = len;

	if (len > sizeof(text) || !utf8_is_plain(data, len)) {
		n = utf8_escape(data, len, text, sizeof(text), &escaped, &truncated);
		data = (const uint8_t *)text;
	}
	uint8_t put = emit_text(event, used, (const char *)data, n);
	if (flags) {
		*flags |= escaped ? AUTH_USERNAME_ESCAPED : 0;
		*flags |= truncated || put < n ? AUTH_USERNAME_TRUNCATED : 0;
	}
	return put;
}

/* Is this the first time that the session reports the pattern? */
static bool
signature_new(struct run *r, uint32_t id)
{
	struct span noted = smtp_note_get(r, NOTE_SIGNATURES);
	uint32_t ids[SMTP_SIGNATURES_MAX];
	size_t count = noted.len / sizeof(ids[0]);

	if (noted.len > 0)
		memcpy(ids, noted.data, noted.len);
	for (size_t i = 0; i < count; i++)
		if (ids[i] == id)
			return false;
	if (count == SMTP_SIGNATURES_MAX)
		return false;
	ids[count++] = id;
	return smtp_note_put(r, NOTE_SIGNATURES, ids, count * sizeof(ids[0]));
}

void
smtp_match(struct run *r, enum event_context context, const struct line *line, bool text_ok)
{
	struct match_hits hits;
	size_t len = line->len < SMTP_MATCH_LINE_MAX ? line->len : SMTP_MATCH_LINE_MAX;

	if (!r->ctx->match || len == 0)
		return;
	counter_add(r->ctx->counters, COUNTER_MATCH_LINES, 1);
	enum path_stage before = stages_enter(r->ctx->emit->stages, PATH_MATCH);
	match_line(r->ctx->match, context, line->data, len, &hits);
	stages_enter(r->ctx->emit->stages, before);
	if (hits.count == 0)
		return;
	counter_add(r->ctx->counters, COUNTER_MATCH_HITS, hits.count);
	for (unsigned i = 0; i < hits.count; i++) {
		if (!signature_new(r, hits.id[i]))
			continue;
		size_t used = 0;
		struct event *event = smtp_emit(r, EVENT_SIGNATURE);
		event->signature.pattern_id = hits.id[i];
		event->signature.context = (uint8_t)context;
		event->signature.from_server =
			context == CONTEXT_BANNER || context == CONTEXT_REPLY;
		if (text_ok)
			event->signature.line_len =
				smtp_text_put(event, &used, line->data, len, NULL);
		emit_commit(r->ctx->emit);
	}
}
