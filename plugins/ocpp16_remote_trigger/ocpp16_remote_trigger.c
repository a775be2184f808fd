/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The module ocpp16_remote_trigger: the Remote Trigger profile of OCPP 1.6, with what came of each
 * trigger. This file is its life and its descriptor.
 */
#include "trigger.h"

#include <stdlib.h>

#define FILTER_ORDER (-1000) /* before those that may answer */

void
trigger_done(struct trigger *ctx)
{
	ctx->outstanding--;
	if (ctx->is_stopping && ctx->outstanding == 0)
		ocppd_stopped(ctx->host);
}

static void
on_work_done(void *ctx)
{
	trigger_done(ctx);
}

static int
add_filters(struct trigger *ctx)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && trigger_messages[i] != NULL; i++)
		r = ocppd_filter_add(ctx->host, FILTER_ORDER, PROTOCOL, trigger_messages[i],
				     on_arrival, ctx);
	return r;
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct trigger *ctx = calloc(1, sizeof(*ctx));
	int r;

	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ctx->host = host;
	ctx->conf = conf;
	TAILQ_INIT(&ctx->watches);
	r = ctx->slot =
		ocppd_slot_add(host, OCPPD_SCOPE_STATION, sizeof(struct station_slot), NULL);
	if (r >= 0)
		r = add_filters(ctx);
	if (r < 0) {
		free(ctx);
		return ocppd_error_set(err, r, "out of memory");
	}
	*ret_ctx = ctx;
	return 0;
}

/* What waited when the daemon was killed. */
static void
on_interrupted(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	       const struct ocppd_error *err, void *arg)
{
	struct trigger *ctx = arg;
	struct ocppd_error own = { 0 };

	(void)rows;
	(void)count;
	if (result < 0 && (err == NULL || err->code == 0)) {
		(void)ocppd_error_set(&own, result, "the triggers cannot be written");
		err = &own;
	}
	ocppd_started(host, result < 0 ? err : NULL);
	trigger_done(ctx);
}

static int
interrupt(struct trigger *ctx)
{
	const struct ocppd_value now = ocppd_value_int(ocppd_now_us(ctx->host));
	struct ocppd_unit *unit = NULL;
	int r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_INTERRUPT, &now, 1, 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_interrupted, ctx);
	return OCPPD_PENDING;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct trigger *ctx = arg;
	const void *ops;
	int r = ocppd_service_get(host, "ocppd.storage", 1, 0, &ops, &ctx->storage_self);

	if (r < 0)
		return ocppd_error_set(err, r, "no storage");
	ctx->storage = ops;
	ctx->works = (struct ocppd_work_owner){
		sizeof(ctx->works),
		0,
		host,
		ctx->storage,
		ctx->storage_self,
		&ctx->outstanding,
		on_work_done,
		ctx,
		&ctx->writes,
	};
	r = ocppd_service_get(host, "ocppd.stations", 1, 0, &ops, &ctx->stations_self);
	ctx->stations = r < 0 ? NULL : ops;
	ctx->is_stopping = false;
	r = interrupt(ctx);
	return r < 0 ? ocppd_error_set(err, r, "the triggers cannot be written") : r;
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	struct trigger *ctx = arg;

	(void)host;
	ctx->conf = conf;
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct trigger *ctx = arg;

	(void)host;
	watch_stop(ctx);
	ctx->is_stopping = true;
	return ctx->outstanding == 0 ? 0 : OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	struct trigger *ctx = arg;
	struct watch *watch;

	(void)host;
	while ((watch = TAILQ_FIRST(&ctx->watches)) != NULL) {
		TAILQ_REMOVE(&ctx->watches, watch, all);
		watch_free(watch);
	}
	free(ctx);
}

static const struct ocppd_option options[] = {
	{ "arrival_timeout", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE,
	  offsetof(struct trigger_conf, arrival_timeout_ms), .min = 100, .max = 300000,
	  .def = "30s",
	  .doc = "How long a triggered message may take to arrive after the station accepted." },
	{ "history", OCPPD_CONF_INT, OCPPD_RELOADABLE, offsetof(struct trigger_conf, history),
	  .min = 1, .max = 100000, .def = "100", .doc = "Triggers kept of each station." },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.storage", .major = 1 },
	{ "ocppd.stations", .major = 1, .flags = OCPPD_OPTIONAL },
};

static const struct ocppd_provide provides[] = {
	{ "ocppd.station_data", .major = 1, .flags = OCPPD_MANY, .ops = &watch_data_ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"ocpp16_remote_trigger",
	"0.1.0",
	"OCPP 1.6 Remote Trigger profile",
	.conf_size = sizeof(struct trigger_conf),
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
	.options = OCPPD_TABLE(options),
	.actions = { trigger_actions, TRIGGER_ACTIONS, sizeof(trigger_actions[0]) },
	.topics = { trigger_topics, TRIGGER_TOPICS, sizeof(trigger_topics[0]) },
	.migrations = { trigger_migrations, TRIGGER_MIGRATIONS, sizeof(trigger_migrations[0]) },
	.statements = { trigger_statements, STATEMENT_COUNT, sizeof(trigger_statements[0]) },
	.routes = { trigger_routes, TRIGGER_ROUTES, sizeof(trigger_routes[0]) },
	.metrics = { trigger_metrics, METRIC_COUNT, sizeof(trigger_metrics[0]) },
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
