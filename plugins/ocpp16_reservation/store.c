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

#define RETRY_MS 5000
#define UNSTORED_MAX 10000 /* more are lost, and said to be */
#define STATUS_SIZE 16
#define REASON_SIZE 256

struct json_object *
reservation_json(const struct ocppd_value *row)
{
	struct json_object *object = json_object_new_object();
	char status[16];

	(void)ocppd_value_copy(&row[R_STATUS], status, sizeof(status));
	ocppd_json_add_int(object, "reservationId", row[R_ID].number);
	ocppd_json_add_value(object, "stationId", &row[R_STATION]);
	ocppd_json_add_int(object, "connectorId", row[R_CONNECTOR].number);
	ocppd_json_add_value(object, "idTag", &row[R_TAG]);
	ocppd_json_add_value(object, "parentIdTag", &row[R_PARENT]);
	ocppd_json_add_time(object, "expiryDate", row[R_EXPIRY].number);
	ocppd_json_add_str(object, "status", status);
	ocppd_json_add_bool(object, "active", status_is_live(status));
	ocppd_json_add_value(object, "reason", &row[R_REASON]);
	ocppd_json_add_value(object, "transactionId", &row[R_TRANSACTION]);
	ocppd_json_add_value(object, "requester", &row[R_REQUESTER]);
	ocppd_json_add_time(object, "created", row[R_CREATED].number);
	ocppd_json_add_time(object, "changed", row[R_CHANGED].number);
	return object;
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

	(void)ocppd_value_copy(&row[R_STATION], station_id, sizeof(station_id));
	(void)ocppd_value_copy(&row[R_STATUS], status, sizeof(status));
	(void)ocppd_value_copy(&row[R_REASON], reason, sizeof(reason));
	(void)ocppd_metric_add(ctx->host, METRIC_CHANGES, labels, 1);
	OCPPD_INFO(ctx->host, "reservation.changed", OCPPD_STR("station", station_id),
		   OCPPD_INT("reservation", row[R_ID].number), OCPPD_STR("status", status),
		   OCPPD_STR("reason", reason));
	if (ocppd_event_wanted(ctx->host, EVENT_RESERVATION_CHANGED))
		(void)ocppd_event_publish(ctx->host, EVENT_RESERVATION_CHANGED, station_id,
					  reservation_json(row));
}

/* A change, kept until it is stored. */
struct change {
	TAILQ_ENTRY(change) all;
	struct reservations *ctx;
	uint32_t statement;
	bool is_late; /* was tried in vain: nobody waits for it any more */
	bool has_status;
	int64_t id;
	int64_t now_us;
	int64_t start_us; /* of STATEMENT_LATE */
	int64_t transaction_id;
	struct terms terms; /* of STATEMENT_PUT */
	char station_id[STATION_SIZE];
	char status[STATUS_SIZE];
	char reason[REASON_SIZE];
	char requester[]; /* "": nobody */
};

static int change_commit(struct change *change);

static void
log_unstored(const struct change *change, int result, const char *text)
{
	OCPPD_ERROR(change->ctx->host, "reservation.unstored",
		    OCPPD_STR("station", change->station_id), OCPPD_INT("reservation", change->id),
		    OCPPD_STR("err", ocppd_error_name(result)), OCPPD_STR("text", text));
}

/* Whether it could be stored at another time. */
static bool
is_temporary(int result)
{
	return result == OCPPD_EIO || result == OCPPD_ESPACE || result == OCPPD_EBUSY ||
	       result == OCPPD_ENOMEM;
}

static void
set_aside(struct change *change, bool is_first)
{
	struct reservations *ctx = change->ctx;

	if (ctx->unstored_count == UNSTORED_MAX || ctx->retry_timer == NULL) {
		OCPPD_ERROR(ctx->host, "reservation.lost", OCPPD_STR("station", change->station_id),
			    OCPPD_INT("reservation", change->id));
		free(change);
		return;
	}
	if (ctx->unstored_count++ == 0)
		ocppd_timer_set(ctx->retry_timer, RETRY_MS);
	if (is_first)
		TAILQ_INSERT_HEAD(&ctx->unstored, change, all);
	else
		TAILQ_INSERT_TAIL(&ctx->unstored, change, all);
}

/* The next one that was set aside; what comes meanwhile queues behind. */
static void
retry_next(struct reservations *ctx)
{
	struct change *change = TAILQ_FIRST(&ctx->unstored);

	if (change == NULL || ctx->is_retrying || ctx->retry_timer == NULL)
		return;
	TAILQ_REMOVE(&ctx->unstored, change, all);
	ctx->unstored_count--;
	ctx->is_retrying = change_commit(change) >= 0;
	if (ctx->is_retrying)
		return;
	set_aside(change, true);
	ocppd_timer_set(ctx->retry_timer, RETRY_MS);
}

void
on_retry(struct ocppd_host *host, void *arg)
{
	(void)host;
	retry_next(arg);
}

void
store_stop(struct reservations *ctx)
{
	struct change *change;

	ocppd_timer_free(ctx->retry_timer);
	ctx->retry_timer = NULL;
	while ((change = TAILQ_FIRST(&ctx->unstored)) != NULL) {
		TAILQ_REMOVE(&ctx->unstored, change, all);
		OCPPD_ERROR(ctx->host, "reservation.lost", OCPPD_STR("station", change->station_id),
			    OCPPD_INT("reservation", change->id));
		free(change);
	}
	ctx->unstored_count = 0;
}

static void
on_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct change *change = arg;
	struct reservations *ctx = change->ctx;
	bool was_late = change->is_late;

	(void)host;
	if (was_late)
		ctx->is_retrying = false;
	if (result < 0)
		log_unstored(change, result, err == NULL ? NULL : err->text);
	else if (count > 0 && rows[0].count > 0)
		tell(ctx, rows[0].values);
	if (is_temporary(result)) {
		change->is_late = true;
		set_aside(change, was_late);
		if (was_late && ctx->retry_timer != NULL)
			ocppd_timer_set(ctx->retry_timer, RETRY_MS);
	} else {
		free(change);
		if (was_late)
			retry_next(ctx);
	}
	if (!was_late)
		ocppd_writes_end(&ctx->writes);
	reservation_done(ctx);
}

static struct ocppd_value
status_value(const struct change *change)
{
	return ocppd_value_str(change->has_status ? change->status : NULL);
}

static int
add_put(struct ocppd_unit *unit, const struct change *change)
{
	const struct terms *terms = &change->terms;
	char folded[TAG_SIZE];

	tag_fold(terms->token, folded);
	const struct ocppd_value values[] = {
		ocppd_value_str(change->station_id), ocppd_value_int(change->id),
		ocppd_value_int(terms->connector),   ocppd_value_str(folded),
		ocppd_value_str(terms->token),       ocppd_value_text_or_null(terms->parent),
		ocppd_value_int(terms->expiry_us),   status_value(change),
		ocppd_value_str(change->reason),     ocppd_value_text_or_null(change->requester),
		ocppd_value_int(change->now_us),
	};

	return change->ctx->storage->unit_add(unit, change->ctx->host, STATEMENT_PUT, values,
					      sizeof(values) / sizeof(values[0]), 0);
}

static int
add_change(struct ocppd_unit *unit, const struct change *change)
{
	const struct ocppd_value values[] = {
		ocppd_value_str(change->station_id),
		ocppd_value_int(change->id),
		status_value(change),
		ocppd_value_str(change->reason),
		ocppd_value_int_or_null(change->transaction_id),
		ocppd_value_int(change->now_us),
		ocppd_value_int(change->start_us), /* of STATEMENT_LATE only */
	};
	uint32_t count = sizeof(values) / sizeof(values[0]);

	return change->ctx->storage->unit_add(
		unit, change->ctx->host, change->statement, values,
		change->statement == STATEMENT_LATE ? count : count - 1, 0);
}

/* A unit of the statement and the line of history that goes with it. */
static int
change_commit(struct change *change)
{
	struct reservations *ctx = change->ctx;
	const struct ocppd_value line[] = {
		ocppd_value_str(change->station_id),
		ocppd_value_int(change->id),
		ocppd_value_int(change->now_us),
		ocppd_value_str(change->reason),
		ocppd_value_text_or_null(change->requester),
	};
	struct ocppd_unit *unit = NULL;
	int r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);

	if (r >= 0)
		r = change->statement == STATEMENT_PUT ? add_put(unit, change)
						       : add_change(unit, change);
	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_HISTORY_ADD, line,
					   sizeof(line) / sizeof(line[0]), 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		log_unstored(change, r, NULL);
		return r;
	}
	if (!change->is_late)
		ocppd_writes_begin(&ctx->writes);
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_stored, change);
	return 0;
}

/* terms: NULL but for STATEMENT_PUT. */
static void
change_begin(struct reservations *ctx, uint32_t statement, const struct note *note,
	     const struct terms *terms, int64_t start_us)
{
	size_t len = note->requester == NULL ? 0 : strlen(note->requester);
	struct change *change = calloc(1, sizeof(*change) + len + 1);

	if (change == NULL) {
		OCPPD_ERROR(ctx->host, "reservation.lost", OCPPD_STR("station", note->station_id),
			    OCPPD_INT("reservation", note->id));
		return;
	}
	change->ctx = ctx;
	change->statement = statement;
	change->id = note->id;
	change->now_us = ocppd_now_us(ctx->host);
	change->start_us = start_us;
	change->transaction_id = note->transaction_id;
	change->has_status = note->status != NULL;
	if (terms != NULL)
		change->terms = *terms;
	(void)snprintf(change->station_id, sizeof(change->station_id), "%s", note->station_id);
	(void)snprintf(change->status, sizeof(change->status), "%s",
		       note->status == NULL ? "" : note->status);
	(void)snprintf(change->reason, sizeof(change->reason), "%s",
		       note->reason == NULL ? "" : note->reason);
	if (len > 0)
		memcpy(change->requester, note->requester, len);
	/* What was set aside comes first. */
	if (ctx->unstored_count > 0 || ctx->is_retrying) {
		log_unstored(change, OCPPD_EBUSY, "others wait before it");
		change->is_late = true;
		set_aside(change, false);
	} else if (change_commit(change) < 0) {
		change->is_late = true;
		set_aside(change, false);
	}
}

void
store_put(struct reservations *ctx, const struct note *note, const struct terms *terms)
{
	change_begin(ctx, STATEMENT_PUT, note, terms, 0);
}

void
store_change(struct reservations *ctx, const struct note *note)
{
	change_begin(ctx, STATEMENT_CHANGE, note, NULL, 0);
}

void
store_late(struct reservations *ctx, const struct note *note, int64_t start_us)
{
	change_begin(ctx, STATEMENT_LATE, note, NULL, start_us);
}
