/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * http_api: what requests may take of the core's time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../plugins/http_api/share.h"

#define BURST_US 5000
#define DEBT_US 20000
#define LONG_US INT64_C(1000000000)

static void
work(struct share *share, int64_t *now_us, int64_t took_us, int64_t percent)
{
	share_begin(share, *now_us, percent);
	*now_us += took_us;
	share_end(share, *now_us, percent);
}

static void
test_burst_then_wait(void **state)
{
	struct share share;
	int64_t now_us = 1000;

	(void)state;
	share_init(&share, now_us);
	assert_int_equal(share_wait_us(&share, now_us, 10), 0);
	work(&share, &now_us, BURST_US, 10); /* a tenth of it came back meanwhile */
	assert_int_equal(share_wait_us(&share, now_us, 10), 0);
	work(&share, &now_us, 1000, 10);
	/* 5,000 in reserve, and 600 came in. */
	assert_int_equal(share_wait_us(&share, now_us, 10), 4000);
	assert_int_equal(share_wait_us(&share, now_us + 3990, 10), 10);
	assert_int_equal(share_wait_us(&share, now_us + 4000, 10), 0);
}

static void
test_long_run_is_the_share(void **state)
{
	static const int64_t percents[] = { 1, 5, 10, 50, 99 };

	(void)state;
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		struct share share;
		int64_t now_us = 0;
		int64_t worked_us = 0;

		share_init(&share, now_us);
		while (now_us < LONG_US) {
			now_us += share_wait_us(&share, now_us, percents[i]);
			work(&share, &now_us, 37, percents[i]);
			worked_us += 37;
		}
		assert_in_range(worked_us, LONG_US / 100 * percents[i],
				LONG_US / 100 * percents[i] + BURST_US + 2 * 37);
	}
}

static void
test_no_limit(void **state)
{
	struct share share;
	int64_t now_us = 0;

	(void)state;
	share_init(&share, now_us);
	for (int i = 0; i < 1000; i++) {
		work(&share, &now_us, 100000, 100);
		assert_int_equal(share_wait_us(&share, now_us, 100), 0);
	}
}

static void
test_dear_request_is_forgiven(void **state)
{
	struct share share;
	int64_t now_us = 0;

	(void)state;
	share_init(&share, now_us);
	work(&share, &now_us, LONG_US, 10);
	assert_int_equal(share_wait_us(&share, now_us, 10), DEBT_US * 10);
}

static void
test_pause_fills_no_more_than_the_reserve(void **state)
{
	struct share share;
	int64_t now_us = 0;

	(void)state;
	share_init(&share, now_us);
	now_us += LONG_US;
	work(&share, &now_us, BURST_US, 1);
	assert_int_equal(share_wait_us(&share, now_us, 1), 0);
	work(&share, &now_us, 100, 1);
	assert_int_equal(share_wait_us(&share, now_us, 1), 4900); /* 51 came in */
}

static void
test_requests_cost_by_themselves(void **state)
{
	struct share share;

	(void)state;
	share_init(&share, 0);
	for (int i = 0; i < BURST_US / 50; i++) {
		assert_int_equal(share_wait_us(&share, 0, 10), 0);
		share_request(&share);
	}
	share_request(&share);
	assert_int_equal(share_wait_us(&share, 0, 10), 500);
	assert_int_equal(share_wait_us(&share, 0, 100), 0);
}

static void
test_work_within_work_counts_once(void **state)
{
	struct share share;

	(void)state;
	share_init(&share, 0);
	share_begin(&share, 0, 10);
	share_begin(&share, 2000, 10);
	share_end(&share, 4000, 10);
	share_end(&share, 10000, 10);
	/* 5,000 in reserve, and 1,000 came in. */
	assert_int_equal(share_wait_us(&share, 10000, 10), 40000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_wait),
		cmocka_unit_test(test_long_run_is_the_share),
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_dear_request_is_forgiven),
		cmocka_unit_test(test_pause_fills_no_more_than_the_reserve),
		cmocka_unit_test(test_requests_cost_by_themselves),
		cmocka_unit_test(test_work_within_work_counts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
