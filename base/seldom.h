/*
 * What an event seldom needs, kept out of the way of what each needs: a core has 32 KiB for code
 * close at hand, and an event's way through control is longer than that.
 */
#ifndef SMTAP_BASE_SELDOM_H
#define SMTAP_BASE_SELDOM_H

/* Of a function that is seldom called: it and the calls of it stand apart. */
#define SELDOM __attribute__((cold, noinline))

/* Of a function that is called from several places for each event: one copy for all of them. */
#ifdef __clang__
#define ONE_COPY __attribute__((noinline)) /* it makes no clones, and knows no word for it */
#else
#define ONE_COPY __attribute__((noinline, noclone))
#endif

#endif
