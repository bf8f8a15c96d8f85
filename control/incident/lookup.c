#include "control/incident/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
lookup_open(struct lookup *l, uint32_t n)
{
	uint32_t room = 1;

	while (room < n)
		room *= 2;
	*l = (struct lookup){.mask = room - 1};
	l->first = calloc(room, sizeof(*l->first));
	l->next = calloc(n, sizeof(*l->next));
	if (l->first && l->next)
		return 0;
	lookup_close(l);
	return -ENOMEM;
}

void
lookup_close(struct lookup *l)
{
	free(l->first);
	free(l->next);
	*l = (struct lookup){0};
}

void
lookup_clear(struct lookup *l)
{
	memset(l->first, 0, ((size_t)l->mask + 1) * sizeof(*l->first));
}

/* Ids are one after another: multiplied, they lie apart (Knuth). */
static uint32_t *
place(const struct lookup *l, uint64_t hash)
{
	return &l->first[(uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & l->mask];
}

void
lookup_put(struct lookup *l, uint64_t hash, uint32_t number)
{
	uint32_t *first = place(l, hash);

	l->next[number] = *first;
	*first = number + 1;
}

void
lookup_drop(struct lookup *l, uint64_t hash, uint32_t number)
{
	uint32_t *at = place(l, hash);

	while (*at != 0 && *at != number + 1)
		at = &l->next[*at - 1];
	if (*at != 0)
		*at = l->next[number];
}

uint32_t
lookup_first(const struct lookup *l, uint64_t hash)
{
	return *place(l, hash) - 1;
}

uint32_t
lookup_next(const struct lookup *l, uint32_t number)
{
	return l->next[number] - 1;
}
