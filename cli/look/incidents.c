/* smtap incidents: what the store knows of them. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/look/ask.h"
#include "cli/look/look.h"
#include "cli/look/show.h"
#include "cli/look/suppress.h"

static const char incidents_help[] =
	"usage: smtap incidents [list] [OPTION...]\n"
	"       smtap incidents show ID [OPTION...]\n"
	"       smtap incidents export [ID...] [OPTION...]\n"
	"       smtap incidents ack ID... [--note TEXT] [OPTION...]\n"
	"       smtap incidents suppress [ID...] --reason TEXT [OPTION...]\n"
	"       smtap incidents suppressed [--all] [OPTION...]\n"
	"       smtap incidents unsuppress N... [OPTION...]\n"
	"\n"
	"The incidents of a running or finished instance, from its store. list has the newest\n"
	"first; show tells one in full; export writes the alerts of these, or of all, as EVE\n"
	"lines; ack tells a running instance that you have seen them; suppress has it hide\n"
	"them, or what the options describe, from now on; suppressed lists what it hides, and\n"
	"unsuppress takes that back.\n"
	"\n" LOOK_HELP "  -n, --number N         list at most so many (50; 0: all)\n"
	"      --open             list only those that are not closed\n"
	"      --severity WORD    list only critical, major or better, minor or better\n"
	"      --days N           list only those seen in the last N days\n"
	"      --unacked          list only those that nobody has acknowledged as far as they\n"
	"                         have come\n"
	"      --note TEXT        of ack: what was done about it\n"
	"      --source ADDRESS, --prefix PREFIX, --account NAME, --server ADDRESS,\n"
	"      --detector NAME[,NAME...]\n"
	"                         suppress findings that all of these hold for, not an ID\n"
	"      --reason TEXT      of suppress: for whoever reads it later\n"
	"      --until DATE       of suppress: 2026-12-31, 2026-12-31T18:00:00Z (never)\n"
	"      --all              of suppressed: what was taken back, too\n"
	"      --help\n"
	"\n"
	"Exit status: 0 done; 1 failed while reading; 2 bad usage, no such incident, or there is\n"
	"no store.\n"
	"\n"
	"Examples:\n"
	"  smtap incidents --open\n"
	"  smtap incidents show 3\n"
	"  smtap incidents list --json --days 7 | jq .sources\n"
	"  smtap incidents suppress --source 192.0.2.7 --until 2026-12-31 --reason 'a test of "
	"ours'\n";

#define SHOWN 50
#define DAY_S 86400u
#define NOTE_MAX 1000 /* as control has it */

enum {
	OPT_OPEN = LOOK_OWN,
	OPT_SEVERITY,
	OPT_DAYS,
	OPT_UNACKED,
	OPT_NOTE,
	OPT_ALL,
	/* Those of a rule, with its keys. */
	OPT_SOURCE,
	OPT_PREFIX,
	OPT_ACCOUNT,
	OPT_SERVER,
	OPT_DETECTOR,
	OPT_UNTIL,
	OPT_REASON,
};

static const char *const rule_keys[] = {
	"source", "prefix", "account", "server", "detector", "until", "reason"};

static const struct option options[] = {LOOK_OPTIONS, {"number", required_argument, NULL, 'n'},
	{"open", no_argument, NULL, OPT_OPEN}, {"severity", required_argument, NULL, OPT_SEVERITY},
	{"days", required_argument, NULL, OPT_DAYS}, {"unacked", no_argument, NULL, OPT_UNACKED},
	{"note", required_argument, NULL, OPT_NOTE}, {"all", no_argument, NULL, OPT_ALL},
	{"source", required_argument, NULL, OPT_SOURCE},
	{"prefix", required_argument, NULL, OPT_PREFIX},
	{"account", required_argument, NULL, OPT_ACCOUNT},
	{"server", required_argument, NULL, OPT_SERVER},
	{"detector", required_argument, NULL, OPT_DETECTOR},
	{"until", required_argument, NULL, OPT_UNTIL},
	{"reason", required_argument, NULL, OPT_REASON}, {NULL, 0, NULL, 0}};

struct request {
	struct look look;
	struct store_filter filter;
	unsigned seen;
	const char *note; /* NULL: none */
	json_t *rule;     /* of suppress */
	bool all;
};

static int
take_severity(struct store_filter *filter, const char *word)
{
	for (unsigned severity = 1; severity <= 3; severity++) {
		if (strcmp(word, show_severity(severity)) != 0)
			continue;
		filter->severity = severity;
		return 0;
	}
	return command_fail(COMMAND_BAD, "--severity %s: critical, major or minor is needed", word);
}

static int
take_days(struct store_filter *filter, uint64_t days)
{
	uint64_t now_s = (uint64_t)time(NULL);

	if (days == 0)
		return command_fail(COMMAND_BAD, "--days 0: 1 or more is needed");
	/* Before 1970 there is none. */
	filter->since_ns = days < now_s / DAY_S ? (now_s - days * DAY_S) * NS_PER_S : 0;
	return 0;
}

/* As control takes it: told here it is told once, and before anything is acknowledged. */
static int
take_note(struct request *q, const char *text)
{
	size_t len = strlen(text);

	q->note = text;
	if (len > NOTE_MAX)
		return command_fail(COMMAND_BAD, "--note: at most %d bytes are possible", NOTE_MAX);
	if (!utf8_is_printable((const uint8_t *)text, len))
		return command_fail(
			COMMAND_BAD, "--note: UTF-8 without control characters is needed");
	return 0;
}

/* Text that is no UTF-8 cannot be told. */
static int
take_rule(struct request *q, const char *key, const char *text)
{
	json_t *value = json_string(text);

	if (strcmp(key, "detector") == 0 && strchr(text, ',')) {
		json_decref(value);
		value = json_array();
		for (size_t n; (n = strcspn(text, ",")) > 0; text += n + (text[n] == ','))
			json_array_append_new(value, json_stringn(text, n));
	}
	if (value && json_object_set_new(q->rule, key, value) == 0)
		return 0;
	return command_fail(COMMAND_BAD, "--%s: UTF-8 is needed", key);
}

static int
take(struct request *q, int option, char **argv)
{
	uint64_t n;

	switch (option) {
	case 'n':
		if (look_number("-n", optarg, &n) != 0)
			return COMMAND_BAD;
		q->filter.max = n < UINT32_MAX ? (unsigned)n : UINT32_MAX;
		return 0;
	case OPT_OPEN:
		q->filter.open = true;
		return 0;
	case OPT_UNACKED:
		q->filter.unacked = true;
		return 0;
	case OPT_NOTE:
		return take_note(q, optarg);
	case OPT_ALL:
		q->all = true;
		return 0;
	case OPT_SOURCE:
	case OPT_PREFIX:
	case OPT_ACCOUNT:
	case OPT_SERVER:
	case OPT_DETECTOR:
	case OPT_UNTIL:
	case OPT_REASON:
		return take_rule(q, rule_keys[option - OPT_SOURCE], optarg);
	case OPT_SEVERITY:
		return take_severity(&q->filter, optarg);
	case OPT_DAYS:
		if (look_number("--days", optarg, &n) != 0)
			return COMMAND_BAD;
		return take_days(&q->filter, n);
	}
	return look_take(&q->look, option) ? 0 : command_bad_option(option, argv);
}

static void
print_json(const struct store_incident *i, json_t *smtap)
{
	char time[3][LOOK_TIME_MAX];
	json_t *o = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:I}", "incident_id",
		(json_int_t)i->id, "state", i->state, "severity", show_severity(i->severity),
		"stage", i->stage, "first_seen", look_json_time(i->first_ns, time[0]), "last_seen",
		look_json_time(i->last_ns, time[1]), "alerts", (json_int_t)i->alerts);
	json_t *incident = json_object_get(smtap, "incident");
	static const char *const keys[] = {"sources", "accounts", "servers", "stages", "advice"};

	if (i->merged_into)
		json_object_set_new(o, "merged_into", json_integer((json_int_t)i->merged_into));
	if (i->acked_ns) {
		json_object_set_new(o, "acked", json_string(look_json_time(i->acked_ns, time[2])));
		json_object_set_new(o, "acked_by", json_string(i->acked_by));
		json_object_set_new(o, "note", json_string(i->note));
		json_object_set_new(o, "acked_stage", json_string(i->acked_stage));
	}
	for (unsigned k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
		json_object_set(o, keys[k], json_object_get(incident, keys[k]));
	if (o)
		json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static int
print_row(void *arg, const struct store_incident *i)
{
	struct request *q = arg;
	json_t *smtap = show_read(i);
	char time[LOOK_TIME_MAX];

	q->seen++;
	if (q->look.json) {
		print_json(i, smtap);
	} else {
		printf("%6" PRIu64 " %-13s %-6s ", i->id, show_severity(i->severity), i->state);
		look_put_text(stdout, i->stage, 11);
		printf(" %s ", look_time(i->last_ns, time));
		show_names(stdout, smtap, "sources", 22);
		putchar(' ');
		show_names(stdout, smtap, "accounts", 0);
		putchar('\n');
	}
	json_decref(smtap);
	return 0;
}

static int
list(struct request *q)
{
	if (!q->look.json)
		printf("%6s %-13s %-6s %-11s %-19s %-22s %s\n", "ID", "SEVERITY", "STATE", "STAGE",
			"LAST SEEN (UTC)", "SOURCES", "ACCOUNTS");
	return store_incidents(q->look.store, &q->filter, print_row, q);
}

static int
show_one(void *arg, const struct store_incident *i)
{
	struct request *q = arg;
	json_t *smtap = show_read(i);
	int r = 0;

	q->seen++;
	if (q->look.json)
		print_json(i, smtap);
	else
		r = show_incident(q->look.store, i, smtap, stdout);
	json_decref(smtap);
	return r;
}

static int
print_line(void *arg, const struct store_alert *alert)
{
	(void)arg;
	printf("%.*s\n", (int)alert->line_len, alert->line);
	return 0;
}

static int
export_one(struct request *q, uint64_t id)
{
	q->filter.id = id;
	return store_read_incident(q->look.store, id, print_line, q);
}

static int
count_one(void *arg, const struct store_incident *i)
{
	struct request *q = arg;

	(void)i;
	q->seen++;
	return 0;
}

/* Each ID in turn. The last call's result; *status as long as an ID is wrong. */
static int
each(struct request *q, char **ids, bool shows, int *status)
{
	int r = 0;

	for (; *ids && r >= 0; ids++) {
		uint64_t id;

		if (look_number("incident", *ids, &id) != 0) {
			*status = COMMAND_BAD;
			continue;
		}
		q->filter = (struct store_filter){.id = id ? id : UINT64_MAX >> 1};
		q->seen = 0;
		r = store_incidents(q->look.store, &q->filter, shows ? show_one : count_one, q);
		if (r == 0 && q->seen == 0)
			*status = command_fail(
				COMMAND_BAD, "%s: there is no incident %" PRIu64, q->look.path, id);
		else if (r == 0 && !shows)
			r = export_one(q, id);
	}
	return r;
}

static int
acknowledge(struct request *q, char **ids)
{
	int status, fd = ask_open(&q->look, &status);
	struct ask_refusal refusal;

	if (fd < 0)
		return status;
	for (status = COMMAND_DONE; *ids; ids++) {
		uint64_t id;

		if (look_number("incident", *ids, &id) != 0) {
			status = COMMAND_BAD;
			continue;
		}
		json_t *answer = ask(fd,
			json_pack("{s:s, s:I, s:s}", "verb", "ack", "incident", (json_int_t)id,
				"note", q->note ? q->note : ""),
			&refusal);
		if (!answer)
			status = suppress_worse(
				status, command_fail(refusal.status, "incident %" PRIu64 ": %s", id,
						refusal.why));
		json_decref(answer);
	}
	close(fd);
	return status;
}

static int
run(struct request *q, const char *what, char **operands)
{
	int status = COMMAND_DONE, r;
	int opened = look_open(&q->look);

	if (opened != 0)
		return opened;
	if (strcmp(what, "list") == 0)
		r = list(q);
	else if (operands[0] == NULL) /* export */
		r = store_read(q->look.store, 0, UINT32_MAX, print_line, q);
	else
		r = each(q, operands, strcmp(what, "show") == 0, &status);
	int closed = look_close(&q->look, r);
	return closed ? closed : status;
}

struct verb {
	const char *name;
	bool takes_ids;
	bool needs_ids;
};

static const struct verb verbs[] = {
	{"list", false, false},
	{"show", true, true},
	{"export", true, false},
	{"ack", true, true},
	{"suppress", true, false},
	{"suppressed", false, false},
	{"unsuppress", true, true},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int
check(const struct request *q, const char *what, char **operands)
{
	size_t i = 0;

	while (i < VERBS && strcmp(verbs[i].name, what) != 0)
		i++;
	if (i == VERBS)
		return command_fail(COMMAND_BAD,
			"incidents: %s: list, show, export, ack, suppress, suppressed or "
			"unsuppress is needed; see smtap incidents --help",
			what);
	if (!verbs[i].takes_ids && operands[0])
		return command_fail(
			COMMAND_BAD, "incidents %s: %s: no operand is expected", what, operands[0]);
	if (verbs[i].needs_ids && !operands[0])
		return command_fail(
			COMMAND_BAD, "incidents %s: the ID of an incident is needed", what);
	if (strcmp(what, "suppress") != 0)
		return 0;
	if (!json_object_get(q->rule, "reason"))
		return command_fail(COMMAND_BAD, "incidents suppress: --reason is needed");
	for (unsigned k = 0; operands[0] && k <= OPT_DETECTOR - OPT_SOURCE; k++)
		if (json_object_get(q->rule, rule_keys[k]))
			return command_fail(COMMAND_BAD,
				"incidents suppress: an ID or --%s, not both", rule_keys[k]);
	return 0;
}

static int
dispatch(struct request *q, const char *what, char **operands)
{
	int status = check(q, what, operands);

	if (status != 0)
		return status;
	if (strcmp(what, "ack") == 0)
		return acknowledge(q, operands);
	if (strcmp(what, "suppress") == 0)
		return suppress_tell(&q->look, q->rule, operands);
	if (strcmp(what, "unsuppress") == 0)
		return suppress_take_back(&q->look, operands);
	if (strcmp(what, "suppressed") == 0)
		return suppress_list(&q->look, q->all);
	return run(q, what, operands);
}

int
command_incidents(int argc, char **argv)
{
	struct request q = {.filter = {.max = SHOWN}, .rule = json_object()};
	int option, status = 0;

	opterr = 0;
	while (status == 0 &&
		(option = getopt_long(argc, argv, LOOK_SHORT_OPTIONS, options, NULL)) != -1) {
		if (option == 'h') {
			fputs(incidents_help, stdout);
			json_decref(q.rule);
			return COMMAND_DONE;
		}
		status = take(&q, option, argv);
	}
	char **operands = argv + optind;
	const char *what = status == 0 && operands[0] ? *operands++ : "list";
	status = status == 0 ? dispatch(&q, what, operands) : COMMAND_BAD;
	json_decref(q.rule);
	return status;
}
