/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Schema, statements, fields and routes. A row of `reservation` is the present state; every change
 * adds a line to `history`, copied from that row, so that the two never disagree.
 */
#include "reservation.h"

#define PROTOCOL "ocpp1.6"

static const char *const migration_1[] = {
	"CREATE TABLE ocpp16_reservation_counter (name TEXT NOT NULL PRIMARY KEY, "
	"next_id BIGINT NOT NULL)",
	"INSERT INTO ocpp16_reservation_counter (name, next_id) VALUES ('reservation', 1)",

	"CREATE TABLE ocpp16_reservation_reservation (record_id {key}, "
	"station_id TEXT NOT NULL, reservation_id BIGINT NOT NULL, connector_id BIGINT NOT NULL, "
	"token TEXT NOT NULL, presented TEXT NOT NULL, parent TEXT, expiry_us BIGINT NOT NULL, "
	"status TEXT NOT NULL, reason TEXT NOT NULL, transaction_id BIGINT, requester TEXT, "
	"created_us BIGINT NOT NULL, changed_us BIGINT NOT NULL)",
	"CREATE UNIQUE INDEX ocpp16_reservation_id ON ocpp16_reservation_reservation "
	"(reservation_id, station_id)",
	"CREATE INDEX ocpp16_reservation_station ON ocpp16_reservation_reservation "
	"(station_id, record_id)",
	"CREATE INDEX ocpp16_reservation_live ON ocpp16_reservation_reservation (record_id) "
	"WHERE status IN ('Accepted', 'Unconfirmed')",

	"CREATE TABLE ocpp16_reservation_history (history_id {key}, station_id TEXT NOT NULL, "
	"reservation_id BIGINT NOT NULL, time_us BIGINT NOT NULL, status TEXT NOT NULL, "
	"reason TEXT NOT NULL, requester TEXT, transaction_id BIGINT, "
	"connector_id BIGINT NOT NULL, presented TEXT NOT NULL, expiry_us BIGINT NOT NULL)",
	"CREATE INDEX ocpp16_reservation_story ON ocpp16_reservation_history "
	"(reservation_id, station_id, history_id)",
	NULL,
};

static const char *const migration_2[] = {
	"CREATE INDEX ocpp16_reservation_over ON ocpp16_reservation_reservation "
	"(changed_us, record_id) WHERE status NOT IN ('Accepted', 'Unconfirmed')",
	NULL,
};

const struct ocppd_migration reservation_migrations[RESERVATION_MIGRATIONS] = {
	{ 1, 0, "reservations and their history", migration_1 },
	{ 2, 0, "those that are over by time", migration_2 },
};

/* The order of the R_* columns. */
#define COLUMNS                                                                                    \
	"record_id, station_id, reservation_id, connector_id, presented, parent, expiry_us, "      \
	"status, reason, transaction_id, requester, created_us, changed_us"

/* $1 before record, $2 limit, $3 station, $4 tag, $5 is live; NULL: any. */
#define LIST(first)                                                                                \
	"SELECT " COLUMNS " FROM ocpp16_reservation_reservation WHERE record_id < $1 AND " first   \
	" (CAST($3 AS TEXT) IS NULL OR station_id = $3)"                                           \
	" AND (CAST($4 AS TEXT) IS NULL OR token = $4)"                                            \
	" AND (CAST($5 AS BIGINT) IS NULL"                                                         \
	" OR ($5 = 1 AND status IN ('Accepted', 'Unconfirmed'))"                                   \
	" OR ($5 = 0 AND status NOT IN ('Accepted', 'Unconfirmed')))"                              \
	" ORDER BY record_id DESC LIMIT $2"

#define OVER                                                                                       \
	"SELECT record_id FROM ocpp16_reservation_reservation WHERE changed_us < $1 "              \
	"AND status NOT IN ('Accepted', 'Unconfirmed') ORDER BY changed_us, record_id LIMIT $2"

const struct ocppd_statement reservation_statements[STATEMENT_COUNT] = {
	/* $1: ids begin no lower, $2: how many. Never beyond 31 bits. */
	[STATEMENT_RESERVE] = { "reserve ids",
				"UPDATE ocpp16_reservation_counter SET next_id = "
				"CASE WHEN next_id < $1 THEN $1 + $2 ELSE next_id + $2 END "
				"WHERE name = 'reservation' AND next_id + $2 <= 2147483647 "
				"RETURNING next_id - $2" },
	[STATEMENT_PUT] = { "put",
			    "INSERT INTO ocpp16_reservation_reservation (station_id, "
			    "reservation_id, connector_id, token, presented, parent, expiry_us, "
			    "status, reason, requester, created_us, changed_us) "
			    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) "
			    "ON CONFLICT (reservation_id, station_id) DO UPDATE SET "
			    "connector_id = excluded.connector_id, token = excluded.token, "
			    "presented = excluded.presented, parent = excluded.parent, "
			    "expiry_us = excluded.expiry_us, status = excluded.status, "
			    "reason = excluded.reason, requester = excluded.requester, "
			    "transaction_id = NULL, created_us = excluded.created_us, "
			    "changed_us = excluded.changed_us RETURNING " COLUMNS },
	[STATEMENT_CHANGE] = { "change",
			       "UPDATE ocpp16_reservation_reservation SET "
			       "status = COALESCE($3, status), "
			       "reason = CASE WHEN CAST($3 AS TEXT) IS NULL THEN reason "
			       "ELSE $4 END, transaction_id = COALESCE($5, transaction_id), "
			       "changed_us = $6 WHERE station_id = $1 AND reservation_id = $2 "
			       "RETURNING " COLUMNS },
	/* Begun before it was over: $7 is the start, a minute later. */
	[STATEMENT_LATE] = { "late use",
			     "UPDATE ocpp16_reservation_reservation SET status = $3, reason = $4, "
			     "transaction_id = $5, changed_us = $6 WHERE station_id = $1 "
			     "AND reservation_id = $2 AND transaction_id IS NULL AND status IN "
			     "('Expired', 'Cancelled', 'Faulted', 'Unavailable') "
			     "AND created_us <= $7 RETURNING " COLUMNS },
	/* The change of the moment $3, if there was one. */
	[STATEMENT_HISTORY_ADD] = { "add to history",
				    "INSERT INTO ocpp16_reservation_history (station_id, "
				    "reservation_id, time_us, status, reason, requester, "
				    "transaction_id, connector_id, presented, expiry_us) "
				    "SELECT station_id, reservation_id, changed_us, status, $4, "
				    "$5, transaction_id, connector_id, presented, expiry_us "
				    "FROM ocpp16_reservation_reservation WHERE station_id = $1 "
				    "AND reservation_id = $2 AND changed_us = $3" },
	[STATEMENT_TAKEN] = { "taken ids",
			      "SELECT DISTINCT reservation_id FROM ocpp16_reservation_reservation "
			      "WHERE reservation_id >= $1 AND reservation_id < $2",
			      OCPPD_STATEMENT_READ },
	[STATEMENT_LIVE] = { "those that hold",
			     "SELECT " COLUMNS " FROM ocpp16_reservation_reservation "
			     "WHERE status IN ('Accepted', 'Unconfirmed') AND record_id > $1 "
			     "ORDER BY record_id LIMIT $2",
			     OCPPD_STATEMENT_READ },
	[STATEMENT_LIST] = { "list", LIST(""), OCPPD_STATEMENT_READ },
	[STATEMENT_LIST_STATION] = { "list of a station", LIST("station_id = $3 AND"),
				     OCPPD_STATEMENT_READ },
	[STATEMENT_FIND] = { "find",
			     "SELECT " COLUMNS " FROM ocpp16_reservation_reservation "
			     "WHERE reservation_id = $1 "
			     "AND (CAST($2 AS TEXT) IS NULL OR station_id = $2) "
			     "ORDER BY station_id LIMIT 2",
			     OCPPD_STATEMENT_READ },
	[STATEMENT_HISTORY] = { "history",
				"SELECT time_us, status, reason, requester, transaction_id, "
				"connector_id, presented, expiry_us "
				"FROM ocpp16_reservation_history WHERE reservation_id = $1 "
				"AND station_id = $2 ORDER BY history_id DESC LIMIT $3",
				OCPPD_STATEMENT_READ },
	/* The same in both: $1 ended before, $2 how many. */
	[STATEMENT_FORGET_HISTORY] = { "forget stories",
				       "DELETE FROM ocpp16_reservation_history WHERE EXISTS "
				       "(SELECT 1 FROM ocpp16_reservation_reservation r "
				       "WHERE r.station_id = ocpp16_reservation_history.station_id "
				       "AND r.reservation_id = "
				       "ocpp16_reservation_history.reservation_id "
				       "AND r.record_id IN (" OVER "))" },
	[STATEMENT_CANCEL_ALL] = { "cancel those of a station",
				   "UPDATE ocpp16_reservation_reservation SET "
				   "status = '" STATUS_CANCELLED "', reason = $2, changed_us = $3 "
				   "WHERE station_id = $1 "
				   "AND status IN ('Accepted', 'Unconfirmed')" },
	[STATEMENT_FORGET] = { "forget", "DELETE FROM ocpp16_reservation_reservation "
					 "WHERE record_id IN (" OVER ")" },
};

/* ---- Messages ---------------------------------------------------------------------------------
 */

static const char *const reserve_status[] = {
	"Accepted", "Faulted", "Occupied", "Rejected", "Unavailable", NULL,
};
static const char *const cancel_status[] = { "Accepted", "Rejected", NULL };

static const struct ocppd_field reserve_req[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED, .min = 0, .max = INT32_MAX,
	  .doc = "0: any connector, if the station supports that" },
	{ "expiryDate", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 20 },
	{ "parentIdTag", OCPPD_T_STRING, OCPPD_CI, .max = 20 },
	{ "reservationId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_FILLED,
	  .doc = "chosen where it is left out" },
};
static const struct ocppd_field reserve_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = reserve_status },
};
static const struct ocppd_field cancel_req[] = {
	{ "reservationId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field cancel_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = cancel_status },
};

const struct ocppd_action reservation_actions[] = {
	{ PROTOCOL, "CancelReservation", OCPPD_TO_STATION, 0, OCPPD_TABLE(cancel_req),
	  OCPPD_TABLE(cancel_conf), .prepare = prepare_cancel, .completed = completed_cancel },
	{ PROTOCOL, "ReserveNow", OCPPD_TO_STATION, 0, OCPPD_TABLE(reserve_req),
	  OCPPD_TABLE(reserve_conf), .prepare = prepare_reserve, .completed = completed_reserve },
};
_Static_assert(sizeof(reservation_actions) / sizeof(reservation_actions[0]) == RESERVATION_ACTIONS,
	       "the descriptor counts the actions");

/* ---- Operator API -----------------------------------------------------------------------------
 */

static const struct ocppd_field history_fields[] = {
	{ "time", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .doc = "from then on" },
	{ "reason", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "requester", OCPPD_T_STRING, .doc = "who asked for it" },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "expiryDate", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "transactionId", OCPPD_T_INTEGER },
};

#define RESERVATION_ROWS                                                                           \
	{ "reservationId", OCPPD_T_INTEGER, OCPPD_REQUIRED },                                      \
		{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },                                   \
		{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "0: any" },               \
		{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED }, { "parentIdTag", OCPPD_T_STRING },    \
		{ "expiryDate", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },                               \
		{ "status", OCPPD_T_STRING, OCPPD_REQUIRED,                                        \
		  .doc = "Accepted and Unconfirmed hold; Occupied, Faulted, Unavailable, "         \
			 "Rejected, Failed, Used, Cancelled and Expired do not" },                 \
		{ "active", OCPPD_T_BOOLEAN, OCPPD_REQUIRED, .doc = "it holds" },                  \
		{ "reason", OCPPD_T_STRING, OCPPD_REQUIRED, .doc = "why the status is that" },     \
		{ "transactionId", OCPPD_T_INTEGER, .doc = "that used it" },                       \
		{ "requester", OCPPD_T_STRING, .doc = "who asked for it" },                        \
		{ "created", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },                                  \
	{                                                                                          \
		"changed", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED                                       \
	}

static const struct ocppd_field reservation_fields[] = { RESERVATION_ROWS };
static const struct ocppd_field story_fields[] = {
	RESERVATION_ROWS,
	{ "history", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(history_fields), .doc = "newest first, at most 1000" },
};
static const struct ocppd_field list_query[] = {
	{ "stationId", OCPPD_T_STRING },
	{ "idTag", OCPPD_T_STRING },
	{ "active", OCPPD_T_BOOLEAN, .doc = "those that hold, or those that do not" },
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000, .doc = "items in a page, default 100" },
	{ "after", OCPPD_T_STRING, .doc = "`next` of the page before" },
};
static const struct ocppd_field list_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(reservation_fields) },
	{ "next", OCPPD_T_STRING },
};
static const struct ocppd_field one_query[] = {
	{ "stationId", OCPPD_T_STRING, .doc = "needed where stations share the id" },
};
static const struct ocppd_field post_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED, .max = OCPPD_STATION_ID_MAX },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED, .min = 0, .max = INT32_MAX,
	  .doc = "0: any connector, if the station supports that" },
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 20 },
	{ "expiryDate", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "parentIdTag", OCPPD_T_STRING, .max = 20, .doc = "default: the tag's own" },
	{ "reservationId", OCPPD_T_INTEGER, .min = 1, .max = RESERVATION_ID_MAX,
	  .doc = "chosen where it is left out" },
};
static const struct ocppd_field put_fields[] = {
	{ "connectorId", OCPPD_T_INTEGER, .min = 0, .max = INT32_MAX },
	{ "idTag", OCPPD_T_STRING, .max = 20 },
	{ "expiryDate", OCPPD_T_TIMESTAMP },
	{ "parentIdTag", OCPPD_T_STRING, .max = 20 },
};

#define TABLE "reservationId,stationId,connectorId,idTag,expiryDate,status,reason"
static const struct ocppd_command list_commands[] = {
	{ "reservations", "stationId idTag active limit after", TABLE,
	  "List reservations, newest first" },
};
static const struct ocppd_command get_commands[] = {
	{ "reservations show", "reservationId stationId", NULL,
	  "Show a reservation and its story" },
};
static const struct ocppd_command post_commands[] = {
	{ "reservations create", "stationId connectorId idTag expiryDate parentIdTag reservationId",
	  NULL, "Reserve a connector, or with 0 any of them" },
};
static const struct ocppd_command put_commands[] = {
	{ "reservations change", "reservationId stationId connectorId idTag expiryDate parentIdTag",
	  NULL, "Replace a reservation that holds" },
};
static const struct ocppd_command delete_commands[] = {
	{ "reservations cancel", "reservationId stationId", NULL, "Cancel a reservation" },
};

const struct ocppd_route reservation_routes[] = {
	{ "GET", "/v1/reservations", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(list_query),
	  .res = OCPPD_TABLE(list_fields), .commands = OCPPD_TABLE(list_commands),
	  .summary = "Reservations, newest first", .on_request = routes_list },
	{ "POST", "/v1/reservations", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(post_fields),
	  .res = OCPPD_TABLE(story_fields), .commands = OCPPD_TABLE(post_commands),
	  .summary = "Reserve a connector of a station, checked", .status = 201,
	  .on_request = routes_post },
	{ "GET", "/v1/reservations/{reservationId}", OCPPD_ROLE_VIEWER,
	  .query = OCPPD_TABLE(one_query), .res = OCPPD_TABLE(story_fields),
	  .commands = OCPPD_TABLE(get_commands), .summary = "One reservation and its story",
	  .on_request = routes_get },
	{ "PUT", "/v1/reservations/{reservationId}", OCPPD_ROLE_OPERATOR,
	  .query = OCPPD_TABLE(one_query), .req = OCPPD_TABLE(put_fields),
	  .res = OCPPD_TABLE(story_fields), .commands = OCPPD_TABLE(put_commands),
	  .summary = "Replace a reservation that holds; what is left out stays",
	  .on_request = routes_put },
	{ "DELETE", "/v1/reservations/{reservationId}", OCPPD_ROLE_OPERATOR,
	  .query = OCPPD_TABLE(one_query), .res = OCPPD_TABLE(story_fields),
	  .commands = OCPPD_TABLE(delete_commands), .summary = "Cancel a reservation",
	  .on_request = routes_delete },
};
_Static_assert(sizeof(reservation_routes) / sizeof(reservation_routes[0]) == RESERVATION_ROUTES,
	       "the descriptor counts the routes");

const struct ocppd_topic reservation_topics[] = {
	{ EVENT_RESERVATION_CHANGED, "A reservation was made or refused, was changed, or ended.",
	  OCPPD_TABLE(reservation_fields) },
};
_Static_assert(sizeof(reservation_topics) / sizeof(reservation_topics[0]) == RESERVATION_TOPICS,
	       "the descriptor counts the topics");

static const char *const change_labels[] = { "status", NULL };

const struct ocppd_metric reservation_metrics[METRIC_COUNT] = {
	[METRIC_CHANGES] = { "ocppd_reservation_changes_total",
			     "Lines added to the stories of reservations, by the status after it",
			     OCPPD_METRIC_COUNTER, .labels = change_labels },
	[METRIC_ACTIVE] = { "ocppd_reservations_active", "Reservations that hold",
			    OCPPD_METRIC_GAUGE },
};
