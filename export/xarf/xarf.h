/* xarf: abuse reports (XARF v4) as files, one for each incident and address. */
#ifndef SMTAP_EXPORT_XARF_XARF_H
#define SMTAP_EXPORT_XARF_XARF_H

#include "export/sink/sink.h"

extern const struct sink_kind xarf_kind;

#endif
