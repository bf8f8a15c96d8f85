/*
 * Theory of operation.
 *
 * Keeps: the table of who is to be blocked (table.c) and, of flowspec, what was announced to
 * whoever reads the pipe (flows.c).
 *
 * Always holds: a file or a page is replaced as a whole; nobody reads half of one, nor a list that
 * has some of what is open only. A dry run, which is the default, writes beside: what is named is
 * left alone. What was blocked is made anew at each start from the alerts of open incidents; a
 * reader of the pipe that is another one than before hears of all again. What was announced is
 * withdrawn at the end: routes have no time limit, and the next start does not know of those whose
 * incidents closed meanwhile.
 *
 * A reload takes over what is there: the page and the routes of the same place, and, where nothing
 * that chooses entries has changed, the table, with what is held though it has closed. Also from
 * one of another name: who renames an exporter withdraws nothing.
 *
 * Limits: it names addresses, and runs nothing: who loads a file or a list is for others to say.
 */
#include "export/blocklist/blocklist.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/duration.h"
#include "config/config.h"
#include "export/blocklist/flows.h"
#include "export/blocklist/render.h"
#include "export/blocklist/table.h"
#include "export/pages/pages.h"
#include "export/sink/file.h"
#include "export/sink/secret.h"

#define MODE 0644
#define DRY ".dry-run"

enum output { OUTPUT_TEXT, OUTPUT_EDL, OUTPUT_NFT, OUTPUT_FLOWSPEC }; /* as the key has them */

struct blocklist {
	enum output output;
	bool dry;
	bool dirty; /* what is out there is not what the table says */
	struct table *table;
	const struct config_exporter *e; /* borrowed, as the next two */
	const struct config *config;
	struct pages *pages;
	char token[SECRET_MAX]; /* of readers of the page, until it is claimed; "": everybody */
	const struct config_ports *ports;
	const char *nft_table;
	char where[PATH_MAX]; /* file, pipe or page */
	struct flows *flows;  /* owned; NULL: not of flowspec, or a dry run */
};

/* Attackers by what they do to us. Who else is named may be a victim, or one of ours. */
static const char *const attackers[] = {
	"bruteforce", "spray", "stuffing", "slow", "distributed", "enumeration"};
static const char *const others[] = {"smtp_scan", "helo_churn", "long_session", "relay_burst"};

static bool
is_among(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int
read_detectors(struct table_rules *rules, const struct config_exporter *e, char why[SINK_WHY_MAX])
{
	const size_t n = sizeof(attackers) / sizeof(attackers[0]);

	for (const char *d = NULL; (d = config_exporter_next(e, "detectors", d)) != NULL;) {
		if (!is_among(d, attackers, n) &&
			!is_among(d, others, sizeof(others) / sizeof(others[0]))) {
			snprintf(why, SINK_WHY_MAX,
				"detectors: %s names nobody to block: take of bruteforce, spray, "
				"stuffing, slow, distributed, enumeration, smtp_scan, helo_churn, "
				"long_session, relay_burst",
				d);
			return -EINVAL;
		}
		if (rules->detector_count < TABLE_DETECTORS_MAX)
			snprintf(rules->detectors[rules->detector_count++], TABLE_DETECTOR_MAX,
				"%s", d);
	}
	if (rules->detector_count > 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		snprintf(rules->detectors[rules->detector_count++], TABLE_DETECTOR_MAX, "%s",
			attackers[i]);
	return 0;
}

static void
add_never(struct table_rules *rules, const char *net)
{
	char why[200];

	if (rules->never_count < TABLE_NEVER_MAX &&
		prefix_parse(&rules->never[rules->never_count], net, why, sizeof(why)) == 0)
		rules->never_count++;
}

static int
make_table(struct blocklist *b, const struct config_exporter *e, const struct config *config,
	char why[SINK_WHY_MAX])
{
	struct table_rules rules = {.confidence = (unsigned)config_exporter_number(e, "confidence"),
		.logins = (unsigned)config_exporter_number(e, "logins"),
		.hold_ns = config_exporter_number(e, "hold"),
		.forget_ns = config_exporter_number(e, "forget"),
		.entries = config_exporter_number(e, "entries")};
	int r = read_detectors(&rules, e, why);

	if (r != 0)
		return r;
	for (const char *n = NULL; (n = config_exporter_next(e, "never", n)) != NULL;)
		add_never(&rules, n);
	for (const char *n = NULL; (n = config_list_next(&config->local_nets, n)) != NULL;)
		add_never(&rules, n);
	bool announces = b->output == OUTPUT_FLOWSPEC && !b->dry;
	b->table = table_new(&rules);
	if (announces)
		b->flows = flows_new(rules.entries, b->where, b->ports);
	if (b->table && (b->flows || !announces))
		return 0;
	snprintf(why, SINK_WHY_MAX, "out of memory");
	return -ENOMEM;
}

static int
find_place(struct blocklist *b, const struct config_exporter *e, char why[SINK_WHY_MAX])
{
	const char *key = b->output == OUTPUT_EDL ? "page" : "path";
	const char *where = config_exporter_text(e, key);
	int n = snprintf(b->where, sizeof(b->where), "%s%s", where, b->dry ? DRY : "");

	if (n >= (int)sizeof(b->where)) {
		snprintf(why, SINK_WHY_MAX, "%s: it is too long", key);
		return -EINVAL;
	}
	if (b->output != OUTPUT_EDL)
		return 0;
	if (!b->pages) {
		/* It was empty at the start. */
		snprintf(why, SINK_WHY_MAX,
			"output edl: nothing is served until a restart, which http.listen needs");
		return -EINVAL;
	}
	if (strcmp(where, "/metrics") == 0 || strcmp(where, "/healthz") == 0) {
		snprintf(why, SINK_WHY_MAX, "page %s is smtap-export's own", where);
		return -EINVAL;
	}
	if (where[0] != '/' || strlen(b->where) >= PAGES_PATH_MAX) {
		snprintf(why, SINK_WHY_MAX, "page %s: a short path that starts with / is needed",
			where);
		return -EINVAL;
	}
	return 0;
}

static int
read_token(struct blocklist *b, char why[SINK_WHY_MAX])
{
	const char *file = config_exporter_text(b->e, "token_file");

	if (b->output != OUTPUT_EDL || !file[0])
		return 0;
	int r = secret_read("token_file", file, b->token, why);
	if (r != 0)
		return r;
	if (strlen(b->token) < PAGES_TOKEN_MAX)
		return 0;
	snprintf(why, SINK_WHY_MAX, "token_file %.300s: the token is longer than %u bytes", file,
		PAGES_TOKEN_MAX - 1);
	return -EINVAL;
}

/* In the place of the file that was there, as a whole. */
static int
replace_file(const char *path, const char *text, size_t len)
{
	char scratch[PATH_MAX + 8];
	const struct file_place place = {
		.folder = AT_FDCWD, .name = path, .scratch = scratch, .mode = MODE};

	snprintf(scratch, sizeof(scratch), "%s.new", path);
	return file_put(&place, text, len);
}

/* What a dry run of flowspec would say. */
static int
write_flows(struct blocklist *b, const struct table_entry *entries, size_t n)
{
	char *all = NULL;
	size_t len, line_len;
	FILE *out = open_memstream(&all, &len);

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		char *line = render_flow(&entries[i].prefix, b->ports, true, &line_len);

		fputs(line ? line : "", out);
		free(line);
	}
	int r = fclose(out) == 0 ? replace_file(b->where, all, len) : -ENOMEM;
	free(all);
	return r;
}

static int
put(struct blocklist *b, uint64_t now_ns)
{
	const struct table_entry *entries;
	size_t n = table_list(b->table, &entries), len = 0;
	char *text;
	int r;

	if (b->output == OUTPUT_FLOWSPEC)
		return b->flows ? flows_say(b->flows, entries, n) : write_flows(b, entries, n);
	text = b->output == OUTPUT_NFT ? render_nft(entries, n, b->nft_table, now_ns, &len)
				       : render_text(entries, n, &len);
	if (!text)
		return -ENOMEM;
	if (b->output == OUTPUT_EDL)
		r = pages_put(b->pages, b->where, "text/plain; charset=utf-8", text, len);
	else
		r = replace_file(b->where, text, len);
	free(text);
	return r;
}

static enum sink_result
tick_blocklist(void *sink, uint64_t now_ns, char why[SINK_WHY_MAX])
{
	struct blocklist *b = sink;

	b->dirty |= table_expire(b->table, now_ns);
	/* Whoever reads the pipe may have gone, and come again. */
	b->dirty |= b->flows && !flows_is_read(b->flows);
	if (!b->dirty)
		return SINK_DONE;
	int r = put(b, now_ns);
	b->dirty = r != 0;
	if (r == 0)
		return SINK_DONE;
	snprintf(why, SINK_WHY_MAX, "%.300s: %s", b->where,
		r == -ENXIO    ? "nobody reads this pipe"
		: r == -EINVAL ? "this is no pipe: mkfifo makes one"
			       : strerror(-r));
	return SINK_RETRY;
}

static enum sink_result
send_blocklist(
	void *sink, const struct sink_alert *alerts, size_t n, size_t *sent, char why[SINK_WHY_MAX])
{
	struct blocklist *b = sink;
	uint64_t now_ns = clock_now_ns(CLOCK_REALTIME);

	for (size_t i = 0; i < n; i++)
		b->dirty |= table_take(b->table, alerts[i].json, now_ns);
	enum sink_result r = tick_blocklist(b, now_ns, why);
	/* They are in the table; should they come again, it is the same. */
	if (r == SINK_DONE)
		*sent = n;
	return r;
}

static enum sink_result
show_state(void *sink, const struct sink_alert *alerts, size_t n, char why[SINK_WHY_MAX])
{
	struct blocklist *b = sink;
	uint64_t now_ns = clock_now_ns(CLOCK_REALTIME);

	table_begin_again(b->table, now_ns);
	for (size_t i = 0; i < n; i++)
		table_take(b->table, alerts[i].json, now_ns);
	b->dirty = true;
	return tick_blocklist(b, now_ns, why);
}

/* Would the same alerts make the same table? */
static bool
chooses_as(const struct blocklist *b, const struct blocklist *before)
{
	return config_exporter_same_keys(b->e, before->e) &&
	       memcmp(&b->config->local_nets, &before->config->local_nets,
		       sizeof(b->config->local_nets)) == 0;
}

/* Its routes, if it has any, are those that the other one announced to the same reader. */
static bool
succeeds_blocklist(const void *sink, const void *before)
{
	const struct blocklist *b = sink, *old = before;

	return b->output == old->output && strcmp(b->where, old->where) == 0 &&
	       memcmp(b->ports, old->ports, sizeof(*b->ports)) == 0;
}

static bool
holds_blocklist(const void *sink)
{
	const struct blocklist *b = sink;

	return b->flows != NULL;
}

static void
begin_blocklist(void *sink, void *before)
{
	struct blocklist *b = sink, *old = before;

	if (b->dry)
		fprintf(stderr,
			"smtap-export: exporters.%s: a dry run: what it would do is in %s\n",
			config_exporter_name(b->e), b->where);
	/* There is room for all pages: it can only be this one's from now on. */
	if (b->output == OUTPUT_EDL)
		pages_claim(b->pages, b->where, b, b->token[0] ? b->token : NULL);
	explicit_bzero(b->token, sizeof(b->token));
	if (!old)
		return;
	if (b->flows && old->flows && succeeds_blocklist(b, old))
		flows_take_over(b->flows, old->flows);
	if (chooses_as(b, old)) {
		struct table *table = b->table;

		b->table = old->table;
		old->table = table;
	}
}

static void
close_blocklist(void *sink)
{
	struct blocklist *b = sink;

	if (!b)
		return;
	if (b->output == OUTPUT_EDL && b->pages)
		pages_remove(b->pages, b->where, b);
	explicit_bzero(b->token, sizeof(b->token));
	flows_free(b->flows);
	table_free(b->table);
	free(b);
}

static int
open_blocklist(void **sink, const struct config_exporter *e, const struct sink_context *context,
	char why[SINK_WHY_MAX])
{
	struct blocklist *b = calloc(1, sizeof(*b));
	int r;

	if (!b) {
		snprintf(why, SINK_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	*b = (struct blocklist){
		.output = (enum output)config_exporter_number(e, "output"),
		.dry = config_exporter_number(e, "dry_run") != 0,
		.dirty = true,
		.e = e,
		.config = context->config,
		.pages = context->pages,
		.ports = &context->config->ports,
		.nft_table = config_exporter_text(e, "table"),
	};
	if (b->nft_table[strspn(b->nft_table, "abcdefghijklmnopqrstuvwxyz0123456789_")]) {
		snprintf(why, SINK_WHY_MAX, "table: small letters, digits and _ make a name");
		free(b);
		return -EINVAL;
	}
	r = find_place(b, e, why);
	if (r == 0)
		r = make_table(b, e, context->config, why);
	if (r == 0)
		r = read_token(b, why);
	if (r != 0) {
		close_blocklist(b);
		return r;
	}
	*sink = b;
	return 0;
}

const struct sink_kind blocklist_kind = {
	.type = CONFIG_EXPORTER_BLOCKLIST,
	.open = open_blocklist,
	.begin = begin_blocklist,
	.succeeds = succeeds_blocklist,
	.holds = holds_blocklist,
	.state = show_state,
	.send = send_blocklist,
	.tick = tick_blocklist,
	.close = close_blocklist,
};
