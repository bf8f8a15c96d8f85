#include "control/export/format.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/duration.h"
#include "control/export/community_id.h"

#define FLOW_ID_MASK ((1ULL << 53) - 1)

void
format_eve_time(uint64_t ns, char out[FORMAT_TIME_MAX])
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm)) {
		out[0] = '\0';
		return;
	}
	size_t n = strftime(out, FORMAT_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, FORMAT_TIME_MAX - n, ".%06u+0000", (unsigned)(ns % NS_PER_S / NS_PER_US));
}

void
format_addr(const struct addr *addr, char out[FORMAT_ADDR_MAX])
{
	if (addr_is_v4(addr))
		inet_ntop(AF_INET, addr->bytes + 12, out, FORMAT_ADDR_MAX);
	else
		inet_ntop(AF_INET6, addr->bytes, out, FORMAT_ADDR_MAX);
}

void
format_enhanced(const uint16_t enhanced[3], char out[FORMAT_ENHANCED_MAX])
{
	out[0] = '\0';
	if (enhanced[0])
		snprintf(out, FORMAT_ENHANCED_MAX, "%u.%u.%u", enhanced[0], enhanced[1],
			enhanced[2]);
}

uint64_t
format_flow_id(uint64_t flow_id)
{
	uint64_t id = (flow_id ^ flow_id >> 53) & FLOW_ID_MASK;

	return id ? id : 1;
}

void
format_community_id(const struct event_flow *flow, char *out, size_t out_len)
{
	struct community_flow tuple = {.source = flow->client,
		.dest = flow->server,
		.source_port = flow->client_port,
		.dest_port = flow->server_port,
		.proto = IPPROTO_TCP};
	char id[COMMUNITY_ID_MAX];

	community_id(&tuple, id);
	snprintf(out, out_len, "%s", id);
}
