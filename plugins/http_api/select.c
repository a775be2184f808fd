/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Which stations a job is for: whatever GET /v1/stations says to the same filters, asked page by
 * page as any asker would, so that both always mean the same.
 */
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/route.h>

#include "http_api.h"
#include "jobs_private.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define PAGE_LIMIT 100  /* a millisecond or so of the core thread */
#define SELECT_MAX 8192 /* bytes of a query */

struct query_text {
	char text[SELECT_MAX];
	size_t len;
	bool is_cut;
};

static void
add_char(struct query_text *query, char c)
{
	if (query->len + 1 < sizeof(query->text))
		query->text[query->len++] = c;
	else
		query->is_cut = true;
}

static void
add_encoded(struct query_text *query, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
			add_char(query, (char)c);
			continue;
		}
		add_char(query, '%');
		add_char(query, hex[c >> 4]);
		add_char(query, hex[c & 15]);
	}
}

/* name: len bytes of it. */
static void
add_pair(struct query_text *query, const char *name, size_t len, const char *value)
{
	if (query->len > 0)
		add_char(query, '&');
	for (size_t i = 0; i < len; i++)
		add_char(query, name[i]);
	add_char(query, '=');
	add_encoded(query, value);
	query->text[query->len] = '\0';
}

static const struct route *
stations_route(struct api *api)
{
	char stations[] = "stations";
	char version[] = "v1";
	char *const segments[] = { version, stations };
	struct route_match match;

	if (api_refresh(api) < 0)
		return NULL;
	routes_match(&api->routes, "GET", segments, 2, &match);
	return match.route;
}

static bool
is_paging(const char *name, size_t len)
{
	return (len == 5 && strncmp(name, "limit", len) == 0) ||
	       (len == 5 && strncmp(name, "after", len) == 0);
}

uint32_t
select_check(struct job *job, struct json_object *list, struct problem *problem)
{
	const struct route *route = stations_route(job->jobs->api);
	struct query_text query = { .len = 0 };
	struct query parsed = { .count = 0 };
	uint32_t status;

	if (route == NULL)
		return problem_set(problem, 501, "unsupported",
				   "no loaded module lists stations: name them");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *item = json_object_get_string(json_object_array_get_idx(list, i));
		size_t len = strcspn(item, "=");

		if (strcmp(item, "all") == 0)
			continue;
		if (item[len] == '\0' || is_paging(item, len))
			return problem_set(problem, 400, "invalid-body",
					   "select: %.60s is neither NAME=VALUE nor all", item);
		add_pair(&query, item, len, item + len + 1);
	}
	if (query.is_cut)
		return problem_set(problem, 400, "invalid-body", "select is too long");
	job->select = strdup(query.text);
	if (job->select == NULL)
		return problem_set(problem, 503, "out-of-memory", "out of memory");
	status = query_check(route->row, query.text, &parsed, problem);
	return status;
}

/* ---- Pages --------------------------------------------------------------------------------- */

static void
fail(struct job *job, const char *detail)
{
	(void)problem_set(&job->problem, 503, "selection-failed", "%.300s", detail);
	job_selected(job, true);
}

static int
take_items(struct job *job, struct json_object *body)
{
	struct json_object *items = ocppd_json_get(body, "items");
	int r = 0;

	if (!json_object_is_type(items, json_type_array))
		return OCPPD_EINVAL;
	for (size_t i = 0; i < json_object_array_length(items) && r == 0; i++) {
		const char *station_id =
			ocppd_json_get_str(json_object_array_get_idx(items, i), "stationId");

		if (station_id != NULL)
			r = job_add(job, station_id);
	}
	return r;
}

static void
on_reply(void *connection, uint32_t status, uint32_t is_problem, struct json_object *body)
{
	struct job *job = connection;
	const char *next = ocppd_json_get_str(body, "next");
	const char *detail = ocppd_json_get_str(body, "detail");
	int r = 0;

	job->page = NULL;
	job->is_asking = false;
	if (status != 200 || is_problem != 0) {
		fail(job, detail == NULL ? "the list of stations cannot be had" : detail);
	} else {
		free(job->after);
		job->after = next == NULL ? NULL : strdup(next);
		r = take_items(job, body);
		if (r == OCPPD_ESPACE)
			fail(job, "the selection has more stations than job_stations allows");
		else if (r < 0 || (next != NULL && job->after == NULL))
			fail(job, "out of memory");
		else if (next == NULL)
			job_selected(job, false);
		else
			jobs_turn(job->jobs, 0);
	}
	(void)json_object_put(body);
}

static const struct ocppd_request_server self_server = {
	.struct_size = sizeof(self_server), .reply = on_reply, /* in pieces: is refused for us */
};

void
select_page(struct job *job)
{
	struct api *api = job->jobs->api;
	const struct route *route = stations_route(api);
	struct query_text text = { .len = 0 };
	struct query query = { .count = 0 };
	struct ocppd_request_info info = { .struct_size = sizeof(info),
					   .role = job->role,
					   .user = job->requester };
	static const char *const no_params[] = { NULL };
	struct ocppd_request *request;
	struct problem problem;
	uint32_t is_open = 0;
	char limit[12];

	if (route == NULL) {
		fail(job, "no loaded module lists stations any more");
		return;
	}
	(void)snprintf(limit, sizeof(limit), "%d", PAGE_LIMIT);
	(void)snprintf(text.text, sizeof(text.text), "%s", job->select);
	text.len = strlen(text.text);
	add_pair(&text, "limit", 5, limit);
	if (job->after != NULL)
		add_pair(&text, "after", 5, job->after);
	if (text.is_cut || query_check(route->row, text.text, &query, &problem) != 0) {
		fail(job, "the filters no longer fit the list of stations");
		return;
	}
	info.params = no_params;
	info.query = query.pairs;
	job->is_asking = true;
	request = ocppd_request_call(api->host, route->row, route->owner, &info, &self_server, job,
				     &is_open);
	if (request == NULL && job->is_asking) {
		job->is_asking = false;
		fail(job, "out of memory");
	} else if (is_open != 0) {
		job->page = request;
	}
}

void
select_cancel(struct job *job)
{
	if (job->page != NULL)
		ocppd_request_gone(job->page);
	job->page = NULL;
	job->is_asking = false;
}
