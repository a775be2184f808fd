/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * POST /v1/stations/{stationId}/configuration/diff: the keys that a template wants, beside what the
 * station said when it was last read. Nothing is asked of the station, nothing is kept.
 */
#include "stations.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WANTED_MAX 500

struct diff {
	struct stations *ctx;
	struct ocppd_request *request;
	struct json_object *wanted; /* name -> value */
};

/* Names of keys compare without case (CiString50). */
static const struct ocppd_value *
row_of(const struct ocppd_rows *rows, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;

		if (row[0].len == len && strncasecmp(row[0].data, name, len) == 0)
			return row;
	}
	return NULL;
}

static const char *
compare(const struct ocppd_value *row, const char *wanted)
{
	if (row == NULL)
		return "unread";
	if (row[3].number != 0)
		return "unknown";
	if (row[1].type != OCPPD_VALUE_TEXT)
		return "different";
	return row[1].len == strlen(wanted) && memcmp(row[1].data, wanted, row[1].len) == 0
		       ? "same"
		       : "different";
}

static struct json_object *
diff_item(const struct ocppd_value *row, const char *name, const char *wanted)
{
	struct json_object *item = json_object_new_object();

	ocppd_json_add_str(item, "key", name);
	ocppd_json_add_str(item, "wanted", wanted);
	ocppd_json_add_str(item, "state", compare(row, wanted));
	if (row == NULL || row[3].number != 0)
		return item;
	if (row[1].type == OCPPD_VALUE_TEXT)
		ocppd_json_add(item, "value",
			       json_object_new_string_len(row[1].data, (int)row[1].len));
	ocppd_json_add_bool(item, "readonly", row[2].number != 0);
	ocppd_json_add_time(item, "readAt", row[4].number);
	return item;
}

static struct json_object *
diff_body(const struct diff *diff, const struct ocppd_rows *rows)
{
	struct json_object *body = json_object_new_object();
	struct json_object *items = json_object_new_array();
	int64_t count = 0;

	json_object_object_foreach (diff->wanted, name, value) {
		const char *wanted = json_object_get_string(value);
		const struct ocppd_value *row = row_of(rows, name);

		count += strcmp(compare(row, wanted), "same") != 0;
		json_object_array_add(items, diff_item(row, name, wanted));
	}
	ocppd_json_add(body, "items", items);
	ocppd_json_add_int(body, "deviations", count);
	return body;
}

static void
on_keys(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct diff *diff = arg;

	if (result < 0)
		ocppd_request_fail(host, diff->request, result, err);
	else
		ocppd_request_reply(host, diff->request, 200, diff_body(diff, rows));
	json_object_put(diff->wanted);
	stations_done(diff->ctx);
	free(diff);
}

/* Objects of texts, numbers and truth values: OCPP has them all as text. */
static bool
is_template(struct json_object *wanted)
{
	if (!json_object_is_type(wanted, json_type_object) ||
	    json_object_object_length(wanted) > WANTED_MAX)
		return false;
	json_object_object_foreach (wanted, name, value) {
		if (name[0] == '\0' || value == NULL ||
		    json_object_is_type(value, json_type_object) ||
		    json_object_is_type(value, json_type_array))
			return false;
	}
	return true;
}

void
routes_diff(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct stations *ctx = arg;
	const char *station_id = ocppd_request_param(request, "stationId");
	const struct ocppd_value id = ocppd_value_str(station_id);
	struct json_object *wanted = ocppd_json_get(ocppd_request_body(request), "wanted");
	struct ocppd_station *station = ocppd_station_find(host, station_id);
	struct diff *diff;
	int r;

	if (station == NULL || !stations_slot(ctx, station)->is_known) {
		ocppd_request_problem(host, request, 404, "unknown-station",
				      "There is no such station");
		return;
	}
	if (!is_template(wanted)) {
		ocppd_request_problem(
			host, request, 400, "invalid-body",
			"wanted: is not an object of at most %d keys and their values", WANTED_MAX);
		return;
	}
	diff = calloc(1, sizeof(*diff));
	if (diff == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	diff->ctx = ctx;
	diff->request = request;
	diff->wanted = json_object_get(wanted);
	ctx->outstanding++;
	r = ctx->storage->query(ctx->storage_self, host, STATEMENT_KEYS, &id, 1, KEYS_MAX, on_keys,
				diff);
	if (r < 0) {
		ocppd_request_fail(host, request, r, NULL);
		json_object_put(diff->wanted);
		free(diff);
		stations_done(ctx);
	}
}
