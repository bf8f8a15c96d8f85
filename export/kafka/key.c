#include "export/kafka/key.h"

#include <stdio.h>
#include <string.h>

#include "contract/prefix.h"

#define V4_BITS (96 + 24)
#define V6_BITS 48

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

void
kafka_key(const json_t *eve, const char *sensor, char out[KAFKA_KEY_MAX])
{
	const json_t *smtap = json_object_get(eve, "smtap");
	const char *type = text_of(smtap, "subject_type"), *subject = text_of(smtap, "subject");
	char why[128], text[PREFIX_TEXT_MAX];
	struct prefix p;
	unsigned bits;

	if (!subject[0])
		subject = sensor;
	snprintf(out, KAFKA_KEY_MAX, "%s", subject);
	if (strcmp(type, "source") != 0 && strcmp(type, "prefix") != 0)
		return;
	if (prefix_parse(&p, subject, why, sizeof(why)) < 0)
		return;
	bits = addr_is_v4(&p.addr) ? V4_BITS : V6_BITS;
	if (p.bits > bits) {
		p.addr = prefix_mask(&p.addr, bits);
		p.bits = (uint8_t)bits;
	}
	prefix_format(&p, text);
	snprintf(out, KAFKA_KEY_MAX, "%s", text);
}
