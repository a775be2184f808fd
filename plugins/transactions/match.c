/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What arrived before its start (quirk G07): readings that were kept by connector and time, and a
 * stop without an id that became an orphan. When the start comes after all, they are its own. Asked
 * only where a start is late or something is known to be held, so that an ordinary start pays
 * nothing. An interrupted match is taken up by the start's repetition or by an operator: nothing
 * is lost, the orphan and the readings stay where they are.
 */
#include "transactions.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

/* A start that takes longer to arrive came out of a station's queue. */
#define LATE_START_US INT64_C(60000000)
#define SINCE_ROWS 64

struct match_op {
	struct transactions *ctx;
	struct ocppd_station *station;
	struct ocppd_place place;
	int64_t id;
	int64_t start_us;
	int64_t meter_start_wh;
	int64_t end_us; /* where what belongs to it ends */
	int64_t orphan_id;
	int64_t stop_us;
	uint32_t orphan_flags;
	uint32_t moved_at; /* positions in the unit */
	uint32_t stop_at;
	char token[OCPPD_TOKEN_MAX + 1];
	char id_text[OCPPD_TOKEN_MAX + 1]; /* "": none */
};

static void
match_end(struct match_op *op, int result)
{
	struct transactions *ctx = op->ctx;

	if (result < 0)
		OCPPD_WARN(ctx->host, "transaction.unmatched", OCPPD_INT("transaction", op->id),
			   OCPPD_STR("err", ocppd_error_name(result)));
	free(op);
	tx_done(ctx);
}

/* ---- The books --------------------------------------------------------------------------------
 */

static void
take_stop(struct match_op *op, const struct ocppd_value *row)
{
	struct transactions *ctx = op->ctx;
	struct active_slot *slot = tx_slot(ctx, op->station);
	struct active *active = active_by_id(slot, op->id);

	if (active != NULL) {
		recent_add(&ctx->active, slot, active, op->stop_us,
			   ocppd_mono_us(ctx->host) + LATE_US);
		active_remove(&ctx->active, slot, active);
	}
	OCPPD_INFO(ctx->host, "transaction.matched",
		   OCPPD_STR("station", ocppd_station_id(op->station)),
		   OCPPD_INT("transaction", op->id), OCPPD_INT("orphan", op->orphan_id));
	if (ocppd_event_wanted(ctx->host, OCPPD_EVENT_TRANSACTION_STOPPED))
		(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_TRANSACTION_STOPPED,
					  ocppd_station_id(op->station), tx_json(row));
}

static int commit(struct match_op *op);

static void
on_matched(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct match_op *op = arg;
	struct transactions *ctx = op->ctx;
	struct active *active;
	bool has_moved;

	(void)host;
	(void)err;
	if (result >= 0 && op->moved_at < count) {
		has_moved = rows[op->moved_at].changes > 0;
		if (has_moved || op->orphan_id != 0)
			ocppd_quirk_hit(ctx->host, op->station, "G07", NULL);
		active = active_by_id(tx_slot(ctx, op->station), op->id);
		if (active != NULL && has_moved)
			active->is_partial = true;
		if (op->orphan_id != 0 && op->stop_at < count && rows[op->stop_at].count > 0)
			take_stop(op, rows[op->stop_at].values);
		if (op->orphan_id != 0 || has_moved)
			tx_settle(ctx, op->id, 0);
	}
	if (result == OCPPD_ECONFLICT && op->orphan_id != 0) {
		/* Its own stop came in between: the orphan stays one. */
		op->orphan_id = 0;
		result = commit(op);
		if (result >= 0)
			return;
	}
	match_end(op, result);
}

static int
add(struct match_op *op, struct ocppd_unit *unit, uint32_t statement,
    const struct ocppd_value *values, uint32_t count)
{
	uint32_t flags =
		statement == STATEMENT_STOP_MATCHED || statement == STATEMENT_ORPHAN_MATCHED
			? OCPPD_UNIT_EXPECT_ROW
			: 0;

	return op->ctx->storage->unit_add(unit, op->ctx->host, statement, values, count, flags);
}

static int
add_held(struct match_op *op, struct ocppd_unit *unit)
{
	const struct ocppd_value values[] = {
		ocppd_value_int(op->id),
		ocppd_value_str(ocppd_station_id(op->station)),
		ocppd_value_int(op->place.evse),
		ocppd_value_int(op->place.connector),
		ocppd_value_int(op->start_us - LATE_US),
		ocppd_value_int(op->end_us),
		ocppd_value_int(op->start_us),
	};
	int r = add(op, unit, STATEMENT_MOVE_HELD, values, 7);

	if (r < 0)
		return r;
	op->moved_at = (uint32_t)r;
	return add(op, unit, STATEMENT_DROP_HELD, values + 1, 6);
}

/* The orphan's stop becomes the transaction's; the orphan stays, and says whose it is. */
static int
add_orphan(struct match_op *op, struct ocppd_unit *unit)
{
	const struct ocppd_value id = ocppd_value_int(op->id);
	const struct ocppd_value orphan = ocppd_value_int(op->orphan_id);
	uint32_t flags =
		(op->orphan_flags & ~(OCPPD_TX_ORPHAN | OCPPD_TX_UNAUTHORISED)) | OCPPD_TX_MATCHED;
	const struct ocppd_value mark[] = { orphan, id };
	const struct ocppd_value move[] = { id, orphan };
	const struct ocppd_value stop[] = { id, orphan, ocppd_value_int(0),
					    ocppd_value_int(ENERGY_NONE), ocppd_value_int(flags) };
	int r = add(op, unit, STATEMENT_ORPHAN_MATCHED, mark, 2);

	if (r >= 0)
		r = add(op, unit, STATEMENT_MOVE_READINGS, move, 2);
	if (r >= 0)
		r = add(op, unit, STATEMENT_DROP_READINGS, mark, 1);
	if (r >= 0)
		r = add(op, unit, STATEMENT_STOP_MATCHED, stop, 5);
	if (r >= 0)
		op->stop_at = (uint32_t)r;
	return r;
}

static int
commit(struct match_op *op)
{
	struct transactions *ctx = op->ctx;
	struct ocppd_unit *unit = NULL;
	int r = tx_unit(ctx, NULL, &unit);

	if (r >= 0)
		r = add_held(op, unit);
	if (r >= 0 && op->orphan_id != 0)
		r = add_orphan(op, unit);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	ctx->storage->unit_commit(unit, on_matched, op);
	return 0;
}

/* ---- What came since? -------------------------------------------------------------------------
 */

static bool
is_token(const struct match_op *op, const struct ocppd_value *value)
{
	char text[OCPPD_TOKEN_MAX + 1];

	if (value->type != OCPPD_VALUE_TEXT || value->len == 0)
		return true;
	if (value->len > OCPPD_TOKEN_MAX)
		return false;
	memcpy(text, value->data, value->len);
	text[value->len] = '\0';
	return token_equal(text, op->token);
}

/* Where both name their transaction, it is the same one. */
static bool
is_text(const struct match_op *op, const struct ocppd_value *value)
{
	if (value->type != OCPPD_VALUE_TEXT || op->id_text[0] == '\0')
		return value->type != OCPPD_VALUE_TEXT;
	return value->len == strlen(op->id_text) &&
	       memcmp(value->data, op->id_text, value->len) == 0;
}

static bool
is_own_orphan(const struct match_op *op, const struct ocppd_value *row)
{
	uint32_t flags = (uint32_t)row[TX_FLAGS].number;

	return (flags & OCPPD_TX_ORPHAN) != 0 && (flags & OCPPD_TX_FOREIGN) == 0 &&
	       row[TX_MATCHED].type != OCPPD_VALUE_INT && row[TX_WIRE_ID].number <= 0 &&
	       (row[TX_METER_STOP].type != OCPPD_VALUE_INT ||
		row[TX_METER_STOP].number >= op->meter_start_wh) &&
	       is_text(op, &row[TX_ID_TEXT]) &&
	       (row[TX_ID_TEXT].type == OCPPD_VALUE_TEXT || is_token(op, &row[TX_PRESENTED]));
}

/* The first orphan that fits, unless another start on the connector comes before it. */
static void
look_through(struct match_op *op, const struct ocppd_rows *rows)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;

		if (row[TX_ID].number == op->id)
			continue;
		if ((row[TX_FLAGS].number & OCPPD_TX_ORPHAN) == 0) {
			if (row[TX_EVSE].number != op->place.evse ||
			    row[TX_CONNECTOR].number != op->place.connector)
				continue;
			op->end_us = row[TX_START_US].number;
			return;
		}
		if (!is_own_orphan(op, row))
			continue;
		op->orphan_id = row[TX_ID].number;
		op->stop_us = row[TX_STOP_US].number;
		op->orphan_flags = (uint32_t)row[TX_FLAGS].number;
		op->end_us = op->stop_us + LATE_US;
		return;
	}
}

static void
on_since(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct match_op *op = arg;
	int r = result;

	(void)host;
	(void)err;
	if (r >= 0) {
		look_through(op, rows);
		r = commit(op);
	}
	if (r < 0)
		match_end(op, r);
}

void
tx_match(struct transactions *ctx, const struct active *active, int64_t received_us)
{
	const struct active_slot *slot = tx_slot(ctx, active->station);
	struct match_op *op;
	int r;

	/* What is held since before this daemon started is known by the table alone. */
	if (active->place.evse <= 0 || ctx->is_stopping ||
	    (slot->held_us < active->start_us - LATE_US &&
	     received_us - active->start_us < LATE_START_US))
		return;
	op = calloc(1, sizeof(*op));
	if (op == NULL) {
		OCPPD_WARN(ctx->host, "transaction.unmatched", OCPPD_INT("transaction", active->id),
			   OCPPD_STR("err", "ENOMEM"));
		return;
	}
	op->ctx = ctx;
	op->station = active->station;
	op->place = active->place;
	op->id = active->id;
	op->start_us = active->start_us;
	op->meter_start_wh = active->meter_start_wh;
	op->end_us = INT64_MAX;
	op->moved_at = UINT32_MAX;
	snprintf(op->token, sizeof(op->token), "%s", active->token);
	snprintf(op->id_text, sizeof(op->id_text), "%s",
		 active->id_text == NULL ? "" : active->id_text);

	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(op->station)),
		ocppd_value_int(op->start_us),
		ocppd_value_int(SINCE_ROWS),
	};

	r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_SINCE, values, 3,
				SINCE_ROWS, on_since, op);
	ctx->outstanding++;
	if (r < 0)
		match_end(op, r);
}
