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
	char *line; /* owned */
	size_t len;
};

/* An incident that closed after what the store has: what was told of it until then is over. */
struct closed {
	uint64_t incident;
	uint64_t seq;
};

struct table {
	struct row *rows;
	size_t n, room;
	struct closed *closed;
	size_t closed_n, closed_room;
	size_t bytes; /* of lines */
	bool lost;    /* out of memory */
};

/* One more of that size; false: there is no memory. */
static bool
make_room(void **all, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return true;
	size_t more = *room ? 2 * *room : 64;
	void *bigger = realloc(*all, more * size);

	if (!bigger)
		return false;
	*all = bigger;
	*room = more;
	return true;
}

static void
add_row(struct table *t, const struct store_alert *alert)
{
	char *copy = strndup(alert->line, alert->line_len);

	if (!copy || !make_room((void **)&t->rows, t->n, &t->room, sizeof(*t->rows))) {
		free(copy);
		t->lost = true;
		return;
	}
	t->rows[t->n++] = (struct row){.incident = alert->incident,
		.finding = alert->finding,
		.seq = alert->seq,
		.line = copy,
		.len = alert->line_len};
	t->bytes += alert->line_len;
}

/* The newest come first: 1: that is enough. */
static int
take_stored(void *arg, const struct store_alert *alert)
{
	struct table *t = arg;

	if (t->lost || t->bytes + alert->line_len > GATHER_OPEN_BYTES_MAX)
		return 1;
	add_row(t, alert);
	return 0;
}

/* What was told since, in order: under the outbox's lock, but only while the store fails. */
static int
take_later(void *arg, const struct store_alert *alert)
{
	struct table *t = arg;

	if (!alert->incident)
		return 0;
	if (!alert->state || strcmp(alert->state, "closed") != 0)
		add_row(t, alert);
	else if (make_room((void **)&t->closed, t->closed_n, &t->closed_room, sizeof(*t->closed)))
		t->closed[t->closed_n++] = (struct closed){alert->incident, alert->seq};
	else
		t->lost = true;
	return 0;
}

static int
compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int
by_finding(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = compare(x->finding, y->finding);

	return order ? order : compare(y->seq, x->seq);
}

/* The newest first. */
static int
by_seq(const void *a, const void *b)
{
	return compare(((const struct row *)b)->seq, ((const struct row *)a)->seq);
}

static int
by_incident(const void *a, const void *b)
{
	const struct closed *x = a, *y = b;
	int order = compare(x->incident, y->incident);

	return order ? order : compare(x->seq, y->seq);
}

/* Was its incident closed after that? An incident closes once. */
static bool
is_over(const struct table *t, const struct row *row)
{
	size_t low = 0, high = t->closed_n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->closed[mid].incident < row->incident)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->closed_n && t->closed[low].incident == row->incident &&
	       t->closed[low].seq > row->seq;
}

/* Of each finding the last one, if it is not over; the newest of them, in order. */
static void
settle(struct table *t)
{
	uint64_t finding = 0;
	size_t kept = 0;

	if (t->closed_n > 0)
		qsort(t->closed, t->closed_n, sizeof(*t->closed), by_incident);
	if (t->n > 0)
		qsort(t->rows, t->n, sizeof(*t->rows), by_finding);
	for (size_t i = 0; i < t->n; i++) {
		struct row row = t->rows[i];
		bool last = i == 0 || row.finding != finding;

		finding = row.finding;
		if (last && !is_over(t, &row))
			t->rows[kept++] = row;
		else
			free(row.line);
	}
	t->n = kept;
	if (t->n > 0)
		qsort(t->rows, t->n, sizeof(*t->rows), by_seq);
}

static int
write_rows(const struct table *t, size_t max, struct gathered *out)
{
	FILE *file = open_memstream(&out->text, &out->len);
	size_t n = t->n < max ? t->n : max;

	if (!file)
		return -ENOMEM;
	for (size_t i = n; i > 0; i--)
		put_line(file, t->rows[i - 1].seq, t->rows[i - 1].line, t->rows[i - 1].len);
	out->n = n;
	out->left_out += t->n - n;
	return fclose(file) == 0 ? 0 : -ENOMEM;
}

/* What the store has of them; those that do not fit are counted. */
static int
read_open(struct gather *g, size_t max, struct table *t, uint64_t *left_out)
{
	uint64_t all = 0;
	int r = opened(g);

	if (r != 0)
		return r == -ENOENT ? 0 : r;
	r = store_open_alerts(g->store, max, take_stored, t);
	if (r == 1 || (r == 0 && t->n == max))
		r = store_count_open(g->store, &all);
	*left_out = all > t->n ? all - t->n : 0;
	return r < 0 ? failed(g, r) : 0;
}

int
gather_open(struct gather *g, size_t max, struct gathered *out)
{
	struct table stored = {0}, *t = &stored;

	*out = (struct gathered){0};
	/* The store first: what memory has is later. Alerts that are written meanwhile may be in
	   neither, so they must come again: the number is that from before. */
	out->seq = outbox_look(g->outbox, UINT64_MAX, 0, NULL, NULL).stored;
	int r = read_open(g, max, t, &out->left_out);
	if (r == 0)
		outbox_look(g->outbox, 0, SIZE_MAX, take_later, t);
	if (r == 0 && t->lost)
		r = -ENOMEM;
	settle(t);
	if (r == 0 && t->n > 0)
		r = write_rows(t, max, out);
	for (size_t i = 0; i < t->n; i++)
		free(t->rows[i].line);
	free(t->rows);
	free(t->closed);
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
