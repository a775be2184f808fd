/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator API of jobs: updates and requests for diagnostics, notifications that no job was
 * for, and the firmware of stations. A POST is answered when the job is on disk; what comes of it
 * is seen by reading it, or by its events.
 */
#include "firmware.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORY_ROWS (2 * STORY_MAX + 1)

struct work {
	struct ocppd_work base;
	struct json_object *body;
	enum job_kind kind;
	int64_t id;
	uint32_t status; /* of the answer */
};

static void
work_fini(void *arg)
{
	struct work *work = arg;

	json_object_put(work->body);
}

static struct work *
work_new(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind)
{
	struct work *work = ocppd_work_new(&ctx->works, request, sizeof(*work));

	if (work == NULL)
		return NULL;
	work->base.fini = work_fini;
	work->base.unknown = "unknown-job";
	work->base.unknown_text = "There is no such job";
	work->kind = kind;
	work->status = 200;
	return work;
}

/* ---- One --------------------------------------------------------------------------------------
 */

static void
on_story(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct json_object *story;

	(void)host;
	if (result < 0) {
		ocppd_work_fail(&work->base, result, err);
		return;
	}
	story = json_object_new_array();
	for (uint32_t i = 0; i < rows->count; i++)
		json_object_array_add(story, story_json(rows->values + (size_t)i * rows->columns));
	ocppd_json_add(work->body, "history", story);
	ocppd_work_reply(&work->base, work->status, json_object_get(work->body));
}

static void
on_found(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	const struct ocppd_value id = ocppd_value_int(work->id);
	const struct ocppd_value values[] = { id, ocppd_value_int(STORY_ROWS) };
	const struct ocppd_value *row = ocppd_work_row(&work->base, result, rows, err);

	(void)host;
	if (row == NULL)
		return;
	work->body = job_json(row);
	work->base.limit = STORY_ROWS;
	ocppd_work_query(&work->base, STATEMENT_STORY, values, 2, on_story);
}

static void
read_stored(void *arg)
{
	struct work *work = arg;
	const struct ocppd_value values[] = { ocppd_value_int(work->id),
					      ocppd_value_int(work->kind) };

	ocppd_work_query(&work->base, STATEMENT_JOB_FIND, values, 2, on_found);
}

static void
read_one(struct work *work)
{
	ocppd_work_await(&work->base, read_stored);
}

static struct work *
work_of_path(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind)
{
	struct work *work = work_new(ctx, request, kind);

	return work == NULL || ocppd_work_id(&work->base, "jobId", &work->id) < 0 ? NULL : work;
}

static void
get(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind)
{
	struct work *work = work_of_path(ctx, request, kind);

	if (work != NULL)
		read_one(work);
}

void
routes_update_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	(void)host;
	get(ctx, request, KIND_FIRMWARE);
}

void
routes_diagnostics_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	(void)host;
	get(ctx, request, KIND_DIAGNOSTICS);
}

/* ---- Cancelling -------------------------------------------------------------------------------
 */

/* It is not followed: over long ago, or not there. */
static void
on_not_followed(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
		const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;

	(void)host;
	if (ocppd_work_row(&work->base, result, rows, err) != NULL)
		ocppd_work_problem(&work->base, 409, "job-over", "The job is over already");
}

static void
cancel(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind)
{
	struct work *work = work_of_path(ctx, request, kind);
	struct ocppd_value values[2];
	struct job *job;
	char by[128];

	if (work == NULL)
		return;
	job = job_find(ctx, work->id);
	if (job == NULL || job->progress.kind != kind || progress_is_over(&job->progress)) {
		values[0] = ocppd_value_int(work->id);
		values[1] = ocppd_value_int(kind);
		ocppd_work_query(&work->base, STATEMENT_JOB_FIND, values, 2, on_not_followed);
		return;
	}
	snprintf(by, sizeof(by), "by %.*s", text_fit(ocppd_request_user(request), 100),
		 ocppd_request_user(request));
	job_fact(job, FACT_CANCELLED, by, 0);
	read_one(work);
}

void
routes_update_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	(void)host;
	cancel(ctx, request, KIND_FIRMWARE);
}

void
routes_diagnostics_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	(void)host;
	cancel(ctx, request, KIND_DIAGNOSTICS);
}

/* ---- Making -----------------------------------------------------------------------------------
 */

static void
on_added(struct firmware *ctx, int result, struct job *job, void *arg)
{
	struct work *work = arg;

	(void)ctx;
	if (result < 0) {
		ocppd_work_fail(&work->base, result, NULL);
	} else {
		work->id = job->id;
		job_enter(job);
		job_replace_waiting(job);
		job->is_prompt = send_is_reachable(job->station);
		send_try(job);
		job_arm(job);
		work->status = 202;
		read_one(work);
	}
	job_release(job);
}

struct ocppd_station *
routes_station(struct firmware *ctx, const char *station_id)
{
	struct ocppd_station *station = ocppd_station_find(ctx->host, station_id);

	if (ctx->stations == NULL || (station != NULL && ocppd_station_is_connected(station) != 0))
		return station;
	/* The core remembers one that was deleted, too. */
	return ctx->stations->is_known(ctx->stations_self, ctx->host, station_id) > 0
		       ? ocppd_station_get(ctx->host, station_id)
		       : NULL;
}

static struct ocppd_station *
find_station(struct firmware *ctx, struct ocppd_request *request)
{
	const char *station_id = ocppd_json_get_str(ocppd_request_body(request), "stationId");
	struct ocppd_station *station = routes_station(ctx, station_id);

	if (station == NULL)
		ocppd_request_problem(ctx->host, request, 404, "unknown-station",
				      "There is no such station");
	return station;
}

static void
make(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind)
{
	struct ocppd_station *station = find_station(ctx, request);
	struct work *work;
	struct job *job;
	struct wish wish;
	int r;

	if (station == NULL || !wish_read(ctx, request, kind, &wish))
		return;
	work = work_new(ctx, request, kind);
	if (work == NULL)
		return;
	job = wish_job(ctx, station, kind, &wish, ocppd_request_user(request));
	r = job == NULL ? OCPPD_ENOMEM : store_add(job, on_added, work);
	if (r >= 0)
		return;
	if (job != NULL)
		job_release(job);
	ocppd_work_fail(&work->base, r, NULL);
}

void
routes_update_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	(void)host;
	make(ctx, request, KIND_FIRMWARE);
}

void
routes_diagnostics_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	(void)host;
	make(ctx, request, KIND_DIAGNOSTICS);
}

/* ---- Many -------------------------------------------------------------------------------------
 */

static const struct ocppd_page jobs_page = { sizeof(jobs_page), 0, .row_json = job_json };

static void
on_list_stored(void *arg)
{
	struct work *work = arg;
	const char *station_id = ocppd_request_query(work->base.request, "stationId");
	int64_t active = ocppd_request_query_int(work->base.request, "active", NONE);
	int64_t rollout = ocppd_request_query_int(work->base.request, "rolloutId", NONE);
	const struct ocppd_value values[] = {
		ocppd_value_int(work->id),
		ocppd_value_int(work->base.limit + 1),
		ocppd_value_int(work->kind),
		ocppd_value_str(station_id),
		ocppd_value_str(ocppd_request_query(work->base.request, "state")),
		active == NONE ? ocppd_value_null() : ocppd_value_int(active),
		rollout == NONE ? ocppd_value_null() : ocppd_value_int(rollout),
	};
	uint32_t statement = STATEMENT_JOB_LIST;

	if (station_id != NULL)
		statement = STATEMENT_JOB_LIST_STATION;
	else if (rollout != NONE)
		statement = STATEMENT_JOB_LIST_ROLLOUT;
	ocppd_work_list(&work->base, statement, values, sizeof(values) / sizeof(values[0]),
			&jobs_page);
}

/* A page before the number that `after` names. */
static struct work *
work_of_list(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind)
{
	struct work *work = work_new(ctx, request, kind);

	return work == NULL || ocppd_work_after(&work->base, &work->id) < 0 ? NULL : work;
}

static void
list(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind)
{
	struct work *work = work_of_list(ctx, request, kind);

	if (work != NULL)
		ocppd_work_await(&work->base, on_list_stored);
}

void
routes_update_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	(void)host;
	list(ctx, request, KIND_FIRMWARE);
}

void
routes_diagnostics_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	(void)host;
	list(ctx, request, KIND_DIAGNOSTICS);
}

static struct json_object *
unasked_json(const struct ocppd_value *row)
{
	struct json_object *object = json_object_new_object();

	ocppd_json_add_value(object, "stationId", &row[1]);
	ocppd_json_add_str(
		object, "kind",
		kind_words[row[2].number == KIND_FIRMWARE ? KIND_FIRMWARE : KIND_DIAGNOSTICS]);
	ocppd_json_add_time(object, "time", row[3].number);
	ocppd_json_add_value(object, "status", &row[4]);
	return object;
}

static const struct ocppd_page unasked_page = { sizeof(unasked_page), 0, .row_json = unasked_json };

static void
on_unasked_stored(void *arg)
{
	struct work *work = arg;
	const struct ocppd_value values[] = {
		ocppd_value_int(work->id),
		ocppd_value_int(work->base.limit + 1),
		ocppd_value_str(ocppd_request_query(work->base.request, "stationId")),
	};

	ocppd_work_list(&work->base, STATEMENT_UNASKED_LIST, values, 3, &unasked_page);
}

void
routes_unasked(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_list(ctx, request, KIND_FIRMWARE);

	(void)host;
	if (work != NULL)
		ocppd_work_await(&work->base, on_unasked_stored);
}

static struct json_object *
version_json(const struct ocppd_value *row)
{
	struct json_object *object = json_object_new_object();

	ocppd_json_add_value(object, "stationId", &row[0]);
	ocppd_json_add_value(object, "firmwareVersion", &row[1]);
	ocppd_json_add_time(object, "since", row[2].number);
	ocppd_json_add_value(object, "previousVersion", &row[3]);
	return object;
}

static const struct ocppd_page versions_page = { sizeof(versions_page), 0,
						 .row_json = version_json };

static void
on_versions_stored(void *arg)
{
	struct work *work = arg;
	const char *after = ocppd_request_query(work->base.request, "after");
	const struct ocppd_value values[] = {
		ocppd_value_str(after == NULL ? "" : after),
		ocppd_value_int(work->base.limit + 1),
		ocppd_value_str(ocppd_request_query(work->base.request, "firmwareVersion")),
		ocppd_value_str(ocppd_request_query(work->base.request, "stationId")),
	};

	ocppd_work_list(&work->base, STATEMENT_VERSION_LIST, values, 4, &versions_page);
}

void
routes_versions(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct work *work = work_new(arg, request, KIND_FIRMWARE);

	(void)host;
	if (work == NULL)
		return;
	ocppd_work_await(&work->base, on_versions_stored);
}
