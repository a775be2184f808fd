/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What ocppctl shows of stations' texts: nothing that a terminal obeys, columns that stand below
 * each other whatever the script.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "tools/ocppctl/plain.h"
#include "tools/ocppctl/table.h"

struct text {
	const char *label;
	const char *text;
	const char *shown;
	const char *json; /* NULL: as it came */
};

static const struct text texts[] = {
	{ "plain", "Acme 7 kW", "Acme 7 kW", NULL },
	{ "empty", "", "", NULL },
	{ "letters beyond ASCII", "S\xc3\xbc\x64 \xe6\xa1\xa9", "S\xc3\xbc\x64 \xe6\xa1\xa9",
	  NULL },
	{ "escape", "\x1b[2J", "?[2J", NULL },
	{ "line breaks", "a\r\nb\tc", "a??b?c", NULL },
	{ "DEL", "a\x7f", "a?", "a\\u007f" },
	{ "CSI as one character",
	  "\xc2\x9b"
	  "31m",
	  "?31m", "\\u009b31m" },
	{ "last of C1, first beyond", "\xc2\x9f\xc2\xa0", "?\xc2\xa0", "\\u009f\xc2\xa0" },
	{ "right-to-left override",
	  "\xe2\x80\xae"
	  "gpj",
	  "?gpj", "\\u202egpj" },
	{ "isolate", "\xe2\x81\xa6x\xe2\x81\xa9", "?x?", "\\u2066x\\u2069" },
	{ "line separator", "a\xe2\x80\xa8", "a?", "a\\u2028" },
	{ "no UTF-8",
	  "a\xff"
	  "b",
	  "a\xff"
	  "b",
	  NULL },
};

static void
plain_text_is_shown_without_what_a_terminal_obeys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct text *text = &texts[i];
		struct buf shown = { 0 };
		struct buf json = { 0 };

		plain_add(&shown, text->text);
		plain_add_json(&json, text->text, strlen(text->text));
		buf_add_str(&shown, "");
		buf_add_str(&json, "");
		if (strcmp(shown.data, text->shown) != 0 ||
		    strcmp(json.data, text->json == NULL ? text->text : text->json) != 0)
			fail_msg("%s: \"%s\", \"%s\"", text->label, shown.data, json.data);
		buf_fini(&shown);
		buf_fini(&json);
	}
}

struct width {
	const char *label;
	const char *text;
	uint32_t width;
};

static const struct width widths[] = {
	{ "ASCII", "abc", 3 },
	{ "Latin", "S\xc3\xbc\x64", 3 },
	{ "CJK", "\xe5\x85\x85\xe7\x94\xb5\xe6\xa1\xa9", 6 },
	{ "Hangul", "\xec\xb6\xa9\xec\xa0\x84", 4 },
	{ "full-width letters", "\xef\xbc\xa1\xef\xbc\xa2", 4 },
	{ "combining acute", "e\xcc\x81", 1 },
	{ "zero width space",
	  "a\xe2\x80\x8b"
	  "b",
	  2 },
	{ "emoji", "\xf0\x9f\x98\x80", 2 },
	{ "Cyrillic, Greek", "\xd0\xaf\xce\xa9", 2 },
	{ "half-width katakana", "\xef\xbd\xb1", 1 },
};

static void
plain_width_counts_columns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		if (plain_width(widths[i].text) != widths[i].width)
			fail_msg("%s: %u", widths[i].label, plain_width(widths[i].text));
	}
}

static void
plain_fit_cuts_no_character(void **state)
{
	const char *text = "a\xe5\x85\x85\xe7\x94\xb5"
			   "e\xcc\x81";
	uint32_t width;

	(void)state;
	assert_int_equal(plain_fit(text, 0, &width), 0);
	assert_int_equal(width, 0);
	assert_int_equal(plain_fit(text, 2, &width), 1);
	assert_int_equal(width, 1);
	assert_int_equal(plain_fit(text, 3, &width), 4);
	assert_int_equal(width, 3);
	/* A mark stays with its letter. */
	assert_int_equal(plain_fit(text, 6, &width), strlen(text));
	assert_int_equal(width, 6);
}

static void
table_columns_stand_below_each_other(void **state)
{
	struct json_object *items = json_tokener_parse(
		"[{\"id\":\"CP-1\",\"vendor\":\"\\u5145\\u7535\\u6869\",\"n\":1},"
		"{\"id\":\"CP-2\",\"vendor\":\"Acme\\u001b[31m\\u202e Incorporated\",\"n\":22}]");
	struct buf out = { 0 };

	(void)state;
	assert_non_null(items);
	table_print(&out, items, "id,vendor,n", 0);
	assert_string_equal(out.data,
			    "ID    VENDOR                    N\n"
			    "CP-1  \xe5\x85\x85\xe7\x94\xb5\xe6\xa1\xa9                    1\n"
			    "CP-2  Acme?[31m? Incorporated  22\n");
	buf_clear(&out);
	/* Cut by columns, not by characters. */
	table_print(&out, items, "vendor,n", 13);
	assert_string_equal(out.data, "VENDOR      N\n"
				      "\xe5\x85\x85\xe7\x94\xb5\xe6\xa1\xa9      1\n"
				      "Acme?[31…  22\n");
	buf_fini(&out);
	(void)json_object_put(items);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_is_shown_without_what_a_terminal_obeys),
		cmocka_unit_test(plain_width_counts_columns),
		cmocka_unit_test(plain_fit_cuts_no_character),
		cmocka_unit_test(table_columns_stand_below_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
