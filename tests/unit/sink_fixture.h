/* Exporters from their YAML, files that they name, and alerts, for tests of sinks. */
#ifndef SMTAP_TESTS_SINK_FIXTURE_H
#define SMTAP_TESTS_SINK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "export/sink/sink.h"

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

/* The sink of an exporter with these keys, each line indented by four; or why has the reason. */
static inline int
fixture_open(void **sink, const struct sink_kind *kind, struct config *config, const char *keys,
	char why[SINK_WHY_MAX])
{
	static const struct sink_context context = {.sensor = SENSOR};
	char text[4096];

	snprintf(text, sizeof(text), "exporters:\n  out:\n    type: %s\n%s",
		config_exporter_type_name(kind->type), keys);
	config_defaults(config);
	if (config_read(config, fixture_file("a.yaml", text), why, SINK_WHY_MAX) != 0)
		fail_msg("%s", why);
	why[0] = '\0';
	return kind->open(sink, config_exporter_at(&config->exporters, 0), &context, why);
}

/* It opens. */
static inline void
fixture_expect_open(const struct sink_kind *kind, const char *keys)
{
	char why[SINK_WHY_MAX];
	struct config config;
	void *sink;

	if (fixture_open(&sink, kind, &config, keys, why) != 0)
		fail_msg("%s", why);
	kind->close(sink);
	config_free(&config);
}

/* It does not, and the reason has these words, on one line. */
static inline void
fixture_expect_refusal(const struct sink_kind *kind, const char *keys, const char *words)
{
	char why[SINK_WHY_MAX];
	struct config config;
	void *sink;

	assert_true(fixture_open(&sink, kind, &config, keys, why) < 0);
	if (!strstr(why, words) || strchr(why, '\n'))
		fail_msg("'%s' has no '%s'", why, words);
	config_free(&config);
}

/* An alert of a detector, as captures gave it; json is to be given back. */
static inline struct sink_alert
fixture_alert(const char *detector)
{
	static char line[65536];
	char path[4096], word[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/unit/encode/alerts.eve", getenv("SMTAP_SOURCE"));
	snprintf(word, sizeof(word), "\"detector\":\"%s\"", detector);
	f = fopen(path, "r");
	assert_non_null(f);
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
