/* What each detector means, and what to do about a finding. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/engine/internal.h"

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
	[DETECTOR_EXPOSURE] = {"exposure", "An SMTP server offers AUTH in clear to the outside",
		CATEGORY_POLICY, "", 3, 9000017, "sessions"},
};

const struct detector_info *
detector_info(unsigned detector)
{
	return detector < DETECTOR_COUNT ? &infos[detector] : NULL;
}

/* Appends; what does not fit is cut off. */
struct text {
	char *out;
	size_t room;
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) say(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	if (t->len + 1 >= t->room)
		return;
	va_start(args, format);
	n = vsnprintf(t->out + t->len, t->room - t->len, format, args);
	va_end(args);
	if (n < 0)
		return;
	t->len += (size_t)n;
	if (t->len >= t->room)
		t->len = t->room - 1;
}

static void
say_success(struct text *t, const struct finding *i)
{
	if (i->successes == 0)
		return;
	if (i->success_account[0] != '\0')
		say(t,
			" A login as %s worked: change that password now, end its sessions, and "
			"look "
			"for mail sent as %s since.",
			i->success_account, i->success_account);
	else
		say(t, " A login worked, in a session whose account could not be read: find it in "
		       "the server's log, change its password, and look for mail sent since.");
}

static void
advise_source(struct text *t, const struct finding *i)
{
	say(t, "Block %s on the mail ports.", i->subject);
	say_success(t, i);
	if (i->successes == 0 && i->accounts == 1 && i->top_accounts[0].name[0] != '\0')
		say(t,
			" No guess at %s worked; see that its password is strong and not in use "
			"elsewhere.",
			i->top_accounts[0].name);
	else if (i->successes == 0)
		say(t, " No guess worked so far.");
	say(t, " Watch whether its neighbours take over, and limit failures per address on the "
	       "server.");
}

static void
advise_stuffing(struct text *t, const struct finding *i)
{
	say(t, "Block %s on the mail ports. It has a list of stolen account and password pairs.",
		i->subject);
	say_success(t, i);
	say(t, " Have the accounts on the list change passwords that they use elsewhere, and "
	       "require a second factor.");
}

static void
advise_distributed(struct text *t, const struct finding *i)
{
	if (i->subject_type == SUBJECT_ACCOUNT)
		say(t,
			"Many sources guess at %s; blocking one does not help. Give the account a "
			"strong password or a new name, require a second factor, and limit "
			"failures "
			"per account.",
			i->subject);
	else
		say(t,
			"Many sources guess at accounts of %s, each too little to be blocked. "
			"Limit "
			"failures per account, require a second factor, and offer AUTH only where "
			"users need it.",
			i->subject);
	say_success(t, i);
}

static void
advise_compromise(struct text *t, const struct finding *i)
{
	bool account = i->subject_type == SUBJECT_ACCOUNT;

	if (account)
		say(t,
			"Change the password of %s now, end its sessions, and revoke its "
			"application "
			"passwords.",
			i->subject);
	else
		say(t,
			"Block %s. It logged in to an account that could not be read from the "
			"wire: "
			"find it in the server's log and change its password now.",
			i->subject);
	if (account && i->top_sources[0].name[0] != '\0')
		say(t, " Block %s.", i->top_sources[0].name);
	say(t, " Then look for mail sent with it since, from any address, for forwarding rules "
	       "that "
	       "it did not have, and for its mail still in the queue.");
}

static void
advise_stale(struct text *t, const struct finding *i)
{
	const char *account = i->top_accounts[0].name;

	say(t, "Nobody is guessing. Find the device or program at %s and give it the new password",
		i->subject);
	if (account[0] != '\0')
		say(t, " of %s", account);
	say(t, "; until then it hides real failures in the logs.");
}

size_t
finding_advice(const struct finding *finding, char *out, size_t out_len)
{
	struct text t = {out, out_len, 0};

	if (out_len == 0)
		return 0;
	out[0] = '\0';
	if (finding->detector >= DETECTOR_TRACKED_FIRST && finding->detector < DETECTOR_COUNT)
		return tracked_advice(finding, out, out_len);
	switch ((enum detector)finding->detector) {
	case DETECTOR_BRUTEFORCE:
	case DETECTOR_SPRAY:
		advise_source(&t, finding);
		break;
	case DETECTOR_STUFFING:
		advise_stuffing(&t, finding);
		break;
	case DETECTOR_DISTRIBUTED:
		advise_distributed(&t, finding);
		break;
	case DETECTOR_COMPROMISE:
		advise_compromise(&t, finding);
		break;
	case DETECTOR_STALE_CREDENTIAL:
		advise_stale(&t, finding);
		break;
#define X(id, name) case DETECTOR_##id:
		TRACKED_DETECTORS(X)
#undef X
	case DETECTOR_COUNT:
		break;
	}
	return t.len;
}
