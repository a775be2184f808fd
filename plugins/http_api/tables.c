/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The tables of the descriptor: options, topics, routes and their ocppctl commands.
 */
#include "tables.h"

#include "event_types.h"
#include "http_api.h"

#define AT(member) offsetof(struct api_conf, member)
#define LIVE OCPPD_RELOADABLE

static const char *const role_names[] = { "viewer", "operator", "admin", NULL };

static const struct ocppd_option token_options[] = {
	{ .name = "name",
	  .type = OCPPD_CONF_STRING,
	  .flags = LIVE | OCPPD_OPTION_REQUIRED,
	  .offset = offsetof(struct token_conf, name),
	  .doc = "Who holds the token; stands in logs as the user." },
	{ .name = "role",
	  .type = OCPPD_CONF_ENUM,
	  .flags = LIVE,
	  .offset = offsetof(struct token_conf, role),
	  .def = "viewer",
	  .one_of = role_names,
	  .doc = "viewer reads; operator also sends commands; admin also changes the daemon." },
	{ .name = "token",
	  .type = OCPPD_CONF_SECRET,
	  .flags = LIVE | OCPPD_OPTION_REQUIRED,
	  .offset = offsetof(struct token_conf, token),
	  .doc = "The token, at least 16 characters, or sha256: and the 64 hex digits of its "
		 "digest." },
};

const struct ocppd_option api_options[] = {
	{ .name = "tcp",
	  .type = OCPPD_CONF_BOOL,
	  .offset = AT(tcp),
	  .def = "true",
	  .doc = "Whether the TCP port is opened." },
	{ .name = "address",
	  .type = OCPPD_CONF_ADDRESS,
	  .offset = AT(address),
	  .def = "127.0.0.1",
	  .doc = "The address of the TCP port. The API speaks HTTP without TLS: put a reverse "
		 "proxy in front of it for anything beyond this host." },
	{ .name = "port",
	  .type = OCPPD_CONF_INT,
	  .offset = AT(port),
	  .max = 65535,
	  .def = "8181",
	  .doc = "The TCP port; 0 takes any that is free, and the log tells which." },
	{ .name = "socket",
	  .type = OCPPD_CONF_STRING,
	  .offset = AT(socket),
	  .doc = "The path of the Unix socket, or off. When absent it is control.sock in the "
		 "folder that systemd made (RUNTIME_DIRECTORY), or off outside systemd. Its mode "
		 "is 0660: root and the daemon's user are admins, the socket's group operators." },
	{ .name = "tokens",
	  .type = OCPPD_CONF_SECTIONS,
	  .flags = LIVE,
	  .offset = AT(tokens),
	  .item_size = sizeof(struct token_conf),
	  .max = 1000,
	  .doc = "Bearer tokens. Without any, the TCP port answers /v1/health only.",
	  .options = OCPPD_TABLE(token_options) },
	{ .name = "core_share",
	  .type = OCPPD_CONF_INT,
	  .flags = LIVE,
	  .offset = AT(core_share),
	  .min = 1,
	  .max = 100,
	  .def = "10",
	  .doc = "Percent of the core's time for handling requests and writing their answers, so "
		 "that operators' programs do not hold up stations; requests beyond wait their "
		 "turn. 100: no limit." },
	{ .name = "max_connections",
	  .type = OCPPD_CONF_INT,
	  .flags = LIVE,
	  .offset = AT(max_connections),
	  .min = 1,
	  .max = 100000,
	  .def = "256",
	  .doc = "Most connections on the port, and as many again on the Unix socket. At the bound "
		 "the connection idle for longest is closed; if all are busy, new ones wait." },
	{ .name = "max_headers",
	  .type = OCPPD_CONF_SIZE,
	  .flags = LIVE,
	  .offset = AT(max_headers),
	  .min = 1024,
	  .max = 1048576,
	  .def = "16KiB",
	  .doc = "Most bytes of a request's head." },
	{ .name = "max_body",
	  .type = OCPPD_CONF_SIZE,
	  .flags = LIVE,
	  .offset = AT(max_body),
	  .min = 1024,
	  .max = 67108864,
	  .def = "1MiB",
	  .doc = "Most bytes of a request's body." },
	{ .name = "max_pending",
	  .type = OCPPD_CONF_SIZE,
	  .flags = LIVE,
	  .offset = AT(max_pending),
	  .min = 4096,
	  .max = 67108864,
	  .def = "256KiB",
	  .doc = "Bytes of a long answer that may wait for a slow asker before its source pauses." },
	{ .name = "request_timeout",
	  .type = OCPPD_CONF_DURATION_MS,
	  .flags = LIVE,
	  .offset = AT(request_timeout_ms),
	  .min = 100,
	  .max = 600000,
	  .def = "10s",
	  .doc = "Time for a request to arrive whole, and for an asker to take the next piece of an "
		 "answer." },
	{ .name = "idle_timeout",
	  .type = OCPPD_CONF_DURATION_MS,
	  .flags = LIVE,
	  .offset = AT(idle_timeout_ms),
	  .min = 100,
	  .max = 3600000,
	  .def = "60s",
	  .doc = "Time after which a connection without a request is closed." },
	{ .name = "stop_timeout",
	  .type = OCPPD_CONF_DURATION_MS,
	  .flags = LIVE,
	  .offset = AT(stop_timeout_ms),
	  .min = 1,
	  .max = 60000,
	  .def = "2s",
	  .doc = "Time that requests under way have to be answered when the daemon stops." },
	{ .name = "event_clients",
	  .type = OCPPD_CONF_INT,
	  .flags = LIVE,
	  .offset = AT(event_clients),
	  .min = 1,
	  .max = 100000,
	  .def = "64",
	  .doc = "Most followers of /v1/events." },
	{ .name = "event_history",
	  .type = OCPPD_CONF_INT,
	  .offset = AT(event_history),
	  .min = 16,
	  .max = 1000000,
	  .def = "1024",
	  .doc = "Events that are kept for followers who are slow or come back. Who falls behind "
		 "further is told how many were missed." },
	{ .name = "queue_commands",
	  .type = OCPPD_CONF_INT,
	  .flags = LIVE,
	  .offset = AT(queue_commands),
	  .max = 1000000,
	  .def = "10000",
	  .doc = "Most commands that wait for stations to connect (?queue=SECONDS); 64 at most for "
		 "one station." },
	{ .name = "jobs",
	  .type = OCPPD_CONF_INT,
	  .flags = LIVE,
	  .offset = AT(jobs),
	  .min = 1,
	  .max = 1000,
	  .def = "16",
	  .doc = "Most commands to many stations that run or are kept with their results; beyond "
		 "it the oldest that is over is forgotten." },
	{ .name = "job_stations",
	  .type = OCPPD_CONF_INT,
	  .flags = LIVE,
	  .offset = AT(job_stations),
	  .min = 1,
	  .max = 1000000,
	  .def = "50000",
	  .doc = "Most stations of one such command." },
	{ .name = "job_rate",
	  .type = OCPPD_CONF_INT,
	  .flags = LIVE,
	  .offset = AT(job_rate),
	  .min = 1,
	  .max = 100000,
	  .def = "500",
	  .doc = "Stations a second that such commands go to, all of them together: what else "
		 "stations wait for is answered in between." },
	{ .name = "backup_directory",
	  .type = OCPPD_CONF_PATH,
	  .flags = LIVE,
	  .offset = AT(backup_directory),
	  .doc = "Folder of this daemon alone where copies of the database wait to be fetched. "
		 "Absent: the one that the service manager names in STATE_DIRECTORY, or that of "
		 "`socket`." },
	{ .name = "backup_keep",
	  .type = OCPPD_CONF_DURATION_S,
	  .flags = LIVE,
	  .offset = AT(backup_keep_s),
	  .min = 1,
	  .max = 604800,
	  .def = "1h",
	  .doc = "How long such a copy waits before it is removed." },
};

static const char *const directions[] = { "received", "sent", NULL };
static const char *const check_modes[] = { "warn", "strict", NULL };

static const struct ocppd_field command_query[] = {
	{ .name = "checks",
	  .type = OCPPD_T_STRING,
	  .one_of = check_modes,
	  .doc = "strict: what modules find amiss refuses the command (422)" },
	{ .name = "timeout",
	  .type = OCPPD_T_INTEGER,
	  .min = 1,
	  .max = 600,
	  .doc = "seconds that the station has to answer" },
	{ .name = "queue",
	  .type = OCPPD_T_INTEGER,
	  .min = 1,
	  .max = 2592000,
	  .doc = "seconds that the command waits for the station if it is not connected (202)" },
};

#define WORD_MAX 64

static const struct ocppd_field frames_query[] = {
	{ .name = "limit",
	  .type = OCPPD_T_INTEGER,
	  .min = 1,
	  .max = 1000,
	  .doc = "items in a page, default 100" },
	{ .name = "after",
	  .type = OCPPD_T_INTEGER,
	  .min = 1,
	  .max = INT64_MAX,
	  .doc = "`next` of the page before: older frames" },
	{ .name = "action", .type = OCPPD_T_STRING, .max = WORD_MAX },
	{ .name = "direction", .type = OCPPD_T_STRING, .one_of = directions },
};

static const struct ocppd_field frame_fields[] = {
	{ .name = "sequence", .type = OCPPD_T_INTEGER, .flags = OCPPD_REQUIRED },
	{ .name = "time", .type = OCPPD_T_TIMESTAMP, .flags = OCPPD_REQUIRED },
	{ .name = "stationId", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED },
	{ .name = "direction",
	  .type = OCPPD_T_STRING,
	  .flags = OCPPD_REQUIRED,
	  .one_of = directions,
	  .doc = "as the daemon sees it" },
	{ .name = "action", .type = OCPPD_T_STRING, .doc = "of answers, too; absent: not known" },
	{ .name = "connectionId", .type = OCPPD_T_INTEGER, .flags = OCPPD_REQUIRED },
	{ .name = "bytes", .type = OCPPD_T_INTEGER, .flags = OCPPD_REQUIRED, .doc = "on the wire" },
	{ .name = "masked", .type = OCPPD_T_BOOLEAN, .doc = "secrets stand as ***" },
	{ .name = "cut", .type = OCPPD_T_BOOLEAN, .doc = "too long to be kept whole" },
	{ .name = "unreadable", .type = OCPPD_T_BOOLEAN, .doc = "was no OCPP-J, and ignored" },
	{ .name = "frame", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED },
};

static const struct ocppd_field frames_fields[] = {
	{ .name = "items",
	  .type = OCPPD_T_OBJECT,
	  .flags = OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(frame_fields) },
	{ .name = "next", .type = OCPPD_T_STRING },
};

static const struct ocppd_field job_body[] = {
	{ .name = "action", .type = OCPPD_T_STRING, .max = WORD_MAX, .doc = "or template" },
	{ .name = "payload", .type = OCPPD_T_ANY, .doc = "the OCPP request, an object" },
	{ .name = "template",
	  .type = OCPPD_T_STRING,
	  .min = 1,
	  .max = 50,
	  .doc = "a stored configuration template that the stations are brought to" },
	{ .name = "dryRun",
	  .type = OCPPD_T_BOOLEAN,
	  .doc = "only tell what is not as the template wants it, by what was last read" },
	{ .name = "stations",
	  .type = OCPPD_T_STRING,
	  .flags = OCPPD_LIST | OCPPD_NONEMPTY,
	  .max = OCPPD_STATION_ID_MAX,
	  .doc = "identities" },
	{ .name = "select",
	  .type = OCPPD_T_STRING,
	  .flags = OCPPD_LIST | OCPPD_NONEMPTY,
	  .max = 200,
	  .max_items = 32,
	  .doc = "filters of the list of stations, such as label=depot1 or connected=true; or all" },
	{ .name = "parallel",
	  .type = OCPPD_T_INTEGER,
	  .min = 1,
	  .max = 1000,
	  .doc = "stations that are asked at a time, default 50" },
	{ .name = "timeout",
	  .type = OCPPD_T_INTEGER,
	  .min = 1,
	  .max = 600,
	  .doc = "seconds that each station has to answer" },
	{ .name = "checks", .type = OCPPD_T_STRING, .one_of = check_modes },
};

static const struct ocppd_field results_query[] = {
	{ .name = "limit",
	  .type = OCPPD_T_INTEGER,
	  .min = 1,
	  .max = 10000,
	  .doc = "items in a page, default 1000" },
	{ .name = "after",
	  .type = OCPPD_T_INTEGER,
	  .min = 1,
	  .max = INT32_MAX,
	  .doc = "`next` of the page before" },
};

static const struct ocppd_field job_fields[] = {
	{ .name = "jobId", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED },
	{ .name = "state",
	  .type = OCPPD_T_STRING,
	  .flags = OCPPD_REQUIRED,
	  .doc = "selecting, running, finished, cancelled or failed" },
	{ .name = "action", .type = OCPPD_T_STRING },
	{ .name = "template", .type = OCPPD_T_STRING },
	{ .name = "dryRun", .type = OCPPD_T_BOOLEAN },
	{ .name = "keysCut",
	  .type = OCPPD_T_BOOLEAN,
	  .doc = "there was no room for the keys of all stations" },
	{ .name = "requester", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED },
	{ .name = "createdAt", .type = OCPPD_T_TIMESTAMP, .flags = OCPPD_REQUIRED },
	{ .name = "endedAt", .type = OCPPD_T_TIMESTAMP },
	{ .name = "total", .type = OCPPD_T_INTEGER, .flags = OCPPD_REQUIRED },
	{ .name = "done", .type = OCPPD_T_INTEGER, .flags = OCPPD_REQUIRED },
	{ .name = "results",
	  .type = OCPPD_T_ANY,
	  .flags = OCPPD_REQUIRED,
	  .doc = "how many stations by result" },
	{ .name = "detail", .type = OCPPD_T_STRING, .doc = "why it failed" },
};

static const struct ocppd_field queue_query[] = {
	{ .name = "stationId", .type = OCPPD_T_STRING, .max = OCPPD_STATION_ID_MAX },
	{ .name = "state", .type = OCPPD_T_STRING, .max = WORD_MAX, .doc = "such as waiting" },
	{ .name = "limit",
	  .type = OCPPD_T_INTEGER,
	  .min = 1,
	  .max = 1000,
	  .doc = "items in a page, default 100" },
	{ .name = "after",
	  .type = OCPPD_T_STRING,
	  .max = WORD_MAX,
	  .doc = "`next` of the page before" },
};

static const struct ocppd_field queued_fields[] = {
	{ .name = "commandId", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED },
	{ .name = "stationId", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED },
	{ .name = "action", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED },
	{ .name = "state",
	  .type = OCPPD_T_STRING,
	  .flags = OCPPD_REQUIRED,
	  .doc = "waiting, sent, confirmed, error, timeout, gone, refused, expired, cancelled or "
		 "unknown" },
	{ .name = "requester", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED },
	{ .name = "createdAt", .type = OCPPD_T_TIMESTAMP, .flags = OCPPD_REQUIRED },
	{ .name = "expiresAt", .type = OCPPD_T_TIMESTAMP, .flags = OCPPD_REQUIRED },
	{ .name = "endedAt", .type = OCPPD_T_TIMESTAMP },
	{ .name = "durable",
	  .type = OCPPD_T_BOOLEAN,
	  .flags = OCPPD_REQUIRED,
	  .doc = "survives a restart: there is storage" },
	{ .name = "result",
	  .type = OCPPD_T_ANY,
	  .doc = "what the command would have answered with" },
};

static const struct ocppd_field token_body[] = {
	{ .name = "name",
	  .type = OCPPD_T_STRING,
	  .flags = OCPPD_REQUIRED,
	  .max = 60,
	  .doc = "who holds the token" },
	{ .name = "role", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED, .one_of = role_names },
};

static const struct ocppd_field health_query[] = {
	{ .name = "live",
	  .type = OCPPD_T_BOOLEAN,
	  .doc = "only whether the daemon lives: 200 whatever the checks say" },
};

static const struct ocppd_field backup_fields[] = {
	{ .name = "backupId", .type = OCPPD_T_STRING },
	{ .name = "state", .type = OCPPD_T_STRING, .doc = "running, ready or failed" },
	{ .name = "done", .type = OCPPD_T_INTEGER, .doc = "bytes" },
	{ .name = "total", .type = OCPPD_T_INTEGER, .doc = "bytes; may grow while it runs" },
	{ .name = "createdAt", .type = OCPPD_T_TIMESTAMP },
	{ .name = "expiresAt", .type = OCPPD_T_TIMESTAMP },
	{ .name = "requester", .type = OCPPD_T_STRING },
	{ .name = "detail", .type = OCPPD_T_STRING, .doc = "why it failed" },
	{ .name = "result", .type = OCPPD_T_STRING, .doc = "written, to a path" },
};
static const struct ocppd_command backups_commands[] = {
	{ .words = "backups",
	  .columns = "backupId,state,done,total,createdAt,expiresAt,requester",
	  .help = "Copies of the database that wait to be fetched" },
};
static const struct ocppd_command backup_delete_commands[] = {
	{ .words = "backups delete", .args = "backupId", .help = "Remove one that waits" },
};
static const struct ocppd_field backup_body[] = {
	{ .name = "path",
	  .type = OCPPD_T_STRING,
	  .max = 4096,
	  .doc = "absolute path of the copy, on the daemon's host; must not exist" },
};

static const struct ocppd_field action_query[] = {
	{ .name = "protocol", .type = OCPPD_T_STRING, .max = 64, .doc = "such as ocpp1.6" },
};

static const struct ocppd_field event_query[] = {
	{ .name = "types",
	  .type = OCPPD_T_STRING,
	  .max = 500,
	  .doc = "of /v1/event-types, commas between them; transaction.* takes all of a kind; none: "
		 "frames only" },
	{ .name = "stationId", .type = OCPPD_T_STRING, .max = OCPPD_STATION_ID_MAX },
	{ .name = "lastEventId",
	  .type = OCPPD_T_STRING,
	  .max = 64,
	  .doc = "go on behind this event; the header Last-Event-ID says the same" },
	{ .name = "frames",
	  .type = OCPPD_T_BOOLEAN,
	  .doc = "OCPP frames, too, as events of the type frame; needs the role operator" },
};

static const struct ocppd_command event_commands[] = {
	{ .words = "tail", .help = "Follow what happens, an event a line" },
};
static const struct ocppd_command event_types_commands[] = {
	{ .words = "event-types",
	  .columns = "type,publisher,summary",
	  .help = "List the types of events that can be followed" },
};
static const struct ocppd_command health_commands[] = {
	{ .words = "health", .help = "The state of the daemon" },
};
static const struct ocppd_command version_commands[] = {
	{ .words = "version", .help = "The version of the running daemon" },
};
static const struct ocppd_command plugins_commands[] = {
	{ .words = "plugins",
	  .columns = "name,version,state,summary,reason",
	  .help = "The loaded modules, and why each is" },
};
static const struct ocppd_command actions_commands[] = {
	{ .words = "actions",
	  .columns = "protocol,name,direction,module",
	  .help = "The OCPP actions that loaded modules handle or send" },
};
static const struct ocppd_command command_commands[] = {
	{ .words = "call",
	  .args = "stationId Action *",
	  .help = "Send an OCPP request to a station and show its answer" },
};
static const struct ocppd_command frames_commands[] = {
	{ .words = "messages",
	  .args = "stationId",
	  .columns = "time,direction,action,frame",
	  .help = "The newest OCPP frames of a station, secrets masked" },
};
static const struct ocppd_command job_commands[] = {
	{ .words = "call --select",
	  .args = "action payload.*",
	  .columns = "stationId,result,status,code,detail",
	  .help = "Send an OCPP request to the stations that a filter selects" },
	{ .words = "call --stations",
	  .args = "action payload.*",
	  .columns = "stationId,result,status,code,detail",
	  .help = "Send an OCPP request to the stations named" },
	{ .words = "templates apply --select",
	  .args = "template",
	  .columns = "stationId,result,status,code,detail",
	  .help = "Bring the stations that a filter selects to a configuration template; with "
		  "--dry-run only compare them" },
	{ .words = "templates apply --stations",
	  .args = "template",
	  .columns = "stationId,result,status,code,detail",
	  .help = "Bring the stations named to a configuration template; with --dry-run only "
		  "compare them" },
};
#define JOB_COLUMNS "jobId,state,action,template,total,done,createdAt,endedAt,requester"
static const struct ocppd_command jobs_commands[] = {
	{ .words = "jobs", .columns = JOB_COLUMNS, .help = "Commands to many stations" },
};
static const struct ocppd_command job_show_commands[] = {
	{ .words = "jobs show", .args = "jobId", .help = "Progress of a command to many stations" },
};
static const struct ocppd_command results_commands[] = {
	{ .words = "jobs results",
	  .args = "jobId",
	  .columns = "stationId,result,status,code,detail",
	  .help = "Its result for each station" },
};
static const struct ocppd_command job_cancel_commands[] = {
	{ .words = "jobs cancel",
	  .args = "jobId",
	  .columns = JOB_COLUMNS,
	  .help = "Send it to no further station" },
};
static const struct ocppd_command queue_commands[] = {
	{ .words = "queue",
	  .columns =
		  "commandId,stationId,action,state,result.response.status,createdAt,expiresAt,endedAt,requester",
	  .help = "Commands that wait, or waited, for their station" },
};
static const struct ocppd_command queue_show_commands[] = {
	{ .words = "queue show", .args = "commandId", .help = "A queued command and its result" },
};
static const struct ocppd_command queue_cancel_commands[] = {
	{ .words = "queue cancel",
	  .args = "commandId",
	  .columns = "commandId,stationId,action,state",
	  .help = "Take back a command that waits" },
};
static const struct ocppd_command token_create_commands[] = {
	{ .words = "tokens create",
	  .args = "name role",
	  .columns = "name,role,token",
	  .help = "Make a bearer token; it is shown this once" },
};
static const struct ocppd_command token_commands[] = {
	{ .words = "tokens",
	  .columns = "name,role,source,createdAt,createdBy",
	  .help = "Bearer tokens, without the tokens themselves" },
};
static const struct ocppd_command token_revoke_commands[] = {
	{ .words = "tokens revoke", .args = "name", .help = "Make a bearer token worthless" },
};
static const struct ocppd_command reload_commands[] = {
	{ .words = "reload", .help = "Read the configuration again" },
};
static const struct ocppd_command backup_commands[] = {
	{ .words = "backup",
	  .args = "path",
	  .help = "Make a consistent copy of the database: in a file on the daemon's host, or with "
		  "-o FILE here" },
};

const struct ocppd_route api_routes[] = {
	{ .method = "GET",
	  .path = "/v1/health",
	  .role = OCPPD_ROLE_NONE,
	  .query = OCPPD_TABLE(health_query),
	  .commands = OCPPD_TABLE(health_commands),
	  .summary = "State of the daemon, its storage and its listeners",
	  .other_status = 503,
	  .on_request = system_health },
	{ .method = "GET",
	  .path = "/v1/version",
	  .role = OCPPD_ROLE_VIEWER,
	  .commands = OCPPD_TABLE(version_commands),
	  .summary = "Version of the daemon and of its module interface",
	  .on_request = system_version },
	{ .method = "GET",
	  .path = "/v1/plugins",
	  .role = OCPPD_ROLE_VIEWER,
	  .commands = OCPPD_TABLE(plugins_commands),
	  .summary = "Loaded modules",
	  .on_request = system_plugins },
	{ .method = "GET",
	  .path = "/v1/actions",
	  .role = OCPPD_ROLE_VIEWER,
	  .query = OCPPD_TABLE(action_query),
	  .commands = OCPPD_TABLE(actions_commands),
	  .summary = "OCPP actions that loaded modules handle or send",
	  .on_request = system_actions },
	{ .method = "POST",
	  .path = "/v1/stations/{stationId}/commands/{Action}",
	  .role = OCPPD_ROLE_OPERATOR,
	  .query = OCPPD_TABLE(command_query),
	  .commands = OCPPD_TABLE(command_commands),
	  .summary = "Send an OCPP request to a station and wait for its answer",
	  .other_status = 202,
	  .on_request = command_post },
	{ .method = "POST",
	  .path = "/v1/reload",
	  .role = OCPPD_ROLE_ADMIN,
	  .commands = OCPPD_TABLE(reload_commands),
	  .summary = "Read the configuration again, as SIGHUP does",
	  .on_request = system_reload },
	{ .method = "POST",
	  .path = "/v1/backup",
	  .role = OCPPD_ROLE_ADMIN,
	  .req = OCPPD_TABLE(backup_body),
	  .commands = OCPPD_TABLE(backup_commands),
	  .summary = "Make a consistent copy of the database: 200 when it is in the file `path` on "
		     "the daemon's host; 202 without one, it can be fetched when it is ready",
	  .status = 202,
	  .other_status = 200,
	  .on_request = backup_post },
	{ .method = "GET",
	  .path = "/v1/backups",
	  .role = OCPPD_ROLE_ADMIN,
	  .commands = OCPPD_TABLE(backups_commands),
	  .summary = "Copies of the database that are being made or wait to be fetched",
	  .on_request = backup_list },
	{ .method = "GET",
	  .path = "/v1/backups/{backupId}",
	  .role = OCPPD_ROLE_ADMIN,
	  .res = OCPPD_TABLE(backup_fields),
	  .summary = "Progress of a copy of the database",
	  .on_request = backup_get },
	{ .method = "GET",
	  .path = "/v1/backups/{backupId}/data",
	  .role = OCPPD_ROLE_ADMIN,
	  .summary = "The copy itself; it is removed once it was fetched as a whole",
	  .media = "application/vnd.sqlite3",
	  .on_request = backup_data },
	{ .method = "DELETE",
	  .path = "/v1/backups/{backupId}",
	  .role = OCPPD_ROLE_ADMIN,
	  .commands = OCPPD_TABLE(backup_delete_commands),
	  .summary = "Give up a copy of the database, or remove it",
	  .status = 204,
	  .on_request = backup_delete },
	{ .method = "GET",
	  .path = "/v1/events",
	  .role = OCPPD_ROLE_VIEWER,
	  .query = OCPPD_TABLE(event_query),
	  .commands = OCPPD_TABLE(event_commands),
	  .summary = "Server-sent events",
	  .media = "text/event-stream",
	  .on_request = events_get },
	{ .method = "GET",
	  .path = "/v1/event-types",
	  .role = OCPPD_ROLE_VIEWER,
	  .commands = OCPPD_TABLE(event_types_commands),
	  .summary = "Types of events that loaded modules publish",
	  .on_request = event_types_get },
	{ .method = "GET",
	  .path = "/v1/openapi.json",
	  .role = OCPPD_ROLE_VIEWER,
	  .summary = "This API, made from what the loaded modules registered",
	  .on_request = openapi_get },
	{ .method = "GET",
	  .path = "/v1/stations/{stationId}/messages",
	  .role = OCPPD_ROLE_OPERATOR,
	  .query = OCPPD_TABLE(frames_query),
	  .res = OCPPD_TABLE(frames_fields),
	  .commands = OCPPD_TABLE(frames_commands),
	  .summary = "The newest OCPP frames of a station, newest first, secrets masked",
	  .on_request = frames_get },
	{ .method = "POST",
	  .path = "/v1/commands",
	  .role = OCPPD_ROLE_OPERATOR,
	  .req = OCPPD_TABLE(job_body),
	  .commands = OCPPD_TABLE(job_commands),
	  .summary = "Send an OCPP request to many stations, or bring them to a configuration "
		     "template; answers 202 with the job that does it",
	  .status = 202,
	  .on_request = jobs_post },
	{ .method = "GET",
	  .path = "/v1/commands",
	  .role = OCPPD_ROLE_VIEWER,
	  .commands = OCPPD_TABLE(jobs_commands),
	  .summary = "Commands to many stations, oldest first",
	  .on_request = jobs_list },
	{ .method = "GET",
	  .path = "/v1/commands/{jobId}",
	  .role = OCPPD_ROLE_VIEWER,
	  .res = OCPPD_TABLE(job_fields),
	  .commands = OCPPD_TABLE(job_show_commands),
	  .summary = "Progress of a command to many stations",
	  .on_request = jobs_get },
	{ .method = "GET",
	  .path = "/v1/commands/{jobId}/results",
	  .role = OCPPD_ROLE_VIEWER,
	  .query = OCPPD_TABLE(results_query),
	  .commands = OCPPD_TABLE(results_commands),
	  .summary = "Result of a command to many stations, for each of them",
	  .on_request = jobs_results },
	{ .method = "DELETE",
	  .path = "/v1/commands/{jobId}",
	  .role = OCPPD_ROLE_OPERATOR,
	  .res = OCPPD_TABLE(job_fields),
	  .commands = OCPPD_TABLE(job_cancel_commands),
	  .summary = "Cancel a command to many stations: it goes to no further one",
	  .on_request = jobs_delete },
	{ .method = "GET",
	  .path = "/v1/queued-commands",
	  .role = OCPPD_ROLE_VIEWER,
	  .query = OCPPD_TABLE(queue_query),
	  .commands = OCPPD_TABLE(queue_commands),
	  .summary = "Commands that wait for their station to connect, and how others ended",
	  .on_request = queue_list },
	{ .method = "GET",
	  .path = "/v1/queued-commands/{commandId}",
	  .role = OCPPD_ROLE_VIEWER,
	  .res = OCPPD_TABLE(queued_fields),
	  .commands = OCPPD_TABLE(queue_show_commands),
	  .summary = "A queued command and its result",
	  .on_request = queue_get },
	{ .method = "DELETE",
	  .path = "/v1/queued-commands/{commandId}",
	  .role = OCPPD_ROLE_OPERATOR,
	  .res = OCPPD_TABLE(queued_fields),
	  .commands = OCPPD_TABLE(queue_cancel_commands),
	  .summary = "Take back a command that waits",
	  .on_request = queue_delete },
	{ .method = "POST",
	  .path = "/v1/tokens",
	  .role = OCPPD_ROLE_ADMIN,
	  .req = OCPPD_TABLE(token_body),
	  .commands = OCPPD_TABLE(token_create_commands),
	  .summary = "Make a bearer token; the answer is the only one that shows it",
	  .status = 201,
	  .on_request = tokens_post },
	{ .method = "GET",
	  .path = "/v1/tokens",
	  .role = OCPPD_ROLE_ADMIN,
	  .commands = OCPPD_TABLE(token_commands),
	  .summary = "Bearer tokens, without the tokens themselves",
	  .on_request = tokens_list },
	{ .method = "DELETE",
	  .path = "/v1/tokens/{name}",
	  .role = OCPPD_ROLE_ADMIN,
	  .commands = OCPPD_TABLE(token_revoke_commands),
	  .summary = "Revoke a bearer token",
	  .status = 204,
	  .on_request = tokens_delete },
};

const struct ocppd_topic api_topics[] = {
	{ "command.ended", "A queued command came to an end.", OCPPD_TABLE(queued_fields) },
	{ "job.ended", "A command to many stations came to an end.", OCPPD_TABLE(job_fields) },
	{ "job.progress", "A command to many stations has gone on; at most once a second.",
	  OCPPD_TABLE(job_fields) },
};

_Static_assert(sizeof(api_options) / sizeof(api_options[0]) == API_OPTIONS, "count the options");
_Static_assert(sizeof(api_routes) / sizeof(api_routes[0]) == API_ROUTES, "count the routes");
_Static_assert(sizeof(api_topics) / sizeof(api_topics[0]) == API_TOPICS, "count the topics");
