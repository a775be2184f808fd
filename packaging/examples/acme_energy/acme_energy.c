/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A complete module to start from: options, an event it listens to, memory with every station, a
 * route of the operator API with its ocppctl command, and a metric. It adds up the energy that each
 * station delivered since the daemon started.
 */
#include <stdlib.h>

#include <json-c/json.h>
#include <ocppd/event/transaction.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>

struct acme_conf {
	int64_t report_wh;
};

struct acme {
	struct acme_conf conf;
	int slot;
};

/* Zeroed by the core when a station is first seen, and freed with it. */
struct tally {
	int64_t energy_wh;
};

enum {
	METRIC_ENERGY
};

static const struct ocppd_option options[] = {
	{ "report_above", OCPPD_CONF_INT, OCPPD_RELOADABLE, offsetof(struct acme_conf, report_wh),
	  .min = 0, .max = 1000000, .def = "50000",
	  .doc = "A transaction above that many Wh is logged." },
};
static const struct ocppd_metric metrics[] = {
	{ "acme_energy_wh_total", "Energy of transactions that ended, in Wh.",
	  OCPPD_METRIC_COUNTER },
};

static void
on_stopped(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct acme *acme = arg;
	int64_t energy_wh = ocppd_json_get_int(event->body, "energyWh", -1);
	struct ocppd_station *station;
	struct tally *tally;

	if (energy_wh < 0 || event->station_id == NULL)
		return; /* a stop without its start has no energy */
	station = ocppd_station_get(host, event->station_id);
	tally = station == NULL ? NULL : ocppd_station_slot(host, station, acme->slot);
	if (tally == NULL)
		return;

	tally->energy_wh += energy_wh;
	(void)ocppd_metric_add(host, METRIC_ENERGY, NULL, (double)energy_wh);
	if (energy_wh > acme->conf.report_wh)
		OCPPD_INFO(host, "acme.large_transaction_ended",
			   OCPPD_STR("station", event->station_id),
			   OCPPD_INT("energy_wh", energy_wh));
}

static void
on_energy(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const struct acme *acme = ctx;
	struct ocppd_station *station =
		ocppd_station_find(host, ocppd_request_param(request, "stationId"));
	const struct tally *tally =
		station == NULL ? NULL : ocppd_station_slot(host, station, acme->slot);
	struct json_object *body;

	if (tally == NULL) {
		ocppd_request_problem(host, request, 404, "unknown-station",
				      "No station of that identity was seen since the start.");
		return;
	}
	body = json_object_new_object();
	if (body == NULL || ocppd_json_add_int(body, "energyWh", tally->energy_wh) < 0) {
		json_object_put(body);
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	ocppd_request_reply(host, request, 200, body);
}

static const struct ocppd_field energy_res[] = {
	{ "energyWh", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_command energy_commands[] = {
	{ "acme energy", "stationId", NULL, "show what a station delivered" },
};
static const struct ocppd_route routes[] = {
	{ "GET", "/v1/acme/energy/{stationId}", OCPPD_ROLE_VIEWER, .res = OCPPD_TABLE(energy_res),
	  .commands = OCPPD_TABLE(energy_commands), .summary = "Energy that a station delivered",
	  .on_request = on_energy },
};

static int
acme_init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct acme *acme = calloc(1, sizeof(*acme));

	if (acme == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");

	acme->conf = *(const struct acme_conf *)conf;
	acme->slot = ocppd_slot_add(host, OCPPD_SCOPE_STATION, sizeof(struct tally), NULL);
	if (acme->slot < 0 || ocppd_event_subscribe(host, OCPPD_EVENT_TRANSACTION_STOPPED,
						    on_stopped, acme) == NULL) {
		free(acme);
		return ocppd_error_set(err, OCPPD_ENOMEM, "no memory with stations, or no events");
	}
	*ret_ctx = acme;
	return 0;
}

static void
acme_reload(struct ocppd_host *host, void *ctx, const void *conf)
{
	struct acme *acme = ctx;

	(void)host;
	acme->conf = *(const struct acme_conf *)conf;
}

static void
acme_shutdown(struct ocppd_host *host, void *ctx)
{
	(void)host;
	free(ctx);
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"acme_energy",
	"1.0.0",
	"Adds up the energy that each station delivered",
	.conf_size = sizeof(struct acme_conf),
	.options = OCPPD_TABLE(options),
	.routes = OCPPD_TABLE(routes),
	.metrics = OCPPD_TABLE(metrics),
	.init = acme_init,
	.reload = acme_reload,
	.shutdown = acme_shutdown,
};
