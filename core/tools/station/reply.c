/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What the station answers to the CSMS: by what the user wants to see, else like a sensible
 * station. Who knows an action is in features/; here is who is asked, when the answer goes, and
 * what goes instead of it.
 */
#include "features/feature.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <ocppd/json.h>

#define JSON_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static const struct {
	feature_answer_fn *answer;
	feature_follow_fn *follow; /* NULL: nothing does */
} rows[ACTION_COUNT] = {
	[ACTION_CANCEL_RESERVATION] = { on_cancel_reservation, after_cancel_reservation },
	[ACTION_CHANGE_AVAILABILITY] = { on_change_availability, after_change_availability },
	[ACTION_CHANGE_CONFIGURATION] = { on_change_configuration, after_change_configuration },
	[ACTION_CLEAR_CACHE] = { on_clear_cache, after_clear_cache },
	[ACTION_CLEAR_CHARGING_PROFILE] = { on_clear_profile, after_clear_profile },
	[ACTION_DATA_TRANSFER] = { on_data_transfer },
	[ACTION_GET_COMPOSITE_SCHEDULE] = { on_composite },
	[ACTION_GET_CONFIGURATION] = { on_get_configuration },
	[ACTION_GET_DIAGNOSTICS] = { on_get_diagnostics, after_get_diagnostics },
	[ACTION_GET_LOCAL_LIST_VERSION] = { on_get_list_version },
	[ACTION_REMOTE_START] = { on_remote_start, after_remote_start },
	[ACTION_REMOTE_STOP] = { on_remote_stop, after_remote_stop },
	[ACTION_RESERVE_NOW] = { on_reserve, after_reserve },
	[ACTION_RESET] = { on_reset, after_reset },
	[ACTION_SEND_LOCAL_LIST] = { on_send_local_list, after_send_local_list },
	[ACTION_SET_CHARGING_PROFILE] = { on_set_profile, after_set_profile },
	[ACTION_TRIGGER_MESSAGE] = { on_trigger, after_trigger },
	[ACTION_UNLOCK_CONNECTOR] = { on_unlock, after_unlock },
	[ACTION_UPDATE_FIRMWARE] = { on_update_firmware, after_update_firmware },
};

/* Known to OCPP 1.6 and its security extension, not to this station. */
static const char *const not_supported[] = {
	"CertificateSigned",
	"DeleteCertificate",
	"ExtendedTriggerMessage",
	"GetInstalledCertificateIds",
	"GetLog",
	"InstallCertificate",
	"SignedUpdateFirmware",
};

/* --- for the features --- */

struct json_object *
feature_status(const char *status)
{
	return payload_words("status", status);
}

struct json_object *
feature_incomplete(struct request *request)
{
	request->error = "OccurenceConstraintViolation";
	request->problem = "the request does not fit its schema";
	return NULL;
}

int64_t
feature_connector(const struct request *request, int64_t least)
{
	int64_t number = ocppd_json_get_int(request->payload, "connectorId", -1);

	return number < least || number > request->station->connector_count ? -1 : number;
}

/* --- sending --- */

static void
send_array(struct station *station, struct json_object *frame)
{
	const char *text = json_object_to_json_string_ext(frame, JSON_FLAGS);

	if (text) {
		station_note(station, OUTPUT_FRAME, "frame.sent", NULL, "> %s", text);
		(void)link_send(&station->link, text, strlen(text), false);
	}
	json_object_put(frame);
}

/* payload is taken. */
static void
send_result(struct station *station, const char *id, struct json_object *payload)
{
	struct json_object *frame = json_object_new_array();

	json_object_array_add(frame, json_object_new_int(3));
	json_object_array_add(frame, json_object_new_string(id));
	json_object_array_add(frame, payload);
	send_array(station, frame);
}

static void
send_error(struct station *station, const char *id, const char *code, const char *description)
{
	struct json_object *frame = json_object_new_array();

	json_object_array_add(frame, json_object_new_int(4));
	json_object_array_add(frame, json_object_new_string(id));
	json_object_array_add(frame, json_object_new_string(code));
	json_object_array_add(frame, json_object_new_string(description));
	json_object_array_add(frame, json_object_new_object());
	send_array(station, frame);
}

/* --- answering --- */

/* What is answered to what: late or at once. */
struct question {
	const char *id;
	const char *action;
	struct json_object *payload;
	const struct outcome *outcome;
	const struct step *step; /* of the scenario that gave the outcome; NULL: none */
};

static bool
has_word(const char *const *words, const char *word)
{
	for (; words && *words; words++) {
		if (str_eq(*words, word))
			return true;
	}
	return false;
}

/* A status after which a station does something; NULL: the confirmation has none. */
static bool
is_good(const char *status)
{
	static const char *const good[] = { "Accepted", "RebootRequired", "Scheduled", "Unlocked",
					    NULL };

	return !status || has_word(good, status);
}

static const char *
compact(struct json_object *payload)
{
	const char *text = json_object_to_json_string_ext(payload, JSON_FLAGS);

	return text ? text : "answered";
}

static void
answer_known(struct station *station, const struct question *question, enum action_id action)
{
	bool is_told = question->outcome->kind == OUTCOME_WORD;
	bool is_idle = question->outcome->kind == OUTCOME_NOTHING;
	struct request request = { .station = station,
				   .payload = question->payload,
				   .word = is_told ? question->outcome->word : NULL,
				   .error = "InternalError" };
	struct json_object *reply = rows[action].answer(&request);
	const char *status = ocppd_json_get_str(reply, "status");
	bool has_changed = false;

	if (!reply) {
		station_note(station, OUTPUT_NOTE, "call.received", question->action,
			     "from the CSMS: CALLERROR %s%s%s", request.error,
			     request.problem ? ", " : "", request.problem ? request.problem : "");
		send_error(station, question->id, request.error,
			   request.problem ? request.problem : "");
		return;
	}
	/* What the station would not have said by itself is a word, and nothing comes of it. */
	if (is_told && has_word(outcome_actions[action].words, request.word) &&
	    !str_eq(status, request.word)) {
		json_object_put(reply);
		reply = feature_status(request.word);
		status = request.word;
		has_changed = true;
	}
	station_note(station, OUTPUT_STEP, "call.received", question->action,
		     "from the CSMS: %.200s%s%s", status ? status : compact(reply),
		     has_changed ? ", as told" : "", is_idle ? ", and nothing follows" : "");
	/* The frame is written before the reply is freed: status may be part of it. */
	has_changed = has_changed || !is_good(status);
	send_result(station, question->id, reply);
	if (rows[action].follow && !has_changed && !is_idle)
		rows[action].follow(&request);
}

static void
answer_default(struct station *station, const struct question *question)
{
	const struct outcome_action *known = outcome_find(question->action);
	bool is_foreign = false;
	const char *code;

	if (known && feature_key_has(station, "SupportedFeatureProfiles", known->profile)) {
		answer_known(station, question, (enum action_id)(known - outcome_actions));
		return;
	}
	for (size_t i = 0; i < sizeof(not_supported) / sizeof(not_supported[0]); i++)
		is_foreign = is_foreign || str_eq(not_supported[i], question->action);
	code = known || is_foreign ? "NotSupported" : "NotImplemented";
	station_note(station, OUTPUT_STEP, "call.received", question->action, "from the CSMS: %s",
		     code);
	send_error(station, question->id, code, "");
}

static void
answer_reply(struct station *station, const struct question *question)
{
	struct json_object *payload = NULL;
	struct ocppd_error err = { 0 };

	if (node_json(question->step->params[PARAM_REPLY], actor_var, &station->main, &payload,
		      &err) < 0) {
		station_fail(station, question->action, "the reply cannot be made: %s", err.text);
		return;
	}
	station_note(station, OUTPUT_STEP, "call.received", question->action,
		     "from the CSMS, answered by the scenario");
	send_result(station, question->id, payload);
}

static struct json_object *
invalid_payload(void)
{
	struct json_object *payload = json_object_new_object();

	/* Neither type nor name fits any confirmation. */
	(void)ocppd_json_add_int(payload, "status", 7);
	(void)ocppd_json_add_bool(payload, "notInTheSchema", 1);
	return payload;
}

static void
answer_now(struct station *station, const struct question *question)
{
	const struct outcome *outcome = question->outcome;
	const struct node *description =
		question->step ? question->step->params[PARAM_DESCRIPTION] : NULL;

	switch (outcome->kind) {
	case OUTCOME_DEFAULT:
	case OUTCOME_WORD:
	case OUTCOME_NOTHING:
		answer_default(station, question);
		return;
	case OUTCOME_REPLY:
		answer_reply(station, question);
		return;
	case OUTCOME_ERROR:
		station_note(station, OUTPUT_STEP, "call.received", question->action,
			     "from the CSMS: CALLERROR %s, as told", outcome->word);
		send_error(station, question->id, outcome->word,
			   description ? description->text : "");
		return;
	case OUTCOME_NEVER:
		station_note(station, OUTPUT_STEP, "call.received", question->action,
			     "from the CSMS: never answered, as told");
		return;
	case OUTCOME_INVALID:
		station_note(station, OUTPUT_STEP, "call.received", question->action,
			     "from the CSMS: an invalid answer, as told");
		send_result(station, question->id, invalid_payload());
		return;
	case OUTCOME_DROP:
		station_note(station, OUTPUT_STEP, "call.received", question->action,
			     "from the CSMS: the connection is dropped, as told");
		link_drop(&station->link);
		return;
	}
}

/* --- answers that come late --- */

static void
late_free(struct late *late)
{
	json_object_put(late->payload);
	free(late);
}

static void on_late(uv_timer_t *timer);

static void
set_late_timer(struct station *station)
{
	int64_t left_us;

	uv_timer_stop(&station->late_timer);
	if (!station->late)
		return;
	left_us = station->late->due_mono_us - output_mono_us();
	uv_timer_start(&station->late_timer, on_late,
		       left_us > 0 ? (uint64_t)(left_us / 1000 + 1) : 0, 0);
}

static void
on_late(uv_timer_t *timer)
{
	struct station *station = timer->data;

	while (station->late && station->late->due_mono_us <= output_mono_us()) {
		struct late *late = station->late;
		const struct question question = { late->id, late->action, late->payload,
						   &late->outcome, late->step };

		station->late = late->next;
		station->late_count--;
		answer_now(station, &question);
		late_free(late);
	}
	set_late_timer(station);
}

/* False: too many wait already. */
static bool
answer_late(struct station *station, const struct question *question)
{
	struct late *late =
		station->late_count < STATION_MAX_LATE ? calloc(1, sizeof(*late)) : NULL;
	struct late **at = &station->late;

	if (!late)
		return false;
	late->payload = json_object_get(question->payload);
	late->outcome = *question->outcome;
	late->step = question->step;
	late->due_mono_us =
		output_mono_us() + fleet_scaled(station->fleet, question->outcome->delay_ms) * 1000;
	(void)str_copy(late->action, sizeof(late->action), question->action);
	(void)str_copy(late->id, sizeof(late->id), question->id);
	while (*at && (*at)->due_mono_us <= late->due_mono_us)
		at = &(*at)->next;
	late->next = *at;
	*at = late;
	station->late_count++;
	station_note(station, OUTPUT_STEP, "call.delayed", question->action,
		     "from the CSMS: answered in %.1f s, as told",
		     (double)fleet_scaled(station->fleet, question->outcome->delay_ms) / 1000);
	set_late_timer(station);
	return true;
}

/* --- reactions --- */

int
reply_add_reaction(struct station *station, const char *action, const struct outcome *outcome,
		   const struct step *step)
{
	struct reaction *reaction;

	if (station->reaction_count == STATION_MAX_REACTIONS)
		return OCPPD_ESPACE;
	if (station->reaction_count == station->reaction_size) {
		uint32_t size = station->reaction_size > 0 ? station->reaction_size * 2 : 4;
		struct reaction *reactions =
			reallocarray(station->reactions, size, sizeof(*reactions));

		if (!reactions)
			return OCPPD_ENOMEM;
		station->reactions = reactions;
		station->reaction_size = size;
	}
	reaction = &station->reactions[station->reaction_count++];
	*reaction = (struct reaction){ .outcome = *outcome, .step = step, .left = outcome->times };
	return str_copy(reaction->action, sizeof(reaction->action), action);
}

void
reply_drop_reactions(struct station *station, const char *action)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < station->reaction_count; i++) {
		if (!str_eq(station->reactions[i].action, action))
			station->reactions[count++] = station->reactions[i];
	}
	station->reaction_count = count;
}

/* The first that is not used up; NULL: none, the station answers by itself. */
static struct reaction *
find_reaction(struct station *station, const char *action)
{
	for (uint32_t i = 0; i < station->reaction_count; i++) {
		struct reaction *reaction = &station->reactions[i];

		if (reaction->left > 0 && str_eq(reaction->action, action))
			return reaction;
	}
	return NULL;
}

void
reply_to_call(struct station *station, const char *id, const char *action,
	      struct json_object *payload)
{
	static const struct outcome by_itself = { .kind = OUTCOME_DEFAULT };
	struct reaction *reaction = find_reaction(station, action);
	const struct question question = { id, action, payload,
					   reaction ? &reaction->outcome : &by_itself,
					   reaction ? reaction->step : NULL };

	if (reaction && reaction->left != OUTCOME_FOREVER)
		reaction->left--;
	if (question.outcome->delay_ms == 0 || !answer_late(station, &question))
		answer_now(station, &question);
	actor_called(station, action, payload);
}

void
reply_init(struct station *station)
{
	uv_timer_init(&station->fleet->loop, &station->late_timer);
	station->late_timer.data = station;
}

void
reply_fini(struct station *station)
{
	while (station->late) {
		struct late *late = station->late;

		station->late = late->next;
		late_free(late);
	}
	free(station->reactions);
	station->reactions = NULL;
}
