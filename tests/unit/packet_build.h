/*
 * Packets for tests, built from the inside out: start with the payload, push
 * each header in front of what is there. Lengths and checksums then follow from
 * what a header encloses.
 */
#ifndef SMTAP_TESTS_UNIT_PACKET_BUILD_H
#define SMTAP_TESTS_UNIT_PACKET_BUILD_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

struct packet_build {
	uint8_t room[4096];
	uint8_t *data;
	size_t len;
	size_t unsummed_tcp; /* bytes from the TCP header to the end; 0: none, or summed */
};

static const uint8_t build_client_v4[4] = {198, 51, 100, 9};
static const uint8_t build_server_v4[4] = {203, 0, 113, 25};
static const uint8_t build_tunnel_v4[8] = {10, 1, 1, 1, 10, 2, 2, 2};
static const uint8_t build_client_v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0x0b, 0xad, [15] = 9};
static const uint8_t build_server_v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0x00, 0xc1, [15] = 25};

#define BUILD_CLIENT_PORT 40000
#define BUILD_SEQ 0x01020304u
#define BUILD_ACK 0xfffefdfcu
#define BUILD_WINDOW 501

static inline void
build_start(struct packet_build *b, const void *payload, size_t len)
{
	memset(b, 0, sizeof(*b));
	b->data = b->room + sizeof(b->room) - len;
	b->len = len;
	memcpy(b->data, payload, len);
}

/* Room in front, zeroed. */
static inline uint8_t *
build_push(struct packet_build *b, size_t len)
{
	assert(len <= (size_t)(b->data - b->room));
	b->data -= len;
	b->len += len;
	memset(b->data, 0, len);
	return b->data;
}

static inline void
build_push_bytes(struct packet_build *b, const void *bytes, size_t len)
{
	memcpy(build_push(b, len), bytes, len);
}

#define BUILD_PUSH(b, ...) \
	build_push_bytes(b, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static inline void
build_be16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
build_be32(uint8_t *p, uint32_t v)
{
	build_be16(p, v >> 16);
	build_be16(p + 2, v & 0xffff);
}

/* RFC 1071, the plain way: the code under test does it otherwise. */
static inline uint32_t
build_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The TCP header at the front gets its checksum; addresses: source, then destination. */
static inline void
build_sum_tcp(struct packet_build *b, const uint8_t *addresses, size_t addresses_len)
{
	uint8_t *tcp = b->room + sizeof(b->room) - b->unsummed_tcp;

	if (b->unsummed_tcp == 0)
		return;
	uint32_t sum = build_sum(addresses, addresses_len, 6);
	sum = build_sum(tcp, b->unsummed_tcp, sum + (uint32_t)b->unsummed_tcp);
	build_be16(tcp + 16, ~sum & 0xffff);
	b->unsummed_tcp = 0;
}

static inline uint8_t *
build_tcp(struct packet_build *b, uint16_t dst_port, size_t options_len)
{
	uint8_t *tcp = build_push(b, 20 + options_len);

	build_be16(tcp, BUILD_CLIENT_PORT);
	build_be16(tcp + 2, dst_port);
	build_be32(tcp + 4, BUILD_SEQ);
	build_be32(tcp + 8, BUILD_ACK);
	tcp[12] = (uint8_t)((20 + options_len) / 4 << 4);
	tcp[13] = 0x18;
	build_be16(tcp + 14, BUILD_WINDOW);
	memset(tcp + 20, 1, options_len);
	b->unsummed_tcp = b->len;
	return tcp;
}

/* addresses: 8 bytes, source and destination. */
static inline uint8_t *
build_ipv4(struct packet_build *b, uint8_t protocol, const uint8_t addresses[8], size_t options_len)
{
	build_sum_tcp(b, addresses, 8);
	uint8_t *ip = build_push(b, 20 + options_len);
	ip[0] = (uint8_t)(0x40 | (20 + options_len) / 4);
	build_be16(ip + 2, b->len);
	build_be16(ip + 6, 0x4000); /* do not fragment */
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, addresses, 8);
	memset(ip + 20, 1, options_len);
	build_be16(ip + 10, ~build_sum(ip, 20 + options_len, 0) & 0xffff);
	return ip;
}

static inline uint8_t *
build_ipv6(struct packet_build *b, uint8_t next)
{
	uint8_t addresses[32];

	memcpy(addresses, build_client_v6, 16);
	memcpy(addresses + 16, build_server_v6, 16);
	build_sum_tcp(b, addresses, 32);
	size_t payload_len = b->len;
	uint8_t *ip = build_push(b, 40);
	ip[0] = 0x60;
	build_be16(ip + 4, payload_len);
	ip[6] = next;
	ip[7] = 64;
	memcpy(ip + 8, addresses, 32);
	return ip;
}

static inline uint8_t *
build_udp(struct packet_build *b, uint16_t dst_port)
{
	size_t payload_len = b->len;
	uint8_t *udp = build_push(b, 8);

	build_be16(udp, 50000);
	build_be16(udp + 2, dst_port);
	build_be16(udp + 4, payload_len + 8);
	return udp;
}

static inline void
build_ethernet(struct packet_build *b, uint16_t type)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

	uint8_t *header = build_push(b, 14);
	memcpy(header, macs, 12);
	build_be16(header + 12, type);
}

/* A mail segment in IPv4, and in IPv6. */
static inline void
build_mail_v4(struct packet_build *b)
{
	uint8_t addresses[8];

	memcpy(addresses, build_client_v4, 4);
	memcpy(addresses + 4, build_server_v4, 4);
	build_start(b, "EHLO tap\r\n", 10);
	build_tcp(b, 25, 0);
	build_ipv4(b, 6, addresses, 0);
}

static inline void
build_mail_v6(struct packet_build *b)
{
	build_start(b, "EHLO tap\r\n", 10);
	build_tcp(b, 25, 12);
	build_ipv6(b, 6);
}

#endif
