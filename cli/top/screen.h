/* screen: what smtap top shows, as lines of text: a function of two answers and a size. */
#ifndef SMTAP_CLI_TOP_SCREEN_H
#define SMTAP_CLI_TOP_SCREEN_H

#include <jansson.h>
#include <stdbool.h>

#define SCREEN_ROWS 200u
#define SCREEN_COLUMNS 300u

struct screen {
	unsigned rows; /* room; at most SCREEN_ROWS */
	unsigned columns;
	unsigned used;
	/* ASCII, each at most `columns` long. */
	char line[SCREEN_ROWS][SCREEN_COLUMNS + 1];
	bool bold[SCREEN_ROWS];
};

/* Fill it from the newest status and the one before (NULL: there is none, and no rates). */
void screen_fill(struct screen *screen, const json_t *now, const json_t *before);

#endif
