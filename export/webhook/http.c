#include "export/webhook/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <nettle/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/sink/secret.h"
#include "export/webhook/url.h"

#ifndef SMTAP_VERSION
#define SMTAP_VERSION "0"
#endif

#define SECRETS_MAX 4
#define HEADER_MAX (SECRET_MAX + 256)

struct http {
	CURL *curl;
	struct curl_slist *headers; /* owned; of each request */
	struct url url;
	char *secrets[SECRETS_MAX]; /* owned; what no message may repeat */
	unsigned secret_count;
	char *answer; /* HTTP_ANSWER_MAX + 1 bytes */
	size_t answer_len;
	bool answer_long;
	char error[CURL_ERROR_SIZE];
};

/* -ENOMEM, or 0. */
static int
keep_secret(struct http *h, const char *text)
{
	/* A word of one or two letters would be found in any answer. */
	if (strlen(text) < 3 || h->secret_count == SECRETS_MAX)
		return 0;
	h->secrets[h->secret_count] = strdup(text);
	return h->secrets[h->secret_count] ? (h->secret_count++, 0) : -ENOMEM;
}

static int
add_header(struct http *h, const char *line)
{
	struct curl_slist *more = curl_slist_append(h->headers, line);

	if (!more)
		return -ENOMEM;
	h->headers = more;
	return 0;
}

/* Name: value, with nothing in it that ends a header, nor what others set. */
static int
check_header(const char *line, char why[SINK_WHY_MAX])
{
	static const char *const ours[] = {"Authorization", "Content-Length", "Transfer-Encoding",
		"Proxy-Authorization", "Smtap-Seq"};
	size_t name = strcspn(line, ":");

	for (const char *p = line; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			name = 0;
	for (size_t i = 0; i < name; i++)
		if (line[i] == ' ')
			name = 0;
	if (name == 0 || line[name] != ':') {
		snprintf(why, SINK_WHY_MAX, "headers: expected 'Name: value'");
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (strlen(ours[i]) != name || strncasecmp(line, ours[i], name) != 0)
			continue;
		snprintf(why, SINK_WHY_MAX,
			"headers: %s is not set here (a token goes into token_file)", ours[i]);
		return -EINVAL;
	}
	return 0;
}

static int
put_token(
	struct http *h, const struct config_exporter *e, const char *scheme, char why[SINK_WHY_MAX])
{
	const char *file = config_exporter_text(e, "token_file");
	const char *header = config_exporter_text(e, "token_header");
	const char *given = config_exporter_text(e, "token_scheme");
	char token[SECRET_MAX], line[HEADER_MAX];
	int n, error;

	if (!file[0])
		return 0;
	if (given[0])
		scheme = given;
	else if (strcasecmp(header, "Authorization") != 0)
		scheme = "";
	error = secret_read("token_file", file, token, why);
	if (error)
		return error;
	n = snprintf(line, sizeof(line), "%s: %s%s%s", header, scheme, scheme[0] ? " " : "", token);
	if (strspn(header, ":\r\n ") > 0 || strpbrk(header, ":\r\n ") || strpbrk(given, "\r\n") ||
		n < 0 || (size_t)n >= sizeof(line)) {
		snprintf(why, SINK_WHY_MAX, "token_header: expected the name of a header");
		error = -EINVAL;
	}
	if (!error)
		error = keep_secret(h, token);
	if (!error)
		error = add_header(h, line);
	secret_wipe(token, sizeof(token));
	secret_wipe(line, sizeof(line));
	return error;
}

static int
put_password(struct http *h, const struct config_exporter *e, char why[SINK_WHY_MAX])
{
	const char *user = config_exporter_text(e, "username");
	const char *file = config_exporter_text(e, "password_file");
	char password[SECRET_MAX], plain[SECRET_MAX + 256];
	char line[BASE64_ENCODE_RAW_LENGTH(sizeof(plain)) + 64];
	static const char start[] = "Authorization: Basic ";
	int n, error;

	if (!user[0])
		return 0;
	if (strchr(user, ':')) {
		snprintf(why, SINK_WHY_MAX, "username %.200s: it may have no ':'", user);
		return -EINVAL;
	}
	error = secret_read("password_file", file, password, why);
	if (error)
		return error;
	n = snprintf(plain, sizeof(plain), "%s:%s", user, password);
	n = n < (int)sizeof(plain) ? n : (int)sizeof(plain) - 1;
	strcpy(line, start);
	base64_encode_raw(line + strlen(start), (size_t)n, (const uint8_t *)plain);
	line[strlen(start) + BASE64_ENCODE_RAW_LENGTH((size_t)n)] = '\0';
	error = keep_secret(h, password);
	if (!error)
		error = keep_secret(h, line + strlen(start));
	if (!error)
		error = add_header(h, line);
	secret_wipe(password, sizeof(password));
	secret_wipe(plain, sizeof(plain));
	secret_wipe(line, sizeof(line));
	return error;
}

static int
put_headers(struct http *h, const struct config_exporter *e, const struct http_options *o,
	char why[SINK_WHY_MAX])
{
	const char *line = NULL;
	char type[128];
	int error;

	snprintf(type, sizeof(type), "Content-Type: %s", o->content_type);
	/* No answer is waited for before the body is sent. */
	error = add_header(h, "Expect:");
	if (!error)
		error = add_header(h, type);
	if (!error)
		error = put_token(h, e, o->token_scheme, why);
	if (!error)
		error = put_password(h, e, why);
	while (!error && (line = config_exporter_next(e, "headers", line))) {
		error = check_header(line, why);
		if (!error)
			error = add_header(h, line);
	}
	return error;
}

/* Nothing secret goes over the wire in clear, but to this host itself without a proxy. */
static int
check_secrecy(const struct http *h, const struct config_exporter *e, char why[SINK_WHY_MAX])
{
	static const char *const keys[] = {"token_file", "password_file", "url_file"};

	if (h->url.https || (h->url.loopback && !config_exporter_text(e, "proxy")[0]))
		return 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!config_exporter_text(e, keys[i])[0])
			continue;
		snprintf(why, SINK_WHY_MAX,
			"%s: to %s it would go in clear; only https:// keeps it secret", keys[i],
			h->url.shown);
		return -EINVAL;
	}
	return 0;
}

static size_t
on_body(char *data, size_t one, size_t len, void *arg)
{
	struct http *h = arg;

	(void)one;
	if (len > HTTP_ANSWER_MAX - h->answer_len) {
		h->answer_long = true;
		return 0;
	}
	memcpy(h->answer + h->answer_len, data, len);
	h->answer_len += len;
	return len;
}

static void
set_file(CURL *c, CURLoption option, const struct config_exporter *e, const char *key)
{
	const char *path = config_exporter_text(e, key);

	if (path[0])
		curl_easy_setopt(c, option, path);
}

static int
set_proxy(CURL *c, const struct config_exporter *e, char why[SINK_WHY_MAX])
{
	const char *proxy = config_exporter_text(e, "proxy");
	struct url url;
	int error = proxy[0] ? url_read(&url, "proxy", proxy, why) : 0;

	/* "" stands for none, whatever the environment says. */
	curl_easy_setopt(c, CURLOPT_PROXY, proxy);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "");
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	return error;
}

static int
set_options(
	struct http *h, const struct config_exporter *e, const char *url, char why[SINK_WHY_MAX])
{
	CURL *c = h->curl;

	if (curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
		curl_easy_setopt(c, CURLOPT_URL, url) != CURLE_OK ||
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->headers) != CURLE_OK ||
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK ||
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK ||
		curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) !=
			CURLE_OK) {
		snprintf(why, SINK_WHY_MAX, "this libcurl lacks what is needed");
		return -ENOTSUP;
	}
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	/* Else a name server that does not answer is waited for, however long that is. */
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "smtap/" SMTAP_VERSION);
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	if (config_exporter_number(e, "method") == 1)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, "PUT");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
	set_file(c, CURLOPT_CAINFO, e, "ca_file");
	set_file(c, CURLOPT_SSLCERT, e, "cert_file");
	set_file(c, CURLOPT_SSLKEY, e, "key_file");
	return set_proxy(c, e, why);
}

/* What follows host and port may be a secret: some services tell their clients apart by it. */
static const char *
tail_of(const char *url)
{
	const char *host = strstr(url, "://");
	const char *tail = host ? strpbrk(host + 3, "/?#") : NULL;

	return tail && strlen(tail) > 1 ? tail : "";
}

static int
fill(struct http *h, const struct config_exporter *e, const struct http_options *o,
	char why[SINK_WHY_MAX])
{
	int error = url_read(&h->url, o->url_key, o->url, why);

	if (!error)
		error = keep_secret(h, tail_of(o->url));
	if (!error)
		error = check_secrecy(h, e, why);
	if (!error)
		error = secret_check_tls_of(e, why);
	if (!error)
		error = put_headers(h, e, o, why);
	if (!error)
		error = set_options(h, e, o->url, why);
	return error;
}

int
http_open(struct http **out, const struct config_exporter *e, const struct http_options *o,
	char why[SINK_WHY_MAX])
{
	struct http *h = calloc(1, sizeof(*h));
	int error = -ENOMEM;

	snprintf(why, SINK_WHY_MAX, "out of memory");
	if (h && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
		h->curl = curl_easy_init();
		h->answer = malloc(HTTP_ANSWER_MAX + 1);
		if (h->curl && h->answer)
			error = fill(h, e, o, why);
	}
	if (error) {
		http_close(h);
		return error;
	}
	*out = h;
	return 0;
}

static void
free_headers(struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h; h = h->next)
		secret_wipe(h->data, strlen(h->data));
	curl_slist_free_all(headers);
}

void
http_close(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	free_headers(h->headers);
	for (unsigned i = 0; i < h->secret_count; i++) {
		secret_wipe(h->secrets[i], strlen(h->secrets[i]));
		free(h->secrets[i]);
	}
	free(h->answer);
	free(h);
}

const char *
http_shown(const struct http *h)
{
	return h->url.shown;
}

void
http_quote(const struct http *h, const char *text, size_t len, char *out, size_t out_len)
{
	out[0] = '\0';
	for (unsigned i = 0; i < h->secret_count; i++)
		if (memmem(text, len, h->secrets[i], strlen(h->secrets[i])))
			return;
	secret_quote(text, len, NULL, out, out_len);
}

static void
fail(struct http *h, CURLcode code, char why[SINK_WHY_MAX])
{
	const char *text = h->error[0] ? h->error : curl_easy_strerror(code);
	char said[160];

	if (h->answer_long)
		text = "its answer is longer than what one may be";
	http_quote(h, text, strlen(text), said, sizeof(said));
	snprintf(why, SINK_WHY_MAX, "%s: %s", h->url.shown, said);
}

void
http_send(struct http *h, const struct http_request *request, struct http_answer *answer,
	char why[SINK_WHY_MAX])
{
	struct curl_slist seqs = {.data = (char *)request->seqs, .next = h->headers};
	curl_off_t retry_after = 0;
	long status = 0;
	CURLcode code;

	*answer = (struct http_answer){.body = h->answer};
	h->answer_len = 0;
	h->answer_long = false;
	h->error[0] = '\0';
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, &seqs);
	curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(h->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, request->body);
	code = curl_easy_perform(h->curl);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, h->headers);
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, NULL);
	h->answer[h->answer_len] = '\0';
	if (code != CURLE_OK) {
		fail(h, code, why);
		return;
	}
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &retry_after);
	answer->status = (unsigned)status;
	answer->retry_after = retry_after > 0 ? (uint64_t)retry_after : 0;
	answer->body_len = h->answer_len;
}
