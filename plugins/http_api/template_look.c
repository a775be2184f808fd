/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Before a job about a configuration template begins: whether there is one of that name, by a
 * request to ourselves. Where there is none, the job is refused with the nearest name there is,
 * instead of failing for each station.
 */
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/route.h>

#include "http_api.h"
#include "jobs_private.h"
#include "pending.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define LISTED "1000" /* names that are compared */

struct look {
	LIST_ENTRY(look) link;
	struct job *job;
	struct pending *pending;
	struct ocppd_request *asked; /* of ourselves, under way; or NULL */
};

static const struct route *
route_of(struct api *api, bool is_list)
{
	char version[] = "v1";
	char templates[] = "configuration-templates";
	char any[] = "any";
	char *const segments[] = { version, templates, any };
	struct route_match match = { 0 };

	if (api_refresh(api) < 0)
		return NULL;
	routes_match(&api->routes, "GET", segments, is_list ? 2 : 3, &match);
	return match.route;
}

/* Ends the look; returns the request to answer, or NULL: the module stopped in between. */
static struct ocppd_request *
look_end(struct look *look)
{
	struct ocppd_request *request = pending_end(look->pending);

	LIST_REMOVE(look, link);
	free(look);
	return request;
}

static void
refuse(struct look *look, uint32_t status, const char *kind, const char *detail)
{
	struct job *job = look->job;
	struct ocppd_host *host = job->jobs->api->host;
	struct ocppd_request *request = look_end(look);

	if (request != NULL)
		ocppd_request_problem(host, request, status, kind, "%s", detail);
	job_free(job);
}

/* It could not be found out, which is no fault of the asker's. */
static void
refuse_unread(struct look *look, uint32_t status, struct json_object *body)
{
	const char *detail = ocppd_json_get_str(body, "detail");

	refuse(look, status >= 500 ? status : 503, "templates-unread",
	       detail != NULL ? detail : "the configuration templates cannot be read");
}

/* ---- The nearest name ---------------------------------------------------------------------- */

static const char *
nearest_of(const char *name, struct json_object *items)
{
	size_t best = strlen(name) / 2 + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < json_object_array_length(items); i++) {
		const char *known =
			ocppd_json_get_str(json_object_array_get_idx(items, i), "template");
		size_t d = known == NULL ? best : text_distance(name, known);

		if (d < best) {
			best = d;
			nearest = known;
		}
	}
	return nearest;
}

static void
on_listed(void *connection, uint32_t status, uint32_t is_problem, struct json_object *body)
{
	struct look *look = connection;
	struct json_object *items = ocppd_json_get(body, "items");
	const char *name = look->job->template;
	const char *nearest = NULL;
	struct problem problem;

	(void)is_problem;
	(void)status;
	look->asked = NULL;
	/* Without the list it is unknown all the same. */
	if (json_object_is_type(items, json_type_array))
		nearest = nearest_of(name, items);
	(void)problem_set(&problem, 404, "unknown-template",
			  "there is no configuration template %s%s%s%s", name,
			  nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
			  nearest != NULL ? "?" : "");
	refuse(look, problem.status, problem.kind, problem.detail);
	(void)json_object_put(body);
}

/* ---- Asking -------------------------------------------------------------------------------- */

/* The answer may have come, and ended the look, before this returns. False: nothing was asked. */
static bool
ask(struct look *look, bool is_list, const struct ocppd_request_server *server)
{
	struct job *job = look->job;
	struct api *api = job->jobs->api;
	const struct route *route = route_of(api, is_list);
	const char *const one[] = { "template", job->template, NULL };
	static const char *const none[] = { NULL };
	static const char *const all[] = { "limit", LISTED, NULL };
	const struct ocppd_request_info info = { .struct_size = sizeof(info),
						 .role = job->role,
						 .user = job->requester,
						 .params = is_list ? none : one,
						 .query = is_list ? all : none };
	struct ocppd_request *request;
	uint32_t is_open = 0;

	if (route == NULL)
		return false;
	request = ocppd_request_call(api->host, route->row, route->owner, &info, server, look,
				     &is_open);
	if (request != NULL && is_open != 0)
		look->asked = request;
	return request != NULL;
}

static const struct ocppd_request_server list_server = {
	.struct_size = sizeof(list_server),
	.reply = on_listed,
};

static void
on_found(void *connection, uint32_t status, uint32_t is_problem, struct json_object *body)
{
	struct look *look = connection;
	struct job *job = look->job;
	struct ocppd_request *request;

	(void)is_problem;
	look->asked = NULL;
	if (status == 200) {
		request = look_end(look);
		if (request != NULL)
			job_begin(job, request);
		else
			job_free(job);
	} else if (status != 404) {
		refuse_unread(look, status, body);
	} else if (!ask(look, true, &list_server)) {
		refuse_unread(look, 503, NULL);
	}
	(void)json_object_put(body);
}

static const struct ocppd_request_server one_server = {
	.struct_size = sizeof(one_server),
	.reply = on_found,
};

void
look_begin(struct job *job, struct ocppd_request *request)
{
	struct api *api = job->jobs->api;
	struct look *look;

	/* Who brings stations to templates may keep them elsewhere: its answers tell then. */
	if (route_of(api, false) == NULL) {
		job_begin(job, request);
		return;
	}
	look = calloc(1, sizeof(*look));
	if (look != NULL)
		look->pending = pending_new(api, request);
	if (look == NULL || look->pending == NULL) {
		free(look);
		job_free(job);
		ocppd_request_fail(api->host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	look->job = job;
	LIST_INSERT_HEAD(&job->jobs->looks, look, link);
	if (!ask(look, false, &one_server))
		refuse_unread(look, 503, NULL);
}

void
looks_cancel(struct jobs *jobs)
{
	struct look *look;

	while ((look = LIST_FIRST(&jobs->looks)) != NULL) {
		if (look->asked != NULL)
			ocppd_request_gone(look->asked);
		refuse(look, 503, "stopping", "the daemon stops");
	}
}
