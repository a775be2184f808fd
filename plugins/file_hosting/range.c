/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Parts of files: the Range header, and the sum of what was sent. No state, no files.
 */
#include "range.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DIGITS_MAX 18

/* Digits at *at, which moves behind them. False: none, or too many. */
static bool
read_number(const char **at, const char *end, int64_t *ret_number)
{
	int64_t number = 0;
	int digits = 0;

	while (*at < end && **at >= '0' && **at <= '9' && digits < DIGITS_MAX) {
		number = number * 10 + (**at - '0');
		(*at)++;
		digits++;
	}
	*ret_number = number;
	return digits > 0 && (*at == end || **at < '0' || **at > '9');
}

enum range_kind
range_parse(const char *header, int64_t size, int64_t *ret_from, int64_t *ret_to)
{
	const char *end = header == NULL ? NULL : header + strlen(header);
	const char *at = header;
	bool has_from;
	bool has_to;
	int64_t from;
	int64_t to;

	if (header == NULL || strncasecmp(header, "bytes=", 6) != 0)
		return RANGE_NONE;
	at += 6;
	at += strspn(at, " ");
	has_from = read_number(&at, end, &from);
	if (*at != '-')
		return RANGE_NONE;
	at++;
	has_to = read_number(&at, end, &to);
	at += strspn(at, " ");
	if (*at != '\0' || (!has_from && !has_to) || (has_from && has_to && to < from))
		return RANGE_NONE;
	if (!has_from) {
		if (to == 0 || size == 0)
			return RANGE_UNFIT;
		from = to >= size ? 0 : size - to;
		to = size - 1;
	} else if (from >= size) {
		return RANGE_UNFIT;
	} else if (!has_to || to >= size) {
		to = size - 1;
	}
	*ret_from = from;
	*ret_to = to;
	return RANGE_PART;
}

static void
remove_at(struct spans *spans, uint32_t i)
{
	memmove(&spans->items[i], &spans->items[i + 1],
		(spans->count - i - 1) * sizeof(spans->items[0]));
	spans->count--;
}

static void
remove_shortest(struct spans *spans)
{
	uint32_t found = 0;

	for (uint32_t i = 1; i < spans->count; i++) {
		if (spans->items[i].to - spans->items[i].from <
		    spans->items[found].to - spans->items[found].from)
			found = i;
	}
	remove_at(spans, found);
}

void
spans_add(struct spans *spans, int64_t from, int64_t to)
{
	uint32_t at = 0;

	if (from >= to)
		return;
	while (at < spans->count && spans->items[at].to < from)
		at++;
	while (at < spans->count && spans->items[at].from <= to) {
		from = spans->items[at].from < from ? spans->items[at].from : from;
		to = spans->items[at].to > to ? spans->items[at].to : to;
		remove_at(spans, at);
	}
	if (spans->count == SPANS_MAX) {
		remove_shortest(spans);
		for (at = 0; at < spans->count && spans->items[at].to < from;)
			at++;
	}
	memmove(&spans->items[at + 1], &spans->items[at],
		(spans->count - at) * sizeof(spans->items[0]));
	spans->items[at] = (struct span){ from, to };
	spans->count++;
}

int64_t
spans_total(const struct spans *spans)
{
	int64_t total = 0;

	for (uint32_t i = 0; i < spans->count; i++)
		total += spans->items[i].to - spans->items[i].from;
	return total;
}

void
spans_print(const struct spans *spans, char ret_text[SPANS_TEXT_SIZE])
{
	size_t len = 0;

	ret_text[0] = '\0';
	for (uint32_t i = 0; i < spans->count; i++) {
		int n = snprintf(ret_text + len, SPANS_TEXT_SIZE - len, "%s%lld-%lld",
				 i == 0 ? "" : ",", (long long)spans->items[i].from,
				 (long long)spans->items[i].to);

		if (n < 0 || (size_t)n >= SPANS_TEXT_SIZE - len)
			return;
		len += (size_t)n;
	}
}

void
spans_read(const char *text, size_t len, struct spans *ret_spans)
{
	const char *end = text + len;

	ret_spans->count = 0;
	while (text < end) {
		int64_t from;
		int64_t to;

		if (!read_number(&text, end, &from) || text == end || *text != '-')
			return;
		text++;
		if (!read_number(&text, end, &to))
			return;
		spans_add(ret_spans, from, to);
		if (text < end && *text != ',')
			return;
		text++;
	}
}
