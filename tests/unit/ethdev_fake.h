/*
 * A DPDK that has ports of our making: its functions for ports are defined here, and take the place
 * of the library's. For one test file each.
 */
#ifndef SMTAP_TESTS_UNIT_ETHDEV_FAKE_H
#define SMTAP_TESTS_UNIT_ETHDEV_FAKE_H

#include <rte_ethdev.h>
#include <rte_thash.h>
#include <string.h>

#define FAKE_PORTS 4

struct fake_port {
	const char *name; /* NULL: not there */
	struct rte_eth_dev_info info;
	/* What it does not do. */
	bool own_key;     /* it keeps a key of its own */
	bool more_hashed; /* TCP ports too */
	bool link;
	bool removed;
	struct rte_eth_stats stats;
	/* What it was told. */
	struct rte_eth_conf conf;
	unsigned queues, queues_set_up, starts, stops, closes;
	uint8_t key[64];
	uint16_t reta[RTE_ETH_RSS_RETA_SIZE_512];
	int vlan;
	bool promiscuous;
};

static struct {
	struct fake_port ports[FAKE_PORTS];
	unsigned probes, removals;
	bool probe_fails;
	uint16_t probed_as; /* the port that a probe makes */
	char probed[128];
	uint32_t dev_flags;
} fake;

int
rte_eth_dev_get_port_by_name(const char *name, uint16_t *port)
{
	for (uint16_t i = 0; i < FAKE_PORTS; i++) {
		if (!fake.ports[i].name || strcmp(fake.ports[i].name, name) != 0)
			continue;
		*port = i;
		return 0;
	}
	return -ENODEV;
}

int
rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *info)
{
	*info = fake.ports[port].info;
	info->driver_name = "net_fake";
	info->dev_flags = &fake.dev_flags;
	return 0;
}

int
rte_eth_dev_configure(uint16_t port, uint16_t rx, uint16_t tx, const struct rte_eth_conf *conf)
{
	(void)tx;
	fake.ports[port].queues = rx;
	fake.ports[port].queues_set_up = 0;
	fake.ports[port].conf = *conf;
	return 0;
}

int
rte_eth_dev_adjust_nb_rx_tx_desc(uint16_t port, uint16_t *rx, uint16_t *tx)
{
	(void)port;
	(void)rx;
	(void)tx;
	return 0;
}

int
rte_eth_rx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, unsigned node,
	const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	(void)queue;
	(void)descriptors;
	(void)node;
	(void)conf;
	(void)pool;
	fake.ports[port].queues_set_up++;
	return 0;
}

int
rte_eth_tx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, unsigned node,
	const struct rte_eth_txconf *conf)
{
	(void)port;
	(void)queue;
	(void)descriptors;
	(void)node;
	(void)conf;
	return 0;
}

int
rte_eth_dev_start(uint16_t port)
{
	fake.ports[port].starts++;
	return 0;
}

int
rte_eth_dev_stop(uint16_t port)
{
	fake.ports[port].stops++;
	return 0;
}

int
rte_eth_dev_close(uint16_t port)
{
	fake.ports[port].closes++;
	fake.ports[port].name = NULL;
	return 0;
}

int
rte_eth_dev_callback_register(
	uint16_t port, enum rte_eth_event_type event, rte_eth_dev_cb_fn fn, void *arg)
{
	(void)port;
	(void)event;
	(void)fn;
	(void)arg;
	return 0;
}

int
rte_eth_dev_get_vlan_offload(uint16_t port)
{
	return fake.ports[port].vlan;
}

int
rte_eth_dev_set_vlan_offload(uint16_t port, int mask)
{
	fake.ports[port].vlan = mask;
	return 0;
}

int
rte_eth_promiscuous_get(uint16_t port)
{
	return fake.ports[port].promiscuous;
}

int
rte_eth_promiscuous_enable(uint16_t port)
{
	fake.ports[port].promiscuous = true;
	return 0;
}

int
rte_eth_promiscuous_disable(uint16_t port)
{
	fake.ports[port].promiscuous = false;
	return 0;
}

int
rte_eth_allmulticast_enable(uint16_t port)
{
	(void)port;
	return 0;
}

int
rte_eth_dev_socket_id(uint16_t port)
{
	(void)port;
	return -1;
}

int
rte_eth_link_get_nowait(uint16_t port, struct rte_eth_link *link)
{
	memset(link, 0, sizeof(*link));
	link->link_status = fake.ports[port].link;
	return 0;
}

int
rte_eth_stats_get(uint16_t port, struct rte_eth_stats *stats)
{
	*stats = fake.ports[port].stats;
	return 0;
}

int
rte_eth_dev_is_removed(uint16_t port)
{
	return fake.ports[port].removed;
}

int
rte_eth_dev_rss_hash_update(uint16_t port, struct rte_eth_rss_conf *conf)
{
	if (!fake.ports[port].own_key)
		memcpy(fake.ports[port].key, conf->rss_key, conf->rss_key_len);
	return 0;
}

int
rte_eth_dev_rss_hash_conf_get(uint16_t port, struct rte_eth_rss_conf *conf)
{
	memcpy(conf->rss_key, fake.ports[port].key, conf->rss_key_len);
	conf->rss_hf = RTE_ETH_RSS_IP;
	if (fake.ports[port].more_hashed)
		conf->rss_hf |= RTE_ETH_RSS_NONFRAG_IPV4_TCP;
	return 0;
}

int
rte_eth_dev_rss_reta_update(uint16_t port, struct rte_eth_rss_reta_entry64 *table, uint16_t size)
{
	for (unsigned i = 0; i < size; i++)
		fake.ports[port].reta[i] = table[i / 64].reta[i % 64];
	return 0;
}

int
rte_eth_dev_rss_reta_query(uint16_t port, struct rte_eth_rss_reta_entry64 *table, uint16_t size)
{
	for (unsigned i = 0; i < size; i++)
		table[i / 64].reta[i % 64] = fake.ports[port].reta[i];
	return 0;
}

struct rte_mempool *
rte_pktmbuf_pool_create(const char *name, unsigned n, unsigned cache, uint16_t private_size,
	uint16_t room, int node)
{
	static struct rte_mempool pool;

	(void)name;
	(void)n;
	(void)cache;
	(void)private_size;
	(void)room;
	(void)node;
	return &pool;
}

int
rte_dev_probe(const char *arguments)
{
	fake.probes++;
	strncpy(fake.probed, arguments, sizeof(fake.probed) - 1);
	if (fake.probe_fails)
		return -ENODEV;
	fake.ports[fake.probed_as].name = "net_fake0";
	return 0;
}

int
rte_dev_remove(struct rte_device *device)
{
	(void)device;
	fake.removals++;
	return 0;
}

/* The queue that a port gives two addresses (of IPv4, as numbers). */
static inline unsigned
fake_queue(uint16_t port, uint32_t src, uint32_t dst)
{
	uint32_t tuple[2] = {src, dst};
	uint32_t hash = rte_softrss(tuple, 2, fake.ports[port].key);

	return fake.ports[port].reta[hash % fake.ports[port].info.reta_size];
}

#endif
