/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* What ocppd-station keeps: lists of tags with their updates, and configuration keys. */
#include "features/auth_list.h"
#include "features/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <ocppd/error.h>

static const char *
update(struct auth_list *list, bool is_full, int64_t version, const char *items, bool is_dry)
{
	const struct auth_update sent = { .is_full = is_full,
					  .version = version,
					  .items = items ? json_tokener_parse(items) : NULL,
					  .most_held = 3,
					  .most_sent = 3,
					  .is_dry = is_dry };
	const char *status = auth_list_update(list, &sent);

	json_object_put(sent.items);
	return status;
}

#define A "{\"idTag\":\"A\",\"idTagInfo\":{\"status\":\"Accepted\"}}"
#define B "{\"idTag\":\"b\",\"idTagInfo\":{\"status\":\"Blocked\"}}"
#define C "{\"idTag\":\"C\",\"idTagInfo\":{\"status\":\"Accepted\"}}"
#define D "{\"idTag\":\"D\",\"idTagInfo\":{\"status\":\"Accepted\"}}"

static void
auth_list_updates_change_all_or_nothing(void **state)
{
	static const struct {
		bool is_full;
		int64_t version;
		const char *items;
		const char *status;
		uint32_t count;
		int32_t held;
	} cases[] = {
		{ true, 0, "[]", "Failed", 0, 0 },
		{ true, -1, "[" A "]", "Failed", 0, 0 },
		{ true, INT64_C(3000000000), "[" A "]", "Failed", 0, 0 },
		{ true, 5, "[" A "," B "]", "Accepted", 2, 5 },
		{ false, 5, "[" C "]", "VersionMismatch", 2, 5 },
		{ false, 6, "[" C "," D "]", "Failed", 2, 5 },
		{ true, 6, "[" A "," B "," C "," D "]", "Failed", 2, 5 },
		{ true, 6, "[" A "," A "]", "Failed", 2, 5 },
		{ true, 6, "[{\"idTag\":\"A\"}]", "Failed", 2, 5 },
		{ false, 6, "[{\"idTag\":\"A\",\"idTagInfo\":{}}]", "Failed", 2, 5 },
		{ false, 6, "[{\"idTag\":\"123456789012345678901\"}]", "Failed", 2, 5 },
		{ false, 6, "[7]", "Failed", 2, 5 },
		{ false, 7, "[{\"idTag\":\"a\"}," C "]", "Accepted", 2, 7 },
		{ false, 8, NULL, "Accepted", 2, 8 },
		{ true, 1, NULL, "Accepted", 0, 1 },
	};
	struct auth_list list = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t before = list.count;

		print_message("%zu: %s\n", i, cases[i].items ? cases[i].items : "none");
		assert_string_equal(
			update(&list, cases[i].is_full, cases[i].version, cases[i].items, true),
			cases[i].status);
		assert_int_equal(list.count, before);
		assert_string_equal(
			update(&list, cases[i].is_full, cases[i].version, cases[i].items, false),
			cases[i].status);
		assert_int_equal(list.count, cases[i].count);
		assert_int_equal(list.version, cases[i].held);
	}
	auth_list_clear(&list);
}

static void
auth_list_entries_expire(void **state)
{
	struct auth_list list = { 0 };

	(void)state;
	assert_string_equal(update(&list, true, 1,
				   "[" B ",{\"idTag\":\"X\",\"idTagInfo\":{\"status\":\"Accepted\","
				   "\"expiryDate\":\"1970-01-01T00:00:10Z\"}}]",
				   false),
			    "Accepted");
	assert_null(auth_list_find(&list, "Y"));
	assert_string_equal(auth_entry_status(auth_list_find(&list, "x"), 9999999), "Accepted");
	assert_string_equal(auth_entry_status(auth_list_find(&list, "X"), 10000000), "Expired");
	assert_string_equal(auth_entry_status(auth_list_find(&list, "B"), 10000000), "Blocked");
	auth_list_remove(&list, "x");
	assert_null(auth_list_find(&list, "X"));
	assert_int_equal(list.count, 1);
	auth_list_clear(&list);
}

static void
keys_are_set_found_and_bounded(void **state)
{
	struct key_set set = { 0 };
	char name[KEY_NAME_MAX + 2];
	char value[KEY_VALUE_MAX + 2];

	(void)state;
	assert_int_equal(keys_init_defaults(&set), 0);
	assert_string_equal(keys_find(&set, "heartbeatinterval")->value, "300");
	assert_int_equal(keys_set(&set, "HEARTBEATINTERVAL", "5", KEY_READONLY), 0);
	assert_string_equal(keys_find(&set, "HeartbeatInterval")->name, "HeartbeatInterval");
	assert_string_equal(keys_find(&set, "HeartbeatInterval")->value, "5");
	assert_int_equal(keys_find(&set, "HeartbeatInterval")->flags, KEY_READONLY);
	assert_int_equal(keys_set(&set, "Own", NULL, 0), 0);
	assert_null(keys_find(&set, "Own")->value);
	assert_null(keys_find(&set, "Nothing"));

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(keys_set(&set, name, "", 0), OCPPD_ESPACE);
	name[sizeof(name) - 2] = '\0';
	assert_int_equal(keys_set(&set, name, "", 0), 0);
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(keys_set(&set, "Own", value, 0), OCPPD_ESPACE);
	assert_null(keys_find(&set, "Own")->value);
	value[sizeof(value) - 2] = '\0';
	assert_int_equal(keys_set(&set, "Own", value, 0), 0);

	for (uint32_t i = set.count; i < KEYS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "Key%u", i);
		assert_int_equal(keys_set(&set, name, "1", 0), 0);
	}
	assert_int_equal(keys_set(&set, "OneMore", "1", 0), OCPPD_ESPACE);
	assert_int_equal(set.count, KEYS_MAX);
	keys_fini(&set);
	assert_int_equal(set.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auth_list_updates_change_all_or_nothing),
		cmocka_unit_test(auth_list_entries_expire),
		cmocka_unit_test(keys_are_set_found_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
