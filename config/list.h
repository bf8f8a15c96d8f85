/*
 * A list of short texts in one block, so that a configuration can be copied and
 * compared as it is. Elements are kept in the order and form in which they are
 * printed.
 */
#ifndef SMTAP_CONFIG_LIST_H
#define SMTAP_CONFIG_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
/*
 * Lists, empty when nothing is said. X(field, "name", kind of element, at most so many, "help",
 * "example"); config/element.c checks the kinds.
 */
#define CONFIG_LISTS(X)                                                                            \
	X(interfaces, "dataplane.interfaces", interface, 16,                                       \
		"Ports to watch: names of kernel interfaces, PCI addresses, or DPDK devices",      \
		"[eth1, \"0000:01:00.0\", \"net_af_xdp0,iface=eth2\"]")                            \
	X(local_nets, "site.local_nets", net, 256,                                                 \
		"Networks that are ours, IPv4 or IPv6, besides private ones; empty: learned",      \
		"[192.0.2.0/24, 2001:db8::/32]")                                                   \
	X(local_domains, "site.local_domains", domain, 1024,                                       \
		"Domains whose mail is ours; one with a leading dot stands for its subdomains "    \
		"too; empty: learned",                                                             \
		"[example.com, .example.org]")
/* clang-format on */

#define CONFIG_LIST_BYTES 65536u /* of all elements, each with a NUL */

struct config_list {
	uint32_t count;
	uint32_t bytes; /* used of text; the rest is zero */
	char text[CONFIG_LIST_BYTES];
};

/* The first element, for NULL, or the one after; NULL: there is none. */
const char *config_list_next(const struct config_list *list, const char *element);

/* The index of an element, or -1. */
int config_list_find(const struct config_list *list, const char *element);

/* One more. 0, or -ENOSPC. */
int config_list_add(struct config_list *list, const char *element);

#endif
