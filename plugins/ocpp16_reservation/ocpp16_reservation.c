/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The module ocpp16_reservation: the Reservation profile of OCPP 1.6. Owns what is reserved, for
 * whom, until when, and how it ended. This file is its life and its descriptor.
 */
#include "reservation.h"

#include <stdlib.h>
#include <string.h>

#define LOAD_PAGE 1000

void
reservation_done(struct reservations *ctx)
{
	ctx->outstanding--;
	if (ctx->is_stopping && ctx->outstanding == 0)
		ocppd_stopped(ctx->host);
}

static void
on_work_done(void *ctx)
{
	reservation_done(ctx);
}

void
reservation_started(struct reservations *ctx, int result, const struct ocppd_error *err)
{
	struct ocppd_error own = { 0 };

	ctx->is_starting = false;
	if (result < 0 && (err == NULL || err->code == 0)) {
		(void)ocppd_error_set(&own, result, "the reservations cannot be read");
		err = &own;
	}
	if (result >= 0) {
		follow_reconcile(ctx);
		live_arm(ctx); /* what expired meanwhile ends with the first look */
		on_retain(ctx->host, ctx);
	}
	ocppd_started(ctx->host, result < 0 ? err : NULL);
}

static int
load_row(struct reservations *ctx, const struct ocppd_value *row)
{
	char station_id[STATION_SIZE];
	char status[16];
	struct terms terms = { .id = row[R_ID].number,
			       .expiry_us = row[R_EXPIRY].number,
			       .connector = (int32_t)row[R_CONNECTOR].number };
	struct ocppd_station *station;

	(void)ocppd_value_copy(&row[R_STATION], station_id, sizeof(station_id));
	(void)ocppd_value_copy(&row[R_STATUS], status, sizeof(status));
	(void)ocppd_value_copy(&row[R_TAG], terms.token, sizeof(terms.token));
	(void)ocppd_value_copy(&row[R_PARENT], terms.parent, sizeof(terms.parent));
	station = ocppd_station_get(ctx->host, station_id);
	if (station == NULL) {
		OCPPD_WARN(ctx->host, "reservation.unfollowed", OCPPD_STR("station", station_id),
			   OCPPD_INT("reservation", terms.id));
		return 0;
	}
	return live_put(ctx, station, &terms, row[R_CREATED].number,
			strcmp(status, STATUS_ACCEPTED) == 0) == NULL
		       ? OCPPD_ENOMEM
		       : 0;
}

static int load_page(struct reservations *ctx, int64_t after);

static void
on_page(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct reservations *ctx = arg;
	const struct ocppd_value *row = NULL;
	int r = result;

	for (uint32_t i = 0; r >= 0 && i < rows->count; i++) {
		row = rows->values + (size_t)i * rows->columns;
		r = load_row(ctx, row);
	}
	if (r >= 0 && row != NULL && rows->count == LOAD_PAGE)
		r = load_page(ctx, row[R_RECORD].number);
	else if (r >= 0) {
		OCPPD_INFO(host, "reservations.loaded", OCPPD_INT("active", ctx->live_count));
		r = ids_reserve(ctx);
	}
	if (r < 0)
		reservation_started(ctx, r, err);
	reservation_done(ctx);
}

static int
load_page(struct reservations *ctx, int64_t after)
{
	const struct ocppd_value values[] = { ocppd_value_int(after), ocppd_value_int(LOAD_PAGE) };
	int r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_LIVE, values, 2,
				    LOAD_PAGE, on_page, ctx);

	if (r >= 0)
		ctx->outstanding++;
	return r;
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct reservations *ctx = calloc(1, sizeof(*ctx));
	int r;

	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ctx->host = host;
	ctx->conf = conf;
	TAILQ_INIT(&ctx->unstored);
	TAILQ_INIT(&ctx->live);
	LIST_INIT(&ctx->sending);
	r = ctx->slot =
		ocppd_slot_add(host, OCPPD_SCOPE_STATION, sizeof(struct station_slot), NULL);
	if (r < 0) {
		free(ctx);
		return ocppd_error_set(err, r, "no memory with stations");
	}
	*ret_ctx = ctx;
	return 0;
}

static int
find_services(struct reservations *ctx)
{
	const void *ops;
	int r = ocppd_service_get(ctx->host, "ocppd.storage", 1, 0, &ops, &ctx->storage_self);

	if (r < 0)
		return r;
	ctx->storage = ops;
	ctx->works = (struct ocppd_work_owner){
		sizeof(ctx->works), 0,
		ctx->host,          ctx->storage,
		ctx->storage_self,  &ctx->outstanding,
		on_work_done,       ctx,
		&ctx->writes,
	};
	r = ocppd_service_get(ctx->host, "ocppd.authorization", 1, 0, &ops,
			      &ctx->authorization_self);
	if (r < 0)
		return r;
	ctx->authorization = ops;
	r = ocppd_service_get(ctx->host, "ocppd.stations", 1, 0, &ops, &ctx->stations_self);
	ctx->stations = r < 0 ? NULL : ops;
	r = ocppd_service_get(ctx->host, "ocppd.transactions", 1, 0, &ops, &ctx->transactions_self);
	ctx->transactions = r < 0 ? NULL : ops;
	return 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct reservations *ctx = arg;
	int r = find_services(ctx);

	if (r < 0)
		return ocppd_error_set(err, r, "a service is missing");
	live_forget(ctx);
	ctx->timer = ocppd_timer_new(host, on_expiry, ctx);
	ctx->retry_timer = ocppd_timer_new(host, on_retry, ctx);
	ctx->retain_timer = ocppd_timer_new(host, on_retain, ctx);
	ctx->subscriptions[0] =
		ocppd_event_subscribe(host, OCPPD_EVENT_CONNECTOR_STATUS, on_connector, ctx);
	ctx->subscriptions[1] =
		ocppd_event_subscribe(host, OCPPD_EVENT_TRANSACTION_STARTED, on_transaction, ctx);
	ctx->is_stopping = false;
	ctx->is_starting = true;
	r = ctx->timer == NULL || ctx->retry_timer == NULL || ctx->retain_timer == NULL ||
			    ctx->subscriptions[0] == NULL || ctx->subscriptions[1] == NULL
		    ? OCPPD_ENOMEM
		    : load_page(ctx, INT64_MIN);
	if (r >= 0)
		return OCPPD_PENDING;
	ctx->is_starting = false;
	return ocppd_error_set(err, r, "the reservations cannot be read");
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	struct reservations *ctx = arg;

	(void)host;
	ctx->conf = conf;
	ocppd_timer_set(ctx->retain_timer, 0);
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct reservations *ctx = arg;

	(void)host;
	sending_stop(ctx);
	ctx->is_stopping = true;
	ocppd_timer_free(ctx->timer);
	ctx->timer = NULL;
	ocppd_timer_free(ctx->retain_timer);
	ctx->retain_timer = NULL;
	store_stop(ctx);
	for (size_t i = 0; i < 2; i++) {
		ocppd_event_unsubscribe(ctx->subscriptions[i]);
		ctx->subscriptions[i] = NULL;
	}
	return ctx->outstanding == 0 ? 0 : OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	struct reservations *ctx = arg;

	(void)host;
	live_free(ctx);
	sending_free(ctx);
	free(ctx);
}

static const struct ocppd_option options[] = {
	{ "keep", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  offsetof(struct reservation_conf, keep_s), .min = 0, .max = INT64_C(315360000),
	  .def = "365d",
	  .doc = "How long a reservation that ended is kept, with its history. 0s: for ever." },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.storage", .major = 1 },
	{ "ocppd.authorization", .major = 1, .module = "id_tags" },
	{ "ocppd.stations", .major = 1, .flags = OCPPD_OPTIONAL },
	{ "ocppd.transactions", .major = 1, .flags = OCPPD_OPTIONAL },
};

static const struct ocppd_provide provides[] = {
	{ "ocppd.station_data", .major = 1, .flags = OCPPD_MANY, .ops = &live_data_ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"ocpp16_reservation",
	"0.1.0",
	"OCPP 1.6 Reservation profile",
	.conf_size = sizeof(struct reservation_conf),
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
	.options = OCPPD_TABLE(options),
	.actions = { reservation_actions, RESERVATION_ACTIONS, sizeof(reservation_actions[0]) },
	.topics = { reservation_topics, RESERVATION_TOPICS, sizeof(reservation_topics[0]) },
	.migrations = { reservation_migrations, RESERVATION_MIGRATIONS,
			sizeof(reservation_migrations[0]) },
	.statements = { reservation_statements, STATEMENT_COUNT,
			sizeof(reservation_statements[0]) },
	.routes = { reservation_routes, RESERVATION_ROUTES, sizeof(reservation_routes[0]) },
	.metrics = { reservation_metrics, METRIC_COUNT, sizeof(reservation_metrics[0]) },
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
