/*
 * Theory of operation.
 *
 * Which side of the tap is ours is nowhere on the wire. The configuration says
 * it: site.local_nets decides about addresses, site.local_domains about
 * domains. Private addresses always are ours.
 *
 * What the configuration leaves open is learned, under numbers that no detector
 * has: a prefix is ours once somebody from outside it logged in to one of its
 * servers (people have accounts at home; our own servers do not log in to
 * strangers' in clear), and a server is ours once clients of
 * ROLE_CLIENT_PREFIXES different prefixes that are not ours spoke to it (the
 * world comes to our MX; only we go to a stranger's).
 *
 * A domain is local to a server when clients of ROLE_DOMAIN_PREFIXES prefixes
 * delivered to it there without AUTH: an open relay is not used by the world to
 * reach one small domain.
 *
 * Limits of learning: before anything was learned nothing is ours, so the
 * detectors that need it stay silent. Two sites behind one tap are both ours.
 * A stranger's server that many of our networks speak to, before it is known
 * that they are ours, passes for ours. An attacker who logs in to his own
 * server somewhere makes its prefix "ours", which makes its sending visible and
 * hides nothing. What rests on learning says so (track_role_says).
 */
#include "control/track/track.h"

#include <string.h>

#define ROLE_CLIENT_PREFIXES 3u
#define ROLE_DOMAIN_PREFIXES 4u

/* RFC 1918, RFC 4193, loopback and link-local. */
static bool
is_private(const struct addr *a)
{
	const uint8_t *v4 = a->bytes + 12;

	if (!addr_is_v4(a))
		return (a->bytes[0] & 0xfe) == 0xfc ||
		       (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80);
	return v4[0] == 10 || v4[0] == 127 || (v4[0] == 172 && (v4[1] & 0xf0) == 16) ||
	       (v4[0] == 192 && v4[1] == 168) || (v4[0] == 169 && v4[1] == 254);
}

bool
track_role_neighbours(const struct addr *a, const struct addr *b)
{
	struct addr pa = track_prefix(a);
	struct addr pb = track_prefix(b);

	return memcmp(&pa, &pb, sizeof(pa)) == 0 || (is_private(a) && is_private(b));
}

static void
learn(struct track *t, enum role role, struct track_note *note, const struct event *event)
{
	struct track_subject *s;

	note->good = true;
	note->unsummed = 1u << 0; /* what was seen lately is enough */
	s = track_add(t, role, note, event);
	/* What is ours must outlive a flood; the rest gives way to attackers, not to the idle. */
	if (s != NULL)
		track_settle(t, s, role == ROLE_HOME ? 50 : 1);
}

static struct track_note
domain_note(struct track *t, const struct addr *server, const char *domain, size_t len)
{
	struct {
		uint64_t domain;
		struct addr server;
	} both = {track_hash_name(t, domain, len), *server};
	uint64_t id = track_hash(t, &both, sizeof(both));
	struct track_note note = {.type = SUBJECT_SERVER};

	memcpy(note.addr.bytes, &id, sizeof(id));
	return note;
}

static void
learn_rcpt(struct track *t, const struct event *event)
{
	const struct event_rcpt *r = &event->rcpt;
	const struct event_flow *flow = &event->head.flow;
	struct addr prefix = track_prefix(&flow->client);
	const char *at = memrchr(event->text, '@', r->rcpt_len);
	struct track_note note;

	if (!r->accepted || r->authenticated_len > 0 || at == NULL || t->site.domain_count > 0)
		return;
	note = domain_note(t, &flow->server, at + 1, (size_t)(event->text + r->rcpt_len - at - 1));
	note.thing[0] = track_hash_addr(t, &prefix);
	learn(t, ROLE_DOMAIN, &note, event);
}

static void
learn_session(struct track *t, const struct event *event)
{
	const struct event_flow *flow = &event->head.flow;
	struct track_note note = {.type = SUBJECT_SERVER, .addr = flow->server};
	struct addr prefix = track_prefix(&flow->client);

	if (event->session.replies == 0)
		return;
	if (!track_role_ours(t, &flow->client))
		note.thing[0] = track_hash_addr(t, &prefix);
	learn(t, ROLE_SERVER_SEEN, &note, event);
}

static void
learn_login(struct track *t, const struct event *event)
{
	const struct event_flow *flow = &event->head.flow;
	struct track_note note = {.type = SUBJECT_PREFIX};

	if (t->site.net_count > 0 || track_role_neighbours(&flow->client, &flow->server))
		return;
	note.addr = track_prefix(&flow->server);
	learn(t, ROLE_HOME, &note, event);
}

void
track_role_learn(struct track *t, const struct event *event)
{
	if (t->start_ns == 0)
		t->start_ns = event->head.clock_ns;
	if (event->head.type == EVENT_RCPT)
		learn_rcpt(t, event);
	else if (event->head.type == EVENT_SESSION)
		learn_session(t, event);
	else if (event->head.type == EVENT_AUTH && event->auth.outcome == OUTCOME_SUCCESS)
		learn_login(t, event);
}

bool
track_role_ours(struct track *t, const struct addr *addr)
{
	struct track_note home = {.type = SUBJECT_PREFIX, .addr = track_prefix(addr)};
	struct track_note server = {.type = SUBJECT_SERVER, .addr = *addr};
	const struct track_subject *s;

	if (is_private(addr) || site_has_addr(&t->site, addr))
		return true;
	if (t->site.net_count > 0)
		return false;
	if (track_get(t, ROLE_HOME, &home, false) != NULL)
		return true;
	s = track_get(t, ROLE_SERVER_SEEN, &server, false);
	return s != NULL && s->seen[0].len >= ROLE_CLIENT_PREFIXES;
}

bool
track_role_apart(struct track *t, const struct addr *a, const struct addr *b)
{
	if (t->site.net_count == 0)
		return !track_role_neighbours(a, b);
	return track_role_ours(t, a) != track_role_ours(t, b);
}

bool
track_role_says(const struct track *t, unsigned what)
{
	return (!(what & TRACK_ROLE_NETS) || t->site.net_count > 0) &&
	       (!(what & TRACK_ROLE_DOMAINS) || t->site.domain_count > 0);
}

bool
track_role_server(struct track *t, const struct addr *addr)
{
	struct track_note server = {.type = SUBJECT_SERVER, .addr = *addr};

	return track_get(t, ROLE_SERVER_SEEN, &server, false) != NULL;
}

bool
track_role_local_domain(struct track *t, const struct addr *server, const char *domain, size_t len)
{
	struct track_note note = domain_note(t, server, domain, len);
	const struct track_subject *s;

	if (t->site.domain_count > 0)
		return site_has_domain(&t->site, domain, len);
	s = track_get(t, ROLE_DOMAIN, &note, false);
	return s != NULL && s->seen[0].len >= ROLE_DOMAIN_PREFIXES;
}
