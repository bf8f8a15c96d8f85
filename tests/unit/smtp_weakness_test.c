/* What a header and a reply to EHLO give away: bounces, STARTTLS that is taken out on the way. */
#include "smtp_dialogue.h"

#define HELLO(lines) "S: 220 mx1 ESMTP\nC: EHLO client\nS: 250-mx1\n" lines

static bool
is_bounce(const char *header)
{
	static char script[1024];
	static struct dialogue d;
	static struct outcome out;
	const struct options quick = {.quick = true};
	bool found = false;

	snprintf(script, sizeof(script),
		HELLO("S: 250 SIZE\n") "C: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<c@d>\nS: 250 ok\n"
				       "C: DATA\nS: 354 go\nC: %s\nC: \nC: x\nC: .\nS: 250 ok\n",
		header);
	dialogue_parse(&d, script);
	dialogue_run(&d, &quick, CUT_NONE, &out);
	free(d.bytes);
	for (size_t i = 0; i < out.count; i++)
		if (out.events[i].head.type == EVENT_MAIL)
			found = out.events[i].mail.flags & MAIL_DSN_HEADER;
	return found;
}

static void
subjects_and_senders_of_bounces_are_known(void **state)
{
	static const char *const bounces[] = {
		"Subject: Undelivered Mail Returned to Sender",
		"Subject: Delivery Status Notification (Failure)",
		"Subject: Mail delivery failed: returning message to sender",
		"SUBJECT:failure notice",
		"Subject: Undeliverable: your order",
		"Subject: Returned mail: see transcript for details",
		"Subject: DELIVERY FAILURE: User bob not listed in Domino Directory",
		"Subject: Unzustellbar: Ihre Bestellung",
		"Subject: Nondeliverable mail",
		"From: MAILER-DAEMON@mx.example (Mail Delivery System)",
		"From: \"Mail Delivery Subsystem\" <postmaster@mx.example>",
		"X-Failed-Recipients: bob@corp.example",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bounces) / sizeof(bounces[0]); i++)
		assert_true(is_bounce(bounces[i]));
}

static void
what_speaks_about_bounces_is_none(void **state)
{
	static const char *const others[] = {
		"Subject: Re: Undeliverable: your order",
		"Subject: Undeliverable parcel at your door",
		"Subject: our delivery failure rates",
		"Subject: Out of office",
		"From: Daemon Smith <smith@corp.example>",
		"To: MAILER-DAEMON@mx.example",
		"X-Subject: failure notice",
		"Content-Type: multipart/report; report-type=disposition-notification",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(is_bounce(others[i]));
}

static bool
is_mangled(const char *script)
{
	const struct outcome *o = expect(script, "");

	return o->events[o->count - 1].session.flags & SESSION_STARTTLS_MANGLED;
}

static void
starttls_that_is_overwritten_in_the_reply_is_mangled(void **state)
{
	(void)state;
	assert_true(is_mangled(HELLO("S: 250-XXXXXXXA\nS: 250 AUTH LOGIN\n")));
	assert_true(is_mangled(HELLO("S: 250-SIZE\nS: 250 XXXXXXXX\n")));
}

static void
starttls_that_is_offered_and_unknown_is_mangled(void **state)
{
	(void)state;
	assert_true(is_mangled(
		HELLO("S: 250 STARTTLS\n") "C: STARTTLS\nS: 500 5.5.1 Command unrecognized\n"));
	assert_true(is_mangled(
		HELLO("S: 250 STARTTLS\n") "C: XXXXXXXX\nS: 500 5.5.1 Command unrecognized\n"));
}

static void
a_server_without_starttls_is_not_mangled(void **state)
{
	(void)state;
	/* It never offered it; or has no certificate now; or overwrites something else. */
	assert_false(is_mangled(HELLO("S: 250 SIZE\n") "C: STARTTLS\nS: 502 no\n"));
	assert_false(is_mangled(HELLO("S: 250 STARTTLS\n") "C: STARTTLS\nS: 454 4.7.0 not now\n"));
	assert_false(is_mangled(HELLO("S: 250-STARTTLS\nS: 250 XXXXXXXB\n")));
	assert_false(is_mangled(HELLO("S: 250 XXXXC\n")));
	assert_false(is_mangled(HELLO("S: 250 SIZE\n") "C: NOOP\nS: 250 XXXXXXXA\n"));
	assert_false(is_mangled(HELLO("S: 250 SIZE\n") "C: XXXXXXXX\nS: 500 no\n"));
}

#define TEST(name) cmocka_unit_test(name)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(subjects_and_senders_of_bounces_are_known),
		TEST(what_speaks_about_bounces_is_none),
		TEST(starttls_that_is_overwritten_in_the_reply_is_mangled),
		TEST(starttls_that_is_offered_and_unknown_is_mangled),
		TEST(a_server_without_starttls_is_not_mangled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
