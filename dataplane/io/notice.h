/* notice: say what a start is waiting for, if it takes long. */
#ifndef SMTAP_DATAPLANE_IO_NOTICE_H
#define SMTAP_DATAPLANE_IO_NOTICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define NOTICE_BYTES 128

/* Its thread looks at all of it under the lock. */
struct notice {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char doing[NOTICE_BYTES]; /* empty: nothing that could take long */
	uint64_t number;          /* of what is done: each is told once */
	uint64_t patience_ns;
	int fd; /* its own */
	bool begun;
	bool ended;
};

/* From now on what is done for longer than that is told on (a copy of) fd. 0 or -errno. */
int notice_begin(struct notice *n, int fd, uint64_t patience_ns);

/* What is done now: "clears 512 MiB of huge pages". */
void notice_doing(struct notice *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Nothing more is told. May be called for one that was never begun. */
void notice_end(struct notice *n);

#endif
