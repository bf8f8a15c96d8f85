/*
 * Reading an expression without understanding all of it. Both questions here
 * may be answered "do not know", which costs time and never a match, so the
 * walk below gives up at whatever it does not know for certain.
 */
#include "patterns/expression.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* What one walk over the expression finds. */
struct shape {
	bool certain;      /* the walk understood everything that could mislead it */
	bool anchored;     /* starts with '^' and has no alternative outside of groups */
	bool dot_repeated; /* '.*', '.+' or '.{n,}' somewhere */
};

/* The end of the class that starts at p ('['), just behind its ']'; NULL if there is none. */
static const char *
class_end(const char *p)
{
	p++;
	if (*p == '^')
		p++;
	if (*p == ']')
		p++;
	while (*p && *p != ']') {
		if (p[0] == '[' && (p[1] == ':' || p[1] == '.' || p[1] == '='))
			return NULL;
		if (*p == '\\') {
			if (!p[1] || p[1] == 'Q' || p[1] == 'E')
				return NULL;
			p++;
		}
		p++;
	}
	return *p ? p + 1 : NULL;
}

/* Is there an unbounded repeat at p: '*', '+', '{n,}'? */
static bool
repeat_is_unbounded(const char *p)
{
	if (*p == '*' || *p == '+')
		return true;
	if (*p != '{')
		return false;
	p += 1 + strspn(p + 1, "0123456789");
	return p[0] == ',' && p[1] == '}';
}

static struct shape
expression_walk(const char *expression)
{
	struct shape shape = {.anchored = expression[0] == '^'};
	unsigned depth = 0;

	for (const char *p = expression; *p;) {
		switch (*p) {
		case '\\':
			/* \Q quotes up to \E: what follows is not syntax. */
			if (!p[1] || p[1] == 'Q' || p[1] == 'E')
				return shape;
			p += 2;
			continue;
		case '[':
			p = class_end(p);
			if (!p)
				return shape;
			continue;
		case '(':
			/* Comments and inline flags change how the rest reads. */
			if (p[1] == '*' || (p[1] == '?' && p[2] != ':'))
				return shape;
			depth++;
			break;
		case ')':
			if (depth == 0)
				return shape;
			depth--;
			break;
		case '|':
			if (depth == 0)
				shape.anchored = false;
			break;
		case '.':
			if (repeat_is_unbounded(p + 1))
				shape.dot_repeated = true;
			break;
		}
		p++;
	}
	shape.certain = depth == 0;
	return shape;
}

bool
expression_is_slow(const char *expression)
{
	struct shape shape = expression_walk(expression);

	return shape.dot_repeated && !shape.anchored;
}

static void
first_add(struct hsdb_bytes *first, uint8_t byte, bool caseless)
{
	hsdb_bytes_add(first, byte);
	if (!caseless)
		return;
	hsdb_bytes_add(first, (uint8_t)tolower(byte));
	hsdb_bytes_add(first, (uint8_t)toupper(byte));
}

/* A class of plain characters and ranges at p: the bytes, and where it ends; NULL if not plain. */
static const char *
first_of_class(const char *p, bool caseless, struct hsdb_bytes *first)
{
	const char *end = class_end(p);

	if (!end || p[1] == '^' || p[1] == ']')
		return NULL;
	for (p++; p < end - 1; p++) {
		if (p[0] == '\\' && p[1] == 't') {
			hsdb_bytes_add(first, '\t');
			p++;
			continue;
		}
		uint8_t low = (uint8_t)p[0], high = low;
		if (low >= 0x80 || low == '\\' || (p[1] == '-' && p[2] == '\\'))
			return NULL;
		if (p[1] == '-' && p + 2 < end - 1) {
			high = (uint8_t)p[2];
			p += 2;
		}
		for (unsigned byte = low; byte <= high; byte++)
			first_add(first, (uint8_t)byte, caseless);
	}
	return end;
}

/* The bytes of the element behind '^', and where it ends; NULL if it is not plain. */
static const char *
first_of_element(const char *p, bool caseless, struct hsdb_bytes *first)
{
	if (*p == '[')
		return first_of_class(p, caseless, first);
	if (*p == '\\') {
		if (p[1] != 't' && !ispunct((unsigned char)p[1]))
			return NULL;
		first_add(first, p[1] == 't' ? '\t' : (uint8_t)p[1], caseless);
		return p + 2;
	}
	if (!*p || strchr(".^$|()*+?{", *p) || (uint8_t)*p >= 0x80)
		return NULL;
	first_add(first, (uint8_t)*p, caseless);
	return p + 1;
}

void
expression_first_bytes(const char *expression, bool caseless, struct hsdb_bytes *first)
{
	struct shape shape = expression_walk(expression);
	struct hsdb_bytes own = {0};
	const char *end = NULL;

	if (shape.certain && shape.anchored)
		end = first_of_element(expression + 1, caseless, &own);
	/* A repeat may be of none at all. */
	if (!end || *end == '?' || *end == '*' || *end == '{') {
		memset(first, 0xff, sizeof(*first));
		return;
	}
	for (size_t i = 0; i < sizeof(own.bit) / sizeof(own.bit[0]); i++)
		first->bit[i] |= own.bit[i];
}

void
expression_head(const char *expression, bool caseless, struct hsdb_bytes head[HSDB_HEAD_BYTES])
{
	struct shape shape = expression_walk(expression);
	const char *p = shape.certain && shape.anchored ? expression + 1 : NULL;

	for (unsigned i = 0; i < HSDB_HEAD_BYTES; i++) {
		memset(&head[i], 0, sizeof(head[i]));
		const char *end = p ? first_of_element(p, caseless, &head[i]) : NULL;
		/* A repeat may be of none at all; after one or more of it anything may come. */
		if (!end || *end == '?' || *end == '*' || *end == '{')
			memset(&head[i], 0xff, sizeof(head[i]));
		p = end && !strchr("?*+{", *end) ? end : NULL;
		if (end && !*end)
			p = NULL;
	}
}

/* What few lines have, the rarest first. */
static const char rare[] = "{$=/";

/* The element at p, outside of groups: its byte when that is plain, or 0; and where it ends. */
static const char *
element_byte(const char *p, uint8_t *byte)
{
	*byte = 0;
	if (*p == '[')
		return class_end(p);
	if (*p == '\\') {
		/* Of \c= and others like it the next character is a part. */
		if (!ispunct((unsigned char)p[1]) && !(p[1] && strchr("tsSdDwWrn", p[1])))
			return NULL;
		*byte = ispunct((unsigned char)p[1]) ? (uint8_t)p[1] : 0;
		return p + 2;
	}
	if (!strchr("{}$()", *p))
		*byte = (uint8_t)*p;
	return p + 1;
}

uint8_t
expression_needs(const char *expression)
{
	struct shape shape = expression_walk(expression);
	const char *best = NULL;
	unsigned depth = 0;
	uint8_t byte;

	if (!shape.certain || !shape.anchored)
		return 0;
	for (const char *p = expression + 1, *end; *p; p = end) {
		end = element_byte(p, &byte);
		if (!end)
			return 0;
		depth += *p == '(';
		depth -= *p == ')';
		if (depth > 0 || byte == 0 || (*end && strchr("?*{", *end)))
			continue;
		const char *at = strchr(rare, byte);
		if (at && (!best || at < best))
			best = at;
	}
	return best ? (uint8_t)*best : 0;
}
