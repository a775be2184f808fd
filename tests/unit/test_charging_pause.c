/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* Quirk H08: which limits are pauses, and when. */
#include "../../plugins/ocpp16_smart_charging/pause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define VOLTAGE 230
#define START 1000000

static void
limits_below_six_amperes_are_pauses(void **state)
{
	static const struct {
		const char *label;
		enum rate_unit unit;
		int64_t limit; /* tenths */
		int64_t phases;
		bool is_pause;
	} cases[] = {
		{ "0 A", RATE_A, 0, 0, true },
		{ "5.9 A", RATE_A, 59, 0, true },
		{ "6 A", RATE_A, 60, 0, false },
		{ "6 A of three phases", RATE_A, 60, 3, false },
		{ "0 W", RATE_W, 0, 0, true },
		{ "1379 W, phases not stated", RATE_W, 13790, 0, true },
		{ "1380 W, phases not stated", RATE_W, 13800, 0, false },
		{ "4139 W of three phases", RATE_W, 41390, 3, true },
		{ "4140 W of three phases", RATE_W, 41400, 3, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct period periods[] = { { 0, 320 * 1000, 0 },
						  { 3600, cases[i].limit, cases[i].phases } };
		const struct profile profile = { .unit = cases[i].unit,
						 .period_count = 2,
						 .periods = periods };

		if (pause_is_in(&profile, VOLTAGE) != cases[i].is_pause)
			fail_msg("%s", cases[i].label);
	}
}

static void
pause_holds_while_its_period_does(void **state)
{
	static const struct period periods[] = { { 0, 160, 0 }, { 600, 0, 0 }, { 1200, 100, 0 } };
	static const struct {
		int64_t after_s;
		bool is_pause;
	} cases[] = {
		{ 0, false }, { 599, false }, { 600, true }, { 1199, true }, { 1200, false },
	};
	const struct charging charging = { 2, 7, START };
	struct profile profile = {
		.connector = 2,
		.purpose = PURPOSE_DEFAULT,
		.kind = KIND_RELATIVE,
		.unit = RATE_A,
		.period_count = 3,
		.periods = periods,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			pause_is_at(&profile, &charging, START + cases[i].after_s, VOLTAGE),
			cases[i].is_pause);
	/* Of connector 0 it is for each; of the station as a whole it is for all. */
	profile.connector = 0;
	assert_true(pause_is_at(&profile, &charging, START + 700, VOLTAGE));
	profile.purpose = PURPOSE_MAX;
	profile.kind = KIND_ABSOLUTE;
	profile.has_start = true;
	profile.start_s = START;
	assert_true(pause_is_at(&profile, &charging, START + 700, VOLTAGE));
	/* It is over. */
	profile.has_valid_to = true;
	profile.valid_to_s = START + 650;
	assert_false(pause_is_at(&profile, &charging, START + 700, VOLTAGE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_below_six_amperes_are_pauses),
		cmocka_unit_test(pause_holds_while_its_period_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
