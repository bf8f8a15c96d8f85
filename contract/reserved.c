#include "contract/reserved.h"

struct row {
	const char *net;
	enum reserved what;
};

static const struct row rows[] = {
	{"0.0.0.0/8", RESERVED_INTERNAL},
	{"10.0.0.0/8", RESERVED_INTERNAL},
	{"100.64.0.0/10", RESERVED_INTERNAL},
	{"127.0.0.0/8", RESERVED_INTERNAL},
	{"169.254.0.0/16", RESERVED_INTERNAL},
	{"172.16.0.0/12", RESERVED_INTERNAL},
	{"192.168.0.0/16", RESERVED_INTERNAL},
	{"224.0.0.0/3", RESERVED_INTERNAL},
	{"::/128", RESERVED_INTERNAL},
	{"::1/128", RESERVED_INTERNAL},
	{"64:ff9b::/96", RESERVED_INTERNAL},
	{"fc00::/7", RESERVED_INTERNAL},
	{"fe80::/10", RESERVED_INTERNAL},
	{"ff00::/8", RESERVED_INTERNAL},
	{"192.0.0.0/24", RESERVED_SPECIAL},
	{"192.0.2.0/24", RESERVED_SPECIAL},
	{"192.88.99.0/24", RESERVED_SPECIAL},
	{"198.18.0.0/15", RESERVED_SPECIAL},
	{"198.51.100.0/24", RESERVED_SPECIAL},
	{"203.0.113.0/24", RESERVED_SPECIAL},
	{"2001::/23", RESERVED_SPECIAL},
	{"2001:db8::/32", RESERVED_SPECIAL},
	{"2002::/16", RESERVED_SPECIAL},
	{"3fff::/20", RESERVED_SPECIAL},
};

bool
reserved_at(unsigned index, struct prefix *net, enum reserved *what)
{
	char why[128];

	if (index >= sizeof(rows) / sizeof(rows[0]) ||
		prefix_parse(net, rows[index].net, why, sizeof(why)) != 0)
		return false;
	*what = rows[index].what;
	return true;
}
