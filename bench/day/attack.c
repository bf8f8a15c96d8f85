#include "bench/day/attack.h"

#include <stdio.h>

const struct attack_kind *
attack_kind(unsigned n)
{
	if (n < attack_guess_count)
		return &attack_guess_kinds[n];
	n -= attack_guess_count;
	if (n < attack_probe_count)
		return &attack_probe_kinds[n];
	n -= attack_probe_count;
	return n < attack_mail_count ? &attack_mail_kinds[n] : NULL;
}

void
attack_start(const struct attack_kind *kind, const struct assault *assault)
{
	struct score_instance *i = &assault->score->instances[assault->instance];

	i->accept = kind->accept;
	i->tolerate = kind->tolerate;
	kind->start(assault);
}

unsigned
attack_site(const struct assault *a)
{
	return a->instance % a->world->options.sites;
}

unsigned
attack_victim(const struct assault *a)
{
	unsigned sites = a->world->options.sites;
	unsigned people = a->world->options.users / sites;

	return attack_site(a) + sites * (a->instance * 7 % people);
}

void
attack_listed(const struct world *w, unsigned site, unsigned n, char out[WORLD_TEXT])
{
	unsigned people = w->options.users / w->options.sites / 2;

	/* Half of the people are on the list, then names that nobody has. */
	if (n < people)
		place_account(w, site + w->options.sites * (2 * n), out);
	else
		snprintf(out, WORLD_TEXT, "name%u@site%u.example", n, site);
}

struct actor
attack_actor(const struct assault *assault, actor_step step)
{
	struct actor a = world_actor(assault->world, step, 0xa0000000ULL + assault->instance);

	a.instance = assault->instance;
	a.who = attack_site(assault);
	a.x = assault->x;
	a.width = 1;
	a.goal = ATTACK_TRIES_MAX;
	a.next_ns += rng_below(&a.rng, 3600) * NS_PER_S;
	return a;
}

void
attack_pace(struct world *w, struct actor *a)
{
	a->next_ns = w->now_ns + (uint64_t)((double)a->gap_ns * (0.8 + 0.4 * rng_unit(&a->rng)));
	w->tried(w->arg, a->instance);
	if (++a->count >= a->goal)
		a->next_ns = WORLD_NEVER;
}

void
attack_hourly(struct actor *a, double an_hour)
{
	a->gap_ns = (uint64_t)((double)NS_PER_H / an_hour);
}
