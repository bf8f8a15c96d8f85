/*
 * Attacks of a kind at an intensity. Each kind is a row of a table: what x
 * counts, which x are tried, which detectors would be right, and how an
 * instance of it starts. Instances of one run are independent: others'
 * addresses, victims and, as far as there are sites, others' servers.
 */
#ifndef SMTAP_BENCH_DAY_ATTACK_H
#define SMTAP_BENCH_DAY_ATTACK_H

#include "bench/day/score.h"
#include "bench/day/wire.h"

#define ATTACK_SCALE 10
#define ATTACK_TRIES_MAX 3000u /* then it has seen enough */

struct assault {
	struct world *world;
	struct score *score;
	uint32_t instance; /* from 1 */
	double x;
};

struct attack_kind {
	const char *name;
	const char *unit;               /* what x is */
	double scale[ATTACK_SCALE + 1]; /* up to a 0 */
	uint64_t accept;                /* bits of detectors */
	uint64_t tolerate;
	void (*start)(const struct assault *assault);
};

extern const struct attack_kind attack_guess_kinds[];
extern const unsigned attack_guess_count;
extern const struct attack_kind attack_mail_kinds[];
extern const unsigned attack_mail_count;
extern const struct attack_kind attack_probe_kinds[];
extern const unsigned attack_probe_count;

/* All of them, one after another; NULL past the last. */
const struct attack_kind *attack_kind(unsigned n);

/* An attacker of the kind, from now on. */
void attack_start(const struct attack_kind *kind, const struct assault *assault);

/* For the kinds: */

#define DETECTOR_BIT(id) (1ULL << DETECTOR_##id)
#define DETECTORS_GUESSING                                                         \
	(DETECTOR_BIT(BRUTEFORCE) | DETECTOR_BIT(SPRAY) | DETECTOR_BIT(STUFFING) | \
		DETECTOR_BIT(DISTRIBUTED) | DETECTOR_BIT(DISTRIBUTED_PREFIX) | DETECTOR_BIT(SLOW))

unsigned attack_site(const struct assault *a);
unsigned attack_victim(const struct assault *a);
/* The n-th name of a list of accounts of the site; the first ones exist. */
void attack_listed(const struct world *w, unsigned site, unsigned n, char out[WORLD_TEXT]);
/* An actor of this attack that begins within the next hour. */
struct actor attack_actor(const struct assault *a, actor_step step);
/* One more try was made; when is the next? a->goal ends it. */
void attack_pace(struct world *w, struct actor *a);
/* a->gap_ns and a->goal for so many tries an hour. */
void attack_hourly(struct actor *a, double an_hour);

#endif
