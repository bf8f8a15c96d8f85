/* The parts of EVE lines that are alike, and the way out. */
#include "control/export/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/export/community_id.h"
#include "control/export/format.h"

#define BUFFER_BYTES (256u << 10)

struct eve *
eve_open(const struct eve_options *options)
{
	struct eve *eve = calloc(1, sizeof(*eve));

	if (!eve)
		return NULL;
	eve->fd = options->fd;
	eve->write = options->write;
	eve->write_arg = options->write_arg;
	eve->config = options->config;
	eve->patterns = options->patterns;
	eve->enrich = options->enrich;
	eve->alert = options->alert;
	eve->before = options->before;
	eve->arg = options->arg;
	eve->room = BUFFER_BYTES;
	eve->buffer = malloc(eve->room);
	eve->rcpt = rcpt_open();
	eve->signatures = calloc(eve->patterns->count + 1, sizeof(*eve->signatures));
	if (!eve->buffer || !eve->rcpt || !eve->signatures) {
		eve_close(eve);
		return NULL;
	}
	return eve;
}

static void
write_to_fd(struct eve *eve, const char *lines, size_t len)
{
	size_t done = 0;

	while (done < len && !eve->error) {
		ssize_t n = write(eve->fd, lines + done, len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			eve->error = -errno;
	}
}

/* Whole lines: one that is being made stays. */
int
eve_flush(struct eve *eve)
{
	if (eve->holds && eve->before)
		eve->before(eve->arg);
	eve->holds = false;
	if (eve->line > 0 && eve->write)
		eve->counters.lost += eve->write(eve->write_arg, eve->buffer, eve->line);
	else if (eve->line > 0)
		write_to_fd(eve, eve->buffer, eve->line);
	eve->used -= eve->line;
	memmove(eve->buffer, eve->buffer + eve->line, eve->used);
	eve->line = 0;
	return eve->error;
}

void
line_flush(struct eve *eve)
{
	if (!eve->before)
		eve_flush(eve);
}

int
eve_close(struct eve *eve)
{
	int error = eve_flush(eve);

	rcpt_close(eve->rcpt);
	free(eve->signatures);
	free(eve->buffer);
	free(eve);
	return error;
}

void
eve_set_loss(struct eve *eve, uint64_t loss)
{
	eve->loss = loss;
}

void
eve_set_quiet(struct eve *eve, bool quiet)
{
	eve->quiet = quiet;
}

void
eve_counters(const struct eve *eve, struct eve_counters *out)
{
	*out = eve->counters;
	out->rcpt_evicted = rcpt_evicted(eve->rcpt);
	out->enrich_errors += enrich_errors(eve->enrich);
}

void
eve_set_enrich(struct eve *eve, struct enrich *enrich)
{
	eve->counters.enrich_errors += enrich_errors(eve->enrich);
	eve->enrich = enrich;
}

/* Room for so many bytes more. A line longer than the buffer is a strange one, but no less a line.
 */
static bool
make_room(struct eve *eve, size_t len)
{
	size_t room = eve->room;

	if (eve->used + len <= room)
		return true;
	eve_flush(eve);
	while (eve->used + len > room)
		room *= 2;
	if (room == eve->room)
		return true;
	char *more = realloc(eve->buffer, room);
	if (!more)
		return false;
	eve->buffer = more;
	eve->room = room;
	return true;
}

static int
line_write(const char *text, size_t len, void *arg)
{
	struct eve *eve = arg;

	if (!make_room(eve, len))
		return -1;
	memcpy(eve->buffer + eve->used, text, len);
	eve->used += len;
	return 0;
}

/* The line is whole; or, when there was no memory for it, it is none. */
static void
finish_line(struct eve *eve, bool whole)
{
	if (eve->quiet) {
		eve->used = eve->line;
		return;
	}
	if (whole && line_write("\n", 1, eve) == 0) {
		eve->line = eve->used;
		eve->counters.lines++;
		return;
	}
	eve->used = eve->line;
	eve->counters.lost++;
}

void
line_end(struct eve *eve, json_t *line)
{
	if (!line)
		return;
	finish_line(eve, json_dump_callback(line, line_write, eve, JSON_COMPACT) == 0);
	json_decref(line);
}

void
line_end_alert(
	struct eve *eve, json_t *line, const struct engine_telling *telling, uint64_t time_ns)
{
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	json_decref(line);
	if (!text)
		return;
	size_t len = strlen(text);
	finish_line(eve, line_write(text, len, eve) == 0);
	eve->counters.alerts++;
	eve->holds |= !eve->quiet;
	if (eve->alert)
		eve->alert(eve->arg, &(struct eve_alert){telling, time_ns, text, len});
	free(text);
}

void
line_put_text(json_t *object, const char *key, const char *text, size_t len)
{
	if (len > 0)
		json_object_set_new(object, key, json_stringn(text, len));
}

void
line_put_string(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_string(text));
}

void
line_put_number(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)(value & INT64_MAX)));
}

void
line_put_bool(json_t *object, const char *key, bool value)
{
	json_object_set_new(object, key, json_boolean(value));
}

void
line_put_time(json_t *object, const char *key, uint64_t time_ns)
{
	char text[FORMAT_TIME_MAX];

	format_eve_time(time_ns, text);
	line_put_string(object, key, text);
}

json_t *
line_start(const char *event_type, uint64_t time_ns, const struct event_flow *flow)
{
	char addr[FORMAT_ADDR_MAX], id[COMMUNITY_ID_MAX];
	json_t *line = json_object();

	line_put_time(line, "timestamp", time_ns);
	if (flow)
		line_put_number(line, "flow_id", format_flow_id(flow->flow_id));
	line_put_string(line, "event_type", event_type);
	if (!flow)
		return line;
	format_addr(&flow->client, addr);
	line_put_string(line, "src_ip", addr);
	line_put_number(line, "src_port", flow->client_port);
	format_addr(&flow->server, addr);
	line_put_string(line, "dest_ip", addr);
	line_put_number(line, "dest_port", flow->server_port);
	line_put_string(line, "proto", "TCP");
	line_put_string(line, "app_proto", "smtp");
	format_community_id(flow, id, sizeof(id));
	line_put_string(line, "community_id", id);
	return line;
}

void
line_put_reply(json_t *object, uint16_t reply_code, const uint16_t enhanced[3])
{
	char text[FORMAT_ENHANCED_MAX];

	if (reply_code)
		line_put_number(object, "reply_code", reply_code);
	format_enhanced(enhanced, text);
	line_put_text(object, "enhanced_code", text, strlen(text));
}

void
line_put_patterns(
	json_t *object, const char *key, const struct pattern_set *patterns, const uint32_t ids[4])
{
	json_t *names = json_array();

	for (unsigned i = 0; i < 4; i++) {
		const struct pattern *pattern = ids[i] ? pattern_set_find(patterns, ids[i]) : NULL;

		/* A fact is what the outcome says already. */
		if (pattern && pattern->role != PATTERN_ROLE_FACT)
			json_array_append_new(names, json_string(pattern->name));
	}
	if (json_array_size(names) > 0)
		json_object_set(object, key, names);
	json_decref(names);
}

void
line_put_mitre(json_t *metadata, const char *techniques)
{
	json_t *list = json_array();
	const char *p = techniques ? techniques : "";

	for (;;) {
		p += strspn(p, ", ");
		size_t n = strcspn(p, ", ");
		if (n == 0)
			break;
		json_array_append_new(list, json_stringn(p, n));
		p += n;
	}
	if (json_array_size(list) > 0)
		json_object_set(metadata, "mitre_technique_id", list);
	json_decref(list);
}
