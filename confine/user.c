#include "confine/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

void
confine_begin(void)
{
	/* It cannot fail where there is seccomp at all (Linux 3.5). */
	prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
}

static int
fail(int error, char why[CONFINE_WHY_MAX], const char *user, const char *what)
{
	snprintf(why, CONFINE_WHY_MAX, "user %s: %s", user, what);
	return -error;
}

/* setresuid took them out of every thread's effective set; here they come back, and the rest goes
   from the permitted set too. */
static int
keep_capabilities(const struct confine_user *to)
{
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < to->keep_count; i++)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, to->keep[i]);
	return capng_apply(CAPNG_SELECT_CAPS);
}

/*
 * The kernel forgets that we are to be told of our parent's death when we become somebody else.
 * before: who it was when it still knew.
 */
static void
keep_parent_signal(int told, pid_t before)
{
	if (told == 0)
		return;
	prctl(PR_SET_PDEATHSIG, (long)told, 0L, 0L, 0L);
	if (getppid() != before)
		raise(told);
}

int
confine_user(const struct confine_user *to, char why[CONFINE_WHY_MAX])
{
	pid_t parent = getppid();
	int told = 0;

	if (!to->user[0])
		return 0;
	prctl(PR_GET_PDEATHSIG, &told, 0L, 0L, 0L);
	errno = 0;
	const struct passwd *user = getpwnam(to->user);
	if (!user)
		return fail(ENOENT, why, to->user, "there is none of that name; adduser --system");
	if (user->pw_uid == geteuid() && geteuid() != 0)
		return 0; /* whoever started us saw to it */
	if (geteuid() != 0)
		return fail(EPERM, why, to->user, "only root can become another user");
	if (user->pw_uid == 0)
		return fail(EINVAL, why, to->user, "that is root; name one with fewer rights");
	if (to->keep_count > 0 && prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) != 0)
		return fail(errno, why, to->user, strerror(errno));
	if (initgroups(to->user, user->pw_gid) != 0 ||
		setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
		setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
		return fail(errno, why, to->user, strerror(errno));
	if (keep_capabilities(to) != 0)
		return fail(EPERM, why, to->user, "its capabilities cannot be set");
	if (setuid(0) == 0)
		return fail(EPERM, why, to->user, "root can be had back");
	keep_parent_signal(told, parent);
	return 0;
}
