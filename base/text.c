#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

void
text_add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->out + t->len, t->room - t->len, format, args);
	va_end(args);
	if (n < 0)
		return;
	t->len += (size_t)n;
	if (t->len >= t->room)
		t->len = t->room - 1;
}
