/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Forgetting: what ended longer ago than is to be kept goes from the tables, with its history, some
 * at a time. What holds is never touched.
 */
#include "reservation.h"

#define PAGE 500
#define SOON_MS 1000
#define LOOK_MS 600000

static void
on_forgotten(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	     const struct ocppd_error *err, void *arg)
{
	struct reservations *ctx = arg;
	int64_t forgotten = result >= 0 && count == 2 ? rows[1].changes : 0;

	if (result < 0)
		OCPPD_WARN(host, "reservations.kept", OCPPD_STR("err", ocppd_error_name(result)),
			   OCPPD_STR("text", err == NULL ? NULL : err->text));
	if (forgotten > 0)
		OCPPD_INFO(host, "reservations.forgotten", OCPPD_INT("count", forgotten));
	if (ctx->retain_timer != NULL)
		ocppd_timer_set(ctx->retain_timer, forgotten == PAGE ? SOON_MS : LOOK_MS);
	reservation_done(ctx);
}

void
on_retain(struct ocppd_host *host, void *arg)
{
	struct reservations *ctx = arg;
	const struct ocppd_value values[] = {
		ocppd_value_int(ocppd_now_us(host) - ctx->conf->keep_s * INT64_C(1000000)),
		ocppd_value_int(PAGE),
	};
	struct ocppd_unit *unit = NULL;
	int r;

	ocppd_timer_set(ctx->retain_timer, LOOK_MS);
	if (ctx->conf->keep_s == 0)
		return;
	r = ctx->storage->unit_new(ctx->storage_self, host, &unit);
	if (r >= 0)
		r = ctx->storage->unit_add(unit, host, STATEMENT_FORGET_HISTORY, values, 2, 0);
	if (r >= 0)
		r = ctx->storage->unit_add(unit, host, STATEMENT_FORGET, values, 2, 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		OCPPD_WARN(host, "reservations.kept", OCPPD_STR("err", ocppd_error_name(r)));
		return;
	}
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_forgotten, ctx);
}
