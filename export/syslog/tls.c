/*
 * TLS for a log server (RFC 5425), with GnuTLS.
 *
 * The server's certificate has to be signed by who ca_file or the system trusts, be valid now, and
 * be for the server's name. In TLS 1.3 a server looks at our certificate only after the handshake:
 * where it asked for one, a refusal is waited for before anything is sent, as what was sent by then
 * would be lost with it.
 */
#include "export/syslog/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "export/sink/secret.h"

#define REFUSAL_MS 300

struct tls {
	const struct link_options *options;
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session;
};

/* Whom the server's certificate has to name. */
static const char *
name_of(const struct link_options *o)
{
	return o->server_name[0] ? o->server_name : o->server;
}

/* A file that cannot be read is told by the system's word for it. */
static int
check_readable(const char *key, const char *path, char why[SINK_WHY_MAX])
{
	const char *what = "";
	int fd = path[0] ? secret_open(path, &what) : -1;

	if (!path[0])
		return 0;
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	snprintf(why, SINK_WHY_MAX, "%s %s: %s%s", key, path, what,
		fd == -EACCES ? "; smtap-export's user must be able to read it" : "");
	return fd;
}

static int
load_trust(const struct link_options *o, gnutls_certificate_credentials_t credentials,
	char why[SINK_WHY_MAX])
{
	int n;

	if (!o->ca_file[0]) {
		n = gnutls_certificate_set_x509_system_trust(credentials);
		if (n > 0)
			return 0;
		snprintf(why, SINK_WHY_MAX,
			"the system trusts no certificate: install ca-certificates, or set "
			"ca_file");
		return -ENOENT;
	}
	n = gnutls_certificate_set_x509_trust_file(credentials, o->ca_file, GNUTLS_X509_FMT_PEM);
	if (n > 0)
		return 0;
	snprintf(why, SINK_WHY_MAX, "ca_file %s: there is no certificate in it (PEM)", o->ca_file);
	return -EINVAL;
}

static int
load_own(const struct link_options *o, gnutls_certificate_credentials_t credentials,
	char why[SINK_WHY_MAX])
{
	int n;

	if (!o->cert_file[0])
		return 0;
	n = gnutls_certificate_set_x509_key_file(
		credentials, o->cert_file, o->key_file, GNUTLS_X509_FMT_PEM);
	if (n >= 0)
		return 0;
	if (n == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		snprintf(why, SINK_WHY_MAX, "key_file %s is not the key of cert_file %s",
			o->key_file, o->cert_file);
	else
		snprintf(why, SINK_WHY_MAX,
			"cert_file %s, key_file %s: no certificate and key "
			"without a password (PEM): %s",
			o->cert_file, o->key_file, gnutls_strerror(n));
	return -EINVAL;
}

static int
load(const struct link_options *o, gnutls_certificate_credentials_t *out, char why[SINK_WHY_MAX])
{
	int error = check_readable("ca_file", o->ca_file, why);

	*out = NULL;
	if (!error)
		error = check_readable("cert_file", o->cert_file, why);
	if (!error)
		error = check_readable("key_file", o->key_file, why);
	if (error)
		return error;
	if (!o->cert_file[0] != !o->key_file[0]) {
		snprintf(why, SINK_WHY_MAX, "cert_file and key_file have to be set both, or none");
		return -EINVAL;
	}
	if (gnutls_certificate_allocate_credentials(out) < 0) {
		snprintf(why, SINK_WHY_MAX, "TLS: out of memory");
		return -ENOMEM;
	}
	error = load_trust(o, *out, why);
	if (!error)
		error = load_own(o, *out, why);
	if (error) {
		gnutls_certificate_free_credentials(*out);
		*out = NULL;
	}
	return error;
}

int
tls_check_files(const struct link_options *options, char why[SINK_WHY_MAX])
{
	gnutls_certificate_credentials_t credentials;
	int error = load(options, &credentials, why);

	if (!error)
		gnutls_certificate_free_credentials(credentials);
	return error;
}

void
tls_free(struct tls *tls)
{
	if (!tls)
		return;
	if (tls->session)
		gnutls_deinit(tls->session);
	if (tls->credentials)
		gnutls_certificate_free_credentials(tls->credentials);
	free(tls);
}

/* Until when, or from when, the server's certificate is valid. */
static void
day_of(gnutls_session_t session, bool end, char out[16])
{
	unsigned count;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &count);
	gnutls_x509_crt_t crt;
	struct tm tm;
	time_t t;

	out[0] = '\0';
	if (!list || count == 0 || gnutls_x509_crt_init(&crt) < 0)
		return;
	if (gnutls_x509_crt_import(crt, &list[0], GNUTLS_X509_FMT_DER) >= 0) {
		t = end ? gnutls_x509_crt_get_expiration_time(crt)
			: gnutls_x509_crt_get_activation_time(crt);
		if (t != (time_t)-1 && gmtime_r(&t, &tm))
			strftime(out, 16, "%Y-%m-%d", &tm);
	}
	gnutls_x509_crt_deinit(crt);
}

/* What is wrong with the server's certificate. */
static void
say_certificate(const struct tls *tls, char why[SINK_WHY_MAX])
{
	const struct link_options *o = tls->options;
	unsigned status = gnutls_session_get_verify_cert_status(tls->session);
	char day[16] = "", what[128 + 256];

	if (status & GNUTLS_CERT_EXPIRED) {
		day_of(tls->session, true, day);
		snprintf(what, sizeof(what), "expired on %s", day);
	} else if (status & GNUTLS_CERT_NOT_ACTIVATED) {
		day_of(tls->session, false, day);
		snprintf(what, sizeof(what), "is not valid before %s", day);
	} else if (status & GNUTLS_CERT_REVOKED) {
		snprintf(what, sizeof(what), "was revoked");
	} else if (status & GNUTLS_CERT_SIGNER_NOT_FOUND) {
		snprintf(what, sizeof(what), "is signed by nobody whom %s trusts",
			o->ca_file[0] ? "ca_file" : "the system");
	} else if (status & GNUTLS_CERT_UNEXPECTED_OWNER) {
		snprintf(what, sizeof(what), "is not for the name %s", name_of(o));
	} else {
		snprintf(what, sizeof(what), "is not to be trusted (status 0x%x)", status);
	}
	snprintf(why, SINK_WHY_MAX, "%s port %u: its certificate %s", o->server, o->port, what);
}

/* What GnuTLS says of an error, or the other side's alert. */
static int
say(const struct tls *tls, int error, char why[SINK_WHY_MAX])
{
	const struct link_options *o = tls->options;

	if (error == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
		say_certificate(tls, why);
		return -EPROTO;
	}
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED || error == GNUTLS_E_WARNING_ALERT_RECEIVED) {
		const char *alert = gnutls_alert_get_name(gnutls_alert_get(tls->session));

		snprintf(why, SINK_WHY_MAX, "%s port %u: it refuses TLS with us: %s%s", o->server,
			o->port, alert ? alert : "unknown alert",
			o->cert_file[0] ? "" : " (it may want a certificate: cert_file)");
		return -EPROTO;
	}
	/* The last two: the socket's error, which is that of an end without a goodbye. */
	if (error == GNUTLS_E_PREMATURE_TERMINATION || error == GNUTLS_E_PUSH_ERROR ||
		error == GNUTLS_E_PULL_ERROR) {
		snprintf(why, SINK_WHY_MAX, "%s port %u: it ended the connection", o->server,
			o->port);
		return -EPIPE;
	}
	snprintf(why, SINK_WHY_MAX, "%s port %u: TLS: %s", o->server, o->port,
		gnutls_strerror(error));
	return -EPROTO;
}

/* Waits for what TLS waits for. False: the time is over. */
static bool
wait_more(const struct tls *tls, int fd, uint64_t deadline)
{
	struct pollfd p = {
		.fd = fd, .events = gnutls_record_get_direction(tls->session) ? POLLOUT : POLLIN};
	uint64_t now = link_now();

	return now < deadline && poll(&p, 1, (int)(deadline - now)) != 0;
}

static int
handshake(struct tls *tls, int fd, uint64_t deadline, char why[SINK_WHY_MAX])
{
	const struct link_options *o = tls->options;
	int n;

	while ((n = gnutls_handshake(tls->session)) < 0) {
		if (gnutls_error_is_fatal(n))
			return say(tls, n, why);
		if (!wait_more(tls, fd, deadline)) {
			snprintf(why, SINK_WHY_MAX, "%s port %u: it does not answer in TLS",
				o->server, o->port);
			return -ETIMEDOUT;
		}
	}
	return 0;
}

/* TLS 1.3: has it anything against our certificate, or that we have none? */
static int
wait_refusal(struct tls *tls, int fd, char why[SINK_WHY_MAX])
{
	const struct link_options *o = tls->options;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	if (gnutls_protocol_get_version(tls->session) != GNUTLS_TLS1_3 ||
		!gnutls_certificate_client_get_request_status(tls->session))
		return 0;
	poll(&p, 1, REFUSAL_MS);
	n = tls_read(tls, why);
	if (n == 0 || n == -EPIPE) {
		snprintf(why, SINK_WHY_MAX,
			"%s port %u: it asks for a certificate, and ended the connection over %s",
			o->server, o->port,
			o->cert_file[0] ? "ours" : "our having none (cert_file)");
		return -EPIPE;
	}
	return n == -EAGAIN || n > 0 ? 0 : n;
}

static int
set_up(struct tls *tls, int fd)
{
	const char *name = name_of(tls->options);
	unsigned char address[16];
	int n = gnutls_init(&tls->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

	if (n >= 0)
		n = gnutls_set_default_priority_append(
			tls->session, "-VERS-TLS1.0:-VERS-TLS1.1", NULL, 0);
	if (n >= 0)
		n = gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
	/* RFC 6066 3: no addresses. */
	if (n >= 0 && inet_pton(AF_INET, name, address) != 1 &&
		inet_pton(AF_INET6, name, address) != 1)
		n = gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, name, strlen(name));
	if (n < 0)
		return n;
	gnutls_session_set_verify_cert(tls->session, name, 0);
	gnutls_transport_set_int(tls->session, fd);
	return 0;
}

int
tls_open(struct tls **out, const struct link_options *options, int fd, uint64_t deadline,
	char why[SINK_WHY_MAX])
{
	struct tls *tls = calloc(1, sizeof(*tls));
	int error, n;

	if (!tls) {
		snprintf(why, SINK_WHY_MAX, "TLS: out of memory");
		return -ENOMEM;
	}
	tls->options = options;
	error = load(options, &tls->credentials, why);
	if (!error) {
		n = set_up(tls, fd);
		error = n < 0 ? say(tls, n, why) : handshake(tls, fd, deadline, why);
	}
	if (!error)
		error = wait_refusal(tls, fd, why);
	if (error) {
		tls_free(tls);
		return error;
	}
	*out = tls;
	return 0;
}

ssize_t
tls_write(struct tls *tls, const void *data, size_t len, short *events, char why[SINK_WHY_MAX])
{
	ssize_t n = gnutls_record_send(tls->session, data, len);

	if (n >= 0)
		return n;
	if (!gnutls_error_is_fatal((int)n)) {
		*events = gnutls_record_get_direction(tls->session) ? POLLOUT : POLLIN;
		return -EAGAIN;
	}
	return say(tls, (int)n, why);
}

int
tls_read(struct tls *tls, char why[SINK_WHY_MAX])
{
	char dropped[512];
	ssize_t n = gnutls_record_recv(tls->session, dropped, sizeof(dropped));

	if (n >= 0)
		return n > 0;
	return gnutls_error_is_fatal((int)n) ? say(tls, (int)n, why) : -EAGAIN;
}

int
tls_end(struct tls *tls)
{
	int n = gnutls_bye(tls->session, GNUTLS_SHUT_WR);

	return n == 0 ? 0 : n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ? -EAGAIN : -EPROTO;
}
