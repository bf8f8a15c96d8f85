/*
 * What no exporter can be by the settings alone: keys that need each other, or exclude each other.
 * After all was read, since what an exporter needs may stand behind it. What files hold, and
 * whether they are there, is for smtap-export to say.
 */
#include <string.h>

#include "config/exporters_internal.h"
#include "contract/prefix.h"

struct check {
	struct reader *r;
	const struct config_exporter *e;
};

static const char *
text(const struct check *c, const char *key)
{
	return config_exporter_text(c->e, key);
}

static bool
has(const struct check *c, const char *key)
{
	return text(c, key)[0] != '\0';
}

static uint64_t
number(const struct check *c, const char *key)
{
	return config_exporter_number(c->e, key);
}

/* Where the key was given; else where the exporter begins. */
static size_t
line_of(const struct check *c, const char *name)
{
	const struct exporter_key *key;

	for (unsigned i = 0; (key = exporter_key(c->e->type, i)); i++)
		if (strcmp(key->name, name) == 0 && c->e->values[i].line)
			return c->e->values[i].line;
	return c->e->line;
}

static int
fail(const struct check *c, const char *key, const char *what)
{
	return reader_fail(c->r, line_of(c, key), EXPORTERS ".%s.%s: %s", c->e->name, key, what);
}

static int
both_or_none(const struct check *c, const char *a, const char *b)
{
	const char *given = has(c, a) ? a : b, *other = has(c, a) ? b : a;

	if (has(c, a) == has(c, b))
		return 0;
	return reader_fail(c->r, line_of(c, given), EXPORTERS ".%s.%s: it needs %s too", c->e->name,
		given, other);
}

/* Of these keys, ended by NULL, none may be given. */
static int
none_of(const struct check *c, const char *const *keys, const char *what)
{
	for (; *keys; keys++)
		if (has(c, *keys))
			return fail(c, *keys, what);
	return 0;
}

static int
check_kafka(const struct check *c)
{
	static const char *const of_tls[] = {"ca_file", "cert_file", "key_file", NULL};
	static const char *const of_sasl[] = {"username", "password_file", NULL};
	enum { NONE, SCRAM_256, SCRAM_512, PLAIN }; /* as the key has them */
	bool tls = number(c, "tls") != 0;
	uint64_t mechanism = number(c, "sasl_mechanism");
	int r = tls ? 0 : none_of(c, of_tls, "files for TLS, but not tls: true");

	if (r == 0)
		r = both_or_none(c, "cert_file", "key_file");
	if (r == 0 && mechanism == NONE)
		return none_of(c, of_sasl, "username and password_file need a sasl_mechanism");
	if (r == 0 && (!has(c, "username") || !has(c, "password_file")))
		return fail(c, "sasl_mechanism", "it needs username and password_file");
	if (r == 0 && mechanism == PLAIN && !tls)
		return fail(c, "sasl_mechanism",
			"PLAIN without tls: true would send the password in clear");
	return r;
}

/* By its text: no name is looked up. */
static bool
is_loopback(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	bool six = host[0] == '[';
	size_t len = strcspn(host + six, six ? "]" : ":/?#");
	char plain[64] = "", why[128];
	struct prefix p;

	if (len < sizeof(plain))
		memcpy(plain, host + six, len);
	if (strcasecmp(plain, "localhost") == 0 || strcmp(plain, "::1") == 0)
		return true;
	return prefix_parse_addr(&p, plain, why, sizeof(why)) == 0 && addr_is_v4(&p.addr) &&
	       p.addr.bytes[12] == 127;
}

static int
check_webhook(const struct check *c)
{
	static const char *const secrets[] = {"token_file", "password_file", NULL};
	enum { JSON, SLACK, SPLUNK, ELASTIC, FILES }; /* as the key has them */
	const char *url = text(c, "url");
	int r = 0;

	if (has(c, "url") == has(c, "url_file"))
		return fail(c, "url_file", "expected url or url_file");
	if ((number(c, "template") == FILES) != has(c, "template_file"))
		return fail(c, has(c, "template_file") ? "template_file" : "template",
			"template: file and template_file go together");
	r = both_or_none(c, "cert_file", "key_file");
	if (r == 0)
		r = both_or_none(c, "username", "password_file");
	if (r == 0 && has(c, "username") && has(c, "token_file"))
		return fail(c, "token_file", "either a token or username and password_file");
	if (r == 0 && strncmp(url, "http:", 5) == 0 && (has(c, "proxy") || !is_loopback(url)))
		return none_of(c, secrets,
			"to this url it would go in clear; only https:// keeps it secret");
	return r;
}

#define OCSF_LEAST 3072u /* bytes: it has the most that cannot be left out */

static int
check_syslog(const struct check *c)
{
	static const char *const of_tls[] = {
		"ca_file", "cert_file", "key_file", "server_name", NULL};
	enum { TLS, TCP, UDP }; /* as the keys have them */
	enum { EVE, ECS, OCSF, CEF };
	int r = number(c, "transport") == TLS ? both_or_none(c, "cert_file", "key_file")
					      : none_of(c, of_tls, "it is for transport tls alone");

	if (r == 0 && number(c, "format") == OCSF && number(c, "max_bytes") < OCSF_LEAST)
		return reader_fail(c->r, line_of(c, "max_bytes"),
			EXPORTERS ".%s.max_bytes: format ocsf needs %u", c->e->name, OCSF_LEAST);
	if (r == 0 && number(c, "transport") == UDP && number(c, "confirm") != 0)
		return fail(c, "confirm", "udp has no connection that could end");
	return r;
}

static int
check_blocklist(const struct check *c)
{
	static const char *const of_file[] = {"page", "token_file", NULL};
	static const char *const of_page[] = {"path", NULL};
	enum { TEXT, EDL, NFT, FLOWSPEC }; /* as the key has them */

	if (number(c, "output") != EDL && !has(c, "path"))
		return fail(c, "output", "path is missing: where the list goes");
	if (number(c, "output") != EDL)
		return none_of(c, of_file, "it is for output edl alone");
	if (!has(c, "page"))
		return fail(c, "output", "page is missing: where the list goes");
	if (!c->r->config->http_listen[0])
		return fail(c, "output", "edl needs http.listen, where it is served");
	return none_of(c, of_page, "it is for files; edl has a page");
}

static int
check(const struct check *c)
{
	switch (c->e->type) {
	case CONFIG_EXPORTER_KAFKA:
		return check_kafka(c);
	case CONFIG_EXPORTER_WEBHOOK:
		return check_webhook(c);
	case CONFIG_EXPORTER_SYSLOG:
		return check_syslog(c);
	case CONFIG_EXPORTER_BLOCKLIST:
		return check_blocklist(c);
	case CONFIG_EXPORTER_UNIX:
	case CONFIG_EXPORTER_XARF:
	case CONFIG_EXPORTER_TYPE_COUNT:
		break;
	}
	return 0;
}

/* Where a setting stands; 1: it has its default. */
static size_t
line_of_setting(const struct reader *r, const char *name)
{
	for (size_t i = 0; i < config_setting_count; i++)
		if (strcmp(config_settings[i].name, name) == 0 && r->seen[i])
			return r->seen[i];
	return 1;
}

static int
check_http(const struct reader *r)
{
	const struct config *config = r->config;
	bool cert = config->http_cert[0], key = config->http_key[0];

	if (cert == key)
		return 0;
	return reader_fail(r, line_of_setting(r, cert ? "http.cert_file" : "http.key_file"),
		"http.cert_file and http.key_file: both are needed, or none");
}

int
exporters_check(struct reader *r)
{
	const struct config_exporters *all = &r->config->exporters;
	int status = check_http(r);

	for (unsigned i = 0; i < all->count && status == 0; i++)
		status = check(&(struct check){r, &all->exporter[i]});
	return status;
}
