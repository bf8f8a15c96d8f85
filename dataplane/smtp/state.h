/*
 * smtp, private: what a session keeps, and the interfaces between the files of
 * this folder. The theory is at the head of session.c.
 */
#ifndef SMTAP_DATAPLANE_SMTP_STATE_H
#define SMTAP_DATAPLANE_SMTP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
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
#define SMTP_QUEUE_INLINE 5u        /* unanswered commands kept in the session */
#define SMTP_QUEUE_MORE 519u        /* and out of it */
#define SMTP_QUEUE_TEXT_BYTES 1900u /* what those commands said */
#define SMTP_RESPONSES_MAX 63u      /* counted to 334s in one AUTH exchange */
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
#define S_PROXIED 0x00040000u   /* the note has the client that a PROXY header named */
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
#define S_EARLY 0x80000000u            /* the client said more before the 220 to its STARTTLS */

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

/* state.chunk_left: of a BDAT of 4 GiB or more, which no server takes; it does not end. */
#define SMTP_CHUNK_ENDLESS UINT32_MAX

/*
 * In smtp_session.state. Aliases a byte array, so may_alias. What decides how the next bytes
 * are read is here; what only events tell is in the note.
 */
struct __attribute__((may_alias)) state {
	uint32_t queue;         /* see queue.c */
	uint32_t more;          /* what waits, see queue.c: a piece, or SLABS_NONE */
	uint32_t note;          /* see note.c: a piece, or SLABS_NONE */
	uint32_t flags;         /* S_* */
	uint32_t chunk_left;    /* octets to come: of a BDAT chunk, of a PROXY header */
	uint32_t commands : 24; /* saturates, as replies does */
	uint32_t auth_flags : 8;
	uint32_t replies : 24;
	uint32_t attempts : 8; /* those that deeds does not count */
	uint32_t banner : 24;  /* names (names.c) or NAME_NONE, as are the next two */
	uint32_t client : 4;   /* enum client_mode */
	uint32_t tail : 3;     /* enum tail */
	uint32_t helo : 24;
	uint32_t mechanism : 4;
	uint32_t body_flags : 4;
	uint32_t account : 24;
	uint32_t responses : 6;       /* of the client to 334s, initial response included */
	uint32_t body_match : 2;      /* enum body_match */
	uint32_t reply_enhanced : 24; /* of the reply under way */
	uint32_t reply_words : 8;
	uint32_t last_reply : 10;
	uint32_t reply_code : 10; /* of the multi-line reply under way; 0 none */
	uint32_t header_lines : 7;
	uint32_t mail_flags : 5;
	uint16_t uncertain; /* entries at the queue's head whose reply may be in a gap */
	uint16_t skipped;   /* commands past the queue's bound */
};

_Static_assert(sizeof(struct state) == sizeof(struct smtp_session), "what a session costs here");
_Static_assert(_Alignof(struct state) <= _Alignof(struct smtp_session), "and aligned for it");
_Static_assert(CLIENT_MODE_COUNT <= 16 && SMTP_HEADER_LINES_MAX < 128, "they fit their bits");

#define STATE_COUNT_MAX 0xffffffu /* of commands and of replies */

/*
 * What a session has done that its events tell, from its first AUTH, MAIL, VRFY or message
 * on; in the note, after its head.
 */
struct __attribute__((packed, aligned(4))) deeds {
	uint64_t password_fp; /* of the attempt under way */
	uint64_t body_bytes;  /* of the body or chunk that passes now */
	uint64_t mail_bytes;  /* of the transaction, as far as answered */
	uint32_t attempts;
	uint32_t transactions;
	uint32_t rcpt_accepted;
	uint32_t rcpt_refused;
	uint32_t mail_enhanced; /* of the reply that refused the transaction */
	uint32_t from;          /* who sends, as a name + 1; 0: it is none */
	uint16_t mail_code;
	uint16_t probed; /* hash of the last VRFY or EXPN */
	uint8_t probes;  /* how many; saturates */
	uint8_t reserved;
	uint16_t wait_since_s; /* packet time at which the client began to wait, modulo 2^16 */
};

_Static_assert(sizeof(struct deeds) == 56, "what it costs to have done something");

/* Strings in the note, as on the wire, each at most SMTP_STRING_MAX bytes. */
enum note_kind {
	NOTE_BANNER = 1,
	NOTE_HELO,
	NOTE_FROM,
	NOTE_AUTHENTICATED,
	NOTE_USERNAME,
	NOTE_DOMAIN,
	NOTE_MECHANISM,  /* when it is not the name that sasl.c knows */
	NOTE_SIGNATURES, /* ids, 32 bits each */
	NOTE_CLIENT,     /* address and port, of a PROXY header */
	NOTE_GAPS,       /* bytes missed of each side, 32 bits each */
};

_Static_assert(SMTP_LINE_MAX + 4 < SLABS_MAX_BYTES, "a line that is held fits a piece");

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
/* May commands have been missed, so that a reply alone is evidence? */
bool smtp_unsure(const struct state *s);
/* len bytes of one side, or the line that it begins now, cannot be had. */
void smtp_missed(struct run *r, enum smtp_side side, uint64_t len);

/* tell.c */
/* Append raw bytes as printable text; returns the length. flags may be NULL. */
uint8_t smtp_text_put(
	struct event *event, size_t *used, const uint8_t *data, size_t len, uint8_t *flags);
/* Open an event of this session. */
struct event *smtp_emit(struct run *r, enum event_type type);
/* Scan a line; text_ok: may its text be reported (never of an AUTH exchange)? */
void smtp_match(struct run *r, enum event_context context, const struct line *line, bool text_ok);

/* note.c */
/* The first four patterns that matched in the session; the rest of out stays. */
void smtp_note_signatures(const struct run *r, uint32_t out[4]);
/* Append what is noted, if anything, as smtp_text_put does. */
uint8_t smtp_note_text(const struct run *r, struct event *event, size_t *used, enum note_kind kind);
/*
 * For what is to be noted; valid until the next smtp_note_put or _drop. When there is no
 * memory (counted) it is one that is forgotten after this call into the session.
 */
struct deeds *smtp_deeds(struct run *r);
/* The same, to look only: all 0 when there are none. */
const struct deeds *smtp_deeds_peek(const struct run *r);
/* Empty when there is none. Valid until the next smtp_deeds, smtp_note_put or _drop. */
struct span smtp_note_get(const struct run *r, enum note_kind kind);
/* data is not of the note. false: no memory (counted); then there is no such string. */
bool smtp_note_put(struct run *r, enum note_kind kind, const void *data, size_t len);
void smtp_note_drop(struct run *r, enum note_kind kind);
/* What was `from` is `to` now. */
void smtp_note_rename(struct run *r, enum note_kind from, enum note_kind to);
/* After a login: what is noted for later events only, in as little memory as it takes. */
void smtp_note_settle(struct run *r);
void smtp_note_close(struct run *r);
/* Bytes missed so far of each side; more of them. */
void smtp_note_gaps(const struct run *r, uint32_t bytes[2]);
void smtp_note_gap(struct run *r, enum smtp_side side, uint64_t len);
/* How many attempts there were. */
uint32_t smtp_attempts(const struct run *r);

/* names.c */
#define NAME_NONE 0xffffffu
/* The name of a text of 1 to SMTP_STRING_MAX bytes, which is to be given back; or NAME_NONE. */
uint32_t smtp_name_take(struct smtp_ctx *ctx, const void *text, size_t len);
/* Valid until the name is given back. */
struct span smtp_name_text(const struct smtp_ctx *ctx, uint32_t name);
void smtp_name_give(struct smtp_ctx *ctx, uint32_t name);

/* line.c */
/* Bytes that a side's machine has not consumed. */
struct span smtp_held(const struct run *r, enum smtp_side side);
/*
 * Find a line: bytes it takes with its end, or 0 when more is needed. A line
 * over SMTP_LINE_MAX is cut there; the caller skips the rest.
 */
static inline size_t
smtp_line_find(const uint8_t *data, size_t len, struct line *line)
{
	size_t window = len < SMTP_LINE_MAX ? len : SMTP_LINE_MAX;
	const uint8_t *lf = memchr(data, '\n', window);

	line->data = data;
	line->cut = false;
	if (!lf) {
		if (window < SMTP_LINE_MAX)
			return 0;
		line->len = window;
		line->cut = true;
		return window;
	}
	/* A bare LF ends a line for most servers; CRs before it belong to the end. */
	line->len = (size_t)(lf - data);
	while (line->len > 0 && data[line->len - 1] == '\r')
		line->len--;
	return (size_t)(lf - data) + 1;
}
void smtp_line_input(struct run *r, enum smtp_side side, const uint8_t *data, size_t len);
/* Go on with what is held, after a mode has changed. */
void smtp_line_resume(struct run *r, enum smtp_side side);
/* Forget, wipe and give back what is held. */
void smtp_line_discard(struct run *r, enum smtp_side side);

/* command.c */
void smtp_command_line(struct run *r, const struct line *line);
/* The rest of the line that is held was missed. true: its start told all the same, and is spent. */
bool smtp_command_part(struct run *r);
/* Could this line, where an answer is expected, only be a command? */
bool smtp_command_looks(const struct line *line);
/* Could it be an answer to a 334: nothing, "*", or one word of base64? */
bool smtp_response_looks(const struct line *line);
/* The handlers' common part: count, and settle what a gap left open. */
void smtp_command_count(struct run *r);
/* lower: four characters or more. */
bool smtp_caseless_find(const uint8_t *data, size_t len, const char *lower, size_t *at);
bool smtp_caseless_same(const uint8_t *data, size_t len, const char *lower);
/* Four and eight characters as one word, folded; the same only for letters of either case. */
static inline uint32_t
smtp_folded4(const uint8_t *data)
{
	return load_le32(data) | 0x20202020u;
}
static inline uint64_t
smtp_folded8(const uint8_t *data)
{
	return load_le64(data) | 0x2020202020202020u;
}
#define SMTP_FOLDED4(name)                                                            \
	((uint32_t)(name)[0] | (uint32_t)(name)[1] << 8 | (uint32_t)(name)[2] << 16 | \
		(uint32_t)(name)[3] << 24)
#define SMTP_FOLDED8(name) (SMTP_FOLDED4(name) | (uint64_t)SMTP_FOLDED4((name) + 4) << 32)
/* lower: not empty. Most texts differ in their first byte; then there is no call. */
static inline bool
smtp_caseless_prefix(const uint8_t *data, size_t len, const char *lower)
{
	return len > 0 && ((data[0] ^ (uint8_t)lower[0]) & ~0x20) == 0 &&
	       smtp_caseless_same(data, len, lower);
}

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
/* The piece with a side's bytes that are not yet consumed, or SLABS_NONE; see queue.c. */
uint32_t smtp_queue_held(const struct run *r, enum smtp_side side);
/* It is this one now. false: no memory, and there is none. */
bool smtp_queue_hold(struct run *r, enum smtp_side side, uint32_t piece);
/* Take n entries from the head as answered unseen. */
void smtp_queue_assume(struct run *r, uint32_t n);

/* auth.c */
void smtp_auth_command(struct run *r, const struct line *line, size_t args_at);
void smtp_auth_response(struct run *r, const struct line *line);
void smtp_auth_challenge(struct run *r, const struct reply *reply);
void smtp_auth_reply(struct run *r, const struct reply *reply);
/* The client's response fell into a gap. */
void smtp_auth_gap(struct run *r);
/* AUTH with a part of its initial response. false: not even the mechanism is all there. */
bool smtp_auth_command_part(struct run *r, const struct line *line, size_t at);
/* So did what the server said. */
void smtp_auth_server_gap(struct run *r);
/* Nothing tells how it ended. */
void smtp_auth_abandon(struct run *r);
/* The server never read it: no attempt. */
void smtp_auth_drop(struct run *r);
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
/* The same in CLIENT_BODY. */
size_t smtp_data_body(struct run *r, const uint8_t *data, size_t len);
/* Pass over the middle of a segment of a body: how many bytes are done with; *read of them were
   looked at. */
size_t smtp_data_skim(struct run *r, const uint8_t *data, size_t len, size_t *read);
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
/* Put the client that the header named, if it did, into the identity. */
void smtp_proxy_apply(struct run *r);
size_t smtp_proxy_step(struct run *r, const uint8_t *data, size_t len);

#endif
