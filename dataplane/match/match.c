/* placeholder */
extern int placeholder_match; int placeholder_match;
