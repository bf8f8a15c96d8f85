/* reader: the lcore that reads the captures, one after another, into the dispatcher. */
#ifndef SMTAP_DATAPLANE_IO_READER_H
#define SMTAP_DATAPLANE_IO_READER_H

#include "dataplane/io/edge.h"

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/io/capture.h"
#include "dataplane/io/clock.h"
#include "dataplane/io/dispatch.h"
#include "dataplane/io/status.h"

/* So many packets in a row that are hours ahead are right: there was a quiet night. */
#define READER_DOUBTS_MAX 64
#define READER_DOUBT_BYTES_MAX (1u << 20)

struct reader_doubt {
	uint64_t time_ns;
	uint32_t at; /* in reader.held */
	uint32_t len;
};

struct reader {
	struct capture *captures; /* checked; opened here where not open */
	unsigned capture_count;
	struct dispatch *dispatch;
	struct status *status;
	struct run_control *run;
	bool real_time;
	bool progress;
	int done_fd; /* eventfd, written when the reader has ended */
	/* what it keeps */
	struct capture_clock clock;
	uint64_t stamp_ns; /* of the last packet that was believed */
	uint8_t *held;     /* owned; packets whose stamps are in doubt */
	struct reader_doubt doubts[READER_DOUBTS_MAX];
	unsigned doubt_count;
	bool told;        /* that one was not believed, in this file */
	uint64_t packets; /* over all files */
	uint64_t packets_of_file;
	uint64_t progress_ns;  /* monotonic time of the last progress line */
	uint64_t real_base_ns; /* monotonic time minus the capture's clock; 0: not set */
	/* read after the lcore has ended */
	bool damaged;     /* something was not read to its end */
	bool unsupported; /* for what smtap cannot do, before anything was read */
};

/* An lcore function; arg: struct reader. */
int reader_run(void *arg);

#endif
