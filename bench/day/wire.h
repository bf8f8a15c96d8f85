/* What actors do on the wire, as the dataplane would tell it. */
#ifndef SMTAP_BENCH_DAY_WIRE_H
#define SMTAP_BENCH_DAY_WIRE_H

#include "bench/day/world.h"

/* A session while it is made up; wire_close tells it. */
struct wire {
	struct addr client;
	struct addr server;
	uint16_t port;
	uint64_t flow_id;
	const char *helo; /* NULL: none was said */
	uint64_t lasted_ns;
	unsigned commands;
	unsigned auths;
	unsigned transactions;
	uint16_t flags; /* SESSION_* */
	uint8_t probes;
	bool silent; /* no reply: nobody answers there */
};

struct letter {
	const char *from; /* "": a bounce */
	const char *to;
	const char *account; /* NULL: no AUTH */
	unsigned code;       /* of RCPT; 250 accepts */
	bool bounce;         /* its header says so */
};

struct wire wire_open(
	struct world *w, const struct addr *client, const struct addr *server, uint16_t port);

/* password 0: not known (CRAM-MD5). */
void wire_auth(struct world *w, struct wire *wire, const char *account, uint64_t password,
	enum event_outcome outcome);
void wire_mail(struct world *w, struct wire *wire, const struct letter *letter);
void wire_words(struct world *w, const struct wire *wire, uint32_t pattern);
void wire_close(struct world *w, struct wire *wire);

/* The n-th password that somebody makes up; the right one of a user. */
uint64_t wire_password(uint64_t who, uint64_t n);
uint64_t wire_right(const struct world *w, unsigned user);

#endif
