/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Answers as people and programs read them: tables, JSON, problems. All of it goes through plain.h:
 * much of it was said by stations.
 */
#include "answer.h"

#include "base/buf.h"
#include "plain.h"
#include "table.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-c/json.h>

static uint32_t
terminal_width(void)
{
	struct winsize size;

	if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		return 0;
	return size.ws_col;
}

void
answer_json(struct json_object *value)
{
	const char *text = json_object_to_json_string_ext(
		value,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

	struct buf out = { 0 };

	plain_add_json(&out, text, strlen(text));
	buf_add_char(&out, '\n');
	if (out.error == 0)
		(void)fwrite(out.data, 1, out.len, stdout);
	buf_fini(&out);
}

static size_t
list_length(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

/* What is wrong with a line of what was sent. */
static void
print_line(struct json_object *item)
{
	const char *text = member_text(item, "text");
	struct buf out = { 0 };

	buf_printf(&out, "line %lld: %s", (long long)json_object_get_int64(member(item, "line")),
		   text == NULL ? "wrong" : text);
	if (out.error == 0)
		plain_say_more(out.data);
	buf_fini(&out);
}

/* A problem, for people: one line, and one for each of several mistakes. */
void
answer_problem(uint32_t status, struct json_object *body)
{
	const char *detail = member_text(body, "detail");
	const char *code = member_text(member(body, "error"), "code");
	struct json_object *findings = member(body, "findings");
	struct json_object *lines = member(body, "lines");
	size_t count = list_length(lines);
	struct buf out = { 0 };

	if (detail == NULL)
		detail = member_text(body, "title");
	if (detail == NULL)
		buf_printf(&out, "the daemon answered with status %u", status);
	else if (count > 1) /* all of them follow */
		buf_add(&out, detail, strcspn(detail, ":"));
	else
		buf_add_str(&out, detail);
	if (code != NULL)
		buf_printf(&out, " (%s)", code);
	plain_say(out.error == 0 ? out.data : "out of memory");
	buf_fini(&out);
	for (size_t i = 0; i < list_length(findings); i++)
		plain_say_more(json_object_get_string(json_object_array_get_idx(findings, i)));
	for (size_t i = 0; count > 1 && i < count; i++)
		print_line(json_object_array_get_idx(lines, i));
}

void
answer_warnings(struct json_object *body)
{
	struct json_object *warnings = member(body, "warnings");

	for (size_t i = 0; i < list_length(warnings); i++) {
		struct buf out = { 0 };

		buf_printf(&out, "warning: %s",
			   json_object_get_string(json_object_array_get_idx(warnings, i)));
		if (out.error == 0)
			plain_say(out.data);
		buf_fini(&out);
	}
}

/* What the command is about, without its wrapping: `response` where success is judged by
 * `response.status`. */
static struct json_object *
subject_of(const struct command *command, struct json_object *body)
{
	const char *path = member_text(command->success, "member");
	struct json_object *found;

	if (path == NULL)
		return body;
	found = table_value(body, path, strcspn(path, "."));
	return json_object_is_type(found, json_type_object) ? found : body;
}

void
answer_print(const struct options *options, const struct command *command, struct json_object *body)
{
	struct json_object *items = member(body, "items");
	struct buf out = { 0 };

	if (body == NULL)
		return;
	if (options->is_json) {
		answer_json(body);
		return;
	}
	answer_warnings(body);
	if (command->columns == NULL) {
		answer_json(subject_of(command, body));
		return;
	}
	if (json_object_is_type(items, json_type_array))
		table_print(&out, items, command->columns, terminal_width());
	else
		table_print_one(&out, body, command->columns);
	if (out.error == 0 && out.len > 0)
		(void)fwrite(out.data, 1, out.len, stdout);
	buf_fini(&out);
}

void
answer_event(const char *text, size_t len)
{
	struct buf out = { 0 };

	plain_add_json(&out, text, len);
	buf_add_char(&out, '\n');
	if (out.error == 0)
		(void)fwrite(out.data, 1, out.len, stdout);
	buf_fini(&out);
}
