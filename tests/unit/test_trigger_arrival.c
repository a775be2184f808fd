/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Which messages count for a trigger, and when it has all of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../../plugins/ocpp16_remote_trigger/arrival.h"

#define S INT64_C(1000000)

static void
arrival_fits_by_message_and_connector(void **state)
{
	static const struct {
		const char *label;
		const char *wanted;
		int64_t wanted_connector;
		const char *message;
		int64_t connector;
		bool fits;
	} rows[] = {
		{ "any", "Heartbeat", -1, "Heartbeat", -1, true },
		{ "another message", "Heartbeat", -1, "MeterValues", -1, false },
		{ "the connector", "MeterValues", 2, "MeterValues", 2, true },
		{ "another connector", "MeterValues", 2, "MeterValues", 1, false },
		{ "the station itself", "StatusNotification", 0, "StatusNotification", 0, true },
		{ "a connector, not the station", "StatusNotification", 0, "StatusNotification", 1,
		  false },
		{ "no connector is told", "Heartbeat", 1, "Heartbeat", -1, true },
		{ "every connector", "MeterValues", -1, "MeterValues", 7, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (arrival_fits(rows[i].wanted, rows[i].wanted_connector, rows[i].message,
				 rows[i].connector) != rows[i].fits)
			fail_msg("%s: expected %d", rows[i].label, rows[i].fits);
	}
}

static void
arrival_of_every_connector_is_complete(void **state)
{
	struct arrival arrival = { .messages = 0 };

	(void)state;
	arrival_want(&arrival, "StatusNotification", 0);
	arrival_want(&arrival, "StatusNotification", 2);
	arrival_want(&arrival, "StatusNotification", CONNECTOR_MAX);
	arrival_want(&arrival, "StatusNotification", -1);
	assert_int_equal(arrival.wanted, 0x5);
	assert_int_equal(arrival_expected(&arrival, "StatusNotification", -1), 3);
	assert_false(arrival_is_complete(&arrival));
	arrival_note(&arrival, "m1", 10 * S, 2);
	arrival_note(&arrival, "m2", 11 * S, 2);
	arrival_note(&arrival, "m3", 12 * S, CONNECTOR_MAX);
	assert_false(arrival_is_complete(&arrival));
	arrival_note(&arrival, NULL, 13 * S, 0);
	assert_true(arrival_is_complete(&arrival));
	assert_int_equal(arrival.messages, 4);
	assert_int_equal(arrival.first_us, 10 * S);
	assert_int_equal(arrival.last_us, 13 * S);
	assert_string_equal(arrival.message_id, "m1");
}

static void
arrival_of_one_is_enough_where_none_is_named(void **state)
{
	struct arrival arrival = { .messages = 0 };

	(void)state;
	/* The station itself need not have a meter. */
	arrival_want(&arrival, "MeterValues", 0);
	assert_int_equal(arrival.wanted, 0);
	assert_int_equal(arrival_expected(&arrival, "MeterValues", -1), 16);
	assert_int_equal(arrival_expected(&arrival, "MeterValues", 1), 1);
	assert_int_equal(arrival_expected(&arrival, "Heartbeat", -1), 1);
	assert_false(arrival_is_complete(&arrival));
	arrival_note(&arrival, "m1", S, -1);
	assert_true(arrival_is_complete(&arrival));
}

static void
arrival_long_before_the_answer_is_chance(void **state)
{
	struct arrival arrival = { .wanted = 0x2 };

	(void)state;
	arrival_note(&arrival, "m1", 10 * S, 1);
	arrival_forget_early(&arrival, 15 * S);
	assert_true(arrival_is_complete(&arrival));
	arrival_forget_early(&arrival, 15 * S + 1);
	assert_false(arrival_is_complete(&arrival));
	assert_int_equal(arrival.wanted, 0x2);
	assert_int_equal(arrival.messages, 0);
	assert_int_equal(arrival.first_us, 0);
	assert_string_equal(arrival.message_id, "");
}

static void
arrival_has_room_for_any_message_id(void **state)
{
	struct arrival arrival = { .messages = 0 };
	char text[ID_SIZE + 5];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	arrival_note(&arrival, text, S, -1);
	assert_int_equal(strlen(arrival.message_id), ID_SIZE - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrival_fits_by_message_and_connector),
		cmocka_unit_test(arrival_of_every_connector_is_complete),
		cmocka_unit_test(arrival_of_one_is_enough_where_none_is_named),
		cmocka_unit_test(arrival_long_before_the_answer_is_chance),
		cmocka_unit_test(arrival_has_room_for_any_message_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
