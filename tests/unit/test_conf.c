/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* YAML to nodes: positions, what is refused and how it reads, merging of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "runtime/conf.h"

static struct conf *
parse(const char *text, struct problems *problems)
{
	struct conf *conf = NULL;

	(void)conf_parse("t.yaml", text, strlen(text), &conf, problems);
	return conf;
}

static void
conf_nodes_know_their_positions(void **state)
{
	struct problems problems = { 0 };
	struct conf *conf = parse("a: 1\nb:\n  - x\n  - {c: \"two\"}\nempty:\n", &problems);
	const struct ocppd_node *b;
	struct ocppd_error err;

	(void)state;
	assert_non_null(conf);
	assert_int_equal(ocppd_node_count(conf_root(conf)), 3);
	assert_string_equal(ocppd_node_key(conf_root(conf), 1), "b");
	b = ocppd_node_get(conf_root(conf), "b");
	assert_int_equal(ocppd_node_kind(b), OCPPD_NODE_LIST);
	assert_string_equal(ocppd_node_text(ocppd_node_at(b, 0)), "x");
	assert_string_equal(ocppd_node_text(ocppd_node_get(ocppd_node_at(b, 1), "c")), "two");
	assert_int_equal(ocppd_node_kind(ocppd_node_get(conf_root(conf), "empty")),
			 OCPPD_NODE_NONE);
	assert_int_equal(
		ocppd_node_error(ocppd_node_get(ocppd_node_at(b, 1), "c"), &err, -1, "no %d", 7),
		-1);
	assert_string_equal(err.file, "t.yaml");
	assert_int_equal(err.line, 4);
	assert_int_equal(err.column, 9);
	assert_string_equal(err.text, "no 7");
	conf_unref(conf);
}

static void
conf_null_node_says_nothing(void **state)
{
	(void)state;
	assert_int_equal(ocppd_node_kind(NULL), OCPPD_NODE_NONE);
	assert_int_equal(ocppd_node_count(NULL), 0);
	assert_null(ocppd_node_text(NULL));
	assert_null(ocppd_node_at(NULL, 0));
	assert_null(ocppd_node_key(NULL, 0));
	assert_null(ocppd_node_get(NULL, "a"));
}

/* A list in a list in a list: `depth` of them. */
static char *
nested(uint32_t depth)
{
	struct buf text = { 0 };
	uint32_t i;

	buf_add_str(&text, "a: ");
	for (i = 0; i < depth; i++)
		buf_add_char(&text, '[');
	for (i = 0; i < depth; i++)
		buf_add_char(&text, ']');
	return buf_steal(&text);
}

static void
conf_refusals_name_place_and_remedy(void **state)
{
	static const struct {
		const char *text;
		const char *line;
	} cases[] = {
		{ "a: [1, 2\nb: 3\n",
		  "t.yaml:2:2: not valid YAML: did not find expected ',' or ']', "
		  "while parsing a flow sequence that begins in line 1; a comma or a ] is missing" },
		{ "a: {b: 1\n",
		  "t.yaml:2:1: not valid YAML: did not find expected ',' or '}', "
		  "while parsing a flow mapping that begins in line 1; a comma or a } is missing" },
		{ "a:\n\tb: 2\n",
		  "t.yaml:2:1: not valid YAML: found character that cannot start any token, while "
		  "scanning for the next token that begins in line 2; indent with blanks, not with "
		  "a tab" },
		{ "a: @b\n",
		  "t.yaml:1:4: not valid YAML: found character that cannot start any token, while "
		  "scanning for the next token that begins in line 1; a text that begins with it "
		  "needs quotes" },
		{ "a:\n  b:1\n  c: 2\n",
		  "t.yaml:3:4: not valid YAML: mapping values are not allowed in this context; "
		  "check the indentation, and that a blank follows each colon, here and above" },
		{ "a:\n  b: 1\n c: 2\n",
		  "t.yaml:3:2: not valid YAML: did not find expected key, while parsing a block "
		  "mapping that begins in line 1; check the indentation, quotes and brackets here "
		  "and above" },
		{ "a:\n  - b\n  c: 1\n",
		  "t.yaml:3:3: not valid YAML: did not find expected '-' indicator, while parsing "
		  "a block collection that begins in line 2; what stands in the column of a list "
		  "begins with -" },
		{ "\xef\xbb\xbf"
		  "a: 1\na: 2\n",
		  "t.yaml:2:1: key \"a\" was given in line 1 already" },
		{ "a: 1\n\tb: 2\n",
		  "t.yaml:2:1: not valid YAML: found a tab character that violates "
		  "indentation, while scanning a plain scalar that begins in line 1; indent with "
		  "blanks, not with a tab" },
		{ "a: [::]\n",
		  "t.yaml:1:5: not valid YAML: did not find expected node content, while "
		  "parsing a flow node that begins in line 1; an IPv6 address needs "
		  "quotes, such as \"[::]\"" },
		{ "a: ::\n", "t.yaml:1:5: not valid YAML: mapping values are not allowed in this "
			     "context; an IPv6 address needs quotes, such as \"[::]\"" },
		{ "a: \"x\n", "t.yaml:2:1: not valid YAML: found unexpected end of stream, while "
			      "scanning a quoted scalar that begins in line 1; close the quotes" },
		{ "a: 1\nb: 2\na: 3\n", "t.yaml:3:1: key \"a\" was given in line 1 already" },
		{ "a: &x 1\n",
		  "t.yaml:1:4: anchors (\"&x\") are not supported; write the value out where it is "
		  "used" },
		{ "a: *x\n",
		  "t.yaml:1:4: aliases (\"*x\") are not supported; write the value out" },
		{ "a: !!str 1\n",
		  "t.yaml:1:4: tags (\"tag:yaml.org,2002:str\") are not supported; leave it out" },
		{ "a:\n  <<: {b: 1}\n",
		  "t.yaml:2:3: merge keys (\"<<\") are not supported; write the members out" },
		{ "a: 1\n---\nb: 2\n",
		  "t.yaml:2:1: a second document begins here (\"---\"); a file holds one" },
		{ "[a, b]: 1\n", "t.yaml:1:1: a key must be a text, not a list" },
		{ "? {a: 1}\n: 1\n", "t.yaml:1:3: a key must be a text, not a map" },
		{ "\"\": 1\n", "t.yaml:1:1: a key must not be empty" },
		{ "a: \"x\\0y\"\n", "t.yaml:1:4: a text must not hold the character NUL" },
		{ "- a\n", "t.yaml:1:1: expected a map (\"key: value\") at the top of the file" },
		{ "a: 1\nb: \xff\n",
		  "t.yaml:2:4: not valid YAML: invalid leading UTF-8 octet; save the "
		  "file as UTF-8" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct problems problems = { 0 };
		struct buf line = { 0 };

		assert_null(parse(cases[i].text, &problems));
		assert_int_equal(problems.count, 1);
		problems_format(&problems, &line);
		assert_string_equal(line.data, cases[i].line);
		buf_fini(&line);
		problems_fini(&problems);
	}
}

static void
conf_nesting_at_the_limit_passes_and_beyond_is_refused(void **state)
{
	struct problems problems = { 0 };
	char *text = nested(CONF_DEPTH_MAX - 1);
	struct conf *conf = parse(text, &problems);

	(void)state;
	assert_non_null(conf);
	conf_unref(conf);
	free(text);
	text = nested(CONF_DEPTH_MAX);
	assert_null(parse(text, &problems));
	assert_string_equal(problems.items[0].text, "nested deeper than 32 levels");
	free(text);
	problems_fini(&problems);
}

static void
conf_empty_text_is_an_empty_map(void **state)
{
	static const char *const texts[] = { "", "# nothing\n", "---\n", "~\n" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct problems problems = { 0 };
		struct conf *conf = parse(texts[i], &problems);

		assert_non_null(conf);
		assert_int_equal(ocppd_node_kind(conf_root(conf)), OCPPD_NODE_MAP);
		assert_int_equal(ocppd_node_count(conf_root(conf)), 0);
		conf_unref(conf);
	}
}

/* ---- Files ---------------------------------------------------------------------------------- */

struct folder {
	char path[64];
	char main[128];
	char vendor[128];
};

static void
put(const struct folder *folder, const char *name, const char *text)
{
	char path[192];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int
folder_make(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));
	char path[128];

	assert_non_null(folder);
	(void)snprintf(folder->path, sizeof(folder->path), "/tmp/ocppd-conf-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	(void)snprintf(folder->main, sizeof(folder->main), "%s/ocppd.yaml", folder->path);
	(void)snprintf(folder->vendor, sizeof(folder->vendor), "%s/vendor", folder->path);
	assert_int_equal(mkdir(folder->vendor, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/conf.d", folder->path);
	assert_int_equal(mkdir(path, 0755), 0);
	*state = folder;
	return 0;
}

static int
folder_remove(void **state)
{
	static const char *const names[] = {
		"ocppd.yaml",     "vendor/10-a.yaml", "vendor/20-b.yaml", "vendor/.hidden.yaml",
		"vendor/note.md", "conf.d/10-a.yaml", "conf.d/20-b.yaml", "conf.d/30-c.yaml",
		"vendor",         "conf.d",
	};
	struct folder *folder = *state;
	char path[192];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder->path, names[i]);
		if (unlink(path) < 0)
			(void)rmdir(path);
	}
	(void)rmdir(folder->path);
	free(folder);
	return 0;
}

static struct conf *
load(const struct folder *folder, struct problems *problems)
{
	struct conf_opts opts = { .path = folder->main, .vendor_dir = folder->vendor };
	struct conf *conf = NULL;

	(void)conf_load(&opts, &conf, problems);
	return conf;
}

static const struct ocppd_node *
plugin_node(const struct conf *conf, const char *name)
{
	return ocppd_node_get(ocppd_node_get(conf_root(conf), "plugins"), name);
}

static void
conf_files_merge_in_order_and_the_main_file_wins(void **state)
{
	const struct folder *folder = *state;
	struct problems problems = { 0 };
	const struct ocppd_node *port;
	struct conf *conf;

	put(folder, "vendor/10-a.yaml", "plugins: {a: {port: 1, host: x}}\n");
	put(folder, "vendor/20-b.yaml", "plugins: {b: {}}\nlog_level: debug\n");
	put(folder, "vendor/.hidden.yaml", "broken: [\n");
	put(folder, "vendor/note.md", "broken: [\n");
	put(folder, "conf.d/30-c.yaml", "plugins: {a: {port: 2}}\nlist: [1, 2]\n");
	put(folder, "ocppd.yaml",
	    "log_level: warn\nplugins:\n  a:\n    port: 3\n  b:\nlist: [3]\n");
	conf = load(folder, &problems);
	assert_non_null(conf);
	assert_string_equal(ocppd_node_text(ocppd_node_get(conf_root(conf), "log_level")), "warn");
	assert_int_equal(ocppd_node_count(ocppd_node_get(conf_root(conf), "list")), 1);
	port = ocppd_node_get(plugin_node(conf, "a"), "port");
	assert_string_equal(ocppd_node_text(port), "3");
	assert_string_equal(port->file, folder->main);
	assert_int_equal(port->line, 4);
	assert_string_equal(ocppd_node_text(ocppd_node_get(plugin_node(conf, "a"), "host")), "x");
	/* An empty value says nothing, so the snippet's map stays. */
	assert_int_equal(ocppd_node_kind(plugin_node(conf, "b")), OCPPD_NODE_MAP);
	conf_unref(conf);
}

static void
conf_own_snippet_replaces_or_masks_the_packaged_one(void **state)
{
	const struct folder *folder = *state;
	struct problems problems = { 0 };
	char path[192];
	struct conf *conf;

	put(folder, "vendor/10-a.yaml", "plugins: {a: {port: 1}}\n");
	put(folder, "vendor/20-b.yaml", "plugins: {b: {}}\n");
	put(folder, "conf.d/10-a.yaml", "plugins: {c: {}}\n");
	(void)snprintf(path, sizeof(path), "%s/conf.d/20-b.yaml", folder->path);
	assert_int_equal(symlink("/dev/null", path), 0);
	put(folder, "conf.d/30-c.yaml", "");
	put(folder, "ocppd.yaml", "");
	conf = load(folder, &problems);
	assert_non_null(conf);
	assert_null(plugin_node(conf, "a"));
	assert_null(plugin_node(conf, "b"));
	assert_non_null(plugin_node(conf, "c"));
	conf_unref(conf);
}

static void
conf_vendor_conf_false_leaves_the_packages_out(void **state)
{
	const struct folder *folder = *state;
	struct problems problems = { 0 };
	struct conf *conf;

	put(folder, "vendor/10-a.yaml", "plugins: {a: {}}\n");
	put(folder, "conf.d/30-c.yaml", "plugins: {c: {}}\n");
	put(folder, "ocppd.yaml", "vendor_conf: false\n");
	conf = load(folder, &problems);
	assert_non_null(conf);
	assert_null(plugin_node(conf, "a"));
	assert_non_null(plugin_node(conf, "c"));
	conf_unref(conf);
}

static void
conf_every_broken_file_is_told(void **state)
{
	const struct folder *folder = *state;
	struct problems problems = { 0 };
	struct buf text = { 0 };
	char expected[1024];

	put(folder, "vendor/10-a.yaml", "a: [\n");
	put(folder, "conf.d/30-c.yaml", "- x\n");
	assert_null(load(folder, &problems));
	problems_format(&problems, &text);
	(void)snprintf(
		expected, sizeof(expected),
		"%s: cannot be read: No such file or directory\n"
		"%s/10-a.yaml:2:1: not valid YAML: did not find expected node content, while "
		"parsing a flow node that begins in line 2; a value is missing, or a bracket left "
		"open\n"
		"%s/conf.d/30-c.yaml:1:1: expected a map (\"key: value\") at the top of the "
		"file",
		folder->main, folder->vendor, folder->path);
	assert_string_equal(text.data, expected);
	buf_fini(&text);
	problems_fini(&problems);
}

static void
conf_file_that_is_none_is_refused(void **state)
{
	struct ocppd_error err = { 0 };
	char *text = NULL;
	size_t len;

	(void)state;
	assert_int_equal(file_read("/", 10, &text, &len, &err), OCPPD_EIO);
	assert_string_equal(err.text, "is a folder, not a file");
	assert_int_equal(file_read("/dev/zero", 10, &text, &len, &err), OCPPD_EIO);
	assert_string_equal(err.text, "is not a regular file");
	assert_int_equal(file_read("/etc/passwd", 3, &text, &len, &err), OCPPD_ESPACE);
	assert_string_equal(err.text, "is larger than 3 bytes");
	assert_string_equal(err.file, "/etc/passwd");
}

static void
problems_beyond_the_cap_are_counted(void **state)
{
	struct problems problems = { 0 };
	struct buf text = { 0 };
	uint32_t i;

	(void)state;
	for (i = 0; i < PROBLEMS_MAX + 3; i++)
		(void)problems_addf(&problems, NULL, OCPPD_EINVAL, "number %u", i);
	assert_int_equal(problems.count, PROBLEMS_MAX);
	problems_format(&problems, &text);
	assert_non_null(strstr(text.data, "number 49\n3 more problems are not shown"));
	buf_fini(&text);
	problems_fini(&problems);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conf_nodes_know_their_positions),
		cmocka_unit_test(conf_null_node_says_nothing),
		cmocka_unit_test(conf_refusals_name_place_and_remedy),
		cmocka_unit_test(conf_nesting_at_the_limit_passes_and_beyond_is_refused),
		cmocka_unit_test(conf_empty_text_is_an_empty_map),
		cmocka_unit_test_setup_teardown(conf_files_merge_in_order_and_the_main_file_wins,
						folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(conf_own_snippet_replaces_or_masks_the_packaged_one,
						folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(conf_vendor_conf_false_leaves_the_packages_out,
						folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(conf_every_broken_file_is_told, folder_make,
						folder_remove),
		cmocka_unit_test(conf_file_that_is_none_is_refused),
		cmocka_unit_test(problems_beyond_the_cap_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
