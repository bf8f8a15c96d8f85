/* What each detector means, and what to do about a finding. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/engine/internal.h"

static void
say_success(struct text *t, const struct finding *i)
{
	if (i->successes == 0)
		return;
	if (i->success_account[0] != '\0')
		text_add(t,
			" A login as %s worked: change that password now, end its sessions, and "
			"look "
			"for mail sent as %s since.",
			i->success_account, i->success_account);
	else
		text_add(t,
			" A login worked, in a session whose account could not be read: find it in "
			"the server's log, change its password, and look for mail sent since.");
}

/* Only what was seen: a reply that was not may have let somebody in. */
static void
say_no_success(struct text *t, const struct finding *i)
{
	if (i->successes > 0)
		return;
	if (i->failures == 0) {
		text_add(t,
			" Whether a guess worked was not seen: look in the server's log for logins "
			"from there.");
		return;
	}
	if (i->accounts == 1 && i->top_accounts[0].name[0] != '\0')
		text_add(t,
			" No guess at %s %s; see that its password is strong and not in use "
			"elsewhere.",
			i->top_accounts[0].name,
			i->failures < i->attempts ? "was seen to work" : "worked");
	else
		text_add(t, " No guess %s so far.",
			i->failures < i->attempts ? "was seen to work" : "worked");
}

static void
advise_source(struct text *t, const struct finding *i)
{
	text_add(t, "Block %s on the mail ports.", i->subject);
	say_success(t, i);
	say_no_success(t, i);
	text_add(t,
		" Watch whether its neighbours take over, and limit failures per address on the "
		"server.");
}

static void
advise_stuffing(struct text *t, const struct finding *i)
{
	text_add(t,
		"Block %s on the mail ports. It has a list of stolen account and password pairs.",
		i->subject);
	say_success(t, i);
	text_add(t, " Have the accounts on the list change passwords that they use elsewhere, and "
		    "require a second factor.");
}

static void
advise_distributed(struct text *t, const struct finding *i)
{
	if (i->subject_type == SUBJECT_ACCOUNT)
		text_add(t,
			"Many sources guess at %s; blocking one does not help. Give the account a "
			"strong password or a new name, require a second factor, and limit "
			"failures "
			"per account.",
			i->subject);
	else
		text_add(t,
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
		text_add(t,
			"Change the password of %s now, end its sessions, and revoke its "
			"application "
			"passwords.",
			i->subject);
	else
		text_add(t,
			"Block %s. It logged in to an account that could not be read from the "
			"wire: "
			"find it in the server's log and change its password now.",
			i->subject);
	if (account && i->top_sources[0].name[0] != '\0' &&
		!advice_beside(i->top_sources[0].name, i->top_targets[0].name))
		text_add(t, " Block %s.", i->top_sources[0].name);
	text_add(t,
		" Then look for mail sent with it since, from any address, for forwarding rules "
		"that "
		"it did not have, and for its mail still in the queue.");
}

static void
advise_stale(struct text *t, const struct finding *i)
{
	const char *account = i->top_accounts[0].name;

	text_add(t,
		"Nobody is guessing. Find the device or program at %s and give it the new password",
		i->subject);
	if (account[0] != '\0')
		text_add(t, " of %s", account);
	text_add(t, "; until then it hides real failures in the logs.");
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
