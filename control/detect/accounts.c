#include "control/detect/accounts.h"

#define GUESSES_PER_ACCOUNT 3u /* above: bruteforce */

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
		.many_passwords = s->passwords.capped,
	};
}

bool
detect_accounts_hostile(
	const struct detect_actor *actor, enum window_span span, const struct detect_accounts *a)
{
	const struct window *w = &actor->subject->window;

	return a->guesses <= a->accounts * GUESSES_PER_ACCOUNT &&
	       window_sum(w, span, WINDOW_SUCCESS) * 2 <= a->guesses &&
	       window_sum(w, span, WINDOW_REPEAT) * 2 <= a->guesses;
}

bool
detect_accounts_few_passwords(const struct detect_accounts *a)
{
	return !a->many_passwords && a->passwords * 2 <= a->accounts;
}

uint32_t
detect_accounts_weight(const struct detect_accounts *a)
{
	if (a->guesses == 0)
		return 0;
	/* All checked: every account counts; none checked: every second one. */
	return (uint32_t)((uint64_t)a->accounts * (a->guesses + a->checked) / (2ULL * a->guesses));
}
