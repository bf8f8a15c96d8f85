#include "export/kafka/setup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "export/sink/secret.h"

#define BROKERS_MAX 4096

/* What holds for each of them; the reasons are in kafka.c. */
static const char *const fixed[][2] = {
	{"client.id", "smtap"},
	{"enable.idempotence", "true"},
	{"acks", "all"},
	{"compression.codec", "zstd"},
	/* The sink takes back what was not acknowledged in time, and all of it at once. */
	{"message.timeout.ms", "0"},
	/* The same key goes to the same partition as from a producer in Java. */
	{"partitioner", "murmur2_random"},
	{"reconnect.backoff.max.ms", "2000"},
	{"socket.connection.setup.timeout.ms", "10000"},
	{"socket.keepalive.enable", "true"},
	/* Lines and errors come when the sink asks for them, in its own thread. */
	{"log.queue", "true"},
	{"log_level", "4"},
	{"log.connection.close", "false"},
};

struct setup {
	rd_kafka_conf_t *conf;
	const struct config_exporter *e;
	char *why; /* SINK_WHY_MAX bytes */
};

__attribute__((format(printf, 2, 3))) static int
refuse(struct setup *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->why, SINK_WHY_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

static const char *
text(const struct setup *s, const char *key)
{
	return config_exporter_text(s->e, key);
}

/* An empty value leaves the library's own. */
static int
put(struct setup *s, const char *name, const char *value)
{
	char why[256];

	if (!value[0] ||
		rd_kafka_conf_set(s->conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return 0;
	return refuse(s, "librdkafka refuses %s: %s", name, why);
}

static int
put_brokers(struct setup *s)
{
	char list[BROKERS_MAX];
	struct text t = {.out = list, .room = sizeof(list)};
	const char *broker = NULL;

	list[0] = '\0';
	while ((broker = config_exporter_next(s->e, "brokers", broker))) {
		if (!broker[0] || strpbrk(broker, "/@, \t"))
			return refuse(s, "brokers: expected HOST:PORT, as kafka1.example.net:9092");
		text_add(&t, "%s%s", t.len > 0 ? "," : "", broker);
	}
	if (t.len == 0 || t.len + 1 >= t.room)
		return refuse(s, "brokers: expected a list of HOST:PORT, of at most %d bytes",
			BROKERS_MAX);
	return put(s, KAFKA_BROKERS, list);
}

static int
check_topic(struct setup *s)
{
	const char *topic = text(s, "topic");
	size_t len = strlen(topic);

	if (len == 0 || len > KAFKA_TOPIC_MAX || strcmp(topic, ".") == 0 ||
		strcmp(topic, "..") == 0 ||
		strspn(topic,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len)
		return refuse(s, "topic: expected letters, digits, '.', '_' and '-', %d at most",
			KAFKA_TOPIC_MAX);
	return 0;
}

static int
put_tls(struct setup *s)
{
	int error = secret_check_tls_of(s->e, s->why);
	if (!error)
		error = put(s, "ssl.ca.location", text(s, "ca_file"));
	if (!error)
		error = put(s, "ssl.certificate.location", text(s, "cert_file"));
	return error ? error : put(s, "ssl.key.location", text(s, "key_file"));
}

static int
put_sasl(struct setup *s, bool tls)
{
	static const char *const mechanisms[] = {NULL, "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"};
	const char *mechanism = mechanisms[config_exporter_number(s->e, "sasl_mechanism")];
	const char *username = text(s, "username"), *file = text(s, "password_file");
	char password[SECRET_MAX];
	int error;

	if (!mechanism)
		return put(s, "security.protocol", tls ? "ssl" : "plaintext");
	error = secret_read("password_file", file, password, s->why);
	if (!error)
		error = put(s, "sasl.password", password);
	secret_wipe(password, sizeof(password));
	if (!error)
		error = put(s, "sasl.username", username);
	if (!error)
		error = put(s, "sasl.mechanism", mechanism);
	return error ? error : put(s, "security.protocol", tls ? "sasl_ssl" : "sasl_plaintext");
}

/* Without a broker it does nothing but read its files. */
static int
try_it(struct setup *s)
{
	static const char *without[] = {KAFKA_BROKERS};
	rd_kafka_conf_t *conf = rd_kafka_conf_dup_filter(s->conf, 1, without);
	char why[256];
	rd_kafka_t *rk;

	if (!conf)
		return -ENOMEM;
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!rk) {
		rd_kafka_conf_destroy(conf);
		return refuse(s, "librdkafka: %s", why);
	}
	rd_kafka_destroy(rk);
	return 0;
}

static int
put_all(struct setup *s)
{
	bool tls = config_exporter_number(s->e, "tls") != 0;
	char bytes[32];
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(fixed) / sizeof(fixed[0]); i++)
		error = put(s, fixed[i][0], fixed[i][1]);
	snprintf(bytes, sizeof(bytes), "%" PRIu64, config_exporter_number(s->e, "message_max"));
	if (!error)
		error = put(s, "message.max.bytes", bytes);
	if (!error)
		error = check_topic(s);
	if (!error)
		error = put_brokers(s);
	if (!error)
		error = put_tls(s);
	if (!error)
		error = put_sasl(s, tls);
	return error ? error : try_it(s);
}

rd_kafka_conf_t *
kafka_setup(const struct config_exporter *e, int *error, char why[SINK_WHY_MAX])
{
	struct setup s = {.conf = rd_kafka_conf_new(), .e = e, .why = why};

	why[0] = '\0';
	*error = put_all(&s);
	if (*error == 0)
		return s.conf;
	rd_kafka_conf_destroy(s.conf);
	return NULL;
}
