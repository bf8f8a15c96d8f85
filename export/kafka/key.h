/* The key of a message: alerts that have the same stay in order, in one partition. */
#ifndef SMTAP_EXPORT_KAFKA_KEY_H
#define SMTAP_EXPORT_KAFKA_KEY_H

#include <jansson.h>

#define KAFKA_KEY_MAX 512

/*
 * Of a source or a prefix: the /24 or /48 that it is in, so that what one network does is read in
 * its order; a wider prefix as it is. Of an account or a server: its name. Of what has no subject,
 * as an alert about the sensor: the sensor.
 */
void kafka_key(const json_t *eve, const char *sensor, char out[KAFKA_KEY_MAX]);

#endif
