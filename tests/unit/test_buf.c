/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Growing text, and the errors that stick; result codes and their texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ocppd/error.h>

#include "base/buf.h"

static void
buf_pieces_add_up(void **state)
{
	struct buf buf = { 0 };
	char *text;

	(void)state;
	buf_add_str(&buf, "one");
	buf_add_char(&buf, ' ');
	buf_printf(&buf, "%s %d", "two", 3);
	buf_add(&buf, "!!", 1);
	assert_string_equal(buf.data, "one two 3!");
	assert_int_equal(buf.len, 10);
	text = buf_steal(&buf);
	assert_string_equal(text, "one two 3!");
	assert_null(buf.data);
	free(text);
}

static void
buf_large_content_survives_growth(void **state)
{
	struct buf buf = { 0 };

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_printf(&buf, "%04d", i);
	assert_int_equal(buf.len, 40000);
	assert_memory_equal(buf.data + 4 * 1234, "1234", 4);
	buf_clear(&buf);
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf.data, "");
	buf_fini(&buf);
}

static void
buf_impossible_size_sticks(void **state)
{
	struct buf buf = { 0 };

	(void)state;
	buf_add_str(&buf, "x");
	assert_int_equal(buf_reserve(&buf, SIZE_MAX), OCPPD_ENOMEM);
	buf_add_str(&buf, "y");
	assert_int_equal(buf.len, 1);
	assert_int_equal(buf.error, OCPPD_ENOMEM);
	assert_null(buf_steal(&buf));
}

static void
buf_empty_steal_is_a_text(void **state)
{
	struct buf buf = { 0 };
	char *text = buf_steal(&buf);

	(void)state;
	assert_string_equal(text, "");
	free(text);
}

static void
error_names_and_texts_are_known(void **state)
{
	(void)state;
	for (int code = 0; code >= OCPPD_EVERSION; code--) {
		assert_string_not_equal(ocppd_error_name(code), "unknown");
		assert_string_not_equal(ocppd_strerror(code), "unknown error");
	}
	assert_string_equal(ocppd_error_name(OCPPD_EINVAL), "EINVAL");
	assert_string_equal(ocppd_error_name(-1000), "unknown");
	assert_string_equal(ocppd_strerror(-1000), "unknown error");
}

static void
error_set_replaces_everything(void **state)
{
	struct ocppd_error err = { .line = 3, .column = 4, .file = "f", .option = "o" };

	(void)state;
	assert_int_equal(ocppd_error_set(&err, OCPPD_EIO, "%s failed\nhere", "disk"), OCPPD_EIO);
	assert_string_equal(err.text, "disk failed here");
	assert_int_equal(err.code, OCPPD_EIO);
	assert_int_equal(err.line, 0);
	assert_string_equal(err.file, "");
	assert_string_equal(err.option, "");
	assert_int_equal(ocppd_error_set(&err, OCPPD_EINVAL, "again: %s", err.text), OCPPD_EINVAL);
	assert_string_equal(err.text, "again: disk failed here");
	assert_int_equal(ocppd_error_option(&err, OCPPD_EINVAL, "tls.key", "is missing"),
			 OCPPD_EINVAL);
	assert_string_equal(err.option, "tls.key");
	assert_int_equal(ocppd_error_set(NULL, OCPPD_EIO, "x"), OCPPD_EIO);
}

static void
error_long_text_is_cut_between_characters(void **state)
{
	struct ocppd_error err;
	char text[1024];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[622] = '\xc3';
	text[623] = '\xa4';
	text[1023] = '\0';
	(void)ocppd_error_set(&err, OCPPD_EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), 622);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_pieces_add_up),
		cmocka_unit_test(buf_large_content_survives_growth),
		cmocka_unit_test(buf_impossible_size_sticks),
		cmocka_unit_test(buf_empty_steal_is_a_text),
		cmocka_unit_test(error_names_and_texts_are_known),
		cmocka_unit_test(error_set_replaces_everything),
		cmocka_unit_test(error_long_text_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
