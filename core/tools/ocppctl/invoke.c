/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * From arguments to a request: positional arguments in the order that the command names them,
 * `--name value` for queries and body members, `name=value` for the body's.
 */
#include "invoke.h"

#include "assign.h"
#include "base/buf.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define VALUES_MAX 32

struct value {
	const char *name;
	const char *text;
};

/* One command line being read. */
struct reading {
	const struct spec *spec;
	const struct command *command;
	const char *next_arg; /* in command->args */
	struct value path[VALUES_MAX];
	size_t path_count;
	struct buf query;
	struct json_object *body; /* NULL: the command has none */
	struct json_object *schema;
	char *(*input)(const char *name);
	struct ocppd_error *err;
	const char *file; /* of a file that goes along */
	bool has_page;
};

/* "<file", ">file": a file beside the request. */
static bool
is_file(const char *arg)
{
	return *arg == '<' || *arg == '>';
}

static void
add_encoded(struct buf *out, const char *text)
{
	static const char plain[] = "-._~";

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr(plain, c) != NULL)
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static const char *
path_value(const struct reading *reading, const char *name, size_t len)
{
	for (size_t i = 0; i < reading->path_count; i++) {
		if (strlen(reading->path[i].name) == len &&
		    strncmp(reading->path[i].name, name, len) == 0)
			return reading->path[i].text;
	}
	return NULL;
}

static int
usage(const struct reading *reading, const char *what, const char *name)
{
	return ocppd_error_set(reading->err, OCPPD_EINVAL, "%s %s; see: ocppctl help %s", what,
			       name, reading->command->words);
}

static void
add_query(struct reading *reading, const char *name, const char *value)
{
	buf_add_char(&reading->query, reading->query.len == 0 ? '?' : '&');
	add_encoded(&reading->query, name);
	buf_add_char(&reading->query, '=');
	add_encoded(&reading->query, value);
	if (strcmp(name, "limit") == 0 || strcmp(name, "after") == 0)
		reading->has_page = true;
}

static int
set_path(struct reading *reading, const char *name, const char *value)
{
	const char *choice = spec_body_parameter(reading->command);

	if (reading->path_count == VALUES_MAX)
		return usage(reading, "too many values for", name);
	if (*value == '\0')
		return usage(reading, "an empty value for", name);
	reading->path[reading->path_count].name = name;
	reading->path[reading->path_count].text = value;
	reading->path_count++;
	if (choice != NULL && strcmp(choice, name) == 0)
		reading->schema = spec_body(reading->spec, reading->command, value);
	return 0;
}

static int
set_member(struct reading *reading, const char *assignment)
{
	int r;

	if (reading->body == NULL)
		return usage(reading, "this takes no", assignment);
	r = assign(reading->spec, reading->schema, reading->body, assignment, reading->err);
	return r == OCPPD_EINVAL ? OCPPD_ERANGE : r;
}

/* `name=value`, a JSON object, or `-` */
static int
set_free(struct reading *reading, const char *text)
{
	char *given;
	int r;

	if (reading->body == NULL)
		return usage(reading, "unexpected argument", text);
	if (text[0] == '{') {
		r = assign_all(reading->body, text, reading->err);
		return r == OCPPD_EINVAL ? OCPPD_ERANGE : r;
	}
	if (strcmp(text, "-") != 0)
		return strchr(text, '=') == NULL ? usage(reading, "unexpected argument", text)
						 : set_member(reading, text);
	given = reading->input("-");
	if (given == NULL)
		return ocppd_error_set(reading->err, OCPPD_ERANGE, "cannot read standard input");
	r = assign_all(reading->body, given, reading->err);
	free(given);
	return r == OCPPD_EINVAL ? OCPPD_ERANGE : r;
}

static int
set_by_assignment(struct reading *reading, const char *name, const char *value)
{
	struct buf text = { 0 };
	char *given = NULL;
	int r;

	if (strcmp(value, "-") == 0) {
		given = reading->input("-");
		if (given == NULL)
			return ocppd_error_set(reading->err, OCPPD_ERANGE,
					       "cannot read standard input");
		value = given;
	}
	buf_printf(&text, "%s=%s", name, value);
	free(given);
	r = text.error < 0 ? text.error : set_member(reading, text.data);
	buf_fini(&text);
	return r;
}

/* What is free of an object inside of the body: `payload.*`. */
static int
set_inner(struct reading *reading, const char *name, size_t len, const char *text)
{
	struct json_object *outer = reading->body;
	struct json_object *schema = reading->schema;
	struct json_object *inner;
	char *key = str_ndup(name, len);
	int r = OCPPD_ENOMEM;

	if (key == NULL || outer == NULL)
		goto out;
	inner = member(outer, key);
	if (inner == NULL) {
		inner = json_object_new_object();
		if (inner == NULL || json_object_object_add(outer, key, inner) != 0)
			goto out;
	}
	reading->body = inner;
	reading->schema = spec_payload(reading->spec, reading->command, outer);
	r = set_free(reading, text);
	reading->body = outer;
	reading->schema = schema;
out:
	free(key);
	return r;
}

/* ---- Positional arguments ------------------------------------------------------------------ */

/*
 * `image=fw.bin`: the name of a member says which is meant, whoever's turn it is. 1: that it was;
 * 0: it names none; negative: it is wrong.
 */
static int
set_named(struct reading *reading, const char *text)
{
	size_t len = strcspn(text, "=");
	char *name = text[len] == '=' ? str_ndup(text, len) : NULL;
	int r = 0;

	if (name == NULL)
		return text[len] == '=' ? OCPPD_ENOMEM : 0;
	if (spec_parameter(reading->spec, reading->command, name, "query") != NULL) {
		add_query(reading, name, text + len + 1);
		r = 1;
	} else if (reading->body != NULL &&
		   member(member(reading->schema, "properties"), name) != NULL) {
		r = set_by_assignment(reading, name, text + len + 1);
		r = r < 0 ? r : 1;
	}
	free(name);
	return r;
}

/* The member that an argument stands for: "@csv" is csv. */
static char *
member_of(const char *arg, size_t len)
{
	return *arg == '@' ? str_ndup(arg + 1, len - 1) : str_ndup(arg, len);
}

/* Passes over what `name=value` or an option gave before its turn. */
static const char *
next_name(struct reading *reading)
{
	const char *name = reading->next_arg;
	size_t len = strcspn(name, " ");
	char *copy = reading->body == NULL || len == 0 ? NULL : member_of(name, len);

	while (copy != NULL && member(reading->body, copy) != NULL) {
		name += len + strspn(name + len, " ");
		len = strcspn(name, " ");
		free(copy);
		copy = len == 0 ? NULL : member_of(name, len);
	}
	free(copy);
	reading->next_arg = name;
	return name;
}

/* The line that is no UTF-8, such as one of a spreadsheet's "CSV" in the machine's own encoding; 0:
 * all of them are. */
static size_t
line_of_other_text(const char *text)
{
	size_t line = 1;

	for (const char *at = text; *at != '\0'; line++) {
		size_t len = strcspn(at, "\n");

		if (!utf8_valid(at, len))
			return line;
		at += len + (at[len] == '\n' ? 1 : 0);
	}
	return 0;
}

/* "@csv": the member is the text of a file. */
static int
set_by_file(struct reading *reading, const char *arg, size_t len, const char *path)
{
	struct json_object *value = NULL;
	char *name = NULL;
	char *text = NULL;
	size_t line;
	int r = set_named(reading, path); /* "./name=value" is a file */

	if (r != 0)
		return r < 0 ? r : 0;
	if (reading->body == NULL)
		return usage(reading, "unexpected argument", path);
	text = reading->input(path);
	if (text == NULL)
		return ocppd_error_set(reading->err, OCPPD_ERANGE, "cannot read %s as text", path);
	line = line_of_other_text(text);
	if (line != 0) {
		r = ocppd_error_set(reading->err, OCPPD_ERANGE, "%s: line %zu is no UTF-8 text",
				    path, line);
		goto out;
	}

	r = OCPPD_ENOMEM;
	name = member_of(arg, len);
	value = json_object_new_string(text);
	if (name == NULL || value == NULL ||
	    json_object_object_add(reading->body, name, value) != 0)
		goto out;
	value = NULL; /* the body's */
	reading->next_arg = arg + len + strspn(arg + len, " ");
	r = 0;
out:
	json_object_put(value);
	free(name);
	free(text);
	return r;
}

static int
set_positional(struct reading *reading, const char *text)
{
	const char *name = next_name(reading);
	size_t len = strcspn(name, " ");
	struct json_object *parameter;
	char *copy;
	int r;

	if (len == 0) {
		r = set_named(reading, text);
		return r == 0 ? set_free(reading, text) : r < 0 ? r : 0;
	}
	if (len == 1 && name[0] == '*')
		return set_free(reading, text);
	if (*name == '>') /* -o says where it goes */
		return usage(reading, "unexpected argument", text);
	if (*name == '@')
		return set_by_file(reading, name, len, text);
	if (is_file(name)) {
		r = set_named(reading, text); /* "./name=value" is a file */
		if (r != 0)
			return r < 0 ? r : 0;
		reading->file = text;
		reading->next_arg = name + len + strspn(name + len, " ");
		return 0;
	}
	if (len > 2 && strncmp(name + len - 2, ".*", 2) == 0)
		return set_inner(reading, name, len - 2, text);
	copy = str_ndup(name, len);
	if (copy == NULL)
		return OCPPD_ENOMEM;

	parameter = spec_parameter(reading->spec, reading->command, copy, "path");
	r = parameter == NULL ? set_named(reading, text) : 0;
	if (r != 0) {
		r = r < 0 ? r : 0;
		goto out;
	}
	if (parameter == NULL && strchr(text, '=') != NULL && strstr(name, "*") != NULL) {
		r = set_free(reading, text); /* optional ones are left out */
		goto out;
	}
	reading->next_arg = name + len + strspn(name + len, " ");
	if (parameter != NULL) {
		r = set_path(reading, member_text(parameter, "name"), text);
	} else if (spec_parameter(reading->spec, reading->command, copy, "query") != NULL) {
		add_query(reading, copy, text);
		r = 0;
	} else {
		r = set_by_assignment(reading, copy, text);
	}
out:
	free(copy);
	return r;
}

/* ---- Options ------------------------------------------------------------------------------- */

/* "station-id" is "stationId". */
static char *
name_of_option(const char *text, size_t len)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '-' && i + 1 < len && text[i + 1] >= 'a' && text[i + 1] <= 'z')
			buf_add_char(&out, (char)(text[++i] - 'a' + 'A'));
		else
			buf_add_char(&out, text[i]);
	}
	return buf_steal(&out);
}

static bool
is_truth(const char *text)
{
	return text != NULL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0);
}

/* Reads args[0], and the next one if it is its value. Returns how many were used, or negative. */
static int
set_option(struct reading *reading, char *const *args, size_t count)
{
	const char *text = args[0] + 2;
	size_t len = strcspn(text, "=");
	char *name = name_of_option(text, len);
	const char *value = text[len] == '=' ? text + len + 1 : NULL;
	struct json_object *parameter = NULL;
	struct json_object *schema;
	const char *type;
	int used = 1;
	int r;

	if (name == NULL)
		return len == 0 ? usage(reading, "an option without a name", "") : OCPPD_ENOMEM;
	parameter = spec_parameter(reading->spec, reading->command, name, "query");
	schema = parameter != NULL
			 ? spec_resolve(reading->spec, member(parameter, "schema"))
			 : spec_resolve(reading->spec,
					member(member(reading->schema, "properties"), name));
	if (schema == NULL) {
		r = usage(reading, "unknown option", args[0]);
		goto out;
	}
	type = schema_type(schema);
	if (value == NULL && type != NULL && strcmp(type, "boolean") == 0) {
		used = count > 1 && is_truth(args[1]) ? 2 : 1;
		value = used == 2 ? args[1] : "true";
	} else if (value == NULL) {
		if (count < 2) {
			r = usage(reading, "a value is missing behind", args[0]);
			goto out;
		}
		value = args[1];
		used = 2;
	}
	r = 0;
	if (parameter != NULL)
		add_query(reading, name, value);
	else
		r = set_by_assignment(reading, name, value);
out:
	free(name);
	return r < 0 ? r : used;
}

/* ---- Putting it together ------------------------------------------------------------------- */

static int
read_args(struct reading *reading, char *const *args, size_t count)
{
	bool has_options = true;
	size_t i = 0;

	while (i < count) {
		int used = 1;

		if (has_options && strcmp(args[i], "--") == 0)
			has_options = false;
		else if (has_options && strncmp(args[i], "--", 2) == 0)
			used = set_option(reading, args + i, count - i);
		else
			used = set_positional(reading, args[i]);
		if (used < 0)
			return used;
		used = used == 0 ? 1 : used;
		i += (size_t)used;
	}
	return 0;
}

/* A file that goes along is called what it is called here, unless it is told otherwise. */
static int
name_file(struct reading *reading)
{
	const char *slash = reading->file == NULL ? NULL : strrchr(reading->file, '/');
	const char *name = slash == NULL ? reading->file : slash + 1;

	if (name == NULL || strcmp(name, "-") == 0 || reading->body == NULL ||
	    member(reading->body, "name") != NULL ||
	    member(member(reading->schema, "properties"), "name") == NULL)
		return 0;
	return set_by_assignment(reading, "name", name);
}

/* Fills the names in the path's template. */
static int
write_path(const struct reading *reading, struct buf *out)
{
	const char *at = reading->command->path;

	while (*at != '\0') {
		size_t len = strcspn(at, "{");
		const char *value;

		buf_add(out, at, len);
		at += len;
		if (*at == '\0')
			break;
		len = strcspn(++at, "}");
		value = path_value(reading, at, len);
		if (value == NULL) {
			struct buf name = { 0 };
			int r;

			buf_add(&name, at, len);
			r = usage(reading, "missing argument", name.data == NULL ? "" : name.data);
			buf_fini(&name);
			return r;
		}
		add_encoded(out, value);
		at += len + (at[len] == '}');
	}
	if (reading->query.len > 0)
		buf_add(out, reading->query.data, reading->query.len);
	return out->error;
}

static void
upper(const char *text, char *ret_text, size_t size)
{
	size_t i;

	for (i = 0; text[i] != '\0' && i + 1 < size; i++)
		ret_text[i] =
			text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
	ret_text[i] = '\0';
}

/* '<' or '>' where a file goes along, else 0. */
static char
way_of(const char *args)
{
	while (*args != '\0' && !is_file(args)) {
		args += strcspn(args, " ");
		args += strspn(args, " ");
	}
	return *args;
}

int
invocation_init(struct invocation *invocation, const struct spec *spec,
		const struct command *command, char *const *args, size_t count,
		char *(*input)(const char *name), struct ocppd_error *err)
{
	struct reading reading = { .spec = spec,
				   .command = command,
				   .next_arg = command->args,
				   .input = input,
				   .err = err };
	struct buf path = { 0 };
	int r;

	memset(invocation, 0, sizeof(*invocation));
	upper(command->method, invocation->method, sizeof(invocation->method));
	if (spec_has_body(command)) {
		reading.body = json_object_new_object();
		reading.schema = spec_body(spec, command, NULL);
	}
	r = read_args(&reading, args, count);
	if (r == 0)
		r = name_file(&reading);
	if (r == 0)
		r = write_path(&reading, &path);
	if (r < 0)
		goto out;

	if (reading.body != NULL)
		invocation->body = str_dup(json_object_to_json_string_ext(
			reading.body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	invocation->path = buf_steal(&path);
	invocation->file_way = way_of(command->args);
	invocation->file = reading.file;
	invocation->is_list_whole = !reading.has_page && strcmp(invocation->method, "GET") == 0;
	if (invocation->path == NULL || (reading.body != NULL && invocation->body == NULL))
		r = OCPPD_ENOMEM;
out:
	buf_fini(&path);
	buf_fini(&reading.query);
	(void)json_object_put(reading.body);
	if (r < 0)
		invocation_fini(invocation);
	return r;
}

void
invocation_fini(struct invocation *invocation)
{
	free(invocation->path);
	free(invocation->body);
	invocation->path = NULL;
	invocation->body = NULL;
}
