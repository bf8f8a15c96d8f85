#include "export/webhook/url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "contract/prefix.h"

/* By its text: no name is looked up. */
static bool
is_loopback(const char *host)
{
	static const struct addr six = {{[15] = 1}};
	size_t len = strlen(host);
	char plain[64], why[128];
	struct prefix p;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (host[0] == '[' && len > 2 && len < sizeof(plain)) {
		memcpy(plain, host + 1, len - 2);
		plain[len - 2] = '\0';
		host = plain;
	}
	if (prefix_parse_addr(&p, host, why, sizeof(why)) < 0)
		return false;
	return addr_is_v4(&p.addr) ? p.addr.bytes[12] == 127
				   : memcmp(&p.addr, &six, sizeof(six)) == 0;
}

static int
refuse(const char *key, const char *what, char why[SINK_WHY_MAX])
{
	snprintf(why, SINK_WHY_MAX, "%s: %s", key, what);
	return -EINVAL;
}

/* A part of it, to be freed with curl_free; NULL: it has none. */
static char *
part(CURLU *u, CURLUPart what, unsigned flags)
{
	char *text = NULL;

	return curl_url_get(u, what, &text, flags) == CURLUE_OK ? text : NULL;
}

static int
examine(struct url *out, CURLU *u, const char *key, char why[SINK_WHY_MAX])
{
	char *scheme = part(u, CURLUPART_SCHEME, 0), *host = part(u, CURLUPART_HOST, 0);
	char *port = part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	char *user = part(u, CURLUPART_USER, 0), *password = part(u, CURLUPART_PASSWORD, 0);
	int error = 0;

	if (!scheme || !host || !port ||
		(strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		error = refuse(key, "expected http://HOST/.. or https://HOST/..", why);
	else if (user || password)
		error = refuse(key,
			"a URL has no user or password here: use username and password_file", why);
	if (!error) {
		out->https = strcmp(scheme, "https") == 0;
		out->loopback = is_loopback(host);
		snprintf(out->shown, sizeof(out->shown), "%s://%s:%s", scheme, host, port);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_free(password);
	return error;
}

int
url_read(struct url *out, const char *key, const char *text, char why[SINK_WHY_MAX])
{
	CURLU *u = curl_url();
	int error;

	memset(out, 0, sizeof(*out));
	if (!u)
		return -ENOMEM;
	if (curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		error = refuse(key, "this is no URL; expected https://HOST/..", why);
	else
		error = examine(out, u, key, why);
	curl_url_cleanup(u);
	return error;
}
