/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Members of a request body from the command line. Checks what is needed to choose a JSON type; all
 * else is the daemon's to judge.
 */
#include "assign.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define DEPTH_MAX 16
#define INDEX_MAX 9999

/* One step of a path: a member, perhaps of an element of a list. */
struct step {
	char name[128];
	int64_t index; /* -1: none */
};

const char *
schema_type(struct json_object *schema)
{
	struct json_object *type = member(schema, "type");

	if (json_object_is_type(type, json_type_string))
		return json_object_get_string(type);
	if (!json_object_is_type(type, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(type); i++) {
		struct json_object *word = json_object_array_get_idx(type, i);

		if (json_object_is_type(word, json_type_string) &&
		    strcmp(json_object_get_string(word), "null") != 0)
			return json_object_get_string(word);
	}
	return NULL;
}

static bool
is_nullable(struct json_object *schema)
{
	struct json_object *type = member(schema, "type");

	if (!json_object_is_type(type, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(type); i++) {
		const char *word = json_object_get_string(json_object_array_get_idx(type, i));

		if (word != NULL && strcmp(word, "null") == 0)
			return true;
	}
	return false;
}

/* A complete JSON text, or NULL. */
static struct json_object *
json_read(const char *text, bool *ret_is_json)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *value = NULL;
	size_t len = strlen(text);

	*ret_is_json = false;
	if (tokener == NULL || len > INT32_MAX - 1) {
		if (tokener != NULL)
			json_tokener_free(tokener);
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* With its NUL: that is how a bare number ends. */
	value = json_tokener_parse_ex(tokener, text, (int)len + 1);
	*ret_is_json = json_tokener_get_error(tokener) == json_tokener_success;
	json_tokener_free(tokener);
	if (!*ret_is_json) {
		(void)json_object_put(value);
		return NULL;
	}
	return value;
}

/* ---- Values -------------------------------------------------------------------------------- */

static int
value_integer(const char *name, const char *text, struct json_object **ret_value,
	      struct ocppd_error *err)
{
	int64_t number;

	if (parse_i64(text, INT64_MIN, INT64_MAX, &number) < 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "%s is a whole number, not \"%s\"", name,
				       text);
	*ret_value = json_object_new_int64(number);
	return 0;
}

static int
value_number(const char *name, const char *text, struct json_object **ret_value,
	     struct ocppd_error *err)
{
	char spelling[32];
	double number;

	if (parse_double(text, &number) < 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "%s is a number, not \"%s\"", name, text);
	if (strcspn(text, ".eE") == strlen(text))
		return value_integer(name, text, ret_value, err);
	if (number_is_json(text)) {
		*ret_value = json_object_new_double_s(number, text); /* as it was written */
		return 0;
	}
	(void)snprintf(spelling, sizeof(spelling), "%.15g", number); /* .5, 1. */
	*ret_value = json_object_new_double_s(number, spelling);
	return 0;
}

static int
value_boolean(const char *name, const char *text, struct json_object **ret_value,
	      struct ocppd_error *err)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "%s is true or false, not \"%s\"", name,
				       text);
	*ret_value = json_object_new_boolean(text[0] == 't');
	return 0;
}

static int
value_json(const char *name, const char *text, enum json_type type, struct json_object **ret_value,
	   struct ocppd_error *err)
{
	bool is_json;
	struct json_object *value = json_read(text, &is_json);

	if (!is_json || !json_object_is_type(value, type)) {
		(void)json_object_put(value);
		return ocppd_error_set(err, OCPPD_EINVAL, "%s takes a JSON %s, or members by dots",
				       name, type == json_type_array ? "list" : "object");
	}
	*ret_value = value;
	return 0;
}

/* One value that is no list. */
static int
value_make(struct json_object *schema, const char *name, const char *text,
	   struct json_object **ret_value, struct ocppd_error *err)
{
	const char *type = schema_type(schema);
	bool is_json;

	if (type == NULL) {
		struct json_object *value = json_read(text, &is_json);

		/* json-c also reads NaN, Infinity and `1.`. */
		if (json_object_is_type(value, json_type_double) && !number_is_json(text)) {
			(void)json_object_put(value);
			is_json = false;
		}
		*ret_value = is_json ? value : json_object_new_string(text);
		return 0;
	}
	if (is_nullable(schema) && strcmp(text, "null") == 0) {
		*ret_value = NULL;
		return 0;
	}
	if (strcmp(type, "integer") == 0)
		return value_integer(name, text, ret_value, err);
	if (strcmp(type, "number") == 0)
		return value_number(name, text, ret_value, err);
	if (strcmp(type, "boolean") == 0)
		return value_boolean(name, text, ret_value, err);
	if (strcmp(type, "object") == 0)
		return value_json(name, text, json_type_object, ret_value, err);
	*ret_value = json_object_new_string(text);
	return *ret_value == NULL ? OCPPD_ENOMEM : 0;
}

/* The list at a member, made if need be. Borrowed. */
static struct json_object *
list_get(struct json_object *object, const char *name)
{
	struct json_object *list = member(object, name);

	if (json_object_is_type(list, json_type_array))
		return list;
	list = json_object_new_array();
	if (list != NULL && json_object_object_add(object, name, list) != 0) {
		(void)json_object_put(list);
		return NULL;
	}
	return list;
}

static int
list_append_all(struct json_object *list, struct json_object *more)
{
	for (size_t i = 0; i < json_object_array_length(more); i++) {
		struct json_object *value = json_object_get(json_object_array_get_idx(more, i));

		if (json_object_array_add(list, value) != 0) {
			(void)json_object_put(value);
			return OCPPD_ENOMEM;
		}
	}
	return 0;
}

static int
list_append(const struct spec *spec, struct json_object *schema, struct json_object *list,
	    const char *name, const char *text, struct ocppd_error *err)
{
	struct json_object *items = spec_resolve(spec, member(schema, "items"));
	const char *type = schema_type(items);
	bool is_plain = type == NULL || strcmp(type, "object") != 0;
	struct json_object *value = NULL;
	int r;

	if (text[0] == '[') {
		r = value_json(name, text, json_type_array, &value, err);
		if (r == 0)
			r = list_append_all(list, value);
		(void)json_object_put(value);
		return r;
	}
	for (;;) {
		size_t len = is_plain ? strcspn(text, ",") : strlen(text);
		char *part = str_ndup(text, len);

		r = part == NULL ? OCPPD_ENOMEM : value_make(items, name, part, &value, err);
		free(part);
		if (r < 0)
			return r;
		if (json_object_array_add(list, value) != 0) {
			(void)json_object_put(value);
			return OCPPD_ENOMEM;
		}
		if (text[len] == '\0')
			return 0;
		text += len + 1;
	}
}

/* ---- Paths --------------------------------------------------------------------------------- */

/* Reads the next step of `a.b[2].c`; returns what is behind it, or NULL. */
static const char *
step_read(const char *path, struct step *ret_step)
{
	size_t len = strcspn(path, ".[");
	const char *at = path + len;

	if (len == 0 || len >= sizeof(ret_step->name))
		return NULL;
	memcpy(ret_step->name, path, len);
	ret_step->name[len] = '\0';
	ret_step->index = -1;
	if (*at == '[') {
		int64_t index = 0;
		const char *digits = ++at;

		while (*at >= '0' && *at <= '9' && index <= INDEX_MAX)
			index = index * 10 + (*at++ - '0');
		if (at == digits || *at != ']' || index > INDEX_MAX)
			return NULL;
		at++;
		ret_step->index = index;
	}
	if (*at == '.')
		return at[1] == '\0' ? NULL : at + 1;
	return *at == '\0' ? at : NULL;
}

/* The object at a step, made if need be. NULL: out of memory, or a gap in a list. Borrowed. */
static struct json_object *
object_get(struct json_object *parent, const struct step *step)
{
	struct json_object *list = NULL;
	struct json_object *found;

	if (step->index < 0) {
		found = member(parent, step->name);
	} else {
		list = list_get(parent, step->name);
		if (list == NULL || (size_t)step->index > json_object_array_length(list))
			return NULL;
		found = json_object_array_get_idx(list, (size_t)step->index);
	}
	if (json_object_is_type(found, json_type_object))
		return found;

	found = json_object_new_object();
	if (found == NULL)
		return NULL;
	if (list != NULL ? json_object_array_put_idx(list, (size_t)step->index, found) != 0
			 : json_object_object_add(parent, step->name, found) != 0) {
		(void)json_object_put(found);
		return NULL;
	}
	return found;
}

/* The schema of a member; of its elements where the step names one. */
static struct json_object *
schema_get(const struct spec *spec, struct json_object *schema, const struct step *step)
{
	struct json_object *found =
		spec_resolve(spec, member(member(schema, "properties"), step->name));

	if (step->index >= 0)
		found = spec_resolve(spec, member(found, "items"));
	return found;
}

static int
leaf_set(const struct spec *spec, struct json_object *schema, struct json_object *parent,
	 const struct step *step, const char *text, struct ocppd_error *err)
{
	const char *type = schema_type(schema);
	struct json_object *value = NULL;
	int r;

	if (step->index < 0 && type != NULL && strcmp(type, "array") == 0) {
		struct json_object *list = list_get(parent, step->name);

		return list == NULL ? OCPPD_ENOMEM
				    : list_append(spec, schema, list, step->name, text, err);
	}
	if (step->index < 0 && member(parent, step->name) != NULL)
		return ocppd_error_set(err, OCPPD_EINVAL, "%s is given twice", step->name);
	r = value_make(schema, step->name, text, &value, err);
	if (r < 0)
		return r;
	if (step->index >= 0) {
		struct json_object *list = list_get(parent, step->name);

		if (list == NULL ||
		    json_object_array_put_idx(list, (size_t)step->index, value) != 0)
			r = OCPPD_ENOMEM;
	} else if (json_object_object_add(parent, step->name, value) != 0) {
		r = OCPPD_ENOMEM;
	}
	if (r < 0)
		(void)json_object_put(value);
	return r;
}

int
assign(const struct spec *spec, struct json_object *schema, struct json_object *body,
       const char *assignment, struct ocppd_error *err)
{
	const char *equals = strchr(assignment, '=');
	struct json_object *parent = body;
	char *path;
	const char *at;
	int r = OCPPD_EINVAL;

	if (equals == NULL || equals == assignment)
		return ocppd_error_set(err, OCPPD_EINVAL, "\"%s\" is no name=value", assignment);
	path = str_ndup(assignment, (size_t)(equals - assignment));
	if (path == NULL)
		return OCPPD_ENOMEM;

	at = path;
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		struct step step;

		at = step_read(at, &step);
		if (at == NULL)
			break;
		schema = schema_get(spec, schema, &step);
		if (*at == '\0') {
			r = leaf_set(spec, schema, parent, &step, equals + 1, err);
			goto out;
		}
		parent = object_get(parent, &step);
		if (parent == NULL)
			break;
	}
	(void)ocppd_error_set(err, OCPPD_EINVAL, "\"%s\" is no path of members", path);
out:
	free(path);
	return r;
}

int
assign_all(struct json_object *body, const char *json, struct ocppd_error *err)
{
	struct json_object *given = NULL;
	int r = value_json("the body", json, json_type_object, &given, err);

	if (r < 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "the body is no JSON object");
	json_object_object_foreach (given, name, value) {
		if (json_object_object_add(body, name, json_object_get(value)) != 0)
			r = OCPPD_ENOMEM;
	}
	(void)json_object_put(given);
	return r;
}
