/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Values of tables as JSON and as text, and the numbers of cursors.
 */
#include <ocppd/rows.h>

#include <ocppd/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json.h>

static const struct ocppd_value real = { .type = OCPPD_VALUE_DOUBLE, .real = 0.5 };

static void
rows_values_become_json(void **state)
{
	const struct ocppd_value bytes = ocppd_value_bytes("\x01\x02", 2);
	const struct ocppd_value text = ocppd_value_text("ab\0c", 4);
	const struct ocppd_value number = ocppd_value_int(-7);
	const struct ocppd_value nothing = ocppd_value_null();
	struct json_object *object = json_object_new_object();

	(void)state;
	assert_int_equal(ocppd_json_add_value(object, "text", &text), 0);
	assert_int_equal(ocppd_json_add_value(object, "number", &number), 0);
	assert_int_equal(ocppd_json_add_value(object, "real", &real), 0);
	assert_int_equal(ocppd_json_add_value(object, "bytes", &bytes), 0);
	assert_int_equal(ocppd_json_add_value(object, "nothing", &nothing), 0);
	assert_int_equal(ocppd_json_add_time_value(object, "time", &number), 0);
	assert_int_equal(ocppd_json_add_time_value(object, "no-time", &nothing), 0);
	assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
			    "{\"text\":\"ab\\u0000c\",\"number\":-7,\"real\":0.5,"
			    "\"time\":\"1969-12-31T23:59:59.999Z\"}");
	assert_null(ocppd_value_json(&bytes));
	assert_null(ocppd_value_json(&nothing));
	json_object_put(object);
}

static void
rows_texts_are_copied_whole_or_cut_between_characters(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *copy;
	} rows[] = {
		{ "abc", 4, "abc" },
		{ "abc", 3, "ab" },
		{ "abc", 1, "" },
		{ "a\xc3\xa4", 4, "a\xc3\xa4" },
		{ "a\xc3\xa4", 3, "a" },
		{ "a\xc3\xa4z", 4, "a\xc3\xa4" },
		{ "\xf0\x9f\x94\x8c", 4, "" },
		{ "", 8, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct ocppd_value value = ocppd_value_str(rows[i].text);
		char copy[16];

		memset(copy, 'x', sizeof(copy));
		assert_int_equal(ocppd_value_copy(&value, copy, rows[i].size),
				 strlen(rows[i].copy));
		assert_string_equal(copy, rows[i].copy);
	}
}

static void
rows_what_is_no_text_has_none(void **state)
{
	const struct ocppd_value number = ocppd_value_int(5);
	const struct ocppd_value text = ocppd_value_text("abcd", 3);
	char copy[8] = "x";
	char *dup;

	(void)state;
	assert_int_equal(ocppd_value_copy(&number, copy, sizeof(copy)), 0);
	assert_string_equal(copy, "");
	assert_null(ocppd_value_dup(&number));
	dup = ocppd_value_dup(&text);
	assert_string_equal(dup, "abc");
	free(dup);
}

static void
rows_empty_values_are_null(void **state)
{
	(void)state;
	assert_int_equal(ocppd_value_text_or_null("").type, OCPPD_VALUE_NULL);
	assert_int_equal(ocppd_value_text_or_null(NULL).type, OCPPD_VALUE_NULL);
	assert_int_equal(ocppd_value_text_or_null("a").type, OCPPD_VALUE_TEXT);
	assert_int_equal(ocppd_value_int_or_null(0).type, OCPPD_VALUE_NULL);
	assert_int_equal(ocppd_value_int_or_null(-1).number, -1);
}

static void
rows_numbers_are_digits_only(void **state)
{
	static const char *const bad[] = { "",   "-1", "+1",  " 1",
					   "1 ", "1a", "0x1", "1234567890123456789" };
	int64_t number = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ocppd_number_parse(bad[i], &number), OCPPD_EINVAL);
	assert_int_equal(ocppd_number_parse(NULL, &number), OCPPD_EINVAL);
	assert_int_equal(number, 5);
	assert_int_equal(ocppd_number_parse("007", &number), 0);
	assert_int_equal(number, 7);
	assert_int_equal(ocppd_number_parse("123456789012345678", &number), 0);
	assert_int_equal(number, 123456789012345678);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_values_become_json),
		cmocka_unit_test(rows_texts_are_copied_whole_or_cut_between_characters),
		cmocka_unit_test(rows_what_is_no_text_has_none),
		cmocka_unit_test(rows_empty_values_are_null),
		cmocka_unit_test(rows_numbers_are_digits_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
