/*
 * body: what is sent to a webhook: of each alert a piece, and of several pieces the body of one
 * request. Pure, but for the template that was read before.
 */
#ifndef SMTAP_EXPORT_WEBHOOK_BODY_H
#define SMTAP_EXPORT_WEBHOOK_BODY_H

#include <stddef.h>

#include "export/encode/encode.h"
#include "export/sink/sink.h"

/* As the key `template` has its choices. */
enum body_template { BODY_JSON, BODY_SLACK, BODY_SPLUNK, BODY_ELASTIC, BODY_FILE, BODY_TEMPLATES };

#define BODY_ALERTS_MAX 100 /* in one request */

struct template;

struct body_options {
	enum body_template template;
	enum encode_format format; /* of BODY_JSON */
	bool array;                /* of BODY_JSON: several in a request */
	const char *sensor;
	const char *index;             /* of BODY_SPLUNK and BODY_ELASTIC; "": the receiver's */
	const char *sourcetype;        /* of BODY_SPLUNK */
	const struct template *custom; /* of BODY_FILE */
};

const char *body_content_type(enum body_template template);

/* How many alerts a request may have. */
size_t body_alerts_max(const struct body_options *options);

/* What a body has besides its pieces, at most. */
size_t body_frame_bytes(const struct body_options *options, size_t count);

/* To be freed; NULL: out of memory. */
char *body_piece(const struct body_options *options, const struct sink_alert *alert);

/* Of count >= 1 pieces and the alerts that they are of. To be freed; NULL: out of memory. */
char *body_join(const struct body_options *options, const struct sink_alert *alerts,
	char *const *pieces, size_t count, size_t *len);

#endif
