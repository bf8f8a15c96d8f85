/* What the elements of lists are: networks, domains and ports, each in the one form it has. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "config/setting.h"
#include "contract/prefix.h"

#define DOMAIN_MAX 253u /* RFC 1035 2.3.4, as text without the last dot */
#define LABEL_MAX 63u
#define INTERFACE_MAX 15u /* IFNAMSIZ, less the NUL */

int
element_net(const char *text, char out[ELEMENT_MAX], char *why, size_t why_len)
{
	struct prefix net;
	int r = prefix_parse(&net, text, why, why_len);

	if (r)
		return r;
	if (strcmp(strchrnul(text, '/'), "/0") == 0) {
		snprintf(why, why_len, "'%s' would make every address ours", text);
		return -EINVAL;
	}
	prefix_format(&net, out);
	return 0;
}

/* Letters, digits, - and _; and UTF-8, since RFC 6531 has domains in it on the wire. */
static bool
is_domain_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       (unsigned char)c >= 0x80;
}

/* What is wrong with a domain without a leading dot, in lower case; NULL: nothing. */
static const char *
domain_fault(const char *domain)
{
	const char *label = domain;

	if (strlen(domain) > DOMAIN_MAX)
		return "is longer than 253 bytes";
	if (!utf8_is_printable((const uint8_t *)domain, strlen(domain)))
		return "holds a control character";
	for (const char *p = domain;; p++) {
		if (*p && *p != '.' && !is_domain_byte(*p))
			return "is no domain such as example.com";
		if (*p && *p != '.')
			continue;
		if (p == label)
			return *p || p == domain ? "has an empty label; one dot leads, none ends it"
						 : "ends in a dot: leave it off";
		if (p - label > (int)LABEL_MAX)
			return "has a label longer than 63 bytes";
		if (*p == '\0')
			return NULL;
		label = p + 1;
	}
}

int
element_domain(const char *text, char out[ELEMENT_MAX], char *why, size_t why_len)
{
	const char *at = strrchr(text, '@');
	char shown[QUOTE_MAX + 4];
	const char *fault = "is longer than 253 bytes";
	size_t len = strlen(text);

	if (len < ELEMENT_MAX) {
		for (size_t i = 0; i <= len; i++)
			out[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
		fault = domain_fault(out + (out[0] == '.'));
	}
	if (fault == NULL)
		return 0;
	if (at)
		fault = "is an address: give its domain alone, what follows the @";
	if (strncmp(text, "*.", 2) == 0)
		fault = "has a star: a leading dot alone stands for subdomains";
	snprintf(why, why_len, "'%s' %s", setting_quote(text, shown), fault);
	return -EINVAL;
}

/* [DDDD:]BB:DD.F */
static bool
is_pci_address(const char *text, size_t len)
{
	static const char *const forms[] = {"xxxx:xx:xx.x", "xx:xx.x"};

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		size_t i = 0;

		while (i < len && forms[f][i] &&
			(forms[f][i] == 'x' ? isxdigit((unsigned char)text[i]) != 0
					    : text[i] == forms[f][i]))
			i++;
		if (i == len && forms[f][i] == '\0')
			return true;
	}
	return false;
}

/* A kernel interface, as dev_valid_name() has it, without what EAL would take apart. */
static bool
is_interface_name(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > INTERFACE_MAX || text[0] == '-' || strcmp(text, ".") == 0 ||
		strcmp(text, "..") == 0)
		return false;
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("/:,=", *p))
			return false;
	return true;
}

int
element_interface(const char *text, char out[ELEMENT_MAX], char *why, size_t why_len)
{
	char shown[QUOTE_MAX + 4];
	size_t head = strcspn(text, ",");
	bool printable =
		utf8_is_printable((const uint8_t *)text, strlen(text)) && !strpbrk(text, " \t");
	bool device = is_pci_address(text, head) || (strncmp(text, "net_", 4) == 0 && head > 4);

	if (strlen(text) < ELEMENT_MAX && printable && (device || is_interface_name(text))) {
		strcpy(out, text);
		return 0;
	}
	snprintf(why, why_len,
		"'%s' is no port such as eth1, 0000:01:00.0 or net_af_xdp0,iface=eth1",
		setting_quote(text, shown));
	return -EINVAL;
}

int
config_add_interface(struct config *config, const char *text, char *why, size_t why_len)
{
	char element[ELEMENT_MAX];
	int r = element_interface(text, element, why, why_len);

	if (r == 0 && config_list_find(&config->interfaces, element) >= 0) {
		snprintf(why, why_len, "%s is listed twice", element);
		r = -EINVAL;
	}
	if (r == 0 && config_list_add(&config->interfaces, element) != 0) {
		snprintf(why, why_len, "%s: there are too many", element);
		r = -EINVAL;
	}
	return r;
}
