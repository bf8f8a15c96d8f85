#include "cli/page/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *
stage_name(enum stage stage)
{
	static const char *const names[STAGE_COUNT + 1] = {
#define X(id, name) [STAGE_##id] = name,
		STAGES(X)
#undef X
			[STAGE_COUNT] = ""};

	return names[stage];
}

enum stage
stage_of(const char *name)
{
	for (unsigned s = 0; s < STAGE_COUNT; s++)
		if (strcmp(name, stage_name(s)) == 0)
			return s;
	return STAGE_COUNT;
}

enum stage
stage_of_detector(const char *detector)
{
	static const struct {
		const char *detector;
		enum stage stage;
	} rows[] = {{"smtp_scan", STAGE_SCAN}, {"enumeration", STAGE_SCAN},
		{"bruteforce", STAGE_GUESSING}, {"spray", STAGE_GUESSING},
		{"stuffing", STAGE_GUESSING}, {"distributed", STAGE_GUESSING},
		{"slow", STAGE_GUESSING}, {"auth_spike", STAGE_GUESSING},
		{"compromise", STAGE_SUCCESS}, {"relay_burst", STAGE_RELAY},
		{"open_relay", STAGE_RELAY}, {"outbound_fanout", STAGE_RELAY},
		{"bounce_wave", STAGE_BOUNCES}, {"blocklisted", STAGE_BLOCKLISTED}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].detector, detector) == 0)
			return rows[i].stage;
	return STAGE_COUNT;
}

const char *
severity_name(unsigned severity)
{
	static const char *const names[] = {[SEVERITY_CRITICAL] = "critical",
		[SEVERITY_MAJOR] = "major",
		[SEVERITY_MINOR] = "minor",
		[SEVERITY_INFORMATIONAL] = "informational"};

	return severity >= SEVERITY_CRITICAL && severity <= SEVERITY_INFORMATIONAL ? names[severity]
										   : "unknown";
}

char *
model_copy(const char *text, size_t max)
{
	return *text != '\0' ? strndup(text, max) : NULL;
}

int
model_init(struct model *model)
{
	int e;

	*model = (struct model){.first_us = WHEN_NONE, .last_us = WHEN_NONE};
	e = siphash_key_draw(&model->shared.key);
	return e == 0 ? seen_open(&model->shared.seen) : e;
}

/* Bars for what lies between the incident's first and last moment. */
static void
init_bins(struct bins *bins, const struct brief *brief)
{
	int64_t first = brief->first_us == WHEN_NONE ? 0 : brief->first_us;
	int64_t last = brief->last_us < first ? first : brief->last_us;

	bins->width_us = when_width(last - first, BINS_MAX - 1);
	bins->first_us = when_floor(first, bins->width_us);
	bins->count = (unsigned)((last - bins->first_us) / bins->width_us) + 1;
	if (bins->count > BINS_MAX)
		bins->count = BINS_MAX;
}

int
model_incidents(struct model *model)
{
	size_t told = model->list.told;

	model->incidents = calloc(told ? told : 1, sizeof(*model->incidents));
	if (!model->incidents)
		return -ENOMEM;
	for (size_t i = 0; i < told; i++) {
		struct incident *incident = &model->incidents[i];

		incident->brief = &model->list.briefs[i];
		incident->accounts.number = i * 3 + 1;
		incident->sources.number = i * 3 + 2;
		incident->servers.number = i * 3 + 3;
		init_bins(&incident->bins, incident->brief);
	}
	return 0;
}

void
model_free(struct model *model)
{
	for (size_t i = 0; model->incidents && i < model->list.told; i++)
		detail_free(&model->incidents[i]);
	free(model->incidents);
	for (size_t i = 0; i < model->signature_count; i++) {
		free(model->signatures[i].title);
		free(model->signatures[i].subject);
	}
	free(model->signatures);
	free(model->counters);
	hidden_free(&model->hiding);
	list_free(&model->list);
	seen_close(&model->shared.seen);
	*model = (struct model){0};
}
