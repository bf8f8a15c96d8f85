/* placeholder */
extern int placeholder_decode; int placeholder_decode;
