/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Shares what a site may draw among the connectors that charge, evenly: a small load manager, and
 * how a module uses the service `ocppd.smart_charging`. It installs limits, learns what came of
 * them, and asks what all that is installed amounts to.
 */
#include <stdbool.h>
#include <stdlib.h>

#include <json-c/json.h>
#include <ocppd/event/station.h>
#include <ocppd/event/transaction.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/smart_charging.h>
#include <ocppd/service/transactions.h>

#define CONNECTORS 16 /* of a station, shared among; others are left alone */

struct share_conf {
	int64_t site_limit_a;
};

struct connector_share {
	int64_t wanted;     /* tenths of an ampere; 0: it does not charge */
	int64_t installed;  /* accepted last; 0: none */
	int64_t profile_id; /* of that */
	uint32_t outcome;   /* OCPPD_CHARGING_*; 0: none yet */
	bool is_charging;
	bool is_asked; /* a change is under way */
};

struct station_shares { /* with every station */
	struct connector_share at[CONNECTORS + 1];
};

struct acme {
	struct ocppd_host *host;
	const struct share_conf *conf;
	const struct ocppd_smart_charging_ops *charging;
	void *charging_self;
	const struct ocppd_transactions_ops *transactions;
	void *transactions_self;
	uint32_t outstanding; /* answers that will come: stop waits for them */
	bool is_stopping;
	int slot;
};

static struct connector_share *
share_of(struct acme *acme, struct ocppd_station *station, int64_t connector)
{
	struct station_shares *shares = ocppd_station_slot(acme->host, station, acme->slot);

	return shares == NULL || connector < 1 || connector > CONNECTORS ? NULL
									 : &shares->at[connector];
}

/* ---- Installing -------------------------------------------------------------------------------
 */

struct asked {
	struct acme *acme;
	struct ocppd_station *station;
	int64_t connector;
	int64_t limit;
};

static void bring(struct acme *acme, struct ocppd_station *station, int64_t connector,
		  struct connector_share *share);

static void
on_outcome(struct ocppd_host *host, const struct ocppd_charging_outcome *outcome, void *arg)
{
	struct asked *asked = arg;
	struct acme *acme = asked->acme;
	struct connector_share *share = share_of(acme, asked->station, asked->connector);

	if (share == NULL)
		goto out;
	share->is_asked = false;
	share->outcome = outcome->outcome;
	if (outcome->outcome == OCPPD_CHARGING_ACCEPTED ||
	    outcome->outcome == OCPPD_CHARGING_UNKNOWN) {
		share->installed = asked->limit;
		share->profile_id = outcome->profile_id;
	} else {
		OCPPD_WARN(host, "acme.share_refused",
			   OCPPD_STR("station", ocppd_station_id(asked->station)),
			   OCPPD_STR("text", outcome->text));
	}
	/* What was wanted may have changed meanwhile; what was refused is not asked again. */
	if (!acme->is_stopping && share->wanted != asked->limit)
		bring(acme, asked->station, asked->connector, share);
out:
	free(asked);
	acme->outstanding--;
	if (acme->is_stopping && acme->outstanding == 0)
		ocppd_stopped(host);
}

/* One connector to what is wanted: a limit, or none. */
static void
bring(struct acme *acme, struct ocppd_station *station, int64_t connector,
      struct connector_share *share)
{
	struct asked *asked;
	const struct ocppd_charging_period period = { .limit = share->wanted };
	const struct ocppd_charging_limit limit = {
		.struct_size = sizeof(limit),
		.flags = OCPPD_CALL_AUTOMATIC,
		.station = station,
		.place = { (int32_t)connector, 1 },
		.purpose = OCPPD_CHARGING_DEFAULT,
		.unit = OCPPD_RATE_A,
		.profile_id = share->profile_id, /* takes the place of its own */
		.periods = &period,
		.period_count = 1,
	};
	int r;

	if (share->is_asked || share->wanted == share->installed)
		return;
	asked = malloc(sizeof(*asked));
	if (asked == NULL)
		return;
	*asked = (struct asked){ acme, station, connector, share->wanted };
	if (share->wanted > 0)
		r = acme->charging->install(acme->charging_self, acme->host, &limit, on_outcome,
					    asked, NULL);
	else
		r = acme->charging->clear(acme->charging_self, acme->host, station,
					  share->profile_id, on_outcome, asked, NULL);
	if (r < 0) {
		share->outcome = OCPPD_CHARGING_REFUSED;
		free(asked);
		return;
	}
	share->is_asked = true;
	acme->outstanding++;
}

/* ---- Sharing ----------------------------------------------------------------------------------
 */

struct division {
	struct acme *acme;
	int64_t count;
	int64_t limit;
};

static int
count_charging(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	struct division *division = arg;

	(void)host;
	for (int64_t i = 1; i <= CONNECTORS; i++) {
		const struct connector_share *share = share_of(division->acme, station, i);

		division->count += share != NULL && share->is_charging ? 1 : 0;
	}
	return 0;
}

static int
bring_station(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	const struct division *division = arg;

	(void)host;
	for (int64_t i = 1; i <= CONNECTORS; i++) {
		struct connector_share *share = share_of(division->acme, station, i);

		if (share == NULL)
			continue;
		share->wanted = share->is_charging ? division->limit : 0;
		bring(division->acme, station, i, share);
	}
	return 0;
}

static void
divide(struct acme *acme)
{
	struct division division = { .acme = acme };

	(void)ocppd_station_each(acme->host, count_charging, &division);
	if (division.count > 0)
		division.limit = acme->conf->site_limit_a * 10 / division.count;
	(void)ocppd_station_each(acme->host, bring_station, &division);
}

static void
set_charging(struct acme *acme, const struct ocppd_event *event, bool is_charging)
{
	const char *id = ocppd_json_get_str(event->body, "stationId");
	struct ocppd_station *station = id == NULL ? NULL : ocppd_station_find(acme->host, id);
	struct connector_share *share =
		station == NULL ? NULL
				: share_of(acme, station,
					   ocppd_json_get_int(event->body, "connectorId", 0));

	if (share == NULL || acme->is_stopping)
		return;
	share->is_charging = is_charging;
	divide(acme);
}

static void
on_started(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	(void)host;
	set_charging(arg, event, true);
}

static void
on_stopped(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	(void)host;
	set_charging(arg, event, false);
}

/* What was divided while it was away, or before this module knew. */
static void
on_connected(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct acme *acme = arg;

	(void)host;
	(void)event;
	if (!acme->is_stopping)
		divide(acme);
}

/* ---- Showing ----------------------------------------------------------------------------------
 */

struct listing {
	struct acme *acme;
	struct json_object *items;
};

static void
list_one(struct listing *listing, struct ocppd_station *station, int64_t connector)
{
	struct acme *acme = listing->acme;
	const struct connector_share *share = share_of(acme, station, connector);
	const struct ocppd_charging_query query = {
		.struct_size = sizeof(query),
		.unit = OCPPD_RATE_A,
		.station = station,
		.place = { (int32_t)connector, 1 },
		.duration_s = 1,
	};
	struct ocppd_charging_period now = { .limit = -1 };
	struct json_object *item;

	if (share == NULL || !share->is_charging)
		return;
	(void)acme->charging->composite(acme->charging_self, acme->host, &query, &now, 1);
	item = json_object_new_object();
	ocppd_json_add_str(item, "stationId", ocppd_station_id(station));
	ocppd_json_add_int(item, "connectorId", connector);
	ocppd_json_add_int(item, "wantedTenths", share->wanted);
	ocppd_json_add_int(item, "outcome", share->outcome);
	ocppd_json_add_int(item, "limitTenths", now.limit);
	json_object_array_add(listing->items, item);
}

static int
list_station(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	(void)host;
	for (int64_t i = 1; i <= CONNECTORS; i++)
		list_one(arg, station, i);
	return 0;
}

static void
on_list(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct listing listing = { arg, json_object_new_array() };
	struct json_object *body = json_object_new_object();

	(void)ocppd_station_each(host, list_station, &listing);
	ocppd_json_add(body, "items", listing.items);
	ocppd_request_reply(host, request, 200, body);
}

static const struct ocppd_field item_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "wantedTenths", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "its share, in 0.1 A" },
	{ "outcome", OCPPD_T_INTEGER, OCPPD_REQUIRED,
	  .doc = "what came of it: 1 accepted, others as OCPPD_CHARGING_*, 0 not known yet" },
	{ "limitTenths", OCPPD_T_INTEGER, OCPPD_REQUIRED,
	  .doc = "what all that is installed amounts to now; -1: no limit" },
};
static const struct ocppd_field list_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(item_fields) },
};
static const struct ocppd_command list_commands[] = {
	{ "acme share", "", "stationId,connectorId,wantedTenths,outcome,limitTenths",
	  "show the share of each connector that charges" },
};
static const struct ocppd_route routes[] = {
	{ "GET", "/v1/acme/share", OCPPD_ROLE_VIEWER, .res = OCPPD_TABLE(list_fields),
	  .commands = OCPPD_TABLE(list_commands), .summary = "Shares of the site's limit",
	  .on_request = on_list },
};

/* ---- Life -------------------------------------------------------------------------------------
 */

static int
acme_init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct acme *acme = calloc(1, sizeof(*acme));

	if (acme == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	acme->host = host;
	acme->conf = conf;
	acme->slot = ocppd_slot_add(host, OCPPD_SCOPE_STATION, sizeof(struct station_shares), NULL);
	if (acme->slot < 0) {
		int r = acme->slot;

		free(acme);
		return ocppd_error_set(err, r, "no memory with stations");
	}
	*ret_ctx = acme;
	return 0;
}

static int
find_charging(const struct ocppd_tx_info *info, void *arg)
{
	struct acme *acme = arg;
	struct connector_share *share =
		info->station == NULL ? NULL : share_of(acme, info->station, info->place.evse);

	if (share != NULL)
		share->is_charging = true;
	return 0;
}

static int
find_station(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	struct acme *acme = arg;

	return acme->transactions->active_each(acme->transactions_self, host, station,
					       find_charging, acme);
}

static int
acme_start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	struct acme *acme = ctx;
	const void *charging = NULL;
	const void *transactions = NULL;
	int r = ocppd_service_get(host, "ocppd.smart_charging", 1, 0, &charging,
				  &acme->charging_self);

	if (r >= 0)
		r = ocppd_service_get(host, "ocppd.transactions", 1, 0, &transactions,
				      &acme->transactions_self);
	if (r < 0)
		return ocppd_error_set(err, r, "a service is missing");
	acme->charging = charging;
	acme->transactions = transactions;
	if (ocppd_event_subscribe(host, OCPPD_EVENT_TRANSACTION_STARTED, on_started, acme) ==
		    NULL ||
	    ocppd_event_subscribe(host, OCPPD_EVENT_TRANSACTION_STOPPED, on_stopped, acme) ==
		    NULL ||
	    ocppd_event_subscribe(host, OCPPD_EVENT_STATION_CONNECTED, on_connected, acme) == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "no events");
	(void)ocppd_station_each(host, find_station, acme);
	divide(acme); /* those that are not there get it when they connect */
	return 0;
}

static void
acme_reload(struct ocppd_host *host, void *ctx, const void *conf)
{
	struct acme *acme = ctx;

	(void)host;
	acme->conf = conf;
	divide(acme);
}

static int
acme_stop(struct ocppd_host *host, void *ctx)
{
	struct acme *acme = ctx;

	(void)host;
	acme->is_stopping = true;
	return acme->outstanding == 0 ? 0 : OCPPD_PENDING;
}

static void
acme_shutdown(struct ocppd_host *host, void *ctx)
{
	(void)host;
	free(ctx);
}

static const struct ocppd_option options[] = {
	{ "site_limit", OCPPD_CONF_INT, OCPPD_RELOADABLE, offsetof(struct share_conf, site_limit_a),
	  .min = 1, .max = 10000, .def = "63",
	  .doc = "Amperes per phase that all connectors may draw together." },
};
static const struct ocppd_need needs[] = {
	{ "ocppd.smart_charging", .major = 1, .module = "ocpp16_smart_charging" },
	{ "ocppd.transactions", .major = 1, .module = "transactions" },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"acme_share",
	"1.0.0",
	"Shares the limit of a site among the connectors that charge",
	.conf_size = sizeof(struct share_conf),
	.needs = OCPPD_TABLE(needs),
	.options = OCPPD_TABLE(options),
	.routes = OCPPD_TABLE(routes),
	.init = acme_init,
	.start = acme_start,
	.reload = acme_reload,
	.stop = acme_stop,
	.shutdown = acme_shutdown,
};
