/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The module ocpp16_core: the base of OCPP 1.6. Owns the protocol's vocabulary and the translation
 * of its Core messages; keeps no record of its own. This file is its life and its descriptor.
 */
#include "ocpp16_core.h"

#include <stdlib.h>

void
core16_done(struct core16 *ctx)
{
	ctx->outstanding--;
	if (ctx->is_stopping && ctx->outstanding == 0)
		ocppd_stopped(ctx->host);
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct core16 *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ctx->host = host;
	ctx->conf = conf;
	*ret_ctx = ctx;
	return 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct core16 *ctx = arg;
	const void *stations;
	const void *authorization;
	const void *transactions;
	int r;

	r = ocppd_service_get(host, "ocppd.stations", 1, 0, &stations, &ctx->stations_self);
	if (r >= 0)
		r = ocppd_service_get(host, "ocppd.authorization", 1, 0, &authorization,
				      &ctx->authorization_self);
	if (r >= 0)
		r = ocppd_service_get(host, "ocppd.transactions", 1, 0, &transactions,
				      &ctx->transactions_self);
	if (r < 0)
		return ocppd_error_set(err, r, "a service is missing");
	ctx->stations = stations;
	ctx->authorization = authorization;
	ctx->transactions = transactions;
	ctx->is_stopping = false;
	return 0;
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	struct core16 *ctx = arg;

	(void)host;
	ctx->conf = conf;
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct core16 *ctx = arg;

	(void)host;
	ctx->is_stopping = true;
	return ctx->outstanding == 0 ? 0 : OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	(void)host;
	free(arg);
}

static const struct ocppd_option options[] = {
	{ "heartbeat_interval", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  offsetof(struct core_conf, heartbeat_interval_s), .min = 10, .max = 86400, .def = "300s",
	  .doc = "Time between heartbeats, sent with an accepted BootNotification. Keep it below "
		 "what holds a mobile network's connection open." },
	{ "heartbeat_jitter", OCPPD_CONF_INT, OCPPD_RELOADABLE,
	  offsetof(struct core_conf, heartbeat_jitter), .max = 50, .def = "0",
	  .doc = "Percent by which the interval differs from station to station, so that a fleet "
		 "does not beat in step. 0: as configured." },
	{ "pending_interval", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  offsetof(struct core_conf, pending_interval_s), .min = 10, .max = 86400, .def = "60s",
	  .doc = "After what time a Pending station boots again, give or take 10 percent." },
	{ "rejected_interval", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  offsetof(struct core_conf, rejected_interval_s), .min = 10, .max = 86400, .def = "1h",
	  .doc = "After what time a Rejected station boots again, give or take 10 percent." },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.stations", .major = 1, .module = "stations" },
	{ "ocppd.authorization", .major = 1, .module = "id_tags" },
	{ "ocppd.transactions", .major = 1, .module = "transactions" },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"ocpp16_core",
	"0.1.0",
	"OCPP 1.6 Core profile",
	.conf_size = sizeof(struct core_conf),
	.needs = OCPPD_TABLE(needs),
	.options = OCPPD_TABLE(options),
	.actions = { core16_actions, CORE16_ACTIONS, sizeof(core16_actions[0]) },
	.vocabulary = { core16_words, CORE16_WORDS, sizeof(core16_words[0]) },
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
