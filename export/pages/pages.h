/*
 * pages: what smtap-export serves over HTTP (libmicrohttpd): /metrics, /healthz, and what sinks
 * put there, as an external dynamic list. Bodies are replaced as a whole; a request sees the old
 * one or the new one.
 */
#ifndef SMTAP_EXPORT_PAGES_PAGES_H
#define SMTAP_EXPORT_PAGES_PAGES_H

#include <stddef.h>
#include <stdint.h>

#define PAGES_MAX 96u          /* paths: of all exporters before a reload and after it */
#define PAGES_PATH_MAX 128u    /* bytes, with the NUL */
#define PAGES_TYPE_MAX 96u     /* the same, of a content type */
#define PAGES_TOKEN_MAX 256u   /* the same, of a token */
#define PAGES_CONNECTIONS 64u  /* at a time; one more takes the place of the oldest */
#define PAGES_MEMORY 16384u    /* bytes for the request of one */
#define PAGES_CONNECTION_S 30u /* all of one request, TLS and its answer among it */
#define PAGES_SILENCE_S 10u    /* of one side, meanwhile */

/* X(field, "name", COUNTER or GAUGE, "unit", "help") */
#define PAGES_COUNTERS(X)                                                                          \
	X(requests, "http_requests", COUNTER, "requests", "Requests that were answered over HTTP") \
	X(refused, "http_refused", COUNTER, "requests",                                            \
		"Of these, refused: no such page, another method than GET or HEAD, no right "      \
		"token")                                                                           \
	X(cut, "http_cut", COUNTER, "connections",                                                 \
		"Connections that took too long, or made room for a new one, and were closed")

struct pages_counters {
#define X(field, name, kind, unit, help) uint64_t field;
	PAGES_COUNTERS(X)
#undef X
};

struct pages;

struct pages_options {
	const char *listen;    /* 127.0.0.1:9925, [::1]:9925, or *:9925 for all addresses */
	const char *cert_file; /* PEM; with key_file: TLS; both empty: none */
	const char *key_file;
};

/* Listens, and answers from a thread of its own. 0; or -errno with one sentence in why. */
int pages_open(struct pages **out, const struct pages_options *options, char *why, size_t why_len);

/* A path that starts with /; type as in Content-Type. Copied. 0, or -ENOMEM, -ENOSPC. Thread-safe.
 */
int pages_put(
	struct pages *pages, const char *path, const char *type, const void *body, size_t len);

/* There is no such page any more, and nobody needs a token for it; unless somebody else than owner
 * claimed it since. Thread-safe. */
void pages_remove(struct pages *pages, const char *path, const void *owner);

/* What is made anew for each request; body: from malloc, given away. */
struct pages_answer {
	unsigned status; /* 200, if it is not set */
	const char *type;
	char *body; /* NULL: out of memory */
	size_t len;
};

/* accept: the request's header of that name, or "". Called in the thread that answers: it may not
 * wait for anything. */
typedef void pages_make_fn(void *arg, const char *accept, struct pages_answer *answer);

/* The same results as pages_put. arg is borrowed until pages_close. */
int pages_make(struct pages *pages, const char *path, pages_make_fn *make, void *arg);

/*
 * The page is owner's from now on; what is there stays until another body is put. token: from now
 * on, and before there is a body as well, only who knows it reads that path: as a bearer token, or
 * as the password of any user; NULL: everybody does. Copied. 0, -ENOSPC, or -EINVAL: the token is
 * empty or too long. Thread-safe.
 */
int pages_claim(struct pages *pages, const char *path, const void *owner, const char *token);

/*
 * New connections get the certificate that is in these files by now; it stays what it was if they
 * are wrong, which why says, and where there is no TLS. 0, or -errno. From one thread.
 */
int pages_renew(struct pages *pages, const char *cert_file, const char *key_file, char *why,
	size_t why_len);

/* Would they be taken? The same results. */
int pages_try(const char *cert_file, const char *key_file, char *why, size_t why_len);

void pages_counters(struct pages *pages, struct pages_counters *out);

/* Changes at least each second as long as the thread turns. */
uint64_t pages_turns(const struct pages *pages);

/* The port that it listens to. */
unsigned pages_port(const struct pages *pages);

/* NULL is nothing. */
void pages_close(struct pages *pages);

#endif
