/* Where an address is, and whose: only alerts say it, of their subject and of the busiest. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/page/model.h"

#define ORG_MAX 96 /* bytes */

/* "NL, AS64500 Example Hosting", as far as it is known. */
char *
place_take(const json_t *object, const char *const keys[3])
{
	const char *country = reader_text(object, keys[0]), *org = reader_text(object, keys[2]);
	uint64_t asn = reader_number(object, keys[1]);
	char text[ORG_MAX + 64], number[32] = "";

	if (asn > 0)
		snprintf(number, sizeof(number), "AS%" PRIu64, asn);
	snprintf(text, sizeof(text), "%.8s%s%s%s%.*s", country,
		*country && (*number || *org) ? ", " : "", number, *number && *org ? " " : "",
		(int)ORG_MAX, org);
	return model_copy(text, sizeof(text));
}

const char *
place_of(const struct incident *incident, const char *name)
{
	for (size_t i = 0; i < incident->finding_count; i++) {
		const struct finding *f = &incident->findings[i];

		if (f->place && f->subject && strcmp(f->subject, name) == 0)
			return f->place;
		for (unsigned k = 0; k < TOPS_MAX && f->top_sources[k].name; k++)
			if (f->top_sources[k].place && strcmp(f->top_sources[k].name, name) == 0)
				return f->top_sources[k].place;
	}
	return NULL;
}
