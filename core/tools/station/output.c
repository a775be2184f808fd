/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What the program prints: lines for people with times since the start, or one JSON object a line.
 * Control characters that come from a peer never reach the terminal.
 */
#include "output.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

static const struct {
	const char *name;
	const char *colour;
} kinds[] = {
	[OUTPUT_STEP] = { "step", "" },
	[OUTPUT_NOTE] = { "note", "\033[33m" },
	[OUTPUT_FAILURE] = { "failure", "\033[31m" },
	[OUTPUT_FRAME] = { "frame", "\033[2m" },
	[OUTPUT_SUMMARY] = { "summary", "\033[1m" },
};

int64_t
output_mono_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
output_init(struct output *out, bool is_json, bool is_quiet, bool is_verbose)
{
	const char *no_colour = getenv("NO_COLOR");

	out->is_json = is_json;
	out->is_quiet = is_quiet;
	out->is_verbose = is_verbose;
	out->is_terminal = isatty(STDOUT_FILENO) == 1;
	out->has_colour = out->is_terminal && !is_json && (!no_colour || !no_colour[0]);
	out->start_mono_us = output_mono_us();
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
}

static void
print_json(const struct output *out, const struct output_line *line, const char *text)
{
	struct json_object *object = json_object_new_object();
	int64_t now_us = output_mono_us() - out->start_mono_us;

	if (!object)
		return;
	json_object_object_add(object, "time_ms", json_object_new_int64(now_us / 1000));
	json_object_object_add(object, "kind", json_object_new_string(kinds[line->kind].name));
	json_object_object_add(object, "event", json_object_new_string(line->event));
	if (line->station)
		json_object_object_add(object, "station", json_object_new_string(line->station));
	if (line->action)
		json_object_object_add(object, "action", json_object_new_string(line->action));
	if (line->took_us >= 0)
		json_object_object_add(object, "took_us", json_object_new_int64(line->took_us));
	json_object_object_add(object, "text", json_object_new_string(text));
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static void
print_text(const struct output *out, const struct output_line *line, char *text)
{
	double now_s = (double)(output_mono_us() - out->start_mono_us) / 1e6;
	const char *colour = out->has_colour ? kinds[line->kind].colour : "";
	struct buf buf = { 0 };

	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	}
	buf_printf(&buf, "%s%9.3f  ", colour, now_s);
	if (line->station)
		buf_printf(&buf, "%-10s  ", line->station);
	if (line->kind == OUTPUT_FAILURE)
		buf_add_str(&buf, "FAILED  ");
	if (line->action)
		buf_printf(&buf, "%s  ", line->action);
	buf_add_str(&buf, text);
	if (line->took_us >= 0)
		buf_printf(&buf, "  (%.1f ms)", (double)line->took_us / 1000);
	if (colour[0])
		buf_add_str(&buf, "\033[0m");
	if (buf.error == 0)
		puts(buf.data);
	buf_fini(&buf);
}

void
output_print(struct output *out, const struct output_line *line, const char *format, ...)
{
	char *all = NULL;
	va_list args;

	if (line->kind == OUTPUT_FRAME && !out->is_verbose)
		return;
	if (out->is_quiet && line->kind != OUTPUT_FAILURE && line->kind != OUTPUT_SUMMARY)
		return;
	va_start(args, format);
	if (vasprintf(&all, format, args) < 0)
		all = NULL;
	va_end(args);
	if (!all)
		return;
	if (out->is_json)
		print_json(out, line, all);
	else
		print_text(out, line, all);
	free(all);
}
