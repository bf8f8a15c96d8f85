/* What a runner does with alerts, a sink that fails in every way, and a clock of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "config/config.h"
#include "export/sink/runner.h"

#define ALL UINT64_MAX
#define TEXT_MAX 8192

/* Control, the destination and the clock, all in one. */
struct world {
	struct config config;
	/* Control. */
	unsigned told; /* alerts 1 .. told */
	uint64_t cursor;
	unsigned away; /* so many calls fail first */
	unsigned lost; /* so many "delivered" fail first */
	unsigned open; /* alerts of open_alerts */
	unsigned more; /* that it left out */
	/* The destination: a letter for each call of send, the last one for all others.
	   d done, r retry, h retry after half, x refused if it has alert `bad` */
	const char *script;
	uint64_t bad;
	char got[TEXT_MAX]; /* numbers, in order of their arrival */
	unsigned calls, ticks;
	size_t most; /* in a call */
	const char *tick_script;
	bool state;
	/* What happened. */
	char pauses[TEXT_MAX]; /* in seconds */
	char said[TEXT_MAX];
	uint64_t now_ns;
	unsigned idle;        /* questions without an answer, after which it is over */
	unsigned pauses_left; /* after which it is over; 0: any number */
	struct sink_counters counters;
};

static struct world *sink_world; /* open() has no other way to it */

static int
fake_open(void **sink, const struct config_exporter *e, const struct sink_context *context,
	char why[SINK_WHY_MAX])
{
	(void)e;
	if (!context->sensor) {
		snprintf(why, SINK_WHY_MAX, "cannot read its certificate");
		return -EACCES;
	}
	*sink = sink_world;
	return 0;
}

static void
append(char *text, const char *format, unsigned long long n)
{
	size_t len = strlen(text);

	assert_true(len + 32 < TEXT_MAX);
	sprintf(text + len, format, n);
}

static enum sink_result
fake_send(
	void *sink, const struct sink_alert *alerts, size_t n, size_t *sent, char why[SINK_WHY_MAX])
{
	struct world *w = sink;
	char how = *w->script;
	size_t take = n;

	assert_int_equal(*sent, 0);
	assert_true(n >= 1);
	w->calls++;
	w->most = n > w->most ? n : w->most;
	w->script += w->script[1] != '\0';
	snprintf(why, SINK_WHY_MAX, "it is\ndown");
	if (how == 'r')
		take = 0;
	if (how == 'h')
		take = n / 2;
	for (size_t i = 0; how == 'x' && i < take; i++)
		if (alerts[i].seq == w->bad || w->bad == ALL)
			take = i;
	for (size_t i = 0; i < take; i++)
		append(w->got, "%llu ", alerts[i].seq);
	*sent = take;
	if (how == 'r' || how == 'h')
		return SINK_RETRY;
	return take < n ? SINK_REFUSED : SINK_DONE;
}

static enum sink_result
fake_state(void *sink, const struct sink_alert *alerts, size_t n, char why[SINK_WHY_MAX])
{
	struct world *w = sink;
	size_t sent = 0;

	if (n > 0)
		return fake_send(sink, alerts, n, &sent, why);
	append(w->got, "none ", 0);
	return SINK_DONE;
}

static enum sink_result
fake_tick(void *sink, uint64_t now_ns, char why[SINK_WHY_MAX])
{
	struct world *w = sink;
	char how = *w->tick_script;

	assert_int_equal(now_ns, w->now_ns);
	w->ticks++;
	w->tick_script += w->tick_script[1] != '\0';
	snprintf(why, SINK_WHY_MAX, "tick");
	return how == 'r' ? SINK_RETRY : SINK_DONE;
}

static void
fake_close(void *sink)
{
	(void)sink;
}

/* Alert n: severity 1, 2, 3, 1, .. */
static struct sink_alert
alert_of(uint64_t n)
{
	char text[100];
	int len = sprintf(text, "{\"alert\":{\"severity\":%d}}", (int)((n - 1) % 3 + 1));

	return (struct sink_alert){.seq = n,
		.line = strdup(text),
		.line_len = (size_t)len,
		.json = json_loads(text, 0, NULL)};
}

static int
fake_alerts(void *arg, unsigned max, unsigned wait_ms, struct feed_batch *out)
{
	struct world *w = arg;

	*out = (struct feed_batch){0};
	if (w->away > 0) {
		w->away--;
		return -ECONNREFUSED;
	}
	out->backlog = w->told - w->cursor;
	if (max == 0)
		return 0;
	if (w->cursor == w->told) {
		w->now_ns += wait_ms * NS_PER_MS;
		if (w->idle == 0)
			return -ECANCELED;
		w->idle--;
	}
	out->alerts = calloc(max, sizeof(*out->alerts));
	while (out->n < max && w->cursor + out->n < w->told) {
		out->alerts[out->n] = alert_of(w->cursor + out->n + 1);
		out->n++;
	}
	return 0;
}

static int
fake_open_alerts(void *arg, struct feed_batch *out)
{
	struct world *w = arg;

	*out = (struct feed_batch){.up_to = w->told, .left_out = w->more};
	if (w->away > 0) {
		w->away--;
		return -ECONNREFUSED;
	}
	out->alerts = calloc(w->open + 1, sizeof(*out->alerts));
	for (; out->n < w->open; out->n++)
		out->alerts[out->n] = alert_of(out->n + 1);
	return 0;
}

static int
fake_delivered(void *arg, uint64_t seq)
{
	struct world *w = arg;

	assert_in_range(seq, w->cursor, w->told);
	if (w->lost > 0) {
		w->lost--;
		return -ECONNRESET;
	}
	w->cursor = seq;
	return 0;
}

static bool
fake_pause(void *arg, uint64_t ns)
{
	struct world *w = arg;

	append(w->pauses, "%llu ", ns / NS_PER_S);
	w->now_ns += ns;
	return w->pauses_left > 0 && --w->pauses_left == 0;
}

static uint64_t
fake_now(void *arg)
{
	return ((struct world *)arg)->now_ns;
}

static void
fake_tell(void *arg, const char *line)
{
	struct world *w = arg;

	assert_true(strlen(w->said) + strlen(line) + 2 < TEXT_MAX);
	strcat(strcat(w->said, line), "\n");
}

static struct world *
world_of(const char *keys)
{
	struct world *w = calloc(1, sizeof(*w));
	char text[400], why[300] = "";

	assert_non_null(w);
	config_defaults(&w->config);
	int len = snprintf(text, sizeof(text), "exporters: {siem: {type: unix, path: /x%s}}", keys);
	const struct config_source source = {"f", text, (size_t)len};
	if (config_parse(&w->config, &source, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	w->now_ns = 1000 * NS_PER_S;
	w->script = w->tick_script = "d";
	return w;
}

static struct runner_options
options_of(struct world *w, const struct sink_kind *kind, const struct sink_context *context)
{
	return (struct runner_options){.exporter = config_exporter_at(&w->config.exporters, 0),
		.kind = kind,
		.context = context,
		.source = {.alerts = fake_alerts,
			.open_alerts = fake_open_alerts,
			.delivered = fake_delivered,
			.pause = fake_pause,
			.now_ns = fake_now,
			.tell = fake_tell,
			.arg = w}};
}

/* Until it is over. */
static void
run(struct world *w)
{
	const struct sink_context context = {.sensor = "s"};
	struct sink_kind kind = {.open = fake_open, .send = fake_send, .close = fake_close};
	struct runner *runner;
	char why[SINK_WHY_MAX];

	if (w->ticks)
		kind.tick = fake_tick;
	if (w->state)
		kind.state = fake_state;
	w->ticks = 0;
	sink_world = w;
	const struct runner_options options = options_of(w, &kind, &context);
	assert_int_equal(runner_new(&runner, &options, why), 0);
	runner_run(runner);
	runner_counters(runner, &w->counters);
	runner_free(runner);
}

static void
end(struct world *w)
{
	config_free(&w->config);
	free(w);
}

static void
alerts_go_in_order_and_in_batches(void **state)
{
	struct world *w = world_of(", batch: 2");

	(void)state;
	w->told = 5;
	run(w);
	assert_string_equal(w->got, "1 2 3 4 5 ");
	assert_int_equal(w->calls, 3);
	assert_int_equal(w->cursor, 5);
	assert_int_equal(w->counters.sent, 5);
	assert_int_equal(w->counters.last_seq, 5);
	assert_int_equal(w->counters.backlog, 0);
	assert_int_equal(w->counters.last_sent_s, 1000);
	assert_string_equal(w->said, "");
	assert_string_equal(w->pauses, "");
	end(w);
}

static void
alerts_below_the_severity_are_left_out_and_are_no_backlog(void **state)
{
	struct world *w = world_of(", severity: 2");

	(void)state;
	w->told = 9;
	run(w);
	assert_string_equal(w->got, "1 2 4 5 7 8 ");
	assert_int_equal(w->cursor, 9);
	assert_int_equal(w->counters.left_out, 3);
	end(w);
	w = world_of(", severity: 1, batch: 1");
	w->told = 3;
	run(w);
	assert_string_equal(w->got, "1 ");
	assert_int_equal(w->cursor, 3);
	end(w);
}

static void
what_fails_is_tried_again_later_each_time_and_told_once(void **state)
{
	struct world *w = world_of(", retry_max: 10s");

	(void)state;
	w->told = 3;
	w->script = "rrrrrrd";
	run(w);
	assert_string_equal(w->got, "1 2 3 ");
	assert_string_equal(w->pauses, "1 2 4 8 10 10 ");
	assert_string_equal(w->said, "siem: it is\\x0Adown; alerts are kept and tried again\n"
				     "siem: works again\n");
	assert_int_equal(w->counters.retries, 6);
	assert_int_equal(w->counters.failing, 0);
	end(w);
}

static void
backlog_is_known_while_the_destination_fails(void **state)
{
	struct world *w = world_of(", batch: 10");

	(void)state;
	w->told = 25;
	w->script = "r";
	w->pauses_left = 3;
	run(w);
	assert_string_equal(w->got, "");
	assert_int_equal(w->counters.backlog, 25);
	assert_int_equal(w->counters.failing, 1);
	assert_int_equal(w->cursor, 0);
	end(w);
}

static void
what_was_delivered_before_the_failure_does_not_come_again(void **state)
{
	struct world *w = world_of("");

	(void)state;
	w->told = 8;
	w->script = "hhd";
	run(w);
	assert_string_equal(w->got, "1 2 3 4 5 6 7 8 ");
	/* Each time something was delivered: the pause is the first one again. */
	assert_string_equal(w->pauses, "1 1 ");
	end(w);
}

static void
what_could_not_be_said_to_control_comes_again(void **state)
{
	struct world *w = world_of(", batch: 2");

	(void)state;
	w->told = 4;
	w->lost = 1;
	run(w);
	assert_string_equal(w->got, "1 2 1 2 3 4 ");
	end(w);
}

static void
control_that_is_away_is_asked_again(void **state)
{
	struct world *w = world_of("");

	(void)state;
	w->told = 2;
	w->away = 5;
	run(w);
	assert_string_equal(w->got, "1 2 ");
	assert_string_equal(w->pauses, "1 2 4 5 5 ");
	/* That is told by who has the connection. */
	assert_string_equal(w->said, "");
	end(w);
}

static void
alert_that_is_refused_is_left_out_after_a_few_tries(void **state)
{
	struct world *w = world_of("");

	(void)state;
	w->told = 6;
	w->bad = 4;
	w->script = "x";
	run(w);
	assert_string_equal(w->got, "1 2 3 5 6 ");
	assert_string_equal(w->pauses, "1 2 4 ");
	assert_string_equal(w->said, "siem: alert 4 is refused and left out: it is\\x0Adown\n");
	assert_int_equal(w->counters.refused, 1);
	assert_int_equal(w->counters.sent, 5);
	assert_int_equal(w->cursor, 6);
	end(w);
}

static void
alert_that_is_refused_and_then_taken_is_not_left_out(void **state)
{
	struct world *w = world_of("");

	(void)state;
	w->told = 3;
	w->bad = 2;
	w->script = "xxd";
	run(w);
	assert_string_equal(w->got, "1 2 3 ");
	assert_int_equal(w->counters.refused, 0);
	assert_string_equal(w->said, "");
	end(w);
}

static void
many_that_are_refused_are_told_in_few_lines(void **state)
{
	struct world *w = world_of(", retry_max: 1s");
	unsigned lines = 0;

	(void)state;
	w->told = 60; /* 3 s each: three minutes */
	w->bad = ALL;
	w->script = "x";
	run(w);
	for (const char *p = w->said; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 3);
	assert_non_null(strstr(w->said,
		"siem: alert 21 is refused and left out, as were 19 since the last such line: "));
	assert_int_equal(w->counters.refused, 60);
	assert_int_equal(w->cursor, 60);
	end(w);
}

static void
state_begins_with_what_is_open_and_goes_on_after_it(void **state)
{
	struct world *w = world_of("");

	(void)state;
	w->state = true;
	w->away = 1;
	w->told = 100;
	w->open = 3;
	w->script = "rd";
	run(w);
	assert_string_equal(w->got, "1 2 3 ");
	assert_int_equal(w->cursor, 100);
	end(w);
}

static void
open_alerts_come_all_at_once(void **state)
{
	struct world *w = world_of(", batch: 4");

	(void)state;
	w->state = true;
	w->told = w->open = 9;
	run(w);
	assert_int_equal(w->most, 9);
	assert_string_equal(w->got, "1 2 3 4 5 6 7 8 9 ");
	assert_string_equal(w->said, "");
	end(w);
}

static void
open_alerts_that_were_too_many_are_told(void **state)
{
	struct world *w = world_of("");

	(void)state;
	w->state = true;
	w->told = w->open = 3;
	w->more = 7;
	run(w);
	assert_string_equal(w->got, "1 2 3 ");
	assert_non_null(strstr(w->said, "7 more findings are open"));
	assert_int_equal(w->cursor, 3);
	end(w);
}

/* A list that was left full by an earlier start has to become empty. */
static void
state_of_which_nothing_is_open_is_told_too(void **state)
{
	struct world *w = world_of("");

	(void)state;
	w->state = true;
	w->told = 5;
	run(w);
	assert_string_equal(w->got, "none ");
	assert_int_equal(w->cursor, 5);
	end(w);
}

static void
ticks_come_while_there_is_nothing_to_send(void **state)
{
	struct world *w = world_of("");

	(void)state;
	w->ticks = 1; /* it has a tick */
	w->told = 1;
	w->idle = 5;
	w->tick_script = "drrd";
	run(w);
	assert_int_equal(w->ticks, 5);
	assert_string_equal(w->pauses, "1 2 ");
	assert_string_equal(w->said, "siem: tick; alerts are kept and tried again\n"
				     "siem: works again\n");
	/* A question waits for a second, as long as there is a tick to come. */
	assert_int_equal(w->now_ns / NS_PER_S, 1000 + 6 + 3);
	end(w);
}

static void
sink_that_cannot_be_opened_is_named_with_its_line(void **state)
{
	struct world *w = world_of("");
	const struct sink_context context = {.sensor = NULL};
	const struct sink_kind kind = {.open = fake_open, .send = fake_send, .close = fake_close};
	const struct runner_options options = options_of(w, &kind, &context);
	struct runner *runner;
	char why[SINK_WHY_MAX];

	(void)state;
	assert_int_equal(runner_new(&runner, &options, why), -EACCES);
	assert_null(runner);
	assert_string_equal(why, "exporters.siem (line 1): cannot read its certificate");
	end(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alerts_go_in_order_and_in_batches),
		cmocka_unit_test(alerts_below_the_severity_are_left_out_and_are_no_backlog),
		cmocka_unit_test(what_fails_is_tried_again_later_each_time_and_told_once),
		cmocka_unit_test(backlog_is_known_while_the_destination_fails),
		cmocka_unit_test(what_was_delivered_before_the_failure_does_not_come_again),
		cmocka_unit_test(what_could_not_be_said_to_control_comes_again),
		cmocka_unit_test(control_that_is_away_is_asked_again),
		cmocka_unit_test(alert_that_is_refused_is_left_out_after_a_few_tries),
		cmocka_unit_test(alert_that_is_refused_and_then_taken_is_not_left_out),
		cmocka_unit_test(many_that_are_refused_are_told_in_few_lines),
		cmocka_unit_test(state_begins_with_what_is_open_and_goes_on_after_it),
		cmocka_unit_test(open_alerts_come_all_at_once),
		cmocka_unit_test(open_alerts_that_were_too_many_are_told),
		cmocka_unit_test(state_of_which_nothing_is_open_is_told_too),
		cmocka_unit_test(ticks_come_while_there_is_nothing_to_send),
		cmocka_unit_test(sink_that_cannot_be_opened_is_named_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
