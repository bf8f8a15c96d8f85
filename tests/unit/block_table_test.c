/* Who is to be blocked, and how that is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "export/blocklist/render.h"
#include "export/blocklist/table.h"

#define NOW (UINT64_C(1700000000) * NS_PER_S)

struct rig {
	struct table *table;
	char *text;
};

/* A finding, as an alert tells it. */
struct told {
	unsigned finding;
	const char *subject;
	const char *type;     /* NULL: source */
	const char *detector; /* NULL: bruteforce */
	const char *state;    /* NULL: open */
	unsigned confidence;  /* 0: 90 */
	unsigned severity;    /* 0: 2 */
	unsigned successes;   /* of 100 attempts */
};

static void
add_never(struct table_rules *rules, const char *net)
{
	char why[200];

	assert_int_equal(
		prefix_parse(&rules->never[rules->never_count++], net, why, sizeof(why)), 0);
}

static int
set_up(void **state)
{
	struct rig *s = calloc(1, sizeof(*s));
	struct table_rules rules = {.confidence = 80,
		.logins = 10,
		.hold_ns = NS_PER_H,
		.forget_ns = 24 * NS_PER_H,
		.entries = 3,
		.detectors = {"bruteforce", "slow"},
		.detector_count = 2};

	add_never(&rules, "198.51.100.192/28");
	s->table = table_new(&rules);
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *s = *state;

	table_free(s->table);
	free(s->text);
	free(s);
	return 0;
}

static bool
take(struct rig *s, const struct told *t, uint64_t now_ns)
{
	json_t *alert = json_pack("{s:{s:i}, s:{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:i,"
				  " s:{s:[s]}, s:[{s:s}]}}",
		"alert", "severity", t->severity ? (int)t->severity : 2, "smtap", "finding_id",
		(int)t->finding, "subject", t->subject, "subject_type",
		t->type ? t->type : "source", "detector", t->detector ? t->detector : "bruteforce",
		"finding_state", t->state ? t->state : "open", "confidence",
		t->confidence ? (int)t->confidence : 90, "attempts", 100, "successes",
		(int)t->successes, "incident", "servers", "203.0.113.25", "top_targets", "name",
		"203.0.113.26");
	assert_non_null(alert);
	bool changed = table_take(s->table, alert, now_ns);
	json_decref(alert);
	return changed;
}

static const char *
list(struct rig *s)
{
	const struct table_entry *entries;
	size_t n = table_list(s->table, &entries), len;

	free(s->text);
	s->text = render_text(entries, n, &len);
	assert_int_equal(strlen(s->text), len);
	return s->text;
}

static void
an_attacker_is_listed_as_long_as_it_attacks_and_a_while_more(void **state)
{
	struct rig *s = *state;

	assert_true(take(s, &(struct told){1, "198.51.100.7"}, NOW));
	assert_string_equal(list(s), "198.51.100.7\n");
	take(s, &(struct told){1, "198.51.100.7", .state = "update"}, NOW + 20 * NS_PER_H);
	assert_false(table_expire(s->table, NOW + 30 * NS_PER_H));
	take(s, &(struct told){1, "198.51.100.7", .state = "closed"}, NOW + 31 * NS_PER_H);
	assert_false(table_expire(s->table, NOW + 31 * NS_PER_H + 59 * NS_PER_MIN));
	assert_string_equal(list(s), "198.51.100.7\n");
	assert_true(table_expire(s->table, NOW + 32 * NS_PER_H));
	assert_string_equal(list(s), "");
}

static void
what_is_never_closed_is_forgotten(void **state)
{
	struct rig *s = *state;

	take(s, &(struct told){1, "198.51.100.7"}, NOW);
	assert_true(table_expire(s->table, NOW + 24 * NS_PER_H));
	assert_string_equal(list(s), "");
}

static void
who_is_no_attacker_is_not_listed(void **state)
{
	static const struct told not [] = {
		{1, "198.51.100.7", .confidence = 79},
		{2, "198.51.100.7", .detector = "stale_credential"},
		{3, "198.51.100.7", .detector = "smtp_scan"}, /* not among those asked for */
		{4, "alice@example.org", .type = "account"},
		{5, "198.51.100.7", .type = "server"},
		{6, "198.51.100.7", .successes = 10}, /* honest people are there, too */
		{7, "198.51.100.7", .state = "closed"},
		{8, "not an address"},
		{0, "198.51.100.7"},
	};
	struct rig *s = *state;

	for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++)
		if (take(s, &not [i], NOW))
			fail_msg("finding %u", not [i].finding);
	assert_string_equal(list(s), "");
	/* One login of a hundred is what it guessed. */
	take(s, &(struct told){9, "198.51.100.7", .successes = 1}, NOW);
	assert_string_equal(list(s), "198.51.100.7\n");
	/* And more of them are none. */
	assert_true(take(s, &(struct told){9, "198.51.100.7", .successes = 50}, NOW));
	assert_string_equal(list(s), "");
}

static void
who_must_never_be_blocked_is_not(void **state)
{
	static const char *const never[] = {"10.1.2.3", "127.0.0.1", "192.168.1.0/24", "172.20.0.1",
		"169.254.1.1", "100.64.1.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "::1",
		"fe80::1", "fd00::1", "ff02::1", "198.51.100.200", "198.51.100.192/28",
		/* overlaps with what is within it */
		"198.51.100.0/24", "203.0.113.25", "203.0.113.26", "203.0.113.0/24",
		/* too many */
		"8.0.0.0/8", "2001::/16", "0.0.0.0/0"};
	struct rig *s = *state;

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (take(s, &(struct told){1, never[i], strchr(never[i], '/') ? "prefix" : NULL},
			    NOW))
			fail_msg("%s", never[i]);
	assert_string_equal(list(s), "");
	take(s, &(struct told){1, "198.51.100.208"}, NOW);
	assert_string_equal(list(s), "198.51.100.208\n");
}

static void
the_gravest_and_latest_have_the_room(void **state)
{
	struct rig *s = *state;

	take(s, &(struct told){1, "198.51.100.1", .severity = 2}, NOW);
	take(s, &(struct told){2, "198.51.100.2", .severity = 3}, NOW + 1);
	take(s, &(struct told){3, "198.51.100.3", .severity = 3}, NOW + 2);
	take(s, &(struct told){4, "198.51.100.4", .severity = 1}, NOW + 3);
	assert_string_equal(list(s), "198.51.100.1\n198.51.100.3\n198.51.100.4\n");
	assert_int_equal(table_evicted(s->table), 1);
	take(s, &(struct told){5, "198.51.100.5", .severity = 2}, NOW + 4);
	assert_false(take(s, &(struct told){6, "198.51.100.6", .severity = 3}, NOW + 5));
	assert_string_equal(list(s), "198.51.100.1\n198.51.100.4\n198.51.100.5\n");
}

/* The same by looking at each of them: who is told of last has the room. */
struct model {
	uint64_t told_ns[101]; /* by finding; 0: it is not listed */
	unsigned count;
};

static void
model_take(struct model *m, unsigned finding, bool open, uint64_t now_ns)
{
	unsigned least = 0;

	if (!open) {
		m->count -= m->told_ns[finding] != 0;
		m->told_ns[finding] = 0;
		return;
	}
	for (unsigned i = 1; i <= 100; i++)
		if (m->told_ns[i] && (!least || m->told_ns[i] < m->told_ns[least]))
			least = i;
	if (m->told_ns[finding] == 0 && m->count == 40)
		m->told_ns[least] = 0;
	else
		m->count += m->told_ns[finding] == 0;
	m->told_ns[finding] = now_ns;
}

static void
findings_are_found_whatever_came_and_went_before(void **state)
{
	const struct table_rules rules = {.confidence = 80,
		.logins = 10,
		.hold_ns = NS_PER_H,
		.forget_ns = UINT64_MAX / 4,
		.entries = 40,
		.detectors = {"bruteforce"},
		.detector_count = 1};
	struct rig s = {.table = table_new(&rules)};
	struct model model = {.count = 0};
	char subject[32], want[101 * 16];
	uint64_t random = 1;

	(void)state;
	for (unsigned step = 1; step <= 5000; step++) {
		random = random * UINT64_C(6364136223846793005) + 1;
		unsigned finding = (unsigned)(random >> 33) % 100 + 1;
		bool open = random >> 62 != 0;
		size_t len = 0;

		snprintf(subject, sizeof(subject), "198.51.100.%u", finding);
		/* One that is not sure enough any more goes. */
		take(&s, &(struct told){finding, subject, .confidence = open ? 90 : 10},
			NOW + step);
		model_take(&model, finding, open, NOW + step);
		want[0] = '\0';
		for (unsigned i = 1; i <= 100; i++)
			if (model.told_ns[i])
				len += (size_t)snprintf(
					want + len, sizeof(want) - len, "198.51.100.%u\n", i);
		assert_string_equal(list(&s), want);
	}
	table_free(s.table);
	free(s.text);
}

static void
each_address_is_listed_once_and_in_order(void **state)
{
	struct rig *s = *state;

	take(s, &(struct told){1, "2001:db8:1::/64", "prefix"}, NOW);
	take(s, &(struct told){2, "198.51.100.7", .detector = "slow"}, NOW);
	take(s, &(struct told){3, "198.51.100.7"}, NOW);
	assert_string_equal(list(s), "198.51.100.7\n2001:db8:1::/64\n");
	/* What lies within a prefix is blocked with it. */
	take(s, &(struct told){2, "198.51.100.0/25", "prefix"}, NOW);
	assert_string_equal(list(s), "198.51.100.0/25\n2001:db8:1::/64\n");
}

static void
nft_has_what_is_left_of_each(void **state)
{
	struct rig *s = *state;
	const struct table_entry *entries;
	size_t len;

	take(s, &(struct told){1, "2001:db8:1::/64", "prefix"}, NOW);
	take(s, &(struct told){2, "198.51.100.7"}, NOW);
	take(s, &(struct told){2, "198.51.100.7", .state = "closed"}, NOW);
	size_t n = table_list(s->table, &entries);
	char *text = render_nft(entries, n, "smtap", NOW + NS_PER_MIN, &len);
	assert_non_null(strstr(text, "flush set inet smtap smtap4\n"));
	assert_non_null(strstr(text, "smtap4 {\n\t198.51.100.7 timeout 3541s,\n}\n"));
	assert_non_null(strstr(text, "smtap6 {\n\t2001:db8:1::/64 timeout 86341s,\n}\n"));
	free(text);
}

static void
a_flow_route_is_of_the_mail_ports(void **state)
{
	const struct config_ports ports = {{25, 587}, 2};
	struct prefix p;
	char why[200];
	size_t len;

	(void)state;
	prefix_parse(&p, "198.51.100.7", why, sizeof(why));
	char *line = render_flow(&p, &ports, true, &len);
	assert_string_equal(line, "announce flow route { match { source 198.51.100.7/32; "
				  "destination-port [ =25 =587 ]; "
				  "protocol tcp; } then { discard; } }\n");
	free(line);
	prefix_parse(&p, "2001:db8::/64", why, sizeof(why));
	line = render_flow(&p, &ports, false, &len);
	assert_non_null(strstr(line, "withdraw flow route { match { source 2001:db8::/64;"));
	free(line);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(an_attacker_is_listed_as_long_as_it_attacks_and_a_while_more),
		T(what_is_never_closed_is_forgotten),
		T(who_is_no_attacker_is_not_listed),
		T(who_must_never_be_blocked_is_not),
		T(the_gravest_and_latest_have_the_room),
		cmocka_unit_test(findings_are_found_whatever_came_and_went_before),
		T(each_address_is_listed_once_and_in_order),
		T(nft_has_what_is_left_of_each),
		T(a_flow_route_is_of_the_mail_ports),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
