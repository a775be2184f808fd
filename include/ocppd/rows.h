/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_ROWS_H
#define OCPPD_ROWS_H

/*
 * From rows of a table to answers of the operator API: values as JSON and as text, and lists in
 * pages.
 */
#include <ocppd/abi.h>
#include <ocppd/service/storage.h>

OCPPD_BEGIN_DECLS

struct json_object;
struct ocppd_host;
struct ocppd_request;

/* ---- Values. Any thread. ------------------------------------------------------------------- */

/* A text or a number as JSON, owned by the caller; NULL for what is neither, and out of memory. */
OCPPD_API struct json_object *ocppd_value_json(const struct ocppd_value *value);
/* The same as a member; one that is neither adds nothing. Returns 0 or OCPPD_ENOMEM. */
OCPPD_API int ocppd_json_add_value(struct json_object *object, const char *key,
				   const struct ocppd_value *value);
/* A number in microseconds as a time; what is no number adds nothing. 0 or OCPPD_ENOMEM. */
OCPPD_API int ocppd_json_add_time_value(struct json_object *object, const char *key,
					const struct ocppd_value *value);
/* A text, freed by free(); NULL for what is none, and out of memory. */
OCPPD_API char *ocppd_value_dup(const struct ocppd_value *value);
/* A text into size bytes (at least 1), cut between characters; "" for what is none. Returns its
 * length. */
OCPPD_API size_t ocppd_value_copy(const struct ocppd_value *value, char *ret_text, size_t size);
/* Values for a statement: NULL for "" and for a time of 0. text is borrowed until it is added. */
OCPPD_API struct ocppd_value ocppd_value_text_or_null(const char *text);
OCPPD_API struct ocppd_value ocppd_value_int_or_null(int64_t number);

/* ---- Lists. Core thread. ------------------------------------------------------------------- */

/* A row as an item, owned by the caller. NULL leaves it out. */
typedef struct json_object *ocppd_row_json_fn(const struct ocppd_value *row);
typedef struct json_object *ocppd_row_json_in_fn(const struct ocppd_value *row, void *ctx);

struct ocppd_page {
	uint32_t struct_size;
	uint32_t cursor; /* the column that `next` is made of: a number or a text */
	int64_t limit;   /* items at most. Ask for one row more: it tells that there is a next page.
			  */
	ocppd_row_json_fn *row_json;
	ocppd_row_json_in_fn *row_json_in; /* instead of row_json, where it needs ctx */
	void *ctx;
};
/* Answers 200 with {"items": […], "next": "…"}. The request is gone afterwards. */
OCPPD_API void ocppd_request_reply_page(struct ocppd_host *host, struct ocppd_request *request,
					const struct ocppd_rows *rows,
					const struct ocppd_page *page);
/* `after` of a list whose cursor is a number, or a number in a path: 1 to 18 digits. Returns 0 or
 * OCPPD_EINVAL. Any thread. */
OCPPD_API int ocppd_number_parse(const char *text, int64_t *ret_number);

OCPPD_END_DECLS
#endif
