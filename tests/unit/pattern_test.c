/* Reading pattern files: what is taken, and one line with its place for whatever is not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "patterns/check.h"
#include "patterns/expression.h"
#include "patterns/pattern.h"

#define HEAD "- id: 7\n  context: reply\n  role: fact\n  name: n\n"
#define SAMPLES "  why: w\n  match: '535 b'\n  no_match: '535 c'\n"
#define GOOD HEAD "  expression: '535 b'\n" SAMPLES

static void
parse_fails(const char *text, size_t len, const char *expected)
{
	struct pattern_set set = {0};
	char why[512] = "";

	assert_int_equal(pattern_set_parse(&set, "f", (const uint8_t *)text, len, why, sizeof(why)),
		-EINVAL);
	assert_string_equal(why, expected);
	assert_null(set.patterns);
	assert_int_equal(set.count, 0);
}

static void
pattern_is_read_whole(void **state)
{
	static const char text[] =
		"# comment\n\n"
		"- {id: 12, context: header, role: signature, name: N, why: w,\n"
		"   expression: '^a\\.b', flags: is, match: a.b, no_match: axb,\n"
		"   category: C, severity: 2, mitre: T1110.001}\n" GOOD;
	struct pattern_set set = {0};
	char why[256];

	(void)state;
	assert_int_equal(
		pattern_set_parse(&set, "f", (const uint8_t *)text, strlen(text), why, sizeof(why)),
		0);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.patterns[0].id, 7);
	const struct pattern *p = pattern_set_find(&set, 12);
	assert_non_null(p);
	assert_int_equal(p->context, CONTEXT_HEADER);
	assert_int_equal(p->role, PATTERN_ROLE_SIGNATURE);
	assert_int_equal(p->severity, 2);
	assert_int_equal(p->line, 3);
	assert_string_equal(p->file, "f");
	assert_string_equal(p->name, "N");
	assert_string_equal(p->expression, "^a\\.b");
	assert_string_equal(p->flags, "is");
	assert_string_equal(p->why, "w");
	assert_string_equal(p->match, "a.b");
	assert_string_equal(p->no_match, "axb");
	assert_string_equal(p->category, "C");
	assert_string_equal(p->mitre, "T1110.001");
	p = pattern_set_find(&set, 7);
	assert_string_equal(p->flags, "");
	assert_null(p->category);
	assert_null(p->mitre);
	assert_int_equal(p->severity, 0);
	assert_null(pattern_set_find(&set, 8));
	assert_null(pattern_set_find(&set, 6));
	assert_null(pattern_set_find(&set, 13));
	pattern_set_free(&set);
	assert_null(pattern_set_find(&set, 7));
}

#define KEYS                                                                                    \
	"keys are id, context, role, name, expression, flags, why, match, no_match, category, " \
	"severity, mitre, list, delist"
static const struct {
	const char *text, *why;
} mistakes[] = {
	{"", "f:1: the file is empty; it must be a list of patterns, '- id: ...'"},
	{"# only a comment\n",
		"f:1: the file is empty; it must be a list of patterns, '- id: ...'"},
	{"\nid: 7\n", "f:2: the file must be a list of patterns, '- id: ...'"},
	{"[]\n", "f:1: the list holds no pattern"},
	{"- 7\n", "f:1: a pattern must be a map that starts '- id: NUMBER'"},
	{GOOD "  regex: x\n", "f:9: unknown key 'regex'; " KEYS},
	{GOOD "  \"a\\x1bb\": x\n", "f:9: unknown key 'a\\x1Bb'; " KEYS},
	{GOOD "  [a]: x\n", "f:9: a key must be a word; " KEYS},
	{HEAD SAMPLES, "f:1: the pattern lacks the key 'expression'"},
	{"- name: n\n", "f:1: the pattern lacks the key 'id'"},
	{GOOD "  why: again\n", "f:9: 'why' is already given in line 6"},
	{GOOD GOOD, "f:9: id 7 is already used in f:1"},
	{"- id: 0\n", "f:1: id '0' is not a number from 1 to 2147483647"},
	{"- id: 2147483648\n", "f:1: id '2147483648' is not a number from 1 to 2147483647"},
	{"- id: -1\n", "f:1: id '-1' is not a number from 1 to 2147483647"},
	{"- id: 7x\n", "f:1: id '7x' is not a number from 1 to 2147483647"},
	{"- id: 99999999999\n", "f:1: 'id' is 11 bytes long; at most 10 are allowed"},
	{"- id: [1]\n", "f:1: 'id' must be a single value"},
	{"- id:\n", "f:1: 'id' is empty"},
	{"- id: 7\n  context: body\n",
		"f:2: unknown context 'body'; it is one of banner, reply, command, header"},
	{"- id: 7\n  role: alert\n",
		"f:2: unknown role 'alert'; it is one of signature, server, tool, fact"},
	{"- id: 7\n  severity: 5\n",
		"f:2: severity '5' is not a number from 1 (critical) to 4 (informational)"},
	{GOOD "  delist: https://list.example/\n",
		"f:9: delist is the http or https page of a blocklist, whose name is its list"},
	{GOOD "  list: A\n  delist: ftp://list.example/\n",
		"f:10: delist is the http or https page of a blocklist, whose name is its list"},
	{GOOD "  mitre: 1110\n",
		"f:9: mitre '1110' is not a technique's id, such as T1110 or T1110.001"},
	{GOOD "  mitre: T1110.1\n",
		"f:9: mitre 'T1110.1' is not a technique's id, such as T1110 or T1110.001"},
	{GOOD "  flags: x\n",
		"f:9: unknown flag in 'x'; flags are i (caseless) and s ('.' matches a "
		"line break too)"},
	{GOOD "  flags: ii\n", "f:9: flag 'i' is given twice"},
	{GOOD "  flags: iu\n", "f:9: flag 'u': lines off the wire need not be UTF-8; "
			       "write the bytes, as in \\xc3\\xa9"},
	{GOOD "  flags: m\n", "f:9: flag 'm': only single lines are scanned, '^' is their start"},
	{GOOD "  flags: isism\n", "f:9: 'flags' is 5 bytes long; at most 4 are allowed"},
	{HEAD "  expression: |\n    two\n    lines\n" SAMPLES,
		"f:5: 'expression' holds a line break; it must be one line of text"},
	{HEAD "  expression: \"a\\0b\"\n" SAMPLES,
		"f:5: 'expression' holds a control character; it must be one line of text"},
	{"- id: 7\n  role: signature\n  context: reply\n  name: n\n  expression: "
	 "x\n" SAMPLES "  severity: 1\n",
		"f:1: a pattern of role signature makes alerts and needs the key "
		"'category'"},
	{"- id: 7\n  role: signature\n  context: reply\n  name: n\n  expression: "
	 "x\n" SAMPLES "  category: c\n",
		"f:1: a pattern of role signature makes alerts and needs the key "
		"'severity'"},
	{GOOD "  severity: 2\n",
		"f:9: 'severity' is a signature's: a pattern of role fact makes no alert"},
	{GOOD "  category: c\n",
		"f:9: 'category' is a signature's: a pattern of role fact makes no alert"},
	{GOOD "---\n" GOOD, "f:10: a second YAML document; a file is one list"},
	{"- id: 7\n  name: 'open\n", "f:3: broken YAML: found unexpected end of stream"},
	{"- id: 7\n name: n\n", "f:2: broken YAML: did not find expected '-' indicator"},
	{"- {id: *a}\n", "f:1: broken YAML: found undefined alias"},
	{"- id: 7\n  name: \xff\n", "f:2: broken YAML: invalid leading UTF-8 octet"},
	{GOOD "...\n%\n", "f:10: broken YAML: could not find expected directive name"},
};

static void
each_mistake_is_one_line_with_its_place(void **state)
{

	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		parse_fails(mistakes[i].text, strlen(mistakes[i].text), mistakes[i].why);
}

static void
text_of_unbounded_length_is_refused(void **state)
{
	char text[4096];

	(void)state;
	int n = snprintf(text, sizeof(text), "- id: 7\n  expression: %02100d\n", 0);
	parse_fails(
		text, (size_t)n, "f:2: 'expression' is 2100 bytes long; at most 2048 are allowed");
}

static void
every_prefix_of_a_file_is_read_or_refused(void **state)
{
	struct pattern_set set;
	char why[512];

	(void)state;
	for (size_t len = 0; len <= strlen(GOOD); len++) {
		set = (struct pattern_set){0};
		why[0] = '\0';
		/* A copy of just that size, so that a sanitizer sees a read past it. */
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, GOOD, len);
		if (pattern_set_parse(&set, "f", copy, len, why, sizeof(why)) == 0)
			assert_int_equal(set.count, 1);
		else
			assert_memory_equal(why, "f:", 2);
		free(copy);
		pattern_set_free(&set);
	}
}

/* A folder of its own, with files of given texts. */
struct folder {
	char dir[64];
	char path[2][80];
};

static void
folder_make(struct folder *folder, const char *first, const char *second)
{
	const char *texts[2] = {first, second};

	strcpy(folder->dir, "/tmp/smtap-pattern-XXXXXX");
	assert_non_null(mkdtemp(folder->dir));
	for (int i = 0; i < 2; i++) {
		snprintf(folder->path[i], sizeof(folder->path[i]), "%s/%d", folder->dir, i);
		FILE *f = fopen(folder->path[i], "w");
		assert_non_null(f);
		fputs(texts[i], f);
		fclose(f);
	}
}

static void
folder_remove(struct folder *folder)
{
	for (int i = 0; i < 2; i++)
		unlink(folder->path[i]);
	rmdir(folder->dir);
}

static void
id_used_in_two_files_names_both_places(void **state)
{
	struct folder folder;
	struct pattern_set set = {0};
	char why[512], expected[512];

	(void)state;
	folder_make(&folder, GOOD, "\n\n" GOOD);
	const char *files[] = {folder.path[0], folder.path[1]};
	assert_int_equal(pattern_set_read(&set, files, 2, why, sizeof(why)), -EINVAL);
	snprintf(expected, sizeof(expected), "%s:3: id 7 is already used in %s:1", files[1],
		files[0]);
	assert_string_equal(why, expected);
	assert_int_equal(set.count, 0);

	/* A set that holds patterns keeps them, whether the next file is good or not. */
	assert_int_equal(pattern_set_read(&set, files, 1, why, sizeof(why)), 0);
	assert_int_equal(pattern_set_read(&set, files + 1, 1, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, expected);
	assert_int_equal(set.count, 1);
	assert_non_null(pattern_set_find(&set, 7));
	pattern_set_free(&set);
	folder_remove(&folder);
}

static void
file_that_cannot_be_read_is_named(void **state)
{
	struct pattern_set set = {0};
	char why[512];

	(void)state;
	assert_int_equal(pattern_set_read(&set, (const char *[]){"/nonexistent/p.yaml"}, 1, why,
				 sizeof(why)),
		-ENOENT);
	assert_string_equal(
		why, "/nonexistent/p.yaml:1: cannot be read: No such file or directory");
	assert_int_equal(
		pattern_set_read(&set, (const char *[]){"/tmp"}, 1, why, sizeof(why)), -EISDIR);
	assert_string_equal(why, "/tmp:1: cannot be read: Is a directory");
	assert_int_equal(pattern_set_read(&set, (const char *[]){"/dev/null"}, 1, why, sizeof(why)),
		-EINVAL);
	assert_string_equal(why, "/dev/null:1: not a regular file");
	assert_int_equal(pattern_set_read_dir(&set, "/nonexistent", why, sizeof(why)), -ENOENT);
	assert_string_equal(
		why, "/nonexistent/banner.yaml:1: cannot be read: No such file or directory");
}

static void
check_says(const char *text, const struct pattern_check *options, const char *expected)
{
	struct pattern_set set = {0};
	char why[512] = "";

	assert_int_equal(
		pattern_set_parse(&set, "f", (const uint8_t *)text, strlen(text), why, sizeof(why)),
		0);
	int rc = pattern_set_check(&set, options, why, sizeof(why));
	assert_int_equal(rc, expected ? -EINVAL : 0);
	assert_string_equal(why, expected ? expected : "");
	pattern_set_free(&set);
}

static void
check_refuses_what_hyperscan_or_the_samples_refuse(void **state)
{
	(void)state;
	check_says(GOOD, NULL, NULL);
	check_says(HEAD "  expression: '535 (b'\n" SAMPLES, NULL,
		"f:1: expression of id 7: Missing close parenthesis for group started at index 4.");
	check_says("# x\n" HEAD "  expression: '(?<=a)b'\n" SAMPLES, NULL,
		"f:2: expression of id 7: Zero-width assertions are not supported.");
	check_says(HEAD "  expression: 'b*'\n" SAMPLES, NULL,
		"f:1: expression of id 7: it matches an empty line, so it matches every line; "
		"give it something that must be there");
	check_says(HEAD "  expression: '535 [bc]'\n" SAMPLES, NULL,
		"f:1: id 7 matches '535 c', which its no_match rules out");
	check_says(HEAD "  expression: '535 B'\n" SAMPLES, NULL,
		"f:1: id 7 does not match its own sample '535 b'");
	check_says(HEAD "  expression: '535 B'\n  flags: i\n" SAMPLES, NULL, NULL);
	check_says(HEAD "  expression: b\n  why: w\n  match: 250 b\n  no_match: c\n", NULL,
		"f:1: id 7: context reply sees only lines that start with one of '45', not its "
		"sample '250 b'");
}

static void
advice_count(void *arg, const char *line)
{
	unsigned *count = arg;

	assert_memory_equal(line, "f:1: expression of id 7: a '.*' that is not behind '^'", 51);
	++*count;
}

static void
slow_expression_is_advised_against_and_refused_when_strict(void **state)
{
	static const char text[] = HEAD "  expression: '535.*b'\n" SAMPLES;
	unsigned advices = 0;
	struct pattern_check options = {.advise = advice_count, .arg = &advices};

	(void)state;
	check_says(text, &options, NULL);
	assert_int_equal(advices, 1);
	options.strict = true;
	check_says(text, &options,
		"f:1: expression of id 7: a '.*' that is not behind '^' makes every line slower; "
		"start with '^', or use a literal alone");
}

static void
slow_is_an_unbounded_dot_that_no_start_guards(void **state)
{
	static const char *const slow[] = {"a.*b", "a.+b", "a.{3,}b", "^a|b.*c", "(?:^a).*b"};
	static const char *const fine[] = {"^a.*b", "a\\.*b", "a[.*]b", "a.{3,9}b", "a.b", "a.?b",
		"^(?:a|b).*c", "a[]).*]b", "a\\(.b"};

	(void)state;
	for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++)
		assert_true(expression_is_slow(slow[i]));
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_false(expression_is_slow(fine[i]));
}

/* NULL for "any byte". */
static void
first_bytes_are(const char *expression, bool caseless, const char *expected)
{
	struct hsdb_bytes first = {0};

	expression_first_bytes(expression, caseless, &first);
	for (unsigned byte = 0; byte < 256; byte++) {
		bool want = !expected || (byte && strchr(expected, (int)byte));
		if (hsdb_bytes_has(&first, (uint8_t)byte) != want)
			fail_msg("%s: byte %u", expression, byte);
	}
}

static void
first_bytes_are_known_only_when_certain(void **state)
{
	(void)state;
	first_bytes_are("^abc", false, "a");
	first_bytes_are("^abc", true, "aA");
	first_bytes_are("^[45][0-9]", false, "45");
	first_bytes_are("^[a-cX]", true, "abcxABCX");
	first_bytes_are("^[C \\t].*x", false, "C \t");
	first_bytes_are("^[a-]", false, "a-");
	first_bytes_are("^\\*{8}", false, NULL);
	first_bytes_are("^\\*\\*", false, "*");
	first_bytes_are("^a+b", false, "a");
	first_bytes_are("^a(?:b|c)", false, "a");
	first_bytes_are("^a[|]b", false, "a");
	first_bytes_are("^a\\|b", false, "a");
	/* Anything else might start otherwise. */
	static const char *const any[] = {"abc", "^a|b", "^(?:a|b)", "^a?b", "^a*b", "^a{0,1}b",
		"^.b", "^\\db", "^\\x41", "^[^a]", "^[[:alpha:]]", "^[]a]", "^[\\d]", "^[a-\\x7f]",
		"^", "^$", "^^a", "^a(?#()|b", "^a\\Q(\\E|b", "^a(?i)b|c", "(?i)^a", "^a(b", "^a)b",
		"^\xc3\xa9", "^a(*UTF8)|b"};
	for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++)
		first_bytes_are(any[i], false, NULL);
}

static void
heads_and_needed_bytes_are_known_only_when_certain(void **state)
{
	/* What each place may have ("." any), and the byte that must be somewhere. */
	static const struct {
		const char *expression;
		const char *places[HSDB_HEAD_BYTES];
		char needs;
	} cases[] = {
		{"^abcde", {"a", "b", "c", "d"}, 0},
		{"^a[bc]d?e", {"a", "bc", ".", "."}, 0},
		{"^a+bc", {"a", ".", ".", "."}, 0},
		{"^a(?:b|c=)d=", {"a", ".", ".", "."}, '='},
		{"^ab", {"a", "b", ".", "."}, 0},
		{"^ab$", {"a", "b", ".", "."}, 0},
		{"^ab*=?", {"a", ".", ".", "."}, 0},
		{"^a\\{b", {"a", "{", "b", "."}, '{'},
		{"^a\\{?b/", {"a", ".", ".", "."}, '/'},
		{"^a{2}=", {".", ".", ".", "."}, '='},
		{"^a[=]b", {"a", "=", "b", "."}, 0},
		{"^a(?:=)b", {"a", ".", ".", "."}, 0},
		{"^a\\x3d;b", {"a", ".", ".", "."}, 0},
		{"^a\\c=b", {"a", ".", ".", "."}, 0},
		{"^a\\s=", {"a", ".", ".", "."}, '='},
		{"^a=|b", {".", ".", ".", "."}, 0},
		{"a=b", {".", ".", ".", "."}, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsdb_bytes head[HSDB_HEAD_BYTES];
		expression_head(cases[i].expression, false, head);
		for (size_t at = 0; at < HSDB_HEAD_BYTES; at++) {
			const char *place = cases[i].places[at];
			for (unsigned byte = 1; byte < 256; byte++) {
				bool want = strcmp(place, ".") == 0 || strchr(place, (int)byte);
				if (hsdb_bytes_has(&head[at], (uint8_t)byte) != want)
					fail_msg("%s: place %zu, byte %u", cases[i].expression, at,
						byte);
			}
		}
		if (expression_needs(cases[i].expression) != (uint8_t)cases[i].needs)
			fail_msg("%s needs %d", cases[i].expression,
				expression_needs(cases[i].expression));
	}
}

static void
names_of_roles(void **state)
{
	(void)state;
	assert_string_equal(pattern_role_name(PATTERN_ROLE_TOOL), "tool");
	assert_string_equal(pattern_role_name(PATTERN_ROLE_COUNT), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pattern_is_read_whole),
		cmocka_unit_test(each_mistake_is_one_line_with_its_place),
		cmocka_unit_test(text_of_unbounded_length_is_refused),
		cmocka_unit_test(every_prefix_of_a_file_is_read_or_refused),
		cmocka_unit_test(id_used_in_two_files_names_both_places),
		cmocka_unit_test(file_that_cannot_be_read_is_named),
		cmocka_unit_test(check_refuses_what_hyperscan_or_the_samples_refuse),
		cmocka_unit_test(slow_expression_is_advised_against_and_refused_when_strict),
		cmocka_unit_test(slow_is_an_unbounded_dot_that_no_start_guards),
		cmocka_unit_test(first_bytes_are_known_only_when_certain),
		cmocka_unit_test(heads_and_needed_bytes_are_known_only_when_certain),
		cmocka_unit_test(names_of_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
