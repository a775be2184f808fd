/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ocppctl: the operator's command. Learns from the daemon what it can do, makes a request of its
 * arguments, shows the answer, and ends with a status that tells scripts the outcome.
 */
#include <ocppd/error.h>

#include "answer.h"
#include "base/buf.h"
#include "base/text.h"
#include "complete.h"
#include "help.h"
#include "http.h"
#include "input.h"
#include "invoke.h"
#include "job.h"
#include "options.h"
#include "output.h"
#include "plain.h"
#include "spec.h"
#include "table.h"
#include "transfer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#define EXIT_DONE 0
#define EXIT_USAGE 1
#define EXIT_UNREACHABLE 2
#define EXIT_REFUSED 3
#define EXIT_CALLERROR 4
#define EXIT_TIMEOUT 5
#define EXIT_CONFLICT 6
#define EXIT_NOT_FOUND 7
#define EXIT_DENIED 8
#define EXIT_INVALID 9

#define PAGES_MAX 100000

struct stream {
	char last_id[64]; /* of the last event; "": none had one */
};

struct status_exit {
	uint32_t status;
	int exit;
};

static const struct status_exit status_exits[] = {
	{ 400, EXIT_INVALID },   { 401, EXIT_DENIED },    { 403, EXIT_DENIED },
	{ 404, EXIT_NOT_FOUND }, { 405, EXIT_NOT_FOUND }, { 409, EXIT_CONFLICT },
	{ 413, EXIT_INVALID },   { 415, EXIT_INVALID },   { 422, EXIT_INVALID },
	{ 431, EXIT_INVALID },   { 501, EXIT_NOT_FOUND }, { 502, EXIT_CALLERROR },
	{ 504, EXIT_TIMEOUT },
};

static int
complain(const char *text)
{
	plain_say(text);
	return EXIT_UNREACHABLE;
}

static int
exit_of_status(uint32_t status)
{
	if (status < 300)
		return EXIT_DONE;
	for (size_t i = 0; i < sizeof(status_exits) / sizeof(status_exits[0]); i++) {
		if (status_exits[i].status == status)
			return status_exits[i].exit;
	}
	return EXIT_UNREACHABLE; /* 503 and the like: the daemon cannot serve at present */
}

static int
exit_of_result(int result)
{
	switch (result) {
	case OCPPD_EINVAL:
		return EXIT_USAGE;
	case OCPPD_ERANGE:
		return EXIT_INVALID;
	case OCPPD_EDENIED:
		return EXIT_DENIED;
	default:
		return EXIT_UNREACHABLE;
	}
}

/* ---- Answers ------------------------------------------------------------------------------- */

/* Whether the answer says yes: by the description, for commands that a station may refuse. */
static int
exit_of_body(const struct command *command, struct json_object *body)
{
	const char *path = member_text(command->success, "member");
	struct json_object *values = member(command->success, "values");
	struct json_object *found;

	if (path == NULL || !json_object_is_type(values, json_type_array))
		return EXIT_DONE;
	found = table_value(body, path, strlen(path));
	if (found == NULL)
		return EXIT_DONE;
	for (size_t i = 0; i < json_object_array_length(values); i++) {
		if (json_object_equal(json_object_array_get_idx(values, i), found) != 0)
			return EXIT_DONE;
	}
	return EXIT_REFUSED;
}

static struct json_object *
body_parse(const struct reply *reply)
{
	struct json_tokener *tokener;
	struct json_object *body = NULL;

	if (reply->body.len == 0 || reply->body.len > INT32_MAX - 1)
		return NULL;
	tokener = json_tokener_new();
	if (tokener == NULL)
		return NULL;
	body = json_tokener_parse_ex(tokener, reply->body.data, (int)reply->body.len);
	if (json_tokener_get_error(tokener) != json_tokener_success) {
		(void)json_object_put(body);
		body = NULL;
	}
	json_tokener_free(tokener);
	return body;
}

/* ---- Requests ------------------------------------------------------------------------------ */

/* One request. The exit status; ret_body is the caller's, NULL if there was none. */
static int
call(const struct http_server *server, const struct http_request *request, uint32_t *ret_status,
     struct json_object **ret_body)
{
	struct ocppd_error err = { 0 };
	struct reply reply = { 0 };
	int status = EXIT_DONE;
	int r;

	*ret_body = NULL;
	r = http_call(server, request, &reply, &err);
	if (r < 0) {
		(void)complain(err.text);
		status = exit_of_result(r == OCPPD_EINVAL ? OCPPD_EIO : r);
		goto out;
	}
	*ret_status = reply.status;
	status = exit_of_status(reply.status);
	if (reply.status < 300 && request->on_event == NULL &&
	    strncmp(reply.content_type, "text/", 5) == 0) {
		/* Meant for a file or another program, whoever reads it. */
		if (fwrite(reply.body.data, 1, reply.body.len, stdout) != reply.body.len)
			status = complain("the output cannot be written");
		goto out;
	}
	*ret_body = body_parse(&reply);
	if (reply.status < 300 && reply.body.len > 0 && *ret_body == NULL &&
	    request->on_event == NULL)
		status = complain("the daemon's answer is not JSON");
out:
	reply_fini(&reply);
	return status;
}

static int
fetch_spec(const struct http_server *server, struct spec *ret_spec)
{
	struct http_request request = { .method = "GET", .path = "/v1/openapi.json" };
	struct json_object *body = NULL;
	uint32_t http_status = 0;
	int status = call(server, &request, &http_status, &body);

	if (status == EXIT_DONE) {
		if (spec_init(ret_spec, body) == 0)
			return EXIT_DONE;
		return complain("what answers there does not describe itself as ocppd does");
	}
	if (http_status != 0)
		answer_problem(http_status, body);
	(void)json_object_put(body);
	return status;
}

/* Lines of server-sent events: what follows `data: `; arg keeps what followed the last `id: `. */
static int
on_event(struct buf *body, void *arg)
{
	struct stream *stream = arg;
	size_t at = 0;

	while (at < body->len) {
		const char *line = body->data + at;
		const char *end = memchr(line, '\n', body->len - at);

		if (end == NULL)
			break;
		if (end - line > 6 && strncmp(line, "data: ", 6) == 0)
			answer_event(line + 6, (size_t)(end - line) - 6);
		else if (end - line > 4 && strncmp(line, "id: ", 4) == 0)
			(void)snprintf(stream->last_id, sizeof(stream->last_id), "%.*s",
				       (int)(end - line) - 4, line + 4);
		at += (size_t)(end - line) + 1;
	}
	(void)fflush(stdout);
	memmove(body->data, body->data + at, body->len - at);
	body->len -= at;
	return ferror(stdout) != 0 ? OCPPD_EIO : 0;
}

/* The path of the page behind `next`. */
static char *
page_path(const char *path, const char *next)
{
	struct buf out = { 0 };

	buf_add_str(&out, path);
	buf_add_char(&out, strchr(path, '?') == NULL ? '?' : '&');
	buf_add_str(&out, "after=");
	for (; *next != '\0'; next++)
		buf_printf(&out, "%%%02X", (unsigned char)*next);
	return buf_steal(&out);
}

/* Moves the items of a page behind those there are. */
static int
items_append(struct json_object *to, struct json_object *from)
{
	struct json_object *items = member(to, "items");
	struct json_object *more = member(from, "items");

	if (!json_object_is_type(items, json_type_array) ||
	    !json_object_is_type(more, json_type_array))
		return OCPPD_EINVAL;
	for (size_t i = 0; i < json_object_array_length(more); i++) {
		struct json_object *item = json_object_get(json_object_array_get_idx(more, i));

		if (json_object_array_add(items, item) != 0) {
			(void)json_object_put(item);
			return OCPPD_ENOMEM;
		}
	}
	json_object_object_del(to, "next");
	if (member(from, "next") != NULL)
		return json_object_object_add(to, "next", json_object_get(member(from, "next")));
	return 0;
}

/* Reads the pages that follow, so that a list is shown whole. */
static int
follow_pages(const struct http_server *server, const char *path, struct json_object *body)
{
	for (int page = 0; page < PAGES_MAX; page++) {
		const char *next = member_text(body, "next");
		struct http_request request = { .method = "GET" };
		struct json_object *more = NULL;
		uint32_t http_status = 0;
		char *page_url;
		int status;

		if (next == NULL)
			break;
		page_url = page_path(path, next);
		if (page_url == NULL)
			return complain("out of memory");
		request.path = page_url;
		status = call(server, &request, &http_status, &more);
		free(page_url);
		if (status != EXIT_DONE && http_status != 0)
			answer_problem(http_status, more);
		if (status == EXIT_DONE && items_append(body, more) < 0)
			status = complain("the daemon's pages do not fit together");
		(void)json_object_put(more);
		if (status != EXIT_DONE)
			return status;
	}
	return EXIT_DONE;
}

/* The next state of a job, for job_follow. */
static int
ask_job(const char *path, struct json_object **ret_body, void *arg)
{
	const struct http_server *server = arg;
	struct http_request request = { .method = "GET", .path = path };
	uint32_t http_status = 0;
	int status = call(server, &request, &http_status, ret_body);

	if (status == EXIT_DONE)
		status = follow_pages(server, path, *ret_body);
	else if (http_status != 0)
		answer_problem(http_status, *ret_body);
	return status;
}

static int
worse(int a, int b)
{
	return a > b ? a : b;
}

/* A result each; the worst of them is the command's. */
static int
exit_of_results(const struct command *command, struct json_object *body)
{
	struct json_object *items = member(body, "items");
	int status = EXIT_DONE;

	for (size_t i = 0;
	     json_object_is_type(items, json_type_array) && i < json_object_array_length(items);
	     i++) {
		struct json_object *item = json_object_array_get_idx(items, i);
		int code = json_object_get_int(member(item, "code"));

		status = worse(status, exit_of_status(code < 0 ? 0 : (uint32_t)code));
		if (code == 200 && !job_is_success(command, item))
			status = worse(status, EXIT_REFUSED);
	}
	return status;
}

static int
follow_job(const struct http_server *server, const struct options *options,
	   const struct command *command, struct json_object *body)
{
	struct http_server plain = *server;
	struct json_object *results = NULL;
	int status = job_follow(command, body, ask_job, &plain, &results);

	if (status == EXIT_DONE) {
		answer_print(options, command, results);
		status = exit_of_results(command, results);
	}
	(void)json_object_put(results);
	return status;
}

/* ---- Answers for files --------------------------------------------------------------------- */

/* What stands at path goes to the file. size: of it, -1: not known. */
static int
fetch_to(const struct http_server *server, const char *path, const char *file, int64_t size)
{
	struct http_request request = { .method = "GET", .path = path, .on_event = output_take };
	struct ocppd_error err = { 0 };
	struct json_object *body = NULL;
	struct output output;
	uint32_t http_status = 0;
	int status;

	if (output_open(&output, file, &err) < 0)
		return complain(err.text);
	request.arg = &output;
	status = call(server, &request, &http_status, &body);
	if (status != EXIT_DONE && http_status >= 300)
		answer_problem(http_status, body);
	(void)json_object_put(body);
	if (status != EXIT_DONE)
		output_drop(&output);
	else if (output_finish(&output, size, &err) < 0)
		status = complain(err.text);
	return status;
}

static int
fetch_job(const struct http_server *server, const struct options *options,
	  const struct command *command, struct json_object *job)
{
	struct http_server plain = *server;
	char *path = NULL;
	int64_t size = -1;
	int status = job_await(command, job, ask_job, &plain, &path, &size);

	if (status == EXIT_DONE)
		status = fetch_to(server, path, options->output, size);
	free(path);
	return status;
}

/* Its answer is meant for a file, as the description says. */
static bool
is_text(const struct command *command)
{
	struct json_object *ok = member(member(command->operation, "responses"), "200");
	struct json_object *content = member(ok, "content");

	if (json_object_get_boolean(member(command->operation, "x-stream")) ||
	    !json_object_is_type(content, json_type_object))
		return false;
	json_object_object_foreach (content, media, described) {
		(void)described;
		if (strncmp(media, "text/", 5) == 0)
			return true;
	}
	return false;
}

static int
finish_transfer(const struct options *options, const struct command *command,
		const struct transfer *transfer, const struct reply *reply)
{
	struct json_object *body = NULL;

	if (reply->status >= 300) {
		struct buf out = { 0 };

		buf_printf(&out, "the file was refused with status %u: ", reply->status);
		buf_add(&out, reply->body.data, reply->body.len);
		plain_say(out.error == 0 ? out.data : "out of memory");
		buf_fini(&out);
		return exit_of_status(reply->status);
	}
	if (transfer->way == '<') {
		body = body_parse(reply);
		answer_print(options, command, body);
		(void)json_object_put(body);
	} else if (!str_eq(transfer->name, "-")) {
		(void)printf("%s\n", transfer->name);
	}
	return EXIT_DONE;
}

/* The answer says where a file goes, or is found. */
static int
run_transfer(const struct http_server *server, const struct options *options,
	     const struct command *command, const struct invocation *invocation)
{
	const struct http_request request = { .method = invocation->method,
					      .path = invocation->path,
					      .body = invocation->body };
	bool is_sent = invocation->file_way == '<';
	struct ocppd_error err = { 0 };
	struct json_object *ticket = NULL;
	struct reply reply = { 0 };
	struct transfer transfer;
	uint32_t http_status = 0;
	int status = EXIT_USAGE;
	int r = transfer_init(&transfer, invocation->file_way,
			      is_sent ? invocation->file : options->output, &err);

	if (r < 0) {
		(void)complain(err.text);
		goto out;
	}
	status = call(server, &request, &http_status, &ticket);
	if (status != EXIT_DONE && http_status >= 300)
		answer_problem(http_status, ticket);
	if (status != EXIT_DONE)
		goto out;
	r = transfer_run(&transfer, server, ticket, &reply, &err);
	if (r < 0) {
		(void)complain(err.text);
		status = exit_of_result(r);
	} else {
		status = finish_transfer(options, command, &transfer, &reply);
	}
out:
	transfer_fini(&transfer);
	reply_fini(&reply);
	(void)json_object_put(ticket);
	return status;
}

/* Nobody asked it to end: the daemon stopped, or the token counts no more. */
static int
end_of_stream(const struct stream *stream)
{
	struct buf text = { 0 };

	buf_add_str(&text, "the daemon ended the stream");
	if (stream->last_id[0] != '\0')
		buf_printf(&text, "; --last-event-id %s goes on behind what came", stream->last_id);
	(void)complain(text.error == 0 ? text.data : "out of memory");
	buf_fini(&text);
	return EXIT_UNREACHABLE;
}

static int
run_command(const struct http_server *server, const struct options *options,
	    const struct command *command, const struct invocation *invocation)
{
	struct http_request request = { .method = invocation->method,
					.path = invocation->path,
					.body = invocation->body };
	struct json_object *body = NULL;
	struct stream stream = { .last_id = "" };
	uint32_t http_status = 0;
	int status;

	if (json_object_get_boolean(member(command->operation, "x-stream"))) {
		request.on_event = on_event;
		request.arg = &stream;
	}
	if (invocation->file_way != 0)
		return run_transfer(server, options, command, invocation);
	if (options->output != NULL && !is_text(command) && !job_has_data(command)) {
		(void)complain("-o: this command's answer is no file");
		return EXIT_USAGE;
	}
	if (options->output != NULL && access(options->output, F_OK) == 0) {
		(void)complain("-o: the file is there already");
		return EXIT_USAGE;
	}
	if (options->output != NULL && is_text(command))
		return fetch_to(server, invocation->path, options->output, -1);
	status = call(server, &request, &http_status, &body);
	if (status == EXIT_DONE && invocation->is_list_whole)
		status = follow_pages(server, invocation->path, body);
	if (status == EXIT_DONE && http_status == 202 && job_has_data(command) &&
	    options->output != NULL) {
		status = fetch_job(server, options, command, body);
	} else if (status == EXIT_DONE && http_status == 202 && !job_has_data(command) &&
		   member(command->operation, "x-job") != NULL) {
		status = follow_job(server, options, command, body);
	} else if (status == EXIT_DONE && request.on_event != NULL) {
		status = end_of_stream(&stream);
	} else if (status == EXIT_DONE) {
		answer_print(options, command, body);
		status = exit_of_body(command, body);
	} else if (http_status >= 300) {
		if (options->is_json && body != NULL)
			answer_json(body);
		/* A state of health that is no good is an answer, not a mishap. */
		else if (member_text(body, "detail") == NULL && body != NULL)
			answer_json(body);
		else
			answer_problem(http_status, body);
		answer_warnings(body);
	}
	(void)json_object_put(body);
	return status;
}

/* ---- Commands ------------------------------------------------------------------------------ */

static int
print_out(struct buf *out)
{
	int status = EXIT_DONE;

	if (out->error < 0)
		status = complain("out of memory");
	else if (out->len > 0)
		(void)fwrite(out->data, 1, out->len, stdout);
	buf_fini(out);
	return status;
}

static int
unknown_command(const struct spec *spec, const char *word)
{
	const char *nearest = NULL;
	const char **words = calloc(spec->count + 1, sizeof(*words));

	if (words != NULL) {
		for (size_t i = 0; i < spec->count; i++)
			words[i] = spec->commands[i].words;
		nearest = str_nearest(word, words, spec->count);
	}
	if (nearest != NULL && strcmp(nearest, word) == 0)
		(void)fprintf(stderr, "ocppctl: the words of %s are arguments of their own\n",
			      nearest);
	else if (nearest != NULL)
		(void)fprintf(stderr, "ocppctl: unknown command %s; did you mean %s?\n", word,
			      nearest);
	else
		(void)fprintf(stderr, "ocppctl: unknown command %s; see: ocppctl help\n", word);
	free(words);
	return EXIT_USAGE;
}

/* words: those behind `help`, or of a command with --help. */
static int
run_help(const struct spec *spec, char **words, size_t count)
{
	struct buf out = { 0 };
	const struct command *command;
	const char *choice = NULL;
	size_t used = 0;

	if (count == 0) {
		help_usage(&out);
		buf_add_str(&out, "\nCommands:\n");
		help_commands(&out, spec);
		return print_out(&out);
	}
	command = spec_match(spec, words, count, &used);
	if (command == NULL)
		return unknown_command(spec, words[0]);
	/* Of what follows, one may be the choice that the body depends on. */
	for (size_t i = used; i < count && choice == NULL; i++) {
		if (spec_body(spec, command, words[i]) != NULL &&
		    spec_body_parameter(command) != NULL)
			choice = words[i];
	}
	help_command(&out, spec, command, choice);
	return print_out(&out);
}

static int
run(const struct http_server *server, const struct options *options, char **words, size_t count)
{
	struct invocation invocation = { .path = NULL };
	struct ocppd_error err = { 0 };
	struct spec spec;
	const struct command *command;
	size_t used = 0;
	int status = fetch_spec(server, &spec);
	int r;

	if (status != EXIT_DONE)
		return status;
	if (options->is_help || strcmp(words[0], "help") == 0) {
		size_t skip = strcmp(words[0], "help") == 0 ? 1 : 0;

		status = run_help(&spec, words + skip, count - skip);
		goto out;
	}
	command = spec_match(&spec, words, count, &used);
	if (command == NULL) {
		status = unknown_command(&spec, words[0]);
		goto out;
	}
	r = invocation_init(&invocation, &spec, command, words + used, count - used, read_input,
			    &err);
	if (r < 0) {
		(void)complain(err.text[0] == '\0' ? ocppd_strerror(r) : err.text);
		status = exit_of_result(r);
		goto out;
	}
	status = run_command(server, options, command, &invocation);
out:
	invocation_fini(&invocation);
	spec_fini(&spec);
	return status;
}

/* Candidates for the shell; failures are silent, a completion must not disturb. */
static int
run_complete(const struct http_server *server, char **words, size_t count)
{
	struct buf out = { 0 };
	struct spec spec;

	if (fetch_spec(server, &spec) != EXIT_DONE)
		return EXIT_UNREACHABLE;
	complete(&out, &spec, server, words, count);
	spec_fini(&spec);
	return print_out(&out);
}

int
main(int argc, char **argv)
{
	struct options options = { .wait_s = OPTIONS_WAIT_S };
	struct http_server server;
	struct ocppd_error err = { 0 };
	struct buf out = { 0 };
	int count = options_read(&options, argv + 1, argc - 1);
	int status;

	if (count < 0)
		return EXIT_USAGE;
	if (options.is_version) {
		(void)printf("ocppctl %s\n", OCPPD_VERSION);
		return EXIT_DONE;
	}
	if (count == 0 && !options.is_complete) {
		help_usage(&out);
		status = print_out(&out);
		return options.is_help ? status : EXIT_USAGE;
	}
	if (options_server(&options, &server, &err) < 0) {
		(void)complain(err.text);
		http_server_fini(&server);
		return EXIT_USAGE;
	}
	if (options.is_complete)
		status = run_complete(&server, argv + 1, (size_t)count);
	else
		status = run(&server, &options, argv + 1, (size_t)count);
	http_server_fini(&server);
	if (fflush(stdout) != 0 && status == EXIT_DONE)
		status = complain("cannot write to standard output");
	return status;
}
