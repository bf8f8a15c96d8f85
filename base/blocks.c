/* placeholder */
extern int placeholder_blocks; int placeholder_blocks;
