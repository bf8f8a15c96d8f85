/*
 * capture: a capture file, packet by packet. pcap (us, ns) and pcapng by
 * libpcap; no EAL here.
 */
#ifndef SMTAP_DATAPLANE_IO_CAPTURE_H
#define SMTAP_DATAPLANE_IO_CAPTURE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "dataplane/decode/decode.h"

#define CAPTURE_WHY_BYTES 512

struct pcap;

struct capture {
	const char *path;  /* the caller's; "-" is standard input */
	struct pcap *pcap; /* NULL while closed */
	FILE *file;        /* pcap's */
	uint64_t file_bytes;
	enum decode_link link;
	/* what was read so far */
	uint64_t packets;
	uint64_t bytes;
	uint64_t first_ns;
	uint64_t last_ns;
};

struct capture_packet {
	const uint8_t *data; /* until the next call */
	uint32_t len;
	uint64_t time_ns;
};

/*
 * Open and look at the header. 0, or -errno / -EINVAL with what is wrong in why
 * (CAPTURE_WHY_BYTES; without the file's name).
 */
int capture_open(struct capture *c, const char *path, char *why);

/*
 * As capture_open, and close again what can be opened a second time, so that
 * any number of files can be checked before the first is read.
 */
int capture_check(struct capture *c, const char *path, char *why);

void capture_close(struct capture *c);

/*
 * 1: a packet; 0: the end; with the reason in why, -EIO: damaged, -ENOTSUP: an
 * interface of another link type follows.
 */
int capture_next(struct capture *c, struct capture_packet *packet, char *why);

/* Bytes of the file read so far; 0 when it has no place (a pipe). */
uint64_t capture_position(const struct capture *c);

/* What messages call a capture: its path, or "standard input". */
const char *capture_name(const char *path);

/* "ethernet", "ip", ... */
const char *capture_link_name(enum decode_link link);

#endif
