/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The messages of the security extension (white paper "Improved security for OCPP 1.6-J", edition
 * 3) as tables, for the comparison with the official schemas as long as no module of ocppd offers
 * them. Nothing else is behind the tables: a daemon that loaded it would refuse these messages.
 */
#include <ocppd/action.h>
#include <ocppd/plugin.h>

#define PROTOCOL "ocpp1.6"

/* ---- Certificates ------------------------------------------------------------------------- */

static const char *const hash_algorithms[] = { "SHA256", "SHA384", "SHA512", NULL };
static const char *const certificate_uses[] = { "CentralSystemRootCertificate",
						"ManufacturerRootCertificate", NULL };
static const char *const generic_status[] = { "Accepted", "Rejected", NULL };
static const char *const delete_status[] = { "Accepted", "Failed", "NotFound", NULL };
static const char *const installed_status[] = { "Accepted", "NotFound", NULL };
static const char *const install_status[] = { "Accepted", "Failed", "Rejected", NULL };

static const struct ocppd_field hash_data[] = {
	{ "hashAlgorithm", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = hash_algorithms },
	{ "issuerNameHash", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 128, .doc = "hex" },
	{ "issuerKeyHash", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 128, .doc = "hex" },
	{ "serialNumber", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 40,
	  .doc = "hex without leading zeros" },
};

static const struct ocppd_field signed_req[] = {
	{ "certificateChain", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 10000,
	  .doc = "PEM: the station's own first, then those between it and the root" },
};
static const struct ocppd_field signed_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = generic_status },
};

static const struct ocppd_field delete_req[] = {
	{ "certificateHashData", OCPPD_T_OBJECT, OCPPD_REQUIRED, .fields = OCPPD_TABLE(hash_data),
	  .doc = "as the station listed it" },
};
static const struct ocppd_field delete_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = delete_status },
};

static const struct ocppd_field installed_req[] = {
	{ "certificateType", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = certificate_uses },
};
static const struct ocppd_field installed_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = installed_status },
	{ "certificateHashData", OCPPD_T_OBJECT, OCPPD_LIST | OCPPD_NONEMPTY,
	  .fields = OCPPD_TABLE(hash_data) },
};

static const struct ocppd_field install_req[] = {
	{ "certificateType", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = certificate_uses },
	{ "certificate", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 5500, .doc = "PEM" },
};
static const struct ocppd_field install_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = install_status },
};

static const struct ocppd_field sign_req[] = {
	{ "csr", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 5500, .doc = "PKCS#10, PEM" },
};
static const struct ocppd_field sign_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = generic_status },
};

/* ---- Logs and events ---------------------------------------------------------------------- */

static const char *const log_types[] = { "DiagnosticsLog", "SecurityLog", NULL };
static const char *const log_status[] = { "Accepted", "Rejected", "AcceptedCanceled", NULL };
static const char *const upload_status[] = {
	"BadMessage",       "Idle",     "NotSupportedOperation",
	"PermissionDenied", "Uploaded", "UploadFailure",
	"Uploading",        NULL
};

static const struct ocppd_field log_parameters[] = {
	{ "remoteLocation", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 512, .doc = "a URL" },
	{ "oldestTimestamp", OCPPD_T_TIMESTAMP, .doc = "the oldest entry that is wanted" },
	{ "latestTimestamp", OCPPD_T_TIMESTAMP, .doc = "the newest" },
};
static const struct ocppd_field log_req[] = {
	{ "log", OCPPD_T_OBJECT, OCPPD_REQUIRED, .fields = OCPPD_TABLE(log_parameters) },
	{ "logType", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = log_types },
	{ "requestId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "retries", OCPPD_T_INTEGER, .doc = "how often the station tries" },
	{ "retryInterval", OCPPD_T_INTEGER, .doc = "seconds between them" },
};
static const struct ocppd_field log_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = log_status },
	{ "filename", OCPPD_T_STRING, .max = 255, .doc = "absent: there is nothing to upload" },
};

static const struct ocppd_field log_status_req[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .one_of = upload_status },
	{ "requestId", OCPPD_T_INTEGER, .doc = "absent: triggered while nothing was uploaded" },
};

static const struct ocppd_field event_req[] = {
	{ "type", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .max = 50, .doc = "an open list" },
	{ "timestamp", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "techInfo", OCPPD_T_STRING, .max = 255 },
};

/* ---- Firmware and triggers ---------------------------------------------------------------- */

static const char *const firmware_states[] = {
	"Downloaded",         "DownloadFailed",    "Downloading",
	"DownloadScheduled",  "DownloadPaused",    "Idle",
	"InstallationFailed", "Installing",        "Installed",
	"InstallRebooting",   "InstallScheduled",  "InstallVerificationFailed",
	"InvalidSignature",   "SignatureVerified", NULL
};
static const char *const update_status[] = { "Accepted",           "Rejected",
					     "AcceptedCanceled",   "InvalidCertificate",
					     "RevokedCertificate", NULL };
static const char *const trigger_messages[] = {
	"BootNotification", "LogStatusNotification",      "FirmwareStatusNotification", "Heartbeat",
	"MeterValues",      "SignChargePointCertificate", "StatusNotification",         NULL
};
static const char *const trigger_status[] = { "Accepted", "Rejected", "NotImplemented", NULL };

static const struct ocppd_field firmware[] = {
	{ "location", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 512, .doc = "a URL" },
	{ "retrieveDateTime", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "installDateTime", OCPPD_T_TIMESTAMP },
	{ "signingCertificate", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 5500, .doc = "PEM" },
	{ "signature", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 800, .doc = "base64" },
};
static const struct ocppd_field update_req[] = {
	{ "retries", OCPPD_T_INTEGER, .doc = "how often the station tries" },
	{ "retryInterval", OCPPD_T_INTEGER, .doc = "seconds between them" },
	{ "requestId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "firmware", OCPPD_T_OBJECT, OCPPD_REQUIRED, .fields = OCPPD_TABLE(firmware) },
};
static const struct ocppd_field update_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = update_status },
};

static const struct ocppd_field firmware_status_req[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .one_of = firmware_states },
	{ "requestId", OCPPD_T_INTEGER, .doc = "absent: Idle, as the answer to a trigger" },
};

static const struct ocppd_field trigger_req[] = {
	{ "requestedMessage", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = trigger_messages },
	{ "connectorId", OCPPD_T_INTEGER, .doc = "for MeterValues and StatusNotification" },
};
static const struct ocppd_field trigger_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = trigger_status },
};

/* ---- Actions ------------------------------------------------------------------------------ */

/* A table only: as if nobody offered the action. */
static int
on_call(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx)
{
	(void)req;
	(void)ctx;
	(void)ocppd_call_fail(host, call, OCPPD_CALLERROR_NOT_SUPPORTED, NULL, NULL);
	return 0;
}

static const struct ocppd_action actions[] = {
	{ PROTOCOL, "CertificateSigned", OCPPD_TO_STATION, 0, OCPPD_TABLE(signed_req),
	  OCPPD_TABLE(signed_conf) },
	{ PROTOCOL, "DeleteCertificate", OCPPD_TO_STATION, 0, OCPPD_TABLE(delete_req),
	  OCPPD_TABLE(delete_conf) },
	{ PROTOCOL, "ExtendedTriggerMessage", OCPPD_TO_STATION, 0, OCPPD_TABLE(trigger_req),
	  OCPPD_TABLE(trigger_conf) },
	{ PROTOCOL, "GetInstalledCertificateIds", OCPPD_TO_STATION, 0, OCPPD_TABLE(installed_req),
	  OCPPD_TABLE(installed_conf) },
	{ PROTOCOL, "GetLog", OCPPD_TO_STATION, 0, OCPPD_TABLE(log_req), OCPPD_TABLE(log_conf) },
	{ PROTOCOL, "InstallCertificate", OCPPD_TO_STATION, 0, OCPPD_TABLE(install_req),
	  OCPPD_TABLE(install_conf) },
	{ PROTOCOL, "LogStatusNotification", OCPPD_FROM_STATION, OCPPD_ACTION_KEEP,
	  OCPPD_TABLE(log_status_req), .on_call = on_call },
	{ PROTOCOL, "SecurityEventNotification", OCPPD_FROM_STATION, OCPPD_ACTION_KEEP,
	  OCPPD_TABLE(event_req), .on_call = on_call },
	{ PROTOCOL, "SignCertificate", OCPPD_FROM_STATION, 0, OCPPD_TABLE(sign_req),
	  OCPPD_TABLE(sign_conf), .on_call = on_call },
	{ PROTOCOL, "SignedFirmwareStatusNotification", OCPPD_FROM_STATION, OCPPD_ACTION_KEEP,
	  OCPPD_TABLE(firmware_status_req), .on_call = on_call },
	{ PROTOCOL, "SignedUpdateFirmware", OCPPD_TO_STATION, 0, OCPPD_TABLE(update_req),
	  OCPPD_TABLE(update_conf) },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_security",
	"1.0.0",
	"The messages of the security extension, as tables",
	.actions = OCPPD_TABLE(actions),
};
