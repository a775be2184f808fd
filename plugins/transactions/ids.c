/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Ids of transactions: whole blocks are reserved in the table, a block ahead, so that none is given
 * twice and none is waited for. In a database that was put back from a copy they go on far beyond
 * all that may have been given since (quirk G18).
 */
#include "transactions.h"

#define ID_BLOCK 1024

/*
 * Where no copy is left at all, a new database begins where an installation that gives out that
 * many on average could not be yet. With 32 the 31 bits last until 2120, as they do for any use
 * that they can serve for a century.
 */
#define EPOCH_US INT64_C(1735689600000000) /* 2025 */
#define IDS_A_MINUTE 32

/* What may be lost of each life of a database beyond its copy: a burst, and so many a minute. */
#define LOST_BURST 1048576
#define LOST_A_MINUTE 128
#define LOST_MINUTES_MAX 527040 /* a year: a wrong clock must not use the ids up */

#define MINUTE_US 60000000

enum {
	COUNTER_NEXT,
	COUNTER_RESERVED_US,
	COUNTER_LINEAGE,
};

static int64_t
id_floor(int64_t now_us)
{
	int64_t floor;

	if (now_us < EPOCH_US)
		return 1;
	floor = (now_us - EPOCH_US) / MINUTE_US * IDS_A_MINUTE + 1;
	/* A clock that is decades ahead must not use the ids up. */
	return floor > TX_ID_MAX / 4 * 3 ? 1 : floor;
}

static int
add_reserve(struct transactions *ctx, struct ocppd_unit *unit, int64_t count)
{
	int64_t now_us = ocppd_now_us(ctx->host);
	const struct ocppd_value values[] = {
		ocppd_value_int(id_floor(now_us)),
		ocppd_value_int(count),
		ocppd_value_int(now_us),
	};

	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_RESERVE, values, 3,
				      OCPPD_UNIT_EXPECT_ROW);
}

static void
on_reserved(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	    const struct ocppd_error *err, void *arg)
{
	struct transactions *ctx = arg;

	ctx->is_reserving = false;
	if (result >= 0) {
		/* The reservation is the unit's last statement. */
		ctx->spare_next = rows[count - 1].values[0].number;
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

static int
commit_block(struct transactions *ctx, struct ocppd_unit *unit)
{
	int r = add_reserve(ctx, unit, ID_BLOCK);

	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	ctx->is_reserving = true;
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_reserved, ctx);
	return 0;
}

static int
ids_reserve(struct transactions *ctx)
{
	struct ocppd_unit *unit = NULL;
	int r = tx_unit(ctx, NULL, &unit);

	return r < 0 ? r : commit_block(ctx, unit);
}

/* ---- Start ----------------------------------------------------------------------------------
 */

/* How far beyond `row` the ids go on, `lives` being how often it may have been put back. */
static int64_t
lost_ids(const struct ocppd_value *row, int64_t lives, int64_t now_us)
{
	int64_t next = row[COUNTER_NEXT].number;
	int64_t reserved_us = row[COUNTER_RESERVED_US].number;
	int64_t half = (TX_ID_MAX - next) / 2;
	int64_t minutes = 0;

	if (next <= 1)
		return 0; /* nothing was given out */
	if (reserved_us > 0 && now_us > reserved_us)
		minutes = (now_us - reserved_us) / MINUTE_US;
	if (minutes > LOST_MINUTES_MAX)
		minutes = LOST_MINUTES_MAX;
	if (lives > half / LOST_BURST)
		return half;
	if (lives * LOST_BURST + minutes * LOST_A_MINUTE > half)
		return half;
	return lives * LOST_BURST + minutes * LOST_A_MINUTE;
}

/* Past what is lost, and a block from there, in one commit. */
static int
leap(struct transactions *ctx, const struct ocppd_value *row)
{
	int64_t lives = ctx->lineage - row[COUNTER_LINEAGE].number;
	int64_t lost = lost_ids(row, lives > 0 ? lives : 1, ocppd_now_us(ctx->host));
	const struct ocppd_value values[] = {
		ocppd_value_int(lost),
		ocppd_value_int(ctx->lineage),
	};
	struct ocppd_unit *unit = NULL;
	int r = tx_unit(ctx, NULL, &unit);

	if (r < 0)
		return r;
	r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_LEAP, values, 2,
				   OCPPD_UNIT_EXPECT_ROW);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	if (lost > 0)
		OCPPD_INFO(ctx->host, "ids.skipped", OCPPD_INT("count", lost),
			   OCPPD_INT("from", row[COUNTER_NEXT].number));
	return commit_block(ctx, unit);
}

static void
on_counter(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	   const struct ocppd_error *err, void *arg)
{
	struct transactions *ctx = arg;
	int r = result;

	(void)host;
	if (r >= 0 && rows->count != 1)
		r = OCPPD_EIO;
	if (r >= 0)
		r = rows->values[COUNTER_LINEAGE].number == ctx->lineage ? ids_reserve(ctx)
									 : leap(ctx, rows->values);
	if (r < 0)
		tx_started(ctx, r, err);
	tx_done(ctx);
}

int
ids_start(struct transactions *ctx)
{
	int r;

	/* An engine that cannot tell: as if it were the same database for ever. */
	ctx->lineage = ctx->storage->lineage == NULL ? 0 : ctx->storage->lineage(ctx->storage_self);
	if (ctx->lineage == 0)
		return ids_reserve(ctx);
	r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_COUNTER, NULL, 0, 1,
				on_counter, ctx);
	if (r >= 0)
		ctx->outstanding++;
	return r;
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
