/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ocpp16_core: what is read of a station's configuration, in which portions, and what of it is
 * recorded, masked or warned of.
 */
#include "core16_bed.h"

#include <json-c/json.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
wants(struct bed *bed, const char *const *keys, uint32_t count)
{
	bed->conf.read_configuration = (struct ocppd_strings){ keys, count, 0 };
}

/* ---- Reading on our own ------------------------------------------------------------------- */

static const char *const five[] = { "A", "B", "C", "D", "E" };

struct portion_row {
	const char *known;   /* the limit as last read; NULL: never */
	const char *told;    /* the station's answer to the question for it */
	const char *asks[6]; /* the requests, in order */
};

#define NO_KEYS "{\"configurationKey\":[]}"
#define LIMIT(value)                                                                               \
	"{\"configurationKey\":[{\"key\":\"GetConfigurationMaxKeys\",\"readonly\":true," value "}]}"
static const struct portion_row portion_rows[] = {
	{ "2", NULL, { "\"A\",\"B\"", "\"C\",\"D\"", "\"E\"" } },
	{ "99999", NULL, { "\"A\",\"B\",\"C\",\"D\",\"E\"" } },
	{ NULL,
	  LIMIT("\"value\":\"3\""),
	  { "\"GetConfigurationMaxKeys\"", "\"A\",\"B\",\"C\"", "\"D\",\"E\"" } },
	/* A limit of that size is no limit. */
	{ NULL,
	  LIMIT("\"value\":\"5000\""),
	  { "\"GetConfigurationMaxKeys\"", "\"A\",\"B\",\"C\",\"D\",\"E\"" } },
	/* Who knows no limit, or nonsense, is asked for one key at a time. */
	{ NULL,
	  "{\"unknownKey\":[\"GetConfigurationMaxKeys\"]}",
	  { "\"GetConfigurationMaxKeys\"", "\"A\"", "\"B\"", "\"C\"", "\"D\"", "\"E\"" } },
	{ NULL,
	  LIMIT("\"value\":\"many\""),
	  { "\"GetConfigurationMaxKeys\"", "\"A\"", "\"B\"", "\"C\"", "\"D\"", "\"E\"" } },
	{ NULL,
	  LIMIT("\"value\":\"0\""),
	  { "\"GetConfigurationMaxKeys\"", "\"A\"", "\"B\"", "\"C\"", "\"D\"", "\"E\"" } },
	{ NULL,
	  "{\"configurationKey\":[{\"key\":\"Another\",\"readonly\":true,\"value\":\"9\"}]}",
	  { "\"GetConfigurationMaxKeys\"", "\"A\"", "\"B\"", "\"C\"", "\"D\"", "\"E\"" } },
	{ "0",
	  LIMIT("\"value\":\"4\""),
	  { "\"GetConfigurationMaxKeys\"", "\"A\",\"B\",\"C\",\"D\"", "\"E\"" } },
	{ "many",
	  LIMIT("\"value\":\"4\""),
	  { "\"GetConfigurationMaxKeys\"", "\"A\",\"B\",\"C\",\"D\"", "\"E\"" } },
};

static void
keys_are_read_in_portions_the_station_can_take(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(portion_rows); i++) {
		const struct portion_row *row = &portion_rows[i];
		struct bed bed;

		bed_init(&bed);
		wants(&bed, five, 5);
		bed.known[0] = (struct bed_key){ "GetConfigurationMaxKeys", row->known };
		read_configuration(bed.ctx, bed.station);
		bed_pay(&bed);
		for (size_t k = 0; k < COUNT(row->asks) && row->asks[k] != NULL; k++) {
			char payload[128];
			char id[37];

			(void)snprintf(payload, sizeof(payload), "{\"key\":[%s]}", row->asks[k]);
			bed_expect_call(&bed, "GetConfiguration", payload, id);
			bed_confirm(&bed, id, k == 0 && row->told != NULL ? row->told : NO_KEYS);
			bed_pay(&bed);
		}
		scripted_expect(bed.conn, NULL);
		bed_fini(&bed);
	}
}

static void
keys_all_are_read_in_one_request(void **state)
{
	static const char *const all[] = { "A", "*" };
	struct bed bed;
	char id[37];

	(void)state;
	bed_init(&bed);
	wants(&bed, all, 2);
	read_configuration(bed.ctx, bed.station);
	assert_int_equal(bed.owed_count, 0); /* the limit is of no interest */
	(void)core_turn(bed.scripted.core);
	bed_expect_call(&bed, "GetConfiguration", "{}", id);
	bed_confirm(&bed, id, NO_KEYS);
	bed_pay(&bed);
	scripted_expect(bed.conn, NULL);
	bed_fini(&bed);
}

static void
keys_are_read_every_ten_minutes_at_most(void **state)
{
	static const char *const one[] = { "*" };
	struct bed bed;
	char id[37];

	(void)state;
	bed_init(&bed);
	wants(&bed, one, 1);
	for (int i = 0; i < 2; i++) {
		read_configuration(bed.ctx, bed.station);
		(void)core_turn(bed.scripted.core);
		bed_expect_call(&bed, "GetConfiguration", "{}", id);
		bed_confirm(&bed, id, NO_KEYS);
		bed_pay(&bed);
		scripted_advance(&bed.scripted, 599999);
		read_configuration(bed.ctx, bed.station);
		(void)core_turn(bed.scripted.core);
		scripted_expect(bed.conn, NULL);
		scripted_advance(&bed.scripted, 1);
	}
	bed_fini(&bed);
}

static void
keys_reading_ends_with_the_first_failure(void **state)
{
	struct bed bed;
	char id[37];

	(void)state;
	bed_init(&bed);
	wants(&bed, five, 5);
	bed.known[0] = (struct bed_key){ "GetConfigurationMaxKeys", "2" };
	read_configuration(bed.ctx, bed.station);
	bed_pay(&bed);
	bed_expect_call(&bed, "GetConfiguration", "{\"key\":[\"A\",\"B\"]}", id);
	bed_fail(&bed, id, "NotSupported");
	assert_non_null(bed_line(&bed, "keys.unread"));
	scripted_expect(bed.conn, NULL);
	assert_int_equal(bed.stored_count, 0);
	bed_fini(&bed);
}

static void
keys_nothing_is_read_where_nothing_is_wanted_or_known(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	read_configuration(bed.ctx, bed.station);
	assert_int_equal(bed.owed_count, 0);
	wants(&bed, five, 5);
	bed.refusal = OCPPD_EBUSY;
	read_configuration(bed.ctx, bed.station);
	(void)core_turn(bed.scripted.core);
	scripted_expect(bed.conn, NULL);
	bed_fini(&bed);
}

/* A stop while the limit is looked up: it has to be waited for, and nothing goes out. */
static void
keys_stop_meanwhile_sends_nothing(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	wants(&bed, five, 5);
	read_configuration(bed.ctx, bed.station);
	assert_int_equal(ocppd_plugin.stop(&bed.module, bed.ctx), OCPPD_PENDING);
	bed_pay(&bed);
	scripted_expect(bed.conn, NULL);
	bed_fini(&bed);
}

/* ---- What is recorded --------------------------------------------------------------------- */

struct store_row {
	const char *req;
	const char *conf;
	const char *stored; /* NULL: nothing was */
	bool is_all;
};

static const struct store_row store_rows[] = {
	{ "{}",
	  "{\"configurationKey\":[{\"key\":\"A\",\"readonly\":true,\"value\":\"1\"},"
	  "{\"key\":\"B\",\"readonly\":false},{\"key\":\"C\",\"readonly\":false,\"value\":\"\"}]}",
	  "A=1! B C=", true },
	{ "{\"key\":[]}", "{\"configurationKey\":[{\"key\":\"A\",\"readonly\":true}]}", "A!",
	  true },
	{ "{\"key\":[\"A\",\"X\"]}",
	  "{\"configurationKey\":[{\"key\":\"A\",\"readonly\":true}],\"unknownKey\":[\"X\"]}",
	  "A! X?", false },
	/* Nothing said of all keys does not mean that there are none. */
	{ "{}", "{}", "", false },
	{ "{}", "{\"configurationKey\":[]}", "", false },
	/* What has no name is left out. */
	{ "{}",
	  "{\"configurationKey\":[{\"key\":\"\",\"readonly\":true,\"value\":\"1\"},"
	  "{\"key\":\"B\",\"readonly\":true}],\"unknownKey\":[\"\"]}",
	  "B!", true },
};

static void
keys_read_are_recorded_whoever_asked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(store_rows); i++) {
		const struct store_row *row = &store_rows[i];
		struct bed bed;
		char id[37];

		bed_init(&bed);
		assert_int_equal(bed_ask(&bed, "GetConfiguration", row->req), 0);
		bed_pay(&bed); /* the look at the limit, of two keys and more */
		bed_expect_call(&bed, "GetConfiguration", row->req, id);
		bed_confirm(&bed, id, row->conf);
		if (bed.stored_count != 1 || strcmp(bed.stored, row->stored) != 0)
			fail_msg("%s: %u, %s", row->conf, bed.stored_count, bed.stored);
		assert_int_equal(bed.stored_flags, row->is_all ? OCPPD_KEYS_ALL : 0);
		assert_int_equal(bed.results[OCPPD_RES_REPLY], 1);
		bed_pay(&bed);
		bed_fini(&bed);
	}
}

static void
keys_that_cannot_be_stored_are_told(void **state)
{
	struct bed bed;
	char id[37];

	(void)state;
	bed_init(&bed);
	assert_int_equal(bed_ask(&bed, "GetConfiguration", "{}"), 0);
	bed_expect_call(&bed, "GetConfiguration", "{}", id);
	bed.refusal = OCPPD_EIO;
	bed_confirm(&bed, id, NO_KEYS);
	assert_int_equal(bed.results[OCPPD_RES_REPLY], 1); /* it was read all the same */
	bed.refusal = 0;
	assert_int_equal(bed.ctx->outstanding, 0);
	bed_fini(&bed);
}

static void
keys_beyond_the_stations_limit_are_warned_of(void **state)
{
	static const struct {
		const char *limit;
		const char *req;
		const char *warning;
	} rows[] = {
		{ "2", "{\"key\":[\"A\",\"B\",\"C\"]}",
		  "key: 3 keys, and GetConfigurationMaxKeys is 2;" },
		{ "3", "{\"key\":[\"A\",\"B\",\"C\"]}", "" },
		{ "many", "{\"key\":[\"A\",\"B\",\"C\"]}", "" },
		{ NULL, "{\"key\":[\"A\",\"B\",\"C\"]}", "" },
		{ "0", "{\"key\":[\"A\"]}", "" },
		{ "1", "{}", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bed bed;
		char id[37];

		bed_init(&bed);
		bed.known[0] = (struct bed_key){ "getconfigurationmaxkeys", rows[i].limit };
		assert_int_equal(bed_ask(&bed, "GetConfiguration", rows[i].req), 0);
		bed_pay(&bed);
		bed_expect_call(&bed, "GetConfiguration", rows[i].req, id);
		bed_confirm(&bed, id, NO_KEYS);
		assert_string_equal(bed.warnings, rows[i].warning);
		bed_fini(&bed);
	}
}

/* ---- Secrets ------------------------------------------------------------------------------ */

static void
keys_secret_by_their_names(void **state)
{
	static const struct {
		const char *name;
		bool is_secret;
	} rows[] = {
		{ "AuthorizationKey", true },
		{ "authorizationKEY", true },
		{ "Vendor.AuthorizationKey.2", true },
		{ "WifiPassword", true },
		{ "FtpPasswd", true },
		{ "wlan-PASSPHRASE", true },
		{ "ClientSecret", true },
		{ "TlsPrivateKey", true },
		{ "AuthorizeRemoteTxRequests", false },
		{ "AuthorizationCacheEnabled", false },
		{ "LocalAuthListMaxLength", false },
		{ "Pass", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (is_secret_key(rows[i].name) != rows[i].is_secret)
			fail_msg("%s", rows[i].name);
	}
}

static void
keys_masked_in_both_directions(void **state)
{
	static const struct {
		const char *text;
		uint32_t is_conf;
		const char *shown;
	} rows[] = {
		{ "{\"key\":\"AuthorizationKey\",\"value\":\"ab\"}", 0,
		  "{\"key\":\"AuthorizationKey\",\"value\":\"***\"}" },
		{ "{\"key\":\"HeartbeatInterval\",\"value\":\"60\"}", 0,
		  "{\"key\":\"HeartbeatInterval\",\"value\":\"60\"}" },
		/* Where no name can be read, nobody knows what the value is. */
		{ "{\"value\":\"60\"}", 0, "{\"value\":\"***\"}" },
		{ "{\"key\":7,\"value\":\"60\"}", 0, "{\"key\":7,\"value\":\"***\"}" },
		{ "{\"key\":\"AuthorizationKey\"}", 0, "{\"key\":\"AuthorizationKey\"}" },
		{ "{}", 0, "{}" },
		{ "{\"configurationKey\":[{\"key\":\"Password\",\"value\":\"ab\"},"
		  "{\"key\":\"A\",\"value\":\"1\"},{\"value\":\"2\"}]}",
		  1,
		  "{\"configurationKey\":[{\"key\":\"Password\",\"value\":\"***\"},"
		  "{\"key\":\"A\",\"value\":\"1\"},{\"value\":\"***\"}]}" },
		{ "{\"configurationKey\":7}", 1, "{\"configurationKey\":7}" },
		{ "{\"configurationKey\":[7,null]}", 1, "{\"configurationKey\":[7,null]}" },
		{ "{\"key\":\"Password\",\"value\":\"status\"}", 1,
		  "{\"key\":\"Password\",\"value\":\"status\"}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json_object *payload = json_tokener_parse(rows[i].text);

		assert_non_null(payload);
		mask_configuration(payload, rows[i].is_conf);
		assert_string_equal(json_object_to_json_string_ext(payload, JSON_C_TO_STRING_PLAIN),
				    rows[i].shown);
		json_object_put(payload);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_read_in_portions_the_station_can_take),
		cmocka_unit_test(keys_all_are_read_in_one_request),
		cmocka_unit_test(keys_are_read_every_ten_minutes_at_most),
		cmocka_unit_test(keys_reading_ends_with_the_first_failure),
		cmocka_unit_test(keys_nothing_is_read_where_nothing_is_wanted_or_known),
		cmocka_unit_test(keys_stop_meanwhile_sends_nothing),
		cmocka_unit_test(keys_read_are_recorded_whoever_asked),
		cmocka_unit_test(keys_that_cannot_be_stored_are_told),
		cmocka_unit_test(keys_beyond_the_stations_limit_are_warned_of),
		cmocka_unit_test(keys_secret_by_their_names),
		cmocka_unit_test(keys_masked_in_both_directions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
