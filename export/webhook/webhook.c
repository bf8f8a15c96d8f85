/*
 * Alerts over HTTP.
 *
 * A batch goes out as one or more requests, one after the other, each with as many alerts as its
 * template, the bound of a body and the time allow. When a request is refused and the answer does
 * not say which of its alerts is the reason, half of them go again, until one is alone: that one
 * is refused, and nothing else is lost for it.
 *
 * When the other side asks to wait, nothing is sent until then, within RETRY_AFTER_MAX_S; the
 * runner may call meanwhile, and gets the same answer.
 */
#include "export/webhook/webhook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/text.h"
#include "export/sink/secret.h"
#include "export/webhook/answer.h"
#include "export/webhook/body.h"
#include "export/webhook/http.h"
#include "export/webhook/template.h"

#define RETRY_AFTER_MAX_S 300u
#define CALL_MAX_NS ((SINK_CALL_MAX_S - 2) * NS_PER_S)
#define REQUEST_MIN_NS NS_PER_S /* with less left, no request is begun */
#define SEQS_MAX (BODY_ALERTS_MAX * 21 + 32)

struct webhook {
	struct http *http;
	struct template *custom; /* NULL: none */
	struct body_options options;
	char *sensor; /* owned; what options has of texts is the exporter's */
	size_t body_max;
	uint64_t timeout_ns;
	uint64_t not_before_ns;   /* monotonic */
	char asked[SINK_WHY_MAX]; /* why it is that */
};

/* Of the alerts of one request; those that fit into one body. */
struct parcel {
	const struct sink_alert *alerts;
	size_t count;
	char *pieces[BODY_ALERTS_MAX];
};

static void
parcel_free(struct parcel *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->pieces[i]);
}

/* As many of the n as there is room for, at most max. False: out of memory. */
static bool
parcel_fill(struct parcel *p, const struct webhook *w, size_t n, size_t max)
{
	size_t bytes = 0;

	n = n < max ? n : max;
	for (p->count = 0; p->count < n; p->count++) {
		char *piece = body_piece(&w->options, &p->alerts[p->count]);

		if (!piece)
			return p->count > 0;
		bytes += strlen(piece);
		if (p->count > 0 &&
			bytes + body_frame_bytes(&w->options, p->count + 1) > w->body_max) {
			free(piece);
			return true;
		}
		p->pieces[p->count] = piece;
	}
	return true;
}

static void
put_seqs(const struct parcel *p, char out[SEQS_MAX])
{
	struct text t = {.out = out, .room = SEQS_MAX};

	text_add(&t, "Smtap-Seq: ");
	for (size_t i = 0; i < p->count; i++)
		text_add(&t, "%s%" PRIu64, i > 0 ? "," : "", p->alerts[i].seq);
}

/* "https://h:443: too large for it (413): its words" */
static void
explain(const struct webhook *w, const struct answer_verdict *v, const struct http_answer *answer,
	char why[SINK_WHY_MAX])
{
	struct text t = {.out = why, .room = SINK_WHY_MAX};
	char reason[ANSWER_REASON_MAX * 2], said[ANSWER_REASON_MAX];

	why[0] = '\0';
	http_quote(w->http, v->reason, strlen(v->reason), reason, sizeof(reason));
	http_quote(w->http, answer->body, answer->body_len, said, sizeof(said));
	text_add(&t, "%s: %s", http_shown(w->http), reason[0] ? reason : "it failed");
	if (w->options.template != BODY_ELASTIC && w->options.template != BODY_SPLUNK && said[0])
		text_add(&t, ": %s", said);
}

static void
wait_as_asked(struct webhook *w, const struct http_answer *answer, const char *why)
{
	uint64_t s = answer->retry_after;

	if (s == 0)
		return;
	s = s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S;
	w->not_before_ns = clock_now_ns(CLOCK_MONOTONIC) + s * NS_PER_S;
	snprintf(w->asked, sizeof(w->asked), "%s", why);
}

/* One request. v->done of its alerts were taken; v->result of the rest. */
static void
send_parcel(struct webhook *w, const struct parcel *p, uint64_t until_ns, struct answer_verdict *v,
	char why[SINK_WHY_MAX])
{
	uint64_t left_ns = until_ns - clock_now_ns(CLOCK_MONOTONIC);
	char seqs[SEQS_MAX];
	struct http_request request = {.seqs = seqs,
		.timeout_ms = (left_ns < w->timeout_ns ? left_ns : w->timeout_ns) / NS_PER_MS};
	struct http_answer answer;
	char *body = body_join(&w->options, p->alerts, p->pieces, p->count, &request.body_len);

	*v = (struct answer_verdict){.result = SINK_RETRY};
	if (!body) {
		snprintf(why, SINK_WHY_MAX, "out of memory");
		return;
	}
	if (p->count == 1 && request.body_len > w->body_max) {
		v->result = SINK_REFUSED;
		v->one = true;
		snprintf(why, SINK_WHY_MAX, "it makes a body of %zu bytes, more than body_max",
			request.body_len);
		free(body);
		return;
	}
	put_seqs(p, seqs);
	request.body = body;
	http_send(w->http, &request, &answer, why);
	free(body);
	if (answer.status == 0)
		return;
	answer_judge(v, w->options.template, answer.status, answer.body, answer.body_len, p->count);
	if (v->result == SINK_DONE)
		return;
	explain(w, v, &answer, why);
	if (v->result == SINK_RETRY)
		wait_as_asked(w, &answer, why);
}

static enum sink_result
webhook_send(
	void *sink, const struct sink_alert *alerts, size_t n, size_t *sent, char why[SINK_WHY_MAX])
{
	struct webhook *w = sink;
	uint64_t until_ns = clock_now_ns(CLOCK_MONOTONIC) + CALL_MAX_NS;
	size_t max = body_alerts_max(&w->options);

	*sent = 0;
	if (clock_now_ns(CLOCK_MONOTONIC) < w->not_before_ns) {
		snprintf(why, SINK_WHY_MAX, "%s", w->asked);
		return SINK_RETRY;
	}
	while (*sent < n) {
		struct parcel p = {.alerts = alerts + *sent};
		struct answer_verdict v;

		if (clock_now_ns(CLOCK_MONOTONIC) + REQUEST_MIN_NS > until_ns) {
			snprintf(why, SINK_WHY_MAX, "%s: it is slow: %zu of %zu alerts in %u s",
				http_shown(w->http), *sent, n, SINK_CALL_MAX_S - 2);
			return SINK_RETRY;
		}
		if (!parcel_fill(&p, w, n - *sent, max)) {
			snprintf(why, SINK_WHY_MAX, "out of memory");
			return SINK_RETRY;
		}
		send_parcel(w, &p, until_ns, &v, why);
		*sent += v.done;
		parcel_free(&p);
		if (v.result == SINK_RETRY || (v.result == SINK_REFUSED && v.one))
			return v.result;
		if (v.result == SINK_REFUSED)
			max = p.count / 2;
	}
	return SINK_DONE;
}

static void
webhook_close(void *sink)
{
	struct webhook *w = sink;

	if (!w)
		return;
	http_close(w->http);
	template_free(w->custom);
	free(w->sensor);
	free(w);
}

static int
take_template(struct webhook *w, const struct config_exporter *e, char why[SINK_WHY_MAX])
{
	const char *file = config_exporter_text(e, "template_file");
	struct body_options *o = &w->options;

	o->template = (enum body_template)config_exporter_number(e, "template");
	o->format = (enum encode_format)config_exporter_number(e, "format");
	o->array = config_exporter_number(e, "array") != 0;
	o->sensor = w->sensor;
	o->index = config_exporter_text(e, "index");
	o->sourcetype = config_exporter_text(e, "sourcetype");
	if (o->template == BODY_ELASTIC && !o->index[0])
		o->index = "smtap-alerts";
	if (o->template != BODY_FILE)
		return 0;
	if (template_read(&w->custom, file, why) < 0)
		return -EINVAL;
	o->custom = w->custom;
	return 0;
}

static int
take_url(struct webhook *w, const struct config_exporter *e, char why[SINK_WHY_MAX])
{
	static const char *const schemes[BODY_TEMPLATES] = {
		[BODY_JSON] = "Bearer",
		[BODY_SLACK] = "Bearer",
		[BODY_SPLUNK] = "Splunk",
		[BODY_ELASTIC] = "ApiKey",
		[BODY_FILE] = "Bearer",
	};
	const char *file = config_exporter_text(e, "url_file");
	char secret[SECRET_MAX] = "";
	struct http_options o = {.url_key = file[0] ? "url_file" : "url",
		.url = file[0] ? secret : config_exporter_text(e, "url"),
		.content_type = body_content_type(w->options.template),
		.token_scheme = schemes[w->options.template]};
	int error = 0;

	if (file[0])
		error = secret_read("url_file", file, secret, why);
	if (!error)
		error = http_open(&w->http, e, &o, why);
	secret_wipe(secret, sizeof(secret));
	return error;
}

static int
webhook_open(void **sink, const struct config_exporter *e, const struct sink_context *context,
	char why[SINK_WHY_MAX])
{
	struct webhook *w = calloc(1, sizeof(*w));
	int error;

	if (w)
		w->sensor = strdup(context->sensor);
	if (!w || !w->sensor) {
		snprintf(why, SINK_WHY_MAX, "out of memory");
		webhook_close(w);
		return -ENOMEM;
	}
	w->body_max = config_exporter_number(e, "body_max");
	w->timeout_ns = config_exporter_number(e, "timeout");
	error = take_template(w, e, why);
	if (!error)
		error = take_url(w, e, why);
	if (error) {
		webhook_close(w);
		return error;
	}
	*sink = w;
	return 0;
}

const struct sink_kind webhook_kind = {
	.type = CONFIG_EXPORTER_WEBHOOK,
	.open = webhook_open,
	.send = webhook_send,
	.close = webhook_close,
};
