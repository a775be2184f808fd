/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Frames: what the envelope lets through, what it refuses, what is ignored; and what goes out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/buf.h"
#include "base/text.h"
#include "ocpp/actions.h"
#include "ocpp/message.h"
#include "ocpp/quirks.h"
#include "ocpp/schema.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ID36 "123456789012345678901234567890123456"
#define ID64 "1234567890123456789012345678901234567890123456789012345678901234"

struct envelope_row {
	const char *text;
	enum inbound_kind kind;
	const char *id;
	const char *about;   /* the action, the error's code, or why it is ignored */
	const char *quirk;   /* of the first finding, or NULL */
	const char *refusal; /* or NULL */
};

static const struct envelope_row rows[] = {
	{ "[2,\"1\",\"Heartbeat\",{}]", INBOUND_CALL, "1", "Heartbeat", NULL, NULL },
	{ " \r\n[2,\"1\",\"Heartbeat\",{}]\n", INBOUND_CALL, "1", "Heartbeat", NULL, NULL },
	{ "\xef\xbb\xbf[2,\"1\",\"Heartbeat\",{}]", INBOUND_CALL, "1", "Heartbeat", "B08", NULL },
	{ "[2,\"1\",\"Heartbeat\",null]", INBOUND_CALL, "1", "Heartbeat", "C05", NULL },
	{ "[2,\"" ID36 "\",\"H\",{}]", INBOUND_CALL, ID36, "H", NULL, NULL },
	{ "[2,\"" ID36 "7\",\"H\",{}]", INBOUND_CALL, ID36 "7", "H", "C01", NULL },
	{ "[2,\"" ID64 "\",\"H\",{}]", INBOUND_CALL, ID64, "H", "C01", NULL },
	{ "[2,\"" ID64 "5\",\"H\",{}]", INBOUND_CALL, ID64 "5", "H", NULL,
	  "the message id is longer than 64 characters" },
	{ "[2,17,\"H\",{}]", INBOUND_CALL, "17", "H", "C02", NULL },
	{ "[2,1.50,\"H\",{}]", INBOUND_CALL, "1.50", "H", "C02", NULL },
	{ "[2,\"1\",\"H\",[]]", INBOUND_CALL, "1", "H", NULL, "the payload is not an object" },
	{ "[2,\"1\",\"H\",\"{}\"]", INBOUND_CALL, "1", "H", NULL, "the payload is not an object" },
	{ "[2,\"1\",\"H\"]", INBOUND_CALL, "1", "H", NULL, "the payload is missing" },
	{ "[2,\"1\"]", INBOUND_CALL, "1", NULL, NULL, "the action is missing or no string" },
	{ "[2,\"1\",7,{}]", INBOUND_CALL, "1", NULL, NULL, "the action is missing or no string" },
	{ "[2,\"1\",\"H\",{},{}]", INBOUND_CALL, "1", "H", NULL, "a CALL has four elements" },
	{ "[3,\"1\",{}]", INBOUND_RESULT, "1", NULL, NULL, NULL },
	{ "[3,\"1\",null]", INBOUND_RESULT, "1", NULL, "C05", NULL },
	{ "[3,\"1\",[]]", INBOUND_RESULT, "1", NULL, NULL, "the payload is not an object" },
	{ "[3,\"1\",{},1]", INBOUND_RESULT, "1", NULL, NULL, "a CALLRESULT has three elements" },
	{ "[4,\"1\",\"GenericError\",\"x\",{}]", INBOUND_ERROR, "1", "GenericError", NULL, NULL },
	{ "[4,\"1\",\"FormatViolation\",\"\",null]", INBOUND_ERROR, "1", "FormatViolation", "C06",
	  NULL },
	{ "[4,\"1\",\"X\"]", INBOUND_ERROR, "1", "X", "C06", NULL },
	{ "[4,\"1\"]", INBOUND_ERROR, "1", "", "C06", NULL },
	{ "", INBOUND_IGNORED, NULL, "no JSON", NULL, NULL },
	{ "hello", INBOUND_IGNORED, NULL, "no JSON", NULL, NULL },
	{ "[2,\"1\",\"H\",{}", INBOUND_IGNORED, NULL, "no JSON", NULL, NULL },
	{ "[2,\"1\",\"H\",{}]]", INBOUND_IGNORED, NULL, "no JSON", NULL, NULL },
	{ "[2,\"1\",\"H\",{},]", INBOUND_IGNORED, NULL, "no JSON", NULL, NULL },
	{ "{}", INBOUND_IGNORED, NULL, "no array", NULL, NULL },
	{ "\"x\"", INBOUND_IGNORED, NULL, "no array", NULL, NULL },
	{ "[]", INBOUND_IGNORED, NULL, "no message type", NULL, NULL },
	{ "[\"2\",\"1\",\"H\",{}]", INBOUND_IGNORED, NULL, "no message type", NULL, NULL },
	{ "[5,\"1\",{}]", INBOUND_IGNORED, NULL, "unknown message type", NULL, NULL },
	{ "[2]", INBOUND_IGNORED, NULL, "no usable message id", NULL, NULL },
	{ "[2,\"\",\"H\",{}]", INBOUND_IGNORED, NULL, "no usable message id", NULL, NULL },
	{ "[2,null,\"H\",{}]", INBOUND_IGNORED, NULL, "no usable message id", NULL, NULL },
	{ "[2,{},\"H\",{}]", INBOUND_IGNORED, NULL, "no usable message id", NULL, NULL },
	{ "[2,-99999999999999999999,\"H\",{}]", INBOUND_IGNORED, NULL, "no usable message id", NULL,
	  NULL },
	{ "[2,1.,\"H\",{}]", INBOUND_IGNORED, NULL, "no usable message id", NULL, NULL },
	{ "[2,NaN,\"H\",{}]", INBOUND_IGNORED, NULL, "no usable message id", NULL, NULL },
	{ "[2,\"a\\u0000b\",\"H\",{}]", INBOUND_IGNORED, NULL, "no usable message id", NULL, NULL },
	{ "[2,\"1\",\"H\",[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
	  INBOUND_IGNORED, NULL, "JSON nested too deep", NULL, NULL },
};

struct fixture {
	struct action_table table;
	struct reader reader;
};

static void
fixture_init(struct fixture *fixture)
{
	*fixture = (struct fixture){ 0 };
	fixture->reader.tokener = message_tokener_new();
	fixture->reader.table = &fixture->table;
	fixture->reader.protocol = "ocpp1.6";
	fixture->reader.now_us = 5;
	assert_non_null(fixture->reader.tokener);
}

static struct inbound *
read_text(const struct fixture *fixture, const char *text)
{
	struct inbound *message = inbound_new(&fixture->reader, text, strlen(text));

	assert_non_null(message);
	return message;
}

static void
check_row(const struct envelope_row *row, const struct inbound *message)
{
	const char *about = message->kind == INBOUND_CALL     ? message->action_name
			    : message->kind == INBOUND_ERROR  ? message->error_code
			    : message->kind == INBOUND_RESULT ? NULL
							      : message->text;

	if (message->kind != row->kind || !str_eq(message->id, row->id) ||
	    !str_eq(about, row->about))
		fail_msg("%s: kind %d, id %s, %s", row->text, (int)message->kind,
			 message->id != NULL ? message->id : "-", about != NULL ? about : "-");
	if (message->has_refusal != (row->refusal != NULL) ||
	    (row->refusal != NULL &&
	     (!str_eq(message->text, row->refusal) || message->code != OCPPD_CALLERROR_FORMATION)))
		fail_msg("%s: %s", row->text, message->text != NULL ? message->text : "no refusal");
	if (!str_eq(message->findings != NULL ? message->findings->items[0].quirk : NULL,
		    row->quirk))
		fail_msg("%s: quirk", row->text);
	if ((row->kind == INBOUND_CALL || row->kind == INBOUND_RESULT) && row->refusal == NULL)
		assert_int_equal(json_object_get_type(message->payload), json_type_object);
	assert_int_equal(message->raw != NULL, row->quirk != NULL || row->refusal != NULL ||
						       row->kind == INBOUND_IGNORED);
}

static void
message_envelope_is_read_or_refused(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct inbound *message = read_text(&fixture, rows[i].text);

		check_row(&rows[i], message);
		inbound_free(message);
	}
	json_tokener_free(fixture.reader.tokener);
}

static void
message_strict_refuses_long_and_numeric_ids(void **state)
{
	struct fixture fixture;
	struct inbound *message;

	(void)state;
	fixture_init(&fixture);
	fixture.table.is_strict = true;
	message = read_text(&fixture, "[2,\"" ID36 "7\",\"H\",{}]");
	assert_true(message->has_refusal && message->is_malformed);
	assert_string_equal(message->refusal_quirk, "C01");
	inbound_free(message);
	message = read_text(&fixture, "[2,7,\"H\",{}]");
	assert_string_equal(message->refusal_quirk, "C02");
	assert_true(message->is_numeric_id);
	inbound_free(message);
	json_tokener_free(fixture.reader.tokener);
}

static void
message_c05_takes_anything_as_empty(void **state)
{
	static const char *const texts[] = { "[2,\"1\",\"H\",[]]", "[2,\"1\",\"H\"]", "[3,\"1\"]" };
	static const char *const items[] = { "C05" };
	struct quirks *quirks = NULL;
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	assert_int_equal(quirks_new(items, 1, false, &quirks, NULL), 0);
	fixture.reader.quirks = quirks;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct inbound *message = read_text(&fixture, texts[i]);

		assert_false(message->has_refusal);
		assert_int_equal(json_object_object_length(message->payload), 0);
		inbound_free(message);
	}
	quirks_unref(quirks);
	json_tokener_free(fixture.reader.tokener);
}

static void
message_nul_around_is_trimmed(void **state)
{
	static const char text[] = "[2,\"1\",\"H\",{}]\0\0";
	struct fixture fixture;
	struct inbound *message;

	(void)state;
	fixture_init(&fixture);
	message = inbound_new(&fixture.reader, text, sizeof(text));
	assert_int_equal(message->kind, INBOUND_CALL);
	assert_string_equal(message->findings->items[0].quirk, "B08");
	inbound_free(message);
	json_tokener_free(fixture.reader.tokener);
}

struct write_row {
	const char *json;
	const char *text;
};

static void
message_out_is_compact_ascii(void **state)
{
	static const struct write_row writes[] = {
		{ "{ \"a\" : 1 }", "{\"a\":1}" },
		{ "{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}",
		  "{\"a\":\"\\u00e9\\u20ac\\ud83d\\ude00\"}" },
		{ "{\"a\":\"\\n\\\"\\\\\\u0001/\"}", "{\"a\":\"\\n\\\"\\\\\\u0001/\"}" },
		{ "{\"a\":[22.,-1.e1]}", "{\"a\":[22,-10]}" },
		{ "{\"a\":[1,2.50,1e3,true,false,null,{}]}",
		  "{\"a\":[1,2.50,1e3,true,false,null,{}]}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(writes); i++) {
		struct outbound *message =
			outbound_result("i\"1", false, json_tokener_parse(writes[i].json));
		char expected[128];
		size_t len;
		char *text = outbound_text(message, &len);

		(void)snprintf(expected, sizeof(expected), "[3,\"i\\\"1\",%s]", writes[i].text);
		assert_int_equal(len, strlen(expected));
		assert_memory_equal(text, expected, len);
		assert_ptr_equal(text, message->data + OUTBOUND_HEADROOM);
		outbound_free(message);
	}
}

static void
message_out_doubles_are_short(void **state)
{
	struct json_object *value = json_object_new_object();
	struct buf buf = { 0 };

	(void)state;
	json_object_object_add(value, "a", json_object_new_double(16.1));
	json_object_object_add(value, "b", json_object_new_double(0.1 + 0.2));
	assert_int_equal(json_write(&buf, value), 0);
	assert_memory_equal(buf.data, "{\"a\":16.1,\"b\":0.30000000000000004}", buf.len);
	buf_fini(&buf);
	json_object_put(value);
}

static void
expect_text(struct outbound *message, const char *expected)
{
	size_t len;
	const char *text;

	assert_non_null(message);
	text = outbound_text(message, &len);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(text, expected, len);
	outbound_free(message);
}

static void
message_out_frames_have_their_form(void **state)
{
	struct json_object *payload = json_tokener_parse("{\"type\":\"Soft\"}");

	(void)state;
	expect_text(outbound_result_text("7", true, "{\"a\":\"\xc3\xa9\"}", 10),
		    "[3,7,{\"a\":\"\\u00e9\"}]");
	expect_text(outbound_error("7", false, "GenericError", "d\"", NULL),
		    "[4,\"7\",\"GenericError\",\"d\\\"\",{}]");
	expect_text(outbound_error("7", false, "X", NULL, json_tokener_parse("{\"a\":1}")),
		    "[4,\"7\",\"X\",\"\",{\"a\":1}]");
	expect_text(outbound_call("7", "Reset", payload),
		    "[2,\"7\",\"Reset\",{\"type\":\"Soft\"}]");
	json_object_put(payload);
}

static void
message_error_names_follow_the_protocol(void **state)
{
	(void)state;
	assert_string_equal(ocppd_callerror_name("ocpp1.6", OCPPD_CALLERROR_OCCURRENCE),
			    "OccurenceConstraintViolation");
	assert_string_equal(ocppd_callerror_name("ocpp2.0.1", OCPPD_CALLERROR_OCCURRENCE),
			    "OccurrenceConstraintViolation");
	assert_string_equal(ocppd_callerror_name("ocpp1.6", OCPPD_CALLERROR_FORMATION),
			    "FormationViolation");
	assert_string_equal(ocppd_callerror_name("ocpp1.6", 99), "GenericError");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_envelope_is_read_or_refused),
		cmocka_unit_test(message_strict_refuses_long_and_numeric_ids),
		cmocka_unit_test(message_c05_takes_anything_as_empty),
		cmocka_unit_test(message_nul_around_is_trimmed),
		cmocka_unit_test(message_out_is_compact_ascii),
		cmocka_unit_test(message_out_doubles_are_short),
		cmocka_unit_test(message_out_frames_have_their_form),
		cmocka_unit_test(message_error_names_follow_the_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
