/* sasl: see sasl.h. What prompts and messages betray is in sasl_guess.c. */
#include "dataplane/smtp/sasl.h"

#include <string.h>

#include "base/bytes.h"
#include "base/utf8.h"

#define SASL_NAME_MAX 20u /* RFC 4422 3.1 */

struct mechanism_row {
	const char *name;
	uint8_t name_len;
	uint8_t responses;
};

static const struct mechanism_row rows[] = {[SASL_UNKNOWN] = {"UNKNOWN", 7, 0},
	[SASL_OTHER] = {"UNKNOWN", 7, 0},
#define X(id, name, responses) [SASL_##id] = {name, sizeof(name) - 1, responses},
	SASL_MECHANISMS(X)
#undef X
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == SASL_MECHANISM_COUNT, "a row per mechanism");

static uint8_t
upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

static bool
caseless_equal(const uint8_t *data, const char *upper_name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (upper(data[i]) != (uint8_t)upper_name[i])
			return false;
	return true;
}

enum sasl_mechanism
sasl_by_name(const uint8_t *name, size_t len)
{
	for (unsigned m = SASL_OTHER + 1; m < SASL_MECHANISM_COUNT; m++) {
		const struct mechanism_row *row = &rows[m];
		bool family = row->name[row->name_len - 1] == '-';
		if (family ? len <= row->name_len : len != row->name_len)
			continue;
		if (caseless_equal(name, row->name, row->name_len))
			return (enum sasl_mechanism)m;
	}
	return SASL_OTHER;
}

bool
sasl_never_empty(enum sasl_mechanism mechanism)
{
	return mechanism == SASL_PLAIN || mechanism == SASL_SECURID || mechanism == SASL_SCRAM ||
	       mechanism == SASL_XOAUTH2 || mechanism == SASL_OAUTHBEARER || mechanism == SASL_OTP;
}

const char *
sasl_name(enum sasl_mechanism mechanism)
{
	switch (mechanism) {
	case SASL_CRAM:
		return "CRAM-MD5";
	case SASL_DIGEST:
		return "DIGEST-MD5";
	case SASL_SCRAM:
		return "SCRAM";
	case SASL_UNKNOWN:
	case SASL_OTHER:
	case SASL_LOGIN:
	case SASL_PLAIN:
	case SASL_NTLM:
	case SASL_XOAUTH2:
	case SASL_OAUTHBEARER:
	case SASL_EXTERNAL:
	case SASL_ANONYMOUS:
	case SASL_OTP:
	case SASL_SECURID:
	case SASL_GSSAPI:
	case SASL_MECHANISM_COUNT:
		break;
	}
	return mechanism < SASL_MECHANISM_COUNT ? rows[mechanism].name : "UNKNOWN";
}

unsigned
sasl_responses(enum sasl_mechanism mechanism)
{
	return mechanism < SASL_MECHANISM_COUNT ? rows[mechanism].responses : 0;
}

bool
sasl_name_ok(const uint8_t *name, size_t len)
{
	bool has_upper = false, has_lower = false;

	if (len == 0 || len > SASL_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = name[i];
		has_upper |= c >= 'A' && c <= 'Z';
		has_lower |= c >= 'a' && c <= 'z';
		if (!(upper(c) >= 'A' && upper(c) <= 'Z') && !(c >= '0' && c <= '9') && c != '-' &&
			c != '_')
			return false;
	}
	return !(has_upper && has_lower) || sasl_by_name(name, len) != SASL_OTHER;
}

/* Where to cut so that no character is halved (RFC 3629 3: 10xxxxxx continues one). */
static size_t
cut_at(const uint8_t *data, size_t len, size_t max)
{
	size_t n = max;

	if (len <= max)
		return len;
	while (n > 0 && n > max - 3 && (data[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static void
put_username(struct sasl_identity *out, const uint8_t *data, size_t len)
{
	out->has_username = true;
	out->truncated = len > SASL_USERNAME_MAX;
	out->username_len = cut_at(data, len, SASL_USERNAME_MAX);
	if (out->username_len > 0)
		memcpy(out->username, data, out->username_len);
}

static void
put_domain(struct sasl_identity *out, const uint8_t *data, size_t len)
{
	out->domain_len = cut_at(data, len, SASL_DOMAIN_MAX);
	if (out->domain_len > 0)
		memcpy(out->domain, data, out->domain_len);
}

static void
put_password(struct sasl_identity *out, const uint8_t *data, size_t len)
{
	out->has_password = true;
	out->password = data;
	out->password_len = len;
}

/* The offset of byte c from at on, or len. */
static size_t
find(const uint8_t *data, size_t len, size_t at, uint8_t c)
{
	const uint8_t *p = at < len ? memchr(data + at, c, len - at) : NULL;

	return p ? (size_t)(p - data) : len;
}

/* RFC 4616 2: [authzid] NUL authcid NUL passwd. Also RFC 2808's. */
static void
read_plain(const uint8_t *m, size_t len, struct sasl_identity *out)
{
	size_t first = find(m, len, 0, 0);
	size_t second = find(m, len, first + 1, 0);

	if (second >= len)
		return; /* no two NULs: what would be the name may be the password */
	size_t name_len = second - first - 1;
	bool same = first == name_len && memcmp(m, m + first + 1, first) == 0;
	/* "name NUL password NUL", a common mistake, has the password where the name belongs. */
	if (first > 0 && !same && second + 1 == len)
		return;
	put_username(out, m + first + 1, name_len);
	put_password(out, m + second + 1, len - second - 1);
	if (first > 0 && !same)
		put_domain(out, m, first);
}

/* RFC 2444 3: authzid NUL authcid. */
static void
read_otp(const uint8_t *m, size_t len, struct sasl_identity *out)
{
	size_t nul = find(m, len, 0, 0);

	if (nul >= len)
		return;
	put_username(out, m + nul + 1, len - nul - 1);
	if (nul > 0)
		put_domain(out, m, nul);
}

/* RFC 2195 2: the name, a space, the digest in hex. A name may hold spaces. */
static void
read_cram(const uint8_t *m, size_t len, struct sasl_identity *out)
{
	const uint8_t *space = len > 0 ? memrchr(m, ' ', len) : NULL;

	if (!space)
		return;
	size_t name_len = (size_t)(space - m);
	size_t digest_len = len - name_len - 1;
	if (digest_len < 16)
		return;
	for (size_t i = name_len + 1; i < len; i++) {
		uint8_t c = upper(m[i]);
		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'F'))
			return; /* a name and a password in clear, perhaps */
	}
	put_username(out, m, name_len);
}

/* One directive of RFC 2831 2.1.2: name=value or name="quoted \" value". */
struct directive {
	size_t name_at;
	size_t name_len;
	uint8_t value[SASL_USERNAME_MAX];
	size_t value_len;
	bool truncated;
};

static size_t
read_directive(const uint8_t *m, size_t len, size_t at, struct directive *d)
{
	memset(d, 0, offsetof(struct directive, value));
	d->value_len = 0;
	d->truncated = false;
	while (at < len && (m[at] == ',' || m[at] == ' ' || m[at] == '\t'))
		at++;
	d->name_at = at;
	while (at < len && m[at] != '=' && m[at] != ',')
		at++;
	d->name_len = at - d->name_at;
	if (at >= len || m[at] != '=') {
		d->name_len = 0;
		return at;
	}
	at++;
	bool quoted = at < len && m[at] == '"';
	at += quoted;
	for (; at < len && m[at] != (quoted ? '"' : ','); at++) {
		if (quoted && m[at] == '\\' && at + 1 < len)
			at++;
		if (d->value_len < sizeof(d->value))
			d->value[d->value_len++] = m[at];
		else
			d->truncated = true;
	}
	return at + (quoted && at < len);
}

/*
 * The account is the name within a realm, both of the client's choosing (RFC 2831
 * 2.1.2), which servers write as name@realm, and so do we: "bob" of one realm is not
 * "bob" of another, and is who logs in as bob@realm with other mechanisms.
 */
static void
add_realm(struct sasl_identity *out, const uint8_t *realm, size_t len)
{
	size_t room = SASL_USERNAME_MAX - out->username_len;

	if (!out->has_username || out->username_len == 0 || len == 0 || len + 1 > room ||
		memchr(out->username, '@', out->username_len))
		return;
	out->username[out->username_len] = '@';
	memcpy(out->username + out->username_len + 1, realm, len);
	out->username_len += len + 1;
}

static void
read_digest(const uint8_t *m, size_t len, struct sasl_identity *out)
{
	struct directive d = {0};
	uint8_t realm[SASL_USERNAME_MAX];
	size_t realm_len = 0;

	for (size_t at = 0; at < len;) {
		at = read_directive(m, len, at, &d);
		if (d.name_len == 8 && caseless_equal(m + d.name_at, "USERNAME", 8) &&
			!out->has_username) {
			put_username(out, d.value, d.value_len);
			out->truncated = d.truncated;
		} else if (d.name_len == 7 && caseless_equal(m + d.name_at, "AUTHZID", 7)) {
			put_domain(out, d.value, d.value_len);
		} else if (d.name_len == 5 && caseless_equal(m + d.name_at, "REALM", 5)) {
			realm_len = d.value_len;
			memcpy(realm, d.value, realm_len);
		}
	}
	add_realm(out, realm, realm_len);
}

/* A security buffer (MS-NLMP 2.2.1.3): length, room, offset. false: outside. */
static bool
ntlm_field(const uint8_t *m, size_t len, size_t at, size_t *offset, size_t *field_len)
{
	if (at + 8 > len)
		return false;
	*field_len = load_le16(m + at);
	*offset = load_le32(m + at + 4);
	return *offset <= len && *field_len <= len - *offset;
}

static bool
looks_utf16(const uint8_t *data, size_t len)
{
	if (len < 2 || len % 2 != 0)
		return false;
	for (size_t i = 1; i < len; i += 2)
		if (data[i] != 0)
			return false;
	return true;
}

static size_t
ntlm_text(const uint8_t *data, size_t len, bool unicode, uint8_t *out, size_t out_len)
{
	if (unicode || looks_utf16(data, len))
		return utf8_from_utf16le(data, len, out, out_len);
	size_t n = len < out_len ? len : out_len;
	if (n > 0)
		memcpy(out, data, n);
	return n;
}

#define NTLM_NEGOTIATE_UNICODE 0x1u
#define NTLM_FLAGS_AT 60u

/* MS-NLMP 2.2.1.3: domain at 28, user at 36, flags at 60 (older senders: none). */
static void
read_ntlm(const uint8_t *m, size_t len, struct sasl_identity *out)
{
	size_t domain_at, domain_len, user_at, user_len;

	if (len < 44 || memcmp(m, "NTLMSSP\0", 8) != 0 || load_le32(m + 8) != 3)
		return;
	if (!ntlm_field(m, len, 36, &user_at, &user_len))
		return;
	if (!ntlm_field(m, len, 28, &domain_at, &domain_len))
		domain_at = domain_len = 0;
	/* Where the fields begin before 64 there is no room for flags. */
	bool has_flags = len >= NTLM_FLAGS_AT + 4 &&
			 (user_len == 0 || user_at >= NTLM_FLAGS_AT + 4) &&
			 (domain_len == 0 || domain_at >= NTLM_FLAGS_AT + 4);
	bool unicode = has_flags && (load_le32(m + NTLM_FLAGS_AT) & NTLM_NEGOTIATE_UNICODE);

	/* One byte more than fits tells whether something was left out. */
	uint8_t name[SASL_USERNAME_MAX + 4];
	size_t n = ntlm_text(m + user_at, user_len, unicode, name, sizeof(name));
	put_username(out, name, n);
	n = ntlm_text(m + domain_at, domain_len, unicode, name, SASL_DOMAIN_MAX);
	put_domain(out, name, n);
}

/* RFC 5802 5.1: in names "," is =2C and "=" is =3D. */
static size_t
scram_unescape(const uint8_t *data, size_t len, uint8_t *out, size_t out_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < out_len; i++) {
		uint8_t c = data[i];
		if (c == '=' && i + 2 < len && caseless_equal(data + i + 1, "2C", 2)) {
			c = ',';
			i += 2;
		} else if (c == '=' && i + 2 < len && caseless_equal(data + i + 1, "3D", 2)) {
			i += 2;
		}
		out[n++] = c;
	}
	return n;
}

/*
 * The GS2 header (RFC 5801 4): cbind-flag "," [ "a=" authzid ] ",". Returns the
 * offset of what follows, 0 when there is no such header.
 */
static size_t
gs2_header(const uint8_t *m, size_t len, size_t *authzid_at, size_t *authzid_len)
{
	*authzid_at = *authzid_len = 0;
	if (len < 3 || !memchr("nyp", m[0], 3) || (m[0] != 'p' && m[1] != ','))
		return 0;
	size_t first = find(m, len, 0, ',');
	size_t second = find(m, len, first + 1, ',');
	if (second >= len)
		return 0;
	if (second - first > 2 && m[first + 1] == 'a' && m[first + 2] == '=') {
		*authzid_at = first + 3;
		*authzid_len = second - first - 3;
	}
	return second + 1;
}

static void
read_scram(const uint8_t *m, size_t len, struct sasl_identity *out)
{
	uint8_t name[SASL_USERNAME_MAX + 1];
	size_t authzid_at, authzid_len;
	size_t at = gs2_header(m, len, &authzid_at, &authzid_len);

	if (at + 2 <= len && m[at] == 'm' && m[at + 1] == '=') /* reserved-mext */
		at = find(m, len, at, ',') + 1;
	if (at + 2 > len || m[at] != 'n' || m[at + 1] != '=')
		return;
	size_t end = find(m, len, at, ',');
	put_username(out, name, scram_unescape(m + at + 2, end - at - 2, name, sizeof(name)));
	if (authzid_len > 0)
		put_domain(out, name,
			scram_unescape(m + authzid_at, authzid_len, name, SASL_DOMAIN_MAX));
}

/* user=NAME ^A auth=Bearer ... ^A ^A */
static void
read_xoauth2(const uint8_t *m, size_t len, struct sasl_identity *out)
{
	if (len < 5 || !caseless_equal(m, "USER=", 5))
		return;
	put_username(out, m + 5, find(m, len, 5, 1) - 5);
}

/* RFC 7628 3.1: a GS2 header whose authzid is the user. */
static void
read_oauthbearer(const uint8_t *m, size_t len, struct sasl_identity *out)
{
	uint8_t name[SASL_USERNAME_MAX + 1];
	size_t at, n;

	if (gs2_header(m, len, &at, &n) == 0 || n == 0)
		return;
	put_username(out, name, scram_unescape(m + at, n, name, sizeof(name)));
}

void
sasl_read(enum sasl_mechanism mechanism, unsigned step, const uint8_t *m, size_t len,
	struct sasl_identity *out)
{
	memset(out, 0, offsetof(struct sasl_identity, username));
	switch (mechanism) {
	case SASL_LOGIN:
		/* With a NUL inside it is a PLAIN message, password and all, in the wrong place. */
		if (step == 0 && (len == 0 || !memchr(m, 0, len - 1)))
			put_username(out, m, len);
		else if (step == 1)
			put_password(out, m, len);
		return;
	case SASL_NTLM: /* by its type, not its number */
		read_ntlm(m, len, out);
		return;
	case SASL_UNKNOWN:
	case SASL_OTHER:
	case SASL_GSSAPI:
	case SASL_MECHANISM_COUNT:
		return;
	case SASL_PLAIN:
	case SASL_SECURID:
	case SASL_CRAM:
	case SASL_DIGEST:
	case SASL_SCRAM:
	case SASL_XOAUTH2:
	case SASL_OAUTHBEARER:
	case SASL_EXTERNAL:
	case SASL_ANONYMOUS:
	case SASL_OTP:
		break;
	}
	if (step > 0)
		return;
	if (mechanism == SASL_PLAIN || mechanism == SASL_SECURID)
		read_plain(m, len, out);
	else if (mechanism == SASL_CRAM)
		read_cram(m, len, out);
	else if (mechanism == SASL_DIGEST)
		read_digest(m, len, out);
	else if (mechanism == SASL_SCRAM)
		read_scram(m, len, out);
	else if (mechanism == SASL_XOAUTH2)
		read_xoauth2(m, len, out);
	else if (mechanism == SASL_OAUTHBEARER)
		read_oauthbearer(m, len, out);
	else if (mechanism == SASL_OTP)
		read_otp(m, len, out);
	else /* EXTERNAL: the authzid, may be empty; ANONYMOUS: the trace */
		put_username(out, m, len);
}
