/*
 * People and what they carry. All figures of their behaviour are the
 * constants below; doc/detection-rates.md explains them.
 */
#include <stdio.h>
#include <string.h>

#include "bench/day/people.h"
#include "bench/day/wire.h"

#define LOGINS_A_DAY 8.0    /* of a person on a working day, each with 0 to 2 letters */
#define WEEKEND_SHARE 0.15  /* of that, on Saturday and Sunday */
#define TYPO 0.015          /* a login that begins with wrong passwords */
#define TYPO_MONDAY 0.06    /* the same, on Monday before ten */
#define TYPO_MOST 3u        /* wrong ones before it is right */
#define FORGET_LEAST 6u     /* tries of one who forgot it; */
#define FORGET_SPREAD 5u    /* at most 10 */
#define FORGET_AGAIN 0.33   /* of them, one that he tried before */
#define WRITES 0.7          /* a login that sends something */
#define INTERNAL 0.4        /* a letter to somebody of the same site */
#define PHONE_SHARE 30u     /* per cent of the people have one that sends mail */
#define STALE_PER_MILLE 10u /* people with a forgotten device */
#define BLIND_SHARE 5u      /* one in that many of these uses CRAM-MD5 */
#define WEBMAIL_SHARE 5u    /* per cent who work in a browser */
#define EXPIRY_DAY 1u       /* Tuesday: passwords of EXPIRY_SHARE per cent expire */
#define EXPIRY_SHARE 20u
#define OUTAGE_SITE 2u /* its password check is down on Thursday, 10:00 to 10:10 */
#define OUTAGE_NS (3 * DAY_NS + 10 * NS_PER_H)

enum { PERSON_WORKS, PERSON_ERRS, PERSON_FORGOT };

/* Logins of an hour of the day, of a person's day: they add up to about one. */
static const double by_hour[24] = {.002, .001, .001, .001, .002, .005, .02, .06, .13, .12, .10, .09,
	.06, .08, .09, .08, .07, .05, .03, .02, .02, .02, .015, .008};

static unsigned
hour_of(uint64_t ns)
{
	return (unsigned)((ns - WORLD_START_NS) % DAY_NS / NS_PER_H);
}

static unsigned
day_of(uint64_t ns)
{
	return (unsigned)((ns - WORLD_START_NS) / DAY_NS);
}

uint64_t
people_next(struct rng *r, uint64_t now_ns, double a_day)
{
	/* Thinning: as often as in the busiest hour, then kept as the hour says. */
	const double most = 0.13;

	for (unsigned n = 0; n < 10000; n++) {
		double share;

		now_ns += (uint64_t)(rng_exp(r, (double)NS_PER_H / (a_day * most)));
		share = by_hour[hour_of(now_ns)] / most;
		if (day_of(now_ns) % 7 >= 5)
			share *= WEEKEND_SHARE;
		if (rng_chance(r, share))
			break;
	}
	return now_ns;
}

static bool
outage(uint64_t now_ns, unsigned site)
{
	return site == OUTAGE_SITE && now_ns >= OUTAGE_NS + WORLD_START_NS &&
	       now_ns < OUTAGE_NS + WORLD_START_NS + 10 * NS_PER_MIN;
}

/* A letter that goes out: our server takes it to theirs. */
static void
deliver(struct world *w, struct rng *r, unsigned site, const struct letter *l, unsigned host)
{
	struct addr from = place_site(site);
	struct addr to = place_remote(host);
	struct wire wire = wire_open(w, &from, &to, 25);
	struct letter copy = *l;
	char helo[WORLD_TEXT];

	snprintf(helo, sizeof(helo), "mx.site%u.example", site);
	wire.helo = helo;
	copy.account = NULL;
	copy.code = rng_chance(r, 0.01) ? 550 : 250;
	wire_mail(w, &wire, &copy);
	wire_close(w, &wire);
}

unsigned
people_remote(struct rng *r)
{
	double u = rng_unit(r);

	/* Few hosts take most of the mail. */
	return (unsigned)(REMOTE_HOSTS * u * u * u);
}

static void
write_letters(struct world *w, struct actor *a, struct wire *wire, const char *account)
{
	unsigned letters = rng_chance(&a->rng, WRITES) ? 1 + rng_below(&a->rng, 2) : 0;
	unsigned site = place_site_of(w, a->who);

	for (unsigned i = 0; i < letters; i++) {
		unsigned host = people_remote(&a->rng);
		bool internal = rng_chance(&a->rng, INTERNAL);
		char to[WORLD_TEXT];
		struct letter l = {.from = account, .to = to, .account = account, .code = 250};

		if (internal)
			place_account(w,
				rng_below(&a->rng, w->options.users / w->options.sites) *
						w->options.sites +
					site,
				to);
		else
			snprintf(to, sizeof(to), "friend%u@remote%u.example",
				rng_below(&a->rng, 50), host);
		wire_mail(w, wire, &l);
		if (!internal)
			deliver(w, &a->rng, site, &l, host);
	}
}

static struct addr
where(const struct world *w, unsigned user)
{
	return rng_mix(user ^ 0x3eb) % 100 < WEBMAIL_SHARE ? place_v4((245u << 24) + 10)
							   : place_user(w, user);
}

/* Does the program of the person keep the password off the wire? */
static bool
hides(const struct world *w, unsigned user)
{
	return rng_mix(user ^ 0xc4a) % 100 < w->options.blind;
}

static enum event_outcome
attempt(struct world *w, struct actor *a, uint64_t password)
{
	unsigned site = place_site_of(w, a->who);
	bool right = password == wire_right(w, a->who);
	struct addr client = where(w, a->who);
	struct addr server = place_site(site);
	struct wire wire = wire_open(w, &client, &server, 587);
	enum event_outcome outcome = OUTCOME_FAILURE;
	char account[WORLD_TEXT];

	if (right)
		outcome = OUTCOME_SUCCESS;
	if (outage(w->now_ns, site))
		outcome = OUTCOME_THROTTLED;
	place_account(w, a->who, account);
	wire_auth(w, &wire, account, hides(w, a->who) ? 0 : password, outcome);
	if (outcome == OUTCOME_SUCCESS)
		write_letters(w, a, &wire, account);
	wire_close(w, &wire);
	return outcome;
}

static uint64_t
soon(struct rng *r, unsigned least_s, unsigned most_s)
{
	return (least_s + rng_below(r, most_s - least_s)) * NS_PER_S;
}

/* Up to ten tries, some of them again; then a new password. */
static void
try_to_remember(struct world *w, struct actor *a)
{
	unsigned variant = a->count;

	if (a->count > 0 && rng_chance(&a->rng, FORGET_AGAIN))
		variant = rng_below(&a->rng, a->count);
	attempt(w, a, wire_password(0xf0000000ULL + a->who, a->goal * 1000ULL + variant));
	a->count++;
	a->next_ns = w->now_ns + soon(&a->rng, 10, 60);
	if (a->count < FORGET_LEAST + a->goal % FORGET_SPREAD)
		return;
	w->users[a->who].version++;
	w->users[a->who].changed_ns = w->now_ns;
	a->phase = PERSON_WORKS;
	a->next_ns = w->now_ns + soon(&a->rng, 600, 3600);
}

static bool
expires(const struct world *w, const struct actor *a)
{
	const struct user *u = &w->users[a->who];

	return day_of(w->now_ns) == EXPIRY_DAY && u->version == 0 &&
	       rng_mix(a->who ^ 0xe1) % 100 < EXPIRY_SHARE;
}

/* Whether this login goes wrong first, and how. */
static bool
goes_wrong(struct world *w, struct actor *a)
{
	bool monday = day_of(w->now_ns) % 7 == 0 && hour_of(w->now_ns) < 10;

	if (expires(w, a)) {
		/* The old one twice or so, before the notice is read. */
		w->users[a->who] = (struct user){w->now_ns, 1};
		a->phase = PERSON_ERRS;
		a->count = 1 + rng_below(&a->rng, 2);
		a->goal = UINT32_MAX;
		return true;
	}
	if (rng_chance(&a->rng, w->options.forget / LOGINS_A_DAY)) {
		a->phase = PERSON_FORGOT;
		a->count = 0;
		a->goal = rng_below(&a->rng, 1u << 30);
		return true;
	}
	if (!rng_chance(&a->rng, monday ? TYPO_MONDAY : TYPO))
		return false;
	a->phase = PERSON_ERRS;
	a->count = 1 + rng_below(&a->rng, TYPO_MOST);
	a->goal = rng_below(&a->rng, 1u << 30);
	return true;
}

static void
person(struct world *w, struct actor *a)
{
	if (a->phase == PERSON_WORKS && goes_wrong(w, a) && a->phase == PERSON_FORGOT) {
		try_to_remember(w, a);
		return;
	}
	if (a->phase == PERSON_FORGOT) {
		try_to_remember(w, a);
		return;
	}
	if (a->phase == PERSON_ERRS && a->count > 0) {
		uint64_t old = wire_password(0x7000000000ULL + a->who, 0);

		attempt(w, a,
			a->goal == UINT32_MAX
				? old
				: wire_password(a->who + 0x90000000ULL, a->goal + a->count));
		a->count--;
		a->next_ns = w->now_ns + soon(&a->rng, 4, 25);
		return;
	}
	a->phase = PERSON_WORKS;
	if (attempt(w, a, wire_right(w, a->who)) == OUTCOME_THROTTLED)
		a->next_ns = w->now_ns + soon(&a->rng, 30, 60);
	else
		a->next_ns = people_next(&a->rng, w->now_ns, LOGINS_A_DAY);
}

/*
 * A phone looks for mail to send each quarter of an hour. It learns of a new password when
 * somebody types it in, hours after it changed: until then it is a stale one for a while.
 */
static void
phone(struct world *w, struct actor *a)
{
	const struct user *u = &w->users[a->who];
	unsigned site = place_site_of(w, a->who);
	struct addr client = place_phone(w, a->who);
	struct addr server = place_site(site);
	struct wire wire = wire_open(w, &client, &server, 587);
	enum event_outcome outcome = OUTCOME_SUCCESS;
	char account[WORLD_TEXT];

	if (a->count != u->version && w->now_ns > u->changed_ns + a->gap_ns) {
		a->count = u->version;
		a->gap_ns = (uint64_t)rng_exp(&a->rng, 4.0 * (double)NS_PER_H);
	}
	if (a->count != u->version) {
		outcome = OUTCOME_FAILURE;
		w->stale(w->arg, &client);
	}
	if (outage(w->now_ns, site))
		outcome = OUTCOME_THROTTLED;
	wire_auth(w, &wire, place_account(w, a->who, account),
		hides(w, a->who) ? 0 : wire_password(0x7000000000ULL + a->who, a->count), outcome);
	wire_close(w, &wire);
	a->next_ns = w->now_ns + 15 * NS_PER_MIN - 20 * NS_PER_S + soon(&a->rng, 0, 40);
}

/* One wrong password for ever: a printer each five minutes, an old phone each fifteen. */
static void
forgotten_device(struct world *w, struct actor *a)
{
	struct addr client = place_user(w, a->who);
	struct addr server = place_site(place_site_of(w, a->who));
	struct wire wire = wire_open(w, &client, &server, 587);
	bool blind = a->goal % BLIND_SHARE == 0;
	char account[WORLD_TEXT];

	w->stale(w->arg, &client);
	wire_auth(w, &wire, place_account(w, a->who, account),
		blind ? 0 : wire_password(0xd0000000ULL + a->who, 0), OUTCOME_FAILURE);
	wire_close(w, &wire);
	a->next_ns = w->now_ns + a->gap_ns;
	if (a->gap_ns > 10 * NS_PER_MIN)
		a->next_ns += soon(&a->rng, 0, 60);
}

static void
carry(struct world *w, unsigned user)
{
	struct actor a;

	if (rng_mix(user ^ 0xf0) % 100 < PHONE_SHARE) {
		a = world_actor(w, phone, 0x20000000ULL + user);
		a.who = user;
		a.gap_ns = (uint64_t)rng_exp(&a.rng, 4.0 * (double)NS_PER_H);
		a.next_ns += soon(&a.rng, 0, 900);
		world_add(w, &a);
	}
	if (rng_mix(user ^ 0x57a1e) % 1000 >= STALE_PER_MILLE)
		return;
	a = world_actor(w, forgotten_device, 0x30000000ULL + user);
	a.who = user;
	a.goal = (uint32_t)(rng_mix(user ^ 0xb11d) % 1000);
	a.gap_ns = (a.goal / 100 % 5 == 1 ? 5 : 15) * NS_PER_MIN;
	a.next_ns += soon(&a.rng, 0, 900);
	world_add(w, &a);
}

void
world_people(struct world *w)
{
	for (unsigned user = 0; user < w->options.users; user++) {
		struct actor a = world_actor(w, person, 0x10000000ULL + user);

		a.who = user;
		a.next_ns = people_next(&a.rng, w->now_ns, LOGINS_A_DAY);
		world_add(w, &a);
		carry(w, user);
	}
}
