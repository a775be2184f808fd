/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Scenarios of ocppd-station: what is read, and where a mistake is said to be. */
#include "scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

static void
scenario_mistake_is_named_with_its_place(void **state)
{
	static const struct {
		const char *text;
		uint32_t line;
		uint32_t column;
		const char *word;
	} cases[] = {
		{ "", 1, 1, "empty" },
		{ "steps: [", 2, 1, "" },
		{ "- connect\n", 1, 1, "map" },
		{ "steps:\n", 1, 7, "steps" },
		{ "step:\n  - connect\n", 1, 1, "did you mean steps" },
		{ "steps:\n  - conect\n", 2, 5, "did you mean connect" },
		{ "steps:\n  - wait\n", 2, 5, "needs parameters" },
		{ "steps:\n  - wait: soon\n", 2, 11, "duration" },
		{ "steps:\n  - status: {connector: 1}\n", 2, 13, "needs status" },
		{ "steps:\n  - meter: {cuont: 1}\n", 2, 13, "did you mean count" },
		{ "steps:\n  - meter: {count: many}\n", 2, 20, "number" },
		{ "steps:\n  - call: {action: X, payload: 7}\n", 2, 32, "map" },
		{ "steps:\n  - call: {action: X, expect: {a..b: 1}}\n", 2, 38, "path" },
		{ "steps:\n  - call: {action: X, expect: {a: {mni: 1}}}\n", 2, 41, "min" },
		{ "steps:\n  - call: {action: X, save: {a: 'b['}}\n", 2, 33, "path" },
		{ "steps:\n  - on: {action: X}\n", 2, 9, "reply" },
		{ "steps:\n  - await: {timeout: 1s}\n", 2, 12, "action or closed" },
		{ "steps:\n  - raw: {frame: x, silence: 1s, closed: 1002}\n", 2, 10, "one of" },
		{ "steps:\n  - repeat: {count: 2}\n", 2, 13, "needs steps" },
		{ "steps:\n  - repeat: {count: 2, steps: []}\n", 2, 31, "list of steps" },
		{ "steps:\n  - {connect: , boot: }\n", 2, 5, "one name" },
		{ "steps: &a\n  - connect\n", 1, 8, "anchors" },
		{ "name: a\nname: b\n", 2, 1, "already" },
		{ "steps:\n  - connect\n---\nsteps: []\n", 3, 1, "one document" },
		{ "steps:\n  - stop: {data: maybe}\n", 2, 18, "true or false" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scenario *scenario = NULL;
		struct ocppd_error err = { 0 };

		print_message("%s\n", cases[i].text);
		assert_int_equal(scenario_parse("s.yaml", cases[i].text, strlen(cases[i].text),
						&scenario, &err),
				 OCPPD_EINVAL);
		assert_null(scenario);
		print_message("  %s:%u:%u: %s\n", err.file, err.line, err.column, err.text);
		assert_string_equal(err.file, "s.yaml");
		assert_int_equal(err.line, cases[i].line);
		assert_int_equal(err.column, cases[i].column);
		assert_non_null(strstr(err.text, cases[i].word));
	}
}

static struct scenario *
parse(const char *text)
{
	struct scenario *scenario = NULL;
	struct ocppd_error err = { 0 };

	if (scenario_parse("s.yaml", text, strlen(text), &scenario, &err) < 0)
		fail_msg("%u:%u: %s", err.line, err.column, err.text);
	return scenario;
}

static void
scenario_repeats_are_flattened(void **state)
{
	struct scenario *scenario =
		parse("name: n\n"
		      "steps:\n"
		      "  - connect\n"
		      "  - repeat: {count: 2, steps: [heartbeat, repeat: {steps: [wait: 1]}]}\n"
		      "  - disconnect\n");
	static const enum step_kind kinds[] = { STEP_CONNECT, STEP_REPEAT,    STEP_HEARTBEAT,
						STEP_REPEAT,  STEP_WAIT,      STEP_END,
						STEP_END,     STEP_DISCONNECT };

	(void)state;
	assert_string_equal(scenario->name, "n");
	assert_int_equal(scenario->count, 8);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(scenario->steps[i].kind, kinds[i]);
	assert_int_equal(scenario->steps[1].end, 6);
	assert_int_equal(scenario->steps[6].end, 1);
	assert_int_equal(scenario->steps[3].end, 5);
	scenario_free(scenario);
}

static void
scenario_nested_too_deep_is_refused(void **state)
{
	static const char text[] = "steps: [repeat: {steps: [repeat: {steps: [repeat: {steps: "
				   "[repeat: {steps: [repeat: {steps: [connect]}]}]}]}]}]";
	struct scenario *scenario = NULL;
	struct ocppd_error err = { 0 };
	char *deep;

	(void)state;
	assert_int_equal(scenario_parse("s", text, sizeof(text) - 1, &scenario, &err),
			 OCPPD_EINVAL);
	assert_non_null(strstr(err.text, "4 deep"));
	deep = malloc(20000);
	assert_non_null(deep);
	memset(deep, '[', 20000);
	assert_int_equal(scenario_parse("s", deep, 20000, &scenario, &err), OCPPD_EINVAL);
	free(deep);
}

static void
scenario_builtins_are_valid(void **state)
{
	const struct builtin *builtin;

	(void)state;
	for (size_t i = 0; (builtin = builtin_at(i)); i++) {
		struct scenario *scenario = parse(builtin->text);

		assert_string_equal(scenario->name, builtin->name);
		assert_ptr_equal(builtin_find(builtin->name), builtin);
		scenario_free(scenario);
	}
	assert_null(builtin_find("nothing"));
}

static void
duration_units_are_known(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = { { "5", 5000 },     { "2.5s", 2500 }, { "500ms", 500 }, { "3m", 180000 },
		      { "1h", 3600000 }, { "0", 0 },       { "", -1 },       { "s", -1 },
		      { "-1s", -1 },     { "1d", -1 },     { "1 s", -1 },    { "9999999h", -1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;

		print_message("%s\n", cases[i].text);
		(void)duration_parse(cases[i].text, &ms);
		assert_int_equal(ms, cases[i].ms);
	}
}

static struct json_object *
give(void *arg, const char *name)
{
	(void)arg;
	if (strcmp(name, "n") == 0)
		return json_object_new_int(7);
	return strcmp(name, "t") == 0 ? json_object_new_string("x") : NULL;
}

static void
node_json_follows_yaml(void **state)
{
	static const char text[] =
		"{a: 1, b: '1', c: 1.5, d: true, e: null, f: [x, -2], g: '${n}', h: \"${t}-${n}\", "
		"i: 1e3, j: 12:30, k: +5, l: '', m: $n}";
	struct json_object *value = NULL;
	struct ocppd_error err = { 0 };
	struct node *root = NULL;

	(void)state;
	assert_int_equal(node_parse("s", text, sizeof(text) - 1, &root, &err), 0);
	assert_int_equal(node_json(root, give, NULL, &value, &err), 0);
	assert_string_equal(
		json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
		"{\"a\":1,\"b\":\"1\",\"c\":1.5,\"d\":true,\"e\":null,\"f\":[\"x\",-2],\"g\":7,"
		"\"h\":\"x-7\",\"i\":1e3,\"j\":\"12:30\",\"k\":5,\"l\":\"\",\"m\":\"$n\"}");
	json_object_put(value);
	node_free(root);

	value = NULL;
	assert_int_equal(node_parse("s", "{a: '${q}'}", 11, &root, &err), 0);
	assert_int_equal(node_json(root, give, NULL, &value, &err), OCPPD_EINVAL);
	assert_non_null(strstr(err.text, "q"));
	assert_int_equal(err.column, 5);
	node_free(root);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scenario_mistake_is_named_with_its_place),
		cmocka_unit_test(scenario_repeats_are_flattened),
		cmocka_unit_test(scenario_nested_too_deep_is_refused),
		cmocka_unit_test(scenario_builtins_are_valid),
		cmocka_unit_test(duration_units_are_known),
		cmocka_unit_test(node_json_follows_yaml),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
