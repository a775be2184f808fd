/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Commands for stations that are not there: kept in memory and, where there is storage, in the
 * database. That a command goes out is written down before it does: after a crash it is told as
 * `unknown` and never sent twice. What holds a secret is kept in memory only. A slow walk every
 * second finds who has come and what expired.
 *
 * WAITING -> SENT -> one of the ends; SENT -> WAITING where it was not sent after all.
 */
#include "queue.h"

#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include "command.h"
#include "http_api.h"
#include "items.h"
#include "pending.h"
#include "problem.h"
#include "queue_private.h"
#include "secret.h"
#include "store.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define TICK_MS 1000
#define RETRY_US INT64_C(5000000)
#define SECOND_US INT64_C(1000000)
#define SECOND_MS 1000
#define KEPT_MAX 1000  /* of those that ended */
#define STATION_MAX 64 /* that wait for one station */
#define WAIT_MS 600000 /* in the core's queue: longer than any grace */
#define SENDS_A_TICK 500
#define LIST_DEFAULT 100

const char *const queued_state_words[QUEUED_STATES] = {
	"waiting", "sent",    "confirmed", "error",     "timeout",
	"gone",    "refused", "expired",   "cancelled", "unknown",
};

/* ---- Entries ------------------------------------------------------------------------------- */

void
queued_free(struct queued *queued)
{
	free(queued->station_id);
	free(queued->action);
	free(queued->requester);
	(void)json_object_put(queued->payload);
	(void)json_object_put(queued->result);
	free(queued);
}

static struct queued *
queued_find(const struct queue *queue, const char *id)
{
	struct queued *queued;

	TAILQ_FOREACH (queued, &queue->all, link) {
		if (strcmp(queued->id, id) == 0)
			return queued;
	}
	return NULL;
}

static struct json_object *
queued_json(const struct queued *queued)
{
	struct json_object *item = json_object_new_object();
	int r = 0;

	if (item == NULL)
		return NULL;
	r |= ocppd_json_add_str(item, "commandId", queued->id);
	r |= ocppd_json_add_str(item, "stationId", queued->station_id);
	r |= ocppd_json_add_str(item, "action", queued->action);
	r |= ocppd_json_add_str(item, "state", queued_state_words[queued->state]);
	r |= ocppd_json_add_str(item, "requester", queued->requester);
	r |= ocppd_json_add_time(item, "createdAt", queued->created_us);
	r |= ocppd_json_add_time(item, "expiresAt", queued->expires_us);
	if (queued->ended_us != 0)
		r |= ocppd_json_add_time(item, "endedAt", queued->ended_us);
	r |= ocppd_json_add_bool(item, "durable", queued->is_durable);
	if (queued->result != NULL)
		r |= ocppd_json_add(item, "result", json_object_get(queued->result));
	if (r == 0)
		return item;
	(void)json_object_put(item);
	return NULL;
}

/* ---- The database -------------------------------------------------------------------------- */

static void
queued_release(struct queued *queued)
{
	struct api *api = queued->queue->api;

	if (--queued->stores == 0 && queued->is_dead) {
		TAILQ_REMOVE(&queued->queue->dead, queued, link);
		queued_free(queued);
	}
	store_done(api);
}

static void
on_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct queued *queued = arg;

	(void)rows;
	(void)count;
	if (result < 0)
		OCPPD_WARN(host, "command.unstored", OCPPD_STR("station", queued->station_id),
			   OCPPD_STR("action", queued->action), OCPPD_STR("err", err->text));
	queued_release(queued);
}

/* Writes the entry as it is. 0: fn runs; else negative, and it does not. */
static int
queued_store(struct queued *queued, ocppd_unit_fn *fn)
{
	struct api *api = queued->queue->api;
	const struct ocppd_value values[] = {
		ocppd_value_str(queued->id),
		ocppd_value_str(queued->station_id),
		ocppd_value_str(queued->action),
		ocppd_value_str(queued->payload == NULL
					? ""
					: json_object_to_json_string_ext(queued->payload,
									 JSON_C_TO_STRING_PLAIN)),
		ocppd_value_int(queued->is_strict),
		ocppd_value_int(queued->timeout_s),
		ocppd_value_str(queued->requester),
		ocppd_value_int(queued->created_us),
		ocppd_value_int(queued->expires_us),
		ocppd_value_int(queued->state),
		queued->ended_us == 0 ? ocppd_value_null() : ocppd_value_int(queued->ended_us),
		ocppd_value_str(queued->result == NULL
					? NULL
					: json_object_to_json_string_ext(queued->result,
									 JSON_C_TO_STRING_PLAIN)),
	};
	int r = store_write(api, STATEMENT_QUEUE_PUT, values, sizeof(values) / sizeof(values[0]),
			    fn, queued);

	if (r == 0)
		queued->stores++;
	return r;
}

static void
queued_update(struct queued *queued)
{
	int r;

	if (!queued->is_durable)
		return;
	r = queued_store(queued, on_stored);
	if (r < 0)
		OCPPD_WARN(queued->queue->api->host, "command.unstored",
			   OCPPD_STR("station", queued->station_id),
			   OCPPD_STR("action", queued->action),
			   OCPPD_STR("err", ocppd_error_name(r)));
}

/* Forgets an entry, in the database too. */
static void
queued_drop(struct queued *queued)
{
	struct queue *queue = queued->queue;
	const struct ocppd_value id = ocppd_value_str(queued->id);

	TAILQ_REMOVE(&queue->all, queued, link);
	if (queued_has_ended(queued))
		queue->ended--;
	else
		queue->waiting--;
	if (queued->is_durable &&
	    store_write(queue->api, STATEMENT_QUEUE_DELETE, &id, 1, on_stored, queued) == 0)
		queued->stores++;
	if (queued->stores == 0) {
		queued_free(queued);
		return;
	}
	queued->is_dead = true;
	TAILQ_INSERT_TAIL(&queue->dead, queued, link);
}

/* ---- Ends ---------------------------------------------------------------------------------- */

static void
tell(const struct queued *queued)
{
	struct json_object *body = queued_json(queued);

	if (body != NULL)
		(void)ocppd_event_publish(queued->queue->api->host, "command.ended",
					  queued->station_id, body);
}

void
queued_end(struct queued *queued, enum queued_state state, struct json_object *result)
{
	struct queue *queue = queued->queue;
	struct queued *oldest;

	queued->state = state;
	queued->ended_us = ocppd_now_us(queue->api->host);
	queued->result = result;
	(void)json_object_put(queued->payload);
	queued->payload = NULL;
	queue->waiting--;
	queue->ended++;
	queued_update(queued);
	OCPPD_INFO(queue->api->host, "command.ended", OCPPD_STR("station", queued->station_id),
		   OCPPD_STR("action", queued->action),
		   OCPPD_STR("state", queued_state_words[state]));
	tell(queued);
	oldest = TAILQ_FIRST(&queue->all);
	while (queue->ended > KEPT_MAX && oldest != NULL) {
		struct queued *next = TAILQ_NEXT(oldest, link);

		if (queued_has_ended(oldest) && oldest != queued)
			queued_drop(oldest);
		oldest = next;
	}
}

static enum queued_state
state_of(uint32_t result)
{
	switch (result) {
	case OCPPD_RES_REPLY:
		return QUEUED_CONFIRMED;
	case OCPPD_RES_ERROR:
		return QUEUED_ERROR;
	case OCPPD_RES_TIMEOUT:
		return QUEUED_TIMEOUT;
	case OCPPD_RES_GONE:
		return QUEUED_GONE;
	case OCPPD_RES_REFUSED:
		return QUEUED_REFUSED;
	default:
		return QUEUED_CANCELLED;
	}
}

/* It was not sent after all. */
static void
queued_return(struct queued *queued)
{
	queued->state = QUEUED_WAITING;
	queued->next_try_us = ocppd_now_us(queued->queue->api->host) + RETRY_US;
	if (queued->is_orphan)
		queued_orphan(queued);
	else
		queued_update(queued);
}

static void
on_result(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	  struct json_object *conf, void *arg)
{
	struct queued *queued = arg;
	struct json_object *body;
	uint32_t status;

	if (queued->queue->is_stopped)
		return; /* the database says SENT, which a restart tells as unknown */
	if ((result == OCPPD_RES_GONE || result == OCPPD_RES_CANCELLED) &&
	    !ocppd_outcall_was_sent(call)) {
		queued_return(queued);
		return;
	}
	body = command_result(call, result, conf, &status);
	secret_hide_response(host, queued->action, body);
	queued_end(queued, state_of(result), body);
}

/* ---- Sending ------------------------------------------------------------------------------- */

static void
fail_send(struct queued *queued, int result, const struct ocppd_error *err)
{
	struct problem problem;

	if (result == OCPPD_ENOTCONN || result == OCPPD_ESTATE || result == OCPPD_EBUSY ||
	    result == OCPPD_ESHUTDOWN || result == OCPPD_ENOMEM) {
		queued_return(queued);
		return;
	}
	(void)command_refusal(queued->queue->api->host, queued->station_id, queued->action, result,
			      err, &problem);
	queued_end(queued, QUEUED_REFUSED, problem_body(&problem));
}

static void
queued_send(struct queued *queued)
{
	struct ocppd_host *host = queued->queue->api->host;
	struct ocppd_error err = { 0 };
	struct ocppd_call_request call = {
		.struct_size = sizeof(call),
		.flags = OCPPD_CALL_AUTOMATIC | (queued->is_strict ? OCPPD_CALL_STRICT : 0),
		.station = ocppd_station_find(host, queued->station_id),
		.action = queued->action,
		.requester = queued->requester,
		.timeout_ms = queued->timeout_s * SECOND_MS,
		.wait_ms = WAIT_MS,
	};
	int r;

	/* prepare may fill members in: what is kept stays as it was asked for. */
	if (json_object_deep_copy(queued->payload, &call.payload, NULL) != 0) {
		queued_return(queued);
		return;
	}
	if (call.station == NULL) {
		(void)json_object_put(call.payload);
		queued_return(queued);
		return;
	}
	r = ocppd_call_send(host, &call, on_result, queued, &err);
	if (r < 0)
		fail_send(queued, r, &err);
}

static void
on_sending_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
		  uint32_t count, const struct ocppd_error *err, void *arg)
{
	struct queued *queued = arg;

	(void)rows;
	(void)count;
	if (!queued->is_dead && queued->state == QUEUED_SENT) {
		if (result == 0 && queued->queue->is_stopped) {
			queued_return(queued);
		} else if (result == 0) {
			queued_send(queued);
		} else {
			OCPPD_WARN(host, "command.unstored",
				   OCPPD_STR("station", queued->station_id),
				   OCPPD_STR("err", err->text));
			queued->state = QUEUED_WAITING;
			queued->next_try_us = ocppd_now_us(host) + RETRY_US;
		}
	}
	queued_release(queued);
}

static void
queued_try(struct queued *queued)
{
	struct api *api = queued->queue->api;

	queued->state = QUEUED_SENT;
	if (!queued->is_durable) {
		queued_send(queued);
	} else if (queued_store(queued, on_sending_stored) < 0) {
		queued->state = QUEUED_WAITING;
		queued->next_try_us = ocppd_now_us(api->host) + RETRY_US;
	}
}

static bool
is_due(const struct queued *queued, int64_t now_us)
{
	const struct ocppd_station *station;

	if (queued->state != QUEUED_WAITING || queued->pending != NULL ||
	    now_us < queued->next_try_us)
		return false;
	station = ocppd_station_find(queued->queue->api->host, queued->station_id);
	return station != NULL && ocppd_station_is_connected(station);
}

static void
on_tick(struct ocppd_host *host, void *arg)
{
	struct queue *queue = arg;
	struct queued *queued = TAILQ_FIRST(&queue->all);
	int64_t now_us = ocppd_now_us(host);
	uint32_t left = SENDS_A_TICK;

	while (queued != NULL && queue->waiting > 0) {
		struct queued *next = TAILQ_NEXT(queued, link);

		if (queued->state == QUEUED_WAITING && queued->pending == NULL &&
		    now_us >= queued->expires_us) {
			queued_end(queued, QUEUED_EXPIRED, NULL);
			/* Ended ones may have been dropped with it, the next one among them. */
			next = TAILQ_NEXT(queued, link);
		} else if (left > 0 && is_due(queued, now_us)) {
			left--;
			queued_try(queued);
			next = TAILQ_NEXT(queued, link);
		}
		queued = next;
	}
	if (queue->waiting > 0)
		ocppd_timer_set(queue->timer, TICK_MS);
}

/* ---- Routes -------------------------------------------------------------------------------- */

static void
reply_queued(struct ocppd_host *host, struct ocppd_request *request, uint32_t status,
	     const struct queued *queued)
{
	struct json_object *body = queued_json(queued);

	if (body == NULL)
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
	else
		ocppd_request_reply(host, request, status, body);
}

static void
on_kept(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	const struct ocppd_error *err, void *arg)
{
	struct queued *queued = arg;
	struct ocppd_request *request = pending_end(queued->pending);

	(void)rows;
	(void)count;
	queued->pending = NULL;
	if (request != NULL && result == 0)
		reply_queued(host, request, 202, queued);
	else if (request != NULL)
		ocppd_request_fail(host, request, result, err);
	if (result < 0)
		queued_drop(queued);
	else if (queued->is_orphan)
		queued_orphan(queued);
	queued_release(queued);
}

static struct queued *
queued_new(struct queue *queue, const struct ocppd_request *request, int64_t queue_s)
{
	const char *checks = ocppd_request_query(request, "checks");
	struct json_object *body = ocppd_request_body(request);
	struct queued *queued = calloc(1, sizeof(*queued));

	if (queued == NULL)
		return NULL;
	queued->queue = queue;
	queued->station_id = strdup(ocppd_request_param(request, "stationId"));
	queued->action = strdup(ocppd_request_param(request, "Action"));
	queued->requester = strdup(ocppd_request_user(request));
	queued->payload = body == NULL ? json_object_new_object() : json_object_get(body);
	queued->timeout_s = ocppd_request_query_int(request, "timeout", 0);
	queued->is_strict = checks != NULL && strcmp(checks, "strict") == 0;
	queued->created_us = ocppd_now_us(queue->api->host);
	queued->expires_us = queued->created_us + queue_s * SECOND_US;
	if (queued->station_id == NULL || queued->action == NULL || queued->requester == NULL ||
	    queued->payload == NULL || store_id(queued->id, ID_DIGITS) < 0) {
		queued_free(queued);
		return NULL;
	}
	queued->is_durable = queue->api->storage != NULL &&
			     !secret_is_in(queue->api->host, queued->action, queued->payload);
	TAILQ_INSERT_TAIL(&queue->all, queued, link);
	if (queue->waiting++ == 0)
		ocppd_timer_set(queue->timer, TICK_MS);
	return queued;
}

/* Whether there is room, in all and for the station. */
static bool
has_room(const struct queue *queue, const char *station_id)
{
	const struct queued *queued;
	uint32_t count = 0;

	if (queue->waiting >= (uint64_t)queue->api->conf->queue_commands)
		return false;
	TAILQ_FOREACH (queued, &queue->all, link)
		count += !queued_has_ended(queued) && strcmp(queued->station_id, station_id) == 0;
	return count < STATION_MAX;
}

void
queue_post(struct api *api, struct ocppd_request *request, int64_t queue_s)
{
	struct ocppd_host *host = api->host;
	const char *station_id = ocppd_request_param(request, "stationId");
	const char *action = ocppd_request_param(request, "Action");
	struct ocppd_error err = { 0 };
	struct problem problem;
	struct queued *queued;
	int r = command_check(host, action, ocppd_request_body(request), &err);

	if (r == 0 && !has_room(api->queue, station_id))
		r = OCPPD_EBUSY;
	if (r < 0) {
		(void)command_refusal(host, station_id, action, r, &err, &problem);
		ocppd_request_problem(host, request, problem.status, problem.kind, "%s",
				      problem.detail);
		return;
	}
	queued = queued_new(api->queue, request, queue_s);
	if (queued == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	if (!queued->is_durable) {
		reply_queued(host, request, 202, queued);
		return;
	}
	queued->pending = pending_new(api, request);
	r = queued->pending == NULL ? OCPPD_ENOMEM : queued_store(queued, on_kept);
	if (r < 0) {
		if (queued->pending != NULL)
			(void)pending_end(queued->pending);
		queued->pending = NULL;
		queued_drop(queued);
		ocppd_request_fail(host, request, r, NULL);
	}
}

void
queue_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const struct api *api = ctx;
	const char *station_id = ocppd_request_query(request, "stationId");
	const char *state = ocppd_request_query(request, "state");
	const char *after = ocppd_request_query(request, "after");
	const char *next = NULL;
	int64_t left = ocppd_request_query_int(request, "limit", LIST_DEFAULT);
	const struct queued *queued = TAILQ_FIRST(&api->queue->all);
	const struct queued *last = NULL;
	struct items items;

	if (after != NULL) {
		queued = queued_find(api->queue, after);
		queued = queued == NULL ? NULL : TAILQ_NEXT(queued, link);
	}
	items_init(&items);
	for (; queued != NULL; queued = TAILQ_NEXT(queued, link)) {
		if ((station_id != NULL && strcmp(station_id, queued->station_id) != 0) ||
		    (state != NULL && strcmp(state, queued_state_words[queued->state]) != 0))
			continue;
		if (left-- == 0) {
			next = last->id;
			break;
		}
		if (!items_add(&items, queued_json(queued)))
			break;
		last = queued;
	}
	items_reply(&items, host, request, next);
}

static struct queued *
queued_of(struct ocppd_host *host, struct ocppd_request *request, const struct api *api)
{
	struct queued *queued = queued_find(api->queue, ocppd_request_param(request, "commandId"));

	if (queued == NULL)
		ocppd_request_problem(host, request, 404, "unknown-command",
				      "there is no such queued command");
	return queued;
}

void
queue_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const struct queued *queued = queued_of(host, request, ctx);

	if (queued != NULL)
		reply_queued(host, request, 200, queued);
}

void
queue_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct queued *queued = queued_of(host, request, ctx);

	if (queued == NULL)
		return;
	if (queued->state != QUEUED_WAITING || queued->pending != NULL) {
		ocppd_request_problem(host, request, 409, "not-waiting",
				      "the command does not wait any more: it is %s",
				      queued_state_words[queued->state]);
		return;
	}
	queued_end(queued, QUEUED_CANCELLED, NULL);
	reply_queued(host, request, 200, queued);
}

/* ---- Life ---------------------------------------------------------------------------------- */

struct queue *
queue_new(struct api *api)
{
	struct queue *queue = calloc(1, sizeof(*queue));

	if (queue == NULL)
		return NULL;
	queue->api = api;
	TAILQ_INIT(&queue->all);
	TAILQ_INIT(&queue->dead);
	return queue;
}

static void
list_free(struct queued_list *list)
{
	struct queued *queued;

	while ((queued = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, queued, link);
		queued_free(queued);
	}
}

void
queue_free(struct queue *queue)
{
	if (queue == NULL)
		return;
	list_free(&queue->all);
	list_free(&queue->dead);
	free(queue);
}

int
queue_start(struct queue *queue)
{
	struct queued *queued = TAILQ_FIRST(&queue->all);

	queue->is_stopped = false;
	queue->timer = ocppd_timer_new(queue->api->host, on_tick, queue);
	if (queue->timer == NULL)
		return OCPPD_ENOMEM;
	while (queued != NULL) {
		struct queued *next = TAILQ_NEXT(queued, link);

		if (queued->state == QUEUED_SENT ||
		    (queued->state == QUEUED_WAITING && queued->payload == NULL)) {
			queued_end(queued, QUEUED_UNKNOWN, NULL);
			next = TAILQ_NEXT(queued, link);
		}
		queued = next;
	}
	if (queue->waiting > 0)
		ocppd_timer_set(queue->timer, TICK_MS);
	return 0;
}

void
queue_stop(struct queue *queue)
{
	queue->is_stopped = true;
	ocppd_timer_free(queue->timer);
	queue->timer = NULL;
}
