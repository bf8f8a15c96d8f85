/* The sink of type blocklist: who is to be blocked, for firewalls and routers. */
#ifndef SMTAP_EXPORT_BLOCKLIST_BLOCKLIST_H
#define SMTAP_EXPORT_BLOCKLIST_BLOCKLIST_H

#include "export/sink/sink.h"

extern const struct sink_kind blocklist_kind;

#endif
