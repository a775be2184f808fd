/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ocppctl from command line to request, by a description as the daemon would give it, and back to a
 * table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <json-c/json.h>

#include <ocppd/error.h>

#include "base/text.h"
#include "tools/ocppctl/complete.h"
#include "tools/ocppctl/help.h"
#include "tools/ocppctl/invoke.h"
#include "tools/ocppctl/table.h"

static const char description[] =
	"{\"paths\":{"
	"\"/v1/things\":{\"get\":{\"x-ocppctl\":[{\"words\":\"things\",\"columns\":\"thingId\"}],"
	"\"parameters\":[{\"name\":\"active\",\"in\":\"query\",\"schema\":{\"type\":\"boolean\"}},"
	"{\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\"}}]}},"
	"\"/v1/things/{thingId}\":{\"get\":{\"x-ocppctl\":[{\"words\":\"things show\","
	"\"args\":\"thingId\"}],\"parameters\":[{\"name\":\"thingId\",\"in\":\"path\"}]},"
	"\"put\":{\"x-ocppctl\":[{\"words\":\"things set\",\"args\":\"thingId colour *\"}],"
	"\"parameters\":[{\"name\":\"thingId\",\"in\":\"path\"}],"
	"\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{"
	"\"$ref\":\"#/components/schemas/Thing\"}}}}}},"
	"\"/v1/things/{thingId}/do/{Verb}\":{\"post\":{\"x-ocppctl\":[{\"words\":\"do\","
	"\"args\":\"thingId Verb *\"}],\"parameters\":[{\"name\":\"thingId\",\"in\":\"path\"},"
	"{\"name\":\"Verb\",\"in\":\"path\",\"schema\":{\"type\":\"string\",\"enum\":[\"Paint\","
	"\"Push\"]}},{\"name\":\"timeout\",\"in\":\"query\",\"schema\":{\"type\":\"integer\"}}],"
	"\"x-bodies\":{\"parameter\":\"Verb\",\"schemas\":{\"Paint\":"
	"\"#/components/schemas/Thing\"}}}},"
	"\"/v1/things.csv\":{\"post\":{\"x-ocppctl\":[{\"words\":\"load\",\"args\":\"@csv\"}],"
	"\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\","
	"\"properties\":{\"csv\":{\"type\":\"string\"}}}}}}}}},"
	"\"components\":{\"schemas\":{\"Thing\":{\"type\":\"object\",\"required\":[\"size\"],"
	"\"properties\":{\"colour\":{\"type\":\"string\",\"enum\":[\"red\",\"green\"]},"
	"\"size\":{\"type\":\"integer\"},\"limit\":{\"type\":\"number\"},"
	"\"isHot\":{\"type\":\"boolean\"},\"until\":{\"type\":[\"string\",\"null\"]},"
	"\"key\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
	"\"any\":{},\"part\":{\"type\":\"object\",\"properties\":{"
	"\"level\":{\"type\":\"integer\"},\"period\":{\"type\":\"array\",\"items\":{"
	"\"type\":\"object\",\"properties\":{\"start\":{\"type\":\"integer\"}}}}}}}}}}}";

struct invoke_case {
	const char *label;
	const char *line; /* arguments, blanks between them */
	int result;
	const char *method;
	const char *path; /* or part of the error */
	const char *body;
};

static const struct invoke_case cases[] = {
	{ "list", "things", 0, "GET", "/v1/things", NULL },
	{ "flag", "things --active", 0, "GET", "/v1/things?active=true", NULL },
	{ "flag with value", "things --active false --limit 3", 0, "GET",
	  "/v1/things?active=false&limit=3", NULL },
	{ "longest words", "things show a/b", 0, "GET", "/v1/things/a%2Fb", NULL },
	{ "missing argument", "things show", OCPPD_EINVAL, NULL, "missing argument thingId", NULL },
	{ "too many", "things show a b", OCPPD_EINVAL, NULL, "unexpected argument b", NULL },
	{ "unknown option", "things --colour red", OCPPD_EINVAL, NULL, "unknown option", NULL },
	{ "no value", "things --limit", OCPPD_EINVAL, NULL, "a value is missing", NULL },
	{ "body by position", "things set a red size=3", 0, "PUT", "/v1/things/a",
	  "{\"colour\":\"red\",\"size\":3}" },
	{ "position left out", "things set a size=3", 0, "PUT", "/v1/things/a", "{\"size\":3}" },
	{ "body by name, in any turn", "things set a size=3 colour=red", 0, "PUT", "/v1/things/a",
	  "{\"size\":3,\"colour\":\"red\"}" },
	{ "query by name", "things limit=3", 0, "GET", "/v1/things?limit=3", NULL },
	{ "a path is what it is", "things show limit=3", 0, "GET", "/v1/things/limit%3D3", NULL },
	{ "body by option", "things set a --colour=red --is-hot", 0, "PUT", "/v1/things/a",
	  "{\"colour\":\"red\",\"isHot\":true}" },
	{ "types", "do a Paint size=-1 limit=1.50 isHot=false until=null colour=7", 0, "POST",
	  "/v1/things/a/do/Paint",
	  "{\"size\":-1,\"limit\":1.50,\"isHot\":false,\"until\":null,\"colour\":\"7\"}" },
	{ "whole number as number", "do a Paint limit=16", 0, "POST", "/v1/things/a/do/Paint",
	  "{\"limit\":16}" },
	{ "numbers that JSON spells otherwise", "do a Paint limit=.5 any=1.", 0, "POST",
	  "/v1/things/a/do/Paint", "{\"limit\":0.5,\"any\":\"1.\"}" },
	{ "list by commas", "do a Paint key=a,b", 0, "POST", "/v1/things/a/do/Paint",
	  "{\"key\":[\"a\",\"b\"]}" },
	{ "list by repetition", "do a Paint key=a key=b", 0, "POST", "/v1/things/a/do/Paint",
	  "{\"key\":[\"a\",\"b\"]}" },
	{ "list as JSON", "do a Paint key=[\"a,b\"]", 0, "POST", "/v1/things/a/do/Paint",
	  "{\"key\":[\"a,b\"]}" },
	{ "nested", "do a Paint part.level=2 part.period[0].start=0 part.period[1].start=60", 0,
	  "POST", "/v1/things/a/do/Paint",
	  "{\"part\":{\"level\":2,\"period\":[{\"start\":0},{\"start\":60}]}}" },
	{ "object as JSON", "do a Paint part={\"level\":2}", 0, "POST", "/v1/things/a/do/Paint",
	  "{\"part\":{\"level\":2}}" },
	{ "whole body", "do a Paint {\"size\":1,\"x\":[]} colour=red", 0, "POST",
	  "/v1/things/a/do/Paint", "{\"size\":1,\"x\":[],\"colour\":\"red\"}" },
	{ "standard input", "do a Paint -", 0, "POST", "/v1/things/a/do/Paint", "{\"in\":1}" },
	{ "unknown verb, guessed types", "do a Other n=1 t=x", 0, "POST", "/v1/things/a/do/Other",
	  "{\"n\":1,\"t\":\"x\"}" },
	{ "empty body", "do a Paint --timeout 5", 0, "POST", "/v1/things/a/do/Paint?timeout=5",
	  "{}" },
	{ "bad number", "do a Paint size=x", OCPPD_ERANGE, NULL, "size is a whole number", NULL },
	{ "bad truth", "do a Paint isHot=yes", OCPPD_ERANGE, NULL, "isHot is true or false", NULL },
	{ "twice", "do a Paint size=1 size=2", OCPPD_ERANGE, NULL, "size is given twice", NULL },
	{ "gap in a list", "do a Paint part.period[1].start=0", OCPPD_ERANGE, NULL,
	  "no path of members", NULL },
	{ "bad path", "do a Paint part..level=1", OCPPD_ERANGE, NULL, "no path of members", NULL },
	{ "broken JSON", "do a Paint {\"size\":", OCPPD_ERANGE, NULL, "no JSON object", NULL },
	{ "no assignment", "do a Paint size", OCPPD_EINVAL, NULL, "unexpected argument size",
	  NULL },
	{ "text of a file", "load a.csv", 0, "POST", "/v1/things.csv",
	  "{\"csv\":\"x=1,\\\"y\\\"\"}" },
	{ "text of standard input", "load -", 0, "POST", "/v1/things.csv",
	  "{\"csv\":\"{\\\"in\\\":1}\"}" },
	{ "text by name", "load csv=x", 0, "POST", "/v1/things.csv", "{\"csv\":\"x\"}" },
	{ "no such file", "load b.csv", OCPPD_ERANGE, NULL, "cannot read b.csv", NULL },
	{ "one text only", "load a.csv a.csv", OCPPD_EINVAL, NULL, "unexpected argument", NULL },
	{ "options end", "things show -- --x", 0, "GET", "/v1/things/--x", NULL },
};

static char *
input(const char *name)
{
	if (strcmp(name, "-") == 0)
		return str_dup("{\"in\":1}");
	return strcmp(name, "a.csv") == 0 ? str_dup("x=1,\"y\"") : NULL;
}

static size_t
words_split(char *line, char **ret_words, size_t max)
{
	size_t count = 0;

	while (*line != '\0' && count < max) {
		size_t len = strcspn(line, " ");

		ret_words[count++] = line;
		line += len;
		if (*line == ' ')
			*line++ = '\0';
	}
	return count;
}

static void
spec_load(struct spec *spec)
{
	struct json_object *root = json_tokener_parse(description);

	assert_non_null(root);
	assert_int_equal(spec_init(spec, root), 0);
	assert_int_equal(spec->count, 5);
}

static void
check_case(const struct spec *spec, const struct invoke_case *row)
{
	struct invocation invocation;
	struct ocppd_error err = { 0 };
	const struct command *command;
	char *words[16];
	char *line = str_dup(row->line);
	size_t used = 0;
	size_t count;
	int r;

	assert_non_null(line);
	count = words_split(line, words, 16);
	command = spec_match(spec, words, count, &used);
	assert_non_null(command);
	r = invocation_init(&invocation, spec, command, words + used, count - used, input, &err);
	if (r != row->result)
		fail_msg("%s: %d %s", row->label, r, err.text);
	if (r < 0) {
		if (strstr(err.text, row->path) == NULL)
			fail_msg("%s: %s", row->label, err.text);
		free(line);
		return;
	}
	assert_string_equal(invocation.method, row->method);
	assert_string_equal(invocation.path, row->path);
	if ((row->body == NULL) != (invocation.body == NULL) ||
	    (row->body != NULL && strcmp(row->body, invocation.body) != 0))
		fail_msg("%s: %s", row->label, invocation.body);
	invocation_fini(&invocation);
	free(line);
}

static void
invocation_arguments_become_request(void **state)
{
	struct spec spec;

	(void)state;
	spec_load(&spec);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_case(&spec, &cases[i]);
	spec_fini(&spec);
}

static void
spec_without_paths_refused(void **state)
{
	struct spec spec;

	(void)state;
	assert_int_equal(spec_init(&spec, json_tokener_parse("{\"a\":1}")), OCPPD_EINVAL);
	assert_int_equal(spec_init(&spec, NULL), OCPPD_EINVAL);
}

static void
help_command_shows_members(void **state)
{
	char *words[] = { NULL };
	char *do_word = str_dup("do");
	const struct command *command;
	struct buf out = { 0 };
	struct spec spec;
	size_t used = 0;

	(void)state;
	words[0] = do_word;
	spec_load(&spec);
	command = spec_match(&spec, words, 1, &used);
	help_command(&out, &spec, command, "Paint");
	assert_non_null(strstr(out.data, "usage: ocppctl do thingId Verb [name=value...]"));
	assert_non_null(strstr(out.data, "size  integer, required"));
	assert_non_null(strstr(out.data, "colour  string red|green"));
	assert_non_null(strstr(out.data, "    level  integer"));
	assert_non_null(strstr(out.data, "--timeout  integer"));
	buf_fini(&out);
	help_commands(&out, &spec);
	assert_non_null(strstr(out.data, "things show thingId"));
	buf_fini(&out);
	spec_fini(&spec);
	free(do_word);
}

struct complete_case {
	const char *line;
	const char *expected;
};

static const struct complete_case completions[] = {
	{ "th", "things\n" },
	{ "things sh", "show\n" },
	{ "do a P", "Paint\nPush\n" },
	{ "do a Paint si", "size=\n" },
	{ "do a Paint colour=", "colour=red\ncolour=green\n" },
	{ "do a Paint isHot=", "isHot=true\nisHot=false\n" },
	{ "things --l", "--limit\n" },
};

static void
complete_offers_what_fits(void **state)
{
	struct spec spec;

	(void)state;
	spec_load(&spec);
	for (size_t i = 0; i < sizeof(completions) / sizeof(completions[0]); i++) {
		char *line = str_dup(completions[i].line);
		struct buf out = { 0 };
		char *words[16];
		size_t count;

		assert_non_null(line);
		count = words_split(line, words, 16);
		complete(&out, &spec, NULL, words, count);
		assert_non_null(out.data);
		assert_string_equal(out.data, completions[i].expected);
		buf_fini(&out);
		free(line);
	}
	spec_fini(&spec);
}

/* ---- Tables -------------------------------------------------------------------------------- */

static const char items_text[] =
	"[{\"id\":\"CP-1\",\"meterStart\":5,\"on\":true,\"link\":{\"remote\":\"10.0.0.1:1\"},"
	"\"tags\":[\"a\",\"b\"]},"
	"{\"id\":\"a-rather-long-identity\",\"meterStart\":1200,\"on\":false,\"link\":null,"
	"\"evil\":\"\\u001b[31mred\\u0085\"}]";

static void
table_columns_aligned(void **state)
{
	struct json_object *items = json_tokener_parse(items_text);
	struct buf out = { 0 };

	(void)state;
	table_print(&out, items, "id,meterStart,on,link.remote,tags,evil", 0);
	assert_int_equal(out.error, 0);
	assert_string_equal(
		out.data,
		"ID                      METER START  ON   REMOTE      TAGS  EVIL\n"
		"CP-1                              5  yes  10.0.0.1:1  a,b   -\n"
		"a-rather-long-identity         1200  no   -           -     ?[31mred?\n");
	buf_fini(&out);
	(void)json_object_put(items);
}

static void
table_narrow_terminal_cuts_widest(void **state)
{
	struct json_object *items = json_tokener_parse(items_text);
	struct buf out = { 0 };

	(void)state;
	table_print(&out, items, "id,meterStart", 25);
	assert_string_equal(out.data, "ID            METER START\n"
				      "CP-1                    5\n"
				      "a-rather-lo…         1200\n");
	buf_fini(&out);
	(void)json_object_put(items);
}

static void
table_single_object_as_lines(void **state)
{
	struct json_object *items = json_tokener_parse(items_text);
	struct buf out = { 0 };

	(void)state;
	table_print_one(&out, json_object_array_get_idx(items, 0), "id,link.remote,none");
	assert_string_equal(out.data, "ID      CP-1\nREMOTE  10.0.0.1:1\nNONE    -\n");
	buf_fini(&out);
	(void)json_object_put(items);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invocation_arguments_become_request),
		cmocka_unit_test(spec_without_paths_refused),
		cmocka_unit_test(help_command_shows_members),
		cmocka_unit_test(complete_offers_what_fits),
		cmocka_unit_test(table_columns_aligned),
		cmocka_unit_test(table_narrow_terminal_cuts_widest),
		cmocka_unit_test(table_single_object_as_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
