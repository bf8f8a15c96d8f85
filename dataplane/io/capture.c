#include "dataplane/io/capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/io/clock.h"

/* One read() brings about 200 full-size frames. */
#define CAPTURE_BUFFER_BYTES (256u * 1024)

/* The manual page shows how. */
#define CAPTURE_MIXED                                                                    \
	"interfaces of different link types in one file are not supported; split it by " \
	"interface first, see smtap-replay(1)"

struct capture_link {
	int dlt;
	enum decode_link link;
};

static const struct capture_link capture_links[] = {
	{DLT_EN10MB, DECODE_LINK_ETHERNET},
	{DLT_RAW, DECODE_LINK_IP},
	{DLT_IPV4, DECODE_LINK_IP},
	{DLT_IPV6, DECODE_LINK_IP},
	{DLT_LINUX_SLL, DECODE_LINK_SLL},
	{DLT_LINUX_SLL2, DECODE_LINK_SLL2},
	{DLT_NULL, DECODE_LINK_NULL},
	{DLT_LOOP, DECODE_LINK_NULL},
	{DLT_PPP, DECODE_LINK_PPP},
	{DLT_PPP_SERIAL, DECODE_LINK_PPP},
	{DLT_C_HDLC, DECODE_LINK_HDLC},
	{DLT_PPP_ETHER, DECODE_LINK_PPPOE},
	{DLT_IEEE802_11, DECODE_LINK_WIFI},
	{DLT_IEEE802_11_RADIO, DECODE_LINK_RADIOTAP},
	{DLT_ENC, DECODE_LINK_ENC},
	{DLT_PFLOG, DECODE_LINK_PFLOG},
	{DLT_NFLOG, DECODE_LINK_NFLOG},
};

static const char *const capture_link_names[] = {
	[DECODE_LINK_ETHERNET] = "ethernet",
	[DECODE_LINK_IP] = "ip",
	[DECODE_LINK_SLL] = "linux-cooked",
	[DECODE_LINK_SLL2] = "linux-cooked-v2",
	[DECODE_LINK_NULL] = "null",
	[DECODE_LINK_PPP] = "ppp",
	[DECODE_LINK_HDLC] = "cisco-hdlc",
	[DECODE_LINK_PPPOE] = "pppoe",
	[DECODE_LINK_WIFI] = "802.11",
	[DECODE_LINK_RADIOTAP] = "802.11-radiotap",
	[DECODE_LINK_ENC] = "enc",
	[DECODE_LINK_PFLOG] = "pflog",
	[DECODE_LINK_NFLOG] = "nflog",
};

_Static_assert(sizeof(capture_link_names) / sizeof(capture_link_names[0]) == DECODE_LINK_COUNT,
	"each link type has a name");

const char *
capture_link_name(enum decode_link link)
{
	return link < DECODE_LINK_COUNT ? capture_link_names[link] : "?";
}

const char *
capture_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard input" : path;
}

static int
capture_find_link(struct capture *c, char *why)
{
	int dlt = pcap_datalink(c->pcap);
	const char *name = pcap_datalink_val_to_name(dlt);

	for (size_t i = 0; i < sizeof(capture_links) / sizeof(capture_links[0]); i++) {
		if (capture_links[i].dlt == dlt) {
			c->link = capture_links[i].link;
			return 0;
		}
	}
	snprintf(why, CAPTURE_WHY_BYTES,
		"link type %d (%s) is not supported; smtap-replay(1) says which are", dlt,
		name ? name : "unknown");
	return -EINVAL;
}

/*
 * libpcap reads pcapng files of one link type only, and finds out at the first
 * packet that follows the description of an interface of another. It has no
 * code for that: only these words, the same since libpcap 1.1.
 */
static bool
capture_is_mixed(struct pcap *pcap)
{
	return strstr(pcap_geterr(pcap), "different from the type of the first interface") != NULL;
}

/* The file as a stream, with what can be said before libpcap looks at it. */
static FILE *
capture_open_file(struct capture *c, char *why)
{
	struct stat st;
	FILE *f = strcmp(c->path, "-") == 0 ? stdin : fopen(c->path, "rbe");

	if (!f || fstat(fileno(f), &st) != 0) {
		snprintf(why, CAPTURE_WHY_BYTES, "%s", strerror(errno));
		if (f)
			fclose(f);
		return NULL;
	}
	c->file_bytes = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	if (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0)) {
		snprintf(why, CAPTURE_WHY_BYTES, "%s",
			S_ISDIR(st.st_mode) ? "is a folder, not a capture"
					    : "is empty, not a capture");
		fclose(f);
		errno = EINVAL;
		return NULL;
	}
	setvbuf(f, NULL, _IOFBF, CAPTURE_BUFFER_BYTES);
	return f;
}

int
capture_open(struct capture *c, const char *path, char *why)
{
	char error[PCAP_ERRBUF_SIZE] = "";

	memset(c, 0, sizeof(*c));
	c->path = path;
	c->file = capture_open_file(c, why);
	if (!c->file)
		return -errno;
	c->pcap = pcap_fopen_offline_with_tstamp_precision(
		c->file, PCAP_TSTAMP_PRECISION_NANO, error);
	if (!c->pcap) {
		snprintf(why, CAPTURE_WHY_BYTES, "is not a pcap or pcapng capture (%s)", error);
		fclose(c->file);
		c->file = NULL;
		return -EINVAL;
	}
	int r = capture_find_link(c, why);
	if (r != 0)
		capture_close(c);
	return r;
}

void
capture_close(struct capture *c)
{
	if (c->pcap)
		pcap_close(c->pcap); /* closes the file too */
	c->pcap = NULL;
	c->file = NULL;
}

static uint64_t
capture_time_ns(const struct timeval *tv)
{
	if (tv->tv_sec < 0 || tv->tv_usec < 0)
		return 0;
	if ((uint64_t)tv->tv_sec >= CAPTURE_CLOCK_MAX_NS / NS_PER_S)
		return CAPTURE_CLOCK_MAX_NS;
	/* With the precision asked for, tv_usec counts nanoseconds. */
	return (uint64_t)tv->tv_sec * NS_PER_S + (uint64_t)tv->tv_usec % NS_PER_S;
}

int
capture_next(struct capture *c, struct capture_packet *packet, char *why)
{
	struct pcap_pkthdr *head;
	const u_char *data;
	int r = pcap_next_ex(c->pcap, &head, &data);

	if (r == PCAP_ERROR_BREAK)
		return 0;
	if (r != 1) {
		bool mixed = capture_is_mixed(c->pcap);
		snprintf(
			why, CAPTURE_WHY_BYTES, "%s", mixed ? CAPTURE_MIXED : pcap_geterr(c->pcap));
		return mixed ? -ENOTSUP : -EIO;
	}
	packet->data = data;
	packet->len = head->caplen;
	packet->time_ns = capture_time_ns(&head->ts);
	if (c->packets == 0)
		c->first_ns = packet->time_ns;
	c->last_ns = packet->time_ns;
	c->packets++;
	c->bytes += head->caplen;
	return 1;
}

int
capture_check(struct capture *c, const char *path, char *why)
{
	char damage[CAPTURE_WHY_BYTES];
	struct capture_packet packet;
	int r = capture_open(c, path, why);

	if (r != 0 || c->file_bytes == 0 || c->file == stdin)
		return r;
	/* Damage is told when the reading comes to it. */
	if (capture_next(c, &packet, damage) == -ENOTSUP) {
		snprintf(why, CAPTURE_WHY_BYTES, "%s", damage);
		r = -ENOTSUP;
	}
	capture_close(c);
	return r;
}

uint64_t
capture_position(const struct capture *c)
{
	long at = c->file ? ftell(c->file) : -1;

	return at < 0 ? 0 : (uint64_t)at;
}
