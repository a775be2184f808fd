/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator's view of stations: lists in pages, single ones, their configuration keys.
 */
#include "stations.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "walk.h"

#define SLICE 10 /* records that are made into JSON in one go */

/* ---- Stations ---------------------------------------------------------------------------------
 */

struct page {
	struct ocppd_work base;
	struct walk walk;
	struct json_object *items;
	char last[ID_SIZE]; /* of the items */
};

static void
page_fini(void *arg)
{
	struct page *page = arg;

	walk_fini(&page->walk);
	json_object_put(page->items);
}

static struct page *
page_new(struct stations *ctx, struct ocppd_request *request, walk_fn *fn)
{
	struct page *page = ocppd_work_new(&ctx->works, request, sizeof(*page));

	if (page == NULL)
		return NULL;
	page->base.fini = page_fini;
	page->base.unknown = "unknown-station";
	page->base.unknown_text = "There is no such station";
	page->walk.ctx = ctx;
	page->walk.fn = fn;
	page->walk.arg = page;
	page->walk.depth = WALK_ALL;
	return page;
}

/* The next records: a few, where each becomes an item. */
static void
list_read(struct page *page)
{
	int64_t left = page->base.limit - (int64_t)json_object_array_length(page->items);
	uint32_t plain = left < SLICE ? (uint32_t)left : SLICE;
	int r = walk_next(&page->walk, page->walk.is_filtered ? WALK_SLICE_MAX : plain);

	if (r < 0)
		ocppd_work_fail(&page->base, r, NULL);
}

static void
list_answer(struct page *page, bool has_more)
{
	struct json_object *body = json_object_new_object();

	ocppd_json_add(body, "items", json_object_get(page->items));
	if (has_more)
		ocppd_json_add_str(body, "next", page->last);
	ocppd_work_reply(&page->base, 200, body);
}

static void
on_list(struct walk *walk, int result, const struct ocppd_error *err)
{
	struct page *page = walk->arg;
	size_t wanted = (size_t)page->base.limit;

	if (result < 0) {
		ocppd_work_fail(&page->base, result, err);
		return;
	}
	for (uint32_t i = 0; i < walk->count; i++) {
		if (json_object_array_length(page->items) == wanted) {
			list_answer(page, true);
			return;
		}
		json_object_array_add(page->items, walk->objects[i]);
		walk->objects[i] = NULL;
		snprintf(page->last, sizeof(page->last), "%s", walk->records[i]->station_id);
	}
	if (walk->has_more && json_object_array_length(page->items) < wanted)
		list_read(page);
	else
		list_answer(page, walk->has_more);
}

void
routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct page *page = page_new(ctx, request, on_list);
	const char *after = ocppd_request_query(request, "after");

	(void)host;
	if (page == NULL)
		return;
	snprintf(page->walk.after, sizeof(page->walk.after), "%s", after == NULL ? "" : after);
	page->items = json_object_new_array();
	if (page->items == NULL || filter_init(&page->walk.filter, request) < 0) {
		ocppd_work_fail(&page->base, OCPPD_ENOMEM, NULL);
		return;
	}
	page->walk.is_filtered = !filter_is_empty(&page->walk.filter);
	list_read(page);
}

static void
on_single(struct walk *walk, int result, const struct ocppd_error *err)
{
	struct page *page = walk->arg;
	struct json_object *object;

	if (result < 0) {
		ocppd_work_fail(&page->base, result, err);
		return;
	}
	object = walk->objects[0];
	walk->objects[0] = NULL;
	ocppd_work_reply(&page->base, 200, object);
}

static void
single_read(struct page *page, struct record *record)
{
	int r = record == NULL ? OCPPD_ENOMEM : walk_one(&page->walk, record);

	if (r < 0)
		ocppd_work_fail(&page->base, r, NULL);
}

static void
on_record(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	  const struct ocppd_error *err, void *arg)
{
	struct page *page = arg;
	const struct ocppd_value *row = ocppd_work_row(&page->base, result, rows, err);

	(void)host;
	if (row != NULL)
		single_read(page, record_from_row(row));
}

void
routes_get(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct stations *ctx = arg;
	const char *station_id = ocppd_request_param(request, "stationId");
	const struct ocppd_value id = ocppd_value_str(station_id);
	const struct record *fixed = fixed_find(ctx, station_id);
	struct page *page = page_new(ctx, request, on_single);

	(void)host;
	if (page == NULL)
		return;
	if (fixed == NULL)
		ocppd_work_query(&page->base, STATEMENT_FIND, &id, 1, on_record);
	else
		single_read(page, record_dup(fixed));
}

/* ---- Configuration keys ------------------------------------------------------------------------
 */

static void
on_keys(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct ocppd_work *work = arg;
	struct json_object *body;
	struct json_object *known;
	struct json_object *unknown;

	(void)host;
	if (result < 0) {
		ocppd_work_fail(work, result, err);
		return;
	}
	body = json_object_new_object();
	known = json_object_new_array();
	unknown = json_object_new_array();
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;
		struct json_object *item;

		if (row[3].number != 0) {
			json_object_array_add(
				unknown, json_object_new_string_len(row[0].data, (int)row[0].len));
			continue;
		}
		item = json_object_new_object();
		ocppd_json_add_value(item, "key", &row[0]);
		ocppd_json_add_value(item, "value", &row[1]);
		ocppd_json_add_bool(item, "readonly", row[2].number != 0);
		ocppd_json_add_time_value(item, "readAt", &row[4]);
		json_object_array_add(known, item);
	}
	ocppd_json_add(body, "configurationKey", known);
	ocppd_json_add(body, "unknownKey", unknown);
	ocppd_work_reply(work, 200, body);
}

static void
read_keys(struct stations *ctx, void *arg)
{
	struct ocppd_request *request = arg;
	const struct ocppd_value id = ocppd_value_str(ocppd_request_param(request, "stationId"));
	struct ocppd_work *work = ocppd_work_new(&ctx->works, request, sizeof(*work));

	if (work == NULL)
		return;
	work->limit = KEYS_MAX - 1;
	ocppd_work_query(work, STATEMENT_KEYS, &id, 1, on_keys);
}

void
routes_keys(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct stations *ctx = arg;
	struct ocppd_station *station =
		ocppd_station_find(host, ocppd_request_param(request, "stationId"));

	if (station == NULL || !stations_slot(ctx, station)->is_known) {
		ocppd_request_problem(host, request, 404, "unknown-station",
				      "There is no such station");
		return;
	}
	if (keys_await(ctx, station, read_keys, request) < 0)
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
}
