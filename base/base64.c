/* placeholder */
extern int placeholder_base64; int placeholder_base64;
