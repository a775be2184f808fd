/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The module ocpp16_smart_charging: limits on what stations draw. This file is its life and its
 * descriptor.
 */
#include "smart.h"

#include <ocppd/event/connector.h>
#include <ocppd/event/remote.h>
#include <ocppd/event/transaction.h>

#include <stdlib.h>

void
smart_done(struct smart *ctx)
{
	ctx->outstanding--;
	if (ctx->is_stopping && ctx->outstanding == 0)
		ocppd_stopped(ctx->host);
}

static void
on_work_done(void *ctx)
{
	smart_done(ctx);
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct smart *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ctx->host = host;
	ctx->conf = conf;
	ctx->slot = ocppd_slot_add(host, OCPPD_SCOPE_STATION, sizeof(struct smart_slot), slot_fini);
	if (ctx->slot < 0) {
		int r = ctx->slot;

		free(ctx);
		return ocppd_error_set(err, r, "no memory with stations");
	}
	*ret_ctx = ctx;
	return 0;
}

static int
forget(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	struct smart_slot *slot = smart_slot(arg, station);

	slot_fini(host, station, slot);
	*slot = (struct smart_slot){ .first = NULL };
	return 0;
}

static void
unsubscribe(struct smart *ctx)
{
	for (size_t i = 0; i < sizeof(ctx->subscriptions) / sizeof(ctx->subscriptions[0]); i++) {
		if (ctx->subscriptions[i] != NULL)
			ocppd_event_unsubscribe(ctx->subscriptions[i]);
		ctx->subscriptions[i] = NULL;
	}
	follow_update(ctx);
}

static int
subscribe(struct smart *ctx)
{
	static const struct {
		const char *topic;
		ocppd_event_fn *fn;
	} rows[] = {
		{ OCPPD_EVENT_TRANSACTION_STARTED, on_transaction_started },
		{ OCPPD_EVENT_TRANSACTION_STOPPED, on_transaction_stopped },
		{ OCPPD_EVENT_REMOTE_START_MATCHED, on_remote_start },
		{ OCPPD_EVENT_STATION_BOOTED, on_station_booted },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ctx->subscriptions[i] =
			ocppd_event_subscribe(ctx->host, rows[i].topic, rows[i].fn, ctx);
		if (ctx->subscriptions[i] == NULL) {
			unsubscribe(ctx);
			return OCPPD_ENOMEM;
		}
	}
	return 0;
}

static int
find_services(struct smart *ctx)
{
	const void *storage = NULL;
	const void *stations = NULL;
	const void *transactions = NULL;
	int r = ocppd_service_get(ctx->host, "ocppd.storage", 1, 0, &storage, &ctx->storage_self);

	if (r >= 0)
		r = ocppd_service_get(ctx->host, "ocppd.stations", 1, 0, &stations,
				      &ctx->stations_self);
	if (r >= 0)
		r = ocppd_service_get(ctx->host, "ocppd.transactions", 1, 0, &transactions,
				      &ctx->transactions_self);
	if (r < 0)
		return r;
	ctx->storage = storage;
	ctx->works = (struct ocppd_work_owner){ sizeof(ctx->works), 0,
						ctx->host,          ctx->storage,
						ctx->storage_self,  &ctx->outstanding,
						on_work_done,       ctx };
	ctx->stations = stations;
	ctx->transactions = transactions;
	return 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct smart *ctx = arg;
	int r = find_services(ctx);

	if (r < 0)
		return ocppd_error_set(err, r, "a service is missing");
	ctx->is_stopping = false;
	ctx->is_starting = true;
	ctx->counts[PURPOSE_MAX] = ctx->counts[PURPOSE_DEFAULT] = ctx->counts[PURPOSE_TX] = 0;
	(void)ocppd_station_each(host, forget, ctx);
	ctx->retry_timer = ocppd_timer_new(host, on_store_again, ctx);
	r = ctx->retry_timer == NULL ? OCPPD_ENOMEM : subscribe(ctx);
	if (r >= 0)
		r = smart_load(ctx);
	if (r < 0) {
		unsubscribe(ctx);
		return ocppd_error_set(err, r, "what stations hold cannot be read");
	}
	return OCPPD_PENDING;
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	struct smart *ctx = arg;

	(void)host;
	ctx->conf = conf;
	follow_update(ctx);
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct smart *ctx = arg;

	(void)host;
	ctx->is_stopping = true;
	ocppd_timer_free(ctx->retry_timer);
	ctx->retry_timer = NULL;
	unsubscribe(ctx);
	return ctx->outstanding == 0 ? 0 : OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	(void)host;
	free(arg);
}

static const char *const after_boot_words[] = {
	[AFTER_BOOT_NOTHING] = "nothing",
	[AFTER_BOOT_COMPARE] = "compare",
	[AFTER_BOOT_REINSTALL] = "reinstall",
	NULL,
};

static const struct ocppd_option options[] = {
	{ "after_boot", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, offsetof(struct smart_conf, after_boot),
	  .def = "nothing", .one_of = after_boot_words,
	  .doc = "What is done about the profiles that a station held before it booted. nothing: "
		 "they stay on record as doubtful; compare: it is asked for its composite schedule, "
		 "and sent again what that does not bear out; reinstall: it is sent all of them "
		 "again." },
	{ "fallbacks", OCPPD_CONF_BOOL, OCPPD_RELOADABLE,
	  offsetof(struct smart_conf, has_fallbacks), .def = "true",
	  .doc = "When a station refuses a profile made from a template or by another module, try "
		 "other words that amount to the same (kind, unit, connector, purpose), once after "
		 "each boot, and remember what it took." },
	{ "watch", OCPPD_CONF_BOOL, OCPPD_RELOADABLE, offsetof(struct smart_conf, is_watching),
	  .def = "true",
	  .doc = "Compare what stations measure with the limits that they hold, and tell of those "
		 "that are not kept." },
	{ "voltage", OCPPD_CONF_INT, OCPPD_RELOADABLE, offsetof(struct smart_conf, voltage_v),
	  .min = 50, .max = 1000, .def = "230",
	  .doc = "Volts between a phase and neutral, by which amperes and watts are converted: "
		 "the nominal voltage of the area, not a measured one." },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.storage", .major = 1 },
	{ "ocppd.stations", .major = 1, .module = "stations" },
	{ "ocppd.transactions", .major = 1, .module = "transactions" },
};
static const struct ocppd_provide provides[] = {
	{ "ocppd.smart_charging", .major = 1, .ops = &smart_ops },
	{ "ocppd.station_data", .major = 1, .flags = OCPPD_MANY, .ops = &installed_data_ops },
};

#define PROFILE_EVENT                                                                              \
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },                                           \
		{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },                                \
		{ "chargingProfileId", OCPPD_T_INTEGER, OCPPD_REQUIRED },                          \
		{ "chargingProfilePurpose", OCPPD_T_STRING, OCPPD_REQUIRED },                      \
		{ "stackLevel", OCPPD_T_INTEGER, OCPPD_REQUIRED },                                 \
	{                                                                                          \
		"transactionId", OCPPD_T_INTEGER                                                   \
	}
static const struct ocppd_field installed_fields[] = { PROFILE_EVENT };
static const struct ocppd_field removed_fields[] = {
	PROFILE_EVENT,
	{ "reason", OCPPD_T_STRING, OCPPD_REQUIRED },
};
static const struct ocppd_field refused_fields[] = {
	PROFILE_EVENT,
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED },
};
static const struct ocppd_field not_followed_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "transactionId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "chargingRateUnit", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "limit", OCPPD_T_DECIMAL, OCPPD_REQUIRED },
	{ "measured", OCPPD_T_DECIMAL, OCPPD_REQUIRED },
};
static const struct ocppd_topic topics[] = {
	{ OCPPD_EVENT_CHARGING_PROFILE_INSTALLED, "A station accepted a charging profile.",
	  OCPPD_TABLE(installed_fields) },
	{ OCPPD_EVENT_CHARGING_PROFILE_REMOVED, "A charging profile is in a station no more.",
	  OCPPD_TABLE(removed_fields) },
	{ OCPPD_EVENT_CHARGING_PROFILE_NOT_FOLLOWED,
	  "Readings keep exceeding the limit that the installed profiles amount to.",
	  OCPPD_TABLE(not_followed_fields) },
	{ OCPPD_EVENT_CHARGING_PROFILE_REFUSED, "A station did not take a charging profile.",
	  OCPPD_TABLE(refused_fields) },
};

static const char *const purpose_labels[] = { "purpose", NULL };
static const char *const call_labels[] = { "action", "outcome", NULL };
static const struct ocppd_metric metrics[] = {
	[METRIC_INSTALLED] = { "ocppd_smart_charging_profiles",
			       "Charging profiles that stations hold", OCPPD_METRIC_GAUGE,
			       .labels = purpose_labels },
	[METRIC_CALLS] = { "ocppd_smart_charging_calls_total",
			   "Calls of smart charging by what stations answered",
			   OCPPD_METRIC_COUNTER, .labels = call_labels },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"ocpp16_smart_charging",
	"0.1.0",
	"OCPP 1.6 Smart Charging profile",
	.conf_size = sizeof(struct smart_conf),
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
	.options = OCPPD_TABLE(options),
	.actions = { smart_actions, SMART_ACTIONS, sizeof(smart_actions[0]) },
	.topics = OCPPD_TABLE(topics),
	.migrations = { smart_migrations, SMART_MIGRATIONS, sizeof(smart_migrations[0]) },
	.statements = { smart_statements, STATEMENT_COUNT, sizeof(smart_statements[0]) },
	.routes = { smart_routes, SMART_ROUTES, sizeof(smart_routes[0]) },
	.metrics = OCPPD_TABLE(metrics),
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
