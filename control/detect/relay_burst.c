/*
 * relay_burst: an account that logged in sends to many foreign recipients.
 *
 * Foreign is a domain that is not configured as local; where none is, one that
 * is neither the sender's own nor one whose mail the server takes from the
 * world. It takes several messages, so that one letter to a club is no burst.
 *
 * What an account always does is no burst, by three measures, since none knows
 * all honest senders. The bins of its tracker: a scanner that mails all day, a
 * relay that logs in, after WARM of them. Its habit (track/habit.c): recipients
 * do not count while an account, from one network and with senders of one
 * domain, does no more than twice what it did on a day six days to five weeks
 * ago, or on three days before: newsletters, offices. And who of ours
 * was at it when smtap began to look has a past that nobody saw: it takes
 * EARLY_FACTOR times as much until the bins know, unless somebody failed to log
 * in to the account.
 *
 * The first newsletter that an account ever sends looks like the work of a
 * thief, and is told.
 */
#include <string.h>
#include <strings.h>

#include "control/detect/tracked.h"

#define WARM 36u /* bins of ten minutes: six hours */
#define MESSAGES_MIN 5u
#define EARLY_FACTOR 10u
#define HABIT_DAYS_MIN 3u

static bool
same_domain(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

static bool
is_foreign(const struct tracked_input *in, const char **domain, size_t *len)
{
	const struct event *e = in->event;
	const char *from;
	size_t from_len = tracked_domain(e->text + e->rcpt.rcpt_len, e->rcpt.from_len, &from);

	*len = tracked_domain(e->text, e->rcpt.rcpt_len, domain);
	if (*len == 0)
		return false;
	if (!track_role_says(in->track, TRACK_ROLE_DOMAINS) && from_len > 0 &&
		same_domain(*domain, *len, from, from_len))
		return false;
	return !track_role_local_domain(in->track, &e->head.flow.server, *domain, *len);
}

struct way {
	uint64_t account;
	uint64_t sender; /* its domain */
	struct addr network;
};

static uint64_t
failures_of(const struct tracked_input *in, const char *account, size_t len)
{
	const struct way w = {.account = track_hash_name(in->track, account, len)};

	return track_hash(in->track, &w, sizeof(w));
}

/* Is this recipient within what the account does every week, or on most days? */
static bool
is_habit(const struct tracked_input *in, const struct track_note *note)
{
	const struct event *e = in->event;
	const char *from;
	size_t len = tracked_domain(e->text + e->rcpt.rcpt_len, e->rcpt.from_len, &from);
	const struct way w = {.account = track_hash_name(in->track, note->name, note->name_len),
		.sender = len > 0 ? track_hash_name(in->track, from, len) : 1,
		.network = track_prefix(&e->head.flow.client)};
	const struct habit_past past =
		habit_add(&in->track->habits, track_hash(in->track, &w, sizeof(w)),
			e->head.clock_ns, in->config->relay_recipients);

	return past.old || past.days >= HABIT_DAYS_MIN;
}

/* A login after failures, of which who is early must answer; later nobody asks. */
static void
read_auth(const struct tracked_input *in)
{
	const struct event *e = in->event;
	const struct aggr_subject *account = in->view ? in->view->subject[SUBJECT_ACCOUNT] : NULL;

	if (e->auth.outcome != OUTCOME_SUCCESS || account == NULL || account->total.failures == 0)
		return;
	if (e->head.clock_ns < in->track->start_ns + WARM * TRACK_BIN_NS)
		habit_add(&in->track->habits, failures_of(in, e->text, e->auth.username_len),
			e->head.clock_ns, UINT64_MAX);
}

/* Relays and list servers stand beside the server; who sends from elsewhere is somebody's client.
 */
static bool
is_outside(const struct tracked_input *in)
{
	const struct event_flow *flow = &in->event->head.flow;

	return !track_role_neighbours(&flow->client, &flow->server) &&
	       !track_role_ours(in->track, &flow->client);
}

static unsigned
read_event(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct event *e = in->event;
	const char *domain;
	size_t len;

	if (e->head.type == EVENT_AUTH) {
		read_auth(in);
		return 0;
	}
	if (e->head.type == EVENT_MAIL) {
		if (e->mail.authenticated_len == 0 || e->mail.recipients_accepted == 0)
			return 0;
		out[0] = (struct track_note){.type = SUBJECT_ACCOUNT,
			.name = e->text + e->mail.helo_len + e->mail.from_len,
			.name_len = e->mail.authenticated_len,
			.good = true}; /* here: a message */
		return 1;
	}
	if (!e->rcpt.accepted || e->rcpt.authenticated_len == 0 || !is_foreign(in, &domain, &len))
		return 0;
	out[0] = (struct track_note){.type = SUBJECT_ACCOUNT,
		.name = e->text + e->rcpt.rcpt_len + e->rcpt.from_len,
		.name_len = e->rcpt.authenticated_len,
		.bad = true};
	if (is_habit(in, &out[0]))
		return 0;
	out[0].wary = is_outside(in) ||
		      habit_today(&in->track->habits, failures_of(in, out[0].name, out[0].name_len),
			      e->head.clock_ns) > 0;
	out[0].unsummed = 1u << 1;
	out[0].thing[0] = track_hash_name(in->track, e->text, e->rcpt.rcpt_len);
	out[0].thing[1] = track_hash_name(in->track, domain, len);
	return 1;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	unsigned factor = s->early && s->usual.learned < WARM ? EARLY_FACTOR : 1;
	unsigned now = tracked_percent(
		track_sum(s, WINDOW_10MIN, TRACK_NEW), c->relay_recipients * factor);
	unsigned hour = tracked_percent(
		track_sum(s, WINDOW_HOUR, TRACK_NEW), c->relay_recipients_hour * factor);

	if (usual_is(&s->usual, WARM))
		return 0;
	if (track_sum(s, WINDOW_HOUR, TRACK_GOOD) < MESSAGES_MIN)
		return 0;
	return tracked_more(now, hour);
}

const struct tracked_detector tracked_relay_burst = {
	.event_types = TRACKED_ON(RCPT) | TRACKED_ON(MAIL) | TRACKED_ON(AUTH),
	.logins_only = true,
	.confidence = 75,
	.knows = TRACK_ROLE_DOMAINS,
	.doubt = 15,
	.read = read_event,
	.weigh = weigh,
};
