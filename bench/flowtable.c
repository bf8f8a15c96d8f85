/*
 * The flow table against rte_hash, with the same keys in the same order: bulk lookups of
 * sessions that exist, each followed by a write to the session's state, which is what the
 * lookup is for. Both find 256 bytes of state for each session; ours lies with the key,
 * rte_hash's in an array that its position indexes. EAL must be running.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_jhash.h>

#include "bench/flowtable.h"
#include "dataplane/flow/flow.h"

#define STATE_BYTES 256
#define LOOKUPS (1u << 19)
#define PASSES 5
#define BULK 64

struct arena {
	uint8_t *memory;
	size_t bytes;
};

struct contest {
	uint32_t sessions;
	struct flow_key *keys; /* LOOKUPS of them, in the order of the lookups */
	struct flow_table *table;
	struct rte_hash *hash;
	struct arena table_memory;
	struct arena states;
};

/* What a pass costs for each lookup. */
struct cost {
	double ns_median;
	double ns_min;
	double ns_max;
};

static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static void
key_make(struct flow_key *key, uint32_t n)
{
	uint64_t r = mix(n + 1);
	uint32_t client = (uint32_t)r;
	uint32_t server = 0xc0000200u + (uint32_t)(r >> 32) % 64;
	struct addr a = addr_from_v4(&client);
	struct addr b = addr_from_v4(&server);

	flow_key_make(key, &a, (uint16_t)(1024 + n % 60000), &b, 25);
}

/* The same kind of pages for all that is compared: huge ones when EAL has them. */
static int
arena_take(struct arena *arena, size_t bytes)
{
	arena->bytes = bytes;
	arena->memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena->memory == MAP_FAILED) {
		arena->memory = NULL;
		return -1;
	}
	madvise(arena->memory, bytes, rte_eal_has_hugepages() ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return 0;
}

static void
arena_give(struct arena *arena)
{
	if (arena->memory)
		munmap(arena->memory, arena->bytes);
}

static int
contest_fill(struct contest *c)
{
	for (uint32_t n = 0; n < c->sessions; n++) {
		struct flow_key key;
		key_make(&key, n);
		if (flow_table_add(c->table, &key, FLOW_ESTABLISHED) == FLOW_NONE ||
			rte_hash_add_key(c->hash, &key) < 0)
			return -1;
	}
	for (uint32_t i = 0; i < LOOKUPS; i++)
		key_make(&c->keys[i], (uint32_t)(mix(i + 77777) % c->sessions));
	return 0;
}

static int
contest_open(struct contest *c, uint32_t sessions, rte_hash_function function)
{
	struct flow_table_config cfg = {
		.capacity = sessions,
		.entry_bytes = STATE_BYTES,
		.hash_key = {{1, 2}},
	};
	struct rte_hash_parameters params = {
		.name = "bench_flowtable",
		.entries = sessions + sessions / 4, /* a cuckoo table does not fill to the brim */
		.key_len = sizeof(struct flow_key),
		.hash_func = function,
		.hash_func_init_val = 0x5ca1ab1e,
		.socket_id = SOCKET_ID_ANY,
	};

	*c = (struct contest){.sessions = sessions};
	c->keys = malloc(LOOKUPS * sizeof(*c->keys));
	c->hash = rte_hash_create(&params);
	if (!c->keys || !c->hash ||
		arena_take(&c->states, (size_t)(params.entries + 1) * STATE_BYTES) < 0 ||
		arena_take(&c->table_memory, flow_table_footprint(&cfg)) < 0)
		return -1;
	c->table = flow_table_init(c->table_memory.memory, &cfg);
	return c->table ? contest_fill(c) : -1;
}

static void
contest_close(struct contest *c)
{
	rte_hash_free(c->hash);
	arena_give(&c->table_memory);
	arena_give(&c->states);
	free(c->keys);
}

static uint64_t
pass_ours(struct contest *c)
{
	const struct flow_key *refs[BULK];
	uint32_t found[BULK];
	uint64_t hits = 0;

	for (uint32_t i = 0; i < LOOKUPS; i += BULK) {
		for (unsigned k = 0; k < BULK; k++)
			refs[k] = &c->keys[i + k];
		flow_table_find_bulk(c->table, refs, BULK, found);
		for (unsigned k = 0; k < BULK; k++) {
			if (found[k] == FLOW_NONE)
				continue;
			struct flow *f = flow_table_at(c->table, found[k]);
			((uint8_t *)(f + 1))[0]++;
			hits++;
		}
	}
	return hits;
}

static uint64_t
pass_rte(struct contest *c)
{
	const void *refs[BULK];
	int32_t found[BULK];
	uint64_t hits = 0;

	for (uint32_t i = 0; i < LOOKUPS; i += BULK) {
		for (unsigned k = 0; k < BULK; k++)
			refs[k] = &c->keys[i + k];
		rte_hash_lookup_bulk(c->hash, refs, BULK, found);
		for (unsigned k = 0; k < BULK; k++)
			if (found[k] >= 0)
				__builtin_prefetch(
					c->states.memory + (size_t)found[k] * STATE_BYTES);
		for (unsigned k = 0; k < BULK; k++) {
			if (found[k] < 0)
				continue;
			c->states.memory[(size_t)found[k] * STATE_BYTES]++;
			hits++;
		}
	}
	return hits;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* -1: a lookup missed. */
static int
measure(struct contest *c, uint64_t (*pass)(struct contest *), struct cost *cost)
{
	double ns[PASSES];

	pass(c); /* every page touched */
	for (unsigned i = 0; i < PASSES; i++) {
		uint64_t start = rte_rdtsc_precise();
		if (pass(c) != LOOKUPS)
			return -1;
		uint64_t cycles = rte_rdtsc_precise() - start;
		ns[i] = (double)cycles * 1e9 / (double)rte_get_tsc_hz() / LOOKUPS;
	}
	qsort(ns, PASSES, sizeof(ns[0]), by_value);
	*cost = (struct cost){ns[PASSES / 2], ns[0], ns[PASSES - 1]};
	return 0;
}

static void
report(bool json, uint32_t sessions, const char *function, const struct cost ours_rte[2])
{
	const struct cost *ours = &ours_rte[0];
	const struct cost *rte = &ours_rte[1];

	printf(json ? "{\"scenario\":\"flowtable\",\"sessions\":%" PRIu32
		      ",\"rte_hash_function\":\"%s\",\"ns_per_packet\":%.1f,\"ns_per_packet_min\":%"
		      ".1f,"
		      "\"ns_per_packet_max\":%.1f,\"rte_hash_ns_per_packet\":%.1f,"
		      "\"rte_hash_ns_per_packet_min\":%.1f,\"rte_hash_ns_per_packet_max\":%.1f,"
		      "\"ratio_to_rte_hash\":%.2f}\n"
		    : "flowtable  %8" PRIu32
		      " sessions, rte_hash with %-8s  ours %6.1f ns (%.1f to "
		      "%.1f)  rte_hash %6.1f ns (%.1f to %.1f)  ratio %.2f\n",
		sessions, function, ours->ns_median, ours->ns_min, ours->ns_max, rte->ns_median,
		rte->ns_min, rte->ns_max, ours->ns_median / rte->ns_median);
}

int
bench_flowtable(bool json)
{
	static const uint32_t sizes[] = {10000, 100000, 1000000};
	static const struct {
		const char *name;
		rte_hash_function function;
	} functions[] = {{"crc", rte_hash_crc}, {"jhash", rte_jhash}};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned k = 0; k < sizeof(functions) / sizeof(functions[0]); k++) {
			struct contest c;
			struct cost cost[2];
			int err = contest_open(&c, sizes[i], functions[k].function);
			if (err == 0)
				err = measure(&c, pass_ours, &cost[0]) |
				      measure(&c, pass_rte, &cost[1]);
			contest_close(&c);
			if (err) {
				fprintf(stderr, "flowtable: %" PRIu32 " sessions: %s\n", sizes[i],
					rte_strerror(rte_errno ? rte_errno : ENOMEM));
				return -1;
			}
			report(json, sizes[i], functions[k].name, cost);
		}
	}
	return 0;
}
