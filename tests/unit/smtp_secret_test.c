/*
 * Whatever is missing (bytes of either side, a whole side, blocks to hold lines in), no part of a
 * password is ever taken for a name. The same scripts, damaged at random places.
 */
#include "smtp_dialogue.h"

#define SECRET "Zq9!Xv7#Kp2w"
#define HELLO "S: 220 mx1 ESMTP\nC: EHLO client\nS: 250-mx1\nS: 250 AUTH LOGIN PLAIN\n"
#define NO "S: 535 5.7.8 Error: authentication failed: x\n"
#define LOGIN                                                                    \
	"C: AUTH LOGIN\nS: 334 {Username:}\nC: {alice}\nS: 334 {Password:}\nC: " \
	"{" SECRET "}\n" NO
#define FOREIGN                                                                  \
	"C: AUTH LOGIN\nS: 334 {Benutzer:}\nC: {alice}\nS: 334 {Kennwort:}\nC: " \
	"{" SECRET "}\n" NO
#define INITIAL "C: AUTH LOGIN {alice}\nS: 334 {Password:}\nC: {" SECRET "}\n" NO
#define PLAIN "C: AUTH PLAIN\nS: 334 \nC: {\\0alice\\0" SECRET "}\n" NO
#define PLAIN_AT_ONCE "C: AUTH PLAIN {\\0alice\\0" SECRET "}\n" NO
#define PIPELINED                                                                 \
	"C: AUTH LOGIN\nC: {alice}\nC: {" SECRET "}\nS: 334 {Username:}\nS: 334 " \
	"{Password:}\n" NO
#define BLANK_PROMPTS "C: AUTH LOGIN\nS: 334 \nC: {alice}\nS: 334 \nC: {" SECRET "}\n" NO
#define MAIL                                                                               \
	"C: MAIL FROM:<a@b>\nS: 250 ok\nC: RCPT TO:<c@d>\nS: 250 ok\nC: DATA\nS: 354 go\n" \
	"C: Subject: x\nC: \nC: text\nC: .\nS: 250 queued\n"

static const char *const scripts[] = {
	HELLO LOGIN LOGIN "C: QUIT\nS: 221 bye\n",
	HELLO FOREIGN FOREIGN LOGIN,
	HELLO INITIAL LOGIN INITIAL,
	HELLO PLAIN PLAIN_AT_ONCE PLAIN,
	HELLO PIPELINED LOGIN PIPELINED,
	HELLO BLANK_PROMPTS PLAIN BLANK_PROMPTS,
	HELLO "C: AUTH LOGIN {alice}\nS: 334 {Kennwort:}\nC: {" SECRET "}\n" NO INITIAL,
	HELLO "C: AUTH LOGIN {alice}\nS: 334 {Login PIN:}\nC: {" SECRET "}\n" NO INITIAL,
	HELLO LOGIN MAIL PLAIN MAIL LOGIN,
};

#define SCRIPTS (sizeof(scripts) / sizeof(scripts[0]))

/* No string in the event may be four characters of the secret, or six of its base64. */
static bool
tells(const struct outcome *o, const char *secret)
{
	struct dialogue b64 = {0};
	size_t size = o->count * sizeof(o->events[0]);
	bool found = false;

	dialogue_base64(&b64, (const uint8_t *)secret, strlen(secret));
	for (size_t i = 0; i + 4 <= strlen(secret); i++)
		found |= memmem(o->events, size, secret + i, 4) != NULL;
	for (size_t i = 0; i + 6 <= b64.bytes_len; i++)
		found |= memmem(o->events, size, b64.bytes + i, 6) != NULL;
	free(b64.bytes);
	return found;
}

static void
check(const struct outcome *o, const char *what, unsigned number)
{
	if (tells(o, SECRET))
		fail_msg("%s, run %u: the password is in\n%s", what, number, render(o));
	for (size_t i = 0; i + 1 < o->count; i++) {
		const struct event *e = &o->events[i];
		assert_true(event_valid(e));
		if (e->head.type != EVENT_AUTH || !(e->auth.flags & AUTH_USERNAME_KNOWN))
			continue;
		if (e->auth.username_len != 5 || memcmp(e->text, "alice", 5) != 0)
			fail_msg("%s, run %u: another name in\n%s", what, number, render(o));
	}
}

static uint32_t
draw(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % n;
}

/* What a damaged copy keeps of each side, and how it is cut. */
struct damage {
	uint32_t lost_per_1000;
	uint32_t piece_max;
	bool client;
	bool server;
};

static void
damaged(const struct dialogue *d, const struct damage *how, uint32_t *seed, struct dialogue *out)
{
	memset(out, 0, sizeof(*out));
	out->bytes = d->bytes;
	for (size_t i = 0; i < d->step_count; i++) {
		struct step s = d->steps[i];
		if (!(s.side == SMTP_CLIENT ? how->client : how->server))
			continue;
		for (uint64_t left = s.len; left > 0; left -= s.len, s.at += s.len) {
			uint32_t piece = 1 + draw(seed, how->piece_max);
			s.len = piece < left ? piece : left;
			s.kind = draw(seed, 1000) < how->lost_per_1000 ? STEP_GAP : STEP_DATA;
			struct step *last =
				out->step_count ? &out->steps[out->step_count - 1] : NULL;
			if (last && last->kind == STEP_GAP && s.kind == STEP_GAP &&
				last->side == s.side)
				last->len += s.len;
			else
				out->steps[out->step_count++] = s;
		}
	}
}

static void
run_damaged(const char *what, const struct damage *how, struct options o)
{
	static struct dialogue d, cut;
	static struct outcome got;
	uint32_t seed = 1;

	for (unsigned i = 0; i < SCRIPTS; i++) {
		dialogue_parse(&d, scripts[i]);
		for (unsigned number = 0; number < 600; number++) {
			damaged(&d, how, &seed, &cut);
			o.midstream = number % 3 == 0;
			dialogue_run(&cut, &o, CUT_NONE, &got);
			check(&got, what, i * 1000 + number);
		}
		free(d.bytes);
	}
}

static void
no_loss_makes_a_password_a_name(void **state)
{
	static const struct damage hows[] = {
		{30, 40, true, true},
		{100, 60, true, true},
		{300, 20, true, true},
		{100, 60, true, false},
		{300, 20, true, false},
		{200, 40, false, true},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
		run_damaged("loss", &hows[i], (struct options){0});
}

static void
no_want_of_blocks_makes_a_password_a_name(void **state)
{
	static const struct damage hows[] = {
		{0, 4, true, true},
		{0, 60, true, true},
		{0, 4, true, false},
		{0, 60, true, false},
		{50, 30, true, true},
		{50, 30, true, false},
	};

	(void)state;
	for (uint32_t pages = 1; pages <= 3; pages++)
		for (unsigned i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
			run_damaged("few pages", &hows[i], (struct options){.pages = pages});
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_loss_makes_a_password_a_name),
		cmocka_unit_test(no_want_of_blocks_makes_a_password_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
