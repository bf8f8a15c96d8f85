/* See hsdb.h. */
#include "contract/hsdb.h"

#include <string.h>

#include "base/siphash.h"

static const char *const file_names[] = {
#define X(id, name) [CONTEXT_##id] = name ".hsdb",
	EVENT_CONTEXTS(X)
#undef X
};

_Static_assert(sizeof(file_names) / sizeof(file_names[0]) == CONTEXT_COUNT, "a file per context");
_Static_assert(sizeof(HSDB_MAGIC) - 1 == sizeof(((struct hsdb_header *)0)->magic), "magic fits");

const char *
hsdb_file_name(enum event_context context)
{
	return (unsigned)context < CONTEXT_COUNT ? file_names[context] : NULL;
}

static uint64_t
hsdb_checksum(const struct hsdb_header *header, const void *payload)
{
	struct hsdb_header copy = *header;
	struct siphash_key key = {{0x736d746170, HSDB_VERSION}};

	copy.checksum = 0;
	key.k[1] = siphash(&key, &copy, sizeof(copy));
	return siphash(&key, payload, (size_t)header->payload_bytes);
}

void
hsdb_seal(struct hsdb_header *header, const void *payload)
{
	memcpy(header->magic, HSDB_MAGIC, sizeof(header->magic));
	header->version = HSDB_VERSION;
	header->checksum = hsdb_checksum(header, payload);
}

const char *
hsdb_open(const uint8_t *file, size_t len, enum event_context context, struct hsdb_header *header)
{
	if (len == 0)
		return "the file is empty";
	if (len < sizeof(*header))
		return "not a pattern database, or cut short";
	memcpy(header, file, sizeof(*header));
	if (memcmp(header->magic, HSDB_MAGIC, sizeof(header->magic)) != 0)
		return "not a pattern database";
	if (header->version != HSDB_VERSION)
		return "made by another version of smtap-patterns";
	if (header->context != (uint32_t)context)
		return "made for another context: the file was renamed";
	if (header->payload_bytes > len - sizeof(*header))
		return "cut short";
	if (header->payload_bytes < len - sizeof(*header))
		return "bytes follow its end";
	if ((header->patterns == 0) != (header->payload_bytes == 0))
		return "its header contradicts itself";
	if (header->checksum != hsdb_checksum(header, file + sizeof(*header)))
		return "damaged: the checksum is wrong";
	return NULL;
}
