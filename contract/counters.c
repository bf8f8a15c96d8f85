#include "contract/counters.h"

const struct counter_info counter_infos[COUNTER_COUNT] = {
#define X(id, name, unit, help) [COUNTER_##id] = {name, unit, help},
	COUNTERS(X)
#undef X
};
