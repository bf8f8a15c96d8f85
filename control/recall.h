/* recall: what the store says is open, for an engine that begins after a control that died. */
#ifndef SMTAP_CONTROL_RECALL_H
#define SMTAP_CONTROL_RECALL_H

#include "control/engine/engine.h"

/* The engine adopts what it does not know. How many findings that were; what cannot be read is not
 * adopted. */
unsigned recall_open(const char *store, struct engine *engine);

#endif
