/* What the configuration says is ours, and what follows for addresses and domains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "control/track/site.h"

static struct config config;
static struct site site;

static int
open_site(void **state)
{
	static const char text[] =
		"site:\n"
		"  local_nets: [192.0.2.128/25, 198.51.100.0/24, 198.51.100.64/26, 203.0.113.7,\n"
		"    '2001:db8::/32', '2001:db8:1::/48', '::/64']\n"
		"  local_domains: [example.com, .example.org, Example.Net, .example.net]\n";
	struct config_source source = {"test", text, sizeof(text) - 1};
	char why[200] = "";

	(void)state;
	config_defaults(&config);
	if (config_parse(&config, &source, why, sizeof(why)))
		fail_msg("%s", why);
	return site_open(&site, &config);
}

static int
close_site(void **state)
{
	(void)state;
	site_close(&site);
	config_free(&config);
	return 0;
}

static struct addr
to_addr(const char *text)
{
	uint8_t four[4];
	struct addr a;

	if (inet_pton(AF_INET, text, four) == 1)
		return addr_from_v4(four);
	assert_int_equal(inet_pton(AF_INET6, text, a.bytes), 1);
	return a;
}

static bool
ours(const char *text)
{
	const struct addr addr = to_addr(text);

	return site_has_addr(&site, &addr);
}

static bool
local(const char *domain)
{
	return site_has_domain(&site, domain, strlen(domain));
}

static void
addresses_of_the_networks_are_ours_to_the_last_one(void **state)
{
	(void)state;
	assert_true(ours("192.0.2.128"));
	assert_true(ours("192.0.2.255"));
	assert_false(ours("192.0.2.127"));
	assert_false(ours("192.0.3.0"));
	assert_true(ours("198.51.100.0"));
	assert_true(ours("198.51.100.63"));
	assert_true(ours("198.51.100.255"));
	assert_false(ours("198.51.101.0"));
	assert_true(ours("203.0.113.7"));
	assert_false(ours("203.0.113.6"));
	assert_false(ours("203.0.113.8"));
	assert_false(ours("0.0.0.0"));
	assert_false(ours("255.255.255.255"));
	assert_true(ours("2001:db8::"));
	assert_true(ours("2001:db8:1::1"));
	assert_true(ours("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"));
	assert_false(ours("2001:db9::"));
}

static void
an_ipv6_network_holds_no_ipv4_address(void **state)
{
	(void)state;
	assert_true(ours("::1"));
	assert_false(ours("9.9.9.9"));
	assert_int_equal(site.net_count, 5);
}

static void
domains_match_in_any_case_and_below_only_with_a_dot(void **state)
{
	(void)state;
	assert_true(local("example.com"));
	assert_true(local("EXAMPLE.com"));
	assert_true(local("example.com."));
	assert_false(local("mail.example.com"));
	assert_true(local("example.org"));
	assert_true(local("a.b.Example.Org"));
	assert_false(local("badexample.org"));
	assert_true(local("x.example.net"));
	assert_false(local("com"));
	assert_false(local(""));
	assert_false(local("."));
	assert_int_equal(site.domain_count, 3);
}

static void
a_domain_too_long_for_any_is_not_local(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + sizeof(text) - 12, ".example.org", 12);
	assert_false(site_has_domain(&site, text, sizeof(text)));
	assert_true(site_has_domain(&site, text + sizeof(text) - 253, 253));
}

static void
an_empty_configuration_has_nothing(void **state)
{
	static struct config empty;
	struct addr a = to_addr("192.0.2.200");
	struct site none;

	(void)state;
	config_defaults(&empty);
	assert_int_equal(site_open(&none, &empty), 0);
	assert_false(site_has_addr(&none, &a));
	assert_false(site_has_domain(&none, "example.com", 11));
	site_close(&none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_the_networks_are_ours_to_the_last_one),
		cmocka_unit_test(an_ipv6_network_holds_no_ipv4_address),
		cmocka_unit_test(domains_match_in_any_case_and_below_only_with_a_dot),
		cmocka_unit_test(a_domain_too_long_for_any_is_not_local),
		cmocka_unit_test(an_empty_configuration_has_nothing),
	};

	return cmocka_run_group_tests(tests, open_site, close_site);
}
