#include "control/away.h"

#include <errno.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/text.h"
#include "contract/handover.h"
#include "control/meet.h"
#include "control/run_internal.h"

static void
drop_dataplane(struct run *run)
{
	if (run->dataplane_fd >= 0)
		close(run->dataplane_fd);
	run->dataplane_fd = -1;
}

bool
away_begin(struct run *run)
{
	struct away *away = &run->away;

	if (run->handover_fd < 0 || run->told_ns != 0 || run->intake.counters.broken > 0)
		return false;
	if (run->intake.rings)
		intake_leave(&run->intake, &away->past);
	/* What is told of counters meanwhile. */
	intake_begin_after(&run->intake, &away->past);
	drop_dataplane(run);
	away->on = true;
	away->since_ns = live_now_ns();
	/* What was just counted as lost is known to nobody else. */
	snapshot_hurry(&run->snapshot);
	return true;
}

int
away_fd(const struct run *run)
{
	return run->away.on && run->dataplane_fd < 0 ? run->handover_fd : -1;
}

void
away_take(struct run *run)
{
	int fd = run->meets
			 ? meet_dataplane(run->options->config.dataplane_socket, run->handover_fd)
			 : handover_take(run->handover_fd);

	if (fd >= 0) {
		run->dataplane_fd = fd;
	} else if (fd != -EAGAIN && fd != -EINTR) {
		close(run->handover_fd);
		run->handover_fd = -1;
	}
}

void
away_end(struct run *run)
{
	struct away *away = &run->away;
	uint64_t gone_ns = live_now_ns() - away->since_ns;
	int r = run_accept(run);

	if (r != 0) {
		drop_dataplane(run);
		/* Of another version, perhaps, and ours on disk is too by now: start anew. */
		run->abandoned = r != -EPIPE;
		run->trouble = "the next dataplane's rings could not be taken";
		intake_begin_after(&run->intake, &away->past);
		return;
	}
	away->on = false;
	run->trouble = NULL;
	if (!run->resume.done) {
		resume_intake(run);
		return;
	}
	if (away->past.clock_ns != 0)
		away->past.expect_ns = away->past.clock_ns + gone_ns;
	away->past.own.away_ms += gone_ns / NS_PER_MS;
	intake_begin_after(&run->intake, &away->past);
	snapshot_hurry(&run->snapshot);
	run_fail(0,
		"another dataplane is there after %.1f s; %llu session%s and %llu event%s were "
		"lost "
		"with those before",
		(double)gone_ns / NS_PER_S, (unsigned long long)away->past.own.cut,
		text_s(away->past.own.cut), (unsigned long long)away->past.own.unsaid,
		text_s(away->past.own.unsaid));
}
