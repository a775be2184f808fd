/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Units of work (and queries, which are units of one statement) as they are built on the core
 * thread: statements and copied values in one growing block, which begins inside the unit itself;
 * and the rows that a thread reads for them. No SQL runs here.
 */
#include "storage.h"

#include <stdlib.h>

struct ocppd_unit *
unit_make(struct storage *storage, struct ocppd_host *host, enum job_kind kind)
{
	struct ocppd_unit *unit = malloc(sizeof(*unit));

	if (unit == NULL)
		return NULL;
	unit->job = (struct job){ .kind = kind, .host = host };
	unit->magic = UNIT_MAGIC;
	unit->count = 0;
	unit->max_rows = STORAGE_UNIT_ROWS_MAX;
	unit->is_queued = false;
	unit->storage = storage;
	unit->unit_fn = NULL;
	unit->rows_fn = NULL;
	unit->data = unit->first;
	unit->len = 0;
	unit->size = sizeof(unit->first);
	result_init(&unit->result);
	return unit;
}

void
unit_destroy(struct ocppd_unit *unit)
{
	if (unit->data != unit->first)
		free(unit->data);
	result_fini(&unit->result);
	unit->magic = 0;
	free(unit);
}

static int
unit_reserve(struct ocppd_unit *unit, size_t more)
{
	size_t size = unit->size;
	char *data;

	if (more > STORAGE_VALUE_MAX || unit->len + more > STORAGE_VALUE_MAX)
		return OCPPD_ENOMEM;
	while (size < unit->len + more)
		size *= 2;
	if (size == unit->size)
		return 0;
	data = unit->data == unit->first ? malloc(size) : realloc(unit->data, size);
	if (data == NULL)
		return OCPPD_ENOMEM;
	if (unit->data == unit->first)
		memcpy(data, unit->first, unit->len);
	unit->data = data;
	unit->size = size;
	return 0;
}

/* Bytes that the values need behind their cells; OCPPD_EINVAL for what makes no sense. */
static int
measure(const struct ocppd_unit *unit, const struct ocppd_value *values, uint32_t count,
	size_t *ret_len)
{
	size_t len = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct ocppd_value *value = &values[i];

		if (value->type > OCPPD_VALUE_REF)
			return OCPPD_EINVAL;
		if (value->type == OCPPD_VALUE_REF &&
		    (value->number < 0 || value->number >= (int64_t)unit->count))
			return OCPPD_EINVAL;
		if (value->type != OCPPD_VALUE_TEXT && value->type != OCPPD_VALUE_BYTES)
			continue;
		if (value->len > STORAGE_VALUE_MAX || (value->data == NULL && value->len > 0))
			return OCPPD_EINVAL;
		len += value->len;
		if (len > STORAGE_VALUE_MAX)
			return OCPPD_EINVAL;
	}
	*ret_len = len;
	return 0;
}

/* `at` is where the bytes go, counted from the block's beginning. */
static size_t
put_cell(struct ocppd_unit *unit, struct cell *cell, const struct ocppd_value *value, size_t at)
{
	*cell = (struct cell){ .type = value->type };
	switch (value->type) {
	case OCPPD_VALUE_INT:
		cell->as.number = value->number;
		break;
	case OCPPD_VALUE_DOUBLE:
		cell->as.real = value->real;
		break;
	case OCPPD_VALUE_REF:
		cell->as.number = value->number;
		cell->column = value->column;
		break;
	case OCPPD_VALUE_TEXT:
	case OCPPD_VALUE_BYTES:
		cell->len = (uint32_t)value->len;
		cell->as.offset = at;
		if (value->len > 0)
			memcpy(unit->data + at, value->data, value->len);
		return at + value->len;
	default:
		break;
	}
	return at;
}

int
unit_append(struct ocppd_unit *unit, const struct statement *statement,
	    const struct ocppd_value *values, uint32_t count, uint32_t flags)
{
	size_t len;
	size_t at;
	size_t size;
	struct op *op;
	struct cell *cells;
	int r;

	if (unit->count >= STORAGE_UNIT_STATEMENTS_MAX || count != statement->params ||
	    (flags & ~OCPPD_UNIT_EXPECT_ROW) != 0)
		return OCPPD_EINVAL;
	r = measure(unit, values, count, &len);
	if (r < 0)
		return r;
	size = sizeof(*op) + count * sizeof(*cells) + ((len + 7) & ~(size_t)7);
	r = unit_reserve(unit, size);
	if (r < 0)
		return r;
	op = (struct op *)(void *)(unit->data + unit->len);
	*op = (struct op){ statement, flags, count, size };
	cells = (struct cell *)(void *)(op + 1);
	at = unit->len + sizeof(*op) + count * sizeof(*cells);
	for (uint32_t i = 0; i < count; i++)
		at = put_cell(unit, &cells[i], &values[i], at);
	unit->len += size;
	return (int)unit->count++;
}

/* ---- Rows -------------------------------------------------------------------------------- */

#define RESULT_INLINE (sizeof(((struct result *)0)->first) / sizeof(struct ocppd_rows))

void
result_init(struct result *result)
{
	result->rows = result->first;
	result->rows_size = RESULT_INLINE;
	result->count = 0;
	result->values = NULL;
	result->value_count = 0;
	result->value_size = 0;
	result->bytes = NULL;
	result->len = 0;
	result->size = 0;
}

void
result_fini(struct result *result)
{
	if (result->rows != result->first)
		free(result->rows);
	free(result->values);
	free(result->bytes);
	result_init(result);
}

void
result_clear(struct result *result)
{
	result->count = 0;
	result->value_count = 0;
	result->len = 0;
}

int
result_begin(struct result *result, uint32_t columns)
{
	struct ocppd_rows *rows;

	if (result->count == result->rows_size) {
		uint32_t size = result->rows_size * 4;
		bool is_first = result->rows == result->first;

		rows = realloc(is_first ? NULL : result->rows, size * sizeof(*rows));
		if (rows == NULL)
			return OCPPD_ENOMEM;
		if (is_first)
			memcpy(rows, result->first, sizeof(result->first));
		result->rows = rows;
		result->rows_size = size;
	}
	result->rows[result->count++] = (struct ocppd_rows){ .columns = columns };
	return 0;
}

static int
add_value(struct result *result, struct ocppd_value **ret_value)
{
	if (result->value_count == result->value_size) {
		size_t size = result->value_size == 0 ? 16 : result->value_size * 2;
		struct ocppd_value *values;

		if (size > STORAGE_VALUE_MAX / sizeof(*values))
			return OCPPD_ESPACE;
		values = realloc(result->values, size * sizeof(*values));
		if (values == NULL)
			return OCPPD_ENOMEM;
		result->values = values;
		result->value_size = size;
	}
	*ret_value = &result->values[result->value_count++];
	return 0;
}

static int
add_bytes(struct result *result, const void *data, size_t len)
{
	size_t size = result->size == 0 ? 256 : result->size;

	if (result->len + len + 1 > STORAGE_VALUE_MAX)
		return OCPPD_ESPACE;
	while (size < result->len + len + 1)
		size *= 2;
	if (size != result->size) {
		char *bytes = realloc(result->bytes, size);

		if (bytes == NULL)
			return OCPPD_ENOMEM;
		result->bytes = bytes;
		result->size = size;
	}
	if (len > 0)
		memcpy(result->bytes + result->len, data, len);
	/* Texts are NUL-terminated, so that a reader may pass them on as they are. */
	result->bytes[result->len + len] = '\0';
	result->len += len + 1;
	return 0;
}

static int
add_column(struct result *result, sqlite3_stmt *stmt, int column)
{
	struct ocppd_value *value = NULL;
	const void *data;
	size_t at = result->len;
	int r;

	r = add_value(result, &value);
	if (r < 0)
		return r;
	*value = (struct ocppd_value){ .type = OCPPD_VALUE_NULL };
	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_INTEGER:
		value->type = OCPPD_VALUE_INT;
		value->number = sqlite3_column_int64(stmt, column);
		return 0;
	case SQLITE_FLOAT:
		value->type = OCPPD_VALUE_DOUBLE;
		value->real = sqlite3_column_double(stmt, column);
		return 0;
	case SQLITE_TEXT:
		value->type = OCPPD_VALUE_TEXT;
		data = sqlite3_column_text(stmt, column);
		break;
	case SQLITE_BLOB:
		value->type = OCPPD_VALUE_BYTES;
		data = sqlite3_column_blob(stmt, column);
		break;
	default:
		return 0;
	}
	value->len = (size_t)sqlite3_column_bytes(stmt, column);
	value->number = (int64_t)at;
	if (data == NULL && value->len > 0)
		return OCPPD_ENOMEM;
	return add_bytes(result, data, value->len);
}

int
result_add_row(struct result *result, sqlite3_stmt *stmt)
{
	struct ocppd_rows *rows = &result->rows[result->count - 1];
	size_t value_count = result->value_count;
	size_t len = result->len;

	for (uint32_t i = 0; i < rows->columns; i++) {
		int r = add_column(result, stmt, (int)i);

		if (r < 0) {
			/* No half rows. */
			result->value_count = value_count;
			result->len = len;
			return r;
		}
	}
	rows->count++;
	return 0;
}

void
result_end(struct result *result, int64_t changes, bool is_cut)
{
	struct ocppd_rows *rows = &result->rows[result->count - 1];

	rows->changes = changes;
	rows->is_cut = is_cut ? 1 : 0;
}

void
result_seal(struct result *result)
{
	size_t at = 0;

	for (uint32_t i = 0; i < result->count; i++) {
		struct ocppd_rows *rows = &result->rows[i];

		rows->values = rows->count > 0 ? &result->values[at] : NULL;
		at += (size_t)rows->count * rows->columns;
	}
	for (size_t i = 0; i < result->value_count; i++) {
		struct ocppd_value *value = &result->values[i];

		if (value->type != OCPPD_VALUE_TEXT && value->type != OCPPD_VALUE_BYTES)
			continue;
		value->data = result->bytes + value->number;
		value->number = 0;
	}
}

const struct ocppd_value *
result_value(const struct result *result, uint32_t position, uint32_t column, const void **ret_data)
{
	const struct ocppd_value *value;
	size_t at = 0;

	if (position >= result->count || column >= result->rows[position].columns ||
	    result->rows[position].count == 0)
		return NULL;
	for (uint32_t i = 0; i < position; i++)
		at += (size_t)result->rows[i].count * result->rows[i].columns;
	value = &result->values[at + column];
	if (value->type == OCPPD_VALUE_TEXT || value->type == OCPPD_VALUE_BYTES)
		*ret_data = result->bytes + value->number;
	return value;
}
