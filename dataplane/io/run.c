/* What runs over captures and live ports have in common. */
#include "dataplane/io/edge.h"

#include "dataplane/io/run_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/patterns.h"
#include "dataplane/io/place.h"
#include "dataplane/io/port.h"

int
run_fail(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("smtap: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return status;
}

void *
run_memory(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct run *
run_begin(const struct options *options)
{
	struct run *run = run_memory(sizeof(*run));

	if (!run) {
		run_fail(EXIT_FAILED, "out of memory");
		return NULL;
	}
	run->options = options;
	run->worker_count = (unsigned)options->config.workers;
	run->status.fd = run->meet.fd = -1;
	run->node = run->memory_node = -1;
	return run;
}

int
run_steps(struct run *run, int (*const steps[])(struct run *), size_t count)
{
	int status = 0;

	for (size_t i = 0; i < count && status == 0; i++)
		status = steps[i](run);
	return status;
}

void *
run_node_memory(const struct run *run, size_t bytes)
{
	void *memory = run_memory(bytes);

	if (memory)
		place_memory(memory, bytes, run->memory_node);
	return memory;
}

_Static_assert(sizeof(((struct config_ports *)NULL)->port) / sizeof(uint16_t) <= DECODE_PORTS_FEW,
	"however many mail ports there are, other packets leave by the quick answer");

int
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

int
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
	run->control_fd = run->options->control_fd;
	return 0;
}

int
run_open_rings(struct run *run)
{
	if (getrandom(run->boot_id, sizeof(run->boot_id), 0) != (ssize_t)sizeof(run->boot_id))
		return run_fail(EXIT_FAILED, "no random numbers: %s", strerror(errno));
	for (unsigned i = 0; i < run->worker_count; i++) {
		struct ring_writer *ring = &run->workers[i].ring;
		int r = ring_writer_open(ring, run->options->ring_slots, run->boot_id);
		if (r != 0)
			return run_fail(EXIT_FAILED, "event ring %u: %s", i, strerror(-r));
		run->workers[i].cursor_fd = -1;
	}
	return 0;
}

void
run_peer_offer(const struct run *run, struct peer_offer *offer)
{
	memset(offer, 0, sizeof(*offer));
	offer->boot_id = run->boot_id;
	offer->count = run->worker_count;
	for (unsigned i = 0; i < run->worker_count; i++) {
		offer->ring_fds[i] = run->workers[i].ring.memfd;
		offer->consumed[i] = ring_writer_consumed(&run->workers[i].ring);
	}
}

static void
run_pipeline_config(
	const struct config *c, const struct siphash_key keys[2], struct pipeline_config *p)
{
	pipeline_config_defaults(p);
	p->sessions = (uint32_t)c->sessions;
	/* A KiB for each session, of which most take an eighth. Untouched memory costs nothing. */
	if (p->smtp_pages < p->sessions / 4)
		p->smtp_pages = p->sessions / 4;
	p->idle_s = (uint32_t)(c->session_idle / NS_PER_S);
	p->half_open_s = (uint32_t)(c->session_half_open / NS_PER_S);
	p->proxy_protocol = c->proxy_protocol;
	p->flow_hash_key = keys[0];
	p->password_key = keys[1];
}

static int
run_set_up_worker(struct run *run, unsigned i, const struct pipeline_config *cfg)
{
	struct worker *w = &run->workers[i];
	void *memory = run_node_memory(run, pipeline_footprint(cfg));

	w->queue = &run->queues[i];
	w->run = &run->control;
	w->decode = &run->decode;
	w->meta_offset = run->dispatch.meta_offset;
	w->done_fd = run->done_fd;
	w->match = match_open(run->patterns);
	worker_init_emit(w, cfg->deterministic);
	if (memory && w->match)
		w->pipeline = pipeline_init(
			memory, cfg, &run->decode, &w->emit, w->match, &w->ring.header->counters);
	return w->pipeline ? 0 : run_fail(EXIT_FAILED, "no memory for worker %u", i);
}

int
run_set_up_workers(struct run *run, bool deterministic)
{
	struct pipeline_config cfg;
	struct siphash_key keys[2];
	int r = 0;

	if (siphash_key_draw(&keys[0]) != 0 || siphash_key_draw(&keys[1]) != 0)
		return run_fail(EXIT_FAILED, "no random numbers");
	run_pipeline_config(&run->options->config, keys, &cfg);
	cfg.deterministic = deterministic;
	for (unsigned i = 0; i < run->worker_count && r == 0; i++)
		r = run_set_up_worker(run, i, &cfg);
	return r;
}

int
run_set_up_defrag(struct run *run, struct defrag *defrag, struct counters *counters)
{
	struct frag_config cfg;

	frag_config_defaults(&cfg);
	if (siphash_key_draw(&cfg.hash_key) != 0)
		return run_fail(EXIT_FAILED, "no random numbers");
	void *memory = run_node_memory(run, frag_table_footprint(&cfg));
	if (!memory)
		return run_fail(EXIT_FAILED, "no memory for IP fragments");
	defrag->counters = counters;
	defrag->frag = frag_table_init(memory, &cfg, counters);
	defrag->decode = &run->decode;
	return 0;
}

int
run_set_up_dispatch(struct run *run)
{
	struct dispatch *d = &run->dispatch;

	if (siphash_key_draw(&d->key) != 0)
		return run_fail(EXIT_FAILED, "no random numbers");
	d->run = &run->control;
	d->queues = run->queues;
	d->queue_count = run->worker_count;
	/* The dispatcher's counters (FRAG_*) stand beside worker 0's, which never writes these. */
	return run_set_up_defrag(run, &d->defrag, &run->workers[0].ring.header->counters);
}

int
run_set_up_mbufs(struct run *run, const struct dispatch_size *size)
{
	struct dispatch *d = &run->dispatch;
	int r;

	d->meta_offset = packet_meta_register();
	if (d->meta_offset < 0)
		return run_fail(EXIT_FAILED, "no room in the mbuf for what smtap keeps there");
	r = dispatch_pools_create(d, size, run->memory_node);
	if (r == 0 && size->slots > 0)
		r = port_open_rings(run->queues, run->worker_count, size->slots, d->small);
	return r == 0 ? 0 : run_fail(EXIT_FAILED, "packet memory: %s", strerror(-r));
}

void
run_tear_down(struct run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++) {
		if (run->workers[i].match)
			match_close(run->workers[i].match);
	}
	/*
	 * Under live ports EAL's memory stays until the process ends, which is now: EAL unmaps it
	 * beneath its own interrupts' thread, which a port that was just closed (memif) has woken.
	 * Of nothing else is more left: no files, no hugepages that anybody else could see.
	 */
	if (run->eal_started && run->nics.count == 0)
		eal_stop();
	if (run->patterns)
		match_set_free(run->patterns);
	for (unsigned i = 0; run->captures && i < run->options->capture_count; i++)
		capture_close(&run->captures[i]);
	free(run->captures);
	status_free(&run->status);
}
