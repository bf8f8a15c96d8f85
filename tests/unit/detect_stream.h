/* What the tests of detectors share: one stream, and what may have come of it. Include once. */
#ifndef SMTAP_TESTS_DETECT_STREAM_H
#define SMTAP_TESTS_DETECT_STREAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream.h"

#define A "198.51.100.7"

static struct stream *s;

static inline int
setup(void **state)
{
	(void)state;
	s = stream_open();
	return s == NULL || s->engine == NULL;
}

static inline int
teardown(void **state)
{
	(void)state;
	stream_close(s);
	return 0;
}

static inline const char *
numbered(const char *what, unsigned n)
{
	static char text[8][64];
	static unsigned next;
	char *out = text[next++ % 8];

	snprintf(out, sizeof(text[0]), "%s%u", what, n);
	return out;
}

static inline const char *
v4(const char *net, unsigned host)
{
	static char text[8][64];
	static unsigned next;
	char *out = text[next++ % 8];

	snprintf(out, sizeof(text[0]), "%s.%u", net, host);
	return out;
}

static inline void
assert_silent(void)
{
	engine_finish(s->engine);
	assert_int_equal(stream_findings(s), 0);
}

static inline void
assert_only(enum detector detector, const char *subject)
{
	engine_finish(s->engine);
	assert_int_equal(stream_findings(s), 1);
	assert_non_null(stream_find(s, detector, subject));
}

static inline void
guess(const char *source, const char *account, unsigned from, unsigned to, uint64_t gap_ns)
{
	for (unsigned i = from; i < to; i++) {
		stream_try(s, source, account, numbered("pw", i), OUTCOME_FAILURE);
		stream_wait(s, gap_ns);
	}
}

#endif
