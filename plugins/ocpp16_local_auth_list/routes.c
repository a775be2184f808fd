/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator's view: what a station should have, what it acknowledged, and which stations are out
 * of step.
 */
#include "local_list.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT 100

static const char *
state_word(const struct list_slot *slot, const struct record *record, const struct wanted *wanted)
{
	if (slot->job != NULL && slot->job->kind == JOB_SYNC)
		return "Synchronising";
	if (!slot->is_full_wanted && wanted_is_known(record, wanted))
		return "InStep";
	if (record->outcome == OUTCOME_UNSUPPORTED)
		return "NotSupported";
	if (record->outcome == OUTCOME_REFUSED)
		return "Failed";
	return record->version == 0 ? "NeverSent" : "OutOfStep";
}

struct json_object *
list_json(const struct lists *ctx, struct ocppd_station *station, const struct record *record,
	  const struct wanted *wanted)
{
	struct list_slot *slot = ocppd_station_slot(ctx->host, station, ctx->slot);
	struct json_object *body = json_object_new_object();

	ocppd_json_add_str(body, "stationId", ocppd_station_id(station));
	ocppd_json_add_str(body, "state", state_word(slot, record, wanted));
	ocppd_json_add_int(body, "version", record->version);
	ocppd_json_add_int(body, "entries", record->entries);
	ocppd_json_add_int(body, "wantedEntries", wanted->entries);
	ocppd_json_add_int(body, "leftOut", wanted->left_out);
	ocppd_json_add_int(body, "unsuitableTags", ctx->too_long);
	if (record->reported != REPORTED_NEVER)
		ocppd_json_add_int(body, "reportedVersion", record->reported);
	if (record->acknowledged_us != 0)
		ocppd_json_add_time(body, "acknowledgedAt", record->acknowledged_us);
	if (record->attempted_us != 0)
		ocppd_json_add_time(body, "attemptedAt", record->attempted_us);
	if (record->text[0] != '\0')
		ocppd_json_add_str(body, "problem", record->text);
	return body;
}

static void
fail(struct job *job, int result, const struct ocppd_error *err)
{
	struct ocppd_request *request = job->request;

	job->request = NULL;
	ocppd_request_fail(job->ctx->host, request, result, err);
	job_free(job);
}

static void
reply(struct job *job, struct json_object *body)
{
	struct ocppd_request *request = job->request;

	job->request = NULL;
	ocppd_request_reply(job->ctx->host, request, 200, body);
	job_free(job);
}

/* Not one that was deleted, and that the core remembers. */
static bool
is_there(const struct lists *ctx, struct ocppd_station *station)
{
	return ocppd_station_is_connected(station) != 0 || ctx->stations->is_known == NULL ||
	       ctx->stations->is_known(ctx->stations_self, ctx->host, ocppd_station_id(station)) >
		       0;
}

/* The station of the path. NULL: the request was answered. */
static struct ocppd_station *
station_of(const struct lists *ctx, struct ocppd_request *request)
{
	struct ocppd_station *station =
		ocppd_station_find(ctx->host, ocppd_request_param(request, "stationId"));

	if (station != NULL && is_there(ctx, station))
		return station;
	ocppd_request_problem(ctx->host, request, 404, "unknown-station",
			      "There is no such station");
	return NULL;
}

/* ---- One ---------------------------------------------------------------------------------------
 */

static struct json_object *
entries_json(const struct entry_list *list)
{
	struct json_object *items = json_object_new_array();

	for (uint32_t i = 0; i < list->count; i++) {
		const struct entry *entry = &list->items[i];
		struct json_object *item = json_object_new_object();

		ocppd_json_add_str(item, "idTag", entry->tag);
		if (entry->status >= OCPPD_AUTH_ACCEPTED && entry->status <= OCPPD_AUTH_CONCURRENT)
			ocppd_json_add_str(item, "status", auth_words[entry->status - 1]);
		if (entry->has_expiry)
			ocppd_json_add_time(item, "expiryDate", entry->expiry_us);
		if (entry->parent[0] != '\0')
			ocppd_json_add_str(item, "parentIdTag", entry->parent);
		json_object_array_add(items, item);
	}
	return items;
}

static void
add_difference(struct json_object *body, const struct entry_list *changes)
{
	uint32_t removals = 0;

	for (uint32_t i = 0; i < changes->count; i++)
		removals += changes->items[i].is_removal ? 1 : 0;
	ocppd_json_add_int(body, "toSet", changes->count - removals);
	ocppd_json_add_int(body, "toRemove", removals);
}

static void
view(struct job *job)
{
	struct entry_list changes = { 0 };
	struct json_object *body;
	int r = job->is_broken ? OCPPD_EIO : wanted_build(job);

	if (r >= 0)
		r = list_difference(&job->acknowledged, &job->wanted, &changes);
	if (r < 0) {
		fail(job, r, NULL);
		return;
	}
	body = list_json(job->ctx, job->station, &job->record, &job->summary);
	ocppd_json_add_int(body, "maxEntries", job->max_entries);
	ocppd_json_add_int(body, "maxEntriesInMessage", job->per_message);
	add_difference(body, &changes);
	if (ocppd_request_query_int(job->request, "entries", 0) != 0) {
		ocppd_json_add(body, "wanted", entries_json(&job->wanted));
		ocppd_json_add(body, "acknowledged", entries_json(&job->acknowledged));
	}
	list_free(&changes);
	reply(job, body);
}

static void
view_loaded(struct job *job)
{
	if (job->is_broken)
		fail(job, OCPPD_EIO, NULL);
	else
		wanted_need(job, view);
}

void
view_run(struct job *job)
{
	int r = store_load(job, view_loaded);

	if (r < 0)
		fail(job, r, NULL);
}

/* Takes the request. */
static void
begin(struct job *job, struct ocppd_request *request)
{
	int r;

	job->request = request;
	r = job_begin(job);
	if (r < 0)
		fail(job, r, NULL);
}

void
routes_get(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct ocppd_station *station = station_of(arg, request);
	struct job *job;

	if (station == NULL)
		return;
	job = job_new(arg, station, JOB_VIEW);
	if (job == NULL)
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
	else
		begin(job, request);
}

void
routes_sync(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct lists *ctx = arg;
	struct ocppd_station *station = station_of(arg, request);
	struct list_slot *slot;
	struct job *job;

	if (station == NULL)
		return;
	slot = lists_slot(ctx, station);
	if (ocppd_station_is_connected(station) == 0) {
		ocppd_request_problem(host, request, 409, "not-connected",
				      "station %.60s is not connected", ocppd_station_id(station));
		return;
	}
	if (slot->job != NULL && slot->job->kind == JOB_SYNC && !slot->job->is_automatic) {
		ocppd_request_problem(host, request, 409, "synchronising",
				      "the list of station %.60s is being synchronised already",
				      ocppd_station_id(station));
		return;
	}
	job = job_new(ctx, station, JOB_SYNC);
	if (job == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	job->is_check = true;
	job->is_forced = ocppd_json_get_bool(ocppd_request_body(request), "full", 0) != 0;
	begin(job, request);
}

/* ---- All ---------------------------------------------------------------------------------------
 */

struct id_page {
	const struct lists *ctx;
	const char *after;
	const char **ids; /* sorted when whole */
	size_t count;
	size_t size;
};

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
collect(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	struct id_page *page = arg;
	const char *station_id = ocppd_station_id(station);

	(void)host;
	if (strcmp(station_id, page->after) <= 0 || !is_there(page->ctx, station))
		return 0;
	if (page->count == page->size) {
		size_t size = page->size == 0 ? 256 : page->size * 2;
		const char **ids = reallocarray(page->ids, size, sizeof(*ids));

		if (ids == NULL)
			return OCPPD_ENOMEM;
		page->ids = ids;
		page->size = size;
	}
	page->ids[page->count++] = station_id;
	return 0;
}

/* The row of a station; both are in order, *at goes along. */
static struct record
record_of(const struct ocppd_rows *rows, const char *station_id, uint32_t *at)
{
	struct record record = { .reported = REPORTED_NEVER };

	for (; *at < rows->count; (*at)++) {
		const struct ocppd_value *row = rows->values + (size_t)*at * rows->columns;
		int order = strncmp(row[0].data, station_id, row[0].len);

		if (order == 0 && station_id[row[0].len] != '\0')
			order = -1;
		if (order > 0)
			break;
		if (order == 0) {
			store_read_record(row, &record);
			break;
		}
	}
	return record;
}

static bool
is_shown(const struct job *job, const struct list_slot *slot, const struct record *record,
	 const struct wanted *wanted)
{
	if (ocppd_request_query_int(job->request, "all", 0) != 0)
		return true;
	/* Nothing to have, and nothing there. */
	if (record->version == 0 && wanted->entries == 0)
		return false;
	return slot->is_full_wanted || !wanted_is_known(record, wanted);
}

static struct json_object *
page_json(const struct job *job, const struct id_page *page, size_t limit,
	  const struct ocppd_rows *rows)
{
	const struct lists *ctx = job->ctx;
	struct json_object *body = json_object_new_object();
	struct json_object *items = json_object_new_array();
	size_t count = page->count < limit ? page->count : limit;
	uint32_t at = 0;

	for (size_t i = 0; i < count; i++) {
		struct ocppd_station *station = ocppd_station_find(ctx->host, page->ids[i]);
		struct record record = record_of(rows, page->ids[i], &at);
		const struct list_slot *slot = lists_slot(job->ctx, station);
		struct wanted wanted;
		struct json_object *item;

		wanted_sum(ctx, station,
			   record.exists ? (uint32_t)record.max_entries
					 : (uint32_t)ctx->conf->list_entries,
			   &wanted);
		if (!is_shown(job, slot, &record, &wanted))
			continue;
		item = list_json(ctx, station, &record, &wanted);
		ocppd_json_add_bool(item, "connected", ocppd_station_is_connected(station));
		json_object_array_add(items, item);
	}
	ocppd_json_add(body, "items", items);
	if (count > 0 && count < page->count)
		ocppd_json_add_str(body, "next", page->ids[count - 1]);
	return body;
}

static int
read_page(const struct job *job, struct id_page *ret_page)
{
	const char *after = ocppd_request_query(job->request, "after");
	struct id_page page = { .ctx = job->ctx, .after = after == NULL ? "" : after };
	int r = ocppd_station_each(job->ctx->host, collect, &page);

	if (r < 0) {
		free(page.ids);
		return r;
	}
	if (page.count > 1)
		qsort(page.ids, page.count, sizeof(*page.ids), compare_ids);
	*ret_page = page;
	return 0;
}

static void
on_range(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct job *job = arg;
	struct lists *ctx = job->ctx;
	struct id_page page = { 0 };
	int r = result;

	(void)host;
	if (job->request == NULL) {
		job_free(job);
	} else {
		if (r >= 0)
			r = read_page(job, &page);
		if (r < 0)
			fail(job, r, err);
		else
			reply(job, page_json(job, &page,
					     (size_t)ocppd_request_query_int(job->request, "limit",
									     LIST_DEFAULT),
					     rows));
		free(page.ids);
	}
	lists_done(ctx);
}

/* The tags are there: now what is stored of the page's stations. */
static void
list_range(struct job *job)
{
	struct lists *ctx = job->ctx;
	size_t limit = (size_t)ocppd_request_query_int(job->request, "limit", LIST_DEFAULT);
	struct id_page page = { 0 };
	struct ocppd_value range[2];
	int r = job->is_broken ? OCPPD_EIO : read_page(job, &page);

	if (r >= 0) {
		size_t last = page.count < limit ? page.count : limit;

		range[0] = ocppd_value_str(page.after);
		range[1] = ocppd_value_str(last == 0 ? "" : page.ids[last - 1]);
		r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_RANGE, range, 2,
					100000, on_range, job);
	}
	free(page.ids);
	if (r < 0)
		fail(job, r, NULL);
	else
		ctx->outstanding++;
}

void
routes_list(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct job *job = job_new(arg, NULL, JOB_VIEW);

	if (job == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	job->request = request;
	wanted_need_tags(job, list_range);
}
