/* placeholder */
extern int placeholder_intake; int placeholder_intake;
