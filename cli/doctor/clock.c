/* clock: do the times of live packets agree with the servers' logs? */
#include <string.h>

#include "cli/doctor/doctor.h"

static void
examine_source(const struct doctor *d, struct diag *r)
{
	char line[64];

	if (!tree_line(&d->tree, line, sizeof(line),
		    "/sys/devices/system/clocksource/clocksource0/current_clocksource"))
		return;
	if (strcmp(line, "hpet") != 0 && strcmp(line, "acpi_pm") != 0 &&
		strcmp(line, "jiffies") != 0) {
		diag_add(r, DIAG_OK, "the clock's source is %s", line);
		return;
	}
	struct diag_item *item = diag_add(r, DIAG_WARNING, "the clock's source is %s", line);
	diag_so(item, "the kernel found the processor's counter unstable, or does not use it: time "
		      "is slow to read and coarse");
	diag_mend(item,
		"sudo dmesg | grep -iE 'clocksource|tsc'    # why; then perhaps tsc=reliable "
		"on the kernel's command line");
}

void
doctor_clock(const struct doctor *d, struct diag *r)
{
	int synced = d->probe->clock_synced();

	if (synced > 0) {
		diag_add(r, DIAG_OK, "the clock is synchronised");
	} else if (synced < 0) {
		diag_add(r, DIAG_UNSEEN, "whether the clock is synchronised is not to be seen: %s",
			strerror(-synced));
	} else {
		struct diag_item *item = diag_add(r, DIAG_WARNING, "the clock is not synchronised");
		diag_so(item,
			"times of alerts differ from those of the servers' logs; windows jump "
			"when somebody sets the clock");
		diag_mend(
			item, "sudo apt-get install chrony    # or: sudo timedatectl set-ntp true");
	}
	examine_source(d, r);
}
