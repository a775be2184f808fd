/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * When nobody asks: stations are queued when they connect, when tags change (both only with `sync:
 * automatic`) and when they report a conflict, and then brought up to date one after the other, at
 * a pace, a few at a time.
 */
#include "local_list.h"

#include <ocppd/event/connector.h>
#include <ocppd/event/id_tag.h>
#include <ocppd/event/station.h>

#include <string.h>

#define SYNC_AUTOMATIC 1

static bool
is_reachable(struct ocppd_station *station)
{
	struct ocppd_connection_info info = { .struct_size = sizeof(info) };

	return ocppd_station_registration(station) == OCPPD_REG_ACCEPTED &&
	       ocppd_station_connection(station, &info) == 0 &&
	       strcmp(info.protocol, PROTOCOL) == 0;
}

static bool
is_too_early(const struct lists *ctx, int64_t since_mono_us)
{
	return since_mono_us != 0 &&
	       ocppd_mono_us(ctx->host) - since_mono_us < ctx->conf->retry_ms * 1000;
}

static void
enqueue(struct lists *ctx, struct ocppd_station *station, bool is_check, bool is_conflict)
{
	struct list_slot *slot = lists_slot(ctx, station);

	if (ctx->is_stopping || is_too_early(ctx, slot->failed_mono_us))
		return;
	slot->is_check = slot->is_check || is_check;
	if (slot->is_queued) {
		slot->is_conflict = slot->is_conflict && is_conflict;
		return;
	}
	slot->is_queued = true;
	slot->is_conflict = is_conflict;
	if (TAILQ_EMPTY(&ctx->queue))
		ocppd_timer_set(ctx->pace_timer, ctx->conf->pace_ms);
	TAILQ_INSERT_TAIL(&ctx->queue, slot, queue);
}

/* ---- Pace -------------------------------------------------------------------------------------
 */

static void
begin(struct lists *ctx, struct list_slot *slot)
{
	struct job *job;

	/* It comes back by itself when it connects, or may have failed since it was queued. */
	if (!is_reachable(slot->station) || is_too_early(ctx, slot->failed_mono_us))
		return;
	job = job_new(ctx, slot->station, JOB_SYNC);
	if (job == NULL)
		return;
	job->is_automatic = true;
	job->is_check = slot->is_check;
	job->is_conflict = slot->is_conflict;
	slot->is_check = false;
	ctx->running++;
	(void)job_begin(job); /* its place is free */
}

static void
on_pace(struct ocppd_host *host, void *arg)
{
	struct lists *ctx = arg;
	struct list_slot *slot = TAILQ_FIRST(&ctx->queue);

	(void)host;
	if (slot == NULL || ctx->is_stopping)
		return;
	if ((int64_t)ctx->running < ctx->conf->parallel) {
		TAILQ_REMOVE(&ctx->queue, slot, queue);
		if (slot->job != NULL) {
			TAILQ_INSERT_TAIL(&ctx->queue, slot, queue);
		} else {
			slot->is_queued = false;
			begin(ctx, slot);
		}
	}
	if (!TAILQ_EMPTY(&ctx->queue))
		ocppd_timer_set(ctx->pace_timer, ctx->conf->pace_ms);
}

void
automatic_ended(struct lists *ctx)
{
	ctx->running--;
}

/* ---- Causes -----------------------------------------------------------------------------------
 */

static int
enqueue_one(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	(void)host;
	if (is_reachable(station))
		enqueue(arg, station, false, false);
	return 0;
}

static void
on_settled(struct ocppd_host *host, void *arg)
{
	struct lists *ctx = arg;

	ctx->is_settling = false;
	if (ctx->conf->is_automatic != SYNC_AUTOMATIC || ctx->is_stopping)
		return;
	(void)ocppd_station_each(host, enqueue_one, ctx);
	/* Those that failed get another chance then. */
	ocppd_timer_set(ctx->settle_timer, ctx->conf->retry_ms);
}

/* Many changes in a row make one synchronisation. */
static void
settle(struct lists *ctx)
{
	if (ctx->conf->is_automatic != SYNC_AUTOMATIC || ctx->is_settling)
		return;
	ctx->is_settling = true;
	ocppd_timer_set(ctx->settle_timer, ctx->conf->settle_ms);
}

static void
on_tag_changed(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct lists *ctx = arg;

	(void)host;
	(void)event;
	wanted_tags_changed(ctx);
	settle(ctx);
}

static struct ocppd_station *
station_of(struct ocppd_host *host, const struct ocppd_event *event)
{
	return event->station_id == NULL ? NULL : ocppd_station_find(host, event->station_id);
}

static void
on_arrival(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct lists *ctx = arg;
	struct ocppd_station *station = station_of(host, event);

	if (station != NULL && ctx->conf->is_automatic == SYNC_AUTOMATIC && is_reachable(station))
		enqueue(ctx, station, true, false);
}

static void
on_status(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct lists *ctx = arg;
	struct ocppd_station *station = station_of(host, event);
	const char *error_code = ocppd_json_get_str(event->body, "errorCode");
	struct list_slot *slot;

	if (station == NULL || error_code == NULL || strcmp(error_code, "LocalListConflict") != 0 ||
	    ctx->is_stopping)
		return;
	slot = lists_slot(ctx, station);
	slot->is_full_wanted = true;
	OCPPD_INFO(host, "local_list.contradicted",
		   OCPPD_STR("station", ocppd_station_id(station)));
	store_doubt(ctx, station);
	if (ctx->conf->resends_on_conflict == 0 || is_too_early(ctx, slot->conflict_mono_us))
		return;
	slot->conflict_mono_us = ocppd_mono_us(host);
	enqueue(ctx, station, true, true);
}

void
automatic_reload(struct lists *ctx)
{
	settle(ctx);
}

int
automatic_start(struct lists *ctx)
{
	struct ocppd_host *host = ctx->host;

	ctx->pace_timer = ocppd_timer_new(host, on_pace, ctx);
	ctx->settle_timer = ocppd_timer_new(host, on_settled, ctx);
	ctx->subscriptions[0] =
		ocppd_event_subscribe(host, OCPPD_EVENT_ID_TAG_CHANGED, on_tag_changed, ctx);
	ctx->subscriptions[1] =
		ocppd_event_subscribe(host, OCPPD_EVENT_STATION_BOOTED, on_arrival, ctx);
	ctx->subscriptions[2] =
		ocppd_event_subscribe(host, OCPPD_EVENT_STATION_CONNECTED, on_arrival, ctx);
	ctx->subscriptions[3] =
		ocppd_event_subscribe(host, OCPPD_EVENT_CONNECTOR_STATUS, on_status, ctx);
	for (size_t i = 0; i < sizeof(ctx->subscriptions) / sizeof(ctx->subscriptions[0]); i++) {
		if (ctx->subscriptions[i] == NULL)
			return OCPPD_ENOMEM;
	}
	return ctx->pace_timer == NULL || ctx->settle_timer == NULL ? OCPPD_ENOMEM : 0;
}
