/* file: whole files, for sinks: who reads one sees the old or the new. */
#ifndef SMTAP_EXPORT_SINK_FILE_H
#define SMTAP_EXPORT_SINK_FILE_H

#include <stddef.h>
#include <sys/types.h>

struct file_place {
	int folder;          /* AT_FDCWD: names are paths */
	const char *name;    /* what it becomes */
	const char *scratch; /* until it is whole; one that a killed writer left goes */
	mode_t mode;
};

/* 0 when it is on the disk under its name; else -errno, and what was there is there. */
int file_put(const struct file_place *place, const char *text, size_t len);

#endif
