/* placeholder */
extern int placeholder_incident; int placeholder_incident;
