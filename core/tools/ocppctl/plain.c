/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What a terminal may be shown, and how wide it is there. No locale: the ranges are those of
 * Unicode 15 in which East Asian width is W or F, and of marks and formats that take no column.
 */
#include "plain.h"

#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct range {
	uint32_t first;
	uint32_t last;
};

static const struct range none_wide[] = {
	{ 0x0300, 0x036f },   { 0x0483, 0x0489 },   { 0x0591, 0x05bd },   { 0x05bf, 0x05bf },
	{ 0x05c1, 0x05c2 },   { 0x05c4, 0x05c5 },   { 0x05c7, 0x05c7 },   { 0x0610, 0x061a },
	{ 0x064b, 0x065f },   { 0x0670, 0x0670 },   { 0x06d6, 0x06dc },   { 0x06df, 0x06e4 },
	{ 0x06e7, 0x06e8 },   { 0x06ea, 0x06ed },   { 0x0900, 0x0902 },   { 0x093a, 0x093a },
	{ 0x093c, 0x093c },   { 0x0941, 0x0948 },   { 0x094d, 0x094d },   { 0x0e31, 0x0e31 },
	{ 0x0e34, 0x0e3a },   { 0x0e47, 0x0e4e },   { 0x1160, 0x11ff },   { 0x1ab0, 0x1aff },
	{ 0x1dc0, 0x1dff },   { 0x200b, 0x200f },   { 0x2028, 0x202e },   { 0x2060, 0x206f },
	{ 0x20d0, 0x20ff },   { 0xfe00, 0xfe0f },   { 0xfe20, 0xfe2f },   { 0xfeff, 0xfeff },
	{ 0x1f3fb, 0x1f3ff }, { 0xe0001, 0xe007f }, { 0xe0100, 0xe01ef },
};

static const struct range double_wide[] = {
	{ 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x2329, 0x232a },   { 0x23e9, 0x23ec },
	{ 0x23f0, 0x23f0 },   { 0x23f3, 0x23f3 },   { 0x25fd, 0x25fe },   { 0x2614, 0x2615 },
	{ 0x2648, 0x2653 },   { 0x267f, 0x267f },   { 0x2693, 0x2693 },   { 0x26a1, 0x26a1 },
	{ 0x26aa, 0x26ab },   { 0x26bd, 0x26be },   { 0x26c4, 0x26c5 },   { 0x26ce, 0x26ce },
	{ 0x26d4, 0x26d4 },   { 0x26ea, 0x26ea },   { 0x26f2, 0x26f3 },   { 0x26f5, 0x26f5 },
	{ 0x26fa, 0x26fa },   { 0x26fd, 0x26fd },   { 0x2705, 0x2705 },   { 0x270a, 0x270b },
	{ 0x2728, 0x2728 },   { 0x274c, 0x274c },   { 0x274e, 0x274e },   { 0x2753, 0x2755 },
	{ 0x2757, 0x2757 },   { 0x2795, 0x2797 },   { 0x27b0, 0x27b0 },   { 0x27bf, 0x27bf },
	{ 0x2b1b, 0x2b1c },   { 0x2b50, 0x2b50 },   { 0x2b55, 0x2b55 },   { 0x2e80, 0x303e },
	{ 0x3041, 0x33ff },   { 0x3400, 0x4dbf },   { 0x4e00, 0xa4cf },   { 0xa960, 0xa97c },
	{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe10, 0xfe19 },   { 0xfe30, 0xfe6b },
	{ 0xff01, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x16fe0, 0x18cff }, { 0x1aff0, 0x1b2fb },
	{ 0x1f004, 0x1f004 }, { 0x1f0cf, 0x1f0cf }, { 0x1f18e, 0x1f18e }, { 0x1f191, 0x1f19a },
	{ 0x1f200, 0x1f320 }, { 0x1f32d, 0x1f335 }, { 0x1f337, 0x1f37c }, { 0x1f37e, 0x1f393 },
	{ 0x1f3a0, 0x1f3ca }, { 0x1f3cf, 0x1f3d3 }, { 0x1f3e0, 0x1f3f0 }, { 0x1f3f4, 0x1f3f4 },
	{ 0x1f3f8, 0x1f43e }, { 0x1f440, 0x1f440 }, { 0x1f442, 0x1f4fc }, { 0x1f4ff, 0x1f53d },
	{ 0x1f54b, 0x1f54e }, { 0x1f550, 0x1f567 }, { 0x1f57a, 0x1f57a }, { 0x1f595, 0x1f596 },
	{ 0x1f5a4, 0x1f5a4 }, { 0x1f5fb, 0x1f64f }, { 0x1f680, 0x1f6c5 }, { 0x1f6cc, 0x1f6cc },
	{ 0x1f6d0, 0x1f6d2 }, { 0x1f6d5, 0x1f6d7 }, { 0x1f6dc, 0x1f6df }, { 0x1f6eb, 0x1f6ec },
	{ 0x1f6f4, 0x1f6fc }, { 0x1f7e0, 0x1f7eb }, { 0x1f7f0, 0x1f7f0 }, { 0x1f90c, 0x1f93a },
	{ 0x1f93c, 0x1f945 }, { 0x1f947, 0x1f9ff }, { 0x1fa70, 0x1faff }, { 0x20000, 0x3fffd },
};

/* Marks, embeddings, overrides and isolates of the bidirectional algorithm; line separators. */
static const struct range bending[] = {
	{ 0x061c, 0x061c },
	{ 0x200e, 0x200f },
	{ 0x2028, 0x202e },
	{ 0x2066, 0x2069 },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool
is_within(const struct range *ranges, size_t count, uint32_t point)
{
	size_t low = 0;

	while (low < count) {
		size_t middle = (low + count) / 2;

		if (point > ranges[middle].last)
			low = middle + 1;
		else if (point < ranges[middle].first)
			count = middle;
		else
			return true;
	}
	return false;
}

/* The character at `at` and its bytes; a byte that begins none stands for itself. */
static size_t
point_read(const char *at, size_t left, uint32_t *ret_point)
{
	const unsigned char *bytes = (const unsigned char *)at;
	size_t len = utf8_sequence(bytes, left);

	if (len < 2) {
		*ret_point = bytes[0];
		return 1;
	}
	*ret_point = bytes[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
		*ret_point = *ret_point << 6 | (bytes[i] & 0x3fu);
	return len;
}

/* C0, DEL, C1, and what bends the direction of text. */
static bool
is_obeyed(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) ||
	       is_within(bending, COUNT(bending), point);
}

void
plain_add(struct buf *out, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		uint32_t point;
		size_t len = point_read(text, left, &point);

		if (is_obeyed(point))
			buf_add_char(out, '?');
		else
			buf_add(out, text, len);
		text += len;
		left -= len;
	}
}

void
plain_add_json(struct buf *out, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		uint32_t point;
		size_t step = point_read(text, (size_t)(end - text), &point);

		/* Blanks and line feeds between its members are the text's own. */
		if (point >= 0x7f && is_obeyed(point))
			buf_printf(out, "\\u%04x", point);
		else
			buf_add(out, text, step);
		text += step;
	}
}

static uint32_t
point_width(uint32_t point)
{
	if (point < 0x300)
		return 1;
	if (is_within(none_wide, COUNT(none_wide), point))
		return 0;
	return is_within(double_wide, COUNT(double_wide), point) ? 2 : 1;
}

uint32_t
plain_width(const char *text)
{
	size_t left = strlen(text);
	uint32_t width = 0;

	while (left > 0) {
		uint32_t point;
		size_t len = point_read(text, left, &point);

		width += point_width(point);
		text += len;
		left -= len;
	}
	return width;
}

size_t
plain_fit(const char *text, uint32_t columns, uint32_t *ret_width)
{
	size_t left = strlen(text);
	const char *at = text;
	uint32_t taken = 0;

	while (left > 0) {
		uint32_t point;
		size_t len = point_read(at, left, &point);
		uint32_t width = point_width(point);

		if (width > columns - taken)
			break;
		taken += width;
		at += len;
		left -= len;
	}
	*ret_width = taken;
	return (size_t)(at - text);
}

static void
say(const char *before, const char *text)
{
	struct buf line = { 0 };

	buf_add_str(&line, before);
	plain_add(&line, text);
	buf_add_char(&line, '\n');
	if (line.error == 0)
		(void)fwrite(line.data, 1, line.len, stderr);
	buf_fini(&line);
}

void
plain_say(const char *text)
{
	say("ocppctl: ", text);
}

void
plain_say_more(const char *text)
{
	say("  ", text);
}
