/* How far each exporter has come, and what of alerts is in memory alone. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/text.h"
#include "control/outbox/internal.h"

#define SOON_NS NS_PER_S /* after which what was delivered is written */

/* Under the lock. */
static void
write_soon(struct outbox *o)
{
	if (o->cursors.due_ns)
		return;
	o->cursors.due_ns = clock_now_ns(CLOCK_MONOTONIC) + SOON_NS;
	pthread_cond_signal(&o->more);
}

static struct outbox_cursor *
find(struct outbox_cursors *all, const char *name)
{
	for (unsigned i = 0; i < all->n; i++)
		if (strcmp(all->c[i].name, name) == 0)
			return &all->c[i];
	return NULL;
}

/* One more; NULL: there is no room, or the name is too long. */
static struct outbox_cursor *
add(struct outbox_cursors *all, const char *name)
{
	if (all->n == CURSORS_MAX || strlen(name) > OUTBOX_NAME_MAX)
		return NULL;
	struct outbox_cursor *c = &all->c[all->n++];
	*c = (struct outbox_cursor){0};
	strcpy(c->name, name);
	return c;
}

void
outbox_set_exporters(struct outbox *o, const struct outbox_exporter *exporters, size_t n)
{
	struct outbox_cursors *all = &o->cursors;

	pthread_mutex_lock(&o->lock);
	all->set = true;
	for (unsigned i = 0; i < all->n; i++)
		all->c[i].wanted = false;
	for (size_t i = 0; i < n; i++) {
		struct outbox_cursor *c = find(all, exporters[i].name);

		if (!c && (c = add(all, exporters[i].name))) {
			c->seq = exporters[i].from_start ? 0 : o->given.seq;
			c->provisional = !all->loaded;
			c->changed = true;
		}
		if (!c)
			continue;
		c->wanted = true;
		/* Of alerts that the store has lost, whose numbers are given again. */
		if (c->seq > o->given.seq)
			c->seq = o->given.seq;
	}
	write_soon(o);
	pthread_mutex_unlock(&o->lock);
}

bool
outbox_cursor(struct outbox *o, const char *exporter, uint64_t *seq)
{
	pthread_mutex_lock(&o->lock);
	const struct outbox_cursor *c = find(&o->cursors, exporter);
	bool wanted = c && c->wanted;
	*seq = wanted ? c->seq : 0;
	pthread_mutex_unlock(&o->lock);
	return wanted;
}

int
outbox_delivered(struct outbox *o, const char *exporter, uint64_t seq)
{
	int r = 0;

	pthread_mutex_lock(&o->lock);
	struct outbox_cursor *c = find(&o->cursors, exporter);
	if (!c || !c->wanted)
		r = -ENOENT;
	else if (seq > o->given.seq)
		r = -ERANGE;
	else if (seq > c->seq) {
		c->seq = seq;
		c->changed = true;
		write_soon(o);
	}
	pthread_mutex_unlock(&o->lock);
	return r;
}

struct rows {
	struct outbox_cursor row[CURSORS_MAX];
	unsigned n;
};

static int
copy_row(void *arg, const struct store_cursor *cursor)
{
	struct rows *rows = arg;

	if (rows->n == CURSORS_MAX || strlen(cursor->exporter) > OUTBOX_NAME_MAX)
		return 0;
	strcpy(rows->row[rows->n].name, cursor->exporter);
	rows->row[rows->n++].seq = cursor->seq;
	return 0;
}

/* Under the lock. */
static void
take_row(struct outbox *o, const struct outbox_cursor *row)
{
	struct outbox_cursor *c = find(&o->cursors, row->name);

	if (!c) {
		c = add(&o->cursors, row->name);
		if (c)
			c->seq = row->seq;
		return;
	}
	/* A number that was never given is of another file: what we know counts. */
	if (c->provisional && row->seq <= o->given.seq)
		c->seq = row->seq;
	c->changed = c->seq != row->seq;
}

int
outbox_load_cursors(struct outbox *o)
{
	struct outbox_cursors *all = &o->cursors;
	struct rows rows = {.n = 0};
	int r = store_cursors(o->store, copy_row, &rows);

	if (r != 0)
		return r;
	pthread_mutex_lock(&o->lock);
	for (unsigned i = 0; i < all->n; i++)
		all->c[i].changed = true; /* unless the store has it */
	for (unsigned i = 0; i < rows.n; i++)
		take_row(o, &rows.row[i]);
	for (unsigned i = 0; i < all->n; i++)
		all->c[i].provisional = false;
	all->loaded = true;
	if (all->set)
		write_soon(o);
	pthread_mutex_unlock(&o->lock);
	return 0;
}

/*
 * Under the lock: those that changed or are to go. No further than what is stored: were we killed
 * now, the numbers after that would be given again, to other alerts.
 */
static size_t
gather(const struct outbox *o, struct outbox_cursor *out)
{
	const struct outbox_cursors *all = &o->cursors;
	size_t n = 0;

	for (unsigned i = 0; i < all->n && all->set; i++) {
		if (!all->c[i].changed && all->c[i].wanted)
			continue;
		out[n] = all->c[i];
		if (out[n].seq > o->stored)
			out[n].seq = o->stored;
		n++;
	}
	return n;
}

/* An exporter is no more: what is to be told of it. */
static void
tell_gone(struct outbox *o, const struct outbox_cursor *gone)
{
	uint64_t n = 0;
	char *told = o->cursors.told;
	size_t len;

	store_count(o->store, gone->seq, &n);
	pthread_mutex_lock(&o->lock);
	len = strlen(told);
	snprintf(told + len, OUTBOX_WHY_MAX - len,
		"%sexporter %s is not configured any more; %llu alert%s that it has not delivered "
		"%s not kept for it",
		len ? "; " : "", gone->name, (unsigned long long)n, text_s(n), text_are(n));
	pthread_mutex_unlock(&o->lock);
}

/* Under the lock: what was written is so, unless it changed meanwhile. */
static void
settle(struct outbox *o, const struct outbox_cursor *written)
{
	struct outbox_cursors *all = &o->cursors;
	struct outbox_cursor *c = find(all, written->name);

	if (!c)
		return;
	if (written->wanted) {
		c->changed = c->seq != written->seq;
		if (c->changed)
			write_soon(o);
	} else if (!c->wanted)
		*c = all->c[--all->n];
	else
		c->changed = true;
}

int
outbox_write_cursors(struct outbox *o)
{
	struct outbox_cursor changed[CURSORS_MAX];
	struct store_cursor rows[CURSORS_MAX];

	pthread_mutex_lock(&o->lock);
	size_t n = gather(o, changed);
	o->cursors.due_ns = 0;
	pthread_mutex_unlock(&o->lock);
	for (size_t i = 0; i < n; i++) {
		rows[i] = (struct store_cursor){.exporter = changed[i].name,
			.seq = changed[i].seq,
			.gone = !changed[i].wanted};
		if (rows[i].gone)
			tell_gone(o, &changed[i]);
	}
	int r = n > 0 ? store_put_cursors(o->store, rows, n) : 0;
	if (r != 0)
		return r;
	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < n; i++)
		settle(o, &changed[i]);
	pthread_mutex_unlock(&o->lock);
	return 0;
}

struct outbox_view
outbox_look(struct outbox *o, uint64_t after, size_t max, store_alert_fn *fn, void *arg)
{
	struct outbox_view view = {0};

	pthread_mutex_lock(&o->lock);
	view.stored = o->stored;
	view.given = o->given.seq;
	/* While the store works it has them soon, and then they do not lose their numbers any more.
	 */
	for (const struct outbox_item *i = o->failing ? o->first : NULL; i; i = i->next) {
		if (i->alert.seq <= after)
			continue;
		if (view.count++ < max && fn)
			fn(arg, &i->alert);
	}
	pthread_mutex_unlock(&o->lock);
	return view;
}

void
outbox_changed(struct outbox *o)
{
	if (o->on_change)
		o->on_change(o->on_change_arg);
}

void
outbox_on_change(struct outbox *o, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&o->lock);
	o->on_change = fn;
	o->on_change_arg = arg;
	pthread_mutex_unlock(&o->lock);
}

bool
outbox_news(struct outbox *o, char why[OUTBOX_WHY_MAX])
{
	pthread_mutex_lock(&o->lock);
	bool news = o->cursors.told[0] != '\0';
	strcpy(why, o->cursors.told);
	o->cursors.told[0] = '\0';
	pthread_mutex_unlock(&o->lock);
	return news;
}
