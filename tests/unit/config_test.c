/*
 * Golden tests of the configuration: tests/unit/config/NAME.in is read; NAME.ok
 * holds lines that the printed result must have, in that order; NAME.err holds
 * the one line that the error must be.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>

#include "config/config.h"

static const char *
golden_dir(void)
{
	static char dir[4096];
	const char *source = getenv("SMTAP_SOURCE");

	snprintf(dir, sizeof(dir), "%s/tests/unit/config", source ? source : ".");
	return dir;
}

static char *
slurp(const char *name, const char *suffix, size_t *len)
{
	char path[4600];
	char *text;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s%s", golden_dir(), name, suffix);
	f = fopen(path, "rb");
	if (!f)
		return NULL;
	text = calloc(1, 65536);
	assert_non_null(text);
	n = fread(text, 1, 65535, f);
	fclose(f);
	if (len)
		*len = n;
	return text;
}

static char *
printed(const struct config *config)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	assert_int_equal(config_print(config, f), 0);
	fclose(f);
	return text;
}

static void
assert_round_trip(const struct config *config)
{
	char why[300] = "";
	char *text = printed(config);
	struct config again;
	struct config_source source = {"printed", text, strlen(text)};

	memset(&again, 0x5a, sizeof(again));
	config_defaults(&again);
	if (config_parse(&again, &source, why, sizeof(why)))
		fail_msg("%s", why);
	assert_true(config_same(config, &again));
	config_free(&again);
	free(text);
}

static void
assert_lines_in_order(const char *name, const char *text, const char *want)
{
	while (*want) {
		size_t n = strcspn(want, "\n") + 1;
		const char *p = text;

		while (*p && strncmp(p, want, n) != 0)
			p += strcspn(p, "\n") + 1;
		if (!*p)
			fail_msg("%s: no line %.*s in order", name, (int)n - 1, want);
		text = p + n;
		want += n;
	}
}

static void
check_one(const char *name)
{
	char why[300] = "", file[300];
	size_t len = 0;
	char *in = slurp(name, ".in", &len), *ok = slurp(name, ".ok", NULL),
	     *err = slurp(name, ".err", NULL);
	struct config config, before;

	config_defaults(&config);
	before = config;
	snprintf(file, sizeof(file), "%s.in", name);
	struct config_source source = {file, in, len};
	int status = config_parse(&config, &source, why, sizeof(why));
	if (ok) {
		if (status)
			fail_msg("%s", why);
		char *text = printed(&config);
		assert_lines_in_order(name, text, ok);
		free(text);
		assert_round_trip(&config);
	} else {
		assert_non_null(err);
		assert_int_equal(status, -EINVAL);
		strcat(why, "\n");
		assert_string_equal(why, err);
		/* Nothing of a bad file takes effect. */
		assert_memory_equal(&config, &before, sizeof(config));
	}
	config_free(&config);
	free(in);
	free(ok);
	free(err);
}

static void
golden_files_read_as_they_say(void **state)
{
	struct dirent **names;
	int n = scandir(golden_dir(), &names, NULL, alphasort), seen = 0;

	(void)state;
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		char *dot = strrchr(names[i]->d_name, '.');

		if (dot && strcmp(dot, ".in") == 0) {
			*dot = '\0';
			check_one(names[i]->d_name);
			seen++;
		}
		free(names[i]);
	}
	free(names);
	assert_true(seen > 20);
}

static void
defaults_survive_print_and_parse(void **state)
{
	struct config config;

	(void)state;
	config_defaults(&config);
	assert_int_equal(config.ports.count, 1);
	assert_int_equal(config.ports.port[0], 25);
	assert_int_equal(config.workers, 1);
	assert_string_equal(config.output_dir, "./smtap-out");
	assert_round_trip(&config);
}

static void
smallest_and_largest_of_each_setting_survive(void **state)
{
	struct config config;

	(void)state;
	config_defaults(&config);
#define X(type, field, name, value, min, max, help) config.field = min;
	CONFIG_SETTINGS(X)
#undef X
	assert_round_trip(&config);
#define X(type, field, name, value, min, max, help) config.field = max;
	CONFIG_SETTINGS(X)
#undef X
	assert_round_trip(&config);
}

static void
default_of_each_setting_is_in_its_range(void **state)
{
	(void)state;
#define X(type, field, name, value, min, max, help) \
	assert_true((uint64_t)(value) >= (uint64_t)(min) && (uint64_t)(value) <= (uint64_t)(max));
	CONFIG_SETTINGS(X)
#undef X
}

static void
port_list_is_numbers_and_commas(void **state)
{
	static const char *const bad[] = {"", ",", "25,", ",25", "25 26", "0", "65536", "25,25",
		"-1", "0x19", "25;26", "99999999999999999999", "smtp"};
	struct config_ports ports = {{7}, 1};
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_int_equal(config_parse_ports(&ports, bad[i], why, sizeof(why)), -EINVAL);
		assert_true(why[0] != '\0');
		assert_int_equal(ports.count, 1);
	}
	assert_int_equal(config_parse_ports(&ports, "25, 587,65535", why, sizeof(why)), 0);
	assert_int_equal(ports.count, 3);
	assert_int_equal(ports.port[2], 65535);
}

static void
more_ports_than_there_is_room_for_is_an_error(void **state)
{
	char text[1024] = "", why[200];
	struct config_ports ports = {.count = 0};

	(void)state;
	for (int i = 1; i <= 65; i++)
		sprintf(text + strlen(text), "%s%d", i > 1 ? "," : "", i);
	assert_int_equal(config_parse_ports(&ports, text, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "more than 64 ports");
}

static struct config
config_of(const char *text)
{
	struct config_source source = {"f", text, strlen(text)};
	struct config config;
	char why[300] = "";

	config_defaults(&config);
	if (config_parse(&config, &source, why, sizeof(why)))
		fail_msg("%s", why);
	return config;
}

static void
a_rule_ends_with_its_day_or_at_its_second(void **state)
{
	struct config config =
		config_of("suppress:\n"
			  "- {detector: slow, until: 2026-12-31, reason: r}\n"
			  "- {detector: slow, until: 2026-12-31T18:00:00Z, reason: r}\n"
			  "- {detector: slow, until: never, reason: r}\n"
			  "- {detector: slow, until: 1970-01-01T00:00:00Z, reason: r}\n");
	const struct config_rule *rule = config.rules[CONFIG_SUPPRESS].rule;

	(void)state;
	assert_int_equal(config.rules[CONFIG_SUPPRESS].count, 4);
	assert_int_equal(rule[0].until_ns, 1798761600ull * 1000000000);
	assert_int_equal(rule[1].until_ns, 1798740000ull * 1000000000);
	assert_int_equal(rule[2].until_ns, CONFIG_RULE_NEVER);
	assert_int_equal(rule[3].until_ns, 0);
	assert_round_trip(&config);
	config_free(&config);
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = {"2026-02-29", "2026-13-01", "2026-00-10", "2026-12-32",
		"2026-1-1", "26-12-31", "1969-12-31", "2262-01-01", "2026-12-31T24:00:00Z",
		"2026-12-31T23:59:60Z", "2026-12-31T18:00:00", "2026-12-31T18:00:00+01:00",
		"2026-12-31 18:00:00", "tomorrow", "Never", "''", "2026-12-31Z"};
	char text[200], why[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config config;
		struct config_source source = {"f", text, 0};

		config_defaults(&config);
		source.len = (size_t)snprintf(text, sizeof(text),
			"suppress:\n- detector: slow\n  until: %s\n  reason: r\n", bad[i]);
		if (config_parse(&config, &source, why, sizeof(why)) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		if (strncmp(why, "f:3: suppress: until: expected a day such as 2026-12-31", 55) !=
			0)
			fail_msg("%s", why);
	}
}

static void
a_list_has_its_rules_and_no_more_than_its_most(void **state)
{
	char *text = calloc(1, 100000), why[300];
	struct config config;
	size_t len = 7;

	(void)state;
	assert_non_null(text);
	strcpy(text, "allow:\n");
	for (unsigned i = 0; i < CONFIG_RULES_MAX; i++)
		len += (size_t)sprintf(
			text + len, "- {source: 192.0.%u.%u, reason: r}\n", i / 256, i % 256);
	config = config_of(text);
	assert_int_equal(config.rules[CONFIG_ALLOW].count, CONFIG_RULES_MAX);
	assert_int_equal(config.rules[CONFIG_ALLOW].rule[1023].line, 1025);
	assert_round_trip(&config);
	strcpy(text + len, "- {source: 192.0.9.9, reason: r}\n");
	struct config_source source = {"f", text, strlen(text)};
	assert_int_equal(config_parse(&config, &source, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "f:2: allow: 1025 rules; 1024 are the most");
	/* Nothing of a bad file takes effect. */
	assert_int_equal(config.rules[CONFIG_ALLOW].count, CONFIG_RULES_MAX);
	config_free(&config);
	assert_int_equal(config.rules[CONFIG_ALLOW].count, 0);
	free(text);
}

static void
configurations_with_other_rules_are_not_the_same(void **state)
{
	struct config a = config_of("allow: [{source: 192.0.2.7, reason: r}]\n");
	struct config b = config_of("allow: [{source: 192.0.2.7, reason: s}]\n");
	struct config c = config_of("\n\nallow:\n- {source: 192.0.2.7, reason: r}\n");
	struct config d = config_of("");

	(void)state;
	assert_false(config_same(&a, &b));
	assert_false(config_same(&a, &d));
	assert_true(config_same(&a, &c));
	config_free(&a);
	config_free(&b);
	config_free(&c);
}

static void
socket_for_exporters_is_beside_that_of_control(void **state)
{
	static struct config config;
	char path[CONFIG_PATH_MAX];

	(void)state;
	config_defaults(&config);
	assert_int_equal(config_export_socket(&config, NULL, path), 0);
	assert_string_equal(path, "./smtap-out/export.sock");
	strcpy(config.control_socket, "/run/smtap/control.sock");
	assert_int_equal(config_export_socket(&config, NULL, path), 0);
	assert_string_equal(path, "/run/smtap/export.sock");
	strcpy(config.control_socket, "control.sock");
	assert_int_equal(config_export_socket(&config, NULL, path), 0);
	assert_string_equal(path, "export.sock");
	strcpy(config.export_socket, "/run/e.sock");
	assert_int_equal(config_export_socket(&config, NULL, path), 0);
	assert_string_equal(path, "/run/e.sock");
	/* As for control.socket and store.file. */
	assert_int_equal(config_export_socket(&config, "/tmp/x", path), 0);
	assert_string_equal(path, "/tmp/x/export.sock");
}

static void
missing_file_is_named(void **state)
{
	struct config config;
	char why[200];

	(void)state;
	config_defaults(&config);
	assert_int_equal(config_read(&config, "/nonexistent/x.yaml", why, sizeof(why)), -ENOENT);
	assert_string_equal(why, "/nonexistent/x.yaml: No such file or directory");
	assert_true(config_read(&config, "/", why, sizeof(why)) < 0);
}

/* site: {KEY: [FORMAT of 0, of 1, ...]} */
static int
parse_many(struct config *config, const char *key, const char *format, unsigned n, char why[300])
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	fprintf(f, "site: {%s: [\n", key);
	for (unsigned i = 0; i < n; i++) {
		fprintf(f, format, i / 256, i % 256);
		fputs(",\n", f);
	}
	fputs("]}\n", f);
	fclose(f);
	config_defaults(config);
	struct config_source source = {"f", text, len};
	int status = config_parse(config, &source, why, 300);
	free(text);
	return status;
}

static void
lists_have_room_for_as_many_as_they_say_and_no_more(void **state)
{
	static struct config config;
	char why[300] = "";

	(void)state;
	assert_int_equal(parse_many(&config, "local_nets", "10.%u.%u.0/24", 256, why), 0);
	assert_int_equal(config.local_nets.count, 256);
	assert_round_trip(&config);
	assert_int_equal(parse_many(&config, "local_nets", "10.%u.%u.0/24", 257, why), -EINVAL);
	assert_string_equal(why, "f:258: site.local_nets: more than 256 elements");
	assert_int_equal(parse_many(&config, "local_domains", "d%u-%u.example", 1024, why), 0);
	assert_int_equal(config.local_domains.count, 1024);
	assert_round_trip(&config);
	assert_int_equal(
		parse_many(&config, "local_domains", "d%u-%u.example", 1025, why), -EINVAL);
	assert_string_equal(why, "f:1026: site.local_domains: more than 1024 elements");
}

static void
list_of_long_elements_ends_at_its_bytes(void **state)
{
	static struct config config;
	char why[300] = "", format[300] = "";

	(void)state;
	for (int i = 0; i < 4; i++)
		strcat(format, "a23456789-123456789-123456789-123456789-123456789-123456789.");
	strcat(format, "%u-%u");
	assert_int_equal(parse_many(&config, "local_domains", format, 250, why), 0);
	assert_int_equal(parse_many(&config, "local_domains", format, 300, why), -EINVAL);
	assert_non_null(strstr(why, "site.local_domains: more than 65536 bytes in all"));
	assert_int_equal(config.local_domains.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_files_read_as_they_say),
		cmocka_unit_test(defaults_survive_print_and_parse),
		cmocka_unit_test(smallest_and_largest_of_each_setting_survive),
		cmocka_unit_test(default_of_each_setting_is_in_its_range),
		cmocka_unit_test(port_list_is_numbers_and_commas),
		cmocka_unit_test(more_ports_than_there_is_room_for_is_an_error),
		cmocka_unit_test(a_rule_ends_with_its_day_or_at_its_second),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(a_list_has_its_rules_and_no_more_than_its_most),
		cmocka_unit_test(configurations_with_other_rules_are_not_the_same),
		cmocka_unit_test(socket_for_exporters_is_beside_that_of_control),
		cmocka_unit_test(missing_file_is_named),
		cmocka_unit_test(lists_have_room_for_as_many_as_they_say_and_no_more),
		cmocka_unit_test(list_of_long_elements_ends_at_its_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
