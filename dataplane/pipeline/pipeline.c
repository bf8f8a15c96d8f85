/* placeholder */
extern int placeholder_pipeline; int placeholder_pipeline;
