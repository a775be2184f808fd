/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * A bounded list of findings, and how a finding reads: `file:line:column: sentence`.
 */
#include "runtime/problems.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/conf.h"

#define GROW 8u

/* What several modules are the worse for is one finding. */
static bool
is_told(const struct problems *problems, const struct ocppd_error *err)
{
	uint32_t i;

	for (i = 0; i < problems->count; i++) {
		const struct ocppd_error *told = &problems->items[i];

		if (told->line == err->line && told->column == err->column &&
		    str_eq(told->file, err->file) && str_eq(told->option, err->option) &&
		    str_eq(told->text, err->text))
			return true;
	}
	return false;
}

int
problems_add(struct problems *problems, const struct ocppd_error *err)
{
	struct ocppd_error *items;

	if (problems == NULL || is_told(problems, err))
		return err->code;

	if (problems->count >= PROBLEMS_MAX) {
		problems->left_out++;
		return err->code;
	}
	if (problems->count % GROW == 0) {
		items = reallocarray(problems->items, problems->count + GROW, sizeof(*items));
		if (items == NULL) {
			problems->left_out++;
			return err->code;
		}
		problems->items = items;
	}
	problems->items[problems->count++] = *err;
	return err->code;
}

/* One line of whole characters, whatever is quoted, and where it stands. */
static void
place(struct ocppd_error *err, const struct ocppd_node *node, int code, const char *text)
{
	(void)ocppd_error_set(err, code, "%s", text);
	if (node == NULL)
		return;
	(void)str_copy(err->file, sizeof(err->file), node->file);
	err->line = node->line;
	err->column = node->column;
}

int
problems_addf(struct problems *problems, const struct ocppd_node *node, int code,
	      const char *format, ...)
{
	struct ocppd_error err = { 0 };
	char text[sizeof(err.text)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	place(&err, node, code, text);
	return problems_add(problems, &err);
}

static void
add_warning(struct problems *problems, const struct ocppd_error *err)
{
	struct ocppd_error *items;

	if (problems->warning_count >= PROBLEMS_MAX)
		return;
	items = reallocarray(problems->warnings, problems->warning_count + 1, sizeof(*items));
	if (items == NULL)
		return;
	problems->warnings = items;
	items[problems->warning_count++] = *err;
}

void
problems_warnf(struct problems *problems, const struct ocppd_node *node, const char *format, ...)
{
	struct ocppd_error err = { 0 };
	char text[sizeof(err.text)];
	va_list args;

	if (problems == NULL)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	place(&err, node, OCPPD_OK, text);
	add_warning(problems, &err);
}

void
problems_move_warnings(struct problems *from, struct problems *to)
{
	for (uint32_t i = 0; to != NULL && i < from->warning_count; i++)
		add_warning(to, &from->warnings[i]);
	free(from->warnings);
	from->warnings = NULL;
	from->warning_count = 0;
}

int
problems_any(const struct problems *problems)
{
	return problems->count > 0 || problems->left_out > 0;
}

void
problems_fini(struct problems *problems)
{
	free(problems->items);
	free(problems->warnings);
	*problems = (struct problems){ 0 };
}

void
error_format(const struct ocppd_error *err, struct buf *ret_text)
{
	if (err->file[0] != '\0') {
		buf_add_str(ret_text, err->file);
		if (err->line > 0)
			buf_printf(ret_text, ":%u:%u", err->line, err->column);
		buf_add_str(ret_text, ": ");
	}
	buf_add_str(ret_text, err->text);
}

void
problems_format(const struct problems *problems, struct buf *ret_text)
{
	uint32_t i;

	for (i = 0; i < problems->count; i++) {
		if (i > 0)
			buf_add_char(ret_text, '\n');
		error_format(&problems->items[i], ret_text);
	}
	if (problems->left_out > 0)
		buf_printf(ret_text, "%s%u more problems are not shown", i > 0 ? "\n" : "",
			   problems->left_out);
}
