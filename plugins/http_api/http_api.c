/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator API: serves the routes that loaded modules declare, and a few of its own, over HTTP
 * on a TCP port and on a Unix socket. This file owns the options, the life of the module and the
 * table of its own routes; server.c and client.c do the work.
 */
#include "http_api.h"

#include "backup.h"

#include <ocppd/plugin.h>
#include <ocppd/service/station_data.h>
#include <ocppd/service/stations.h>

#include "events.h"
#include "health.h"
#include "jobs.h"
#include "queue.h"
#include "server.h"
#include "store.h"
#include "tables.h"
#include "tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define DENIED_LOG_US INT64_C(10000000)
#define ROWS_MAX 100000

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
						  "expected an absolute path, as "
						  "/run/ocppd/control.sock, or off");
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
	health_free(api->health);
	jobs_free(api->jobs);
	queue_free(api->queue);
	tokens_free(api->tokens);
	backups_free(api->backups);
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
	api->auth = auth_new(&api->conf->tokens, NULL, 0);
	api->events = events_new(host, api->conf->event_history);
	api->health = health_new(api);
	api->jobs = jobs_new(api);
	api->queue = queue_new(api);
	api->tokens = tokens_new(api);
	api->backups = backups_new(api);
	if (api->backups == NULL || api->auth == NULL || api->events == NULL ||
	    api->health == NULL || api->jobs == NULL || api->queue == NULL || api->tokens == NULL) {
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
	struct api *api = arg;

	close_all(api);
	if (api->stores == 0)
		ocppd_stopped(host);
	else
		api->is_closed = true;
}

static void
undo_start(struct api *api)
{
	health_stop(api->health);
	jobs_stop(api->jobs);
	queue_stop(api->queue);
	backups_stop(api->backups);
	events_stop(api->events);
	server_free(api->server);
	api->server = NULL;
	ocppd_timer_free(api->stop_timer);
	api->stop_timer = NULL;
}

/* All is read: on air. Undoes the start on failure. */
static int
open_up(struct api *api, struct ocppd_error *err)
{
	int r = events_start(api->events);

	if (r == 0)
		r = health_start(api->health);
	if (r == 0)
		r = queue_start(api->queue);
	if (r == 0)
		r = jobs_start(api->jobs);
	if (r == 0)
		r = backups_start(api->backups);
	if (r == 0)
		r = tokens_apply(api->tokens);
	if (r < 0)
		(void)ocppd_error_set(err, r, "out of memory");
	else
		r = server_open(api->server, err);
	if (r < 0)
		undo_start(api);
	return r;
}

static void
finish_start(struct api *api, int result, const struct ocppd_error *why)
{
	struct ocppd_error err = { 0 };

	api->is_starting = false;
	if (result < 0) {
		(void)ocppd_error_set(&err, result, "%s",
				      why != NULL && why->text[0] != '\0' ? why->text
									  : ocppd_strerror(result));
		undo_start(api);
	} else if (open_up(api, &err) == 0) {
		ocppd_started(api->host, NULL);
		return;
	}
	ocppd_started(api->host, &err);
}

static void
on_queue(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct api *api = arg;

	(void)host;
	if (result == 0)
		result = queue_load(api->queue, rows);
	finish_start(api, result, err);
}

static void
on_tokens(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	  const struct ocppd_error *err, void *arg)
{
	struct api *api = arg;

	if (result == 0)
		result = tokens_load(api->tokens, rows);
	if (result == 0)
		result = api->storage->query(api->storage_self, host, STATEMENT_QUEUE_LIST, NULL, 0,
					     ROWS_MAX, on_queue, api);
	if (result < 0)
		finish_start(api, result, err);
}

static int
start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	struct api *api = ctx;
	const void *ops = NULL;
	int r;

	api->storage = NULL;
	if (ocppd_service_get(host, "ocppd.storage", 1, 0, &ops, &api->storage_self) == 0)
		api->storage = ops;
	api->server = server_new(api);
	api->stop_timer = ocppd_timer_new(host, on_stop_end, api);
	if (api->server == NULL || api->stop_timer == NULL) {
		undo_start(api);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	if (api->storage == NULL)
		return open_up(api, err);
	r = api->storage->query(api->storage_self, host, STATEMENT_TOKEN_LIST, NULL, 0, ROWS_MAX,
				on_tokens, api);
	if (r < 0) {
		undo_start(api);
		return ocppd_error_set(err, r, "the tokens cannot be read");
	}
	api->is_starting = true;
	return OCPPD_PENDING;
}

static void
reload(struct ocppd_host *host, void *ctx, const void *conf)
{
	struct api *api = ctx;

	api->conf = conf;
	if (tokens_apply(api->tokens) < 0)
		OCPPD_ERROR(host, "http.reload_failed", OCPPD_STR("err", "out of memory"));
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
	health_stop(api->health);
	jobs_stop(api->jobs);
	queue_stop(api->queue);
	backups_stop(api->backups);
	r = server_stop(api->server, on_empty);
	if (r == OCPPD_PENDING)
		ocppd_timer_set(api->stop_timer, api->conf->stop_timeout_ms);
	else
		close_all(api);
	if (r != OCPPD_PENDING && api->stores > 0) {
		api->is_closed = true;
		r = OCPPD_PENDING;
	}
	return r;
}

/* ---- The descriptor -------------------------------------------------------------------------- */

static const struct ocppd_need needs[] = {
	{ .service = "ocppd.storage", .major = 1, .flags = OCPPD_OPTIONAL },
	{ .service = "ocppd.stations", .major = 1, .flags = OCPPD_OPTIONAL },
};

static const struct ocppd_provide provides[] = {
	{ "ocppd.station_data", .major = 1, .flags = OCPPD_MANY, .ops = &queue_data_ops },
};

static const char *const request_labels[] = { "method", "route", "status", NULL };

static const struct ocppd_metric metrics[] = {
	[METRIC_REQUESTS] = { "ocppd_http_requests_total",
			      "Requests to the operator API that were answered",
			      OCPPD_METRIC_COUNTER, .labels = request_labels },
	[METRIC_HELD_BACK] = { "ocppd_http_held_back_seconds_total",
			       "Time in which requests to the operator API waited because it had "
			       "used its share of the core",
			       OCPPD_METRIC_COUNTER },
};

OCPPD_PLUGIN = {
	.guard = OCPPD_GUARD,
	.name = "http_api",
	.version = "0.1.0",
	.summary = "Operator API over HTTP",
	.conf_size = sizeof(struct api_conf),
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
	.metrics = OCPPD_TABLE(metrics),
	.options = { api_options, API_OPTIONS, sizeof(api_options[0]) },
	.topics = { api_topics, API_TOPICS, sizeof(api_topics[0]) },
	.migrations = OCPPD_TABLE(store_migrations),
	.statements = OCPPD_TABLE(store_statements),
	.routes = { api_routes, API_ROUTES, sizeof(api_routes[0]) },
	.check = check,
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_api,
};
