/* Honest weeks of a mail server: logins, typos, people who give up. Include after the streams. */
#ifndef SMTAP_TESTS_PROVIDER_H
#define SMTAP_TESTS_PROVIDER_H

#include "tests/unit/tracked_stream.h"

static uint64_t provider_seed;

static inline uint32_t
provider_draw(uint32_t below)
{
	provider_seed = provider_seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(provider_seed >> 33) % below;
}

static inline const char *
provider_home(unsigned user)
{
	static char text[64];

	snprintf(text, sizeof(text), "10.%u.%u.%u", user / 60000, user / 250 % 240, user % 250);
	return text;
}

/* One user logs in; three in a hundred mistype before, one in ten of these gives up. */
static inline void
provider_login(unsigned users)
{
	unsigned user = provider_draw(users);
	const char *account = numbered("user", user);

	if (provider_draw(100) < 3) {
		stream_try(s, provider_home(user), account,
			numbered("typo", provider_draw(1000000)), OUTCOME_FAILURE);
		if (provider_draw(10) == 0)
			return;
	}
	stream_try(s, provider_home(user), account, "right", OUTCOME_SUCCESS);
}

/* So many hours of so many logins in ten minutes. */
static inline void
provider_hours(unsigned hours, unsigned logins, unsigned users)
{
	for (unsigned bin = 0; bin < hours * 6; bin++) {
		for (unsigned i = 0; i < logins; i++) {
			provider_login(users);
			stream_wait(s, 10 * NS_PER_MIN / logins);
		}
	}
}

/* Nights have a tenth of the logins; weekends too. */
static inline void
provider_week(unsigned logins, unsigned users)
{
	for (unsigned day = 0; day < 7; day++) {
		bool weekend = day >= 5;

		provider_hours(8, logins / 10, users);
		provider_hours(10, weekend ? logins / 10 : logins, users);
		provider_hours(6, logins / 10, users);
	}
}

#endif
