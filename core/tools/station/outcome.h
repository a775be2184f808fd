/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_OUTCOME_H
#define OCPPD_STATION_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/error.h>

/* What the CSMS can ask of the station; the order is that of the table in outcome.c. */
enum action_id {
	ACTION_CANCEL_RESERVATION,
	ACTION_CHANGE_AVAILABILITY,
	ACTION_CHANGE_CONFIGURATION,
	ACTION_CLEAR_CACHE,
	ACTION_CLEAR_CHARGING_PROFILE,
	ACTION_DATA_TRANSFER,
	ACTION_GET_COMPOSITE_SCHEDULE,
	ACTION_GET_CONFIGURATION,
	ACTION_GET_DIAGNOSTICS,
	ACTION_GET_LOCAL_LIST_VERSION,
	ACTION_REMOTE_START,
	ACTION_REMOTE_STOP,
	ACTION_RESERVE_NOW,
	ACTION_RESET,
	ACTION_SEND_LOCAL_LIST,
	ACTION_SET_CHARGING_PROFILE,
	ACTION_TRIGGER_MESSAGE,
	ACTION_UNLOCK_CONNECTOR,
	ACTION_UPDATE_FIRMWARE,
	ACTION_COUNT,
};

struct outcome_action {
	const char *name;
	const char *profile;      /* of SupportedFeatureProfiles */
	const char *const *words; /* statuses of the confirmation; NULL: it has none */
	const char *const *plays; /* what else can be played; NULL: nothing */
};

extern const struct outcome_action outcome_actions[ACTION_COUNT];

/* How an action is answered when the user says so. */
enum outcome_kind {
	OUTCOME_DEFAULT, /* as a sensible station does */
	OUTCOME_WORD,    /* one of the words or plays */
	OUTCOME_REPLY,   /* a payload that a scenario gives */
	OUTCOME_ERROR,   /* a CALLERROR */
	OUTCOME_NEVER,   /* no answer */
	OUTCOME_NOTHING, /* the answer, and nothing of what it promises */
	OUTCOME_INVALID, /* a payload against the schema */
	OUTCOME_DROP,    /* the connection is lost instead */
};

#define OUTCOME_FOREVER UINT32_MAX

struct outcome {
	enum outcome_kind kind;
	char word[40]; /* of OUTCOME_WORD, or the code of OUTCOME_ERROR */
	int64_t delay_ms;
	uint32_t times; /* how often; OUTCOME_FOREVER */
};

#define OUTCOME_ACTION_SIZE 52 /* bytes of an action's name with its NUL */

/* NULL: OCPP 1.6 has none of that name that a station is asked (or it is of its extensions). */
const struct outcome_action *outcome_find(const char *action);
/*
 * Reads "Rejected", "late:5s", "error:InternalError*2", "Rejected,late:5s" … for an action. Without
 * *N, times is what the caller put there. OCPPD_EINVAL with one sentence.
 */
int outcome_parse(const char *action, const char *text, struct outcome *outcome,
		  struct ocppd_error *err);
/* The same of "Reset=Rejected". */
int outcome_parse_pair(const char *text, char ret_action[OUTCOME_ACTION_SIZE],
		       struct outcome *outcome, struct ocppd_error *err);
/* Prints every action with its outcomes. */
void outcome_print_all(void);

#endif
