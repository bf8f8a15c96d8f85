/*
 * Theory of operation.
 *
 * Keeps: up to PAGES_MAX paths, each with a body or with who makes one, and a token if it is not
 * for everyone; and when each connection began. One thread answers, with libmicrohttpd's epoll set
 * (server.c). A renewed certificate is another server at the same socket: the one before takes no
 * more connections, and ends with its last one, which has PAGES_CONNECTION_S at most.
 *
 * Always holds: a body never changes. pages_put makes another, and the last answer that sends the
 * old one frees it. Nothing in the thread waits but for sockets: who makes a body has it ready.
 *
 * What an attacker would try: to hold connections without saying anything, or by saying a byte now
 * and then. One connection has one request, and PAGES_CONNECTION_S for all of it; when
 * PAGES_CONNECTIONS are there, the oldest makes room, so that an honest one, which takes
 * milliseconds, gets its answer. There is no bound for each address: all that is behind a proxy, or
 * on this host, has the same. Long headers: PAGES_MEMORY holds the request. To guess a token: it is
 * compared in the same time however much of it is right. What is sent with a request is not read,
 * whatever its method.
 */
#include "export/pages/pages.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "export/pages/listen.h"
#include "export/pages/server.h"

struct body {
	_Atomic unsigned users;
	char type[PAGES_TYPE_MAX];
	size_t len;
	char bytes[];
};

struct page {
	char path[PAGES_PATH_MAX];
	char token[PAGES_TOKEN_MAX]; /* empty: everyone may */
	const void *owner;           /* who claimed it last; NULL: nobody */
	struct body *body;           /* NULL: none, or it is made */
	pages_make_fn *make;         /* NULL: none */
	void *arg;
};

struct pages {
	int listener;
	int wake;
	struct tls_files tls; /* of the server that was started last */
	pthread_t thread;
	struct server *server;  /* the thread's, as is the next */
	struct server *leaving; /* it has the certificate of before; NULL: none */
	_Atomic uint64_t turns;
	pthread_mutex_t lock; /* of what follows */
	bool stop;
	struct server *next; /* to take the place of the one that runs; NULL: none */
	struct page pages[PAGES_MAX];
	unsigned count;
	struct pages_counters counters;
};

static struct body *
body_make(const char *type, const void *bytes, size_t len)
{
	struct body *b = malloc(sizeof(*b) + len);

	if (!b)
		return NULL;
	atomic_init(&b->users, 1);
	snprintf(b->type, sizeof(b->type), "%s", type);
	b->len = len;
	memcpy(b->bytes, bytes, len);
	return b;
}

/* Also called by libmicrohttpd, when an answer was sent. */
static void
body_drop(void *arg)
{
	struct body *b = arg;

	/* Release what was read of it -> acquire by who frees it. */
	if (b && atomic_fetch_sub_explicit(&b->users, 1, memory_order_acq_rel) == 1)
		free(b);
}

/* Under the lock. */
static struct page *
find(struct pages *p, const char *path)
{
	for (unsigned i = 0; i < p->count; i++)
		if (strcmp(p->pages[i].path, path) == 0)
			return &p->pages[i];
	return NULL;
}

/* Under the lock: a new one if need be; NULL: there is no room. */
static struct page *
find_or_add(struct pages *p, const char *path)
{
	struct page *page = find(p, path);

	if (page || p->count == PAGES_MAX || path[0] != '/' || strlen(path) >= PAGES_PATH_MAX)
		return page;
	page = &p->pages[p->count++];
	*page = (struct page){0};
	strcpy(page->path, path);
	return page;
}

int
pages_put(struct pages *p, const char *path, const char *type, const void *bytes, size_t len)
{
	struct body *body = body_make(type, bytes, len), *old = NULL;

	if (!body)
		return -ENOMEM;
	pthread_mutex_lock(&p->lock);
	struct page *page = find_or_add(p, path);
	if (page) {
		old = page->body;
		page->body = body;
	}
	pthread_mutex_unlock(&p->lock);
	body_drop(page ? old : body);
	return page ? 0 : -ENOSPC;
}

void
pages_remove(struct pages *p, const char *path, const void *owner)
{
	struct body *old = NULL;

	pthread_mutex_lock(&p->lock);
	struct page *page = find(p, path);
	if (page && page->owner == owner) {
		old = page->body;
		*page = p->pages[--p->count];
		explicit_bzero(&p->pages[p->count], sizeof(*page));
	}
	pthread_mutex_unlock(&p->lock);
	body_drop(old);
}

int
pages_make(struct pages *p, const char *path, pages_make_fn *make, void *arg)
{
	pthread_mutex_lock(&p->lock);
	struct page *page = find_or_add(p, path);
	if (page) {
		page->make = make;
		page->arg = arg;
	}
	pthread_mutex_unlock(&p->lock);
	return page ? 0 : -ENOSPC;
}

int
pages_claim(struct pages *p, const char *path, const void *owner, const char *token)
{
	if (token && (!token[0] || strlen(token) >= PAGES_TOKEN_MAX))
		return -EINVAL;
	pthread_mutex_lock(&p->lock);
	struct page *page = find_or_add(p, path);
	if (page) {
		page->owner = owner;
		/* Nothing of another, longer one stays. */
		explicit_bzero(page->token, sizeof(page->token));
		strcpy(page->token, token ? token : "");
	}
	pthread_mutex_unlock(&p->lock);
	return page ? 0 : -ENOSPC;
}

static bool
same_token(const char *given, const char *token)
{
	char padded[PAGES_TOKEN_MAX] = "";

	if (!given || strlen(given) >= sizeof(padded))
		return false;
	strcpy(padded, given);
	bool same = gnutls_memcmp(padded, token, sizeof(padded)) == 0;
	explicit_bzero(padded, sizeof(padded));
	return same;
}

static bool
may_read(struct MHD_Connection *c, const char token[PAGES_TOKEN_MAX])
{
	static const char bearer[] = "Bearer ";
	const char *header =
		MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
	char *password = NULL;

	if (!token[0])
		return true;
	if (header && strncasecmp(header, bearer, sizeof(bearer) - 1) == 0)
		return same_token(header + sizeof(bearer) - 1, token);
	char *user = MHD_basic_auth_get_username_password(c, &password);
	bool may = same_token(password, token);
	MHD_free(user);
	MHD_free(password);
	return may;
}

/* Sends it; the response is given away. */
static enum MHD_Result
send_response(
	struct MHD_Connection *c, unsigned status, const char *type, struct MHD_Response *response)
{
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(
			response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic realm=\"smtap\"");
	enum MHD_Result r = MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result
refuse(struct pages *p, struct MHD_Connection *c, unsigned status, const char *text)
{
	pthread_mutex_lock(&p->lock);
	p->counters.refused++;
	pthread_mutex_unlock(&p->lock);
	return send_response(c, status, "text/plain; charset=utf-8",
		MHD_create_response_from_buffer(
			strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result
send_made(struct MHD_Connection *c, const struct page *page)
{
	const char *accept =
		MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	struct pages_answer answer = {.status = MHD_HTTP_OK, .type = "text/plain"};

	page->make(page->arg, accept ? accept : "", &answer);
	if (!answer.body)
		return MHD_NO;
	return send_response(c, answer.status, answer.type,
		MHD_create_response_from_buffer(answer.len, answer.body, MHD_RESPMEM_MUST_FREE));
}

static enum MHD_Result
send_body(struct MHD_Connection *c, struct body *body)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
		body->len, body->bytes, body_drop, body);

	if (!response)
		body_drop(body);
	return send_response(c, MHD_HTTP_OK, body->type, response);
}

/* Called once the headers are there; what may follow them is not waited for. */
static enum MHD_Result
answer(void *arg, struct MHD_Connection *c, const char *path, const char *method,
	const char *version, const char *upload, size_t *upload_len, void **context)
{
	struct pages *p = arg;
	struct page page = {0};

	(void)version, (void)upload, (void)upload_len, (void)context;
	pthread_mutex_lock(&p->lock);
	p->counters.requests++;
	const struct page *found = find(p, path);
	if (found)
		page = *found;
	if (page.body)
		atomic_fetch_add_explicit(&page.body->users, 1, memory_order_relaxed);
	pthread_mutex_unlock(&p->lock);

	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	if (reads && may_read(c, page.token) && page.body)
		return send_body(c, page.body);
	body_drop(page.body);
	if (!reads)
		return refuse(p, c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (!may_read(c, page.token))
		return refuse(p, c, MHD_HTTP_UNAUTHORIZED, "a token is needed\n");
	if (page.make)
		return send_made(c, &page);
	return refuse(p, c, MHD_HTTP_NOT_FOUND, "there is no such page\n");
}

/* Is it to stop? Meanwhile another server may have come, in the place of the one that runs. */
static bool
look_around(struct pages *p)
{
	struct server *next;

	pthread_mutex_lock(&p->lock);
	bool stop = p->stop;
	next = p->next;
	p->next = NULL;
	pthread_mutex_unlock(&p->lock);
	if (next) {
		server_leave(p->server);
		server_stop(p->leaving);
		p->leaving = p->server;
		p->server = next;
	}
	if (p->leaving && server_is_idle(p->leaving)) {
		server_stop(p->leaving);
		p->leaving = NULL;
	}
	return stop;
}

static void
count_cut(struct pages *p, unsigned n)
{
	if (n == 0)
		return;
	pthread_mutex_lock(&p->lock);
	p->counters.cut += n;
	pthread_mutex_unlock(&p->lock);
}

static void *
run(void *arg)
{
	struct pages *p = arg;
	eventfd_t times;

	while (!look_around(p)) {
		struct pollfd fds[3] = {{.fd = server_fd(p->server), .events = POLLIN},
			{.fd = p->wake, .events = POLLIN},
			{.fd = p->leaving ? server_fd(p->leaving) : -1, .events = POLLIN}};
		int ms = server_wait_ms(p->server);
		int also_ms = p->leaving ? server_wait_ms(p->leaving) : ms;

		if (poll(fds, 3, ms < also_ms ? ms : also_ms) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			eventfd_read(p->wake, &times);
		count_cut(p, server_turn(p->server));
		if (p->leaving)
			count_cut(p, server_turn(p->leaving));
		atomic_fetch_add_explicit(&p->turns, 1, memory_order_relaxed);
	}
	return NULL;
}

static int
start_server(struct pages *p, const struct tls_files *tls, struct server **out)
{
	const struct server_options options = {
		.listener = p->listener, .tls = tls, .answer = answer, .arg = p};

	return server_start(out, &options);
}

static int
start_thread(struct pages *p)
{
	sigset_t all, old;

	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake < 0)
		return -errno;
	/* Signals are for the main thread. */
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* a refused call is to be told (confine/) */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int r = -pthread_create(&p->thread, NULL, run, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

static void
give_up(struct pages *p)
{
	server_stop(p->server);
	server_stop(p->leaving);
	server_stop(p->next);
	tls_files_free(&p->tls);
	if (p->listener >= 0)
		close(p->listener);
	if (p->wake >= 0)
		close(p->wake);
	for (unsigned i = 0; i < p->count; i++)
		body_drop(p->pages[i].body);
	explicit_bzero(p->pages, sizeof(p->pages));
	pthread_mutex_destroy(&p->lock);
	free(p);
}

int
pages_open(struct pages **out, const struct pages_options *options, char *why, size_t why_len)
{
	struct pages *p = calloc(1, sizeof(*p));
	int r;

	*out = NULL;
	if (!p) {
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	p->wake = p->listener = -1;
	pthread_mutex_init(&p->lock, NULL);
	r = tls_files_read(&p->tls, options->cert_file, options->key_file, why, why_len);
	if (r == 0)
		p->listener = r = listen_open(options->listen, why, why_len);
	if (r >= 0) {
		r = start_server(p, &p->tls, &p->server);
		if (r == 0)
			r = start_thread(p);
		if (r != 0)
			snprintf(
				why, why_len, "http.listen: %s: %s", options->listen, strerror(-r));
	}
	if (r == 0)
		*out = p;
	else
		give_up(p);
	return r;
}

int
pages_renew(struct pages *p, const char *cert_file, const char *key_file, char *why, size_t why_len)
{
	struct tls_files tls;
	struct server *next = NULL;
	int r = tls_files_read(&tls, cert_file, key_file, why, why_len);

	if (r != 0)
		return r;
	if (!tls.key || !p->tls.key ||
		(strcmp(tls.cert, p->tls.cert) == 0 && strcmp(tls.key, p->tls.key) == 0)) {
		tls_files_free(&tls);
		return 0;
	}
	r = start_server(p, &tls, &next);
	if (r != 0) {
		tls_files_free(&tls);
		snprintf(why, why_len, "http.cert_file: %s: %s", cert_file, strerror(-r));
		return r;
	}
	tls_files_free(&p->tls);
	p->tls = tls;
	pthread_mutex_lock(&p->lock);
	struct server *before = p->next;
	p->next = next;
	pthread_mutex_unlock(&p->lock);
	server_stop(before);
	eventfd_write(p->wake, 1);
	return 0;
}

int
pages_try(const char *cert_file, const char *key_file, char *why, size_t why_len)
{
	struct tls_files tls;
	int r = tls_files_read(&tls, cert_file, key_file, why, why_len);

	if (r == 0)
		tls_files_free(&tls);
	return r;
}

void
pages_counters(struct pages *p, struct pages_counters *out)
{
	pthread_mutex_lock(&p->lock);
	*out = p->counters;
	pthread_mutex_unlock(&p->lock);
}

uint64_t
pages_turns(const struct pages *p)
{
	return atomic_load_explicit(&p->turns, memory_order_relaxed);
}

unsigned
pages_port(const struct pages *p)
{
	return listen_port(p->listener);
}

void
pages_close(struct pages *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_mutex_unlock(&p->lock);
	eventfd_write(p->wake, 1);
	pthread_join(p->thread, NULL);
	give_up(p);
}
