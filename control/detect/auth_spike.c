/*
 * auth_spike: guesses at a server far above its own baseline.
 *
 * What is counted is what no user explains: passwords new for the account, of
 * sources and accounts that no other finding names; and a login takes back the
 * guesses that led to it. So a Monday with ten times the logins has ten times
 * the typos and hardly more of these. The baseline is their weighted mean and
 * variance in ten minutes (track/usual.c), learned over a day before anything
 * is said. It takes six standard deviations more, and enough to matter.
 *
 * The newest two minutes are not judged: who mistyped in them may still get
 * in. Nor is it a spike when people recover in numbers: after all passwords
 * have expired everybody fails and gets in, and a few of their devices do not.
 */
#include "control/detect/tracked.h"

#define DEVIATIONS 6.0
#define RECOVERED_FACTOR 2u /* failures that each account that recovers explains */
#define LOGINS_FACTOR 10u   /* logins that explain one failure */

static unsigned
read_auth(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct aggr_view *v = in->view;
	const struct event *e = in->event;
	bool bad;

	if (v == NULL)
		return 0;
	bad = tracked_guess(v) && !tracked_explained(v);
	if (!v->success && !bad && v->forgiven == 0)
		return 0;
	out[0] = (struct track_note){.type = SUBJECT_SERVER,
		.addr = e->head.flow.server,
		.good = v->success,
		.bad = bad,
		.undo = tracked_undo(v->forgiven)};
	out[0].unsummed = 1u << 0;
	if (bad)
		out[0].thing[0] = track_hash_addr(in->track, &e->head.flow.client);
	if (v->success && v->forgiven > 0)
		out[0].thing[1] = track_hash_name(in->track, e->text, e->auth.username_len);
	return 1;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	const struct track_usual *u = &s->usual;
	uint32_t bad;
	double over;

	if (u->learned < TRACK_BINS_DAY)
		return 0;
	bad = track_settled_bad(s);
	over = bad - u->mean;
	if (over < DEVIATIONS * usual_deviation(u))
		return 0;
	if (bad <= RECOVERED_FACTOR * track_sum(s, WINDOW_10MIN, TRACK_OTHER) ||
		bad <= track_sum(s, WINDOW_10MIN, TRACK_GOOD) / LOGINS_FACTOR)
		return 0;
	return tracked_percent(bad, c->auth_spike_failures);
}

const struct tracked_detector tracked_auth_spike = {
	.event_types = TRACKED_ON(AUTH),
	.confidence = 60,
	.fades = true,
	.things = {THING_SOURCE},
	.read = read_auth,
	.weigh = weigh,
};
