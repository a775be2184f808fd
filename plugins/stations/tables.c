/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Schema, statements and routes. What an operator decides (station), what the station says (state,
 * connector, error, key) and who wrote it are rows of their own, so that a boot never rewrites a
 * credential.
 */
#include "stations.h"

static const char *const migration_1[] = {
	"CREATE TABLE stations_station (station_id TEXT NOT NULL PRIMARY KEY, "
	"registration BIGINT NOT NULL, security_profile BIGINT, verifiers TEXT NOT NULL, "
	"quirks TEXT NOT NULL, is_strict BIGINT NOT NULL, labels TEXT NOT NULL, "
	"auth_user TEXT NOT NULL, protocols TEXT NOT NULL, source BIGINT NOT NULL, "
	"changed_us BIGINT NOT NULL)",

	"CREATE TABLE stations_state (station_id TEXT NOT NULL PRIMARY KEY, "
	"registered BIGINT NOT NULL, boot_count BIGINT NOT NULL, boot_us BIGINT, seen_us BIGINT, "
	"protocol TEXT, vendor TEXT, model TEXT, serial_number TEXT, box_serial TEXT, firmware TEXT, "
	"iccid TEXT, imsi TEXT, meter_type TEXT, meter_serial TEXT, boot_reason TEXT, "
	"has_findings BIGINT, frame TEXT)",

	"CREATE TABLE stations_connector (station_id TEXT NOT NULL, evse BIGINT NOT NULL, "
	"connector BIGINT NOT NULL, status TEXT, raw_status TEXT, error_code TEXT, "
	"raw_error_code TEXT, info TEXT, vendor_id TEXT, vendor_error_code TEXT, time_raw TEXT, "
	"time_us BIGINT NOT NULL, received_us BIGINT NOT NULL, changes BIGINT NOT NULL, "
	"PRIMARY KEY (station_id, evse, connector))",

	"CREATE TABLE stations_error (error_id {key}, station_id TEXT NOT NULL, "
	"evse BIGINT NOT NULL, connector BIGINT NOT NULL, status TEXT, raw_status TEXT, "
	"error_code TEXT, raw_error_code TEXT, info TEXT, vendor_id TEXT, "
	"vendor_error_code TEXT, time_raw TEXT, time_us BIGINT NOT NULL, "
	"received_us BIGINT NOT NULL)",
	"CREATE INDEX stations_error_station ON stations_error (station_id, error_id)",

	"CREATE TABLE stations_key (station_id TEXT NOT NULL, folded TEXT NOT NULL, "
	"name TEXT NOT NULL, value TEXT, is_readonly BIGINT NOT NULL, "
	"is_unknown BIGINT NOT NULL, read_us BIGINT NOT NULL, "
	"PRIMARY KEY (station_id, folded))",
	NULL,
};

/* What was asked of a connector by ChangeAvailability, apart from what it reports. */
static const char *const migration_2[] = {
	"CREATE TABLE stations_availability (station_id TEXT NOT NULL, evse BIGINT NOT NULL, "
	"connector BIGINT NOT NULL, is_operative BIGINT NOT NULL, is_pending BIGINT NOT NULL, "
	"requested_us BIGINT NOT NULL, PRIMARY KEY (station_id, evse, connector))",
	NULL,
};

/* Keys: a JSON object of texts, in the operator's order. */
static const char *const migration_3[] = {
	"CREATE TABLE stations_template (name TEXT NOT NULL PRIMARY KEY, description TEXT, "
	"configuration TEXT NOT NULL, changed_us BIGINT NOT NULL, changed_by TEXT NOT NULL)",
	NULL,
};

const struct ocppd_migration stations_migrations[STATIONS_MIGRATIONS] = {
	{ 1, 0, "stations, their state and connectors", migration_1 },
	{ 2, 0, "requested availability", migration_2 },
	{ 3, 0, "configuration templates", migration_3 },
};

#define RECORD                                                                                     \
	"station_id, registration, security_profile, verifiers, quirks, is_strict, labels, "       \
	"auth_user, protocols, source"
/* What it said at its last boot comes along: quirk profiles ask for it. */
#define RECORD_AND_BOOT                                                                            \
	"SELECT s.station_id, s.registration, s.security_profile, s.verifiers, s.quirks, "         \
	"s.is_strict, s.labels, s.auth_user, s.protocols, s.source, t.vendor, t.model, "           \
	"t.firmware FROM stations_station s LEFT JOIN stations_state t "                           \
	"ON t.station_id = s.station_id"
#define STATE                                                                                            \
	"station_id, registered, boot_count, seen_us, boot_us, protocol, vendor, model, serial_number, " \
	"box_serial, firmware, iccid, imsi, meter_type, meter_serial, boot_reason"
#define CONNECTOR                                                                                  \
	"station_id, evse, connector, status, error_code, time_us, received_us, raw_status, "      \
	"raw_error_code, info, vendor_id, vendor_error_code"
#define TEMPLATE "name, description, configuration, changed_us, changed_by"
#define CONNECTOR_VALUES "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13"

const struct ocppd_statement stations_statements[STATEMENT_COUNT] = {
	[STATEMENT_LIST] = { "list",
			     RECORD_AND_BOOT " WHERE s.station_id > $1 "
					     "ORDER BY s.station_id LIMIT $2",
			     OCPPD_STATEMENT_READ },
	[STATEMENT_FIND] = { "find", RECORD_AND_BOOT " WHERE s.station_id = $1",
			     OCPPD_STATEMENT_READ },
	[STATEMENT_STATES] = { "states",
			       "SELECT " STATE " FROM stations_state WHERE station_id > $1 "
			       "ORDER BY station_id LIMIT $2",
			       OCPPD_STATEMENT_READ },
	[STATEMENT_STATES_RANGE] = { "states of a page",
				     "SELECT " STATE " FROM stations_state WHERE "
				     "station_id >= $1 AND station_id <= $2 ORDER BY station_id",
				     OCPPD_STATEMENT_READ },
	[STATEMENT_CONNECTORS] = { "connectors",
				   "SELECT " CONNECTOR
				   " FROM stations_connector WHERE station_id > $1 "
				   "OR (station_id = $1 AND (evse > $3 OR (evse = $3 AND "
				   "connector > $4))) ORDER BY station_id, evse, connector LIMIT $2",
				   OCPPD_STATEMENT_READ },
	[STATEMENT_CONNECTORS_RANGE] = { "connectors of a page",
					 "SELECT " CONNECTOR " FROM stations_connector WHERE "
					 "station_id >= $1 AND station_id <= $2 "
					 "ORDER BY station_id, evse, connector",
					 OCPPD_STATEMENT_READ },
	[STATEMENT_WISHES] = { "requested availability",
			       "SELECT station_id, evse, connector, is_operative, is_pending, "
			       "requested_us FROM stations_availability WHERE station_id > $1 "
			       "OR (station_id = $1 AND (evse > $3 OR (evse = $3 AND "
			       "connector > $4))) ORDER BY station_id, evse, connector LIMIT $2",
			       OCPPD_STATEMENT_READ },
	[STATEMENT_KEY_FIND] = { "key by name",
				 "SELECT name, value, is_readonly FROM stations_key WHERE "
				 "station_id = $1 AND folded = $2 AND is_unknown = 0",
				 OCPPD_STATEMENT_READ },
	[STATEMENT_KEYS] = { "keys",
			     "SELECT name, value, is_readonly, is_unknown, read_us FROM "
			     "stations_key WHERE station_id = $1 ORDER BY folded",
			     OCPPD_STATEMENT_READ },
	[STATEMENT_PUT] = { "put",
			    "INSERT INTO stations_station (" RECORD ", changed_us) VALUES "
			    "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
			    "ON CONFLICT (station_id) DO UPDATE SET "
			    "registration = excluded.registration, "
			    "security_profile = excluded.security_profile, "
			    "verifiers = excluded.verifiers, quirks = excluded.quirks, "
			    "is_strict = excluded.is_strict, labels = excluded.labels, "
			    "auth_user = excluded.auth_user, protocols = excluded.protocols, "
			    "source = excluded.source, changed_us = excluded.changed_us" },
	[STATEMENT_ADOPT] = { "adopt",
			      "INSERT INTO stations_station (station_id, registration, "
			      "security_profile, verifiers, quirks, is_strict, labels, auth_user, "
			      "protocols, source, changed_us) "
			      "VALUES ($1, $2, NULL, '', '', 0, '', '', '', 1, $3) "
			      "ON CONFLICT (station_id) DO NOTHING" },
	[STATEMENT_DELETE] = { "delete", "DELETE FROM stations_station WHERE station_id = $1" },
	[STATEMENT_DELETE_STATE] = { "delete state",
				     "DELETE FROM stations_state WHERE station_id = $1" },
	[STATEMENT_DELETE_CONNECTORS] = { "delete connectors",
					  "DELETE FROM stations_connector WHERE station_id = $1" },
	[STATEMENT_DELETE_ERRORS] = { "delete errors",
				      "DELETE FROM stations_error WHERE station_id = $1" },
	[STATEMENT_DELETE_WISHES] = { "delete requested availability",
				      "DELETE FROM stations_availability WHERE station_id = $1" },
	[STATEMENT_DELETE_KEYS] = { "delete keys",
				    "DELETE FROM stations_key WHERE station_id = $1" },
	[STATEMENT_BOOT] = { "boot",
			     "INSERT INTO stations_state (station_id, registered, boot_count, "
			     "protocol, vendor, model, serial_number, box_serial, firmware, iccid, imsi, "
			     "meter_type, meter_serial, boot_reason, boot_us, seen_us, "
			     "has_findings, frame) VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, "
			     "$10, $11, $12, $13, $14, $14, $15, $16) "
			     "ON CONFLICT (station_id) DO UPDATE SET "
			     "registered = excluded.registered, "
			     "boot_count = stations_state.boot_count + 1, "
			     "protocol = excluded.protocol, vendor = excluded.vendor, "
			     "model = excluded.model, serial_number = excluded.serial_number, "
			     "box_serial = excluded.box_serial, firmware = excluded.firmware, "
			     "iccid = excluded.iccid, imsi = excluded.imsi, "
			     "meter_type = excluded.meter_type, "
			     "meter_serial = excluded.meter_serial, "
			     "boot_reason = excluded.boot_reason, boot_us = excluded.boot_us, "
			     "seen_us = excluded.seen_us, has_findings = excluded.has_findings, "
			     "frame = excluded.frame" },
	[STATEMENT_SEEN] = { "seen",
			     "INSERT INTO stations_state (station_id, registered, boot_count, "
			     "seen_us) VALUES ($1, 0, 0, $2) ON CONFLICT (station_id) DO UPDATE "
			     "SET seen_us = excluded.seen_us" },
	[STATEMENT_STATUS] = { "status",
			       "INSERT INTO stations_connector (station_id, evse, connector, "
			       "status, raw_status, error_code, raw_error_code, info, vendor_id, "
			       "vendor_error_code, time_raw, time_us, received_us, "
			       "changes) " CONNECTOR_VALUES
			       ", 1) ON CONFLICT (station_id, evse, connector) DO UPDATE SET "
			       "status = excluded.status, raw_status = excluded.raw_status, "
			       "error_code = excluded.error_code, "
			       "raw_error_code = excluded.raw_error_code, info = excluded.info, "
			       "vendor_id = excluded.vendor_id, "
			       "vendor_error_code = excluded.vendor_error_code, "
			       "time_raw = excluded.time_raw, time_us = excluded.time_us, "
			       "received_us = excluded.received_us, "
			       "changes = stations_connector.changes + 1" },
	[STATEMENT_ERROR] = { "error",
			      "INSERT INTO stations_error (station_id, evse, connector, status, "
			      "raw_status, error_code, raw_error_code, info, vendor_id, "
			      "vendor_error_code, time_raw, time_us, received_us) " CONNECTOR_VALUES
			      ")" },
	[STATEMENT_ERROR_TRIM] = { "trim errors",
				   "DELETE FROM stations_error WHERE station_id = $1 AND "
				   "error_id <= (SELECT error_id FROM stations_error WHERE "
				   "station_id = $1 ORDER BY error_id DESC LIMIT 1 OFFSET $2)" },
	[STATEMENT_KEY] = { "key",
			    "INSERT INTO stations_key (station_id, folded, name, value, "
			    "is_readonly, is_unknown, read_us) VALUES ($1, $2, $3, $4, $5, $6, $7) "
			    "ON CONFLICT (station_id, folded) DO UPDATE SET name = excluded.name, "
			    "value = excluded.value, is_readonly = excluded.is_readonly, "
			    "is_unknown = excluded.is_unknown, read_us = excluded.read_us" },
	[STATEMENT_KEY_TRIM] = { "trim keys", "DELETE FROM stations_key WHERE station_id = $1 "
					      "AND read_us < $2" },
	[STATEMENT_WISH] = { "request availability",
			     "INSERT INTO stations_availability (station_id, evse, connector, "
			     "is_operative, is_pending, requested_us) "
			     "VALUES ($1, $2, $3, $4, $5, $6) "
			     "ON CONFLICT (station_id, evse, connector) DO UPDATE SET "
			     "is_operative = excluded.is_operative, "
			     "is_pending = excluded.is_pending, "
			     "requested_us = excluded.requested_us" },
	[STATEMENT_WISH_SETTLED] = { "settle availability",
				     "UPDATE stations_availability SET is_pending = 0 WHERE "
				     "station_id = $1 AND evse = $2 AND connector = $3" },
	[STATEMENT_TEMPLATE_GET] = { "template",
				     "SELECT " TEMPLATE " FROM stations_template WHERE name = $1",
				     OCPPD_STATEMENT_READ },
	[STATEMENT_TEMPLATE_LIST] = { "templates",
				      "SELECT " TEMPLATE " FROM stations_template WHERE name > $1 "
				      "ORDER BY name LIMIT $2",
				      OCPPD_STATEMENT_READ },
	/* A new one only while there is room. */
	[STATEMENT_TEMPLATE_PUT] = { "put template",
				     "INSERT INTO stations_template (" TEMPLATE ") "
				     "SELECT $1, $2, $3, $4, $5 WHERE "
				     "(SELECT COUNT(*) FROM stations_template WHERE name <> $1) "
				     "< $6 ON CONFLICT (name) DO UPDATE SET "
				     "description = excluded.description, "
				     "configuration = excluded.configuration, "
				     "changed_us = excluded.changed_us, "
				     "changed_by = excluded.changed_by RETURNING name" },
	[STATEMENT_TEMPLATE_DELETE] = { "delete template",
					"DELETE FROM stations_template WHERE name = $1 "
					"RETURNING name" },
};

/* ---- Routes ------------------------------------------------------------------------------------
 */

const char *const registration_words[] = { "Accepted", "Pending", "Rejected", NULL };

static const struct ocppd_field put_fields[] = {
	{ "registrationStatus", OCPPD_T_STRING, .one_of = registration_words,
	  .doc = "what its boots are answered with; default Accepted" },
	{ "securityProfile", OCPPD_T_INTEGER, OCPPD_NULLABLE, .min = 0, .max = 3,
	  .doc = "default 0; null: any" },
	{ "authorizationKey", OCPPD_T_STRING, OCPPD_NULLABLE | OCPPD_SECRET, .max = 40,
	  .doc = "32 to 40 hex digits, or 16 to 20 bytes of text; never shown again" },
	{ "authUser", OCPPD_T_STRING, OCPPD_NULLABLE, .max = 255,
	  .doc = "the user name it sends, if not its identity" },
	{ "quirks", OCPPD_T_STRING, OCPPD_LIST, .max = 128, .max_items = 100,
	  .doc = "codes and option=value" },
	{ "strict", OCPPD_T_BOOLEAN },
	{ "allowedProtocols", OCPPD_T_STRING, OCPPD_LIST, .max = 64, .max_items = 8,
	  .doc = "WebSocket subprotocols; none: all" },
	{ "labels", OCPPD_T_ANY, .doc = "an object of strings, instead of those it had" },
};
static const struct ocppd_field connection_fields[] = {
	{ "remote", OCPPD_T_STRING },           { "protocol", OCPPD_T_STRING },
	{ "securityProfile", OCPPD_T_INTEGER }, { "connectedAt", OCPPD_T_TIMESTAMP },
	{ "connectionId", OCPPD_T_INTEGER },
};
static const char *const availability_words[] = { "Operative", "Inoperative", NULL };
static const struct ocppd_field connector_fields[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "status", OCPPD_T_STRING },
	{ "errorCode", OCPPD_T_STRING },
	{ "info", OCPPD_T_STRING },
	{ "vendorId", OCPPD_T_STRING },
	{ "vendorErrorCode", OCPPD_T_STRING },
	{ "statusReceived", OCPPD_T_STRING, .doc = "where the status is none of OCPP's" },
	{ "errorCodeReceived", OCPPD_T_STRING },
	{ "timestamp", OCPPD_T_TIMESTAMP },
	{ "correctedTimestamp", OCPPD_T_TIMESTAMP,
	  .doc = "the same by our clock, where clockOffset is known" },
	{ "received", OCPPD_T_TIMESTAMP },
	{ "requestedAvailability", OCPPD_T_STRING, .one_of = availability_words,
	  .doc = "as asked for by ChangeAvailability; status is what is reported" },
	{ "availabilityPending", OCPPD_T_BOOLEAN, .doc = "no report shows it yet" },
	{ "availabilityRequested", OCPPD_T_TIMESTAMP },
};
static const struct ocppd_field station_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "registrationStatus", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = registration_words,
	  .doc = "as provisioned: what its boots are answered with" },
	{ "securityProfile", OCPPD_T_INTEGER, .doc = "absent: any" },
	{ "hasAuthorizationKey", OCPPD_T_BOOLEAN, OCPPD_REQUIRED },
	{ "authUser", OCPPD_T_STRING },
	{ "quirks", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_LIST },
	{ "strict", OCPPD_T_BOOLEAN, OCPPD_REQUIRED },
	{ "allowedProtocols", OCPPD_T_STRING, OCPPD_LIST },
	{ "labels", OCPPD_T_ANY, OCPPD_REQUIRED },
	{ "source", OCPPD_T_STRING, .doc = "database, policy or configuration" },
	{ "registration", OCPPD_T_STRING, OCPPD_REQUIRED,
	  .doc = "in force at present: None until it boots, Accepted only after a boot was "
		 "answered so; else Pending, Rejected" },
	{ "connected", OCPPD_T_BOOLEAN, OCPPD_REQUIRED },
	{ "connection", OCPPD_T_OBJECT, .fields = OCPPD_TABLE(connection_fields) },
	{ "lastSeen", OCPPD_T_TIMESTAMP },
	{ "bootCount", OCPPD_T_INTEGER },
	{ "lastBoot", OCPPD_T_TIMESTAMP },
	{ "chargePointVendor", OCPPD_T_STRING },
	{ "chargePointModel", OCPPD_T_STRING },
	{ "chargePointSerialNumber", OCPPD_T_STRING },
	{ "chargeBoxSerialNumber", OCPPD_T_STRING },
	{ "firmwareVersion", OCPPD_T_STRING },
	{ "iccid", OCPPD_T_STRING },
	{ "imsi", OCPPD_T_STRING },
	{ "meterType", OCPPD_T_STRING },
	{ "meterSerialNumber", OCPPD_T_STRING },
	{ "bootReason", OCPPD_T_STRING, .doc = "RemoteReset: a Reset of ours came before it" },
	{ "clockSkew", OCPPD_T_INTEGER,
	  .doc = "seconds that its clock is ahead, as its reports since the daemon began show" },
	{ "clockOffset", OCPPD_T_INTEGER,
	  .doc = "seconds: it labels local time as UTC; see correctedTimestamp" },
	{ "quirkCounts", OCPPD_T_ANY,
	  .doc = "an object: how often it was met with each quirk since the daemon began" },
	{ "connectors", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(connector_fields) },
};
const struct ocppd_field stations_list_query[STATIONS_LIST_QUERY] = {
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000, .doc = "items in a page, default 100" },
	{ "after", OCPPD_T_STRING, .doc = "`next` of the page before" },
	{ "connected", OCPPD_T_BOOLEAN },
	{ "registration", OCPPD_T_STRING, .max = 20, .doc = "at present: Accepted, Pending, …" },
	{ "status", OCPPD_T_STRING, .max = 40, .doc = "of any of its connectors: Faulted, …" },
	{ "vendor", OCPPD_T_STRING, .max = 255 },
	{ "model", OCPPD_T_STRING, .max = 255 },
	{ "firmware", OCPPD_T_STRING, .max = 255 },
	{ "label", OCPPD_T_STRING, .max = 255, .doc = "name=value, a name, or a value" },
	{ "text", OCPPD_T_STRING, .max = 255,
	  .doc = "in its identity, vendor, model, serial numbers, firmware or labels" },
};
static const struct ocppd_field list_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(station_fields) },
	{ "next", OCPPD_T_STRING },
};
static const struct ocppd_field key_fields[] = {
	{ "key", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "value", OCPPD_T_STRING },
	{ "readonly", OCPPD_T_BOOLEAN, OCPPD_REQUIRED },
	{ "readAt", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
};
static const struct ocppd_field keys_fields[] = {
	{ "configurationKey", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(key_fields) },
	{ "unknownKey", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_LIST },
};
static const struct ocppd_field unknown_item_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "firstSeen", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "lastSeen", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "remote", OCPPD_T_STRING },
	{ "attempts", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field unknown_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(unknown_item_fields) },
};

static const struct ocppd_field diff_body[] = {
	{ "wanted", OCPPD_T_ANY, .doc = "an object: key and value" },
	{ "template", OCPPD_T_STRING, .max = TEMPLATE_NAME_MAX,
	  .doc = "the name of a stored one instead" },
};
static const struct ocppd_field diff_item_fields[] = {
	{ "key", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "wanted", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "state", OCPPD_T_STRING, OCPPD_REQUIRED,
	  .doc = "same, different, unknown (to the station) or unread" },
	{ "value", OCPPD_T_STRING },
	{ "readonly", OCPPD_T_BOOLEAN },
	{ "readAt", OCPPD_T_TIMESTAMP },
};
static const struct ocppd_field diff_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(diff_item_fields) },
	{ "deviations", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};

static const struct ocppd_field template_body[] = {
	{ "configuration", OCPPD_T_ANY, OCPPD_REQUIRED,
	  .doc = "an object: key and value; replaces what the template had" },
	{ "description", OCPPD_T_STRING, .max = 500 },
};
static const struct ocppd_field import_body[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED, .max = OCPPD_STATION_ID_MAX },
	{ "keys", OCPPD_T_STRING, OCPPD_LIST | OCPPD_NONEMPTY, .max = TEMPLATE_NAME_MAX,
	  .max_items = TEMPLATE_KEYS_MAX, .doc = "only these; all that can be changed" },
	{ "description", OCPPD_T_STRING, .max = 500 },
};
static const struct ocppd_field template_fields[] = {
	{ "template", OCPPD_T_STRING, OCPPD_REQUIRED, .doc = "its name" },
	{ "description", OCPPD_T_STRING },
	{ "keys", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "how many" },
	{ "configuration", OCPPD_T_ANY, .doc = "key and value; not in lists" },
	{ "changed", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "changedBy", OCPPD_T_STRING, OCPPD_REQUIRED },
};
static const struct ocppd_field templates_query[] = {
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000, .doc = "items in a page, default 100" },
	{ "after", OCPPD_T_STRING, .doc = "`next` of the page before" },
};
static const struct ocppd_field templates_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(template_fields) },
	{ "next", OCPPD_T_STRING },
};

static const struct ocppd_command templates_commands[] = {
	{ "templates", "limit after", "template,keys,changed,changedBy,description",
	  "List the configuration templates" },
};
static const struct ocppd_command template_get_commands[] = {
	{ "templates show", "template", NULL, "Show a configuration template" },
};
static const struct ocppd_command template_put_commands[] = {
	{ "templates set", "template configuration.*", "template,keys,changed,changedBy",
	  "Store KEY=VALUE as a configuration template; replaces what it had" },
};
static const struct ocppd_command template_delete_commands[] = {
	{ "templates delete", "template", NULL, "Forget a configuration template" },
};
static const struct ocppd_command import_commands[] = {
	{ "templates import", "template stationId keys", "template,keys,changed,changedBy",
	  "Make a configuration template of a station's keys as last read" },
};
static const struct ocppd_command adopt_commands[] = {
	{ "stations adopt", "stationId *", NULL, "Provision a station that was turned away" },
};
static const struct ocppd_command diff_commands[] = {
	{ "stations diff", "stationId wanted.*", "key,state,wanted,value,readonly,readAt",
	  "Compare its configuration keys, as last read, with KEY=VALUE as wanted, or with "
	  "--template NAME" },
};
static const struct ocppd_command list_commands[] = {
	{ "stations", "limit after",
	  "stationId,connected,registration,chargePointVendor,chargePointModel,connection.remote,"
	  "lastSeen",
	  "List the stations" },
};
static const struct ocppd_command get_commands[] = {
	{ "stations show", "stationId", NULL, "Show a station" },
};
static const struct ocppd_command put_commands[] = {
	{ "stations set", "stationId *", NULL, "Provision or change a station" },
};
static const struct ocppd_command delete_commands[] = {
	{ "stations delete", "stationId", NULL, "Delete a station and what it is configured with" },
};
static const struct ocppd_command keys_commands[] = {
	{ "stations configuration", "stationId", NULL, "Show its configuration keys as last read" },
};
static const struct ocppd_command unknown_commands[] = {
	{ "stations unknown", "", "stationId,attempts,firstSeen,lastSeen,remote",
	  "List the identities that were turned away" },
};

const struct ocppd_route stations_routes[STATIONS_ROUTES] = {
	{ "GET", "/v1/stations", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(stations_list_query),
	  .res = OCPPD_TABLE(list_fields), .commands = OCPPD_TABLE(list_commands),
	  .summary = "The stations, in order of identity", .on_request = routes_list },
	{ "GET", "/v1/stations/{stationId}", OCPPD_ROLE_VIEWER, .res = OCPPD_TABLE(station_fields),
	  .commands = OCPPD_TABLE(get_commands), .summary = "One station",
	  .on_request = routes_get },
	{ "PUT", "/v1/stations/{stationId}", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(put_fields),
	  .res = OCPPD_TABLE(station_fields), .commands = OCPPD_TABLE(put_commands),
	  .summary = "Provision or change a station; members left out stay, null clears; holds "
		     "from its next connection on",
	  .on_request = routes_put },
	{ "DELETE", "/v1/stations/{stationId}", OCPPD_ROLE_OPERATOR,
	  .commands = OCPPD_TABLE(delete_commands),
	  .summary = "Delete a station and what it is configured with, and close its connection; "
		     "its transactions stay, and one under way is in the way",
	  .status = 204, .on_request = routes_delete },
	{ "GET", "/v1/stations/{stationId}/configuration", OCPPD_ROLE_VIEWER,
	  .res = OCPPD_TABLE(keys_fields), .commands = OCPPD_TABLE(keys_commands),
	  .summary = "A station's configuration keys as last read", .on_request = routes_keys },
	{ "GET", "/v1/unknown-stations", OCPPD_ROLE_VIEWER, .res = OCPPD_TABLE(unknown_fields),
	  .commands = OCPPD_TABLE(unknown_commands),
	  .summary = "Identities that were turned away, latest first",
	  .on_request = routes_unknown },
	{ "POST", "/v1/unknown-stations/{stationId}/adopt", OCPPD_ROLE_OPERATOR,
	  .req = OCPPD_TABLE(put_fields), .res = OCPPD_TABLE(station_fields),
	  .commands = OCPPD_TABLE(adopt_commands),
	  .summary = "Provision a station that was turned away; holds from its next connection on",
	  .on_request = routes_adopt },
	{ "POST", "/v1/stations/{stationId}/configuration/diff", OCPPD_ROLE_VIEWER,
	  .req = OCPPD_TABLE(diff_body), .res = OCPPD_TABLE(diff_fields),
	  .commands = OCPPD_TABLE(diff_commands),
	  .summary = "What a template wants, beside the configuration keys as last read",
	  .on_request = routes_diff },
	{ "GET", "/v1/configuration-templates", OCPPD_ROLE_VIEWER,
	  .query = OCPPD_TABLE(templates_query), .res = OCPPD_TABLE(templates_fields),
	  .commands = OCPPD_TABLE(templates_commands),
	  .summary = "Configuration templates, in order of name", .on_request = templates_list },
	{ "GET", "/v1/configuration-templates/{template}", OCPPD_ROLE_VIEWER,
	  .res = OCPPD_TABLE(template_fields), .commands = OCPPD_TABLE(template_get_commands),
	  .summary = "One configuration template", .on_request = templates_get },
	{ "PUT", "/v1/configuration-templates/{template}", OCPPD_ROLE_OPERATOR,
	  .req = OCPPD_TABLE(template_body), .res = OCPPD_TABLE(template_fields),
	  .commands = OCPPD_TABLE(template_put_commands),
	  .summary = "Store a configuration template, or replace it", .on_request = templates_put },
	{ "DELETE", "/v1/configuration-templates/{template}", OCPPD_ROLE_OPERATOR,
	  .commands = OCPPD_TABLE(template_delete_commands),
	  .summary = "Forget a configuration template", .status = 204,
	  .on_request = templates_delete },
	{ "POST", "/v1/configuration-templates/{template}/import", OCPPD_ROLE_OPERATOR,
	  .req = OCPPD_TABLE(import_body), .res = OCPPD_TABLE(template_fields),
	  .commands = OCPPD_TABLE(import_commands),
	  .summary = "Make a configuration template of a station's keys as last read, or replace "
		     "it; readonly ones and secrets are left out",
	  .on_request = templates_import },
};
