/*
 * Machines that mean well: other people's mail servers, a monitor, a backup
 * MX, a list server, newsletters, and (on demand) a vulnerability scanner.
 */
#include <stdio.h>

#include "bench/day/people.h"
#include "bench/day/wire.h"

#define INBOUND_PER_USER 10.0 /* letters from outside a day */
#define UNKNOWN_USER 0.015    /* of them, to somebody who does not exist */
#define BOUNCE 0.006          /* a bounce to one of our people */
#define GREYLISTED 0.02
#define BAD_LIST (REMOTE_HOSTS - 1) /* a sender whose list is old: */
#define BAD_LIST_UNKNOWN 0.15
#define BAD_LIST_A_DAY 600.0
#define BACKUP_A_DAY 400.0
#define NOTICES_A_DAY 300.0     /* confirmations of a shop, through AUTH */
#define POSTS_A_DAY 6.0         /* to the list of site 0, */
#define LIST_MEMBERS 120u       /* of whom so many are elsewhere */
#define NEWSLETTER_READERS 600u /* Tuesday and Thursday, 18:00 */
#define SCANNER_GAP_NS (2 * NS_PER_S)

static void
take_letter(struct world *w, struct actor *a, const struct addr *client, double unknown)
{
	unsigned user = rng_below(&a->rng, w->options.users);
	struct addr server = place_site(place_site_of(w, user));
	struct wire wire = wire_open(w, client, &server, 25);
	bool bounce = rng_chance(&a->rng, BOUNCE);
	char from[WORLD_TEXT];
	char to[WORLD_TEXT];
	char helo[WORLD_TEXT];
	struct letter l = {.from = from, .to = to, .code = 250, .bounce = bounce};

	snprintf(helo, sizeof(helo), "mx.remote%u.example", a->who);
	wire.helo = helo;
	snprintf(from, sizeof(from), "friend%u@remote%u.example", rng_below(&a->rng, 50), a->who);
	if (bounce)
		from[0] = '\0';
	place_account(w, user, to);
	if (rng_chance(&a->rng, unknown)) {
		snprintf(to, sizeof(to), "gone%u@site%u.example", rng_below(&a->rng, 500),
			place_site_of(w, user));
		l.code = 550;
	} else if (rng_chance(&a->rng, GREYLISTED)) {
		l.code = 451;
	}
	wire_mail(w, &wire, &l);
	wire_close(w, &wire);
}

/* goal: letters a day. */
static void
remote_host(struct world *w, struct actor *a)
{
	struct addr client = place_remote(a->who);
	bool bad = a->who == BAD_LIST;

	take_letter(w, a, &client, bad ? BAD_LIST_UNKNOWN : UNKNOWN_USER);
	a->next_ns = people_next(&a->rng, w->now_ns, a->x);
}

static void
backup_mx(struct world *w, struct actor *a)
{
	struct addr client = place_v4((245u << 24) + 2 * 256 + 25);

	take_letter(w, a, &client, UNKNOWN_USER);
	a->next_ns = people_next(&a->rng, w->now_ns, a->x);
}

/* Banner, EHLO, QUIT, at each of our servers, each minute. */
static void
monitor(struct world *w, struct actor *a)
{
	struct addr client = place_v4((245u << 24) + 256 + 10);

	for (unsigned site = 0; site < w->options.sites; site++) {
		struct addr server = place_site(site);
		struct wire wire = wire_open(w, &client, &server, 25);

		wire.helo = "monitor.example";
		wire_close(w, &wire);
	}
	a->next_ns = w->now_ns + NS_PER_MIN;
}

static void
mail_reader(struct world *w, struct actor *a, struct wire *wire, const char *name, unsigned host)
{
	char account[WORLD_TEXT];
	char to[WORLD_TEXT];
	struct letter l = {.from = account, .to = to, .account = account, .code = 250};

	snprintf(account, sizeof(account), "%s@site%u.example", name, a->who);
	snprintf(to, sizeof(to), "reader%u@remote%u.example", rng_below(&a->rng, 20000), host);
	if (wire->auths == 0)
		wire_auth(w, wire, account, wire_password(0xa0000000ULL + a->who, 0),
			OUTCOME_SUCCESS);
	wire_mail(w, wire, &l);
}

/* Confirmations of a shop: all day, one reader each. */
static void
shop(struct world *w, struct actor *a)
{
	struct addr client = place_v4((245u << 24) + (3u << 16) + a->who * 256 + 7);
	struct addr server = place_site(a->who);
	struct wire wire = wire_open(w, &client, &server, 587);

	mail_reader(w, a, &wire, "shop", people_remote(&a->rng));
	wire_close(w, &wire);
	a->next_ns = people_next(&a->rng, w->now_ns, NOTICES_A_DAY);
}

/* phase: readers of this evening who still wait. */
static void
newsletter(struct world *w, struct actor *a)
{
	struct addr client = place_v4((245u << 24) + (4u << 16) + a->who * 256 + 7);
	struct addr server = place_site(a->who);
	struct wire wire = wire_open(w, &client, &server, 587);
	unsigned day = (unsigned)((w->now_ns - WORLD_START_NS) / DAY_NS);

	mail_reader(w, a, &wire, "newsletter", people_remote(&a->rng));
	wire_close(w, &wire);
	a->next_ns = w->now_ns + 2 * NS_PER_S;
	if (--a->phase > 0)
		return;
	a->phase = NEWSLETTER_READERS;
	day += day % 7 == 1 ? 2 : 5;
	a->next_ns = WORLD_START_NS + day * DAY_NS + 18 * NS_PER_H;
}

/* One of ours posts: the list server tells each member's server. phase: members left. */
static void
list_server(struct world *w, struct actor *a)
{
	struct addr client = place_site(a->who);
	unsigned host = rng_below(&a->rng, REMOTE_HOSTS);
	struct addr server = place_remote(host);
	struct wire wire = wire_open(w, &client, &server, 25);
	char to[WORLD_TEXT];
	struct letter l = {.from = "list-bounces@site0.example", .to = to, .code = 250};

	snprintf(to, sizeof(to), "member%u@remote%u.example", rng_below(&a->rng, 5), host);
	wire.helo = "mx.site0.example";
	wire_mail(w, &wire, &l);
	wire_close(w, &wire);
	a->next_ns = w->now_ns + NS_PER_S;
	if (--a->phase > 0)
		return;
	a->phase = LIST_MEMBERS;
	a->next_ns = people_next(&a->rng, w->now_ns, POSTS_A_DAY);
}

static void
scanner(struct world *w, struct actor *a)
{
	struct addr client = place_v4((245u << 24) + (5u << 16) + 5);
	struct addr server = place_target(a->count);
	struct wire wire = wire_open(w, &client, &server, 25);

	wire.helo = "scanner.example";
	wire.silent = a->count % 254 < 9 || a->count % 254 >= 9 + w->options.sites;
	wire_close(w, &wire);
	a->next_ns = w->now_ns + SCANNER_GAP_NS;
	if (++a->count % 254 == 0)
		a->next_ns += DAY_NS - 254 * SCANNER_GAP_NS;
}

static void
add(struct world *w, actor_step step, unsigned who, uint64_t wait_ns, uint32_t phase)
{
	static const uint64_t first_stream = 0x40000000;
	struct actor a = world_actor(w, step, first_stream + w->actor_count);

	a.who = who;
	a.phase = phase;
	a.next_ns += wait_ns;
	world_add(w, &a);
}

static void
add_sender(struct world *w, actor_step step, unsigned who, double a_day)
{
	struct actor a = world_actor(w, step, 0x50000000ULL + w->actor_count);

	a.who = who;
	a.x = a_day;
	a.next_ns = people_next(&a.rng, w->now_ns, a_day);
	world_add(w, &a);
}

void
world_hosts(struct world *w)
{
	double inbound = INBOUND_PER_USER * w->options.users;

	for (unsigned host = 0; host < BAD_LIST; host++) {
		/* The share of people_remote: the cube of an even draw. */
		double share =
			cbrt((host + 1.0) / REMOTE_HOSTS) - cbrt((double)host / REMOTE_HOSTS);

		add_sender(w, remote_host, host, inbound * share);
	}
	add_sender(w, remote_host, BAD_LIST, BAD_LIST_A_DAY);
	add_sender(w, backup_mx, 0, BACKUP_A_DAY);
	add(w, monitor, 0, 7 * NS_PER_S, 0);
	add(w, list_server, 0, 9 * NS_PER_H, LIST_MEMBERS);
	for (unsigned site = 0; site < w->options.sites; site++) {
		add(w, shop, site, 8 * NS_PER_H + site * NS_PER_MIN, 0);
		if (w->options.newsletter && site % 3 == 0)
			add(w, newsletter, site, DAY_NS + 18 * NS_PER_H, NEWSLETTER_READERS);
	}
	if (w->options.scanner)
		add(w, scanner, 0, 2 * NS_PER_H, 0);
}
