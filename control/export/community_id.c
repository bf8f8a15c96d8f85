/*
 * The public specification (github.com/corelight/community-id-spec): SHA-1 over
 * seed, the two addresses, the protocol, a zero, and the two ports, the smaller
 * (address, port) first, so that both directions have one id. Protocols without
 * ports leave the ports out. ICMP has a type and a code; a type that answers
 * another takes that one's place as second port, and one that answers nothing
 * is a flow of one direction, never turned round.
 *
 * SHA-1 and Base64 are nettle's: a well-kept library that does nothing else.
 */
#include "control/export/community_id.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <stdbool.h>
#include <string.h>

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMPV6 58
#define PROTO_SCTP 132

struct icmp_pair {
	uint8_t proto;
	uint8_t one;
	uint8_t other;
};

/* RFC 792, 950, 1256; RFC 4443, 4861, 2710, 4620, 6275. */
static const struct icmp_pair icmp_pairs[] = {
	{PROTO_ICMP, 0, 8},
	{PROTO_ICMP, 9, 10},
	{PROTO_ICMP, 13, 14},
	{PROTO_ICMP, 15, 16},
	{PROTO_ICMP, 17, 18},
	{PROTO_ICMPV6, 128, 129},
	{PROTO_ICMPV6, 130, 131},
	{PROTO_ICMPV6, 133, 134},
	{PROTO_ICMPV6, 135, 136},
	{PROTO_ICMPV6, 139, 140},
	{PROTO_ICMPV6, 144, 145},
};

_Static_assert(BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) + sizeof("1:") == COMMUNITY_ID_MAX,
	"the id fits");

/* The type that answers, or is answered by, this one; or -1. */
static int
icmp_counterpart(uint8_t proto, uint16_t type)
{
	for (size_t i = 0; i < sizeof(icmp_pairs) / sizeof(icmp_pairs[0]); i++) {
		const struct icmp_pair *pair = &icmp_pairs[i];

		if (pair->proto != proto)
			continue;
		if (pair->one == type)
			return pair->other;
		if (pair->other == type)
			return pair->one;
	}
	return -1;
}

static bool
has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP ||
	       proto == PROTO_ICMP || proto == PROTO_ICMPV6;
}

static void
swap_sides(struct community_flow *flow)
{
	struct community_flow f = *flow;

	flow->source = f.dest;
	flow->dest = f.source;
	flow->source_port = f.dest_port;
	flow->dest_port = f.source_port;
}

/* The smaller side first; a flow of one direction stays as it is. */
static struct community_flow
ordered(const struct community_flow *flow)
{
	struct community_flow f = *flow;
	int by_addr = memcmp(f.source.bytes, f.dest.bytes, sizeof(f.source.bytes));

	if (f.proto == PROTO_ICMP || f.proto == PROTO_ICMPV6) {
		int other = icmp_counterpart(f.proto, f.source_port);

		if (other < 0)
			return f;
		f.dest_port = (uint16_t)other;
	}
	if (by_addr > 0 || (by_addr == 0 && f.source_port > f.dest_port))
		swap_sides(&f);
	return f;
}

static void
hash_addr(struct sha1_ctx *ctx, const struct addr *addr)
{
	if (addr_is_v4(addr))
		sha1_update(ctx, 4, addr->bytes + 12);
	else
		sha1_update(ctx, 16, addr->bytes);
}

static void
hash_be16(struct sha1_ctx *ctx, uint16_t v)
{
	const uint8_t bytes[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	sha1_update(ctx, sizeof(bytes), bytes);
}

void
community_id(const struct community_flow *flow, char out[COMMUNITY_ID_MAX])
{
	const struct community_flow f = ordered(flow);
	const uint8_t proto[2] = {f.proto, 0};
	uint8_t digest[SHA1_DIGEST_SIZE];
	struct sha1_ctx ctx;

	sha1_init(&ctx);
	hash_be16(&ctx, 0); /* the seed */
	hash_addr(&ctx, &f.source);
	hash_addr(&ctx, &f.dest);
	sha1_update(&ctx, sizeof(proto), proto);
	if (has_ports(f.proto)) {
		hash_be16(&ctx, f.source_port);
		hash_be16(&ctx, f.dest_port);
	}
	sha1_digest(&ctx, sizeof(digest), digest);
	memcpy(out, "1:", 2);
	base64_encode_raw(out + 2, sizeof(digest), digest);
	out[COMMUNITY_ID_MAX - 1] = '\0';
}
