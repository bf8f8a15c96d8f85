/*
 * answer: what an HTTP answer means for the alerts of its request. Pure.
 *
 * What is the configuration's fault, as a wrong token or path, is tried again until it is mended:
 * nothing is lost for it. Only what says that the alerts themselves are wrong refuses them.
 */
#ifndef SMTAP_EXPORT_WEBHOOK_ANSWER_H
#define SMTAP_EXPORT_WEBHOOK_ANSWER_H

#include <stdbool.h>

#include "export/webhook/body.h"

#define ANSWER_REASON_MAX 160

struct answer_verdict {
	enum sink_result result;
	size_t done; /* of the request's alerts, those before the first that was not taken */
	bool one;    /* the alert behind these is it that is refused; else any of them may be */
	char reason[ANSWER_REASON_MAX]; /* what is the matter; may repeat the answer's words */
};

/* Of a request with count alerts, answered with status >= 100. */
void answer_judge(struct answer_verdict *v, enum body_template template, unsigned status,
	const char *body, size_t body_len, size_t count);

#endif
