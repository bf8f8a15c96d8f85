/* What is asked on the socket, and what is answered; each answer is a line, to be freed. */
#ifndef SMTAP_CONTROL_SERVE_ANSWER_H
#define SMTAP_CONTROL_SERVE_ANSWER_H

#include <stdint.h>

#define ANSWER_NOTE_MAX 1000

enum answer_verb { ANSWER_STATUS, ANSWER_ACK };

struct answer_request {
	enum answer_verb verb;
	uint64_t incident;
	char note[ANSWER_NOTE_MAX + 1];
};

/* NULL: *request is filled in; else what is wrong, as the answer. */
char *answer_read(struct answer_request *request, const char *line);

char *answer_error(const char *why);

/* Acknowledge in the store of that path; whoever is at the other end of fd does. */
char *answer_ack(const struct answer_request *request, const char *store, int fd);

#endif
