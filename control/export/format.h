/* Times, addresses and codes as people and other tools read them. */
#ifndef SMTAP_CONTROL_EXPORT_FORMAT_H
#define SMTAP_CONTROL_EXPORT_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "contract/addr.h"
#include "contract/event.h"

#define FORMAT_TIME_MAX 48
#define FORMAT_ADDR_MAX 48
#define FORMAT_ENHANCED_MAX 20

/* 2026-11-22T02:07:24.123456+0000; ns since the epoch, at most EVENT_TIME_MAX_NS. */
void format_eve_time(uint64_t ns, char out[FORMAT_TIME_MAX]);

/* 192.0.2.1, or an IPv6 address as RFC 5952 writes it. */
void format_addr(const struct addr *addr, char out[FORMAT_ADDR_MAX]);

/* "5.7.8"; empty when there is none. */
void format_enhanced(const uint16_t enhanced[3], char out[FORMAT_ENHANCED_MAX]);

/* Below 2^53, which is where JSON numbers stop being exact for many readers; never 0. */
uint64_t format_flow_id(uint64_t flow_id);

/* The community id of a session. */
void format_community_id(const struct event_flow *flow, char *out, size_t out_len);

#endif
