/*
 * distributed: one account, or one server, tried by many sources of which each
 * stays below what would make it an attacker by itself (aggr's `low`).
 *
 * For an account it takes many sources and many distinct passwords: a shared
 * mailbox whose password was changed has many sources, and one password. A
 * server has people who mistype all day long: there it takes many sources that
 * begin to fail within an hour, for accounts that are not under attack
 * themselves, and clearly more guesses than logins.
 */
#include "control/detect/detect.h"

struct need {
	enum window_span span;
	uint64_t sources;
	uint64_t passwords;
	uint64_t blind_sources;
};

static bool
account_over(const struct aggr_subject *account, const struct need *need)
{
	const struct window *w = &account->window;
	uint32_t sources = window_sum(w, need->span, WINDOW_PEERS);

	if (sources >= need->sources &&
		window_sum(w, need->span, WINDOW_KNOWN) + window_sum(w, need->span, WINDOW_SOFT) >=
			need->passwords)
		return true;
	return sources >= need->blind_sources &&
	       window_sum(w, need->span, WINDOW_BLIND) >= need->blind_sources;
}

static bool
judge_account(const struct detect_view *view, struct detect_verdict *out)
{
	const struct config *c = view->config;
	const struct aggr_subject *account = detect_subject(view, SUBJECT_ACCOUNT);
	const struct need hour = {
		WINDOW_HOUR, c->dist_sources, c->dist_passwords, c->dist_blind_sources};
	const struct need day = {
		WINDOW_DAY, c->dist_sources_day, c->dist_passwords_day, c->dist_blind_sources_day};

	if (account == NULL || account->findings[DETECTOR_DISTRIBUTED] != AGGR_NO_REF)
		return false;
	if (!account_over(account, &hour) && !account_over(account, &day))
		return false;
	out->role = ROLE_ACCOUNT;
	out->confidence = 85;
	return true;
}

/* Is the guess part of something that is known already? */
static bool
explained(const struct detect_view *view)
{
	const struct aggr_subject *account = detect_subject(view, SUBJECT_ACCOUNT);

	return detect_classified(detect_subject(view, SUBJECT_SOURCE)) ||
	       detect_classified(detect_subject(view, SUBJECT_PREFIX)) ||
	       (account != NULL && account->findings[DETECTOR_DISTRIBUTED] != AGGR_NO_REF);
}

static bool
judge_server(const struct detect_view *view, struct detect_verdict *out)
{
	const struct config *c = view->config;
	const struct aggr_subject *server = detect_subject(view, SUBJECT_SERVER);
	const struct window *w = &server->window;
	uint32_t guesses;

	if (server->findings[DETECTOR_DISTRIBUTED] != AGGR_NO_REF ||
		window_sum(w, WINDOW_HOUR, WINDOW_PEERS) < c->dist_server_sources ||
		explained(view))
		return false;
	guesses = window_sum(w, WINDOW_HOUR, WINDOW_KNOWN) +
		  window_sum(w, WINDOW_HOUR, WINDOW_SOFT) +
		  window_sum(w, WINDOW_HOUR, WINDOW_BLIND);
	if (guesses < c->dist_server_guesses ||
		guesses < 2 * window_sum(w, WINDOW_HOUR, WINDOW_SUCCESS))
		return false;
	out->role = ROLE_SERVER;
	out->confidence = 60;
	return true;
}

bool
detect_distributed(const struct detect_view *view, struct detect_verdict *out)
{
	if (!view->at->low || view->at->guess >= AGGR_GUESS_KINDS)
		return false;
	return judge_account(view, out) || judge_server(view, out);
}
