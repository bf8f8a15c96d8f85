#include "base/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/duration.h"

void
notify_begin(struct notify *n)
{
	const char *socket = getenv("NOTIFY_SOCKET");
	uint64_t us = 0;

	memset(n, 0, sizeof(*n));
	n->wanted = socket && socket[0];
	if (n->wanted && sd_watchdog_enabled(0, &us) > 0)
		n->alive_every_ns = us * NS_PER_US / 2;
}

void
notify_ready(const struct notify *n)
{
	if (n->wanted)
		sd_notify(0, "READY=1");
}

void
notify_status(struct notify *n, const char *format, ...)
{
	char text[NOTIFY_STATUS_MAX];
	va_list args;

	if (!n->wanted)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (strcmp(text, n->status) == 0)
		return;
	memcpy(n->status, text, sizeof(n->status));
	sd_notifyf(0, "STATUS=%s", text);
}

void
notify_alive(struct notify *n, const uint64_t *marks, unsigned count, uint64_t now_ns)
{
	bool all = true;

	if (n->alive_every_ns == 0)
		return;
	for (unsigned i = 0; i < count && i < NOTIFY_LOOPS_MAX; i++) {
		n->moved[i] |= marks[i] != n->marks[i];
		n->marks[i] = marks[i];
		all &= n->moved[i];
	}
	if (!all || now_ns < n->next_ns)
		return;
	n->next_ns = now_ns + n->alive_every_ns;
	memset(n->moved, 0, sizeof(n->moved));
	sd_notify(0, "WATCHDOG=1");
}

void
notify_reloading(const struct notify *n, uint64_t now_ns)
{
	if (n->wanted)
		sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
			(unsigned long long)(now_ns / NS_PER_US));
}

void
notify_stopping(const struct notify *n)
{
	if (n->wanted)
		sd_notify(0, "STOPPING=1");
}
