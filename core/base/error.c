/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Result codes and their explanations: one table of names and words, and the filling of a struct
 * ocppd_error. Also the end of a failed assertion.
 */
#include <ocppd/error.h>

#include "base/assert.h"
#include "base/text.h"

#include <stdarg.h>
#include <unistd.h>

static const struct error_row {
	int code;
	const char *name;
	const char *text;
} error_rows[] = {
	{ OCPPD_OK, "OK", "success" },
	{ OCPPD_PENDING, "PENDING", "under way" },
	{ OCPPD_EINVAL, "EINVAL", "breaks a rule" },
	{ OCPPD_ENOMEM, "ENOMEM", "out of memory" },
	{ OCPPD_ENOENT, "ENOENT", "no such thing" },
	{ OCPPD_EEXIST, "EEXIST", "exists already" },
	{ OCPPD_EBUSY, "EBUSY", "busy or full" },
	{ OCPPD_ENOTCONN, "ENOTCONN", "station not connected" },
	{ OCPPD_EGONE, "EGONE", "whoever asked is gone" },
	{ OCPPD_ESHUTDOWN, "ESHUTDOWN", "stopping" },
	{ OCPPD_ETIMEDOUT, "ETIMEDOUT", "timed out" },
	{ OCPPD_ESPACE, "ESPACE", "does not fit" },
	{ OCPPD_ERANGE, "ERANGE", "number out of range" },
	{ OCPPD_EIO, "EIO", "input or output failed" },
	{ OCPPD_ENOTSUP, "ENOTSUP", "nobody offers that" },
	{ OCPPD_ESTATE, "ESTATE", "not in the present state" },
	{ OCPPD_EDENIED, "EDENIED", "access denied" },
	{ OCPPD_ECONFLICT, "ECONFLICT", "contradicts what is stored" },
	{ OCPPD_EREFUSED, "EREFUSED", "refused" },
	{ OCPPD_EVERSION, "EVERSION", "made for another version" },
};

static const struct error_row *
find_row(int code)
{
	for (size_t i = 0; i < sizeof(error_rows) / sizeof(error_rows[0]); i++)
		if (error_rows[i].code == code)
			return &error_rows[i];
	return NULL;
}

/* The arguments may be err's own texts, so they are formatted before err is touched. */
static void
fill(struct ocppd_error *err, int code, const char *option, const char *text)
{
	char option_copy[sizeof(err->option)] = "";

	if (option)
		(void)str_copy(option_copy, sizeof(option_copy), option);
	*err = (struct ocppd_error){ .code = code };
	(void)str_copy(err->option, sizeof(err->option), option_copy);
	(void)str_copy(err->text, sizeof(err->text), text);
	err->text[utf8_cut(err->text, sizeof(err->text) - 1)] = '\0';
	utf8_mend(err->text);
	for (char *at = err->text; *at; at++)
		if (*at == '\n' || *at == '\r')
			*at = ' ';
}

static void fill_format(struct ocppd_error *err, int code, const char *option, const char *format,
			va_list args) OCPPD_PRINTF(4, 0);

static void
fill_format(struct ocppd_error *err, int code, const char *option, const char *format, va_list args)
{
	char text[sizeof(err->text) + 4];

	(void)vsnprintf(text, sizeof(text), format, args);
	fill(err, code, option, text);
}

int
ocppd_error_set(struct ocppd_error *err, int code, const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, format);
	fill_format(err, code, NULL, format, args);
	va_end(args);
	return code;
}

int
ocppd_error_option(struct ocppd_error *err, int code, const char *option, const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, format);
	fill_format(err, code, option, format, args);
	va_end(args);
	return code;
}

const char *
ocppd_error_name(int code)
{
	const struct error_row *row = find_row(code);

	return row ? row->name : "unknown";
}

const char *
ocppd_strerror(int code)
{
	const struct error_row *row = find_row(code);

	return row ? row->text : "unknown error";
}

_Noreturn void
assert_fail(const char *what, const char *file, int line)
{
	/* The log may be what is broken. */
	(void)dprintf(STDERR_FILENO, "ocppd: assertion failed: %s (%s:%d)\n", what, file, line);
	abort();
}
