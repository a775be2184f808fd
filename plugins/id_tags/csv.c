/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Reading and writing comma-separated values. Pure; works in the reader's own buffer.
 */
#include "csv.h"

#include <ocppd/error.h>

#include <stdbool.h>
#include <string.h>

void
csv_init(struct csv *csv, char *text, size_t len)
{
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	csv->at = text;
	csv->end = text + len;
	csv->line = 0;
	csv->lines_read = 0;
}

static bool
is_guarded(char c)
{
	return c != '\0' && strchr("=+-@\t\r'", c) != NULL;
}

static void
skip_line(struct csv *csv)
{
	while (csv->at < csv->end && *csv->at != '\n')
		csv->at++;
	if (csv->at < csv->end)
		csv->at++;
	csv->lines_read++;
}

/* Steps over the end of a field. 1: another field follows, 0: the record ends. */
static int
pass_end(struct csv *csv)
{
	if (csv->at < csv->end && *csv->at == ',') {
		csv->at++;
		return 1;
	}
	if (csv->end - csv->at >= 2 && csv->at[0] == '\r' && csv->at[1] == '\n')
		csv->at++;
	if (csv->at < csv->end) {
		if (*csv->at != '\n')
			return OCPPD_EINVAL;
		csv->at++;
	}
	csv->lines_read++;
	return 0;
}

/* A field between quotes, which are taken away. */
static char *
take_quoted(struct csv *csv)
{
	char *to = ++csv->at;
	char *field = to;

	while (csv->at < csv->end) {
		char c = *csv->at++;

		if (c == '\n')
			csv->lines_read++;
		if (c == '"') {
			if (csv->at == csv->end || *csv->at != '"') {
				*to = '\0';
				return field;
			}
			csv->at++;
		}
		*to++ = c;
	}
	return NULL;
}

/* One field; its end is not written yet, since the mark behind it is still to be read. */
static int
take_field(struct csv *csv, char **ret_field)
{
	char *end;
	int r;

	if (csv->at < csv->end && *csv->at == '"') {
		*ret_field = take_quoted(csv);
		if (*ret_field == NULL)
			return OCPPD_EINVAL;
		r = pass_end(csv);
	} else {
		*ret_field = csv->at;
		while (csv->at < csv->end && strchr(",\n\"", *csv->at) == NULL)
			csv->at++;
		end = csv->at;
		if (end < csv->end && *end == '"')
			return OCPPD_EINVAL;
		if (end > *ret_field && end < csv->end && *end == '\n' && end[-1] == '\r')
			end--;
		r = pass_end(csv);
		*end = '\0';
	}
	if (**ret_field == '\'' && is_guarded((*ret_field)[1]))
		(*ret_field)++;
	return r;
}

int
csv_next(struct csv *csv, char **ret_fields, uint32_t max)
{
	uint32_t count = 0;
	int r = 1;

	while (csv->at < csv->end && (*csv->at == '\n' || *csv->at == '\r'))
		if (*csv->at++ == '\n')
			csv->lines_read++;
	if (csv->at == csv->end)
		return 0;
	csv->line = csv->lines_read + 1;
	while (r == 1) {
		char *field;

		if (count == max) {
			r = OCPPD_ESPACE;
			break;
		}
		r = take_field(csv, &field);
		if (r >= 0)
			ret_fields[count++] = field;
	}
	if (r >= 0)
		return (int)count;
	skip_line(csv);
	return r;
}

int
csv_put(char *ret_text, size_t size, const char *value)
{
	bool must_guard = is_guarded(value[0]);
	bool must_quote = must_guard || strpbrk(value, ",\"\r\n ") != NULL;
	size_t len = 0;

	if (strlen(value) * 2 + 4 > size)
		return OCPPD_ESPACE;
	if (must_quote)
		ret_text[len++] = '"';
	if (must_guard)
		ret_text[len++] = '\'';
	for (; *value != '\0'; value++) {
		if (*value == '"')
			ret_text[len++] = '"';
		ret_text[len++] = *value;
	}
	if (must_quote)
		ret_text[len++] = '"';
	ret_text[len] = '\0';
	return (int)len;
}
