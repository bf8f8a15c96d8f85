/*
 * sasl_guess: the mechanism of an AUTH whose command was not seen, from what
 * the server asks (RFC 4954 4: the 334's text is the challenge in base64) or
 * from the client's first message.
 */
#include <string.h>

#include "base/base64.h"
#include "dataplane/smtp/sasl.h"

#define PROMPT_MAX 1024u

static bool
contains(const uint8_t *data, size_t len, const char *lower)
{
	size_t n = strlen(lower);

	for (size_t i = 0; i + n <= len; i++) {
		size_t k = 0;
		while (k < n) {
			uint8_t c = data[i + k];
			if (c >= 'A' && c <= 'Z')
				c = (uint8_t)(c + 32);
			if (c != (uint8_t)lower[k])
				break;
			k++;
		}
		if (k == n)
			return true;
	}
	return false;
}

static bool
printable(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		/* High bytes: a prompt in another language. "User Name\0": Exchange's. */
		bool last_nul = data[i] == 0 && i + 1 == len;
		if ((data[i] < 0x20 || data[i] == 0x7f) && !last_nul)
			return false;
	}
	return true;
}

/* RFC 2195 2: "<" unique "." clock "@" host ">". */
static bool
is_cram(const uint8_t *m, size_t len)
{
	return len > 4 && m[0] == '<' && m[len - 1] == '>' && memchr(m, '@', len) &&
	       !memchr(m, ' ', len);
}

/* RFC 5802 5.1: r=nonce,s=salt,i=count; the client's part may have been lost. */
static bool
is_scram(const uint8_t *m, size_t len)
{
	return len > 8 && m[0] == 'r' && m[1] == '=' && contains(m, len, ",s=") &&
	       contains(m, len, ",i=");
}

static enum sasl_mechanism
challenge_mechanism(const uint8_t *m, size_t len)
{
	if (len >= 8 && memcmp(m, "NTLMSSP\0", 8) == 0)
		return SASL_NTLM;
	if (is_cram(m, len))
		return SASL_CRAM;
	if (contains(m, len, "nonce=") &&
		(contains(m, len, "algorithm=") || contains(m, len, "realm=") ||
			contains(m, len, "qop=")))
		return SASL_DIGEST;
	if (len > 8 && memcmp(m, "rspauth=", 8) == 0)
		return SASL_DIGEST;
	if (is_scram(m, len) || (len > 2 && m[0] == 'v' && m[1] == '=' && len > 20))
		return SASL_SCRAM;
	/* The error of XOAUTH2 and OAUTHBEARER (RFC 7628 3.2.2) is JSON. */
	if (len > 2 && m[0] == '{' && contains(m, len, "\"status\""))
		return SASL_XOAUTH2;
	return printable(m, len) ? SASL_LOGIN : SASL_UNKNOWN;
}

/* A word of the prompt for the password wins over one for the name ("Login key:"): to take a
   password for a name is the worse mistake. */
static bool
asks_password(const uint8_t *m, size_t len)
{
	static const char *const words[] = {"pass", "word", "wort", "woord", "parol", "senha",
		"contras", "clave", "secret", "heslo", "key", "pin:", "pin "};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (contains(m, len, words[i]))
			return true;
	return false;
}

void
sasl_prompt_read(const uint8_t *text, size_t len, struct sasl_prompt *out)
{
	uint8_t message[PROMPT_MAX];

	memset(out, 0, sizeof(*out));
	while (len > 0 && (*text == ' ' || *text == '\t'))
		text++, len--;
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (len == 0 || (len == 1 && text[0] == '=')) {
		out->empty = true;
		return;
	}
	if (contains(text, len, "ntlm supported")) { /* Exchange, MS-SMTPNTLM 2.2.1 */
		out->mechanism = SASL_NTLM;
		return;
	}
	ssize_t n = base64_decode(text, len < 1360 ? len : 1360, message, sizeof(message));
	const uint8_t *m = n >= 0 ? message : text; /* some servers prompt in clear */
	size_t m_len = n >= 0 ? (size_t)n : len;
	out->mechanism = challenge_mechanism(m, m_len);
	if (out->mechanism != SASL_LOGIN)
		return;
	out->password = asks_password(m, m_len);
	out->username =
		!out->password && (contains(m, m_len, "user") || contains(m, m_len, "login") ||
					  contains(m, m_len, "account"));
}

enum sasl_mechanism
sasl_by_message(const uint8_t *m, size_t len)
{
	if (len >= 8 && memcmp(m, "NTLMSSP\0", 8) == 0)
		return SASL_NTLM;
	if (len > 5 && memcmp(m, "user=", 5) == 0 && memchr(m, 1, len))
		return SASL_XOAUTH2;
	if (len > 3 && memchr("nyp", m[0], 3) && contains(m, len, "auth=bearer"))
		return SASL_OAUTHBEARER;
	if (len > 5 && memchr("nyp", m[0], 3) && contains(m, len, "n=") && contains(m, len, ",r="))
		return SASL_SCRAM;
	const uint8_t *nul = len > 0 ? memchr(m, 0, len) : NULL;
	if (nul && memchr(nul + 1, 0, len - (size_t)(nul + 1 - m)))
		return SASL_PLAIN;
	return SASL_UNKNOWN;
}
