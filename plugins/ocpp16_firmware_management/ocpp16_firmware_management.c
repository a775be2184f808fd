/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The module ocpp16_firmware_management: the Firmware Management profile of OCPP 1.6. Owns firmware
 * updates and requests for diagnostics, and what really came of them. This file is its life and its
 * descriptor.
 */
#include "firmware.h"

#include <stdlib.h>

#define FILTER_ORDER (-900) /* before those that may answer */
#define FIRST_SWEEP_MS 1000

const char *const kind_words[KIND_COUNT] = {
	[KIND_FIRMWARE] = "firmware",
	[KIND_DIAGNOSTICS] = "diagnostics",
};

void
firmware_done(struct firmware *ctx)
{
	ctx->outstanding--;
	if (ctx->is_stopping && ctx->outstanding == 0)
		ocppd_stopped(ctx->host);
}

static void
on_work_done(void *ctx)
{
	firmware_done(ctx);
}

void
firmware_started(struct firmware *ctx, int result, const struct ocppd_error *err)
{
	struct ocppd_error own = { 0 };

	ctx->is_starting = false;
	if (result < 0 && (err == NULL || err->code == 0)) {
		(void)ocppd_error_set(&own, result, "the jobs cannot be read");
		err = &own;
	}
	if (result >= 0)
		ocppd_timer_set(ctx->sweep_timer, FIRST_SWEEP_MS);
	ocppd_started(ctx->host, result < 0 ? err : NULL);
}

static void
slot_fini(struct ocppd_host *host, struct ocppd_station *station, void *memory)
{
	struct station_slot *slot = memory;

	(void)host;
	(void)station;
	free(slot->version);
}

/* What is still corrected must be on record. */
static int
check(const void *options_of, struct ocppd_error *err)
{
	const struct firmware_conf *conf = options_of;

	if (conf->late_window_s > conf->retention_s)
		return ocppd_error_option(err, OCPPD_EINVAL, "late_window",
					  "must not be longer than retention");
	return 0;
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct firmware *ctx = calloc(1, sizeof(*ctx));
	int r;

	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ctx->host = host;
	ctx->conf = conf;
	ctx->is_starting = true; /* the filter sees boots before there is storage */
	TAILQ_INIT(&ctx->jobs);
	TAILQ_INIT(&ctx->rollouts);
	LIST_INIT(&ctx->sending);
	r = ctx->slot =
		ocppd_slot_add(host, OCPPD_SCOPE_STATION, sizeof(struct station_slot), slot_fini);
	if (r >= 0)
		r = ocppd_filter_add(host, FILTER_ORDER, PROTOCOL, "BootNotification", on_boot,
				     ctx);
	if (r < 0) {
		free(ctx);
		return ocppd_error_set(err, r, "out of memory");
	}
	*ret_ctx = ctx;
	return 0;
}

static int
find_services(struct firmware *ctx)
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
	r = ocppd_service_get(ctx->host, "ocppd.stations", 1, 0, &ops, &ctx->stations_self);
	ctx->stations = r < 0 ? NULL : ops;
	r = ocppd_service_get(ctx->host, "ocppd.files", 1, 0, &ops, &ctx->files_self);
	ctx->files = r < 0 ? NULL : ops;
	if (ctx->files != NULL)
		return ctx->files->watch(ctx->files_self, ctx->host, on_file, ctx);
	return 0;
}

static int
subscribe(struct firmware *ctx)
{
	static const char *const topics[] = { OCPPD_EVENT_STATION_CONNECTED,
					      OCPPD_EVENT_STATION_BOOTED };
	int r = 0;

	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		ctx->subscriptions[i] =
			ocppd_event_subscribe(ctx->host, topics[i], on_station, ctx);
		if (ctx->subscriptions[i] == NULL)
			r = OCPPD_ENOMEM;
	}
	ctx->sweep_timer = ocppd_timer_new(ctx->host, on_sweep, ctx);
	return ctx->sweep_timer == NULL ? OCPPD_ENOMEM : r;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct firmware *ctx = arg;
	int r = find_services(ctx);

	(void)host;
	if (r < 0)
		return ocppd_error_set(err, r, "a service is missing");
	ctx->is_stopping = false;
	ctx->is_starting = true;
	r = subscribe(ctx);
	if (r >= 0)
		r = load_begin(ctx);
	return r < 0 ? ocppd_error_set(err, r, "the jobs cannot be read") : r;
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	struct firmware *ctx = arg;
	struct job *job;

	(void)host;
	ctx->conf = conf;
	TAILQ_FOREACH (job, &ctx->jobs, all)
		job_set_limits(job);
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct firmware *ctx = arg;

	ctx->is_stopping = true;
	for (size_t i = 0; i < sizeof(ctx->subscriptions) / sizeof(ctx->subscriptions[0]); i++) {
		ocppd_event_unsubscribe(ctx->subscriptions[i]);
		ctx->subscriptions[i] = NULL;
	}
	if (ctx->files != NULL)
		(void)ctx->files->watch(ctx->files_self, host, NULL, NULL);
	return ctx->outstanding == 0 ? 0 : OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	struct firmware *ctx = arg;

	(void)host;
	ocppd_timer_free(ctx->sweep_timer);
	sending_free(ctx);
	job_free_all(ctx);
	rollout_free_all(ctx);
	free(ctx);
}

#define FIELD(member) offsetof(struct firmware_conf, member)
#define YEAR_S 31536000

static const struct ocppd_option options[] = {
	{ "send_timeout", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, FIELD(send_timeout_s), .min = 1,
	  .max = YEAR_S, .def = "1d",
	  .doc = "How long a job waits for its station, where it does not say." },
	{ "attempts", OCPPD_CONF_INT, OCPPD_RELOADABLE, FIELD(attempts), .min = 1, .max = 100,
	  .def = "3",
	  .doc = "How often a job is sent when no answer comes, or an error that may pass." },
	{ "retry_interval", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, FIELD(retry_interval_s),
	  .min = 1, .max = 86400, .def = "1min", .doc = "Time between these attempts." },
	{ "update_timeout", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, FIELD(update_timeout_s),
	  .min = 1, .max = YEAR_S, .def = "1d",
	  .doc = "How long an update may take from its retrieveDate, or from the answer if that "
		 "is later, where the job does not say." },
	{ "verify_timeout", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, FIELD(verify_timeout_s),
	  .min = 1, .max = YEAR_S, .def = "30min",
	  .doc = "How long the boot that tells the version may take after a station reported "
		 "Installed." },
	{ "diagnostics_timeout", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  FIELD(diagnostics_timeout_s), .min = 1, .max = YEAR_S, .def = "2h",
	  .doc = "How long an upload of diagnostics may take from the answer, where the job does "
		 "not say." },
	{ "upload_grace", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, FIELD(upload_grace_s), .min = 1,
	  .max = 86400, .def = "1min",
	  .doc = "How long the file may take to be here after a station reported Uploaded." },
	{ "late_window", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, FIELD(late_window_s), .min = 1,
	  .max = YEAR_S, .def = "1d",
	  .doc = "How long a job that is over is still corrected by what comes late." },
	{ "retention", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, FIELD(retention_s), .min = 3600,
	  .max = INT64_C(100) * YEAR_S, .def = "365d",
	  .doc = "How long jobs and rollouts that are over are kept." },
	{ "unasked", OCPPD_CONF_INT, OCPPD_RELOADABLE, FIELD(unasked), .min = 1, .max = 100000,
	  .def = "100", .doc = "Notifications without a job that are kept of each station." },
	{ "rollouts", OCPPD_CONF_INT, OCPPD_RELOADABLE, FIELD(rollouts), .min = 1, .max = 1000,
	  .def = "20", .doc = "Rollouts that may go on at a time." },
	{ "rollout_stations", OCPPD_CONF_INT, OCPPD_RELOADABLE, FIELD(rollout_stations), .min = 1,
	  .max = 100000, .def = "10000", .doc = "Stations that a rollout may have." },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.storage", .major = 1 },
	{ "ocppd.stations", .major = 1, .flags = OCPPD_OPTIONAL },
	{ "ocppd.files", .major = 1, .flags = OCPPD_OPTIONAL },
};

static const struct ocppd_provide provides[] = {
	{ "ocppd.station_data", .major = 1, .flags = OCPPD_MANY, .ops = &forget_data_ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	MODULE,
	"0.1.0",
	"OCPP 1.6 Firmware Management profile",
	.conf_size = sizeof(struct firmware_conf),
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
	.options = OCPPD_TABLE(options),
	.actions = { firmware_actions, FIRMWARE_ACTIONS, sizeof(firmware_actions[0]) },
	.topics = { firmware_topics, FIRMWARE_TOPICS, sizeof(firmware_topics[0]) },
	.migrations = { firmware_migrations, FIRMWARE_MIGRATIONS, sizeof(firmware_migrations[0]) },
	.statements = { firmware_statements, STATEMENT_COUNT, sizeof(firmware_statements[0]) },
	.routes = { firmware_routes, FIRMWARE_ROUTES, sizeof(firmware_routes[0]) },
	.metrics = { firmware_metrics, METRIC_COUNT, sizeof(firmware_metrics[0]) },
	.check = check,
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
