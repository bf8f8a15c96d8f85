/*
 * Brokers for tests of the Kafka exporter: librdkafka's mock cluster, which lives in the process
 * that makes it, and a consumer of one topic.
 *
 *   kafka_mock TOPIC
 *
 * First "bootstrap HOST:PORT,.." on standard output, then a line of JSON for each message that
 * came: {"partition": 0, "offset": 0, "key": "..", "headers": {..}, "value": ".."}. Commands on
 * standard input, each answered with "done COMMAND":
 *
 *   down, up            all brokers
 *   count               "total N" first: how many messages the brokers have
 *   error API CODE N    the next N requests of that API (by its number) get that error (the same)
 *   end                 of the input too
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define BROKERS 3
#define PARTITIONS 4
#define ERRORS_MAX 1000

static void
quiet(const rd_kafka_t *rk, int level, const char *facility, const char *line)
{
	(void)rk;
	(void)level;
	(void)facility;
	(void)line;
}

static rd_kafka_t *
make(rd_kafka_type_t type, const char *const (*settings)[2])
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[256];
	rd_kafka_t *rk;

	for (; (*settings)[0]; settings++) {
		if (rd_kafka_conf_set(conf, (*settings)[0], (*settings)[1], why, sizeof(why)) !=
			RD_KAFKA_CONF_OK) {
			fprintf(stderr, "kafka_mock: %s\n", why);
			exit(1);
		}
	}
	rd_kafka_conf_set_log_cb(conf, quiet);
	rk = rd_kafka_new(type, conf, why, sizeof(why));
	if (!rk) {
		fprintf(stderr, "kafka_mock: %s\n", why);
		exit(1);
	}
	return rk;
}

static rd_kafka_t *
make_consumer(const char *bootstrap, const char *topic)
{
	const char *settings[][2] = {{"bootstrap.servers", bootstrap}, {"group.id", "test"},
		{"reconnect.backoff.max.ms", "200"}, {"enable.auto.commit", "false"}, {NULL, NULL}};
	rd_kafka_t *rk = make(RD_KAFKA_CONSUMER, (const char *const(*)[2])settings);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);

	rd_kafka_poll_set_consumer(rk);
	for (int i = 0; i < PARTITIONS; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return rk;
}

static json_t *
headers_of(const rd_kafka_message_t *m)
{
	rd_kafka_headers_t *headers;
	json_t *out = json_object();
	const void *value;
	const char *name;
	size_t len;

	if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return out;
	for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &len) ==
			   RD_KAFKA_RESP_ERR_NO_ERROR;
		i++)
		json_object_set_new(out, name, json_stringn(value, len));
	return out;
}

static void
print_message(const rd_kafka_message_t *m)
{
	json_t *line;
	char *text;

	if (m->err)
		return;
	line = json_pack("{s:i, s:I, s:s%, s:s%, s:o}", "partition", (int)m->partition, "offset",
		(json_int_t)m->offset, "key", m->key, m->key_len, "value", m->payload, m->len,
		"headers", headers_of(m));
	text = json_dumps(line, JSON_COMPACT);
	printf("%s\n", text ? text : "{}");
	fflush(stdout);
	free(text);
	json_decref(line);
}

static void
push_errors(rd_kafka_mock_cluster_t *cluster, int api, int code, unsigned count)
{
	rd_kafka_resp_err_t errors[ERRORS_MAX];

	count = count < ERRORS_MAX ? count : ERRORS_MAX;
	for (unsigned i = 0; i < count; i++)
		errors[i] = (rd_kafka_resp_err_t)code;
	rd_kafka_mock_clear_request_errors(cluster, (int16_t)api);
	rd_kafka_mock_push_request_errors_array(cluster, (int16_t)api, count, errors);
}

static void
print_total(rd_kafka_t *consumer, const char *topic)
{
	int64_t low, high, total = 0;

	for (int i = 0; i < PARTITIONS; i++)
		if (rd_kafka_query_watermark_offsets(consumer, topic, i, &low, &high, 10000) ==
			RD_KAFKA_RESP_ERR_NO_ERROR)
			total += high;
	printf("total %lld\n", (long long)total);
}

struct peer {
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_t *consumer;
	const char *topic;
};

/* False: it is over. */
static bool
obey(const struct peer *peer, const char *command)
{
	rd_kafka_mock_cluster_t *cluster = peer->cluster;
	unsigned count;
	int api, code;

	if (strcmp(command, "end") == 0)
		return false;
	for (int broker = 1; broker <= BROKERS; broker++) {
		if (strcmp(command, "down") == 0)
			rd_kafka_mock_broker_set_down(cluster, broker);
		if (strcmp(command, "up") == 0)
			rd_kafka_mock_broker_set_up(cluster, broker);
	}
	if (strcmp(command, "count") == 0)
		print_total(peer->consumer, peer->topic);
	if (sscanf(command, "error %d %d %u", &api, &code, &count) == 3)
		push_errors(cluster, api, code, count);
	printf("done %s\n", command);
	fflush(stdout);
	return true;
}

static void
serve(const struct peer *peer)
{
	struct pollfd input = {.fd = 0, .events = POLLIN};
	char command[128];

	setvbuf(stdin, NULL, _IONBF, 0);
	for (;;) {
		rd_kafka_message_t *m;

		if (poll(&input, 1, 0) > 0) {
			if (!fgets(command, sizeof(command), stdin))
				return;
			command[strcspn(command, "\n")] = '\0';
			if (!obey(peer, command))
				return;
		}
		m = rd_kafka_consumer_poll(peer->consumer, 50);
		if (m) {
			print_message(m);
			rd_kafka_message_destroy(m);
		}
	}
}

int
main(int argc, char **argv)
{
	static const char *const none[][2] = {{"client.id", "mock"}, {NULL, NULL}};
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_t *holder, *consumer;

	if (argc != 2) {
		fprintf(stderr, "usage: kafka_mock TOPIC\n");
		return 2;
	}
	holder = make(RD_KAFKA_PRODUCER, none);
	cluster = rd_kafka_mock_cluster_new(holder, BROKERS);
	if (!cluster || rd_kafka_mock_topic_create(cluster, argv[1], PARTITIONS, BROKERS) !=
				RD_KAFKA_RESP_ERR_NO_ERROR) {
		fprintf(stderr, "kafka_mock: the cluster cannot be made\n");
		return 1;
	}
	printf("bootstrap %s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	consumer = make_consumer(rd_kafka_mock_cluster_bootstraps(cluster), argv[1]);
	serve(&(struct peer){cluster, consumer, argv[1]});
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(holder);
	return 0;
}
