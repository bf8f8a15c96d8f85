/* The part that each detector's findings play in an attack. */
#include "control/chain/chain.h"
#include "control/detect/detect.h"

static const struct chain_trait traits[DETECTOR_COUNT] = {
	[DETECTOR_SMTP_SCAN] = {.stage = STAGE_SCAN},
	[DETECTOR_ENUMERATION] = {.stage = STAGE_SCAN},
	[DETECTOR_BRUTEFORCE] = {.stage = STAGE_GUESSING},
	[DETECTOR_SPRAY] = {.stage = STAGE_GUESSING},
	[DETECTOR_STUFFING] = {.stage = STAGE_GUESSING},
	[DETECTOR_DISTRIBUTED] = {.stage = STAGE_GUESSING},
	[DETECTOR_DISTRIBUTED_PREFIX] = {.stage = STAGE_GUESSING},
	[DETECTOR_SLOW] = {.stage = STAGE_GUESSING},
	[DETECTOR_AUTH_SPIKE] = {.stage = STAGE_GUESSING},
	[DETECTOR_COMPROMISE] = {.stage = STAGE_SUCCESS},
	[DETECTOR_RELAY_BURST] = {.stage = STAGE_RELAY},
	[DETECTOR_OPEN_RELAY] = {.stage = STAGE_RELAY},
	[DETECTOR_OUTBOUND_FANOUT] = {.stage = STAGE_RELAY, .inward = true},
	[DETECTOR_BOUNCE_WAVE] = {.stage = STAGE_BOUNCES, .echo = true},
	[DETECTOR_BLOCKLISTED] = {.stage = STAGE_BLOCKLISTED, .inward = true},
	[DETECTOR_LONG_SESSION] = {.stage = STAGE_NONE},
	[DETECTOR_HELO_CHURN] = {.stage = STAGE_NONE},
	/* A forgotten device and a server's settings are nobody's attack. */
	[DETECTOR_STALE_CREDENTIAL] = {.alone = true},
	[DETECTOR_EXPOSURE] = {.alone = true},
};

const struct chain_trait *
chain_trait_of(unsigned detector)
{
	return &traits[detector];
}
