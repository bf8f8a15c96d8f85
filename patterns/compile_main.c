/* smtap-patterns: pattern files to serialized Hyperscan databases. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "base/stdfds.h"
#include "patterns/check.h"

#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

static const char usage[] =
	"Usage: smtap-patterns [-o DIR] [--this-cpu] [--strict] FILE...\n"
	"       smtap-patterns --check [--strict] FILE...\n"
	"\n"
	"Check pattern files and compile them to DIR/{banner,reply,command,header}.hsdb,\n"
	"which smtap-dataplane loads. Files are YAML; see patterns/README.md.\n"
	"\n"
	"  -o, --output DIR  where the databases go (default: the current folder)\n"
	"      --check       check only; write nothing\n"
	"      --strict      make errors of warnings\n"
	"      --this-cpu    databases for this CPU's kind only; large sets may gain\n"
	"  -h, --help        print this\n"
	"\n"
	"Exit status: 0 done; 1 a database could not be written; 2 bad usage or patterns.\n";

struct options {
	const char *dir;
	bool check_only;
	struct pattern_check check;
};

static void
advise(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "smtap-patterns: warning: %s\n", line);
}

/* -1: go on; otherwise the exit status. */
static int
options_read(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{"output", required_argument, NULL, 'o'},
		{"check", no_argument, NULL, 'c'},
		{"strict", no_argument, NULL, 's'},
		{"this-cpu", no_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "o:h", names, NULL)) != -1) {
		switch (option) {
		case 'o':
			options->dir = optarg;
			break;
		case 'c':
			options->check_only = true;
			break;
		case 's':
			options->check.strict = true;
			break;
		case 'a':
			options->check.this_cpu = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_DONE;
		default:
			fprintf(stderr,
				"smtap-patterns: '%s' is unknown or lacks its value; "
				"see smtap-patterns --help\n",
				argv[optind - 1]);
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		fputs("smtap-patterns: no pattern file given; see smtap-patterns --help\n", stderr);
		return EXIT_USAGE;
	}
	return -1;
}

static int
run(int argc, char **argv)
{
	struct options options = {.dir = ".", .check.advise = advise};
	struct pattern_set set = {0};
	char why[1024];
	int status = options_read(&options, argc, argv);

	if (status >= 0)
		return status;
	int rc = pattern_set_read(&set, (const char *const *)argv + optind, (size_t)(argc - optind),
		why, sizeof(why));
	status = rc == 0 ? EXIT_DONE : EXIT_USAGE;
	if (rc == 0) {
		rc = pattern_set_compile(&set, options.check_only ? NULL : options.dir,
			&options.check, why, sizeof(why));
		status = rc == 0 ? EXIT_DONE : rc == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	}
	if (rc != 0)
		fprintf(stderr, "smtap-patterns: %s\n", why);
	pattern_set_free(&set);
	return status;
}

int
main(int argc, char **argv)
{
	if (stdfds_open() != 0)
		return EXIT_FAILED;
	return stdfds_finish("smtap-patterns", run(argc, argv));
}
