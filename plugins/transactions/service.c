/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The services: what start.c, stop.c and readings.c do, and what is answered out of memory. And
 * what stands against forgetting a station.
 */
#include "transactions.h"

#include <stdlib.h>
#include <string.h>

static void
tell(const struct active *active, struct ocppd_tx_info *ret)
{
	uint32_t size = ret->struct_size;
	struct ocppd_tx_info info = {
		.struct_size = size,
		.flags = active->flags,
		.transaction_id = active->id,
		.station = active->station,
		.place = active->place,
		.token = active->token,
		.parent = active->parent,
		.start_us = active->start_us,
		.meter_start_wh = active->meter_start_wh,
		.id_text = active->id_text,
		.token_type = active->token_type,
	};

	memcpy(ret, &info, size < sizeof(info) ? size : sizeof(info));
}

static int
ops_active_find(void *self, struct ocppd_host *host, struct ocppd_station *station,
		int64_t transaction_id, struct ocppd_tx_info *ret_info)
{
	struct transactions *ctx = self;
	const struct active *active = active_by_id(tx_slot(ctx, station), transaction_id);

	(void)host;
	if (active == NULL)
		return OCPPD_ENOENT;
	tell(active, ret_info);
	return 0;
}

static int
ops_active_each(void *self, struct ocppd_host *host, struct ocppd_station *station,
		ocppd_tx_info_fn *fn, void *arg)
{
	struct transactions *ctx = self;
	const struct active *active = tx_slot(ctx, station)->first;
	int r = 0;

	(void)host;
	for (; active != NULL && r == 0; active = active->next) {
		struct ocppd_tx_info info = { .struct_size = sizeof(info) };

		if (active->is_pending)
			continue;
		tell(active, &info);
		r = fn(&info, arg);
	}
	return r;
}

/* Its end, and what it cost, would never come in. All that is on record stays. */
static int
data_objection(void *self, struct ocppd_host *host, struct ocppd_station *station,
	       struct ocppd_error *err)
{
	struct transactions *ctx = self;
	const struct active *active = tx_slot(ctx, station)->first;

	(void)host;
	while (active != NULL && (active->flags & OCPPD_TX_STALE) != 0)
		active = active->next;
	if (active == NULL)
		return 0;
	if (active->is_pending)
		return ocppd_error_set(err, OCPPD_ECONFLICT,
				       "A transaction of this station is beginning");
	return ocppd_error_set(err, OCPPD_ECONFLICT,
			       "Transaction %lld of this station is under way: stop it "
			       "(RemoteStopTransaction), or close its record with "
			       "POST /v1/transactions/%lld/stop",
			       (long long)active->id, (long long)active->id);
}

static uint32_t
ops_active_count(void *self, struct ocppd_host *host, const struct ocppd_token *token)
{
	const struct transactions *ctx = self;

	(void)host;
	return token->text == NULL ? 0 : active_count(&ctx->active, token->text, NULL);
}

struct reboot_op {
	struct transactions *ctx;
	struct ocppd_host *asker;
	ocppd_tx_fn *fn;
	void *arg;
	struct ocppd_station *station;
};

static void
on_rebooted(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	    const struct ocppd_error *err, void *arg)
{
	struct reboot_op *op = arg;
	struct transactions *ctx = op->ctx;

	(void)host;
	(void)rows;
	(void)count;
	(void)err;
	for (struct active *active = tx_slot(ctx, op->station)->first;
	     active != NULL && result >= 0; active = active->next) {
		if (active->is_pending)
			continue;
		active->flags |= OCPPD_TX_SUSPENDED;
		active->alive_mono_us = ocppd_mono_us(ctx->host);
	}
	op->fn(op->asker, result, NULL, op->arg);
	free(op);
	tx_done(ctx);
}

static int
ops_rebooted(void *self, struct ocppd_host *host, struct ocppd_station *station, ocppd_tx_fn *fn,
	     void *arg)
{
	struct transactions *ctx = self;
	const struct active *active = tx_slot(ctx, station)->first;
	struct ocppd_unit *unit = NULL;
	struct reboot_op *op = NULL;
	int r = 0;

	for (; active != NULL && r >= 0; active = active->next) {
		const struct ocppd_value values[] = { ocppd_value_int(active->id),
						      ocppd_value_int(OCPPD_TX_SUSPENDED) };

		if (active->is_pending || (active->flags & OCPPD_TX_SUSPENDED) != 0)
			continue;
		if (unit == NULL)
			r = tx_unit(ctx, NULL, &unit);
		if (r >= 0)
			r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_FLAG, values, 2, 0);
	}
	if (unit == NULL)
		return r;
	if (r >= 0)
		op = calloc(1, sizeof(*op));
	if (op == NULL) {
		ctx->storage->unit_free(unit);
		return r < 0 ? r : OCPPD_ENOMEM;
	}
	*op = (struct reboot_op){ ctx, host, fn, arg, station };
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_rebooted, op);
	return OCPPD_PENDING;
}

const struct ocppd_transactions_ops transactions_ops = {
	sizeof(transactions_ops),
	.start = tx_start,
	.stop = tx_stop,
	.readings = tx_readings,
	.active_find = ops_active_find,
	.active_each = ops_active_each,
	.active_count = ops_active_count,
	.rebooted = ops_rebooted,
};
const struct ocppd_station_data_ops station_data_ops = {
	sizeof(station_data_ops),
	.objection = data_objection,
};
