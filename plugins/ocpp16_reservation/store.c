/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Writing: each change of a reservation is one unit, the row and a line of its history. Events
 * follow the commit. Who reads waits for what was begun before, so that an answer never lags behind
 * the one before it.
 */
#include "reservation.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

struct wait {
	TAILQ_ENTRY(wait) all;
	uint64_t until; /* so many are stored */
	stored_fn *fn;
	void *arg;
};

void
value_copy(const struct ocppd_value *value, char *ret_text, size_t size)
{
	size_t len = value->type == OCPPD_VALUE_TEXT ? value->len : 0;

	if (len >= size)
		len = size - 1;
	if (len > 0)
		memcpy(ret_text, value->data, len);
	ret_text[len] = '\0';
}

bool
status_is_live(const char *status)
{
	return strcmp(status, STATUS_ACCEPTED) == 0 || strcmp(status, STATUS_UNCONFIRMED) == 0;
}

static void
add_text(struct json_object *object, const char *key, const struct ocppd_value *value)
{
	if (value->type == OCPPD_VALUE_TEXT && value->len <= INT32_MAX)
		ocppd_json_add(object, key,
			       json_object_new_string_len(value->data, (int)value->len));
}

struct json_object *
reservation_json(const struct ocppd_value *row)
{
	struct json_object *object = json_object_new_object();
	char status[16];

	value_copy(&row[R_STATUS], status, sizeof(status));
	ocppd_json_add_int(object, "reservationId", row[R_ID].number);
	add_text(object, "stationId", &row[R_STATION]);
	ocppd_json_add_int(object, "connectorId", row[R_CONNECTOR].number);
	add_text(object, "idTag", &row[R_TAG]);
	add_text(object, "parentIdTag", &row[R_PARENT]);
	ocppd_json_add_time(object, "expiryDate", row[R_EXPIRY].number);
	ocppd_json_add_str(object, "status", status);
	ocppd_json_add_bool(object, "active", status_is_live(status));
	add_text(object, "reason", &row[R_REASON]);
	if (row[R_TRANSACTION].type == OCPPD_VALUE_INT)
		ocppd_json_add_int(object, "transactionId", row[R_TRANSACTION].number);
	add_text(object, "requester", &row[R_REQUESTER]);
	ocppd_json_add_time(object, "created", row[R_CREATED].number);
	ocppd_json_add_time(object, "changed", row[R_CHANGED].number);
	return object;
}

/* ---- Waiting ----------------------------------------------------------------------------------
 */

int
store_wait(struct reservations *ctx, stored_fn *fn, void *arg)
{
	struct wait *wait;

	if (ctx->stored == ctx->begun) {
		fn(arg);
		return 0;
	}
	wait = malloc(sizeof(*wait));
	if (wait == NULL)
		return OCPPD_ENOMEM;
	*wait = (struct wait){ .until = ctx->begun, .fn = fn, .arg = arg };
	TAILQ_INSERT_TAIL(&ctx->waits, wait, all);
	return 0;
}

static void
wake(struct reservations *ctx)
{
	struct wait *wait;

	while ((wait = TAILQ_FIRST(&ctx->waits)) != NULL && wait->until <= ctx->stored) {
		TAILQ_REMOVE(&ctx->waits, wait, all);
		wait->fn(wait->arg);
		free(wait);
	}
}

/* ---- Writing ----------------------------------------------------------------------------------
 */

static void
tell(struct reservations *ctx, const struct ocppd_value *row)
{
	char station_id[STATION_SIZE];
	char status[16];
	char reason[128];
	const char *const labels[] = { status, NULL };

	value_copy(&row[R_STATION], station_id, sizeof(station_id));
	value_copy(&row[R_STATUS], status, sizeof(status));
	value_copy(&row[R_REASON], reason, sizeof(reason));
	(void)ocppd_metric_add(ctx->host, METRIC_CHANGES, labels, 1);
	OCPPD_INFO(ctx->host, "reservation.changed", OCPPD_STR("station", station_id),
		   OCPPD_INT("reservation", row[R_ID].number), OCPPD_STR("status", status),
		   OCPPD_STR("reason", reason));
	if (ocppd_event_wanted(ctx->host, EVENT_RESERVATION_CHANGED))
		(void)ocppd_event_publish(ctx->host, EVENT_RESERVATION_CHANGED, station_id,
					  reservation_json(row));
}

static void
on_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct reservations *ctx = arg;

	if (result < 0)
		OCPPD_ERROR(host, "reservation.unstored",
			    OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
	else if (count > 0 && rows[0].count > 0)
		tell(ctx, rows[0].values);
	ctx->stored++;
	wake(ctx);
	reservation_done(ctx);
}

/* A unit of the statement and the line of history that goes with it. */
static void
commit(struct reservations *ctx, const struct note *note, int64_t now_us, uint32_t statement,
       const struct ocppd_value *values, uint32_t count)
{
	const struct ocppd_value line[] = {
		ocppd_value_str(note->station_id), ocppd_value_int(note->id),
		ocppd_value_int(now_us),           ocppd_value_str(note->reason),
		ocppd_value_str(note->requester),
	};
	struct ocppd_unit *unit = NULL;
	int r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, statement, values, count, 0);
	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_HISTORY_ADD, line,
					   sizeof(line) / sizeof(line[0]), 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		OCPPD_ERROR(
			ctx->host, "reservation.unstored", OCPPD_STR("station", note->station_id),
			OCPPD_INT("reservation", note->id), OCPPD_STR("err", ocppd_error_name(r)));
		return;
	}
	ctx->begun++;
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_stored, ctx);
}

static struct ocppd_value
transaction_value(const struct note *note)
{
	return note->transaction_id == 0 ? ocppd_value_null()
					 : ocppd_value_int(note->transaction_id);
}

void
store_put(struct reservations *ctx, const struct note *note, const struct terms *terms)
{
	int64_t now_us = ocppd_now_us(ctx->host);
	char folded[TAG_SIZE];

	tag_fold(terms->token, folded);
	const struct ocppd_value values[] = {
		ocppd_value_str(note->station_id),
		ocppd_value_int(note->id),
		ocppd_value_int(terms->connector),
		ocppd_value_str(folded),
		ocppd_value_str(terms->token),
		ocppd_value_str(terms->parent[0] == '\0' ? NULL : terms->parent),
		ocppd_value_int(terms->expiry_us),
		ocppd_value_str(note->status),
		ocppd_value_str(note->reason),
		ocppd_value_str(note->requester),
		ocppd_value_int(now_us),
	};

	commit(ctx, note, now_us, STATEMENT_PUT, values, sizeof(values) / sizeof(values[0]));
}

void
store_change(struct reservations *ctx, const struct note *note)
{
	int64_t now_us = ocppd_now_us(ctx->host);
	const struct ocppd_value values[] = {
		ocppd_value_str(note->station_id), ocppd_value_int(note->id),
		ocppd_value_str(note->status),     ocppd_value_str(note->reason),
		transaction_value(note),           ocppd_value_int(now_us),
	};

	commit(ctx, note, now_us, STATEMENT_CHANGE, values, sizeof(values) / sizeof(values[0]));
}

void
store_late(struct reservations *ctx, const struct note *note, int64_t start_us)
{
	int64_t now_us = ocppd_now_us(ctx->host);
	const struct ocppd_value values[] = {
		ocppd_value_str(note->station_id), ocppd_value_int(note->id),
		ocppd_value_str(note->status),     ocppd_value_str(note->reason),
		transaction_value(note),           ocppd_value_int(now_us),
		ocppd_value_int(start_us),
	};

	commit(ctx, note, now_us, STATEMENT_LATE, values, sizeof(values) / sizeof(values[0]));
}
