/* What is local, configured and learned, and what detectors make of it. */
#include "tests/unit/tracked_stream.h"

#define BOB "bob@corp.example"
#define SPAMMER "x@evil.example"
#define OTHER_NET "192.0.2.9"

static void
add_to(struct config_list *list, const char *element)
{
	assert_int_equal(config_list_add(list, element), 0);
}

/* Start over with 203.0.113.0/24 and 192.0.2.0/28 as ours. */
static void
configure_nets(void)
{
	engine_close(s->engine);
	add_to(&s->config.local_nets, "203.0.113.0/24");
	add_to(&s->config.local_nets, "192.0.2.0/28");
	stream_start(s);
}

static void
configure_domains(const char *domain)
{
	engine_close(s->engine);
	add_to(&s->config.local_domains, domain);
	stream_start(s);
}

static void
fan_out(const char *client, unsigned servers)
{
	for (unsigned i = 0; i < servers; i++) {
		struct event e = session(client, v4("198.18.7", 1 + i), 6);

		e.session.transactions = 1;
		feed(&e);
		stream_wait(s, 5 * NS_PER_S);
	}
}

static void
refuse(const char *client, const char *server)
{
	struct event e = base_event(EVENT_SIGNATURE, client, server);
	size_t used = 0;

	e.signature.pattern_id = 2300;
	e.signature.context = CONTEXT_REPLY;
	e.signature.from_server = 1;
	e.signature.line_len = put(&e, &used, "554 blocked using zen.spamhaus.org");
	feed(&e);
}

static void
offer_auth(const char *client, const char *server)
{
	struct event e = session(client, server, 7);

	e.session.flags |= SESSION_AUTH_OFFERED;
	feed(&e);
}

static void
assert_local(enum detector detector, const char *subject, enum finding_local local)
{
	const struct finding *f = stream_find(s, detector, subject);

	assert_non_null(f);
	assert_int_equal(f->local, local);
}

static void
a_public_host_that_fans_out_is_seen_from_the_first_session(void **state)
{
	(void)state;
	configure_nets();
	fan_out("203.0.113.77", 35);
	assert_only(DETECTOR_OUTBOUND_FANOUT, "203.0.113.77");
	assert_local(DETECTOR_OUTBOUND_FANOUT, "203.0.113.77", LOCAL_CONFIGURED);
}

static void
without_configuration_nothing_is_known_of_it_yet(void **state)
{
	(void)state;
	fan_out("203.0.113.77", 35);
	refuse(MX, "198.18.7.1");
	assert_silent();
}

static void
a_private_host_is_ours_with_and_without_configuration(void **state)
{
	(void)state;
	fan_out("10.1.2.3", 35);
	assert_local(DETECTOR_OUTBOUND_FANOUT, "10.1.2.3", LOCAL_LEARNED);
	configure_nets();
	fan_out("10.1.2.3", 35);
	assert_local(DETECTOR_OUTBOUND_FANOUT, "10.1.2.3", LOCAL_CONFIGURED);
}

static void
our_own_servers_in_another_network_are_no_fanout(void **state)
{
	(void)state;
	configure_nets();
	engine_close(s->engine);
	add_to(&s->config.local_nets, "198.18.0.0/15");
	stream_start(s);
	fan_out("203.0.113.77", 100);
	assert_silent();
}

static void
a_stranger_who_fans_out_is_not_ours_whatever_he_does(void **state)
{
	(void)state;
	configure_nets();
	/* Somebody far away logs in there: that would make it ours, were nothing configured. */
	s->server = "198.51.100.66";
	stream_try(s, A, "mallory", "secret", OUTCOME_SUCCESS);
	stream_try(s, "192.0.2.200", "mallory", "secret", OUTCOME_SUCCESS);
	fan_out("198.51.100.66", 100);
	assert_silent();
}

static void
the_first_refusal_by_a_blocklist_counts_when_networks_are_configured(void **state)
{
	unsigned sure, learned;

	(void)state;
	configure_nets();
	refuse(MX, "198.18.7.1");
	assert_local(DETECTOR_BLOCKLISTED, MX, LOCAL_CONFIGURED);
	sure = stream_find(s, DETECTOR_BLOCKLISTED, MX)->confidence;
	engine_close(s->engine);
	config_defaults(&s->config);
	stream_start(s);
	stream_try(s, A, "carol", "right", OUTCOME_SUCCESS);
	refuse(MX, "198.18.7.1");
	assert_local(DETECTOR_BLOCKLISTED, MX, LOCAL_LEARNED);
	learned = stream_find(s, DETECTOR_BLOCKLISTED, MX)->confidence;
	assert_true(learned < sure);
}

static void
a_big_server_outside_that_all_our_networks_use_is_not_ours(void **state)
{
	(void)state;
	for (unsigned net = 0; net < 10; net++) {
		char client[32];
		struct event e;

		snprintf(client, sizeof(client), "10.0.%u.5", net);
		e = session(client, "198.18.7.1", 6);
		e.session.transactions = 1;
		feed(&e);
	}
	refuse("10.0.1.5", "198.18.7.1");
	assert_true(has(DETECTOR_BLOCKLISTED, "10.0.1.5"));
}

static void
auth_in_clear_between_our_networks_or_strangers_is_no_exposure(void **state)
{
	(void)state;
	configure_nets();
	offer_auth(OTHER_NET, MX);
	offer_auth(MX, "198.18.7.1");
	offer_auth(A, "198.18.7.2");
	assert_int_equal(stream_findings(s), 0);
	offer_auth(A, MX);
	assert_only(DETECTOR_EXPOSURE, MX);
	assert_local(DETECTOR_EXPOSURE, MX, LOCAL_CONFIGURED);
}

static void
relay_as(const char *account, const char *from, const char *domain, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct mail m = {.client = A,
			.server = MX,
			.from = from,
			.to = at_domain("victim", i, domain, 0),
			.account = account,
			.code = 250};

		send_mail(&m);
		stream_wait(s, 4 * NS_PER_S);
	}
}

static void
mail_to_configured_domains_is_no_burst(void **state)
{
	(void)state;
	configure_domains(".example");
	relay_as("bob", BOB, "partner", 200);
	assert_silent();
}

/* The sender is free to say that he is from where his victims are. */
static void
a_forged_sender_hides_no_burst_when_domains_are_configured(void **state)
{
	(void)state;
	configure_domains("corp.example");
	look_for_a_while();
	relay_as("bob", "x@victims0.example", "victims", 200);
	assert_only(DETECTOR_RELAY_BURST, "bob");
	assert_local(DETECTOR_RELAY_BURST, "bob", LOCAL_CONFIGURED);
}

static void
pass_on(const char *client, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct mail m = {.client = client,
			.server = MX,
			.from = SPAMMER,
			.to = at_domain("v", i, "dom", i % 10),
			.code = 250};

		send_mail(&m);
		m.client = MX;
		m.server = v4("198.18.9", 1 + i % 10);
		send_mail(&m);
		stream_wait(s, NS_PER_S);
	}
}

static void
mail_of_our_other_network_may_pass_a_stranger_s_may_not(void **state)
{
	(void)state;
	configure_nets();
	configure_domains("corp.example");
	pass_on(OTHER_NET, 40);
	assert_int_equal(stream_findings(s), 0);
	pass_on(A, 40);
	assert_only(DETECTOR_OPEN_RELAY, MX);
	assert_local(DETECTOR_OPEN_RELAY, MX, LOCAL_CONFIGURED);
}

static void
domains_that_a_backup_mx_takes_mail_for_are_local_when_listed(void **state)
{
	(void)state;
	configure_domains(".example");
	pass_on(A, 40);
	assert_silent();
}

static void
half_a_configuration_is_marked_as_learned(void **state)
{
	(void)state;
	configure_nets();
	pass_on(A, 40);
	assert_local(DETECTOR_OPEN_RELAY, MX, LOCAL_LEARNED);
}

static void
who_does_not_ask_what_is_local_does_not_say_it(void **state)
{
	(void)state;
	configure_nets();
	for (unsigned i = 0; i < 30; i++) {
		struct event e = session(A, v4("203.0.113", 1 + i), 1);

		feed(&e);
	}
	assert_local(DETECTOR_SMTP_SCAN, A, LOCAL_NOT_USED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_public_host_that_fans_out_is_seen_from_the_first_session),
		T(without_configuration_nothing_is_known_of_it_yet),
		T(a_private_host_is_ours_with_and_without_configuration),
		T(our_own_servers_in_another_network_are_no_fanout),
		T(a_stranger_who_fans_out_is_not_ours_whatever_he_does),
		T(the_first_refusal_by_a_blocklist_counts_when_networks_are_configured),
		T(a_big_server_outside_that_all_our_networks_use_is_not_ours),
		T(auth_in_clear_between_our_networks_or_strangers_is_no_exposure),
		T(mail_to_configured_domains_is_no_burst),
		T(a_forged_sender_hides_no_burst_when_domains_are_configured),
		T(mail_of_our_other_network_may_pass_a_stranger_s_may_not),
		T(domains_that_a_backup_mx_takes_mail_for_are_local_when_listed),
		T(half_a_configuration_is_marked_as_learned),
		T(who_does_not_ask_what_is_local_does_not_say_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
