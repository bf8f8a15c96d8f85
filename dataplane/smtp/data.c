/*
 * data: the octets of messages, by DATA (RFC 5321 4.1.1.4, 4.5.2) and by BDAT
 * (RFC 3030). Header lines are looked at, the rest passes at memory speed.
 *
 * Keeps: where the search for the end of the data stands (body_match), how many
 * octets of a chunk are to come, what the header said (body_flags).
 *
 * Always holds: nothing inside a message is a command. The end of DATA is a line
 * with a dot alone, where a bare LF ends a line too: servers of the field take
 * LF "." LF and LF "." CR LF for the end (that is how mail is smuggled), and
 * the one that we would miss is the one after which an attacker goes on
 * talking. A chunk ends by its count and by nothing else, refused or not.
 *
 * A reply while data pass, with no other command unanswered, belongs to the data
 * (some servers refuse early). After a gap it proves that the end was in the
 * gap. A second one proves that the server reads commands where we see data;
 * then so do we.
 *
 * Under overload (ctx->skim) a body passes unread but for both ends of each segment. What ends
 * in the middle of one is found out by the server's reply, as after a gap.
 *
 * What an attacker would try: a BDAT of 10^17 octets that the server refuses, to
 * talk on unseen: see smtp_data_reply.
 */
#include <string.h>

#include "base/vector.h"
#include "dataplane/smtp/state.h"

static void
data_reset(struct run *r)
{
	struct state *s = r->s;

	smtp_deeds(r)->body_bytes = 0;
	s->body_match = BODY_LINE_START;
	s->flags &= ~S_DATA_ANSWERED;
}

void
smtp_data_begin(struct run *r)
{
	data_reset(r);
	r->s->body_flags = 0;
	r->s->header_lines = 0;
	smtp_client_enter(r, CLIENT_HEADER);
}

static void
chunk_end(struct run *r)
{
	struct state *s = r->s;
	bool last = s->flags & S_LAST_CHUNK;

	s->flags = last ? s->flags & ~S_CHUNKING : s->flags | S_CHUNKING;
	if (s->flags & S_DATA_ANSWERED)
		smtp_mail_data(r, last);
	else
		smtp_mail_data_queue(r, last ? COMMAND_BDAT_LAST : COMMAND_BDAT);
	s->flags &= ~(S_DATA_ANSWERED | S_BODY_GAP);
	smtp_client_enter(r, CLIENT_COMMAND);
}

void
smtp_data_chunk(struct run *r, uint64_t octets, bool last)
{
	struct state *s = r->s;
	bool first = !(s->flags & S_CHUNKING);

	data_reset(r);
	s->chunk_left = octets < SMTP_CHUNK_ENDLESS ? (uint32_t)octets : SMTP_CHUNK_ENDLESS;
	s->flags &= ~(S_LAST_CHUNK | S_BODY_GAP);
	s->flags |= last ? S_LAST_CHUNK : 0;
	if (first) {
		s->body_flags = 0;
		s->header_lines = 0;
	}
	if (octets == 0)
		chunk_end(r);
	else
		smtp_client_enter(r, first ? CLIENT_CHUNK_HEADER : CLIENT_CHUNK);
}

void
smtp_data_skip(struct run *r)
{
	smtp_client_enter(r, r->s->client == CLIENT_HEADER ? CLIENT_BODY : CLIENT_CHUNK);
	r->s->body_match = BODY_LINE_START;
}

static void
body_end(struct run *r)
{
	struct state *s = r->s;

	if (s->flags & S_DATA_ANSWERED)
		smtp_mail_data(r, true);
	else
		smtp_mail_data_queue(r, COMMAND_END_OF_DATA);
	s->flags &= ~(S_DATA_ANSWERED | S_BODY_GAP);
	smtp_client_enter(r, CLIENT_COMMAND);
}

/* Is it a DSN by its header (RFC 6522, RFC 3464; Exim, qmail and others by habit)? */
static void
header_line(struct run *r, const struct line *line)
{
	struct state *s = r->s;
	const uint8_t *d = line->data;
	size_t at;

	if (r->ctx->skim)
		counter_add(r->ctx->counters, COUNTER_SHED_LINES, 1);
	else
		smtp_match(r, CONTEXT_HEADER, line, true);
	if (d[0] != ' ' && d[0] != '\t') {
		bool type = smtp_caseless_prefix(d, line->len, "content-type:");
		s->body_flags &= ~B_CONTENT_TYPE;
		s->body_flags |= type ? B_CONTENT_TYPE : 0;
		if (smtp_bounce_header(line))
			s->body_flags |= B_DSN;
	}
	if (!(s->body_flags & B_CONTENT_TYPE))
		return;
	if (smtp_caseless_find(d, line->len, "multipart/report", &at))
		s->body_flags |= B_REPORT;
	if (smtp_caseless_find(d, line->len, "delivery-status", &at))
		s->body_flags |= B_STATUS;
	if ((s->body_flags & B_REPORT) && (s->body_flags & B_STATUS))
		s->body_flags |= B_DSN;
}

/* After a line of a header: does the header go on? */
static bool
header_goes_on(struct run *r, const struct line *line)
{
	if (line->cut || line->len == 0)
		return false;
	header_line(r, line);
	return ++r->s->header_lines < SMTP_HEADER_LINES_MAX;
}

static size_t
header_step(struct run *r, const uint8_t *data, size_t len)
{
	struct state *s = r->s;
	struct line line;
	size_t at = 0, used;
	bool goes_on = true, ends = false;

	while (goes_on && at < len && (used = smtp_line_find(data + at, len - at, &line)) > 0) {
		ends = line.data[0] == '.' && line.len == 1 && used <= 3;
		if (ends)
			break;
		goes_on = header_goes_on(r, &line);
		at += used;
	}
	smtp_deeds(r)->body_bytes += at;
	if (ends) {
		body_end(r);
		return at + used;
	}
	if (!goes_on) {
		smtp_client_enter(r, CLIENT_BODY);
		s->body_match = line.cut ? BODY_INSIDE : BODY_LINE_START;
	}
	return at;
}

/* So many bytes are looked at together; the fewer questions, the faster the answer "no". */
#define SCAN_BLOCK 256u
#define SCAN_SMALL 32u

typedef uint8_t block __attribute__((vector_size(SCAN_SMALL)));
typedef uint64_t block_words __attribute__((vector_size(SCAN_SMALL)));

/* By address: how a vector is passed by value is another thing with AVX than without. */
static inline bool
block_any(const block *hit)
{
	block_words words = (block_words)*hit;

	return (words[0] | words[1] | words[2] | words[3]) != 0;
}

/* Is one of these SCAN_BLOCK bytes a dot? A body in base64 has none. */
static inline bool
block_has_dot(const uint8_t *d)
{
	block hit = {0};

	for (size_t i = 0; i < SCAN_BLOCK; i += SCAN_SMALL) {
		block at;
		memcpy(&at, d + i, sizeof(at));
		hit |= (block)(at == '.');
	}
	return block_any(&hit);
}

/* Does a dot follow one of the SCAN_SMALL bytes from d on that is an LF? */
static inline bool
small_has_lf_dot(const uint8_t *d)
{
	block at, after;

	memcpy(&at, d, sizeof(at));
	memcpy(&after, d + 1, sizeof(after));
	block hit = (block)(at == '\n') & (block)(after == '.');
	return block_any(&hit);
}

/*
 * Where the next LF with a dot may be: none is before. Bodies without such a pair pass at
 * memory speed. The last block overlaps the one before, so that no odd bytes are left over.
 */
VECTOR_CLONES
static size_t
skip_without_lf_dot(const uint8_t *d, size_t len)
{
	size_t i = 0;

	if (len <= SCAN_SMALL)
		return 0;
	while (i + SCAN_SMALL < len) {
		size_t left = len - 1 - i;
		if (left >= SCAN_BLOCK && !block_has_dot(d + i + 1)) {
			i += SCAN_BLOCK;
			continue;
		}
		if (i >= SCAN_BLOCK && left < SCAN_BLOCK && !block_has_dot(d + len - SCAN_BLOCK))
			return len - 1;
		for (size_t end = i + SCAN_BLOCK; i < end && i + SCAN_SMALL < len; i += SCAN_SMALL)
			if (small_has_lf_dot(d + i))
				return i;
	}
	return small_has_lf_dot(d + len - 1 - SCAN_SMALL) ? i : len - 1;
}

/* The offset of an LF that a dot follows, or of an LF at the very end, or len. */
static size_t
find_lf_dot(const uint8_t *d, size_t len)
{
	for (size_t i = skip_without_lf_dot(d, len); i + 1 < len; i++)
		if (d[i] == '\n' && d[i + 1] == '.')
			return i;
	return len > 0 && d[len - 1] == '\n' ? len - 1 : len;
}

/* Bytes of a body in which it does not end, and no line begins with a dot: what most segments are.
 */
static inline bool
body_passes(struct state *s, const uint8_t *d, size_t len)
{
	if (s->body_match != BODY_INSIDE && (s->body_match != BODY_LINE_START || d[0] == '.'))
		return false;
	size_t at = find_lf_dot(d, len);
	if (at + 1 < len)
		return false;
	s->body_match = at < len ? BODY_LINE_START : BODY_INSIDE;
	return true;
}

size_t
smtp_data_body(struct run *r, const uint8_t *d, size_t len)
{
	struct state *s = r->s;
	size_t i = 0;

	if (body_passes(s, d, len)) {
		smtp_deeds(r)->body_bytes += len;
		return len;
	}
	while (i < len) {
		switch ((enum body_match)s->body_match) {
		case BODY_LINE_START:
			s->body_match = d[i] == '.' ? BODY_DOT : BODY_INSIDE;
			i += d[i] == '.';
			break;
		case BODY_DOT:
		case BODY_DOT_CR:
			if (d[i] == '\n') {
				/* The dot and its line end are not of the message. */
				smtp_deeds(r)->body_bytes +=
					i + 1 - (s->body_match == BODY_DOT ? 2u : 3u);
				body_end(r);
				return i + 1;
			}
			if (d[i] == '\r' && s->body_match == BODY_DOT) {
				s->body_match = BODY_DOT_CR;
				i++;
			} else {
				s->body_match = BODY_INSIDE;
			}
			break;
		case BODY_INSIDE:
			i += find_lf_dot(d + i, len - i);
			if (i < len) {
				s->body_match = BODY_LINE_START;
				i++;
			}
			break;
		}
	}
	smtp_deeds(r)->body_bytes += len;
	return len;
}

/* Octets of a chunk, no more than are to come. */
static void
chunk_pass(struct run *r, size_t octets)
{
	struct state *s = r->s;

	smtp_deeds(r)->body_bytes += octets;
	if (s->chunk_left != SMTP_CHUNK_ENDLESS)
		s->chunk_left -= (uint32_t)octets;
	if (s->chunk_left == 0)
		chunk_end(r);
}

/* A segment is read that far from its start, for the rest of a line with a dot that the last one
   began, and from there to its end, for what most clients end their data with. */
#define SKIM_HEAD 8u
#define SKIM_TAIL 512u

size_t
smtp_data_skim(struct run *r, const uint8_t *data, size_t len, size_t *read)
{
	struct state *s = r->s;

	*read = 0;
	if (s->client != CLIENT_BODY || len <= SKIM_HEAD + SKIM_TAIL)
		return 0;
	size_t used = smtp_data_body(r, data, SKIM_HEAD);
	*read = used;
	if (s->client != CLIENT_BODY)
		return used;
	size_t unread = len - SKIM_HEAD - SKIM_TAIL;
	if (!(s->flags & S_BODY_GAP))
		counter_add(r->ctx->counters, COUNTER_SHED_BODIES, 1);
	counter_add(r->ctx->counters, COUNTER_SHED_BODY_BYTES, unread);
	/* As after a gap: the reply to an end that was passed over puts both sides in step. */
	s->flags |= S_BODY_GAP | S_UNSURE;
	smtp_deeds(r)->body_bytes += unread;
	s->body_match = BODY_INSIDE;
	return used + unread;
}

static size_t
chunk_header_step(struct run *r, const uint8_t *data, size_t len)
{
	struct state *s = r->s;
	struct line line;
	size_t room = len < s->chunk_left ? len : s->chunk_left;
	size_t used = smtp_line_find(data, room, &line);

	if (used == 0 && room < s->chunk_left)
		return 0;
	if (used == 0 || !header_goes_on(r, &line))
		smtp_client_enter(r, CLIENT_CHUNK);
	if (used == 0)
		used = room; /* the chunk ends inside a line */
	chunk_pass(r, used);
	return used;
}

static size_t
chunk_step(struct run *r, size_t len)
{
	size_t used = len < r->s->chunk_left ? len : r->s->chunk_left;

	chunk_pass(r, used);
	return used;
}

size_t
smtp_data_step(struct run *r, const uint8_t *data, size_t len)
{
	if (r->s->client == CLIENT_HEADER)
		return header_step(r, data, len);
	if (r->s->client == CLIENT_BODY)
		return smtp_data_body(r, data, len);
	if (r->s->client == CLIENT_CHUNK_HEADER)
		return chunk_header_step(r, data, len);
	return chunk_step(r, len);
}

void
smtp_data_gap(struct run *r, uint64_t len)
{
	struct state *s = r->s;
	uint64_t missed = len + smtp_held(r, SMTP_CLIENT).len; /* the part of a header line too */

	smtp_line_discard(r, SMTP_CLIENT);
	s->flags |= S_BODY_GAP;
	if (s->client == CLIENT_HEADER || s->client == CLIENT_BODY) {
		smtp_deeds(r)->body_bytes += missed;
		/* If the end comes next it must be found; a dot and a line end in mid-line
		   right after a gap are unlikely. */
		s->body_match = BODY_LINE_START;
		smtp_client_enter(r, CLIENT_BODY);
		return;
	}
	bool more = missed > s->chunk_left;
	uint64_t of_chunk = more ? s->chunk_left : missed;
	smtp_client_enter(r, CLIENT_CHUNK);
	chunk_pass(r, of_chunk);
	s->flags |= more ? S_AFTER_GAP : 0;
}

/* The end was in the gap: this reply is to it. */
static void
data_end_missed(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;

	smtp_line_discard(r, SMTP_CLIENT);
	s->flags &= ~(S_DATA_ANSWERED | S_BODY_GAP);
	s->flags |= S_AFTER_GAP;
	smtp_mail_data(r, false);
	smtp_client_enter(r, CLIENT_COMMAND);
	struct queued end = {.kind = COMMAND_END_OF_DATA};
	smtp_mail_reply(r, &end, reply);
}

bool
smtp_data_reply(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;
	bool chunk = s->client == CLIENT_CHUNK || s->client == CLIENT_CHUNK_HEADER;
	bool untouched = smtp_deeds_peek(r)->body_bytes == 0 && !smtp_held(r, SMTP_CLIENT).len;

	if (!chunk && (s->flags & S_BODY_GAP)) {
		data_end_missed(r, reply);
		return true;
	}
	if (!(s->flags & S_DATA_ANSWERED)) {
		smtp_mail_data_refused(r, reply);
		smtp_deeds(r)->mail_code = reply->code;
		s->flags |= S_DATA_ANSWERED;
		/* The server does not know BDAT, or not this one: no octets for it. */
		if (chunk && untouched &&
			((reply->code >= 500 && reply->code <= 502) || reply->code == 530)) {
			s->flags &= ~S_DATA_ANSWERED;
			smtp_client_enter(r, CLIENT_COMMAND);
		}
		return true;
	}
	if (reply->code == 421 || reply->code == 221)
		return true; /* refused, and now goodbye */
	/* Two replies to one message: the server reads commands. */
	smtp_line_discard(r, SMTP_CLIENT);
	if (!chunk && s->body_match != BODY_LINE_START)
		s->flags |= S_SKIP_CLIENT;
	smtp_mail_data(r, false);
	s->flags &= ~S_DATA_ANSWERED;
	s->flags |= S_UNSURE | S_AFTER_GAP;
	smtp_client_enter(r, CLIENT_COMMAND);
	return false;
}
