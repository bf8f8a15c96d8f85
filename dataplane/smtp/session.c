/* placeholder */
extern int placeholder_session; int placeholder_session;
