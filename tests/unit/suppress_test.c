/* Which rule hides a finding, and which keeps an event from a detector. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "control/detect/detect.h"
#include "control/suppress/suppress.h"

#define NOW_NS (1790000000ull * NS_PER_S) /* 2026-09-21T14:13:20Z */
#define BIT(name) (1ull << DETECTOR_##name)
#define EVERY UINT64_MAX

static struct config config;

static struct suppress *
rules(const char *yaml)
{
	struct config_source source = {"f", yaml, strlen(yaml)};
	char why[300] = "";
	struct suppress *s;

	config_defaults(&config);
	if (config_parse(&config, &source, why, sizeof(why)))
		fail_msg("%s", why);
	s = suppress_open(&config);
	assert_non_null(s);
	return s;
}

static void
done(struct suppress *s)
{
	suppress_close(s);
	config_free(&config);
}

static struct addr
addr(const char *text)
{
	struct prefix p;
	char why[200];

	assert_int_equal(prefix_parse_addr(&p, text, why, sizeof(why)), 0);
	return p.addr;
}

/* An attempt to log in. */
static struct event
attempt(const char *client, const char *account, const char *server)
{
	struct event e = {
		.head = {.type = EVENT_AUTH, .version = EVENT_VERSION, .time_ns = NOW_NS}};

	e.head.flow.client = addr(client);
	e.head.flow.server = addr(server);
	if (account) {
		e.auth.flags = AUTH_USERNAME_KNOWN;
		e.auth.username_len = (uint8_t)strlen(account);
		memcpy(e.text, account, strlen(account));
	}
	return e;
}

static uint64_t
allowed(struct suppress *s, const char *client, const char *account, const char *server)
{
	struct event e = attempt(client, account, server);

	return suppress_allowed(s, &e);
}

/* A finding of one source, one account and one server. */
static struct finding
found(enum detector detector, enum subject_type type, const char *subject)
{
	struct finding f = {.detector = detector,
		.subject_type = type,
		.last_seen_ns = NOW_NS,
		.accounts = 1,
		.sources = 1,
		.targets = 1};

	strcpy(f.subject, subject);
	strcpy(f.top_sources[0].name, "198.51.100.9");
	strcpy(f.top_accounts[0].name, "Dave");
	strcpy(f.top_targets[0].name, "203.0.113.25");
	return f;
}

static struct finding
of_source(enum detector detector)
{
	return found(detector, SUBJECT_SOURCE, "198.51.100.9");
}

static unsigned
hidden_by(const char *yaml, const struct finding *f)
{
	struct suppress *s = rules(yaml);
	unsigned rule = suppress_finding(s, f);

	done(s);
	return rule;
}

static void
without_rules_nothing_is_hidden_or_allowed(void **state)
{
	struct suppress *s = rules("");
	struct finding f = of_source(DETECTOR_BRUTEFORCE);

	(void)state;
	assert_int_equal(suppress_finding(s, &f), 0);
	assert_int_equal(allowed(s, "198.51.100.9", "dave", "203.0.113.25"), 0);
	assert_false(suppress_has(s, CONFIG_SUPPRESS));
	assert_false(suppress_has(s, CONFIG_ALLOW));
	done(s);
}

static void
a_source_rule_hides_what_it_does(void **state)
{
	const char *yaml = "suppress: [{source: 198.51.100.9, until: never, reason: r}]";
	struct finding f = of_source(DETECTOR_BRUTEFORCE);
	struct finding other = found(DETECTOR_SPRAY, SUBJECT_SOURCE, "198.51.100.8");

	(void)state;
	strcpy(other.top_sources[0].name, "198.51.100.8");
	assert_int_equal(hidden_by(yaml, &f), 1);
	assert_int_equal(hidden_by(yaml, &other), 0);
}

static void
a_prefix_rule_hides_its_addresses_and_the_prefixes_in_it(void **state)
{
	const char *yaml = "suppress: [{prefix: 198.51.0.0/16, until: never, reason: r}]";
	const char *narrow = "suppress: [{prefix: 198.51.100.0/25, until: never, reason: r}]";
	struct finding source = of_source(DETECTOR_BRUTEFORCE);
	struct finding prefix = found(DETECTOR_BRUTEFORCE, SUBJECT_PREFIX, "198.51.100.0/24");

	(void)state;
	prefix.sources = 40;
	assert_int_equal(hidden_by(yaml, &source), 1);
	assert_int_equal(hidden_by(yaml, &prefix), 1);
	assert_int_equal(hidden_by(narrow, &source), 1);
	assert_int_equal(hidden_by(narrow, &prefix), 0);
}

static void
a_range_rule_hides_an_account_that_only_its_addresses_attack(void **state)
{
	const char *yaml = "suppress: [{prefix: 198.51.100.0/24, until: never, reason: r}]";
	struct finding f = found(DETECTOR_DISTRIBUTED, SUBJECT_ACCOUNT, "dave");

	(void)state;
	f.sources = 2;
	strcpy(f.top_sources[1].name, "198.51.100.77");
	assert_int_equal(hidden_by(yaml, &f), 1);
	strcpy(f.top_sources[1].name, "192.0.2.77");
	assert_int_equal(hidden_by(yaml, &f), 0);
}

static void
sources_that_are_not_named_are_not_taken_for_covered(void **state)
{
	const char *yaml = "suppress: [{prefix: 198.51.100.0/24, until: never, reason: r}]";
	struct finding f = found(DETECTOR_DISTRIBUTED, SUBJECT_ACCOUNT, "dave");

	(void)state;
	for (unsigned i = 0; i < FINDING_TOP; i++)
		sprintf(f.top_sources[i].name, "198.51.100.%u", i);
	f.sources = FINDING_TOP;
	assert_int_equal(hidden_by(yaml, &f), 1);
	f.sources = FINDING_TOP + 1;
	assert_int_equal(hidden_by(yaml, &f), 0);
}

static void
an_account_rule_hides_what_is_about_that_account_alone(void **state)
{
	const char *yaml = "suppress: [{account: DAVE, until: never, reason: r}]";
	struct finding account = found(DETECTOR_DISTRIBUTED, SUBJECT_ACCOUNT, "dAve");
	struct finding source = of_source(DETECTOR_BRUTEFORCE);

	(void)state;
	assert_int_equal(hidden_by(yaml, &account), 1);
	assert_int_equal(hidden_by(yaml, &source), 1);
	source.accounts = 2;
	assert_int_equal(hidden_by(yaml, &source), 0);
	strcpy(account.subject, "eve");
	assert_int_equal(hidden_by(yaml, &account), 0);
	source = of_source(DETECTOR_SMTP_SCAN);
	source.accounts = 0;
	source.top_accounts[0].name[0] = '\0';
	assert_int_equal(hidden_by(yaml, &source), 0);
}

static void
an_account_whose_name_is_an_address_is_no_source(void **state)
{
	const char *yaml = "suppress: [{source: 192.0.2.1, until: never, reason: r}]";
	struct finding f = found(DETECTOR_DISTRIBUTED, SUBJECT_ACCOUNT, "192.0.2.1");

	(void)state;
	assert_int_equal(hidden_by(yaml, &f), 0);
}

static void
a_server_rule_hides_what_is_on_that_server_alone(void **state)
{
	const char *yaml = "suppress: [{server: 203.0.113.0/28, until: never, reason: r},"
			   " {server: 203.0.113.25, until: never, reason: r}]";
	struct finding server = found(DETECTOR_EXPOSURE, SUBJECT_SERVER, "203.0.113.25");
	struct finding source = of_source(DETECTOR_BRUTEFORCE);

	(void)state;
	server.targets = 0;
	server.top_targets[0].name[0] = '\0';
	assert_int_equal(hidden_by(yaml, &server), 2);
	assert_int_equal(hidden_by(yaml, &source), 2);
	source.targets = 2;
	strcpy(source.top_targets[1].name, "203.0.113.26");
	assert_int_equal(hidden_by(yaml, &source), 0);
	/* A server is not a source. */
	yaml = "suppress: [{source: 203.0.113.25, until: never, reason: r}]";
	assert_int_equal(hidden_by(yaml, &server), 0);
}

static void
all_that_a_rule_gives_must_hold(void **state)
{
	const char *yaml = "suppress:\n"
			   "- source: 198.51.100.9\n"
			   "  account: dave\n"
			   "  server: 203.0.113.25\n"
			   "  detector: [spray, bruteforce]\n"
			   "  until: 2026-09-21\n"
			   "  reason: r\n";
	struct finding f = of_source(DETECTOR_BRUTEFORCE), g;

	(void)state;
	assert_int_equal(hidden_by(yaml, &f), 1);
	g = f;
	g.detector = DETECTOR_COMPROMISE;
	assert_int_equal(hidden_by(yaml, &g), 0);
	g = f;
	strcpy(g.top_accounts[0].name, "eve");
	assert_int_equal(hidden_by(yaml, &g), 0);
	g = f;
	strcpy(g.top_targets[0].name, "203.0.113.26");
	assert_int_equal(hidden_by(yaml, &g), 0);
	g = f;
	g.last_seen_ns = NOW_NS + 10 * NS_PER_H;
	assert_int_equal(hidden_by(yaml, &g), 0);
}

static void
a_rule_ends_at_its_end(void **state)
{
	const char *yaml = "suppress: [{detector: bruteforce, until: '2026-09-21T14:13:20Z',"
			   " reason: r}]";
	struct finding f = of_source(DETECTOR_BRUTEFORCE);

	(void)state;
	assert_int_equal(hidden_by(yaml, &f), 0);
	f.last_seen_ns--;
	assert_int_equal(hidden_by(yaml, &f), 1);
}

static void
the_first_rule_that_holds_hides_and_is_counted(void **state)
{
	struct suppress *s = rules("suppress:\n"
				   "- {detector: spray, until: never, reason: one}\n"
				   "- {source: 198.51.100.9, until: never, reason: two}\n"
				   "- {detector: bruteforce, until: never, reason: three}\n");
	struct finding f = of_source(DETECTOR_BRUTEFORCE);

	(void)state;
	assert_int_equal(suppress_finding(s, &f), 2);
	suppress_kept_back(s, 2, true);
	suppress_kept_back(s, 2, false);
	suppress_kept_back(s, 3, false);
	assert_int_equal(suppress_count(s, CONFIG_SUPPRESS, 1).findings, 1);
	assert_int_equal(suppress_count(s, CONFIG_SUPPRESS, 1).sightings, 2);
	assert_int_equal(suppress_count(s, CONFIG_SUPPRESS, 2).findings, 0);
	assert_int_equal(suppress_total(s).findings, 1);
	assert_int_equal(suppress_total(s).sightings, 3);
	assert_int_equal(suppress_rules(s, CONFIG_SUPPRESS), 3);
	assert_string_equal(suppress_rule(s, CONFIG_SUPPRESS, 1)->reason, "two");
	assert_int_equal(suppress_rule(s, CONFIG_SUPPRESS, 1)->line, 3);
	done(s);
}

static void
an_event_is_kept_from_the_detectors_that_rules_name(void **state)
{
	struct suppress *s =
		rules("allow:\n"
		      "- {source: 198.51.100.9, detector: smtp_scan, reason: r}\n"
		      "- {prefix: 198.51.100.0/24, detector: slow, reason: r}\n"
		      "- {prefix: 2001:db8::/32, reason: r}\n"
		      "- {account: News@Example.org, detector: relay_burst, reason: r}\n"
		      "- {server: 203.0.113.99, detector: exposure, reason: r}\n");

	(void)state;
	assert_int_equal(
		allowed(s, "198.51.100.9", NULL, "203.0.113.25"), BIT(SMTP_SCAN) | BIT(SLOW));
	assert_int_equal(allowed(s, "198.51.100.8", "dave", "203.0.113.25"), BIT(SLOW));
	assert_int_equal(allowed(s, "192.0.2.1", "dave", "203.0.113.25"), 0);
	assert_int_equal(allowed(s, "2001:db8::7", NULL, "203.0.113.25"), EVERY);
	assert_int_equal(
		allowed(s, "192.0.2.1", "NEWS@example.ORG", "203.0.113.25"), BIT(RELAY_BURST));
	assert_int_equal(allowed(s, "192.0.2.1", "news@example.or", "203.0.113.25"), 0);
	assert_int_equal(allowed(s, "192.0.2.1", NULL, "203.0.113.99"), BIT(EXPOSURE));
	assert_int_equal(suppress_total(s).events, 5);
	assert_int_equal(suppress_count(s, CONFIG_ALLOW, 0).events, 1);
	assert_int_equal(suppress_count(s, CONFIG_ALLOW, 1).events, 2);
	done(s);
}

static void
whom_mail_was_sent_as_is_its_account(void **state)
{
	struct suppress *s = rules("allow: [{account: news, reason: r}]");
	struct event e = attempt("192.0.2.1", NULL, "203.0.113.25");

	(void)state;
	e.head.type = EVENT_MAIL;
	memset(&e.mail, 0, sizeof(e.mail));
	memcpy(e.text, "helofromnews", 12);
	e.mail.helo_len = e.mail.from_len = e.mail.authenticated_len = 4;
	assert_int_equal(suppress_allowed(s, &e), EVERY);
	e.mail.authenticated_len = 3;
	assert_int_equal(suppress_allowed(s, &e), 0);
	e.head.type = EVENT_RCPT;
	memset(&e.rcpt, 0, sizeof(e.rcpt));
	e.rcpt.rcpt_len = e.rcpt.from_len = e.rcpt.authenticated_len = 4;
	assert_int_equal(suppress_allowed(s, &e), EVERY);
	e.head.type = EVENT_SESSION;
	assert_int_equal(suppress_allowed(s, &e), 0);
	done(s);
}

static void
a_pattern_is_kept_back_by_rules_that_have_to_do_with_it(void **state)
{
	struct event e = attempt("198.51.100.9", NULL, "203.0.113.25");
	static const struct {
		const char *rule;
		bool held;
	} cases[] = {{"source: 198.51.100.9", true}, {"detector: signature", true},
		{"source: 198.51.100.9, detector: [slow, signature]", true},
		{"source: 198.51.100.9, detector: slow", false}, {"source: 198.51.100.8", false},
		{"source: 198.51.100.9, account: dave", false}, {"server: 203.0.113.25", true},
		{"server: 203.0.113.26", false}};

	(void)state;
	e.head.type = EVENT_SIGNATURE;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned list = 0; list < CONFIG_RULE_LISTS; list++) {
			char yaml[200];

			snprintf(yaml, sizeof(yaml), "%s: [{%s, until: 2026-09-21, reason: r}]",
				config_rule_list_name(list), cases[i].rule);
			struct suppress *s = rules(yaml);
			e.head.time_ns = NOW_NS;
			assert_int_equal(suppress_signature(s, &e), cases[i].held);
			e.head.time_ns = NOW_NS + 10 * NS_PER_H;
			assert_false(suppress_signature(s, &e));
			assert_int_equal(suppress_total(s).sightings,
				cases[i].held && list == CONFIG_SUPPRESS);
			assert_int_equal(suppress_total(s).findings, 0);
			done(s);
		}
	}
}

static void
signature_is_named_behind_all_detectors(void **state)
{
	(void)state;
	assert_string_equal(config_detector_name(DETECTOR_COUNT), "signature");
	assert_null(config_detector_name(DETECTOR_COUNT + 1));
}

static void
all_that_an_allowing_rule_gives_must_hold(void **state)
{
	struct suppress *s = rules("allow:\n"
				   "- prefix: 198.51.100.0/24\n"
				   "  account: dave\n"
				   "  server: 203.0.113.25\n"
				   "  until: 2026-09-21\n"
				   "  reason: r\n");
	struct event late = attempt("198.51.100.9", "dave", "203.0.113.25");

	(void)state;
	assert_int_equal(allowed(s, "198.51.100.9", "dave", "203.0.113.25"), EVERY);
	assert_int_equal(allowed(s, "198.51.101.9", "dave", "203.0.113.25"), 0);
	assert_int_equal(allowed(s, "198.51.100.9", "eve", "203.0.113.25"), 0);
	assert_int_equal(allowed(s, "198.51.100.9", NULL, "203.0.113.25"), 0);
	assert_int_equal(allowed(s, "198.51.100.9", "dave", "203.0.113.26"), 0);
	late.head.time_ns += 10 * NS_PER_H;
	assert_int_equal(suppress_allowed(s, &late), 0);
	done(s);
}

static void
a_rule_of_detectors_alone_holds_for_each_event(void **state)
{
	struct suppress *s = rules("allow: [{detector: [exposure, slow], reason: r}]");

	(void)state;
	assert_int_equal(allowed(s, "192.0.2.1", NULL, "203.0.113.25"), BIT(EXPOSURE) | BIT(SLOW));
	done(s);
}

static void
ranges_of_all_of_a_family_hold_for_that_family(void **state)
{
	struct suppress *s = rules("allow:\n"
				   "- {prefix: '::/0', detector: slow, reason: r}\n"
				   "- {prefix: 0.0.0.0/0, detector: spray, reason: r}\n"
				   "- {prefix: '2001:db8::/32', detector: exposure, reason: r}\n"
				   "- {prefix: '::/96', detector: stuffing, reason: r}\n");

	(void)state;
	assert_int_equal(allowed(s, "192.0.2.1", NULL, "203.0.113.25"), BIT(SPRAY));
	assert_int_equal(
		allowed(s, "2001:db8::1", NULL, "203.0.113.25"), BIT(SLOW) | BIT(EXPOSURE));
	assert_int_equal(allowed(s, "2001:db9::1", NULL, "203.0.113.25"), BIT(SLOW));
	assert_int_equal(allowed(s, "::1", NULL, "203.0.113.25"), BIT(SLOW) | BIT(STUFFING));
	done(s);
}

/* Ranges of all lengths, with repetitions, against a look at each rule. */
static void
the_index_of_ranges_finds_what_a_look_at_each_rule_finds(void **state)
{
	char *yaml = calloc(1, 200000);
	unsigned seed = 7, hits = 0;
	size_t len;

	(void)state;
	assert_non_null(yaml);
	len = (size_t)sprintf(yaml, "allow:\n");
	for (unsigned i = 0; i < CONFIG_RULES_MAX; i++) {
		char text[PREFIX_TEXT_MAX];
		struct prefix p = {.addr = addr("192.0.2.1")};

		seed = seed * 1103515245 + 12345;
		p.addr.bytes[14] = (uint8_t)(seed >> 24);
		p.addr.bytes[15] = (uint8_t)(seed >> 16);
		p.bits = (uint8_t)(112 + (seed >> 8) % 17);
		p.addr = prefix_mask(&p.addr, p.bits);
		prefix_format(&p, text);
		len += (size_t)sprintf(yaml + len, "- {%s: %s, detector: %s, reason: r}\n",
			i % 2 ? "prefix" : "server", text, config_detector_name(i % 16));
	}
	struct suppress *s = rules(yaml);
	for (unsigned i = 0; i < 5000; i++) {
		char client[20], server[20];
		uint64_t want = 0;

		seed = seed * 1103515245 + 12345;
		sprintf(client, "192.0.%u.%u", seed >> 24, seed >> 16 & 255);
		seed = seed * 1103515245 + 12345;
		sprintf(server, "192.0.%u.%u", seed >> 24, seed >> 16 & 255);
		struct addr c = addr(client), v = addr(server);
		for (unsigned k = 0; k < CONFIG_RULES_MAX; k++) {
			const struct config_rule *r = suppress_rule(s, CONFIG_ALLOW, k);

			if (prefix_contains(
				    r->by_client ? &r->client : &r->server, r->by_client ? &c : &v))
				want |= r->detectors;
		}
		hits += want != 0;
		assert_int_equal(allowed(s, client, NULL, server), want);
	}
	assert_true(hits > 100);
	done(s);
	free(yaml);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rules_nothing_is_hidden_or_allowed),
		cmocka_unit_test(a_source_rule_hides_what_it_does),
		cmocka_unit_test(a_prefix_rule_hides_its_addresses_and_the_prefixes_in_it),
		cmocka_unit_test(a_range_rule_hides_an_account_that_only_its_addresses_attack),
		cmocka_unit_test(sources_that_are_not_named_are_not_taken_for_covered),
		cmocka_unit_test(an_account_rule_hides_what_is_about_that_account_alone),
		cmocka_unit_test(an_account_whose_name_is_an_address_is_no_source),
		cmocka_unit_test(a_server_rule_hides_what_is_on_that_server_alone),
		cmocka_unit_test(all_that_a_rule_gives_must_hold),
		cmocka_unit_test(a_rule_ends_at_its_end),
		cmocka_unit_test(the_first_rule_that_holds_hides_and_is_counted),
		cmocka_unit_test(an_event_is_kept_from_the_detectors_that_rules_name),
		cmocka_unit_test(whom_mail_was_sent_as_is_its_account),
		cmocka_unit_test(a_pattern_is_kept_back_by_rules_that_have_to_do_with_it),
		cmocka_unit_test(signature_is_named_behind_all_detectors),
		cmocka_unit_test(all_that_an_allowing_rule_gives_must_hold),
		cmocka_unit_test(a_rule_of_detectors_alone_holds_for_each_event),
		cmocka_unit_test(ranges_of_all_of_a_family_hold_for_that_family),
		cmocka_unit_test(the_index_of_ranges_finds_what_a_look_at_each_rule_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
