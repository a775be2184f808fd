/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Calendar time: writing, reading, and both on every day of four centuries; manual clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ocppd/time.h>

#include "base/clock.h"

#define S INT64_C(1000000)

static void
time_format_table(void **state)
{
	static const struct {
		int64_t time_us;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.000Z" },
		{ 999, "1970-01-01T00:00:00.000Z" },
		{ 1999, "1970-01-01T00:00:00.001Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -1000001, "1969-12-31T23:59:58.999Z" },
		{ 951782400 * S, "2000-02-29T00:00:00.000Z" },
		{ 951868800 * S - 1, "2000-02-29T23:59:59.999Z" },
		{ 4107542400 * S, "2100-03-01T00:00:00.000Z" },
		{ 1772359200123456, "2026-03-01T10:00:00.123Z" },
		{ INT64_C(-62167219200) * S, "0000-01-01T00:00:00.000Z" },
		{ INT64_C(253402300800) * S - 1, "9999-12-31T23:59:59.999Z" },
	};
	char text[OCPPD_TIME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ocppd_time_format(cases[i].time_us, text), 24);
		assert_string_equal(text, cases[i].text);
	}
}

static void
time_format_beyond_years_is_refused(void **state)
{
	static const int64_t cases[] = { INT64_C(-62167219200) * S - 1, INT64_C(253402300800) * S,
					 INT64_MIN, INT64_MAX };
	char text[OCPPD_TIME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text[0] = 'x';
		assert_int_equal(ocppd_time_format(cases[i], text), OCPPD_ERANGE);
		assert_string_equal(text, "");
	}
}

static void
time_parse_table(void **state)
{
	static const struct {
		const char *text;
		int32_t naive_s;
		int64_t time_us;
		uint32_t flags;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0, 0, 0 },
		{ "1970-01-01t00:00:00z", 0, 0, 0 },
		{ "1970-01-01 00:00:00Z", 0, 0, 0 },
		{ "1970-01-01T00:00:00.1Z", 0, 100000, 0 },
		{ "1970-01-01T00:00:00.123456Z", 0, 123456, 0 },
		{ "1970-01-01T00:00:00.1234567Z", 0, 123456, 0 },
		{ "1970-01-01T00:00:00.1234567890123456789Z", 0, 123456, 0 },
		{ "1970-01-01T02:00:00+02:00", 0, 0, 0 },
		{ "1969-12-31T18:30:00-05:30", 0, 0, 0 },
		{ "1970-01-01T14:00:00+14:00", 0, 0, 0 },
		{ "1970-01-01T05:45:00+05:45", 0, 0, 0 },
		{ "1970-01-01T00:00:00-00:00", 0, 0, 0 },
		{ "1970-01-01T02:00:00+02", 0, 0, OCPPD_TIME_SHORT_OFFSET },
		{ "1970-01-01T02:30:00+0230", 0, 0, OCPPD_TIME_SHORT_OFFSET },
		{ "1970-01-01T00:00:00", 0, 0, OCPPD_TIME_NAIVE },
		{ "1970-01-01T01:00:00", 3600, 0, OCPPD_TIME_NAIVE },
		{ "1970-01-01T01:00:00.25", 7200, -3600 * S + 250000, OCPPD_TIME_NAIVE },
		{ "2000-02-29T00:00:00Z", 0, 951782400 * S, 0 },
		{ "2016-12-31T23:59:60Z", 0, 1483228800 * S, 0 },
		{ "2016-12-31T23:59:60.5Z", 0, 1483228800 * S + 500000, 0 },
		{ "2017-01-01T00:59:60+01:00", 0, 1483228800 * S, 0 },
		{ "2016-12-31T15:59:60-08:00", 0, 1483228800 * S, 0 },
		{ "0000-01-01T00:00:00Z", 0, INT64_C(-62167219200) * S, 0 },
		{ "9999-12-31T23:59:59.999999Z", 0, INT64_C(253402300800) * S - 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t time_us = 42;
		uint32_t flags = 42;

		print_message("%s\n", cases[i].text);
		assert_int_equal(
			ocppd_time_parse(cases[i].text, cases[i].naive_s, &time_us, &flags), 0);
		assert_int_equal(time_us, cases[i].time_us);
		assert_int_equal(flags, cases[i].flags);
		assert_int_equal(ocppd_time_parse(cases[i].text, cases[i].naive_s, &time_us, NULL),
				 0);
	}
}

static void
time_parse_nonsense_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"2026",
		"2026-03-01",
		"2026-03-01T",
		"2026-03-01T10",
		"2026-03-01T10:00",
		"2026-03-01T10:00Z",
		"2026-3-1T10:00:00Z",
		"26-03-01T10:00:00Z",
		"2026-00-01T10:00:00Z",
		"2026-13-01T10:00:00Z",
		"2026-02-29T10:00:00Z",
		"1900-02-29T10:00:00Z",
		"2026-04-31T10:00:00Z",
		"2026-04-00T10:00:00Z",
		"2026-03-01T24:00:00Z",
		"2026-03-01T10:60:00Z",
		"2026-03-01T10:00:61Z",
		"2026-03-01T10:00:60Z",
		"2026-03-01T23:59:60+01:00",
		"2026-03-01T10:00:00.Z",
		"2026-03-01T10:00:00,5Z",
		"2026-03-01T10:00:00ZZ",
		"2026-03-01T10:00:00Z ",
		" 2026-03-01T10:00:00Z",
		"2026-03-01T10:00:00+",
		"2026-03-01T10:00:00+1",
		"2026-03-01T10:00:00+01:",
		"2026-03-01T10:00:00+01:0",
		"2026-03-01T10:00:00+010",
		"2026-03-01T10:00:00+01:60",
		"2026-03-01T10:00:00+24:00",
		"2026-03-01T10:00:00 +01:00",
		"2026-03-01T10:00:00 UTC",
		"+2026-03-01T10:00:00Z",
		"2026-03-01T-1:00:00Z",
		"2026/03/01 10:00:00",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t time_us = 42;
		uint32_t flags = 42;

		print_message("%s\n", cases[i]);
		assert_int_equal(ocppd_time_parse(cases[i], 0, &time_us, &flags), OCPPD_EINVAL);
		assert_int_equal(time_us, 42);
		assert_int_equal(flags, 42);
	}
	assert_int_equal(ocppd_time_parse(NULL, 0, &(int64_t){ 0 }, NULL), OCPPD_EINVAL);
}

static void
time_every_day_of_four_centuries_survives(void **state)
{
	(void)state;
	for (int64_t day = -146097; day < 146097; day++) {
		int64_t time_us = (day * 86400 + 86399) * S;
		char text[OCPPD_TIME_SIZE];
		int64_t back_us;

		assert_int_equal(ocppd_time_format(time_us, text), 24);
		assert_int_equal(ocppd_time_parse(text, 0, &back_us, NULL), 0);
		assert_int_equal(back_us, time_us);
	}
}

static void
clock_manual_turns_both_times(void **state)
{
	struct clock clock;
	int64_t mono_us;

	(void)state;
	clock_init_manual(&clock, 5 * S);
	mono_us = clock_mono_us(&clock);
	clock_advance(&clock, 3 * S);
	assert_int_equal(clock_now_us(&clock), 8 * S);
	assert_int_equal(clock_mono_us(&clock), mono_us + 3 * S);
}

static void
clock_real_goes_on(void **state)
{
	struct clock clock;
	int64_t mono_us;

	(void)state;
	clock_init(&clock);
	mono_us = clock_mono_us(&clock);
	assert_true(clock_mono_us(&clock) >= mono_us);
	assert_true(clock_now_us(&clock) > INT64_C(1700000000) * S);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_format_table),
		cmocka_unit_test(time_format_beyond_years_is_refused),
		cmocka_unit_test(time_parse_table),
		cmocka_unit_test(time_parse_nonsense_is_refused),
		cmocka_unit_test(time_every_day_of_four_centuries_survives),
		cmocka_unit_test(clock_manual_turns_both_times),
		cmocka_unit_test(clock_real_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
