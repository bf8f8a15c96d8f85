/*
 * Which lines patterns see, and what is reported. match_line() is this test's: it
 * finds every "#NUMBER" and notes each line that it was given.
 */
#include "smtp_dialogue.h"

static char scanned[1 << 16];

void
match_line(struct match *match, enum event_context context, const uint8_t *line, size_t len,
	struct match_hits *hits)
{
	size_t used = strlen(scanned);

	assert_non_null(match);
	hits->count = 0;
	snprintf(scanned + used, sizeof(scanned) - used, "%s|%.*s\n", event_context_name(context),
		(int)len, (const char *)line);
	for (size_t i = 0; i < len && hits->count < MATCH_HITS_MAX; i++)
		if (line[i] == '#')
			hits->id[hits->count++] = (uint32_t)atoi((const char *)line + i + 1);
}

static const struct options with_match = {
	.match = (struct match *)scanned, .secret = "s3cret!word"};

static const struct outcome *
expect_signs(const char *script, const char *want)
{
	scanned[0] = '\0';
	return expect_with(&with_match, script, want);
}

#define HELLO "S: 220 mx1 #1 x\nC: EHLO #2 x\nS: 250 mx1 #9 x\n"
#define SIGNS "sign 1 banner 220 mx1 #1 x\nsign 2 command EHLO #2 x\n"

static void
each_line_is_scanned_in_its_context_only(void **state)
{
	(void)state;
	scanned[0] = '\0';
	struct dialogue d;
	static struct outcome out;

	dialogue_parse(&d, HELLO
		"C: MAIL FROM:<a>\nS: 250 ok\nC: RCPT TO:<b>\nS: 550 no\nC: DATA\nS: 354 go\n"
		"C: Subject: x\nC:  folded\nC: \nC: body\nC: .\nS: 250 ok\n"
		"C: AUTH LOGIN\nS: 334 {Username:}\nC: EHLO\nS: 334 {Password:}\nC: {s3cret!word}\n"
		"S: 535-5.7.8 no\nS: 535 5.7.8 no\nC: HELO y\nS: 250 ok\n");
	dialogue_run(&d, &with_match, CUT_NONE, &out);
	free(d.bytes);
	assert_string_equal(scanned,
		"banner|220 mx1 #1 x\ncommand|EHLO #2 x\ncommand|MAIL FROM:<a>\n"
		"command|RCPT TO:<b>\nreply|550 no\n"
		"header|Subject: x\nheader| folded\nreply|535-5.7.8 no\n"
		"reply|535 5.7.8 no\ncommand|HELO y\n");
}

static void
a_pattern_is_reported_once_in_a_session(void **state)
{
	(void)state;
	const struct outcome *o = expect_signs(HELLO
		"C: EHLO #2 x\nS: 250 ok\nC: RSET\nS: 550 #3 no\nC: RSET\nS: 550 #3 no\n",
		SIGNS "sign 3 reply 550 #3 no\n");
	assert_int_equal(o->events[o->count - 1].session.signatures[2], 3);
	assert_int_equal(o->events[o->count - 1].session.signatures[3], 0);
	/* And no more than eight. */
	expect_signs(HELLO "C: RSET\nS: 550 #11#12#13#14\nC: RSET\nS: 550 #15#16#17#18\n",
		SIGNS "sign 11 reply 550 #11#12#13#14\nsign 12 reply 550 #11#12#13#14\n"
		      "sign 13 reply 550 #11#12#13#14\nsign 14 reply 550 #11#12#13#14\n"
		      "sign 15 reply 550 #15#16#17#18\nsign 16 reply 550 #15#16#17#18\n");
}

static void
lines_that_may_quote_a_secret_are_not_reported(void **state)
{
	(void)state;
	/* An AUTH exchange's; an answer to what is no command; what answers is not sure. */
	expect_signs(HELLO
		"C: AUTH LOGIN {alice}\nS: 334 {Password:}\nC: {s3cret!word}\nS: 535 #3 "
		"{s3cret!word}\n"
		"C: {s3cret!word}\nS: 500 #4 unknown command {s3cret!word}\nC: \nC: {s3cret!word}\n"
		"S: 500 #5 {s3cret!word}\nS: 500 #6 {s3cret!word}\nS: 500 #7 {s3cret!word}\n",
		SIGNS "sign 3 reply\nauth LOGIN failure 535 0.0.0 user=alice pw\nsign 4 "
		      "reply\nsign 5 reply\n"
		      "sign 6 reply\nsign 7 reply\n");
	expect_signs(HELLO "C! 10\nS: 500 #3 {s3cret!word}\n", SIGNS "sign 3 reply\n");
}

static void
an_attempt_carries_what_the_session_showed(void **state)
{
	(void)state;
	const struct outcome *o =
		expect_signs(HELLO "C: AUTH PLAIN {\\0a\\0s3cret!word}\nS: 535 no\n",
			SIGNS "auth PLAIN failure 535 0.0.0 user=a pw\n");
	assert_int_equal(o->events[2].auth.signatures[0], 1);
	assert_int_equal(o->events[2].auth.signatures[1], 2);
}

#define TEST(name) cmocka_unit_test(name)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_line_is_scanned_in_its_context_only),
		TEST(a_pattern_is_reported_once_in_a_session),
		TEST(lines_that_may_quote_a_secret_are_not_reported),
		TEST(an_attempt_carries_what_the_session_showed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
