/* placeholder */
extern int placeholder_counters; int placeholder_counters;
