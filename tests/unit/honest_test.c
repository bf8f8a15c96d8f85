/*
 * A day of an honest provider: users at home, behind NATs, in IPv6 networks,
 * roaming; they mistype, change passwords, forget devices. Nothing but
 * forgotten credentials may be reported, whatever the seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream.h"

#define USERS 600u
#define STEP_NS (2 * NS_PER_S)
#define STEPS (24 * 3600 / 2)
#define OFFICES 4u /* NATs of 60 users */

struct user {
	uint32_t next_login; /* steps */
	uint32_t every;
	uint32_t stale_next; /* of a device with an old password; 0: none */
	uint32_t stale_every;
	uint32_t version; /* of the password */
	uint32_t wrong_left;
	bool challenge; /* its client's mechanism hides the password */
};

static uint64_t seed;

static uint32_t
draw(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

static void
place(unsigned user, char out[64])
{
	if (user < OFFICES * 60)
		snprintf(out, 64, "192.0.2.%u", user / 60 + 1);
	else if (user % 3 == 0)
		snprintf(out, 64, "2001:db8:c1:%x::%x", user % 5, user);
	else
		snprintf(out, 64, "198.18.%u.%u", user % 4, user % 250);
}

static void
start_user(struct user *u, unsigned number)
{
	u->every = 60 + draw(3000);
	u->next_login = draw(u->every);
	u->challenge = number % 17 == 0;
	if (number % 25 == 0) {
		u->stale_every = 90 + draw(900);
		u->stale_next = 1 + draw(u->stale_every);
	}
}

static void
attempt(struct stream *s, unsigned number, const struct user *u, bool right)
{
	char source[64];
	char account[32];
	char password[48];

	place(number, source);
	snprintf(account, sizeof(account), "user%u@corp.example", number);
	if (right)
		snprintf(password, sizeof(password), "right%u.%u", number, u->version);
	else
		snprintf(password, sizeof(password), "typo%u.%u", number, draw(1000000));
	stream_try(s, source, account, u->challenge ? NULL : password,
		right ? OUTCOME_SUCCESS : OUTCOME_FAILURE);
}

static void
stale_attempt(struct stream *s, unsigned number, const struct user *u)
{
	char source[64];
	char account[32];
	char password[48];

	place(number, source);
	snprintf(account, sizeof(account), "user%u@corp.example", number);
	snprintf(password, sizeof(password), "old%u", number);
	stream_try(s, source, account, u->challenge ? NULL : password, OUTCOME_FAILURE);
}

static void
step_user(struct stream *s, unsigned number, struct user *u, uint32_t step)
{
	if (u->stale_next != 0 && step >= u->stale_next) {
		stale_attempt(s, number, u);
		u->stale_next = step + u->stale_every;
	}
	if (step < u->next_login)
		return;
	if (u->wrong_left == 0 && draw(20) == 0)
		u->wrong_left = 1 + draw(5);
	if (u->wrong_left > 0) {
		attempt(s, number, u, false);
		u->next_login = step + 2 + draw(10);
		/* Now and then somebody gives up. */
		u->wrong_left = draw(40) == 0 ? 0 : u->wrong_left - 1;
		if (u->wrong_left == 0 && draw(40) != 0)
			attempt(s, number, u, true);
		return;
	}
	if (draw(30) == 0)
		attempt(s, number, &(struct user){.challenge = true}, true); /* curl, say */
	attempt(s, number, u, true);
	u->next_login = step + u->every;
}

/* All of one office get new passwords at one time; their devices keep the old ones. */
static void
reset_office(struct user users[USERS], uint32_t step)
{
	for (unsigned number = 0; number < 60; number++) {
		users[number].version++;
		users[number].stale_every = 60 + draw(300);
		users[number].stale_next = step + 1 + draw(users[number].stale_every);
	}
}

static void
live_a_day(uint64_t with_seed)
{
	static struct user users[USERS];
	struct stream *s = stream_open();
	const struct finding *all[1024];
	size_t n;

	seed = with_seed;
	memset(users, 0, sizeof(users));
	for (unsigned number = 0; number < USERS; number++)
		start_user(&users[number], number);
	for (uint32_t step = 0; step < STEPS; step++) {
		if (step == STEPS / 3)
			reset_office(users, step);
		for (unsigned number = 0; number < USERS; number++)
			step_user(s, number, &users[number], step);
		stream_wait(s, STEP_NS);
	}
	engine_finish(s->engine);
	n = engine_findings(s->engine, all, 1024);
	for (size_t i = 0; i < n; i++)
		if (all[i]->detector != DETECTOR_STALE_CREDENTIAL)
			fail_msg("seed %llu: %s on %s, confidence %u, %llu attempts",
				(unsigned long long)with_seed,
				detector_info(all[i]->detector)->name, all[i]->subject,
				all[i]->confidence, (unsigned long long)all[i]->attempts);
	stream_close(s);
}

static void
a_day_of_honest_users_has_no_attack(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 5; i++)
		live_a_day(i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_of_honest_users_has_no_attack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
