/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * CALLs to stations, from the queue to the end: one in flight for each station (OCPP-J 1.6 section
 * 4.1.1), deadlines by one timer a station, answers, and every other way to end. Whoever asked is
 * told exactly once, after the current callback. What a station sends never waits here (C10).
 */
#include "ocpp/calls.h"

#include <json-c/json.h>

#include <ocppd/event/station.h>
#include <ocppd/json.h>

#include "base/assert.h"
#include "base/text.h"
#include "ocpp/floor.h"
#include "ocpp/schema.h"
#include "runtime/loop.h"

#define MUTE_TIMEOUTS 3 /* B10: in a row, with live traffic */
#define MUTE_PAUSE_US (INT64_C(900) * 1000000)
#define GAP_MAX_MS 60000
#define CLOSE_GOING_AWAY 1001

static void pump(struct station_calls *calls);

static int64_t
mono_us(const struct ocpp *ocpp)
{
	return clock_mono_us(&ocpp->core->clock);
}

/* ---- Telling ------------------------------------------------------------------------------ */

static void
publish_completed(struct ocpp *ocpp, const struct ocppd_outcall *call, int64_t duration_ms)
{
	struct json_object *body;

	if (!ocppd_event_wanted(ocpp->self, OCPPD_EVENT_CALL_COMPLETED))
		return;
	body = json_object_new_object();
	if (body == NULL)
		return;
	(void)ocppd_json_add_str(body, "stationId", call->station->id);
	(void)ocppd_json_add_str(body, "messageId", call->id);
	(void)ocppd_json_add_str(body, "action", call->row->name);
	(void)ocppd_json_add_str(body, "requester", call->requester);
	(void)ocppd_json_add_str(body, "result", tally_result_word(call->result));
	if (call->result == OCPPD_RES_ERROR)
		(void)ocppd_json_add_str(body, "errorCode", call->error_code);
	(void)ocppd_json_add_int(body, "durationMs", duration_ms);
	ocpp_publish(ocpp, OCPPD_EVENT_CALL_COMPLETED, call->station->id, body);
}

static void
tell_owner(struct ocppd_outcall *call)
{
	struct ocppd_host *owner = call->owner;
	int64_t began;

	if (!call->is_prepared || owner == NULL)
		return;
	call->is_prepared = false;
	if (call->action->completed == NULL)
		return;
	began = host_enter(owner);
	call->action->completed(owner, call, call->result, call->request, call->conf, owner->ctx);
	host_leave(owner, began, call->row->name);
}

static void
tell_asker(struct ocpp *ocpp, struct ocppd_outcall *call)
{
	int64_t duration_ms = (mono_us(ocpp) - call->began_mono_us) / 1000;

	if (call->is_told)
		return;
	call->is_told = true;
	call->row->to_tally->results[call->result]++;
	OCPPD_DEBUG(ocpp->self, "call.completed", OCPPD_STR("station", call->station->id),
		    OCPPD_STR("action", call->row->name), OCPPD_STR("msgid", call->id),
		    OCPPD_STR("result", tally_result_word(call->result)),
		    OCPPD_INT("dur_ms", duration_ms));
	publish_completed(ocpp, call, duration_ms);
	if (call->fn != NULL && call->asker != NULL) {
		int64_t began = host_enter(call->asker);

		call->fn(call->asker, call, call->result, call->conf, call->arg);
		host_leave(call->asker, began, call->row->name);
	}
	ocpp->calls.busy_count--;
	ocpp_drain_check(ocpp);
}

/* Tells both sides what they are owed; frees the call unless its prepare is still under way. */
static void
deliver(struct ocpp *ocpp, struct ocppd_outcall *call)
{
	tell_owner(call);
	tell_asker(ocpp, call);
	if (!call->is_preparing || call->owner == NULL) {
		outcall_free(call);
		return;
	}
	if (call->asker != NULL) {
		LIST_REMOVE(call, by_asker);
		call->asker = NULL;
	}
}

void
calls_tell(struct ocpp *ocpp)
{
	struct ocppd_outcall *call;

	while ((call = TAILQ_FIRST(&ocpp->calls.done)) != NULL) {
		TAILQ_REMOVE(&ocpp->calls.done, call, queue);
		call->is_listed = false;
		deliver(ocpp, call);
	}
}

static void
on_done(struct ocppd_core *core, void *arg)
{
	(void)arg;
	core->ocpp->calls.is_posted = false;
	calls_tell(core->ocpp);
}

static void
list_done(struct ocpp *ocpp, struct ocppd_outcall *call)
{
	if (!call->is_listed)
		TAILQ_INSERT_TAIL(&ocpp->calls.done, call, queue);
	call->is_listed = true;
	if (!ocpp->calls.is_posted)
		ocpp->calls.is_posted = loop_post(ocpp->core, on_done, NULL) == 0;
}

/* ---- Entering and leaving ----------------------------------------------------------------- */

static void on_timer(struct ocppd_host *host, void *arg);
static void set_timer(struct station_calls *calls);

struct station_calls *
station_calls_get(struct ocpp *ocpp, struct ocppd_station *station)
{
	struct station_calls *calls = station->calls;

	if (calls == NULL) {
		calls = calloc(1, sizeof(*calls));
		if (calls == NULL)
			return NULL;
		calls->ocpp = ocpp;
		calls->station = station;
		calls->ended_mono_us = INT64_MIN / 2;
		TAILQ_INIT(&calls->waiting);
		LIST_INIT(&calls->all);
		station->calls = calls;
	}
	if (calls->timer == NULL)
		calls->timer = ocppd_timer_new(ocpp->self, on_timer, calls);
	return calls->timer != NULL ? calls : NULL;
}

void
outcall_enter(struct ocpp *ocpp, struct station_calls *calls, struct ocppd_outcall *call)
{
	call->state = OUTCALL_PREPARING;
	call->is_preparing = true;
	LIST_INSERT_HEAD(&calls->all, call, by_station);
	calls->count++;
	LIST_INSERT_HEAD(&ocpp_host_get(call->asker)->asked, call, by_asker);
	LIST_INSERT_HEAD(&ocpp_host_get(call->owner)->prepared, call, by_owner);
	ocpp->calls.busy_count++;
}

/* Out of its station's lists; the flight goes on without it. */
static void
leave_station(struct ocppd_outcall *call)
{
	struct station_calls *calls = call->station->calls;

	if (call->state == OUTCALL_ENDED)
		return;
	if (call->state == OUTCALL_WAITING)
		TAILQ_REMOVE(&calls->waiting, call, queue);
	if (calls->flying == call)
		calls->flying = NULL;
	LIST_REMOVE(call, by_station);
	calls->count--;
	call->state = OUTCALL_ENDED;
}

void
outcall_free(struct ocppd_outcall *call)
{
	if (call->asker != NULL)
		LIST_REMOVE(call, by_asker);
	if (call->owner != NULL)
		LIST_REMOVE(call, by_owner);
	for (uint32_t i = 0; i < call->warning_count; i++)
		free(call->warnings[i]);
	free(call->warnings);
	free(call->error_code);
	free(call->error_text);
	json_object_put(call->error_details);
	json_object_put(call->request);
	json_object_put(call->conf);
	free(call->requester);
	action_table_release(call->table);
	call->magic = 0;
	free(call);
}

void
outcall_drop(struct ocpp *ocpp, struct ocppd_outcall *call)
{
	struct station_calls *calls = call->station->calls;

	leave_station(call);
	ocpp->calls.busy_count--;
	outcall_free(call);
	set_timer(calls);
	ocpp_drain_check(ocpp);
}

void
outcall_end(struct ocpp *ocpp, struct ocppd_outcall *call, uint32_t result)
{
	if (call->state == OUTCALL_ENDED)
		return;
	leave_station(call);
	call->result = result;
	list_done(ocpp, call);
}

void
outcall_tell_owner(struct ocpp *ocpp, struct ocppd_outcall *call)
{
	call->is_prepared = true;
	list_done(ocpp, call);
}

bool
outcall_is_forbidden(const struct ocppd_outcall *call)
{
	const struct ocppd_station *station = call->station;

	/* A rejected station does not answer, so nothing is sent. */
	if (station->registration == OCPPD_REG_REJECTED)
		return true;
	return (call->row->flags & OCPPD_ACTION_ACCEPTED_ONLY) != 0 &&
	       !station_is_accepted(station);
}

/* ---- Sending ------------------------------------------------------------------------------ */

static int64_t
option_number(const struct ocppd_station *station, const char *option, int64_t max)
{
	const char *text = quirks_option(station->quirks, option);
	int64_t number;

	return text != NULL && parse_i64(text, 0, max, &number) == 0 ? number : 0;
}

static int64_t
gap_until_us(const struct station_calls *calls)
{
	return calls->ended_mono_us + option_number(calls->station, "min_gap", GAP_MAX_MS) * 1000;
}

/* From when on the call may go (C09). */
static int64_t
hold_until_us(const struct station_calls *calls, const struct ocppd_outcall *call)
{
	int64_t until = gap_until_us(calls);

	if ((call->flags & OCPPD_CALL_AUTOMATIC) != 0) {
		int64_t grace = calls->station->conn->opened_mono_us +
				calls->ocpp->conf.connect_grace_ms * 1000;

		until = until > grace ? until : grace;
	}
	return until;
}

/* Takes the frame's memory in any case; negative with the reason in the call's error. */
static int
send_frame(struct station_calls *calls, struct ocppd_outcall *call)
{
	struct conn *conn = calls->station->conn;
	struct outbound *frame = outbound_call(call->id, call->row->name, call->request);
	int64_t max_bytes = option_number(calls->station, "max_tx_bytes", INT64_MAX);
	char text[96];

	if (frame == NULL) {
		outcall_set_error(call, "", "out of memory", NULL);
		return OCPPD_ENOMEM;
	}
	if (max_bytes > 0 && frame->len > (size_t)max_bytes) {
		(void)snprintf(text, sizeof(text),
			       "the message has %zu bytes, max_tx_bytes is %lld", frame->len,
			       (long long)max_bytes);
		outcall_set_error(call, "", text, NULL);
		outbound_free(frame);
		station_quirk(calls->ocpp, calls->station, "B09", text);
		return OCPPD_ESPACE;
	}
	frame->conn = conn;
	frames_out(calls->ocpp, conn, call->row, frame);
	conn->ops->send(conn, frame);
	return 0;
}

static void
send_call(struct station_calls *calls, struct ocppd_outcall *call)
{
	struct ocpp *ocpp = calls->ocpp;

	if (outcall_is_forbidden(call)) {
		outcall_set_error(call, "", "not in the station's present registration", NULL);
		outcall_end(ocpp, call, OCPPD_RES_REFUSED);
		return;
	}
	if (send_frame(calls, call) < 0) {
		outcall_end(ocpp, call, OCPPD_RES_REFUSED);
		return;
	}
	TAILQ_REMOVE(&calls->waiting, call, queue);
	call->state = OUTCALL_SENT;
	call->row->to_tally->calls++;
	call->is_sent = true;
	calls->is_flying = true;
	calls->flying = call;
	calls->sent_us = clock_now_us(&ocpp->core->clock);
	calls->deadline_mono_us = mono_us(ocpp) + call->timeout_ms * 1000;
	memcpy(calls->flying_id, call->id, sizeof(calls->flying_id));
}

static void
set_timer(struct station_calls *calls)
{
	int64_t now = mono_us(calls->ocpp);
	int64_t next = calls->is_flying ? calls->deadline_mono_us : INT64_MAX;
	const struct ocppd_outcall *call;

	LIST_FOREACH (call, &calls->all, by_station) {
		if (call->state == OUTCALL_SENT)
			continue;
		if (call->wait_deadline_mono_us < next)
			next = call->wait_deadline_mono_us;
		if (call->state == OUTCALL_WAITING && !calls->is_flying &&
		    station_conn(calls->station) != NULL && hold_until_us(calls, call) < next)
			next = hold_until_us(calls, call);
	}
	if (next == INT64_MAX) {
		ocppd_timer_free(calls->timer);
		calls->timer = NULL;
		return;
	}
	/* A timer was made when the call entered. Rounded up, so that it is due when it runs. */
	ocppd_timer_set(calls->timer, next > now ? (next - now + 999) / 1000 : 0);
}

static void
count_gap(struct station_calls *calls, struct ocppd_outcall *call, int64_t now_us)
{
	char text[32];
	int64_t left_us = gap_until_us(calls) - now_us;

	if (left_us <= 0 || call->is_held)
		return;
	call->is_held = true;
	(void)snprintf(text, sizeof(text), "%lld ms", (long long)(left_us / 1000));
	station_quirk(calls->ocpp, calls->station, "C09", text);
}

/* Sends the first call that may go, and sees to the next deadline. */
static void
pump(struct station_calls *calls)
{
	struct ocppd_outcall *call = TAILQ_FIRST(&calls->waiting);
	int64_t now = mono_us(calls->ocpp);

	while (call != NULL && !calls->is_flying && station_conn(calls->station) != NULL) {
		struct ocppd_outcall *next = TAILQ_NEXT(call, queue);

		if (hold_until_us(calls, call) <= now)
			send_call(calls, call);
		else
			count_gap(calls, call, now);
		call = next;
	}
	set_timer(calls);
}

void
outcall_queue(struct ocpp *ocpp, struct ocppd_outcall *call)
{
	struct station_calls *calls = station_calls_get(ocpp, call->station);
	struct ocppd_outcall *at;

	if (calls == NULL) {
		outcall_set_error(call, "", "out of memory", NULL);
		outcall_end(ocpp, call, OCPPD_RES_REFUSED);
		return;
	}
	call->state = OUTCALL_WAITING;
	if ((call->row->flags & OCPPD_ACTION_PRIORITY) != 0) {
		TAILQ_FOREACH (at, &calls->waiting, queue) {
			if ((at->row->flags & OCPPD_ACTION_PRIORITY) == 0) {
				TAILQ_INSERT_BEFORE(at, call, queue);
				pump(calls);
				return;
			}
		}
	}
	TAILQ_INSERT_TAIL(&calls->waiting, call, queue);
	pump(calls);
}

/* ---- Deadlines ---------------------------------------------------------------------------- */

/* B10: it heartbeats but answers no CALL until it reconnects. */
static void
check_mute(struct station_calls *calls)
{
	struct conn *conn = station_conn(calls->station);
	int64_t now = mono_us(calls->ocpp);

	if (conn == NULL || calls->timeouts < MUTE_TIMEOUTS ||
	    atomic_load_explicit(&conn->last_receive_us, memory_order_relaxed) <= calls->sent_us ||
	    (calls->has_closed && now - calls->closed_mono_us < MUTE_PAUSE_US))
		return;
	calls->has_closed = true;
	calls->closed_mono_us = now;
	calls->timeouts = 0;
	station_quirk(calls->ocpp, calls->station, "B10", "CALLs are not answered");
	station_close(conn, CLOSE_GOING_AWAY, "unresponsive", "CALLs are not answered");
}

static void
land(struct station_calls *calls)
{
	calls->is_flying = false;
	calls->flying = NULL;
	calls->ended_mono_us = mono_us(calls->ocpp);
}

static void
expire_flight(struct station_calls *calls)
{
	struct ocppd_outcall *call = calls->flying;

	memcpy(calls->late_ids[calls->late_at++ % LATE_IDS], calls->flying_id, OUTCALL_ID_SIZE);
	calls->timeouts++;
	OCPPD_WARN(calls->ocpp->self, "call.unanswered", OCPPD_STR("station", calls->station->id),
		   OCPPD_STR("msgid", calls->flying_id),
		   OCPPD_STR("action", call != NULL ? call->row->name : NULL),
		   OCPPD_INT("in_a_row", calls->timeouts));
	if (call != NULL)
		outcall_end(calls->ocpp, call, OCPPD_RES_TIMEOUT);
	land(calls);
	check_mute(calls);
}

static void
on_timer(struct ocppd_host *host, void *arg)
{
	struct station_calls *calls = arg;
	int64_t now = mono_us(calls->ocpp);
	struct ocppd_outcall *call;
	struct ocppd_outcall *next;

	(void)host;
	if (calls->is_flying && calls->deadline_mono_us <= now)
		expire_flight(calls);
	for (call = LIST_FIRST(&calls->all); call != NULL; call = next) {
		next = LIST_NEXT(call, by_station);
		if (call->state != OUTCALL_SENT && call->wait_deadline_mono_us <= now)
			outcall_end(calls->ocpp, call, OCPPD_RES_TIMEOUT);
	}
	pump(calls);
}

/* ---- Answers ------------------------------------------------------------------------------ */

static void
warn_findings(struct ocpp *ocpp, struct ocppd_outcall *call, const struct findings *findings)
{
	for (uint32_t i = 0; findings != NULL && i < findings->count; i++) {
		const struct ocppd_finding *finding = &findings->items[i];
		char text[512];

		/* A finding about the message as a whole has no path. */
		(void)snprintf(text, sizeof(text), "%s%s%s (%s)", finding->path,
			       finding->path[0] == '\0' ? "" : ": ",
			       ocppd_callerror_name(call->row->protocol, finding->code),
			       finding->quirk);
		outcall_add_warning(call, text);
		station_quirk(ocpp, call->station, finding->quirk,
			      finding->raw != NULL ? finding->raw : finding->path);
	}
}

/* A confirmation, checked by the policy's third column. */
static void
on_result(struct ocpp *ocpp, struct ocppd_outcall *call, struct inbound *message)
{
	const struct check_policy policy = {
		.mode = CHECK_RESULT,
		.quirks = call->station->quirks,
		.now_us = message->received_us,
	};
	struct check_refusal refusal;
	uint32_t code = message->code;
	const char *text = message->text;
	int r = message->has_refusal ? OCPPD_EINVAL : 0;

	if (r == 0) {
		r = schema_check(call->row->conf, message->payload, &policy, &message->findings,
				 &refusal);
		code = r == OCPPD_EINVAL ? refusal.code : OCPPD_CALLERROR_INTERNAL;
		text = r == OCPPD_EINVAL ? refusal.at.text : "out of memory";
	}
	warn_findings(ocpp, call, message->findings);
	if (r < 0) {
		OCPPD_WARN(ocpp->self, "result.invalid", OCPPD_STR("station", call->station->id),
			   OCPPD_STR("action", call->row->name), OCPPD_STR("msgid", call->id),
			   OCPPD_STR("err", text));
		tally_error(call->row->to_tally, code);
		outcall_set_error(call, ocppd_callerror_name(call->row->protocol, code), text,
				  NULL);
		outcall_end(ocpp, call, OCPPD_RES_ERROR);
		return;
	}
	call->conf = message->payload;
	message->payload = NULL;
	outcall_end(ocpp, call, OCPPD_RES_REPLY);
}

static void
on_error(struct ocpp *ocpp, struct ocppd_outcall *call, struct inbound *message)
{
	const char *code = message->error_code;

	warn_findings(ocpp, call, message->findings);
	/* C06: a code that is missing, or no text, says as much as this one. */
	if (code[0] == '\0')
		code = ocppd_callerror_name(call->row->protocol, OCPPD_CALLERROR_GENERIC);
	tally_error_named(call->row->to_tally, call->row->protocol, code);
	outcall_set_error(call, code, message->text, message->payload);
	message->payload = NULL;
	outcall_end(ocpp, call, OCPPD_RES_ERROR);
}

/* Nothing waits for it: late (C07), or never asked for. */
static void
unsolicited(struct ocpp *ocpp, const struct inbound *message)
{
	struct ocppd_station *station = message->conn->station;
	const struct station_calls *calls = station->calls;
	bool is_late = false;

	for (uint32_t i = 0; calls != NULL && i < LATE_IDS; i++)
		is_late |= calls->late_ids[i][0] != '\0' && str_eq(calls->late_ids[i], message->id);
	ocpp_count(ocpp, OCPP_METRIC_UNSOLICITED, NULL);
	OCPPD_WARN(ocpp->self, is_late ? "result.late" : "result.unsolicited",
		   OCPPD_STR("station", station->id), OCPPD_INT("conn", message->conn->id),
		   OCPPD_STR("msgid", message->id), OCPPD_STR("code", message->error_code));
	station_quirk(ocpp, station, "C07", message->id);
}

void
calls_answer(struct ocpp *ocpp, struct inbound *message)
{
	struct ocppd_station *station = message->conn->station;
	struct station_calls *calls = station != NULL ? station->calls : NULL;
	struct ocppd_outcall *call;

	if (station == NULL || message->conn->is_closing) {
		inbound_free(message);
		return;
	}
	if (calls == NULL || !calls->is_flying || !str_eq(calls->flying_id, message->id)) {
		unsolicited(ocpp, message);
		inbound_free(message);
		return;
	}
	call = calls->flying;
	calls->timeouts = 0;
	if (call != NULL)
		tally_time(call->row->to_tally,
			   mono_us(ocpp) - calls->deadline_mono_us + call->timeout_ms * 1000);
	if (call != NULL && message->kind == INBOUND_RESULT)
		on_result(ocpp, call, message);
	else if (call != NULL)
		on_error(ocpp, call, message);
	land(calls);
	inbound_free(message);
	pump(calls);
}

/* ---- Every other end ---------------------------------------------------------------------- */

void
calls_gone(struct ocpp *ocpp, struct ocppd_station *station)
{
	struct station_calls *calls = station->calls;

	if (calls == NULL)
		return;
	while (!LIST_EMPTY(&calls->all))
		outcall_end(ocpp, LIST_FIRST(&calls->all), OCPPD_RES_GONE);
	calls->is_flying = false;
	calls->timeouts = 0;
	calls->ended_mono_us = INT64_MIN / 2;
	memset(calls->late_ids, 0, sizeof(calls->late_ids));
	/* How long ago it was closed for being mute must outlive the connection. */
	if (!calls->has_closed) {
		station_calls_free(station);
		return;
	}
	ocppd_timer_free(calls->timer);
	calls->timer = NULL;
}

void
station_calls_free(struct ocppd_station *station)
{
	if (station->calls == NULL)
		return;
	OCPPD_ASSERT(LIST_EMPTY(&station->calls->all));
	ocppd_timer_free(station->calls->timer);
	free(station->calls);
	station->calls = NULL;
}

void
calls_drain(struct ocpp *ocpp)
{
	struct ocppd_station *station;
	size_t at = 0;

	while ((station = map_next(&ocpp->stations.map, &at)) != NULL) {
		struct ocppd_outcall *call;
		struct ocppd_outcall *next;

		if (station->calls == NULL)
			continue;
		for (call = LIST_FIRST(&station->calls->all); call != NULL; call = next) {
			next = LIST_NEXT(call, by_station);
			if (call->state != OUTCALL_SENT)
				outcall_end(ocpp, call, OCPPD_RES_CANCELLED);
		}
	}
}

/* Ends a call now, while the module that stops can still be told. */
static void
cancel(struct ocpp *ocpp, struct ocppd_outcall *call)
{
	if (call->state != OUTCALL_ENDED) {
		leave_station(call);
		call->result = OCPPD_RES_CANCELLED;
	}
	if (call->is_listed) {
		TAILQ_REMOVE(&ocpp->calls.done, call, queue);
		call->is_listed = false;
	}
}

void
calls_detach(struct ocpp *ocpp, struct ocppd_host *host)
{
	struct ocpp_host *record = host->floor_data;
	struct ocppd_outcall *call;

	while ((call = LIST_FIRST(&record->asked)) != NULL) {
		cancel(ocpp, call);
		deliver(ocpp, call);
	}
	while ((call = LIST_FIRST(&record->prepared)) != NULL) {
		cancel(ocpp, call);
		tell_owner(call);
		LIST_REMOVE(call, by_owner);
		call->owner = NULL;
		deliver(ocpp, call);
	}
}

void
calls_init(struct ocpp *ocpp)
{
	TAILQ_INIT(&ocpp->calls.done);
}

void
calls_fini(struct ocpp *ocpp)
{
	struct ocppd_station *station;
	struct ocpp_host *record;
	size_t at = 0;

	while ((station = map_next(&ocpp->stations.map, &at)) != NULL) {
		while (station->calls != NULL && !LIST_EMPTY(&station->calls->all))
			leave_station(LIST_FIRST(&station->calls->all));
	}
	LIST_FOREACH (record, &ocpp->hosts, all) {
		while (!LIST_EMPTY(&record->asked))
			outcall_free(LIST_FIRST(&record->asked));
		while (!LIST_EMPTY(&record->prepared))
			outcall_free(LIST_FIRST(&record->prepared));
	}
}
