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

#define LIST_DEFAULT 100
#define DIGITS_MAX 18
#define STORY_ROWS (2 * STORY_MAX + 1)

struct work {
	struct firmware *ctx;
	struct ocppd_request *request;
	struct json_object *body;
	enum job_kind kind;
	int64_t id;
	int64_t limit;
	uint32_t status; /* of the answer */
};

bool
parse_id(const char *text, int64_t *ret)
{
	int64_t number = 0;
	size_t len = text == NULL ? 0 : strlen(text);

	if (len == 0 || len > DIGITS_MAX || strspn(text, "0123456789") != len)
		return false;
	for (; *text != '\0'; text++)
		number = number * 10 + (*text - '0');
	*ret = number;
	return true;
}

static struct work *
work_new(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind)
{
	struct work *work = calloc(1, sizeof(*work));

	if (work == NULL) {
		ocppd_request_fail(ctx->host, request, OCPPD_ENOMEM, NULL);
		return NULL;
	}
	work->ctx = ctx;
	work->request = request;
	work->kind = kind;
	work->status = 200;
	ctx->outstanding++;
	return work;
}

static void
work_end(struct work *work)
{
	struct firmware *ctx = work->ctx;

	json_object_put(work->body);
	free(work);
	firmware_done(ctx);
}

static void
work_fail(struct work *work, int result, const struct ocppd_error *err)
{
	ocppd_request_fail(work->ctx->host, work->request, result, err);
	work_end(work);
}

static void
work_unknown(struct work *work)
{
	ocppd_request_problem(work->ctx->host, work->request, 404, "unknown-job",
			      "There is no such job");
	work_end(work);
}

static void
work_query(struct work *work, uint32_t statement, const struct ocppd_value *values, uint32_t count,
	   ocppd_rows_fn *fn)
{
	struct firmware *ctx = work->ctx;
	int r = ctx->storage->query(ctx->storage_self, ctx->host, statement, values, count,
				    (uint32_t)work->limit + 1, fn, work);

	if (r < 0)
		work_fail(work, r, NULL);
}

/* ---- One --------------------------------------------------------------------------------------
 */

static void
on_story(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct json_object *story;

	if (result < 0) {
		work_fail(work, result, err);
		return;
	}
	story = json_object_new_array();
	for (uint32_t i = 0; i < rows->count; i++)
		json_object_array_add(story, story_json(rows->values + (size_t)i * rows->columns));
	ocppd_json_add(work->body, "history", story);
	ocppd_request_reply(host, work->request, work->status, json_object_get(work->body));
	work_end(work);
}

static void
on_found(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	const struct ocppd_value id = ocppd_value_int(work->id);
	const struct ocppd_value values[] = { id, ocppd_value_int(STORY_ROWS) };

	(void)host;
	if (result < 0) {
		work_fail(work, result, err);
		return;
	}
	if (rows->count == 0) {
		work_unknown(work);
		return;
	}
	work->body = job_json(rows->values);
	work->limit = STORY_ROWS;
	work_query(work, STATEMENT_STORY, values, 2, on_story);
}

static void
read_stored(void *arg)
{
	struct work *work = arg;
	const struct ocppd_value values[] = { ocppd_value_int(work->id),
					      ocppd_value_int(work->kind) };

	work_query(work, STATEMENT_JOB_FIND, values, 2, on_found);
}

static void
read_one(struct work *work)
{
	if (store_wait(work->ctx, read_stored, work) < 0)
		work_fail(work, OCPPD_ENOMEM, NULL);
}

static struct work *
work_of_path(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind)
{
	struct work *work = work_new(ctx, request, kind);

	if (work == NULL || parse_id(ocppd_request_param(request, "jobId"), &work->id))
		return work;
	work_unknown(work);
	return NULL;
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

	if (result < 0) {
		work_fail(work, result, err);
		return;
	}
	if (rows->count == 0) {
		work_unknown(work);
		return;
	}
	ocppd_request_problem(host, work->request, 409, "job-over", "The job is over already");
	work_end(work);
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
		work_query(work, STATEMENT_JOB_FIND, values, 2, on_not_followed);
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
		work_fail(work, result, NULL);
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

static struct ocppd_station *
find_station(struct firmware *ctx, struct ocppd_request *request)
{
	const char *station_id = ocppd_json_get_str(ocppd_request_body(request), "stationId");
	struct ocppd_station *station = ocppd_station_find(ctx->host, station_id);

	if (station == NULL && ctx->stations != NULL &&
	    ctx->stations->is_known(ctx->stations_self, ctx->host, station_id) > 0)
		station = ocppd_station_get(ctx->host, station_id);
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
	work_fail(work, r, NULL);
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

typedef struct json_object *item_fn(const struct ocppd_value *row);

static void
answer_list(struct work *work, const struct ocppd_rows *rows, item_fn *fn)
{
	struct json_object *body = json_object_new_object();
	struct json_object *items = json_object_new_array();
	const struct ocppd_value *row = NULL;

	for (uint32_t i = 0; i < rows->count && i < work->limit; i++) {
		row = rows->values + (size_t)i * rows->columns;
		json_object_array_add(items, fn(row));
	}
	ocppd_json_add(body, "items", items);
	if (row != NULL && rows->count > work->limit) {
		char next[STATION_SIZE];

		if (row[0].type == OCPPD_VALUE_INT)
			snprintf(next, sizeof(next), "%lld", (long long)row[0].number);
		else
			value_copy(&row[0], next, sizeof(next));
		ocppd_json_add_str(body, "next", next);
	}
	ocppd_request_reply(work->ctx->host, work->request, 200, body);
	work_end(work);
}

static void
on_list(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	(void)host;
	if (result < 0)
		work_fail(arg, result, err);
	else
		answer_list(arg, rows, job_json);
}

static void
on_list_stored(void *arg)
{
	struct work *work = arg;
	const char *station_id = ocppd_request_query(work->request, "stationId");
	int64_t active = ocppd_request_query_int(work->request, "active", NONE);
	int64_t rollout = ocppd_request_query_int(work->request, "rolloutId", NONE);
	const struct ocppd_value values[] = {
		ocppd_value_int(work->id),
		ocppd_value_int(work->limit + 1),
		ocppd_value_int(work->kind),
		ocppd_value_str(station_id),
		ocppd_value_str(ocppd_request_query(work->request, "state")),
		active == NONE ? ocppd_value_null() : ocppd_value_int(active),
		rollout == NONE ? ocppd_value_null() : ocppd_value_int(rollout),
	};
	uint32_t statement = STATEMENT_JOB_LIST;

	if (station_id != NULL)
		statement = STATEMENT_JOB_LIST_STATION;
	else if (rollout != NONE)
		statement = STATEMENT_JOB_LIST_ROLLOUT;
	work_query(work, statement, values, sizeof(values) / sizeof(values[0]), on_list);
}

/* A page before the number that `after` names. */
static struct work *
work_of_list(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind)
{
	const char *after = ocppd_request_query(request, "after");
	int64_t before = INT64_MAX;
	struct work *work;

	if (after != NULL && !parse_id(after, &before)) {
		ocppd_request_problem(ctx->host, request, 400, "bad-cursor",
				      "`after` is not a cursor that a list gave");
		return NULL;
	}
	work = work_new(ctx, request, kind);
	if (work == NULL)
		return NULL;
	work->id = before;
	work->limit = ocppd_request_query_int(request, "limit", LIST_DEFAULT);
	return work;
}

static void
list(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind)
{
	struct work *work = work_of_list(ctx, request, kind);

	if (work != NULL && store_wait(ctx, on_list_stored, work) < 0)
		work_fail(work, OCPPD_ENOMEM, NULL);
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

	json_add_value(object, "stationId", &row[1]);
	ocppd_json_add_str(
		object, "kind",
		kind_words[row[2].number == KIND_FIRMWARE ? KIND_FIRMWARE : KIND_DIAGNOSTICS]);
	ocppd_json_add_time(object, "time", row[3].number);
	json_add_value(object, "status", &row[4]);
	return object;
}

static void
on_unasked_list(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
		const struct ocppd_error *err, void *arg)
{
	(void)host;
	if (result < 0)
		work_fail(arg, result, err);
	else
		answer_list(arg, rows, unasked_json);
}

static void
on_unasked_stored(void *arg)
{
	struct work *work = arg;
	const struct ocppd_value values[] = {
		ocppd_value_int(work->id),
		ocppd_value_int(work->limit + 1),
		ocppd_value_str(ocppd_request_query(work->request, "stationId")),
	};

	work_query(work, STATEMENT_UNASKED_LIST, values, 3, on_unasked_list);
}

void
routes_unasked(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_list(ctx, request, KIND_FIRMWARE);

	(void)host;
	if (work != NULL && store_wait(ctx, on_unasked_stored, work) < 0)
		work_fail(work, OCPPD_ENOMEM, NULL);
}

static struct json_object *
version_json(const struct ocppd_value *row)
{
	struct json_object *object = json_object_new_object();

	json_add_value(object, "stationId", &row[0]);
	json_add_value(object, "firmwareVersion", &row[1]);
	ocppd_json_add_time(object, "since", row[2].number);
	json_add_value(object, "previousVersion", &row[3]);
	return object;
}

static void
on_version_list(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
		const struct ocppd_error *err, void *arg)
{
	(void)host;
	if (result < 0)
		work_fail(arg, result, err);
	else
		answer_list(arg, rows, version_json);
}

static void
on_versions_stored(void *arg)
{
	struct work *work = arg;
	const char *after = ocppd_request_query(work->request, "after");
	const struct ocppd_value values[] = {
		ocppd_value_str(after == NULL ? "" : after),
		ocppd_value_int(work->limit + 1),
		ocppd_value_str(ocppd_request_query(work->request, "firmwareVersion")),
		ocppd_value_str(ocppd_request_query(work->request, "stationId")),
	};

	work_query(work, STATEMENT_VERSION_LIST, values, 4, on_version_list);
}

void
routes_versions(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct work *work = work_new(arg, request, KIND_FIRMWARE);

	(void)host;
	if (work == NULL)
		return;
	work->limit = ocppd_request_query_int(request, "limit", LIST_DEFAULT);
	if (store_wait(arg, on_versions_stored, work) < 0)
		work_fail(work, OCPPD_ENOMEM, NULL);
}
