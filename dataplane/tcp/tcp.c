/* placeholder */
extern int placeholder_tcp; int placeholder_tcp;
