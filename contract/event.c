/*
 * Theory: event_valid is the only door between the ring and control. The
 * record it is given is control's own copy, so nothing changes while it looks.
 * Whoever got hold of the dataplane writes any 512 bytes he likes; what he must
 * not get is a length that leads out of the text, a value that indexes past a
 * table, bytes that are no UTF-8 or drive a terminal, or a time whose sum with
 * a window wraps. Lies that are well-formed cannot be told from the truth here.
 */
#include "contract/event.h"

#include "base/utf8.h"

#define CODE_MAX 999 /* three digits: RFC 5321 4.2.1, RFC 3463 2 */

#define NAME(id, name) [EVENT_##id] = (name),
static const char *const type_names[EVENT_TYPE_COUNT] = {EVENT_TYPES(NAME)};
#undef NAME

#define NAME(id, name) [OUTCOME_##id] = (name),
static const char *const outcome_names[OUTCOME_COUNT] = {EVENT_OUTCOMES(NAME)};
#undef NAME

#define NAME(id, name) [TRANSPORT_##id] = (name),
static const char *const transport_names[TRANSPORT_COUNT] = {EVENT_TRANSPORTS(NAME)};
#undef NAME

#define NAME(id, name) [CONTEXT_##id] = (name),
static const char *const context_names[CONTEXT_COUNT] = {EVENT_CONTEXTS(NAME)};
#undef NAME

static const char *
name_of(const char *const *names, unsigned count, unsigned value)
{
	return value < count && names[value] ? names[value] : "?";
}

const char *
event_type_name(unsigned type)
{
	return name_of(type_names, EVENT_TYPE_COUNT, type);
}

const char *
event_outcome_name(unsigned outcome)
{
	return name_of(outcome_names, OUTCOME_COUNT, outcome);
}

const char *
event_transport_name(unsigned transport)
{
	return name_of(transport_names, TRANSPORT_COUNT, transport);
}

const char *
event_context_name(unsigned context)
{
	return name_of(context_names, CONTEXT_COUNT, context);
}

/* Three strings at most lie in a text, one after another. */
static bool
text_valid(const struct event *event, size_t first, size_t second, size_t third)
{
	const uint8_t *text = (const uint8_t *)event->text;

	/* Each alone: a character must not straddle two of them. */
	return first + second + third <= EVENT_TEXT_BYTES && utf8_is_printable(text, first) &&
	       utf8_is_printable(text + first, second) &&
	       utf8_is_printable(text + first + second, third);
}

static bool
codes_valid(uint16_t reply_code, const uint16_t enhanced[3])
{
	return reply_code <= CODE_MAX && enhanced[0] <= CODE_MAX && enhanced[1] <= CODE_MAX &&
	       enhanced[2] <= CODE_MAX;
}

/* Printable ASCII, then NULs to the end, one at least. */
static bool
mechanism_valid(const char mechanism[AUTH_MECHANISM_MAX])
{
	size_t i = 0;

	while (i < AUTH_MECHANISM_MAX && mechanism[i] >= 0x20 && mechanism[i] < 0x7f)
		i++;
	if (i == AUTH_MECHANISM_MAX)
		return false;
	while (i < AUTH_MECHANISM_MAX && mechanism[i] == '\0')
		i++;
	return i == AUTH_MECHANISM_MAX;
}

static bool
auth_valid(const struct event *event)
{
	const struct event_auth *auth = &event->auth;

	return auth->outcome < OUTCOME_COUNT && auth->transport < TRANSPORT_COUNT &&
	       auth->confidence <= 100 && codes_valid(auth->reply_code, auth->enhanced) &&
	       mechanism_valid(auth->mechanism) &&
	       text_valid(event, auth->username_len, auth->domain_len, auth->helo_len);
}

static bool
rcpt_valid(const struct event *event)
{
	const struct event_rcpt *rcpt = &event->rcpt;

	return rcpt->accepted <= 1 && rcpt->transport < TRANSPORT_COUNT &&
	       codes_valid(rcpt->reply_code, rcpt->enhanced) &&
	       text_valid(event, rcpt->rcpt_len, rcpt->from_len, rcpt->authenticated_len);
}

static bool
mail_valid(const struct event *event)
{
	const struct event_mail *mail = &event->mail;

	return mail->transport < TRANSPORT_COUNT && codes_valid(mail->reply_code, mail->enhanced) &&
	       text_valid(event, mail->helo_len, mail->from_len, mail->authenticated_len);
}

static bool
session_valid(const struct event *event)
{
	const struct event_session *session = &event->session;

	return session->end < SESSION_END_COUNT && session->last_reply <= CODE_MAX &&
	       session->start_ns <= EVENT_TIME_MAX_NS &&
	       text_valid(event, session->helo_len, session->banner_len, 0);
}

static bool
signature_valid(const struct event *event)
{
	const struct event_signature *signature = &event->signature;

	return signature->context < CONTEXT_COUNT && signature->from_server <= 1 &&
	       text_valid(event, signature->line_len, 0, 0);
}

bool
event_valid(const struct event *event)
{
	const struct event_head *head = &event->head;

	if (head->version != EVENT_VERSION || head->flow.flow_id == 0)
		return false;
	if (head->clock_ns > EVENT_TIME_MAX_NS || head->time_ns > EVENT_TIME_MAX_NS)
		return false;
	/* Not cast to the enum: a compiler may take it for one of its values. */
	switch (head->type) {
	case EVENT_AUTH:
		return auth_valid(event);
	case EVENT_RCPT:
		return rcpt_valid(event);
	case EVENT_MAIL:
		return mail_valid(event);
	case EVENT_SESSION:
		return session_valid(event);
	case EVENT_SIGNATURE:
		return signature_valid(event);
	}
	return false;
}

size_t
event_account(const struct event *e, const char **name)
{
	switch ((enum event_type)e->head.type) {
	case EVENT_AUTH:
		*name = e->text;
		return (e->auth.flags & AUTH_USERNAME_KNOWN) ? e->auth.username_len : 0;
	case EVENT_RCPT:
		*name = e->text + e->rcpt.rcpt_len + e->rcpt.from_len;
		return e->rcpt.authenticated_len;
	case EVENT_MAIL:
		*name = e->text + e->mail.helo_len + e->mail.from_len;
		return e->mail.authenticated_len;
	case EVENT_SESSION:
	case EVENT_SIGNATURE:
	case EVENT_NONE:
	case EVENT_TYPE_COUNT:
		break;
	}
	return 0;
}
