/* The detectors of connections: what makes each speak, and what must not. */
#include "control/track/seen.h"
#include "tests/unit/tracked_stream.h"

static void
empty_connections_to_many_servers_are_a_scan(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct event e = session(A, v4("203.0.113", 1 + i), i % 3);

		e.session.flags |= i % 4 == 0 ? SESSION_SYN_ONLY : 0;
		feed(&e);
		stream_wait(s, 5 * NS_PER_S);
	}
	assert_only(DETECTOR_SMTP_SCAN, A);
	assert_int_equal(stream_find(s, DETECTOR_SMTP_SCAN, A)->targets, 20);
	assert_int_equal(stream_find(s, DETECTOR_SMTP_SCAN, A)->attempts, 20);
}

static void
a_scan_spread_over_a_day_is_a_scan(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 62; i++) {
		struct event e = session(A, v4("203.0.113", 1 + i), 1);

		feed(&e);
		stream_wait(s, 15 * NS_PER_MIN);
	}
	assert_only(DETECTOR_SMTP_SCAN, A);
}

static void
one_server_checked_all_day_is_no_scan(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct event e = session(A, v4("203.0.113", 1 + i % 10), 1);

		feed(&e);
		stream_wait(s, NS_PER_MIN);
	}
	assert_silent();
}

static void
a_mail_server_that_finds_others_down_is_no_scan(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct event e = session(A, v4("203.0.113", 1 + i), i % 2 ? 8 : 0);

		e.session.transactions = i % 2;
		e.session.flags |= i % 2 ? 0 : SESSION_REFUSED_CONNECT;
		feed(&e);
		stream_wait(s, NS_PER_S);
	}
	assert_silent();
}

static void
connections_cut_by_the_captures_end_or_by_loss_are_no_scan(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct event e = session(A, v4("203.0.113", 1 + i), 0);

		if (i % 3 == 0)
			e.session.end = SESSION_END_CAPTURE;
		else if (i % 3 == 1)
			e.session.gap_bytes[1] = 100;
		else
			e.head.flow.flags = EVENT_FLOW_CLIENT_SEEN;
		feed(&e);
	}
	assert_silent();
}

static void
tls_connections_to_many_servers_are_no_scan(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct event e = session(A, v4("203.0.113", 1 + i), 2);

		e.session.flags |= SESSION_STARTTLS;
		feed(&e);
	}
	assert_silent();
}

static void
silent_session(const char *client, uint64_t length_ns)
{
	struct event e = session(client, MX, 1);

	e.session.start_ns = s->now_ns - length_ns;
	feed(&e);
	stream_wait(s, NS_PER_MIN);
}

static void
many_sessions_that_say_nothing_for_minutes_hold_slots(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++)
		silent_session(A, 5 * NS_PER_MIN);
	assert_only(DETECTOR_LONG_SESSION, A);
}

static void
short_or_few_or_working_sessions_hold_no_slots(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 9; i++)
		silent_session(A, 5 * NS_PER_MIN);
	for (unsigned i = 0; i < 50; i++) {
		struct event e = session("192.0.2.9", MX, 9);

		silent_session("192.0.2.8", 20 * NS_PER_S);
		e.session.start_ns = s->now_ns - 10 * NS_PER_MIN;
		e.session.transactions = 1;
		feed(&e);
	}
	assert_silent();
}

static void
greet(const char *client, const char *helo, uint16_t flags)
{
	struct event e = session(client, MX, 3);
	size_t used = 0;

	e.session.transactions = 1;
	e.session.flags |= flags;
	e.session.helo_len = put(&e, &used, helo);
	feed(&e);
	stream_wait(s, 10 * NS_PER_S);
}

static void
a_prefix_with_a_new_helo_each_time_churns(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++)
		greet(v4("198.51.100", 1 + i % 4), numbered("host", i), 0);
	assert_only(DETECTOR_HELO_CHURN, "198.51.100.0/24");
}

static void
a_network_of_servers_with_a_name_each_does_not_churn(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++)
		greet(v4("192.0.2", 1 + i % 100), numbered("mx", i % 100), 0);
	assert_silent();
}

static void
users_behind_one_address_do_not_churn(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++)
		greet("192.0.2.77", numbered("DESKTOP-", i), SESSION_STARTTLS);
	assert_silent();
}

/* Somebody from outside logs in: the server's network is ours. */
static void
learn_home(void)
{
	stream_try(s, "192.0.2.200", "dave", "right", OUTCOME_SUCCESS);
}

static void
fan_out(const char *client, unsigned servers)
{
	for (unsigned i = 0; i < servers; i++) {
		struct event e = session(client, v4(i % 2 ? "192.0.2" : "198.18.0", 1 + i / 2), 7);

		e.session.transactions = 1;
		feed(&e);
		stream_wait(s, NS_PER_S);
	}
}

static void
a_desktop_of_ours_that_mails_many_servers_is_a_bot(void **state)
{
	(void)state;
	learn_home();
	fan_out("203.0.113.90", 40);
	assert_only(DETECTOR_OUTBOUND_FANOUT, "203.0.113.90");
}

static void
a_private_desktop_is_ours_without_learning(void **state)
{
	(void)state;
	fan_out("10.1.2.3", 40);
	assert_only(DETECTOR_OUTBOUND_FANOUT, "10.1.2.3");
}

static void
a_mail_server_of_ours_and_a_stranger_may_mail_many(void **state)
{
	struct event e;

	(void)state;
	learn_home();
	e = session("192.0.2.1", MX, 7);
	e.session.transactions = 1;
	feed(&e);
	fan_out(MX, 200);
	fan_out("198.51.100.99", 200);
	assert_silent();
}

static void
auth_in_clear_is_told_once_per_server_and_day(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 47; i++) {
		struct event e = session("192.0.2.1", MX, 7);

		e.session.transactions = 1;
		e.session.flags |= SESSION_AUTH_OFFERED;
		feed(&e);
		stream_wait(s, NS_PER_H);
	}
	engine_finish(s->engine);
	assert_int_equal(stream_findings(s), 2);
	assert_true(has(DETECTOR_EXPOSURE, MX));
}

/* Each in its own words, once a day for each server. */
static void
old_versions_and_mangled_starttls_are_exposures_of_their_own(void **state)
{
	static const uint8_t kinds[] = {KIND_CLEAR_AUTH, KIND_OLD_VERSION, KIND_MANGLED_TLS};
	static const char *const words[] = {"STARTTLS, or on port 465", "Upgrade", "inspect esmtp"};
	const struct finding *all[8];

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct event e = session("192.0.2.1", MX, 7);
		struct event banner = base_event(EVENT_SIGNATURE, "192.0.2.1", MX);

		banner.signature.pattern_id = 1202;
		banner.signature.from_server = 1;
		e.session.flags |= SESSION_STARTTLS_MANGLED | (i > 3 ? SESSION_AUTH_OFFERED : 0);
		feed(&banner);
		feed(&e);
		stream_wait(s, NS_PER_H);
	}
	engine_finish(s->engine);
	assert_int_equal(engine_findings(s->engine, all, 8), 3);
	for (unsigned k = 0; k < 3; k++) {
		unsigned n = 0;
		char advice[1024];

		for (unsigned i = 0; i < 3; i++) {
			if (all[i]->kind != kinds[k])
				continue;
			n++;
			assert_true(finding_advice(all[i], advice, sizeof(advice)) > 0);
			assert_non_null(strstr(advice, words[k]));
		}
		assert_int_equal(n, 1);
	}
}

static void
a_banner_that_is_maintained_or_of_a_stranger_is_no_exposure(void **state)
{
	struct event e = base_event(EVENT_SIGNATURE, "192.0.2.1", MX);

	(void)state;
	e.signature.pattern_id = 1011;
	feed(&e);
	learn_home();
	e = base_event(EVENT_SIGNATURE, MX, "192.0.2.5");
	e.signature.pattern_id = 1210;
	feed(&e);
	assert_silent();
}

static void
auth_in_clear_among_neighbours_or_at_strangers_is_no_exposure(void **state)
{
	struct event e;

	(void)state;
	learn_home();
	e = session("203.0.113.9", MX, 7);
	e.session.flags |= SESSION_AUTH_OFFERED;
	feed(&e);
	e = session(MX, "192.0.2.5", 7);
	e.session.flags |= SESSION_AUTH_OFFERED;
	feed(&e);
	assert_silent();
}

static void
refuse(const char *client, const char *server, uint32_t pattern)
{
	struct event e = base_event(EVENT_SIGNATURE, client, server);
	size_t used = 0;

	e.signature.pattern_id = pattern;
	e.signature.context = CONTEXT_REPLY;
	e.signature.from_server = 1;
	e.signature.line_len = put(&e, &used, "554 blocked using zen.example");
	feed(&e);
}

static void
ours_refused_as_listed_is_blocklisted(void **state)
{
	(void)state;
	learn_home();
	refuse(MX, "192.0.2.5", 2300);
	refuse(MX, "192.0.2.6", 2300);
	assert_only(DETECTOR_BLOCKLISTED, MX);
	assert_int_equal(stream_find(s, DETECTOR_BLOCKLISTED, MX)->signatures[0], 2300);
	assert_int_equal(stream_find(s, DETECTOR_BLOCKLISTED, MX)->attempts, 2);
}

/* One line of a reply may match several patterns: each is an event, and it is one refusal. */
static void
a_refusal_that_matches_three_patterns_counts_once(void **state)
{
	const struct finding *f;

	(void)state;
	learn_home();
	for (unsigned i = 0; i < 5; i++) {
		struct event e = base_event(EVENT_SIGNATURE, MX, v4("192.0.2", 5 + i));
		size_t used = 0;

		e.signature.context = CONTEXT_REPLY;
		e.signature.from_server = 1;
		e.signature.line_len = put(&e, &used,
			"554 Client host [203.0.113.200] blocked using zen.spamhaus.org");
		for (unsigned k = 0; k < 3; k++) {
			e.signature.pattern_id = (const unsigned[]){2300, 2306, 2350}[k];
			feed(&e);
		}
		stream_wait(s, NS_PER_S);
	}
	/* The opening, the better name; nothing for the patterns that say less. */
	assert_int_equal(s->told[FINDING_OPEN], 1);
	assert_int_equal(s->told[FINDING_UPDATE], 1);
	assert_only(DETECTOR_BLOCKLISTED, MX);
	f = stream_find(s, DETECTOR_BLOCKLISTED, MX);
	assert_int_equal(f->attempts, 5);
	assert_int_equal(f->targets, 5);
	assert_int_equal(blocklist_next(&f->blocklist, 0), 2306);
	assert_int_equal(blocklist_next(&f->blocklist, 2306), 0);
	assert_string_equal(f->blocklist.address, "203.0.113.200");
}

static void
strangers_refused_by_our_own_lists_are_not(void **state)
{
	(void)state;
	learn_home();
	for (unsigned i = 0; i < 100; i++)
		refuse(v4("198.51.100", 1 + i), MX, 2306);
	refuse(MX, "192.0.2.5", 2250);
	assert_silent();
}

/* Who has evidence outlives a flood of sources that each make one connection. */
static void
a_flood_of_sources_does_not_hide_a_scan(void **state)
{
	struct engine_totals totals;

	(void)state;
	engine_close(s->engine);
	s->config.aggr_trackers = 256;
	stream_start(s);
	for (unsigned i = 0; i < 20; i++) {
		struct event e = session(A, v4("203.0.113", 1 + i), 1);

		feed(&e);
		for (unsigned n = 0; i > 10 && n < 1000; n++) {
			char other[20];

			snprintf(other, sizeof(other), "10.%u.%u.%u", i, n / 250, n % 250);
			e = session(other, MX, 1);
			feed(&e);
		}
	}
	engine_totals(s->engine, &totals);
	assert_true(has(DETECTOR_SMTP_SCAN, A));
	assert_true(totals.evicted_trackers > 1000);
}

static void
a_thing_seen_again_is_not_new_and_the_oldest_goes_first(void **state)
{
	struct seen seen;
	struct blocks pool;

	(void)state;
	blocks_init(&pool, aligned_alloc(64, SEEN_BLOCK_BYTES), 1, SEEN_BLOCK_BYTES);
	seen_open(&seen);
	for (uint32_t i = 0; i < SEEN_THINGS; i++)
		assert_int_equal(seen_add(&seen, &pool, i, 100 + i), 0);
	assert_int_equal(seen_add(&seen, &pool, 0, 200), 100);
	assert_int_equal(seen_add(&seen, &pool, 1000, 201), 0);
	assert_int_equal(seen_add(&seen, &pool, 1, 202), 0);
	assert_int_equal(seen_add(&seen, &pool, 0, 203), 200);
	assert_int_equal(seen.len, SEEN_THINGS);
	seen_clear(&seen, &pool);
	assert_int_equal(seen.len, 0);
	assert_int_equal(pool.in_use, 0);
	free(pool.memory);
}

static void
without_a_block_a_set_remembers_one_thing(void **state)
{
	struct seen seen;
	struct blocks pool;

	(void)state;
	blocks_init(&pool, NULL, 0, SEEN_BLOCK_BYTES);
	seen_open(&seen);
	assert_int_equal(seen_add(&seen, &pool, 1, 100), 0);
	assert_int_equal(seen_add(&seen, &pool, 1, 101), 100);
	assert_int_equal(seen_add(&seen, &pool, 2, 102), 0);
	assert_int_equal(seen_add(&seen, &pool, 1, 103), 0);
	assert_int_equal(seen.len, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(empty_connections_to_many_servers_are_a_scan),
		T(a_scan_spread_over_a_day_is_a_scan),
		T(one_server_checked_all_day_is_no_scan),
		T(a_mail_server_that_finds_others_down_is_no_scan),
		T(connections_cut_by_the_captures_end_or_by_loss_are_no_scan),
		T(tls_connections_to_many_servers_are_no_scan),
		T(many_sessions_that_say_nothing_for_minutes_hold_slots),
		T(short_or_few_or_working_sessions_hold_no_slots),
		T(a_prefix_with_a_new_helo_each_time_churns),
		T(a_network_of_servers_with_a_name_each_does_not_churn),
		T(users_behind_one_address_do_not_churn),
		T(a_desktop_of_ours_that_mails_many_servers_is_a_bot),
		T(a_private_desktop_is_ours_without_learning),
		T(a_mail_server_of_ours_and_a_stranger_may_mail_many),
		T(auth_in_clear_is_told_once_per_server_and_day),
		T(auth_in_clear_among_neighbours_or_at_strangers_is_no_exposure),
		T(old_versions_and_mangled_starttls_are_exposures_of_their_own),
		T(a_banner_that_is_maintained_or_of_a_stranger_is_no_exposure),
		T(ours_refused_as_listed_is_blocklisted),
		T(a_refusal_that_matches_three_patterns_counts_once),
		T(strangers_refused_by_our_own_lists_are_not),
		T(a_flood_of_sources_does_not_hide_a_scan),
		T(a_thing_seen_again_is_not_new_and_the_oldest_goes_first),
		T(without_a_block_a_set_remembers_one_thing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
