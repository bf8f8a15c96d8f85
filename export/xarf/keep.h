/* Private to xarf: how many reports stay, and how long. */
#ifndef SMTAP_EXPORT_XARF_KEEP_H
#define SMTAP_EXPORT_XARF_KEEP_H

#include <stddef.h>
#include <stdint.h>

struct keep {
	uint64_t age_ns; /* since it was last written */
	uint64_t files;  /* at most */
	uint64_t bytes;  /* of all of them, at most */
};

/* What there is, and what was removed: for its age, and for the room. */
struct kept {
	uint64_t files;
	uint64_t bytes;
	uint64_t old;
	uint64_t crowded;
};

/*
 * Removes the reports of a folder that are too old, and then the oldest until the others are few
 * enough; what is no report stays. now_ns: wall time. 0, or -errno: not all was looked at.
 */
int keep_within(int folder, const struct keep *keep, uint64_t now_ns, struct kept *kept);

#endif
