/*
 * Patterns as Hyperscan sees them: does each compile, does each match its one
 * sample and not the other, what will cost too much; and the databases made of
 * them. Needs the whole Hyperscan library, so only tools link it: smtap-patterns
 * and `smtap rules`.
 */
#ifndef SMTAP_PATTERNS_CHECK_H
#define SMTAP_PATTERNS_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "patterns/pattern.h"

struct pattern_check {
	bool strict; /* what is only advised against is an error too */

	/* Called with one line FILE:LINE: ... for each thing advised against; may be NULL. */
	void (*advise)(void *arg, const char *line);
	void *arg;

	bool this_cpu; /* databases for this CPU's kind only; else for all that Hyperscan runs on */
};

/*
 * Compile every pattern and try its samples. options may be NULL: defaults.
 * 0; or -EINVAL (a pattern is wrong) or another -errno, with one line in why.
 */
int pattern_set_check(const struct pattern_set *set, const struct pattern_check *options, char *why,
	size_t why_len);

/*
 * The same, and then write DIR/{banner,reply,command,header}.hsdb, each whole
 * or not at all; DIR must exist. Nothing is written unless all is well. A
 * context without patterns gets a file that says so.
 */
int pattern_set_compile(const struct pattern_set *set, const char *dir,
	const struct pattern_check *options, char *why, size_t why_len);

#endif
