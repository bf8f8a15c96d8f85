/*
 * reload: configuration and patterns, read again while control runs. The theory is at the head of
 * reload.c.
 */
#ifndef SMTAP_CONTROL_RELOAD_H
#define SMTAP_CONTROL_RELOAD_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "config/config.h"

struct run;
struct swap;

struct reload_draft;
struct suppress_own;

struct reload {
	const char *config_file; /* NULL: none was given */
	struct config *started;  /* owned; as its file had it then */
	pthread_mutex_t lock;
	struct reload_draft *draft; /* read, and to be taken; owned; NULL: none */
	/* serve's thread release -> main thread acquire: there is a draft. */
	atomic_bool ready;
	/* What operators suppress, to be taken; owned, under the lock; and whether there is any. */
	struct suppress_own *own;
	unsigned own_count;
	atomic_bool own_ready;
	const struct run *run; /* whose patterns are followed */
	/* The main thread's. */
	struct reload_draft *checks; /* smtap-export's word on it; owned; NULL: nothing does */
	uint64_t checks_ns;          /* since when */
	struct reload_draft *awaits; /* the dataplane's answer; owned; NULL: nothing does */
	uint32_t number;             /* of the last question to the dataplane */
	uint64_t asked_ns;
	json_t *held;     /* the answer, until smtap-export has said its part; owned; NULL: none */
	uint64_t held_ns; /* since when */
};

/* 0 or -ENOMEM. Live only. */
int reload_open(struct reload *reload, const struct run *run);
void reload_close(struct reload *reload);

/* Read what is there by now: a serve_options' reload; arg is the struct reload. */
int reload_prepare(void *arg, char *why, size_t why_len);

/* A serve_options' own; arg is the struct reload. */
void reload_own(void *arg, struct suppress_own *own, unsigned count);

/* At the start: what the store has of that. A store that cannot be read is told elsewhere. */
void reload_begin_own(struct run *run);

/* Take what was read, if something was. Between two events. */
void reload_look(struct run *run);

/* A dataplane has come: it shall scan with the patterns that are named here. */
void reload_greet(struct run *run);

/* What it says of that; NULL: it made no sense. */
void reload_answered(struct run *run, const struct swap *answer);

#endif
