/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Quirks E03 and E07: which times tell of a wrong clock, and which of an offline queue.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../plugins/stations/skew.h"

#define US INT64_C(1000000)
#define NOW INT64_C(1790000000)

struct row {
	const char *label;
	int64_t skew_s[4];
	int64_t step_s; /* between messages */
	enum skew_verdict verdict;
	int32_t offset_s;
	bool is_known;
};

static void
skew_is_judged_by_messages_that_agree(void **state)
{
	static const struct row rows[] = {
		{ "right clock", { 0, -2, 1, -1 }, 10, SKEW_FINE, 0, true },
		{ "two hours east", { 7200, 7199, 7198, 7200 }, 1, SKEW_OFFSET, 7200, true },
		{ "five and a half hours east",
		  { 19800, 19799, 19802, 19795 },
		  1,
		  SKEW_OFFSET,
		  19800,
		  true },
		{ "five hours west",
		  { -18001, -18000, -18002, -18000 },
		  20,
		  SKEW_OFFSET,
		  -18000,
		  true },
		{ "a queue of five hours ago",
		  { -18001, -18000, -18002, -18000 },
		  0,
		  SKEW_FINE,
		  0,
		  false },
		{ "a queue of several times",
		  { -18000, -9000, -3600, -1800 },
		  20,
		  SKEW_FINE,
		  0,
		  false },
		{ "a queue that is emptied slowly",
		  { -3600, -3550, -3500, -3450 },
		  20,
		  SKEW_FINE,
		  0,
		  false },
		{ "drift ahead", { 420, 421, 422, 423 }, 1, SKEW_DRIFT, 0, true },
		{ "drift behind", { -420, -421, -422, -423 }, 15, SKEW_DRIFT, 0, true },
		{ "a little drift", { 200, 201, 202, 203 }, 1, SKEW_FINE, 0, true },
		{ "no zone is as far", { 72000, 72000, 72000, 72000 }, 1, SKEW_DRIFT, 0, true },
		{ "far future",
		  { 900000000, 900000000, 900000000, 900000000 },
		  1,
		  SKEW_ABSURD,
		  0,
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		enum skew_verdict verdict = SKEW_FINE;
		struct skew skew = { 0 };

		for (int k = 0; k < 4; k++) {
			int64_t received_s = NOW + row->step_s * k;

			verdict = skew_learn(&skew, (received_s + row->skew_s[k]) * US,
					     received_s * US);
		}
		if (verdict != row->verdict || skew_offset_s(&skew) != row->offset_s ||
		    skew.is_known != row->is_known)
			fail_msg("%s: verdict %d, offset %d, known %d", row->label, (int)verdict,
				 (int)skew_offset_s(&skew), (int)skew.is_known);
	}
}

static void
skew_of_a_clock_that_was_set_is_forgotten(void **state)
{
	struct skew skew = { 0 };

	(void)state;
	for (int k = 0; k < 3; k++)
		(void)skew_learn(&skew, (NOW + 7200) * US, NOW * US);
	assert_int_equal(skew_offset_s(&skew), 7200);
	assert_int_equal(skew_learn(&skew, NOW * US, NOW * US), SKEW_FINE);
	assert_int_equal(skew_offset_s(&skew), 0);
	assert_int_equal(skew.last_s, 0);
	assert_true(skew.is_known);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(skew_is_judged_by_messages_that_agree),
		cmocka_unit_test(skew_of_a_clock_that_was_set_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
