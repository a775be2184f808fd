/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* Ranges of files, and what was sent of them. */
#include "../../plugins/file_hosting/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *header;
	int64_t size;
	enum range_kind kind;
	int64_t from;
	int64_t to;
} ranges[] = {
	{ NULL, 10, RANGE_NONE, 0, 0 },
	{ "bytes=0-0", 10, RANGE_PART, 0, 0 },
	{ "bytes=2-5", 10, RANGE_PART, 2, 5 },
	{ "BYTES= 2-5 ", 10, RANGE_PART, 2, 5 },
	{ "bytes=2-", 10, RANGE_PART, 2, 9 },
	{ "bytes=2-99", 10, RANGE_PART, 2, 9 },
	{ "bytes=9-", 10, RANGE_PART, 9, 9 },
	{ "bytes=-3", 10, RANGE_PART, 7, 9 },
	{ "bytes=-99", 10, RANGE_PART, 0, 9 },
	{ "bytes=10-", 10, RANGE_UNFIT, 0, 0 },
	{ "bytes=10-11", 10, RANGE_UNFIT, 0, 0 },
	{ "bytes=-0", 10, RANGE_UNFIT, 0, 0 },
	{ "bytes=0-", 0, RANGE_UNFIT, 0, 0 },
	{ "bytes=-5", 0, RANGE_UNFIT, 0, 0 },
	{ "bytes=5-2", 10, RANGE_NONE, 0, 0 },
	{ "bytes=", 10, RANGE_NONE, 0, 0 },
	{ "bytes=-", 10, RANGE_NONE, 0, 0 },
	{ "bytes=1", 10, RANGE_NONE, 0, 0 },
	{ "bytes=0-1,3-4", 10, RANGE_NONE, 0, 0 },
	{ "bytes=0x1-2", 10, RANGE_NONE, 0, 0 },
	{ "bytes=+1-2", 10, RANGE_NONE, 0, 0 },
	{ "lines=1-2", 10, RANGE_NONE, 0, 0 },
	{ "bytes=0-999999999999999999", 10, RANGE_PART, 0, 9 },
	{ "bytes=0-9999999999999999999", 10, RANGE_NONE, 0, 0 },
	{ "bytes=99999999999999999999-", 10, RANGE_NONE, 0, 0 },
};

static void
ranges_table_as_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		int64_t from = 0;
		int64_t to = 0;
		enum range_kind kind = range_parse(ranges[i].header, ranges[i].size, &from, &to);

		if (kind != ranges[i].kind || from != ranges[i].from || to != ranges[i].to)
			fail_msg("%s: %d %lld-%lld", ranges[i].header, (int)kind, (long long)from,
				 (long long)to);
	}
}

static void
expect(const struct spans *spans, const char *wanted)
{
	char text[SPANS_TEXT_SIZE];

	spans_print(spans, text);
	assert_string_equal(text, wanted);
}

static void
spans_join_where_they_touch(void **state)
{
	struct spans spans = { 0 };

	(void)state;
	spans_add(&spans, 10, 20);
	spans_add(&spans, 30, 40);
	expect(&spans, "10-20,30-40");
	spans_add(&spans, 5, 5);
	spans_add(&spans, 20, 25);
	expect(&spans, "10-25,30-40");
	spans_add(&spans, 0, 5);
	expect(&spans, "0-5,10-25,30-40");
	spans_add(&spans, 12, 13);
	assert_int_equal(spans_total(&spans), 30);
	spans_add(&spans, 4, 31);
	expect(&spans, "0-40");
	spans_add(&spans, 0, 100);
	expect(&spans, "0-100");
}

/* Against a map of bytes, whatever comes, as long as it fits. */
static void
spans_agree_with_a_map_of_bytes(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct spans spans = { 0 };
		bool map[256] = { false };
		int64_t total = 0;

		for (int i = 0; i < SPANS_MAX; i++) {
			uint32_t from;
			uint32_t len;

			seed = seed * 1664525 + 1013904223;
			from = (seed >> 16) % 250;
			len = (seed >> 8) % 6;
			spans_add(&spans, from, from + len);
			memset(map + from, true, len);
		}
		for (size_t i = 0; i < sizeof(map); i++)
			total += map[i];
		assert_int_equal(spans_total(&spans), total);
		for (uint32_t i = 0; i + 1 < spans.count; i++)
			assert_true(spans.items[i].to < spans.items[i + 1].from);
	}
}

static void
spans_beyond_the_bound_lose_the_shortest(void **state)
{
	struct spans spans = { 0 };

	(void)state;
	for (int64_t i = 0; i < SPANS_MAX; i++)
		spans_add(&spans, i * 100, i * 100 + (i == 7 ? 3 : 10));
	spans_add(&spans, 99999, 100000);
	assert_int_equal(spans.count, SPANS_MAX);
	assert_int_equal(spans_total(&spans), (SPANS_MAX - 1) * 10 + 1);
	assert_int_equal(spans.items[SPANS_MAX - 1].from, 99999);
	spans_add(&spans, 0, 100000);
	expect(&spans, "0-100000");
}

static void
spans_survive_being_a_text(void **state)
{
	static const char *const broken[] = { "",    "x",   "1",
					      "1-",  "1-x", "-5",
					      "5-3", ",",   "9999999999999999999-1" };
	struct spans spans = { 0 };
	struct spans again;
	char text[SPANS_TEXT_SIZE];

	(void)state;
	for (int64_t i = 0; i < SPANS_MAX; i++)
		spans_add(&spans, INT64_C(100000000000000000) + i * 2000000000000,
			  INT64_C(100000000000000000) + i * 2000000000000 + 5);
	spans_print(&spans, text);
	spans_read(text, strlen(text), &again);
	assert_int_equal(again.count, SPANS_MAX);
	assert_memory_equal(again.items, spans.items, sizeof(spans.items));
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		spans_read(broken[i], strlen(broken[i]), &again);
		assert_int_equal(again.count, 0);
	}
	spans_read("0-5,8-9junk", 11, &again);
	expect(&again, "0-5,8-9");
	spans_read("0-59", 3, &again);
	expect(&again, "0-5");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_table_as_listed),
		cmocka_unit_test(spans_join_where_they_touch),
		cmocka_unit_test(spans_agree_with_a_map_of_bytes),
		cmocka_unit_test(spans_beyond_the_bound_lose_the_shortest),
		cmocka_unit_test(spans_survive_being_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
