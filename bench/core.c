/* One worker: the dataplane's own, with its ring; control's place is taken by a reader here. */
#include "bench/core.h"

#include <rte_ethdev.h>
#include <rte_prefetch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/io/packet.h"

#define MAIL_PORT 25

/* More events than a chunk can cause. */
#define RING_SLOTS 65536

/* The capture's clock runs at 2 M packets/s. */
#define PACKET_NS 500
#define CLOCK_START_NS (1700000000 * NS_PER_S)

/* Open at once in most scenarios, and the closed ones that linger in all. */
#define SESSIONS (1u << 19)

static int
open_ring(struct core *core)
{
	static const uint8_t boot_id[16] = "smtap-bench";
	struct worker *w = &core->worker;

	if (ring_writer_open(&w->ring, RING_SLOTS, boot_id) != 0)
		return -1;
	/* As after its first turn: the kernel clears the pages now and not while we measure. */
	memset(w->ring.slots, 0, RING_SLOTS * sizeof(w->ring.slots[0]));
	if (ring_reader_open(&core->reader, w->ring.memfd, 0, boot_id) != 0)
		return -1;
	return ring_writer_set_cursor(&w->ring, core->reader.cursor_memfd);
}

static int
open_pipeline(struct core *core)
{
	struct worker *w = &core->worker;
	struct pipeline_config config;

	pipeline_config_defaults(&config);
	config.sessions = SESSIONS + (core->mix->open ? core->mix->open + SESSIONS : 0);
	/* Of what a session here says 256 bytes are enough. */
	if (config.smtp_pages < config.sessions / 16)
		config.smtp_pages = config.sessions / 16;
	memset(&config.flow_hash_key, 0x5a, sizeof(config.flow_hash_key));
	memset(&config.password_key, 0xa5, sizeof(config.password_key));
	core->memory_bytes = pipeline_footprint(&config);
	core->memory = bench_memory_take(core->options, core->memory_bytes);
	if (!core->memory)
		return -1;
	w->pipeline = pipeline_init(core->memory, &config, &core->decode, &w->emit, w->match,
		&w->ring.header->counters);
	return w->pipeline ? 0 : -1;
}

/* What a reader of packets knows of one beside its bytes. */
static void
stamp(struct core *core, struct rte_mbuf *m)
{
	core->clock_ns += core->packet_ns;
	const struct packet_meta meta = {
		.times = {.time_ns = core->clock_ns,
			.clock_ns = core->clock_ns,
			.order = ++core->order},
		.link = DECODE_LINK_ETHERNET,
	};

	packet_set_meta(m, core->worker.meta_offset, &meta);
	if (core->options->nic_checksum)
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

/* The mbufs that a driver takes are stamped as it hands them over: the floor's and the worker's. */
static uint16_t
stamp_received(__rte_unused uint16_t port, __rte_unused uint16_t queue, struct rte_mbuf *mbufs[],
	uint16_t n, __rte_unused uint16_t max, void *arg)
{
	for (uint16_t i = 0; i < n; i++)
		stamp(arg, mbufs[i]);
	return n;
}

int
core_open(struct core *core, struct match_set *patterns)
{
	struct worker *w = &core->worker;

	decode_config_add_port(&core->decode, MAIL_PORT);
	core->clock_ns = CLOCK_START_NS;
	core->packet_ns = core->mix->packet_ns ? core->mix->packet_ns : PACKET_NS;
	core->queue.port = core->options->rig->port;
	w->queue = &core->queue;
	w->run = &core->run;
	w->decode = &core->decode;
	w->done_fd = -1;
	if (core->options->memif)
		core->stamper = rte_eth_add_rx_callback(core->queue.port, 0, stamp_received, core);
	w->meta_offset = packet_meta_register();
	if (patterns)
		w->match = match_open(patterns);
	if (w->meta_offset >= 0 && (!patterns || w->match) && open_ring(core) == 0) {
		worker_init_emit(w, true);
		if (open_pipeline(core) == 0)
			return 0;
	}
	fprintf(stderr, "smtap-bench: %s: no memory for a worker\n", core->mix->scenario);
	return -1;
}

void
core_close(struct core *core)
{
	if (core->reader.header)
		ring_reader_close(&core->reader);
	if (core->worker.ring.header)
		ring_writer_close(&core->worker.ring);
	if (core->stamper)
		rte_eth_remove_rx_callback(core->queue.port, 0, core->stamper);
	match_close(core->worker.match);
	bench_memory_give(core->memory, core->memory_bytes);
}

const struct counters *
core_counters(const struct core *core)
{
	return &core->worker.ring.header->counters;
}

uint64_t
core_fill(struct core *core, unsigned n, struct traffic_tally *tally)
{
	const struct rig *rig = core->options->rig;
	struct rte_mbuf *mbufs[RIG_CHUNK];
	uint64_t bytes = 0;

	if (rte_pktmbuf_alloc_bulk(rig->pool, mbufs, n) != 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = mbufs[i];
		uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
		uint32_t len = core->mix->next(core->mix->state, frame, tally);
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
		if (rig->ring)
			stamp(core, m);
		bytes += len;
	}
	tally->packets += n;
	tally->bytes += bytes;
	return rig_send(rig, mbufs, n) == 0 ? bytes : 0;
}

uint64_t
core_drain_floor(const struct core *core)
{
	struct rte_mbuf *mbufs[WORKER_BURST];
	uint16_t port = core->queue.port;
	volatile uint64_t touched;
	uint64_t sum = 0;
	uint64_t start = rte_rdtsc_precise();

	for (unsigned n; (n = rte_eth_rx_burst(port, 0, mbufs, WORKER_BURST)) > 0;) {
		for (unsigned i = 0; i < n; i++) {
			if (i + 1 < n)
				rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 1], void *));
			sum += *rte_pktmbuf_mtod(mbufs[i], uint64_t *);
		}
		rte_pktmbuf_free_bulk(mbufs, n);
	}
	touched = sum;
	(void)touched;
	return rte_rdtsc_precise() - start;
}

/* What control does on another core. */
void
core_read_events(struct core *core)
{
	struct event event;

	while (ring_reader_peek(&core->reader, &event) == 1) {
		ring_reader_done(&core->reader);
		core->events++;
		core->failed +=
			event.head.type == EVENT_AUTH && event.auth.outcome == OUTCOME_FAILURE;
		core->failures += event.head.type == EVENT_AUTH &&
				  event.auth.outcome == OUTCOME_FAILURE &&
				  event.auth.password_fp != 0 && event.auth.username_len != 0;
	}
}

/* Of bench/lines, when that is loaded: what this thread touches is noted. */
__attribute__((weak)) void bench_watch(bool on);

uint64_t
core_drain_worker(struct core *core)
{
	struct stages *stages = core->options->stages ? &core->stages : NULL;

	if (bench_watch)
		bench_watch(true);
	uint64_t start = rte_rdtsc_precise();

	core->worker.emit.stages = stages;
	if (stages)
		*stages = (struct stages){.since = start};
	while (worker_poll(&core->worker) > 0)
		;
	stages_enter(stages, PATH_OTHER);
	uint64_t cycles = rte_rdtsc_precise() - start;
	if (bench_watch)
		bench_watch(false);
	core_read_events(core);
	return cycles;
}

/* Nothing in the scenarios is lost, twice, forged, cut or too much. */
static const enum counter must_be_zero[] = {
	COUNTER_DECODE_MALFORMED,
	COUNTER_DECODE_TRUNCATED,
	COUNTER_DECODE_TOO_DEEP,
	COUNTER_TCP_CSUM_BAD,
	COUNTER_TCP_CSUM_OFFLOAD,
	COUNTER_TCP_OUT_OF_ORDER,
	COUNTER_TCP_DUPLICATE,
	COUNTER_TCP_CONFLICT,
	COUNTER_TCP_HELD_FOR_ACK,
	COUNTER_TCP_GAPS,
	COUNTER_TCP_HOLD_FULL,
	COUNTER_TCP_IGNORED,
	COUNTER_FLOW_MIDSTREAM,
	COUNTER_FLOW_IDLE,
	COUNTER_FLOW_EVICTED_HALF_OPEN,
	COUNTER_FLOW_EVICTED,
	COUNTER_FLOW_FULL,
	COUNTER_SMTP_UNMATCHED,
	COUNTER_SMTP_MALFORMED,
	COUNTER_SMTP_LONG_LINE,
	COUNTER_SMTP_QUEUE_FULL,
	COUNTER_SMTP_HOLD_FULL,
	COUNTER_EVENTS_LOST_AUTH,
	COUNTER_EVENTS_LOST_RCPT,
	COUNTER_EVENTS_LOST_MAIL,
	COUNTER_EVENTS_LOST_SESSION,
	COUNTER_EVENTS_LOST_SIGNATURE,
};

int
core_check(const struct core *core)
{
	const struct traffic_tally *tally = &core->tally;
	uint64_t expected[COUNTER_COUNT];
	int result = 0;

	memset(expected, 0xff, sizeof(expected)); /* whatever it is */
	for (size_t i = 0; i < sizeof(must_be_zero) / sizeof(must_be_zero[0]); i++)
		expected[must_be_zero[i]] = 0;
	for (unsigned i = 0; i < BENCH_MAY_MAX && core->mix->may[i]; i++)
		expected[core->mix->may[i]] = UINT64_MAX;
	expected[COUNTER_RX_PKTS] = tally->packets;
	expected[COUNTER_RX_BYTES] = tally->bytes;
	expected[COUNTER_DECODE_MAIL] = tally->mail;
	expected[COUNTER_DECODE_OTHER] = tally->packets - tally->mail;
	expected[COUNTER_FLOW_NEW] = tally->sessions;
	expected[COUNTER_AUTH_ATTEMPTS] = tally->attempts;
	expected[COUNTER_SMTP_BYTES] = tally->mail_bytes;
	expected[COUNTER_EVENTS] = core->events;
	for (unsigned i = 0; i < COUNTER_COUNT; i++) {
		uint64_t value = counter_read(core_counters(core), i);
		if (expected[i] == UINT64_MAX || value == expected[i])
			continue;
		fprintf(stderr,
			"smtap-bench: %s: %s is %llu and must be %llu: something else was "
			"measured\n",
			core->mix->scenario, counter_infos[i].name, (unsigned long long)value,
			(unsigned long long)expected[i]);
		result = -1;
	}
	if (core->failures != tally->failures) {
		fprintf(stderr,
			"smtap-bench: %s: events tell of %llu failed logins and there were %llu\n",
			core->mix->scenario, (unsigned long long)core->failures,
			(unsigned long long)tally->failures);
		result = -1;
	}
	return result;
}
