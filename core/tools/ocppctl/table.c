/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Tables for people. What comes from stations is shown without its control characters: a terminal
 * would obey them.
 */
#include "table.h"

#include <ocppd/error.h>

#include "base/text.h"
#include "plain.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define COLUMNS_MAX 32
#define COLUMN_MIN 8 /* characters that a cell keeps on a narrow terminal */
#define GAP 2
#define PATH_DEPTH_MAX 16

struct column {
	const char *path;
	size_t path_len;
	char *title;
	uint32_t width;
	uint32_t is_right; /* numbers */
};

struct table {
	struct column columns[COLUMNS_MAX];
	uint32_t count;
	char **cells; /* row by row */
	size_t rows;
};

struct json_object *
table_value(struct json_object *item, const char *path, size_t len)
{
	const char *end = path + len;
	struct json_object *at = item;

	for (int depth = 0; path < end && depth < PATH_DEPTH_MAX; depth++) {
		const char *dot = memchr(path, '.', (size_t)(end - path));
		const char *stop = dot == NULL ? end : dot;
		char *name = str_ndup(path, (size_t)(stop - path));
		struct json_object *next = NULL;

		if (name != NULL && json_object_is_type(at, json_type_object))
			(void)json_object_object_get_ex(at, name, &next);
		free(name);
		if (next == NULL)
			return NULL;
		at = next;
		path = dot == NULL ? end : dot + 1;
	}
	return at;
}

/* A list of plain values: commas between them. */
static void
add_list(struct buf *out, struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *value = json_object_array_get_idx(list, i);

		if (i > 0)
			buf_add_str(out, ",");
		plain_add(out, value == NULL ? "-" : json_object_get_string(value));
	}
}

static char *
cell_text(struct json_object *value)
{
	struct buf out = { 0 };

	if (value == NULL)
		buf_add_str(&out, "-");
	else if (json_object_is_type(value, json_type_boolean))
		buf_add_str(&out, json_object_get_boolean(value) ? "yes" : "no");
	else if (json_object_is_type(value, json_type_array))
		add_list(&out, value);
	else
		plain_add(&out, json_object_get_string(value));
	if (out.len == 0 && out.error == 0)
		buf_add_str(&out, "-");
	return buf_steal(&out);
}

/* "connectorId" becomes "CONNECTOR ID". */
static char *
title_of(const char *path, size_t len)
{
	struct buf out = { 0 };
	const char *start = path;

	for (const char *at = path; at < path + len; at++) {
		if (*at == '.')
			start = at + 1;
	}
	for (const char *at = start; at < path + len; at++) {
		bool is_upper = *at >= 'A' && *at <= 'Z';
		bool is_lower = *at >= 'a' && *at <= 'z';

		if (is_upper && at > start && !(at[-1] >= 'A' && at[-1] <= 'Z'))
			buf_add_char(&out, ' ');
		buf_add_char(&out, is_lower ? (char)(*at - 'a' + 'A') : *at);
	}
	return buf_steal(&out);
}

static int
columns_parse(struct table *table, const char *columns)
{
	while (*columns != '\0' && table->count < COLUMNS_MAX) {
		struct column *column = &table->columns[table->count];
		size_t len = strcspn(columns, ",");

		column->path = columns;
		column->path_len = len;
		column->title = title_of(columns, len);
		if (column->title == NULL)
			return OCPPD_ENOMEM;
		column->width = plain_width(column->title);
		table->count++;
		columns += len;
		columns += *columns == ',';
	}
	return 0;
}

static int
cells_fill(struct table *table, struct json_object *items)
{
	table->rows = json_object_array_length(items);
	table->cells = calloc(table->rows * table->count + 1, sizeof(*table->cells));
	if (table->cells == NULL)
		return OCPPD_ENOMEM;
	for (size_t row = 0; row < table->rows; row++) {
		struct json_object *item = json_object_array_get_idx(items, row);

		for (uint32_t i = 0; i < table->count; i++) {
			struct column *column = &table->columns[i];
			struct json_object *value =
				table_value(item, column->path, column->path_len);
			char *text = cell_text(value);
			uint32_t width;

			if (text == NULL)
				return OCPPD_ENOMEM;
			table->cells[row * table->count + i] = text;
			width = plain_width(text);
			if (width > column->width)
				column->width = width;
			if (json_object_is_type(value, json_type_int) ||
			    json_object_is_type(value, json_type_double))
				column->is_right = 1;
		}
	}
	return 0;
}

/* Takes characters from the widest column until the line fits or nothing is to be had. */
static void
widths_fit(struct table *table, uint32_t width)
{
	uint32_t total = (table->count - 1) * GAP;

	for (uint32_t i = 0; i < table->count; i++)
		total += table->columns[i].width;
	while (total > width) {
		struct column *widest = &table->columns[0];

		for (uint32_t i = 1; i < table->count; i++) {
			if (table->columns[i].width > widest->width)
				widest = &table->columns[i];
		}
		if (widest->width <= COLUMN_MIN)
			return;
		widest->width--;
		total--;
	}
}

static void
pad(struct buf *out, uint32_t count)
{
	while (count-- > 0)
		buf_add_char(out, ' ');
}

static void
cell_print(struct buf *out, const struct column *column, const char *text, bool is_last)
{
	uint32_t width = plain_width(text);

	if (width > column->width) {
		buf_add(out, text, plain_fit(text, column->width - 1, &width));
		buf_add_str(out, "…");
		width++;
	} else {
		if (column->is_right != 0)
			pad(out, column->width - width);
		buf_add_str(out, text);
		if (column->is_right != 0)
			width = column->width;
	}
	if (!is_last)
		pad(out, column->width - width + GAP);
}

static void
table_write(struct buf *out, const struct table *table)
{
	for (uint32_t i = 0; i < table->count; i++)
		cell_print(out, &table->columns[i], table->columns[i].title, i + 1 == table->count);
	buf_add_char(out, '\n');
	for (size_t row = 0; row < table->rows; row++) {
		for (uint32_t i = 0; i < table->count; i++)
			cell_print(out, &table->columns[i], table->cells[row * table->count + i],
				   i + 1 == table->count);
		buf_add_char(out, '\n');
	}
}

static void
table_fini(struct table *table)
{
	for (uint32_t i = 0; i < table->count; i++)
		free(table->columns[i].title);
	for (size_t i = 0; table->cells != NULL && i < table->rows * table->count; i++)
		free(table->cells[i]);
	free(table->cells);
}

void
table_print(struct buf *out, struct json_object *items, const char *columns, uint32_t width)
{
	struct table table = { .count = 0 };

	if (columns_parse(&table, columns) < 0 || table.count == 0 ||
	    cells_fill(&table, items) < 0) {
		out->error = OCPPD_ENOMEM;
	} else {
		if (width > 0)
			widths_fit(&table, width);
		table_write(out, &table);
	}
	table_fini(&table);
}

void
table_print_one(struct buf *out, struct json_object *item, const char *columns)
{
	struct table table = { .count = 0 };
	uint32_t widest = 0;

	if (columns_parse(&table, columns) < 0)
		out->error = OCPPD_ENOMEM;
	for (uint32_t i = 0; i < table.count; i++) {
		if (table.columns[i].width > widest)
			widest = table.columns[i].width;
	}
	for (uint32_t i = 0; i < table.count; i++) {
		const struct column *column = &table.columns[i];
		char *text = cell_text(table_value(item, column->path, column->path_len));

		if (text == NULL) {
			out->error = OCPPD_ENOMEM;
			break;
		}
		buf_add_str(out, column->title);
		pad(out, widest - column->width + GAP);
		buf_add_str(out, text);
		buf_add_char(out, '\n');
		free(text);
	}
	table_fini(&table);
}
