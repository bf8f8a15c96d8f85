/* Reading again what runs: settings, rules, patterns, and what both processes say of the latter. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/duration.h"
#include "base/image.h"
#include "config/reload.h"
#include "config/setting.h"
#include "contract/swap.h"
#include "control/suppress/suppress.h"
#include "patterns/pattern.h"

static struct config running, started, fresh;

static void
read_config(struct config *config, const char *yaml)
{
	struct config_source source = {"f", yaml, strlen(yaml)};
	char why[300] = "";

	config_defaults(config);
	if (config_parse(config, &source, why, sizeof(why)) != 0)
		fail_msg("%s", why);
}

/* What a run that began with one makes of another. */
static struct config_reload
reloaded(const char *from, const char *to)
{
	struct config_reload out;

	read_config(&running, from);
	started = running;
	read_config(&fresh, to);
	config_take(&running, &started, &fresh, &out);
	config_free(&fresh);
	return out;
}

static void
what_counts_each_time_is_taken_at_once(void **state)
{
	struct config_reload out = reloaded("incident: {quiet: 10m}",
		"incident: {quiet: 20m}\nbruteforce: {passwords: 9}\nstats: {loss_percent: 7}\n"
		"site: {local_nets: [192.0.2.0/24]}\npatterns: {directory: /p}\n"
		"enrich: {country_db: /c, asn_db: /a}\n");

	(void)state;
	assert_int_equal(out.taken, 7);
	assert_int_equal(out.waits, 0);
	assert_string_equal(out.names, "");
	assert_int_equal(running.incident_quiet, 20 * NS_PER_MIN);
	assert_int_equal(running.bf_passwords, 9);
	assert_int_equal(running.loss_percent, 7);
	assert_int_equal(running.local_nets.count, 1);
	assert_string_equal(running.pattern_dir, "/p");
	assert_string_equal(running.asn_db, "/a");
	config_free(&running);
}

static void
what_is_left_out_becomes_the_default_again(void **state)
{
	struct config_reload out = reloaded("incident: {quiet: 10m}", "");

	(void)state;
	assert_int_equal(out.taken, 1);
	assert_int_equal(running.incident_quiet, 30 * NS_PER_MIN);
	config_free(&running);
}

static void
what_needs_a_restart_is_named_and_stays(void **state)
{
	struct config_reload out = reloaded("",
		"dataplane: {workers: 3, interfaces: [eth9]}\nmail: {ports: [25, 587]}\n"
		"incident: {table: 64}\naggregate: {sources: 64, episode_gap: 1h}\n"
		"store: {file: /x.db}\n");

	(void)state;
	assert_int_equal(out.taken, 1);
	assert_int_equal(out.waits, 6);
	assert_string_equal(out.names, "dataplane.workers, aggregate.sources, incident.table, "
				       "mail.ports, store.file, dataplane.interfaces");
	assert_int_equal(running.workers, 1);
	assert_int_equal(running.incident_table, 4096);
	assert_int_equal(running.ports.count, 1);
	assert_int_equal(running.aggr_episode_gap, NS_PER_H);
	assert_string_equal(running.store_file, "");
	config_free(&running);
}

static void
an_option_of_the_command_line_is_no_difference(void **state)
{
	struct config_reload out;
	char why[200];

	(void)state;
	read_config(&started, "mail: {ports: [25]}");
	running = started;
	assert_int_equal(config_parse_ports(&running.ports, "2525", why, sizeof(why)), 0);
	read_config(&fresh, "mail: {ports: [25]}");
	config_take(&running, &started, &fresh, &out);
	assert_int_equal(out.waits, 0);
	assert_int_equal(running.ports.port[0], 2525);
}

static void
more_names_than_there_is_room_for_end_in_dots(void **state)
{
	struct config_reload out;

	(void)state;
	config_defaults(&started);
	running = started;
	fresh = started;
	for (size_t i = 0; i < config_setting_count; i++) {
		const struct setting *s = &config_settings[i];

		if (s->type == SETTING_COUNT)
			*(uint64_t *)((char *)&fresh + s->offset) += 1;
		else if (s->type == SETTING_TEXT)
			strcpy((char *)&fresh + s->offset, "other");
		else if (s->type == SETTING_LIST)
			assert_int_equal(
				config_list_add((void *)((char *)&fresh + s->offset), "x"), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		config_take(&running, &started, &fresh, &out);
	assert_true(out.waits > 10);
	assert_true(strlen(out.names) < sizeof(out.names));
}

static void
rules_are_taken_as_a_whole(void **state)
{
	struct config_reload out =
		reloaded("suppress: [{source: 192.0.2.1, until: never, reason: a}]",
			"allow: [{source: 192.0.2.2, reason: b}]");

	(void)state;
	assert_int_equal(out.taken, 2);
	assert_int_equal(running.rules[CONFIG_SUPPRESS].count, 0);
	assert_int_equal(running.rules[CONFIG_ALLOW].count, 1);
	config_free(&running);
}

#define RULE(source, reason) "{source: " source ", until: never, reason: " reason "}"

static void
set_rules(struct suppress *s, const char *yaml)
{
	read_config(&running, yaml);
	assert_int_equal(suppress_set_rules(s, &running), 0);
	config_free(&running);
}

static struct suppress *
open_rules(const char *yaml)
{
	read_config(&running, yaml);
	struct suppress *s = suppress_open(&running);
	config_free(&running);
	assert_non_null(s);
	return s;
}

static unsigned
hidden_by(const struct suppress *s, const char *source)
{
	struct finding f = {.subject_type = SUBJECT_SOURCE, .last_seen_ns = 1};

	strcpy(f.subject, source);
	return suppress_finding(s, &f);
}

static void
a_rule_that_stays_keeps_its_number_and_its_counts(void **state)
{
	struct suppress *s = open_rules(
		"suppress: [" RULE("192.0.2.1", "one") ", " RULE("192.0.2.2", "two") "]");

	(void)state;
	suppress_kept_back(s, 1, true);
	suppress_kept_back(s, 2, true);
	set_rules(s, "suppress:\n\n- " RULE("192.0.2.3", "three") "\n- " RULE("192.0.2.2", "two"));
	assert_int_equal(hidden_by(s, "192.0.2.1"), 0);
	assert_int_equal(hidden_by(s, "192.0.2.2"), 2);
	assert_int_equal(hidden_by(s, "192.0.2.3"), 3);
	assert_int_equal(suppress_count(s, CONFIG_SUPPRESS, 1).findings, 1);
	assert_int_equal(suppress_rule(s, CONFIG_SUPPRESS, 1)->line, 4);
	/* What the first did is still told. */
	assert_int_equal(suppress_rules(s, CONFIG_SUPPRESS), 3);
	assert_int_equal(suppress_count(s, CONFIG_SUPPRESS, 0).findings, 1);
	assert_string_equal(suppress_rule(s, CONFIG_SUPPRESS, 0)->reason, "one");
	suppress_close(s);
}

static void
rules_that_did_nothing_leave_no_trace(void **state)
{
	struct suppress *s = open_rules("");
	char yaml[128];

	(void)state;
	for (unsigned i = 0; i < 70000; i += 700) {
		snprintf(yaml, sizeof(yaml), "suppress: [" RULE("192.0.2.1", "number%u") "]", i);
		set_rules(s, yaml);
	}
	assert_int_equal(suppress_rules(s, CONFIG_SUPPRESS), 2);
	suppress_close(s);
}

static void
an_operators_rules_come_and_go_beside_those_of_the_file(void **state)
{
	struct suppress *s = open_rules("suppress: [" RULE("192.0.2.1", "file") "]");
	struct suppress_own own[2] = {{.id = 7}, {.id = 8, .incident = 3}};
	char why[100];

	(void)state;
	own[0].rule = (struct config_rule){.until_ns = CONFIG_RULE_NEVER, .by_client = true};
	own[1].rule = (struct config_rule){.until_ns = 100};
	assert_int_equal(prefix_parse_addr(&own[0].rule.client, "192.0.2.9", why, sizeof(why)), 0);
	assert_int_equal(suppress_set_own(s, own, 2), 0);
	assert_int_equal(hidden_by(s, "192.0.2.9"), 2);
	assert_int_equal(suppress_rule_id(s, CONFIG_SUPPRESS, 1), 7);
	assert_int_equal(suppress_rule_id(s, CONFIG_SUPPRESS, 0), 0);
	/* A rule about an incident holds for nothing else, and ends when it says. */
	assert_int_equal(hidden_by(s, "192.0.2.77"), 0);
	assert_int_equal(suppress_incident(s, 3, 99), 3);
	assert_int_equal(suppress_incident(s, 3, 100), 0);
	assert_int_equal(suppress_incident(s, 4, 99), 0);
	assert_int_equal(suppress_incident(s, 0, 99), 0);
	set_rules(s, "");
	assert_int_equal(hidden_by(s, "192.0.2.1"), 0);
	assert_int_equal(hidden_by(s, "192.0.2.9"), 2);
	assert_int_equal(suppress_set_own(s, own + 1, 1), 0);
	assert_int_equal(hidden_by(s, "192.0.2.9"), 0);
	assert_int_equal(suppress_incident(s, 3, 99), 3);
	suppress_close(s);
}

static void
a_rule_knows_what_it_came_after(void **state)
{
	struct suppress *s = open_rules("suppress: [" RULE("192.0.2.1", "a") "]");
	unsigned epoch = suppress_epoch(s);

	(void)state;
	assert_false(suppress_came_after(s, 1, epoch));
	set_rules(s, "suppress: [" RULE("192.0.2.1", "a") ", " RULE("192.0.2.2", "b") "]");
	assert_false(suppress_came_after(s, 1, epoch));
	assert_true(suppress_came_after(s, 2, epoch));
	assert_false(suppress_came_after(s, 2, suppress_epoch(s)));
	suppress_close(s);
}

/* What the rules of one run did, in the next: with those rules. */
static void
hand_over(struct suppress *from, struct suppress *to)
{
	static uint8_t block[IMAGE_BLOCK_BYTES];
	static uint8_t data[1 << 20];
	struct image image;
	int fd = memfd_create("image", MFD_CLOEXEC);

	image_save(&image, fd, block);
	suppress_image(from, &image);
	assert_int_equal(image_end(&image), 0);
	ssize_t n = pread(fd, data, sizeof(data), 0);
	close(fd);
	assert_true(n > 0 && (size_t)n < sizeof(data));
	image_load(&image, data, (size_t)n);
	suppress_image(to, &image);
	assert_false(image.bad);
}

static void
counts_of_rules_go_over_to_the_next_run_whatever_its_order(void **state)
{
	struct suppress *from = open_rules(
		"suppress: [" RULE("192.0.2.1", "one") ", " RULE("192.0.2.2", "two") "]");
	struct suppress *to = open_rules(
		"suppress: [" RULE("192.0.2.3", "three") ", " RULE("192.0.2.2", "two") "]");
	struct suppress_own own = {.id = 7, .incident = 3, .rule = {.until_ns = 100}};

	(void)state;
	suppress_kept_back(from, 1, true);
	suppress_kept_back(from, 2, true);
	unsigned told = suppress_epoch(from);
	assert_int_equal(suppress_set_own(from, &own, 1), 0);
	suppress_kept_back(from, 3, false);
	hand_over(from, to);
	assert_int_equal(suppress_renumbered(to, 2), 2);
	assert_int_equal(suppress_count(to, CONFIG_SUPPRESS, 1).findings, 1);
	/* The first was taken back; what it did is known. */
	unsigned gone = suppress_renumbered(to, 1);
	assert_string_equal(suppress_rule(to, CONFIG_SUPPRESS, gone - 1)->reason, "one");
	assert_int_equal(hidden_by(to, "192.0.2.1"), 0);
	assert_int_equal(suppress_count(to, CONFIG_SUPPRESS, gone - 1).findings, 1);
	/* The operator's comes back, and is as old as it was: younger than what was told then. */
	assert_int_equal(suppress_incident(to, 3, 1), 0);
	assert_int_equal(suppress_set_own(to, &own, 1), 0);
	unsigned back = suppress_incident(to, 3, 1);
	assert_int_equal(back, suppress_renumbered(to, 3));
	assert_int_equal(suppress_count(to, CONFIG_SUPPRESS, back - 1).sightings, 1);
	assert_true(suppress_came_after(to, back, told));
	assert_false(suppress_came_after(to, back, told + 1));
	assert_false(suppress_came_after(to, 2, told));
	/* One that is new in the file came after all of it. */
	assert_true(suppress_came_after(to, 1, told + 1));
	assert_int_equal(suppress_total(to).sightings, 3);
	assert_int_equal(suppress_renumbered(to, 0), 0);
	assert_int_equal(suppress_renumbered(to, 99), 0);
	suppress_close(from);
	suppress_close(to);
}

/* Told of something while its rule was taken back, and then killed. */
static void
a_rule_that_is_back_in_the_next_run_came_after_the_one_before(void **state)
{
	struct suppress *from = open_rules("suppress: [" RULE("192.0.2.1", "one") "]");
	struct suppress *to = open_rules("suppress: [" RULE("192.0.2.1", "one") "]");

	(void)state;
	suppress_kept_back(from, 1, true);
	set_rules(from, "");
	unsigned told = suppress_epoch(from);
	hand_over(from, to);
	assert_int_equal(suppress_renumbered(to, 1), 1);
	assert_true(suppress_came_after(to, 1, told));
	suppress_close(from);
	suppress_close(to);
}

static void
rules_have_another_sum_when_one_comes_goes_or_changes_places(void **state)
{
	struct suppress *s =
		open_rules("suppress: [" RULE("192.0.2.1", "a") ", " RULE("192.0.2.2", "b") "]");
	const struct suppress_own own = {.id = 7, .incident = 3, .rule = {.until_ns = 100}};
	uint64_t both = suppress_sum(s);

	(void)state;
	set_rules(s, "suppress: [" RULE("192.0.2.1", "a") "]");
	assert_int_not_equal(suppress_sum(s), both);
	set_rules(s, "suppress: [" RULE("192.0.2.2", "b") ", " RULE("192.0.2.1", "a") "]");
	assert_int_not_equal(suppress_sum(s), both);
	/* Where they stand in the file, and what came and went, says nothing. */
	set_rules(s, "\n\nsuppress: [" RULE("192.0.2.1", "a") ", " RULE("192.0.2.2", "b") "]");
	assert_int_equal(suppress_sum(s), both);
	assert_int_equal(suppress_set_own(s, &own, 1), 0);
	assert_int_not_equal(suppress_sum(s), both);
	assert_int_equal(suppress_set_own(s, NULL, 0), 0);
	assert_int_equal(suppress_sum(s), both);
	suppress_close(s);
}

static void
settings_have_another_sum_when_one_is_another(void **state)
{
	struct config a, b;

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0xa5, sizeof(b));
	config_defaults(&a);
	config_defaults(&b);
	assert_int_equal(config_sum(&a), config_sum(&b));
	b.incident_quiet++;
	assert_int_not_equal(config_sum(&a), config_sum(&b));
	b.incident_quiet--;
	strcpy(b.dataplane_socket, "x");
	assert_int_not_equal(config_sum(&a), config_sum(&b));
	config_free(&a);
	config_free(&b);
}

#define PATTERN(id, name, expression)                                                             \
	"- {id: " id ", context: command, role: tool, name: '" name "', expression: '" expression \
	"', why: w, match: a, no_match: b}\n"

static struct pattern_set
patterns_of(const char *text)
{
	struct pattern_set set = {0};
	char why[300] = "";

	if (pattern_set_parse(&set, "f", (const uint8_t *)text, strlen(text), why, sizeof(why)) !=
		0)
		fail_msg("%s", why);
	return set;
}

static void
what_was_found_before_keeps_its_name(void **state)
{
	struct pattern_set before =
		patterns_of(PATTERN("1", "one", "a") PATTERN("3", "three", "a"));
	struct pattern_set set = patterns_of(PATTERN("2", "two", "a") PATTERN("3", "drei", "a"));
	char why[300] = "";

	(void)state;
	uint64_t source = pattern_set_source(&set, CONTEXT_COMMAND);
	assert_int_equal(pattern_set_follow(&set, &before, why, sizeof(why)), 0);
	pattern_set_free(&before);
	assert_int_equal(set.count, 3);
	assert_string_equal(pattern_set_find(&set, 1)->name, "one");
	assert_true(pattern_set_find(&set, 1)->retired);
	assert_string_equal(pattern_set_find(&set, 2)->name, "two");
	assert_string_equal(pattern_set_find(&set, 3)->name, "drei");
	assert_false(pattern_set_find(&set, 3)->retired);
	/* The databases are made of those that are looked for. */
	assert_int_equal(pattern_set_source(&set, CONTEXT_COMMAND), source);
	pattern_set_free(&set);
}

static void
an_id_is_never_used_for_something_else(void **state)
{
	struct pattern_set before = patterns_of(PATTERN("1", "one", "a"));
	struct pattern_set set = patterns_of(PATTERN("5", "five", "a") PATTERN("1", "two", "a+"));
	char why[300] = "";

	(void)state;
	assert_int_equal(pattern_set_follow(&set, &before, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "f:2: id 1 is 'one' in the patterns that run"));
	assert_int_equal(set.count, 2);
	pattern_set_free(&set);
	set = patterns_of(PATTERN("1", "one", "a+"));
	assert_int_equal(pattern_set_follow(&set, &before, why, sizeof(why)), 0);
	pattern_set_free(&set);
	pattern_set_free(&before);
}

static void
another_expression_flag_or_id_is_another_source_and_a_name_is_not(void **state)
{
	static const char *const others[] = {PATTERN("1", "one", "b"), PATTERN("2", "one", "a"),
		PATTERN("1", "one", "a', flags: 'i"), ""};
	struct pattern_set set = patterns_of(PATTERN("1", "one", "a"));
	uint64_t source = pattern_set_source(&set, CONTEXT_COMMAND);
	uint64_t none = pattern_set_source(&set, CONTEXT_REPLY);

	(void)state;
	pattern_set_free(&set);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		set = others[i][0] ? patterns_of(others[i]) : (struct pattern_set){0};
		assert_int_not_equal(pattern_set_source(&set, CONTEXT_COMMAND), source);
		assert_int_equal(pattern_set_source(&set, CONTEXT_REPLY), none);
		pattern_set_free(&set);
	}
	set = patterns_of(PATTERN("1", "eins", "a"));
	assert_int_equal(pattern_set_source(&set, CONTEXT_COMMAND), source);
	pattern_set_free(&set);
}

static void
a_question_to_the_dataplane_is_whole_or_refused(void **state)
{
	struct swap out, in;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(swap_receive(pair[1], SWAP_ASK, &in), -EAGAIN);
	swap_init(&out, SWAP_ASK, 9);
	out.source[CONTEXT_REPLY] = 5;
	assert_int_equal(swap_send(pair[0], &out), 0);
	assert_int_equal(swap_receive(pair[1], SWAP_ASK, &in), 0);
	assert_int_equal(in.number, 9);
	assert_int_equal(in.source[CONTEXT_REPLY], 5);
	/* Of the other kind, of another length. */
	assert_int_equal(swap_send(pair[0], &out), 0);
	assert_int_equal(swap_receive(pair[1], SWAP_ANSWER, &in), -EPROTO);
	assert_int_equal(send(pair[0], &out, sizeof(out) - 1, 0), sizeof(out) - 1);
	assert_int_equal(swap_receive(pair[1], SWAP_ASK, &in), -EPROTO);
	/* Words that speak to a terminal, or do not end. */
	strcpy(out.why, "\x1b[2J");
	assert_int_equal(swap_send(pair[0], &out), 0);
	assert_int_equal(swap_receive(pair[1], SWAP_ASK, &in), 0);
	assert_string_equal(in.why, "\\x1B[2J");
	memset(out.why, 'a', sizeof(out.why));
	assert_int_equal(swap_send(pair[0], &out), 0);
	assert_int_equal(swap_receive(pair[1], SWAP_ASK, &in), 0);
	assert_int_equal(strlen(in.why), sizeof(in.why) - 1);
	close(pair[0]);
	assert_int_equal(swap_receive(pair[1], SWAP_ASK, &in), -EPIPE);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_counts_each_time_is_taken_at_once),
		cmocka_unit_test(what_is_left_out_becomes_the_default_again),
		cmocka_unit_test(what_needs_a_restart_is_named_and_stays),
		cmocka_unit_test(an_option_of_the_command_line_is_no_difference),
		cmocka_unit_test(more_names_than_there_is_room_for_end_in_dots),
		cmocka_unit_test(rules_are_taken_as_a_whole),
		cmocka_unit_test(a_rule_that_stays_keeps_its_number_and_its_counts),
		cmocka_unit_test(rules_that_did_nothing_leave_no_trace),
		cmocka_unit_test(an_operators_rules_come_and_go_beside_those_of_the_file),
		cmocka_unit_test(a_rule_knows_what_it_came_after),
		cmocka_unit_test(counts_of_rules_go_over_to_the_next_run_whatever_its_order),
		cmocka_unit_test(a_rule_that_is_back_in_the_next_run_came_after_the_one_before),
		cmocka_unit_test(rules_have_another_sum_when_one_comes_goes_or_changes_places),
		cmocka_unit_test(settings_have_another_sum_when_one_is_another),
		cmocka_unit_test(what_was_found_before_keeps_its_name),
		cmocka_unit_test(an_id_is_never_used_for_something_else),
		cmocka_unit_test(another_expression_flag_or_id_is_another_source_and_a_name_is_not),
		cmocka_unit_test(a_question_to_the_dataplane_is_whole_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
