/* The EAL without hugepages, devices or privileges, and a ring or a memif for a NIC. */
#include "bench/rig.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/io/pool.h"

#define POOL_CACHE 256
#define MEMIF_RING_LOG2 13 /* of its places those not filled hold a buffer each */
#define RIG_MBUFS (RIG_CHUNK + 2 * POOL_CACHE)
#define EAL_MEMORY_MIB "512"
#define LINK_WAIT_MS 5000

static int
first_allowed_cpu(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 0;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			return cpu;
	return 0;
}

static int
start_eal(const struct bench_options *options)
{
	char lcore[64];
	char ends[2][96];
	char *argv[20] = {"smtap-bench", "--no-pci", "--no-telemetry", "--log-level=error", "-m",
		EAL_MEMORY_MIB, "--lcores", lcore};
	int argc = 8;

	int at = snprintf(lcore, sizeof(lcore), "0@%d",
		options->cpu < 0 ? first_allowed_cpu() : options->cpu);
	if (options->beside >= 0)
		snprintf(lcore + at, sizeof(lcore) - (size_t)at, ",1@%d", options->beside);
	/* The server first: a client makes no socket to wait on. */
	for (unsigned i = 0; i < 2 && options->memif; i++) {
		snprintf(ends[i], sizeof(ends[i]),
			"--vdev=net_memif%u,role=%s,rsize=%d,socket=smtap-bench-%d", i,
			i ? "client,zero-copy=yes" : "server", MEMIF_RING_LOG2, (int)getpid());
		argv[argc++] = ends[i];
	}
	if (options->memif)
		argv[argc++] = "--single-file-segments"; /* which zero-copy asks for */
	if (options->huge) {
		argv[argc++] = "--in-memory";
	} else {
		argv[argc++] = "--no-huge";
		argv[argc++] = "--no-shconf";
	}
	if (rte_eal_init(argc, argv) < 0) {
		fprintf(stderr, "smtap-bench: DPDK does not start: %s%s\n", rte_strerror(rte_errno),
			options->huge ? " (are there free hugepages?)" : "");
		return -1;
	}
	return 0;
}

static int
start_port(uint16_t port, struct rte_mempool *pool)
{
	struct rte_eth_conf conf;

	memset(&conf, 0, sizeof(conf));
	if (rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(port, 0, 0, SOCKET_ID_ANY, NULL, pool) != 0 ||
		rte_eth_tx_queue_setup(port, 0, 0, SOCKET_ID_ANY, NULL) != 0 ||
		rte_eth_dev_start(port) != 0)
		return -1;
	return 0;
}

/* The driver insists on a ring to transmit to; nothing is ever sent. */
static int
open_ring_port(struct rig *rig, const char *name)
{
	/* Of the size given one place stays empty. */
	rig->ring = rte_ring_create(
		name, 2 * RIG_CHUNK, (int)rte_socket_id(), RING_F_SP_ENQ | RING_F_SC_DEQ);
	int port = rig->ring
			   ? rte_eth_from_rings(name, &rig->ring, 1, &rig->ring, 1, rte_socket_id())
			   : -1;

	rig->port = (uint16_t)port;
	return port < 0 ? -1 : start_port(rig->port, rig->pool);
}

/* Both ends are here; they find each other through DPDK's thread for interrupts. */
static int
open_memif(struct rig *rig)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	struct rte_eth_link link = {0};
	struct rte_mbuf *none;

	if (rte_eth_dev_get_port_by_name("net_memif0", &rig->peer) != 0 ||
		rte_eth_dev_get_port_by_name("net_memif1", &rig->port) != 0 ||
		start_port(rig->peer, rig->pool) != 0 || start_port(rig->port, rig->pool) != 0)
		return -1;
	for (unsigned i = 0; i < LINK_WAIT_MS && !link.link_status; i++) {
		nanosleep(&ms, NULL);
		if (rte_eth_link_get_nowait(rig->port, &link) != 0)
			return -1;
	}
	if (!link.link_status)
		return -1;
	/* A poll that finds nothing posts the first buffers. */
	return rte_eth_rx_burst(rig->port, 0, &none, 1) == 0 ? 0 : -1;
}

static int
open_rig(struct rig *rig, const struct bench_options *options, const char *name)
{
	unsigned mbufs = RIG_MBUFS + (options->memif ? 1u << MEMIF_RING_LOG2 : 0);

	*rig = (struct rig){0};
	rig->pool = options->apart ? rte_pktmbuf_pool_create(name, mbufs, POOL_CACHE, 0,
					     RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id())
				   : pool_create(name, mbufs, POOL_CACHE, RTE_MBUF_DEFAULT_BUF_SIZE,
					     (int)rte_socket_id());
	if (!rig->pool) {
		fprintf(stderr, "smtap-bench: no memory for packets: %s\n",
			rte_strerror(rte_errno));
		return -1;
	}
	if ((options->memif ? open_memif(rig) : open_ring_port(rig, name)) != 0) {
		fprintf(stderr, "smtap-bench: no %s port: %s\n", options->memif ? "memif" : "ring",
			rte_strerror(rte_errno));
		return -1;
	}
	return 0;
}

int
rig_open(struct rig *rig, const struct bench_options *options)
{
	return start_eal(options) == 0 ? open_rig(rig, options, "bench") : -1;
}

int
rig_open_second(struct rig *rig, const struct bench_options *options)
{
	return open_rig(rig, options, "second");
}

int
rig_send(const struct rig *rig, struct rte_mbuf *mbufs[], unsigned n)
{
	if (rig->ring)
		return rte_ring_enqueue_bulk(rig->ring, (void **)mbufs, n, NULL) == n ? 0 : -1;
	for (unsigned sent = 0, some; sent < n; sent += some) {
		some = rte_eth_tx_burst(rig->peer, 0, mbufs + sent, (uint16_t)(n - sent));
		if (some == 0)
			return -1;
	}
	return 0;
}

void
rig_close(struct rig *rig)
{
	/* EAL's thread for interrupts tells one end of a memif what the other does: whatever is
	   closed here may be in its hands. The process ends, and nothing of it is left. */
	if (!rig->ring)
		return;
	rte_eth_dev_stop(rig->port);
	rte_eth_dev_close(rig->port);
	rte_ring_free(rig->ring);
	rte_mempool_free(rig->pool);
	rte_eal_cleanup();
}

void *
bench_memory_take(const struct bench_options *options, size_t bytes)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (options->huge ? MAP_HUGETLB : 0);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (memory == MAP_FAILED) {
		fprintf(stderr, "smtap-bench: no %zu MiB of memory%s\n", bytes >> 20,
			options->huge ? " on hugepages" : "");
		return NULL;
	}
	madvise(memory, bytes, MADV_HUGEPAGE);
	/* So that the kernel clears the pages now and not while we measure. */
	memset(memory, 0, bytes);
	return memory;
}

void
bench_memory_give(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}

uint64_t
bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
