/* One packet for each encapsulation that decode knows; tests and fuzz seeds use them. */
#ifndef SMTAP_TESTS_UNIT_DECODE_CASES_H
#define SMTAP_TESTS_UNIT_DECODE_CASES_H

#include "dataplane/decode/decode.h"
#include "packet_build.h"

struct decode_case {
	const char *name;
	enum decode_link link;
	void (*build)(struct packet_build *b);
};

#define DECODE_CASE(name) static inline void case_##name(struct packet_build *b)

DECODE_CASE(ethernet_v4)
{
	build_mail_v4(b);
	build_ethernet(b, 0x0800);
}

DECODE_CASE(ethernet_v6)
{
	build_mail_v6(b);
	build_ethernet(b, 0x86dd);
}

DECODE_CASE(v4_options)
{
	uint8_t addresses[8];

	memcpy(addresses, build_client_v4, 4);
	memcpy(addresses + 4, build_server_v4, 4);
	build_start(b, "EHLO tap\r\n", 10);
	build_tcp(b, 25, 40);
	build_ipv4(b, 6, addresses, 40);
	build_ethernet(b, 0x0800);
}

DECODE_CASE(v4_authentication_header)
{
	build_mail_v4(b);
	b->data += 20;
	b->len -= 20;
	BUILD_PUSH(b, 6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
	uint8_t addresses[8];
	memcpy(addresses, build_client_v4, 4);
	memcpy(addresses + 4, build_server_v4, 4);
	build_ipv4(b, 51, addresses, 0);
}

DECODE_CASE(snap)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00);
	build_ethernet(b, (uint16_t)b->len);
}

DECODE_CASE(llc_ip)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 6, 6, 3);
	build_ethernet(b, (uint16_t)b->len);
}

DECODE_CASE(vlan)
{
	build_mail_v6(b);
	BUILD_PUSH(b, 0x60, 0x0a, 0x86, 0xdd);
	build_ethernet(b, 0x8100);
}

DECODE_CASE(qinq)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0, 7, 0x08, 0x00);
	BUILD_PUSH(b, 0, 8, 0x81, 0x00);
	BUILD_PUSH(b, 0, 9, 0x91, 0x00);
	BUILD_PUSH(b, 0, 9, 0x92, 0x00);
	build_ethernet(b, 0x88a8);
}

DECODE_CASE(mpls_v4)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0, 1, 0x01, 64);
	BUILD_PUSH(b, 0, 2, 0x00, 64);
	BUILD_PUSH(b, 0, 3, 0x00, 64);
	build_ethernet(b, 0x8847);
}

DECODE_CASE(mpls_v6)
{
	build_mail_v6(b);
	BUILD_PUSH(b, 0, 1, 0x01, 64);
	build_ethernet(b, 0x8848);
}

DECODE_CASE(pseudowire_control_word)
{
	build_mail_v4(b);
	build_ethernet(b, 0x0800);
	BUILD_PUSH(b, 0, 0, 0x12, 0x34);
	BUILD_PUSH(b, 0, 1, 0x01, 64);
	build_ethernet(b, 0x8847);
}

DECODE_CASE(pseudowire)
{
	build_mail_v6(b);
	build_ethernet(b, 0x86dd);
	BUILD_PUSH(b, 0, 1, 0x01, 64);
	build_ethernet(b, 0x8847);
}

/* A MAC address whose first nibble reads as IPv4's version. */
DECODE_CASE(pseudowire_mac_like_ip)
{
	build_mail_v4(b);
	build_ethernet(b, 0x0800);
	b->data[0] = 0x40;
	BUILD_PUSH(b, 0, 1, 0x01, 64);
	build_ethernet(b, 0x8847);
}

/* The same, and all of a header might be one. */
DECODE_CASE(pseudowire_mac_like_sane_ipv4)
{
	build_mail_v4(b);
	build_ethernet(b, 0x0800);
	b->data[0] = 0x4c;
	BUILD_PUSH(b, 0, 1, 0x01, 64);
	build_ethernet(b, 0x8847);
}

DECODE_CASE(pseudowire_mac_like_ipv6)
{
	build_mail_v6(b);
	build_ethernet(b, 0x86dd);
	b->data[0] = 0x6c;
	BUILD_PUSH(b, 0, 1, 0x01, 64);
	build_ethernet(b, 0x8847);
}

DECODE_CASE(vn_tag)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0, 0, 0, 1, 0x08, 0x00);
	build_ethernet(b, 0x8926);
}

DECODE_CASE(e_tag)
{
	build_mail_v6(b);
	BUILD_PUSH(b, 0, 1, 0, 2, 0, 0, 0x86, 0xdd);
	build_ethernet(b, 0x893f);
}

DECODE_CASE(trustsec_metadata)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 1, 1, 0, 1, 0, 5, 0x08, 0x00);
	build_ethernet(b, 0x8909);
}

DECODE_CASE(provider_backbone_bridge)
{
	build_mail_v4(b);
	build_ethernet(b, 0x0800);
	BUILD_PUSH(b, 0, 0, 1, 2);
	BUILD_PUSH(b, 0, 9, 0x88, 0xe7);
	build_ethernet(b, 0x88a8);
}

DECODE_CASE(pppoe_v4)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0x00, 0x21);
	BUILD_PUSH(b, 0x11, 0, 0, 5, 0, (uint8_t)b->len);
	build_ethernet(b, 0x8864);
}

DECODE_CASE(pppoe_v6_short_protocol)
{
	build_mail_v6(b);
	BUILD_PUSH(b, 0x57);
	BUILD_PUSH(b, 0x11, 0, 0, 5, 0, (uint8_t)b->len);
	build_ethernet(b, 0x8864);
}

DECODE_CASE(v6_extensions)
{
	build_mail_v6(b);
	b->data += 40;
	b->len -= 40;
	BUILD_PUSH(b, 6, 0, 0x80, 0, 0, 0, 0, 0);           /* shim6 */
	BUILD_PUSH(b, 140, 0, 0, 0, 0, 0, 0, 1);            /* atomic fragment */
	BUILD_PUSH(b, 44, 0, 1, 4, 0, 0, 0, 0);             /* destination options */
	BUILD_PUSH(b, 60, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2); /* AH: 12 bytes */
	BUILD_PUSH(b, 51, 0, 4, 0, 0, 0, 0, 0);             /* routing, no segments left */
	BUILD_PUSH(b, 43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); /* hop by hop */
	build_ipv6(b, 0);
	build_ethernet(b, 0x86dd);
}

DECODE_CASE(ip_in_ip)
{
	build_mail_v4(b);
	build_ipv4(b, 4, build_tunnel_v4, 0);
}

DECODE_CASE(six_in_four)
{
	build_mail_v6(b);
	build_ipv4(b, 41, build_tunnel_v4, 4);
}

DECODE_CASE(four_in_six)
{
	build_mail_v4(b);
	build_ipv6(b, 4);
}

DECODE_CASE(gre_v4)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0, 0, 0x08, 0x00);
	build_ipv4(b, 47, build_tunnel_v4, 0);
}

DECODE_CASE(gre_all_fields_v6)
{
	build_mail_v6(b);
	BUILD_PUSH(b, 0xb0, 0, 0x86, 0xdd, 1, 2, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9);
	build_ipv4(b, 47, build_tunnel_v4, 0);
}

DECODE_CASE(gre_ethernet)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0, 1, 0x08, 0x00);
	build_ethernet(b, 0x8100);
	BUILD_PUSH(b, 0x20, 0, 0x65, 0x58, 0, 0, 0, 7);
	build_ipv4(b, 47, build_tunnel_v4, 0);
}

DECODE_CASE(gre_pptp)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0xff, 0x03, 0x00, 0x21);
	BUILD_PUSH(b, 0x30, 0x81, 0x88, 0x0b, 0, (uint8_t)b->len, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2);
	build_ipv4(b, 47, build_tunnel_v4, 0);
}

DECODE_CASE(erspan_1)
{
	build_mail_v4(b);
	build_ethernet(b, 0x0800);
	BUILD_PUSH(b, 0, 0, 0x88, 0xbe);
	build_ipv4(b, 47, build_tunnel_v4, 0);
}

DECODE_CASE(erspan_2)
{
	build_mail_v4(b);
	build_ethernet(b, 0x0800);
	BUILD_PUSH(b, 0x10, 100, 0, 9, 0, 0, 0, 1);
	BUILD_PUSH(b, 0x10, 0, 0x88, 0xbe, 0, 0, 0, 1);
	build_ipv4(b, 47, build_tunnel_v4, 0);
}

DECODE_CASE(erspan_3)
{
	build_mail_v4(b);
	build_ethernet(b, 0x0800);
	BUILD_PUSH(b, 0x20, 100, 0, 9, 1, 2, 3, 4, 0, 0, 0, 0);
	BUILD_PUSH(b, 0x10, 0, 0x22, 0xeb, 0, 0, 0, 1);
	build_ipv4(b, 47, build_tunnel_v4, 0);
}

DECODE_CASE(erspan_3_subheader_ip)
{
	build_mail_v6(b);
	build_push(b, 8);
	BUILD_PUSH(b, 0x20, 100, 0, 9, 1, 2, 3, 4, 0, 0, 0x08, 0x01);
	BUILD_PUSH(b, 0x10, 0, 0x22, 0xeb, 0, 0, 0, 1);
	build_ipv4(b, 47, build_tunnel_v4, 0);
}

DECODE_CASE(vxlan)
{
	build_mail_v4(b);
	build_ethernet(b, 0x0800);
	BUILD_PUSH(b, 8, 0, 0, 0, 0, 0, 5, 0);
	build_udp(b, 4789);
	build_ipv4(b, 17, build_tunnel_v4, 0);
	build_ethernet(b, 0x0800);
}

DECODE_CASE(vxlan_linux_over_v6)
{
	build_mail_v6(b);
	build_ethernet(b, 0x86dd);
	BUILD_PUSH(b, 8, 0, 0, 0, 0, 0, 5, 0);
	build_udp(b, 8472);
	build_ipv6(b, 17);
}

DECODE_CASE(geneve_options)
{
	build_mail_v4(b);
	build_ethernet(b, 0x0800);
	BUILD_PUSH(b, 2, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 0x80, 1, 9, 9, 9, 9);
	build_udp(b, 6081);
	build_ipv4(b, 17, build_tunnel_v4, 0);
}

DECODE_CASE(geneve_ip)
{
	build_mail_v6(b);
	BUILD_PUSH(b, 0, 0, 0x86, 0xdd, 0, 0, 5, 0);
	build_udp(b, 6081);
	build_ipv4(b, 17, build_tunnel_v4, 0);
}

DECODE_CASE(gtpu)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0x30, 255, 0, (uint8_t)b->len, 0, 0, 0, 1);
	build_udp(b, 2152);
	build_ipv4(b, 17, build_tunnel_v4, 0);
}

DECODE_CASE(gtpu_extensions)
{
	build_mail_v6(b);
	BUILD_PUSH(b, 2, 0, 0, 0, 0, 0, 0, 0); /* 8 bytes, the last of them */
	BUILD_PUSH(b, 1, 0x10, 0x09, 0x40);    /* PDU session container */
	BUILD_PUSH(b, 0, 1, 0, 0x85);          /* sequence, N-PDU, next */
	BUILD_PUSH(b, 0x36, 255, 0, (uint8_t)b->len, 0, 0, 0, 1);
	build_udp(b, 2152);
	build_ipv4(b, 17, build_tunnel_v4, 0);
}

DECODE_CASE(mpls_in_udp)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0, 1, 0x01, 64);
	build_udp(b, 6635);
	build_ipv4(b, 17, build_tunnel_v4, 0);
}

DECODE_CASE(mpls_in_ip)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0, 1, 0x01, 64);
	build_ipv4(b, 137, build_tunnel_v4, 0);
}

DECODE_CASE(many_tunnels)
{
	build_mail_v4(b);
	build_ethernet(b, 0x0800);
	BUILD_PUSH(b, 8, 0, 0, 0, 0, 0, 5, 0);
	build_udp(b, 4789);
	build_ipv4(b, 17, build_tunnel_v4, 0);
	BUILD_PUSH(b, 0, 0, 0x08, 0x00);
	build_ipv6(b, 47);
	BUILD_PUSH(b, 0, 1, 0x01, 64);
	BUILD_PUSH(b, 0, 2, 0x88, 0x47);
	build_ethernet(b, 0x8100);
}

DECODE_CASE(cooked)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0x00);
}

DECODE_CASE(cooked_llc)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00);
	BUILD_PUSH(b, 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 4);
}

DECODE_CASE(cooked_2)
{
	build_mail_v6(b);
	BUILD_PUSH(b, 0x86, 0xdd, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0);
}

DECODE_CASE(null_little)
{
	build_mail_v4(b);
	BUILD_PUSH(b, 2, 0, 0, 0);
}

DECODE_CASE(null_big)
{
	build_mail_v6(b);
	BUILD_PUSH(b, 0, 0, 0, 30);
}

#undef DECODE_CASE

#define CASE(name, link)                               \
	{                                              \
#name, DECODE_LINK_##link, case_##name \
	}
static const struct decode_case decode_cases[] = {
	CASE(ethernet_v4, ETHERNET),
	CASE(ethernet_v6, ETHERNET),
	CASE(v4_options, ETHERNET),
	CASE(v4_authentication_header, IP),
	CASE(snap, ETHERNET),
	CASE(llc_ip, ETHERNET),
	CASE(vlan, ETHERNET),
	CASE(qinq, ETHERNET),
	CASE(mpls_v4, ETHERNET),
	CASE(mpls_v6, ETHERNET),
	CASE(pseudowire_control_word, ETHERNET),
	CASE(pseudowire, ETHERNET),
	CASE(pseudowire_mac_like_ip, ETHERNET),
	CASE(pseudowire_mac_like_sane_ipv4, ETHERNET),
	CASE(pseudowire_mac_like_ipv6, ETHERNET),
	CASE(vn_tag, ETHERNET),
	CASE(e_tag, ETHERNET),
	CASE(trustsec_metadata, ETHERNET),
	CASE(provider_backbone_bridge, ETHERNET),
	CASE(pppoe_v4, ETHERNET),
	CASE(pppoe_v6_short_protocol, ETHERNET),
	CASE(v6_extensions, ETHERNET),
	CASE(ip_in_ip, IP),
	CASE(six_in_four, IP),
	CASE(four_in_six, IP),
	CASE(gre_v4, IP),
	CASE(gre_all_fields_v6, IP),
	CASE(gre_ethernet, IP),
	CASE(gre_pptp, IP),
	CASE(erspan_1, IP),
	CASE(erspan_2, IP),
	CASE(erspan_3, IP),
	CASE(erspan_3_subheader_ip, IP),
	CASE(vxlan, ETHERNET),
	CASE(vxlan_linux_over_v6, IP),
	CASE(geneve_options, IP),
	CASE(geneve_ip, IP),
	CASE(gtpu, IP),
	CASE(gtpu_extensions, IP),
	CASE(mpls_in_udp, IP),
	CASE(mpls_in_ip, IP),
	CASE(many_tunnels, ETHERNET),
	CASE(cooked, SLL),
	CASE(cooked_llc, SLL),
	CASE(cooked_2, SLL2),
	CASE(null_little, NULL),
	CASE(null_big, NULL),
};
#undef CASE

#define DECODE_CASES (sizeof(decode_cases) / sizeof(decode_cases[0]))

#endif
