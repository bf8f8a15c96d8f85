/* One file for each format; encode.c has their table. Texts and objects are the caller's. */
#ifndef SMTAP_EXPORT_ENCODE_FORMATS_H
#define SMTAP_EXPORT_ENCODE_FORMATS_H

#include "export/encode/view.h"

#define ENCODE_VENDOR "smtap"
#define ENCODE_PRODUCT "smtap"

json_t *encode_ecs(const struct encode_view *v);
json_t *encode_ocsf(const struct encode_view *v);

/* NULL: out of memory. */
char *encode_cef(const struct encode_view *v);

/* All that smtap says in an alert, for the formats that keep it under a key of its own. */
json_t *encode_own(const struct encode_view *v);

#endif
