/* What is sent to a webhook, and what is made of the answer; over the wire: export_webhook in e2e.
 */
#include "sink_fixture.h"

#include "export/sink/id.h"
#include "export/webhook/answer.h"
#include "export/webhook/body.h"
#include "export/webhook/slack.h"
#include "export/webhook/template.h"
#include "export/webhook/url.h"
#include "export/webhook/webhook.h"

/* What somebody who guesses passwords may call himself. */
#define HOSTILE "<!channel> *x* `y` & \"}],\\ {{seq}} \xe2\x80\xae <https://evil|a>"

/* Bruteforce, with that account everywhere. */
static struct sink_alert
hostile_alert(void)
{
	struct sink_alert a = fixture_alert("bruteforce");
	json_t *eve = (json_t *)a.json, *smtap = json_object_get(eve, "smtap");

	json_object_set_new(smtap, "subject_type", json_string("account"));
	json_object_set_new(smtap, "subject", json_string(HOSTILE));
	json_object_set_new(smtap, "advice", json_string("Ask " HOSTILE "."));
	json_object_set_new(
		json_object_get(smtap, "incident"), "accounts", json_pack("[s]", HOSTILE));
	a.line = json_dumps(eve, JSON_COMPACT);
	a.line_len = strlen(a.line);
	return a;
}

static void
free_hostile(struct sink_alert *a)
{
	free((char *)a->line);
	json_decref((json_t *)a->json);
}

/* The body of a request with these alerts. */
static char *
body_of(const struct body_options *o, const struct sink_alert *alerts, size_t n)
{
	char *pieces[4], *body;
	size_t len = 0, bytes = 0;

	for (size_t i = 0; i < n; i++) {
		pieces[i] = body_piece(o, &alerts[i]);
		assert_non_null(pieces[i]);
		bytes += strlen(pieces[i]);
	}
	body = body_join(o, alerts, pieces, n, &len);
	assert_non_null(body);
	assert_int_equal(len, strlen(body));
	assert_true(len <= bytes + body_frame_bytes(o, n));
	for (size_t i = 0; i < n; i++)
		free(pieces[i]);
	return body;
}

static json_t *
parsed(const char *text, size_t len)
{
	json_error_t error;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

	if (!json)
		fail_msg("%s: %.*s", error.text, (int)len, text);
	return json;
}

static const char *
text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

static void
json_is_a_list_of_alerts_as_they_are_or_one(void **state)
{
	struct body_options o = {.template = BODY_JSON, .array = true, .sensor = SENSOR};
	struct sink_alert a[2] = {hostile_alert(), hostile_alert()};
	char *body = body_of(&o, a, 2);
	json_t *list = parsed(body, strlen(body));

	(void)state;
	assert_int_equal(json_array_size(list), 2);
	assert_true(json_equal(json_array_get(list, 1), a[1].json));
	json_decref(list);
	free(body);
	o.array = false;
	assert_int_equal(body_alerts_max(&o), 1);
	body = body_of(&o, a, 1);
	assert_string_equal(body, a[0].line);
	free(body);
	o.format = ENCODE_OCSF;
	body = body_of(&o, a, 1);
	list = parsed(body, strlen(body));
	assert_int_equal(json_integer_value(json_object_get(list, "class_uid")), 2004);
	json_decref(list);
	free(body);
	free_hostile(&a[0]);
	free_hostile(&a[1]);
}

static void
splunk_has_events_with_their_time_one_after_another(void **state)
{
	struct body_options o = {.template = BODY_SPLUNK,
		.sensor = SENSOR,
		.sourcetype = "smtap:alert",
		.index = "mail"};
	struct sink_alert a[2] = {hostile_alert(), hostile_alert()};
	char *body = body_of(&o, a, 2), *second = strchr(body, '\n'), id[SINK_ID_MAX];
	json_t *event = parsed(body, (size_t)(second - body));
	double seconds = json_number_value(json_object_get(event, "time"));

	(void)state;
	assert_string_equal(text_at(event, "host"), SENSOR);
	assert_string_equal(text_at(event, "sourcetype"), "smtap:alert");
	assert_string_equal(text_at(event, "index"), "mail");
	assert_true(seconds > 1.6e9 && seconds < 4e9);
	assert_true(json_equal(json_object_get(event, "event"), a[0].json));
	sink_id(&a[0], SENSOR, id);
	assert_string_equal(text_at(json_object_get(event, "fields"), "smtap_id"), id);
	json_decref(event);
	json_decref(parsed(second + 1, strlen(second + 1)));
	free(body);
	o.index = "";
	body = body_of(&o, a, 1);
	event = parsed(body, strlen(body));
	assert_null(json_object_get(event, "index"));
	json_decref(event);
	free(body);
	free_hostile(&a[0]);
	free_hostile(&a[1]);
}

static void
elastic_has_an_action_and_a_document_a_line_each(void **state)
{
	struct body_options o = {.template = BODY_ELASTIC, .sensor = SENSOR, .index = "smtap"};
	struct sink_alert a[2] = {hostile_alert(), hostile_alert()};
	char *body = body_of(&o, a, 2), *line = body, id[SINK_ID_MAX];

	(void)state;
	sink_id(&a[0], SENSOR, id);
	for (unsigned i = 0; i < 4; i++) {
		char *end = strchr(line, '\n');
		json_t *json;

		assert_non_null(end);
		json = parsed(line, (size_t)(end - line));
		if (i % 2 == 0) {
			const json_t *create = json_object_get(json, "create");

			assert_string_equal(text_at(create, "_index"), "smtap");
			assert_string_equal(text_at(create, "_id"), id);
		} else {
			assert_non_null(json_object_get(json, "@timestamp"));
		}
		json_decref(json);
		line = end + 1;
	}
	/* What ends the last one is a newline too. */
	assert_string_equal(line, "");
	free(body);
	free_hostile(&a[0]);
	free_hostile(&a[1]);
}

/* No command of Slack's is left in it, and no formatting out of a name. */
static void
expect_harmless(const char *text)
{
	assert_null(strchr(text, '<'));
	assert_null(strchr(text, '>'));
	assert_null(strstr(text, "\xe2\x80\xae"));
	for (const char *p = strchr(text, '&'); p; p = strchr(p + 1, '&'))
		assert_true(strncmp(p, "&amp;", 5) == 0 || strncmp(p, "&lt;", 4) == 0 ||
			    strncmp(p, "&gt;", 4) == 0);
}

static void
look_at_text(const json_t *text, size_t max)
{
	assert_true(json_is_object(text));
	assert_true(strlen(text_at(text, "text")) > 0);
	assert_true(strlen(text_at(text, "text")) <= max);
	expect_harmless(text_at(text, "text"));
	if (strcmp(text_at(text, "type"), "mrkdwn") == 0)
		assert_true(json_is_true(json_object_get(text, "verbatim")));
	else
		assert_string_equal(text_at(text, "type"), "plain_text");
}

static void
look_at_block(const json_t *block)
{
	const char *type = text_at(block, "type");
	const json_t *fields = json_object_get(block, "fields"), *one;
	size_t i;

	if (strcmp(type, "divider") == 0)
		return;
	if (strcmp(type, "section") == 0) {
		look_at_text(json_object_get(block, "text"), 3000);
	} else {
		assert_string_equal(type, "context");
		fields = json_object_get(block, "elements");
	}
	assert_true(json_array_size(fields) <= 10);
	json_array_foreach(fields, i, one) look_at_text(one, 2000);
}

static void
slack_says_who_and_what_and_obeys_no_name(void **state)
{
	struct body_options o = {.template = BODY_SLACK, .sensor = SENSOR};
	struct sink_alert a[2] = {hostile_alert(), hostile_alert()};
	char *body = body_of(&o, a, 2);
	json_t *message = parsed(body, strlen(body)), *one;
	const json_t *blocks = json_object_get(message, "blocks");
	size_t i;

	(void)state;
	assert_true(json_array_size(blocks) > 4 && json_array_size(blocks) <= 50);
	json_array_foreach(blocks, i, one) look_at_block(one);
	expect_harmless(text_at(message, "text"));
	assert_non_null(strstr(text_at(message, "text"), "(and 1 more)"));
	assert_non_null(strstr(body, "*Accounts*\\n`&lt;!channel&gt; *x* 'y' &amp; "));
	assert_non_null(strstr(body, "Ask &lt;!channel&gt;"));
	assert_non_null(strstr(body, "incident "));
	json_decref(message);
	free(body);
	free_hostile(&a[0]);
	free_hostile(&a[1]);
}

static void
slack_keeps_to_its_bounds_whatever_names_there_are(void **state)
{
	struct body_options o = {.template = BODY_SLACK, .sensor = SENSOR};
	struct sink_alert a = fixture_alert("bruteforce");
	json_t *smtap = json_object_get(a.json, "smtap"), *one;
	char name[8000], *body;
	json_t *message;
	size_t i;

	(void)state;
	for (size_t at = 0; at + 4 < sizeof(name); at += 4)
		memcpy(name + at, at % 8 ? "\xf0\x9f\x98\x80" : "&&<<", 5);
	json_object_set_new(smtap, "subject", json_string(name));
	json_object_set_new(smtap, "advice", json_string(name));
	json_object_set_new(
		json_object_get(smtap, "incident"), "accounts", json_pack("[s,s]", name, name));
	body = body_of(&o, &a, 1);
	message = parsed(body, strlen(body));
	json_array_foreach(json_object_get(message, "blocks"), i, one) look_at_block(one);
	assert_true(strlen(body) < 16384);
	json_decref(message);
	free(body);
	json_decref((json_t *)a.json);
}

static void
a_template_is_filled_and_no_name_ends_its_quotes(void **state)
{
	struct sink_alert a = hostile_alert();
	char why[SINK_WHY_MAX] = "", *text, id[SINK_ID_MAX];
	struct template *t;
	json_t *json;

	(void)state;
	if (template_read(&t,
		    fixture_file("t", "{\"id\": \"{{id}}\", \"n\": {{ incident_id }},\n"
				      "\"who\": \"{{accounts}}\", \"raw\": {{eve}}, "
				      "\"seq\": {{seq}}, \"on\": \"at {{sensor}}\"}"),
		    why) != 0)
		fail_msg("%s", why);
	text = template_fill(t, &a, SENSOR);
	json = parsed(text, strlen(text));
	sink_id(&a, SENSOR, id);
	assert_string_equal(text_at(json, "id"), id);
	assert_non_null(strstr(text_at(json, "who"), HOSTILE));
	assert_string_equal(text_at(json, "on"), "at " SENSOR);
	assert_true(json_equal(json_object_get(json, "raw"), a.json));
	assert_int_equal(json_integer_value(json_object_get(json, "seq")), 7);
	assert_true(json_integer_value(json_object_get(json, "n")) > 0);
	json_decref(json);
	free(text);
	template_free(t);
	free_hostile(&a);
}

static void
expect_template_error(const char *text, const char *words)
{
	char why[SINK_WHY_MAX], expected[SINK_WHY_MAX];
	const char *path = fixture_file("t", text);
	struct template *t;

	assert_true(template_read(&t, path, why) < 0);
	snprintf(expected, sizeof(expected), "%s:%s", path, words);
	if (strncmp(why, expected, strlen(expected)) != 0)
		fail_msg("'%s' is not '%s'", why, expected);
}

static void
what_is_wrong_with_a_template_is_told_with_its_line(void **state)
{
	struct template *t;
	char why[SINK_WHY_MAX];

	(void)state;
	expect_template_error("{\n\"a\": \"{{acounts}}\"}", "2: there is no {{acounts}}");
	expect_template_error("{\n\n\"a\": \"{{seq\"}", "3: {{ without }}");
	expect_template_error("{\n\"a\": {{title}}}", "2: with its names filled in it is no JSON");
	expect_template_error("", "1: with its names filled in it is no JSON");
	expect_template_error("{\"a\": \"{{seq seq}}\"}", "1: there is no {{seq seq}}");
	assert_true(template_read(&t, "/nonexistent", why) < 0);
	assert_string_equal(why, "template_file: /nonexistent: No such file or directory");
}

static void
every_name_of_a_template_can_be_filled(void **state)
{
	static const char *const names[] = {
#define X(name, kind, member, what) #kind, name,
		TEMPLATE_NAMES(X)
#undef X
	};
	struct sink_alert a = hostile_alert();
	char text[4096] = "{", why[SINK_WHY_MAX], *filled;
	struct template *t;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i += 2) {
		bool bare = !strcmp(names[i], "NUMBER") || !strcmp(names[i], "SEQ") ||
			    !strcmp(names[i], "OBJECT");
		const char *quote = bare ? "" : "\"";

		sprintf(text + strlen(text), "%s\"%s\": %s{{%s}}%s", i ? "," : "", names[i + 1],
			quote, names[i + 1], quote);
	}
	strcat(text, "}");
	if (template_read(&t, fixture_file("t", text), why) != 0)
		fail_msg("%s", why);
	filled = template_fill(t, &a, SENSOR);
	json_decref(parsed(filled, strlen(filled)));
	free(filled);
	template_free(t);
	free_hostile(&a);
}

static void
expect_verdict(enum body_template template, unsigned status, const char *body,
	enum sink_result result, size_t done, bool one)
{
	struct answer_verdict v;

	answer_judge(&v, template, status, body, strlen(body), 3);
	if (v.result != result || v.done != done || (result == SINK_REFUSED && v.one != one))
		fail_msg("%u %s: result %d, %zu done, one %d", status, body, v.result, v.done,
			v.one);
	assert_true(result == SINK_DONE || v.reason[0]);
}

static void
only_what_says_that_alerts_are_wrong_refuses_them(void **state)
{
	static const unsigned retried[] = {100, 301, 302, 401, 403, 404, 405, 407, 408, 410, 415,
		429, 500, 502, 503, 504, 599};
	static const unsigned refusing[] = {400, 413, 414, 422, 451};

	(void)state;
	expect_verdict(BODY_JSON, 200, "", SINK_DONE, 3, false);
	expect_verdict(BODY_JSON, 204, "", SINK_DONE, 3, false);
	for (size_t i = 0; i < sizeof(retried) / sizeof(retried[0]); i++)
		for (unsigned t = 0; t < BODY_TEMPLATES; t++)
			expect_verdict(
				(enum body_template)t, retried[i], "no", SINK_RETRY, 0, false);
	for (size_t i = 0; i < sizeof(refusing) / sizeof(refusing[0]); i++)
		expect_verdict(BODY_JSON, refusing[i], "no", SINK_REFUSED, 0, false);
}

static void
splunk_says_which_event_is_wrong(void **state)
{
	(void)state;
	expect_verdict(BODY_SPLUNK, 400,
		"{\"text\":\"Invalid data format\",\"code\":6,\"invalid-event-number\":1}",
		SINK_REFUSED, 1, true);
	expect_verdict(
		BODY_SPLUNK, 400, "{\"text\":\"No data\",\"code\":12}", SINK_REFUSED, 0, false);
	/* It is the token's index that is wrong, for every event. */
	expect_verdict(BODY_SPLUNK, 400,
		"{\"text\":\"Incorrect index\",\"code\":7,\"invalid-event-number\":1}", SINK_RETRY,
		0, false);
	expect_verdict(BODY_SPLUNK, 400, "{\"code\":6,\"invalid-event-number\":99}", SINK_REFUSED,
		0, false);
	expect_verdict(BODY_SPLUNK, 400, "no JSON", SINK_REFUSED, 0, false);
}

static void
elastic_is_believed_item_by_item(void **state)
{
#define OK "{\"create\":{\"status\":201}}"
#define HAD "{\"create\":{\"status\":409,\"error\":{\"type\":\"version_conflict\"}}}"
#define BUSY "{\"create\":{\"status\":429,\"error\":{\"type\":\"es_rejected\",\"reason\":\"q\"}}}"
#define BAD "{\"create\":{\"status\":400,\"error\":{\"type\":\"mapper_parsing\",\"reason\":\"r\"}}}"
#define ITEMS(a, b, c) "{\"errors\":true,\"items\":[" a "," b "," c "]}"
	(void)state;
	expect_verdict(BODY_ELASTIC, 200, ITEMS(OK, OK, OK), SINK_DONE, 3, false);
	expect_verdict(BODY_ELASTIC, 200, ITEMS(HAD, OK, HAD), SINK_DONE, 3, false);
	expect_verdict(BODY_ELASTIC, 200, ITEMS(OK, BUSY, BAD), SINK_RETRY, 1, false);
	expect_verdict(BODY_ELASTIC, 200, ITEMS(OK, HAD, BAD), SINK_REFUSED, 2, true);
	expect_verdict(BODY_ELASTIC, 200, ITEMS(OK, "{}", OK), SINK_RETRY, 1, false);
	expect_verdict(BODY_ELASTIC, 200, "{\"errors\":false}", SINK_DONE, 3, false);
	expect_verdict(BODY_ELASTIC, 200, "{\"errors\":true,\"items\":[]}", SINK_RETRY, 0, false);
	expect_verdict(BODY_ELASTIC, 200, "<html>", SINK_RETRY, 0, false);
	expect_verdict(BODY_ELASTIC, 400, "{\"error\":\"parse\"}", SINK_REFUSED, 0, false);
}

static void
a_url_is_shown_without_what_may_be_a_secret(void **state)
{
	char why[SINK_WHY_MAX] = "";
	struct url url;

	(void)state;
	assert_int_equal(
		url_read(&url, "url", "https://hooks.example.com/services/T0/s3cret?k=s3cret", why),
		0);
	assert_string_equal(url.shown, "https://hooks.example.com:443");
	assert_true(url.https && !url.loopback);
	assert_int_equal(url_read(&url, "url", "http://127.8.9.1:8080/a", why), 0);
	assert_true(!url.https && url.loopback);
	assert_int_equal(url_read(&url, "url", "http://[::1]/a", why), 0);
	assert_true(url.loopback);
	assert_int_equal(url_read(&url, "url", "http://localhost.evil.example/a", why), 0);
	assert_false(url.loopback);
	assert_true(url_read(&url, "url", "https://u:s3cret@h/a", why) < 0);
	assert_null(strstr(why, "s3cret"));
	assert_true(url_read(&url, "url", "ftp://h/s3cret", why) < 0);
	assert_true(url_read(&url, "url", "file:///etc/s3cret", why) < 0);
	assert_true(url_read(&url, "url", "s3cret", why) < 0);
	assert_null(strstr(why, "s3cret"));
}

static void
what_cannot_work_is_refused_with_what_would_be_right(void **state)
{
	const char *token = fixture_file("token", "s3cret\n");
	char keys[1024];

	(void)state;
	fixture_expect_open(&webhook_kind, "    url: http://127.0.0.1:1/\n");
	snprintf(keys, sizeof(keys), "    url: https://siem.example.net/\n    token_file: %s\n",
		token);
	fixture_expect_open(&webhook_kind, keys);
	snprintf(keys, sizeof(keys), "    url: http://siem.example.net/\n    token_file: %s\n",
		token);
	fixture_expect_refusal(&webhook_kind, keys, "token_file: to this url it would go in clear");
	snprintf(keys, sizeof(keys), "    url: http://[::1]/\n    token_file: %s\n", token);
	fixture_expect_open(&webhook_kind, keys);
	strcat(keys, "    proxy: http://proxy.example.net:3128\n");
	fixture_expect_refusal(&webhook_kind, keys, "it would go in clear");
	snprintf(keys, sizeof(keys), "    url_file: %s\n", token);
	fixture_expect_refusal(&webhook_kind, keys, "url_file: this is no URL");
	fixture_expect_refusal(&webhook_kind, "", "expected url or url_file");
	fixture_expect_refusal(&webhook_kind, "    url: https://h/\n    template: file\n",
		"template_file go together");
	fixture_expect_refusal(&webhook_kind,
		"    url: https://h/\n    template_file: /nonexistent\n    template: file\n",
		"/nonexistent: No such file");
	fixture_expect_refusal(&webhook_kind,
		"    url: https://h/\n    headers: ['authorization: Bearer s3cret']\n",
		"headers: Authorization is not set here");
	fixture_expect_refusal(&webhook_kind, "    url: https://h/\n    headers: ['no header']\n",
		"headers: expected 'Name: value'");
	fixture_expect_refusal(&webhook_kind, "    url: https://h/\n    ca_file: /nonexistent\n",
		"/nonexistent: No such file");
	fixture_expect_refusal(&webhook_kind, "    url: https://h/\n    username: u\n",
		"username: it needs password_file too");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_a_list_of_alerts_as_they_are_or_one),
		cmocka_unit_test(splunk_has_events_with_their_time_one_after_another),
		cmocka_unit_test(elastic_has_an_action_and_a_document_a_line_each),
		cmocka_unit_test(slack_says_who_and_what_and_obeys_no_name),
		cmocka_unit_test(slack_keeps_to_its_bounds_whatever_names_there_are),
		cmocka_unit_test(a_template_is_filled_and_no_name_ends_its_quotes),
		cmocka_unit_test(what_is_wrong_with_a_template_is_told_with_its_line),
		cmocka_unit_test(every_name_of_a_template_can_be_filled),
		cmocka_unit_test(only_what_says_that_alerts_are_wrong_refuses_them),
		cmocka_unit_test(splunk_says_which_event_is_wrong),
		cmocka_unit_test(elastic_is_believed_item_by_item),
		cmocka_unit_test(a_url_is_shown_without_what_may_be_a_secret),
		cmocka_unit_test(what_cannot_work_is_refused_with_what_would_be_right),
	};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
