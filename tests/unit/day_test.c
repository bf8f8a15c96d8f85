/*
 * A few small days of the generator in bench/day: honest people are left
 * alone, each kind of attacker is found at an intensity that is stated here,
 * and nobody is found who does nothing. doc/detection-rates.md has the curves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/day/trial.h"

#define SITES 32u

static const struct world_options small = {
	.seed = 7, .users = 600, .sites = 6, .forget = 0.001, .attackers = 1};
static const struct world_options wide = {
	.seed = 7, .users = 900, .sites = SITES, .forget = 0.001, .attackers = SITES};

struct stated {
	const char *kind;
	double x;
};

/* One attacker of each, all on one day, each at a server of his own. */
static const struct stated stated[] = {
	{"bruteforce", 5},
	{"bruteforce_blind", 600},
	{"spray", 1},
	{"stuffing", 5},
	{"slow", 11},
	{"slow_twenty", 11},
	{"distributed_account", 50},
	{"net24", 250},
	{"net64", 50},
	{"net56", 250},
	{"net48", 250},
	{"distributed_server", 2000},
	{"compromise", 10},
	{"auth_spike", 200},
	{"stale_credential", 15},
	{"stale_blind", 15},
	{"smtp_scan", 5},
	{"enumeration", 10},
	{"enumeration_vrfy", 20},
	{"long_session", 15},
	{"helo_churn", 30},
	{"exposure", 1},
	{"relay_burst", 300},
	{"open_relay", 1},
	{"bounce_account", 200},
	{"bounce_server", 1000},
	{"outbound_fanout", 300},
	{"fanout_server", 1000},
	{"blocklisted", 1},
	{"chain", 60},
};

#define STATED (sizeof(stated) / sizeof(stated[0]))

static struct trial *
start(const struct world_options *options)
{
	struct trial *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	assert_int_equal(trial_open(t, options), 0);
	return t;
}

static void
stop(struct trial *t)
{
	trial_close(t);
	free(t);
}

static const struct attack_kind *
kind_of(const char *name)
{
	const struct attack_kind *kind = NULL;

	for (unsigned n = 0; (kind = attack_kind(n)) != NULL; n++)
		if (strcmp(kind->name, name) == 0)
			return kind;
	fail_msg("no kind is called %s", name);
	return NULL;
}

static struct trial *
attack(uint64_t seed, bool attackers_off)
{
	struct world_options options = wide;
	struct trial *t;

	options.seed = seed;
	t = start(&options);
	t->attackers_off = attackers_off;
	trial_days(t, 2);
	trial_forget(t);
	for (unsigned i = 0; i < STATED; i++)
		trial_attack(t, kind_of(stated[i].kind), stated[i].x, i + 1);
	trial_days(t, 1);
	return t;
}

static void
honest_people_are_left_alone_for_a_week(void **state)
{
	struct trial *t = start(&small);
	struct trial_result r;

	(void)state;
	trial_days(t, 7);
	trial_result(t, 0, &r);
	for (unsigned i = 0; i < t->score.example_count; i++)
		print_message("# %s\n", t->score.examples[i]);
	assert_int_equal(r.faults, 0);
	assert_int_equal(r.fp[TOOL_SMTAP], 0);
	/* It is no easy week: there are forgotten devices, and fail2ban would ban people. */
	assert_true(r.stale_right > 0);
	assert_true(r.fp[TOOL_FAIL2BAN] > 0);
	stop(t);
}

static void
each_kind_is_found_at_the_stated_intensity(void **state)
{
	struct trial *t = attack(7, false);
	unsigned missed = 0;

	(void)state;
	for (unsigned i = 0; i < STATED; i++) {
		if (t->score.instances[i + 1].found[TOOL_SMTAP].at_ns != 0)
			continue;
		missed++;
		print_message("# missed: %s at %g\n", stated[i].kind, stated[i].x);
	}
	assert_int_equal(missed, 0);
	assert_int_equal(t->world.invalid + t->world.refused, 0);
	stop(t);
}

static struct trial *
chain_of(uint64_t seed, unsigned before)
{
	struct world_options options = small;
	struct trial *t;

	options.seed = seed;
	t = start(&options);
	trial_days(t, before);
	trial_attack(t, kind_of("chain"), 60, 1);
	trial_days(t, 1);
	return t;
}

static void
the_whole_chain_is_found_stage_by_stage(void **state)
{
	const uint64_t stages = DETECTOR_BIT(SMTP_SCAN) | DETECTOR_BIT(BRUTEFORCE) |
				DETECTOR_BIT(COMPROMISE) | DETECTOR_BIT(RELAY_BURST) |
				DETECTOR_BIT(BOUNCE_WAVE) | DETECTOR_BIT(BLOCKLISTED);
	struct trial *t = chain_of(7, 2);
	struct trial_result r;

	(void)state;
	trial_result(t, 1, &r);
	assert_int_equal(t->score.instances[1].detectors & stages, stages);
	assert_true(r.incidents == 1.0);
	stop(t);
}

static void
the_same_seed_says_the_same(void **state)
{
	struct trial *a = chain_of(11, 0);
	struct trial *b = chain_of(11, 0);
	struct trial *c = chain_of(12, 0);

	(void)state;
	assert_true(a->findings > 5);
	assert_int_equal(a->trace, b->trace);
	assert_int_equal(a->world.events, b->world.events);
	assert_int_not_equal(a->trace, c->trace);
	stop(a);
	stop(b);
	stop(c);
}

/* Else labels would be so wide that anything said of anybody finds them. */
static void
attackers_who_do_nothing_are_not_found(void **state)
{
	struct trial *t = attack(7, true);

	(void)state;
	for (unsigned tool = 0; tool < TOOL_COUNT; tool++)
		for (unsigned i = 0; i < STATED; i++)
			if (t->score.instances[i + 1].found[tool].at_ns != 0)
				fail_msg("%s found %s", tool_names[tool], stated[i].kind);
	stop(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_people_are_left_alone_for_a_week),
		cmocka_unit_test(each_kind_is_found_at_the_stated_intensity),
		cmocka_unit_test(the_whole_chain_is_found_stage_by_stage),
		cmocka_unit_test(the_same_seed_says_the_same),
		cmocka_unit_test(attackers_who_do_nothing_are_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
