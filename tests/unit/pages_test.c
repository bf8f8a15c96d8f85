/* What is served over HTTP, and who cannot disturb whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "export/pages/pages.h"

#define WAIT_MS 20000 /* a machine may be busy; nothing takes that long */
#define HEARD_MAX 16384

struct site {
	struct pages *pages;
	unsigned port;
	char heard[HEARD_MAX];
};

static struct pages *
opened(const char *listen)
{
	const struct pages_options o = {.listen = listen, .cert_file = "", .key_file = ""};
	struct pages *pages;
	char why[512] = "";

	if (pages_open(&pages, &o, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	return pages;
}

static int
set_up(void **state)
{
	struct site *s = calloc(1, sizeof(*s));

	s->pages = opened("127.0.0.1:0");
	s->port = pages_port(s->pages);
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	struct site *s = *state;

	pages_close(s->pages);
	free(s);
	return 0;
}

/* From an address of this machine, so that it is another client. */
static int
connected_from(const struct site *s, const char *address)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, address, &from.sin_addr);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* All until the other end closes, which it does after one answer. */
static const char *
hear(struct site *s, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	ssize_t n;

	do {
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		n = recv(fd, s->heard + len, sizeof(s->heard) - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && len < sizeof(s->heard) - 1);
	s->heard[len] = '\0';
	close(fd);
	return s->heard;
}

static const char *
ask(struct site *s, const char *method, const char *path, const char *headers)
{
	char request[1024];
	int fd = connected_from(s, "127.0.0.1");
	int n = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method,
		path, headers);

	assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
	return hear(s, fd);
}

static const char *
body_of(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");

	return end ? end + 4 : "(no end of headers)";
}

static void
assert_status(const char *answer, const char *status)
{
	if (strncmp(answer + strlen("HTTP/1.1 "), status, strlen(status)) != 0)
		fail_msg("not %s: %s", status, answer);
}

static void
put(struct site *s, const char *path, const char *text)
{
	assert_int_equal(pages_put(s->pages, path, "text/plain", text, strlen(text)), 0);
}

static void
a_page_is_what_was_put_there_last(void **state)
{
	struct site *s = *state;

	put(s, "/list", "192.0.2.1\n");
	const char *answer = ask(s, "GET", "/list", "");
	assert_status(answer, "200");
	assert_non_null(strstr(answer, "Content-Type: text/plain\r\n"));
	assert_non_null(strstr(answer, "Cache-Control: no-store\r\n"));
	assert_string_equal(body_of(answer), "192.0.2.1\n");
	put(s, "/list", "");
	assert_string_equal(body_of(ask(s, "GET", "/list", "")), "");
}

static void
a_page_that_was_removed_is_not_there(void **state)
{
	struct site *s = *state;

	put(s, "/one", "1");
	put(s, "/two", "2");
	assert_int_equal(pages_claim(s->pages, "/one", s, "s3cret"), 0);
	pages_remove(s->pages, "/one", s);
	pages_remove(s->pages, "/none", s);
	assert_status(ask(s, "GET", "/one", ""), "404");
	assert_string_equal(body_of(ask(s, "GET", "/two", "")), "2");
	put(s, "/one", "new");
	assert_string_equal(body_of(ask(s, "GET", "/one", "")), "new");
}

static void
a_page_stays_when_another_claims_it_before_its_owner_goes(void **state)
{
	struct site *s = *state;
	const char before = 0, after = 0;

	assert_int_equal(pages_claim(s->pages, "/list", &before, "s3cret-of-before"), 0);
	put(s, "/list", "192.0.2.1\n");
	assert_int_equal(pages_claim(s->pages, "/list", &after, "other"), 0);
	pages_remove(s->pages, "/list", &before);
	assert_status(ask(s, "GET", "/list", "Authorization: Bearer s3cret-of-before\r\n"), "401");
	assert_status(ask(s, "GET", "/list", "Authorization: Bearer other\r\n"), "200");
	assert_string_equal(body_of(s->heard), "192.0.2.1\n");
	assert_int_equal(pages_claim(s->pages, "/list", &after, NULL), 0);
	assert_status(ask(s, "GET", "/list", ""), "200");
	pages_remove(s->pages, "/list", &after);
	assert_status(ask(s, "GET", "/list", ""), "404");
}

static void
head_has_the_length_and_no_body(void **state)
{
	struct site *s = *state;

	put(s, "/list", "192.0.2.1\n");
	const char *answer = ask(s, "HEAD", "/list", "");
	assert_status(answer, "200");
	assert_non_null(strstr(answer, "Content-Length: 10\r\n"));
	assert_string_equal(body_of(answer), "");
}

static void
only_what_is_there_is_read_and_nothing_is_written(void **state)
{
	struct site *s = *state;
	struct pages_counters counters;

	put(s, "/list", "x");
	assert_status(ask(s, "GET", "/other", ""), "404");
	assert_status(ask(s, "GET", "/list/../list/", ""), "404");
	assert_status(ask(s, "POST", "/list", "Content-Length: 0\r\n"), "405");
	assert_non_null(strstr(s->heard, "Allow: GET, HEAD\r\n"));
	/* What it would send is not waited for. */
	assert_status(ask(s, "PUT", "/list", "Content-Length: 1000000\r\n"), "405");
	assert_string_equal(body_of(ask(s, "GET", "/list", "")), "x");
	pages_counters(s->pages, &counters);
	assert_int_equal(counters.requests, 5);
	assert_int_equal(counters.refused, 4);
}

static void
make_it(void *arg, const char *accept, struct pages_answer *answer)
{
	unsigned *times = arg;

	answer->status = 503;
	answer->type = "application/json";
	answer->len = (size_t)asprintf(&answer->body, "%u %s", ++*times, accept);
}

static void
a_page_may_be_made_for_each_request(void **state)
{
	struct site *s = *state;
	unsigned times = 0;

	assert_int_equal(pages_make(s->pages, "/made", make_it, &times), 0);
	assert_string_equal(body_of(ask(s, "GET", "/made", "Accept: a/b\r\n")), "1 a/b");
	const char *answer = ask(s, "GET", "/made", "");
	assert_status(answer, "503");
	assert_non_null(strstr(answer, "Content-Type: application/json\r\n"));
	assert_string_equal(body_of(answer), "2 ");
}

static void
a_guarded_page_needs_its_token(void **state)
{
	struct site *s = *state;

	assert_int_equal(pages_claim(s->pages, "/list", s, ""), -EINVAL);
	assert_int_equal(pages_claim(s->pages, "/list", s, "s3cret"), 0);
	put(s, "/list", "192.0.2.1\n");
	assert_status(ask(s, "GET", "/list", ""), "401");
	assert_non_null(strstr(s->heard, "WWW-Authenticate: Basic"));
	assert_null(strstr(s->heard, "192.0.2.1"));
	assert_status(ask(s, "GET", "/list", "Authorization: Bearer s3cre\r\n"), "401");
	assert_status(ask(s, "GET", "/list", "Authorization: Bearer s3cret2\r\n"), "401");
	assert_status(ask(s, "GET", "/list", "Authorization: Bearer \r\n"), "401");
	/* fw:wrong */
	assert_status(ask(s, "GET", "/list", "Authorization: Basic Znc6d3Jvbmc=\r\n"), "401");
	assert_status(ask(s, "GET", "/list", "Authorization: Bearer s3cret\r\n"), "200");
	/* fw:s3cret, as firewalls do it */
	assert_status(ask(s, "GET", "/list", "Authorization: Basic Znc6czNjcmV0\r\n"), "200");
	assert_string_equal(body_of(s->heard), "192.0.2.1\n");
}

static void
who_says_nothing_makes_room(void **state)
{
	struct site *s = *state;
	int silent[PAGES_CONNECTIONS + 32]; /* these are not even accepted yet */
	const unsigned n = sizeof(silent) / sizeof(silent[0]);
	struct pages_counters counters;

	put(s, "/list", "x");
	/* Each says a byte of a request, and no more; all from the address of the one that asks, as
	   behind a proxy, or on this host. */
	for (unsigned i = 0; i < n; i++) {
		silent[i] = connected_from(s, "127.0.0.1");
		assert_int_equal(send(silent[i], "G", 1, MSG_NOSIGNAL), 1);
	}
	assert_string_equal(body_of(ask(s, "GET", "/list", "")), "x");
	assert_string_equal(hear(s, silent[0]), ""); /* it was closed */
	pages_counters(s->pages, &counters);
	assert_in_range(counters.cut, 33, 35);
	for (unsigned i = 1; i < n; i++)
		close(silent[i]);
}

static void
a_request_has_a_bound(void **state)
{
	struct site *s = *state;
	int fd = connected_from(s, "127.0.0.1");
	char more[1024];

	memset(more, 'a', sizeof(more));
	send(fd, "GET /", 5, MSG_NOSIGNAL);
	for (unsigned i = 0; i < 100; i++)
		if (send(fd, more, sizeof(more), MSG_NOSIGNAL) < 0)
			break;
	const char *answer = hear(s, fd);
	/* Refused, or cut off in the middle of what it still said. */
	assert_true(answer[0] == '\0' || answer[strlen("HTTP/1.1 ")] == '4');
	put(s, "/list", "x");
	assert_string_equal(body_of(ask(s, "GET", "/list", "")), "x");
}

static void
paths_have_a_bound(void **state)
{
	struct site *s = *state;
	char path[200];

	for (unsigned i = 0; i < PAGES_MAX; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		put(s, path, path);
	}
	assert_int_equal(pages_put(s->pages, "/more", "text/plain", "", 0), -ENOSPC);
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(pages_put(s->pages, path, "text/plain", "", 0), -ENOSPC);
	assert_string_equal(body_of(ask(s, "GET", "/63", "")), "/63");
}

static void
refused(const char *listen, int error, const char *word)
{
	const struct pages_options o = {.listen = listen, .cert_file = "", .key_file = ""};
	struct pages *pages;
	char why[512] = "";

	assert_int_equal(pages_open(&pages, &o, why, sizeof(why)), error);
	assert_null(pages);
	if (!strstr(why, word) || strchr(why, '\n') || !strstr(why, "http.listen"))
		fail_msg("%s: %s", listen, why);
}

static void
where_it_cannot_listen_is_told_in_a_line(void **state)
{
	struct site *s = *state;
	char taken[32];

	snprintf(taken, sizeof(taken), "127.0.0.1:%u", s->port);
	refused(taken, -EADDRINUSE, "another program listens there");
	refused("192.0.2.1:9925", -EADDRNOTAVAIL, "192.0.2.1");
	refused("localhost:9925", -EINVAL, "such as");
	refused("127.0.0.1", -EINVAL, "such as");
	refused("127.0.0.1:", -EINVAL, "such as");
	refused("127.0.0.1:x", -EINVAL, "such as");
	refused("127.0.0.1:65536", -EINVAL, "such as");
	refused("::1:9925", -EINVAL, "such as");
	refused("[]:9925", -EINVAL, "such as");
	refused("", -EINVAL, "such as");
}

static void
files_of_tls_that_are_wrong_are_told(void **state)
{
	struct pages_options o = {
		.listen = "127.0.0.1:0", .cert_file = "/nonexistent/c.pem", .key_file = ""};
	struct pages *pages;
	char why[512] = "";

	(void)state;
	assert_int_equal(pages_open(&pages, &o, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "both are needed"));
	o.key_file = "/nonexistent/k.pem";
	assert_int_equal(pages_open(&pages, &o, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "http.cert_file: /nonexistent/c.pem: No such file"));
}

static void
it_listens_to_ipv6_and_to_all(void **state)
{
	static const char *const where[] = {"[::1]:0", "*:0"};

	(void)state;
	if (access("/proc/net/if_inet6", F_OK) != 0)
		skip();
	for (unsigned i = 0; i < 2; i++) {
		struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
		struct site s = {.pages = opened(where[i])};
		int fd = socket(AF_INET6, SOCK_STREAM, 0);

		s.port = pages_port(s.pages);
		to.sin6_port = htons((uint16_t)s.port);
		put(&s, "/list", "six");
		assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
		send(fd, "GET /list HTTP/1.0\r\n\r\n", 22, MSG_NOSIGNAL);
		assert_string_equal(body_of(hear(&s, fd)), "six");
		if (where[i][0] == '*')
			assert_string_equal(body_of(ask(&s, "GET", "/list", "")), "six");
		pages_close(s.pages);
	}
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_page_is_what_was_put_there_last),
		T(a_page_that_was_removed_is_not_there),
		T(a_page_stays_when_another_claims_it_before_its_owner_goes),
		T(head_has_the_length_and_no_body),
		T(only_what_is_there_is_read_and_nothing_is_written),
		T(a_page_may_be_made_for_each_request),
		T(a_guarded_page_needs_its_token),
		T(who_says_nothing_makes_room),
		T(a_request_has_a_bound),
		T(paths_have_a_bound),
		T(where_it_cannot_listen_is_told_in_a_line),
		cmocka_unit_test(files_of_tls_that_are_wrong_are_told),
		cmocka_unit_test(it_listens_to_ipv6_and_to_all),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
