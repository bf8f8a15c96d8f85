/* Attacks that send: through an account, through a server, back to it; and one from end to end. */
#include <stdio.h>

#include "bench/day/attack.h"
#include "bench/day/people.h"

#define BLOCKLIST_PATTERN 2301u
#define CHAIN_SCANNED 40u
#define CHAIN_GUESSES 12u
#define CHAIN_SENT 300u
#define CHAIN_SENT_HOURLY 600.0
#define CHAIN_BOUNCED 0.5
#define CHAIN_LISTED_AFTER 150u

static struct addr
site_addr(const struct actor *a)
{
	return place_site(a->who);
}

/* A server out there; there are more of them than hosts that write to us. */
static struct addr
far_server(struct rng *r)
{
	return place_v4((250u << 24) + rng_below(r, 1u << 24));
}

static void
pass_on(struct world *w, struct actor *a, const char *from, const char *to)
{
	struct addr client = site_addr(a);
	struct addr server = far_server(&a->rng);
	struct wire wire = wire_open(w, &client, &server, 25);
	struct letter l = {.from = from, .to = to, .code = 250};

	wire.helo = "mx.site.example";
	wire_mail(w, &wire, &l);
	wire_close(w, &wire);
}

static void
send_as_victim(struct world *w, struct actor *a, unsigned from_source)
{
	struct assault me = {.world = w, .instance = a->instance};
	unsigned victim = attack_victim(&me);
	struct addr client = place_attacker(a->instance, from_source);
	struct addr server = site_addr(a);
	struct wire wire = wire_open(w, &client, &server, 587);
	char account[WORLD_TEXT];
	char to[WORLD_TEXT];
	struct letter l = {.from = account, .to = to, .account = account, .code = 250};

	place_account(w, victim, account);
	snprintf(to, sizeof(to), "stranger%u@far%u.example", rng_below(&a->rng, 1u << 30),
		rng_below(&a->rng, 3000));
	wire_auth(w, &wire, account, wire_right(w, victim), OUTCOME_SUCCESS);
	wire_mail(w, &wire, &l);
	wire_close(w, &wire);
	pass_on(w, a, account, to);
}

static void
relay(struct world *w, struct actor *a)
{
	send_as_victim(w, a, 0);
	attack_pace(w, a);
}

static void
relay_openly(struct world *w, struct actor *a)
{
	struct addr client = place_attacker(a->instance, 0);
	struct addr server = site_addr(a);
	struct wire wire = wire_open(w, &client, &server, 25);
	char to[WORLD_TEXT];
	struct letter l = {.from = "offer@shop.example", .to = to, .code = 250};

	snprintf(to, sizeof(to), "stranger%u@far%u.example", rng_below(&a->rng, 1u << 30),
		rng_below(&a->rng, 3000));
	wire_mail(w, &wire, &l);
	wire_close(w, &wire);
	pass_on(w, a, l.from, to);
	attack_pace(w, a);
}

static void
bounce_to(struct world *w, struct actor *a, const char *to, unsigned code)
{
	struct addr client = far_server(&a->rng);
	struct addr server = site_addr(a);
	struct wire wire = wire_open(w, &client, &server, 25);
	struct letter l = {.from = "", .to = to, .code = code, .bounce = true};

	wire.helo = "mx.far.example";
	wire_mail(w, &wire, &l);
	wire_close(w, &wire);
}

static void
bounce_victim(struct world *w, struct actor *a)
{
	struct assault me = {.world = w, .instance = a->instance};
	char to[WORLD_TEXT];

	bounce_to(w, a, place_account(w, attack_victim(&me), to), 250);
	attack_pace(w, a);
}

static void
bounce_many(struct world *w, struct actor *a)
{
	bool made_up = rng_chance(&a->rng, 0.5);
	unsigned n = rng_below(&a->rng, w->options.users / w->options.sites / 2);
	char to[WORLD_TEXT];

	attack_listed(w, a->who, made_up ? 100000 + n : n, to);
	bounce_to(w, a, to, made_up ? 550 : 250);
	attack_pace(w, a);
}

/* A desktop of ours that became a spam bot; or a server, when width says so. */
static void
fan_out(struct world *w, struct actor *a)
{
	struct addr client = place_v4((203u << 24) + (113u << 8) + 150 + a->instance);
	struct addr server = far_server(&a->rng);
	struct wire wire;
	struct letter l = {.from = "offer@shop.example", .to = "you@far.example", .code = 250};

	if (a->width > 1)
		client = site_addr(a);
	wire = wire_open(w, &client, &server, 25);
	wire.helo = "mail.shop.example";
	wire_mail(w, &wire, &l);
	wire_close(w, &wire);
	attack_pace(w, a);
}

static void
refuse_listed(struct world *w, struct actor *a)
{
	struct addr client = site_addr(a);
	struct addr server = place_remote(people_remote(&a->rng));
	struct wire wire = wire_open(w, &client, &server, 25);

	wire.helo = "mx.site.example";
	wire_words(w, &wire, BLOCKLIST_PATTERN);
	wire_close(w, &wire);
	attack_pace(w, a);
}

/* Scan, guess, log in; then another address sends, mail bounces, and a list takes notice. */
static void
chain_guess(struct world *w, struct actor *a)
{
	struct assault me = {.world = w, .instance = a->instance};
	struct addr client = place_attacker(a->instance, 0);
	struct addr server = site_addr(a);
	struct wire wire = wire_open(w, &client, &server, 25);
	bool right = a->count == CHAIN_SCANNED + CHAIN_GUESSES;
	unsigned victim = attack_victim(&me);
	char account[WORLD_TEXT];

	wire_auth(w, &wire, place_account(w, victim, account),
		right ? wire_right(w, victim)
		      : wire_password(0xc4a10000ULL + a->instance, a->count),
		right ? OUTCOME_SUCCESS : OUTCOME_FAILURE);
	wire_close(w, &wire);
	attack_hourly(a, right ? 4.0 : a->x);
	attack_pace(w, a);
	attack_hourly(a, CHAIN_SENT_HOURLY);
}

static void
chain(struct world *w, struct actor *a)
{
	unsigned sent = a->count - CHAIN_SCANNED - CHAIN_GUESSES - 1;

	if (a->count < CHAIN_SCANNED) {
		struct addr client = place_attacker(a->instance, 0);
		struct addr server = place_target(a->count * 31);
		struct wire wire = wire_open(w, &client, &server, 25);

		wire.silent = a->count % 8 != 0;
		wire_close(w, &wire);
		attack_hourly(a, 3600);
		attack_pace(w, a);
		return;
	}
	if (a->count <= CHAIN_SCANNED + CHAIN_GUESSES) {
		chain_guess(w, a);
		return;
	}
	send_as_victim(w, a, 1);
	if (rng_chance(&a->rng, CHAIN_BOUNCED)) {
		struct assault me = {.world = w, .instance = a->instance};
		char to[WORLD_TEXT];

		bounce_to(w, a, place_account(w, attack_victim(&me), to), 250);
	}
	if (sent > CHAIN_LISTED_AFTER && sent % 10 == 0) {
		refuse_listed(w, a);
		return;
	}
	attack_pace(w, a);
}

enum { LABEL_SOURCE = 1, LABEL_VICTIM = 2, LABEL_SERVER = 4, LABEL_INSIDE = 8 };

static void
label(const struct assault *assault, const struct actor *a, unsigned what)
{
	struct addr addr = site_addr(a);
	char text[WORLD_TEXT];

	place_text(&addr, text);
	/* A server is itself a source when it sends. */
	if (what & LABEL_SERVER) {
		score_label(assault->score, SUBJECT_SERVER, text, a->instance);
		score_label(assault->score, SUBJECT_SOURCE, text, a->instance);
	}
	if (what & LABEL_VICTIM)
		score_label(assault->score, SUBJECT_ACCOUNT,
			place_account(assault->world, attack_victim(assault), text), a->instance);
	if (what & LABEL_INSIDE) {
		addr = place_v4((203u << 24) + (113u << 8) + 150 + a->instance);
		place_text(&addr, text);
		score_label(assault->score, SUBJECT_SOURCE, text, a->instance);
	}
	for (unsigned n = 0; (what & LABEL_SOURCE) && n < 2; n++) {
		addr = place_attacker(a->instance, n);
		score_label_source(assault->score, &addr, a->instance);
	}
}

static void
begin(const struct assault *assault, actor_step step, unsigned labels)
{
	struct actor a = attack_actor(assault, step);

	a.width = step == fan_out && (labels & LABEL_SERVER) ? 2 : 1;
	attack_hourly(&a, assault->x);
	if (step == chain)
		a.goal = CHAIN_SCANNED + CHAIN_GUESSES + 1 + CHAIN_SENT;
	label(assault, &a, labels);
	world_add(assault->world, &a);
}

static void
relay_burst(const struct assault *a)
{
	begin(a, relay, LABEL_SOURCE | LABEL_VICTIM | LABEL_SERVER);
}

static void
open_relay(const struct assault *a)
{
	begin(a, relay_openly, LABEL_SOURCE | LABEL_SERVER);
}

static void
bounce_account(const struct assault *a)
{
	begin(a, bounce_victim, LABEL_VICTIM);
}

static void
bounce_server(const struct assault *a)
{
	begin(a, bounce_many, LABEL_SERVER);
}

static void
outbound_fanout(const struct assault *a)
{
	begin(a, fan_out, LABEL_INSIDE);
}

static void
fanout_server(const struct assault *a)
{
	begin(a, fan_out, LABEL_SERVER);
}

static void
blocklisted(const struct assault *a)
{
	begin(a, refuse_listed, LABEL_SERVER);
}

static void
whole_chain(const struct assault *a)
{
	begin(a, chain, LABEL_SOURCE | LABEL_VICTIM | LABEL_SERVER);
}

#define FANOUT DETECTOR_BIT(OUTBOUND_FANOUT)
#define CHAIN                                                                               \
	(DETECTORS_GUESSING | FANOUT | DETECTOR_BIT(SMTP_SCAN) | DETECTOR_BIT(COMPROMISE) | \
		DETECTOR_BIT(RELAY_BURST) | DETECTOR_BIT(BOUNCE_WAVE) | DETECTOR_BIT(BLOCKLISTED))

const struct attack_kind attack_mail_kinds[] = {
	{"relay_burst", "recipients an hour", {10, 30, 60, 100, 150, 200, 300, 1000, 5000},
		DETECTOR_BIT(RELAY_BURST), FANOUT, relay_burst},
	{"open_relay", "recipients an hour", {0.1, 0.2, 0.5, 1, 5, 50, 500},
		DETECTOR_BIT(OPEN_RELAY), FANOUT, open_relay},
	{"bounce_account", "bounces an hour to one account", {5, 20, 50, 80, 100, 200, 500, 2000},
		DETECTOR_BIT(BOUNCE_WAVE), 0, bounce_account},
	{"bounce_server", "bounces an hour to one server", {20, 50, 100, 200, 300, 500, 1000, 5000},
		DETECTOR_BIT(BOUNCE_WAVE), 0, bounce_server},
	{"outbound_fanout", "servers an hour, from a desktop", {5, 10, 20, 40, 60, 100, 300, 1000},
		FANOUT, 0, outbound_fanout},
	{"fanout_server", "servers an hour, from a mail server",
		{20, 60, 100, 200, 300, 500, 1000, 5000}, FANOUT, 0, fanout_server},
	{"blocklisted", "refusals an hour", {0.05, 0.2, 1, 10, 100}, DETECTOR_BIT(BLOCKLISTED), 0,
		blocklisted},
	{"chain", "guesses an hour, from scan to blocklist", {1, 2, 6, 60, 600, 3600}, CHAIN, 0,
		whole_chain},
};

const unsigned attack_mail_count = sizeof(attack_mail_kinds) / sizeof(attack_mail_kinds[0]);
