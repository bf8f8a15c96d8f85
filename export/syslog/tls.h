/* tls: TLS for a log server (RFC 5425), with GnuTLS, on a socket that does not block. */
#ifndef SMTAP_EXPORT_SYSLOG_TLS_H
#define SMTAP_EXPORT_SYSLOG_TLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "export/syslog/link.h"

struct tls;

/*
 * What has to be right before anybody is connected to: the files. 0, or -errno with one sentence.
 * They are read again for each connection, so that a new certificate needs no restart.
 */
int tls_check_files(const struct link_options *options, char why[SINK_WHY_MAX]);

/* Handshake on fd, which stays the caller's. */
int tls_open(struct tls **out, const struct link_options *options, int fd, uint64_t deadline,
	char why[SINK_WHY_MAX]);

/* Bytes taken; -EAGAIN: poll for *events; or another -errno with a sentence. */
ssize_t tls_write(
	struct tls *tls, const void *data, size_t len, short *events, char why[SINK_WHY_MAX]);

/* 1: something came, and is dropped; -EAGAIN: nothing; 0: the other side ended it; -errno. */
int tls_read(struct tls *tls, char why[SINK_WHY_MAX]);

/* Says that nothing more comes. 0, -EAGAIN or -errno. */
int tls_end(struct tls *tls);

void tls_free(struct tls *tls);

#endif
