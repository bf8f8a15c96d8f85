/*
 * pages: what smtap-export serves over HTTP (libmicrohttpd): /metrics, /healthz, and what sinks
 * put there, as an external dynamic list. Bodies are replaced as a whole; a request sees the old
 * one or the new one.
 */
#ifndef SMTAP_EXPORT_PAGES_PAGES_H
#define SMTAP_EXPORT_PAGES_PAGES_H

#include <stddef.h>

struct pages;

/* A path that starts with /; type as in Content-Type. Copied. 0, or -ENOMEM, -ENOSPC. Thread-safe.
 */
int pages_put(
	struct pages *pages, const char *path, const char *type, const void *body, size_t len);

#endif
