/* What the parts of a run share: its beginning (begin.c) and its loop (run.c). */
#ifndef SMTAP_CONTROL_RUN_INTERNAL_H
#define SMTAP_CONTROL_RUN_INTERNAL_H

#include "base/notify.h"
#include "control/away.h"
#include "control/busiest.h"
#include "control/engine/engine.h"
#include "control/eve_file.h"
#include "control/export/eve.h"
#include "control/intake/intake.h"
#include "control/live.h"
#include "control/outlet/outlet.h"
#include "control/reload.h"
#include "control/report/captures.h"
#include "control/resume.h"
#include "control/run.h"
#include "control/serve/serve.h"
#include "control/snapshot.h"
#include "control/stored.h"
#include "patterns/pattern.h"

struct run {
	const struct options *options;
	struct config *config;        /* the options', which reload changes */
	struct reload reload;         /* live */
	struct pattern_set *patterns; /* owned */
	struct captures captures;
	struct intake intake;
	struct engine *engine;
	struct enrich *enrich; /* NULL: no databases */
	struct eve *eve;
	struct live live;
	struct stored stored;
	struct busiest busiest;           /* live */
	struct serve *serve;              /* NULL: nobody can ask */
	struct outlet *outlet;            /* NULL: no exporter can */
	struct notify notify;             /* the service manager; live */
	struct event batch[ENGINE_AHEAD]; /* copies: in hand */
	unsigned taken;                   /* events since the last look around */
	bool told;                        /* an alert, since run_settle */
	struct away away;
	struct snapshot snapshot;
	struct resume resume;
	struct eve_file eve_file;
	int dataplane_fd; /* -1: no dataplane is there */
	int handover_fd;  /* readable when to look for another; -1: no other will come */
	bool meets;       /* it is looked for at its socket; handover_fd is a timer */
	int captures_fd;  /* -1: none, or it ended */
	int signal_fd;
	bool stopped;
	bool abandoned;   /* it ends, but what it knows of attacks does not */
	uint64_t told_ns; /* monotonic time of the first signal to stop; 0: none yet */
	bool progress_shown;
	const char *trouble; /* why it ended early */
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t holes;  /* sides of ended sessions whose bytes were not all seen */
	uint64_t losses; /* by the counters, when they were last looked at */
	uint64_t loss;   /* as engine and export were told */
};

/* One line on standard error; returns status. */
__attribute__((format(printf, 2, 3))) int run_fail(int status, const char *format, ...);

/* The dataplane offers its rings on run->dataplane_fd: take them. 0, or -errno, which is told. */
int run_accept(struct run *run);

/* An engine with nothing in it. An exit status. */
int run_open_engine(struct run *run);

/* The first n of the batch are dealt with. */
void run_take(struct run *run, unsigned n);

/* What came of the events so far is out: whoever follows a control that dies need not see them. */
void run_settle(struct run *run);

/* All that is needed before the first event. An exit status; errors are printed. */
int run_begin(struct run *run);

/* The settings of the EVE file, as they are now. */
void run_set_rotation(struct run *run);

/* stored_close, after nobody reads alerts any more. */
int run_close_store(struct run *run, const struct engine *engine);

void run_tear_down(struct run *run);

#endif
