/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef SMART_H
#define SMART_H

#include <ocppd/event/charging_profile.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/smart_charging.h>
#include <ocppd/service/stations.h>
#include <ocppd/service/transactions.h>

#include "profile.h"

/*
 * The module's state and the seams between its files: composite.c (the schedule, pure), profile.c
 * (profiles and their rules, pure), installed.c (what stations hold), commands.c (the three
 * actions), service.c (for other modules), templates.c and routes.c (operator API), schema.c (the
 * messages), tables.c (tables and statements), ocpp16_smart_charging.c (life).
 */
struct smart_conf {
	int64_t voltage_v;
};

/* A profile that a station holds. */
struct installed {
	struct installed *next; /* of the same station, newest first */
	struct profile *profile;
	int64_t installed_us;
	bool is_doubtful;
	char *template_name; /* or NULL */
	char json[];         /* as it was sent */
};

struct smart_slot { /* with every station */
	struct installed *first;
	int64_t last_id; /* the highest id in use or given out */
};

struct smart {
	struct ocppd_host *host;
	const struct smart_conf *conf;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	const struct ocppd_stations_ops *stations;
	void *stations_self;
	const struct ocppd_transactions_ops *transactions;
	void *transactions_self;
	struct ocppd_subscription *subscriptions[4];
	int64_t counts[3];    /* installed, by purpose */
	uint32_t outstanding; /* callbacks that will come: stop waits for them */
	bool is_starting;
	bool is_stopping;
	int slot;
};

enum statement {
	STATEMENT_TEMPLATE_PUT,
	STATEMENT_TEMPLATE_DELETE,
	STATEMENT_TEMPLATE_GET,
	STATEMENT_TEMPLATE_LIST,
	STATEMENT_INSTALL,
	STATEMENT_REMOVE,
	STATEMENT_DOUBT,
	STATEMENT_DOUBT_ALL,
	STATEMENT_NAME,
	STATEMENT_LOAD,
	STATEMENT_COUNT,
};
extern const struct ocppd_statement smart_statements[STATEMENT_COUNT];
extern const struct ocppd_migration smart_migrations[];
#define SMART_MIGRATIONS 1

enum metric {
	METRIC_INSTALLED,
	METRIC_CALLS,
};

#define SMART_PERIODS_MAX 1024 /* of a schedule, stored or computed */
#define SMART_CHARGING_MAX 64
#define SMART_NAME_MAX 64
#define SMART_JSON_MAX 131072

/* ocpp16_smart_charging.c */
void smart_done(struct smart *ctx); /* one callback less to wait for */

/* installed.c */
struct smart_slot *smart_slot(struct smart *ctx, struct ocppd_station *station);
ocppd_slot_fini_fn slot_fini;
/* Reads what is on record, then ends the module's start. */
int installed_load(struct smart *ctx);
void installed_accept(struct smart *ctx, struct ocppd_station *station, int64_t connector,
		      struct json_object *profile);
/* reason: of the event. */
void installed_clear(struct smart *ctx, struct ocppd_station *station,
		     const struct profile_filter *filter, const char *reason);
/* Whether a change arrived is not known: what it would have touched is marked. */
void installed_doubt(struct smart *ctx, struct ocppd_station *station,
		     const struct profile *profile);
struct installed *installed_find(struct smart *ctx, struct ocppd_station *station, int64_t id);
void installed_name(struct smart *ctx, struct ocppd_station *station, int64_t id,
		    const char *template_name);
uint32_t installed_others(struct smart *ctx, struct ocppd_station *station,
			  const struct profile *profile);
int64_t installed_next_id(struct smart *ctx, struct ocppd_station *station);
struct json_object *installed_json(const struct ocppd_station *station,
				   const struct installed *installed);
/* The members of an event about a profile. */
struct json_object *profile_event(const struct ocppd_station *station,
				  const struct profile *profile);
/* A remote start brought a profile: installed with the transaction that it began. */
void on_remote_start(struct ocppd_host *host, const struct ocppd_event *event, void *arg);
void on_transaction_started(struct ocppd_host *host, const struct ocppd_event *event, void *arg);
void on_transaction_stopped(struct ocppd_host *host, const struct ocppd_event *event, void *arg);
void on_station_booted(struct ocppd_host *host, const struct ocppd_event *event, void *arg);

/* commands.c */
/* The transaction under way at a connector; false: there is none. */
bool charging_find(struct smart *ctx, struct ocppd_station *station, int64_t connector,
		   struct charging *ret);
int prepare_set(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		void *ctx, struct ocppd_error *err);
void completed_set(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		   struct json_object *req, struct json_object *conf, void *ctx);
int prepare_clear(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		  void *ctx, struct ocppd_error *err);
void completed_clear(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		     struct json_object *req, struct json_object *conf, void *ctx);
int prepare_composite(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		      void *ctx, struct ocppd_error *err);
void completed_composite(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
			 struct json_object *req, struct json_object *conf, void *ctx);

/* schema.c */
extern const struct ocppd_action smart_actions[];
#define SMART_ACTIONS 3
#define SMART_PROFILE_FIELDS 9
extern const struct ocppd_field smart_profile_fields[SMART_PROFILE_FIELDS];
#define SMART_TEMPLATE_FIELDS 7
extern const struct ocppd_field smart_template_fields[SMART_TEMPLATE_FIELDS];

/* service.c */
extern const struct ocppd_smart_charging_ops smart_ops;
struct smart_query {
	struct ocppd_station *station;
	int64_t connector;
	int64_t start_s;
	int64_t duration_s;
	enum rate_unit unit;
};
/* As composite_compute, over what the station holds. */
int64_t smart_composite(struct smart *ctx, const struct smart_query *query,
			struct composite_period *ret, uint32_t max);
/* A connector of a station as it is in the neutral services' places. */
int64_t connector_of(struct ocppd_place place);
struct ocppd_place place_of(int64_t connector);
/* Adds a time as the station wants it: without fraction with the option `whole_seconds`. */
int smart_add_time(const struct ocppd_station *station, struct json_object *object, const char *key,
		   int64_t time_us);
/* Calls SetChargingProfile with a profile, taken also on error. Returns as ocppd_call_send. */
struct smart_set {
	struct ocppd_station *station;
	int64_t connector;
	const char *requester;
	uint32_t flags; /* OCPPD_CALL_* */
};
int smart_set(struct smart *ctx, const struct smart_set *set, struct json_object *profile,
	      ocppd_result_fn *fn, void *arg, struct ocppd_error *err);

/* templates.c, routes.c */
/* The station of the path or the body; NULL: the request was answered. */
struct ocppd_station *routes_station(struct smart *ctx, struct ocppd_request *request,
				     const char *station_id);
extern const struct ocppd_route smart_routes[];
#define SMART_ROUTES 7
void templates_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_put(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_install(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_installed(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_composite(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

#endif
