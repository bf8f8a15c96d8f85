/*
 * Theory of operation.
 *
 * The dataplane's rings are a log, and the snapshot its checkpoint: what the dead control took from
 * them after the snapshot was released, but stays in its slot until the writer comes round. Where
 * all of it is there, the engine is told it again, in the same order. It says what it said the
 * first time, with the same ids, since nothing in it depends on anything else; that is told
 * already, so EVE lines are not written, and the store takes only what it has not (it may have been
 * in the queue). Where some of it is gone, because there was much of it or because the dataplane
 * died too, the windows are as old as the snapshot; the same where settings or rules are others.
 *
 * Then ids are moved on beyond all that the store knows, or, where not all was told again, beyond
 * all that it has reserved; and what is open there and nowhere here is adopted (engine_adopt): an
 * incident that was told goes on under its id whatever was lost.
 *
 * Who waits for a dataplane writes snapshots too, with what it has from the one before it, and with
 * that one's mark: its rings may still be there when somebody who follows us meets them. Alerts
 * that were stored meanwhile have later numbers than the mark's, and are known again by that.
 */
#include "control/resume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/text.h"
#include "config/reload.h"
#include "control/recall.h"
#include "control/run_internal.h"

int
resume_engine(struct run *run)
{
	struct resume *resume = &run->resume;
	const struct snapshot_mark *mark = &resume->mark;
	bool spoilt;

	resume->has_mark = snapshot_load(run, &resume->mark, &spoilt);
	if (spoilt) {
		engine_close(run->engine);
		run->engine = NULL;
		return run_open_engine(run);
	}
	if (!resume->has_mark)
		return 0;
	/* Now: our own snapshots have what waits in the queue, and a dataplane may never come. */
	stored_recall(&run->stored, run->options->store, mark->seq);
	(void)stored_put_left(&run->stored);
	run->first_ns = mark->first_ns;
	run->last_ns = mark->last_ns;
	run->holes = mark->holes;
	return 0;
}

bool
resume_mark(const struct run *run, struct snapshot_mark *mark)
{
	const struct resume *resume = &run->resume;

	if (!resume->has_mark || resume->done)
		return false;
	*mark = resume->mark;
	return true;
}

/* All that the one before us took after its snapshot, as it took it, and in silence. */
static void
take_again(struct run *run, const struct intake_earlier *earlier)
{
	eve_set_quiet(run->eve, true);
	for (size_t at = 0; at < earlier->count; at += ENGINE_AHEAD) {
		size_t left = earlier->count - at;
		unsigned n = left < ENGINE_AHEAD ? (unsigned)left : ENGINE_AHEAD;

		memcpy(run->batch, earlier->events + at, n * sizeof(run->batch[0]));
		run_take(run, n);
	}
	eve_set_quiet(run->eve, false);
}

/* By other settings or rules the same events would say something else under the same ids, and
   nobody would be told. */
static bool
says_the_same(const struct run *run)
{
	const struct snapshot_mark *mark = &run->resume.mark;

	return mark->settings == config_sum(run->config) &&
	       mark->rules == suppress_sum(engine_rules(run->engine));
}

/* How many that were. *all: there are no others that the dead control took. */
static size_t
resume_rings(struct run *run, bool *all)
{
	const struct snapshot_mark *mark = &run->resume.mark;
	struct intake_earlier earlier;

	if (!intake_resume(&run->intake, &mark->intake))
		return 0;
	if (!says_the_same(run) || intake_reread(&run->intake, &mark->intake, &earlier) != 0) {
		intake_forget(&run->intake, &mark->intake);
		return 0;
	}
	if (!earlier.whole)
		intake_forget(&run->intake, &mark->intake);
	if (earlier.whole && earlier.count > 0) {
		take_again(run, &earlier);
		intake_took(&run->intake, earlier.count,
			earlier.events[earlier.count - 1].head.clock_ns);
	}
	free(earlier.events);
	*all = earlier.whole;
	return earlier.whole ? earlier.count : 0;
}

/* One that died was before us: what is left of it. */
static void
tell(const struct run *run, size_t again, unsigned adopted)
{
	const struct resume *resume = &run->resume;
	char age[64] = "with no snapshot";
	bool other = resume->has_mark || adopted > 0;

	for (unsigned i = 0; i < run->intake.ring_count; i++)
		other |= run->options->live && run->intake.rings[i].reader.next > 0;

	if (resume->has_mark && resume->mark.clock_ns != 0)
		snprintf(age, sizeof(age), "with a snapshot of %.1f s ago",
			(double)(live_now_ns() - resume->mark.clock_ns) / NS_PER_S);
	else if (resume->has_mark)
		snprintf(age, sizeof(age), "with a snapshot of another day");
	if (other)
		run_fail(0, "goes on %s, %zu event%s since, %u more finding%s that %s open", age,
			again, text_s(again), adopted, text_s(adopted),
			adopted == 1 ? "was" : "were");
}

void
resume_intake(struct run *run)
{
	struct resume *resume = &run->resume;
	unsigned adopted = 0;
	size_t again = 0;
	bool knows_all = false;

	resume->done = true;
	if (resume->has_mark) {
		const struct snapshot_mark *mark = &resume->mark;

		again = resume_rings(run, &knows_all);
		stored_forget(&run->stored);
		if (run->intake.past.clock_ns != 0 && mark->clock_ns != 0)
			run->intake.past.expect_ns =
				run->intake.past.clock_ns + (live_now_ns() - mark->clock_ns);
	} else if (run->options->live) {
		intake_forget(&run->intake, NULL);
	}
	stored_begin_ids(&run->stored, run->engine, knows_all);
	if (run->options->live && run->options->store[0])
		adopted = recall_open(run->options->store, run->engine);
	tell(run, again, adopted);
	snapshot_hurry(&run->snapshot);
}
