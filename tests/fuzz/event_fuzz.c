/* Whatever event_valid lets through must be safe to use: use all of it. */
#include <string.h>

#include "base/utf8.h"
#include "contract/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile size_t sink;

/* What an exporter does with a string; a trap when it is not what was promised. */
static size_t
use_text(const struct event *e, size_t at, size_t len)
{
	char out[EVENT_TEXT_BYTES];
	bool escaped, truncated;

	if (at + len > sizeof(e->text))
		__builtin_trap();
	size_t n = utf8_escape(
		(const uint8_t *)e->text + at, len, out, sizeof(out), &escaped, &truncated);
	if (escaped || truncated || n != len)
		__builtin_trap();
	sink += n;
	return at + len;
}

static void
use_auth(const struct event *e)
{
	size_t at = use_text(e, 0, e->auth.username_len);

	at = use_text(e, at, e->auth.domain_len);
	use_text(e, at, e->auth.helo_len);
	sink += strlen(e->auth.mechanism);
	sink += strlen(event_outcome_name(e->auth.outcome));
	sink += strlen(event_transport_name(e->auth.transport));
	if (event_outcome_name(e->auth.outcome)[0] == '?')
		__builtin_trap();
}

static void
use_rcpt(const struct event *e)
{
	size_t at = use_text(e, 0, e->rcpt.rcpt_len);

	at = use_text(e, at, e->rcpt.from_len);
	use_text(e, at, e->rcpt.authenticated_len);
}

static void
use_mail(const struct event *e)
{
	size_t at = use_text(e, 0, e->mail.helo_len);

	at = use_text(e, at, e->mail.from_len);
	use_text(e, at, e->mail.authenticated_len);
}

static void
use_event(const struct event *e)
{
	if (event_type_name(e->head.type)[0] == '?')
		__builtin_trap();
	switch ((enum event_type)e->head.type) {
	case EVENT_AUTH:
		use_auth(e);
		break;
	case EVENT_RCPT:
		use_rcpt(e);
		break;
	case EVENT_MAIL:
		use_mail(e);
		break;
	case EVENT_SESSION:
		use_text(e, use_text(e, 0, e->session.helo_len), e->session.banner_len);
		break;
	case EVENT_SIGNATURE:
		use_text(e, 0, e->signature.line_len);
		if (event_context_name(e->signature.context)[0] == '?')
			__builtin_trap();
		break;
	case EVENT_NONE:
	case EVENT_TYPE_COUNT:
		__builtin_trap();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct event e;

	if (len > sizeof(e))
		len = sizeof(e);
	memset(&e, 0, sizeof(e));
	memcpy(&e, data, len);
	if (event_valid(&e))
		use_event(&e);
	return 0;
}
