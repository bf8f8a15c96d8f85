/*
 * Private to pages: a server of libmicrohttpd with its connections, run by one thread. With TLS it
 * has its certificate for life: who renews that starts another at the same socket.
 */
#ifndef SMTAP_EXPORT_PAGES_SERVER_H
#define SMTAP_EXPORT_PAGES_SERVER_H

#include <microhttpd.h>
#include <stdbool.h>

#include "export/pages/listen.h"

struct server;

struct server_options {
	int listener; /* copied */
	const struct tls_files *tls;
	MHD_AccessHandlerCallback answer;
	void *arg;
};

/* 0, or -errno. */
int server_start(struct server **out, const struct server_options *options);

/* What becomes readable when it has something to do, and in how many ms that is at the latest. */
int server_fd(const struct server *server);
int server_wait_ms(const struct server *server);

/* How many connections were cut meanwhile. */
unsigned server_turn(struct server *server);

/* It takes no more connections; those that are there go on. */
void server_leave(struct server *server);

bool server_is_idle(const struct server *server);

/* NULL is nothing. */
void server_stop(struct server *server);

#endif
