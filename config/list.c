#include "config/list.h"

#include <errno.h>
#include <string.h>

const char *
config_list_next(const struct config_list *list, const char *element)
{
	const char *next = element ? element + strlen(element) + 1 : list->text;

	return next < list->text + list->bytes ? next : NULL;
}

int
config_list_find(const struct config_list *list, const char *element)
{
	const char *e = NULL;

	for (int i = 0; (e = config_list_next(list, e)); i++)
		if (strcmp(e, element) == 0)
			return i;
	return -1;
}

int
config_list_add(struct config_list *list, const char *element)
{
	size_t len = strlen(element) + 1;

	if (len > sizeof(list->text) - list->bytes)
		return -ENOSPC;
	memcpy(list->text + list->bytes, element, len);
	list->bytes += (uint32_t)len;
	list->count++;
	return 0;
}
