#include "control/detect/accounts.h"

#define GUESSES_PER_ACCOUNT 3u /* at least so many are allowed */
#define MORE_ACCOUNTS_MIN 15u  /* people who mistype are fewer */
#define MORE_GUESSES 4u        /* for each account, that add to its weight */

static const uint32_t span_minutes[WINDOW_SPANS] = {10, 60, 24 * 60};

struct detect_accounts
detect_accounts(
	const struct detect_view *view, const struct detect_actor *actor, enum window_span span)
{
	const struct aggr_subject *s = actor->subject;
	const struct window_sums sums = window_sums(&s->window, span);
	const uint32_t *sum = sums.of;
	uint32_t since = view->at->now_min - span_minutes[span];

	return (struct detect_accounts){
		.accounts = sum[WINDOW_PEERS],
		.guesses = window_guesses(&s->window, span),
		.checked = sum[WINDOW_KNOWN] + sum[WINDOW_BLIND],
		.known = sum[WINDOW_KNOWN] + sum[WINDOW_SOFT],
		.passwords = passwords_since(&s->passwords, &view->aggr->passwords, since),
		.logins = sum[WINDOW_SUCCESS],
		.many_passwords = s->passwords.capped,
	};
}

bool
detect_accounts_hostile(const struct detect_view *view, const struct detect_actor *actor,
	enum window_span span, const struct detect_accounts *a)
{
	const struct window *w = &actor->subject->window;
	uint64_t most = view->config->bf_per_account - 1;

	if (most < GUESSES_PER_ACCOUNT)
		most = GUESSES_PER_ACCOUNT;
	return a->guesses <= a->accounts * most &&
	       window_sum(w, span, WINDOW_SUCCESS) * 2 <= a->guesses &&
	       window_sum(w, span, WINDOW_REPEAT) * 2 <= a->guesses;
}

bool
detect_accounts_few_passwords(const struct detect_accounts *a)
{
	return !a->many_passwords && a->passwords * 2 <= a->accounts;
}

/* In a network of people further guesses are theirs; and people make few, or log in. */
static bool
counts_more(const struct detect_actor *actor, uint32_t accounts)
{
	return actor->role == ROLE_SOURCE && accounts >= MORE_ACCOUNTS_MIN;
}

bool
detect_accounts_enough(const struct detect_actor *actor, enum window_span span, uint64_t need)
{
	uint32_t accounts = actor->accounts[span];

	return counts_more(actor, accounts) ? accounts * (2 + MORE_GUESSES) / 2 >= need
					    : accounts >= need;
}

uint32_t
detect_accounts_weight(const struct detect_actor *actor, const struct detect_accounts *a)
{
	uint32_t more = a->guesses > a->accounts ? a->guesses - a->accounts : 0;
	uint64_t weight = a->accounts;

	if (a->guesses == 0)
		return 0;
	if (counts_more(actor, a->accounts) && a->guesses > a->accounts * GUESSES_PER_ACCOUNT &&
		a->logins * 2 <= a->accounts)
		weight +=
			(more < a->accounts * MORE_GUESSES ? more : a->accounts * MORE_GUESSES) / 2;
	/* All checked: all of it counts; none checked: half of it. */
	return (uint32_t)(weight * (a->guesses + a->checked) / (2ULL * a->guesses));
}
