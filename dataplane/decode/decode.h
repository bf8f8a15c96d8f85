/*
 * decode: from the link layer to a TCP segment. Byte spans in, a struct out;
 * no packet memory is kept and nothing is allocated.
 */
#ifndef SMTAP_DATAPLANE_DECODE_H
#define SMTAP_DATAPLANE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "contract/addr.h"

enum decode_link {
	DECODE_LINK_ETHERNET, /* DLT_EN10MB */
	DECODE_LINK_IP,       /* DLT_RAW, DLT_IPV4, DLT_IPV6: the version nibble tells */
	DECODE_LINK_SLL,      /* DLT_LINUX_SLL */
	DECODE_LINK_SLL2,     /* DLT_LINUX_SLL2 */
	DECODE_LINK_NULL,     /* DLT_NULL (either byte order), DLT_LOOP */
	DECODE_LINK_PPP,      /* DLT_PPP, DLT_PPP_SERIAL: perhaps Cisco's framing */
	DECODE_LINK_HDLC,     /* DLT_C_HDLC */
	DECODE_LINK_PPPOE,    /* DLT_PPP_ETHER */
	DECODE_LINK_WIFI,     /* DLT_IEEE802_11 */
	DECODE_LINK_RADIOTAP, /* DLT_IEEE802_11_RADIO */
	DECODE_LINK_ENC,      /* DLT_ENC */
	DECODE_LINK_PFLOG,    /* DLT_PFLOG */
	DECODE_LINK_NFLOG,    /* DLT_NFLOG */
	DECODE_LINK_COUNT
};

/* Tunnels, tags and IP headers that one packet may nest. */
#define DECODE_DEPTH_MAX 16

/* As many mail ports as decode_plain_others knows: all that can be configured. */
#define DECODE_PORTS_FEW 64

struct decode_config {
	uint64_t mail_ports[65536 / 64]; /* a bit per TCP port */
	/* With the first ports in one cache line: mostly there are no more. */
	uint32_t ports_count; /* of all: more than few_ports holds, perhaps */
	uint16_t few_ports[DECODE_PORTS_FEW];
};

static inline bool
decode_is_mail_port(const struct decode_config *cfg, uint16_t port)
{
	return cfg->mail_ports[port >> 6] >> (port & 63) & 1;
}

void decode_config_add_port(struct decode_config *cfg, uint16_t port);

enum decode_verdict {
	DECODE_MAIL,      /* a TCP segment from or to a mail port */
	DECODE_FRAGMENT,  /* an IP fragment: reassemble l3, then decode again as IP */
	DECODE_OTHER,     /* well-formed, not for us */
	DECODE_MALFORMED, /* headers that contradict themselves */
	DECODE_TRUNCATED, /* the capture cut the headers */
	DECODE_TOO_DEEP,  /* more than DECODE_DEPTH_MAX headers */
};

enum decode_checksum {
	DECODE_CHECKSUM_UNKNOWN, /* cut by the capture, or not looked at */
	DECODE_CHECKSUM_GOOD,
	DECODE_CHECKSUM_BAD,
	DECODE_CHECKSUM_PARTIAL, /* bad, and just the pseudo-header's sum: offloaded */
};

struct decode_packet {
	/* Innermost IP header, for DECODE_MAIL, DECODE_FRAGMENT, and DECODE_OTHER when
	   has_ip. */
	bool has_ip;
	bool is_v6;
	uint32_t l3_offset; /* of the IP header, from the start of the span */
	uint32_t l3_len; /* its packet's length by its own header (super-segments: as captured) */
	struct addr src;
	struct addr dst;
	/* DECODE_FRAGMENT on IPv6: offset of the fragment extension header. */
	uint32_t frag_ext_offset;
	/* DECODE_MAIL only; ports in host order */
	uint16_t src_port;
	uint16_t dst_port;
	uint32_t seq;
	uint32_t ack;
	uint16_t window;
	uint8_t tcp_flags; /* RFC 9293 3.1: FIN 0x01 SYN 0x02 RST 0x04 PSH 0x08 ACK 0x10 */
	uint8_t hops;      /* that it may still go: IPv4's TTL, IPv6's hop limit */
	bool is_signed;    /* it has TCP-MD5's option (RFC 2385) */
	uint32_t l4_offset;
	uint32_t payload_offset;
	uint32_t payload_len;      /* bytes present in the span */
	uint32_t payload_wire_len; /* bytes by the IP header: more when the capture cut them,
				      or when they continue in a chained buffer */
};

/*
 * A quick answer for most of the traffic: which of n <= 64 Ethernet frames (with
 * one VLAN tag or none) are plain IPv4 or IPv6 with a TCP or UDP segment that is no
 * business of ours: a bit for each. Set only where decode_packet would say
 * DECODE_OTHER; clear means: ask decode_packet. All are when there are more than
 * DECODE_PORTS_FEW mail ports. They are looked at by DECODE_PLAIN_STEP: len[] goes on to
 * the next multiple of that, with 0.
 */
#define DECODE_PLAIN_STEP 8u
uint64_t decode_plain_others(const struct decode_config *cfg, const uint8_t *const frames[],
	const uint32_t len[], unsigned n);

/*
 * Decode one packet whose first len bytes are contiguous at data. Every byte
 * is suspect. out is fully written.
 */
enum decode_verdict decode_packet(const struct decode_config *cfg, enum decode_link link,
	const uint8_t *data, uint32_t len, struct decode_packet *out);

/*
 * Verify the IPv4 header checksum and the TCP checksum of a DECODE_MAIL
 * packet. more: further spans of payload in chained buffers (NULL, 0 when
 * none). UNKNOWN when bytes are missing.
 */
enum decode_checksum decode_verify(const struct decode_packet *packet, const uint8_t *data,
	const struct span *more, unsigned more_count);

#endif
