/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * POST /v1/commands and what is asked of its jobs: making them, and how the API shows them.
 */
#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include "command.h"
#include "http_api.h"
#include "items.h"
#include "jobs_private.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define PARALLEL_DEFAULT 50
#define RESULTS_DEFAULT 1000

static const char *const job_words[JOB_STATES] = {
	"selecting", "running", "finished", "cancelled", "failed",
};

static const char *const target_words[TARGET_STATES] = {
	"waiting", "sent",    "confirmed", "error",   "timeout",
	"gone",    "refused", "cancelled", "notSent",
};

/* ---- As the API shows it ------------------------------------------------------------------- */

const char *
job_state_word(enum job_state state)
{
	return job_words[state];
}

struct json_object *
job_json(const struct job *job)
{
	struct json_object *item = json_object_new_object();
	struct json_object *results = json_object_new_object();
	int r = item == NULL || results == NULL ? OCPPD_ENOMEM : 0;

	for (uint32_t i = 0; i < TARGET_STATES && r == 0; i++) {
		if (job->counts[i] > 0)
			r |= ocppd_json_add_int(results, target_words[i], job->counts[i]);
	}
	if (r == 0) {
		r |= ocppd_json_add_str(item, "jobId", job->id);
		r |= ocppd_json_add_str(item, "state", job_words[job->state]);
		r |= ocppd_json_add_str(item, "action", job->action);
		r |= ocppd_json_add_str(item, "template", job->template);
		if (job->is_dry_run)
			r |= ocppd_json_add_bool(item, "dryRun", 1);
		if (job->is_cut)
			r |= ocppd_json_add_bool(item, "keysCut", 1);
		r |= ocppd_json_add_str(item, "requester", job->requester);
		r |= ocppd_json_add_time(item, "createdAt", job->created_us);
		if (job->ended_us != 0)
			r |= ocppd_json_add_time(item, "endedAt", job->ended_us);
		r |= ocppd_json_add_int(item, "total", job->count);
		r |= ocppd_json_add_int(item, "done", job->done);
		r |= ocppd_json_add(item, "results", json_object_get(results));
		if (job->state == JOB_FAILED)
			r |= ocppd_json_add_str(item, "detail", job->problem.detail);
	}
	(void)json_object_put(results);
	if (r == 0)
		return item;
	(void)json_object_put(item);
	return NULL;
}

static struct json_object *
target_json(const struct target *target)
{
	struct json_object *item = json_object_new_object();
	int r = 0;

	if (item == NULL)
		return NULL;
	r |= ocppd_json_add_str(item, "stationId", target->station_id);
	r |= ocppd_json_add_str(item, "result", target_words[target->state]);
	if (target->code != 0)
		r |= ocppd_json_add_int(item, "code", target->code);
	r |= ocppd_json_add_str(item, "status", target->status);
	r |= ocppd_json_add_str(item, "errorCode", target->error);
	r |= ocppd_json_add_str(item, "detail", target->detail);
	if (target->keys != NULL)
		r |= ocppd_json_add(item, "keys", json_tokener_parse(target->keys));
	if (r == 0)
		return item;
	(void)json_object_put(item);
	return NULL;
}

/* ---- Making -------------------------------------------------------------------------------- */

static struct job *
job_new(struct jobs *jobs, const struct ocppd_request *request)
{
	struct json_object *body = ocppd_request_body(request);
	struct json_object *payload = ocppd_json_get(body, "payload");
	const char *checks = ocppd_json_get_str(body, "checks");
	const char *action = ocppd_json_get_str(body, "action");
	const char *template = ocppd_json_get_str(body, "template");
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	LIST_INIT(&job->flights);
	job->jobs = jobs;
	job->action = action == NULL ? NULL : strdup(action);
	job->template = template == NULL ? NULL : strdup(template);
	job->is_dry_run = ocppd_json_get_bool(body, "dryRun", 0) != 0;
	job->requester = strdup(ocppd_request_user(request));
	job->role = ocppd_request_role(request);
	job->payload = payload == NULL ? json_object_new_object() : json_object_get(payload);
	job->timeout_s = ocppd_json_get_int(body, "timeout", 0);
	job->parallel = (uint32_t)ocppd_json_get_int(body, "parallel", PARALLEL_DEFAULT);
	job->is_strict = checks != NULL && strcmp(checks, "strict") == 0;
	job->created_us = ocppd_now_us(jobs->api->host);
	if ((action != NULL && job->action == NULL) ||
	    (template != NULL && job->template == NULL) || job->requester == NULL ||
	    job->payload == NULL || store_id(job->id, JOB_ID_DIGITS) < 0) {
		job_free(job);
		return NULL;
	}
	return job;
}

/* Which stations: by name, or by a selection that is yet to be made. */
static uint32_t
job_stations(struct job *job, struct json_object *body, struct problem *problem)
{
	struct json_object *stations = ocppd_json_get(body, "stations");
	struct json_object *select = ocppd_json_get(body, "select");

	if ((stations == NULL) == (select == NULL))
		return problem_set(problem, 400, "invalid-body",
				   "give either stations or select; select all takes every one");
	if (select != NULL)
		return select_begin(job, select, problem);
	for (size_t i = 0; i < json_object_array_length(stations); i++) {
		const char *station_id =
			json_object_get_string(json_object_array_get_idx(stations, i));
		int r = job_add(job, station_id);

		if (r == OCPPD_ESPACE)
			return problem_set(problem, 413, "too-many-stations",
					   "more stations than job_stations allows");
		if (r < 0)
			return problem_set(problem, 503, "out-of-memory", "out of memory");
	}
	job->state = JOB_RUNNING;
	return 0;
}

/* What is to be done, without the stations. */
static uint32_t
job_check_body(struct job *job, struct json_object *body, struct problem *problem)
{
	struct ocppd_host *host = job->jobs->api->host;
	struct ocppd_error err = { 0 };
	int r;

	if ((job->action == NULL) == (job->template == NULL))
		return problem_set(problem, 400, "invalid-body", "give either action or template");
	if (job->template != NULL) {
		if (ocppd_json_get(body, "payload") != NULL)
			return problem_set(problem, 400, "invalid-body",
					   "payload: a template has none");
		return apply_check(job, problem);
	}
	if (job->is_dry_run)
		return problem_set(problem, 400, "invalid-body", "dryRun: of a template only");
	if (!json_object_is_type(job->payload, json_type_object))
		return problem_set(problem, 400, "invalid-body", "payload: is not an object");
	r = command_check(host, job->action, job->payload, &err);
	return r < 0 ? command_refusal(host, "", job->action, r, &err, problem) : 0;
}

static void
reply_job(struct ocppd_host *host, struct ocppd_request *request, uint32_t status,
	  const struct job *job)
{
	struct json_object *body = job_json(job);

	if (body == NULL)
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
	else
		ocppd_request_reply(host, request, status, body);
}

void
job_begin(struct job *job, struct ocppd_request *request)
{
	struct jobs *jobs = job->jobs;
	struct ocppd_host *host = jobs->api->host;
	struct problem problem;
	uint32_t status = 0;

	/* Others may have begun while this one's template was looked for. */
	if (!jobs_make_room(jobs))
		status = problem_set(&problem, 503, "too-many-jobs", "%u jobs run already",
				     jobs->count);
	if (status == 0)
		status = job_stations(job, ocppd_request_body(request), &problem);
	if (status != 0) {
		job_free(job);
		ocppd_request_problem(host, request, problem.status, problem.kind, "%s",
				      problem.detail);
		return;
	}
	jobs_take(jobs, job);
	reply_job(host, request, 202, job);
}

void
jobs_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct api *api = ctx;
	struct jobs *jobs = api->jobs;
	struct problem problem;
	struct job *job;

	if (!jobs_make_room(jobs)) {
		ocppd_request_problem(host, request, 503, "too-many-jobs", "%u jobs run already",
				      jobs->count);
		return;
	}
	job = job_new(jobs, request);
	if (job == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	if (job_check_body(job, ocppd_request_body(request), &problem) != 0) {
		job_free(job);
		ocppd_request_problem(host, request, problem.status, problem.kind, "%s",
				      problem.detail);
	} else if (job->template != NULL) {
		look_begin(job, request);
	} else {
		job_begin(job, request);
	}
}

void
jobs_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const struct api *api = ctx;
	const struct job *job;
	struct items items;

	items_init(&items);
	TAILQ_FOREACH (job, &api->jobs->all, link) {
		if (!items_add(&items, job_json(job)))
			break;
	}
	items_reply(&items, host, request, NULL);
}

static struct job *
job_of(struct ocppd_host *host, struct ocppd_request *request, const struct api *api)
{
	const char *id = ocppd_request_param(request, "jobId");
	struct job *job;

	TAILQ_FOREACH (job, &api->jobs->all, link) {
		if (strcmp(job->id, id) == 0)
			return job;
	}
	ocppd_request_problem(host, request, 404, "unknown-job", "there is no such job");
	return NULL;
}

void
jobs_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const struct job *job = job_of(host, request, ctx);

	if (job != NULL)
		reply_job(host, request, 200, job);
}

void
jobs_results(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const struct job *job = job_of(host, request, ctx);
	int64_t at = ocppd_request_query_int(request, "after", 0);
	int64_t left = ocppd_request_query_int(request, "limit", RESULTS_DEFAULT);
	struct items items;
	char next[24];

	if (job == NULL)
		return;
	items_init(&items);
	for (; at < job->count && left > 0; at++, left--) {
		if (!items_add(&items, target_json(&job->targets[at])))
			break;
	}
	(void)snprintf(next, sizeof(next), "%lld", (long long)at);
	items_reply(&items, host, request, at < job->count ? next : NULL);
}

void
jobs_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct job *job = job_of(host, request, ctx);

	if (job == NULL)
		return;
	if (job_is_over(job)) {
		ocppd_request_problem(host, request, 409, "job-over", "the job is over already");
		return;
	}
	job_cancel(job);
	reply_job(host, request, 200, job);
}
