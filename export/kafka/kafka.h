/*
 * kafka: alerts as messages of a topic (librdkafka), each in a partition by its key, acknowledged
 * by all brokers that keep it.
 */
#ifndef SMTAP_EXPORT_KAFKA_KAFKA_H
#define SMTAP_EXPORT_KAFKA_KAFKA_H

#include "export/sink/sink.h"

extern const struct sink_kind kafka_kind;

/* Has librdkafka threads left, of producers that do not end? Nothing that it uses may go, then. */
bool kafka_still_ends(void);

#endif
