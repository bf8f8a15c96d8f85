#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/pages/listen.h"

/* All of a file, with a NUL after it; NULL: why says. */
static char *
read_file(const char *setting, const char *path, char *why, size_t why_len)
{
	FILE *f = fopen(path, "re");
	char *text = malloc(TLS_FILE_MAX + 1);
	size_t n = f && text ? fread(text, 1, TLS_FILE_MAX + 1, f) : 0;
	int error = !f ? errno : !text ? ENOMEM : ferror(f) ? EIO : n > TLS_FILE_MAX ? EFBIG : 0;

	if (f)
		fclose(f);
	if (error == 0) {
		text[n] = '\0';
		return text;
	}
	snprintf(why, why_len, "%s: %s: %s", setting, path, strerror(error));
	free(text);
	return NULL;
}

static int
check(const struct tls_files *files, const char *cert_file, const char *key_file, char *why,
	size_t why_len)
{
	gnutls_certificate_credentials_t credentials;
	const gnutls_datum_t cert = {(unsigned char *)files->cert, (unsigned)strlen(files->cert)};
	const gnutls_datum_t key = {(unsigned char *)files->key, (unsigned)strlen(files->key)};

	if (gnutls_certificate_allocate_credentials(&credentials) != 0)
		return -ENOMEM;
	int r = gnutls_certificate_set_x509_key_mem(credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(credentials);
	if (r >= 0)
		return 0;
	snprintf(why, why_len, "http.cert_file %s and http.key_file %s: %s", cert_file, key_file,
		r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH
			? "the key is not that of the certificate"
			: "expected a certificate, and its key without a password, in PEM");
	return -EINVAL;
}

int
tls_files_read(struct tls_files *files, const char *cert_file, const char *key_file, char *why,
	size_t why_len)
{
	int r = -EINVAL;

	*files = (struct tls_files){0};
	if (!cert_file[0] && !key_file[0])
		return 0;
	if (!cert_file[0] || !key_file[0]) {
		snprintf(
			why, why_len, "http.cert_file and http.key_file: both are needed, or none");
		return -EINVAL;
	}
	files->cert = read_file("http.cert_file", cert_file, why, why_len);
	files->key = files->cert ? read_file("http.key_file", key_file, why, why_len) : NULL;
	if (files->key)
		r = check(files, cert_file, key_file, why, why_len);
	if (r != 0)
		tls_files_free(files);
	return r;
}

void
tls_files_free(struct tls_files *files)
{
	free(files->cert);
	if (files->key)
		explicit_bzero(files->key, strlen(files->key));
	free(files->key);
	*files = (struct tls_files){0};
}
