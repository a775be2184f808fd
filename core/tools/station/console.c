/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * --console: steps of a scenario typed while the station runs, one a line, played one after the
 * other beside whatever the station does.
 */
#include "console.h"

#include "features/feature.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_MAX 10000
#define LINE_MAX_BYTES 4096

struct console {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tty_t tty;
	} in;
	struct station *station;
	struct scenario **lines; /* all: an outcome or an unanswered CALL may need an old one */
	uint32_t count;
	uint32_t at; /* that is played, or comes next */
	bool wants_end;
	size_t len;
	bool is_too_long;
	char line[LINE_MAX_BYTES];
	char chunk[LINE_MAX_BYTES];
};

static void
say(struct console *console, enum output_kind kind, const char *text)
{
	const struct output_line line = { kind, NULL, "console", NULL, -1 };

	output_print(&console->station->fleet->out, &line, "%s", text);
}

/* Nobody can charge at a station that is switched off. */
static void
leave(struct station *station)
{
	for (uint32_t i = 1; i <= station->connector_count; i++) {
		actor_stop(&station->connectors[i].actor);
		if (station->connectors[i].has_transaction)
			session_stop(station, i, "PowerLoss");
	}
	station_end(station, VERDICT_PASSED);
}

static void
play(struct console *console)
{
	if (console->at < console->count && !console->station->console.scenario)
		actor_start(&console->station->console, console->lines[console->at], 0);
	else if (console->wants_end && console->at >= console->count)
		leave(console->station);
}

void
console_next(struct station *station)
{
	struct console *console = station->fleet->console;

	if (!console)
		return;
	console->at++;
	play(console);
}

static void
help(struct console *console)
{
	struct buf text = { 0 };

	buf_add_str(&text, "steps, as in a scenario:");
	for (uint32_t i = 0; i < STEP_END; i++)
		buf_printf(&text, " %s", step_name((enum step_kind)i));
	buf_add_str(&text, "; such as: on: {action: Reset, outcome: Rejected}; quit ends");
	if (text.error == 0)
		say(console, OUTPUT_NOTE, text.data);
	buf_fini(&text);
}

/* Room for one more. */
static bool
grow(struct console *console)
{
	struct scenario **lines;

	if (console->count == LINES_MAX)
		return false;
	if ((console->count & (console->count - 1)) != 0)
		return true;
	lines = reallocarray(console->lines, console->count > 0 ? (size_t)console->count * 2 : 1,
			     sizeof(*lines));
	if (!lines)
		return false;
	console->lines = lines;
	return true;
}

/* One line without its end. */
static void
take_line(struct console *console, char *line)
{
	struct ocppd_error err = { 0 };
	struct buf text = { 0 };

	line += strspn(line, " \t\r");
	line[strcspn(line, "\r")] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return;
	if (str_eq(line, "quit")) {
		console->wants_end = true;
		play(console);
		return;
	}
	if (str_eq(line, "help") || str_eq(line, "?")) {
		help(console);
		return;
	}
	if (!grow(console)) {
		say(console, OUTPUT_NOTE, "too many lines: this one is left out");
		return;
	}
	buf_printf(&text, "steps:\n  - %s\n", line);
	if (text.error == 0 && scenario_parse("console", text.data, text.len,
					      &console->lines[console->count], &err) < 0)
		say(console, OUTPUT_NOTE, err.text);
	else if (text.error == 0)
		console->count++;
	buf_fini(&text);
	play(console);
}

static void
on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret_buf)
{
	struct console *console = handle->data;

	(void)size;
	*ret_buf = uv_buf_init(console->chunk, sizeof(console->chunk));
}

static void
on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
	struct console *console = stream->data;

	if (count < 0) {
		(void)uv_read_stop(stream);
		return;
	}
	for (ssize_t i = 0; i < count; i++) {
		if (buf->base[i] != '\n') {
			if (console->len < sizeof(console->line) - 1)
				console->line[console->len++] = buf->base[i];
			else
				console->is_too_long = true;
			continue;
		}
		console->line[console->len] = '\0';
		console->len = 0;
		if (console->is_too_long)
			say(console, OUTPUT_NOTE, "a line has at most 4095 bytes");
		else
			take_line(console, console->line);
		console->is_too_long = false;
	}
}

int
console_new(struct station *station, struct console **ret_console, struct ocppd_error *err)
{
	uv_loop_t *loop = &station->fleet->loop;
	uv_handle_type type = uv_guess_handle(STDIN_FILENO);
	struct console *console;
	int r;

	if (type != UV_TTY && type != UV_NAMED_PIPE)
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "--console reads from a terminal or a pipe");
	console = calloc(1, sizeof(*console));
	if (!console)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	console->station = station;
	if (type == UV_TTY)
		r = uv_tty_init(loop, &console->in.tty, STDIN_FILENO, 0);
	else
		r = uv_pipe_init(loop, &console->in.pipe, 0);
	if (r < 0) { /* not a handle of the loop yet */
		free(console);
		return ocppd_error_set(err, OCPPD_EIO, "--console: %s", uv_strerror(r));
	}
	*ret_console = console;
	console->in.handle.data = console;
	if (type == UV_NAMED_PIPE)
		r = uv_pipe_open(&console->in.pipe, STDIN_FILENO);
	if (r == 0)
		r = uv_read_start(&console->in.stream, on_alloc, on_read);
	return r < 0 ? ocppd_error_set(err, OCPPD_EIO, "--console: %s", uv_strerror(r)) : 0;
}

void
console_free(struct console *console)
{
	for (uint32_t i = 0; console && i < console->count; i++)
		scenario_free(console->lines[i]);
	if (console)
		free(console->lines);
	free(console);
}
