/* Community ID, version 1, seed 0: one name for a connection that all tools share. */
#ifndef SMTAP_CONTROL_EXPORT_COMMUNITY_ID_H
#define SMTAP_CONTROL_EXPORT_COMMUNITY_ID_H

#include <stddef.h>
#include <stdint.h>

#include "contract/addr.h"

/* "1:" and the Base64 of a SHA-1, with the NUL. */
#define COMMUNITY_ID_MAX 31

struct community_flow {
	struct addr source;
	struct addr dest;
	uint16_t source_port; /* ICMP: the type */
	uint16_t dest_port;   /* ICMP: the code */
	uint8_t proto;        /* as in IP: 6 TCP, 17 UDP, 132 SCTP, 1 ICMP, 58 ICMPv6 */
};

void community_id(const struct community_flow *flow, char out[COMMUNITY_ID_MAX]);

#endif
