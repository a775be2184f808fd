/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Comma-separated values as spreadsheets write them, what is refused, and that what was
 * written reads back as it was.
 */
#include "base/csv.h"

#include <ocppd/csv.h>
#include <ocppd/error.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FIELDS 4

/* The records as text: fields between bars, records with their line before them. */
static void
read_all(const char *text, char *ret_text, size_t size)
{
	char copy[256];
	char *fields[FIELDS];
	struct ocppd_csv_reader csv;
	size_t len = 0;
	int r;

	snprintf(copy, sizeof(copy), "%s", text);
	ocppd_csv_reader_init(&csv, copy, strlen(copy));
	ret_text[0] = '\0';
	while ((r = ocppd_csv_read(&csv, fields, FIELDS)) != 0) {
		len += (size_t)snprintf(ret_text + len, size - len, "%u:", csv.line);
		if (r < 0)
			len += (size_t)snprintf(ret_text + len, size - len, "%s;",
						r == OCPPD_EINVAL ? "bad" : "many");
		for (int i = 0; i < r; i++)
			len += (size_t)snprintf(ret_text + len, size - len, "%s%s", fields[i],
						i + 1 < r ? "|" : ";");
	}
}

static void
csv_reads_what_spreadsheets_write(void **state)
{
	static const struct {
		const char *label;
		const char *text;
		const char *read;
	} rows[] = {
		{ "nothing", "", "" },
		{ "blank lines", "\n\r\n\n", "" },
		{ "plain", "a,b\nc,d\n", "1:a|b;2:c|d;" },
		{ "no end of line", "a,b", "1:a|b;" },
		{ "CRLF", "a,b\r\nc,\r\n", "1:a|b;2:c|;" },
		{ "byte order mark",
		  "\xef\xbb\xbf"
		  "a\n",
		  "1:a;" },
		{ "blank lines between", "a\n\n\nb\n", "1:a;4:b;" },
		{ "quotes", "\"a,b\",\"say \"\"x\"\"\"\n", "1:a,b|say \"x\";" },
		{ "quoted at the end", "\"a\"", "1:a;" },
		{ "line in quotes", "\"a\nb\",c\nd\n", "1:a\nb|c;3:d;" },
		{ "empty fields", ",,\n", "1:||;" },
		{ "guard", "'=a,'b,''c\n", "1:=a|'b|'c;" },
		{ "quote within", "a\"b,c\nd\n", "1:bad;2:d;" },
		{ "text behind a quote", "\"a\"b\nd\n", "1:bad;2:d;" },
		{ "open quote", "a\n\"b,c\nd\n", "1:a;2:bad;" },
		{ "too many", "1,2,3,4,5\n6\n", "1:many;2:6;" },
	};
	char read[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		read_all(rows[i].text, read, sizeof(read));
		if (strcmp(read, rows[i].read) != 0)
			fail_msg("%s: %s", rows[i].label, read);
	}
}

static void
csv_field_reads_back_as_it_was(void **state)
{
	static const char *const values[] = {
		"",   "a",   "a b", "a,b", "\"", "\"\"", "=1",   "+1",  "-",
		"@x", "'=1", "'",   "''",  "'a", "a'b",  "a\nb", "\ta", "\xc3\xb6",
	};
	char read[128];
	char wanted[128];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct buf text = { 0 };

		csv_add(&text, values[i], strlen(values[i]));
		buf_add_str(&text, ",x\n");
		assert_int_equal(text.error, 0);
		read_all(text.data, read, sizeof(read));
		buf_fini(&text);
		snprintf(wanted, sizeof(wanted), "1:%s|x;", values[i]);
		assert_string_equal(read, wanted);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_reads_what_spreadsheets_write),
		cmocka_unit_test(csv_field_reads_back_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
