/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The reservations that hold, in memory: by station, and in one list for expiry. What is over is in
 * the table only.
 */
#include "reservation.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_MS 60000 /* the wall clock may be set: never trust a longer wait */

struct station_slot *
live_slot(struct reservations *ctx, struct ocppd_station *station)
{
	return ocppd_station_slot(ctx->host, station, ctx->slot);
}

struct live *
live_find(struct reservations *ctx, struct ocppd_station *station, int64_t id)
{
	struct live *live = live_slot(ctx, station)->first;

	while (live != NULL && live->terms.id != id)
		live = live->next;
	return live;
}

struct live *
live_find_any(struct reservations *ctx, const char *station_id, int64_t id, bool *ret_is_ambiguous)
{
	struct live *found = NULL;
	struct live *live;

	*ret_is_ambiguous = false;
	TAILQ_FOREACH (live, &ctx->live, all) {
		if (live->terms.id != id ||
		    (station_id != NULL &&
		     strcmp(station_id, ocppd_station_id(live->station)) != 0))
			continue;
		*ret_is_ambiguous = found != NULL;
		found = live;
	}
	return found;
}

static void
count_live(struct reservations *ctx)
{
	(void)ocppd_metric_set(ctx->host, METRIC_ACTIVE, NULL, ctx->live_count);
}

struct live *
live_put(struct reservations *ctx, struct ocppd_station *station, const struct terms *terms,
	 int64_t created_us, bool is_confirmed)
{
	struct live *live = live_find(ctx, station, terms->id);

	if (live == NULL) {
		live = calloc(1, sizeof(*live));
		if (live == NULL)
			return NULL;
		live->station = station;
		live->next = live_slot(ctx, station)->first;
		live_slot(ctx, station)->first = live;
		TAILQ_INSERT_TAIL(&ctx->live, live, all);
		ctx->live_count++;
		count_live(ctx);
	}
	live->terms = *terms;
	live->created_us = created_us;
	live->is_confirmed = is_confirmed;
	return live;
}

void
live_remove(struct reservations *ctx, struct live *live)
{
	struct live **at = &live_slot(ctx, live->station)->first;

	while (*at != live)
		at = &(*at)->next;
	*at = live->next;
	TAILQ_REMOVE(&ctx->live, live, all);
	ctx->live_count--;
	count_live(ctx);
	free(live);
}

void
live_end(struct reservations *ctx, struct live *live, const char *status, const char *reason,
	 int64_t transaction_id)
{
	const struct note note = {
		.station_id = ocppd_station_id(live->station),
		.id = live->terms.id,
		.status = status,
		.reason = reason,
		.transaction_id = transaction_id,
	};

	store_change(ctx, &note);
	live_remove(ctx, live);
}

/* ---- Expiry -----------------------------------------------------------------------------------
 */

void
live_arm(struct reservations *ctx)
{
	int64_t now_us = ocppd_now_us(ctx->host);
	int64_t left_ms = LOOK_MS;
	const struct live *live;

	if (ctx->timer == NULL) /* stopping */
		return;
	if (TAILQ_EMPTY(&ctx->live)) {
		ocppd_timer_cancel(ctx->timer);
		return;
	}
	TAILQ_FOREACH (live, &ctx->live, all) {
		int64_t ms = live->terms.expiry_us <= now_us
				     ? 0
				     : (live->terms.expiry_us - now_us) / 1000 + 1;

		if (ms < left_ms)
			left_ms = ms;
	}
	ocppd_timer_set(ctx->timer, left_ms);
}

/* The station's own word may be lost with its connection: our clock decides. */
void
on_expiry(struct ocppd_host *host, void *arg)
{
	struct reservations *ctx = arg;
	int64_t now_us = ocppd_now_us(host);
	struct live *live = TAILQ_FIRST(&ctx->live);

	while (live != NULL) {
		struct live *next = TAILQ_NEXT(live, all);

		if (live->terms.expiry_us <= now_us)
			live_end(ctx, live, STATUS_EXPIRED, "its expiryDate passed", 0);
		live = next;
	}
	live_arm(ctx);
}

void
live_forget(struct reservations *ctx)
{
	struct live *live;

	while ((live = TAILQ_FIRST(&ctx->live)) != NULL)
		live_remove(ctx, live);
}

void
live_free(struct reservations *ctx)
{
	struct live *live;

	while ((live = TAILQ_FIRST(&ctx->live)) != NULL) {
		TAILQ_REMOVE(&ctx->live, live, all);
		free(live);
	}
}

/* ---- A station is deleted ---------------------------------------------------------------------
 */

#define DELETED "its station was deleted"

static int
data_forget(void *self, struct ocppd_host *host, struct ocppd_station *station,
	    struct ocppd_unit *unit)
{
	struct reservations *ctx = self;
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(station)),
		ocppd_value_str(DELETED),
		ocppd_value_int(ocppd_now_us(ctx->host)),
	};
	int r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_CANCEL_ALL, values, 3, 0);

	(void)host;
	return r < 0 ? r : 0;
}

/* The line of the story and the event. */
static void
data_forgotten(void *self, struct ocppd_host *host, struct ocppd_station *station)
{
	struct reservations *ctx = self;
	struct live *live;

	(void)host;
	while ((live = live_slot(ctx, station)->first) != NULL)
		live_end(ctx, live, STATUS_CANCELLED, DELETED, 0);
	live_arm(ctx);
}

const struct ocppd_station_data_ops live_data_ops = {
	sizeof(live_data_ops),
	.forget = data_forget,
	.forgotten = data_forgotten,
};
