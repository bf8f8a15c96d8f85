/* Who a tracker is about, as exported. */
#include <arpa/inet.h>
#include <string.h>

#include "control/track/track.h"

void
track_name(const struct track *t, const struct track_subject *s, char out[SUBJECT_NAME_MAX + 1])
{
	bool v4 = addr_is_v4(&s->addr);

	if (s->type == SUBJECT_ACCOUNT) {
		memcpy(out, t->names[track_index(t, s) - t->config->aggr_trackers],
			SUBJECT_NAME_MAX + 1);
		return;
	}
	inet_ntop(
		v4 ? AF_INET : AF_INET6, s->addr.bytes + (v4 ? 12 : 0), out, SUBJECT_NAME_MAX + 1);
	if (s->type == SUBJECT_PREFIX)
		strcat(out, v4                          ? "/24"
			    : s->kind == KIND_PREFIX_56 ? "/56"
			    : s->kind == KIND_PREFIX_48 ? "/48"
							: "/64");
}
