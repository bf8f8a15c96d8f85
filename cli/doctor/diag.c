#include "cli/doctor/diag.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const status_names[] = {
	[DIAG_OK] = "ok",
	[DIAG_UNSEEN] = "unseen",
	[DIAG_WARNING] = "warning",
	[DIAG_FAULT] = "fault",
};

_Static_assert(sizeof(status_names) / sizeof(status_names[0]) == DIAG_STATUSES, "a name each");

const char *
diag_status_name(enum diag_status status)
{
	return status_names[status];
}

struct diag_item *
diag_add(struct diag *r, enum diag_status status, const char *format, ...)
{
	struct diag_item *item = &r->nowhere;
	va_list args;

	r->by_status[status]++;
	/* All at once: an item must stay where it is while its check writes to it. */
	if (!r->items)
		r->items = calloc(DIAG_ITEMS_MAX, sizeof(*r->items));
	if (r->items && r->count < DIAG_ITEMS_MAX)
		item = &r->items[r->count++];
	else
		r->missing++;
	*item = (struct diag_item){.check = r->check, .status = status};
	va_start(args, format);
	vsnprintf(item->found, sizeof(item->found), format, args);
	va_end(args);
	return item;
}

void
diag_so(struct diag_item *item, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(item->consequence, sizeof(item->consequence), format, args);
	va_end(args);
}

void
diag_mend(struct diag_item *item, const char *format, ...)
{
	size_t len = strlen(item->remedy);
	va_list args;

	if (len > 0 && len + 1 < sizeof(item->remedy))
		item->remedy[len++] = '\n';
	va_start(args, format);
	vsnprintf(item->remedy + len, sizeof(item->remedy) - len, format, args);
	va_end(args);
}

#define LEFT 24 /* the column at which texts begin */

/* "head text", broken between words, later lines below the text. */
static void
print_wrapped(FILE *out, const char *head, const char *text)
{
	enum { WIDTH = 96 };
	int column = fprintf(out, "%-*s", LEFT, head);

	while (*text) {
		int word = (int)strcspn(text, " ");

		if (column > LEFT && column + 1 + word > WIDTH)
			column = fprintf(out, "\n%*s", LEFT, "") - 1;
		else if (column > LEFT)
			column += fprintf(out, " ");
		column += fprintf(out, "%.*s", word, text);
		text += word;
		text += *text == ' ';
	}
	fputc('\n', out);
}

/* Commands are never broken: they are there to be copied. */
static void
print_remedy(FILE *out, const char *remedy)
{
	const char *head = "  mend:";

	while (*remedy) {
		int line = (int)strcspn(remedy, "\n");

		fprintf(out, "%-*s%.*s\n", LEFT, head, line, remedy);
		head = "";
		remedy += line;
		remedy += *remedy == '\n';
	}
}

int
diag_print_text(const struct diag *r, FILE *out)
{
	for (unsigned i = 0; i < r->count; i++) {
		const struct diag_item *item = &r->items[i];
		char head[32];

		snprintf(head, sizeof(head), "%-8s %s ", status_names[item->status], item->check);
		print_wrapped(out, head, item->found);
		if (item->consequence[0])
			print_wrapped(out, "  so:", item->consequence);
		print_remedy(out, item->remedy);
	}
	fputc('\n', out);
	fprintf(out, "%u fault%s, %u warning%s, %u unseen, %u ok\n", r->by_status[DIAG_FAULT],
		r->by_status[DIAG_FAULT] == 1 ? "" : "s", r->by_status[DIAG_WARNING],
		r->by_status[DIAG_WARNING] == 1 ? "" : "s", r->by_status[DIAG_UNSEEN],
		r->by_status[DIAG_OK]);
	if (r->missing)
		fprintf(out, "%u more had no room here\n", r->missing);
	return ferror(out) ? -EIO : 0;
}

int
diag_print_json(const struct diag *r, FILE *out)
{
	json_t *list = json_array();
	int status = list ? 0 : -ENOMEM;

	for (unsigned i = 0; i < r->count && status == 0; i++) {
		const struct diag_item *item = &r->items[i];
		json_t *entry = json_pack("{s:s, s:s, s:s, s:s, s:s}", "check", item->check,
			"status", status_names[item->status], "found", item->found, "consequence",
			item->consequence, "remedy", item->remedy);

		if (json_array_append_new(list, entry) != 0)
			status = -ENOMEM;
	}
	if (status == 0 && json_dumpf(list, out, JSON_INDENT(2)) != 0)
		status = -EIO;
	fputc('\n', out);
	json_decref(list);
	return status;
}

void
diag_free(struct diag *r)
{
	free(r->items);
	*r = (struct diag){0};
}
