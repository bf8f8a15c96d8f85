/* Private to export/kafka: what librdkafka is told, from the keys of an exporter. */
#ifndef SMTAP_EXPORT_KAFKA_SETUP_H
#define SMTAP_EXPORT_KAFKA_SETUP_H

#include <librdkafka/rdkafka.h>

#include "export/sink/sink.h"

#define KAFKA_TOPIC_MAX 249 /* bytes, as brokers have it */
#define KAFKA_BROKERS "bootstrap.servers"

/*
 * The settings of a producer, owned by the caller; secrets and files are read, and a producer was
 * made of them once, without a broker, so that what is wrong with them is known now. NULL: *error
 * is -errno, and why has a sentence.
 */
rd_kafka_conf_t *kafka_setup(const struct config_exporter *e, int *error, char why[SINK_WHY_MAX]);

#endif
