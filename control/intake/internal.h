/* What the files of intake share. */
#ifndef SMTAP_CONTROL_INTAKE_INTERNAL_H
#define SMTAP_CONTROL_INTAKE_INTERNAL_H

#include "control/intake/intake.h"

/* In which order events are handed out. */
static inline bool
intake_key_less(const struct event_head *a, const struct event_head *b)
{
	return a->clock_ns != b->clock_ns ? a->clock_ns < b->clock_ns : a->order < b->order;
}

/* The caller is done with the event that it has. */
void intake_release_taken(struct intake *intake);

/* The dataplane's clock as ours: it goes on where that of the one before stood. */
uint64_t intake_clock_of(struct intake *intake, uint64_t theirs_ns);

#endif
