/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_JOB_H
#define OCPPCTL_JOB_H

#include "spec.h"

/* Commands whose answer is a job that goes on: by `x-job` of their operation. */

/* Asks for a path, with all its pages. 0, or the status to end with. */
typedef int job_ask_fn(const char *path, struct json_object **ret_body, void *arg);

/* Waits until the job is over, showing its progress on a terminal, and gets its results, the
 * caller's. Returns 0, or the status to end with. */
int job_follow(const struct command *command, struct json_object *job, job_ask_fn *ask, void *arg,
	       struct json_object **ret_results);
/* The same for one whose outcome is a file: ret_path, the caller's, is where it is fetched,
 * ret_size how much it is. */
int job_await(const struct command *command, struct json_object *job, job_ask_fn *ask, void *arg,
	      char **ret_path, int64_t *ret_size);
/* Its outcome is a file. */
bool job_has_data(const struct command *command);
/* The `status` of a result is none of a refusal. */
bool job_is_success(const struct command *command, struct json_object *item);

#endif
