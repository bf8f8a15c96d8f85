/* A sink as the configuration has it, and the alerts that it is given. */
#ifndef SMTAP_TESTS_SINK_OPEN_H
#define SMTAP_TESTS_SINK_OPEN_H

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "export/sink/sink.h"
#include "tests/unit/alerts_read.h"

#define SENSOR "tap1.corp.example"

struct opened {
	struct config config;
	const struct sink_kind *kind;
	void *sink;
	size_t sent;
	char why[SINK_WHY_MAX];
};

/* What open() says of `exporters: {a: {KEYS}}`. */
static int
sink_open(struct opened *o, const struct sink_kind *kind, const char *keys)
{
	static const struct sink_context context = {.sensor = SENSOR};
	char text[4096];
	int len = snprintf(text, sizeof(text), "exporters: {a: {%s}}", keys);
	const struct config_source source = {"f", text, (size_t)len};

	memset(o, 0, sizeof(*o));
	o->kind = kind;
	config_defaults(&o->config);
	if (config_parse(&o->config, &source, o->why, sizeof(o->why)) != 0)
		fail_msg("%s", o->why);
	return kind->open(&o->sink, config_exporter_at(&o->config.exporters, 0), &context, o->why);
}

static void
sink_close(struct opened *o)
{
	o->kind->close(o->sink);
	config_free(&o->config);
}

/* The first n alerts, numbered from 1. */
static enum sink_result
sink_send(struct opened *o, const struct alerts *alerts, size_t n)
{
	struct sink_alert list[ALERTS_MAX];

	for (size_t i = 0; i < n; i++)
		list[i] = (struct sink_alert){.seq = i + 1,
			.line = alerts->lines[i],
			.line_len = strlen(alerts->lines[i]),
			.json = alerts->json[i]};
	o->sent = 0;
	o->why[0] = '\0';
	return o->kind->send(o->sink, list, n, &o->sent, o->why);
}

/* One sentence, with this in it. */
static inline void
sink_assert_why(const struct opened *o, const char *part)
{
	if (!strstr(o->why, part) || strchr(o->why, '\n'))
		fail_msg("'%s' says nothing of '%s'", o->why, part);
}

#endif
