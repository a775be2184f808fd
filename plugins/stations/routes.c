/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator's view of stations: a page of records, merged from configuration and database, then
 * the state and the connectors of that page, then what the core knows of connections.
 */
#include "stations.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"

#define LIST_DEFAULT 100
#define SLICE 20           /* records that are made into JSON in one go */
#define SLICE_FILTERED 100 /* looked at in one go where some do not fit */

struct page {
	struct stations *ctx;
	struct ocppd_request *request;
	struct record **records;      /* owned */
	struct json_object **objects; /* one each; owned until they are in the list */
	uint32_t count;
	uint32_t limit;
	uint32_t wanted; /* items in the answer */
	struct filter filter;
	struct json_object *items; /* the answer's, once there are some */
	char last[ID_SIZE];        /* of the answer's last item */
	char end[ID_SIZE];         /* of the last record that was looked at */
	bool is_single;
	bool is_filtered;
	bool has_more;
	char after[ID_SIZE];
};

static void page_read(struct page *page);

static struct page *
page_new(struct stations *ctx, struct ocppd_request *request)
{
	struct page *page = calloc(1, sizeof(*page));

	if (page == NULL) {
		ocppd_request_fail(ctx->host, request, OCPPD_ENOMEM, NULL);
		return NULL;
	}
	page->ctx = ctx;
	page->request = request;
	ctx->outstanding++;
	return page;
}

/* Lets go of the records that are being looked at. */
static void
page_clear(struct page *page)
{
	for (uint32_t i = 0; page->objects != NULL && i < page->count; i++)
		json_object_put(page->objects[i]);
	free(page->objects);
	if (page->records != NULL)
		fixed_free(page->records, page->count);
	page->objects = NULL;
	page->records = NULL;
	page->count = 0;
}

static void
page_end(struct page *page)
{
	struct stations *ctx = page->ctx;

	page_clear(page);
	json_object_put(page->items);
	filter_fini(&page->filter);
	free(page);
	stations_done(ctx);
}

static void
page_fail(struct page *page, int result, const struct ocppd_error *err)
{
	ocppd_request_fail(page->ctx->host, page->request, result, err);
	page_end(page);
}

static void
page_query(struct page *page, uint32_t statement, const struct ocppd_value *values, uint32_t count,
	   uint32_t max_rows, ocppd_rows_fn *fn)
{
	struct stations *ctx = page->ctx;
	int r = ctx->storage->query(ctx->storage_self, ctx->host, statement, values, count,
				    max_rows, fn, page);

	if (r < 0)
		page_fail(page, r, NULL);
}

/* ---- Answer ------------------------------------------------------------------------------------
 */

static void
add_connection(struct json_object *object, const struct ocppd_station *station)
{
	struct ocppd_connection_info info = { .struct_size = sizeof(info) };
	struct json_object *connection;

	if (ocppd_station_connection(station, &info) < 0)
		return;
	connection = json_object_new_object();
	ocppd_json_add_str(connection, "remote", info.remote);
	ocppd_json_add_str(connection, "protocol", info.protocol);
	ocppd_json_add_int(connection, "securityProfile", info.security_profile);
	ocppd_json_add_time(connection, "connectedAt", info.connected_us);
	ocppd_json_add_int(connection, "connectionId", (int64_t)info.connection_id);
	ocppd_json_add(object, "connection", connection);
	json_object_object_del(object, "lastSeen");
	ocppd_json_add_time(object, "lastSeen", info.last_receive_us);
}

static int
add_count(const char *code, uint64_t count, void *counts)
{
	ocppd_json_add_int(counts, code, count > INT64_MAX ? INT64_MAX : (int64_t)count);
	return 0;
}

/* House rule 6 of the quirks: by station in its record, never as a metric's label. */
static void
add_counts(struct json_object *object, const struct ocppd_station *station)
{
	struct json_object *counts = json_object_new_object();

	(void)ocppd_station_quirk_each(station, add_count, counts);
	if (json_object_object_length(counts) > 0)
		ocppd_json_add(object, "quirkCounts", counts);
	else
		json_object_put(counts);
}

/* Quirk E03: beside the times as reported, those of a clock that shows UTC. */
static void
add_corrected(struct json_object *connectors, int32_t offset_s)
{
	size_t count = connectors == NULL ? 0 : json_object_array_length(connectors);

	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(connectors, i);
		const char *text = ocppd_json_get_str(item, "timestamp");
		int64_t time_us;

		if (text != NULL && ocppd_time_parse(text, 0, &time_us, NULL) >= 0)
			ocppd_json_add_time(item, "correctedTimestamp",
					    time_us - INT64_C(1000000) * offset_s);
	}
}

static void
add_clock(struct json_object *object, const struct skew *skew)
{
	if (!skew->is_known)
		return;
	ocppd_json_add_int(object, "clockSkew", skew->last_s);
	if (!skew->is_offset)
		return;
	ocppd_json_add_int(object, "clockOffset", skew_offset_s(skew));
	add_corrected(ocppd_json_get(object, "connectors"), skew_offset_s(skew));
}

static void
add_live(struct stations *ctx, struct json_object *object, const char *station_id)
{
	static const char *const states[] = { "None", "Accepted", "Pending", "Rejected" };
	struct ocppd_station *station = ocppd_station_find(ctx->host, station_id);
	uint32_t registration =
		station == NULL ? OCPPD_REG_NONE : ocppd_station_registration(station);

	ocppd_json_add_str(object, "registration",
			   states[registration <= OCPPD_REG_REJECTED ? registration : 0]);
	ocppd_json_add_bool(object, "connected",
			    station != NULL && ocppd_station_is_connected(station));
	if (station == NULL)
		return;
	add_connection(object, station);
	wishes_json(stations_slot(ctx, station), ocppd_json_get(object, "connectors"));
	add_clock(object, &stations_slot(ctx, station)->skew);
	add_counts(object, station);
}

/* Moves what fits into the answer. True: that is not enough, and the next records are asked for. */
static bool
page_collect(struct page *page)
{
	for (uint32_t i = 0; i < page->count; i++) {
		if (json_object_array_length(page->items) == page->wanted) {
			page->has_more = true;
			return false;
		}
		if (page->is_filtered && !filter_takes(&page->filter, page->objects[i]))
			continue;
		json_object_array_add(page->items, page->objects[i]);
		page->objects[i] = NULL;
		snprintf(page->last, sizeof(page->last), "%s", page->records[i]->station_id);
	}
	if (!page->has_more || json_object_array_length(page->items) == page->wanted)
		return false;
	snprintf(page->after, sizeof(page->after), "%s", page->end);
	page_clear(page);
	page_read(page);
	return true;
}

static void
page_answer(struct page *page)
{
	struct ocppd_host *host = page->ctx->host;
	struct json_object *body;

	for (uint32_t i = 0; i < page->count; i++)
		add_live(page->ctx, page->objects[i], page->records[i]->station_id);
	if (page->is_single) {
		ocppd_request_reply(host, page->request, 200, page->objects[0]);
		page->objects[0] = NULL;
		page_end(page);
		return;
	}
	if (page_collect(page))
		return;
	body = json_object_new_object();
	ocppd_json_add(body, "items", json_object_get(page->items));
	if (page->has_more)
		ocppd_json_add_str(body, "next", page->last);
	ocppd_request_reply(host, page->request, 200, body);
	page_end(page);
}

/* ---- Rows of a page
 * ------------------------------------------------------------------------------ */

/* The object of the row's station; both are in order. *at goes along. */
static struct json_object *
object_of(const struct page *page, const struct ocppd_value *row, uint32_t *at)
{
	char station_id[ID_SIZE];

	copy_value(&row[0], station_id, sizeof(station_id));
	while (*at < page->count && strcmp(page->records[*at]->station_id, station_id) < 0)
		(*at)++;
	if (*at == page->count || strcmp(page->records[*at]->station_id, station_id) != 0)
		return NULL;
	return page->objects[*at];
}

static void
on_connectors(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	      const struct ocppd_error *err, void *arg)
{
	static const struct {
		uint32_t column;
		const char *key;
	} texts[] = {
		{ 3, "status" },
		{ 4, "errorCode" },
		{ 9, "info" },
		{ 10, "vendorId" },
		{ 11, "vendorErrorCode" },
		{ 7, "statusReceived" },
		{ 8, "errorCodeReceived" },
	};
	struct page *page = arg;
	uint32_t at = 0;

	(void)host;
	if (result < 0) {
		page_fail(page, result, err);
		return;
	}
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;
		struct json_object *object = object_of(page, row, &at);
		struct json_object *item;

		if (object == NULL)
			continue;
		item = json_object_new_object();
		ocppd_json_add_int(item, "connectorId", row[1].number);
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
			ocppd_json_add_value(item, texts[k].key, &row[texts[k].column]);
		ocppd_json_add_time_value(item, "timestamp", &row[5]);
		ocppd_json_add_time_value(item, "received", &row[6]);
		json_object_array_add(ocppd_json_get(object, "connectors"), item);
	}
	page_answer(page);
}

static void
on_states(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	  const struct ocppd_error *err, void *arg)
{
	/* In the order of the columns behind boot_us and protocol. */
	static const char *const keys[] = {
		"chargePointVendor",
		"chargePointModel",
		"chargePointSerialNumber",
		"chargeBoxSerialNumber",
		"firmwareVersion",
		"iccid",
		"imsi",
		"meterType",
		"meterSerialNumber",
	};
	struct page *page = arg;
	uint32_t at = 0;

	(void)host;
	if (result < 0) {
		page_fail(page, result, err);
		return;
	}
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;
		struct json_object *object = object_of(page, row, &at);

		if (object == NULL)
			continue;
		ocppd_json_add_time_value(object, "lastSeen", &row[3]);
		ocppd_json_add_int(object, "bootCount", row[2].number);
		ocppd_json_add_time_value(object, "lastBoot", &row[4]);
		for (uint32_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			ocppd_json_add_value(object, keys[k], &row[6 + k]);
		ocppd_json_add_value(object, "bootReason", &row[15]);
	}
	for (uint32_t i = 0; i < page->count; i++)
		ocppd_json_add(page->objects[i], "connectors", json_object_new_array());

	const struct ocppd_value range[] = {
		ocppd_value_str(page->records[0]->station_id),
		ocppd_value_str(page->records[page->count - 1]->station_id),
	};

	page_query(page, STATEMENT_CONNECTORS_RANGE, range, 2, 100000, on_connectors);
}

/* The records are there: on to what belongs to them. */
static void
page_go_on(struct page *page)
{
	page->objects = calloc(page->count + 1, sizeof(*page->objects));
	if (page->objects == NULL) {
		page_fail(page, OCPPD_ENOMEM, NULL);
		return;
	}
	if (page->count == 0) {
		page_answer(page);
		return;
	}
	for (uint32_t i = 0; i < page->count; i++)
		page->objects[i] = record_json(page->records[i]);

	const struct ocppd_value range[] = {
		ocppd_value_str(page->records[0]->station_id),
		ocppd_value_str(page->records[page->count - 1]->station_id),
	};

	/* Stations without a record lie between those of the page: room for some of them. */
	page_query(page, STATEMENT_STATES_RANGE, range, 2, 100000, on_states);
}

/* ---- Records ------------------------------------------------------------------------------------
 */

static int
page_take(struct page *page, struct record *record)
{
	if (record == NULL)
		return OCPPD_ENOMEM;
	page->records[page->count++] = record;
	return 0;
}

/* Merges two sorted lists; the configuration's word hides the database's. */
static int
merge(struct page *page, const struct ocppd_rows *rows)
{
	const struct stations *ctx = page->ctx;
	uint32_t fixed = 0;
	uint32_t row = 0;
	int r = 0;

	while (fixed < ctx->fixed_count && strcmp(ctx->fixed[fixed]->station_id, page->after) <= 0)
		fixed++;
	while (r >= 0 && page->count < page->limit &&
	       (fixed < ctx->fixed_count || row < rows->count)) {
		char station_id[ID_SIZE];
		int order = 1;

		if (row < rows->count) {
			const struct ocppd_value *values =
				rows->values + (size_t)row * rows->columns;

			copy_value(&values[0], station_id, sizeof(station_id));
			order = fixed < ctx->fixed_count
					? strcmp(station_id, ctx->fixed[fixed]->station_id)
					: -1;
			if (order < 0)
				r = page_take(page, record_from_row(values));
		}
		if (order >= 0)
			r = page_take(page, record_dup(ctx->fixed[fixed]));
		row += order <= 0 ? 1 : 0;
		fixed += order >= 0 ? 1 : 0;
	}
	page->has_more = fixed < ctx->fixed_count || row < rows->count;
	return r;
}

/* Drops the records of which is clear already that they do not fit. */
static void
page_sift(struct page *page)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < page->count; i++) {
		if (filter_takes_record(&page->filter, page->ctx, page->records[i]))
			page->records[kept++] = page->records[i];
		else
			record_free(page->records[i]);
	}
	page->count = kept;
}

static void
on_records(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	   const struct ocppd_error *err, void *arg)
{
	struct page *page = arg;
	int r = result;

	(void)host;
	if (r >= 0) {
		page->records = calloc(page->limit + 1, sizeof(*page->records));
		r = page->records == NULL ? OCPPD_ENOMEM : merge(page, rows);
	}
	if (r >= 0 && page->count > 0)
		snprintf(page->end, sizeof(page->end), "%s",
			 page->records[page->count - 1]->station_id);
	if (r >= 0 && page->is_filtered)
		page_sift(page);
	if (r < 0)
		page_fail(page, r, err);
	else
		page_go_on(page);
}

/* The next records, behind page->after: a few at a time, so that stations' messages get in between.
 */
static void
page_read(struct page *page)
{
	uint32_t left = page->wanted - (uint32_t)json_object_array_length(page->items);

	page->limit = page->is_filtered ? SLICE_FILTERED : left < SLICE ? left : SLICE;

	const struct ocppd_value values[] = {
		ocppd_value_str(page->after),
		ocppd_value_int(page->limit + 1),
	};

	page_query(page, STATEMENT_LIST, values, 2, SLICE_FILTERED + 1, on_records);
}

void
routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct page *page = page_new(ctx, request);
	const char *after = ocppd_request_query(request, "after");

	(void)host;
	if (page == NULL)
		return;
	page->wanted = (uint32_t)ocppd_request_query_int(request, "limit", LIST_DEFAULT);
	snprintf(page->after, sizeof(page->after), "%s", after == NULL ? "" : after);
	page->items = json_object_new_array();
	if (page->items == NULL || filter_init(&page->filter, request) < 0) {
		page_fail(page, OCPPD_ENOMEM, NULL);
		return;
	}
	page->is_filtered = !filter_is_empty(&page->filter);
	page_read(page);
}

static void
say_unknown(struct ocppd_host *host, struct ocppd_request *request)
{
	ocppd_request_problem(host, request, 404, "unknown-station", "There is no such station");
}

static void
on_record(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	  const struct ocppd_error *err, void *arg)
{
	struct page *page = arg;
	int r = result;

	if (r >= 0 && rows->count == 0) {
		say_unknown(host, page->request);
		page_end(page);
		return;
	}
	if (r >= 0) {
		page->records = calloc(1, sizeof(*page->records));
		r = page->records == NULL ? OCPPD_ENOMEM
					  : page_take(page, record_from_row(rows->values));
	}
	if (r < 0)
		page_fail(page, r, err);
	else
		page_go_on(page);
}

void
routes_get(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct stations *ctx = arg;
	const char *station_id = ocppd_request_param(request, "stationId");
	const struct ocppd_value id = ocppd_value_str(station_id);
	const struct record *fixed = fixed_find(ctx, station_id);
	struct page *page = page_new(ctx, request);

	(void)host;
	if (page == NULL)
		return;
	page->is_single = true;
	if (fixed == NULL) {
		page_query(page, STATEMENT_FIND, &id, 1, 1, on_record);
		return;
	}
	page->records = calloc(1, sizeof(*page->records));
	if (page->records == NULL || page_take(page, record_dup(fixed)) < 0)
		page_fail(page, OCPPD_ENOMEM, NULL);
	else
		page_go_on(page);
}

/* ---- Configuration keys ------------------------------------------------------------------------
 */

static void
on_keys(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct page *page = arg;
	struct json_object *body;
	struct json_object *known;
	struct json_object *unknown;

	if (result < 0) {
		page_fail(page, result, err);
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
	ocppd_request_reply(host, page->request, 200, body);
	page_end(page);
}

static void
read_keys(struct stations *ctx, void *arg)
{
	struct ocppd_request *request = arg;
	const struct ocppd_value id = ocppd_value_str(ocppd_request_param(request, "stationId"));
	struct page *page = page_new(ctx, request);

	if (page != NULL)
		page_query(page, STATEMENT_KEYS, &id, 1, KEYS_MAX, on_keys);
}

void
routes_keys(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct stations *ctx = arg;
	struct ocppd_station *station =
		ocppd_station_find(host, ocppd_request_param(request, "stationId"));

	if (station == NULL || !stations_slot(ctx, station)->is_known) {
		say_unknown(host, request);
		return;
	}
	if (keys_await(ctx, station, read_keys, request) < 0)
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
}
