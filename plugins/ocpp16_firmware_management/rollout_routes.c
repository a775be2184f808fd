/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator API of rollouts. A POST finds out which stations, writes the rollout and its jobs, a
 * bounded number at a time, and is answered when all of them are on disk; only then the first is
 * sent. What breaks off in between sends nothing.
 */
#include "firmware.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT 100
#define WRITES_MAX 64
#define PARALLEL_DEFAULT 5
#define FAILURES_DEFAULT 3
#define STATES_MAX STATE_COUNT

struct work {
	struct firmware *ctx;
	struct ocppd_request *request;
	struct json_object *body;
	int64_t id;
	int64_t limit;
	uint32_t status;
	/* of a POST */
	struct wish wish; /* its texts are the body's, or stand here */
	char expected[VERSION_SIZE];
	struct json_object *ids;
	struct rollout *rollout;
	size_t next;
	uint32_t writes;
	int result;
};

static struct work *
work_new(struct firmware *ctx, struct ocppd_request *request)
{
	struct work *work = calloc(1, sizeof(*work));

	if (work == NULL) {
		ocppd_request_fail(ctx->host, request, OCPPD_ENOMEM, NULL);
		return NULL;
	}
	work->ctx = ctx;
	work->request = request;
	work->status = 200;
	ctx->outstanding++;
	return work;
}

static void
work_end(struct work *work)
{
	struct firmware *ctx = work->ctx;

	json_object_put(work->body);
	json_object_put(work->ids);
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
work_problem(struct work *work, uint32_t status, const char *kind, const char *text)
{
	ocppd_request_problem(work->ctx->host, work->request, status, kind, "%s", text);
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
on_counts(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	  const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct json_object *counts;
	char state[32];

	if (result < 0) {
		work_fail(work, result, err);
		return;
	}
	counts = json_object_new_object();
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;

		value_copy(&row[0], state, sizeof(state));
		ocppd_json_add_int(counts, state, row[1].number);
	}
	ocppd_json_add(work->body, "jobs", counts);
	ocppd_request_reply(host, work->request, work->status, json_object_get(work->body));
	work_end(work);
}

static void
on_found(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	const struct ocppd_value id = ocppd_value_int(work->id);

	(void)host;
	if (result < 0) {
		work_fail(work, result, err);
		return;
	}
	if (rows->count == 0) {
		work_problem(work, 404, "unknown-rollout", "There is no such rollout");
		return;
	}
	work->body = rollout_json(rows->values);
	work->limit = STATES_MAX;
	work_query(work, STATEMENT_ROLLOUT_COUNTS, &id, 1, on_counts);
}

static void
read_stored(void *arg)
{
	struct work *work = arg;
	const struct ocppd_value id = ocppd_value_int(work->id);

	work_query(work, STATEMENT_ROLLOUT_FIND, &id, 1, on_found);
}

static void
read_one(struct work *work)
{
	if (store_wait(work->ctx, read_stored, work) < 0)
		work_fail(work, OCPPD_ENOMEM, NULL);
}

static struct work *
work_of_path(struct firmware *ctx, struct ocppd_request *request)
{
	struct work *work = work_new(ctx, request);

	if (work == NULL || parse_id(ocppd_request_param(request, "rolloutId"), &work->id))
		return work;
	work_problem(work, 404, "unknown-rollout", "There is no such rollout");
	return NULL;
}

void
routes_rollout_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_path(ctx, request);

	(void)host;
	if (work != NULL)
		read_one(work);
}

static void
on_not_running(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	       const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;

	(void)host;
	if (result < 0)
		work_fail(work, result, err);
	else if (rows->count == 0)
		work_problem(work, 404, "unknown-rollout", "There is no such rollout");
	else
		work_problem(work, 409, "rollout-over", "The rollout is over, or still being made");
}

void
routes_rollout_delete(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct firmware *ctx = arg;
	struct work *work = work_of_path(ctx, request);
	struct ocppd_value id;
	struct rollout *rollout;
	char by[128];

	(void)host;
	if (work == NULL)
		return;
	rollout = rollout_find(ctx, work->id);
	if (rollout == NULL || rollout->is_making) {
		id = ocppd_value_int(work->id);
		work_query(work, STATEMENT_ROLLOUT_FIND, &id, 1, on_not_running);
		return;
	}
	snprintf(by, sizeof(by), "by %.*s", text_fit(ocppd_request_user(request), 100),
		 ocppd_request_user(request));
	rollout_end(rollout, "Cancelled", by);
	read_one(work);
}

/* ---- Many -------------------------------------------------------------------------------------
 */

static void
on_list(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct json_object *body;
	struct json_object *items;
	const struct ocppd_value *row = NULL;
	char next[24];

	if (result < 0) {
		work_fail(work, result, err);
		return;
	}
	body = json_object_new_object();
	items = json_object_new_array();
	for (uint32_t i = 0; i < rows->count && i < work->limit; i++) {
		row = rows->values + (size_t)i * rows->columns;
		json_object_array_add(items, rollout_json(row));
	}
	ocppd_json_add(body, "items", items);
	if (row != NULL && rows->count > work->limit) {
		snprintf(next, sizeof(next), "%lld", (long long)row[R_ID].number);
		ocppd_json_add_str(body, "next", next);
	}
	ocppd_request_reply(host, work->request, 200, body);
	work_end(work);
}

static void
on_list_stored(void *arg)
{
	struct work *work = arg;
	const struct ocppd_value values[] = { ocppd_value_int(work->id),
					      ocppd_value_int(work->limit + 1) };

	work_query(work, STATEMENT_ROLLOUT_LIST, values, 2, on_list);
}

void
routes_rollout_list(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	const char *after = ocppd_request_query(request, "after");
	int64_t before = INT64_MAX;
	struct work *work;

	if (after != NULL && !parse_id(after, &before)) {
		ocppd_request_problem(host, request, 400, "bad-cursor",
				      "`after` is not a cursor that a list gave");
		return;
	}
	work = work_new(arg, request);
	if (work == NULL)
		return;
	work->id = before;
	work->limit = ocppd_request_query_int(request, "limit", LIST_DEFAULT);
	if (store_wait(arg, on_list_stored, work) < 0)
		work_fail(work, OCPPD_ENOMEM, NULL);
}

/* ---- Making -----------------------------------------------------------------------------------
 */

static void make_more(struct work *work);

static void
all_made(struct work *work)
{
	struct rollout *rollout = work->rollout;

	rollout->is_making = false;
	if (work->result < 0) {
		rollout_end(rollout, "Cancelled", "its jobs could not be stored");
		work_fail(work, work->result, NULL);
		return;
	}
	rollout_run(rollout);
	work->status = 202;
	read_one(work);
}

static void
on_job_added(struct firmware *ctx, int result, struct job *job, void *arg)
{
	struct work *work = arg;

	work->writes--;
	if (result < 0) {
		work->result = result;
	} else {
		job_enter(job);
		job_replace_waiting(job);
		rollout_loaded(work->rollout, job);
		job_arm(job);
	}
	job_release(job);
	if (ctx->is_stopping && work->result >= 0)
		work->result = OCPPD_ESHUTDOWN;
	make_more(work);
}

static int
make_one(struct work *work, const char *station_id)
{
	struct firmware *ctx = work->ctx;
	struct ocppd_station *station = ocppd_station_get(ctx->host, station_id);
	struct job *job = station == NULL ? NULL
					  : wish_job(ctx, station, KIND_FIRMWARE, &work->wish,
						     ocppd_request_user(work->request));
	int r;

	if (job == NULL)
		return OCPPD_ENOMEM;
	job->rollout_id = work->rollout->id;
	r = store_add(job, on_job_added, work);
	if (r >= 0)
		work->writes++;
	else
		job_release(job);
	return r;
}

static void
make_more(struct work *work)
{
	size_t count = json_object_array_length(work->ids);

	while (work->result >= 0 && work->next < count && work->writes < WRITES_MAX) {
		int r = make_one(work, json_object_get_string(
					       json_object_array_get_idx(work->ids, work->next)));

		/* Storage is busy with those before: on with it when they are written. */
		if (r == OCPPD_EBUSY && work->writes > 0)
			return;
		if (r < 0)
			work->result = r;
		else
			work->next++;
	}
	if (work->writes == 0)
		all_made(work);
}

static void
on_rollout_added(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
		 const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct firmware *ctx = work->ctx;
	struct json_object *body = ocppd_request_body(work->request);

	(void)host;
	if (result >= 0 && count > 0 && rows[0].count > 0) {
		work->id = rows[0].values[0].number;
		work->rollout = rollout_new(ctx, work->id);
	}
	if (work->rollout == NULL) {
		work_fail(work, result < 0 ? result : OCPPD_ENOMEM, err);
	} else {
		work->rollout->is_making = true;
		work->rollout->total = (int64_t)json_object_array_length(work->ids);
		work->rollout->parallel = ocppd_json_get_int(body, "parallel", PARALLEL_DEFAULT);
		work->rollout->max_failures =
			ocppd_json_get_int(body, "maxFailures", FAILURES_DEFAULT);
		make_more(work);
	}
	store_ended(ctx, result, err);
}

static void
add_rollout(struct work *work)
{
	struct firmware *ctx = work->ctx;
	struct json_object *body = ocppd_request_body(work->request);
	const struct wish *wish = &work->wish;
	int64_t now_us = ocppd_now_us(ctx->host);
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_request_user(work->request)),
		ocppd_value_str(wish->image),
		ocppd_value_str(wish->location),
		text_or_null(wish->expected),
		ocppd_value_int(wish->retrieve_us),
		ocppd_value_int(ocppd_json_get_int(body, "parallel", PARALLEL_DEFAULT)),
		ocppd_value_int(ocppd_json_get_int(body, "maxFailures", FAILURES_DEFAULT)),
		ocppd_value_int((int64_t)json_object_array_length(work->ids)),
		ocppd_value_int(now_us),
		ocppd_value_int(now_us + wish->expires_s * SECOND_US),
	};
	struct ocppd_unit *unit = NULL;
	int r = store_begin(ctx, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_ROLLOUT_ADD, values,
					   sizeof(values) / sizeof(values[0]), 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		work_fail(work, r, NULL);
		return;
	}
	store_commit(ctx, unit, on_rollout_added, work);
}

/* Each once, in their order, and each known. False: answered. */
static bool
take_ids(struct work *work, struct json_object *ids)
{
	struct firmware *ctx = work->ctx;
	struct json_object *seen = json_object_new_object();
	char text[STATION_SIZE + 40];
	bool is_good = true;

	work->ids = json_object_new_array();
	for (size_t i = 0; is_good && i < json_object_array_length(ids); i++) {
		const char *id = json_object_get_string(json_object_array_get_idx(ids, i));

		if (ocppd_json_get(seen, id) != NULL)
			continue;
		is_good = ocppd_station_find(ctx->host, id) != NULL ||
			  (ctx->stations != NULL &&
			   ctx->stations->is_known(ctx->stations_self, ctx->host, id) > 0);
		if (!is_good)
			snprintf(text, sizeof(text), "There is no station %s", id);
		ocppd_json_add_bool(seen, id, 1);
		json_object_array_add(work->ids, json_object_new_string(id));
	}
	json_object_put(seen);
	if (!is_good)
		work_problem(work, 404, "unknown-station", text);
	return is_good;
}

static void
on_selected(uint32_t status, const char *kind, const char *text, struct json_object *ids, void *arg)
{
	struct work *work = arg;

	if (status != 0)
		work_problem(work, status, kind, text);
	else if (json_object_array_length(ids) == 0)
		work_problem(work, 404, "unknown-station", "No station fits");
	else if (take_ids(work, ids))
		add_rollout(work);
}

void
routes_rollout_post(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct firmware *ctx = arg;
	struct json_object *body = ocppd_request_body(request);
	struct json_object *stations = ocppd_json_get(body, "stations");
	struct json_object *select = ocppd_json_get(body, "select");
	struct work *work;
	struct wish wish;

	if ((stations == NULL) == (select == NULL)) {
		ocppd_request_problem(host, request, 400, "invalid-body",
				      "give either stations or select; select all takes every one");
		return;
	}
	if (ctx->rollout_count >= (uint64_t)ctx->conf->rollouts) {
		ocppd_request_problem(host, request, 503, "too-many-rollouts",
				      "%u rollouts go on already", ctx->rollout_count);
		return;
	}
	if (stations != NULL &&
	    (int64_t)json_object_array_length(stations) > ctx->conf->rollout_stations) {
		ocppd_request_problem(host, request, 413, "too-many-stations",
				      "more stations than rollout_stations allows");
		return;
	}
	if (!wish_read(ctx, request, KIND_FIRMWARE, &wish))
		return;
	work = work_new(ctx, request);
	if (work == NULL)
		return;
	work->wish = wish;
	text_copy(work->expected, sizeof(work->expected), wish.expected);
	work->wish.expected = work->expected;
	if (stations != NULL)
		on_selected(0, NULL, NULL, stations, work);
	else
		select_stations(ctx, request, select, on_selected, work);
}
