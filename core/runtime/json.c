/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The JSON writer for small texts of fixed shape, and short forms around json-c's trees. The writer
 * keeps all of its state in the caller's struct and never allocates.
 */
#include <ocppd/json.h>

#include <ocppd/time.h>

#include "base/text.h"

#include <json-c/json.h>

#define DEPTH_MAX 16
#define EXACT_MAX 9007199254740992.0 /* 2^53: doubles up to it are whole numbers exactly */

static void
fail(struct ocppd_json *json, int32_t error)
{
	if (!json->error)
		json->error = error;
}

/* One byte is kept for the NUL. */
static void
put(struct ocppd_json *json, const char *text, size_t len)
{
	if (json->error)
		return;
	if (json->len + len >= json->size) {
		fail(json, OCPPD_ESPACE);
		return;
	}
	memcpy(json->data + json->len, text, len);
	json->len += len;
}

static void
put_unit(struct ocppd_json *json, uint32_t unit)
{
	static const char hex[] = "0123456789abcdef";
	char escape[6] = { '\\',
			   'u',
			   hex[unit >> 12 & 0xf],
			   hex[unit >> 8 & 0xf],
			   hex[unit >> 4 & 0xf],
			   hex[unit & 0xf] };

	put(json, escape, sizeof(escape));
}

/* A code point beyond ASCII, as one or two UTF-16 units. */
static void
put_wide(struct ocppd_json *json, const unsigned char *at, size_t len)
{
	uint32_t point = len == 2 ? at[0] & 0x1fu : len == 3 ? at[0] & 0x0fu : at[0] & 0x07u;

	for (size_t i = 1; i < len; i++)
		point = point << 6 | (at[i] & 0x3fu);
	if (point < 0x10000) {
		put_unit(json, point);
		return;
	}
	point -= 0x10000;
	put_unit(json, 0xd800u + (point >> 10));
	put_unit(json, 0xdc00u + (point & 0x3ffu));
}

static void
put_special(struct ocppd_json *json, unsigned char c)
{
	static const char letters[] = "\b\f\n\r\t\"\\";
	static const char escapes[] = "bfnrt\"\\";
	const char *letter = strchr(letters, c);
	char escape[2] = { '\\', 0 };

	if (!letter) {
		put_unit(json, c);
		return;
	}
	escape[1] = escapes[letter - letters];
	put(json, escape, sizeof(escape));
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void
put_text(struct ocppd_json *json, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t left = strlen(text);

	put(json, "\"", 1);
	while (left && !json->error) {
		size_t run = 0;
		size_t len;

		while (run < left && is_plain(at[run]))
			run++;
		put(json, (const char *)at, run);
		at += run;
		left -= run;
		if (!left)
			break;
		len = utf8_sequence(at, left);
		if (len == 0)
			fail(json, OCPPD_EINVAL);
		else if (len == 1)
			put_special(json, at[0]);
		else
			put_wide(json, at, len);
		at += len;
		left -= len;
	}
	put(json, "\"", 1);
}

/* Comma and key before a value: keys in objects, none elsewhere, one outermost value. */
static void
put_key(struct ocppd_json *json, const char *key)
{
	uint32_t bit = 1u << json->depth;
	bool wants_key = json->depth > 0 && !(json->array & bit);

	if (json->error)
		return;
	if (wants_key != (key != NULL) || (json->depth == 0 && (json->comma & bit))) {
		fail(json, OCPPD_EINVAL);
		return;
	}
	if (json->comma & bit)
		put(json, ",", 1);
	json->comma |= bit;
	if (!key)
		return;
	put_text(json, key);
	put(json, ":", 1);
}

static void
open_value(struct ocppd_json *json, const char *key, bool is_array)
{
	uint32_t bit;

	put_key(json, key);
	if (json->depth >= DEPTH_MAX)
		fail(json, OCPPD_ESPACE);
	if (json->error)
		return;
	put(json, is_array ? "[" : "{", 1);
	json->depth++;
	bit = 1u << json->depth;
	json->comma &= ~bit;
	json->array = is_array ? json->array | bit : json->array & ~bit;
}

void
ocppd_json_begin(struct ocppd_json *json, char *buffer, size_t size)
{
	*json = (struct ocppd_json){ .data = buffer, .size = size };
	if (size)
		buffer[0] = '\0';
}

void
ocppd_json_object(struct ocppd_json *json, const char *key)
{
	open_value(json, key, false);
}

void
ocppd_json_array(struct ocppd_json *json, const char *key)
{
	open_value(json, key, true);
}

void
ocppd_json_close(struct ocppd_json *json)
{
	if (json->error)
		return;
	if (!json->depth) {
		fail(json, OCPPD_EINVAL);
		return;
	}
	put(json, json->array & 1u << json->depth ? "]" : "}", 1);
	json->depth--;
}

void
ocppd_json_str(struct ocppd_json *json, const char *key, const char *value)
{
	put_key(json, key);
	if (value)
		put_text(json, value);
	else
		put(json, "null", 4);
}

void
ocppd_json_int(struct ocppd_json *json, const char *key, int64_t value)
{
	char digits[24];
	char *at = digits + sizeof(digits);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	put_key(json, key);
	put(json, at, (size_t)(digits + sizeof(digits) - at));
}

void
ocppd_json_bool(struct ocppd_json *json, const char *key, int value)
{
	put_key(json, key);
	put(json, value ? "true" : "false", value ? 4 : 5);
}

void
ocppd_json_time(struct ocppd_json *json, const char *key, int64_t time_us)
{
	char text[OCPPD_TIME_SIZE];
	int len = ocppd_time_format(time_us, text);

	put_key(json, key);
	if (len < 0) {
		fail(json, len);
		return;
	}
	put(json, "\"", 1);
	put(json, text, (size_t)len);
	put(json, "\"", 1);
}

void
ocppd_json_raw(struct ocppd_json *json, const char *key, const char *value, size_t len)
{
	put_key(json, key);
	put(json, value, len);
}

int64_t
ocppd_json_end(struct ocppd_json *json)
{
	if (!json->error && (json->depth || !(json->comma & 1u)))
		fail(json, OCPPD_EINVAL);
	if (json->size)
		json->data[json->error ? 0 : json->len] = '\0';
	return json->error ? json->error : (int64_t)json->len;
}

/* ---- Reading trees --------------------------------------------------------------------------- */

struct json_object *
ocppd_json_get(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value))
		return NULL;
	return value;
}

const char *
ocppd_json_get_str(struct json_object *object, const char *key)
{
	struct json_object *value = ocppd_json_get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

int64_t
ocppd_json_get_int(struct json_object *object, const char *key, int64_t absent)
{
	struct json_object *value = ocppd_json_get(object, key);
	double number;

	if (json_object_is_type(value, json_type_int))
		return json_object_get_int64(value);
	if (!json_object_is_type(value, json_type_double))
		return absent;
	/* 16.0 is an integer to JSON. */
	number = json_object_get_double(value);
	if (!(number >= -EXACT_MAX && number <= EXACT_MAX) || (double)(int64_t)number < number ||
	    (double)(int64_t)number > number)
		return absent;
	return (int64_t)number;
}

int
ocppd_json_get_bool(struct json_object *object, const char *key, int absent)
{
	struct json_object *value = ocppd_json_get(object, key);

	return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
							     : absent;
}

int
ocppd_json_get_time(struct json_object *object, const char *key, int64_t *ret_us)
{
	struct json_object *value = ocppd_json_get(object, key);

	if (!value)
		return OCPPD_ENOENT;
	if (!json_object_is_type(value, json_type_string))
		return OCPPD_EINVAL;
	return ocppd_time_parse(json_object_get_string(value), 0, ret_us, NULL);
}

/* ---- Adding to trees ------------------------------------------------------------------------- */

int
ocppd_json_add(struct json_object *object, const char *key, struct json_object *value)
{
	if (!value)
		return 0;
	if (json_object_object_add(object, key, value) == 0)
		return 0;
	(void)json_object_put(value);
	return OCPPD_ENOMEM;
}

static int
add_made(struct json_object *object, const char *key, struct json_object *value)
{
	return value ? ocppd_json_add(object, key, value) : OCPPD_ENOMEM;
}

int
ocppd_json_add_str(struct json_object *object, const char *key, const char *value)
{
	return value ? add_made(object, key, json_object_new_string(value)) : 0;
}

int
ocppd_json_add_int(struct json_object *object, const char *key, int64_t value)
{
	return add_made(object, key, json_object_new_int64(value));
}

int
ocppd_json_add_bool(struct json_object *object, const char *key, int value)
{
	return add_made(object, key, json_object_new_boolean(value != 0));
}

int
ocppd_json_add_time(struct json_object *object, const char *key, int64_t time_us)
{
	char text[OCPPD_TIME_SIZE];
	int r = ocppd_time_format(time_us, text);

	return r < 0 ? r : ocppd_json_add_str(object, key, text);
}
