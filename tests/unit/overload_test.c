/* overload: a worker's core under a load that its meter tells: what it leaves out, and what not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "dataplane/pipeline/pipeline.h"
#include "tests/unit/packet_build.h"

#define EVENTS_MAX 16384
#define T0 (1700000000ULL * NS_PER_S)
#define SYN 0x02
#define ACK 0x10
#define PSH 0x18
#define FIN 0x11
#define SEGMENT 1400

struct rig {
	struct decode_config decode;
	struct counters counters;
	struct emit emit;
	struct pipeline *p;
	struct shed *shed;
	struct shed_load load;
	uint64_t clock_ns;
	uint64_t order;
	uint64_t sent; /* packets */
	uint16_t next_port;
};

static void
read_load(void *arg, struct shed_load *load)
{
	const struct rig *r = arg;

	*load = r->load;
}

static void *
zeroed(size_t bytes)
{
	void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

	assert_non_null(memory);
	memset(memory, 0, bytes);
	return memory;
}

static int
set_up(void **state)
{
	static const struct siphash_key key = {{3, 4}};
	struct pipeline_config cfg;
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	pipeline_config_defaults(&cfg);
	cfg.sessions = 4096;
	cfg.tcp_blocks = 64;
	cfg.smtp_pages = 4096;
	decode_config_add_port(&r->decode, 25);
	r->emit.counters = &r->counters;
	r->emit.array = calloc(EVENTS_MAX, sizeof(struct event));
	assert_non_null(r->emit.array);
	r->emit.array_cap = EVENTS_MAX;
	r->p = pipeline_init(
		zeroed(pipeline_footprint(&cfg)), &cfg, &r->decode, &r->emit, NULL, &r->counters);
	assert_non_null(r->p);
	const struct shed_meter meter = {read_load, r};
	r->shed = shed_init(zeroed(shed_footprint()), &key, &meter, &r->counters);
	pipeline_set_shed(r->p, r->shed);
	r->next_port = 1024;
	*state = r;
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *r = *state;

	free(r->emit.array);
	free(r->p);
	free(r->shed);
	free(r);
	return 0;
}

/* A look at the load. */
static void
look(struct rig *r)
{
	r->clock_ns += 10 * NS_PER_MS;
	shed_turn(r->shed, 256, 256, r->load.queue == 0, T0 + r->clock_ns);
}

/* The table is so full, and the queue empty. */
static void
table_is(struct rig *r, uint32_t table)
{
	r->load.table = table;
	look(r);
}

/* Bodies are shed, and no session. */
static void
bodies_are_shed(struct rig *r)
{
	r->load.queue = 250;
	for (unsigned i = 0; i < 100 && r->shed->level == SHED_NOTHING; i++)
		look(r);
	assert_int_equal(r->shed->level, SHED_BODIES);
}

struct talk {
	uint32_t client;
	uint16_t port;
	uint32_t seq[2];
};

static struct talk
talk_of(struct rig *r, uint32_t client)
{
	return (struct talk){.client = client, .port = r->next_port++, .seq = {100, 900}};
}

/* A raw IPv4 packet; checksum: enum decode_checksum, the NIC's verdict. */
static void
send_bytes(struct rig *r, struct talk *t, bool from_client, uint8_t flags, const void *text,
	size_t len)
{
	uint8_t data[2048] = {0x45};
	unsigned side = from_client ? 0 : 1;
	struct pipeline_packet pkt = {.data = data};

	build_be16(data + 2, (uint16_t)(40 + len));
	data[9] = 6;
	build_be32(data + (from_client ? 12 : 16), t->client);
	build_be32(data + (from_client ? 16 : 12), 0xcb007119);
	build_be16(data + 20, from_client ? t->port : 25);
	build_be16(data + 22, from_client ? 25 : t->port);
	build_be32(data + 24, t->seq[side]);
	build_be32(data + 28, t->seq[!side]);
	data[32] = 0x50;
	data[33] = flags;
	build_be16(data + 34, 65535);
	memcpy(data + 40, text, len);
	t->seq[side] += (uint32_t)len + (flags == SYN || flags == (SYN | ACK) || flags == FIN);
	assert_int_equal(
		decode_packet(&r->decode, DECODE_LINK_IP, data, (uint32_t)(40 + len), &pkt.decoded),
		DECODE_MAIL);
	r->clock_ns += 10000;
	pkt.checksum = DECODE_CHECKSUM_GOOD;
	pkt.time_ns = pkt.clock_ns = T0 + r->clock_ns;
	pkt.order = ++r->order;
	r->sent++;
	/* As a worker does. */
	if (!shed_asks(r->shed, pkt.clock_ns) ||
		!pipeline_sheds(
			r->p, &pkt.decoded, pipeline_shed_hash(r->p, &pkt.decoded), pkt.clock_ns))
		pipeline_burst(r->p, &pkt, 1);
}

static void
say(struct rig *r, struct talk *t, const char *line)
{
	send_bytes(r, t, line[0] == 'C', PSH, line + 3, strlen(line + 3));
}

static void
open_talk(struct rig *r, struct talk *t)
{
	send_bytes(r, t, true, SYN, "", 0);
	send_bytes(r, t, false, SYN | ACK, "", 0);
	send_bytes(r, t, true, ACK, "", 0);
	say(r, t, "S: 220 mx ESMTP\r\n");
	say(r, t, "C: EHLO x\r\n");
	say(r, t, "S: 250-mx\r\n250 AUTH LOGIN\r\n");
}

static void
close_talk(struct rig *r, struct talk *t)
{
	say(r, t, "C: QUIT\r\n");
	say(r, t, "S: 221 bye\r\n");
	send_bytes(r, t, true, FIN, "", 0);
	send_bytes(r, t, false, FIN, "", 0);
	send_bytes(r, t, true, ACK, "", 0);
}

static void
begin_message(struct rig *r, struct talk *t)
{
	say(r, t, "C: MAIL FROM:<a@example.net>\r\n");
	say(r, t, "S: 250 ok\r\n");
	say(r, t, "C: RCPT TO:<b@example.org>\r\n");
	say(r, t, "S: 250 ok\r\n");
	say(r, t, "C: DATA\r\n");
	say(r, t, "S: 354 go\r\n");
	say(r, t, "C: Subject: x\r\n\r\n");
}

static void
end_message(struct rig *r, struct talk *t)
{
	say(r, t, "C: .\r\n");
	say(r, t, "S: 250 queued\r\n");
}

static void
deliver(struct rig *r, uint32_t client)
{
	struct talk t = talk_of(r, client);

	open_talk(r, &t);
	begin_message(r, &t);
	say(r, &t, "C: body\r\n");
	end_message(r, &t);
	close_talk(r, &t);
}

static void
fail_auth(struct rig *r, struct talk *t)
{
	say(r, t, "C: AUTH LOGIN\r\n");
	say(r, t, "S: 334 VXNlcm5hbWU6\r\n");
	say(r, t, "C: YWxpY2U=\r\n");
	say(r, t, "S: 334 UGFzc3dvcmQ6\r\n");
	say(r, t, "C: d3Jvbmc=\r\n");
	say(r, t, "S: 535 5.7.8 no\r\n");
}

static void
guess(struct rig *r, uint32_t client)
{
	struct talk t = talk_of(r, client);

	open_talk(r, &t);
	fail_auth(r, &t);
	close_talk(r, &t);
}

static unsigned
count(const struct rig *r, enum event_type type)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->emit.array_len; i++) {
		const struct event *e = &r->emit.array[i];
		n += e->head.type == type &&
		     (type != EVENT_AUTH || e->auth.outcome == OUTCOME_FAILURE);
	}
	return n;
}

static uint64_t
inspected(const struct rig *r)
{
	/* The last ACK of each comes when its event is out. */
	uint64_t n = count(r, EVENT_SESSION);

	for (size_t i = 0; i < r->emit.array_len; i++) {
		const struct event *e = &r->emit.array[i];
		if (e->head.type == EVENT_SESSION)
			n += e->session.packets[0] + e->session.packets[1];
	}
	return n;
}

static uint64_t
counted(const struct rig *r, enum counter id)
{
	return counter_read(&r->counters, id);
}

/* Ten deliverers and one guesser make themselves known. */
static void
be_known(struct rig *r)
{
	look(r);
	for (uint32_t i = 0; i < 10; i++)
		deliver(r, 0x0a000001 + i);
	guess(r, 0xc6336407);
}

static void
failures_are_counted_while_deliveries_are_shed_and_each_packet_is_in_one(void **state)
{
	struct rig *r = *state;

	be_known(r);
	table_is(r, 900);
	for (uint32_t i = 0; i < 200; i++) {
		deliver(r, 0x0a000001 + i % 10);
		guess(r, 0xc6336407);
		guess(r, 0xc6336500 + i); /* never seen before */
	}
	pipeline_end(r->p, T0 + r->clock_ns);
	assert_int_equal(count(r, EVENT_AUTH), 401);
	assert_in_range(counted(r, COUNTER_SHED_DELIVERIES), 180, 200);
	assert_int_equal(count(r, EVENT_MAIL), 10 + 200 - counted(r, COUNTER_SHED_DELIVERIES));
	assert_int_equal(counted(r, COUNTER_SHED_STRANGERS), 0);
	assert_int_equal(inspected(r) + counted(r, COUNTER_SHED_PKTS), r->sent);
	assert_int_equal(counted(r, COUNTER_FLOW_MIDSTREAM), 0);
}

static void
at_the_last_level_who_failed_before_is_followed_and_a_stranger_is_found_out(void **state)
{
	struct rig *r = *state;

	be_known(r);
	table_is(r, 970);
	for (unsigned i = 0; i < 100; i++)
		guess(r, 0xc6336407);
	assert_int_equal(count(r, EVENT_AUTH), 101);
	for (unsigned i = 0; i < 400; i++)
		guess(r, 0xc6336408);
	/* From the first that is in the share on. */
	assert_int_equal(count(r, EVENT_AUTH), 501 - counted(r, COUNTER_SHED_STRANGERS));
	assert_in_range(counted(r, COUNTER_SHED_STRANGERS), 1, 399);
	pipeline_end(r->p, T0 + r->clock_ns);
	assert_int_equal(inspected(r) + counted(r, COUNTER_SHED_PKTS), r->sent);
}

static void
a_delivery_that_is_followed_is_cut_and_the_session_of_a_guesser_is_not(void **state)
{
	struct rig *r = *state;

	be_known(r);
	struct talk t = talk_of(r, 0x0a000001);
	struct talk g = talk_of(r, 0xc6336407);
	open_talk(r, &t);
	open_talk(r, &g);
	begin_message(r, &t);
	table_is(r, 970);
	say(r, &t, "C: body\r\n");
	end_message(r, &t);
	close_talk(r, &t);
	fail_auth(r, &g);
	close_talk(r, &g);
	assert_int_equal(counted(r, COUNTER_SHED_DELIVERIES), 1);
	assert_int_equal(counted(r, COUNTER_SHED_STRANGERS), 0);
	assert_int_equal(count(r, EVENT_AUTH), 2);
	pipeline_end(r->p, T0 + r->clock_ns);
	/* Its last ACK was not of a session that ended before. */
	assert_int_equal(inspected(r) - 1 + counted(r, COUNTER_SHED_PKTS), r->sent);
}

static void
without_overload_nothing_is_left_out(void **state)
{
	struct rig *r = *state;

	be_known(r);
	r->load.queue = 249;
	for (unsigned i = 0; i < 20; i++)
		look(r);
	for (uint32_t i = 0; i < 50; i++)
		deliver(r, 0x0a000001 + i % 10);
	assert_int_equal(count(r, EVENT_MAIL), 60);
	for (enum counter id = COUNTER_SHED_LEVEL; id <= COUNTER_SHED_PKTS; id++)
		assert_int_equal(counted(r, id), 0);
}

static void
sessions_that_talk_fill_the_table_and_half_open_and_ended_ones_do_not(void **state)
{
	struct rig *r = *state;

	for (uint32_t i = 0; i < 2048; i++) {
		struct talk t = talk_of(r, 0x0a000001 + i);
		send_bytes(r, &t, true, SYN, "", 0);
	}
	assert_int_equal(pipeline_fill(r->p), 0);
	for (uint32_t i = 0; i < 1024; i++) {
		struct talk t = talk_of(r, 0x0b000001 + i);
		open_talk(r, &t);
	}
	assert_int_equal(pipeline_fill(r->p), 250);
	for (uint32_t i = 0; i < 1024; i++)
		guess(r, 0x0c000001 + i);
	assert_int_equal(pipeline_fill(r->p), 250);
}

/* Lines of a body, as many as a segment holds. */
static void
send_body(struct rig *r, struct talk *t, unsigned segments)
{
	char body[SEGMENT];

	for (unsigned i = 0; i < SEGMENT; i++)
		body[i] = i % 70 == 68 ? '\r' : i % 70 == 69 ? '\n' : i % 70 == 0 ? '.' : 'x';
	for (unsigned i = 0; i < segments; i++)
		send_bytes(r, t, true, PSH, body, SEGMENT);
}

static const struct event *
last_mail(const struct rig *r)
{
	const struct event *mail = NULL;

	for (size_t i = 0; i < r->emit.array_len; i++)
		if (r->emit.array[i].head.type == EVENT_MAIL)
			mail = &r->emit.array[i];
	return mail;
}

static void
a_body_passes_unread_and_its_end_is_found_and_its_size_is_right(void **state)
{
	struct rig *r = *state;

	bodies_are_shed(r);
	struct talk t = talk_of(r, 0x0a000001);
	open_talk(r, &t);
	for (unsigned i = 0; i < 2; i++) {
		begin_message(r, &t);
		send_body(r, &t, 20);
		end_message(r, &t);
		const struct event *mail = last_mail(r);
		assert_non_null(mail);
		assert_int_equal(mail->mail.body_bytes, 20 * SEGMENT + 14);
		assert_true(mail->mail.flags & MAIL_COMPLETE);
	}
	fail_auth(r, &t);
	close_talk(r, &t);
	assert_int_equal(count(r, EVENT_AUTH), 1);
	assert_int_equal(counted(r, COUNTER_SHED_BODIES), 2);
	assert_int_equal(counted(r, COUNTER_SHED_BODY_BYTES), 40 * (SEGMENT - 520));
	assert_int_equal(counted(r, COUNTER_SHED_LINES), 2);
	assert_int_equal(counted(r, COUNTER_SMTP_UNMATCHED), 0);
	assert_int_equal(counted(r, COUNTER_SMTP_MALFORMED), 0);
}

static void
an_end_of_data_between_two_segments_is_found(void **state)
{
	static const char end[] = "\r\n.\r\n";
	struct rig *r = *state;

	bodies_are_shed(r);
	for (size_t cut = 0; cut <= 5; cut++) {
		char first[SEGMENT], second[SEGMENT];
		struct talk t = talk_of(r, 0x0a000001);

		memset(first, 'x', sizeof(first));
		memcpy(first + SEGMENT - cut, end, cut);
		memset(second, '\n', sizeof(second)); /* empty lines are no command */
		memcpy(second, end + cut, 5 - cut);
		open_talk(r, &t);
		begin_message(r, &t);
		send_bytes(r, &t, true, PSH, first, sizeof(first));
		send_bytes(r, &t, true, PSH, second, sizeof(second));
		say(r, &t, "S: 250 queued\r\n");
		assert_int_equal(last_mail(r)->mail.body_bytes, 14 + SEGMENT - 0 + 5 - 3 - cut);
		close_talk(r, &t);
	}
	assert_int_equal(count(r, EVENT_MAIL), 6);
}

static void
an_end_that_was_passed_over_hides_no_failed_login(void **state)
{
	struct rig *r = *state;
	struct talk t = talk_of(r, 0x0a000001);
	char hidden[SEGMENT];

	bodies_are_shed(r);
	open_talk(r, &t);
	begin_message(r, &t);
	send_body(r, &t, 1);
	/* The data end early in a segment full of what is not looked at. */
	memset(hidden, 'N', sizeof(hidden));
	memcpy(hidden + 100, "\r\n.\r\n", 5);
	memcpy(hidden + SEGMENT - 2, "\r\n", 2);
	send_bytes(r, &t, true, PSH, hidden, sizeof(hidden));
	say(r, &t, "S: 250 queued\r\n");
	say(r, &t, "S: 500 what?\r\n");
	fail_auth(r, &t);
	close_talk(r, &t);
	assert_int_equal(count(r, EVENT_AUTH), 1);
	assert_int_equal(count(r, EVENT_MAIL), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(failures_are_counted_while_deliveries_are_shed_and_each_packet_is_in_one),
		TEST(at_the_last_level_who_failed_before_is_followed_and_a_stranger_is_found_out),
		TEST(a_delivery_that_is_followed_is_cut_and_the_session_of_a_guesser_is_not),
		TEST(without_overload_nothing_is_left_out),
		TEST(sessions_that_talk_fill_the_table_and_half_open_and_ended_ones_do_not),
		TEST(a_body_passes_unread_and_its_end_is_found_and_its_size_is_right),
		TEST(an_end_of_data_between_two_segments_is_found),
		TEST(an_end_that_was_passed_over_hides_no_failed_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
