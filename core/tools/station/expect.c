/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Expectations of a scenario on JSON payloads. Only reads; what a failed expectation means is the
 * caller's business.
 */
#include "expect.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

static const char *const conditions[] = { "present", "absent", "min", "max", "like", "not" };

bool
expect_path_valid(const char *path)
{
	const char *p = path;

	for (;;) {
		size_t len = strcspn(p, ".[]");

		if (len == 0 || len > 63)
			return false;
		p += len;
		while (*p == '[') {
			len = strspn(p + 1, "0123456789");
			if (len == 0 || len > 6 || p[1 + len] != ']')
				return false;
			p += len + 2;
		}
		if (*p == '\0')
			return true;
		if (*p++ != '.')
			return false;
	}
}

bool
expect_path(struct json_object *payload, const char *path, struct json_object **ret_value)
{
	struct json_object *at = payload;
	char name[64];

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, ".[");
		int64_t index;

		if (*p == '[') {
			len = strspn(++p, "0123456789");
			memcpy(name, p, len);
			name[len] = '\0';
			if (!json_object_is_type(at, json_type_array) ||
			    parse_i64(name, 0, 999999, &index) < 0 ||
			    (size_t)index >= json_object_array_length(at))
				return false;
			at = json_object_array_get_idx(at, (size_t)index);
			p += len + 1;
		} else {
			memcpy(name, p, len);
			name[len] = '\0';
			if (!json_object_is_type(at, json_type_object) ||
			    !json_object_object_get_ex(at, name, &at))
				return false;
			p += len;
		}
		if (*p == '.')
			p++;
	}
	*ret_value = at;
	return true;
}

static int
parse_conditions(const struct node *map, struct ocppd_error *err)
{
	const size_t count = sizeof(conditions) / sizeof(conditions[0]);

	for (const struct node *at = map->first; at; at = at->next) {
		bool is_known = false;
		double number;

		for (size_t i = 0; i < count; i++)
			is_known = is_known || str_eq(conditions[i], at->key);
		if (!is_known) {
			const char *near = str_nearest(at->key, conditions, count);

			return node_error(at, err, "%s is no condition%s%s%s", at->key,
					  near ? " (did you mean " : "", near ? near : "",
					  near ? "?)" : "");
		}
		if (at->kind != NODE_SCALAR)
			return node_error(at, err, "%s takes a value, not %s", at->key,
					  node_kind_name(at));
		if ((str_eq(at->key, "present") || str_eq(at->key, "absent")) &&
		    !str_eq(at->text, "true"))
			return node_error(at, err, "%s: only true makes sense", at->key);
		if ((str_eq(at->key, "min") || str_eq(at->key, "max")) && !strstr(at->text, "${") &&
		    parse_double(at->text, &number) < 0)
			return node_error(at, err, "%s takes a number", at->key);
	}
	return 0;
}

int
expect_parse(const struct node *map, struct ocppd_error *err)
{
	int r;

	if (map->kind != NODE_MAP)
		return node_error(map, err, "expectations are a map from path to value");
	for (const struct node *at = map->first; at; at = at->next) {
		if (!expect_path_valid(at->key))
			return node_error(at, err,
					  "\"%s\" is no path; one looks like idTagInfo.status or "
					  "configurationKey[0].key",
					  at->key);
		if (at->kind != NODE_MAP)
			continue;
		r = parse_conditions(at, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Numbers compare by value (1 and 1.0), everything else by type and content. */
static bool
json_equal(struct json_object *a, struct json_object *b)
{
	bool is_number_a =
		json_object_is_type(a, json_type_int) || json_object_is_type(a, json_type_double);
	bool is_number_b =
		json_object_is_type(b, json_type_int) || json_object_is_type(b, json_type_double);

	if (is_number_a && is_number_b) {
		double left = json_object_get_double(a);
		double right = json_object_get_double(b);

		return left <= right && left >= right;
	}
	return json_object_equal(a, b) != 0;
}

static bool
is_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) ||
	       json_object_is_type(value, json_type_double);
}

static bool
fits_condition(const char *name, struct json_object *wanted, struct json_object *value)
{
	if (str_eq(name, "min"))
		return is_number(value) &&
		       json_object_get_double(value) >= json_object_get_double(wanted);
	if (str_eq(name, "max"))
		return is_number(value) &&
		       json_object_get_double(value) <= json_object_get_double(wanted);
	if (str_eq(name, "like"))
		return json_object_is_type(value, json_type_string) &&
		       glob_match(json_object_get_string(wanted), json_object_get_string(value));
	if (str_eq(name, "not"))
		return !json_equal(wanted, value);
	return str_eq(name, "present");
}

static const char *
json_text(struct json_object *value)
{
	return value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
								     JSON_C_TO_STRING_NOSLASHESCAPE)
		     : "null";
}

static bool
fits_map(const struct node *map, struct json_object *wanted, struct json_object *value,
	 struct buf *problem)
{
	for (const struct node *at = map->first; at; at = at->next) {
		struct json_object *operand = NULL;

		(void)json_object_object_get_ex(wanted, at->key, &operand);
		if (fits_condition(at->key, operand, value))
			continue;
		buf_printf(problem, "%s is %s, which breaks %s: ", map->key, json_text(value),
			   at->key);
		buf_add_str(problem, json_text(operand));
		return false;
	}
	return true;
}

static bool
fits_list(struct json_object *wanted, struct json_object *value)
{
	for (size_t i = 0; i < json_object_array_length(wanted); i++) {
		if (json_equal(json_object_array_get_idx(wanted, i), value))
			return true;
	}
	/* A list in the payload may also be meant as a whole. */
	return json_equal(wanted, value);
}

static bool
check_one(const struct node *at, struct json_object *wanted, struct json_object *payload,
	  struct buf *problem)
{
	struct json_object *value = NULL;
	bool is_there = expect_path(payload, at->key, &value);
	bool fits;

	if (at->kind == NODE_MAP && node_find(at, "absent")) {
		if (is_there)
			buf_printf(problem, "%s is there (%s) and should be absent", at->key,
				   json_text(value));
		return !is_there;
	}
	if (!is_there) {
		buf_printf(problem, "%s is absent", at->key);
		return false;
	}
	if (at->kind == NODE_MAP)
		return fits_map(at, wanted, value, problem);
	fits = at->kind == NODE_LIST ? fits_list(wanted, value) : json_equal(wanted, value);
	if (!fits) {
		buf_printf(problem, "%s is %s", at->key, json_text(value));
		buf_printf(problem, ", expected %s%s", at->kind == NODE_LIST ? "one of " : "",
			   json_text(wanted));
	}
	return fits;
}

bool
expect_check(const struct node *map, struct json_object *payload, node_var_fn *var, void *arg,
	     struct buf *problem)
{
	struct ocppd_error err = { 0 };

	for (const struct node *at = map->first; at; at = at->next) {
		struct json_object *wanted = NULL;
		bool fits;

		if (node_json(at, var, arg, &wanted, &err) < 0) {
			buf_add_str(problem, err.text[0] ? err.text : "out of memory");
			return false;
		}
		fits = check_one(at, wanted, payload, problem);
		json_object_put(wanted);
		if (!fits)
			return false;
	}
	return true;
}
