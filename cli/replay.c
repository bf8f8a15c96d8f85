/* smtap replay: captures through the real dataplane and control. */
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/stdfds.h"
#include "cli/command.h"
#include "cli/launch.h"
#include "cli/report.h"
#include "cli/settings.h"
#include "cli/supervise.h"
#include "config/config.h"

static const char replay_help[] =
	"usage: smtap replay [OPTION...] CAPTURE...\n"
	"\n"
	"Inspects captures: prints a report and writes every event to DIR/eve.json. No root,\n"
	"no huge pages, no network. Several captures are one timeline, in the order given. The\n"
	"same captures give the same events, whatever N.\n"
	"\n"
	"  CAPTURE                pcap or pcapng of most link types; - is standard input\n"
	"  -c, --config FILE      settings (" COMMAND_CONFIG_FILE ", if there is one)\n"
	"  -o, --output DIR       where to write (./smtap-out)\n" LAUNCH_HELP_EVENTS
	"      --report           make DIR/report.html too, see smtap report\n"
	"      --speed max|real   as fast as possible, or at the pace of the capture (max)\n"
	"      --help\n"
	"\n"
	"Exit status: 0 done; 1 failed while running, or a capture was damaged (what was before\n"
	"the damage is reported); 2 bad usage, configuration or input.\n"
	"\n"
	"Examples:\n"
	"  smtap replay attack.pcap\n"
	"  smtap replay --workers 4 --ports 25,587,465 -o out monday.pcap tuesday.pcap\n"
	"  smtap replay --eve - attack.pcap 2>/dev/null | jq 'select(.event_type == \"alert\")'\n"
	"  zcat attack.pcap.gz | smtap replay -\n";

enum {
	OPT_REPORT = LAUNCH_FREE,
	OPT_SPEED,
};

static const struct option replay_options[] = {
	LAUNCH_OPTIONS,
	{"report", no_argument, NULL, OPT_REPORT},
	{"speed", required_argument, NULL, OPT_SPEED},
	{NULL, 0, NULL, 0},
};

struct replay {
	struct launch launch;
	const char *folder; /* of the events, whoever says where */
	const char *speed;
	bool report;
	char *const *captures;
	int capture_count;
};

/* Take one option. 0, or COMMAND_BAD. */
static int
replay_take(struct replay *r, int option, char **argv)
{
	switch (option) {
	case OPT_REPORT:
		r->report = true;
		return 0;
	case OPT_SPEED:
		r->speed = optarg;
		return launch_check_choice("--speed", optarg, "max", "real");
	}
	return launch_take(&r->launch, option, argv);
}

static void
replay_dataplane_args(const struct replay *r, const struct supervise *s, struct args *a)
{
	args_add(a, "--control-fd");
	args_add_number(a, s->dataplane_socket);
	args_add(a, "--status-fd");
	args_add_number(a, s->status_write);
	launch_add_dataplane(&r->launch, a);
	args_add_option(a, "--speed", r->speed);
	if (isatty(STDERR_FILENO))
		args_add(a, "--progress");
	args_add(a, "--");
	for (int i = 0; i < r->capture_count; i++)
		args_add(a, r->captures[i]);
}

static void
replay_control_args(const struct replay *r, const struct supervise *s, struct args *a)
{
	args_add(a, "--dataplane-fd");
	args_add_number(a, s->control_socket);
	args_add(a, "--captures-fd");
	args_add_number(a, s->status_read);
	launch_add_control(&r->launch, a);
	if (!isatty(STDERR_FILENO))
		args_add(a, "--no-progress");
}

static int
replay_start(const struct replay *r)
{
	struct supervise s;
	int e = supervise_open(&s);
	int status = e == 0 ? 0 : command_fail(COMMAND_FAILED, "%s", strerror(-e));

	if (status == 0)
		status = launch_add_program(&s.dataplane, "smtap-dataplane");
	if (status == 0)
		status = launch_add_program(&s.control, "smtap-control");
	if (status == 0) {
		replay_dataplane_args(r, &s, &s.dataplane);
		replay_control_args(r, &s, &s.control);
		status = supervise_run(&s);
	}
	supervise_close(&s);
	return status;
}

/* When the events were written last; 0 when they are not there. */
static int64_t
replay_written_ns(const char *eve)
{
	struct stat st;

	return stat(eve, &st) == 0 ? st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec
				   : 0;
}

/* The HTML file is made of what control wrote: also when a capture was damaged or reading was
 * ended, but not of what a run before this one left. */
static int
replay_and_report(const struct replay *r)
{
	int64_t before_ns = replay_written_ns(r->launch.eve);
	int status = replay_start(r);
	int reported;

	if (status == COMMAND_BAD || replay_written_ns(r->launch.eve) == before_ns)
		return status;
	reported = report_write(r->launch.eve, r->folder, 0,
		strcmp(r->launch.format, "json") == 0 ? stderr : stdout);
	return status != COMMAND_DONE ? status : reported;
}

/* Fill in what no option said, with the configuration's help. */
static int
replay_run(struct replay *r)
{
	struct config config;
	char eve[PATH_MAX];

	/* The report goes there, or the events do: better now than after an hour of reading. */
	if (!stdfds_has_output())
		return command_fail(COMMAND_FAILED, "standard output is closed");
	if (r->report && r->launch.eve && strcmp(r->launch.eve, "-") == 0)
		return command_fail(COMMAND_BAD, "--report: the events must be in a file, not -");
	int status = settings_read(&config, &r->launch.config);
	r->folder = r->launch.output;
	if (status == 0)
		status = settings_eve(&config, &r->folder, eve, sizeof(eve));
	if (!r->launch.eve)
		r->launch.eve = eve;
	if (status == 0)
		status = r->report ? replay_and_report(r) : replay_start(r);
	config_free(&config);
	return status;
}

int
command_replay(int argc, char **argv)
{
	struct replay r = {.launch.format = "text", .speed = "max"};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:o:h", replay_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(replay_help, stdout);
			return COMMAND_DONE;
		}
		if (replay_take(&r, option, argv) != 0)
			return COMMAND_BAD;
	}
	r.captures = argv + optind;
	r.capture_count = argc - optind;
	if (r.capture_count == 0)
		return command_fail(
			COMMAND_BAD, "replay: no capture given; see smtap replay --help");
	return replay_run(&r);
}
