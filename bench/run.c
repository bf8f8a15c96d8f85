/*
 * Theory of operation
 *
 * Packets are played in chunks of RIG_CHUNK. A chunk is written into mbufs and
 * put into the port's ring, untimed; then a loop receives it until the ring is
 * empty, timed by the TSC. Each chunk is written and received twice, first by
 * the floor (receive, touch, free), then by the worker's own loop: the same
 * bytes, mbufs of the same pool, in the same state of the caches, microseconds
 * apart, so what else the machine does meets both. A chunk during which the
 * kernel gave the CPU to somebody else is not counted (but with --packets, where
 * speed is not the point): it would tell of them and not of us.
 *
 * A repeat is as many chunks as its share of the time allows. Its rates are one
 * sample; the report has the median, the least and the greatest of them.
 *
 * After the last repeat the counters must be what the packets amount to: each
 * session opened, each attempt found, each byte of mail inspected in order and
 * nothing taken for a duplicate, a gap or a forgery. If not, what was measured
 * is not what the scenario says, and the run fails.
 */
#include "bench/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/core.h"
#include "bench/scan.h"

#define STATE_BYTES_MAX 256
#define TIMER_ROUNDS 256

struct sample {
	uint64_t packets;
	uint64_t bytes;
	uint64_t cycles;
	uint64_t floor_cycles;
	double scan_ns; /* a packet */
	uint64_t disturbed_packets;
	uint64_t mail_packets;
	double stage_cycles[PATH_STAGE_COUNT];
};

static int
warm_up(struct core *core)
{
	uint64_t left = core->mix->warm_up_packets;

	while (left > 0) {
		unsigned n = left < RIG_CHUNK ? (unsigned)left : RIG_CHUNK;
		if (!core_fill(core, n, &core->tally))
			return -1;
		core_drain_worker(core);
		left -= n;
	}
	return 0;
}

/* How often the kernel took the CPU away. */
static long
preemptions(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}

/* What the timer itself takes each time that a stage is left: it changes with the clock of the CPU
   and with what its sibling does, so it is asked for after each chunk. */
static uint64_t
timer_cycles(void)
{
	struct stages stages = {.since = stages_clock()};

	for (unsigned i = 0; i < TIMER_ROUNDS; i++)
		stages_enter(&stages, i & 1 ? PATH_TCP : PATH_SMTP);
	return stages.cycles[PATH_TCP] + stages.cycles[PATH_SMTP];
}

/* Take what the last drain's stages took, without the timer. */
static void
add_stages(struct sample *sample, const struct stages *stages)
{
	double timer = (double)timer_cycles() / TIMER_ROUNDS;

	for (unsigned i = 0; i < PATH_STAGE_COUNT; i++)
		sample->stage_cycles[i] +=
			(double)stages->cycles[i] - timer * (double)stages->switches[i];
}

static int
measure_chunk(struct core *core, unsigned n, struct sample *sample)
{
	const struct bench_mix *mix = core->mix;
	uint8_t state[STATE_BYTES_MAX];
	struct traffic_tally ignored = {0};

	memcpy(state, mix->state, mix->state_bytes);
	if (!core_fill(core, n, &ignored))
		return -1;
	long before = preemptions();
	uint64_t floor_cycles = core_drain_floor(core);
	long during = preemptions() - before;
	memcpy(mix->state, state, mix->state_bytes);
	uint64_t mail = core->tally.mail;
	uint64_t bytes = core_fill(core, n, &core->tally);
	if (!bytes)
		return -1;
	before = preemptions();
	uint64_t cycles = core_drain_worker(core);
	during += preemptions() - before;
	if (during != 0 && core->options->packets == 0) {
		sample->disturbed_packets += n;
		return 0;
	}
	sample->floor_cycles += floor_cycles;
	sample->cycles += cycles;
	if (core->options->stages)
		add_stages(sample, &core->stages);
	sample->mail_packets += core->tally.mail - mail;
	sample->packets += n;
	sample->bytes += bytes;
	return 0;
}

static int
measure(struct core *core, struct sample *sample)
{
	const struct bench_options *options = core->options;
	uint64_t end_ns = bench_now_ns() + (uint64_t)(options->seconds * 1e9 / options->repeats);
	unsigned chunk = core->mix->chunk ? core->mix->chunk : RIG_CHUNK;
	bool more = true;

	while (more) {
		uint64_t left = options->packets ? options->packets - sample->packets : chunk;
		if (measure_chunk(core, left < chunk ? (unsigned)left : chunk, sample) != 0)
			return -1;
		more = options->packets ? sample->packets < options->packets
					: bench_now_ns() < end_ns;
	}
	for (unsigned i = 0; i < BENCH_SCRIPTS_MAX; i++) {
		const struct traffic_script *script = core->mix->scripts[i].script;
		if (script)
			sample->scan_ns += core->mix->scripts[i].share *
					   scan_script_ns(core->worker.match, script) /
					   script->steps_count;
	}
	return 0;
}

enum figure {
	FIGURE_MPPS,
	FIGURE_GBPS,
	FIGURE_NS,
	FIGURE_CYCLES,
	FIGURE_FLOOR_MPPS,
	FIGURE_RATIO,
	FIGURE_SCAN,
	FIGURE_COST,
	FIGURE_COUNT
};

static const char *const figure_names[] = {
	[FIGURE_MPPS] = "mpps",
	[FIGURE_GBPS] = "gbps",
	[FIGURE_NS] = "ns_per_packet",
	[FIGURE_CYCLES] = "cycles_per_packet",
	[FIGURE_FLOOR_MPPS] = "floor_mpps",
	[FIGURE_RATIO] = "ratio_to_floor",
	[FIGURE_SCAN] = "scan_ns_per_packet",
	[FIGURE_COST] = "cost_to_floor_and_scan",
};

_Static_assert(
	sizeof(figure_names) / sizeof(figure_names[0]) == FIGURE_COUNT, "each figure has a name");

static double
figure_of(enum figure figure, const struct sample *s)
{
	double n = (double)s->packets;
	double hz = (double)rte_get_tsc_hz();
	double ns = (double)s->cycles / hz * 1e9;
	double floor_ns = (double)s->floor_cycles / hz * 1e9;

	switch (figure) {
	case FIGURE_MPPS:
		return n / ns * 1e3;
	case FIGURE_GBPS:
		return (double)s->bytes * 8 / ns;
	case FIGURE_NS:
		return ns / n;
	case FIGURE_CYCLES:
		return (double)s->cycles / n;
	case FIGURE_FLOOR_MPPS:
		return n / floor_ns * 1e3;
	case FIGURE_RATIO:
		return floor_ns / ns;
	case FIGURE_SCAN:
		return s->scan_ns;
	case FIGURE_COST:
		return ns / (floor_ns + s->scan_ns * n);
	case FIGURE_COUNT:
		break;
	}
	return 0;
}

/* A packet of any kind in each stage, and one of mail in those that only mail comes to. */
static void
report_stages(struct bench_line *line, const struct sample samples[], unsigned repeats)
{
	static const char *const names[] = {
#define X(id, name) "stage_" name "_ns",
		PATH_STAGES(X)
#undef X
	};
	double hz = (double)rte_get_tsc_hz();
	double mail[BENCH_REPEATS_MAX] = {0};
	double values[BENCH_REPEATS_MAX];

	for (unsigned stage = 0; stage < PATH_STAGE_COUNT; stage++) {
		for (unsigned i = 0; i < repeats; i++) {
			double ns = samples[i].stage_cycles[stage] / hz * 1e9;
			values[i] = ns / (double)samples[i].packets;
			if (stage >= PATH_FLOW && samples[i].mail_packets > 0)
				mail[i] += ns / (double)samples[i].mail_packets;
		}
		bench_line_samples(line, names[stage], values, repeats);
	}
	bench_line_samples(line, "stages_ns_per_mail_packet", mail, repeats);
}

static int
report(const struct core *core, const struct sample samples[])
{
	unsigned repeats = core->options->repeats;
	double values[BENCH_REPEATS_MAX];
	uint64_t packets = 0;
	uint64_t bytes = 0;
	uint64_t disturbed = 0;

	for (unsigned i = 0; i < repeats; i++) {
		disturbed += samples[i].disturbed_packets;
		packets += samples[i].packets;
		bytes += samples[i].bytes;
	}
	struct bench_line *line = bench_line_open(core->options, core->mix->scenario);
	bench_line_count(line, "packets", packets);
	bench_line_count(line, "bytes", bytes);
	for (enum figure f = 0; f < FIGURE_COUNT; f++) {
		for (unsigned i = 0; i < repeats; i++)
			values[i] = figure_of(f, &samples[i]);
		bench_line_samples(line, figure_names[f], values, repeats);
	}
	if (core->options->stages)
		report_stages(line, samples, repeats);
	bench_line_count(line, "disturbed_packets", disturbed);
	bench_line_count(line, "sessions", core->tally.sessions);
	bench_line_count(line, "auth_attempts", core->tally.attempts);
	bench_line_count(line, "auth_failures", core->tally.failures);
	bench_line_count(line, "lines", core->tally.lines);
	bench_line_count(
		line, "lines_scanned", counter_read(core_counters(core), COUNTER_MATCH_LINES));
	bench_line_count(line, "events", core->events);
	return bench_line_print(line);
}

static int
run_core(struct core *core)
{
	struct sample samples[BENCH_REPEATS_MAX];

	memset(samples, 0, sizeof(samples));
	int result = warm_up(core);
	for (unsigned i = 0; result == 0 && i < core->options->repeats; i++)
		result = measure(core, &samples[i]);
	if (result != 0) {
		fprintf(stderr, "smtap-bench: %s: packets got lost: no mbuf left\n",
			core->mix->scenario);
		return -1;
	}
	if (core_check(core) != 0)
		return -1;
	for (unsigned i = 0; i < core->options->repeats; i++) {
		if (samples[i].packets > 0)
			continue;
		fprintf(stderr,
			"smtap-bench: %s: repeat %u was disturbed all the time: give it a quiet "
			"CPU, "
			"or more --seconds\n",
			core->mix->scenario, i + 1);
		return -1;
	}
	return report(core, samples);
}

int
bench_run_mix(const struct bench_options *options, const struct bench_mix *mix)
{
	size_t bytes = (sizeof(struct core) + 63) / 64 * 64;
	struct match_set *patterns;
	int result = -1;

	if (scan_open(options, &patterns) != 0)
		return -1;
	struct core *core = aligned_alloc(64, bytes);
	if (core) {
		memset(core, 0, bytes);
		core->options = options;
		core->mix = mix;
		if (core_open(core, patterns) == 0)
			result = run_core(core);
		core_close(core);
		free(core);
	}
	match_set_free(patterns);
	return result;
}
