#include "control/incident/incident.h"

const char *
stage_name(enum stage stage)
{
	static const char *const names[STAGE_COUNT] = {
#define X(id, name) [STAGE_##id] = #name,
		STAGES(X)
#undef X
	};

	return stage < STAGE_COUNT ? names[stage] : "none";
}
