/* Attacks on servers: who is there, which users are, what holds out. */
#include <stdio.h>

#include "bench/day/attack.h"

static void
scan(struct world *w, struct actor *a)
{
	struct addr client = place_attacker(a->instance, 0);
	unsigned n = a->count * 31 + a->instance * 7;
	struct addr server = place_target(n);
	struct wire wire = wire_open(w, &client, &server, 25);

	wire.helo = "scan.example";
	wire.silent =
		n % PLACE_TARGETS % 254 < 9 || n % PLACE_TARGETS % 254 >= 9 + w->options.sites;
	wire_close(w, &wire);
	attack_pace(w, a);
}

static void
enumerate(struct world *w, struct actor *a)
{
	struct addr client = place_attacker(a->instance, 0);
	struct addr server = place_site(a->who);
	struct wire wire = wire_open(w, &client, &server, 25);
	char to[WORLD_TEXT];
	struct letter l = {.from = "me@list.example", .to = to, .code = 550};

	/* One in ten exists, so that half of the found ones do not hide the rest. */
	attack_listed(w, a->who, a->count % 10 == 0 ? a->count / 10 : 100000 + a->count, to);
	if (a->count % 10 == 0)
		l.code = 250;
	wire_mail(w, &wire, &l);
	wire_close(w, &wire);
	attack_pace(w, a);
}

static void
verify(struct world *w, struct actor *a)
{
	struct addr client = place_attacker(a->instance, 0);
	struct addr server = place_site(a->who);
	struct wire wire = wire_open(w, &client, &server, 25);

	wire.commands++;
	wire.probes = 1;
	wire_close(w, &wire);
	attack_pace(w, a);
}

/* It holds a slot for five minutes. */
static void
hold(struct world *w, struct actor *a)
{
	struct addr client = place_attacker(a->instance, 0);
	struct addr server = place_site(a->who);
	struct wire wire = wire_open(w, &client, &server, 25);

	wire.lasted_ns = 5 * NS_PER_MIN;
	wire_close(w, &wire);
	attack_pace(w, a);
}

static void
churn(struct world *w, struct actor *a)
{
	struct addr client = place_attacker(a->instance, 0);
	struct addr server = place_site(a->who);
	struct wire wire = wire_open(w, &client, &server, 25);
	char helo[WORLD_TEXT];
	char to[WORLD_TEXT];
	struct letter l = {.from = "offer@shop.example", .to = to, .code = 250};

	snprintf(helo, sizeof(helo), "host-%u.example", rng_below(&a->rng, 1u << 30));
	wire.helo = helo;
	attack_listed(w, a->who, a->count % 50, to);
	wire_mail(w, &wire, &l);
	wire_close(w, &wire);
	attack_pace(w, a);
}

/* A server offers AUTH in clear: x connections a day see it. */
static void
expose(struct world *w, struct actor *a)
{
	struct addr client = place_remote(a->count % REMOTE_HOSTS);
	struct addr server = place_site(a->who);
	struct wire wire = wire_open(w, &client, &server, 587);

	wire.flags |= SESSION_AUTH_OFFERED;
	wire_close(w, &wire);
	attack_pace(w, a);
}

static void
begin(const struct assault *assault, actor_step step, double an_hour)
{
	struct actor a = attack_actor(assault, step);
	struct addr addr = place_attacker(assault->instance, 0);

	attack_hourly(&a, an_hour);
	score_label_source(assault->score, &addr, assault->instance);
	world_add(assault->world, &a);
}

static void
smtp_scan(const struct assault *a)
{
	begin(a, scan, a->x);
}

static void
enumeration(const struct assault *a)
{
	begin(a, enumerate, a->x);
}

static void
enumeration_vrfy(const struct assault *a)
{
	begin(a, verify, a->x);
}

static void
long_session(const struct assault *a)
{
	begin(a, hold, a->x);
}

static void
helo_churn(const struct assault *a)
{
	begin(a, churn, a->x);
}

static void
exposure(const struct assault *assault)
{
	struct actor a = attack_actor(assault, expose);
	struct addr server = place_site(a.who);
	char text[WORLD_TEXT];

	attack_hourly(&a, assault->x / 22.0);
	place_text(&server, text);
	score_label(assault->score, SUBJECT_SERVER, text, a.instance);
	world_add(assault->world, &a);
}

const struct attack_kind attack_probe_kinds[] = {
	{"smtp_scan", "servers an hour", {0.5, 1, 2, 3, 5, 10, 30, 100, 1000},
		DETECTOR_BIT(SMTP_SCAN), 0, smtp_scan},
	{"enumeration", "users an hour", {1, 2, 4, 6, 10, 20, 40, 100, 1000},
		DETECTOR_BIT(ENUMERATION), 0, enumeration},
	{"enumeration_vrfy", "VRFY an hour", {1, 2, 4, 6, 10, 20, 40, 100, 1000},
		DETECTOR_BIT(ENUMERATION), 0, enumeration_vrfy},
	{"long_session", "sessions of 5 minutes an hour", {1, 3, 5, 8, 10, 15, 30, 100},
		DETECTOR_BIT(LONG_SESSION), 0, long_session},
	{"helo_churn", "names an hour", {3, 5, 10, 15, 20, 30, 60, 600}, DETECTOR_BIT(HELO_CHURN),
		0, helo_churn},
	{"exposure", "sessions a day", {1, 10, 100}, DETECTOR_BIT(EXPOSURE), 0, exposure},
};

const unsigned attack_probe_count = sizeof(attack_probe_kinds) / sizeof(attack_probe_kinds[0]);
