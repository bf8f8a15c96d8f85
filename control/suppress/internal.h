/* What the files of suppress share. */
#ifndef SMTAP_CONTROL_SUPPRESS_INTERNAL_H
#define SMTAP_CONTROL_SUPPRESS_INTERNAL_H

#include "control/suppress/ranges.h"
#include "control/suppress/suppress.h"

#define SUPPRESS_SLOTS_MAX 65535u /* of a list: 16 bits number them */

/* A rule, in the place that it keeps for as long as control runs. */
struct suppress_slot {
	struct config_rule rule;
	uint64_t id;       /* of an operator's; 0: the configuration's */
	uint64_t incident; /* 0: what the rule describes */
	unsigned since;    /* epoch in which it came */
	bool held;         /* else it was taken back */
	bool claimed;      /* while rules are set: it stays */
	bool restored;     /* of an image, in which it held */
	struct suppress_count count;
};

struct suppress_list {
	struct suppress_slot *slots; /* owned */
	unsigned count;
	unsigned room;
	uint16_t *held; /* owned; those that hold, in the order in which they are asked */
	unsigned held_count;
	unsigned file_count; /* the first of them, which are the configuration's */
};

/* Rules of allow, by what events are looked up by. */
struct suppress_index {
	struct ranges clients;
	struct ranges servers;
	uint16_t *accounts; /* owned; by account */
	unsigned account_count;
	uint16_t *others; /* owned; those that give only detectors */
	unsigned other_count;
	bool any_account; /* in any rule */
};

struct suppress {
	struct suppress_list lists[CONFIG_RULE_LISTS];
	struct suppress_index index;
	struct suppress_count total;
	unsigned epoch;
	uint16_t *renumbered; /* owned; of an image's rules that suppress; NULL: none was loaded */
	unsigned renumbered_count;
};

/* Room for so many more slots. 0 or -errno. */
int suppress_make_room(struct suppress_list *list, unsigned more);

#endif
