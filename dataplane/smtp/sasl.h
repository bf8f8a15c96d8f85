/*
 * SASL messages, once base64 is off: who the client says it is. Pure functions
 * on hostile bytes; nothing is kept.
 */
#ifndef SMTAP_DATAPLANE_SMTP_SASL_H
#define SMTAP_DATAPLANE_SMTP_SASL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SASL_USERNAME_MAX 255u
#define SASL_DOMAIN_MAX 128u

/*
 * (enumerator, name, responses after which the client has said all; 0: cannot
 * be told). A name that ends in "-" stands for all that begin so.
 */
#define SASL_MECHANISMS(X)                                                \
	X(LOGIN, "LOGIN", 2)             /* draft-murchison-sasl-login */ \
	X(PLAIN, "PLAIN", 1)             /* RFC 4616 */                   \
	X(CRAM, "CRAM-", 1)              /* RFC 2195 */                   \
	X(DIGEST, "DIGEST-", 1)          /* RFC 2831 */                   \
	X(NTLM, "NTLM", 2)               /* MS-NLMP, MS-SMTPNTLM */       \
	X(SCRAM, "SCRAM-", 2)            /* RFC 5802 */                   \
	X(XOAUTH2, "XOAUTH2", 1)         /* as Google documents it */     \
	X(OAUTHBEARER, "OAUTHBEARER", 1) /* RFC 7628 */                   \
	X(EXTERNAL, "EXTERNAL", 1)       /* RFC 4422 appendix A */        \
	X(ANONYMOUS, "ANONYMOUS", 1)     /* RFC 4505 */                   \
	X(OTP, "OTP", 2)                 /* RFC 2444 */                   \
	X(SECURID, "SECURID", 1)         /* RFC 2808 */                   \
	X(GSSAPI, "GSSAPI", 0)           /* RFC 4752 */

enum sasl_mechanism {
	SASL_UNKNOWN, /* not seen */
	SASL_OTHER,   /* seen, none of ours */
#define X(id, name, responses) SASL_##id,
	SASL_MECHANISMS(X)
#undef X
		SASL_MECHANISM_COUNT
};

/* A mechanism by its name, in any case; SASL_OTHER for one that is not known. */
enum sasl_mechanism sasl_by_name(const uint8_t *name, size_t len);

/* What to call a mechanism whose own spelling was not seen ("SCRAM", "UNKNOWN"). */
const char *sasl_name(enum sasl_mechanism mechanism);

/* Responses after which the client has said all; 0 when that cannot be told. */
unsigned sasl_responses(enum sasl_mechanism mechanism);

/* Does the client speak first, and never without a word? */
bool sasl_never_empty(enum sasl_mechanism mechanism);

/*
 * Is this a name that may be shown: RFC 4422 3.1 characters, at most 20, and
 * either a known one or not of mixed case? (Mixed case is base64: somebody sent
 * a secret where the mechanism belongs.)
 */
bool sasl_name_ok(const uint8_t *name, size_t len);

/* What a client's message says of it. */
struct sasl_identity {
	bool has_username; /* it may still be empty */
	bool truncated;
	bool has_password;
	size_t username_len;
	size_t domain_len;       /* NTLM domain; authzid that differs */
	const uint8_t *password; /* in the message */
	size_t password_len;
	uint8_t username[SASL_USERNAME_MAX];
	uint8_t domain[SASL_DOMAIN_MAX];
};

/*
 * Read the client's message number step (from 0) of a mechanism. out is fully
 * written. A message that makes no sense yields nothing. No byte that could be
 * a password ever becomes a username.
 */
void sasl_read(enum sasl_mechanism mechanism, unsigned step, const uint8_t *message, size_t len,
	struct sasl_identity *out);

/* What a 334 prompts for, when the AUTH command was not seen. */
struct sasl_prompt {
	enum sasl_mechanism mechanism; /* SASL_UNKNOWN: an empty or meaningless challenge */
	bool empty;
	bool username; /* it asks for a name in words we know */
	bool password; /* it asks for a password in words we know */
};

/* text: of the 334, after the code, as sent. */
void sasl_prompt_read(const uint8_t *text, size_t len, struct sasl_prompt *out);

/* The mechanism that a client's first message betrays, or SASL_UNKNOWN. */
enum sasl_mechanism sasl_by_message(const uint8_t *message, size_t len);

#endif
