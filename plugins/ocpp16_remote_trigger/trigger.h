/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef TRIGGER_H
#define TRIGGER_H

#include <stdbool.h>
#include <sys/queue.h>

#include <ocppd/event/station.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/rows.h>
#include <ocppd/service/station_data.h>
#include <ocppd/service/stations.h>
#include <ocppd/work.h>

#include "arrival.h"

/*
 * The module's state and the seams between its files: action.c (TriggerMessage, before and after),
 * watch.c (messages that were asked for), arrival.c (which of them count, pure), store.c (the
 * history), routes.c (operator API), tables.c (SQL, fields and routes), ocpp16_remote_trigger.c
 * (life).
 */
#define PROTOCOL "ocpp1.6"
#define WATCHES_MAX 64 /* of one station */
#define REASON_SIZE 160

/* The words of `outcome`. */
#define OUTCOME_WAITING "Waiting"
#define OUTCOME_ARRIVED "Arrived"
#define OUTCOME_MISSING "Missing" /* accepted, but it did not come in time */
#define OUTCOME_REJECTED "Rejected"
#define OUTCOME_NOT_IMPLEMENTED "NotImplemented"
#define OUTCOME_UNANSWERED "Unanswered"   /* neither an answer nor the message came */
#define OUTCOME_FAILED "Failed"           /* answered with an error */
#define OUTCOME_INTERRUPTED "Interrupted" /* the daemon ended before the time was over */

#define EVENT_TRIGGER_SETTLED "trigger.settled"

struct trigger_conf {
	int64_t arrival_timeout_ms;
	int64_t history;
};

struct trigger;

/* Hears how a watch ended: its row as JSON, borrowed, or NULL where it has none. */
typedef void settled_fn(struct trigger *ctx, struct json_object *row, void *arg);

/*
 * A message that was asked for. Asked: its TriggerMessage is not answered yet. Accepted: the time
 * runs. Settled: it stands in no list, and goes when its row is stored.
 */
struct watch {
	TAILQ_ENTRY(watch) all;
	struct watch *next; /* of the same station, oldest first */
	struct trigger *ctx;
	struct ocppd_station *station;
	struct ocppd_outcall *call; /* until it is answered */
	const char *message;        /* static */
	const char *outcome;        /* static */
	char *requester;
	settled_fn *fn; /* the route that waits, or NULL */
	void *asker;
	struct ocppd_timer *timer;
	int64_t trigger_id; /* 0: no row yet */
	int64_t asked_us;
	int64_t settled_us;
	int64_t deadline_mono_us;
	int64_t look_ms;   /* until the next look at the frames */
	int64_t connector; /* -1: none named */
	struct arrival came;
	bool is_watched; /* the filter sees the message; else the frames are looked at */
	bool is_accepted;
	bool is_inserting; /* its row is on its way */
	bool is_settled;
	char answer[32];          /* the station's status, or "" */
	char reason[REASON_SIZE]; /* or "" */
};
TAILQ_HEAD(watch_list, watch);

struct station_slot {
	struct watch *first;
	uint64_t frame_seen; /* sequence of the last frame that was taken for an arrival */
	uint32_t count;
};

struct trigger {
	struct ocppd_host *host;
	const struct trigger_conf *conf;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	const struct ocppd_stations_ops *stations; /* NULL: not offered */
	void *stations_self;
	struct watch_list watches;
	void *asking; /* the route that sends just now, for the watch that follows from it */
	settled_fn *asking_fn;
	struct ocppd_writes writes;
	int slot;
	uint32_t outstanding;
	struct ocppd_work_owner works;
	bool is_stopping;
};

enum {
	STATEMENT_INSERT,
	STATEMENT_SETTLE,
	STATEMENT_TRIM,
	STATEMENT_INTERRUPT,
	STATEMENT_LIST,
	STATEMENT_LIST_STATION,
	STATEMENT_FIND,
	STATEMENT_DELETE,
	STATEMENT_COUNT,
};

/* Columns of INSERT, SETTLE, FIND and the lists. */
enum {
	T_ID,
	T_STATION,
	T_MESSAGE,
	T_CONNECTOR,
	T_REQUESTER,
	T_ASKED,
	T_ANSWER,
	T_OUTCOME,
	T_REASON,
	T_MESSAGES,
	T_MESSAGE_ID,
	T_ARRIVED,
	T_SETTLED,
	T_COLUMNS,
};

enum {
	METRIC_SETTLED,
	METRIC_COUNT,
};

extern const char *const trigger_messages[]; /* what can be triggered, NULL at the end */
extern const struct ocppd_statement trigger_statements[STATEMENT_COUNT];
extern const struct ocppd_migration trigger_migrations[];
#define TRIGGER_MIGRATIONS 1
extern const struct ocppd_action trigger_actions[];
#define TRIGGER_ACTIONS 1
extern const struct ocppd_topic trigger_topics[];
#define TRIGGER_TOPICS 1
extern const struct ocppd_route trigger_routes[];
#define TRIGGER_ROUTES 3
extern const struct ocppd_metric trigger_metrics[METRIC_COUNT];

/* ocpp16_remote_trigger.c */
void trigger_done(struct trigger *ctx); /* one callback less to wait for */

/* action.c */
int prepare_trigger(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		    void *ctx, struct ocppd_error *err);
void completed_trigger(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		       struct json_object *req, struct json_object *conf, void *ctx);

/* watch.c */
/* Begins to watch for what a call will ask for. Returns 0 and it is the call's data;
 * OCPPD_ESPACE: too many are watched at that station; OCPPD_ENOMEM. */
int watch_begin(struct trigger *ctx, struct ocppd_outcall *call, const char *message,
		int64_t connector);
/* Accepted: the time begins to run. */
void watch_accepted(struct watch *watch);
/* It is over; outcome is static. */
void watch_settle(struct watch *watch, const char *outcome);
/* Without a trace. */
void watch_drop(struct watch *watch);
void watch_free(struct watch *watch); /* it stands in no list any more */
void watch_stop(struct trigger *ctx); /* all end as interrupted */
/* The station is deleted. */
extern const struct ocppd_station_data_ops watch_data_ops;
int on_arrival(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
	       void *ctx);

/* store.c */
void store_insert(struct watch *watch);
/* A settled watch's end; tells who waits, and frees it. */
void store_settle(struct watch *watch);
struct json_object *trigger_json(const struct ocppd_value *row);

/* routes.c */
void routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

#endif
