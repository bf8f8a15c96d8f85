/* Attacks on passwords. */
#include <stdio.h>
#include <string.h>

#include "bench/day/attack.h"

/* Where the tries come from, at whom they aim, and what they try: actor.phase is of these. */
enum { FROM_SOURCES, FROM_NET24, FROM_NET64, FROM_NET56, FROM_NET48, FROM_KINDS };
enum { AT_VICTIM, AT_LIST };
enum { WITH_NEW, WITH_ROUND, WITH_ONE, WITH_UNKNOWN };

#define PLAN(from, at, with) ((from) + 10u * (at) + 100u * (with))
#define SPRAY_LIST 3000u /* accounts for each password */
#define NET56_WIDTH 256u

static struct addr
source(const struct actor *a, unsigned n)
{
	struct addr net = {{0x20, 0x01, 0x0d, 0xb8, 0xaa, (uint8_t)a->instance}};
	uint64_t host = rng_mix(n + 77);

	switch (a->phase % 10) {
	case FROM_NET24:
		return place_v4((251u << 24) + (a->instance << 16) + n % 254 + 1);
	case FROM_NET48:
		net.bytes[6] = n >> 8 & 255;
		net.bytes[7] = n & 255;
		break;
	case FROM_NET56:
		net.bytes[7] = n % NET56_WIDTH;
		break;
	case FROM_NET64:
		break;
	default:
		return place_attacker(a->instance, n);
	}
	memcpy(net.bytes + 8, &host, sizeof(host));
	return net;
}

static uint64_t
password(const struct actor *a)
{
	uint64_t mine = 0xbad00000ULL + a->instance;

	switch (a->phase / 100) {
	case WITH_ROUND:
		return wire_password(mine, a->count / SPRAY_LIST);
	case WITH_ONE:
		return wire_password(mine, 0);
	case WITH_UNKNOWN:
		return 0;
	default:
		return wire_password(mine, a->count);
	}
}

static void
guess_as(struct world *w, struct actor *a, const char *account, enum event_outcome outcome)
{
	struct addr client = source(a, a->count % a->width);
	struct addr server = place_site(a->who);
	struct wire wire = wire_open(w, &client, &server, 25);

	wire_auth(w, &wire, account, password(a), outcome);
	wire_close(w, &wire);
	attack_pace(w, a);
}

/* The victim's number is what the user number of the instance is; kept in x's place. */
static void
guess(struct world *w, struct actor *a)
{
	struct assault me = {.world = w, .instance = a->instance};
	char account[WORLD_TEXT];

	if (a->phase / 10 % 10 == AT_VICTIM)
		place_account(w, attack_victim(&me), account);
	else
		attack_listed(w, a->who, a->count, account);
	guess_as(w, a, account, OUTCOME_FAILURE);
}

static void
guess_until_right(struct world *w, struct actor *a)
{
	struct assault me = {.world = w, .instance = a->instance};
	char account[WORLD_TEXT];

	place_account(w, attack_victim(&me), account);
	guess_as(w, a, account, a->count + 1 == a->goal ? OUTCOME_SUCCESS : OUTCOME_FAILURE);
}

static void
label(const struct assault *assault, const struct actor *a)
{
	struct addr server;
	char text[WORLD_TEXT];

	for (unsigned n = 0; n < a->width && n < a->goal; n++) {
		struct addr addr = source(a, n);

		score_label_source(assault->score, &addr, a->instance);
	}
	if (a->phase / 10 % 10 == AT_VICTIM)
		score_label(assault->score, SUBJECT_ACCOUNT,
			place_account(assault->world, attack_victim(assault), text), a->instance);
	server = place_site(a->who);
	place_text(&server, text);
	if (a->width > 1)
		score_label(assault->score, SUBJECT_SERVER, text, a->instance);
	else
		score_label_touched(assault->score, SUBJECT_SERVER, text, a->instance);
}

static void
begin(const struct assault *assault, unsigned plan, unsigned width, double an_hour)
{
	struct actor a = attack_actor(assault, guess);

	a.phase = plan;
	a.width = width;
	attack_hourly(&a, an_hour);
	label(assault, &a);
	world_add(assault->world, &a);
}

static void
bruteforce(const struct assault *a)
{
	begin(a, PLAN(FROM_SOURCES, AT_VICTIM, WITH_NEW), 1, a->x);
}

static void
bruteforce_blind(const struct assault *a)
{
	begin(a, PLAN(FROM_SOURCES, AT_VICTIM, WITH_UNKNOWN), 1, a->x);
}

static void
spray(const struct assault *a)
{
	begin(a, PLAN(FROM_SOURCES, AT_LIST, WITH_ROUND), 1, a->x);
}

static void
stuffing(const struct assault *a)
{
	begin(a, PLAN(FROM_SOURCES, AT_LIST, WITH_NEW), 1, a->x);
}

/* x: minutes between two tries. */
static void
slow(const struct assault *a)
{
	begin(a, PLAN(FROM_SOURCES, AT_VICTIM, WITH_NEW), 1, 60.0 / a->x);
}

static void
slow_twenty(const struct assault *a)
{
	begin(a, PLAN(FROM_SOURCES, AT_LIST, WITH_NEW), 20, 20 * 60.0 / a->x);
}

/* x sources, each twice a day. */
static void
distributed_account(const struct assault *a)
{
	begin(a, PLAN(FROM_SOURCES, AT_VICTIM, WITH_NEW), (unsigned)a->x, a->x / 12.0);
}

/* x sources, each three times a day, at all accounts of a server. */
static void
distributed_server(const struct assault *a)
{
	begin(a, PLAN(FROM_SOURCES, AT_LIST, WITH_NEW), (unsigned)a->x, a->x / 8.0);
}

/* x addresses of one network, each four times a day. */
static void
net24(const struct assault *a)
{
	begin(a, PLAN(FROM_NET24, AT_LIST, WITH_NEW), (unsigned)a->x, a->x / 6.0);
}

static void
net64(const struct assault *a)
{
	begin(a, PLAN(FROM_NET64, AT_LIST, WITH_NEW), (unsigned)a->x, a->x / 6.0);
}

static void
net56(const struct assault *a)
{
	begin(a, PLAN(FROM_NET56, AT_LIST, WITH_NEW), (unsigned)a->x, a->x / 6.0);
}

static void
net48(const struct assault *a)
{
	begin(a, PLAN(FROM_NET48, AT_LIST, WITH_NEW), (unsigned)a->x, a->x / 6.0);
}

/* x guesses, one a minute; the next one is right. */
static void
compromise(const struct assault *assault)
{
	struct actor a = attack_actor(assault, guess_until_right);

	a.phase = PLAN(FROM_SOURCES, AT_VICTIM, WITH_NEW);
	a.goal = (uint32_t)assault->x + 1;
	attack_hourly(&a, 60);
	label(assault, &a);
	world_add(assault->world, &a);
}

/* x failures in ten minutes, each from another source, for half an hour. */
static void
auth_spike(const struct assault *assault)
{
	struct actor a = attack_actor(assault, guess);

	a.phase = PLAN(FROM_SOURCES, AT_LIST, WITH_NEW);
	a.goal = (uint32_t)assault->x * 3;
	a.width = a.goal < 2000 ? a.goal : 2000;
	a.next_ns += 3 * NS_PER_H;
	attack_hourly(&a, assault->x * 6);
	label(assault, &a);
	world_add(assault->world, &a);
}

/* x: minutes between two tries of a device with one wrong password. */
static void
stale(const struct assault *a)
{
	begin(a, PLAN(FROM_SOURCES, AT_VICTIM, WITH_ONE), 1, 60.0 / a->x);
}

static void
forgotten_blind(struct world *w, struct actor *a)
{
	guess(w, a);
	/* A timer, with a second or two of jitter. */
	if (a->next_ns != WORLD_NEVER)
		a->next_ns = w->now_ns + a->gap_ns + rng_below(&a->rng, 2000) * NS_PER_MS;
}

static void
stale_blind(const struct assault *assault)
{
	struct actor a = attack_actor(assault, forgotten_blind);

	a.phase = PLAN(FROM_SOURCES, AT_VICTIM, WITH_UNKNOWN);
	attack_hourly(&a, 60.0 / assault->x);
	label(assault, &a);
	world_add(assault->world, &a);
}

#define SPIKE (DETECTORS_GUESSING | DETECTOR_BIT(AUTH_SPIKE))
#define STALE DETECTOR_BIT(STALE_CREDENTIAL)

const struct attack_kind attack_guess_kinds[] = {
	{"bruteforce", "tries an hour", {0.04, 0.5, 1, 2, 5, 15, 60, 600, 36000, 360000},
		DETECTORS_GUESSING, DETECTOR_BIT(AUTH_SPIKE), bruteforce},
	{"bruteforce_blind", "tries an hour", {1, 5, 15, 30, 60, 120, 600, 36000},
		DETECTORS_GUESSING, DETECTOR_BIT(AUTH_SPIKE), bruteforce_blind},
	{"spray", "accounts an hour", {0.2, 0.5, 1, 2, 3, 5, 10, 30, 100, 1000}, DETECTORS_GUESSING,
		DETECTOR_BIT(AUTH_SPIKE), spray},
	{"stuffing", "accounts an hour", {0.2, 0.5, 1, 2, 3, 5, 10, 30, 100, 1000},
		DETECTORS_GUESSING, DETECTOR_BIT(AUTH_SPIKE), stuffing},
	{"slow", "minutes between tries", {120, 60, 45, 30, 20, 11, 5}, DETECTORS_GUESSING, 0,
		slow},
	{"slow_twenty", "minutes between tries of each of 20", {120, 60, 45, 30, 20, 11, 5},
		DETECTORS_GUESSING, DETECTOR_BIT(AUTH_SPIKE), slow_twenty},
	{"distributed_account", "sources, 2 tries a day each",
		{3, 5, 10, 15, 20, 30, 50, 100, 300, 1000}, DETECTORS_GUESSING,
		DETECTOR_BIT(AUTH_SPIKE), distributed_account},
	{"distributed_server", "sources, 3 tries a day each",
		{10, 30, 60, 100, 200, 300, 500, 1000, 2000}, SPIKE, 0, distributed_server},
	{"net24", "addresses of a /24, 4 tries a day each", {3, 5, 10, 20, 50, 100, 250},
		DETECTORS_GUESSING, DETECTOR_BIT(AUTH_SPIKE), net24},
	{"net64", "addresses of a /64, 4 tries a day each", {2, 3, 5, 10, 20, 50, 100, 250},
		DETECTORS_GUESSING, DETECTOR_BIT(AUTH_SPIKE), net64},
	{"net56", "addresses of a /56, each in its own /64", {2, 3, 5, 10, 20, 50, 100, 250},
		DETECTORS_GUESSING, DETECTOR_BIT(AUTH_SPIKE), net56},
	{"net48", "addresses of a /48, each in its own /64", {2, 3, 5, 10, 20, 50, 100, 250},
		DETECTORS_GUESSING, DETECTOR_BIT(AUTH_SPIKE), net48},
	{"compromise", "guesses, one a minute, then a login", {1, 3, 5, 6, 7, 8, 10, 15, 30, 100},
		DETECTOR_BIT(COMPROMISE), DETECTORS_GUESSING, compromise},
	{"auth_spike", "failures in 10 minutes, from as many sources",
		{10, 20, 30, 50, 75, 100, 200, 500}, SPIKE, 0, auth_spike},
	{"stale_credential", "minutes between tries", {240, 120, 60, 30, 15, 5, 1}, STALE, 0,
		stale},
	{"stale_blind", "minutes between tries", {240, 120, 60, 30, 15, 5, 2}, STALE, 0,
		stale_blind},
};

const unsigned attack_guess_count = sizeof(attack_guess_kinds) / sizeof(attack_guess_kinds[0]);
