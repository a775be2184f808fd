/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A recogniser of JSON. Each function takes one thing off the front of what is left.
 */
#include "strict.h"

#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 64

struct cursor {
	const char *at;
	const char *end;
};

static bool
take(struct cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

static bool
take_word(struct cursor *cursor, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(cursor->end - cursor->at) < len || memcmp(cursor->at, word, len) != 0)
		return false;
	cursor->at += len;
	return true;
}

static size_t
take_digits(struct cursor *cursor)
{
	const char *begin = cursor->at;

	while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9')
		cursor->at++;
	return (size_t)(cursor->at - begin);
}

static bool
take_number(struct cursor *cursor)
{
	const char *first;
	size_t count;

	(void)take(cursor, '-');
	first = cursor->at;
	count = take_digits(cursor);
	if (count == 0 || (count > 1 && *first == '0'))
		return false;
	if (take(cursor, '.') && take_digits(cursor) == 0)
		return false;
	if (!take(cursor, 'e') && !take(cursor, 'E'))
		return true;
	if (!take(cursor, '+'))
		(void)take(cursor, '-');
	return take_digits(cursor) > 0;
}

static bool
take_escape(struct cursor *cursor)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (cursor->at == cursor->end)
		return false;
	if (*cursor->at != 'u')
		return *cursor->at != '\0' && strchr("\"\\/bfnrt", *cursor->at++) != NULL;
	cursor->at++;
	if (cursor->end - cursor->at < 4)
		return false;
	for (int i = 0; i < 4; i++, cursor->at++) {
		if (*cursor->at == '\0' || strchr(hex, *cursor->at) == NULL)
			return false;
	}
	return true;
}

static bool
take_string(struct cursor *cursor)
{
	if (!take(cursor, '"'))
		return false;
	while (cursor->at < cursor->end && *cursor->at != '"') {
		char c = *cursor->at++;

		if (c < 0x20 || c >= 0x7f || (c == '\\' && !take_escape(cursor)))
			return false;
	}
	return take(cursor, '"');
}

static bool
take_scalar(struct cursor *cursor)
{
	if (cursor->at == cursor->end)
		return false;
	switch (*cursor->at) {
	case '"':
		return take_string(cursor);
	case 't':
		return take_word(cursor, "true");
	case 'f':
		return take_word(cursor, "false");
	case 'n':
		return take_word(cursor, "null");
	default:
		return take_number(cursor);
	}
}

/* Opens objects and arrays until a whole value was taken or one was empty. */
static bool
take_value(struct cursor *cursor, char *stack, uint32_t *depth)
{
	for (;;) {
		bool is_array = take(cursor, '[');

		if (!is_array && !take(cursor, '{'))
			return take_scalar(cursor);
		if (take(cursor, is_array ? ']' : '}'))
			return true;
		if (*depth == DEPTH_MAX)
			return false;
		stack[(*depth)++] = is_array ? ']' : '}';
		if (!is_array && !(take_string(cursor) && take(cursor, ':')))
			return false;
	}
}

bool
strict_json(const char *text, size_t len)
{
	struct cursor cursor = { text, text + len };
	char stack[DEPTH_MAX];
	uint32_t depth = 0;

	for (;;) {
		if (!take_value(&cursor, stack, &depth))
			return false;
		while (depth > 0 && take(&cursor, stack[depth - 1]))
			depth--;
		if (depth == 0)
			return cursor.at == cursor.end;
		if (!take(&cursor, ','))
			return false;
		if (stack[depth - 1] == '}' && !(take_string(&cursor) && take(&cursor, ':')))
			return false;
	}
}
