/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator API of triggers. POST sends TriggerMessage with strict checks and answers when it is
 * known what came of it.
 */
#include "trigger.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

struct work {
	struct ocppd_work base;
	int64_t id;
	bool is_called;  /* of a POST: its call's end was heard */
	bool is_settled; /* and what came of it; or nothing will */
};

static struct work *
work_new(struct trigger *ctx, struct ocppd_request *request)
{
	struct work *work = ocppd_work_new(&ctx->works, request, sizeof(*work));

	if (work == NULL)
		return NULL;
	work->base.unknown = "unknown-trigger";
	work->base.unknown_text = "There is no such trigger";
	return work;
}

/* ---- Reading ----------------------------------------------------------------------------------
 */

static void
on_one_settled(void *arg)
{
	struct work *work = arg;
	const struct ocppd_value id = ocppd_value_int(work->id);

	ocppd_work_get(&work->base, STATEMENT_FIND, &id, 1, trigger_json);
}

void
routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_new(ctx, request);

	(void)host;
	if (work != NULL && ocppd_work_id(&work->base, "triggerId", &work->id) >= 0)
		ocppd_work_await(&work->base, on_one_settled);
}

static void
on_list_settled(void *arg)
{
	static const struct ocppd_page page = { sizeof(page), T_ID, .row_json = trigger_json };
	struct work *work = arg;
	const char *station_id = ocppd_request_query(work->base.request, "stationId");
	const struct ocppd_value values[] = {
		ocppd_value_int(work->id),
		ocppd_value_int(work->base.limit + 1),
		ocppd_value_str(station_id),
		ocppd_value_str(ocppd_request_query(work->base.request, "requestedMessage")),
	};

	ocppd_work_list(&work->base, station_id == NULL ? STATEMENT_LIST : STATEMENT_LIST_STATION,
			values, 4, &page);
}

void
routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_new(ctx, request);

	(void)host;
	if (work == NULL || ocppd_work_after(&work->base, &work->id) < 0)
		return;
	ocppd_work_await(&work->base, on_list_settled);
}

/* ---- Sending ----------------------------------------------------------------------------------
 */

static const struct {
	const char *outcome;
	uint32_t status;
	const char *kind;
} undone[] = {
	{ OUTCOME_MISSING, 504, "not-arrived" },
	{ OUTCOME_REJECTED, 409, "station-refused" },
	{ OUTCOME_NOT_IMPLEMENTED, 409, "station-refused" },
	{ OUTCOME_UNANSWERED, 504, "timeout" },
	{ OUTCOME_FAILED, 502, "station-error" },
	{ OUTCOME_INTERRUPTED, 503, "shutting-down" },
};

static void
work_settle(struct work *work)
{
	if (work->is_called && work->is_settled)
		ocppd_work_end(&work->base);
}

/* A record is answered where the message arrived; all else is a problem that names it. */
static void
answer(struct work *work, struct json_object *row)
{
	struct ocppd_host *host = work->base.owner->host;
	struct ocppd_request *request = work->base.request;
	const char *outcome = ocppd_json_get_str(row, "outcome");
	const char *reason = ocppd_json_get_str(row, "reason");

	work->base.request = NULL;
	for (size_t i = 0; outcome != NULL && i < sizeof(undone) / sizeof(undone[0]); i++) {
		if (strcmp(outcome, undone[i].outcome) != 0)
			continue;
		ocppd_request_problem(host, request, undone[i].status, undone[i].kind,
				      "%.200s (trigger %lld)", reason == NULL ? outcome : reason,
				      (long long)ocppd_json_get_int(row, "triggerId", 0));
		return;
	}
	if (row == NULL)
		ocppd_request_problem(host, request, 503, "unavailable",
				      "what came of it could not be recorded");
	else
		ocppd_request_reply(host, request, 201, json_object_get(row));
}

static void
on_trigger_settled(struct trigger *ctx, struct json_object *row, void *arg)
{
	struct work *work = arg;

	(void)ctx;
	work->is_settled = true;
	/* Without a row while the call goes on: it was refused, and on_called says why. */
	if (work->base.request != NULL && (row != NULL || work->is_called))
		answer(work, row);
	work_settle(work);
}

static void
on_called(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	  struct json_object *conf, void *arg)
{
	struct work *work = arg;
	struct json_object *details;
	const char *code = "";
	const char *text = "";

	(void)conf;
	work->is_called = true;
	if (result == OCPPD_RES_REFUSED && work->base.request != NULL) {
		(void)ocppd_outcall_error(call, &code, &text, &details);
		ocppd_request_problem(host, work->base.request, 422, "refused", "%s",
				      text[0] == '\0' ? "a check refused it" : text);
		work->base.request = NULL;
		work->is_settled = true;
	} else if (work->is_settled && work->base.request != NULL) {
		answer(work, NULL);
	}
	work_settle(work);
}

static bool
find_station(struct trigger *ctx, struct ocppd_request *request, struct ocppd_station **ret)
{
	const char *station_id = ocppd_json_get_str(ocppd_request_body(request), "stationId");

	*ret = ocppd_station_find(ctx->host, station_id);
	if (*ret != NULL && ocppd_station_is_connected(*ret))
		return true;
	/* The core remembers one that was deleted, too. */
	if (ctx->stations == NULL
		    ? *ret == NULL
		    : ctx->stations->is_known(ctx->stations_self, ctx->host, station_id) <= 0)
		ocppd_request_problem(ctx->host, request, 404, "unknown-station",
				      "There is no such station");
	else
		ocppd_request_problem(ctx->host, request, 409, "not-connected",
				      "The station is not connected");
	return false;
}

void
routes_post(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct trigger *ctx = arg;
	struct json_object *body = ocppd_request_body(request);
	struct ocppd_call_request call = {
		.struct_size = sizeof(call),
		.flags = OCPPD_CALL_STRICT,
		.action = "TriggerMessage",
		.requester = ocppd_request_user(request),
	};
	struct ocppd_error err = { 0 };
	struct work *work;
	int r;

	if (!find_station(ctx, request, &call.station))
		return;
	work = work_new(ctx, request);
	if (work == NULL)
		return;
	call.payload = json_object_new_object();
	ocppd_json_add_str(call.payload, "requestedMessage",
			   ocppd_json_get_str(body, "requestedMessage"));
	if (ocppd_json_get(body, "connectorId") != NULL)
		ocppd_json_add_int(call.payload, "connectorId",
				   ocppd_json_get_int(body, "connectorId", 0));
	ctx->asking = work; /* its prepare runs within the next call */
	ctx->asking_fn = on_trigger_settled;
	r = ocppd_call_send(host, &call, on_called, work, &err);
	ctx->asking = NULL;
	if (r < 0) {
		ocppd_work_fail(&work->base, r, &err);
		return;
	}
	/* Its call ends when the module stops, not before; a watch is counted by its row. */
	work->base.is_parked = true;
	ctx->outstanding--;
}
