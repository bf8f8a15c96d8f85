/*
 * smtap-export: sends alerts to whom the configuration says. It speaks to the network; it has no
 * ring and no store, only control's socket for exporters.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/stdfds.h"
#include "confine/confine.h"
#include "export/options.h"
#include "export/runners.h"

#define PROGRAM "smtap-export"
#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_BAD_INPUT 2
#define END_S 5 /* for what is in hand; what is not delivered comes after the next start */

struct program {
	struct options options;
	struct config *config;
	struct runners *runners;
	struct sink_context context;
	char sensor[256];
};

static void
say(const char *what)
{
	fprintf(stderr, PROGRAM ": %s\n", what);
}

static void
forget_config(struct config *config)
{
	if (config)
		config_free(config);
	free(config);
}

static int
start(struct program *p, struct config *config, const struct runners *before)
{
	const struct runners_options options = {.exporters = &config->exporters,
		.socket = p->options.socket,
		.context = &p->context,
		.before = before};
	char why[SINK_WHY_MAX];
	int r = runners_start(&p->runners, &options, why);

	if (r != 0)
		say(why);
	return r;
}

/*
 * It speaks to the network: whoever takes it over from there is a user who owns nothing, who may
 * ask control for alerts and say how far they were delivered. Before any file of a sink is read, so
 * that it can be read again.
 */
static int
confine(const struct program *p)
{
	/* Besides what every program needs: what is in a socket's queue, and names to look up. */
	static const char *const names[] = {"ioctl", "sched_getparam", "sched_getscheduler"};
	const struct confine_calls calls = {.names = names,
		.count = sizeof(names) / sizeof(names[0]),
		.network = CONFINE_CLIENT};
	const struct confine_user to = {.user = p->config->export_user};
	char why[CONFINE_WHY_MAX] = "";
	int r = confine_user(&to, why);

	if (r == 0 && p->config->confine_calls)
		r = confine_calls(&calls, why);
	if (r != 0)
		say(why);
	return r;
}

/* NULL: it is wrong, which is told. */
static struct config *
read_config(struct program *p)
{
	struct config *config = malloc(sizeof(*config));
	char why[512] = "out of memory";

	if (config && options_read_config(&p->options, config, why, sizeof(why)) == 0)
		return config;
	free(config);
	say(why);
	return NULL;
}

/* The configuration anew, and with it the files that it names. A bad one leaves all as it is. */
static int
reload(struct program *p)
{
	struct config *config = read_config(p), *old = p->config;
	struct runners *before = p->runners;

	if (!config)
		return 0;
	/* No call of a sink is longer than that. */
	if (!runners_end(before, SINK_CALL_MAX_S + END_S)) {
		say("an exporter does not end: it cannot be started again");
		return -ETIMEDOUT;
	}
	int r = start(p, config, before);
	if (r == 0) {
		p->config = config;
		forget_config(old);
	} else {
		/* What ran before was right. */
		forget_config(config);
		r = start(p, old, before);
	}
	runners_free(before);
	return r;
}

static int
watch(struct program *p, int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			return EXIT_DONE;
		if (reload(p) != 0)
			break;
	}
	return EXIT_FAILED;
}

/* Before any thread is there: they have the mask of whoever starts them. */
static int
open_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	return signalfd(-1, &mask, SFD_CLOEXEC);
}

static int
run(struct program *p)
{
	int signal_fd = open_signals();
	int status = EXIT_FAILED;

	if (signal_fd < 0 || gethostname(p->sensor, sizeof(p->sensor) - 1) != 0) {
		say(strerror(errno));
		return EXIT_FAILED;
	}
	p->context.sensor = p->sensor;
	p->config = read_config(p);
	if (!p->config)
		return EXIT_BAD_INPUT;
	if (p->config->exporters.count == 0) {
		say("there is nothing to do: no exporters are configured");
		return EXIT_DONE;
	}
	if (confine(p) != 0 || start(p, p->config, NULL) != 0)
		return EXIT_BAD_INPUT;
	status = watch(p, signal_fd);
	if (!runners_end(p->runners, END_S)) {
		say("an exporter is busy: what it has in hand comes again after the next start");
		_exit(status);
	}
	runners_free(p->runners);
	close(signal_fd);
	return status;
}

int
main(int argc, char **argv)
{
	static struct program p;
	char why[512] = "";
	int status = EXIT_BAD_INPUT;

	if (stdfds_open() != 0)
		return EXIT_FAILED;
	switch (options_read(&p.options, argc, argv, why, sizeof(why))) {
	case OPTIONS_DONE:
		return stdfds_finish(PROGRAM, EXIT_DONE);
	case OPTIONS_BAD:
		say(why);
		return EXIT_BAD_INPUT;
	case OPTIONS_RUN:
		status = run(&p);
		break;
	}
	forget_config(p.config);
	return stdfds_finish(PROGRAM, status);
}
