/* webhook: alerts to whoever takes them over HTTP: JSON, Slack, Splunk, Elastic, a template. */
#ifndef SMTAP_EXPORT_WEBHOOK_WEBHOOK_H
#define SMTAP_EXPORT_WEBHOOK_WEBHOOK_H

#include "export/sink/sink.h"

extern const struct sink_kind webhook_kind;

#endif
