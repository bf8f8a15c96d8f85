/*
 * outcome: how an attempt ended, from its final reply (doc/man/smtap-eve.5; RFC
 * 4954 4 and 6). The code decides where it can; where servers disagree about a
 * code, its enhanced code and its wording do.
 */
#include "dataplane/smtp/state.h"

/* enum reading: what a code means before its words are looked at. */
enum reading {
	READ_WORDS,  /* the words decide; without any, it was refused */
	READ_FAILED, /* a credential was refused, unless the words say that none was looked at */
	READ_REFUSED,
	READ_SYNTAX, /* cancelled or malformed, unless the words speak of a credential */
};

static const struct {
	uint16_t code;
	uint8_t reading;
} codes[] = {
	{500, READ_REFUSED}, /* no such command */
	{501, READ_SYNTAX},  /* RFC 4954 4: cancelled, or not base64 */
	{502, READ_REFUSED}, /* not implemented */
	{503, READ_REFUSED}, /* already authenticated, or authentication not enabled */
	{504, READ_REFUSED}, /* unknown mechanism */
	{523, READ_REFUSED}, /* RFC 5248: encryption needed */
	{525, READ_FAILED},  /* RFC 5248: the account is disabled */
	{534, READ_REFUSED}, /* mechanism too weak; or the account wants another way in */
	{535, READ_FAILED}, {538, READ_REFUSED}, /* encryption required */
};

static enum reading
code_reading(uint16_t code)
{
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return (enum reading)codes[i].reading;
	return READ_WORDS;
}

/* RFC 4954 6 and RFC 5248: 5.7.8 and 5.7.13 are about the credential. */
static bool
enhanced_is(const struct reply *reply, unsigned subject, unsigned detail)
{
	uint16_t e[3];

	smtp_enhanced_unpack(reply->enhanced, e);
	return e[0] == 5 && e[1] == subject && e[2] == detail;
}

/* A 5xx that says why no credential was looked at; OUTCOME_UNKNOWN when it does not. */
static enum event_outcome
unchecked(unsigned words)
{
	if (words & WORD_TEMPORARY)
		return OUTCOME_THROTTLED;
	if (words & WORD_MECHANISM)
		return OUTCOME_REFUSED;
	if (words & WORD_SYNTAX)
		return OUTCOME_ABORTED;
	if ((words & WORD_TOO_MANY) && !(words & WORD_FAILED))
		return OUTCOME_THROTTLED;
	return OUTCOME_UNKNOWN;
}

enum event_outcome
smtp_outcome(const struct reply *reply, bool cancelled, bool *no_check)
{
	enum event_outcome why;

	*no_check = true;
	if (reply->code >= 200 && reply->code < 300) {
		/* RFC 4954 says 235; any 2xx is completion (RFC 5321 4.2.1), but 221 is goodbye. */
		*no_check = reply->code == 221;
		return reply->code == 221 ? OUTCOME_THROTTLED : OUTCOME_SUCCESS;
	}
	if (reply->code < 500)
		return OUTCOME_THROTTLED;
	if (cancelled)
		return OUTCOME_ABORTED;
	switch (code_reading(reply->code)) {
	case READ_REFUSED:
		return OUTCOME_REFUSED;
	case READ_SYNTAX:
		if (!(reply->words & WORD_FAILED) || (reply->words & WORD_SYNTAX))
			return OUTCOME_ABORTED;
		break;
	case READ_FAILED:
		why = unchecked(reply->words);
		if (why != OUTCOME_UNKNOWN)
			return why;
		break;
	case READ_WORDS:
		why = unchecked(reply->words);
		if (why != OUTCOME_UNKNOWN)
			return why;
		if (!(reply->words & WORD_FAILED) && !enhanced_is(reply, 7, 8) &&
			!enhanced_is(reply, 7, 13))
			return OUTCOME_REFUSED;
		break;
	}
	*no_check = false;
	return OUTCOME_FAILURE;
}
