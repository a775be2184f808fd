/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What reservations go by: tags and groups, statuses, blocks of ids.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../../plugins/ocpp16_reservation/rules.h"

static void
reservation_tag_and_group_match_in_any_case(void **state)
{
	static const struct {
		const char *label;
		const char *token;
		const char *parent;
		const char *reserved_parent;
		bool is_for;
	} rows[] = {
		{ "the tag", "TAG-1", NULL, "", true },
		{ "in another case", "tag-1", NULL, "", true },
		{ "longer", "TAG-12", NULL, "", false },
		{ "shorter", "TAG-", NULL, "", false },
		{ "another", "TAG-2", NULL, "GROUP", false },
		{ "of the group", "TAG-2", "group", "GROUP", true },
		{ "of another group", "TAG-2", "GROUP-2", "GROUP", false },
		{ "no group at all", "TAG-2", "", "", false },
		{ "without a tag", NULL, "GROUP", "GROUP", true },
		{ "nothing", NULL, NULL, "GROUP", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct terms terms = { .id = 1, .token = "Tag-1" };

		memcpy(terms.parent, rows[i].reserved_parent, strlen(rows[i].reserved_parent) + 1);
		if (terms_are_for(&terms, rows[i].token, rows[i].parent) != rows[i].is_for)
			fail_msg("%s: expected %d", rows[i].label, rows[i].is_for);
	}
}

static void
reservation_tag_is_folded_and_cut(void **state)
{
	char longest[2 * TAG_SIZE];
	char folded[TAG_SIZE];

	(void)state;
	tag_fold("Tag-\xc3\x84Z", folded);
	assert_string_equal(folded, "tag-\xc3\x84z");
	memset(longest, 'A', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	tag_fold(longest, folded);
	assert_int_equal(strlen(folded), TAG_SIZE - 1);
	assert_int_equal(folded[TAG_SIZE - 2], 'a');
}

static void
reservation_status_says_what_holds(void **state)
{
	static const char *const over[] = { STATUS_FAILED,  STATUS_USED, STATUS_CANCELLED,
					    STATUS_EXPIRED, "Occupied",  "Faulted",
					    "Unavailable",  "Rejected",  "accepted" };

	(void)state;
	assert_true(status_is_live(STATUS_ACCEPTED));
	assert_true(status_is_live(STATUS_UNCONFIRMED));
	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++)
		assert_false(status_is_live(over[i]));
	assert_true(status_is_out("Faulted"));
	assert_true(status_is_out("Unavailable"));
	assert_false(status_is_out("Reserved"));
	assert_false(status_is_out(NULL));
}

static void
reservation_ids_pass_over_what_is_taken(void **state)
{
	struct id_block block = { .base = 1000 };
	int64_t id = 0;
	int64_t before = 999;
	uint32_t count = 0;

	(void)state;
	/* Not before it is known what is taken. */
	assert_false(id_block_next(&block, &id));
	block.is_ready = true;
	id_block_mark(&block, 999);
	id_block_mark(&block, 1000);
	id_block_mark(&block, 1063);
	id_block_mark(&block, 1064);
	id_block_mark(&block, 1000 + ID_BLOCK - 1);
	id_block_mark(&block, 1000 + ID_BLOCK);
	id_block_mark(&block, INT64_MAX);
	for (; id_block_next(&block, &id); count++) {
		assert_true(id > before && id < 1000 + ID_BLOCK);
		assert_true(id != 1000 && id != 1063 && id != 1064 && id != 1000 + ID_BLOCK - 1);
		before = id;
	}
	assert_int_equal(count, ID_BLOCK - 4);
	assert_false(id_block_next(&block, &id));
}

static void
reservation_empty_block_has_no_ids(void **state)
{
	struct id_block block = { .is_ready = true };
	int64_t id = 0;

	(void)state;
	id_block_mark(&block, 0);
	assert_false(id_block_next(&block, &id));
}

static void
reservation_ids_begin_higher_with_time(void **state)
{
	const int64_t minute = 60000000;
	const int64_t epoch = INT64_C(1735689600000000); /* 2025-01-01 */

	(void)state;
	assert_int_equal(id_floor(0), 1);
	assert_int_equal(id_floor(epoch), 1);
	assert_int_equal(id_floor(epoch + minute), 129);
	assert_true(id_floor(epoch + 525600 * minute) > id_floor(epoch + 525599 * minute));
	/* A clock far in the future must not use the ids up. */
	assert_int_equal(id_floor(INT64_MAX), 1);
	for (int64_t year = 0; year < 1000; year++)
		assert_true(id_floor(epoch + year * 525600 * minute) + ID_BLOCK <
			    RESERVATION_ID_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reservation_tag_and_group_match_in_any_case),
		cmocka_unit_test(reservation_tag_is_folded_and_cut),
		cmocka_unit_test(reservation_status_says_what_holds),
		cmocka_unit_test(reservation_ids_pass_over_what_is_taken),
		cmocka_unit_test(reservation_empty_block_has_no_ids),
		cmocka_unit_test(reservation_ids_begin_higher_with_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
