/*
 * Databases of countries and networks: what is found, and that no damage does
 * more than hide it. SMTAP_MMDB is the folder that tests/support/mmdb.py filled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/enrich/enrich.h"

#define FILE_MAX 65536

/* libmaxminddb 1.7 leaks what it had read of metadata that then turn out to be damaged: each
   time that such a file is opened. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb";
}

static struct config config;

/* The path of a test database. */
static const char *
database(const char *name)
{
	static char path[4][4096];
	static unsigned at;
	char *out = path[at++ % 4];
	const char *folder = getenv("SMTAP_MMDB");

	assert_non_null(folder);
	snprintf(out, sizeof(path[0]), "%s/%s.mmdb", folder, name);
	return out;
}

static int
try_open(struct enrich **e, const char *country, const char *asn, char *why, size_t why_len)
{
	config_defaults(&config);
	snprintf(config.country_db, sizeof(config.country_db), "%s", country ? country : "");
	snprintf(config.asn_db, sizeof(config.asn_db), "%s", asn ? asn : "");
	return enrich_open(e, &config, why, why_len);
}

static struct enrich *
opened(const char *country, const char *asn)
{
	char why[400] = "";
	struct enrich *e;

	if (try_open(&e, country, asn, why, sizeof(why)))
		fail_msg("%s", why);
	assert_non_null(e);
	return e;
}

/* What is said of a name; "-": nothing is known. */
static const char *
said(struct enrich *e, const char *name)
{
	static char text[ENRICH_TEXT_MAX];
	struct enrich_place place;

	if (!enrich_name(e, name, &place))
		return "-";
	enrich_text(&place, text);
	return text;
}

static void
each_record_size_gives_the_same_answers(void **state)
{
	static const char *const sizes[] = {"24", "28", "32"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char country[20], asn[20];

		sprintf(country, "country-%s", sizes[i]);
		sprintf(asn, "asn-%s", sizes[i]);
		struct enrich *e = opened(database(country), database(asn));
		assert_string_equal(said(e, "198.51.100.9"), "NL, AS64500 Example Hosting");
		assert_string_equal(said(e, "198.51.100.200"), "DE, AS64500 Example Hosting");
		assert_string_equal(said(e, "198.51.100.0/24"), "NL, AS64500 Example Hosting");
		assert_string_equal(said(e, "2001:db8:7::1"), "SE, AS64502 Example Six");
		assert_string_equal(said(e, "2001:db8:7:1::/64"), "SE, AS64502 Example Six");
		assert_string_equal(said(e, "2001:db8:8::1"), "NO, AS64502 Example Six");
		assert_string_equal(said(e, "2001:db8:8::2"), "AS64502 Example Six");
		assert_string_equal(said(e, "2001:db9::1"), "-");
		assert_string_equal(said(e, "198.18.0.1"), "-");
		assert_int_equal(enrich_errors(e), 0);
		enrich_close(e);
	}
}

static void
a_tree_of_ipv4_alone_knows_nothing_of_ipv6(void **state)
{
	static const char *const names[] = {"country-v4-24", "country-v4-28", "country-v4-32"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct enrich *e = opened(database(names[i]), NULL);

		assert_string_equal(said(e, "198.51.100.9"), "NL");
		assert_string_equal(said(e, "2001:db8:7::1"), "-");
		assert_int_equal(enrich_errors(e), 0);
		enrich_close(e);
	}
}

static void
aliased_networks_lead_to_ipv4(void **state)
{
	struct enrich *e = opened(database("country-28"), NULL);

	(void)state;
	assert_string_equal(said(e, "2002:c633:6409::1"), "NL"); /* 198.51.100.9 */
	assert_string_equal(said(e, "::ffff:198.51.100.9"), "NL");
	enrich_close(e);
}

static void
names_that_are_no_addresses_are_not_looked_up(void **state)
{
	struct enrich *e = opened(database("country-28"), database("asn-28"));

	(void)state;
	assert_string_equal(said(e, "dave@example.org"), "-");
	assert_string_equal(said(e, ""), "-");
	assert_int_equal(enrich_errors(e), 0);
	enrich_close(e);
}

static void
values_of_no_use_are_counted_and_left_out(void **state)
{
	struct enrich *e = opened(database("country-28"), NULL);

	(void)state;
	assert_string_equal(said(e, "192.0.2.1"), "FR"); /* where it is registered */
	assert_int_equal(enrich_errors(e), 0);
	assert_string_equal(said(e, "203.0.113.7"), "-"); /* no code */
	assert_int_equal(enrich_errors(e), 1);
	assert_string_equal(said(e, "203.0.113.8"), "-"); /* a number */
	assert_int_equal(enrich_errors(e), 2);
	assert_string_equal(said(e, "203.0.113.9"), "-"); /* no map */
	enrich_close(e);
}

static void
text_is_made_printable_and_cut(void **state)
{
	struct enrich *e = opened(NULL, database("asn-28"));
	struct enrich_place place;

	(void)state;
	assert_true(enrich_name(e, "192.0.2.1", &place));
	assert_string_equal(place.as_org, "Zürich \"Net\"\\x1B[31m\\x0A");
	assert_true(enrich_name(e, "203.0.113.1", &place));
	assert_int_equal(place.asn, 4200000000u);
	assert_int_equal(strlen(place.as_org), ENRICH_ORG_MAX - 1);
	enrich_close(e);
}

static void
without_a_database_nothing_is_known(void **state)
{
	struct enrich *e = (struct enrich *)-1;
	struct enrich_place place;
	char why[200] = "";

	(void)state;
	assert_int_equal(try_open(&e, NULL, NULL, why, sizeof(why)), 0);
	assert_null(e);
	assert_false(enrich_name(NULL, "198.51.100.9", &place));
	assert_int_equal(place.asn, 0);
	assert_int_equal(enrich_errors(NULL), 0);
	enrich_close(NULL);
}

static void
expect_refused(const char *country, const char *asn, const char *words)
{
	char why[600] = "";
	struct enrich *e;

	assert_true(try_open(&e, country, asn, why, sizeof(why)) < 0);
	assert_null(e);
	if (!strstr(why, words) || !strstr(why, country ? country : asn) || strchr(why, '\n'))
		fail_msg("%s", why);
}

/* A file of its own with these bytes. */
static const char *
scratch(const uint8_t *data, size_t len)
{
	static char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/smtap-enrich-%d.mmdb", (int)getpid());
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
	return path;
}

static void
what_is_no_database_is_named_with_the_reason(void **state)
{
	static const uint8_t text[] = "network,country\n198.51.100.0/24,NL\n";

	(void)state;
	expect_refused("/no/such.mmdb", NULL, "No such file");
	expect_refused(NULL, "/no/such.mmdb", "enrich.asn_db: /no/such.mmdb: No such file");
	expect_refused("/tmp", NULL, "not a file");
	expect_refused("/dev/null", NULL, "not a file");
	expect_refused(scratch(text, sizeof(text) - 1), NULL, "not a MaxMind DB");
	expect_refused(scratch(text, 0), NULL, "enrich.country_db");
	unlink(scratch(text, 0));
}

static void
a_database_of_another_kind_is_refused(void **state)
{
	(void)state;
	expect_refused(database("asn-28"), NULL, "a database of countries, not of type 'DBIP-ASN");
	expect_refused(NULL, database("country-28"),
		"a database of autonomous systems, not of type 'GeoLite2-Country'");
	expect_refused(NULL, database("other"), "not of type 'GeoIP2-Connection-Type'");
}

static size_t
slurp(const char *path, uint8_t *out)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	assert_non_null(f);
	n = fread(out, 1, FILE_MAX, f);
	fclose(f);
	return n;
}

/* Open as both kinds, and ask all that there is. Returns how often one could be opened. */
static unsigned
probe(const uint8_t *data, size_t len)
{
	static const char *const names[] = {"198.51.100.9", "198.51.100.200", "192.0.2.1",
		"203.0.113.7", "203.0.113.8", "203.0.113.9", "0.0.0.0", "255.255.255.255",
		"2001:db8:7::1", "2001:db8:8::1", "2002:c633:6409::1", "::", "ffff::ffff"};
	const char *path = scratch(data, len);
	unsigned times = 0;

	for (unsigned kind = 0; kind < 2; kind++) {
		char why[400] = "";
		struct enrich *e;

		if (try_open(&e, kind ? NULL : path, kind ? path : NULL, why, sizeof(why))) {
			assert_null(e);
			assert_true(strstr(why, path) != NULL);
			continue;
		}
		times++;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			struct enrich_place place;

			enrich_name(e, names[i], &place);
			assert_true(strlen(place.country) == 0 || strlen(place.country) == 2);
			assert_true(memchr(place.as_org, '\0', sizeof(place.as_org)) != NULL);
		}
		enrich_close(e);
	}
	unlink(path);
	return times;
}

static void
a_cut_database_is_an_error_or_knows_less(void **state)
{
	static uint8_t data[FILE_MAX];
	size_t len = slurp(database("asn-28"), data);

	(void)state;
	assert_int_equal(probe(data, len), 1);
	for (size_t n = 0; n < len; n += 7)
		probe(data, n);
	/* The end with its metadata alone: what the tree should hold is not there. */
	for (size_t n = 0; n < len; n += 13)
		probe(data + n, len - n);
}

static void
flipped_bits_do_no_harm(void **state)
{
	static const char *const names[] = {
		"country-24", "country-28", "country-32", "asn-24", "asn-28", "country-v4-28"};
	static uint8_t whole[FILE_MAX], data[FILE_MAX];
	unsigned seed = 20261122, open = 0;

	(void)state;
	for (unsigned round = 0; round < 600; round++) {
		size_t len = slurp(database(names[round % 6]), whole);

		memcpy(data, whole, len);
		for (unsigned flips = 1 + round % 4; flips > 0; flips--) {
			seed = seed * 1103515245 + 12345;
			size_t at = (seed >> 8) % len;

			/* Each other time near the end, where the metadata are. */
			if (round & 1)
				at = len - 1 - at % 300;
			data[at] ^= (uint8_t)(1u << (seed >> 5 & 7));
		}
		open += probe(data, len);
	}
	assert_true(open > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_record_size_gives_the_same_answers),
		cmocka_unit_test(a_tree_of_ipv4_alone_knows_nothing_of_ipv6),
		cmocka_unit_test(aliased_networks_lead_to_ipv4),
		cmocka_unit_test(names_that_are_no_addresses_are_not_looked_up),
		cmocka_unit_test(values_of_no_use_are_counted_and_left_out),
		cmocka_unit_test(text_is_made_printable_and_cut),
		cmocka_unit_test(without_a_database_nothing_is_known),
		cmocka_unit_test(what_is_no_database_is_named_with_the_reason),
		cmocka_unit_test(a_database_of_another_kind_is_refused),
		cmocka_unit_test(a_cut_database_is_an_error_or_knows_less),
		cmocka_unit_test(flipped_bits_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
