#include "cli/look/suppress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/look/ask.h"

/* One question of several; question is given back. */
static int
ask_one(int fd, json_t *question, const char *about, bool tells_id)
{
	struct ask_refusal refusal;
	json_t *answer = ask(fd, question, &refusal);

	if (!answer)
		return command_fail(refusal.status, "%s%s", about, refusal.why);
	if (tells_id)
		printf("suppression %" JSON_INTEGER_FORMAT "\n",
			json_integer_value(json_object_get(answer, "id")));
	json_decref(answer);
	return COMMAND_DONE;
}

int
suppress_tell(struct look *look, json_t *rule, char **ids)
{
	int status, fd = ask_open(look, &status);
	char about[48];
	uint64_t id;

	if (fd < 0)
		return status;
	status = COMMAND_DONE;
	if (!*ids)
		status = ask_one(fd, json_pack("{s:s, s:O}", "verb", "suppress", "rule", rule),
			"suppress: ", true);
	for (; *ids; ids++) {
		if (look_number("incident", *ids, &id) != 0) {
			status = COMMAND_BAD;
			continue;
		}
		snprintf(about, sizeof(about), "incident %" PRIu64 ": ", id);
		status = suppress_worse(
			status, ask_one(fd,
					json_pack("{s:s, s:I, s:O}", "verb", "suppress", "incident",
						(json_int_t)id, "rule", rule),
					about, true));
	}
	close(fd);
	return status;
}

int
suppress_take_back(struct look *look, char **ids)
{
	int status, fd = ask_open(look, &status);
	char about[48];
	uint64_t id;

	if (fd < 0)
		return status;
	for (status = COMMAND_DONE; *ids; ids++) {
		if (look_number("suppression", *ids, &id) != 0) {
			status = COMMAND_BAD;
			continue;
		}
		snprintf(about, sizeof(about), "suppression %" PRIu64 ": ", id);
		status = suppress_worse(status,
			ask_one(fd,
				json_pack("{s:s, s:I}", "verb", "unsuppress", "id", (json_int_t)id),
				about, false));
	}
	close(fd);
	return status;
}

static void
print_json(const struct store_suppression *one, json_t *rule)
{
	char time[2][LOOK_TIME_MAX];
	json_t *o = json_pack("{s:I, s:s, s:s, s:O}", "id", (json_int_t)one->id, "by", one->by,
		"at", look_json_time(one->at_ns, time[0]), "rule", rule);

	if (one->incident)
		json_object_set_new(o, "incident_id", json_integer((json_int_t)one->incident));
	if (one->removed_ns) {
		json_object_set_new(
			o, "removed", json_string(look_json_time(one->removed_ns, time[1])));
		json_object_set_new(o, "removed_by", json_string(one->removed_by));
	}
	if (o)
		json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

/* "source 192.0.2.7, detector spray" */
static void
print_what(const struct store_suppression *one, json_t *rule)
{
	const char *key;
	json_t *value;
	bool first = true;

	if (one->incident)
		printf("incident %" PRIu64, one->incident);
	json_object_foreach(rule, key, value)
	{
		char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		if (strcmp(key, "until") != 0 && strcmp(key, "reason") != 0 && one->incident == 0) {
			printf("%s%s ", first ? "" : ", ", key);
			look_put_text(stdout,
				json_is_string(value) ? json_string_value(value)
				: text                ? text
						      : "",
				0);
			first = false;
		}
		free(text);
	}
}

static const char *
text_of(const json_t *rule, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(rule, key));

	return text ? text : otherwise;
}

static int
print_one(void *arg, const struct store_suppression *one)
{
	const struct look *look = arg;
	json_t *rule = json_loads(one->rule, 0, NULL);
	char time[LOOK_TIME_MAX];

	if (look->json) {
		print_json(one, rule);
	} else {
		printf("%4" PRIu64 "  %s  ", one->id, look_time(one->at_ns, time));
		look_put_text(stdout, one->by, 10);
		fputs("  until ", stdout);
		look_put_text(stdout, text_of(rule, "until", "never"), 20);
		fputs("  ", stdout);
		print_what(one, rule);
		fputs(": ", stdout);
		look_put_text(stdout, text_of(rule, "reason", ""), 0);
		if (one->removed_ns) {
			printf("; taken back %s by ", look_time(one->removed_ns, time));
			look_put_text(stdout, one->removed_by, 0);
		}
		putchar('\n');
	}
	json_decref(rule);
	return 0;
}

int
suppress_list(struct look *look, bool all)
{
	int opened = look_open(look);

	if (opened != 0)
		return opened;
	return look_close(look, store_suppressions(look->store, all, print_one, look));
}
