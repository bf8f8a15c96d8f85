/*
 * A crowd against tables that are far too small for it: what is attacking, or
 * is on its way to its threshold, is found all the same (aggr/table.c). The
 * crowd comes as fast as ten million sources in a day would against the
 * default tables: it fills them anew every ten minutes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/detect_stream.h"

#define TABLE 4096u

/* Under sanitizers an event takes twenty times as long: the same rates for a shorter time. */
#if defined(__SANITIZE_ADDRESS__)
#define HOURS 4u
#else
#define HOURS 8u
#endif

#define CROWD_PER_S 7u /* sources: a table in 585 s, as 10 M in a day fill 65,536 in 566 s */
#define SECONDS (HOURS * 3600u)

static uint64_t seed;

static uint32_t
draw(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((seed >> 33) % below);
}

static int
small_tables(void **state)
{
	(void)state;
	seed = 1;
	s = calloc(1, sizeof(*s));
	config_defaults(&s->config);
	s->config.aggr_sources = s->config.aggr_prefixes = s->config.aggr_accounts = TABLE;
	s->config.aggr_pairs = 4 * TABLE;
	s->config.aggr_trackers = TABLE;
	s->salt = 0x5eed;
	stream_start(s);
	return 0;
}

static int
done(void **state)
{
	(void)state;
	stream_close(s);
	return 0;
}

/* Each number its own address: IPv4 /24s of eight, or IPv6 /64s of eight. */
static void
crowd_name(uint32_t number, char out[40])
{
	if (number % 4 == 0)
		snprintf(out, 40, "2001:db8:%x:%x::%x", number >> 15, number >> 5 & 1023,
			number >> 2 & 7);
	else
		snprintf(out, 40, "%u.%u.%u.%u", 11 + (number >> 19 & 63), number >> 11 & 255,
			number >> 3 & 255, number & 7);
}

static void
crowd_tries(uint32_t number, unsigned tries)
{
	char source[40], account[16], password[16];

	crowd_name(number, source);
	for (unsigned i = 0; i < tries; i++) {
		snprintf(account, sizeof(account), "u%u", draw(TABLE * 60));
		snprintf(password, sizeof(password), "p%u", draw(1u << 30));
		stream_try(s, source, account, password, OUTCOME_FAILURE);
	}
}

/* A session that wants nothing, of a server of many, under a new name. */
static void
crowd_session(uint32_t number)
{
	struct event e = {0};
	char name[40];

	crowd_name(number, name);
	e.head.type = EVENT_SESSION;
	e.head.version = EVENT_VERSION;
	e.head.clock_ns = e.head.time_ns = s->now_ns;
	e.head.order = e.head.flow.flow_id = ++s->order;
	e.head.flow.flags = EVENT_FLOW_FROM_START | EVENT_FLOW_CLIENT_SEEN | EVENT_FLOW_SERVER_SEEN;
	e.head.flow.client = stream_addr(name);
	snprintf(name, sizeof(name), "198.18.%u.%u", draw(256), draw(256));
	e.head.flow.server = stream_addr(name);
	e.head.flow.server_port = 25;
	e.session.start_ns = s->now_ns - NS_PER_S;
	e.session.commands = 1;
	e.session.replies = 2;
	e.session.bytes[0] = 20;
	e.session.bytes[1] = 40;
	e.session.end = SESSION_END_FIN;
	e.session.helo_len = (uint8_t)snprintf(e.text, 32, "h%u.example", number);
	engine_event(s->engine, &e);
}

/* Everybody who matters, each at his own pace; called once a second. */
static void
attackers(uint32_t second)
{
	char text[40], password[16];

	snprintf(password, sizeof(password), "a%u", second);
	if (second % 600 == 0)
		stream_try(s, "100.64.1.1", "slowly", password, OUTCOME_FAILURE);
	if (second % 1200 == 0 || second < 30)
		stream_try(s, "100.64.2.1", "open", password, OUTCOME_FAILURE);
	if (second >= SECONDS / 2 && second < SECONDS / 2 + 600 && second % 50 == 0)
		stream_try(s, "100.64.3.1", "forced", password, OUTCOME_FAILURE);
	if (second >= SECONDS / 2 && second < SECONDS / 2 + 600 && second % 20 == 0) {
		snprintf(text, sizeof(text), "sprayed%u", second);
		stream_try(s, "100.64.4.1", text, "Winter1", OUTCOME_FAILURE);
	}
	if (second >= SECONDS / 2 && second < SECONDS / 2 + 3600 && second % 20 == 0) {
		snprintf(text, sizeof(text), "172.20.%u.1", second / 20 % 256);
		stream_try(s, text, "many", password, OUTCOME_FAILURE);
	}
}

static void
all_attackers_were_found(void)
{
	assert_non_null(stream_find(s, DETECTOR_SLOW, "100.64.1.1"));
	assert_non_null(stream_find(s, DETECTOR_BRUTEFORCE, "100.64.3.1"));
	assert_non_null(stream_find(s, DETECTOR_SPRAY, "100.64.4.1"));
	assert_non_null(stream_find(s, DETECTOR_DISTRIBUTED, "many"));
}

/* It opened once, stayed, and grew to all that the source did. */
static void
the_open_one_was_never_lost(void)
{
	const struct finding *i = stream_find(s, DETECTOR_BRUTEFORCE, "100.64.2.1");

	assert_non_null(i);
	assert_false(i->closed);
	assert_int_equal(i->attempts, 30 + SECONDS / 1200 - 1);
}

static void
play(unsigned head_start_s, unsigned every_s, unsigned tries_min, unsigned tries_max)
{
	uint32_t number = 0;

	for (uint32_t second = 0; second < SECONDS; second++) {
		attackers(second);
		for (unsigned i = 0;
			second >= head_start_s && second % every_s == 0 && i < CROWD_PER_S;
			i++, number++) {
			crowd_tries(number, tries_min + draw(tries_max - tries_min + 1));
			if (i == 0)
				crowd_session(number);
		}
		stream_wait(s, NS_PER_S);
	}
}

static void
a_crowd_of_fresh_sources_and_accounts_pushes_out_nobody_who_attacks(void **state)
{
	struct engine_totals totals;

	(void)state;
	play(40 * 60, 1, 1, 2);
	engine_totals(s->engine, &totals);
	assert_true(totals.evicted_sources > totals.sources - TABLE - 1);
	assert_true(totals.evicted_accounts > 0);
	assert_true(totals.evicted_trackers > 0);
	assert_int_equal(totals.untracked, 0);
	the_open_one_was_never_lost();
	all_attackers_were_found();
}

/* Who knows the grades makes each of his sources look half guilty; a slow one is beyond that. */
static void
a_crowd_that_looks_half_guilty_pushes_out_nobody_who_attacks(void **state)
{
	struct engine_totals totals;

	(void)state;
	play(120 * 60, 1, 4, 6);
	engine_totals(s->engine, &totals);
	assert_true(totals.evicted_sources > totals.sources - TABLE - 1);
	the_open_one_was_never_lost();
	all_attackers_were_found();
}

#define T(name) cmocka_unit_test_setup_teardown(name, small_tables, done)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_crowd_of_fresh_sources_and_accounts_pushes_out_nobody_who_attacks),
		T(a_crowd_that_looks_half_guilty_pushes_out_nobody_who_attacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
