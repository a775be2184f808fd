/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The validator: walks a payload along its compiled table, finds what deviates, and mends what the
 * policy accepts. One walk serves all modes: a deviation is either noted and mended, or remembered
 * as a refusal if it ranks before the one remembered already (extra, missing, type, value).
 *
 * Must not know any action or member by name. Depth is that of the table, never of the input.
 */
#include "ocpp/schema.h"

#include <json-c/json.h>
#include <math.h>

#include <ocppd/time.h>

#include "base/buf.h"
#include "base/text.h"
#include "ocpp/quirks.h"

#define KEEP_BYTES 255 /* D03: what is kept of an over-long string */
#define PATH_SIZE 256
#define EXACT_DOUBLE 9007199254740992.0 /* 2^53: integers beyond are not exact in a double */

enum rank {
	RANK_EXTRA,
	RANK_MISSING,
	RANK_TYPE,
	RANK_VALUE,
	RANK_NONE,
};

struct step {
	const char *name;
	int64_t index; /* -1: none */
};

struct checker {
	const struct check_policy *policy;
	struct findings **findings;
	struct check_refusal *refusal;
	enum rank rank; /* of the refusal */
	int error;      /* ENOMEM */
	uint32_t depth;
	struct step steps[SCHEMA_DEPTH_MAX];
};

/* One deviation on its way to become a finding or a refusal. */
struct flaw {
	enum rank rank;
	uint32_t code;
	const char *quirk;
	bool is_hard;
	bool is_refused; /* whatever the policy says (key members) */
	const char *raw;
};

/* A value and where it stands, so that it can be replaced. */
struct place {
	struct json_object *parent; /* object or array */
	const struct schema_field *field;
	int64_t index; /* -1: a member of an object */
};

static void
path_write(const struct checker *checker, char *ret_path, size_t size)
{
	size_t len = 0;

	ret_path[0] = '\0';
	for (uint32_t i = 0; i < checker->depth; i++) {
		const struct step *step = &checker->steps[i];
		int n = snprintf(ret_path + len, size - len,
				 step->index < 0 ? "%s%s" : "%s%s[%lld]", i > 0 ? "." : "",
				 step->name, (long long)step->index);

		if (n < 0 || (size_t)n >= size - len)
			break;
		len += (size_t)n;
	}
}

static bool
is_ours(const struct checker *checker)
{
	return checker->policy->mode == CHECK_OURS || checker->policy->mode == CHECK_FILLED;
}

/* Whether the policy lets a deviation of this code through (quirks.md, default policy). */
static bool
accepts(const struct checker *checker, const struct flaw *flaw)
{
	const struct check_policy *policy = checker->policy;

	if (flaw->is_refused || is_ours(checker))
		return false;
	if (policy->mode == CHECK_RESULT)
		return true;
	if (quirks_has(policy->quirks, flaw->quirk))
		return true;
	return policy->is_kept && !policy->is_strict;
}

static void
refuse(struct checker *checker, const struct flaw *flaw, const char *path, const char *expected)
{
	if (flaw->rank >= checker->rank)
		return;
	checker->rank = flaw->rank;
	checker->refusal->code = flaw->code;
	checker->refusal->quirk = flaw->is_refused ? NULL : flaw->quirk;
	(void)ocppd_error_set(&checker->refusal->at, OCPPD_EINVAL, "%s: %s", path, expected);
}

/* Notes the deviation. True: accepted, the caller mends it. */
static bool
note(struct checker *checker, const struct flaw *flaw, const char *expected)
{
	struct ocppd_finding finding = { .quirk = flaw->quirk,
					 .raw = flaw->raw,
					 .code = flaw->code };
	char path[PATH_SIZE];
	int r;

	path_write(checker, path, sizeof(path));
	if (!accepts(checker, flaw)) {
		refuse(checker, flaw, path, expected);
		return false;
	}
	finding.path = path;
	finding.flags = flaw->is_hard ? OCPPD_FINDING_HARD : 0;
	r = findings_add(checker->findings, &finding);
	if (r == OCPPD_ESPACE) {
		const struct flaw too_many = { RANK_EXTRA, OCPPD_CALLERROR_FORMATION,
					       .is_refused = true };

		refuse(checker, &too_many, path, "more flaws than can be kept track of");
		return false;
	}
	if (r < 0)
		checker->error = r;
	return true;
}

/* Notes a deviation that is accepted in every class unless `strict` says otherwise. */
static bool
note_mild(struct checker *checker, struct flaw *flaw, const char *expected)
{
	struct check_policy mild = *checker->policy;
	const struct check_policy *policy = checker->policy;
	bool is_accepted;

	mild.is_kept = true;
	checker->policy = &mild;
	is_accepted = note(checker, flaw, expected);
	checker->policy = policy;
	return is_accepted;
}

/* Takes value, also on error. */
static void
replace(struct checker *checker, const struct place *place, struct json_object *value)
{
	int r;

	if (value == NULL) {
		checker->error = OCPPD_ENOMEM;
		return;
	}
	if (place->index < 0)
		r = json_object_object_add(place->parent, place->field->name, value);
	else
		r = json_object_array_put_idx(place->parent, (size_t)place->index, value);
	if (r < 0) {
		json_object_put(value);
		checker->error = OCPPD_ENOMEM;
	}
}

static void
replace_text(struct checker *checker, const struct place *place, const char *text, size_t len)
{
	replace(checker, place, json_object_new_string_len(text, (int)len));
}

/* ---- Values: each returns false when the value cannot stay as it is ----------------------- */

static const char *
type_words(uint32_t type)
{
	static const char *const words[] = {
		[OCPPD_T_STRING] = "expected a string",
		[OCPPD_T_INTEGER] = "expected an integer",
		[OCPPD_T_DECIMAL] = "expected a number with at most one decimal",
		[OCPPD_T_BOOLEAN] = "expected true or false",
		[OCPPD_T_TIMESTAMP] = "expected a date and time (RFC 3339)",
		[OCPPD_T_URI] = "expected a string",
		[OCPPD_T_OBJECT] = "expected an object",
		[OCPPD_T_ANY] = "expected a value",
		[OCPPD_T_NUMBER] = "expected a number",
	};

	return words[type];
}

static void
mend_time(struct checker *checker, const struct place *place, int64_t time_us)
{
	char text[OCPPD_TIME_SIZE];
	int len = ocppd_time_format(time_us, text);

	if (len > 0)
		replace_text(checker, place, text, (size_t)len);
}

/* A confirmation that cannot be read is an error; so is a CALL without its key members. A list is
 * there though one of its elements is not readable. */
static bool
is_vital(const struct checker *checker, const struct place *place)
{
	return checker->policy->mode == CHECK_RESULT ||
	       (checker->policy->mode == CHECK_CALL && (place->field->flags & OCPPD_KEY) != 0 &&
		place->index < 0);
}

/* A value of a type that cannot be read as the member's: what remains of it, if it is accepted. */
static void
unreadable(struct checker *checker, const struct place *place, struct json_object *value)
{
	const struct schema_field *field = place->field;
	const char *raw = json_object_to_json_string_ext(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	struct flaw flaw = { RANK_TYPE, OCPPD_CALLERROR_TYPE, "D01", true, false, raw };

	if (field->type == OCPPD_T_TIMESTAMP)
		flaw.quirk = "E05";
	flaw.is_refused = is_vital(checker, place);
	if (!note(checker, &flaw, type_words(field->type)))
		return;
	if (field->type == OCPPD_T_TIMESTAMP)
		mend_time(checker, place, checker->policy->now_us);
	else if ((field->type == OCPPD_T_STRING || field->type == OCPPD_T_URI) && raw != NULL)
		replace_text(checker, place, raw, utf8_cut(raw, KEEP_BYTES));
	else if (place->index < 0)
		json_object_object_del(place->parent, field->name);
	else if (field->type == OCPPD_T_OBJECT)
		replace(checker, place, json_object_new_object());
	else if (raw != NULL)
		replace_text(checker, place, raw, utf8_cut(raw, KEEP_BYTES));
}

/* Notes a lossless change of type; the caller replaces the value if this is true. */
static bool
coerced(struct checker *checker, const struct place *place, struct json_object *value)
{
	struct flaw flaw = { RANK_TYPE, OCPPD_CALLERROR_TYPE, "D01" };

	flaw.raw = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
								 JSON_C_TO_STRING_NOSLASHESCAPE);
	return note(checker, &flaw, type_words(place->field->type));
}

static bool
is_control(const unsigned char *at)
{
	if (*at < 0x20)
		return *at != '\t' && *at != '\n' && *at != '\r';
	return *at == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f);
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

/* D11: NUL and control characters become U+FFFD. Line breaks and tabs belong to texts (PEM). */
static void
mend_control(struct checker *checker, const struct place *place, const char *text, size_t len)
{
	struct flaw flaw = { RANK_VALUE, OCPPD_CALLERROR_PROPERTY, "D11", false, false, text };
	struct buf buf = { 0 };

	if (!note_mild(checker, &flaw, "control characters are not allowed"))
		return;
	for (size_t i = 0; i < len; i++) {
		const unsigned char *at = (const unsigned char *)text + i;

		if (!is_control(at)) {
			buf_add_char(&buf, text[i]);
			continue;
		}
		buf_add_str(&buf, "\xef\xbf\xbd");
		i += *at == 0xc2 ? 1 : 0;
	}
	if (buf.error != 0)
		checker->error = OCPPD_ENOMEM;
	else
		replace_text(checker, place, buf.data, buf.len);
	buf_fini(&buf);
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
	if (!note(checker, &flaw, expected) || checker->policy->mode == CHECK_RESULT)
		return;
	for (char *const *word = field->one_of; *word != NULL; word++) {
		if (is_alike(*word, text)) {
			mapped = *word;
			break;
		}
	}
	if (mapped != NULL)
		replace_text(checker, place, mapped, strlen(mapped));
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
	if (!note(checker, &flaw, expected) || !flaw.is_hard)
		return;
	if (field->max <= KEEP_BYTES) {
		replace_text(checker, place, text, utf8_cut(text, KEEP_BYTES));
		return;
	}
	for (int64_t i = 0; i < field->max; i++) {
		do {
			cut++;
		} while (((unsigned char)text[cut] & 0xc0) == 0x80);
	}
	replace_text(checker, place, text, cut);
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
			unreadable(checker, place, value);
			return;
		}
		if (!coerced(checker, place, value))
			return;
		text = json_object_to_json_string_ext(
			value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
		replace_text(checker, place, text, text != NULL ? strlen(text) : 0);
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
}

static void
check_timestamp(struct checker *checker, const struct place *place, struct json_object *value)
{
	struct flaw flaw = { RANK_VALUE, OCPPD_CALLERROR_PROPERTY, "E05", true };
	uint32_t flags = 0;
	int64_t time_us;
	const char *text;

	if (json_object_get_type(value) != json_type_string) {
		unreadable(checker, place, value);
		return;
	}
	text = json_object_get_string(value);
	flaw.raw = text;
	if (ocppd_time_parse(text, quirks_naive_offset_s(checker->policy->quirks), &time_us,
			     &flags) < 0) {
		flaw.is_hard = checker->policy->mode == CHECK_CALL;
		if (note(checker, &flaw, type_words(OCPPD_T_TIMESTAMP)) && flaw.is_hard)
			mend_time(checker, place, checker->policy->now_us);
		return;
	}
	if (flags == 0)
		return;
	flaw.quirk = (flags & OCPPD_TIME_NAIVE) != 0 ? "E01" : "E02";
	flaw.is_hard = false;
	if (note_mild(checker, &flaw, "a time needs a zone such as Z or +02:00"))
		mend_time(checker, place, time_us);
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
	(void)note(checker, &flaw, expected);
}

static void
check_integer(struct checker *checker, const struct place *place, struct json_object *value)
{
	enum json_type type = json_object_get_type(value);
	int64_t number = 0;

	if (!read_integer(value, &number)) {
		unreadable(checker, place, value);
		return;
	}
	if (type == json_type_string && !coerced(checker, place, value))
		return;
	/* 300.0 and 3e2 are integers by value; modules get them as such. */
	if (type != json_type_int && !is_ours(checker))
		replace(checker, place, json_object_new_int64(number));
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
			unreadable(checker, place, value);
			return;
		}
		if (coerced(checker, place, value))
			replace(checker, place, json_object_new_double(number));
		return;
	}
	if ((type != json_type_int && type != json_type_double) ||
	    !isfinite(json_object_get_double(value))) {
		unreadable(checker, place, value);
		return;
	}
	if (place->field->type != OCPPD_T_DECIMAL || type == json_type_int ||
	    has_one_decimal(value))
		return;
	flaw.raw = json_object_get_string(value);
	(void)note(checker, &flaw, type_words(OCPPD_T_DECIMAL));
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
		unreadable(checker, place, value);
		return;
	}
	if (coerced(checker, place, value))
		replace(checker, place, json_object_new_boolean(is_true));
}

static void check_object(struct checker *checker, const struct schema *schema,
			 struct json_object *object);

static void
check_value(struct checker *checker, const struct place *place, struct json_object *value)
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
	case OCPPD_T_OBJECT:
		if (json_object_get_type(value) == json_type_object)
			check_object(checker, place->field->fields, value);
		else
			unreadable(checker, place, value);
		return;
	default: /* OCPPD_T_ANY: schema_new lets no other through */
		return;
	}
}

/* Not taken as one element: nothing says that this is what was meant. */
static void
not_a_list(struct checker *checker, const struct place *place, struct json_object *value)
{
	struct flaw flaw = { RANK_TYPE, OCPPD_CALLERROR_TYPE, "D01", true };

	flaw.raw = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
								 JSON_C_TO_STRING_NOSLASHESCAPE);
	flaw.is_refused = is_vital(checker, place);
	if (note(checker, &flaw, "expected a list"))
		json_object_object_del(place->parent, place->field->name);
}

static void
check_list(struct checker *checker, const struct place *place, struct json_object *list)
{
	const struct schema_field *field = place->field;
	struct place item = { list, field, 0 };
	struct flaw flaw = { RANK_MISSING, OCPPD_CALLERROR_OCCURRENCE, "D04" };
	struct step *step = &checker->steps[checker->depth - 1];
	size_t count;
	char expected[48];

	if (json_object_get_type(list) != json_type_array) {
		not_a_list(checker, place, list);
		return;
	}
	count = json_object_array_length(list);
	if (count == 0 && (field->flags & OCPPD_NONEMPTY) != 0)
		(void)note(checker, &flaw, "expected at least one element");
	if (field->max_items != 0 && count > field->max_items) {
		(void)snprintf(expected, sizeof(expected), "at most %u elements", field->max_items);
		(void)note(checker, &flaw, expected);
	}
	for (size_t i = 0; i < count && checker->error == 0; i++) {
		item.index = (int64_t)i;
		step->index = item.index;
		check_value(checker, &item, json_object_array_get_idx(list, i));
	}
	step->index = -1;
}

/* ---- Objects ------------------------------------------------------------------------------ */

static bool
is_required(const struct checker *checker, const struct schema_field *field)
{
	if ((field->flags & OCPPD_FILLED) != 0 && checker->policy->mode == CHECK_FILLED)
		return false;
	return (field->flags & (OCPPD_REQUIRED | OCPPD_FILLED)) != 0;
}

/* A required member that is missing or null. rank and code tell which. */
static void
absent(struct checker *checker, const struct place *place, struct flaw *flaw)
{
	const struct schema_field *field = place->field;
	bool is_time = field->type == OCPPD_T_TIMESTAMP && (field->flags & OCPPD_LIST) == 0;

	flaw->quirk = is_time ? "E05" : "D04";
	flaw->is_hard = true;
	flaw->is_refused = is_vital(checker, place);
	if (!note(checker, flaw,
		  flaw->rank == RANK_TYPE ? type_words(field->type) : "required, but missing"))
		return;
	if (is_time)
		mend_time(checker, place, checker->policy->now_us);
	else
		json_object_object_del(place->parent, field->name);
}

static void
check_null(struct checker *checker, const struct place *place)
{
	const struct schema_field *field = place->field;
	struct flaw flaw = { RANK_TYPE, OCPPD_CALLERROR_TYPE, "D04", false, false, "null" };

	if ((field->flags & OCPPD_NULLABLE) != 0 || field->type == OCPPD_T_ANY)
		return;
	if (is_required(checker, field)) {
		absent(checker, place, &flaw);
		return;
	}
	if (note(checker, &flaw,
		 (field->flags & OCPPD_LIST) != 0 ? "expected a list" : type_words(field->type)))
		json_object_object_del(place->parent, field->name);
}

static void
check_member(struct checker *checker, struct json_object *object, const struct schema_field *field,
	     bool is_present, struct json_object *value)
{
	struct place place = { object, field, -1 };
	struct flaw flaw = { RANK_MISSING, OCPPD_CALLERROR_OCCURRENCE };

	if (!is_present && !is_required(checker, field))
		return;
	checker->steps[checker->depth].name = field->name;
	checker->steps[checker->depth].index = -1;
	checker->depth++;
	if (!is_present)
		absent(checker, &place, &flaw);
	else if (value == NULL)
		check_null(checker, &place);
	else if ((field->flags & OCPPD_LIST) != 0)
		check_list(checker, &place, value);
	else
		check_value(checker, &place, value);
	checker->depth--;
}

/* Index of the member, looked for from `hint` on: members mostly come in the table's order. */
static int
find_field(const struct schema *schema, const char *name, size_t len, uint32_t hint)
{
	uint32_t at = hint;

	for (uint32_t i = 0; i < schema->count; i++, at++) {
		const struct schema_field *field;

		if (at >= schema->count)
			at = 0;
		field = &schema->fields[at];
		if (field->name_len == len && memcmp(field->name, name, len) == 0)
			return (int)at;
	}
	return OCPPD_ENOENT;
}

/* B08: blanks inside a key. Returns true if the member was given its proper name. */
static bool
mend_key(struct checker *checker, const struct schema *schema, struct json_object *object,
	 const char *key)
{
	struct flaw flaw = { RANK_EXTRA, OCPPD_CALLERROR_FORMATION, "B08", false, false, key };
	size_t begin = strspn(key, " \t\r\n");
	size_t end = strlen(key);
	struct json_object *value = NULL;
	bool is_mended = false;
	int at;

	while (end > begin && strchr(" \t\r\n", key[end - 1]) != NULL)
		end--;
	at = find_field(schema, key + begin, end - begin, 0);
	if (at < 0 || is_ours(checker) ||
	    json_object_object_get_ex(object, schema->fields[at].name, NULL))
		return false;
	checker->steps[checker->depth].name = schema->fields[at].name;
	checker->steps[checker->depth].index = -1;
	checker->depth++;
	if (note_mild(checker, &flaw, "blanks in the member's name")) {
		(void)json_object_object_get_ex(object, key, &value);
		replace(checker, &(struct place){ object, &schema->fields[at], -1 },
			value != NULL ? json_object_get(value) : json_object_new_string(""));
		json_object_object_del(object, key);
		is_mended = true;
	}
	checker->depth--;
	return is_mended;
}

/* One member that is in no row. True: the object changed beyond the removal of this member. */
static bool
check_extra(struct checker *checker, const struct schema *schema, struct json_object *object,
	    const char *key)
{
	struct flaw flaw = { RANK_EXTRA, OCPPD_CALLERROR_FORMATION, "D05", false, false, key };

	if (mend_key(checker, schema, object, key))
		return true;
	checker->steps[checker->depth].name = key;
	checker->steps[checker->depth].index = -1;
	checker->depth++;
	if (note(checker, &flaw, "unknown member"))
		json_object_object_del(object, key);
	checker->depth--;
	return false;
}

/* A renamed key may move the table, so the walk starts again; at most once for each row. */
static void
check_extras(struct checker *checker, const struct schema *schema, struct json_object *object)
{
	struct lh_entry *entry = json_object_get_object(object)->head;

	while (entry != NULL && checker->error == 0 && checker->rank != RANK_EXTRA) {
		const char *key = lh_entry_k(entry);
		struct lh_entry *next = entry->next;

		if (find_field(schema, key, strlen(key), 0) < 0 &&
		    check_extra(checker, schema, object, key))
			next = json_object_get_object(object)->head;
		entry = next;
	}
}

static uint32_t
collect(const struct schema *schema, struct json_object *object,
	struct json_object *ret_values[SCHEMA_FIELDS_MAX], uint64_t *ret_present)
{
	uint32_t hint = 0;
	uint32_t extra_count = 0;
	uint64_t present = 0;

	for (struct lh_entry *entry = json_object_get_object(object)->head; entry != NULL;
	     entry = entry->next) {
		const char *key = lh_entry_k(entry);
		int at = find_field(schema, key, strlen(key), hint);

		if (at < 0) {
			extra_count++;
			continue;
		}
		ret_values[at] = lh_entry_v(entry);
		present |= UINT64_C(1) << at;
		hint = (uint32_t)at + 1;
	}
	*ret_present = present;
	return extra_count;
}

static void
check_object(struct checker *checker, const struct schema *schema, struct json_object *object)
{
	struct json_object *values[SCHEMA_FIELDS_MAX];
	uint64_t present;

	if (collect(schema, object, values, &present) > 0) {
		check_extras(checker, schema, object);
		(void)collect(schema, object, values, &present);
	}
	for (uint32_t i = 0; i < schema->count && checker->error == 0; i++) {
		bool is_present = (present & (UINT64_C(1) << i)) != 0;

		check_member(checker, object, &schema->fields[i], is_present,
			     is_present ? values[i] : NULL);
	}
}

int
schema_check(const struct schema *schema, struct json_object *value,
	     const struct check_policy *policy, struct findings **findings,
	     struct check_refusal *ret_refusal)
{
	struct checker checker = {
		.policy = policy,
		.findings = findings,
		.refusal = ret_refusal,
		.rank = RANK_NONE,
	};

	if (json_object_get_type(value) != json_type_object) {
		ret_refusal->code = OCPPD_CALLERROR_FORMATION;
		ret_refusal->quirk = "C05";
		return ocppd_error_set(&ret_refusal->at, OCPPD_EINVAL,
				       "the payload is not an object");
	}
	check_object(&checker, schema, value);
	if (checker.error < 0)
		return checker.error;
	return checker.rank != RANK_NONE ? OCPPD_EINVAL : 0;
}

int
ocppd_payload_check(const struct ocppd_fields *fields, struct json_object *value,
		    struct ocppd_error *err)
{
	const struct check_policy policy = { .mode = CHECK_FILLED };
	struct check_refusal refusal;
	struct findings *findings = NULL;
	struct schema *schema;
	int r = schema_new(fields, &schema, err);

	if (r < 0)
		return r;
	r = schema_check(schema, value, &policy, &findings, &refusal);
	if (r == OCPPD_EINVAL)
		(void)ocppd_error_set(err, r, "%s", refusal.at.text);
	else if (r < 0)
		(void)ocppd_error_set(err, r, "out of memory");
	findings_free(findings);
	schema_free(schema);
	return r;
}
