/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * POST /v1/stations/{stationId}/commands/{Action}: an OCPP request on its way to a station, and the
 * answer on its way back. What the payload means is the action's owner's business.
 */
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/stations.h>

#include "http_api.h"
#include "problem.h"

#include <string.h>

#include <json-c/json.h>

#define SECOND_MS 1000

struct action_search {
	const char *name;
	bool is_found;
};

/* Whether any protocol's modules offer the action. */
static int
on_action(const struct ocppd_action *action, const char *owner, void *arg)
{
	struct action_search *search = arg;

	(void)owner;
	search->is_found = (action->direction & OCPPD_TO_STATION) != 0 &&
			   strcmp(action->name, search->name) == 0;
	return search->is_found ? 1 : 0;
}

static void
fail_unsupported(struct ocppd_host *host, struct ocppd_request *request, const char *action)
{
	ocppd_request_problem(host, request, 501, "unknown-action",
			      "no loaded module offers the action %.60s to this station", action);
}

static void
fail_not_connected(struct ocppd_host *host, struct ocppd_request *request, const char *station_id)
{
	struct action_search search = { .name = ocppd_request_param(request, "Action") };

	(void)ocppd_action_each(host, on_action, &search);
	if (!search.is_found) {
		fail_unsupported(host, request, search.name);
		return;
	}
	ocppd_request_problem(host, request, 409, "not-connected", "station %.60s is not connected",
			      station_id);
}

/* A station that the core did not see since it began may still be on record. */
static bool
is_known(struct ocppd_host *host, const char *station_id)
{
	const struct ocppd_stations_ops *stations;
	const void *ops = NULL;
	void *self = NULL;

	if (ocppd_service_get(host, "ocppd.stations", 1, 0, &ops, &self) < 0)
		return false;
	stations = ops;
	return stations->is_known != NULL && stations->is_known(self, host, station_id) > 0;
}

/* ---- Results ------------------------------------------------------------------------------- */

static int
add_warnings(struct json_object *body, const struct ocppd_outcall *call)
{
	struct json_object *warnings;
	const char *text;

	if (ocppd_outcall_warning(call, 0) == NULL)
		return 0;
	warnings = json_object_new_array();
	for (uint32_t i = 0; (text = ocppd_outcall_warning(call, i)) != NULL; i++) {
		struct json_object *item = json_object_new_string(text);

		if (warnings == NULL || item == NULL ||
		    json_object_array_add(warnings, item) != 0) {
			(void)json_object_put(item);
			(void)json_object_put(warnings);
			return OCPPD_ENOMEM;
		}
	}
	return ocppd_json_add(body, "warnings", warnings);
}

static int
add_error(struct json_object *body, const struct ocppd_outcall *call)
{
	struct json_object *error = json_object_new_object();
	struct json_object *details = NULL;
	const char *code = "";
	const char *description = "";
	int r = 0;

	if (error == NULL)
		return OCPPD_ENOMEM;
	(void)ocppd_outcall_error(call, &code, &description, &details);
	details = details == NULL ? json_object_new_object() : json_object_get(details);
	r |= ocppd_json_add_str(error, "code", code);
	r |= ocppd_json_add_str(error, "description", description);
	r |= ocppd_json_add(error, "details", details);
	return ocppd_json_add(body, "error", error) | r;
}

/* Problem details with the result beside them, for everything but a confirmation. */
static struct json_object *
problem_result(const struct problem *problem, const char *result, const struct ocppd_outcall *call)
{
	struct json_object *body = problem_body(problem);
	int r = 0;

	if (body == NULL)
		return NULL;
	r |= ocppd_json_add_str(body, "result", result);
	if (strcmp(result, "error") == 0)
		r |= add_error(body, call);
	r |= add_warnings(body, call);
	if (r < 0) {
		(void)json_object_put(body);
		return NULL;
	}
	return body;
}

static struct json_object *
confirmed_result(const struct ocppd_outcall *call, struct json_object *conf)
{
	struct json_object *body = json_object_new_object();
	int r = 0;

	if (body == NULL)
		return NULL;
	r |= ocppd_json_add_str(body, "result", "confirmed");
	r |= ocppd_json_add(body, "response",
			    conf == NULL ? json_object_new_object() : json_object_get(conf));
	r |= add_warnings(body, call);
	if (r < 0) {
		(void)json_object_put(body);
		return NULL;
	}
	return body;
}

static const char *
explain(const struct ocppd_outcall *call, const char *fallback)
{
	struct json_object *details = NULL;
	const char *code = NULL;
	const char *text = NULL;

	if (ocppd_outcall_error(call, &code, &text, &details) < 0 || text == NULL || *text == '\0')
		return fallback;
	return text;
}

static const char *
describe(const struct ocppd_outcall *call, uint32_t result, struct problem *problem)
{
	switch (result) {
	case OCPPD_RES_ERROR:
		(void)problem_set(problem, 502, "station-error", "the station answered: %s",
				  explain(call, "an error without a description"));
		return "error";
	case OCPPD_RES_TIMEOUT:
		(void)problem_set(problem, 504, "timeout",
				  "the station did not answer in time; it may still carry it out");
		return "timeout";
	case OCPPD_RES_GONE:
		(void)problem_set(problem, 409, "connection-ended",
				  "the station's connection ended before it answered");
		return "gone";
	case OCPPD_RES_REFUSED:
		(void)problem_set(problem, 422, "refused", "not sent: %s",
				  explain(call, "a check found warnings"));
		return "refused";
	default:
		(void)problem_set(problem, 503, "shutting-down",
				  "the daemon or the module concerned is stopping");
		return "cancelled";
	}
}

static void
on_result(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	  struct json_object *conf, void *arg)
{
	struct ocppd_request *request = pending_end(arg);
	struct json_object *body;
	struct problem problem = { .status = 200 };

	if (request == NULL)
		return;
	if (result == OCPPD_RES_REPLY) {
		body = confirmed_result(call, conf);
	} else {
		const char *word = describe(call, result, &problem);

		body = problem_result(&problem, word, call);
	}
	if (body == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	ocppd_request_reply(host, request, problem.status, body);
}

/* ---- The request --------------------------------------------------------------------------- */

static void
fail_send(struct ocppd_host *host, struct ocppd_request *request, int result,
	  const struct ocppd_error *err)
{
	const char *station_id = ocppd_request_param(request, "stationId");
	const char *why = err->text[0] != '\0' ? err->text : ocppd_strerror(result);

	switch (result) {
	case OCPPD_EINVAL:
		ocppd_request_problem(host, request, 400, "invalid-payload", "%s", why);
		return;
	case OCPPD_ENOTSUP:
		fail_unsupported(host, request, ocppd_request_param(request, "Action"));
		return;
	case OCPPD_ENOTCONN:
		fail_not_connected(host, request, station_id);
		return;
	case OCPPD_ESTATE:
		ocppd_request_problem(host, request, 409, "forbidden-state",
				      "station %.60s may not get this in its present registration",
				      station_id);
		return;
	case OCPPD_EREFUSED:
		ocppd_request_problem(host, request, 422, "refused", "not sent: %s", why);
		return;
	case OCPPD_EBUSY:
		ocppd_request_problem(host, request, 503, "queue-full",
				      "too many commands wait for station %.60s", station_id);
		return;
	default:
		ocppd_request_fail(host, request, result, err);
		return;
	}
}

void
command_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const char *station_id = ocppd_request_param(request, "stationId");
	const char *checks = ocppd_request_query(request, "checks");
	struct ocppd_station *station = ocppd_station_find(host, station_id);
	struct ocppd_call_request call = { .struct_size = sizeof(call), .station = station };
	struct ocppd_error err = { 0 };
	struct pending *pending;
	int r;

	if (station == NULL) {
		if (is_known(host, station_id))
			fail_not_connected(host, request, station_id);
		else
			ocppd_request_problem(host, request, 404, "unknown-station",
					      "station %.60s is not known", station_id);
		return;
	}
	pending = pending_new(ctx, request);
	if (pending == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	call.action = ocppd_request_param(request, "Action");
	call.payload = json_object_get(ocppd_request_body(request));
	call.requester = ocppd_request_user(request);
	call.timeout_ms = ocppd_request_query_int(request, "timeout", 0) * SECOND_MS;
	if (checks != NULL && strcmp(checks, "strict") == 0)
		call.flags |= OCPPD_CALL_STRICT;

	r = ocppd_call_send(host, &call, on_result, pending, &err);
	if (r < 0) {
		(void)pending_end(pending);
		fail_send(host, request, r, &err);
	}
}
