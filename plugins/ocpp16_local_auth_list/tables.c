/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The module as tables: messages, SQL, routes, events, metrics. Nothing here but data.
 */
#include "local_list.h"

/* ---- Messages ---------------------------------------------------------------------------------
 */

static const char *const authorization_status[] = {
	"Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx", NULL,
};
static const char *const update_type[] = { "Differential", "Full", NULL };
static const char *const update_status[] = {
	"Accepted", "Failed", "NotSupported", "VersionMismatch", NULL,
};

static const struct ocppd_field id_tag_info[] = {
	{ "expiryDate", OCPPD_T_TIMESTAMP },
	{ "parentIdTag", OCPPD_T_STRING, OCPPD_CI, .max = 20 },
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = authorization_status },
};
static const struct ocppd_field authorization_data[] = {
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 20 },
	{ "idTagInfo", OCPPD_T_OBJECT, .fields = OCPPD_TABLE(id_tag_info),
	  .doc = "in a full list required; in a differential one absent to remove the tag" },
};
static const struct ocppd_field send_list_req[] = {
	{ "listVersion", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_FILLED,
	  .doc = "after the update, greater than 0; absent: the next one" },
	{ "localAuthorizationList", OCPPD_T_OBJECT, OCPPD_LIST,
	  .fields = OCPPD_TABLE(authorization_data),
	  .doc = "absent or empty in a full list: none" },
	{ "updateType", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = update_type },
};
static const struct ocppd_field send_list_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = update_status },
};
static const struct ocppd_field get_version_conf[] = {
	{ "listVersion", OCPPD_T_INTEGER, OCPPD_REQUIRED,
	  .doc = "0: the list is empty, -1: the station keeps none" },
};

const struct ocppd_action local_list_actions[] = {
	{ PROTOCOL, "GetLocalListVersion", OCPPD_TO_STATION, 0,
	  .conf = OCPPD_TABLE(get_version_conf), .completed = completed_get_version },
	{ PROTOCOL, "SendLocalList", OCPPD_TO_STATION, 0, OCPPD_TABLE(send_list_req),
	  OCPPD_TABLE(send_list_conf), .prepare = prepare_send_list,
	  .completed = completed_send_list },
};
_Static_assert(sizeof(local_list_actions) / sizeof(local_list_actions[0]) == LOCAL_LIST_ACTIONS,
	       "the descriptor counts the actions");

/* ---- SQL --------------------------------------------------------------------------------------
 */

#define STATION "ocpp16_local_auth_list_station"
#define ENTRY "ocpp16_local_auth_list_entry"

static const char *const migration_1[] = {
	"CREATE TABLE " STATION " ("
	"station_id TEXT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, used BIGINT NOT NULL, "
	"reported BIGINT, digest BIGINT NOT NULL, entries BIGINT NOT NULL, "
	"is_full_next BIGINT NOT NULL, acknowledged_us BIGINT NOT NULL, "
	"attempted_us BIGINT NOT NULL, outcome BIGINT NOT NULL, max_entries BIGINT NOT NULL, "
	"text TEXT NOT NULL)",
	"CREATE TABLE " ENTRY " ("
	"station_id TEXT NOT NULL, token TEXT NOT NULL, tag TEXT NOT NULL, "
	"status BIGINT NOT NULL, expiry_us BIGINT, parent TEXT, "
	"PRIMARY KEY (station_id, token))",
	NULL,
};
const struct ocppd_migration local_list_migrations[] = {
	{ 1, 0, "local lists", migration_1 },
};
_Static_assert(sizeof(local_list_migrations) / sizeof(local_list_migrations[0]) ==
		       LOCAL_LIST_MIGRATIONS,
	       "the descriptor counts the migrations");

#define COLUMNS                                                                                    \
	"station_id, version, used, reported, digest, entries, is_full_next, acknowledged_us, "    \
	"attempted_us, outcome, max_entries, text"

const struct ocppd_statement local_list_statements[STATEMENT_COUNT] = {
	[STATEMENT_FIND] = { "find", "SELECT " COLUMNS " FROM " STATION " WHERE station_id = $1",
			     OCPPD_STATEMENT_READ, 0 },
	[STATEMENT_RANGE] = { "range",
			      "SELECT " COLUMNS " FROM " STATION
			      " WHERE station_id > $1 AND station_id <= $2 ORDER BY station_id",
			      OCPPD_STATEMENT_READ, 0 },
	[STATEMENT_ENTRIES] = { "entries",
				"SELECT tag, status, expiry_us, parent FROM " ENTRY
				" WHERE station_id = $1 ORDER BY token",
				OCPPD_STATEMENT_READ, 0 },
	[STATEMENT_PUT] = { "put",
			    "INSERT INTO " STATION " (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, "
			    "$7, $8, $9, $10, $11, $12) ON CONFLICT (station_id) DO UPDATE SET "
			    "version = excluded.version, used = excluded.used, "
			    "reported = excluded.reported, digest = excluded.digest, "
			    "entries = excluded.entries, is_full_next = excluded.is_full_next, "
			    "acknowledged_us = excluded.acknowledged_us, "
			    "attempted_us = excluded.attempted_us, outcome = excluded.outcome, "
			    "max_entries = excluded.max_entries, text = excluded.text",
			    0, 0 },
	[STATEMENT_DOUBT] = { "doubt",
			      "UPDATE " STATION " SET is_full_next = 1 WHERE station_id = $1", 0,
			      0 },
	[STATEMENT_CLEAR] = { "clear", "DELETE FROM " ENTRY " WHERE station_id = $1", 0, 0 },
	[STATEMENT_ENTRY_PUT] = { "entry put",
				  "INSERT INTO " ENTRY
				  " (station_id, token, tag, status, expiry_us, parent) "
				  "VALUES ($1, $2, $3, $4, $5, $6) "
				  "ON CONFLICT (station_id, token) DO UPDATE SET "
				  "tag = excluded.tag, status = excluded.status, "
				  "expiry_us = excluded.expiry_us, parent = excluded.parent",
				  0, 0 },
	[STATEMENT_DELETE] = { "delete", "DELETE FROM " STATION " WHERE station_id = $1", 0, 0 },
	[STATEMENT_ENTRY_DELETE] = { "entry delete",
				     "DELETE FROM " ENTRY " WHERE station_id = $1 AND token = $2",
				     0, 0 },
};

/* ---- Routes -----------------------------------------------------------------------------------
 */

static const char *const states[] = {
	"NeverSent", "InStep", "OutOfStep", "Synchronising", "NotSupported", "Failed", NULL,
};

#define SUMMARY_FIELDS                                                                             \
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },                                           \
		{ "state", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = states },                     \
		{ "version", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "acknowledged; 0: none" },    \
		{ "entries", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "of the acknowledged list" }, \
		{ "wantedEntries", OCPPD_T_INTEGER, OCPPD_REQUIRED },                              \
		{ "leftOut", OCPPD_T_INTEGER, OCPPD_REQUIRED,                                      \
		  .doc = "tags beyond what the station keeps" },                                   \
		{ "unsuitableTags", OCPPD_T_INTEGER, OCPPD_REQUIRED,                               \
		  .doc = "tags of more than 20 characters" },                                      \
		{ "reportedVersion", OCPPD_T_INTEGER,                                              \
		  .doc = "by its last GetLocalListVersion, if no list was accepted since" },       \
		{ "acknowledgedAt", OCPPD_T_TIMESTAMP }, { "attemptedAt", OCPPD_T_TIMESTAMP },     \
	{                                                                                          \
		"problem", OCPPD_T_STRING, .doc = "why the last attempt failed"                    \
	}

static const struct ocppd_field entry_fields[] = {
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "status", OCPPD_T_STRING },
	{ "expiryDate", OCPPD_T_TIMESTAMP },
	{ "parentIdTag", OCPPD_T_STRING },
};
static const struct ocppd_field get_query[] = {
	{ "entries", OCPPD_T_BOOLEAN, .doc = "the tags of both lists, too" },
};
static const struct ocppd_field get_fields[] = {
	SUMMARY_FIELDS,
	{ "maxEntries", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "LocalAuthListMaxLength" },
	{ "maxEntriesInMessage", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "SendLocalListMaxLength" },
	{ "toSet", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "tags to add or change" },
	{ "toRemove", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "wanted", OCPPD_T_OBJECT, OCPPD_LIST, .fields = OCPPD_TABLE(entry_fields) },
	{ "acknowledged", OCPPD_T_OBJECT, OCPPD_LIST, .fields = OCPPD_TABLE(entry_fields) },
};
static const struct ocppd_field sync_req[] = {
	{ "full", OCPPD_T_BOOLEAN, .doc = "send everything, whatever the station has" },
};
static const struct ocppd_field sync_fields[] = {
	SUMMARY_FIELDS,
	{ "messages", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "SendLocalList messages sent" },
};
static const struct ocppd_field list_query[] = {
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000,
	  .doc = "stations looked at for a page, default 100" },
	{ "after", OCPPD_T_STRING, .doc = "`next` of the page before" },
	{ "all", OCPPD_T_BOOLEAN, .doc = "those in step, too" },
};
static const struct ocppd_field item_fields[] = {
	SUMMARY_FIELDS,
	{ "connected", OCPPD_T_BOOLEAN, OCPPD_REQUIRED },
};
static const struct ocppd_field list_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(item_fields) },
	{ "next", OCPPD_T_STRING },
};

static const struct ocppd_command list_commands[] = {
	{ "local-lists", "limit after all",
	  "stationId,state,version,entries,wantedEntries,leftOut,connected,problem",
	  "List the stations whose local list is out of step" },
};
static const struct ocppd_command get_commands[] = {
	{ "local-lists show", "stationId entries", NULL,
	  "Show what a station's local list should be and what it is" },
};
static const struct ocppd_command sync_commands[] = {
	{ "local-lists sync", "stationId full", NULL, "Bring a station's local list up to date" },
};

const struct ocppd_route local_list_routes[] = {
	{ "GET", "/v1/local-lists", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(list_query),
	  .res = OCPPD_TABLE(list_fields), .commands = OCPPD_TABLE(list_commands),
	  .summary = "The stations whose local authorization list is out of step",
	  .on_request = routes_list },
	{ "GET", "/v1/stations/{stationId}/local-list", OCPPD_ROLE_VIEWER,
	  .query = OCPPD_TABLE(get_query), .res = OCPPD_TABLE(get_fields),
	  .commands = OCPPD_TABLE(get_commands),
	  .summary = "A station's local authorization list: wanted and acknowledged",
	  .on_request = routes_get },
	{ "POST", "/v1/stations/{stationId}/local-list/sync", OCPPD_ROLE_OPERATOR,
	  .req = OCPPD_TABLE(sync_req), .res = OCPPD_TABLE(sync_fields),
	  .commands = OCPPD_TABLE(sync_commands),
	  .summary = "Bring a station's local authorization list up to date; answers at the end",
	  .on_request = routes_sync },
};
_Static_assert(sizeof(local_list_routes) / sizeof(local_list_routes[0]) == LOCAL_LIST_ROUTES,
	       "the descriptor counts the routes");

/* ---- Events and metrics -----------------------------------------------------------------------
 */

static const struct ocppd_field synced_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "version", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "entries", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "messages", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field failed_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "reason", OCPPD_T_STRING, OCPPD_REQUIRED,
	  .doc = "unsupported, refused, error, timeout, gone, unstored" },
	{ "text", OCPPD_T_STRING, OCPPD_REQUIRED },
};
const struct ocppd_topic local_list_topics[] = {
	{ EVENT_SYNCED, "A station accepted the list it should have.", OCPPD_TABLE(synced_fields) },
	{ EVENT_FAILED, "A station's list could not be brought up to date.",
	  OCPPD_TABLE(failed_fields) },
};
_Static_assert(sizeof(local_list_topics) / sizeof(local_list_topics[0]) == LOCAL_LIST_TOPICS,
	       "the descriptor counts the topics");

static const char *const status_labels[] = { "status", NULL };
static const char *const result_labels[] = { "result", NULL };
const struct ocppd_metric local_list_metrics[] = {
	[METRIC_MESSAGES] = { "ocppd_local_list_messages_total",
			      "SendLocalList messages by what the station answered",
			      OCPPD_METRIC_COUNTER, .labels = status_labels },
	[METRIC_SYNCS] = { "ocppd_local_list_syncs_total",
			   "Synchronisations of local lists by their end", OCPPD_METRIC_COUNTER,
			   .labels = result_labels },
};
_Static_assert(sizeof(local_list_metrics) / sizeof(local_list_metrics[0]) == LOCAL_LIST_METRICS,
	       "the descriptor counts the metrics");
