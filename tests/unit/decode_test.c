/* decode: every encapsulation, every cut, bombs, fragments, lies about lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/decode/decode.h"
#include "decode_cases.h"
#include "packet_build.h"

static struct decode_config config;

static enum decode_verdict
decode(enum decode_link link, const struct packet_build *b, struct decode_packet *out)
{
	memset(out, 0xa5, sizeof(*out));
	return decode_packet(&config, link, b->data, (uint32_t)b->len, out);
}

static void
assert_mail_segment(const struct packet_build *b, const struct decode_packet *p)
{
	assert_true(p->has_ip);
	if (p->is_v6) {
		assert_memory_equal(p->src.bytes, build_client_v6, 16);
		assert_memory_equal(p->dst.bytes, build_server_v6, 16);
	} else {
		assert_true(addr_is_v4(&p->src) && addr_is_v4(&p->dst));
		assert_memory_equal(p->src.bytes + 12, build_client_v4, 4);
		assert_memory_equal(p->dst.bytes + 12, build_server_v4, 4);
	}
	assert_int_equal(p->src_port, BUILD_CLIENT_PORT);
	assert_int_equal(p->dst_port, 25);
	assert_int_equal(p->seq, BUILD_SEQ);
	assert_int_equal(p->ack, BUILD_ACK);
	assert_int_equal(p->window, BUILD_WINDOW);
	assert_int_equal(p->tcp_flags, 0x18);
	assert_int_equal(p->hops, 64);
	assert_false(p->is_signed);
	assert_int_equal(p->payload_wire_len, 10);
	assert_int_equal(p->payload_len, 10);
	assert_memory_equal(b->data + p->payload_offset, "EHLO tap\r\n", 10);
}

static void
the_segment_is_found_in_every_encapsulation(void **state)
{
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	for (size_t i = 0; i < DECODE_CASES; i++) {
		print_message("# %s\n", decode_cases[i].name);
		decode_cases[i].build(&b);
		assert_int_equal(decode(decode_cases[i].link, &b, &p), DECODE_MAIL);
		assert_mail_segment(&b, &p);
		assert_int_equal(decode_verify(&p, b.data, NULL, 0), DECODE_CHECKSUM_GOOD);
	}
}

/* The end of a page that an unmapped one follows. */
static uint8_t *
page_end(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map =
		mmap(NULL, page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(map != MAP_FAILED);
	assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
	return map + page;
}

static void
a_packet_cut_anywhere_is_truncated_or_short_of_payload(void **state)
{
	uint8_t *end = page_end();
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	for (size_t i = 0; i < DECODE_CASES; i++) {
		decode_cases[i].build(&b);
		for (uint32_t len = 0; len < b.len; len++) {
			memcpy(end - len, b.data, len);
			enum decode_verdict verdict =
				decode_packet(&config, decode_cases[i].link, end - len, len, &p);
			if (verdict == DECODE_TRUNCATED)
				continue;
			/* GENEVE's junk options, say, need not be there for us to see mail. */
			assert_int_equal(verdict, DECODE_MAIL);
			assert_int_equal(p.payload_wire_len, 10);
			assert_int_equal(p.payload_len, 10 - (b.len - len));
			assert_int_equal(
				decode_verify(&p, end - len, NULL, 0), DECODE_CHECKSUM_UNKNOWN);
		}
	}
}

static void
bytes_changed_at_random_never_break_it(void **state)
{
	uint8_t *end = page_end();
	struct packet_build b;
	struct decode_packet p;
	uint32_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		const struct decode_case *c = &decode_cases[round % DECODE_CASES];
		c->build(&b);
		memcpy(end - b.len, b.data, b.len);
		for (unsigned k = 0; k < 1 + round % 4; k++) {
			seed = seed * 1664525 + 1013904223;
			(end - b.len)[(seed >> 16) % b.len] = (uint8_t)(seed >> 8);
		}
		enum decode_verdict verdict =
			decode_packet(&config, c->link, end - b.len, (uint32_t)b.len, &p);
		assert_in_range(verdict, DECODE_MAIL, DECODE_TOO_DEEP);
		if (verdict != DECODE_MAIL)
			continue;
		assert_true(p.payload_offset + p.payload_len <= b.len);
		assert_true(p.payload_len <= p.payload_wire_len);
		decode_verify(&p, end - b.len, NULL, 0);
	}
}

static void
other_traffic_is_other(void **state)
{
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	build_start(&b, "GET / HTTP/1.1\r\n", 16);
	build_tcp(&b, 80, 0);
	build_ipv4(&b, 6, build_tunnel_v4, 0);
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_OTHER);
	assert_true(p.has_ip);
	assert_memory_equal(p.src.bytes + 12, build_tunnel_v4, 4);

	build_start(&b, "dns", 3);
	build_udp(&b, 53);
	build_ipv6(&b, 17);
	build_ethernet(&b, 0x86dd);
	assert_int_equal(decode(DECODE_LINK_ETHERNET, &b, &p), DECODE_OTHER);

	build_start(&b, "arp", 3);
	build_ethernet(&b, 0x0806);
	assert_int_equal(decode(DECODE_LINK_ETHERNET, &b, &p), DECODE_OTHER);
	assert_false(p.has_ip);
}

static void
either_port_makes_it_mail(void **state)
{
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	build_mail_v4(&b);
	build_be16(b.data + 20, 25);
	build_be16(b.data + 22, 40000);
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MAIL);
	for (unsigned port = 0; port < 65536; port++)
		assert_int_equal(decode_is_mail_port(&config, (uint16_t)port), port == 25);
}

static void
whatever_a_tunnel_port_carries_is_not_malformed(void **state)
{
	static const uint16_t ports[] = {2152, 4789, 6081, 6635, 8472};
	struct packet_build b;
	struct decode_packet p;
	uint8_t junk[64];
	uint32_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		for (size_t k = 0; k < sizeof(junk); k++) {
			seed = seed * 1664525 + 1013904223;
			junk[k] = (uint8_t)(seed >> 24);
		}
		build_start(&b, junk, round % sizeof(junk));
		build_udp(&b, ports[round % 5]);
		build_ipv4(&b, 17, build_tunnel_v4, 0);
		enum decode_verdict verdict = decode(DECODE_LINK_IP, &b, &p);
		assert_true(verdict == DECODE_OTHER || verdict == DECODE_FRAGMENT);
		assert_true(p.has_ip);
	}
}

/* The quick answer for one frame. */
static bool
plain_other(const struct decode_config *cfg, const uint8_t *frame, uint32_t len)
{
	const uint8_t *frames[8] = {frame};
	uint32_t lens[8] = {len};

	return decode_plain_others(cfg, frames, lens, 1) != 0;
}

/* Wherever the quick answer is yes, decode_packet must agree; and it is yes for plain traffic. */
static void
the_quick_answer_agrees(void **state)
{
	static const uint16_t ports[] = {80, 25, 53, 2152, 4789, 6081, 6635, 8472, 0, 65535};
	uint8_t *end = page_end();
	struct packet_build b;
	struct decode_packet p;
	unsigned yes = 0;
	uint32_t seed = 3;

	(void)state;
	for (unsigned round = 0; round < 40000; round++) {
		uint16_t port = ports[round % 10];
		bool udp = round / 10 & 1;
		build_start(&b, "0123456789", round / 20 % 11);
		if (udp)
			build_udp(&b, port);
		else
			build_tcp(&b, port, 0);
		if (round / 220 & 1)
			build_ipv6(&b, udp ? 17 : 6);
		else
			build_ipv4(&b, udp ? 17 : 6, build_tunnel_v4, 0);
		uint16_t type = round / 220 & 1 ? 0x86dd : 0x0800;
		if (round / 440 & 1)
			BUILD_PUSH(&b, 0, 7, (uint8_t)(type >> 8), (uint8_t)type);
		build_ethernet(&b, round / 440 & 1 ? 0x8100 : type);
		seed = seed * 1664525 + 1013904223;
		if (round >= 880) /* the plain ones were all seen: damage a byte */
			b.data[(seed >> 16) % b.len] ^= (uint8_t)(seed >> 8);
		uint32_t len = round >= 1760 && seed >> 31 ? (seed >> 8) % (uint32_t)b.len
							   : (uint32_t)b.len;
		memcpy(end - len, b.data, len);
		bool plain = plain_other(&config, end - len, len);
		if (plain)
			assert_int_equal(
				decode_packet(&config, DECODE_LINK_ETHERNET, end - len, len, &p),
				DECODE_OTHER);
		yes += plain;
		/* Mail to port 25; and UDP to 25 is no mail. */
		if (round < 880)
			assert_int_equal(plain, udp ? port < 2000 || port == 65535 : port != 25);
	}
	assert_true(yes > 1000);
}

static void
each_frame_of_a_burst_has_its_own_quick_answer(void **state)
{
	static struct packet_build builds[64];
	const uint8_t *frames[64];
	uint32_t lens[64] = {0};
	uint64_t plain = 0;

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		struct packet_build *b = &builds[i];
		build_start(b, "0123456789", 10);
		build_tcp(b, i * 2654435761u >> 31 ? 25 : 80, 0);
		if (i & 1)
			build_ipv6(b, 6);
		else
			build_ipv4(b, 6, build_tunnel_v4, 0);
		uint16_t type = i & 1 ? 0x86dd : 0x0800;
		if (i & 2)
			BUILD_PUSH(b, 0, 7, (uint8_t)(type >> 8), (uint8_t)type);
		build_ethernet(b, i & 2 ? 0x8100 : type);
		frames[i] = b->data;
		lens[i] = (uint32_t)b->len;
		plain |= (uint64_t)plain_other(&config, b->data, lens[i]) << i;
	}
	assert_true(plain != 0 && plain != UINT64_MAX);
	assert_int_equal(decode_plain_others(&config, frames, lens, 64), plain);
	/* Those past the end of a burst have no length. */
	lens[13] = lens[14] = lens[15] = 0;
	assert_int_equal(decode_plain_others(&config, frames, lens, 13), plain & 0x1fff);
}

static void
more_mail_ports_than_a_few_have_no_quick_answer(void **state)
{
	static struct decode_config many;
	struct packet_build b;

	(void)state;
	for (uint16_t i = 0; i < DECODE_PORTS_FEW; i++)
		decode_config_add_port(&many, (uint16_t)(1000 + i));
	decode_config_add_port(&many, 1000); /* again */
	build_start(&b, "0123456789", 10);
	build_tcp(&b, 80, 0);
	build_ipv4(&b, 6, build_tunnel_v4, 0);
	build_ethernet(&b, 0x0800);
	assert_true(plain_other(&many, b.data, (uint32_t)b.len));
	decode_config_add_port(&many, 80);
	assert_false(plain_other(&many, b.data, (uint32_t)b.len));
}

static void
gre_that_is_not_understood_is_other(void **state)
{
	static const uint8_t headers[][12] = {
		{0x40, 0x00, 0x08, 0x00},             /* source routing */
		{0x00, 0x02, 0x08, 0x00},             /* version 2 */
		{0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1}, /* PPTP acknowledgment, no payload */
		{0x00, 0x00, 0x00, 0x01},             /* a protocol type that is a length */
	};
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		build_mail_v4(&b);
		build_push_bytes(&b, headers[i], sizeof(headers[i]));
		build_ipv4(&b, 47, build_tunnel_v4, 0);
		assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_OTHER);
	}
}

/* Push header n times below Ethernet. */
static enum decode_verdict
decode_nested(const uint8_t header[4], uint16_t type, unsigned n)
{
	struct packet_build b;
	struct decode_packet p;

	build_mail_v4(&b);
	if (type == 0x8847)
		BUILD_PUSH(&b, 0, 1, 0x01, 64);
	else
		BUILD_PUSH(&b, 0, 1, 0x08, 0x00);
	for (unsigned i = 1; i < n; i++)
		build_push_bytes(&b, header, 4);
	build_ethernet(&b, type);
	return decode(DECODE_LINK_ETHERNET, &b, &p);
}

static void
nesting_up_to_the_bound_is_read_and_no_further(void **state)
{
	static const uint8_t vlan[4] = {0, 1, 0x81, 0};
	static const uint8_t mpls[4] = {0, 1, 0, 64};

	(void)state;
	/* One is the IP header's. */
	assert_int_equal(decode_nested(vlan, 0x8100, DECODE_DEPTH_MAX - 1), DECODE_MAIL);
	assert_int_equal(decode_nested(vlan, 0x8100, DECODE_DEPTH_MAX), DECODE_TOO_DEEP);
	assert_int_equal(decode_nested(vlan, 0x8100, 900), DECODE_TOO_DEEP);
	/* What follows a label stack is first IP, then IPv4. */
	assert_int_equal(decode_nested(mpls, 0x8847, DECODE_DEPTH_MAX - 2), DECODE_MAIL);
	assert_int_equal(decode_nested(mpls, 0x8847, 900), DECODE_TOO_DEEP);
}

static void
bombs_of_ip_headers_end(void **state)
{
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	build_mail_v4(&b);
	for (unsigned i = 0; i < 100; i++)
		build_ipv4(&b, 4, build_tunnel_v4, 0);
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_TOO_DEEP);

	build_mail_v4(&b);
	for (unsigned i = 0; i < 100; i++) {
		BUILD_PUSH(&b, 0, 0, 0x08, 0x00);
		build_ipv4(&b, 47, build_tunnel_v4, 0);
	}
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_TOO_DEEP);

	build_start(&b, "", 0);
	for (unsigned i = 0; i < 300; i++)
		BUILD_PUSH(&b, 60, 0, 1, 4, 0, 0, 0, 0);
	build_ipv6(&b, 60);
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_TOO_DEEP);
}

static void
padding_is_no_payload(void **state)
{
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	build_start(&b, "\0\0\0\0\0\0", 6);
	build_tcp(&b, 25, 0);
	build_ipv4(&b, 6, build_tunnel_v4, 0);
	build_be16(b.data + 2, 40); /* the six bytes are the frame's padding */
	build_ethernet(&b, 0x0800);
	assert_int_equal(decode(DECODE_LINK_ETHERNET, &b, &p), DECODE_MAIL);
	assert_int_equal(p.payload_len, 0);
	assert_int_equal(p.payload_wire_len, 0);
	assert_int_equal(p.l3_len, 40);
	assert_int_equal(p.l3_offset, 14);
}

static void
a_length_of_zero_means_as_captured(void **state)
{
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	build_mail_v4(&b);
	build_be16(b.data + 2, 0);
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MAIL);
	assert_int_equal(p.l3_len, b.len);
	assert_mail_segment(&b, &p);

	build_mail_v6(&b);
	build_be16(b.data + 4, 0);
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MAIL);
	assert_int_equal(p.l3_len, b.len);
	assert_mail_segment(&b, &p);
}

static void
a_length_beyond_the_capture_is_the_length_on_the_wire(void **state)
{
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	build_mail_v4(&b);
	build_be16(b.data + 2, 1500);
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MAIL);
	assert_int_equal(p.l3_len, 1500);
	assert_int_equal(p.payload_len, 10);
	assert_int_equal(p.payload_wire_len, 1460);
}

static void
lengths_that_contradict_are_malformed(void **state)
{
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	build_mail_v4(&b);
	b.data[0] = 0x44; /* header shorter than a header */
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MALFORMED);

	build_mail_v4(&b);
	build_be16(b.data + 2, 19);
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MALFORMED);

	build_mail_v4(&b);
	b.data[20 + 12] = 0x40; /* TCP header shorter than a header */
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MALFORMED);

	build_mail_v4(&b);
	b.data[20 + 12] = 0xf0; /* and longer than the packet */
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MALFORMED);

	build_mail_v4(&b);
	build_be16(b.data + 2, b.len + 1); /* longer than the tunnel around it */
	build_ipv4(&b, 4, build_tunnel_v4, 0);
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MALFORMED);

	build_mail_v4(&b);
	b.data[0] = 0x55;
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MALFORMED);
	build_ethernet(&b, 0x86dd);
	assert_int_equal(decode(DECODE_LINK_ETHERNET, &b, &p), DECODE_MALFORMED);
}

static void
a_mirror_may_have_cut_the_frame(void **state)
{
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	build_mail_v4(&b);
	build_be16(b.data + 2, 1500);
	build_ethernet(&b, 0x0800);
	BUILD_PUSH(&b, 0x10, 1, 0x04, 0, 0, 0, 0, 0);             /* ERSPAN II, truncated */
	BUILD_PUSH(&b, 0x10, 0x00, 0x88, 0xbe, 0x00, 0, 0, 0x01); /* GRE */
	build_ipv4(&b, 47, build_tunnel_v4, 0);
	assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MAIL);
	assert_int_equal(p.payload_len, 10);
	assert_int_equal(p.payload_wire_len, 1460);
}

static void
fragments_are_reported_first_and_later(void **state)
{
	static const uint16_t fields[] = {0x2000, 0x2001, 0x0001, 0x1fff};
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		build_mail_v4(&b);
		build_be16(b.data + 6, fields[i]);
		build_ethernet(&b, 0x0800);
		assert_int_equal(decode(DECODE_LINK_ETHERNET, &b, &p), DECODE_FRAGMENT);
		assert_true(p.has_ip);
		assert_false(p.is_v6);
		assert_int_equal(p.l3_offset, 14);
		assert_int_equal(p.l3_len, b.len - 14);
		assert_memory_equal(p.src.bytes + 12, build_client_v4, 4);
		assert_memory_equal(p.dst.bytes + 12, build_server_v4, 4);
	}
	static const uint8_t first[8] = {6, 0, 0x00, 0x01, 0, 0, 0, 1};
	static const uint8_t later[8] = {6, 0, 0x00, 0x08, 0, 0, 0, 1};
	for (unsigned i = 0; i < 2; i++) {
		build_start(&b, "EHLO tap\r\n......", 16);
		build_push_bytes(&b, i ? later : first, 8);
		BUILD_PUSH(&b, 44, 0, 1, 4, 0, 0, 0, 0);
		build_ipv6(&b, 60);
		assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_FRAGMENT);
		assert_true(p.is_v6);
		assert_int_equal(p.frag_ext_offset, 48);
		assert_int_equal(p.l3_offset, 0);
		assert_int_equal(p.l3_len, b.len);
	}
}

static void
the_last_stop_of_a_route_is_the_destination(void **state)
{
	/* {type, where the final address stands} */
	static const uint8_t kinds[2] = {4, 0};
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		build_mail_v6(&b); /* sums over the final destination */
		b.data += 40;
		b.len -= 40;
		uint8_t *routing = build_push(&b, 8 + 32);
		routing[0] = 6;
		routing[1] = 4;
		routing[2] = kinds[i];
		routing[3] = 1; /* one segment left */
		memcpy(routing + 8 + (kinds[i] == 4 ? 0 : 16), build_server_v6, 16);
		uint8_t *ip = build_ipv6(&b, 43);
		memset(ip + 24, 0xfd, 16);
		assert_int_equal(decode(DECODE_LINK_IP, &b, &p), DECODE_MAIL);
		assert_memory_equal(p.dst.bytes, build_server_v6, 16);
		assert_int_equal(decode_verify(&p, b.data, NULL, 0), DECODE_CHECKSUM_GOOD);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_segment_is_found_in_every_encapsulation),
		cmocka_unit_test(a_packet_cut_anywhere_is_truncated_or_short_of_payload),
		cmocka_unit_test(bytes_changed_at_random_never_break_it),
		cmocka_unit_test(other_traffic_is_other),
		cmocka_unit_test(either_port_makes_it_mail),
		cmocka_unit_test(whatever_a_tunnel_port_carries_is_not_malformed),
		cmocka_unit_test(the_quick_answer_agrees),
		cmocka_unit_test(each_frame_of_a_burst_has_its_own_quick_answer),
		cmocka_unit_test(more_mail_ports_than_a_few_have_no_quick_answer),
		cmocka_unit_test(gre_that_is_not_understood_is_other),
		cmocka_unit_test(nesting_up_to_the_bound_is_read_and_no_further),
		cmocka_unit_test(bombs_of_ip_headers_end),
		cmocka_unit_test(padding_is_no_payload),
		cmocka_unit_test(a_length_of_zero_means_as_captured),
		cmocka_unit_test(a_length_beyond_the_capture_is_the_length_on_the_wire),
		cmocka_unit_test(lengths_that_contradict_are_malformed),
		cmocka_unit_test(a_mirror_may_have_cut_the_frame),
		cmocka_unit_test(fragments_are_reported_first_and_later),
		cmocka_unit_test(the_last_stop_of_a_route_is_the_destination),
	};

	decode_config_add_port(&config, 25);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
