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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_with_two_prompts),
		cmocka_unit_test(plain_with_and_without_initial_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
