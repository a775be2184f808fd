/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* What ocppd-station demands of answers: a scenario's expectations and the confirmations' schema.
 */
#include "confirm.h"
#include "expect.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#undef expect_check /* cmocka has one of its own */

static const char payload_text[] =
	"{\"status\":\"Accepted\",\"n\":5,\"d\":1.0,\"list\":[{\"key\":\"A\"},{\"key\":\"B\"}],"
	"\"info\":{\"status\":\"Blocked\",\"none\":null}}";

static void
expect_conditions_are_applied(void **state)
{
	static const struct {
		const char *map;
		bool fits;
	} cases[] = {
		{ "{status: Accepted}", true },
		{ "{status: Rejected}", false },
		{ "{status: [Rejected, Accepted]}", true },
		{ "{status: [Rejected, Invalid]}", false },
		{ "{n: 5}", true },
		{ "{n: '5'}", false },
		{ "{d: 1}", true },
		{ "{n: {min: 5, max: 5}}", true },
		{ "{n: {min: 6}}", false },
		{ "{n: {max: 4}}", false },
		{ "{status: {min: 1}}", false },
		{ "{status: {like: 'Acc*'}}", true },
		{ "{status: {like: 'Rej*'}}", false },
		{ "{n: {like: '5'}}", false },
		{ "{status: {not: Rejected}}", true },
		{ "{status: {not: Accepted}}", false },
		{ "{missing: {absent: true}}", true },
		{ "{status: {absent: true}}", false },
		{ "{status: {present: true}}", true },
		{ "{missing: {present: true}}", false },
		{ "{missing: null}", false },
		{ "{info.none: null}", true },
		{ "{info.status: Blocked, 'list[1].key': B}", true },
		{ "{'list[2].key': B}", false },
		{ "{'list[0].key': B}", false },
		{ "{'n.x': 1}", false },
	};
	struct json_object *payload = json_tokener_parse(payload_text);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf problem = { 0 };
		struct node *map = NULL;

		print_message("%s\n", cases[i].map);
		assert_int_equal(node_parse("e", cases[i].map, strlen(cases[i].map), &map, NULL),
				 0);
		assert_int_equal(expect_parse(map, NULL), 0);
		assert_int_equal(expect_check(map, payload, NULL, NULL, &problem), cases[i].fits);
		assert_int_equal(problem.len == 0, cases[i].fits);
		buf_fini(&problem);
		node_free(map);
	}
	json_object_put(payload);
}

static void
expect_path_form_is_checked(void **state)
{
	static const struct {
		const char *path;
		bool is_valid;
	} cases[] = {
		{ "a", true },         { "a.b.c", true },  { "a[0]", true },
		{ "a[0][1].b", true }, { "", false },      { ".a", false },
		{ "a.", false },       { "a..b", false },  { "[0]", false },
		{ "a[]", false },      { "a[x]", false },  { "a[1", false },
		{ "a]", false },       { "a[0]b", false }, { "a[1234567]", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].path);
		assert_int_equal(expect_path_valid(cases[i].path), cases[i].is_valid);
	}
}

static void
confirm_wrong_is_found(void **state)
{
#define TIME "\"currentTime\":\"2026-03-01T10:00:00.123Z\""
#define LONG "123456789012345678901"
	static const struct {
		const char *action;
		const char *payload;
		bool is_right;
	} cases[] = {
		{ "Heartbeat", "{" TIME "}", true },
		{ "Heartbeat", "{}", false },
		{ "Heartbeat", "{" TIME ",\"x\":1}", false },
		{ "Heartbeat", "{\"currentTime\":\"2026-03-01T10:00:00Z\"}", false },
		{ "Heartbeat", "{\"currentTime\":\"2026-03-01T10:00:00.123+00:00\"}", false },
		{ "Heartbeat", "{\"currentTime\":5}", false },
		{ "BootNotification", "{\"status\":\"Accepted\"," TIME ",\"interval\":300}", true },
		{ "BootNotification", "{\"status\":\"Pending\"," TIME ",\"interval\":0}", true },
		{ "BootNotification", "{\"status\":\"Accepted\"," TIME ",\"interval\":0}", false },
		{ "BootNotification", "{\"status\":\"Accepted\"," TIME ",\"interval\":1.5}",
		  false },
		{ "BootNotification", "{\"status\":\"accepted\"," TIME ",\"interval\":1}", false },
		{ "BootNotification", "{\"status\":\"Accepted\"," TIME "}", false },
		{ "Authorize", "{\"idTagInfo\":{\"status\":\"Invalid\"}}", true },
		{ "Authorize", "{\"idTagInfo\":{\"status\":\"Nope\"}}", false },
		{ "Authorize", "{\"idTagInfo\":\"Accepted\"}", false },
		{ "Authorize",
		  "{\"idTagInfo\":{\"status\":\"Invalid\",\"parentIdTag\":\"" LONG "\"}}", false },
		{ "StartTransaction",
		  "{\"transactionId\":1,\"idTagInfo\":{\"status\":\"Accepted\"}}", true },
		{ "StartTransaction",
		  "{\"transactionId\":0,\"idTagInfo\":{\"status\":\"Accepted\"}}", false },
		{ "StartTransaction",
		  "{\"transactionId\":\"1\",\"idTagInfo\":{\"status\":\"Accepted\"}}", false },
		{ "StopTransaction", "{}", true },
		{ "StopTransaction", "{\"idTagInfo\":null}", false },
		{ "MeterValues", "{}", true },
		{ "MeterValues", "{\"status\":\"Accepted\"}", false },
		{ "DataTransfer", "{\"status\":\"UnknownVendorId\"}", true },
		{ "DataTransfer", "{\"status\":\"UnknownVendorId\",\"data\":\"x\"}", false },
		{ "VendorOwn", "{\"anything\":1}", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *payload = json_tokener_parse(cases[i].payload);
		struct buf problem = { 0 };

		print_message("%s %s\n", cases[i].action, cases[i].payload);
		assert_int_equal(confirm_check(cases[i].action, payload, &problem),
				 cases[i].is_right);
		assert_int_equal(problem.len == 0, cases[i].is_right);
		buf_fini(&problem);
		json_object_put(payload);
	}
}

static void
confirm_time_must_exist(void **state)
{
	static const struct {
		const char *text;
		bool is_valid;
	} cases[] = {
		{ "2026-03-01T10:00:00.123Z", true },   { "2024-02-29T23:59:59.999Z", true },
		{ "2026-02-29T10:00:00.123Z", false },  { "2100-02-29T10:00:00.123Z", false },
		{ "2026-13-01T10:00:00.123Z", false },  { "2026-00-01T10:00:00.123Z", false },
		{ "2026-04-31T10:00:00.123Z", false },  { "2026-04-30T24:00:00.123Z", false },
		{ "2026-04-30T10:60:00.123Z", false },  { "2026-04-30t10:00:00.123z", false },
		{ "2026-04-30T10:00:00.1234Z", false }, { "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].text);
		assert_int_equal(confirm_time_valid(cases[i].text), cases[i].is_valid);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expect_conditions_are_applied),
		cmocka_unit_test(expect_path_form_is_checked),
		cmocka_unit_test(confirm_wrong_is_found),
		cmocka_unit_test(confirm_time_must_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
