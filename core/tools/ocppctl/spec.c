/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What the daemon offers. No command of any module is known here: words, arguments and types all
 * come from the description.
 */
#include "spec.h"

#include <ocppd/error.h>

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define REF_PREFIX "#/components/schemas/"
#define REF_DEPTH_MAX 8

struct json_object *
member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		(void)json_object_object_get_ex(object, name, &value);
	return value;
}

const char *
member_text(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static int
command_add(struct spec *spec, const struct command *model, struct json_object *described)
{
	struct command *commands;
	struct command *command;

	if (member_text(described, "words") == NULL)
		return 0;
	commands = reallocarray(spec->commands, spec->count + 1, sizeof(*commands));
	if (commands == NULL)
		return OCPPD_ENOMEM;
	spec->commands = commands;
	command = &commands[spec->count++];
	*command = *model;
	command->words = member_text(described, "words");
	command->args = member_text(described, "args");
	if (command->args == NULL)
		command->args = "";
	command->columns = member_text(described, "columns");
	command->help = member_text(described, "help");
	if (command->help == NULL)
		command->help = member_text(model->operation, "summary");
	command->success = member(described, "success");
	return 0;
}

static int
path_add(struct spec *spec, const char *path, struct json_object *methods)
{
	json_object_object_foreach (methods, method, operation) {
		struct json_object *list = member(operation, "x-ocppctl");
		struct command model = { .method = method, .path = path, .operation = operation };

		if (!json_object_is_type(list, json_type_array))
			continue;
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			int r = command_add(spec, &model, json_object_array_get_idx(list, i));

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int
by_words(const void *a, const void *b)
{
	const struct command *left = a;
	const struct command *right = b;

	return strcmp(left->words, right->words);
}

int
spec_init(struct spec *spec, struct json_object *root)
{
	struct json_object *paths = member(root, "paths");

	memset(spec, 0, sizeof(*spec));
	spec->root = root;
	if (!json_object_is_type(paths, json_type_object)) {
		spec_fini(spec);
		return OCPPD_EINVAL;
	}
	json_object_object_foreach (paths, path, methods) {
		if (json_object_is_type(methods, json_type_object) &&
		    path_add(spec, path, methods) < 0) {
			spec_fini(spec);
			return OCPPD_ENOMEM;
		}
	}
	if (spec->count > 1)
		qsort(spec->commands, spec->count, sizeof(*spec->commands), by_words);
	return 0;
}

void
spec_fini(struct spec *spec)
{
	free(spec->commands);
	(void)json_object_put(spec->root);
	memset(spec, 0, sizeof(*spec));
}

static bool
has_option(const char *option, size_t len, char *const *args, size_t count)
{
	for (size_t i = 0; i < count && strcmp(args[i], "--") != 0; i++) {
		if (strncmp(args[i], option, len) == 0 &&
		    (args[i][len] == '\0' || args[i][len] == '='))
			return true;
	}
	return false;
}

/* How many arguments the words take up, 0 if they do not begin with them. An option among the words
 * takes up none, but makes the command the better fit. */
static size_t
words_used(const char *words, char *const *args, size_t count, bool *ret_has_option)
{
	size_t used = 0;

	*ret_has_option = false;

	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		if (strncmp(words, "--", 2) == 0) {
			if (!has_option(words, len, args + used, count - used))
				return 0;
			*ret_has_option = true;
		} else if (used == count || strlen(args[used]) != len ||
			   strncmp(args[used], words, len) != 0) {
			return 0;
		} else {
			used++;
		}
		words += len;
		words += strspn(words, " ");
	}
	return used;
}

const struct command *
spec_match(const struct spec *spec, char *const *args, size_t count, size_t *ret_used)
{
	const struct command *found = NULL;
	size_t best = 0;
	bool is_best_optioned = false;

	for (size_t i = 0; i < spec->count; i++) {
		bool is_optioned;
		size_t used = words_used(spec->commands[i].words, args, count, &is_optioned);

		if (used > best || (used == best && is_optioned && !is_best_optioned)) {
			is_best_optioned = is_optioned;
			best = used;
			found = &spec->commands[i];
		}
	}
	if (found != NULL)
		*ret_used = best;
	return found;
}

struct json_object *
spec_payload(const struct spec *spec, const struct command *command, struct json_object *body)
{
	struct json_object *payload = member(command->operation, "x-payload");
	const char *parameter = member_text(payload, "parameter");
	const char *choice = parameter == NULL ? NULL : member_text(body, parameter);
	const char *ref = choice == NULL ? NULL : member_text(member(payload, "schemas"), choice);

	if (ref == NULL || strncmp(ref, REF_PREFIX, strlen(REF_PREFIX)) != 0)
		return NULL;
	return member(member(member(spec->root, "components"), "schemas"),
		      ref + strlen(REF_PREFIX));
}

struct json_object *
spec_resolve(const struct spec *spec, struct json_object *schema)
{
	for (int depth = 0; depth < REF_DEPTH_MAX; depth++) {
		const char *ref = member_text(schema, "$ref");

		if (ref == NULL)
			return schema;
		if (strncmp(ref, REF_PREFIX, strlen(REF_PREFIX)) != 0)
			return NULL;
		schema = member(member(member(spec->root, "components"), "schemas"),
				ref + strlen(REF_PREFIX));
	}
	return NULL;
}

struct json_object *
spec_parameter(const struct spec *spec, const struct command *command, const char *name,
	       const char *in)
{
	struct json_object *list = member(command->operation, "parameters");

	(void)spec;
	if (!json_object_is_type(list, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *parameter = json_object_array_get_idx(list, i);
		const char *its_name = member_text(parameter, "name");
		const char *its_place = member_text(parameter, "in");

		if (its_name != NULL && its_place != NULL && strcmp(its_name, name) == 0 &&
		    strcmp(its_place, in) == 0)
			return parameter;
	}
	return NULL;
}

const char *
spec_body_parameter(const struct command *command)
{
	return member_text(member(command->operation, "x-bodies"), "parameter");
}

bool
spec_has_body(const struct command *command)
{
	return member(command->operation, "requestBody") != NULL ||
	       member(command->operation, "x-bodies") != NULL;
}

struct json_object *
spec_body(const struct spec *spec, const struct command *command, const char *choice)
{
	struct json_object *bodies = member(command->operation, "x-bodies");
	struct json_object *content;

	if (bodies != NULL) {
		const char *ref =
			choice == NULL ? NULL : member_text(member(bodies, "schemas"), choice);

		if (ref == NULL || strncmp(ref, REF_PREFIX, strlen(REF_PREFIX)) != 0)
			return NULL;
		return member(member(member(spec->root, "components"), "schemas"),
			      ref + strlen(REF_PREFIX));
	}
	content = member(member(command->operation, "requestBody"), "content");
	return spec_resolve(spec, member(member(content, "application/json"), "schema"));
}
