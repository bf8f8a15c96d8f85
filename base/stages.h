/*
 * stages: how many cycles of the TSC each stage of a packet's path takes, for the bench. What a
 * stage calls counts as that one's own until it enters another. Whoever times nothing passes
 * NULL, and pays a branch that is predicted.
 */
#ifndef SMTAP_BASE_STAGES_H
#define SMTAP_BASE_STAGES_H

#include <stddef.h>
#include <stdint.h>

/* (enumerator, name); from FLOW on only mail comes by. */
#define PATH_STAGES(X)                                                       \
	X(OTHER, "other")       /* counters, clock, publishing the events */ \
	X(RX, "rx")             /* the receive */                            \
	X(SIEVE, "sieve")       /* what is plainly no mail */                \
	X(DECODE, "decode")     /* the headers of all else */                \
	X(FREE, "free")         /* mbufs back to their pool */               \
	X(FLOW, "flow")         /* sessions: found, opened, timed */         \
	X(CHECKSUM, "checksum") /* of what no NIC has verified */            \
	X(TCP, "tcp")                                                        \
	X(SMTP, "smtp")                                                      \
	X(MATCH, "match") /* Hyperscan, and what keeps lines from it */      \
	X(EMIT, "emit")   /* events into the ring */

enum path_stage {
#define X(id, name) PATH_##id,
	PATH_STAGES(X)
#undef X
		PATH_STAGE_COUNT
};

struct stages {
	uint64_t cycles[PATH_STAGE_COUNT];
	uint64_t switches[PATH_STAGE_COUNT]; /* times that one was left: each costs the timer itself
					      */
	uint64_t since;
	enum path_stage now;
};

static inline uint64_t
stages_clock(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	return 0;
#endif
}

/* The stage that next follows, to enter again afterwards. s may be NULL. */
static inline enum path_stage
stages_enter(struct stages *s, enum path_stage next)
{
	if (__builtin_expect(s == NULL, 1))
		return PATH_OTHER;
	enum path_stage before = s->now;
	uint64_t clock = stages_clock();
	s->cycles[before] += clock - s->since;
	s->switches[before]++;
	s->since = clock;
	s->now = next;
	return before;
}

#endif
