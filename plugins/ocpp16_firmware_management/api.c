/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What the module shows: messages, routes with their ocppctl commands, events and metrics.
 */
#include "firmware.h"

/* ---- Messages ---------------------------------------------------------------------------------
 */

static const char *const firmware_status[] = {
	"Downloaded",         "DownloadFailed", "Downloading", "Idle",
	"InstallationFailed", "Installing",     "Installed",   NULL,
};
static const char *const diagnostics_status[] = {
	"Idle", "Uploaded", "UploadFailed", "Uploading", NULL,
};

static const struct ocppd_field firmware_status_req[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .one_of = firmware_status },
};
static const struct ocppd_field diagnostics_status_req[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .one_of = diagnostics_status },
};
static const struct ocppd_field update_req[] = {
	{ "location", OCPPD_T_URI, OCPPD_REQUIRED, .doc = "where the image is" },
	{ "retries", OCPPD_T_INTEGER, .doc = "how often the station tries the download again" },
	{ "retrieveDate", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED | OCPPD_FILLED,
	  .doc = "no sooner; now where it is left out" },
	{ "retryInterval", OCPPD_T_INTEGER, .doc = "seconds between them" },
};
static const struct ocppd_field diagnostics_req[] = {
	{ "location", OCPPD_T_URI, OCPPD_REQUIRED | OCPPD_FILLED,
	  .doc = "the folder to upload to; the daemon's own where it is left out" },
	{ "retries", OCPPD_T_INTEGER, .doc = "how often the station tries the upload again" },
	{ "retryInterval", OCPPD_T_INTEGER, .doc = "seconds between them" },
	{ "startTime", OCPPD_T_TIMESTAMP, .doc = "the oldest entry that is wanted" },
	{ "stopTime", OCPPD_T_TIMESTAMP, .doc = "the newest" },
};
static const struct ocppd_field diagnostics_conf[] = {
	{ "fileName", OCPPD_T_STRING, .max = 255, .doc = "absent: there is nothing to upload" },
};

const struct ocppd_action firmware_actions[] = {
	{ PROTOCOL, "DiagnosticsStatusNotification", OCPPD_FROM_STATION, OCPPD_ACTION_KEEP,
	  OCPPD_TABLE(diagnostics_status_req), .on_call = on_diagnostics_status },
	{ PROTOCOL, "FirmwareStatusNotification", OCPPD_FROM_STATION, OCPPD_ACTION_KEEP,
	  OCPPD_TABLE(firmware_status_req), .on_call = on_firmware_status },
	{ PROTOCOL, "GetDiagnostics", OCPPD_TO_STATION, 0, OCPPD_TABLE(diagnostics_req),
	  OCPPD_TABLE(diagnostics_conf), .prepare = prepare_diagnostics, .completed = completed_job,
	  .mask = mask_location },
	{ PROTOCOL, "UpdateFirmware", OCPPD_TO_STATION, 0, OCPPD_TABLE(update_req),
	  .prepare = prepare_update, .completed = completed_job, .mask = mask_location },
};
_Static_assert(sizeof(firmware_actions) / sizeof(firmware_actions[0]) == FIRMWARE_ACTIONS,
	       "the descriptor counts the actions");

/* ---- Jobs -------------------------------------------------------------------------------------
 */

static const struct ocppd_field story_fields[] = {
	{ "time", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "event", OCPPD_T_STRING, OCPPD_REQUIRED,
	  .doc = "sending, notSent, confirmed, refused, error, unanswered, notified, fileBegun, "
		 "fileBroken, fileDone, fileClosed, booted, superseded, cancelled or deadline" },
	{ "text", OCPPD_T_STRING, .doc = "the status, the version, the file, or why" },
	{ "number", OCPPD_T_INTEGER, .doc = "bytes of a file; the later job" },
	{ "state", OCPPD_T_STRING, OCPPD_REQUIRED, .doc = "after it" },
};

#define HISTORY                                                                                    \
	{                                                                                          \
		"history", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,                            \
			.fields = OCPPD_TABLE(story_fields), .doc = "oldest first"                 \
	}

#define HEAD_ROWS(states)                                                                                     \
	{ "jobId", OCPPD_T_INTEGER, OCPPD_REQUIRED },                                                         \
		{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },                                              \
		{ "state", OCPPD_T_STRING, OCPPD_REQUIRED, .doc = states },                                   \
		{ "failure", OCPPD_T_STRING, .doc = "with Failed: what failed" },                             \
		{ "reason", OCPPD_T_STRING, .doc = "in words" },                                              \
		{ "active", OCPPD_T_BOOLEAN, OCPPD_REQUIRED, .doc = "it is not over" },                       \
		{ "requester", OCPPD_T_STRING, .doc = "who asked for it" },                                   \
		{ "hosted", OCPPD_T_BOOLEAN, OCPPD_REQUIRED,                                                  \
		  .doc = "the location is the daemon's own" },                                                \
		{ "location", OCPPD_T_STRING,                                                                 \
		  .doc = "as sent; a password, or the secret part of a URL of the daemon's own, is masked" }, \
		{ "retries", OCPPD_T_INTEGER },                                                               \
	{                                                                                                     \
		"retryInterval", OCPPD_T_INTEGER                                                              \
	}

#define TAIL_ROWS                                                                                  \
	{ "created", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },                                          \
		{ "expires", OCPPD_T_TIMESTAMP, .doc = "not sent after it" },                      \
		{ "attempts", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "how often it was sent" },   \
		{ "nextAttempt", OCPPD_T_TIMESTAMP }, { "sent", OCPPD_T_TIMESTAMP },               \
		{ "confirmed", OCPPD_T_TIMESTAMP },                                                \
		{ "deadline", OCPPD_T_TIMESTAMP, .doc = "for its end" },                           \
		{ "lastStatus", OCPPD_T_STRING, .doc = "as the station told" },                    \
		{ "lastStatusTime", OCPPD_T_TIMESTAMP },                                           \
		{ "notifications", OCPPD_T_INTEGER, OCPPD_REQUIRED,                                \
		  .doc = "how many came; the last repetitions may not be counted yet" },           \
		{ "transferId", OCPPD_T_INTEGER, .doc = "of the files' service" },                 \
		{ "transferBegun", OCPPD_T_TIMESTAMP, .doc = "bytes of the file began to move" },  \
		{ "transferDone", OCPPD_T_TIMESTAMP, .doc = "the whole file went over" },          \
		{ "bytes", OCPPD_T_INTEGER, .doc = "of that file" },                               \
		{ "changed", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },                                  \
	{                                                                                          \
		"ended", OCPPD_T_TIMESTAMP                                                         \
	}

#define UPDATE_ROWS                                                                                \
	HEAD_ROWS("Waiting, Sending, Unconfirmed, Confirmed, Downloading, Downloaded, "            \
		  "Installing, Verifying; Verified, Installed, Failed, Expired, Silent, NotSent, " \
		  "Superseded or Cancelled"),                                                      \
		{ "rolloutId", OCPPD_T_INTEGER }, { "image", OCPPD_T_STRING },                     \
		{ "retrieveDate", OCPPD_T_TIMESTAMP }, { "expectedVersion", OCPPD_T_STRING },      \
		{ "versionBefore", OCPPD_T_STRING,                                                 \
		  .doc = "at its boot before; absent: not known" },                                \
		{ "bootedVersion", OCPPD_T_STRING, .doc = "at its last boot since it was sent" },  \
		{ "booted", OCPPD_T_TIMESTAMP }, TAIL_ROWS

#define DIAGNOSTICS_ROWS                                                                           \
	HEAD_ROWS("Waiting, Sending, Unconfirmed, Confirmed, Uploading, Arriving; Received, "      \
		  "Uploaded, NothingToUpload, Failed, Expired, Silent, NotSent, Superseded or "    \
		  "Cancelled"),                                                                    \
		{ "startTime", OCPPD_T_TIMESTAMP }, { "stopTime", OCPPD_T_TIMESTAMP },             \
		{ "fileName", OCPPD_T_STRING, .doc = "as the station named it" },                  \
		{ "fileId", OCPPD_T_INTEGER, .doc = "the file that arrived" }, TAIL_ROWS

static const struct ocppd_field update_fields[] = { UPDATE_ROWS };
static const struct ocppd_field update_story[] = { UPDATE_ROWS, HISTORY };
static const struct ocppd_field diagnostics_fields[] = { DIAGNOSTICS_ROWS };
static const struct ocppd_field diagnostics_story[] = { DIAGNOSTICS_ROWS, HISTORY };

#define PAGE_ROWS                                                                                  \
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000,                                         \
	  .doc = "items in a page, default 100" },                                                 \
	{                                                                                          \
		"after", OCPPD_T_STRING, .doc = "`next` of the page before"                        \
	}

static const struct ocppd_field update_query[] = {
	{ "stationId", OCPPD_T_STRING },
	{ "state", OCPPD_T_STRING },
	{ "active", OCPPD_T_BOOLEAN, .doc = "those that are not over, or those that are" },
	{ "rolloutId", OCPPD_T_INTEGER, .min = 1, .max = INT64_MAX },
	PAGE_ROWS,
};
static const struct ocppd_field diagnostics_query[] = {
	{ "stationId", OCPPD_T_STRING },
	{ "state", OCPPD_T_STRING },
	{ "active", OCPPD_T_BOOLEAN, .doc = "those that are not over, or those that are" },
	PAGE_ROWS,
};
static const struct ocppd_field update_list[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(update_fields) },
	{ "next", OCPPD_T_STRING },
};
static const struct ocppd_field diagnostics_list[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(diagnostics_fields) },
	{ "next", OCPPD_T_STRING },
};

#define EXPIRES_MAX 31536000 /* a year */

/* What an update is, whoever it is for. */
#define SOURCE_ROWS                                                                                      \
	{ "image", OCPPD_T_STRING, .max = IMAGE_MAX,                                                     \
	  .doc = "an image that was uploaded; instead of a location" },                                  \
		{ "location", OCPPD_T_URI, .max = LOCATION_MAX,                                          \
		  .doc = "any URI: http, https, ftp, ftps and others" },                                 \
		{ "retrieveDate", OCPPD_T_TIMESTAMP, .doc = "no sooner; default: now" },                 \
	{                                                                                                \
		"expectedVersion", OCPPD_T_STRING,                                                       \
			.max = 50,                                                                       \
			.doc = "firmwareVersion that the station should boot with; default: the image's" \
	}

#define LIMIT_ROWS                                                                                 \
	{ "retries", OCPPD_T_INTEGER, .min = 0, .max = INT32_MAX,                                  \
	  .doc = "of the station, for the transfer" },                                             \
		{ "retryInterval", OCPPD_T_INTEGER, .min = 0, .max = INT32_MAX,                    \
		  .doc = "seconds between them" },                                                 \
		{ "expires", OCPPD_T_INTEGER, .min = 1, .max = EXPIRES_MAX,                        \
		  .doc = "seconds it may wait for the station; default: send_timeout" },           \
	{                                                                                          \
		"deadline", OCPPD_T_INTEGER,                                                       \
			.min = 1, .max = EXPIRES_MAX,                                              \
			.doc = "seconds the station may take then; default: as configured"         \
	}

static const struct ocppd_field update_post[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED, .max = OCPPD_STATION_ID_MAX },
	SOURCE_ROWS,
	LIMIT_ROWS,
};
static const struct ocppd_field diagnostics_post[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED, .max = OCPPD_STATION_ID_MAX },
	{ "location", OCPPD_T_URI, .max = LOCATION_MAX,
	  .doc = "a folder, any URI; default: the daemon receives the file itself" },
	{ "startTime", OCPPD_T_TIMESTAMP, .doc = "the oldest entry that is wanted" },
	{ "stopTime", OCPPD_T_TIMESTAMP, .doc = "the newest" },
	LIMIT_ROWS,
};

/* ---- Rollouts, notifications, versions ---------------------------------------------------------
 */

#define ROLLOUT_ROWS                                                                               \
	{ "rolloutId", OCPPD_T_INTEGER, OCPPD_REQUIRED },                                          \
		{ "state", OCPPD_T_STRING, OCPPD_REQUIRED,                                         \
		  .doc = "Making, Running; Finished, Stopped or Cancelled" },                      \
		{ "reason", OCPPD_T_STRING }, { "requester", OCPPD_T_STRING },                     \
		{ "image", OCPPD_T_STRING }, { "location", OCPPD_T_STRING },                       \
		{ "expectedVersion", OCPPD_T_STRING }, { "retrieveDate", OCPPD_T_TIMESTAMP },      \
		{ "parallel", OCPPD_T_INTEGER, OCPPD_REQUIRED },                                   \
		{ "maxFailures", OCPPD_T_INTEGER, OCPPD_REQUIRED },                                \
		{ "total", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "stations" },                   \
		{ "created", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },                                  \
		{ "expires", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },                                  \
	{                                                                                          \
		"ended", OCPPD_T_TIMESTAMP                                                         \
	}

static const struct ocppd_field rollout_fields[] = { ROLLOUT_ROWS };
static const struct ocppd_field rollout_one[] = {
	ROLLOUT_ROWS,
	{ "jobs", OCPPD_T_ANY, OCPPD_REQUIRED, .doc = "an object: how many jobs by their state" },
};
static const struct ocppd_field rollout_list[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(rollout_fields) },
	{ "next", OCPPD_T_STRING },
};
static const struct ocppd_field page_query[] = { PAGE_ROWS };
static const struct ocppd_field rollout_post[] = {
	{ "stations", OCPPD_T_STRING, OCPPD_LIST | OCPPD_NONEMPTY, .max = OCPPD_STATION_ID_MAX,
	  .doc = "identities; or select" },
	{ "select", OCPPD_T_STRING, OCPPD_LIST | OCPPD_NONEMPTY, .max = 255, .max_items = 32,
	  .doc = "filters of GET /v1/stations, NAME=VALUE; or all" },
	{ "parallel", OCPPD_T_INTEGER, .min = 1, .max = 10000,
	  .doc = "stations that are at it at a time, default 5" },
	{ "maxFailures", OCPPD_T_INTEGER, .min = 0, .max = INT32_MAX,
	  .doc = "stop when more fail, default 3" },
	SOURCE_ROWS,
	LIMIT_ROWS,
};
static const struct ocppd_field unasked_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "kind", OCPPD_T_STRING, OCPPD_REQUIRED, .doc = "firmware or diagnostics" },
	{ "time", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED },
};
static const struct ocppd_field unasked_list[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(unasked_fields) },
	{ "next", OCPPD_T_STRING },
};
static const struct ocppd_field unasked_query[] = {
	{ "stationId", OCPPD_T_STRING },
	PAGE_ROWS,
};
static const struct ocppd_field version_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "firmwareVersion", OCPPD_T_STRING, OCPPD_REQUIRED, .doc = "at its last boot" },
	{ "since", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED, .doc = "its first boot with it" },
	{ "previousVersion", OCPPD_T_STRING },
};
static const struct ocppd_field version_list[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(version_fields) },
	{ "next", OCPPD_T_STRING },
};
static const struct ocppd_field version_query[] = {
	{ "stationId", OCPPD_T_STRING },
	{ "firmwareVersion", OCPPD_T_STRING },
	PAGE_ROWS,
};
static const struct ocppd_field version_event[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "firmwareVersion", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "previousVersion", OCPPD_T_STRING },
};

/* ---- Commands of ocppctl -----------------------------------------------------------------------
 */

#define UPDATE_TABLE "jobId,stationId,state,failure,image,expectedVersion,bootedVersion,changed"
#define DIAGNOSTICS_TABLE "jobId,stationId,state,failure,fileName,fileId,bytes,changed"
#define ROLLOUT_TABLE "rolloutId,state,image,expectedVersion,total,parallel,created,ended"

static const struct ocppd_command update_list_commands[] = {
	{ "firmware updates", "stationId state active rolloutId limit after", UPDATE_TABLE,
	  "List firmware updates, newest first" },
};
static const struct ocppd_command update_post_commands[] = {
	{ "firmware update",
	  "stationId image location retrieveDate expectedVersion retries retryInterval expires "
	  "deadline",
	  NULL, "Update a station's firmware, from an image or a location" },
};
static const struct ocppd_command update_get_commands[] = {
	{ "firmware show", "jobId", NULL, "Show an update and its history" },
};
static const struct ocppd_command update_delete_commands[] = {
	{ "firmware cancel", "jobId", NULL, "Cancel an update" },
};
static const struct ocppd_command diagnostics_list_commands[] = {
	{ "diagnostics", "stationId state active limit after", DIAGNOSTICS_TABLE,
	  "List requests for diagnostics, newest first" },
};
static const struct ocppd_command diagnostics_post_commands[] = {
	{ "diagnostics get",
	  "stationId location startTime stopTime retries retryInterval expires deadline", NULL,
	  "Ask a station for its diagnostics" },
};
static const struct ocppd_command diagnostics_get_commands[] = {
	{ "diagnostics show", "jobId", NULL, "Show a request for diagnostics and its history" },
};
static const struct ocppd_command diagnostics_delete_commands[] = {
	{ "diagnostics cancel", "jobId", NULL, "Cancel a request for diagnostics" },
};
static const struct ocppd_command unasked_commands[] = {
	{ "firmware unasked", "stationId limit after", "time,stationId,kind,status",
	  "List notifications that no job was for, newest first" },
};
static const struct ocppd_command version_commands[] = {
	{ "firmware versions", "firmwareVersion stationId limit after",
	  "stationId,firmwareVersion,since,previousVersion", "List stations and their firmware" },
};
static const struct ocppd_command rollout_list_commands[] = {
	{ "firmware rollouts", "limit after", ROLLOUT_TABLE, "List rollouts, newest first" },
};
static const struct ocppd_command rollout_post_commands[] = {
	{ "firmware rollout",
	  "image stations select location retrieveDate expectedVersion parallel maxFailures "
	  "retries retryInterval expires deadline",
	  NULL, "Update many stations, some at a time" },
};
static const struct ocppd_command rollout_get_commands[] = {
	{ "firmware rollouts show", "rolloutId", NULL, "Show a rollout and how far it is" },
};
static const struct ocppd_command rollout_delete_commands[] = {
	{ "firmware rollouts cancel", "rolloutId", NULL,
	  "Cancel a rollout: no further station is updated" },
};

/* ---- Routes -----------------------------------------------------------------------------------
 */

const struct ocppd_route firmware_routes[] = {
	{ "GET", "/v1/firmware/updates", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(update_query),
	  .res = OCPPD_TABLE(update_list), .commands = OCPPD_TABLE(update_list_commands),
	  .summary = "Firmware updates, newest first", .on_request = routes_update_list },
	{ "POST", "/v1/firmware/updates", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(update_post),
	  .res = OCPPD_TABLE(update_story), .commands = OCPPD_TABLE(update_post_commands),
	  .summary = "Update a station's firmware; answers when that is on disk", .status = 202,
	  .on_request = routes_update_post },
	{ "GET", "/v1/firmware/updates/{jobId}", OCPPD_ROLE_VIEWER,
	  .res = OCPPD_TABLE(update_story), .commands = OCPPD_TABLE(update_get_commands),
	  .summary = "One update and its history", .on_request = routes_update_get },
	{ "DELETE", "/v1/firmware/updates/{jobId}", OCPPD_ROLE_OPERATOR,
	  .res = OCPPD_TABLE(update_story), .commands = OCPPD_TABLE(update_delete_commands),
	  .summary = "Cancel an update; a station that has it cannot be told",
	  .on_request = routes_update_delete },
	{ "GET", "/v1/firmware/diagnostics", OCPPD_ROLE_VIEWER,
	  .query = OCPPD_TABLE(diagnostics_query), .res = OCPPD_TABLE(diagnostics_list),
	  .commands = OCPPD_TABLE(diagnostics_list_commands),
	  .summary = "Requests for diagnostics, newest first",
	  .on_request = routes_diagnostics_list },
	{ "POST", "/v1/firmware/diagnostics", OCPPD_ROLE_OPERATOR,
	  .req = OCPPD_TABLE(diagnostics_post), .res = OCPPD_TABLE(diagnostics_story),
	  .commands = OCPPD_TABLE(diagnostics_post_commands),
	  .summary = "Ask a station for diagnostics; answers when that is on disk", .status = 202,
	  .on_request = routes_diagnostics_post },
	{ "GET", "/v1/firmware/diagnostics/{jobId}", OCPPD_ROLE_VIEWER,
	  .res = OCPPD_TABLE(diagnostics_story), .commands = OCPPD_TABLE(diagnostics_get_commands),
	  .summary = "One request for diagnostics and its history",
	  .on_request = routes_diagnostics_get },
	{ "DELETE", "/v1/firmware/diagnostics/{jobId}", OCPPD_ROLE_OPERATOR,
	  .res = OCPPD_TABLE(diagnostics_story),
	  .commands = OCPPD_TABLE(diagnostics_delete_commands),
	  .summary = "Cancel a request for diagnostics; a station that has it cannot be told",
	  .on_request = routes_diagnostics_delete },
	{ "GET", "/v1/firmware/unasked", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(unasked_query),
	  .res = OCPPD_TABLE(unasked_list), .commands = OCPPD_TABLE(unasked_commands),
	  .summary = "Status notifications that no job was for, newest first",
	  .on_request = routes_unasked },
	{ "GET", "/v1/firmware/versions", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(version_query),
	  .res = OCPPD_TABLE(version_list), .commands = OCPPD_TABLE(version_commands),
	  .summary = "Stations and the firmware they booted with", .on_request = routes_versions },
	{ "GET", "/v1/firmware/rollouts", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(page_query),
	  .res = OCPPD_TABLE(rollout_list), .commands = OCPPD_TABLE(rollout_list_commands),
	  .summary = "Rollouts, newest first", .on_request = routes_rollout_list },
	{ "POST", "/v1/firmware/rollouts", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(rollout_post),
	  .res = OCPPD_TABLE(rollout_one), .commands = OCPPD_TABLE(rollout_post_commands),
	  .summary = "Update many stations, some at a time, until too many fail", .status = 202,
	  .on_request = routes_rollout_post },
	{ "GET", "/v1/firmware/rollouts/{rolloutId}", OCPPD_ROLE_VIEWER,
	  .res = OCPPD_TABLE(rollout_one), .commands = OCPPD_TABLE(rollout_get_commands),
	  .summary = "One rollout and how far it is", .on_request = routes_rollout_get },
	{ "DELETE", "/v1/firmware/rollouts/{rolloutId}", OCPPD_ROLE_OPERATOR,
	  .res = OCPPD_TABLE(rollout_one), .commands = OCPPD_TABLE(rollout_delete_commands),
	  .summary = "Cancel a rollout: what was not sent is not sent",
	  .on_request = routes_rollout_delete },
};
_Static_assert(sizeof(firmware_routes) / sizeof(firmware_routes[0]) == FIRMWARE_ROUTES,
	       "the descriptor counts the routes");

/* ---- Events and metrics ------------------------------------------------------------------------
 */

const struct ocppd_topic firmware_topics[] = {
	{ EVENT_UPDATE_CHANGED, "Something became known of a firmware update.",
	  OCPPD_TABLE(update_fields) },
	{ EVENT_DIAGNOSTICS_CHANGED, "Something became known of a request for diagnostics.",
	  OCPPD_TABLE(diagnostics_fields) },
	{ EVENT_UNASKED, "A status notification that no job was for.",
	  OCPPD_TABLE(unasked_fields) },
	{ EVENT_VERSION_CHANGED, "A station booted with another firmware version than before.",
	  OCPPD_TABLE(version_event) },
	{ EVENT_ROLLOUT_CHANGED, "A rollout began or ended.", OCPPD_TABLE(rollout_fields) },
};
_Static_assert(sizeof(firmware_topics) / sizeof(firmware_topics[0]) == FIRMWARE_TOPICS,
	       "the descriptor counts the topics");

static const char *const ended_labels[] = { "kind", "outcome", NULL };
static const char *const active_labels[] = { "kind", NULL };
static const char *const notification_labels[] = { "kind", "status", "job", NULL };

const struct ocppd_metric firmware_metrics[METRIC_COUNT] = {
	[METRIC_ENDED] = { "ocppd_firmware_jobs_total",
			   "Firmware updates and requests for diagnostics that ended, by outcome; "
			   "one that was corrected later counts again",
			   OCPPD_METRIC_COUNTER, .labels = ended_labels },
	[METRIC_ACTIVE] = { "ocppd_firmware_jobs_active", "Those that are not over",
			    OCPPD_METRIC_GAUGE, .labels = active_labels },
	[METRIC_NOTIFICATIONS] = { "ocppd_firmware_notifications_total",
				   "Status notifications of stations, for a job or for none",
				   OCPPD_METRIC_COUNTER, .labels = notification_labels },
};
