#include "control/track/seen.h"

uint32_t
seen_add(struct seen *seen, uint32_t hash, uint32_t now_s)
{
	uint32_t oldest = 0;
	uint32_t at = 0;
	uint32_t before = 0;

	while (at < seen->len && seen->hash[at] != hash) {
		if (seen->last_s[at] < seen->last_s[oldest])
			oldest = at;
		at++;
	}
	if (at < seen->len)
		before = seen->last_s[at];
	else if (seen->len < SEEN_THINGS)
		seen->len++;
	else
		at = oldest;
	seen->hash[at] = hash;
	seen->last_s[at] = now_s;
	return before;
}
