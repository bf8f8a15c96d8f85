/*
 * kafka: alerts as messages of a topic (librdkafka), each in a partition by its key, acknowledged
 * by all brokers that keep it.
 */
#ifndef SMTAP_EXPORT_KAFKA_KAFKA_H
#define SMTAP_EXPORT_KAFKA_KAFKA_H

#include "export/sink/sink.h"

extern const struct sink_kind kafka_kind;

#endif
