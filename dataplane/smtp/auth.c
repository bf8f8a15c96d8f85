/*
 * auth: the AUTH exchange (RFC 4954 4).
 *
 * Keeps: the attempt under way: its mechanism, how many times the client has
 * answered, in the session; what is known of who it says it is and the keyed
 * fingerprint of its password, in the note. Nothing when there is none (tail is not AUTH).
 *
 * Always holds: an attempt begins with an AUTH command, or with a 334 that
 * nothing explains; it ends with one event, in attempt_end() and nowhere else.
 * A decoded message lives in one buffer on the stack of respond() or respond_part()
 * and is wiped before that returns. A line is taken for a username only when it is certain
 * that it is not the password: after a gap it is not (A_BLIND), and after a
 * prompt in words that we do not know it is once a second prompt comes
 * (A_PROVISIONAL).
 *
 * What an attacker would try: a mechanism's name, or a username, that is
 * really the secret of somebody's broken client, to have it logged; a 334 that
 * never ends; "QUIT" where a password belongs, to end inspection.
 */
#include <string.h>

#include "base/base64.h"
#include "dataplane/smtp/sasl.h"
#include "dataplane/smtp/state.h"

/* Sure; the exchange was seen but not its command; the final reply alone. */
#define CONFIDENCE_SEEN 100u
#define CONFIDENCE_EXCHANGE 90u
#define CONFIDENCE_REPLY 70u

_Static_assert(SASL_MECHANISM_COUNT <= 16, "a mechanism takes four bits");

static bool
blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static void
attempt_begin(struct run *r, uint8_t flags)
{
	struct state *s = r->s;
	struct deeds *deeds = smtp_deeds(r);

	counter_add(r->ctx->counters, COUNTER_AUTH_ATTEMPTS, 1);
	deeds->attempts++;
	s->auth_flags = flags;
	s->mechanism = SASL_UNKNOWN;
	s->responses = 0;
	deeds->password_fp = 0;
}

static void
put_mechanism(const struct run *r, struct event_auth *auth)
{
	const char *name = sasl_name((enum sasl_mechanism)r->s->mechanism);
	struct span own = smtp_note_get(r, NOTE_MECHANISM);

	if (own.len > 0)
		memcpy(auth->mechanism, own.data, own.len);
	else
		memcpy(auth->mechanism, name, strlen(name));
}

static uint8_t
confidence(const struct state *s)
{
	if (s->auth_flags & A_COMMAND)
		return CONFIDENCE_SEEN;
	return s->tail == TAIL_AUTH ? CONFIDENCE_EXCHANGE : CONFIDENCE_REPLY;
}

/* The username that was taken on trust was none. */
static void
forget_provisional(struct run *r)
{
	if (!(r->s->auth_flags & A_PROVISIONAL))
		return;
	r->s->auth_flags &= ~(A_PROVISIONAL | A_USERNAME);
	smtp_note_drop(r, NOTE_USERNAME);
}

/* What was said in the exchange is of no use after it. */
static void
attempt_forget(struct run *r)
{
	smtp_deeds(r)->password_fp = 0;
	smtp_note_drop(r, NOTE_USERNAME);
	smtp_note_drop(r, NOTE_DOMAIN);
	smtp_note_drop(r, NOTE_MECHANISM);
}

/* The one place where an attempt ends. reply: NULL when none was seen. */
static void
attempt_end(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;
	bool no_check = false;
	size_t used = 0;

	forget_provisional(r);
	const struct deeds *deeds = smtp_deeds_peek(r);
	struct event *event = smtp_emit(r, EVENT_AUTH);
	struct event_auth *auth = &event->auth;

	auth->outcome = OUTCOME_UNKNOWN;
	if (reply) {
		auth->outcome =
			(uint8_t)smtp_outcome(reply, (s->auth_flags & A_CANCELLED) != 0, &no_check);
		auth->reply_code = reply->code;
		smtp_enhanced_unpack(reply->enhanced, auth->enhanced);
	}
	auth->attempt_no = smtp_attempts(r);
	auth->transport = TRANSPORT_CLEAR;
	auth->confidence = confidence(s);
	auth->password_fp = s->auth_flags & A_PASSWORD ? deeds->password_fp : 0;
	auth->flags |= s->auth_flags & A_PASSWORD ? AUTH_PASSWORD_KNOWN : 0;
	auth->flags |= s->auth_flags & (A_COMMAND | A_CLIENT) ? AUTH_COMMAND_SEEN : 0;
	auth->flags |= no_check ? AUTH_NO_CHECK : 0;
	put_mechanism(r, auth);
	if (s->auth_flags & A_USERNAME) {
		struct span name = smtp_note_get(r, NOTE_USERNAME);
		auth->flags |= AUTH_USERNAME_KNOWN;
		auth->flags |= s->auth_flags & A_TRUNCATED ? AUTH_USERNAME_TRUNCATED : 0;
		auth->username_len = smtp_text_put(event, &used, name.data, name.len, &auth->flags);
		auth->domain_len = smtp_note_text(r, event, &used, NOTE_DOMAIN);
	}
	auth->helo_len = smtp_note_text(r, event, &used, NOTE_HELO);
	smtp_note_signatures(r, auth->signatures);
	bool success = auth->outcome == OUTCOME_SUCCESS;
	emit_commit(r->ctx->emit);
	if (success) {
		s->flags |= S_AUTHENTICATED;
		smtp_note_rename(r, NOTE_USERNAME, NOTE_AUTHENTICATED);
	}
	attempt_forget(r);
	if (success)
		smtp_note_settle(r);
}

static void
remember(struct run *r, const struct sasl_identity *id)
{
	struct state *s = r->s;

	if (id->has_password && !(s->auth_flags & A_PASSWORD)) {
		s->auth_flags |= A_PASSWORD;
		smtp_deeds(r)->password_fp =
			siphash(&r->ctx->password_key, id->password, id->password_len);
	}
	if (!id->has_username || (s->auth_flags & A_USERNAME))
		return;
	if (!smtp_note_put(r, NOTE_USERNAME, id->username, id->username_len))
		return;
	s->auth_flags |= A_USERNAME | (id->truncated ? A_TRUNCATED : 0);
	smtp_note_put(r, NOTE_DOMAIN, id->domain, id->domain_len);
}

/* One response: its base64, perhaps cut. */
static void
respond(struct run *r, const uint8_t *text, size_t len, bool cut)
{
	struct state *s = r->s;
	uint8_t message[SMTP_LINE_MAX / 4 * 3 + 3];
	struct sasl_identity id;
	unsigned step = s->responses;

	if (s->responses < SMTP_RESPONSES_MAX)
		s->responses++;
	if (s->auth_flags & A_BLIND)
		return;
	if (len == 1 && text[0] == '=') /* RFC 4954 4: an empty initial response */
		len = 0;
	if (cut)
		len &= ~(size_t)3;
	ssize_t n = base64_decode(text, len, message, sizeof(message));
	if (n < 0) {
		explicit_bzero(message, sizeof(message)); /* as far as it could be read */
		return;
	}
	enum sasl_mechanism mechanism = (enum sasl_mechanism)s->mechanism;
	if (n == 0 && step == 0 && sasl_never_empty(mechanism)) {
		s->responses = 0; /* "AUTH PLAIN =": servers ask again */
		return;
	}
	if (!(s->auth_flags & A_COMMAND) && step == 0 &&
		(mechanism == SASL_UNKNOWN || mechanism == SASL_PLAIN)) {
		enum sasl_mechanism guess = sasl_by_message(message, (size_t)n);
		mechanism = guess != SASL_UNKNOWN ? guess : mechanism;
		s->mechanism = mechanism & 0xf;
	}
	sasl_read(mechanism, step, message, (size_t)n, &id);
	remember(r, &id);
	explicit_bzero(message, (size_t)n);
	explicit_bzero(&id, sizeof(id));
}

/*
 * The start of a response whose rest was missed: a packet that the capture cut. A name is whole
 * where something follows it; a password never is.
 */
static void
respond_part(struct run *r, struct span text)
{
	enum sasl_mechanism mechanism = (enum sasl_mechanism)r->s->mechanism;
	uint8_t message[SMTP_LINE_MAX / 4 * 3 + 3];
	struct sasl_identity id;

	if ((mechanism != SASL_PLAIN && mechanism != SASL_CRAM) || r->s->responses > 0 ||
		(r->s->auth_flags & A_BLIND))
		return;
	ssize_t n = base64_decode(text.data, text.len & ~(size_t)3, message, sizeof(message));
	if (n <= 0) {
		explicit_bzero(message, sizeof(message));
		return;
	}
	sasl_read(mechanism, 0, message, (size_t)n, &id);
	id.has_password = false;
	remember(r, &id);
	explicit_bzero(message, (size_t)n);
	explicit_bzero(&id, sizeof(id));
}

/* The two that nearly all clients and tools name, in any case; SASL_UNKNOWN for others. */
static enum sasl_mechanism
usual_mechanism(const uint8_t *name, size_t len)
{
	if (len != 5)
		return SASL_UNKNOWN;
	uint32_t head = smtp_folded4(name);
	uint8_t last = name[4] | 0x20;
	if (head == SMTP_FOLDED4("logi") && last == 'n')
		return SASL_LOGIN;
	return head == SMTP_FOLDED4("plai") && last == 'n' ? SASL_PLAIN : SASL_UNKNOWN;
}

static void
name_mechanism(struct run *r, const uint8_t *name, size_t len)
{
	char upper[AUTH_MECHANISM_MAX];
	enum sasl_mechanism usual = usual_mechanism(name, len);

	if (usual != SASL_UNKNOWN) {
		r->s->mechanism = usual & 0xf;
		return;
	}
	if (!sasl_name_ok(name, len))
		return;
	r->s->mechanism = sasl_by_name(name, len) & 0xf;
	for (size_t i = 0; i < len; i++)
		upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
	const char *known = sasl_name((enum sasl_mechanism)r->s->mechanism);
	if (strlen(known) != len || memcmp(known, upper, len) != 0)
		smtp_note_put(r, NOTE_MECHANISM, upper, len);
}

/* AUTH SP mechanism [SP initial-response]; "AUTH=LOGIN" is a common slip. */
void
smtp_auth_command(struct run *r, const struct line *line, size_t at)
{
	const uint8_t *d = line->data;
	size_t end = line->len;

	attempt_begin(r, A_COMMAND | A_CLIENT);
	while (end > at && blank(d[end - 1]))
		end--;
	while (at < end && (blank(d[at]) || d[at] == '='))
		at++;
	size_t name_at = at;
	while (at < end && !blank(d[at]))
		at++;
	name_mechanism(r, d + name_at, at - name_at);
	if (r->s->mechanism == SASL_UNKNOWN)
		r->s->mechanism = SASL_OTHER; /* it was named: do not guess */
	while (at < end && blank(d[at]))
		at++;
	if (at < end)
		respond(r, d + at, end - at, line->cut);
	smtp_client_wait(r, TAIL_AUTH);
}

bool
smtp_auth_command_part(struct run *r, const struct line *line, size_t at)
{
	const uint8_t *d = line->data;
	size_t end = line->len;

	while (at < end && (blank(d[at]) || d[at] == '='))
		at++;
	size_t name_at = at;
	while (at < end && !blank(d[at]))
		at++;
	if (at == end)
		return false; /* the name goes on, perhaps */
	smtp_command_count(r);
	attempt_begin(r, A_COMMAND | A_CLIENT);
	name_mechanism(r, d + name_at, at - name_at);
	if (r->s->mechanism == SASL_UNKNOWN)
		r->s->mechanism = SASL_OTHER;
	while (at < end && blank(d[at]))
		at++;
	respond_part(r, (struct span){d + at, end - at});
	smtp_client_wait(r, TAIL_AUTH);
	smtp_auth_gap(r);
	return true;
}

void
smtp_auth_response(struct run *r, const struct line *line)
{
	struct state *s = r->s;
	const uint8_t *d = line->data;
	size_t len = line->len;

	while (len > 0 && blank(d[len - 1]))
		len--;
	while (len > 0 && blank(d[0]))
		d++, len--;
	s->auth_flags |= A_CLIENT;
	if (len == 1 && d[0] == '*')
		s->auth_flags |= A_CANCELLED;
	else
		respond(r, d, len, line->cut);
	smtp_client_wait(r, TAIL_AUTH);
}

void
smtp_auth_gap(struct run *r)
{
	struct state *s = r->s;

	forget_provisional(r);
	if (s->client == CLIENT_RESPONSE) {
		respond_part(r, smtp_held(r, SMTP_CLIENT));
		/* The one line that was due; what comes next has its number all the same. */
		if (s->responses < SMTP_RESPONSES_MAX)
			s->responses++;
		/* A part of it may have been more than one line: a name is no longer certain. */
		if (!(s->auth_flags & A_USERNAME) && s->mechanism != SASL_LOGIN)
			s->auth_flags |= A_BLIND;
		smtp_client_wait(r, TAIL_AUTH);
		return;
	}
	s->auth_flags |= A_BLIND;
}

void
smtp_auth_server_gap(struct run *r)
{
	if (r->s->auth_flags & A_PROVISIONAL)
		r->s->auth_flags |= A_BLIND;
	forget_provisional(r);
}

/*
 * After "AUTH LOGIN =": an empty name to some servers (Exim), no name yet to others
 * (Dovecot), and these ask for it.
 */
static void
name_still_asked(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;
	struct sasl_prompt prompt;

	if (s->mechanism != SASL_LOGIN || s->responses != 1 || !(s->auth_flags & A_USERNAME) ||
		smtp_note_get(r, NOTE_USERNAME).len > 0)
		return;
	sasl_prompt_read(reply->text, reply->text_len, &prompt);
	if (!prompt.username)
		return;
	s->responses = 0;
	s->auth_flags &= ~A_USERNAME;
}

void
smtp_auth_challenge(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;
	struct sasl_prompt prompt;

	/* A prompt after a prompt: the answer to the first was missed. */
	if (s->client == CLIENT_RESPONSE)
		smtp_auth_gap(r);
	if (s->responses > 0)
		s->auth_flags &= ~A_PROVISIONAL;
	name_still_asked(r, reply);
	/* Without the command, a later challenge may tell more than the first. */
	if (!(s->auth_flags & A_COMMAND) &&
		(s->mechanism == SASL_UNKNOWN || s->mechanism == SASL_PLAIN)) {
		sasl_prompt_read(reply->text, reply->text_len, &prompt);
		if (prompt.mechanism != SASL_UNKNOWN)
			s->mechanism = prompt.mechanism & 0xf;
	}
	smtp_client_enter(r, CLIENT_RESPONSE);
}

void
smtp_auth_reply(struct run *r, const struct reply *reply)
{
	attempt_end(r, reply);
	smtp_client_enter(r, CLIENT_COMMAND);
}

void
smtp_auth_abandon(struct run *r)
{
	if (r->s->tail != TAIL_AUTH)
		return;
	attempt_end(r, NULL);
	smtp_client_enter(r, CLIENT_COMMAND);
}

void
smtp_auth_drop(struct run *r)
{
	if (r->s->tail != TAIL_AUTH)
		return;
	attempt_forget(r);
	smtp_deeds(r)->attempts--;
	smtp_client_enter(r, CLIENT_COMMAND);
}

bool
smtp_auth_complete(const struct state *s)
{
	unsigned all = sasl_responses((enum sasl_mechanism)s->mechanism);

	return (s->auth_flags & A_CANCELLED) || (all > 0 && s->responses >= all);
}

void
smtp_auth_implied_challenge(struct run *r, const struct reply *reply)
{
	struct state *s = r->s;
	struct sasl_prompt prompt;

	sasl_prompt_read(reply->text, reply->text_len, &prompt);
	smtp_queue_assume(r, smtp_queue_len(r));
	smtp_line_discard(r, SMTP_CLIENT);
	attempt_begin(r, 0);
	/* An empty challenge asks a mechanism whose client speaks first: nearly always PLAIN. */
	s->mechanism = (prompt.empty ? SASL_PLAIN : prompt.mechanism) & 0xf;
	if (prompt.mechanism == SASL_LOGIN && prompt.password)
		s->responses = 1; /* the name was in what was missed */
	else if (prompt.mechanism == SASL_LOGIN && (!prompt.username || reply->cut))
		s->auth_flags |= A_PROVISIONAL; /* the first prompt, or the second? */
	s->tail = TAIL_AUTH;
	smtp_client_enter(r, CLIENT_RESPONSE);
}

/*
 * A final reply to an AUTH that was not seen, not even its prompts: 235 and 535
 * say so themselves (RFC 4954 6); other codes have other uses and need the word.
 */
bool
smtp_auth_implied_reply(struct run *r, const struct reply *reply)
{
	bool words = (reply->words & WORD_AUTH) && !(reply->words & WORD_REQUIRED);

	switch (reply->code) {
	case 235:
	case 535:
	case 534:
	case 538:
		break;
	case 450:
	case 454:
	case 501:
	case 503:
	case 504:
		if (words)
			break;
		return false;
	default:
		return false;
	}
	attempt_begin(r, 0);
	attempt_end(r, reply);
	return true;
}
