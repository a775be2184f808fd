/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* The station directory: look-up, verifiers, remembered passwords. */
#include "transport/directory.h"

#include <ocppd/error.h>
#include <ocppd/station.h>

#include "base/text.h"
#include "runtime/host.h"
#include "transport/verifier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct ocppd_core core;
	struct ocppd_host host;
};

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture || directory_init(&fixture->core, NULL) < 0)
		return -1;
	fixture->host.core = &fixture->core;
	*state = fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	directory_fini(&fixture->core);
	free(fixture);
	return 0;
}

static int
put(struct fixture *fixture, const char *id, struct ocppd_error *err)
{
	struct ocppd_admission record = { .struct_size = sizeof(record), .station_id = id };

	return ocppd_directory_put(&fixture->host, &record, err);
}

/* The provisioned spelling, "?" for the unknown record, NULL for none. */
static const char *
find(struct fixture *fixture, const char *id, char *name, size_t size)
{
	bool is_folded;
	struct admission *record = directory_find(fixture->core.directory, id, &is_folded);

	if (!record)
		return NULL;
	(void)snprintf(name, size, "%s%s", record->id ? record->id : "?",
		       is_folded ? " (A06)" : "");
	admission_unref(record);
	return name;
}

static void
directory_find_exact_then_unique_fold(void **state)
{
	static const struct {
		const char *presented;
		const char *found;
	} rows[] = {
		{ "CP-1", "CP-1" },     { "cp-1", "CP-1 (A06)" }, { "Twin", "Twin" },
		{ "TWIN", "TWIN" },     { "twin", NULL },         { "A B", "A+B" },
		{ "A+B", "A+B" },       { "a b", "A+B (A06)" },   { "other", NULL },
		{ "RDAM 1", "RDAM 1" }, { "RDAM+1", "RDAM 1" },
	};
	struct fixture *fixture = *state;
	char name[256];

	assert_int_equal(put(fixture, "CP-1", NULL), 0);
	assert_int_equal(put(fixture, "Twin", NULL), 0);
	assert_int_equal(put(fixture, "TWIN", NULL), 0);
	assert_int_equal(put(fixture, "A+B", NULL), 0);
	assert_int_equal(put(fixture, "RDAM 1", NULL), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *found = find(fixture, rows[i].presented, name, sizeof(name));

		if (!str_eq(found, rows[i].found))
			fail_msg("%s: %s", rows[i].presented, found ? found : "none");
	}

	/* One twin gone: the other is unique. */
	assert_int_equal(ocppd_directory_remove(&fixture->host, "TWIN"), 0);
	assert_string_equal(find(fixture, "twin", name, sizeof(name)), "Twin (A06)");
	assert_int_equal(ocppd_directory_remove(&fixture->host, "TWIN"), OCPPD_ENOENT);
	assert_int_equal(ocppd_directory_remove(&fixture->host, "A B"), OCPPD_ENOENT);
	assert_int_equal(ocppd_directory_remove(&fixture->host, "A+B"), 0);
	assert_null(find(fixture, "A B", name, sizeof(name)));
}

static void
directory_put_plus_twin_is_refused(void **state)
{
	struct ocppd_error err = { 0 };
	struct fixture *fixture = *state;

	assert_int_equal(put(fixture, "A+B", NULL), 0);
	assert_int_equal(put(fixture, "A B", &err), OCPPD_EEXIST);
	assert_non_null(strstr(err.text, "A+B"));
}

static void
directory_put_bad_record_is_refused(void **state)
{
	static const char *const bad_verifier[] = { "sha256:00:11" };
	static const char *const bad_quirk[] = { "Z99" };
	static const struct {
		const char *label;
		struct ocppd_admission record;
	} rows[] = {
		{ "no identity", { .station_id = "" } },
		{ "slash", { .station_id = "a/b" } },
		{ "control", { .station_id = "a\n" } },
		{ "profile", { .station_id = "a", .security_profile = 4 } },
		{ "registration", { .station_id = "a", .registration = 9 } },
		{ "user", { .station_id = "a", .auth_user = "a:b" } },
		{ "verifier",
		  { .station_id = "a", .verifiers = bad_verifier, .verifier_count = 1 } },
		{ "quirk", { .station_id = "a", .quirks = bad_quirk, .quirk_count = 1 } },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ocppd_admission record = rows[i].record;
		struct ocppd_error err = { 0 };

		record.struct_size = sizeof(record);
		if (ocppd_directory_put(&fixture->host, &record, &err) != OCPPD_EINVAL ||
		    !err.text[0])
			fail_msg("%s: accepted, or no reason", rows[i].label);
	}
}

static void
directory_unknown_record_stands_in(void **state)
{
	struct ocppd_admission record = { .struct_size = sizeof(record),
					  .security_profile = OCPPD_PROFILE_ANY };
	struct fixture *fixture = *state;
	char name[64];

	assert_null(find(fixture, "x", name, sizeof(name)));
	assert_int_equal(ocppd_directory_set_unknown(&fixture->host, &record, NULL), 0);
	assert_string_equal(find(fixture, "x", name, sizeof(name)), "?");
	assert_int_equal(ocppd_directory_set_unknown(&fixture->host, NULL, NULL), 0);
	assert_null(find(fixture, "x", name, sizeof(name)));
}

static void
directory_replaced_record_stays_with_its_reader(void **state)
{
	struct fixture *fixture = *state;
	bool is_folded;

	assert_int_equal(put(fixture, "CP1", NULL), 0);
	struct admission *held = directory_find(fixture->core.directory, "CP1", &is_folded);
	assert_int_equal(put(fixture, "CP1", NULL), 0);
	struct admission *now = directory_find(fixture->core.directory, "CP1", &is_folded);

	assert_ptr_not_equal(held, now);
	assert_string_equal(held->id, "CP1");
	admission_unref(held);
	admission_unref(now);
}

static void
verifier_vectors_match(void **state)
{
	static const struct {
		const char *label;
		const char *text;
		const char *password;
		bool is_match;
	} rows[] = {
		/* printf '\1\2\3\4\5\6\7\10secret' | sha256sum */
		{ "sha256",
		  "sha256:0102030405060708:"
		  "fcf85edc0c0fdca589c280076265df7efa0e7cdccf7d689522b76cac1de13d62",
		  "secret", true },
		{ "sha256, another",
		  "sha256:0102030405060708:"
		  "fcf85edc0c0fdca589c280076265df7efa0e7cdccf7d689522b76cac1de13d62",
		  "Secret", false },
		/* hashlib.pbkdf2_hmac('sha256', b'secret', bytes(range(1, 9)), 1000) */
		{ "pbkdf2",
		  "pbkdf2-sha256:1000:0102030405060708:"
		  "d9bf4f8b9d6a9ca73fb33112ebed290a4c6df9017a23add035fea1a1d83b5db8",
		  "secret", true },
		{ "pbkdf2, another",
		  "pbkdf2-sha256:1000:0102030405060708:"
		  "d9bf4f8b9d6a9ca73fb33112ebed290a4c6df9017a23add035fea1a1d83b5db8",
		  "secre", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct verifier verifier;
		uint8_t packed[VERIFIER_PACKED_MAX];
		struct verifier copy = { 0 };

		if (verifier_parse(rows[i].text, &verifier) < 0)
			fail_msg("%s: not read", rows[i].label);
		size_t len = verifier_pack(&verifier, packed);
		assert_int_equal(verifier_unpack(packed, &copy), len);
		if (verifier_matches(&copy, (const uint8_t *)rows[i].password,
				     strlen(rows[i].password)) != rows[i].is_match)
			fail_msg("%s: wrong", rows[i].label);
	}
}

static void
verifier_bad_text_is_refused(void **state)
{
	static const char digest[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	static const char *const heads[] = {
		"md5:0102030405060708:",
		"sha256:01020304050607:",
		"sha256:0102030405060g08:",
		"sha256::",
		"pbkdf2-sha256:0:0102030405060708:",
		"pbkdf2-sha256:x:0102030405060708:",
		"pbkdf2-sha256:1000001:0102030405060708:",
		"sha256",
	};
	struct verifier verifier;
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", heads[i], digest);
		if (verifier_parse(text, &verifier) != OCPPD_EINVAL)
			fail_msg("%s: accepted", text);
	}
	(void)snprintf(text, sizeof(text), "sha256:0102030405060708:%s:", digest);
	assert_int_equal(verifier_parse(text, &verifier), 0);
	(void)snprintf(text, sizeof(text), "sha256:0102030405060708:%s0", digest);
	assert_int_equal(verifier_parse(text, &verifier), OCPPD_EINVAL);
}

static void
verifier_made_is_read_and_matches(void **state)
{
	static const char *const schemes[] = { "sha256", "pbkdf2-sha256" };
	static const uint8_t key[] = { 0, 1, 2, 0xff, ':', 9 };
	char text[256];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct verifier verifier;

		assert_int_equal(
			ocppd_verifier_make(schemes[i], key, sizeof(key), text, sizeof(text)), 0);
		assert_int_equal(verifier_parse(text, &verifier), 0);
		assert_true(verifier_matches(&verifier, key, sizeof(key)));
		assert_false(verifier_matches(&verifier, key, sizeof(key) - 1));
	}
	assert_int_equal(ocppd_verifier_make("md5", key, sizeof(key), text, sizeof(text)),
			 OCPPD_EINVAL);
	assert_int_equal(ocppd_verifier_make("sha256", key, sizeof(key), text, 20), OCPPD_ESPACE);
}

static void
password_forms_and_memory_as_configured(void **state)
{
	static const char *const hex_quirk[] = { "accept_hex_password" };
	static const char hex[] = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF";
	static const uint8_t key[] = { 0,    1,    2,    3,    4,    5,    6,    7,    0xff, 0xff,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct fixture *fixture = *state;
	struct directory *directory = fixture->core.directory;
	char other[256];
	char text[256];
	const char *verifiers[] = { other, text };
	struct ocppd_admission source = { .struct_size = sizeof(source),
					  .station_id = "CP1",
					  .security_profile = 1,
					  .verifiers = verifiers,
					  .verifier_count = 2 };
	bool is_folded;
	uint32_t at = 0;

	assert_int_equal(ocppd_verifier_make("sha256", "x", 1, other, sizeof(other)), 0);
	assert_int_equal(ocppd_verifier_make("sha256", key, sizeof(key), text, sizeof(text)), 0);
	assert_int_equal(ocppd_directory_put(&fixture->host, &source, NULL), 0);
	struct admission *record = directory_find(directory, "CP1", &is_folded);
	for (int again = 0; again < 2; again++) {
		at = 9;
		assert_int_equal(admission_check_password(directory, record, (const uint8_t *)hex,
							  strlen(hex), &at),
				 PASSWORD_WRONG);
		assert_int_equal(at, 9);
		assert_int_equal(admission_check_password(directory, record, key, sizeof(key), &at),
				 PASSWORD_PLAIN);
		assert_int_equal(at, 1);
		assert_true(record->matched[0] != 0 || record->matched[1] != 0);
	}
	admission_unref(record);

	source.quirks = hex_quirk;
	source.quirk_count = 1;
	assert_int_equal(ocppd_directory_put(&fixture->host, &source, NULL), 0);
	record = directory_find(directory, "CP1", &is_folded);
	assert_int_equal(
		admission_check_password(directory, record, (const uint8_t *)hex, strlen(hex), &at),
		PASSWORD_HEX);
	assert_int_equal(admission_check_password(directory, record, key, sizeof(key), &at),
			 PASSWORD_PLAIN);
	admission_unref(record);
}

static void
user_is_identity_in_any_case_or_auth_user(void **state)
{
	struct fixture *fixture = *state;
	struct ocppd_admission source = { .struct_size = sizeof(source),
					  .station_id = "A+B",
					  .auth_user = "vendor" };
	bool is_folded;

	assert_int_equal(put(fixture, "A+B", NULL), 0);
	struct admission *record = directory_find(fixture->core.directory, "A B", &is_folded);
	assert_true(admission_check_user(record, "A B", "A+B"));
	assert_true(admission_check_user(record, "A B", "a b"));
	assert_false(admission_check_user(record, "A B", "A-B"));
	admission_unref(record);

	assert_int_equal(ocppd_directory_put(&fixture->host, &source, NULL), 0);
	record = directory_find(fixture->core.directory, "A B", &is_folded);
	assert_true(admission_check_user(record, "A B", "vendor"));
	assert_false(admission_check_user(record, "A B", "A+B"));
	admission_unref(record);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(directory_find_exact_then_unique_fold),
		TEST(directory_put_plus_twin_is_refused),
		TEST(directory_put_bad_record_is_refused),
		TEST(directory_unknown_record_stands_in),
		TEST(directory_replaced_record_stays_with_its_reader),
		TEST(verifier_vectors_match),
		TEST(verifier_bad_text_is_refused),
		TEST(verifier_made_is_read_and_matches),
		TEST(password_forms_and_memory_as_configured),
		TEST(user_is_identity_in_any_case_or_auth_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
