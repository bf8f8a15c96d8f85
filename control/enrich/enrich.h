/*
 * enrich: where an address is, and whose network it is in, from the databases
 * that the configuration names (MaxMind DB format, as GeoLite2 and DB-IP have
 * it). Without databases there is nothing to know, and nothing is said.
 */
#ifndef SMTAP_CONTROL_ENRICH_H
#define SMTAP_CONTROL_ENRICH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "contract/addr.h"

#define ENRICH_ORG_MAX 128
#define ENRICH_TEXT_MAX (ENRICH_ORG_MAX + 32)

struct enrich;

/* What is not known is empty, or 0. */
struct enrich_place {
	char country[3]; /* ISO 3166-1 alpha-2 */
	uint32_t asn;
	char as_org[ENRICH_ORG_MAX]; /* printable UTF-8 */
};

/*
 * Open what the configuration names; *enrich is NULL when that is nothing. 0, or
 * -errno with one line that names the file and the reason. A database is read
 * as it is used: replace its file by renaming, not by writing into it.
 */
int enrich_open(struct enrich **enrich, const struct config *config, char *why, size_t why_len);
void enrich_close(struct enrich *enrich);

/* How many databases are open; enrich may be NULL. */
unsigned enrich_count(const struct enrich *enrich);

/* Both: is anything known? enrich may be NULL. */
bool enrich_addr(struct enrich *enrich, const struct addr *addr, struct enrich_place *out);

/* The same for 192.0.2.7, 2001:db8::/64 (by its first address); false for other names. */
bool enrich_name(struct enrich *enrich, const char *name, struct enrich_place *out);

/* "NL, AS64500 Example Hosting" of what is known. */
void enrich_text(const struct enrich_place *place, char out[ENRICH_TEXT_MAX]);

/* Look-ups that met damage: what they were to find is not known. enrich may be NULL. */
uint64_t enrich_errors(const struct enrich *enrich);

#endif
