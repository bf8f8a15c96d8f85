/* pipeline: sessions over packets, without an EAL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "dataplane/pipeline/pipeline.h"

#define EVENTS_MAX 4096
#define T0 (1700000000ULL * NS_PER_S)

struct rig {
	struct pipeline_config cfg;
	struct decode_config decode;
	struct counters counters;
	struct emit emit;
	void *memory;
	struct pipeline *p;
};

static struct rig *
rig_new(uint32_t sessions)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	pipeline_config_defaults(&r->cfg);
	r->cfg.sessions = sessions;
	r->cfg.tcp_blocks = 64;
	r->cfg.smtp_pages = 256;
	r->cfg.deterministic = true;
	decode_config_add_port(&r->decode, 25);
	r->emit.counters = &r->counters;
	r->emit.array = calloc(EVENTS_MAX, sizeof(struct event));
	r->emit.array_cap = EVENTS_MAX;
	size_t bytes = (pipeline_footprint(&r->cfg) + 63) & ~(size_t)63;
	r->memory = aligned_alloc(64, bytes);
	assert_non_null(r->memory);
	memset(r->memory, 0, bytes);
	r->p = pipeline_init(r->memory, &r->cfg, &r->decode, &r->emit, NULL, &r->counters);
	assert_non_null(r->p);
	return r;
}

static void
rig_free(struct rig *r)
{
	free(r->emit.array);
	free(r->memory);
	free(r);
}

/* One side of a scripted connection; ports tell who speaks. */
struct script {
	uint32_t client;
	uint16_t port;
	uint32_t seq[2];
};

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

struct moment {
	uint64_t clock_ns;
	uint64_t order;
};

/* Build a raw IPv4 packet and run it. The checksum is taken as good, as a NIC would say. */
static void
send_raw(struct rig *r, struct script *s, bool from_client, uint8_t flags, const char *text,
	struct moment at)
{
	uint8_t data[2048] = {0x45};
	size_t len = strlen(text);
	unsigned side = from_client ? 0 : 1;
	struct pipeline_packet pkt = {0};

	put16(data + 2, (uint16_t)(40 + len));
	data[8] = 64;
	data[9] = 6;
	put32(data + (from_client ? 12 : 16), s->client);
	put32(data + (from_client ? 16 : 12), 0xcb007119);
	put16(data + 20, from_client ? s->port : 25);
	put16(data + 22, from_client ? 25 : s->port);
	put32(data + 24, s->seq[side]);
	put32(data + 28, s->seq[!side]);
	data[32] = 0x50;
	data[33] = flags;
	put16(data + 34, 65535);
	memcpy(data + 40, text, len);
	s->seq[side] += (uint32_t)len + !!(flags & 0x02) + !!(flags & 0x01);
	assert_int_equal(
		decode_packet(&r->decode, DECODE_LINK_IP, data, (uint32_t)(40 + len), &pkt.decoded),
		DECODE_MAIL);
	pkt.data = data;
	pkt.checksum = DECODE_CHECKSUM_GOOD;
	pkt.time_ns = T0 + at.clock_ns;
	pkt.clock_ns = T0 + at.clock_ns;
	pkt.order = at.order;
	pipeline_burst(r->p, &pkt, 1);
}

static struct moment
later(struct moment *now)
{
	now->clock_ns += NS_PER_MS;
	now->order++;
	return *now;
}

static void
handshake(struct rig *r, struct script *s, struct moment *now)
{
	send_raw(r, s, true, 0x02, "", later(now));
	send_raw(r, s, false, 0x12, "", later(now));
	send_raw(r, s, true, 0x10, "", later(now));
}

static void
say(struct rig *r, struct script *s, struct moment *now, const char *line)
{
	send_raw(r, s, line[0] == 'C', 0x18, line + 3, later(now));
}

static void
guess(struct rig *r, struct script *s, struct moment *now)
{
	say(r, s, now, "S: 220 mx ESMTP\r\n");
	say(r, s, now, "C: EHLO x\r\n");
	say(r, s, now, "S: 250-mx\r\n250 AUTH LOGIN\r\n");
	say(r, s, now, "C: AUTH LOGIN\r\n");
	say(r, s, now, "S: 334 VXNlcm5hbWU6\r\n");
	say(r, s, now, "C: YWxpY2U=\r\n");
	say(r, s, now, "S: 334 UGFzc3dvcmQ6\r\n");
	say(r, s, now, "C: d3Jvbmc=\r\n");
}

static const struct event *
nth(const struct rig *r, enum event_type type, unsigned n)
{
	for (size_t i = 0; i < r->emit.array_len; i++)
		if (r->emit.array[i].head.type == type && n-- == 0)
			return &r->emit.array[i];
	return NULL;
}

static void
a_guess_becomes_one_auth_event_and_one_session_event(void **state)
{
	struct rig *r = rig_new(64);
	struct script s = {.client = 0xc6336407, .port = 40000, .seq = {100, 900}};
	struct moment now = {0};

	(void)state;
	handshake(r, &s, &now);
	guess(r, &s, &now);
	say(r, &s, &now, "S: 535 5.7.8 no\r\n");
	send_raw(r, &s, true, 0x11, "", later(&now));
	send_raw(r, &s, false, 0x11, "", later(&now));
	const struct event *auth = nth(r, EVENT_AUTH, 0);
	assert_non_null(auth);
	assert_null(nth(r, EVENT_AUTH, 1));
	assert_int_equal(auth->auth.outcome, OUTCOME_FAILURE);
	assert_string_equal(auth->auth.mechanism, "LOGIN");
	assert_memory_equal(auth->text, "alice", 5);
	const struct event *end = nth(r, EVENT_SESSION, 0);
	assert_non_null(end);
	assert_int_equal(end->session.end, SESSION_END_FIN);
	assert_int_equal(end->session.auth_attempts, 1);
	assert_true(end->head.flow.flags & EVENT_FLOW_FROM_START);
	assert_int_equal(end->session.packets[0], 7);
	rig_free(r);
}

static void
a_syn_alone_ends_as_syn_only_after_its_silence(void **state)
{
	struct rig *r = rig_new(64);
	struct script s = {.client = 0xc6336407, .port = 40000};
	struct moment now = {0};

	(void)state;
	send_raw(r, &s, true, 0x02, "", later(&now));
	pipeline_clock(r->p, T0 + 30 * NS_PER_S);
	assert_null(nth(r, EVENT_SESSION, 0));
	pipeline_clock(r->p, T0 + 31 * NS_PER_S);
	const struct event *end = nth(r, EVENT_SESSION, 0);
	assert_non_null(end);
	assert_true(end->session.flags & SESSION_SYN_ONLY);
	assert_int_equal(end->head.clock_ns, T0 + 31 * NS_PER_S);
	rig_free(r);
}

static void
a_refused_connection_says_so(void **state)
{
	struct rig *r = rig_new(64);
	struct script s = {.client = 0xc6336407, .port = 40000, .seq = {7, 0}};
	struct moment now = {0};

	(void)state;
	send_raw(r, &s, true, 0x02, "", later(&now));
	send_raw(r, &s, false, 0x14, "", later(&now));
	pipeline_end(r->p, T0 + now.clock_ns);
	const struct event *end = nth(r, EVENT_SESSION, 0);
	assert_non_null(end);
	assert_true(end->session.flags & SESSION_REFUSED_CONNECT);
	assert_int_equal(end->session.end, SESSION_END_RST);
	rig_free(r);
}

static void
a_reset_that_the_peers_do_not_believe_loses_nothing(void **state)
{
	struct rig *r = rig_new(64);
	struct script s = {.client = 0xc6336407, .port = 40000, .seq = {100, 900}};
	struct moment now = {0};

	(void)state;
	handshake(r, &s, &now);
	guess(r, &s, &now);
	send_raw(r, &s, true, 0x14, "", later(&now)); /* forged: the server never saw it */
	say(r, &s, &now, "S: 235 2.7.0 ok\r\n");
	say(r, &s, &now, "C: QUIT\r\n");
	const struct event *auth = nth(r, EVENT_AUTH, 0);
	assert_non_null(auth);
	assert_int_equal(auth->auth.outcome, OUTCOME_SUCCESS);
	rig_free(r);
}

static void
a_reset_right_after_the_password_leaves_the_outcome_unknown(void **state)
{
	struct rig *r = rig_new(64);
	struct script s = {.client = 0xc6336407, .port = 40000, .seq = {100, 900}};
	struct moment now = {0};

	(void)state;
	handshake(r, &s, &now);
	guess(r, &s, &now);
	send_raw(r, &s, true, 0x14, "", later(&now));
	pipeline_clock(r->p, T0 + 60 * NS_PER_S);
	const struct event *auth = nth(r, EVENT_AUTH, 0);
	assert_non_null(auth);
	assert_int_equal(auth->auth.outcome, OUTCOME_UNKNOWN);
	assert_int_equal(nth(r, EVENT_SESSION, 0)->session.end, SESSION_END_RST);
	rig_free(r);
}

static void
a_new_connection_on_used_ports_is_a_new_session(void **state)
{
	struct rig *r = rig_new(64);
	struct script s = {.client = 0xc6336407, .port = 40000, .seq = {100, 900}};
	struct moment now = {0};

	(void)state;
	handshake(r, &s, &now);
	guess(r, &s, &now);
	say(r, &s, &now, "S: 535 5.7.8 no\r\n");
	send_raw(r, &s, true, 0x11, "", later(&now));
	send_raw(r, &s, false, 0x11, "", later(&now));
	s.seq[0] += 500000;
	s.seq[1] += 700000;
	handshake(r, &s, &now);
	guess(r, &s, &now);
	say(r, &s, &now, "S: 235 2.7.0 ok\r\n");
	pipeline_end(r->p, T0 + now.clock_ns);
	assert_int_equal(nth(r, EVENT_AUTH, 0)->auth.outcome, OUTCOME_FAILURE);
	assert_int_equal(nth(r, EVENT_AUTH, 1)->auth.outcome, OUTCOME_SUCCESS);
	assert_int_not_equal(
		nth(r, EVENT_AUTH, 0)->head.flow.flow_id, nth(r, EVENT_AUTH, 1)->head.flow.flow_id);
	assert_non_null(nth(r, EVENT_SESSION, 1));
	assert_null(nth(r, EVENT_SESSION, 2));
	rig_free(r);
}

static void
a_flood_of_syns_does_not_evict_a_session_with_data(void **state)
{
	struct rig *r = rig_new(64);
	struct script s = {.client = 0xc6336407, .port = 40000, .seq = {100, 900}};
	struct moment now = {0};

	(void)state;
	handshake(r, &s, &now);
	guess(r, &s, &now);
	for (unsigned i = 0; i < 1000; i++) {
		struct script flood = {.client = 0x0a000000 + i, .port = (uint16_t)(1024 + i)};

		send_raw(r, &flood, true, 0x02, "", later(&now));
	}
	say(r, &s, &now, "S: 535 5.7.8 no\r\n");
	assert_int_equal(nth(r, EVENT_AUTH, 0)->auth.outcome, OUTCOME_FAILURE);
	assert_int_equal(counter_read(&r->counters, COUNTER_FLOW_EVICTED), 0);
	assert_true(counter_read(&r->counters, COUNTER_FLOW_EVICTED_HALF_OPEN) >= 1000 - 63);
	rig_free(r);
}

static int
by_merge_key(const void *a, const void *b)
{
	const struct event_head *x = a, *y = b;

	if (x->clock_ns != y->clock_ns)
		return x->clock_ns < y->clock_ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* 40 sessions with silences, to one pipeline or spread over two. */
static void
many_sessions(struct rig *const rigs[], unsigned count, struct moment *now)
{
	struct script s[40];

	for (unsigned i = 0; i < 40; i++) {
		s[i] = (struct script){.client = 0xc6336400 + i, .port = 40000, .seq = {i, 900}};
		handshake(rigs[i % count], &s[i], now);
		if (i % 3)
			guess(rigs[i % count], &s[i], now);
		now->clock_ns += NS_PER_S * (i % 7) * 20;
	}
	for (unsigned i = 0; i < count; i++) {
		pipeline_clock(rigs[i]->p, T0 + now->clock_ns + 300 * NS_PER_S);
		pipeline_end(rigs[i]->p, T0 + now->clock_ns + 301 * NS_PER_S);
	}
}

static void
events_do_not_depend_on_how_sessions_are_spread(void **state)
{
	struct rig *one = rig_new(64), *a = rig_new(64), *b = rig_new(64);
	struct moment now = {0}, again = {0};
	struct event *merged = calloc(EVENTS_MAX, sizeof(*merged));

	(void)state;
	many_sessions((struct rig *const[]){one}, 1, &now);
	many_sessions((struct rig *const[]){a, b}, 2, &again);
	assert_int_equal(one->emit.array_len, a->emit.array_len + b->emit.array_len);
	assert_true(one->emit.array_len >= 40);
	memcpy(merged, a->emit.array, a->emit.array_len * sizeof(*merged));
	memcpy(merged + a->emit.array_len, b->emit.array, b->emit.array_len * sizeof(*merged));
	qsort(merged, one->emit.array_len, sizeof(*merged), by_merge_key);
	for (size_t i = 0; i < one->emit.array_len; i++) {
		const struct event_head *x = &merged[i].head, *y = &one->emit.array[i].head;

		assert_int_equal(x->clock_ns, y->clock_ns);
		assert_int_equal(x->order, y->order);
		assert_int_equal(x->type, y->type);
		assert_int_equal(x->flow.flow_id, y->flow.flow_id);
	}
	free(merged);
	rig_free(one);
	rig_free(a);
	rig_free(b);
}

static void
a_session_that_falls_silent_keeps_no_arena(void **state)
{
	struct rig *r = rig_new(256);
	struct moment now = {0, 0};

	(void)state;
	/* Each leaves a hole that nobody fills, until there is no room. */
	for (uint32_t i = 0; i < 100; i++) {
		struct script s = {0x0a000001 + i, 40000, {1000, 9000}};
		handshake(r, &s, &now);
		say(r, &s, &now, "S: 220 mx\r\n");
		s.seq[0] += 5;
		say(r, &s, &now, "C: junk");
	}
	uint64_t full = counter_read(&r->counters, COUNTER_TCP_HOLD_FULL);
	assert_true(full > 0);
	pipeline_clock(r->p, T0 + now.clock_ns + 33 * NS_PER_S);
	now.clock_ns += 33 * NS_PER_S;
	assert_int_equal(r->emit.array_len, 0); /* they are not over */
	for (uint32_t i = 0; i < 60; i++) {
		struct script s = {0x0b000001 + i, 40000, {1000, 9000}};
		handshake(r, &s, &now);
		say(r, &s, &now, "S: 220 mx\r\n");
		s.seq[0] += 5;
		say(r, &s, &now, "C: junk");
	}
	assert_int_equal(counter_read(&r->counters, COUNTER_TCP_HOLD_FULL), full);
	pipeline_end(r->p, T0 + now.clock_ns + NS_PER_S);
	assert_int_equal(r->emit.array_len, 160);
	rig_free(r);
}

/* What the last things said added, for one session. */
static void
assert_costs(const struct rig *r, uint64_t said, uint64_t early)
{
	struct pipeline_use use;

	pipeline_use(r->p, &use);
	/* DESIGN.md 6: 256 bytes, and 4 KiB only while bytes are held. */
	assert_true(use.session_bytes <= 224);
	assert_int_equal(use.said_bytes, said);
	assert_int_equal(use.early_bytes, early);
	assert_true(use.said_bytes + use.early_bytes <= 4096);
}

static void
a_session_takes_what_it_needs_while_it_needs_it(void **state)
{
	struct rig *r = rig_new(4096);
	struct script s = {.client = 0xc6336407, .port = 40000, .seq = {100, 900}};
	struct moment now = {0};

	(void)state;
	handshake(r, &s, &now);
	assert_costs(r, 0, 0);
	say(r, &s, &now, "S: 220 mail.example.org ESMTP Postfix (Debian)\r\n");
	assert_costs(r, 64, 0);
	say(r, &s, &now, "C: EHLO hydra\r\n");
	say(r, &s, &now, "S: 250-mail.example.org\r\n250 AUTH LOGIN\r\n");
	assert_costs(r, 96, 0);
	say(r, &s, &now, "C: AUTH PLA");
	assert_costs(r, 160, 0); /* a half line takes its own, and a place that names it */
	say(r, &s, &now, "C: IN AGFsaWNlQGV4YW1wbGUub3JnAHMzY3JldA==\r\n");
	assert_costs(r, 192, 0);
	say(r, &s, &now, "S: 235 ok\r\n");
	assert_costs(r, 128, 0);
	say(r, &s, &now, "C: MAIL FROM:<alice@example.org>\r\n");
	assert_costs(r, 192, 0); /* and so does what waits for its reply */
	say(r, &s, &now, "S: 250 ok\r\n");
	say(r, &s, &now, "C: DATA\r\n");
	say(r, &s, &now, "S: 354 go\r\n");
	say(r, &s, &now, "C: Subject: x\r\n\r\nbody\r\n");
	assert_costs(r, 192, 0); /* who sends is the account: a name that is there */
	s.seq[0] += 6;
	say(r, &s, &now, "C: early\r\n");
	assert_costs(r, 192, 2048);
	s.seq[0] -= 6 + 7;
	say(r, &s, &now, "C: late\r\n");
	assert_costs(r, 192, 0);
	pipeline_end(r->p, T0 + now.clock_ns + NS_PER_S);
	struct pipeline_use use;
	pipeline_use(r->p, &use);
	assert_int_equal(use.said_bytes + use.early_bytes, 0);
	rig_free(r);
}

static void
a_session_that_says_what_another_says_takes_nothing_for_it(void **state)
{
	struct rig *r = rig_new(4096);
	struct moment now = {0};
	struct pipeline_use one, many;

	(void)state;
	for (uint16_t port = 40000; port < 40010; port++) {
		struct script s = {.client = 0xc6336407, .port = port, .seq = {100, 900}};
		handshake(r, &s, &now);
		say(r, &s, &now, "S: 220 mail.example.org ESMTP Postfix (Debian)\r\n");
		say(r, &s, &now, "C: EHLO hydra\r\n");
		say(r, &s, &now, "S: 250-mail.example.org\r\n250 AUTH LOGIN\r\n");
		say(r, &s, &now, "C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHMzY3JldA==\r\n");
		say(r, &s, &now, "S: 235 ok\r\n");
		pipeline_use(r->p, port == 40000 ? &one : &many);
	}
	assert_int_equal(many.sessions, 10);
	assert_int_equal(many.said_bytes, one.said_bytes);
	pipeline_end(r->p, T0 + now.clock_ns + NS_PER_S);
	for (unsigned i = 0; i < 10; i++) {
		const struct event *e = nth(r, EVENT_SESSION, i);
		assert_non_null(e);
		assert_int_equal(e->session.auth_attempts, 1);
		assert_int_equal(e->session.helo_len, 5);
		assert_memory_equal(e->text, "hydramail.example.org ESMTP Postfix (Debian)", 44);
	}
	pipeline_use(r->p, &many);
	assert_int_equal(many.said_bytes, 0);
	rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guess_becomes_one_auth_event_and_one_session_event),
		cmocka_unit_test(a_syn_alone_ends_as_syn_only_after_its_silence),
		cmocka_unit_test(a_refused_connection_says_so),
		cmocka_unit_test(a_reset_that_the_peers_do_not_believe_loses_nothing),
		cmocka_unit_test(a_reset_right_after_the_password_leaves_the_outcome_unknown),
		cmocka_unit_test(a_new_connection_on_used_ports_is_a_new_session),
		cmocka_unit_test(a_flood_of_syns_does_not_evict_a_session_with_data),
		cmocka_unit_test(a_session_that_falls_silent_keeps_no_arena),
		cmocka_unit_test(a_session_takes_what_it_needs_while_it_needs_it),
		cmocka_unit_test(a_session_that_says_what_another_says_takes_nothing_for_it),
		cmocka_unit_test(events_do_not_depend_on_how_sessions_are_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
