/* What a URL is, as far as it matters before anything is sent to it. */
#ifndef SMTAP_EXPORT_WEBHOOK_URL_H
#define SMTAP_EXPORT_WEBHOOK_URL_H

#include <stdbool.h>

#include "export/sink/sink.h"

#define URL_SHOWN_MAX 320

struct url {
	bool https;
	bool loopback;             /* the host is this one: 127.0.0.0/8, ::1, localhost */
	char shown[URL_SHOWN_MAX]; /* SCHEME://HOST:PORT; what follows may be a secret */
};

/* key: of the configuration. 0, or -EINVAL with a sentence that does not repeat the URL. */
int url_read(struct url *out, const char *key, const char *text, char why[SINK_WHY_MAX]);

#endif
