/*
 * The event record: what the dataplane tells control. Fixed size, so that a
 * ring slot is an index and nothing needs to be trusted to find the next one.
 *
 * Strings are packed one after another in `text`; a length of 0 means absent.
 * They are printable UTF-8 already (utf8_escape), never NUL-terminated. No
 * string ever holds a password: what proves knowledge of one leaves the
 * decoder as a keyed 64-bit fingerprint only.
 *
 * Order: control merges the rings by (clock_ns, order). Both are the same for
 * any number of workers: clock_ns is the capture's clock, which never runs
 * backwards; order is the number of the packet that caused the event, from 1,
 * unique in a capture. An event that a timer caused has the timer's deadline
 * and the number of its session's first packet, so it sorts before whatever
 * happens at the deadline; one that the end of the capture caused has
 * EVENT_ORDER_END added. time_ns is the packet's own time, for people.
 */
#ifndef SMTAP_CONTRACT_EVENT_H
#define SMTAP_CONTRACT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/addr.h"

#define EVENT_VERSION 1
#define EVENT_BYTES 512
#define EVENT_ORDER_END (1ULL << 63)
#define EVENT_TIME_MAX_NS (1ULL << 63) /* year 2262: adding a window never wraps */

/* (enumerator, name) */
#define EVENT_TYPES(X)                                                                \
	X(AUTH, "auth")           /* one AUTH attempt and its outcome */              \
	X(RCPT, "rcpt")           /* one RCPT TO and its reply */                     \
	X(MAIL, "mail")           /* one mail transaction, at its end */              \
	X(SESSION, "session")     /* one TCP connection on a mail port, at its end */ \
	X(SIGNATURE, "signature") /* a pattern matched */

enum event_type {
	EVENT_NONE = 0,
#define X(id, name) EVENT_##id,
	EVENT_TYPES(X)
#undef X
		EVENT_TYPE_COUNT
};

/* How an attempt ended (doc/man/smtap-eve.5, outcome). */
#define EVENT_OUTCOMES(X)                                                                 \
	X(UNKNOWN, "unknown")     /* the reply was not seen */                            \
	X(SUCCESS, "success")     /* 235 */                                               \
	X(FAILURE, "failure")     /* 535 and its kin: the credential was refused */       \
	X(REFUSED, "refused")     /* mechanism or sequence refused: 503, 504, 530, 538 */ \
	X(THROTTLED, "throttled") /* 421, 454, other 4xx */                               \
	X(ABORTED, "aborted")     /* the client sent "*", or 501 */

enum event_outcome {
#define X(id, name) OUTCOME_##id,
	EVENT_OUTCOMES(X)
#undef X
		OUTCOME_COUNT
};

#define EVENT_TRANSPORTS(X)     \
	X(CLEAR, "clear")       \
	X(STARTTLS, "starttls") \
	X(IMPLICIT, "implicit")

enum event_transport {
#define X(id, name) TRANSPORT_##id,
	EVENT_TRANSPORTS(X)
#undef X
		TRANSPORT_COUNT
};

/* Where a pattern looks; one Hyperscan database each. */
#define EVENT_CONTEXTS(X)     \
	X(BANNER, "banner")   \
	X(REPLY, "reply")     \
	X(COMMAND, "command") \
	X(HEADER, "header")

enum event_context {
#define X(id, name) CONTEXT_##id,
	EVENT_CONTEXTS(X)
#undef X
		CONTEXT_COUNT
};

/* Names for output; "?" for a value out of range. */
const char *event_type_name(unsigned type);
const char *event_outcome_name(unsigned outcome);
const char *event_transport_name(unsigned transport);
const char *event_context_name(unsigned context);

/* flags of struct event_flow */
#define EVENT_FLOW_FROM_START 0x01u    /* the SYN was seen */
#define EVENT_FLOW_CLIENT_SEEN 0x02u   /* bytes of the client were seen */
#define EVENT_FLOW_SERVER_SEEN 0x04u   /* bytes of the server were seen */
#define EVENT_FLOW_GAP 0x08u           /* bytes were missed in either direction */
#define EVENT_FLOW_CONFLICT 0x10u      /* overlapping segments disagreed */
#define EVENT_FLOW_SIDES_GUESSED 0x20u /* who is the client was inferred, not seen */

/* Whose session it is; the same for all its events. Ports in host order. */
struct event_flow {
	uint64_t flow_id; /* never 0; the same in each run over the same capture */
	struct addr client;
	struct addr server;
	uint16_t client_port;
	uint16_t server_port;
	uint8_t flags; /* EVENT_FLOW_* */
	uint8_t reserved[3];
};

/* What every record starts with: 80 bytes. */
struct event_head {
	uint16_t type;   /* enum event_type */
	uint8_t version; /* EVENT_VERSION */
	uint8_t reserved[5];
	uint64_t clock_ns; /* merge key; see the head of this file */
	uint64_t order;    /* second merge key */
	uint64_t time_ns;  /* UTC of the packet that decided it, since the epoch */
	struct event_flow flow;
};

#define AUTH_PASSWORD_KNOWN 0x01u   /* password_fp tells passwords apart */
#define AUTH_USERNAME_KNOWN 0x02u   /* may still be empty: the client sent none */
#define AUTH_USERNAME_ESCAPED 0x04u /* it was not printable UTF-8 */
#define AUTH_USERNAME_TRUNCATED 0x08u
#define AUTH_INFERRED 0x10u     /* judged from sizes and order inside TLS */
#define AUTH_COMMAND_SEEN 0x20u /* the client's side was seen */
#define AUTH_NO_CHECK 0x40u     /* the wording says no password was checked */

#define AUTH_MECHANISM_MAX 24

struct event_auth {
	uint64_t password_fp;               /* keyed; 0 when unknown */
	uint32_t attempt_no;                /* in the session, from 1 */
	uint16_t reply_code;                /* 0: not seen */
	uint16_t enhanced[3];               /* RFC 3463 class, subject, detail; class 0: none */
	uint8_t outcome;                    /* enum event_outcome */
	uint8_t transport;                  /* enum event_transport */
	uint8_t flags;                      /* AUTH_* */
	uint8_t confidence;                 /* 0..100 */
	char mechanism[AUTH_MECHANISM_MAX]; /* upper case, NUL-padded; "UNKNOWN" */
	uint8_t username_len;
	uint8_t domain_len; /* NTLM domain, SASL authzid when it differs */
	uint8_t helo_len;
	uint8_t reserved[1];
	uint32_t signatures[4]; /* pattern ids seen in the session (tool, server); 0 = none */
				/* text: username, domain, helo */
};

struct event_rcpt {
	uint32_t transaction_no; /* in the session, from 1 */
	uint16_t reply_code;
	uint16_t enhanced[3];
	uint8_t accepted;
	uint8_t transport;
	uint8_t rcpt_len;
	uint8_t from_len;
	uint8_t authenticated_len;
	uint8_t nth;            /* recipient of its transaction, from 1; saturates; 0: not known */
	uint8_t refused_policy; /* by its words refused for something else than the recipient */
	uint8_t reserved;
	/* text: recipient, mail_from, authenticated_as (as fits) */
};

#define MAIL_COMPLETE 0x01u    /* the body was accepted (250) */
#define MAIL_REFUSED 0x02u     /* a reply refused it: MAIL, DATA or the end of data */
#define MAIL_NULL_SENDER 0x04u /* MAIL FROM:<> (RFC 5321 4.5.5) */
#define MAIL_DSN_HEADER 0x08u  /* a DSN by its header (RFC 3462) */
#define MAIL_TEXT_TRUNCATED 0x10u

struct event_mail {
	uint64_t body_bytes;
	uint32_t transaction_no;
	uint32_t recipients_accepted;
	uint32_t recipients_refused;
	uint16_t reply_code; /* the one that ended it */
	uint16_t enhanced[3];
	uint8_t flags; /* MAIL_* */
	uint8_t transport;
	uint8_t helo_len;
	uint8_t from_len;
	uint8_t authenticated_len;
	uint8_t reserved[3];
	/* text: helo, mail_from, authenticated_as */
};

/* Why a session ended. */
enum event_session_end {
	SESSION_END_UNKNOWN,
	SESSION_END_FIN,
	SESSION_END_RST,
	SESSION_END_IDLE,    /* nothing for a while */
	SESSION_END_EVICTED, /* the table was full, or the worker under overload */
	SESSION_END_CAPTURE, /* the capture ended first */
	SESSION_END_REUSED,  /* a new connection took its ports */
	SESSION_END_COUNT
};

#define SESSION_SYN_ONLY 0x01u /* no byte of data, no handshake */
#define SESSION_BANNER_SEEN 0x02u
#define SESSION_EHLO_SEEN 0x04u
#define SESSION_STARTTLS 0x08u         /* STARTTLS was accepted */
#define SESSION_AUTH_OFFERED 0x10u     /* AUTH in the EHLO reply, in clear */
#define SESSION_REFUSED_CONNECT 0x20u  /* RST to SYN */
#define SESSION_TLS 0x40u              /* TLS from the first byte */
#define SESSION_STARTTLS_MANGLED 0x80u /* something on the way takes it out */

struct event_session {
	uint64_t start_ns;
	uint64_t packets[2]; /* client's, server's */
	uint64_t bytes[2];   /* TCP payload as delivered */
	uint32_t gap_bytes[2];
	uint32_t commands;
	uint32_t replies;
	uint32_t auth_attempts;
	uint32_t transactions;
	uint16_t flags; /* SESSION_* */
	uint16_t last_reply;
	uint8_t end;          /* enum event_session_end */
	uint8_t tcp_flags[2]; /* or of all flags seen, by direction */
	uint8_t helo_len;
	uint8_t banner_len;
	uint8_t probes;  /* VRFY and EXPN commands; saturates */
	uint16_t probed; /* tells the last of them from others by what it asked for; 0: none */
	uint32_t signatures[4];
	/* text: helo, banner (without its code) */
};

struct event_signature {
	uint32_t pattern_id; /* as in patterns/ */
	uint8_t context;     /* enum event_context */
	uint8_t from_server; /* whose line it was */
	uint8_t line_len;
	uint8_t reserved[1];
	/* text: the line, up to 255 bytes; never a line of an AUTH exchange */
};

#define EVENT_TEXT_BYTES 288

struct event {
	struct event_head head;
	union {
		struct event_auth auth;
		struct event_rcpt rcpt;
		struct event_mail mail;
		struct event_session session;
		struct event_signature signature;
		uint8_t body_bytes[EVENT_BYTES - sizeof(struct event_head) - EVENT_TEXT_BYTES];
	};
	char text[EVENT_TEXT_BYTES];
};

_Static_assert(sizeof(struct event_flow) == 48, "event_flow layout");
_Static_assert(sizeof(struct event_head) == 80, "event_head layout");
_Static_assert(sizeof(struct event) == EVENT_BYTES, "the record has its size");
_Static_assert(offsetof(struct event, text) == EVENT_BYTES - EVENT_TEXT_BYTES, "text is last");

/*
 * Is a record that came out of shared memory sane? Types and enumerations in
 * range, lengths within the text, text printable (no control bytes), flow_id
 * set, times at most EVENT_TIME_MAX_NS, codes of three digits, fixed strings
 * terminated. Flags and reserved bytes may be anything. Whatever passes may be
 * used without further checks.
 */
bool event_valid(const struct event *event);

/* Who is logged in, or tries to: *name is in the event's text and does not end with NUL. Returns
   its length; 0: not known, or an event of another kind. */
size_t event_account(const struct event *event, const char **name);

#endif
