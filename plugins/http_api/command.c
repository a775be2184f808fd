/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * POST /v1/stations/{stationId}/commands/{Action}: an OCPP request on its way to a station, and the
 * answer on its way back. What the payload means is the action's owner's business.
 */
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/stations.h>

#include "command.h"
#include "http_api.h"
#include "problem.h"
#include "queue.h"

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

static uint32_t
say_unsupported(struct problem *problem, const char *action)
{
	return problem_set(problem, 501, "unknown-action",
			   "no loaded module offers the action %.60s to this station", action);
}

static uint32_t
say_not_connected(struct ocppd_host *host, struct problem *problem, const char *station_id,
		  const char *action)
{
	struct action_search search = { .name = action };

	(void)ocppd_action_each(host, on_action, &search);
	if (!search.is_found)
		return say_unsupported(problem, action);
	return problem_set(problem, 409, "not-connected", "station %.60s is not connected",
			   station_id);
}

bool
station_is_known(struct ocppd_host *host, const char *station_id)
{
	const struct ocppd_stations_ops *stations;
	const void *ops = NULL;
	void *self = NULL;

	/* The core remembers one that was deleted, too: its word counts where there is no other. */
	if (ocppd_service_get(host, "ocppd.stations", 1, 0, &ops, &self) < 0)
		return ocppd_station_find(host, station_id) != NULL;
	stations = ops;
	return stations->is_known != NULL && stations->is_known(self, host, station_id) > 0;
}

/* ---- Results ------------------------------------------------------------------------------- */

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
	r |= ocppd_outcall_add_warnings(call, body);
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
	r |= ocppd_outcall_add_warnings(call, body);
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

struct json_object *
command_result(const struct ocppd_outcall *call, uint32_t result, struct json_object *conf,
	       uint32_t *ret_status)
{
	struct problem problem = { .status = 200 };
	const char *word;

	*ret_status = 200;
	if (result == OCPPD_RES_REPLY)
		return confirmed_result(call, conf);
	word = describe(call, result, &problem);
	*ret_status = problem.status;
	return problem_result(&problem, word, call);
}

static void
on_result(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	  struct json_object *conf, void *arg)
{
	struct ocppd_request *request = pending_end(arg);
	struct json_object *body;
	uint32_t status = 200;

	if (request == NULL)
		return;
	body = command_result(call, result, conf, &status);
	if (body == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	ocppd_request_reply(host, request, status, body);
}

/* ---- The request --------------------------------------------------------------------------- */

uint32_t
command_refusal(struct ocppd_host *host, const char *station_id, const char *action, int result,
		const struct ocppd_error *err, struct problem *problem)
{
	const char *why = err->text[0] != '\0' ? err->text : ocppd_strerror(result);

	switch (result) {
	case OCPPD_EINVAL:
		return problem_set(problem, 400, "invalid-payload", "%s", why);
	case OCPPD_ENOTSUP:
		return say_unsupported(problem, action);
	case OCPPD_ENOTCONN:
		return say_not_connected(host, problem, station_id, action);
	case OCPPD_ENOENT:
		return problem_set(problem, 404, "unknown-station", "station %.60s is not known",
				   station_id);
	case OCPPD_ESTATE:
		return problem_set(problem, 409, "forbidden-state",
				   "station %.60s may not get this in its present registration",
				   station_id);
	case OCPPD_EREFUSED:
		return problem_set(problem, 422, "refused", "not sent: %s", why);
	case OCPPD_EBUSY:
		return problem_set(problem, 503, "queue-full",
				   "too many commands wait for station %.60s", station_id);
	default:
		return problem_set(problem, 503, "unavailable", "%s", why);
	}
}

struct action_check {
	const char *name;
	struct json_object *payload;
	struct ocppd_error *err;
	int result;
	bool is_found;
};

static int
on_action_check(const struct ocppd_action *action, const char *owner, void *arg)
{
	struct action_check *check = arg;
	struct ocppd_fields fields;
	int r;

	(void)owner;
	if ((action->direction & OCPPD_TO_STATION) == 0 || strcmp(action->name, check->name) != 0)
		return 0;
	fields.rows.items = action->req.items;
	fields.rows.count = action->req.count;
	fields.rows.stride = action->req.stride;
	r = ocppd_payload_check(&fields, check->payload, check->err);
	/* One protocol that takes it is enough: which it will be is the station's choice. */
	if (!check->is_found || r == 0)
		check->result = r;
	check->is_found = true;
	return r == 0 ? 1 : 0;
}

int
command_check(struct ocppd_host *host, const char *action, struct json_object *payload,
	      struct ocppd_error *err)
{
	struct action_check check = { .name = action, .payload = payload, .err = err };

	(void)ocppd_action_each(host, on_action_check, &check);
	return check.is_found ? check.result : OCPPD_ENOTSUP;
}

static void
answer_refusal(struct ocppd_host *host, struct ocppd_request *request, int result,
	       const struct ocppd_error *err)
{
	struct problem problem;

	(void)command_refusal(host, ocppd_request_param(request, "stationId"),
			      ocppd_request_param(request, "Action"), result, err, &problem);
	ocppd_request_problem(host, request, problem.status, problem.kind, "%s", problem.detail);
}

void
command_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const char *station_id = ocppd_request_param(request, "stationId");
	const char *checks = ocppd_request_query(request, "checks");
	int64_t queue_s = ocppd_request_query_int(request, "queue", 0);
	struct ocppd_station *station = ocppd_station_find(host, station_id);
	bool is_connected = station != NULL && ocppd_station_is_connected(station) != 0;
	struct ocppd_call_request call = { .struct_size = sizeof(call), .station = station };
	struct ocppd_error err = { 0 };
	struct pending *pending;
	int r;

	if (!is_connected && !station_is_known(host, station_id)) {
		answer_refusal(host, request, OCPPD_ENOENT, &err);
		return;
	}
	if (!is_connected) {
		if (queue_s > 0)
			queue_post(ctx, request, queue_s);
		else
			answer_refusal(host, request, OCPPD_ENOTCONN, &err);
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
		answer_refusal(host, request, r, &err);
	}
}
