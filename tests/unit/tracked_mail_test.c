/* The detectors of recipients and messages: what makes each speak, and what must not. */
#include "tests/unit/tracked_stream.h"

#define BOB "bob@corp.example"
#define SPAMMER "x@evil.example"

static void
ask_for(const char *client, const char *from, const char *user, unsigned code)
{
	const struct mail m = {
		.client = client, .server = MX, .from = from, .to = user, .code = code};

	send_mail(&m);
	stream_wait(s, NS_PER_S);
}

static void
many_unknown_users_are_an_enumeration(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++)
		ask_for(A, SPAMMER, at_domain("user", i, "corp", 0), i % 10 ? 550 : 250);
	engine_finish(s->engine);
	assert_true(has(DETECTOR_ENUMERATION, A));
	assert_int_equal(stream_findings(s), 1);
	assert_int_equal(stream_find(s, DETECTOR_ENUMERATION, A)->accounts, 27);
}

static void
vrfy_over_many_users_is_an_enumeration(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct event e = session(A, MX, 12);

		e.session.probes = 10;
		feed(&e);
	}
	assert_only(DETECTOR_ENUMERATION, A);
	assert_int_equal(stream_find(s, DETECTOR_ENUMERATION, A)->attempts, 50);
}

static void
a_sender_with_a_bad_list_is_no_enumeration(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++)
		ask_for(A, SPAMMER, at_domain("user", i, "corp", 0), i % 3 ? 250 : 550);
	assert_silent();
}

static void
the_same_user_again_relaying_and_greylisting_are_no_enumeration(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		struct event e = base_event(EVENT_RCPT, A, MX);
		size_t used = 0;

		ask_for("192.0.2.4", SPAMMER, BOB, 550);
		stream_wait(s, 5 * NS_PER_MIN);
		ask_for("192.0.2.5", SPAMMER, at_domain("user", i, "corp", 0), 451);
		e.rcpt.reply_code = 550;
		e.rcpt.enhanced[0] = 5;
		e.rcpt.enhanced[1] = 7;
		e.rcpt.enhanced[2] = 1;
		e.rcpt.rcpt_len = put(&e, &used, at_domain("user", i, "other", i));
		e.rcpt.from_len = put(&e, &used, SPAMMER);
		feed(&e);
	}
	assert_silent();
}

static void
backscatter_to_made_up_senders_is_no_enumeration(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++)
		ask_for(A, "", at_domain("user", i, "corp", 0), 550);
	assert_silent();
}

static void
relay_as(const char *account, unsigned n, unsigned recipients, uint64_t gap_ns)
{
	for (unsigned i = 0; i < n; i++) {
		const struct mail m = {.client = A,
			.server = MX,
			.from = BOB,
			.to = at_domain("victim", i % recipients, "dom", i % 7),
			.account = account,
			.code = 250};

		send_mail(&m);
		stream_wait(s, gap_ns);
	}
}

static void
an_account_that_mails_many_strangers_is_a_burst(void **state)
{
	(void)state;
	look_for_a_while();
	relay_as("bob", 60, 60, NS_PER_S);
	assert_only(DETECTOR_RELAY_BURST, "bob");
	assert_string_equal(stream_find(s, DETECTOR_RELAY_BURST, "bob")->top_sources[0].name, A);
}

static void
patience_does_not_hide_a_burst(void **state)
{
	(void)state;
	look_for_a_while();
	relay_as("bob", 400, 400, 20 * NS_PER_S);
	assert_only(DETECTOR_RELAY_BURST, "bob");
}

static void
colleagues_and_a_days_mail_are_no_burst(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		const struct mail m = {.client = A,
			.server = MX,
			.from = BOB,
			.to = at_domain("colleague", i, "corp", 0),
			.account = "bob",
			.code = 250};
		struct mail own = m;
		char to[64];

		snprintf(to, sizeof(to), "colleague%u@corp.example", i);
		own.to = to;
		send_mail(&own);
	}
	relay_as("carol", 200, 100, 5 * NS_PER_MIN);
	assert_silent();
}

static void
one_letter_to_a_club_is_no_burst(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 80; i++) {
		struct event e = base_event(EVENT_RCPT, A, MX);
		size_t used = 0;

		e.rcpt.transaction_no = 1;
		e.rcpt.accepted = 1;
		e.rcpt.reply_code = 250;
		e.rcpt.rcpt_len = put(&e, &used, at_domain("member", i, "dom", i % 9));
		e.rcpt.from_len = put(&e, &used, BOB);
		e.rcpt.authenticated_len = put(&e, &used, "bob");
		feed(&e);
	}
	assert_silent();
}

/* 30 in ten minutes, all day, then 60: what it always does, and no more than that. */
static void
an_account_that_always_sends_much_is_its_own_measure(void **state)
{
	(void)state;
	s->config.relay_recipients_hour = 10000;
	relay_as("scanner", 8 * 6 * 30, 5000, 20 * NS_PER_S);
	relay_as("scanner", 80, 5000, 8 * NS_PER_S);
	assert_silent();
	relay_as("scanner", 600, 5000, NS_PER_S / 4);
	assert_true(has(DETECTOR_RELAY_BURST, "scanner"));
}

/* The stranger's message to a domain, and the server's own delivery of it. */
static void
pass_on(const char *client, const char *account, unsigned n, unsigned domains)
{
	for (unsigned i = 0; i < n; i++) {
		const struct mail in = {.client = client,
			.server = MX,
			.from = SPAMMER,
			.to = at_domain("v", i, "dom", i % domains),
			.account = account,
			.code = 250};
		struct mail out = in;

		send_mail(&in);
		stream_wait(s, NS_PER_S);
		out.client = MX;
		out.server = v4("192.0.2", 1 + i % domains);
		out.account = NULL;
		send_mail(&out);
	}
}

static void
a_server_that_passes_on_for_strangers_is_an_open_relay(void **state)
{
	(void)state;
	pass_on(A, NULL, 20, 10);
	assert_only(DETECTOR_OPEN_RELAY, MX);
}

/* The deliveries that prove it are the relay's own; who abuses it is somebody else. */
static void
an_open_relay_is_the_target_and_who_uses_it_the_source(void **state)
{
	const struct finding *f;
	const struct addr abuser = stream_addr("192.0.2.200"), relay = stream_addr(MX);

	(void)state;
	pass_on(A, NULL, 20, 10);
	pass_on("192.0.2.200", NULL, 50, 10);
	engine_finish(s->engine);
	f = stream_find(s, DETECTOR_OPEN_RELAY, MX);
	assert_non_null(f);
	assert_int_equal(f->sources, 2);
	assert_string_equal(f->top_sources[0].name, "192.0.2.200");
	assert_int_equal(f->top_sources[0].count, 50);
	assert_string_equal(f->top_sources[1].name, A);
	assert_int_equal(f->targets, 1);
	assert_string_equal(f->top_targets[0].name, MX);
	assert_memory_equal(&f->last_flow.client, &abuser, sizeof(abuser));
	assert_memory_equal(&f->last_flow.server, &relay, sizeof(relay));
	assert_memory_equal(&f->samples[0].server, &relay, sizeof(relay));
}

static void
relaying_after_auth_or_for_neighbours_is_no_open_relay(void **state)
{
	(void)state;
	pass_on("192.0.2.77", "dave", 30, 10);
	pass_on("203.0.113.7", NULL, 30, 10);
	assert_silent();
}

static void
a_server_of_many_domains_is_no_open_relay(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++)
		ask_for("192.0.2.9", SPAMMER, at_domain("v", i, "dom", i % 100), 250);
	assert_silent();
}

static void
a_filter_before_other_servers_is_no_open_relay(void **state)
{
	static const char *const world[] = {
		"192.0.2.1", "198.18.1.1", "198.18.2.1", "198.18.3.1", "198.18.4.1"};

	(void)state;
	for (unsigned round = 0; round < 5; round++)
		for (unsigned d = 0; d < 20; d++)
			ask_for(world[round], SPAMMER, at_domain("v", 1000 + round, "dom", d), 250);
	pass_on(A, NULL, 100, 20);
	assert_silent();
}

static void
bounce(const char *from_host, const char *to, unsigned code, bool dsn)
{
	const struct mail m = {.client = from_host,
		.server = MX,
		.from = "",
		.to = to,
		.code = code,
		.bounce = dsn};

	send_mail(&m);
	stream_wait(s, NS_PER_S);
}

static void
bounces_from_many_servers_to_one_account_are_a_wave(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++)
		bounce(v4("192.0.2", 1 + i % 30), BOB, 250, true);
	assert_only(DETECTOR_BOUNCE_WAVE, BOB);
	assert_int_equal(stream_find(s, DETECTOR_BOUNCE_WAVE, BOB)->sources, 30);
	assert_int_equal(stream_find(s, DETECTOR_BOUNCE_WAVE, BOB)->kind, KIND_BACKSCATTER);
}

static void
bounces_of_the_same_few_servers_are_a_loop(void **state)
{
	char advice[1024];

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		bounce(v4("192.0.2", 1 + i % 2), BOB, 250, true);
	assert_only(DETECTOR_BOUNCE_WAVE, BOB);
	assert_int_equal(stream_find(s, DETECTOR_BOUNCE_WAVE, BOB)->kind, KIND_LOOP);
	assert_true(finding_advice(
			    stream_find(s, DETECTOR_BOUNCE_WAVE, BOB), advice, sizeof(advice)) > 0);
	assert_non_null(strstr(advice, "a loop"));
	assert_null(strstr(advice, "SPF"));
}

static void
bounces_to_many_accounts_are_a_wave_of_the_server(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 120; i++)
		bounce(v4("192.0.2", 1 + i % 90), at_domain("u", i % 40, "corp", 0),
			i % 2 ? 550 : 250, true);
	assert_only(DETECTOR_BOUNCE_WAVE, MX);
}

static void
callouts_and_a_few_bounces_are_no_wave(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		bounce(v4("192.0.2", 1 + i % 30), BOB, 250, false);
		if (i % 20 == 0)
			bounce("192.0.2.9", "carol@corp.example", 250, true);
	}
	assert_silent();
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(many_unknown_users_are_an_enumeration),
		T(vrfy_over_many_users_is_an_enumeration),
		T(a_sender_with_a_bad_list_is_no_enumeration),
		T(the_same_user_again_relaying_and_greylisting_are_no_enumeration),
		T(backscatter_to_made_up_senders_is_no_enumeration),
		T(an_account_that_mails_many_strangers_is_a_burst),
		T(patience_does_not_hide_a_burst),
		T(colleagues_and_a_days_mail_are_no_burst),
		T(one_letter_to_a_club_is_no_burst),
		T(an_account_that_always_sends_much_is_its_own_measure),
		T(a_server_that_passes_on_for_strangers_is_an_open_relay),
		T(an_open_relay_is_the_target_and_who_uses_it_the_source),
		T(relaying_after_auth_or_for_neighbours_is_no_open_relay),
		T(a_server_of_many_domains_is_no_open_relay),
		T(a_filter_before_other_servers_is_no_open_relay),
		T(bounces_from_many_servers_to_one_account_are_a_wave),
		T(bounces_of_the_same_few_servers_are_a_loop),
		T(bounces_to_many_accounts_are_a_wave_of_the_server),
		T(callouts_and_a_few_bounces_are_no_wave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
