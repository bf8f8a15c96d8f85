/*
 * confine: what a process gives up once it has what it needs: its user, its capabilities, and
 * every system call that is not on its list. Each program's list stands beside its main.
 */
#ifndef SMTAP_CONFINE_CONFINE_H
#define SMTAP_CONFINE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#define CONFINE_WHY_MAX 256

/* First of all, before there are threads: nothing that is started from here gets more rights. */
void confine_begin(void);

/*
 * From root to this user and its groups, for good, in every thread; all capabilities go but those
 * named (CAP_*), which only the calling thread keeps. An empty user leaves all as it is. 0; or
 * -errno with one sentence: -ENOENT no such user, -EPERM we are not root.
 */
struct confine_user {
	const char *user;
	const unsigned *keep; /* capabilities */
	size_t keep_count;
};

int confine_user(const struct confine_user *to, char why[CONFINE_WHY_MAX]);

/* Which address families socket(2) may have. */
enum confine_network {
	CONFINE_UNIX_ONLY, /* no network */
	CONFINE_CLIENT,    /* IPv4, IPv6, and what looking up names takes */
	CONFINE_PACKETS,   /* those of live ports: any */
};

struct confine_calls {
	const char *const
		*names; /* besides those that every program needs; unknown ones are left out */
	size_t count;
	enum confine_network network;
};

/*
 * From now on, in every thread, and for good: no new privileges, and any other system call ends
 * the process (SIGSYS), which says in one line which one it was. 0, or -errno with one sentence.
 */
int confine_calls(const struct confine_calls *calls, char why[CONFINE_WHY_MAX]);

/* Does it hold in this build? Not under sanitizers, which need calls of their own. */
bool confine_is_on(void);

#endif
