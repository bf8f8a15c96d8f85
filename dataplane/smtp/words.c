/*
 * words: what a refusal says besides its code. Needed because servers put
 * different things under one code: Postfix answers 535 to a wrong password, to
 * bad base64 and to an unknown mechanism alike; others put a wrong password
 * under 550, 553 or 554.
 */
#include <string.h>

#include "dataplane/smtp/state.h"

#define WORDS_TEXT_MAX 256u

struct phrase {
	const char *lower;
	uint8_t words;
};

/* By first letter, so that a text is walked once. */
static const struct phrase phrases[] = {
	{"abort", WORD_SYNTAX},
	{"another step", WORD_SYNTAX}, /* Cyrus SASL: the message was empty or cut */
	{"auth ", WORD_AUTH},
	{"auth fail", WORD_FAILED | WORD_AUTH},
	{"authenticat", WORD_AUTH},
	{"authentication disabled", WORD_MECHANISM},
	{"authentication fail", WORD_FAILED},
	{"authentication is disabled", WORD_MECHANISM},
	{"authentication unsuccessful", WORD_FAILED},
	{"authorization fail", WORD_FAILED | WORD_AUTH},
	{"bad password", WORD_FAILED | WORD_AUTH},
	{"bad protocol", WORD_SYNTAX},
	{"bad user", WORD_FAILED},
	{"base64", WORD_SYNTAX},
	{"cancel", WORD_SYNTAX},
	{"connection lost", WORD_TEMPORARY},
	{"credential", WORD_FAILED},
	{"decod", WORD_SYNTAX},
	{"disabled for", WORD_MECHANISM},
	{"encryption needed", WORD_MECHANISM},
	{"encryption required", WORD_MECHANISM},
	{"first", WORD_REQUIRED},
	{"incorrect", WORD_FAILED},
	{"invalid authentication mechanism", WORD_MECHANISM},
	{"invalid login", WORD_FAILED | WORD_AUTH},
	{"invalid mechanism", WORD_MECHANISM},
	{"invalid password", WORD_FAILED | WORD_AUTH},
	{"invalid user", WORD_FAILED},
	{"login fail", WORD_FAILED | WORD_AUTH},
	{"malformed", WORD_SYNTAX},
	{"mechanism not", WORD_MECHANISM},
	{"must issue", WORD_REQUIRED},
	{"must login", WORD_REQUIRED},
	{"no mechanism", WORD_MECHANISM | WORD_AUTH},
	{"no such mechanism", WORD_MECHANISM | WORD_AUTH},
	{"not accepted", WORD_FAILED},
	{"not enabled", WORD_MECHANISM},
	{"not implemented", WORD_MECHANISM},
	{"not supported", WORD_MECHANISM},
	{"password mismatch", WORD_FAILED | WORD_AUTH},
	{"rate limit", WORD_TOO_MANY},
	{"required", WORD_REQUIRED},
	{"sasl", WORD_AUTH},
	{"syntax", WORD_SYNTAX},
	{"temporar", WORD_TEMPORARY},
	{"too many", WORD_TOO_MANY},
	{"unknown authentication", WORD_MECHANISM},
	{"unknown mechanism", WORD_MECHANISM | WORD_AUTH},
	{"unrecognized authentication", WORD_MECHANISM},
	{"unsuccessful", WORD_FAILED},
	{"unsupported", WORD_MECHANISM},
	{"wrong password", WORD_FAILED | WORD_AUTH},
};

#define PHRASE_COUNT (sizeof(phrases) / sizeof(phrases[0]))

/* Of servers that give no enhanced code: Exim, qmail, hMailServer and their like. */
static const char *const policies[] = {
	"administrative prohib", /* Exim, where the rule has no words of its own */
	"authenticat",
	"banned",
	"black list",
	"blacklist",
	"block list",
	"blocked by",
	"blocked using",
	"blocklist",
	"dnsbl",
	"greylist",
	"helo",
	"is listed",
	"listed at",
	"rbl",
	"rcpthosts", /* qmail */
	"relay",
	"reputation",
	"reverse dns",
	"sender",
	"spam",
	"spf",
};

#define POLICY_COUNT (sizeof(policies) / sizeof(policies[0]))

/* One NUL more, so that a phrase never matches past the end. Returns the length. */
static size_t
fold(char lower[WORDS_TEXT_MAX + 1], const uint8_t *text, size_t len)
{
	if (len > WORDS_TEXT_MAX)
		len = WORDS_TEXT_MAX;
	for (size_t i = 0; i < len; i++)
		lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	lower[len] = '\0';
	return len;
}

unsigned
smtp_words(const uint8_t *text, size_t len)
{
	char lower[WORDS_TEXT_MAX + 1];
	unsigned words = 0;

	len = fold(lower, text, len);
	for (size_t i = 0; i < len; i++) {
		/* Phrases begin where words do. */
		if (i > 0 && lower[i - 1] >= 'a' && lower[i - 1] <= 'z')
			continue;
		for (size_t k = 0; k < PHRASE_COUNT && phrases[k].lower[0] <= lower[i]; k++) {
			if (phrases[k].lower[0] == lower[i] &&
				strncmp(lower + i, phrases[k].lower, strlen(phrases[k].lower)) == 0)
				words |= phrases[k].words;
		}
	}
	return words;
}

/* A recipient may be called relay or spam: what has an @ in it says nothing. */
static void
blank_addresses(char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t word = strcspn(text + i, " \t");

		if (memchr(text + i, '@', word) != NULL)
			memset(text + i, ' ', word);
		i += word + 1;
	}
}

unsigned
smtp_words_policy(const uint8_t *text, size_t len)
{
	char lower[WORDS_TEXT_MAX + 1];

	len = fold(lower, text, len);
	if (strlen(lower) < len)
		return 0;
	blank_addresses(lower, len);
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && lower[i - 1] >= 'a' && lower[i - 1] <= 'z')
			continue;
		for (size_t k = 0; k < POLICY_COUNT; k++)
			if (strncmp(lower + i, policies[k], strlen(policies[k])) == 0)
				return WORD_POLICY;
	}
	return 0;
}
