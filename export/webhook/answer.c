#include "export/webhook/answer.h"

#include <stdio.h>
#include <string.h>

/* Is it wrong for any alert, until somebody mends the configuration or the other side? */
static bool
may_pass(unsigned status)
{
	static const unsigned statuses[] = {401, 402, 403, 404, 405, 406, 407, 408, 410, 411, 415,
		421, 423, 425, 426, 429, 431};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (status == statuses[i])
			return true;
	return status < 400 || status >= 500;
}

static const char *
hint(unsigned status)
{
	if (status >= 300 && status < 400)
		return "it redirects, which is not followed: give the URL that it points to";
	switch (status) {
	case 401:
		return "it takes no such token or password";
	case 403:
		return "it forbids this";
	case 404:
		return "there is nothing at this URL";
	case 405:
		return "it takes no such method here";
	case 407:
		return "the proxy wants a password";
	case 410:
		return "what was at this URL is gone";
	case 413:
		return "too large for it";
	case 429:
		return "too much for it at the moment";
	}
	return status >= 500 ? "it failed" : "it refused";
}

static void
judge_status(struct answer_verdict *v, unsigned status, size_t count)
{
	if (status >= 200 && status < 300) {
		v->result = SINK_DONE;
		v->done = count;
		return;
	}
	v->result = may_pass(status) ? SINK_RETRY : SINK_REFUSED;
	v->one = count == 1;
	snprintf(v->reason, sizeof(v->reason), "%s (%u)", hint(status), status);
}

/*
 * Of 400 the code says whether it is the event (6 invalid data, 12 and 13 no event, 15 its fields)
 * or what every event has, as an index that is not allowed (7).
 */
static void
judge_splunk(struct answer_verdict *v, const json_t *answer, size_t count)
{
	const json_t *number = json_object_get(answer, "invalid-event-number");
	json_int_t code = json_integer_value(json_object_get(answer, "code"));
	json_int_t at = json_integer_value(number);
	const char *text = json_string_value(json_object_get(answer, "text"));

	if (code != 6 && code != 12 && code != 13 && code != 15) {
		v->result = SINK_RETRY;
	} else if (json_is_integer(number) && at >= 0 && (size_t)at < count) {
		v->done = (size_t)at;
		v->one = true;
	}
	snprintf(v->reason, sizeof(v->reason), "%s (400, code %" JSON_INTEGER_FORMAT ")",
		text ? text : "it refused", code);
}

/* Was the item taken, now or before? */
static bool
item_done(json_int_t status)
{
	return (status >= 200 && status < 300) || status == 409;
}

static void
fail_item(struct answer_verdict *v, const json_t *item, json_int_t status)
{
	const json_t *error = json_object_get(item, "error");
	const char *type = json_string_value(json_object_get(error, "type"));
	const char *reason = json_string_value(json_object_get(error, "reason"));

	v->result = status > 0 && status <= 999 && !may_pass((unsigned)status) ? SINK_REFUSED
									       : SINK_RETRY;
	v->one = true;
	snprintf(v->reason, sizeof(v->reason), "%s: %s (%" JSON_INTEGER_FORMAT ")",
		type ? type : "an item failed", reason ? reason : "no reason", status);
}

/* 200 says only that it was read: each item has a status of its own. */
static void
judge_bulk(struct answer_verdict *v, const json_t *answer, size_t count)
{
	const json_t *items = json_object_get(answer, "items");
	const json_t *errors = json_object_get(answer, "errors");

	v->done = 0;
	if (json_array_size(items) != count) {
		if (json_is_false(errors) && !items) {
			v->done = count;
			return;
		}
		v->result = SINK_RETRY;
		snprintf(v->reason, sizeof(v->reason),
			"this is no answer of _bulk: is the URL that of https://HOST:PORT/_bulk?");
		return;
	}
	for (; v->done < count; v->done++) {
		const json_t *item = json_object_get(json_array_get(items, v->done), "create");
		json_int_t status = json_integer_value(json_object_get(item, "status"));

		if (!item_done(status)) {
			fail_item(v, item, status);
			return;
		}
	}
}

void
answer_judge(struct answer_verdict *v, enum body_template template, unsigned status,
	const char *body, size_t body_len, size_t count)
{
	json_t *answer = NULL;

	memset(v, 0, sizeof(*v));
	judge_status(v, status, count);
	if (template == BODY_SPLUNK || template == BODY_ELASTIC)
		answer = json_loadb(body, body_len, 0, NULL);
	if (template == BODY_SPLUNK && status == 400 && answer)
		judge_splunk(v, answer, count);
	if (template == BODY_ELASTIC && v->result == SINK_DONE)
		judge_bulk(v, answer, count);
	json_decref(answer);
}
