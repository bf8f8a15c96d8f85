/*
 * distributed, by prefix: an IPv6 /56 or /48 whose owner takes a fresh /64 for
 * each try. No source and no /64 shows anything; their owner does.
 *
 * The smallest prefix that explains the attack: several children (/64s of a
 * /56, /56s of a /48) must take part, and what a child's own finding tells is
 * not counted for the level above. So an attack out of one /64 stays with that,
 * and one out of many /56s, of which each is found or stays below, ends as the
 * /48. Once it is found, findings of what it holds are closed, and none opens.
 *
 * A prefix is not an attacker for having many users: logins speak against it,
 * and so does whatever comes back with what it tried before, as a forgotten
 * phone does. Many guesses at few accounts show at once; a list of accounts,
 * each tried once or twice, only after half an hour, when phones would have come
 * back. An IPv4 /24 is aggr's.
 */
#include "control/detect/tracked.h"

#include <string.h>

#define GUESSES_PER_ACCOUNT 3u
#define LIST_SPAN_NS (30 * NS_PER_MIN)
#define SITE_FACTOR 2u /* times as much for a /48, which may be an ISP's */

static struct addr
masked(const struct addr *addr, unsigned bytes)
{
	struct addr out = *addr;

	memset(out.bytes + bytes, 0, sizeof(out.bytes) - bytes);
	return out;
}

static struct track_note
note_of(const struct addr *client, enum finding_kind kind)
{
	return (struct track_note){.type = SUBJECT_PREFIX,
		.kind = (uint8_t)kind,
		.addr = masked(client, kind == KIND_PREFIX_56 ? 7 : 6)};
}

/* Its finding, as in tracker.finding; 0: none. */
static uint32_t
found(struct track *t, const struct addr *client, enum finding_kind kind)
{
	const struct track_note note = note_of(client, kind);
	const struct track_subject *s = track_get(t, DETECTOR_DISTRIBUTED_PREFIX, &note, false);

	return s != NULL ? s->finding : 0;
}

unsigned
tracked_wide_findings(struct track *t, const struct addr *client, uint32_t out[2])
{
	unsigned n = 0;

	if (addr_is_v4(client))
		return 0;
	out[n] = found(t, client, KIND_PREFIX_48);
	n += out[n] != 0;
	out[n] = found(t, client, KIND_PREFIX_56);
	return n + (out[n] != 0);
}

/* Has this source come before for this account? A fresh /64 never has. */
static bool
comes_back(const struct aggr_view *v)
{
	return v->guess == GUESS_REPEAT || v->account_guess == GUESS_REPEAT ||
	       (v->guess == GUESS_BLIND && v->pair->guesses[GUESS_BLIND] > 1);
}

/* For one level. */
static unsigned
add(const struct tracked_input *in, struct track_note *out, enum finding_kind kind, bool bad)
{
	const struct event *e = in->event;
	struct addr child = masked(&e->head.flow.client, kind == KIND_PREFIX_56 ? 8 : 7);

	*out = note_of(&e->head.flow.client, kind);
	out->bad = bad;
	out->good = !bad;
	/* Logins and phones need no tracker where nothing came before. */
	if (!bad)
		return track_get(in->track, DETECTOR_DISTRIBUTED_PREFIX, out, false) != NULL;
	out->thing[0] = track_hash_addr(in->track, &child);
	if (in->view->subject[SUBJECT_ACCOUNT] != NULL)
		out->thing[1] = track_hash_name(in->track, e->text, e->auth.username_len);
	return 1;
}

static unsigned
read_auth(const struct tracked_input *in, struct track_note out[TRACKED_NOTES])
{
	const struct addr *client = &in->event->head.flow.client;
	const struct aggr_view *v = in->view;
	bool bad, site;
	unsigned n = 0;

	if (v == NULL || addr_is_v4(client))
		return 0;
	bad = !v->success && !comes_back(v);
	site = found(in->track, client, KIND_PREFIX_48) != 0;
	if ((bad && !tracked_guess(v)) || (!site && detect_classified(v->subject[SUBJECT_PREFIX])))
		return 0;
	if (!site)
		n += add(in, &out[n], KIND_PREFIX_56, bad);
	if (site || found(in->track, client, KIND_PREFIX_56) == 0)
		n += add(in, &out[n], KIND_PREFIX_48, bad);
	return n;
}

static unsigned
weigh(const struct track_subject *s, const struct config *c)
{
	uint64_t factor = s->kind == KIND_PREFIX_48 ? SITE_FACTOR : 1;
	uint32_t bad = track_sum(s, WINDOW_HOUR, TRACK_BAD);
	uint32_t accounts = track_sum(s, WINDOW_HOUR, TRACK_OTHER);

	if (track_sum(s, WINDOW_HOUR, TRACK_NEW) < c->prefix_sources_v6 ||
		track_sum(s, WINDOW_DAY, TRACK_GOOD) * 2 > bad)
		return 0;
	if (bad > GUESSES_PER_ACCOUNT * accounts)
		return tracked_percent(bad, c->prefix_guesses * factor);
	if (s->run.last_clock_ns - s->run.first_clock_ns < LIST_SPAN_NS)
		return 0;
	return tracked_percent(bad, c->prefix_accounts * factor);
}

const struct tracked_detector tracked_distributed_prefix = {
	.event_types = TRACKED_ON(AUTH),
	.v6_only = true,
	.confidence = 80,
	.things = {THING_NONE, THING_ACCOUNT},
	.read = read_auth,
	.weigh = weigh,
};
