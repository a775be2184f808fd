/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * id_tags: folding, the bounded cache, the verdict on a tag.
 */
#include "../../plugins/id_tags/cache.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
fold_ignores_case_and_bounds_length(void **state)
{
	char text[OCPPD_TOKEN_MAX + 2];
	char folded[OCPPD_TOKEN_MAX + 1];

	(void)state;
	assert_int_equal(token_fold("AbC-\xc3\x84", folded), 6);
	assert_string_equal(folded, "abc-\xc3\x84");
	assert_int_equal(token_fold("", folded), OCPPD_EINVAL);
	assert_int_equal(token_fold(NULL, folded), OCPPD_EINVAL);
	memset(text, 'A', sizeof(text));
	text[OCPPD_TOKEN_MAX] = '\0';
	assert_int_equal(token_fold(text, folded), OCPPD_TOKEN_MAX);
	text[OCPPD_TOKEN_MAX] = 'A';
	text[OCPPD_TOKEN_MAX + 1] = '\0';
	assert_int_equal(token_fold(text, folded), OCPPD_EINVAL);
}

static void
put_numbered(struct cache *cache, int number, int64_t until)
{
	char token[16];
	struct tag tag = { .is_known = true, .status = TAG_STATUS_ACCEPTED, .token = token };

	snprintf(token, sizeof(token), "t%d", number);
	assert_int_equal(cache_put(cache, &tag, until), 0);
}

static void
cache_beyond_its_limit_drops_the_least_recently_used(void **state)
{
	struct cache cache;

	(void)state;
	assert_int_equal(cache_init(&cache, 3), 0);
	for (int i = 0; i < 3; i++)
		put_numbered(&cache, i, 0);
	assert_non_null(cache_find(&cache, "t0", 0));
	put_numbered(&cache, 3, 0);
	assert_int_equal(cache.count, 3);
	assert_null(cache_find(&cache, "t1", 0));
	assert_non_null(cache_find(&cache, "t0", 0));
	put_numbered(&cache, 0, 0);
	assert_int_equal(cache.count, 3);
	cache_set_max(&cache, 1);
	assert_int_equal(cache.count, 1);
	cache_fini(&cache);
}

static void
cache_entry_past_its_time_is_gone(void **state)
{
	struct cache cache;

	(void)state;
	assert_int_equal(cache_init(&cache, 0), 0);
	put_numbered(&cache, 1, 100);
	assert_non_null(cache_find(&cache, "t1", 99));
	assert_null(cache_find(&cache, "t1", 100));
	assert_int_equal(cache.count, 0);
	for (int i = 0; i < 1000; i++)
		put_numbered(&cache, i, 0);
	for (int i = 0; i < 1000; i++) {
		char token[16];

		snprintf(token, sizeof(token), "t%d", i);
		assert_non_null(cache_find(&cache, token, 0));
	}
	cache_fini(&cache);
}

static void
verdict_follows_status_expiry_and_type(void **state)
{
	static char local[] = "Local";
	static const struct {
		const char *label;
		struct tag tag;
		const char *type;
		uint32_t verdict;
	} rows[] = {
		{ "unknown", { .is_known = false }, NULL, OCPPD_AUTH_INVALID },
		{ "accepted", { .is_known = true, .status = 1 }, NULL, OCPPD_AUTH_ACCEPTED },
		{ "blocked", { .is_known = true, .status = 2 }, NULL, OCPPD_AUTH_BLOCKED },
		{ "invalid", { .is_known = true, .status = 3 }, NULL, OCPPD_AUTH_INVALID },
		{ "before its end",
		  { .is_known = true, .status = 1, .has_expiry = true, .expiry_us = 1001 },
		  NULL,
		  OCPPD_AUTH_ACCEPTED },
		{ "at its end",
		  { .is_known = true, .status = 1, .has_expiry = true, .expiry_us = 1000 },
		  NULL,
		  OCPPD_AUTH_EXPIRED },
		{ "blocked and over",
		  { .is_known = true, .status = 2, .has_expiry = true, .expiry_us = 1 },
		  NULL,
		  OCPPD_AUTH_BLOCKED },
		{ "another type",
		  { .is_known = true, .status = 1, .type = local },
		  "ISO14443",
		  OCPPD_AUTH_INVALID },
		{ "no type stated",
		  { .is_known = true, .status = 1, .type = local },
		  NULL,
		  OCPPD_AUTH_ACCEPTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (tag_verdict(&rows[i].tag, rows[i].type, 1000) != rows[i].verdict)
			fail_msg("%s", rows[i].label);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fold_ignores_case_and_bounds_length),
		cmocka_unit_test(cache_beyond_its_limit_drops_the_least_recently_used),
		cmocka_unit_test(cache_entry_past_its_time_is_gone),
		cmocka_unit_test(verdict_follows_status_expiry_and_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
