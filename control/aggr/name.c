/* Subjects as they are written, and what a pair belongs to. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "control/aggr/internal.h"

/* A byte in decimal; returns where the next goes. */
static char *
put_byte(char *at, uint8_t n)
{
	if (n >= 100)
		*at++ = (char)('0' + n / 100);
	if (n >= 10)
		*at++ = (char)('0' + n / 10 % 10);
	*at++ = (char)('0' + n % 10);
	return at;
}

/* As inet_ntop, which goes by way of printf: each finding has a dozen names. */
static void
name_v4(const uint8_t bytes[4], char *out)
{
	for (unsigned i = 0; i < 4; i++) {
		out = put_byte(out, bytes[i]);
		*out++ = i < 3 ? '.' : '\0';
	}
}

void
aggr_addr_name(const struct addr *addr, char out[SUBJECT_NAME_MAX + 1])
{
	if (addr_is_v4(addr))
		name_v4(addr->bytes + 12, out);
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
