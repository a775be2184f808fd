/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Outcomes that a user tells ocppd-station: what is read, what is refused, and how `on` has them.
 */
#include "outcome.h"
#include "scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
outcome_words_are_read(void **state)
{
	static const struct {
		const char *text;
		const char *action;
		const char *word;
		enum outcome_kind kind;
		uint32_t times;
		int64_t delay_ms;
	} cases[] = {
		{ "Reset=Rejected", "Reset", "Rejected", OUTCOME_WORD, OUTCOME_FOREVER, 0 },
		{ "Reset=default", "Reset", "", OUTCOME_DEFAULT, OUTCOME_FOREVER, 0 },
		{ "Reset=late:2s", "Reset", "", OUTCOME_DEFAULT, OUTCOME_FOREVER, 2000 },
		{ "Reset=late:2s,Rejected*3", "Reset", "Rejected", OUTCOME_WORD, 3, 2000 },
		{ "X=error:Odd*1", "X", "Odd", OUTCOME_ERROR, 1, 0 },
		{ "X=never", "X", "", OUTCOME_NEVER, OUTCOME_FOREVER, 0 },
		{ "X=nothing,late:1", "X", "", OUTCOME_NOTHING, OUTCOME_FOREVER, 1000 },
		{ "X=invalid", "X", "", OUTCOME_INVALID, OUTCOME_FOREVER, 0 },
		{ "X=drop", "X", "", OUTCOME_DROP, OUTCOME_FOREVER, 0 },
		{ "GetLocalListVersion=-1", "GetLocalListVersion", "-1", OUTCOME_WORD,
		  OUTCOME_FOREVER, 0 },
		{ "GetLocalListVersion=41*2", "GetLocalListVersion", "41", OUTCOME_WORD, 2, 0 },
		{ "UpdateFirmware=Installing", "UpdateFirmware", "Installing", OUTCOME_WORD,
		  OUTCOME_FOREVER, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = { .times = OUTCOME_FOREVER };
		struct ocppd_error err = { 0 };
		char action[OUTCOME_ACTION_SIZE] = "";

		print_message("%s\n", cases[i].text);
		if (outcome_parse_pair(cases[i].text, action, &outcome, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(action, cases[i].action);
		assert_string_equal(outcome.word, cases[i].word);
		assert_int_equal(outcome.kind, cases[i].kind);
		assert_int_equal(outcome.times, cases[i].times);
		assert_int_equal(outcome.delay_ms, cases[i].delay_ms);
	}
}

static void
outcome_that_cannot_be_is_refused_and_changes_nothing(void **state)
{
	static const struct {
		const char *text;
		const char *word;
	} cases[] = {
		{ "Reset", "ACTION=OUTCOME" },
		{ "=Rejected", "ACTION=OUTCOME" },
		{ "Reset=", "1 to 159" },
		{ "Reset=Unlocked", "Accepted, Rejected, default" },
		{ "Reste=Rejected", "did you mean Reset?" },
		{ "NoSuchAction=Rejected", "default, never, nothing, invalid, drop" },
		{ "Reset=Rejected*", "how often" },
		{ "Reset=Rejected*0", "how often" },
		{ "Reset=late:", "duration" },
		{ "Reset=error:", "code" },
		{ "Reset=error:ThisCodeHasFarMoreCharactersThanAnyThatIsDefined", "code" },
		{ "Reset=Rejected,", "is no outcome" },
		{ "GetLocalListVersion=9999999999", "is no outcome" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = { .kind = OUTCOME_DROP, .times = 77 };
		struct ocppd_error err = { 0 };
		char action[OUTCOME_ACTION_SIZE] = "before";

		assert_int_equal(outcome_parse_pair(cases[i].text, action, &outcome, &err),
				 OCPPD_EINVAL);
		print_message("%s: %s\n", cases[i].text, err.text);
		assert_non_null(strstr(err.text, cases[i].word));
		assert_string_equal(action, "before");
		assert_int_equal(outcome.kind, OUTCOME_DROP);
		assert_int_equal(outcome.times, 77);
	}
}

static void
outcome_actions_are_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < ACTION_COUNT; i++) {
		assert_non_null(outcome_actions[i].name);
		assert_non_null(outcome_actions[i].profile);
		assert_ptr_equal(outcome_find(outcome_actions[i].name), &outcome_actions[i]);
		assert_true(i == 0 ||
			    strcmp(outcome_actions[i - 1].name, outcome_actions[i].name) < 0);
	}
	assert_null(outcome_find("Nothing"));
}

static void
outcome_steps_are_checked_where_they_stand(void **state)
{
	static const struct {
		const char *text;
		const char *word; /* NULL: it is right */
		uint32_t column;
	} cases[] = {
		{ "on: {action: Reset, outcome: Rejected}", NULL, 0 },
		{ "on: {action: Reset, outcome: [Rejected, 'drop*2']}", NULL, 0 },
		{ "on: {action: Reset, delay: 5s}", NULL, 0 },
		{ "on: {action: Reset, reply: {}, times: 2, delay: 1s}", NULL, 0 },
		{ "on: {action: '${a}', outcome: Anything}", NULL, 0 },
		{ "on: {action: Reset, outcome: Odd}", "no outcome of Reset", 34 },
		{ "on: {action: Reset, outcome: [Rejected, Odd]}", "no outcome", 45 },
		{ "on: {action: Reset, outcome: []}", "an outcome, or a list", 34 },
		{ "on: {action: Reset, outcome: {a: b}}", "an outcome, or a list", 34 },
		{ "on: {action: Reset, outcome: drop, error: X}", "one of", 9 },
		{ "on: {action: Reset, delay: soon}", "duration", 32 },
		{ "key: {value: 1}", "needs name", 10 },
		{ "key: {name: A, readonly: perhaps}", "true or false", 30 },
		{ "lose: {count: 2}", "needs action", 11 },
		{ "lose: StartTransaction", NULL, 0 },
		{ "firmware: '2.0'", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scenario *scenario = NULL;
		struct ocppd_error err = { 0 };
		char text[200];
		int r;

		(void)snprintf(text, sizeof(text), "steps:\n  - %s", cases[i].text);
		r = scenario_parse("s.yaml", text, strlen(text), &scenario, &err);
		print_message("%s: %u: %s\n", cases[i].text, err.column, err.text);
		assert_int_equal(r, cases[i].word ? OCPPD_EINVAL : 0);
		if (cases[i].word) {
			assert_non_null(strstr(err.text, cases[i].word));
			assert_int_equal(err.column, cases[i].column);
		}
		scenario_free(scenario);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcome_words_are_read),
		cmocka_unit_test(outcome_that_cannot_be_is_refused_and_changes_nothing),
		cmocka_unit_test(outcome_actions_are_complete),
		cmocka_unit_test(outcome_steps_are_checked_where_they_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
