/*
 * Who is where. Honest addresses are 240/8 to 247/8, attackers' 248/8 and
 * above: no network of anybody's. Ours are 203.0.113.0/24 and 198.51.100.0/24.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "bench/day/world.h"

#define OFFICE_SHARE 40u /* per cent of the users */
#define V6_SHARE 15u
#define OFFICE_LEAST 50u  /* people behind one address: 50 to 200 */
#define MOBILE_CROWD 250u /* phones behind one address of a mobile network */

struct addr
place_v4(uint32_t number)
{
	const uint8_t four[4] = {number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255};

	return addr_from_v4(four);
}

struct addr
place_site(unsigned site)
{
	return place_v4((203u << 24) + (113u << 8) + 10 + site);
}

struct addr
place_target(unsigned n)
{
	uint32_t net = n % PLACE_TARGETS < 254 ? (203u << 24) + (113u << 8)
					       : (198u << 24) + (51u << 16) + (100u << 8);

	return place_v4(net + 1 + n % PLACE_TARGETS % 254);
}

unsigned
place_site_of(const struct world *w, unsigned user)
{
	return user % w->options.sites;
}

bool
place_in_office(const struct world *w, unsigned user)
{
	(void)w;
	return rng_mix(user) % 100 < OFFICE_SHARE;
}

/* Offices of 50 people and of 200; each is in a /24 of its own. */
static struct addr
office(unsigned user)
{
	unsigned block = user / 500; /* of whom 200 are in offices */
	unsigned part = rng_mix(user ^ 0xff1ce) % 4;

	if (block % 2 == 0)
		part = 0;
	return place_v4((242u << 24) + (block * 4 + part) * 256 + 1);
}

struct addr
place_user(const struct world *w, unsigned user)
{
	unsigned day = (unsigned)((w->now_ns - WORLD_START_NS) / DAY_NS);
	unsigned what = rng_mix(user) % 100;
	struct addr a = {{0x20, 0x01, 0x0d, 0xb8, 0x10}};
	uint64_t private;

	if (what < OFFICE_SHARE)
		return office(user);
	if (what >= OFFICE_SHARE + V6_SHARE)
		return place_v4((240u << 24) + user * 2 + 1);
	/* A privacy address of the day (RFC 8981) in the /64 of the household. */
	private = rng_mix(user * 1000003ULL + day);
	a.bytes[5] = user >> 16 & 255;
	a.bytes[6] = user >> 8 & 255;
	a.bytes[7] = user & 255;
	memcpy(a.bytes + 8, &private, sizeof(private));
	return a;
}

/* A third of the phones are out and about by day, behind addresses of a mobile network. */
struct addr
place_phone(const struct world *w, unsigned user)
{
	unsigned hour = (unsigned)((w->now_ns - WORLD_START_NS) % DAY_NS / NS_PER_H);

	if (user % 3 != 0 || hour < 8 || hour > 18)
		return place_user(w, user);
	return place_v4((243u << 24) + user / MOBILE_CROWD * 256 + 1);
}

struct addr
place_remote(unsigned host)
{
	return place_v4((244u << 24) + host * 256 + 25);
}

struct addr
place_attacker(unsigned instance, unsigned source)
{
	uint32_t n = instance * 2048 + source;

	return place_v4((248u << 24) + (n & 0x1ffff) * 256 + 1 + n % 250);
}

char *
place_account(const struct world *w, unsigned user, char out[WORLD_TEXT])
{
	snprintf(out, WORLD_TEXT, "user%u@site%u.example", user, place_site_of(w, user));
	return out;
}

void
place_text(const struct addr *a, char out[WORLD_TEXT])
{
	bool v4 = addr_is_v4(a);

	inet_ntop(v4 ? AF_INET : AF_INET6, a->bytes + (v4 ? 12 : 0), out, WORLD_TEXT);
}
