/*
 * Receive-side scaling by the two addresses alone, with a key that repeats two bytes: then the
 * hash of (a, b) is that of (b, a), so both directions of a session, its fragments, and all that
 * goes through one tunnel reach one queue. Every port gets the same key and a table of queues
 * with a period that divides every size of such a table: so the two legs of a tap meet.
 *
 * A NIC that also hashes ports could not place fragments; one that hashes what is inside a
 * tunnel would part its fragments: only RTE_ETH_RSS_IP is asked for, and must be what is on.
 */
#include "dataplane/io/edge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/io/nic.h"

#define RSS_KEY_BYTES 40u
#define RSS_KEY_BYTES_MAX 256u
#define RSS_PERIOD RTE_ETH_RETA_GROUP_SIZE
#define RSS_RETA_GROUPS_MAX (RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE)
#define RSS_MUST (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6)

/* The driver may keep the pointer for as long as the port is configured. */
static const struct nic_rss_key {
	uint8_t bytes[RSS_KEY_BYTES_MAX];
} nic_rss_key = {{
#define SYMMETRIC_8 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a
#define SYMMETRIC_64                                                                               \
	SYMMETRIC_8, SYMMETRIC_8, SYMMETRIC_8, SYMMETRIC_8, SYMMETRIC_8, SYMMETRIC_8, SYMMETRIC_8, \
		SYMMETRIC_8
	SYMMETRIC_64, SYMMETRIC_64, SYMMETRIC_64, SYMMETRIC_64}};

static uint8_t
nic_rss_key_bytes(const struct rte_eth_dev_info *info)
{
	return info->hash_key_size ? info->hash_key_size : RSS_KEY_BYTES;
}

bool
nic_rss_can(const struct rte_eth_dev_info *info, unsigned queues)
{
	return info->max_rx_queues >= queues &&
	       (info->flow_type_rss_offloads & RSS_MUST) == RSS_MUST &&
	       info->reta_size >= RSS_PERIOD && info->reta_size % RSS_PERIOD == 0 &&
	       info->reta_size <= RTE_ETH_RSS_RETA_SIZE_512;
}

void
nic_rss_configure(const struct rte_eth_dev_info *info, struct rte_eth_conf *conf)
{
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf = (struct rte_eth_rss_conf){
		.rss_key = (uint8_t *)(uintptr_t)nic_rss_key.bytes,
		.rss_key_len = nic_rss_key_bytes(info),
		.rss_hf = info->flow_type_rss_offloads & RTE_ETH_RSS_IP,
	};
}

static bool
nic_rss_set_table(uint16_t port, uint16_t size, unsigned queues)
{
	struct rte_eth_rss_reta_entry64 table[RSS_RETA_GROUPS_MAX];
	struct rte_eth_rss_reta_entry64 read[RSS_RETA_GROUPS_MAX];

	memset(read, 0, sizeof(read));
	for (unsigned i = 0; i < size; i++) {
		table[i / RSS_PERIOD].mask = UINT64_MAX;
		read[i / RSS_PERIOD].mask = UINT64_MAX;
		table[i / RSS_PERIOD].reta[i % RSS_PERIOD] = (uint16_t)(i % RSS_PERIOD % queues);
	}
	if (rte_eth_dev_rss_reta_update(port, table, size) != 0 ||
		rte_eth_dev_rss_reta_query(port, read, size) != 0)
		return false;
	for (unsigned i = 0; i < size; i++) {
		if (read[i / RSS_PERIOD].reta[i % RSS_PERIOD] !=
			table[i / RSS_PERIOD].reta[i % RSS_PERIOD])
			return false;
	}
	return true;
}

bool
nic_rss_check(uint16_t port, const struct rte_eth_dev_info *info, unsigned queues, char *why,
	size_t why_len)
{
	uint8_t key[RSS_KEY_BYTES_MAX] = {0};
	uint8_t len = nic_rss_key_bytes(info);
	struct rte_eth_rss_conf conf = {.rss_key = key, .rss_key_len = len};
	struct rte_eth_conf asked;

	/* Some drivers take the key here only, others with the configuration only. */
	nic_rss_configure(info, &asked);
	rte_eth_dev_rss_hash_update(port, &asked.rx_adv_conf.rss_conf);
	if (rte_eth_dev_rss_hash_conf_get(port, &conf) != 0)
		snprintf(why, why_len, "it does not say how it spreads packets over its queues");
	else if (memcmp(key, nic_rss_key.bytes, len) != 0)
		snprintf(why, why_len,
			"it did not take the symmetric key: the directions of a session would "
			"part");
	else if ((conf.rss_hf & RSS_MUST) != RSS_MUST || (conf.rss_hf & ~RTE_ETH_RSS_IP) != 0)
		snprintf(why, why_len,
			"it hashes more than the two addresses, or less (0x%llx): sessions and "
			"their fragments would part",
			(unsigned long long)conf.rss_hf);
	else if (!nic_rss_set_table(port, info->reta_size, queues))
		snprintf(why, why_len,
			"it did not take the table of queues: the legs of a tap would not meet");
	else
		return true;
	return false;
}
