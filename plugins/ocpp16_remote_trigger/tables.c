/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Schema, statements, fields and routes: one row for each TriggerMessage, with what came of it.
 */
#include "trigger.h"

static const char *const migration_1[] = {
	"CREATE TABLE ocpp16_remote_trigger_trigger (trigger_id {key}, station_id TEXT NOT NULL, "
	"message TEXT NOT NULL, connector_id BIGINT, requester TEXT, asked_us BIGINT NOT NULL, "
	"answer TEXT, outcome TEXT NOT NULL, reason TEXT, messages BIGINT NOT NULL, "
	"message_id TEXT, arrived_us BIGINT, settled_us BIGINT)",
	"CREATE INDEX ocpp16_remote_trigger_station ON ocpp16_remote_trigger_trigger "
	"(station_id, trigger_id)",
	"CREATE INDEX ocpp16_remote_trigger_waiting ON ocpp16_remote_trigger_trigger (trigger_id) "
	"WHERE settled_us IS NULL",
	NULL,
};

const struct ocppd_migration trigger_migrations[TRIGGER_MIGRATIONS] = {
	{ 1, 0, "triggers", migration_1 },
};

/* The order of the T_* columns. */
#define COLUMNS                                                                                    \
	"trigger_id, station_id, message, connector_id, requester, asked_us, answer, outcome, "    \
	"reason, messages, message_id, arrived_us, settled_us"

/* $1 before id, $2 limit, $3 station, $4 message; NULL: any. */
#define LIST(first)                                                                                \
	"SELECT " COLUMNS " FROM ocpp16_remote_trigger_trigger WHERE trigger_id < $1 AND " first   \
	" (CAST($3 AS TEXT) IS NULL OR station_id = $3)"                                           \
	" AND (CAST($4 AS TEXT) IS NULL OR message = $4)"                                          \
	" ORDER BY trigger_id DESC LIMIT $2"

const struct ocppd_statement trigger_statements[STATEMENT_COUNT] = {
	[STATEMENT_INSERT] = { "insert",
			       "INSERT INTO ocpp16_remote_trigger_trigger (station_id, message, "
			       "connector_id, requester, asked_us, answer, outcome, reason, "
			       "messages, message_id, arrived_us, settled_us) VALUES ($1, $2, $3, "
			       "$4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING " COLUMNS },
	[STATEMENT_SETTLE] = { "settle",
			       "UPDATE ocpp16_remote_trigger_trigger SET outcome = $2, "
			       "reason = $3, messages = $4, message_id = $5, arrived_us = $6, "
			       "settled_us = $7 WHERE trigger_id = $1 RETURNING " COLUMNS },
	[STATEMENT_TRIM] = { "trim",
			     "DELETE FROM ocpp16_remote_trigger_trigger WHERE station_id = $1 AND "
			     "trigger_id <= (SELECT trigger_id FROM ocpp16_remote_trigger_trigger "
			     "WHERE station_id = $1 ORDER BY trigger_id DESC LIMIT 1 OFFSET $2)" },
	[STATEMENT_INTERRUPT] = { "interrupt",
				  "UPDATE ocpp16_remote_trigger_trigger SET "
				  "outcome = 'Interrupted', settled_us = $1, "
				  "reason = 'the daemon ended before the time was over' "
				  "WHERE settled_us IS NULL" },
	[STATEMENT_DELETE] = { "delete those of a station",
			       "DELETE FROM ocpp16_remote_trigger_trigger "
			       "WHERE station_id = $1" },
	[STATEMENT_LIST] = { "list", LIST(""), OCPPD_STATEMENT_READ },
	[STATEMENT_LIST_STATION] = { "list of a station", LIST("station_id = $3 AND"),
				     OCPPD_STATEMENT_READ },
	[STATEMENT_FIND] = { "find",
			     "SELECT " COLUMNS
			     " FROM ocpp16_remote_trigger_trigger WHERE trigger_id = $1",
			     OCPPD_STATEMENT_READ },
};

/* ---- The message ------------------------------------------------------------------------------
 */

const char *const trigger_messages[] = {
	"BootNotification",
	"DiagnosticsStatusNotification",
	"FirmwareStatusNotification",
	"Heartbeat",
	"MeterValues",
	"StatusNotification",
	NULL,
};
static const char *const trigger_status[] = { "Accepted", "Rejected", "NotImplemented", NULL };

static const struct ocppd_field trigger_req[] = {
	{ "requestedMessage", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = trigger_messages },
	{ "connectorId", OCPPD_T_INTEGER,
	  .doc = "for MeterValues and StatusNotification; absent: all. 0: the station itself, which "
		 "some refuse" },
};
static const struct ocppd_field trigger_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = trigger_status },
};

const struct ocppd_action trigger_actions[TRIGGER_ACTIONS] = {
	{ PROTOCOL, "TriggerMessage", OCPPD_TO_STATION, 0, OCPPD_TABLE(trigger_req),
	  OCPPD_TABLE(trigger_conf), .prepare = prepare_trigger, .completed = completed_trigger },
};

/* ---- Operator API -----------------------------------------------------------------------------
 */

static const struct ocppd_field trigger_fields[] = {
	{ "triggerId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "requestedMessage", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER },
	{ "requester", OCPPD_T_STRING, .doc = "who asked for it" },
	{ "requested", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "status", OCPPD_T_STRING, .doc = "the station's answer; absent: it gave none" },
	{ "outcome", OCPPD_T_STRING, OCPPD_REQUIRED,
	  .doc = "Waiting, Arrived, Missing, Rejected, NotImplemented, Failed, Unanswered or "
		 "Interrupted" },
	{ "reason", OCPPD_T_STRING },
	{ "messages", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "how many arrived" },
	{ "messageId", OCPPD_T_STRING, .doc = "of the first that arrived" },
	{ "arrived", OCPPD_T_TIMESTAMP, .doc = "the first" },
	{ "settled", OCPPD_T_TIMESTAMP, .doc = "absent while Waiting" },
};
static const struct ocppd_field list_query[] = {
	{ "stationId", OCPPD_T_STRING },
	{ "requestedMessage", OCPPD_T_STRING, .one_of = trigger_messages },
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000, .doc = "items in a page, default 100" },
	{ "after", OCPPD_T_STRING, .doc = "`next` of the page before" },
};
static const struct ocppd_field list_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(trigger_fields) },
	{ "next", OCPPD_T_STRING },
};
static const struct ocppd_field post_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED, .max = OCPPD_STATION_ID_MAX },
	{ "requestedMessage", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = trigger_messages },
	{ "connectorId", OCPPD_T_INTEGER, .min = 0, .max = INT32_MAX,
	  .doc = "for MeterValues and StatusNotification; absent: all" },
};

#define TABLE "triggerId,stationId,requestedMessage,connectorId,requested,outcome,messages,arrived"
static const struct ocppd_command list_commands[] = {
	{ "triggers", "stationId requestedMessage limit after", TABLE,
	  "List triggered messages and what came of them, newest first" },
};
static const struct ocppd_command get_commands[] = {
	{ "triggers show", "triggerId", NULL, "Show a trigger" },
};
static const struct ocppd_command post_commands[] = {
	{ "trigger", "stationId requestedMessage connectorId", NULL,
	  "Ask a station for a message and wait until it arrives" },
};

const struct ocppd_route trigger_routes[TRIGGER_ROUTES] = {
	{ "GET", "/v1/triggers", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(list_query),
	  .res = OCPPD_TABLE(list_fields), .commands = OCPPD_TABLE(list_commands),
	  .summary = "Triggered messages and what came of them, newest first",
	  .on_request = routes_list },
	{ "POST", "/v1/triggers", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(post_fields),
	  .res = OCPPD_TABLE(trigger_fields), .commands = OCPPD_TABLE(post_commands),
	  .summary = "Ask a station for a message, checked, and wait until it arrives",
	  .status = 201, .on_request = routes_post },
	{ "GET", "/v1/triggers/{triggerId}", OCPPD_ROLE_VIEWER, .res = OCPPD_TABLE(trigger_fields),
	  .commands = OCPPD_TABLE(get_commands), .summary = "One trigger and what came of it",
	  .on_request = routes_get },
};

const struct ocppd_topic trigger_topics[TRIGGER_TOPICS] = {
	{ EVENT_TRIGGER_SETTLED, "It is known what came of a TriggerMessage.",
	  OCPPD_TABLE(trigger_fields) },
};

static const char *const settled_labels[] = { "message", "outcome", NULL };

const struct ocppd_metric trigger_metrics[METRIC_COUNT] = {
	[METRIC_SETTLED] = { "ocppd_triggers_total", "Triggered messages and what came of them",
			     OCPPD_METRIC_COUNTER, .labels = settled_labels },
};
