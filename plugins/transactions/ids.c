/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Ids of transactions: whole blocks are reserved in the table, a block ahead, so that none is given
 * twice and none is waited for.
 */
#include "transactions.h"

#define ID_BLOCK 1024

/*
 * Quirk G18: ids stay unique after a restored database. A block never begins below 128 for each
 * minute since 2025: as long as an installation hands out fewer on average, what a lost copy gave
 * away lies behind.
 */
#define EPOCH_US INT64_C(1735689600000000)
#define IDS_A_MINUTE 128

static int64_t
id_floor(int64_t now_us)
{
	int64_t floor;

	if (now_us < EPOCH_US)
		return 1;
	floor = (now_us - EPOCH_US) / 60000000 * IDS_A_MINUTE + 1;
	/* A clock that is decades ahead must not use the ids up. */
	return floor > TX_ID_MAX / 4 * 3 ? 1 : floor;
}

static int
add_reserve(struct transactions *ctx, struct ocppd_unit *unit, int64_t count)
{
	const struct ocppd_value values[] = {
		ocppd_value_int(id_floor(ocppd_now_us(ctx->host))),
		ocppd_value_int(count),
	};

	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_RESERVE, values, 2,
				      OCPPD_UNIT_EXPECT_ROW);
}

static void
on_reserved(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	    const struct ocppd_error *err, void *arg)
{
	struct transactions *ctx = arg;

	(void)count;
	ctx->is_reserving = false;
	if (result >= 0) {
		ctx->spare_next = rows[0].values[0].number;
		ctx->spare_end = ctx->spare_next + ID_BLOCK;
	} else if (result == OCPPD_ECONFLICT) {
		OCPPD_ERROR(host, "ids.exhausted", OCPPD_INT("max", TX_ID_MAX));
	} else {
		OCPPD_WARN(host, "ids.unreserved", OCPPD_STR("err", ocppd_error_name(result)));
	}
	if (ctx->is_starting)
		tx_started(ctx, result, err);
	tx_done(ctx);
}

int
ids_reserve(struct transactions *ctx)
{
	struct ocppd_unit *unit = NULL;
	int r = tx_unit(ctx, NULL, &unit);

	if (r >= 0)
		r = add_reserve(ctx, unit, ID_BLOCK);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	ctx->is_reserving = true;
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_reserved, ctx);
	return 0;
}

int
tx_id(struct transactions *ctx, struct ocppd_unit *unit, struct ocppd_value *ret_id)
{
	int r;

	if (ctx->id_next == ctx->id_end) {
		ctx->id_next = ctx->spare_next;
		ctx->id_end = ctx->spare_end;
		ctx->spare_next = ctx->spare_end = 0;
	}
	if (ctx->spare_next == ctx->spare_end && !ctx->is_reserving && !ctx->is_stopping)
		(void)ids_reserve(ctx); /* without it the units below make their own */
	if (ctx->id_next < ctx->id_end) {
		*ret_id = ocppd_value_int(ctx->id_next++);
		return 0;
	}
	r = add_reserve(ctx, unit, 1);
	if (r < 0)
		return r;
	*ret_id = ocppd_value_ref((uint32_t)r, 0);
	return 0;
}
