#include "bench/day/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS (1u << RULES_SOURCES_BITS)

#define FAIL2BAN_MAXRETRY 5u
#define FAIL2BAN_FINDTIME_NS (10 * NS_PER_MIN)
#define ZEEK_LIMIT 30u
#define ZEEK_EPOCH_NS (30 * NS_PER_MIN)
#define CROWDSEC_CAPACITY 5.0
#define CROWDSEC_LEAK_NS (10 * NS_PER_S)
#define CROWDSEC_SLOW_CAPACITY 7.0
#define CROWDSEC_SLOW_LEAK_NS (15 * NS_PER_MIN)
#define CROWDSEC_VERY_SLOW_CAPACITY 5.0
#define CROWDSEC_VERY_SLOW_LEAK_NS (4 * NS_PER_H)

int
rules_open(struct rules *r, struct score *score)
{
	*r = (struct rules){.score = score};
	r->sources = calloc(SLOTS, sizeof(*r->sources));
	return r->sources != NULL ? 0 : -ENOMEM;
}

void
rules_close(struct rules *r)
{
	free(r->sources);
	*r = (struct rules){0};
}

static struct rules_source *
source_of(struct rules *r, const struct addr *addr)
{
	uint64_t halves[2];
	uint32_t at;

	memcpy(halves, addr->bytes, sizeof(halves));
	at = rng_mix(rng_mix(halves[0]) ^ halves[1]) >> (64 - RULES_SOURCES_BITS);
	while (r->sources[at].used && memcmp(&r->sources[at].addr, addr, sizeof(*addr)) != 0)
		at = (at + 1) % SLOTS;
	if (r->sources[at].used)
		return &r->sources[at];
	if (r->len >= SLOTS / 4 * 3) {
		r->lost++;
		return NULL;
	}
	r->len++;
	r->sources[at] = (struct rules_source){.addr = *addr, .used = true};
	return &r->sources[at];
}

/* One more failure; a ban forgets them all. */
static bool
jail_add(struct rules_jail *j, uint64_t now_ns)
{
	if (j->retry == 0 || now_ns - j->last_ns >= FAIL2BAN_FINDTIME_NS) {
		*j = (struct rules_jail){now_ns, now_ns, 1};
		return false;
	}
	if (now_ns > j->last_ns && now_ns - j->first_ns > FAIL2BAN_FINDTIME_NS) {
		double rate = j->retry / (double)(now_ns - j->first_ns);

		j->retry = (unsigned)(rate * (double)FAIL2BAN_FINDTIME_NS + 0.5);
		j->first_ns = now_ns - FAIL2BAN_FINDTIME_NS;
	}
	j->last_ns = now_ns;
	if (++j->retry < FAIL2BAN_MAXRETRY)
		return false;
	j->retry = 0;
	return true;
}

/* It overflows with the drop that finds no room, and begins anew. */
static bool
bucket_add(struct rules_bucket *b, uint64_t now_ns, double capacity, uint64_t leak_ns)
{
	double leaked = (double)(now_ns - b->last_ns) / (double)leak_ns;

	b->level = b->level > leaked ? b->level - leaked : 0;
	b->last_ns = now_ns;
	b->level += 1;
	if (b->level <= capacity)
		return false;
	b->level = 0;
	return true;
}

static bool
zeek_add(struct rules_source *s, uint64_t now_ns)
{
	uint64_t epoch = now_ns / ZEEK_EPOCH_NS;

	if (s->epoch != epoch)
		s->in_epoch = 0;
	s->epoch = epoch;
	return ++s->in_epoch == ZEEK_LIMIT;
}

static void
auth_failed(struct rules *r, struct rules_source *s, uint64_t now_ns)
{
	bool slow, very_slow;

	if (jail_add(&s->auth, now_ns))
		score_tool(r->score, TOOL_FAIL2BAN, &s->addr);
	if (zeek_add(s, now_ns))
		score_tool(r->score, TOOL_ZEEK, &s->addr);
	slow = bucket_add(&s->slow, now_ns, CROWDSEC_SLOW_CAPACITY, CROWDSEC_SLOW_LEAK_NS);
	very_slow = bucket_add(
		&s->very_slow, now_ns, CROWDSEC_VERY_SLOW_CAPACITY, CROWDSEC_VERY_SLOW_LEAK_NS);
	if (slow || very_slow)
		score_tool(r->score, TOOL_CROWDSEC_SLOW, &s->addr);
}

void
rules_event(struct rules *r, const struct event *e)
{
	bool auth = e->head.type == EVENT_AUTH && e->auth.outcome == OUTCOME_FAILURE;
	bool rcpt = e->head.type == EVENT_RCPT && e->rcpt.reply_code >= 550;
	uint64_t now_ns = e->head.clock_ns;
	struct rules_source *s;

	if (!auth && !rcpt)
		return;
	s = source_of(r, &e->head.flow.client);
	if (s == NULL)
		return;
	if (auth)
		auth_failed(r, s, now_ns);
	else if (jail_add(&s->rcpt, now_ns))
		score_tool(r->score, TOOL_FAIL2BAN, &s->addr);
	if (bucket_add(&s->fast, now_ns, CROWDSEC_CAPACITY, CROWDSEC_LEAK_NS))
		score_tool(r->score, TOOL_CROWDSEC, &s->addr);
}
