/* A run of bytes that somebody else owns. */
#ifndef SMTAP_BASE_SPAN_H
#define SMTAP_BASE_SPAN_H

#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *data;
	size_t len;
};

#endif
