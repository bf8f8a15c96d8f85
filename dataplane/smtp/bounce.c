/*
 * bounce: header lines that make a message a bounce although its Content-Type
 * does not say multipart/report (RFC 6522): qmail and old Exim send plain text,
 * Domino and some gateways a mixture of their own. The subject must begin with
 * the words, so that a reply about a bounce is none; a sender is the daemon
 * only by the name that daemons have. patterns/header.yaml 4009 and 4010 hold
 * the same words for people who read them.
 */
#include <string.h>

#include "dataplane/smtp/state.h"

static const char *const subjects[] = {
	"delivery failure", /* Domino, gateways */
	"delivery has failed",
	"delivery notification:", /* Sun, Oracle */
	"delivery status notification",
	"failed mail:",
	"failure notice", /* qmail */
	"mail could not be delivered",
	"mail delivery failed", /* Exim */
	"mail delivery failure",
	"mail delivery system",
	"mail system error",
	"message undeliverable",
	"message not delivered",
	"non-delivery",
	"nondeliverable mail", /* Kerio, MDaemon */
	"returned mail:",      /* Sendmail */
	"undeliverable:",      /* Exchange */
	"undeliverable mail",
	"undeliverable message",
	"undelivered mail returned to sender", /* Postfix */
	"unzustellbar:",                       /* Exchange, by its language */
	"non remis",
	"onbestelbaar:",
	"no se puede entregar:",
	"non recapitabile:",
};

/* How each of them begins, as one set: most subjects begin otherwise. */
#define BEGINS(c) (1u << ((c) - 'a'))
#define SUBJECTS_BEGIN                                                                       \
	(BEGINS('d') | BEGINS('f') | BEGINS('m') | BEGINS('n') | BEGINS('r') | BEGINS('u') | \
		BEGINS('o'))

/* After "mail", with which all of them begin. */
static const char *const daemons[] = {"er-daemon", " delivery system", " delivery subsystem"};

static bool
subject_bounces(const uint8_t *text, size_t len)
{
	while (len > 0 && (*text == ' ' || *text == '\t'))
		text++, len--;
	uint8_t letter = len > 0 ? (uint8_t)((*text | 0x20) - 'a') : 26;
	if (letter >= 26 || !(SUBJECTS_BEGIN >> letter & 1))
		return false;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		if (smtp_caseless_prefix(text, len, subjects[i]))
			return true;
	return false;
}

static bool
from_daemon(const uint8_t *text, size_t len)
{
	for (size_t at = 0; at + 4 < len; at++) {
		if (smtp_folded4(text + at) != SMTP_FOLDED4("mail"))
			continue;
		for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++)
			if (smtp_caseless_prefix(text + at + 4, len - at - 4, daemons[i]))
				return true;
	}
	return false;
}

bool
smtp_bounce_header(const struct line *line)
{
	const uint8_t *d = line->data;

	if (line->len < 5)
		return false;
	/* Most lines are none of the three, which their first characters tell. */
	uint32_t head = smtp_folded4(d);
	if (head == SMTP_FOLDED4("from"))
		return d[4] == ':' && from_daemon(d + 5, line->len - 5);
	if (head == SMTP_FOLDED4("subj"))
		return smtp_caseless_prefix(d, line->len, "subject:") &&
		       subject_bounces(d + 8, line->len - 8);
	return head == SMTP_FOLDED4("x-fa") &&
	       smtp_caseless_prefix(d, line->len, "x-failed-recipients:");
}
