/* local: the exporter of type unix: EVE lines to a Unix socket that another program listens on, as
 * Suricata's unix_stream and unix_dgram. */
#ifndef SMTAP_EXPORT_LOCAL_LOCAL_H
#define SMTAP_EXPORT_LOCAL_LOCAL_H

#include "export/sink/sink.h"

extern const struct sink_kind local_kind;

#endif
