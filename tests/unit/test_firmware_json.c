/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What operators see of a job: passwords in locations are masked, and each member stands where its
 * column does.
 */
#include "../../plugins/ocpp16_firmware_management/firmware.h"

#include <json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *const kind_words[KIND_COUNT] = { "firmware", "diagnostics" };

static void
location_passwords_are_masked(void **state)
{
	static const char *const rows[][2] = {
		{ "ftp://user:secret@h/p", "ftp://user:***@h/p" },
		{ "ftp://:secret@h", "ftp://:***@h" },
		{ "ftp://user@h/p", "ftp://user@h/p" },
		{ "ftp://u:p@ss:word@h:21/p", "ftp://u:***@h:21/p" },
		{ "http://h/x@y:z", "http://h/x@y:z" },
		{ "http://h:80/p?u:p@x", "http://h:80/p?u:p@x" },
		{ "http://h#u:p@x", "http://h#u:p@x" },
		{ "http://[::1]:80/p", "http://[::1]:80/p" },
		{ "http://u:p@[::1]:80/p", "http://u:***@[::1]:80/p" },
		{ "mailto:a:b@c", "mailto:a:b@c" },
		{ "", "" },
		{ "://:@", "://:***@" },
	};
	char masked[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		location_mask(rows[i][0], masked, sizeof(masked));
		if (strcmp(masked, rows[i][1]) != 0)
			fail_msg("%s: %s", rows[i][0], masked);
	}
}

static void
location_tokens_are_masked(void **state)
{
	static const char *const rows[][2] = {
		{ "http://127.0.0.1:8182/f/d941ef6e255b6b2d389143aa8706930d/acme-2.4.1.bin",
		  "http://127.0.0.1:8182/f/***/acme-2.4.1.bin" },
		{ "https://h/base/u/e34e7da1d8764ad93ac05de97bf9dd20/", "https://h/base/u/***/" },
		{ "https://h/u/e34e7da1d8764ad93ac05de97bf9dd20", "https://h/u/***" },
		{ "http://h/deadbeef/x", "http://h/deadbeef/x" },
		{ "http://h/e34e7da1d8764ad93ac05de97bf9dd20.bin",
		  "http://h/e34e7da1d8764ad93ac05de97bf9dd20.bin" },
		{ "", "" },
	};
	char masked[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		location_mask_token(rows[i][0], masked, sizeof(masked));
		if (strcmp(masked, rows[i][1]) != 0)
			fail_msg("%s: %s", rows[i][0], masked);
	}
	location_mask_token(rows[0][0], masked, 10);
	assert_string_equal(masked, "http://12");
}

static void
location_is_cut_to_what_there_is_room_for(void **state)
{
	char masked[12];

	(void)state;
	location_mask("ftp://user:secret@h/p", masked, sizeof(masked));
	assert_string_equal(masked, "ftp://user:");
}

static void
fill(struct ocppd_value *row, enum job_kind kind)
{
	for (uint32_t i = 0; i < J_COLUMNS; i++)
		row[i] = ocppd_value_int((int64_t)i + 1000000);
	row[J_KIND] = ocppd_value_int(kind);
	row[J_STATE] = ocppd_value_str("Waiting");
	row[J_STATION] = ocppd_value_str("CP-1");
	row[J_LOCATION] = ocppd_value_str("ftp://a:b@h/x");
	row[J_HOSTED] = ocppd_value_int(0);
}

static void
job_members_stand_where_their_columns_do(void **state)
{
	struct ocppd_value row[J_COLUMNS];
	struct json_object *job;

	(void)state;
	fill(row, KIND_FIRMWARE);
	job = job_json(row);
	assert_int_equal(ocppd_json_get_int(job, "jobId", 0), J_ID + 1000000);
	assert_int_equal(ocppd_json_get_int(job, "rolloutId", 0), J_ROLLOUT + 1000000);
	assert_int_equal(ocppd_json_get_int(job, "attempts", 0), J_ATTEMPTS + 1000000);
	assert_string_equal(ocppd_json_get_str(job, "location"), "ftp://a:***@h/x");
	assert_string_equal(ocppd_json_get_str(job, "ended"), "1970-01-01T00:00:01.000Z");
	assert_int_equal(ocppd_json_get_bool(job, "active", -1), 0);
	assert_int_equal(ocppd_json_get_bool(job, "hosted", -1), 0);
	assert_null(ocppd_json_get(job, "fileId"));
	json_object_put(job);

	fill(row, KIND_DIAGNOSTICS);
	row[J_ENDED] = ocppd_value_null();
	row[J_HOSTED] = ocppd_value_int(1);
	job = job_json(row);
	assert_int_equal(ocppd_json_get_int(job, "fileId", 0), J_FILE_ID + 1000000);
	assert_int_equal(ocppd_json_get_bool(job, "active", -1), 1);
	assert_int_equal(ocppd_json_get_bool(job, "hosted", -1), 1);
	assert_null(ocppd_json_get(job, "ended"));
	assert_null(ocppd_json_get(job, "rolloutId"));
	json_object_put(job);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(location_passwords_are_masked),
		cmocka_unit_test(location_tokens_are_masked),
		cmocka_unit_test(location_is_cut_to_what_there_is_room_for),
		cmocka_unit_test(job_members_stand_where_their_columns_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
