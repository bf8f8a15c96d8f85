/*
 * The detectors by name: control/detect has their code; the configuration names
 * them, in rules that suppress and allow.
 */
#ifndef SMTAP_CONFIG_DETECTORS_H
#define SMTAP_CONFIG_DETECTORS_H

/* In the order in which they are asked: compromise sees what the ones before it opened. */
#define DETECTORS(X)                \
	X(BRUTEFORCE, bruteforce)   \
	X(SPRAY, spray)             \
	X(STUFFING, stuffing)       \
	X(DISTRIBUTED, distributed) \
	X(COMPROMISE, compromise)   \
	X(STALE_CREDENTIAL, stale_credential)

/*
 * Those that look at more than password attempts: detect/tracked.h. What is
 * called NAME_prefix is a part of NAME, and told under that name.
 */
#define TRACKED_DETECTORS(X)                \
	X(SLOW, slow)                       \
	X(RELAY_BURST, relay_burst)         \
	X(OPEN_RELAY, open_relay)           \
	X(BOUNCE_WAVE, bounce_wave)         \
	X(SMTP_SCAN, smtp_scan)             \
	X(ENUMERATION, enumeration)         \
	X(AUTH_SPIKE, auth_spike)           \
	X(LONG_SESSION, long_session)       \
	X(HELO_CHURN, helo_churn)           \
	X(OUTBOUND_FANOUT, outbound_fanout) \
	X(BLOCKLISTED, blocklisted)         \
	X(EXPOSURE, exposure)               \
	X(DISTRIBUTED_PREFIX, distributed_prefix)

/* Named by rules alone, after the others: alerts of patterns, which are no findings. */
#define RULE_DETECTORS(X) X(SIGNATURE, signature)

#endif
