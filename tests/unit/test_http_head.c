/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Request heads, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../plugins/http_api/head.h"

struct refusal {
	const char *label;
	const char *text;
	uint32_t status;
};

#define HOST "Host: a\r\n"

static const struct refusal refusals[] = {
	{ "empty line", "\r\n\r\n", 400 },
	{ "no version", "GET /\r\n" HOST "\r\n", 400 },
	{ "two blanks", "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "HTTP/2", "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
	{ "lower-case http", "GET / http/1.1\r\n" HOST "\r\n", 400 },
	{ "method with a colon", "G:T / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "target is no path", "GET x HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "options star", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "raw UTF-8 in the target", "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "bare line feed", "GET / HTTP/1.1\n" HOST "\r\n", 400 },
	{ "bare carriage return", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400 },
	{ "no host", "GET / HTTP/1.1\r\n\r\n", 400 },
	{ "two hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400 },
	{ "blank before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
	{ "folded line", "GET / HTTP/1.1\r\n" HOST " b\r\n\r\n", 400 },
	{ "no colon", "GET / HTTP/1.1\r\n" HOST "x\r\n\r\n", 400 },
	{ "control character", "GET / HTTP/1.1\r\n" HOST "X: \x01\r\n\r\n", 400 },
	{ "two lengths", "PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\ncontent-length: 1\r\n\r\n",
	  400 },
	{ "signed length", "PUT / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\n", 400 },
	{ "list of lengths", "PUT / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\n", 400 },
	{ "empty length", "PUT / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400 },
	{ "overlong length",
	  "PUT / HTTP/1.1\r\n" HOST "Content-Length: 9999999999999999999\r\n\r\n", 400 },
	{ "chunked", "PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 411 },
	{ "chunked and length",
	  "PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
	  400 },
	{ "chunked in 1.0", "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ "expectation", "PUT / HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", 417 },
	{ "two credentials",
	  "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n", 400 },
};

static uint32_t
parse(const char *text, struct head *ret_head, char **ret_copy)
{
	const char *why = NULL;
	char *copy = strdup(text);

	assert_non_null(copy);
	*ret_copy = copy;
	return head_parse(copy, strlen(text), ret_head, &why);
}

static void
head_malformed_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct head head;
		char *copy;
		uint32_t status = parse(refusals[i].text, &head, &copy);

		if (status != refusals[i].status)
			fail_msg("%s: %u", refusals[i].label, status);
		free(copy);
	}
}

static void
head_too_many_lines_refused(void **state)
{
	for (int extra = 0; extra < 2; extra++) {
		char text[4096];
		size_t len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST);
		struct head head;
		char *copy;

		(void)state;
		for (int i = 1; i < HEAD_FIELDS_MAX + extra; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "X%d: 1\r\n", i);
		(void)snprintf(text + len, sizeof(text) - len, "\r\n");
		assert_int_equal(parse(text, &head, &copy), extra == 0 ? 0 : 431);
		free(copy);
	}
}

static void
head_complete_is_read(void **state)
{
	struct head head;
	char *copy;

	(void)state;
	assert_int_equal(parse("POST /v1/a%20b?x=1&y HTTP/1.1\r\nhOST: a\r\nX-Empty:\r\n"
			       "Content-Length:  12 \r\nExpect: 100-Continue\r\n\r\n",
			       &head, &copy),
			 0);
	assert_string_equal(head.method, "POST");
	assert_string_equal(head.path, "/v1/a%20b");
	assert_string_equal(head.query, "x=1&y");
	assert_int_equal(head.content_length, 12);
	assert_true(head.is_keep_alive);
	assert_true(head.expects_continue);
	assert_string_equal(head_get(&head, "HOST"), "a");
	assert_string_equal(head_get(&head, "x-empty"), "");
	assert_null(head_get(&head, "X-Other"));
	free(copy);
}

static void
head_absolute_target_keeps_path(void **state)
{
	struct head head;
	char *copy;

	(void)state;
	assert_int_equal(
		parse("GET HTTP://a:1/v1/x HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
		      &head, &copy),
		0);
	assert_string_equal(head.path, "/v1/x");
	assert_null(head.query);
	assert_false(head.is_keep_alive);
	free(copy);
}

static void
head_http_1_0_without_host_ends_connection(void **state)
{
	struct head head;
	char *copy;

	(void)state;
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", &head, &copy), 0);
	assert_int_equal(head.minor, 0);
	assert_false(head.is_keep_alive);
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_malformed_refused),
		cmocka_unit_test(head_too_many_lines_refused),
		cmocka_unit_test(head_complete_is_read),
		cmocka_unit_test(head_absolute_target_keeps_path),
		cmocka_unit_test(head_http_1_0_without_host_ends_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
