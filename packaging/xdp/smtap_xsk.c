/*
 * All packets of an interface to smtap's AF_XDP sockets: what libxdp loads by itself, as a file of
 * one's own. With it an interface that went and came back is opened again under dataplane.user,
 * since nothing of it is asked for by id, which the kernel keeps for root.
 *
 *   clang -O2 -g -target bpf -I/usr/include/$(uname -m)-linux-gnu -c smtap_xsk.c
 *   dataplane.interfaces: ["net_af_xdp0,iface=eth1,xdp_prog=/etc/smtap/smtap_xsk.o"]
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 64); /* queues */
	__type(key, int);
	__type(value, int);
} xsks_map SEC(".maps"); /* the name that DPDK looks for */

SEC("xdp")
int
smtap_xsk(struct xdp_md *packet)
{
	return bpf_redirect_map(&xsks_map, packet->rx_queue_index, XDP_PASS);
}

char license_of_ours[] SEC("license") = "BSD";
