/* placeholder */
extern int placeholder_aggr; int placeholder_aggr;
