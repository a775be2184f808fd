/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Outcomes: what a user can have the station answer to each action of the CSMS. One table feeds
 * the parser, the list for people and the station itself. Pure: answers nothing.
 */
#include "outcome.h"

#include "scenario.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static const char *const accepted_rejected[] = { "Accepted", "Rejected", NULL };
static const char *const availability[] = { "Accepted", "Rejected", "Scheduled", NULL };
static const char *const configuration[] = { "Accepted", "Rejected", "RebootRequired",
					     "NotSupported", NULL };
static const char *const clear_profile[] = { "Accepted", "Unknown", NULL };
static const char *const data_transfer[] = { "Accepted", "Rejected", "UnknownMessageId",
					     "UnknownVendorId", NULL };
static const char *const reserve[] = { "Accepted", "Faulted",     "Occupied",
				       "Rejected", "Unavailable", NULL };
static const char *const local_list[] = { "Accepted", "Failed", "NotSupported", "VersionMismatch",
					  NULL };
static const char *const set_profile[] = { "Accepted", "Rejected", "NotSupported", NULL };
static const char *const trigger[] = { "Accepted", "Rejected", "NotImplemented", NULL };
static const char *const unlock[] = { "Unlocked", "UnlockFailed", "NotSupported", NULL };

static const char *const list_versions[] = { "-1", "0", NULL };
static const char *const diagnostics[] = { "NoFile",    "Uploading", "Uploaded", "UploadFailed",
					   "Pretended", "Wordless",  NULL };
static const char *const firmware[] = { "Downloading", "Downloaded",         "DownloadFailed",
					"Installing",  "InstallationFailed", "Installed",
					"Pretended",   "Wordless",           NULL };

#define CORE "Core"
#define LISTS "LocalAuthListManagement"
#define RESERVATION "Reservation"
#define SMART "SmartCharging"
#define FIRMWARE "FirmwareManagement"

const struct outcome_action outcome_actions[ACTION_COUNT] = {
	[ACTION_CANCEL_RESERVATION] = { "CancelReservation", RESERVATION, accepted_rejected },
	[ACTION_CHANGE_AVAILABILITY] = { "ChangeAvailability", CORE, availability },
	[ACTION_CHANGE_CONFIGURATION] = { "ChangeConfiguration", CORE, configuration },
	[ACTION_CLEAR_CACHE] = { "ClearCache", CORE, accepted_rejected },
	[ACTION_CLEAR_CHARGING_PROFILE] = { "ClearChargingProfile", SMART, clear_profile },
	[ACTION_DATA_TRANSFER] = { "DataTransfer", CORE, data_transfer },
	[ACTION_GET_COMPOSITE_SCHEDULE] = { "GetCompositeSchedule", SMART, accepted_rejected },
	[ACTION_GET_CONFIGURATION] = { "GetConfiguration", CORE },
	[ACTION_GET_DIAGNOSTICS] = { "GetDiagnostics", FIRMWARE, NULL, diagnostics },
	[ACTION_GET_LOCAL_LIST_VERSION] = { "GetLocalListVersion", LISTS, NULL, list_versions },
	[ACTION_REMOTE_START] = { "RemoteStartTransaction", CORE, accepted_rejected },
	[ACTION_REMOTE_STOP] = { "RemoteStopTransaction", CORE, accepted_rejected },
	[ACTION_RESERVE_NOW] = { "ReserveNow", RESERVATION, reserve },
	[ACTION_RESET] = { "Reset", CORE, accepted_rejected },
	[ACTION_SEND_LOCAL_LIST] = { "SendLocalList", LISTS, local_list },
	[ACTION_SET_CHARGING_PROFILE] = { "SetChargingProfile", SMART, set_profile },
	[ACTION_TRIGGER_MESSAGE] = { "TriggerMessage", "RemoteTrigger", trigger },
	[ACTION_UNLOCK_CONNECTOR] = { "UnlockConnector", CORE, unlock },
	[ACTION_UPDATE_FIRMWARE] = { "UpdateFirmware", FIRMWARE, NULL, firmware },
};

static const struct {
	const char *name;
	enum outcome_kind kind;
} generic[] = {
	{ "default", OUTCOME_DEFAULT }, { "never", OUTCOME_NEVER }, { "nothing", OUTCOME_NOTHING },
	{ "invalid", OUTCOME_INVALID }, { "drop", OUTCOME_DROP },
};

#define GENERIC_COUNT (sizeof(generic) / sizeof(generic[0]))
#define WORDS_MAX 32

const struct outcome_action *
outcome_find(const char *action)
{
	for (size_t i = 0; i < ACTION_COUNT; i++) {
		if (str_eq(outcome_actions[i].name, action))
			return &outcome_actions[i];
	}
	return NULL;
}

static size_t
collect(const struct outcome_action *action, const char **words)
{
	size_t count = 0;

	for (const char *const *at = action ? action->words : NULL; at && *at; at++)
		words[count++] = *at;
	for (const char *const *at = action ? action->plays : NULL; at && *at; at++)
		words[count++] = *at;
	for (size_t i = 0; i < GENERIC_COUNT; i++)
		words[count++] = generic[i].name;
	words[count++] = "error:CODE";
	words[count++] = "late:TIME";
	return count;
}

static int
unknown_word(const char *name, const char *text, const struct outcome_action *action,
	     struct ocppd_error *err)
{
	const char *words[WORDS_MAX];
	size_t count = collect(action, words);
	char list[400] = "";
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		int more = snprintf(list + len, sizeof(list) - len, "%s%s", i > 0 ? ", " : "",
				    words[i]);

		if (more < 0 || (size_t)more >= sizeof(list) - len)
			break;
		len += (size_t)more;
	}
	return ocppd_error_set(err, OCPPD_EINVAL, "%s is no outcome of %s, which has %s", text,
			       name, list);
}

/* One word of the list. */
static int
parse_word(const char *name, const char *text, struct outcome *outcome, struct ocppd_error *err)
{
	const struct outcome_action *action = outcome_find(name);
	const char *words[WORDS_MAX];
	size_t own = collect(action, words) - GENERIC_COUNT - 2;

	for (size_t i = 0; i < GENERIC_COUNT; i++) {
		if (!str_eq(text, generic[i].name))
			continue;
		outcome->kind = generic[i].kind;
		return 0;
	}
	if (strncmp(text, "late:", 5) == 0) {
		if (duration_parse(text + 5, &outcome->delay_ms) < 0)
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "late: takes a duration such as 5s, 500ms or 2m");
		return 0;
	}
	if (strncmp(text, "error:", 6) == 0) {
		outcome->kind = OUTCOME_ERROR;
		if (text[6] == '\0' || str_copy(outcome->word, sizeof(outcome->word), text + 6) < 0)
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "error: takes a code such as InternalError");
		return 0;
	}
	for (size_t i = 0; i < own; i++) {
		if (!str_eq(text, words[i]))
			continue;
		outcome->kind = OUTCOME_WORD;
		return str_copy(outcome->word, sizeof(outcome->word), text);
	}
	/* A list can have any version. */
	if (action == &outcome_actions[ACTION_GET_LOCAL_LIST_VERSION]) {
		int64_t version;

		if (parse_i64(text, INT32_MIN, INT32_MAX, &version) == 0) {
			outcome->kind = OUTCOME_WORD;
			return str_copy(outcome->word, sizeof(outcome->word), text);
		}
	}
	return unknown_word(name, text, action, err);
}

int
outcome_parse(const char *action, const char *text, struct outcome *outcome,
	      struct ocppd_error *err)
{
	struct outcome found = { .kind = OUTCOME_DEFAULT, .times = outcome->times };
	char copy[160];
	char *star;
	int64_t times;
	int r = 0;

	if (text[0] == '\0' || str_copy(copy, sizeof(copy), text) < 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "an outcome has 1 to %zu characters",
				       sizeof(copy) - 1);
	star = strrchr(copy, '*');
	if (star) {
		if (parse_i64(star + 1, 1, 1000000, &times) < 0)
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "* takes how often, from 1 to 1000000");
		found.times = (uint32_t)times;
		*star = '\0';
	}
	for (char *word = copy; word && r == 0;) {
		char *comma = strchr(word, ',');

		if (comma)
			*comma = '\0';
		r = parse_word(action, word, &found, err);
		word = comma ? comma + 1 : NULL;
	}
	if (r == 0)
		*outcome = found;
	return r;
}

int
outcome_parse_pair(const char *text, char ret_action[OUTCOME_ACTION_SIZE], struct outcome *outcome,
		   struct ocppd_error *err)
{
	const char *names[ACTION_COUNT];
	const char *equals = strchr(text, '=');
	char action[OUTCOME_ACTION_SIZE];
	const char *near;
	int r;

	if (!equals || equals == text || (size_t)(equals - text) >= sizeof(action))
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "an outcome is ACTION=OUTCOME, such as Reset=Rejected");
	memcpy(action, text, (size_t)(equals - text));
	action[equals - text] = '\0';
	if (!outcome_find(action)) {
		for (size_t i = 0; i < ACTION_COUNT; i++)
			names[i] = outcome_actions[i].name;
		near = str_nearest(action, names, ACTION_COUNT);
		if (near)
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "%s is no action (did you mean %s?)", action, near);
	}
	r = outcome_parse(action, equals + 1, outcome, err);
	if (r == 0)
		memcpy(ret_action, action, sizeof(action));
	return r;
}

void
outcome_print_all(void)
{
	for (size_t i = 0; i < ACTION_COUNT; i++) {
		const struct outcome_action *action = &outcome_actions[i];

		printf("%-22s ", action->name);
		for (const char *const *at = action->words; at && *at; at++)
			printf(" %s", *at);
		for (const char *const *at = action->plays; at && *at; at++)
			printf(" %s", *at);
		puts("");
	}
	puts("any action              default error:CODE late:TIME never nothing invalid drop");
}
