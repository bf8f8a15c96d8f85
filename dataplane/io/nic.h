/*
 * nic: live ports: what a person calls them, how EAL is told of them, how their queues are set
 * up, what they lose. The theory is at the head of nic.c.
 */
#ifndef SMTAP_DATAPLANE_IO_NIC_H
#define SMTAP_DATAPLANE_IO_NIC_H

#include "dataplane/io/edge.h"

#include <net/if.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "contract/counters.h"

#define NIC_MAX 16
#define NIC_QUEUES_MAX 16 /* that one lcore polls of one port */
#define NIC_TEXT_MAX 320

enum nic_kind {
	NIC_DEVICE,    /* a NIC of DPDK, or a virtual one of its own */
	NIC_AF_PACKET, /* a kernel interface: packets are copied out of it */
	NIC_AF_XDP,    /* a kernel interface: its packets come to us alone */
};

/* Where it stands with those who poll it. */
enum nic_state {
	NIC_OPEN,     /* polled */
	NIC_LEAVING,  /* it went away: to be closed when nobody polls it any more */
	NIC_AWAY,     /* closed; looked for each second */
	NIC_RETURNED, /* open again: not all who poll have seen it yet */
};

struct nic {
	const char *name; /* as configured */
	char device[RTE_ETH_NAME_MAX_LEN];
	char argument[NIC_TEXT_MAX]; /* EAL's */
	char interface[IF_NAMESIZE]; /* the kernel's; empty: none */
	char driver[32];
	enum nic_kind kind;
	bool pci;
	bool makes_interface; /* it comes and goes with the device (a tap) */
	bool own_queues;      /* as many as its arguments say: packets come to each of them */
	enum nic_state state;
	int node; /* -1: unknown, or it does not matter */
	uint16_t port;
	uint16_t queues;
	bool opened;
	bool started;
	bool was_promiscuous;
	char offloads[160]; /* in words */
	struct rte_mempool *pool;
	/* what is watched */
	int kernel_fds[NIC_QUEUES_MAX]; /* the driver's sockets, for their counters */
	unsigned kernel_fd_count;
	unsigned interface_index; /* another one is another interface of that name */
	bool link_up;
	unsigned wait_s;   /* until it is looked for again */
	unsigned failures; /* to take it up again, in a row */
	struct rte_device *handle;
	uint64_t kernel_drops; /* summed up */
	struct rte_eth_stats last;
	_Atomic bool removed;       /* by an interrupt's thread */
	_Atomic uint32_t link_lost; /* likewise */
};

struct nic_set {
	struct nic nics[NIC_MAX];
	unsigned count;
	unsigned workers;
	bool dispatch; /* one lcore receives for all workers */
	bool filter;   /* ask for it */
	uint16_t descriptors;
	const struct config_ports *mail;
	int wake_fd;
	_Atomic uint32_t gone; /* a bit for each nic that is not to be polled any more */
	struct counters *counters;
};

/* Take the names apart. 0, or -errno with a sentence in why. No EAL. */
int nic_set_init(struct nic_set *set, const struct config *config, char *why, size_t why_len);

/* The CPUs of the node that most ports are on; -1: unknown. */
int nic_set_node(const struct nic_set *set);

/* MiB of mbufs that the ports need. */
unsigned nic_set_memory_mib(const struct nic_set *set);

/* Find, configure and start all. EAL runs. 0, or -errno with a sentence in why. */
int nic_set_open(struct nic_set *set, char *why, size_t why_len);

/* One line for each port on stderr. */
void nic_set_tell(struct nic_set *set);

/* Links, removals and losses since the last time; what changed is told on stderr. */
void nic_set_watch(struct nic_set *set);

/*
 * Each second: close what nobody polls any more, and look for what is away. left_by_all: the ports
 * that every poller has left, left_by_any: that one at least has. The bits of those that are back:
 * the caller tells the pollers where, then clears their bits in gone.
 */
uint32_t nic_set_renew(struct nic_set *set, uint32_t left_by_all, uint32_t left_by_any);

void nic_set_close(struct nic_set *set);

/* nic_name.c: the value of key= in a device's arguments, into out. False: it is not there. */
bool nic_argument(const char *text, const char *key, char *out, size_t out_len);
/* A name that the kernel gave must be there, and readable. 0, or -errno with a sentence. */
int nic_check_interface(const struct nic *nic, char *why, size_t why_len);

/* nic.c: find, configure and start one as set->dispatch says. 0, or -errno with a sentence. */
int nic_open(struct nic_set *set, struct nic *nic, char *why, size_t why_len);
/* One line for it on stderr. */
void nic_tell(const struct nic_set *set, struct nic *nic, const char *how);

/* nic_watch.c: 1: up; 0: down; -ENODEV: gone. */
int nic_link(struct nic *nic);

/* nic_rss.c: spread over the queues by the two addresses alone, both directions alike. */
bool nic_rss_can(const struct rte_eth_dev_info *info, unsigned queues);
void nic_rss_configure(const struct rte_eth_dev_info *info, struct rte_eth_conf *conf);
/* After the start: does it? else one line of why not. */
bool nic_rss_check(uint16_t port, const struct rte_eth_dev_info *info, unsigned queues, char *why,
	size_t why_len);

/* nic_filter.c: rules that drop what is certainly no mail; in words what was accepted. */
void nic_filter_set(struct nic *nic, const struct config_ports *mail, char *said, size_t said_len);

/* nic_noise.c: keep from standard error what libraries write there, until the end; reason: the
   kernel's, if they told one, in brackets after a space, else empty. */
struct nic_noise {
	int kept_fd;
	int file_fd;
};
void nic_noise_begin(struct nic_noise *noise);
void nic_noise_end(struct nic_noise *noise, char *reason, size_t reason_len);

/* nic_kernel.c: what the kernel knows of an interface. */
int nic_kernel_node(const struct nic *nic);
/* Find the driver's sockets, once its queues are set up. */
void nic_kernel_find_sockets(const struct nic_set *set, struct nic *nic);
/* Bytes of a frame that may come; 0: unknown. */
unsigned nic_kernel_frame_bytes(const struct nic *nic);
/* 1: up and running; 0: not; -ENODEV: it has gone. */
int nic_kernel_link(const struct nic *nic);
/* Packets lost in the kernel since the start. */
uint64_t nic_kernel_drops(struct nic *nic);

#endif
