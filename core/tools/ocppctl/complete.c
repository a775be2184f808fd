/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Completion: words of commands, values of path parameters (an enumeration, or the list that the
 * API keeps at the path before the parameter), options, members of the body and their values.
 */
#include "complete.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define ITEMS_MAX 200

static void
offer(struct buf *out, const char *prefix, const char *text, const char *suffix)
{
	if (strncmp(text, prefix, strlen(prefix)) == 0)
		buf_printf(out, "%s%s\n", text, suffix);
}

static void
offer_enum(struct buf *out, struct json_object *schema, const char *before, const char *prefix)
{
	struct json_object *words = member(schema, "enum");

	if (!json_object_is_type(words, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(words); i++) {
		const char *word = json_object_get_string(json_object_array_get_idx(words, i));

		if (word != NULL && strncmp(word, prefix, strlen(prefix)) == 0)
			buf_printf(out, "%s%s\n", before, word);
	}
}

/* The word of each command that stands behind the words given. */
static void
offer_words(struct buf *out, const struct spec *spec, char *const *words, size_t count)
{
	struct buf begun = { 0 };
	char *last = NULL;

	for (size_t i = 0; i + 1 < count; i++)
		buf_printf(&begun, "%s ", words[i]);
	for (size_t i = 0; i < spec->count; i++) {
		const char *at = spec->commands[i].words;
		size_t len = begun.len;
		char *word;

		if (len > 0 && strncmp(at, begun.data, len) != 0)
			continue;
		at += len;
		word = str_ndup(at, strcspn(at, " "));
		/* In order of words, so equal ones follow each other. */
		if (word != NULL && (last == NULL || strcmp(last, word) != 0))
			offer(out, words[count - 1], word, "");
		free(last);
		last = word;
	}
	free(last);
	if (count == 1)
		offer(out, words[0], "help", "");
	buf_fini(&begun);
}

/* The names of things at the path before {name}: `GET /v1/stations` for stationId. */
static void
offer_items(struct buf *out, const struct http_server *server, const struct command *command,
	    const char *name, const char *prefix)
{
	const char *brace = strchr(command->path, '{');
	struct http_request request = { .method = "GET" };
	struct reply reply = { 0 };
	struct json_object *body = NULL;
	struct json_object *items;
	char *path;

	if (server == NULL || brace == NULL || brace - command->path < 2 ||
	    strncmp(brace + 1, name, strlen(name)) != 0)
		return;
	path = str_ndup(command->path, (size_t)(brace - command->path) - 1);
	request.path = path;
	if (path == NULL || http_call(server, &request, &reply, NULL) < 0 || reply.status != 200)
		goto out;
	body = json_tokener_parse(reply.body.data);
	items = member(body, "items");
	for (size_t i = 0; json_object_is_type(items, json_type_array) &&
			   i < json_object_array_length(items) && i < ITEMS_MAX;
	     i++) {
		struct json_object *value = member(json_object_array_get_idx(items, i), name);

		if (value != NULL)
			offer(out, prefix, json_object_get_string(value), "");
	}
out:
	(void)json_object_put(body);
	reply_fini(&reply);
	free(path);
}

static void
offer_members(struct buf *out, const struct spec *spec, struct json_object *schema,
	      const char *prefix)
{
	struct json_object *properties = member(schema, "properties");
	const char *equals = strchr(prefix, '=');
	struct json_object *value;
	char *name;

	if (!json_object_is_type(properties, json_type_object))
		return;
	if (equals == NULL) {
		json_object_object_foreach (properties, key, ignored) {
			(void)ignored;
			offer(out, prefix, key, "=");
		}
		return;
	}
	name = str_ndup(prefix, (size_t)(equals - prefix));
	if (name == NULL)
		return;
	value = spec_resolve(spec, member(properties, name));
	if (str_eq(member_text(value, "type"), "boolean"))
		buf_printf(out, "%s=true\n%s=false\n", name, name);
	free(name);
	name = str_ndup(prefix, (size_t)(equals - prefix) + 1);
	if (name != NULL)
		offer_enum(out, value, name, equals + 1);
	free(name);
}

static void
offer_options(struct buf *out, const struct command *command, const char *prefix)
{
	struct json_object *list = member(command->operation, "parameters");

	for (size_t i = 0;
	     json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
	     i++) {
		struct json_object *parameter = json_object_array_get_idx(list, i);
		const char *name = member_text(parameter, "name");

		if (name != NULL && str_eq(member_text(parameter, "in"), "query") &&
		    strncmp(name, prefix + 2, strlen(prefix) - 2) == 0)
			buf_printf(out, "--%s\n", name);
	}
}

/* The name of positional argument number `at`, owned by the caller; NULL: there is none. */
static char *
positional_name(const struct command *command, size_t at)
{
	const char *name = command->args;

	while (at-- > 0) {
		name += strcspn(name, " ");
		name += strspn(name, " ");
	}
	return *name == '\0' || *name == '*' ? NULL : str_ndup(name, strcspn(name, " "));
}

/* What an option without `=` takes from the arguments: itself, and its value if it has one. */
static size_t
option_size(const struct spec *spec, const struct command *command, const char *option)
{
	struct json_object *parameter;

	if (strchr(option, '=') != NULL)
		return 1;
	parameter = spec_parameter(spec, command, option + 2, "query");
	return str_eq(member_text(spec_resolve(spec, member(parameter, "schema")), "type"),
		      "boolean")
		       ? 1
		       : 2;
}

/* The positional ones among the arguments, in order, the last one begun. Returns their number; 0:
 * what is begun is the value of an option. */
static size_t
positionals(const struct spec *spec, const struct command *command, char *const *given,
	    size_t count, char **ret_list)
{
	size_t found = 0;

	for (size_t i = 0; i < count;) {
		if (i + 1 < count && strncmp(given[i], "--", 2) == 0) {
			i += option_size(spec, command, given[i]);
			continue;
		}
		ret_list[found++] = given[i];
		if (++i == count)
			return found;
	}
	return 0;
}

/* Names that a body's payload goes by, and members of the one that was chosen. */
static bool
offer_payload(struct buf *out, const struct spec *spec, const struct command *command,
	      char *const *list, size_t count, const char *name)
{
	struct json_object *payload = member(command->operation, "x-payload");
	const char *parameter = member_text(payload, "parameter");
	const char *inner = member_text(payload, "member");
	struct json_object *body;

	if (parameter == NULL || inner == NULL || name == NULL)
		return false;
	if (strcmp(name, parameter) == 0) {
		json_object_object_foreach (member(payload, "schemas"), key, ignored) {
			(void)ignored;
			offer(out, list[count - 1], key, "");
		}
		return true;
	}
	if (strncmp(name, inner, strlen(inner)) != 0 || count < 2)
		return false;
	body = json_object_new_object();
	if (body != NULL &&
	    json_object_object_add(body, parameter, json_object_new_string(list[0])) == 0)
		offer_members(out, spec, spec_payload(spec, command, body), list[count - 1]);
	(void)json_object_put(body);
	return true;
}

/* The value of a path parameter: an enumeration, or the things the daemon has. */
static bool
offer_parameter(struct buf *out, const struct spec *spec, const struct http_server *server,
		const struct command *command, const char *name, const char *prefix)
{
	struct json_object *parameter =
		name == NULL ? NULL : spec_parameter(spec, command, name, "path");

	if (parameter == NULL)
		return false;
	offer_enum(out, spec_resolve(spec, member(parameter, "schema")), "", prefix);
	offer_items(out, server, command, name, prefix);
	return true;
}

/* The value of the parameter that the body depends on, where it was given. */
static const char *
choice_of(const struct command *command, char *const *list, size_t count)
{
	const char *wanted = spec_body_parameter(command);
	const char *choice = NULL;

	for (size_t i = 0; wanted != NULL && i + 1 < count; i++) {
		char *name = positional_name(command, i);

		if (name != NULL && strcmp(name, wanted) == 0)
			choice = list[i];
		free(name);
	}
	return choice;
}

/* The arguments of a command: `given` are those behind its words, the last one begun. */
static void
offer_args(struct buf *out, const struct spec *spec, const struct http_server *server,
	   const struct command *command, char *const *given, size_t count)
{
	const char *prefix = given[count - 1];
	char **list;
	char *name;
	size_t at;

	if (strncmp(prefix, "--", 2) == 0) {
		offer_options(out, command, prefix);
		return;
	}
	list = calloc(count, sizeof(*list));
	if (list == NULL)
		return;
	at = positionals(spec, command, given, count, list);
	if (at == 0) {
		free(list);
		return;
	}
	name = positional_name(command, at - 1);
	/* A file: the shell knows better. */
	if ((name == NULL || (*name != '<' && *name != '>' && *name != '@')) &&
	    !offer_parameter(out, spec, server, command, name, prefix) &&
	    !offer_payload(out, spec, command, list, at, name))
		offer_members(out, spec, spec_body(spec, command, choice_of(command, list, at)),
			      prefix);
	free(name);
	free(list);
}

void
complete(struct buf *out, const struct spec *spec, const struct http_server *server,
	 char *const *words, size_t count)
{
	const struct command *command;
	size_t used = 0;

	if (count == 0)
		return;
	offer_words(out, spec, words, count);
	command = count > 1 ? spec_match(spec, words, count - 1, &used) : NULL;
	if (command != NULL)
		offer_args(out, spec, server, command, words + used, count - used);
}
