/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Sampled values: reading numbers as stations write them, and the compact form in which values are
 * stored. Pure functions. The numbers of the words are part of the stored format: words may be
 * appended to the lists, never moved.
 */
#include "values.h"

#include <stdlib.h>
#include <string.h>

#include <ocppd/time.h>

#define CODE_TEXT_8 255u
#define CODE_TEXT_4 15u
#define FORMAT_TEXT 3u

#define FORM_NUMBER 0u
#define FORM_TEXT 1u
#define FORM_ABSENT 2u

#define SCALE_MAX 15u
#define DECIMAL_TEXT_SIZE 32

/* Number 0 is "not stated", the first word has number 1. */
static const char *const measurands[] = {
	"Energy.Active.Import.Register",
	"Energy.Active.Export.Register",
	"Energy.Reactive.Import.Register",
	"Energy.Reactive.Export.Register",
	"Energy.Active.Import.Interval",
	"Energy.Active.Export.Interval",
	"Energy.Reactive.Import.Interval",
	"Energy.Reactive.Export.Interval",
	"Power.Active.Import",
	"Power.Active.Export",
	"Power.Offered",
	"Power.Reactive.Import",
	"Power.Reactive.Export",
	"Power.Factor",
	"Current.Import",
	"Current.Export",
	"Current.Offered",
	"Voltage",
	"Frequency",
	"Temperature",
	"SoC",
	"RPM",
	NULL,
};
static const char *const phases[] = {
	"L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1", NULL,
};
static const char *const locations[] = { "Outlet", "Inlet", "Body", "Cable", "EV", NULL };
static const char *const contexts[] = {
	"Sample.Periodic",
	"Sample.Clock",
	"Transaction.Begin",
	"Transaction.End",
	"Interruption.Begin",
	"Interruption.End",
	"Trigger",
	"Other",
	NULL,
};
static const char *const formats[] = { "Raw", "SignedData", NULL };
static const char *const units[] = {
	"Wh",   "kWh", "varh", "kvarh",   "W",          "kW",      "VA",    "kVA", "var",
	"kvar", "A",   "V",    "Celsius", "Fahrenheit", "Percent", "Hertz", "K",   NULL,
};

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int
compare_folded(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) - lower(*b);
}

/* The number of a word, 0 for NULL, `other` for a word of its own (quirk D07: case is folded). */
static uint32_t
word_number(const char *const *words, const char *word, uint32_t other)
{
	if (word == NULL)
		return 0;
	/* Nearly all spell it well. */
	for (uint32_t i = 0; words[i] != NULL; i++) {
		if (words[i][0] == word[0] && strcmp(words[i], word) == 0)
			return i + 1;
	}
	for (uint32_t i = 0; words[i] != NULL; i++) {
		if (compare_folded(words[i], word) == 0)
			return i + 1;
	}
	return other;
}

static const char *
word_of(const char *const *words, uint32_t number)
{
	for (uint32_t i = 0; number > 0 && words[i] != NULL; i++) {
		if (i + 1 == number)
			return words[i];
	}
	return NULL;
}

/* Quirk D06: the schemas misspelt it, and stations are told to keep doing so. */
static const char *
unit_word(const char *unit)
{
	return unit != NULL && compare_folded(unit, "Celcius") == 0 ? "Celsius" : unit;
}

/* ---- Numbers -------------------------------------------------------------------------------- */

/* "1,234" may be one thousand or one: not a number then. */
static bool
is_comma_ambiguous(const char *text, size_t len, size_t comma)
{
	size_t first = text[0] == '-' || text[0] == '+' ? 1 : 0;
	size_t before = comma - first;

	return len - comma - 1 == 3 && before >= 1 && before <= 3 && text[first] != '0';
}

static int
append_digit(struct decimal *number, char c, bool is_fraction)
{
	if (is_fraction && number->scale == SCALE_MAX)
		return c == '0' ? 0 : OCPPD_EINVAL;
	if (__builtin_mul_overflow(number->mantissa, 10, &number->mantissa) ||
	    __builtin_add_overflow(number->mantissa, c - '0', &number->mantissa))
		return OCPPD_EINVAL;
	number->scale += is_fraction ? 1 : 0;
	return 0;
}

/* Moves the point by an exponent. */
static int
apply_exponent(struct decimal *number, int exponent)
{
	for (; exponent < 0; exponent++) {
		if (number->scale < SCALE_MAX)
			number->scale++;
		else if (number->mantissa % 10 == 0)
			number->mantissa /= 10;
		else
			return OCPPD_EINVAL;
	}
	for (; exponent > 0; exponent--) {
		if (number->scale > 0)
			number->scale--;
		else if (__builtin_mul_overflow(number->mantissa, 10, &number->mantissa))
			return OCPPD_EINVAL;
	}
	return 0;
}

static int
parse_exponent(const char *text, size_t len, int *ret)
{
	bool is_negative = len > 0 && text[0] == '-';
	size_t at = len > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;
	int exponent = 0;

	if (at == len || len - at > 2)
		return OCPPD_EINVAL;
	for (; at < len; at++) {
		if (!isdigit((unsigned char)text[at]))
			return OCPPD_EINVAL;
		exponent = exponent * 10 + (text[at] - '0');
	}
	*ret = is_negative ? -exponent : exponent;
	return 0;
}

/* Digits with at most one point, sign stripped. Returns how many bytes were read. */
static int
parse_digits(const char *text, size_t len, struct decimal *ret)
{
	bool is_fraction = false;
	uint32_t digits = 0;
	size_t at;

	for (at = 0; at < len; at++) {
		if (isdigit((unsigned char)text[at])) {
			if (append_digit(ret, text[at], is_fraction) < 0)
				return OCPPD_EINVAL;
			digits++;
		} else if ((text[at] == '.' || text[at] == ',') && !is_fraction) {
			is_fraction = true;
		} else {
			break;
		}
	}
	return digits == 0 ? OCPPD_EINVAL : (int)at;
}

int
decimal_parse(const char *text, struct decimal *ret)
{
	struct decimal number = { 0, 0 };
	const char *comma;
	size_t len;
	size_t at = 0;
	int exponent = 0;
	int r;

	if (text == NULL)
		return OCPPD_EINVAL;
	while (isspace((unsigned char)*text))
		text++;
	len = strnlen(text, 64);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	if (len == 0 || len == 64)
		return OCPPD_EINVAL;
	comma = memchr(text, ',', len);
	if (comma != NULL && is_comma_ambiguous(text, len, (size_t)(comma - text)))
		return OCPPD_EINVAL;

	if (text[0] == '-' || text[0] == '+')
		at = 1;
	r = parse_digits(text + at, len - at, &number);
	if (r < 0)
		return r;
	at += (size_t)r;
	if (at < len) {
		if (text[at] != 'e' && text[at] != 'E')
			return OCPPD_EINVAL;
		r = parse_exponent(text + at + 1, len - at - 1, &exponent);
		if (r < 0)
			return r;
		r = apply_exponent(&number, exponent);
		if (r < 0)
			return r;
	}
	if (text[0] == '-')
		number.mantissa = -number.mantissa;
	*ret = number;
	return 0;
}

/* The plainest text of a number. */
static void
decimal_print(const struct decimal *number, char ret_text[DECIMAL_TEXT_SIZE])
{
	uint64_t rest =
		number->mantissa < 0 ? 0 - (uint64_t)number->mantissa : (uint64_t)number->mantissa;
	char digits[DECIMAL_TEXT_SIZE];
	size_t at = sizeof(digits);
	uint32_t written = 0;

	digits[--at] = '\0';
	do {
		if (number->scale != 0 && written == number->scale)
			digits[--at] = '.';
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
		written++;
	} while (rest != 0 || written <= number->scale);
	if (number->mantissa < 0)
		digits[--at] = '-';
	memcpy(ret_text, digits + at, sizeof(digits) - at);
}

/* ---- Packing -------------------------------------------------------------------------------- */

void
packer_fini(struct packer *packer)
{
	free(packer->data);
	memset(packer, 0, sizeof(*packer));
}

static void
put_bytes(struct packer *packer, const void *data, size_t len)
{
	if (packer->has_failed)
		return;
	if (packer->size - packer->len < len) {
		size_t size = (packer->len + len) * 2 + 64;
		unsigned char *grown = realloc(packer->data, size);

		if (grown == NULL) {
			packer->has_failed = true;
			return;
		}
		packer->data = grown;
		packer->size = size;
	}
	if (len > 0)
		memcpy(packer->data + packer->len, data, len);
	packer->len += len;
}

static void
put_byte(struct packer *packer, uint32_t byte)
{
	unsigned char value = (unsigned char)byte;

	put_bytes(packer, &value, 1);
}

static void
put_varint(struct packer *packer, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_byte(packer, 0x80u | (uint32_t)(value & 0x7f));
	put_byte(packer, (uint32_t)value);
}

static void
put_text(struct packer *packer, const char *text)
{
	size_t len = strlen(text);

	put_varint(packer, len);
	put_bytes(packer, text, len);
}

static void
put_text_if(struct packer *packer, bool is_due, const char *text)
{
	if (is_due)
		put_text(packer, text);
}

static void
put_value(struct packer *packer, const struct ocppd_sampled *value)
{
	uint32_t measurand = word_number(measurands, value->measurand, CODE_TEXT_8);
	uint32_t phase = word_number(phases, value->phase, CODE_TEXT_4);
	uint32_t location = word_number(locations, value->location, CODE_TEXT_4);
	uint32_t context = word_number(contexts, value->context, CODE_TEXT_4);
	uint32_t format = word_number(formats, value->format, FORMAT_TEXT);
	uint32_t unit = word_number(units, unit_word(value->unit), CODE_TEXT_8);
	uint32_t form = FORM_TEXT;
	struct decimal number = { 0, 0 };
	char text[DECIMAL_TEXT_SIZE];

	if (value->value == NULL) {
		form = FORM_ABSENT;
	} else if (decimal_parse(value->value, &number) == 0) {
		decimal_print(&number, text);
		form = strcmp(text, value->value) == 0 ? FORM_NUMBER : FORM_TEXT;
	}

	put_byte(packer, measurand);
	put_byte(packer, phase | location << 4);
	put_byte(packer, context | form << 4 | format << 6);
	put_byte(packer, unit);
	if (form == FORM_NUMBER) {
		put_byte(packer, number.scale);
		put_varint(packer,
			   ((uint64_t)number.mantissa << 1) ^ (uint64_t)(number.mantissa >> 63));
	} else if (form == FORM_TEXT) {
		put_text(packer, value->value);
	}
	put_text_if(packer, measurand == CODE_TEXT_8, value->measurand);
	put_text_if(packer, phase == CODE_TEXT_4, value->phase);
	put_text_if(packer, location == CODE_TEXT_4, value->location);
	put_text_if(packer, context == CODE_TEXT_4, value->context);
	put_text_if(packer, format == FORMAT_TEXT, value->format);
	put_text_if(packer, unit == CODE_TEXT_8, value->unit);
}

int
reading_pack(struct packer *packer, const struct ocppd_reading *reading, uint32_t form)
{
	packer->len = 0;
	packer->has_failed = false;
	put_byte(packer, READING_FORMAT);
	put_byte(packer, form);
	for (uint32_t i = 0; i < reading->count; i++)
		put_value(packer, &reading->values[i]);
	return packer->has_failed ? OCPPD_ENOMEM : 0;
}

uint32_t
time_form(int64_t time_us, const char *raw)
{
	char text[OCPPD_TIME_SIZE];

	if (raw == NULL || ocppd_time_format(time_us, text) != 24)
		return TIME_FORM_RAW;
	if (strcmp(raw, text) == 0 && time_us % 1000 == 0)
		return TIME_FORM_MILLIS;
	if (time_us % 1000000 == 0 && strlen(raw) == 20 && memcmp(raw, text, 19) == 0 &&
	    raw[19] == 'Z')
		return TIME_FORM_SECONDS;
	return TIME_FORM_RAW;
}

/* ---- Identity ------------------------------------------------------------------------------- */

static uint64_t
hash_more(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ lower(*text)) * 0x100000001b3u;
	return (hash ^ 0xffu) * 0x100000001b3u;
}

const char *
measurand_of(const struct ocppd_sampled *value)
{
	return value->measurand == NULL ? measurands[0] : value->measurand;
}

const char *
context_of(const struct ocppd_sampled *value)
{
	return value->context == NULL ? contexts[0] : value->context;
}

uint64_t
sampled_key(const struct ocppd_sampled *value)
{
	uint64_t hash = 0xcbf29ce484222325u;

	hash = hash_more(hash, measurand_of(value));
	hash = hash_more(hash, value->phase == NULL ? "" : value->phase);
	hash = hash_more(hash, value->location == NULL ? locations[0] : value->location);
	hash = hash_more(hash, context_of(value));
	/* Equal stamps with different values are kept, both (quirk E06). */
	hash = hash_more(hash, value->value == NULL ? "" : value->value);
	return hash ^ (hash >> 29);
}

int64_t
reading_digest(const struct ocppd_reading *reading)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < reading->count; i++)
		sum += sampled_key(&reading->values[i]) * 0x9e3779b97f4a7c15u;
	return (int64_t)(sum >> 1);
}

/* ---- Unpacking ------------------------------------------------------------------------------ */

int
unpacker_init(struct unpacker *unpacker, const void *data, size_t len)
{
	memset(unpacker, 0, sizeof(*unpacker));
	unpacker->data = data;
	unpacker->len = len;
	if (len < 2 || unpacker->data[0] != READING_FORMAT)
		return OCPPD_EINVAL;
	unpacker->time_form = unpacker->data[1];
	unpacker->at = 2;
	return 0;
}

static void
drop_texts(struct unpacker *unpacker)
{
	for (size_t i = 0; i < sizeof(unpacker->texts) / sizeof(unpacker->texts[0]); i++) {
		free(unpacker->texts[i]);
		unpacker->texts[i] = NULL;
	}
}

void
unpacker_fini(struct unpacker *unpacker)
{
	drop_texts(unpacker);
}

static int
take_varint(struct unpacker *unpacker, uint64_t *ret)
{
	uint64_t value = 0;

	for (uint32_t shift = 0; shift < 64; shift += 7) {
		unsigned char byte;

		if (unpacker->at == unpacker->len)
			return OCPPD_EINVAL;
		byte = unpacker->data[unpacker->at++];
		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			*ret = value;
			return 0;
		}
	}
	return OCPPD_EINVAL;
}

static int
take_text(struct unpacker *unpacker, uint32_t slot, const char **ret)
{
	uint64_t len;

	if (take_varint(unpacker, &len) < 0 || len > unpacker->len - unpacker->at)
		return OCPPD_EINVAL;
	/* Not strndup: the texts lie one behind the other, without a NUL between. */
	unpacker->texts[slot] = malloc((size_t)len + 1);
	if (unpacker->texts[slot] == NULL)
		return OCPPD_ENOMEM;
	memcpy(unpacker->texts[slot], unpacker->data + unpacker->at, (size_t)len);
	unpacker->texts[slot][len] = '\0';
	unpacker->at += (size_t)len;
	*ret = unpacker->texts[slot];
	return 0;
}

static int
take_number(struct unpacker *unpacker, const char **ret)
{
	struct decimal number;
	uint64_t zigzag;

	if (unpacker->at == unpacker->len)
		return OCPPD_EINVAL;
	number.scale = unpacker->data[unpacker->at++];
	if (number.scale > SCALE_MAX || take_varint(unpacker, &zigzag) < 0)
		return OCPPD_EINVAL;
	number.mantissa = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
	decimal_print(&number, unpacker->number);
	*ret = unpacker->number;
	return 0;
}

int
unpacker_next(struct unpacker *unpacker, struct ocppd_sampled *ret)
{
	const unsigned char *head = unpacker->data + unpacker->at;
	struct ocppd_sampled value = { 0 };
	uint32_t form;
	int r = 0;

	drop_texts(unpacker);
	if (unpacker->at == unpacker->len)
		return 0;
	if (unpacker->len - unpacker->at < 4)
		return OCPPD_EINVAL;
	unpacker->at += 4;
	form = head[2] >> 4 & 3u;
	if (form == FORM_NUMBER)
		r = take_number(unpacker, &value.value);
	else if (form == FORM_TEXT)
		r = take_text(unpacker, 0, &value.value);

	const struct {
		const char *const *words;
		const char **ret;
		uint32_t number;
		uint32_t other;
	} parts[] = {
		{ measurands, &value.measurand, head[0], CODE_TEXT_8 },
		{ phases, &value.phase, head[1] & 15u, CODE_TEXT_4 },
		{ locations, &value.location, head[1] >> 4, CODE_TEXT_4 },
		{ contexts, &value.context, head[2] & 15u, CODE_TEXT_4 },
		{ formats, &value.format, head[2] >> 6, FORMAT_TEXT },
		{ units, &value.unit, head[3], CODE_TEXT_8 },
	};

	for (uint32_t i = 0; r >= 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].number == parts[i].other)
			r = take_text(unpacker, i + 1, parts[i].ret);
		else
			*parts[i].ret = word_of(parts[i].words, parts[i].number);
	}
	if (r < 0)
		return r;
	*ret = value;
	return 1;
}

/* ---- Meaning -------------------------------------------------------------------------------- */

/* 0: the total, 1: L1 by either name, 2: any other. */
static uint32_t
phase_class(const char *phase)
{
	if (phase == NULL)
		return 0;
	return compare_folded(phase, "L1") == 0 || compare_folded(phase, "L1-N") == 0 ? 1 : 2;
}

bool
sampled_energy_of(const struct ocppd_sampled *value, struct sampled_energy *ret)
{
	uint32_t measurand = word_number(measurands, measurand_of(value), CODE_TEXT_8);
	struct decimal number;
	uint32_t context;

	if (measurand != 1 && measurand != 5)
		return false;
	if (value->location != NULL && compare_folded(value->location, locations[0]) != 0)
		return false;
	if (value->format != NULL && compare_folded(value->format, formats[0]) != 0)
		return false;
	if (decimal_parse(value->value, &number) < 0)
		return false;
	if (value->unit != NULL && compare_folded(value->unit, "kWh") == 0) {
		if (apply_exponent(&number, 3) < 0)
			return false;
	} else if (value->unit != NULL && compare_folded(value->unit, "Wh") != 0) {
		return false;
	}
	context = word_number(contexts, context_of(value), CODE_TEXT_4);
	ret->wh = number.mantissa;
	for (uint32_t i = 1; i < number.scale; i++)
		ret->wh /= 10;
	if (number.scale > 0)
		ret->wh = ret->wh / 10 + ret->wh % 10 / 5; /* to the nearest */
	ret->phase = phase_class(value->phase);
	ret->is_interval = measurand == 5;
	ret->is_clock = context == 2;
	ret->is_begin = context == 3;
	ret->is_end = context == 4;
	return true;
}
