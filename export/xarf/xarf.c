/*
 * The sink of type xarf: abuse reports as files in a folder, UUID.json. What sends them, and when,
 * is somebody else's: nothing leaves this machine by itself.
 *
 * The UUID follows from the sensor, the incident and the address, so each later alert replaces the
 * report of the one before, and one that is delivered twice makes no second file. A file is
 * written under another name first and then renamed: who reads the folder sees whole reports.
 *
 * A folder that nobody empties has a bound in age, number and bytes: it is looked at once in
 * LOOK_NS, and when what was written since then may have passed it.
 */
#include "export/xarf/xarf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "contract/prefix.h"
#include "export/sink/file.h"
#include "export/xarf/keep.h"
#include "export/xarf/report.h"

#define MODE 0640
#define LOOK_NS NS_PER_MIN
#define TELL_NS NS_PER_H /* between two lines about what was removed */

struct xarf {
	struct report_options options;
	const struct config_exporter *keys; /* borrowed for the sink's life */
	const char *folder;
	int fd; /* the folder */
	struct keep keep;
	uint64_t files, bytes; /* that are there, or more: a report that is replaced counts again */
	uint64_t looked_ns;    /* wall time, as the next; 0: never */
	uint64_t told_ns;
	uint64_t untold;  /* removed since */
	uint64_t removed; /* since it was asked */
};

static void
close_xarf(void *sink)
{
	struct xarf *x = sink;

	if (!x)
		return;
	if (x->fd >= 0)
		close(x->fd);
	free(x);
}

/* A folder that can be written to, and a sender that can be written back to. */
static int
check(struct xarf *x, char why[SINK_WHY_MAX])
{
	const char *at = strchr(x->options.contact, '@');
	int error;

	if (!at || at == x->options.contact || !strchr(at, '.') ||
		strpbrk(x->options.contact, " <>,")) {
		snprintf(why, SINK_WHY_MAX, "reporter_contact %s: it has to be a mail address",
			x->options.contact);
		return -EINVAL;
	}
	x->fd = open(x->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->fd >= 0 && faccessat(x->fd, ".", W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	error = errno;
	snprintf(why, SINK_WHY_MAX,
		"folder %s: %s; it has to be there, and smtap-export's user "
		"must be able to write to it",
		x->folder, strerror(error));
	return -error;
}

static int
open_xarf(void **sink, const struct config_exporter *e, const struct sink_context *context,
	char why[SINK_WHY_MAX])
{
	struct xarf *x = calloc(1, sizeof(*x));
	int error;

	if (!x) {
		snprintf(why, SINK_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	*x = (struct xarf){.options = {.sensor = context->sensor,
				   .org = config_exporter_text(e, "reporter_org"),
				   .contact = config_exporter_text(e, "reporter_contact"),
				   .domain = config_exporter_text(e, "reporter_domain"),
				   .confidence = (unsigned)config_exporter_number(e, "confidence")},
		.keep = {.age_ns = config_exporter_number(e, "keep"),
			.files = config_exporter_number(e, "files"),
			.bytes = config_exporter_number(e, "size")},
		.keys = e,
		.folder = config_exporter_text(e, "folder"),
		.fd = -1};
	error = check(x, why);
	if (error) {
		close_xarf(x);
		return error;
	}
	*sink = x;
	return 0;
}

static bool
is_ours(const struct xarf *x, const char *source)
{
	struct prefix net, one;
	char why[256];

	if (prefix_parse_addr(&one, source, why, sizeof(why)) != 0)
		return true;
	for (const char *n = NULL; (n = config_exporter_next(x->keys, "never", n)) != NULL;)
		if (prefix_parse(&net, n, why, sizeof(why)) == 0 &&
			prefix_contains(&net, &one.addr))
			return true;
	return false;
}

static void
tell_removed(struct xarf *x, uint64_t now)
{
	if (x->untold == 0 || (x->told_ns && now - x->told_ns < TELL_NS))
		return;
	fprintf(stderr,
		"smtap-export: %s: %" PRIu64
		" reports were removed from %s for their age, number or size\n",
		config_exporter_name(x->keys), x->untold, x->folder);
	x->told_ns = now;
	x->untold = 0;
}

/* The folder within its bounds, if it is time. 0 or -errno. */
static int
look_at_folder(struct xarf *x, uint64_t now)
{
	struct kept kept;

	if (x->files <= x->keep.files && x->bytes <= x->keep.bytes && x->looked_ns &&
		now - x->looked_ns < LOOK_NS)
		return 0;
	int r = keep_within(x->fd, &x->keep, now, &kept);
	x->looked_ns = now;
	x->files = kept.files;
	x->bytes = kept.bytes;
	x->removed += kept.old + kept.crowded;
	x->untold += kept.old + kept.crowded;
	tell_removed(x, now);
	return r;
}

static struct sink_counts
count_xarf(void *sink)
{
	struct xarf *x = sink;
	const struct sink_counts n = {.removed = x->removed};

	x->removed = 0;
	return n;
}

static int
write_file(struct xarf *x, const char *id, const char *text)
{
	char name[REPORT_ID_MAX + 8], scratch[REPORT_ID_MAX + 8];
	const struct file_place place = {
		.folder = x->fd, .name = name, .scratch = scratch, .mode = MODE};

	snprintf(name, sizeof(name), "%s.json", id);
	snprintf(scratch, sizeof(scratch), ".%s.new", id);
	int r = file_put(&place, text, strlen(text));
	if (r == 0) {
		x->files++;
		x->bytes += strlen(text);
	}
	return r;
}

/* 0, also when there is nothing to report; or -errno. */
static int
report(struct xarf *x, const json_t *eve)
{
	const char *source = report_source(&x->options, eve);
	char id[REPORT_ID_MAX], *text;
	json_t *o;
	int error;

	if (!source || is_ours(x, source))
		return 0;
	o = report_id(&x->options, eve, id) ? report_of(&x->options, eve) : NULL;
	text = o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(3)) : NULL;
	error = text ? write_file(x, id, text) : -ENOMEM;
	free(text);
	json_decref(o);
	return error;
}

static enum sink_result
tick_xarf(void *sink, uint64_t wall_ns, char why[SINK_WHY_MAX])
{
	struct xarf *x = sink;
	int error = look_at_folder(x, wall_ns);

	if (error == 0)
		return SINK_DONE;
	snprintf(why, SINK_WHY_MAX, "folder %s: %s", x->folder, strerror(-error));
	return SINK_RETRY;
}

static enum sink_result
send_xarf(
	void *sink, const struct sink_alert *alerts, size_t n, size_t *sent, char why[SINK_WHY_MAX])
{
	struct xarf *x = sink;

	/* What is too old may be what fills the disk. */
	look_at_folder(x, clock_now_ns(CLOCK_REALTIME));
	for (; *sent < n; (*sent)++) {
		int error = report(x, alerts[*sent].json);

		if (error) {
			snprintf(why, SINK_WHY_MAX, "folder %s: %s", x->folder, strerror(-error));
			return SINK_RETRY;
		}
	}
	/* The names, too, outlive a loss of power. */
	if (fsync(x->fd) != 0) {
		snprintf(why, SINK_WHY_MAX, "folder %s: %s", x->folder, strerror(errno));
		*sent = 0;
		return SINK_RETRY;
	}
	return tick_xarf(x, clock_now_ns(CLOCK_REALTIME), why);
}

const struct sink_kind xarf_kind = {.type = CONFIG_EXPORTER_XARF,
	.open = open_xarf,
	.send = send_xarf,
	.tick = tick_xarf,
	.count = count_xarf,
	.close = close_xarf};
