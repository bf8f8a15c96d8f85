/*
 * compromise: a guess worked.
 *
 * In the order of certainty:
 *   - the source had guessed at this account often enough (over any time up to
 *     a day of silence), and now logs in;
 *   - the source is attacking (an open finding of its own or of its prefix),
 *     and logs in to an account that it did not use before the attack began;
 *   - the account is under a distributed attack, and a source logs in that had
 *     no login for it before that began;
 *   - what was taken for a machine on a timer (aggr/pair.c) logs in for the first
 *     time, after as many attempts as would have led to it.
 * The login may also come first, and the finding after (the third account of a
 * sprayed list): then the verdict falls when the finding opens.
 *
 * Not a compromise: up to detect.typos mistakes before a login; a device whose
 * forgotten password was mended at last, where its attempts were a minute apart;
 * the account's owner logging in from where he always does (of IPv6: from his
 * /64) while others guess at it.
 */
#include "control/detect/detect.h"

static bool
led_by_guesses(const struct detect_view *view)
{
	const struct aggr_pair *pair = view->at->pair;
	uint32_t passwords = (uint32_t)pair->guesses[GUESS_KNOWN] + pair->guesses[GUESS_SOFT];

	return passwords >= view->config->comp_passwords ||
	       pair->guesses[GUESS_BLIND] >= view->config->comp_blind;
}

/* Had the source logins before its episode of guesses, and before this one? */
static bool
has_history(const struct aggr_view *at, const struct aggr_subject *s)
{
	const struct aggr_episode *e = &s->episode;
	bool in_episode = e->last_guess_clock_ns != 0 && e->last_clock_ns == at->clock_ns;

	return s->total.successes > e->successes + !in_episode;
}

/* In a /56 or /48 that was found: each login is from a fresh /64, to an account of the list. */
static bool
wide_guessed(const struct detect_view *view)
{
	const struct aggr_subject *account = detect_subject(view, SUBJECT_ACCOUNT);

	return view->at->wide && account != NULL &&
	       window_guesses(&account->window, WINDOW_DAY) > 0;
}

static bool
from_attacker(const struct detect_view *view, struct detect_verdict *out)
{
	const struct aggr_view *at = view->at;
	const struct aggr_subject *source = at->subject[SUBJECT_SOURCE];
	bool guessed = aggr_pair_guesses(at->pair) > 0;

	if (!detect_classified(source)) {
		if (!detect_classified(at->subject[SUBJECT_PREFIX]) && !wide_guessed(view))
			return false;
		/* An IPv4 /24 has many owners, an IPv6 /64 has one. */
		if (aggr_is_v4(source) && !guessed)
			return false;
	}
	/* A NAT has an attacker and honest users behind one address. */
	if (!guessed && has_history(at, source) && !detect_many_accounts(source))
		return false;
	out->confidence = guessed || detect_many_accounts(source) ? 90 : 60;
	return true;
}

static bool
of_attacked(const struct detect_view *view, struct detect_verdict *out)
{
	const struct aggr_subject *account = detect_subject(view, SUBJECT_ACCOUNT);

	if (account == NULL || account->findings[DETECTOR_DISTRIBUTED] == AGGR_NO_REF)
		return false;
	out->confidence = aggr_pair_guesses(view->at->pair) > 0 ? 85 : 50;
	return true;
}

static bool
after_timer(const struct detect_view *view, struct detect_verdict *out)
{
	if (!view->at->after_timer)
		return false;
	out->confidence = 55;
	return true;
}

static bool
judge_login(const struct detect_view *view, struct detect_verdict *out)
{
	const struct aggr_view *at = view->at;
	enum detect_role role = at->subject[SUBJECT_ACCOUNT] != NULL ? ROLE_ACCOUNT : ROLE_SOURCE;

	if (at->subject[role]->findings[DETECTOR_COMPROMISE] != AGGR_NO_REF || at->known_good)
		return false;
	out->role = role;
	out->confidence = 95;
	return led_by_guesses(view) || from_attacker(view, out) || of_attacked(view, out) ||
	       after_timer(view, out);
}

/* The attack has just got its name; had it logged in before? */
static bool
judge_earlier(const struct detect_view *view, struct detect_verdict *out)
{
	const struct aggr_subject *source = detect_subject(view, SUBJECT_SOURCE);
	const struct aggr_subject *account;
	const struct aggr_pair *pair;

	if (!detect_classified(source) || source->episode.success_pair == TABLE_NONE)
		return false;
	pair = &view->aggr->pairs[source->episode.success_pair];
	account = aggr_pair_account(view->aggr, pair);
	if (account == NULL || account->findings[DETECTOR_COMPROMISE] != AGGR_NO_REF)
		return false;
	if (aggr_pair_source(view->aggr, pair) != source)
		return false;
	/* Bruteforce is about the guessed account; a login to another says little. */
	if (!detect_many_accounts(source) && pair->failures == 0)
		return false;
	if (source->episode.successes * 4 > source->episode.attempts)
		return false;
	out->role = ROLE_EARLIER_ACCOUNT;
	out->confidence = 70;
	return true;
}

bool
detect_compromise(const struct detect_view *view, struct detect_verdict *out)
{
	if (view->at->success)
		return judge_login(view, out);
	return judge_earlier(view, out);
}
