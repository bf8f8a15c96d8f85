/*
 * memory: what an open session takes, by how far it has come: its part of the tables, what it said,
 * and what is held; read from the pools after a thousand of them came so far. And what a
 * tracked source takes in control's tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/traffic.h"
#include "control/track/track.h"
#include "dataplane/pipeline/pipeline.h"

#define SESSIONS 1000u
#define MAIL_PORT 25
#define SESSION_BUDGET 256u
#define HELD_BUDGET 4096u
#define SOURCE_BUDGET 1024u
#define START_NS 1700000000000000000u
#define NONE UINT32_MAX
#define HELO_VARIES_AT 5

struct state {
	const char *name;
	bool holds;       /* bytes: then it may have more */
	bool skips;       /* the last step but one is lost */
	unsigned stretch; /* of what follows it plays so many */
};

/* In the order of the script; each plays what those before it do. */
static const struct state states[] = {
	{"opened", false, false, 0},
	{"banner", false, false, 1},
	{"ehlo", false, false, 2},
	{"logged-in", false, false, 6},
	{"envelope", false, false, 4},
	{"body", false, false, 3},
	{"half-line", true, false, 3},
	{"out-of-order", true, true, 2},
};

/* own_names: each session has a HELO name and an account that no other one has. */
static void
write_script(struct traffic_script *s, bool own_names)
{
	traffic_script_open(s);
	traffic_script_server(s, "220 mail.example.org ESMTP Postfix (Debian)\r\n", CONTEXT_BANNER);
	traffic_script_command(s, "EHLO client.example.net\r\n");
	s->steps[s->steps_count - 1].vary_at = own_names ? HELO_VARIES_AT : 0;
	traffic_script_server(
		s, "250-mail.example.org\r\n250-PIPELINING\r\n250 AUTH LOGIN\r\n", CONTEXT_REPLY);
	traffic_script_auth(s, "AUTH LOGIN\r\n");
	traffic_script_server(s, "334 VXNlcm5hbWU6\r\n", CONTEXT_REPLY);
	traffic_script_answer(s, "YWxpY2VAZXhhbXBsZS5vcmc=\r\n", own_names);
	traffic_script_server(s, "334 UGFzc3dvcmQ6\r\n", CONTEXT_REPLY);
	traffic_script_answer(s, "c3VtbWVyMjAyNCEx\r\n", true);
	traffic_script_server(s, "235 2.7.0 ok\r\n", CONTEXT_REPLY);
	traffic_script_command(s, "MAIL FROM:<alice@example.org>\r\n");
	traffic_script_server(s, "250 2.1.0 Ok\r\n", CONTEXT_REPLY);
	traffic_script_command(s, "RCPT TO:<bob@example.com>\r\n");
	traffic_script_server(s, "250 2.1.5 Ok\r\n", CONTEXT_REPLY);
	traffic_script_command(s, "DATA\r\n");
	traffic_script_server(s, "354 go\r\n", CONTEXT_REPLY);
	traffic_script_header(s, "Subject: x\r\n\r\nand its body\r\n");
	traffic_script_answer(s, ".\r\n", false);
	traffic_script_server(s, "250 2.0.0 Ok\r\n", CONTEXT_REPLY);
	traffic_script_answer(s, "MAIL FROM:<alice@exam", false);
	traffic_script_answer(s, "ple.org>\r\n", false);
	traffic_script_answer(s, "RSET\r\n", false);
}

struct place {
	struct pipeline *pipeline;
	struct decode_config decode;
	struct emit emit;
	struct counters counters;
	void *memory;
};

static int
place_open(struct place *p)
{
	struct pipeline_config config;

	memset(p, 0, sizeof(*p));
	pipeline_config_defaults(&config);
	decode_config_add_port(&p->decode, MAIL_PORT);
	p->emit.counters = &p->counters; /* no array: events are dropped */
	p->memory = calloc(1, pipeline_footprint(&config) + 64);
	if (!p->memory) {
		fprintf(stderr, "smtap-bench: memory: no memory for the tables\n");
		return -1;
	}
	void *aligned = (void *)(((uintptr_t)p->memory + 63) / 64 * 64);
	p->pipeline = pipeline_init(aligned, &config, &p->decode, &p->emit, NULL, &p->counters);
	return 0;
}

/* A thousand sessions, each up to step `end`, without step `lost`. */
static void
play(struct place *p, const struct traffic_crowd *crowd, unsigned end, unsigned lost)
{
	uint8_t frame[TRAFFIC_FRAME_MAX];
	uint64_t order = 0;

	for (uint64_t session = 0; session < SESSIONS; session++) {
		for (unsigned step = 0; step < end; step++) {
			struct pipeline_packet packet = {.data = frame, .order = ++order};
			uint32_t len = traffic_crowd_step(crowd, session, step, frame);
			if (step == lost || decode_packet(&p->decode, DECODE_LINK_ETHERNET, frame,
						    len, &packet.decoded) != DECODE_MAIL)
				continue;
			packet.time_ns = packet.clock_ns = START_NS + order;
			pipeline_burst(p->pipeline, &packet, 1);
		}
	}
}

static int
report(const struct bench_options *options, const struct state *state, bool own_names,
	const struct pipeline *p)
{
	struct bench_line *line = bench_line_open(options, "memory");
	uint64_t budget = SESSION_BUDGET + (state->holds ? HELD_BUDGET : 0);
	struct pipeline_use use;

	pipeline_use(p, &use);
	uint64_t table = (uint64_t)(use.session_bytes + 0.999);
	uint64_t said = (use.said_bytes + SESSIONS - 1) / SESSIONS;
	uint64_t early = (use.early_bytes + SESSIONS - 1) / SESSIONS;
	bench_line_text(line, "state", state->name);
	bench_line_text(line, "names", own_names ? "own" : "common");
	bench_line_count(line, "table_bytes", table);
	bench_line_count(line, "said_bytes", said);
	bench_line_count(line, "early_bytes", early);
	bench_line_count(line, "bytes", table + said + early);
	bench_line_count(line, "budget_bytes", budget);
	if (bench_line_print(line) != 0)
		return -1;
	if (use.sessions == SESSIONS)
		return 0;
	fprintf(stderr, "smtap-bench: memory: %u sessions are open and %u must be\n", use.sessions,
		SESSIONS);
	return -1;
}

static int
report_source(const struct bench_options *options)
{
	struct bench_line *line = bench_line_open(options, "memory");

	bench_line_text(line, "state", "tracked-source");
	bench_line_count(line, "bytes",
		sizeof(struct aggr_subject) + sizeof(struct aggr_pair) +
			sizeof(struct track_subject) + 3 * TABLE_ENTRY_BYTES);
	bench_line_count(line, "budget_bytes", SOURCE_BUDGET);
	return bench_line_print(line);
}

static int
run_names(const struct bench_options *options, bool own_names)
{
	static struct traffic_script script;
	static struct place place;
	struct traffic_crowd crowd = {.script = &script, .sources = 1 << 20, .network = 0x0a000000};
	unsigned end = 3; /* the handshake */

	write_script(&script, own_names);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		end += states[i].stretch;
		if (place_open(&place) != 0)
			return -1;
		play(&place, &crowd, end, states[i].skips ? end - 2 : NONE);
		int result = report(options, &states[i], own_names, place.pipeline);
		free(place.memory);
		if (result != 0)
			return -1;
	}
	return 0;
}

static int
run(const struct bench_options *options)
{
	if (run_names(options, false) != 0 || run_names(options, true) != 0)
		return -1;
	return report_source(options);
}

const struct bench_scenario bench_memory = {
	"memory", "bytes of an open session, by how far it has come; of a tracked source", run};
