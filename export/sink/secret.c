#include "export/sink/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"

int
secret_open(const char *path, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	int error = fd < 0 ? errno : EINVAL;
	*why = fd < 0 ? strerror(error) : "it is not a regular file";
	if (fd >= 0)
		close(fd);
	return -error;
}

int
secret_read(const char *key, const char *path, char out[SECRET_MAX], char why[SINK_WHY_MAX])
{
	const char *what;
	int fd = secret_open(path, &what);
	ssize_t got = 0;
	size_t len = 0;
	int error;

	if (fd < 0) {
		snprintf(why, SINK_WHY_MAX, "%s: %s: %s", key, path, what);
		return fd;
	}
	while (len < SECRET_MAX && (got = read(fd, out + len, SECRET_MAX - len)) > 0)
		len += (size_t)got;
	error = got < 0 ? errno : 0;
	close(fd);
	if (error) {
		snprintf(why, SINK_WHY_MAX, "%s: %s: %s", key, path, strerror(error));
		secret_wipe(out, SECRET_MAX);
		return -error;
	}
	if (len > 0 && len < SECRET_MAX && out[len - 1] == '\n')
		len--;
	if (len > 0 && len < SECRET_MAX && out[len - 1] == '\r')
		len--;
	for (size_t i = 0; i < len && len < SECRET_MAX; i++)
		if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
			len = SECRET_MAX;
	if (len == 0 || len == SECRET_MAX) {
		snprintf(why, SINK_WHY_MAX,
			"%s: %s must hold one line of at most %d printable characters, and nothing "
			"else",
			key, path, SECRET_MAX - 1);
		secret_wipe(out, SECRET_MAX);
		return -EINVAL;
	}
	out[len] = '\0';
	return 0;
}

void
secret_wipe(void *secret, size_t len)
{
	explicit_bzero(secret, len);
}

void
secret_quote(const char *text, size_t len, const char *secret, char *out, size_t out_len)
{
	size_t n;

	out[0] = '\0';
	if (secret && secret[0] && memmem(text, len, secret, strlen(secret)))
		return;
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	n = utf8_escape((const uint8_t *)text, len, out, out_len - 1, NULL, NULL);
	out[n] = '\0';
}

static int
check_file(const char *path, char why[SINK_WHY_MAX])
{
	const char *what;
	int fd = secret_open(path, &what);

	if (fd < 0) {
		snprintf(why, SINK_WHY_MAX, "%s: %s", path, what);
		return fd;
	}
	close(fd);
	return 0;
}

static int
tls_error(const char *path, int error, char why[SINK_WHY_MAX])
{
	int r = check_file(path, why);

	if (r == 0)
		snprintf(why, SINK_WHY_MAX, "%s: %s", path, gnutls_strerror(error));
	return r == 0 ? -EINVAL : r;
}

int
secret_check_tls(const char *ca, const char *cert, const char *key, char why[SINK_WHY_MAX])
{
	const char *const files[] = {ca, cert, key};
	gnutls_certificate_credentials_t c;
	int n, result = 0;

	if (!cert[0] != !key[0]) {
		snprintf(why, SINK_WHY_MAX, "cert_file and key_file go together");
		return -EINVAL;
	}
	/* GnuTLS would wait at a pipe for somebody who writes. */
	for (size_t i = 0; i < 3 && result == 0; i++)
		result = files[i][0] ? check_file(files[i], why) : 0;
	if (result != 0)
		return result;
	if (gnutls_certificate_allocate_credentials(&c) < 0)
		return -ENOMEM;
	if (ca[0]) {
		n = gnutls_certificate_set_x509_trust_file(c, ca, GNUTLS_X509_FMT_PEM);
		if (n < 0) {
			result = tls_error(ca, n, why);
		} else if (n == 0) {
			snprintf(why, SINK_WHY_MAX, "%s: there is no certificate in it", ca);
			result = -EINVAL;
		}
	}
	if (!result && cert[0]) {
		n = gnutls_certificate_set_x509_key_file(c, cert, key, GNUTLS_X509_FMT_PEM);
		if (n < 0)
			result = tls_error(access(cert, R_OK) == 0 ? key : cert, n, why);
	}
	gnutls_certificate_free_credentials(c);
	return result;
}

int
secret_check_tls_of(const struct config_exporter *e, char why[SINK_WHY_MAX])
{
	return secret_check_tls(config_exporter_text(e, "ca_file"),
		config_exporter_text(e, "cert_file"), config_exporter_text(e, "key_file"), why);
}
