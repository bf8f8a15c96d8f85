/*
 * frag: theory of operation.
 *
 * Why not rte_ip_frag: it takes at most RTE_LIBRTE_IP_FRAG_MAX_FRAG pieces of a packet, a
 * constant of the library's build (8 in Debian's), and throws the packet away at the ninth. Real
 * mail cut into 24-byte fragments needs twelve, and an attacker would just cut finer. Its key
 * also lacks the protocol (RFC 791 3.2 has it), and it needs mbufs, so no sanitizer would see it.
 *
 * Keeps: per packet being put together (struct frag_entry) its bytes in place, a bit per 8-byte
 * unit that says which are there, and the header of the first fragment. Entries are found by a
 * keyed hash and stand in one of two lists: `open`, oldest first, and `done`: packets already
 * complete, kept so that a late copy of one of their fragments is known for what it is and does
 * not start, and later spoil, a packet of its own.
 *
 * Always holds: have_units counts the bits set in seen; no bit is set at or past end_bytes; a
 * packet is complete when its last fragment came (total_bytes set) and every unit below that is
 * there. Both lists are in order of deadline, since each entry has the same time from when it
 * joined and the clock does not run backwards.
 *
 * Limits: a fixed number of entries; when all are in use a done one is taken, else the oldest
 * open one, whose fragments are counted as dropped. Work per fragment is bounded by its length,
 * or by the packet's when it contradicts another.
 *
 * What an attacker would try: overlaps that read differently here and at the target. First bytes
 * win, as in Linux; what contradicts them is kept in an entry of its own (its key has
 * `contested`), and is read instead when only that makes the TCP checksum right. A packet that
 * was complete before the true piece came is told again, with it. Copies that end on the way: of
 * two headers that with more hops to go is kept. Fragments past 65535 bytes, of no length, of a
 * length that is no multiple of 8, or past the last one are dropped. What remains: more than two
 * wordings of a piece, and decoys of some pieces before and of others after the true ones.
 */
#include "dataplane/frag/frag.h"

#include <string.h>

#include "base/bytes.h"
#include "base/duration.h"

#define FRAG_UNIT 8u
#define FRAG_PROTOCOL_TCP 6u
#define FRAG_BYTES_MAX 65535u
#define FRAG_UNITS ((FRAG_BYTES_MAX + FRAG_UNIT) / FRAG_UNIT)
/* An IPv4 header has at most 60 bytes; what precedes an IPv6 fragment header seldom exceeds 88. */
#define FRAG_HEADER_MAX 256u
#define FRAG_NONE UINT32_MAX
/* As Linux waits (net.ipv4.ipfrag_time); RFC 1122 3.3.2 and RFC 8200 4.5 allow 60 s and more. */
#define FRAG_TIMEOUT_NS (30 * NS_PER_S)

#define IPV4_MORE_FRAGMENTS 0x2000u
#define IPV6_HEADER_BYTES 40u
#define IPV6_FRAGMENT_HEADER_BYTES 8u
#define IPV6_NEXT_HEADER 6u
#define IPV6_EXTENSIONS_MAX 16

/* RFC 791 3.2 and RFC 8200 4.5: what fragments of one packet have in common. */
struct frag_key {
	struct addr src;
	struct addr dst;
	uint32_t id;
	uint8_t protocol; /* IPv6: 0, since only the first fragment's counts there */
	uint8_t is_v6;
	uint8_t contested; /* 1: of the pieces that contradict those of the same key with 0 */
	uint8_t reserved;
};

_Static_assert(sizeof(struct frag_key) == 40, "frag_key has no padding");

enum frag_list { FRAG_OPEN, FRAG_COMPLETE, FRAG_LISTS };

struct frag_entry {
	struct frag_key key;
	uint64_t deadline_ns;
	uint32_t total_bytes; /* of payload; 0 until the last fragment came */
	uint32_t end_bytes;   /* the furthest byte that is there */
	uint32_t have_units;
	uint32_t header_len; /* 0 until the first fragment came */
	uint32_t next_header_at;
	uint32_t fragments; /* taken in */
	uint32_t bucket_next;
	uint32_t newer;
	uint32_t older;
	uint8_t in_list; /* enum frag_list */
	uint8_t next_header;
	uint8_t contested; /* there is, or was, an entry of what contradicts it */
	uint8_t seen[(FRAG_UNITS + 7) / 8];
	uint8_t header[FRAG_HEADER_MAX];
	/* The packet: its header goes right before its payload. */
	uint8_t room[FRAG_HEADER_MAX];
	uint8_t payload[FRAG_UNITS * FRAG_UNIT];
};

struct frag_table {
	struct siphash_key hash_key;
	struct counters *counters;
	struct frag_entry *entries;
	uint32_t *buckets; /* heads of chains; index + 1, so that zeroed memory is empty */
	uint64_t timeout_ns;
	uint32_t capacity;
	uint32_t bucket_mask;
	uint32_t used; /* entries ever taken; those below are in a list or free */
	uint32_t free_head;
	uint32_t oldest[FRAG_LISTS];
	uint32_t newest[FRAG_LISTS];
};

/* One fragment, its header understood. */
struct frag_piece {
	struct frag_key key;
	const uint8_t *header; /* of a first fragment: up to the payload or fragment header */
	uint32_t header_len;
	uint32_t next_header_at; /* IPv6: which byte of it named the fragment header */
	uint8_t next_header;     /* and what it names instead */
	bool more;
	uint32_t offset;
	const uint8_t *data;
	uint32_t len;
};

void
frag_config_defaults(struct frag_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->packets = 1024;
	cfg->timeout_ns = FRAG_TIMEOUT_NS;
}

static uint32_t
frag_bucket_count(uint32_t packets)
{
	uint32_t n = 16;

	while (n < packets)
		n *= 2;
	return n;
}

static size_t
frag_align(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

size_t
frag_table_footprint(const struct frag_config *cfg)
{
	return frag_align(sizeof(struct frag_table)) +
	       frag_align(frag_bucket_count(cfg->packets) * sizeof(uint32_t)) +
	       (size_t)cfg->packets * sizeof(struct frag_entry);
}

struct frag_table *
frag_table_init(void *memory, const struct frag_config *cfg, struct counters *counters)
{
	struct frag_table *t = memory;
	uint32_t buckets = frag_bucket_count(cfg->packets);

	t->hash_key = cfg->hash_key;
	t->counters = counters;
	t->buckets = (uint32_t *)((uint8_t *)memory + frag_align(sizeof(*t)));
	t->entries = (struct frag_entry *)((uint8_t *)t->buckets +
					   frag_align(buckets * sizeof(uint32_t)));
	t->timeout_ns = cfg->timeout_ns;
	t->capacity = cfg->packets;
	t->bucket_mask = buckets - 1;
	t->free_head = FRAG_NONE;
	for (int i = 0; i < FRAG_LISTS; i++)
		t->oldest[i] = t->newest[i] = FRAG_NONE;
	return t;
}

static uint32_t *
frag_bucket(struct frag_table *t, const struct frag_key *key)
{
	return &t->buckets[siphash(&t->hash_key, key, sizeof(*key)) & t->bucket_mask];
}

static struct frag_entry *
frag_find(struct frag_table *t, const struct frag_key *key)
{
	for (uint32_t i = *frag_bucket(t, key); i != 0; i = t->entries[i - 1].bucket_next) {
		struct frag_entry *e = &t->entries[i - 1];
		if (memcmp(&e->key, key, sizeof(*key)) == 0)
			return e;
	}
	return NULL;
}

static void
frag_list_add(struct frag_table *t, struct frag_entry *e, enum frag_list list)
{
	uint32_t index = (uint32_t)(e - t->entries);

	e->in_list = (uint8_t)list;
	e->newer = FRAG_NONE;
	e->older = t->newest[list];
	if (e->older != FRAG_NONE)
		t->entries[e->older].newer = index;
	else
		t->oldest[list] = index;
	t->newest[list] = index;
}

static void
frag_list_remove(struct frag_table *t, struct frag_entry *e)
{
	if (e->older != FRAG_NONE)
		t->entries[e->older].newer = e->newer;
	else
		t->oldest[e->in_list] = e->newer;
	if (e->newer != FRAG_NONE)
		t->entries[e->newer].older = e->older;
	else
		t->newest[e->in_list] = e->older;
}

/* Give an entry up; the fragments of one that never completed are lost. */
static void
frag_entry_free(struct frag_table *t, struct frag_entry *e)
{
	uint32_t id = (uint32_t)(e - t->entries) + 1;
	uint32_t *link = frag_bucket(t, &e->key);

	if (e->in_list == FRAG_OPEN)
		counter_add(t->counters, COUNTER_FRAG_DROP, e->fragments);
	frag_list_remove(t, e);
	while (*link != id)
		link = &t->entries[*link - 1].bucket_next;
	*link = e->bucket_next;
	e->bucket_next = t->free_head;
	t->free_head = id - 1;
}

static struct frag_entry *
frag_entry_take(struct frag_table *t, const struct frag_key *key, uint64_t clock_ns)
{
	struct frag_entry *e;
	uint32_t *bucket = frag_bucket(t, key);

	if (t->free_head == FRAG_NONE && t->used == t->capacity) {
		uint32_t victim = t->oldest[FRAG_COMPLETE];
		frag_entry_free(
			t, &t->entries[victim != FRAG_NONE ? victim : t->oldest[FRAG_OPEN]]);
	}
	if (t->free_head != FRAG_NONE) {
		e = &t->entries[t->free_head];
		t->free_head = e->bucket_next;
	} else {
		e = &t->entries[t->used++];
	}
	memset(e, 0, offsetof(struct frag_entry, header));
	e->key = *key;
	e->deadline_ns = clock_ns + t->timeout_ns;
	e->bucket_next = *bucket;
	*bucket = (uint32_t)(e - t->entries) + 1;
	frag_list_add(t, e, FRAG_OPEN);
	return e;
}

static bool
frag_parse_v4(const uint8_t *l3, uint32_t l3_len, struct frag_piece *piece)
{
	uint32_t header_len = (l3[0] & 0x0fu) * 4u;
	uint16_t field = load_be16(l3 + 6);

	if (header_len < 20 || header_len > l3_len)
		return false;
	piece->key.id = load_be16(l3 + 4);
	piece->key.protocol = l3[9];
	piece->more = field & IPV4_MORE_FRAGMENTS;
	piece->offset = (field & 0x1fffu) * FRAG_UNIT;
	piece->header = l3;
	piece->header_len = header_len;
	piece->data = l3 + header_len;
	piece->len = l3_len - header_len;
	return true;
}

/* Which byte names the fragment header at frag_at; 0 when the chain does not lead there. */
static uint32_t
frag_v6_link(const uint8_t *l3, uint32_t frag_at)
{
	uint32_t link = IPV6_NEXT_HEADER;
	uint32_t at = IPV6_HEADER_BYTES;

	for (int i = 0; i < IPV6_EXTENSIONS_MAX && at < frag_at; i++) {
		link = at;
		at += (l3[at + 1] + 1u) * 8u;
	}
	return at == frag_at ? link : 0;
}

static bool
frag_parse_v6(const uint8_t *l3, uint32_t l3_len, uint32_t frag_at, struct frag_piece *piece)
{
	if (frag_at < IPV6_HEADER_BYTES || frag_at > FRAG_HEADER_MAX ||
		l3_len < frag_at + IPV6_FRAGMENT_HEADER_BYTES)
		return false;
	const uint8_t *frag = l3 + frag_at;
	uint16_t field = load_be16(frag + 2);

	piece->next_header_at = frag_v6_link(l3, frag_at);
	if (piece->next_header_at == 0)
		return false;
	piece->next_header = frag[0];
	piece->key.id = load_be32(frag + 4);
	piece->more = field & 1;
	piece->offset = field & 0xfff8u;
	piece->header = l3;
	piece->header_len = frag_at;
	piece->data = frag + IPV6_FRAGMENT_HEADER_BYTES;
	piece->len = l3_len - frag_at - IPV6_FRAGMENT_HEADER_BYTES;
	return true;
}

static bool
frag_parse(const struct decode_packet *packet, const uint8_t *data, uint32_t len,
	struct frag_piece *piece)
{
	bool ok;

	memset(piece, 0, sizeof(*piece));
	/* A fragment that the capture cut short is no use: what is missing never comes. */
	if (packet->l3_offset > len || packet->l3_len > len - packet->l3_offset ||
		packet->l3_len < 20)
		return false;
	const uint8_t *l3 = data + packet->l3_offset;

	piece->key.src = packet->src;
	piece->key.dst = packet->dst;
	piece->key.is_v6 = packet->is_v6;
	if (packet->is_v6)
		ok = packet->frag_ext_offset >= packet->l3_offset &&
		     frag_parse_v6(l3, packet->l3_len, packet->frag_ext_offset - packet->l3_offset,
			     piece);
	else
		ok = frag_parse_v4(l3, packet->l3_len, piece);
	/* RFC 8200 4.5: all but the last are a multiple of 8; no packet exceeds 65535. */
	return ok && piece->len > 0 && (!piece->more || piece->len % FRAG_UNIT == 0) &&
	       piece->header_len + piece->offset + piece->len <= FRAG_BYTES_MAX;
}

static bool
frag_unit_seen(const struct frag_entry *e, uint32_t unit)
{
	return e->seen[unit / 8] >> (unit % 8) & 1;
}

/* Does the packet end where the piece says, or after it? */
static bool
frag_fits(const struct frag_entry *e, const struct frag_piece *piece)
{
	uint32_t end = piece->offset + piece->len;

	if (e->total_bytes != 0 &&
		(end > e->total_bytes || (!piece->more && end != e->total_bytes)))
		return false;
	return piece->more || end >= e->end_bytes;
}

/* Do the bytes that are there already, if any, agree with the piece's? */
static bool
frag_agrees(const struct frag_entry *e, const struct frag_piece *piece)
{
	if (!frag_fits(e, piece))
		return false;
	for (uint32_t at = 0; at < piece->len; at += FRAG_UNIT) {
		uint32_t n = piece->len - at < FRAG_UNIT ? piece->len - at : FRAG_UNIT;
		uint32_t to = piece->offset + at;
		if (frag_unit_seen(e, to / FRAG_UNIT) &&
			memcmp(e->payload + to, piece->data + at, n) != 0)
			return false;
	}
	return true;
}

/* Take over what is new in the piece; returns whether anything was. */
static bool
frag_store(struct frag_entry *e, const struct frag_piece *piece)
{
	uint32_t end = piece->offset + piece->len;
	uint32_t before = e->have_units;

	for (uint32_t at = 0; at < piece->len; at += FRAG_UNIT) {
		uint32_t n = piece->len - at < FRAG_UNIT ? piece->len - at : FRAG_UNIT;
		uint32_t unit = (piece->offset + at) / FRAG_UNIT;
		if (frag_unit_seen(e, unit))
			continue;
		memcpy(e->payload + piece->offset + at, piece->data + at, n);
		e->seen[unit / 8] |= (uint8_t)(1u << (unit % 8));
		e->have_units++;
	}
	if (end > e->end_bytes)
		e->end_bytes = end;
	if (!piece->more)
		e->total_bytes = end;
	unsigned hops_at = e->key.is_v6 ? 7 : 8;
	if (piece->offset == 0 &&
		(e->header_len == 0 || e->header[hops_at] < piece->header[hops_at])) {
		memcpy(e->header, piece->header, piece->header_len);
		e->header_len = piece->header_len;
		e->next_header_at = piece->next_header_at;
		e->next_header = piece->next_header;
	}
	return e->have_units != before;
}

/* RFC 1071: 16-bit words, a last odd byte with a zero after it, and start. */
static uint16_t
frag_sum(const uint8_t *data, uint32_t len, uint32_t start)
{
	uint64_t sum = start + (len & 1 ? (uint64_t)data[len - 1] << 8 : 0);

	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += load_be16(data + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void
store_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Put the header before the payload, as if the packet had never been cut. */
static bool
frag_finish(struct frag_entry *e, struct span *out)
{
	/* In room and payload, which lie next to each other. */
	uint8_t *packet = (uint8_t *)e + offsetof(struct frag_entry, payload) - e->header_len;
	uint32_t len = e->header_len + e->total_bytes;

	if (len > FRAG_BYTES_MAX)
		return false;
	memcpy(packet, e->header, e->header_len);
	if (e->key.is_v6) {
		packet[e->next_header_at] = e->next_header;
		store_be16(packet + 4, len - IPV6_HEADER_BYTES);
	} else {
		store_be16(packet + 2, len);
		store_be16(packet + 6, 0);
		store_be16(packet + 10, 0);
		store_be16(packet + 10, (uint16_t)~frag_sum(packet, e->header_len, 0));
	}
	out->data = packet;
	out->len = len;
	return true;
}

/* Is it TCP whose checksum is right? An IPv4 address in IPv6's form adds 0xffff, which is 0. */
static bool
frag_tcp_is_right(const struct frag_entry *e)
{
	uint32_t protocol = e->key.is_v6 ? e->next_header : e->key.protocol;
	uint32_t sum = protocol + e->total_bytes;

	if (protocol != FRAG_PROTOCOL_TCP)
		return false;
	sum = frag_sum(e->key.src.bytes, sizeof(e->key.src.bytes), sum);
	sum = frag_sum(e->key.dst.bytes, sizeof(e->key.dst.bytes), sum);
	return frag_sum(e->payload, e->total_bytes, sum) == 0xffff;
}

/* The entry of what contradicts that of key; its own key goes to other. */
static struct frag_entry *
frag_find_contested(struct frag_table *t, const struct frag_key *key, struct frag_key *other)
{
	*other = *key;
	other->contested = 1;
	return frag_find(t, other);
}

/* Keep what contradicts e. False: that took e's own place. */
static bool
frag_contest(struct frag_table *t, struct frag_entry *e, const struct frag_piece *piece,
	uint64_t clock_ns)
{
	struct frag_key key;
	struct frag_entry *other = frag_find_contested(t, &piece->key, &key);

	e->contested = 1;
	if (!other)
		other = frag_entry_take(t, &key, clock_ns);
	frag_store(other, piece);
	return frag_find(t, &piece->key) == e;
}

/* Each unit that both have changes its place. */
static void
frag_exchange(struct frag_entry *e, struct frag_entry *other)
{
	uint8_t unit[FRAG_UNIT];

	for (uint32_t at = 0; at < e->total_bytes; at += FRAG_UNIT) {
		if (!frag_unit_seen(other, at / FRAG_UNIT))
			continue;
		memcpy(unit, e->payload + at, FRAG_UNIT);
		memcpy(e->payload + at, other->payload + at, FRAG_UNIT);
		memcpy(other->payload + at, unit, FRAG_UNIT);
	}
}

/* Of two wordings, the one whose checksum is right; the first when neither is. */
static void
frag_settle(struct frag_table *t, struct frag_entry *e)
{
	struct frag_key key;
	struct frag_entry *other = e->contested ? frag_find_contested(t, &e->key, &key) : NULL;

	if (!other)
		return;
	for (int i = 0; i < 2 && !frag_tcp_is_right(e); i++)
		frag_exchange(e, other);
	frag_entry_free(t, other);
}

/* Is the complete packet right with a piece that contradicts it, and only so? Else it is spent. */
static bool
frag_mend(struct frag_entry *e, const struct frag_piece *piece)
{
	if (!frag_fits(e, piece) || frag_tcp_is_right(e))
		return false;
	memcpy(e->payload + piece->offset, piece->data, piece->len);
	return frag_tcp_is_right(e);
}

/* The entry that the piece belongs to; NULL when it must be dropped. mended: it is complete. */
static struct frag_entry *
frag_entry_for(
	struct frag_table *t, const struct frag_piece *piece, uint64_t clock_ns, bool *mended)
{
	struct frag_entry *e = frag_find(t, &piece->key);

	if (e && e->in_list == FRAG_COMPLETE) {
		if (frag_agrees(e, piece))
			return NULL; /* a late copy */
		*mended = frag_mend(e, piece);
		if (*mended)
			return e;
		frag_entry_free(t, e); /* the sender uses the id again */
		e = NULL;
	}
	if (!e)
		return frag_entry_take(t, &piece->key, clock_ns);
	if (frag_agrees(e, piece))
		return e;
	return frag_fits(e, piece) && frag_contest(t, e, piece, clock_ns) ? e : NULL;
}

bool
frag_input(struct frag_table *t, const struct decode_packet *packet, const uint8_t *data,
	uint32_t len, uint64_t clock_ns, struct span *out)
{
	struct frag_piece piece;
	struct frag_entry *e = NULL;
	bool mended = false;

	counter_add(t->counters, COUNTER_FRAG_RX, 1);
	frag_clock(t, clock_ns);
	if (frag_parse(packet, data, len, &piece))
		e = frag_entry_for(t, &piece, clock_ns, &mended);
	if (mended)
		return frag_finish(e, out);
	if (!e || !frag_store(e, &piece)) {
		counter_add(t->counters, COUNTER_FRAG_DROP, 1);
		return false;
	}
	e->fragments++;
	if (e->total_bytes == 0 || e->header_len == 0 ||
		e->have_units != (e->total_bytes + FRAG_UNIT - 1) / FRAG_UNIT)
		return false;
	frag_settle(t, e);
	if (!frag_finish(e, out)) {
		frag_entry_free(t, e);
		return false;
	}
	frag_list_remove(t, e);
	e->deadline_ns = clock_ns + t->timeout_ns;
	frag_list_add(t, e, FRAG_COMPLETE);
	counter_add(t->counters, COUNTER_FRAG_DONE, 1);
	return true;
}

void
frag_clock(struct frag_table *t, uint64_t clock_ns)
{
	for (int list = 0; list < FRAG_LISTS; list++) {
		while (t->oldest[list] != FRAG_NONE &&
			t->entries[t->oldest[list]].deadline_ns <= clock_ns)
			frag_entry_free(t, &t->entries[t->oldest[list]]);
	}
}

void
frag_end(struct frag_table *t)
{
	frag_clock(t, UINT64_MAX);
}
