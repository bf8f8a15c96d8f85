/*
 * http: one request and its answer (libcurl). Certificates are verified, redirects are not
 * followed, no proxy is used that was not given, nothing but HTTP and HTTPS is spoken, and neither
 * time nor answer is without a bound.
 */
#ifndef SMTAP_EXPORT_WEBHOOK_HTTP_H
#define SMTAP_EXPORT_WEBHOOK_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/sink/sink.h"

#define HTTP_ANSWER_MAX (1u << 20) /* bytes of an answer; what is longer is a failure */

struct http;

struct http_options {
	const char *url_key; /* of the configuration, for messages */
	const char *url;
	const char *content_type;
	const char *token_scheme; /* unless the exporter has one */
};

/* Reads the files of an exporter. 0, or -errno with a sentence. */
int http_open(struct http **out, const struct config_exporter *e, const struct http_options *o,
	char why[SINK_WHY_MAX]);
void http_close(struct http *http);

/* SCHEME://HOST:PORT and nothing more: what follows may be a secret. */
const char *http_shown(const struct http *http);

struct http_answer {
	unsigned status;      /* 0: there was none, and why says it */
	uint64_t retry_after; /* seconds that it asks to wait; 0: it does not */
	const char *body;     /* borrowed until the next request; ends with NUL */
	size_t body_len;
};

struct http_request {
	const char *body;
	size_t body_len;
	const char *seqs;    /* a header: Smtap-Seq: 7,8 */
	uint64_t timeout_ms; /* for all of it */
};

void http_send(struct http *http, const struct http_request *request, struct http_answer *answer,
	char why[SINK_WHY_MAX]);

/* What the other side said, as a message may repeat it: short, printable, without our secret. */
void http_quote(const struct http *http, const char *text, size_t len, char *out, size_t out_len);

#endif
