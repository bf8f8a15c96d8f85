/* placeholder */
extern int placeholder_pattern; int placeholder_pattern;
