/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The validator's values: what a string, number, time or boolean may be, and how a deviation that
 * is accepted is mended. Must not walk, nor know any member by name.
 */
#include "ocpp/check.h"

#include <json-c/json.h>
#include <math.h>

#include <ocppd/time.h>

#include "base/buf.h"
#include "base/text.h"
#include "ocpp/quirks.h"

#define KEEP_BYTES 255                  /* D03: what is kept of an over-long string */
#define DATE_LEN 10                     /* of 2026-03-01 */
#define EXACT_DOUBLE 9007199254740992.0 /* 2^53: integers beyond are not exact in a double */

const char *
check_type_words(uint32_t type)
{
	static const char *const words[] = {
		[OCPPD_T_STRING] = "expected a string",
		[OCPPD_T_INTEGER] = "expected an integer",
		[OCPPD_T_DECIMAL] = "expected a number with at most one decimal",
		[OCPPD_T_BOOLEAN] = "expected true or false",
		[OCPPD_T_TIMESTAMP] = "expected a date and time (RFC 3339)",
		[OCPPD_T_URI] = "expected a URI",
		[OCPPD_T_OBJECT] = "expected an object",
		[OCPPD_T_ANY] = "expected a value",
		[OCPPD_T_NUMBER] = "expected a number",
	};

	return words[type];
}

void
check_mend_time(struct checker *checker, const struct place *place, int64_t time_us)
{
	char text[OCPPD_TIME_SIZE];
	int len = ocppd_time_format(time_us, text);

	if (len > 0)
		check_replace_text(checker, place, text, (size_t)len);
}

static bool
is_control(const unsigned char *at)
{
	if (*at < 0x20)
		return *at != '\t' && *at != '\n' && *at != '\r';
	return *at == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f);
}

bool
check_add_mended(struct buf *buf, const char *text, size_t len)
{
	bool has_control = false;

	for (size_t i = 0; i < len; i++) {
		const unsigned char *at = (const unsigned char *)text + i;

		if (!is_control(at)) {
			buf_add_char(buf, text[i]);
			continue;
		}
		buf_add_str(buf, "\xef\xbf\xbd");
		i += *at == 0xc2 ? 1 : 0;
		has_control = true;
	}
	return has_control;
}

/* Replaces the value by the text, mended, at most keep bytes. */
static void
replace_mended(struct checker *checker, const struct place *place, const char *text, size_t len,
	       size_t keep)
{
	struct buf buf = { 0 };

	(void)check_add_mended(&buf, text, len);
	if (buf.error != 0)
		checker->error = OCPPD_ENOMEM;
	else
		check_replace_text(checker, place, buf.data != NULL ? buf.data : "",
				   buf.len > keep ? utf8_cut(buf.data, keep) : buf.len);
	buf_fini(&buf);
}

/* A value of a type that cannot be read as the member's: what remains of it, if it is accepted. */
void
check_unreadable(struct checker *checker, const struct place *place, struct json_object *value)
{
	const struct schema_field *field = place->field;
	const char *raw = json_object_to_json_string_ext(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	struct flaw flaw = { RANK_TYPE, OCPPD_CALLERROR_TYPE, "D01", true, false, raw };

	if (field->type == OCPPD_T_TIMESTAMP)
		flaw.quirk = "E05";
	flaw.is_refused = check_is_vital(checker, place);
	if (!check_note(checker, &flaw, check_type_words(field->type)))
		return;
	if (field->type == OCPPD_T_TIMESTAMP)
		check_mend_time(checker, place, checker->policy->now_us);
	else if ((field->type == OCPPD_T_STRING || field->type == OCPPD_T_URI) && raw != NULL)
		replace_mended(checker, place, raw, strlen(raw), KEEP_BYTES);
	else if (place->index < 0)
		json_object_object_del(place->parent, field->name);
	else if (field->type == OCPPD_T_OBJECT)
		check_replace(checker, place, json_object_new_object());
	else if (raw != NULL)
		check_replace_text(checker, place, raw, utf8_cut(raw, KEEP_BYTES));
}

/* Notes a lossless change of type; the caller replaces the value if this is true. */
static bool
coerced(struct checker *checker, const struct place *place, struct json_object *value)
{
	struct flaw flaw = { RANK_TYPE, OCPPD_CALLERROR_TYPE, "D01" };

	flaw.raw = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
								 JSON_C_TO_STRING_NOSLASHESCAPE);
	return check_note(checker, &flaw, check_type_words(place->field->type));
}

static bool
has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (is_control((const unsigned char *)text + i))
			return true;
	}
	return false;
}

/* D11: NUL and control characters. */
static void
mend_control(struct checker *checker, const struct place *place, const char *text, size_t len)
{
	struct flaw flaw = { RANK_VALUE, OCPPD_CALLERROR_PROPERTY, "D11", false, false, text };

	if (check_note_mild(checker, &flaw, "control characters are not allowed"))
		replace_mended(checker, place, text, len, SIZE_MAX);
}

/* Letters and digits alike, case and separators ignored. */
static bool
is_alike(const char *a, const char *b)
{
	for (;;) {
		while (*a != '\0' && !isalnum((unsigned char)*a))
			a++;
		while (*b != '\0' && !isalnum((unsigned char)*b))
			b++;
		if (ascii_lower(*a) != ascii_lower(*b))
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

static void
check_enum(struct checker *checker, const struct place *place, const char *text)
{
	const struct schema_field *field = place->field;
	struct flaw flaw = { RANK_VALUE, OCPPD_CALLERROR_PROPERTY, NULL, false, false, text };
	const char *mapped = field->fallback;
	char expected[96];

	for (char *const *word = field->one_of; *word != NULL; word++) {
		if ((*word)[0] == text[0] && strcmp(*word, text) == 0)
			return;
	}
	flaw.quirk = field->fallback != NULL ? "D08" : "D07";
	(void)snprintf(expected, sizeof(expected), "\"%.40s\" is none of the values allowed", text);
	if (!check_note(checker, &flaw, expected) || checker->policy->mode == CHECK_RESULT)
		return;
	for (char *const *word = field->one_of; *word != NULL; word++) {
		if (is_alike(*word, text)) {
			mapped = *word;
			break;
		}
	}
	if (mapped != NULL)
		check_replace_text(checker, place, mapped, strlen(mapped));
}

static void
check_length(struct checker *checker, const struct place *place, const char *text, size_t len)
{
	const struct schema_field *field = place->field;
	struct flaw flaw = { RANK_VALUE, OCPPD_CALLERROR_PROPERTY, "D03", false, false, text };
	char expected[64];
	size_t cut = 0;

	if (field->max <= 0 || len <= (size_t)field->max || utf8_count(text) <= (size_t)field->max)
		return;
	flaw.is_hard = len > KEEP_BYTES && checker->policy->mode == CHECK_CALL;
	(void)snprintf(expected, sizeof(expected), "at most %lld characters",
		       (long long)field->max);
	if (!check_note(checker, &flaw, expected) || !flaw.is_hard)
		return;
	if (field->max <= KEEP_BYTES) {
		check_replace_text(checker, place, text, utf8_cut(text, KEEP_BYTES));
		return;
	}
	for (int64_t i = 0; i < field->max; i++) {
		do {
			cut++;
		} while (((unsigned char)text[cut] & 0xc0) == 0x80);
	}
	check_replace_text(checker, place, text, cut);
}

/* RFC 3986, as far as the scheme and the characters go. */
static bool
is_uri(const char *text)
{
	const char *at = text;

	if (!isalpha((unsigned char)*at))
		return false;
	while (isalnum((unsigned char)*at) || (*at != '\0' && strchr("+-.", *at) != NULL))
		at++;
	if (*at++ != ':')
		return false;
	for (; *at != '\0'; at++) {
		if (*at == '%') {
			if (!isxdigit((unsigned char)at[1]) || !isxdigit((unsigned char)at[2]))
				return false;
		} else if (!isalnum((unsigned char)*at) &&
			   strchr("-._~:/?#[]@!$&'()*+,;=", *at) == NULL) {
			return false;
		}
	}
	return true;
}

/* What a station is sent to has to be an address; what stations send is a text all the same. */
static void
check_uri(struct checker *checker, const struct place *place, const char *text)
{
	struct flaw flaw = { RANK_VALUE, OCPPD_CALLERROR_PROPERTY, NULL, false, false, text };

	if (check_is_ours(checker) && !is_uri(text))
		(void)check_note(checker, &flaw, check_type_words(place->field->type));
}

static struct json_object *
value_at(const struct place *place)
{
	struct json_object *value = NULL;

	if (place->index >= 0)
		return json_object_array_get_idx(place->parent, (size_t)place->index);
	(void)json_object_object_get_ex(place->parent, place->field->name, &value);
	return value;
}

static void
check_string(struct checker *checker, const struct place *place, struct json_object *value)
{
	const struct schema_field *field = place->field;
	enum json_type type = json_object_get_type(value);
	const char *text;
	size_t len;

	if (type != json_type_string) {
		/* An unlimited string may carry any value as its JSON text. */
		if ((type == json_type_object || type == json_type_array) &&
		    (field->max != 0 || field->one_of != NULL)) {
			check_unreadable(checker, place, value);
			return;
		}
		if (!coerced(checker, place, value))
			return;
		text = json_object_to_json_string_ext(
			value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
		check_replace_text(checker, place, text, text != NULL ? strlen(text) : 0);
		value = value_at(place);
		if (json_object_get_type(value) != json_type_string)
			return;
	}
	text = json_object_get_string(value);
	len = (size_t)json_object_get_string_len(value);
	if (has_control(text, len)) {
		mend_control(checker, place, text, len);
		value = value_at(place);
		text = json_object_get_string(value);
		len = (size_t)json_object_get_string_len(value);
	}
	if (field->one_of != NULL)
		check_enum(checker, place, text);
	else
		check_length(checker, place, text, len);
	if (field->type == OCPPD_T_URI)
		check_uri(checker, place, text);
}

/* RFC 3339 lets people put a blank between date and time; the schemas' grammar has none. */
static void
spell_time(struct checker *checker, const struct place *place, const char *text)
{
	struct buf buf = { 0 };

	if (checker->policy->mode != CHECK_OURS || strlen(text) <= DATE_LEN ||
	    text[DATE_LEN] != ' ')
		return;
	buf_add(&buf, text, DATE_LEN);
	buf_add_char(&buf, 'T');
	buf_add_str(&buf, text + DATE_LEN + 1);
	if (buf.error != 0)
		checker->error = OCPPD_ENOMEM;
	else
		check_replace_text(checker, place, buf.data, buf.len);
	buf_fini(&buf);
}

static void
check_timestamp(struct checker *checker, const struct place *place, struct json_object *value)
{
	struct flaw flaw = { RANK_VALUE, OCPPD_CALLERROR_PROPERTY, "E05", true };
	uint32_t flags = 0;
	int64_t time_us;
	const char *text;

	if (json_object_get_type(value) != json_type_string) {
		check_unreadable(checker, place, value);
		return;
	}
	text = json_object_get_string(value);
	flaw.raw = text;
	if (ocppd_time_parse(text, quirks_naive_offset_s(checker->policy->quirks), &time_us,
			     &flags) < 0) {
		flaw.is_hard = checker->policy->mode == CHECK_CALL;
		if (check_note(checker, &flaw, check_type_words(OCPPD_T_TIMESTAMP)) && flaw.is_hard)
			check_mend_time(checker, place, checker->policy->now_us);
		return;
	}
	if (flags == 0) {
		spell_time(checker, place, text);
		return;
	}
	flaw.quirk = (flags & OCPPD_TIME_NAIVE) != 0 ? "E01" : "E02";
	flaw.is_hard = false;
	if (check_note_mild(checker, &flaw, "a time needs a zone such as Z or +02:00"))
		check_mend_time(checker, place, time_us);
}

/* An integer from whatever holds one without loss. */
static bool
read_integer(struct json_object *value, int64_t *ret_number)
{
	double number;

	switch (json_object_get_type(value)) {
	case json_type_int:
		*ret_number = json_object_get_int64(value);
		return true;
	case json_type_double:
		number = json_object_get_double(value);
		break;
	case json_type_string:
		if (parse_i64(json_object_get_string(value), INT64_MIN, INT64_MAX, ret_number) == 0)
			return true;
		if (parse_double(json_object_get_string(value), &number) < 0)
			return false;
		break;
	case json_type_null:
	case json_type_boolean:
	case json_type_object:
	case json_type_array:
		return false;
	}
	if (!(fabs(number) <= EXACT_DOUBLE) || floor(number) < number)
		return false;
	*ret_number = (int64_t)number;
	return true;
}

static void
check_range(struct checker *checker, const struct place *place, int64_t number)
{
	const struct schema_field *field = place->field;
	struct flaw flaw = { RANK_VALUE, OCPPD_CALLERROR_PROPERTY, "D02" };
	int64_t min = INT64_MIN + 1;
	int64_t max = INT64_MAX - 1; /* json-c keeps what does not fit as the outermost numbers */
	char expected[80];
	char raw[24];

	if (field->min != 0 || field->max != 0) {
		min = field->min;
		max = field->max != 0 || field->min < 0 ? field->max : INT64_MAX - 1;
	}
	if (number >= min && number <= max)
		return;
	(void)snprintf(expected, sizeof(expected), "expected %lld to %lld", (long long)min,
		       (long long)max);
	(void)snprintf(raw, sizeof(raw), "%lld", (long long)number);
	flaw.raw = raw;
	flaw.is_hard = checker->policy->mode == CHECK_CALL;
	(void)check_note(checker, &flaw, expected);
}

static void
check_integer(struct checker *checker, const struct place *place, struct json_object *value)
{
	enum json_type type = json_object_get_type(value);
	int64_t number = 0;

	if (!read_integer(value, &number)) {
		check_unreadable(checker, place, value);
		return;
	}
	if (type == json_type_string && !coerced(checker, place, value))
		return;
	/* 300.0 and 3e2 are integers by value; modules and stations get them as such. */
	if (type != json_type_int && checker->policy->mode != CHECK_FILLED)
		check_replace(checker, place, json_object_new_int64(number));
	check_range(checker, place, number);
}

/* Significant digits after the point of a literal such as 8.10 or 125e-1. */
static int
fraction_digits(const char *literal)
{
	const char *point = strchr(literal, '.');
	size_t mantissa = strcspn(literal, "eE");
	int64_t exponent = 0;
	int digits = 0;

	if (literal[mantissa] != '\0') {
		const char *text = literal + mantissa + 1;

		if (parse_i64(text + (*text == '+' ? 1 : 0), -400, 400, &exponent) < 0)
			return 99;
	}
	if (point != NULL) {
		for (const char *at = point + 1; at < literal + mantissa; at++) {
			if (*at != '0')
				digits = (int)(at - point);
		}
	}
	if (digits == 0) {
		/* 120e-1 is 12: zeros before the point count against the exponent. */
		for (const char *at = literal + mantissa; at > literal && at[-1] == '0'; at--)
			digits--;
	}
	return digits - (int)exponent;
}

static bool
has_one_decimal(struct json_object *value)
{
	double number = json_object_get_double(value);
	double tenths = number * 10;

	/* With a parsed number json-c keeps its literal; others are judged by value. */
	if (json_object_get_type(value) == json_type_double &&
	    json_object_get_userdata(value) != NULL)
		return fraction_digits(json_object_get_string(value)) <= 1;
	return fabs(tenths - round(tenths)) < 1e-6 * fmax(1.0, fabs(number));
}

static void
check_number(struct checker *checker, const struct place *place, struct json_object *value)
{
	struct flaw flaw = { RANK_VALUE, OCPPD_CALLERROR_PROPERTY, "D02" };
	enum json_type type = json_object_get_type(value);
	double number = 0;

	if (type == json_type_string) {
		const char *text = json_object_get_string(value);

		if (parse_double(text, &number) < 0) {
			check_unreadable(checker, place, value);
			return;
		}
		if (coerced(checker, place, value))
			check_replace(checker, place, json_object_new_double(number));
		return;
	}
	if ((type != json_type_int && type != json_type_double) ||
	    !isfinite(json_object_get_double(value))) {
		check_unreadable(checker, place, value);
		return;
	}
	if (place->field->type != OCPPD_T_DECIMAL || type == json_type_int ||
	    has_one_decimal(value))
		return;
	flaw.raw = json_object_get_string(value);
	(void)check_note(checker, &flaw, check_type_words(OCPPD_T_DECIMAL));
}

static void
check_boolean(struct checker *checker, const struct place *place, struct json_object *value)
{
	const char *text = json_object_get_string(value);
	bool is_true;

	if (json_object_get_type(value) == json_type_boolean)
		return;
	is_true = str_ci_eq(text, "true") || str_eq(text, "1");
	if (!is_true && !str_ci_eq(text, "false") && !str_eq(text, "0")) {
		check_unreadable(checker, place, value);
		return;
	}
	if (coerced(checker, place, value))
		check_replace(checker, place, json_object_new_boolean(is_true));
}

void
check_scalar(struct checker *checker, const struct place *place, struct json_object *value)
{
	switch (place->field->type) {
	case OCPPD_T_STRING:
	case OCPPD_T_URI:
		check_string(checker, place, value);
		return;
	case OCPPD_T_INTEGER:
		check_integer(checker, place, value);
		return;
	case OCPPD_T_DECIMAL:
	case OCPPD_T_NUMBER:
		check_number(checker, place, value);
		return;
	case OCPPD_T_BOOLEAN:
		check_boolean(checker, place, value);
		return;
	case OCPPD_T_TIMESTAMP:
		check_timestamp(checker, place, value);
		return;
	default: /* OCPPD_T_ANY, unchecked; schema_new lets no other through */
		return;
	}
}
