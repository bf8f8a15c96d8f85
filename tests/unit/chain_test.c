/* Incidents: what ties findings into one, and what must not. */
#include "tests/unit/tracked_stream.h"

#define SCOUT "198.51.100.40"
#define SPAMMER "192.0.2.66"
#define DAVE "dave@corp.example"
#define REMOTE "192.0.2.200"

static void
let_in(const char *source, const char *account)
{
	stream_try(s, source, account, "the right one", OUTCOME_SUCCESS);
	stream_wait(s, NS_PER_S);
}

static void
scan(const char *source)
{
	for (unsigned i = 0; i < 20; i++) {
		struct event e = session(source, v4("203.0.113", i + 1), EMPTY);

		feed(&e);
		stream_wait(s, NS_PER_S);
	}
}

static void
spam(const char *source, const char *account, unsigned recipients)
{
	for (unsigned i = 0; i < recipients; i++) {
		const struct mail m = {.client = source,
			.server = MX,
			.from = DAVE,
			.to = at_domain("victim", i, "dom", i % 7),
			.account = account,
			.code = 250};

		send_mail(&m);
		stream_wait(s, NS_PER_S);
	}
}

static void
bounce(const char *to, unsigned bounces)
{
	for (unsigned i = 0; i < bounces; i++) {
		const struct mail m = {.client = v4("192.0.2", 100 + i % 50),
			.server = MX,
			.from = "",
			.to = to,
			.code = 250,
			.bounce = true};

		send_mail(&m);
		stream_wait(s, NS_PER_S);
	}
}

/* The world comes to our MX, which makes it ours; then a remote server refuses it. */
static void
blocklist(void)
{
	struct event e;

	for (unsigned i = 0; i < 4; i++) {
		struct event visit = session(v4(numbered("192.0.", i + 10), 1), MX, 4);

		feed(&visit);
	}
	e = base_event(EVENT_SIGNATURE, MX, REMOTE);
	e.signature.pattern_id = 2300;
	e.signature.from_server = 1;
	feed(&e);
}

static const struct incident *
incident_of(enum detector detector, const char *subject)
{
	static const struct incident *all[512];
	const struct finding *finding = stream_find(s, detector, subject);
	size_t n = engine_incidents(s->engine, all, 512);

	assert_non_null(finding);
	for (size_t i = 0; i < n; i++) {
		const struct finding *part[512];
		size_t parts = engine_incident_findings(s->engine, all[i], part, 512);

		for (size_t k = 0; k < parts; k++)
			if (part[k] == finding)
				return all[i];
	}
	fail_msg("a finding without an incident");
	return NULL;
}

static uint64_t
incidents(void)
{
	struct engine_totals totals;

	engine_totals(s->engine, &totals);
	return totals.incidents;
}

/* How often the incident was told of in that state. */
static unsigned
told(uint64_t incident, enum incident_state state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->line_count; i++)
		n += s->tellings[i].incident == incident && s->tellings[i].incident_state == state;
	return n;
}

static void
from_scan_to_blocklist_it_is_one_incident(void **state)
{
	const struct incident *i;
	unsigned severity = 3;
	enum stage stage = STAGE_NONE;
	char advice[2048];

	(void)state;
	scan(A);
	stream_wait(s, 5 * NS_PER_H);
	guess(A, DAVE, 0, 70, NS_PER_S);
	let_in(A, DAVE);
	/* The account ties who spams to who guessed. */
	spam(SPAMMER, DAVE, 60);
	bounce(DAVE, 60);
	blocklist();
	engine_finish(s->engine);
	i = incident_of(DETECTOR_SMTP_SCAN, A);
	assert_ptr_equal(incident_of(DETECTOR_BRUTEFORCE, A), i);
	assert_ptr_equal(incident_of(DETECTOR_COMPROMISE, DAVE), i);
	assert_ptr_equal(incident_of(DETECTOR_RELAY_BURST, DAVE), i);
	assert_ptr_equal(incident_of(DETECTOR_BOUNCE_WAVE, DAVE), i);
	assert_ptr_equal(incident_of(DETECTOR_BLOCKLISTED, MX), i);
	assert_int_equal(i->stage, STAGE_BLOCKLISTED);
	assert_int_equal(i->reopened, 1);
	for (unsigned n = STAGE_SCAN + 1; n < STAGE_COUNT; n++) {
		assert_int_equal(i->stages[n].findings, 1);
		assert_true(i->stages[n].first_seen_ns > i->stages[n - 1].first_seen_ns);
	}
	/* Neither severity nor stage ever falls back. */
	for (unsigned n = 0; n < s->line_count; n++) {
		if (s->tellings[n].incident != i->id)
			continue;
		assert_true(s->tellings[n].severity <= severity);
		assert_true(s->tellings[n].stage >= stage);
		severity = s->tellings[n].severity;
		stage = s->tellings[n].stage;
	}
	assert_int_equal(severity, 1);
	assert_true(incident_advice(i, STAGE_SUCCESS, advice, sizeof(advice)) > 0);
	assert_non_null(strstr(advice, "password of " DAVE));
	assert_true(incident_advice(i, STAGE_RELAY, advice, sizeof(advice)) > 0);
	assert_non_null(strstr(advice, "queue of " MX));
	assert_non_null(strstr(advice, SPAMMER));
	assert_true(incident_advice(i, STAGE_BLOCKLISTED, advice, sizeof(advice)) > 0);
	assert_non_null(strstr(advice, "delist " MX));
}

static void
many_sources_at_one_account_are_one_incident(void **state)
{
	const struct incident *i;

	(void)state;
	for (unsigned n = 0; n < 5; n++) {
		char source[32];

		snprintf(source, sizeof(source), "198.51.%u.7", n + 1);
		guess(source, DAVE, 0, 12, NS_PER_S);
	}
	engine_finish(s->engine);
	i = incident_of(DETECTOR_BRUTEFORCE, "198.51.1.7");
	for (unsigned n = 1; n < 5; n++)
		assert_ptr_equal(
			incident_of(DETECTOR_BRUTEFORCE, v4(numbered("198.51.", n + 1), 7)), i);
	assert_int_equal(incidents(), 1);
	assert_int_equal(i->stages[STAGE_GUESSING].findings, 5);
	assert_int_equal(told(i->id, INCIDENT_OPEN), 1);
	assert_int_equal(told(i->id, INCIDENT_CLOSED), 1);
	assert_int_equal(s->tellings[s->line_count - 1].incident_state, INCIDENT_CLOSED);
}

static void
many_sources_that_get_in_by_a_crowd_are_one_incident(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 30; n++) {
		stream_try(s, v4("192.0.2", n + 1), DAVE, numbered("pw", n), OUTCOME_FAILURE);
		stream_wait(s, NS_PER_MIN);
	}
	let_in("192.0.2.7", DAVE);
	spam(SPAMMER, DAVE, 60);
	engine_finish(s->engine);
	assert_ptr_equal(
		incident_of(DETECTOR_DISTRIBUTED, DAVE), incident_of(DETECTOR_RELAY_BURST, DAVE));
	assert_ptr_equal(
		incident_of(DETECTOR_DISTRIBUTED, DAVE), incident_of(DETECTOR_COMPROMISE, DAVE));
	assert_int_equal(incidents(), 1);
}

static void
strangers_at_one_server_are_two_incidents(void **state)
{
	(void)state;
	guess("198.51.100.1", DAVE, 0, 20, NS_PER_S);
	guess("192.0.2.1", "eve@corp.example", 0, 20, NS_PER_S);
	let_in("192.0.2.1", "eve@corp.example");
	spam("192.0.2.1", "eve@corp.example", 60);
	engine_finish(s->engine);
	assert_int_equal(incidents(), 2);
	assert_int_equal(incident_of(DETECTOR_BRUTEFORCE, "198.51.100.1")->stage, STAGE_GUESSING);
	assert_int_equal(incident_of(DETECTOR_BRUTEFORCE, "192.0.2.1")->stage, STAGE_RELAY);
}

static void
one_name_in_two_places_is_two_accounts(void **state)
{
	(void)state;
	guess("198.51.100.1", "admin", 0, 20, NS_PER_S);
	s->server = "203.0.114.25";
	guess("192.0.2.1", "admin", 0, 20, NS_PER_S);
	guess("192.0.3.1", "admin@a.example", 20, 40, NS_PER_S);
	guess("192.0.4.1", "admin@b.example", 20, 40, NS_PER_S);
	engine_finish(s->engine);
	assert_int_equal(incident_of(DETECTOR_BRUTEFORCE, "198.51.100.1")->findings, 1);
	assert_ptr_not_equal(incident_of(DETECTOR_BRUTEFORCE, "192.0.3.1"),
		incident_of(DETECTOR_BRUTEFORCE, "198.51.100.1"));
}

static void
the_same_person_with_and_without_a_domain_is_one(void **state)
{
	(void)state;
	guess(A, "CORP\\Dave", 0, 20, NS_PER_S);
	let_in(A, "CORP\\Dave");
	spam(SPAMMER, "dave", 60);
	bounce(DAVE, 60);
	engine_finish(s->engine);
	assert_int_equal(incidents(), 1);
	assert_int_equal(incident_of(DETECTOR_BOUNCE_WAVE, DAVE)->stage, STAGE_BOUNCES);
}

static void
a_sprays_accounts_tie_nothing_until_one_falls(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		stream_try(s, A, numbered("user", i), "Summer2026", OUTCOME_FAILURE);
		stream_wait(s, NS_PER_S);
	}
	guess("192.0.2.1", "user7", 0, 20, NS_PER_S);
	assert_int_equal(incidents(), 2);
	/* The spray's own success leads to who uses it. */
	let_in(A, "user3");
	spam(SPAMMER, "user3", 60);
	engine_finish(s->engine);
	assert_int_equal(incidents(), 2);
	assert_ptr_equal(
		incident_of(DETECTOR_SPRAY, A), incident_of(DETECTOR_RELAY_BURST, "user3"));
}

static void
two_incidents_that_are_one_go_on_under_the_elder(void **state)
{
	const struct incident *i;
	uint64_t younger;

	(void)state;
	guess("198.51.100.1", DAVE, 0, 20, NS_PER_S);
	for (unsigned n = 0; n < 40; n++) {
		stream_try(s, "192.0.2.1", numbered("user", n), "Summer2026", OUTCOME_FAILURE);
		stream_wait(s, NS_PER_S);
	}
	younger = incident_of(DETECTOR_SPRAY, "192.0.2.1")->id;
	assert_int_equal(incidents(), 2);
	/* The spraying source gets into the account that the other guessed at. */
	for (unsigned n = 0; n < 3; n++)
		stream_try(s, "192.0.2.1", DAVE, numbered("x", n), OUTCOME_FAILURE);
	let_in("192.0.2.1", DAVE);
	i = incident_of(DETECTOR_SPRAY, "192.0.2.1");
	assert_ptr_equal(incident_of(DETECTOR_BRUTEFORCE, "198.51.100.1"), i);
	assert_int_equal(incidents(), 1);
	assert_true(i->id < younger);
	assert_int_equal(i->merged[0], younger);
	assert_int_equal(told(younger, INCIDENT_CLOSED), 1);
	engine_finish(s->engine);
	assert_int_equal(told(i->id, INCIDENT_CLOSED), 1);
	assert_int_equal(told(younger, INCIDENT_CLOSED), 1);
	assert_int_equal(i->open_findings, 0);
}

static void
what_comes_back_within_a_day_is_the_same_incident(void **state)
{
	uint64_t first;

	(void)state;
	guess(A, DAVE, 0, 20, NS_PER_S);
	stream_wait(s, 20 * NS_PER_H);
	guess(A, "eve@corp.example", 0, 20, NS_PER_S);
	first = incident_of(DETECTOR_BRUTEFORCE, A)->id;
	assert_int_equal(incidents(), 1);
	assert_int_equal(told(first, INCIDENT_OPEN), 2);
	assert_int_equal(told(first, INCIDENT_CLOSED), 1);
	stream_wait(s, 30 * NS_PER_H);
	guess(A, DAVE, 50, 70, NS_PER_S);
	engine_finish(s->engine);
	assert_int_equal(incidents(), 2);
}

static void
an_incident_of_many_is_not_told_of_each_at_once(void **state)
{
	unsigned in_time = 0, end = 0;
	struct engine_totals totals;

	(void)state;
	/* Two hundred guessers at one account, within five minutes. */
	for (unsigned n = 0; n < 200; n++) {
		char source[32];

		snprintf(source, sizeof(source), "10.1.%u.7", n);
		guess(source, DAVE, 0, 10, 100 * NS_PER_MS);
	}
	for (unsigned i = 0; i < s->line_count; i++)
		in_time += s->tellings[i].clock_ns < 1760000000 * NS_PER_S + 5 * NS_PER_MIN;
	assert_int_equal(incidents(), 1);
	assert_in_range(in_time, 10, s->config.incident_alerts + 1);
	engine_totals(s->engine, &totals);
	assert_true(totals.alerts_held > 100);
	/* None is lost: each is told when it closes, at the latest. */
	engine_finish(s->engine);
	for (unsigned i = 0; i < s->line_count; i++)
		end += s->tellings[i].finding_state == FINDING_CLOSED;
	assert_int_equal(end, stream_findings(s));
	assert_true(end >= 200);
}

static void
begin_told_at(uint64_t *clock_ns, enum detector detector, const char *subject)
{
	const struct finding *finding = stream_find(s, detector, subject);
	char what[64];

	assert_non_null(finding);
	snprintf(what, sizeof(what), " %llu %s ", (unsigned long long)finding->id,
		detector_info(detector)->name);
	*clock_ns = 0;
	for (unsigned i = s->line_count; i-- > 0;)
		if (strstr(s->lines[i], what) != NULL)
			*clock_ns = s->tellings[i].clock_ns;
}

/* Who makes a noise with many sources does not hide what he got into meanwhile. */
static void
each_account_that_falls_is_told_at_once(void **state)
{
	uint64_t noisy_ns, first_ns, second_ns;

	(void)state;
	guess(A, DAVE, 0, 20, 100 * NS_PER_MS);
	let_in(A, DAVE);
	for (unsigned n = 0; n < 100; n++) {
		char source[32];

		snprintf(source, sizeof(source), "10.1.%u.7", n);
		guess(source, DAVE, 0, 10, 100 * NS_PER_MS);
	}
	noisy_ns = s->now_ns;
	guess(A, "eve@corp.example", 50, 60, 100 * NS_PER_MS);
	let_in(A, "eve@corp.example");
	stream_wait(s, 2 * NS_PER_H);
	engine_finish(s->engine);
	begin_told_at(&first_ns, DETECTOR_COMPROMISE, DAVE);
	begin_told_at(&second_ns, DETECTOR_COMPROMISE, "eve@corp.example");
	assert_ptr_equal(incident_of(DETECTOR_COMPROMISE, DAVE),
		incident_of(DETECTOR_COMPROMISE, "eve@corp.example"));
	assert_in_range(first_ns, 1, noisy_ns);
	assert_in_range(second_ns, noisy_ns, noisy_ns + NS_PER_MIN);
}

static void
what_is_more_than_an_incident_takes_is_another_and_stays_so(void **state)
{
	const struct incident *all[64];
	size_t n;

	(void)state;
	stream_close(s);
	s = calloc(1, sizeof(*s));
	config_defaults(&s->config);
	s->config.incident_table = 5000;
	s->config.incident_quiet = 20 * NS_PER_H;
	stream_start(s);
	/* The early ones go on all the time, and have the same ties as those that come. */
	for (unsigned i = 0; i < 4600; i++) {
		char source[32];

		snprintf(source, sizeof(source), "10.%u.%u.7", i / 250, i % 250);
		guess(source, DAVE, 0, 10, 10 * NS_PER_MS);
		snprintf(source, sizeof(source), "10.0.%u.7", i % 100);
		guess(source, DAVE, i + 100, i + 110, NS_PER_S);
	}
	n = engine_incidents(s->engine, all, 64);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++)
		assert_in_range(all[i]->findings, 500, 4096);
	assert_int_equal(all[0]->findings, 4096);
}

static void
forged_bounces_are_not_the_guessers_doing(void **state)
{
	(void)state;
	guess(A, DAVE, 0, 20, NS_PER_S);
	bounce(DAVE, 60);
	engine_finish(s->engine);
	assert_int_equal(incidents(), 2);
}

static void
two_accounts_behind_one_webmail_are_two_incidents(void **state)
{
	char advice[2048];

	(void)state;
	guess("198.51.100.1", DAVE, 0, 20, NS_PER_S);
	let_in("198.51.100.1", DAVE);
	guess("192.0.2.1", "eve@corp.example", 0, 20, NS_PER_S);
	let_in("192.0.2.1", "eve@corp.example");
	/* Both send through the webmail that stands beside the mail server. */
	spam("203.0.113.80", DAVE, 60);
	spam("203.0.113.80", "eve@corp.example", 60);
	engine_finish(s->engine);
	/* To block it would lock everybody out. */
	incident_advice(
		incident_of(DETECTOR_BRUTEFORCE, "192.0.2.1"), STAGE_RELAY, advice, sizeof(advice));
	assert_null(strstr(advice, " Block 203.0.113.80"));
	assert_non_null(strstr(advice, "Before you block 203.0.113.80, beside the servers"));
	assert_int_equal(incidents(), 2);
	assert_int_equal(incident_of(DETECTOR_BRUTEFORCE, "198.51.100.1")->stage, STAGE_RELAY);
	assert_int_equal(incident_of(DETECTOR_BRUTEFORCE, "192.0.2.1")->stage, STAGE_RELAY);
}

static void
an_owner_who_goes_on_working_is_not_to_be_blocked(void **state)
{
	char advice[2048];

	(void)state;
	guess(A, DAVE, 0, 20, NS_PER_S);
	let_in(A, DAVE);
	spam(SPAMMER, DAVE, 200);
	spam("192.0.2.1", DAVE, 2);
	spam(SPAMMER, DAVE, 200);
	engine_finish(s->engine);
	assert_true(incident_advice(incident_of(DETECTOR_RELAY_BURST, DAVE), STAGE_RELAY, advice,
			    sizeof(advice)) > 0);
	assert_non_null(strstr(advice, SPAMMER));
	assert_null(strstr(advice, "192.0.2.1"));
}

/* She logged in from home before, and more often than the thief ever tried. */
static void
an_owner_whose_password_is_stolen_is_not_to_be_blocked(void **state)
{
	const struct finding *compromise;
	char advice[2048];

	(void)state;
	for (unsigned i = 0; i < 90; i++) {
		stream_try(s, "192.0.2.1", DAVE, "the right one", OUTCOME_SUCCESS);
		stream_wait(s, NS_PER_MIN);
	}
	guess(A, DAVE, 0, 20, NS_PER_S);
	stream_try(s, "192.0.2.1", DAVE, "the right one", OUTCOME_SUCCESS);
	let_in(A, DAVE);
	stream_try(s, "192.0.2.1", DAVE, "the right one", OUTCOME_SUCCESS);
	engine_finish(s->engine);
	compromise = stream_find(s, DETECTOR_COMPROMISE, DAVE);
	assert_non_null(compromise);
	finding_advice(compromise, advice, sizeof(advice));
	assert_non_null(strstr(advice, "Block " A));
	assert_null(strstr(advice, "192.0.2.1"));
	incident_advice(
		incident_of(DETECTOR_COMPROMISE, DAVE), STAGE_SUCCESS, advice, sizeof(advice));
	assert_non_null(strstr(advice, A));
	assert_null(strstr(advice, "192.0.2.1"));
}

static void
bounces_that_are_seen_before_the_spam_join_it(void **state)
{
	(void)state;
	bounce(DAVE, 60);
	guess(A, DAVE, 0, 20, NS_PER_S);
	assert_int_equal(incidents(), 2);
	let_in(A, DAVE);
	engine_finish(s->engine);
	assert_int_equal(incidents(), 1);
}

static void
a_forgotten_printer_and_an_exposed_server_are_no_part_of_an_attack(void **state)
{
	struct event e = session(A, MX, 4);

	(void)state;
	e.session.flags |= SESSION_AUTH_OFFERED;
	feed(&e);
	for (unsigned i = 0; i < 60; i++) {
		stream_try(s, A, "printer@corp.example", "old", OUTCOME_FAILURE);
		stream_wait(s, 2 * NS_PER_MIN);
	}
	guess(A, DAVE, 0, 20, NS_PER_S);
	engine_finish(s->engine);
	assert_int_equal(incidents(), 3);
	assert_int_equal(incident_of(DETECTOR_STALE_CREDENTIAL, A)->findings, 1);
	assert_int_equal(incident_of(DETECTOR_EXPOSURE, MX)->findings, 1);
}

/* Entries used anew, incidents forgotten: lists and slots stay whole. */
static void
a_full_book_forgets_whole_incidents(void **state)
{
	const struct incident *all[64];
	size_t n, parts = 0;

	(void)state;
	stream_close(s);
	s = calloc(1, sizeof(*s));
	config_defaults(&s->config);
	s->config.incident_table = 16;
	s->salt = 0x5eed;
	stream_start(s);
	for (unsigned i = 0; i < 100; i++) {
		char source[32], account[32];

		snprintf(source, sizeof(source), "10.2.%u.7", i);
		snprintf(account, sizeof(account), "user%u", i / 3);
		guess(source, account, 0, 10, NS_PER_S);
		if (i % 4 == 3)
			let_in(source, account);
		stream_wait(s, NS_PER_H);
	}
	engine_finish(s->engine);
	n = engine_incidents(s->engine, all, 64);
	for (size_t i = 0; i < n; i++) {
		const struct finding *part[64];
		size_t k = engine_incident_findings(s->engine, all[i], part, 64);

		assert_in_range(k, 1, all[i]->findings);
		assert_int_equal(all[i]->open_findings, 0);
		parts += k;
	}
	assert_int_equal(parts, 16);
	assert_true(incidents() >= 30);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(from_scan_to_blocklist_it_is_one_incident),
		TEST(many_sources_at_one_account_are_one_incident),
		TEST(many_sources_that_get_in_by_a_crowd_are_one_incident),
		TEST(strangers_at_one_server_are_two_incidents),
		TEST(one_name_in_two_places_is_two_accounts),
		TEST(the_same_person_with_and_without_a_domain_is_one),
		TEST(a_sprays_accounts_tie_nothing_until_one_falls),
		TEST(two_incidents_that_are_one_go_on_under_the_elder),
		TEST(what_comes_back_within_a_day_is_the_same_incident),
		TEST(an_incident_of_many_is_not_told_of_each_at_once),
		TEST(each_account_that_falls_is_told_at_once),
		TEST(what_is_more_than_an_incident_takes_is_another_and_stays_so),
		TEST(forged_bounces_are_not_the_guessers_doing),
		TEST(two_accounts_behind_one_webmail_are_two_incidents),
		TEST(an_owner_who_goes_on_working_is_not_to_be_blocked),
		TEST(an_owner_whose_password_is_stolen_is_not_to_be_blocked),
		TEST(bounces_that_are_seen_before_the_spam_join_it),
		TEST(a_forgotten_printer_and_an_exposed_server_are_no_part_of_an_attack),
		TEST(a_full_book_forgets_whole_incidents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
