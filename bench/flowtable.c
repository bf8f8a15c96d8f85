/*
 * The flow table against rte_hash, with the same keys in the same order: bulk lookups of
 * sessions that exist, each followed by a write to the session's state, which is what the
 * lookup is for. Both find 256 bytes of state for each session; ours lies with the key,
 * rte_hash's in an array that its position indexes.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_jhash.h>

#include "bench/bench.h"
#include "dataplane/flow/flow.h"

#define STATE_BYTES 256
#define LOOKUPS (1u << 19)
#define BULK 64

struct contest {
	uint32_t sessions;
	struct flow_key *keys; /* LOOKUPS of them, in the order of the lookups */
	struct flow_table *table;
	struct rte_hash *hash;
	void *table_memory;
	size_t table_bytes;
	uint8_t *states;
	size_t states_bytes;
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
contest_open(struct contest *c, const struct bench_options *options, uint32_t sessions,
	rte_hash_function function)
{
	struct flow_table_config cfg = {
		.capacity = sessions,
		.entry_bytes = STATE_BYTES,
		.beside_bytes = FLOW_BESIDE_MIN,
		.hash_key = {{1, 2}},
	};
	struct rte_hash_parameters params = {
		.name = "bench_flowtable",
		.entries = sessions + sessions / 4, /* a cuckoo table does not fill to the brim */
		.key_len = offsetof(struct flow_key, is_long), /* a short key */
		.hash_func = function,
		.hash_func_init_val = 0x5ca1ab1e,
		.socket_id = SOCKET_ID_ANY,
	};

	*c = (struct contest){.sessions = sessions};
	c->states_bytes = (size_t)(params.entries + 1) * STATE_BYTES;
	c->table_bytes = flow_table_footprint(&cfg);
	c->keys = malloc(LOOKUPS * sizeof(*c->keys));
	c->hash = rte_hash_create(&params);
	if (!c->keys || !c->hash) {
		fprintf(stderr, "smtap-bench: flowtable: no memory for %" PRIu32 " keys\n",
			sessions);
		return -1;
	}
	c->states = bench_memory_take(options, c->states_bytes);
	c->table_memory = bench_memory_take(options, c->table_bytes);
	if (!c->states || !c->table_memory)
		return -1;
	c->table = flow_table_init(c->table_memory, &cfg);
	if (contest_fill(c) < 0) {
		fprintf(stderr, "smtap-bench: flowtable: a table refused a key\n");
		return -1;
	}
	return 0;
}

static void
contest_close(struct contest *c)
{
	rte_hash_free(c->hash);
	if (c->table_memory)
		bench_memory_give(c->table_memory, c->table_bytes);
	if (c->states)
		bench_memory_give(c->states, c->states_bytes);
	free(c->keys);
}

static uint64_t
pass_ours(struct contest *c)
{
	uint32_t found[BULK];
	uint64_t hits = 0;

	for (uint32_t i = 0; i < LOOKUPS; i += BULK) {
		flow_table_find_bulk(c->table, &c->keys[i], NULL, BULK, found);
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
				__builtin_prefetch(c->states + (size_t)found[k] * STATE_BYTES);
		for (unsigned k = 0; k < BULK; k++) {
			if (found[k] < 0)
				continue;
			c->states[(size_t)found[k] * STATE_BYTES]++;
			hits++;
		}
	}
	return hits;
}

/* ns for each lookup, in each pass; -1: a lookup missed. */
static int
measure(struct contest *c, uint64_t (*pass)(struct contest *), double ns[], unsigned passes)
{
	pass(c); /* caches as they will be */
	for (unsigned i = 0; i < passes; i++) {
		uint64_t start = bench_now_ns();
		if (pass(c) != LOOKUPS) {
			fprintf(stderr, "smtap-bench: flowtable: a lookup missed\n");
			return -1;
		}
		ns[i] = (double)(bench_now_ns() - start) / LOOKUPS;
	}
	return 0;
}

static int
run_one(const struct bench_options *options, uint32_t sessions, const char *name,
	rte_hash_function function)
{
	double ours[BENCH_REPEATS_MAX];
	double theirs[BENCH_REPEATS_MAX];
	double ratio[BENCH_REPEATS_MAX];
	unsigned n = options->repeats;
	struct contest c;

	int err = contest_open(&c, options, sessions, function);
	if (err == 0)
		err = measure(&c, pass_ours, ours, n);
	if (err == 0)
		err = measure(&c, pass_rte, theirs, n);
	contest_close(&c);
	if (err)
		return -1;
	for (unsigned i = 0; i < n; i++)
		ratio[i] = ours[i] / theirs[i];
	struct bench_line *line = bench_line_open(options, "flowtable");
	bench_line_text(line, "rte_hash_function", name);
	bench_line_count(line, "sessions", sessions);
	bench_line_samples(line, "ns_per_packet", ours, n);
	bench_line_samples(line, "rte_hash_ns_per_packet", theirs, n);
	bench_line_samples(line, "ratio_to_rte_hash", ratio, n);
	return bench_line_print(line);
}

static int
run(const struct bench_options *options)
{
	static const uint32_t sizes[] = {10000, 100000, 1000000};
	/* A number of packets asks for a quick look. */
	unsigned last =
		options->sessions || options->packets ? 1 : sizeof(sizes) / sizeof(sizes[0]);

	for (unsigned i = 0; i < last; i++) {
		uint32_t sessions = options->sessions ? options->sessions : sizes[i];
		if (run_one(options, sessions, "crc", rte_hash_crc) < 0 ||
			run_one(options, sessions, "jhash", rte_jhash) < 0)
			return -1;
	}
	return 0;
}

const struct bench_scenario bench_flowtable = {
	.name = "flowtable",
	.help = "the flow table against rte_hash: bulk lookups of the same keys",
	.run = run,
};
