/* What each detector means. */
#include "control/detect/info.h"

#include <stddef.h>

#include "control/detect/detect.h"

#define CATEGORY_ATTEMPT "Attempted User Privilege Gain"
#define CATEGORY_SUCCESS "Successful User Privilege Gain"
#define CATEGORY_MISC "Misc activity"
#define CATEGORY_SCAN "Detection of a Network Scan"
#define CATEGORY_POLICY "Potential Corporate Privacy Violation"
#define CATEGORY_LEAK "Attempted Information Leak"
#define CATEGORY_DOS "Attempted Denial of Service"
#define CATEGORY_BAD "Potentially Bad Traffic"

/* Signature ids stay with their detector for ever: sites suppress and count by them. */
static const struct detector_info infos[DETECTOR_COUNT] = {
	[DETECTOR_BRUTEFORCE] = {"bruteforce", "SMTP AUTH password guessing from one source",
		CATEGORY_ATTEMPT, "T1110.001", 2, 9000001},
	[DETECTOR_SPRAY] = {"spray", "SMTP AUTH password spray: few passwords over many accounts",
		CATEGORY_ATTEMPT, "T1110.003", 2, 9000002},
	[DETECTOR_STUFFING] = {"stuffing", "SMTP AUTH credential stuffing: a list of stolen pairs",
		CATEGORY_ATTEMPT, "T1110.004", 2, 9000003},
	[DETECTOR_DISTRIBUTED] = {"distributed", "SMTP AUTH password guessing from many sources",
		CATEGORY_ATTEMPT, "T1110", 2, 9000004},
	[DETECTOR_COMPROMISE] = {"compromise", "SMTP account taken over: a guessed password worked",
		CATEGORY_SUCCESS, "T1078", 1, 9000006},
	[DETECTOR_STALE_CREDENTIAL] = {"stale_credential",
		"A client repeats one wrong SMTP password: a forgotten credential", CATEGORY_MISC,
		"", 3, 9000018},
	[DETECTOR_SLOW] = {"slow", "SMTP AUTH password guessing, slowly, for hours",
		CATEGORY_ATTEMPT, "T1110", 2, 9000005, "guesses"},
	[DETECTOR_RELAY_BURST] = {"relay_burst",
		"An SMTP account sends to many foreign recipients at once", CATEGORY_BAD,
		"T1078,T1534", 1, 9000007, "foreign recipients"},
	[DETECTOR_OPEN_RELAY] = {"open_relay",
		"An SMTP server passes on strangers' mail without AUTH: an open relay",
		CATEGORY_BAD, "T1584", 1, 9000008, "foreign recipients"},
	[DETECTOR_BOUNCE_WAVE] = {"bounce_wave", "A wave of bounces", CATEGORY_BAD, "", 2, 9000009,
		"bounces"},
	[DETECTOR_SMTP_SCAN] = {"smtp_scan", "One source looks at many SMTP servers", CATEGORY_SCAN,
		"T1595.001", 3, 9000010, "connections"},
	[DETECTOR_ENUMERATION] = {"enumeration", "SMTP user enumeration", CATEGORY_LEAK,
		"T1589.002", 2, 9000011, "probes"},
	[DETECTOR_AUTH_SPIKE] = {"auth_spike",
		"Failing SMTP AUTH far above the server's own baseline", CATEGORY_ATTEMPT, "T1110",
		3, 9000012, "failed attempts"},
	[DETECTOR_LONG_SESSION] = {"long_session", "SMTP sessions that hold slots and say nothing",
		CATEGORY_DOS, "T1499", 2, 9000013, "sessions"},
	[DETECTOR_HELO_CHURN] = {"helo_churn", "One prefix, many SMTP HELO names", CATEGORY_BAD, "",
		3, 9000014, "sessions"},
	[DETECTOR_OUTBOUND_FANOUT] = {"outbound_fanout",
		"A host of ours speaks SMTP to many servers outside", CATEGORY_BAD, "", 2, 9000015,
		"sessions"},
	[DETECTOR_BLOCKLISTED] = {"blocklisted",
		"Remote SMTP servers refuse one of ours as blocklisted", CATEGORY_BAD, "", 2,
		9000016, "refusals"},
	[DETECTOR_DISTRIBUTED_PREFIX] = {"distributed",
		"SMTP AUTH password guessing from many networks of one IPv6 prefix",
		CATEGORY_ATTEMPT, "T1110", 2, 9000019, "guesses"},
	[DETECTOR_EXPOSURE] = {"exposure", "A weakness that an SMTP server shows to the outside",
		CATEGORY_POLICY, "", 3, 9000017, "sessions"},
};

const struct detector_info *
detector_info(unsigned detector)
{
	return detector < DETECTOR_COUNT ? &infos[detector] : NULL;
}
