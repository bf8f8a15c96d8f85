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

#include "config/detectors.h"
#include "control/suppress/internal.h"

/* Behind all detectors that have findings. */
enum {
#define X(id, name) +1
	DETECTOR_SIGNATURE = 0 DETECTORS(X) TRACKED_DETECTORS(X)
#undef X
};

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
	struct suppress_slot *slot = &q->s->lists[CONFIG_ALLOW].slots[number];

	if (!describes(&slot->rule, &q->event->head, q->account))
		return;
	q->detectors |= slot->rule.detectors ? slot->rule.detectors : UINT64_MAX;
	slot->count.events++;
}

static void
ask_accounts(struct question *q)
{
	const struct suppress_slot *slots = q->s->lists[CONFIG_ALLOW].slots;
	const struct suppress_index *index = &q->s->index;
	const uint16_t *all = index->accounts;
	unsigned low = 0, high = index->account_count;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (strcmp(slots[all[mid]].rule.account, q->account) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < index->account_count && strcmp(slots[all[low]].rule.account, q->account) == 0;
		low++)
		ask_rule(q, all[low]);
}

uint64_t
suppress_allowed(struct suppress *s, const struct event *event)
{
	const struct suppress_index *index = &s->index;
	struct question q;
	const char *name;

	q.s = s;
	q.event = event;
	q.detectors = 0;
	q.account[0] = '\0';
	if (index->any_account) {
		size_t len = event_account(event, &name);

		if (len > 0)
			config_fold(q.account, name, len);
		q.account[len] = '\0';
	}
	ranges_find(&index->clients, &event->head.flow.client, ask_rule, &q);
	if (q.account[0])
		ask_accounts(&q);
	ranges_find(&index->servers, &event->head.flow.server, ask_rule, &q);
	for (unsigned i = 0; i < index->other_count; i++)
		ask_rule(&q, index->others[i]);
	s->total.events += q.detectors != 0;
	return q.detectors;
}

/* The first rule of a list that describes the event and has to do with signatures, from 1. */
static unsigned
rule_of_signature(const struct suppress_list *list, const struct event *event)
{
	for (unsigned i = 0; i < list->held_count; i++) {
		const struct suppress_slot *slot = &list->slots[list->held[i]];
		const struct config_rule *rule = &slot->rule;

		if (slot->incident == 0 &&
			(!rule->detectors || rule->detectors >> DETECTOR_SIGNATURE & 1) &&
			describes(rule, &event->head, ""))
			return list->held[i] + 1u;
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
	const struct suppress_list *list = &s->lists[CONFIG_SUPPRESS];
	struct evidence evidence;

	if (list->held_count == 0)
		return 0;
	read_evidence(&evidence, finding);
	for (unsigned i = 0; i < list->held_count; i++) {
		const struct suppress_slot *slot = &list->slots[list->held[i]];

		if (slot->incident == 0 && holds(&slot->rule, &evidence))
			return list->held[i] + 1u;
	}
	return 0;
}

unsigned
suppress_incident(const struct suppress *s, uint64_t incident, uint64_t last_seen_ns)
{
	const struct suppress_list *list = &s->lists[CONFIG_SUPPRESS];

	for (unsigned i = 0; i < list->held_count; i++) {
		const struct suppress_slot *slot = &list->slots[list->held[i]];

		if (slot->incident != 0 && slot->incident == incident &&
			last_seen_ns < slot->rule.until_ns)
			return list->held[i] + 1u;
	}
	return 0;
}

void
suppress_kept_back(struct suppress *s, unsigned rule, bool first)
{
	struct suppress_count *count = &s->lists[CONFIG_SUPPRESS].slots[rule - 1].count;

	count->sightings++;
	s->total.sightings++;
	count->findings += first;
	s->total.findings += first;
}

struct suppress_count
suppress_total(const struct suppress *s)
{
	return s->total;
}
