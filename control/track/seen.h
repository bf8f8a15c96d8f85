/* A small set of things seen lately, each with the time of the last sight. */
#ifndef SMTAP_CONTROL_TRACK_SEEN_H
#define SMTAP_CONTROL_TRACK_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#define SEEN_THINGS 64

struct seen {
	uint32_t hash[SEEN_THINGS];
	uint32_t last_s[SEEN_THINGS];
	uint32_t len;
};

/*
 * hash was seen at now_s, which never runs back. Its last sight before, or 0
 * when it is new here; then, in a full set, the one seen longest ago goes.
 */
uint32_t seen_add(struct seen *seen, uint32_t hash, uint32_t now_s);

#endif
