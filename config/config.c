/* placeholder */
extern int placeholder_config; int placeholder_config;
