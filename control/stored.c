#include "control/stored.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "control/detect/info.h"
#include "control/export/line.h"
#include "control/live.h"

#define SUBJECTS_EVERY_NS NS_PER_MIN
#define RECALLED_MAX 65536u /* alerts between a snapshot and the end of a run */
#define MEGABYTE (UINT64_C(1) << 20)
#define IDS_BATCH (ENGINE_AHEAD * 64u) /* more than a batch of events can give */

_Static_assert(
	CONFIG_EXPORTERS_MAX == OUTBOX_EXPORTERS_MAX && CONFIG_EXPORTER_NAME_MAX == OUTBOX_NAME_MAX,
	"each exporter that is configured has a cursor");

int
stored_open(struct stored *stored, const struct options *options)
{
	const struct config *config = &options->config;
	struct outbox_options o = {.path = options->store,
		.keep = {.keep_ns = config->store_keep, .bytes = config->store_size * MEGABYTE},
		.memory_bytes = config->store_memory * MEGABYTE,
		.anew = !options->live};

	*stored = (struct stored){.live = options->live};
	if (!options->store[0])
		return 0;
	stored->outbox = outbox_open(&o);
	if (!stored->outbox)
		return -ENOMEM;
	if (options->live)
		stored_set_exporters(stored, config);
	return 0;
}

void
stored_set_exporters(struct stored *stored, const struct config *config)
{
	const struct config_exporters *all = &config->exporters;
	struct outbox_exporter exporters[CONFIG_EXPORTERS_MAX];

	for (unsigned i = 0; i < all->count; i++) {
		const struct config_exporter *e = config_exporter_at(all, i);

		exporters[i] = (struct outbox_exporter){.name = config_exporter_name(e),
			.from_start = config_exporter_number(e, "from") != 0};
	}
	if (stored->outbox)
		outbox_set_exporters(stored->outbox, exporters, all->count);
}

void
stored_reload(struct stored *stored, const struct config *config)
{
	const struct store_keep keep = {
		.keep_ns = config->store_keep, .bytes = config->store_size * MEGABYTE};

	if (stored->outbox)
		outbox_set_limits(stored->outbox, &keep, config->store_memory * MEGABYTE);
}

void
stored_begin_ids(struct stored *stored, struct engine *engine, bool knows_all)
{
	struct store_last last;

	if (!stored->outbox)
		return;
	last = outbox_last(stored->outbox);
	if (!knows_all) {
		last.incident = last.reserved_incident;
		last.finding = last.reserved_finding;
	}
	engine_begin_after(engine, last.incident, last.finding);
	stored->begun = true;
	stored_guard_ids(stored, engine);
}

static bool
reaches(const struct stored *stored, const struct engine *engine, uint64_t far)
{
	uint64_t incident, finding;

	engine_ids(engine, &incident, &finding);
	return incident + far <= stored->ids.incident && finding + far <= stored->ids.finding;
}

void
stored_guard_ids(struct stored *stored, struct engine *engine)
{
	struct outbox_ids at;

	if (!stored->live || !stored->outbox || reaches(stored, engine, OUTBOX_IDS_BLOCK / 2))
		return;
	engine_ids(engine, &at.incident, &at.finding);
	const struct outbox_ids want = {
		at.incident + OUTBOX_IDS_BLOCK, at.finding + OUTBOX_IDS_BLOCK};
	stored->ids = outbox_reserve(stored->outbox, want);
	if (reaches(stored, engine, IDS_BATCH))
		return;
	outbox_await(stored->outbox);
	stored->ids = outbox_reserve(stored->outbox, want);
	if (reaches(stored, engine, IDS_BATCH))
		return;
	const struct outbox_ids made = outbox_clock_ids(live_wall_ns());
	engine_begin_after(engine, made.incident, made.finding);
	engine_ids(engine, &at.incident, &at.finding);
	stored->ids =
		(struct outbox_ids){at.incident + OUTBOX_IDS_BLOCK, at.finding + OUTBOX_IDS_BLOCK};
}

static void
put_telling(struct store_alert *a, const struct engine_telling *telling)
{
	const struct incident *incident = telling->incident;
	const struct finding *finding = telling->finding;

	a->incident = incident->id;
	a->state = line_incident_state(telling->incident_state);
	a->stage = stage_name(incident->stage);
	a->severity = incident->severity;
	a->first_ns = incident->first_seen_ns;
	a->last_ns = incident->last_seen_ns;
	a->merged_into = incident->merged_into;
	a->finding = finding->id;
	a->finding_state = line_state(telling->finding_state);
	a->detector = detector_info(finding->detector)->name;
	a->subject_type = line_subject_type(finding->subject_type);
	a->subject = finding->subject;
	a->finding_first_ns = finding->first_seen_ns;
	a->finding_last_ns = finding->last_seen_ns;
	a->attempts = finding->attempts;
	a->failures = finding->failures;
	a->successes = finding->successes;
	a->confidence = finding->confidence;
}

bool
stored_is_out(struct stored *stored)
{
	return !stored->outbox || outbox_is_out(stored->outbox);
}

void
stored_await(void *arg)
{
	struct stored *stored = arg;

	if (stored->outbox)
		outbox_await(stored->outbox);
}

/* What tells an alert from others; two that are alike are told twice, and count twice. */
static uint64_t
told_key(const struct store_alert *alert)
{
	return (alert->finding * 0x9e3779b97f4a7c15ULL ^ alert->incident) * 0x9e3779b97f4a7c15ULL ^
	       alert->time_ns;
}

static int
recall_one(void *arg, const struct store_alert *alert)
{
	struct stored_told *told = arg;

	told->keys[told->count++] = told_key(alert);
	return 0;
}

static int
compare_keys(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void
stored_recall(struct stored *stored, const char *path, uint64_t seq)
{
	struct stored_told *told = &stored->told;
	struct store *store;
	char why[OUTBOX_WHY_MAX];

	stored_forget(stored);
	if (!stored->outbox || store_open(&store, path, STORE_READ, why, sizeof(why)) != 0)
		return;
	told->keys = calloc(RECALLED_MAX, sizeof(*told->keys));
	/* What cannot be read is told twice. */
	if (told->keys)
		(void)store_read(store, seq, RECALLED_MAX, recall_one, told);
	store_close(store);
	if (told->keys)
		qsort(told->keys, told->count, sizeof(*told->keys), compare_keys);
}

void
stored_forget(struct stored *stored)
{
	free(stored->told.keys);
	stored->told = (struct stored_told){0};
}

/* Each that was stored answers once. */
static bool
was_told(struct stored_told *told, const struct store_alert *alert)
{
	uint64_t key = told_key(alert);
	const uint64_t *at = told->count == 0 ? NULL
					      : bsearch(&key, told->keys, told->count,
							sizeof(*told->keys), compare_keys);

	if (!at)
		return false;
	size_t i = (size_t)(at - told->keys);
	told->count--;
	memmove(told->keys + i, told->keys + i + 1, (told->count - i) * sizeof(*told->keys));
	return true;
}

static bool
skip_told(void *arg, const struct store_alert *alert)
{
	return was_told(arg, alert);
}

size_t
stored_put_left(struct stored *stored)
{
	return stored->outbox ? outbox_put_left(stored->outbox, skip_told, &stored->told) : 0;
}

void
stored_alert(void *arg, const struct eve_alert *alert)
{
	struct stored *stored = arg;
	struct store_alert a = {
		.time_ns = alert->time_ns, .line = alert->line, .line_len = alert->line_len};

	if (!stored->outbox)
		return;
	if (alert->telling)
		put_telling(&a, alert->telling);
	if (!was_told(&stored->told, &a))
		outbox_put(stored->outbox, &a);
}

static void
put_rows(struct stored *stored, enum subject_type type, const struct engine_row *rows, size_t n)
{
	struct store_subject *subjects = calloc(n + 1, sizeof(*subjects));

	if (!subjects)
		return;
	for (size_t i = 0; i < n; i++)
		subjects[i] = (struct store_subject){.name = rows[i].name,
			.attempts = rows[i].attempts,
			.failures = rows[i].failures,
			.successes = rows[i].successes,
			.others = rows[i].accounts,
			.first_ns = rows[i].first_ns,
			.last_ns = rows[i].last_ns};
	outbox_put_subjects(stored->outbox, line_subject_type(type), subjects, n);
	free(subjects);
}

/* As they are at the end, when nothing else is to be done. */
static void
put_subjects(struct stored *stored, const struct engine *engine, enum subject_type type)
{
	struct engine_row *rows = calloc(BUSIEST_ROWS, sizeof(*rows));

	if (rows)
		put_rows(stored, type, rows, engine_top(engine, type, rows, BUSIEST_ROWS));
	free(rows);
}

static void
tell_trouble(struct stored *stored)
{
	char why[OUTBOX_WHY_MAX];

	if (outbox_trouble(stored->outbox, why))
		fprintf(stderr, "smtap-control: store: %s\n", why);
	if (outbox_news(stored->outbox, why))
		fprintf(stderr, "smtap-control: %s\n", why);
}

void
stored_look(struct stored *stored)
{
	if (stored->outbox)
		tell_trouble(stored);
}

bool
stored_wants_subjects(const struct stored *stored, uint64_t now_ns)
{
	return stored->outbox && now_ns >= stored->next_subjects_ns;
}

void
stored_subjects(struct stored *stored, const struct busiest *busiest, uint64_t now_ns)
{
	stored->next_subjects_ns = now_ns + SUBJECTS_EVERY_NS;
	for (unsigned kind = 0; kind < BUSIEST_KINDS; kind++)
		put_rows(stored, busiest_type(kind), busiest->lists[kind].rows,
			busiest->lists[kind].n);
}

const struct outbox_counters *
stored_counters(struct stored *stored)
{
	if (stored->outbox)
		outbox_counters(stored->outbox, &stored->counters);
	return &stored->counters;
}

/* Findings that stay hidden have ids, too, and no alert says so. */
static void
end_ids(struct stored *stored, const struct engine *engine)
{
	struct outbox_ids last;

	if (!stored->begun)
		return;
	engine_ids(engine, &last.incident, &last.finding);
	outbox_end_ids(stored->outbox, last);
}

int
stored_close(struct stored *stored, const struct engine *engine)
{
	int r;

	if (!stored->outbox)
		return 0;
	tell_trouble(stored);
	if (engine) {
		put_subjects(stored, engine, SUBJECT_SOURCE);
		put_subjects(stored, engine, SUBJECT_ACCOUNT);
		end_ids(stored, engine);
	}
	stored_forget(stored);
	r = outbox_close(stored->outbox, &stored->counters);
	stored->outbox = NULL;
	if (r != 0)
		fprintf(stderr,
			"smtap-control: store: alerts were not stored: %s; they are in the EVE "
			"file\n",
			strerror(-r));
	return r;
}
