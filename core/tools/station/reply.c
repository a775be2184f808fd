/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What the station answers to the CSMS: by the scenario's own reactions, else like a sensible
 * station with a configuration, connectors and transactions that really start and stop.
 */
#include "station.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <ocppd/json.h>

#define KEY_READONLY 0x1u
#define KEY_NUMBER 0x2u
#define KEY_BOOLEAN 0x4u
#define KEY_REBOOT 0x8u

struct key_row {
	const char *name;
	const char *value;
	uint32_t flags;
};

static const struct key_row keys[] = {
	{ "AllowOfflineTxForUnknownId", "false", KEY_BOOLEAN },
	{ "AuthorizationCacheEnabled", "true", KEY_BOOLEAN },
	{ "AuthorizeRemoteTxRequests", "true", KEY_BOOLEAN },
	{ "BlinkRepeat", "3", KEY_NUMBER },
	{ "ChargeProfileMaxStackLevel", "8", KEY_READONLY },
	{ "ClockAlignedDataInterval", "0", KEY_NUMBER },
	{ "ConnectionTimeOut", "60", KEY_NUMBER },
	{ "ConnectorPhaseRotation", "0.RST,1.RST", 0 },
	{ "GetConfigurationMaxKeys", "50", KEY_READONLY },
	{ "HeartbeatInterval", "300", KEY_NUMBER },
	{ "LocalAuthorizeOffline", "true", KEY_BOOLEAN },
	{ "LocalPreAuthorize", "false", KEY_BOOLEAN },
	{ "MaxEnergyOnInvalidId", "0", KEY_NUMBER },
	{ "MessageTimeout", "30", KEY_NUMBER },
	{ "MeterValueSampleInterval", "10", KEY_NUMBER },
	{ "MeterValuesAlignedData", "Energy.Active.Import.Register", 0 },
	{ "MeterValuesSampledData", "Energy.Active.Import.Register,Power.Active.Import", 0 },
	{ "MinimumStatusDuration", "0", KEY_NUMBER },
	{ "NumberOfConnectors", "", KEY_READONLY },
	{ "ResetRetries", "1", KEY_NUMBER },
	{ "StopTransactionOnEVSideDisconnect", "true", KEY_BOOLEAN },
	{ "StopTransactionOnInvalidId", "true", KEY_BOOLEAN },
	{ "StopTxnAlignedData", "", 0 },
	{ "StopTxnSampledData", "Energy.Active.Import.Register", 0 },
	{ "SupportedFeatureProfiles", "Core,RemoteTrigger", KEY_READONLY },
	{ "TransactionMessageAttempts", "3", KEY_NUMBER },
	{ "TransactionMessageRetryInterval", "60", KEY_NUMBER },
	{ "UnlockConnectorOnEVSideDisconnect", "true", KEY_BOOLEAN },
	{ "WebSocketPingInterval", "60", KEY_NUMBER | KEY_REBOOT },
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static const char *
key_value(const struct station *station, size_t row)
{
	return station->keys && station->keys[row] ? station->keys[row] : keys[row].value;
}

static size_t
find_key(const char *name)
{
	size_t row = 0;

	while (row < KEY_COUNT && !str_ci_eq(keys[row].name, name))
		row++;
	return row;
}

const char *
reply_key(const struct station *station, const char *name)
{
	size_t row = find_key(name);

	return row < KEY_COUNT ? key_value(station, row) : "";
}

void
reply_fini(struct station *station)
{
	for (size_t i = 0; station->keys && i < KEY_COUNT; i++)
		free(station->keys[i]);
	free(station->keys);
	station->keys = NULL;
}

/* --- sending --- */

static void
send_array(struct station *station, struct json_object *frame)
{
	const char *text = json_object_to_json_string_ext(
		frame, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (text) {
		station_note(station, OUTPUT_FRAME, "frame.sent", NULL, "> %s", text);
		(void)link_send(&station->link, text, strlen(text), false);
	}
	json_object_put(frame);
}

/* payload is taken. */
static void
send_result(struct station *station, const char *id, struct json_object *payload)
{
	struct json_object *frame = json_object_new_array();

	json_object_array_add(frame, json_object_new_int(3));
	json_object_array_add(frame, json_object_new_string(id));
	json_object_array_add(frame, payload);
	send_array(station, frame);
}

static void
send_error(struct station *station, const char *id, const char *code, const char *description)
{
	struct json_object *frame = json_object_new_array();

	json_object_array_add(frame, json_object_new_int(4));
	json_object_array_add(frame, json_object_new_string(id));
	json_object_array_add(frame, json_object_new_string(code));
	json_object_array_add(frame, json_object_new_string(description));
	json_object_array_add(frame, json_object_new_object());
	send_array(station, frame);
}

/* --- what the station does --- */

static void
report(struct station *station, uint32_t number, const char *status)
{
	(void)str_copy(station->connectors[number].status,
		       sizeof(station->connectors[number].status), status);
	station_call(station, NULL, "StatusNotification",
		     payload_status(station, number, status, NULL, NULL));
}

void
reply_stop(struct station *station, uint32_t number, const char *reason)
{
	struct connector *connector = &station->connectors[number];
	struct actor *walkers[] = { &connector->actor, &station->main };

	connector->stop_reason = reason;
	for (size_t i = 0; i < 2; i++) {
		const struct step *step = actor_step(walkers[i]);

		if (step && step->kind == STEP_METER && walkers[i]->connector == number) {
			/* An outstanding sample's answer wakes it as well. */
			if (walkers[i]->phase == 1)
				actor_kick(walkers[i]);
			return;
		}
	}
	if (!connector->has_transaction)
		return;
	connector->has_transaction = false;
	station_call(station, NULL, "StopTransaction",
		     payload_stop(station, connector, NULL, reason, true));
	report(station, number, "Finishing");
	report(station, number, connector->is_inoperative ? "Unavailable" : "Available");
}

static uint32_t
find_transaction(const struct station *station, int64_t id)
{
	for (uint32_t i = 1; i <= station->connector_count; i++) {
		if (station->connectors[i].has_transaction &&
		    station->connectors[i].transaction == id)
			return i;
	}
	return 0;
}

/* --- the actions: each returns the confirmation, or NULL and a CALLERROR's code --- */

static struct json_object *
number_text(uint32_t number)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", number);
	return json_object_new_string(text);
}

static struct json_object *
on_get_configuration(struct station *station, struct json_object *payload, const char **ret_error)
{
	struct json_object *wanted = ocppd_json_get(payload, "key");
	size_t count =
		json_object_is_type(wanted, json_type_array) ? json_object_array_length(wanted) : 0;
	struct json_object *reply = json_object_new_object();
	struct json_object *known = json_object_new_array();
	struct json_object *unknown = json_object_new_array();

	(void)ret_error;
	for (size_t i = 0; i < (count > 0 ? count : KEY_COUNT); i++) {
		struct json_object *name = json_object_array_get_idx(count > 0 ? wanted : known, i);
		size_t row = count > 0 ? find_key(json_object_get_string(name)) : i;
		struct json_object *entry;

		if (row == KEY_COUNT) {
			json_object_array_add(unknown, json_object_get(name));
			continue;
		}
		entry = json_object_new_object();
		(void)ocppd_json_add_str(entry, "key", keys[row].name);
		(void)ocppd_json_add_bool(entry, "readonly", (keys[row].flags & KEY_READONLY) != 0);
		if (str_eq(keys[row].name, "NumberOfConnectors"))
			json_object_object_add(entry, "value",
					       number_text(station->connector_count));
		else
			(void)ocppd_json_add_str(entry, "value", key_value(station, row));
		json_object_array_add(known, entry);
	}
	json_object_object_add(reply, "configurationKey", known);
	if (json_object_array_length(unknown) > 0)
		json_object_object_add(reply, "unknownKey", unknown);
	else
		json_object_put(unknown);
	return reply;
}

static const char *
change_key(struct station *station, size_t row, const char *value)
{
	int64_t number = 0;
	char *copy;

	if (row == KEY_COUNT)
		return "NotSupported";
	if (keys[row].flags & KEY_READONLY)
		return "Rejected";
	if ((keys[row].flags & KEY_NUMBER) && parse_i64(value, 0, INT32_MAX, &number) < 0)
		return "Rejected";
	if ((keys[row].flags & KEY_BOOLEAN) && !str_ci_eq(value, "true") &&
	    !str_ci_eq(value, "false"))
		return "Rejected";
	if (!station->keys)
		station->keys = calloc(KEY_COUNT, sizeof(*station->keys));
	copy = str_dup(value);
	if (!station->keys || !copy) {
		free(copy);
		return "Rejected";
	}
	free(station->keys[row]);
	station->keys[row] = copy;
	if (str_eq(keys[row].name, "HeartbeatInterval"))
		station_set_heartbeat(station, number);
	return keys[row].flags & KEY_REBOOT ? "RebootRequired" : "Accepted";
}

static struct json_object *
on_change_configuration(struct station *station, struct json_object *payload,
			const char **ret_error)
{
	const char *key = ocppd_json_get_str(payload, "key");
	const char *value = ocppd_json_get_str(payload, "value");

	if (!key || !value) {
		*ret_error = "OccurenceConstraintViolation";
		return NULL;
	}
	return payload_words("status", change_key(station, find_key(key), value));
}

static bool
is_free(const struct station *station, uint32_t number)
{
	const struct connector *connector = &station->connectors[number];
	const struct step *step = actor_step(&station->main);
	bool is_walked = step && step->kind != STEP_IDLE && station->main.connector == number &&
			 station->main.pc > 0 && connector->has_transaction;

	return !connector->has_transaction && !connector->actor.scenario &&
	       !connector->is_inoperative && !is_walked;
}

static struct json_object *
on_remote_start(struct station *station, struct json_object *payload, const char **ret_error)
{
	const char *tag = ocppd_json_get_str(payload, "idTag");
	int64_t number = ocppd_json_get_int(payload, "connectorId", -1);
	bool is_asked = str_ci_eq(reply_key(station, "AuthorizeRemoteTxRequests"), "true");

	if (!tag) {
		*ret_error = "OccurenceConstraintViolation";
		return NULL;
	}
	for (uint32_t i = 1; i <= station->connector_count && number < 0; i++) {
		if (is_free(station, i))
			number = i;
	}
	if (!station->is_accepted || number < 1 || number > station->connector_count ||
	    !is_free(station, (uint32_t)number) || strlen(tag) > 20)
		return payload_words("status", "Rejected");
	(void)str_copy(station->connectors[number].tag, sizeof(station->connectors->tag), tag);
	station->connectors[number].stop_reason = NULL;
	/* Its first step is the question whether the tag is good. */
	actor_start(&station->connectors[number].actor, station->fleet->remote, is_asked ? 0 : 1);
	return payload_words("status", "Accepted");
}

static struct json_object *
on_remote_stop(struct station *station, struct json_object *payload, const char **ret_error)
{
	uint32_t number =
		find_transaction(station, ocppd_json_get_int(payload, "transactionId", 0));

	(void)ret_error;
	if (number == 0)
		return payload_words("status", "Rejected");
	reply_stop(station, number, "Remote");
	return payload_words("status", "Accepted");
}

static struct json_object *
on_reset(struct station *station, struct json_object *payload, const char **ret_error)
{
	const char *type = ocppd_json_get_str(payload, "type");

	if (!type || (!str_eq(type, "Soft") && !str_eq(type, "Hard"))) {
		*ret_error = "PropertyConstraintViolation";
		return NULL;
	}
	station->reset_reason = str_eq(type, "Soft") ? "SoftReset" : "HardReset";
	return payload_words("status", "Accepted");
}

static struct json_object *
on_trigger(struct station *station, struct json_object *payload, const char **ret_error)
{
	static const char *const known[] = { "BootNotification",
					     "Heartbeat",
					     "MeterValues",
					     "StatusNotification",
					     "FirmwareStatusNotification",
					     "DiagnosticsStatusNotification" };
	const char *wanted = ocppd_json_get_str(payload, "requestedMessage");

	(void)station;
	if (!wanted) {
		*ret_error = "OccurenceConstraintViolation";
		return NULL;
	}
	if (str_eq(wanted, known[0]) && station->is_accepted)
		return payload_words("status", "Rejected");
	if (ocppd_json_get_int(payload, "connectorId", 0) > station->connector_count)
		return payload_words("status", "Rejected");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (str_eq(wanted, known[i]))
			return payload_words("status", "Accepted");
	}
	return payload_words("status", "NotImplemented");
}

static struct json_object *
on_change_availability(struct station *station, struct json_object *payload, const char **ret_error)
{
	int64_t number = ocppd_json_get_int(payload, "connectorId", -1);
	const char *type = ocppd_json_get_str(payload, "type");
	bool is_scheduled = false;

	if (!type || number < 0) {
		*ret_error = "OccurenceConstraintViolation";
		return NULL;
	}
	if (number > station->connector_count)
		return payload_words("status", "Rejected");
	for (uint32_t i = 0; i <= station->connector_count; i++) {
		struct connector *connector = &station->connectors[i];

		if (number != 0 && number != i)
			continue;
		connector->is_inoperative = str_eq(type, "Inoperative");
		is_scheduled = is_scheduled || connector->has_transaction;
	}
	return payload_words("status", is_scheduled ? "Scheduled" : "Accepted");
}

static struct json_object *
on_unlock(struct station *station, struct json_object *payload, const char **ret_error)
{
	int64_t number = ocppd_json_get_int(payload, "connectorId", 0);

	(void)ret_error;
	if (number < 1 || number > station->connector_count)
		return payload_words("status", "NotSupported");
	reply_stop(station, (uint32_t)number, "UnlockCommand");
	return payload_words("status", "Unlocked");
}

static struct json_object *
on_clear_cache(struct station *station, struct json_object *payload, const char **ret_error)
{
	(void)station;
	(void)payload;
	(void)ret_error;
	return payload_words("status", "Accepted");
}

static struct json_object *
on_data_transfer(struct station *station, struct json_object *payload, const char **ret_error)
{
	(void)station;
	if (!ocppd_json_get_str(payload, "vendorId")) {
		*ret_error = "OccurenceConstraintViolation";
		return NULL;
	}
	return payload_words("status", "UnknownVendorId");
}

/* What follows the confirmation, which goes first. */
static void
after_trigger(struct station *station, struct json_object *payload)
{
	const char *wanted = ocppd_json_get_str(payload, "requestedMessage");
	int64_t number = ocppd_json_get_int(payload, "connectorId", -1);

	for (uint32_t i = 0; i <= station->connector_count; i++) {
		struct connector *connector = &station->connectors[i];

		if (number >= 0 && number != i)
			continue;
		if (str_eq(wanted, "StatusNotification"))
			report(station, i, connector->status[0] ? connector->status : "Available");
		else if (str_eq(wanted, "MeterValues") && i > 0)
			station_call(station, NULL, "MeterValues",
				     payload_meter(station, connector, i, "Trigger"));
	}
	if (str_eq(wanted, "BootNotification"))
		actor_start(&station->restart, station->fleet->restart, 0);
	else if (str_eq(wanted, "Heartbeat"))
		station_call(station, NULL, wanted, payload_words(NULL, NULL));
	else if (str_eq(wanted, "FirmwareStatusNotification") ||
		 str_eq(wanted, "DiagnosticsStatusNotification"))
		station_call(station, NULL, wanted, payload_words("status", "Idle"));
}

static void
after_reset(struct station *station, struct json_object *payload)
{
	(void)payload;
	for (uint32_t i = 1; i <= station->connector_count; i++) {
		if (!station->connectors[i].has_transaction)
			continue;
		actor_stop(&station->connectors[i].actor);
		reply_stop(station, i, station->reset_reason);
	}
	station_settle(station);
}

static void
after_availability(struct station *station, struct json_object *payload)
{
	int64_t number = ocppd_json_get_int(payload, "connectorId", 0);

	for (uint32_t i = 0; i <= station->connector_count; i++) {
		struct connector *connector = &station->connectors[i];

		if ((number == 0 || number == i) && !connector->has_transaction)
			report(station, i, connector->is_inoperative ? "Unavailable" : "Available");
	}
}

struct action_row {
	const char *action;
	struct json_object *(*fn)(struct station *, struct json_object *, const char **);
	void (*after)(struct station *, struct json_object *); /* when accepted */
};

static const struct action_row action_rows[] = {
	{ "ChangeAvailability", on_change_availability, after_availability },
	{ "ChangeConfiguration", on_change_configuration, NULL },
	{ "ClearCache", on_clear_cache, NULL },
	{ "DataTransfer", on_data_transfer, NULL },
	{ "GetConfiguration", on_get_configuration, NULL },
	{ "RemoteStartTransaction", on_remote_start, NULL },
	{ "RemoteStopTransaction", on_remote_stop, NULL },
	{ "Reset", on_reset, after_reset },
	{ "TriggerMessage", on_trigger, after_trigger },
	{ "UnlockConnector", on_unlock, NULL },
};

/* Known to OCPP 1.6, not to this station. */
static const char *const not_supported[] = {
	"CancelReservation",      "CertificateSigned",
	"ClearChargingProfile",   "DeleteCertificate",
	"ExtendedTriggerMessage", "GetCompositeSchedule",
	"GetDiagnostics",         "GetInstalledCertificateIds",
	"GetLocalListVersion",    "GetLog",
	"InstallCertificate",     "ReserveNow",
	"SendLocalList",          "SetChargingProfile",
	"SignedUpdateFirmware",   "UpdateFirmware",
};

/* The scenario's own reaction; false: it has none. */
static bool
react(struct station *station, const char *id, const char *action)
{
	const struct step *step = NULL;
	struct json_object *payload = NULL;
	struct ocppd_error err = { 0 };

	for (uint32_t i = 0; i < station->reaction_count; i++) {
		if (str_eq(station->reactions[i].action, action))
			step = station->reactions[i].step;
	}
	if (!step)
		return false;
	if (step->params[PARAM_ERROR]) {
		const struct node *text = step->params[PARAM_DESCRIPTION];

		send_error(station, id, step->params[PARAM_ERROR]->text, text ? text->text : "");
	} else if (step->params[PARAM_REPLY]) {
		if (node_json(step->params[PARAM_REPLY], actor_var, &station->main, &payload,
			      &err) == 0)
			send_result(station, id, payload);
		else
			station_fail(station, action, "the reply cannot be made: %s", err.text);
	}
	return true;
}

static void
answer(struct station *station, const char *id, const struct action_row *row,
       struct json_object *payload)
{
	const char *error = "InternalError";
	struct json_object *reply = row->fn(station, payload, &error);
	const char *status;
	bool is_accepted;

	if (!reply) {
		send_error(station, id, error, "the request does not fit its schema");
		return;
	}
	status = ocppd_json_get_str(reply, "status");
	is_accepted = str_eq(status, "Accepted");
	station_note(station, OUTPUT_STEP, "call.received", row->action, "from the CSMS: %s",
		     status ? status : "answered");
	send_result(station, id, reply);
	if (row->after && is_accepted)
		row->after(station, payload);
}

void
reply_to_call(struct station *station, const char *id, const char *action,
	      struct json_object *payload)
{
	const struct action_row *row = NULL;
	bool is_known = false;

	for (size_t i = 0; i < sizeof(action_rows) / sizeof(action_rows[0]); i++) {
		if (str_eq(action_rows[i].action, action))
			row = &action_rows[i];
	}
	for (size_t i = 0; i < sizeof(not_supported) / sizeof(not_supported[0]); i++)
		is_known = is_known || str_eq(not_supported[i], action);
	if (react(station, id, action)) {
		station_note(station, OUTPUT_STEP, "call.received", action,
			     "from the CSMS, answered by the scenario");
	} else if (row) {
		answer(station, id, row, payload);
	} else {
		station_note(station, OUTPUT_STEP, "call.received", action, "from the CSMS: %s",
			     is_known ? "NotSupported" : "NotImplemented");
		send_error(station, id, is_known ? "NotSupported" : "NotImplemented", "");
	}
	actor_called(&station->main, action, payload);
}
