/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * All tags as CSV, out and in. Out: in pages. In: every line is checked first and every bad one
 * named; only a table without one is written, in units of bounded size, one after the other. An
 * import that storage cut short says how far it came, and may be sent again.
 */
#include "id_tags.h"

#include <ocppd/csv.h>
#include <ocppd/rows.h>

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ROWS 500
#define ROWS_MAX 100000     /* of one import */
#define UNIT_ROWS 500       /* written at a time */
#define FINDINGS_MAX 1000   /* named; the others are counted */
#define FINDINGS_IN_TEXT 10 /* in the problem's own sentence */
#define PARENT_MAX 20
#define ACTIVE_MAX 1000000

enum column {
	COLUMN_TAG,
	COLUMN_STATUS,
	COLUMN_EXPIRY,
	COLUMN_PARENT,
	COLUMN_ACTIVE,
	COLUMN_SOURCE,
	COLUMN_COUNT,
};
static const char *const column_names[COLUMN_COUNT] = {
	"idTag", "status", "expiryDate", "parentIdTag", "maxActiveTransactions", "source",
};

/* ---- Out --------------------------------------------------------------------------------------
 */

struct export_op {
	struct ocppd_csv csv;
	char next[OCPPD_TOKEN_MAX + 1];
};

static void
add_tag(struct ocppd_csv *csv, const struct ocppd_tag_info *tag)
{
	struct id_tags *ctx = csv->ctx;
	bool is_fixed = cache_find(&ctx->fixed, tag->token, 0) != NULL;
	struct ocppd_value expiry =
		tag->has_expiry ? ocppd_value_int(tag->expiry_us) : ocppd_value_null();
	struct ocppd_value active = ocppd_value_int_or_null(tag->max_active);

	ocppd_csv_add_str(csv, tag->presented);
	ocppd_csv_add_str(
		csv,
		tag_status_words[tag->status == OCPPD_AUTH_ACCEPTED  ? TAG_STATUS_ACCEPTED - 1
				 : tag->status == OCPPD_AUTH_BLOCKED ? TAG_STATUS_BLOCKED - 1
								     : TAG_STATUS_INVALID - 1]);
	ocppd_csv_add_time_value(csv, &expiry);
	ocppd_csv_add_str(csv, tag->parent);
	ocppd_csv_add_value(csv, &active);
	ocppd_csv_add_str(csv, is_fixed ? "configuration" : "database");
	ocppd_csv_end_row(csv);
}

static void
on_export_page(struct ocppd_host *host, int result, const struct ocppd_tag_info *tags,
	       uint32_t count, const char *next, void *arg)
{
	struct export_op *op = arg;

	(void)host;
	for (uint32_t i = 0; i < count; i++)
		add_tag(&op->csv, &tags[i]);
	snprintf(op->next, sizeof(op->next), "%s", next == NULL ? "" : next);
	ocppd_csv_page(&op->csv, result, next == NULL);
}

static int
read_page(void *csv)
{
	struct export_op *op = csv;
	struct id_tags *ctx = op->csv.ctx;

	return walk_tags(ctx, ctx->host, op->next, PAGE_ROWS, on_export_page, op);
}

void
routes_export(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct id_tags *ctx = arg;
	struct export_op *op = ocppd_csv_new(&ctx->works, request, sizeof(*op));

	(void)host;
	if (op == NULL)
		return;
	op->csv.read = read_page;
	ocppd_csv_begin(&op->csv, column_names, COLUMN_COUNT);
}

/* ---- In ---------------------------------------------------------------------------------------
 */

struct import_row {
	const char *presented; /* in the import's text */
	const char *parent;    /* or NULL */
	int64_t expiry_us;
	int64_t max_active;
	uint32_t status; /* TAG_STATUS_* */
	bool has_expiry;
};

struct import_op {
	struct id_tags *ctx;
	struct ocppd_request *request;
	char *text;
	struct import_row *rows;
	size_t count;
	size_t size;
	size_t written;
	uint32_t skipped; /* those of the configuration */
	bool has[COLUMN_COUNT];
	uint32_t columns[COLUMN_COUNT]; /* the field that holds it */
	uint32_t column_count;
	struct cache seen; /* folded tags, with the line as their limit */
	struct json_object *findings;
	uint32_t finding_count;
	char sentence[512];
	bool is_out_of_memory;
};

static void
import_free(struct import_op *op)
{
	struct id_tags *ctx = op->ctx;

	cache_fini(&op->seen);
	json_object_put(op->findings);
	free(op->rows);
	free(op->text);
	free(op);
	id_tags_done(ctx);
}

static void
find(struct import_op *op, uint32_t line, const char *text)
{
	struct json_object *finding;
	size_t len = strlen(op->sentence);

	op->finding_count++;
	if (op->finding_count <= FINDINGS_IN_TEXT && len < sizeof(op->sentence))
		snprintf(op->sentence + len, sizeof(op->sentence) - len, "%sline %u: %s",
			 len == 0 ? "" : "; ", line, text);
	if (op->finding_count > FINDINGS_MAX)
		return;
	finding = json_object_new_object();
	ocppd_json_add_int(finding, "line", line);
	ocppd_json_add_str(finding, "text", text);
	json_object_array_add(op->findings, finding);
}

/* A cell, NULL where it is empty or the column is missing. */
static const char *
cell(const struct import_op *op, char *const *fields, enum column column)
{
	const char *text = op->has[column] ? fields[op->columns[column]] : NULL;

	return text == NULL || text[0] == '\0' ? NULL : text;
}

/* Returns why the line is bad, or NULL. */
static const char *
read_limit(const char *text, int64_t *ret)
{
	int64_t number = 0;

	for (; text != NULL && *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || number > ACTIVE_MAX)
			return "maxActiveTransactions is no number from 0 to 1000000";
		number = number * 10 + (*text - '0');
	}
	*ret = number;
	return number > ACTIVE_MAX ? "maxActiveTransactions is no number from 0 to 1000000" : NULL;
}

static const char *
read_status(const char *text, uint32_t *ret)
{
	*ret = TAG_STATUS_ACCEPTED;
	if (text == NULL)
		return NULL;
	for (uint32_t i = 0; tag_status_words[i] != NULL; i++) {
		if (strcmp(text, tag_status_words[i]) == 0) {
			*ret = i + 1;
			return NULL;
		}
	}
	return "status is none of Accepted, Blocked, Invalid";
}

static const char *
read_row(const struct import_op *op, char *const *fields, struct import_row *ret)
{
	const char *expiry = cell(op, fields, COLUMN_EXPIRY);
	const char *why;

	memset(ret, 0, sizeof(*ret));
	ret->presented = fields[op->columns[COLUMN_TAG]];
	ret->parent = cell(op, fields, COLUMN_PARENT);
	if (ret->parent != NULL && strlen(ret->parent) > PARENT_MAX)
		return "parentIdTag is longer than 20 characters";
	if (expiry != NULL && ocppd_time_parse(expiry, 0, &ret->expiry_us, NULL) < 0)
		return "expiryDate is no RFC 3339 time, such as 2030-01-01T00:00:00Z";
	ret->has_expiry = expiry != NULL;
	why = read_status(cell(op, fields, COLUMN_STATUS), &ret->status);
	return why != NULL ? why : read_limit(cell(op, fields, COLUMN_ACTIVE), &ret->max_active);
}

/* No path can name such a tag: it could not be changed or forgotten. */
static bool
has_control(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0))
			return true;
	}
	return false;
}

/* The tag of a line is one, and the only one of its kind. */
static const char *
check_tag(struct import_op *op, const char *presented, uint32_t line)
{
	char folded[OCPPD_TOKEN_MAX + 1];
	struct tag entry = { .token = folded, .max_active = line };

	if (token_fold(presented, folded) < 0)
		return "idTag is empty or longer than 255 bytes";
	if (has_control(presented))
		return "idTag holds a control character, such as a line break";
	if (cache_find(&op->ctx->fixed, folded, 0) != NULL)
		return "this id tag stands in the configuration file";
	if (cache_find(&op->seen, folded, 0) != NULL)
		return "this id tag came in an earlier line";
	if (cache_put(&op->seen, &entry, 0) < 0)
		op->is_out_of_memory = true;
	return NULL;
}

static void
add_row(struct import_op *op, const struct import_row *row)
{
	if (op->count == op->size) {
		size_t size = op->size * 2 + 256;
		struct import_row *grown = realloc(op->rows, size * sizeof(*grown));

		if (grown == NULL) {
			op->is_out_of_memory = true;
			return;
		}
		op->rows = grown;
		op->size = size;
	}
	op->rows[op->count++] = *row;
}

static void
read_line(struct import_op *op, char *const *fields, uint32_t count, uint32_t line)
{
	const char *source;
	struct import_row row;
	const char *why;

	if (count != op->column_count) {
		find(op, line, "it has another number of columns than the first line");
		return;
	}
	source = cell(op, fields, COLUMN_SOURCE);
	if (source != NULL && strcmp(source, "configuration") == 0) {
		op->skipped++;
		return;
	}
	why = read_row(op, fields, &row);
	if (why == NULL)
		why = check_tag(op, row.presented, line);
	if (why != NULL)
		find(op, line, why);
	else if (op->count >= ROWS_MAX)
		find(op, line, "an import holds at most 100000 id tags");
	else
		add_row(op, &row);
}

/* The first line names the columns, in any order; idTag must be among them. */
static bool
read_head(struct import_op *op, char *const *fields, int count, uint32_t line)
{
	for (int i = 0; i < count; i++) {
		uint32_t column = 0;

		while (column < COLUMN_COUNT && strcmp(fields[i], column_names[column]) != 0)
			column++;
		if (column == COLUMN_COUNT || op->has[column]) {
			find(op, line,
			     "the columns are idTag and any of status, expiryDate, parentIdTag, "
			     "maxActiveTransactions, source, each once");
			return false;
		}
		op->has[column] = true;
		op->columns[column] = (uint32_t)i;
	}
	op->column_count = count < 0 ? 0 : (uint32_t)count;
	if (!op->has[COLUMN_TAG])
		find(op, line, "the first line must name the columns, idTag among them");
	return op->has[COLUMN_TAG];
}

static void
read_all(struct import_op *op, size_t len)
{
	char *fields[COLUMN_COUNT + 1];
	struct ocppd_csv_reader csv;
	int r;

	ocppd_csv_reader_init(&csv, op->text, len);
	r = ocppd_csv_read(&csv, fields, COLUMN_COUNT + 1);
	if (!read_head(op, fields, r, csv.line == 0 ? 1 : csv.line))
		return;
	while (!op->is_out_of_memory && (r = ocppd_csv_read(&csv, fields, COLUMN_COUNT + 1)) != 0) {
		if (r == OCPPD_EINVAL)
			find(op, csv.line,
			     "a quotation mark stands where none may, or is not closed");
		else
			read_line(op, fields, r < 0 ? 0 : (uint32_t)r, csv.line);
	}
}

/* ---- Writing ----------------------------------------------------------------------------------
 */

static void import_next(struct import_op *op);

static void
import_done(struct import_op *op)
{
	struct json_object *body = json_object_new_object();

	OCPPD_INFO(op->ctx->host, "tags.imported", OCPPD_INT("count", (int64_t)op->written),
		   OCPPD_STR("user", ocppd_request_user(op->request)));
	if (op->written > 0)
		tell_changed(op->ctx, NULL);
	ocppd_json_add_int(body, "imported", (int64_t)op->written);
	ocppd_json_add_int(body, "skipped", op->skipped);
	ocppd_request_reply(op->ctx->host, op->request, 200, body);
	import_free(op);
}

static void
import_cut(struct import_op *op, int result, const struct ocppd_error *err)
{
	struct ocppd_error own = { 0 };

	if (op->written > 0)
		tell_changed(op->ctx, NULL);
	(void)ocppd_error_set(
		&own, result, "%zu of %zu id tags were written: %s", op->written, op->count,
		err != NULL && err->text[0] != '\0' ? err->text : ocppd_strerror(result));
	ocppd_request_fail(op->ctx->host, op->request, result, &own);
	import_free(op);
}

static void
on_written(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct import_op *op = arg;
	struct tag_texts texts;
	struct tag tag;

	(void)host;
	op->ctx->generation++;
	if (result < 0) {
		import_cut(op, result, err);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (rows[i].count == 0)
			continue;
		tag_from_row(rows[i].values, &texts, &tag);
		id_tags_remember(op->ctx, &tag);
	}
	op->written += count;
	import_next(op);
}

static int
add_put(struct import_op *op, struct ocppd_unit *unit, const struct import_row *row)
{
	struct id_tags *ctx = op->ctx;
	char token[OCPPD_TOKEN_MAX + 1];

	(void)token_fold(row->presented, token);
	/* A column that is missing leaves what there is; an empty cell takes it away. */
	const struct ocppd_value values[] = {
		ocppd_value_str(token),
		ocppd_value_str(row->presented),
		ocppd_value_int(row->status),
		row->has_expiry ? ocppd_value_int(row->expiry_us) : ocppd_value_null(),
		ocppd_value_str(row->parent),
		ocppd_value_int(row->max_active),
		ocppd_value_int(ocppd_now_us(ctx->host)),
		ocppd_value_int(op->has[COLUMN_STATUS]),
		ocppd_value_int(op->has[COLUMN_EXPIRY]),
		ocppd_value_int(op->has[COLUMN_PARENT]),
		ocppd_value_int(op->has[COLUMN_ACTIVE]),
	};

	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_PUT, values,
				      sizeof(values) / sizeof(values[0]), 0);
}

static void
import_next(struct import_op *op)
{
	struct id_tags *ctx = op->ctx;
	struct ocppd_unit *unit = NULL;
	size_t end = op->written + UNIT_ROWS;
	int r;

	if (op->written == op->count) {
		import_done(op);
		return;
	}
	r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);
	for (size_t i = op->written; r >= 0 && i < end && i < op->count; i++)
		r = add_put(op, unit, &op->rows[i]);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		import_cut(op, r, NULL);
		return;
	}
	ctx->generation++;
	ctx->storage->unit_commit(unit, on_written, op);
}

/* Every bad line by number and reason; nothing was written. */
static void
import_refuse(struct import_op *op)
{
	struct json_object *body = json_object_new_object();
	char detail[640];

	snprintf(detail, sizeof(detail), "%u %s wrong, nothing was imported: %s%s",
		 op->finding_count, op->finding_count == 1 ? "line is" : "lines are", op->sentence,
		 op->finding_count > FINDINGS_IN_TEXT ? "; …" : "");
	ocppd_json_add_str(body, "type", "urn:ocppd:problem:bad-lines");
	ocppd_json_add_str(body, "title", "Bad lines");
	ocppd_json_add_int(body, "status", 422);
	ocppd_json_add_str(body, "detail", detail);
	ocppd_json_add_int(body, "count", op->finding_count);
	ocppd_json_add(body, "lines", json_object_get(op->findings));
	ocppd_request_reply(op->ctx->host, op->request, 422, body);
	import_free(op);
}

void
routes_import(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct id_tags *ctx = arg;
	const char *csv = ocppd_json_get_str(ocppd_request_body(request), "csv");
	struct import_op *op = calloc(1, sizeof(*op));

	if (op == NULL || cache_init(&op->seen, 0) < 0) {
		free(op);
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	op->ctx = ctx;
	op->request = request;
	ctx->outstanding++;
	op->text = strdup(csv == NULL ? "" : csv);
	op->findings = json_object_new_array();
	if (op->text == NULL || op->findings == NULL)
		op->is_out_of_memory = true;
	else
		read_all(op, strlen(op->text));
	if (op->is_out_of_memory) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		import_free(op);
	} else if (op->finding_count > 0) {
		import_refuse(op);
	} else {
		import_next(op);
	}
}
