/* What only some findings have: of what kind they are, who lists us, how we know what is ours. */
#include <stdlib.h>
#include <string.h>

#include "cli/page/model.h"

#define WORD_MAX 64
#define URL_MAX 512

static void
free_list(char **list, size_t max)
{
	for (size_t i = 0; i < max; i++) {
		free(list[i]);
		list[i] = NULL;
	}
}

/* The strings of a list, without holes. */
static void
take_list(char **to, size_t max, const json_t *list)
{
	const json_t *one;
	size_t i, n = 0;

	if (json_array_size(list) == 0)
		return;
	free_list(to, max);
	json_array_foreach(list, i, one)
	{
		if (n == max)
			return;
		to[n] = model_copy(json_is_string(one) ? json_string_value(one) : "", WORD_MAX);
		n += to[n] != NULL;
	}
}

static void
take(char **to, const json_t *smtap, const char *key, size_t max)
{
	char *own = model_copy(reader_text(smtap, key), max);

	if (!own)
		return;
	free(*to);
	*to = own;
}

void
kind_take(struct finding *f, const json_t *smtap)
{
	take_list(f->kinds, KINDS_MAX, json_object_get(smtap, "exposure"));
	take(&f->kinds[0], smtap, "bounces", WORD_MAX);
	take_list(f->lists, LISTS_MAX, json_object_get(smtap, "blocklist"));
	take(&f->local, smtap, "local", WORD_MAX);
	take(&f->listed, smtap, "listed", WORD_MAX);
	take(&f->refusal_url, smtap, "refusal_url", URL_MAX);
}

void
kind_free(struct finding *f)
{
	free_list(f->kinds, KINDS_MAX);
	free_list(f->lists, LISTS_MAX);
	free(f->local);
	free(f->listed);
	free(f->refusal_url);
}

bool
kind_is(const struct finding *f, const char *kind)
{
	for (unsigned i = 0; i < KINDS_MAX && f->kinds[i]; i++)
		if (strcmp(f->kinds[i], kind) == 0)
			return true;
	return false;
}

const char *
kind_words(const char *kind)
{
	static const struct {
		const char *kind;
		const char *words;
	} rows[] = {{"clear_auth", "AUTH is offered in clear"},
		{"old_version", "the greeting names a version that nobody maintains"},
		{"mangled_starttls", "something on the way takes STARTTLS out"},
		{"backscatter", "many servers bounce what others sent in this name"},
		{"loop", "the same few servers bounce, over and over"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].kind, kind) == 0)
			return rows[i].words;
	return NULL;
}
