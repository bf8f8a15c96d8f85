/* smtap top: what a running instance sees, as it sees it. */
#include <curses.h>
#include <getopt.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/look/ask.h"
#include "cli/top/screen.h"

static const char top_help[] =
	"usage: smtap top [OPTION...]\n"
	"\n"
	"Shows a running instance: rates, loss, open incidents, sources and accounts with the\n"
	"most failures. q ends it. Without a terminal, or with --json, it shows them once.\n"
	"\n" LOOK_SOCKET_HELP "      --json             once, as a JSON object\n"
	"  -d, --delay SECONDS    between looks, 1 to 3600 (2)\n"
	"      --help\n"
	"\n"
	"Exit status: 0 done; 1 no instance runs there, or it ended; 2 bad usage.\n";

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"output", required_argument, NULL, 'o'},
	{"json", no_argument, NULL, LOOK_JSON},
	{"delay", required_argument, NULL, 'd'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

#define ROWS_WITHOUT_TERMINAL 50

static json_t *
ask_status(int fd, char *why, size_t why_len)
{
	struct ask_refusal refusal;
	json_t *answer = ask(fd, json_pack("{s:s}", "verb", "status"), &refusal);

	if (!answer)
		snprintf(why, why_len, "%s", refusal.why);
	return answer;
}

static int
show_once(int fd, bool json)
{
	static struct screen screen; /* large */
	char why[512];
	json_t *now = ask_status(fd, why, sizeof(why));

	if (!now)
		return command_fail(COMMAND_FAILED, "%s", why);
	screen.rows = ROWS_WITHOUT_TERMINAL;
	screen.columns = SCREEN_COLUMNS;
	screen_fill(&screen, now, NULL);
	if (json) {
		json_dumpf(now, stdout, JSON_COMPACT);
		putchar('\n');
	}
	for (unsigned i = 0; !json && i < screen.used; i++)
		puts(screen.line[i]);
	json_decref(now);
	return COMMAND_DONE;
}

static void
draw(const json_t *now, const json_t *before)
{
	static struct screen screen; /* large */

	screen.rows = LINES > 0 ? (unsigned)LINES : 1;
	screen.columns = COLS > 0 ? (unsigned)COLS : 1;
	screen_fill(&screen, now, before);
	erase();
	for (unsigned i = 0; i < screen.used; i++) {
		attrset(screen.bold[i] ? A_BOLD : A_NORMAL);
		mvaddnstr((int)i, 0, screen.line[i], (int)screen.columns);
	}
	refresh();
}

static bool
is_hung_up(void)
{
	struct pollfd p = {.fd = STDIN_FILENO};

	return poll(&p, 1, 0) == 1;
}

/* True: go on, after the pause or when the window has another size. */
static bool
pause_or_key(const json_t *now, const json_t *before)
{
	for (;;) {
		switch (getch()) {
		case 'q':
		case 'Q':
			return false;
		case ERR: /* nothing, until the time was over; or there is no terminal any more */
			return !is_hung_up();
		case KEY_RESIZE:
			draw(now, before);
			break;
		default:
			return true;
		}
	}
}

static int
watch(int fd, unsigned delay_s)
{
	char why[512] = "";
	json_t *now = NULL, *before = NULL;

	setlocale(LC_ALL, "");
	if (!newterm(NULL, stdout, stdin))
		return show_once(fd, false);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	timeout((int)delay_s * 1000);
	for (;;) {
		json_t *next = ask_status(fd, why, sizeof(why));

		if (!next)
			break;
		json_decref(before);
		before = now;
		now = next;
		draw(now, before);
		if (!pause_or_key(now, before))
			break;
	}
	endwin();
	json_decref(before);
	json_decref(now);
	return why[0] ? command_fail(COMMAND_FAILED, "%s", why) : COMMAND_DONE;
}

static int
take_delay(const char *text, uint64_t *delay_s)
{
	if (look_number("-d", text, delay_s) != 0)
		return COMMAND_BAD;
	if (*delay_s >= 1 && *delay_s <= 3600)
		return 0;
	return command_fail(COMMAND_BAD, "-d %s: 1 to 3600 seconds are possible", text);
}

int
command_top(int argc, char **argv)
{
	struct look look = {0};
	uint64_t delay_s = 2;
	int option, status, fd;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:o:d:h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(top_help, stdout);
			return COMMAND_DONE;
		}
		if (option == 'd' && take_delay(optarg, &delay_s) != 0)
			return COMMAND_BAD;
		if (option != 'd' && !look_take(&look, option))
			return command_bad_option(option, argv);
	}
	if (optind < argc)
		return command_fail(COMMAND_BAD,
			"top: %s: no operand is expected; see smtap top --help", argv[optind]);
	fd = ask_open(&look, &status);
	if (fd < 0)
		return status;
	if (look.json || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		status = show_once(fd, look.json);
	else
		status = watch(fd, (unsigned)delay_s);
	close(fd);
	return status;
}
