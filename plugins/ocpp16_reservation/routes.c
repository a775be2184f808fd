/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator API of reservations. Making, replacing and cancelling send the OCPP message, always
 * with strict checks; the answer is the record, as it is on disk.
 */
#include "reservation.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_MAX 1000

struct work {
	struct ocppd_work base;
	struct ocppd_station *station; /* NULL: not known yet */
	struct json_object *payload;   /* owned, until it is sent */
	struct json_object *body;      /* owned, until it is answered */
	int64_t id;
	uint32_t status;   /* of a good end */
	bool is_replacing; /* PUT */
	bool is_over;      /* the read only tells why nothing was done */
};

static void
work_fini(void *arg)
{
	struct work *work = arg;

	json_object_put(work->payload);
	json_object_put(work->body);
}

static struct work *
work_new(struct reservations *ctx, struct ocppd_request *request)
{
	struct work *work = ocppd_work_new(&ctx->works, request, sizeof(*work));

	if (work == NULL)
		return NULL;
	work->base.fini = work_fini;
	work->base.unknown = "unknown-reservation";
	work->base.unknown_text = "There is no such reservation";
	work->status = 200;
	return work;
}

/* ---- One --------------------------------------------------------------------------------------
 */

static void
on_history(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	   const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct json_object *list;

	if (result < 0) {
		ocppd_work_fail(&work->base, result, err);
		return;
	}
	list = json_object_new_array();
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;
		struct json_object *item = json_object_new_object();

		ocppd_json_add_time(item, "time", row[0].number);
		ocppd_json_add_value(item, "status", &row[1]);
		ocppd_json_add_value(item, "reason", &row[2]);
		ocppd_json_add_value(item, "requester", &row[3]);
		ocppd_json_add_int(item, "connectorId", row[5].number);
		ocppd_json_add_value(item, "idTag", &row[6]);
		ocppd_json_add_time(item, "expiryDate", row[7].number);
		ocppd_json_add_value(item, "transactionId", &row[4]);
		json_object_array_add(list, item);
	}
	ocppd_json_add(work->body, "history", list);
	ocppd_request_reply(host, work->base.request, work->status, work->body);
	work->body = NULL;
	ocppd_work_end(&work->base);
}

static void
on_found(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	 const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;

	(void)host;
	if (ocppd_work_row(&work->base, result, rows, err) == NULL)
		return;
	if (rows->count > 1) {
		ocppd_work_problem(
			&work->base, 409, "ambiguous-reservation",
			"Several stations have a reservation of that id; name the stationId");
	} else if (work->is_over) {
		ocppd_work_problem(&work->base, 409, "not-active",
				   "The reservation does not hold any more");
	} else {
		const struct ocppd_value values[] = {
			rows->values[R_ID],
			rows->values[R_STATION],
			ocppd_value_int(HISTORY_MAX),
		};

		work->body = reservation_json(rows->values);
		work->base.limit = HISTORY_MAX;
		ocppd_work_query(&work->base, STATEMENT_HISTORY, values, 3, on_history);
	}
}

static void
on_settled(void *arg)
{
	struct work *work = arg;
	const char *station_id = work->station != NULL
					 ? ocppd_station_id(work->station)
					 : ocppd_request_query(work->base.request, "stationId");
	const struct ocppd_value values[] = {
		ocppd_value_int(work->id),
		ocppd_value_str(station_id),
	};

	ocppd_work_query(&work->base, STATEMENT_FIND, values, 2, on_found);
}

static void
read_one(struct work *work)
{
	ocppd_work_await(&work->base, on_settled);
}

/* With the path's id; NULL: the request was answered. */
static struct work *
work_of_path(struct reservations *ctx, struct ocppd_request *request)
{
	struct work *work = work_new(ctx, request);

	return work == NULL || ocppd_work_id(&work->base, "reservationId", &work->id) < 0 ? NULL
											  : work;
}

void
routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_path(ctx, request);

	(void)host;
	if (work != NULL)
		read_one(work);
}

/* ---- Many -------------------------------------------------------------------------------------
 */

static void
on_list_settled(void *arg)
{
	static const struct ocppd_page page = { sizeof(page), R_RECORD,
						.row_json = reservation_json };
	struct work *work = arg;
	const char *station_id = ocppd_request_query(work->base.request, "stationId");
	const char *tag = ocppd_request_query(work->base.request, "idTag");
	int64_t is_active = ocppd_request_query_int(work->base.request, "active", -1);
	char folded[TAG_SIZE];

	tag_fold(tag == NULL ? "" : tag, folded);
	const struct ocppd_value values[] = {
		ocppd_value_int(work->id),
		ocppd_value_int(work->base.limit + 1),
		ocppd_value_str(station_id),
		ocppd_value_str(tag == NULL ? NULL : folded),
		is_active < 0 ? ocppd_value_null() : ocppd_value_int(is_active),
	};

	ocppd_work_list(&work->base, station_id == NULL ? STATEMENT_LIST : STATEMENT_LIST_STATION,
			values, sizeof(values) / sizeof(values[0]), &page);
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

/* While a call is under way: it ends when the module stops, so stop must not wait for it. */
static void
park(struct work *work)
{
	struct reservations *ctx = work->base.ctx;

	work->base.is_parked = true;
	ctx->outstanding--;
}

/* False: the module has stopped, and the request was answered. */
static bool
unpark(struct work *work, uint32_t result)
{
	struct reservations *ctx = work->base.ctx;

	work->base.is_parked = result == OCPPD_RES_CANCELLED && ctx->is_stopping;
	if (work->base.is_parked) {
		ocppd_work_problem(&work->base, 503, "shutting-down", "the module is stopping");
		return false;
	}
	ctx->outstanding++;
	return true;
}

static void
answer_undone(struct work *work, const struct ocppd_outcall *call, uint32_t result)
{
	struct json_object *details;
	const char *code = "";
	const char *text = "";

	(void)ocppd_outcall_error(call, &code, &text, &details);
	switch (result) {
	case OCPPD_RES_ERROR:
		ocppd_request_problem(work->base.owner->host, work->base.request, 502,
				      "station-error", "the station answered %.60s%s%.200s", code,
				      text[0] == '\0' ? "" : ": ", text);
		ocppd_work_end(&work->base);
		break;
	case OCPPD_RES_REFUSED:
		ocppd_work_problem(&work->base, 422, "refused",
				   text[0] == '\0' ? "a check refused it" : text);
		break;
	case OCPPD_RES_TIMEOUT:
		ocppd_work_problem(&work->base, 504, "timeout",
				   "the station did not answer in time; it may still carry it out");
		break;
	case OCPPD_RES_GONE:
		ocppd_work_problem(&work->base, 409, "connection-ended",
				   "the station's connection ended before it answered");
		break;
	default:
		ocppd_work_problem(&work->base, 503, "shutting-down",
				   "the daemon or the module is stopping");
		break;
	}
}

static void
on_reserved(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	    struct json_object *conf, void *arg)
{
	struct work *work = arg;
	const char *status = ocppd_json_get_str(conf, "status");

	if (!unpark(work, result))
		return;
	if (result != OCPPD_RES_REPLY) {
		answer_undone(work, call, result);
		return;
	}
	if (status == NULL || strcmp(status, STATUS_ACCEPTED) != 0) {
		ocppd_request_problem(host, work->base.request, 409, "station-refused",
				      "the station answered %.40s",
				      status == NULL ? "nothing" : status);
		ocppd_work_end(&work->base);
		return;
	}
	work->id = ocppd_json_get_int(ocppd_outcall_request(call), "reservationId", 0);
	read_one(work);
}

static void
on_cancelled(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	     struct json_object *conf, void *arg)
{
	struct work *work = arg;

	(void)host;
	(void)conf;
	if (!unpark(work, result))
		return;
	if (result == OCPPD_RES_REPLY)
		read_one(work);
	else
		answer_undone(work, call, result);
}

static void
send_call(struct work *work, const char *action, ocppd_result_fn *fn)
{
	struct reservations *ctx = work->base.ctx;
	const struct ocppd_call_request call = {
		.struct_size = sizeof(call),
		.flags = OCPPD_CALL_STRICT,
		.station = work->station,
		.action = action,
		.payload = work->payload,
		.requester = ocppd_request_user(work->base.request),
	};
	struct ocppd_error err = { 0 };
	struct live *live = NULL;
	int r;

	work->payload = NULL;
	if (work->is_replacing)
		live = live_find(ctx, work->station, work->id);
	if (live != NULL)
		live->is_changing = true;
	r = ocppd_call_send(ctx->host, &call, fn, work, &err);
	if (live != NULL)
		live->is_changing = false; /* its prepare has looked */
	if (r < 0)
		ocppd_work_fail(&work->base, r, &err);
	else
		park(work);
}

static void
on_parent(struct ocppd_host *host, int result, const struct ocppd_authorization *decision,
	  void *arg)
{
	struct work *work = arg;

	(void)host;
	/* One that is too long for OCPP 1.6 cannot be sent. */
	if (result >= 0 && decision->parent != NULL && strlen(decision->parent) <= 20)
		ocppd_json_add_str(work->payload, "parentIdTag", decision->parent);
	send_call(work, "ReserveNow", on_reserved);
}

/* Whoever may charge with the tag's group may use what is reserved for it. */
static void
reserve(struct work *work, const char *token)
{
	struct reservations *ctx = work->base.ctx;
	struct ocppd_authorization decision = { .struct_size = sizeof(decision) };
	const struct ocppd_auth_query query = {
		sizeof(query),
		OCPPD_AUTH_FOR_QUESTION,
		work->station,
		{ token, NULL },
	};
	int r;

	if (token == NULL || ocppd_json_get(work->payload, "parentIdTag") != NULL) {
		send_call(work, "ReserveNow", on_reserved);
		return;
	}
	r = ctx->authorization->authorize(ctx->authorization_self, ctx->host, &query, &decision,
					  on_parent, work);
	if (r != OCPPD_PENDING)
		on_parent(ctx->host, r, &decision, work);
}

static void
add_expiry(struct work *work, int64_t time_us)
{
	char text[OCPPD_TIME_SIZE];

	/* Some read no fraction of a second. */
	if (ocppd_time_format(time_us, text) == 24 &&
	    ocppd_station_option(work->station, "whole_seconds") != NULL)
		memcpy(text + 19, "Z", 2);
	ocppd_json_add_str(work->payload, "expiryDate", text);
}

static bool
find_station(struct work *work, const char *station_id)
{
	struct reservations *ctx = work->base.ctx;

	work->station = ocppd_station_find(ctx->host, station_id);
	if (work->station != NULL && ocppd_station_is_connected(work->station))
		return true;
	/* The core remembers one that was deleted, too. */
	if (ctx->stations == NULL
		    ? work->station == NULL
		    : ctx->stations->is_known(ctx->stations_self, ctx->host, station_id) <= 0)
		ocppd_work_problem(&work->base, 404, "unknown-station", "There is no such station");
	else
		ocppd_work_problem(&work->base, 409, "not-connected",
				   "The station is not connected");
	return false;
}

void
routes_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_new(ctx, request);
	struct json_object *body = ocppd_request_body(request);
	const char *parent = ocppd_json_get_str(body, "parentIdTag");
	int64_t expiry_us = 0;

	(void)host;
	if (work == NULL || !find_station(work, ocppd_json_get_str(body, "stationId")))
		return;
	work->status = 201;
	work->payload = json_object_new_object();
	ocppd_json_add_int(work->payload, "connectorId",
			   ocppd_json_get_int(body, "connectorId", 0));
	(void)ocppd_json_get_time(body, "expiryDate", &expiry_us);
	add_expiry(work, expiry_us);
	ocppd_json_add_str(work->payload, "idTag", ocppd_json_get_str(body, "idTag"));
	ocppd_json_add_str(work->payload, "parentIdTag", parent);
	if (ocppd_json_get(body, "reservationId") != NULL)
		ocppd_json_add_int(work->payload, "reservationId",
				   ocppd_json_get_int(body, "reservationId", 0));
	reserve(work, ocppd_json_get_str(body, "idTag"));
}

/* The one that the path names and that holds; NULL: the request was, or will be, answered. */
static struct live *
find_live(struct work *work)
{
	bool is_ambiguous;
	struct live *live =
		live_find_any(work->base.ctx, ocppd_request_query(work->base.request, "stationId"),
			      work->id, &is_ambiguous);

	if (is_ambiguous) {
		ocppd_work_problem(
			&work->base, 409, "ambiguous-reservation",
			"Several stations have a reservation of that id; name the stationId");
		return NULL;
	}
	if (live == NULL) {
		work->is_over = true;
		read_one(work);
		return NULL;
	}
	return find_station(work, ocppd_station_id(live->station)) ? live : NULL;
}

void
routes_put(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_path(ctx, request);
	struct json_object *body = ocppd_request_body(request);
	const char *token = ocppd_json_get_str(body, "idTag");
	const char *parent = ocppd_json_get_str(body, "parentIdTag");
	struct live *live = work == NULL ? NULL : find_live(work);
	int64_t expiry_us;

	(void)host;
	if (live == NULL)
		return;
	expiry_us = live->terms.expiry_us;
	(void)ocppd_json_get_time(body, "expiryDate", &expiry_us);
	if (parent == NULL && token == NULL && live->terms.parent[0] != '\0')
		parent = live->terms.parent;
	work->is_replacing = true;
	work->payload = json_object_new_object();
	ocppd_json_add_int(work->payload, "connectorId",
			   ocppd_json_get_int(body, "connectorId", live->terms.connector));
	add_expiry(work, expiry_us);
	ocppd_json_add_str(work->payload, "idTag", token == NULL ? live->terms.token : token);
	ocppd_json_add_str(work->payload, "parentIdTag", parent);
	ocppd_json_add_int(work->payload, "reservationId", work->id);
	reserve(work, token);
}

void
routes_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_path(ctx, request);

	(void)host;
	if (work == NULL || find_live(work) == NULL)
		return;
	work->payload = json_object_new_object();
	ocppd_json_add_int(work->payload, "reservationId", work->id);
	send_call(work, "CancelReservation", on_cancelled);
}
