/* placeholder */
extern int placeholder_event; int placeholder_event;
