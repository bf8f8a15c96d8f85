/* placeholder */
extern int placeholder_flow; int placeholder_flow;
