/*
 * reload: from the configuration that runs to the one that its file has by now. What a run can take
 * while it goes on is taken; the rest is named, and waits for a restart.
 */
#ifndef SMTAP_CONFIG_RELOAD_H
#define SMTAP_CONFIG_RELOAD_H

#include "config/config.h"

/* Does a run take this setting, or list of rules, while it goes on? By its dotted name. */
bool config_reloads(const char *name);

/* What reloading came to. */
struct config_reload {
	unsigned taken;  /* settings and lists of rules that are others now */
	bool exporters;  /* these are others, too */
	unsigned waits;  /* that are others in the file, and need a restart */
	char names[512]; /* of these; ends in ", ..." when there are more */
};

/*
 * Take over from fresh what can be. started: as the file had it when the run began, options of the
 * command line apart: what differs from it waits. fresh has what running had of rules and
 * exporters.
 */
void config_take(struct config *running, const struct config *started, struct config *fresh,
	struct config_reload *out);

/* Of all settings, exporters and lists of rules apart: one for alike, another for others. */
uint64_t config_sum(const struct config *config);

#endif
