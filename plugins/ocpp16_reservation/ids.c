/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Ids of reservations: blocks from a counter row, handed out from memory, so that one is known
 * before it is sent and never given twice. Operators may choose ids of their own: what is on record
 * within a block, or is asked for meanwhile, is passed over.
 */
#include "reservation.h"

#include <string.h>

void
ids_take(struct reservations *ctx, int64_t id)
{
	id_block_mark(&ctx->block, id);
	id_block_mark(&ctx->spare, id);
}

static void
reserve_end(struct reservations *ctx, int result, const struct ocppd_error *err)
{
	ctx->is_reserving = false;
	if (result < 0) {
		ctx->spare.base = 0;
		OCPPD_WARN(ctx->host, "ids.unreserved", OCPPD_STR("err", ocppd_error_name(result)));
	}
	if (ctx->is_starting)
		reservation_started(ctx, result, err);
	else
		sending_go_on(ctx);
}

static void
on_taken(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct reservations *ctx = arg;

	(void)host;
	for (uint32_t i = 0; result >= 0 && i < rows->count; i++)
		id_block_mark(&ctx->spare, rows->values[(size_t)i * rows->columns].number);
	ctx->spare.is_ready = result >= 0;
	reserve_end(ctx, result, err);
	reservation_done(ctx);
}

static void
on_reserved(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	    const struct ocppd_error *err, void *arg)
{
	struct reservations *ctx = arg;
	int r = result;

	(void)count;
	if (r >= 0) {
		memset(&ctx->spare, 0, sizeof(ctx->spare));
		ctx->spare.base = rows[0].values[0].number;

		const struct ocppd_value values[] = {
			ocppd_value_int(ctx->spare.base),
			ocppd_value_int(ctx->spare.base + ID_BLOCK),
		};

		r = ctx->storage->query(ctx->storage_self, host, STATEMENT_TAKEN, values, 2,
					ID_BLOCK, on_taken, ctx);
	} else if (r == OCPPD_ECONFLICT) {
		OCPPD_ERROR(host, "ids.exhausted", OCPPD_INT("max", RESERVATION_ID_MAX));
	}
	if (r >= 0) {
		ctx->outstanding++;
	} else {
		reserve_end(ctx, r, err);
	}
	reservation_done(ctx);
}

int
ids_reserve(struct reservations *ctx)
{
	const struct ocppd_value values[] = {
		ocppd_value_int(id_floor(ocppd_now_us(ctx->host))),
		ocppd_value_int(ID_BLOCK),
	};
	struct ocppd_unit *unit = NULL;
	int r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_RESERVE, values, 2,
					   OCPPD_UNIT_EXPECT_ROW);
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
ids_choose(struct reservations *ctx, int64_t *ret_id)
{
	bool is_found = id_block_next(&ctx->block, ret_id);

	if (!is_found && ctx->spare.is_ready) {
		ctx->block = ctx->spare;
		memset(&ctx->spare, 0, sizeof(ctx->spare));
		is_found = id_block_next(&ctx->block, ret_id);
	}
	if (ctx->spare.base == 0 && ctx->block.next >= ID_BLOCK / 2 && !ctx->is_reserving &&
	    !ctx->is_stopping)
		(void)ids_reserve(ctx);
	return is_found ? 0 : OCPPD_EBUSY;
}
