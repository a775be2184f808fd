/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The energy of a transaction out of everything that is stored about it: for records whose
 * readings memory does not know, for what came in late, and for the provisional end of a
 * transaction that never stops (quirks G06, G09, G14).
 */
#include "transactions.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_PAGE 1000
#define JUDGED_FLAGS (OCPPD_TX_CONTRADICTION | OCPPD_TX_KWH | OCPPD_TX_IMPLAUSIBLE)

/* ---- Everything about one ---------------------------------------------------------------------
 */

struct gather_op {
	struct transactions *ctx;
	gather_fn *fn;
	void *arg;
	int64_t id;
	int64_t digest; /* of the last row, with found.last_us */
	struct gathered found;
	struct moment moment;
};

static void
gather_end(struct gather_op *op, int result)
{
	struct transactions *ctx = op->ctx;

	op->fn(ctx, result, result < 0 ? NULL : &op->found, op->arg);
	free(op);
	tx_done(ctx);
}

static void
on_gathered(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	    const struct ocppd_error *err, void *arg)
{
	struct gather_op *op = arg;

	(void)host;
	(void)err;
	if (result >= 0 && rows->count > 0)
		op->found.row = rows->values;
	gather_end(op, result);
}

static void
gather_row(struct gather_op *op, const struct ocppd_value *row)
{
	struct unpacker unpacker;
	struct ocppd_sampled value;

	op->found.last_us = row[0].number;
	op->found.last_received_us = row[2].number;
	op->digest = row[1].number;
	if (unpacker_init(&unpacker, row[5].data, row[5].len) < 0)
		return;
	/* A moment that came twice in different company counts once. */
	while (unpacker_next(&unpacker, &value) > 0) {
		if (moment_is_new(&op->moment, row[0].number, sampled_key(&value)))
			energy_learn_value(&op->found.energy, &value, row[0].number);
	}
	unpacker_fini(&unpacker);
}

static int gather_page(struct gather_op *op);

static void
on_gather_page(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	       const struct ocppd_error *err, void *arg)
{
	struct gather_op *op = arg;
	struct transactions *ctx = op->ctx;
	struct ocppd_value id = ocppd_value_int(op->id);
	int r = result;

	(void)host;
	(void)err;
	for (uint32_t i = 0; r >= 0 && i < rows->count; i++)
		gather_row(op, rows->values + (size_t)i * rows->columns);
	if (r >= 0 && rows->count == GATHER_PAGE)
		r = gather_page(op);
	else if (r >= 0)
		r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FIND, &id, 1, 1,
					on_gathered, op);
	if (r < 0)
		gather_end(op, r);
}

static int
gather_page(struct gather_op *op)
{
	struct transactions *ctx = op->ctx;
	const struct ocppd_value values[] = {
		ocppd_value_int(op->id),
		ocppd_value_int(op->found.last_us),
		ocppd_value_int(op->digest),
		ocppd_value_int(GATHER_PAGE),
	};

	return ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_READINGS, values, 4,
				   GATHER_PAGE, on_gather_page, op);
}

int
tx_gather(struct transactions *ctx, int64_t id, gather_fn *fn, void *arg)
{
	struct gather_op *op = calloc(1, sizeof(*op));
	int r;

	if (op == NULL)
		return OCPPD_ENOMEM;
	op->ctx = ctx;
	op->fn = fn;
	op->arg = arg;
	op->id = id;
	op->digest = INT64_MIN;
	op->found.last_us = INT64_MIN;
	r = gather_page(op);
	if (r < 0) {
		free(op);
		return r;
	}
	ctx->outstanding++;
	return 0;
}

/* ---- The verdict ------------------------------------------------------------------------------
 */

struct settle_op {
	struct transactions *ctx;
	int64_t id;
	uint32_t flags; /* added */
};

static void
settle_end(struct settle_op *op, int result)
{
	struct transactions *ctx = op->ctx;

	if (result < 0)
		OCPPD_WARN(ctx->host, "transaction.unsettled", OCPPD_INT("transaction", op->id),
			   OCPPD_STR("err", ocppd_error_name(result)));
	free(op);
}

struct active *
tx_active_of_row(struct transactions *ctx, const struct ocppd_value *row)
{
	char station_id[OCPPD_STATION_ID_MAX * 4 + 1];
	struct ocppd_station *station;

	if (row[TX_STATION].len >= sizeof(station_id))
		return NULL;
	memcpy(station_id, row[TX_STATION].data, row[TX_STATION].len);
	station_id[row[TX_STATION].len] = '\0';
	station = ocppd_station_find(ctx->host, station_id);
	return station == NULL ? NULL : active_by_id(tx_slot(ctx, station), row[TX_ID].number);
}

void
tx_publish_updated(struct transactions *ctx, const struct ocppd_value *row)
{
	char station_id[OCPPD_STATION_ID_MAX * 4 + 1];

	if (!ocppd_event_wanted(ctx->host, OCPPD_EVENT_TRANSACTION_UPDATED) ||
	    row[TX_STATION].len >= sizeof(station_id))
		return;
	memcpy(station_id, row[TX_STATION].data, row[TX_STATION].len);
	station_id[row[TX_STATION].len] = '\0';
	(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_TRANSACTION_UPDATED, station_id,
				  tx_json(row));
}

static void
on_settled(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct settle_op *op = arg;
	struct transactions *ctx = op->ctx;
	struct active *active;

	(void)host;
	(void)err;
	/* No row: its stop came between. */
	if (result >= 0 && count > 0 && rows[0].count > 0) {
		active = tx_active_of_row(ctx, rows[0].values);
		if (active != NULL)
			active->flags |= op->flags;
		if (op->flags != 0)
			OCPPD_INFO(ctx->host, "transaction.staled",
				   OCPPD_INT("transaction", op->id));
		tx_publish_updated(ctx, rows[0].values);
	}
	settle_end(op, result);
	tx_done(ctx);
}

static struct ocppd_value
if_positive(int64_t number)
{
	return number < 0 ? ocppd_value_null() : ocppd_value_int(number);
}

static bool
is_same(const struct ocppd_value *a, const struct ocppd_value *b)
{
	return a->type == b->type && (a->type != OCPPD_VALUE_INT || a->number == b->number);
}

static int
write_verdict(struct settle_op *op, const struct ocppd_value values[11])
{
	struct transactions *ctx = op->ctx;
	struct ocppd_unit *unit = NULL;
	int r = tx_unit(ctx, NULL, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_SETTLE, values, 11, 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_settled, op);
	return 1;
}

int64_t
gathered_end_us(const struct gathered *found)
{
	int64_t start_us = found->row[TX_START_US].number;
	int64_t end_us = found->last_us;

	/* A clock that was wrong all along is told by the start. */
	if (tx_judge_time(end_us, found->last_received_us) != 0 && end_us > start_us &&
	    tx_judge_time(start_us, found->row[TX_START_RECEIVED].number) == 0)
		end_us = found->last_received_us;
	return end_us > start_us ? end_us : start_us;
}

/* The end of a transaction that did not stop: the newest reading, or its start. */
static void
end_provisionally(const struct gathered *found, struct energy_meter *meter)
{
	const struct track *track = energy_register(&found->energy);

	meter->stop_us = gathered_end_us(found);
	meter->has_stop = track != NULL;
	meter->stop_wh = track == NULL ? 0 : track->last_wh;
}

/* 1: the verdict is being written; 0: there is nothing to write; or negative. */
static int
judge(struct settle_op *op, const struct gathered *found)
{
	const struct ocppd_value *row = found->row;
	bool is_stopped = row[TX_STOP_US].type == OCPPD_VALUE_INT;
	uint32_t old = (uint32_t)row[TX_FLAGS].number;
	struct energy_meter meter = { .start_wh = row[TX_METER_START].number,
				      .stop_wh = row[TX_METER_STOP].number,
				      .has_start = true,
				      .has_stop = row[TX_METER_STOP].type == OCPPD_VALUE_INT,
				      .start_us = row[TX_START_US].number,
				      .stop_us = row[TX_STOP_US].number };
	struct energy_verdict verdict;

	if ((old & OCPPD_TX_ORPHAN) != 0 ||
	    (!is_stopped && ((old | op->flags) & OCPPD_TX_STALE) == 0))
		return 0;
	/* Flagged although both ends look well: meterStart could not be read. */
	meter.has_start = meter.start_wh >= 0 &&
			  ((old & OCPPD_TX_METER) == 0 ||
			   (is_stopped && (!meter.has_stop || meter.stop_wh < meter.start_wh)));
	if (!is_stopped)
		end_provisionally(found, &meter);
	energy_judge(&meter, &found->energy, &verdict);
	if (!is_stopped) {
		/* Nobody said meterStop: the register did, if anything. */
		verdict.flags &= ~OCPPD_TX_METER;
		if (verdict.method == ENERGY_METER)
			verdict.method = ENERGY_REGISTER;
	}

	const struct ocppd_value values[11] = {
		row[TX_ID],
		ocppd_value_int(verdict.energy_wh),
		ocppd_value_int(verdict.method),
		ocppd_value_int(JUDGED_FLAGS),
		ocppd_value_int(verdict.flags | (is_stopped ? 0 : op->flags)),
		ocppd_value_int(verdict.labels),
		if_positive(verdict.register_wh),
		if_positive(verdict.interval_wh),
		is_stopped ? ocppd_value_null() : ocppd_value_int(meter.stop_us),
		is_stopped || !meter.has_stop ? ocppd_value_null() : ocppd_value_int(meter.stop_wh),
		ocppd_value_int(is_stopped),
	};

	if (is_stopped && is_same(&values[1], &row[TX_ENERGY]) &&
	    is_same(&values[2], &row[TX_METHOD]) && is_same(&values[6], &row[TX_REGISTER]) &&
	    is_same(&values[7], &row[TX_INTERVAL]) &&
	    (old & JUDGED_FLAGS) == (verdict.flags & JUDGED_FLAGS) &&
	    row[TX_LABELS].number == verdict.labels)
		return 0;
	if (is_stopped)
		op->flags = 0;
	return write_verdict(op, values);
}

static void
on_all_known(struct transactions *ctx, int result, const struct gathered *found, void *arg)
{
	struct settle_op *op = arg;
	int r = result;

	if (r >= 0 && found->row != NULL) {
		struct active *active = tx_active_of_row(ctx, found->row);

		if (active != NULL)
			active->settle_mono_us = 0;
		r = judge(op, found);
	}
	if (r <= 0)
		settle_end(op, r);
}

void
tx_settle(struct transactions *ctx, int64_t id, uint32_t flags)
{
	struct settle_op *op;
	int r = OCPPD_ENOMEM;

	if (ctx->is_stopping)
		return; /* what was stored is judged by whoever asks next */
	op = calloc(1, sizeof(*op));
	if (op != NULL) {
		*op = (struct settle_op){ ctx, id, flags };
		r = tx_gather(ctx, id, on_all_known, op);
	}
	if (r < 0) {
		OCPPD_WARN(ctx->host, "transaction.unsettled", OCPPD_INT("transaction", id),
			   OCPPD_STR("err", ocppd_error_name(r)));
		free(op);
	}
}
