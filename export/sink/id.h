/* The name of one delivered alert, by which who receives it twice can tell. */
#ifndef SMTAP_EXPORT_SINK_ID_H
#define SMTAP_EXPORT_SINK_ID_H

#include "export/sink/sink.h"

#define SINK_ID_MAX 40

/*
 * Its number, a dash, and 16 hexadecimal digits of a hash of sensor and line: the same each time
 * that it is sent, and another one when the store is made anew and its numbers begin again at 1.
 */
void sink_id(const struct sink_alert *alert, const char *sensor, char out[SINK_ID_MAX]);

#endif
