/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_H
#define HTTP_API_H

#include <ocppd/plugin.h>

#include <stdbool.h>

#include "auth.h"
#include "pending.h"
#include "routes.h"

struct backups;
struct event_base;
struct health;
struct jobs;
struct ocppd_storage_ops;
struct queue;
struct tokens;
struct server;
struct events;

/* Filled by the options table. */
struct api_conf {
	uint32_t tcp;
	uint32_t reserved;
	const char *address;
	int64_t port;
	const char *socket;
	struct ocppd_sections tokens;
	int64_t core_share;
	int64_t max_connections;
	int64_t max_headers;
	int64_t max_body;
	int64_t max_pending;
	int64_t request_timeout_ms;
	int64_t idle_timeout_ms;
	int64_t stop_timeout_ms;
	int64_t event_clients;
	int64_t event_history;
	int64_t queue_commands;
	int64_t jobs;
	int64_t job_stations;
	int64_t job_rate;
	const char *backup_directory;
	int64_t backup_keep_s;
};

/* Indices of the metrics table. */
enum api_metric {
	METRIC_REQUESTS,
	METRIC_HELD_BACK,
};

/* The module's context. */
#define API_MAGIC 0x49504148u
struct api {
	uint32_t magic;
	struct ocppd_host *host;
	const struct api_conf *conf;
	struct auth *auth;
	struct routes routes;
	uint64_t generation; /* of the catalogue that routes and openapi show; 0: none yet */
	struct json_object *openapi;
	struct server *server;
	struct events *events;
	struct health *health;
	struct jobs *jobs;
	struct queue *queue;
	struct tokens *tokens;
	struct backups *backups;
	const struct ocppd_storage_ops *storage; /* NULL: none */
	void *storage_self;
	uint32_t stores;  /* writes under way: the stop waits for them */
	bool is_closed;   /* nothing else is waited for */
	bool is_starting; /* reads of the database are under way */
	struct pending_list pending;
	struct ocppd_timer *stop_timer;
	int64_t denied_mono_us; /* when a refusal was last logged */
	int64_t denied_count;   /* refusals since */
};

/* Makes routes anew if the catalogue changed. 0 or OCPPD_ENOMEM. */
int api_refresh(struct api *api);
/* Counts an answer. route: the row's path; NULL: of no row. */
void api_count(struct api *api, const char *method, const char *route, uint32_t status);
/* Logs a refusal, a few a minute. */
void api_log_denied(struct api *api, const char *remote, const char *user, uint32_t status);

/* ---- handlers of the module's own routes; ctx is the struct api -------------------------- */
typedef void route_fn(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
route_fn system_health;
route_fn system_version;
route_fn system_plugins;
route_fn system_actions;
route_fn system_reload;
route_fn backup_post;
route_fn backup_list;
route_fn backup_get;
route_fn backup_data;
route_fn backup_delete;
route_fn command_post;
route_fn openapi_get;
route_fn events_get;
route_fn frames_get;
route_fn jobs_post;
route_fn jobs_list;
route_fn jobs_get;
route_fn jobs_results;
route_fn jobs_delete;
route_fn queue_list;
route_fn queue_get;
route_fn queue_delete;
route_fn tokens_post;
route_fn tokens_list;
route_fn tokens_delete;

#endif
