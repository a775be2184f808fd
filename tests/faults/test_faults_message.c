/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Want of memory while frames are read, checked and written, and while quirks are read: nothing, or
 * all of it.
 */
#include "faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/text.h"
#include "ocpp/actions.h"
#include "ocpp/message.h"
#include "ocpp/quirks.h"
#include "ocpp/schema.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const states[] = { "Available", "Faulted", NULL };
static const struct ocppd_field status_rows[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY, .max = 64 },
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = states, .fallback = "Faulted" },
	{ "timestamp", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "info", OCPPD_T_STRING, .max = 5 },
	{ "limit", OCPPD_T_NUMBER },
	{ "isHot", OCPPD_T_BOOLEAN },
};
static const struct ocppd_fields status_fields = { OCPPD_TABLE(status_rows) };

struct frame_row {
	const char *text;
	enum inbound_kind kind;
	bool has_refusal;
	bool has_findings;
};

static const struct frame_row frames[] = {
	{ "[2,\"1\",\"Status\",{\"connectorId\":1,\"status\":\"Faulted\","
	  "\"timestamp\":\"2026-03-01T10:00:00Z\"}]",
	  INBOUND_CALL, false, false },
	{ "\xef\xbb\xbf[2,17,\"Status\",{\"connectorId\":\"1\",\"status\":\"x\",\" timestamp\":"
	  "\"2026-03-01 10:00:00\",\"info\":[\"a\\u0000b\"],\"limit\":\"1.5\",\"isHot\":\"true\","
	  "\"extra\":1}]",
	  INBOUND_CALL, false, true },
	{ "[2,\"1\",\"Status\",{\"connectorId\":\"x\"}]", INBOUND_CALL, true, true },
	{ "[2,\"1\",\"Status\"]", INBOUND_CALL, true, false },
	{ "[2,\"1\",\"Unknown\",null]", INBOUND_CALL, false, true },
	{ "[3,\"1\",{\"a\":1}]", INBOUND_RESULT, false, false },
	{ "[4,\"1\",\"GenericError\"]", INBOUND_ERROR, false, true },
	{ "[2,\"1\"", INBOUND_IGNORED, false, false },
};

struct bed {
	struct action_row row;
	struct action_protocol protocol;
	struct action_table table;
	struct reader reader;
};

static void
bed_init(struct bed *bed)
{
	*bed = (struct bed){ 0 };
	bed->row.flags = OCPPD_ACTION_KEEP | OCPPD_ACTION_ONCE;
	bed->protocol.name = "ocpp1.6";
	assert_int_equal(schema_new(&status_fields, &bed->row.req, NULL), 0);
	assert_int_equal(map_put(&bed->protocol.from, "Status", &bed->row), 0);
	bed->table.protocols = &bed->protocol;
	bed->table.protocol_count = 1;
	bed->reader.tokener = message_tokener_new();
	assert_non_null(bed->reader.tokener);
	bed->reader.table = &bed->table;
	bed->reader.protocol = "ocpp1.6";
}

static void
bed_fini(struct bed *bed)
{
	json_tokener_free(bed->reader.tokener);
	map_fini(&bed->protocol.from);
	schema_free(bed->row.req);
}

static bool
read_frame(const struct frame_row *frame, uint64_t at, bool is_lasting)
{
	struct bed bed;
	struct inbound *message;
	bool has_failed;

	bed_init(&bed);
	faults_arm(at, is_lasting);
	message = inbound_new(&bed.reader, frame->text, strlen(frame->text));
	has_failed = faults_disarm();
	assert_true(message != NULL || has_failed);
	if (message != NULL) {
		assert_int_equal(message->kind, frame->kind);
		assert_int_equal(message->has_refusal, frame->has_refusal);
		assert_true(!frame->has_findings || message->findings != NULL);
		assert_true(!message->has_refusal || message->text != NULL);
	}
	inbound_free(message);
	bed_fini(&bed);
	return has_failed;
}

#define FRAME(i)                                                                                   \
	static bool read_frame_##i(uint64_t at, bool is_lasting)                                   \
	{                                                                                          \
		return read_frame(&frames[i], at, is_lasting);                                     \
	}
FRAME(0)
FRAME(1)
FRAME(2)
FRAME(3)
FRAME(4)
FRAME(5)
FRAME(6)
FRAME(7)

static void
message_no_memory_reads_nothing(void **state)
{
	static faults_fn *const readers[] = {
		read_frame_0, read_frame_1, read_frame_2, read_frame_3,
		read_frame_4, read_frame_5, read_frame_6, read_frame_7,
	};

	(void)state;
	assert_int_equal(COUNT(readers), COUNT(frames));
	for (size_t i = 0; i < COUNT(readers); i++)
		faults_walk(frames[i].text, readers[i]);
}

static bool
write_frames(uint64_t at, bool is_lasting)
{
	struct json_object *payload = json_tokener_parse("{\"a\":[1,\"\xc3\xa9\"],\"b\":{}}");
	struct outbound *messages[4] = { NULL };
	bool has_failed;

	assert_non_null(payload);
	faults_arm(at, is_lasting);
	messages[0] = outbound_result("1", false, json_object_get(payload));
	messages[1] = outbound_error("1", true, "GenericError", "x", json_object_get(payload));
	messages[2] = outbound_call("1", "Reset", payload);
	messages[3] = outbound_result_text("1", false, "{}", 2);
	for (size_t i = 0; i < COUNT(messages); i++) {
		size_t len = 0;
		const char *text = messages[i] != NULL ? outbound_text(messages[i], &len) : NULL;

		/* Whole or not at all. */
		assert_true(text == NULL || text[len - 1] == ']');
	}
	has_failed = faults_disarm();
	for (size_t i = 0; i < COUNT(messages); i++) {
		assert_true(messages[i] != NULL || has_failed);
		outbound_free(messages[i]);
	}
	json_object_put(payload);
	return has_failed;
}

static void
message_no_memory_writes_nothing(void **state)
{
	(void)state;
	faults_walk("outbound", write_frames);
}

static bool
read_quirks(uint64_t at, bool is_lasting)
{
	static const char *const items[] = { "D03", "C", "naive_time_zone=+02:00" };
	struct quirks *quirks = NULL;
	struct ocppd_error err = { 0 };
	bool has_failed;
	int r;

	faults_arm(at, is_lasting);
	r = quirks_new(items, COUNT(items), true, &quirks, &err);
	has_failed = faults_disarm();
	assert_int_equal(r, has_failed ? OCPPD_ENOMEM : 0);
	assert_int_equal(quirks != NULL, r == 0);
	assert_true(r == 0 || err.code == r);
	if (r == 0) {
		assert_true(quirks_has(quirks, "C05"));
		assert_int_equal(quirks_naive_offset_s(quirks), 7200);
	}
	quirks_unref(quirks);
	return has_failed;
}

static void
quirks_no_memory_is_an_error(void **state)
{
	(void)state;
	faults_walk("quirks", read_quirks);
}

static bool
check_payload(const char *text, int expected, uint64_t at, bool is_lasting)
{
	struct json_object *payload = json_tokener_parse(text);
	struct ocppd_error err = { 0 };
	bool has_failed;
	int r;

	assert_non_null(payload);
	faults_arm(at, is_lasting);
	r = ocppd_payload_check(&status_fields, payload, &err);
	has_failed = faults_disarm();
	assert_true(r == expected || (has_failed && r == OCPPD_ENOMEM));
	assert_int_equal(err.code, r);
	json_object_put(payload);
	return has_failed;
}

static bool
check_valid(uint64_t at, bool is_lasting)
{
	return check_payload("{\"connectorId\":1,\"status\":\"Faulted\",\"timestamp\":"
			     "\"2026-03-01T10:00:00Z\"}",
			     0, at, is_lasting);
}

static bool
check_invalid(uint64_t at, bool is_lasting)
{
	return check_payload("{\"connectorId\":[1],\"status\":7,\"extra\":1}", OCPPD_EINVAL, at,
			     is_lasting);
}

static void
payload_check_no_memory_is_an_error(void **state)
{
	(void)state;
	faults_walk("valid", check_valid);
	faults_walk("invalid", check_invalid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_no_memory_reads_nothing),
		cmocka_unit_test(message_no_memory_writes_nothing),
		cmocka_unit_test(quirks_no_memory_is_an_error),
		cmocka_unit_test(payload_check_no_memory_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
