/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* The JSON writer's output and errors, and the short forms around trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ocppd/json.h>

#include <json-c/json.h>

static void
writer_makes_compact_text(void **state)
{
	static const char expected[] =
		"{\"currentTime\":\"2026-03-01T10:00:00.123Z\",\"list\":[1,-9223372036854775808,"
		"[],{\"ok\":true,\"no\":false}],\"raw\":{\"x\":1},\"none\":null,\"\":\"e\"}";
	struct json_object *tree;
	struct ocppd_json json;
	char buffer[256];

	(void)state;
	ocppd_json_begin(&json, buffer, sizeof(buffer));
	ocppd_json_object(&json, NULL);
	ocppd_json_time(&json, "currentTime", INT64_C(1772359200123456));
	ocppd_json_array(&json, "list");
	ocppd_json_int(&json, NULL, 1);
	ocppd_json_int(&json, NULL, INT64_MIN);
	ocppd_json_array(&json, NULL);
	ocppd_json_close(&json);
	ocppd_json_object(&json, NULL);
	ocppd_json_bool(&json, "ok", 5);
	ocppd_json_bool(&json, "no", 0);
	ocppd_json_close(&json);
	ocppd_json_close(&json);
	ocppd_json_raw(&json, "raw", "{\"x\":1}", 7);
	ocppd_json_str(&json, "none", NULL);
	ocppd_json_str(&json, "", "e");
	ocppd_json_close(&json);
	assert_int_equal(ocppd_json_end(&json), sizeof(expected) - 1);
	assert_string_equal(buffer, expected);
	tree = json_tokener_parse(buffer);
	assert_non_null(tree);
	(void)json_object_put(tree);
}

static void
writer_escapes_table(void **state)
{
	static const struct {
		const char *text;
		const char *json;
	} cases[] = {
		{ "", "\"\"" },
		{ "plain /ASCII~", "\"plain /ASCII~\"" },
		{ "\"\\", "\"\\\"\\\\\"" },
		{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
		{ "\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\"" },
		{ "a\xc3\xa4z", "\"a\\u00e4z\"" },
		{ "\xe2\x82\xac", "\"\\u20ac\"" },
		{ "\xef\xbf\xbf", "\"\\uffff\"" },
		{ "\xf0\x9f\x94\x8c", "\"\\ud83d\\udd0c\"" },
		{ "\xf4\x8f\xbf\xbf", "\"\\udbff\\udfff\"" },
	};
	struct ocppd_json json;
	char buffer[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *tree;

		ocppd_json_begin(&json, buffer, sizeof(buffer));
		ocppd_json_str(&json, NULL, cases[i].text);
		assert_int_equal(ocppd_json_end(&json), strlen(cases[i].json));
		assert_string_equal(buffer, cases[i].json);
		tree = json_tokener_parse(buffer);
		assert_string_equal(json_object_get_string(tree), cases[i].text);
		(void)json_object_put(tree);
	}
}

static void
writer_invalid_utf8_sticks(void **state)
{
	static const char *const cases[] = { "\xff", "a\x80", "\xc3", "\xed\xa0\x80", "\xc0\x80" };
	struct ocppd_json json;
	char buffer[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ocppd_json_begin(&json, buffer, sizeof(buffer));
		ocppd_json_object(&json, NULL);
		ocppd_json_str(&json, "a", cases[i]);
		ocppd_json_int(&json, "b", 1);
		ocppd_json_close(&json);
		assert_int_equal(ocppd_json_end(&json), OCPPD_EINVAL);
		assert_string_equal(buffer, "");
	}
}

static void
writer_room_is_exact(void **state)
{
	struct ocppd_json json;
	char buffer[16];

	(void)state;
	for (size_t size = 0; size <= 8; size++) {
		ocppd_json_begin(&json, buffer, size);
		ocppd_json_object(&json, NULL);
		ocppd_json_int(&json, "a", 7);
		ocppd_json_close(&json);
		assert_int_equal(ocppd_json_end(&json), size == 8 ? 7 : OCPPD_ESPACE);
	}
	assert_string_equal(buffer, "{\"a\":7}");
}

enum misuse {
	NOTHING,
	TWO_VALUES,
	KEY_OUTSIDE,
	KEY_MISSING,
	KEY_IN_ARRAY,
	CLOSE_TOO_OFTEN,
	LEFT_OPEN,
	TIME_BEYOND,
	MISUSES,
};

static void
misuse(struct ocppd_json *json, enum misuse how)
{
	if (how == NOTHING)
		return;
	if (how == KEY_OUTSIDE) {
		ocppd_json_int(json, "a", 1);
		return;
	}
	if (how == KEY_IN_ARRAY)
		ocppd_json_array(json, NULL);
	else
		ocppd_json_object(json, NULL);
	if (how == KEY_IN_ARRAY)
		ocppd_json_int(json, "a", 1);
	if (how == KEY_MISSING)
		ocppd_json_int(json, NULL, 1);
	if (how == TIME_BEYOND)
		ocppd_json_time(json, "t", INT64_MAX);
	if (how != LEFT_OPEN)
		ocppd_json_close(json);
	if (how == CLOSE_TOO_OFTEN)
		ocppd_json_close(json);
	if (how == TWO_VALUES)
		ocppd_json_int(json, NULL, 1);
}

static void
writer_misuse_is_an_error(void **state)
{
	struct ocppd_json json;
	char buffer[64];

	(void)state;
	for (int how = NOTHING; how < MISUSES; how++) {
		ocppd_json_begin(&json, buffer, sizeof(buffer));
		misuse(&json, (enum misuse)how);
		assert_int_equal(ocppd_json_end(&json),
				 how == TIME_BEYOND ? OCPPD_ERANGE : OCPPD_EINVAL);
	}
}

static void
writer_depth_is_sixteen(void **state)
{
	struct ocppd_json json;
	char buffer[64];

	(void)state;
	for (int depth = 16; depth <= 17; depth++) {
		ocppd_json_begin(&json, buffer, sizeof(buffer));
		for (int i = 0; i < depth; i++)
			ocppd_json_array(&json, NULL);
		for (int i = 0; i < depth; i++)
			ocppd_json_close(&json);
		assert_int_equal(ocppd_json_end(&json), depth == 16 ? 32 : OCPPD_ESPACE);
	}
}

static void
reading_tells_absent_from_present(void **state)
{
	struct json_object *tree = json_tokener_parse(
		"{\"s\":\"text\",\"i\":7,\"d\":16.0,\"f\":1.5,\"b\":true,\"n\":null,"
		"\"t\":\"1970-01-01T00:00:01Z\",\"o\":{}}");
	int64_t time_us = 42;

	(void)state;
	assert_string_equal(ocppd_json_get_str(tree, "s"), "text");
	assert_null(ocppd_json_get_str(tree, "i"));
	assert_null(ocppd_json_get_str(tree, "n"));
	assert_null(ocppd_json_get_str(tree, "x"));
	assert_null(ocppd_json_get_str(NULL, "x"));
	assert_int_equal(ocppd_json_get_int(tree, "i", -1), 7);
	assert_int_equal(ocppd_json_get_int(tree, "d", -1), 16);
	assert_int_equal(ocppd_json_get_int(tree, "f", -1), -1);
	assert_int_equal(ocppd_json_get_int(tree, "s", -1), -1);
	assert_int_equal(ocppd_json_get_bool(tree, "b", -1), 1);
	assert_int_equal(ocppd_json_get_bool(tree, "i", -1), -1);
	assert_non_null(ocppd_json_get(tree, "o"));
	assert_null(ocppd_json_get(ocppd_json_get(tree, "s"), "o"));
	assert_int_equal(ocppd_json_get_time(tree, "t", &time_us), 0);
	assert_int_equal(time_us, 1000000);
	assert_int_equal(ocppd_json_get_time(tree, "s", &time_us), OCPPD_EINVAL);
	assert_int_equal(ocppd_json_get_time(tree, "i", &time_us), OCPPD_EINVAL);
	assert_int_equal(ocppd_json_get_time(tree, "n", &time_us), OCPPD_ENOENT);
	assert_int_equal(time_us, 1000000);
	(void)json_object_put(tree);
}

static void
adding_builds_a_tree(void **state)
{
	struct json_object *tree = json_object_new_object();

	(void)state;
	assert_int_equal(ocppd_json_add_str(tree, "s", "x"), 0);
	assert_int_equal(ocppd_json_add_str(tree, "none", NULL), 0);
	assert_int_equal(ocppd_json_add_int(tree, "i", INT64_MAX), 0);
	assert_int_equal(ocppd_json_add_bool(tree, "b", 2), 0);
	assert_int_equal(ocppd_json_add_time(tree, "t", 0), 0);
	assert_int_equal(ocppd_json_add_time(tree, "bad", INT64_MAX), OCPPD_ERANGE);
	assert_int_equal(ocppd_json_add(tree, "o", json_object_new_array()), 0);
	assert_int_equal(ocppd_json_add(tree, "none", NULL), 0);
	assert_string_equal(json_object_to_json_string_ext(tree, JSON_C_TO_STRING_PLAIN),
			    "{\"s\":\"x\",\"i\":9223372036854775807,\"b\":true,"
			    "\"t\":\"1970-01-01T00:00:00.000Z\",\"o\":[]}");
	(void)json_object_put(tree);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(writer_makes_compact_text),
		cmocka_unit_test(writer_escapes_table),
		cmocka_unit_test(writer_invalid_utf8_sticks),
		cmocka_unit_test(writer_room_is_exact),
		cmocka_unit_test(writer_misuse_is_an_error),
		cmocka_unit_test(writer_depth_is_sixteen),
		cmocka_unit_test(reading_tells_absent_from_present),
		cmocka_unit_test(adding_builds_a_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
