/*
 * The shipped patterns, compiled here and loaded as the dataplane loads them:
 * what each finds and does not find.
 */
#include <hs.h>
#include <sys/mman.h>

#include "tests/unit/match_fixture.h"

static struct match_hits
scan(struct match *match, enum event_context context, const char *line)
{
	struct match_hits hits;

	match_line(match, context, (const uint8_t *)line, strlen(line), &hits);
	assert_true(hits.count <= MATCH_HITS_MAX);
	for (unsigned i = 1; i < hits.count; i++)
		assert_true(hits.id[i - 1] < hits.id[i]);
	return hits;
}

static bool
scan_finds(struct match *match, enum event_context context, const char *line, uint32_t id)
{
	struct match_hits hits = scan(match, context, line);

	for (unsigned i = 0; i < hits.count; i++)
		if (hits.id[i] == id)
			return true;
	return false;
}

static void
each_shipped_pattern_finds_its_sample_and_not_the_other(void **state)
{
	struct fixture *f = *state;

	assert_true(f->set.count > 100);
	for (size_t i = 0; i < f->set.count; i++) {
		const struct pattern *p = &f->set.patterns[i];
		if (!scan_finds(f->match, p->context, p->match, p->id))
			fail_msg("%s:%u: %u misses '%s'", p->file, p->line, p->id, p->match);
		if (scan_finds(f->match, p->context, p->no_match, p->id))
			fail_msg("%s:%u: %u finds '%s'", p->file, p->line, p->id, p->no_match);
	}
}

static void
shipped_ids_tell_their_context(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < f->set.count; i++)
		assert_int_equal(f->set.patterns[i].id / 1000, f->set.patterns[i].context + 1);
}

/* Lines of real servers and tools: all that is found in each. */
static const struct {
	enum event_context context;
	const char *line;
	uint32_t ids[4];
} real_lines[] = {
	{CONTEXT_BANNER, "220 mx1.corp.example ESMTP Postfix", {1010}},
	{CONTEXT_BANNER, "220 mx1.corp.example ESMTP Postfix (Ubuntu)", {1010}},
	{CONTEXT_BANNER, "220-mx2.corp.example ESMTP Exim 4.96 Sun, 22 Nov 2026", {1011}},
	{CONTEXT_BANNER, "220 mx2.corp.example ESMTP Exim 4.91 Sun, 22 Nov 2026",
		{1011, 1012, 1210}},
	{CONTEXT_BANNER, "220 host120.corp.example ESMTP", {1014}},
	{CONTEXT_BANNER, "220 node.corp.example ESMTP smtp-server ready", {0}},
	{CONTEXT_BANNER, "220 grey.example ESMTP Postgrey-like", {0}},
	{CONTEXT_BANNER,
		"220 mail.contoso.example Microsoft ESMTP MAIL Service, Version: "
		"5.0.2195.6713 ready at  Sun, 22 Nov 2026 02:10:39 +0000 ",
		{1001, 1201}},
	{CONTEXT_BANNER, "220 mx.example ESMTP Exim 4.94.2 Sun, 22 Nov 2026", {1011, 1210}},
	{CONTEXT_BANNER, "220 mx.example ESMTP Exim 4.95 Sun, 22 Nov 2026", {1011}},
	{CONTEXT_BANNER, "220 mx.example ESMTP Exim 4.9 Sun, 22 Nov 2026", {1011, 1210}},
	{CONTEXT_BANNER, "220 mx.example ESMTP Exim 4.100 Sun, 22 Nov 2026", {1011}},
	{CONTEXT_BANNER, "220 mx.example ESMTP Exim 5.0 Sun, 22 Nov 2026", {1011}},
	{CONTEXT_BANNER, "220 mx.example ESMTP Sendmail 8.9.3/8.9.3; Sun", {1013, 1211}},
	{CONTEXT_BANNER, "220 mx.example ESMTP Sendmail 8.17.1/8.17.1; Sun", {1013}},
	{CONTEXT_BANNER, "220 mx.example ESMTP Postfix (3.10.1)", {1010}},
	{CONTEXT_BANNER, "220 mx.example ESMTP Postfix (3.4.13)", {1010, 1212}},
	{CONTEXT_BANNER, "554 mx1.corp.example ESMTP Postfix", {0}},
	{CONTEXT_REPLY, "535 5.7.8 Error: authentication failed: (reason unavailable)", {2002}},
	{CONTEXT_REPLY, "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", {2002}},
	{CONTEXT_REPLY, "535 5.7.8 Error: authentication failed: authentication failure", {2002}},
	{CONTEXT_REPLY, "535 5.7.3 Authentication unsuccessful", {2001}},
	{CONTEXT_REPLY, "535 5.7.3 Authentication unsuccessful.", {2001}},
	{CONTEXT_REPLY, "535 5.7.3 Authentication unsuccessful [AM0PR02.eurprd02.prod.outlook.com]",
		{2001}},
	{CONTEXT_REPLY, "535-5.7.8 Username and Password not accepted. Learn more at", {2004}},
	{CONTEXT_REPLY, "535 Incorrect authentication data", {2003}},
	{CONTEXT_REPLY, "535 Incorrect authentication data (set_id=bob)", {2003}},
	{CONTEXT_REPLY, "454 4.7.0 Temporary authentication failure: Connection lost", {2055}},
	{CONTEXT_REPLY, "421 4.7.0 mx1.corp.example Error: too many errors", {2100}},
	{CONTEXT_REPLY, "554 Too many nonmail commands", {2100}},
	{CONTEXT_REPLY, "501 Too many syntax or protocol errors", {2100}},
	{CONTEXT_REPLY, "450 4.7.1 Error: too many AUTH commands from 198.51.100.7", {2101}},
	{CONTEXT_REPLY, "503 5.5.1 Error: authentication not enabled", {2053}},
	{CONTEXT_REPLY, "530 5.7.0 Must issue a STARTTLS command first", {2052}},
	{CONTEXT_REPLY, "550 5.7.1 Unable to relay", {2201}},
	{CONTEXT_REPLY, "550 relay not permitted", {2202}},
	{CONTEXT_REPLY, "554 5.7.1 <relaytest%probe.example>: Relay access denied", {2200}},
	{CONTEXT_REPLY, "550 5.7.64 TenantAttribution; Relay Access Denied [VE1EUR01FT003]",
		{2200}},
	{CONTEXT_REPLY,
		"550 5.1.1 <a@corp.example>: Recipient address rejected: User unknown in "
		"local recipient table",
		{2250, 2255}},
	{CONTEXT_REPLY,
		"554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using "
		"zen.spamhaus.org",
		{2300, 2306, 2350}},
	{CONTEXT_REPLY, "503 5.5.1 Error: nested MAIL command", {0}},
	{CONTEXT_REPLY, "500 5.3.3 Unrecognized command", {0}},
	{CONTEXT_REPLY, "250 2.0.0 Ok: 535 5.7.3 Authentication unsuccessful", {0}},
	{CONTEXT_REPLY, "334 UGFzc3dvcmQ6", {0}},
	{CONTEXT_REPLY, "235 2.7.0 Authentication successful", {0}},
	{CONTEXT_COMMAND, "EHLO hydra", {3001}},
	{CONTEXT_COMMAND, "HELO hydra ", {3001}},
	{CONTEXT_COMMAND, "ehlo ylmf-pc", {3003}},
	{CONTEXT_COMMAND, "ehlo User", {3004}},
	{CONTEXT_COMMAND, "ehlo user", {0}},
	{CONTEXT_COMMAND, "ehlo WIN-B0FFA5", {3005}},
	{CONTEXT_COMMAND, "ehlo masscan", {3021}},
	{CONTEXT_COMMAND, "EHLO nmap.scanme.org", {3020}},
	{CONTEXT_COMMAND, "ehlo [127.0.1.1]", {0}},
	{CONTEXT_COMMAND, "ehlo BRN30055C", {0}},
	{CONTEXT_COMMAND, "EHLO mail.partner.example", {0}},
	{CONTEXT_COMMAND, "EHLO DESKTOP-4KJ2H1S", {0}},
	{CONTEXT_HEADER, "Content-Type: multipart/report; report-type=delivery-status;",
		{4001, 4002}},
	{CONTEXT_HEADER, "\treport-type=\"delivery-status\"; boundary=x", {4002}},
	{CONTEXT_HEADER, "Auto-Submitted: auto-replied", {4012}},
	{CONTEXT_HEADER, "Subject: Undelivered Mail Returned to Sender", {4010}},
	{CONTEXT_HEADER, "From: Mail Delivery System <MAILER-DAEMON@mail.x.example>", {4009}},
	{CONTEXT_HEADER, "Subject: help: 535 5.7.3 Authentication unsuccessful", {0}},
};

static void
real_lines_are_found_as_what_they_are(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(real_lines) / sizeof(real_lines[0]); i++) {
		struct match_hits hits = scan(f->match, real_lines[i].context, real_lines[i].line);
		unsigned expected = 0;
		while (expected < 4 && real_lines[i].ids[expected])
			expected++;
		if (hits.count != expected ||
			memcmp(hits.id, real_lines[i].ids, expected * sizeof(hits.id[0])) != 0)
			fail_msg("'%s': %u hits, first %u", real_lines[i].line, hits.count,
				hits.count ? hits.id[0] : 0);
	}
}

static int
hits_count(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *arg)
{
	unsigned *count = arg;

	(void)id;
	(void)from;
	(void)to;
	(void)flags;
	++*count;
	return 0;
}

/* Passing over lines by length and first byte must never lose a match. */
static void
passed_over_lines_are_those_that_hyperscan_finds_nothing_in(void **state)
{
	struct fixture *f = *state;
	uint8_t *bytes = malloc(FILE_MAX);
	uint32_t random = 1;

	for (unsigned c = 0; c < CONTEXT_COUNT; c++) {
		size_t len = file_get(f->dir, (enum event_context)c, bytes);
		hs_database_t *db = NULL;
		hs_scratch_t *scratch = NULL;
		assert_int_equal(hs_deserialize_database((char *)bytes + sizeof(struct hsdb_header),
					 len - sizeof(struct hsdb_header), &db),
			HS_SUCCESS);
		assert_int_equal(hs_alloc_scratch(db, &scratch), HS_SUCCESS);
		for (unsigned round = 0; round < 20000; round++) {
			char line[1025];
			const struct pattern *p = &f->set.patterns[round % f->set.count];
			size_t n = strlen(p->match);
			memcpy(line, p->match, n);
			random = random * 1664525 + 1013904223;
			line[(random >> 8) % n % 4] = (char)(random >> 24);
			n -= random % 7 == 0 ? (random >> 12) % n : 0;
			/* Replies that are no refusals, greetings that are, are not looked at. */
			if ((c == CONTEXT_REPLY && line[0] != '4' && line[0] != '5') ||
				(c == CONTEXT_BANNER && line[0] != '2'))
				continue;
			unsigned expected = 0;
			struct match_hits hits;
			hs_scan(db, line, (unsigned)n, 0, scratch, hits_count, &expected);
			match_line(f->match, (enum event_context)c, (uint8_t *)line, n, &hits);
			if (expected > MATCH_HITS_MAX)
				expected = MATCH_HITS_MAX;
			assert_int_equal(hits.count, expected);
		}
		hs_free_scratch(scratch);
		hs_free_database(db);
	}
	free(bytes);
}

static void
most_lines_of_a_session_never_reach_hyperscan(void **state)
{
	struct fixture *f = *state;
	struct hsdb_header header;
	uint8_t *bytes = malloc(FILE_MAX);

	size_t len = file_get(f->dir, CONTEXT_COMMAND, bytes);
	assert_null(hsdb_open(bytes, len, CONTEXT_COMMAND, &header));
	assert_false(hsdb_bytes_has(&header.first, 'D'));
	assert_false(hsdb_bytes_has(&header.first, 'Q'));
	assert_false(hsdb_bytes_has(&header.first, 'A'));
	len = file_get(f->dir, CONTEXT_REPLY, bytes);
	assert_null(hsdb_open(bytes, len, CONTEXT_REPLY, &header));
	assert_false(hsdb_bytes_has(&header.first, '2'));
	assert_false(hsdb_bytes_has(&header.first, '3'));
	len = file_get(f->dir, CONTEXT_HEADER, bytes);
	assert_null(hsdb_open(bytes, len, CONTEXT_HEADER, &header));
	assert_false(hsdb_bytes_has(&header.first, 'B'));
	static const char *const others[] = {"Received: from a (b [192.0.2.1]) by c with ESMTP; x",
		"To: bob@corp.example", "Message-ID: <1@example>", "MIME-Version: 1.0",
		"Date: Mon, 1 Jan 2024 00:00:00 +0000", "Content-Transfer-Encoding: base64"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(hsdb_head_admits(
			&header.head, (const uint8_t *)others[i], strlen(others[i])));
	free(bytes);
}

static void
workers_share_a_set_each_with_its_scratch(void **state)
{
	struct fixture *f = *state;
	struct match *other = match_open(f->loaded);

	assert_non_null(other);
	assert_true(scan_finds(f->match, CONTEXT_COMMAND, "EHLO hydra", 3001));
	assert_true(scan_finds(other, CONTEXT_COMMAND, "EHLO hydra", 3001));
	assert_true(scan_finds(f->match, CONTEXT_REPLY, "550 relay not permitted", 2202));
	match_close(other);
	assert_true(scan_finds(f->match, CONTEXT_COMMAND, "EHLO hydra", 3001));
}

static void
another_set_takes_the_place_between_two_lines(void **state)
{
	static const char text[] = "- {id: 7, context: command, role: tool, name: n, why: w,\n"
				   "   expression: '^NOOP x', match: NOOP x, no_match: NOOP y}\n";
	struct fixture *f = *state;
	char dir[64];

	folder_make(dir);
	struct match_set *set = text_load(text, dir);
	struct match *match = match_open(f->loaded);
	struct match_view *view = match_view_open(set);

	/* Twice: the second answer is known, and must not outlive its set. */
	for (unsigned i = 0; i < 2; i++) {
		assert_true(scan_finds(match, CONTEXT_COMMAND, "EHLO hydra", 3001));
		assert_false(scan_finds(match, CONTEXT_COMMAND, "NOOP x", 7));
	}
	struct match_view *old = match_swap(match, view);
	for (unsigned i = 0; i < 2; i++) {
		assert_false(scan_finds(match, CONTEXT_COMMAND, "EHLO hydra", 3001));
		assert_true(scan_finds(match, CONTEXT_COMMAND, "NOOP x", 7));
	}
	assert_int_not_equal(match_set_source(set, CONTEXT_COMMAND),
		match_set_source(f->loaded, CONTEXT_COMMAND));
	assert_int_equal(match_set_source(f->loaded, CONTEXT_COMMAND),
		pattern_set_source(&f->set, CONTEXT_COMMAND));
	match_view_close(old);
	match_close(match);
	match_set_free(set);
	folder_remove(dir);
}

static void
line_may_end_at_an_unmapped_page_and_be_cut_anywhere(void **state)
{
	struct fixture *f = *state;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct match_hits hits;

	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
	for (size_t i = 0; i < f->set.count; i++) {
		const struct pattern *p = &f->set.patterns[i];
		for (size_t len = 0; len <= strlen(p->match); len++) {
			uint8_t *line = map + page - len;
			memcpy(line, p->match, len);
			match_line(f->match, p->context, line, len, &hits);
		}
		assert_true(hits.count > 0);
	}
	munmap(map, 2 * page);
}

static void
only_the_start_of_a_very_long_line_is_scanned(void **state)
{
	struct fixture *f = *state;
	size_t len = 100000;
	char *line = malloc(len + 1);
	struct match_hits hits;

	memset(line, 'x', len);
	memcpy(line, "550 ", 4);
	memcpy(line + 4000, "relay not permitted", 19);
	match_line(f->match, CONTEXT_REPLY, (uint8_t *)line, len, &hits);
	assert_int_equal(hits.count, 1);
	memset(line + 4000, 'x', 19);
	memcpy(line + 4090, "relay not permitted", 19);
	match_line(f->match, CONTEXT_REPLY, (uint8_t *)line, len, &hits);
	assert_int_equal(hits.count, 0);
	free(line);
}

static void
nothing_is_found_without_patterns_or_in_an_unknown_context(void **state)
{
	struct fixture *f = *state;
	struct match_hits hits = {.count = 5};

	match_line(NULL, CONTEXT_REPLY, (const uint8_t *)"550 relay not permitted", 23, &hits);
	assert_int_equal(hits.count, 0);
	hits.count = 5;
	match_line(f->match, CONTEXT_COUNT, (const uint8_t *)"550 x", 5, &hits);
	assert_int_equal(hits.count, 0);
	hits.count = 5;
	match_line(f->match, CONTEXT_REPLY, (const uint8_t *)"5", 0, &hits);
	assert_int_equal(hits.count, 0);
	match_close(NULL);
	match_set_free(NULL);
}

static void
of_too_many_hits_the_lowest_ids_are_kept(void **state)
{
	char dir[64], text[8192];
	size_t n = 0;

	(void)state;
	/* Written in falling order, with expressions that end at different places. */
	for (int id = 20; id >= 1; id--)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"- {id: %d, context: header, role: fact, name: n, why: w, expression: "
			"'%.*s',"
			" match: abcdefghijklmnopqrstuvwxyz, no_match: x}\n",
			id, 3 + id * 7 % 20, "abcdefghijklmnopqrstuvwxyz");
	folder_make(dir);
	struct match_set *set = text_load(text, dir);
	struct match *match = match_open(set);
	struct match_hits hits = scan(match, CONTEXT_HEADER, "abcdefghijklmnopqrstuvwxyz");
	assert_int_equal(hits.count, MATCH_HITS_MAX);
	for (unsigned i = 0; i < MATCH_HITS_MAX; i++)
		assert_int_equal(hits.id[i], i + 1);
	match_close(match);
	match_set_free(set);
	folder_remove(dir);
}

static void
contexts_without_patterns_load_and_find_nothing(void **state)
{
	char dir[64];

	(void)state;
	folder_make(dir);
	struct match_set *set = text_load(NULL, dir);
	struct match *match = match_open(set);
	assert_non_null(match);
	assert_int_equal(scan(match, CONTEXT_REPLY, "550 relay not permitted").count, 0);
	match_close(match);
	match_set_free(set);
	folder_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_shipped_pattern_finds_its_sample_and_not_the_other),
		cmocka_unit_test(shipped_ids_tell_their_context),
		cmocka_unit_test(real_lines_are_found_as_what_they_are),
		cmocka_unit_test(passed_over_lines_are_those_that_hyperscan_finds_nothing_in),
		cmocka_unit_test(most_lines_of_a_session_never_reach_hyperscan),
		cmocka_unit_test(workers_share_a_set_each_with_its_scratch),
		cmocka_unit_test(another_set_takes_the_place_between_two_lines),
		cmocka_unit_test(line_may_end_at_an_unmapped_page_and_be_cut_anywhere),
		cmocka_unit_test(only_the_start_of_a_very_long_line_is_scanned),
		cmocka_unit_test(nothing_is_found_without_patterns_or_in_an_unknown_context),
		cmocka_unit_test(of_too_many_hits_the_lowest_ids_are_kept),
		cmocka_unit_test(contexts_without_patterns_load_and_find_nothing),
	};

	return cmocka_run_group_tests(tests, shipped_set_up, shipped_tear_down);
}
