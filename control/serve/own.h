/* own: what operators suppress, as they say it, as the store keeps it, and as rules. */
#ifndef SMTAP_CONTROL_SERVE_OWN_H
#define SMTAP_CONTROL_SERVE_OWN_H

#include <jansson.h>
#include <stddef.h>

#include "control/suppress/suppress.h"
#include "store/store.h"

/*
 * A rule as JSON, with the keys of the configuration's; of an incident, which is not 0, only until
 * and reason. until may be missing: never. 0, or -EINVAL with one line.
 */
int own_read(
	struct suppress_own *own, const json_t *rule, uint64_t incident, char *why, size_t why_len);

/* Those of the store that stand; *out is the caller's to free. 0; -ENOMEM; or the store's. */
int own_load(struct store *store, struct suppress_own **out, unsigned *count);

#endif
