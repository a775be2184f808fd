/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Text and numbers, independent of any locale: parsing, ASCII case, UTF-8, hashing, nearest names,
 * patterns. Nothing here keeps state.
 */
#include "base/text.h"

#include <ocppd/error.h>

#include <math.h>

#define NEAREST_MAX 64 /* longer names are not compared */

int
parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
	bool is_negative = *text == '-';
	int64_t value = 0;
	bool is_out = false;

	if (*text == '-' || *text == '+')
		text++;
	if (!*text)
		return OCPPD_EINVAL;
	for (; *text; text++) {
		int64_t digit = *text - '0';

		if (digit < 0 || digit > 9)
			return OCPPD_EINVAL;
		/* Downwards for negative numbers: INT64_MIN has no positive counterpart. */
		is_out = is_out || __builtin_mul_overflow(value, (int64_t)10, &value) ||
			 __builtin_add_overflow(value, is_negative ? -digit : digit, &value);
	}
	if (is_out || value < min || value > max)
		return OCPPD_ERANGE;
	*ret_value = value;
	return 0;
}

static const char *
skip_digits(const char *text)
{
	while (*text >= '0' && *text <= '9')
		text++;
	return text;
}

/* The grammar is checked first: strtod also takes hexadecimal, inf, nan and blanks. */
static bool
is_decimal(const char *text)
{
	const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
	const char *at = skip_digits(digits);
	size_t count = (size_t)(at - digits);

	if (*at == '.') {
		digits = at + 1;
		at = skip_digits(digits);
		count += (size_t)(at - digits);
	}
	if (!count)
		return false;
	if (*at == 'e' || *at == 'E') {
		digits = at[1] == '-' || at[1] == '+' ? at + 2 : at + 1;
		at = skip_digits(digits);
		if (at == digits)
			return false;
	}
	return *at == '\0';
}

int
parse_double(const char *text, double *ret_value)
{
	double value;

	if (!is_decimal(text))
		return OCPPD_EINVAL;
	value = strtod(text, NULL);
	if (!isfinite(value))
		return OCPPD_ERANGE;
	*ret_value = value;
	return 0;
}

size_t
i64_text(int64_t value, char ret_text[I64_TEXT_SIZE])
{
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char digits[I64_TEXT_SIZE];
	size_t count = 0;
	size_t len = 0;

	do {
		digits[count++] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0)
		ret_text[len++] = '-';
	while (count > 0)
		ret_text[len++] = digits[--count];
	ret_text[len] = '\0';
	return len;
}

bool
number_is_json(const char *text)
{
	const char *digits = *text == '-' ? text + 1 : text;
	const char *at = skip_digits(digits);

	if (at == digits || (*digits == '0' && at - digits > 1) || !is_decimal(text))
		return false;
	return *at != '.' || (at[1] >= '0' && at[1] <= '9');
}

bool
str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int
str_ci_cmp(const char *a, const char *b)
{
	while (*a && ascii_lower(*a) == ascii_lower(*b)) {
		a++;
		b++;
	}
	return (unsigned char)ascii_lower(*a) - (unsigned char)ascii_lower(*b);
}

bool
str_ci_eq(const char *a, const char *b)
{
	return a == b || (a && b && str_ci_cmp(a, b) == 0);
}

int
str_fold(const char *text, char *ret_text, size_t size)
{
	size_t len = strlen(text);

	if (len >= size)
		return OCPPD_ESPACE;
	for (size_t i = 0; i <= len; i++)
		ret_text[i] = ascii_lower(text[i]);
	return 0;
}

int
str_copy(char *ret_text, size_t size, const char *text)
{
	size_t len = strnlen(text, size);

	if (!size)
		return OCPPD_ESPACE;
	if (len == size)
		len = utf8_cut(text, size - 1);
	memcpy(ret_text, text, len);
	ret_text[len] = '\0';
	return text[len] ? OCPPD_ESPACE : 0;
}

char *
str_dup(const char *text)
{
	return str_ndup(text, strlen(text));
}

char *
str_ndup(const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

/* Length of the sequence at `at`, 0 if it is none: overlong forms, surrogates and what lies beyond
 * U+10FFFF are none. */
size_t
utf8_sequence(const unsigned char *at, size_t left)
{
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t len;

	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	len = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (left < len || at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool
utf8_valid(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + len;
	uint64_t word;
	size_t step;

	while (at < end) {
		if ((size_t)(end - at) >= sizeof(word)) {
			memcpy(&word, at, sizeof(word));
			if (!(word & 0x8080808080808080u)) {
				at += sizeof(word);
				continue;
			}
		}
		step = utf8_sequence(at, (size_t)(end - at));
		if (!step)
			return false;
		at += step;
	}
	return true;
}

size_t
utf8_count(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

size_t
utf8_cut(const char *text, size_t max_len)
{
	size_t len = strnlen(text, max_len + 1);
	size_t cut = max_len;

	if (len <= max_len)
		return len;
	/* At most three continuation bytes; more than that is no UTF-8, and cut anywhere. */
	while (cut > 0 && max_len - cut < 3 && ((unsigned char)text[cut] & 0xc0) == 0x80)
		cut--;
	return ((unsigned char)text[cut] & 0xc0) == 0x80 ? max_len : cut;
}

void
utf8_mend(char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t len = utf8_sequence((const unsigned char *)text, left);

		if (len == 0) {
			*text = '?';
			len = 1;
		}
		text += len;
		left -= len;
	}
}

/* ---- Hashing --------------------------------------------------------------------------------- */

static uint64_t
mix(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t
hash_bytes(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *at = data;
	uint64_t hash = seed ^ 0x9e3779b97f4a7c15u;
	uint64_t word;
	size_t left = len;

	for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = mix(hash ^ word, 0xa0761d6478bd642fu);
	}
	word = 0;
	if (left)
		memcpy(&word, at, left);
	hash = mix(hash ^ word, 0xe7037ed1a0b428dbu ^ len);
	return mix(hash, 0x8ebc6af09c88c6e3u);
}

uint64_t
hash_str(const char *text)
{
	return hash_bytes(text, strlen(text), 0);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static size_t
min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edit distance, two swapped neighbours counted as one edit. Both at most NEAREST_MAX long. */
static size_t
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NEAREST_MAX + 1];
	size_t *before = rows[0];
	size_t *above = rows[1];
	size_t *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			char x = ascii_lower(a[i - 1]);
			char y = ascii_lower(b[j - 1]);

			row[j] = min_of(min_of(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == ascii_lower(b[j - 2]) &&
			    y == ascii_lower(a[i - 2]))
				row[j] = min_of(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[b_len];
}

const char *
str_nearest(const char *text, const char *const *candidates, size_t count)
{
	size_t len = strlen(text);
	/* A third of the name may be wrong: more than that is another word. */
	size_t limit = len < 3 ? 1 : (len + 2) / 3;
	const char *nearest = NULL;

	if (len > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t other = candidates[i] ? strlen(candidates[i]) : SIZE_MAX;
		size_t edits;

		if (other > NEAREST_MAX)
			continue;
		edits = distance(text, len, candidates[i], other);
		if (edits > limit || edits >= other || (nearest && edits == limit))
			continue;
		nearest = candidates[i];
		limit = edits;
	}
	return nearest;
}

bool
glob_match(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *retry = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (*pattern == '?') {
			pattern++;
			do
				text++;
			while (((unsigned char)*text & 0xc0) == 0x80);
		} else if (*pattern && ascii_lower(*pattern) == ascii_lower(*text)) {
			pattern++;
			text++;
		} else if (star) {
			/* The last star takes one byte more; earlier ones need no second look. */
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
