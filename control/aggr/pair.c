/*
 * A pair: one source (or prefix) and one account. It tells a guess from a
 * repetition.
 *
 * A password that the pair has seen fail (one of the last AGGR_PAIR_FPS) is
 * repeated: a machine with a forgotten credential, not a guesser. Who has
 * logged in from here mistypes, or keeps an old password in a device: up to
 * detect.typos wrong ones are no guesses until he logs in again, nor are
 * failures whose password cannot be read. Not so where the account is unknown:
 * there, one login of his own would hide all that an attacker does inside TLS.
 * Where passwords are unknown, regular gaps between attempts are what tells a
 * machine on a timer; see detect/stale_credential.c. Gaps of a minute and more
 * need not be equal, since few would guess as slowly. Shorter ones must be, each
 * attempt must be the first of its connection (who guesses goes on in it), and
 * the source must fail for nobody else, an account that is seen, and have had no
 * such timer at another account within a day. It may be a patient guesser all
 * the same: its first login is told of (detect/compromise.c).
 */
#include "control/aggr/internal.h"

#define SILENCE_S (24u * 3600)

#define UNKNOWN_FP AGGR_PAIR_FPS

#define TIMER_REPEATS_MIN 5u /* three gaps that may be like the one before */

/* Where the pair remembers fp, or UNKNOWN_FP. */
static unsigned
find(const struct aggr_pair *pair, uint64_t fp)
{
	unsigned n = pair->distinct < AGGR_PAIR_FPS ? pair->distinct : AGGR_PAIR_FPS;

	for (unsigned i = 0; i < n; i++)
		if (pair->fp[i] == fp)
			return i;
	return UNKNOWN_FP;
}

enum aggr_guess
pair_judge(const struct aggr_pair *pair, const struct event_auth *auth, uint64_t typos)
{
	bool user = pair->successes > 0 && pair->account != TABLE_NONE;
	bool checked = auth->outcome == OUTCOME_FAILURE && !(auth->flags & AUTH_NO_CHECK);

	if (auth->outcome == OUTCOME_SUCCESS)
		return GUESS_NONE;
	if (auth->flags & AUTH_PASSWORD_KNOWN) {
		if (find(pair, auth->password_fp) != UNKNOWN_FP)
			return GUESS_REPEAT;
		if (user && pair->mistakes < typos)
			return GUESS_REPEAT;
		return checked ? GUESS_KNOWN : GUESS_SOFT;
	}
	if (pair->flags & PAIR_STALE)
		return GUESS_REPEAT;
	/* Whether it was checked or not: he knows the password, and his program tries again. */
	if (user)
		return GUESS_REPEAT;
	return checked ? GUESS_BLIND : GUESS_OTHER;
}

/* Is the gap that ends now one of a timer? */
static bool
is_steady(const struct aggr_pair *pair, const struct aggr_view *v)
{
	uint32_t gap_s = v->now_s - pair->last_s;
	uint32_t off = gap_s > pair->gap_s ? gap_s - pair->gap_s : pair->gap_s - gap_s;

	return v->event->auth.attempt_no <= 1 && gap_s >= AGGR_STEADY_GAP_S &&
	       off <= 1 + gap_s / AGGR_STEADY_SHARE;
}

bool
pair_on_timer(const struct aggr_pair *pair, const struct aggr_view *v)
{
	if (v->event->auth.flags & AUTH_PASSWORD_KNOWN || pair->distinct > 0)
		return false;
	/* Who names nobody that is seen may try everybody. */
	if (pair->account == TABLE_NONE)
		return false;
	return pair->repeats >= TIMER_REPEATS_MIN && is_steady(pair, v) &&
	       pair->steady * 100u >= (pair->repeats - 2) * AGGR_STEADY_PERCENT;
}

/* fp was tried; was it the last one, too? */
static bool
remember(struct aggr_pair *pair, uint64_t fp)
{
	unsigned at = find(pair, fp);
	bool same = at == pair->newest;

	if (at == UNKNOWN_FP) {
		at = pair->distinct == 0 ? 0 : (pair->newest + 1u) % AGGR_PAIR_FPS;
		/* Until the ring is full, its end is where it was filled to. */
		if (pair->distinct < AGGR_PAIR_FPS)
			at = pair->distinct;
		if (pair->distinct < UINT8_MAX)
			pair->distinct++;
		pair->fp[at] = fp;
	}
	pair->newest = (uint8_t)at;
	return same;
}

/* Attempts in a row with one password, or with none that is known. */
static void
count_repeats(struct aggr_pair *pair, const struct aggr_view *v)
{
	const struct event_auth *auth = &v->event->auth;
	uint32_t now_s = v->now_s;
	uint32_t gap_s = now_s - pair->last_s;
	uint32_t off = gap_s > pair->gap_s ? gap_s - pair->gap_s : pair->gap_s - gap_s;
	bool same = true;

	/* A program that tries one password by each mechanism is unknown in some of them only. */
	if (!(auth->flags & AUTH_PASSWORD_KNOWN) && pair->distinct > 0)
		return;
	if (auth->flags & AUTH_PASSWORD_KNOWN) {
		if (find(pair, auth->password_fp) == UNKNOWN_FP && pair->mistakes < UINT8_MAX)
			pair->mistakes++;
		same = remember(pair, auth->password_fp);
		if (!same)
			pair->flags &= (uint8_t)~PAIR_STALE;
	}
	if (!same || pair->repeats == 0) {
		pair->repeats = 0;
		pair->regular = 0;
		pair->steady = 0;
		pair->repeats_start_s = now_s;
	} else {
		if (off * AGGR_GAP_SHARE <= gap_s && pair->regular < UINT16_MAX)
			pair->regular++;
		if (is_steady(pair, v) && pair->steady < UINT16_MAX)
			pair->steady++;
	}
	pair->repeats++;
	pair->gap_s = gap_s;
}

void
pair_guess(struct aggr_pair *pair, const struct aggr_view *v, enum aggr_guess guess)
{
	count_repeats(pair, v);
	pair->attempts++;
	pair->failures += v->event->auth.outcome == OUTCOME_FAILURE;
	if (pair->attempts == 1)
		pair->first_ns = v->event->head.time_ns;
	if (guess < AGGR_GUESS_KINDS && pair->guesses[guess] < UINT16_MAX)
		pair->guesses[guess]++;
	pair->last_s = v->now_s;
}

void
pair_success(struct aggr_pair *pair, const struct aggr_view *v)
{
	pair->attempts++;
	pair->successes++;
	if (pair->attempts == 1)
		pair->first_ns = v->event->head.time_ns;
	if (pair->first_success_s == 0)
		pair->first_success_s = v->now_s;
	pair->mistakes = 0;
	pair->repeats = 0;
	pair->regular = 0;
	pair->steady = 0;
	pair->flags &= (uint8_t) ~(PAIR_STALE | PAIR_EXCUSED);
	pair->last_s = v->now_s;
}

void
pair_refresh(struct aggr_pair *pair, const struct aggr_view *v)
{
	struct aggr_pair old;

	if (pair->last_s == 0 || v->now_s - pair->last_s <= SILENCE_S)
		return;
	old = *pair;
	*pair = (struct aggr_pair){
		.subject = old.subject,
		.account = old.account,
		.successes = old.successes,
		.first_success_s = old.first_success_s,
		.subject_mark = old.subject_mark,
		.account_mark = old.account_mark,
		.guess_clock_s = old.guess_clock_s,
		.account_clock_s = old.account_clock_s,
		.last_s = old.last_s,
	};
}
