/* What ties a finding to others: internal to chain. */
#ifndef SMTAP_CONTROL_CHAIN_TIE_H
#define SMTAP_CONTROL_CHAIN_TIE_H

#include "control/chain/chain.h"

#define TIES_MAX 128u /* of one finding: eight sources, two accounts at eight servers */

/* To whom a tie may lead. */
struct tie {
	uint64_t hash;
	enum stage least; /* incidents that came at least so far */
	bool weak;        /* only for a finding that nothing else ties */
	bool blameless;   /* only to one whose sources are not known */
};

struct tie_set {
	struct tie ask[TIES_MAX]; /* who is known by these */
	uint64_t put[TIES_MAX];   /* by these the finding's incident is known from now on */
	unsigned ask_count;
	unsigned put_count;
};

void tie_set_make(const struct chain *c, const struct finding *finding, struct tie_set *out);

#endif
