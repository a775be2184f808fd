/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Charging profiles: what replaces and clears which, the specification's rules, and what a station
 * says it can take.
 */
#include "../../plugins/ocpp16_smart_charging/profile.h"

#include <ocppd/error.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <json.h>

static void
profile_clearing_removes_what_matches_all_fields(void **state)
{
	static const struct profile installed[] = {
		{ .id = 1, .connector = 0, .purpose = PURPOSE_MAX, .stack_level = 0 },
		{ .id = 2, .connector = 0, .purpose = PURPOSE_DEFAULT, .stack_level = 0 },
		{ .id = 3, .connector = 1, .purpose = PURPOSE_DEFAULT, .stack_level = 1 },
		{ .id = 4, .connector = 1, .purpose = PURPOSE_TX, .stack_level = 1 },
		{ .id = 5, .connector = 2, .purpose = PURPOSE_TX, .stack_level = 0 },
	};
	static const struct {
		const char *request;
		const char *removed;
	} rows[] = {
		{ "{}", "12345" },
		{ "{\"id\":3}", "3" },
		{ "{\"id\":3,\"connectorId\":2,\"stackLevel\":7}", "3" },
		{ "{\"id\":9}", "" },
		{ "{\"connectorId\":1}", "34" },
		{ "{\"connectorId\":0}", "12" },
		{ "{\"chargingProfilePurpose\":\"TxProfile\"}", "45" },
		{ "{\"stackLevel\":1,\"connectorId\":1,"
		  "\"chargingProfilePurpose\":\"TxDefaultProfile\"}",
		  "3" },
		{ "{\"stackLevel\":0}", "125" },
		{ "{\"connectorId\":2,\"chargingProfilePurpose\":\"TxDefaultProfile\"}", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_object *json = json_tokener_parse(rows[i].request);
		struct profile_filter filter;
		char removed[8];
		size_t count = 0;

		profile_filter_parse(json, &filter);
		for (size_t k = 0; k < 5; k++) {
			if (profile_is_cleared(&installed[k], &filter))
				removed[count++] = (char)('0' + installed[k].id);
		}
		removed[count] = '\0';
		if (strcmp(removed, rows[i].removed) != 0)
			fail_msg("%s: %s, not %s", rows[i].request, removed, rows[i].removed);
		json_object_put(json);
	}
}

static void
profile_replacement_is_by_id_and_by_level(void **state)
{
	static const struct {
		int64_t id;
		int64_t level;
		const char *installed; /* afterwards */
	} rows[] = {
		{ 10, 0, "10@0" },      { 11, 1, "10@0 11@1" }, { 12, 1, "10@0 12@1" },
		{ 10, 2, "12@1 10@2" }, { 10, 1, "10@1" },
	};
	struct profile installed[8];
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct profile next = { .id = rows[i].id,
					      .connector = 1,
					      .purpose = PURPOSE_DEFAULT,
					      .stack_level = rows[i].level };
		char text[64] = "";
		size_t kept = 0;
		size_t at = 0;

		for (size_t k = 0; k < count; k++) {
			if (!profile_is_replaced(&installed[k], &next))
				installed[kept++] = installed[k];
		}
		installed[kept++] = next;
		count = kept;
		for (size_t k = 0; k < count; k++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%lld@%lld",
					       k == 0 ? "" : " ", (long long)installed[k].id,
					       (long long)installed[k].stack_level);
		assert_string_equal(text, rows[i].installed);
	}
}

static void
profile_replacement_is_read_per_connector(void **state)
{
	const struct profile one = { .id = 1, .connector = 1, .purpose = PURPOSE_DEFAULT };
	const struct profile two = { .id = 2, .connector = 2, .purpose = PURPOSE_DEFAULT };
	const struct profile tx = { .id = 3, .connector = 1, .purpose = PURPOSE_TX };

	(void)state;
	assert_false(profile_is_replaced(&one, &two));
	assert_false(profile_is_replaced(&one, &tx));
}

struct heard {
	char text[1024];
	uint32_t count;
};

static void
hear(void *arg, const char *text)
{
	struct heard *heard = arg;
	size_t len = strlen(heard->text);

	(void)snprintf(heard->text + len, sizeof(heard->text) - len, "%s|", text);
	heard->count++;
}

#define NOW INT64_C(1709600000)
#define BODY(head, schedule)                                                                       \
	"{\"stackLevel\":0," head ",\"chargingSchedule\":{\"chargingRateUnit\":\"A\"," schedule "}}"
#define ABSOLUTE_DEFAULT                                                                           \
	"\"chargingProfilePurpose\":\"TxDefaultProfile\",\"chargingProfileKind\":\"Absolute\""
#define ABSOLUTE_TX "\"chargingProfilePurpose\":\"TxProfile\",\"chargingProfileKind\":\"Absolute\""
#define START "\"startSchedule\":\"2024-03-01T00:00:00Z\","
#define ONE "\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":16}]"

static const struct {
	int64_t connector;
	const char *json;
	const char *rule; /* how it begins; "": none is broken */
} rules[] = {
	{ 1, BODY(ABSOLUTE_DEFAULT, START ONE), "" },
	{ -1, BODY(ABSOLUTE_TX, START ONE), "" },
	{ 0, BODY(ABSOLUTE_TX, START ONE), "connectorId: must be greater than 0" },
	{ 1,
	  BODY("\"chargingProfilePurpose\":\"ChargePointMaxProfile\","
	       "\"chargingProfileKind\":\"Absolute\"",
	       START ONE),
	  "connectorId: must be 0" },
	{ 1, BODY(ABSOLUTE_DEFAULT ",\"transactionId\":4", START ONE), "transactionId:" },
	{ 1, BODY(ABSOLUTE_DEFAULT, ONE), "chargingSchedule.startSchedule: is needed with Abs" },
	{ 1, BODY(ABSOLUTE_DEFAULT ",\"recurrencyKind\":\"Daily\"", START ONE),
	  "recurrencyKind: belongs" },
	{ 1,
	  BODY("\"chargingProfilePurpose\":\"TxDefaultProfile\","
	       "\"chargingProfileKind\":\"Recurring\"",
	       START ONE),
	  "recurrencyKind: is needed" },
	{ 1,
	  BODY("\"chargingProfilePurpose\":\"TxDefaultProfile\","
	       "\"chargingProfileKind\":\"Recurring\",\"recurrencyKind\":\"Weekly\"",
	       START "\"duration\":604801," ONE),
	  "chargingSchedule.duration: the part" },
	{ 1,
	  BODY("\"chargingProfilePurpose\":\"TxDefaultProfile\","
	       "\"chargingProfileKind\":\"Relative\"",
	       START ONE),
	  "chargingSchedule.startSchedule: must be absent" },
	{ 0,
	  BODY("\"chargingProfilePurpose\":\"ChargePointMaxProfile\","
	       "\"chargingProfileKind\":\"Relative\"",
	       ONE),
	  "chargingProfileKind: Relative" },
	{ 1,
	  BODY(ABSOLUTE_DEFAULT ",\"validFrom\":\"2044-01-02T00:00:00Z\","
				"\"validTo\":\"2044-01-01T00:00:00Z\"",
	       START ONE),
	  "validTo: must be after" },
	{ 1, BODY(ABSOLUTE_DEFAULT ",\"validTo\":\"2024-01-01T00:00:00Z\"", START ONE),
	  "validTo: is over" },
	{ 1, BODY(ABSOLUTE_DEFAULT, START "\"duration\":0," ONE), "chargingSchedule.duration:" },
	{ 1, BODY(ABSOLUTE_DEFAULT, START "\"minChargingRate\":-1," ONE),
	  "chargingSchedule.minChargingRate:" },
	{ 1,
	  BODY(ABSOLUTE_DEFAULT,
	       START "\"chargingSchedulePeriod\":[{\"startPeriod\":1,\"limit\":16}]"),
	  "chargingSchedule.chargingSchedulePeriod[0].startPeriod: must be 0" },
	{ 1,
	  BODY(ABSOLUTE_DEFAULT,
	       START "\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":16},"
		     "{\"startPeriod\":9,\"limit\":8},"
		     "{\"startPeriod\":9,\"limit\":8}]"),
	  "chargingSchedule.chargingSchedulePeriod[2].startPeriod: must be greater" },
	{ 1,
	  BODY(ABSOLUTE_DEFAULT, START "\"duration\":60,\"chargingSchedulePeriod\":["
				       "{\"startPeriod\":0,\"limit\":16},"
				       "{\"startPeriod\":60,\"limit\":8}]"),
	  "chargingSchedule.chargingSchedulePeriod[1].startPeriod: is not before" },
	{ 1,
	  BODY(ABSOLUTE_DEFAULT,
	       START "\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":-0.1}]"),
	  "chargingSchedule.chargingSchedulePeriod[0].limit:" },
	{ 1,
	  BODY(ABSOLUTE_DEFAULT, START
	       "\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":6,\"numberPhases\":4}]"),
	  "chargingSchedule.chargingSchedulePeriod[0].numberPhases:" },
};

static void
profile_rule_that_is_broken_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct json_object *json = json_tokener_parse(rules[i].json);
		struct heard heard = { .count = 0 };
		struct profile *profile = NULL;
		size_t len = strlen(rules[i].rule);

		assert_int_equal(profile_parse(json, rules[i].connector, &profile), 0);
		profile_check(profile, json, NOW, hear, &heard);
		if (heard.count != (len > 0 ? 1 : 0) ||
		    strncmp(heard.text, rules[i].rule, len) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", rules[i].json, heard.text,
				 rules[i].rule);
		free(profile);
		json_object_put(json);
	}
}

static void
profile_that_is_none_is_refused(void **state)
{
	static const char *const rows[] = {
		"{}",
		"{\"chargingSchedule\":{\"chargingSchedulePeriod\":1}}",
		BODY("\"chargingProfilePurpose\":\"Other\",\"chargingProfileKind\":\"Absolute\"",
		     ONE),
		BODY("\"chargingProfilePurpose\":\"TxProfile\",\"chargingProfileKind\":\"Other\"",
		     ONE),
		BODY(ABSOLUTE_TX ",\"validFrom\":\"soon\"", ONE),
		BODY(ABSOLUTE_TX, "\"chargingSchedulePeriod\":[{\"limit\":1}]"),
		BODY(ABSOLUTE_TX, "\"chargingSchedulePeriod\":[{\"startPeriod\":0}]"),
		BODY(ABSOLUTE_TX,
		     "\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":1e30}]"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_object *json = json_tokener_parse(rows[i]);
		struct profile *profile = NULL;

		assert_int_equal(profile_parse(json, 1, &profile), OCPPD_EINVAL);
		json_object_put(json);
	}
}

static void
profile_beyond_the_station_is_told(void **state)
{
	static const struct {
		const char *key;
		const char *value;
		const char *said; /* how it begins; "": the station can take it */
	} rows[] = {
		{ "ChargeProfileMaxStackLevel", "3", "" },
		{ "chargeprofilemaxstacklevel", "2", "stackLevel: the station takes at most 2" },
		{ "ChargeProfileMaxStackLevel", "none", "" },
		{ "ChargingScheduleMaxPeriods", "2", "" },
		{ "ChargingScheduleMaxPeriods", "1", "chargingSchedule.chargingSchedulePeriod:" },
		{ "ChargingScheduleMaxPeriods", "0", "" },
		{ "MaxChargingProfilesInstalled", "6", "" },
		{ "MaxChargingProfilesInstalled", "5", "chargingProfileId: the station holds" },
		{ "MaxChargingProfilesInstalled", "99999999999999999999", "" },
		{ "ChargingScheduleAllowedChargingRateUnit", "Power, current", "" },
		{ "ChargingScheduleAllowedChargingRateUnit", "Power",
		  "chargingSchedule.chargingRateUnit: the station does not take A" },
		{ "ChargingScheduleAllowedChargingRateUnit", "", "" },
		{ "ConnectorSwitch3to1PhaseSupported", "false",
		  "chargingSchedule.chargingSchedulePeriod: the station cannot change" },
		{ "ConnectorSwitch3to1PhaseSupported", "TRUE", "" },
		{ "ConnectorSwitch3to1PhaseSupported", NULL, "" },
	};
	struct period periods[2] = { { 0, 160, 0 }, { 60, 160, 1 } };
	const struct profile profile = { .stack_level = 3,
					 .purpose = PURPOSE_TX,
					 .unit = RATE_A,
					 .period_count = 2,
					 .periods = periods };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct station_limits limits;
		struct heard heard = { .count = 0 };
		size_t len = strlen(rows[i].said);

		station_limits_init(&limits);
		station_limits_set(&limits, rows[i].key, rows[i].value);
		profile_check_limits(&profile, &limits, 5, hear, &heard);
		if (heard.count != (len > 0 ? 1 : 0) || strncmp(heard.text, rows[i].said, len) != 0)
			fail_msg("%s %s: \"%s\"", rows[i].key,
				 rows[i].value == NULL ? "NULL" : rows[i].value, heard.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profile_clearing_removes_what_matches_all_fields),
		cmocka_unit_test(profile_replacement_is_by_id_and_by_level),
		cmocka_unit_test(profile_replacement_is_read_per_connector),
		cmocka_unit_test(profile_rule_that_is_broken_is_told),
		cmocka_unit_test(profile_that_is_none_is_refused),
		cmocka_unit_test(profile_beyond_the_station_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
