/* placeholder */
extern int placeholder_siphash; int placeholder_siphash;
