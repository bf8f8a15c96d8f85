/* placeholder */
extern int placeholder_hello; int placeholder_hello;
