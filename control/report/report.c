/* placeholder */
extern int placeholder_report; int placeholder_report;
