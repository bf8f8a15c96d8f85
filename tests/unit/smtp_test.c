/* AUTH as it should be: both sides seen. See smtp_dialogue.h for the scripts. */
#include "smtp_dialogue.h"

#define HELLO                             \
	"S: 220 mx1.corp.example ESMTP\n" \
	"C: EHLO client\n"                \
	"S: 250-mx1.corp.example\n"       \
	"S: 250-AUTH PLAIN LOGIN\n"       \
	"S: 250 PIPELINING\n"
#define PW "{s3cret!word}"
#define FAIL_POSTFIX "S: 535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6\n"
#define PASSED "S: 235 2.7.0 Authentication successful\n"
#define ASK_USER "S: 334 {Username:}\n"
#define ASK_PASS "S: 334 {Password:}\n"

static void
login_with_two_prompts(void **state)
{
	(void)state;
	expect(HELLO "C: AUTH LOGIN\n" ASK_USER "C: {alice}\n" ASK_PASS "C: " PW "\n" FAIL_POSTFIX
		     "C: AUTH LOGIN\n" ASK_USER "C: {bob}\n" ASK_PASS "C: " PW "\n" PASSED
		     "C: QUIT\nS: 221 2.0.0 Bye\n",
		"auth LOGIN failure 535 5.7.8 user=alice pw\n"
		"auth LOGIN success 235 2.7.0 user=bob pw\n");
}

static void
plain_with_and_without_initial_response(void **state)
{
	(void)state;
	expect(HELLO "C: AUTH PLAIN {\\0alice\\0s3cret!word}\n"
		     "S: 535 Incorrect authentication data\n"
		     "C: AUTH PLAIN\nS: 334 \nC: {admin\\0alice\\0s3cret!word}\n" PASSED,
		"auth PLAIN failure 535 0.0.0 user=alice pw\n"
		"auth PLAIN success 235 2.7.0 user=alice dom=admin pw\n");
}

static void
syntax_is_as_lenient_as_servers_are(void **state)
{
	(void)state;
	expect("S: 220 hi\n"
	       "C: auth login\n" ASK_USER "C: {alice}\n" ASK_PASS "C: " PW "\n" FAIL_POSTFIX
	       "C: AUTH\\tLOGIN\n" ASK_USER "C: {alice} \n" ASK_PASS "C: " PW "\\t\n" FAIL_POSTFIX
	       "C:   Auth   Login   \n" ASK_USER "C: {alice}\n" ASK_PASS "C: " PW "\n" FAIL_POSTFIX
	       "C> AUTH LOGIN\\n\n" ASK_USER "C> {alice}\\n\n" ASK_PASS "C> " PW
	       "\\n\n" FAIL_POSTFIX "C: AUTH=LOGIN\n"
	       "S: 500 5.5.1 Command unrecognized\n"
	       "C: AUTH\nS: 501 5.5.4 Syntax: AUTH mechanism\n",
		"auth LOGIN failure 535 5.7.8 user=alice pw\n"
		"auth LOGIN failure 535 5.7.8 user=alice pw\n"
		"auth LOGIN failure 535 5.7.8 user=alice pw\n"
		"auth LOGIN failure 535 5.7.8 user=alice pw\n"
		"auth LOGIN refused 500 5.5.1 nocheck\n"
		"auth UNKNOWN aborted 501 5.5.4 nocheck\n");
}

static void
login_with_initial_response_empty_and_cancelled_answers(void **state)
{
	(void)state;
	expect(HELLO
		"C: AUTH LOGIN {alice}\n" ASK_PASS "C: " PW "\n" FAIL_POSTFIX
		"C: AUTH LOGIN =\n" ASK_PASS "C: " PW "\n" FAIL_POSTFIX "C: AUTH LOGIN\n" ASK_USER
		"C: \n" ASK_PASS "C: \n" FAIL_POSTFIX "C: AUTH LOGIN\n" ASK_USER
		"C: *\nS: 501 5.7.0 Authentication aborted\n"
		"C: AUTH LOGIN\n" ASK_USER "C: {alice}\n" ASK_PASS "C: *\nS: 535 5.7.8 failed\n"
		/* prompts in another language, in clear, and none */
		"C: AUTH LOGIN\nS: 334 {\\xd0\\x9f\\xd1\\x96\\xd0\\xb2:}\nC: {alice}\nS: 334 "
		"{Kennwort:}\n"
		"C: " PW "\n" FAIL_POSTFIX
		"C: AUTH LOGIN\nS: 334 Username:\nC: {alice}\nS: 334\nC: " PW "\n" FAIL_POSTFIX,
		"auth LOGIN failure 535 5.7.8 user=alice pw\n"
		"auth LOGIN failure 535 5.7.8 user= pw\n"
		"auth LOGIN failure 535 5.7.8 user= pw\n"
		"auth LOGIN aborted 501 5.7.0 nocheck\n"
		"auth LOGIN aborted 535 5.7.8 user=alice nocheck\n"
		"auth LOGIN failure 535 5.7.8 user=alice pw\n"
		"auth LOGIN failure 535 5.7.8 user=alice pw\n");
}

static void
empty_initial_response_may_not_be_the_name(void **state)
{
	(void)state;
	/* Dovecot asks for the name that "=" is not; for Exim, above, it is the name. */
	expect(HELLO "C: AUTH LOGIN =\n" ASK_USER "C: {alice}\n" ASK_PASS "C: " PW "\n" FAIL_POSTFIX
		     "C: AUTH LOGIN =\n" ASK_USER "C: *\nS: 501 5.7.0 aborted\n"
		     "C: AUTH LOGIN =\nS: 535 5.7.8 Error: authentication failed: another step is "
		     "needed in authentication\n",
		"auth LOGIN failure 535 5.7.8 user=alice pw\n"
		"auth LOGIN aborted 501 5.7.0 nocheck\n"
		"auth LOGIN aborted 535 5.7.8 user= nocheck\n");
}

static void
line_after_a_334_is_a_response_whatever_it_says(void **state)
{
	(void)state;
	expect(HELLO "C: AUTH LOGIN\n" ASK_USER "C: QUIT\n" ASK_PASS "C: RSET\n" FAIL_POSTFIX
		     "C: QUIT\nS: 221 Bye\n",
		"auth LOGIN failure 535 5.7.8 user=AB\\x13 pw escaped\n");
}

static void
username_is_reported_as_sent_escaped_and_cut(void **state)
{
	(void)state;
	char script[2048], want[1024], name[301];

	expect(HELLO "C: AUTH LOGIN {CONTOSO\\\\dave}\n" ASK_PASS "C: " PW "\n" FAIL_POSTFIX
		     "C: AUTH LOGIN {gr\\xc3\\xbcn}\n" ASK_PASS "C: " PW "\n" FAIL_POSTFIX
		     "C: AUTH LOGIN {gr\\xfcn\\n}\n" ASK_PASS "C: " PW "\n" FAIL_POSTFIX,
		"auth LOGIN failure 535 5.7.8 user=CONTOSO\\dave pw\n"
		"auth LOGIN failure 535 5.7.8 user=gr\xc3\xbc"
		"n pw\n"
		"auth LOGIN failure 535 5.7.8 user=gr\\xFCn\\x0A pw escaped\n");
	memset(name, 'a', 300);
	name[300] = '\0';
	snprintf(script, sizeof(script),
		HELLO "C: AUTH LOGIN\n" ASK_USER "C: {%s}\n" ASK_PASS "C: " PW "\n" FAIL_POSTFIX,
		name);
	snprintf(want, sizeof(want), "auth LOGIN failure 535 5.7.8 user=%.255s pw truncated\n",
		name);
	expect(script, want);
}

static void
pipelined_dialogues_get_their_own_replies(void **state)
{
	(void)state;
	/* Nine lines at once, nine replies at once, later. */
	expect(HELLO "C: AUTH LOGIN\nC: {a1}\nC: " PW "\nC: AUTH LOGIN\nC: {a2}\nC: " PW
		     "\nC: AUTH LOGIN\nC: {a3}\nC: " PW "\nT+ 6\n" ASK_USER ASK_PASS FAIL_POSTFIX
			     ASK_USER ASK_PASS FAIL_POSTFIX ASK_USER ASK_PASS PASSED,
		"auth LOGIN failure 535 5.7.8 user=a1 pw\n"
		"auth LOGIN failure 535 5.7.8 user=a2 pw\n"
		"auth LOGIN success 235 2.7.0 user=a3 pw\n");
	/* The first is refused: what looked like its responses were commands. */
	expect(HELLO
		"C: AUTH LOGIN\nC: {a1}\nC: " PW "\nC: AUTH PLAIN {\\0a2\\0s3cret!word}\n"
		"S: 504 5.5.4 Unrecognized authentication type\n"
		"S: 500 5.5.1 Unrecognized command\nS: 500 5.5.1 Unrecognized command\n" PASSED,
		"auth LOGIN refused 504 5.5.4 nocheck\n"
		"auth PLAIN success 235 2.7.0 user=a2 pw\n");
	/* Behind other commands. */
	expect(HELLO "C: NOOP\nC: RSET\nC: AUTH PLAIN {\\0a\\0s3cret!word}\nC: NOOP\nC: QUIT\n"
		     "S: 250 ok\nS: 250 ok\n" FAIL_POSTFIX "S: 250 ok\nS: 221 bye\n",
		"auth PLAIN failure 535 5.7.8 user=a pw\n");
}

static void
reply_over_several_lines_is_one_reply(void **state)
{
	(void)state;
	expect(HELLO "C: AUTH PLAIN {\\0a\\0s3cret!word}\n"
		     "S: 535-5.7.8 Username and Password not accepted. Learn more at\n"
		     "S: 535 5.7.8  https://support.example/mail\n"
		     "C: AUTH PLAIN {\\0b\\0s3cret!word}\nS: 235-one\nS: 235-two\nS: 235 three\n",
		"auth PLAIN failure 535 5.7.8 user=a pw\n"
		"auth PLAIN success 235 0.0.0 user=b pw\n");
}

static const struct {
	const char *reply;
	const char *want;
} outcomes[] = {
	{"535 5.7.3 Authentication unsuccessful", "failure 535 5.7.3"},
	{"535 5.7.3 Authentication unsuccessful.", "failure 535 5.7.3"},
	{"535 Incorrect authentication data", "failure 535 0.0.0"},
	{"535 5.7.8 Error: authentication failed: authentication failure", "failure 535 5.7.8"},
	{"535 5.7.8 Error: authentication failed: (reason unavailable)", "failure 535 5.7.8"},
	{"535 5.7.8 Error: authentication failed:", "failure 535 5.7.8"},
	{"535 5.7.8 Error: authentication failed: VXNlcm5hbWU6", "failure 535 5.7.8"},
	{"535 #5.7.0 Authentication failed", "failure 535 5.7.0"},
	{"535 authentication failed (#5.7.1)", "failure 535 0.0.0"},
	{"535", "failure 535 0.0.0"},
	{"535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.",
		"failure 535 5.7.139"},
	{"550 5.7.1 Authentication failed", "failure 550 5.7.1"},
	{"554 5.7.8 Denied", "failure 554 5.7.8"},
	{"553 Invalid login or password", "failure 553 0.0.0"},
	{"525 5.7.13 User account disabled", "failure 525 5.7.13"},
	{"535 5.7.8 Error: authentication failed: Invalid authentication mechanism",
		"refused 535 5.7.8"},
	{"535 5.7.8 Error: authentication failed: no mechanism available", "refused 535 5.7.8"},
	{"535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
		"refused 535 5.7.139"},
	{"535 5.7.8 Error: authentication failed: Invalid base64 data in initial response",
		"aborted 535 5.7.8"},
	{"535 5.7.8 Error: authentication failed: bad protocol / cancel", "aborted 535 5.7.8"},
	{"535 5.7.8 Error: authentication failed: another step is needed in authentication",
		"aborted 535 5.7.8"},
	{"535 5.7.8 Invalid base64 in response", "aborted 535 5.7.8"},
	{"534 5.7.9 Application-specific password required", "refused 534 5.7.9"},
	{"538 5.7.11 Encryption required", "refused 538 5.7.11"},
	{"530 5.7.0 Must issue a STARTTLS command first", "refused 530 5.7.0"},
	{"503 5.5.1 Error: authentication not enabled", "refused 503 5.5.1"},
	{"503 AUTH command used when not advertised", "refused 503 0.0.0"},
	{"504 5.7.4 Unrecognized authentication type", "refused 504 5.7.4"},
	{"502 5.5.2 Error: command not recognized", "refused 502 5.5.2"},
	{"501 5.5.2 Cannot Decode response", "aborted 501 5.5.2"},
	{"501 Invalid base64 data", "aborted 501 0.0.0"},
	{"454 4.7.0 Temporary authentication failure: generic failure", "throttled 454 4.7.0"},
	{"450 4.7.1 Error: too many AUTH commands from 198.51.100.1", "throttled 450 4.7.1"},
	{"421 4.7.0 Error: too many errors", "throttled 421 4.7.0"},
	{"432 4.7.12 A password transition is needed", "throttled 432 4.7.12"},
	{"554 Too many nonmail commands", "throttled 554 0.0.0"},
	{"535 5.7.8 Temporary authentication failure", "throttled 535 5.7.8"},
	{"550 5.7.1 Access denied", "refused 550 5.7.1"},
	{"221 2.0.0 Bye", "throttled 221 2.0.0"},
	{"250 OK", "success 250 0.0.0"},
};

static void
outcome_follows_code_and_wording(void **state)
{
	char script[1024], want[256];

	(void)state;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		bool checked = strncmp(outcomes[i].want, "failure", 7) == 0 ||
			       strncmp(outcomes[i].want, "success", 7) == 0;
		snprintf(script, sizeof(script),
			HELLO "C: AUTH PLAIN {\\0a\\0s3cret!word}\nS: %s\n", outcomes[i].reply);
		snprintf(want, sizeof(want), "auth PLAIN %s user=a pw%s\n", outcomes[i].want,
			checked ? "" : " nocheck");
		expect(script, want);
	}
}

static void
closing_while_an_attempt_is_pending(void **state)
{
	(void)state;
	/* A 421 for the pending AUTH; a session that just ends; held lines that no reply resolves.
	 */
	expect(HELLO "C: AUTH LOGIN\n" ASK_USER "S: 421 4.4.2 Error: timeout exceeded\n",
		"auth LOGIN throttled 421 4.4.2 nocheck\n");
	expect(HELLO "C: AUTH LOGIN\n", "auth LOGIN unknown 0 0.0.0\n");
	expect(HELLO "C: AUTH LOGIN\n" ASK_USER "C: {alice}\n" ASK_PASS "C: " PW "\n",
		"auth LOGIN unknown 0 0.0.0 user=alice pw\n");
	expect(HELLO "C: AUTH LOGIN\nC: {a1}\nC: " PW "\nC: AUTH LOGIN\nC: {a2}\nC: " PW
		     "\n" ASK_USER ASK_PASS FAIL_POSTFIX,
		"auth LOGIN failure 535 5.7.8 user=a1 pw\nauth LOGIN unknown 0 0.0.0 user=a2 pw\n");
	/* An unasked 421 with nothing pending is nobody's. */
	expect(HELLO "C: AUTH PLAIN {\\0a\\0s3cret!word}\n" FAIL_POSTFIX
		     "S: 421 4.7.0 too many errors\n",
		"auth PLAIN failure 535 5.7.8 user=a pw\n");
}

static void
inspection_goes_on_after_503_and_421(void **state)
{
	(void)state;
	expect(HELLO "C: AUTH LOGIN\nS: 503 5.5.1 Error: send EHLO first\nC: foo\nS: 500 what\n"
		     "C: AUTH LOGIN\nS: 421 4.7.0 try later\n"
		     "C: AUTH PLAIN {\\0a\\0s3cret!word}\n" FAIL_POSTFIX,
		"auth LOGIN refused 503 5.5.1 nocheck\n"
		"auth LOGIN throttled 421 4.7.0 nocheck\n"
		"auth PLAIN failure 535 5.7.8 user=a pw\n");
}

static void
reply_without_auth_in_a_session_seen_whole_is_no_attempt(void **state)
{
	(void)state;
	expect(HELLO "C: MAIL FROM:<a@b>\nS: 535 5.7.1 Authentication required\n"
		     "C: NOOP\nS: 235 what\nC: NOOP\nS: 250 ok\nS: 535 unasked\nS: 235 unasked\n"
		     "S: 334 unasked\nC: NOOP\nS: 250 ok\n",
		"mail 1 535 refused from=a@b ok=0 no=0 bytes=0\n");
}

static void
other_mechanisms_tell_the_user(void **state)
{
	(void)state;
	expect(HELLO "C: AUTH CRAM-MD5\nS: 334 {<1.2@mx>}\nC: {joe doe "
		     "0123456789abcdef0123456789abcdef}\n" FAIL_POSTFIX
		     "C: AUTH DIGEST-MD5\nS: 334 {realm=\"r\",nonce=\"n\",algorithm=md5-sess}\n"
		     "C: {charset=utf-8,username=\"chris\",realm=\"r\",nc=1}\nS: 334 "
		     "{rspauth=ab}\nC: \n" PASSED
		     "C: AUTH SCRAM-SHA-256\nS: 334 \nC: {n,,n=us=2Cer,r=abc}\nS: 334 "
		     "{r=abcd,s=QQ==,i=4096}\n"
		     "C: {c=biws,r=abcd,p=xyz}\nS: 334 {v=rmF9}\nC: \n" PASSED
		     "C: AUTH XOAUTH2 {user=a@b.example\\x01auth=Bearer s3cret!word\\x01\\x01}\n"
		     "S: 334 {\\{\"status\":\"400\"\\}}\nC: \n" FAIL_POSTFIX
		     "C: AUTH OAUTHBEARER {n,a=a@b.example,\\x01auth=Bearer "
		     "s3cret!word\\x01\\x01}\n" FAIL_POSTFIX "C: AUTH EXTERNAL =\nS: 535 no\n"
		     "C: AUTH EXTERNAL {cert@b}\nS: 235 ok\n"
		     "C: AUTH ANONYMOUS {trace}\nS: 504 no\n"
		     "C: AUTH GSSAPI {blob}\nS: 334 {more}\nC: {more}\nS: 535 no\n"
		     "C: X-EXPS LOGIN\n" ASK_USER "C: {dave}\n" ASK_PASS "C: " PW "\n" FAIL_POSTFIX
		     "C: X-EXPS GSSAPI\nS: 504 no\n"
		     "C: AUTH FOO-BAR {x}\nS: 504 no\n"
		     "C: auth foo\nS: 504 no\n"
		     "C: AUTH " PW "\nS: 504 no\n"
		     "C: AUTH czNjcmV0IXdvcmQ\nS: 504 no\n",
		"auth CRAM-MD5 failure 535 5.7.8 user=joe doe\n"
		"auth DIGEST-MD5 success 235 2.7.0 user=chris@r\n"
		"auth SCRAM-SHA-256 success 235 2.7.0 user=us,er\n"
		"auth XOAUTH2 failure 535 5.7.8 user=a@b.example\n"
		"auth OAUTHBEARER failure 535 5.7.8 user=a@b.example\n"
		"auth EXTERNAL failure 535 0.0.0 user=\n"
		"auth EXTERNAL success 235 0.0.0 user=cert@b\n"
		"auth ANONYMOUS refused 504 0.0.0 user=trace nocheck\n"
		"auth GSSAPI failure 535 0.0.0\n"
		"auth LOGIN failure 535 5.7.8 user=dave pw\n"
		"auth GSSAPI refused 504 0.0.0 nocheck\n"
		"auth FOO-BAR refused 504 0.0.0 nocheck\n"
		"auth FOO refused 504 0.0.0 nocheck\n"
		"auth UNKNOWN refused 504 0.0.0 nocheck\n"
		"auth UNKNOWN refused 504 0.0.0 nocheck\n");
}

#define NTLM1 "{NTLMSSP\\0\\x01\\0\\0\\0\\x07\\x82\\x08\\0}"
#define NTLM2 "{NTLMSSP\\0\\x02\\0\\0\\0challenge}"
/* LM, NT, domain, user, workstation, key; flags; then DOM and dave in UTF-16LE. */
#define NTLM3                                                                  \
	"{NTLMSSP\\0\\x03\\0\\0\\0"                                            \
	"\\0\\0\\0\\0\\x40\\0\\0\\0\\0\\0\\0\\0\\x40\\0\\0\\0"                 \
	"\\x06\\0\\x06\\0\\x40\\0\\0\\0\\x08\\0\\x08\\0\\x46\\0\\0\\0"         \
	"\\0\\0\\0\\0\\x4e\\0\\0\\0\\0\\0\\0\\0\\x4e\\0\\0\\0\\x01\\x82\\0\\0" \
	"D\\0O\\0M\\0d\\0a\\0v\\0e\\0}"

static void
ntlm_with_and_without_initial_response(void **state)
{
	(void)state;
	expect(HELLO "C: AUTH NTLM " NTLM1 "\nS: 334 " NTLM2 "\nC: " NTLM3
		     "\nS: 535 5.7.3 Authentication unsuccessful.\n"
		     "C: AUTH NTLM\nS: 334 ntlm supported\nC: " NTLM1 "\nS: 334 " NTLM2
		     "\nC: " NTLM3 "\nS: 235 2.7.0 Authentication successful.\n"
		     "C: X-EXPS NTLM\nS: 334 \nC: " NTLM1 "\nS: 334 " NTLM2
		     "\nC: *\nS: 501 aborted\n",
		"auth NTLM failure 535 5.7.3 user=dave dom=DOM\n"
		"auth NTLM success 235 2.7.0 user=dave dom=DOM\n"
		"auth NTLM aborted 501 0.0.0 nocheck\n");
}

static void
passwords_are_told_apart_and_never_shown(void **state)
{
	(void)state;
	const struct outcome *o =
		expect(HELLO "C: AUTH LOGIN\n" ASK_USER "C: {a}\n" ASK_PASS "C: " PW
			     "\n" FAIL_POSTFIX "C: AUTH PLAIN {\\0a\\0s3cret!word}\n" FAIL_POSTFIX
			     "C: AUTH PLAIN {\\0a\\0other}\n" FAIL_POSTFIX
			     "C: AUTH PLAIN {\\0s3cret!word}\nS: 535 malformed\n"
			     "C: AUTH PLAIN {a\\0s3cret!word\\0}\nS: 535 malformed\n"
			     "C: AUTH PLAIN {s3cret!word}\nS: 535 malformed\n",
			"auth LOGIN failure 535 5.7.8 user=a pw\n"
			"auth PLAIN failure 535 5.7.8 user=a pw\n"
			"auth PLAIN failure 535 5.7.8 user=a pw\n"
			"auth PLAIN aborted 535 0.0.0 nocheck\n"
			"auth PLAIN aborted 535 0.0.0 nocheck\n"
			"auth PLAIN aborted 535 0.0.0 nocheck\n");
	assert_int_equal(o->events[0].auth.password_fp, o->events[1].auth.password_fp);
	assert_int_not_equal(o->events[1].auth.password_fp, o->events[2].auth.password_fp);
	assert_int_equal(o->events[1].auth.attempt_no, 2);
}

static void
overlong_and_odd_lines_do_not_end_inspection(void **state)
{
	(void)state;
	static char script[40000], want[1024], filler[9001], name[256];

	for (size_t i = 0; i < 9000; i++)
		filler[i] = "QUJD"[i % 4]; /* base64 of ABC, again and again */
	for (size_t i = 0; i < 255; i++)
		name[i] = "ABC"[i % 3];
	snprintf(script, sizeof(script),
		HELLO "C: NOOP %s\nS: 500 5.5.2 Line too long\n"
		      "C: AUTH LOGIN\n" ASK_USER
		      "C: %.8000s\nS: 535 5.7.8 Error: authentication failed\n"
		      "C: AUTH PLAIN {\\0a\\0s3cret!word}\nS: 535 %s\n"
		      "C> \\0\\xff\\r\\r junk \\r\\n\nS: 500 what\nC: \nC: \n"
		      "C: AUTH PLAIN {\\0a\\0s3cret!word}\nS: 535-no\nS: 535 no\n",
		filler, filler, filler);
	snprintf(want, sizeof(want),
		"auth LOGIN failure 535 5.7.8 user=%s truncated\n"
		"auth PLAIN failure 535 0.0.0 user=a pw\n"
		"auth PLAIN failure 535 0.0.0 user=a pw\n",
		name);
	const struct outcome *o = expect_with(&(struct options){.quick = true}, script, want);
	assert_int_equal(counter_read(&o->counters, COUNTER_SMTP_LONG_LINE), 3);
}

#define TEST(name) cmocka_unit_test(name)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(login_with_two_prompts),
		TEST(plain_with_and_without_initial_response),
		TEST(syntax_is_as_lenient_as_servers_are),
		TEST(login_with_initial_response_empty_and_cancelled_answers),
		TEST(empty_initial_response_may_not_be_the_name),
		TEST(line_after_a_334_is_a_response_whatever_it_says),
		TEST(username_is_reported_as_sent_escaped_and_cut),
		TEST(pipelined_dialogues_get_their_own_replies),
		TEST(reply_over_several_lines_is_one_reply),
		TEST(outcome_follows_code_and_wording),
		TEST(closing_while_an_attempt_is_pending),
		TEST(inspection_goes_on_after_503_and_421),
		TEST(reply_without_auth_in_a_session_seen_whole_is_no_attempt),
		TEST(other_mechanisms_tell_the_user),
		TEST(ntlm_with_and_without_initial_response),
		TEST(passwords_are_told_apart_and_never_shown),
		TEST(overlong_and_odd_lines_do_not_end_inspection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
