#include "cli/page/ties.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
hash_of(const struct ties *ties, enum tie_kind kind, const char *name)
{
	uint64_t h = siphash(&ties->key, name, strlen(name));

	return h ^ (uint64_t)kind * 0x9e3779b97f4a7c15ULL;
}

static int
add(struct ties *ties, enum tie_kind kind, const char *name, size_t incident, unsigned flags)
{
	struct tie *t;

	if (!name || *name == '\0')
		return 0;
	if (ties->count == ties->room) {
		size_t room = ties->room ? ties->room * 2 : 64;

		t = realloc(ties->ties, room * sizeof(*t));
		if (!t)
			return -ENOMEM;
		ties->ties = t;
		ties->room = room;
	}
	t = &ties->ties[ties->count];
	*t = (struct tie){.name = strdup(name),
		.hash = hash_of(ties, kind, name),
		.incident = (uint32_t)incident,
		.kind = (uint8_t)kind,
		.flags = (uint8_t)flags};
	if (!t->name)
		return -ENOMEM;
	ties->count++;
	return 0;
}

bool
ties_prefix(const char *addr, unsigned bits, char out[TIE_PREFIX_TEXT])
{
	bool v6 = strchr(addr, ':') != NULL;
	unsigned len = v6 ? 16 : 4;
	uint8_t bytes[16];

	if (inet_pton(v6 ? AF_INET6 : AF_INET, addr, bytes) != 1 || bits > len * 8)
		return false;
	for (unsigned i = 0; i < len; i++) {
		unsigned keep = bits >= (i + 1) * 8 ? 8 : bits > i * 8 ? bits - i * 8 : 0;
		bytes[i] &= (uint8_t)(0xff00u >> keep);
	}
	if (!inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, out, TIE_PREFIX_TEXT))
		return false;
	snprintf(out + strlen(out), TIE_PREFIX_TEXT - strlen(out), "/%u", bits);
	return true;
}

bool
ties_subject(const char *subject, char out[TIE_PREFIX_TEXT], unsigned *bits)
{
	char addr[TIE_PREFIX_TEXT];
	const char *slash = strchr(subject, '/');
	size_t len = slash ? (size_t)(slash - subject) : sizeof(addr);

	if (len >= sizeof(addr))
		return false;
	memcpy(addr, subject, len);
	addr[len] = '\0';
	*bits = (unsigned)strtoul(slash + 1, NULL, 10);
	return ties_prefix(addr, *bits, out);
}

/* The subject of a finding about a prefix: its length is one to look for from now on. */
static int
add_prefix(struct ties *ties, const char *subject, size_t incident, unsigned flags)
{
	char prefix[TIE_PREFIX_TEXT];
	unsigned v6, i, bits;

	if (!ties_subject(subject, prefix, &bits))
		return 0;
	v6 = strchr(prefix, ':') != NULL;
	for (i = 0; i < ties->length_count[v6]; i++)
		if (ties->lengths[v6][i] == bits)
			return add(ties, TIE_PREFIX, prefix, incident, flags);
	if (i == TIE_LENGTHS_MAX)
		return 0;
	ties->lengths[v6][ties->length_count[v6]++] = (uint8_t)bits;
	return add(ties, TIE_PREFIX, prefix, incident, flags);
}

static bool
is(const struct finding *f, const char *detector)
{
	return f->detector && strcmp(f->detector, detector) == 0;
}

static int
tie_server(struct ties *ties, const struct finding *f, size_t incident)
{
	int e = 0;

	if (is(f, "distributed") || is(f, "auth_spike"))
		return add(ties, TIE_SERVER, f->subject, incident, TIE_AUTH | TIE_NOT_SUCCESS);
	if (is(f, "bounce_wave"))
		return add(ties, TIE_SERVER, f->subject, incident, TIE_MAIL | TIE_BOUNCE);
	/* The server speaks to others here: it is the client of what belongs to this. */
	if (is(f, "blocklisted") || is(f, "outbound_fanout") || is(f, "relay_burst"))
		return add(ties, TIE_SOURCE, f->subject, incident, TIE_MAIL | TIE_SESSION);
	/* An open relay takes honest mail too: only who abuses it counts. */
	for (unsigned i = 0; is(f, "open_relay") && i < TOPS_MAX && e == 0; i++)
		e = add(ties, TIE_SOURCE, f->top_sources[i].name, incident, TIE_MAIL);
	return e;
}

static int
tie_finding(struct ties *ties, const struct finding *f, size_t incident)
{
	const unsigned all = TIE_AUTH | TIE_MAIL | TIE_SESSION;
	const char *type = f->subject_type ? f->subject_type : "";

	if (!f->subject)
		return 0;
	if (strcmp(type, "source") == 0)
		return add(ties, TIE_SOURCE, f->subject, incident, all);
	if (strcmp(type, "prefix") == 0)
		return add_prefix(ties, f->subject, incident, all);
	if (strcmp(type, "account") == 0 && is(f, "bounce_wave"))
		return add(ties, TIE_RECIPIENT, f->subject, incident, TIE_MAIL | TIE_BOUNCE);
	if (strcmp(type, "account") == 0)
		return add(ties, TIE_ACCOUNT, f->subject, incident, TIE_AUTH | TIE_MAIL);
	return strcmp(type, "server") == 0 ? tie_server(ties, f, incident) : 0;
}

static int
make_slots(struct ties *ties)
{
	ties->slot_count = ties->count * 2 + 1;
	ties->slots = calloc(ties->slot_count, sizeof(*ties->slots));
	if (!ties->slots)
		return -ENOMEM;
	for (size_t i = 0; i < ties->count; i++) {
		uint32_t *slot = &ties->slots[ties->ties[i].hash % ties->slot_count];
		ties->ties[i].next = *slot;
		*slot = (uint32_t)i + 1;
	}
	return 0;
}

int
ties_open(struct ties *ties, const struct model *model)
{
	int e = 0;

	*ties = (struct ties){.key = model->shared.key};
	for (size_t i = 0; i < model->list.told && e == 0; i++) {
		const struct incident *incident = &model->incidents[i];

		for (size_t f = 0; f < incident->finding_count && e == 0; f++)
			e = tie_finding(ties, &incident->findings[f], i);
		for (size_t f = 0; f < incident->flow_count && e == 0; f++)
			e = add(ties, TIE_FLOW, incident->flows[f].community_id, i, 0);
	}
	return e == 0 ? make_slots(ties) : e;
}

void
ties_close(struct ties *ties)
{
	for (size_t i = 0; i < ties->count; i++)
		free(ties->ties[i].name);
	free(ties->ties);
	free(ties->slots);
	*ties = (struct ties){0};
}

const struct tie *
ties_next(const struct ties *ties, enum tie_kind kind, const char *name, const struct tie *last)
{
	uint64_t hash = last ? last->hash : hash_of(ties, kind, name);
	uint32_t at = last ? last->next : ties->slots[hash % ties->slot_count];

	for (; at != 0; at = ties->ties[at - 1].next) {
		const struct tie *t = &ties->ties[at - 1];

		if (t->hash == hash && t->kind == kind && strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}
