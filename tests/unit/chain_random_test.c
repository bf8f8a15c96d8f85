/*
 * Random attacks in a small world, so that findings open, merge, open again and are used anew all
 * the time: whatever happens, the lists of the chain stay whole and what is told of an incident
 * makes sense from its first line to its last. Seeded: a failure comes back.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "base/image.h"
#include "control/engine/internal.h"
#include "tests/unit/tracked_stream.h"

#define TABLE 16
#define STEPS 260
#define IDS 8192

static uint64_t seed, dice;

static unsigned
roll(unsigned sides)
{
	uint64_t z = (dice += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (unsigned)((z ^ z >> 31) % sides);
}

static const char *
one_of(const char *const *all, unsigned n)
{
	return all[roll(n)];
}

#define ONE_OF(all) one_of(all, sizeof(all) / sizeof((all)[0]))

static const char *
a_source(void)
{
	static const char *const all[] = {"198.51.100.7", "198.51.100.8", "192.0.2.1", "10.9.0.1",
		"10.9.0.2", "10.9.1.7", "2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:2::1",
		"2001:db8:1:100::1", "2001:db8:2::1", "203.0.113.80"};

	return ONE_OF(all);
}

static const char *
an_account(void)
{
	static const char *const all[] = {"dave@corp.example", "dave", "CORP\\Dave",
		"dave@other.example", "eve@corp.example", "eve", "admin", "info@corp.example"};

	return ONE_OF(all);
}

static const char *
a_server(void)
{
	static const char *const all[] = {MX, "203.0.113.26", "203.0.114.25", "2001:db8:25::1"};

	return ONE_OF(all);
}

/* What was told. */

enum heard { NOTHING, GOES_ON, IS_CLOSED, IS_MERGED };

static struct {
	enum heard incidents[IDS], findings[IDS];
	enum stage stage[IDS];
	unsigned severity[IDS];
	bool hidden[IDS];
	uint64_t merged;
	uint64_t digest; /* of all lines */
} heard;

static void
digest(uint64_t value)
{
	heard.digest = (heard.digest ^ value) * 0x100000001b3ULL;
	heard.digest ^= heard.digest >> 29;
}

static void
digest_text(const char *text)
{
	while (*text != '\0')
		digest((uint8_t)*text++);
}

static void
hear_of_incident(const struct engine_telling *t)
{
	const struct incident *i = t->incident;
	enum heard *was = &heard.incidents[i->id];

	assert_in_range(i->id, 1, IDS - 1);
	if (t->incident_state == INCIDENT_OPEN)
		assert_true(*was == NOTHING || *was == IS_CLOSED);
	else
		assert_int_equal(*was, GOES_ON);
	*was = t->incident_state == INCIDENT_CLOSED ? IS_CLOSED : GOES_ON;
	if (i->merged_into != 0) {
		assert_int_equal(t->incident_state, INCIDENT_CLOSED);
		assert_true(i->merged_into < i->id);
		assert_int_equal(heard.incidents[i->merged_into] == IS_MERGED, 0);
		*was = IS_MERGED;
		heard.merged++;
	} else {
		assert_int_equal(t->incident_state == INCIDENT_CLOSED, i->open_findings == 0);
	}
	assert_true(i->stage >= heard.stage[i->id]);
	assert_in_range(i->severity, 1, 3);
	assert_true(heard.severity[i->id] == 0 || i->severity <= heard.severity[i->id]);
	heard.stage[i->id] = i->stage;
	heard.severity[i->id] = i->severity;
}

static void
hear(void *arg, const struct engine_telling *t)
{
	const struct incident *i = t->incident;
	const struct finding *f = t->finding;
	enum heard *was = &heard.findings[f->id];

	(void)arg;
	assert_in_range(f->id, 1, IDS - 1);
	assert_int_equal(f->suppressed_by, 0);
	assert_false(heard.hidden[f->id]);
	/* Its beginning may have been held back, but not be told twice; nothing follows the end. */
	assert_int_not_equal(*was, IS_CLOSED);
	assert_int_equal(t->finding_state == FINDING_UPDATE && *was == NOTHING, 0);
	assert_int_equal(t->finding_state == FINDING_OPEN && *was != NOTHING, 0);
	*was = t->finding_state == FINDING_CLOSED ? IS_CLOSED : GOES_ON;
	hear_of_incident(t);
	assert_true(i->first_seen_ns <= f->first_seen_ns);
	assert_true(f->first_seen_ns <= f->last_seen_ns);
	assert_true(f->last_seen_ns <= i->last_seen_ns || i->merged_into != 0);
	digest(i->id);
	digest(f->id);
	digest(t->incident_state);
	digest(t->finding_state);
	digest(f->attempts);
	digest_text(f->subject);
	for (unsigned n = 0; n < INCIDENT_NAMES; n++)
		digest_text(i->sources[n].name);
	for (unsigned n = 0; n < INCIDENT_NAMES; n++)
		digest_text(i->accounts[n].name);
}

static void
hear_hidden(void *arg, const struct finding *f)
{
	(void)arg;
	assert_in_range(f->id, 1, IDS - 1);
	assert_int_equal(heard.findings[f->id], NOTHING);
	assert_false(heard.hidden[f->id]);
	heard.hidden[f->id] = true;
	digest(f->id);
}

/* What holds of the chain at any time. */

static unsigned
assert_incident_whole(const struct chain *c, uint32_t slot, bool seen[TABLE])
{
	const struct chain_slot *kept = &c->slots[slot];
	const struct incident *i = &kept->incident;
	unsigned open = 0, all = 0, staged = 0;
	uint32_t older = CHAIN_NONE;

	for (uint32_t n = kept->first; n != CHAIN_NONE; older = n, n = c->links[n].newer) {
		assert_in_range(n, 0, TABLE - 1);
		assert_false(seen[n]);
		seen[n] = true;
		assert_int_equal(c->links[n].slot, slot);
		assert_int_equal(c->links[n].older, older);
		assert_int_equal(c->book->entries[n].finding.suppressed_by, 0);
		open += !c->book->entries[n].finding.closed;
		all++;
	}
	assert_int_equal(kept->last, older);
	assert_int_equal(i->open_findings, open);
	assert_true(i->findings >= all);
	assert_int_equal(i->merged_into, 0);
	for (unsigned n = 0; n < STAGE_COUNT; n++)
		staged += i->stages[n].findings;
	assert_int_equal(staged, i->findings);
	return all;
}

static void
assert_chain_whole(void)
{
	const struct chain *c = &s->engine->chain;
	const struct incident *list[TABLE + 1];
	bool seen[TABLE] = {false}, free_slot[TABLE] = {false};
	size_t n;

	for (uint32_t k = 0; k < c->free_len; k++) {
		assert_in_range(c->free[k], 0, TABLE - 1);
		assert_false(free_slot[c->free[k]]);
		free_slot[c->free[k]] = true;
	}
	for (uint32_t slot = 0; slot < TABLE; slot++) {
		assert_int_equal(free_slot[slot], c->slots[slot].first == CHAIN_NONE);
		if (!free_slot[slot])
			assert_incident_whole(c, slot, seen);
	}
	for (uint32_t k = 0; k < TABLE; k++) {
		const struct finding *f = &c->book->entries[k].finding;

		if (!seen[k])
			assert_int_equal(c->links[k].slot, CHAIN_NONE);
		assert_int_equal(seen[k], f->id != 0 && f->suppressed_by == 0);
	}
	n = chain_list(c, list, TABLE + 1);
	assert_int_equal(n, TABLE - c->free_len);
	for (size_t k = 1; k < n; k++)
		assert_true(list[k - 1]->id < list[k]->id);
}

/* What people do to each other. */

/* Each so many steps its engine dies, and another goes on with its image; 0: never. */
static unsigned dies_every, steps;

static void
move_to_another(void)
{
	const struct engine_sink sink = {.tell = hear, .suppressed = hear_hidden};
	uint8_t *block = malloc(IMAGE_BLOCK_BYTES);
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct image image;
	void *data;

	assert_true(block != NULL && fd >= 0);
	image_save(&image, fd, block);
	engine_image(s->engine, &image);
	assert_int_equal(image_end(&image), 0);
	data = mmap(NULL, image.bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(data != MAP_FAILED);
	assert_int_equal(image_sum(data, image.bytes), image.sum);
	engine_close(s->engine);
	s->engine = engine_open(&s->config, &sink);
	assert_non_null(s->engine);
	size_t bytes = image.bytes;
	image_load(&image, data, bytes);
	engine_image(s->engine, &image);
	assert_false(image.bad);
	assert_ptr_equal(image.at, image.end);
	munmap(data, bytes);
	close(fd);
	free(block);
}

static void
wait_a_little(void)
{
	stream_wait(s, (1 + roll(20)) * NS_PER_S);
	if (dies_every > 0 && ++steps % dies_every == 0)
		move_to_another();
	assert_chain_whole();
}

static void
guess_some(void)
{
	const char *source = a_source(), *account = an_account();
	unsigned kind = roll(4), n = 5 + roll(30);

	s->server = a_server();
	for (unsigned i = 0; i < n; i++) {
		stream_try(s, kind == 1 ? a_source() : source,
			kind == 2 ? numbered("user", roll(40)) : account, numbered("pw", roll(900)),
			roll(60) == 0 ? OUTCOME_SUCCESS : OUTCOME_FAILURE);
		wait_a_little();
	}
	if (roll(3) == 0)
		stream_try(s, source, account, "the right one", OUTCOME_SUCCESS);
}

static void
send_some(void)
{
	const char *source = a_source(), *server = a_server();
	const char *account = roll(4) == 0 ? NULL : an_account();
	unsigned n = 30 + roll(60);

	for (unsigned i = 0; i < n; i++) {
		const struct mail m = {.client = source,
			.server = server,
			.from = "dave@corp.example",
			.to = at_domain("victim", i, "dom", i % 9),
			.account = account,
			.code = roll(10) == 0 ? 550 : 250};

		send_mail(&m);
		wait_a_little();
	}
}

static void
bounce_some(void)
{
	const char *to = an_account(), *server = a_server();
	unsigned n = 20 + roll(60);

	for (unsigned i = 0; i < n; i++) {
		const struct mail m = {.client = v4("192.0.2", 100 + i % 50),
			.server = server,
			.from = "",
			.to = to,
			.code = 250,
			.bounce = true};

		send_mail(&m);
		wait_a_little();
	}
}

static void
look_around(void)
{
	const char *source = a_source();

	for (unsigned i = 0; i < 20; i++) {
		struct event e = session(source, v4("203.0.113", i + 1), roll(2) ? EMPTY : 4);

		if (roll(8) == 0)
			e.session.flags |= SESSION_AUTH_OFFERED;
		feed(&e);
		wait_a_little();
	}
}

static void
get_listed(void)
{
	const char *server = a_server();
	struct event e;

	for (unsigned i = 0; i < 4; i++) {
		struct event visit = session(v4(numbered("192.0.", i + 10), 1), server, 4);

		feed(&visit);
	}
	e = base_event(EVENT_SIGNATURE, server, "192.0.2.200");
	e.signature.pattern_id = 2300;
	e.signature.from_server = 1;
	feed(&e);
	wait_a_little();
}

static void
live(void)
{
	static void (*const deeds[])(void) = {guess_some, guess_some, guess_some, send_some,
		bounce_some, look_around, get_listed};

	for (unsigned i = 0; i < STEPS; i++) {
		deeds[roll(sizeof(deeds) / sizeof(deeds[0]))]();
		if (roll(6) == 0)
			stream_wait(s, roll(30) * NS_PER_H / 4);
	}
}

static void
begin(bool rules)
{
	static const char yaml[] =
		"suppress: [{prefix: 10.9.0.0/16, until: never, reason: r},"
		" {account: admin, until: never, reason: r},"
		" {detector: smtp_scan, until: '2025-10-12', reason: r},"
		" {source: 192.0.2.1, until: '2025-10-11', reason: r}]\n"
		"allow: [{source: 203.0.113.80, detector: bruteforce, until: never, reason: r}]";
	const struct engine_sink sink = {.tell = hear, .suppressed = hear_hidden};
	struct config_source source = {"f", yaml, sizeof(yaml) - 1};
	char why[300] = "";

	memset(&heard, 0, sizeof(heard));
	dice = seed;
	s = calloc(1, sizeof(*s));
	assert_non_null(s);
	config_defaults(&s->config);
	if (rules && config_parse(&s->config, &source, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	s->config.incident_table = TABLE;
	s->config.incident_quiet = (1 + roll(40)) * NS_PER_MIN;
	s->config.incident_alerts = 1 + roll(20);
	s->config.incident_remember = (1 + roll(48)) * NS_PER_H / 2;
	s->salt = 0x5eed;
	s->now_ns = 1760000000 * NS_PER_S;
	s->engine = engine_open(&s->config, &sink);
	assert_non_null(s->engine);
}

static void
assert_all_told(const struct engine_totals *totals)
{
	assert_true(totals->findings < IDS);
	for (uint64_t id = 1; id <= s->engine->chain.opened; id++)
		assert_true(heard.incidents[id] == IS_CLOSED || heard.incidents[id] == IS_MERGED);
	for (uint64_t id = 1; id <= totals->findings; id++)
		assert_int_equal(heard.findings[id] == IS_CLOSED, !heard.hidden[id]);
}

/* One life, from seed; returns the digest of all that was told. */
static uint64_t
one_life(bool rules)
{
	struct engine_totals totals;

	begin(rules);
	live();
	engine_finish(s->engine);
	assert_chain_whole();
	engine_totals(s->engine, &totals);
	assert_all_told(&totals);
	engine_close(s->engine);
	config_free(&s->config);
	free(s);
	return heard.digest;
}

static void
a_random_life(bool rules)
{
	const char *from = getenv("SMTAP_SEED");
	uint64_t first = from ? strtoull(from, NULL, 0) : 1, merged = 0;
	const char *how_many = getenv("SMTAP_LIVES");
	uint64_t lives = how_many ? strtoull(how_many, NULL, 0) : 4;

	for (seed = first; seed < first + lives; seed++) {
		uint64_t told;

		print_message("# seed %llu\n", (unsigned long long)seed);
		told = one_life(rules);
		merged += heard.merged;
		/* The hashes' keys are drawn anew, and nothing comes of it. */
		assert_int_equal(one_life(rules), told);
	}
	assert_true(merged > 0);
}

static void
whatever_happens_the_chain_is_whole(void **state)
{
	(void)state;
	a_random_life(false);
}

static void
an_engine_that_is_loaded_goes_on_as_the_one_that_was_saved(void **state)
{
	(void)state;
	for (seed = 1; seed <= 2; seed++) {
		uint64_t told = one_life(true);

		dies_every = 331;
		assert_int_equal(one_life(true), told);
		dies_every = 0;
	}
}

static void
rules_that_hide_and_allow_leave_it_whole(void **state)
{
	(void)state;
	a_random_life(true);
}

/* What is cut may end within a character, and then the exporter has nothing to show. */
static void
the_longest_advice_is_whole(void **state)
{
	char advice[INCIDENT_ADVICE_MAX];
	struct incident i = {.stage = STAGE_BLOCKLISTED};

	(void)state;
	/* Of six it would name four "and others". */
	for (unsigned n = 0; n < 5; n++) {
		struct incident_name *all[] = {&i.sources[n], &i.accounts[n], &i.servers[n]};

		for (unsigned k = 0; k < 3; k++)
			*all[k] = (struct incident_name){
				.count = 9, .stages = UINT32_MAX, .succeeded = true};
		memset(i.accounts[n].name, 'a' + (int)n, SUBJECT_NAME_MAX);
		snprintf(i.sources[n].name, 64, "2001:db8:1111:222%u:3333:4444:5555:6666", n);
		snprintf(i.servers[n].name, 64, "2001:db8:9999:222%u:3333:4444:5555:6666", n);
	}
	i.stages[STAGE_RELAY].detectors = UINT32_MAX;
	for (unsigned stage = STAGE_SCAN; stage < STAGE_COUNT; stage++) {
		size_t len;

		i.stages[stage].findings = 1;
		len = incident_advice(&i, (enum stage)stage, advice, sizeof(advice));
		assert_in_range(len, 100, sizeof(advice) - 2);
		assert_int_equal(advice[len - 1], '.');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_happens_the_chain_is_whole),
		cmocka_unit_test(the_longest_advice_is_whole),
		cmocka_unit_test(an_engine_that_is_loaded_goes_on_as_the_one_that_was_saved),
		cmocka_unit_test(rules_that_hide_and_allow_leave_it_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
