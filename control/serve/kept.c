#include "control/serve/kept.h"

#include <stdlib.h>
#include <string.h>

#include "base/duration.h"

#define ASKED_NS (5 * NS_PER_S) /* since the last question: is it still worth making? */
#define OLD_NS (3 * NS_PER_S)
#define WAIT_NS (3 * NS_PER_S)

void
kept_init(struct kept *k)
{
	*k = (struct kept){0};
	pthread_mutex_init(&k->lock, NULL);
}

void
kept_free(struct kept *k)
{
	pthread_mutex_destroy(&k->lock);
	free(k->text);
}

bool
kept_wants(struct kept *k)
{
	pthread_mutex_lock(&k->lock);
	bool wants = k->asked_ns && served_now_ns() - k->asked_ns < ASKED_NS;
	pthread_mutex_unlock(&k->lock);
	return wants;
}

void
kept_put(struct kept *k, const char *json, size_t len)
{
	char *copy = malloc(len + 1), *old;

	if (!copy)
		return;
	memcpy(copy, json, len);
	copy[len] = '\n';
	pthread_mutex_lock(&k->lock);
	old = k->text;
	k->text = copy;
	k->len = len + 1;
	k->made_ns = served_now_ns();
	pthread_mutex_unlock(&k->lock);
	free(old);
}

void
kept_look(struct kept *k, struct served_client *c, bool late)
{
	uint64_t now = served_now_ns();
	char *text = NULL;
	size_t len = 0;

	pthread_mutex_lock(&k->lock);
	k->asked_ns = now;
	bool have = k->text != NULL;
	bool fresh = have && now - k->made_ns < OLD_NS;
	if (fresh || (have && late)) {
		len = k->len;
		text = malloc(len);
		if (text)
			memcpy(text, k->text, len);
	}
	pthread_mutex_unlock(&k->lock);
	if (!fresh && !late)
		return;
	if (have)
		served_give(c, text, len);
	else
		served_give_error(c, "control is busy: there is no answer yet");
}

void
kept_take(struct kept *k, struct served_client *c)
{
	served_wait(c, WAIT_NS);
	kept_look(k, c, false);
}
