/*
 * smtp, private: what a session keeps, and the interfaces between the files of
 * this folder. The theory is at the head of session.c.
 */
#ifndef SMTAP_DATAPLANE_SMTP_STATE_H
#define SMTAP_DATAPLANE_SMTP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "dataplane/smtp/smtp.h"

/*
 * A line is inspected up to here; the rest is skipped to its LF. RFC 4954 4
 * allows 12288 octets to an AUTH line, but names stand at its beginning.
 */
#define SMTP_LINE_MAX 4000u
#define SMTP_MATCH_LINE_MAX 512u    /* of which patterns see this much */
#define SMTP_HEADER_LINES_MAX 100u  /* of a message, then its body is skipped */
#define SMTP_STRING_MAX 255u        /* a string's length is a byte */
#define SMTP_DOMAIN_MAX 128u        /* an NTLM domain, an authzid */
#define SMTP_SIGNATURES_MAX 8u      /* distinct patterns reported by a session */
#define SMTP_QUEUE_INLINE 12u       /* unanswered commands kept in the session */
#define SMTP_QUEUE_NOTE 512u        /* and in its note */
#define SMTP_QUEUE_TEXT_BYTES 1900u /* what those commands said */
/* A client that waited this long for a server that was never seen is not
   waiting: the tap sees one side. Longer than any greeting delay or tarpit. */
#define SMTP_ONE_SIDED_S 60u

/* What the client's next bytes are. (enumerator, name) */
#define CLIENT_MODES(X)                                                   \
	X(PROXY, "proxy")               /* a PROXY header may come */     \
	X(COMMAND, "command")           /* a command line */              \
	X(WAIT, "wait")                 /* the reply to tail will tell */ \
	X(RESPONSE, "response")         /* a line that answers a 334 */   \
	X(HEADER, "header")             /* DATA: a header line */         \
	X(BODY, "body")                 /* DATA: up to the end of data */ \
	X(CHUNK_HEADER, "chunk-header") /* BDAT: header lines */          \
	X(CHUNK, "chunk")               /* BDAT: counted octets */        \
	X(STARTTLS, "starttls")         /* after its 220: TLS, or not */  \
	X(TLS, "tls")                                                     \
	X(LOST, "lost") /* out of step: nothing until a reply or a "." */

enum client_mode {
#define X(id, name) CLIENT_##id,
	CLIENT_MODES(X)
#undef X
		CLIENT_MODE_COUNT
};

/*
 * The last unanswered command, when its reply decides what the bytes after it
 * are. Legal in CLIENT_WAIT (any) and CLIENT_RESPONSE (AUTH), nowhere else.
 */
enum tail {
	TAIL_NONE,
	TAIL_AUTH,
	TAIL_DATA,
	TAIL_STARTTLS,
	TAIL_TLS, /* no command: bytes that look like TLS, not yet confirmed */
};

/* Commands in the queue: those whose reply changes nothing for the client's bytes. */
enum command_kind {
	COMMAND_NONE,
	COMMAND_OTHER,
	COMMAND_EMPTY, /* an empty line: some servers answer it, some do not */
	COMMAND_LOST,  /* an unknown number of commands in a gap */
	COMMAND_HELO,
	COMMAND_MAIL,
	COMMAND_RCPT,
	COMMAND_DATA, /* its body was taken for granted */
	COMMAND_END_OF_DATA,
	COMMAND_BDAT,
	COMMAND_BDAT_LAST,
	COMMAND_RSET,
	COMMAND_QUIT,
	COMMAND_KIND_COUNT
};

#define COMMAND_HAS_TEXT 0x80u /* in a queue entry: its text is in the note */

/* state.flags */
#define S_UNSURE 0x00000001u        /* commands may have been missed, some time */
#define S_CLIENT_SEEN 0x00000002u   /* bytes of the client */
#define S_SERVER_SEEN 0x00000004u   /* bytes of the server, or a gap in them */
#define S_GREETING 0x00000008u      /* the next reply is the greeting */
#define S_MIDSTREAM 0x00000010u     /* no command line recognised yet, start not seen */
#define S_SKIP_CLIENT 0x00000020u   /* up to the LF of a line that was cut */
#define S_SKIP_SERVER 0x00000040u   /* the same, server */
#define S_DROP 0x00000080u          /* rest of a damaged exchange, until a reply */
#define S_AFTER_GAP 0x00000100u     /* the next line may be the end of a lost one */
#define S_ONE_SIDED 0x00000200u     /* the server is not there to wait for */
#define S_TAIL_UNSURE 0x00000400u   /* the reply to tail may be in a gap */
#define S_LOST_ANSWERED 0x00000800u /* COMMAND_LOST has had a reply */
#define S_NOT_TLS 0x00001000u       /* what looked like TLS was not */
#define S_BODY_GAP 0x00002000u      /* a piece of the body was missed */
#define S_DATA_ANSWERED 0x00004000u /* the reply came before the end of the data */
#define S_DATA_ASSUMED 0x00008000u  /* the body passes although no 354 was seen */
#define S_LAST_CHUNK 0x00010000u    /* BDAT ... LAST */
#define S_CHUNKING 0x08000000u      /* between the chunks of a message */
#define S_SERVER_TLS 0x00020000u
#define S_REPLY_GAP 0x00080000u /* a gap inside a multi-line reply */
#define S_BANNER 0x00100000u    /* the reply under way is the greeting */
#define S_AUTHENTICATED 0x00200000u
#define S_EHLO 0x00400000u
#define S_STARTTLS 0x00800000u
#define S_AUTH_OFFERED 0x01000000u
#define S_TLS 0x02000000u
#define S_BANNER_SEEN 0x04000000u
#define S_STARTTLS_OFFERED 0x10000000u
#define S_STARTTLS_MASKED 0x20000000u  /* the word was overwritten in the EHLO reply */
#define S_STARTTLS_REFUSED 0x40000000u /* offered, and then unknown; or overwritten */

/* state.auth_flags: the attempt under way */
#define A_COMMAND 0x01u  /* the AUTH command was seen */
#define A_USERNAME 0x02u /* note holds the username */
#define A_TRUNCATED 0x04u
#define A_PASSWORD 0x08u
#define A_CANCELLED 0x10u   /* the client sent "*" */
#define A_BLIND 0x20u       /* which response comes next is not known */
#define A_CLIENT 0x40u      /* a line of the client was seen */
#define A_PROVISIONAL 0x80u /* the username may be the password: one more prompt tells */

/* state.mail_flags: the transaction */
#define M_OPEN 0x01u
#define M_NULL_SENDER 0x02u
#define M_DSN 0x04u
#define M_TRUNCATED 0x08u
#define M_REFUSED 0x10u

/* state.body_flags: the message passing now */
#define B_DSN 0x01u
#define B_CONTENT_TYPE 0x02u /* inside a Content-Type header, perhaps folded */
#define B_REPORT 0x04u       /* multipart/report seen in it */
#define B_STATUS 0x08u       /* delivery-status seen in it */

/* Where the end-of-data search stands (data.c). */
enum body_match {
	BODY_LINE_START,
	BODY_DOT,    /* LF "." */
	BODY_DOT_CR, /* LF "." CR */
	BODY_INSIDE, /* inside a line */
};

/* An attempt's final reply, or any reply, once its last line has come. */
struct reply {
	uint16_t code;
	uint16_t words;      /* WORD_* over all its lines */
	uint32_t enhanced;   /* packed, see smtp_enhanced_pack; 0: none */
	const uint8_t *text; /* of the last line, after the code */
	size_t text_len;
	bool cut; /* text is not all of it */
};

/* Wordings, told from the replies of servers; see reply.c. */
#define WORD_FAILED 0x01u    /* a credential was looked at and refused */
#define WORD_MECHANISM 0x02u /* the mechanism is not to be had */
#define WORD_SYNTAX 0x04u    /* base64, syntax, cancelled */
#define WORD_TOO_MANY 0x08u  /* slow down */
#define WORD_TEMPORARY 0x10u /* the server could not look */
#define WORD_AUTH 0x20u      /* speaks of authentication at all */
#define WORD_REQUIRED 0x40u  /* asks for it */
#define WORD_POLICY 0x80u    /* refuses who sends, or to relay, whoever the recipient is */

/* In smtp_session.state. Aliases a byte array, so may_alias. */
struct __attribute__((may_alias)) state {
	uint64_t chunk_left;  /* octets to come: of a BDAT chunk, of a PROXY header */
	uint64_t body_bytes;  /* of the body or chunk that passes now */
	uint64_t mail_bytes;  /* of the transaction, as far as answered */
	uint64_t password_fp; /* of the attempt under way */
	uint32_t note;        /* block of struct note, or BLOCKS_NONE */
	uint32_t held[2];     /* by side: block of bytes not yet consumed */
	uint16_t held_len[2];
	uint32_t flags;
	uint32_t commands;
	uint32_t replies;
	uint32_t attempts;
	uint32_t transactions;
	uint32_t rcpt_accepted;
	uint32_t rcpt_refused;
	uint32_t wait_since_s;   /* packet time at which the client began to wait */
	uint32_t reply_enhanced; /* of the reply under way */
	uint32_t mail_enhanced;  /* of the reply that refused the transaction */
	uint16_t mail_code;
	uint16_t reply_code; /* of the multi-line reply under way; 0 none */
	uint16_t last_reply;
	uint16_t uncertain; /* entries at the queue's head whose reply may be in a gap */
	uint16_t skipped;   /* commands past the queue's bound */
	uint8_t reply_words;
	uint8_t client; /* enum client_mode */
	uint8_t tail;   /* enum tail */
	uint8_t mechanism;
	uint8_t auth_flags;
	uint8_t responses; /* of the client to 334s, initial response included */
	uint8_t mail_flags;
	uint8_t body_flags;
	uint8_t body_match; /* enum body_match */
	uint8_t header_lines;
	uint8_t probes;    /* VRFY and EXPN; saturates */
	uint8_t probed[2]; /* hash of the last one */
	uint8_t queue_head;
	uint8_t queue_len;
	uint8_t queue[SMTP_QUEUE_INLINE];
};

_Static_assert(sizeof(struct state) <= sizeof(struct smtp_session), "a session is 128 bytes");
_Static_assert(_Alignof(struct state) <= _Alignof(struct smtp_session), "and aligned for it");

/* The strings of a session and what its queue cannot hold. As on the wire, cut. */
struct note {
	uint8_t helo_len;
	uint8_t banner_len;
	uint8_t from_len;
	uint8_t authenticated_len;
	uint8_t username_len;
	uint8_t domain_len;
	uint8_t mechanism_len;
	uint8_t signature_count;
	uint16_t kinds_head; /* rings */
	uint16_t kinds_len;
	uint16_t texts_head;
	uint16_t texts_len;
	uint32_t signatures[SMTP_SIGNATURES_MAX];
	char mechanism[AUTH_MECHANISM_MAX];
	/* Only the lengths above make the rest valid. */
	uint8_t helo[SMTP_STRING_MAX];
	uint8_t banner[SMTP_STRING_MAX];
	uint8_t from[SMTP_STRING_MAX];
	uint8_t authenticated[SMTP_STRING_MAX];
	uint8_t username[SMTP_STRING_MAX];
	uint8_t domain[SMTP_DOMAIN_MAX];
	uint8_t kinds[SMTP_QUEUE_NOTE];
	uint8_t texts[SMTP_QUEUE_TEXT_BYTES]; /* [length][bytes] ... */
};

_Static_assert(sizeof(struct note) <= SMTP_BLOCK_BYTES, "a note is one block");
_Static_assert(SMTP_LINE_MAX < SMTP_BLOCK_BYTES, "a line that is held fits a block");

/* One call into the session: what every function below needs. */
struct run {
	struct smtp_ctx *ctx;
	struct state *s;
	uint64_t time_ns;
};

/* A line without its line end. */
struct line {
	const uint8_t *data;
	size_t len;
	bool cut; /* longer than SMTP_LINE_MAX; the rest is skipped */
};

/* A command out of the queue. */
struct queued {
	enum command_kind kind;
	bool has_text; /* which may be empty: MAIL FROM:<> */
	size_t len;
	uint8_t text[SMTP_STRING_MAX];
};

/* session.c */
const char *smtp_client_mode_name(enum client_mode mode); /* for people who debug */
void smtp_client_enter(struct run *r, enum client_mode mode);
void smtp_client_wait(struct run *r, enum tail tail);
void smtp_tls_enter(struct run *r);
size_t smtp_client_step(struct run *r, const uint8_t *data, size_t len);
/* Do octets of a message pass now? */
bool smtp_client_in_data(const struct state *s);
/* Taken on first use; NULL when the pool is empty (counted). */
struct note *smtp_note(struct run *r);
/* The note if there is one. */
struct note *smtp_note_peek(const struct run *r);
/* May commands have been missed, so that a reply alone is evidence? */
bool smtp_unsure(const struct state *s);
/* len bytes of one side, or the line that it begins now, cannot be had. */
void smtp_missed(struct run *r, enum smtp_side side, uint64_t len);
/* Append raw bytes as printable text; returns the length. flags may be NULL. */
uint8_t smtp_text_put(
	struct event *event, size_t *used, const uint8_t *data, size_t len, uint8_t *flags);
/* Scan a line; text_ok: may its text be reported (never of an AUTH exchange)? */
void smtp_match(struct run *r, enum event_context context, const struct line *line, bool text_ok);

/* line.c */
/*
 * Find a line: bytes it takes with its end, or 0 when more is needed. A line
 * over SMTP_LINE_MAX is cut there; the caller skips the rest.
 */
size_t smtp_line_find(const uint8_t *data, size_t len, struct line *line);
void smtp_line_input(struct run *r, enum smtp_side side, const uint8_t *data, size_t len);
/* Go on with what is held, after a mode has changed. */
void smtp_line_resume(struct run *r, enum smtp_side side);
/* Forget, wipe and give back what is held. */
void smtp_line_discard(struct run *r, enum smtp_side side);

/* command.c */
void smtp_command_line(struct run *r, const struct line *line);
/* Could this line, where an answer is expected, only be a command? */
bool smtp_command_looks(const struct line *line);
/* Could it be an answer to a 334: nothing, "*", or one word of base64? */
bool smtp_response_looks(const struct line *line);
/* The handlers' common part: count, and settle what a gap left open. */
void smtp_command_count(struct run *r);
bool smtp_caseless_find(const uint8_t *data, size_t len, const char *lower, size_t *at);
bool smtp_caseless_prefix(const uint8_t *data, size_t len, const char *lower);

/* reply.c */
size_t smtp_server_step(struct run *r, const uint8_t *data, size_t len);
/* A gap cut this line: take what it says. false: it says nothing. */
bool smtp_reply_cut(struct run *r, const uint8_t *data, size_t len);
/* The rest of the reply under way fell into a gap. */
void smtp_reply_end(struct run *r);
void smtp_enhanced_unpack(uint32_t packed, uint16_t out[3]);

/* words.c */
unsigned smtp_words(const uint8_t *text, size_t len);
/* WORD_POLICY or 0: of a reply to RCPT, its addresses left out. */
unsigned smtp_words_policy(const uint8_t *text, size_t len);

/* queue.c */
/* text: NULL for none; it is cut at SMTP_STRING_MAX. */
void smtp_queue_push(struct run *r, enum command_kind kind, const uint8_t *text, size_t len);
/* out->kind is COMMAND_NONE when the queue is empty. */
void smtp_queue_pop(struct run *r, struct queued *out);
enum command_kind smtp_queue_peek(const struct run *r);
uint32_t smtp_queue_len(const struct run *r);
bool smtp_queue_has(const struct run *r, enum command_kind kind);
/* Take n entries from the head as answered unseen. */
void smtp_queue_assume(struct run *r, uint32_t n);

/* auth.c */
void smtp_auth_command(struct run *r, const struct line *line, size_t args_at);
void smtp_auth_response(struct run *r, const struct line *line);
void smtp_auth_challenge(struct run *r, const struct reply *reply);
void smtp_auth_reply(struct run *r, const struct reply *reply);
/* The client's response fell into a gap. */
void smtp_auth_gap(struct run *r);
/* So did what the server said. */
void smtp_auth_server_gap(struct run *r);
/* Nothing tells how it ended. */
void smtp_auth_abandon(struct run *r);
/* Has the client said all that its mechanism wants? */
bool smtp_auth_complete(const struct state *s);
/* A 334, or a final reply, to an AUTH command that was not seen. */
void smtp_auth_implied_challenge(struct run *r, const struct reply *reply);
bool smtp_auth_implied_reply(struct run *r, const struct reply *reply);

/* outcome.c */
enum event_outcome smtp_outcome(const struct reply *reply, bool cancelled, bool *no_check);

/* data.c */
void smtp_data_begin(struct run *r);
void smtp_data_chunk(struct run *r, uint64_t octets, bool last);
size_t smtp_data_step(struct run *r, const uint8_t *data, size_t len);
/* No more header lines: the rest passes as octets. */
void smtp_data_skip(struct run *r);
void smtp_data_gap(struct run *r, uint64_t len);
/* A reply while data pass and nothing else is unanswered. false: it proves that
   the bytes are commands; the caller goes on with the reply. */
bool smtp_data_reply(struct run *r, const struct reply *reply);

/* bounce.c */
/* Does this line of a header, not its Content-Type, make the message a bounce? */
bool smtp_bounce_header(const struct line *line);

/* mail.c */
void smtp_mail_reply(struct run *r, const struct queued *command, const struct reply *reply);
/* The reply to DATA was not 354. */
void smtp_mail_data_refused(struct run *r, const struct reply *reply);
/* Its reply was missed. */
void smtp_mail_assume(struct run *r, const struct queued *command);
/* Octets of a message; the early reply to it, if there was one, was the last. */
void smtp_mail_data(struct run *r, bool ends);
/* The session is over. */
void smtp_mail_close(struct run *r);
/* What END_OF_DATA and BDAT carry in the queue. */
#define SMTP_DATA_TEXT_BYTES 9u
void smtp_mail_data_queue(struct run *r, enum command_kind kind);

/* proxy.c */
size_t smtp_proxy_step(struct run *r, const uint8_t *data, size_t len);

#endif
