/*
 * Private to blocklist: the named pipe to a router's program, and what was announced there. Each
 * call takes time in proportion to what is listed and what was announced.
 */
#ifndef SMTAP_EXPORT_BLOCKLIST_FLOWS_H
#define SMTAP_EXPORT_BLOCKLIST_FLOWS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "export/blocklist/table.h"

struct flows;

/* Up to that many routes; path and ports are borrowed. NULL: out of memory. */
struct flows *flows_new(size_t entries, const char *path, const struct config_ports *ports);

/* Is who reads the pipe still the one that heard of all? */
bool flows_is_read(const struct flows *flows);

/*
 * Withdraw what is not among these entries, in the order of table_list, and announce what is new.
 * 0; or -errno: the next call goes on from there. -ENXIO: nobody reads; -EINVAL: it is no pipe.
 */
int flows_say(struct flows *flows, const struct table_entry *entries, size_t n);

/* What was announced there goes on, and what is too much is withdrawn by flows_say: both are of one
 * pipe. The other one is then empty. */
void flows_take_over(struct flows *flows, struct flows *before);

/* Withdraws all, if it can be said in time. NULL is nothing. */
void flows_free(struct flows *flows);

#endif
