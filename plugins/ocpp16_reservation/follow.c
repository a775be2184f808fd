/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What ends a reservation without a message that names it: the transaction that uses it, and the
 * fault or unavailability of its connector or station (OCPP 1.6, Reserve Now).
 */
#include "reservation.h"

#include <stdio.h>
#include <string.h>

#define CLOCKS_US (60 * INT64_C(1000000)) /* a station's clock may be that far beside ours */

/* ---- Connectors ---------------------------------------------------------------------------------
 */

static int
find_usable(const struct ocppd_connector_info *info, void *arg)
{
	(void)arg;
	return info->place.evse > 0 && !status_is_out(info->status) ? 1 : 0;
}

/* One for any connector lasts as long as there is one that could serve it. */
static bool
has_usable(struct reservations *ctx, struct ocppd_station *station)
{
	return ctx->stations == NULL ||
	       ctx->stations->connector_each(ctx->stations_self, ctx->host, station, find_usable,
					     NULL) == 1;
}

static bool
is_hit(struct reservations *ctx, const struct live *live, int64_t connector)
{
	if (connector == 0 || live->terms.connector == connector)
		return true;
	return live->terms.connector == 0 && !has_usable(ctx, live->station);
}

static void
end_hit(struct reservations *ctx, struct ocppd_station *station, int64_t connector,
	const char *status)
{
	struct live *live = live_slot(ctx, station)->first;
	char reason[64];

	if (connector == 0)
		snprintf(reason, sizeof(reason), "the station became %s", status);
	else
		snprintf(reason, sizeof(reason), "connector %lld became %s", (long long)connector,
			 status);
	while (live != NULL) {
		struct live *next = live->next;

		if (is_hit(ctx, live, connector))
			live_end(ctx, live, status, reason, 0);
		live = next;
	}
}

/* The answer to its ReserveNow was lost, but the station shows that it took it. */
static void
confirm(struct reservations *ctx, struct ocppd_station *station, int64_t connector)
{
	for (struct live *live = live_slot(ctx, station)->first; live != NULL; live = live->next) {
		const struct note note = {
			.station_id = ocppd_station_id(station),
			.id = live->terms.id,
			.status = STATUS_ACCEPTED,
			.reason = "the station reported the connector Reserved",
		};

		if (live->is_confirmed || live->terms.connector != connector)
			continue;
		live->is_confirmed = true;
		store_change(ctx, &note);
	}
}

void
on_connector(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct reservations *ctx = arg;
	struct ocppd_station *station =
		event->station_id == NULL ? NULL : ocppd_station_find(host, event->station_id);
	int64_t connector = ocppd_json_get_int(event->body, "connectorId", -1);
	const char *status = ocppd_json_get_str(event->body, "status");

	if (ctx->is_stopping || station == NULL || connector < 0 || status == NULL ||
	    live_slot(ctx, station)->first == NULL)
		return;
	if (status_is_out(status))
		end_hit(ctx, station, connector, status);
	else if (strcmp(status, "Reserved") == 0)
		confirm(ctx, station, connector);
}

/* ---- Transactions -------------------------------------------------------------------------------
 */

struct use {
	struct ocppd_station *station;
	const char *token;
	const char *parent;
	int64_t connector;
	int64_t transaction_id;
	int64_t start_us;
};

/* The one that a transaction without its id can mean; the connector's own first. */
static struct live *
find_used(struct reservations *ctx, const struct use *use)
{
	struct live *found = NULL;

	for (struct live *live = live_slot(ctx, use->station)->first; live != NULL;
	     live = live->next) {
		if (!terms_are_for(&live->terms, use->token, use->parent) ||
		    use->start_us < live->created_us - CLOCKS_US)
			continue;
		if (live->terms.connector == use->connector)
			return live;
		if (live->terms.connector == 0)
			found = live;
	}
	return found;
}

static void
look_up_parent(struct reservations *ctx, struct use *use)
{
	struct ocppd_tx_info info = { .struct_size = sizeof(info) };

	if (ctx->transactions != NULL &&
	    ctx->transactions->active_find(ctx->transactions_self, ctx->host, use->station,
					   use->transaction_id, &info) == 0)
		use->parent = info.parent;
}

/* It names its reservation. False: that one is not known, or over, and the id is ignored. */
static bool
end_named(struct reservations *ctx, const struct use *use, int64_t id)
{
	struct live *live = live_find(ctx, use->station, id);
	const struct note note = {
		.station_id = ocppd_station_id(use->station),
		.id = id,
		.status = STATUS_USED,
		.reason = "a transaction that began before its end was known",
		.transaction_id = use->transaction_id,
	};

	if (live != NULL) {
		live_end(ctx, live, STATUS_USED, "a transaction names it", use->transaction_id);
		return true;
	}
	/* Begun offline, or while the clocks disagreed: the station knows what it used. */
	if (id > 0)
		store_late(ctx, &note, use->start_us + CLOCKS_US);
	return false;
}

void
on_transaction(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct reservations *ctx = arg;
	const char *status = ocppd_json_get_str(event->body, "status");
	int64_t id = ocppd_json_get_int(event->body, "reservationId", 0);
	struct use use = {
		.station = event->station_id == NULL ? NULL
						     : ocppd_station_find(host, event->station_id),
		.token = ocppd_json_get_str(event->body, "idTag"),
		.connector = ocppd_json_get_int(event->body, "connectorId", -1),
		.transaction_id = ocppd_json_get_int(event->body, "transactionId", 0),
		.start_us = event->time_us,
	};
	struct live *live;

	if (ctx->is_stopping || use.station == NULL)
		return;
	(void)ocppd_json_get_time(event->body, "startTimestamp", &use.start_us);
	if (id != 0 && end_named(ctx, &use, id))
		return;
	if (live_slot(ctx, use.station)->first == NULL || status == NULL ||
	    strcmp(status, "Accepted") != 0)
		return;
	look_up_parent(ctx, &use);
	live = find_used(ctx, &use);
	if (live != NULL)
		live_end(ctx, live, STATUS_USED, "a transaction of its tag or group",
			 use.transaction_id);
}

struct reconcile {
	const struct live *live;
	int64_t transaction_id;
};

static int
on_under_way(const struct ocppd_tx_info *info, void *arg)
{
	struct reconcile *reconcile = arg;
	const struct live *live = reconcile->live;

	if ((info->flags & OCPPD_TX_UNAUTHORISED) != 0 ||
	    (live->terms.connector != 0 && live->terms.connector != info->place.evse) ||
	    info->start_us < live->created_us - CLOCKS_US ||
	    !terms_are_for(&live->terms, info->token, info->parent))
		return 0;
	reconcile->transaction_id = info->transaction_id;
	return 1;
}

void
follow_reconcile(struct reservations *ctx)
{
	struct live *live = TAILQ_FIRST(&ctx->live);

	while (live != NULL && ctx->transactions != NULL) {
		struct live *next = TAILQ_NEXT(live, all);
		struct reconcile reconcile = { .live = live };

		if (ctx->transactions->active_each(ctx->transactions_self, ctx->host, live->station,
						   on_under_way, &reconcile) == 1)
			live_end(ctx, live, STATUS_USED,
				 "a transaction of its tag or group is under way",
				 reconcile.transaction_id);
		live = next;
	}
}
