/*
 * Alerts to Kafka.
 *
 * What it keeps: one producer, and of the batch under way the state of each message. A batch is
 * done when the brokers acknowledged each message of it (acks=all: all replicas in sync have it).
 *
 * What always holds: between two calls no message is with the producer. What was not acknowledged
 * in time is taken back (purged) before the call returns, or its producer is ended, so that nothing
 * is sent behind the back of the runner, which sends it again, in order. Messages therefore have no
 * time limit of their own: one that ran out alone would let the next one of its partition overtake
 * it. A request that is on its way cannot be taken back: what it had may come twice, with the same
 * id; even if that is late, it is no first time, since what followed was sent only once all of it
 * was acknowledged.
 *
 * A producer that met an error of a broker, or whose request was on its way when time was over, is
 * ended, not the sink: the next one is made anew. That is so for fatal errors, as the loss of its
 * id, and has to be so for others: librdkafka 2.0.2 waits for ever for partitions to drain that it
 * took away itself, because a right to the topic was missing for a moment. One whose messages never
 * left its queue, since no broker was there, stays, but not for ever: what else may hold one up is
 * not known. Delivery reports name the batch that they
 * belong to; late ones of an older one are nothing.
 *
 * To end a producer takes as long as its threads do, one of which may wait for a name server: some
 * ten seconds, or more. A thread of its own ends it; who wants it gone waits END_MS for that,
 * counts it, and goes on. What that thread still needs is freed by whoever is last.
 */
#include "export/kafka/kafka.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/duration.h"
#include "export/encode/encode.h"
#include "export/kafka/key.h"
#include "export/kafka/setup.h"
#include "export/sink/id.h"
#include "export/sink/secret.h"

#define BATCH_MAX 1000  /* as the key `batch` has it */
#define PURGE_MS 2000   /* reports of what was purged come at once: this is a bound, no wait */
#define FAILURES_MAX 10 /* then even a producer that seems sound is made anew */
/* Its threads do it when they can: one may wait for a name server. */
#define PURGE_ALL \
	(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
#define END_MS 2000   /* for a producer to end */
#define POLL_MS 100   /* between two looks at the clock */
#define INDEX_BITS 16 /* of a message's opaque; what is above them is its batch */
#define SAID_MAX 256

_Static_assert(BATCH_MAX < 1 << INDEX_BITS, "an index fits into the opaque of a message");

struct kafka {
	_Atomic unsigned users; /* the sink, and each thread that ends a producer of it */
	char name[CONFIG_EXPORTER_NAME_MAX + 1];
	const struct config_exporter *e; /* borrowed, by the sink alone */
	uint64_t unended;                /* since it was asked */
	char *sensor;                    /* owned */
	const char *topic;               /* borrowed from e */
	enum encode_format format;
	uint64_t timeout_ns;
	rd_kafka_conf_t *conf;                /* owned; what each producer is made of */
	rd_kafka_t *producer;                 /* owned; NULL: none yet, or the last one failed */
	uint64_t batch;                       /* number of the one under way */
	size_t waiting;                       /* of its messages, those without a report */
	rd_kafka_resp_err_t state[BATCH_MAX]; /* what came of each message */
	unsigned failures;                    /* batches that failed one after another */
	char said[SAID_MAX];   /* librdkafka's last error since all was well; "": none */
	char logged[SAID_MAX]; /* its last line that was written */
};

static void
on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka *k = opaque;
	uintptr_t name = (uintptr_t)m->_private;
	size_t index = name & ((1u << INDEX_BITS) - 1);

	(void)rk;
	if (name >> INDEX_BITS != k->batch || index >= BATCH_MAX || k->waiting == 0 ||
		k->state[index] != RD_KAFKA_RESP_ERR__IN_PROGRESS)
		return;
	k->state[index] = m->err;
	k->waiting--;
}

static void
on_error(rd_kafka_t *rk, int error, const char *reason, void *opaque)
{
	struct kafka *k = opaque;

	(void)rk;
	/* It only says that there is no other broker to try. */
	if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && k->said[0])
		return;
	/* "..: Connection refused (after 0ms in state CONNECT)" */
	const char *detail = strstr(reason, " (after ");
	size_t len = detail ? (size_t)(detail - reason) : strlen(reason);
	secret_quote(reason, len, NULL, k->said, sizeof(k->said));
}

/* Its lines among ours; what is repeated, once. */
static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *line)
{
	struct kafka *k = rd_kafka_opaque(rk);
	char text[SAID_MAX];

	(void)level;
	/* That a broker is away, or the producer at its end, is said by who has to send something.
	 */
	if (strcmp(facility, "FAIL") == 0 || strcmp(facility, "FATAL") == 0)
		return;
	secret_quote(line, strlen(line), NULL, text, sizeof(text));
	if (strcmp(text, k->logged) == 0)
		return;
	memcpy(k->logged, text, sizeof(text));
	fprintf(stderr, "smtap-export: %s: librdkafka: %s: %s\n", k->name, facility, text);
}

static void
leave(struct kafka *k)
{
	/* Release what was done with it -> acquire by who frees it. */
	if (atomic_fetch_sub_explicit(&k->users, 1, memory_order_acq_rel) != 1)
		return;
	if (k->conf)
		rd_kafka_conf_destroy(k->conf);
	free(k->sensor);
	free(k);
}

struct ending {
	struct kafka *kafka;
	rd_kafka_t *producer;
};

static void *
end_producer(void *arg)
{
	struct ending *ending = arg;

	rd_kafka_destroy_flags(ending->producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	leave(ending->kafka);
	free(ending);
	return NULL;
}

/* Not for ever; then it ends without us. */
static void
await_end(struct kafka *k, pthread_t thread)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += END_MS / 1000;
	if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0)
		return;
	pthread_detach(thread);
	k->unended++;
	fprintf(stderr,
		"smtap-export: %s: librdkafka does not end within %d s, as when a name server does "
		"not answer; it is left to end by itself\n",
		k->name, END_MS / 1000);
}

static void
drop_producer(struct kafka *k)
{
	struct ending *ending = k->producer ? malloc(sizeof(*ending)) : NULL;
	pthread_t thread;

	if (k->producer)
		rd_kafka_purge(k->producer, PURGE_ALL);
	if (ending) {
		*ending = (struct ending){k, k->producer};
		atomic_fetch_add_explicit(&k->users, 1, memory_order_relaxed);
		if (pthread_create(&thread, NULL, end_producer, ending) == 0)
			await_end(k, thread);
		else
			end_producer(ending); /* it may take its time, then */
	} else if (k->producer) {
		rd_kafka_destroy_flags(k->producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	}
	k->producer = NULL;
	k->failures = 0;
}

static bool
make_producer(struct kafka *k, char why[SINK_WHY_MAX])
{
	rd_kafka_conf_t *conf;
	char error[SAID_MAX];

	if (k->producer)
		return true;
	conf = rd_kafka_conf_dup(k->conf);
	rd_kafka_conf_set_opaque(conf, k);
	rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	k->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (!k->producer) {
		rd_kafka_conf_destroy(conf);
		snprintf(why, SINK_WHY_MAX, "librdkafka: %s", error);
		return false;
	}
	rd_kafka_set_log_queue(k->producer, NULL);
	return true;
}

/* Is the producer at its end? Then why says it. */
static bool
is_fatal(struct kafka *k, char why[SINK_WHY_MAX])
{
	char reason[SAID_MAX] = "";
	rd_kafka_resp_err_t error = rd_kafka_fatal_error(k->producer, reason, sizeof(reason));

	if (!error)
		return false;
	snprintf(why, SINK_WHY_MAX, "the producer failed and is made anew: %s", reason);
	return true;
}

static rd_kafka_resp_err_t
produce(struct kafka *k, size_t index, const struct sink_alert *a, const char *text, size_t len)
{
	char key[KAFKA_KEY_MAX], id[SINK_ID_MAX], seq[24], incident[24];
	const json_t *smtap = json_object_get(a->json, "smtap");
	uint64_t number = (uint64_t)json_integer_value(json_object_get(smtap, "incident_id"));
	uintptr_t name = (uintptr_t)(k->batch << INDEX_BITS | index);
	rd_kafka_error_t *failed;
	rd_kafka_resp_err_t error;

	kafka_key(a->json, k->sensor, key);
	sink_id(a, k->sensor, id);
	snprintf(seq, sizeof(seq), "%" PRIu64, a->seq);
	snprintf(incident, sizeof(incident), "%" PRIu64, number);

#define HEADER(title, value)                                  \
	{                                                     \
		.vtype = RD_KAFKA_VTYPE_HEADER, .u.header = { \
			.name = (title),                      \
			.val = (value),                       \
			.size = -1                            \
		}                                             \
	}
	rd_kafka_vu_t parts[] = {
		{.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = k->topic},
		{.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {.ptr = key, .size = strlen(key)}},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = (void *)text, .size = len}},
		{.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
		{.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)name},
		HEADER("smtap-id", id),
		HEADER("smtap-seq", seq),
		HEADER("smtap-incident", incident),
		HEADER("smtap-sensor", k->sensor),
	};
#undef HEADER

	failed = rd_kafka_produceva(k->producer, parts, sizeof(parts) / sizeof(parts[0]));
	error = failed ? rd_kafka_error_code(failed) : RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_error_destroy(failed);
	return error;
}

/* One more of the batch. False: the producer does not take it, and state has why. */
static bool
start_one(struct kafka *k, size_t index, const struct sink_alert *a)
{
	char *text = NULL;

	k->state[index] = RD_KAFKA_RESP_ERR__FAIL;
	if (k->format != ENCODE_EVE) {
		text = encode_alert(k->format, a->json, k->sensor);
		if (!text)
			return false;
	}
	k->state[index] = RD_KAFKA_RESP_ERR__IN_PROGRESS;
	k->waiting++;
	rd_kafka_resp_err_t error =
		produce(k, index, a, text ? text : a->line, text ? strlen(text) : a->line_len);
	if (error) {
		k->state[index] = error;
		k->waiting--;
	}
	free(text);
	return error == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Until each message has its report, the time is over, or the producer is. */
static void
wait_for_reports(struct kafka *k, uint64_t until_ns)
{
	uint64_t now;

	while (k->waiting > 0 && (now = clock_now_ns(CLOCK_MONOTONIC)) < until_ns &&
		!rd_kafka_fatal_error(k->producer, NULL, 0)) {
		uint64_t left_ms = (until_ns - now) / NS_PER_MS + 1;

		rd_kafka_poll(k->producer, left_ms < POLL_MS ? (int)left_ms : POLL_MS);
	}
	if (k->waiting == 0)
		return;
	rd_kafka_purge(k->producer, PURGE_ALL);
	until_ns = clock_now_ns(CLOCK_MONOTONIC) + PURGE_MS * NS_PER_MS;
	while (k->waiting > 0 && clock_now_ns(CLOCK_MONOTONIC) < until_ns)
		rd_kafka_poll(k->producer, POLL_MS);
}

/* Is it the message that is refused, and not the time, the brokers or our rights? */
static bool
is_refusal(rd_kafka_resp_err_t error)
{
	return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
	       error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
	       error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
	       error == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

/* Of the errors of a batch, what tells most: a broker's word, else that of the first. */
static rd_kafka_resp_err_t
telling_error(const struct kafka *k, size_t from, size_t n)
{
	for (size_t i = from; i < n; i++)
		if (k->state[i] > RD_KAFKA_RESP_ERR_NO_ERROR)
			return k->state[i];
	return k->state[from];
}

static void
explain(struct kafka *k, rd_kafka_resp_err_t error, char why[SINK_WHY_MAX])
{
	const char *between = k->said[0] ? ": " : "";

	if (error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
		error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		snprintf(why, SINK_WHY_MAX, "the brokers have no topic '%s'", k->topic);
	else if (error == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
		 error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
		 error == RD_KAFKA_RESP_ERR__IN_PROGRESS)
		snprintf(why, SINK_WHY_MAX, "no acknowledgement within %u s%s%s",
			(unsigned)(k->timeout_ns / NS_PER_S), between, k->said);
	else
		snprintf(why, SINK_WHY_MAX, "%s%s%s", rd_kafka_err2str(error), between, k->said);
}

static enum sink_result
judge(struct kafka *k, size_t n, size_t *sent, char why[SINK_WHY_MAX])
{
	while (*sent < n && k->state[*sent] == RD_KAFKA_RESP_ERR_NO_ERROR)
		(*sent)++;
	if (*sent == n) {
		k->said[0] = '\0';
		return SINK_DONE;
	}
	if (is_refusal(k->state[*sent])) {
		snprintf(why, SINK_WHY_MAX, "%s", rd_kafka_err2str(k->state[*sent]));
		return SINK_REFUSED;
	}
	if (!is_fatal(k, why))
		explain(k, telling_error(k, *sent, n), why);
	return SINK_RETRY;
}

/* Did all that left its queue arrive, and does it get something done at all? */
static bool
is_sound(const struct kafka *k, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (k->state[i] != RD_KAFKA_RESP_ERR_NO_ERROR &&
			k->state[i] != RD_KAFKA_RESP_ERR__PURGE_QUEUE)
			return false;
	return k->failures < FAILURES_MAX && !rd_kafka_fatal_error(k->producer, NULL, 0);
}

static enum sink_result
kafka_send(
	void *sink, const struct sink_alert *alerts, size_t n, size_t *sent, char why[SINK_WHY_MAX])
{
	enum sink_result result;
	uint64_t until_ns;
	struct kafka *k = sink;

	n = n < BATCH_MAX ? n : BATCH_MAX;
	*sent = 0;
	if (!make_producer(k, why))
		return SINK_RETRY;
	k->batch++;
	k->waiting = 0;
	until_ns = clock_now_ns(CLOCK_MONOTONIC) + k->timeout_ns;
	for (size_t i = 0; i < n; i++)
		k->state[i] = RD_KAFKA_RESP_ERR__PURGE_QUEUE;
	/* What stands behind one that is not taken would come twice. */
	for (size_t i = 0; i < n && start_one(k, i, &alerts[i]);)
		i++;
	wait_for_reports(k, until_ns);
	result = judge(k, n, sent, why);
	k->failures = result == SINK_RETRY ? k->failures + 1 : 0;
	if (!is_sound(k, n))
		drop_producer(k);
	return result;
}

/* What it has to say is taken, and a producer that came to its end does not wait for an alert. */
static enum sink_result
kafka_tick(void *sink, uint64_t wall_ns, char why[SINK_WHY_MAX])
{
	struct kafka *k = sink;

	(void)wall_ns;
	if (!k->producer)
		return SINK_DONE;
	rd_kafka_poll(k->producer, 0);
	if (!is_fatal(k, why))
		return SINK_DONE;
	drop_producer(k);
	return SINK_RETRY;
}

/* Its producer, so that one that does not end is counted. */
static void
kafka_end(void *sink)
{
	drop_producer(sink);
}

static void
kafka_close(void *sink)
{
	struct kafka *k = sink;

	if (!k)
		return;
	drop_producer(k);
	leave(k);
}

static struct sink_counts
kafka_count(void *sink)
{
	struct kafka *k = sink;
	const struct sink_counts n = {.unended = k->unended};

	k->unended = 0;
	return n;
}

bool
kafka_still_ends(void)
{
	return rd_kafka_thread_cnt() > 0;
}

static int
kafka_open(void **sink, const struct config_exporter *e, const struct sink_context *context,
	char why[SINK_WHY_MAX])
{
	struct kafka *k = calloc(1, sizeof(*k));
	int error = -ENOMEM;

	if (k) {
		atomic_init(&k->users, 1);
		snprintf(k->name, sizeof(k->name), "%s", config_exporter_name(e));
		k->sensor = strdup(context->sensor);
	}
	if (!k || !k->sensor) {
		snprintf(why, SINK_WHY_MAX, "out of memory");
		kafka_close(k);
		return error;
	}
	k->e = e;
	k->topic = config_exporter_text(e, "topic");
	k->format = (enum encode_format)config_exporter_number(e, "format");
	k->timeout_ns = config_exporter_number(e, "timeout");
	k->conf = kafka_setup(e, &error, why);
	if (!k->conf) {
		kafka_close(k);
		return error;
	}
	*sink = k;
	return 0;
}

const struct sink_kind kafka_kind = {
	.type = CONFIG_EXPORTER_KAFKA,
	.open = kafka_open,
	.send = kafka_send,
	.tick = kafka_tick,
	.end = kafka_end,
	.count = kafka_count,
	.close = kafka_close,
};
