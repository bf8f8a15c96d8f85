/*
 * The addresses of a name, within a time.
 *
 * getaddrinfo() takes as long as resolv.conf lets it, which may be minutes. So it is asked for in
 * the background (getaddrinfo_a, a thread of glibc's), and waited for no longer than the caller
 * can.
 */
#include "export/syslog/resolve.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resolve {
	struct gaicb request;
	struct addrinfo hints;
	char host[256];
	char port[8];
};

static struct resolve *
ask(const struct resolve_question *q)
{
	struct resolve *r = calloc(1, sizeof(*r));
	struct gaicb *list;

	if (!r)
		return NULL;
	snprintf(r->host, sizeof(r->host), "%s", q->host);
	snprintf(r->port, sizeof(r->port), "%u", q->port);
	r->hints.ai_socktype = q->type;
	r->request.ar_name = r->host;
	r->request.ar_service = r->port;
	r->request.ar_request = &r->hints;
	list = &r->request;
	if (getaddrinfo_a(GAI_NOWAIT, &list, 1, NULL) != 0) {
		free(r);
		return NULL;
	}
	return r;
}

/* What needs nobody to be asked. */
static bool
is_address(const struct resolve_question *q, struct addrinfo **out)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = q->type};
	char service[8];

	snprintf(service, sizeof(service), "%u", q->port);
	return getaddrinfo(q->host, service, &hints, out) == 0;
}

int
resolve_name(struct resolve **pending, const struct resolve_question *q, struct addrinfo **out,
	char why[SINK_WHY_MAX])
{
	const struct timespec time = {q->timeout_ms / 1000, q->timeout_ms % 1000 * 1000000L};
	const struct gaicb *list[1];
	int error;

	if (is_address(q, out))
		return 0;
	if (!*pending)
		*pending = ask(q);
	if (!*pending) {
		snprintf(why, SINK_WHY_MAX, "%s: its address cannot be asked for: out of memory",
			q->host);
		return -ENOMEM;
	}
	list[0] = &(*pending)->request;
	gai_suspend(list, 1, &time);
	error = gai_error(&(*pending)->request);
	if (error == EAI_INPROGRESS) {
		snprintf(why, SINK_WHY_MAX,
			"%s: its address is not known yet: no name server answers", q->host);
		return -EAGAIN;
	}
	*out = (*pending)->request.ar_result;
	free(*pending);
	*pending = NULL;
	if (error == 0)
		return 0;
	snprintf(why, SINK_WHY_MAX, "%s: its address is not known: %s", q->host,
		gai_strerror(error));
	return -EHOSTUNREACH;
}

void
resolve_drop(struct resolve *pending)
{
	if (!pending)
		return;
	/* What a thread of glibc's still writes to cannot be freed: it is left to the process. */
	if (gai_cancel(&pending->request) == EAI_NOTCANCELED)
		return;
	if (gai_error(&pending->request) == 0)
		freeaddrinfo(pending->request.ar_result);
	free(pending);
}
