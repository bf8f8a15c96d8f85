#include "control/stored.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "control/detect/info.h"
#include "control/export/line.h"

#define SUBJECTS_EVERY_NS NS_PER_MIN
#define MEGABYTE (UINT64_C(1) << 20)

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

	*stored = (struct stored){0};
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
stored_begin_ids(const struct stored *stored, struct engine *engine)
{
	struct store_last last = {0};

	if (stored->outbox)
		last = outbox_last(stored->outbox);
	engine_begin_after(engine, last.incident, last.finding);
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
	}
	r = outbox_close(stored->outbox, &stored->counters);
	stored->outbox = NULL;
	if (r != 0)
		fprintf(stderr,
			"smtap-control: store: alerts were not stored: %s; they are in the EVE "
			"file\n",
			strerror(-r));
	return r;
}
