/* What spray and stuffing share: failures over many accounts. */
#ifndef SMTAP_CONTROL_DETECT_ACCOUNTS_H
#define SMTAP_CONTROL_DETECT_ACCOUNTS_H

#include "control/detect/detect.h"

struct detect_accounts {
	uint32_t accounts;  /* that failed in the span */
	uint32_t guesses;   /* of all kinds */
	uint32_t checked;   /* of them, refused by a password check */
	uint32_t known;     /* of them, with a known password */
	uint32_t passwords; /* distinct ones */
	uint32_t logins;
	bool many_passwords; /* more than could be remembered */
};

struct detect_accounts detect_accounts(
	const struct detect_view *view, const struct detect_actor *actor, enum window_span span);

/*
 * Is it one source trying accounts, and not a NAT or a network of people? Fewer
 * guesses per account than bruteforce asks for, few logins, few repetitions.
 * People log in; forgotten devices come back with the same password.
 */
bool detect_accounts_hostile(const struct detect_view *view, const struct detect_actor *actor,
	enum window_span span, const struct detect_accounts *a);

/* Can the weight come to need? */
bool detect_accounts_enough(const struct detect_actor *actor, enum window_span span, uint64_t need);

/* Few different passwords for the accounts, as far as they are known. */
bool detect_accounts_few_passwords(const struct detect_accounts *a);

/*
 * What the thresholds count: of a source that tries fifteen accounts and more, more than three
 * times each, and logs in for half as many at most, each further guess at an account is worth half
 * of one, up to four; and unchecked guesses half of what others are.
 */
uint32_t detect_accounts_weight(const struct detect_actor *actor, const struct detect_accounts *a);

#endif
