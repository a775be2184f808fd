/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * CALLs of stations: one at a time for each station to the module that handles it (C08), in order,
 * with a bounded queue before it; checks in the order envelope, action, registration, schema;
 * filters; the answer, checked, sent, and remembered where a repetition must get the same.
 * Must not know any action.
 */
#include "ocpp/router.h"

#include <json-c/json.h>

#include "base/assert.h"
#include "base/text.h"
#include "ocpp/floor.h"
#include "ocpp/schema.h"
#include "runtime/loop.h"

static void pump(struct ocpp *ocpp, struct ocppd_station *station);

/* ---- Sending ------------------------------------------------------------------------------ */

static int
send_message(struct ocpp *ocpp, struct ocppd_station *station, uint64_t connection_id,
	     const struct action_row *row, struct outbound *answer)
{
	struct conn *conn = station->conn;

	if (answer == NULL)
		return OCPPD_ENOMEM;
	if (conn == NULL || conn->id != connection_id) {
		outbound_free(answer);
		return OCPPD_EGONE;
	}
	answer->conn = conn;
	frames_out(ocpp, conn, row, answer);
	conn->ops->send(conn, answer);
	return 0;
}

static void
send_error(struct ocpp *ocpp, struct ocppd_station *station, const struct inbound *message,
	   uint32_t code, const char *text)
{
	const struct conn *conn = message->conn;

	(void)send_message(ocpp, station, conn->id, message->action,
			   outbound_error(message->id, message->is_numeric_id,
					  ocppd_callerror_name(conn->protocol, code), text, NULL));
}

static struct tally *
message_tally(struct ocpp *ocpp, const struct inbound *message)
{
	return message->action != NULL ? message->action->from_tally
				       : tally_find(ocpp, message->action_name, OCPPD_FROM_STATION);
}

/* The core's own refusal: answered, counted, logged with the code that would admit it. */
static void
refuse(struct ocpp *ocpp, struct ocppd_station *station, const struct inbound *message,
       uint32_t code, const char *text)
{
	const struct conn *conn = message->conn;
	const char *name = ocppd_callerror_name(conn->protocol, code);

	send_error(ocpp, station, message, code, text);
	ocpp_count(ocpp, OCPP_METRIC_REFUSED, name);
	tally_error(message_tally(ocpp, message), code);
	OCPPD_WARN(ocpp->self, "call.refused", OCPPD_STR("station", station->id),
		   OCPPD_INT("conn", conn->id), OCPPD_STR("action", message->action_name),
		   OCPPD_STR("msgid", message->id), OCPPD_STR("code", name), OCPPD_STR("err", text),
		   OCPPD_STR("quirk", message->has_refusal ? message->refusal_quirk : NULL));
}

/* ---- Handles ------------------------------------------------------------------------------ */

static void
call_untime(struct ocpp *ocpp, struct ocppd_call *call)
{
	if (!call->is_timed)
		return;
	TAILQ_REMOVE(&ocpp->router.open, call, by_start);
	call->is_timed = false;
	if (call->is_orphan) {
		call->is_orphan = false;
		call->station->orphan_count--;
	}
}

static void
call_free(struct ocpp *ocpp, struct ocppd_call *call)
{
	call_untime(ocpp, call);
	LIST_REMOVE(call, by_host);
	action_table_release(call->table);
	inbound_free(call->message);
	call->magic = 0;
	free(call);
}

/* The station may get its next CALL. */
static void
call_close(struct ocpp *ocpp, struct ocppd_call *call)
{
	OCPPD_ASSERT(call->state == CALL_OPEN);
	call->station->open = NULL;
	ocpp->router.open_count--;
	ocpp_drain_check(ocpp);
}

static struct ocppd_call *
call_new(struct ocpp *ocpp, struct ocppd_station *station, struct inbound *message)
{
	struct ocppd_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->magic = CALL_MAGIC;
	call->station = station;
	call->connection_id = message->conn->id;
	call->row = message->action;
	call->host = call->row->host;
	call->table = ocpp->actions.table;
	action_table_hold(call->table);
	call->message = message;
	call->started_mono_us = clock_mono_us(&ocpp->core->clock);
	LIST_INSERT_HEAD(&ocpp_host_get(call->host)->calls, call, by_host);
	TAILQ_INSERT_TAIL(&ocpp->router.open, call, by_start);
	call->is_timed = true;
	station->open = call;
	ocpp->router.open_count++;
	return call;
}

static void
on_pump(struct ocppd_core *core, void *arg)
{
	struct ocpp *ocpp = core->ocpp;
	struct ocppd_station *station;

	(void)arg;
	ocpp->router.is_pump_posted = false;
	while ((station = STAILQ_FIRST(&ocpp->router.ready)) != NULL) {
		STAILQ_REMOVE_HEAD(&ocpp->router.ready, ready);
		station->is_ready = false;
		pump(ocpp, station);
	}
}

/* The next CALL goes after the current callback, which may be a module's. */
static void
pump_later(struct ocpp *ocpp, struct ocppd_station *station)
{
	if (station->first == NULL || station->is_ready || station->is_pumping)
		return;
	STAILQ_INSERT_TAIL(&ocpp->router.ready, station, ready);
	station->is_ready = true;
	if (!ocpp->router.is_pump_posted)
		ocpp->router.is_pump_posted = loop_post(ocpp->core, on_pump, NULL) == 0;
}

/*
 * Ends a handle with its answer, which is taken. A detached one sends nothing, but what it did is
 * remembered for the repetition that will come.
 */
int
call_finish(struct ocpp *ocpp, struct ocppd_call *call, struct outbound *answer, bool is_result)
{
	struct ocppd_station *station = call->station;
	int64_t took_us;
	int r = OCPPD_EGONE;

	if (call->state == CALL_ANSWERED) {
		outbound_free(answer);
		return OCPPD_ESTATE;
	}
	took_us = clock_mono_us(&ocpp->core->clock) - call->started_mono_us;
	tally_time(call->row->from_tally, took_us);
	if (is_result && answer != NULL && (call->row->flags & OCPPD_ACTION_ONCE) != 0)
		reply_keep(ocpp, station, call->message, answer);
	OCPPD_DEBUG(ocpp->self, "call.answered", OCPPD_STR("station", station->id),
		    OCPPD_STR("action", call->row->name), OCPPD_STR("msgid", call->message->id),
		    OCPPD_INT("dur_ms", took_us / 1000));
	if (call->state == CALL_OPEN) {
		r = send_message(ocpp, station, call->connection_id, call->row, answer);
		call_close(ocpp, call);
	} else {
		outbound_free(answer);
	}
	call->state = CALL_ANSWERED;
	if (!call->is_dispatching)
		call_free(ocpp, call);
	pump_later(ocpp, station);
	return r;
}

int
call_fail(struct ocpp *ocpp, struct ocppd_call *call, uint32_t code, const char *text,
	  struct json_object *details)
{
	const struct inbound *message = call->message;

	if (call->state != CALL_OPEN) {
		json_object_put(details);
		return call_finish(ocpp, call, NULL, false);
	}
	tally_error(call->row->from_tally, code);
	return call_finish(ocpp, call,
			   outbound_error(message->id, message->is_numeric_id,
					  ocppd_callerror_name(call->row->protocol, code), text,
					  details),
			   false);
}

/* ---- Deadlines ---------------------------------------------------------------------------- */

static void
timer_arm(struct ocpp *ocpp)
{
	struct router *router = &ocpp->router;
	const struct ocppd_call *oldest = TAILQ_FIRST(&router->open);
	int64_t left_ms;

	if (oldest == NULL || router->is_timer_set)
		return;
	left_ms = ocpp->conf.handler_timeout_ms -
		  (clock_mono_us(&ocpp->core->clock) - oldest->started_mono_us) / 1000;
	router->is_timer_set = true;
	ocppd_timer_set(router->timer, left_ms > 0 ? left_ms : 1);
}

/* The answer is InternalError; the module may still answer, later and harmlessly. */
static void
call_expire(struct ocpp *ocpp, struct ocppd_call *call)
{
	struct ocppd_station *station = call->station;
	const struct inbound *message = call->message;

	call_untime(ocpp, call);
	if (call->state == CALL_OPEN) {
		ocpp_count(ocpp, OCPP_METRIC_HANDLER_TIMEOUTS, NULL);
		tally_error(call->row->from_tally, OCPPD_CALLERROR_INTERNAL);
		OCPPD_ERROR(ocpp->self, "handler.overdue", OCPPD_STR("station", station->id),
			    OCPPD_STR("action", call->row->name), OCPPD_STR("msgid", message->id),
			    OCPPD_STR("module", call->host->name));
		(void)send_message(ocpp, station, call->connection_id, call->row,
				   outbound_error(message->id, message->is_numeric_id,
						  ocppd_callerror_name(call->row->protocol,
								       OCPPD_CALLERROR_INTERNAL),
						  "not answered in time", NULL));
		call_close(ocpp, call);
		call->state = CALL_DETACHED;
	}
	pump_later(ocpp, station);
}

static void
on_deadline(struct ocppd_host *host, void *arg)
{
	struct ocpp *ocpp = arg;
	int64_t limit_us = clock_mono_us(&ocpp->core->clock) - ocpp->conf.handler_timeout_ms * 1000;
	struct ocppd_call *call;

	(void)host;
	ocpp->router.is_timer_set = false;
	while ((call = TAILQ_FIRST(&ocpp->router.open)) != NULL &&
	       call->started_mono_us <= limit_us)
		call_expire(ocpp, call);
	timer_arm(ocpp);
}

/* ---- Dispatching -------------------------------------------------------------------------- */

static bool
filter_wants(const struct filter *filter, const struct ocppd_call *call)
{
	return (filter->action == NULL || str_eq(filter->action, call->row->name)) &&
	       (filter->protocol == NULL || str_eq(filter->protocol, call->row->protocol));
}

/* The handle changes hands. */
static void
call_move(struct ocppd_call *call, struct ocppd_host *host)
{
	LIST_REMOVE(call, by_host);
	call->host = host;
	LIST_INSERT_HEAD(&ocpp_host_get(host)->calls, call, by_host);
}

/* 0: nobody took it; 1: a filter did, or it is answered; negative: failed. */
static int
run_filters(struct ocpp *ocpp, struct ocppd_call *call)
{
	struct filter *filter;
	struct filter *next;
	struct ocppd_host *owner = call->host;

	for (filter = TAILQ_FIRST(&ocpp->router.filters); filter != NULL; filter = next) {
		int64_t began;
		int r;

		next = TAILQ_NEXT(filter, all);
		if (!filter_wants(filter, call))
			continue;
		call_move(call, filter->host);
		began = host_enter(filter->host);
		r = filter->fn(filter->host, call, call->message->payload, filter->arg);
		host_leave(filter->host, began, call->row->name);
		if (r != 0 || call->state == CALL_ANSWERED)
			return r < 0 ? r : 1;
	}
	if (call->host != owner)
		call_move(call, owner);
	return 0;
}

static int
run_handler(struct ocpp *ocpp, struct ocppd_call *call)
{
	struct ocppd_host *host = call->host;
	int r = TAILQ_EMPTY(&ocpp->router.filters) ? 0 : run_filters(ocpp, call);
	int64_t began;

	if (r != 0)
		return r;
	began = host_enter(host);
	r = call->row->action->on_call(host, call, call->message->payload, host->ctx);
	host_leave(host, began, call->row->name);
	return r;
}

/* Takes the message. */
static void
dispatch(struct ocpp *ocpp, struct ocppd_station *station, struct inbound *message)
{
	struct ocppd_call *call = call_new(ocpp, station, message);
	int r;

	if (call == NULL) {
		refuse(ocpp, station, message, OCPPD_CALLERROR_INTERNAL, "out of memory");
		inbound_free(message);
		return;
	}
	timer_arm(ocpp);
	call->is_dispatching = true;
	r = run_handler(ocpp, call);
	if (r < 0 && call->state == CALL_OPEN) {
		OCPPD_ERROR(ocpp->self, "handler.failed", OCPPD_STR("station", station->id),
			    OCPPD_STR("action", call->row->name), OCPPD_STR("msgid", message->id),
			    OCPPD_STR("module", call->host->name),
			    OCPPD_STR("err", ocppd_strerror(r)));
		(void)call_fail(ocpp, call, OCPPD_CALLERROR_INTERNAL, "processing failed", NULL);
	}
	call->is_dispatching = false;
	if (call->state == CALL_ANSWERED) {
		call_free(ocpp, call);
		return;
	}
	/* req was lent until the return; what waits for a commit keeps no tree. */
	json_object_put(message->payload);
	message->payload = NULL;
}

/* ---- Checks ------------------------------------------------------------------------------- */

/* Accepted, or we asked for the message. */
static bool
is_admitted(struct ocpp *ocpp, struct ocppd_station *station, const struct inbound *message)
{
	return station_is_accepted(station) ||
	       station_expected(ocpp, station, message->action_name);
}

/* Nobody handles the action: refused, or, if it only notifies, confirmed (C11). */
static void
unclaimed(struct ocpp *ocpp, struct ocppd_station *station, const struct inbound *message)
{
	const struct action_table *table = ocpp->actions.table;
	const char *protocol = message->conn->protocol;
	const struct action_word *word = action_word_find(table, protocol, message->action_name);

	if (word == NULL &&
	    action_find(table, protocol, message->action_name, OCPPD_TO_STATION) == NULL) {
		station_quirk(ocpp, station, "C12", message->action_name);
		refuse(ocpp, station, message, OCPPD_CALLERROR_NOT_IMPLEMENTED,
		       "this action is unknown");
		return;
	}
	if (word == NULL || (word->direction & OCPPD_FROM_STATION) == 0 ||
	    (word->flags & OCPPD_WORD_NOTIFICATION) == 0 ||
	    ocpp->conf.unclaimed_notifications != 0) {
		refuse(ocpp, station, message, OCPPD_CALLERROR_NOT_SUPPORTED,
		       "no module handles this action");
		return;
	}
	if (!is_admitted(ocpp, station, message)) {
		refuse(ocpp, station, message, OCPPD_CALLERROR_SECURITY,
		       "the station is not accepted");
		return;
	}
	ocpp_count(ocpp, OCPP_METRIC_UNCLAIMED, NULL);
	station_quirk(ocpp, station, "C11", message->action_name);
	(void)send_message(ocpp, station, message->conn->id, NULL,
			   outbound_result_text(message->id, message->is_numeric_id, "{}", 2));
}

/* The present table's row; a payload that was read with another one is checked again. */
static int
find_row(struct ocpp *ocpp, struct ocppd_station *station, struct inbound *message)
{
	struct action_table *table = ocpp->actions.table;
	const struct action_row *row = message->action;

	if (message->table != table)
		row = action_find(table, message->conn->protocol, message->action_name,
				  OCPPD_FROM_STATION);
	if (row == NULL || row->host == NULL) {
		message->action = NULL;
		return 0;
	}
	if (row == message->action)
		return 0;
	return inbound_check(message, row, station->quirks, table->is_strict);
}

/* A repetition of what was answered gets the same answer. True: done. */
static bool
repeat_answer(struct ocpp *ocpp, struct ocppd_station *station, const struct inbound *message)
{
	struct outbound *answer;
	int64_t age_us = 0;
	char age[32];

	if ((message->action->flags & OCPPD_ACTION_ONCE) == 0 || station->reply_count == 0)
		return false;
	answer = reply_find(ocpp, station, message, &age_us);
	if (answer == NULL)
		return false;
	(void)snprintf(age, sizeof(age), "%lld s after", (long long)(age_us / 1000000));
	station_quirk(ocpp, station, "C03", age);
	(void)send_message(ocpp, station, message->conn->id, message->action, answer);
	return true;
}

/* A repetition of what an earlier connection began and a module still works on. */
static bool
is_under_way(const struct ocpp *ocpp, const struct ocppd_station *station,
	     const struct inbound *message)
{
	const struct ocppd_call *call;

	if (station->orphan_count == 0 || message->action == NULL ||
	    (message->action->flags & OCPPD_ACTION_ONCE) == 0)
		return false;
	TAILQ_FOREACH (call, &ocpp->router.open, by_start) {
		if (call->is_orphan && call->station == station &&
		    call->message->payload_hash == message->payload_hash &&
		    str_eq(call->message->id, message->id))
			return true;
	}
	return false;
}

static void
count_findings(struct ocpp *ocpp, struct ocppd_station *station, const struct inbound *message)
{
	const struct findings *findings = message->findings;

	for (uint32_t i = 0; findings != NULL && i < findings->count; i++) {
		const struct ocppd_finding *finding = &findings->items[i];

		station_quirk(ocpp, station, finding->quirk,
			      finding->raw != NULL ? finding->raw : finding->path);
	}
}

/* Takes the message. */
static void
start(struct ocpp *ocpp, struct ocppd_station *station, struct inbound *message)
{
	int r = 0;

	message_tally(ocpp, message)->calls++;
	if (message->is_malformed)
		refuse(ocpp, station, message, message->code, message->text);
	else if ((r = find_row(ocpp, station, message)) < 0)
		refuse(ocpp, station, message, OCPPD_CALLERROR_INTERNAL, "out of memory");
	else if (message->action == NULL)
		unclaimed(ocpp, station, message);
	else if ((message->action->flags & OCPPD_ACTION_ANYTIME) == 0 &&
		 !is_admitted(ocpp, station, message))
		refuse(ocpp, station, message, OCPPD_CALLERROR_SECURITY,
		       "the station is not accepted");
	else if (message->has_refusal)
		refuse(ocpp, station, message, message->code, message->text);
	else if (!repeat_answer(ocpp, station, message)) {
		if (station->registration != OCPPD_REG_ACCEPTED && station_is_accepted(station) &&
		    (message->action->flags & OCPPD_ACTION_ANYTIME) == 0)
			station_quirk(ocpp, station, "F01", message->action_name);
		count_findings(ocpp, station, message);
		dispatch(ocpp, station, message);
		return;
	}
	inbound_free(message);
}

/* ---- A station's queue -------------------------------------------------------------------- */

static void
set_paused(struct conn *conn, bool is_paused)
{
	if (conn->is_paused == is_paused || conn->is_closing)
		return;
	conn->is_paused = is_paused;
	conn->ops->pause(conn, is_paused);
}

static struct inbound *
take_first(struct ocppd_station *station)
{
	struct inbound *message = station->first;

	station->first = (struct inbound *)message->link.next;
	if (station->first == NULL)
		station->last = NULL;
	station->waiting_count--;
	return message;
}

static void
pump(struct ocpp *ocpp, struct ocppd_station *station)
{
	if (station->is_pumping)
		return;
	station->is_pumping = true;
	while (station->open == NULL && station->first != NULL && !ocpp->is_draining) {
		struct action_table *table = station->first->table;

		if (is_under_way(ocpp, station, station->first))
			break;
		start(ocpp, station, take_first(station));
		action_table_release(table);
	}
	station->is_pumping = false;
	if (station->conn != NULL && station->conn->is_paused &&
	    (int64_t)station->waiting_count <= ocpp->conf.inbound_queue / 2)
		set_paused(station->conn, false);
}

void
router_call(struct ocpp *ocpp, struct inbound *message)
{
	struct ocppd_station *station = message->conn->station;

	/* What is not answered while draining, the station sends again elsewhere or later. */
	if (station == NULL || message->conn->is_closing || ocpp->is_draining) {
		inbound_free(message);
		return;
	}
	message->link.next = NULL;
	if (station->last != NULL)
		station->last->link.next = &message->link;
	else
		station->first = message;
	station->last = message;
	station->waiting_count++;
	action_table_hold(message->table);
	pump(ocpp, station);
	if ((int64_t)station->waiting_count < ocpp->conf.inbound_queue || station->conn == NULL)
		return;
	if (!station->conn->is_paused)
		station_quirk(ocpp, station, "C08", station->first->action_name);
	set_paused(station->conn, true);
}

void
router_gone(struct ocpp *ocpp, struct ocppd_station *station)
{
	struct ocppd_call *call = station->open;

	while (station->first != NULL) {
		struct inbound *message = take_first(station);
		struct action_table *table = message->table;

		inbound_free(message);
		action_table_release(table);
	}
	if (call == NULL)
		return;
	call_close(ocpp, call);
	call->state = CALL_DETACHED;
	if ((call->row->flags & OCPPD_ACTION_ONCE) != 0) {
		call->is_orphan = true;
		station->orphan_count++;
	}
}

/* ---- Life --------------------------------------------------------------------------------- */

int
router_init(struct ocpp *ocpp)
{
	struct router *router = &ocpp->router;

	TAILQ_INIT(&router->open);
	STAILQ_INIT(&router->ready);
	TAILQ_INIT(&router->filters);
	TAILQ_INIT(&router->replies);
	router->tokener = message_tokener_new();
	router->timer = ocppd_timer_new(ocpp->self, on_deadline, ocpp);
	return router->tokener != NULL && router->timer != NULL ? 0 : OCPPD_ENOMEM;
}

static void
filter_free(struct ocpp *ocpp, struct filter *filter)
{
	TAILQ_REMOVE(&ocpp->router.filters, filter, all);
	free(filter->protocol);
	free(filter->action);
	free(filter);
}

void
router_detach(struct ocpp *ocpp, struct ocppd_host *host)
{
	struct ocpp_host *record = host->floor_data;
	struct ocppd_call *call;
	struct filter *filter;
	struct filter *next;

	while ((call = LIST_FIRST(&record->calls)) != NULL) {
		OCPPD_ASSERT(!call->is_dispatching);
		(void)call_fail(ocpp, call, OCPPD_CALLERROR_INTERNAL, "the module stopped", NULL);
	}
	for (filter = TAILQ_FIRST(&ocpp->router.filters); filter != NULL; filter = next) {
		next = TAILQ_NEXT(filter, all);
		if (filter->host == host)
			filter_free(ocpp, filter);
	}
}

void
router_fini(struct ocpp *ocpp)
{
	struct ocppd_station *station;
	struct ocpp_host *record;
	struct filter *filter;
	size_t at = 0;

	while ((station = map_next(&ocpp->stations.map, &at)) != NULL)
		router_gone(ocpp, station);
	LIST_FOREACH (record, &ocpp->hosts, all) {
		while (!LIST_EMPTY(&record->calls))
			call_free(ocpp, LIST_FIRST(&record->calls));
	}
	while ((filter = TAILQ_FIRST(&ocpp->router.filters)) != NULL)
		filter_free(ocpp, filter);
	replies_fini(ocpp);
	ocppd_timer_free(ocpp->router.timer);
	if (ocpp->router.tokener != NULL)
		json_tokener_free(ocpp->router.tokener);
}
