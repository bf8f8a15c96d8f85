/*
 * traffic: packets for the scenarios, fresh sessions without end.
 *
 * A script is one session as a list of steps (packets). A crowd plays one
 * script in many sessions at once, each at another step, one packet of each in
 * turn; a session that has ended makes room for a new one with other addresses,
 * ports, sequence numbers and passwords. So no packet of any pass is a repetition
 * of an earlier one, and neighbouring packets belong to different sessions.
 *
 * All state of a crowd and a background is a few plain numbers: a copy of them
 * plays the same packets again (for the floor).
 */
#ifndef SMTAP_BENCH_TRAFFIC_H
#define SMTAP_BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/event.h"

#define TRAFFIC_FRAME_MAX 1514
#define TRAFFIC_FRAME_MIN 60
#define TRAFFIC_STEPS_MAX 1024
#define TRAFFIC_LINES_MAX 128

/* What was played, to hold the counters of the pipeline against. */
struct traffic_tally {
	uint64_t packets;
	uint64_t bytes;      /* of frames, without FCS */
	uint64_t mail;       /* packets of mail sessions */
	uint64_t mail_bytes; /* TCP payload in them */
	uint64_t sessions;   /* SYNs */
	uint64_t attempts;   /* AUTH commands */
	uint64_t failures;   /* replies that refuse a password */
	uint64_t lines;      /* that Hyperscan is to see */
};

struct traffic_step {
	bool from_client;
	uint8_t tcp_flags;
	uint16_t payload_len;
	uint16_t vary_at; /* 8 base64 digits of the payload that differ by session; 0: none */
	uint16_t lines;   /* scanned ones that it completes */
	uint8_t attempts; /* that it begins */
	uint8_t failures; /* and that it ends */
	uint32_t seq;     /* from the initial one */
	uint32_t ack;
	const uint8_t *payload;
};

struct traffic_line {
	enum event_context context;
	const char *text;
	size_t len;
};

struct traffic_script {
	unsigned steps_count;
	unsigned lines_count;
	struct traffic_step steps[TRAFFIC_STEPS_MAX];
	struct traffic_line lines[TRAFFIC_LINES_MAX]; /* that Hyperscan sees, in order */
	uint32_t next_seq[2];                         /* while it is written: client, server */
};

/* Write a script: the handshake, then lines and bodies in turn, then the end. */
void traffic_script_open(struct traffic_script *s);
/* text: one or more lines, each with its CRLF, in one segment. */
void traffic_script_server(struct traffic_script *s, const char *text, enum event_context context);
void traffic_script_command(struct traffic_script *s, const char *text);
void traffic_script_auth(struct traffic_script *s, const char *text);
/* An answer to a 334; 8 of its base64 digits differ by session when vary is set. */
void traffic_script_answer(struct traffic_script *s, const char *text, bool vary);
/* The 535 that ends an attempt. */
void traffic_script_failure(struct traffic_script *s, const char *text);
/* Header lines of a message, in one segment. */
void traffic_script_header(struct traffic_script *s, const char *text);
/* A message body: segments full of encoded lines, acknowledged two by two. */
void traffic_script_body(struct traffic_script *s, unsigned segments);
void traffic_script_close(struct traffic_script *s);

/* Cut every step with payload from `first` on into segments of one byte each. */
void traffic_script_crumble(struct traffic_script *s, unsigned first);

/* The sessions that the scenarios play. */
void traffic_script_guessing(struct traffic_script *s);
void traffic_script_delivery(struct traffic_script *s, unsigned body_segments);
/* One guess, in 20 packets. */
void traffic_script_guess(struct traffic_script *s);
/* Lines that no client should send, around one guess. */
void traffic_script_pathological(struct traffic_script *s);

struct traffic_crowd {
	const struct traffic_script *script;
	uint32_t concurrency; /* sessions at once */
	uint32_t sources;     /* client addresses, from network on */
	uint32_t network;     /* host order */
	uint64_t round;
	uint32_t slot;
};

/* Write the next packet to frame; its length. */
uint32_t traffic_crowd_next(
	struct traffic_crowd *crowd, uint8_t *frame, struct traffic_tally *tally);

/* Write step `step` of the crowd's session number `session`; its length. */
uint32_t traffic_crowd_step(
	const struct traffic_crowd *crowd, uint64_t session, unsigned step, uint8_t *frame);

/*
 * Sessions that never begin: SYNs of ever other addresses and ports, without an answer. Two of
 * them are alike only after 2^40.
 */
struct traffic_flood {
	uint32_t network; /* host order, /8 */
	uint64_t count;
};

uint32_t traffic_flood_next(
	struct traffic_flood *flood, uint8_t *frame, struct traffic_tally *tally);

struct traffic_background {
	uint64_t count;
	uint32_t bytes; /* of each frame, at least TRAFFIC_FRAME_MIN; 0: of all sizes */
};

uint32_t traffic_background_next(
	struct traffic_background *background, uint8_t *frame, struct traffic_tally *tally);

#endif
