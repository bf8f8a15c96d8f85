/* isolation, governor, cpu: what the processors can do, and whether workers have them alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"

#define LIST_MAX 256

static struct cpus
read_cpus(const struct doctor *d, const char *path)
{
	struct cpus cpus = {0};
	char line[1024];

	if (tree_line(&d->tree, line, sizeof(line), "%s", path))
		cpus_parse(&cpus, line);
	return cpus;
}

static void
mend_isolation(const struct doctor *d, struct diag_item *item)
{
	struct cpus online = read_cpus(d, "/sys/devices/system/cpu/online");
	struct cpus chosen = cpus_last(&online, doctor_lcores(d));
	char list[LIST_MAX];

	if (cpus_count(&chosen) == 0)
		return;
	cpus_format(&chosen, list, sizeof(list));
	diag_mend(item,
		"sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&isolcpus=managed_irq,domain,%s "
		"nohz_full=%s "
		"rcu_nocbs=%s /' /etc/default/grub && sudo update-grub && sudo reboot",
		list, list, list);
}

static void
examine_count(const struct doctor *d, struct diag *r)
{
	unsigned have = cpus_count(&d->self.cpus);
	unsigned want = doctor_lcores(d) + 1;

	if (have >= want)
		return;
	struct diag_item *item = diag_add(r, DIAG_WARNING,
		"smtap may use %u processor%s; %u worker%s and all else want %u", have,
		have == 1 ? "" : "s", (unsigned)d->config.workers,
		d->config.workers == 1 ? "" : "s", want);
	diag_so(item,
		"threads that poll share processors with all else: packets are lost meanwhile");
	if (have > 1)
		diag_mend(item, "# in %s: dataplane: {workers: %u}", d->config_file,
			have > 3 ? have - 2 : 1);
	else
		diag_mend(item, "sudo taskset -c 0-$(($(nproc --all) - 1)) smtap run");
}

/* Isolated, yet with the timer's tick or the kernel's housekeeping. */
static void
examine_quiet(const struct doctor *d, struct diag *r, const struct cpus *isolated)
{
	struct cpus quiet = read_cpus(d, "/sys/devices/system/cpu/nohz_full");
	struct cpus loud = cpus_less(isolated, &quiet);
	char *line = tree_text(&d->tree, "/proc/cmdline");
	const char *at = line ? strstr(line, "rcu_nocbs=") : NULL;
	struct cpus offloaded = {0};
	char list[LIST_MAX];

	if (at) {
		char value[LIST_MAX];
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + 10, " \n"), at + 10);
		cpus_parse(&offloaded, value);
	}
	free(line);
	/* nohz_full brings rcu_nocbs with it. */
	struct cpus housekept = cpus_less(&loud, &offloaded);
	if (cpus_count(&loud) == 0)
		return;
	cpus_format(&loud, list, sizeof(list));
	struct diag_item *item =
		diag_add(r, DIAG_WARNING, "isolated processors %s are not in nohz_full%s", list,
			cpus_count(&housekept) ? ", nor in rcu_nocbs" : "");
	diag_so(item, "the timer interrupts their workers 100 to 1000 times a second");
	mend_isolation(d, item);
}

static void
examine_isolated(const struct doctor *d, struct diag *r)
{
	struct cpus isolated = read_cpus(d, "/sys/devices/system/cpu/isolated");
	struct cpus chosen;
	char list[LIST_MAX];
	char where[LIST_MAX];
	struct diag_item *item;

	doctor_placement(d, &chosen);
	struct cpus shared = cpus_less(&chosen, &isolated);
	cpus_format(&isolated, list, sizeof(list));
	if (cpus_count(&isolated) == 0) {
		item = diag_add(r, DIAG_WARNING, "no processor is isolated");
		diag_so(item, "the kernel runs other things on the workers' processors; at line "
			      "rate a millisecond of that overflows a receive ring");
		mend_isolation(d, item);
		return;
	}
	if (cpus_count(&chosen) == 0 || cpus_count(&shared) > 0) {
		cpus_format(cpus_count(&shared) ? &shared : &d->self.cpus, where, sizeof(where));
		item = diag_add(r, DIAG_WARNING,
			"processors %s are isolated, yet threads that poll would run on %s", list,
			where);
		diag_so(item, "they share them with all else that runs");
		diag_mend(item, "sudo taskset -c 0,%s smtap run", list);
	} else {
		cpus_format(&chosen, where, sizeof(where));
		diag_add(r, DIAG_OK, "threads that poll run on isolated processors: %s", where);
	}
	examine_quiet(d, r, &isolated);
}

/* Two threads that poll on one core. */
static void
examine_siblings(const struct doctor *d, struct diag *r)
{
	struct cpus chosen;
	struct cpus one_each = {0};
	struct cpus seen = {0};
	unsigned shared = 0;
	char list[LIST_MAX];

	doctor_placement(d, &chosen);
	for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
		char line[LIST_MAX];
		struct cpus siblings = {0};

		if (!cpus_has(&d->self.cpus, cpu))
			continue;
		if (tree_line(&d->tree, line, sizeof(line),
			    "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu))
			cpus_parse(&siblings, line);
		struct cpus before = cpus_both(&siblings, &seen);
		if (cpus_count(&before) == 0)
			cpus_add(&one_each, cpu);
		struct cpus rivals = cpus_both(&before, &chosen);
		shared += cpus_has(&chosen, cpu) && cpus_count(&rivals) > 0;
		cpus_add(&seen, cpu);
	}
	if (shared == 0) {
		diag_add(r, DIAG_OK, "no two threads that poll would share a core");
		return;
	}
	cpus_format(&one_each, list, sizeof(list));
	struct diag_item *item = diag_add(r, DIAG_WARNING,
		"%u threads that poll would run beside another on one core (SMT)", shared);
	diag_so(item, "two workers on one core do little more than one");
	diag_mend(item, "sudo taskset -c %s smtap run", list);
}

void
doctor_isolation(const struct doctor *d, struct diag *r)
{
	examine_count(d, r);
	examine_isolated(d, r);
	examine_siblings(d, r);
}

void
doctor_governor(const struct doctor *d, struct diag *r)
{
	struct cpus slow = {0};
	char governor[64];
	char worst[64] = "";
	char list[LIST_MAX];
	unsigned seen = 0;

	for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
		if (!cpus_has(&d->self.cpus, cpu) ||
			!tree_line(&d->tree, governor, sizeof(governor),
				"/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor", cpu))
			continue;
		seen++;
		if (strcmp(governor, "performance") == 0)
			continue;
		cpus_add(&slow, cpu);
		memcpy(worst, governor, sizeof(worst));
	}
	if (cpus_count(&slow) == 0) {
		diag_add(r, DIAG_OK,
			seen ? "the governor is performance on %u processors"
			     : "the kernel does not govern frequency here",
			seen);
		return;
	}
	cpus_format(&slow, list, sizeof(list));
	struct diag_item *item =
		diag_add(r, DIAG_WARNING, "the governor of processors %s is %s", list, worst);
	diag_so(item, "a burst after silence meets a slow processor: the receive ring overflows "
		      "before it has sped up");
	diag_mend(item, "echo performance | sudo tee "
			"/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor");
}

static void
examine_flags(struct diag *r, const char *flags)
{
	struct diag_item *item;

	if (!doctor_has_word(flags, "ssse3") || !doctor_has_word(flags, "sse4_2")) {
		item = diag_add(r, DIAG_FAULT, "the processor has no SSSE3 or no SSE4.2");
		diag_so(item, "Hyperscan and Debian's DPDK do not run on it");
		diag_mend(item, "# in a virtual machine: CPU model host-passthrough, or x86-64-v2 "
				"at least; else another machine");
	} else if (!doctor_has_word(flags, "avx2")) {
		item = diag_add(r, DIAG_WARNING, "the processor has no AVX2");
		diag_so(item, "patterns and message bodies are scanned 16 bytes at a time, not 32");
		diag_mend(item, "# in a virtual machine: CPU model host-passthrough, or x86-64-v3");
	} else {
		diag_add(r, DIAG_OK, "the processor has SSE4.2 and AVX2%s",
			doctor_has_word(flags, "avx512vbmi") ? ", and AVX-512 VBMI" : "");
	}
	if (doctor_has_word(flags, "constant_tsc") && doctor_has_word(flags, "nonstop_tsc"))
		return;
	item = diag_add(r, DIAG_WARNING, "the time stamp counter is not invariant");
	diag_so(item, "time of live packets drifts with the processor's frequency");
	diag_mend(item, "# in a virtual machine: pass invtsc to the guest");
}

void
doctor_cpu(const struct doctor *d, struct diag *r)
{
	char *text = tree_text(&d->tree, "/proc/cpuinfo");
	char flags[4096];

	if (!text)
		diag_add(r, DIAG_UNSEEN, "/proc/cpuinfo cannot be read");
	else if (!tree_field(text, "flags", flags, sizeof(flags)))
		diag_add(r, DIAG_OK, "this is no x86 processor: no feature is asked for");
	else
		examine_flags(r, flags);
	free(text);
}
