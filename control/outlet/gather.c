/*
 * Theory of operation.
 *
 * The outbox says up to which number alerts are in the store, and gives those after it that are in
 * memory alone, both at one moment. What is asked of the store is asked after that moment and only
 * up to that number: so an alert that is written meanwhile is in the one part and not in the other,
 * and order is kept.
 *
 * The store need not be read by who has had all that is in it: while it fails, whoever kept up goes
 * on. A file that was put aside or replaced is opened anew, and what it does not have is not
 * waited for. One that cannot be read at all is: alerts of later numbers would come before earlier
 * ones.
 */
#include "control/outlet/gather.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A text that is written to in pieces. */
struct draft {
	FILE *file;
	struct gathered *out;
	size_t max;
	uint64_t last; /* the highest number that is wanted */
};

static int
failed(struct gather *g, int r)
{
	snprintf(g->why, sizeof(g->why), "%s: %s", g->path, store_error(g->store));
	if (r == -EUCLEAN)
		outbox_damaged(g->outbox, g->file);
	store_close(g->store);
	g->store = NULL;
	return r;
}

/* -ENOENT: there is no file, so there is nothing in it. */
static int
opened(struct gather *g)
{
	if (g->store && store_is_gone(g->store)) {
		store_close(g->store);
		g->store = NULL;
	}
	if (g->store)
		return 0;
	g->file = outbox_hold_file(g->outbox);
	int r = store_open(&g->store, g->path, STORE_READ, g->why, sizeof(g->why));
	outbox_release_file(g->outbox);
	if (r == -EUCLEAN)
		outbox_damaged(g->outbox, g->file);
	return r;
}

static void
put_line(FILE *file, uint64_t seq, const char *line, size_t len)
{
	fprintf(file, "{\"seq\":%" PRIu64 ",\"alert\":", seq);
	fwrite(line, 1, len, file);
	fputs("}\n", file);
}

/* 1: that is enough. */
static int
put_alert(void *arg, const struct store_alert *alert)
{
	struct draft *d = arg;

	if (alert->seq > d->last)
		return 1;
	if (d->out->n == d->max ||
		(d->out->n > 0 && ftell(d->file) + alert->line_len > GATHER_BYTES_MAX)) {
		d->out->more = true;
		return 1;
	}
	put_line(d->file, alert->seq, alert->line, alert->line_len);
	d->out->n++;
	return 0;
}

/* Those of the store, up to d->last. */
static int
read_store(struct gather *g, uint64_t after, struct draft *d)
{
	int r = opened(g);

	if (r == -ENOENT)
		return 0;
	if (r != 0)
		return r;
	/* One more than is wanted: whether there are more. */
	r = store_read(g->store, after, (unsigned)d->max + 1, put_alert, d);
	return r < 0 ? failed(g, r) : 0;
}

/* Under the outbox's lock. */
static int
copy_alert(void *arg, const struct store_alert *alert)
{
	put_line(arg, alert->seq, alert->line, alert->line_len);
	return 0;
}

/* What is in memory alone, and up to where the store has the others. 0, or -ENOMEM. */
static int
look(struct gather *g, uint64_t after, size_t max, struct gathered *out, struct outbox_view *view)
{
	FILE *file = open_memstream(&out->text, &out->len);

	if (!file)
		return -ENOMEM;
	*view = outbox_look(g->outbox, after, max, copy_alert, file);
	out->n = view->count < max ? (size_t)view->count : max;
	out->more = view->count > out->n;
	return fclose(file) == 0 ? 0 : -ENOMEM;
}

int
gather_alerts(struct gather *g, uint64_t after, size_t max, struct gathered *out)
{
	struct gathered memory = {0};
	struct draft d = {.out = out, .max = max};
	struct outbox_view view;

	*out = (struct gathered){0};
	int r = look(g, after, max, &memory, &view);
	if (r == 0 && after < view.stored) {
		d.last = view.stored;
		d.file = open_memstream(&out->text, &out->len);
		r = d.file ? read_store(g, after, &d) : -ENOMEM;
		if (d.file && fclose(d.file) != 0)
			r = -ENOMEM;
		out->more |= memory.n > 0;
	}
	if (r == 0 && out->n == 0) {
		free(out->text);
		*out = memory;
		return 0;
	}
	free(memory.text);
	if (r == -ENOMEM)
		snprintf(g->why, sizeof(g->why), "out of memory");
	return r;
}

int
gather_count(struct gather *g, uint64_t after, uint64_t *n)
{
	struct outbox_view view = outbox_look(g->outbox, after, 0, NULL, NULL);
	int r = 0;

	*n = 0;
	if (after < view.stored)
		r = opened(g);
	if (after < view.stored && r == 0) {
		r = store_count(g->store, after, n);
		r = r < 0 ? failed(g, r) : 0;
	}
	*n += view.count;
	return r == -ENOENT ? 0 : r;
}

/* The last alert of a finding of an open incident. */
struct row {
	uint64_t incident;
	uint64_t finding;
	uint64_t seq;
	char *line; /* owned; NULL: the incident is closed */
	size_t len;
};

struct table {
	struct row *rows;
	size_t n, room;
	uint64_t *incidents; /* those that are open in the store */
	size_t incident_count;
	bool lost; /* out of memory */
};

static struct row *
row_of(struct table *t, uint64_t finding)
{
	/* The newest are asked for most. */
	for (size_t i = t->n; i > 0; i--)
		if (t->rows[i - 1].finding == finding)
			return &t->rows[i - 1];
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct row *rows = realloc(t->rows, room * sizeof(*rows));

		if (!rows)
			return NULL;
		t->rows = rows;
		t->room = room;
	}
	t->rows[t->n] = (struct row){.finding = finding};
	return &t->rows[t->n++];
}

/* Those of an incident that is closed are not told. */
static void
close_rows(struct table *t, uint64_t incident)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->rows[i].incident != incident)
			continue;
		free(t->rows[i].line);
		t->rows[i].line = NULL;
	}
}

static int
take_alert(void *arg, const struct store_alert *alert)
{
	struct table *t = arg;
	struct row *r = row_of(t, alert->finding);
	char *copy = strndup(alert->line, alert->line_len);

	if (!r || !copy) {
		free(copy);
		t->lost = true;
		return 0;
	}
	free(r->line);
	*r = (struct row){.incident = alert->incident,
		.finding = alert->finding,
		.seq = alert->seq,
		.line = copy,
		.len = alert->line_len};
	return 0;
}

/* What was told since, in order: under the outbox's lock, but only while the store fails. */
static int
take_later(void *arg, const struct store_alert *alert)
{
	if (!alert->incident)
		return 0;
	if (alert->state && strcmp(alert->state, "closed") == 0)
		close_rows(arg, alert->incident);
	else
		take_alert(arg, alert);
	return 0;
}

static int
take_incident(void *arg, const struct store_incident *incident)
{
	struct table *t = arg;
	uint64_t *more = realloc(t->incidents, (t->incident_count + 1) * sizeof(*more));

	if (!more) {
		t->lost = true;
		return 0;
	}
	t->incidents = more;
	more[t->incident_count++] = incident->id;
	return 0;
}

static int
by_seq(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
write_rows(const struct table *t, struct gathered *out)
{
	FILE *file = open_memstream(&out->text, &out->len);

	if (!file)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++) {
		if (!t->rows[i].line)
			continue;
		put_line(file, t->rows[i].seq, t->rows[i].line, t->rows[i].len);
		out->n++;
	}
	return fclose(file) == 0 ? 0 : -ENOMEM;
}

static int
read_incidents(struct gather *g, struct table *table)
{
	const struct store_filter filter = {.open = true};
	int r = opened(g);

	if (r != 0)
		return r == -ENOENT ? 0 : r;
	r = store_incidents(g->store, &filter, take_incident, table);
	for (size_t i = 0; i < table->incident_count && r >= 0; i++)
		r = store_read_incident(g->store, table->incidents[i], take_alert, table);
	return r < 0 ? failed(g, r) : 0;
}

int
gather_open(struct gather *g, struct gathered *out)
{
	struct table stored = {0}, *t = &stored;

	*out = (struct gathered){0};
	/* The store first: what memory has is later. Alerts that are written meanwhile may be in
	   neither, so they must come again: the number is that from before. */
	out->seq = outbox_look(g->outbox, UINT64_MAX, 0, NULL, NULL).stored;
	int r = read_incidents(g, t);
	if (r == 0)
		outbox_look(g->outbox, 0, SIZE_MAX, take_later, t);
	if (r == 0 && t->lost)
		r = -ENOMEM;
	if (r == 0 && t->n > 0) {
		qsort(t->rows, t->n, sizeof(*t->rows), by_seq);
		r = write_rows(t, out);
	}
	for (size_t i = 0; i < t->n; i++)
		free(t->rows[i].line);
	free(t->rows);
	free(t->incidents);
	if (r == -ENOMEM)
		snprintf(g->why, sizeof(g->why), "out of memory");
	return r;
}

void
gather_end(struct gather *g)
{
	store_close(g->store);
	g->store = NULL;
}
