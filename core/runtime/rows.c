/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Rows of tables as answers of the operator API. Knows values and pages, no table.
 */
#include <ocppd/rows.h>

#include <ocppd/json.h>
#include <ocppd/route.h>

#include "base/text.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 18

/* ---- Values ------------------------------------------------------------------------------- */

struct json_object *
ocppd_value_json(const struct ocppd_value *value)
{
	switch (value->type) {
	case OCPPD_VALUE_TEXT:
		return value->len > INT32_MAX
			       ? NULL
			       : json_object_new_string_len(value->data, (int)value->len);
	case OCPPD_VALUE_INT:
		return json_object_new_int64(value->number);
	case OCPPD_VALUE_DOUBLE:
		return json_object_new_double(value->real);
	default:
		return NULL;
	}
}

int
ocppd_json_add_value(struct json_object *object, const char *key, const struct ocppd_value *value)
{
	struct json_object *json;

	if (value->type != OCPPD_VALUE_TEXT && value->type != OCPPD_VALUE_INT &&
	    value->type != OCPPD_VALUE_DOUBLE)
		return 0;
	json = ocppd_value_json(value);
	return json == NULL ? OCPPD_ENOMEM : ocppd_json_add(object, key, json);
}

int
ocppd_json_add_time_value(struct json_object *object, const char *key,
			  const struct ocppd_value *value)
{
	return value->type == OCPPD_VALUE_INT ? ocppd_json_add_time(object, key, value->number) : 0;
}

char *
ocppd_value_dup(const struct ocppd_value *value)
{
	return value->type == OCPPD_VALUE_TEXT ? strndup(value->data, value->len) : NULL;
}

size_t
ocppd_value_copy(const struct ocppd_value *value, char *ret_text, size_t size)
{
	size_t len = value->type == OCPPD_VALUE_TEXT ? value->len : 0;
	bool is_cut = len >= size;

	if (is_cut)
		len = size - 1;
	if (len > 0)
		memcpy(ret_text, value->data, len);
	ret_text[len] = '\0';
	/* Not within a character: the rest of one that was cut is no UTF-8. */
	while (is_cut && len > 0 &&
	       ((unsigned char)((const char *)value->data)[len] & 0xc0) == 0x80)
		ret_text[--len] = '\0';
	return len;
}

struct ocppd_value
ocppd_value_text_or_null(const char *text)
{
	return ocppd_value_str(text == NULL || text[0] == '\0' ? NULL : text);
}

struct ocppd_value
ocppd_value_int_or_null(int64_t number)
{
	return number == 0 ? ocppd_value_null() : ocppd_value_int(number);
}

/* ---- Lists -------------------------------------------------------------------------------- */

static int
add_next(struct json_object *body, const struct ocppd_value *cursor)
{
	char text[I64_TEXT_SIZE];

	if (cursor->type != OCPPD_VALUE_INT)
		return ocppd_json_add_value(body, "next", cursor);
	text[i64_text(cursor->number, text)] = '\0';
	return ocppd_json_add_str(body, "next", text);
}

static struct json_object *
item_json(const struct ocppd_page *page, const struct ocppd_value *row)
{
	return page->row_json_in != NULL ? page->row_json_in(row, page->ctx) : page->row_json(row);
}

void
ocppd_request_reply_page(struct ocppd_host *host, struct ocppd_request *request,
			 const struct ocppd_rows *rows, const struct ocppd_page *page)
{
	struct json_object *body = json_object_new_object();
	struct json_object *items = json_object_new_array();
	int r = body == NULL || items == NULL ? OCPPD_ENOMEM : 0;

	for (uint32_t i = 0; r >= 0 && i < rows->count && i < page->limit; i++) {
		struct json_object *item =
			item_json(page, rows->values + (size_t)i * rows->columns);

		if (item != NULL && json_object_array_add(items, item) < 0) {
			json_object_put(item);
			r = OCPPD_ENOMEM;
		}
	}
	if (r >= 0) {
		r = ocppd_json_add(body, "items", items);
		items = NULL;
	}
	if (r >= 0 && page->limit > 0 && rows->count > page->limit)
		r = add_next(body, rows->values + (size_t)(page->limit - 1) * rows->columns +
					   page->cursor);
	if (r < 0) {
		json_object_put(items);
		json_object_put(body);
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	ocppd_request_reply(host, request, 200, body);
}

int
ocppd_number_parse(const char *text, int64_t *ret_number)
{
	size_t len = text == NULL ? 0 : strlen(text);
	int64_t number = 0;

	if (len == 0 || len > DIGITS_MAX || strspn(text, "0123456789") != len)
		return OCPPD_EINVAL;
	for (; *text != '\0'; text++)
		number = number * 10 + (*text - '0');
	*ret_number = number;
	return 0;
}
