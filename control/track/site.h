/*
 * site: what the configuration says is ours (site.local_nets, .local_domains),
 * in a form that is fast to ask. Made when control starts, and anew when that changes.
 */
#ifndef SMTAP_CONTROL_TRACK_SITE_H
#define SMTAP_CONTROL_TRACK_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "contract/addr.h"

/* Addresses from first to last, which are of one family. */
struct site_range {
	struct addr first;
	struct addr last;
};

struct site_domain {
	const char *name; /* in the configuration, lower case, without the leading dot */
	bool below;       /* its subdomains too */
};

struct site {
	struct site_range *nets;     /* owned; in order, apart from each other */
	struct site_domain *domains; /* owned; in order, each name once */
	uint32_t net_count;          /* 0: the configuration does not say */
	uint32_t domain_count;
};

/* 0 or -ENOMEM. The configuration must outlive it. */
int site_open(struct site *site, const struct config *config);
void site_close(struct site *site);

bool site_has_addr(const struct site *site, const struct addr *addr);

/* The domain as it came off the wire, in any case. */
bool site_has_domain(const struct site *site, const char *domain, size_t len);

#endif
