/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Tables of options: each type, good and bad with its exact message, comparison, reference text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "runtime/conf.h"
#include "runtime/options.h"

struct inner {
	const char *key;
	int64_t port;
};

struct outer {
	uint32_t flag;
	uint32_t mode;
	int64_t count;
	int64_t bytes;
	int64_t wait_ms;
	int64_t interval_s;
	double ratio;
	const char *name;
	const char *file;
	const char *address;
	const char *password;
	struct ocppd_strings words;
	struct inner tls;
	struct ocppd_sections listeners;
	const struct ocppd_node *rest;
};

static const char *const modes[] = { "fast", "safe", NULL };

static const struct ocppd_option inner_rows[] = {
	{ "key", OCPPD_CONF_STRING, 0, offsetof(struct inner, key), .doc = "The key." },
	{ "port", OCPPD_CONF_INT, OCPPD_RELOADABLE, offsetof(struct inner, port), .min = 1,
	  .max = 65535, .def = "8180", .doc = "The port." },
};

#define AT(member) offsetof(struct outer, member)
#define INNER .item_size = sizeof(struct inner), .options = OCPPD_TABLE(inner_rows)

static const struct ocppd_option rows[] = {
	{ "flag", OCPPD_CONF_BOOL, OCPPD_RELOADABLE, AT(flag), .def = "true", .doc = "A flag." },
	{ "mode", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, AT(mode), .def = "safe", .one_of = modes,
	  .doc = "A mode." },
	{ "count", OCPPD_CONF_INT, 0, AT(count), .min = -5, .max = 10, .def = "3", .doc = "Some." },
	{ "bytes", OCPPD_CONF_SIZE, 0, AT(bytes), .min = 1024, .max = 1048576, .def = "64KiB",
	  .doc = "Bytes." },
	{ "wait", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(wait_ms), .min = 0, .max = 3600000,
	  .def = "250ms", .doc = "How long." },
	{ "interval", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, AT(interval_s), .min = 10,
	  .max = 86400, .def = "300s", .doc = "How often." },
	{ "ratio", OCPPD_CONF_DOUBLE, 0, AT(ratio), .min = 0, .max = 1, .def = "0.5",
	  .doc = "A part." },
	{ "name", OCPPD_CONF_STRING, 0, AT(name), .min = 2, .max = 5, .doc = "A name." },
	{ "file", OCPPD_CONF_PATH, 0, AT(file), .def = "data.db", .doc = "A file." },
	{ "address", OCPPD_CONF_ADDRESS, 0, AT(address), .def = "::1", .doc = "An address." },
	{ "password", OCPPD_CONF_SECRET, 0, AT(password), .doc = "A secret." },
	{ "words", OCPPD_CONF_STRINGS, 0, AT(words), .max = 2, .def = "[one, two]",
	  .doc = "Some words." },
	{ "tls", OCPPD_CONF_SECTION, 0, AT(tls), INNER, .doc = "TLS." },
	{ "listeners", OCPPD_CONF_SECTIONS, 0, AT(listeners), INNER, .max = 2,
	  .doc = "Listeners." },
	{ "rest", OCPPD_CONF_NODE, 0, AT(rest), .doc = "Anything." },
};
static const struct options table = { OCPPD_TABLE(rows) };

static const struct ocppd_option required_rows[] = {
	{ "must", OCPPD_CONF_STRING, OCPPD_OPTION_REQUIRED, 0, .doc = "Needed." },
};
static const struct options required_table = { OCPPD_TABLE(required_rows) };

struct filled {
	struct conf *conf;
	struct arena arena;
	struct problems problems;
	struct outer *data;
};

static int
fill(struct filled *filled, const char *text)
{
	struct options_source source = { .path = "p" };
	void *data = NULL;
	int r;

	*filled = (struct filled){ 0 };
	assert_int_equal(
		conf_parse("/etc/t.yaml", text, strlen(text), &filled->conf, &filled->problems), 0);
	source.map = conf_root(filled->conf);
	source.place = source.map;
	r = options_fill(&table, sizeof(struct outer), &source, &filled->arena, &data,
			 &filled->problems);
	filled->data = data;
	return r;
}

static void
filled_fini(struct filled *filled)
{
	conf_unref(filled->conf);
	arena_fini(&filled->arena);
	problems_fini(&filled->problems);
}

static void
options_absent_map_gives_defaults(void **state)
{
	struct filled f;

	(void)state;
	assert_int_equal(fill(&f, ""), 0);
	assert_int_equal(f.data->flag, 1);
	assert_int_equal(f.data->mode, 1);
	assert_int_equal(f.data->count, 3);
	assert_int_equal(f.data->bytes, 65536);
	assert_int_equal(f.data->wait_ms, 250);
	assert_int_equal(f.data->interval_s, 300);
	assert_true(f.data->ratio > 0.49 && f.data->ratio < 0.51);
	assert_null(f.data->name);
	assert_string_equal(f.data->file, "/etc/data.db");
	assert_string_equal(f.data->address, "::1");
	assert_null(f.data->password);
	assert_int_equal(f.data->words.count, 2);
	assert_string_equal(f.data->words.items[1], "two");
	assert_int_equal(f.data->tls.port, 8180);
	assert_int_equal(f.data->listeners.count, 0);
	assert_null(f.data->rest);
	filled_fini(&f);
}

static void
options_values_are_read(void **state)
{
	const struct inner *listener;
	struct filled f;

	(void)state;
	assert_int_equal(fill(&f, "flag: No\nmode: fast\ncount: -5\nbytes: 1 MiB\nwait: 5min\n"
				  "interval: 1d\nratio: 1\nname: äöü\nfile: /x/y\n"
				  "address: \"[2001:db8::1]\"\npassword: geheim\nwords: lone\n"
				  "tls: {key: k, port: 1}\n"
				  "listeners: [{port: 2}, {key: z}]\nrest: {any: [1]}\n"),
			 0);
	assert_int_equal(f.data->flag, 0);
	assert_int_equal(f.data->mode, 0);
	assert_int_equal(f.data->count, -5);
	assert_int_equal(f.data->bytes, 1048576);
	assert_int_equal(f.data->wait_ms, 300000);
	assert_int_equal(f.data->interval_s, 86400);
	assert_true(f.data->ratio > 0.99);
	assert_string_equal(f.data->name, "äöü");
	assert_string_equal(f.data->file, "/x/y");
	assert_string_equal(f.data->address, "2001:db8::1");
	assert_string_equal(f.data->password, "geheim");
	assert_int_equal(f.data->words.count, 1);
	assert_string_equal(f.data->words.items[0], "lone");
	assert_string_equal(f.data->tls.key, "k");
	assert_int_equal(f.data->listeners.count, 2);
	assert_int_equal(f.data->listeners.stride, sizeof(struct inner));
	listener = f.data->listeners.items;
	assert_int_equal(listener[0].port, 2);
	assert_int_equal(listener[1].port, 8180);
	assert_string_equal(listener[1].key, "z");
	assert_int_equal(ocppd_node_kind(f.data->rest), OCPPD_NODE_MAP);
	filled_fini(&f);
}

static void
options_bad_values_are_told_with_place_and_remedy(void **state)
{
	static const struct {
		const char *text;
		const char *line; /* behind the file's name */
	} cases[] = {
		{ "intervall: 5s",
		  "1:1: p: unknown key \"intervall\"; did you mean \"interval\"?" },
		{ "tls: {q: 1}", "1:7: p.tls: unknown key \"q\"; known are key, port" },
		{ "tls: {\"a\\nb\": 1}", "1:7: p.tls: unknown key \"a b\"; known are key, port" },
		{ "flag: 1", "1:7: p.flag: expected true or false, not \"1\"" },
		{ "flag: \"yes\"", "1:7: p.flag: expected true or false, not the text \"yes\"" },
		{ "mode: fsat",
		  "1:7: p.mode: expected one of fast, safe, not \"fsat\"; did you mean \"fast\"?" },
		{ "count: many", "1:8: p.count: expected a whole number, not \"many\"" },
		{ "count: \"7\"", "1:8: p.count: expected a whole number, not the text \"7\"" },
		{ "count: 11", "1:8: p.count: 11 is above the maximum 10" },
		{ "count: -6", "1:8: p.count: -6 is below the minimum -5" },
		{ "count: 99999999999999999999",
		  "1:8: p.count: 99999999999999999999 is too large" },
		{ "count: [1]", "1:8: p.count: expected a whole number, not a list" },
		{ "count:", "1:7: p.count: expected a whole number, but the value is empty" },
		{ "bytes: big",
		  "1:8: p.bytes: expected a size such as 4096, 64KiB or 1MiB, not \"big\"" },
		{ "bytes: 4 bits",
		  "1:8: p.bytes: \"bits\" is no unit here; known are TiB, GiB, MiB, "
		  "KiB, B, kB, MB, GB, TB" },
		{ "bytes: 2MiB", "1:8: p.bytes: 2MiB is above the maximum 1MiB" },
		{ "bytes: 9999999999TiB", "1:8: p.bytes: 9999999999TiB is too large" },
		{ "wait: 2h", "1:7: p.wait: 2h is above the maximum 1h" },
		{ "wait: soon",
		  "1:7: p.wait: expected a duration such as 250ms, 10s or 5min, not \"soon\"" },
		{ "interval: 5s", "1:11: p.interval: 5s is below the minimum 10s" },
		{ "interval: 300", "1:11: p.interval: 300 lacks a unit: write 300s or 300min" },
		{ "interval: 500ms",
		  "1:11: p.interval: \"ms\" is no unit here; known are d, h, min, s" },
		{ "ratio: 1.5", "1:8: p.ratio: 1.5 is above the maximum 1" },
		{ "ratio: half", "1:8: p.ratio: expected a number such as 0.5, not \"half\"" },
		{ "name: x", "1:7: p.name: too short with 1 characters; at least 2 are needed" },
		{ "name: abcdef",
		  "1:7: p.name: too long with 6 characters; at most 5 are allowed" },
		{ "name: {a: b}", "1:7: p.name: expected a text, not a map" },
		{ "file: \"\"", "1:7: p.file: expected a path, but the text is empty" },
		{ "address: localhost", "1:10: p.address: expected a numeric IPv4 or IPv6 address, "
					"not \"localhost\"" },
		{ "address: [a]", "1:10: p.address: expected a numeric IPv4 or IPv6 address, not a "
				  "list; put an address in brackets into quotes: \"[::]\"" },
		{ "password: [a]", "1:11: p.password: expected a secret: a text, or {file: PATH}" },
		{ "password: {file: /nonexistent/x}",
		  "1:11: p.password: file /nonexistent/x cannot be read: No such file or "
		  "directory" },
		{ "words: [a, b, c]", "1:8: p.words: has 3 entries; at most 2 are allowed" },
		{ "words: [a, [b]]", "1:12: p.words[1]: expected a text, not a list or a map" },
		{ "words: {a: b}", "1:8: p.words: expected a list of texts, not a map" },
		{ "tls: none", "1:6: p.tls: expected a map, not a text" },
		{ "tls: {port: 0}", "1:13: p.tls.port: 0 is below the minimum 1" },
		{ "listeners: {port: 1}", "1:12: p.listeners: expected a list of maps, not a map" },
		{ "listeners: [{port: 1}, {port: x}]",
		  "1:31: p.listeners[1].port: expected a whole number, not \"x\"" },
		{ "listeners: [a]", "1:13: p.listeners[0]: expected a map, not a text" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf text = { 0 };
		struct filled f;

		assert_int_equal(fill(&f, cases[i].text), OCPPD_EINVAL);
		assert_int_equal(f.problems.count, 1);
		problems_format(&f.problems, &text);
		assert_string_equal(text.data + strlen("/etc/t.yaml:"), cases[i].line);
		buf_fini(&text);
		filled_fini(&f);
	}
}

static void
options_all_problems_are_collected(void **state)
{
	struct filled f;

	(void)state;
	assert_int_equal(fill(&f, "flag: x\ncount: y\ntls: {port: z, odd: 1}\nzzz: 1\n"),
			 OCPPD_EINVAL);
	assert_int_equal(f.problems.count, 5);
	filled_fini(&f);
}

static void
options_required_one_is_missed(void **state)
{
	struct ocppd_node at = { .file = "f.yaml", .line = 3, .column = 5 };
	struct options_source source = { .place = &at, .path = "plugins.x" };
	struct problems problems = { 0 };
	struct arena arena = { 0 };
	struct buf text = { 0 };
	void *data = NULL;

	(void)state;
	assert_int_equal(options_fill(&required_table, 8, &source, &arena, &data, &problems),
			 OCPPD_EINVAL);
	problems_format(&problems, &text);
	assert_string_equal(text.data, "f.yaml:3:5: plugins.x.must: is required: a text");
	assert_null(data);
	buf_fini(&text);
	problems_fini(&problems);
	arena_fini(&arena);
}

static void
options_secret_comes_from_a_file_beside_the_configuration(void **state)
{
	static const struct {
		const char *content;
		size_t len;
		const char *secret; /* NULL: refused */
		const char *why;
	} cases[] = {
		{ "geheim\n", 7, "geheim", NULL },
		{ "two\nlines\r\n", 11, "two\nlines", NULL },
		{ "", 0, NULL, "is empty" },
		{ "\n", 1, NULL, "is empty" },
		{ "a\0b", 3, NULL, "holds the character NUL" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[] = "/tmp/ocppd-secret-XXXXXX";
		char yaml[128];
		struct filled f;
		int fd = mkstemp(path);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, cases[i].content, cases[i].len), (ssize_t)cases[i].len);
		close(fd);
		(void)snprintf(yaml, sizeof(yaml), "password: {file: ..%s}", path);
		if (cases[i].secret != NULL) {
			assert_int_equal(fill(&f, yaml), 0);
			assert_string_equal(f.data->password, cases[i].secret);
		} else {
			assert_int_equal(fill(&f, yaml), OCPPD_EINVAL);
			assert_non_null(strstr(f.problems.items[0].text, cases[i].why));
		}
		filled_fini(&f);
		(void)unlink(path);
	}
}

/* ---- Comparison ----------------------------------------------------------------------------- */

static void
note_change(const char *path, const struct ocppd_option *option, bool is_reloadable, void *arg)
{
	(void)option;
	buf_printf(arg, "%s%s ", path, is_reloadable ? "" : "!");
}

static void
options_diff_names_what_changed(void **state)
{
	struct buf changes = { 0 };
	struct filled a;
	struct filled b;

	(void)state;
	assert_int_equal(fill(&a, "name: abc\nrest: {x: 1}\nlisteners: [{port: 1}]\n"), 0);
	assert_int_equal(fill(&b, "flag: false\nname: abd\nwords: [one]\ntls: {key: k, port: 9}\n"
				  "rest: {x: 2}\nlisteners: [{port: 2}]\n"),
			 0);
	assert_int_equal(options_diff(&table, a.data, a.data, NULL, NULL), 0);
	assert_int_equal(options_diff(&table, a.data, b.data, note_change, &changes), 7);
	assert_string_equal(changes.data, "flag name! words! tls.key! tls.port listeners! rest! ");

	options_keep(&table, a.data, b.data);
	assert_int_equal(b.data->flag, 0);
	assert_string_equal(b.data->name, "abc");
	assert_null(b.data->tls.key);
	assert_int_equal(b.data->tls.port, 9);
	buf_clear(&changes);
	assert_int_equal(options_diff(&table, a.data, b.data, note_change, &changes), 2);
	assert_string_equal(changes.data, "flag tls.port ");
	buf_fini(&changes);
	filled_fini(&a);
	filled_fini(&b);
}

static void
options_finding_of_check_gets_its_place(void **state)
{
	static const struct {
		const char *option;
		uint32_t line;
		uint32_t column;
		const char *text;
	} cases[] = {
		{ "tls.port", 2, 9, "p.tls.port: is odd" },
		{ "tls.key", 2, 3, "p.tls.key: is odd" }, /* absent: its map */
		{ "listeners[1].port", 5, 11, "p.listeners[1].port: is odd" },
		{ "", 1, 1, "p: is odd" },
	};
	struct options_source source = { .path = "p" };
	struct filled f;
	size_t i;

	(void)state;
	assert_int_equal(fill(&f, "tls:\n  port: 7\nlisteners:\n  - port: 1\n  - port: 2\n"), 0);
	source.map = conf_root(f.conf);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ocppd_error err;

		(void)ocppd_error_option(&err, OCPPD_EINVAL, cases[i].option, "is odd");
		options_locate(&source, &err);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.line, cases[i].line);
		assert_int_equal(err.column, cases[i].column);
	}
	filled_fini(&f);
}

/* ---- Reference ------------------------------------------------------------------------------ */

static void
options_reference_shows_every_option(void **state)
{
	struct buf text = { 0 };
	uint32_t i;

	(void)state;
	options_print(&table, 2, &text);
	for (i = 0; i < table.rows.count; i++) {
		char key[64];

		(void)snprintf(key, sizeof(key), "\n  #%s:", table.rows.items[i].name);
		if (strstr(text.data, key) == NULL && i > 0)
			fail_msg("%s is missing", key);
	}
	assert_non_null(strstr(text.data,
			       "  # How often.\n"
			       "  # A duration such as 10s, 5min or 2h, 10s to 1d. Default "
			       "300s. Applies on reload.\n"
			       "  #interval: 300s\n"));
	assert_non_null(strstr(text.data, "  #tls:\n  #  # The key.\n"));
	assert_non_null(strstr(text.data, "  #  key: TEXT\n"));
	assert_non_null(strstr(text.data, "  #address: \"::1\"\n"));
	buf_fini(&text);
}

/* Uncommented, the reference is a configuration that says what the defaults say. */
static void
options_reference_uncommented_is_valid(void **state)
{
	static const struct ocppd_option good_rows[] = {
		{ "flag", OCPPD_CONF_BOOL, 0, AT(flag), .def = "true", .doc = "A flag." },
		{ "count", OCPPD_CONF_INT, 0, AT(count), .min = -5, .max = 10, .def = "-3",
		  .doc = "Some." },
		{ "address", OCPPD_CONF_ADDRESS, 0, AT(address), .def = "::1", .doc = "Where." },
		{ "words", OCPPD_CONF_STRINGS, 0, AT(words), .def = "[one]", .doc = "Some words." },
		{ "listeners", OCPPD_CONF_SECTIONS, 0, AT(listeners), INNER, .doc = "Listeners." },
	};
	static const struct options good = { OCPPD_TABLE(good_rows) };
	struct options_source source = { .path = "" };
	struct problems problems = { 0 };
	struct arena arena = { 0 };
	struct conf *conf = NULL;
	struct buf text = { 0 };
	void *data = NULL;
	size_t i;

	(void)state;
	options_print(&good, 0, &text);
	/* The first `#` of a line goes where no blank follows it, or at least two. */
	for (i = 0; i < text.len; i++) {
		if ((i == 0 || text.data[i - 1] == '\n') &&
		    (text.data[i + 1] != ' ' || text.data[i + 2] == ' '))
			text.data[i] = ' ';
	}
	assert_int_equal(conf_parse("r.yaml", text.data, text.len, &conf, &problems), 0);
	source.map = conf_root(conf);
	assert_int_equal(
		options_fill(&good, sizeof(struct outer), &source, &arena, &data, &problems), 0);
	conf_unref(conf);
	arena_fini(&arena);
	buf_fini(&text);
}

struct secure {
	struct ocppd_strings files;
};

struct host {
	struct secure tls;
};

static const struct ocppd_option secure_rows[] = {
	{ "files", OCPPD_CONF_PATHS, OCPPD_OPTION_REQUIRED, offsetof(struct secure, files),
	  .min = 1, .max = 2, .doc = "Files." },
};
static const struct ocppd_option host_rows[] = {
	{ "tls", OCPPD_CONF_SECTION, OCPPD_OPTION_OPTIONAL, offsetof(struct host, tls),
	  sizeof(struct secure), .options = OCPPD_TABLE(secure_rows), .doc = "TLS." },
};
static const struct options host_table = { OCPPD_TABLE(host_rows) };

static void
options_section_left_out_requires_nothing_and_paths_are_resolved(void **state)
{
	static const struct {
		const char *text;
		uint32_t count;
		const char *last;  /* path */
		const char *wrong; /* all that is told */
	} cases[] = {
		{ "a: 1", 0, NULL, NULL },
		{ "tls: {}", 0, NULL, "/etc/t.yaml:1:6: tls.files: is required: a list of paths" },
		{ "tls:", 0, NULL, "/etc/t.yaml:1:5: tls.files: is required: a list of paths" },
		{ "tls: {files: a.pem}", 1, "/etc/a.pem", NULL },
		{ "tls: {files: [a.pem, /b.pem]}", 2, "/b.pem", NULL },
		{ "tls: {files: [\"\"]}", 0, NULL,
		  "/etc/t.yaml:1:15: tls.files[0]: expected a path, but the text is empty" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options_source source = { .path = "" };
		struct problems problems = { 0 };
		struct arena arena = { 0 };
		struct conf *conf = NULL;
		struct buf text = { 0 };
		void *data = NULL;

		assert_int_equal(conf_parse("/etc/t.yaml", cases[i].text, strlen(cases[i].text),
					    &conf, &problems),
				 0);
		/* The first case is a map that says nothing of it. */
		source.map = i == 0 ? NULL : conf_root(conf);
		int r = options_fill(&host_table, sizeof(struct host), &source, &arena, &data,
				     &problems);
		problems_format(&problems, &text);
		if (cases[i].wrong) {
			assert_int_equal(r, OCPPD_EINVAL);
			assert_string_equal(text.data, cases[i].wrong);
		} else {
			const struct host *host = data;

			assert_int_equal(r, 0);
			assert_int_equal(host->tls.files.count, cases[i].count);
			if (cases[i].last)
				assert_string_equal(host->tls.files.items[cases[i].count - 1],
						    cases[i].last);
		}
		buf_fini(&text);
		problems_fini(&problems);
		conf_unref(conf);
		arena_fini(&arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_section_left_out_requires_nothing_and_paths_are_resolved),
		cmocka_unit_test(options_absent_map_gives_defaults),
		cmocka_unit_test(options_values_are_read),
		cmocka_unit_test(options_bad_values_are_told_with_place_and_remedy),
		cmocka_unit_test(options_all_problems_are_collected),
		cmocka_unit_test(options_required_one_is_missed),
		cmocka_unit_test(options_secret_comes_from_a_file_beside_the_configuration),
		cmocka_unit_test(options_diff_names_what_changed),
		cmocka_unit_test(options_finding_of_check_gets_its_place),
		cmocka_unit_test(options_reference_shows_every_option),
		cmocka_unit_test(options_reference_uncommented_is_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
