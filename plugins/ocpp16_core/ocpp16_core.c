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

struct core16_slot *
core16_slot(struct core16 *ctx, struct ocppd_station *station)
{
	return ocppd_station_slot(ctx->host, station, ctx->slot);
}

static void
slot_fini(struct ocppd_host *host, struct ocppd_station *station, void *memory)
{
	(void)host;
	(void)station;
	intents_free(memory);
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct core16 *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ctx->host = host;
	ctx->conf = conf;
	ctx->slot =
		ocppd_slot_add(host, OCPPD_SCOPE_STATION, sizeof(struct core16_slot), slot_fini);
	if (ctx->slot < 0) {
		int r = ctx->slot;

		free(ctx);
		return ocppd_error_set(err, r, "no room with the stations");
	}
	*ret_ctx = ctx;
	return 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct core16 *ctx = arg;
	const void *stations;
	const void *authorization = NULL;
	const void *transactions = NULL;
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
	return data_check(ctx, err);
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	struct core16 *ctx = arg;
	struct ocppd_error err = { 0 };

	ctx->conf = conf;
	/* A module that came with a reload; the first one goes on to answer. */
	if (data_check(ctx, &err) < 0)
		OCPPD_ERROR(host, "data.contested", OCPPD_STR("text", err.text));
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
	{ "remote_start_margin", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  offsetof(struct core_conf, remote_start_margin_s), .min = 1, .max = 3600, .def = "60s",
	  .doc = "How long after its ConnectionTimeOut (60 s where that was not read) a station "
		 "that accepted a remote start is waited for." },
	{ "data_transfer_timeout", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE,
	  offsetof(struct core_conf, data_transfer_timeout_ms), .min = 100, .max = 25000,
	  .def = "10s",
	  .doc = "A DataTransfer that its vendor's module does not answer in time is Rejected." },
	{ "read_configuration", OCPPD_CONF_STRINGS, OCPPD_RELOADABLE,
	  offsetof(struct core_conf, read_configuration), .max = 200,
	  .doc = "Configuration keys that are read after an accepted boot, in portions of "
		 "GetConfigurationMaxKeys, at most every 10 minutes; \"*\": all in one request. "
		 "None: nothing is sent." },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.stations", .major = 1, .module = "stations" },
	{ "ocppd.authorization", .major = 1, .module = "id_tags" },
	{ "ocppd.transactions", .major = 1, .module = "transactions" },
	{ "ocppd.data_transfer", .major = 1, .flags = OCPPD_OPTIONAL | OCPPD_MANY },
};

static const struct ocppd_field matched_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "messageId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "requester", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "transactionId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "chargingProfile", OCPPD_T_ANY, .doc = "the request's" },
};
static const struct ocppd_field expired_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "messageId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "requester", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER },
	{ "waitedSeconds", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field unlock_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "requester", OCPPD_T_STRING, OCPPD_REQUIRED },
};
static const struct ocppd_topic topics[] = {
	{ OCPPD_EVENT_REMOTE_START_MATCHED, "A transaction began that an operator asked for.",
	  OCPPD_TABLE(matched_fields) },
	{ OCPPD_EVENT_REMOTE_START_EXPIRED,
	  "A station agreed to a remote start, and no transaction began in time.",
	  OCPPD_TABLE(expired_fields) },
	{ OCPPD_EVENT_CONNECTOR_UNLOCK, "What a station says of an attempt to unlock.",
	  OCPPD_TABLE(unlock_fields) },
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
	.topics = OCPPD_TABLE(topics),
	.routes = { core16_routes, CORE16_ROUTES, sizeof(core16_routes[0]) },
	.vocabulary = { core16_words, CORE16_WORDS, sizeof(core16_words[0]) },
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
