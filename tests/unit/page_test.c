/* The HTML report: made of good EVE files, of damaged ones and of hostile ones. */
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

#include "cli/page/page.h"
#include "cli/page/reader.h"

/* A folder with an EVE file and the page that is made of it. */
struct page {
	char folder[64];
	char eve[96];
	char html[96];
	char said[1024]; /* LINE: why; for each damaged line */
	char why[512];
	struct page_result result;
	int status;
	char *text; /* of the page; NULL when there is none */
};

static void
note_damage(void *arg, uint64_t line, const char *why)
{
	struct page *p = arg;
	size_t len = strlen(p->said);

	snprintf(p->said + len, sizeof(p->said) - len, "%llu: %s; ", (unsigned long long)line, why);
}

static char *
read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	size_t len = 0;

	if (!f)
		return NULL;
	if (getdelim(&text, &len, '\0', f) < 0)
		text[0] = '\0';
	fclose(f);
	return text;
}

static struct page *
page_of_bytes(const char *eve, size_t len, uint64_t incident)
{
	struct page *p = calloc(1, sizeof(*p));

	snprintf(p->folder, sizeof(p->folder), "/tmp/page-test-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->eve, sizeof(p->eve), "%s/eve.json", p->folder);
	snprintf(p->html, sizeof(p->html), "%s/report.html", p->folder);
	FILE *f = fopen(p->eve, "wb");
	assert_int_equal(fwrite(eve, 1, len, f), len);
	fclose(f);
	struct page_options options = {.eve = p->eve,
		.html = p->html,
		.incident = incident,
		.damaged = note_damage,
		.arg = p};
	p->status = page_make(&options, &p->result, p->why, sizeof(p->why));
	p->text = read_file(p->html);
	return p;
}

static struct page *
page_of(const char *eve)
{
	return page_of_bytes(eve, strlen(eve), 0);
}

/* The text of tests/unit/page/NAME.json. To be freed. */
static char *
fixture(const char *name)
{
	const char *top = getenv("SMTAP_SOURCE");
	char path[4096], *text;

	snprintf(path, sizeof(path), "%s/tests/unit/page/%s.json", top ? top : ".", name);
	text = read_file(path);
	assert_non_null(text);
	return text;
}

static struct page *
page_of_fixture(const char *name, uint64_t incident)
{
	char *eve = fixture(name);
	struct page *p = page_of_bytes(eve, strlen(eve), incident);

	free(eve);
	return p;
}

/* text with each @ replaced by at and each # by hash. */
static void
put_filled(FILE *out, const char *text, const char *at, const char *hash)
{
	for (; *text; text++) {
		if (*text == '@')
			fputs(at, out);
		else if (*text == '#')
			fputs(hash, out);
		else
			fputc(*text, out);
	}
}

static void
page_free(struct page *p)
{
	unlink(p->html);
	unlink(p->eve);
	assert_int_equal(rmdir(p->folder), 0); /* nothing else was left there */
	free(p->text);
	free(p);
}

static void
expect_has(const struct page *p, const char *part)
{
	if (!p->text || !strstr(p->text, part))
		print_error("not in the page: %s\n", part);
	assert_non_null(p->text);
	assert_non_null(strstr(p->text, part));
}

static void
expect_not(const struct page *p, const char *part)
{
	assert_non_null(p->text);
	assert_null(strstr(p->text, part));
}

static void
an_old_file_makes_each_finding_an_incident(void **state)
{
	struct page *p = page_of_fixture("old", 0);

	(void)state;
	assert_int_equal(p->status, 0);
	assert_int_equal(p->result.incidents, 2);
	expect_has(p, "id=\"incident-1\"");
	expect_has(p, "id=\"incident-2\"");
	expect_has(p, "&#10003; guessing");
	expect_has(p, "<bdi>dave</bdi>");
	expect_has(p, "<bdi>1:one=</bdi>");
	expect_has(p, "<bdi>198.51.100.0/24</bdi>");
	page_free(p);
}

static void
findings_of_one_incident_are_one_section(void **state)
{
	struct page *p = page_of_fixture("chain", 0);

	(void)state;
	assert_int_equal(p->result.incidents, 1);
	expect_has(
		p, "<bdi>198.51.100.9</bdi> guessed the password of <bdi>dave</bdi> on attempt 2");
	expect_has(p, "sev critical");
	expect_has(p, "&#10003; guessing");
	expect_has(p, "&#10003; success");
	expect_has(p, "<bdi>Change &lt;it&gt;.</bdi>");
	expect_has(p, "success: 1");
	expect_has(p, "failure: 1");
	page_free(p);
}

static void
an_incident_that_was_merged_is_told_in_its_elder(void **state)
{
	struct page *p = page_of_fixture("merged", 0);

	(void)state;
	assert_int_equal(p->status, 0);
	expect_has(p, "merged into it: incident 2");
	expect_not(p, "id=\"incident-2\"");
	expect_has(p, "id=\"incident-5\""); /* the elder is not in the file */
	expect_has(p, "id=\"incident-3\""); /* round in a circle */
	page_free(p);
}

static void
damaged_lines_are_told_and_skipped(void **state)
{
	struct page *p = page_of_fixture("damaged", 0);

	(void)state;
	assert_int_equal(p->status, 0);
	assert_string_equal(p->said,
		"2: cut short; 3: no JSON object; 4: no event_type; 5: no timestamp; "
		"6: a number is too large; 7: not UTF-8; 8: an alert without incident_id; "
		"9: an alert without detector; 10: cut short; ");
	assert_int_equal(p->result.damaged, 9);
	expect_has(p, "9 lines of the event file could not be read.");
	expect_has(p, "No incident was found.");
	page_free(p);
}

static void
a_last_line_without_its_end_counts_when_it_is_whole(void **state)
{
	struct page *p = page_of_fixture("whole", 0);

	(void)state;
	assert_int_equal(p->result.damaged, 0);
	expect_has(p, "1 login attempt (1 failed");
	page_free(p);
}

static void
a_line_longer_than_the_buffer_is_skipped_and_the_next_one_read(void **state)
{
	char *good = fixture("one");
	size_t len = 2 * READER_LINE_MAX + 77;
	char *eve = malloc(len + strlen(good));
	struct page *p;

	(void)state;
	memset(eve, 'x', len);
	eve[len - 1] = '\n';
	memcpy(eve + len, good, strlen(good));
	p = page_of_bytes(eve, len + strlen(good), 0);
	assert_string_equal(p->said, "1: longer than 1048576 bytes; ");
	expect_has(p, "1 login attempt (1 failed");
	page_free(p);
	free(eve);
	free(good);
}

static void
what_is_no_event_file_makes_no_page(void **state)
{
	static const char *const files[] = {
		"", "\n\n", "hello there\n", "{}\n", "[]", "{\"a\":1}\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct page *p = page_of(files[i]);

		assert_int_equal(p->status, -EINVAL);
		assert_non_null(strstr(p->why, "holds no event"));
		assert_null(p->text);
		page_free(p);
	}
}

static void
unknown_events_and_foreign_alerts_are_passed_over(void **state)
{
	struct page *p = page_of_fixture("foreign", 0);

	(void)state;
	assert_int_equal(p->status, 0);
	assert_int_equal(p->result.incidents, 0);
	assert_int_equal(p->result.damaged, 0);
	expect_has(p, "5 Holes in a byte stream");
	page_free(p);
}

/* A key with a value of a type that it never has: nothing falls over, nothing is believed. */
static void
expect_read(const char *types, const char *key, const char *value)
{
	char *eve = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&eve, &len);
	struct page *p;

	put_filled(f, types, value, key);
	fclose(f);
	p = page_of(eve);
	assert_int_equal(p->status, 0);
	assert_int_equal(p->result.incidents, 1);
	expect_has(p, "</html>");
	page_free(p);
	free(eve);
}

static void
wrong_types_are_read_as_missing(void **state)
{
	static const char *const values[] = {"null", "true", "-7", "1e308", "[]", "{}", "[[1]]",
		"\"x\"", "{\"name\":3}", "[{\"name\":null,\"attempts\":\"x\"}]",
		"9007199254740993"};
	static const char *const keys[] = {"subject_type", "subject", "stage", "state",
		"first_seen", "last_seen", "attempts", "top_accounts", "top_sources", "success",
		"samples", "patterns", "advice", "incident", "finding_id", "merged_into",
		"confidence", "exposure", "bounces", "blocklist", "listed", "refusal_url", "local",
		"source_country", "source_asn", "source_as_org"};
	char *types = fixture("types");

	(void)state;
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
			expect_read(types, keys[k], values[v]);
	free(types);
}

static void
hostile_names_stay_text_wherever_they_are_shown(void **state)
{
	struct page *p = page_of_fixture("hostile", 0);

	(void)state;
	assert_int_equal(p->status, 0);
	expect_not(p, "<script");
	expect_not(p, "<img");
	expect_not(p, "\xe2\x80\xae");
	expect_not(p, "\a");
	expect_has(p, "&lt;script&gt;");
	expect_has(p, "U+202E");
	page_free(p);
}

static void
the_same_events_give_the_same_bytes(void **state)
{
	struct page *a = page_of_fixture("chain", 0), *b = page_of_fixture("chain", 0);

	(void)state;
	assert_string_equal(a->text, b->text);
	page_free(a);
	page_free(b);
}

static void
the_page_is_for_owner_and_group(void **state)
{
	struct page *p = page_of_fixture("one", 0);
	struct stat st;

	(void)state;
	assert_int_equal(stat(p->html, &st), 0);
	assert_int_equal(st.st_mode & 0137, 0);
	page_free(p);
}

static void
one_incident_can_be_asked_for(void **state)
{
	struct page *p = page_of_fixture("two", 2);

	(void)state;
	assert_int_equal(p->status, 0);
	expect_has(p, "id=\"incident-2\"");
	expect_not(p, "id=\"incident-1\"");
	expect_has(p, "Incident 2, of a run with 2 incidents");
	page_free(p);
	p = page_of_fixture("two", 3);
	assert_int_equal(p->status, -EINVAL);
	assert_non_null(strstr(p->why, "there is no incident 3"));
	page_free(p);
}

/* Past the caps the page says how many there are, and the gravest are told. */
static void
many_incidents_are_listed_and_the_gravest_told(void **state)
{
	char *line = fixture("listed"), *eve = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&eve, &len);
	struct page *p;

	(void)state;
	for (unsigned i = 1; i <= 700; i++) {
		char number[16];

		snprintf(number, sizeof(number), "%u", i);
		put_filled(f, line, i == 700 ? "1" : "3", number);
	}
	fclose(f);
	p = page_of(eve);
	assert_int_equal(p->result.incidents, 700);
	assert_int_equal(p->result.told, 50);
	expect_has(p, "700 incidents: <b class=\"critical\">1 critical</b>");
	expect_has(p, "id=\"incident-700\"");
	expect_not(p, "id=\"incident-50\"");
	expect_has(p, "The 50 gravest are told in full");
	expect_has(p, "200 further incidents are not listed.");
	page_free(p);
	free(eve);
	free(line);
}

static void
sources_are_told_with_their_country_and_network(void **state)
{
	struct page *p = page_of_fixture("places", 0);

	(void)state;
	assert_int_equal(p->result.damaged, 0);
	/* In the sentence, and under the name in the table. */
	expect_has(
		p, "<bdi>198.51.100.9</bdi> (<bdi>NL, AS64500 &lt;b&gt;Example&lt;/b&gt;</bdi>)");
	expect_has(p, "<bdi>198.51.100.9</bdi><br><span class=\"soft\"><bdi>NL, AS64500 ");
	expect_has(p, "<bdi>2001:db8:0:1::7</bdi><br><span class=\"soft\"><bdi>SE, AS64501 ");
	expect_has(p, "<bdi>2001:db8::/48</bdi><br><span class=\"soft\"><bdi>AS64501</bdi>");
	expect_has(p, "<bdi>2001:db8:0:ffff::8</bdi></th>");
	page_free(p);
}

static void
sources_of_a_wide_prefix_are_one_network(void **state)
{
	struct page *p = page_of_fixture("places", 0);

	(void)state;
	expect_has(p, "2 sources in 1 network (IPv4 /24, IPv6 /64; wider where a finding is).");
	expect_has(p, "2 sources of <bdi>2001:db8::/48</bdi>");
	expect_not(p, "<bdi>2001:db8:0:1::/64</bdi>");
	expect_has(p, "1 source in 1 network (IPv4 /24, IPv6 /64).");
	page_free(p);
}

static void
the_kind_of_a_finding_is_in_its_sentence_and_told_in_words(void **state)
{
	struct page *p = page_of_fixture("kinds", 0);

	(void)state;
	expect_has(p, "<bdi>203.0.113.25</bdi> offers AUTH in clear.");
	expect_has(p, "<bdi>203.0.113.26</bdi> greets as a version that nobody maintains.");
	expect_has(p, "Something on the way to <bdi>203.0.113.27</bdi> takes STARTTLS out.");
	expect_has(p, "<bdi>&lt;new&gt;</bdi>.<br>");
	expect_has(p, "40 bounces came to <bdi>bob@corp.example</bdi> in a loop.");
	expect_has(p, "50 bounces came to <bdi>203.0.113.25</bdi> for mail that others sent.");
	expect_has(p, "<bdi>loop</bdi>: the same few servers");
	expect_has(p, "What is yours was learned from the traffic");
	expect_has(p, "What is yours is as configured.");
	page_free(p);
}

static void
what_is_no_stage_of_an_attack_has_no_row_of_stages(void **state)
{
	struct page *p = page_of_fixture("kinds", 1);

	(void)state;
	expect_not(p, "Stages of the attack");
	page_free(p);
	p = page_of_fixture("kinds", 4);
	expect_has(p, "Stages of the attack");
	page_free(p);
}

static void
blocklists_are_named_and_the_page_they_point_to_is_no_link(void **state)
{
	struct page *p = page_of_fixture("kinds", 0);

	(void)state;
	expect_has(p, "Other servers refuse <bdi>203.0.113.25</bdi> as blocklisted by "
		      "<bdi>Spamhaus ZEN</bdi>, <bdi>SpamCop</bdi>, <bdi>&lt;i&gt;bad</bdi> and "
		      "others.");
	expect_has(p, "Listed by <bdi>Spamhaus ZEN</bdi>");
	expect_has(p, "Address that is listed: <bdi>192.0.2.80</bdi>");
	expect_has(p, "A refusal points to: <bdi>https://evil.example/?");
	expect_not(p, "<script");
	expect_not(p, "href=\"http");
	page_free(p);
}

static void
no_guess_worked_is_said_only_where_all_answers_were_seen(void **state)
{
	struct page *p = page_of_fixture("unseen", 1);

	(void)state;
	expect_has(p, "; whether one worked was not seen.");
	expect_not(p, "no guess");
	expect_has(p, "<td class=\"n\">none seen</td>");
	expect_not(p, "<td class=\"n\">no</td>");
	expect_has(p, "2 login attempts whose outcome was not seen");
	page_free(p);
	p = page_of_fixture("unseen", 2);
	expect_has(p, "; no guess was seen to work.");
	page_free(p);
	p = page_of_fixture("unseen", 3);
	expect_has(p, "; no guess worked.");
	expect_has(p, "<td class=\"n\">no</td>");
	page_free(p);
}

static void
what_rules_hid_is_told_after_the_incidents(void **state)
{
	struct page *p = page_of_fixture("suppressed", 0);

	(void)state;
	assert_int_equal(p->status, 0);
	assert_int_equal(p->result.damaged, 0);
	expect_has(
		p, "No incident was found. What rules hid or allowed is <a href=\"#suppressed\">");
	expect_has(p, "<dt>By rules</dt><dd>2 findings suppressed, 5,000 events allowed");
	expect_has(p, "<bdi>source</bdi> <bdi>192.0.2.9</bdi></td><td class=\"n\">77</td>");
	expect_has(p, "<td class=\"n\">14</td><td class=\"name\"><bdi>ticket 4711</bdi>");
	expect_has(p, "<bdi>a test of &lt;ours&gt;</bdi></td><td class=\"name\">"
		      "<bdi>2026-12-31</bdi></td><td class=\"n\">3</td><td class=\"n\">1,200</td>");
	expect_has(p, "<bdi>our scanner</bdi></td><td class=\"name\"><bdi>never</bdi>");
	expect_has(p, "<td class=\"n\">5,000</td>");
	expect_not(p, "an older count"); /* the last stats line counts */
	page_free(p);
}

static void
nothing_is_said_of_rules_when_there_are_none(void **state)
{
	struct page *p = page_of_fixture("chain", 0);

	(void)state;
	expect_not(p, "uppressed");
	page_free(p);
}

static void
many_suppressed_findings_are_counted_past_the_cap(void **state)
{
	char *line = fixture("hidden"), *eve = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&eve, &len);
	struct page *p;

	(void)state;
	for (unsigned i = 1; i <= 250; i++) {
		char number[16];

		snprintf(number, sizeof(number), "%u", i);
		put_filled(f, line, "", number);
	}
	fclose(f);
	p = page_of(eve);
	expect_has(p, "<dt>By rules</dt><dd>250 findings suppressed");
	expect_has(p, "<bdi>192.0.2.200</bdi>");
	expect_not(p, "<bdi>192.0.2.201</bdi>");
	expect_has(p, "50 further findings are not shown.");
	page_free(p);
	free(eve);
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_old_file_makes_each_finding_an_incident),
		cmocka_unit_test(findings_of_one_incident_are_one_section),
		cmocka_unit_test(an_incident_that_was_merged_is_told_in_its_elder),
		cmocka_unit_test(damaged_lines_are_told_and_skipped),
		cmocka_unit_test(a_last_line_without_its_end_counts_when_it_is_whole),
		cmocka_unit_test(a_line_longer_than_the_buffer_is_skipped_and_the_next_one_read),
		cmocka_unit_test(what_is_no_event_file_makes_no_page),
		cmocka_unit_test(unknown_events_and_foreign_alerts_are_passed_over),
		cmocka_unit_test(wrong_types_are_read_as_missing),
		cmocka_unit_test(hostile_names_stay_text_wherever_they_are_shown),
		cmocka_unit_test(the_same_events_give_the_same_bytes),
		cmocka_unit_test(the_page_is_for_owner_and_group),
		cmocka_unit_test(one_incident_can_be_asked_for),
		cmocka_unit_test(many_incidents_are_listed_and_the_gravest_told),
		cmocka_unit_test(sources_are_told_with_their_country_and_network),
		cmocka_unit_test(sources_of_a_wide_prefix_are_one_network),
		cmocka_unit_test(the_kind_of_a_finding_is_in_its_sentence_and_told_in_words),
		cmocka_unit_test(what_is_no_stage_of_an_attack_has_no_row_of_stages),
		cmocka_unit_test(blocklists_are_named_and_the_page_they_point_to_is_no_link),
		cmocka_unit_test(no_guess_worked_is_said_only_where_all_answers_were_seen),
		cmocka_unit_test(what_rules_hid_is_told_after_the_incidents),
		cmocka_unit_test(nothing_is_said_of_rules_when_there_are_none),
		cmocka_unit_test(many_suppressed_findings_are_counted_past_the_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
