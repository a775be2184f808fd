/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Numbers, case, UTF-8, hashing, nearest names and patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ocppd/error.h>

#include "base/text.h"

static void
parse_i64_table(void **state)
{
	static const struct {
		const char *text;
		int64_t min;
		int64_t max;
		int result;
		int64_t value;
	} cases[] = {
		{ "0", 0, 9, 0, 0 },
		{ "+7", 0, 9, 0, 7 },
		{ "-7", -9, 9, 0, -7 },
		{ "007", 0, 9, 0, 7 },
		{ "9223372036854775807", INT64_MIN, INT64_MAX, 0, INT64_MAX },
		{ "-9223372036854775808", INT64_MIN, INT64_MAX, 0, INT64_MIN },
		{ "9223372036854775808", INT64_MIN, INT64_MAX, OCPPD_ERANGE, 0 },
		{ "-9223372036854775809", INT64_MIN, INT64_MAX, OCPPD_ERANGE, 0 },
		{ "99999999999999999999999999", INT64_MIN, INT64_MAX, OCPPD_ERANGE, 0 },
		{ "99999999999999999999999999x", INT64_MIN, INT64_MAX, OCPPD_EINVAL, 0 },
		{ "10", 0, 9, OCPPD_ERANGE, 0 },
		{ "-1", 0, 9, OCPPD_ERANGE, 0 },
		{ "", 0, 9, OCPPD_EINVAL, 0 },
		{ "-", 0, 9, OCPPD_EINVAL, 0 },
		{ " 1", 0, 9, OCPPD_EINVAL, 0 },
		{ "1 ", 0, 9, OCPPD_EINVAL, 0 },
		{ "1.0", 0, 9, OCPPD_EINVAL, 0 },
		{ "0x1", 0, 9, OCPPD_EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t value = 42;

		print_message("'%s'\n", cases[i].text);
		assert_int_equal(parse_i64(cases[i].text, cases[i].min, cases[i].max, &value),
				 cases[i].result);
		assert_int_equal(value, cases[i].result ? 42 : cases[i].value);
	}
}

static void
i64_text_table(void **state)
{
	static const struct {
		int64_t value;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 7, "7" },
		{ -1, "-1" },
		{ 1000, "1000" },
		{ 4294967296, "4294967296" },
		{ INT64_MAX, "9223372036854775807" },
		{ INT64_MIN, "-9223372036854775808" },
	};
	char text[I64_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(i64_text(cases[i].value, text), strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
	}
}

static void
parse_double_table(void **state)
{
	static const char *const good[] = { "0",  "1.5", "-1.5", "+2.",
					    ".5", "1e3", "1E-3", "12.25e+2" };
	static const char *const bad[] = { "",    ".",   "-",   "e5", "1e", "1e+",  "inf",
					   "nan", "0x1", "1,5", " 1", "1 ", "1.5.2" };
	double value = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(parse_double(good[i], &value), 0);
	assert_true(value > 1224.9 && value < 1225.1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_double(bad[i], &value), OCPPD_EINVAL);
	assert_int_equal(parse_double("1e999", &value), OCPPD_ERANGE);
	assert_true(value > 1224.9 && value < 1225.1);
}

static void
str_case_is_ascii_only(void **state)
{
	char folded[8];

	(void)state;
	assert_true(str_ci_eq("RFID-Ab", "rfid-aB"));
	assert_false(str_ci_eq("RFID", "RFI"));
	assert_false(str_ci_eq("Ä", "ä"));
	assert_true(str_ci_eq(NULL, NULL));
	assert_false(str_ci_eq(NULL, ""));
	assert_true(str_eq(NULL, NULL));
	assert_false(str_eq("", NULL));
	assert_true(str_ci_cmp("abc", "ABD") < 0);
	assert_true(str_ci_cmp("b", "A") > 0);
	assert_int_equal(str_fold("ABC-1", folded, sizeof(folded)), 0);
	assert_string_equal(folded, "abc-1");
	assert_int_equal(str_fold("12345678", folded, sizeof(folded)), OCPPD_ESPACE);
	assert_string_equal(folded, "abc-1");
}

static void
str_copy_cuts_between_characters(void **state)
{
	char text[5];

	(void)state;
	assert_int_equal(str_copy(text, sizeof(text), "1234"), 0);
	assert_string_equal(text, "1234");
	assert_int_equal(str_copy(text, sizeof(text), "12345"), OCPPD_ESPACE);
	assert_string_equal(text, "1234");
	assert_int_equal(str_copy(text, sizeof(text), "123\xc3\xa4"), OCPPD_ESPACE);
	assert_string_equal(text, "123");
	assert_int_equal(str_copy(text, 1, "x"), OCPPD_ESPACE);
	assert_string_equal(text, "");
}

static void
utf8_table(void **state)
{
	static const struct {
		const char *text;
		bool is_valid;
	} cases[] = {
		{ "", true },
		{ "plain ASCII of more than eight bytes", true },
		{ "\xc3\xa4", true },
		{ "12345678\xc3\xa4", true },
		{ "\xe2\x82\xac", true },
		{ "\xf0\x9f\x94\x8c", true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "\xef\xbf\xbf", true },
		{ "\x80", false },
		{ "\xc3", false },
		{ "\xc3\x28", false },
		{ "\xc0\x80", false },
		{ "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xed\xa0\x80", false },
		{ "\xe2\x82", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\xff", false },
		{ "1234567\xff", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("case %zu\n", i);
		assert_int_equal(utf8_valid(cases[i].text, strlen(cases[i].text)),
				 cases[i].is_valid);
	}
	assert_true(utf8_valid("a\0b", 3));
	assert_int_equal(utf8_count("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x8c"), 4);
}

static void
utf8_cut_keeps_characters_whole(void **state)
{
	static const char text[] = "a\xe2\x82\xac\xf0\x9f\x94\x8c";
	static const size_t cuts[] = { 0, 1, 1, 1, 4, 4, 4, 4, 8, 8 };

	(void)state;
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		assert_int_equal(utf8_cut(text, i), cuts[i]);
	assert_int_equal(utf8_cut("\x80\x80\x80\x80\x80\x80", 5), 5);
}

static void
utf8_mend_replaces_what_is_cut(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "a\xc3\xa9", "a\xc3\xa9" },
		{ "a\xc3", "a?" },
		{ "\xe2\x82\"x", "??\"x" },
		{ "\xed\xa0\x80\xff", "????" },
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s", cases[i][0]);
		utf8_mend(text);
		assert_string_equal(text, cases[i][1]);
	}
}

static void
number_is_json_table(void **state)
{
	static const char *const good[] = { "0", "-0", "1.5", "-12e3", "0.5E-3", "10" };
	static const char *const bad[] = { "",    "-",  "1.",   ".5",  "+1",       "01",
					   "-01", "1e", "1.e5", "NaN", "Infinity", "1 " };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(number_is_json(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(number_is_json(bad[i]));
}

static void
hash_differs_where_it_must(void **state)
{
	(void)state;
	assert_true(hash_str("CP-0001") == hash_str("CP-0001"));
	assert_true(hash_str("CP-0001") != hash_str("CP-0002"));
	assert_true(hash_str("") != hash_bytes("", 1, 0));
	assert_true(hash_bytes("abc", 3, 1) != hash_bytes("abc", 3, 2));
	assert_true(hash_bytes("abcdefgh", 8, 0) != hash_bytes("abcdefgh", 9, 0));
}

static void
str_nearest_table(void **state)
{
	static const char *const names[] = { "listeners", "plugins", "log_level", "port", "path" };
	static const struct {
		const char *text;
		const char *nearest;
	} cases[] = {
		{ "listner", "listeners" },
		{ "Plugins", "plugins" },
		{ "plugin", "plugins" },
		{ "log-level", "log_level" },
		{ "prot", "port" },
		{ "pathh", "path" },
		{ "database", NULL },
		{ "x", NULL },
		{ "", NULL },
		{ "lsiteners", "listeners" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *found =
			str_nearest(cases[i].text, names, sizeof(names) / sizeof(names[0]));

		print_message("'%s' -> '%s'\n", cases[i].text, found ? found : "");
		if (cases[i].nearest)
			assert_string_equal(found, cases[i].nearest);
		else
			assert_null(found);
	}
}

static void
glob_table(void **state)
{
	static const struct {
		const char *pattern;
		const char *text;
		bool is_match;
	} cases[] = {
		{ "*", "", true },
		{ "", "", true },
		{ "", "x", false },
		{ "abb*", "ABB Terra", true },
		{ "*terra*", "ABB Terra AC", true },
		{ "a?c", "abc", true },
		{ "a?c", "ac", false },
		{ "a?c",
		  "a\xc3\xa4"
		  "c",
		  true },
		{ "a*b*c", "a-x-b-y-c", true },
		{ "a*b*c", "a-x-c", false },
		{ "*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
		{ "x**y", "xy", true },
		{ "1.2.?", "1.2.34", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s on %s\n", cases[i].pattern, cases[i].text);
		assert_int_equal(glob_match(cases[i].pattern, cases[i].text), cases[i].is_match);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_i64_table),
		cmocka_unit_test(i64_text_table),
		cmocka_unit_test(parse_double_table),
		cmocka_unit_test(str_case_is_ascii_only),
		cmocka_unit_test(str_copy_cuts_between_characters),
		cmocka_unit_test(utf8_table),
		cmocka_unit_test(utf8_cut_keeps_characters_whole),
		cmocka_unit_test(utf8_mend_replaces_what_is_cut),
		cmocka_unit_test(number_is_json_table),
		cmocka_unit_test(hash_differs_where_it_must),
		cmocka_unit_test(str_nearest_table),
		cmocka_unit_test(glob_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
