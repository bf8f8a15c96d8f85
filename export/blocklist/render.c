#include "export/blocklist/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/duration.h"

char *
render_text(const struct table_entry *entries, size_t n, size_t *len)
{
	char *text = NULL, name[PREFIX_TEXT_MAX];
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		prefix_format(&entries[i].prefix, name);
		fprintf(out, "%s\n", name);
	}
	return fclose(out) == 0 ? text : NULL;
}

/* Elements of one family; the kernel lets each go by itself if nobody writes the set again. */
static void
put_elements(FILE *out, const struct table_entry *entries, size_t n, const char *table_name,
	bool v4, uint64_t now_ns)
{
	char name[PREFIX_TEXT_MAX];
	bool some = false;

	for (size_t i = 0; i < n; i++) {
		const struct table_entry *e = &entries[i];
		uint64_t left_s = e->until_ns > now_ns ? (e->until_ns - now_ns) / NS_PER_S : 0;

		if (addr_is_v4(&e->prefix.addr) != v4)
			continue;
		prefix_format(&e->prefix, name);
		if (!some)
			fprintf(out, "add element inet %s smtap%c {\n", table_name, v4 ? '4' : '6');
		some = true;
		fprintf(out, "\t%s timeout %" PRIu64 "s,\n", name, left_s + 1);
	}
	if (some)
		fputs("}\n", out);
}

char *
render_nft(const struct table_entry *entries, size_t n, const char *table_name, uint64_t now_ns,
	size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	/* All of a file is one transaction. */
	fprintf(out,
		"# Made by smtap; a rule of your own says what becomes of these addresses.\n"
		"add table inet %s\n"
		"add set inet %s smtap4 { type ipv4_addr; flags interval, timeout; }\n"
		"add set inet %s smtap6 { type ipv6_addr; flags interval, timeout; }\n"
		"flush set inet %s smtap4\n"
		"flush set inet %s smtap6\n",
		table_name, table_name, table_name, table_name, table_name);
	put_elements(out, entries, n, table_name, true, now_ns);
	put_elements(out, entries, n, table_name, false, now_ns);
	return fclose(out) == 0 ? text : NULL;
}

char *
render_flow(
	const struct prefix *prefix, const struct config_ports *ports, bool announce, size_t *len)
{
	char *text = NULL, name[PREFIX_TEXT_MAX];
	FILE *out = open_memstream(&text, len);
	bool v4 = addr_is_v4(&prefix->addr);

	if (!out)
		return NULL;
	prefix_format(prefix, name);
	fprintf(out, "%s flow route { match { source %s", announce ? "announce" : "withdraw", name);
	/* A single address is written without its length. */
	if (prefix->bits == PREFIX_BITS)
		fputs(v4 ? "/32" : "/128", out);
	fputs("; destination-port [", out);
	for (unsigned i = 0; i < ports->count; i++)
		fprintf(out, " =%u", ports->port[i]);
	fprintf(out, " ]; %s tcp; } then { discard; } }\n", v4 ? "protocol" : "next-header");
	return fclose(out) == 0 ? text : NULL;
}
