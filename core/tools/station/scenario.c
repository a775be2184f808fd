/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Scenarios: YAML to a flat list of steps, everything checked before anything runs. One table says
 * which step takes which parameters; nothing here talks to a network.
 */
#include "scenario.h"

#include "expect.h"
#include "outcome.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 20000

enum param_type {
	TYPE_TEXT,
	TYPE_INTEGER,
	TYPE_DURATION,
	TYPE_BOOLEAN,
	TYPE_MAP,
	TYPE_EXPECT,
	TYPE_PATHS, /* map from variable to path */
	TYPE_STEPS,
	TYPE_ANY,
	TYPE_OUTCOME, /* one, or a list; checked with its action */
};

struct param_row {
	const char *name;
	enum param_type type;
};

#define BIT(param) (UINT64_C(1) << (param))
_Static_assert(PARAM_TOTAL <= 64, "parameters have a bit each");

static const struct param_row param_rows[PARAM_TOTAL] = {
	[PARAM_ACTION] = { "action", TYPE_TEXT },
	[PARAM_PAYLOAD] = { "payload", TYPE_MAP },
	[PARAM_EXPECT] = { "expect", TYPE_EXPECT },
	[PARAM_ERROR] = { "error", TYPE_TEXT },
	[PARAM_SAVE] = { "save", TYPE_PATHS },
	[PARAM_TIMEOUT] = { "timeout", TYPE_DURATION },
	[PARAM_CONNECTOR] = { "connector", TYPE_TEXT },
	[PARAM_STATUS] = { "status", TYPE_TEXT },
	[PARAM_CODE] = { "code", TYPE_TEXT },
	[PARAM_INFO] = { "info", TYPE_TEXT },
	[PARAM_TAG] = { "tag", TYPE_TEXT },
	[PARAM_COUNT] = { "count", TYPE_INTEGER },
	[PARAM_INTERVAL] = { "interval", TYPE_DURATION },
	[PARAM_POWER] = { "power", TYPE_INTEGER },
	[PARAM_REASON] = { "reason", TYPE_TEXT },
	[PARAM_DATA] = { "data", TYPE_BOOLEAN },
	[PARAM_FOR] = { "for", TYPE_DURATION },
	[PARAM_FRAME] = { "frame", TYPE_TEXT },
	[PARAM_SILENCE] = { "silence", TYPE_DURATION },
	[PARAM_CLOSED] = { "closed", TYPE_INTEGER },
	[PARAM_REPLY] = { "reply", TYPE_MAP },
	[PARAM_DEFAULT] = { "default", TYPE_BOOLEAN },
	[PARAM_DESCRIPTION] = { "description", TYPE_TEXT },
	[PARAM_STEPS] = { "steps", TYPE_STEPS },
	[PARAM_TEXT] = { "text", TYPE_TEXT },
	[PARAM_REFUSED] = { "refused", TYPE_INTEGER },
	[PARAM_BINARY] = { "binary", TYPE_BOOLEAN },
	[PARAM_VALUES] = { "values", TYPE_ANY },
	[PARAM_OUTCOME] = { "outcome", TYPE_OUTCOME },
	[PARAM_TIMES] = { "times", TYPE_INTEGER },
	[PARAM_DELAY] = { "delay", TYPE_DURATION },
	[PARAM_NAME] = { "name", TYPE_TEXT },
	[PARAM_VALUE] = { "value", TYPE_TEXT },
	[PARAM_READONLY] = { "readonly", TYPE_BOOLEAN },
	[PARAM_VERSION] = { "version", TYPE_TEXT },
};

#define ANSWER (BIT(PARAM_EXPECT) | BIT(PARAM_ERROR) | BIT(PARAM_SAVE) | BIT(PARAM_TIMEOUT))
#define NO_SHORT PARAM_TOTAL

struct step_row {
	const char *name;
	uint64_t allowed;
	uint64_t required;
	enum param short_form; /* `wait: 5s` is `wait: {for: 5s}` */
};

static const struct step_row step_rows[STEP_COUNT] = {
	[STEP_CONNECT] = { "connect", BIT(PARAM_REFUSED) | BIT(PARAM_TIMEOUT), 0, NO_SHORT },
	[STEP_DISCONNECT] = { "disconnect", BIT(PARAM_CODE), 0, PARAM_CODE },
	[STEP_RECONNECT] = { "reconnect", BIT(PARAM_TIMEOUT), 0, NO_SHORT },
	[STEP_DROP] = { "drop", 0, 0, NO_SHORT },
	[STEP_BOOT] = { "boot", BIT(PARAM_PAYLOAD) | ANSWER, 0, NO_SHORT },
	[STEP_AUTHORIZE] = { "authorize", BIT(PARAM_TAG) | ANSWER, 0, PARAM_TAG },
	[STEP_HEARTBEAT] = { "heartbeat", ANSWER, 0, NO_SHORT },
	[STEP_STATUS] = { "status",
			  BIT(PARAM_CONNECTOR) | BIT(PARAM_STATUS) | BIT(PARAM_CODE) |
				  BIT(PARAM_INFO) | ANSWER,
			  BIT(PARAM_STATUS), PARAM_STATUS },
	[STEP_START] = { "start", BIT(PARAM_CONNECTOR) | BIT(PARAM_TAG) | ANSWER, 0, NO_SHORT },
	[STEP_METER] = { "meter",
			 BIT(PARAM_CONNECTOR) | BIT(PARAM_COUNT) | BIT(PARAM_INTERVAL) |
				 BIT(PARAM_POWER) | ANSWER,
			 0, PARAM_COUNT },
	[STEP_STOP] = { "stop",
			BIT(PARAM_CONNECTOR) | BIT(PARAM_TAG) | BIT(PARAM_REASON) |
				BIT(PARAM_DATA) | ANSWER,
			0, PARAM_REASON },
	[STEP_CALL] = { "call", BIT(PARAM_ACTION) | BIT(PARAM_PAYLOAD) | ANSWER, BIT(PARAM_ACTION),
			PARAM_ACTION },
	[STEP_RAW] = { "raw",
		       BIT(PARAM_FRAME) | BIT(PARAM_BINARY) | BIT(PARAM_SILENCE) |
			       BIT(PARAM_CLOSED) | ANSWER,
		       BIT(PARAM_FRAME), PARAM_FRAME },
	[STEP_ON] = { "on",
		      BIT(PARAM_ACTION) | BIT(PARAM_REPLY) | BIT(PARAM_ERROR) |
			      BIT(PARAM_DESCRIPTION) | BIT(PARAM_SILENCE) | BIT(PARAM_DEFAULT) |
			      BIT(PARAM_OUTCOME) | BIT(PARAM_TIMES) | BIT(PARAM_DELAY),
		      BIT(PARAM_ACTION), NO_SHORT },
	[STEP_AWAIT] = { "await",
			 BIT(PARAM_ACTION) | BIT(PARAM_EXPECT) | BIT(PARAM_SAVE) |
				 BIT(PARAM_TIMEOUT) | BIT(PARAM_CLOSED),
			 0, PARAM_ACTION },
	[STEP_WAIT] = { "wait", BIT(PARAM_FOR), BIT(PARAM_FOR), PARAM_FOR },
	[STEP_IDLE] = { "idle", BIT(PARAM_FOR), 0, PARAM_FOR },
	[STEP_SET] = { "set", BIT(PARAM_VALUES), BIT(PARAM_VALUES), PARAM_VALUES },
	[STEP_PRINT] = { "print", BIT(PARAM_TEXT), BIT(PARAM_TEXT), PARAM_TEXT },
	[STEP_CHARGE] = { "charge", BIT(PARAM_CONNECTOR) | BIT(PARAM_TAG), 0, NO_SHORT },
	[STEP_KEY] = { "key", BIT(PARAM_NAME) | BIT(PARAM_VALUE) | BIT(PARAM_READONLY),
		       BIT(PARAM_NAME), NO_SHORT },
	[STEP_LOSE] = { "lose", BIT(PARAM_ACTION) | BIT(PARAM_COUNT), BIT(PARAM_ACTION),
			PARAM_ACTION },
	[STEP_FIRMWARE] = { "firmware", BIT(PARAM_VERSION), BIT(PARAM_VERSION), PARAM_VERSION },
	[STEP_REPEAT] = { "repeat", BIT(PARAM_COUNT) | BIT(PARAM_STEPS), BIT(PARAM_STEPS),
			  NO_SHORT },
	[STEP_END] = { "end", 0, 0, NO_SHORT },
};

const char *
step_name(enum step_kind kind)
{
	return step_rows[kind].name;
}

int
duration_parse(const char *text, int64_t *ret_ms)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "", 1000 } };
	char digits[24];
	size_t len = strspn(text, "0123456789.");
	double number;

	if (len == 0 || len >= sizeof(digits))
		return OCPPD_EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (parse_double(digits, &number) < 0)
		return OCPPD_EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!str_eq(text + len, units[i].unit))
			continue;
		if (number * units[i].ms > 86400000.0 * 366)
			return OCPPD_EINVAL;
		*ret_ms = (int64_t)(number * units[i].ms);
		return 0;
	}
	return OCPPD_EINVAL;
}

static int
check_paths(const struct node *map, struct ocppd_error *err)
{
	if (map->kind != NODE_MAP)
		return node_error(map, err, "save is a map from variable to path");
	for (const struct node *at = map->first; at; at = at->next) {
		if (at->kind != NODE_SCALAR || !expect_path_valid(at->text))
			return node_error(at, err, "%s needs a path such as idTagInfo.status",
					  at->key);
		if (strlen(at->key) > 31)
			return node_error(at, err, "a variable's name has at most 31 characters");
	}
	return 0;
}

static int
check_scalar(const struct param_row *row, const struct node *node, struct ocppd_error *err)
{
	int64_t number;

	if (node->kind != NODE_SCALAR)
		return node_error(node, err, "%s takes a value, not %s", row->name,
				  node_kind_name(node));
	if (strstr(node->text, "${"))
		return 0; /* checked when it is known */
	if (row->type == TYPE_INTEGER && parse_i64(node->text, 0, INT32_MAX, &number) < 0)
		return node_error(node, err, "%s takes a number from 0 to 2147483647", row->name);
	if (row->type == TYPE_DURATION && duration_parse(node->text, &number) < 0)
		return node_error(node, err, "%s takes a duration such as 5s, 500ms or 2m",
				  row->name);
	if (row->type == TYPE_BOOLEAN && !str_eq(node->text, "true") &&
	    !str_eq(node->text, "false"))
		return node_error(node, err, "%s takes true or false", row->name);
	return 0;
}

static int
check_param(const struct param_row *row, const struct node *node, struct ocppd_error *err)
{
	switch (row->type) {
	case TYPE_MAP:
		if (node->kind != NODE_MAP)
			return node_error(node, err, "%s takes a map, not %s", row->name,
					  node_kind_name(node));
		return 0;
	case TYPE_EXPECT:
		return expect_parse(node, err);
	case TYPE_PATHS:
		return check_paths(node, err);
	case TYPE_STEPS:
		if (node->kind != NODE_LIST || !node->first)
			return node_error(node, err, "steps takes a list of steps");
		return 0;
	case TYPE_ANY:
		if (node->kind != NODE_MAP)
			return node_error(node, err, "a map from variable to value is needed");
		for (const struct node *at = node->first; at; at = at->next) {
			if (strlen(at->key) > 31)
				return node_error(at, err,
						  "a variable's name has at most 31 characters");
		}
		return 0;
	case TYPE_OUTCOME:
		if (node->kind == NODE_MAP || (node->kind == NODE_LIST && !node->first))
			return node_error(node, err, "%s takes an outcome, or a list of them",
					  row->name);
		return 0;
	case TYPE_TEXT:
	case TYPE_INTEGER:
	case TYPE_DURATION:
	case TYPE_BOOLEAN:
		break;
	}
	return check_scalar(row, node, err);
}

static int
unknown_error(const struct node *at, const char *what, const char *const *names, size_t count,
	      struct ocppd_error *err)
{
	const char *near = str_nearest(at->key, names, count);
	int r;

	r = node_error(at, err, "%s is no %s%s%s%s", at->key, what, near ? " (did you mean " : "",
		       near ? near : "", near ? "?)" : "");
	if (err) {
		err->line = at->key_line;
		err->column = at->key_column;
	}
	return r;
}

static int
read_param(struct step *step, const struct node *at, struct ocppd_error *err)
{
	const struct step_row *row = &step_rows[step->kind];
	const char *names[PARAM_TOTAL];
	char what[64];
	size_t count = 0;

	for (uint32_t i = 0; i < PARAM_TOTAL; i++) {
		if (!(row->allowed & BIT(i)))
			continue;
		names[count++] = param_rows[i].name;
		if (!str_eq(param_rows[i].name, at->key))
			continue;
		step->params[i] = at;
		return check_param(&param_rows[i], at, err);
	}
	(void)snprintf(what, sizeof(what), "parameter of %s", row->name);
	return unknown_error(at, what, names, count, err);
}

/* One outcome of a step that names its action. */
static int
check_outcome(const struct node *action, const struct node *node, struct ocppd_error *err)
{
	struct outcome outcome = { .times = 1 };
	struct ocppd_error problem = { 0 };

	if (node->kind != NODE_SCALAR)
		return node_error(node, err, "an outcome is a word, not %s", node_kind_name(node));
	if (strstr(node->text, "${") || strstr(action->text, "${"))
		return 0; /* checked when it is known */
	if (outcome_parse(action->text, node->text, &outcome, &problem) < 0)
		return node_error(node, err, "%s", problem.text);
	return 0;
}

static int
check_on(const struct step *step, struct ocppd_error *err)
{
	const struct node *outcome = step->params[PARAM_OUTCOME];
	static const enum param answers[] = { PARAM_REPLY, PARAM_ERROR, PARAM_SILENCE,
					      PARAM_DEFAULT, PARAM_OUTCOME };
	uint32_t count = 0;
	int r = 0;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		count += step->params[answers[i]] != NULL;
	if (count > 1)
		return node_error(step->node, err,
				  "on takes one of outcome, reply, error, silence and default");
	if (count == 0 && !step->params[PARAM_DELAY])
		return node_error(step->node, err,
				  "on needs outcome, reply, error, silence, delay or default");
	if (!outcome)
		return 0;
	if (outcome->kind == NODE_SCALAR)
		return check_outcome(step->params[PARAM_ACTION], outcome, err);
	for (const struct node *at = outcome->first; at && r == 0; at = at->next)
		r = check_outcome(step->params[PARAM_ACTION], at, err);
	return r;
}

static int
check_step(const struct step *step, struct ocppd_error *err)
{
	const struct node *closed = step->params[PARAM_CLOSED];
	bool waits = step->params[PARAM_EXPECT] || step->params[PARAM_ERROR];

	if (step->kind == STEP_AWAIT && !step->params[PARAM_ACTION] == !closed)
		return node_error(step->node, err, "await needs either action or closed");
	if (step->kind == STEP_RAW && !!closed + !!step->params[PARAM_SILENCE] + waits > 1)
		return node_error(step->node, err,
				  "raw waits for one of: an answer (expect, error), silence, "
				  "closed");
	return step->kind == STEP_ON ? check_on(step, err) : 0;
}

static int
read_params(struct step *step, struct ocppd_error *err)
{
	const struct step_row *row = &step_rows[step->kind];
	const struct node *node = step->node;
	int r;

	if (step->kind == STEP_SET || (node->kind == NODE_SCALAR && row->short_form != NO_SHORT &&
				       (node->text[0] != '\0' || node->is_quoted))) {
		step->params[row->short_form] = node;
		r = check_param(&param_rows[row->short_form], node, err);
		if (r < 0)
			return r;
	} else if (node->kind == NODE_MAP) {
		for (const struct node *at = node->first; at; at = at->next) {
			r = read_param(step, at, err);
			if (r < 0)
				return r;
		}
	} else if (node->kind == NODE_LIST || node->text[0] != '\0') {
		return node_error(node, err, "%s takes a map of parameters, not %s", row->name,
				  node_kind_name(node));
	}
	for (uint32_t i = 0; i < PARAM_TOTAL; i++) {
		if ((row->required & BIT(i)) && !step->params[i])
			return node_error(node, err, "%s needs %s", row->name, param_rows[i].name);
	}
	return check_step(step, err);
}

static int
step_new(struct scenario *scenario, const struct node *node, enum step_kind kind,
	 struct ocppd_error *err)
{
	struct step *steps = scenario->steps;

	if (scenario->count >= STEPS_MAX)
		return node_error(node, err, "more than %d steps", STEPS_MAX);
	if ((scenario->count & (scenario->count - 1)) == 0) {
		size_t size = scenario->count > 0 ? (size_t)scenario->count * 2 : 1;

		steps = reallocarray(steps, size, sizeof(*steps));
		if (!steps)
			return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
		scenario->steps = steps;
	}
	steps[scenario->count] = (struct step){ .kind = kind, .node = node };
	return (int)scenario->count++;
}

/* `- connect` has the name as its value, `- wait: 5s` as its only key. */
static int
read_step(struct scenario *scenario, const struct node *item, struct ocppd_error *err)
{
	static const struct node nothing = { .kind = NODE_MAP };
	const struct node *body = &nothing;
	const char *names[STEP_COUNT];
	const char *name;
	struct node named;
	int at;

	if (item->kind == NODE_MAP && item->first && !item->first->next) {
		body = item->first;
		name = body->key;
	} else if (item->kind == NODE_SCALAR) {
		name = item->text;
	} else {
		return node_error(item, err, "a step is one name, with or without parameters");
	}
	for (uint32_t i = 0; i < STEP_END; i++) {
		names[i] = step_rows[i].name;
		if (!str_eq(name, names[i]))
			continue;
		at = step_new(scenario, body == &nothing ? item : body, (enum step_kind)i, err);
		if (at < 0)
			return at;
		if (body == &nothing) {
			if (step_rows[i].required != 0 || i == STEP_AWAIT)
				return node_error(item, err, "%s needs parameters", name);
			return at;
		}
		return read_params(&scenario->steps[at], err) < 0 ? OCPPD_EINVAL : at;
	}
	named = *item;
	named.key = item->kind == NODE_SCALAR ? item->text : item->first->key;
	named.key_line = item->line;
	named.key_column = item->column;
	return unknown_error(&named, "step", names, STEP_END, err);
}

/* Recursion is bounded by SCENARIO_MAX_LOOPS. */
static int
read_steps(struct scenario *scenario, const struct node *list, uint32_t depth,
	   struct ocppd_error *err)
{
	for (const struct node *item = list->first; item; item = item->next) {
		int at = read_step(scenario, item, err);
		int end;

		if (at < 0)
			return at;
		if (scenario->steps[at].kind != STEP_REPEAT)
			continue;
		if (depth == SCENARIO_MAX_LOOPS)
			return node_error(item, err, "repeat inside repeat %d deep at most",
					  SCENARIO_MAX_LOOPS);
		if (read_steps(scenario, scenario->steps[at].params[PARAM_STEPS], depth + 1, err) <
		    0)
			return OCPPD_EINVAL;
		end = step_new(scenario, item, STEP_END, err);
		if (end < 0)
			return end;
		scenario->steps[at].end = (uint32_t)end;
		scenario->steps[end].end = (uint32_t)at;
	}
	return 0;
}

static int
read_top(struct scenario *scenario, struct ocppd_error *err)
{
	static const char *const keys[] = { "name", "description", "steps" };
	const struct node *steps = NULL;

	if (scenario->root->kind != NODE_MAP)
		return node_error(scenario->root, err,
				  "a scenario is a map of name, description and steps");
	for (const struct node *at = scenario->root->first; at; at = at->next) {
		if (str_eq(at->key, "steps")) {
			steps = at;
		} else if (!str_eq(at->key, "name") && !str_eq(at->key, "description")) {
			return unknown_error(at, "member of a scenario", keys, 3, err);
		} else if (at->kind != NODE_SCALAR) {
			return node_error(at, err, "%s is a text", at->key);
		} else if (str_eq(at->key, "name")) {
			scenario->name = at->text;
		} else {
			scenario->description = at->text;
		}
	}
	if (!steps || steps->kind != NODE_LIST || !steps->first)
		return node_error(steps ? steps : scenario->root, err,
				  "a scenario needs steps, a list");
	return read_steps(scenario, steps, 0, err);
}

static int
finish(const char *file, struct node *root, struct scenario **ret_scenario, struct ocppd_error *err)
{
	struct scenario *scenario = calloc(1, sizeof(*scenario));
	int r;

	if (!scenario) {
		node_free(root);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	scenario->root = root;
	scenario->name = file;
	scenario->description = "";
	r = read_top(scenario, err);
	if (r < 0) {
		if (err)
			(void)str_copy(err->file, sizeof(err->file), file);
		scenario_free(scenario);
		return r;
	}
	*ret_scenario = scenario;
	return 0;
}

int
scenario_parse(const char *file, const char *text, size_t len, struct scenario **ret_scenario,
	       struct ocppd_error *err)
{
	struct node *root = NULL;
	int r = node_parse(file, text, len, &root, err);

	return r < 0 ? r : finish(file, root, ret_scenario, err);
}

int
scenario_load(const char *path, struct scenario **ret_scenario, struct ocppd_error *err)
{
	struct node *root = NULL;
	int r = node_load(path, &root, err);

	return r < 0 ? r : finish(path, root, ret_scenario, err);
}

void
scenario_free(struct scenario *scenario)
{
	if (!scenario)
		return;
	node_free(scenario->root);
	free(scenario->steps);
	free(scenario);
}
