/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Schema, statements, fields, routes and metrics.
 */
#include "hosting.h"

#define STATION_MAX OCPPD_STATION_ID_MAX

static const char *const migration_1[] = {
	"CREATE TABLE file_hosting_file (file_id {key}, kind TEXT NOT NULL, name TEXT NOT NULL, "
	"disk_name TEXT NOT NULL, sha256 TEXT NOT NULL, size BIGINT NOT NULL, "
	"created_us BIGINT NOT NULL, vendor TEXT, model TEXT, version TEXT, note TEXT, "
	"signature TEXT, certificate TEXT, requester TEXT, station_id TEXT, reference TEXT, "
	"transfer_id BIGINT)",
	"CREATE UNIQUE INDEX file_hosting_image ON file_hosting_file (name) "
	"WHERE transfer_id IS NULL",
	"CREATE INDEX file_hosting_station ON file_hosting_file (station_id, file_id) "
	"WHERE station_id IS NOT NULL",
	"CREATE TABLE file_hosting_transfer (transfer_id {key}, token TEXT NOT NULL, "
	"owner TEXT NOT NULL, direction BIGINT NOT NULL, station_id TEXT NOT NULL, "
	"reference TEXT, kind TEXT NOT NULL, file_id BIGINT, max_bytes BIGINT NOT NULL, "
	"state BIGINT NOT NULL, attempts BIGINT NOT NULL, bytes BIGINT NOT NULL, "
	"size BIGINT NOT NULL, spans TEXT, remote TEXT, created_us BIGINT NOT NULL, "
	"expires_us BIGINT NOT NULL, begun_us BIGINT, ended_us BIGINT)",
	"CREATE INDEX file_hosting_open ON file_hosting_transfer (transfer_id) WHERE state = 1",
	"CREATE INDEX file_hosting_fetched ON file_hosting_transfer (file_id) WHERE state = 1",
	"CREATE INDEX file_hosting_story ON file_hosting_transfer (station_id, transfer_id)",
	"CREATE INDEX file_hosting_ended ON file_hosting_transfer (ended_us)",
	NULL,
};

const struct ocppd_migration hosting_migrations[HOSTING_MIGRATIONS] = {
	{ 1, 0, "files and transfers", migration_1 },
};

/* The order of the F_* columns. */
#define FILE_COLUMNS                                                                               \
	"file_id, kind, name, disk_name, sha256, size, created_us, vendor, model, version, note, " \
	"signature, certificate, requester, station_id, reference, transfer_id"

/* The order of the T_* columns. */
#define TRANSFER_COLUMNS                                                                           \
	"t.transfer_id, t.token, t.owner, t.direction, t.station_id, t.reference, t.kind, "        \
	"t.file_id, t.max_bytes, t.state, t.attempts, t.bytes, t.size, t.spans, t.remote, "        \
	"t.created_us, t.expires_us, t.begun_us, t.ended_us, f.disk_name, f.sha256, f.name "       \
	"FROM file_hosting_transfer t LEFT JOIN file_hosting_file f ON f.file_id = t.file_id "

const struct ocppd_statement hosting_statements[STATEMENT_COUNT] = {
	[STATEMENT_FILE_ADD] = { "add a file",
				 "INSERT INTO file_hosting_file (kind, name, disk_name, sha256, size, "
				 "created_us, vendor, model, version, note, signature, "
				 "certificate, requester, station_id, reference, transfer_id) "
				 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
				 "$14, $15, $16) RETURNING file_id" },
	[STATEMENT_FILE_DELETE] = { "delete a file",
				    "DELETE FROM file_hosting_file WHERE file_id = $1 AND NOT "
				    "EXISTS (SELECT 1 FROM file_hosting_transfer t WHERE "
				    "t.file_id = $1 AND t.state = 1) "
				    "RETURNING file_id, disk_name, size, name, station_id" },
	[STATEMENT_TRANSFER_ADD] = { "add a transfer",
				     "INSERT INTO file_hosting_transfer (token, owner, direction, "
				     "station_id, reference, kind, file_id, max_bytes, state, "
				     "attempts, bytes, size, created_us, expires_us) "
				     "SELECT $1, $2, $3, $4, $5, $6, $7, $8, 1, 0, 0, $9, $10, $11 "
				     "WHERE CAST($7 AS BIGINT) IS NULL OR EXISTS "
				     "(SELECT 1 FROM file_hosting_file WHERE file_id = $7) "
				     "RETURNING transfer_id" },
	/* An end is for ever. */
	[STATEMENT_TRANSFER_SAVE] = { "save a transfer",
				      "UPDATE file_hosting_transfer SET state = $2, "
				      "attempts = $3, bytes = $4, size = $5, spans = $6, "
				      "remote = $7, expires_us = $8, begun_us = $9, "
				      "ended_us = $10 WHERE transfer_id = $1 AND state = 1" },
	[STATEMENT_TRANSFER_RECEIVED] = { "end a transfer with its file",
					  "UPDATE file_hosting_transfer SET state = $2, "
					  "attempts = $3, bytes = $4, size = $5, remote = $6, "
					  "expires_us = $7, begun_us = $8, ended_us = $9, "
					  "file_id = $10 WHERE transfer_id = $1 AND state = 1 "
					  "RETURNING transfer_id" },
	[STATEMENT_TRANSFERS_FORGET] = { "forget transfers", "DELETE FROM file_hosting_transfer "
							     "WHERE ended_us < $1 AND state <> 1" },
	/* $1 before, $2 limit, $3 kind, $4 station; NULL: any. */
	[STATEMENT_FILES] = { "files",
			      "SELECT " FILE_COLUMNS " FROM file_hosting_file WHERE file_id < $1 "
			      "AND (CAST($3 AS TEXT) IS NULL OR kind = $3) "
			      "AND (CAST($4 AS TEXT) IS NULL OR station_id = $4) "
			      "ORDER BY file_id DESC LIMIT $2",
			      OCPPD_STATEMENT_READ },
	[STATEMENT_FILES_STATION] = { "files of a station",
				      "SELECT " FILE_COLUMNS " FROM file_hosting_file "
				      "WHERE station_id = $4 AND file_id < $1 "
				      "AND (CAST($3 AS TEXT) IS NULL OR kind = $3) "
				      "ORDER BY file_id DESC LIMIT $2",
				      OCPPD_STATEMENT_READ },
	[STATEMENT_FILE] = { "file",
			     "SELECT " FILE_COLUMNS " FROM file_hosting_file WHERE file_id = $1",
			     OCPPD_STATEMENT_READ },
	[STATEMENT_IMAGES] = { "images",
			       "SELECT " FILE_COLUMNS " FROM file_hosting_file "
			       "WHERE transfer_id IS NULL AND file_id > $1 "
			       "ORDER BY file_id LIMIT $2",
			       OCPPD_STATEMENT_READ },
	[STATEMENT_BLOBS] = { "files on record",
			      "SELECT disk_name, file_id FROM file_hosting_file WHERE file_id > $1 "
			      "ORDER BY file_id LIMIT $2",
			      OCPPD_STATEMENT_READ },
	[STATEMENT_USED] = { "bytes on record",
			     "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) "
			     "FROM file_hosting_file",
			     OCPPD_STATEMENT_READ },
	[STATEMENT_OPEN] = { "open transfers",
			     "SELECT " TRANSFER_COLUMNS "WHERE t.state = 1 AND t.transfer_id > $1 "
			     "ORDER BY t.transfer_id LIMIT $2",
			     OCPPD_STATEMENT_READ },
	[STATEMENT_TRANSFER] = { "transfer", "SELECT " TRANSFER_COLUMNS "WHERE t.transfer_id = $1",
				 OCPPD_STATEMENT_READ },
	/* $1 before, $2 limit, $3 station, $4 state; NULL: any. */
	[STATEMENT_TRANSFERS] = { "transfers",
				  "SELECT " TRANSFER_COLUMNS "WHERE t.transfer_id < $1 "
				  "AND (CAST($3 AS TEXT) IS NULL OR t.station_id = $3) "
				  "AND (CAST($4 AS BIGINT) IS NULL OR t.state = $4) "
				  "ORDER BY t.transfer_id DESC LIMIT $2",
				  OCPPD_STATEMENT_READ },
	/* $1 older than, $2 so many younger ones of the station, $3 limit. */
	[STATEMENT_OLD] = { "files to be swept",
			    "SELECT f.file_id, CASE WHEN f.created_us < $1 THEN 1 ELSE 0 END "
			    "FROM file_hosting_file f WHERE f.transfer_id IS NOT NULL "
			    "AND (f.created_us < $1 OR (SELECT COUNT(*) FROM file_hosting_file n "
			    "WHERE n.station_id = f.station_id AND n.file_id > f.file_id) >= $2) "
			    "AND NOT EXISTS (SELECT 1 FROM file_hosting_transfer t "
			    "WHERE t.file_id = f.file_id AND t.state = 1) "
			    "ORDER BY f.file_id LIMIT $3",
			    OCPPD_STATEMENT_READ },
};

/* ---- Operator API -----------------------------------------------------------------------------
 */

static const char *const direction_words[] = { "fetch", "send", NULL };
static const char *const state_words[] = { "open", "completed", "expired", "withdrawn", NULL };
static const char *const change_words[] = { "begun",   "broken",    "completed",
					    "expired", "withdrawn", NULL };

static const struct ocppd_field file_fields[] = {
	{ "fileId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "kind", OCPPD_T_STRING, OCPPD_REQUIRED,
	  .doc = "`firmware`: an image; `diagnostics`, `log` and others: received" },
	{ "name", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "size", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "bytes" },
	{ "sha256", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "created", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "stationId", OCPPD_T_STRING, .doc = "that sent it" },
	{ "reference", OCPPD_T_STRING, .doc = "the key that the module that asked for it gave" },
	{ "transferId", OCPPD_T_INTEGER, .doc = "that brought it" },
	{ "vendor", OCPPD_T_STRING },
	{ "model", OCPPD_T_STRING },
	{ "firmwareVersion", OCPPD_T_STRING, .doc = "what its stations report once they run it" },
	{ "note", OCPPD_T_STRING },
	{ "signature", OCPPD_T_STRING, .doc = "base64" },
	{ "certificate", OCPPD_T_STRING, .doc = "PEM, of whoever signed it" },
	{ "requester", OCPPD_T_STRING, .doc = "who uploaded it" },
};
static const struct ocppd_field files_query[] = {
	{ "kind", OCPPD_T_STRING },
	{ "stationId", OCPPD_T_STRING },
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000, .doc = "items in a page, default 100" },
	{ "after", OCPPD_T_STRING, .doc = "`next` of the page before" },
};
static const struct ocppd_field files_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(file_fields) },
	{ "next", OCPPD_T_STRING },
};

#define IMAGE_ROWS                                                                                 \
	{ "name", OCPPD_T_STRING, OCPPD_REQUIRED, .max = OCPPD_FILE_NAME_MAX,                      \
	  .doc = "unique; of A-Z, a-z, 0-9, `.`, `_` and `-`, no dot in front" },                  \
		{ "vendor", OCPPD_T_STRING, .max = 50 }, { "model", OCPPD_T_STRING, .max = 50 },   \
		{ "firmwareVersion", OCPPD_T_STRING, .max = 50,                                    \
		  .doc = "what its stations report as firmwareVersion once they run it" },         \
		{ "note", OCPPD_T_STRING, .max = 1000 },                                           \
		{ "signature", OCPPD_T_STRING, .max = 800, .doc = "base64, for signed updates" },  \
		{ "certificate", OCPPD_T_STRING, .max = 5500,                                      \
		  .doc = "PEM, of whoever signed it" },                                            \
	{                                                                                          \
		"sha256", OCPPD_T_STRING,                                                          \
			.max = 64, .doc = "what the file must have; anything else is refused"      \
	}

static const struct ocppd_field upload_fields[] = { IMAGE_ROWS };
static const struct ocppd_field import_fields[] = {
	{ "file", OCPPD_T_STRING, OCPPD_REQUIRED, .max = OCPPD_FILE_NAME_MAX,
	  .doc = "its name in the folder `import` below `directory`" },
	IMAGE_ROWS,
};
static const struct ocppd_field ticket_fields[] = {
	{ "url", OCPPD_T_STRING, OCPPD_REQUIRED, .doc = "good for one file; PUT or GET it" },
	{ "localUrl", OCPPD_T_STRING, .doc = "the same from this machine, without TLS" },
	{ "method", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "expires", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "name", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "size", OCPPD_T_INTEGER, .doc = "of a download" },
	{ "sha256", OCPPD_T_STRING, .doc = "of a download" },
};

#define TRANSFER_ROWS                                                                              \
	{ "transferId", OCPPD_T_INTEGER, OCPPD_REQUIRED },                                         \
		{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },                                   \
		{ "direction", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = direction_words,          \
		  .doc = "what the station does" },                                                \
		{ "kind", OCPPD_T_STRING, OCPPD_REQUIRED },                                        \
		{ "state", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = state_words },                \
		{ "module", OCPPD_T_STRING, OCPPD_REQUIRED, .doc = "that made it" },               \
		{ "reference", OCPPD_T_STRING, .doc = "the module's key" },                        \
		{ "fileId", OCPPD_T_INTEGER },                                                     \
		{ "bytes", OCPPD_T_INTEGER, OCPPD_REQUIRED,                                        \
		  .doc = "so far, without repetitions" },                                          \
		{ "size", OCPPD_T_INTEGER }, { "attempts", OCPPD_T_INTEGER, OCPPD_REQUIRED },      \
		{ "remote", OCPPD_T_STRING, .doc = "who moved bytes last" },                       \
		{ "created", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },                                  \
		{ "expires", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED }, { "begun", OCPPD_T_TIMESTAMP },  \
	{                                                                                          \
		"ended", OCPPD_T_TIMESTAMP                                                         \
	}

static const struct ocppd_field transfer_fields[] = { TRANSFER_ROWS };
static const struct ocppd_field change_fields[] = {
	TRANSFER_ROWS,
	{ "change", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = change_words },
	{ "text", OCPPD_T_STRING, .doc = "of what is broken, why" },
};
static const struct ocppd_field transfers_query[] = {
	{ "stationId", OCPPD_T_STRING },
	{ "state", OCPPD_T_STRING, .one_of = state_words },
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000, .doc = "items in a page, default 100" },
	{ "after", OCPPD_T_STRING, .doc = "`next` of the page before" },
};
static const struct ocppd_field transfers_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(transfer_fields) },
	{ "next", OCPPD_T_STRING },
};

static const struct ocppd_command files_commands[] = {
	{ "files", "kind stationId limit after",
	  "fileId,kind,name,size,stationId,firmwareVersion,created",
	  "List images and received files, newest first" },
};
static const struct ocppd_command file_commands[] = {
	{ "files show", "fileId", NULL, "Show a file" },
};
static const struct ocppd_command delete_commands[] = {
	{ "files delete", "fileId", NULL, "Delete a file" },
};
static const struct ocppd_command download_commands[] = {
	{ "files get", "fileId >", NULL, "Fetch a file, to its own name where -o gives none" },
};
static const struct ocppd_command upload_commands[] = {
	{ "files upload",
	  "<file name vendor model firmwareVersion note signature certificate sha256", NULL,
	  "Store a firmware image" },
};
static const struct ocppd_command import_commands[] = {
	{ "files import",
	  "file name vendor model firmwareVersion note signature certificate sha256", NULL,
	  "Store an image that lies in the daemon's folder `import`" },
};
static const struct ocppd_command transfers_commands[] = {
	{ "files transfers", "stationId state limit after",
	  "transferId,stationId,direction,kind,state,bytes,size,attempts,remote,expires",
	  "List what stations may fetch and send, newest first" },
};
static const struct ocppd_command transfer_commands[] = {
	{ "files transfer", "transferId", NULL, "Show a transfer" },
};
static const struct ocppd_command withdraw_commands[] = {
	{ "files withdraw", "transferId", NULL, "End a transfer" },
};

const struct ocppd_route hosting_routes[] = {
	{ "GET", "/v1/files", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(files_query),
	  .res = OCPPD_TABLE(files_fields), .commands = OCPPD_TABLE(files_commands),
	  .summary = "Images and received files, newest first", .on_request = routes_list },
	{ "GET", "/v1/files/{fileId}", OCPPD_ROLE_VIEWER, .res = OCPPD_TABLE(file_fields),
	  .commands = OCPPD_TABLE(file_commands), .summary = "One file", .on_request = routes_get },
	{ "DELETE", "/v1/files/{fileId}", OCPPD_ROLE_OPERATOR,
	  .commands = OCPPD_TABLE(delete_commands),
	  .summary = "Delete a file that no open transfer needs", .status = 204,
	  .on_request = routes_delete },
	{ "POST", "/v1/files/{fileId}/download", OCPPD_ROLE_OPERATOR,
	  .res = OCPPD_TABLE(ticket_fields), .commands = OCPPD_TABLE(download_commands),
	  .summary = "A URL to fetch a file at, for a short time", .on_request = routes_download },
	{ "POST", "/v1/files/images", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(upload_fields),
	  .res = OCPPD_TABLE(ticket_fields), .commands = OCPPD_TABLE(upload_commands),
	  .summary = "A URL to send a firmware image to, for a short time", .status = 201,
	  .on_request = routes_upload },
	{ "POST", "/v1/files/images/import", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(import_fields),
	  .res = OCPPD_TABLE(file_fields), .commands = OCPPD_TABLE(import_commands),
	  .summary = "Store a firmware image that lies in the folder `import`", .status = 201,
	  .other_status = 200, .on_request = routes_import },
	{ "GET", "/v1/files/transfers", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(transfers_query),
	  .res = OCPPD_TABLE(transfers_fields), .commands = OCPPD_TABLE(transfers_commands),
	  .summary = "What stations may fetch and send, or did, newest first",
	  .on_request = routes_transfers },
	{ "GET", "/v1/files/transfers/{transferId}", OCPPD_ROLE_VIEWER,
	  .res = OCPPD_TABLE(transfer_fields), .commands = OCPPD_TABLE(transfer_commands),
	  .summary = "One transfer", .on_request = routes_transfer },
	{ "DELETE", "/v1/files/transfers/{transferId}", OCPPD_ROLE_OPERATOR,
	  .commands = OCPPD_TABLE(withdraw_commands), .summary = "End a transfer that is open",
	  .status = 204, .on_request = routes_withdraw },
};
_Static_assert(sizeof(hosting_routes) / sizeof(hosting_routes[0]) == HOSTING_ROUTES,
	       "the descriptor counts the routes");

const struct ocppd_topic hosting_topics[] = {
	{ EVENT_TRANSFER_CHANGED,
	  "A station began to fetch or send a file, broke off, ended it; or its time was over.",
	  OCPPD_TABLE(change_fields) },
};
_Static_assert(sizeof(hosting_topics) / sizeof(hosting_topics[0]) == HOSTING_TOPICS,
	       "the descriptor counts the topics");

/* ---- Metrics ----------------------------------------------------------------------------------
 */

const char *const refusal_names[REFUSED_COUNT] = {
	[REFUSED_UNKNOWN] = "unknown", [REFUSED_BUSY] = "busy", [REFUSED_LARGE] = "large",
	[REFUSED_SPACE] = "space",     [REFUSED_BAD] = "bad",   [REFUSED_SLOW] = "slow",
	[REFUSED_CUT] = "broken",      [REFUSED_IO] = "disk",
};

static const char *const reason_label[] = { "reason", NULL };
static const char *const kind_label[] = { "kind", NULL };
static const char *const change_label[] = { "change", NULL };

const struct ocppd_metric hosting_metrics[METRIC_COUNT] = {
	[METRIC_SERVED] = { "ocppd_files_served_bytes_total", "Bytes of files sent",
			    OCPPD_METRIC_COUNTER },
	[METRIC_RECEIVED] = { "ocppd_files_received_bytes_total",
			      "Bytes of files received, also of those refused in the end",
			      OCPPD_METRIC_COUNTER },
	[METRIC_FILES] = { "ocppd_files_stored_total", "Files stored", OCPPD_METRIC_COUNTER,
			   .labels = kind_label },
	[METRIC_TRANSFERS] = { "ocppd_file_transfer_changes_total",
			       "What happened to stations' transfers", OCPPD_METRIC_COUNTER,
			       .labels = change_label },
	[METRIC_REFUSED] = { "ocppd_files_failures_total",
			     "Requests refused, cut or broken, by the reason", OCPPD_METRIC_COUNTER,
			     .labels = reason_label },
	[METRIC_DELETED] = { "ocppd_files_deleted_total", "Files deleted, by the reason",
			     OCPPD_METRIC_COUNTER, .labels = reason_label },
	[METRIC_USED] = { "ocppd_files_used_bytes", "Bytes of all files, and of those that come",
			  OCPPD_METRIC_GAUGE },
	[METRIC_QUOTA] = { "ocppd_files_quota_bytes", "Bytes that all files may have",
			   OCPPD_METRIC_GAUGE },
	[METRIC_CONNECTIONS] = { "ocppd_files_connections", "Connections to the files' listeners",
				 OCPPD_METRIC_GAUGE },
	[METRIC_OPEN] = { "ocppd_file_transfers_open",
			  "URLs that stations and operators may use at present",
			  OCPPD_METRIC_GAUGE },
};
