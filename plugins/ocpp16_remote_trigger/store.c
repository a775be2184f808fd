/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The history: a row when a trigger was accepted, completed when it is known what came of it; or
 * one row at once where nothing is to come. Events follow the commit. Who reads waits for what was
 * begun before.
 */
#include "trigger.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

struct json_object *
trigger_json(const struct ocppd_value *row)
{
	struct json_object *object = json_object_new_object();

	ocppd_json_add_int(object, "triggerId", row[T_ID].number);
	ocppd_json_add_value(object, "stationId", &row[T_STATION]);
	ocppd_json_add_value(object, "requestedMessage", &row[T_MESSAGE]);
	ocppd_json_add_value(object, "connectorId", &row[T_CONNECTOR]);
	ocppd_json_add_value(object, "requester", &row[T_REQUESTER]);
	ocppd_json_add_time_value(object, "requested", &row[T_ASKED]);
	ocppd_json_add_value(object, "status", &row[T_ANSWER]);
	ocppd_json_add_value(object, "outcome", &row[T_OUTCOME]);
	ocppd_json_add_value(object, "reason", &row[T_REASON]);
	ocppd_json_add_int(object, "messages", row[T_MESSAGES].number);
	ocppd_json_add_value(object, "messageId", &row[T_MESSAGE_ID]);
	ocppd_json_add_time_value(object, "arrived", &row[T_ARRIVED]);
	ocppd_json_add_time_value(object, "settled", &row[T_SETTLED]);
	return object;
}

/* ---- Writing ----------------------------------------------------------------------------------
 */

/* Tells what came of it; the watch is gone afterwards. row: NULL where none could be stored. */
static void
finish(struct watch *watch, const struct ocppd_value *row)
{
	struct trigger *ctx = watch->ctx;
	const char *station_id = ocppd_station_id(watch->station);
	const char *const labels[] = { watch->message, watch->outcome, NULL };
	struct json_object *body = row == NULL ? NULL : trigger_json(row);

	(void)ocppd_metric_add(ctx->host, METRIC_SETTLED, labels, 1);
	OCPPD_INFO(ctx->host, "trigger.settled", OCPPD_STR("station", station_id),
		   OCPPD_STR("action", watch->message), OCPPD_INT("connector", watch->connector),
		   OCPPD_STR("outcome", watch->outcome));
	if (watch->fn != NULL)
		watch->fn(ctx, body, watch->asker);
	if (body != NULL && ocppd_event_wanted(ctx->host, EVENT_TRIGGER_SETTLED))
		(void)ocppd_event_publish(ctx->host, EVENT_TRIGGER_SETTLED, station_id, body);
	else
		json_object_put(body);
	watch_free(watch);
}

static void
unit_ended(struct trigger *ctx, int result, const struct ocppd_error *err)
{
	if (result < 0)
		OCPPD_ERROR(ctx->host, "trigger.unstored",
			    OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
	ocppd_writes_end(&ctx->writes);
	trigger_done(ctx);
}

static void
on_settled(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct watch *watch = arg;
	struct trigger *ctx = watch->ctx;

	(void)host;
	finish(watch, result >= 0 && count > 0 && rows[0].count > 0 ? rows[0].values : NULL);
	unit_ended(ctx, result, err);
}

static void settle(struct watch *watch);

static void
on_inserted(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	    const struct ocppd_error *err, void *arg)
{
	struct watch *watch = arg;
	struct trigger *ctx = watch->ctx;

	(void)host;
	watch->is_inserting = false;
	if (result >= 0 && count > 0 && rows[0].count > 0)
		watch->trigger_id = rows[0].values[T_ID].number;
	if (watch->is_settled) /* faster than the disk */
		settle(watch);
	unit_ended(ctx, result, err);
}

static int
add_insert(struct watch *watch, struct ocppd_unit *unit)
{
	struct trigger *ctx = watch->ctx;
	const struct ocppd_value id = ocppd_value_str(ocppd_station_id(watch->station));
	const struct ocppd_value values[] = {
		id,
		ocppd_value_str(watch->message),
		watch->connector < 0 ? ocppd_value_null() : ocppd_value_int(watch->connector),
		ocppd_value_str(watch->requester),
		ocppd_value_int(watch->asked_us),
		ocppd_value_text_or_null(watch->answer),
		ocppd_value_str(watch->outcome),
		ocppd_value_text_or_null(watch->reason),
		ocppd_value_int(watch->came.messages),
		ocppd_value_text_or_null(watch->came.message_id),
		ocppd_value_int_or_null(watch->came.first_us),
		ocppd_value_int_or_null(watch->settled_us),
	};
	const struct ocppd_value trim[] = { id, ocppd_value_int(ctx->conf->history) };
	int r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_INSERT, values,
				       sizeof(values) / sizeof(values[0]), 0);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_TRIM, trim, 2, 0);
	return r;
}

static int
add_settle(struct watch *watch, struct ocppd_unit *unit)
{
	struct trigger *ctx = watch->ctx;
	const struct ocppd_value values[] = {
		ocppd_value_int(watch->trigger_id),
		ocppd_value_str(watch->outcome),
		ocppd_value_text_or_null(watch->reason),
		ocppd_value_int(watch->came.messages),
		ocppd_value_text_or_null(watch->came.message_id),
		ocppd_value_int_or_null(watch->came.first_us),
		ocppd_value_int_or_null(watch->settled_us),
	};

	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_SETTLE, values,
				      sizeof(values) / sizeof(values[0]), 0);
}

static int
commit(struct watch *watch, bool is_insert, ocppd_unit_fn *fn)
{
	struct trigger *ctx = watch->ctx;
	struct ocppd_unit *unit = NULL;
	int r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);

	if (r >= 0)
		r = is_insert ? add_insert(watch, unit) : add_settle(watch, unit);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		OCPPD_ERROR(ctx->host, "trigger.unstored",
			    OCPPD_STR("station", ocppd_station_id(watch->station)),
			    OCPPD_STR("err", ocppd_error_name(r)));
		return r;
	}
	ocppd_writes_begin(&ctx->writes);
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, fn, watch);
	return 0;
}

static void
settle(struct watch *watch)
{
	if (commit(watch, watch->trigger_id == 0, on_settled) < 0)
		finish(watch, NULL);
}

void
store_insert(struct watch *watch)
{
	watch->is_inserting = commit(watch, true, on_inserted) >= 0;
}

void
store_settle(struct watch *watch)
{
	if (!watch->is_inserting)
		settle(watch);
}
