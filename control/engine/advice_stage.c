/*
 * What to do at each stage that an incident has come to: look, block, change
 * the password, empty the queue, clean up, get off the list. By name, since
 * "block the sources" is no help at three in the morning.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/engine/internal.h"

#define NAMED 5u       /* of a list; the rest is in the alert */
#define BY_THE_WAY 20u /* times less than who did most */
#define SAME_NETWORK 3 /* sources in one network: block the network */
#define NETWORK_MAX (INET6_ADDRSTRLEN + 4)

/* Up to NAMED names, in one phrase. */
struct phrase {
	const char *names[INCIDENT_NAMES];
	unsigned count;
};

static void
phrase_add(struct phrase *p, const char *name)
{
	for (unsigned n = 0; n < p->count; n++)
		if (strcmp(p->names[n], name) == 0)
			return;
	p->names[p->count++] = name;
}

static void
say_phrase(struct text *t, const struct phrase *p, const char *nobody)
{
	unsigned shown = p->count <= NAMED ? p->count : NAMED - 1;

	if (p->count == 0)
		text_add(t, "%s", nobody);
	for (unsigned n = 0; n < shown; n++) {
		bool last = n + 1 == p->count;

		text_add(t, "%s%s", n == 0 ? "" : last ? " and " : ", ", p->names[n]);
	}
	if (shown < p->count)
		text_add(t, " and others");
}

/* Those that took part in one of these stages, and not just by the way, as the owner of an
   account does who goes on using it. */
static struct phrase
named(const struct incident_name list[INCIDENT_NAMES], uint32_t stages)
{
	struct phrase p = {.count = 0};
	uint64_t most = 0;

	for (unsigned n = 0; n < INCIDENT_NAMES && list[n].name[0] != '\0'; n++)
		if ((list[n].stages & stages) && list[n].count > most)
			most = list[n].count;
	for (unsigned n = 0; n < INCIDENT_NAMES && list[n].name[0] != '\0'; n++)
		if ((list[n].stages & stages) && list[n].count * BY_THE_WAY >= most)
			phrase_add(&p, list[n].name);
	return p;
}

/* The IPv4 /24 or IPv6 /64 of an address, as text; false for what is none. */
static bool
network_name(const char *name, char out[NETWORK_MAX])
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, name, bytes) == 1) {
		bytes[3] = 0;
		inet_ntop(AF_INET, bytes, out, NETWORK_MAX);
		strcat(out, "/24");
		return true;
	}
	if (inet_pton(AF_INET6, name, bytes) != 1)
		return false;
	memset(bytes + 8, 0, 8);
	inet_ntop(AF_INET6, bytes, out, NETWORK_MAX);
	strcat(out, "/64");
	return true;
}

bool
advice_beside(const char *source, const char *server)
{
	char from[NETWORK_MAX], to[NETWORK_MAX];

	return network_name(source, from) && network_name(server, to) && strcmp(from, to) == 0;
}

/* Several neighbours are a range. */
static void
say_ranges(struct text *t, struct phrase all)
{
	struct phrase ranges = {.count = 0};
	char networks[INCIDENT_NAMES][NETWORK_MAX];

	for (unsigned n = 0; n < all.count; n++) {
		unsigned neighbours = 0;

		if (!network_name(all.names[n], networks[n]))
			networks[n][0] = '\0';
		for (unsigned k = 0; k < n; k++)
			neighbours += networks[n][0] && strcmp(networks[n], networks[k]) == 0;
		if (neighbours + 1 >= SAME_NETWORK)
			for (unsigned k = 0; k <= n; k++)
				if (strcmp(networks[n], networks[k]) == 0)
					all.names[k] = networks[n];
	}
	for (unsigned n = 0; n < all.count; n++)
		phrase_add(&ranges, all.names[n]);
	say_phrase(t, &ranges, "the sources named in the alert");
}

/* Block who took part, but not what stands beside the servers, as a webmail does: everybody
   comes from there. */
static void
say_block(struct text *t, const struct incident *i, uint32_t stages, const char *where)
{
	struct phrase all = named(i->sources, stages);
	struct phrase outside = {.count = 0}, beside = {.count = 0};

	for (unsigned n = 0; n < all.count; n++) {
		bool is_beside = false;

		for (unsigned k = 0; k < INCIDENT_NAMES && i->servers[k].name[0] != '\0'; k++)
			is_beside |= advice_beside(all.names[n], i->servers[k].name);
		phrase_add(is_beside ? &beside : &outside, all.names[n]);
	}
	if (outside.count > 0 || beside.count == 0) {
		text_add(t, "Block ");
		say_ranges(t, outside);
		text_add(t, "%s.%s", where, beside.count > 0 ? " " : "");
	}
	if (beside.count == 0)
		return;
	text_add(t, "Before you block ");
	say_phrase(t, &beside, "");
	text_add(t,
		", beside the servers, see who comes from there: behind a webmail or a proxy, all "
		"do.");
}

#define BIT(stage) (1u << STAGE_##stage)

static void
advise_scan(struct text *t, const struct incident *i)
{
	struct phrase servers = named(i->servers, BIT(SCAN));

	say_block(
		t, i, BIT(SCAN), " on the mail ports, or watch: who looks now comes back to guess");
	text_add(t, " See that each of ");
	say_phrase(t, &servers, "the servers that were reached");
	text_add(t, " is meant to be reachable, patched, and silent to VRFY and EXPN.");
}

static void
advise_guessing(struct text *t, const struct incident *i)
{
	struct phrase servers = named(i->servers, BIT(GUESSING));
	struct phrase accounts = named(i->accounts, BIT(GUESSING));

	say_block(t, i, BIT(GUESSING), " on the mail ports");
	text_add(t, " On ");
	say_phrase(t, &servers, "the servers");
	text_add(t, ", limit failures per address and per account, and require a second factor");
	if (accounts.count > 0 && accounts.count <= NAMED) {
		text_add(t, " of ");
		say_phrase(t, &accounts, "");
	}
	text_add(t, ".");
}

static void
advise_success(struct text *t, const struct incident *i)
{
	struct phrase accounts = {.count = 0};

	for (unsigned n = 0; n < INCIDENT_NAMES && i->accounts[n].name[0] != '\0'; n++)
		if (i->accounts[n].succeeded || (i->accounts[n].stages & BIT(SUCCESS)))
			phrase_add(&accounts, i->accounts[n].name);
	if (accounts.count == 0) {
		text_add(t,
			"Find the account in the server's log: its name was not to be read on the "
			"wire. ");
		text_add(t, "Change its password now");
	} else {
		text_add(t, "Change the password of ");
		say_phrase(t, &accounts, "");
		text_add(t, " now");
	}
	text_add(t, ", end its sessions and revoke its application passwords. Look for forwarding "
		    "rules that the owner did not make, and for the same password elsewhere. ");
	say_block(t, i, BIT(SUCCESS) | BIT(GUESSING), "");
}

static void
advise_relay(struct text *t, const struct incident *i)
{
	struct phrase servers = named(i->servers, BIT(RELAY));
	struct phrase accounts = named(i->accounts, BIT(RELAY));

	if (i->stages[STAGE_RELAY].detectors & 1u << DETECTOR_OPEN_RELAY) {
		text_add(t, "Close the relay on ");
		say_phrase(t, &servers, "the server");
		text_add(t, ": mail for other domains only after AUTH or from named networks. ");
	}
	if (accounts.count > 0) {
		text_add(t, "Suspend sending for ");
		say_phrase(t, &accounts, "");
		text_add(t, ". ");
	}
	text_add(t, "Hold the queue of ");
	say_phrase(t, &servers, "the server");
	text_add(t,
		", delete what the attack put there (Postfix: postqueue -j, postsuper -d; Exim: "
		"exiqgrep, exim -Mrm), then let it go on. ");
	say_block(t, i, BIT(RELAY), "");
}

static void
advise_bounces(struct text *t, const struct incident *i)
{
	struct phrase servers = named(i->servers, BIT(BOUNCES));
	struct phrase accounts = named(i->accounts, BIT(BOUNCES));

	text_add(t, "Delete the bounces that wait on ");
	say_phrase(t, &servers, "the server");
	if (accounts.count > 0) {
		text_add(t, " for ");
		say_phrase(t, &accounts, "");
	}
	if (i->stage > STAGE_BOUNCES || i->stages[STAGE_RELAY].findings > 0 ||
		i->stages[STAGE_SUCCESS].findings > 0)
		text_add(
			t, "; they answer what was sent through you, and end when that has ended.");
	else
		text_add(t, "; if nobody here sent what they answer, the sender was forged: "
			    "publish SPF "
			    "with DMARC reject, sign return paths (BATV).");
}

static void
advise_blocklisted(struct text *t, const struct incident *i)
{
	struct phrase servers = named(i->servers, BIT(BLOCKLISTED));

	text_add(t,
		"When the spam has stopped and the queue is empty, ask the list named in the alert "
		"to delist ");
	say_phrase(t, &servers, "the server");
	text_add(t,
		"; not before, or it is listed again for longer. Until then, send urgent mail by "
		"another address.");
}

size_t
incident_advice(const struct incident *incident, enum stage stage, char *out, size_t out_len)
{
	static void (*const advise[STAGE_COUNT])(struct text *, const struct incident *) = {
		[STAGE_SCAN] = advise_scan,
		[STAGE_GUESSING] = advise_guessing,
		[STAGE_SUCCESS] = advise_success,
		[STAGE_RELAY] = advise_relay,
		[STAGE_BOUNCES] = advise_bounces,
		[STAGE_BLOCKLISTED] = advise_blocklisted,
	};
	struct text t = {out, out_len, 0};

	if (out_len == 0)
		return 0;
	out[0] = '\0';
	if (incident->stages[stage].findings > 0 && advise[stage] != NULL)
		advise[stage](&t, incident);
	return t.len;
}
