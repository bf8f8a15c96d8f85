/* Memory for tables: zeroed, on large pages where the kernel has them, costing nothing until used.
 */
#ifndef SMTAP_CONTROL_AGGR_MEMORY_H
#define SMTAP_CONTROL_AGGR_MEMORY_H

#include <stddef.h>

/* NULL when there is none. */
void *memory_take(size_t bytes);

/* Have all of it now, zeroed, rather than page by page when it is first used. NULL: nothing. */
void memory_touch(void *memory, size_t bytes);

/* bytes as taken; memory may be NULL. */
void memory_give(void *memory, size_t bytes);

#endif
