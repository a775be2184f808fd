/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator API: serves the routes that loaded modules declare, and a few of its own, over HTTP
 * on a TCP port and on a Unix socket. This file owns the options, the life of the module and the
 * table of its own routes; server.c and client.c do the work.
 */
#include "http_api.h"

#include <ocppd/plugin.h>
#include <ocppd/service/stations.h>

#include "events.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

enum api_metric {
	METRIC_REQUESTS,
};

#define DENIED_LOG_US INT64_C(10000000)

/* ---- Shared helpers ------------------------------------------------------------------------ */

static int
on_route(const struct ocppd_route *route, struct ocppd_host *owner, void *arg)
{
	struct api *api = arg;
	int r = routes_add(&api->routes, route, owner);

	if (r == OCPPD_EINVAL) {
		OCPPD_WARN(api->host, "http.route_ignored", OCPPD_STR("route", route->path),
			   OCPPD_STR("err", "its path is malformed"));
		return 0;
	}
	return r;
}

int
api_refresh(struct api *api)
{
	uint64_t generation = ocppd_catalogue_generation(api->host);
	int r;

	if (generation == api->generation && api->routes.count > 0)
		return 0;

	routes_fini(&api->routes);
	(void)json_object_put(api->openapi);
	api->openapi = NULL;
	r = ocppd_route_each(api->host, on_route, api);
	if (r < 0) {
		routes_fini(&api->routes);
		return r;
	}
	routes_sort(&api->routes);
	api->generation = generation;
	return 0;
}

void
api_count(struct api *api, const char *method, const char *route, uint32_t status)
{
	char text[16];
	/* What fits no row is the asker's invention, and must not become a label. */
	const char *const labels[] = { route != NULL ? method : "other",
				       route != NULL ? route : "other", text, NULL };

	(void)snprintf(text, sizeof(text), "%u", status);
	(void)ocppd_metric_add(api->host, METRIC_REQUESTS, labels, 1);
}

void
api_log_denied(struct api *api, const char *remote, const char *user, uint32_t status)
{
	int64_t now_us = ocppd_mono_us(api->host);

	api->denied_count++;
	if (api->denied_mono_us != 0 && now_us - api->denied_mono_us < DENIED_LOG_US)
		return;

	OCPPD_WARN(api->host, "http.denied", OCPPD_STR("remote", remote), OCPPD_STR("user", user),
		   OCPPD_INT("status", status), OCPPD_INT("count", api->denied_count));
	api->denied_mono_us = now_us;
	api->denied_count = 0;
}

struct pending *
pending_new(struct api *api, struct ocppd_request *request)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	if (pending == NULL)
		return NULL;

	pending->api = api;
	pending->request = request;
	LIST_INSERT_HEAD(&api->pending, pending, link);
	return pending;
}

struct ocppd_request *
pending_end(struct pending *pending)
{
	struct ocppd_request *request = pending->request;

	LIST_REMOVE(pending, link);
	free(pending);
	return request;
}

void
pending_forget(struct api *api)
{
	struct pending *pending;

	LIST_FOREACH (pending, &api->pending, link)
		pending->request = NULL;
}

/* ---- Life ---------------------------------------------------------------------------------- */

static int
check(const void *conf_any, struct ocppd_error *err)
{
	const struct api_conf *conf = conf_any;

	if (conf->socket != NULL && strcmp(conf->socket, "off") != 0) {
		if (conf->socket[0] != '/')
			return ocppd_error_option(err, OCPPD_EINVAL, "socket",
						  "the path of the Unix socket is not absolute");
		if (strlen(conf->socket) > 107)
			return ocppd_error_option(
				err, OCPPD_ERANGE, "socket",
				"the path of a Unix socket has at most 107 bytes");
	}
	return auth_check(&conf->tokens, err);
}

static void
shutdown_api(struct ocppd_host *host, void *ctx)
{
	struct api *api = ctx;

	(void)host;
	if (api == NULL)
		return;

	/* Still there only if the core cut a stop short; its timers are gone with the stop. */
	if (api->server != NULL)
		api->server->timers_are_gone = true;
	server_free(api->server);
	events_free(api->events);
	while (!LIST_EMPTY(&api->pending))
		(void)pending_end(LIST_FIRST(&api->pending));
	routes_fini(&api->routes);
	(void)json_object_put(api->openapi);
	auth_free(api->auth);
	api->magic = 0;
	free(api);
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct api *api = calloc(1, sizeof(*api));

	if (api == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");

	api->magic = API_MAGIC;
	api->host = host;
	api->conf = conf;
	LIST_INIT(&api->pending);
	api->auth = auth_new(&api->conf->tokens);
	api->events = events_new(host, api->conf->event_history);
	if (api->auth == NULL || api->events == NULL) {
		shutdown_api(host, api);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	*ret_ctx = api;
	return 0;
}

/* Timers go with the stop, so what has timers goes before it ends. */
static void
close_all(struct api *api)
{
	server_free(api->server);
	api->server = NULL;
	pending_forget(api);
	ocppd_timer_free(api->stop_timer);
	api->stop_timer = NULL;
}

static void
on_stop_end(struct ocppd_host *host, void *arg)
{
	close_all(arg);
	ocppd_stopped(host);
}

static int
start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	struct api *api = ctx;
	int r;

	api->server = server_new(api);
	api->stop_timer = ocppd_timer_new(host, on_stop_end, api);
	if (api->server == NULL || api->stop_timer == NULL) {
		r = ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
		goto out;
	}
	r = events_start(api->events);
	if (r < 0)
		(void)ocppd_error_set(err, r, "out of memory");
	else
		r = server_open(api->server, err);
out:
	if (r < 0) {
		events_stop(api->events);
		server_free(api->server);
		api->server = NULL;
		ocppd_timer_free(api->stop_timer);
		api->stop_timer = NULL;
	}
	return r;
}

static void
reload(struct ocppd_host *host, void *ctx, const void *conf)
{
	struct api *api = ctx;
	struct auth *auth;

	api->conf = conf;
	auth = auth_new(&api->conf->tokens);
	if (auth == NULL) {
		OCPPD_ERROR(host, "http.reload_failed", OCPPD_STR("err", "out of memory"));
		return;
	}
	auth_free(api->auth);
	api->auth = auth;
}

/* Not at once: the last connection says so from inside its own end. */
static void
on_empty(struct server *server)
{
	server->on_empty = NULL;
	ocppd_timer_set(server->api->stop_timer, 0);
}

static int
stop(struct ocppd_host *host, void *ctx)
{
	struct api *api = ctx;
	int r;

	(void)host;
	events_stop(api->events);
	r = server_stop(api->server, on_empty);
	if (r == OCPPD_PENDING)
		ocppd_timer_set(api->stop_timer, api->conf->stop_timeout_ms);
	else
		close_all(api);
	return r;
}

/* ---- Tables -------------------------------------------------------------------------------- */

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

static const struct ocppd_option options[] = {
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
};

static const struct ocppd_need needs[] = {
	{ .service = "ocppd.storage", .major = 1, .flags = OCPPD_OPTIONAL },
	{ .service = "ocppd.stations", .major = 1, .flags = OCPPD_OPTIONAL },
};

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
};

static const struct ocppd_field backup_body[] = {
	{ .name = "path",
	  .type = OCPPD_T_STRING,
	  .flags = OCPPD_REQUIRED,
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
	  .doc = "commas between them; transaction.* takes all of a kind" },
	{ .name = "stationId", .type = OCPPD_T_STRING, .max = OCPPD_STATION_ID_MAX },
	{ .name = "lastEventId",
	  .type = OCPPD_T_STRING,
	  .max = 64,
	  .doc = "go on behind this event; the header Last-Event-ID says the same" },
};

static const struct ocppd_command event_commands[] = {
	{ .words = "tail", .help = "Follow what happens, an event a line" },
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
static const struct ocppd_command reload_commands[] = {
	{ .words = "reload", .help = "Read the configuration again" },
};
static const struct ocppd_command backup_commands[] = {
	{ .words = "backup", .args = "path", .help = "Write a consistent copy of the database" },
};

static const struct ocppd_route routes[] = {
	{ .method = "GET",
	  .path = "/v1/health",
	  .role = OCPPD_ROLE_NONE,
	  .commands = OCPPD_TABLE(health_commands),
	  .summary = "State of the daemon, its storage and its listeners",
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
	  .summary = "Write a consistent copy of the database to a file on the daemon's host",
	  .on_request = system_backup },
	{ .method = "GET",
	  .path = "/v1/events",
	  .role = OCPPD_ROLE_VIEWER,
	  .query = OCPPD_TABLE(event_query),
	  .commands = OCPPD_TABLE(event_commands),
	  .summary = "Server-sent events",
	  .on_request = events_get },
	{ .method = "GET",
	  .path = "/v1/openapi.json",
	  .role = OCPPD_ROLE_VIEWER,
	  .summary = "This API, made from what the loaded modules registered",
	  .on_request = openapi_get },
};

static const char *const request_labels[] = { "method", "route", "status", NULL };

static const struct ocppd_metric metrics[] = {
	[METRIC_REQUESTS] = { "ocppd_http_requests_total",
			      "Requests to the operator API that were answered",
			      OCPPD_METRIC_COUNTER, .labels = request_labels },
};

OCPPD_PLUGIN = {
	.guard = OCPPD_GUARD,
	.name = "http_api",
	.version = "0.1.0",
	.summary = "Operator API over HTTP",
	.conf_size = sizeof(struct api_conf),
	.needs = OCPPD_TABLE(needs),
	.options = OCPPD_TABLE(options),
	.routes = OCPPD_TABLE(routes),
	.metrics = OCPPD_TABLE(metrics),
	.check = check,
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_api,
};
