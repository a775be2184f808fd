/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_SCENARIO_H
#define OCPPD_STATION_SCENARIO_H

#include "node.h"

/* What a step does. The order is that of the table in scenario.c. */
enum step_kind {
	STEP_CONNECT,
	STEP_DISCONNECT,
	STEP_RECONNECT,
	STEP_DROP,
	STEP_BOOT,
	STEP_AUTHORIZE,
	STEP_HEARTBEAT,
	STEP_STATUS,
	STEP_START,
	STEP_METER,
	STEP_STOP,
	STEP_CALL,
	STEP_RAW,
	STEP_ON,
	STEP_AWAIT,
	STEP_WAIT,
	STEP_IDLE,
	STEP_SET,
	STEP_PRINT,
	STEP_CHARGE,
	STEP_KEY,
	STEP_LOSE,
	STEP_FIRMWARE,
	STEP_REPEAT,
	STEP_END, /* of the innermost repeat; made by the parser */
	STEP_COUNT,
};

enum param {
	PARAM_ACTION,
	PARAM_PAYLOAD,
	PARAM_EXPECT,
	PARAM_ERROR,
	PARAM_SAVE,
	PARAM_TIMEOUT,
	PARAM_CONNECTOR,
	PARAM_STATUS,
	PARAM_CODE,
	PARAM_INFO,
	PARAM_TAG,
	PARAM_COUNT,
	PARAM_INTERVAL,
	PARAM_POWER,
	PARAM_REASON,
	PARAM_DATA,
	PARAM_FOR,
	PARAM_FRAME,
	PARAM_SILENCE,
	PARAM_CLOSED,
	PARAM_REPLY,
	PARAM_DEFAULT,
	PARAM_DESCRIPTION,
	PARAM_STEPS,
	PARAM_TEXT,
	PARAM_REFUSED,
	PARAM_BINARY,
	PARAM_VALUES,
	PARAM_OUTCOME,
	PARAM_TIMES,
	PARAM_DELAY,
	PARAM_NAME,
	PARAM_VALUE,
	PARAM_READONLY,
	PARAM_VERSION,
	PARAM_TOTAL,
};

#define SCENARIO_MAX_LOOPS 4

struct step {
	enum step_kind kind;
	const struct node *node;
	const struct node *params[PARAM_TOTAL]; /* NULL: not given */
	uint32_t end;                           /* REPEAT: index of its END; END: of its REPEAT */
};

struct scenario {
	const char *name;
	const char *description; /* may be "" */
	struct node *root;
	struct step *steps;
	uint32_t count;
};

/* Errors carry file, line and column. */
int scenario_parse(const char *file, const char *text, size_t len, struct scenario **ret_scenario,
		   struct ocppd_error *err);
int scenario_load(const char *path, struct scenario **ret_scenario, struct ocppd_error *err);
void scenario_free(struct scenario *scenario);

/* "5", "2.5s", "500ms", "3m", "1h"; a bare number is seconds. OCPPD_EINVAL. */
int duration_parse(const char *text, int64_t *ret_ms);

const char *step_name(enum step_kind kind);

/* The scenarios that come with the program. */
struct builtin {
	const char *name;
	const char *summary;
	const char *text;
	int is_internal; /* what the station does by itself: not listed */
};
const struct builtin *builtin_find(const char *name); /* NULL: none */
const struct builtin *builtin_at(size_t index);       /* NULL: past the last */

#endif
