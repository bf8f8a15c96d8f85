/* placeholder */
extern int placeholder_detect; int placeholder_detect;
