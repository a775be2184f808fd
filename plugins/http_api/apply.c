/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Jobs that bring stations to a stored configuration template, or compare them with it: for each
 * station a request to ourselves, on the route that does it for one. What it answers becomes the
 * station's result, and the keys that were not as wanted are kept with it, within a bound.
 */
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/route.h>

#include "http_api.h"
#include "jobs_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define KEYS_BYTES_MAX (16u << 20) /* of all stations of a job */
#define DETAIL_SIZE 512

static const struct route *
route_of(struct api *api, bool is_dry_run)
{
	char version[] = "v1";
	char stations[] = "stations";
	char any[] = "any";
	char configuration[] = "configuration";
	char diff[] = "diff";
	char apply[] = "apply";
	char *const segments[] = { version, stations, any, configuration,
				   is_dry_run ? diff : apply };
	struct route_match match;

	if (api_refresh(api) < 0)
		return NULL;
	routes_match(&api->routes, "POST", segments, 5, &match);
	return match.route;
}

uint32_t
apply_check(struct job *job, struct problem *problem)
{
	const struct route *route = route_of(job->jobs->api, job->is_dry_run);

	if (route == NULL)
		return problem_set(problem, 501, "unsupported",
				   "no loaded module keeps configuration templates, or brings "
				   "stations to them");
	if (job->role < route->row->role)
		return problem_set(problem, 403, "forbidden", "this needs a higher role");
	return 0;
}

/* ---- The answer ---------------------------------------------------------------------------- */

static const char *
outcome_of(struct json_object *item)
{
	const char *status = ocppd_json_get_str(item, "status");
	const char *result = ocppd_json_get_str(item, "result");

	if (status != NULL)
		return status;
	return result != NULL ? result : ocppd_json_get_str(item, "state");
}

/* The keys that were not as wanted beforehand: as a list, and in words. */
static struct json_object *
keys_of(struct json_object *items, char *words, size_t size)
{
	struct json_object *keys = json_object_new_array();
	size_t len = strlen(words);

	for (size_t i = 0; keys != NULL && i < json_object_array_length(items); i++) {
		struct json_object *item = json_object_array_get_idx(items, i);
		const char *outcome = outcome_of(item);
		int more;

		if (outcome == NULL || strcmp(outcome, "same") == 0)
			continue;
		if (json_object_array_add(keys, json_object_get(item)) != 0)
			(void)json_object_put(item);
		more = snprintf(words + len, size - len, "%s%s %s", len == 0 ? "" : ", ",
				ocppd_json_get_str(item, "key"), outcome);
		len += more > 0 && (size_t)more < size - len ? (size_t)more : 0;
	}
	words[len] = '\0';
	return keys;
}

static void
keep_keys(struct job *job, struct target *target, struct json_object *keys)
{
	size_t len = 0;
	const char *text = json_object_to_json_string_length(
		keys, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

	if (text == NULL || json_object_array_length(keys) == 0)
		return;
	if (len > KEYS_BYTES_MAX - job->keys_bytes) {
		job->is_cut = true;
		return;
	}
	target->keys = strdup(text);
	job->keys_bytes += target->keys == NULL ? 0 : len;
}

static void
take_answer(struct job *job, struct target *target, struct json_object *body)
{
	struct json_object *items = ocppd_json_get(body, "items");
	const char *status = ocppd_json_get_str(body, "status");
	const char *detail = ocppd_json_get_str(body, "detail");
	char words[DETAIL_SIZE] = "";
	struct json_object *keys;

	if (!json_object_is_type(items, json_type_array)) {
		job_target_text(target, NULL, detail);
		return;
	}
	keys = keys_of(items, words, sizeof(words));
	if (keys != NULL)
		keep_keys(job, target, keys);
	(void)json_object_put(keys);
	if (words[0] == '\0')
		(void)snprintf(words, sizeof(words), "as wanted");
	job_target_text(target, status, detail != NULL ? detail : words);
}

static enum target_state
state_of(uint32_t status, struct json_object *body)
{
	static const struct {
		const char *word;
		enum target_state state;
	} words[] = {
		{ "confirmed", TARGET_CONFIRMED }, { "error", TARGET_ERROR },
		{ "timeout", TARGET_TIMEOUT },     { "gone", TARGET_GONE },
		{ "refused", TARGET_REFUSED },     { "cancelled", TARGET_CANCELLED },
	};
	const char *result = ocppd_json_get_str(body, "result");

	for (size_t i = 0; result != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, result) == 0)
			return words[i].state;
	}
	return status == 200 ? TARGET_CONFIRMED : TARGET_NOT_SENT;
}

static void
on_reply(void *connection, uint32_t status, uint32_t is_problem, struct json_object *body)
{
	struct flight *flight = connection;
	struct job *job = flight->job;

	(void)is_problem;
	take_answer(job, &job->targets[flight->index], body);
	job_flight_end(flight, state_of(status, body), status);
	(void)json_object_put(body);
}

static const struct ocppd_request_server self_server = {
	.struct_size = sizeof(self_server), .reply = on_reply, /* in pieces: is refused for us */
};

/* ---- The request --------------------------------------------------------------------------- */

static struct json_object *
body_of(const struct job *job)
{
	struct json_object *body = json_object_new_object();
	int r = body == NULL ? OCPPD_ENOMEM : 0;

	if (r == 0)
		r |= ocppd_json_add_str(body, "template", job->template);
	if (r == 0 && job->timeout_s > 0 && !job->is_dry_run)
		r |= ocppd_json_add_int(body, "timeout", job->timeout_s);
	if (r == 0)
		return body;
	(void)json_object_put(body);
	return NULL;
}

void
apply_one(struct flight *flight)
{
	struct job *job = flight->job;
	struct api *api = job->jobs->api;
	const struct route *route = route_of(api, job->is_dry_run);
	const char *const params[] = { "stationId", job->targets[flight->index].station_id, NULL };
	static const char *const no_query[] = { NULL };
	struct ocppd_request_info info = { .struct_size = sizeof(info),
					   .role = job->role,
					   .user = job->requester,
					   .params = params,
					   .query = no_query };
	struct ocppd_request *request = NULL;
	uint32_t is_open = 0;

	info.body = route == NULL ? NULL : body_of(job);
	if (info.body != NULL)
		request = ocppd_request_call(api->host, route->row, route->owner, &info,
					     &self_server, flight, &is_open);
	if (request == NULL)
		job_flight_end(flight, TARGET_NOT_SENT, route == NULL ? 501 : 503);
	else if (is_open != 0)
		flight->request = request; /* otherwise it has ended, and the flight with it */
}

void
apply_cancel(struct flight *flight)
{
	if (flight->request != NULL)
		ocppd_request_gone(flight->request);
	flight->request = NULL;
}
