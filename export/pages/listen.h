/* Private to pages: the socket that it listens to, and the files of TLS. */
#ifndef SMTAP_EXPORT_PAGES_LISTEN_H
#define SMTAP_EXPORT_PAGES_LISTEN_H

#include <stddef.h>

/* A socket that listens at "127.0.0.1:9925", "[::1]:9925" or "*:9925"; or -errno, and why. */
int listen_open(const char *address, char *why, size_t why_len);

/* The port of a socket; 0: it has none. */
unsigned listen_port(int fd);

#define TLS_FILE_MAX 65536u

struct tls_files {
	char *cert; /* PEM, owned */
	char *key;
};

/* Read both and see that they belong together. 0; or -errno, and why. */
int tls_files_read(struct tls_files *files, const char *cert_file, const char *key_file, char *why,
	size_t why_len);

/* The key does not stay in memory that is given back. */
void tls_files_free(struct tls_files *files);

#endif
