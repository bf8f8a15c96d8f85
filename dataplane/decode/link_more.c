/*
 * Link layers that a capture may have though a tap port never does: wireless frames, the lines of
 * routers, what a packet filter logs. Each finds where IP, or an EtherType, begins. Stateless.
 */
#include "base/bytes.h"
#include "dataplane/decode/layer.h"

#define HDLC_BYTES 4
#define HDLC_UNICAST 0x0f /* Cisco's framing; PPP's has 0xff here */
#define HDLC_MULTICAST 0x8f

#define WIFI_BYTES 24
#define WIFI_BYTES_QOS 2
#define WIFI_BYTES_ADDRESS4 6
#define WIFI_BYTES_HT 4
/* IEEE 802.11 9.2.4.1: a data frame that has data; bits of its second byte */
#define WIFI_TYPE_MASK 0x4fu /* version, type, and "no data" */
#define WIFI_TYPE_DATA 0x08u
#define WIFI_QOS 0x80u
#define WIFI_TO_AND_FROM 0x03u
#define WIFI_MORE_FRAGMENTS 0x04u
#define WIFI_PROTECTED 0x40u
#define WIFI_HT 0x80u
#define WIFI_AGGREGATE 0x80u /* of the QoS field */

#define RADIOTAP_BYTES 8
#define RADIOTAP_TIME (1u << 0)
#define RADIOTAP_FLAGS (1u << 1)
#define RADIOTAP_MORE (1u << 31)
#define RADIOTAP_FLAG_PADDED 0x20u
#define RADIOTAP_FLAG_DAMAGED 0x40u
#define RADIOTAP_WORDS_MAX 8

#define ENC_BYTES 12
#define PFLOG_BYTES_MIN 48
#define NFLOG_BYTES 4
#define NFLOG_PAYLOAD 9
#define NFLOG_FIELDS_MAX 32

static enum decode_layer
hdlc(struct decode_cursor *c)
{
	if (!decode_has(c, HDLC_BYTES))
		return decode_stop_short(c, HDLC_BYTES);
	const uint8_t *header = decode_at(c);
	if (header[0] != HDLC_UNICAST && header[0] != HDLC_MULTICAST)
		return LAYER_PPP;
	c->offset += HDLC_BYTES;
	return decode_layer_of_ethertype(load_be16(header + 2));
}

/* padded: what follows the header begins at a multiple of four bytes. */
static enum decode_layer
wifi(struct decode_cursor *c, bool padded)
{
	uint32_t bytes = WIFI_BYTES;

	if (!decode_has(c, WIFI_BYTES))
		return decode_stop_short(c, WIFI_BYTES);
	const uint8_t *frame = decode_at(c);
	if ((frame[0] & WIFI_TYPE_MASK) != WIFI_TYPE_DATA || (frame[1] & WIFI_PROTECTED) ||
		(frame[1] & WIFI_MORE_FRAGMENTS) || (frame[22] & 0x0f) != 0)
		return LAYER_NONE;
	bytes += (frame[1] & WIFI_TO_AND_FROM) == WIFI_TO_AND_FROM ? WIFI_BYTES_ADDRESS4 : 0;
	if (frame[0] & WIFI_QOS) {
		if (!decode_has(c, bytes + WIFI_BYTES_QOS))
			return decode_stop_short(c, bytes + WIFI_BYTES_QOS);
		if (frame[bytes] & WIFI_AGGREGATE)
			return LAYER_NONE;
		bytes += WIFI_BYTES_QOS + (frame[1] & WIFI_HT ? WIFI_BYTES_HT : 0);
	}
	if (padded)
		bytes = (bytes + 3) & ~3u;
	if (!decode_has(c, bytes))
		return decode_stop_short(c, bytes);
	c->offset += bytes;
	return LAYER_LLC;
}

/* Its flags, where it has any: they follow the words that say which fields there are. */
static uint8_t
radiotap_flags(const uint8_t *header, uint32_t len)
{
	uint32_t fields = load_le32(header + 4);
	uint32_t at = RADIOTAP_BYTES;

	for (int i = 0; i < RADIOTAP_WORDS_MAX && at + 4 <= len; i++) {
		if (!(load_le32(header + at - 4) & RADIOTAP_MORE))
			break;
		at += 4;
	}
	if (fields & RADIOTAP_TIME)
		at = ((at + 7) & ~7u) + 8;
	return (fields & RADIOTAP_FLAGS) && at < len ? header[at] : 0;
}

static enum decode_layer
radiotap(struct decode_cursor *c)
{
	if (!decode_has(c, RADIOTAP_BYTES))
		return decode_stop_short(c, RADIOTAP_BYTES);
	const uint8_t *header = decode_at(c);
	uint32_t len = load_le16(header + 2);
	if (header[0] != 0 || len < RADIOTAP_BYTES)
		return decode_stop(c, DECODE_MALFORMED);
	if (!decode_has(c, len))
		return decode_stop_short(c, len);
	uint8_t flags = radiotap_flags(header, len);
	c->offset += len;
	return flags & RADIOTAP_FLAG_DAMAGED ? LAYER_NONE : wifi(c, flags & RADIOTAP_FLAG_PADDED);
}

/* OpenBSD's log: its own length first, which is rounded up, then the address family. */
static enum decode_layer
pflog(struct decode_cursor *c)
{
	if (!decode_has(c, PFLOG_BYTES_MIN))
		return decode_stop_short(c, PFLOG_BYTES_MIN);
	uint32_t len = (decode_at(c)[0] + 3u) & ~3u;
	if (len < PFLOG_BYTES_MIN)
		return decode_stop(c, DECODE_MALFORMED);
	if (!decode_has(c, len))
		return decode_stop_short(c, len);
	c->offset += len;
	return LAYER_IP;
}

/* Linux's log: fields of a length, a type and a value, each begun at a multiple of four bytes. */
static enum decode_layer
nflog(struct decode_cursor *c)
{
	if (!decode_has(c, NFLOG_BYTES))
		return decode_stop_short(c, NFLOG_BYTES);
	c->offset += NFLOG_BYTES;
	for (int i = 0; i < NFLOG_FIELDS_MAX; i++) {
		if (!decode_has(c, 4))
			return decode_stop_short(c, 4);
		uint32_t len = load_le16(decode_at(c));
		uint16_t type = load_le16(decode_at(c) + 2);
		if (len < 4)
			return decode_stop(c, DECODE_MALFORMED);
		if (type == NFLOG_PAYLOAD) {
			c->offset += 4;
			return LAYER_IP;
		}
		len = (len + 3) & ~3u;
		if (!decode_has(c, len))
			return decode_stop_short(c, len);
		c->offset += len;
	}
	return decode_stop(c, DECODE_TOO_DEEP);
}

enum decode_layer
decode_link_more(struct decode_cursor *c, enum decode_link link)
{
	switch (link) {
	case DECODE_LINK_PPP:
	case DECODE_LINK_HDLC:
		return hdlc(c);
	case DECODE_LINK_PPPOE:
		return LAYER_PPPOE;
	case DECODE_LINK_WIFI:
		return wifi(c, false);
	case DECODE_LINK_RADIOTAP:
		return radiotap(c);
	case DECODE_LINK_ENC:
		if (!decode_has(c, ENC_BYTES))
			return decode_stop_short(c, ENC_BYTES);
		c->offset += ENC_BYTES;
		return LAYER_IP;
	case DECODE_LINK_PFLOG:
		return pflog(c);
	case DECODE_LINK_NFLOG:
		return nflog(c);
	case DECODE_LINK_ETHERNET:
	case DECODE_LINK_IP:
	case DECODE_LINK_SLL:
	case DECODE_LINK_SLL2:
	case DECODE_LINK_NULL:
	case DECODE_LINK_COUNT:
		break;
	}
	return LAYER_NONE;
}
