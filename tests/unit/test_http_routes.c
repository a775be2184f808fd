/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Paths, queries and the choice of a route.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../plugins/http_api/date.h"
#include "../../plugins/http_api/routes.h"
#include "../../plugins/http_api/target.h"

static const char *const states[] = { "on", "off", NULL };

static const struct ocppd_field query_fields[] = {
	{ .name = "limit", .type = OCPPD_T_INTEGER, .min = 1, .max = 100 },
	{ .name = "active", .type = OCPPD_T_BOOLEAN },
	{ .name = "from", .type = OCPPD_T_TIMESTAMP },
	{ .name = "state", .type = OCPPD_T_STRING, .one_of = states },
	{ .name = "text", .type = OCPPD_T_STRING, .max = 3 },
	{ .name = "label", .type = OCPPD_T_STRING, .flags = OCPPD_LIST },
};

static const struct ocppd_route rows[] = {
	{ .method = "GET", .path = "/v1/stations/{stationId}/{part}" },
	{ .method = "GET", .path = "/v1/stations/{stationId}", .query = OCPPD_TABLE(query_fields) },
	{ .method = "PUT", .path = "/v1/stations/{stationId}" },
	{ .method = "GET", .path = "/v1/stations/{stationId}/configuration" },
	{ .method = "GET", .path = "/v1/stations" },
	{ .method = "POST", .path = "/v1/stations/{stationId}/commands/{Action}" },
};

struct path_case {
	const char *label;
	const char *path;
	int count; /* negative: refused */
	const char *last;
};

static const struct path_case paths[] = {
	{ "plain", "/v1/stations", 2, "stations" },
	{ "encoded slash", "/v1/id-tags/a%2Fb", 3, "a/b" },
	{ "encoded UTF-8", "/v1/%C3%A9", 2, "\xc3\xa9" },
	{ "plus stays", "/v1/a+b", 2, "a+b" },
	{ "root", "/", OCPPD_ENOENT, NULL },
	{ "trailing slash", "/v1/", OCPPD_ENOENT, NULL },
	{ "double slash", "/v1//x", OCPPD_ENOENT, NULL },
	{ "broken escape", "/v1/%4", OCPPD_EINVAL, NULL },
	{ "no hex", "/v1/%zz", OCPPD_EINVAL, NULL },
	{ "NUL", "/v1/a%00b", OCPPD_EINVAL, NULL },
	{ "line feed", "/v1/a%0ab", OCPPD_EINVAL, NULL },
	{ "overlong UTF-8", "/v1/%C0%AF", OCPPD_EINVAL, NULL },
	{ "surrogate", "/v1/%ED%A0%80", OCPPD_EINVAL, NULL },
	{ "cut UTF-8", "/v1/%C3", OCPPD_EINVAL, NULL },
	{ "16 segments", "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6", 16, "6" },
	{ "17 segments", "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7", OCPPD_ENOENT, NULL },
};

static void
target_paths_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char *segments[TARGET_SEGMENTS_MAX];
		char *copy = strdup(paths[i].path);
		int count;

		assert_non_null(copy);
		count = target_split(copy, segments);
		if (count != paths[i].count)
			fail_msg("%s: %d", paths[i].label, count);
		if (count > 0)
			assert_string_equal(segments[count - 1], paths[i].last);
		free(copy);
	}
}

struct match_case {
	const char *method;
	const char *path;
	int row; /* -1: none */
	const char *allow;
};

static const struct match_case matches[] = {
	{ "GET", "/v1/stations/CP1/configuration", 3, "GET, HEAD" },
	{ "HEAD", "/v1/stations/CP1/other", 0, "GET, HEAD" },
	{ "GET", "/v1/stations/CP1", 1, "GET, HEAD, PUT" },
	{ "PUT", "/v1/stations/CP1", 2, "GET, HEAD, PUT" },
	{ "DELETE", "/v1/stations/CP1", -1, "GET, HEAD, PUT" },
	{ "get", "/v1/stations/CP1", -1, "GET, HEAD, PUT" },
	{ "POST", "/v1/stations/CP1/commands/Reset", 5, "POST" },
	{ "GET", "/v2/stations", -1, "" },
	{ "GET", "/v1/stations/a/b/c/d", -1, "" },
};

static void
routes_most_literal_wins(void **state)
{
	struct routes routes = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(routes_add(&routes, &rows[i], NULL), 0);
	routes_sort(&routes);
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		char *segments[TARGET_SEGMENTS_MAX];
		struct route_match match;
		char *copy = strdup(matches[i].path);
		int count;

		assert_non_null(copy);
		count = target_split(copy, segments);
		assert_true(count > 0);
		routes_match(&routes, matches[i].method, segments, (uint32_t)count, &match);
		if (matches[i].row < 0
			    ? match.route != NULL
			    : match.route == NULL || match.route->row != &rows[matches[i].row])
			fail_msg("%s %s", matches[i].method, matches[i].path);
		assert_string_equal(match.allow, matches[i].allow);
		assert_int_equal(match.is_path_known, matches[i].allow[0] != '\0');
		free(copy);
	}
	routes_fini(&routes);
}

static void
routes_malformed_row_refused(void **state)
{
	static const char *const bad[] = { "v1/x", "/", "/v1//x", "/v1/" };
	struct routes routes = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct ocppd_route row = { .method = "GET", .path = bad[i] };

		assert_int_equal(routes_add(&routes, &row, NULL), OCPPD_EINVAL);
	}
	routes_fini(&routes);
}

struct query_case {
	const char *label;
	const char *query;
	const char *name; /* expected pair, or what the refusal says */
	const char *value;
	uint32_t status;
};

static const struct query_case queries[] = {
	{ "number", "limit=7", "limit", "7", 0 },
	{ "range's end", "limit=100", "limit", "100", 0 },
	{ "beyond range", "limit=101", "limit is not a number from 1 to 100", NULL, 400 },
	{ "zero", "limit=0", "limit is not", NULL, 400 },
	{ "overflow", "limit=99999999999999999999", "limit is not", NULL, 400 },
	{ "no number", "limit=1x", "limit is not", NULL, 400 },
	{ "empty number", "limit=", "limit is not", NULL, 400 },
	{ "bare flag", "active", "active", "true", 0 },
	{ "one is true", "active=1", "active", "true", 0 },
	{ "false", "&active=false&", "active", "false", 0 },
	{ "no truth", "active=yes", "active is not true or false", NULL, 400 },
	{ "time, plus as it stands", "from=2026-03-01T10:00:00+01:00", "from",
	  "2026-03-01T10:00:00+01:00", 0 },
	{ "time without zone", "from=2026-03-01T10:00:00", "from is not a time with zone", NULL,
	  400 },
	{ "word", "state=off", "state", "off", 0 },
	{ "other word", "state=maybe", "state is none of on, off", NULL, 400 },
	{ "plus is blank", "text=a+b", "text", "a b", 0 },
	{ "three code points", "text=%C3%A9%C3%A9%C3%A9", "text", "\xc3\xa9\xc3\xa9\xc3\xa9", 0 },
	{ "four", "text=abcd", "longer than 3", NULL, 400 },
	{ "NUL", "text=%00", "not well encoded", NULL, 400 },
	{ "unknown, near", "limt=1", "unknown query parameter limt; did you mean limit?", NULL,
	  400 },
	{ "unknown, far", "zzzzzzzz=1", "unknown query parameter zzzzzzzz", NULL, 400 },
	{ "unknown, cut inside a code point",
	  "1234567890123456789012345678901234567890123456789012345678901234567890123456789%C3%A9=1",
	  "3456789?", NULL, 400 },
	{ "twice", "limit=1&limit=2", "given twice", NULL, 400 },
	{ "list twice", "label=a&label=b", "label", "a", 0 },
};

static void
query_is_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct problem problem = { 0 };
		struct query query;
		char *copy = strdup(queries[i].query);
		uint32_t status;

		assert_non_null(copy);
		status = query_check(&rows[1], copy, &query, &problem);
		if (status != queries[i].status)
			fail_msg("%s: %u %s", queries[i].label, status, problem.detail);
		if (status == 0) {
			assert_string_equal(query.pairs[0], queries[i].name);
			assert_string_equal(query.pairs[1], queries[i].value);
		} else if (strstr(problem.detail, queries[i].name) == NULL) {
			fail_msg("%s: %s", queries[i].label, problem.detail);
		}
		free(copy);
	}
}

static void
query_too_many_pairs_refused(void **state)
{
	(void)state;
	for (uint32_t count = TARGET_QUERY_MAX; count <= TARGET_QUERY_MAX + 1; count++) {
		struct problem problem = { 0 };
		struct query query;
		char text[TARGET_QUERY_MAX * 8 + 16] = "";
		size_t len = 0;

		for (uint32_t i = 0; i < count; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "label=x&");
		assert_int_equal(query_check(&rows[1], text, &query, &problem),
				 count == TARGET_QUERY_MAX ? 0 : 400);
	}
}

static void
query_missing_required_refused(void **state)
{
	static const struct ocppd_field fields[] = {
		{ .name = "stationId", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED },
	};
	const struct ocppd_route row = { .query = OCPPD_TABLE(fields) };
	struct problem problem = { 0 };
	struct query query;

	(void)state;
	assert_int_equal(query_check(&row, NULL, &query, &problem), 400);
	assert_string_equal(problem.kind, "missing-parameter");
}

static void
date_known_days_formatted(void **state)
{
	char text[DATE_SIZE];

	(void)state;
	date_format(0, text);
	assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
	date_format(INT64_C(784111777999999), text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	date_format(-1, text);
	assert_string_equal(text, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(target_paths_split),
		cmocka_unit_test(routes_most_literal_wins),
		cmocka_unit_test(routes_malformed_row_refused),
		cmocka_unit_test(query_is_checked),
		cmocka_unit_test(query_too_many_pairs_refused),
		cmocka_unit_test(query_missing_required_refused),
		cmocka_unit_test(date_known_days_formatted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
