/* Exporters from their YAML, files that they name, and alerts, for tests of sinks. */
#ifndef SMTAP_TESTS_SINK_FIXTURE_H
#define SMTAP_TESTS_SINK_FIXTURE_H

#include <unistd.h>

#include "config/config.h"
#include "export/sink/sink.h"
#include "tests/unit/alerts_read.h"

#define SENSOR "tap1.corp.example"

static char fixture_folder[] = "/tmp/smtap-sink-XXXXXX";

static inline int
fixture_set_up(void **state)
{
	(void)state;
	return mkdtemp(fixture_folder) ? 0 : -1;
}

static inline int
fixture_tear_down(void **state)
{
	char command[sizeof(fixture_folder) + 16];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", fixture_folder);
	return system(command);
}

/* A file with that text; its path, in one of a few buffers. */
static inline const char *
fixture_file(const char *name, const char *text)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];
	FILE *f;

	snprintf(path, sizeof(paths[0]), "%s/%s", fixture_folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	return path;
}

struct opened {
	struct config config;
	const struct sink_kind *kind;
	void *sink;
	size_t sent;
	char why[SINK_WHY_MAX];
};

/* What the configuration says of that text, or what open() says of its first exporter. */
static inline int
sink_open_text(struct opened *o, const struct sink_kind *kind, const char *text)
{
	static const struct sink_context context = {.sensor = SENSOR};
	const struct config_source source = {"f", text, strlen(text)};

	memset(o, 0, sizeof(*o));
	o->kind = kind;
	config_defaults(&o->config);
	int r = config_parse(&o->config, &source, o->why, sizeof(o->why));
	if (r != 0)
		return r;
	return kind->open(&o->sink, config_exporter_at(&o->config.exporters, 0), &context, o->why);
}

/* The same of `exporters: {a: {KEYS}}`. */
static inline int
sink_open(struct opened *o, const struct sink_kind *kind, const char *keys)
{
	char text[4096];

	snprintf(text, sizeof(text), "exporters: {a: {%s}}", keys);
	return sink_open_text(o, kind, text);
}

/* The same with keys that are lines, indented by four; its type is of itself. */
static inline int
sink_open_lines(struct opened *o, const struct sink_kind *kind, const char *keys)
{
	char text[4096];

	snprintf(text, sizeof(text), "exporters:\n  out:\n    type: %s\n%s",
		config_exporter_type_name(kind->type), keys);
	return sink_open_text(o, kind, text);
}

static inline void
sink_close(struct opened *o)
{
	o->kind->close(o->sink);
	config_free(&o->config);
}

/* The first n alerts, numbered from 1. */
static inline enum sink_result
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

/* It opens. */
static inline void
fixture_expect_open(const struct sink_kind *kind, const char *keys)
{
	struct opened o;

	if (sink_open_lines(&o, kind, keys) != 0)
		fail_msg("%s", o.why);
	sink_close(&o);
}

/* It does not, and the reason has these words, on one line. */
static inline void
fixture_expect_refusal(const struct sink_kind *kind, const char *keys, const char *words)
{
	struct opened o;

	assert_true(sink_open_lines(&o, kind, keys) < 0);
	sink_assert_why(&o, words);
	config_free(&o.config);
}

/* An alert of a detector, as captures gave it; json is to be given back. */
static inline struct sink_alert
fixture_alert(const char *detector)
{
	static char line[65536];
	FILE *f = alerts_file("eve", "r");
	char word[64];

	snprintf(word, sizeof(word), "\"detector\":\"%s\"", detector);
	do {
		assert_non_null(fgets(line, sizeof(line), f));
	} while (!strstr(line, word));
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return (struct sink_alert){.seq = 7,
		.line = line,
		.line_len = strlen(line),
		.json = json_loads(line, JSON_REJECT_DUPLICATES, NULL)};
}

#endif
