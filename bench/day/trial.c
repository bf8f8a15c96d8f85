#include "bench/day/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRIAL_LIST 8192u

static void
take_event(void *arg, const struct event *event, uint32_t instance)
{
	struct trial *t = arg;

	t->score.now_ns = event->head.clock_ns;
	if (instance != 0 && t->attackers_off)
		return;
	t->events[event->head.type]++;
	rules_event(&t->rules, event);
	engine_event(t->engine, event);
}

static void
take_try(void *arg, uint32_t instance)
{
	struct trial *t = arg;

	score_tried(&t->score, instance);
}

static void
take_stale(void *arg, const struct addr *addr)
{
	struct trial *t = arg;

	score_label_stale(&t->score, addr);
}

static void
take_telling(void *arg, const struct engine_telling *telling)
{
	const struct finding *finding = telling->finding;
	struct trial *t = arg;

	for (const char *p = finding->subject; *p != '\0'; p++)
		t->trace = (t->trace ^ (uint8_t)*p) * 0x100000001b3ULL;
	t->trace = rng_mix(t->trace ^ finding->attempts ^ (uint64_t)telling->finding_state << 60 ^
			   telling->incident->id << 32);
	if (telling->finding_state != FINDING_OPEN)
		return;
	t->findings++;
	if (t->only == 0 || (t->only & 1ULL << finding->detector))
		score_smtap(&t->score, finding);
}

int
trial_open(struct trial *t, const struct world_options *options)
{
	const struct engine_sink sink = {.tell = take_telling, .arg = t};

	memset(t, 0, sizeof(*t));
	config_defaults(&t->config);
	t->engine = engine_open(&t->config, &sink);
	if (t->engine == NULL || world_open(&t->world, options) != 0 ||
		score_open(&t->score) != 0 || rules_open(&t->rules, &t->score) != 0) {
		trial_close(t);
		return -ENOMEM;
	}
	t->world.sink = take_event;
	t->world.tried = take_try;
	t->world.stale = take_stale;
	t->world.arg = t;
	world_people(&t->world);
	world_hosts(&t->world);
	return 0;
}

void
trial_close(struct trial *t)
{
	rules_close(&t->rules);
	score_close(&t->score);
	world_close(&t->world);
	engine_close(t->engine);
	t->engine = NULL;
}

void
trial_days(struct trial *t, unsigned days)
{
	world_run(&t->world, t->world.now_ns + days * DAY_NS);
}

void
trial_forget(struct trial *t)
{
	score_clear(&t->score);
}

void
trial_attack(struct trial *t, const struct attack_kind *kind, double x, uint32_t instance)
{
	attack_start(kind, &(struct assault){&t->world, &t->score, instance, x});
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *all, unsigned n)
{
	qsort(all, n, sizeof(*all), by_size);
	return n == 0 ? 0 : (all[(n - 1) / 2] + all[n / 2]) / 2;
}

static void
sum_tool(const struct trial *t, unsigned attackers, enum tool tool, struct trial_result *out)
{
	double minutes[SCORE_INSTANCES];
	double tries[SCORE_INSTANCES];
	unsigned n = 0;

	for (unsigned i = 1; i <= attackers; i++) {
		const struct score_instance *s = &t->score.instances[i];
		const struct score_found *f = &s->found[tool];

		if (f->at_ns == 0)
			continue;
		minutes[n] = (double)(f->at_ns - s->first_ns) / (double)NS_PER_MIN;
		/* The try during which it was found is counted after it. */
		tries[n++] = (double)f->tries + 1;
		out->covered[tool] +=
			(f->all || s->sources == 0 ? 1.0 : (double)f->sources / s->sources) /
			attackers;
	}
	out->found[tool] = n;
	out->minutes[tool] = median(minutes, n);
	out->tries[tool] = median(tries, n);
}

/* Into how many incidents smtap put the findings of one attacker. */
static double
count_incidents(const struct trial *t)
{
	static const struct incident *incidents[TRIAL_LIST];
	static const struct finding *findings[TRIAL_LIST];
	size_t n = engine_incidents(t->engine, incidents, TRIAL_LIST);
	uint32_t last[SCORE_INSTANCES + 1] = {0};
	unsigned pairs = 0;
	unsigned found = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len =
			engine_incident_findings(t->engine, incidents[i], findings, TRIAL_LIST);

		for (size_t f = 0; f < len; f++) {
			uint32_t instance = score_found_by(&t->score, findings[f]);

			/* An honest server's findings of the days before are not his. */
			if (instance == 0 || last[instance] == i + 1 ||
				findings[f]->last_seen_ns < t->score.instances[instance].first_ns)
				continue;
			found += last[instance] == 0;
			last[instance] = (uint32_t)i + 1;
			pairs++;
		}
	}
	return found > 0 ? (double)pairs / found : 0;
}

void
trial_result(const struct trial *t, unsigned attackers, struct trial_result *out)
{
	const struct score *s = &t->score;
	struct engine_totals totals;

	*out = (struct trial_result){.attackers = attackers,
		.stale_right = s->stale_right,
		.events = t->world.events,
		.trace = t->trace};
	for (unsigned tool = 0; tool < TOOL_COUNT; tool++)
		sum_tool(t, attackers, tool, out);
	for (unsigned i = 1; i <= attackers; i++)
		for (unsigned d = 0; d < DETECTOR_COUNT; d++)
			out->by[d] += s->instances[i].detectors >> d & 1;
	memcpy(out->fp, s->fp, sizeof(out->fp));
	memcpy(out->fp_by, s->fp_by, sizeof(out->fp_by));
	memcpy(out->wrong_by, s->wrong_by, sizeof(out->wrong_by));
	out->incidents = count_incidents(t);
	engine_totals(t->engine, &totals);
	out->faults = t->world.invalid + t->world.refused + s->lost + t->rules.lost +
		      totals.untracked + totals.untracked_notes + totals.findings_refused;
}
