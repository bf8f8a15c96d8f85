#include "control/incident/blocklist.h"

#include <arpa/inet.h>
#include <string.h>

static bool
has(const struct blocklist *b, uint32_t id)
{
	uint32_t bit = id - BLOCKLIST_FIRST;

	return b->lists[bit / 64] >> bit % 64 & 1;
}

/* len bytes as text, unless they do not fit. */
static bool
keep(char *out, size_t room, const char *text, size_t len)
{
	if (len == 0 || len >= room)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

static bool
is_address_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
	       c == '.' || c == ':';
}

/* The first address in the line. A code such as 5.7.1 is none. */
static void
find_address(struct blocklist *b, const char *line, size_t len)
{
	uint8_t bytes[16];

	for (size_t at = 0, n = 0; at < len; at += n + 1) {
		char text[BLOCKLIST_ADDRESS_MAX];

		n = 0;
		while (at + n < len && is_address_byte(line[at + n]))
			n++;
		/* A sentence may end behind it. */
		size_t used =
			n > 0 && (line[at + n - 1] == '.' || line[at + n - 1] == ':') ? n - 1 : n;
		if (!keep(text, sizeof(text), line + at, used))
			continue;
		if (inet_pton(AF_INET, text, bytes) != 1 && inet_pton(AF_INET6, text, bytes) != 1)
			continue;
		memcpy(b->address, text, used + 1);
		return;
	}
}

/* What a URL or a domain is made of; it ends before what closes a sentence. */
static size_t
word_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] > ' ' && text[n] < 0x7f && !strchr("<>\"'()[]{}\\|^`", text[n]))
		n++;
	while (n > 0 && strchr(".,;:!", text[n - 1]))
		n--;
	return n;
}

static void
find_url(struct blocklist *b, const char *line, size_t len)
{
	for (size_t at = 0; at + 8 < len; at++) {
		if (memcmp(line + at, "http://", 7) != 0 && memcmp(line + at, "https://", 8) != 0)
			continue;
		keep(b->url, sizeof(b->url), line + at, word_len(line + at, len - at));
		return;
	}
}

static void
find_zone(struct blocklist *b, const char *line, size_t len)
{
	static const char using[] = "blocked using ";
	const char *at = memmem(line, len, using, sizeof(using) - 1);
	size_t n;

	if (at == NULL)
		return;
	at += sizeof(using) - 1;
	n = word_len(at, (size_t)(line + len - at));
	if (memchr(at, '.', n) != NULL)
		keep(b->zone, sizeof(b->zone), at, n);
}

/* Is there one that says more than this one? */
static bool
is_outdone(const struct blocklist *b, uint32_t id)
{
	uint32_t first = BLOCKLIST_FIRST, last = BLOCKLIST_LAST;

	if (id == BLOCKLIST_SPAMHAUS)
		last = BLOCKLIST_SPAMHAUS_LAST;
	else if (id != BLOCKLIST_SOME)
		return false;
	for (uint32_t other = first; other <= last; other++)
		if (other != id && has(b, other))
			return true;
	return false;
}

uint32_t
blocklist_next(const struct blocklist *b, uint32_t id)
{
	for (id = id < BLOCKLIST_FIRST ? BLOCKLIST_FIRST : id + 1; id <= BLOCKLIST_LAST; id++)
		if (has(b, id) && !is_outdone(b, id))
			return id;
	return 0;
}

bool
blocklist_add(struct blocklist *b, uint32_t pattern_id, const char *line, size_t len)
{
	uint32_t bit = pattern_id - BLOCKLIST_FIRST;
	bool known;

	if (bit > BLOCKLIST_LAST - BLOCKLIST_FIRST)
		return false;
	known = has(b, pattern_id);
	b->lists[bit / 64] |= 1ULL << bit % 64;
	if (b->address[0] == '\0')
		find_address(b, line, len);
	if (b->zone[0] == '\0')
		find_zone(b, line, len);
	if (b->url[0] == '\0')
		find_url(b, line, len);
	return !known && !is_outdone(b, pattern_id);
}
