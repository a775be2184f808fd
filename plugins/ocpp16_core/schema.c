/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * OCPP 1.6 as tables: the vocabulary of the whole protocol, and the fields of the messages that
 * this module owns. Nothing here but data.
 */
#include "ocpp16_core.h"

#define PROTOCOL "ocpp1.6"
#define CONNECTOR_MAX 64 /* quirk D02 */

/* ---- Enumerations -----------------------------------------------------------------------------
 */

static const char *const authorization_status[] = {
	"Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx", NULL,
};
static const char *const registration_status[] = { "Accepted", "Pending", "Rejected", NULL };
static const char *const remote_status[] = { "Accepted", "Rejected", NULL };
static const char *const availability_type[] = { "Inoperative", "Operative", NULL };
static const char *const availability_status[] = { "Accepted", "Rejected", "Scheduled", NULL };
static const char *const configuration_status[] = {
	"Accepted", "Rejected", "RebootRequired", "NotSupported", NULL,
};
static const char *const clear_cache_status[] = { "Accepted", "Rejected", NULL };
static const char *const data_transfer_status[] = {
	"Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId", NULL,
};
static const char *const reset_type[] = { "Hard", "Soft", NULL };
static const char *const reset_status[] = { "Accepted", "Rejected", NULL };
static const char *const unlock_status[] = { "Unlocked", "UnlockFailed", "NotSupported", NULL };
static const char *const connector_status[] = {
	"Available", "Preparing", "Charging",    "SuspendedEVSE", "SuspendedEV",
	"Finishing", "Reserved",  "Unavailable", "Faulted",       NULL,
};
static const char *const error_code[] = {
	"ConnectorLockFailure",
	"EVCommunicationError",
	"GroundFailure",
	"HighTemperature",
	"InternalError",
	"LocalListConflict",
	"NoError",
	"OtherError",
	"OverCurrentFailure",
	"OverVoltage",
	"PowerMeterFailure",
	"PowerSwitchFailure",
	"ReaderFailure",
	"ResetFailure",
	"UnderVoltage",
	"WeakSignal",
	NULL,
};
static const char *const stop_reason[] = {
	"DeAuthorized", "EmergencyStop", "EVDisconnected", "HardReset", "Local",         "Other",
	"PowerLoss",    "Reboot",        "Remote",         "SoftReset", "UnlockCommand", NULL,
};
static const char *const location[] = { "Body", "Cable", "EV", "Inlet", "Outlet", NULL };
static const char *const value_format[] = { "Raw", "SignedData", NULL };
static const char *const measurand[] = {
	"Current.Export",
	"Current.Import",
	"Current.Offered",
	"Energy.Active.Export.Register",
	"Energy.Active.Import.Register",
	"Energy.Reactive.Export.Register",
	"Energy.Reactive.Import.Register",
	"Energy.Active.Export.Interval",
	"Energy.Active.Import.Interval",
	"Energy.Reactive.Export.Interval",
	"Energy.Reactive.Import.Interval",
	"Frequency",
	"Power.Active.Export",
	"Power.Active.Import",
	"Power.Factor",
	"Power.Offered",
	"Power.Reactive.Export",
	"Power.Reactive.Import",
	"RPM",
	"SoC",
	"Temperature",
	"Voltage",
	NULL,
};
static const char *const phase[] = {
	"L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1", NULL,
};
static const char *const reading_context[] = {
	"Interruption.Begin", "Interruption.End", "Other",   "Sample.Clock", "Sample.Periodic",
	"Transaction.Begin",  "Transaction.End",  "Trigger", NULL,
};
/* Both spellings of Celsius are right (quirk D06). */
static const char *const unit[] = {
	"Wh",   "kWh", "varh", "kvarh", "W",       "kW",      "VA",         "kVA",     "var",
	"kvar", "A",   "V",    "K",     "Celcius", "Celsius", "Fahrenheit", "Percent", NULL,
};
static const char *const profile_purpose[] = {
	"ChargePointMaxProfile",
	"TxDefaultProfile",
	"TxProfile",
	NULL,
};
static const char *const profile_kind[] = { "Absolute", "Recurring", "Relative", NULL };
static const char *const recurrency_kind[] = { "Daily", "Weekly", NULL };
static const char *const rate_unit[] = { "A", "W", NULL };

/* ---- Nested objects ---------------------------------------------------------------------------
 */

static const struct ocppd_field id_tag_info[] = {
	{ "expiryDate", OCPPD_T_TIMESTAMP },
	{ "parentIdTag", OCPPD_T_STRING, OCPPD_CI, .max = 20 },
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = authorization_status },
};
static const struct ocppd_field sampled_value[] = {
	{ "value", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "context", OCPPD_T_STRING, .one_of = reading_context },
	{ "format", OCPPD_T_STRING, .one_of = value_format },
	{ "measurand", OCPPD_T_STRING, .one_of = measurand },
	{ "phase", OCPPD_T_STRING, .one_of = phase },
	{ "location", OCPPD_T_STRING, .one_of = location },
	{ "unit", OCPPD_T_STRING, .one_of = unit },
};
static const struct ocppd_field meter_value[] = {
	{ "timestamp", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "sampledValue", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST | OCPPD_NONEMPTY,
	  .fields = OCPPD_TABLE(sampled_value) },
};
static const struct ocppd_field key_value[] = {
	{ "key", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 50 },
	{ "readonly", OCPPD_T_BOOLEAN, OCPPD_REQUIRED },
	{ "value", OCPPD_T_STRING, OCPPD_CI, .max = 500 },
};
static const struct ocppd_field schedule_period[] = {
	{ "startPeriod", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "seconds from the start" },
	{ "limit", OCPPD_T_DECIMAL, OCPPD_REQUIRED },
	{ "numberPhases", OCPPD_T_INTEGER },
};
static const struct ocppd_field charging_schedule[] = {
	{ "duration", OCPPD_T_INTEGER, .doc = "seconds" },
	{ "startSchedule", OCPPD_T_TIMESTAMP },
	{ "chargingRateUnit", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = rate_unit },
	{ "chargingSchedulePeriod", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST | OCPPD_NONEMPTY,
	  .fields = OCPPD_TABLE(schedule_period) },
	{ "minChargingRate", OCPPD_T_DECIMAL },
};
static const struct ocppd_field charging_profile[] = {
	{ "chargingProfileId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "transactionId", OCPPD_T_INTEGER },
	{ "stackLevel", OCPPD_T_INTEGER, OCPPD_REQUIRED, .min = 0, .max = INT32_MAX },
	{ "chargingProfilePurpose", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = profile_purpose },
	{ "chargingProfileKind", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = profile_kind },
	{ "recurrencyKind", OCPPD_T_STRING, .one_of = recurrency_kind },
	{ "validFrom", OCPPD_T_TIMESTAMP },
	{ "validTo", OCPPD_T_TIMESTAMP },
	{ "chargingSchedule", OCPPD_T_OBJECT, OCPPD_REQUIRED,
	  .fields = OCPPD_TABLE(charging_schedule) },
};

/* ---- Messages ---------------------------------------------------------------------------------
 */

static const struct ocppd_field authorize_req[] = {
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 20 },
};
static const struct ocppd_field authorize_conf[] = {
	{ "idTagInfo", OCPPD_T_OBJECT, OCPPD_REQUIRED, .fields = OCPPD_TABLE(id_tag_info) },
};
static const struct ocppd_field boot_req[] = {
	{ "chargePointVendor", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 20 },
	{ "chargePointModel", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 20 },
	{ "chargePointSerialNumber", OCPPD_T_STRING, OCPPD_CI, .max = 25 },
	{ "chargeBoxSerialNumber", OCPPD_T_STRING, OCPPD_CI, .max = 25 },
	{ "firmwareVersion", OCPPD_T_STRING, OCPPD_CI, .max = 50 },
	{ "iccid", OCPPD_T_STRING, OCPPD_CI, .max = 20 },
	{ "imsi", OCPPD_T_STRING, OCPPD_CI, .max = 20 },
	{ "meterType", OCPPD_T_STRING, OCPPD_CI, .max = 25 },
	{ "meterSerialNumber", OCPPD_T_STRING, OCPPD_CI, .max = 25 },
};
static const struct ocppd_field boot_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = registration_status },
	{ "currentTime", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "interval", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field heartbeat_conf[] = {
	{ "currentTime", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
};
static const struct ocppd_field status_req[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY, .min = 0,
	  .max = CONNECTOR_MAX },
	{ "errorCode", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .one_of = error_code,
	  .fallback = "OtherError" },
	{ "info", OCPPD_T_STRING, OCPPD_CI, .max = 50 },
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .one_of = connector_status,
	  .fallback = "Unavailable" },
	{ "timestamp", OCPPD_T_TIMESTAMP },
	{ "vendorId", OCPPD_T_STRING, OCPPD_CI, .max = 255 },
	{ "vendorErrorCode", OCPPD_T_STRING, OCPPD_CI, .max = 50 },
};
static const struct ocppd_field start_req[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY, .min = 1,
	  .max = CONNECTOR_MAX },
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY | OCPPD_CI, .max = 20 },
	{ "meterStart", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "Wh" },
	{ "reservationId", OCPPD_T_INTEGER },
	{ "timestamp", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
};
static const struct ocppd_field start_conf[] = {
	{ "idTagInfo", OCPPD_T_OBJECT, OCPPD_REQUIRED, .fields = OCPPD_TABLE(id_tag_info) },
	{ "transactionId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field stop_req[] = {
	{ "idTag", OCPPD_T_STRING, OCPPD_CI, .max = 20 },
	{ "meterStop", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "Wh" },
	{ "timestamp", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "transactionId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY },
	{ "reason", OCPPD_T_STRING, .one_of = stop_reason, .fallback = "Other" },
	{ "transactionData", OCPPD_T_OBJECT, OCPPD_LIST, .fields = OCPPD_TABLE(meter_value) },
};
static const struct ocppd_field stop_conf[] = {
	{ "idTagInfo", OCPPD_T_OBJECT, .fields = OCPPD_TABLE(id_tag_info) },
};
static const struct ocppd_field meter_req[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY, .min = 0,
	  .max = CONNECTOR_MAX },
	{ "transactionId", OCPPD_T_INTEGER },
	{ "meterValue", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_KEY | OCPPD_LIST | OCPPD_NONEMPTY,
	  .fields = OCPPD_TABLE(meter_value) },
};
static const struct ocppd_field change_availability_req[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED,
	  .doc = "0: the station and all its connectors" },
	{ "type", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = availability_type },
};
static const struct ocppd_field change_availability_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = availability_status },
};
static const struct ocppd_field change_configuration_req[] = {
	{ "key", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 50 },
	{ "value", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 500,
	  .doc = "a string, for numbers and booleans, too" },
};
static const struct ocppd_field change_configuration_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = configuration_status },
};
static const struct ocppd_field clear_cache_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = clear_cache_status },
};
static const struct ocppd_field data_transfer_req[] = {
	{ "vendorId", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 255 },
	{ "messageId", OCPPD_T_STRING, OCPPD_CI, .max = 50 },
	{ "data", OCPPD_T_STRING, .doc = "text; JSON within it is a string" },
};
static const struct ocppd_field data_transfer_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = data_transfer_status },
	{ "data", OCPPD_T_STRING },
};
static const struct ocppd_field reset_req[] = {
	{ "type", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = reset_type },
};
static const struct ocppd_field reset_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = reset_status },
};
static const struct ocppd_field unlock_req[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "greater than 0" },
};
static const struct ocppd_field unlock_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = unlock_status },
};
static const struct ocppd_field get_configuration_req[] = {
	{ "key", OCPPD_T_STRING, OCPPD_LIST | OCPPD_CI, .max = 50,
	  .doc = "absent or empty: all keys" },
};
static const struct ocppd_field get_configuration_conf[] = {
	{ "configurationKey", OCPPD_T_OBJECT, OCPPD_LIST, .fields = OCPPD_TABLE(key_value) },
	{ "unknownKey", OCPPD_T_STRING, OCPPD_LIST | OCPPD_CI, .max = 50 },
};
static const struct ocppd_field remote_start_req[] = {
	{ "connectorId", OCPPD_T_INTEGER, .doc = "greater than 0; absent: the station chooses" },
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 20 },
	{ "chargingProfile", OCPPD_T_OBJECT, .fields = OCPPD_TABLE(charging_profile),
	  .doc = "a TxProfile without transactionId" },
};
static const struct ocppd_field remote_stop_req[] = {
	{ "transactionId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field remote_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = remote_status },
};

/* ---- Actions ----------------------------------------------------------------------------------
 */

const struct ocppd_action core16_actions[] = {
	{ PROTOCOL, "Authorize", OCPPD_FROM_STATION, 0, OCPPD_TABLE(authorize_req),
	  OCPPD_TABLE(authorize_conf), .on_call = on_authorize },
	{ PROTOCOL, "BootNotification", OCPPD_FROM_STATION,
	  OCPPD_ACTION_ANYTIME | OCPPD_ACTION_KEEP, OCPPD_TABLE(boot_req), OCPPD_TABLE(boot_conf),
	  .on_call = on_boot_notification },
	{ PROTOCOL, "Heartbeat", OCPPD_FROM_STATION, 0, .conf = OCPPD_TABLE(heartbeat_conf),
	  .on_call = on_heartbeat },
	{ PROTOCOL, "MeterValues", OCPPD_FROM_STATION, OCPPD_ACTION_KEEP | OCPPD_ACTION_PRIORITY,
	  OCPPD_TABLE(meter_req), .on_call = on_meter_values },
	{ PROTOCOL, "StartTransaction", OCPPD_FROM_STATION,
	  OCPPD_ACTION_KEEP | OCPPD_ACTION_ONCE | OCPPD_ACTION_PRIORITY, OCPPD_TABLE(start_req),
	  OCPPD_TABLE(start_conf), .on_call = on_start_transaction },
	{ PROTOCOL, "StatusNotification", OCPPD_FROM_STATION, OCPPD_ACTION_KEEP,
	  OCPPD_TABLE(status_req), .on_call = on_status_notification },
	{ PROTOCOL, "StopTransaction", OCPPD_FROM_STATION,
	  OCPPD_ACTION_KEEP | OCPPD_ACTION_ONCE | OCPPD_ACTION_PRIORITY, OCPPD_TABLE(stop_req),
	  OCPPD_TABLE(stop_conf), .on_call = on_stop_transaction },
	{ PROTOCOL, "DataTransfer", OCPPD_FROM_STATION | OCPPD_TO_STATION, OCPPD_ACTION_ONCE,
	  OCPPD_TABLE(data_transfer_req), OCPPD_TABLE(data_transfer_conf),
	  .on_call = on_data_transfer },
	{ PROTOCOL, "ChangeAvailability", OCPPD_TO_STATION, 0, OCPPD_TABLE(change_availability_req),
	  OCPPD_TABLE(change_availability_conf), .prepare = prepare_change_availability,
	  .completed = completed_change_availability },
	{ PROTOCOL, "ChangeConfiguration", OCPPD_TO_STATION, 0,
	  OCPPD_TABLE(change_configuration_req), OCPPD_TABLE(change_configuration_conf),
	  .prepare = prepare_change_configuration, .completed = completed_change_configuration,
	  .mask = mask_configuration },
	{ PROTOCOL, "ClearCache", OCPPD_TO_STATION, 0, .conf = OCPPD_TABLE(clear_cache_conf) },
	{ PROTOCOL, "GetConfiguration", OCPPD_TO_STATION, 0, OCPPD_TABLE(get_configuration_req),
	  OCPPD_TABLE(get_configuration_conf), .prepare = prepare_get_configuration,
	  .completed = completed_get_configuration, .mask = mask_configuration },
	{ PROTOCOL, "Reset", OCPPD_TO_STATION, 0, OCPPD_TABLE(reset_req), OCPPD_TABLE(reset_conf),
	  .prepare = prepare_reset, .completed = completed_reset },
	{ PROTOCOL, "UnlockConnector", OCPPD_TO_STATION, 0, OCPPD_TABLE(unlock_req),
	  OCPPD_TABLE(unlock_conf), .prepare = prepare_unlock_connector,
	  .completed = completed_unlock_connector },
	{ PROTOCOL, "RemoteStartTransaction", OCPPD_TO_STATION, OCPPD_ACTION_ACCEPTED_ONLY,
	  OCPPD_TABLE(remote_start_req), OCPPD_TABLE(remote_conf), .prepare = prepare_remote_start,
	  .completed = completed_remote_start },
	{ PROTOCOL, "RemoteStopTransaction", OCPPD_TO_STATION, OCPPD_ACTION_ACCEPTED_ONLY,
	  OCPPD_TABLE(remote_stop_req), OCPPD_TABLE(remote_conf), .prepare = prepare_remote_stop },
};
_Static_assert(sizeof(core16_actions) / sizeof(core16_actions[0]) == CORE16_ACTIONS,
	       "the descriptor counts the actions");

/* The 28 actions of OCPP 1.6 and the 11 of its security extension. */
#define IN OCPPD_FROM_STATION
#define OUT OCPPD_TO_STATION
#define NOTE OCPPD_WORD_NOTIFICATION
const struct ocppd_word core16_words[] = {
	{ PROTOCOL, "Authorize", IN, 0 },
	{ PROTOCOL, "BootNotification", IN, 0 },
	{ PROTOCOL, "CancelReservation", OUT, 0 },
	{ PROTOCOL, "CertificateSigned", OUT, 0 },
	{ PROTOCOL, "ChangeAvailability", OUT, 0 },
	{ PROTOCOL, "ChangeConfiguration", OUT, 0 },
	{ PROTOCOL, "ClearCache", OUT, 0 },
	{ PROTOCOL, "ClearChargingProfile", OUT, 0 },
	{ PROTOCOL, "DataTransfer", IN | OUT, 0 },
	{ PROTOCOL, "DeleteCertificate", OUT, 0 },
	{ PROTOCOL, "DiagnosticsStatusNotification", IN, NOTE },
	{ PROTOCOL, "ExtendedTriggerMessage", OUT, 0 },
	{ PROTOCOL, "FirmwareStatusNotification", IN, NOTE },
	{ PROTOCOL, "GetCompositeSchedule", OUT, 0 },
	{ PROTOCOL, "GetConfiguration", OUT, 0 },
	{ PROTOCOL, "GetDiagnostics", OUT, 0 },
	{ PROTOCOL, "GetInstalledCertificateIds", OUT, 0 },
	{ PROTOCOL, "GetLocalListVersion", OUT, 0 },
	{ PROTOCOL, "GetLog", OUT, 0 },
	{ PROTOCOL, "Heartbeat", IN, 0 },
	{ PROTOCOL, "InstallCertificate", OUT, 0 },
	{ PROTOCOL, "LogStatusNotification", IN, NOTE },
	{ PROTOCOL, "MeterValues", IN, NOTE },
	{ PROTOCOL, "RemoteStartTransaction", OUT, 0 },
	{ PROTOCOL, "RemoteStopTransaction", OUT, 0 },
	{ PROTOCOL, "ReserveNow", OUT, 0 },
	{ PROTOCOL, "Reset", OUT, 0 },
	{ PROTOCOL, "SecurityEventNotification", IN, NOTE },
	{ PROTOCOL, "SendLocalList", OUT, 0 },
	{ PROTOCOL, "SetChargingProfile", OUT, 0 },
	{ PROTOCOL, "SignCertificate", IN, 0 },
	{ PROTOCOL, "SignedFirmwareStatusNotification", IN, NOTE },
	{ PROTOCOL, "SignedUpdateFirmware", OUT, 0 },
	{ PROTOCOL, "StartTransaction", IN, 0 },
	{ PROTOCOL, "StatusNotification", IN, NOTE },
	{ PROTOCOL, "StopTransaction", IN, 0 },
	{ PROTOCOL, "TriggerMessage", OUT, 0 },
	{ PROTOCOL, "UnlockConnector", OUT, 0 },
	{ PROTOCOL, "UpdateFirmware", OUT, 0 },
};
_Static_assert(sizeof(core16_words) / sizeof(core16_words[0]) == CORE16_WORDS,
	       "the descriptor counts the words");
