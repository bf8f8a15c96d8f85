/*
 * Theory: the file is read three times (model.h), then the page is written to a new file beside
 * its place and takes that place when it is whole: a reader of the page never meets half of one.
 */
#include "cli/page/page.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/page/html.h"
#include "cli/page/ties.h"

#define PROGRESS_LINES 65536u /* between two looks at how far it is */

/* A reading of the file. */
struct pass {
	struct model *model;
	const struct ties *ties;
	const struct page_options *options;
	/* What a line must hold to be of interest; NULL: any line is, and damaged ones are told. */
	const char *wanted;
	int (*take)(struct pass *pass, const json_t *line, uint64_t number);
	const char *name;
};

static int
take_list(struct pass *pass, const json_t *line, uint64_t number)
{
	(void)number;
	if (strcmp(reader_text(line, "event_type"), "alert") != 0)
		return 0;
	return list_add(&pass->model->list, line);
}

static int
take_detail(struct pass *pass, const json_t *line, uint64_t number)
{
	(void)number;
	if (strcmp(reader_text(line, "event_type"), "alert") != 0)
		return 0;
	return detail_add(pass->model, line);
}

static void
tell_damage(struct pass *pass, uint64_t number, const char *why)
{
	pass->model->damaged++;
	if (pass->options->damaged)
		pass->options->damaged(pass->options->arg, number, why);
}

static int
take_count(struct pass *pass, const json_t *line, uint64_t number)
{
	const char *wrong = NULL;

	if (strcmp(reader_text(line, "event_type"), "alert") == 0)
		wrong = list_wrong(line);
	if (!wrong && reader_time(line, "timestamp") == WHEN_NONE)
		wrong = "no timestamp";
	if (wrong)
		tell_damage(pass, number, wrong);
	else
		pass->model->lines++;
	return wrong ? 0 : count_add(pass->model, pass->ties, line, number);
}

static int
take_line(struct pass *pass, const struct reader *r)
{
	char why[64];
	json_t *line;
	int e;

	if (pass->wanted && !reader_line_has(r, pass->wanted))
		return 0;
	line = reader_parse(r, why, sizeof(why));
	if (!line) {
		if (!pass->wanted)
			tell_damage(pass, r->number, why);
		return 0;
	}
	e = pass->take(pass, line, r->number);
	json_decref(line);
	return e;
}

static void
show_progress(const struct pass *pass, const struct reader *r)
{
	if (pass->options->progress && r->number % PROGRESS_LINES == 0) {
		fprintf(pass->options->progress, "\r%s: %3u %%", pass->name, reader_percent(r));
		fflush(pass->options->progress);
	}
}

static int
read_through(struct pass *pass, struct reader *r)
{
	int e = reader_rewind(r);

	while (e == 0 && (e = reader_next(r)) == 1) {
		e = take_line(pass, r);
		show_progress(pass, r);
	}
	if (pass->options->progress && r->number >= PROGRESS_LINES)
		fputs("\r\033[K", pass->options->progress);
	return e;
}

static void
sort_tables(struct model *model)
{
	for (size_t i = 0; i < model->list.told; i++) {
		names_sort(&model->incidents[i].accounts);
		names_sort(&model->incidents[i].sources);
		names_sort(&model->incidents[i].servers);
	}
}

/* The three readings. 0 or -errno; -ENOENT: the incident is not there. */
static int
gather(struct model *model, struct reader *r, const struct page_options *options)
{
	struct pass pass = {.model = model, .options = options};
	struct ties ties = {0};
	int e;

	pass.wanted = "\"alert\"";
	pass.take = take_list;
	pass.name = "finding incidents";
	e = read_through(&pass, r);
	if (e == 0)
		e = list_choose(&model->list, options->incident);
	if (e == 0)
		e = model_incidents(model);
	pass.take = take_detail;
	pass.name = "reading incidents";
	if (e == 0)
		e = read_through(&pass, r);
	if (e == 0)
		e = ties_open(&ties, model);
	pass.ties = &ties;
	pass.wanted = NULL;
	pass.take = take_count;
	pass.name = "counting events";
	if (e == 0)
		e = read_through(&pass, r);
	ties_close(&ties);
	if (e == 0)
		sort_tables(model);
	return e;
}

static void
write_page(FILE *out, struct model *model, uint64_t only)
{
	html_start(out, model);
	html_run(out, model, only);
	html_overview(out, model);
	for (size_t i = 0; i < model->list.told; i++)
		html_incident(out, model, &model->incidents[i]);
	if (only == 0) {
		html_hidden(out, model);
		html_signatures(out, model);
	}
	fputs("</main>\n</body>\n</html>\n", out);
}

/* 0 or -errno; nothing is left behind but the page. */
static int
put_page(struct model *model, const struct page_options *options)
{
	char path[PATH_MAX];
	int fd, e = 0;
	FILE *out;

	if (snprintf(path, sizeof(path), "%s.%ld", options->html, (long)getpid()) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	out = fdopen(fd, "w");
	if (!out) {
		close(fd);
		unlink(path);
		return -ENOMEM;
	}
	errno = 0;
	write_page(out, model, options->incident);
	if (ferror(out) | fclose(out))
		e = errno ? -errno : -EIO;
	if (e == 0 && rename(path, options->html) != 0)
		e = -errno;
	if (e != 0)
		unlink(path);
	return e;
}

static int
make(struct model *model, struct reader *r, const struct page_options *options, char *why,
	size_t why_len)
{
	int e = gather(model, r, options);

	if (e == -ENOENT) {
		snprintf(why, why_len, "%s: there is no incident %llu", options->eve,
			(unsigned long long)options->incident);
		return -EINVAL;
	}
	if (e != 0) {
		snprintf(why, why_len, "%s: %s", options->eve, strerror(-e));
		return -EIO;
	}
	if (model->lines == 0) {
		snprintf(why, why_len, "%s: holds no event", options->eve);
		return -EINVAL;
	}
	e = put_page(model, options);
	if (e != 0)
		snprintf(why, why_len, "%s: %s", options->html, strerror(-e));
	return e == 0 ? 0 : -EIO;
}

int
page_make(const struct page_options *options, struct page_result *result, char *why, size_t why_len)
{
	struct model model;
	struct reader reader;
	int e = reader_open(&reader, options->eve);

	*result = (struct page_result){0};
	if (e != 0) {
		snprintf(why, why_len, "%s: %s", options->eve,
			e == -EINVAL ? "is no regular file" : strerror(-e));
		return -EINVAL;
	}
	e = model_init(&model);
	if (e == 0) {
		e = make(&model, &reader, options, why, why_len);
	} else {
		snprintf(why, why_len, "%s", strerror(-e));
		e = -EIO;
	}
	*result = (struct page_result){
		.incidents = model.list.alone, .told = model.list.told, .damaged = model.damaged};
	model_free(&model);
	reader_close(&reader);
	return e;
}
