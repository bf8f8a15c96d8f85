/* Private to blocklist: what is to be blocked, as whoever blocks reads it. */
#ifndef SMTAP_EXPORT_BLOCKLIST_RENDER_H
#define SMTAP_EXPORT_BLOCKLIST_RENDER_H

#include "config/config.h"
#include "export/blocklist/table.h"

/* All entries, to be freed; NULL: out of memory. A line for each address or prefix. */
char *render_text(const struct table_entry *entries, size_t n, size_t *len);

/* A script for nft -f: the sets SMTAP4 and SMTAP6 of the table, each element with its timeout. */
char *render_nft(const struct table_entry *entries, size_t n, const char *table_name,
	uint64_t now_ns, size_t *len);

/* A line for ExaBGP: to discard what comes from there to these ports, or no longer to. To be freed.
 */
char *render_flow(
	const struct prefix *prefix, const struct config_ports *ports, bool announce, size_t *len);

#endif
