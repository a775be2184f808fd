/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Records, merged from configuration and database, then the state and the connectors of those that
 * fit, then what the core knows of connections. Knows no request.
 */
#include "walk.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 100000 /* stations without a record lie between those of a slice */

static void
walk_clear(struct walk *walk)
{
	for (uint32_t i = 0; walk->objects != NULL && i < walk->count; i++)
		json_object_put(walk->objects[i]);
	free(walk->objects);
	if (walk->records != NULL)
		fixed_free(walk->records, walk->count);
	walk->objects = NULL;
	walk->records = NULL;
	walk->count = 0;
}

void
walk_fini(struct walk *walk)
{
	walk_clear(walk);
	filter_fini(&walk->filter);
}

/* Rows of all stations from the slice's first to its last. */
static int
query_range(struct walk *walk, uint32_t statement, ocppd_rows_fn *fn)
{
	struct stations *ctx = walk->ctx;
	const struct ocppd_value range[] = {
		ocppd_value_str(walk->records[0]->station_id),
		ocppd_value_str(walk->records[walk->count - 1]->station_id),
	};

	return ctx->storage->query(ctx->storage_self, ctx->host, statement, range, 2, ROWS_MAX, fn,
				   walk);
}

/* ---- What the core knows -----------------------------------------------------------------------
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

/* ---- What fits --------------------------------------------------------------------------------
 */

typedef bool fits_fn(const struct walk *walk, uint32_t at);

static bool
fits_record(const struct walk *walk, uint32_t at)
{
	return filter_takes_record(&walk->filter, walk->ctx, walk->records[at]);
}

static bool
fits_state(const struct walk *walk, uint32_t at)
{
	return filter_takes(&walk->filter, walk->objects[at]);
}

/* Drops the others. */
static void
sift(struct walk *walk, fits_fn *fits)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < walk->count; i++) {
		struct json_object *object = walk->objects == NULL ? NULL : walk->objects[i];

		if (!fits(walk, i)) {
			record_free(walk->records[i]);
			json_object_put(object);
			continue;
		}
		walk->records[kept] = walk->records[i];
		if (walk->objects != NULL)
			walk->objects[kept] = object;
		kept++;
	}
	walk->count = kept;
}

/* ---- Rows of a slice --------------------------------------------------------------------------
 */

/* The object of the row's station; both are in order. *at goes along. */
static struct json_object *
object_of(const struct walk *walk, const struct ocppd_value *row, uint32_t *at)
{
	char station_id[ID_SIZE];

	(void)ocppd_value_copy(&row[0], station_id, sizeof(station_id));
	while (*at < walk->count && strcmp(walk->records[*at]->station_id, station_id) < 0)
		(*at)++;
	if (*at == walk->count || strcmp(walk->records[*at]->station_id, station_id) != 0)
		return NULL;
	return walk->objects[*at];
}

static void
walk_end(struct walk *walk)
{
	for (uint32_t i = 0; i < walk->count; i++)
		add_live(walk->ctx, walk->objects[i], walk->records[i]->station_id);
	walk->fn(walk, 0, NULL);
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
	struct walk *walk = arg;
	uint32_t at = 0;

	(void)host;
	if (result < 0) {
		walk->fn(walk, result, err);
		return;
	}
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;
		struct json_object *object = object_of(walk, row, &at);
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
	walk_end(walk);
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
	struct walk *walk = arg;
	uint32_t at = 0;
	int r;

	(void)host;
	if (result < 0) {
		walk->fn(walk, result, err);
		return;
	}
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;
		struct json_object *object = object_of(walk, row, &at);

		if (object == NULL)
			continue;
		ocppd_json_add_time_value(object, "lastSeen", &row[3]);
		ocppd_json_add_int(object, "bootCount", row[2].number);
		ocppd_json_add_time_value(object, "lastBoot", &row[4]);
		for (uint32_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			ocppd_json_add_value(object, keys[k], &row[6 + k]);
		ocppd_json_add_value(object, "bootReason", &row[15]);
	}
	if (walk->is_filtered)
		sift(walk, fits_state);
	if (walk->depth < WALK_ALL || walk->count == 0) {
		walk->fn(walk, 0, NULL);
		return;
	}
	for (uint32_t i = 0; i < walk->count; i++)
		ocppd_json_add(walk->objects[i], "connectors", json_object_new_array());
	r = query_range(walk, STATEMENT_CONNECTORS_RANGE, on_connectors);
	if (r < 0)
		walk->fn(walk, r, NULL);
}

/* ---- Records ----------------------------------------------------------------------------------
 */

static int
walk_take(struct walk *walk, struct record *record)
{
	if (record == NULL)
		return OCPPD_ENOMEM;
	walk->records[walk->count++] = record;
	return 0;
}

/* Merges two sorted lists; the configuration's word hides the database's. */
static int
merge(struct walk *walk, const struct ocppd_rows *rows)
{
	const struct stations *ctx = walk->ctx;
	uint32_t fixed = 0;
	uint32_t row = 0;
	int r = 0;

	while (fixed < ctx->fixed_count && strcmp(ctx->fixed[fixed]->station_id, walk->after) <= 0)
		fixed++;
	while (r >= 0 && walk->count < walk->limit &&
	       (fixed < ctx->fixed_count || row < rows->count)) {
		char station_id[ID_SIZE];
		int order = 1;

		if (row < rows->count) {
			const struct ocppd_value *values =
				rows->values + (size_t)row * rows->columns;

			(void)ocppd_value_copy(&values[0], station_id, sizeof(station_id));
			order = fixed < ctx->fixed_count
					? strcmp(station_id, ctx->fixed[fixed]->station_id)
					: -1;
			if (order < 0)
				r = walk_take(walk, record_from_row(values));
		}
		if (order >= 0)
			r = walk_take(walk, record_dup(ctx->fixed[fixed]));
		row += order <= 0 ? 1 : 0;
		fixed += order >= 0 ? 1 : 0;
	}
	walk->has_more = fixed < ctx->fixed_count || row < rows->count;
	return r;
}

/* The records are there: on to what belongs to them. */
static int
walk_go_on(struct walk *walk)
{
	if (walk->count == 0 || walk->depth == WALK_RECORDS) {
		walk->fn(walk, 0, NULL);
		return 0;
	}
	walk->objects = calloc(walk->count, sizeof(*walk->objects));
	if (walk->objects == NULL)
		return OCPPD_ENOMEM;
	for (uint32_t i = 0; i < walk->count; i++)
		walk->objects[i] = record_json(walk->records[i]);
	return query_range(walk, STATEMENT_STATES_RANGE, on_states);
}

static void
on_records(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	   const struct ocppd_error *err, void *arg)
{
	struct walk *walk = arg;
	int r = result;

	(void)host;
	if (r >= 0) {
		walk->records = calloc(walk->limit, sizeof(*walk->records));
		r = walk->records == NULL ? OCPPD_ENOMEM : merge(walk, rows);
	}
	if (r >= 0 && walk->count > 0)
		snprintf(walk->after, sizeof(walk->after), "%s",
			 walk->records[walk->count - 1]->station_id);
	if (r >= 0 && walk->is_filtered)
		sift(walk, fits_record);
	if (r >= 0)
		r = walk_go_on(walk);
	if (r < 0)
		walk->fn(walk, r, err);
}

int
walk_next(struct walk *walk, uint32_t limit)
{
	struct stations *ctx = walk->ctx;
	const struct ocppd_value values[] = {
		ocppd_value_str(walk->after),
		ocppd_value_int((int64_t)limit + 1),
	};
	int r;

	walk_clear(walk);
	walk->limit = limit;
	r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_LIST, values, 2, limit + 1,
				on_records, walk);
	return r < 0 ? r : 0;
}

int
walk_one(struct walk *walk, struct record *record)
{
	walk->records = calloc(1, sizeof(*walk->records));
	if (walk->records == NULL) {
		record_free(record);
		return OCPPD_ENOMEM;
	}
	return walk_take(walk, record) < 0 ? OCPPD_ENOMEM : walk_go_on(walk);
}
