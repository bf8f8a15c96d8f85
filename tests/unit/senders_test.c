/*
 * Honest senders of much mail, over weeks: a relay, an office, a newsletter, a
 * list server, a backup MX. What of them is silent, what is told once, and that
 * a thief among them is told of.
 */
#include "tests/unit/tracked_stream.h"

#define DAY_NS (24 * NS_PER_H)
#define SMARTHOST "203.0.113.25"
#define OFFICE "198.51.100.7"
#define THIEF "192.0.2.200"
#define BESIDE "203.0.113.90" /* the smarthost's network */

static void
configure(const char *net)
{
	engine_close(s->engine);
	assert_int_equal(config_list_add(&s->config.local_nets, net), 0);
	stream_start(s);
}

struct sending {
	const char *client;
	const char *account; /* NULL: no AUTH */
	const char *from;
	unsigned n;
	unsigned seed; /* tells recipients of one sending from those of another */
};

/* n messages of one recipient each, gap_ns apart. */
static void
send_all(const struct sending *what, uint64_t gap_ns)
{
	for (unsigned i = 0; i < what->n; i++) {
		const struct mail m = {.client = what->client,
			.server = SMARTHOST,
			.from = what->from,
			.to = at_domain("r", what->seed * 100000 + i, "dom", i % 50),
			.account = what->account,
			.code = 250};

		send_mail(&m);
		stream_wait(s, gap_ns);
	}
}

/* Nothing at all happens but a connection now and then, until the clock is at that time. */
static void
idle_until(uint64_t time_ns)
{
	while (s->now_ns < time_ns) {
		struct event e = session("198.18.200.1", "198.18.200.2", 4);

		e.session.transactions = 1;
		feed(&e);
		stream_wait(s, NS_PER_H);
	}
}

static unsigned
findings_of(enum detector detector)
{
	const struct finding *all[256];
	size_t n = engine_findings(s->engine, all, 256);
	unsigned found = 0;

	for (size_t i = 0; i < n; i++)
		found += all[i]->detector == detector;
	return found;
}

/* Each Tuesday, 3000 recipients in a quarter of an hour, by an account that else is quiet. */
static void
a_weekly_newsletter_is_told_of_once(void **state)
{
	const uint64_t start = s->now_ns;

	(void)state;
	look_for_a_while();
	for (unsigned week = 0; week < 5; week++) {
		idle_until(start + week * 7 * DAY_NS + NS_PER_H);
		send_all(&(struct sending){OFFICE, "news", "bounce@list.corp.example",
				 3000 + 200 * week, week},
			NS_PER_S / 3);
	}
	engine_finish(s->engine);
	assert_int_equal(findings_of(DETECTOR_RELAY_BURST), 1);
	assert_int_equal(stream_findings(s), 1);
}

/* VERP: each recipient has a sender of his own, of one domain. */
static void
a_newsletter_with_a_sender_for_each_recipient_is_one_habit(void **state)
{
	const uint64_t start = s->now_ns;

	(void)state;
	look_for_a_while();
	for (unsigned week = 0; week < 3; week++) {
		idle_until(start + week * 7 * DAY_NS + NS_PER_H);
		for (unsigned i = 0; i < 1000; i++) {
			char from[64];

			snprintf(from, sizeof(from), "bounce-%u-%u@list.corp.example", week, i);
			send_all(&(struct sending){OFFICE, "news", from, 1, week * 1000 + i},
				NS_PER_S / 3);
		}
	}
	engine_finish(s->engine);
	assert_int_equal(findings_of(DETECTOR_RELAY_BURST), 1);
}

static void
a_newsletter_to_three_times_as_many_is_told_of_again(void **state)
{
	const uint64_t start = s->now_ns;

	(void)state;
	look_for_a_while();
	send_all(&(struct sending){OFFICE, "news", "x@list.example", 1000, 1}, NS_PER_S / 3);
	idle_until(start + 7 * DAY_NS);
	send_all(&(struct sending){OFFICE, "news", "x@list.example", 3000, 2}, NS_PER_S / 3);
	engine_finish(s->engine);
	assert_int_equal(findings_of(DETECTOR_RELAY_BURST), 2);
}

/* The thief is somewhere else, or sends as somebody else. */
static void
a_thief_of_the_newsletters_account_is_told_of(void **state)
{
	static const struct sending thefts[] = {
		{THIEF, "news", "bounce@list.corp.example", 100, 90},
		{OFFICE, "news", "x@evil.example", 100, 91},
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t start;

		stream_close(s);
		s = stream_open();
		start = s->now_ns;
		look_for_a_while();
		for (unsigned week = 0; week < 3; week++) {
			idle_until(start + week * 7 * DAY_NS + NS_PER_H);
			send_all(&(struct sending){OFFICE, "news", "bounce@list.corp.example", 2000,
					 week},
				NS_PER_S / 3);
		}
		assert_int_equal(findings_of(DETECTOR_RELAY_BURST), 1);
		idle_until(start + 17 * DAY_NS);
		send_all(&thefts[i], 4 * NS_PER_S);
		engine_finish(s->engine);
		assert_int_equal(findings_of(DETECTOR_RELAY_BURST), 2);
	}
}

/* A thief who is left alone for a day is told of anew on the next. */
static void
a_thief_does_not_become_a_habit_in_two_days(void **state)
{
	const uint64_t start = s->now_ns;

	(void)state;
	look_for_a_while();
	for (unsigned day = 0; day < 3; day++) {
		idle_until(start + day * DAY_NS + NS_PER_H);
		send_all(&(struct sending){THIEF, "bob", "bob@corp.example", 300, day}, NS_PER_S);
	}
	engine_finish(s->engine);
	assert_int_equal(findings_of(DETECTOR_RELAY_BURST), 3);
}

/* A relay of ours logs in: 120 recipients in ten minutes, day and night, since ever. */
static void
a_relay_that_was_there_before_is_left_alone(void **state)
{
	(void)state;
	send_all(&(struct sending){BESIDE, "branch", "x@branch.example", 144 * 120, 1},
		5 * NS_PER_S);
	assert_silent();
}

static void
a_thief_of_the_relays_account_is_told_of(void **state)
{
	(void)state;
	send_all(&(struct sending){BESIDE, "branch", "x@branch.example", 144 * 60, 1},
		10 * NS_PER_S);
	assert_int_equal(stream_findings(s), 0);
	send_all(&(struct sending){THIEF, "branch", "x@branch.example", 1000, 2}, NS_PER_S / 4);
	assert_only(DETECTOR_RELAY_BURST, "branch");
}

/* Whoever was there first, but had to try several passwords. */
static void
who_failed_to_log_in_has_no_excuse_for_being_early(void **state)
{
	(void)state;
	stream_try(s, THIEF, "bob", "guess1", OUTCOME_FAILURE);
	stream_try(s, THIEF, "bob", "guess2", OUTCOME_FAILURE);
	stream_try(s, THIEF, "bob", "right", OUTCOME_SUCCESS);
	send_all(&(struct sending){THIEF, "bob", "bob@corp.example", 80, 1}, 4 * NS_PER_S);
	assert_only(DETECTOR_RELAY_BURST, "bob");
}

/* A capture may begin in the middle of it. */
static void
who_sends_from_outside_has_no_excuse_for_being_early(void **state)
{
	(void)state;
	send_all(&(struct sending){THIEF, "bob", "bob@corp.example", 80, 1}, NS_PER_S / 4);
	assert_only(DETECTOR_RELAY_BURST, "bob");
}

/* Ten times as much is told of, whoever was there first. */
static void
a_flood_is_told_of_from_the_first_minute(void **state)
{
	(void)state;
	send_all(&(struct sending){BESIDE, "bob", "bob@corp.example", 1000, 1}, NS_PER_S / 2);
	assert_only(DETECTOR_RELAY_BURST, "bob");
}

/* From eight to six, Monday to Friday, seen from a Friday on: Monday is no news. */
static void
an_offices_account_may_rest_over_the_weekend(void **state)
{
	const uint64_t friday = s->now_ns / DAY_NS * DAY_NS + 8 * NS_PER_H;

	(void)state;
	for (unsigned day = 0; day < 17; day++) {
		idle_until(friday + day * DAY_NS);
		if (day % 7 == 1 || day % 7 == 2)
			continue;
		send_all(&(struct sending){OFFICE, "office", "x@office.example", 60 * 12, day},
			50 * NS_PER_S);
	}
	assert_silent();
}

/* An inside host hands its newsletter to the relay without AUTH, which sends it on. */
static void
relay_without_auth(const char *client, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct mail m = {.client = client,
			.server = SMARTHOST,
			.from = "news@corp.example",
			.to = at_domain("r", i, "dom", i % 50),
			.code = 250};

		send_mail(&m);
		m.client = SMARTHOST;
		m.server = v4("198.18.9", 1 + i % 50);
		send_mail(&m);
		stream_wait(s, NS_PER_S / 2);
	}
}

static void
a_newsletter_of_an_inside_host_is_no_open_relay(void **state)
{
	(void)state;
	/* A neighbour of the relay, without configuration. */
	relay_without_auth("203.0.113.77", 2000);
	assert_int_equal(stream_findings(s), 0);
	/* In another network of ours: that it is ours must be said. */
	configure("198.51.100.0/24");
	engine_close(s->engine);
	assert_int_equal(config_list_add(&s->config.local_nets, "203.0.113.0/24"), 0);
	stream_start(s);
	relay_without_auth(OFFICE, 2000);
	assert_int_equal(stream_findings(s), 0);
	relay_without_auth(THIEF, 40);
	assert_only(DETECTOR_OPEN_RELAY, SMARTHOST);
}

/* One session to each of n servers outside. */
static void
fan_out(const char *client, unsigned n, uint64_t gap_ns)
{
	for (unsigned i = 0; i < n; i++) {
		char server[32];
		struct event e;

		snprintf(server, sizeof(server), "198.18.%u.%u", i / 200, 1 + i % 200);
		e = session(client, server, 6);
		e.session.transactions = 1;
		feed(&e);
		stream_wait(s, gap_ns);
	}
}

static void
answer_as_a_server(const char *server)
{
	for (unsigned i = 0; i < 5; i++) {
		struct event e = session(v4("192.0.2", 1 + i), server, 6);

		e.session.transactions = 1;
		feed(&e);
	}
}

/* A post each Tuesday, to readers at 250 servers; a few letters on other days. */
static void
a_list_server_that_posts_weekly_is_left_alone(void **state)
{
	uint64_t start;

	(void)state;
	configure("203.0.113.0/24");
	start = s->now_ns;
	for (unsigned day = 0; day < 24; day++) {
		idle_until(start + day * DAY_NS);
		answer_as_a_server(SMARTHOST);
		fan_out(SMARTHOST, day % 7 == 2 ? 250 : 10, 2 * NS_PER_S);
	}
	assert_silent();
}

static void
a_list_server_that_is_cracked_is_told_of(void **state)
{
	uint64_t start;

	(void)state;
	configure("203.0.113.0/24");
	start = s->now_ns;
	for (unsigned day = 0; day < 16; day++) {
		idle_until(start + day * DAY_NS);
		answer_as_a_server(SMARTHOST);
		fan_out(SMARTHOST, day % 7 == 2 ? 250 : 10, 2 * NS_PER_S);
	}
	assert_int_equal(stream_findings(s), 0);
	idle_until(start + 17 * DAY_NS);
	fan_out(SMARTHOST, 2000, NS_PER_S / 2);
	assert_only(DETECTOR_OUTBOUND_FANOUT, SMARTHOST);
}

/* Nobody delivers to it: it looks like a bot, until a week has shown what it does. */
static void
an_outbound_relay_is_told_of_in_its_first_week_only(void **state)
{
	uint64_t start;

	(void)state;
	configure("203.0.113.0/24");
	start = s->now_ns;
	for (unsigned day = 0; day < 6; day++) {
		idle_until(start + day * DAY_NS);
		fan_out("203.0.113.40", 300, 20 * NS_PER_S);
	}
	assert_true(findings_of(DETECTOR_OUTBOUND_FANOUT) > 0);
	idle_until(start + 6 * DAY_NS);
	memset(s->told, 0, sizeof(s->told));
	for (unsigned day = 6; day < 30; day++) {
		idle_until(start + day * DAY_NS);
		fan_out("203.0.113.40", 300, 20 * NS_PER_S);
	}
	assert_int_equal(s->told[FINDING_OPEN], 0);
}

/* Mail for a partner's domains comes from all over and goes on to the partner. */
static void
a_backup_mx_is_no_open_relay(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 800; i++) {
		struct mail m = {.client = v4("192.0.2", 1),
			.server = SMARTHOST,
			.from = "x@somewhere.example",
			.to = at_domain("r", i, "partner", i % 4),
			.code = 250};
		char client[32];

		snprintf(client, sizeof(client), "192.%u.2.1", i % 40);
		m.client = client;
		send_mail(&m);
		m.client = SMARTHOST;
		m.server = "198.18.9.1";
		send_mail(&m);
		stream_wait(s, NS_PER_MIN);
	}
	assert_silent();
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_weekly_newsletter_is_told_of_once),
		T(a_newsletter_with_a_sender_for_each_recipient_is_one_habit),
		T(a_newsletter_to_three_times_as_many_is_told_of_again),
		T(a_thief_of_the_newsletters_account_is_told_of),
		T(a_thief_does_not_become_a_habit_in_two_days),
		T(a_relay_that_was_there_before_is_left_alone),
		T(a_thief_of_the_relays_account_is_told_of),
		T(who_failed_to_log_in_has_no_excuse_for_being_early),
		T(who_sends_from_outside_has_no_excuse_for_being_early),
		T(a_flood_is_told_of_from_the_first_minute),
		T(an_offices_account_may_rest_over_the_weekend),
		T(a_newsletter_of_an_inside_host_is_no_open_relay),
		T(a_list_server_that_posts_weekly_is_left_alone),
		T(a_list_server_that_is_cracked_is_told_of),
		T(an_outbound_relay_is_told_of_in_its_first_week_only),
		T(a_backup_mx_is_no_open_relay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
