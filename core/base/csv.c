/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Comma-separated values: cells out of a text, in place, and into one. Pure; knows no request.
 */
#include "base/csv.h"

#include <ocppd/csv.h>
#include <ocppd/error.h>

#include <stdbool.h>
#include <string.h>

void
ocppd_csv_reader_init(struct ocppd_csv_reader *reader, char *text, size_t len)
{
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	reader->at = text;
	reader->end = text + len;
	reader->line = 0;
	reader->lines_read = 0;
}

static bool
is_guarded(char c)
{
	return c != '\0' && strchr("=+-@\t\r'", c) != NULL;
}

static void
skip_line(struct ocppd_csv_reader *reader)
{
	while (reader->at < reader->end && *reader->at != '\n')
		reader->at++;
	if (reader->at < reader->end)
		reader->at++;
	reader->lines_read++;
}

/* Steps over the end of a cell. 1: another cell follows, 0: the record ends. */
static int
pass_end(struct ocppd_csv_reader *reader)
{
	if (reader->at < reader->end && *reader->at == ',') {
		reader->at++;
		return 1;
	}
	if (reader->end - reader->at >= 2 && reader->at[0] == '\r' && reader->at[1] == '\n')
		reader->at++;
	if (reader->at < reader->end) {
		if (*reader->at != '\n')
			return OCPPD_EINVAL;
		reader->at++;
	}
	reader->lines_read++;
	return 0;
}

/* A cell between quotes, which are taken away. */
static char *
take_quoted(struct ocppd_csv_reader *reader)
{
	char *to = ++reader->at;
	char *cell = to;

	while (reader->at < reader->end) {
		char c = *reader->at++;

		if (c == '\n')
			reader->lines_read++;
		if (c == '"') {
			if (reader->at == reader->end || *reader->at != '"') {
				*to = '\0';
				return cell;
			}
			reader->at++;
		}
		*to++ = c;
	}
	return NULL;
}

/* One cell; its end is not written yet, since the mark behind it is still to be read. */
static int
take_cell(struct ocppd_csv_reader *reader, char **ret_cell)
{
	char *end;
	int r;

	if (reader->at < reader->end && *reader->at == '"') {
		*ret_cell = take_quoted(reader);
		if (*ret_cell == NULL)
			return OCPPD_EINVAL;
		r = pass_end(reader);
	} else {
		*ret_cell = reader->at;
		while (reader->at < reader->end && strchr(",\n\"", *reader->at) == NULL)
			reader->at++;
		end = reader->at;
		if (end < reader->end && *end == '"')
			return OCPPD_EINVAL;
		if (end > *ret_cell && end < reader->end && *end == '\n' && end[-1] == '\r')
			end--;
		r = pass_end(reader);
		*end = '\0';
	}
	if (**ret_cell == '\'' && is_guarded((*ret_cell)[1]))
		(*ret_cell)++;
	return r;
}

int
ocppd_csv_read(struct ocppd_csv_reader *reader, char **ret_cells, uint32_t max)
{
	uint32_t count = 0;
	int r = 1;

	while (reader->at < reader->end && (*reader->at == '\n' || *reader->at == '\r'))
		if (*reader->at++ == '\n')
			reader->lines_read++;
	if (reader->at == reader->end)
		return 0;
	reader->line = reader->lines_read + 1;
	while (r == 1) {
		char *cell;

		if (count == max) {
			r = OCPPD_ESPACE;
			break;
		}
		r = take_cell(reader, &cell);
		if (r >= 0)
			ret_cells[count++] = cell;
	}
	if (r >= 0)
		return (int)count;
	skip_line(reader);
	return r;
}

static bool
is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\0' && strchr(",\"\r\n ", text[i]) != NULL)
			return false;
	return true;
}

void
csv_add(struct buf *buf, const char *text, size_t len)
{
	bool must_guard = len > 0 && is_guarded(text[0]);
	const char *quote;

	if (!must_guard && is_plain(text, len)) {
		buf_add(buf, text, len);
		return;
	}
	buf_add_str(buf, must_guard ? "\"'" : "\"");
	while ((quote = memchr(text, '"', len)) != NULL) {
		size_t part = (size_t)(quote - text) + 1;

		buf_add(buf, text, part);
		buf_add_char(buf, '"');
		text += part;
		len -= part;
	}
	buf_add(buf, text, len);
	buf_add_char(buf, '"');
}
