/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The types of single options: how each is written in YAML, checked and stored. Complaints say what
 * was found, what was expected and, where it can be known, what to write instead.
 */
#include "runtime/option_value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/conf.h"

#define SECRET_FILE_MAX 65536u
#define QUOTE_MAX 60 /* characters of a value that a complaint repeats */

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first: the first that divides a number is the one it is written with. */
static const struct unit units_ms[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "min", 60000 }, { "s", 1000 }, { "ms", 1 }, { NULL },
};
static const struct unit units_s[] = {
	{ "d", 86400 }, { "h", 3600 }, { "min", 60 }, { "s", 1 }, { NULL },
};
static const struct unit units_size[] = {
	{ "TiB", INT64_C(1) << 40 },
	{ "GiB", INT64_C(1) << 30 },
	{ "MiB", INT64_C(1) << 20 },
	{ "KiB", INT64_C(1) << 10 },
	{ "", 1 },
	{ "B", 1 },
	{ "kB", 1000 },
	{ "MB", 1000000 },
	{ "GB", 1000000000 },
	{ "TB", INT64_C(1000000000000) },
	{ NULL },
};

static const struct {
	const char *text;
	const char *word;
	bool is_scalar;
} types[] = {
	[OCPPD_CONF_BOOL] = { "true or false", "BOOL", true },
	[OCPPD_CONF_INT] = { "a whole number", "NUMBER", true },
	[OCPPD_CONF_SIZE] = { "a size such as 4096, 64KiB or 1MiB", "SIZE", true },
	[OCPPD_CONF_DURATION_MS] = { "a duration such as 250ms, 10s or 5min", "DURATION", true },
	[OCPPD_CONF_DURATION_S] = { "a duration such as 10s, 5min or 2h", "DURATION", true },
	[OCPPD_CONF_STRING] = { "a text", "TEXT", true },
	[OCPPD_CONF_ENUM] = { "a word", "WORD", true },
	[OCPPD_CONF_PATH] = { "a path", "PATH", true },
	[OCPPD_CONF_ADDRESS] = { "a numeric IPv4 or IPv6 address", "ADDRESS", true },
	[OCPPD_CONF_SECRET] = { "a secret: a text, or {file: PATH}", "SECRET", true },
	[OCPPD_CONF_STRINGS] = { "a list of texts", "[TEXT, …]", false },
	[OCPPD_CONF_SECTION] = { "a map", "MAP", false },
	[OCPPD_CONF_SECTIONS] = { "a list of maps", "LIST", false },
	[OCPPD_CONF_NODE] = { "anything", "ANYTHING", false },
	[OCPPD_CONF_PATHS] = { "a list of paths", "[PATH, …]", false },
	[OCPPD_CONF_DOUBLE] = { "a number such as 0.5", "NUMBER", true },
};

static bool
is_known(uint32_t type)
{
	return type < sizeof(types) / sizeof(types[0]) && types[type].text != NULL;
}

bool
option_is_scalar(uint32_t type)
{
	return is_known(type) && types[type].is_scalar;
}

const char *
option_type_text(uint32_t type)
{
	return is_known(type) ? types[type].text : "an unknown type";
}

const char *
option_type_word(uint32_t type)
{
	return is_known(type) ? types[type].word : "UNKNOWN";
}

static const struct unit *
units_of(uint32_t type)
{
	switch (type) {
	case OCPPD_CONF_DURATION_MS:
		return units_ms;
	case OCPPD_CONF_DURATION_S:
		return units_s;
	case OCPPD_CONF_SIZE:
		return units_size;
	default:
		return NULL;
	}
}

void
option_number_format(const struct ocppd_option *option, int64_t value, struct buf *ret_text)
{
	const struct unit *unit = units_of(option->type);

	if (unit == NULL) {
		buf_printf(ret_text, "%" PRId64, value);
		return;
	}
	while (unit->factor > 1 && (value == 0 || value % unit->factor != 0))
		unit++;
	buf_printf(ret_text, "%" PRId64 "%s", value / unit->factor, unit->name);
}

/* ---- Complaints ----------------------------------------------------------------------------- */

/* A text as a complaint repeats it: short, and without what would break the line. */
static void
add_quoted(struct buf *buf, const char *text)
{
	size_t len = utf8_cut(text, QUOTE_MAX);
	size_t i;

	buf_add_char(buf, '"');
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		buf_add_char(buf, c < 0x20 || c == 0x7f ? '?' : text[i]);
	}
	buf_add_str(buf, text[len] == '\0' ? "\"" : "…\"");
}

static int
refuse_buf(struct buf *buf, struct ocppd_error *err)
{
	int r;

	if (buf->error < 0 || buf->data == NULL)
		r = ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	else
		r = ocppd_error_set(err, OCPPD_EINVAL, "%s", buf->data);
	buf_fini(buf);
	return r;
}

/* "expected X, not the list"; a value of a secret is not repeated. */
static int
refuse_type(const struct ocppd_option *option, const struct ocppd_node *node,
	    struct ocppd_error *err)
{
	struct buf buf = { 0 };

	buf_printf(&buf, "expected %s, ", option_type_text(option->type));
	switch (node->kind) {
	case OCPPD_NODE_TEXT:
		if (option->type == OCPPD_CONF_SECRET) {
			buf_add_str(&buf, "not this text");
			break;
		}
		buf_add_str(&buf, node->is_quoted ? "not the text " : "not ");
		add_quoted(&buf, node->text);
		break;
	case OCPPD_NODE_LIST:
		buf_add_str(&buf, "not a list");
		if (option->type == OCPPD_CONF_ADDRESS)
			buf_add_str(&buf, "; put an address in brackets into quotes: \"[::]\"");
		break;
	case OCPPD_NODE_MAP:
		buf_add_str(&buf, "not a map");
		break;
	default:
		buf_add_str(&buf, "but the value is empty");
		break;
	}
	return refuse_buf(&buf, err);
}

static int
check_range(const struct ocppd_option *option, const char *text, bool is_below, bool is_above,
	    struct ocppd_error *err)
{
	struct buf buf = { 0 };

	if ((option->min == 0 && option->max == 0) || (!is_below && !is_above))
		return 0;

	buf_printf(&buf, "%s is %s ", text, is_below ? "below the minimum" : "above the maximum");
	option_number_format(option, is_below ? option->min : option->max, &buf);
	return refuse_buf(&buf, err);
}

/* ---- Numbers -------------------------------------------------------------------------------- */

static int
refuse_unit(const struct ocppd_option *option, const char *text, const char *unit,
	    struct ocppd_error *err)
{
	const struct unit *known = units_of(option->type);
	struct buf buf = { 0 };
	bool is_first = true;

	if (unit[0] == '\0') {
		/* Which unit was meant is the very question: show two. */
		buf_printf(&buf, "%s lacks a unit: write %ss or %smin", text, text, text);
		return refuse_buf(&buf, err);
	}
	if (unit[0] == '.' || unit[0] == ',') {
		buf_printf(&buf, "%s is not a whole number: take a smaller unit", text);
		return refuse_buf(&buf, err);
	}
	add_quoted(&buf, unit);
	buf_add_str(&buf, " is no unit here; known are ");
	for (; known->name != NULL; known++) {
		if (known->name[0] == '\0')
			continue;
		buf_printf(&buf, "%s%s", is_first ? "" : ", ", known->name);
		is_first = false;
	}
	return refuse_buf(&buf, err);
}

/* Digits and a unit. */
static int
parse_quantity(const struct ocppd_option *option, const struct ocppd_node *node, int64_t *ret_value,
	       struct ocppd_error *err)
{
	const struct unit *unit = units_of(option->type);
	size_t digits = strspn(node->text, "0123456789");
	const char *name = node->text + digits;
	char number[24];
	int64_t value;

	if (digits == 0)
		return refuse_type(option, node, err);
	if (digits >= sizeof(number))
		return ocppd_error_set(err, OCPPD_EINVAL, "%.*s… is too large", QUOTE_MAX,
				       node->text);

	while (name[0] == ' ')
		name++;
	while (unit->name != NULL && !str_eq(unit->name, name))
		unit++;
	if (unit->name == NULL)
		return refuse_unit(option, node->text, name, err);

	memcpy(number, node->text, digits);
	number[digits] = '\0';
	if (parse_i64(number, 0, INT64_MAX, &value) < 0 ||
	    __builtin_mul_overflow(value, unit->factor, &value))
		return ocppd_error_set(err, OCPPD_EINVAL, "%s is too large", node->text);

	*ret_value = value;
	return 0;
}

static int
set_int(const struct ocppd_option *option, const struct ocppd_node *node, void *ret_member,
	struct ocppd_error *err)
{
	int64_t value;
	int r;

	if (option->type != OCPPD_CONF_INT) {
		r = parse_quantity(option, node, &value, err);
		if (r < 0)
			return r;
	} else {
		if (node->is_quoted)
			return refuse_type(option, node, err);
		r = parse_i64(node->text, INT64_MIN, INT64_MAX, &value);
		if (r == OCPPD_ERANGE)
			return ocppd_error_set(err, OCPPD_EINVAL, "%.*s is too large", QUOTE_MAX,
					       node->text);
		if (r < 0)
			return refuse_type(option, node, err);
	}
	r = check_range(option, node->text, value<option->min, value> option->max, err);
	if (r < 0)
		return r;

	memcpy(ret_member, &value, sizeof(value));
	return 0;
}

static int
set_double(const struct ocppd_option *option, const struct ocppd_node *node, void *ret_member,
	   struct ocppd_error *err)
{
	double value;
	int r;

	if (node->is_quoted || parse_double(node->text, &value) < 0)
		return refuse_type(option, node, err);

	r = check_range(option, node->text, value<(double)option->min, value>(double) option->max,
			err);
	if (r < 0)
		return r;

	memcpy(ret_member, &value, sizeof(value));
	return 0;
}

/* ---- Words ---------------------------------------------------------------------------------- */

static int
set_bool(const struct ocppd_option *option, const struct ocppd_node *node, void *ret_member,
	 struct ocppd_error *err)
{
	static const struct {
		const char *text;
		uint32_t value;
	} words[] = {
		{ "true", 1 }, { "false", 0 }, { "yes", 1 }, { "no", 0 }, { "on", 1 }, { "off", 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!node->is_quoted && str_ci_eq(node->text, words[i].text)) {
			memcpy(ret_member, &words[i].value, sizeof(words[i].value));
			return 0;
		}
	}
	return refuse_type(option, node, err);
}

static int
set_enum(const struct ocppd_option *option, const struct ocppd_node *node, void *ret_member,
	 struct ocppd_error *err)
{
	struct buf buf = { 0 };
	const char *near;
	uint32_t i;

	for (i = 0; option->one_of[i] != NULL; i++) {
		if (str_eq(node->text, option->one_of[i])) {
			memcpy(ret_member, &i, sizeof(i));
			return 0;
		}
	}
	near = str_nearest(node->text, option->one_of, i);
	buf_add_str(&buf, "expected one of ");
	for (i = 0; option->one_of[i] != NULL; i++)
		buf_printf(&buf, "%s%s", i > 0 ? ", " : "", option->one_of[i]);
	buf_add_str(&buf, ", not ");
	add_quoted(&buf, node->text);
	if (near != NULL)
		buf_printf(&buf, "; did you mean \"%s\"?", near);
	return refuse_buf(&buf, err);
}

/* ---- Texts ---------------------------------------------------------------------------------- */

static int
set_text(const char *text, struct arena *arena, void *ret_member, struct ocppd_error *err)
{
	const char *copy = arena_dup(arena, text);

	if (copy == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");

	memcpy(ret_member, &copy, sizeof(copy));
	return 0;
}

static int
set_string(const struct ocppd_option *option, const struct ocppd_node *node, struct arena *arena,
	   void *ret_member, struct ocppd_error *err)
{
	int64_t count = (int64_t)utf8_count(node->text);

	if (count < option->min)
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "too short with %" PRId64 " characters; at least %" PRId64
				       " are needed",
				       count, option->min);
	if (option->max > 0 && count > option->max)
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "too long with %" PRId64 " characters; at most %" PRId64
				       " are allowed",
				       count, option->max);
	return set_text(node->text, arena, ret_member, err);
}

char *
option_path(const struct ocppd_node *node, struct arena *arena)
{
	const char *slash = node->file == NULL ? NULL : strrchr(node->file, '/');
	struct buf buf = { 0 };
	char *path = NULL;

	if (node->text[0] == '/' || slash == NULL)
		return arena_dup(arena, node->text);

	buf_add(&buf, node->file, (size_t)(slash - node->file) + 1);
	buf_add_str(&buf, node->text);
	if (buf.error == 0)
		path = arena_dup(arena, buf.data);
	buf_fini(&buf);
	return path;
}

static int
set_path(const struct ocppd_node *node, struct arena *arena, void *ret_member,
	 struct ocppd_error *err)
{
	const char *path;

	if (node->text[0] == '\0')
		return ocppd_error_set(err, OCPPD_EINVAL, "expected a path, but the text is empty");

	path = option_path(node, arena);
	if (path == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");

	memcpy(ret_member, &path, sizeof(path));
	return 0;
}

static int
set_address(const struct ocppd_option *option, const struct ocppd_node *node, struct arena *arena,
	    void *ret_member, struct ocppd_error *err)
{
	unsigned char binary[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	size_t len = strlen(node->text);
	bool is_bracketed = node->text[0] == '[' && node->text[len - 1] == ']';

	if (is_bracketed)
		len -= 2;
	if (len >= sizeof(text))
		return refuse_type(option, node, err);

	memcpy(text, node->text + (is_bracketed ? 1 : 0), len);
	text[len] = '\0';
	if (inet_pton(AF_INET6, text, binary) != 1 &&
	    (is_bracketed || inet_pton(AF_INET, text, binary) != 1))
		return refuse_type(option, node, err);
	return set_text(text, arena, ret_member, err);
}

static int
secret_from_file(const char *path, struct arena *arena, void *ret_member, struct ocppd_error *err)
{
	struct ocppd_error why = { 0 };
	char *text = NULL;
	size_t len = 0;
	int r;

	r = file_read(path, SECRET_FILE_MAX, &text, &len, &why);
	if (r < 0)
		return ocppd_error_set(err, r, "file %s %s", path, why.text);

	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	text[len] = '\0';
	if (len == 0)
		r = ocppd_error_set(err, OCPPD_EINVAL, "file %s is empty", path);
	else if (strlen(text) != len)
		r = ocppd_error_set(err, OCPPD_EINVAL, "file %s holds the character NUL", path);
	else
		r = set_text(text, arena, ret_member, err);
	explicit_bzero(text, len);
	free(text);
	return r;
}

static int
set_secret(const struct ocppd_option *option, const struct ocppd_node *node, struct arena *arena,
	   void *ret_member, struct ocppd_error *err)
{
	const struct ocppd_node *file;
	const char *path;

	if (node->kind == OCPPD_NODE_TEXT)
		return set_text(node->text, arena, ret_member, err);

	file = ocppd_node_get(node, "file");
	if (node->kind != OCPPD_NODE_MAP || file == NULL || node->count != 1)
		return ocppd_error_set(err, OCPPD_EINVAL, "expected %s",
				       option_type_text(option->type));
	if (file->kind != OCPPD_NODE_TEXT || file->text[0] == '\0')
		return ocppd_error_set(err, OCPPD_EINVAL, "expected a path after \"file:\"");

	path = option_path(file, arena);
	if (path == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	return secret_from_file(path, arena, ret_member, err);
}

const char *
option_secret_file(const struct ocppd_option *option, const struct ocppd_node *node,
		   struct arena *arena)
{
	const struct ocppd_node *file = node;

	if (option->type == OCPPD_CONF_SECRET)
		file = node->kind == OCPPD_NODE_MAP ? ocppd_node_get(node, "file") : NULL;
	else if ((option->flags & OCPPD_OPTION_SECRET) == 0)
		file = NULL;
	return file == NULL || file->kind != OCPPD_NODE_TEXT ? NULL : option_path(file, arena);
}

int
option_value_set(const struct ocppd_option *option, const struct ocppd_node *node,
		 struct arena *arena, void *ret_member, struct ocppd_error *err)
{
	if (option->type == OCPPD_CONF_SECRET)
		return set_secret(option, node, arena, ret_member, err);
	if (node->kind != OCPPD_NODE_TEXT)
		return refuse_type(option, node, err);

	switch (option->type) {
	case OCPPD_CONF_BOOL:
		return set_bool(option, node, ret_member, err);
	case OCPPD_CONF_INT:
	case OCPPD_CONF_SIZE:
	case OCPPD_CONF_DURATION_MS:
	case OCPPD_CONF_DURATION_S:
		return set_int(option, node, ret_member, err);
	case OCPPD_CONF_DOUBLE:
		return set_double(option, node, ret_member, err);
	case OCPPD_CONF_STRING:
		return set_string(option, node, arena, ret_member, err);
	case OCPPD_CONF_ENUM:
		return set_enum(option, node, ret_member, err);
	case OCPPD_CONF_PATH:
	case OCPPD_CONF_PATHS: /* one of them */
		return set_path(node, arena, ret_member, err);
	case OCPPD_CONF_ADDRESS:
		return set_address(option, node, arena, ret_member, err);
	default:
		return ocppd_error_set(err, OCPPD_EINVAL, "has the unknown type %u", option->type);
	}
}
