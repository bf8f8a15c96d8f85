/* What to do about findings of the detectors of track. %s is the subject. */
#include <string.h>

#include "control/engine/internal.h"

/* The subject stands between the two. */
struct advice {
	const char *before;
	const char *after;
};

static const struct advice advices[DETECTOR_COUNT] = {
	[DETECTOR_SLOW] = {"Block ",
		" on the mail ports. It guesses passwords so slowly that limits per minute do not "
		"see it: limit failures per day, and see that the accounts it tries have strong "
		"passwords and a second factor."},
	[DETECTOR_RELAY_BURST] = {"Suspend sending for ",
		", change its password and end its sessions, unless its owner knows of this "
		"mailing. Then take what it sent out of the queue, and look at the sources named "
		"here for other accounts that they use."},
	[DETECTOR_OPEN_RELAY] = {"Close the relay on ",
		": let it take mail for its own domains only, and for others after AUTH or from "
		"named networks. Flush its queue, block the sources named here, and ask for "
		"delisting where it was listed meanwhile."},
	[DETECTOR_BOUNCE_WAVE] = {"Bounces flood ",
		". If it sent the mail that bounces, its password is known: change it. If not, its "
		"address was forged: publish SPF with DMARC reject, sign return paths (BATV), and "
		"refuse bounces to addresses that never send."},
	[DETECTOR_SMTP_SCAN] = {"Block ",
		" on the mail ports, or watch it: who scans now comes back to guess. See that "
		"every "
		"server that it reached is meant to be reachable, and patched."},
	[DETECTOR_ENUMERATION] = {"Block ",
		" on the mail ports. Switch off VRFY and EXPN, delay sessions after a few unknown "
		"recipients, and expect guesses and phishing at the users that it found."},
	[DETECTOR_AUTH_SPIKE] = {"Failing logins at ",
		" are far above what this server always sees. Look for other incidents at it now; "
		"if there are none, see whether its password check or a client's settings broke."},
	[DETECTOR_LONG_SESSION] = {"Block ",
		" or limit its connections: it holds sessions that say nothing, to use up the "
		"server's slots. Shorten the server's command timeout under load."},
	[DETECTOR_HELO_CHURN] = {"Sessions from ",
		" name themselves anew each time, as spam bots do. Reject HELO names that do not "
		"resolve, and block the network if no honest mail comes from it."},
	[DETECTOR_OUTBOUND_FANOUT] = {"See what runs on ",
		": it speaks to many mail servers outside. A desktop that does is infected: take "
		"it "
		"off the network and close port 25 outbound but for mail servers. A mail server "
		"that does is relaying for somebody: look into its queue."},
	[DETECTOR_BLOCKLISTED] = {"Other servers refuse ",
		" because it is on a blocklist. Stop the spam first (look for relaying or a stolen "
		"account), flush the queue, then ask the list that the refusals name to delist "
		"it."},
	[DETECTOR_DISTRIBUTED_PREFIX] = {"Block all of ",
		" on the mail ports: one owner guesses from a new network of it each time, so "
		"blocking addresses or /64s does not help. Limit failures per account and by IPv6 "
		"prefix, and report it to its provider."},
	[DETECTOR_EXPOSURE] = {"Offer AUTH on ",
		" only after STARTTLS, or on port 465: it offers it in clear, where everybody on "
		"the way can read the passwords. Change those that were sent."},
};

static const struct advice slow_server = {"Many sources guess passwords at ",
	", each so slowly that no limit sees it. Limit failures per account and per day, require a "
	"second factor, and compare the sources named here with who logs in: what only fails can "
	"be blocked."};

/* Where the kind says more than the detector. */
static const struct advice kinds[KIND_COUNT] = {
	[KIND_LOOP] = {"The same few servers send bounces to ",
		" over and over: a loop. Stop the queue between the two, find the forwarding or "
		"automatic answer that each end has for the other, and see that nothing answers "
		"mail with the null sender."},
	[KIND_OLD_VERSION] = {"Upgrade the mail server on ",
		": its greeting names a version that is no longer maintained, so holes that were "
		"found since stay open; the pattern named here says which. Until then keep it "
		"behind a relay that is maintained."},
	[KIND_MANGLED_TLS] = {"Something on the way to ",
		" takes STARTTLS out of the session, so passwords and mail go in clear. Most "
		"often it is a firewall that inspects SMTP (Cisco ASA or PIX: inspect esmtp "
		"without allow-tls, fixup smtp): switch that off. If you have none, somebody is "
		"listening."},
};

static const struct advice *
advice_for(const struct finding *finding)
{
	if (finding->detector == DETECTOR_SLOW && finding->subject_type == SUBJECT_SERVER)
		return &slow_server;
	if (finding->kind < KIND_COUNT && kinds[finding->kind].before != NULL)
		return &kinds[finding->kind];
	return &advices[finding->detector];
}

size_t
tracked_advice(const struct finding *finding, char *out, size_t out_len)
{
	const struct advice *a = advice_for(finding);
	const char *parts[] = {a->before, finding->subject, a->after};
	size_t len = 0;

	for (unsigned i = 0; i < 3; i++) {
		size_t n = strlen(parts[i]);

		if (n > out_len - 1 - len)
			n = out_len - 1 - len;
		memcpy(out + len, parts[i], n);
		len += n;
	}
	out[len] = '\0';
	return len;
}
