/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The CALLs of a station: one outstanding, the rest waiting in order, and what their answers
 * change. Answers are verified here, whoever asked.
 */
#include "features/feature.h"

#include "confirm.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <ocppd/json.h>

#define JSON_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static void
call_free(struct call *call)
{
	if (!call)
		return;
	json_object_put(call->payload);
	free(call);
}

static int
send_frame(struct station *station, struct json_object *frame)
{
	const char *text = json_object_to_json_string_ext(frame, JSON_FLAGS);

	if (!text)
		return OCPPD_ENOMEM;
	station_note(station, OUTPUT_FRAME, "frame.sent", NULL, "> %s", text);
	return link_send(&station->link, text, strlen(text), false);
}

static void
on_call_timeout(uv_timer_t *timer)
{
	struct station *station = timer->data;
	struct call *call = station->outstanding;
	struct actor *actor;

	if (!call)
		return;
	station->outstanding = NULL;
	actor = call->actor;
	station_fail(station, call->action, "no answer within %lld ms",
		     (long long)call->timeout_ms);
	call_free(call);
	if (actor)
		actor_lost(actor, NULL);
	calls_pump(station);
	station_settle(station);
}

/* The next CALL to send, out of the queue; NULL: none may go. */
static struct call *
take_call(struct station *station)
{
	struct call **at = &station->queue;
	struct call *call;

	if (station->outstanding || station->state != STATION_ONLINE)
		return NULL;
	while (*at && station->is_held && !str_eq((*at)->action, "BootNotification"))
		at = &(*at)->next;
	call = *at;
	if (!call)
		return NULL;
	*at = call->next;
	call->next = NULL;
	station->call_count--;
	return call;
}

void
calls_pump(struct station *station)
{
	struct call *call = take_call(station);
	struct json_object *frame;

	if (!call)
		return;
	frame = json_object_new_array();
	if (!frame) {
		call_free(call);
		return;
	}
	json_object_array_add(frame, json_object_new_int(2));
	json_object_array_add(frame, json_object_new_string(call->id));
	json_object_array_add(frame, json_object_new_string(call->action));
	json_object_array_add(frame, json_object_get(call->payload));
	(void)send_frame(station, frame);
	json_object_put(frame);
	call->sent_mono_us = output_mono_us();
	station->outstanding = call;
	uv_timer_start(&station->call_timer, on_call_timeout, (uint64_t)call->timeout_ms, 0);
}

/* A CALL that waits for nothing but its turn. */
static struct call *
call_new(struct station *station, struct actor *actor, const char *action)
{
	const struct step *step = actor ? actor_step(actor) : NULL;
	const struct node *timeout = step ? step->params[PARAM_TIMEOUT] : NULL;
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->actor = actor;
	call->step = step;
	call->timeout_ms = station->fleet->options->timeout_ms;
	if (timeout)
		(void)duration_parse(timeout->text, &call->timeout_ms);
	(void)str_copy(call->action, sizeof(call->action), action);
	(void)snprintf(call->id, sizeof(call->id), "%08x-%u-%u", station->fleet->seed,
		       station->index, ++station->serial);
	return call;
}

void
station_call_session(struct station *station, struct actor *actor,
		     const struct connector *connector, const char *action,
		     struct json_object *payload)
{
	struct call *call = payload ? call_new(station, actor, action) : NULL;
	struct call **at = &station->queue;

	if (!call || station->call_count >= STATION_MAX_CALLS) {
		json_object_put(payload);
		free(call);
		station_fail(station, action, "cannot be sent: %s",
			     call ? "too many CALLs wait" : "out of memory");
		if (actor)
			actor_lost(actor, NULL);
		return;
	}
	call->payload = payload;
	call->session = connector ? connector->session : 0;
	call->is_offline = station_is_offline(station);
	while (*at)
		at = &(*at)->next;
	*at = call;
	station->call_count++;
	calls_pump(station);
}

void
station_call(struct station *station, struct actor *actor, const char *action,
	     struct json_object *payload)
{
	station_call_session(station, actor, NULL, action, payload);
}

void
station_report(struct station *station, uint32_t number, const char *status)
{
	(void)str_copy(station->connectors[number].status,
		       sizeof(station->connectors[number].status), status);
	station_call(station, NULL, "StatusNotification",
		     payload_status(station, number, status, NULL, NULL));
}

/* Checks what came against the action; says so, and whether it may be used. */
static bool
verify_answer(struct station *station, const struct call *call, struct json_object *payload)
{
	struct buf problem = { 0 };
	bool is_right = confirm_check(call->action, payload, &problem);

	if (!is_right)
		station_fail(station, call->action, "%s",
			     problem.data ? problem.data : "out of memory");
	buf_fini(&problem);
	return is_right;
}

static void
print_answer(struct station *station, const struct call *call, struct json_object *payload,
	     int64_t took_us)
{
	const struct output_line line = { OUTPUT_STEP, station->id, "call.answered", call->action,
					  took_us };
	struct buf text = { 0 };

	if (!station_is_shown(station, OUTPUT_STEP) || station->fleet->out.is_quiet)
		return;
	payload_describe(call, payload, &text);
	if (text.data)
		output_print(&station->fleet->out, &line, "%s", text.data);
	buf_fini(&text);
}

/* What an answer changes, whoever asked. */
static void
learn(struct station *station, const struct call *call, struct json_object *payload)
{
	struct json_object *info = ocppd_json_get(payload, "idTagInfo");

	if (info)
		local_list_learn(station, ocppd_json_get_str(call->payload, "idTag"), info);
	if (call->session != 0 && str_eq(call->action, "StartTransaction"))
		session_known(station, call, payload);
}

void
calls_answered(struct station *station, struct json_object *payload, const char *error,
	       const char *description)
{
	struct call *call = station->outstanding;
	int64_t took_us = output_mono_us() - call->sent_mono_us;
	bool is_expected = call->step && call->step->params[PARAM_ERROR];

	station->outstanding = NULL;
	uv_timer_stop(&station->call_timer);
	station->fleet->answers++;
	if (!error && verify_answer(station, call, payload)) {
		print_answer(station, call, payload, took_us);
		learn(station, call, payload);
	}
	if (error && is_expected)
		station_note(station, OUTPUT_STEP, "call.refused", call->action, "%s: %s", error,
			     description);
	else if (error)
		station_fail(station, call->action, "CALLERROR %s: %s", error, description);
	if (call->actor)
		actor_answered(call->actor, call, payload, error);
	call_free(call);
	calls_pump(station);
	station_settle(station);
}

/* The outstanding CALL goes first again: a station repeats what was not answered. */
void
calls_put_back(struct station *station)
{
	struct call *call = station->outstanding;

	uv_timer_stop(&station->call_timer);
	if (!call)
		return;
	station->outstanding = NULL;
	call->next = station->queue;
	station->queue = call;
	station->call_count++;
}

void
calls_drop(struct station *station)
{
	while (station->queue) {
		struct call *call = station->queue;

		station->queue = call->next;
		call_free(call);
	}
	call_free(station->outstanding);
	station->outstanding = NULL;
	station->call_count = 0;
	uv_timer_stop(&station->call_timer);
}
