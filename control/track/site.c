#include "control/track/site.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "contract/prefix.h"

#define DOMAIN_MAX 253u

/* IPv6 first: ::/64 spans the IPv4 addresses as they are written here, and does not mean them. */
static int
compare(const struct addr *a, const struct addr *b)
{
	int family = addr_is_v4(a) - addr_is_v4(b);

	return family != 0 ? family : memcmp(a, b, sizeof(*a));
}

static int
by_first(const void *a, const void *b)
{
	const struct site_range *x = a;
	const struct site_range *y = b;
	int first = compare(&x->first, &y->first);

	return first != 0 ? first : compare(&y->last, &x->last);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct site_domain *)a)->name, ((const struct site_domain *)b)->name);
}

static struct site_range
range_of(const struct prefix *prefix)
{
	struct site_range range = {prefix->addr, prefix->addr};

	for (unsigned bit = prefix->bits; bit < PREFIX_BITS; bit++)
		range.last.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return range;
}

static int
read_nets(struct site *site, const struct config_list *list)
{
	const char *text = NULL;
	uint32_t n = 0;

	site->nets = calloc(list->count + 1, sizeof(*site->nets));
	if (site->nets == NULL)
		return -ENOMEM;
	while ((text = config_list_next(list, text))) {
		struct prefix prefix;
		char why[1];

		/* Never else: the configuration was checked when it was read. */
		if (prefix_parse(&prefix, text, why, sizeof(why)) == 0)
			site->nets[n++] = range_of(&prefix);
	}
	qsort(site->nets, n, sizeof(*site->nets), by_first);
	/* Prefixes are apart or one within the other; of those that begin alike the widest stays.
	 */
	for (uint32_t i = 0; i < n; i++) {
		struct site_range *last = &site->nets[site->net_count - (site->net_count > 0)];
		const struct site_range *next = &site->nets[i];

		if (site->net_count == 0 || compare(&next->first, &last->last) > 0)
			site->nets[site->net_count++] = *next;
	}
	return 0;
}

static int
read_domains(struct site *site, const struct config_list *list)
{
	const char *text = NULL;
	uint32_t n = 0;

	site->domains = calloc(list->count + 1, sizeof(*site->domains));
	if (site->domains == NULL)
		return -ENOMEM;
	while ((text = config_list_next(list, text))) {
		bool below = text[0] == '.';

		site->domains[n++] = (struct site_domain){text + below, below};
	}
	qsort(site->domains, n, sizeof(*site->domains), by_name);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t last = site->domain_count - (site->domain_count > 0);

		if (site->domain_count > 0 && by_name(&site->domains[i], &site->domains[last]) == 0)
			site->domains[last].below |= site->domains[i].below;
		else
			site->domains[site->domain_count++] = site->domains[i];
	}
	return 0;
}

int
site_open(struct site *site, const struct config *config)
{
	int rc;

	*site = (struct site){0};
	rc = read_nets(site, &config->local_nets);
	if (rc == 0)
		rc = read_domains(site, &config->local_domains);
	if (rc != 0)
		site_close(site);
	return rc;
}

void
site_close(struct site *site)
{
	free(site->nets);
	free(site->domains);
	*site = (struct site){0};
}

bool
site_has_addr(const struct site *site, const struct addr *addr)
{
	uint32_t low = 0;
	uint32_t high = site->net_count;

	/* The last range that begins at or before the address. */
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (compare(&site->nets[middle].first, addr) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && compare(addr, &site->nets[low - 1].last) <= 0;
}

bool
site_has_domain(const struct site *site, const char *domain, size_t len)
{
	char folded[DOMAIN_MAX + 1];
	struct site_domain key = {folded, false};
	const struct site_domain *found;

	if (len > 0 && domain[len - 1] == '.')
		len--;
	if (len > DOMAIN_MAX || site->domain_count == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		folded[i] =
			domain[i] >= 'A' && domain[i] <= 'Z' ? (char)(domain[i] + 32) : domain[i];
	folded[len] = '\0';
	for (bool below = false; key.name != NULL; below = true) {
		found = bsearch(
			&key, site->domains, site->domain_count, sizeof(*site->domains), by_name);
		if (found != NULL && (found->below || !below))
			return true;
		key.name = strchr(key.name, '.');
		if (key.name != NULL)
			key.name++;
	}
	return false;
}
