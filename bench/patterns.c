/* patterns: what one line costs each Hyperscan database. */
#include <rte_cycles.h>
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/scan.h"

#define LINES_MAX 12
#define ROUNDS_MIN 1000

/* Ordinary lines, as most are. */
static const char *const lines[CONTEXT_COUNT][LINES_MAX] = {
	[CONTEXT_BANNER] =
		{
			"220 mail.example.org ESMTP Postfix (Debian)",
			"220 mx.example.net ESMTP Exim 4.96 Tue, 05 Mar 2024 10:20:30 +0000",
			"220 EXCH01.example.com Microsoft ESMTP MAIL Service ready at Tue, 5 Mar "
			"2024",
			"220 smtp.example.com ESMTP service ready",
			"220 mx1.example.org ESMTP ready to serve you, please be kind and do not "
			"spam",
		},
	[CONTEXT_REPLY] =
		{
			"250-mail.example.org",
			"250-PIPELINING",
			"250-AUTH PLAIN LOGIN",
			"250 2.1.0 Ok",
			"354 End data with <CR><LF>.<CR><LF>",
			"334 VXNlcm5hbWU6",
			"535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6",
			"550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown",
			"250 2.0.0 Ok: queued as 4XyZ1234abcdef",
			"221 2.0.0 Bye",
		},
	[CONTEXT_COMMAND] =
		{
			"EHLO mta1.example.net",
			"MAIL FROM:<newsletter@example.net> SIZE=100000",
			"RCPT TO:<alice@example.org>",
			"AUTH LOGIN",
			"AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHN1bW1lcjIwMjQ=",
			"DATA",
			"QUIT",
		},
	[CONTEXT_HEADER] =
		{
			"From: News <newsletter@example.net>",
			"To: alice@example.org",
			"Subject: The week in pictures",
			"Message-ID: <1234.5678@example.net>",
			"Received: from mta1.example.net (mta1.example.net [192.0.2.7])",
			"MIME-Version: 1.0",
			"Content-Type: multipart/mixed; boundary=\"----=_Part_1234_5678.91011\"",
		},
};

static unsigned
count_lines(unsigned context)
{
	unsigned n = 0;

	while (n < LINES_MAX && lines[context][n])
		n++;
	return n;
}

static double
line_ns(struct match *match, unsigned context, uint64_t rounds)
{
	unsigned n = count_lines(context);
	struct match_hits hits;
	size_t lens[LINES_MAX];

	for (unsigned i = 0; i < n; i++)
		lens[i] = strlen(lines[context][i]);
	uint64_t start = rte_rdtsc_precise();
	for (uint64_t round = 0; round < rounds; round++)
		for (unsigned i = 0; i < n; i++)
			match_scan(
				match, context, (const uint8_t *)lines[context][i], lens[i], &hits);
	uint64_t cycles = rte_rdtsc_precise() - start;
	return (double)cycles * 1e9 / (double)rte_get_tsc_hz() / (double)(rounds * n);
}

static int
measure_context(const struct bench_options *options, struct match *match, unsigned context)
{
	double samples[BENCH_REPEATS_MAX];
	double once_ns = line_ns(match, context, ROUNDS_MIN) * count_lines(context);
	double share_ns = options->seconds * 1e9 / CONTEXT_COUNT / options->repeats;
	uint64_t rounds = options->packets ? ROUNDS_MIN : (uint64_t)(share_ns / once_ns) + 1;

	for (unsigned i = 0; i < options->repeats; i++)
		samples[i] = line_ns(match, context, rounds);
	struct bench_line *line = bench_line_open(options, "patterns");
	bench_line_text(line, "context", event_context_name(context));
	bench_line_count(line, "lines", rounds * count_lines(context));
	bench_line_samples(line, "ns_per_line", samples, options->repeats);
	return bench_line_print(line);
}

static int
run(const struct bench_options *options)
{
	struct match_set *set;
	int result = -1;

	if (scan_open(options, &set) != 0)
		return -1;
	if (!set) {
		fprintf(stderr, "smtap-bench: patterns: no databases (--patterns FOLDER)\n");
		return -1;
	}
	struct match *match = match_open(set);
	if (match) {
		result = 0;
		for (unsigned context = 0; result == 0 && context < CONTEXT_COUNT; context++)
			result = measure_context(options, match, context);
	}
	match_close(match);
	match_set_free(set);
	return result;
}

const struct bench_scenario bench_patterns = {
	"patterns", "what an ordinary line costs each Hyperscan database", run};
