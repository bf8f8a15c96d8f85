/*
 * day: labelled traffic as events, for days of packet time, made by actors.
 *
 * An actor is somebody who does something at a time that it chose before: a
 * person, a phone, a server, an attacker. The world holds them in a heap by
 * that time, lets the first act, and asks when it acts next. So memory is
 * bounded by the number of actors, whatever the number of events, and events
 * come in the order of time. Each actor draws from its own seed: adding
 * attackers changes nothing of what the others do, and the same seed makes the
 * same events.
 */
#ifndef SMTAP_BENCH_DAY_WORLD_H
#define SMTAP_BENCH_DAY_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/day/rng.h"
#include "config/config.h"
#include "contract/event.h"

#define DAY_NS (24 * NS_PER_H)
#define WORLD_START_NS (1759708800 * NS_PER_S) /* a Monday, 00:00 UTC */
#define WORLD_NEVER UINT64_MAX
#define WORLD_TEXT 96 /* room for an account, an address, a domain */

struct world;
struct actor;

typedef void (*actor_step)(struct world *w, struct actor *a);

struct actor {
	uint64_t next_ns; /* WORLD_NEVER: it acts no more */
	actor_step step;
	struct rng rng;
	uint32_t who;      /* user, host or site */
	uint32_t instance; /* of an attack, from 1; 0: honest */
	uint32_t phase;    /* and the two below: the step's own */
	uint32_t count;
	uint32_t goal;
	uint32_t width; /* of an attack: its sources */
	uint64_t gap_ns;
	double x; /* intensity */
};

/* What a password of an account changes into, and when it did. */
struct user {
	uint64_t changed_ns;
	uint16_t version;
};

struct world_options {
	uint64_t seed;
	unsigned users;
	unsigned sites;     /* mail servers of ours, each with its domain and its users */
	unsigned attackers; /* room for that many of a kind */
	double forget;      /* chance of a person a day to forget the password */
	unsigned blind;     /* per cent of people whose programs use CRAM-MD5 */
	bool newsletter;    /* evening newsletters through AUTH */
	bool scanner;       /* an honest vulnerability scanner */
};

struct world {
	struct world_options options;
	uint64_t now_ns;
	uint64_t order;
	uint64_t flows;
	uint64_t events;
	uint64_t invalid; /* events that event_valid refuses: always 0 */
	uint64_t refused; /* actors that found no room: always 0 */
	struct actor *actors;
	uint32_t *heap; /* of actors, by next_ns, then index */
	uint32_t actor_count;
	uint32_t heap_len;
	uint32_t capacity;
	struct user *users;
	struct actor *acting;
	/* Each event, in order; instance as of the actor that made it. */
	void (*sink)(void *arg, const struct event *event, uint32_t instance);
	/* An attacker did one more of what its intensity counts. */
	void (*tried)(void *arg, uint32_t instance);
	/* An address has a device with a wrong password, from now on. */
	void (*stale)(void *arg, const struct addr *addr);
	void *arg;
};

/* 0 or -ENOMEM. The sinks are the caller's to set. */
int world_open(struct world *w, const struct world_options *options);
void world_close(struct world *w);

/* An actor to be filled in (next_ns at least), with its own draws; then it goes to world_add. */
struct actor world_actor(const struct world *w, actor_step step, uint64_t stream);
void world_add(struct world *w, const struct actor *actor);

/* Let everybody act who acts before until_ns. */
void world_run(struct world *w, uint64_t until_ns);

/* benign.c, hosts.c: all honest actors. */
void world_people(struct world *w);
void world_hosts(struct world *w);

/* place.c: who is where. Names are written to out[WORLD_TEXT]. */
struct addr place_site(unsigned site);
struct addr place_target(unsigned n); /* one of ours that may be no server */
#define PLACE_TARGETS 508u
struct addr place_user(const struct world *w, unsigned user);
struct addr place_phone(const struct world *w, unsigned user);
struct addr place_remote(unsigned host);                        /* a mail server of others */
struct addr place_attacker(unsigned instance, unsigned source); /* each in its own /24 */
struct addr place_v4(uint32_t number);
bool place_in_office(const struct world *w, unsigned user);
unsigned place_site_of(const struct world *w, unsigned user);
char *place_account(const struct world *w, unsigned user, char out[WORLD_TEXT]);
void place_text(const struct addr *a, char out[WORLD_TEXT]);

#define REMOTE_HOSTS 400u

#endif
