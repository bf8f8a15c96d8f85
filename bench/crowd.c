/*
 * Playing a script in many sessions at once. At round r the session in slot s
 * is at step (r + s) modulo the script's length; each time that this starts over
 * the slot holds a new session. Slots whose first session would start in the
 * middle stay silent until it is over.
 */
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <string.h>

#include "bench/traffic.h"

#define MAIL_PORT 25
#define SERVERS 32
#define SERVER_NETWORK RTE_IPV4(203, 0, 113, 0)
#define CLIENT_PORT_FIRST 1024
#define CLIENT_PORTS 60000

static uint32_t
mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15u;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return (uint32_t)(x >> 32);
}

struct endpoint {
	uint32_t address;
	uint16_t port;
	uint32_t initial_seq;
};

static void
session_endpoints(const struct traffic_crowd *crowd, uint64_t session, struct endpoint *client,
	struct endpoint *server)
{
	/* An odd factor: a permutation when the number of sources is a power of two. */
	uint32_t source = (uint32_t)(session * 2654435761u) % crowd->sources;

	client->address = crowd->network + source;
	client->port = (uint16_t)(CLIENT_PORT_FIRST + session / crowd->sources % CLIENT_PORTS);
	client->initial_seq = mix(session);
	server->address = SERVER_NETWORK + 1 + (uint32_t)(session % SERVERS);
	server->port = MAIL_PORT;
	server->initial_seq = mix(~session);
}

static void
vary_digits(uint8_t *digits, uint64_t seed)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t value = (uint64_t)mix(seed) << 32 | mix(~seed);

	for (unsigned i = 0; i < 8; i++)
		digits[i] = (uint8_t)alphabet[value >> (i * 6) & 63];
}

static uint32_t
write_frame(uint8_t *frame, const struct traffic_step *step, const struct endpoint *from,
	const struct endpoint *to, uint64_t seed)
{
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)frame;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);
	uint8_t *payload = (uint8_t *)(tcp + 1);
	uint16_t total_len = (uint16_t)(sizeof(*ip) + sizeof(*tcp) + step->payload_len);

	memset(ether, 2, sizeof(*ether));
	ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(total_len),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 60,
		.next_proto_id = 6,
		.src_addr = rte_cpu_to_be_32(from->address),
		.dst_addr = rte_cpu_to_be_32(to->address),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	*tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(from->port),
		.dst_port = rte_cpu_to_be_16(to->port),
		.sent_seq = rte_cpu_to_be_32(from->initial_seq + step->seq),
		.recv_ack = step->ack ? rte_cpu_to_be_32(to->initial_seq + step->ack) : 0,
		.data_off = sizeof(*tcp) / 4 << 4,
		.tcp_flags = step->tcp_flags,
		.rx_win = rte_cpu_to_be_16(64240),
	};
	if (step->payload_len)
		memcpy(payload, step->payload, step->payload_len);
	if (step->vary_at)
		vary_digits(payload + step->vary_at, seed);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	return (uint32_t)sizeof(*ether) + total_len;
}

uint32_t
traffic_flood_next(struct traffic_flood *flood, uint8_t *frame, struct traffic_tally *tally)
{
	static const struct traffic_step syn = {.from_client = true, .tcp_flags = RTE_TCP_SYN_FLAG};
	uint64_t n = flood->count++;
	struct endpoint client = {
		/* Odd factors: neighbours in time are not neighbours in any table. */
		.address = flood->network + (uint32_t)(n * 2654435761u & 0xffffff),
		.port = (uint16_t)(n >> 24),
		.initial_seq = mix(n),
	};
	struct endpoint server = {
		.address = SERVER_NETWORK + 1 + (uint32_t)(n % SERVERS),
		.port = MAIL_PORT,
	};

	tally->mail++;
	tally->sessions++;
	return write_frame(frame, &syn, &client, &server, n);
}

uint32_t
traffic_crowd_step(
	const struct traffic_crowd *crowd, uint64_t session, unsigned number, uint8_t *frame)
{
	const struct traffic_step *step = &crowd->script->steps[number];
	uint64_t seed = session << 16 | number;
	struct endpoint client;
	struct endpoint server;

	session_endpoints(crowd, session, &client, &server);
	if (step->from_client)
		return write_frame(frame, step, &client, &server, seed);
	return write_frame(frame, step, &server, &client, seed);
}

uint32_t
traffic_crowd_next(struct traffic_crowd *crowd, uint8_t *frame, struct traffic_tally *tally)
{
	const struct traffic_script *script = crowd->script;
	uint64_t place;

	do {
		if (crowd->slot == crowd->concurrency) {
			crowd->slot = 0;
			crowd->round++;
		}
		place = crowd->round + crowd->slot++ % script->steps_count;
	} while (place < script->steps_count);

	uint64_t session = place / script->steps_count * crowd->concurrency + crowd->slot - 1;
	const struct traffic_step *step = &script->steps[place % script->steps_count];
	tally->mail++;
	tally->mail_bytes += step->payload_len;
	tally->sessions += step == &script->steps[0];
	tally->attempts += step->attempts;
	tally->failures += step->failures;
	tally->lines += step->lines;
	return traffic_crowd_step(crowd, session, (unsigned)(step - script->steps), frame);
}
