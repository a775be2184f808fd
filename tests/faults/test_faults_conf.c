/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Want of memory while a configuration is read: refused as a whole, or as complete as ever.
 */
#include "faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/conf.h"
#include "runtime/options.h"

struct inner {
	const char *key;
	int64_t port;
};

struct outer {
	uint32_t flag;
	int64_t bytes;
	const char *name;
	const char *file;
	const char *address;
	const char *password;
	struct ocppd_strings words;
	struct inner tls;
	struct ocppd_sections listeners;
	const struct ocppd_node *rest;
};

static const struct ocppd_option inner_rows[] = {
	{ "key", OCPPD_CONF_STRING, 0, offsetof(struct inner, key), .doc = "Key." },
	{ "port", OCPPD_CONF_INT, 0, offsetof(struct inner, port), .min = 1, .max = 65535,
	  .def = "8180", .doc = "Port." },
};

#define AT(member) offsetof(struct outer, member)
#define INNER .item_size = sizeof(struct inner), .options = OCPPD_TABLE(inner_rows)

static const struct ocppd_option rows[] = {
	{ "flag", OCPPD_CONF_BOOL, 0, AT(flag), .def = "true", .doc = "Flag." },
	{ "bytes", OCPPD_CONF_SIZE, 0, AT(bytes), .def = "64KiB", .doc = "Bytes." },
	{ "name", OCPPD_CONF_STRING, 0, AT(name), .doc = "Name." },
	{ "file", OCPPD_CONF_PATH, 0, AT(file), .def = "data.db", .doc = "File." },
	{ "address", OCPPD_CONF_ADDRESS, 0, AT(address), .def = "::1", .doc = "Address." },
	{ "password", OCPPD_CONF_SECRET, 0, AT(password), .doc = "Secret." },
	{ "words", OCPPD_CONF_STRINGS, 0, AT(words), .def = "[one, two]", .doc = "Words." },
	{ "tls", OCPPD_CONF_SECTION, 0, AT(tls), INNER, .doc = "Section." },
	{ "listeners", OCPPD_CONF_SECTIONS, 0, AT(listeners), INNER, .doc = "List." },
	{ "rest", OCPPD_CONF_NODE, 0, AT(rest), .doc = "Anything." },
};
static const struct options table = { OCPPD_TABLE(rows) };

static const char good[] = "flag: no\nname: abc\naddress: \"[::1]\"\npassword: s3cret\n"
			   "tls: {key: k}\nlisteners:\n  - port: 1\n  - key: a\n"
			   "rest: {a: [1, {b: c}]}\n";
static const char flawed[] = "flag: maybe\nnmae: abc\nlisteners:\n  - port: 0\n  - prt: 1\n";
static const char broken[] = "flag: [no\nname: abc\n";

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
	int r = conf_parse("/etc/t.yaml", text, strlen(text), &filled->conf, &filled->problems);

	if (r < 0)
		return r;
	source.map = conf_root(filled->conf);
	source.place = source.map;
	r = options_fill(&table, sizeof(struct outer), &source, &filled->arena, &data,
			 &filled->problems);
	filled->data = data;
	return r;
}

static bool
run(const char *text, int expected, uint64_t at, bool is_lasting)
{
	struct filled filled = { 0 };
	struct buf lines = { 0 };
	bool has_failed;
	int r;

	faults_arm(at, is_lasting);
	r = fill(&filled, text);
	problems_format(&filled.problems, &lines);
	has_failed = faults_disarm();

	/* A want of memory may hide a fault, never make up one, nor let one pass. */
	if (!has_failed)
		assert_int_equal(r, expected);
	else
		assert_true(r == expected || r == OCPPD_ENOMEM);
	assert_int_equal(r < 0, problems_any(&filled.problems));
	if (r == 0) {
		const struct inner *listeners = filled.data->listeners.items;

		assert_string_equal(filled.data->name, "abc");
		assert_string_equal(filled.data->password, "s3cret");
		assert_int_equal(filled.data->words.count, 2);
		assert_string_equal(filled.data->words.items[1], "two");
		assert_int_equal(filled.data->listeners.count, 2);
		assert_string_equal(listeners[1].key, "a");
		assert_int_equal(listeners[1].port, 8180);
		assert_int_equal(ocppd_node_kind(filled.data->rest), OCPPD_NODE_MAP);
	}
	buf_fini(&lines);
	conf_unref(filled.conf);
	arena_fini(&filled.arena);
	problems_fini(&filled.problems);
	return has_failed;
}

static bool
run_good(uint64_t at, bool is_lasting)
{
	return run(good, 0, at, is_lasting);
}

static bool
run_flawed(uint64_t at, bool is_lasting)
{
	return run(flawed, OCPPD_EINVAL, at, is_lasting);
}

static bool
run_broken(uint64_t at, bool is_lasting)
{
	return run(broken, OCPPD_EINVAL, at, is_lasting);
}

static void
conf_no_memory_is_an_error(void **state)
{
	(void)state;
	faults_walk("good", run_good);
	faults_walk("flawed", run_flawed);
	faults_walk("broken", run_broken);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conf_no_memory_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
