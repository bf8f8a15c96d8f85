#include "sink_fixture.h"

#include "export/kafka/kafka.h"
#include "export/kafka/key.h"

#define BASE "    brokers: [127.0.0.1:1]\n    topic: alerts\n"

static void
expect_key(const char *type, const char *subject, const char *expected)
{
	json_t *eve =
		json_pack("{s:{s:s, s:s}}", "smtap", "subject_type", type, "subject", subject);
	char key[KAFKA_KEY_MAX];

	kafka_key(eve, SENSOR, key);
	assert_string_equal(key, expected);
	json_decref(eve);
}

static void
the_key_of_a_source_is_its_network(void **state)
{
	(void)state;
	expect_key("source", "198.51.100.17", "198.51.100.0/24");
	expect_key("source", "2001:db8:bad:7::1", "2001:db8:bad::/48");
	expect_key("prefix", "198.51.100.0/24", "198.51.100.0/24");
	expect_key("prefix", "2001:db8:bad:7::/64", "2001:db8:bad::/48");
	expect_key("prefix", "2001:db8::/32", "2001:db8::/32");
	expect_key("prefix", "198.51.0.0/16", "198.51.0.0/16");
}

static void
the_key_of_what_is_no_source_is_its_name(void **state)
{
	json_t *none = json_pack("{s:{s:s}}", "smtap", "detector", "sensor_loss");
	char key[KAFKA_KEY_MAX];

	(void)state;
	expect_key("account", "dave", "dave");
	expect_key("server", "203.0.113.25", "203.0.113.25");
	/* A name that looks like an address is a name. */
	expect_key("account", "198.51.100.17", "198.51.100.17");
	expect_key("source", "no address", "no address");
	kafka_key(none, SENSOR, key);
	assert_string_equal(key, SENSOR);
	json_decref(none);
}

static void
a_name_longer_than_a_key_is_cut(void **state)
{
	char name[2 * KAFKA_KEY_MAX], key[KAFKA_KEY_MAX];
	json_t *eve;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	eve = json_pack("{s:{s:s, s:s}}", "smtap", "subject_type", "account", "subject", name);
	kafka_key(eve, SENSOR, key);
	assert_int_equal(strlen(key), KAFKA_KEY_MAX - 1);
	json_decref(eve);
}

static void
it_opens_without_a_broker_to_speak_to(void **state)
{
	char keys[512];

	(void)state;
	fixture_expect_open(&kafka_kind, BASE);
	snprintf(keys, sizeof(keys),
		BASE "    tls: true\n    sasl_mechanism: PLAIN\n    username: smtap\n"
		     "    password_file: %s\n",
		fixture_file("password", "s3cret\n"));
	fixture_expect_open(&kafka_kind, keys);
}

static void
what_cannot_work_is_refused_with_what_would_be_right(void **state)
{
	const char *password = fixture_file("password", "s3cret\n");
	char keys[512];

	(void)state;
	fixture_expect_refusal(&kafka_kind, "    brokers: ['http://a/']\n    topic: a\n",
		"brokers: expected HOST:PORT");
	fixture_expect_refusal(&kafka_kind, "    brokers: ['u:p@a:9092']\n    topic: a\n",
		"brokers: expected HOST:PORT");
	fixture_expect_refusal(&kafka_kind, "    brokers: ['a:9092']\n    topic: 'a b'\n",
		"topic: expected letters");
	fixture_expect_refusal(&kafka_kind, BASE "    ca_file: /nonexistent\n",
		"ca_file: files for TLS, but not tls: true");
	fixture_expect_refusal(&kafka_kind, BASE "    tls: true\n    ca_file: /nonexistent\n",
		"/nonexistent: No such file");
	fixture_expect_refusal(&kafka_kind, BASE "    username: u\n", "need a sasl_mechanism");
	fixture_expect_refusal(&kafka_kind, BASE "    sasl_mechanism: SCRAM-SHA-256\n",
		"sasl_mechanism: it needs username and password_file");
	snprintf(keys, sizeof(keys),
		BASE "    sasl_mechanism: PLAIN\n    username: u\n    password_file: %s\n",
		password);
	fixture_expect_refusal(&kafka_kind, keys, "would send the password in clear");
	fixture_expect_refusal(&kafka_kind,
		BASE "    sasl_mechanism: SCRAM-SHA-512\n    username: u\n"
		     "    password_file: /nonexistent\n",
		"password_file: /nonexistent: No such file");
}

/* No broker there: nothing is acknowledged, and nothing stays behind with the producer. */
static void
without_a_broker_it_is_to_be_tried_again(void **state)
{
	struct sink_alert alert = fixture_alert("bruteforce");
	struct opened o;
	size_t sent = 99;

	(void)state;
	assert_int_equal(sink_open_lines(&o, &kafka_kind, BASE "    timeout: 1s\n"), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(kafka_kind.send(o.sink, &alert, 1, &sent, o.why), SINK_RETRY);
		assert_int_equal(sent, 0);
		assert_ptr_equal(strstr(o.why, "no acknowledgement within 1 s: "), o.why);
		assert_non_null(strstr(o.why, "127.0.0.1:1"));
	}
	assert_int_equal(kafka_kind.tick(o.sink, 0, o.why), SINK_DONE);
	sink_close(&o);
	json_decref((json_t *)alert.json);
}

static void
a_message_larger_than_may_be_is_refused_alone(void **state)
{
	struct sink_alert alert = fixture_alert("bruteforce");
	struct opened o;
	size_t sent = 99;

	(void)state;
	assert_true(alert.line_len > 1000);
	assert_int_equal(sink_open_lines(&o, &kafka_kind, BASE "    message_max: 1000\n"), 0);
	assert_int_equal(kafka_kind.send(o.sink, &alert, 1, &sent, o.why), SINK_REFUSED);
	assert_int_equal(sent, 0);
	assert_string_equal(o.why, "Broker: Message size too large");
	sink_close(&o);
	json_decref((json_t *)alert.json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_of_a_source_is_its_network),
		cmocka_unit_test(the_key_of_what_is_no_source_is_its_name),
		cmocka_unit_test(a_name_longer_than_a_key_is_cut),
		cmocka_unit_test(it_opens_without_a_broker_to_speak_to),
		cmocka_unit_test(what_cannot_work_is_refused_with_what_would_be_right),
		cmocka_unit_test(without_a_broker_it_is_to_be_tried_again),
		cmocka_unit_test(a_message_larger_than_may_be_is_refused_alone),
	};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
