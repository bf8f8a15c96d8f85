/*
 * eve_file: the file that EVE lines go to. Whole lines go in; it is rotated between two of them.
 * Time is what the caller says it is.
 */
#ifndef SMTAP_CONTROL_EVE_FILE_H
#define SMTAP_CONTROL_EVE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVE_FILE_WHY_MAX 512

/* What does not work. */
enum eve_file_fault {
	EVE_FILE_WORKS,
	EVE_FILE_NO_WRITE,
	EVE_FILE_NO_ROTATION,
	EVE_FILE_NO_REMOVAL, /* of old ones */
	EVE_FILE_NO_REOPEN,
};

/* When another file is begun, and how many are kept. */
struct eve_file_rotation {
	uint64_t bytes;       /* a file becomes no larger, unless by one line; 0: never */
	uint64_t interval_ns; /* counted from 1970: 1d is midnight in UTC; 0: never */
	unsigned keep;        /* of those that were rotated; 0: all */
};

struct eve_file {
	char path[PATH_MAX];
	int fd;
	bool regular; /* neither standard output nor a pipe: it may be rotated */
	struct eve_file_rotation rotation;
	uint64_t now_ns;  /* wall clock, as last told */
	uint64_t next_ns; /* when it is rotated for its age; 0: never */
	uint64_t bytes;   /* in it */
	uint64_t lost;    /* lines */
	uint64_t wait_ns; /* no rotation before that: the last one failed */
	bool reopen;      /* it was moved away, and no new one could be opened so far */
	int error;        /* -errno of the last write that failed; 0: none ever did */
	enum eve_file_fault fault;
	bool news; /* of it, not told yet */
	char why[EVE_FILE_WHY_MAX];
};

/*
 * At the end of what is there, or anew. "-" is standard output, which is neither rotated nor
 * opened again. 0 or -errno.
 */
int eve_file_open(struct eve_file *file, const char *path, bool append, uint64_t now_ns);
void eve_file_close(struct eve_file *file);

/* From now on; of a regular file only. */
void eve_file_rotate_by(struct eve_file *file, const struct eve_file_rotation *rotation);

/*
 * Whole lines. What cannot be written is left out by the line and counted: the file holds no part
 * of one. How many lines that were.
 */
uint64_t eve_file_write(struct eve_file *file, const char *lines, size_t len);

/* Somebody moved it away (logrotate): go on in a new one. When there can be none, in the old one,
   and eve_file_look tries again. */
void eve_file_reopen(struct eve_file *file);

/* Once a second, with the wall clock: what is due by it. Between two lines. */
void eve_file_look(struct eve_file *file, uint64_t now_ns);

/* What is to be told since the last call, in one line. False: nothing new. */
bool eve_file_trouble(struct eve_file *file, char why[EVE_FILE_WHY_MAX]);

#endif
