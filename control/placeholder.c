extern int placeholder_control; int placeholder_control;
