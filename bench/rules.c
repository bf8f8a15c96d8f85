/*
 * rules: what rules that allow cost an event that none of them allows, on one
 * core: a question for each. Addresses, ranges of eight lengths and accounts,
 * as a site may come to have them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "control/suppress/suppress.h"

#define BATCH 4096u

static const unsigned counts[] = {1, 16, 128, CONFIG_RULES_MAX};

static struct addr
address(uint8_t net, unsigned n)
{
	const uint8_t four[4] = {192, net, (uint8_t)(n >> 8), (uint8_t)n};

	return addr_from_v4(four);
}

static int
make_rules(struct config *config, unsigned count)
{
	struct config_rules *allow = &config->rules[CONFIG_ALLOW];

	allow->rule = calloc(count, sizeof(*allow->rule));
	if (allow->rule == NULL)
		return -1;
	for (unsigned n = 0; n < count; n++) {
		struct config_rule *rule = &allow->rule[allow->count++];
		struct addr addr = address(168, n);

		rule->until_ns = CONFIG_RULE_NEVER;
		rule->by_client = n % 4 != 3;
		rule->client.bits = n % 4 == 2 ? (uint8_t)(120 + n / 4 % 8) : PREFIX_BITS;
		rule->client.addr = prefix_mask(&addr, rule->client.bits);
		if (n % 4 == 3)
			snprintf(rule->account, sizeof(rule->account), "account-%u", n);
	}
	return 0;
}

static struct event *
make_events(void)
{
	struct event *events = calloc(BATCH, sizeof(*events));

	for (unsigned n = 0; events != NULL && n < BATCH; n++) {
		struct event *e = &events[n];

		e->head.type = EVENT_AUTH;
		e->head.flow.client = address(0, n * 2654435761u >> 16);
		e->head.flow.server = address(88, 25);
		e->auth.flags = AUTH_USERNAME_KNOWN;
		e->auth.username_len = (uint8_t)snprintf(e->text, 32, "Account%u", n);
	}
	return events;
}

static int
measure(const struct bench_options *options, struct suppress *s, const struct event *events)
{
	uint64_t part_ns =
		(uint64_t)(options->seconds * 1e9 /
			   (double)(sizeof(counts) / sizeof(counts[0]) * options->repeats));
	struct bench_line *line = bench_line_open(options, "rules");
	double samples[BENCH_REPEATS_MAX];
	uint64_t held = 0;

	for (unsigned i = 0; i < options->repeats; i++) {
		uint64_t start_ns = bench_now_ns(), took_ns, n = 0;

		do {
			for (unsigned k = 0; k < BATCH; k++)
				held += suppress_allowed(s, &events[k]) != 0;
			n += BATCH;
			took_ns = bench_now_ns() - start_ns;
		} while (options->packets > 0 ? n < options->packets : took_ns < part_ns);
		samples[i] = (double)took_ns / (double)n;
	}
	bench_line_count(line, "rules", suppress_rules(s, CONFIG_ALLOW));
	bench_line_count(line, "held", held);
	bench_line_samples(line, "ns_per_event", samples, options->repeats);
	return bench_line_print(line);
}

static int
run_count(const struct bench_options *options, unsigned count)
{
	struct event *events = make_events();
	struct suppress *s = NULL;
	struct config config;
	int rc = -1;

	config_defaults(&config);
	if (events != NULL && make_rules(&config, count) == 0)
		s = suppress_open(&config);
	if (s != NULL)
		rc = measure(options, s, events);
	suppress_close(s);
	config_free(&config);
	free(events);
	return rc;
}

static int
run(const struct bench_options *options)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < sizeof(counts) / sizeof(counts[0]); i++)
		rc = run_count(options, counts[i]);
	return rc;
}

const struct bench_scenario bench_rules = {
	.name = "rules",
	.help = "a question to the rules that allow, for each event",
	.run = run,
};
