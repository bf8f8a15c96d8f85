/* look: into the store of a running or finished instance. What the commands that do it share. */
#ifndef SMTAP_CLI_LOOK_LOOK_H
#define SMTAP_CLI_LOOK_LOOK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "store/store.h"

struct look {
	const char *config; /* -c; NULL: the usual file, if it is there */
	const char *folder; /* -o; NULL: as the configuration says */
	const char *file;   /* --store; NULL: in the folder */
	bool json;
	struct store *store;
	char path[PATH_MAX]; /* of the store, or of the socket */
};

#define LOOK_SHORT_OPTIONS ":c:o:n:h"

/* clang-format off */
/* For getopt_long, and as the help of each command has them. */
#define LOOK_OPTIONS                                    \
	{"config", required_argument, NULL, 'c'},       \
	{"output", required_argument, NULL, 'o'},       \
	{"store", required_argument, NULL, LOOK_STORE}, \
	{"json", no_argument, NULL, LOOK_JSON},         \
	{"help", no_argument, NULL, 'h'}
#define LOOK_SOCKET_HELP                                                               \
	"  -c, --config FILE      settings (/etc/smtap/smtap.yaml, if there is one)\n" \
	"  -o, --output DIR       the folder of the run (./smtap-out)\n"
#define LOOK_HELP                                                                      \
	"  -c, --config FILE      settings (/etc/smtap/smtap.yaml, if there is one)\n" \
	"  -o, --output DIR       the folder of the run (./smtap-out)\n"               \
	"      --store FILE       this file instead (DIR/smtap.db)\n"                  \
	"      --json             a JSON object a line\n"
/* clang-format on */

enum { LOOK_STORE = 256, LOOK_JSON, LOOK_OWN };

/* Is it one of these options? Then it is taken. */
bool look_take(struct look *look, int option);

/* "12" for the option: 0, or COMMAND_BAD, told. */
int look_number(const char *option, const char *text, uint64_t *out);

/* The path of the socket of a running instance. 0, or an exit status; errors are printed. */
int look_find_socket(struct look *look);

/* Open the store. An exit status; errors are printed. */
int look_open(struct look *look);

/* How it went, after reading: an exit status. A failed read is told. */
int look_close(struct look *look, int result);

/* Printable, whatever the file held; cut to width columns of ASCII, padded unless width is 0. */
void look_put_text(FILE *out, const char *text, unsigned width);

#define LOOK_TIME_MAX 32

/* "2026-05-04 08:01:24" in UTC. */
const char *look_time(uint64_t time_ns, char out[LOOK_TIME_MAX]);

/* "2026-05-04T08:01:24Z", for programs. */
const char *look_json_time(uint64_t time_ns, char out[LOOK_TIME_MAX]);

#endif
