/*
 * Theory of operation.
 *
 * Detection runs on packet time; a sensor's own health does not: a sensor that loses all packets
 * has no packet time at all. So here, and only here, control looks at a clock.
 *
 * What is shed under overload is told likewise: when it begins, and after a minute without any.
 *
 * An alert about loss opens with the first minute that lost at least `percent` of its packets, and
 * closes with the first that did not. It is no finding and no part of an incident: nobody attacked
 * the sensor for all that is known, and what counts attacks must not count it.
 */
#include "control/live.h"

#include <time.h>

#include "base/clock.h"
#include "base/duration.h"

uint64_t
live_now_ns(void)
{
	return clock_now_ns(CLOCK_MONOTONIC);
}

uint64_t
live_wall_ns(void)
{
	return clock_now_ns(CLOCK_REALTIME);
}

void
live_init(struct live *live, const struct config *config)
{
	uint64_t now_ns = live_now_ns();

	*live = (struct live){.stats_ns = config->stats_interval,
		.percent = config->loss_percent,
		.next_look_ns = now_ns,
		.next_stats_ns = now_ns + config->stats_interval,
		.next_minute_ns = now_ns};
}

void
live_reload(struct live *live, const struct config *config)
{
	uint64_t next_ns = live_now_ns() + config->stats_interval;

	live->stats_ns = config->stats_interval;
	live->percent = config->loss_percent;
	if (live->next_stats_ns > next_ns)
		live->next_stats_ns = next_ns;
}

/* One period after another; after a pause, the next from now. */
static bool
due(uint64_t *next_ns, uint64_t period_ns, uint64_t now_ns)
{
	if (now_ns < *next_ns)
		return false;
	*next_ns += period_ns;
	if (*next_ns <= now_ns)
		*next_ns = now_ns + period_ns;
	return true;
}

bool
live_due_look(struct live *live, uint64_t now_ns)
{
	return due(&live->next_look_ns, NS_PER_S, now_ns);
}

bool
live_due_stats(struct live *live, uint64_t now_ns)
{
	return due(&live->next_stats_ns, live->stats_ns, now_ns);
}

uint64_t
live_lost(const struct counters *sum)
{
	static const enum counter lost[] = {COUNTER_PORT_MISSED, COUNTER_PORT_NOMBUF,
		COUNTER_PORT_ERRORS, COUNTER_DISPATCH_FULL, COUNTER_DECODE_CUT};
	uint64_t n = 0;

	for (unsigned i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		n += sum->value[lost[i]];
	return n;
}

bool
live_minute(struct live *live, const struct counters *sum, uint64_t now_ns)
{
	if (!due(&live->next_minute_ns, NS_PER_MIN, now_ns))
		return false;
	uint64_t lost = live_lost(sum) - live->lost;
	uint64_t pkts = sum->value[COUNTER_RX_PKTS] - live->pkts + lost;
	bool begun = live->begun;
	bool losing = live->percent > 0 && lost > 0 && lost * 100 >= live->percent * pkts;
	bool told = begun && losing != live->losing;

	live->begun = true;
	live->lost += lost;
	live->pkts = sum->value[COUNTER_RX_PKTS];
	if (!begun)
		return false;
	live->losing = losing;
	live->loss = (struct eve_loss){.packets = pkts, .lost = lost, .begins = losing};
	return told;
}

static struct eve_shed
shed_of(const struct counters *sum)
{
	return (struct eve_shed){
		.level = sum->value[COUNTER_SHED_LEVEL],
		.sessions = sum->value[COUNTER_SHED_DELIVERIES] + sum->value[COUNTER_SHED_USERS] +
			    sum->value[COUNTER_SHED_STRANGERS] + sum->value[COUNTER_SHED_GUESSERS],
		.packets = sum->value[COUNTER_SHED_PKTS],
		.bodies = sum->value[COUNTER_SHED_BODIES],
	};
}

/* What the alert says: all since it opened. */
static void
shed_tell(struct live *live, const struct eve_shed *now)
{
	if (now->level > live->shed.level)
		live->shed.level = now->level;
	live->shed.begins = live->shedding;
	live->shed.sessions = now->sessions - live->shed_before.sessions;
	live->shed.packets = now->packets - live->shed_before.packets;
	live->shed.bodies = now->bodies - live->shed_before.bodies;
}

bool
live_shed(struct live *live, const struct counters *sum, uint64_t now_ns)
{
	const struct eve_shed now = shed_of(sum);
	const struct eve_shed seen = live->shed_seen;
	bool begun = live->shed_begun;
	bool some = begun && (now.sessions != seen.sessions || now.bodies != seen.bodies);
	bool told = false;

	live->shed_begun = true;
	live->shed_seen = now;
	if (some)
		live->shed_last_ns = now_ns;
	if (some && !live->shedding) {
		live->shed_before = seen;
		live->shed = (struct eve_shed){0};
		live->shedding = told = true;
	} else if (live->shedding && now_ns - live->shed_last_ns >= NS_PER_MIN) {
		live->shedding = false;
		told = true;
	}
	shed_tell(live, &now);
	return told;
}

void
live_note_packets(struct live *live, const struct counters *sum, uint64_t wall_ns)
{
	uint64_t pkts = sum->value[COUNTER_RX_PKTS];

	/* What is there at the first look may be from before this control. */
	if (live->seen && pkts != live->seen_pkts)
		live->last_packet_ns = wall_ns;
	live->seen = true;
	live->seen_pkts = pkts;
}
