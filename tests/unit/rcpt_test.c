/* Recipients of open transactions: kept apart, bounded, the oldest gives way. */
#include "tests/unit/export_fixture.h"

#include "control/export/rcpt.h"

static void
add(struct rcpt_table *t, uint64_t flow_id, uint32_t transaction, const char *rcpt)
{
	const struct event e = fixture_rcpt(flow_id, transaction, rcpt);

	rcpt_add(t, &e);
}

static struct rcpt_list
take(struct rcpt_table *t, uint64_t flow_id, uint32_t transaction, uint32_t accepted)
{
	const struct event e = fixture_mail(flow_id, transaction, accepted);
	struct rcpt_list list;

	rcpt_take(t, &e, &list);
	return list;
}

static void
assert_text(const struct rcpt_list *list, unsigned i, const char *want)
{
	assert_int_equal(list->len[i], strlen(want));
	assert_memory_equal(list->text[i], want, strlen(want));
}

static void
transactions_are_kept_apart_and_in_order(void **state)
{
	struct rcpt_table *t = rcpt_open();
	struct rcpt_list list;

	(void)state;
	add(t, 1, 1, "a@x");
	add(t, 1, 2, "b@x");
	add(t, 2, 1, "c@x");
	add(t, 1, 1, "d@x");
	list = take(t, 1, 1, 2);
	assert_int_equal(list.count, 2);
	assert_text(&list, 0, "a@x");
	assert_text(&list, 1, "d@x");
	assert_true(list.complete);
	list = take(t, 1, 1, 2); /* over: forgotten */
	assert_int_equal(list.count, 0);
	assert_false(list.complete);
	list = take(t, 1, 2, 1);
	assert_text(&list, 0, "b@x");
	list = take(t, 2, 1, 1);
	assert_text(&list, 0, "c@x");
	rcpt_close(t);
}

static void
transaction_without_recipients_is_complete(void **state)
{
	struct rcpt_table *t = rcpt_open();
	struct rcpt_list list = take(t, 1, 1, 0);

	(void)state;
	assert_int_equal(list.count, 0);
	assert_true(list.complete);
	rcpt_close(t);
}

static void
a_hundred_recipients_are_listed(void **state)
{
	struct rcpt_table *t = rcpt_open();
	struct rcpt_list list;
	char name[256];

	(void)state;
	for (unsigned i = 0; i < 150; i++) {
		memset(name, 'a', sizeof(name));
		sprintf(name + 250, "%u", i);
		add(t, 1, 1, name);
	}
	list = take(t, 1, 1, 150);
	assert_int_equal(list.count, RCPT_LISTED_MAX);
	assert_false(list.complete);
	for (unsigned i = 0; i < list.count; i++) {
		sprintf(name + 250, "%u", i);
		assert_text(&list, i, name);
	}
	rcpt_close(t);
}

static void
oldest_transaction_gives_way(void **state)
{
	struct rcpt_table *t = rcpt_open();
	struct rcpt_list list;

	(void)state;
	for (uint32_t i = 0; i < RCPT_TRANSACTIONS; i++)
		add(t, 5, i, "a@x");
	assert_int_equal(rcpt_evicted(t), 0);
	add(t, 5, 0, "again@x"); /* touched: no longer the oldest */
	add(t, 6, 0, "new@x");
	assert_int_equal(rcpt_evicted(t), 1);
	list = take(t, 5, 1, 1);
	assert_int_equal(list.count, 0);
	list = take(t, 5, 0, 2);
	assert_int_equal(list.count, 2);
	rcpt_close(t);
}

static void
no_block_is_lost_over_many_evictions(void **state)
{
	struct rcpt_table *t = rcpt_open();
	struct rcpt_list list;
	char name[201];

	(void)state;
	memset(name, 'b', 200);
	name[200] = '\0';
	/* Each transaction takes 50 blocks: far more than there are. */
	for (uint32_t i = 0; i < 3 * RCPT_BLOCKS / 50; i++)
		for (unsigned k = 0; k < RCPT_LISTED_MAX; k++)
			add(t, 9, i, name);
	assert_true(rcpt_evicted(t) > 0);
	list = take(t, 9, 3 * RCPT_BLOCKS / 50 - 1, RCPT_LISTED_MAX);
	assert_int_equal(list.count, RCPT_LISTED_MAX);
	assert_true(list.complete);
	rcpt_close(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transactions_are_kept_apart_and_in_order),
		cmocka_unit_test(transaction_without_recipients_is_complete),
		cmocka_unit_test(a_hundred_recipients_are_listed),
		cmocka_unit_test(oldest_transaction_gives_way),
		cmocka_unit_test(no_block_is_lost_over_many_evictions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
