/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A transaction stops, or something says it did. What is under way is known in memory and costs
 * one update; everything else is looked up first: a repetition, a stop without an id (G03), of a
 * transaction that nobody knows (G04) or that is another station's (G18). Nothing is refused, and
 * nothing but the transaction that is meant is changed.
 */
#include "transactions.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

/* Texts of the request that outlive it. */
enum {
	KEEP_TOKEN,
	KEEP_PARENT,
	KEEP_RAW_TIME,
	KEEP_REASON,
	KEEP_RAW_REASON,
	KEEP_FRAME,
	KEEP_ID_TEXT,
	KEEP_TOKEN_TYPE,
	KEEP_COUNT,
};

struct stop_op {
	struct transactions *ctx;
	struct ocppd_host *asker;
	ocppd_tx_fn *fn;
	void *arg;
	struct ocppd_unit *unit;   /* until it is committed */
	struct ocppd_tx_stop stop; /* its texts are `kept`; readings is NULL */
	char *kept[KEEP_COUNT];
	struct ocppd_reading *readings; /* copies, only while something is looked up */
	uint32_t reading_count;
	struct json_object *event; /* or NULL */
	int64_t id;                /* of the record; 0: chosen by the unit */
	uint32_t flags;            /* added to the record */
	uint32_t at;               /* position of the statement that yields the flags */
	uint32_t id_at;
	bool is_id_in_unit;
	bool is_orphan;
	bool is_repeat;
	bool must_settle; /* the table holds readings that the verdict does not know */
};

/* The record that a stop closes, from memory or from the table. */
struct target {
	int64_t id;
	int64_t start_us;
	struct energy_meter meter;
	struct energy energy;
	int64_t last_us; /* of the readings in `energy`; 0: none */
	uint32_t flags;
	int32_t evse;
	const char *token;
	const char *parent;
};

static void
op_free(struct stop_op *op)
{
	if (op == NULL)
		return;
	op->ctx->storage->unit_free(op->unit);
	readings_free(op->readings, op->reading_count);
	for (uint32_t i = 0; i < KEEP_COUNT; i++)
		free(op->kept[i]);
	json_object_put(op->event);
	free(op);
}

static void
op_end(struct stop_op *op, int result, const struct ocppd_tx_result *done)
{
	struct transactions *ctx = op->ctx;

	op->fn(op->asker, result, result < 0 ? NULL : done, op->arg);
	op_free(op);
	tx_done(ctx);
}

/* ---- Copies -----------------------------------------------------------------------------------
 */

static int
keep(struct stop_op *op, uint32_t slot, const char **text)
{
	if (*text == NULL)
		return 0;
	op->kept[slot] = strdup(*text);
	*text = op->kept[slot];
	return *text == NULL ? OCPPD_ENOMEM : 0;
}

static int
keep_texts(struct stop_op *op)
{
	struct ocppd_tx_stop *stop = &op->stop;

	if (keep(op, KEEP_TOKEN_TYPE, &stop->token.type) < 0 ||
	    keep(op, KEEP_ID_TEXT, &stop->id_text) < 0 ||
	    keep(op, KEEP_TOKEN, &stop->token.text) < 0 ||
	    keep(op, KEEP_PARENT, &stop->parent) < 0 ||
	    keep(op, KEEP_RAW_TIME, &stop->raw_time) < 0 ||
	    keep(op, KEEP_REASON, &stop->reason) < 0 ||
	    keep(op, KEEP_RAW_REASON, &stop->raw_reason) < 0 ||
	    keep(op, KEEP_FRAME, &stop->raw_frame) < 0)
		return OCPPD_ENOMEM;
	return 0;
}

/* ---- The books ----------------------------------------------------------------------------------
 */

static void
publish(struct stop_op *op, uint32_t flags)
{
	struct transactions *ctx = op->ctx;
	const char *station_id = ocppd_station_id(op->stop.station);

	if (op->event == NULL)
		return;
	ocppd_json_add_int(op->event, "transactionId", op->id);
	ocppd_json_add(op->event, "flags", tx_flags_json(flags));
	(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_TRANSACTION_STOPPED, station_id,
				  op->event);
	op->event = NULL;
}

static struct json_object *
event_body(const struct stop_op *op, const struct target *target, int64_t energy_wh)
{
	struct json_object *body;

	if (!ocppd_event_wanted(op->ctx->host, OCPPD_EVENT_TRANSACTION_STOPPED))
		return NULL;
	body = json_object_new_object();
	if (body == NULL)
		return NULL;
	ocppd_json_add_str(body, "stationId", ocppd_station_id(op->stop.station));
	if (target != NULL) {
		ocppd_json_add_int(body, "connectorId", target->evse);
		ocppd_json_add_str(body, "idTag", target->token);
		ocppd_json_add_time(body, "startTimestamp", target->start_us);
		ocppd_json_add_int(body, "meterStart", target->meter.start_wh);
		ocppd_json_add_int(body, "energyWh", energy_wh);
	} else {
		ocppd_json_add_str(body, "idTag", op->stop.token.text);
	}
	ocppd_json_add_time(body, "stopTimestamp", op->stop.stop_us);
	if ((op->stop.flags & OCPPD_TX_METER) == 0)
		ocppd_json_add_int(body, "meterStop", op->stop.meter_stop_wh);
	ocppd_json_add_str(body, "stopReason", op->stop.reason);
	return body;
}

static void
log_stopped(const struct stop_op *op, uint32_t flags)
{
	OCPPD_INFO(op->ctx->host, op->is_orphan ? "transaction.orphaned" : "transaction.stopped",
		   OCPPD_STR("station", ocppd_station_id(op->stop.station)),
		   OCPPD_INT("transaction", op->id), OCPPD_STR("reason", op->stop.reason),
		   OCPPD_INT("flags", flags));
}

static void
on_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct stop_op *op = arg;
	struct transactions *ctx = op->ctx;
	struct active_slot *slot = tx_slot(ctx, op->stop.station);
	struct ocppd_tx_result done = { .struct_size = sizeof(done) };
	struct active *active;
	const struct ocppd_rows *main;

	(void)host;
	if (result >= 0 && (op->at >= count || (op->is_orphan && rows[op->at].count == 0)))
		result = OCPPD_EIO;
	if (result < 0) {
		OCPPD_ERROR(ctx->host, "transaction.unstored",
			    OCPPD_STR("station", ocppd_station_id(op->stop.station)),
			    OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
		op_end(op, result, NULL);
		return;
	}
	main = &rows[op->at];
	if (op->is_orphan) {
		int64_t own = op->is_id_in_unit ? rows[op->id_at].values[0].number : op->id;

		op->id = main->values[0].number;
		op->is_repeat = op->id != own;
		done.flags = (uint32_t)main->values[1].number;
	} else if (main->count > 0) {
		done.flags = (uint32_t)main->values[0].number;
	} else {
		op->is_repeat = true; /* an equal stop came between */
	}
	active = active_by_id(slot, op->id);
	if (active != NULL && !op->is_orphan) {
		op->must_settle |= active->is_partial;
		recent_add(&ctx->active, slot, active, op->stop.stop_us,
			   ocppd_mono_us(ctx->host) + LATE_US);
		active_remove(&ctx->active, slot, active);
	}
	/* Its start may be still to come (quirk G07). */
	if (op->is_orphan && op->stop.transaction_id <= 0 && op->stop.stop_us > slot->held_us)
		slot->held_us = op->stop.stop_us;
	if (op->is_repeat) {
		ocppd_quirk_hit(ctx->host, op->stop.station, "G05", NULL);
	} else {
		log_stopped(op, done.flags);
		publish(op, done.flags);
	}
	if (op->must_settle && !op->is_repeat)
		tx_settle(ctx, op->id, 0);
	done.transaction_id = op->id;
	done.is_repeat = op->is_repeat;
	op_end(op, 0, &done);
}

static int
add_readings(struct stop_op *op, const struct ocppd_value *id, const struct ocppd_reading *readings,
	     uint32_t count)
{
	uint32_t kept = tx_kept(op->ctx, op->stop.station, count);
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < kept; i++)
		r = tx_add_reading(op->ctx, op->unit, id, &readings[tx_kept_at(i, count)],
				   op->stop.received_us, NULL);
	return r;
}

static void
commit(struct stop_op *op)
{
	struct ocppd_unit *unit = op->unit;

	op->unit = NULL;
	op->ctx->storage->unit_commit(unit, on_stored, op);
}

static struct ocppd_value
meter_value(const struct ocppd_tx_stop *stop)
{
	return (stop->flags & OCPPD_TX_METER) != 0 ? ocppd_value_null()
						   : ocppd_value_int(stop->meter_stop_wh);
}

/* Quirk G10. */
static bool
is_unrelated(const struct ocppd_tx_stop *stop, const struct target *target)
{
	if (stop->token.text == NULL || token_equal(stop->token.text, target->token))
		return false;
	return stop->parent == NULL || target->parent == NULL ||
	       !token_equal(stop->parent, target->parent);
}

/* The message's own readings, unless earlier messages had them. */
static void
learn_readings(struct stop_op *op, struct target *target, const struct ocppd_reading *readings,
	       uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (target->last_us != 0 && readings[i].time_us <= target->last_us) {
			op->must_settle = true;
			continue;
		}
		target->last_us = readings[i].time_us;
		energy_learn(&target->energy, &readings[i]);
	}
}

static uint32_t
flags_of_message(const struct ocppd_tx_stop *stop)
{
	return tx_judge_time(stop->stop_us, stop->received_us) |
	       (stop->reading_count > READINGS_MAX ? OCPPD_TX_CUT : 0);
}

static struct ocppd_value
if_positive(int64_t number)
{
	return number < 0 ? ocppd_value_null() : ocppd_value_int(number);
}

/* Closes a record. Returns 0 (on_stored follows) or negative. */
static int
close_target(struct stop_op *op, struct target *target, const struct ocppd_reading *readings,
	     uint32_t count)
{
	struct transactions *ctx = op->ctx;
	const struct ocppd_tx_stop *stop = &op->stop;
	struct energy_verdict verdict;
	struct ocppd_value id = ocppd_value_int(target->id);
	int r;

	target->meter.stop_wh = stop->meter_stop_wh;
	target->meter.has_stop = (stop->flags & OCPPD_TX_METER) == 0;
	target->meter.start_us = target->start_us;
	target->meter.stop_us = stop->stop_us;
	learn_readings(op, target, readings, count);
	energy_judge(&target->meter, &target->energy, &verdict);
	op->id = target->id;
	op->flags |= stop->flags | verdict.flags | flags_of_message(stop);
	if (stop->stop_us < target->start_us)
		op->flags |= OCPPD_TX_TIME;
	if (is_unrelated(stop, target))
		op->flags |= OCPPD_TX_STOP_TOKEN;
	if (verdict.flags != 0)
		ocppd_quirk_hit(ctx->host, stop->station, "G09", NULL);

	const struct ocppd_value values[] = {
		id,
		ocppd_value_str(ocppd_station_id(stop->station)),
		ocppd_value_int(stop->stop_us),
		ocppd_value_str(stop->raw_time),
		ocppd_value_int(stop->received_us),
		meter_value(stop),
		ocppd_value_str(stop->reason),
		ocppd_value_str(stop->raw_reason),
		ocppd_value_str(stop->token.text),
		ocppd_value_str(stop->raw_frame),
		ocppd_value_int(verdict.energy_wh),
		ocppd_value_int(verdict.method),
		ocppd_value_int(op->flags),
		ocppd_value_int(verdict.labels),
		if_positive(verdict.register_wh),
		if_positive(verdict.interval_wh),
		ocppd_value_str(stop->token.type),
	};

	r = ctx->storage->unit_add(op->unit, ctx->host, STATEMENT_STOP, values,
				   sizeof(values) / sizeof(values[0]), 0);
	if (r < 0)
		return r;
	op->at = (uint32_t)r;
	r = add_readings(op, &id, readings, count);
	if (r < 0)
		return r;
	op->event = event_body(op, target, verdict.energy_wh);
	commit(op);
	return 0;
}

/* A stop without a start: a record of its own, its readings with it. */
static int
store_orphan(struct stop_op *op, const struct ocppd_reading *readings, uint32_t count)
{
	struct transactions *ctx = op->ctx;
	const struct ocppd_tx_stop *stop = &op->stop;
	char token[OCPPD_TOKEN_MAX + 1];
	struct ocppd_value id;
	int r = tx_id(ctx, op->unit, &id);

	if (r < 0)
		return r;
	op->is_orphan = true;
	op->is_id_in_unit = id.type == OCPPD_VALUE_REF;
	op->id = op->is_id_in_unit ? 0 : id.number;
	op->id_at = op->is_id_in_unit ? (uint32_t)id.number : 0;
	op->flags |= stop->flags | OCPPD_TX_ORPHAN | flags_of_message(stop);
	token_fold(stop->token.text, token);

	const struct ocppd_value values[] = {
		id,
		ocppd_value_str(ocppd_station_id(stop->station)),
		ocppd_value_int(stop->transaction_id),
		ocppd_value_str(token),
		ocppd_value_str(stop->token.text == NULL ? "" : stop->token.text),
		ocppd_value_str(stop->parent),
		ocppd_value_int(stop->stop_us),
		ocppd_value_int(stop->received_us),
		ocppd_value_int(stop->meter_stop_wh),
		ocppd_value_int(op->flags),
		ocppd_value_str(stop->raw_time),
		meter_value(stop),
		ocppd_value_str(stop->reason),
		ocppd_value_str(stop->raw_reason),
		ocppd_value_str(stop->token.text),
		ocppd_value_str(stop->raw_frame),
		ocppd_value_str(stop->id_text),
		ocppd_value_str(stop->token.type),
	};

	r = ctx->storage->unit_add(op->unit, ctx->host, STATEMENT_ORPHAN, values,
				   sizeof(values) / sizeof(values[0]), OCPPD_UNIT_EXPECT_ROW);
	if (r < 0)
		return r;
	op->at = (uint32_t)r;
	/* A repeated orphan gets the first one's id: its readings must, too. */
	id = ocppd_value_ref(op->at, 0);
	r = add_readings(op, &id, readings, count);
	if (r < 0)
		return r;
	op->event = event_body(op, NULL, 0);
	commit(op);
	return 0;
}

/* A stop that is on record: counted, and flagged where it says something else now. */
static int
store_repeat(struct stop_op *op, const struct ocppd_value *row)
{
	struct transactions *ctx = op->ctx;
	const struct ocppd_tx_stop *stop = &op->stop;
	bool differs = row[TX_STOP_US].number != stop->stop_us ||
		       ((stop->flags & OCPPD_TX_METER) == 0 &&
			row[TX_METER_STOP].number != stop->meter_stop_wh);
	struct ocppd_value values[2];
	int r;

	/* Without a readable time it cannot be compared. */
	if ((stop->flags & OCPPD_TX_TIME) != 0)
		differs = false;
	op->id = row[TX_ID].number;
	op->is_repeat = true;
	values[0] = row[TX_ID];
	values[1] = ocppd_value_int(differs ? OCPPD_TX_DIFFERS : 0);
	r = ctx->storage->unit_add(op->unit, ctx->host, STATEMENT_REPEATED, values, 2, 0);
	if (r < 0)
		return r;
	op->at = (uint32_t)r;
	if (differs)
		OCPPD_WARN(ctx->host, "transaction.differed",
			   OCPPD_STR("station", ocppd_station_id(stop->station)),
			   OCPPD_INT("transaction", op->id));
	commit(op);
	return 0;
}

/* ---- What is meant? -----------------------------------------------------------------------------
 */

static void
target_of_active(const struct active *active, struct target *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->id = active->id;
	ret->start_us = active->start_us;
	ret->meter.start_wh = active->meter_start_wh;
	ret->meter.has_start = (active->flags & OCPPD_TX_METER) == 0;
	ret->energy = active->energy;
	ret->last_us = active->last_reading_us;
	ret->flags = active->flags;
	ret->evse = active->place.evse;
	ret->token = active->token;
	ret->parent = active->parent;
}

/* The looked-up record is this station's and still open, or closed by an operator. */
static int
close_row(struct stop_op *op, const struct ocppd_value *row)
{
	char token[OCPPD_TOKEN_MAX + 1];
	char parent[OCPPD_TOKEN_MAX + 1];
	struct target target = { .id = row[TX_ID].number,
				 .start_us = row[TX_START_US].number,
				 .flags = (uint32_t)row[TX_FLAGS].number,
				 .evse = (int32_t)row[TX_EVSE].number };

	(void)ocppd_value_copy(&row[TX_PRESENTED], token, sizeof(token));
	(void)ocppd_value_copy(&row[TX_PARENT], parent, sizeof(parent));
	target.token = token;
	target.parent = parent[0] == '\0' ? NULL : parent;
	target.meter.start_wh = row[TX_METER_START].number;
	target.meter.has_start = (target.flags & OCPPD_TX_METER) == 0;
	op->must_settle = true;
	return close_target(op, &target, op->readings, op->reading_count);
}

static bool
is_own(const struct stop_op *op, const struct ocppd_value *row)
{
	const char *station_id = ocppd_station_id(op->stop.station);

	return row[TX_STATION].len == strlen(station_id) &&
	       memcmp(row[TX_STATION].data, station_id, row[TX_STATION].len) == 0;
}

static void
on_found(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct stop_op *op = arg;
	struct ocppd_host *self = op->ctx->host;
	const struct ocppd_value *row;
	int r = result;

	(void)host;
	(void)err;
	if (r < 0) {
		op_end(op, r, NULL);
		return;
	}
	row = rows->count > 0 ? rows->values : NULL;
	if (row == NULL || (!is_own(op, row))) {
		if (row != NULL) {
			op->flags |= OCPPD_TX_FOREIGN;
			tx_security(op->ctx, op->stop.station, "transaction-id-of-another-station",
				    op->stop.transaction_id);
		}
		ocppd_quirk_hit(self, op->stop.station,
				op->stop.transaction_id <= 0 && op->stop.id_text == NULL ? "G03"
				: row == NULL                                            ? "G04"
											 : "G18",
				NULL);
		r = store_orphan(op, op->readings, op->reading_count);
	} else if (row[TX_STOP_US].type == OCPPD_VALUE_NULL ||
		   (row[TX_FLAGS].number & OCPPD_TX_CLOSED) != 0) {
		r = close_row(op, row);
	} else {
		r = store_repeat(op, row);
	}
	if (r < 0)
		op_end(op, r, NULL);
}

/* Looks the record up; the request is copied for as long as that takes. */
static int
look_up(struct stop_op *op, const struct ocppd_tx_stop *stop)
{
	struct transactions *ctx = op->ctx;
	int r = readings_dup(stop->readings, stop->reading_count, &op->readings);

	if (r < 0)
		return r;
	op->reading_count = stop->reading_count;
	if (stop->id_text != NULL) {
		const struct ocppd_value texts[] = {
			ocppd_value_str(ocppd_station_id(stop->station)),
			ocppd_value_str(stop->id_text),
		};

		return ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FIND_TEXT, texts,
					   2, 1, on_found, op);
	}
	if (stop->transaction_id > 0) {
		const struct ocppd_value id = ocppd_value_int(stop->transaction_id);

		return ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FIND, &id, 1, 1,
					   on_found, op);
	}
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(stop->station)),
		ocppd_value_int(stop->stop_us),
		ocppd_value_int(stop->meter_stop_wh),
	};

	return ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FIND_STOP, values, 3, 1,
				   on_found, op);
}

static struct active *
find_active(struct stop_op *op)
{
	const struct ocppd_tx_stop *stop = &op->stop;
	const struct active_slot *slot = tx_slot(op->ctx, stop->station);
	const struct stop_hint hint = { stop->token.text, stop->parent, stop->stop_us,
					stop->meter_stop_wh, (stop->flags & OCPPD_TX_METER) == 0 };
	struct active *active;

	if (stop->id_text != NULL)
		return active_by_text(slot, stop->id_text);
	if (stop->transaction_id > 0)
		return active_by_id(slot, stop->transaction_id);
	active = active_plausible(slot, &hint);
	if (active != NULL) {
		op->flags |= OCPPD_TX_MATCHED;
		ocppd_quirk_hit(op->ctx->host, stop->station, "G03", NULL);
	}
	return active;
}

int
tx_stop(void *self, struct ocppd_host *host, const struct ocppd_tx_stop *stop, ocppd_tx_fn *fn,
	void *arg)
{
	struct transactions *ctx = self;
	struct ocppd_unit *unit = NULL;
	struct stop_op *op;
	const struct active *active;
	struct target target;
	int r = tx_unit(ctx, stop->unit, &unit);

	if (r < 0)
		return r;
	op = calloc(1, sizeof(*op));
	if (op == NULL) {
		ctx->storage->unit_free(unit);
		return OCPPD_ENOMEM;
	}
	op->ctx = ctx;
	op->asker = host;
	op->fn = fn;
	op->arg = arg;
	op->unit = unit;
	op->stop = *stop;
	op->stop.unit = NULL;
	op->stop.readings = NULL;
	/* Its own id says what is meant; an orphan has no other. */
	if (stop->id_text != NULL)
		op->stop.transaction_id = -1;
	if (op->stop.reason == NULL)
		op->stop.reason = "Local";
	r = keep_texts(op);
	if (r < 0)
		goto out;

	ctx->outstanding++;
	active = find_active(op);
	if (active != NULL) {
		target_of_active(active, &target);
		r = close_target(op, &target, stop->readings, stop->reading_count);
	} else {
		r = look_up(op, stop);
	}
	if (r >= 0)
		return OCPPD_PENDING;
	ctx->outstanding--;
out:
	op_free(op);
	return r;
}
