/*
 * The table of settings, their defaults, and how one value is read and written.
 * config/read.c walks YAML documents.
 */
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "config/exporters_internal.h"
#include "config/setting.h"

#define PORT_MAX 65535
#define PORTS_MAX (sizeof(((struct config_ports *)0)->port) / sizeof(uint16_t))

/* clang-format off */
const struct setting config_settings[] = {
#define X(kind, field, dotted, value, low, high, text)    \
	{.name = dotted,                                  \
		.help = text,                             \
		.offset = offsetof(struct config, field), \
		.min = low,                               \
		.max = high,                              \
		.type = SETTING_##kind},
	CONFIG_SETTINGS(X)
#undef X
	{"mail.ports", "TCP ports that carry mail",
		offsetof(struct config, ports), 1, PORTS_MAX, SETTING_PORTS},
	{"output.directory", "Where eve.json goes",
		offsetof(struct config, output_dir), 1, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"control.socket", "The Unix socket of a live run; empty: control.sock in output.directory",
		offsetof(struct config, control_socket), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"export.socket",
		"Control's socket for exporters; empty: export.sock beside control.sock",
		offsetof(struct config, export_socket), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"http.listen",
		"Where /metrics and /healthz are: 127.0.0.1:9925, [::1]:9925 or *:9925; "
		"empty: nowhere",
		offsetof(struct config, http_listen), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"http.cert_file", "Certificate of TLS there, PEM, with those between; empty: no TLS",
		offsetof(struct config, http_cert), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"http.key_file", "Its key, PEM",
		offsetof(struct config, http_key), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"store.file", "The SQLite file of incidents; empty: smtap.db in output.directory",
		offsetof(struct config, store_file), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"dataplane.socket", "Where daemons meet that smtap run did not start",
		offsetof(struct config, dataplane_socket), 1, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"dataplane.user", "User that the dataplane becomes, ports open; empty: it stays",
		offsetof(struct config, dataplane_user), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"control.user", "User that control becomes at its start; empty: it stays",
		offsetof(struct config, control_user), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"export.user", "User that smtap-export becomes; empty: it stays",
		offsetof(struct config, export_user), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"patterns.directory", "Pattern files; empty: those beside the programs",
		offsetof(struct config, pattern_dir), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"enrich.country_db", "MaxMind DB file with the countries of addresses; empty: none",
		offsetof(struct config, country_db), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
	{"enrich.asn_db", "MaxMind DB file with the autonomous systems of addresses; empty: none",
		offsetof(struct config, asn_db), 0, CONFIG_TEXT_MAX - 1, SETTING_TEXT},
#define X(field, dotted, kind, most, text, yaml)                                                   \
	{dotted, text, offsetof(struct config, field), 0, most, SETTING_LIST, element_##kind, yaml},
	CONFIG_LISTS(X)
#undef X
};
/* clang-format on */

const size_t config_setting_count = sizeof(config_settings) / sizeof(config_settings[0]);

_Static_assert(sizeof(config_settings) / sizeof(config_settings[0]) <= SETTINGS_MAX,
	"a reader remembers the line of each setting");

struct duration_unit {
	const char *name;
	uint64_t ns;
};

/* Largest first: the first that divides a duration writes it. */
static const struct duration_unit duration_units[] = {
	{"d", 24 * NS_PER_H},
	{"h", NS_PER_H},
	{"m", NS_PER_MIN},
	{"s", NS_PER_S},
	{"ms", NS_PER_MS},
	{"us", NS_PER_US},
	{"ns", 1},
};

#define DURATION_UNITS (sizeof(duration_units) / sizeof(duration_units[0]))

void
config_defaults(struct config *config)
{
	memset(config, 0, sizeof(*config));
#define X(type, field, name, value, min, max, help) config->field = value;
	CONFIG_SETTINGS(X)
#undef X
	config->ports = (struct config_ports){{25}, 1};
	snprintf(config->output_dir, sizeof(config->output_dir), "./smtap-out");
	snprintf(config->dataplane_socket, sizeof(config->dataplane_socket),
		"/run/smtap/dataplane.sock");
}

void
config_free(struct config *config)
{
	for (unsigned list = 0; list < CONFIG_RULE_LISTS; list++) {
		free(config->rules[list].rule);
		config->rules[list] = (struct config_rules){0};
	}
	exporters_free(&config->exporters);
}

int
config_export_socket(const struct config *config, const char *given, char path[CONFIG_PATH_MAX])
{
	const char *control = config->control_socket;
	const char *slash = strrchr(control, '/');
	int n;

	if (!given && config->export_socket[0])
		n = snprintf(path, CONFIG_PATH_MAX, "%s", config->export_socket);
	else if (!given && control[0])
		n = snprintf(path, CONFIG_PATH_MAX, "%.*sexport.sock",
			slash ? (int)(slash + 1 - control) : 0, control);
	else
		n = snprintf(path, CONFIG_PATH_MAX, "%s/export.sock",
			given ? given : config->output_dir);
	return n < CONFIG_PATH_MAX ? 0 : -ENAMETOOLONG;
}

bool
config_same_rules(const struct config_rules *a, const struct config_rules *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		struct config_rule rule = a->rule[i];

		rule.line = b->rule[i].line;
		if (memcmp(&rule, &b->rule[i], sizeof(rule)) != 0)
			return false;
	}
	return true;
}

bool
config_same(const struct config *a, const struct config *b)
{
	if (memcmp(a, b, offsetof(struct config, rules)) != 0)
		return false;
	for (unsigned list = 0; list < CONFIG_RULE_LISTS; list++)
		if (!config_same_rules(&a->rules[list], &b->rules[list]))
			return false;
	return exporters_same(&a->exporters, &b->exporters);
}

const char *
setting_quote(const char *text, char out[QUOTE_MAX + 4])
{
	bool truncated;
	size_t n =
		utf8_escape((const uint8_t *)text, strlen(text), out, QUOTE_MAX, NULL, &truncated);

	snprintf(out + n, 4, "%s", truncated ? "..." : "");
	return out;
}

void
setting_format_duration(uint64_t ns, char *out, size_t out_len)
{
	for (size_t i = 0; i < DURATION_UNITS; i++) {
		const struct duration_unit *unit = &duration_units[i];

		if (ns == 0 || ns % unit->ns)
			continue;
		snprintf(out, out_len, "%" PRIu64 "%s", ns / unit->ns, unit->name);
		return;
	}
	snprintf(out, out_len, "0s");
}

/* Digits alone, no sign, no space. *rest is what follows them. */
static int
parse_digits(const char *text, uint64_t *value, const char **rest)
{
	uint64_t v = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -ERANGE;
	*value = v;
	*rest = p;
	return p == text ? -EINVAL : 0;
}

static int
parse_count(const struct setting *s, const char *text, uint64_t *out, char *why, size_t why_len)
{
	char shown[QUOTE_MAX + 4];
	const char *rest = text;
	uint64_t v = 0;
	int r = parse_digits(text, &v, &rest);

	if (r == -EINVAL || (r == 0 && *rest)) {
		snprintf(why, why_len,
			"expected a whole number from %" PRIu64 " to %" PRIu64 ", not '%s'", s->min,
			s->max, setting_quote(text, shown));
		return -EINVAL;
	}
	if (r || v < s->min || v > s->max) {
		snprintf(why, why_len, "%s is outside %" PRIu64 " to %" PRIu64,
			setting_quote(text, shown), s->min, s->max);
		return -EINVAL;
	}
	*out = v;
	return 0;
}

static const struct duration_unit *
find_unit(const char *name)
{
	for (size_t i = 0; i < DURATION_UNITS; i++)
		if (strcmp(duration_units[i].name, name) == 0)
			return &duration_units[i];
	return NULL;
}

static int
parse_duration(const struct setting *s, const char *text, uint64_t *out, char *why, size_t why_len)
{
	char shown[QUOTE_MAX + 4], low[32], high[32];
	const struct duration_unit *unit = NULL;
	const char *rest = text;
	uint64_t v, ns = 0;
	int r = parse_digits(text, &v, &rest);

	if (r == 0)
		unit = find_unit(rest);
	if (r == -EINVAL || (r == 0 && !unit)) {
		snprintf(why, why_len, "expected a duration such as 90s, 10m, 24h or 1d, not '%s'",
			setting_quote(text, shown));
		return -EINVAL;
	}
	if (r || __builtin_mul_overflow(v, unit->ns, &ns) || ns < s->min || ns > s->max) {
		setting_format_duration(s->min, low, sizeof(low));
		setting_format_duration(s->max, high, sizeof(high));
		snprintf(why, why_len, "%s is outside %s to %s", setting_quote(text, shown), low,
			high);
		return -EINVAL;
	}
	*out = ns;
	return 0;
}

static int
parse_bool(const char *text, bool *out, char *why, size_t why_len)
{
	static const char *const yes[] = {"true", "yes", "on"};
	static const char *const no[] = {"false", "no", "off"};
	char shown[QUOTE_MAX + 4];

	for (size_t i = 0; i < 3; i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*out = strcasecmp(text, yes[i]) == 0;
			return 0;
		}
	}
	snprintf(why, why_len, "expected true or false, not '%s'", setting_quote(text, shown));
	return -EINVAL;
}

static int
parse_text(const struct setting *s, const char *text, char *out, char *why, size_t why_len)
{
	size_t len = strlen(text);
	bool escaped;
	char clean[CONFIG_TEXT_MAX];

	if (len < s->min) {
		snprintf(why, why_len, "must not be empty");
		return -EINVAL;
	}
	if (len > s->max) {
		snprintf(why, why_len, "is %zu bytes long; %" PRIu64 " are the most", len, s->max);
		return -EINVAL;
	}
	utf8_escape((const uint8_t *)text, len, clean, sizeof(clean), &escaped, NULL);
	if (escaped) {
		snprintf(why, why_len, "holds a control character");
		return -EINVAL;
	}
	memcpy(out, text, len + 1);
	return 0;
}

int
setting_add_port(struct config_ports *ports, const char *text, char *why, size_t why_len)
{
	char shown[QUOTE_MAX + 4];
	const char *rest;
	uint64_t v;

	if (parse_digits(text, &v, &rest) || *rest || v < 1 || v > PORT_MAX) {
		snprintf(why, why_len, "expected a port from 1 to %u, not '%s'", PORT_MAX,
			setting_quote(text, shown));
		return -EINVAL;
	}
	for (unsigned i = 0; i < ports->count; i++) {
		if (ports->port[i] == v) {
			snprintf(why, why_len, "port %" PRIu64 " is listed twice", v);
			return -EINVAL;
		}
	}
	if (ports->count == PORTS_MAX) {
		snprintf(why, why_len, "more than %zu ports", PORTS_MAX);
		return -EINVAL;
	}
	ports->port[ports->count++] = (uint16_t)v;
	return 0;
}

int
config_parse_ports(struct config_ports *ports, const char *text, char *why, size_t why_len)
{
	struct config_ports list = {.count = 0};
	const char *p = text;

	for (;;) {
		char one[QUOTE_MAX] = "";

		p += strspn(p, " ");
		size_t n = strcspn(p, " ,");
		memcpy(one, p, n < sizeof(one) ? n : sizeof(one) - 1);
		int r = setting_add_port(&list, one, why, why_len);
		if (r)
			return r;
		p += n;
		p += strspn(p, " ");
		if (*p == '\0')
			break;
		if (*p++ != ',') {
			snprintf(why, why_len, "expected ports such as 25,587");
			return -EINVAL;
		}
	}
	*ports = list;
	return 0;
}

int
setting_parse_number(
	const struct setting *setting, const char *text, uint64_t *out, char *why, size_t why_len)
{
	bool yes = false;
	int r;

	if (setting->type == SETTING_COUNT)
		return parse_count(setting, text, out, why, why_len);
	if (setting->type == SETTING_DURATION)
		return parse_duration(setting, text, out, why, why_len);
	r = parse_bool(text, &yes, why, why_len);
	*out = yes;
	return r;
}

int
setting_parse(const struct setting *setting, struct config *config, const char *text, char *why,
	size_t why_len)
{
	void *field = (char *)config + setting->offset;

	switch (setting->type) {
	case SETTING_COUNT:
	case SETTING_DURATION:
		return setting_parse_number(setting, text, field, why, why_len);
	case SETTING_BOOL:
		return parse_bool(text, field, why, why_len);
	case SETTING_PORTS:
		return config_parse_ports(field, text, why, why_len);
	case SETTING_TEXT:
		return parse_text(setting, text, field, why, why_len);
	case SETTING_LIST:
		break;
	}
	return -EINVAL;
}
