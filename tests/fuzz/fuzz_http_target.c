/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Paths and queries. Lines of an input: path, query. What comes out is decoded UTF-8 without
 * control characters; a query's values fit the route's table; a problem is a text that can be sent.
 */
#include "fuzz.h"

#include <ocppd/route.h>
#include <ocppd/time.h>

#include "../../plugins/http_api/target.h"
#include "base/text.h"

static const char *const states[] = { "Available", "Charging", NULL };
static const struct ocppd_field fields[] = {
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000 },
	{ "sequence", OCPPD_T_INTEGER },
	{ "active", OCPPD_T_BOOLEAN },
	{ "from", OCPPD_T_TIMESTAMP },
	{ "state", OCPPD_T_STRING, .one_of = states },
	{ "text", OCPPD_T_STRING, .max = 5 },
	{ "label", OCPPD_T_STRING, OCPPD_LIST },
};
static const struct ocppd_route route = {
	.method = "GET",
	.path = "/v1/stations",
	.query = OCPPD_TABLE(fields),
};

static void
check_text(const char *text)
{
	OCPPD_ASSERT(utf8_valid(text, strlen(text)) && text_is_utf8(text, strlen(text)));
	for (; *text != '\0'; text++)
		OCPPD_ASSERT((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void
check_path(char *path)
{
	size_t len = strlen(path);
	char *segments[TARGET_SEGMENTS_MAX];
	int count = target_split(path, segments);

	OCPPD_ASSERT(count == OCPPD_EINVAL || count == OCPPD_ENOENT ||
		     (count > 0 && count <= TARGET_SEGMENTS_MAX));
	for (int i = 0; i < count; i++) {
		OCPPD_ASSERT(segments[i] >= path && segments[i] <= path + len);
		check_text(segments[i]);
	}
}

static void
check_value(const char *name, const char *value)
{
	int64_t number;

	if (str_eq(name, "limit"))
		OCPPD_ASSERT(parse_i64(value, 1, 1000, &number) == 0);
	else if (str_eq(name, "sequence"))
		OCPPD_ASSERT(parse_i64(value, INT64_MIN, INT64_MAX, &number) == 0);
	else if (str_eq(name, "active"))
		OCPPD_ASSERT(str_eq(value, "true") || str_eq(value, "false"));
	else if (str_eq(name, "from"))
		OCPPD_ASSERT(ocppd_time_parse(value, 0, &number, NULL) == 0);
	else if (str_eq(name, "state"))
		OCPPD_ASSERT(str_eq(value, states[0]) || str_eq(value, states[1]));
	else if (str_eq(name, "text"))
		OCPPD_ASSERT(utf8_count(value) <= 5);
	else
		OCPPD_ASSERT(str_eq(name, "label"));
}

static void
check_query(char *text)
{
	struct problem problem = { 0 };
	struct query query;
	uint32_t status = query_check(&route, text, &query, &problem);

	if (status != 0) {
		OCPPD_ASSERT(status == 400 && problem.status == status);
		OCPPD_ASSERT(problem.kind[0] != '\0' && problem.detail[0] != '\0');
		check_text(problem.detail);
		return;
	}
	OCPPD_ASSERT(query.count <= TARGET_QUERY_MAX);
	OCPPD_ASSERT(query.pairs[2 * query.count] == NULL);
	for (uint32_t i = 0; i < query.count; i++) {
		check_text(query.pairs[2 * i + 1]);
		check_value(query.pairs[2 * i], query.pairs[2 * i + 1]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = fuzz_text(data, size);
	char *query = fuzz_cut(path);

	check_path(path);
	check_query(query);
	free(path);
	return 0;
}
