/*
 * The sink of type syslog.
 *
 * Alerts are written in one go, and are delivered when link.c says so of all. When it does not, it
 * is not known which arrived: all come again, and after such a failure one by one, each confirmed
 * before the next, until the whole batch went through. So a server that falls over one message gets
 * those before it once, and the failure is of that one.
 */
#include "export/syslog/syslog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/syslog/link.h"
#include "export/syslog/message.h"
#include "export/syslog/tls.h"

#define SEND_MS 20000u /* for one call: below SINK_CALL_MAX_S, with what a connect may add */

struct syslog {
	struct message_options message;
	struct link_options server;
	struct link *link; /* owned */
	bool finish;       /* end the connection after each batch */
	bool careful;      /* one by one */
	uint32_t sequence;
};

/* In the order of the key's choices (RFC 5424 6.2.1). */
static unsigned
facility_of(uint64_t choice)
{
	static const unsigned codes[] = {16, 17, 18, 19, 20, 21, 22, 23, 1, 2, 3, 4, 5, 10, 13, 14};

	return choice < sizeof(codes) / sizeof(codes[0]) ? codes[choice] : codes[0];
}

static void
read_keys(struct syslog *s, const struct config_exporter *e, const struct sink_context *context)
{
	static const unsigned ports[] = {[LINK_TLS] = 6514, [LINK_TCP] = 601, [LINK_UDP] = 514};
	const uint64_t port = config_exporter_number(e, "port");

	s->server = (struct link_options){
		.transport = (enum link_transport)config_exporter_number(e, "transport"),
		.server = config_exporter_text(e, "server"),
		.server_name = config_exporter_text(e, "server_name"),
		.ca_file = config_exporter_text(e, "ca_file"),
		.cert_file = config_exporter_text(e, "cert_file"),
		.key_file = config_exporter_text(e, "key_file")};
	s->server.port = port ? (unsigned)port : ports[s->server.transport];
	s->message = (struct message_options){
		.format = (enum encode_format)config_exporter_number(e, "format"),
		.facility = facility_of(config_exporter_number(e, "facility")),
		.sensor = context->sensor,
		.app_name = config_exporter_text(e, "app_name"),
		.sd_id = config_exporter_text(e, "sd_id"),
		.max = config_exporter_number(e, "max_bytes"),
		.pid = (long)getpid()};
	s->finish = config_exporter_number(e, "confirm") == 1 && s->server.transport != LINK_UDP;
}

static int
check(const struct syslog *s, char why[SINK_WHY_MAX])
{
	if (s->message.sd_id[0] && !message_sd_id_is_right(s->message.sd_id)) {
		snprintf(why, SINK_WHY_MAX,
			"sd_id %s: it has to be a name, @ and your private "
			"enterprise number, at most %u characters",
			s->message.sd_id, MESSAGE_SD_ID_MAX);
		return -EINVAL;
	}
	if (s->server.transport != LINK_TLS)
		return 0;
	return tls_check_files(&s->server, why);
}

static void
close_syslog(void *sink)
{
	struct syslog *s = sink;

	if (!s)
		return;
	link_free(s->link);
	free(s);
}

static int
open_syslog(void **sink, const struct config_exporter *e, const struct sink_context *context,
	char why[SINK_WHY_MAX])
{
	struct syslog *s = calloc(1, sizeof(*s));
	int error;

	if (!s) {
		snprintf(why, SINK_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	read_keys(s, e, context);
	error = check(s, why);
	if (!error && !(s->link = link_new(&s->server))) {
		snprintf(why, SINK_WHY_MAX, "out of memory");
		error = -ENOMEM;
	}
	if (error) {
		close_syslog(s);
		return error;
	}
	*sink = s;
	return 0;
}

/* RFC 6587 3.4.1: the length, a space and the message. A datagram is the message alone. */
static int
write_message(struct syslog *s, const char *message, size_t len, uint64_t deadline,
	char why[SINK_WHY_MAX])
{
	char *framed;
	int n, error;

	if (s->server.transport == LINK_UDP)
		return link_write(s->link, message, len, deadline, why);
	n = asprintf(&framed, "%zu %s", len, message);
	if (n < 0) {
		snprintf(why, SINK_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	error = link_write(s->link, framed, (size_t)n, deadline, why);
	free(framed);
	return error;
}

/* 0; -EMSGSIZE: the alert cannot be sent for what it is; or another -errno. */
static int
write_alert(
	struct syslog *s, const struct sink_alert *alert, uint64_t deadline, char why[SINK_WHY_MAX])
{
	size_t len;
	char *message = message_of(&s->message, alert, ++s->sequence, &len);
	int error;

	if (!message) {
		snprintf(why, SINK_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	if (len > s->message.max) {
		snprintf(why, SINK_WHY_MAX,
			"alert %llu is %zu bytes as it is shortest: max_bytes is %zu",
			(unsigned long long)alert->seq, len, s->message.max);
		error = -EMSGSIZE;
	} else {
		error = write_message(s, message, len, deadline, why);
	}
	free(message);
	return error;
}

/* Some alerts, delivered all or as if none were. *taken: those before one that was refused. */
static int
deliver(struct syslog *s, const struct sink_alert *alerts, size_t n, size_t *taken,
	uint64_t deadline, char why[SINK_WHY_MAX])
{
	int refused = 0, error = link_open(s->link, deadline, why);

	for (*taken = 0; !error && !refused && *taken < n; *taken += !error) {
		error = write_alert(s, &alerts[*taken], deadline, why);
		if (error == -EMSGSIZE) {
			refused = error;
			break;
		}
	}
	if (!error || refused) {
		char unsure[SINK_WHY_MAX];

		/* Of both sentences that of the failure is told: it is what comes first. */
		error = s->finish ? link_finish(s->link, deadline, unsure)
				  : link_flush(s->link, deadline, unsure);
		if (error)
			memcpy(why, unsure, sizeof(unsure));
	}
	if (error) {
		*taken = 0;
		link_drop(s->link);
		return error;
	}
	return refused;
}

static enum sink_result
send_syslog(
	void *sink, const struct sink_alert *alerts, size_t n, size_t *sent, char why[SINK_WHY_MAX])
{
	struct syslog *s = sink;
	const uint64_t deadline = link_now() + SEND_MS;

	while (*sent < n) {
		size_t taken;
		int error = deliver(
			s, alerts + *sent, s->careful ? 1 : n - *sent, &taken, deadline, why);

		*sent += taken;
		if (error == -EMSGSIZE)
			return SINK_REFUSED;
		if (error) {
			s->careful = true;
			return SINK_RETRY;
		}
	}
	s->careful = false;
	return SINK_DONE;
}

/* A connection that the other side ended is not kept half open. */
static enum sink_result
tick_syslog(void *sink, uint64_t now_ns, char why[SINK_WHY_MAX])
{
	struct syslog *s = sink;

	(void)now_ns;
	(void)why;
	link_look(s->link);
	return SINK_DONE;
}

const struct sink_kind syslog_kind = {.type = CONFIG_EXPORTER_SYSLOG,
	.open = open_syslog,
	.send = send_syslog,
	.tick = tick_syslog,
	.close = close_syslog};
