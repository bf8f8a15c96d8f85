/*
 * overload: more packets than the worker can take, through a receive queue of 2,048, with and
 * without shedding: which share of the failed logins is counted?
 *
 * Theory of operation. Nothing waits for a clock: each few turns of the worker are timed, and as
 * many packets as the offered load brings in that time come next. What the queue has no room for
 * is lost, as a port loses it. So the load is a multiple of what this worker can do here and now,
 * measured just before over the same mix, and a slow machine changes nothing. Turns in which
 * the kernel gave the CPU to somebody else count with the mean of the others.
 *
 * Nine of ten packets are deliveries of 2,048 sources, one is of guessing: from 4,096 sources, each
 * of which comes again, or from a million, of which none does. Before the load rises each deliverer
 * has come once. Medians over the repeats, each with a worker and a capacity of its own.
 */
#include <rte_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/bench.h"
#include "bench/core.h"
#include "bench/run.h"
#include "bench/scan.h"
#include "bench/traffic.h"

#define QUEUE_SLOTS 2048u
#define GUESS_EVERY 10
#define BODY_SEGMENTS 20
#define PACKETS 2000000u
/* Packets of the calm before, after the warm-up: the capacity. */
#define CALM_PACKETS 500000u
#define FILL_MAX 256u
/* Packets worked off between two looks at the clock, if there are as many: a small part of the
   queue. */
#define TIMED_PACKETS 256u
/* An idle worker waits for so many. */
#define IDLE_PACKETS 64u
#define STOLEN 4

struct mixed {
	uint64_t count;
	struct traffic_crowd deliveries;
	struct traffic_crowd guesses;
};

struct load_case {
	double load; /* times what the worker can take */
	uint32_t sources;
	bool shed;
};

struct load_run {
	struct core *core;
	struct shed *shed;
	void *shed_memory;
	size_t shed_bytes;
	bool calm;
	uint64_t missed;
	double cycles_a_packet; /* what the worker needs when it is calm */
};

static uint32_t
next(void *state, uint8_t *frame, struct traffic_tally *tally)
{
	struct mixed *m = state;

	if (m->count++ % GUESS_EVERY)
		return traffic_crowd_next(&m->deliveries, frame, tally);
	return traffic_crowd_next(&m->guesses, frame, tally);
}

static void
read_load(void *arg, struct shed_load *load)
{
	const struct load_run *r = arg;
	unsigned waiting = rte_ring_count(r->core->options->rig->ring);

	load->queue = r->calm ? 0 : waiting * 1000 / QUEUE_SLOTS;
	load->table = pipeline_fill(r->core->worker.pipeline);
	load->lost = r->missed;
}

static int
open_shed(struct load_run *r)
{
	static const struct siphash_key key = {{5, 6}};
	const struct shed_meter meter = {.read = read_load, .arg = r};
	struct worker *w = &r->core->worker;

	r->shed_bytes = shed_footprint();
	r->shed_memory = bench_memory_take(r->core->options, r->shed_bytes);
	if (!r->shed_memory)
		return -1;
	r->shed = shed_init(r->shed_memory, &key, &meter, &w->ring.header->counters);
	pipeline_set_shed(w->pipeline, r->shed);
	w->shed = r->shed;
	return 0;
}

/* n packets come: as many as the queue has room for, and the others are lost. */
static int
arrive(struct load_run *r, unsigned n)
{
	struct core *core = r->core;
	static uint8_t frame[TRAFFIC_FRAME_MAX];
	unsigned room = QUEUE_SLOTS - rte_ring_count(core->options->rig->ring);
	unsigned in = n < room ? n : room;

	for (unsigned left = in; left > 0;) {
		unsigned some = left < FILL_MAX ? left : FILL_MAX;
		if (!core_fill(core, some, &core->tally))
			return -1;
		left -= some;
	}
	for (unsigned i = in; i < n; i++) {
		core->mix->next(core->mix->state, frame, &core->tally);
		core->clock_ns += core->packet_ns;
		r->missed++;
	}
	return 0;
}

/* Some turns: their TSC cycles, or 0 when they were disturbed. */
static uint64_t
turns(struct core *core, unsigned *packets)
{
	struct rusage before, after;

	*packets = 0;
	getrusage(RUSAGE_THREAD, &before);
	uint64_t start = rte_rdtsc_precise();
	/* Writing packets cools the caches: not after each turn. */
	for (unsigned n = 1; n > 0 && *packets < TIMED_PACKETS; *packets += n)
		n = worker_poll(&core->worker);
	uint64_t cycles = rte_rdtsc_precise() - start;
	getrusage(RUSAGE_THREAD, &after);
	core_read_events(core);
	return after.ru_nivcsw == before.ru_nivcsw ? cycles : 0;
}

/* Packets come as fast as they are worked off, the queue is full; the cycles that one needs. */
static int
be_calm(struct load_run *r, uint64_t packets, double *cycles_a_packet)
{
	uint64_t cycles = 0, seen = 0;
	unsigned n = QUEUE_SLOTS;

	r->calm = true;
	for (uint64_t left = packets; left > 0;) {
		unsigned some = left < n ? (unsigned)left : n;
		if (arrive(r, some) != 0)
			return -1;
		left -= some;
		uint64_t took = turns(r->core, &n);
		cycles += took;
		seen += took ? n : 0;
	}
	core_drain_worker(r->core);
	r->calm = false;
	if (cycles_a_packet)
		*cycles_a_packet = seen ? (double)cycles / (double)seen : 1000;
	return 0;
}

/* load times as many packets come as the worker can take when it leaves nothing out. */
static int
be_loaded(struct load_run *r, double load, uint64_t packets)
{
	double credit = 1;
	double mean = r->cycles_a_packet;
	uint64_t left = packets;
	unsigned n;

	r->core->packet_ns = (uint64_t)(r->cycles_a_packet / load * 1e9 / (double)rte_get_tsc_hz());
	while (left > 0) {
		uint64_t some = (uint64_t)credit < left ? (uint64_t)credit : left;
		if (arrive(r, (unsigned)some) != 0)
			return -1;
		left -= some;
		credit -= (double)some;
		uint64_t took = turns(r->core, &n);
		/* A stolen CPU shows in the time only. */
		if ((double)took > STOLEN * mean * (n + WORKER_BURST))
			took = 0;
		if (took && n > 0)
			mean += ((double)took / n - mean) / 1000;
		double cycles = took ? (double)took : mean * n;
		credit += cycles / r->cycles_a_packet * load;
		if (rte_ring_empty(r->core->options->rig->ring) && credit < IDLE_PACKETS)
			credit = IDLE_PACKETS;
	}
	core_drain_worker(r->core);
	return 0;
}

static double
share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static const struct {
	const char *name;
	enum counter counter;
} shown[] = {
	{"shed_packets", COUNTER_SHED_PKTS},
	{"shed_deliveries", COUNTER_SHED_DELIVERIES},
	{"shed_strangers", COUNTER_SHED_STRANGERS},
	{"shed_guessers", COUNTER_SHED_GUESSERS},
	{"shed_bodies", COUNTER_SHED_BODIES},
	{"level_2_ms", COUNTER_SHED_MS_DELIVERIES},
	{"level_3_ms", COUNTER_SHED_MS_STRANGERS},
	{"level_4_ms", COUNTER_SHED_MS_GUESSERS},
};

#define SHOWN (sizeof(shown) / sizeof(shown[0]))

/* What the repeats of one load showed. */
struct results {
	unsigned count;
	double capacity[BENCH_REPEATS_MAX];
	double percent[BENCH_REPEATS_MAX];
	double missed[BENCH_REPEATS_MAX];
	double counters[SHOWN][BENCH_REPEATS_MAX];
};

static void
note(struct results *out, const struct load_run *r, uint64_t failures, uint64_t failed)
{
	unsigned n = out->count++;

	out->capacity[n] = (double)rte_get_tsc_hz() / r->cycles_a_packet / 1e6;
	out->percent[n] = share(failed, failures);
	out->missed[n] = (double)r->missed;
	for (unsigned i = 0; i < SHOWN; i++)
		out->counters[i][n] =
			(double)counter_read(core_counters(r->core), shown[i].counter);
}

static int
report(const struct bench_options *options, const struct load_case *c, struct results *out)
{
	struct bench_line *line = bench_line_open(options, "overload");
	double load = c->load;

	bench_line_samples(line, "load", &load, 1);
	bench_line_count(line, "sources", c->sources);
	bench_line_text(line, "shed", c->shed ? "yes" : "no");
	bench_line_count(line, "repeats", out->count);
	bench_line_samples(line, "capacity_mpps", out->capacity, out->count);
	bench_line_samples(line, "percent_counted", out->percent, out->count);
	bench_line_samples(line, "missed_packets", out->missed, out->count);
	for (unsigned i = 0; i < SHOWN; i++)
		bench_line_samples(line, shown[i].name, out->counters[i], out->count);
	return bench_line_print(line);
}

/* Each packet that came was received or is counted as lost. */
static int
check(const struct load_run *r)
{
	const struct core *core = r->core;
	uint64_t received = counter_read(core_counters(core), COUNTER_RX_PKTS);

	if (received == core->tally.packets)
		return 0;
	fprintf(stderr, "smtap-bench: overload: %llu packets came and %llu were received\n",
		(unsigned long long)core->tally.packets, (unsigned long long)received);
	return -1;
}

static int
play(struct load_run *r, double load, struct results *out)
{
	const uint64_t packets = r->core->options->packets ? r->core->options->packets : PACKETS;
	const uint64_t calm = packets < CALM_PACKETS ? packets : CALM_PACKETS;

	if (be_calm(r, r->core->mix->warm_up_packets, NULL) != 0 ||
		be_calm(r, calm, &r->cycles_a_packet) != 0)
		return -1;
	uint64_t failures = r->core->tally.failures;
	uint64_t failed = r->core->failed;
	if (be_loaded(r, load, packets) != 0 || check(r) != 0)
		return -1;
	note(out, r, r->core->tally.failures - failures, r->core->failed - failed);
	return 0;
}

static int
run_one(const struct bench_options *options, struct bench_mix *mix, struct match_set *patterns,
	const struct load_case *c, struct results *out)
{
	size_t bytes = (sizeof(struct core) + 63) / 64 * 64;
	struct load_run r = {.core = aligned_alloc(64, bytes)};
	int result = -1;

	if (!r.core)
		return -1;
	memset(r.core, 0, bytes);
	r.core->options = options;
	r.core->mix = mix;
	if (core_open(r.core, patterns) == 0 && (!c->shed || open_shed(&r) == 0))
		result = play(&r, c->load, out);
	core_close(r.core);
	bench_memory_give(r.shed_memory, r.shed_bytes);
	free(r.core);
	return result;
}

static int
run_case(const struct bench_options *options, struct match_set *patterns, const struct load_case *c)
{
	static struct traffic_script delivery, guessing;
	struct results out = {0};
	int result = 0;

	traffic_script_delivery(&delivery, BODY_SEGMENTS);
	traffic_script_guessing(&guessing);
	for (unsigned i = 0; i < options->repeats && result == 0; i++) {
		struct mixed mixed = {
			.deliveries = {.script = &delivery,
				.concurrency = options->sessions ? options->sessions : 2048,
				.sources = 1 << 11,
				.network = 0x0b000000},
			.guesses = {.script = &guessing,
				.concurrency = options->sessions ? options->sessions : 512,
				.sources = c->sources,
				.network = 0x0a000000},
		};
		struct bench_mix mix = {.scenario = "overload",
			.next = next,
			.state = &mixed,
			.state_bytes = sizeof(mixed)};
		/* Each source of deliveries has ended one. */
		mix.warm_up_packets =
			(uint64_t)mixed.deliveries.concurrency * delivery.steps_count * 5 / 2;
		result = run_one(options, &mix, patterns, c, &out);
	}
	return result == 0 ? report(options, c, &out) : result;
}

static int
run(const struct bench_options *options)
{
	static const uint32_t sources[] = {1 << 12, 1 << 20};
	static const double loads[] = {0.8, 1.5, 2, 3};
	struct match_set *patterns;
	int result = 0;

	if (options->memif) {
		fprintf(stderr, "smtap-bench: overload: has a queue of its own, not --memif\n");
		return -1;
	}
	if (scan_open(options, &patterns) != 0)
		return -1;
	for (unsigned i = 0; i < 16 && result == 0; i++) {
		const struct load_case c = {
			.load = loads[i / 2 % 4], .sources = sources[i / 8], .shed = i % 2};
		result = run_case(options, patterns, &c);
	}
	match_set_free(patterns);
	return result;
}

const struct bench_scenario bench_overload = {"overload",
	"more packets than can be taken: failed logins that are counted, with and without shedding",
	run};
