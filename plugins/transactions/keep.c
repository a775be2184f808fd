/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Retention: what is older than an operator wants to keep goes, a little at a time. Ids rise with
 * time, so the table is walked in their order, by the time of receipt: stations' clocks decide
 * nothing here. What has no stop is never touched.
 */
#include "transactions.h"

#include <stdlib.h>

#define IDLE_MS 600000 /* between two walks */
#define BUSY_MS 200    /* between two portions of one */
#define FIRST_MS 1000
#define PORTION 100            /* transactions */
#define UNMATCHED_PORTION 1000 /* moments */
#define SECOND_US INT64_C(1000000)
#define WALK_US (86400 * SECOND_US) /* what was passed by, being under way, is looked at again */

static int64_t
cutoff_us(const struct transactions *ctx, int64_t keep_s)
{
	return ocppd_now_us(ctx->host) - keep_s * SECOND_US;
}

/* The transactions' own time to live counts for their readings, too. */
static int64_t
readings_keep_s(const struct transactions_conf *conf)
{
	if (conf->keep_readings_s == 0 ||
	    (conf->keep_transactions_s != 0 && conf->keep_transactions_s < conf->keep_readings_s))
		return conf->keep_transactions_s;
	return conf->keep_readings_s;
}

static void
plan(struct transactions *ctx, int64_t delay_ms)
{
	const struct transactions_conf *conf = ctx->conf;

	if (ctx->is_stopping || ctx->keeper == NULL)
		return;
	if (conf->keep_readings_s == 0 && conf->keep_transactions_s == 0 &&
	    conf->keep_unmatched_s == 0)
		return; /* for ever; a reload plans anew */
	ocppd_timer_set(ctx->keeper, delay_ms);
}

/* ---- One portion ------------------------------------------------------------------------------
 */

static void
on_pruned(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct transactions *ctx = arg;
	struct keep *keep = &ctx->keep;
	bool is_more = keep->is_more;

	if (result < 0) {
		OCPPD_WARN(host, "transactions.unpruned",
			   OCPPD_STR("err", ocppd_error_name(result)),
			   OCPPD_STR("text", err == NULL ? NULL : err->text));
		is_more = false;
	} else {
		for (uint32_t i = 0; i < count; i++)
			keep->gone[i < KEEP_KINDS ? keep->kinds[i] : 0] +=
				(uint64_t)rows[i].changes;
		is_more |= keep->unmatched_at < count &&
			   rows[keep->unmatched_at].changes == UNMATCHED_PORTION;
		keep->after = keep->last;
	}
	ctx->is_pruning = false;
	if (!is_more) {
		if (keep->gone[KEEP_READINGS] + keep->gone[KEEP_TRANSACTIONS] +
			    keep->gone[KEEP_UNMATCHED] >
		    0)
			OCPPD_INFO(
				host, "transactions.pruned",
				OCPPD_INT("transactions", (int64_t)keep->gone[KEEP_TRANSACTIONS]),
				OCPPD_INT("readings", (int64_t)keep->gone[KEEP_READINGS]),
				OCPPD_INT("unmatched", (int64_t)keep->gone[KEEP_UNMATCHED]));
		for (uint32_t i = 0; i < KEEP_KINDS; i++)
			keep->gone[i] = 0;
		if (ocppd_mono_us(host) - keep->began_mono_us > WALK_US) {
			keep->after = 0;
			keep->began_mono_us = ocppd_mono_us(host);
		}
	}
	plan(ctx, is_more ? BUSY_MS : IDLE_MS);
	tx_done(ctx);
}

static int
add(struct transactions *ctx, struct ocppd_unit *unit, uint32_t kind,
    const struct ocppd_value values[3])
{
	static const uint32_t statements[KEEP_KINDS] = {
		[KEEP_READINGS] = STATEMENT_PRUNE_READINGS,
		[KEEP_TRANSACTIONS] = STATEMENT_PRUNE,
		[KEEP_UNMATCHED] = STATEMENT_PRUNE_UNMATCHED,
	};
	uint32_t count = kind == KEEP_UNMATCHED ? 2 : 3;
	int r = ctx->storage->unit_add(unit, ctx->host, statements[kind], values, count, 0);

	if (r >= 0 && r < KEEP_KINDS)
		ctx->keep.kinds[r] = (uint8_t)kind;
	return r;
}

static int
fill(struct transactions *ctx, struct ocppd_unit *unit)
{
	const struct transactions_conf *conf = ctx->conf;
	struct keep *keep = &ctx->keep;
	struct ocppd_value values[3] = { ocppd_value_int(keep->after), ocppd_value_int(keep->last),
					 ocppd_value_null() };
	int r = 0;

	keep->unmatched_at = UINT32_MAX;
	if (keep->last > keep->after) {
		values[2] = ocppd_value_int(cutoff_us(ctx, readings_keep_s(conf)));
		r = add(ctx, unit, KEEP_READINGS, values);
	}
	if (r >= 0 && keep->last > keep->after && conf->keep_transactions_s > 0) {
		values[2] = ocppd_value_int(cutoff_us(ctx, conf->keep_transactions_s));
		r = add(ctx, unit, KEEP_TRANSACTIONS, values);
	}
	if (r >= 0 && conf->keep_unmatched_s > 0) {
		values[0] = ocppd_value_int(cutoff_us(ctx, conf->keep_unmatched_s));
		values[1] = ocppd_value_int(UNMATCHED_PORTION);
		r = add(ctx, unit, KEEP_UNMATCHED, values);
		keep->unmatched_at = r >= 0 ? (uint32_t)r : UINT32_MAX;
	}
	return r;
}

static int
prune(struct transactions *ctx)
{
	struct ocppd_unit *unit = NULL;
	int r = tx_unit(ctx, NULL, &unit);

	if (r >= 0)
		r = fill(ctx, unit);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	ctx->storage->unit_commit(unit, on_pruned, ctx);
	return 0;
}

static void
on_ids(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
       const struct ocppd_error *err, void *arg)
{
	struct transactions *ctx = arg;
	struct keep *keep = &ctx->keep;
	int64_t cutoff = cutoff_us(ctx, readings_keep_s(ctx->conf));
	int r = result;

	(void)err;
	keep->last = keep->after;
	keep->is_more = false;
	if (r >= 0 && !ctx->is_stopping) {
		for (uint32_t i = 0; i < rows->count; i++) {
			const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;

			if (readings_keep_s(ctx->conf) == 0 || row[1].number >= cutoff)
				break;
			keep->last = row[0].number;
			keep->is_more = i + 1 == PORTION;
		}
		r = prune(ctx);
		if (r >= 0)
			return;
	}
	if (r < 0)
		OCPPD_WARN(host, "transactions.unpruned", OCPPD_STR("err", ocppd_error_name(r)));
	ctx->is_pruning = false;
	plan(ctx, IDLE_MS);
	tx_done(ctx);
}

static void
on_timer(struct ocppd_host *host, void *arg)
{
	struct transactions *ctx = arg;
	const struct ocppd_value values[] = { ocppd_value_int(ctx->keep.after),
					      ocppd_value_int(PORTION) };
	int r = 0;

	if (ctx->is_pruning) { /* begun before a reload */
		plan(ctx, FIRST_MS);
		return;
	}
	r = ctx->storage->query(ctx->storage_self, host, STATEMENT_IDS, values, 2, PORTION, on_ids,
				ctx);
	if (r < 0) {
		plan(ctx, IDLE_MS);
		return;
	}
	ctx->is_pruning = true;
	ctx->outstanding++;
}

/* ---- Life -------------------------------------------------------------------------------------
 */

int
keep_start(struct transactions *ctx)
{
	if (ctx->keeper == NULL)
		ctx->keeper = ocppd_timer_new(ctx->host, on_timer, ctx);
	if (ctx->keeper == NULL)
		return OCPPD_ENOMEM;
	/* What was passed by may be too old by now's options. */
	ctx->keep = (struct keep){ .began_mono_us = ocppd_mono_us(ctx->host) };
	plan(ctx, FIRST_MS);
	return 0;
}

void
keep_stop(struct transactions *ctx)
{
	if (ctx->keeper != NULL)
		ocppd_timer_cancel(ctx->keeper);
}
