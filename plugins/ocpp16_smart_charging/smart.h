/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef SMART_H
#define SMART_H

#include <ocppd/event/charging_profile.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/rows.h>
#include <ocppd/service/smart_charging.h>
#include <ocppd/service/station_data.h>
#include <ocppd/service/stations.h>
#include <ocppd/service/transactions.h>
#include <ocppd/work.h>

#include "adapt.h"
#include "pause.h"
#include "profile.h"

/*
 * The module's state and the seams between its files: composite.c (the schedule, pure), profile.c
 * (profiles and their rules, pure), pause.c (limits that nothing charges below, pure), adapt.c
 * (other words for a profile, pure), installed.c (what stations hold), load.c (what of it is on
 * record), commands.c (the three actions), deliver.c (profiles as stations take them), restore.c
 * (sending again what a station may have lost), follow.c (whether limits are kept), service.c (for
 * other modules), templates.c and routes.c (operator API), schema.c (the messages), tables.c
 * (tables and statements), ocpp16_smart_charging.c (life).
 */
struct smart_conf {
	int64_t voltage_v;
	int64_t after_boot; /* AFTER_BOOT_* */
	int64_t has_fallbacks;
	int64_t is_watching;
};
#define AFTER_BOOT_NOTHING 0
#define AFTER_BOOT_COMPARE 1
#define AFTER_BOOT_REINSTALL 2

/* A profile that a station holds. */
struct installed {
	struct installed *next; /* of the same station, newest first */
	struct profile *profile;
	int64_t installed_us;
	bool is_doubtful;
	char *template_name; /* or NULL */
	char json[];         /* as it was sent */
};

struct restore;
struct follow;
struct smart_slot { /* with every station */
	struct installed *first;
	struct restore *restore; /* under way, or NULL */
	int64_t last_id;         /* the highest id in use or given out */
	uint32_t taste;          /* TASTE_*: learnt */
	bool is_unstored;        /* its records are not what stands here */
	bool has_climbed;        /* tried other words since its last boot */
	uint8_t boots;           /* that were answered since boots_mono_us */
	int64_t boots_mono_us;
	struct follow *follow; /* connectors whose limits are not kept */
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
	struct ocppd_subscription *readings; /* while any profile is installed */
	struct ocppd_timer *retry_timer;
	int64_t counts[3];    /* installed, by purpose */
	uint32_t outstanding; /* callbacks that will come: stop waits for them */
	struct ocppd_work_owner works;
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
	STATEMENT_SETTLE,
	STATEMENT_REMOVE_ALL,
	STATEMENT_RESTORE,
	STATEMENT_TASTE_PUT,
	STATEMENT_TASTE_LOAD,
	STATEMENT_TASTE_REMOVE,
	STATEMENT_COUNT,
};
extern const struct ocppd_statement smart_statements[STATEMENT_COUNT];
extern const struct ocppd_migration smart_migrations[];
#define SMART_MIGRATIONS 2

enum metric {
	METRIC_INSTALLED,
	METRIC_CALLS,
};

#define SMART_PERIODS_MAX 1024 /* of a schedule, stored or computed */
#define SMART_CHARGING_MAX 64
#define SMART_NAME_MAX 64

/* ocpp16_smart_charging.c */
void smart_done(struct smart *ctx); /* one callback less to wait for */

/* installed.c */
struct smart_slot *smart_slot(struct smart *ctx, struct ocppd_station *station);
ocppd_slot_fini_fn slot_fini;
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

/* As answered: that the profile is where it was, after all. */
void installed_settle(struct smart *ctx, struct ocppd_station *station, int64_t id);
/* One that is on record. Returns as profile_parse. */
int installed_load(struct smart *ctx, struct ocppd_station *station, const struct ocppd_value *row);
/* Those whose transaction ended while nobody looked. */
void installed_drop_lost(struct smart *ctx);
/* Adds to a unit, which is begun if need be; a failure sticks in *r. */
void smart_unit_add(struct smart *ctx, struct ocppd_unit **unit, int *r, enum statement statement,
		    const struct ocppd_value *values, uint32_t count);
/* Commits; what goes wrong is logged, and the station's records are written anew later. */
void smart_unit_end(struct smart *ctx, struct ocppd_station *station, struct ocppd_unit *unit,
		    int r);
void on_store_again(struct ocppd_host *host, void *ctx);

/* The station is deleted. */
extern const struct ocppd_station_data_ops installed_data_ops;

/* load.c */
/* Reads what is on record, then ends the module's start. */
int smart_load(struct smart *ctx);
void taste_store(struct smart *ctx, struct ocppd_station *station);

/* deliver.c */
struct delivery_request {
	struct ocppd_station *station;
	int64_t connector;
	const char *requester;
	uint32_t flags;   /* OCPPD_CALL_* */
	bool is_as_given; /* in these words or not at all */
};
struct delivery_end { /* the last call, as in ocppd_result_fn */
	struct ocppd_outcall *call;
	struct json_object *conf;
	const char *adapted; /* what it was changed to; "": as asked */
	uint32_t result;
	uint32_t calls;  /* that the station answered */
	bool is_stopped; /* transactions were to end, and no profile was sent (quirk H08) */
};
typedef void delivered_fn(struct ocppd_host *host, const struct delivery_end *end, void *arg);
/* Sends a profile, taken also on error. Returns as ocppd_call_send. */
int deliver(struct smart *ctx, const struct delivery_request *request, struct json_object *profile,
	    delivered_fn *fn, void *arg, struct ocppd_error *err);

/* restore.c */
struct restored {
	uint32_t sent;
	uint32_t accepted;
	uint32_t confirmed; /* borne out by what the station reports: not sent */
	bool is_complete;
};
/* Sends a station again what it held. request, which may be NULL, is answered in the end. Returns
 * 0, OCPPD_EBUSY: it is under way; OCPPD_ENOMEM. */
int restore_begin(struct smart *ctx, struct ocppd_station *station, struct ocppd_request *request);
/* After a boot, as configured. */
void restore_booted(struct smart *ctx, struct ocppd_station *station);

/* follow.c */
/* What is installed, or the configuration, changed. */
void follow_update(struct smart *ctx);
void follow_fini(struct smart_slot *slot);

/* commands.c */
/* The transaction under way at a connector; false: there is none. */
bool charging_find(struct smart *ctx, struct ocppd_station *station, int64_t connector,
		   struct charging *ret);
/* Whether the station ever reported it; connector 0 is the station. *ret_count: connectors that it
 * reported. */
bool connector_is_known(struct smart *ctx, struct ocppd_station *station, int64_t connector,
			uint32_t *ret_count);
/* Quirk H08: a pause is made by ending the transaction, with the option `pause=stop`. */
bool pause_is_stop(const struct ocppd_station *station);
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
/* The schedule of a GetCompositeSchedule's answer, and the query changed to its start, duration and
 * unit. NULL: there is none. */
struct profile *smart_reported(struct json_object *conf, struct smart_query *query);
void routes_restored(struct smart *ctx, struct ocppd_request *request, const struct restored *done);
void routes_restore(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
/* The station of the path or the body; NULL: the request was answered. */
struct ocppd_station *routes_station(struct smart *ctx, struct ocppd_request *request,
				     const char *station_id);
extern const struct ocppd_route smart_routes[];
#define SMART_ROUTES 8
void templates_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_put(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_install(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_installed(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_composite(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

#endif
