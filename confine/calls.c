/*
 * Theory of operation.
 *
 * A list of what may be called, not of what may not: a call that nobody thought of is refused. What
 * is common to all programs is what the C library does on its own for memory, threads, files,
 * clocks and signals. Files may be opened: which, is for the user's rights and the unit to say.
 *
 * A refused call raises SIGSYS before it happens; the handler says which in one line, with nothing
 * but write(2), and ends the process for real by the default action. It cannot be caught and gone
 * on from: the handler is ours, and nothing may replace it afterwards (rt_sigaction of SIGSYS is
 * refused).
 *
 * No exec in any list: a process that is taken over cannot start another program.
 */
#include "confine/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static const char *const common[] = {
	/* Memory. */
	"brk",
	"madvise",
	"mmap",
	"mprotect",
	"mremap",
	"munmap",
	"mlock",
	"munlock",
	/* Threads and their end. */
	"clone",
	"clone3",
	"exit",
	"exit_group",
	"futex",
	"get_robust_list",
	"gettid",
	"getpid",
	"membarrier",
	"prctl",
	"rseq",
	"sched_getaffinity",
	"sched_setaffinity",
	"sched_yield",
	"set_robust_list",
	"set_tid_address",
	"getcpu",
	"prlimit64",
	"getrandom",
	"getrusage",
	/* Signals. */
	"kill",
	"pause",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigtimedwait",
	"restart_syscall",
	"sigaltstack",
	"signalfd4",
	"tgkill",
	/* Files. */
	"access",
	"chdir",
	"close",
	"close_range",
	"dup",
	"dup2",
	"dup3",
	"faccessat",
	"faccessat2",
	"fadvise64",
	"fallocate",
	"fchmod",
	"fcntl",
	"fdatasync",
	"flock",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"getcwd",
	"getdents64",
	"link",
	"linkat",
	"lseek",
	"lstat",
	"mkdir",
	"mkdirat",
	"newfstatat",
	"open",
	"openat",
	"pread64",
	"preadv",
	"pwrite64",
	"pwritev",
	"read",
	"readlink",
	"readlinkat",
	"readv",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"stat",
	"statfs",
	"statx",
	"symlink",
	"umask",
	"unlink",
	"unlinkat",
	"write",
	"writev",
	"utimensat",
	"sendfile",
	"copy_file_range",
	/* Waiting. */
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"epoll_create",
	"epoll_create1",
	"eventfd",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_wait",
	"eventfd2",
	"gettimeofday",
	"nanosleep",
	"pipe",
	"pipe2",
	"poll",
	"ppoll",
	"pselect6",
	"select",
	"time",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_settime",
	/* Sockets that are there; socket(2) itself is below. */
	"accept",
	"accept4",
	"bind",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"listen",
	"recvfrom",
	"recvmmsg",
	"recvmsg",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	"socketpair",
	/* Who and where we are. */
	"getegid",
	"geteuid",
	"getgid",
	"getgroups",
	"getppid",
	"getresgid",
	"getresuid",
	"getuid",
	"sysinfo",
	"uname",
};

/* Into text at to, from the right: decimal digits of n. */
static size_t
put_number(char *to, unsigned n)
{
	char digits[12];
	size_t len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	for (size_t i = 0; i < len; i++)
		to[i] = digits[len - 1 - i];
	return len;
}

static void
on_refused(int signal_number, siginfo_t *info, void *context)
{
	static const char before[] = "smtap: system call ";
	static const char after[] = " is not among those that this process may make; it ends\n";
	char line[sizeof(before) + sizeof(after) + 12];
	size_t len = sizeof(before) - 1;

	(void)context;
	memcpy(line, before, len);
	len += put_number(line + len, (unsigned)info->si_syscall);
	memcpy(line + len, after, sizeof(after) - 1);
	len += sizeof(after) - 1;
	ssize_t n = write(STDERR_FILENO, line, len);
	(void)n;              /* it ends either way */
	raise(signal_number); /* SA_RESETHAND: the default action now */
}

static int
allow_names(scmp_filter_ctx filter, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);

		if (number == __NR_SCMP_ERROR)
			continue; /* this machine has none of that name */
		int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
		if (r != 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

static int
allow_sockets(scmp_filter_ctx filter, enum confine_network network)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	size_t count = network == CONFINE_UNIX_ONLY ? 1 : sizeof(families) / sizeof(families[0]);
	int r = 0;

	if (network == CONFINE_PACKETS)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 0);
	for (size_t i = 0; i < count && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	return r;
}

static int
load(scmp_filter_ctx filter, const struct confine_calls *calls)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
	if (r == 0)
		r = allow_names(filter, common, sizeof(common) / sizeof(common[0]));
	if (r == 0)
		r = allow_names(filter, calls->names, calls->count);
	if (r == 0)
		r = allow_sockets(filter, calls->network);
	/* Nobody takes the handler's place. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigaction), 1,
			SCMP_A0(SCMP_CMP_NE, SIGSYS));
	return r == 0 ? seccomp_load(filter) : r;
}

int
confine_calls(const struct confine_calls *calls, char why[CONFINE_WHY_MAX])
{
	struct sigaction refused = {
		.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER};

	if (SANITIZED)
		return 0;
	if (sigaction(SIGSYS, &refused, NULL) != 0) {
		snprintf(why, CONFINE_WHY_MAX, "SIGSYS: %s", strerror(errno));
		return -errno;
	}
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int r = filter ? load(filter, calls) : -ENOMEM;
	seccomp_release(filter);
	if (r != 0)
		snprintf(why, CONFINE_WHY_MAX, "system calls cannot be restricted: %s",
			strerror(-r));
	return r;
}

bool
confine_is_on(void)
{
	return !SANITIZED;
}
