/*
 * background: what a tap sees besides mail. Frames of 64 to 1514 bytes in the
 * simple IMIX proportion (7 small, 4 middling, 1 large), TCP and UDP to the
 * common ports, one in eight tagged, one in eight IPv6.
 */
#include <rte_ether.h>
#include <rte_ip.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/run.h"
#include "bench/traffic.h"

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

/* Above the ports of tunnels. */
#define CLIENT_PORT_FIRST 32768

/* Without FCS; an acknowledgment over IPv6 does not fit in the smallest. */
static uint32_t
frame_bytes(const struct traffic_background *background, uint64_t count, bool v6)
{
	static const uint16_t imix[12] = {60, 590, 60, 60, 590, 60, 1514, 60, 590, 60, 60, 590};
	uint32_t bytes = background->bytes ? background->bytes : imix[count % 12];

	return bytes < 78 && v6 ? 78 : bytes;
}

static uint8_t *
write_ipv4(uint8_t *p, uint32_t len, uint8_t protocol, uint32_t seed)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)p;

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)len),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 60,
		.next_proto_id = protocol,
		.src_addr = rte_cpu_to_be_32(RTE_IPV4(100, 64, 0, 0) | (seed & 0xfffff)),
		.dst_addr = rte_cpu_to_be_32(RTE_IPV4(198, 18, 0, 0) | (seed >> 15)),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return p + sizeof(*ip);
}

static uint8_t *
write_ipv6(uint8_t *p, uint32_t len, uint8_t protocol, uint32_t seed)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)p;

	memset(ip, 0, sizeof(*ip));
	ip->vtc_flow = rte_cpu_to_be_32(6u << 28);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(len - sizeof(*ip)));
	ip->proto = protocol;
	ip->hop_limits = 60;
	memset(ip->src_addr, 0x20, 12);
	memset(ip->dst_addr, 0x20, 12);
	memcpy(ip->src_addr + 12, &seed, 4);
	return p + sizeof(*ip);
}

uint32_t
traffic_background_next(
	struct traffic_background *background, uint8_t *frame, struct traffic_tally *tally)
{
	static const uint16_t tcp_ports[4] = {443, 80, 443, 22};
	static const uint16_t udp_ports[4] = {443, 53, 443, 123};
	uint64_t count = background->count++;
	uint32_t seed = (uint32_t)(count * 2654435761u);
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)frame;
	uint8_t *p = (uint8_t *)(ether + 1);
	uint8_t protocol = seed >> 29 > 1 ? PROTOCOL_TCP : PROTOCOL_UDP;
	bool v6 = (seed >> 26 & 7) == 0;
	uint32_t bytes = frame_bytes(background, count, v6);

	(void)tally;
	memset(frame, 0, bytes);
	rte_be16_t type = rte_cpu_to_be_16(v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	ether->ether_type = type;
	if ((seed >> 23 & 7) == 0) {
		struct rte_vlan_hdr *vlan = (struct rte_vlan_hdr *)p;
		ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
		vlan->vlan_tci = rte_cpu_to_be_16(100);
		vlan->eth_proto = type;
		p += sizeof(*vlan);
	}
	uint32_t ip_len = bytes - (uint32_t)(p - frame);
	p = v6 ? write_ipv6(p, ip_len, protocol, seed) : write_ipv4(p, ip_len, protocol, seed);

	uint16_t service = (protocol == PROTOCOL_TCP ? tcp_ports : udp_ports)[seed >> 20 & 3];
	rte_be16_t ports[2] = {rte_cpu_to_be_16((uint16_t)(CLIENT_PORT_FIRST + (seed & 0x3fff))),
		rte_cpu_to_be_16(service)};
	if (seed >> 19 & 1) { /* the other direction */
		rte_be16_t source = ports[0];
		ports[0] = ports[1];
		ports[1] = source;
	}
	memcpy(p, ports, sizeof(ports));
	return bytes;
}

static uint32_t
next(void *state, uint8_t *frame, struct traffic_tally *tally)
{
	return traffic_background_next(state, frame, tally);
}

static int
run(const struct bench_options *options)
{
	struct traffic_background background = {.bytes = options->frame_bytes};
	struct bench_mix mix = {
		.scenario = "background",
		.next = next,
		.state = &background,
		.state_bytes = sizeof(background),
	};

	return bench_run_mix(options, &mix);
}

const struct bench_scenario bench_background = {
	"background", "no mail: 64 to 1514 byte frames, IPv4, IPv6 and VLAN, TCP and UDP", run};
