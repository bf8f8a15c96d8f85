/*
 * mail: transactions (RFC 5321 3.3), from the replies' point of view: a MAIL
 * that was accepted opens one; it ends with the reply to its data, or with RSET,
 * EHLO, HELO, QUIT, another accepted MAIL, or the session.
 *
 * Keeps: flags in the session; counts of recipients, octets, what refused it and the sender
 * in its note. What a command said comes with its reply,
 * out of the queue, so that transactions pipelined one after the other do not
 * mix. One EVENT_MAIL per transaction, in mail_end().
 *
 * When replies are missing (smtp_mail_assume) a MAIL is taken as accepted, a
 * RCPT as neither accepted nor refused, and the reply code stays 0.
 */
#include <string.h>

#include "base/bytes.h"
#include "dataplane/smtp/state.h"

static void
put_authenticated(const struct run *r, struct event *event, size_t *used, uint8_t *len)
{
	if (!(r->s->flags & S_AUTHENTICATED))
		return;
	/* Somebody is authenticated, though we missed who. */
	if (smtp_note_get(r, NOTE_AUTHENTICATED).len > 0)
		*len = smtp_note_text(r, event, used, NOTE_AUTHENTICATED);
	else
		*len = emit_text(event, used, "?", 1);
}

static void
mail_end(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;
	const struct deeds *deeds = smtp_deeds_peek(r);
	size_t used = 0;

	if (!(s->mail_flags & M_OPEN))
		return;
	struct event *event = smtp_emit(r, EVENT_MAIL);
	struct event_mail *mail = &event->mail;
	mail->body_bytes = deeds->mail_bytes;
	mail->transaction_no = deeds->transactions;
	mail->recipients_accepted = deeds->rcpt_accepted;
	mail->recipients_refused = deeds->rcpt_refused;
	mail->reply_code = reply ? reply->code : deeds->mail_code;
	smtp_enhanced_unpack(reply ? reply->enhanced : deeds->mail_enhanced, mail->enhanced);
	bool refused = (s->mail_flags & M_REFUSED) || (reply && reply->code >= 400);
	mail->flags |= reply && !refused && reply->code < 300 ? MAIL_COMPLETE : 0;
	mail->flags |= refused ? MAIL_REFUSED : 0;
	mail->flags |= s->mail_flags & M_NULL_SENDER ? MAIL_NULL_SENDER : 0;
	mail->flags |= s->mail_flags & M_DSN ? MAIL_DSN_HEADER : 0;
	mail->flags |= s->mail_flags & M_TRUNCATED ? MAIL_TEXT_TRUNCATED : 0;
	mail->transport = TRANSPORT_CLEAR;
	mail->helo_len = smtp_note_text(r, event, &used, NOTE_HELO);
	mail->from_len = smtp_note_text(r, event, &used, NOTE_FROM);
	put_authenticated(r, event, &used, &mail->authenticated_len);
	emit_commit(r->ctx->emit);
	s->mail_flags = 0;
	smtp_note_drop(r, NOTE_FROM);
}

static void
mail_begin(struct run *r, const struct queued *command)
{
	struct state *s = r->s;

	mail_end(r, NULL);
	struct deeds *deeds = smtp_deeds(r);
	deeds->transactions++;
	s->mail_flags = M_OPEN;
	deeds->mail_bytes = 0;
	deeds->mail_code = 0;
	deeds->mail_enhanced = 0;
	deeds->rcpt_accepted = 0;
	deeds->rcpt_refused = 0;
	if (!command || !command->has_text)
		return;
	s->mail_flags |= command->len == 0 ? M_NULL_SENDER : 0;
	s->mail_flags |= command->len == SMTP_STRING_MAX ? M_TRUNCATED : 0;
	smtp_note_put(r, NOTE_FROM, command->text, command->len);
}

/* What comes now belongs to a transaction whose MAIL was missed. */
static void
mail_begin_missed(struct run *r)
{
	if (!(r->s->mail_flags & M_OPEN) && smtp_unsure(r->s))
		mail_begin(r, NULL);
}

static void
refuse(struct run *r, const struct reply *reply)
{
	struct deeds *deeds = smtp_deeds(r);

	r->s->mail_flags |= M_REFUSED;
	deeds->mail_code = reply->code;
	deeds->mail_enhanced = reply->enhanced;
}

static void
mail_reply(struct run *r, const struct reply *reply, const struct queued *command)
{
	/* A second MAIL while one is open (503) leaves the first as it is. */
	if (reply->code >= 400 && (r->s->mail_flags & M_OPEN))
		return;
	mail_begin(r, command);
	if (reply->code < 400)
		return;
	refuse(r, reply);
	mail_end(r, reply);
}

static uint8_t
rcpt_nth(const struct deeds *deeds)
{
	uint32_t n = deeds->rcpt_accepted + deeds->rcpt_refused;

	return n < UINT8_MAX ? (uint8_t)n : UINT8_MAX;
}

static void
rcpt_reply(struct run *r, const struct reply *reply, const struct queued *command)
{
	bool accepted = reply->code < 300;
	size_t used = 0;

	if (accepted)
		mail_begin_missed(r);
	struct deeds *deeds = smtp_deeds(r);
	deeds->rcpt_accepted += accepted;
	deeds->rcpt_refused += !accepted;
	struct event *event = smtp_emit(r, EVENT_RCPT);
	event->rcpt.transaction_no = deeds->transactions;
	event->rcpt.reply_code = reply->code;
	smtp_enhanced_unpack(reply->enhanced, event->rcpt.enhanced);
	event->rcpt.accepted = accepted;
	event->rcpt.nth = rcpt_nth(deeds);
	event->rcpt.refused_policy = (reply->words & WORD_POLICY) != 0;
	event->rcpt.transport = TRANSPORT_CLEAR;
	event->rcpt.rcpt_len = smtp_text_put(event, &used, command->text, command->len, NULL);
	if (r->s->mail_flags & M_OPEN)
		event->rcpt.from_len = smtp_note_text(r, event, &used, NOTE_FROM);
	put_authenticated(r, event, &used, &event->rcpt.authenticated_len);
	emit_commit(r->ctx->emit);
}

void
smtp_mail_data_queue(struct run *r, enum command_kind kind)
{
	uint8_t text[SMTP_DATA_TEXT_BYTES];

	memcpy(text, &smtp_deeds_peek(r)->body_bytes, 8);
	text[8] = (uint8_t)r->s->body_flags;
	smtp_queue_push(r, kind, text, sizeof(text));
}

static void
add_data(struct run *r, uint64_t bytes, uint8_t flags)
{
	mail_begin_missed(r);
	if (!(r->s->mail_flags & M_OPEN))
		return; /* octets without a transaction: a BDAT that was refused */
	smtp_deeds(r)->mail_bytes += bytes;
	r->s->mail_flags |= flags & B_DSN ? M_DSN : 0;
}

static void
add_queued(struct run *r, const struct queued *command)
{
	if (command->len == SMTP_DATA_TEXT_BYTES)
		add_data(r, load_le64(command->text), command->text[8]);
}

void
smtp_mail_data(struct run *r, bool ends)
{
	add_data(r, smtp_deeds_peek(r)->body_bytes, (uint8_t)r->s->body_flags);
	if (ends)
		mail_end(r, NULL);
}

/* A chunk, or the whole message, was answered. */
static void
data_reply(struct run *r, const struct queued *command, const struct reply *reply)
{
	add_queued(r, command);
	if (command->kind == COMMAND_BDAT && reply->code < 400)
		return;
	/* A server that does not know BDAT takes its octets for commands; so does one that
	   wants AUTH first (530 of Dovecot's submission service), against RFC 3030 2. */
	if (command->kind != COMMAND_END_OF_DATA &&
		(reply->code == 500 || reply->code == 502 || reply->code == 530))
		r->s->flags |= S_UNSURE;
	if (reply->code >= 400)
		smtp_mail_data_refused(r, reply);
	if (command->kind != COMMAND_BDAT)
		mail_end(r, reply);
}

/* The body that was taken for granted was none: its lines were commands. */
static void
assumed_refused(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;

	smtp_mail_data_refused(r, reply);
	s->flags |= S_UNSURE;
	s->flags &= ~S_DATA_ASSUMED;
	if (s->client != CLIENT_HEADER && s->client != CLIENT_BODY)
		return;
	smtp_line_discard(r, SMTP_CLIENT);
	smtp_client_enter(r, CLIENT_LOST);
}

void
smtp_mail_reply(struct run *r, const struct queued *command, const struct reply *reply)
{
	switch (command->kind) {
	case COMMAND_MAIL:
		mail_reply(r, reply, command);
		return;
	case COMMAND_RCPT:
		rcpt_reply(r, reply, command);
		return;
	case COMMAND_DATA:
		assumed_refused(r, reply);
		return;
	case COMMAND_END_OF_DATA:
	case COMMAND_BDAT:
	case COMMAND_BDAT_LAST:
		data_reply(r, command, reply);
		return;
	case COMMAND_HELO:
	case COMMAND_RSET:
	case COMMAND_QUIT:
		if (reply->code < 300)
			mail_end(r, NULL);
		return;
	case COMMAND_NONE:
	case COMMAND_OTHER:
	case COMMAND_EMPTY:
	case COMMAND_LOST:
	case COMMAND_KIND_COUNT:
		return;
	}
}

void
smtp_mail_data_refused(struct run *r, const struct reply *reply)
{
	if ((r->s->mail_flags & M_OPEN) && reply->code >= 400)
		refuse(r, reply);
}

void
smtp_mail_assume(struct run *r, const struct queued *command)
{
	switch (command->kind) {
	case COMMAND_MAIL:
		mail_begin(r, command);
		return;
	case COMMAND_END_OF_DATA:
	case COMMAND_BDAT_LAST:
		add_queued(r, command);
		mail_end(r, NULL);
		return;
	case COMMAND_BDAT:
		add_queued(r, command);
		return;
	case COMMAND_HELO:
	case COMMAND_RSET:
	case COMMAND_QUIT:
		mail_end(r, NULL);
		return;
	case COMMAND_RCPT:
	case COMMAND_DATA:
	case COMMAND_NONE:
	case COMMAND_OTHER:
	case COMMAND_EMPTY:
	case COMMAND_LOST:
	case COMMAND_KIND_COUNT:
		return;
	}
}

void
smtp_mail_close(struct run *r)
{
	struct state *s = r->s;
	struct queued command;

	/* A MAIL that the server left unanswered opened nothing; octets did pass. */
	for (;;) {
		smtp_queue_pop(r, &command);
		if (command.kind == COMMAND_NONE)
			break;
		if (command.kind != COMMAND_MAIL || (s->flags & S_ONE_SIDED))
			smtp_mail_assume(r, &command);
	}
	if (smtp_client_in_data(s))
		smtp_mail_data(r, false);
	mail_end(r, NULL);
}
