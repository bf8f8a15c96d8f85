#ifndef SMTAP_CONTROL_FOLDER_H
#define SMTAP_CONTROL_FOLDER_H

/* The folder and those above it. 0 or -errno. */
int folder_make(const char *path);

#endif
