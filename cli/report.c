/* smtap report: what a run found, as one HTML file. */
#include "cli/report.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/stdfds.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/page/page.h"
#include "cli/settings.h"
#include "config/config.h"

#define DAMAGE_TOLD 5 /* lines that are named; the others are counted */

static const char report_help[] =
	"usage: smtap report [OPTION...] [EVE.json]\n"
	"\n"
	"Makes one HTML file of the events of a run: its incidents with timeline, attempts over\n"
	"time, accounts, sources, evidence and what to do. The file needs nothing else: no\n"
	"network, no script. The same events give the same file.\n"
	"\n"
	"  EVE.json               the events (DIR/eve.json)\n"
	"  -c, --config FILE      settings (" COMMAND_CONFIG_FILE ", if there is one)\n"
	"  -o, --output DIR       where report.html goes (./smtap-out)\n"
	"      --incident N       only this incident\n"
	"      --help\n"
	"\n"
	"Exit status: 0 done; 1 failed while running, or lines could not be read (the others are\n"
	"reported); 2 bad usage, configuration or input.\n"
	"\n"
	"Examples:\n"
	"  smtap report\n"
	"  smtap report -o out --incident 3\n"
	"  smtap report -o /srv/reports /var/log/smtap/eve.json\n";

enum { OPT_INCIDENT = 256 };

static const struct option report_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"output", required_argument, NULL, 'o'},
	{"incident", required_argument, NULL, OPT_INCIDENT},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct damage {
	const char *file;
	uint64_t count;
};

static void
tell_damage(void *arg, uint64_t line, const char *why)
{
	struct damage *damage = arg;

	if (damage->count++ < DAMAGE_TOLD)
		fprintf(stderr, "smtap: %s:%" PRIu64 ": %s; skipped\n", damage->file, line, why);
}

int
report_write(const char *eve, const char *folder, uint64_t incident, FILE *said)
{
	char html[PATH_MAX], why[512] = "";
	struct damage damage = {.file = eve};
	struct page_result result;
	struct page_options options = {.eve = eve,
		.html = html,
		.incident = incident,
		.progress = isatty(STDERR_FILENO) ? stderr : NULL,
		.damaged = tell_damage,
		.arg = &damage};

	if (snprintf(html, sizeof(html), "%s/report.html", folder) >= (int)sizeof(html))
		return command_fail(COMMAND_BAD, "-o: the path is too long");
	int e = page_make(&options, &result, why, sizeof(why));
	if (damage.count > DAMAGE_TOLD)
		fprintf(stderr, "smtap: %s: %" PRIu64 " further line%s skipped\n", eve,
			damage.count - DAMAGE_TOLD, text_s(damage.count - DAMAGE_TOLD));
	if (e != 0)
		return command_fail(e == -EINVAL ? COMMAND_BAD : COMMAND_FAILED, "%s", why);
	fprintf(said, "%s: %" PRIu64 " incident%s\n", html, result.incidents,
		text_s(result.incidents));
	return result.damaged > 0 ? COMMAND_FAILED : COMMAND_DONE;
}

struct report {
	const char *config;
	const char *output;
	const char *eve;
	uint64_t incident;
};

static int
take_incident(struct report *r, const char *text)
{
	char *end;

	errno = 0;
	r->incident = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && r->incident > 0)
		return 0;
	return command_fail(
		COMMAND_BAD, "--incident %s: the number of an incident is needed", text);
}

static int
take(struct report *r, int option, char **argv)
{
	switch (option) {
	case 'c':
		r->config = optarg;
		return 0;
	case 'o':
		r->output = optarg;
		return 0;
	case OPT_INCIDENT:
		return take_incident(r, optarg);
	}
	return command_bad_option(option, argv);
}

static int
write_to(const struct report *r, const char *eve)
{
	/* Of a run's own events its folder is there; that of others may have to be made. */
	if (r->eve && access(r->eve, R_OK) == 0 && mkdir(r->output, 0777) != 0 && errno != EEXIST)
		return command_fail(COMMAND_BAD, "%s: %s", r->output, strerror(errno));
	return report_write(r->eve ? r->eve : eve, r->output, r->incident, stdout);
}

static int
run(struct report *r)
{
	struct config config;
	char eve[PATH_MAX];

	if (!stdfds_has_output())
		return command_fail(COMMAND_FAILED, "standard output is closed");
	int status = settings_read(&config, &r->config);
	if (status == 0)
		status = settings_eve(&config, &r->output, eve, sizeof(eve));
	if (status == 0)
		status = write_to(r, eve);
	config_free(&config);
	return status;
}
int
command_report(int argc, char **argv)
{
	struct report r = {0};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:o:h", report_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(report_help, stdout);
			return COMMAND_DONE;
		}
		if (take(&r, option, argv) != 0)
			return COMMAND_BAD;
	}
	if (argc - optind > 1)
		return command_fail(
			COMMAND_BAD, "report: one file of events at most; see smtap report --help");
	r.eve = argv[optind];
	return run(&r);
}
