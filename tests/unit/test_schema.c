/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The validator by tables: what strict refuses with which code, what kept and result make of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <json-c/json.h>

#include <ocppd/station.h>

#include "base/buf.h"
#include "base/text.h"
#include "ocpp/message.h"
#include "ocpp/quirks.h"
#include "ocpp/schema.h"

#define NOW_US INT64_C(1772359200000000) /* 2026-03-01T10:00:00Z */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const units[] = { "Wh", "kWh", "A", "Celcius", "Celsius", NULL };
static const char *const phases[] = { "L1", "L1-N", NULL };
static const char *const status_words[] = { "Available", "SuspendedEV", "Faulted", NULL };
static const char *const error_words[] = { "NoError", "OtherError", NULL };
static const char *const rates[] = { "A", "W", NULL };

static const struct ocppd_field no_fields[] = { { NULL } };
static const struct ocppd_field authorize[] = {
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 20 },
};
static const struct ocppd_field boot[] = {
	{ "chargePointVendor", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 20 },
	{ "chargePointModel", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 20 },
	{ "iccid", OCPPD_T_STRING, .max = 20 },
};
static const struct ocppd_field boot_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = status_words },
	{ "currentTime", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "interval", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field status[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY, .max = 64 },
	{ "errorCode", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .one_of = error_words,
	  .fallback = "OtherError" },
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .one_of = status_words },
	{ "timestamp", OCPPD_T_TIMESTAMP },
	{ "info", OCPPD_T_STRING, .max = 50 },
};
static const struct ocppd_field sampled[] = {
	{ "value", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "unit", OCPPD_T_STRING, .one_of = units },
	{ "phase", OCPPD_T_STRING, .one_of = phases },
};
static const struct ocppd_field meter_value[] = {
	{ "timestamp", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "sampledValue", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST | OCPPD_NONEMPTY,
	  .fields = OCPPD_TABLE(sampled) },
};
static const struct ocppd_field meter_values[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY, .max = 64 },
	{ "transactionId", OCPPD_T_INTEGER },
	{ "meterValue", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_KEY | OCPPD_LIST | OCPPD_NONEMPTY,
	  .fields = OCPPD_TABLE(meter_value) },
};
static const struct ocppd_field start[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY, .max = 64 },
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .max = 20 },
	{ "meterStart", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "timestamp", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
};
static const struct ocppd_field period[] = {
	{ "limit", OCPPD_T_DECIMAL, OCPPD_REQUIRED },
};
static const struct ocppd_field schedule[] = {
	{ "unit", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = rates },
	{ "period", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST, .fields = OCPPD_TABLE(period) },
	{ "id", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_FILLED },
	{ "readonly", OCPPD_T_BOOLEAN },
	{ "data", OCPPD_T_ANY },
};
static const struct ocppd_field configuration[] = {
	{ "key", OCPPD_T_STRING, OCPPD_LIST, .max = 50, .max_items = 2 },
	{ "data", OCPPD_T_STRING },
};
static const struct ocppd_field diagnostics[] = {
	{ "location", OCPPD_T_URI, OCPPD_REQUIRED },
	{ "retries", OCPPD_T_INTEGER },
	{ "startTime", OCPPD_T_TIMESTAMP },
};

#define TABLE(rows)                                                                                \
	{                                                                                          \
		OCPPD_TABLE(rows)                                                                  \
	}
static const struct ocppd_fields tables[] = {
	TABLE(authorize), TABLE(boot),          TABLE(boot_conf),
	TABLE(status),    TABLE(meter_values),  TABLE(start),
	TABLE(schedule),  TABLE(configuration), TABLE(diagnostics),
};
enum table {
	AUTHORIZE,
	BOOT,
	BOOT_CONF,
	STATUS,
	METER_VALUES,
	START,
	SCHEDULE,
	CONFIGURATION,
	DIAGNOSTICS
};

struct outcome {
	int r;
	struct check_refusal refusal;
	struct findings *findings;
	char *text; /* of the payload afterwards */
};

static void
check(enum table table, const char *text, const struct check_policy *policy,
      struct outcome *ret_outcome)
{
	struct json_tokener *tokener = message_tokener_new();
	struct json_object *value = json_tokener_parse_ex(tokener, text, (int)strlen(text));
	struct ocppd_error err = { 0 };
	struct schema *schema;
	struct buf buf = { 0 };

	*ret_outcome = (struct outcome){ 0 };
	assert_non_null(value);
	assert_int_equal(schema_new(&tables[table], &schema, &err), 0);
	ret_outcome->r =
		schema_check(schema, value, policy, &ret_outcome->findings, &ret_outcome->refusal);
	assert_int_equal(json_write(&buf, value), 0);
	ret_outcome->text = buf_steal(&buf);
	schema_free(schema);
	json_object_put(value);
	json_tokener_free(tokener);
}

static void
outcome_fini(struct outcome *outcome)
{
	findings_free(outcome->findings);
	free(outcome->text);
}

struct strict_row {
	enum table table;
	const char *text;
	uint32_t code; /* 0: valid */
	const char *expected;
};

static const struct strict_row strict_rows[] = {
	{ AUTHORIZE, "{\"idTag\":\"04A2B3C4D5E680\"}", 0, NULL },
	{ AUTHORIZE, "{\"idTag\":\"\"}", 0, NULL },
	{ AUTHORIZE,
	  "{\"idTag\":\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"}",
	  0, NULL },
	{ AUTHORIZE, "{}", OCPPD_CALLERROR_OCCURRENCE, "idTag: required, but missing" },
	{ AUTHORIZE, "{\"idTag\":\"123456789012345678901\"}", OCPPD_CALLERROR_PROPERTY,
	  "idTag: at most 20 characters" },
	{ AUTHORIZE, "{\"idTag\":12345}", OCPPD_CALLERROR_TYPE, "idTag: expected a string" },
	{ AUTHORIZE, "{\"idTag\":null}", OCPPD_CALLERROR_TYPE, "idTag: expected a string" },
	{ AUTHORIZE, "{\"idTag\":\"A\",\"extra\":1}", OCPPD_CALLERROR_FORMATION,
	  "extra: unknown member" },
	{ AUTHORIZE, "{\"IdTag\":\"A\"}", OCPPD_CALLERROR_FORMATION, "IdTag: unknown member" },
	{ BOOT, "{\"chargePointVendor\":\"VendorX\",\"chargePointModel\":\"S\"}", 0, NULL },
	{ BOOT, "{\"chargePointVendor\":\"VendorX\"}", OCPPD_CALLERROR_OCCURRENCE, NULL },
	{ BOOT, "{\"chargePointVendor\":\"A vendor name too long\",\"chargePointModel\":\"M\"}",
	  OCPPD_CALLERROR_PROPERTY, NULL },
	{ BOOT, "{\"chargePointVendor\":1,\"iccid\":null}", OCPPD_CALLERROR_OCCURRENCE,
	  "chargePointModel: required, but missing" },
	{ BOOT_CONF,
	  "{\"status\":\"Available\",\"currentTime\":\"2024-05-01T10:00:00Z\",\"interval\":3e2}", 0,
	  NULL },
	{ BOOT_CONF,
	  "{\"status\":\"Available\",\"currentTime\":\"2024-05-01T10:00:00Z\",\"interval\":300.0}",
	  0, NULL },
	{ BOOT_CONF,
	  "{\"status\":\"Available\",\"currentTime\":\"2024-05-01T10:00:00Z\",\"interval\":1.5}",
	  OCPPD_CALLERROR_TYPE, "interval: expected an integer" },
	{ BOOT_CONF,
	  "{\"status\":\"Available\",\"currentTime\":\"2024-05-01T10:00:00Z\",\"heartbeatInterval\":300}",
	  OCPPD_CALLERROR_FORMATION, NULL },
	{ BOOT_CONF,
	  "{\"status\":\"available\",\"currentTime\":\"2024-05-01T10:00:00Z\",\"interval\":300}",
	  OCPPD_CALLERROR_PROPERTY, NULL },
	{ BOOT_CONF,
	  "{\"status\":\"Available\",\"currentTime\":\"2024-05-01T10:00:00Z\",\"interval\":9223372036854775808}",
	  OCPPD_CALLERROR_PROPERTY, NULL },
	{ STATUS, "{\"connectorId\":1,\"errorCode\":\"Mode3Error\",\"status\":\"Faulted\"}",
	  OCPPD_CALLERROR_PROPERTY, "errorCode: \"Mode3Error\" is none of the values allowed" },
	{ STATUS,
	  "{\"connectorId\":1,\"errorCode\":\"123456789012345678901234567890123456789\xc3\xa9\",\"status\":\"Faulted\"}",
	  OCPPD_CALLERROR_PROPERTY,
	  "errorCode: \"123456789012345678901234567890123456789?\" is none of the values allowed" },
	{ STATUS, "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Occupied\"}",
	  OCPPD_CALLERROR_PROPERTY, NULL },
	{ STATUS, "{\"connectorId\":\"1\",\"errorCode\":\"NoError\",\"status\":\"Available\"}",
	  OCPPD_CALLERROR_TYPE, NULL },
	{ STATUS, "{\"connectorId\":-1,\"errorCode\":\"NoError\",\"status\":\"Available\"}",
	  OCPPD_CALLERROR_PROPERTY, "connectorId: expected 0 to 64" },
	{ STATUS, "{\"connectorId\":65,\"errorCode\":\"NoError\",\"status\":\"Available\"}",
	  OCPPD_CALLERROR_PROPERTY, NULL },
	{ START,
	  "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12.5,\"timestamp\":\"2024-05-01T10:00:00Z\"}",
	  OCPPD_CALLERROR_TYPE, "meterStart: expected an integer" },
	{ START,
	  "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":\"yesterday\"}",
	  OCPPD_CALLERROR_PROPERTY, NULL },
	{ START, "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":\"\"}",
	  OCPPD_CALLERROR_PROPERTY, NULL },
	{ METER_VALUES,
	  "{\"connectorId\":1,\"meterValue\":[{\"timestamp\":\"2024-05-01T10:15:00Z\",\"sampledValue\":[{\"value\":\"1\",\"unit\":\"Celcius\"},{\"value\":\"31\",\"unit\":\"Celsius\"}]}]}",
	  0, NULL },
	{ METER_VALUES,
	  "{\"connectorId\":1,\"meterValue\":[{\"timestamp\":\"2024-05-01T10:00:00Z\",\"sampledValue\":[{\"value\":12}]}]}",
	  OCPPD_CALLERROR_TYPE, "meterValue[0].sampledValue[0].value: expected a string" },
	{ METER_VALUES,
	  "{\"connectorId\":1,\"meterValue\":[{\"timestamp\":\"2024-05-01T10:00:00Z\",\"sampledValue\":[{\"value\":\"12\",\"unit\":\"Energy\"}]}]}",
	  OCPPD_CALLERROR_PROPERTY, NULL },
	{ METER_VALUES, "{\"connectorId\":1,\"meterValue\":{}}", OCPPD_CALLERROR_TYPE,
	  "meterValue: expected a list" },
	{ METER_VALUES, "{\"connectorId\":1,\"meterValue\":[]}", OCPPD_CALLERROR_OCCURRENCE,
	  "meterValue: expected at least one element" },
	{ METER_VALUES, "{\"connectorId\":1,\"meterValue\":[7]}", OCPPD_CALLERROR_TYPE,
	  "meterValue[0]: expected an object" },
	{ SCHEDULE,
	  "{\"unit\":\"A\",\"id\":1,\"period\":[{\"limit\":16.1},{\"limit\":8},{\"limit\":8.10},{\"limit\":80.5e-0}]}",
	  0, NULL },
	{ SCHEDULE, "{\"unit\":\"A\",\"id\":1,\"period\":[{\"limit\":16.15}]}",
	  OCPPD_CALLERROR_PROPERTY, "period[0].limit: expected a number with at most one decimal" },
	{ SCHEDULE, "{\"unit\":\"A\",\"id\":1,\"period\":[{\"limit\":1615e-2}]}",
	  OCPPD_CALLERROR_PROPERTY, NULL },
	{ SCHEDULE, "{\"unit\":\"A\",\"id\":1,\"period\":[{\"limit\":1600e-2}]}", 0, NULL },
	{ SCHEDULE, "{\"unit\":\"A\",\"id\":1,\"period\":[{\"limit\":1.25e1}]}", 0, NULL },
	{ SCHEDULE, "{\"unit\":\"A\",\"id\":1,\"period\":[{\"limit\":NaN}]}", OCPPD_CALLERROR_TYPE,
	  NULL },
	{ SCHEDULE, "{\"unit\":\"kW\",\"id\":1,\"period\":[]}", OCPPD_CALLERROR_PROPERTY, NULL },
	{ SCHEDULE, "{\"unit\":\"A\",\"period\":[]}", OCPPD_CALLERROR_OCCURRENCE,
	  "id: required, but missing" },
	{ SCHEDULE, "{\"unit\":\"A\",\"id\":1,\"period\":[],\"readonly\":\"true\"}",
	  OCPPD_CALLERROR_TYPE, NULL },
	{ SCHEDULE, "{\"unit\":\"A\",\"id\":1,\"period\":[],\"data\":{\"x\":[null]}}", 0, NULL },
	{ CONFIGURATION, "{\"key\":[\"a\",\"b\"]}", 0, NULL },
	{ CONFIGURATION, "{\"key\":[\"a\",\"b\",\"c\"]}", OCPPD_CALLERROR_OCCURRENCE,
	  "key: at most 2 elements" },
	{ CONFIGURATION, "{\"data\":{\"x\":1}}", OCPPD_CALLERROR_TYPE, NULL },
};

static void
schema_strict_finds_the_first_flaw(void **state)
{
	static const struct check_policy policies[] = {
		{ .mode = CHECK_CALL, .is_strict = true, .now_us = NOW_US },
		{ .mode = CHECK_OURS },
	};

	(void)state;
	for (size_t p = 0; p < COUNT(policies); p++) {
		for (size_t i = 0; i < COUNT(strict_rows); i++) {
			const struct strict_row *row = &strict_rows[i];
			struct outcome outcome;

			check(row->table, row->text, &policies[p], &outcome);
			if ((outcome.r < 0) != (row->code != 0) ||
			    (outcome.r < 0 && outcome.refusal.code != row->code))
				fail_msg("%s: code %u, expected %u", row->text,
					 outcome.r < 0 ? outcome.refusal.code : 0, row->code);
			if (row->expected != NULL)
				assert_string_equal(outcome.refusal.at.text, row->expected);
			outcome_fini(&outcome);
		}
	}
}

/* What we send, and what becomes of it; NULL: refused. */
static void
schema_ours_is_spelled_as_the_official_schemas_want(void **state)
{
	static const struct {
		const char *text;
		const char *sent;
	} rows[] = {
		{ "{\"location\":\"ftp://u:p@[::1]:21/a%20b?c=d#e\"}",
		  "{\"location\":\"ftp://u:p@[::1]:21/a%20b?c=d#e\"}" },
		{ "{\"location\":\"a+b-c.1:\"}", "{\"location\":\"a+b-c.1:\"}" },
		{ "{\"location\":\"\"}", NULL },
		{ "{\"location\":\"/a\"}", NULL },
		{ "{\"location\":\"1a:b\"}", NULL },
		{ "{\"location\":\"http://a b\"}", NULL },
		{ "{\"location\":\"http://a/%2\"}", NULL },
		{ "{\"location\":\"http://a/%zz\"}", NULL },
		{ "{\"location\":\"http://a/<b>\"}", NULL },
		{ "{\"location\":\"http://a/\xc3\xa9\"}", NULL },
		{ "{\"location\":\"a:b\",\"retries\":3.0}",
		  "{\"location\":\"a:b\",\"retries\":3}" },
		{ "{\"location\":\"a:b\",\"retries\":30e-1}",
		  "{\"location\":\"a:b\",\"retries\":3}" },
		{ "{\"location\":\"a:b\",\"startTime\":\"2026-03-01 10:00:00Z\"}",
		  "{\"location\":\"a:b\",\"startTime\":\"2026-03-01T10:00:00Z\"}" },
		{ "{\"location\":\"a:b\",\"startTime\":\"2026-03-01t10:00:00+02:00\"}",
		  "{\"location\":\"a:b\",\"startTime\":\"2026-03-01t10:00:00+02:00\"}" },
		{ "{\"location\":\"a:b\",\"startTime\":\"2026-03-01\"}", NULL },
	};
	struct check_policy policy = { .mode = CHECK_OURS };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct outcome outcome;

		policy.mode = CHECK_OURS;
		check(DIAGNOSTICS, rows[i].text, &policy, &outcome);
		if ((outcome.r == 0) != (rows[i].sent != NULL))
			fail_msg("%s: %d", rows[i].text, outcome.r);
		if (rows[i].sent != NULL)
			assert_string_equal(outcome.text, rows[i].sent);
		else
			assert_int_equal(outcome.refusal.code, OCPPD_CALLERROR_PROPERTY);
		outcome_fini(&outcome);
		/* What an operator asks for is judged alike, and stays as it is. */
		policy.mode = CHECK_FILLED;
		check(DIAGNOSTICS, rows[i].text, &policy, &outcome);
		assert_int_equal(outcome.r == 0, rows[i].sent != NULL);
		if (outcome.r == 0)
			assert_int_equal(strlen(outcome.text), strlen(rows[i].text));
		outcome_fini(&outcome);
	}
}

struct kept_row {
	enum table table;
	const char *text;
	const char *kept;    /* the payload as a module sees it; NULL: refused */
	const char *finding; /* "D04! path=raw", the first; NULL: none. '!': hard */
};

#define T "\"2024-05-01T10:00:00Z\""
#define NOW_T "\"2026-03-01T10:00:00.000Z\""
static const struct kept_row kept_rows[] = {
	{ BOOT, "{}", "{}", "D04! chargePointVendor" },
	{ BOOT, "{\"chargePointVendor\":\"\",\"chargePointModel\":\"M\"}",
	  "{\"chargePointVendor\":\"\",\"chargePointModel\":\"M\"}", NULL },
	{ BOOT, "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\",\"extra\":{\"a\":1}}",
	  "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}", "D05 extra=extra" },
	{ BOOT, "{\"   chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}",
	  "{\"chargePointModel\":\"M\",\"chargePointVendor\":\"V\"}",
	  "B08 chargePointVendor=   chargePointVendor" },
	{ BOOT, "{\"chargePointVendor\":\"V\",\"chargePointModel\":7}",
	  "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"7\"}", "D01 chargePointModel=7" },
	{ BOOT, "{\"chargePointVendor\":\"V\",\"chargePointModel\":[1.50]}",
	  "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"[1.50]\"}",
	  "D01! chargePointModel=[1.50]" },
	{ BOOT, "{\"chargePointVendor\":\"V\",\"chargePointModel\":[\"\x7f\"]}",
	  "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"[\\\"\\ufffd\\\"]\"}",
	  "D01! chargePointModel=[\"\x7f\"]" },
	{ BOOT, "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\",\"iccid\":null}",
	  "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}", "D04 iccid=null" },
	{ BOOT, "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"123456789012345678901\"}",
	  "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"123456789012345678901\"}",
	  "D03 chargePointModel=123456789012345678901" },
	{ BOOT, "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"a\\u0000b\\u0007\\n\"}",
	  "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"a\\ufffdb\\ufffd\\n\"}",
	  "D11 chargePointModel=a" },
	{ STATUS, "{\"connectorId\":1,\"errorCode\":\"Mode3Error\",\"status\":\"suspended_ev\"}",
	  "{\"connectorId\":1,\"errorCode\":\"OtherError\",\"status\":\"SuspendedEV\"}",
	  "D08 errorCode=Mode3Error" },
	{ STATUS, "{\"connectorId\":1,\"errorCode\":\"noerror\",\"status\":\"Occupied\"}",
	  "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Occupied\"}",
	  "D08 errorCode=noerror" },
	{ STATUS, "{\"connectorId\":-1,\"errorCode\":\"NoError\",\"status\":\"Available\"}",
	  "{\"connectorId\":-1,\"errorCode\":\"NoError\",\"status\":\"Available\"}",
	  "D02! connectorId=-1" },
	{ STATUS, "{\"connectorId\":\"1\",\"errorCode\":\"NoError\",\"status\":\"Available\"}",
	  "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Available\"}",
	  "D01 connectorId=\"1\"" },
	{ STATUS, "{\"connectorId\":\"x\",\"errorCode\":\"NoError\",\"status\":\"Available\"}",
	  NULL, NULL },
	{ STATUS, "{\"errorCode\":\"NoError\",\"status\":\"Available\"}", NULL, NULL },
	{ STATUS, "{\"connectorId\":null,\"errorCode\":\"NoError\",\"status\":\"Available\"}", NULL,
	  NULL },
	{ START, "{\"connectorId\":1.0,\"idTag\":\"A\",\"meterStart\":\"12\",\"timestamp\":" T "}",
	  "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":" T "}",
	  "D01 meterStart=\"12\"" },
	{ START, "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12.5,\"timestamp\":" T "}",
	  "{\"connectorId\":1,\"idTag\":\"A\",\"timestamp\":" T "}", "D01! meterStart=12.5" },
	{ START, "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12}",
	  "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":" NOW_T "}",
	  "E05! timestamp" },
	{ START, "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":\"\"}",
	  "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":" NOW_T "}",
	  "E05! timestamp=" },
	{ START, "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":17}",
	  "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":" NOW_T "}",
	  "E05! timestamp=17" },
	{ START,
	  "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":\"2024-05-01T10:00:00\"}",
	  "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":\"2024-05-01T10:00:00.000Z\"}",
	  "E01 timestamp=2024-05-01T10:00:00" },
	{ START,
	  "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":\"2024-05-01T12:00:00+02\"}",
	  "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":12,\"timestamp\":\"2024-05-01T10:00:00.000Z\"}",
	  "E02 timestamp=2024-05-01T12:00:00+02" },
	{ METER_VALUES, "{\"connectorId\":1,\"meterValue\":[]}",
	  "{\"connectorId\":1,\"meterValue\":[]}", "D04 meterValue" },
	{ METER_VALUES, "{\"connectorId\":1,\"meterValue\":{}}", NULL, NULL },
	{ METER_VALUES, "{\"connectorId\":1,\"meterValue\":[7]}",
	  "{\"connectorId\":1,\"meterValue\":[{}]}", "D01! meterValue[0]=7" },
	{ METER_VALUES,
	  "{\"connectorId\":1,\"meterValue\":[{\"timestamp\":" T
	  ",\"sampledValue\":[{\"value\":0.0,\"unit\":\"kwh\",\"phase\":\"L1N\"},{\"value\":\"1\",\"unit\":\"Hz\"}]}]}",
	  "{\"connectorId\":1,\"meterValue\":[{\"timestamp\":" T
	  ",\"sampledValue\":[{\"value\":\"0.0\",\"unit\":\"kWh\",\"phase\":\"L1-N\"},{\"value\":\"1\",\"unit\":\"Hz\"}]}]}",
	  "D01 meterValue[0].sampledValue[0].value=0.0" },
	{ METER_VALUES, "{\"connectorId\":1,\"meterValue\":[{\"sampledValue\":7}]}",
	  "{\"connectorId\":1,\"meterValue\":[{\"timestamp\":" NOW_T "}]}",
	  "E05! meterValue[0].timestamp" },
	{ SCHEDULE,
	  "{\"unit\":\"A\",\"id\":1,\"period\":[{\"limit\":\"8.5\"}],\"readonly\":\"True\"}",
	  "{\"unit\":\"A\",\"id\":1,\"period\":[{\"limit\":8.5}],\"readonly\":true}",
	  "D01 period[0].limit=\"8.5\"" },
	{ CONFIGURATION, "{\"data\":{\"x\":1}}", "{\"data\":\"{\\\"x\\\":1}\"}",
	  "D01 data={\"x\":1}" },
};

static void
finding_text(const struct findings *findings, char *ret_text, size_t size)
{
	const struct ocppd_finding *first = &findings->items[0];

	(void)snprintf(ret_text, size, "%s%s %s%s%s", first->quirk,
		       (first->flags & OCPPD_FINDING_HARD) != 0 ? "!" : "", first->path,
		       first->raw != NULL ? "=" : "", first->raw != NULL ? first->raw : "");
}

static void
schema_kept_mends_what_can_be_understood(void **state)
{
	const struct check_policy policy = { .mode = CHECK_CALL,
					     .is_kept = true,
					     .now_us = NOW_US };

	(void)state;
	for (size_t i = 0; i < COUNT(kept_rows); i++) {
		const struct kept_row *row = &kept_rows[i];
		struct outcome outcome;
		char text[512];

		check(row->table, row->text, &policy, &outcome);
		if ((outcome.r < 0) != (row->kept == NULL))
			fail_msg("%s: %d %s", row->text, outcome.r, outcome.refusal.at.text);
		if (row->kept != NULL)
			assert_string_equal(outcome.text, row->kept);
		if (row->kept != NULL && (outcome.findings != NULL) != (row->finding != NULL))
			fail_msg("%s: findings", row->text);
		if (row->finding != NULL) {
			finding_text(outcome.findings, text, sizeof(text));
			assert_string_equal(text, row->finding);
		}
		outcome_fini(&outcome);
	}
}

static void
schema_long_string_is_cut_and_hard(void **state)
{
	const struct check_policy policy = { .mode = CHECK_CALL, .is_kept = true };
	struct outcome outcome;
	char text[512];

	(void)state;
	(void)snprintf(text, sizeof(text),
		       "{\"chargePointVendor\":\"%0300d\",\"chargePointModel\":\"M\"}", 7);
	check(BOOT, text, &policy, &outcome);
	assert_int_equal(outcome.r, 0);
	assert_int_equal(outcome.findings->hard_count, 1);
	assert_string_equal(outcome.findings->items[0].quirk, "D03");
	assert_int_equal(strlen(outcome.text), strlen(text) - 45);
	outcome_fini(&outcome);
}

/* Codes that are listed relax a strict action, and outweigh `strict`. */
static void
schema_listed_quirk_relaxes_its_finding_only(void **state)
{
	static const char *const listed[] = { "D03", "naive_time_zone=+02:00" };
	struct check_policy policy = { .mode = CHECK_CALL, .is_strict = true, .now_us = NOW_US };
	struct ocppd_error err;
	struct quirks *quirks;
	struct outcome outcome;

	(void)state;
	assert_int_equal(quirks_new(listed, 2, true, &quirks, &err), 0);
	policy.quirks = quirks;
	check(AUTHORIZE, "{\"idTag\":\"123456789012345678901\"}", &policy, &outcome);
	assert_int_equal(outcome.r, 0);
	outcome_fini(&outcome);
	check(AUTHORIZE, "{\"idTag\":7}", &policy, &outcome);
	assert_int_equal(outcome.r, OCPPD_EINVAL);
	assert_string_equal(outcome.refusal.quirk, "D01");
	outcome_fini(&outcome);
	policy.is_strict = false;
	check(START,
	      "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":1,\"timestamp\":\"2024-05-01T12:00:00\"}",
	      &policy, &outcome);
	assert_int_equal(outcome.r, 0);
	assert_non_null(strstr(outcome.text, "2024-05-01T10:00:00.000Z"));
	outcome_fini(&outcome);
	quirks_unref(quirks);
}

struct result_row {
	enum table table;
	const char *text;
	uint32_t code; /* 0: read, with warnings perhaps */
	uint32_t warnings;
};

static const struct result_row result_rows[] = {
	{ BOOT_CONF, "{\"status\":\"Available\",\"currentTime\":" T ",\"interval\":1}", 0, 0 },
	{ BOOT_CONF, "{\"status\":\"Maybe\",\"currentTime\":\"now\",\"interval\":\"1\",\"x\":1}", 0,
	  4 },
	{ BOOT_CONF, "{\"status\":\"Available\",\"currentTime\":" T "}", OCPPD_CALLERROR_OCCURRENCE,
	  0 },
	{ BOOT_CONF, "{\"status\":\"Available\",\"currentTime\":" T ",\"interval\":\"x\"}",
	  OCPPD_CALLERROR_TYPE, 0 },
	{ STATUS,
	  "{\"connectorId\":-1,\"errorCode\":\"NoError\",\"status\":\"Available\",\"info\":null}",
	  0, 2 },
};

static void
schema_result_warns_or_is_beyond_reading(void **state)
{
	const struct check_policy policy = { .mode = CHECK_RESULT, .now_us = NOW_US };

	(void)state;
	for (size_t i = 0; i < COUNT(result_rows); i++) {
		const struct result_row *row = &result_rows[i];
		struct outcome outcome;

		check(row->table, row->text, &policy, &outcome);
		if (outcome.r < 0)
			assert_int_equal(outcome.refusal.code, row->code);
		else
			assert_int_equal(0, row->code);
		if (outcome.r == 0 && row->warnings > 0)
			assert_int_equal(outcome.findings->count, row->warnings);
		outcome_fini(&outcome);
	}
}

static void
schema_many_hard_flaws_are_refused(void **state)
{
	const struct check_policy policy = { .mode = CHECK_CALL, .is_kept = true };
	struct buf buf = { 0 };
	struct outcome outcome;

	(void)state;
	buf_add_str(&buf, "{\"connectorId\":1,\"meterValue\":[1");
	for (int i = 0; i < FINDINGS_HARD_MAX; i++)
		buf_add_str(&buf, ",1");
	buf_add_str(&buf, "]}");
	check(METER_VALUES, buf.data, &policy, &outcome);
	assert_int_equal(outcome.r, OCPPD_EINVAL);
	assert_int_equal(outcome.refusal.code, OCPPD_CALLERROR_FORMATION);
	outcome_fini(&outcome);
	buf_fini(&buf);
}

static void
schema_soft_flaws_beyond_the_bound_are_counted(void **state)
{
	const struct check_policy policy = { .mode = CHECK_CALL, .is_kept = true };
	struct buf buf = { 0 };
	struct outcome outcome;

	(void)state;
	buf_add_str(&buf, "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"");
	for (int i = 0; i < FINDINGS_SOFT_MAX + 1; i++)
		buf_printf(&buf, ",\"x%d\":1", i);
	buf_add_str(&buf, "}");
	check(BOOT, buf.data, &policy, &outcome);
	assert_int_equal(outcome.r, 0);
	assert_int_equal(outcome.findings->count, FINDINGS_SOFT_MAX);
	assert_int_equal(outcome.findings->dropped, 1);
	assert_string_equal(outcome.text,
			    "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}");
	outcome_fini(&outcome);
	buf_fini(&buf);
}

static void
schema_payload_check_lets_filled_members_be_absent(void **state)
{
	struct json_object *value =
		json_tokener_parse("{\"unit\":\"A\",\"period\":[{\"limit\":1}]}");
	struct ocppd_error err = { 0 };

	(void)state;
	assert_int_equal(ocppd_payload_check(&tables[SCHEDULE], value, &err), 0);
	json_object_object_add(value, "period", json_object_new_int(1));
	assert_int_equal(ocppd_payload_check(&tables[SCHEDULE], value, &err), OCPPD_EINVAL);
	assert_string_equal(err.text, "period: expected a list");
	json_object_put(value);
}

static void
schema_table_with_unknown_type_is_refused(void **state)
{
	static const struct ocppd_field bad[] = { { "x", 99 } };
	const struct ocppd_fields fields = TABLE(bad);
	const struct ocppd_fields unnamed = TABLE(no_fields);
	struct ocppd_error err = { 0 };
	struct schema *schema = NULL;

	(void)state;
	assert_int_equal(schema_new(&fields, &schema, &err), OCPPD_EINVAL);
	assert_string_equal(err.text, "field x has the unknown type 99");
	assert_int_equal(schema_new(&unnamed, &schema, &err), OCPPD_EINVAL);
}

struct quirk_row {
	const char *item;
	int r;
};

static void
quirks_items_are_checked(void **state)
{
	static const struct quirk_row rows[] = {
		{ "D03", 0 },
		{ "D", 0 },
		{ "all", 0 },
		{ "ping=off", 0 },
		{ "ping", OCPPD_EINVAL },
		{ "-D03", 0 },
		{ "-D", 0 },
		{ "-all", 0 },
		{ "-ping=off", OCPPD_EINVAL },
		{ "min_gap=500", 0 },
		{ "min_gap=60001", OCPPD_EINVAL },
		{ "min_gap", OCPPD_EINVAL },
		{ "accept_binary=false", 0 },
		{ "accept_binary=perhaps", OCPPD_EINVAL },
		{ "min_gpa=500", OCPPD_EINVAL }, /* a slip of the pen */
		{ "acme_colour=red", 0 },        /* a module's */
		{ "D99", OCPPD_EINVAL },
		{ "Z", OCPPD_EINVAL },
		{ "", OCPPD_EINVAL },
		{ "=x", OCPPD_EINVAL },
		{ "naive_time_zone=+02:00", 0 },
		{ "naive_time_zone=Berlin", OCPPD_EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct quirks *quirks = NULL;
		struct ocppd_error err = { 0 };

		if (quirks_new(&rows[i].item, 1, false, &quirks, &err) != rows[i].r)
			fail_msg("%s", rows[i].item);
		quirks_unref(quirks);
	}
}

static void
quirks_section_lists_its_codes(void **state)
{
	static const char *const items[] = { "D", "ping=off", "accept_binary" };
	struct quirks *quirks = NULL;

	(void)state;
	assert_int_equal(quirks_new(items, 3, false, &quirks, NULL), 0);
	assert_true(quirks_has(quirks, "D01"));
	assert_true(quirks_has(quirks, "D"));
	assert_false(quirks_has(quirks, "E01"));
	assert_false(quirks_has(quirks, "all"));
	assert_string_equal(quirks_option(quirks, "ping"), "off");
	assert_string_equal(quirks_option(quirks, "accept_binary"), "");
	assert_null(quirks_option(quirks, "other"));
	quirks_unref(quirks);
}

static void
quirks_later_items_take_back_earlier_ones(void **state)
{
	static const char *const items[] = {
		"all",
		"-D",
		"D03",
		"accept_binary",
		"accept_binary=false",
		"naive_time_zone=+02:00",
		"naive_time_zone=-01:30",
	};
	struct quirks *quirks = NULL;

	(void)state;
	assert_int_equal(quirks_new(items, COUNT(items), false, &quirks, NULL), 0);
	assert_true(quirks_has(quirks, "C05"));
	assert_false(quirks_has(quirks, "D01"));
	assert_true(quirks_has(quirks, "D03"));
	assert_null(quirks_option(quirks, "accept_binary"));
	assert_int_equal(quirks_naive_offset_s(quirks), -5400);
	quirks_unref(quirks);
}

static void
quirks_codes_and_numbers_are_one_to_one(void **state)
{
	char code[QUIRK_CODE_SIZE];
	int count = 0;

	(void)state;
	for (char section = 'A'; section <= 'Z'; section++) {
		for (int number = 0; number < 100; number++) {
			char name[8];
			int at;

			(void)snprintf(name, sizeof(name), "%c%02d", section, number);
			at = quirks_index(name);
			if (at < 0)
				continue;
			assert_int_equal(at, count++);
			quirks_code(at, code);
			assert_string_equal(code, name);
		}
	}
	assert_in_range(count, 100, QUIRKS_COUNT);
}

static void
quirks_check_names_the_first_bad_item(void **state)
{
	static const char *const items[] = { "D03", "min_gap=10", "D99", "Z" };
	struct ocppd_error err = { 0 };
	uint32_t bad = 99;

	(void)state;
	assert_int_equal(ocppd_quirks_check(items, 2, &bad, &err), 0);
	assert_int_equal(ocppd_quirks_check(items, 4, &bad, &err), OCPPD_EINVAL);
	assert_int_equal(bad, 2);
	assert_non_null(strstr(err.text, "D99"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schema_strict_finds_the_first_flaw),
		cmocka_unit_test(schema_kept_mends_what_can_be_understood),
		cmocka_unit_test(schema_long_string_is_cut_and_hard),
		cmocka_unit_test(schema_listed_quirk_relaxes_its_finding_only),
		cmocka_unit_test(schema_result_warns_or_is_beyond_reading),
		cmocka_unit_test(schema_many_hard_flaws_are_refused),
		cmocka_unit_test(schema_soft_flaws_beyond_the_bound_are_counted),
		cmocka_unit_test(schema_ours_is_spelled_as_the_official_schemas_want),
		cmocka_unit_test(schema_payload_check_lets_filled_members_be_absent),
		cmocka_unit_test(schema_table_with_unknown_type_is_refused),
		cmocka_unit_test(quirks_items_are_checked),
		cmocka_unit_test(quirks_section_lists_its_codes),
		cmocka_unit_test(quirks_later_items_take_back_earlier_ones),
		cmocka_unit_test(quirks_codes_and_numbers_are_one_to_one),
		cmocka_unit_test(quirks_check_names_the_first_bad_item),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
