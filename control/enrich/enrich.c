/*
 * Theory of operation.
 *
 * libmaxminddb maps a file and walks it with bounds checked; it is told nothing
 * but addresses, and nothing of what it gives is trusted: types are checked,
 * text is escaped and cut. Damage that only a look-up meets is counted and
 * otherwise the same as an address that the database does not know.
 *
 * Look-ups are made when something is told, not for each event.
 */
#include "control/enrich/enrich.h"

#include <arpa/inet.h>
#include <errno.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/utf8.h"
#include "contract/prefix.h"

struct database {
	MMDB_s mmdb;
	bool open;
};

struct enrich {
	struct database country;
	struct database asn;
	uint64_t errors;
};

/* What a setting needs: its database's type has one of these words in it. */
struct need {
	const char *setting;
	const char *words[5];
	const char *told;
};

static const struct need country_need = {
	"enrich.country_db", {"Country", "City", "Enterprise"}, "countries"};
static const struct need asn_need = {
	"enrich.asn_db", {"ASN", "ISP", "Enterprise"}, "autonomous systems"};

static bool
is_of_type(const char *type, const struct need *need)
{
	for (unsigned i = 0; need->words[i]; i++)
		if (strcasestr(type, need->words[i]))
			return true;
	return false;
}

/* As a message may show it. */
static const char *
clean(const char *text, char *out, size_t out_len)
{
	size_t n = utf8_escape((const uint8_t *)text, strlen(text), out, out_len - 1, NULL, NULL);

	out[n] = '\0';
	return out;
}

static int
fail(const struct need *need, const char *path, const char *reason, char *why, size_t why_len)
{
	snprintf(why, why_len, "%s: %s: %s", need->setting, path, reason);
	return -EINVAL;
}

static int
database_open(
	struct database *db, const char *path, const struct need *need, char *why, size_t why_len)
{
	char reason[200], type[64];
	struct stat st;
	int status;

	if (!path[0])
		return 0;
	if (stat(path, &st) != 0)
		return fail(need, path, strerror(errno), why, why_len);
	if (!S_ISREG(st.st_mode)) /* a pipe would be waited for */
		return fail(need, path, "not a file", why, why_len);
	status = MMDB_open(path, MMDB_MODE_MMAP, &db->mmdb);
	if (status == MMDB_FILE_OPEN_ERROR || status == MMDB_IO_ERROR)
		return fail(need, path, strerror(errno), why, why_len);
	if (status != MMDB_SUCCESS) {
		snprintf(reason, sizeof(reason), "not a MaxMind DB, or damaged: %s",
			MMDB_strerror(status));
		return fail(need, path, reason, why, why_len);
	}
	db->open = true;
	if (is_of_type(db->mmdb.metadata.database_type, need))
		return 0;
	snprintf(reason, sizeof(reason), "a database of %s, not of type '%s', is needed",
		need->told, clean(db->mmdb.metadata.database_type, type, sizeof(type)));
	return fail(need, path, reason, why, why_len);
}

int
enrich_open(struct enrich **enrich, const struct config *config, char *why, size_t why_len)
{
	struct enrich *e;
	int status;

	*enrich = NULL;
	if (!config->country_db[0] && !config->asn_db[0])
		return 0;
	e = calloc(1, sizeof(*e));
	if (!e) {
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	status = database_open(&e->country, config->country_db, &country_need, why, why_len);
	if (!status)
		status = database_open(&e->asn, config->asn_db, &asn_need, why, why_len);
	if (status) {
		enrich_close(e);
		return status;
	}
	*enrich = e;
	return 0;
}

void
enrich_close(struct enrich *enrich)
{
	if (!enrich)
		return;
	if (enrich->country.open)
		MMDB_close(&enrich->country.mmdb);
	if (enrich->asn.open)
		MMDB_close(&enrich->asn.mmdb);
	free(enrich);
}

unsigned
enrich_count(const struct enrich *enrich)
{
	return enrich ? (unsigned)enrich->country.open + enrich->asn.open : 0;
}

/* The address's entry; false when there is none. */
static bool
find(struct enrich *e, const struct database *db, const struct addr *addr,
	MMDB_lookup_result_s *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	int error = MMDB_SUCCESS;

	if (!db->open)
		return false;
	if (addr_is_v4(addr)) {
		memcpy(&v4.sin_addr, addr->bytes + 12, sizeof(v4.sin_addr));
		*out = MMDB_lookup_sockaddr(&db->mmdb, (const struct sockaddr *)&v4, &error);
	} else {
		/* A database of IPv4 alone knows nothing of it: that is no damage. */
		if (db->mmdb.metadata.ip_version == 4)
			return false;
		memcpy(&v6.sin6_addr, addr->bytes, sizeof(v6.sin6_addr));
		*out = MMDB_lookup_sockaddr(&db->mmdb, (const struct sockaddr *)&v6, &error);
	}
	e->errors += error != MMDB_SUCCESS;
	return error == MMDB_SUCCESS && out->found_entry;
}

/* One value of an entry, of the type wanted; what is not there is no error. */
static bool
value(struct enrich *e, MMDB_lookup_result_s *entry, const char *const *path, uint32_t type,
	MMDB_entry_data_s *out)
{
	int status = MMDB_aget_value(&entry->entry, out, path);

	if (status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
		return false;
	if (status == MMDB_SUCCESS && !out->has_data)
		return false;
	if (status == MMDB_SUCCESS && out->type == type)
		return true;
	e->errors++;
	return false;
}

static bool
is_letter(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
find_country(struct enrich *e, const struct addr *addr, struct enrich_place *out)
{
	static const char *const paths[][3] = {
		{"country", "iso_code", NULL}, {"registered_country", "iso_code", NULL}};
	MMDB_lookup_result_s entry;
	MMDB_entry_data_s data;

	if (!find(e, &e->country, addr, &entry))
		return false;
	for (unsigned i = 0; i < 2; i++) {
		if (!value(e, &entry, paths[i], MMDB_DATA_TYPE_UTF8_STRING, &data))
			continue;
		if (data.data_size != 2 || !is_letter(data.utf8_string[0]) ||
			!is_letter(data.utf8_string[1])) {
			e->errors++;
			continue;
		}
		memcpy(out->country, data.utf8_string, 2);
		return true;
	}
	return false;
}

static bool
find_asn(struct enrich *e, const struct addr *addr, struct enrich_place *out)
{
	static const char *const number[] = {"autonomous_system_number", NULL};
	static const char *const org[] = {"autonomous_system_organization", NULL};
	MMDB_lookup_result_s entry;
	MMDB_entry_data_s data;

	if (!find(e, &e->asn, addr, &entry))
		return false;
	if (value(e, &entry, number, MMDB_DATA_TYPE_UINT32, &data))
		out->asn = data.uint32;
	if (value(e, &entry, org, MMDB_DATA_TYPE_UTF8_STRING, &data))
		utf8_escape((const uint8_t *)data.utf8_string, data.data_size, out->as_org,
			sizeof(out->as_org) - 1, NULL, NULL);
	return out->asn || out->as_org[0];
}

bool
enrich_addr(struct enrich *enrich, const struct addr *addr, struct enrich_place *out)
{
	bool known;

	memset(out, 0, sizeof(*out));
	if (!enrich)
		return false;
	known = find_country(enrich, addr, out);
	return find_asn(enrich, addr, out) || known;
}

bool
enrich_name(struct enrich *enrich, const char *name, struct enrich_place *out)
{
	struct prefix prefix;
	char why[160];

	memset(out, 0, sizeof(*out));
	return enrich && prefix_parse(&prefix, name, why, sizeof(why)) == 0 &&
	       enrich_addr(enrich, &prefix.addr, out);
}

void
enrich_text(const struct enrich_place *place, char out[ENRICH_TEXT_MAX])
{
	size_t n = (size_t)snprintf(out, ENRICH_TEXT_MAX, "%s", place->country);

	if (place->asn)
		n += (size_t)snprintf(out + n, ENRICH_TEXT_MAX - n, "%sAS%u", n ? ", " : "",
			(unsigned)place->asn);
	if (place->as_org[0])
		snprintf(out + n, ENRICH_TEXT_MAX - n, "%s%s",
			place->asn ? " "
			: n        ? ", "
				   : "",
			place->as_org);
}

uint64_t
enrich_errors(const struct enrich *enrich)
{
	return enrich ? enrich->errors : 0;
}
