/*
 * Preloaded into smtap-dataplane: a worker that cannot keep up, whatever the machine can do.
 *
 * A worker that polls a live port reads the wall clock once for each burst of packets that it
 * receives (dataplane/io/live.c), and at no other time. Here each such reading takes 10 ms more, so
 * the worker takes 64 packets in 10 ms at best. The main thread and other programs are as ever.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

static int (*real_clock)(clockid_t, struct timespec *);
static pthread_t main_thread;
static bool slow;

__attribute__((constructor)) static void
begin(void)
{
	*(void **)&real_clock = dlsym(RTLD_NEXT, "clock_gettime");
	main_thread = pthread_self();
	slow = strcmp(program_invocation_short_name, "smtap-dataplane") == 0;
}

int
clock_gettime(clockid_t id, struct timespec *now)
{
	const struct timespec nap = {.tv_nsec = 10000000};

	if (slow && id == CLOCK_REALTIME && !pthread_equal(pthread_self(), main_thread))
		nanosleep(&nap, NULL);
	return real_clock(id, now);
}
