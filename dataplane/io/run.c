/*
 * run: theory of operation.
 *
 * Order: whatever a person may have got wrong is looked at first (captures,
 * patterns), then what can fail in the machine. The rings are offered to control
 * before DPDK starts, so that control sets itself up meanwhile. The lcores start
 * when control has accepted: no event is ever lost to a slow start.
 *
 * The main lcore then waits for whatever comes first: every other lcore has
 * ended; control has gone (its end of the socket closed), and everything is
 * dropped; a signal, and what was read is handled and reported.
 *
 * Who started us with a status fd watches both processes, and says what befell
 * control; without one, we say it.
 */
#include "dataplane/io/edge.h"

#include "dataplane/io/run.h"

#include <errno.h>
#include <poll.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/patterns.h"
#include "dataplane/io/peer.h"
#include "dataplane/io/port.h"
#include "dataplane/io/reader.h"
#include "dataplane/io/worker.h"

#define RUN_LCORE_READER 1u
#define RUN_LCORE_WORKER 2u
#define RUN_WHY_BYTES CAPTURE_WHY_BYTES
/* How soon status lines that nobody took are offered again. */
#define RUN_STATUS_RETRY_MS 50

enum {
	EXIT_FAILED = 1,
	EXIT_BAD_INPUT = 2,
};

struct run {
	const struct options *options;
	struct run_control control;
	struct capture *captures;
	struct decode_config decode;
	struct match_set *patterns;
	struct queue queues[HELLO_WORKERS_MAX];
	struct worker workers[HELLO_WORKERS_MAX];
	unsigned worker_count;
	struct dispatch dispatch;
	struct reader reader;
	struct status status;
	int done_fd;
	int wake_fd;
	int signal_fd;
	bool eal_started;
	bool control_gone;
	bool interrupted;
};

static int __attribute__((format(printf, 2, 3))) run_fail(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("smtap: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return status;
}

/* Zeroed pages that cost nothing until they are touched. */
static void *
run_memory(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int
run_check_captures(struct run *run)
{
	const struct options *o = run->options;
	char why[CAPTURE_WHY_BYTES];

	run->captures = calloc(o->capture_count, sizeof(*run->captures));
	if (!run->captures)
		return run_fail(EXIT_FAILED, "out of memory");
	for (unsigned i = 0; i < o->capture_count; i++) {
		if (capture_check(&run->captures[i], o->captures[i], why) != 0)
			return run_fail(
				EXIT_BAD_INPUT, "%s: %s", capture_name(o->captures[i]), why);
	}
	return 0;
}

static int
run_load_patterns(struct run *run)
{
	char why[RUN_WHY_BYTES];

	run->patterns = patterns_load(run->options->config.pattern_dir, why, sizeof(why));
	if (!run->patterns)
		return run_fail(EXIT_BAD_INPUT, "%s", why);
	for (unsigned i = 0; i < run->options->config.ports.count; i++)
		decode_config_add_port(&run->decode, run->options->config.ports.port[i]);
	return 0;
}

static int
run_open_fds(struct run *run)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	run->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	run->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->done_fd < 0 || run->wake_fd < 0 || run->signal_fd < 0)
		return run_fail(EXIT_FAILED, "event descriptors: %s", strerror(errno));
	status_init(&run->status, run->options->status_fd, run->wake_fd);
	return 0;
}

/* The rings, and the offer to control. */
static int
run_offer_rings(struct run *run)
{
	int fds[HELLO_WORKERS_MAX];
	uint8_t boot_id[16];

	if (getrandom(boot_id, sizeof(boot_id), 0) != (ssize_t)sizeof(boot_id))
		return run_fail(EXIT_FAILED, "no random numbers: %s", strerror(errno));
	for (unsigned i = 0; i < run->worker_count; i++) {
		struct ring_writer *ring = &run->workers[i].ring;
		int r = ring_writer_open(ring, run->options->ring_slots, boot_id);
		if (r != 0)
			return run_fail(EXIT_FAILED, "event ring %u: %s", i, strerror(-r));
		fds[i] = ring->memfd;
	}
	int r = peer_offer(run->options->control_fd, boot_id, fds, run->worker_count);
	if (r != 0)
		return run_fail(EXIT_FAILED, "smtap-control cannot be reached: %s", strerror(-r));
	return 0;
}

static int
run_start_eal(struct run *run)
{
	char why[RUN_WHY_BYTES] = "";
	struct dispatch *d = &run->dispatch;
	int r = eal_start(run->worker_count + RUN_LCORE_READER,
		dispatch_memory_mib(run->worker_count), why, sizeof(why));

	if (r != 0)
		return run_fail(EXIT_FAILED, "DPDK does not start: %s", why);
	run->eal_started = true;
	d->meta_offset = packet_meta_register();
	if (d->meta_offset < 0)
		return run_fail(EXIT_FAILED, "no room in the mbuf for what smtap keeps there");
	r = dispatch_pools_create(d, run->worker_count);
	if (r == 0)
		r = port_open_rings(run->queues, run->worker_count, DISPATCH_RING_SLOTS, d->small);
	if (r != 0)
		return run_fail(EXIT_FAILED, "packet memory: %s", strerror(-r));
	return 0;
}

static void
run_pipeline_config(
	const struct config *c, const struct siphash_key keys[2], struct pipeline_config *p)
{
	pipeline_config_defaults(p);
	p->sessions = (uint32_t)c->sessions;
	p->idle_s = (uint32_t)(c->session_idle / NS_PER_S);
	p->half_open_s = (uint32_t)(c->session_half_open / NS_PER_S);
	p->proxy_protocol = c->proxy_protocol;
	p->deterministic = true;
	p->flow_hash_key = keys[0];
	p->password_key = keys[1];
}

static int
run_set_up_worker(struct run *run, unsigned i, const struct pipeline_config *cfg)
{
	struct worker *w = &run->workers[i];
	void *memory = run_memory(pipeline_footprint(cfg));

	w->queue = &run->queues[i];
	w->run = &run->control;
	w->decode = &run->decode;
	w->meta_offset = run->dispatch.meta_offset;
	w->done_fd = run->done_fd;
	w->match = match_open(run->patterns);
	worker_init_emit(w);
	if (memory && w->match)
		w->pipeline = pipeline_init(
			memory, cfg, &run->decode, &w->emit, w->match, &w->ring.header->counters);
	return w->pipeline ? 0 : run_fail(EXIT_FAILED, "no memory for worker %u", i);
}

static int
run_set_up_dispatch(struct run *run)
{
	struct dispatch *d = &run->dispatch;
	struct frag_config cfg;

	frag_config_defaults(&cfg);
	if (siphash_key_draw(&cfg.hash_key) != 0 || siphash_key_draw(&d->key) != 0)
		return run_fail(EXIT_FAILED, "no random numbers");
	void *memory = run_memory(frag_table_footprint(&cfg));
	if (!memory)
		return run_fail(EXIT_FAILED, "no memory for IP fragments");
	/* The dispatcher's counters (FRAG_*) stand beside worker 0's, which never writes these. */
	d->counters = &run->workers[0].ring.header->counters;
	d->frag = frag_table_init(memory, &cfg, d->counters);
	d->decode = &run->decode;
	d->run = &run->control;
	d->queues = run->queues;
	d->queue_count = run->worker_count;
	run->reader = (struct reader){
		.captures = run->captures,
		.capture_count = run->options->capture_count,
		.dispatch = d,
		.status = &run->status,
		.run = &run->control,
		.real_time = run->options->real_time,
		.progress = run->options->progress,
		.done_fd = run->done_fd,
	};
	return 0;
}

static int
run_set_up_lcores(struct run *run)
{
	struct pipeline_config cfg;
	struct siphash_key keys[2];
	int r = 0;

	if (siphash_key_draw(&keys[0]) != 0 || siphash_key_draw(&keys[1]) != 0)
		return run_fail(EXIT_FAILED, "no random numbers");
	run_pipeline_config(&run->options->config, keys, &cfg);
	for (unsigned i = 0; i < run->worker_count && r == 0; i++)
		r = run_set_up_worker(run, i, &cfg);
	return r != 0 ? r : run_set_up_dispatch(run);
}

static void
run_signal(struct run *run)
{
	struct signalfd_siginfo info;

	if (read(run->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	/* Who started us with a status fd, and stops us, says so itself. */
	if (!run->interrupted &&
		(run->options->status_fd < 0 || info.ssi_pid != (uint32_t)getppid()))
		run_fail(EXIT_FAILED, "the dataplane was stopped by signal %u", info.ssi_signo);
	/* A second one: at once. */
	run_mode_set(&run->control, run->interrupted ? RUN_ABORT : RUN_STOP);
	run->interrupted = true;
}

/* Control's answer, or a signal instead of it. */
static int
run_await_control(struct run *run)
{
	const struct options *o = run->options;
	struct pollfd p[2] = {
		{.fd = o->control_fd, .events = POLLIN}, {.fd = run->signal_fd, .events = POLLIN}};
	int cursors[HELLO_WORKERS_MAX];
	char why[RUN_WHY_BYTES] = "";

	if (poll(p, 2, -1) < 0)
		return EXIT_FAILED;
	if (p[1].revents != 0) {
		run_signal(run);
		return EXIT_FAILED;
	}
	int r = peer_answer(o->control_fd, cursors, run->worker_count, why, sizeof(why));
	if (r == -EPIPE && o->status_fd >= 0)
		return EXIT_FAILED;
	if (r != 0)
		return run_fail(EXIT_FAILED, "%s", why);
	for (unsigned i = 0; i < run->worker_count; i++) {
		int e = ring_writer_set_cursor(&run->workers[i].ring, cursors[i]);
		close(cursors[i]);
		r = r != 0 ? r : e;
	}
	return r == 0 ? 0 : run_fail(EXIT_FAILED, "control's cursor: %s", strerror(-r));
}

/* Its socket says something: control never does, so it is the end. */
static void
run_control_gone(struct run *run)
{
	run->control_gone = true;
	run_mode_set(&run->control, RUN_ABORT);
	if (run->options->status_fd < 0)
		run_fail(EXIT_FAILED, "smtap-control has gone; stopped after packet %llu",
			(unsigned long long)run->reader.packets);
}

/* Until every lcore has ended. */
static void
run_watch(struct run *run)
{
	enum { CONTROL, DONE, WAKE, SIGNAL, FDS };
	struct pollfd p[FDS] = {
		[CONTROL] = {.fd = run->options->control_fd, .events = POLLIN},
		[DONE] = {.fd = run->done_fd, .events = POLLIN},
		[WAKE] = {.fd = run->wake_fd, .events = POLLIN},
		[SIGNAL] = {.fd = run->signal_fd, .events = POLLIN},
	};
	eventfd_t done = 0;
	eventfd_t n;

	while (done < run->worker_count + 1u) {
		if (poll(p, FDS, RUN_STATUS_RETRY_MS) < 0 && errno != EINTR)
			break;
		if (p[DONE].revents != 0 && eventfd_read(run->done_fd, &n) == 0)
			done += n;
		if (p[WAKE].revents != 0)
			eventfd_read(run->wake_fd, &n);
		if (p[SIGNAL].revents != 0)
			run_signal(run);
		/* Once every event was published, control may leave before us. */
		if (p[CONTROL].revents != 0 && done < run->worker_count + 1u) {
			run_control_gone(run);
			p[CONTROL].fd = -1;
		}
		status_flush(&run->status, false);
	}
}

static int
run_lcores(struct run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++)
		rte_eal_remote_launch(worker_run, &run->workers[i], RUN_LCORE_WORKER + i);
	rte_eal_remote_launch(reader_run, &run->reader, RUN_LCORE_READER);
	run_watch(run);
	rte_eal_mp_wait_lcore();
	if (run->interrupted)
		status_stopped(&run->status, run->reader.packets);
	status_flush(&run->status, !run->control_gone);
	if (run->control_gone || run->interrupted)
		return EXIT_FAILED;
	return run->reader.unsupported ? EXIT_BAD_INPUT : run->reader.damaged ? EXIT_FAILED : 0;
}

static void
run_tear_down(struct run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++) {
		if (run->workers[i].match)
			match_close(run->workers[i].match);
	}
	if (run->eal_started)
		eal_stop();
	if (run->patterns)
		match_set_free(run->patterns);
	for (unsigned i = 0; run->captures && i < run->options->capture_count; i++)
		capture_close(&run->captures[i]);
	free(run->captures);
	status_free(&run->status);
}

int
run_captures(const struct options *options)
{
	static int (*const steps[])(struct run *) = {
		run_check_captures,
		run_load_patterns,
		run_open_fds,
		run_offer_rings,
		run_start_eal,
		run_set_up_lcores,
		run_await_control,
		run_lcores,
	};
	struct run *run = run_memory(sizeof(*run));
	int status = 0;

	if (!run)
		return run_fail(EXIT_FAILED, "out of memory");
	run->options = options;
	run->worker_count = (unsigned)options->config.workers;
	run->status.fd = -1;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == 0; i++)
		status = steps[i](run);
	/* The mappings, the rings among them, end with the process. */
	run_tear_down(run);
	return status;
}
