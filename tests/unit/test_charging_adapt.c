/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Other words for a charging profile: which there are, what they come to, and, by the composite
 * schedule, that they amount to the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ocppd/json.h>

#include "../../plugins/ocpp16_smart_charging/adapt.h"
#include "../../plugins/ocpp16_smart_charging/profile.h"

#define NOW_S INT64_C(1709632800) /* 2024-03-05T10:00:00Z */
#define SPAN_S 20000
#define PERIODS 32

#define ABSOLUTE_START "\"startSchedule\":\"2024-03-05T09:00:00Z\","
#define PROFILE(purpose, kind, rest)                                                               \
	"{\"chargingProfileId\":1,\"stackLevel\":0,\"chargingProfilePurpose\":\"" purpose          \
	"\",\"chargingProfileKind\":\"" kind "\",\"chargingSchedule\":{" rest "}}"
#define ONE                                                                                        \
	"\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":16}]"
#define STEPS                                                                                      \
	"\"duration\":9000,\"chargingRateUnit\":\"A\",\"minChargingRate\":6,"                      \
	"\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":32},"                            \
	"{\"startPeriod\":1800,\"limit\":16.5,\"numberPhases\":1},"                                \
	"{\"startPeriod\":5400,\"limit\":8}]"

static const struct adapt_context charging = {
	.now_s = NOW_S,
	.voltage_v = 230,
	.charging_start_s = NOW_S - 1350,
	.is_charging = true,
	.is_single = true,
};

static struct profile *
parse(const char *text, int64_t connector, struct json_object **ret_json)
{
	struct profile *profile = NULL;

	*ret_json = json_tokener_parse(text);
	assert_non_null(*ret_json);
	assert_int_equal(profile_parse(*ret_json, connector, &profile), 0);
	return profile;
}

/* ---- Which there are --------------------------------------------------------------------------
 */

struct possible_case {
	const char *label;
	const char *profile;
	int64_t connector;
	uint32_t changes;
	bool is_idle;
	bool has_many;
	bool is_possible;
};

static const struct possible_case possible_cases[] = {
	{ "as it is", PROFILE("TxProfile", "Recurring", ONE), 1, 0, .is_possible = true },
	{ "recurring", PROFILE("TxDefaultProfile", "Recurring", ABSOLUTE_START ONE), 1,
	  CHANGE_KIND },
	{ "recurring in W", PROFILE("TxDefaultProfile", "Recurring", ABSOLUTE_START ONE), 1,
	  CHANGE_UNIT, .is_possible = true },
	{ "of the transaction", PROFILE("TxProfile", "Absolute", ABSOLUTE_START STEPS), 1,
	  CHANGE_KIND, .is_possible = true },
	{ "without transaction", PROFILE("TxProfile", "Absolute", ABSOLUTE_START STEPS), 1,
	  CHANGE_KIND, .is_idle = true },
	{ "not begun yet",
	  PROFILE("TxProfile", "Absolute", "\"startSchedule\":\"2024-03-05T10:00:01Z\"," ONE), 1,
	  CHANGE_KIND },
	{ "over before the transaction",
	  PROFILE("TxProfile", "Absolute", ABSOLUTE_START "\"duration\":2250," ONE), 1,
	  CHANGE_KIND },
	{ "constant default", PROFILE("TxDefaultProfile", "Absolute", ABSOLUTE_START ONE), 1,
	  CHANGE_KIND, .is_idle = true, .is_possible = true },
	{ "default in steps", PROFILE("TxDefaultProfile", "Absolute", ABSOLUTE_START STEPS), 1,
	  CHANGE_KIND },
	{ "default that ends", PROFILE("TxDefaultProfile", "Relative", "\"duration\":60," ONE), 1,
	  CHANGE_KIND },
	{ "of the station", PROFILE("ChargePointMaxProfile", "Absolute", ABSOLUTE_START ONE), 0,
	  CHANGE_KIND },
	{ "station as default", PROFILE("ChargePointMaxProfile", "Absolute", ABSOLUTE_START ONE), 0,
	  CHANGE_PURPOSE, .is_possible = true },
	{ "station as default of the connector, relative",
	  PROFILE("ChargePointMaxProfile", "Absolute", ABSOLUTE_START ONE), 0,
	  CHANGE_PURPOSE | CHANGE_CONNECTOR | CHANGE_KIND, .is_possible = true },
	{ "station with two connectors",
	  PROFILE("ChargePointMaxProfile", "Absolute", ABSOLUTE_START ONE), 0, CHANGE_PURPOSE,
	  .has_many = true },
	{ "station on a connector",
	  PROFILE("ChargePointMaxProfile", "Absolute", ABSOLUTE_START ONE), 0, CHANGE_CONNECTOR },
	{ "default as default", PROFILE("TxDefaultProfile", "Relative", ONE), 0, CHANGE_PURPOSE },
	{ "default of the connector", PROFILE("TxDefaultProfile", "Relative", ONE), 0,
	  CHANGE_CONNECTOR, .is_possible = true },
	{ "default of all", PROFILE("TxDefaultProfile", "Relative", ONE), 1, CHANGE_CONNECTOR,
	  .is_possible = true },
	{ "default of one of two", PROFILE("TxDefaultProfile", "Relative", ONE), 1,
	  CHANGE_CONNECTOR, .has_many = true },
	{ "transaction elsewhere", PROFILE("TxProfile", "Relative", ONE), 1, CHANGE_CONNECTOR },
	{ "too many amperes to be watts",
	  PROFILE("TxDefaultProfile", "Relative",
		  "\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,"
		  "\"limit\":900000000}]"),
	  1, CHANGE_UNIT },
};

static void
adapt_changes_are_possible_where_they_keep_the_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(possible_cases) / sizeof(possible_cases[0]); i++) {
		const struct possible_case *row = &possible_cases[i];
		struct adapt_context context = charging;
		struct json_object *json = NULL;
		struct profile *profile = parse(row->profile, row->connector, &json);

		context.is_charging = !row->is_idle;
		context.is_single = !row->has_many;
		if (adapt_is_possible(profile, row->changes, &context) != row->is_possible)
			fail_msg("%s: expected %d", row->label, row->is_possible);
		free(profile);
		json_object_put(json);
	}
}

/* ---- What they amount to ------------------------------------------------------------------------
 */

static int64_t
compute(const struct profile *profile, enum rate_unit unit, struct composite_period *ret)
{
	const struct profile *const list[] = { profile };
	const struct charging running = { 1, 7, charging.charging_start_s };
	const struct composite_query query = {
		.profiles = list,
		.profile_count = 1,
		.charging = &running,
		.charging_count = 1,
		.connector = 1,
		.connectors = 1,
		.start_s = NOW_S,
		.duration_s = SPAN_S,
		.voltage_v = charging.voltage_v,
		.unit = unit,
	};
	int64_t count = composite_compute(&query, ret, PERIODS);

	assert_true(count > 0);
	return count;
}

static void
assert_same(const char *label, const struct profile *before, const struct profile *after)
{
	struct composite_period one[PERIODS];
	struct composite_period other[PERIODS];
	/* In the unit of the changed one: rounding is part of the change. */
	int64_t count = compute(before, after->unit, one);

	if (compute(after, after->unit, other) != count)
		fail_msg("%s: another number of periods", label);
	for (int64_t i = 0; i < count; i++) {
		if (one[i].start_s != other[i].start_s ||
		    one[i].at.is_limited != other[i].at.is_limited ||
		    one[i].at.limit != other[i].at.limit)
			fail_msg("%s: period %d differs", label, (int)i);
	}
}

static const char *const kept_profiles[] = {
	PROFILE("TxProfile", "Absolute", ABSOLUTE_START STEPS),
	PROFILE("TxProfile", "Absolute", "\"startSchedule\":\"2024-03-05T09:59:00Z\"," STEPS),
	PROFILE("TxProfile", "Absolute", STEPS),
	PROFILE("TxProfile", "Relative", STEPS),
	PROFILE("TxDefaultProfile", "Absolute", ABSOLUTE_START ONE),
	PROFILE("TxDefaultProfile", "Relative", ONE),
	PROFILE("TxDefaultProfile", "Recurring", ABSOLUTE_START STEPS),
	PROFILE("ChargePointMaxProfile", "Absolute", ABSOLUTE_START STEPS),
};

static void
adapt_changed_profiles_amount_to_the_same(void **state)
{
	uint32_t made = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(kept_profiles) / sizeof(kept_profiles[0]); i++) {
		for (uint32_t changes = 1; changes < CHANGE_SETS; changes++) {
			struct json_object *json = NULL;
			int64_t connector = strstr(kept_profiles[i], "TxProfile") != NULL ? 1 : 0;
			struct profile *before = parse(kept_profiles[i], connector, &json);
			struct profile *after = NULL;

			if (adapt_is_possible(before, changes, &charging)) {
				assert_int_equal(
					adapt_apply(json, before, changes, &charging, &connector),
					0);
				assert_int_equal(profile_parse(json, connector, &after), 0);
				assert_int_equal(after->periods[0].start_s, 0);
				assert_same(kept_profiles[i], before, after);
				made++;
			}
			free(after);
			free(before);
			json_object_put(json);
		}
	}
	assert_true(made >= 20);
}

static void
adapt_words_come_out_as_they_are_sent(void **state)
{
	struct json_object *json = NULL;
	struct profile *profile =
		parse(PROFILE("TxProfile", "Absolute", ABSOLUTE_START STEPS), 1, &json);
	int64_t connector = 1;
	char text[100];

	(void)state;
	assert_int_equal(
		adapt_apply(json, profile, CHANGE_KIND | CHANGE_UNIT, &charging, &connector), 0);
	/* Begun 2250 s before the transaction: the first period was over then. */
	assert_string_equal(
		json_object_to_json_string_ext(ocppd_json_get(json, "chargingSchedule"),
					       JSON_C_TO_STRING_PLAIN),
		"{\"duration\":6750,\"chargingRateUnit\":\"W\",\"minChargingRate\":4140,"
		"\"chargingSchedulePeriod\":["
		"{\"startPeriod\":0,\"limit\":3795,\"numberPhases\":1},"
		"{\"startPeriod\":3150,\"limit\":5520}]}");
	adapt_describe(profile, CHANGE_KIND | CHANGE_UNIT, 230, text, sizeof(text));
	assert_string_equal(text, "Relative, W at 230 V");
	adapt_describe(profile, 0, 230, text, sizeof(text));
	assert_string_equal(text, "");
	adapt_describe(profile, CHANGE_SETS - 1, 230, text, 10);
	assert_int_equal(strlen(text), 9);
	free(profile);
	json_object_put(json);
}

static void
adapt_times_can_do_without_fractions(void **state)
{
	struct adapt_context context = charging;
	struct json_object *json = NULL;
	struct profile *profile = parse(PROFILE("TxProfile", "Relative", ONE), 1, &json);
	int64_t connector = 1;

	(void)state;
	context.is_whole_second = true;
	assert_int_equal(adapt_apply(json, profile, CHANGE_KIND, &context, &connector), 0);
	assert_string_equal(
		ocppd_json_get_str(ocppd_json_get(json, "chargingSchedule"), "startSchedule"),
		"2024-03-05T09:37:30Z");
	free(profile);
	json_object_put(json);
}

/* ---- The ladder, and what is learnt -------------------------------------------------------------
 */

static void
adapt_ladder_tries_each_once_and_ends(void **state)
{
	static const uint32_t expected[] = {
		0,
		CHANGE_UNIT,
		CHANGE_PURPOSE,
		CHANGE_PURPOSE | CHANGE_KIND,
		CHANGE_PURPOSE | CHANGE_UNIT,
		CHANGE_PURPOSE | CHANGE_CONNECTOR,
		CHANGE_PURPOSE | CHANGE_UNIT | CHANGE_KIND,
		CHANGE_PURPOSE | CHANGE_CONNECTOR | CHANGE_KIND,
		CHANGE_PURPOSE | CHANGE_CONNECTOR | CHANGE_UNIT,
		CHANGE_SETS - 1,
		CHANGE_SETS,
	};
	struct json_object *json = NULL;
	struct profile *profile =
		parse(PROFILE("ChargePointMaxProfile", "Absolute", ABSOLUTE_START ONE), 0, &json);
	uint32_t tried = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		uint32_t next = adapt_next(profile, tried, 0, &charging);

		assert_int_equal(next, expected[i]);
		tried |= 1u << next;
	}
	assert_int_equal(adapt_next(profile, 0, CHANGE_UNIT, &charging), CHANGE_UNIT);
	free(profile);
	json_object_put(json);
}

static void
adapt_learnt_taste_leads_to_the_same_words(void **state)
{
	uint32_t made = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(kept_profiles) / sizeof(kept_profiles[0]); i++) {
		for (uint32_t changes = 1; changes < CHANGE_SETS; changes++) {
			struct json_object *json = NULL;
			int64_t connector = strstr(kept_profiles[i], "TxProfile") != NULL ? 1 : 0;
			struct profile *before = parse(kept_profiles[i], connector, &json);
			struct profile *after = NULL;
			uint32_t taste;

			if (adapt_is_possible(before, changes, &charging)) {
				assert_int_equal(
					adapt_apply(json, before, changes, &charging, &connector),
					0);
				assert_int_equal(profile_parse(json, connector, &after), 0);
				/* What was learnt before, and contradicts it, goes. */
				taste = adapt_learn(TASTE_ABSOLUTE | TASTE_A, after, changes);
				if ((changes & CHANGE_KIND) == 0)
					taste &= ~TASTE_ABSOLUTE;
				if ((changes & CHANGE_UNIT) == 0)
					taste &= ~TASTE_A;
				assert_int_equal(adapt_wanted(before, taste), changes);
				assert_int_equal(adapt_wanted(after, taste), 0);
				made++;
			}
			free(after);
			free(before);
			json_object_put(json);
		}
	}
	assert_true(made >= 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adapt_changes_are_possible_where_they_keep_the_meaning),
		cmocka_unit_test(adapt_changed_profiles_amount_to_the_same),
		cmocka_unit_test(adapt_words_come_out_as_they_are_sent),
		cmocka_unit_test(adapt_times_can_do_without_fractions),
		cmocka_unit_test(adapt_ladder_tries_each_once_and_ends),
		cmocka_unit_test(adapt_learnt_taste_leads_to_the_same_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
