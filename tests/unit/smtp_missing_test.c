/* Sessions of which something is missing. See smtp_dialogue.h for the scripts. */
#include "smtp_dialogue.h"

#define HELLO "S: 220 mx1 ESMTP\nC: EHLO client\nS: 250 mx1\n"
#define ASK_USER "S: 334 {Username:}\n"
#define ASK_PASS "S: 334 {Password:}\n"
#define PW "C: {s3cret!word}\n"
#define NO "S: 535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6\n"
#define SUCCESS "S: 235 2.7.0 Authentication successful\n"
#define LOGIN "C: AUTH LOGIN\n" ASK_USER "C: {alice}\n" ASK_PASS PW
#define FAILED "auth LOGIN failure 535 5.7.8 user=alice pw\n"

static const struct options midstream = {.midstream = true, .secret = "s3cret!word"};

static void
server_alone_is_an_attempt_by_its_prompts(void **state)
{
	(void)state;
	expect("S: 220 mx1\nS: 250 hi\n" ASK_USER ASK_PASS NO ASK_PASS NO
	       "S: 334 {\xd0\x9f\xd1\x96:}\n"
	       "S: 334 {\xd0\x9f:}\n" SUCCESS "S: 334 \n" NO "S: 334 {<1.2@mx>}\n" NO
	       "S: 334 {realm=\"r\",nonce=\"n\",algorithm=md5-sess}\n" NO "S: 334 ntlm supported\n"
	       "S: 334 {NTLMSSP\\0\\x02\\0\\0\\0x}\n" NO "S: 334 {r=abcd,s=QQ==,i=4096}\n" NO
	       "S: 334 \nS: 334 {r=abcd,s=QQ==,i=4096}\n" NO "S: 334 {\\x01\\x02\\x03\\xff}\n" NO
	       "S: 535 5.7.3 Authentication unsuccessful\n" SUCCESS
	       "S: 334 \nS: 501 5.7.0 Authentication aborted\n" ASK_USER
	       "S: 421 too long\n" ASK_USER,
		"auth LOGIN failure 535 5.7.8 unseen\nauth LOGIN failure 535 5.7.8 unseen\n"
		"auth LOGIN success 235 2.7.0 unseen\nauth PLAIN failure 535 5.7.8 unseen\n"
		"auth CRAM-MD5 failure 535 5.7.8 unseen\nauth DIGEST-MD5 failure 535 5.7.8 unseen\n"
		"auth NTLM failure 535 5.7.8 unseen\nauth SCRAM failure 535 5.7.8 unseen\n"
		"auth SCRAM failure 535 5.7.8 unseen\nauth UNKNOWN failure 535 5.7.8 unseen\n"
		"auth UNKNOWN failure 535 5.7.3 unseen\nauth UNKNOWN success 235 2.7.0 unseen\n"
		"auth PLAIN aborted 501 5.7.0 nocheck unseen\n"
		"auth LOGIN throttled 421 0.0.0 nocheck unseen\nauth LOGIN unknown 0 0.0.0 "
		"unseen\n");
}

static void
other_refusals_alone_need_the_word(void **state)
{
	(void)state;
	expect("S: 220 mx1\nS: 454 4.7.0 Temporary authentication failure\n"
	       "S: 450 4.7.1 Error: too many AUTH commands from unknown\n"
	       "S: 503 5.5.1 Error: authentication not enabled\n"
	       "S: 504 5.7.4 Unrecognized authentication type\n"
	       "S: 530 5.7.0 Authentication required\nS: 530 5.7.0 Must issue a STARTTLS command "
	       "first\n"
	       "S: 503 5.5.1 Error: need MAIL command\nS: 454 4.7.0 TLS not available\n"
	       "S: 550 5.7.1 SPF authentication failed\nS: 450 4.7.1 greylisted\nS: 421 too many "
	       "errors\n",
		"auth UNKNOWN throttled 454 4.7.0 nocheck unseen\n"
		"auth UNKNOWN throttled 450 4.7.1 nocheck unseen\n"
		"auth UNKNOWN refused 503 5.5.1 nocheck unseen\n"
		"auth UNKNOWN refused 504 5.7.4 nocheck unseen\n");
}

static void
client_alone_is_attempts_without_outcome(void **state)
{
	(void)state;
	expect("C: EHLO x\nC: AUTH LOGIN\nC: {alice}\n" PW "C: AUTH LOGIN\nC: {bob}\n" PW
	       "C: AUTH LOGIN\nC: QUIT\n",
		"auth LOGIN unknown 0 0.0.0 user=alice pw\nauth LOGIN unknown 0 0.0.0 user=bob pw\n"
		"auth LOGIN unknown 0 0.0.0\n");
	expect("C: EHLO x\nC: AUTH PLAIN {\\0alice\\0s3cret!word}\nC: AUTH PLAIN\nC: "
	       "{\\0bob\\0s3cret!word}\n"
	       "C: AUTH LOGIN {carol}\n" PW
	       "C: AUTH CRAM-MD5\nC: {dan 0123456789abcdef0123456789abcdef}\n"
	       "C: AUTH LOGIN\nC: *\nC: AUTH GSSAPI\nC: YWJj\nC: YWJj\nC: MAIL FROM:<a@b>\n"
	       "C: RCPT TO:<c@d>\nC: DATA\nC: Subject: x\nC: \nC: AUTH LOGIN\nC: QUIT\nC: .\nC: "
	       "QUIT\n",
		"auth PLAIN unknown 0 0.0.0 user=alice pw\nauth PLAIN unknown 0 0.0.0 user=bob pw\n"
		"auth LOGIN unknown 0 0.0.0 user=carol pw\nauth CRAM-MD5 unknown 0 0.0.0 user=dan\n"
		"auth LOGIN unknown 0 0.0.0\nauth GSSAPI unknown 0 0.0.0\n"
		"mail 1 0 from=a@b ok=0 no=0 bytes=32\n");
}

static void
client_alone_is_not_waited_for_without_end(void **state)
{
	(void)state;
	/* A minute without a server: the rest is told as it comes. */
	expect("C: EHLO x\nC: AUTH LOGIN\nC: {alice}\n" PW "T+ 61\nC: AUTH LOGIN\nC: {bob}\n" PW,
		"auth LOGIN unknown 0 0.0.0 user=alice pw\nauth LOGIN unknown 0 0.0.0 user=bob "
		"pw\n");
	/* More than can be held. */
	static char script[20000], want[20000];
	size_t n = 0, w = 0;
	for (unsigned i = 0; i < 150; i++) {
		n += (size_t)snprintf(
			script + n, sizeof(script) - n, "C: AUTH LOGIN\nC: {user%03u}\n" PW, i);
		w += (size_t)snprintf(want + w, sizeof(want) - w,
			"auth LOGIN unknown 0 0.0.0 user=user%03u pw\n", i);
	}
	const struct outcome *o = expect_with(
		&(struct options){.quick = true, .secret = "s3cret!word"}, script, want);
	/* Nothing of it was lost. */
	assert_int_equal(counter_read(&o->counters, COUNTER_SMTP_HOLD_FULL), 0);
	/* More commands than can be queued. */
	n = (size_t)snprintf(script, sizeof(script), "C: MAIL FROM:<a@b>\n");
	for (unsigned i = 0; i < 700; i++)
		n += (size_t)snprintf(script + n, sizeof(script) - n, "C: NOOP\n");
	snprintf(script + n, sizeof(script) - n, "C: AUTH LOGIN\nC: {bob}\n" PW);
	expect_with(&(struct options){.quick = true}, script,
		"auth LOGIN unknown 0 0.0.0 user=bob pw\nmail 1 0 from=a@b ok=0 no=0 bytes=0\n");
}

static void
joined_in_the_middle(void **state)
{
	(void)state;
	expect_with(&midstream, "S: 220 mx1\nC: EHLO x\nS: 250 hi\n" LOGIN NO LOGIN SUCCESS,
		FAILED "auth LOGIN success 235 2.7.0 user=alice pw\n");
	/* At an answer: it is not known to which prompt. */
	expect_with(&midstream, "C: {alice}\n" ASK_PASS PW NO LOGIN NO,
		"auth LOGIN failure 535 5.7.8 pw\n" FAILED);
	expect_with(&midstream, PW NO LOGIN NO, "auth UNKNOWN failure 535 5.7.8 unseen\n" FAILED);
	/* At a prompt in words we do not know: what follows may be the password. */
	expect_with(&midstream, "S: 334 {Kod:}\n" PW NO LOGIN NO,
		"auth LOGIN failure 535 5.7.8\n" FAILED);
	expect_with(&midstream, "S: 334 \nC: {\\0bob\\0s3cret!word}\n" NO,
		"auth PLAIN failure 535 5.7.8 user=bob pw\n");
	/* At a reply. */
	expect_with(&midstream, "S: 250 ok\n" LOGIN NO, FAILED);
	expect_with(&midstream, NO LOGIN NO, "auth UNKNOWN failure 535 5.7.8 unseen\n" FAILED);
}

static void
joined_inside_a_message(void **state)
{
	(void)state;
	expect_with(&midstream,
		"C: some words\nC: AUTH LOGIN\nC: {alice}\nC: MAIL FROM:<x@y>\nC: .\nS: 250 "
		"queued\n" LOGIN NO,
		FAILED);
	expect_with(&midstream,
		"C: some words\nC: AUTH LOGIN\nC: .\nC: AUTH PLAIN {\\0alice\\0x}\nS: 250 "
		"queued\n" NO,
		"auth PLAIN failure 535 5.7.8 user=alice pw\n");
}

static void
control_bytes_out_of_step_are_passed_over(void **state)
{
	(void)state;
	/* Found by fuzzing: they were asked for ever whether they were TLS. */
	expect_with(&midstream, "C: some words\nC> \\x16\\xfa\\x03\\r\\n\nS: 250 ok\n" LOGIN NO,
		FAILED);
}

static void
lost_prompt(void **state)
{
	(void)state;
	expect(HELLO "C: AUTH LOGIN\nS! 18\nC: {alice}\n" ASK_PASS PW NO LOGIN NO, FAILED FAILED);
	expect(HELLO "C: AUTH LOGIN\n" ASK_USER "C: {alice}\nS! 18\n" PW NO LOGIN NO,
		FAILED FAILED);
	expect(HELLO "C: AUTH LOGIN\nS! 18\nC: {alice}\nS! 18\n" PW NO, FAILED);
	expect(HELLO "C: AUTH PLAIN\nS! 18\nC: {\\0alice\\0s3cret!word}\n" NO,
		"auth PLAIN failure 535 5.7.8 user=alice pw\n");
}

static void
lost_final_reply_leaves_the_outcome_unknown(void **state)
{
	(void)state;
	expect(HELLO LOGIN "S! 60\n" LOGIN NO
			   "C: AUTH PLAIN {\\0bob\\0x}\nS! 60\nC: NOOP\nS: 250 ok\n" LOGIN SUCCESS,
		"auth LOGIN unknown 0 0.0.0 user=alice pw\n" FAILED
		"auth PLAIN unknown 0 0.0.0 user=bob pw\nauth LOGIN success 235 2.7.0 user=alice "
		"pw\n");
}

static void
lost_piece_of_a_reply(void **state)
{
	(void)state;
	expect(HELLO LOGIN "S> 535 5.7.8 Err\nS! 5\nS: ation failed\n" LOGIN NO, FAILED FAILED);
	expect(HELLO LOGIN "S> 535-5.7.8 one\\r\\n535-tw\nS! 5\nS: 535 5.7.8 three\n" LOGIN NO,
		FAILED FAILED);
	expect(HELLO LOGIN "S> 535-5.7.8 one\\r\\n\nS! 18\nC: NOOP\nS: 250 ok\n" LOGIN NO,
		FAILED FAILED);
	expect(HELLO LOGIN "S> 53\nS! 1\nS:  5.7.8 Error\n" LOGIN NO,
		"auth LOGIN unknown 0 0.0.0 user=alice pw\n" FAILED);
}

static void
lost_auth_command(void **state)
{
	(void)state;
	expect(HELLO "C! 12\n" ASK_USER "C: {alice}\n" ASK_PASS PW NO LOGIN NO, FAILED FAILED);
	expect(HELLO "C> AUT\nC! 1\nC:  LOGIN\n" ASK_USER "C: {alice}\n" ASK_PASS PW NO, FAILED);
	expect(HELLO "C! 1\nC: UTH LOGIN\n" ASK_USER "C: {alice}\n" ASK_PASS PW NO, FAILED);
	expect(HELLO "C! 40\n" NO LOGIN NO, "auth UNKNOWN failure 535 5.7.8 unseen\n" FAILED);
	expect(HELLO "C! 40\n" ASK_PASS PW NO, "auth LOGIN failure 535 5.7.8 pw\n");
	expect(HELLO "C! 40\nS: 250 ok\n" LOGIN NO, FAILED);
}

static void
lost_username_never_makes_the_password_one(void **state)
{
	(void)state;
	expect(HELLO "C: AUTH LOGIN\n" ASK_USER "C! 10\n" ASK_PASS PW NO LOGIN NO,
		"auth LOGIN failure 535 5.7.8 pw\n" FAILED);
	expect(HELLO "C: AUTH LOGIN\n" ASK_USER "C> YWx\nC! 4\nC: Q==\n" ASK_PASS PW NO,
		"auth LOGIN failure 535 5.7.8 pw\n");
	/* Both the name and its prompts. */
	expect(HELLO "C: AUTH LOGIN\nS! 18\nC! 10\nS! 18\n" PW NO,
		"auth LOGIN failure 535 5.7.8\n");
	expect(HELLO "C: AUTH LOGIN\nC! 10\n" ASK_USER ASK_PASS PW NO,
		"auth LOGIN failure 535 5.7.8\n");
	/* One side alone. */
	expect("C: EHLO x\nC: AUTH LOGIN\nC! 10\n" PW "C: AUTH LOGIN\nC: {bob}\n" PW,
		"auth LOGIN unknown 0 0.0.0\nauth LOGIN unknown 0 0.0.0 user=bob pw\n");
}

/* A capture that cut its packets: a name is whole where something follows it. */
static void
a_response_that_was_cut_may_have_told_its_name(void **state)
{
	static const char plain[] = "auth PLAIN failure 535 5.7.8 user=alice\n";
	static const char cram[] = "auth CRAM-MD5 failure 535 5.7.8 user=alice\n";

	(void)state;
	/* \0alice\0s3..., and alice with sixteen digits and more */
	expect(HELLO "C> AUTH PLAIN AGFsaWNlAHMz\nC! 18\n" NO LOGIN NO,
		"auth PLAIN failure 535 5.7.8 user=alice\n" FAILED);
	expect(HELLO "C: AUTH PLAIN\nS: 334 \nC> AGFsaWNlAHMz\nC! 18\n" NO, plain);
	expect(HELLO "C: AUTH CRAM-MD5\nS: 334 {<1.2@mx>}\n"
		     "C> YWxpY2UgMDEyMzQ1Njc4OWFiY2RlZjAx\nC! 26\n" NO,
		cram);
	/* Not where it may go on, nor is a part of LOGIN's line one. */
	expect(HELLO "C> AUTH PLAIN AGFsaWNl\nC! 22\n" NO, "auth PLAIN failure 535 5.7.8\n");
	expect(HELLO "C> AUTH LOGIN YWxp\nC! 6\n" ASK_PASS PW NO, "auth LOGIN failure 535 5.7.8\n");
}

static void
lost_password(void **state)
{
	(void)state;
	expect(HELLO "C: AUTH LOGIN\n" ASK_USER "C: {alice}\n" ASK_PASS "C! 18\n" NO LOGIN NO,
		"auth LOGIN failure 535 5.7.8 user=alice\n" FAILED);
}

static void
lost_command_does_not_shift_the_replies(void **state)
{
	(void)state;
	expect(HELLO
		"C: MAIL FROM:<a@b>\nS: 250 ok\nC! 16\nS: 550 no\nC: RCPT TO:<c@d>\nS: 250 ok\n"
		"C: QUIT\nS: 221 bye\n",
		"rcpt 1 250 ok c@d from=a@b\nmail 1 0 from=a@b ok=1 no=0 bytes=0\n");
	/* Pipelined before and after the gap. */
	expect(HELLO "C: NOOP\nC! 16\nC: AUTH LOGIN\nS: 250 ok\nS: 250 ok\n" ASK_USER
		     "C: {alice}\n" ASK_PASS PW NO LOGIN NO,
		FAILED FAILED);
}

static void
lost_reply_does_not_shift_the_replies(void **state)
{
	(void)state;
	expect(HELLO
		"C: MAIL FROM:<a@b>\nS! 8\nC: RCPT TO:<c@d>\nS: 550 no\nC: RCPT TO:<e@f>\nS! 8\n"
		"C: RCPT TO:<g@h>\nS: 250 ok\n" LOGIN NO,
		"rcpt 1 550 no c@d from=a@b\nrcpt 1 250 ok g@h from=a@b\n" FAILED
		"mail 1 0 from=a@b ok=1 no=1 bytes=0\n");
	expect(HELLO "C: MAIL FROM:<a@b>\nC: RCPT TO:<c@d>\nC: DATA\nS! 16\nS: 354 go\nC: AUTH "
		     "LOGIN\nC: .\n"
		     "S: 250 ok\n" LOGIN NO,
		"mail 1 250 complete from=a@b ok=0 no=0 bytes=12\n" FAILED);
}

static void
lost_354_and_lost_data_command(void **state)
{
	(void)state;
	expect(HELLO "C: MAIL FROM:<a@b>\nS: 250 ok\nC: DATA\nS! 8\nC: Subject: x\nC: \nC: AUTH "
		     "LOGIN\nC: .\n"
		     "S: 250 ok\n" LOGIN NO,
		"mail 1 250 complete from=a@b ok=0 no=0 bytes=26\n" FAILED);
	expect(HELLO "C: MAIL FROM:<a@b>\nS: 250 ok\nC! 6\nS: 354 go\nC: x\nC: AUTH LOGIN\nC: "
		     ".\nS: 250 ok\n" LOGIN NO,
		"mail 1 250 complete from=a@b ok=0 no=0 bytes=15\n" FAILED);
	/* A refused DATA whose refusal was lost. */
	expect(HELLO "C: DATA\nS! 8\nC: QUIT\nS: 221 bye\n", "");
}

static void
lost_end_of_data(void **state)
{
	(void)state;
	expect(HELLO
		"C: MAIL FROM:<a@b>\nS: 250 ok\nC: DATA\nS: 354 go\nC: x\nC! 100\nS: 250 ok\n" LOGIN
			NO,
		"mail 1 250 complete from=a@b ok=0 no=0 bytes=103\n" FAILED);
	expect(HELLO "C: MAIL FROM:<a@b>\nS: 250 ok\nC: DATA\nS: 354 go\nC: x\nC! 100\nC: AUTH "
		     "LOGIN\nC: .\n"
		     "S: 250 ok\n" LOGIN NO,
		"mail 1 250 complete from=a@b ok=0 no=0 bytes=115\n" FAILED);
}

static void
gap_inside_bdat_is_counted(void **state)
{
	(void)state;
	expect(HELLO "C: MAIL FROM:<a@b>\nS: 250 ok\nC: BDAT 30 LAST\nC> abc\nC! 20\nC> "
		     "efghijk\nC: NOOP\n"
		     "S: 250 ok\nS: 250 ok\n" LOGIN NO,
		"mail 1 250 complete from=a@b ok=0 no=0 bytes=30\n" FAILED);
	expect(HELLO "C: MAIL FROM:<a@b>\nS: 250 ok\nC: BDAT 30 LAST\nC> abc\nC! 33\nS: 250 ok\nS: "
		     "250 ok\n" LOGIN NO,
		"mail 1 250 complete from=a@b ok=0 no=0 bytes=30\n" FAILED);
	/* The BDAT itself: its octets are no commands. */
	expect(HELLO "C: MAIL FROM:<a@b>\nS: 250 ok\nC! 9\nC: From: x\nC: AUTH LOGIN\nC: QUIT\nS: "
		     "250 ok\n" LOGIN NO,
		FAILED "mail 1 0 from=a@b ok=0 no=0 bytes=0\n");
}

static void
bytes_missed_of_each_side_are_told_at_the_end(void **state)
{
	struct dialogue d = {0};
	static struct outcome o;

	(void)state;
	dialogue_parse(&d, HELLO "S! 300\n" LOGIN "C! 7\nC! 4000000000\n" NO "S! 20\n");
	dialogue_run(&d, &(struct options){0}, CUT_NONE, &o);
	const struct event_session *s = &o.events[o.count - 1].session;
	assert_int_equal(s->gap_bytes[SMTP_CLIENT], 4000000007u);
	assert_int_equal(s->gap_bytes[SMTP_SERVER], 320);
	free(d.bytes);
}

static void
lost_starttls(void **state)
{
	(void)state;
	expect(HELLO "C! 10\nS: 220 go\nC> \\x16\\x03\\x01\\0\\x05AUTH LOGIN\\r\\n\nS> "
		     "\\x16\\x03\\x03 535 no\\r\\n\n",
		"");
	expect(HELLO "C: STARTTLS\nS! 8\nC> \\x16\\x03\\x01\\0\\x05AUTH LOGIN\\r\\n\nS> "
		     "\\x16\\x03\\x03 535 no\\r\\n\n",
		"");
	expect(HELLO "C: STARTTLS\nS! 8\n" LOGIN NO, FAILED);
}

#define LOST_MAX 8192

static unsigned
attempts_without(const struct dialogue *d, const bool *lost, const struct options *o)
{
	static struct dialogue rest;
	static struct outcome whole, single;
	unsigned attempts = 0;

	dialogue_lose(d, lost, &rest);
	dialogue_run(&rest, o, CUT_NONE, &whole);
	assert_no_secret(&whole, o->secret);
	dialogue_run(&rest, o, CUT_ALL, &single);
	assert_same(&whole, &single, CUT_ALL);
	for (size_t i = 0; i < whole.count; i++)
		attempts += whole.events[i].head.type == EVENT_AUTH;
	return attempts;
}

static void
one_gap_anywhere_leaves_every_attempt(void **state)
{
	static struct dialogue d;
	static bool lost[LOST_MAX];
	struct options o = {.secret = "s3cret!word"};

	(void)state;
	dialogue_parse(&d,
		HELLO LOGIN NO "C: MAIL FROM:<a@b>\nS: 250 ok\nC: DATA\nS: 354 go\nC: x\nC: .\n"
			       "S: 250 ok\n" LOGIN SUCCESS);
	for (size_t at = 0; at < d.bytes_len; at++) {
		size_t step = 0;
		while (at >= d.steps[step].at + d.steps[step].len)
			step++;
		size_t end = d.steps[step].at + d.steps[step].len;
		for (size_t len = 1; len < 40 && at + len <= end; len += 3) {
			memset(lost, 0, sizeof(lost));
			memset(lost + at, 1, len);
			assert_int_equal(attempts_without(&d, lost, &o), 2);
		}
	}
	free(d.bytes);
}

static uint32_t
next_random(uint32_t *x)
{
	*x = *x * 1664525u + 1013904223u;
	return *x >> 8;
}

/* Several gaps, joined in the middle or not: no password is ever taken for a name. */
static void
random_gaps_show_no_password(void **state)
{
	static const char *const scripts[] = {
		HELLO LOGIN NO LOGIN NO
		"C: MAIL FROM:<a@b>\nC: DATA\nS: 250 ok\nS: 354 go\nC: x: y\nC: \n"
		"C: AUTH LOGIN\nC: .\nS: 250 ok\n" LOGIN NO,
		HELLO "C: AUTH LOGIN\nS: 334 {Benutzer:}\nC: {alice}\nS: 334 {Kennwort:}\n" PW NO
		      "C: AUTH LOGIN\nS: 334 {Benutzer:}\nC: {alice}\nS: 334 {Kennwort:}\n" PW NO,
		HELLO "C: AUTH LOGIN {alice}\n" ASK_PASS PW NO
		      "C: AUTH PLAIN {\\0alice\\0s3cret!word}\n" NO
		      "C: AUTH LOGIN {alice}\nS: 334 {Kennwort:}\n" PW NO LOGIN NO,
		HELLO
		"C: AUTH LOGIN\nC: {alice}\n" PW
		"C: AUTH LOGIN\nC: {bob}\n" PW ASK_USER ASK_PASS NO ASK_USER ASK_PASS NO LOGIN NO,
		HELLO "C: AUTH LOGIN\n" ASK_USER
		      "C: *\nS: 501 no\nC: AUTH LOGIN\nS: 503 no\nC: {alice}\n"
		      "S: 500 no\n" PW "S: 500 no {s3cret!word}\n" LOGIN NO,
	};
	static struct dialogue d;
	static bool lost[LOST_MAX];
	uint32_t x = 1;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		struct options o = {.secret = "s3cret!word", .midstream = next_random(&x) % 4 == 0};
		dialogue_parse(&d, scripts[i % (sizeof(scripts) / sizeof(scripts[0]))]);
		memset(lost, 0, sizeof(lost));
		for (unsigned gaps = 1 + next_random(&x) % 4; gaps > 0; gaps--) {
			size_t at = next_random(&x) % d.bytes_len;
			size_t len = 1 + next_random(&x) % 40;
			memset(lost + at, 1, len);
		}
		attempts_without(&d, lost, &o);
		free(d.bytes);
	}
}

#define TEST(name) cmocka_unit_test(name)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(server_alone_is_an_attempt_by_its_prompts),
		TEST(other_refusals_alone_need_the_word),
		TEST(client_alone_is_attempts_without_outcome),
		TEST(client_alone_is_not_waited_for_without_end),
		TEST(joined_in_the_middle),
		TEST(joined_inside_a_message),
		TEST(control_bytes_out_of_step_are_passed_over),
		TEST(lost_prompt),
		TEST(lost_final_reply_leaves_the_outcome_unknown),
		TEST(lost_piece_of_a_reply),
		TEST(lost_auth_command),
		TEST(lost_username_never_makes_the_password_one),
		TEST(a_response_that_was_cut_may_have_told_its_name),
		TEST(lost_password),
		TEST(lost_command_does_not_shift_the_replies),
		TEST(lost_reply_does_not_shift_the_replies),
		TEST(lost_354_and_lost_data_command),
		TEST(lost_end_of_data),
		TEST(gap_inside_bdat_is_counted),
		TEST(bytes_missed_of_each_side_are_told_at_the_end),
		TEST(lost_starttls),
		TEST(one_gap_anywhere_leaves_every_attempt),
		TEST(random_gaps_show_no_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
