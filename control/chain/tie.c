/*
 * Theory of operation.
 *
 * A tie is a hash of something that two findings of one attack share. Each
 * finding leaves some (put) and looks for some (ask):
 *
 *   an attacker's address, and the network that a finding is about;
 *   an account, when the attack is on it alone or got into it: its whole name;
 *   and its local part at a server, because the same person is `dave` when
 *     he logs in and `dave@corp.example` when mail bounces to him;
 *   our server that was relayed through, for what comes of it: bounces to it,
 *     blocklists that name it, its many connections to the outside;
 *   a server that is guessed at, for what is about the server as a whole.
 *
 * What would tie too much is left out. A spray's thousand accounts tie nothing
 * until one falls, and a server that many attack ties only what is about the
 * server. Bounces to an account are its attacker's doing only if he got in;
 * before that they may come of a forged sender. Through one server many spam:
 * bounces and blocklists go to the latest who did (weak), not to all.
 */
#include "control/chain/tie.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "control/detect/detect.h"

enum kind {
	KIND_SOURCE = 1,
	KIND_NETWORK,    /* that a finding is about */
	KIND_MEMBER,     /* a network that has a source of a finding */
	KIND_ACCOUNT,    /* with its domain */
	KIND_BARE,       /* without, at a server */
	KIND_LOCAL_PART, /* of one with it, at a server */
	KIND_RELAY,      /* a server that was relayed through */
	KIND_SYMPTOM,    /* a server that suffers from that */
	KIND_GUESSED,    /* a server with guessing at it */
	KIND_CROWD,      /* a server at which a crowd guesses */
	KIND_ECHO = 64   /* added to those of accounts: that bounces come to */
};

struct place {
	struct addr addr;
	uint8_t bits; /* 128: the address itself */
};

struct what {
	enum kind kind;
	const char *name; /* or NULL */
	size_t name_len;
	const struct place *place; /* or NULL */
};

static uint64_t
hash_of(const struct chain *c, const struct what *what)
{
	uint8_t bytes[2 + sizeof(struct addr) + SUBJECT_NAME_MAX] = {(uint8_t)what->kind};
	size_t len = 2 + sizeof(struct addr);

	if (what->place != NULL) {
		bytes[1] = what->place->bits;
		memcpy(bytes + 2, &what->place->addr, sizeof(struct addr));
	}
	for (size_t i = 0; i < what->name_len && len < sizeof(bytes); i++) {
		char ch = what->name[i];

		bytes[len++] = (uint8_t)(ch >= 'A' && ch <= 'Z' ? ch + ('a' - 'A') : ch);
	}
	return siphash(&c->key, bytes, len);
}

/* "198.51.100.9", "2001:db8::/64" */
static bool
place_read(const char *text, struct place *out)
{
	char addr[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	uint8_t four[4];

	if (len >= sizeof(addr))
		return false;
	memcpy(addr, text, len);
	addr[len] = '\0';
	out->bits = slash ? (uint8_t)atoi(slash + 1) : 128;
	if (inet_pton(AF_INET, addr, four) == 1) {
		out->addr = addr_from_v4(four);
		out->bits = slash ? (uint8_t)(out->bits + 96) : 128;
		return true;
	}
	return inet_pton(AF_INET6, addr, out->addr.bytes) == 1;
}

static struct place
network_of(const struct place *place, uint8_t bits)
{
	struct place out = {place->addr, bits};

	memset(out.addr.bytes + bits / 8, 0, sizeof(out.addr.bytes) - bits / 8);
	return out;
}

/* The networks that an address is in, narrowest first: IPv4 /24, IPv6 /64, /56, /48. */
static unsigned
networks_of(const struct place *place, struct place out[3])
{
	if (addr_is_v4(&place->addr)) {
		out[0] = network_of(place, 96 + 24);
		return 1;
	}
	out[0] = network_of(place, 64);
	out[1] = network_of(place, 56);
	out[2] = network_of(place, 48);
	return 3;
}

static void
put(struct tie_set *set, uint64_t hash)
{
	if (set->put_count < TIES_MAX)
		set->put[set->put_count++] = hash;
}

static void
ask(struct tie_set *set, const struct tie *tie)
{
	if (set->ask_count < TIES_MAX)
		set->ask[set->ask_count++] = *tie;
}

/* Known by it, and looking for others that are. */
static void
share(struct tie_set *set, uint64_t hash)
{
	put(set, hash);
	ask(set, &(struct tie){.hash = hash});
}

static uint64_t
place_hash(const struct chain *c, enum kind kind, const struct place *place)
{
	return hash_of(c, &(struct what){.kind = kind, .place = place});
}

static void
tie_source(const struct chain *c, const char *name, struct tie_set *set)
{
	struct place place, networks[3];
	unsigned n;

	if (!place_read(name, &place))
		return;
	share(set, place_hash(c, KIND_SOURCE, &place));
	n = networks_of(&place, networks);
	for (unsigned i = 0; i < n; i++) {
		put(set, place_hash(c, KIND_MEMBER, &networks[i]));
		ask(set, &(struct tie){.hash = place_hash(c, KIND_NETWORK, &networks[i])});
	}
}

/* A finding about a network, and those about its addresses and the networks in it. */
static void
tie_network(const struct chain *c, const char *name, struct tie_set *set)
{
	struct place place, networks[3];
	unsigned n;

	if (!place_read(name, &place))
		return;
	share(set, place_hash(c, KIND_NETWORK, &place));
	ask(set, &(struct tie){.hash = place_hash(c, KIND_MEMBER, &place)});
	n = networks_of(&place, networks);
	for (unsigned i = 0; i < n; i++) {
		if (networks[i].bits >= place.bits)
			continue;
		put(set, place_hash(c, KIND_MEMBER, &networks[i]));
		ask(set, &(struct tie){.hash = place_hash(c, KIND_NETWORK, &networks[i])});
	}
}

struct account {
	const char *name;
	size_t len;
	const char *local; /* without domain; all of it where there is none */
	size_t local_len;
	bool bare;
};

/* dave, CORP\dave, dave@corp.example */
static struct account
account_read(const char *name)
{
	const char *at = strrchr(name, '@');
	const char *slash = strrchr(name, '\\');
	struct account a = {.name = name, .len = strlen(name), .bare = at == NULL};

	a.local = slash != NULL ? slash + 1 : name;
	if (at != NULL && at < a.local)
		at = NULL;
	a.local_len = at != NULL ? (size_t)(at - a.local) : strlen(a.local);
	return a;
}

/* How an account ties. */
enum account_tie {
	ACCOUNT_OF_ATTACK,
	ACCOUNT_OF_ECHO,     /* bounces come to it */
	ACCOUNT_SEEKING_ECHO /* somebody got in: is it why they came? */
};

enum { SEEK = 1, LEAVE = 2 };

static void
account_key(const struct chain *c, const struct what *what, enum account_tie how, unsigned do_what,
	struct tie_set *set)
{
	struct what echo = *what;
	uint64_t hash = hash_of(c, what);

	echo.kind += KIND_ECHO;
	switch (how) {
	case ACCOUNT_OF_ATTACK:
		if (do_what & SEEK)
			ask(set, &(struct tie){.hash = hash});
		if (do_what & LEAVE)
			put(set, hash);
		break;
	case ACCOUNT_OF_ECHO:
		if (do_what & SEEK)
			ask(set, &(struct tie){.hash = hash, .least = STAGE_SUCCESS});
		if (do_what & LEAVE)
			put(set, hash_of(c, &echo));
		break;
	case ACCOUNT_SEEKING_ECHO:
		if (do_what & SEEK)
			ask(set, &(struct tie){.hash = hash_of(c, &echo), .blameless = true});
		break;
	}
}

/* The local part at one server, or in its network. Two domains there are two people. */
static void
tie_local_part(const struct chain *c, const struct account *a, const struct place *server,
	enum account_tie how, struct tie_set *set)
{
	const struct what bare = {KIND_BARE, a->local, a->local_len, server};
	const struct what of = {KIND_LOCAL_PART, a->local, a->local_len, server};

	account_key(c, &bare, how, a->bare ? SEEK | LEAVE : SEEK, set);
	account_key(c, &of, how, a->bare ? SEEK : LEAVE, set);
}

static void
tie_account(const struct chain *c, const struct finding *f, const char *name, enum account_tie how,
	struct tie_set *set)
{
	const struct account a = account_read(name);
	const struct what whole = {KIND_ACCOUNT, a.name, a.len, NULL};
	bool got_in = chain_trait_of(f->detector)->stage >= STAGE_SUCCESS;

	if (a.local_len == 0)
		return;
	if (!a.bare)
		account_key(c, &whole, how, SEEK | LEAVE, set);
	for (unsigned i = 0; i < FINDING_TOP && f->top_targets[i].name[0] != '\0'; i++) {
		struct place server, networks[3];

		if (!place_read(f->top_targets[i].name, &server))
			continue;
		tie_local_part(c, &a, &server, how, set);
		/* Who got in uses the other servers there too; who guesses at `admin` may be
		   anybody. */
		networks_of(&server, networks);
		if (got_in)
			tie_local_part(c, &a, &networks[0], how, set);
	}
}

/* The accounts that the attack is on, or got into; not those that it tries among others. */
static void
tie_accounts(const struct chain *c, const struct finding *f, struct tie_set *set)
{
	const struct chain_trait *trait = chain_trait_of(f->detector);

	if (f->subject_type == SUBJECT_ACCOUNT) {
		tie_account(
			c, f, f->subject, trait->echo ? ACCOUNT_OF_ECHO : ACCOUNT_OF_ATTACK, set);
		if (!trait->echo && trait->stage >= STAGE_SUCCESS)
			tie_account(c, f, f->subject, ACCOUNT_SEEKING_ECHO, set);
	} else if (f->accounts == 1 && f->top_accounts[0].name[0] != '\0' && !trait->inward) {
		tie_account(c, f, f->top_accounts[0].name, ACCOUNT_OF_ATTACK, set);
	}
	if (f->success_account[0] != '\0')
		tie_account(c, f, f->success_account, ACCOUNT_OF_ATTACK, set);
}

/*
 * Is it a webmail or a proxy beside the server? Everybody comes from there: what two accounts
 * have in common is not an attacker.
 */
static bool
is_in_between(const struct finding *f, const char *source)
{
	struct place from, to, net_from[3], net_to[3];

	if (!place_read(source, &from) || !place_read(f->top_targets[0].name, &to))
		return false;
	networks_of(&from, net_from);
	networks_of(&to, net_to);
	return memcmp(&net_from[0], &net_to[0], sizeof(net_from[0])) == 0;
}

static void
tie_sources(const struct chain *c, const struct finding *f, struct tie_set *set)
{
	if (f->subject_type == SUBJECT_SOURCE)
		tie_source(c, f->subject, set);
	else if (f->subject_type == SUBJECT_PREFIX)
		tie_network(c, f->subject, set);
	else
		for (unsigned i = 0; i < FINDING_TOP && f->top_sources[i].name[0] != '\0'; i++)
			if (strcmp(f->top_sources[i].name, f->subject) != 0 &&
				!is_in_between(f, f->top_sources[i].name))
				tie_source(c, f->top_sources[i].name, set);
}

/* Our servers that the attack uses, or that suffer from it. */
static void
tie_server(const struct chain *c, const struct finding *f, const char *name, struct tie_set *set)
{
	const struct chain_trait *trait = chain_trait_of(f->detector);
	bool suffers = trait->inward || trait->echo;
	struct place places[4];

	if (!place_read(name, &places[0]))
		return;
	networks_of(&places[0], &places[1]);
	/* It may send from another address than it listens on. */
	for (unsigned i = 0; i < 2; i++) {
		uint64_t relay = place_hash(c, KIND_RELAY, &places[i]);
		uint64_t symptom = place_hash(c, KIND_SYMPTOM, &places[i]);

		if (suffers) {
			put(set, symptom);
			ask(set, &(struct tie){.hash = relay, .weak = true});
		} else {
			put(set, relay);
			ask(set, &(struct tie){.hash = symptom, .blameless = true});
		}
	}
	if (suffers)
		ask(set, &(struct tie){
				 .hash = place_hash(c, KIND_SYMPTOM, &places[0]), .weak = true});
}

static void
tie_servers(const struct chain *c, const struct finding *f, struct tie_set *set)
{
	const struct chain_trait *trait = chain_trait_of(f->detector);
	struct place server;

	if (trait->inward) {
		tie_server(c, f, f->subject, set);
		return;
	}
	for (unsigned i = 0; i < FINDING_TOP && f->top_targets[i].name[0] != '\0'; i++) {
		const char *name = f->top_targets[i].name;

		if (trait->stage >= STAGE_RELAY && f->detector != DETECTOR_OPEN_RELAY)
			tie_server(c, f, name, set);
		if (!place_read(name, &server))
			continue;
		if (f->detector == DETECTOR_AUTH_SPIKE)
			ask(set, &(struct tie){.hash = place_hash(c, KIND_GUESSED, &server),
					 .weak = true});
		else if (trait->stage == STAGE_GUESSING)
			put(set, place_hash(c, KIND_GUESSED, &server));
		if (trait->stage == STAGE_GUESSING && f->subject_type == SUBJECT_SERVER)
			put(set, place_hash(c, KIND_CROWD, &server));
		if (f->detector == DETECTOR_COMPROMISE)
			ask(set, &(struct tie){
					 .hash = place_hash(c, KIND_CROWD, &server), .weak = true});
	}
	if (f->detector == DETECTOR_OPEN_RELAY)
		tie_server(c, f, f->subject, set);
}

void
tie_set_make(const struct chain *c, const struct finding *finding, struct tie_set *out)
{
	const struct chain_trait *trait = chain_trait_of(finding->detector);

	out->ask_count = out->put_count = 0;
	if (trait->alone)
		return;
	if (!trait->inward && !trait->echo)
		tie_sources(c, finding, out);
	if (trait->stage >= STAGE_GUESSING)
		tie_accounts(c, finding, out);
	tie_servers(c, finding, out);
}
