#include "bench/day/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: smtap-day [OPTION...]\n"
	"Days of labelled mail traffic, as events, through the engine: who is found, at which\n"
	"intensity, and which honest people are called attackers; beside it what the default\n"
	"thresholds of other tools say of the same facts.\n"
	"  --kind KIND        attackers of this kind only (--list)\n"
	"  --intensity X      at this intensity only\n"
	"  --attackers M      of a kind, at once (10)\n"
	"  --benign           no attackers: a week, and 10000 users unless told otherwise\n"
	"  --days N           so many; attackers come on the last (3)\n"
	"  --users N          honest users (2000)\n"
	"  --sites N          mail servers (10)\n"
	"  --seed N           first seed (1)\n"
	"  --seeds N          so many seeds, one after another (3)\n"
	"  --only DETECTOR    listen to this one alone\n"
	"  --forget P         chance that a person forgets the password in a day (0.001)\n"
	"  --blind P          per cent of people whose passwords are not seen: CRAM-MD5 (0)\n"
	"  --no-newsletter    no evening newsletters through AUTH\n"
	"  --scanner          an honest vulnerability scanner, too\n"
	"  --json             an object a line\n"
	"  --verbose          name what was false\n"
	"  --list             the kinds and their intensities\n";

enum {
	OPT_KIND = 256,
	OPT_INTENSITY,
	OPT_ATTACKERS,
	OPT_BENIGN,
	OPT_DAYS,
	OPT_USERS,
	OPT_SITES,
	OPT_SEED,
	OPT_SEEDS,
	OPT_ONLY,
	OPT_FORGET,
	OPT_BLIND,
	OPT_NO_NEWSLETTER,
	OPT_SCANNER,
	OPT_JSON,
	OPT_VERBOSE,
	OPT_LIST,
	OPT_HELP
};

static const struct option longs[] = {
	{"kind", required_argument, NULL, OPT_KIND},
	{"intensity", required_argument, NULL, OPT_INTENSITY},
	{"attackers", required_argument, NULL, OPT_ATTACKERS},
	{"benign", no_argument, NULL, OPT_BENIGN},
	{"days", required_argument, NULL, OPT_DAYS},
	{"users", required_argument, NULL, OPT_USERS},
	{"sites", required_argument, NULL, OPT_SITES},
	{"seed", required_argument, NULL, OPT_SEED},
	{"seeds", required_argument, NULL, OPT_SEEDS},
	{"only", required_argument, NULL, OPT_ONLY},
	{"forget", required_argument, NULL, OPT_FORGET},
	{"blind", required_argument, NULL, OPT_BLIND},
	{"no-newsletter", no_argument, NULL, OPT_NO_NEWSLETTER},
	{"scanner", no_argument, NULL, OPT_SCANNER},
	{"json", no_argument, NULL, OPT_JSON},
	{"verbose", no_argument, NULL, OPT_VERBOSE},
	{"list", no_argument, NULL, OPT_LIST},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

static void
list_kinds(void)
{
	const struct attack_kind *kind;

	for (unsigned n = 0; (kind = attack_kind(n)) != NULL; n++) {
		printf("%-20s %s:", kind->name, kind->unit);
		for (unsigned i = 0; kind->scale[i] != 0; i++)
			printf(" %g", kind->scale[i]);
		printf("\n");
	}
}

static int
complain(const char *what, const char *text)
{
	fprintf(stderr, "smtap-day: %s '%s'\n", what, text);
	return 2;
}

static int
read_count(const char *text, unsigned least, unsigned most, unsigned *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || n < least || n > most)
		return complain("no such number is possible here:", text);
	*out = (unsigned)n;
	return 0;
}

static int
read_real(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (end == text || *end != '\0' || !(*out >= 0))
		return complain("not a number from 0 on:", text);
	return 0;
}

static int
read_kind(struct day_options *o, const char *name)
{
	const struct attack_kind *kind;

	for (unsigned n = 0; (kind = attack_kind(n)) != NULL; n++)
		if (strcmp(kind->name, name) == 0)
			o->kind = kind->name;
	return o->kind != NULL ? 0 : complain("no kind has the name (see --list)", name);
}

static int
read_detector(struct day_options *o, const char *name)
{
	for (unsigned d = 0; d < DETECTOR_COUNT; d++)
		if (strcmp(detector_info(d)->name, name) == 0)
			o->only |= 1ULL << d;
	return o->only != 0 ? 0 : complain("no detector has the name", name);
}

static int
read_size(struct day_options *o, int option, const char *arg)
{
	unsigned seed = 0;
	int rc;

	switch (option) {
	case OPT_ATTACKERS:
		return read_count(arg, 1, 30, &o->world.attackers);
	case OPT_DAYS:
		return read_count(arg, 1, 60, &o->days);
	case OPT_USERS:
		return read_count(arg, 100, 100000, &o->world.users);
	case OPT_SITES:
		return read_count(arg, 3, 100, &o->world.sites);
	case OPT_SEEDS:
		return read_count(arg, 1, DAY_SEEDS_MAX, &o->seeds);
	case OPT_SEED:
		rc = read_count(arg, 0, 1000000000, &seed);
		o->world.seed = seed;
		return rc;
	case OPT_BLIND:
		return read_count(arg, 0, 100, &o->world.blind);
	case OPT_INTENSITY:
		return read_real(arg, &o->intensity);
	case OPT_FORGET:
		return read_real(arg, &o->world.forget);
	default:
		return 2; /* getopt has said why */
	}
}

static int
read_option(struct day_options *o, int option, const char *arg)
{
	switch (option) {
	case OPT_KIND:
		return read_kind(o, arg);
	case OPT_ONLY:
		return read_detector(o, arg);
	case OPT_BENIGN:
		o->benign = true;
		return 0;
	case OPT_NO_NEWSLETTER:
		o->world.newsletter = false;
		return 0;
	case OPT_SCANNER:
		o->world.scanner = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_VERBOSE:
		o->verbose = true;
		return 0;
	case OPT_LIST:
		list_kinds();
		return 1;
	case OPT_HELP:
		fputs(help, stdout);
		return 1;
	default:
		return read_size(o, option, arg);
	}
}

int
day_options(struct day_options *o, int argc, char **argv)
{
	int option, rc;

	*o = (struct day_options){.world = {.seed = 1,
					  .sites = 10,
					  .attackers = 10,
					  .forget = 0.001,
					  .newsletter = true},
		.seeds = 3};
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		rc = read_option(o, option, optarg);
		if (rc != 0)
			return rc;
	}
	if (optind < argc)
		return complain("unexpected:", argv[optind]);
	if (o->days == 0)
		o->days = o->benign ? 7 : 3;
	if (o->world.users == 0)
		o->world.users = o->benign ? 10000 : 2000;
	/* Attackers of servers take one each. */
	if (o->world.attackers > o->world.sites)
		o->world.attackers = o->world.sites;
	return 0;
}
