/*
 * What other tools' default thresholds say of the same facts: one counter for
 * each source, no knowledge of passwords or accounts.
 *
 *   fail2ban       1.0.2 as Debian 12 has it: maxretry 5, findtime 10 min; jails
 *                  postfix-sasl (failed AUTH) and postfix (refused recipients), each by
 *                  itself. Its estimate from the rate, once a run is longer than
 *                  findtime, is its own (FailTicket.adjustTime)
 *   zeek           has no rule for SMTP. The one for SSH, detect-bruteforcing, applied to
 *                  failed AUTH: 30 in an epoch of 30 minutes. (FTP's: 20 in 15 minutes)
 *   crowdsec       hub scenario crowdsecurity/postfix-spam: a bucket of 5 that leaks one
 *                  each 10 s; failed AUTH and refused recipients
 *   crowdsec-slow  hub scenarios melite/postfix-slow-bf (7, one each 15 min) and
 *                  postfix-very-slow-bf (5, one each 4 h), not installed by default
 */
#ifndef SMTAP_BENCH_DAY_RULES_H
#define SMTAP_BENCH_DAY_RULES_H

#include "bench/day/score.h"

#define RULES_SOURCES_BITS 17u

struct rules_bucket {
	double level;
	uint64_t last_ns;
};

struct rules_jail {
	uint64_t first_ns;
	uint64_t last_ns;
	unsigned retry;
};

struct rules_source {
	struct addr addr;
	bool used;
	struct rules_jail auth;
	struct rules_jail rcpt;
	uint64_t epoch;
	unsigned in_epoch;
	struct rules_bucket fast;
	struct rules_bucket slow;
	struct rules_bucket very_slow;
};

struct rules {
	struct score *score;
	struct rules_source *sources;
	uint32_t len;
	uint64_t lost; /* sources that found no room: always 0 */
};

int rules_open(struct rules *r, struct score *score);
void rules_close(struct rules *r);
void rules_event(struct rules *r, const struct event *event);

#endif
