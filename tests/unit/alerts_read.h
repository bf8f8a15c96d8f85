/* Alerts of each detector, taken from captures: encode/alerts.eve. */
#ifndef SMTAP_TESTS_ALERTS_READ_H
#define SMTAP_TESTS_ALERTS_READ_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALERTS_MAX 64

struct alerts {
	char *lines[ALERTS_MAX];
	json_t *json[ALERTS_MAX];
	size_t n;
};

static inline FILE *
alerts_file(const char *end, const char *mode)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/unit/encode/alerts.%s", getenv("SMTAP_SOURCE"), end);
	f = fopen(path, mode);
	if (!f)
		fail_msg("%s: cannot be opened", path);
	return f;
}

static inline void
alerts_read(struct alerts *a)
{
	FILE *f = alerts_file("eve", "r");
	size_t room = 0;

	*a = (struct alerts){0};
	while (a->n < ALERTS_MAX && getline(&a->lines[a->n], &room, f) > 0) {
		a->lines[a->n][strcspn(a->lines[a->n], "\n")] = '\0';
		a->json[a->n] = json_loads(a->lines[a->n], 0, NULL);
		assert_non_null(a->json[a->n]);
		a->n++;
		room = 0;
	}
	free(a->lines[a->n]);
	fclose(f);
}

static inline void
alerts_drop(struct alerts *a)
{
	for (size_t i = 0; i < a->n; i++) {
		json_decref(a->json[i]);
		free(a->lines[i]);
	}
}

#endif
