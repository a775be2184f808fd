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

#define WRITES_MAX 64
#define PARALLEL_DEFAULT 5
#define FAILURES_DEFAULT 3
#define STATES_MAX STATE_COUNT

struct work {
	struct ocppd_work base;
	struct json_object *body;
	int64_t id;
	uint32_t status;
	/* of a POST */
	struct wish wish; /* its texts are the body's, or stand here */
	char expected[VERSION_SIZE];
	struct ocppd_selection *selection;
	struct json_object *selected;
	struct json_object *ids;
	struct rollout *rollout;
	size_t next;
	uint32_t writes;
	int result;
};

static void
work_fini(void *arg)
{
	struct work *work = arg;

	json_object_put(work->body);
	json_object_put(work->selected);
	json_object_put(work->ids);
}

static struct work *
work_new(struct firmware *ctx, struct ocppd_request *request)
{
	struct work *work = ocppd_work_new(&ctx->works, request, sizeof(*work));

	if (work == NULL)
		return NULL;
	work->base.fini = work_fini;
	work->base.unknown = "unknown-rollout";
	work->base.unknown_text = "There is no such rollout";
	work->status = 200;
	return work;
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

	(void)host;
	if (result < 0) {
		ocppd_work_fail(&work->base, result, err);
		return;
	}
	counts = json_object_new_object();
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;

		(void)ocppd_value_copy(&row[0], state, sizeof(state));
		ocppd_json_add_int(counts, state, row[1].number);
	}
	ocppd_json_add(work->body, "jobs", counts);
	ocppd_work_reply(&work->base, work->status, json_object_get(work->body));
}

static void
on_found(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	const struct ocppd_value id = ocppd_value_int(work->id);
	const struct ocppd_value *row = ocppd_work_row(&work->base, result, rows, err);

	(void)host;
	if (row == NULL)
		return;
	work->body = rollout_json(row);
	work->base.limit = STATES_MAX;
	ocppd_work_query(&work->base, STATEMENT_ROLLOUT_COUNTS, &id, 1, on_counts);
}

static void
read_stored(void *arg)
{
	struct work *work = arg;
	const struct ocppd_value id = ocppd_value_int(work->id);

	ocppd_work_query(&work->base, STATEMENT_ROLLOUT_FIND, &id, 1, on_found);
}

static void
read_one(struct work *work)
{
	ocppd_work_await(&work->base, read_stored);
}

static struct work *
work_of_path(struct firmware *ctx, struct ocppd_request *request)
{
	struct work *work = work_new(ctx, request);

	return work == NULL || ocppd_work_id(&work->base, "rolloutId", &work->id) < 0 ? NULL : work;
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
	if (ocppd_work_row(&work->base, result, rows, err) != NULL)
		ocppd_work_problem(&work->base, 409, "rollout-over",
				   "The rollout is over, or still being made");
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
		ocppd_work_query(&work->base, STATEMENT_ROLLOUT_FIND, &id, 1, on_not_running);
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
on_list_stored(void *arg)
{
	static const struct ocppd_page page = { sizeof(page), R_ID, .row_json = rollout_json };
	struct work *work = arg;
	const struct ocppd_value values[] = { ocppd_value_int(work->id),
					      ocppd_value_int(work->base.limit + 1) };

	ocppd_work_list(&work->base, STATEMENT_ROLLOUT_LIST, values, 2, &page);
}

void
routes_rollout_list(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct work *work = work_new(arg, request);

	(void)host;
	if (work != NULL && ocppd_work_after(&work->base, &work->id) >= 0)
		ocppd_work_await(&work->base, on_list_stored);
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
		ocppd_work_fail(&work->base, work->result, NULL);
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
	struct firmware *ctx = work->base.ctx;
	struct ocppd_station *station = ocppd_station_get(ctx->host, station_id);
	struct job *job = station == NULL ? NULL
					  : wish_job(ctx, station, KIND_FIRMWARE, &work->wish,
						     ocppd_request_user(work->base.request));
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
	struct firmware *ctx = work->base.ctx;
	struct json_object *body = ocppd_request_body(work->base.request);

	(void)host;
	if (result >= 0 && count > 0 && rows[0].count > 0) {
		work->id = rows[0].values[0].number;
		work->rollout = rollout_new(ctx, work->id);
	}
	if (work->rollout == NULL) {
		ocppd_work_fail(&work->base, result < 0 ? result : OCPPD_ENOMEM, err);
	} else {
		work->rollout->is_making = true;
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
	struct firmware *ctx = work->base.ctx;
	struct json_object *body = ocppd_request_body(work->base.request);
	const struct wish *wish = &work->wish;
	int64_t now_us = ocppd_now_us(ctx->host);
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_request_user(work->base.request)),
		ocppd_value_str(wish->image),
		ocppd_value_str(wish->location),
		ocppd_value_text_or_null(wish->expected),
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
		ocppd_work_fail(&work->base, r, NULL);
		return;
	}
	store_commit(ctx, unit, on_rollout_added, work);
}

/* Each once, in their order, and each known. False: answered. */
static bool
take_ids(struct work *work, struct json_object *ids)
{
	struct firmware *ctx = work->base.ctx;
	struct json_object *seen = json_object_new_object();
	char text[STATION_SIZE + 40];
	bool is_good = true;

	work->ids = json_object_new_array();
	for (size_t i = 0; is_good && i < json_object_array_length(ids); i++) {
		const char *id = json_object_get_string(json_object_array_get_idx(ids, i));

		if (ocppd_json_get(seen, id) != NULL)
			continue;
		is_good = routes_station(ctx, id) != NULL;
		if (!is_good)
			snprintf(text, sizeof(text), "There is no station %s", id);
		ocppd_json_add_bool(seen, id, 1);
		json_object_array_add(work->ids, json_object_new_string(id));
	}
	json_object_put(seen);
	if (!is_good)
		ocppd_work_problem(&work->base, 404, "unknown-station", text);
	return is_good;
}

static void
make_for(struct work *work, struct json_object *ids)
{
	if (json_object_array_length(ids) == 0)
		ocppd_work_problem(&work->base, 404, "unknown-station", "No station fits");
	else if (take_ids(work, ids))
		add_rollout(work);
}

/* ---- For whom ---------------------------------------------------------------------------------
 */

static int
add_selected(struct work *work, const char *station_id)
{
	const struct firmware *ctx = work->base.ctx;
	struct json_object *id;

	if ((int64_t)json_object_array_length(work->selected) >= ctx->conf->rollout_stations)
		return OCPPD_ESPACE;
	id = json_object_new_string(station_id);
	if (id != NULL && json_object_array_add(work->selected, id) >= 0)
		return 0;
	json_object_put(id);
	return OCPPD_ENOMEM;
}

static void
on_selected(struct ocppd_host *host, int result, const char *const *station_ids, uint32_t count,
	    void *arg)
{
	struct work *work = arg;
	struct firmware *ctx = work->base.ctx;
	int r = ctx->is_stopping ? OCPPD_ESHUTDOWN : 0;

	(void)host;
	for (uint32_t i = 0; i < count && r >= 0; i++)
		r = add_selected(work, station_ids[i]);
	if (r < 0)
		ctx->stations->select_cancel(ctx->stations_self, work->selection);
	else
		r = result;
	if (r == OCPPD_ESPACE)
		ocppd_work_problem(&work->base, 413, "too-many-stations",
				   "more stations than rollout_stations allows");
	else if (r == OCPPD_ESHUTDOWN)
		ocppd_work_problem(&work->base, 503, "shutting-down", "the module stops");
	else if (r < 0)
		ocppd_work_problem(&work->base, 503, "selection-failed",
				   "the list of stations cannot be had");
	else if (r == 0)
		make_for(work, work->selected);
}

/* Whatever GET /v1/stations says to the same filters. */
static void
find_stations(struct work *work, struct json_object *filters)
{
	struct firmware *ctx = work->base.ctx;
	const struct ocppd_select select = {
		.struct_size = sizeof(select), .filters = filters, .fn = on_selected, .arg = work
	};
	struct ocppd_error err = { 0 };
	char text[sizeof(err.text) + 16];
	int r;

	if (ctx->stations == NULL || ctx->stations->select == NULL) {
		ocppd_work_problem(&work->base, 501, "unsupported",
				   "no loaded module lists stations: name them");
		return;
	}
	work->selected = json_object_new_array();
	r = work->selected == NULL ? OCPPD_ENOMEM
				   : ctx->stations->select(ctx->stations_self, ctx->host, &select,
							   &work->selection, &err);
	snprintf(text, sizeof(text), "select: %s", err.text);
	if (r == OCPPD_EINVAL)
		ocppd_work_problem(&work->base, 400, "invalid-body", text);
	else if (r < 0)
		ocppd_work_fail(&work->base, r, NULL);
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
		make_for(work, stations);
	else
		find_stations(work, select);
}
