/*
 * The quick answer. Frames of a busy link are a random sequence of tagged and
 * untagged, IPv4 and IPv6, TCP and UDP: a branch on each would be mispredicted
 * often enough to cost more than everything else, and would wait for the memory
 * besides. So nothing branches on what a frame says: eight frames at a time are
 * looked at as vectors, a lane for each, and there is one decision at the end.
 *
 * A lane of a mask is all bits or none. Words are as this machine loads them:
 * constants of headers are swapped, not the headers.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/vector.h"
#include "dataplane/decode/decode.h"
#include "dataplane/decode/layer.h"

#define TYPE_OFFSET 12u
#define TYPE_BYTES 2u
#define VLAN_BYTES 4u
#define IPV4_BYTES 20u
#define IPV6_BYTES 40u
#define PORTS_BYTES 4u

/* A tagged frame with IPv4: shorter ones are not worth a thought. */
#define BYTES_MIN (TYPE_OFFSET + TYPE_BYTES + VLAN_BYTES + IPV4_BYTES + PORTS_BYTES)

/* From the EtherType on: with a tag, IPv4's protocol is in the fourth word. */
#define ROW_WORDS 4
#define LANES 8

_Static_assert(LANES == DECODE_PLAIN_STEP, "as who calls it was told");

typedef uint32_t row __attribute__((vector_size(ROW_WORDS * 4)));
typedef uint32_t words __attribute__((vector_size(LANES * 4)));
typedef uint16_t halves __attribute__((vector_size(LANES * 4)));

#define WIRE16(x) ((uint16_t)(((x)&0xff) << 8 | (x) >> 8))
#define EITHER(mask, yes, no) (((mask) & (yes)) | (~(mask) & (no)))
/* What compares as signed: lengths and offsets are far from the sign. */
#define AT_LEAST(a, b) ((words)((a) >= (b)))

/* Eight frames: in, and what is known of them before their ports are read. */
struct eight {
	const uint8_t *frame[LANES];
	words len;
	words row[ROW_WORDS];
	words known; /* IPv4 or IPv6 as we like it, with room for ports */
	words tcp;
	words udp;
	words ports_at; /* 0 where there are none */
};

/* No options, no fragment, room for the ports. */
static inline void
eight_shape(struct eight *e)
{
	words tag = (words)((e->row[0] & 0xffff) == WIRE16(ETHERTYPE_VLAN));
	words head = EITHER(tag, e->row[1], e->row[0]);   /* type, version, type of service */
	words second = EITHER(tag, e->row[2], e->row[1]); /* IPv4's length; IPv6's length */
	words third = EITHER(tag, e->row[3], e->row[2]);  /* fragment, protocol; protocol */
	words v4 = (words)((head & 0xffffff) == (0x45u << 16 | WIRE16(ETHERTYPE_IPV4)));
	words v6 = (words)((head & 0xf0ffff) == (0x60u << 16 | WIRE16(ETHERTYPE_IPV6)));
	words wire_len = EITHER(v6, second >> 16, second & 0xffff);
	words len = (wire_len >> 8 | wire_len << 8) & 0xffff;
	words len_min = (IPV4_BYTES + PORTS_BYTES) - (v6 & IPV4_BYTES);
	words whole = v6 | (words)((third & WIRE16(0x3fff)) == 0);
	words protocol = EITHER(v6, third & 0xff, third >> 24);
	words ports_at = (TYPE_OFFSET + TYPE_BYTES + IPV4_BYTES) + (tag & VLAN_BYTES) +
			 (v6 & (IPV6_BYTES - IPV4_BYTES));
	words there = AT_LEAST(e->len, ports_at + PORTS_BYTES);

	e->known = (v4 | v6) & AT_LEAST(len, len_min) & whole & there;
	e->tcp = (words)(protocol == IPPROTO_NUM_TCP);
	e->udp = (words)(protocol == IPPROTO_NUM_UDP);
	e->ports_at = ports_at & there;
}

/* Where either of two ports is among those of a list. */
static inline void
eight_ports(const words *ports, const uint16_t list[], unsigned n, words *among)
{
	halves found = {0};

	for (unsigned i = 0; i < n; i++)
		found |= (halves)((halves)*ports == WIRE16(list[i]));
	*among = (words)found;
}

/* A bit for each of eight frames. */
static inline uint32_t
eight_plain(const struct decode_config *cfg, struct eight *e)
{
	static const uint16_t tunnels[] = {DECODE_PORT_GTPU, DECODE_PORT_VXLAN, DECODE_PORT_GENEVE,
		DECODE_PORT_MPLS, DECODE_PORT_VXLAN_LINUX};
	const words bit = {1, 2, 4, 8, 16, 32, 64, 128};
	words ports, mail, tunnel;
	uint32_t plain = 0;

	eight_shape(e);
	for (unsigned i = 0; i < LANES; i++)
		ports[i] = load_le32(e->frame[i] + e->ports_at[i]);
	eight_ports(&ports, cfg->few_ports, cfg->ports_count, &mail);
	ports &= 0xffff0000; /* towards a tunnel's port */
	eight_ports(&ports, tunnels, sizeof(tunnels) / sizeof(tunnels[0]), &tunnel);
	words yes = e->known & ((e->tcp & (words)(mail == 0)) | (e->udp & (words)(tunnel == 0)));
	yes &= bit;
	for (unsigned i = 0; i < LANES; i++)
		plain |= yes[i];
	return plain;
}

#define SHUFFLE __builtin_shufflevector
/* Of two vectors the lower, or upper, words of each half in turn; and so for pairs of words. */
#define WORDS_LOW(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define WORDS_HIGH(a, b) SHUFFLE(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define PAIRS_LOW(a, b) SHUFFLE(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define PAIRS_HIGH(a, b) SHUFFLE(a, b, 2, 3, 10, 11, 6, 7, 14, 15)

/* The first words of all eight, the second, and so on. */
static inline void
eight_load(struct eight *e)
{
	row four[LANES];
	words v[LANES / 2];

	for (unsigned i = 0; i < LANES; i++)
		memcpy(&four[i], e->frame[i] + TYPE_OFFSET, sizeof(four[i]));
	for (unsigned i = 0; i < LANES / 2; i++)
		v[i] = SHUFFLE(four[i], four[i + LANES / 2], 0, 1, 2, 3, 4, 5, 6, 7);
	words a = WORDS_LOW(v[0], v[1]), b = WORDS_LOW(v[2], v[3]);
	words c = WORDS_HIGH(v[0], v[1]), d = WORDS_HIGH(v[2], v[3]);
	e->row[0] = PAIRS_LOW(a, b);
	e->row[1] = PAIRS_HIGH(a, b);
	e->row[2] = PAIRS_LOW(c, d);
	e->row[3] = PAIRS_HIGH(c, d);
}

VECTOR_CLONES
uint64_t
decode_plain_others(const struct decode_config *cfg, const uint8_t *const frames[],
	const uint32_t len[], unsigned n)
{
	static const uint8_t none[BYTES_MIN];
	uint64_t plain = 0;
	struct eight e;

	if (cfg->ports_count > DECODE_PORTS_FEW)
		return 0;
	for (unsigned at = 0; at < n; at += LANES) {
		for (unsigned i = 0; i < LANES; i++)
			e.frame[i] = len[at + i] >= BYTES_MIN ? frames[at + i] : none;
		memcpy(&e.len, len + at, sizeof(e.len));
		eight_load(&e);
		plain |= (uint64_t)eight_plain(cfg, &e) << at;
	}
	return plain;
}
