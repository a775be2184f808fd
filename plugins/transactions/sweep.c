/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Transactions that never stop (quirk G06). A timer looks at what is under way, a slice at a time:
 * what its connector's status or its station's reboot says is over becomes stale. Status informs
 * and never decides alone (F06): readings of the transaction's own keep it going, and bring one
 * back that was given up.
 */
#include "transactions.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define S_US INT64_C(1000000)
#define RETRY_US (30 * S_US)
#define INTERVAL_MAX_MS 30000
#define INTERVAL_MIN_MS 250
#define SLICE_BUCKETS 4096
#define SLICE_STALE 64 /* looked up at a time */

/* ---- What is over? ------------------------------------------------------------------------------
 */

struct free_connector {
	const struct active *active;
	bool is_free;
};

static int
look_at_connector(const struct ocppd_connector_info *info, void *arg)
{
	struct free_connector *look = arg;
	const struct active *active = look->active;

	if (info->place.evse != active->place.evse ||
	    info->place.connector != active->place.connector)
		return 0;
	/* What was Available before the start and never changed says nothing. */
	look->is_free = info->status != NULL && strcmp(info->status, "Available") == 0 &&
			info->received_us > active->received_us;
	return 1;
}

/* For how long the connector was seen to be free. */
static int64_t
free_for_us(struct transactions *ctx, struct active *active, int64_t mono_us)
{
	struct free_connector look = { active, false };

	if (ctx->stations != NULL && active->place.evse > 0)
		(void)ctx->stations->connector_each(ctx->stations_self, ctx->host, active->station,
						    look_at_connector, &look);
	if (!look.is_free)
		active->free_mono_us = 0;
	else if (active->free_mono_us < active->alive_mono_us)
		active->free_mono_us = mono_us;
	return look.is_free ? mono_us - active->free_mono_us : 0;
}

/* The word for the log; NULL: it goes on. */
static const char *
why_stale(struct transactions *ctx, struct active *active, int64_t mono_us)
{
	if (active->is_pending || (active->flags & OCPPD_TX_STALE) != 0)
		return NULL;
	/* Storage may have refused: then once more, later. */
	if (active->settle_mono_us != 0 && mono_us - active->settle_mono_us < RETRY_US)
		return NULL;
	if ((active->flags & OCPPD_TX_SUSPENDED) != 0 &&
	    mono_us - active->alive_mono_us > ctx->conf->stale_reboot_s * S_US)
		return "reboot";
	return free_for_us(ctx, active, mono_us) > ctx->conf->stale_available_s * S_US ? "available"
										       : NULL;
}

static void
make_stale(struct transactions *ctx, struct active *active, const char *trigger)
{
	active->settle_mono_us = ocppd_mono_us(ctx->host);
	ocppd_quirk_hit(ctx->host, active->station, "G06", NULL);
	OCPPD_INFO(ctx->host, "transaction.given_up",
		   OCPPD_STR("station", ocppd_station_id(active->station)),
		   OCPPD_INT("transaction", active->id), OCPPD_STR("trigger", trigger));
	tx_settle(ctx, active->id, OCPPD_TX_STALE);
}

static void
drop_recents(struct transactions *ctx, int64_t mono_us)
{
	struct recent *recent;

	while ((recent = TAILQ_FIRST(&ctx->active.recents)) != NULL &&
	       recent->until_mono_us < mono_us)
		recent_remove(&ctx->active, recent);
}

static int64_t
interval_ms(const struct transactions *ctx)
{
	int64_t shorter_s = ctx->conf->stale_available_s < ctx->conf->stale_reboot_s
				    ? ctx->conf->stale_available_s
				    : ctx->conf->stale_reboot_s;
	int64_t ms = shorter_s * 1000 / 4;

	if (ms < INTERVAL_MIN_MS)
		return INTERVAL_MIN_MS;
	return ms > INTERVAL_MAX_MS ? INTERVAL_MAX_MS : ms;
}

static void
on_sweep(struct ocppd_host *host, void *arg)
{
	struct transactions *ctx = arg;
	int64_t mono_us = ocppd_mono_us(host);
	size_t end = ctx->sweep_at + SLICE_BUCKETS;
	uint32_t stale = 0;

	drop_recents(ctx, mono_us);
	for (;
	     ctx->sweep_at < end && ctx->sweep_at < ctx->active.bucket_count && stale < SLICE_STALE;
	     ctx->sweep_at++) {
		struct active *active = ctx->active.buckets[ctx->sweep_at];

		for (; active != NULL; active = active->chained) {
			const char *trigger = why_stale(ctx, active, mono_us);

			if (trigger == NULL)
				continue;
			make_stale(ctx, active, trigger);
			stale++;
		}
	}
	if (ctx->sweep_at < ctx->active.bucket_count) {
		ocppd_timer_set(ctx->sweeper, stale > 0 ? INTERVAL_MIN_MS : 0);
		return;
	}
	ctx->sweep_at = 0;
	ocppd_timer_set(ctx->sweeper, interval_ms(ctx));
}

int
sweep_start(struct transactions *ctx)
{
	if (ctx->sweeper == NULL)
		ctx->sweeper = ocppd_timer_new(ctx->host, on_sweep, ctx);
	if (ctx->sweeper == NULL)
		return OCPPD_ENOMEM;
	ctx->sweep_at = 0;
	ocppd_timer_set(ctx->sweeper, interval_ms(ctx));
	return 0;
}

void
sweep_stop(struct transactions *ctx)
{
	if (ctx->sweeper != NULL)
		ocppd_timer_cancel(ctx->sweeper);
}

/* ---- What goes on after all ---------------------------------------------------------------------
 */

static void
on_revived(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct transactions *ctx = arg;
	struct active *active;

	(void)err;
	if (result < 0) {
		OCPPD_WARN(host, "transaction.unrevived",
			   OCPPD_STR("err", ocppd_error_name(result)));
	} else if (count > 0 && rows[0].count > 0) {
		active = tx_active_of_row(ctx, rows[0].values);
		if (active != NULL)
			active->flags &= ~OCPPD_TX_STALE;
		OCPPD_INFO(host, "transaction.revived",
			   OCPPD_INT("transaction", rows[0].values[TX_ID].number));
		tx_publish_updated(ctx, rows[0].values);
	}
	tx_done(ctx);
}

void
tx_heard_again(struct transactions *ctx, struct active *active)
{
	const struct ocppd_value id = ocppd_value_int(active->id);
	struct ocppd_unit *unit = NULL;
	int r;

	if (active_has_younger(tx_slot(ctx, active->station), active)) {
		/* It is over; its last reading is a later one than it was. */
		tx_settle(ctx, active->id, OCPPD_TX_STALE);
		return;
	}
	r = tx_unit(ctx, NULL, &unit);
	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_REVIVE, &id, 1, 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		OCPPD_WARN(ctx->host, "transaction.unrevived", OCPPD_INT("transaction", active->id),
			   OCPPD_STR("err", ocppd_error_name(r)));
		return;
	}
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_revived, ctx);
}
