/* placeholder */
extern int placeholder_ring; int placeholder_ring;
