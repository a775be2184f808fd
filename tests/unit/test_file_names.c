/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* Names, tokens, paths and base URLs of file_hosting, as tables. */
#include "../../plugins/file_hosting/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define NINETY TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
	const char *label;
	const char *text;
	const char *name;
} names[] = {
	{ "plain", "diag.zip", "diag.zip" },
	{ "folders", "/var/log/diag.zip", "diag.zip" },
	{ "up", "../../etc/passwd", "passwd" },
	{ "windows", "C:\\logs\\diag.zip", "diag.zip" },
	{ "only up", "..", "" },
	{ "ends with a slash", "diag/", "" },
	{ "hidden", "...hidden", "hidden" },
	{ "blanks and more", "a b\"c<d>\n", "a_b_c_d__" },
	{ "not ASCII", "S\xc3\xa4ule.log", "S__ule.log" },
	{ "empty", "", "" },
	{ "as long as can be", HUNDRED, HUNDRED },
	{ "longer, cut", HUNDRED "x", HUNDRED },
	{ "longer, extension kept", HUNDRED ".tar.gz", NINETY "0123456.gz" },
	{ "longer, no extension but a dot", "a." HUNDRED, "a." NINETY "01234567" },
};

static void
names_table_as_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char name[NAME_SIZE];

		name_clean(names[i].text, strlen(names[i].text), name);
		if (strcmp(name, names[i].name) != 0)
			fail_msg("%s: %s", names[i].label, name);
		assert_int_equal(name_is_clean(names[i].text),
				 names[i].name[0] != '\0' &&
					 strcmp(names[i].text, names[i].name) == 0);
	}
}

static const struct {
	const char *label;
	const char *header;
	const char *name;
} dispositions[] = {
	{ "quoted", "attachment; filename=\"a b.log\"", "a_b.log" },
	{ "bare", "attachment; filename=a.log", "a.log" },
	{ "bare, more behind", "attachment; filename=a.log; size=3", "a.log" },
	{ "any case", "form-data; name=\"f\"; FileName=\"a.log\"", "a.log" },
	{ "first", "filename=a.log", "a.log" },
	{ "inside of a text", "attachment; name=\"; filename=b\"; filename=\"a.log\"", "a.log" },
	{ "part of a word", "attachment; myfilename=b", "" },
	{ "extended only", "attachment; filename*=UTF-8''a.log", "" },
	{ "windows path", "attachment; filename=\"C:\\x\\a.log\"", "a.log" },
	{ "open end", "attachment; filename=\"a.log", "a.log" },
	{ "nothing", "attachment; filename=", "" },
	{ "none", "attachment", "" },
	{ "no header", NULL, "" },
};

static void
dispositions_table_as_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dispositions) / sizeof(dispositions[0]); i++) {
		char name[NAME_SIZE];

		name_of_disposition(dispositions[i].header, name);
		if (strcmp(name, dispositions[i].name) != 0)
			fail_msg("%s: %s", dispositions[i].label, name);
	}
}

static const struct {
	const char *label;
	const char *path;
	const char *prefix;
	char way; /* 0: it is none */
	const char *name;
} paths[] = {
	{ "fetch", "/f/" HEX "/fw.bin", "", 'f', "fw.bin" },
	{ "fetch, no name", "/f/" HEX, "", 'f', "" },
	{ "fetch, glued", "/f/" HEX "fw.bin", "", 0, NULL },
	{ "send", "/u/" HEX "/", "", 'u', "" },
	{ "send, a name", "/u/" HEX "/a.zip", "", 'u', "a.zip" },
	{ "send, two slashes", "/u/" HEX "//a.zip", "", 'u', "a.zip" },
	{ "send, glued", "/u/" HEX "a.zip", "", 'u', "a.zip" },
	{ "send, up", "/u/" HEX "/../../x", "", 'u', "x" },
	{ "prefix", "/files/u/" HEX "/", "/files", 'u', "" },
	{ "prefix taken away", "/u/" HEX "/", "/files", 'u', "" },
	{ "another prefix", "/fil/u/" HEX "/", "/files", 0, NULL },
	{ "half a prefix", "/filesu/" HEX "/", "/files", 0, NULL },
	{ "another way", "/x/" HEX "/", "", 0, NULL },
	{ "short token", "/u/0123456789abcdef0123456789abcde/", "", 0, NULL },
	{ "upper case", "/u/0123456789ABCDEF0123456789ABCDEF/", "", 0, NULL },
	{ "root", "/", "", 0, NULL },
	{ "empty", "", "", 0, NULL },
	{ "star", "*", "", 0, NULL },
};

static void
paths_table_as_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char way = 0;
		char token[TOKEN_SIZE];
		char name[NAME_SIZE];
		bool is = path_parse(paths[i].path, paths[i].prefix, &way, token, name);

		if (is != (paths[i].way != 0))
			fail_msg("%s: %d", paths[i].label, is);
		if (!is)
			continue;
		if (way != paths[i].way || strcmp(name, paths[i].name) != 0)
			fail_msg("%s: %c %s", paths[i].label, way, name);
		assert_string_equal(token, HEX);
	}
}

static const struct {
	const char *url;
	const char *path; /* NULL: no base */
} bases[] = {
	{ "http://a", "" },
	{ "https://a.example:8443/", "" },
	{ "http://[::1]:80/x/y/", "/x/y" },
	{ "http://a/x", "/x" },
	{ "http://" HUNDRED "abc", "" },
	{ "http://" HUNDRED "abcd", NULL },
	{ "ftp://a", NULL },
	{ "http://", NULL },
	{ "http:///x", NULL },
	{ "http://a/?b", NULL },
	{ "http://a/#b", NULL },
	{ "http://a b", NULL },
	{ "http://a/%41", NULL },
	{ "http://a/\xc3\xa4", NULL },
	{ "a", NULL },
	{ "", NULL },
};

static void
bases_table_as_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		size_t len;
		const char *path;

		if (base_is_valid(bases[i].url) != (bases[i].path != NULL))
			fail_msg("%s", bases[i].url);
		if (bases[i].path == NULL)
			continue;
		path = base_path(bases[i].url, &len);
		assert_int_equal(len, strlen(bases[i].path));
		assert_memory_equal(path, bases[i].path, len);
	}
}

/* What a station can take: 255 bytes with the longest of all parts. */
static void
url_with_the_longest_parts_fits(void **state)
{
	char url[1024];
	int len =
		snprintf(url, sizeof(url), "%.*s/f/%s/%s", BASE_MAX, HUNDRED HUNDRED, HEX, HUNDRED);

	(void)state;
	assert_true(len > BASE_MAX && len <= OCPPD_FILE_URL_MAX);
}

static void
tokens_are_hex_and_never_alike(void **state)
{
	char tokens[64][TOKEN_SIZE];

	(void)state;
	for (size_t i = 0; i < 64; i++) {
		assert_int_equal(token_make(tokens[i]), 0);
		assert_int_equal(strspn(tokens[i], "0123456789abcdef"), TOKEN_LEN);
		assert_int_equal(tokens[i][TOKEN_LEN], '\0');
		assert_true(token_is_equal(tokens[i], tokens[i]));
		for (size_t k = 0; k < i; k++)
			assert_false(token_is_equal(tokens[i], tokens[k]));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_table_as_listed),
		cmocka_unit_test(dispositions_table_as_listed),
		cmocka_unit_test(paths_table_as_listed),
		cmocka_unit_test(bases_table_as_listed),
		cmocka_unit_test(url_with_the_longest_parts_fits),
		cmocka_unit_test(tokens_are_hex_and_never_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
