/* smtap replay: captures through the real dataplane and control. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/stdfds.h"
#include "cli/command.h"
#include "cli/report.h"
#include "cli/supervise.h"
#include "config/config.h"
#include "contract/hello.h"

static const char replay_help[] =
	"usage: smtap replay [OPTION...] CAPTURE...\n"
	"\n"
	"Inspects captures: prints a report and writes every event to DIR/eve.json. No root,\n"
	"no huge pages, no network. Several captures are one timeline, in the order given. The\n"
	"same captures give the same events, whatever N.\n"
	"\n"
	"  CAPTURE                pcap or pcapng; Ethernet, raw IP, Linux cooked or null; - is\n"
	"                         standard input\n"
	"  -c, --config FILE      settings (" COMMAND_CONFIG_FILE ", if there is one)\n"
	"  -o, --output DIR       where to write (./smtap-out)\n"
	"      --workers N        spread the sessions over N workers, 1 to 64 (1)\n"
	"      --ports LIST       the mail ports, as 25,587 (25)\n"
	"      --eve FILE|-       events there instead; - is standard output, and the report\n"
	"                         goes to standard error (DIR/eve.json)\n"
	"      --format text|json of the report (text)\n"
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
	OPT_WORKERS = 256,
	OPT_PORTS,
	OPT_EVE,
	OPT_FORMAT,
	OPT_REPORT,
	OPT_SPEED,
};

static const struct option replay_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"output", required_argument, NULL, 'o'},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"ports", required_argument, NULL, OPT_PORTS},
	{"eve", required_argument, NULL, OPT_EVE},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"report", no_argument, NULL, OPT_REPORT},
	{"speed", required_argument, NULL, OPT_SPEED},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct replay {
	const char *config; /* NULL: none */
	const char *output; /* NULL: the configuration's */
	const char *workers;
	const char *ports;
	const char *eve;
	const char *format;
	const char *speed;
	bool report;
	char *const *captures;
	int capture_count;
};

static int
replay_check_workers(const char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && n >= 1 &&
		n <= HELLO_WORKERS_MAX)
		return 0;
	return command_fail(COMMAND_BAD, "--workers %s: a number from 1 to %d is needed", text,
		HELLO_WORKERS_MAX);
}

static int
replay_check_ports(const char *text)
{
	struct config_ports ports;
	char why[256] = "";

	if (config_parse_ports(&ports, text, why, sizeof(why)) == 0)
		return 0;
	return command_fail(COMMAND_BAD, "--ports: %s", why);
}

static int
replay_check_choice(const char *option, const char *text, const char *a, const char *b)
{
	if (strcmp(text, a) == 0 || strcmp(text, b) == 0)
		return 0;
	return command_fail(COMMAND_BAD, "%s %s: %s or %s is needed", option, text, a, b);
}

/* Take one option. 0, or COMMAND_BAD. */
static int
replay_take(struct replay *r, int option, char **argv)
{
	switch (option) {
	case 'c':
		r->config = optarg;
		return 0;
	case 'o':
		r->output = optarg;
		return 0;
	case OPT_WORKERS:
		r->workers = optarg;
		return replay_check_workers(optarg);
	case OPT_PORTS:
		r->ports = optarg;
		return replay_check_ports(optarg);
	case OPT_EVE:
		r->eve = optarg;
		return 0;
	case OPT_FORMAT:
		r->format = optarg;
		return replay_check_choice("--format", optarg, "text", "json");
	case OPT_REPORT:
		r->report = true;
		return 0;
	case OPT_SPEED:
		r->speed = optarg;
		return replay_check_choice("--speed", optarg, "max", "real");
	}
	return command_bad_option(option, argv);
}

static void
replay_dataplane_args(const struct replay *r, const struct supervise *s, struct args *a)
{
	args_add(a, "--control-fd");
	args_add_number(a, s->dataplane_socket);
	args_add(a, "--status-fd");
	args_add_number(a, s->status_write);
	if (r->config) {
		args_add(a, "-c");
		args_add(a, r->config);
	}
	if (r->workers) {
		args_add(a, "--workers");
		args_add(a, r->workers);
	}
	if (r->ports) {
		args_add(a, "--ports");
		args_add(a, r->ports);
	}
	args_add(a, "--speed");
	args_add(a, r->speed);
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
	if (r->config) {
		args_add(a, "-c");
		args_add(a, r->config);
	}
	args_add(a, "-o");
	args_add(a, r->output);
	args_add(a, "--eve");
	args_add(a, r->eve);
	if (r->ports) {
		args_add(a, "--ports");
		args_add(a, r->ports);
	}
	args_add(a, "--format");
	args_add(a, r->format);
	if (!isatty(STDERR_FILENO))
		args_add(a, "--no-progress");
}

static int
replay_add_program(struct args *a, const char *name)
{
	char path[PATH_MAX];

	if (supervise_find(name, path, sizeof(path)) != 0)
		return command_fail(
			COMMAND_FAILED, "%s is not beside smtap, nor in ../libexec/smtap", name);
	args_add(a, path);
	return 0;
}

static int
replay_start(const struct replay *r)
{
	struct supervise s;
	int e = supervise_open(&s);
	int status = e == 0 ? 0 : command_fail(COMMAND_FAILED, "%s", strerror(-e));

	if (status == 0)
		status = replay_add_program(&s.dataplane, "smtap-dataplane");
	if (status == 0)
		status = replay_add_program(&s.control, "smtap-control");
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
	int64_t before_ns = replay_written_ns(r->eve);
	int status = replay_start(r);
	int reported;

	if (status == COMMAND_BAD || replay_written_ns(r->eve) == before_ns)
		return status;
	reported = report_write(
		r->eve, r->output, 0, strcmp(r->format, "json") == 0 ? stderr : stdout);
	return status != COMMAND_DONE ? status : reported;
}

/* Fill in what no option said, with the configuration's help. */
static int
replay_run(struct replay *r)
{
	struct config config;
	char eve[PATH_MAX];
	char why[512] = "";

	/* The report goes there, or the events do: better now than after an hour of reading. */
	if (!stdfds_has_output())
		return command_fail(COMMAND_FAILED, "standard output is closed");
	if (r->report && r->eve && strcmp(r->eve, "-") == 0)
		return command_fail(COMMAND_BAD, "--report: the events must be in a file, not -");
	config_defaults(&config);
	if (!r->config && access(COMMAND_CONFIG_FILE, F_OK) == 0)
		r->config = COMMAND_CONFIG_FILE;
	if (r->config && config_read(&config, r->config, why, sizeof(why)) != 0)
		return command_fail(COMMAND_BAD, "%s", why);
	if (!r->output)
		r->output = config.output_dir;
	int n = snprintf(eve, sizeof(eve), "%s/eve.json", r->output);
	if (n < 0 || (size_t)n >= sizeof(eve))
		return command_fail(COMMAND_BAD, "-o: the path is too long");
	if (!r->eve)
		r->eve = eve;
	int status = r->report ? replay_and_report(r) : replay_start(r);
	config_free(&config);
	return status;
}

int
command_replay(int argc, char **argv)
{
	struct replay r = {.format = "text", .speed = "max"};
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
