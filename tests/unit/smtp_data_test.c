/* Messages, transactions, STARTTLS and PROXY. See smtp_dialogue.h for the scripts. */
#include "smtp_dialogue.h"

#define HELLO "S: 220 mx1 ESMTP\nC: EHLO client\nS: 250-mx1\nS: 250 CHUNKING\n"
#define ENVELOPE                                        \
	"C: MAIL FROM:<a@b.example>\nS: 250 2.1.0 Ok\n" \
	"C: RCPT TO:<c@d.example>\nS: 250 2.1.5 Ok\n"
#define RCPT1 "rcpt 1 250 ok c@d.example from=a@b.example\n"
#define GO "C: DATA\nS: 354 End data with <CR><LF>.<CR><LF>\n"
#define DONE "S: 250 2.0.0 Ok: queued\n"
#define BYE "C: QUIT\nS: 221 2.0.0 Bye\n"
/* What a message may quote, and no more than quote. */
#define FAKE                                                                                     \
	"C: AUTH LOGIN\nC: 334 VXNlcm5hbWU6\nC: YWxpY2U=\nC: 535 5.7.8 no\nC: MAIL FROM:<x@y>\n" \
	"C: STARTTLS\nC: QUIT\n"
#define FAKE_BYTES (12 + 18 + 10 + 14 + 17 + 10 + 6)
#define STR2(x) #x
#define STR(x) STR2(x)

static void
transaction_with_its_recipients(void **state)
{
	(void)state;
	expect(HELLO "C: MAIL FROM:<a@b.example> SIZE=100\nS: 250 2.1.0 Ok\n"
		     "C: RCPT TO:<c@d.example>\nS: 250 2.1.5 Ok\n"
		     "C: RCPT TO:<e@f.example>\nS: 550-5.1.1 no such\nS: 550 5.1.1 user\n"
		     "C: rcpt to: g@h.example NOTIFY=NEVER\nS: 251 forwarded\n" GO
		     "C: Subject: hi\nC: \nC: body\nC: .\n" DONE BYE,
		RCPT1 "rcpt 1 550 no e@f.example from=a@b.example\n"
		      "rcpt 1 251 ok g@h.example from=a@b.example\n"
		      "mail 1 250 complete from=a@b.example ok=2 no=1 bytes=21\n");
}

static void
addresses_are_read_as_servers_do(void **state)
{
	(void)state;
	expect(HELLO "C: mail from:<>\nS: 250 ok\n"
		     "C: RCPT TO:<\"a>b c\"@d>\nS: 250 ok\n"
		     "C: RCPT  TO : <@x,@y:u@z>\nS: 250 ok\n"
		     "C: RCPT to:u\\xffv\nS: 250 ok\n"
		     "C: RCPT u@v\nS: 501 syntax\n"
		     "C: RSET\nS: 250 ok\n",
		"rcpt 1 250 ok \"a>b c\"@d from=\n"
		"rcpt 1 250 ok @x,@y:u@z from=\n"
		"rcpt 1 250 ok u\\xFFv from=\n"
		"mail 1 0 null from= ok=3 no=0 bytes=0\n");
}

static void
transaction_ends_with_rset_ehlo_quit_close_and_refusals(void **state)
{
	(void)state;
	expect(HELLO "C: MAIL FROM:<1@b>\nS: 250 ok\nC: RSET\nS: 250 ok\n"
		     "C: MAIL FROM:<2@b>\nS: 250 ok\nC: EHLO again\nS: 250 mx1\n"
		     "C: MAIL FROM:<3@b>\nS: 250 ok\nC: MAIL FROM:<4@b>\nS: 503 5.5.1 nested\n"
		     "C: RCPT TO:<r@s>\nS: 554 5.7.1 Relay access denied\n"
		     "C: DATA\nS: 554 5.5.1 Error: no valid recipients\nC: RSET\nS: 250 ok\n"
		     "C: MAIL FROM:<5@b>\nS: 530 5.7.0 Authentication required\n"
		     "C: MAIL FROM:<6@b>\nS: 250 ok\n" GO "C: x\nC: .\nS: 552 5.3.4 too big\n"
		     "C: MAIL FROM:<7@b>\nS: 250 ok\n",
		"mail 1 0 from=1@b ok=0 no=0 bytes=0\n"
		"mail 2 0 from=2@b ok=0 no=0 bytes=0\n"
		"rcpt 3 554 no r@s from=3@b\n"
		"mail 3 554 refused from=3@b ok=0 no=1 bytes=0\n"
		"mail 4 530 refused from=5@b ok=0 no=0 bytes=0\n"
		"mail 5 552 refused from=6@b ok=0 no=0 bytes=3\n"
		"mail 6 0 from=7@b ok=0 no=0 bytes=0\n");
}

static void
authenticated_sender_is_remembered(void **state)
{
	(void)state;
	expect(HELLO "C: AUTH PLAIN {\\0dave\\0s3cret!word}\nS: 235 2.7.0 ok\n" ENVELOPE GO
		     "C: x\nC: .\n" DONE
		     "C: EHLO again\nS: 250 hi\nC: MAIL FROM:<e@f>\nS: 250 ok\n" BYE,
		"auth PLAIN success 235 2.7.0 user=dave pw\n"
		"rcpt 1 250 ok c@d.example from=a@b.example as=dave\n"
		"mail 1 250 complete from=a@b.example ok=1 no=0 bytes=3 as=dave\n"
		"mail 2 0 from=e@f ok=0 no=0 bytes=0 as=dave\n");
}

static void
dialogue_inside_a_message_has_no_effect(void **state)
{
	(void)state;
	expect(HELLO ENVELOPE GO "C: Subject: 535 help\nC: \n" FAKE
				 "C: ..\nC: ...x\nC: .\\0\nC: . \n"
				 "C> .\\r.\\r\\n\n" FAKE "C: .\n" DONE BYE,
		RCPT1 "mail 1 250 complete from=a@b.example ok=1 no=0 bytes=218\n");
	/* No header at all, and a dot at once. */
	expect(HELLO ENVELOPE GO FAKE "C: .\n" DONE "C: MAIL FROM:<e@f>\nS: 250 ok\n" GO
				      "C: .\n" DONE,
		RCPT1 "mail 1 250 complete from=a@b.example ok=1 no=0 bytes=87\n"
		      "mail 2 250 complete from=e@f ok=0 no=0 bytes=0\n");
	assert_int_equal(FAKE_BYTES, 87);
}

static void
end_of_data_with_bare_lf_is_an_end(void **state)
{
	(void)state;
	/* As Postfix before 3.9, Exim before 4.98 and Sendmail take it. */
	expect(HELLO ENVELOPE GO "C> a\\n\\nb\\n.\\n\n" DONE
				 "C> AUTH PLAIN {\\0x\\0s3cret!word}\\n\n"
				 "S: 535 no\nC: MAIL FROM:<a@b.example>\nS: 250 ok\n" GO
				 "C> a\\r\\n\\r\\nb\\n.\\r\\n\n" DONE "C: NOOP\nS: 250 ok\n",
		RCPT1 "mail 1 250 complete from=a@b.example ok=1 no=0 bytes=5\n"
		      "auth PLAIN failure 535 0.0.0 user=x pw\n"
		      "mail 2 250 complete from=a@b.example ok=0 no=0 bytes=7\n");
}

static void
pipelined_transactions_do_not_mix(void **state)
{
	(void)state;
	expect(HELLO "C: MAIL FROM:<1@b>\nC: RCPT TO:<c@d>\nC: RCPT TO:<e@f>\nC: DATA\n"
		     "S: 250 ok\nS: 250 ok\nS: 550 no\nS: 354 go\n"
		     "C: x\nC: .\nC: MAIL FROM:<2@b>\nC: RCPT TO:<g@h>\nC: DATA\n" DONE
		     "S: 250 ok\nS: 250 ok\nS: 354 go\nC: yy\nC: .\nC: QUIT\n" DONE "S: 221 bye\n",
		"rcpt 1 250 ok c@d from=1@b\nrcpt 1 550 no e@f from=1@b\n"
		"mail 1 250 complete from=1@b ok=1 no=1 bytes=3\n"
		"rcpt 2 250 ok g@h from=2@b\n"
		"mail 2 250 complete from=2@b ok=1 no=0 bytes=4\n");
}

static void
hundreds_of_pipelined_recipients(void **state)
{
	(void)state;
	static char script[200000], want[200000];
	size_t n = 0, w = 0;
	unsigned count = 900; /* past what the queue holds */

	n += (size_t)snprintf(script + n, sizeof(script) - n, HELLO "C: MAIL FROM:<1@b>\n");
	for (unsigned i = 0; i < count; i++)
		n += (size_t)snprintf(script + n, sizeof(script) - n, "C: RCPT TO:<u%u@d>\n", i);
	n += (size_t)snprintf(script + n, sizeof(script) - n, "C: DATA\nS: 250 ok\n");
	for (unsigned i = 0; i < count; i++)
		n += (size_t)snprintf(script + n, sizeof(script) - n, "S: 250 ok\n");
	snprintf(script + n, sizeof(script) - n,
		"S: 354 go\nC: AUTH LOGIN\nC: .\n" DONE
		"C: AUTH PLAIN {\\0x\\0s3cret!word}\nS: 535 no\n");
	/* One MAIL and 523 RCPTs fit; the texts of 226 do. */
	unsigned with_text = 0, used = 4;
	for (; with_text < count; with_text++) {
		char name[16];
		unsigned len = (unsigned)snprintf(name, sizeof(name), "u%u@d", with_text) + 1;
		if (used + len > 1900)
			break;
		used += len;
	}
	for (unsigned i = 0; i < 523; i++) {
		if (i < with_text)
			w += (size_t)snprintf(
				want + w, sizeof(want) - w, "rcpt 1 250 ok u%u@d from=1@b\n", i);
		else
			w += (size_t)snprintf(
				want + w, sizeof(want) - w, "rcpt 1 250 ok  from=1@b\n");
	}
	snprintf(want + w, sizeof(want) - w,
		"mail 1 250 complete from=1@b ok=523 no=0 bytes=12\n"
		"auth PLAIN failure 535 0.0.0 user=x pw\n");
	const struct outcome *o = expect_with(&(struct options){.quick = true}, script, want);
	assert_int_equal(counter_read(&o->counters, COUNTER_SMTP_QUEUE_FULL), count - 523);
}

static void
body_before_the_354_is_held_and_then_a_body(void **state)
{
	(void)state;
	expect(HELLO ENVELOPE "C: DATA\nC: Subject: x\nC: \n" FAKE "C: .\nC: QUIT\nS: 354 go\n" DONE
			      "S: 221 bye\n",
		RCPT1 "mail 1 250 complete from=a@b.example ok=1 no=0 bytes=101\n");
}

static void
body_after_a_refused_data_was_commands(void **state)
{
	(void)state;
	expect(HELLO "C: MAIL FROM:<1@b>\nS: 250 ok\n"
		     "C: DATA\nC: AUTH PLAIN {\\0x\\0s3cret!word}\nC: .\nC: NOOP\n"
		     "S: 554 no valid recipients\nS: 535 no\nS: 500 what\nS: 250 ok\n",
		"auth PLAIN failure 535 0.0.0 user=x pw\n"
		"mail 1 554 refused from=1@b ok=0 no=0 bytes=0\n");
}

static void
long_body_before_the_354_is_taken_for_a_body(void **state)
{
	(void)state;
	static char script[40000], want[512], line[61];
	size_t n = 0;

	memset(line, 'x', 60);
	n += (size_t)snprintf(
		script + n, sizeof(script) - n, HELLO ENVELOPE "C: DATA\nC: Subject: x\nC: \n");
	for (unsigned i = 0; i < 200; i++)
		n += (size_t)snprintf(script + n, sizeof(script) - n, "C: %s\n", line);
	n += (size_t)snprintf(script + n, sizeof(script) - n,
		FAKE "C: .\nC: QUIT\nS: 354 go\n" DONE "S: 221 bye\n");
	snprintf(want, sizeof(want),
		RCPT1 "mail 1 250 complete from=a@b.example ok=1 no=0 bytes=%d\n",
		14 + 200 * 62 + FAKE_BYTES);
	expect_with(&(struct options){.quick = true}, script, want);
}

/* The body is searched in blocks: the end, and what looks like it, stands everywhere in them. */
static void
end_of_data_is_found_at_every_offset(void **state)
{
	static char script[4000], want[200], body[700];

	(void)state;
	memset(body, '.', sizeof(body));
	body[0] = 'x';
	for (unsigned len = 1; len < 600; len++) {
		body[len] = '\0';
		snprintf(script, sizeof(script),
			HELLO ENVELOPE GO "C: \nC: %s\nC: ..\nC: .x\nC: .\n" DONE BYE, body);
		snprintf(want, sizeof(want),
			RCPT1 "mail 1 250 complete from=a@b.example ok=1 no=0 bytes=%u\n",
			2 + len + 2 + 4 + 4);
		expect_with(&(struct options){.quick = true}, script, want);
		body[len] = '.';
	}
}

static void
early_refusal_belongs_to_the_message(void **state)
{
	(void)state;
	expect(HELLO ENVELOPE GO
		"C: Subject: x\nC: \nC: AUTH LOGIN\nS: 552 5.3.4 too big\nC: QUIT\nC: .\n"
		"C: AUTH PLAIN {\\0x\\0s3cret!word}\nS: 535 no\n",
		RCPT1 "mail 1 552 refused from=a@b.example ok=1 no=0 bytes=32\n"
		      "auth PLAIN failure 535 0.0.0 user=x pw\n");
}

static void
bdat_octets_are_counted_not_read(void **state)
{
	(void)state;
	expect(HELLO ENVELOPE "C: BDAT 87\n" FAKE "S: 250 ok\nC: bdat  5 \nC> QUIT\\r\nS: 250 ok\n"
			      "C: BDAT 0 last\n" DONE BYE,
		RCPT1 "mail 1 250 complete from=a@b.example ok=1 no=0 bytes=92\n");
	/* Pipelined, the last with octets that end inside a line. */
	expect(HELLO ENVELOPE "C: BDAT 87\n" FAKE
			      "C: BDAT 4\nC> \\n.\\r\\n\nC: BDAT 3 LAST\nC> AUT\n"
			      "C: QUIT\nS: 250 ok\nS: 250 ok\n" DONE "S: 221 bye\n",
		RCPT1 "mail 1 250 complete from=a@b.example ok=1 no=0 bytes=94\n");
}

static void
bdat_that_is_refused_still_has_its_octets(void **state)
{
	(void)state;
	expect(HELLO "C: BDAT 87 LAST\n" FAKE "S: 503 5.5.1 need MAIL\n"
		     "C: AUTH PLAIN {\\0x\\0s3cret!word}\nS: 535 no\n",
		"auth PLAIN failure 535 0.0.0 user=x "
		"pw\n");
	expect(HELLO
		"C: BDAT\nS: 501 syntax\nC: BDAT x LAST\nS: 501 syntax\n"
		"C: BDAT 99999999999999999999 LAST\nS: 501 syntax\nC: BDAT 5 FIRST\nS: 501 syntax\n"
		"C: AUTH PLAIN {\\0x\\0s3cret!word}\nS: 535 no\n",
		"auth PLAIN failure 535 0.0.0 user=x pw\n");
}

static void
server_that_wants_auth_first_reads_the_octets_as_commands(void **state)
{
	(void)state;
	/* Dovecot's submission service; the octets are gone when its reply comes. */
	expect(HELLO
		"C: BDAT 87 LAST\n" FAKE "S: 530 5.7.0 Authentication required.\n"
		"S: 334 {Username:}\nS: 334 {Password:}\nS: 535 5.7.8 Authentication failed.\n",
		"auth LOGIN failure 535 5.7.8 unseen\n");
	/* Here they are not. */
	expect(HELLO "C: BDAT 22 LAST\nS: 530 5.7.0 Authentication required.\n"
		     "C: AUTH PLAIN {\\0a\\0s3cret!word}\nS: 535 5.7.8 Authentication failed.\n",
		"auth PLAIN failure 535 5.7.8 user=a pw\n");
}

static void
bdat_bomb_does_not_blind(void **state)
{
	(void)state;
	/* Refused before any octet: there are none. */
	expect(HELLO "C: BDAT 99999999999 LAST\nS: 502 5.5.1 not implemented\n"
		     "C: AUTH PLAIN {\\0x\\0s3cret!word}\nS: 535 no\n",
		"auth PLAIN failure 535 0.0.0 user=x pw\n");
	/* Refused, and then the server answers what the octets say. */
	expect(HELLO "C: BDAT 99999999999 LAST\nS: 552 5.3.4 too big\nC: NOOP\nS: 250 ok\n"
		     "C: AUTH PLAIN {\\0x\\0s3cret!word}\nS: 535 no\n",
		"auth PLAIN failure 535 0.0.0 user=x "
		"pw\n");
	expect(HELLO "C: BDAT 99999999999 LAST\nS: 552 5.3.4 too big\nC: AUTH LOGIN\nS: 334 "
		     "{Username:}\n"
		     "C: {alice}\nS: 334 {Password:}\nC: {s3cret!word}\nS: 535 no\n",
		"auth LOGIN failure 535 0.0.0 user=alice pw\n");
}

static void
bounces_are_known_by_their_header(void **state)
{
	(void)state;
#define BOUNCE(n, header)                                                     \
	"C: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<c@d>\nS: 250 ok\n" GO header \
	"C: \nC: x\nC: .\n" DONE
	expect(HELLO BOUNCE(1,
		       "C: Content-Type: multipart/report;\nC:  report-type=delivery-status; b=x\n")
			BOUNCE(2, "C: X-Failed-Recipients: x@y\n")
				BOUNCE(3, "C: subject: failure notice\n")
					BOUNCE(4, "C: Content-Type: text/plain\nC: X: "
						  "multipart/report delivery-status\n"),
		"rcpt 1 250 ok c@d from=\nmail 1 250 complete null dsn from= ok=1 no=0 bytes=73\n"
		"rcpt 2 250 ok c@d from=\nmail 2 250 complete null dsn from= ok=1 no=0 bytes=31\n"
		"rcpt 3 250 ok c@d from=\nmail 3 250 complete null dsn from= ok=1 no=0 bytes=30\n"
		"rcpt 4 250 ok c@d from=\nmail 4 250 complete null from= ok=1 no=0 bytes=68\n");
}

#define HELLO_TLS "C> \\x16\\x03\\x01\\0\\x05hello\\x17\\x03\\x03AUTH LOGIN\\r\\n\n"
#define SERVER_TLS "S> \\x16\\x03\\x03\\0\\x05hello535 no\\r\\n\n"

static void
starttls_accepted_ends_what_can_be_seen(void **state)
{
	(void)state;
	const struct outcome *o = expect(HELLO
		"C: STARTTLS\nS: 220 2.0.0 Ready to start TLS\n" HELLO_TLS SERVER_TLS HELLO_TLS,
		"");
	const struct event_session *s = &o->events[o->count - 1].session;
	assert_true(s->flags & SESSION_STARTTLS);
	assert_false(s->flags & SESSION_TLS);
	assert_int_equal(counter_read(&o->counters, COUNTER_SMTP_TLS_BYTES), 25 * 2 + 18);
	/* The ClientHello in the same segment. */
	expect(HELLO "C: STARTTLS\n" HELLO_TLS "S: 220 go\n" SERVER_TLS, "");
}

static void
starttls_refused_goes_on_in_clear(void **state)
{
	(void)state;
	expect(HELLO "C: STARTTLS\nS: 454 4.7.0 TLS not available\nC: AUTH PLAIN "
		     "{\\0x\\0s3cret!word}\nS: 535 no\n"
		     /* pipelined behind it */
		     "C: STARTTLS\nC: AUTH PLAIN {\\0y\\0s3cret!word}\nS: 502 5.5.1 no\nS: 535 no\n"
		     /* accepted, but the client goes on in clear */
		     "C: STARTTLS\nS: 220 go\nC: AUTH PLAIN {\\0z\\0s3cret!word}\nS: 535 no\n",
		"auth PLAIN failure 535 0.0.0 user=x pw\n"
		"auth PLAIN failure 535 0.0.0 user=y pw\n"
		"auth PLAIN failure 535 0.0.0 user=z pw\n");
}

static void
tls_from_the_first_byte_is_seen(void **state)
{
	(void)state;
	const struct outcome *o = expect(HELLO_TLS SERVER_TLS HELLO_TLS, "");
	assert_true(o->events[0].session.flags & SESSION_TLS);
	o = expect_with(&(struct options){.midstream = true},
		"S> \\x17\\x03\\x03\\0\\x05hello\\r\\n535 no\\r\\n\n" HELLO_TLS, "");
	assert_true(o->events[0].session.flags & SESSION_TLS);
}

static void
false_client_hello_does_not_blind(void **state)
{
	(void)state;
	expect(HELLO "C> \\x16\\x03\\x01\\r\\n\nC: AUTH PLAIN {\\0x\\0s3cret!word}\n"
		     "S: 500 5.5.2 Error: bad syntax\nS: 535 no\n"
		     "C> \\x16\\x03\\x01\\r\\n\nS: 500 what\nC: AUTH PLAIN "
		     "{\\0y\\0s3cret!word}\nS: 535 no\n",
		"auth PLAIN failure 535 0.0.0 user=x pw\nauth PLAIN failure 535 0.0.0 user=y pw\n");
}

static void
proxy_header_names_the_client(void **state)
{
	static const struct options proxy = {.proxy = true};
	const struct outcome *o;

	(void)state;
#define PASS "S: 220 hi\nC: AUTH PLAIN {\\0x\\0s3cret!word}\nS: 535 no\n"
#define FAILED "auth PLAIN failure 535 0.0.0 user=x pw\n"
	o = expect_with(&proxy, "C: PROXY TCP4 198.51.100.7 203.0.113.25 4242 25\n" PASS, FAILED);
	assert_int_equal(o->events[0].head.flow.client_port, 4242);
	assert_memory_equal(
		o->events[0].head.flow.client.bytes + 10, "\xff\xff\xc6\x33\x64\x07", 6);
	o = expect_with(&proxy, "C: PROXY TCP6 2001:db8::7 2001:db8::1 4242 25\n" PASS, FAILED);
	assert_memory_equal(o->events[0].head.flow.client.bytes, "\x20\x01\x0d\xb8", 4);
	o = expect_with(&proxy,
		"C> "
		"\\r\\n\\r\\n\\0\\r\\nQUIT\\n\\x21\\x11\\0\\x10\\xc6\\x33\\x64\\x07\\xcb\\0\\x71\\x"
		"19"
		"\\x10\\x92\\0\\x19\\x04\\0\\x01\\0\n" PASS,
		FAILED);
	assert_int_equal(o->events[0].head.flow.client_port, 4242);
	assert_memory_equal(
		o->events[0].head.flow.client.bytes + 10, "\xff\xff\xc6\x33\x64\x07", 6);
	/* Nobody's: unknown, local, absent, nonsense, or not switched on. */
	o = expect_with(&proxy, "C: PROXY UNKNOWN\n" PASS, FAILED);
	assert_int_equal(o->events[0].head.flow.client_port, 40000);
	expect_with(&proxy, "C> \\r\\n\\r\\n\\0\\r\\nQUIT\\n\\x20\\0\\0\\0\n" PASS, FAILED);
	expect_with(&proxy, PASS, FAILED);
	expect_with(&proxy, "C: PROXY TCP4 nonsense\n" PASS, FAILED);
	expect("C: PROXY TCP4 198.51.100.7 203.0.113.25 4242 25\nS: 220 hi\nS: 500 what\n"
	       "C: AUTH PLAIN {\\0x\\0s3cret!word}\nS: 535 no\n",
		FAILED);
}

static void
session_event_counts_questions_for_users(void **state)
{
	(void)state;
	const struct outcome *o =
		expect("S: 220 hi\nC: VRFY alice\nS: 252 maybe\nC: expn staff\n"
		       "S: 502 no\nC: NOOP\nS: 250 ok\nC: VRFYX bob\nS: 500 what\n",
			"");

	assert_int_equal(o->events[o->count - 1].session.probes, 2);
}

static void
session_event_sums_up(void **state)
{
	(void)state;
	const struct outcome *o =
		expect("S: 220-mx1.corp.example ESMTP\nS: 220 second\nC: EHLO  me \n"
		       "S: 250-mx1\nS: 250-AUTH LOGIN\nS: 250 x\n" ENVELOPE
		       "C: AUTH LOGIN\nS: 503 no\n" BYE,
			RCPT1 "auth LOGIN refused 503 0.0.0 nocheck\nmail 1 0 from=a@b.example "
			      "ok=1 no=0 bytes=0\n");
	const struct event *e = &o->events[o->count - 1];
	assert_int_equal(e->session.commands, 5);
	assert_int_equal(e->session.replies, 6);
	assert_int_equal(e->session.auth_attempts, 1);
	assert_int_equal(e->session.transactions, 1);
	assert_int_equal(e->session.last_reply, 221);
	assert_int_equal(
		e->session.flags, SESSION_BANNER_SEEN | SESSION_EHLO_SEEN | SESSION_AUTH_OFFERED);
	assert_int_equal(e->session.helo_len, 2);
	assert_int_equal(e->session.banner_len, 22);
	assert_memory_equal(e->text, "memx1.corp.example ESMTP", 24);
}

static void
refused_at_the_door(void **state)
{
	(void)state;
	const struct outcome *o =
		expect("S: 554-no\nS: 554 5.7.1 blocked\nC: EHLO x\nS: 503 no\n", "");
	assert_int_equal(o->events[0].session.replies, 2);
	assert_true(o->events[0].session.flags & SESSION_BANNER_SEEN);
	/* A client that does not wait for the greeting. */
	expect("C: EHLO x\nC: AUTH PLAIN {\\0x\\0s3cret!word}\nC: QUIT\nT+ 20\nS: 220 hi\nS: 250 "
	       "hi\nS: 535 no\n"
	       "S: 221 bye\n",
		FAILED);
}

static void
without_blocks_facts_remain(void **state)
{
	(void)state;
	struct options one = {.pages = 3, .quick = true};

	/* Whole lines need no block but the note. */
	static struct dialogue d;
	static struct outcome out;
	dialogue_parse(&d, HELLO ENVELOPE GO "C: x\nC: .\n" DONE
					     "C: AUTH PLAIN {\\0x\\0s3cret!word}\nS: 535 no\n");
	dialogue_run(&d, &one, CUT_NONE, &out);
	assert_string_equal(render(&out),
		RCPT1 "mail 1 250 complete from=a@b.example ok=1 no=0 bytes=3\n" FAILED);
	/* Cut everywhere, it must end and give back what it took. */
	for (size_t cut = 1; cut < d.bytes_len; cut++)
		dialogue_run(&d, &one, cut, &out);
	dialogue_run(&d, &one, CUT_ALL, &out);
	free(d.bytes);
}

#define TEST(name) cmocka_unit_test(name)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(transaction_with_its_recipients),
		TEST(addresses_are_read_as_servers_do),
		TEST(transaction_ends_with_rset_ehlo_quit_close_and_refusals),
		TEST(authenticated_sender_is_remembered),
		TEST(dialogue_inside_a_message_has_no_effect),
		TEST(end_of_data_with_bare_lf_is_an_end),
		TEST(pipelined_transactions_do_not_mix),
		TEST(hundreds_of_pipelined_recipients),
		TEST(body_before_the_354_is_held_and_then_a_body),
		TEST(body_after_a_refused_data_was_commands),
		TEST(long_body_before_the_354_is_taken_for_a_body),
		TEST(end_of_data_is_found_at_every_offset),
		TEST(early_refusal_belongs_to_the_message),
		TEST(bdat_octets_are_counted_not_read),
		TEST(bdat_that_is_refused_still_has_its_octets),
		TEST(server_that_wants_auth_first_reads_the_octets_as_commands),
		TEST(bdat_bomb_does_not_blind),
		TEST(bounces_are_known_by_their_header),
		TEST(starttls_accepted_ends_what_can_be_seen),
		TEST(starttls_refused_goes_on_in_clear),
		TEST(tls_from_the_first_byte_is_seen),
		TEST(false_client_hello_does_not_blind),
		TEST(proxy_header_names_the_client),
		TEST(session_event_counts_questions_for_users),
		TEST(session_event_sums_up),
		TEST(refused_at_the_door),
		TEST(without_blocks_facts_remain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
