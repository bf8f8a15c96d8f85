/* placeholder */
extern int placeholder_export; int placeholder_export;
