/* Control's outbox and its socket for exporters, in a folder of their own, and an exporter's
 * client. */
#ifndef SMTAP_TESTS_OUTLET_PLACE_H
#define SMTAP_TESTS_OUTLET_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/outlet/outlet.h"
#include "export/feed/feed.h"

struct place {
	char folder[64];
	char store[96];
	char socket[96];
	struct outbox *outbox;
	struct outlet *outlet;
	struct feed *feed; /* of exporter "a" */
	int stop_fd;
	const struct outbox_exporter *exporters;
	size_t count;
};

#define BOUND_S 60u /* for a test, where a second or two is enough */

/* Who waits for what never comes fails in words. */
static void
give_up(int signal)
{
	static const char words[] = "outlet_test: what the last test waits for did not come\n";

	(void)signal;
	(void)!write(STDERR_FILENO, words, sizeof(words) - 1);
	_exit(1);
}

static const struct outbox_exporter configured[] = {
	{.name = "a", .from_start = true}, {.name = "b", .from_start = false}};

static void
open_outlet(struct place *p)
{
	const struct outlet_options options = {
		.path = p->socket, .store = p->store, .outbox = p->outbox};
	char why[512] = "";

	if (outlet_open(&p->outlet, &options, why, sizeof(why)) != 0)
		fail_msg("%s", why);
}

static void
open_control(struct place *p)
{
	p->outbox =
		outbox_open(&(struct outbox_options){.path = p->store, .memory_bytes = 1 << 20});
	assert_non_null(p->outbox);
	outbox_set_exporters(p->outbox, p->exporters, p->count);
	open_outlet(p);
}

static int
close_control(struct place *p)
{
	struct outbox_counters counters;

	outlet_close(p->outlet);
	p->outlet = NULL;
	return outbox_close(p->outbox, &counters);
}

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	signal(SIGALRM, give_up);
	alarm(BOUND_S);
	strcpy(p->folder, "/tmp/smtap-outlet-XXXXXX");
	if (!mkdtemp(p->folder))
		return -1;
	snprintf(p->store, sizeof(p->store), "%s/f/a.db", p->folder);
	snprintf(p->socket, sizeof(p->socket), "%s/sock", p->folder);
	p->exporters = configured;
	p->count = 2;
	p->stop_fd = eventfd(0, EFD_NONBLOCK);
	p->feed = feed_new(
		&(struct feed_options){.path = p->socket, .exporter = "a", .stop_fd = p->stop_fd});
	*state = p;
	return 0;
}

/* With a folder for the store. */
static int
set_up_running(void **state)
{
	char folder[96];

	if (set_up(state) != 0)
		return -1;
	snprintf(folder, sizeof(folder), "%s/f", ((struct place *)*state)->folder);
	if (mkdir(folder, 0700) != 0)
		return -1;
	open_control(*state);
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;
	char pattern[120];
	glob_t found;

	alarm(0);
	feed_free(p->feed);
	if (p->outlet)
		close_control(p);
	snprintf(pattern, sizeof(pattern), "%s/f/*", p->folder);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	snprintf(pattern, sizeof(pattern), "%s/f", p->folder);
	rmdir(pattern);
	assert_int_equal(rmdir(p->folder), 0);
	close(p->stop_fd);
	free(p);
	return 0;
}

static void
put_finding(struct place *p, uint64_t incident, uint64_t finding, const char *how)
{
	char line[64];

	snprintf(line, sizeof(line), "{\"incident\":%llu,\"how\":\"%s\"}",
		(unsigned long long)incident, how);
	outbox_put(p->outbox, &(struct store_alert){.incident = incident,
				      .state = how,
				      .stage = "none",
				      .finding = finding,
				      .finding_state = how,
				      .detector = "spray",
				      .subject_type = "source",
				      .subject = "192.0.2.1",
				      .line = line,
				      .line_len = strlen(line)});
}

static inline void
put(struct place *p, uint64_t incident, const char *how)
{
	put_finding(p, incident, incident, how);
}

/* Until the outbox knows that they are in the store. */
static inline void
await_stored(struct place *p, uint64_t seq)
{
	while (outbox_look(p->outbox, UINT64_MAX, 0, NULL, NULL).stored < seq)
		sched_yield();
}

/* "1:5 " is alert 1, of incident 5. */
static void
append(char *text, const struct feed_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		const struct sink_alert *a = &batch->alerts[i];

		sprintf(text + strlen(text), "%llu:%lld ", (unsigned long long)a->seq,
			json_integer_value(json_object_get(a->json, "incident")));
	}
}

/* Ask, and say that they were delivered, until there are so many. */
static inline void
take(struct place *p, unsigned max, unsigned n, char *text)
{
	char why[SINK_WHY_MAX] = "";
	unsigned have = 0;

	text[0] = '\0';
	while (have < n) {
		struct feed_batch batch;

		if (feed_alerts(p->feed, max, FEED_WAIT_MAX_MS, &batch, why) != 0)
			fail_msg("%s", why);
		append(text, &batch);
		have += (unsigned)batch.n;
		if (batch.n > 0)
			assert_int_equal(
				feed_delivered(p->feed, batch.alerts[batch.n - 1].seq, why), 0);
		feed_batch_free(&batch);
	}
}

#endif
