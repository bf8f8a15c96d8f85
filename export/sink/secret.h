/*
 * Secrets of sinks: each stands alone in a file of its own. They never come into a message, and
 * what others say is looked through before it does.
 */
#ifndef SMTAP_EXPORT_SINK_SECRET_H
#define SMTAP_EXPORT_SINK_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "export/sink/sink.h"

#define SECRET_MAX 4096

/*
 * A file, to be read: a pipe or a device could keep us waiting, and is none. A descriptor, or
 * -errno; what is wrong, then.
 */
int secret_open(const char *path, const char **why);

/*
 * The line of a file, without its end. It may have no other line and no control characters, which
 * could end a header. 0, or -errno with a sentence that names key and file.
 */
int secret_read(const char *key, const char *path, char out[SECRET_MAX], char why[SINK_WHY_MAX]);

/* Overwrites len bytes; not left out by the compiler. */
void secret_wipe(void *secret, size_t len);

/*
 * What another program said, as a message may repeat it: on one line, printable, cut; "" when it
 * repeats the secret (NULL or "": there is none).
 */
void secret_quote(const char *text, size_t len, const char *secret, char *out, size_t out_len);

/*
 * Files for TLS, "" for none: is there a certificate in ca, and does key belong to cert? 0, or
 * -errno with a sentence that names the file.
 */
int secret_check_tls(const char *ca, const char *cert, const char *key, char why[SINK_WHY_MAX]);

/* ca_file, cert_file and key_file of an exporter, by secret_check_tls. */
int secret_check_tls_of(const struct config_exporter *e, char why[SINK_WHY_MAX]);

#endif
