/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Help, from the daemon's description.
 */
#include "help.h"

#include <ocppd/error.h>

#include "assign.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define INDENT_MAX 8 /* levels of nested members that are shown */

void
help_usage(struct buf *out)
{
	buf_add_str(out,
		    "usage: ocppctl [option...] command [argument...]\n"
		    "\n"
		    "  --socket PATH      the daemon's Unix socket (OCPPD_SOCKET)\n"
		    "  --url URL          the daemon: unix:PATH or http://HOST:PORT (OCPPD_URL)\n"
		    "  --token TEXT       bearer token (OCPPD_TOKEN)\n"
		    "  --token-file FILE  the same, from a file\n"
		    "  --wait SECONDS     for the daemon's answer, by default 660\n"
		    "  --json             print answers as they come\n"
		    "  -o, --output FILE  write an answer that is a file or text to FILE\n"
		    "  --help, --version\n"
		    "\n"
		    "Commands come from the running daemon: ocppctl help, ocppctl help COMMAND.\n");
}

static bool
is_required(const struct spec *spec, const struct command *command, const char *name, size_t len)
{
	char *copy = str_ndup(name, len);
	bool is = copy != NULL && spec_parameter(spec, command, copy, "path") != NULL;

	free(copy);
	return is;
}

/* "call STATION_ID …" as "call stationId Action [name=value...]" */
static void
synopsis(struct buf *out, const struct spec *spec, const struct command *command)
{
	const char *at = command->args;

	buf_add_str(out, command->words);
	while (*at != '\0') {
		size_t len = strcspn(at, " ");

		buf_add_char(out, ' ');
		if (len == 1 && *at == '*') {
			buf_add_str(out, "[name=value...]");
		} else if (*at == '<' || *at == '@') {
			buf_add(out, at + 1, len - 1);
		} else if (*at == '>') {
			buf_add_str(out, "[-o FILE]");
		} else if (is_required(spec, command, at, len)) {
			buf_add(out, at, len);
		} else {
			buf_add_char(out, '[');
			buf_add(out, at, len);
			buf_add_char(out, ']');
		}
		at += len;
		at += strspn(at, " ");
	}
}

void
help_commands(struct buf *out, const struct spec *spec)
{
	size_t widest = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < spec->count; i++) {
			const struct command *command = &spec->commands[i];
			struct buf line = { 0 };

			synopsis(&line, spec, command);
			if (line.error < 0)
				out->error = line.error;
			else if (pass == 1)
				buf_printf(out, "  %-*s  %s\n", (int)widest, line.data,
					   command->help == NULL ? "" : command->help);
			else if (line.len > widest && line.len <= 44)
				widest = line.len;
			buf_fini(&line);
		}
	}
}

static void
print_values(struct buf *out, struct json_object *schema)
{
	struct json_object *words = member(schema, "enum");

	if (!json_object_is_type(words, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(words); i++) {
		struct json_object *word = json_object_array_get_idx(words, i);

		buf_printf(out, "%s%s", i == 0 ? " " : "|",
			   word == NULL ? "null" : json_object_get_string(word));
	}
}

static bool
is_listed(struct json_object *names, const char *name)
{
	if (!json_object_is_type(names, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(names); i++) {
		if (str_eq(json_object_get_string(json_object_array_get_idx(names, i)), name))
			return true;
	}
	return false;
}

static void
print_one(struct buf *out, int depth, const char *name, struct json_object *schema, bool is_needed)
{
	const char *type = schema_type(schema);
	const char *doc = member_text(schema, "description");

	buf_printf(out, "%*s%s  %s%s", depth * 2, "", name, type == NULL ? "any" : type,
		   is_needed ? ", required" : "");
	print_values(out, member(schema, "items") != NULL ? member(schema, "items") : schema);
	if (doc != NULL)
		buf_printf(out, "  %s", doc);
	buf_add_char(out, '\n');
}

/* Descends into the daemon's schemas, which its modules' tables bound, and so does INDENT_MAX. */
static void
print_members(struct buf *out, const struct spec *spec, struct json_object *schema, int depth)
{
	struct json_object *properties = member(schema, "properties");
	struct json_object *required = member(schema, "required");

	if (depth > INDENT_MAX || !json_object_is_type(properties, json_type_object))
		return;
	json_object_object_foreach (properties, name, given) {
		struct json_object *value = spec_resolve(spec, given);
		struct json_object *items = spec_resolve(spec, member(value, "items"));

		print_one(out, depth, name, value, is_listed(required, name));
		print_members(out, spec, items != NULL ? items : value, depth + 1);
	}
}

static void
print_options(struct buf *out, const struct spec *spec, const struct command *command)
{
	struct json_object *list = member(command->operation, "parameters");
	bool is_first = true;

	for (size_t i = 0;
	     json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
	     i++) {
		struct json_object *parameter = json_object_array_get_idx(list, i);
		const char *name = member_text(parameter, "name");

		if (name == NULL || !str_eq(member_text(parameter, "in"), "query"))
			continue;
		if (is_first)
			buf_add_str(out, "\nOptions:\n");
		is_first = false;
		buf_add_str(out, "  --");
		print_one(out, 0, name, spec_resolve(spec, member(parameter, "schema")),
			  json_object_get_boolean(member(parameter, "required")));
	}
}

void
help_command(struct buf *out, const struct spec *spec, const struct command *command,
	     const char *choice)
{
	const char *parameter = spec_body_parameter(command);
	struct json_object *body = spec_body(spec, command, choice);

	buf_add_str(out, "usage: ocppctl ");
	synopsis(out, spec, command);
	buf_printf(out, "\n\n%s\n", command->help == NULL ? "" : command->help);
	print_options(out, spec, command);
	if (body != NULL && member(body, "properties") != NULL) {
		buf_add_str(out, "\nMembers:\n");
		print_members(out, spec, body, 1);
	} else if (parameter != NULL && choice == NULL) {
		struct json_object *schemas =
			member(member(command->operation, "x-bodies"), "schemas");

		buf_printf(out, "\n%s is one of:\n", parameter);
		if (json_object_is_type(schemas, json_type_object)) {
			json_object_object_foreach (schemas, name, reference) {
				(void)reference;
				buf_printf(out, "  %s\n", name);
			}
		}
	}
}
