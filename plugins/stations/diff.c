/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The keys that a template wants, or a request, beside what the station said when it was last read.
 * Nothing is asked of the station, nothing is kept.
 */
#include "stations.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const state_words[] = { "", "same", "different", "unknown", "unread" };

struct diff {
	struct stations *ctx;
	struct ocppd_station *station;
	struct ocppd_request *request; /* or, of the service: */
	struct ocppd_host *asker;
	ocppd_key_diff_fn *fn;
	void *arg;
	struct json_object *wanted; /* name -> value; NULL: not read yet */
};

static void
diff_free(struct diff *diff)
{
	json_object_put(diff->wanted);
	free(diff);
}

static void
diff_fail(struct diff *diff, int result, const struct ocppd_error *err)
{
	struct stations *ctx = diff->ctx;

	if (diff->request == NULL)
		diff->fn(diff->asker, result, NULL, 0, diff->arg);
	else if (result == OCPPD_ENOENT)
		ocppd_request_problem(ctx->host, diff->request, 404, "unknown-template",
				      "There is no configuration template of that name");
	else
		ocppd_request_fail(ctx->host, diff->request, result, err);
	diff_free(diff);
	stations_done(ctx);
}

/* ---- Comparing --------------------------------------------------------------------------------
 */

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

static uint32_t
compare(const struct ocppd_value *row, const char *wanted)
{
	if (row == NULL)
		return OCPPD_KEY_UNREAD;
	if (row[3].number != 0)
		return OCPPD_KEY_UNKNOWN;
	return row[1].type == OCPPD_VALUE_TEXT && row[1].len == strlen(wanted) &&
			       memcmp(row[1].data, wanted, row[1].len) == 0
		       ? OCPPD_KEY_SAME
		       : OCPPD_KEY_DIFFERENT;
}

static struct json_object *
diff_item(const struct ocppd_value *row, const char *name, const char *wanted)
{
	struct json_object *item = json_object_new_object();

	ocppd_json_add_str(item, "key", name);
	ocppd_json_add_str(item, "wanted", wanted);
	ocppd_json_add_str(item, "state", state_words[compare(row, wanted)]);
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

		count += compare(row, wanted) != OCPPD_KEY_SAME;
		json_object_array_add(items, diff_item(row, name, wanted));
	}
	ocppd_json_add(body, "items", items);
	ocppd_json_add_int(body, "deviations", count);
	return body;
}

/* For another module. */
static int
diff_tell(const struct diff *diff, const struct ocppd_rows *rows)
{
	uint32_t size = (uint32_t)json_object_object_length(diff->wanted);
	struct ocppd_key_diff *items = calloc(size + 1, sizeof(*items));
	uint32_t count = 0;

	if (items == NULL)
		return OCPPD_ENOMEM;
	json_object_object_foreach (diff->wanted, name, value) {
		const char *wanted = json_object_get_string(value);
		const struct ocppd_value *row = row_of(rows, name);

		items[count].name = name;
		items[count].wanted = wanted;
		items[count].state = compare(row, wanted);
		items[count].is_readonly = row != NULL && row[2].number != 0;
		count++;
	}
	diff->fn(diff->asker, 0, items, count, diff->arg);
	free(items);
	return 0;
}

static void
on_keys(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct diff *diff = arg;
	struct stations *ctx = diff->ctx;
	int r = result;

	if (r >= 0 && diff->request == NULL)
		r = diff_tell(diff, rows);
	else if (r >= 0)
		ocppd_request_reply(host, diff->request, 200, diff_body(diff, rows));
	if (r < 0) {
		diff_fail(diff, r, err);
		return;
	}
	diff_free(diff);
	stations_done(ctx);
}

/* ---- What is wanted ---------------------------------------------------------------------------
 */

static void
read_keys(struct stations *ctx, void *arg)
{
	struct diff *diff = arg;
	const struct ocppd_value id = ocppd_value_str(ocppd_station_id(diff->station));
	int r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_KEYS, &id, 1, KEYS_MAX,
				    on_keys, diff);

	if (r < 0)
		diff_fail(diff, r, NULL);
}

static void
on_template(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	    const struct ocppd_error *err, void *arg)
{
	struct diff *diff = arg;
	int r = result;

	(void)host;
	if (r >= 0 && rows->count == 0)
		r = OCPPD_ENOENT;
	if (r >= 0) {
		diff->wanted = template_keys(rows->values);
		r = diff->wanted == NULL ? OCPPD_ENOMEM : 0;
	}
	if (r >= 0)
		r = keys_await(diff->ctx, diff->station, read_keys, diff);
	if (r < 0)
		diff_fail(diff, r, err);
}

/* Takes diff. 0: on its way; negative: diff is as it was. */
static int
diff_begin(struct diff *diff, const char *template)
{
	struct stations *ctx = diff->ctx;
	const struct ocppd_value name = ocppd_value_str(template);
	int r;

	ctx->outstanding++;
	r = template != NULL
		    ? ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_TEMPLATE_GET,
					  &name, 1, 1, on_template, diff)
		    : keys_await(ctx, diff->station, read_keys, diff);
	if (r < 0)
		ctx->outstanding--;
	return r < 0 ? r : 0;
}

int
ops_configuration_diff(void *self, struct ocppd_host *host, struct ocppd_station *station,
		       const char *template, ocppd_key_diff_fn *fn, void *arg)
{
	struct diff *diff = calloc(1, sizeof(*diff));
	int r;

	if (diff == NULL)
		return OCPPD_ENOMEM;
	*diff = (struct diff){
		.ctx = self, .station = station, .asker = host, .fn = fn, .arg = arg
	};
	r = diff_begin(diff, template);
	if (r < 0)
		diff_free(diff);
	return r < 0 ? r : OCPPD_PENDING;
}

/* Exactly one of them, and a good one. */
static bool
is_askable(struct ocppd_host *host, struct ocppd_request *request, struct json_object *wanted,
	   const char *template)
{
	struct ocppd_error err = { 0 };

	if ((wanted == NULL) == (template == NULL)) {
		ocppd_request_problem(host, request, 400, "invalid-body",
				      "give either wanted or template");
		return false;
	}
	if (wanted != NULL && template_check(wanted, false, &err) < 0) {
		ocppd_request_problem(host, request, 400, "invalid-body", "wanted: %s", err.text);
		return false;
	}
	return true;
}

void
routes_diff(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct stations *ctx = arg;
	const char *station_id = ocppd_request_param(request, "stationId");
	struct json_object *body = ocppd_request_body(request);
	struct json_object *wanted = ocppd_json_get(body, "wanted");
	const char *template = ocppd_json_get_str(body, "template");
	struct ocppd_station *station = ocppd_station_find(host, station_id);
	struct diff *diff;
	int r;

	if (station == NULL || !stations_slot(ctx, station)->is_known) {
		ocppd_request_problem(host, request, 404, "unknown-station",
				      "There is no such station");
		return;
	}
	if (!is_askable(host, request, wanted, template))
		return;
	diff = calloc(1, sizeof(*diff));
	if (diff == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	*diff = (struct diff){ .ctx = ctx,
			       .station = station,
			       .request = request,
			       .wanted = json_object_get(wanted) };
	r = diff_begin(diff, template);
	if (r < 0) {
		ocppd_request_fail(host, request, r, NULL);
		diff_free(diff);
	}
}
