/* Subjects as they are written, and what a pair belongs to. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "control/aggr/internal.h"

void
aggr_addr_name(const struct addr *addr, char out[SUBJECT_NAME_MAX + 1])
{
	if (addr_is_v4(addr))
		inet_ntop(AF_INET, addr->bytes + 12, out, SUBJECT_NAME_MAX + 1);
	else
		inet_ntop(AF_INET6, addr->bytes, out, SUBJECT_NAME_MAX + 1);
}

void
aggr_subject_name(
	const struct aggr *a, const struct aggr_subject *subject, char out[SUBJECT_NAME_MAX + 1])
{
	size_t index = (size_t)(subject - a->class[subject->type].subjects);

	if (subject->type == SUBJECT_ACCOUNT) {
		memcpy(out, a->account_names[index], SUBJECT_NAME_MAX + 1);
		return;
	}
	aggr_addr_name(&subject->addr, out);
	if (subject->type == SUBJECT_PREFIX)
		strcat(out, aggr_is_v4(subject) ? "/24" : "/64");
}

uint64_t
aggr_many(const struct aggr_subject *subject)
{
	return hll_estimate(&subject->accounts);
}

uint64_t
aggr_targets(const struct aggr *a, const struct aggr_subject *subject)
{
	uint64_t estimate;
	uint64_t n = 0;

	while (n < AGGR_TARGETS && subject->targets[n].server != TABLE_NONE)
		n++;
	if (subject->many == BLOCKS_NONE)
		return n;
	/* More than there are places: exact no longer. */
	estimate = hll_estimate(blocks_at(&a->many, subject->many));
	return estimate > n ? estimate : n;
}

unsigned
aggr_passwords(const struct aggr *a, const struct aggr_subject *subject)
{
	uint32_t since = (uint32_t)(subject->episode.first_clock_ns / NS_PER_MIN);

	return passwords_since(&subject->passwords, &a->passwords, since);
}
