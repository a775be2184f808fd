/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The steps of a scenario, a function each. A function runs when its step begins (phase 0) and
 * again whenever what it waits for has happened; it ends with actor_next or actor_fail.
 */
#include "actor.h"

#include "base/text.h"

#include <string.h>

#include <json-c/json.h>

#define REBOOT_WAIT_S 10 /* an interval of 0 leaves the wait to the station */

static void
step_connect(struct actor *actor, const struct step *step)
{
	struct station *station = actor->station;
	int64_t ms = 0;

	if (station->state == STATION_ONLINE) {
		if (step->params[PARAM_REFUSED])
			actor_fail(actor, "connected, expected to be refused");
		else
			actor_next(actor);
		return;
	}
	if (actor->phase > 0 && step->params[PARAM_TIMEOUT]) {
		actor_fail(actor, "not connected in time");
		return;
	}
	if (actor_param_duration(actor, step, PARAM_TIMEOUT, &ms) < 0)
		return;
	actor->phase = 1;
	if (ms > 0)
		actor_sleep(actor, ms);
	station_want_online(station);
}

static void
step_disconnect(struct actor *actor, const struct step *step)
{
	int64_t code = 1000;

	if (actor->station->state == STATION_OFFLINE) {
		actor->station->wants_online = false;
		actor_next(actor);
		return;
	}
	if (actor->phase > 0 || actor_param_int(actor, step, PARAM_CODE, &code) < 0)
		return;
	if (code < 1000 || code > 4999) {
		actor_fail(actor, "a close code is from 1000 to 4999");
		return;
	}
	actor->phase = 1;
	station_go_offline(actor->station, (uint16_t)code);
}

static void
step_drop(struct actor *actor, const struct step *step)
{
	(void)step;
	if (actor->station->state == STATION_OFFLINE) {
		actor_next(actor);
		return;
	}
	if (actor->phase > 0)
		return;
	actor->phase = 1;
	station_go_offline(actor->station, 0);
}

static void
step_reconnect(struct actor *actor, const struct step *step)
{
	(void)step;
	if (actor->phase == 0) {
		actor->phase = 1;
		if (actor->station->state == STATION_ONLINE) {
			station_go_offline(actor->station, 1000);
			return;
		}
	}
	if (actor->phase == 1 && actor->station->state == STATION_OFFLINE) {
		actor->phase = 2;
		station_want_online(actor->station);
	} else if (actor->phase == 2 && actor->station->state == STATION_ONLINE) {
		actor_next(actor);
	}
}

static void
step_boot(struct actor *actor, const struct step *step)
{
	struct station *station = actor->station;
	int64_t interval_s;

	if (actor->phase == 0) {
		struct json_object *payload = step->params[PARAM_PAYLOAD]
						      ? actor_param_json(actor, step, PARAM_PAYLOAD)
						      : payload_boot(station);

		if (!actor->scenario)
			return;
		actor->phase = 1;
		station_call(station, actor, "BootNotification", payload);
		return;
	}
	if (actor->phase == 2) { /* the wait is over */
		actor->phase = 0;
		actor_kick(actor);
		return;
	}
	if (!actor->answer) { /* the CALLERROR that was wanted */
		actor_next(actor);
		return;
	}
	(void)parse_i64(actor_member(actor->answer, "interval"), 0, INT32_MAX, &interval_s);
	if (str_eq(actor_member(actor->answer, "status"), "Accepted")) {
		station_boot_accepted(station, interval_s);
		actor_next(actor);
	} else if (step->params[PARAM_EXPECT]) {
		actor_next(actor);
	} else {
		actor->phase = 2;
		interval_s = interval_s > 0 ? interval_s : REBOOT_WAIT_S;
		actor_sleep(actor, fleet_scaled(station->fleet, interval_s * 1000));
	}
}

static void
step_authorize(struct actor *actor, const struct step *step)
{
	char tag[64];

	if (actor->phase > 0) {
		actor_next(actor);
		return;
	}
	(void)str_copy(tag, sizeof(tag),
		       actor->station->connectors[actor->connector].tag[0] &&
				       actor != &actor->station->main
			       ? actor->station->connectors[actor->connector].tag
			       : actor->station->tag);
	if (actor_param_text(actor, step, PARAM_TAG, tag, sizeof(tag)) < 0)
		return;
	actor->phase = 1;
	station_call(actor->station, actor, "Authorize", payload_words("idTag", tag));
}

static void
step_heartbeat(struct actor *actor, const struct step *step)
{
	(void)step;
	if (actor->phase > 0) {
		actor_next(actor);
		return;
	}
	actor->phase = 1;
	station_call(actor->station, actor, "Heartbeat", payload_words(NULL, NULL));
}

static void
step_status(struct actor *actor, const struct step *step)
{
	const struct node *node = step->params[PARAM_CONNECTOR];
	struct station *station = actor->station;
	bool is_all = node && str_eq(node->text, "all");
	char status[32] = "";
	char code[64] = "NoError";
	char info[64] = "";
	uint32_t number = actor->phase;

	if (actor->phase > (is_all ? station->connector_count : 0)) {
		actor_next(actor);
		return;
	}
	if (!is_all && !actor_param_connector(actor, step, &number))
		return;
	if (actor_param_text(actor, step, PARAM_STATUS, status, sizeof(status)) < 0 ||
	    actor_param_text(actor, step, PARAM_CODE, code, sizeof(code)) < 0 ||
	    actor_param_text(actor, step, PARAM_INFO, info, sizeof(info)) < 0)
		return;
	(void)str_copy(station->connectors[number].status,
		       sizeof(station->connectors[number].status), status);
	actor->phase++;
	station_call(station, actor, "StatusNotification",
		     payload_status(station, number, status, code, info));
}

static void
step_start(struct actor *actor, const struct step *step)
{
	struct connector *connector;
	uint32_t number;
	char tag[64];

	if (actor->phase > 0) {
		actor_next(actor);
		return;
	}
	connector = actor_param_connector(actor, step, &number);
	if (!connector)
		return;
	if (number == 0 || connector->has_transaction) {
		actor_fail(actor,
			   number == 0 ? "not on connector 0" : "a transaction runs already");
		return;
	}
	(void)str_copy(tag, sizeof(tag),
		       actor != &actor->station->main && connector->tag[0] ? connector->tag
									   : actor->station->tag);
	if (actor_param_text(actor, step, PARAM_TAG, tag, sizeof(tag)) < 0)
		return;
	actor->phase = 1;
	station_call(actor->station, actor, "StartTransaction",
		     payload_start(actor->station, connector, number, tag));
}

static void
step_meter(struct actor *actor, const struct step *step)
{
	const struct options *options = actor->station->fleet->options;
	int64_t interval_ms = options->interval_ms;
	int64_t power_w = options->power_w;
	struct connector *connector;
	uint32_t number;

	connector = actor_param_connector(actor, step, &number);
	if (!connector || actor_param_duration(actor, step, PARAM_INTERVAL, &interval_ms) < 0 ||
	    actor_param_int(actor, step, PARAM_POWER, &power_w) < 0)
		return;
	if (actor->phase == 0) {
		actor->left = options->samples;
		if (actor_param_int(actor, step, PARAM_COUNT, &actor->left) < 0)
			return;
	}
	/* Odd phases: the interval is over; even ones: the sample was answered. */
	if (connector->stop_reason || (actor->phase % 2 == 0 && actor->left == 0)) {
		actor_next(actor);
		return;
	}
	if (actor->phase % 2 == 0) {
		actor->phase = 1;
		actor_sleep(actor, fleet_scaled(actor->station->fleet, interval_ms));
		return;
	}
	actor->phase = 2;
	actor->left--;
	connector->energy_wh += (double)power_w * (double)interval_ms / 3600000.0;
	station_call(actor->station, actor, "MeterValues",
		     payload_meter(actor->station, connector, number, "Sample.Periodic"));
}

static void
step_stop(struct actor *actor, const struct step *step)
{
	const struct node *data = step->params[PARAM_DATA];
	struct connector *connector;
	char reason[32] = "Local";
	char tag[64];
	uint32_t number;

	connector = actor_param_connector(actor, step, &number);
	if (!connector)
		return;
	if (actor->phase > 0 || !connector->has_transaction) {
		/* It may have been stopped by the CSMS meanwhile. */
		connector->has_transaction = false;
		actor_next(actor);
		return;
	}
	(void)str_copy(tag, sizeof(tag), connector->tag);
	if (actor_param_text(actor, step, PARAM_REASON, reason, sizeof(reason)) < 0 ||
	    actor_param_text(actor, step, PARAM_TAG, tag, sizeof(tag)) < 0)
		return;
	if (connector->stop_reason)
		(void)str_copy(reason, sizeof(reason), connector->stop_reason);
	actor->phase = 1;
	station_call(actor->station, actor, "StopTransaction",
		     payload_stop(actor->station, connector, tag, reason,
				  !data || !str_eq(data->text, "false")));
}

static void
step_call(struct actor *actor, const struct step *step)
{
	struct json_object *payload;
	char action[52] = "";

	if (actor->phase > 0) {
		actor_next(actor);
		return;
	}
	if (actor_param_text(actor, step, PARAM_ACTION, action, sizeof(action)) < 0)
		return;
	payload = step->params[PARAM_PAYLOAD] ? actor_param_json(actor, step, PARAM_PAYLOAD)
					      : payload_words(NULL, NULL);
	if (!actor->scenario)
		return;
	actor->phase = 1;
	station_call(actor->station, actor, action, payload);
}

/* The id of what looks like a CALL, so that its answer is known. */
static void
find_raw_id(struct actor *actor, const char *text)
{
	struct json_object *frame = json_tokener_parse(text);
	struct json_object *id = NULL;

	actor->raw_id[0] = '\0';
	if (json_object_is_type(frame, json_type_array))
		id = json_object_array_get_idx(frame, 1);
	if (json_object_is_type(id, json_type_string))
		(void)str_copy(actor->raw_id, sizeof(actor->raw_id), json_object_get_string(id));
	json_object_put(frame);
}

/* Nobody waits: an answer to it is no surprise all the same. */
static void
leave_raw(struct actor *actor)
{
	(void)str_copy(actor->stray_id, sizeof(actor->stray_id), actor->raw_id);
	actor_next(actor);
}

static void
step_raw(struct actor *actor, const struct step *step)
{
	struct station *station = actor->station;
	const struct node *binary = step->params[PARAM_BINARY];
	bool waits = step->params[PARAM_EXPECT] || step->params[PARAM_ERROR] ||
		     step->params[PARAM_CLOSED];
	int64_t ms = station->fleet->options->timeout_ms;
	struct json_object *value;
	const char *text;

	if (actor->phase > 0) {
		if (waits)
			actor_fail(actor, "nothing came in time");
		else
			actor_next(actor);
		return;
	}
	if (actor_param_duration(actor, step, PARAM_TIMEOUT, &ms) < 0 ||
	    actor_param_duration(actor, step, PARAM_SILENCE, &ms) < 0)
		return;
	value = actor_param_json(actor, step, PARAM_FRAME);
	if (!value)
		return;
	text = json_object_get_string(value);
	find_raw_id(actor, text);
	station_note(station, OUTPUT_STEP, "raw.sent", NULL, "raw  %.120s", text);
	actor->phase = 1;
	if (link_send(&station->link, text, strlen(text), binary && str_eq(binary->text, "true")) <
	    0)
		actor_fail(actor, "cannot be sent");
	else if (waits || step->params[PARAM_SILENCE])
		actor_sleep(actor, ms);
	else
		leave_raw(actor);
	json_object_put(value);
}

static void
step_on(struct actor *actor, const struct step *step)
{
	struct station *station = actor->station;
	char action[52] = "";
	uint32_t i = 0;

	if (actor_param_text(actor, step, PARAM_ACTION, action, sizeof(action)) < 0)
		return;
	while (i < station->reaction_count && !str_eq(station->reactions[i].action, action))
		i++;
	if (i == STATION_MAX_REACTIONS) {
		actor_fail(actor, "more than %d actions", STATION_MAX_REACTIONS);
		return;
	}
	(void)str_copy(station->reactions[i].action, sizeof(station->reactions[i].action), action);
	station->reactions[i].step = step->params[PARAM_DEFAULT] ? NULL : step;
	if (i == station->reaction_count)
		station->reaction_count++;
	actor_next(actor);
}

static void
step_await(struct actor *actor, const struct step *step)
{
	int64_t ms = actor->station->fleet->options->timeout_ms;

	if (actor->phase > 0) {
		actor_fail(actor, "%s did not come in time",
			   step->params[PARAM_ACTION] ? step->params[PARAM_ACTION]->text
						      : "the end of the connection");
		return;
	}
	if (actor_param_duration(actor, step, PARAM_TIMEOUT, &ms) < 0)
		return;
	if (step->params[PARAM_ACTION] && actor_claim(actor, step))
		return;
	actor->phase = 1;
	actor_sleep(actor, ms);
}

static void
step_wait(struct actor *actor, const struct step *step)
{
	int64_t ms = -1;

	if (actor->phase > 0) {
		actor_next(actor);
		return;
	}
	if (actor_param_duration(actor, step, PARAM_FOR, &ms) < 0)
		return;
	actor->phase = 1;
	if (ms >= 0)
		actor_sleep(actor, fleet_scaled(actor->station->fleet, ms));
	/* idle without a time: until somebody ends the program */
}

static void
step_set(struct actor *actor, const struct step *step)
{
	struct json_object *values = actor_param_json(actor, step, PARAM_VALUES);

	if (!values)
		return;
	json_object_object_foreach (values, key, value) {
		if (actor_set_var(actor, key, json_object_get(value)) < 0) {
			json_object_put(values);
			return;
		}
	}
	json_object_put(values);
	actor_next(actor);
}

static void
step_print(struct actor *actor, const struct step *step)
{
	struct json_object *text = actor_param_json(actor, step, PARAM_TEXT);

	if (!text)
		return;
	station_note(actor->station, OUTPUT_STEP, "print", NULL, "%s",
		     json_object_get_string(text));
	json_object_put(text);
	actor_next(actor);
}

static void
step_repeat(struct actor *actor, const struct step *step)
{
	int64_t count = INT64_MAX;

	if (actor_param_int(actor, step, PARAM_COUNT, &count) < 0)
		return;
	if (count == 0) {
		actor->pc = step->end;
		actor_next(actor);
		return;
	}
	actor->loops[actor->loop_count].at = actor->pc;
	actor->loops[actor->loop_count++].left = count - 1;
	actor_next(actor);
}

static void
step_end(struct actor *actor, const struct step *step)
{
	if (actor->loops[actor->loop_count - 1].left-- > 0)
		actor->pc = step->end;
	else
		actor->loop_count--;
	actor_next(actor);
}

typedef void step_fn(struct actor *actor, const struct step *step);

static step_fn *const step_fns[STEP_COUNT] = {
	[STEP_CONNECT] = step_connect,
	[STEP_DISCONNECT] = step_disconnect,
	[STEP_RECONNECT] = step_reconnect,
	[STEP_DROP] = step_drop,
	[STEP_BOOT] = step_boot,
	[STEP_AUTHORIZE] = step_authorize,
	[STEP_HEARTBEAT] = step_heartbeat,
	[STEP_STATUS] = step_status,
	[STEP_START] = step_start,
	[STEP_METER] = step_meter,
	[STEP_STOP] = step_stop,
	[STEP_CALL] = step_call,
	[STEP_RAW] = step_raw,
	[STEP_ON] = step_on,
	[STEP_AWAIT] = step_await,
	[STEP_WAIT] = step_wait,
	[STEP_IDLE] = step_wait,
	[STEP_SET] = step_set,
	[STEP_PRINT] = step_print,
	[STEP_REPEAT] = step_repeat,
	[STEP_END] = step_end,
};

void
step_run(struct actor *actor, const struct step *step)
{
	step_fns[step->kind](actor, step);
}
