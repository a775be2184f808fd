/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Jobs that ended long ago, and rollouts, go with their stories, a bounded number at a time.
 */
#include "firmware.h"

#define SWEEP_MS (3600 * INT64_C(1000))
#define NEXT_MS 1000 /* there is more */
#define BATCH 1000

static void
on_swept(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	 const struct ocppd_error *err, void *arg)
{
	struct firmware *ctx = arg;
	bool is_more = result >= 0 && count > 1 && rows[1].changes >= BATCH;

	if (result >= 0 && count > 1 && rows[1].changes > 0)
		OCPPD_INFO(host, "jobs.forgotten", OCPPD_INT("count", rows[1].changes));
	if (!ctx->is_stopping)
		ocppd_timer_set(ctx->sweep_timer, is_more ? NEXT_MS : SWEEP_MS);
	store_ended(ctx, result, err);
}

void
on_sweep(struct ocppd_host *host, void *arg)
{
	struct firmware *ctx = arg;
	const struct ocppd_value values[] = {
		ocppd_value_int(ocppd_now_us(host) - ctx->conf->retention_s * SECOND_US),
		ocppd_value_int(BATCH),
	};
	struct ocppd_unit *unit = NULL;
	int r;

	if (ctx->is_stopping)
		return;
	r = store_begin(ctx, &unit);
	/* Stories first: which jobs are meant is read from the jobs. */
	if (r >= 0)
		r = ctx->storage->unit_add(unit, host, STATEMENT_STORY_FORGET, values, 2, 0);
	if (r >= 0)
		r = ctx->storage->unit_add(unit, host, STATEMENT_JOB_FORGET, values, 2, 0);
	if (r >= 0)
		r = ctx->storage->unit_add(unit, host, STATEMENT_ROLLOUT_FORGET, values, 1, 0);
	if (r >= 0) {
		store_commit(ctx, unit, on_swept, ctx);
		return;
	}
	ctx->storage->unit_free(unit);
	ocppd_timer_set(ctx->sweep_timer, SWEEP_MS);
}
