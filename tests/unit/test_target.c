/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* Request targets, subprotocol lists and Basic credentials, as tables. */
#include "transport/target.h"

#include <ocppd/error.h>

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ID_48 "123456789012345678901234567890123456789012345678"

static const struct {
	const char *label;
	const char *uri;
	const char *path;
	int result;
	const char *id;
} targets[] = {
	{ "plain", "/ocpp/CP1", "/ocpp", 0, "CP1" },
	{ "trailing slash", "/ocpp/CP1/", "/ocpp", 0, "CP1" },
	{ "path with slash", "/ocpp/CP1", "/ocpp/", 0, "CP1" },
	{ "last segment counts", "/ocpp/x/CP1", "/ocpp", 0, "CP1" },
	{ "root", "/CP1", "/", 0, "CP1" },
	{ "one character", "/o/CP1", "/o", 0, "CP1" },
	{ "blank", "/ocpp/RDAM 123", "/ocpp", 0, "RDAM 123" },
	{ "percent is meant so", "/ocpp/%41", "/ocpp", 0, "%41" },
	{ "utf-8", "/ocpp/S\xc3\xa4ule", "/ocpp", 0, "S\xc3\xa4ule" },
	{ "48 characters", "/ocpp/" ID_48, "/ocpp", 0, ID_48 },
	{ "49 characters", "/ocpp/" ID_48 "9", "/ocpp", OCPPD_EINVAL, NULL },
	{ "no identity", "/ocpp", "/ocpp", OCPPD_ENOENT, NULL },
	{ "empty identity", "/ocpp/", "/ocpp", OCPPD_ENOENT, NULL },
	{ "other path", "/other/CP1", "/ocpp", OCPPD_ENOENT, NULL },
	{ "longer path", "/ocpp16/CP1", "/ocpp", OCPPD_ENOENT, NULL },
	{ "case of the path", "/OCPP/CP1", "/ocpp", OCPPD_ENOENT, NULL },
	{ "root alone", "/", "/", OCPPD_ENOENT, NULL },
	{ "control character", "/ocpp/CP\x07", "/ocpp", OCPPD_EINVAL, NULL },
	{ "C1 control", "/ocpp/CP\xc2\x85", "/ocpp", OCPPD_EINVAL, NULL },
	{ "bad utf-8", "/ocpp/CP\xff", "/ocpp", OCPPD_EINVAL, NULL },
};

static void
target_identity_table_as_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		char id[TARGET_ID_SIZE] = "untouched";
		int r = target_identity(targets[i].uri, targets[i].path, id, sizeof(id));

		if (r != targets[i].result ||
		    strcmp(id, targets[i].id ? targets[i].id : "untouched") != 0)
			fail_msg("%s: %d, `%s`", targets[i].label, r, id);
	}
}

static void
target_path_table_as_listed(void **state)
{
	static const char *const good[] = { "/", "/ocpp", "/a/b/", NULL };
	static const char *const bad[] = {
		"", "ocpp", "/a b", "/a?b", "/a#", "/a+b", "/%41", NULL
	};

	(void)state;
	for (size_t i = 0; good[i]; i++)
		if (!target_path_valid(good[i]))
			fail_msg("%s refused", good[i]);
	for (size_t i = 0; bad[i]; i++)
		if (target_path_valid(bad[i]))
			fail_msg("%s accepted", bad[i]);
}

static const char *const served[] = { "ocpp1.6", "ocpp2.0.1", NULL };
static const char *const pin16[] = { "ocpp1.6" };
static const char *const pin_other[] = { "ocpp2.1" };

static const struct {
	const char *label;
	const char *offered;
	const char *const *pinned;
	uint32_t pinned_count;
	const char *chosen;
} offers[] = {
	{ "one", "ocpp1.6", NULL, 0, "ocpp1.6" },
	{ "station's order", "ocpp2.0.1, ocpp1.6", NULL, 0, "ocpp2.0.1" },
	{ "foreign first", "ocpp0.1,ocpp1.6", NULL, 0, "ocpp1.6" },
	{ "blanks and empty elements", " ,\t ocpp1.6 ,", NULL, 0, "ocpp1.6" },
	{ "none in common", "ocpp0.1", NULL, 0, NULL },
	{ "nothing", "", NULL, 0, NULL },
	{ "case counts", "OCPP1.6", NULL, 0, NULL },
	{ "prefix is another", "ocpp1.6j", NULL, 0, NULL },
	{ "pinned", "ocpp2.0.1, ocpp1.6", pin16, 1, "ocpp1.6" },
	{ "pinned to what is not served", "ocpp2.1, ocpp1.6", pin_other, 1, NULL },
};

static void
target_negotiate_table_as_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		const char *chosen = target_negotiate(offers[i].offered, served, offers[i].pinned,
						      offers[i].pinned_count);

		if (!str_eq(chosen, offers[i].chosen))
			fail_msg("%s: %s", offers[i].label, chosen ? chosen : "none");
	}
}

static const struct {
	const char *label;
	const char *header;
	int result;
	const char *user;
	const char *password;
	size_t password_len;
} headers[] = {
	/* The worked example of OCPP-J 1.6, section 6.2. */
	{ "raw key", "Basic QUwxMDAwOgABAgMEBQYH////////////////", 0, "AL1000",
	  "\x00\x01\x02\x03\x04\x05\x06\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20 },
	{ "scheme in any case", "bASIC Q1AxOnNlY3JldA==", 0, "CP1", "secret", 6 },
	{ "second colon is the password's", "Basic Q1AxOmE6Yg==", 0, "CP1", "a:b", 3 },
	{ "no padding", "Basic Q1AxOmE6Yg", 0, "CP1", "a:b", 3 },
	{ "empty password", "Basic Q1AxOg==", 0, "CP1", "", 0 },
	{ "no colon", "Basic Q1Ax", OCPPD_EINVAL, NULL, NULL, 0 },
	{ "other scheme", "Bearer Q1AxOmE=", OCPPD_EINVAL, NULL, NULL, 0 },
	{ "no base64", "Basic ***", OCPPD_EINVAL, NULL, NULL, 0 },
	{ "padding within", "Basic Q1=xOg==", OCPPD_EINVAL, NULL, NULL, 0 },
	{ "NUL in the user name", "Basic QwBQOmE=", OCPPD_EINVAL, NULL, NULL, 0 },
	{ "nothing", "Basic", OCPPD_EINVAL, NULL, NULL, 0 },
	{ "empty", "", OCPPD_EINVAL, NULL, NULL, 0 },
};

static void
basic_parse_table_as_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct basic basic = { 0 };
		int r = basic_parse(headers[i].header, &basic);

		if (r != headers[i].result)
			fail_msg("%s: %d", headers[i].label, r);
		if (r == 0 &&
		    (!str_eq(basic.user, headers[i].user) ||
		     basic.password_len != headers[i].password_len ||
		     memcmp(basic.password, headers[i].password, headers[i].password_len) != 0))
			fail_msg("%s: wrong parts", headers[i].label);
	}
}

static void
basic_longer_than_its_buffer_is_refused(void **state)
{
	char text[6 + 4 * BASIC_SIZE] = "Basic ";
	struct basic basic;

	(void)state;
	memset(text + 6, 'Q', sizeof(text) - 7);
	assert_int_equal(basic_parse(text, &basic), OCPPD_EINVAL);
}

static void
header_list_token_is_found_whole(void **state)
{
	(void)state;
	assert_true(header_list_has("keep-alive, Upgrade", "upgrade"));
	assert_false(header_list_has("upgraded", "upgrade"));
	assert_false(header_list_has("", "upgrade"));
}

static void
target_hides_a_slash_where_it_is_encoded(void **state)
{
	static const struct {
		const char *path;
		bool hides;
	} rows[] = {
		{ "/ocpp/CP-1", false },     { "/ocpp/CP%2F1", true },
		{ "/ocpp/CP%2f1", true },    { "/ocpp/CP%2F", true },
		{ "/ocpp/CP%2", false },     { "/ocpp/CP%25F", false },
		{ "/ocpp/CP%252F1", false }, { "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (target_hides_slash(rows[i].path, strlen(rows[i].path)) != rows[i].hides)
			fail_msg("%s", rows[i].path);
	}
	/* What comes behind is not looked at. */
	assert_false(target_hides_slash("/a%2F", 4));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(target_identity_table_as_listed),
		cmocka_unit_test(target_hides_a_slash_where_it_is_encoded),
		cmocka_unit_test(target_path_table_as_listed),
		cmocka_unit_test(target_negotiate_table_as_listed),
		cmocka_unit_test(basic_parse_table_as_listed),
		cmocka_unit_test(basic_longer_than_its_buffer_is_refused),
		cmocka_unit_test(header_list_token_is_found_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
