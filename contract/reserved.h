/* Addresses that are nobody's in particular: RFC 6890, and IANA's
 * registries iana-ipv4-special-registry and iana-ipv6-special-registry. */
#ifndef SMTAP_CONTRACT_RESERVED_H
#define SMTAP_CONTRACT_RESERVED_H

#include "contract/prefix.h"

enum reserved {
	RESERVED_INTERNAL, /* private, of this host or link, multicast: another's is never meant */
	RESERVED_SPECIAL,  /* documentation, tests, transition: there is nobody to write to */
};

/* The index-th network. False: past the last. */
bool reserved_at(unsigned index, struct prefix *net, enum reserved *what);

#endif
