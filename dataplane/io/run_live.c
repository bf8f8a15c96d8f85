/*
 * run_live: theory of operation.
 *
 * Order: what a person may have got wrong first (names of ports, patterns), then the machine: DPDK,
 * ports, memory. When all is ready, one byte over the handover socket says so, and whoever started
 * us starts control and hands its socket over. The lcores start when the first control has
 * accepted the rings. After that nothing here waits for control: when it goes, the rings fill, what
 * finds no room is counted, and the next control, whose socket comes over the same way, reads on
 * from where the last one stood.
 *
 * The main lcore watches: ports (links, removal, losses) each second; the sockets; signals, the
 * first of which ends the run: what the ports still hold is read, sessions end, and control
 * reports. The end of the handover socket is such a signal too.
 *
 * Counters of ports (PORT_*) are the main lcore's; they stand in ring 0 beside worker 0's. So it is
 * the main lcore that ends the rings, when the workers have ended and the last losses are counted.
 */
#include "dataplane/io/edge.h"

#include <errno.h>
#include <poll.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "contract/handover.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/place.h"
#include "dataplane/io/run_internal.h"

#define LIVE_WATCH_S 1
/* A step of the start that takes longer is told; so is control, when it does not answer. */
#define LIVE_PATIENCE_NS NS_PER_S
#define LIVE_PATIENCE_S 3
#define LIVE_ANSWER_MS 10000 /* for a control that comes as all ends */
/* Packets put together from fragments that a worker may hold in one turn, and some. */
#define LIVE_BIG_PER_WORKER (WORKER_MAIL_MAX + 33u)

static int
run_check_ports(struct run *run)
{
	char why[RUN_WHY_BYTES] = "";

	if (run->options->config.interfaces.count == 0)
		return run_fail(EXIT_BAD_INPUT,
			"no port to watch: dataplane.interfaces is empty; see smtap-run(1)");
	if (nic_set_init(&run->nics, &run->options->config, why, sizeof(why)) != 0)
		return run_fail(EXIT_BAD_INPUT, "%s", why);
	run->node = nic_set_node(&run->nics);
	notice_doing(&run->notice, "reads the patterns");
	return 0;
}

/* Before anything slow, so that a second dataplane is told at once. */
static int
run_open_meeting(struct run *run)
{
	const struct config *config = &run->options->config;
	char why[RUN_WHY_BYTES] = "";

	if (run->options->handover_fd >= 0)
		return 0;
	if (meet_open(&run->meet, config->dataplane_socket, config->control_user, why,
		    sizeof(why)) != 0)
		return run_fail(EXIT_BAD_INPUT, "%s", why);
	return 0;
}

static struct dispatch_size
run_size(const struct run *run)
{
	return (struct dispatch_size){.workers = run->worker_count,
		.slots = run->worker_count > 1 ? DISPATCH_LIVE_SLOTS : 0,
		.big_per_worker = LIVE_BIG_PER_WORKER};
}

/* Memory from huge pages when there are enough, and the word about it when that costs speed. */
static bool
run_has_huge_pages(const struct run *run, unsigned need_mib)
{
	unsigned free_mib = eal_huge_mib(run->node);

	if (free_mib >= need_mib)
		return true;
	for (unsigned i = 0; i < run->nics.count; i++) {
		if (!run->nics.nics[i].pci)
			continue;
		fprintf(stderr,
			"smtap: %u MiB of huge pages are free, %u are needed: it works without, "
			"slower; echo %u > /proc/sys/vm/nr_hugepages\n",
			free_mib, need_mib, (need_mib + 64) / 2);
		break;
	}
	return false;
}

/* What is not on the node that is worked on. */
static void
run_tell_distance(const struct run *run, unsigned strangers)
{
	for (unsigned i = 0; i < run->nics.count && run->node >= 0; i++) {
		const struct nic *nic = &run->nics.nics[i];
		if (nic->node >= 0 && nic->node != run->node)
			fprintf(stderr,
				"smtap: %s is on node %d, most ports are on %d, where the workers "
				"are: its packets cross between nodes\n",
				nic->name, nic->node, run->node);
	}
	if (run->memory_node != run->node)
		fprintf(stderr,
			"smtap: node %d, which the ports are on, has no memory that may be used: "
			"tables are elsewhere\n",
			run->node);
	if (strangers > 0)
		fprintf(stderr,
			"smtap: node %d, which the ports are on, has no CPU for %u of %u "
			"lcores: packets cross between nodes\n",
			run->node, strangers, run->worker_count + (run->worker_count > 1));
}

static bool
run_place(struct run *run, int cpus[], unsigned count)
{
	struct place_machine machine;
	unsigned strangers;
	/* One worker needs no reader: that lcore stays idle, wherever it is. */
	unsigned idle = run->worker_count == 1;

	place_look(&machine);
	run->memory_node = place_memory_node(&machine, run->node);
	bool placed = place_lcores(&machine, run->node, cpus + idle, count - idle, &strangers);
	if (idle)
		cpus[0] = -1;
	if (!placed)
		fprintf(stderr,
			"smtap: fewer than %u CPUs: workers share them with all else, and packets "
			"may be lost to that\n",
			count - idle + 1);
	run_tell_distance(run, placed ? strangers : 0);
	return placed;
}

static int
run_start_eal(struct run *run)
{
	const char *devices[NIC_MAX];
	char why[RUN_WHY_BYTES] = "";
	int cpus[HELLO_WORKERS_MAX + 1];
	const struct dispatch_size size = run_size(run);
	/* The reader's lcore is there even if it turns out that nobody needs it. */
	unsigned lcores = run->worker_count + RUN_LCORE_READER;
	struct eal_options eal = {.lcores = lcores, .devices = devices};

	eal.memory_mib = dispatch_memory_mib(&size) + nic_set_memory_mib(&run->nics);
	eal.huge_pages = run_has_huge_pages(run, eal.memory_mib);
	eal.cpus = run_place(run, cpus, lcores) ? cpus : NULL;
	for (unsigned i = 0; i < run->nics.count; i++) {
		eal.pci |= run->nics.nics[i].pci;
		devices[eal.device_count++] = run->nics.nics[i].argument;
	}
	notice_doing(&run->notice, "starts DPDK and its devices, with %u MiB of %s to be cleared",
		eal.memory_mib, eal.huge_pages ? "huge pages" : "memory (no huge pages)");
	if (eal_start(&eal, why, sizeof(why)) != 0)
		return run_fail(EXIT_FAILED, "DPDK does not start: %s", why);
	run->eal_started = true;
	return run_set_up_mbufs(run, &size);
}

static int
run_open_ports(struct run *run)
{
	char why[RUN_WHY_BYTES] = "";

	run->nics.wake_fd = run->wake_fd;
	run->nics.counters = &run->workers[0].ring.header->counters;
	notice_doing(&run->notice, "opens the ports, and takes their buffers");
	if (nic_set_open(&run->nics, why, sizeof(why)) != 0)
		return run_fail(EXIT_FAILED, "%s", why);
	nic_set_tell(&run->nics);
	return 0;
}

/* All queues of every port for one lcore, or of each port the one of that number. */
static int
run_add_inputs(struct run *run, unsigned which)
{
	bool alone = run->nics.dispatch || run->worker_count == 1;

	for (unsigned i = 0; i < run->nics.count; i++) {
		const struct nic *nic = &run->nics.nics[i];
		for (uint16_t q = 0; q < nic->queues; q++) {
			const struct live_input input = {
				.port = nic->port, .queue = q, .bit = 1u << i};
			if ((alone || q == which) && !live_add_input(&run->live[which], input))
				return run_fail(EXIT_BAD_INPUT,
					"the ports have more than %d queues: name fewer",
					LIVE_INPUTS_MAX);
		}
	}
	return 0;
}

static int
run_set_up_live(struct run *run, unsigned which, uint64_t wall_offset_ns)
{
	struct live *l = &run->live[which];

	l->wall_offset_ns = wall_offset_ns;
	l->idle_sleep_ns = run->options->config.idle_sleep;
	l->meta_offset = run->dispatch.meta_offset;
	l->stamp_offset = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, NULL);
	int flag = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_RX_TIMESTAMP_NAME, NULL);
	l->stamp_flag = flag >= 0 ? RTE_BIT64(flag) : 0;
	l->big = run->dispatch.big;
	l->dispatch = &run->dispatch;
	l->run = &run->control;
	l->done_fd = run->done_fd;
	l->gone = &run->nics.gone;
	return run_add_inputs(run, which);
}

/* What worker i leaves out when it cannot keep up. */
static int
run_set_up_shed(struct run *run, unsigned i)
{
	struct worker *w = &run->workers[i];
	struct load *load = &run->load[i];
	const struct shed_meter meter = {.read = load_read, .arg = load};
	struct siphash_key key;

	if (!run->options->config.shed)
		return 0;
	*load = (struct load){.live = w->live,
		.queue = w->queue,
		.slots = DISPATCH_LIVE_SLOTS,
		.pipeline = w->pipeline,
		.ports = &run->workers[0].ring.header->counters};
	if (w->live)
		load->slots = load_slots(w->live, run->nics.descriptors);
	void *memory = run_node_memory(run, shed_footprint());
	if (!memory || siphash_key_draw(&key) != 0)
		return run_fail(EXIT_FAILED, "no memory for worker %u", i);
	w->shed = shed_init(memory, &key, &meter, &w->ring.header->counters);
	pipeline_set_shed(w->pipeline, w->shed);
	return 0;
}

static int
run_set_up_shedding(struct run *run)
{
	int r = 0;

	for (unsigned i = 0; i < run->worker_count && r == 0; i++)
		r = run_set_up_shed(run, i);
	return r;
}

static int
run_set_up_lcores(struct run *run)
{
	uint64_t wall_offset_ns = live_wall_offset();

	notice_doing(&run->notice, "takes memory for %u workers", run->worker_count);
	int r = run_set_up_workers(run, false);
	if (r == 0)
		r = renew_open(run);

	for (unsigned i = 0; i < run->worker_count; i++)
		run->workers[i].left_open = true;
	if (run->nics.dispatch) {
		run->dispatch.live = true;
		if (r == 0)
			r = run_set_up_live(run, 0, wall_offset_ns);
		return r == 0 ? run_set_up_dispatch(run) : r;
	}
	for (unsigned i = 0; i < run->worker_count && r == 0; i++) {
		r = run_set_up_live(run, i, wall_offset_ns);
		run->workers[i].live = &run->live[i];
		if (r == 0)
			r = run_set_up_defrag(
				run, &run->live[i].defrag, &run->workers[i].ring.header->counters);
	}
	return r;
}

static int
run_say_ready(struct run *run)
{
	const char ready = 'r';

	notice_end(&run->notice);
	if (run->meet.fd >= 0 || send(run->options->handover_fd, &ready, 1, MSG_NOSIGNAL) == 1) {
		run_notify_ready(run);
		return 0;
	}
	return run_fail(EXIT_FAILED, "whoever started the dataplane has gone");
}

static void
run_launch(struct run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++)
		rte_eal_remote_launch(worker_run, &run->workers[i], RUN_LCORE_WORKER + i);
	if (run->nics.dispatch)
		rte_eal_remote_launch(live_run_dispatch, &run->live[0], RUN_LCORE_READER);
	run->launched = true;
}

static unsigned
run_pollers(const struct run *run)
{
	return run->worker_count + (run->nics.dispatch ? 1 : 0);
}

static void
run_drop_control(struct run *run)
{
	close(run->control_fd);
	run->control_fd = -1;
	run->control_asked = false;
}

/* Did every worker take the last control's cursor? Until then no other may come. */
static bool
run_cursors_taken(struct run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++) {
		if (atomic_load_explicit(&run->workers[i].cursor_fd, memory_order_acquire) >= 0)
			return false;
	}
	return true;
}

/* A new control's socket: make it our offer. Or the end of who started us. */
static void
run_handover(struct run *run, struct pollfd *p)
{
	struct peer_offer offer;

	if (run->launched && !run_cursors_taken(run))
		return; /* asked again with the next look */
	int fd = run->meet.fd >= 0 ? meet_accept(&run->meet)
				   : handover_take(run->options->handover_fd);
	if (fd == -EAGAIN || fd == -EINTR)
		return;
	if (fd < 0) {
		p->fd = -1;
		run_mode_set(&run->control, RUN_STOP);
		return;
	}
	/* At a named socket anybody of control's may knock; it is not for a second one to take
	 * over. */
	if (run->meet.fd >= 0 && run->control_fd >= 0) {
		close(fd);
		return;
	}
	if (run->control_fd >= 0)
		run_drop_control(run);
	run->control_fd = fd;
	run_peer_offer(run, &offer);
	offer.live = true;
	run->control_asked = peer_offer(fd, &offer) == 0;
	if (!run->control_asked)
		run_drop_control(run);
}

/* The first control's cursors are taken here, where no worker runs yet. */
static void
run_give_cursors(struct run *run, const int cursors[])
{
	for (unsigned i = 0; i < run->worker_count; i++) {
		if (run->launched) {
			atomic_store_explicit(
				&run->workers[i].cursor_fd, cursors[i], memory_order_release);
			continue;
		}
		ring_writer_set_cursor(&run->workers[i].ring, cursors[i]);
		close(cursors[i]);
	}
}

/* It asks for other patterns, or has gone: that is for who started both to tell. */
static void
run_control_asks(struct run *run)
{
	struct swap ask;
	int r = swap_receive(run->control_fd, SWAP_ASK, &ask);

	if (r == 0)
		renew_ask(run, &ask);
	else if (r != -EAGAIN)
		run_drop_control(run);
}

/* Control answers our offer. */
static void
run_control_says(struct run *run)
{
	int cursors[HELLO_WORKERS_MAX];
	char why[RUN_WHY_BYTES] = "";

	if (!run->control_asked) {
		run_control_asks(run);
		return;
	}
	run->control_asked = false;
	int r = peer_answer(run->control_fd, cursors, run->worker_count, why, sizeof(why));
	if (r != 0) {
		if (r != -EPIPE)
			run_fail(EXIT_FAILED, "%s", why);
		run_drop_control(run);
		return;
	}
	run_give_cursors(run, cursors);
	if (!run->launched)
		run_launch(run);
}

static void
run_take_signal(struct run *run)
{
	struct signalfd_siginfo info;

	if (read(run->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	/* It takes LIVE_DRAIN_NS at most; who cannot wait kills us. */
	run_mode_set(&run->control, RUN_STOP);
}

static unsigned
run_receivers(const struct run *run)
{
	return run->nics.dispatch ? 1 : run->worker_count;
}

/* Close the ports that no lcore polls any more; hand out those that came back. */
static void
run_renew_ports(struct run *run)
{
	uint32_t by_all = UINT32_MAX;
	uint32_t by_any = 0;

	for (unsigned i = 0; i < run_receivers(run); i++) {
		uint32_t left = atomic_load_explicit(&run->live[i].left, memory_order_acquire);
		by_all &= left;
		by_any |= left;
	}
	uint32_t back = nic_set_renew(&run->nics, by_all, by_any);
	if (back == 0)
		return;
	for (unsigned n = 0; n < run->nics.count; n++) {
		for (unsigned i = 0; back >> n & 1 && i < run_receivers(run); i++)
			live_set_port(&run->live[i], 1u << n, run->nics.nics[n].port);
	}
	atomic_fetch_and_explicit(&run->nics.gone, ~back, memory_order_release);
}

static void
run_watch_ports(struct run *run, int fd)
{
	uint64_t ignored;

	if (read(fd, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN)
		return;
	nic_set_watch(&run->nics);
	run_renew_ports(run);
	renew_look(run);
	run_notify_look(run);
	if (!run->launched && ++run->waited_s == LIVE_PATIENCE_S)
		fprintf(stderr, "smtap: it waits for control to accept the events; nothing is seen "
				"until then\n");
}

/* Until every lcore has ended, or there is nothing to run. */
static void
run_watch(struct run *run, int timer_fd)
{
	enum { HANDOVER, CONTROL, DONE, WAKE, SIGNAL, TIMER, FDS };
	struct pollfd p[FDS] = {
		[HANDOVER] = {.fd = run->meet.fd >= 0 ? run->meet.fd : run->options->handover_fd,
			.events = POLLIN},
		[DONE] = {.fd = run->done_fd, .events = POLLIN},
		[WAKE] = {.fd = run->wake_fd, .events = POLLIN},
		[SIGNAL] = {.fd = run->signal_fd, .events = POLLIN},
		[TIMER] = {.fd = timer_fd, .events = POLLIN},
	};
	eventfd_t done = 0;
	eventfd_t n;

	while (done < run_pollers(run)) {
		if (!run->launched && run_mode_get(&run->control) != RUN_ON)
			return;
		p[CONTROL] = (struct pollfd){.fd = run->control_fd, .events = POLLIN};
		if (poll(p, FDS, -1) < 0 && errno != EINTR)
			break;
		if (p[DONE].revents != 0 && eventfd_read(run->done_fd, &n) == 0)
			done += n;
		if (p[SIGNAL].revents != 0)
			run_take_signal(run);
		if (p[CONTROL].revents != 0)
			run_control_says(run);
		if (p[HANDOVER].revents != 0)
			run_handover(run, &p[HANDOVER]);
		if (p[WAKE].revents != 0)
			run_watch_ports(run, run->wake_fd);
		if (p[TIMER].revents != 0)
			run_watch_ports(run, timer_fd);
	}
}

/* One that came at the very end maps the rings, which go with us. */
static void
run_await_control(struct run *run)
{
	struct pollfd p = {.fd = run->control_fd, .events = POLLIN};

	if (run->launched && run->control_asked && poll(&p, 1, LIVE_ANSWER_MS) > 0)
		run_control_says(run);
}

static int
run_lcores(struct run *run)
{
	const struct itimerspec each = {
		.it_interval = {.tv_sec = LIVE_WATCH_S}, .it_value = {.tv_sec = LIVE_WATCH_S}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0 || timerfd_settime(fd, 0, &each, NULL) != 0)
		return run_fail(EXIT_FAILED, "timer: %s", strerror(errno));
	run_watch(run, fd);
	rte_eal_mp_wait_lcore();
	close(fd);
	/* Control reads the counters when the rings have ended: these come first. */
	nic_set_watch(&run->nics);
	for (unsigned i = 0; i < run->worker_count && run->launched; i++)
		ring_writer_end(&run->workers[i].ring);
	run_await_control(run);
	return 0;
}

int
run_live(const struct options *options)
{
	static int (*const steps[])(struct run *) = {
		run_check_ports,
		run_open_meeting,
		run_load_patterns,
		run_open_fds,
		run_open_rings,
		run_start_eal,
		run_open_ports,
		run_set_up_lcores,
		run_set_up_shedding,
		run_confine,
		run_say_ready,
		run_lcores,
	};
	struct run *run = run_begin(options);
	int status;

	if (!run)
		return EXIT_FAILED;
	notify_begin(&run->notify);
	/* Without it the start is as good, but silent. */
	notice_begin(&run->notice, STDERR_FILENO, LIVE_PATIENCE_NS);
	status = run_steps(run, steps, sizeof(steps) / sizeof(steps[0]));
	notice_end(&run->notice);
	notify_stopping(&run->notify);
	meet_close(&run->meet);
	nic_set_close(&run->nics);
	renew_close(run);
	run_tear_down(run);
	return status;
}
