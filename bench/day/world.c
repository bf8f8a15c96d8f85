#include "bench/day/world.h"

#include <errno.h>
#include <stdlib.h>

#define ACTORS_PER_USER 3u
#define ACTORS_BESIDES 4096u

int
world_open(struct world *w, const struct world_options *options)
{
	*w = (struct world){.options = *options, .now_ns = WORLD_START_NS};
	w->capacity = options->users * ACTORS_PER_USER + options->attackers + ACTORS_BESIDES;
	w->actors = calloc(w->capacity, sizeof(*w->actors));
	w->heap = calloc(w->capacity, sizeof(*w->heap));
	w->users = calloc(options->users + 1, sizeof(*w->users));
	if (w->actors == NULL || w->heap == NULL || w->users == NULL) {
		world_close(w);
		return -ENOMEM;
	}
	return 0;
}

void
world_close(struct world *w)
{
	free(w->actors);
	free(w->heap);
	free(w->users);
	*w = (struct world){0};
}

static bool
before(const struct world *w, uint32_t a, uint32_t b)
{
	uint64_t at = w->actors[a].next_ns;
	uint64_t bt = w->actors[b].next_ns;

	return at != bt ? at < bt : a < b;
}

static void
sift_up(struct world *w, uint32_t at)
{
	uint32_t actor = w->heap[at];

	while (at > 0 && before(w, actor, w->heap[(at - 1) / 2])) {
		w->heap[at] = w->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	w->heap[at] = actor;
}

static void
sift_down(struct world *w, uint32_t at)
{
	uint32_t actor = w->heap[at];

	for (uint32_t child = 2 * at + 1; child < w->heap_len; child = 2 * at + 1) {
		if (child + 1 < w->heap_len && before(w, w->heap[child + 1], w->heap[child]))
			child++;
		if (!before(w, w->heap[child], actor))
			break;
		w->heap[at] = w->heap[child];
		at = child;
	}
	w->heap[at] = actor;
}

struct actor
world_actor(const struct world *w, actor_step step, uint64_t stream)
{
	return (struct actor){
		.step = step, .next_ns = w->now_ns, .rng = rng_seed(w->options.seed, stream)};
}

void
world_add(struct world *w, const struct actor *actor)
{
	if (w->actor_count == w->capacity) {
		w->refused++;
		return;
	}
	w->actors[w->actor_count] = *actor;
	w->heap[w->heap_len] = w->actor_count++;
	sift_up(w, w->heap_len++);
}

void
world_run(struct world *w, uint64_t until_ns)
{
	while (w->heap_len > 0) {
		struct actor *a = &w->actors[w->heap[0]];

		if (a->next_ns >= until_ns)
			break;
		w->now_ns = a->next_ns;
		w->acting = a;
		a->step(w, a);
		if (a->next_ns == WORLD_NEVER)
			w->heap[0] = w->heap[--w->heap_len];
		if (w->heap_len > 0)
			sift_down(w, 0);
	}
	w->now_ns = until_ns;
}
