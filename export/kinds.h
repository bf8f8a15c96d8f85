/* kinds: which exporters there are. */
#ifndef SMTAP_EXPORT_KINDS_H
#define SMTAP_EXPORT_KINDS_H

#include "export/sink/sink.h"

/* Are there threads left of sinks that were closed? The process ends without its handlers, then. */
bool kinds_still_end(void);

/* Of each type of config/exporter_keys.h. */
const struct sink_kind *kind_of(enum config_exporter_type type);

#endif
