/*
 * meet: a live dataplane that nobody started beside us is looked for at its socket, each second
 * while none is there.
 */
#ifndef SMTAP_CONTROL_MEET_H
#define SMTAP_CONTROL_MEET_H

/* A descriptor that is readable each second. -errno when there is none. */
int meet_open_timer(void);

/*
 * The timer says that it is time, or it is the first try: a connected socket; -EAGAIN: nobody
 * listens there now; else -errno: it will not get better by waiting.
 */
int meet_dataplane(const char *path, int timer_fd);

#endif
