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
	const struct window_sums sums = window_sums(&account->window, need->span);
	const uint32_t *sum = sums.of;
	uint32_t known = sum[WINDOW_KNOWN] + sum[WINDOW_SOFT];

	if (sum[WINDOW_PEERS] >= need->sources && known >= need->passwords)
		return true;
	return sum[WINDOW_PEERS] >= need->blind_sources && sum[WINDOW_BLIND] >= need->blind_sources;
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
	const struct window_sums sums = window_sums(&server->window, WINDOW_HOUR);
	const uint32_t *sum = sums.of;
	uint32_t guesses = sum[WINDOW_KNOWN] + sum[WINDOW_SOFT] + sum[WINDOW_BLIND];

	if (server->findings[DETECTOR_DISTRIBUTED] != AGGR_NO_REF || explained(view))
		return false;
	if (sum[WINDOW_PEERS] < c->dist_server_sources || guesses < c->dist_server_guesses ||
		guesses < 2 * sum[WINDOW_SUCCESS])
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
