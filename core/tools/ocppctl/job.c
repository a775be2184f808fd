/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A job's way from 202 to its results. What it is about is the daemon's business: this knows only
 * what the description says of jobs (`x-job`).
 */
#include "job.h"

#include "base/buf.h"
#include "base/text.h"
#include "plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#define FAILED 2 /* as main.c's EXIT_UNREACHABLE */
#define FIRST_WAIT_MS 20
#define LONGEST_WAIT_MS 500

static bool
is_among(struct json_object *words, const char *word)
{
	for (size_t i = 0; word != NULL && json_object_is_type(words, json_type_array) &&
			   i < json_object_array_length(words);
	     i++) {
		if (strcmp(json_object_get_string(json_object_array_get_idx(words, i)), word) == 0)
			return true;
	}
	return false;
}

bool
job_is_success(const struct command *command, struct json_object *item)
{
	struct json_object *success = member(member(command->operation, "x-job"), "success");
	const char *status = member_text(item, "status");

	return status == NULL || is_among(member(success, "values"), status);
}

/* The path with the job's id in the place of {…}; the caller frees it. */
static char *
path_of(struct json_object *follow, const char *which, struct json_object *job)
{
	const char *template = member_text(follow, which);
	const char *name = member_text(follow, "id");
	const char *id = name == NULL ? NULL : member_text(job, name);
	struct buf path = { 0 };
	const char *brace;

	if (template == NULL || id == NULL || strspn(id, "0123456789abcdef") != strlen(id))
		return NULL;
	brace = strchr(template, '{');
	if (brace == NULL || strchr(brace, '}') == NULL)
		return NULL;
	buf_add(&path, template, (size_t)(brace - template));
	buf_add_str(&path, id);
	buf_add_str(&path, strchr(brace, '}') + 1);
	return buf_steal(&path);
}

static void
show_progress(struct json_object *job, bool is_over)
{
	if (isatty(STDERR_FILENO) == 0)
		return;
	(void)fprintf(stderr, "\r\033[K");
	if (!is_over)
		(void)fprintf(stderr, "%s: %lld of %lld", member_text(job, "state"),
			      (long long)json_object_get_int64(member(job, "done")),
			      (long long)json_object_get_int64(member(job, "total")));
	(void)fflush(stderr);
}

static void
pause_ms(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&left, NULL);
}

/* Over, and nothing of it under way any more: a job that was cancelled still hears of what it sent.
 */
static bool
is_over(struct json_object *follow, struct json_object *job)
{
	return is_among(member(follow, "over"), member_text(job, "state")) &&
	       (member_text(job, "detail") != NULL || member(follow, "results") == NULL ||
		json_object_get_int64(member(job, "done")) >=
			json_object_get_int64(member(job, "total")));
}

/* Until it is over; *job is exchanged for its newest state. */
static int
wait_over(struct json_object *follow, const char *path, job_ask_fn *ask, void *arg,
	  struct json_object **job)
{
	long wait_ms = FIRST_WAIT_MS;

	while (!is_over(follow, *job)) {
		struct json_object *next = NULL;
		int status;

		show_progress(*job, false);
		pause_ms(wait_ms);
		wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
		status = ask(path, &next, arg);
		if (status != 0) {
			(void)json_object_put(next);
			return status;
		}
		(void)json_object_put(*job);
		*job = next;
	}
	show_progress(*job, true);
	return 0;
}

/* Likewise, and a job that failed says why. */
static int
wait_well(struct json_object *follow, const char *show, job_ask_fn *ask, void *arg,
	  struct json_object **job)
{
	int status = wait_over(follow, show, ask, arg, job);
	const char *detail = member_text(*job, "detail");

	if (status != 0 || detail == NULL)
		return status;
	plain_say(detail);
	return FAILED;
}

bool
job_has_data(const struct command *command)
{
	return member_text(member(command->operation, "x-job"), "data") != NULL;
}

int
job_await(const struct command *command, struct json_object *job, job_ask_fn *ask, void *arg,
	  char **ret_path, int64_t *ret_size)
{
	struct json_object *follow = member(command->operation, "x-job");
	char *show = path_of(follow, "show", job);
	char *data = path_of(follow, "data", job);
	struct json_object *now = json_object_get(job);
	int status = FAILED;

	if (show == NULL || data == NULL) {
		plain_say("the daemon does not say how to follow the job");
		goto out;
	}
	status = wait_well(follow, show, ask, arg, &now);
	if (status == 0) {
		*ret_size = json_object_get_int64(member(now, "total"));
		*ret_path = data;
		data = NULL;
	}
out:
	(void)json_object_put(now);
	free(show);
	free(data);
	return status;
}

int
job_follow(const struct command *command, struct json_object *job, job_ask_fn *ask, void *arg,
	   struct json_object **ret_results)
{
	struct json_object *follow = member(command->operation, "x-job");
	char *show = path_of(follow, "show", job);
	char *results = path_of(follow, "results", job);
	struct json_object *now = json_object_get(job);
	int status = FAILED;

	if (show == NULL || results == NULL) {
		plain_say("the daemon does not say how to follow the job");
		goto out;
	}
	status = wait_well(follow, show, ask, arg, &now);
	if (status == 0 && json_object_get_int64(member(now, "total")) == 0)
		plain_say("nothing fits the selection");
	if (status == 0)
		status = ask(results, ret_results, arg);
out:
	(void)json_object_put(now);
	free(show);
	free(results);
	return status;
}
