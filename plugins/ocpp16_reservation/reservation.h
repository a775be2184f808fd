/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef RESERVATION_H
#define RESERVATION_H

#include <stdbool.h>
#include <sys/queue.h>

#include <ocppd/event/connector.h>
#include <ocppd/event/transaction.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/rows.h>
#include <ocppd/service/authorization.h>
#include <ocppd/service/station_data.h>
#include <ocppd/service/stations.h>
#include <ocppd/service/transactions.h>
#include <ocppd/work.h>

#include "rules.h"

/*
 * The module's state and the seams between its files: actions.c (ReserveNow, CancelReservation),
 * follow.c (what ends a reservation), ids.c, live.c (those that hold, in memory), rules.c (tags,
 * statuses and ids, pure), store.c (writing, and waiting for it), retain.c (forgetting what ended
 * long ago), routes.c (operator API), tables.c (SQL, fields and routes), ocpp16_reservation.c
 * (life).
 */
struct reservation_conf {
	int64_t keep_s; /* 0: for ever */
};

#define STATION_SIZE (OCPPD_STATION_ID_MAX * 4 + 1)

#define EVENT_RESERVATION_CHANGED "reservation.changed"

/* A reservation that holds, as far as is known. */
struct live {
	TAILQ_ENTRY(live) all;
	struct live *next; /* of the same station */
	struct ocppd_station *station;
	struct terms terms;
	int64_t created_us;
	bool is_confirmed; /* the station said so */
	bool is_changing;  /* a route replaces it */
};
TAILQ_HEAD(live_list, live);

struct station_slot {
	struct live *first;
};

struct sending;
LIST_HEAD(sending_list, sending);
struct change;
TAILQ_HEAD(change_list, change);

struct reservations {
	struct ocppd_host *host;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	const struct ocppd_authorization_ops *authorization;
	void *authorization_self;
	const struct ocppd_stations_ops *stations; /* NULL: not offered */
	void *stations_self;
	const struct ocppd_transactions_ops *transactions; /* NULL: not offered */
	void *transactions_self;
	struct live_list live;
	uint32_t live_count;
	struct ocppd_timer *timer;
	struct ocppd_subscription *subscriptions[2];
	struct id_block block;
	struct id_block spare;
	struct sending_list sending;
	struct change_list unstored; /* in order: none overtakes another */
	uint32_t unstored_count;
	struct ocppd_timer *retry_timer;
	struct ocppd_timer *retain_timer;
	const struct reservation_conf *conf;
	struct ocppd_writes writes;
	int slot;
	uint32_t outstanding;
	struct ocppd_work_owner works;
	bool is_reserving;
	bool is_retrying; /* one that was set aside is being stored */
	bool is_starting;
	bool is_stopping;
};

enum {
	STATEMENT_RESERVE,
	STATEMENT_PUT,
	STATEMENT_CHANGE,
	STATEMENT_LATE,
	STATEMENT_HISTORY_ADD,
	STATEMENT_TAKEN,
	STATEMENT_LIVE,
	STATEMENT_LIST,
	STATEMENT_LIST_STATION,
	STATEMENT_FIND,
	STATEMENT_HISTORY,
	STATEMENT_FORGET_HISTORY,
	STATEMENT_FORGET,
	STATEMENT_CANCEL_ALL,
	STATEMENT_COUNT,
};

/* Columns of PUT, CHANGE, LATE, LIVE, FIND and the lists. */
enum {
	R_RECORD,
	R_STATION,
	R_ID,
	R_CONNECTOR,
	R_TAG,
	R_PARENT,
	R_EXPIRY,
	R_STATUS,
	R_REASON,
	R_TRANSACTION,
	R_REQUESTER,
	R_CREATED,
	R_CHANGED,
	R_COLUMNS,
};

enum {
	METRIC_CHANGES,
	METRIC_ACTIVE,
	METRIC_COUNT,
};

extern const struct ocppd_statement reservation_statements[STATEMENT_COUNT];
extern const struct ocppd_migration reservation_migrations[];
#define RESERVATION_MIGRATIONS 2
extern const struct ocppd_action reservation_actions[];
#define RESERVATION_ACTIONS 2
extern const struct ocppd_topic reservation_topics[];
#define RESERVATION_TOPICS 1
extern const struct ocppd_route reservation_routes[];
#define RESERVATION_ROUTES 5
extern const struct ocppd_metric reservation_metrics[METRIC_COUNT];

/* ocpp16_reservation.c */
void reservation_done(struct reservations *ctx); /* one callback less to wait for */
void reservation_started(struct reservations *ctx, int result, const struct ocppd_error *err);

/* ids.c */
int ids_reserve(struct reservations *ctx);
/* An id that no reservation on record has. Returns 0, or OCPPD_EBUSY: none is at hand. */
int ids_choose(struct reservations *ctx, int64_t *ret_id);
/* Somebody else chose this one. */
void ids_take(struct reservations *ctx, int64_t id);

/* live.c */
struct station_slot *live_slot(struct reservations *ctx, struct ocppd_station *station);
/* Adds, or replaces the terms of the one with that id. NULL: out of memory. */
struct live *live_put(struct reservations *ctx, struct ocppd_station *station,
		      const struct terms *terms, int64_t created_us, bool is_confirmed);
void live_remove(struct reservations *ctx, struct live *live);
struct live *live_find(struct reservations *ctx, struct ocppd_station *station, int64_t id);
/* The only one with that id, at that station unless NULL. *ret_is_ambiguous: there are several. */
struct live *live_find_any(struct reservations *ctx, const char *station_id, int64_t id,
			   bool *ret_is_ambiguous);
void live_arm(struct reservations *ctx);
void live_forget(struct reservations *ctx); /* the table knows better */
void live_free(struct reservations *ctx);   /* when stations are no more, too */
void on_expiry(struct ocppd_host *host, void *ctx);
/* Ends it, on record, too. transaction_id 0: none. live is gone afterwards. */
void live_end(struct reservations *ctx, struct live *live, const char *status, const char *reason,
	      int64_t transaction_id);

/* The station is deleted. */
extern const struct ocppd_station_data_ops live_data_ops;

/* store.c */
struct note {
	const char *station_id;
	int64_t id;
	const char *status; /* NULL: it stays */
	const char *reason;
	const char *requester;  /* NULL: nobody */
	int64_t transaction_id; /* 0: none */
};
/* A reservation as it was asked for, with what came of it. */
void store_put(struct reservations *ctx, const struct note *note, const struct terms *terms);
/* A further line of its story. */
void store_change(struct reservations *ctx, const struct note *note);
/* A transaction that began at start_us names one that seems to be over. */
void store_late(struct reservations *ctx, const struct note *note, int64_t start_us);
struct json_object *reservation_json(const struct ocppd_value *row);

/* What could not be stored is tried again until the module stops. */
void on_retry(struct ocppd_host *host, void *ctx);
void store_stop(struct reservations *ctx);

/* retain.c */
void on_retain(struct ocppd_host *host, void *ctx);

/* actions.c */
int prepare_reserve(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		    void *ctx, struct ocppd_error *err);
void completed_reserve(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		       struct json_object *req, struct json_object *conf, void *ctx);
/* Their answers will not be heard: the station may hold what they ask for. */
void sending_go_on(struct reservations *ctx); /* a block of ids is there, or was refused */
void sending_stop(struct reservations *ctx);
void sending_free(struct reservations *ctx);
int prepare_cancel(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		   void *ctx, struct ocppd_error *err);
void completed_cancel(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		      struct json_object *req, struct json_object *conf, void *ctx);

/* follow.c */
void on_connector(struct ocppd_host *host, const struct ocppd_event *event, void *ctx);
void on_transaction(struct ocppd_host *host, const struct ocppd_event *event, void *ctx);
/* What is under way may have used one while nobody listened. */
void follow_reconcile(struct reservations *ctx);

/* routes.c */
void routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_put(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

#endif
