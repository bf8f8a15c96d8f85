/* What SASL messages say of the client. Input ends at an unmapped page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "dataplane/smtp/sasl.h"

#define PAGE 4096u

static const uint8_t *
guarded(const void *data, size_t len)
{
	static uint8_t *map;

	if (!map) {
		map = mmap(
			NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(map, MAP_FAILED);
		assert_int_equal(mprotect(map + PAGE, PAGE, PROT_NONE), 0);
	}
	assert_true(len <= PAGE);
	if (len > 0)
		memcpy(map + PAGE - len, data, len);
	return map + PAGE - len;
}

/* "user=... dom=... pw=..." of what is known. */
static const char *
read_as(enum sasl_mechanism mechanism, unsigned step, const void *data, size_t len)
{
	static char out[1024];
	struct sasl_identity id;
	int n = 0;

	out[0] = '\0';
	sasl_read(mechanism, step, guarded(data, len), len, &id);
	if (id.has_username)
		n += snprintf(out + n, sizeof(out) - (size_t)n, "user=%.*s", (int)id.username_len,
			(const char *)id.username);
	if (id.domain_len)
		n += snprintf(out + n, sizeof(out) - (size_t)n, " dom=%.*s", (int)id.domain_len,
			(const char *)id.domain);
	if (id.has_password)
		snprintf(out + n, sizeof(out) - (size_t)n, " pw=%.*s", (int)id.password_len,
			(const char *)id.password);
	return out;
}

#define READ(mechanism, text) read_as(SASL_##mechanism, 0, text, sizeof(text) - 1)

static void
login_has_a_name_then_a_password(void **state)
{
	(void)state;
	assert_string_equal(read_as(SASL_LOGIN, 0, "alice", 5), "user=alice");
	assert_string_equal(read_as(SASL_LOGIN, 0, "", 0), "user=");
	assert_string_equal(read_as(SASL_LOGIN, 1, "pw", 2), " pw=pw");
	assert_string_equal(read_as(SASL_LOGIN, 2, "x", 1), "");
}

static void
login_name_with_a_nul_inside_is_a_plain_message(void **state)
{
	(void)state;
	assert_string_equal(READ(LOGIN, "\0alice\0pw"), "");
	assert_string_equal(READ(LOGIN, "alice\0pw"), "");
	assert_string_equal(READ(LOGIN, "\0alice"), "");
	assert_string_equal(READ(LOGIN, "alice\0"), "user=alice");
}

static void
plain_needs_two_nuls(void **state)
{
	(void)state;
	assert_string_equal(READ(PLAIN, "\0alice\0pw"), "user=alice pw=pw");
	assert_string_equal(READ(PLAIN, "admin\0alice\0pw"), "user=alice dom=admin pw=pw");
	assert_string_equal(READ(PLAIN, "alice\0alice\0pw"), "user=alice pw=pw");
	assert_string_equal(READ(PLAIN, "alice\0alice\0"), "user=alice pw=");
	assert_string_equal(READ(PLAIN, "\0\0"), "user= pw=");
	assert_string_equal(READ(PLAIN, "\0alice\0"), "user=alice pw=");
	/* What could be the password is not a name. */
	assert_string_equal(READ(PLAIN, "alice\0pw"), "");
	assert_string_equal(READ(PLAIN, "alice\0pw\0"), "");
	assert_string_equal(READ(PLAIN, "pw"), "");
	assert_string_equal(READ(PLAIN, ""), "");
	assert_string_equal(READ(PLAIN, "\0"), "");
	assert_string_equal(READ(SECURID, "\0alice\000123456\0"), "user=alice pw=123456");
}

static void
cram_has_the_name_before_the_last_space(void **state)
{
	(void)state;
	assert_string_equal(READ(CRAM, "joe doe 0123456789abcdefABCDEF0123456789"), "user=joe doe");
	assert_string_equal(READ(CRAM, " 0123456789abcdef0123456789abcdef"), "user=");
	assert_string_equal(READ(CRAM, "0123456789abcdef0123456789abcdef"), "");
	assert_string_equal(READ(CRAM, "joe my secret"), "");
	assert_string_equal(READ(CRAM, "joe this is a longer secret sentence"), "");
	assert_string_equal(READ(CRAM, ""), "");
}

static void
digest_directives_are_quoted_and_escaped(void **state)
{
	(void)state;
	assert_string_equal(
		READ(DIGEST, "charset=utf-8,username=\"chris\",realm=\"r.example\",nonce=\"x\""),
		"user=chris@r.example");
	assert_string_equal(
		READ(DIGEST, "nonce=\"a,username=\\\"x\\\"\", UserName=\"a\\\"b\\\\c,d\" "),
		"user=a\"b\\c,d");
	assert_string_equal(READ(DIGEST, "username=bare,authzid=\"other\",realm=\"r\""),
		"user=bare@r dom=other");
	assert_string_equal(READ(DIGEST, "realm=\"r\",username=\"a@b\""), "user=a@b");
	assert_string_equal(READ(DIGEST, "realm=\"r\",username=\"\""), "user=");
	assert_string_equal(READ(DIGEST, "username=\"open"), "user=open");
	assert_string_equal(READ(DIGEST, "username=\"open\\"), "user=open\\");
	assert_string_equal(READ(DIGEST, "username"), "");
	assert_string_equal(READ(DIGEST, "xusername=\"no\""), "");
}

struct bytes {
	const char *data;
	size_t len;
};

#define BYTES(text) ((struct bytes){text, sizeof(text) - 1})

/* An NTLM type 3 with the names from `head` on; flags only when there is room for them. */
static size_t
ntlm3(uint8_t *m, size_t head, uint32_t flags, struct bytes domain, struct bytes user)
{
	memset(m, 0, 64);
	memcpy(m, "NTLMSSP", 8);
	m[8] = 3;
	m[28] = (uint8_t)domain.len;
	m[32] = (uint8_t)head;
	m[36] = (uint8_t)user.len;
	m[40] = (uint8_t)(head + domain.len);
	if (head >= 64)
		memcpy(m + 60, &flags, 4);
	memcpy(m + head, domain.data, domain.len);
	memcpy(m + head + domain.len, user.data, user.len);
	return head + domain.len + user.len;
}

static void
ntlm_names_are_utf16_or_oem_by_flag(void **state)
{
	(void)state;
	uint8_t m[300];
	size_t len = ntlm3(m, 64, 0x201, BYTES("D\0"), BYTES("d\0\xe9\0"));

	assert_string_equal(read_as(SASL_NTLM, 1, m, len), "user=d\xc3\xa9 dom=D");
	len = ntlm3(m, 64, 0x202, BYTES("DOM"), BYTES("dave"));
	assert_string_equal(read_as(SASL_NTLM, 1, m, len), "user=dave dom=DOM");
	/* UTF-16 although the flags say OEM; and without flags at all. */
	len = ntlm3(m, 64, 0x202, BYTES(""), BYTES("d\0a\0"));
	assert_string_equal(read_as(SASL_NTLM, 1, m, len), "user=da");
	len = ntlm3(m, 52, 0, BYTES("D\0"), BYTES("d\0a\0"));
	assert_string_equal(read_as(SASL_NTLM, 1, m, len), "user=da dom=D");
	len = ntlm3(m, 52, 0, BYTES("D"), BYTES("dave"));
	assert_string_equal(read_as(SASL_NTLM, 1, m, len), "user=dave dom=D");
	len = ntlm3(m, 64, 1, BYTES(""), BYTES(""));
	assert_string_equal(read_as(SASL_NTLM, 1, m, len), "user=");
}

static void
ntlm_fields_outside_the_message_are_no_names(void **state)
{
	(void)state;
	uint8_t m[300];
	size_t len = ntlm3(m, 64, 0x202, BYTES("DOM"), BYTES("dave"));

	for (size_t cut = 0; cut < len; cut++)
		assert_string_equal(read_as(SASL_NTLM, 1, m, cut), "");
	m[43] = 0xff;
	assert_string_equal(read_as(SASL_NTLM, 1, m, len), "");
	len = ntlm3(m, 64, 0x202, BYTES("DOM"), BYTES("dave"));
	m[33] = 0xff; /* the domain alone is outside */
	assert_string_equal(read_as(SASL_NTLM, 1, m, len), "user=dave");
	m[8] = 1;
	assert_string_equal(read_as(SASL_NTLM, 0, m, len), "");
}

static void
scram_names_are_unescaped(void **state)
{
	(void)state;
	assert_string_equal(READ(SCRAM, "n,,n=user,r=abc"), "user=user");
	assert_string_equal(
		READ(SCRAM, "y,a=ad=2Cmin,n=us=3Der=2c,r=abc"), "user=us=er, dom=ad,min");
	assert_string_equal(READ(SCRAM, "p=tls-unique,,n=user,r=abc"), "user=user");
	assert_string_equal(READ(SCRAM, "n,,m=ext,n=user,r=abc"), "user=user");
	assert_string_equal(READ(SCRAM, "n=user,r=abc"), "user=user");
	assert_string_equal(READ(SCRAM, "n,,n=us=2"), "user=us=2");
	assert_string_equal(READ(SCRAM, "n,,"), "");
	assert_string_equal(READ(SCRAM, "n,"), "");
	assert_string_equal(read_as(SASL_SCRAM, 1, "n,,n=x,r=y", 10), "");
}

static void
bearer_tokens_name_the_user(void **state)
{
	(void)state;
	assert_string_equal(READ(XOAUTH2, "user=a@b\1auth=Bearer x\1\1"), "user=a@b");
	assert_string_equal(READ(XOAUTH2, "user=a@b"), "user=a@b");
	assert_string_equal(READ(XOAUTH2, "auth=Bearer x"), "");
	assert_string_equal(READ(OAUTHBEARER, "n,a=a@b,\1host=h\1auth=Bearer x\1\1"), "user=a@b");
	assert_string_equal(READ(OAUTHBEARER, "n,,\1auth=Bearer x\1\1"), "");
}

static void
others(void **state)
{
	(void)state;
	assert_string_equal(READ(EXTERNAL, ""), "user=");
	assert_string_equal(READ(EXTERNAL, "me"), "user=me");
	assert_string_equal(READ(ANONYMOUS, "trace"), "user=trace");
	assert_string_equal(READ(OTP, "z\0u"), "user=u dom=z");
	assert_string_equal(READ(OTP, "u"), "");
	assert_string_equal(READ(GSSAPI, "x"), "");
	assert_string_equal(READ(OTHER, "x"), "");
}

static void
long_names_are_cut_at_a_character(void **state)
{
	(void)state;
	struct sasl_identity id;
	uint8_t name[300];

	memset(name, 'a', sizeof(name));
	sasl_read(SASL_LOGIN, 0, name, 300, &id);
	assert_true(id.truncated);
	assert_int_equal(id.username_len, 255);
	memcpy(name + 254, "\xc3\xa9", 2);
	sasl_read(SASL_LOGIN, 0, name, 300, &id);
	assert_int_equal(id.username_len, 254);
	sasl_read(SASL_LOGIN, 0, name, 255, &id);
	assert_false(id.truncated);
	memset(name, 0x80, sizeof(name)); /* no character at all */
	sasl_read(SASL_LOGIN, 0, name, 300, &id);
	assert_in_range(id.username_len, 252, 255);
}

static enum sasl_mechanism
named(const char *name)
{
	return sasl_by_name((const uint8_t *)name, strlen(name));
}

static bool
name_ok(const char *name)
{
	return sasl_name_ok((const uint8_t *)name, strlen(name));
}

static void
mechanisms_by_name(void **state)
{
	(void)state;
	assert_int_equal(named("login"), SASL_LOGIN);
	assert_int_equal(named("LOGIN"), SASL_LOGIN);
	assert_int_equal(named("CRAM-MD5"), SASL_CRAM);
	assert_int_equal(named("SCRAM-SHA-256-PLUS"), SASL_SCRAM);
	assert_int_equal(named("SCRAM-"), SASL_OTHER);
	assert_int_equal(named("LOGINX"), SASL_OTHER);
	assert_int_equal(named(""), SASL_OTHER);
	assert_true(name_ok("Login") && name_ok("XYMCOOKIE") && name_ok("foo") && name_ok("A_B-9"));
	assert_false(name_ok("") || name_ok("cGFzc3dvcmQ") || name_ok("cGFz=") || name_ok("A B"));
	assert_false(name_ok("ABCDEFGHIJKLMNOPQRSTU"));
}

static const char *
prompt(const char *text)
{
	static char out[64];
	struct sasl_prompt p;

	sasl_prompt_read(guarded(text, strlen(text)), strlen(text), &p);
	snprintf(out, sizeof(out), "%s%s%s%s", sasl_name(p.mechanism), p.empty ? " empty" : "",
		p.username ? " user" : "", p.password ? " pass" : "");
	return out;
}

static void
prompts_tell_the_mechanism(void **state)
{
	(void)state;
	assert_string_equal(prompt("VXNlcm5hbWU6"), "LOGIN user");
	assert_string_equal(prompt("VXNlciBOYW1lAA=="), "LOGIN user");
	assert_string_equal(prompt("UGFzc3dvcmQ6"), "LOGIN pass");
	assert_string_equal(prompt("UGFzc3dvcmQA"), "LOGIN pass");
	assert_string_equal(prompt("0J/RltCyOg=="), "LOGIN"); /* in Cyrillic */
	assert_string_equal(prompt("Username:"), "LOGIN user");
	assert_string_equal(prompt(""), "UNKNOWN empty");
	assert_string_equal(prompt("  "), "UNKNOWN empty");
	assert_string_equal(prompt("="), "UNKNOWN empty");
	assert_string_equal(prompt("ntlm supported"), "NTLM");
	assert_string_equal(prompt("NTLM supported"), "NTLM");
	assert_string_equal(prompt("TlRMTVNTUAACAAAA"), "NTLM");
	assert_string_equal(prompt("PDEuMkBteD4="), "CRAM-MD5"); /* <1.2@mx> */
	assert_string_equal(prompt("cmVhbG09InIiLG5vbmNlPSJuIg=="), "DIGEST-MD5");
	assert_string_equal(prompt("cnNwYXV0aD1hYg=="), "DIGEST-MD5");
	assert_string_equal(prompt("cj1hYmNkLHM9UVE9PSxpPTQwOTY="), "SCRAM");
	assert_string_equal(prompt("eyJzdGF0dXMiOiI0MDAifQ=="), "XOAUTH2");
	assert_string_equal(prompt("AQID/w=="), "UNKNOWN");
}

static void
first_messages_tell_the_mechanism(void **state)
{
	(void)state;
	assert_int_equal(sasl_by_message((const uint8_t *)"NTLMSSP\0\1", 9), SASL_NTLM);
	assert_int_equal(sasl_by_message((const uint8_t *)"\0a\0b", 4), SASL_PLAIN);
	assert_int_equal(sasl_by_message((const uint8_t *)"a\0b", 3), SASL_UNKNOWN);
	assert_int_equal(sasl_by_message((const uint8_t *)"n,,n=u,r=x", 10), SASL_SCRAM);
	assert_int_equal(sasl_by_message((const uint8_t *)"user=a\1auth=Bearer", 18), SASL_XOAUTH2);
	assert_int_equal(sasl_by_message((const uint8_t *)"n,a=a@b,\1auth=Bearer x\1\1", 24),
		SASL_OAUTHBEARER);
	assert_int_equal(sasl_by_message((const uint8_t *)"", 0), SASL_UNKNOWN);
}

#define TEST(name) cmocka_unit_test(name)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(login_has_a_name_then_a_password),
		TEST(login_name_with_a_nul_inside_is_a_plain_message),
		TEST(plain_needs_two_nuls),
		TEST(cram_has_the_name_before_the_last_space),
		TEST(digest_directives_are_quoted_and_escaped),
		TEST(ntlm_names_are_utf16_or_oem_by_flag),
		TEST(ntlm_fields_outside_the_message_are_no_names),
		TEST(scram_names_are_unescaped),
		TEST(bearer_tokens_name_the_user),
		TEST(others),
		TEST(long_names_are_cut_at_a_character),
		TEST(mechanisms_by_name),
		TEST(prompts_tell_the_mechanism),
		TEST(first_messages_tell_the_mechanism),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
