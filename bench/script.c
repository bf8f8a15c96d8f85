/* Writing scripts: sessions as lists of packets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/traffic.h"

#define FIN 0x01u
#define SYN 0x02u
#define PSH 0x08u
#define ACK 0x10u

#define BODY_SEGMENT_BYTES 1460
/* The second and third group of four of an answer: whole bytes of the password. */
#define VARY_AT 4
#define CLIENT 0
#define SERVER 1

static struct traffic_step *
add_step(struct traffic_script *s, bool from_client, uint8_t flags, const void *payload, size_t len)
{
	unsigned me = from_client ? CLIENT : SERVER;

	if (s->steps_count == TRAFFIC_STEPS_MAX) {
		fprintf(stderr, "smtap-bench: a script has too many steps\n");
		exit(1);
	}
	struct traffic_step *step = &s->steps[s->steps_count++];
	*step = (struct traffic_step){
		.from_client = from_client,
		.tcp_flags = flags,
		.payload = payload,
		.payload_len = (uint16_t)len,
		.seq = s->next_seq[me],
		.ack = flags & ACK ? s->next_seq[!me] : 0,
	};
	s->next_seq[me] += (uint32_t)len + (flags & (SYN | FIN) ? 1 : 0);
	return step;
}

static struct traffic_step *
add_text(struct traffic_script *s, bool from_client, const char *text)
{
	return add_step(s, from_client, PSH | ACK, text, strlen(text));
}

/* Note each line of text as one that Hyperscan sees. */
static void
add_lines(struct traffic_script *s, struct traffic_step *step, const char *text,
	enum event_context context)
{
	for (const char *end; (end = strstr(text, "\r\n")); text = end + 2) {
		if (s->lines_count == TRAFFIC_LINES_MAX) {
			fprintf(stderr, "smtap-bench: a script has too many lines\n");
			exit(1);
		}
		struct traffic_line *line = &s->lines[s->lines_count++];
		line->context = context;
		line->text = text;
		line->len = (size_t)(end - text);
		step->lines++;
	}
}

void
traffic_script_open(struct traffic_script *s)
{
	memset(s, 0, sizeof(*s));
	add_step(s, true, SYN, NULL, 0);
	add_step(s, false, SYN | ACK, NULL, 0);
	add_step(s, true, ACK, NULL, 0);
}

void
traffic_script_server(struct traffic_script *s, const char *text, enum event_context context)
{
	add_lines(s, add_text(s, false, text), text, context);
}

void
traffic_script_command(struct traffic_script *s, const char *text)
{
	add_lines(s, add_text(s, true, text), text, CONTEXT_COMMAND);
}

void
traffic_script_auth(struct traffic_script *s, const char *text)
{
	traffic_script_command(s, text);
	s->steps[s->steps_count - 1].attempts = 1;
}

void
traffic_script_answer(struct traffic_script *s, const char *text, bool vary)
{
	add_text(s, true, text)->vary_at = vary ? VARY_AT : 0;
}

void
traffic_script_failure(struct traffic_script *s, const char *text)
{
	traffic_script_server(s, text, CONTEXT_REPLY);
	s->steps[s->steps_count - 1].failures = 1;
}

void
traffic_script_header(struct traffic_script *s, const char *text)
{
	add_lines(s, add_text(s, true, text), text, CONTEXT_HEADER);
}

/* Lines of 76 characters, as base64 in a message has; whole lines in each segment but the end. */
static const uint8_t *
body_segment(void)
{
	static uint8_t body[BODY_SEGMENT_BYTES];

	for (unsigned i = 0; i < sizeof(body); i++)
		body[i] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[i * 37 %
											   64];
	for (unsigned i = 76; i + 1 < sizeof(body); i += 78)
		memcpy(body + i, "\r\n", 2);
	memcpy(body + sizeof(body) - 2, "\r\n", 2);
	return body;
}

void
traffic_script_body(struct traffic_script *s, unsigned segments)
{
	const uint8_t *body = body_segment();

	for (unsigned i = 0; i < segments; i++) {
		add_step(s, true, ACK, body, BODY_SEGMENT_BYTES);
		if (i % 2)
			add_step(s, false, ACK, NULL, 0);
	}
	add_text(s, true, ".\r\n");
}

void
traffic_script_close(struct traffic_script *s)
{
	traffic_script_command(s, "QUIT\r\n");
	traffic_script_server(s, "221 2.0.0 Bye\r\n", CONTEXT_REPLY);
	add_step(s, true, FIN | ACK, NULL, 0);
	add_step(s, false, FIN | ACK, NULL, 0);
	add_step(s, true, ACK, NULL, 0);
}

void
traffic_script_crumble(struct traffic_script *s, unsigned first)
{
	struct traffic_script *whole = malloc(sizeof(*whole));

	if (!whole) {
		fprintf(stderr, "smtap-bench: out of memory\n");
		exit(1);
	}
	*whole = *s;
	s->steps_count = first;
	for (unsigned i = first; i < whole->steps_count; i++) {
		const struct traffic_step *step = &whole->steps[i];

		for (unsigned k = 0; k < step->payload_len || k == 0; k++) {
			unsigned len = step->payload_len ? 1 : 0;
			bool last = k + 1 >= step->payload_len;

			if (s->steps_count == TRAFFIC_STEPS_MAX) {
				fprintf(stderr, "smtap-bench: a script has too many steps\n");
				exit(1);
			}
			struct traffic_step *crumb = &s->steps[s->steps_count++];
			*crumb = *step;
			crumb->payload = len ? step->payload + k : NULL;
			crumb->payload_len = (uint16_t)len;
			crumb->seq = step->seq + k;
			crumb->vary_at = 0; /* more digits than a crumb has */
			crumb->lines = last ? step->lines : 0;
			/* An attempt is known, and ends, with the last byte of its line. */
			crumb->attempts = last ? step->attempts : 0;
			crumb->failures = last ? step->failures : 0;
		}
	}
	free(whole);
}

static void
script_greeting(struct traffic_script *s, const char *ehlo)
{
	traffic_script_open(s);
	traffic_script_server(s, "220 mail.example.org ESMTP Postfix (Debian)\r\n", CONTEXT_BANNER);
	traffic_script_command(s, ehlo);
	traffic_script_server(s,
		"250-mail.example.org\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n"
		"250-AUTH PLAIN LOGIN\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
		CONTEXT_REPLY);
}

void
traffic_script_guessing(struct traffic_script *s)
{
	script_greeting(s, "EHLO hydra\r\n");
	for (unsigned i = 0; i < 3; i++) {
		traffic_script_auth(s, "AUTH LOGIN\r\n");
		traffic_script_server(s, "334 VXNlcm5hbWU6\r\n", CONTEXT_REPLY);
		traffic_script_answer(s, "YWxpY2VAZXhhbXBsZS5vcmc=\r\n", false);
		traffic_script_server(s, "334 UGFzc3dvcmQ6\r\n", CONTEXT_REPLY);
		traffic_script_answer(s, "c3VtbWVyMjAyNCEx\r\n", true);
		traffic_script_failure(s, "535 5.7.8 Error: authentication failed:\r\n");
	}
	traffic_script_close(s);
}

static void
script_one_guess(struct traffic_script *s)
{
	traffic_script_auth(s, "AUTH LOGIN\r\n");
	traffic_script_server(s, "334 VXNlcm5hbWU6\r\n", CONTEXT_REPLY);
	traffic_script_answer(s, "YWxpY2VAZXhhbXBsZS5vcmc=\r\n", false);
	traffic_script_server(s, "334 UGFzc3dvcmQ6\r\n", CONTEXT_REPLY);
	traffic_script_answer(s, "c3VtbWVyMjAyNCEx\r\n", true);
	traffic_script_failure(s, "535 5.7.8 Error: authentication failed:\r\n");
}

void
traffic_script_guess(struct traffic_script *s)
{
	script_greeting(s, "EHLO hydra\r\n");
	script_one_guess(s);
	add_step(s, true, ACK, NULL, 0);
	traffic_script_command(s, "RSET\r\n");
	traffic_script_server(s, "250 2.0.0 Ok\r\n", CONTEXT_REPLY);
	traffic_script_close(s);
}

/* A segment full of one piece of text. */
static const char *
full_segment(char *out, const char *piece)
{
	size_t len = strlen(piece);
	size_t at = 0;

	for (; at + len <= BODY_SEGMENT_BYTES; at += len)
		memcpy(out + at, piece, len);
	out[at] = '\0';
	return out;
}

void
traffic_script_pathological(struct traffic_script *s)
{
	static char empty[BODY_SEGMENT_BYTES + 1];
	static char returns[BODY_SEGMENT_BYTES + 1];
	static char feeds[BODY_SEGMENT_BYTES + 1];
	static char blanks[BODY_SEGMENT_BYTES + 1];
	static char refusals[BODY_SEGMENT_BYTES + 1];
	static char noops[BODY_SEGMENT_BYTES + 1];

	script_greeting(s, "EHLO hydra\r\n");
	script_one_guess(s);
	/* As many lines as a segment can hold, and the shortest replies to them. */
	add_text(s, true, full_segment(empty, "\r\n"));
	add_text(s, true, full_segment(noops, "NOOP\r\n"));
	add_text(s, false, full_segment(refusals, "500 -\r\n"));
	/* A line without end, in bytes that look like one. */
	for (unsigned i = 0; i < 4; i++)
		add_text(s, true, full_segment(returns, "\r"));
	add_text(s, true, "\r\n");
	for (unsigned i = 0; i < 4; i++) {
		struct traffic_step *step = add_text(s, true, full_segment(blanks, "AUTH     "));
		/* Too long to be inspected whole, but an attempt: known once it is too long. */
		step->attempts = i == 2;
	}
	add_text(s, true, "\r\n");
	add_text(s, true, full_segment(feeds, "\n"));
	traffic_script_close(s);
}

void
traffic_script_delivery(struct traffic_script *s, unsigned body_segments)
{
	script_greeting(s, "EHLO mta1.example.net\r\n");
	traffic_script_command(s, "MAIL FROM:<newsletter@example.net> SIZE=100000\r\n");
	traffic_script_server(s, "250 2.1.0 Ok\r\n", CONTEXT_REPLY);
	traffic_script_command(s, "RCPT TO:<alice@example.org>\r\n");
	traffic_script_server(s, "250 2.1.5 Ok\r\n", CONTEXT_REPLY);
	traffic_script_command(s, "DATA\r\n");
	traffic_script_server(s, "354 End data with <CR><LF>.<CR><LF>\r\n", CONTEXT_REPLY);
	traffic_script_header(s,
		"From: News <newsletter@example.net>\r\nTo: alice@example.org\r\n"
		"Subject: The week in pictures\r\nMessage-ID: <1234.5678@example.net>\r\n"
		"MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n");
	traffic_script_body(s, body_segments);
	traffic_script_server(s, "250 2.0.0 Ok: queued as 4XyZ1234\r\n", CONTEXT_REPLY);
	traffic_script_close(s);
}
