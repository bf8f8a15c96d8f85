#include "export/sink/id.h"

#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#define ID_HASH_BYTES 8

void
sink_id(const struct sink_alert *alert, const char *sensor, char out[SINK_ID_MAX])
{
	struct sha256_ctx hash;
	uint8_t digest[ID_HASH_BYTES];
	int n;

	sha256_init(&hash);
	sha256_update(&hash, strlen(sensor) + 1, (const uint8_t *)sensor);
	sha256_update(&hash, alert->line_len, (const uint8_t *)alert->line);
	sha256_digest(&hash, sizeof(digest), digest);
	n = snprintf(out, SINK_ID_MAX, "%" PRIu64 "-", alert->seq);
	for (unsigned i = 0; i < ID_HASH_BYTES; i++)
		n += snprintf(out + n, SINK_ID_MAX - (size_t)n, "%02x", digest[i]);
}
