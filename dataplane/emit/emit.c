/* placeholder */
extern int placeholder_emit; int placeholder_emit;
