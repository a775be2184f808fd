/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * One simulated station: its connection and the frames that come in. What is done when is the
 * business of actor.c, what is asked of calls.c, what is answered of reply.c.
 */
#include "features/feature.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <ocppd/json.h>

#define RECONNECT_FIRST_MS 1000
#define RECONNECT_MOST_MS 60000

/* Whether lines about every step are wanted: of many stations nobody reads them. */
bool
station_is_shown(const struct station *station, enum output_kind kind)
{
	const struct fleet *fleet = station->fleet;

	return kind == OUTPUT_FAILURE || fleet->count <= 16 || fleet->out.is_verbose ||
	       fleet->out.is_json;
}

bool
station_is_offline(const struct station *station)
{
	return station->state == STATION_OFFLINE && !station->wants_online;
}

static void print_line(struct station *station, const struct output_line *line, const char *format,
		       va_list args) OCPPD_PRINTF(3, 0);

static void
print_line(struct station *station, const struct output_line *line, const char *format,
	   va_list args)
{
	char *text = NULL;

	if (!station_is_shown(station, line->kind) || vasprintf(&text, format, args) < 0)
		return;
	output_print(&station->fleet->out, line, "%s", text);
	free(text);
}

void
station_note(struct station *station, enum output_kind kind, const char *event, const char *action,
	     const char *format, ...)
{
	const struct output_line line = { kind, station->id, event, action, -1 };
	va_list args;

	va_start(args, format);
	print_line(station, &line, format, args);
	va_end(args);
}

void
station_fail(struct station *station, const char *action, const char *format, ...)
{
	const struct output_line line = { OUTPUT_FAILURE, station->id, "check.failed", action, -1 };
	va_list args;

	station->failures++;
	station->fleet->failures++;
	va_start(args, format);
	print_line(station, &line, format, args);
	va_end(args);
}

static void
on_heartbeat(uv_timer_t *timer)
{
	struct station *station = timer->data;

	if (station->state == STATION_ONLINE && station->is_accepted && !station->is_ending &&
	    !station->outstanding)
		station_call(station, NULL, "Heartbeat", json_object_new_object());
}

void
station_set_heartbeat(struct station *station, int64_t interval_s)
{
	int64_t ms = fleet_scaled(station->fleet, interval_s * 1000);

	if (interval_s <= 0) {
		uv_timer_stop(&station->heartbeat_timer);
		return;
	}
	ms = ms < 100 ? 100 : ms;
	uv_timer_start(&station->heartbeat_timer, on_heartbeat, (uint64_t)ms, (uint64_t)ms);
}

/* What the CSMS wants at boot is what the key says afterwards. */
static void
keep_interval(struct station *station, int64_t interval_s)
{
	const struct key *key = feature_key(station, "HeartbeatInterval");
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)interval_s);
	if (key && interval_s > 0 && !str_eq(key->value, text))
		(void)keys_set(&station->keys, key->name, text, key->flags);
}

void
station_boot_accepted(struct station *station, int64_t interval_s)
{
	station->is_accepted = true;
	station->is_held = false;
	keep_interval(station, interval_s);
	station_set_heartbeat(station, interval_s);
	firmware_booted(station);
	calls_pump(station);
}

/* A CALLRESULT or CALLERROR: whose is it? */
static void
on_answer(struct station *station, const char *id, struct json_object *payload, const char *error,
	  const char *description)
{
	if (station->outstanding && str_eq(station->outstanding->id, id)) {
		if (station->lose_left > 0 &&
		    str_eq(station->outstanding->action, station->lose_action)) {
			station->lose_left--;
			station_note(station, OUTPUT_NOTE, "answer.lost", station->lose_action,
				     "the answer is lost with the connection, as told");
			link_drop(&station->link);
			return;
		}
		calls_answered(station, payload, error, description);
		return;
	}
	if (actor_raw_answered(&station->main, id, payload, error) ||
	    actor_raw_answered(&station->console, id, payload, error))
		return;
	if (station->is_ending)
		return; /* what it was for is given up */
	station_fail(station, NULL, "an answer to \"%.40s\", which is not asked", id);
}

static const char *
element_text(struct json_object *frame, size_t index)
{
	struct json_object *element = json_object_array_get_idx(frame, index);

	return json_object_is_type(element, json_type_string) ? json_object_get_string(element)
							      : NULL;
}

static bool
is_object(struct json_object *frame, size_t index)
{
	return json_object_is_type(json_object_array_get_idx(frame, index), json_type_object);
}

/* Returns what is wrong with the frame, NULL: nothing, and it was handled. */
static const char *
handle_frame(struct station *station, struct json_object *frame)
{
	size_t count = json_object_array_length(frame);
	const char *id = count > 1 ? element_text(frame, 1) : NULL;
	const char *word = count > 2 ? element_text(frame, 2) : NULL;
	int64_t type =
		count > 0 && json_object_is_type(json_object_array_get_idx(frame, 0), json_type_int)
			? json_object_get_int64(json_object_array_get_idx(frame, 0))
			: 0;

	if (!id)
		return "the message id is no string";
	if (type == 2) {
		if (count != 4 || !word || !is_object(frame, 3))
			return "a CALL is [2, id, action, payload]";
		if (id[0] == '\0' || utf8_count(id) > 36)
			return "the id of a CALL has 1 to 36 characters";
		reply_to_call(station, id, word, json_object_array_get_idx(frame, 3));
		return NULL;
	}
	if (type == 3) {
		if (count != 3 || !is_object(frame, 2))
			return "a CALLRESULT is [3, id, payload]";
		on_answer(station, id, json_object_array_get_idx(frame, 2), NULL, "");
		return NULL;
	}
	if (type == 4) {
		if (count != 5 || !word || !element_text(frame, 3) || !is_object(frame, 4))
			return "a CALLERROR is [4, id, code, description, details]";
		on_answer(station, id, NULL, word, element_text(frame, 3));
		return NULL;
	}
	return "the message type is none of 2, 3 and 4";
}

/* The answer to a CALL of the station's own, such as a heartbeat that was due. */
static bool
is_awaited(const struct station *station, struct json_object *frame)
{
	int type = json_object_get_int(json_object_array_get_idx(frame, 0));
	const char *id = element_text(frame, 1);

	return (type == 3 || type == 4) && station->outstanding && id &&
	       str_eq(station->outstanding->id, id);
}

static void
on_message(void *arg, const char *text, size_t len, bool is_binary)
{
	struct station *station = arg;
	struct json_tokener *tokener = station->fleet->tokener;
	struct json_object *frame;
	const char *problem;

	station_note(station, OUTPUT_FRAME, "frame.received", NULL, "< %.*s", (int)len, text);
	if (is_binary || !utf8_valid(text, len)) {
		station_fail(station, NULL, "a message that is not UTF-8 text");
		return;
	}
	json_tokener_reset(tokener);
	frame = json_tokener_parse_ex(tokener, text, (int)len);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    json_tokener_get_parse_end(tokener) != len ||
	    !json_object_is_type(frame, json_type_array)) {
		station_fail(station, NULL, "a message that is no JSON array: %.100s", text);
		json_object_put(frame);
		return;
	}
	if (!is_awaited(station, frame)) {
		actor_raw_silence_broken(&station->main, text);
		actor_raw_silence_broken(&station->console, text);
	}
	problem = handle_frame(station, frame);
	if (problem)
		station_fail(station, NULL, "%s: %.200s", problem, text);
	json_object_put(frame);
}

static void
on_reconnect(uv_timer_t *timer)
{
	struct station *station = timer->data;

	if (station->wants_online && station->state == STATION_OFFLINE)
		fleet_queue(station);
}

static void
reconnect_later(struct station *station)
{
	uint32_t shift = station->attempts < 6 ? station->attempts : 6;
	int64_t ms = (int64_t)RECONNECT_FIRST_MS << shift;

	ms = ms > RECONNECT_MOST_MS ? RECONNECT_MOST_MS : ms;
	/* Spread by a fixed share of each station, so that many do not come at once. */
	ms += ms * (station->index * 37 % 100) / 400;
	station->attempts++;
	uv_timer_start(&station->connect_timer, on_reconnect,
		       (uint64_t)fleet_scaled(station->fleet, ms), 0);
}

void
station_want_online(struct station *station)
{
	station->wants_online = true;
	if (station->state == STATION_OFFLINE &&
	    !uv_is_active((uv_handle_t *)&station->connect_timer))
		fleet_queue(station);
}

void
station_go_offline(struct station *station, uint16_t code)
{
	station->wants_online = false;
	uv_timer_stop(&station->connect_timer);
	if (code == 0)
		link_drop(&station->link);
	else
		link_close(&station->link, code);
}

static bool
offers(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; *p;) {
		size_t word;

		p += strspn(p, ", ");
		word = strcspn(p, ", ");
		if (word == len && memcmp(p, name, len) == 0)
			return true;
		p += word;
	}
	return false;
}

/* Who waits for a connection, and nobody who sleeps. */
static void
wake_waiting(struct actor *actor)
{
	const struct step *step = actor_step(actor);

	if (step && (step->kind == STEP_CONNECT || step->kind == STEP_RECONNECT))
		actor_kick(actor);
}

static void
on_open(void *arg, const char *subprotocol)
{
	struct station *station = arg;

	station->state = STATION_ONLINE;
	station->attempts = 0;
	station->fleet->online++;
	fleet_turn_over(station);
	station_note(station, OUTPUT_STEP, "connected", NULL, "connected as %s, subprotocol %s",
		     station->path, subprotocol[0] ? subprotocol : "(none)");
	if (subprotocol[0] && !offers(station->fleet->options->subprotocol, subprotocol))
		station_fail(station, NULL,
			     "the server chose subprotocol %s, which was not offered", subprotocol);
	wake_waiting(&station->main);
	wake_waiting(&station->console);
	calls_pump(station);
	station_settle(station);
}

static void
on_refused(void *arg, int status, const char *text)
{
	struct station *station = arg;
	const struct step *step = actor_step(&station->main);
	bool is_expected = step && step->params[PARAM_REFUSED];

	station->state = STATION_OFFLINE;
	fleet_turn_over(station);
	if (station->is_ending || is_expected) {
		actor_refused(&station->main, status, text);
		station_settle(station);
		return;
	}
	station_note(station, OUTPUT_NOTE, "refused", NULL, "not connected: %s (HTTP status %d)",
		     text, status);
	if (station->fleet->options->is_once) {
		station_fail(station, NULL, "could not connect");
		station_end(station, VERDICT_UNREACHABLE);
		return;
	}
	reconnect_later(station);
}

static void
on_closed(void *arg, uint16_t code)
{
	struct station *station = arg;

	bool is_reset = station->reset_reason != NULL;

	station->state = STATION_OFFLINE;
	station->fleet->online--;
	calls_put_back(station);
	if (is_reset) {
		station->reset_reason = NULL;
		station->is_accepted = false;
		station->is_held = true;
		station->wants_online = true;
		actor_start(&station->restart, station->fleet->restart, 0);
	}
	actor_closed(&station->main, code);
	actor_closed(&station->console, code);
	if (station->is_ending || !station->wants_online) {
		station_note(station, OUTPUT_STEP, "disconnected", NULL, "disconnected");
		station_settle(station);
		return;
	}
	if (is_reset)
		station_note(station, OUTPUT_STEP, "rebooting", NULL, "rebooting");
	else
		station_note(station, OUTPUT_NOTE, "lost", NULL, "connection lost, close code %u",
			     code);
	if (station->fleet->options->is_once && !is_reset) {
		station_fail(station, NULL, "the connection was lost");
		station_end(station, VERDICT_FAILED);
		return;
	}
	reconnect_later(station);
}

const struct link_ops station_link_ops = {
	.on_open = on_open,
	.on_refused = on_refused,
	.on_message = on_message,
	.on_closed = on_closed,
};

/* Moves on what waits for the queue to empty: a reset, the end. */
void
station_settle(struct station *station)
{
	bool is_empty = !station->queue && !station->outstanding;

	if (station->is_done)
		return;
	if (!station->is_ending && station->reset_reason && is_empty) {
		link_close(&station->link, 1000);
		return;
	}
	if (!station->is_ending)
		return;
	if (station->state == STATION_ONLINE && !is_empty)
		return;
	if (station->state == STATION_ONLINE) {
		station->wants_online = false;
		link_close(&station->link, 1000);
		return;
	}
	if (station->state == STATION_CONNECTING)
		return;
	station->is_done = true;
	calls_drop(station);
	uv_timer_stop(&station->connect_timer);
	fleet_done(station);
}

void
station_end(struct station *station, enum station_verdict verdict)
{
	if (station->is_ending)
		return;
	station->is_ending = true;
	station->verdict =
		station->failures > 0 && verdict == VERDICT_PASSED ? VERDICT_FAILED : verdict;
	uv_timer_stop(&station->heartbeat_timer);
	actor_stop(&station->main);
	actor_stop(&station->restart);
	actor_stop(&station->console);
	for (uint32_t i = 1; i <= station->connector_count; i++)
		actor_stop(&station->connectors[i].actor);
	for (struct call *call = station->queue; call; call = call->next)
		call->actor = NULL;
	if (station->outstanding)
		station->outstanding->actor = NULL;
	station_settle(station);
}

void
station_abandon(struct station *station)
{
	const struct step *step = actor_step(&station->main);
	bool is_over = !station->main.scenario || (step && step->kind == STEP_IDLE);

	calls_drop(station);
	if (!station->is_ending)
		station_end(station, is_over ? VERDICT_PASSED : VERDICT_FAILED);
	else
		station_settle(station);
}

void
station_begin(struct station *station)
{
	actor_start(&station->main, station->fleet->scenario, 0);
}

/* What the command line says of the station itself. */
static int
init_features(struct station *station)
{
	const struct options *options = station->fleet->options;
	int r = 0;

	job_init(&station->firmware, station, "FirmwareStatusNotification");
	job_init(&station->diagnostics, station, "DiagnosticsStatusNotification");
	reservation_init(station);
	reply_init(station);
	(void)str_copy(station->version, sizeof(station->version), options->firmware);
	(void)str_copy(station->next_version, sizeof(station->next_version),
		       options->next_firmware);
	for (uint32_t i = 0; i < options->outcome_count && r == 0; i++) {
		struct outcome outcome = { .times = OUTCOME_FOREVER };
		char action[OUTCOME_ACTION_SIZE] = "";

		r = outcome_parse_pair(options->outcomes[i], action, &outcome, NULL);
		if (r == 0)
			r = reply_add_reaction(station, action, &outcome, NULL);
	}
	return r;
}

int
station_init(struct station *station, struct fleet *fleet, uint32_t index)
{
	const struct options *options = fleet->options;
	uint32_t number = options->first + index;
	uv_timer_t *timers[] = { &station->call_timer, &station->heartbeat_timer,
				 &station->connect_timer };

	station->fleet = fleet;
	station->index = number;
	station->connector_count = options->connectors;
	if (pattern_format(options->id, number, station->id, sizeof(station->id)) < 0 ||
	    pattern_format(options->tag, number, station->tag, sizeof(station->tag)) < 0 ||
	    url_station_path(&options->url, station->id, station->path, sizeof(station->path)) < 0)
		return OCPPD_ESPACE;
	station->connectors = calloc(options->connectors + 1, sizeof(*station->connectors));
	station->vars = calloc(STATION_MAX_VARS, sizeof(*station->vars));
	link_init(&station->link, fleet->net, station);
	station->link.path = station->path;
	station->link.identity = station->id;
	if (!station->connectors || !station->vars)
		return OCPPD_ENOMEM;
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		uv_timer_init(&fleet->loop, timers[i]);
		timers[i]->data = station;
	}
	actor_init(&station->main, station, 1);
	actor_init(&station->restart, station, 1);
	actor_init(&station->console, station, 1);
	for (uint32_t i = 0; i <= options->connectors; i++) {
		actor_init(&station->connectors[i].actor, station, i);
		station->connectors[i].energy_wh = 1000.0 * (number % 1000) + 100000.0 * i;
	}
	return init_features(station);
}

void
station_fini(struct station *station)
{
	calls_drop(station);
	for (uint32_t i = 0; i < station->var_count; i++)
		json_object_put(station->vars[i].value);
	for (uint32_t i = 0; i < STATION_UNCLAIMED; i++)
		json_object_put(station->unclaimed[i].payload);
	json_object_put(station->main.answer);
	json_object_put(station->restart.answer);
	json_object_put(station->console.answer);
	for (uint32_t i = 0; station->connectors && i <= station->connector_count; i++)
		json_object_put(station->connectors[i].actor.answer);
	reply_fini(station);
	smart_fini(station);
	job_fini(&station->firmware);
	job_fini(&station->diagnostics);
	keys_fini(&station->keys);
	auth_list_clear(&station->list);
	auth_list_clear(&station->cache);
	link_fini(&station->link);
	free(station->connectors);
	free(station->vars);
}
