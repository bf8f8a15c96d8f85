/* Text that grows to its room and no further. */
#ifndef SMTAP_BASE_TEXT_H
#define SMTAP_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *out;   /* the caller's; always ends with NUL */
	size_t room; /* bytes, the NUL among them; at least 1 */
	size_t len;
};

/* Appends, as printf; what does not fit is cut off. */
__attribute__((format(printf, 2, 3))) void text_add(struct text *t, const char *format, ...);

/* "1 line is", "2 lines are": the two endings. */
static inline const char *
text_s(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static inline const char *
text_are(uint64_t n)
{
	return n == 1 ? "is" : "are";
}

#endif
