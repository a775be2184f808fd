/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Request targets. What leaves this file is decoded, valid UTF-8 without control characters, and,
 * for queries, of the type that the route's table names.
 */
#include "target.h"

#include <ocppd/route.h>
#include <ocppd/time.h>

#include "rows.h"

#include <stdio.h>
#include <string.h>

#define NEAR_MAX 40 /* longer names get no suggestion */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Length of the code point at text, 0 if it is none. */
static size_t
utf8_step(const unsigned char *text, size_t len)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t want;
	size_t i;

	if (text[0] < 0x80)
		return 1;
	if ((text[0] & 0xe0) == 0xc0)
		want = 2;
	else if ((text[0] & 0xf0) == 0xe0)
		want = 3;
	else if ((text[0] & 0xf8) == 0xf0)
		want = 4;
	else
		return 0;
	if (want > len)
		return 0;

	code = text[0] & (0x7fu >> want);
	for (i = 1; i < want; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3fu);
	}
	if (code < smallest[want] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return want;
}

bool
text_is_utf8(const char *text, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t at = 0;

	while (at < len) {
		size_t step = utf8_step(bytes + at, len - at);

		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

void
text_mend(char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t step = utf8_step((const unsigned char *)text, left);

		if (step == 0) {
			*text = '?';
			step = 1;
		}
		text += step;
		left -= step;
	}
}

int
target_decode(char *text, bool plus_is_blank)
{
	char *out = text;
	char *in;

	for (in = text; *in != '\0'; in++) {
		char c = *in;

		if (c == '%') {
			int high = hex_digit(in[1]);
			int low = high < 0 ? -1 : hex_digit(in[2]);

			if (low < 0)
				return OCPPD_EINVAL;
			c = (char)(high * 16 + low);
			in += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return OCPPD_EINVAL;
		*out++ = c;
	}
	*out = '\0';
	return text_is_utf8(text, (size_t)(out - text)) ? 0 : OCPPD_EINVAL;
}

int
target_split(char *path, char *ret_segments[TARGET_SEGMENTS_MAX])
{
	char *at = path;
	int count = 0;

	while (*at == '/') {
		char *segment = at + 1;

		at = segment + strcspn(segment, "/");
		if (count == TARGET_SEGMENTS_MAX || at == segment)
			return OCPPD_ENOENT;
		ret_segments[count++] = segment;
	}
	if (count == 0)
		return OCPPD_ENOENT;

	/* The separators go first: an encoded one belongs to its segment. */
	for (int i = 1; i < count; i++)
		ret_segments[i][-1] = '\0';
	for (int i = 0; i < count; i++) {
		if (target_decode(ret_segments[i], false) < 0)
			return OCPPD_EINVAL;
	}
	return count;
}

size_t
text_distance(const char *a, const char *b)
{
	size_t row[NEAR_MAX + 1];
	size_t a_len = strlen(a);
	size_t b_len = strlen(b);

	if (a_len > NEAR_MAX || b_len > NEAR_MAX)
		return NEAR_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
			size_t insert = row[j - 1] + 1;
			size_t delete = row[j] + 1;

			corner = row[j];
			row[j] = change < insert ? change : insert;
			if (delete < row[j])
				row[j] = delete;
		}
	}
	return row[b_len];
}

static uint32_t
unknown_parameter(const struct ocppd_route *route, const char *name, struct problem *problem)
{
	const char *nearest = NULL;
	size_t best = strlen(name) / 2 + 1;

	for (uint32_t i = 0; i < route->query.count; i++) {
		const struct ocppd_field *field = ROW_AT(route->query, i);
		size_t d = text_distance(name, field->name);

		if (d < best) {
			best = d;
			nearest = field->name;
		}
	}
	if (nearest != NULL)
		return problem_set(problem, 400, "unknown-parameter",
				   "unknown query parameter %.80s; did you mean %s?", name,
				   nearest);
	return problem_set(problem, 400, "unknown-parameter", "unknown query parameter %.80s",
			   name);
}

static int
digits_parse(const char *text, int64_t *ret_value)
{
	bool is_negative = *text == '-';
	const char *at = is_negative ? text + 1 : text;
	int64_t value = 0;

	if (*at == '\0')
		return OCPPD_EINVAL;
	for (; *at != '\0'; at++) {
		if (*at < '0' || *at > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, *at - '0', &value))
			return OCPPD_EINVAL;
	}
	if (!is_negative && __builtin_mul_overflow(value, -1, &value))
		return OCPPD_EINVAL;
	*ret_value = value;
	return 0;
}

static bool
integer_fits(const struct ocppd_field *field, const char *text)
{
	int64_t value;

	if (digits_parse(text, &value) < 0)
		return false;
	if (field->min == 0 && field->max == 0)
		return true;
	return value >= field->min && value <= field->max;
}

static bool
time_fits(const char *text)
{
	int64_t time_us;
	uint32_t flags = 0;

	return ocppd_time_parse(text, 0, &time_us, &flags) == 0 && (flags & OCPPD_TIME_NAIVE) == 0;
}

static size_t
count_points(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static bool
string_fits(const struct ocppd_field *field, const char *text)
{
	if (field->max > 0 && count_points(text) > (size_t)field->max)
		return false;
	if (field->one_of == NULL)
		return true;
	for (const char *const *word = field->one_of; *word != NULL; word++) {
		if (strcmp(*word, text) == 0)
			return true;
	}
	return false;
}

/* Puts what a value must be into words. */
static uint32_t
misfit(const struct ocppd_field *field, struct problem *problem)
{
	static const char kind[] = "invalid-parameter";
	char words[200];
	size_t len = 0;

	switch (field->type) {
	case OCPPD_T_INTEGER:
		if (field->min == 0 && field->max == 0)
			return problem_set(problem, 400, kind, "query parameter %s is not a number",
					   field->name);
		return problem_set(problem, 400, kind,
				   "query parameter %s is not a number from %lld to %lld",
				   field->name, (long long)field->min, (long long)field->max);
	case OCPPD_T_BOOLEAN:
		return problem_set(problem, 400, kind, "query parameter %s is not true or false",
				   field->name);
	case OCPPD_T_TIMESTAMP:
		return problem_set(
			problem, 400, kind,
			"query parameter %s is not a time with zone, as 2026-03-01T10:00:00Z",
			field->name);
	default:
		break;
	}
	if (field->one_of == NULL)
		return problem_set(problem, 400, kind,
				   "query parameter %s is longer than %lld characters", field->name,
				   (long long)field->max);

	words[0] = '\0';
	for (const char *const *word = field->one_of; *word != NULL && len < sizeof(words); word++)
		len += (size_t)snprintf(words + len, sizeof(words) - len, "%s%s",
					len == 0 ? "" : ", ", *word);
	return problem_set(problem, 400, kind, "query parameter %s is none of %s", field->name,
			   words);
}

/* Checks the value and gives it its one spelling; NULL if it does not fit. */
static const char *
value_check(const struct ocppd_field *field, char *value)
{
	switch (field->type) {
	case OCPPD_T_INTEGER:
		return integer_fits(field, value) ? value : NULL;
	case OCPPD_T_BOOLEAN:
		if (strcmp(value, "true") == 0 || strcmp(value, "1") == 0 || *value == '\0')
			return "true";
		if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
			return "false";
		return NULL;
	case OCPPD_T_TIMESTAMP:
		return time_fits(value) ? value : NULL;
	default:
		return string_fits(field, value) ? value : NULL;
	}
}

static const struct ocppd_field *
field_find(const struct ocppd_route *route, const char *name)
{
	for (uint32_t i = 0; i < route->query.count; i++) {
		const struct ocppd_field *field = ROW_AT(route->query, i);

		if (strcmp(field->name, name) == 0)
			return field;
	}
	return NULL;
}

static bool
query_has(const struct query *query, const char *name)
{
	for (uint32_t i = 0; i < query->count; i++) {
		if (strcmp(query->pairs[2 * i], name) == 0)
			return true;
	}
	return false;
}

static uint32_t
pair_check(const struct ocppd_route *route, char *pair, struct query *query,
	   struct problem *problem)
{
	char *value = strchr(pair, '=');
	const struct ocppd_field *field;
	const char *checked;

	if (value != NULL)
		*value++ = '\0';
	else
		value = pair + strlen(pair); /* "": a bare flag */
	if (target_decode(pair, true) < 0)
		return problem_set(problem, 400, "bad-encoding",
				   "the query is not well encoded UTF-8 text");
	field = field_find(route, pair);
	if (field == NULL)
		return unknown_parameter(route, pair, problem);

	/* The plus of an offset is meant as it stands. */
	if (target_decode(value, field->type != OCPPD_T_TIMESTAMP) < 0)
		return problem_set(problem, 400, "bad-encoding",
				   "query parameter %s is not well encoded UTF-8 text",
				   field->name);
	if (query->count == TARGET_QUERY_MAX)
		return problem_set(problem, 400, "invalid-parameter", "too many query parameters");
	if ((field->flags & OCPPD_LIST) == 0 && query_has(query, field->name))
		return problem_set(problem, 400, "invalid-parameter",
				   "query parameter %s is given twice", field->name);
	checked = value_check(field, value);
	if (checked == NULL)
		return misfit(field, problem);

	query->pairs[2 * query->count] = field->name;
	query->pairs[2 * query->count + 1] = checked;
	query->count++;
	return 0;
}

uint32_t
query_check(const struct ocppd_route *route, char *text, struct query *ret_query,
	    struct problem *problem)
{
	char *at = text;

	memset(ret_query, 0, sizeof(*ret_query));
	while (at != NULL && *at != '\0') {
		char *pair = at;
		uint32_t status;

		at = strchr(pair, '&');
		if (at != NULL)
			*at++ = '\0';
		if (*pair == '\0')
			continue;
		status = pair_check(route, pair, ret_query, problem);
		if (status != 0)
			return status;
	}

	for (uint32_t i = 0; i < route->query.count; i++) {
		const struct ocppd_field *field = ROW_AT(route->query, i);

		if ((field->flags & OCPPD_REQUIRED) != 0 && !query_has(ret_query, field->name))
			return problem_set(problem, 400, "missing-parameter",
					   "query parameter %s is missing", field->name);
	}
	return 0;
}
