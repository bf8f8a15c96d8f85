/*
 * Theory of operation.
 *
 * A rule holds when all that it gives holds. Two questions are asked:
 *
 * Of events, by `allow`, for each of them. So rules are filed once, by the one
 * thing that most rules differ in: its range of clients, else its account,
 * else its range of servers; what gives only detectors is asked of each event.
 * What is found there is checked whole. Many rules about one client or one
 * account are looked at one by one, at most CONFIG_RULES_MAX.
 *
 * Of findings, by `suppress`, each time that one would be told, which is
 * seldom: rules are looked at in their order, and the first that holds hides
 * it. A range of clients holds when the subject lies in it, or when all of the
 * finding's sources do; that can be said only while each of them is named, so
 * a finding with more sources than it names is told rather than hidden by
 * guess. The same goes for accounts (one alone) and servers.
 *
 * Nothing is hidden for good by mistake: what was hidden is asked of again
 * with all that it has become.
 */
#include "control/suppress/suppress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "config/detectors.h"
#include "control/suppress/ranges.h"

/* Behind all detectors that have findings. */
enum {
#define X(id, name) +1
	DETECTOR_SIGNATURE = 0 DETECTORS(X) TRACKED_DETECTORS(X)
#undef X
};

struct suppress {
	const struct config_rules *lists;                 /* borrowed */
	struct suppress_count *counts[CONFIG_RULE_LISTS]; /* owned; one for each rule */
	struct suppress_count total;
	struct ranges clients; /* of allow */
	struct ranges servers;
	uint16_t *accounts; /* owned; rules of allow, by account */
	unsigned account_count;
	uint16_t *others; /* owned; those that give only detectors */
	unsigned other_count;
	bool any_account; /* in any rule of allow */
};

static int
compare_accounts(const void *a, const void *b, void *arg)
{
	const struct config_rule *rules = arg;
	uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
	int c = strcmp(rules[x].account, rules[y].account);

	return c ? c : (x > y) - (x < y);
}

static void
file_rules(struct suppress *s)
{
	const struct config_rules *allow = &s->lists[CONFIG_ALLOW];

	for (unsigned i = 0; i < allow->count; i++) {
		const struct config_rule *rule = &allow->rule[i];

		s->any_account |= rule->account[0] != '\0';
		if (rule->by_client)
			ranges_add(&s->clients, &rule->client, (uint16_t)i);
		else if (rule->account[0])
			s->accounts[s->account_count++] = (uint16_t)i;
		else if (rule->by_server)
			ranges_add(&s->servers, &rule->server, (uint16_t)i);
		else
			s->others[s->other_count++] = (uint16_t)i;
	}
	ranges_sort(&s->clients);
	ranges_sort(&s->servers);
	qsort_r(s->accounts, s->account_count, sizeof(*s->accounts), compare_accounts, allow->rule);
}

struct suppress *
suppress_open(const struct config *config)
{
	struct suppress *s = calloc(1, sizeof(*s));
	unsigned n = config->rules[CONFIG_ALLOW].count;

	if (!s)
		return NULL;
	s->lists = config->rules;
	s->accounts = calloc(n + 1, sizeof(*s->accounts));
	s->others = calloc(n + 1, sizeof(*s->others));
	for (unsigned list = 0; list < CONFIG_RULE_LISTS; list++)
		s->counts[list] = calloc(s->lists[list].count + 1, sizeof(*s->counts[list]));
	if (ranges_open(&s->clients, n) != 0 || ranges_open(&s->servers, n) != 0 || !s->accounts ||
		!s->others || !s->counts[CONFIG_SUPPRESS] || !s->counts[CONFIG_ALLOW]) {
		suppress_close(s);
		return NULL;
	}
	file_rules(s);
	return s;
}

void
suppress_close(struct suppress *s)
{
	if (!s)
		return;
	ranges_close(&s->clients);
	ranges_close(&s->servers);
	free(s->accounts);
	free(s->others);
	free(s->counts[CONFIG_SUPPRESS]);
	free(s->counts[CONFIG_ALLOW]);
	free(s);
}

/* An event, and what the rules said of it so far. */
struct question {
	struct suppress *s;
	const struct event *event;
	char account[CONFIG_RULE_TEXT_MAX]; /* folded; empty: not known */
	uint64_t detectors;
};

/* account: folded; empty: not known. */
static bool
describes(const struct config_rule *rule, const struct event_head *head, const char *account)
{
	if (head->time_ns >= rule->until_ns)
		return false;
	if (rule->by_client && !prefix_contains(&rule->client, &head->flow.client))
		return false;
	if (rule->account[0] && strcmp(rule->account, account) != 0)
		return false;
	return !rule->by_server || prefix_contains(&rule->server, &head->flow.server);
}

static void
ask_rule(void *arg, uint16_t number)
{
	struct question *q = arg;
	const struct config_rule *rule = &q->s->lists[CONFIG_ALLOW].rule[number];

	if (!describes(rule, &q->event->head, q->account))
		return;
	q->detectors |= rule->detectors ? rule->detectors : UINT64_MAX;
	q->s->counts[CONFIG_ALLOW][number].events++;
}

static void
ask_accounts(struct question *q)
{
	const struct config_rule *rules = q->s->lists[CONFIG_ALLOW].rule;
	const uint16_t *all = q->s->accounts;
	unsigned low = 0, high = q->s->account_count;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (strcmp(rules[all[mid]].account, q->account) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < q->s->account_count && strcmp(rules[all[low]].account, q->account) == 0; low++)
		ask_rule(q, all[low]);
}

uint64_t
suppress_allowed(struct suppress *s, const struct event *event)
{
	struct question q;
	const char *name;

	q.s = s;
	q.event = event;
	q.detectors = 0;
	q.account[0] = '\0';
	if (s->any_account) {
		size_t len = event_account(event, &name);

		if (len > 0)
			config_fold(q.account, name, len);
		q.account[len] = '\0';
	}
	ranges_find(&s->clients, &event->head.flow.client, ask_rule, &q);
	if (q.account[0])
		ask_accounts(&q);
	ranges_find(&s->servers, &event->head.flow.server, ask_rule, &q);
	for (unsigned i = 0; i < s->other_count; i++)
		ask_rule(&q, s->others[i]);
	s->total.events += q.detectors != 0;
	return q.detectors;
}

/* The first rule of a list that describes the event and has to do with signatures, from 1. */
static unsigned
rule_of_signature(const struct config_rules *rules, const struct event *event)
{
	for (unsigned i = 0; i < rules->count; i++) {
		const struct config_rule *rule = &rules->rule[i];

		if ((!rule->detectors || rule->detectors >> DETECTOR_SIGNATURE & 1) &&
			describes(rule, &event->head, ""))
			return i + 1;
	}
	return 0;
}

bool
suppress_signature(struct suppress *s, const struct event *event)
{
	unsigned rule = rule_of_signature(&s->lists[CONFIG_SUPPRESS], event);

	if (rule) {
		suppress_kept_back(s, rule, false);
		return true;
	}
	return rule_of_signature(&s->lists[CONFIG_ALLOW], event) > 0;
}

/* A finding's addresses, no longer as text. */
struct evidence {
	const struct finding *finding;
	struct prefix subject;
	bool has_subject; /* it is an address or a range */
	struct prefix sources[FINDING_TOP];
	struct prefix targets[FINDING_TOP];
	unsigned source_count; /* 0: not all of them are known */
	unsigned target_count;
	char account[CONFIG_RULE_TEXT_MAX]; /* the only one, folded; empty: there are more, or none
					     */
};

/* All of them; or 0. */
static unsigned
read_tops(const struct finding_top top[FINDING_TOP], uint64_t all, struct prefix *out)
{
	char why[160];
	unsigned n = 0;

	while (n < FINDING_TOP && top[n].name[0] &&
		prefix_parse(&out[n], top[n].name, why, sizeof(why)) == 0)
		n++;
	return all <= n ? n : 0;
}

static void
read_evidence(struct evidence *e, const struct finding *f)
{
	const char *account = NULL;
	char why[160];

	memset(e, 0, sizeof(*e));
	e->finding = f;
	if (f->subject_type == SUBJECT_ACCOUNT)
		account = f->subject;
	else
		e->has_subject = prefix_parse(&e->subject, f->subject, why, sizeof(why)) == 0;
	e->source_count = read_tops(f->top_sources, f->sources, e->sources);
	e->target_count = read_tops(f->top_targets, f->targets, e->targets);
	if (!account && f->accounts == 1)
		account = f->top_accounts[0].name;
	if (account)
		config_fold(e->account, account, strlen(account));
}

static bool
all_in(const struct prefix *range, const struct prefix *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!prefix_covers(range, &list[i]))
			return false;
	return n > 0;
}

/* In the order of their names in the configuration. */
enum detector_bit {
#define X(id, name) BIT_##id,
	DETECTORS(X) TRACKED_DETECTORS(X)
#undef X
};

/* distributed_prefix is told as `distributed`, so that name is for it too. */
static bool
names(const struct config_rule *rule, unsigned detector)
{
	if (rule->detectors == 0 || (rule->detectors >> detector & 1))
		return true;
	return detector == BIT_DISTRIBUTED_PREFIX && (rule->detectors >> BIT_DISTRIBUTED & 1);
}

static bool
holds(const struct config_rule *rule, const struct evidence *e)
{
	enum subject_type type = e->finding->subject_type;
	bool attacker = e->has_subject && type != SUBJECT_SERVER;
	bool server = e->has_subject && type == SUBJECT_SERVER;

	if (e->finding->last_seen_ns >= rule->until_ns)
		return false;
	if (!names(rule, e->finding->detector))
		return false;
	if (rule->account[0] && strcmp(rule->account, e->account) != 0)
		return false;
	if (rule->by_client && !(attacker && prefix_covers(&rule->client, &e->subject)) &&
		!all_in(&rule->client, e->sources, e->source_count))
		return false;
	return !rule->by_server || (server && prefix_covers(&rule->server, &e->subject)) ||
	       all_in(&rule->server, e->targets, e->target_count);
}

unsigned
suppress_finding(const struct suppress *s, const struct finding *finding)
{
	const struct config_rules *rules = &s->lists[CONFIG_SUPPRESS];
	struct evidence evidence;

	if (rules->count == 0)
		return 0;
	read_evidence(&evidence, finding);
	for (unsigned i = 0; i < rules->count; i++)
		if (holds(&rules->rule[i], &evidence))
			return i + 1;
	return 0;
}

void
suppress_kept_back(struct suppress *s, unsigned rule, bool first)
{
	struct suppress_count *count = &s->counts[CONFIG_SUPPRESS][rule - 1];

	count->sightings++;
	s->total.sightings++;
	count->findings += first;
	s->total.findings += first;
}

const struct config_rule *
suppress_rule(const struct suppress *s, enum config_rule_list list, unsigned rule)
{
	return &s->lists[list].rule[rule];
}

unsigned
suppress_rules(const struct suppress *s, enum config_rule_list list)
{
	return s->lists[list].count;
}

struct suppress_count
suppress_count(const struct suppress *s, enum config_rule_list list, unsigned rule)
{
	return s->counts[list][rule];
}

struct suppress_count
suppress_total(const struct suppress *s)
{
	return s->total;
}

/* Of a list with other rules nothing is taken. */
static void
counts_image(struct suppress_count *counts, unsigned count, struct image *image)
{
	uint32_t n = image_count(image, count, CONFIG_RULES_MAX);
	bool same = n == count;

	for (uint32_t i = 0; i < n; i++) {
		struct suppress_count one = same ? counts[i] : (struct suppress_count){0};

		IMAGE_VALUE(image, one);
		if (same)
			counts[i] = one;
	}
}

void
suppress_image(struct suppress *s, struct image *image)
{
	for (unsigned list = 0; list < CONFIG_RULE_LISTS; list++)
		counts_image(s->counts[list], s->lists[list].count, image);
	IMAGE_VALUE(image, s->total);
}
