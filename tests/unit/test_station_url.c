/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* URLs, identity patterns and the command line of ocppd-station. */
#include "options.h"
#include "url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
url_valid_is_split(void **state)
{
	static const struct {
		const char *text;
		bool is_tls;
		const char *host;
		uint16_t port;
		const char *path;
	} cases[] = {
		{ "ws://127.0.0.1:8180/ocpp", false, "127.0.0.1", 8180, "/ocpp" },
		{ "ws://host", false, "host", 80, "" },
		{ "wss://host/", true, "host", 443, "" },
		{ "wss://[::1]:99/a/b//", true, "::1", 99, "/a/b" },
		{ "ws://[fe80::1]/x", false, "fe80::1", 80, "/x" },
		{ "ws://host:65535", false, "host", 65535, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct url url;

		print_message("%s\n", cases[i].text);
		assert_int_equal(url_parse(cases[i].text, &url, NULL), 0);
		assert_int_equal(url.is_tls, cases[i].is_tls);
		assert_string_equal(url.host, cases[i].host);
		assert_int_equal(url.port, cases[i].port);
		assert_string_equal(url.path, cases[i].path);
	}
}

static void
url_invalid_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"http://host/",
		"host:80",
		"ws://",
		"ws://:80/",
		"ws://host:0/",
		"ws://host:65536",
		"ws://host:x",
		"ws://host:",
		"ws://[::1/",
		"ws://[::1]x/",
		"ws://user:pw@host/",
		"ws://a b/",
		"ws://host/a?b",
		"ws://host/#a",
		"ws://host/\xc3\xa4",
		"WS://host/x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ocppd_error err = { 0 };
		struct url url = { .port = 7 };

		print_message("%s\n", cases[i]);
		assert_int_equal(url_parse(cases[i], &url, &err), OCPPD_EINVAL);
		assert_true(err.text[0] != '\0');
		assert_int_equal(url.port, 7);
	}
}

static void
url_identity_is_percent_encoded(void **state)
{
	struct url url;
	char path[64];

	(void)state;
	assert_int_equal(url_parse("ws://h/ocpp/", &url, NULL), 0);
	assert_int_equal(url_station_path(&url, "RDAM 123/\xc3\xa4", path, sizeof(path)), 0);
	assert_string_equal(path, "/ocpp/RDAM%20123%2F%C3%A4");
	assert_int_equal(url_station_path(&url, "CP", path, 9), OCPPD_ESPACE);
}

static void
pattern_number_is_filled_in(void **state)
{
	static const struct {
		const char *pattern;
		int result;
		const char *text;
	} cases[] = {
		{ "CP-%04d", 0, "CP-0042" },
		{ "%d", 0, "42" },
		{ "%4d", 0, "  42" },
		{ "CP", 0, "CP" },
		{ "100%%", 0, "100%" },
		{ "%u!", 0, "42!" },
		{ "%", OCPPD_EINVAL, "" },
		{ "%s", OCPPD_EINVAL, "" },
		{ "%d%d", OCPPD_EINVAL, "" },
		{ "%n", OCPPD_EINVAL, "" },
		{ "%99999d", OCPPD_EINVAL, "" },
		{ "12345678901234567890", OCPPD_ESPACE, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[16] = "";

		print_message("%s\n", cases[i].pattern);
		assert_int_equal(pattern_format(cases[i].pattern, 42, text, sizeof(text)),
				 cases[i].result);
		if (cases[i].result == 0)
			assert_string_equal(text, cases[i].text);
	}
	assert_true(pattern_has_number("a%03d"));
	assert_false(pattern_has_number("a%%d"));
}

static int
parse(struct options *options, const char *a, const char *b, const char *c, const char *d)
{
	char words[5][64] = { "ocppd-station" };
	char *argv[6] = { words[0] };
	const char *given[] = { a, b, c, d };
	struct ocppd_error err = { 0 };
	int argc = 1;
	int r;

	for (int i = 0; i < 4 && given[i]; i++) {
		(void)snprintf(words[argc], sizeof(words[argc]), "%s", given[i]);
		argv[argc] = words[argc];
		argc++;
	}
	r = options_parse(argc, argv, options, &err);
	assert_true((r < 0) == (err.text[0] != '\0'));
	return r;
}

static void
options_wrong_are_refused(void **state)
{
	static const char *const cases[][4] = {
		{ "--nothing" },
		{ "--count" },
		{ "--count", "0" },
		{ "--count", "100001" },
		{ "--count", "2", "--id", "CP" },
		{ "--id", "" },
		{ "--id", "%s" },
		{ "--tag", "123456789012345678901" },
		{ "--speed", "0" },
		{ "--timeout", "soon" },
		{ "--password-hex", "abc" },
		{ "--password-hex", "xx" },
		{ "--password-file", "/nonexistent" },
		{ "--connectors", "17" },
		{ "--insecure", "--ca", "x" },
		{ "word" },
	};
	struct options options;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s %s\n", cases[i][0], cases[i][1] ? cases[i][1] : "");
		assert_true(parse(&options, cases[i][0], cases[i][1], cases[i][2], cases[i][3]) <
			    0);
	}
}

static void
options_hex_password_is_bytes(void **state)
{
	static const char wanted[] = { 0x00, 0x01, (char)0xff };
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, "--password-hex", "0001fF", NULL, NULL), 0);
	assert_true(options.has_password);
	assert_int_equal(options.password_len, 3);
	assert_memory_equal(options.password, wanted, 3);
	assert_int_equal(parse(&options, "-n", "5", "--id", "A%d"), 0);
	assert_int_equal(options.count, 5);
	assert_false(options.has_password);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(url_valid_is_split),
		cmocka_unit_test(url_invalid_is_refused),
		cmocka_unit_test(url_identity_is_percent_encoded),
		cmocka_unit_test(pattern_number_is_filled_in),
		cmocka_unit_test(options_wrong_are_refused),
		cmocka_unit_test(options_hex_password_is_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
