#include "dataplane/io/edge.h"

#include "dataplane/io/defrag.h"

#include <string.h>

/* Fragments within fragments: more rounds than any tunnel needs. */
#define DEFRAG_ROUNDS_MAX 4

/*
 * Fragments in fragments are put together DEFRAG_ROUNDS_MAX deep: what is still one then is
 * dropped.
 */
bool
defrag_decode(struct defrag *d, struct defrag_packet *packet, struct decode_packet *decoded,
	enum decode_verdict *verdict)
{
	enum decode_verdict v =
		decode_packet(d->decode, packet->meta.link, packet->data, packet->len, decoded);

	for (int i = 0; v == DECODE_FRAGMENT && i < DEFRAG_ROUNDS_MAX; i++) {
		struct span whole;
		if (!frag_input(d->frag, decoded, packet->data, packet->len,
			    packet->meta.times.clock_ns, &whole))
			return false;
		memcpy(d->rebuilt, whole.data, whole.len);
		packet->data = d->rebuilt;
		packet->len = (uint32_t)whole.len;
		packet->meta.link = DECODE_LINK_IP;
		packet->meta.rebuilt = 1;
		v = decode_packet(d->decode, DECODE_LINK_IP, packet->data, packet->len, decoded);
	}
	if (v == DECODE_FRAGMENT)
		counter_add(d->counters, COUNTER_FRAG_DROP, 1);
	*verdict = v;
	return v != DECODE_FRAGMENT;
}
