#include "export/kinds.h"

#include "export/blocklist/blocklist.h"
#include "export/kafka/kafka.h"
#include "export/local/local.h"
#include "export/syslog/syslog.h"
#include "export/webhook/webhook.h"
#include "export/xarf/xarf.h"

/* A row for each. */
static const struct sink_kind *const kinds[] = {
	[CONFIG_EXPORTER_UNIX] = &local_kind,
	[CONFIG_EXPORTER_KAFKA] = &kafka_kind,
	[CONFIG_EXPORTER_WEBHOOK] = &webhook_kind,
	[CONFIG_EXPORTER_SYSLOG] = &syslog_kind,
	[CONFIG_EXPORTER_XARF] = &xarf_kind,
	[CONFIG_EXPORTER_BLOCKLIST] = &blocklist_kind,
};

_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == CONFIG_EXPORTER_TYPE_COUNT,
	"each type of exporter has what makes it");

bool
kinds_still_end(void)
{
	return kafka_still_ends();
}

const struct sink_kind *
kind_of(enum config_exporter_type type)
{
	return kinds[type];
}
