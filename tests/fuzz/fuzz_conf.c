/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Configuration files: a tree within its bounds or a list of problems with places inside the text;
 * then options of every type, in their ranges, or problems.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/text.h"
#include "runtime/conf.h"
#include "runtime/options.h"

#define NAME "/etc/ocppd/ocppd.yaml"

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
	{ "key", OCPPD_CONF_STRING, 0, offsetof(struct inner, key), .doc = "Key." },
	{ "port", OCPPD_CONF_INT, 0, offsetof(struct inner, port), .min = 1, .max = 65535,
	  .def = "8180", .doc = "Port." },
};

#define AT(member) offsetof(struct outer, member)
#define INNER .item_size = sizeof(struct inner), .options = OCPPD_TABLE(inner_rows)

static const struct ocppd_option rows[] = {
	{ "flag", OCPPD_CONF_BOOL, 0, AT(flag), .def = "true", .doc = "Flag." },
	{ "mode", OCPPD_CONF_ENUM, 0, AT(mode), .def = "safe", .one_of = modes, .doc = "Mode." },
	{ "count", OCPPD_CONF_INT, 0, AT(count), .min = -5, .max = 10, .doc = "Count." },
	{ "bytes", OCPPD_CONF_SIZE, 0, AT(bytes), .min = 1024, .max = 1048576, .def = "64KiB",
	  .doc = "Bytes." },
	{ "wait", OCPPD_CONF_DURATION_MS, 0, AT(wait_ms), .doc = "Wait." },
	{ "interval", OCPPD_CONF_DURATION_S, 0, AT(interval_s), .min = 10, .max = 86400,
	  .def = "300s", .doc = "Interval." },
	{ "ratio", OCPPD_CONF_DOUBLE, 0, AT(ratio), .min = 0, .max = 1, .doc = "Ratio." },
	{ "name", OCPPD_CONF_STRING, 0, AT(name), .min = 2, .max = 5, .doc = "Name." },
	{ "file", OCPPD_CONF_PATH, 0, AT(file), .doc = "File." },
	{ "address", OCPPD_CONF_ADDRESS, 0, AT(address), .def = "::1", .doc = "Address." },
	{ "password", OCPPD_CONF_SECRET, 0, AT(password), .doc = "Secret." },
	{ "words", OCPPD_CONF_STRINGS, 0, AT(words), .max = 2, .def = "[one, two]",
	  .doc = "Words." },
	{ "tls", OCPPD_CONF_SECTION, 0, AT(tls), INNER, .doc = "Section." },
	{ "listeners", OCPPD_CONF_SECTIONS, 0, AT(listeners), INNER, .max = 2, .doc = "List." },
	{ "rest", OCPPD_CONF_NODE, 0, AT(rest), .doc = "Anything." },
};
static const struct options table = { OCPPD_TABLE(rows) };

static void
check_text(const char *text)
{
	OCPPD_ASSERT(text == NULL || utf8_valid(text, strlen(text)));
}

static void
check_node(const struct ocppd_node *node, uint32_t depth, uint32_t line_count)
{
	uint32_t kind = ocppd_node_kind(node);

	OCPPD_ASSERT(depth <= CONF_DEPTH_MAX && kind <= OCPPD_NODE_MAP);
	OCPPD_ASSERT(node->line <= line_count && str_eq(node->file, NAME));
	OCPPD_ASSERT((ocppd_node_text(node) != NULL) == (kind == OCPPD_NODE_TEXT));
	check_text(ocppd_node_text(node));
	for (uint32_t i = 0; i < ocppd_node_count(node); i++) {
		const char *key = ocppd_node_key(node, i);

		OCPPD_ASSERT((key != NULL) == (kind == OCPPD_NODE_MAP));
		check_text(key);
		OCPPD_ASSERT(key == NULL || ocppd_node_get(node, key) == ocppd_node_at(node, i));
		check_node(ocppd_node_at(node, i), depth + 1, line_count);
	}
	OCPPD_ASSERT(ocppd_node_at(node, ocppd_node_count(node)) == NULL);
}

static void
check_problems(const struct problems *problems, uint32_t line_count)
{
	struct buf buf = { 0 };

	OCPPD_ASSERT(problems->count <= PROBLEMS_MAX);
	for (uint32_t i = 0; i < problems->count; i++) {
		const struct ocppd_error *err = &problems->items[i];

		OCPPD_ASSERT(err->code < 0 && err->text[0] != '\0');
		OCPPD_ASSERT(err->line <= line_count && strchr(err->text, '\n') == NULL);
		check_text(err->text);
	}
	problems_format(problems, &buf);
	OCPPD_ASSERT(buf.error == 0);
	buf_fini(&buf);
}

static void
check_inner(const struct inner *inner)
{
	OCPPD_ASSERT(inner->port >= 1 && inner->port <= 65535);
	check_text(inner->key);
}

static void
check_options(const struct outer *outer)
{
	const struct inner *items = outer->listeners.items;

	OCPPD_ASSERT(outer->flag <= 1 && outer->mode <= 1);
	OCPPD_ASSERT(outer->count >= -5 && outer->count <= 10);
	OCPPD_ASSERT(outer->bytes >= 1024 && outer->bytes <= 1048576);
	OCPPD_ASSERT(outer->wait_ms >= 0);
	OCPPD_ASSERT(outer->interval_s >= 10 && outer->interval_s <= 86400);
	OCPPD_ASSERT(outer->ratio >= 0 && outer->ratio <= 1);
	OCPPD_ASSERT(outer->name == NULL ||
		     (utf8_count(outer->name) >= 2 && utf8_count(outer->name) <= 5));
	OCPPD_ASSERT(outer->file == NULL || outer->file[0] == '/');
	OCPPD_ASSERT(outer->address != NULL && outer->words.count <= 2);
	check_text(outer->password);
	for (uint32_t i = 0; i < outer->words.count; i++)
		check_text(outer->words.items[i]);
	check_inner(&outer->tls);
	OCPPD_ASSERT(outer->listeners.count <= 2);
	for (uint32_t i = 0; i < outer->listeners.count; i++)
		check_inner(&items[i]);
}

static void
check_fill(const struct conf *conf, uint32_t line_count)
{
	const struct ocppd_node *root = conf_root(conf);
	struct options_source source = { .map = root, .place = root, .path = "" };
	struct problems problems = { 0 };
	struct arena arena = { 0 };
	void *data = NULL;
	int r;

	check_node(root, 0, line_count);
	if (ocppd_node_kind(ocppd_node_get(root, "password")) == OCPPD_NODE_MAP)
		return; /* would open a file that the input names */
	r = options_fill(&table, sizeof(struct outer), &source, &arena, &data, &problems);
	OCPPD_ASSERT((r == 0) == !problems_any(&problems));
	OCPPD_ASSERT(r == 0 || r == OCPPD_EINVAL);
	check_problems(&problems, line_count);
	if (r == 0) {
		check_options(data);
		OCPPD_ASSERT(options_diff(&table, data, data, NULL, NULL) == 0);
	}
	problems_fini(&problems);
	arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems problems = { 0 };
	struct conf *conf = NULL;
	char *text = fuzz_text(data, size);
	/* A carriage return, or U+0085, U+2028 and U+2029, also end a line of YAML. */
	uint32_t line_count = (uint32_t)size + 1;
	int r = conf_parse(NAME, text, size, &conf, &problems);

	OCPPD_ASSERT((r == 0) == (conf != NULL) && (r == 0) == !problems_any(&problems));
	check_problems(&problems, line_count);
	if (r == 0)
		check_fill(conf, line_count);
	conf_unref(conf);
	problems_fini(&problems);
	free(text);
	return 0;
}
