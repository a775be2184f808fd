/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ocppctl's reading of HTTP answers, whole and byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ocppd/error.h>

#include "tools/ocppctl/reply.h"

struct answer {
	const char *label;
	const char *text;
	int result; /* of feeding, then of the end */
	uint32_t status;
	const char *body;
};

static const struct answer answers[] = {
	{ "length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0, 200, "{}" },
	{ "bytes behind it", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}xx", 0, 200, "{}" },
	{ "empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 200, "" },
	{ "no content", "HTTP/1.1 204 No Content\r\n\r\n", 0, 204, "" },
	{ "to the end", "HTTP/1.0 200 OK\r\n\r\nabc", 0, 200, "abc" },
	{ "bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 0, 200, "x" },
	{ "continue first",
	  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx", 0, 201,
	  "x" },
	{ "chunks",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n",
	  0, 200, "abc0123456789" },
	{ "cut body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", OCPPD_EGONE, 200, "ab" },
	{ "cut chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	  OCPPD_EGONE, 200, "abc" },
	{ "nothing", "", OCPPD_EGONE, 0, "" },
	{ "not HTTP", "SSH-2.0-OpenSSH\r\n", OCPPD_EINVAL, 0, "" },
	{ "no status", "HTTP/1.1 2x0 OK\r\n", OCPPD_EINVAL, 0, "" },
	{ "bad length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", OCPPD_EINVAL, 200, "" },
	{ "bad field", "HTTP/1.1 200 OK\r\nnothing\r\n\r\n", OCPPD_EINVAL, 200, "" },
	{ "bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", OCPPD_EINVAL,
	  200, "" },
	{ "huge chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
	  OCPPD_EINVAL, 200, "" },
	{ "chunk runs over", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
	  OCPPD_EINVAL, 200, "a" },
	{ "other coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", OCPPD_EINVAL, 200,
	  "" },
};

static void
check_answer(const struct answer *answer, size_t step)
{
	struct reply reply = { 0 };
	size_t len = strlen(answer->text);
	int r = 0;

	for (size_t at = 0; at < len && r == 0; at += step)
		r = reply_feed(&reply, answer->text + at, len - at < step ? len - at : step);
	if (r == 0)
		r = reply_end(&reply);
	if (r != answer->result)
		fail_msg("%s by %zu: %d", answer->label, step, r);
	assert_int_equal(reply.status, answer->status);
	assert_int_equal(reply.body.len, strlen(answer->body));
	if (reply.body.len > 0)
		assert_string_equal(reply.body.data, answer->body);
	reply_fini(&reply);
}

static void
reply_any_pieces_same_result(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		check_answer(&answers[i], 1);
		check_answer(&answers[i], 3);
		check_answer(&answers[i], 4096);
	}
}

static void
reply_endless_line_refused(void **state)
{
	struct reply reply = { 0 };
	char block[1024];
	int r = 0;

	(void)state;
	memset(block, 'a', sizeof(block));
	for (int i = 0; i < 65 && r == 0; i++)
		r = reply_feed(&reply, block, sizeof(block));
	assert_int_equal(r, OCPPD_EINVAL);
	reply_fini(&reply);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reply_any_pieces_same_result),
		cmocka_unit_test(reply_endless_line_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
