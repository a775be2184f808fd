/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Walks a scenario for one station: each step is a function that runs when the step begins (phase
 * 0) and again whenever something it waits for has happened. Nothing here runs inside a callback of
 * the network: a kick is a timer of no length.
 */
#include "actor.h"

#include "expect.h"
#include "features/feature.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <ocppd/time.h>

static void run(uv_timer_t *timer);

void
actor_init(struct actor *actor, struct station *station, uint32_t connector)
{
	actor->station = station;
	actor->connector = connector;
	uv_timer_init(&station->fleet->loop, &actor->timer);
	actor->timer.data = actor;
}

const struct step *
actor_step(const struct actor *actor)
{
	if (!actor->scenario || actor->pc >= actor->scenario->count)
		return NULL;
	return &actor->scenario->steps[actor->pc];
}

void
actor_kick(struct actor *actor)
{
	if (actor->scenario)
		uv_timer_start(&actor->timer, run, 0, 0);
}

void
actor_sleep(struct actor *actor, int64_t ms)
{
	uv_timer_start(&actor->timer, run, (uint64_t)ms, 0);
}

static void
set_answer(struct actor *actor, struct json_object *answer)
{
	json_object_put(actor->answer);
	actor->answer = answer ? json_object_get(answer) : NULL;
}

void
actor_start(struct actor *actor, const struct scenario *scenario, uint32_t pc)
{
	actor->scenario = scenario;
	actor->pc = pc;
	actor->phase = 0;
	actor->loop_count = 0;
	set_answer(actor, NULL);
	actor_kick(actor);
}

void
actor_stop(struct actor *actor)
{
	bool was_walking = actor->scenario != NULL;

	actor->scenario = NULL;
	actor->raw_id[0] = '\0';
	uv_timer_stop(&actor->timer);
	set_answer(actor, NULL);
	if (was_walking && actor == &actor->station->console)
		console_next(actor->station);
}

void
actor_next(struct actor *actor)
{
	actor->pc++;
	actor->phase = 0;
	actor->raw_id[0] = '\0';
	set_answer(actor, NULL);
	actor_kick(actor);
}

/* The scenario ends here, badly. The reason was told. */
static void
give_up(struct actor *actor)
{
	struct station *station = actor->station;

	if (actor == &station->main)
		station_end(station, VERDICT_FAILED);
	else
		actor_stop(actor);
}

void
actor_fail(struct actor *actor, const char *format, ...)
{
	const struct step *step = actor_step(actor);
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	station_fail(actor->station, NULL, "%s:%u: %s: %s", actor->scenario->name, step->node->line,
		     step_name(step->kind), text ? text : "out of memory");
	free(text);
	give_up(actor);
}

/* --- variables and parameters --- */

static struct json_object *
own_var(const struct actor *actor, const char *name)
{
	const struct station *station = actor->station;
	const struct connector *connector = &station->connectors[actor->connector];

	if (str_eq(name, "id"))
		return json_object_new_string(station->id);
	if (str_eq(name, "tag"))
		return json_object_new_string(station->tag);
	if (str_eq(name, "index"))
		return json_object_new_int64(station->index);
	if (str_eq(name, "connector"))
		return json_object_new_int64(actor->connector);
	if (str_eq(name, "connectors"))
		return json_object_new_int64(station->connector_count);
	if (str_eq(name, "transactionId"))
		return json_object_new_int(connector->transaction);
	if (str_eq(name, "meter"))
		return json_object_new_int64((int64_t)connector->energy_wh);
	if (str_eq(name, "now")) {
		char text[OCPPD_TIME_SIZE];

		(void)ocppd_time_format(payload_now_us(), text);
		return json_object_new_string(text);
	}
	return NULL;
}

struct json_object *
actor_var(void *arg, const char *name)
{
	const struct actor *actor = arg;
	const struct station *station = actor->station;

	for (uint32_t i = 0; i < station->var_count; i++) {
		if (str_eq(station->vars[i].name, name))
			return json_object_get(station->vars[i].value);
	}
	return own_var(actor, name);
}

/* value is taken. */
int
actor_set_var(struct actor *actor, const char *name, struct json_object *value)
{
	struct station *station = actor->station;
	uint32_t i = 0;

	while (i < station->var_count && !str_eq(station->vars[i].name, name))
		i++;
	if (i == STATION_MAX_VARS || !value) {
		json_object_put(value);
		actor_fail(actor, "%s: %s", name,
			   value ? "too many variables" : "null cannot be kept");
		return OCPPD_ESPACE;
	}
	if (i == station->var_count) {
		(void)str_copy(station->vars[i].name, sizeof(station->vars[i].name), name);
		station->var_count++;
	} else {
		json_object_put(station->vars[i].value);
	}
	station->vars[i].value = value;
	return 0;
}

/* A parameter with its variables filled in; NULL: absent, or failed (then the actor stopped). */
struct json_object *
actor_param_json(struct actor *actor, const struct step *step, enum param param)
{
	struct json_object *value = NULL;
	struct ocppd_error err = { 0 };

	if (!step->params[param])
		return NULL;
	if (node_json(step->params[param], actor_var, actor, &value, &err) == 0)
		return value;
	actor_fail(actor, "%s", err.text[0] ? err.text : "out of memory");
	return NULL;
}

int
actor_param_text(struct actor *actor, const struct step *step, enum param param, char *ret_text,
		 size_t size)
{
	struct json_object *value = actor_param_json(actor, step, param);
	int r = 0;

	if (!value)
		return actor->scenario ? 0 : OCPPD_EINVAL;
	if (str_copy(ret_text, size, json_object_get_string(value)) < 0) {
		actor_fail(actor, "a text is longer than %zu bytes", size - 1);
		r = OCPPD_EINVAL;
	}
	json_object_put(value);
	return r;
}

int
actor_param_int(struct actor *actor, const struct step *step, enum param param, int64_t *ret_value)
{
	char text[32] = "";
	int r = actor_param_text(actor, step, param, text, sizeof(text));

	if (r < 0 || text[0] == '\0')
		return r;
	if (parse_i64(text, 0, INT32_MAX, ret_value) < 0) {
		actor_fail(actor, "\"%s\" is no number", text);
		return OCPPD_EINVAL;
	}
	return 0;
}

/* Unscaled. */
int
actor_param_duration(struct actor *actor, const struct step *step, enum param param,
		     int64_t *ret_ms)
{
	char text[32] = "";
	int r = actor_param_text(actor, step, param, text, sizeof(text));

	if (r < 0 || text[0] == '\0')
		return r;
	if (duration_parse(text, ret_ms) < 0) {
		actor_fail(actor, "\"%s\" is no duration", text);
		return OCPPD_EINVAL;
	}
	return 0;
}

struct connector *
actor_param_connector(struct actor *actor, const struct step *step, uint32_t *ret_number)
{
	int64_t number = actor->connector;

	if (actor_param_int(actor, step, PARAM_CONNECTOR, &number) < 0)
		return NULL;
	if (number > actor->station->connector_count) {
		actor_fail(actor, "there is no connector %lld", (long long)number);
		return NULL;
	}
	*ret_number = (uint32_t)number;
	return &actor->station->connectors[number];
}

/* --- answers --- */

/* Applies expect and save; false: failed, and told. */
bool
actor_check_payload(struct actor *actor, const struct step *step, struct json_object *payload)
{
	const struct node *save = step->params[PARAM_SAVE];
	struct buf problem = { 0 };

	if (step->params[PARAM_EXPECT] &&
	    !expect_check(step->params[PARAM_EXPECT], payload, actor_var, actor, &problem)) {
		actor_fail(actor, "%s", problem.data ? problem.data : "out of memory");
		buf_fini(&problem);
		return false;
	}
	for (const struct node *at = save ? save->first : NULL; at; at = at->next) {
		struct json_object *value = NULL;

		if (!expect_path(payload, at->text, &value) || !value) {
			actor_fail(actor, "%s is absent, nothing to save", at->text);
			return false;
		}
		if (actor_set_var(actor, at->key, json_object_get(value)) < 0)
			return false;
	}
	return true;
}

const char *
actor_member(struct json_object *object, const char *path)
{
	struct json_object *value = NULL;

	if (!expect_path(object, path, &value) || !value)
		return "";
	return json_object_get_string(value);
}

/* Without a word of the scenario's own, a refused tag ends it. */
static bool
check_tag(struct actor *actor, const struct step *step, const struct call *call,
	  struct json_object *payload)
{
	bool is_asked =
		str_eq(call->action, "Authorize") || str_eq(call->action, "StartTransaction");
	const char *status = actor_member(payload, "idTagInfo.status");
	struct station *station = actor->station;

	if (!is_asked || step->params[PARAM_EXPECT] || step->kind == STEP_CALL ||
	    str_eq(status, "Accepted"))
		return true;
	if (actor == &station->connectors[actor->connector].actor) {
		station_note(station, OUTPUT_NOTE, "tag.refused", call->action, "%s", status);
		/* A transaction that began is stopped already. */
		if (step->kind == STEP_AUTHORIZE)
			session_give_up(station, actor->connector);
		actor_stop(actor);
		return false;
	}
	actor_fail(actor, "the tag is refused: %s", status);
	return false;
}

void
actor_answered(struct actor *actor, const struct call *call, struct json_object *payload,
	       const char *error)
{
	const struct step *step = call->step;
	const struct node *wanted = step ? step->params[PARAM_ERROR] : NULL;

	if (!step || actor_step(actor) != step)
		return;
	if (error) {
		if (!wanted)
			give_up(actor);
		else if (!str_eq(wanted->text, error))
			actor_fail(actor, "CALLERROR %s, expected %s", error, wanted->text);
		else
			actor_kick(actor);
		return;
	}
	if (wanted) {
		actor_fail(actor, "a confirmation, expected CALLERROR %s", wanted->text);
		return;
	}
	if (!actor_check_payload(actor, step, payload) || !check_tag(actor, step, call, payload))
		return;
	set_answer(actor, payload);
	actor_kick(actor);
}

void
actor_lost(struct actor *actor, const char *why)
{
	if (!actor->scenario)
		return;
	if (why)
		actor_fail(actor, "%s", why);
	else
		give_up(actor);
}

void
actor_refused(struct actor *actor, int status, const char *text)
{
	const struct step *step = actor_step(actor);
	int64_t wanted = 0;

	if (!step || !step->params[PARAM_REFUSED])
		return;
	if (actor_param_int(actor, step, PARAM_REFUSED, &wanted) < 0)
		return;
	if (wanted != status) {
		actor_fail(actor, "refused with HTTP status %d (%s), expected %lld", status, text,
			   (long long)wanted);
		return;
	}
	station_note(actor->station, OUTPUT_STEP, "refused", NULL, "refused as expected, status %d",
		     status);
	actor->station->wants_online = false;
	actor_next(actor);
}

void
actor_closed(struct actor *actor, uint16_t code)
{
	const struct step *step = actor_step(actor);
	int64_t wanted = 0;

	if (!step)
		return;
	if (step->kind == STEP_DISCONNECT || step->kind == STEP_DROP ||
	    step->kind == STEP_RECONNECT) {
		actor_kick(actor);
		return;
	}
	if (!step->params[PARAM_CLOSED] || actor->phase == 0)
		return;
	if (actor_param_int(actor, step, PARAM_CLOSED, &wanted) < 0)
		return;
	if (wanted != 0 && wanted != code) {
		actor_fail(actor, "closed with %u, expected %lld", code, (long long)wanted);
		return;
	}
	actor->station->wants_online = false;
	actor_next(actor);
}

/* An awaited CALL came, now or before the step began. */
bool
actor_claim(struct actor *actor, const struct step *step)
{
	struct received *unclaimed = actor->station->unclaimed;
	char action[52] = "";

	if (actor_param_text(actor, step, PARAM_ACTION, action, sizeof(action)) < 0)
		return true;
	for (uint32_t i = 0; i < STATION_UNCLAIMED; i++) {
		struct json_object *payload = unclaimed[i].payload;

		if (!payload || !str_eq(unclaimed[i].action, action))
			continue;
		unclaimed[i].payload = NULL;
		if (actor_check_payload(actor, step, payload))
			actor_next(actor);
		json_object_put(payload);
		return true;
	}
	return false;
}

static void
claim_now(struct actor *actor)
{
	const struct step *step = actor_step(actor);

	if (step && step->kind == STEP_AWAIT && step->params[PARAM_ACTION] && actor->phase > 0)
		(void)actor_claim(actor, step);
}

void
actor_called(struct station *station, const char *action, struct json_object *payload)
{
	struct received *unclaimed = station->unclaimed;

	/* The oldest goes when nobody asks for so many. */
	json_object_put(unclaimed[0].payload);
	memmove(unclaimed, unclaimed + 1, (STATION_UNCLAIMED - 1) * sizeof(*unclaimed));
	(void)str_copy(unclaimed[STATION_UNCLAIMED - 1].action, sizeof(unclaimed->action), action);
	unclaimed[STATION_UNCLAIMED - 1].payload = json_object_get(payload);
	claim_now(&station->main);
	claim_now(&station->console);
}

bool
actor_raw_answered(struct actor *actor, const char *id, struct json_object *payload,
		   const char *error)
{
	const struct step *step = actor_step(actor);
	const struct node *wanted = step ? step->params[PARAM_ERROR] : NULL;

	if (actor->stray_id[0] != '\0' && str_eq(actor->stray_id, id))
		return true;
	if (!step || step->kind != STEP_RAW || actor->raw_id[0] == '\0' ||
	    !str_eq(actor->raw_id, id))
		return false;
	if (error && !wanted)
		actor_fail(actor, "CALLERROR %s", error);
	else if (error && !str_eq(wanted->text, error))
		actor_fail(actor, "CALLERROR %s, expected %s", error, wanted->text);
	else if (!error && wanted)
		actor_fail(actor, "a confirmation, expected CALLERROR %s", wanted->text);
	else if (error || actor_check_payload(actor, step, payload))
		actor_next(actor);
	return true;
}

void
actor_raw_silence_broken(struct actor *actor, const char *text)
{
	const struct step *step = actor_step(actor);

	if (step && step->kind == STEP_RAW && step->params[PARAM_SILENCE] && actor->phase > 0)
		actor_fail(actor, "expected silence, got %.120s", text);
}

static void
finish(struct actor *actor)
{
	struct station *station = actor->station;

	actor_stop(actor);
	if (actor != &station->main)
		return;
	if (station->fleet->options->is_idle) {
		station_note(station, OUTPUT_STEP, "scenario.ended", NULL,
			     "scenario done, staying connected");
		station_want_online(station);
		return;
	}
	station_end(station, VERDICT_PASSED);
}

static void
run(uv_timer_t *timer)
{
	struct actor *actor = timer->data;
	const struct step *step = actor_step(actor);

	if (!actor->scenario)
		return;
	if (!step)
		finish(actor);
	else
		step_run(actor, step);
}
