/*
 * command: what a client's line asks for (RFC 5321 4.1.1). Servers are lenient,
 * so this is: any case, spaces and tabs in any number, before and after. A line
 * that is no command still is one to the server, which answers it.
 */
#include <string.h>

#include "base/bytes.h"
#include "dataplane/smtp/state.h"

/* A command line taken apart. */
struct command {
	const struct line *line;
	size_t verb_at;
	size_t verb_len;
	size_t args_at; /* first byte after the verb */
};

struct verb {
	const char *lower;
	uint32_t folded; /* its first four characters */
	uint8_t len;
	uint8_t kind; /* enum command_kind, for the queue */
	bool bare;    /* takes no argument: "quit" alone is the command */
	void (*run)(struct run *r, const struct verb *verb, const struct command *command);
};

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool
smtp_caseless_same(const uint8_t *data, size_t len, const char *want)
{
	size_t n = strlen(want);

	if (len < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (lower(data[i]) != (uint8_t)want[i])
			return false;
	return true;
}

bool
smtp_caseless_find(const uint8_t *data, size_t len, const char *want, size_t *at)
{
	size_t n = strlen(want);
	uint32_t head = smtp_folded4((const uint8_t *)want);

	for (size_t i = 0; i + n <= len; i++) {
		if (smtp_folded4(data + i) == head && smtp_caseless_same(data + i, len - i, want)) {
			*at = i;
			return true;
		}
	}
	return false;
}

static bool
blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static size_t
skip_blank(const struct line *line, size_t at)
{
	while (at < line->len && blank(line->data[at]))
		at++;
	return at;
}

static size_t
trim_end(const struct line *line)
{
	size_t end = line->len;

	while (end > 0 && blank(line->data[end - 1]))
		end--;
	return end;
}

static void
run_plain(struct run *r, const struct verb *verb, const struct command *command)
{
	(void)command;
	if (verb->kind == COMMAND_RSET)
		r->s->flags &= ~S_CHUNKING;
	smtp_queue_push(r, (enum command_kind)verb->kind, NULL, 0);
}

static void
run_helo(struct run *r, const struct verb *verb, const struct command *command)
{
	size_t at = skip_blank(command->line, command->args_at);
	size_t end = trim_end(command->line);

	if (verb->lower[0] != 'h')
		r->s->flags |= S_EHLO;
	if (end > at)
		smtp_note_put(r, NOTE_HELO, command->line->data + at,
			end - at < SMTP_STRING_MAX ? end - at : SMTP_STRING_MAX);
	smtp_match(r, CONTEXT_COMMAND, command->line, true);
	smtp_queue_push(r, COMMAND_HELO, NULL, 0);
}

/*
 * The path after FROM: or TO: (RFC 5321 4.1.2): between < and >, where a quoted
 * local part may hold both; or, as many clients send it, a bare word.
 */
static struct span
path(const struct line *line, size_t at)
{
	struct span out = {NULL, 0};

	at = skip_blank(line, at);
	bool angle = at < line->len && line->data[at] == '<';
	at += angle;
	/* Nearly all are without quotes. */
	const uint8_t *close = angle ? memchr(line->data + at, '>', line->len - at) : NULL;
	if (close && !memchr(line->data + at, '"', (size_t)(close - line->data) - at))
		return (struct span){line->data + at, (size_t)(close - line->data) - at};
	size_t end = at;
	for (bool quoted = false; end < line->len; end++) {
		uint8_t c = line->data[end];
		if (c == '\\' && quoted && end + 1 < line->len)
			end++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (angle ? c == '>' : blank(c)))
			break;
	}
	out.data = line->data + at;
	out.len = end - at;
	return out;
}

/* "MAIL FROM:", "RCPT TO:"; the colon and the blanks are as the client likes. */
static bool
keyword(const struct command *command, const char *word, size_t *at)
{
	const struct line *line = command->line;
	size_t i = skip_blank(line, command->args_at);

	if (!smtp_caseless_prefix(line->data + i, line->len - i, word))
		return false;
	i = skip_blank(line, i + strlen(word));
	if (i < line->len && line->data[i] == ':')
		i++;
	*at = i;
	return true;
}

static void
run_envelope(struct run *r, const struct verb *verb, const struct command *command)
{
	size_t at;

	smtp_match(r, CONTEXT_COMMAND, command->line, true);
	if (!keyword(command, verb->kind == COMMAND_MAIL ? "from" : "to", &at)) {
		counter_add(r->ctx->counters, COUNTER_SMTP_MALFORMED, 1);
		smtp_queue_push(r, COMMAND_OTHER, NULL, 0);
		return;
	}
	struct span p = path(command->line, at);
	if (verb->kind == COMMAND_MAIL)
		r->s->flags &= ~S_CHUNKING;
	smtp_queue_push(r, (enum command_kind)verb->kind, p.data, p.len);
}

static void
run_data(struct run *r, const struct verb *verb, const struct command *command)
{
	(void)verb, (void)command;
	r->s->flags &= ~S_BODY_GAP;
	smtp_client_wait(r, TAIL_DATA);
}

static void
run_starttls(struct run *r, const struct verb *verb, const struct command *command)
{
	(void)verb, (void)command;
	smtp_client_wait(r, TAIL_STARTTLS);
}

static void
run_auth(struct run *r, const struct verb *verb, const struct command *command)
{
	(void)verb;
	smtp_auth_command(r, command->line, command->args_at);
}

/* RFC 3030 2: BDAT chunk-size [ LAST ]. false: no octets follow. */
static bool
bdat_parse(const struct command *command, uint64_t *octets, bool *last)
{
	const struct line *line = command->line;
	size_t at = skip_blank(line, command->args_at);
	size_t digits = at;

	*octets = 0;
	while (at < line->len && line->data[at] >= '0' && line->data[at] <= '9') {
		if (at - digits > 17) /* no mail is that long; no overflow below */
			return false;
		*octets = *octets * 10 + (uint64_t)(line->data[at++] - '0');
	}
	if (at == digits || (at < line->len && !blank(line->data[at])))
		return false;
	at = skip_blank(line, at);
	*last = smtp_caseless_prefix(line->data + at, line->len - at, "last");
	return *last || at == line->len;
}

static void
run_bdat(struct run *r, const struct verb *verb, const struct command *command)
{
	uint64_t octets;
	bool last;

	(void)verb;
	if (!bdat_parse(command, &octets, &last)) {
		counter_add(r->ctx->counters, COUNTER_SMTP_MALFORMED, 1);
		smtp_queue_push(r, COMMAND_OTHER, NULL, 0);
		return;
	}
	smtp_data_chunk(r, octets, last);
}

/* Who asks for users by name (RFC 5321 3.5) is counted. */
static void
run_probe(struct run *r, const struct verb *verb, const struct command *command)
{
	uint32_t hash = 2166136261u; /* FNV-1a: it keeps nobody out, and nobody gains by a clash */
	struct deeds *deeds = smtp_deeds(r);
	uint16_t folded;

	if (deeds->probes < UINT8_MAX)
		deeds->probes++;
	for (size_t i = command->args_at; i < command->line->len; i++)
		hash = (hash ^ lower(command->line->data[i])) * 16777619u;
	folded = (uint16_t)(hash >> 16 ^ hash);
	folded |= folded == 0;
	deeds->probed = folded;
	run_plain(r, verb, command);
}

#define VERB(name, kind, bare, run)                                                   \
	{                                                                             \
		name, SMTP_FOLDED4(name), sizeof(name) - 1, COMMAND_##kind, bare, run \
	}

static const struct verb verbs[] = {
	/* most said first */
	VERB("mail", MAIL, false, run_envelope),
	VERB("rcpt", RCPT, false, run_envelope),
	VERB("data", NONE, true, run_data),
	VERB("ehlo", HELO, false, run_helo),
	VERB("auth", NONE, false, run_auth),
	VERB("quit", QUIT, true, run_plain),
	VERB("rset", RSET, true, run_plain),
	VERB("noop", OTHER, true, run_plain),
	VERB("x-exps", NONE, false, run_auth), /* Exchange's name for AUTH between its servers */
	VERB("helo", HELO, false, run_helo),
	VERB("lhlo", HELO, false, run_helo),
	VERB("bdat", NONE, false, run_bdat),
	VERB("starttls", NONE, true, run_starttls),
	VERB("vrfy", OTHER, false, run_probe),
	VERB("expn", OTHER, false, run_probe),
	VERB("help", OTHER, true, run_plain),
	VERB("etrn", OTHER, false, run_plain),
	VERB("turn", OTHER, true, run_plain),
	VERB("atrn", OTHER, false, run_plain),
	VERB("send", OTHER, false, run_plain),
	VERB("soml", OTHER, false, run_plain),
	VERB("saml", OTHER, false, run_plain),
	VERB("verb", OTHER, true, run_plain),
	VERB("burl", OTHER, false, run_plain),
	VERB("xclient", OTHER, false, run_plain),
	VERB("xforward", OTHER, false, run_plain),
	VERB("xexch50", OTHER, false, run_plain),
};

static bool
in_verb(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') < 26 || (uint8_t)(c - '0') < 10 || c == '-';
}

/* The verb of these characters, four or more. */
static inline const struct verb *
verb_of(const uint8_t *word, size_t len)
{
	uint32_t folded = smtp_folded4(word);

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (verbs[i].folded == folded && verbs[i].len == len &&
			(len == 4 || smtp_caseless_prefix(word, len, verbs[i].lower)))
			return &verbs[i];
	}
	return NULL;
}

static const struct verb *
verb_find(const struct line *line, struct command *command)
{
	size_t at = 0;

	command->line = line;
	command->verb_at = 0;
	/* Four letters at the start, which nearly all are, need no look at each of them. */
	if (line->len >= 4 && (line->len == 4 || !in_verb(line->data[4]))) {
		command->verb_len = command->args_at = 4;
		const struct verb *verb = verb_of(line->data, 4);
		if (verb)
			return verb;
	}
	at = command->verb_at = skip_blank(line, 0);
	while (at < line->len && in_verb(line->data[at]))
		at++;
	command->verb_len = at - command->verb_at;
	command->args_at = at;
	if (command->verb_len < 4)
		return NULL;
	return verb_of(line->data + command->verb_at, command->verb_len);
}

/* One word in base64's alphabet, or nothing, or "*": what answers a 334. */
bool
smtp_response_looks(const struct line *line)
{
	size_t end = trim_end(line);

	if (end == 1 && line->data[0] == '*')
		return true;
	for (size_t i = 0; i < end; i++) {
		uint8_t c = lower(line->data[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '+' && c != '/' &&
			c != '=')
			return false;
	}
	return true;
}

bool
smtp_command_looks(const struct line *line)
{
	struct command command;
	const struct verb *verb = verb_find(line, &command);
	size_t at;

	if (!verb)
		return false;
	if (verb->bare)
		return skip_blank(line, command.args_at) == line->len;
	if (verb->kind == COMMAND_MAIL)
		return keyword(&command, "from", &at);
	if (verb->kind == COMMAND_RCPT)
		return keyword(&command, "to", &at);
	return command.args_at < line->len &&
	       (blank(line->data[command.args_at]) || line->data[command.args_at] == '=');
}

/* What a gap, or a server that is not there, left open before this command. */
static void
settle_queue(struct run *r)
{
	struct state *s = r->s;

	if (s->flags & S_ONE_SIDED) {
		smtp_queue_assume(r, smtp_queue_len(r));
		return;
	}
	/* Commands whose replies may lie in a gap of the server's: the client went on,
	   so they were answered. */
	if (s->uncertain > 0)
		smtp_queue_assume(r, s->uncertain);
	if ((s->flags & S_LOST_ANSWERED) && smtp_queue_peek(r) == COMMAND_LOST)
		smtp_queue_assume(r, 1);
}

void
smtp_command_count(struct run *r)
{
	counter_add(r->ctx->counters, COUNTER_SMTP_COMMANDS, 1);
	r->s->commands += r->s->commands < STATE_COUNT_MAX;
	settle_queue(r);
}

/*
 * The first lines of a session joined in its middle, or after a gap: the middle
 * of a message, the rest of a command, an answer to a 334? Only a known verb is
 * taken for a command. false: not a command.
 */
static bool
in_step(struct run *r, const struct line *line, bool known)
{
	struct state *s = r->s;

	if (!(s->flags & (S_MIDSTREAM | S_AFTER_GAP)))
		return true;
	if (known) {
		s->flags &= ~(S_MIDSTREAM | S_AFTER_GAP);
		return true;
	}
	counter_add(r->ctx->counters, COUNTER_SMTP_MALFORMED, 1);
	/* Words: a message, or the octets of a BDAT that was missed. In a capture of one side
	   no reply would ever end that. */
	if (!smtp_response_looks(line) && (s->flags & S_MIDSTREAM || !(s->flags & S_ONE_SIDED)))
		smtp_client_enter(r, CLIENT_LOST);
	return false;
}

bool
smtp_command_part(struct run *r)
{
	struct span part = smtp_held(r, SMTP_CLIENT);
	struct line line = {part.data, part.len, true};
	struct command command;
	const struct verb *verb = verb_find(&line, &command);

	if (r->s->flags & (S_MIDSTREAM | S_AFTER_GAP | S_SKIP_CLIENT) || !verb ||
		verb->run != run_auth || !smtp_auth_command_part(r, &line, command.args_at))
		return false;
	smtp_line_discard(r, SMTP_CLIENT);
	r->s->flags |= r->s->flags & S_ONE_SIDED ? S_AFTER_GAP : S_DROP;
	return true;
}

void
smtp_command_line(struct run *r, const struct line *line)
{
	struct command command;
	const struct verb *verb = verb_find(line, &command);

	if (!in_step(r, line, verb != NULL))
		return;
	smtp_command_count(r);
	if (verb) {
		verb->run(r, verb, &command);
		return;
	}
	counter_add(r->ctx->counters, COUNTER_SMTP_MALFORMED, 1);
	/* STARTTLS, overwritten on the way to the server: see reply.c. */
	if ((r->s->flags & S_STARTTLS_OFFERED) && line->len == 8 &&
		memcmp(line->data, "XXXXXXXX", 8) == 0)
		r->s->flags |= S_STARTTLS_REFUSED;
	smtp_queue_push(r, trim_end(line) == 0 ? COMMAND_EMPTY : COMMAND_OTHER, NULL, 0);
}
