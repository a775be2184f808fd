/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What ocppctl reads beside its arguments: standard input, and files that hold a token.
 */
#include "input.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define INPUT_MAX ((size_t)16 * 1024 * 1024)

/* The whole of a stream, NULL on failure. */
static char *
read_stream(FILE *stream)
{
	struct buf text = { 0 };
	char data[4096];
	size_t n;

	while ((n = fread(data, 1, sizeof(data), stream)) > 0 && text.len <= INPUT_MAX)
		buf_add(&text, data, n);
	if (ferror(stream) != 0 || text.len > INPUT_MAX || text.error < 0 ||
	    (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)) {
		buf_fini(&text);
		return NULL;
	}
	buf_add_str(&text, "");
	return text.data == NULL ? str_dup("") : buf_steal(&text);
}

char *
read_input(const char *name)
{
	FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	char *text;

	if (file == NULL)
		return NULL;
	text = read_stream(file);
	if (file != stdin)
		(void)fclose(file);
	return text;
}

char *
read_token(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text;

	if (file == NULL)
		return NULL;
	text = read_stream(file);
	(void)fclose(file);
	if (text != NULL)
		text[strcspn(text, "\r\n")] = '\0';
	return text;
}
