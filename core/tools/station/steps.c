/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The steps of a scenario, a function each. A function runs when its step begins (phase 0) and
 * again whenever what it waits for has happened; it ends with actor_next or actor_fail.
 */
#include "actor.h"
#include "features/feature.h"

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

/* The tag of a session that the CSMS asked for, else the station's own. */
static int
read_tag(struct actor *actor, const struct step *step, char *ret_tag, size_t size)
{
	const struct station *station = actor->station;
	const struct connector *connector = &station->connectors[actor->connector];
	bool is_asked = actor == &connector->actor && connector->tag[0] != '\0';

	(void)str_copy(ret_tag, size, is_asked ? connector->tag : station->tag);
	return actor_param_text(actor, step, PARAM_TAG, ret_tag, size);
}

/* Whether a tag is good enough without asking the CSMS; false: the actor stopped. */
static bool
authorize_offline(struct actor *actor, const char *tag)
{
	const struct station *station = actor->station;
	const char *status = NULL;

	if (feature_key_bool(station, "LocalAuthorizeOffline"))
		status = local_list_status(station, tag);
	if (!status && feature_key_bool(station, "AllowOfflineTxForUnknownId"))
		status = "Accepted";
	if (!str_eq(status, "Accepted")) {
		actor_fail(actor, "offline, %s is %s", tag, status ? status : "not known");
		return false;
	}
	station_note(actor->station, OUTPUT_STEP, "tag.accepted", NULL, "offline, %s is accepted",
		     tag);
	return true;
}

static void
step_authorize(struct actor *actor, const struct step *step)
{
	struct station *station = actor->station;
	char tag[64];

	if (actor->phase > 0) {
		actor_next(actor);
		return;
	}
	if (read_tag(actor, step, tag, sizeof(tag)) < 0)
		return;
	if (station_is_offline(station)) {
		if (authorize_offline(actor, tag))
			actor_next(actor);
		return;
	}
	if (feature_key_bool(station, "LocalPreAuthorize") &&
	    str_eq(local_list_own_status(station, tag), "Accepted")) {
		station_note(station, OUTPUT_STEP, "tag.accepted", NULL,
			     "%s is accepted by the local list", tag);
		actor_next(actor);
		return;
	}
	actor->phase = 1;
	station_call(station, actor, "Authorize", payload_words("idTag", tag));
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

/* Who waits for an answer: offline nobody does, the message is sent later. */
static struct actor *
wait_for(struct actor *actor)
{
	if (!station_is_offline(actor->station))
		return actor;
	actor_kick(actor);
	return NULL;
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
	if (str_eq(status, "Available"))
		(void)str_copy(status, sizeof(status), session_idle_status(station, number));
	if (str_eq(status, "Faulted") || str_eq(status, "Unavailable"))
		reservation_lose(station, number);
	(void)str_copy(station->connectors[number].status,
		       sizeof(station->connectors[number].status), status);
	actor->phase++;
	station_call(station, wait_for(actor), "StatusNotification",
		     payload_status(station, number, status, code, info));
}

static bool
may_start(struct actor *actor, uint32_t number, const char *tag)
{
	const struct station *station = actor->station;

	if (number == 0 || station->connectors[number].has_transaction) {
		actor_fail(actor,
			   number == 0 ? "not on connector 0" : "a transaction runs already");
		return false;
	}
	if (!reservation_permits(station, number, tag)) {
		actor_fail(actor, "connector %u is reserved for another tag", number);
		return false;
	}
	return !station_is_offline(station) || authorize_offline(actor, tag);
}

static void
step_start(struct actor *actor, const struct step *step)
{
	struct station *station = actor->station;
	struct connector *connector;
	uint32_t number;
	char tag[64];

	if (actor->phase > 0) {
		actor_next(actor);
		return;
	}
	connector = actor_param_connector(actor, step, &number);
	if (!connector || read_tag(actor, step, tag, sizeof(tag)) < 0 ||
	    !may_start(actor, number, tag))
		return;
	actor->phase = 1;
	session_begin(station, number, tag);
	connector->has_transaction = station_is_offline(station);
	station_call_session(station, wait_for(actor), connector, "StartTransaction",
			     payload_start(station, connector, number, tag,
					   reservation_use(station, number, tag)));
}

/* Charging pauses where nothing may be drawn. */
static void
follow_power(struct station *station, uint32_t number, double power_w)
{
	const char *status = station->connectors[number].status;

	if (power_w <= 0 && str_eq(status, "Charging"))
		station_report(station, number, "SuspendedEVSE");
	else if (power_w > 0 && str_eq(status, "SuspendedEVSE"))
		station_report(station, number, "Charging");
}

static void
sample(struct actor *actor, struct connector *connector, uint32_t number, int64_t interval_ms)
{
	struct station *station = actor->station;
	struct draw draw;

	smart_draw(station, number, (double)connector->wanted_w, &draw);
	connector->energy_wh += draw.power_w * (double)interval_ms / 3600000.0;
	follow_power(station, number, draw.power_w);
	station_call_session(station, wait_for(actor), connector, "MeterValues",
			     payload_meter(station, connector, number, "Sample.Periodic"));
}

/* The key is in seconds, the option need not be. */
static int64_t
sample_interval_ms(const struct station *station)
{
	int64_t own_ms = station->fleet->options->interval_ms;
	int64_t interval_s = feature_key_int(station, "MeterValueSampleInterval", 0);

	return interval_s == 0 || interval_s == own_ms / 1000 ? own_ms : interval_s * 1000;
}

static void
step_meter(struct actor *actor, const struct step *step)
{
	const struct options *options = actor->station->fleet->options;
	int64_t interval_ms = sample_interval_ms(actor->station);
	struct connector *connector;
	uint32_t number;

	connector = actor_param_connector(actor, step, &number);
	if (!connector || actor_param_duration(actor, step, PARAM_INTERVAL, &interval_ms) < 0)
		return;
	connector->wanted_w = options->power_w;
	if (actor_param_int(actor, step, PARAM_POWER, &connector->wanted_w) < 0)
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
	sample(actor, connector, number, interval_ms);
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
		session_ended(actor->station, number);
		actor_next(actor);
		return;
	}
	(void)str_copy(tag, sizeof(tag), connector->tag);
	if (actor_param_text(actor, step, PARAM_REASON, reason, sizeof(reason)) < 0 ||
	    actor_param_text(actor, step, PARAM_TAG, tag, sizeof(tag)) < 0)
		return;
	if (session_walker(actor->station, number)) {
		/* Somebody else charges there, and stops it now. */
		(void)str_copy(connector->stop_word, sizeof(connector->stop_word), reason);
		session_stop(actor->station, number, connector->stop_word);
		actor_next(actor);
		return;
	}
	if (connector->stop_reason)
		(void)str_copy(reason, sizeof(reason), connector->stop_reason);
	actor->phase = 1;
	station_call_session(actor->station, wait_for(actor), connector, "StopTransaction",
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

/* What an `on` without a list of outcomes says; false: the actor stopped. */
static bool
read_outcome(struct actor *actor, const struct step *step, const char *action,
	     struct outcome *outcome)
{
	struct ocppd_error err = { 0 };
	char text[160] = "";
	int64_t times = -1;

	if (actor_param_text(actor, step, PARAM_OUTCOME, text, sizeof(text)) < 0 ||
	    actor_param_text(actor, step, PARAM_ERROR, outcome->word, sizeof(outcome->word)) < 0)
		return false;
	if (text[0] && outcome_parse(action, text, outcome, &err) < 0) {
		actor_fail(actor, "%s", err.text);
		return false;
	}
	if (step->params[PARAM_ERROR])
		outcome->kind = OUTCOME_ERROR;
	else if (step->params[PARAM_REPLY])
		outcome->kind = OUTCOME_REPLY;
	else if (step->params[PARAM_SILENCE])
		outcome->kind = OUTCOME_NEVER;
	if (actor_param_duration(actor, step, PARAM_DELAY, &outcome->delay_ms) < 0 ||
	    actor_param_int(actor, step, PARAM_TIMES, &times) < 0)
		return false;
	if (times > 0)
		outcome->times = (uint32_t)times;
	return true;
}

/* Each of a list is played once, or as often as it says. */
static int
add_list(struct actor *actor, const struct step *step, const char *action)
{
	struct ocppd_error err = { 0 };
	int r = 0;

	for (const struct node *at = step->params[PARAM_OUTCOME]->first; at && r == 0;
	     at = at->next) {
		struct outcome outcome = { .times = 1 };

		if (outcome_parse(action, at->text, &outcome, &err) < 0) {
			actor_fail(actor, "%s", err.text);
			return OCPPD_EINVAL;
		}
		if (actor_param_duration(actor, step, PARAM_DELAY, &outcome.delay_ms) < 0)
			return OCPPD_EINVAL;
		r = reply_add_reaction(actor->station, action, &outcome, step);
	}
	if (r < 0)
		actor_fail(actor, "more than %d outcomes", STATION_MAX_REACTIONS);
	return r;
}

static void
step_on(struct actor *actor, const struct step *step)
{
	const struct node *list = step->params[PARAM_OUTCOME];
	struct outcome outcome = { .times = OUTCOME_FOREVER };
	char action[OUTCOME_ACTION_SIZE] = "";

	if (actor_param_text(actor, step, PARAM_ACTION, action, sizeof(action)) < 0)
		return;
	reply_drop_reactions(actor->station, action);
	if (list && list->kind == NODE_LIST) {
		if (add_list(actor, step, action) == 0)
			actor_next(actor);
		return;
	}
	if (!step->params[PARAM_DEFAULT]) {
		if (!read_outcome(actor, step, action, &outcome))
			return;
		if (reply_add_reaction(actor->station, action, &outcome, step) < 0) {
			actor_fail(actor, "more than %d outcomes", STATION_MAX_REACTIONS);
			return;
		}
	}
	actor_next(actor);
}

/* A session beside the scenario, which goes on until somebody stops it. */
static void
step_charge(struct actor *actor, const struct step *step)
{
	struct station *station = actor->station;
	struct connector *connector;
	uint32_t number;
	char tag[64];

	connector = actor_param_connector(actor, step, &number);
	if (!connector || read_tag(actor, step, tag, sizeof(tag)) < 0 ||
	    !may_start(actor, number, tag))
		return;
	if (!session_is_free(station, number)) {
		actor_fail(actor, "connector %u is not free", number);
		return;
	}
	(void)str_copy(connector->tag, sizeof(connector->tag), tag);
	connector->stop_reason = NULL;
	actor_start(&connector->actor, station->fleet->remote, 0);
	actor_next(actor);
}

static void
step_key(struct actor *actor, const struct step *step)
{
	const struct node *readonly = step->params[PARAM_READONLY];
	struct station *station = actor->station;
	char name[KEY_NAME_MAX + 1] = "";
	char value[KEY_VALUE_MAX * 4 + 1] = "";
	const struct key *key;
	uint32_t flags;

	if (actor_param_text(actor, step, PARAM_NAME, name, sizeof(name)) < 0 ||
	    actor_param_text(actor, step, PARAM_VALUE, value, sizeof(value)) < 0)
		return;
	key = feature_key(station, name);
	flags = key ? key->flags : 0;
	if (readonly)
		flags = str_eq(readonly->text, "true") ? flags | KEY_READONLY
						       : flags & ~KEY_READONLY;
	if (keys_set(&station->keys, name, step->params[PARAM_VALUE] ? value : NULL, flags) < 0)
		actor_fail(actor, "%s cannot be kept", name);
	else
		actor_next(actor);
}

static void
step_lose(struct actor *actor, const struct step *step)
{
	struct station *station = actor->station;
	int64_t count = 1;

	if (actor_param_text(actor, step, PARAM_ACTION, station->lose_action,
			     sizeof(station->lose_action)) < 0 ||
	    actor_param_int(actor, step, PARAM_COUNT, &count) < 0)
		return;
	station->lose_left = count;
	actor_next(actor);
}

static void
step_firmware(struct actor *actor, const struct step *step)
{
	struct station *station = actor->station;

	if (actor_param_text(actor, step, PARAM_VERSION, station->next_version,
			     sizeof(station->next_version)) < 0)
		return;
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
	[STEP_CHARGE] = step_charge,
	[STEP_KEY] = step_key,
	[STEP_LOSE] = step_lose,
	[STEP_FIRMWARE] = step_firmware,
	[STEP_REPEAT] = step_repeat,
	[STEP_END] = step_end,
};

void
step_run(struct actor *actor, const struct step *step)
{
	step_fns[step->kind](actor, step);
}
