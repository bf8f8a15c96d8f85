/*
 * Random dialogues, cut in random places: events and counters are those of the same bytes one by
 * one. Whole lines in a segment, which go the short way, and parts of lines, which cannot, so say
 * the same. match_line() is this test's: it finds every "#NUMBER".
 */
#include "smtp_dialogue.h"

#define DIALOGUES 8000u
#define EXCHANGES_MAX 60u

void
match_line(struct match *match, enum event_context context, const uint8_t *line, size_t len,
	struct match_hits *hits)
{
	(void)match, (void)context;
	hits->count = 0;
	for (size_t i = 0; i + 1 < len && hits->count < MATCH_HITS_MAX; i++)
		if (line[i] == '#')
			hits->id[hits->count++] = line[i + 1];
}

/* What a client says, and what a server is likely to answer. */
static const struct {
	const char *says;
	const char *answer;
} exchanges[] = {
	{"EHLO client.example #1", "250-mx\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 9"},
	{"ehlo x", "250-2.1.0 mx\r\n250-XXXXXXXA\r\n250-auth=LOGIN\r\n250 starttls"},
	{"HELO other", "250 mx"},
	{"MAIL FROM:<a@example> SIZE=9", "250 2.1.0 Ok"},
	{"MAIL FROM:<>", "250 ok"},
	{"mail from: b@example #2", "550 5.7.1 no #3"},
	{"RCPT TO:<c@example>", "250 2.1.5 Ok"},
	{"RCPT TO:<d@example>", "550 5.1.1 unknown"},
	{"rcpt to:<\"e>\"@example>", "554 blocked using dnsbl"},
	{"RCPT x", "501 #syntax"},
	{"DATA", "354 go"},
	{"DATA", "554 no valid recipients"},
	{"Subject: Undelivered mail", NULL},
	{"From: Mail Delivery System <MAILER-DAEMON@example>", NULL},
	{"Content-Type: multipart/report;", NULL},
	{" report-type=delivery-status #4", NULL},
	{"X-Failed-Recipients: c@example", NULL},
	{"", NULL},
	{"..a body's line", NULL},
	{".", "250 2.0.0 queued"},
	{".", "250-half\r\n250-2.6.0 and half\r\n250 queued"},
	{".", "552 #5 too large"},
	{"BDAT 7\r\n12345\r", "250 octets"},
	{"BDAT 4 LAST\r\n12", "250 2.6.0 done"},
	{"BDAT 9 LAST", "500 what"},
	{"RSET", "250 2.0.0 Ok"},
	{"NOOP", "250-two\r\n250 lines"},
	{"QUIT", "221 2.0.0 Bye"},
	{"QUITE", "500 5.5.2 #6"},
	{"VRFY root", "252 perhaps"},
	{"XXXXXXXX", "500 no"},
	{"STARTTLS", "454 not now"},
	{"STARTTLS", "220 ready"},
	{"AUTH LOGIN", "334 VXNlcm5hbWU6"},
	{"AUTH PLAIN AGFsaWNlAHNlY3JldA==", "235 2.7.0 ok"},
	{"auth plain AGFsaWNlAHdyb25n", "535 5.7.8 Error: authentication failed: #7"},
	{"AUTH CRAM-MD5", "334 PDFAeD4="},
	{"AUTH", "504 5.5.4 unrecognized authentication type"},
	{"YWxpY2U=", "334 UGFzc3dvcmQ6"},
	{"c2VjcmV0", "535 5.7.8 authentication failed"},
	{"YWxpY2UgMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "235 ok"},
	{"*", "501 5.7.0 cancelled"},
	{"\x16\x03\x01 a record", NULL},
	{"\x16 not a record", "500 no"},
	{"words that are none", "421 4.7.0 bye"},
	{"a", "250-half"},
	{"b", "2500 no reply"},
	{"c", "250"},
	{"d", "450 4.7.1 greylisted"},
};

static uint64_t
next(uint64_t *random)
{
	*random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
	return *random >> 33;
}

static void
add_step(struct dialogue *d, enum step_kind kind, enum smtp_side side, uint64_t len)
{
	assert_true(d->step_count < DIALOGUE_STEPS_MAX);
	d->steps[d->step_count++] = (struct step){
		kind, side, kind == STEP_DATA ? d->bytes_len - len : d->bytes_len, len};
}

/* Lines of one side: one segment, or cut somewhere, or a part of it missed. */
static void
add_text(struct dialogue *d, uint64_t *random, enum smtp_side side, const char *text)
{
	static const char *const ends[] = {"\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r\r\n"};
	const char *end = ends[next(random) % 7];
	size_t len = strlen(text), all = len + strlen(end);
	size_t cut = next(random) % 4 == 0 ? next(random) % (all + 1) : all;

	if (next(random) % 64 == 0)
		add_step(d, STEP_GAP, side, 1 + next(random) % 9);
	for (size_t i = 0; i < all; i++) {
		dialogue_byte(d, (uint8_t)(i < len ? text[i] : end[i - len]));
		if (i + 1 == cut)
			add_step(d, STEP_DATA, side, cut);
	}
	if (cut < all)
		add_step(d, STEP_DATA, side, all - cut);
}

/* The steps that follow one another on one side as one, now and then. */
static void
join(struct dialogue *d, uint64_t *random)
{
	size_t kept = 0;

	for (size_t i = 1; i < d->step_count; i++) {
		struct step *last = &d->steps[kept], *s = &d->steps[i];
		if (last->kind == STEP_DATA && s->kind == STEP_DATA && last->side == s->side &&
			next(random) % 2 == 0)
			last->len += s->len;
		else
			d->steps[++kept] = *s;
	}
	d->step_count = d->step_count ? kept + 1 : 0;
}

static void
dialogue_make(struct dialogue *d, uint64_t *random)
{
	size_t count = sizeof(exchanges) / sizeof(exchanges[0]);
	size_t ordered = next(random) % count;
	unsigned exchanges_left = 1 + (unsigned)(next(random) % EXCHANGES_MAX);

	d->step_count = 0;
	d->bytes_len = 0;
	if (next(random) % 4 != 0)
		add_text(d, random, SMTP_SERVER, "220 mx ESMTP #8");
	for (; exchanges_left > 0; exchanges_left--) {
		/* Mostly what comes next in the list, so that dialogues come to deep states. */
		ordered = next(random) % 3 != 0 ? (ordered + 1) % count : next(random) % count;
		add_text(d, random, SMTP_CLIENT, exchanges[ordered].says);
		size_t answers = next(random) % 8 == 0 ? next(random) % count : ordered;
		if (exchanges[answers].answer && next(random) % 16 != 0)
			add_text(d, random, SMTP_SERVER, exchanges[answers].answer);
	}
	join(d, random);
}

static void
random_dialogues_say_the_same_however_they_are_cut(void **state)
{
	static struct outcome whole, single;
	static struct dialogue d;
	uint64_t events = 0, random = 1;

	(void)state;
	for (unsigned i = 0; i < DIALOGUES; i++) {
		dialogue_make(&d, &random);
		struct options o = {.midstream = next(&random) % 8 == 0,
			.match = (struct match *)(void *)&whole};
		dialogue_run(&d, &o, CUT_NONE, &whole);
		dialogue_run(&d, &o, CUT_ALL, &single);
		assert_same(&whole, &single, i);
		assert_memory_equal(&whole.counters, &single.counters, sizeof(whole.counters));
		events += whole.count;
	}
	assert_true(events > DIALOGUES * 4);
	free(d.bytes);
}

/* The lines in the middle of a 250 go past the reply machine: what they say counts all the same. */
static void
enhanced_code_may_stand_in_the_middle_of_a_reply(void **state)
{
	(void)state;
	expect("S: 220 mx\nC: EHLO x\nS: 250 mx\nC: AUTH PLAIN {\\0a\\0b}\n"
	       "S: 250-half\nS: 250-2.7.0 and half\nS: 250-2.1.0\nS: 250 4.0.0 done\n"
	       "C: AUTH PLAIN {\\0a\\0b}\nS: 250-\nS: 250-2.7.0\nS: 250 done\n"
	       "C: AUTH PLAIN {\\0a\\0b}\nS: 550-half\nS: 250-2.7.0 x\nS: 535 5.7.8 done\n",
		"auth PLAIN success 250 2.7.0 user=a pw\n"
		"auth PLAIN success 250 2.7.0 user=a pw\n"
		"auth PLAIN failure 535 2.7.0 user=a pw\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enhanced_code_may_stand_in_the_middle_of_a_reply),
		cmocka_unit_test(random_dialogues_say_the_same_however_they_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
