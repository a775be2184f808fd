/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A transaction starts. One insert stores it; where the same start was stored before, that insert
 * changes nothing, and a second unit finds the record and counts the repetition. What is under way
 * in memory is told before the commit, so that limits count what is being stored, and corrected
 * after it.
 */
#include "transactions.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define STALE_MAX 4 /* older transactions of one connector, marked at a time */

struct start_op {
	struct transactions *ctx;
	struct ocppd_host *asker;
	ocppd_tx_fn *fn;
	void *arg;
	struct active *active;
	struct ocppd_station *station;
	struct json_object *event; /* or NULL: nobody listens */
	int64_t received_us;
	int64_t stale[STALE_MAX];
	uint32_t stale_count;
	uint32_t auth_status;
	uint32_t flags;
	uint32_t insert_at; /* positions in the unit */
	uint32_t id_at;
	bool is_id_in_unit;
	bool is_told_by_id; /* from those that are the same in all: they are others */
};

#define YEAR_2010_US INT64_C(1262304000000000)
#define DAY_US INT64_C(86400000000)

/* Quirk E04. */
uint32_t
tx_judge_time(int64_t time_us, int64_t received_us)
{
	return time_us < YEAR_2010_US || time_us > received_us + DAY_US ? OCPPD_TX_TIME : 0;
}

/* A start without a readable time has none to be recognised by when it is repeated: the one under
 * way that is the same in all else is taken for it. */
static int64_t
known_start_us(const struct active_slot *slot, const struct ocppd_tx_start *start)
{
	for (const struct active *active = slot->first; active != NULL; active = active->next) {
		if ((active->flags & OCPPD_TX_TIME) != 0 &&
		    active->place.evse == start->place.evse &&
		    active->place.connector == start->place.connector &&
		    active->meter_start_wh == start->meter_start_wh &&
		    token_equal(active->token, start->token.text == NULL ? "" : start->token.text))
			return active->start_us;
	}
	return start->start_us;
}

/* Quirk G17: those on the same connector that began earlier and were not heard of since. */
static void
find_stale(struct start_op *op, const struct active_slot *slot)
{
	const struct active *younger = op->active;

	if (op->auth_status != OCPPD_AUTH_ACCEPTED || younger->place.evse <= 0)
		return;
	for (const struct active *active = slot->first; active != NULL; active = active->next) {
		if (active != younger && active->id != 0 &&
		    active->place.evse == younger->place.evse &&
		    active->place.connector == younger->place.connector &&
		    (active->flags & OCPPD_TX_STALE) == 0 &&
		    active->start_us <= younger->start_us && op->stale_count < STALE_MAX)
			op->stale[op->stale_count++] = active->id;
	}
}

static struct json_object *
event_body(const struct start_op *op, const struct ocppd_tx_start *start)
{
	struct json_object *body;

	if (!ocppd_event_wanted(op->ctx->host, OCPPD_EVENT_TRANSACTION_STARTED))
		return NULL;
	body = json_object_new_object();
	if (body == NULL)
		return NULL;
	ocppd_json_add_str(body, "stationId", ocppd_station_id(op->station));
	ocppd_json_add_int(body, "connectorId", start->place.evse);
	ocppd_json_add_str(body, "idTag", start->token.text);
	ocppd_json_add_str(body, "status", tx_auth_word(op->auth_status));
	ocppd_json_add_time(body, "startTimestamp", op->active->start_us);
	ocppd_json_add_int(body, "meterStart", start->meter_start_wh);
	if (start->reservation_id != 0)
		ocppd_json_add_int(body, "reservationId", start->reservation_id);
	if ((op->flags & OCPPD_TX_REMOTE) != 0)
		ocppd_json_add_bool(body, "remoteStart", 1);
	ocppd_json_add(body, "flags", tx_flags_json(op->flags));
	return body;
}

static void
mark_stale(struct start_op *op, struct active_slot *slot)
{
	for (uint32_t i = 0; i < op->stale_count; i++) {
		struct active *older = active_by_id(slot, op->stale[i]);

		if (older == NULL)
			continue;
		older->flags |= OCPPD_TX_STALE;
		ocppd_quirk_hit(op->ctx->host, op->station, "G17", NULL);
		tx_settle(op->ctx, older->id, OCPPD_TX_STALE);
	}
}

/* Stored for the first time. */
static void
settle_new(struct start_op *op, struct active_slot *slot, int64_t id)
{
	op->active->id = id;
	if (op->is_told_by_id)
		op->active->wire_id = id;
	op->active->is_pending = false;
	op->active->received_us = op->received_us;
	op->active->alive_mono_us = ocppd_mono_us(op->ctx->host);
	mark_stale(op, slot);
	OCPPD_INFO(op->ctx->host, "transaction.started",
		   OCPPD_STR("station", ocppd_station_id(op->station)),
		   OCPPD_INT("transaction", id), OCPPD_INT("connector", op->active->place.evse),
		   OCPPD_TAG("tag", op->active->token),
		   OCPPD_STR("status", tx_auth_word(op->auth_status)));
	if (op->event != NULL) {
		ocppd_json_add_int(op->event, "transactionId", id);
		(void)ocppd_event_publish(op->ctx->host, OCPPD_EVENT_TRANSACTION_STARTED,
					  ocppd_station_id(op->station), op->event);
		op->event = NULL;
	}
	tx_match(op->ctx, op->active, op->received_us);
}

static void
finish(struct start_op *op, int result, const struct ocppd_tx_result *done)
{
	struct transactions *ctx = op->ctx;

	json_object_put(op->event);
	op->fn(op->asker, result, done, op->arg);
	free(op);
	tx_done(ctx);
}

static void
fail(struct start_op *op, int result, const struct ocppd_error *err)
{
	struct transactions *ctx = op->ctx;

	OCPPD_ERROR(ctx->host, "transaction.unstored",
		    OCPPD_STR("station", ocppd_station_id(op->station)),
		    OCPPD_STR("err", ocppd_error_name(result)),
		    OCPPD_STR("text", err == NULL ? NULL : err->text));
	active_remove(&ctx->active, tx_slot(ctx, op->station), op->active);
	finish(op, result, NULL);
}

static void
on_repeated(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	    const struct ocppd_error *err, void *arg)
{
	struct start_op *op = arg;
	struct ocppd_tx_result done = { .struct_size = sizeof(done),
					.auth_status = op->auth_status,
					.is_repeat = true };

	(void)host;
	if (result >= 0 && (count == 0 || rows[0].count == 0))
		result = OCPPD_EIO;
	if (result < 0) {
		fail(op, result, err);
		return;
	}
	done.transaction_id = rows[0].values[0].number;
	done.flags = (uint32_t)rows[0].values[1].number;
	active_remove(&op->ctx->active, tx_slot(op->ctx, op->station), op->active);
	ocppd_quirk_hit(op->ctx->host, op->station, "G01", NULL);
	finish(op, result, &done);
}

/* The record was there: which one, and once more. */
static int
find_repeated(struct start_op *op)
{
	struct transactions *ctx = op->ctx;
	struct ocppd_unit *unit = NULL;
	char token[OCPPD_TOKEN_MAX + 1];
	int r = tx_unit(ctx, NULL, &unit);

	if (r < 0)
		return r;
	token_fold(op->active->token, token);
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(op->station)),
		ocppd_value_int(op->active->start_us),
		ocppd_value_int(op->active->place.evse),
		ocppd_value_int(op->active->place.connector),
		ocppd_value_int(op->active->meter_start_wh),
		ocppd_value_str(token),
		ocppd_value_int(op->active->wire_id),
	};

	r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_START_REPEATED, values,
				   sizeof(values) / sizeof(values[0]), OCPPD_UNIT_EXPECT_ROW);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	ctx->storage->unit_commit(unit, on_repeated, op);
	return 0;
}

static void
on_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct start_op *op = arg;
	struct ocppd_tx_result done = { .struct_size = sizeof(done),
					.transaction_id = op->active->id,
					.auth_status = op->auth_status,
					.flags = op->flags };

	(void)host;
	if (result >= 0 &&
	    (op->insert_at >= count || (op->is_id_in_unit && rows[op->id_at].count == 0)))
		result = OCPPD_EIO;
	if (result >= 0 && rows[op->insert_at].changes == 0) {
		result = find_repeated(op);
		if (result >= 0)
			return;
	}
	if (result < 0) {
		fail(op, result, err);
		return;
	}
	if (op->is_id_in_unit)
		done.transaction_id = rows[op->id_at].values[0].number;
	settle_new(op, tx_slot(op->ctx, op->station), done.transaction_id);
	finish(op, result, &done);
}

static int
add_insert(struct start_op *op, struct ocppd_unit *unit, const struct ocppd_value *id,
	   const struct ocppd_tx_start *start)
{
	struct transactions *ctx = op->ctx;
	char token[OCPPD_TOKEN_MAX + 1];

	token_fold(start->token.text, token);
	const struct ocppd_value values[] = {
		*id,
		ocppd_value_str(ocppd_station_id(op->station)),
		ocppd_value_str(start->id_text),
		ocppd_value_int(start->place.evse),
		ocppd_value_int(start->place.connector),
		ocppd_value_str(token),
		ocppd_value_str(op->active->token),
		ocppd_value_str(start->token.type),
		ocppd_value_str(start->parent),
		ocppd_value_int(op->auth_status),
		ocppd_value_int(op->active->start_us),
		ocppd_value_str(start->raw_time),
		ocppd_value_int(start->received_us),
		ocppd_value_int(start->meter_start_wh),
		start->reservation_id == 0 ? ocppd_value_null()
					   : ocppd_value_int(start->reservation_id),
		ocppd_value_str(start->protocol),
		ocppd_value_str(start->raw_frame),
		ocppd_value_int(op->flags),
		op->active->account == op->active->token ? ocppd_value_null()
							 : ocppd_value_str(op->active->account),
		op->is_told_by_id ? *id : ocppd_value_int(op->active->wire_id),
	};

	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_START, values,
				      sizeof(values) / sizeof(values[0]), 0);
}

/* The statements: an id if none is in stock, the record, what it makes stale. */
static int
fill_unit(struct start_op *op, struct ocppd_unit *unit, const struct ocppd_tx_start *start)
{
	struct transactions *ctx = op->ctx;
	struct ocppd_value id;
	int r = tx_id(ctx, unit, &id);

	if (r < 0)
		return r;
	op->is_id_in_unit = id.type == OCPPD_VALUE_REF;
	op->id_at = op->is_id_in_unit ? (uint32_t)id.number : 0;
	op->active->id = op->is_id_in_unit ? 0 : id.number;
	if (op->is_told_by_id)
		op->active->wire_id = op->is_id_in_unit ? -1 : id.number;
	r = add_insert(op, unit, &id, start);
	if (r < 0)
		return r;
	op->insert_at = (uint32_t)r;

	for (uint32_t i = 0; r >= 0 && i < op->stale_count; i++) {
		const struct ocppd_value values[] = { ocppd_value_int(op->stale[i]), id };

		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_STALE, values, 2, 0);
	}
	return r;
}

/* The record in memory, and the verdict with the limit applied. */
static int
begin(struct start_op *op, const struct ocppd_tx_start *start)
{
	struct transactions *ctx = op->ctx;
	struct active_slot *slot = tx_slot(ctx, start->station);
	const char *text = start->token.text == NULL ? "" : start->token.text;
	struct active_key key = { start->station, start->place,    text,
				  start->parent,  start->start_us, start->meter_start_wh,
				  start->account, start->id_text,  start->token.type };
	const struct active *same;

	op->flags = start->flags | tx_judge_time(start->start_us, start->received_us);
	if (start->meter_start_wh < 0)
		op->flags |= OCPPD_TX_METER;
	if ((start->flags & OCPPD_TX_TIME) != 0)
		key.start_us = known_start_us(slot, start);

	/* What a repetition finds of itself is no other transaction. Starts that are the same in
	 * all are one and the same; but where a clock stands at an absurd time (quirk E04), and the
	 * meter at 0, all starts of a tag are: there only one that is under way counts as such. */
	same = active_same(slot, &key);
	if (same != NULL && same->wire_id < 0)
		return OCPPD_EBUSY; /* it will be repeated once more, and known then */
	op->is_told_by_id = same == NULL && tx_judge_time(key.start_us, start->received_us) != 0;
	op->auth_status = start->auth_status;
	if (op->auth_status == OCPPD_AUTH_ACCEPTED && start->max_active > 0 &&
	    active_count(&ctx->active, start->account == NULL ? text : start->account, same) >=
		    start->max_active)
		op->auth_status = OCPPD_AUTH_CONCURRENT;
	if (op->auth_status != OCPPD_AUTH_ACCEPTED)
		op->flags |= OCPPD_TX_UNAUTHORISED;

	op->active = active_add(&ctx->active, slot, &key, op->flags);
	if (op->active == NULL)
		return OCPPD_ENOMEM;
	op->active->is_pending = true;
	op->active->wire_id = same == NULL ? 0 : same->wire_id;
	if (same == NULL)
		find_stale(op, slot);
	return 0;
}

int
tx_start(void *self, struct ocppd_host *host, const struct ocppd_tx_start *start, ocppd_tx_fn *fn,
	 void *arg)
{
	struct transactions *ctx = self;
	struct ocppd_unit *unit = NULL;
	struct start_op *op = NULL;
	int r = tx_unit(ctx, start->unit, &unit);

	if (r < 0)
		goto out;
	r = OCPPD_ENOMEM;
	op = calloc(1, sizeof(*op));
	if (op == NULL)
		goto out;
	op->ctx = ctx;
	op->asker = host;
	op->fn = fn;
	op->arg = arg;
	op->station = start->station;
	op->received_us = start->received_us;
	r = begin(op, start);
	if (r < 0)
		goto out;
	r = fill_unit(op, unit, start);
	if (r < 0)
		goto out;
	op->event = event_body(op, start);

	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_stored, op);
	return OCPPD_PENDING;
out:
	if (op != NULL && op->active != NULL)
		active_remove(&ctx->active, tx_slot(ctx, op->station), op->active);
	ctx->storage->unit_free(unit);
	free(op);
	return r;
}
