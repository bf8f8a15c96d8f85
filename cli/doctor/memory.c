/*
 * memory: what the configured tables come to when they are full, against what is free. Tables are
 * taken whole at start and touched as they fill, so too large a one fails late: under attack.
 *
 * The costs are those of the tables in control/ and dataplane/, which the operator's command must
 * not include; the test doctor_memory holds them against the real ones.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/doctor/doctor.h"

#define MIB (1ULL << 20)

/* Of packets, in pages of 4 KiB: buffers of a port, of packets that are passed on, large ones. */
#define PAGE_BYTES 4096u
#define XDP_BUFFERS 8191u
#define PACKET_BUFFERS 255u
#define PACKET_BUFFER_PAGES 16u
#define SPARE_BUFFERS 1024u
#define RING_SLOTS 2048u
#define CACHE_SLOTS 512u
#define PASSED_CACHE 128u
#define LARGE_BASE 64u
#define LARGE_PER_WORKER 96u
#define LARGE_PAGES 17u
#define PACKETS_BASE_BYTES (48 * MIB)
/* The kernel's, for each port on AF_PACKET. */
#define PACKET_RING_BYTES (128 * MIB)

/* Taken whatever the settings are: by control; and by each worker (arenas, ring of events). */
#define CONTROL_BASE_BYTES (8 * MIB)
#define WORKER_BASE_BYTES (106 * MIB)

struct cost {
	size_t offset; /* of the setting in struct config */
	uint64_t bytes;
};

/* An entry of each table, all that hangs on it included. */
static const struct cost costs[] = {
	{offsetof(struct config, aggr_sources), 657},
	{offsetof(struct config, aggr_prefixes), 561},
	{offsetof(struct config, aggr_accounts), 817},
	{offsetof(struct config, aggr_servers), 884},
	{offsetof(struct config, aggr_pairs), 148},
	{offsetof(struct config, aggr_trackers), 630},
	{offsetof(struct config, incident_table), 17450},
};

#define SESSION_BYTES 249
/* Room for what sessions say; that of the first is in the base. */
#define TALK_BYTES 1024
#define TALK_IN_BASE 65536

static uint64_t
setting(const struct config *config, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)config + offset);
}

uint64_t
doctor_control_bytes(const struct config *config)
{
	uint64_t sum = CONTROL_BASE_BYTES;

	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
		sum += setting(config, costs[i].offset) * costs[i].bytes;
	return sum;
}

uint64_t
doctor_worker_bytes(const struct config *config)
{
	uint64_t more = config->sessions > TALK_IN_BASE ? config->sessions - TALK_IN_BASE : 0;

	return WORKER_BASE_BYTES + config->sessions * SESSION_BYTES + more * TALK_BYTES;
}

static uint64_t
port_pages(const struct config *config, enum doctor_port_kind kind)
{
	switch (kind) {
	case DOCTOR_AF_PACKET:
		return PACKET_BUFFERS * PACKET_BUFFER_PAGES;
	case DOCTOR_AF_XDP:
		return XDP_BUFFERS + config->workers * RING_SLOTS;
	case DOCTOR_PCI:
	case DOCTOR_VIRTUAL:
		break;
	}
	return config->workers * (config->rx_descriptors + RING_SLOTS + CACHE_SLOTS) +
	       SPARE_BUFFERS;
}

uint64_t
doctor_packet_bytes(const struct doctor *d)
{
	uint64_t workers = d->config.workers;
	uint64_t slots = workers > 1 ? RING_SLOTS : 0;
	uint64_t pages = (workers + 1) * (slots + PASSED_CACHE) +
			 (LARGE_BASE + LARGE_PER_WORKER * workers) * LARGE_PAGES;

	for (unsigned i = 0; i < d->port_count; i++)
		pages += port_pages(&d->config, d->ports[i].kind);
	/* What the first port would take. */
	if (d->port_count == 0)
		pages += port_pages(&d->config, DOCTOR_PCI);
	return pages * PAGE_BYTES + PACKETS_BASE_BYTES;
}

uint64_t
doctor_table_bytes(const struct doctor *d)
{
	uint64_t sum = doctor_control_bytes(&d->config) +
		       d->config.workers * doctor_worker_bytes(&d->config);

	for (unsigned i = 0; i < d->port_count; i++)
		sum += d->ports[i].kind == DOCTOR_AF_PACKET ? PACKET_RING_BYTES : 0;
	return d->port_count ? sum + doctor_packet_bytes(d) : sum;
}

static bool
read_kib(const char *text, const char *name, uint64_t *out)
{
	char value[64];

	if (!tree_field(text, name, value, sizeof(value)))
		return false;
	*out = strtoull(value, NULL, 10) << 10;
	return true;
}

void
doctor_memory(const struct doctor *d, struct diag *r)
{
	char *text = tree_text(&d->tree, "/proc/meminfo");
	uint64_t want = doctor_table_bytes(d);
	uint64_t available;
	uint64_t total;
	char need[24];
	char have[24];

	if (!text || !read_kib(text, "MemAvailable", &available) ||
		!read_kib(text, "MemTotal", &total)) {
		diag_add(r, DIAG_UNSEEN, "/proc/meminfo cannot be read");
		free(text);
		return;
	}
	free(text);
	doctor_size(want, need);
	doctor_size(available, have);
	if (want <= available) {
		diag_add(r, DIAG_OK, "full tables take %s; %s is free", need, have);
		return;
	}
	struct diag_item *item = diag_add(r, want > total ? DIAG_FAULT : DIAG_WARNING,
		"full tables take %s; %s is free", need, have);
	diag_so(item, "when an attack has filled them, the kernel kills smtap or something else");
	diag_mend(item, "# lower dataplane.sessions (for each worker) and aggregate.* in %s",
		d->config_file);
}
