/*
 * words: what a refusal says besides its code. Needed because servers put
 * different things under one code: Postfix answers 535 to a wrong password, to
 * bad base64 and to an unknown mechanism alike; others put a wrong password
 * under 550, 553 or 554.
 */
#include <string.h>

#include "base/bytes.h"
#include "dataplane/smtp/state.h"

#define WORDS_TEXT_MAX 256u
#define WORDS_ROOM (WORDS_TEXT_MAX + 8)

struct phrase {
	const char *lower; /* four characters or more */
	uint8_t len;
	uint8_t words;
};

#define PHRASE(lower, words)                      \
	{                                         \
		(lower), sizeof(lower) - 1, words \
	}
#define PHRASES(...)               \
	(const struct phrase[])    \
	{                          \
		__VA_ARGS__,       \
		{                  \
			NULL, 0, 0 \
		}                  \
	}

/* By first letter, so that a word is compared with what begins as it does; NULL: nothing. */
/* clang-format off */
static const struct phrase *const phrases[26] = {
	['a' - 'a'] = PHRASES(
		PHRASE("abort", WORD_SYNTAX),
		PHRASE("another step", WORD_SYNTAX), /* Cyrus SASL: the message was empty or cut */
		PHRASE("auth ", WORD_AUTH),
		PHRASE("auth fail", WORD_FAILED | WORD_AUTH),
		PHRASE("authenticat", WORD_AUTH),
		PHRASE("authentication disabled", WORD_MECHANISM),
		PHRASE("authentication fail", WORD_FAILED),
		PHRASE("authentication is disabled", WORD_MECHANISM),
		PHRASE("authentication unsuccessful", WORD_FAILED),
		PHRASE("authorization fail", WORD_FAILED | WORD_AUTH)),
	['b' - 'a'] = PHRASES(
		PHRASE("bad password", WORD_FAILED | WORD_AUTH),
		PHRASE("bad protocol", WORD_SYNTAX),
		PHRASE("bad user", WORD_FAILED),
		PHRASE("base64", WORD_SYNTAX)),
	['c' - 'a'] = PHRASES(
		PHRASE("cancel", WORD_SYNTAX),
		PHRASE("connection lost", WORD_TEMPORARY),
		PHRASE("credential", WORD_FAILED)),
	['d' - 'a'] = PHRASES(
		PHRASE("decod", WORD_SYNTAX),
		PHRASE("disabled for", WORD_MECHANISM)),
	['e' - 'a'] = PHRASES(
		PHRASE("encryption needed", WORD_MECHANISM),
		PHRASE("encryption required", WORD_MECHANISM)),
	['f' - 'a'] = PHRASES(
		PHRASE("first", WORD_REQUIRED)),
	['i' - 'a'] = PHRASES(
		PHRASE("incorrect", WORD_FAILED),
		PHRASE("invalid authentication mechanism", WORD_MECHANISM),
		PHRASE("invalid login", WORD_FAILED | WORD_AUTH),
		PHRASE("invalid mechanism", WORD_MECHANISM),
		PHRASE("invalid password", WORD_FAILED | WORD_AUTH),
		PHRASE("invalid user", WORD_FAILED)),
	['l' - 'a'] = PHRASES(
		PHRASE("login fail", WORD_FAILED | WORD_AUTH)),
	['m' - 'a'] = PHRASES(
		PHRASE("malformed", WORD_SYNTAX),
		PHRASE("mechanism not", WORD_MECHANISM),
		PHRASE("must issue", WORD_REQUIRED),
		PHRASE("must login", WORD_REQUIRED)),
	['n' - 'a'] = PHRASES(
		PHRASE("no mechanism", WORD_MECHANISM | WORD_AUTH),
		PHRASE("no such mechanism", WORD_MECHANISM | WORD_AUTH),
		PHRASE("not accepted", WORD_FAILED),
		PHRASE("not enabled", WORD_MECHANISM),
		PHRASE("not implemented", WORD_MECHANISM),
		PHRASE("not supported", WORD_MECHANISM)),
	['p' - 'a'] = PHRASES(
		PHRASE("password mismatch", WORD_FAILED | WORD_AUTH)),
	['r' - 'a'] = PHRASES(
		PHRASE("rate limit", WORD_TOO_MANY),
		PHRASE("required", WORD_REQUIRED)),
	['s' - 'a'] = PHRASES(
		PHRASE("sasl", WORD_AUTH),
		PHRASE("syntax", WORD_SYNTAX)),
	['t' - 'a'] = PHRASES(
		PHRASE("temporar", WORD_TEMPORARY),
		PHRASE("too many", WORD_TOO_MANY)),
	['u' - 'a'] = PHRASES(
		PHRASE("unknown authentication", WORD_MECHANISM),
		PHRASE("unknown mechanism", WORD_MECHANISM | WORD_AUTH),
		PHRASE("unrecognized authentication", WORD_MECHANISM),
		PHRASE("unsuccessful", WORD_FAILED),
		PHRASE("unsupported", WORD_MECHANISM)),
	['w' - 'a'] = PHRASES(
		PHRASE("wrong password", WORD_FAILED | WORD_AUTH)),
};
/* clang-format on */

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

/* NULs more, so that a phrase never matches past the end. Returns the length. */
static size_t
fold(char lower[WORDS_ROOM], const uint8_t *text, size_t len)
{
	if (len > WORDS_TEXT_MAX)
		len = WORDS_TEXT_MAX;
	for (size_t i = 0; i < len; i++)
		lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	memset(lower + len, 0, WORDS_ROOM - WORDS_TEXT_MAX);
	return len;
}

static bool
letter(char c)
{
	return (uint8_t)(c - 'a') < 26;
}

/*
 * Does it go on as the phrase does, whose first four characters it has? Eight at once: NULs follow
 * the text, so what is read beyond what is known to be the same is no more than seven of them.
 */
static bool
goes_on(const char *at, const struct phrase *phrase)
{
	size_t len = phrase->len, i = 0;

	if (len < 8)
		return memcmp(at + 4, phrase->lower + 4, len - 4) == 0;
	for (; i + 8 <= len; i += 8)
		if (load_le64(at + i) != load_le64(phrase->lower + i))
			return false;
	return load_le64(at + len - 8) == load_le64(phrase->lower + len - 8);
}

/* What the phrases say that begin at `at`, a letter. */
static unsigned
words_at(const char *at)
{
	const struct phrase *phrase = phrases[at[0] - 'a'];
	unsigned words = 0;

	if (!phrase)
		return 0;
	for (uint32_t head = load_le32(at); phrase->lower; phrase++) {
		if (load_le32(phrase->lower) == head && goes_on(at, phrase))
			words |= phrase->words;
	}
	return words;
}

unsigned
smtp_words(const uint8_t *text, size_t len)
{
	char lower[WORDS_ROOM];
	unsigned words = 0;

	len = fold(lower, text, len);
	/* Phrases begin where words do; a NUL follows the text. */
	for (const char *at = lower, *end = lower + len; at < end; at++) {
		if (!letter(*at))
			continue;
		words |= words_at(at);
		while (letter(at[1]))
			at++;
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
	char lower[WORDS_ROOM];

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
