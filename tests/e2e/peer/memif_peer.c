/*
 * Another DPDK process, which plays captures into a memif port: the peer of a live port under test.
 *
 * usage: memif_peer SOCKET QUEUES CAPTURE...
 *
 * Each packet goes out whole (in a chain of buffers where it is long), packet i by queue i modulo
 * QUEUES. "played N" on standard output when the last was taken; then it waits for the end of
 * standard input, since what the other side has not read is lost when this one ends.
 */
#include <pcap/pcap.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PEER_MBUFS 2047
#define PEER_QUEUES_MAX 8

struct peer {
	uint16_t port;
	uint16_t queues;
	struct rte_mempool *pool;
	uint64_t played;
};

static int
fail(const char *what)
{
	fprintf(stderr, "memif_peer: %s\n", what);
	return EXIT_FAILURE;
}

static void
nap(void)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	nanosleep(&ms, NULL);
}

static int
start_eal(const char *socket)
{
	char device[256];
	char *argv[] = {"memif_peer", "--no-huge", "--no-shconf", "--no-telemetry", "--no-pci",
		"-m", "32", "--lcores=0", "--log-level=critical", device};

	setenv("RUNTIME_DIRECTORY", "/dev/null", 1);
	snprintf(device, sizeof(device), "--vdev=net_memif0,role=client,socket=%s", socket);
	return rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])), argv);
}

static int
start_port(struct peer *p)
{
	const struct rte_eth_conf conf = {.rxmode.mtu = RTE_ETHER_MTU};
	int r;

	p->pool = rte_pktmbuf_pool_create("peer", PEER_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (!p->pool || rte_eth_dev_get_port_by_name("net_memif0", &p->port) != 0)
		return -1;
	r = rte_eth_dev_configure(p->port, p->queues, p->queues, &conf);
	for (uint16_t q = 0; q < p->queues && r == 0; q++)
		r = rte_eth_rx_queue_setup(p->port, q, 1024, 0, NULL, p->pool);
	for (uint16_t q = 0; q < p->queues && r == 0; q++)
		r = rte_eth_tx_queue_setup(p->port, q, 1024, 0, NULL);
	return r == 0 ? rte_eth_dev_start(p->port) : r;
}

static void
await_link(const struct peer *p)
{
	struct rte_eth_link link = {0};

	while (rte_eth_link_get_nowait(p->port, &link) != 0 || !link.link_status)
		nap();
}

static struct rte_mbuf *
packet_of(const struct peer *p, const uint8_t *data, uint32_t len)
{
	struct rte_mbuf *head = NULL;

	for (uint32_t at = 0; at < len || !head;) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(p->pool);
		if (!m)
			break;
		uint16_t room = rte_pktmbuf_tailroom(m);
		uint16_t n = (uint16_t)(len - at < room ? len - at : room);
		rte_memcpy(rte_pktmbuf_append(m, n), data + at, n);
		at += n;
		if (!head)
			head = m;
		else if (rte_pktmbuf_chain(head, m) != 0)
			break;
	}
	return head;
}

static int
play(struct peer *p, const char *path)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *capture = pcap_open_offline(path, why);
	struct pcap_pkthdr *head;
	const uint8_t *data;

	if (!capture)
		return fail(why);
	while (pcap_next_ex(capture, &head, &data) == 1) {
		struct rte_mbuf *m = packet_of(p, data, head->caplen);
		if (!m || m->pkt_len != head->caplen)
			return fail("no buffer");
		while (rte_eth_tx_burst(p->port, (uint16_t)(p->played % p->queues), &m, 1) == 0)
			nap();
		p->played++;
	}
	pcap_close(capture);
	return 0;
}

int
main(int argc, char **argv)
{
	struct peer p = {.queues = argc > 3 ? (uint16_t)atoi(argv[2]) : 0};
	char byte;

	if (p.queues < 1 || p.queues > PEER_QUEUES_MAX)
		return fail("usage: memif_peer SOCKET QUEUES CAPTURE...");
	if (start_eal(argv[1]) < 0 || start_port(&p) != 0)
		return fail("DPDK does not start");
	await_link(&p);
	for (int i = 3; i < argc; i++) {
		if (play(&p, argv[i]) != 0)
			return EXIT_FAILURE;
	}
	printf("played %llu\n", (unsigned long long)p.played);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	rte_eth_dev_stop(p.port);
	rte_eal_cleanup();
	return 0;
}
